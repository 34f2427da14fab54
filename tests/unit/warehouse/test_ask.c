/* What commands ask of a warehouse file that nobody owns: queries, the list of runs, one run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/str_builder.h"
#include "io/lock.h"
#include "support/support.h"
#include "warehouse/ask.h"
#include "warehouse/duckdb_functions.h"
#include "warehouse/schema.h"

static const struct entity_column COLUMNS[] = {
    { .name = "k", .type = { .kind = TYPE_TEXT } },
    { .name = "event_time", .type = { .kind = TYPE_TIMESTAMP } },
};
static const uint32_t      KEY[]     = { 0 };
static const uint32_t      VERSION[] = { 1 };
static const struct entity ENTITY    = { .name = "thing", .file = "thing.json", .kind = ENTITY_DIMENSION, .columns = COLUMNS, .column_count = 2,
                                         .key = KEY, .key_count = 1, .version = VERSION, .version_count = 1, .event_time_column = 1,
                                         .effective_time_column = -1 };
static const struct model  MODEL     = { .entities = &ENTITY, .entity_count = 1 };

static char               folder[TEMP_DIR_SIZE_MAX];
static char               path[TEMP_DIR_SIZE_MAX + 16], lock_path[TEMP_DIR_SIZE_MAX + 32];
static struct str_builder output;
static unsigned           audit_count;

static void
check(enum status status, const struct error *err)
{
    if (status != ST_OK)
        fail_msg("%s", err->message);
}

static enum status
audit(void *context, struct str sql, struct error *err)
{
    (void)context, (void)sql, (void)err;
    assert_int_equal(output.size, 0);
    audit_count++;
    return ST_OK;
}

static enum status
take(void *context, struct str bytes, struct error *err)
{
    (void)context, (void)err;
    str_builder_append(&output, bytes);
    return ST_OK;
}

static enum status
ask(enum warehouse_question question, const char *text, enum rows_format format, struct error *err)
{
    const struct warehouse_ask asked = { .question = question, .text = str_from(text), .rows = { format, 0, take, NULL }, .audit = audit };
    struct db                 *db    = NULL;
    struct db_connection      *connection = NULL;
    str_builder_clear(&output);
    audit_count        = 0;
    const struct graph_warehouse bound = { .path = str_from(path) };
    enum status status = warehouse_open_read_only(io_system(), &bound, &db, err);
    if (status == ST_OK)
        status = db_connect(db, &connection, err);
    if (status == ST_OK)
        status = warehouse_answer(connection, &MODEL, &asked, err);
    db_disconnect(connection);
    db_free(db);
    return status;
}

static void
test_runs(void **state)
{
    (void)state;
    struct error err = ERROR_EMPTY;
    check(ask(WAREHOUSE_RUNS, "", ROWS_JSON, &err), &err);
    assert_string_equal(str_builder_cstr(&output),
                        "{\"run_id\":\"r1\",\"logical_date\":\"2026-03-02\",\"status\":\"published\",\"published\":true,"
                        "\"started_at\":\"1970-01-01 00:00:10\",\"seconds\":2.5,\"inputs\":2,\"received\":15,\"loaded\":11,"
                        "\"deduplicated\":3,\"filtered\":0,\"quarantined\":1,\"status_reason\":null}\n");
    assert_int_equal(audit_count, 0);
}

static void
test_run(void **state)
{
    (void)state;
    struct error err = ERROR_EMPTY;
    check(ask(WAREHOUSE_RUN, "r1", ROWS_JSON, &err), &err);
    assert_non_null(strstr(str_builder_cstr(&output), "{\"part\":\"run\",\"run_id\":\"r1\",\"number\":1,"));
    assert_non_null(strstr(str_builder_cstr(&output), "{\"part\":\"inputs\",\"source\":\"EHR\",\"file\":\"a.csv\",\"size_bytes\":7,"));
    assert_non_null(strstr(str_builder_cstr(&output), "{\"part\":\"accounting\",\"source\":\"EHR\",\"entity\":\"thing\",\"received\":9,"));
    assert_int_equal(audit_count, 0);
    check(ask(WAREHOUSE_RUN, "r1", ROWS_TABLE, &err), &err);
    assert_non_null(strstr(str_builder_cstr(&output), "run:\nname          value\nrun_id        r1\nnumber        1\nlogical_date  2026-03-02\n"));
    assert_non_null(strstr(str_builder_cstr(&output), "\n\ninputs:\nsource  file   size_bytes"));
    assert_int_equal(ask(WAREHOUSE_RUN, "r'2", ROWS_JSON, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_USAGE);
}

static void
test_query(void **state)
{
    (void)state;
    struct error err = ERROR_EMPTY;
    check(ask(WAREHOUSE_QUERY, "SELECT k, hd_upper(k) AS u FROM core.thing", ROWS_JSON, &err), &err);
    assert_string_equal(str_builder_cstr(&output), "{\"k\":\"x\",\"u\":\"X\"}\n");
    assert_int_equal(audit_count, 1);
    assert_int_equal(ask(WAREHOUSE_QUERY, "DELETE FROM core.thing_version", ROWS_JSON, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_USAGE);
}

static void
test_owned_and_missing(void **state)
{
    (void)state;
    struct error err  = ERROR_EMPTY;
    struct lock  lock = LOCK_EMPTY;
    check(lock_take(&lock, io_system(), lock_path, 1, &err), &err);
    assert_int_equal(ask(WAREHOUSE_RUNS, "", ROWS_JSON, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_BUSY);
    lock_release(&lock);
    path[strlen(path) - 1] = 'x';
    assert_int_equal(ask(WAREHOUSE_RUNS, "", ROWS_JSON, &err), ST_ERROR);
    path[strlen(path) - 1] = 'b';
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static const char CONTENT[] =
    "INSERT INTO core.thing_version BY NAME SELECT 'x' AS k, true AS is_current;"
    "INSERT INTO meta.run BY NAME SELECT 'r1' AS run_id, 1 AS number, DATE '2026-03-02' AS logical_date, 'published' AS status, "
    "  true AS published, make_timestamp(10000000) AS started_at, make_timestamp(12500000) AS finished_at;"
    "INSERT INTO meta.input BY NAME SELECT 'r1' AS run_id, 'EHR' AS source, f AS file, 7 AS size_bytes FROM (VALUES ('a.csv'), ('b.csv')) t(f);"
    "INSERT INTO meta.accounting BY NAME SELECT * FROM (VALUES ('r1', 'EHR', '', 10, 8, 2, 0, 0), ('r1', 'LAB', '', 5, 3, 1, 0, 1), "
    "  ('r1', 'EHR', 'thing', 9, 9, 0, 0, 0)) t(run_id, source, entity, received, loaded, deduplicated, filtered, quarantined)";

static int
set_up(void **state)
{
    (void)state;
    struct error          err        = ERROR_EMPTY;
    struct db            *db         = NULL;
    struct db_connection *connection = NULL;
    temp_dir_init(folder);
    snprintf(path, sizeof path, "%s/w.db", folder);
    snprintf(lock_path, sizeof lock_path, "%s.lock", path);
    const struct db_options options = { .path = path, .thread_count = 2, .register_functions = duckdb_functions_register };
    check(db_open(&db, &options, &err), &err);
    check(db_connect(db, &connection, &err), &err);
    check(schema_prepare(connection, &MODEL, &err), &err);
    check(db_run(connection, str_from(CONTENT), &err), &err);
    db_disconnect(connection);
    db_free(db);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    str_builder_release(&output);
    temp_dir_release(folder);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_owned_and_missing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
