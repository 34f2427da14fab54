/* PostgreSQL as a driver of sql_int.h.
 *
 *     put, put, put …     rows of one statement wait as arrays ──▶ one statement over all of them
 *     ask, run, begin     are sent at once, nothing is waited for
 *     step, commit        wait for the answers of all that was sent (libpq's pipeline)
 *
 * So the order at the server is the order of the calls. After an error the server passes over all that was sent behind it, COMMIT too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "store/postgres_int.h"

#define PARAMETERS_MAX   64

enum { OID_BYTES = 17, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_TEXT = 25, OID_DOUBLE = 701, OID_BOOL = 16 };
enum { OID_BYTES_ARRAY = 1001, OID_TEXT_ARRAY = 1009, OID_INT8_ARRAY = 1016, OID_DOUBLE_ARRAY = 1022 };
#define ARRAY_HEAD_SIZE 20

struct value {
    bool        is_null;
    char        number[8]; /* Big-endian. */
    const char *data;
    size_t      size;
};

struct sql_statement {
    struct postgres_store *postgres;
    char                  *sql; /* As PostgreSQL takes it. */
    char                  *types;
    char                   name[16];
    int                    parameter_count;
    bool                   is_batch;
    bool                   has_no_memory;
    uint64_t               session; /* That it is prepared in; 0: none. */
    struct value           values[PARAMETERS_MAX];
    struct arena           arena; /* Texts that had to be written otherwise. */
    struct str_builder     columns[PARAMETERS_MAX]; /* A batch's arrays, without their heads. */
    bool                   has_null[PARAMETERS_MAX];
    size_t                 row_count, size_bytes;
    bool                   is_sent;
    PGresult              *result;
    int                    row; /* -1: before the first. */
};

static struct postgres_store *
of(struct sql_store *sql)
{
    return (struct postgres_store *)sql;
}

static void
put_big_endian(char *out, uint64_t value, int size)
{
    for (int i = 0; i < size; i++)
        out[i] = (char)(value >> (8 * (size - 1 - i)));
}

static int64_t
get_big_endian(const char *bytes, int size)
{
    uint64_t value = size > 0 && (bytes[0] & 0x80) != 0 ? UINT64_MAX : 0;

    for (int i = 0; i < size; i++)
        value = (value << 8) | (uint8_t)bytes[i];
    return (int64_t)value;
}

/* ---- The queue ---- */

enum status
postgres_lost(struct postgres_store *postgres, const char *what, struct error *err)
{
    return postgres_error(postgres->conn, NULL, what, err);
}

static enum status
queue_add(struct postgres_store *postgres, struct sql_statement *statement, const char *what, bool is_commit, struct error *err)
{
    if (postgres->queue_count == postgres->queue_capacity) {
        size_t         capacity = postgres->queue_capacity * 2 + 32;
        struct queued *queue    = memory_resize_array(postgres->queue, capacity, sizeof *queue);
        if (queue == NULL)
            return error_no_memory(err);
        postgres->queue          = queue;
        postgres->queue_capacity = capacity;
    }
    postgres->queue[postgres->queue_count++] = (struct queued){ statement, what, is_commit };
    return ST_OK;
}

/* The answer to one of the queue. False: it is an error, or was passed over because of an earlier one. */
static bool
take_answer(struct postgres_store *postgres, const struct queued *queued, PGresult *result, bool has_failed, struct error *err)
{
    const ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        if (queued->is_commit)
            postgres->is_committed = strcmp(PQcmdStatus(result), "COMMIT") == 0;
        if (queued->statement != NULL) {
            PQclear(queued->statement->result);
            queued->statement->result = result;
        } else {
            PQclear(result);
        }
        return true;
    }
    if (!has_failed)
        postgres_error(postgres->conn, result, queued->what, err);
    PQclear(result);
    return false;
}

