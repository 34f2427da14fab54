/* The file of lines: what a failed write leaves is never taken for written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "sink/file.h"
#include "support/support.h"

static char folder[TEMP_DIR_SIZE_MAX], path[TEMP_DIR_SIZE_MAX + 16], moved[TEMP_DIR_SIZE_MAX + 16];

static enum status
attempt(struct file_sink *sink, struct str lines, struct error *err)
{
    enum status status = file_sink_begin(sink, err);

    if (status == ST_OK)
        status = file_sink_repair(sink, 3, err);
    if (status == ST_OK && lines.size > 0)
        status = file_sink_write(sink, lines, err);
    file_sink_end(sink);
    return status;
}

static void
assert_content(const char *wanted)
{
    size_t         size  = 0;
    unsigned char *bytes = support_read_file(path, &size);

    assert_non_null(bytes);
    assert_int_equal(size, strlen(wanted));
    assert_memory_equal(bytes, wanted, size);
    support_free(bytes);
}

static int
no_truncate(struct io *io, int fd, int64_t size)
{
    (void)io, (void)fd, (void)size;
    errno = EIO;
    return -1;
}

static int
no_sync_data(struct io *io, int fd)
{
    (void)io, (void)fd;
    errno = EIO;
    return -1;
}

static void
test_failed_sync(void **state)
{
    struct error     err = ERROR_EMPTY;
    struct file_sink sink;
    struct io        io = *io_system();

    (void)state;
    assert_true(support_write_file(path, "L1\n", 3));
    file_sink_init(&sink, &io, path, STR("L"));
    io.sync_data = no_sync_data;
    assert_int_equal(attempt(&sink, STR("L2\n"), &err), ST_ERROR);
    assert_content("L1\n");

    /* Where the cut fails too, the next repair makes up for it, and the line never counts. */
    io.truncate = no_truncate;
    assert_int_equal(attempt(&sink, STR("L3\n"), &err), ST_ERROR);
    assert_content("L1\nL3\n");
    assert_int_equal(attempt(&sink, STR_EMPTY, &err), ST_ERROR);
    io = *io_system();
    assert_int_equal(attempt(&sink, STR("L4\n"), &err), ST_OK);
    assert_content("L1\nL4\n");
}

/* Another file of that name by then: nothing of it is cut. */
static void
test_moved_away(void **state)
{
    struct error     err = ERROR_EMPTY;
    struct file_sink sink;
    struct io        io = *io_system();

    (void)state;
    assert_true(support_write_file(path, "L1\n", 3));
    file_sink_init(&sink, &io, path, STR("L"));
    io.sync_data = no_sync_data;
    io.truncate  = no_truncate;
    assert_int_equal(attempt(&sink, STR("L2\n"), &err), ST_ERROR);
    assert_int_equal(rename(path, moved), 0);
    assert_true(support_write_file(path, "L8\nL9\n", 6));
    io = *io_system();
    assert_int_equal(attempt(&sink, STR("L3\n"), &err), ST_OK);
    assert_content("L8\nL9\nL3\n");
}

static void
test_tail(void **state)
{
    static const char *const wanted[] = { "", "L3\n", "L2\nL3\n", "L1\nL2\nL3\n", "L1\nL2\nL3\n" };
    struct error             err = ERROR_EMPTY;
    struct file_sink         sink;

    (void)state;
    assert_true(support_write_file(path, "L1\nL2\nL3\nL", 10));
    file_sink_init(&sink, io_system(), path, STR("L"));
    for (size_t count = 0; count < sizeof wanted / sizeof *wanted; count++) {
        char  *bytes = NULL;
        size_t size  = 0;
        assert_int_equal(file_sink_begin(&sink, &err), ST_OK);
        assert_int_equal(file_sink_repair(&sink, 3, &err), ST_OK);
        assert_int_equal(file_sink_tail(&sink, count, &bytes, &size, &err), ST_OK);
        assert_int_equal(size, strlen(wanted[count]));
        assert_memory_equal(bytes, wanted[count], size);
        memory_free(bytes);
        file_sink_end(&sink);
    }
    assert_content("L1\nL2\nL3\n");
}

/* What a power cut leaves of one write's lines: the line that it hit goes, and what stands behind it; nothing further back than a write is looked at. */
static void
test_holes(void **state)
{
    static const struct {
        const char *before;
        size_t      size;
        const char *after;
    } cases[] = {
        { "L1\nL2\n\0\0\nL4\n", 12, "L1\nL2\n" }, { "L1\nL\0\0\0L4\n", 11, "L1\n" },       { "L1\nL2\nL\0\0", 9, "L1\nL2\n" },
        { "\0\0\nL2\n", 6, "" },                      { "L1\nL2\n\0\0\0\0", 10, "L1\nL2\n" }, { "L1\nL2\nL3\n\0", 10, "L1\nL2\nL3\n" },
    };
    struct error     err = ERROR_EMPTY;
    struct file_sink sink;
    size_t           size;

    (void)state;
    file_sink_init(&sink, io_system(), path, STR("L"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(support_write_file(path, cases[i].before, cases[i].size));
        assert_int_equal(attempt(&sink, STR_EMPTY, &err), ST_OK);
        assert_content(cases[i].after);
    }
    assert_true(support_write_file(path, "\0\nL2\nL3\nL4\n", 11));
    assert_int_equal(attempt(&sink, STR_EMPTY, &err), ST_OK);
    support_free(support_read_file(path, &size));
    assert_int_equal(size, 11);
}

/* 'd' the file's bytes, 's' a folder's names: in the order of the calls. */
static char synced[16];

static void
note(const char *call)
{
    size_t size = strlen(synced);
    assert_true(size + 1 < sizeof synced);
    memcpy(synced + size, call, 2);
}

static int
note_sync_data(struct io *io, int fd)
{
    note("d");
    return io_system()->sync_data(io, fd);
}

static int
note_sync(struct io *io, int fd)
{
    note("s");
    return io_system()->sync(io, fd);
}

/* Who finds lines in a file takes them for delivered: so they are on disk by then, and the file's name too, for who made the file may have
 * died before. */
static void
test_tail_lasts(void **state)
{
    struct io        io   = *io_system();
    struct error     err  = ERROR_EMPTY;
    struct file_sink sink;
    char            *bytes = NULL;
    size_t           size  = 0;

    (void)state;
    io.sync_data = note_sync_data;
    io.sync      = note_sync;
    synced[0]    = '\0';
    assert_true(support_write_file(path, "L1\n", 3));
    file_sink_init(&sink, &io, path, STR("L"));
    assert_int_equal(file_sink_begin(&sink, &err), ST_OK);
    assert_int_equal(file_sink_tail(&sink, 1, &bytes, &size, &err), ST_OK);
    assert_int_equal(size, 3);
    assert_string_equal(synced, "ds");
    memory_free(bytes);
    file_sink_end(&sink);
}

static int
set_up(void **state)
{
    (void)state;
    temp_dir_init(folder);
    snprintf(path, sizeof path, "%s/alerts.ndjson", folder);
    snprintf(moved, sizeof moved, "%s/alerts.1", folder);
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
        cmocka_unit_test_setup_teardown(test_failed_sync, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_moved_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_holes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tail_lasts, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
