/* Whole files and folders, with every call failing in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/file.h"
#include "support/support.h"

static void
path_in(char *out, size_t size, const char *folder, const char *name)
{
    snprintf(out, size, "%s/%s", folder, name);
}

static void
test_replace_and_read(void **state)
{
    char   path[512], *bytes = NULL;
    size_t size = 0;
    path_in(path, sizeof(path), *state, "a.txt");
    assert_int_equal(io_file_replace(io_system(), path, "first", 5, 0600, NULL), ST_OK);
    assert_int_equal(io_file_replace(io_system(), path, "second one", 10, 0600, NULL), ST_OK);
    assert_int_equal(io_file_read(io_system(), path, 100, &bytes, &size, NULL), ST_OK);
    assert_int_equal(size, 10);
    assert_string_equal(bytes, "second one");
    memory_free(bytes);
    struct stat stat_of;
    assert_int_equal(stat(path, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 0777, 0600);
}

static void
test_read_is_bounded(void **state)
{
    char         path[512], *bytes = NULL;
    size_t       size = 0;
    struct error err = ERROR_EMPTY;
    path_in(path, sizeof(path), *state, "bounded");
    assert_int_equal(io_file_replace(io_system(), path, "0123456789", 10, 0600, NULL), ST_OK);
    assert_int_equal(io_file_read(io_system(), path, 9, &bytes, &size, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_FULL);
    assert_null(bytes);
    assert_int_equal(io_file_read(io_system(), *state, 9, &bytes, &size, &err), ST_ERROR);
    assert_non_null(strstr(err.message, "is a folder"));
    path_in(path, sizeof(path), *state, "absent");
    assert_int_equal(io_file_read(io_system(), path, 9, &bytes, &size, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void
test_map(void **state)
{
    char            path[512];
    struct file_map map = FILE_MAP_EMPTY;
    path_in(path, sizeof(path), *state, "mapped");
    assert_int_equal(io_file_replace(io_system(), path, "bytes", 5, 0600, NULL), ST_OK);
    assert_int_equal(io_file_map(io_system(), path, &map, NULL), ST_OK);
    assert_int_equal(map.size, 5);
    assert_memory_equal(map.bytes, "bytes", 5);
    file_map_release(io_system(), &map);
    assert_int_equal(io_file_replace(io_system(), path, "", 0, 0600, NULL), ST_OK);
    assert_int_equal(io_file_map(io_system(), path, &map, NULL), ST_OK);
    assert_int_equal(map.size, 0);
    file_map_release(io_system(), &map);
}

static void
test_folder_make(void **state)
{
    char         path[512];
    struct error err = ERROR_EMPTY;
    path_in(path, sizeof(path), *state, "x/y/z");
    assert_int_equal(io_folder_make(io_system(), path, NULL), ST_OK);
    assert_int_equal(io_folder_make(io_system(), path, NULL), ST_OK);
    path_in(path, sizeof(path), *state, "x/file");
    assert_int_equal(io_file_replace(io_system(), path, "", 0, 0600, NULL), ST_OK);
    assert_int_equal(io_folder_make(io_system(), path, &err), ST_ERROR);
    assert_non_null(strstr(err.message, "is a file"));
}

/* After each failing call: an error, the old content whole, no temporary file, nothing open. */
static void
sweep_replace(const char *folder, int error_number)
{
    char path[512];
    path_in(path, sizeof(path), folder, "swept");
    for (uint64_t n = 1; n < 100; n++) {
        struct io_failing failing;
        struct error      err = ERROR_EMPTY;
        char             *bytes = NULL;
        size_t            size = 0;
        assert_int_equal(io_file_replace(io_system(), path, "old", 3, 0600, NULL), ST_OK);
        io_failing_init(&failing, n, error_number);
        enum status status = io_file_replace(&failing.io, path, "the new one", 11, 0600, &err);
        assert_int_equal(failing.open_count, 0);
        assert_int_equal(io_file_read(io_system(), path, 100, &bytes, &size, NULL), ST_OK);
        if (status == ST_OK)
            assert_string_equal(bytes, "the new one");
        else
            assert_true(strcmp(bytes, "old") == 0 || strcmp(bytes, "the new one") == 0);
        memory_free(bytes);
        if (!failing.has_failed) {
            assert_int_equal(status, ST_OK);
            return;
        }
        if (status != ST_OK)
            assert_int_equal(err.code, error_number == ENOSPC ? ERR_FULL : ERR_IO);
        char temporary[600];
        snprintf(temporary, sizeof(temporary), "%s.tmp%ld", path, (long)getpid());
        struct stat stat_of;
        assert_int_not_equal(stat(temporary, &stat_of), 0);
    }
    fail_msg("the sweep never passed");
}

static void
test_replace_sweep(void **state)
{
    sweep_replace(*state, EIO);
    sweep_replace(*state, ENOSPC);
}

/* A short write is not an error: the rest follows. */
static void
test_short_write(void **state)
{
    char              path[512], *bytes = NULL;
    size_t            size = 0;
    struct io_failing failing;
    path_in(path, sizeof(path), *state, "short");
    io_failing_init(&failing, 2, 0); /* open, write … */
    assert_int_equal(io_file_replace(&failing.io, path, "whole content", 13, 0600, NULL), ST_OK);
    assert_true(failing.has_failed);
    assert_int_equal(io_file_read(io_system(), path, 100, &bytes, &size, NULL), ST_OK);
    assert_string_equal(bytes, "whole content");
    memory_free(bytes);
}