/* Waits for all that was sent. *ret_is_certain: where it failed, the server said so before it came to the end. */
static enum status
collect_answers(struct postgres_store *postgres, bool *ret_is_certain, struct error *err)
{
    bool   has_failed = PQpipelineSync(postgres->conn) != 1;
    size_t count      = postgres->queue_count;

    *ret_is_certain       = false;
    postgres->queue_count = 0;
    if (has_failed)
        return postgres_lost(postgres, "be reached", err);
    for (size_t i = 0; i < count; i++) {
        PGresult *result = PQgetResult(postgres->conn);
        if (result == NULL || (PQstatus(postgres->conn) == CONNECTION_BAD && PQresultErrorField(result, PG_DIAG_SQLSTATE) == NULL)) {
            PQclear(result);
            return has_failed ? ST_ERROR : postgres_lost(postgres, postgres->queue[i].what, err);
        }
        if (!take_answer(postgres, &postgres->queue[i], result, has_failed, err)) {
            *ret_is_certain |= !has_failed && !postgres->queue[i].is_commit;
            has_failed = true;
        }
        while ((result = PQgetResult(postgres->conn)) != NULL)
            PQclear(result);
    }
    for (;;) {
        PGresult            *result = PQgetResult(postgres->conn);
        const ExecStatusType status = PQresultStatus(result);
        PQclear(result);
        if (status == PGRES_PIPELINE_SYNC)
            break;
        if (PQstatus(postgres->conn) == CONNECTION_BAD)
            return has_failed ? ST_ERROR : postgres_lost(postgres, "hear the end of an answer", err);
    }
    return has_failed ? ST_ERROR : ST_OK;
}

/* What was prepared behind an error was passed over, too: all is prepared anew, under other names. */
static enum status
collect(struct postgres_store *postgres, bool *ret_is_certain, struct error *err)
{
    enum status status = collect_answers(postgres, ret_is_certain, err);

    if (status != ST_OK)
        postgres->session++;
    return status;
}

static enum status
collect_all(struct postgres_store *postgres, struct error *err)
{
    bool is_certain;

    return collect(postgres, &is_certain, err);
}

static enum status
send_text(struct postgres_store *postgres, const char *sql, const char *what, bool is_commit, struct error *err)
{
    if (PQsendQueryParams(postgres->conn, sql, 0, NULL, NULL, NULL, NULL, 1) != 1)
        return postgres_lost(postgres, what, err);
    return queue_add(postgres, NULL, what, is_commit, err);
}

/* ---- Statements ---- */

static Oid
oid_of(char letter, bool is_array)
{
    switch (letter) {
    case 'i':
        return is_array ? OID_INT8_ARRAY : OID_INT8;
    case 'd':
        return is_array ? OID_DOUBLE_ARRAY : OID_DOUBLE;
    case 'b':
        return is_array ? OID_BYTES_ARRAY : OID_BYTES;
    default:
        return is_array ? OID_TEXT_ARRAY : OID_TEXT;
    }
}

static void
clear_values(struct sql_statement *statement)
{
    for (int i = 0; i < statement->parameter_count; i++)
        statement->values[i] = (struct value){ .is_null = true };
    arena_clear(&statement->arena);
    statement->has_no_memory = false;
}

static void
clear_batch(struct sql_statement *statement)
{
    for (int i = 0; i < statement->parameter_count; i++) {
        str_builder_clear(&statement->columns[i]);
        statement->has_null[i] = false;
    }
    statement->row_count = statement->size_bytes = 0;
}

static void
free_statement(struct sql_statement *statement)
{
    for (int i = 0; i < PARAMETERS_MAX; i++)
        str_builder_release(&statement->columns[i]);
    arena_release(&statement->arena);
    PQclear(statement->result);
    memory_free(statement->sql);
    memory_free(statement->types);
    memory_free(statement);
}

static struct sql_statement *
prepare(struct sql_store *sql, const struct sql_text *text, struct error *err)
{
    struct sql_statement *statement = memory_alloc_zero(sizeof *statement);
    struct str_builder    translated = STR_BUILDER_EMPTY;

    if (statement == NULL) {
        error_no_memory(err);
        return NULL;
    }
    CHECK(strlen(text->types) <= PARAMETERS_MAX);
    postgres_statement(text, &translated);
    statement->postgres        = of(sql);
    statement->is_batch        = strstr(text->sql, SQL_ROWS) != NULL;
    statement->parameter_count = (int)strlen(text->types);
    statement->row             = -1;
    arena_init(&statement->arena, 0);
    statement->types = memory_copy(text->types, strlen(text->types));
    if (str_builder_is_ok(&translated))
        statement->sql = memory_copy(str_builder_cstr(&translated), translated.size);
    str_builder_release(&translated);
    clear_values(statement);
    if (statement->sql != NULL && statement->types != NULL)
        return statement;
    free_statement(statement);
    error_no_memory(err);
    return NULL;
}

