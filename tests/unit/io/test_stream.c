/* Readers, writers, walks and zone files, with every allocation and every call failing in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/memory.h"
#include "base/str_builder.h"
#include "io/file.h"
#include "io/stream.h"
#include "io/walk.h"
#include "io/zone_file.h"
#include "support/support.h"
#include "support/sweep.h"

static const char *
path_of(const char *folder, const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static enum status
write_and_read(struct io *io, void *folder, struct error *err)
{
    struct file_writer writer = FILE_WRITER_EMPTY;
    struct file_reader reader = FILE_READER_EMPTY;
    struct file_info   info;
    char               buffer[32];
    size_t             size   = 0;
    const char        *path   = path_of(folder, "log");
    enum status        status = file_writer_open(&writer, io, path, FILE_TRUNCATE, err);
    if (status != ST_OK)
        goto out;
    status = file_writer_write(&writer, STR("hello there"), err);
    if (status != ST_OK)
        goto out;
    status = file_writer_truncate(&writer, 6, err);
    if (status != ST_OK)
        goto out;
    status = file_writer_write(&writer, STR("world"), err);
    if (status != ST_OK)
        goto out;
    status = file_writer_sync(&writer, err);
    if (status != ST_OK)
        goto out;
    status = file_reader_open(&reader, io, path, 2, err);
    if (status != ST_OK)
        goto out;
    status = file_reader_read(&reader, buffer, sizeof buffer, &size, err);
    if (status != ST_OK)
        goto out;
    assert_int_equal(size, 9);
    assert_memory_equal(buffer, "llo world", 9);
    status = file_reader_info(&reader, &info, err);
    if (status != ST_OK)
        goto out;
    assert_int_equal(info.size_bytes, 11);
    status = file_writer_close(&writer, err);
out:
    file_writer_release(&writer);
    file_reader_release(&reader);
    return status;
}

static void
test_stream(void **state)
{
    struct file_writer writer = FILE_WRITER_EMPTY;
    struct file_reader reader = FILE_READER_EMPTY;
    char               buffer[8];
    size_t             size;
    sweep_run(write_and_read, *state);
    /* A reader follows a file that grows. */
    assert_int_equal(file_reader_open(&reader, io_system(), path_of(*state, "log"), 11, NULL), ST_OK);
    assert_int_equal(file_reader_read(&reader, buffer, sizeof buffer, &size, NULL), ST_OK);
    assert_int_equal(size, 0);
    assert_int_equal(file_writer_open(&writer, io_system(), path_of(*state, "log"), FILE_CREATE, NULL), ST_ERROR);
    assert_int_equal(file_writer_open(&writer, io_system(), path_of(*state, "log"), FILE_APPEND, NULL), ST_OK);
    assert_int_equal(writer.offset, 11);
    assert_int_equal(file_writer_write(&writer, STR("!!"), NULL), ST_OK);
    assert_int_equal(file_reader_read(&reader, buffer, sizeof buffer, &size, NULL), ST_OK);
    assert_int_equal(size, 2);
    file_reader_release(&reader);
    file_writer_release(&writer);
}

static void
test_writer_after_failure(void **state)
{
    struct file_writer writer = FILE_WRITER_EMPTY;
    struct io_failing  io;
    struct error       err;
    io_failing_init(&io, 3, 5);
    assert_int_equal(file_writer_open(&writer, &io.io, path_of(*state, "bad"), FILE_TRUNCATE, &err), ST_OK);
    assert_int_equal(file_writer_sync(&writer, &err), ST_ERROR);
    assert_int_equal(file_writer_sync(&writer, &err), ST_ERROR);
    assert_non_null(strstr(err.message, "has failed before"));
    file_writer_release(&writer);
}

