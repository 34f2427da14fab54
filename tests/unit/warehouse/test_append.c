/* Rows are appended to tables value by value: every type, nulls, and what is not flushed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "warehouse/db.h"

static void
check(enum status status, const struct error *err)
{
    char text[ERROR_TEXT_SIZE];

    if (status == ST_OK)
        return;
    error_print(err, text, sizeof text);
    fail_msg("%s", text);
}

static int64_t
number(struct db_connection *connection, const char *sql)
{
    struct error err   = ERROR_EMPTY;
    int64_t      value = 0;

    check(db_query_int64(connection, &value, &err, "%s", sql), &err);
    return value;
}

static void
rows_one_by_one(void **state)
{
    struct db_connection   *connection = NULL;
    struct db_appender     *appender   = NULL;
    struct error            err        = ERROR_EMPTY;
    const struct db_options options    = {.thread_count = 2};
    struct db              *db         = NULL;

    (void)state;
    check(db_open(&db, &options, &err), &err);
    check(db_connect(db, &connection, &err), &err);
    check(db_run(connection,
                 STR("CREATE TABLE r (i BIGINT, b BOOLEAN, t VARCHAR, z BLOB, moment TIMESTAMP, d DATE)"),
                 &err),
          &err);
    check(db_appender_open(connection, DB_CATALOG, "main", "r", &appender, &err), &err);
    db_row_int64(appender, 7);
    db_row_bool(appender, true);
    db_row_text(appender, STR("text"));
    db_row_blob(appender, str_of("\0\xff", 2));
    db_row_time(appender, 1000000);
    db_row_date(appender, 1);
    check(db_row_end(appender, &err), &err);
    db_row_null(appender);
    db_row_bool(appender, false);
    db_row_text(appender, STR_EMPTY);
    db_row_null(appender);
    db_row_null(appender);
    db_row_null(appender);
    check(db_row_end(appender, &err), &err);
    check(db_appender_flush(appender, &err), &err);
    /* What is not flushed is dropped. */
    db_row_int64(appender, 8);
    for (int i = 0; i < 5; i++)
        db_row_null(appender);
    check(db_row_end(appender, &err), &err);
    db_appender_free(appender);
    assert_int_equal(number(connection, "SELECT count(*) FROM r"), 2);
    assert_int_equal(
        number(connection,
               "SELECT count(*) FROM r WHERE i = 7 AND b AND t = 'text' AND octet_length(z) = 2 AND "
               "epoch(moment) = 1 AND d = DATE '1970-01-02'"),
        1);
    assert_int_equal(
        number(connection, "SELECT count(*) FROM r WHERE i IS NULL AND NOT b AND t IS NULL AND z IS NULL"),
        1);
    assert_int_equal(db_appender_open(connection, DB_CATALOG, "main", "nothing", &appender, &err), ST_ERROR);
    db_disconnect(connection);
    db_free(db);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
