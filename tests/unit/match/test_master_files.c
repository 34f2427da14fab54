/* Which snapshot of a store is the newest, and which are removed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "match/master_files.h"
#include "support/support.h"
#include "support/sweep.h"

struct fixture {
    char folder[TEMP_DIR_SIZE_MAX];
    char store[TEMP_DIR_SIZE_MAX + 32];
};

static int
setup(void **state)
{
    static struct fixture fixture;

    temp_dir_init(fixture.folder);
    /* The name is no pattern. */
    snprintf(fixture.store, sizeof fixture.store, "%s/st[o]re*.db", fixture.folder);
    *state = &fixture;
    return 0;
}

static int
teardown(void **state)
{
    temp_dir_release(((struct fixture *)*state)->folder);
    return 0;
}

static void
put(const struct fixture *fixture, const char *name)
{
    char path[sizeof fixture->folder + 64];

    snprintf(path, sizeof path, "%s/%s", fixture->folder, name);
    assert_true(support_write_file(path, "x", 1));
}

static bool
has(const struct fixture *fixture, const char *name)
{
    char           path[sizeof fixture->folder + 64];
    size_t         size;
    unsigned char *bytes;

    snprintf(path, sizeof path, "%s/%s", fixture->folder, name);
    bytes = support_read_file(path, &size);
    support_free(bytes);
    return bytes != NULL;
}

static void
put_all(const struct fixture *fixture)
{
    static const char *const NAMES[] = { "st[o]re*.db.master.9", "st[o]re*.db.master.10", "st[o]re*.db.master.1790000000000000",
                                         "st[o]re*.db.master.11", "st[o]re*.db.master.1790000000000001.tmp", "st[o]re*.db.master.",
                                         "st[o]re*.db.master.012", "st[o]re*.db.masters.13", "store.db.master.2000000000000000",
                                         "st[o]re*.db", "st[o]re*.db.master.18446744073709551616" };

    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        put(fixture, NAMES[i]);
}

static void
the_newest_by_number(void **state)
{
    const struct fixture *fixture = *state;
    struct str_builder    path    = STR_BUILDER_EMPTY;
    char                  wanted[sizeof fixture->store + 64];
    bool                  is_found = true;
    uint64_t              version  = 1;
    struct error          err      = ERROR_EMPTY;

    assert_int_equal(master_file_newest(io_system(), fixture->store, &path, &is_found, &version, &err), ST_OK);
    assert_false(is_found);
    assert_int_equal(path.size, 0);
    put_all(fixture);
    assert_int_equal(master_file_newest(io_system(), fixture->store, &path, &is_found, &version, &err), ST_OK);
    assert_true(is_found);
    assert_int_equal(version, 1790000000000000);
    snprintf(wanted, sizeof wanted, "%s.master.1790000000000000", fixture->store);
    assert_string_equal(str_builder_cstr(&path), wanted);
    str_builder_clear(&path);
    assert_int_equal(master_file_newest(io_system(), "/no/such/folder/store.db", &path, &is_found, &version, &err), ST_OK);
    assert_false(is_found);
    str_builder_release(&path);
}

static void
two_are_kept(void **state)
{
    const struct fixture *fixture = *state;
    struct error          err     = ERROR_EMPTY;

    put_all(fixture);
    for (int time = 0; time < 2; time++) {
        assert_int_equal(master_file_prune(io_system(), fixture->store, &err), ST_OK);
        assert_true(has(fixture, "st[o]re*.db.master.1790000000000000"));
        assert_true(has(fixture, "st[o]re*.db.master.11"));
        assert_false(has(fixture, "st[o]re*.db.master.10"));
        assert_false(has(fixture, "st[o]re*.db.master.9"));
        assert_true(has(fixture, "st[o]re*.db.master.1790000000000001.tmp"));
        assert_true(has(fixture, "st[o]re*.db.master.012"));
        assert_true(has(fixture, "store.db.master.2000000000000000"));
        assert_true(has(fixture, "st[o]re*.db"));
    }
}

static enum status
find_and_prune(struct io *io, void *context, struct error *err)
{
    const struct fixture *fixture = context;
    struct str_builder    path    = STR_BUILDER_EMPTY;
    bool                  is_found;
    uint64_t              version;

    put_all(fixture);
    enum status status = master_file_newest(io, fixture->store, &path, &is_found, &version, err);
    if (status == ST_OK)
        status = master_file_prune(io, fixture->store, err);
    str_builder_release(&path);
    assert_true(has(fixture, "st[o]re*.db.master.1790000000000000"));
    assert_true(has(fixture, "st[o]re*.db.master.11"));
    return status;
}

static void
any_failure_keeps_the_newest(void **state)
{
    sweep_run(find_and_prune, *state);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_newest_by_number, setup, teardown),
        cmocka_unit_test_setup_teardown(two_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(any_failure_keeps_the_newest, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
