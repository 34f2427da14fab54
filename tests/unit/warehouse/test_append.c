/* Chunks go into tables as they lie: every type, nulls, long texts, selections, two threads at once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "warehouse/db.h"

static const struct schema_column COLUMNS[] = {
    {"i", {.kind = TYPE_INT64}},          {"t", {.kind = TYPE_TEXT}}, {"d", {.kind = TYPE_DECIMAL, .scale = 2}},
    {"b", {.kind = TYPE_BOOL}},           {"x", {.kind = TYPE_DOUBLE}}, {"moment", {.kind = TYPE_TIMESTAMP}},
    {"day", {.kind = TYPE_DATE}},
};
static const struct schema SCHEMA = {COLUMNS, 7};

static void
check(enum status status, const struct error *err)
{
    char text[ERROR_TEXT_SIZE];

    if (status == ST_OK)
        return;
    error_print(err, text, sizeof text);
    fail_msg("%s", text);
}

/* Row i: i, a text of growing length or null, i/100, whether i is odd, i/2, i seconds, day i. */
static void
fill(struct chunk *chunk, uint32_t row_count)
{
    struct error err = ERROR_EMPTY;

    chunk_clear(chunk);
    for (uint32_t row = 0; row < row_count; row++) {
        char text[40];
        int  size = snprintf(text, sizeof text, "%.*s%u", (int)(row % 20), "--------------------", row);

        chunk_set_int64(chunk, 0, row, row);
        if (row % 3 == 0)
            chunk_set_null(chunk, 1, row);
        else
            check(chunk_set_text(chunk, 1, row, text, (size_t)size, &err), &err);
        chunk_set_int64(chunk, 2, row, row);
        chunk_set_bool(chunk, 3, row, row % 2 != 0);
        chunk_set_double(chunk, 4, row, row / 2.0);
        chunk_set_int64(chunk, 5, row, (int64_t)row * 1000000);
        chunk_set_int32(chunk, 6, row, (int32_t)row);
    }
    chunk->row_count = row_count;
}

/* Rows of the table that are not as `fill` made them. */
#define WRONG                                                                                                           \
    "SELECT count(*) FROM t WHERE t IS DISTINCT FROM (CASE WHEN i % 3 <> 0 THEN concat(repeat('-', (i % 20)::BIGINT), " \
    "i) END) OR d * 100 <> i OR b <> (i % 2 <> 0) OR x * 2 <> i OR epoch(moment) <> i OR day - DATE '1970-01-01' <> i"

static struct db *
open_with_table(struct db_connection **ret_connection)
{
    const struct db_options options = {.thread_count = 2};
    struct error            err     = ERROR_EMPTY;
    struct db              *db      = NULL;

    check(db_open(&db, &options, &err), &err);
    check(db_connect(db, ret_connection, &err), &err);
    check(db_run(*ret_connection,
                 STR("CREATE TABLE t (n BIGINT, i BIGINT, t VARCHAR, d DECIMAL(18,2), b BOOLEAN, x DOUBLE, moment TIMESTAMP, "
                     "day DATE)"),
                 &err),
          &err);
    return db;
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
chunks_of_every_size(void **state)
{
    static const uint32_t SIZES[]    = {1, 7, 64, 65, 2048};
    struct db_connection *connection = NULL;
    struct db_appender   *appender   = NULL;
    struct chunk          chunk;
    struct error          err = ERROR_EMPTY;
    struct db            *db  = open_with_table(&connection);

    (void)state;
    check(chunk_init(&chunk, &SCHEMA, CHUNK_ROW_COUNT_MAX, &err), &err);
    check(db_appender_open(connection, DB_CATALOG, "main", "t", &appender, &err), &err);
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        fill(&chunk, SIZES[i]);
        check(db_append_chunk(appender, (int64_t)i, &chunk, &err), &err);
    }
    check(db_appender_flush(appender, &err), &err);
    db_appender_free(appender);
    assert_int_equal(number(connection, "SELECT count(*) FROM t"), 1 + 7 + 64 + 65 + 2048);
    assert_int_equal(number(connection, "SELECT count(*) FROM t WHERE n = 3"), 65);
    assert_int_equal(number(connection, WRONG), 0);
    chunk_release(&chunk);
    db_disconnect(connection);
    db_free(db);
}

