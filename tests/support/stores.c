#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/stores.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "store/postgres.h"
#include "store/sqlite.h"

static const char *
server(void)
{
    return getenv("STORE_DSN");
}

bool
stores_is_postgres(void)
{
    return server() != NULL;
}

/* Paths are of temporary folders, so no two tests have one. */
static struct postgres_options
options_of(const char *path)
{
    static char schema[32];

    snprintf(schema, sizeof schema, "t%016" PRIx64, hash64(path, strlen(path)));
    return (struct postgres_options){ server(), schema, "edw" };
}

enum status
stores_open(const char *path, const uint8_t *key, struct store **ret_store, struct error *err)
{
    const struct postgres_options options = options_of(path);

    if (stores_is_postgres())
        return postgres_store_open(&options, ret_store, err);
    return sqlite_store_open(&(struct sqlite_store_options){ .path = path, .key = key, .pipeline = "edw" }, ret_store, err);
}

static PGresult *
run(const char *path, const char *sql)
{
    static PGconn *conn;
    char           place[64];

    if (conn == NULL)
        conn = PQconnectdb(server());
    snprintf(place, sizeof place, "set search_path = %s", options_of(path).schema);
    PQclear(PQexec(conn, "set client_min_messages = error; set bytea_output = escape"));
    PQclear(PQexec(conn, place));
    PGresult            *result = PQexec(conn, sql);
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    return result;
}

void
stores_remove(const char *path)
{
    char sql[80];

    unlink(path);
    if (!stores_is_postgres())
        return;
    snprintf(sql, sizeof sql, "drop schema if exists %s cascade", options_of(path).schema);
    PQclear(run(path, sql));
}

void
stores_overtake(const char *path)
{
    struct store *other = NULL;
    uint64_t      generation;

    if (stores_is_postgres()) {
        PQclear(run(path, "update store_meta set value = (value::bigint + 1)::text where name = 'generation'"));
        return;
    }
    assert_int_equal(stores_open(path, NULL, &other, NULL), ST_OK);
    assert_int_equal(store_own(other, &generation, NULL), ST_OK);
    store_close(other);
}

static int
append_row(void *context, int count, char **values, char **names)
{
    struct str_builder *out = context;

    (void)names;
    for (int i = 0; i < count; i++)
        str_builder_printf(out, "%s%s", i == 0 ? (out->size > 0 ? " " : "") : "|", values[i] == NULL ? "-" : values[i]);
    return 0;
}

static void
rows_of_server(const char *path, const char *sql, struct str_builder *out)
{
    PGresult *result = run(path, sql);

    for (int row = 0; row < PQntuples(result); row++) {
        char *values[32];
        assert_true(PQnfields(result) <= 32);
        for (int i = 0; i < PQnfields(result); i++)
            values[i] = PQgetisnull(result, row, i) ? NULL : PQgetvalue(result, row, i);
        append_row(out, PQnfields(result), values, NULL);
    }
    PQclear(result);
}

void
stores_rows(const char *path, const char *sql, struct str_builder *out)
{
    sqlite3 *db = NULL;

    if (stores_is_postgres()) {
        rows_of_server(path, sql, out);
        return;
    }
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, append_row, out, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static int
take_int(void *value, int count, char **values, char **names)
{
    (void)names;
    if (count > 0 && values[0] != NULL)
        *(int64_t *)value = strtoll(values[0], NULL, 10);
    return 0;
}

/* Takes none of our memory: it is asked while the n-th piece of it fails. */
int64_t
stores_int(const char *path, const char *sql)
{
    sqlite3 *db    = NULL;
    int64_t  value = 0;

    if (stores_is_postgres()) {
        PGresult *result = run(path, sql);
        char     *cell   = PQntuples(result) > 0 && !PQgetisnull(result, 0, 0) ? PQgetvalue(result, 0, 0) : NULL;
        take_int(&value, 1, &cell, NULL);
        PQclear(result);
        return value;
    }
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, take_int, &value, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
    return value;
}

enum status
stores_query(const char *path, struct store_query *query, uint64_t *ret_row_count, struct error *err)
{
    const struct postgres_options options = options_of(path);

    if (stores_is_postgres())
        return postgres_query_run(&options, query, ret_row_count, err);
    query->path = path;
    return store_query_run(query, ret_row_count, err);
}
