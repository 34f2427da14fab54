/* The store on a server: its connection, how it is mended, the state's records, opening. */
#include <string.h>

#include "base/memory.h"
#include "io/thread.h"
#include "store/postgres_int.h"

#define OPEN_PATIENCE_MS 2000  /* A session that has just ended may hold the lock for a moment. */
#define MEND_PATIENCE_MS 60000 /* A restart of the server, or of what stands in for it. */
#define PAUSE_FIRST_MS   50
#define PAUSE_MAX_MS     5000
#define MEND_COUNT_MAX   5     /* Without a commit in between. */

/* ---- The connection ---- */

static void
pause(int64_t pause_ms)
{
    struct waker waker;

    waker_init(&waker);
    waker_sleep(&waker, waker_look(&waker), pause_ms * 1000);
    waker_release(&waker);
}

static enum status
connect_once(struct postgres_store *postgres, struct error *err)
{
    PGconn *conn = postgres_connect(&postgres->options, POSTGRES_OWNS, err);

    if (conn == NULL)
        return ST_ERROR;
    if (postgres_lock(conn, postgres->options.schema, err) != ST_OK) {
        PQfinish(conn);
        return ST_ERROR;
    }
    PQfinish(postgres->conn);
    postgres->conn        = conn;
    postgres->queue_count = 0;
    postgres->session++;
    return ST_OK;
}

/* Tries again while it may help: the server is not up, or its own view of who is connected is behind. */
static enum status
connect_patiently(struct postgres_store *postgres, int64_t patience_ms, struct error *err)
{
    const struct store *store    = &postgres->sql.store;
    int64_t             pause_ms = PAUSE_FIRST_MS, waited_ms = 0;

    while (connect_once(postgres, err) != ST_OK) {
        const bool is_stopping = store->is_stopping != NULL && store->is_stopping(store->wait_context);
        if ((err->code != ERR_UNAVAILABLE && err->code != ERR_BUSY) || waited_ms >= patience_ms || is_stopping)
            return ST_ERROR;
        if (store->tell_waiting != NULL && pause_ms == PAUSE_FIRST_MS)
            store->tell_waiting(store->wait_context, err);
        pause(pause_ms);
        waited_ms += pause_ms;
        pause_ms = pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause_ms * 2;
    }
    error_clear(err);
    return ST_OK;
}

bool
postgres_is_mended(struct sql_store *sql, struct error *err)
{
    struct postgres_store *postgres = (struct postgres_store *)sql;

    if (PQstatus(postgres->conn) == CONNECTION_OK || postgres->mend_count++ >= MEND_COUNT_MAX)
        return false;
    postgres_forget_rows(postgres);
    return connect_patiently(postgres, MEND_PATIENCE_MS, err) == ST_OK && (PQenterPipelineMode(postgres->conn) == 1 || postgres_lost(postgres, "be reached", err) == ST_OK);
}

void
postgres_close(struct sql_store *sql)
{
    struct postgres_store *postgres = (struct postgres_store *)sql;

    PQfinish(postgres->conn);
    memory_free(postgres->queue);
    for (size_t i = 0; i < sizeof postgres->texts / sizeof *postgres->texts; i++) {
        if (postgres->texts[i] != NULL)
            memory_wipe(postgres->texts[i], strlen(postgres->texts[i]));
        memory_free(postgres->texts[i]);
    }
    memory_free(postgres);
}

/* ---- The state's records ---- */

static enum status
check_part(struct str bytes, struct str digest, uint64_t epoch, struct error *err)
{
    char text[HASH128_TEXT_SIZE];

    hash128_print(hash128(bytes.data, bytes.size), text);
    if (str_equal(digest, str_from(text)))
        return ST_OK;
    error_set(err, ERR_CORRUPT, "the state's record of epoch %llu is not what was written", (unsigned long long)epoch);
    error_hint(err, "put the database back from a backup");
    return ST_ERROR;
}

/* A record's rows, put together. The last is smaller than the others. */
static enum status
read_record(struct sql_store *sql, uint64_t epoch, struct str_builder *out, struct error *err)
{
    enum status status  = ST_OK;
    bool        is_last = false;

    for (int64_t part = 0; status == ST_OK && !is_last; part++) {
        struct sql_statement *statement = sql_prepare(sql, SQL_STATE_GET, err);
        if (statement == NULL)
            return ST_ERROR;
        sql->driver->bind_int(statement, 1, (int64_t)epoch);
        sql->driver->bind_int(statement, 2, part);
        const enum sql_step found = sql->driver->step(statement, "read the state's records", err);
        if (found == SQL_FAILED) {
            status = ST_ERROR;
        } else if (found == SQL_DONE || sql->driver->column_int(statement, 0) != part) {
            status = error_set(err, ERR_CORRUPT, "the store lacks a part of the state's record of epoch %llu", (unsigned long long)epoch);
        } else {
            struct str bytes = sql->driver->column_text(statement, 2);
            status  = check_part(bytes, sql->driver->column_text(statement, 1), epoch, err);
            is_last = bytes.size < STATE_PART_SIZE;
            str_builder_append(out, bytes);
        }
        sql->driver->reset(statement);
    }
    return status == ST_OK ? str_builder_status(out, err) : status;
}