static void
only_what_is_selected(void **state)
{
    struct db_connection *connection = NULL;
    struct db_appender   *appender   = NULL;
    struct chunk          chunk;
    struct error          err = ERROR_EMPTY;
    struct db            *db  = open_with_table(&connection);
    struct vector         odd;

    (void)state;
    check(chunk_init(&chunk, &SCHEMA, CHUNK_ROW_COUNT_MAX, &err), &err);
    check(db_appender_open(connection, DB_CATALOG, "main", "t", &appender, &err), &err);
    fill(&chunk, 1000);
    odd = chunk_vector(&chunk, 3);
    chunk_filter(&chunk, &odd);
    check(db_append_chunk(appender, 1, &chunk, &err), &err);
    /* What is not flushed is dropped. */
    check(db_appender_flush(appender, &err), &err);
    check(db_append_chunk(appender, 2, &chunk, &err), &err);
    db_appender_free(appender);
    assert_int_equal(number(connection, "SELECT count(*) FROM t WHERE b AND n = 1"), 500);
    assert_int_equal(number(connection, "SELECT count(*) FROM t"), 500);
    assert_int_equal(number(connection, WRONG), 0);
    chunk_release(&chunk);
    db_disconnect(connection);
    db_free(db);
}

struct loader {
    struct db *db;
    int64_t    number;
    bool       is_ok;
};

static void *
load(void *argument)
{
    struct loader        *loader     = argument;
    struct db_connection *connection = NULL;
    struct db_appender   *appender   = NULL;
    struct chunk          chunk;
    struct error          err = ERROR_EMPTY;

    loader->is_ok = db_connect(loader->db, &connection, &err) == ST_OK &&
                    chunk_init(&chunk, &SCHEMA, CHUNK_ROW_COUNT_MAX, &err) == ST_OK &&
                    db_appender_open(connection, DB_CATALOG, "main", "t", &appender, &err) == ST_OK;
    for (int i = 0; loader->is_ok && i < 200; i++) {
        fill(&chunk, 2048);
        loader->is_ok = db_append_chunk(appender, loader->number, &chunk, &err) == ST_OK;
    }
    loader->is_ok = loader->is_ok && db_appender_flush(appender, &err) == ST_OK;
    db_appender_free(appender);
    chunk_release(&chunk);
    db_disconnect(connection);
    return NULL;
}

static void
two_threads_into_one_table(void **state)
{
    struct db_connection *connection = NULL;
    struct db            *db         = open_with_table(&connection);
    struct loader         loaders[2] = {{.db = db, .number = 1}, {.db = db, .number = 2}};
    pthread_t             threads[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, load, &loaders[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_true(loaders[0].is_ok && loaders[1].is_ok);
    assert_int_equal(number(connection, "SELECT count(*) FROM t WHERE n = 1"), 200 * 2048);
    assert_int_equal(number(connection, "SELECT count(*) FROM t WHERE n = 2"), 200 * 2048);
    assert_int_equal(number(connection, WRONG), 0);
    db_disconnect(connection);
    db_free(db);
}

static void
rows_one_by_one(void **state)
{
    struct db_connection *connection = NULL;
    struct db_appender   *appender   = NULL;
    struct error          err        = ERROR_EMPTY;
    struct db            *db         = open_with_table(&connection);

    (void)state;
    check(db_run(connection, STR("CREATE TABLE r (i BIGINT, b BOOLEAN, t VARCHAR, z BLOB, moment TIMESTAMP, d DATE)"), &err),
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
    db_appender_free(appender);
    assert_int_equal(number(connection, "SELECT count(*) FROM r WHERE i = 7 AND b AND t = 'text' AND octet_length(z) = 2 AND "
                                        "epoch(moment) = 1 AND d = DATE '1970-01-02'"),
                     1);
    assert_int_equal(number(connection, "SELECT count(*) FROM r WHERE i IS NULL AND NOT b AND t IS NULL AND z IS NULL"), 1);
    assert_int_equal(db_appender_open(connection, DB_CATALOG, "main", "nothing", &appender, &err), ST_ERROR);
    db_disconnect(connection);
    db_free(db);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_of_every_size),
        cmocka_unit_test(only_what_is_selected),
        cmocka_unit_test(two_threads_into_one_table),
        cmocka_unit_test(rows_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
