/* A user's statement over the store on a server (query.h).
 *
 * It runs as the query of a cursor, in a read-only transaction: the server lets nothing but one SELECT or VALUES be one, and rows come in
 * pieces. What a role may call beyond reading is its administrator's matter, not a transaction's. */
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "store/postgres_int.h"

#define FETCH   "fetch 512 from heddle_rows"
#define DECLARE "declare heddle_rows no scroll cursor for "

enum { OID_BOOL = 16, OID_BYTES = 17, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_REAL = 700, OID_DOUBLE = 701, OID_NUMERIC = 1700 };

static bool
is_number(Oid type)
{
    return type == OID_INT8 || type == OID_INT2 || type == OID_INT4 || type == OID_REAL || type == OID_DOUBLE || type == OID_NUMERIC;
}

/* While it is planned nothing but the statement is looked at, so its own words may be quoted; not in the course of it (I8). */
static enum status
refuse(PGconn *conn, const PGresult *result, struct error *err)
{
    const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE), *said = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (code == NULL || said == NULL || (strncmp(code, "42", 2) != 0 && strncmp(code, "0A", 2) != 0 && strncmp(code, "22", 2) != 0))
        return postgres_error(conn, result, "take the statement", err);
    if (strcmp(code, "42501") == 0)
        return postgres_error(conn, result, "run the statement", err);
    error_set(err, ERR_USAGE, "%s", said);
    if (strstr(said, "DECLARE CURSOR") != NULL || strcmp(code, "42601") == 0)
        error_hint(err, "one statement that reads is run at a time: begin with SELECT, WITH or VALUES");
    return ST_ERROR;
}

static enum status
declare(PGconn *conn, struct str sql, struct error *err)
{
    struct str_builder text   = STR_BUILDER_EMPTY;
    struct str         rest   = str_trim(sql);
    PGresult          *result = NULL;
    enum status        status;

    while (rest.size > 0 && rest.data[rest.size - 1] == ';')
        rest = str_trim(str_slice(rest, 0, rest.size - 1));
    if (rest.size == 0)
        return error_set(err, ERR_USAGE, "there is no statement");
    str_builder_append_cstr(&text, DECLARE);
    str_builder_append(&text, rest);
    status = str_builder_status(&text, err);
    if (status == ST_OK) {
        result = PQexecParams(conn, str_builder_cstr(&text), 0, NULL, NULL, NULL, NULL, 0);
        status = PQresultStatus(result) == PGRES_COMMAND_OK ? ST_OK : refuse(conn, result, err);
    }
    PQclear(result);
    str_builder_release(&text);
    return status;
}

/* Bytes come as \x and hexadecimal digits. */
static enum status
write_bytes(struct rows_out *rows, const char *value, struct error *err)
{
    size_t         size  = 0;
    unsigned char *bytes = PQunescapeBytea((const unsigned char *)value, &size);

    if (bytes == NULL)
        return error_no_memory(err);
    rows_out_cell(rows, str_of((const char *)bytes, size), false);
    PQfreemem(bytes);
    return ST_OK;
}

static enum status
write_cell(struct rows_out *rows, const PGresult *result, int row, int column, struct error *err)
{
    const Oid   type  = PQftype(result, column);
    const char *value = PQgetvalue(result, row, column);

    if (PQgetisnull(result, row, column))
        rows_out_cell(rows, STR_EMPTY, false);
    else if (type == OID_BYTES)
        return write_bytes(rows, value, err);
    else if (type == OID_BOOL)
        rows_out_cell(rows, value[0] == 't' ? STR("1") : STR("0"), true); /* As in the other store. */
    else
        rows_out_cell(rows, str_of(value, (size_t)PQgetlength(result, row, column)), is_number(type) && strchr("NI", value[0]) == NULL);
    return ST_OK;
}

static enum status
make_rows(const struct store_query *query, const PGresult *result, struct rows_out **ret_rows, struct error *err)
{
    const int    count = PQnfields(result);
    struct arena arena;
    struct str  *names;
    enum status  status;

    arena_init(&arena, 0);
    names = ARENA_ARRAY(&arena, struct str, (size_t)count + 1);
    for (int i = 0; names != NULL && i < count; i++)
        names[i] = str_from(PQfname(result, i));
    status = names == NULL ? error_no_memory(err) : rows_out_new(&query->rows, names, (uint32_t)count, ret_rows, err);
    arena_release(&arena);
    return status;
}

static enum status
show_some(struct rows_out *rows, const PGresult *result, struct error *err)
{
    enum status status = ST_OK;

    for (int row = 0; row < PQntuples(result) && status == ST_OK; row++) {
        for (int column = 0; column < PQnfields(result) && status == ST_OK; column++)
            status = write_cell(rows, result, row, column, err);
        if (status == ST_OK)
            status = rows_out_row_end(rows, err);
    }
    return status;
}

/* The audit comes before the first row is read, and so the names of columns are asked of a fetch of none. */
static enum status
show(PGconn *conn, const struct store_query *query, struct rows_out **rows, struct error *err)
{
    PGresult   *result = postgres_exec(conn, "fetch 0 from heddle_rows", 0, NULL, "run the statement", err);
    enum status status = result == NULL ? ST_ERROR : make_rows(query, result, rows, err);
    bool        is_end = false;

    PQclear(result);
    if (status == ST_OK)
        status = query->audit(query->audit_context, query->sql, err);
    while (status == ST_OK && !is_end) {
        result = postgres_exec(conn, FETCH, 0, NULL, "run the statement to its end", err);
        status = result == NULL ? ST_ERROR : show_some(*rows, result, err);
        is_end = result == NULL || PQntuples(result) == 0;
        PQclear(result);
    }
    return status == ST_OK ? rows_out_end(*rows, err) : status;
}

static enum status
begin(PGconn *conn, struct error *err)
{
    PGresult *result = postgres_exec(conn, "begin transaction isolation level repeatable read read only", 0, NULL, "begin", err);

    if (result == NULL)
        return ST_ERROR;
    PQclear(result);
    return ST_OK;
}

enum status
postgres_query_run(const struct postgres_options *options, const struct store_query *query, uint64_t *ret_row_count, struct error *err)
{
    PGconn          *conn     = postgres_connect(options, POSTGRES_READS, err);
    struct rows_out *rows     = NULL;
    bool             is_there = false;
    enum status      status   = conn == NULL ? ST_ERROR : postgres_look(conn, options->schema, &is_there, NULL, err);

    CHECK(query->audit != NULL);
    if (status == ST_OK && !is_there) {
        status = error_set(err, ERR_NOT_FOUND, "there is no store in the schema \"%s\" of the database \"%s\"", options->schema, PQdb(conn));
        error_hint(err, "heddle run or heddle stream makes it at its first start");
    }
    if (status == ST_OK)
        status = begin(conn, err);
    if (status == ST_OK)
        status = declare(conn, query->sql, err);
    if (status == ST_OK)
        status = show(conn, query, &rows, err);
    if (status == ST_OK)
        *ret_row_count = rows_out_count(rows);
    else
        error_context(err, "asking the store in the schema \"%s\"", options->schema);
    rows_out_free(rows);
    PQfinish(conn);
    return status;
}