static void
test_read_sweep(void **state)
{
    char path[512];
    path_in(path, sizeof(path), *state, "read");
    assert_int_equal(io_file_replace(io_system(), path, "content", 7, 0600, NULL), ST_OK);
    for (uint64_t n = 1; n < 100; n++) {
        struct io_failing failing;
        char             *bytes = NULL;
        size_t            size = 0;
        io_failing_init(&failing, n, EIO);
        enum status status = io_file_read(&failing.io, path, 100, &bytes, &size, NULL);
        assert_int_equal(failing.open_count, 0);
        if (status == ST_OK)
            assert_string_equal(bytes, "content");
        memory_free(bytes);
        if (!failing.has_failed)
            return;
    }
    fail_msg("the sweep never passed");
}

/* Allocations failing in turn: an error of memory, nothing open, nothing kept. */
static void
test_read_without_memory(void **state)
{
    char path[512];
    path_in(path, sizeof(path), *state, "memory");
    assert_int_equal(io_file_replace(io_system(), path, "content", 7, 0600, NULL), ST_OK);
    for (uint64_t n = 1; n < 20; n++) {
        struct error err = ERROR_EMPTY;
        char        *bytes = NULL;
        size_t       size = 0;
        uint64_t     before = memory_live_count();
        memory_fail_after(n);
        enum status status = io_file_read(io_system(), path, 100, &bytes, &size, &err);
        bool        has_failed = memory_has_failed();
        memory_fail_after(0);
        if (has_failed)
            assert_int_equal(err.code, ERR_NO_MEMORY);
        else
            assert_int_equal(status, ST_OK);
        memory_free(bytes);
        assert_int_equal(memory_live_count(), before);
        if (!has_failed)
            return;
    }
    fail_msg("the sweep never passed");
}

static void
make_tree(const char *folder)
{
    char path[700];
    snprintf(path, sizeof(path), "%s/tree/a/b", folder);
    assert_int_equal(io_folder_make(io_system(), path, NULL), ST_OK);
    snprintf(path, sizeof(path), "%s/outside", folder);
    assert_int_equal(io_folder_make(io_system(), path, NULL), ST_OK);
    static const char *const files[] = { "tree/f", "tree/a/.hidden", "tree/a/b/g", "outside/kept" };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        assert_true(support_write_file(path, "x", 1));
    }
    snprintf(path, sizeof(path), "%s/tree/a/link", folder);
    char target[600];
    snprintf(target, sizeof(target), "%s/outside", folder);
    int made = symlink(target, path);
    assert_true(made == 0 || errno == EEXIST);
}

/* Everything below goes, links too; what they point to stays. */
static void
test_tree_remove(void **state)
{
    char        path[700];
    struct stat info;
    make_tree(*state);
    path_in(path, sizeof(path), *state, "tree//");
    assert_int_equal(io_tree_remove(io_system(), path, NULL), ST_OK);
    path_in(path, sizeof(path), *state, "tree");
    assert_int_not_equal(lstat(path, &info), 0);
    path_in(path, sizeof(path), *state, "outside/kept");
    assert_int_equal(lstat(path, &info), 0);
    path_in(path, sizeof(path), *state, "tree");
    assert_int_equal(io_tree_remove(io_system(), path, NULL), ST_OK); /* What is not there is fine. */
}

static void
test_tree_remove_refuses(void **state)
{
    char path[700];
    static const char *const refused[] = { "", "/", "//", ".", "..", "x/..", "x/." };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_int_equal(io_tree_remove(io_system(), refused[i], NULL), ST_ERROR);
    path_in(path, sizeof(path), *state, "a/..");
    assert_int_equal(io_tree_remove(io_system(), path, NULL), ST_ERROR);
}

/* A call that fails in the middle: an error, nothing open, and a second try ends it. */
static void
test_tree_remove_sweep(void **state)
{
    char path[700];
    path_in(path, sizeof(path), *state, "tree");
    for (uint64_t n = 1; n < 200; n++) {
        struct io_failing failing;
        struct error      err = ERROR_EMPTY;
        make_tree(*state);
        io_failing_init(&failing, n, EIO);
        enum status status = io_tree_remove(&failing.io, path, &err);
        assert_int_equal(failing.open_count, 0);
        assert_int_equal(status == ST_OK, !failing.has_failed);
        assert_int_equal(io_tree_remove(io_system(), path, NULL), ST_OK);
        if (!failing.has_failed)
            return;
    }
    fail_msg("the sweep never passed");
}

static void
test_copy(void **state)
{
    char        from[512], to[512], *bytes = NULL;
    size_t      size = 0;
    struct stat info;
    path_in(from, sizeof(from), *state, "copied_from");
    path_in(to, sizeof(to), *state, "copied_to");
    assert_int_equal(io_file_replace(io_system(), from, "to be copied", 12, 0640, NULL), ST_OK);
    assert_int_equal(io_file_copy(io_system(), from, to, NULL), ST_OK);
    assert_int_equal(io_file_read(io_system(), to, 100, &bytes, &size, NULL), ST_OK);
    assert_string_equal(bytes, "to be copied");
    memory_free(bytes);
    assert_int_equal(stat(to, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    assert_int_equal(io_file_copy(io_system(), *state, to, NULL), ST_ERROR); /* A folder. */
}

static int
set_up(void **state)
{
    static char folder[TEMP_DIR_SIZE_MAX];
    temp_dir_init(folder);
    *state = folder;
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
        cmocka_unit_test(test_replace_and_read), cmocka_unit_test(test_read_is_bounded),
        cmocka_unit_test(test_map),              cmocka_unit_test(test_folder_make),
        cmocka_unit_test(test_replace_sweep),    cmocka_unit_test(test_short_write),
        cmocka_unit_test(test_tree_remove),      cmocka_unit_test(test_tree_remove_refuses),
        cmocka_unit_test(test_tree_remove_sweep), cmocka_unit_test(test_copy),
        cmocka_unit_test(test_read_sweep),       cmocka_unit_test(test_read_without_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
