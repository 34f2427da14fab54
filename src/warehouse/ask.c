#include "warehouse/ask.h"

#include <inttypes.h>
#include <string.h>

#include "io/file.h"
#include "io/lock.h"
#include "io/stream.h"
#include "warehouse/diff_int.h"
#include "warehouse/duckdb_functions.h"
#include "warehouse/file.h"
#include "warehouse/query.h"
#include "warehouse/schema.h"
#include "warehouse/sql.h"

static const char RUNS[] =
    "SELECT run_id, logical_date, status, published, started_at,\n"
    "  round(epoch(finished_at - started_at), 1) AS seconds, coalesce(inputs, 0) AS inputs, received, loaded, deduplicated,\n"
    "  filtered, quarantined, status_reason\n"
    "FROM meta.run\n"
    "LEFT JOIN (SELECT run_id, count(*) AS inputs FROM meta.input GROUP BY run_id) USING (run_id)\n"
    "LEFT JOIN (SELECT run_id, sum(received) AS received, sum(loaded) AS loaded, sum(deduplicated) AS deduplicated,\n"
    "    sum(filtered) AS filtered, sum(quarantined) AS quarantined\n"
    "  FROM meta.accounting WHERE coalesce(entity, '') = '' GROUP BY run_id) USING (run_id)\n"
    "ORDER BY number";

/* What is told of one run, part by part. */
static const struct {
    const char *title;
    const char *sql;
} PARTS[] = {
    { "run", "SELECT {part}run_id, number, logical_date, status, published, status_reason, parent_run_id, started_at, finished_at,\n"
             "  program_version, model_digest, configuration_digest, input_digest\n"
             "FROM meta.run WHERE run_id = {run}" }, /* For eyes turned by 90 degrees: see OVERVIEW. */
    { "inputs", "SELECT {part}source, file, size_bytes, digest, format, status, reason_code, reason, record_count, row_count\n"
                "FROM meta.input WHERE run_id = {run} ORDER BY source, file" },
    { "accounting", "SELECT {part}source, entity, received, loaded, deduplicated, filtered, quarantined, bytes\n"
                    "FROM meta.accounting WHERE run_id = {run} ORDER BY source, entity" },
    { "reasons", "SELECT {part}source, entity, outcome, reason_code, row_count\n"
                 "FROM meta.accounting_reason WHERE run_id = {run} ORDER BY source, entity, outcome, reason_code" },
    { "quality", "SELECT {part}source, entity, column_name, reason_code, action, row_count, samples\n"
                 "FROM meta.quality WHERE run_id = {run} ORDER BY source, entity, column_name, reason_code, action" },
    { "tables", "SELECT {part}table_name, row_count, digest\n"
                "FROM meta.run_digest WHERE run_id = {run} ORDER BY table_name" },
    { "steps", "SELECT {part}step, round(duration_us / 1e6, 3) AS seconds, round(user_us / 1e6, 3) AS user_seconds,\n"
               "  round(system_us / 1e6, 3) AS system_seconds, resident_bytes_max\n"
               "FROM meta.run_step WHERE run_id = {run} ORDER BY number, step" },
    { "cost", "SELECT {part}r.row_count, i.bytes, i.decoded_bytes, round(s.wall_us / 1e6, 3) AS seconds, round(s.cpu_us / 1e6, 3) AS cpu_seconds,\n"
              "  round(s.cpu_us / nullif(r.row_count, 0), 3) AS cpu_seconds_per_million_rows, s.resident_bytes_max\n"
              "FROM (SELECT coalesce(sum(received), 0)::BIGINT AS row_count FROM meta.accounting WHERE run_id = {run} AND entity <> '') r,\n"
              "  (SELECT coalesce(sum(size_bytes), 0)::BIGINT AS bytes, coalesce(sum(decoded_bytes), 0)::BIGINT AS decoded_bytes\n"
              "   FROM meta.input WHERE run_id = {run}) i,\n"
              "  (SELECT sum(duration_us)::BIGINT AS wall_us, sum(user_us + system_us)::BIGINT AS cpu_us, max(resident_bytes_max) AS resident_bytes_max\n"
              "   FROM meta.run_step WHERE run_id = {run}) s" },
};

/* One row of many columns, as lines of name and value. */
static const char OVERVIEW[] = "SELECT name, value FROM (UNPIVOT (SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ({overview}))\n"
                               "ON COLUMNS(*) INTO NAME name VALUE value)";

/* What meta says of a run holds no patient data. */
static enum status
no_audit(void *context, struct str sql, struct error *err)
{
    (void)context, (void)sql, (void)err;
    return ST_OK;
}