/* Sends it with these values, prepared first in this session. */
static enum status
send_values(struct sql_statement *statement, const char *const *values, const int *sizes, bool wants_answer, const char *what, struct error *err)
{
    struct postgres_store *postgres = statement->postgres;
    int                    formats[PARAMETERS_MAX];
    Oid                    oids[PARAMETERS_MAX];

    for (int i = 0; i < statement->parameter_count; i++) {
        formats[i] = 1;
        oids[i]    = oid_of(statement->types[i], statement->is_batch);
    }
    if (statement->session != postgres->session) {
        snprintf(statement->name, sizeof statement->name, "s%u", ++postgres->name_count);
        if (PQsendPrepare(postgres->conn, statement->name, statement->sql, statement->parameter_count, oids) != 1)
            return postgres_lost(postgres, what, err);
        if (queue_add(postgres, NULL, what, false, err) != ST_OK)
            return ST_ERROR;
        statement->session = postgres->session;
    }
    if (PQsendQueryPrepared(postgres->conn, statement->name, statement->parameter_count, values, sizes, formats, 1) != 1)
        return postgres_lost(postgres, what, err);
    return queue_add(postgres, wants_answer ? statement : NULL, what, false, err);
}

/* The rows that wait go as one statement. */
static enum status
flush(struct postgres_store *postgres, struct error *err)
{
    struct sql_statement *statement = postgres->batch;
    const char           *values[PARAMETERS_MAX];
    int                   sizes[PARAMETERS_MAX];
    enum status           status = ST_OK;

    if (statement == NULL)
        return ST_OK;
    postgres->batch = NULL;
    for (int i = 0; i < statement->parameter_count && status == ST_OK; i++) {
        struct str_builder *column = &statement->columns[i];
        status = str_builder_status(column, err);
        if (status != ST_OK)
            break;
        put_big_endian(column->data, 1, 4);
        put_big_endian(column->data + 4, statement->has_null[i], 4);
        put_big_endian(column->data + 8, oid_of(statement->types[i], false), 4);
        put_big_endian(column->data + 12, statement->row_count, 4);
        put_big_endian(column->data + 16, 1, 4);
        values[i] = column->data;
        sizes[i]  = (int)column->size;
    }
    if (status == ST_OK)
        status = send_values(statement, values, sizes, false, "write rows", err);
    clear_batch(statement);
    return status;
}

static enum status
send_one(struct sql_statement *statement, bool wants_answer, const char *what, struct error *err)
{
    const char *values[PARAMETERS_MAX];
    int         sizes[PARAMETERS_MAX];

    if (flush(statement->postgres, err) != ST_OK)
        return ST_ERROR;
    if (statement->has_no_memory)
        return error_no_memory(err);
    CHECK(!statement->is_batch);
    for (int i = 0; i < statement->parameter_count; i++) {
        values[i] = statement->values[i].is_null ? NULL : statement->values[i].data;
        sizes[i]  = (int)statement->values[i].size;
    }
    return send_values(statement, values, sizes, wants_answer, what, err);
}

static void
reset(struct sql_statement *statement)
{
    PQclear(statement->result);
    statement->result  = NULL;
    statement->row     = -1;
    statement->is_sent = false;
    clear_values(statement);
}

static void
finalize(struct sql_statement *statement)
{
    struct error err = ERROR_EMPTY;
    char         sql[40];

    if (statement == NULL)
        return;
    if (statement->postgres->batch == statement && flush(statement->postgres, &err) != ST_OK)
        PQsendQueryParams(statement->postgres->conn, "select 1/0", 0, NULL, NULL, NULL, NULL, 1);
    if (statement->session == statement->postgres->session && statement->session != 0 && PQstatus(statement->postgres->conn) == CONNECTION_OK) {
        snprintf(sql, sizeof sql, "deallocate %s", statement->name);
        (void)send_text(statement->postgres, sql, "forget a statement", false, &err);
    }
    free_statement(statement);
}

/* ---- Values ---- */

