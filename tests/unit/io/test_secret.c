/* Secrets by reference: what is taken, and that nothing of them comes into a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/memory.h"
#include "io/secret.h"
#include "support/support.h"

static char folder[TEMP_DIR_SIZE_MAX];

static const char *
reference_of(const char *text, size_t size, mode_t mode)
{
    static char reference[TEMP_DIR_SIZE_MAX + 32];
    FILE       *file;

    snprintf(reference, sizeof reference, "file:%s/secret", folder);
    file = fopen(reference + 5, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(reference + 5, mode), 0);
    return reference;
}

static void
refuses(const char *text, size_t size, mode_t mode, enum secret_kind kind)
{
    struct secret secret = SECRET_EMPTY;
    struct error  err    = ERROR_EMPTY;

    assert_int_equal(secret_read(io_system(), str_from(reference_of(text, size, mode)), kind, &secret, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_KEY);
    assert_null(secret.text);
    assert_null(strstr(err.message, "hunter2"));
}

static void
takes(const char *text, mode_t mode, enum secret_kind kind, const char *wanted)
{
    struct secret secret = SECRET_EMPTY;
    struct error  err    = ERROR_EMPTY;

    if (secret_read(io_system(), str_from(reference_of(text, strlen(text), mode)), kind, &secret, &err) != ST_OK)
        fail_msg("%s", err.message);
    assert_string_equal(secret.text, wanted);
    assert_int_equal(secret.size, strlen(wanted));
    secret_release(&secret);
    assert_null(secret.text);
}

static void
test_files(void **state)
{
    const uint64_t live = memory_live_count();
    char           large[SECRET_TEXT_SIZE_MAX + 1];

    (void)state;
    takes("hunter2\n", 0600, SECRET_LINE, "hunter2");
    takes("Bearer hunter2\r\n", 0400, SECRET_LINE, "Bearer hunter2");
    takes("-----BEGIN CERTIFICATE-----\nx\n", 0644, SECRET_CERTIFICATE, "-----BEGIN CERTIFICATE-----\nx\n");
    takes("-----BEGIN PRIVATE KEY-----\nx\n", 0600, SECRET_KEY, "-----BEGIN PRIVATE KEY-----\nx\n");
    refuses("hunter2\n", 8, 0640, SECRET_LINE);
    refuses("-----BEGIN PRIVATE KEY-----\nhunter2\n", 36, 0644, SECRET_KEY);
    refuses("hunter2\nX-Other: 1\n", 19, 0600, SECRET_LINE); /* A second header. */
    refuses("hunter2\0more", 12, 0600, SECRET_LINE);
    refuses("\n", 1, 0600, SECRET_LINE);
    refuses("hunter2", 7, 0600, SECRET_CERTIFICATE);
    memset(large, 'a', sizeof large);
    refuses(large, sizeof large, 0600, SECRET_LINE);
    assert_int_equal(memory_live_count(), live);
}

static void
test_absent(void **state)
{
    struct secret secret = SECRET_EMPTY;
    struct error  err    = ERROR_EMPTY;

    (void)state;
    assert_int_equal(secret_read(io_system(), STR("file:/nowhere/at/all"), SECRET_LINE, &secret, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_KEY);
    unsetenv("HEDDLE_TEST_SECRET");
    assert_int_equal(secret_read(io_system(), STR("env:HEDDLE_TEST_SECRET"), SECRET_LINE, &secret, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_KEY);
    setenv("HEDDLE_TEST_SECRET", "hunter2", 1);
    assert_int_equal(secret_read(io_system(), STR("env:HEDDLE_TEST_SECRET"), SECRET_LINE, &secret, &err), ST_OK);
    assert_string_equal(secret.text, "hunter2");
    secret_release(&secret);
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
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_files), cmocka_unit_test(test_absent) };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