static enum status
show(struct db_connection *connection, const struct model *model, const struct warehouse_ask *ask, struct str sql,
     uint64_t *ret_row_count, struct error *err)
{
    const bool         is_query  = ask->question == WAREHOUSE_QUERY;
    const bool         is_shown  = is_query || ask->shows_values;
    uint64_t           row_count = 0;
    const struct query query     = { .sql           = sql,
                                     .as_of         = is_query ? ask->as_of : STR_EMPTY,
                                     .format        = ask->rows.format,
                                     .width_max     = ask->rows.width_max,
                                     .model         = model,
                                     .audit         = is_shown ? ask->audit : no_audit,
                                     .audit_context = ask->audit_context,
                                     .write         = ask->rows.write,
                                     .write_context = ask->rows.context };

    enum status status = query_run(connection, &query, &row_count, err);
    if (status == ST_OK && ret_row_count != NULL)
        *ret_row_count = row_count;
    return status;
}

/* A line of JSON says which part it belongs to; for eyes a title does. */
static enum status
begin_part(const struct warehouse_ask *ask, const char *name, bool is_first, struct sql_names *names, struct error *err)
{
    struct str_builder title = STR_BUILDER_EMPTY;
    enum status        status;

    if (ask->rows.format == ROWS_JSON)
        sql_setf(names, "part", "'%s' AS part, ", name);
    else
        sql_set(names, "part", STR(""));
    if (ask->rows.format != ROWS_TABLE)
        return ST_OK;
    str_builder_printf(&title, "%s%s:\n", is_first ? "" : "\n", name);
    status = str_builder_status(&title, err);
    if (status == ST_OK)
        status = ask->rows.write(ask->rows.context, str_builder_text(&title), err);
    str_builder_release(&title);
    return status;
}

static enum status
show_run(struct db_connection *connection, const struct model *model, const struct warehouse_ask *ask, struct error *err)
{
    struct sql_names   names;
    struct str_builder sql = STR_BUILDER_EMPTY;
    int64_t            count = 0;
    enum status        status;

    sql_names_init(&names);
    sql_set_text(&names, "run", ask->text);
    status = sql_int64(connection, &names, &count, err, "SELECT count(*) FROM meta.run WHERE run_id = {run}");
    if (status == ST_OK && count == 0) {
        status = error_set(err, ERR_USAGE, "there is no run %.*s", STR_PRINTF(ask->text));
        error_hint(err, "`heddle runs` lists them");
    }
    for (size_t i = 0; status == ST_OK && i < sizeof PARTS / sizeof *PARTS; i++) {
        str_builder_clear(&sql);
        status = begin_part(ask, PARTS[i].title, i == 0, &names, err);
        if (status == ST_OK)
            status = sql_fill(&names, PARTS[i].sql, &sql, err);
        if (status == ST_OK && i == 0 && ask->rows.format == ROWS_TABLE) {
            sql_set(&names, "overview", str_builder_text(&sql));
            str_builder_clear(&sql);
            status = sql_fill(&names, OVERVIEW, &sql, err);
        }
        if (status == ST_OK)
            status = show(connection, model, ask, str_builder_text(&sql), NULL, err);
    }
    str_builder_release(&sql);
    sql_names_release(&names);
    return status;
}

/* ---- Two runs ---- */

enum diff_part { DIFF_RUNS, DIFF_TABLES, DIFF_SOURCES, DIFF_COUNTS, DIFF_ROWS, DIFF_PART_COUNT };

static enum status
print_part(enum diff_part part, const struct sql_names *names, const struct model *model, const struct warehouse_ask *ask,
           struct str_builder *out, struct error *err)
{
    switch (part) {
    case DIFF_RUNS: return diff_print_runs(names, out, err);
    case DIFF_TABLES: return diff_print_tables(names, model, out, err);
    case DIFF_SOURCES: return diff_print_sources(names, model, out, err);
    case DIFF_COUNTS: return diff_print_counts(names, out, err);
    default: return diff_print_rows(names, model_entity(model, ask->entity), ask->shows_values, out, err);
    }
}

