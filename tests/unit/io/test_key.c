/* Key files and their access, digests and ciphers against published vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "io/key.h"
#include "support/support.h"
#include "support/sweep.h"

#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static char folder[TEMP_DIR_SIZE_MAX];

static const char *
path_of(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void
put(const char *name, const char *bytes, size_t size, mode_t mode)
{
    assert_true(support_write_file(path_of(name), bytes, size));
    assert_int_equal(chmod(path_of(name), mode), 0);
}

static enum error_code
code_of(const char *reference)
{
    struct error err = ERROR_EMPTY;
    struct key   key = { { 0 } };
    if (key_read(io_system(), str_from(reference), folder, &key, &err) == ST_OK)
        assert_int_equal(key.bytes[31], 31);
    /* Never a byte of the key. */
    assert_null(strstr(err.message, "0405060708"));
    assert_null(strstr(err.hint, "0405060708"));
    return err.code;
}

static void
test_read(void **state)
{
    (void)state;
    char raw[KEY_SIZE];
    for (int i = 0; i < KEY_SIZE; i++)
        raw[i] = (char)i;
    put("hex", HEX "\n", 65, 0600);
    put("raw", raw, sizeof raw, 0400);
    put("open", HEX, 64, 0640);
    put("short", HEX, 62, 0600);
    put("long", HEX HEX, 128, 0600);
    put("empty", "", 0, 0600);
    assert_int_equal(code_of("file:hex"), ERR_NONE);
    assert_int_equal(code_of("file:raw"), ERR_NONE);
    assert_int_equal(code_of("file:open"), ERR_KEY);
    assert_int_equal(code_of("file:short"), ERR_KEY);
    assert_int_equal(code_of("file:long"), ERR_KEY);
    assert_int_equal(code_of("file:empty"), ERR_KEY);
    assert_int_equal(code_of("file:absent"), ERR_KEY);
    assert_int_equal(code_of("file:."), ERR_KEY);
    assert_int_equal(code_of("env:HEDDLE_TEST_ABSENT"), ERR_KEY);
    assert_int_equal(code_of(HEX), ERR_CONFIG);
    assert_int_equal(code_of("file:"), ERR_CONFIG);
    setenv("HEDDLE_TEST_KEY", HEX, 1);
    assert_int_equal(code_of("env:HEDDLE_TEST_KEY"), ERR_NONE);
}

static enum status
create_and_read(struct io *io, void *context, struct error *err)
{
    struct key key;
    struct key again;
    (void)context;
    enum status status = key_create(io, path_of("new"), &key, err);
    if (status == ST_OK)
        status = key_read(io, STR("file:new"), folder, &again, err);
    if (status == ST_OK)
        assert_memory_equal(key.bytes, again.bytes, KEY_SIZE);
    unlink(path_of("new"));
    return status;
}