static enum status
state_read(struct store *store, uint64_t first, uint64_t last, store_state_fn *take, void *context, struct error *err)
{
    struct str_builder record = STR_BUILDER_EMPTY;
    enum status        status = ST_OK;

    for (uint64_t epoch = first; epoch <= last && status == ST_OK; epoch++) {
        str_builder_clear(&record);
        status = read_record((struct sql_store *)store, epoch, &record, err);
        if (status == ST_OK)
            status = take(context, epoch, str_builder_text(&record), err);
    }
    str_builder_release(&record);
    return status;
}

static const struct store_kind kind = { .name = "postgres", .own = sql_own, .load = sql_load, .submit = sql_submit,
                                        .outbox_due = sql_outbox_due, .outbox_mark = sql_outbox_mark,
                                        .letters_retry = sql_letters_retry, .letters_waiting = sql_letters_waiting,
                                        .alerts_handle = sql_alerts_handle, .state_read = state_read, .close = sql_close };

/* ---- Opening ---- */

static enum status
make_schema(PGconn *conn, const char *schema, struct error *err)
{
    struct error       inner = ERROR_EMPTY;
    struct str_builder sql   = STR_BUILDER_EMPTY;
    PGresult          *result;

    str_builder_printf(&sql, "create schema \"%s\"", schema);
    result = str_builder_is_ok(&sql) ? postgres_exec(conn, str_builder_cstr(&sql), 0, NULL, "make its schema", &inner) : NULL;
    str_builder_release(&sql);
    if (result != NULL) {
        PQclear(result);
        return ST_OK;
    }
    error_set(err, inner.code == ERR_NONE ? ERR_NO_MEMORY : inner.code, "there is no schema \"%s\", and it cannot be made: %s", schema, inner.message);
    error_hint(err, "on the server, as its owner: create schema \"%s\" authorization \"%s\"", schema, PQuser(conn));
    return ST_ERROR;
}

static enum status
open_tables(struct postgres_store *postgres, struct error *err)
{
    bool        is_there = false, has_schema = false;
    enum status status = postgres_look(postgres->conn, postgres->options.schema, &is_there, &has_schema, err);

    if (status == ST_OK && !has_schema)
        status = make_schema(postgres->conn, postgres->options.schema, err);
    if (status == ST_OK && PQenterPipelineMode(postgres->conn) != 1)
        status = postgres_lost(postgres, "be reached", err);
    if (status == ST_OK && !is_there)
        status = sql_make_tables(&postgres->sql, postgres->options.pipeline, postgres_definitions, err);
    return status == ST_OK ? sql_check_identity(&postgres->sql, postgres->options.pipeline, err) : status;
}

static enum status
keep_options(struct postgres_store *postgres, const struct postgres_options *options, struct error *err)
{
    const char *const given[] = { options->conninfo, options->schema, options->pipeline };

    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        if ((postgres->texts[i] = memory_copy(given[i], strlen(given[i]))) == NULL)
            return error_no_memory(err);
    postgres->options = (struct postgres_options){ postgres->texts[0], postgres->texts[1], postgres->texts[2] };
    return ST_OK;
}

enum status
postgres_store_open(const struct postgres_options *options, struct store **ret_store, struct error *err)
{
    struct postgres_store *postgres = memory_alloc_zero(sizeof *postgres);
    struct error           inner    = ERROR_EMPTY;
    enum status            status;

    if (postgres == NULL)
        return error_no_memory(err);
    err                      = err == NULL ? &inner : err;
    postgres->sql.store.kind = &kind;
    postgres->sql.driver     = &postgres_driver;
    status                   = keep_options(postgres, options, err);
    if (status == ST_OK)
        status = connect_patiently(postgres, OPEN_PATIENCE_MS, err);
    if (status == ST_OK)
        status = open_tables(postgres, err);
    if (status != ST_OK) {
        error_context(err, "opening the store in the schema \"%s\"", options->schema);
        sql_close(&postgres->sql.store);
        return status;
    }
    *ret_store = &postgres->sql.store;
    return ST_OK;
}

/* Whether the role may do what an owner does. */
static enum status
check_rights(PGconn *conn, const char *schema, struct error *err)
{
    static const char sql[] =
        "select case when n.oid is null then has_database_privilege(current_database(), 'create') else has_schema_privilege(n.oid, 'create') and "
        "has_schema_privilege(n.oid, 'usage') and (select coalesce(bool_and(has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'insert') and "
        "has_table_privilege(c.oid, 'update') and has_table_privilege(c.oid, 'delete')), true) from pg_catalog.pg_class c where c.relnamespace = n.oid and "
        "c.relkind = 'r') end from (select 1) one left join pg_catalog.pg_namespace n on n.nspname = $1";
    PGresult   *result = postgres_exec(conn, sql, 1, &schema, "look for its rights", err);
    enum status status = result == NULL ? ST_ERROR : ST_OK;

    if (status == ST_OK && strcmp(PQgetvalue(result, 0, 0), "t") != 0) {
        status = error_set(err, ERR_CONFIG, "the role \"%s\" has no right to write a store in the schema \"%s\"", PQuser(conn), schema);
        error_hint(err, "docs/guide/postgres.md has the rights that the store needs, as SQL");
    }
    PQclear(result);
    return status;
}

enum status
postgres_store_look(const struct postgres_options *options, bool *ret_is_there, struct error *err)
{
    PGconn     *conn   = postgres_connect(options, POSTGRES_READS, err);
    enum status status = conn == NULL ? ST_ERROR : postgres_look(conn, options->schema, ret_is_there, NULL, err);

    if (status == ST_OK)
        status = check_rights(conn, options->schema, err);
    PQfinish(conn);
    return status;
}