static void
bind_value(struct sql_statement *statement, int at, const char *data, size_t size)
{
    struct value *value = &statement->values[at - 1];

    CHECK(at >= 1 && at <= statement->parameter_count);
    value->is_null = false;
    value->data    = data;
    value->size    = size;
}

static void
bind_int(struct sql_statement *statement, int at, int64_t number)
{
    put_big_endian(statement->values[at - 1].number, (uint64_t)number, 8);
    bind_value(statement, at, statement->values[at - 1].number, 8);
}

static void
bind_double(struct sql_statement *statement, int at, double number)
{
    uint64_t bits;

    memcpy(&bits, &number, sizeof bits);
    bind_int(statement, at, (int64_t)bits);
}

static void
bind_bytes(struct sql_statement *statement, int at, struct str bytes)
{
    bind_value(statement, at, bytes.size == 0 ? "" : bytes.data, bytes.size);
}

static void
bind_text(struct sql_statement *statement, int at, struct str text)
{
    struct str_builder encoded = STR_BUILDER_EMPTY;
    struct str         copy    = STR_EMPTY;

    if (postgres_text_fits(text)) {
        bind_bytes(statement, at, text);
        return;
    }
    postgres_text_encode(text, &encoded);
    if (!str_builder_is_ok(&encoded) || !arena_text(&statement->arena, str_builder_text(&encoded), &copy))
        statement->has_no_memory = true;
    bind_bytes(statement, at, copy);
    str_builder_release(&encoded);
}

/* ---- Running ---- */

static enum status
ask(struct sql_statement *statement, const char *what, struct error *err)
{
    if (send_one(statement, true, what, err) != ST_OK)
        return ST_ERROR;
    statement->is_sent = true;
    return ST_OK;
}

/* What had to be written otherwise is read as it was. */
static struct str
decoded(struct sql_statement *statement, struct str text)
{
    struct str_builder out  = STR_BUILDER_EMPTY;
    struct str         copy = text;

    postgres_text_decode(text, &out);
    if (!str_builder_is_ok(&out) || !arena_text(&statement->arena, str_builder_text(&out), &copy))
        copy = text;
    str_builder_release(&out);
    return copy;
}

static enum sql_step
step(struct sql_statement *statement, const char *what, struct error *err)
{
    if (statement->result == NULL) {
        if (!statement->is_sent && ask(statement, what, err) != ST_OK)
            return SQL_FAILED;
        if (collect_all(statement->postgres, err) != ST_OK)
            return SQL_FAILED;
        if (statement->result == NULL) {
            error_set(err, ERR_INTERNAL, "the store cannot %s: there is no answer", what);
            return SQL_FAILED;
        }
    }
    if (statement->row + 1 >= PQntuples(statement->result))
        return SQL_DONE;
    statement->row++;
    return SQL_ROW;
}

static enum status
put_row(struct sql_statement *statement, const char *what, struct error *err)
{
    static const char head[ARRAY_HEAD_SIZE];
    char              size[4];

    (void)what;
    if (statement->has_no_memory)
        return error_no_memory(err);
    for (int i = 0; i < statement->parameter_count; i++) {
        const struct value *value = &statement->values[i];
        if (statement->row_count == 0)
            str_builder_append(&statement->columns[i], str_of(head, sizeof head));
        put_big_endian(size, value->is_null ? UINT32_MAX : value->size, 4);
        str_builder_append(&statement->columns[i], str_of(size, sizeof size));
        if (!value->is_null)
            str_builder_append(&statement->columns[i], str_of(value->data, value->size));
        statement->has_null[i] |= value->is_null;
        statement->size_bytes += 4 + value->size;
    }
    statement->row_count++;
    if (statement->row_count < SQL_BATCH_COUNT_MAX && statement->size_bytes < SQL_BATCH_SIZE_MAX)
        return ST_OK;
    return flush(statement->postgres, err);
}

static enum status
put(struct sql_statement *statement, const char *what, struct error *err)
{
    struct postgres_store *postgres = statement->postgres;
    enum status            status   = ST_OK;

    if (statement->is_batch && postgres->batch != statement)
        status = flush(postgres, err);
    if (status == ST_OK && statement->is_batch) {
        postgres->batch = statement;
        status          = put_row(statement, what, err);
    } else if (status == ST_OK) {
        status = send_one(statement, false, what, err);
    }
    reset(statement);
    return status;
}