static void
test_names(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *name;
        bool        matches;
    } CASES[] = {
        { "*.csv", "a.csv", true },  { "*.csv", ".csv", false },   { ".*", ".x", true },     { "a?c", "abc", true },
        { "a?c", "ac", false },      { "[a-c]x", "bx", true },     { "[!a-c]x", "bx", false }, { "[]]", "]", true },
        { "[a", "[a", true },        { "*a*b*c", "xxaybzc", true }, { "*a*b*c", "xxaybz", false }, { "", "", true },
        { "**", "any", true },       { "a", "ab", false },         { "*", "", true },
        { "*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        assert_int_equal(walk_name_matches(str_from(CASES[i].pattern), str_from(CASES[i].name)), CASES[i].matches);
}

static void
test_paths(void **state)
{
    static const struct {
        const char *pattern;
        const char *path;
        bool        matches;
    } CASES[] = {
        { "/a/b", "/a/b", true },        { "/a/b", "/a/b/c", false },        { "/a/b/c", "/a/b", false },     { "/a/*", "/a/b", true },
        { "/a/*", "/a/b/c", false },     { "/a/**", "/a/b", true },          { "/a/**", "/a/b/c/d", true },   { "/a/**", "/a", false },
        { "/a/**", "/b/c", false },      { "/a/**", "/a/.b/c", false },      { "/a/**/c", "/a/c", true },     { "/a/**/c", "/a/b/b/c", true },
        { "/a/**/c", "/a/b/d", false },  { "/a/**/*.csv", "/a/b/x.csv", true }, { "/a/**/*.csv", "/a/b/x.db", false },
        { "/a/**/b/**", "/a/x/b/y/z", true }, { "/a/**/b/**", "/a/x/y/z", false }, { "/**", "/x", true },     { "/a/**/**", "/a/b", true },
        { "a", "", false },              { "", "a", false },                 { "/a/*/c", "/a/.b/c", false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        assert_int_equal(walk_path_matches(str_from(CASES[i].pattern), str_from(CASES[i].path)), CASES[i].matches);
}

static void
make(const char *folder, const char *name)
{
    assert_int_equal(io_file_replace(io_system(), path_of(folder, name), "x", 1, 0600, NULL), ST_OK);
}

/* The paths found, relative to the folder, in their order. */
static enum status
found(struct io *io, const char *folder, const char *pattern, struct str_builder *out, struct error *err)
{
    struct arena arena;
    struct walk  walk;
    char         full[512];
    snprintf(full, sizeof full, "%s/%s", folder, pattern);
    arena_init(&arena, 0);
    enum status status = walk_files(io, full, &arena, &walk, err);
    for (size_t i = 0; status == ST_OK && i < walk.count; i++)
        str_builder_printf(out, "%s ", walk.paths[i] + strlen(folder) + 1);
    arena_release(&arena);
    return status;
}

static enum status
walk_all(struct io *io, void *folder, struct error *err)
{
    struct arena arena;
    struct walk  walk;
    arena_init(&arena, 0);
    enum status status = walk_files(io, path_of(folder, "w/**/*.csv"), &arena, &walk, err);
    if (status == ST_OK)
        assert_int_equal(walk.count, 3);
    arena_release(&arena);
    return status;
}

static void
test_walk(void **state)
{
    const char        *folder = *state;
    struct str_builder out    = STR_BUILDER_EMPTY;
    char               link[512];
    assert_int_equal(io_folder_make(io_system(), path_of(folder, "w/a/b"), NULL), ST_OK);
    make(folder, "w/z.csv");
    make(folder, "w/a/y.csv");
    make(folder, "w/a/b/x.csv");
    make(folder, "w/a/b/x.txt");
    make(folder, "w/a/.hidden.csv");
    snprintf(link, sizeof link, "%s/w/a/loop", folder);
    assert_int_equal(symlink("..", link), 0);
    snprintf(link, sizeof link, "%s/w/link.txt", folder);
    assert_int_equal(symlink("z.csv", link), 0);
    static const char *const CASES[][2] = {
        { "w/*", "w/link.txt w/z.csv " },
        { "w/**", "w/a/b/x.csv w/a/b/x.txt w/a/y.csv w/link.txt w/z.csv " },
        { "w/**/*.csv", "w/a/b/x.csv w/a/y.csv w/z.csv " },
        { "w/**/**/*.csv", "w/a/b/x.csv w/a/y.csv w/z.csv " },
        { "w/a/loop/*.csv", "w/a/loop/z.csv " },
        { "w/*/*/x.*", "w/a/b/x.csv w/a/b/x.txt " },
        { "w/a/y.csv", "w/a/y.csv " },
        { "w/none/*.csv", "" },
        { "w//a/[xy].csv", "w/a/y.csv " },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        assert_int_equal(found(io_system(), folder, CASES[i][0], &out, NULL), ST_OK);
        assert_string_equal(str_builder_cstr(&out), CASES[i][1]);
        str_builder_clear(&out);
    }
    str_builder_release(&out);
    sweep_run(walk_all, *state);
}

static enum status
zone_scenario(struct io *io, void *context, struct error *err)
{
    struct zone *zone   = NULL;
    enum status  status = zone_load(io, NULL, str_from(context), &zone, err);
    zone_free(zone);
    return status;
}

static void
test_zone_load(void **state)
{
    (void)state;
    char         berlin[] = "Europe/Berlin";
    struct zone *zone     = NULL;
    struct error err;
    static const char *const BAD[] = { "", "../etc/passwd", "/etc/passwd", "Europe//Berlin", "Europe/", "Nowhere/City" };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        assert_int_equal(zone_load(io_system(), NULL, str_from(BAD[i]), &zone, &err), ST_ERROR);
        assert_int_equal(err.code, ERR_CONFIG);
    }
    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0)
        skip();
    sweep_run(zone_scenario, berlin);
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
        cmocka_unit_test(test_stream), cmocka_unit_test(test_writer_after_failure), cmocka_unit_test(test_names), cmocka_unit_test(test_paths),
        cmocka_unit_test(test_walk),   cmocka_unit_test(test_zone_load),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
