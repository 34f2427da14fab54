/* The copy for other programs where memory or system calls fail: the one before it stays, and nothing lies beside (C1–C3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/support.h"
#include "support/sweep.h"
#include "warehouse/copy_int.h"
#include "warehouse/db.h"

#define OLD "the copy of the run before"

static struct fixture {
    char             folder[TEMP_DIR_SIZE_MAX];
    char             path[TEMP_DIR_SIZE_MAX + 32], beside[TEMP_DIR_SIZE_MAX + 32], reference[TEMP_DIR_SIZE_MAX + 32];
    struct graph     graph;
    struct warehouse warehouse;
    unsigned         left_count, kept_count;
} fixture;

static void
check(enum status status, const struct error *err)
{
    if (status != ST_OK)
        fail_msg("%s", err->message);
}

static int
set_up(void **state)
{
    char         warehouse_path[TEMP_DIR_SIZE_MAX + 32];
    struct error err = ERROR_EMPTY;

    (void)state;
    temp_dir_init(fixture.folder);
    snprintf(fixture.path, sizeof fixture.path, "%s/published.db", fixture.folder);
    snprintf(fixture.beside, sizeof fixture.beside, "%s/published.db.new", fixture.folder);
    snprintf(fixture.reference, sizeof fixture.reference, "file:%s/bi.key", fixture.folder);
    snprintf(warehouse_path, sizeof warehouse_path, "%s/warehouse.db", fixture.folder);
    fixture.graph.batch.warehouse.publish = (struct graph_publish){
        .is_bound   = true,
        .path       = str_from(fixture.path),
        .encryption = { .is_encrypted = true, .key = { .kind = GRAPH_SECRET_FILE, .text = str_from(fixture.reference) } },
    };
    check(copy_check(io_system(), &fixture.graph.batch.warehouse.publish, &err), &err);
    fixture.warehouse.options.graph = &fixture.graph;
    const struct db_options options = { .path = warehouse_path, .thread_count = 1, .memory_limit_bytes = 100000000, .copy_path = fixture.beside };
    check(db_open(&fixture.warehouse.db, &options, &err), &err);
    check(db_connect(fixture.warehouse.db, &fixture.warehouse.connection, &err), &err);
    check(db_run(fixture.warehouse.connection, STR("CREATE TABLE t AS SELECT i AS k FROM range(1000) r(i);"
                     "CREATE SCHEMA meta; CREATE TABLE meta.warehouse (name VARCHAR, value VARCHAR);"
                     "CREATE TABLE meta.run AS SELECT '20260201-1' AS run_id, 1::BIGINT AS number, true AS published"),
                 &err),
          &err);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    db_disconnect(fixture.warehouse.connection);
    db_free(fixture.warehouse.db);
    temp_dir_release(fixture.folder);
    return 0;
}

static bool
is_old(void)
{
    size_t         size;
    unsigned char *bytes = support_read_file(fixture.path, &size);
    bool           is_so;

    assert_non_null(bytes);
    is_so = size == strlen(OLD) && memcmp(bytes, OLD, size) == 0;
    support_free(bytes);
    return is_so;
}

static void
check_new(void)
{
    struct error          err        = ERROR_EMPTY;
    struct db            *db         = NULL;
    struct db_connection *connection = NULL;
    struct key            key;
    int64_t               count = 0;

    check(key_read(io_system(), str_from(fixture.reference), NULL, &key, &err), &err);
    const struct db_options options = { .path = fixture.path, .key = &key, .is_read_only = true };
    check(db_open(&db, &options, &err), &err);
    check(db_connect(db, &connection, &err), &err);
    check(db_query_int64(connection, &count, &err, "SELECT count(*) FROM t"), &err);
    assert_int_equal(count, 1000);
    db_disconnect(connection);
    db_free(db);
}

static enum status
scenario(struct io *io, void *context, struct error *err)
{
    enum status status;

    (void)context;
    assert_true(support_write_file(fixture.path, OLD, strlen(OLD)));
    assert_true(support_write_file(fixture.beside, "what a killed run left", 22));
    fixture.warehouse.options.io = io;
    status                       = copy_leave(&fixture.warehouse, err);
    fixture.left_count += status == ST_OK;
    fixture.kept_count += status != ST_OK && is_old();
    if (status == ST_OK)
        assert_int_not_equal(access(fixture.beside, F_OK), 0);
    return status;
}

static void
test_copy_survives_every_failure(void **state)
{
    (void)state;
    sweep_run(scenario, NULL);
    assert_true(fixture.left_count >= 2);  /* The end of both sweeps. */
    assert_true(fixture.kept_count >= 10); /* Only the folder's sync may fail behind the renaming. */
    check_new();
}

static void
test_failed_copy_leaves_nothing_beside(void **state)
{
    struct error err = ERROR_EMPTY;

    (void)state;
    fixture.warehouse.options.io = io_system();
    assert_int_equal(unlink(fixture.path), 0);
    assert_int_equal(mkdir(fixture.path, 0700), 0); /* No file can be put in its place. */
    assert_int_equal(copy_leave(&fixture.warehouse, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_IO);
    assert_int_not_equal(access(fixture.beside, F_OK), 0);
    assert_int_equal(rmdir(fixture.path), 0);
    check(copy_leave(&fixture.warehouse, &err), &err);
    check_new();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_survives_every_failure),
        cmocka_unit_test(test_failed_copy_leaves_nothing_beside),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