static void
test_create(void **state)
{
    (void)state;
    struct key  key;
    struct stat info;
    sweep_run(create_and_read, NULL);
    assert_int_equal(key_create(io_system(), path_of("made"), &key, NULL), ST_OK);
    assert_int_equal(stat(path_of("made"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(key_create(io_system(), path_of("made"), &key, NULL), ST_ERROR);
}

/* Before each call that may be the last one of a process. */
static ssize_t
write_unseen(struct io *io, int fd, const void *bytes, size_t size)
{
    (void)io;
    assert_int_equal(access(path_of("whole"), F_OK), -1);
    return io_system()->write(io_system(), fd, bytes, size / 2 + 1);
}

static int
sync_unseen(struct io *io, int fd)
{
    (void)io;
    struct stat named = { 0 }, opened = { 0 };
    assert_int_equal(fstat(fd, &opened), 0);
    assert_true(S_ISDIR(opened.st_mode) || stat(path_of("whole"), &named) == -1);
    return io_system()->sync(io_system(), fd);
}

/* A start that was killed while it wrote its key left half of one, which all further starts refused. */
static void
test_create_whole(void **state)
{
    (void)state;
    struct key made, read;
    struct io  io = *io_system();
    io.write = write_unseen;
    io.sync  = sync_unseen;
    assert_int_equal(key_create(&io, path_of("whole"), &made, NULL), ST_OK);
    assert_int_equal(key_read(io_system(), STR("file:whole"), folder, &read, NULL), ST_OK);
    assert_memory_equal(made.bytes, read.bytes, KEY_SIZE);
}

static void
test_obtain(void **state)
{
    (void)state;
    struct key made, read;
    bool       is_new = false;
    assert_int_equal(key_obtain(io_system(), STR("file:first"), folder, &made, &is_new, NULL), ST_OK);
    assert_true(is_new);
    assert_int_equal(key_obtain(io_system(), STR("file:first"), folder, &read, &is_new, NULL), ST_OK);
    assert_false(is_new);
    assert_memory_equal(made.bytes, read.bytes, KEY_SIZE);
    struct error err = ERROR_EMPTY;
    assert_int_equal(key_obtain(io_system(), STR("env:HEDDLE_NO_SUCH_KEY"), folder, &read, &is_new, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_KEY);
    assert_int_equal(key_obtain(io_system(), STR("file:none/first"), folder, &read, &is_new, &err), ST_ERROR);
}

static void
assert_hex(const uint8_t *bytes, size_t size, const char *expected)
{
    char hex[129];
    hex_encode(bytes, size, hex);
    assert_string_equal(hex, expected);
}

/* FIPS 180-4's "abc"; RFC 4231 test case 2. */
static void
test_digests(void **state)
{
    (void)state;
    static const char     ABC[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    uint8_t               out[SHA256_SIZE];
    struct sha256_stream *stream = sha256_begin();
    assert_int_equal(sha256("abc", 3, out, NULL), ST_OK);
    assert_hex(out, sizeof out, ABC);
    assert_int_equal(sha256_add(stream, "a", 1, NULL), ST_OK);
    assert_int_equal(sha256_add(stream, "bc", 2, NULL), ST_OK);
    assert_int_equal(sha256_end(stream, out, NULL), ST_OK);
    assert_hex(out, sizeof out, ABC);
    assert_int_equal(hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out, NULL), ST_OK);
    assert_hex(out, sizeof out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void
seal_parts(const struct key *key, const uint8_t *nonce, struct str extra, const struct str *parts, size_t part_count, uint8_t *out, uint8_t *tag)
{
    struct sealing *sealing = sealing_begin(key, nonce, extra, NULL);
    assert_non_null(sealing);
    for (size_t i = 0; i < part_count; out += parts[i++].size)
        assert_int_equal(sealing_add(sealing, parts[i], out, NULL), ST_OK);
    assert_int_equal(sealing_end(sealing, tag, NULL), ST_OK);
}

/* McGrew and Viega, "The Galois/Counter Mode of Operation", test case 14; then a tampered text of ours. */
static void
test_seal(void **state)
{
    (void)state;
    struct key key                      = { { 0 } };
    uint8_t    nonce[SEAL_NONCE_SIZE]   = { 0 };
    uint8_t    tag[SEAL_TAG_SIZE];
    uint8_t    sealed[32];
    uint8_t    clear[32];
    const char zeros[16] = { 0 };
    seal_parts(&key, nonce, STR_EMPTY, (struct str[]){ str_of(zeros, 5), STR_EMPTY, str_of(zeros, 11) }, 3, sealed, tag);
    assert_hex(sealed, 16, "cea7403d4d606b6e074ec5d3baf39d18");
    assert_hex(tag, 16, "d0d1c8a799996bf0265b98b5d48ab919");
    seal_parts(&key, nonce, STR("extra"), (struct str[]){ STR("a secret text") }, 1, sealed, tag);
    struct str bytes = str_of((const char *)sealed, 13);
    assert_int_equal(unseal(&key, nonce, STR("extra"), bytes, tag, clear, NULL), ST_OK);
    assert_memory_equal(clear, "a secret text", 13);
    assert_int_equal(unseal(&key, nonce, STR("other"), bytes, tag, clear, NULL), ST_ERROR);
    assert_int_equal(clear[0], 0);
    struct error err;
    sealed[3] ^= 1;
    assert_int_equal(unseal(&key, nonce, STR("extra"), bytes, tag, clear, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_CORRUPT);
}

static int
set_up(void **state)
{
    (void)state;
    temp_dir_init(folder);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    temp_dir_release(folder);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_create_whole),
        cmocka_unit_test(test_obtain),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_seal),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