static int64_t
changed_count(const struct sql_statement *statement)
{
    int64_t count = 0;

    (void)str_to_int64(str_from(PQcmdTuples(statement->result)), &count);
    return count;
}

static bool
is_null(struct sql_statement *statement, int column)
{
    return PQgetisnull(statement->result, statement->row, column) == 1;
}

static int64_t
column_int(struct sql_statement *statement, int column)
{
    if (is_null(statement, column))
        return 0;
    CHECK(PQftype(statement->result, column) != OID_TEXT && PQgetlength(statement->result, statement->row, column) <= 8);
    return get_big_endian(PQgetvalue(statement->result, statement->row, column), PQgetlength(statement->result, statement->row, column));
}

static struct str
column_text(struct sql_statement *statement, int column)
{
    struct str text = str_of(PQgetvalue(statement->result, statement->row, column), (size_t)PQgetlength(statement->result, statement->row, column));

    if (is_null(statement, column))
        return STR_EMPTY;
    return PQftype(statement->result, column) == OID_TEXT && postgres_text_is_encoded(text) ? decoded(statement, text) : text;
}

/* ---- Transactions ---- */

static enum status
run(struct sql_store *sql, const char *script, const char *what, struct error *err)
{
    struct postgres_store *postgres   = of(sql);
    struct str             rest       = str_from(script);
    struct str_builder     definition = STR_BUILDER_EMPTY;
    enum status            status     = flush(postgres, err);

    while (status == ST_OK && postgres_definition(&rest, &definition)) {
        status = str_builder_status(&definition, err);
        if (status == ST_OK)
            status = send_text(postgres, str_builder_cstr(&definition), what, false, err);
        str_builder_clear(&definition);
    }
    if (status == ST_OK)
        status = collect_all(postgres, err);
    str_builder_release(&definition);
    return status;
}

void
postgres_forget_rows(struct postgres_store *postgres)
{
    if (postgres->batch != NULL)
        clear_batch(postgres->batch);
    postgres->batch = NULL;
}

static enum status
begin(struct sql_store *sql, bool is_writing, struct error *err)
{
    struct postgres_store *postgres = of(sql);

    (void)is_writing;
    CHECK(postgres->batch == NULL);
    postgres->is_committed = false;
    return send_text(postgres, "begin", "begin", false, err);
}

static void
rollback(struct sql_store *sql)
{
    struct postgres_store *postgres = of(sql);
    struct error           err      = ERROR_EMPTY;

    postgres_forget_rows(postgres);
    if (PQstatus(postgres->conn) == CONNECTION_OK && send_text(postgres, "rollback", "roll back", false, &err) == ST_OK)
        (void)collect_all(postgres, &err);
}

static enum store_outcome
commit(struct sql_store *sql, const char *what, struct error *err)
{
    struct postgres_store *postgres   = of(sql);
    bool                   is_certain = true;

    if (flush(postgres, err) != ST_OK || PQstatus(postgres->conn) != CONNECTION_OK) {
        rollback(sql);
        return STORE_FAILED;
    }
    if (send_text(postgres, "commit", what, true, err) != ST_OK) /* It may be on its way. */
        return STORE_UNKNOWN;
    if (collect(postgres, &is_certain, err) == ST_OK && postgres->is_committed) {
        postgres->mend_count = 0;
        return STORE_COMMITTED;
    }
    if (!is_certain) {
        error_context(err, "not knowing whether it is there: the next start looks");
        return STORE_UNKNOWN;
    }
    rollback(sql);
    return STORE_FAILED;
}

const struct sql_driver postgres_driver = { .prepare = prepare, .finalize = finalize, .reset = reset, .bind_int = bind_int, .bind_double = bind_double,
                                          .bind_text = bind_text, .bind_bytes = bind_bytes, .ask = ask, .step = step, .put = put,
                                          .changed_count = changed_count, .is_null = is_null, .column_int = column_int, .column_text = column_text,
                                          .run = run, .begin = begin, .commit = commit, .rollback = rollback, .is_mended = postgres_is_mended,
                                          .close = postgres_close };
