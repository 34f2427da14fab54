#include "warehouse/query.h"

#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/time.h"
#include "warehouse/history_int.h"
#include "warehouse/schema.h"

/* ---- As of ---- */

/* When the run was published, or the time itself. */
static enum status
find_time(struct db_connection *connection, struct str as_of, int64_t *ret_time_us, struct error *err)
{
    struct sql_names names;
    int64_t          time_us;
    enum status      status;

    sql_names_init(&names);
    sql_set_text(&names, "run", as_of);
    status = sql_int64(connection, &names, &time_us, err,
                       "SELECT coalesce(max(epoch_us(recorded_at)), -1) FROM meta.run WHERE run_id = {run} AND published");
    sql_names_release(&names);
    if (status != ST_OK)
        return status;
    if (time_us < 0 && !time_parse_utc(as_of, &time_us)) {
        error_set(err, ERR_USAGE, "%.*s is neither a published run nor a time", STR_PRINTF(as_of));
        error_hint(err, "`heddle runs` lists the runs; a time is written 2026-01-02T03:04:05Z");
        return ST_ERROR;
    }
    *ret_time_us = time_us;
    return ST_OK;
}

/* A version that was current then had no successor then, so it held without end (H4). */
static const char PAST_FACT[] =
    "CREATE VIEW core.\"{entity}_version\" AS SELECT * REPLACE (\n"
    "  coalesce(recorded_to > {now}, true) AS is_current,\n"
    "  CASE WHEN recorded_to <= {now} THEN recorded_to END AS recorded_to)\n"
    "FROM " DB_CATALOG ".{version} WHERE recorded_from <= {now}";
static const char PAST_DIMENSION[] =
    "CREATE VIEW core.\"{entity}_version\" AS SELECT * REPLACE (\n"
    "  coalesce(recorded_to > {now}, true) AS is_current,\n"
    "  CASE WHEN recorded_to <= {now} THEN recorded_to END AS recorded_to,\n"
    "  lead({time}) OVER (PARTITION BY {keys} ORDER BY {order}) AS valid_to)\n"
    "FROM " DB_CATALOG ".{version} WHERE recorded_from <= {now}";
static const char PAST_CURRENT[] =
    "CREATE VIEW core.\"{entity}\" AS SELECT * FROM core.\"{entity}_version\" WHERE is_current";

static enum status
make_past(struct db_connection *connection, const struct query *query, int64_t time_us, struct error *err)
{
    enum status status =
        db_run(connection,
               STR("ATTACH ':memory:' AS past; USE past; CREATE SCHEMA core; CREATE SCHEMA meta;"
                   "CREATE VIEW meta.run AS SELECT * FROM " DB_CATALOG ".meta.run;"
                   "CREATE VIEW meta.input AS SELECT * FROM " DB_CATALOG ".meta.input;"
                   "CREATE VIEW meta.accounting AS SELECT * FROM " DB_CATALOG ".meta.accounting"),
               err);

    for (uint32_t i = 0; status == ST_OK && i < query->model->entity_count; i++) {
        const struct entity *entity = &query->model->entities[i];
        struct sql_names     names;

        sql_names_init(&names);
        history_names(&names, entity, "past", "", time_us);
        status = sql_run(connection, &names, err, entity->kind == ENTITY_FACT ? PAST_FACT : PAST_DIMENSION);
        if (status == ST_OK)
            status = sql_run(connection, &names, err, PAST_CURRENT);
        sql_names_release(&names);
    }
    return status;
}

/* ---- Output ---- */

struct output {
    struct arena     arena;
    uint32_t         column_count;
    struct str      *column_names;
    bool            *is_number; /* JSON writes the value bare. */
    struct rows_out *rows;
};

static bool
type_is_bare(struct str type)
{
    static const char *const BARE[] = {"TINYINT",  "SMALLINT",  "INTEGER",  "BIGINT",  "HUGEINT", "UTINYINT", "USMALLINT",
                                       "UINTEGER", "UBIGINT",   "UHUGEINT", "BOOLEAN", "FLOAT",   "DOUBLE"};

    for (size_t i = 0; i < sizeof BARE / sizeof *BARE; i++)
        if (str_equal(type, str_from(BARE[i])))
            return true;
    return str_starts_with(type, STR("DECIMAL(")) && !str_ends_with(type, STR("]"));
}

/* Names and types, which the cast to text below loses. */
static enum status
describe(struct db_connection *connection, struct str sql, struct output *output, struct error *err)
{
    struct str_builder text   = STR_BUILDER_EMPTY;
    struct db_result   result = DB_RESULT_EMPTY;
    uint32_t           row_count;
    enum status        status;

    str_builder_printf(&text, "SELECT column_name, column_type FROM (DESCRIBE %.*s\n)", STR_PRINTF(sql));
    status = str_builder_status(&text, err);
    if (status == ST_OK)
        status = db_query(connection, str_builder_text(&text), &result, err);
    if (status == ST_OK)
        status = db_next(&result, &row_count, err); /* A statement has at most one chunk of columns. */
    if (status == ST_OK) {
        output->column_count = row_count;
        output->column_names = ARENA_ARRAY(&output->arena, struct str, row_count);
        output->is_number    = ARENA_ARRAY(&output->arena, bool, row_count);
        if (output->column_names == NULL || output->is_number == NULL)
            status = error_no_memory(err);
    }
    for (uint32_t i = 0; status == ST_OK && i < row_count; i++) {
        if (!arena_text(&output->arena, db_text(&result, 0, i), &output->column_names[i]))
            status = error_no_memory(err);
        output->is_number[i] = type_is_bare(db_text(&result, 1, i));
    }
    db_result_release(&result);
    str_builder_release(&text);
    return status;
}

