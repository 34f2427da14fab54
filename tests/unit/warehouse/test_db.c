/* The wrapper of DuckDB: what is opened, what errors say, what SQL may reach; and the schemas' own rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/support.h"
#include "warehouse/schema.h"

static const struct entity_column COLUMNS[] = {
    {.name = "k", .type = {.kind = TYPE_TEXT}},
    {.name = "v", .type = {.kind = TYPE_DECIMAL, .scale = 6}, .line = 7, .column = 5},
};
static const struct entity_column OTHER_COLUMNS[] = {
    {.name = "k", .type = {.kind = TYPE_TEXT}},
    {.name = "v", .type = {.kind = TYPE_TEXT}, .line = 7, .column = 5},
};
static const uint32_t KEY[] = {0};

#define ENTITY(columns_, count_)                                                                                  \
    {.name = "thing", .file = "thing.json", .kind = ENTITY_FACT, .columns = (columns_), .column_count = (count_), \
     .key = KEY, .key_count = 1, .event_time_column = -1, .effective_time_column = -1}
static const struct entity NARROW = ENTITY(COLUMNS, 1);
static const struct entity WIDE   = ENTITY(COLUMNS, 2);
static const struct entity OTHER  = ENTITY(OTHER_COLUMNS, 2);

static void
check(enum status status, const struct error *err)
{
    char text[ERROR_TEXT_SIZE];

    if (status == ST_OK)
        return;
    error_print(err, text, sizeof text);
    fail_msg("%s", text);
}

static void
open_db(const char *path, struct db **ret_db, struct db_connection **ret_connection)
{
    const struct db_options options = {.path = path, .thread_count = 1, .memory_limit_bytes = 200000000};
    struct error            err     = ERROR_EMPTY;

    check(db_open(ret_db, &options, &err), &err);
    check(db_connect(*ret_db, ret_connection, &err), &err);
}

static void
close_db(struct db *db, struct db_connection *connection)
{
    db_disconnect(connection);
    db_free(db);
}

static void
file_keeps_what_was_written(void **state)
{
    char                  folder[TEMP_DIR_SIZE_MAX];
    char                  path[TEMP_DIR_SIZE_MAX + 32];
    struct db            *db         = NULL;
    struct db_connection *connection = NULL;
    struct error          err        = ERROR_EMPTY;
    int64_t               value      = 0;

    (void)state;
    temp_dir_init(folder);
    snprintf(path, sizeof path, "%s/it's.db", folder);
    open_db(path, &db, &connection);
    check(db_run(connection, STR("CREATE TABLE t AS SELECT 41::BIGINT AS x; UPDATE t SET x = x + 1"), &err), &err);
    close_db(db, connection);
    open_db(path, &db, &connection);
    check(db_query_int64(connection, &value, &err, "SELECT x FROM " DB_CATALOG ".t"), &err);
    assert_int_equal(value, 42);
    close_db(db, connection);
    temp_dir_release(folder);
}

static void
errors_do_not_quote_rows(void **state)
{
    struct db            *db         = NULL;
    struct db_connection *connection = NULL;
    struct error          err        = ERROR_EMPTY;
    char                  text[ERROR_TEXT_SIZE];

    (void)state;
    open_db(NULL, &db, &connection);
    check(db_run(connection, STR("CREATE TABLE t AS SELECT 'Miller' AS name"), &err), &err);
    assert_int_equal(db_run(connection, STR("SELECT name::INTEGER FROM t"), &err), ST_ERROR);
    assert_int_equal(err.code, ERR_RECORD);
    error_print(&err, text, sizeof text);
    assert_null(strstr(text, "Miller"));
    assert_int_equal(db_run(connection, STR("SELECT nothing FROM t"), &err), ST_ERROR);
    assert_non_null(strstr(err.message, "nothing"));
    close_db(db, connection);
}

static void
sql_reaches_no_file(void **state)
{
    struct db            *db         = NULL;
    struct db_connection *connection = NULL;
    struct error          err        = ERROR_EMPTY;

    (void)state;
    open_db(NULL, &db, &connection);
    assert_int_equal(db_run(connection, STR("SELECT * FROM read_text('/etc/hostname')"), &err), ST_ERROR);
    assert_int_equal(db_run(connection, STR("COPY (SELECT 1) TO '/tmp/heddle-must-not-be.csv'"), &err), ST_ERROR);
    assert_int_equal(db_run(connection, STR("SET enable_external_access = true"), &err), ST_ERROR);
    assert_int_equal(db_run(connection, STR("ATTACH '/tmp/heddle-must-not-be.db' AS x"), &err), ST_ERROR);
    close_db(db, connection);
}

static void
junk_is_not_a_warehouse(void **state)
{
    char                    folder[TEMP_DIR_SIZE_MAX];
    char                    path[TEMP_DIR_SIZE_MAX + 32];
    struct db              *db      = NULL;
    const struct db_options options = {.path = path};
    struct error            err     = ERROR_EMPTY;

    (void)state;
    temp_dir_init(folder);
    snprintf(path, sizeof path, "%s/junk.db", folder);
    assert_true(support_write_file(path, "this is no database, but long enough to look at", 47));
    assert_int_equal(db_open(&db, &options, &err), ST_ERROR);
    assert_null(db);
    assert_int_equal(err.code, ERR_IO);
    temp_dir_release(folder);
}

static void
results_are_read_by_chunk(void **state)
{
    struct db            *db         = NULL;
    struct db_connection *connection = NULL;
    struct db_result      result     = DB_RESULT_EMPTY;
    struct error          err        = ERROR_EMPTY;
    int64_t               sum        = 0;
    int64_t               null_count = 0;
    uint32_t              row_count;

    (void)state;
    open_db(NULL, &db, &connection);
    check(db_query(connection,
                   STR("SELECT i::BIGINT, CASE WHEN i % 2 = 0 THEN concat('a text beyond twelve bytes ', i) END FROM range(5000) t(i)"),
                   &result, &err),
          &err);
    for (;;) {
        check(db_next(&result, &row_count, &err), &err);
        if (row_count == 0)
            break;
        for (uint32_t row = 0; row < row_count; row++) {
            char expected[64];
            sum += db_int64(&result, 0, row);
            if (db_is_null(&result, 1, row)) {
                null_count++;
                continue;
            }
            snprintf(expected, sizeof expected, "a text beyond twelve bytes %d", (int)db_int64(&result, 0, row));
            assert_true(str_equal(db_text(&result, 1, row), str_from(expected)));
        }
    }
    assert_int_equal(sum, 4999 * 2500);
    assert_int_equal(null_count, 2500);
    db_result_release(&result);
    close_db(db, connection);
}

static void
schema_grows_with_the_model_and_keeps_types(void **state)
{
    const struct model    narrow     = {.entities = &NARROW, .entity_count = 1};
    const struct model    wide       = {.entities = &WIDE, .entity_count = 1};
    const struct model    other      = {.entities = &OTHER, .entity_count = 1};
    struct db            *db         = NULL;
    struct db_connection *connection = NULL;
    struct error          err        = ERROR_EMPTY;
    int64_t               count      = 0;

    (void)state;
    open_db(NULL, &db, &connection);
    check(schema_prepare(connection, &narrow, &err), &err);
    check(schema_prepare(connection, &wide, &err), &err);
    check(db_query_int64(connection, &count, &err, "SELECT count(v) FROM core.thing"), &err);
    assert_int_equal(schema_prepare(connection, &other, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_string_equal(err.file, "thing.json");
    assert_int_equal(err.line, 7);
    /* A newer program's file is not touched. */
    check(db_run(connection, STR("UPDATE meta.warehouse SET value = '999' WHERE name = 'schema_version'"), &err), &err);
    assert_int_equal(schema_prepare(connection, &wide, &err), ST_ERROR);
    assert_non_null(strstr(err.message, "999"));
    close_db(db, connection);
}

static void
names_are_filled_in_and_quoted(void **state)
{
    struct sql_names   names;
    struct str_builder sql = STR_BUILDER_EMPTY;
    struct error       err = ERROR_EMPTY;

    (void)state;
    sql_names_init(&names);
    sql_set_name(&names, "table", STR("odd \"name\""));
    sql_set_text(&names, "text", STR("it's"));
    sql_set_text(&names, "none", STR_EMPTY);
    sql_setf(&names, "number", "%d", 7);
    check(sql_fill(&names, "SELECT {number}, {text}, {none} FROM {table}", &sql, &err), &err);
    assert_string_equal(str_builder_cstr(&sql), "SELECT 7, 'it''s', NULL FROM \"odd \"\"name\"\"\"");
    str_builder_release(&sql);
    sql_names_release(&names);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_keeps_what_was_written),
        cmocka_unit_test(errors_do_not_quote_rows),
        cmocka_unit_test(sql_reaches_no_file),
        cmocka_unit_test(junk_is_not_a_warehouse),
        cmocka_unit_test(results_are_read_by_chunk),
        cmocka_unit_test(schema_grows_with_the_model_and_keeps_types),
        cmocka_unit_test(names_are_filled_in_and_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