static enum status
show_diff(struct db_connection *connection, const struct model *model, const struct warehouse_ask *ask, struct error *err)
{
    static const char *const TITLES[DIFF_PART_COUNT] = { "runs", "tables", "sources", "counts", "rows" };
    const struct run_pair    pair = { ask->text, ask->second, ask->entity };
    struct sql_names         names;
    struct str_builder       sql     = STR_BUILDER_EMPTY;
    uint64_t                 differs = 0;

    sql_names_init(&names);
    enum status status = schema_check_stored(connection, model, err);
    if (status == ST_OK)
        status = diff_names(connection, model, &pair, &names, err);
    for (int part = DIFF_RUNS; status == ST_OK && part < (ask->entity.size == 0 ? DIFF_ROWS : DIFF_PART_COUNT); part++) {
        uint64_t row_count = 0;
        str_builder_clear(&sql);
        status = begin_part(ask, TITLES[part], part == DIFF_RUNS, &names, err);
        if (status == ST_OK)
            status = print_part((enum diff_part)part, &names, model, ask, &sql, err);
        if (status == ST_OK)
            status = show(connection, model, ask, str_builder_text(&sql), &row_count, err);
        differs += part == DIFF_TABLES ? row_count : 0;
    }
    if (status == ST_OK && differs > 0)
        status = error_set(err, ERR_NO, "runs %.*s and %.*s left the warehouse with other content: %" PRIu64 " of its tables differ",
                           STR_PRINTF(ask->text), STR_PRINTF(ask->second), differs);
    str_builder_release(&sql);
    sql_names_release(&names);
    return status;
}

enum status
warehouse_answer(struct db_connection *connection, const struct model *model, const struct warehouse_ask *ask, struct error *err)
{
    switch (ask->question) {
    case WAREHOUSE_QUERY: return show(connection, model, ask, ask->text, NULL, err);
    case WAREHOUSE_RUNS: return show(connection, model, ask, str_from(RUNS), NULL, err);
    case WAREHOUSE_RUN: return show_run(connection, model, ask, err);
    case WAREHOUSE_DIFF: return show_diff(connection, model, ask, err);
    }
    return error_set(err, ERR_INTERNAL, "a question of no kind");
}

/* ---- The file ---- */

static enum status
check_free(struct io *io, const char *path, struct error *err)
{
    struct str_builder lock_path = STR_BUILDER_EMPTY;
    struct lock_owner  owner;
    enum status        status;

    str_builder_printf(&lock_path, "%s.lock", path);
    status = str_builder_status(&lock_path, err);
    if (status == ST_OK)
        status = lock_look(io, str_builder_cstr(&lock_path), &owner, err);
    if (status == ST_OK && owner.state == LOCK_HELD) {
        status = error_set(err, ERR_BUSY, "process %lld owns the warehouse %s and does not answer", (long long)owner.process_id, path);
        error_hint(err, "try again; it answers one question after the other, and none while it starts or ends");
    }
    str_builder_release(&lock_path);
    return status;
}

static enum status
tell_missing(const char *path, struct error *err)
{
    error_set(err, ERR_NOT_FOUND, "there is no warehouse at %s", path);
    error_hint(err, "heddle batch or heddle run makes it at its first run");
    return ST_ERROR;
}

/* Whose first owner was killed before it made the schemas, the file holds nothing. */
static enum status
check_schemas(struct db_connection *connection, const char *path, struct error *err)
{
    int64_t     count  = 0;
    enum status status = db_query_int64(connection, &count, err, "SELECT count(*) FROM duckdb_schemas() WHERE database_name = '" DB_CATALOG "' AND schema_name = 'meta'");

    if (status == ST_OK && count == 0)
        return tell_missing(path, err);
    return status == ST_OK ? schema_check_version(connection, err) : status;
}

enum status
warehouse_open_read_only(struct io *io, const struct graph_warehouse *bound, struct db **ret_db, struct error *err)
{
    const char             *path       = bound->path.data;
    struct db_options       options    = { .path = path, .is_read_only = true, .register_functions = duckdb_functions_register };
    struct key              key        = { { 0 } };
    struct file_reader      reader  = FILE_READER_EMPTY;
    struct db_connection   *connection = NULL;
    struct db              *db         = NULL;
    struct error            found      = ERROR_EMPTY;
    uint64_t                size       = 0;
    enum status             status     = check_free(io, path, err);

    if (status == ST_OK)
        status = io_file_check_regular(io, path, &size, err);
    if (status != ST_OK)
        return status;
    /* Only to tell a missing file from a damaged one. */
    status = file_reader_open(&reader, io, path, 0, &found);
    if (status != ST_OK && found.code == ERR_NOT_FOUND)
        return tell_missing(path, err);
    if (status == ST_OK) {
        file_reader_release(&reader);
        status = warehouse_check_file(io, bound, err);
    }
    if (status == ST_OK) {
        status = warehouse_take_key(io, bound, &key, &options.key, err);
        if (status == ST_OK)
            status = db_open(&db, &options, err);
    } else if (found.code != ERR_NONE && err != NULL) {
        *err = found;
    }
    key_clear(&key);
    if (status == ST_OK)
        status = db_connect(db, &connection, err);
    if (status == ST_OK)
        status = check_schemas(connection, path, err);
    db_disconnect(connection);
    if (status == ST_OK)
        *ret_db = db;
    else
        db_free(db);
    return status;
}