static struct str
cell(const struct db_result *result, uint32_t column, uint32_t row)
{
    struct str text;

    if (db_is_null(result, column, row))
        return STR_EMPTY;
    text = db_text(result, column, row);
    return text.data == NULL ? STR("") : text;
}

static enum status
write_chunk(struct output *output, const struct db_result *result, uint32_t row_count, struct error *err)
{
    enum status status = ST_OK;

    for (uint32_t row = 0; status == ST_OK && row < row_count; row++) {
        for (uint32_t column = 0; column < output->column_count; column++)
            rows_out_cell(output->rows, cell(result, column, row), output->is_number[column]);
        status = rows_out_row_end(output->rows, err);
    }
    return status;
}

/* ---- The statement ---- */

/* Without the blanks and semicolons at its end, so that it can stand in parentheses. */
static struct str
strip(struct str sql)
{
    sql = str_trim(sql);
    while (sql.size != 0 && sql.data[sql.size - 1] == ';')
        sql = str_trim(str_slice(sql, 0, sql.size - 1));
    return sql;
}

static enum status
check_reads(struct db_connection *connection, struct str sql, struct error *err)
{
    duckdb_statement_type type;

    if (db_statement_type(connection, sql, &type, err) != ST_OK)
        return ST_ERROR;
    if (type == DUCKDB_STATEMENT_TYPE_SELECT)
        return ST_OK;
    error_set(err, ERR_USAGE, "only a statement that reads can be run here");
    error_hint(err, "begin with SELECT, FROM, WITH, VALUES, DESCRIBE or SHOW");
    return ST_ERROR;
}

static enum status
show(struct db_connection *connection, const struct query *query, struct str sql, uint64_t *ret_row_count,
     struct error *err)
{
    const struct rows_out_options options = {.format = query->format, .width_max = query->width_max, .write = query->write,
                                             .context = query->write_context};
    struct output                 output  = {.rows = NULL};
    struct str_builder            text    = STR_BUILDER_EMPTY;
    struct db_result              result  = DB_RESULT_EMPTY;
    uint32_t                      count   = 1;
    enum status                   status;

    arena_init(&output.arena, 0);
    status = describe(connection, sql, &output, err);
    str_builder_printf(&text, "SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (%.*s\n)", STR_PRINTF(sql));
    if (status == ST_OK)
        status = str_builder_status(&text, err);
    if (status == ST_OK)
        status = rows_out_new(&options, output.column_names, output.column_count, &output.rows, err);
    if (status == ST_OK)
        status = db_query(connection, str_builder_text(&text), &result, err);
    while (status == ST_OK && count != 0) {
        status = db_next(&result, &count, err);
        if (status == ST_OK)
            status = write_chunk(&output, &result, count, err);
    }
    if (status == ST_OK)
        status = rows_out_end(output.rows, err);
    if (status == ST_OK)
        *ret_row_count = rows_out_count(output.rows);

    rows_out_free(output.rows);
    db_result_release(&result);
    str_builder_release(&text);
    arena_release(&output.arena);
    return status;
}

/* A statement that fails over the rows is its author's to change. */
static void
blame_statement(struct error *err)
{
    if (err == NULL || err->code != ERR_RECORD)
        return;
    struct error found = *err;
    error_set(err, ERR_USAGE, "%s", found.message);
    error_hint(err, "TRY_CAST, TRY(...) and nullif give null in place of what fails; the value is not shown");
}

enum status
query_run(struct db_connection *connection, const struct query *query, uint64_t *ret_row_count, struct error *err)
{
    struct str  sql     = strip(query->sql);
    bool        is_past = query->as_of.size != 0;
    int64_t     time_us = 0;
    enum status status  = ST_OK;

    CHECK(query->audit != NULL && query->write != NULL);
    if (is_past)
        status = find_time(connection, query->as_of, &time_us, err);
    if (is_past && status == ST_OK)
        status = make_past(connection, query, time_us, err);
    if (status == ST_OK)
        status = check_reads(connection, sql, err);
    if (status == ST_OK)
        status = query->audit(query->audit_context, query->sql, err);
    if (status == ST_OK)
        status = show(connection, query, sql, ret_row_count, err);
    if (status != ST_OK)
        blame_statement(err);
    if (is_past)
        db_run(connection, STR("USE " DB_CATALOG "; DETACH DATABASE IF EXISTS past"), NULL);
    return status;
}
