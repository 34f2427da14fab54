/* Plain, gzip and zstd; several members; every truncation; damage; failing calls and allocations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/random.h"
#include "io/decompress.h"
#include "io/file.h"
#include "support/support.h"
#include "support/sweep.h"

#define TEXT_SIZE 3000

static char path[512];
static char text[TEXT_SIZE];

static size_t
gzip_of(const void *bytes, size_t size, unsigned char *out, size_t room)
{
    z_stream stream = { 0 };
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in   = (Bytef *)(uintptr_t)bytes;
    stream.avail_in  = (uInt)size;
    stream.next_out  = out;
    stream.avail_out = (uInt)room;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t written = stream.total_out;
    deflateEnd(&stream);
    return written;
}

static void
put(const void *bytes, size_t size)
{
    assert_true(support_write_file(path, bytes, size));
}

/* Reads all in pieces; *ret_size is what came before the end or the error. */
static enum status
take(struct io *io, size_t piece, char *out, size_t *ret_size, struct error *err)
{
    struct decompress *decompress = NULL;
    enum status        status     = decompress_open(io, path, &decompress, err);
    *ret_size                     = 0;
    while (status == ST_OK) {
        size_t got;
        status = decompress_read(decompress, out + *ret_size, piece, &got, err);
        if (status == ST_OK && got == 0)
            break;
        if (status == ST_OK)
            *ret_size += got;
        assert_int_equal(decompress_position(decompress), *ret_size);
    }
    decompress_free(decompress);
    return status;
}

static void
expect_text(size_t copies)
{
    static char out[3 * TEXT_SIZE + 4096];
    size_t      size;
    for (size_t piece = 1; piece <= 4096; piece *= 8) {
        assert_int_equal(take(io_system(), piece, out, &size, NULL), ST_OK);
        assert_int_equal(size, copies * TEXT_SIZE);
        for (size_t i = 0; i < copies; i++)
            assert_memory_equal(out + i * TEXT_SIZE, text, TEXT_SIZE);
    }
}

static enum status
scenario(struct io *io, void *context, struct error *err)
{
    static char out[3 * TEXT_SIZE + 4096];
    size_t      size;
    (void)context;
    return take(io, 4096, out, &size, err);
}

/* What is cut off anywhere gives the start of the text, then ERR_CORRUPT there. */
static void
expect_truncations(const unsigned char *bytes, size_t size)
{
    static char out[TEXT_SIZE + 4096];
    for (size_t cut = 5; cut < size; cut += 7) {
        struct error err = ERROR_EMPTY;
        size_t       got;
        put(bytes, cut);
        assert_int_equal(take(io_system(), 1000, out, &got, &err), ST_ERROR);
        assert_int_equal(err.code, ERR_CORRUPT);
        assert_true(err.has_offset);
        assert_int_equal(err.offset, got);
        assert_memory_equal(out, text, got);
    }
}

static void
survive_damage(unsigned char *bytes, size_t size)
{
    static char   out[1 << 20];
    struct random random;
    random_init(&random, 5);
    for (int round = 0; round < 300; round++) {
        size_t             at         = 4 + (size_t)random_below(&random, size - 4);
        unsigned char      old        = bytes[at];
        struct decompress *decompress = NULL;
        size_t             got        = 1;
        bytes[at] ^= (unsigned char)(1 + random_below(&random, 255));
        put(bytes, size);
        assert_int_equal(decompress_open(io_system(), path, &decompress, NULL), ST_OK);
        for (int i = 0; i < 100 && got > 0; i++)
            if (decompress_read(decompress, out, sizeof out, &got, NULL) != ST_OK)
                break;
        decompress_free(decompress);
        bytes[at] = old;
    }
}

static void
test_plain(void **state)
{
    (void)state;
    size_t size;
    char   out[16];
    put(text, TEXT_SIZE);
    expect_text(1);
    put("", 0);
    assert_int_equal(take(io_system(), 16, out, &size, NULL), ST_OK);
    assert_int_equal(size, 0);
}

static void
test_gzip(void **state)
{
    (void)state;
    unsigned char bytes[3 * TEXT_SIZE];
    size_t        one = gzip_of(text, TEXT_SIZE, bytes, sizeof bytes);
    put(bytes, one);
    expect_text(1);
    expect_truncations(bytes, one);
    survive_damage(bytes, one);
    size_t two = one + gzip_of(text, TEXT_SIZE, bytes + one, sizeof bytes - one);
    put(bytes, two);
    expect_text(2);
    sweep_run(scenario, NULL);
}

static void
test_zstd(void **state)
{
    (void)state;
    unsigned char bytes[3 * TEXT_SIZE];
    size_t        one = ZSTD_compress(bytes, sizeof bytes, text, TEXT_SIZE, 3);
    assert_false(ZSTD_isError(one));
    put(bytes, one);
    expect_text(1);
    expect_truncations(bytes, one);
    survive_damage(bytes, one);
    memcpy(bytes + one, bytes, one);
    put(bytes, 2 * one);
    expect_text(2);
    sweep_run(scenario, NULL);
}

static int
set_up(void **state)
{
    static char   folder[TEMP_DIR_SIZE_MAX];
    struct random random;
    random_init(&random, 1);
    temp_dir_init(folder);
    *state = folder;
    snprintf(path, sizeof path, "%s/file", folder);
    for (size_t i = 0; i < TEXT_SIZE; i++)
        text[i] = (char)('a' + random_below(&random, 20));
    return 0;
}

static int
tear_down(void **state)
{
    temp_dir_release(*state);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_zstd),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
