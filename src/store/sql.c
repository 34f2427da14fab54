/* The statements of a store over SQL; owning and loading (sql_int.h). */
#include "store/sql_int.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/embedded.h"

#define SCHEMA_VERSION "3" /* Of the tables, and of the state that epochs refer to (live/segment.h). */

#define LETTERS_MEANT "source = ?1 and status = 'open' and reason_code <> 'too_large' and (?2 is null or reason_code = ?2) and " \
                      "(?3 is null or (partition_id = ?3 and position = ?4))"

#define RETRY_JOIN "dead_letter_retry r join dead_letter d on d.source = r.source and d.partition_id = r.partition_id and d.position = r.position"

#define ALERTS_OF_LETTER "select alert_id from alert_revisions where rule = 'unevaluated_result' and evidence = ?1"

/* All columns of alert_revisions, and the same taken from a revision with what changes: revision, status, its reason, detected_at, who and when
 * acknowledged it, the explanation, and epoch. */
#define ALERT_COLUMNS "alert_id, revision, rule, rule_version, limits_approved, mode, severity, status, status_reason, person_id, subject_system, " \
                      "subject_id, encounter_id, location, ordering_practitioner_id, code, value, unit, reference_range, event_time, "             \
                      "effective_time, detected_at, acknowledged_by, acknowledged_at, explanation, evidence, labels, epoch"
#define ALERT_CHANGED(status, reason, detected, by, at, explanation, epoch)                                                                       \
    "alert_id, revision + 1, rule, rule_version, limits_approved, mode, severity, " status ", " reason ", person_id, subject_system, "             \
    "subject_id, encounter_id, location, ordering_practitioner_id, code, value, unit, reference_range, event_time, effective_time, " detected ", " \
    by ", " at ", " explanation ", evidence, labels, " epoch

/* A person's revision waits since it was made, not since the epoch before it. In the order of the index, so that a long queue is not sorted for each batch, and another sink's is not looked at. A row that
 * was never tried is due whatever the clock says: a clock set back must not hold an alert. Not those that have, of the same
 * alert, such an `older_` one. */
#define OUTBOX_DUE(older_)                                                                                                                        \
    "select o.attempts, case when a.acknowledged_at = a.detected_at then a.detected_at else coalesce(h.committed_at, a.detected_at) end, "          \
    "a.limits_approved, a.event_time, a.effective_time, "                                                                                         \
    "a.detected_at, a.revision, a.alert_id, a.rule, a.rule_version, a.mode, a.severity, a.status, a.status_reason, "                              \
    "a.person_id, a.subject_system, a.subject_id, a.encounter_id, a.location, a.ordering_practitioner_id, a.code, "                               \
    "a.value, a.unit, a.reference_range, a.explanation, a.evidence, a.labels, a.acknowledged_by, a.acknowledged_at "                              \
    "from (select w.alert_id, w.revision, w.attempts, w.next_attempt_at from alert_outbox w indexed by alert_outbox_due "                         \
    "where w.sink = ?1 and w.status = 'waiting' and (w.attempts = 0 or w.next_attempt_at <= ?2) and not exists " older_                           \
    " order by w.next_attempt_at, w.alert_id, w.revision limit ?3) o "                                                                            \
    "join alert_revisions a on a.alert_id = o.alert_id and a.revision = o.revision "                                                              \
    "left join epoch_header h on h.epoch = a.epoch order by o.next_attempt_at, o.alert_id, o.revision"

/* Whoever asks for the generation in a transaction keeps others from raising it before that has ended: in SQLite by the transaction itself. */
#define SQL_LOCKED " /*locked*/"

static const struct sql_text statements[SQL_STATEMENT_COUNT] = {
    [SQL_GENERATION] = { "select value from store_meta where name = 'generation'" SQL_LOCKED, "" },
    [SQL_LAST_EPOCH] = { "select epoch, segment, decisions from epoch_header order by epoch desc limit 1", "" },
    [SQL_POSITIONS] = { "select source, partition_id, position, watermark, identity, (select count(*) from source_position) from source_position "
                        "order by source, partition_id", "" },
    [SQL_TABLES] = { "select name, value from store_meta where name >= 'table:' and name < 'table;'", "" },
    [SQL_HEADER] = { "insert into epoch_header (epoch, generation, watermark, cut_reason, decisions, output_digest, segment, committed_at) "
                     "select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8" SQL_ROWS, "iiitttti" },
    [SQL_ACCOUNT] = { "insert into epoch (epoch, source, partition_id, entity, position_begin, position_end, received, loaded, "
                      "deduplicated, filtered, quarantined, bytes, late, watermark) "
                      "select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14" SQL_ROWS, "itttiiiiiiiiii" },
    [SQL_REASON] = { "insert into accounting_reason (epoch, source, entity, outcome, reason_code, row_count) select ?1, ?2, ?3, ?4, ?5, ?6" SQL_ROWS,
                     "itttti" },
    [SQL_POSITION_PUT] = { "insert into source_position (source, partition_id, position, watermark, identity, epoch) select ?1, ?2, ?3, ?4, ?5, ?6" SQL_ROWS
                           " where true on conflict (source, partition_id) do update set position = excluded.position, "
                           "watermark = excluded.watermark, identity = excluded.identity, epoch = excluded.epoch", "ttiiti" },
    [SQL_ALERTS_NEWEST] = { "select a.alert_id, a.revision, a.status, a.status_reason, a.severity, a.value, a.unit, a.acknowledged_by, a.acknowledged_at, "
                            "case when a.acknowledged_at is not null then json_extract(a.explanation, '$.handled') end "
                            "from (select n.id, (select max(b.revision) from alert_revisions b where b.alert_id = n.id) as newest from "
                            "(select value as id from json_each(?1)) n) w join alert_revisions a on a.alert_id = w.id and a.revision = w.newest", "t" },
    [SQL_ALERT] = { "insert into alert_revisions (" ALERT_COLUMNS ") select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, "
                    "?18, ?19, ?20, ?21, ?22, ?27, ?28, case when ?29 is null then ?23 else json_set(?23, '$.handled', json(?29)) end, ?24, ?25, ?26" SQL_ROWS,
                    "tittittttttttttttttiiittti" "tit" },
    [SQL_ALERT_FIND] = { "select distinct alert_id from alert_revisions where alert_id >= ?1 and alert_id < ?1 || 'g' limit 2", "t" },
    /* The epoch behind which it was made. */
    [SQL_ALERT_ACT] = { "insert into alert_revisions (" ALERT_COLUMNS ") select "
                        ALERT_CHANGED("?2", "?3", "?4", "?5", "?6", "json_set(explanation, '$.handled', json(?7))",
                                      "coalesce((select max(epoch) from epoch_header), 0)")
                        " from alert where alert_id = ?1", "tttitit" },
    [SQL_ALERT_ACT_SEND] = { "insert into alert_outbox (alert_id, revision, sink, status, attempts, next_attempt_at) "
                             "select distinct alert_id, ?2, sink, 'waiting', 0, ?3 from alert_outbox where alert_id = ?1", "tii" },
    [SQL_OUTBOX] = { "insert into alert_outbox (alert_id, revision, sink, status, attempts, next_attempt_at) select ?1, ?2, ?3, 'waiting', 0, ?4" SQL_ROWS,
                     "titi" },
    [SQL_DEAD_LETTER] = { "insert into dead_letter (source, partition_id, position, row_number, step, entity, path, event_id, event_key, headers, "
                          "received_at, reason_code, reason, bytes, plan_digest, status, attempts, epoch) "
                          "select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 'open', 0, ?16" SQL_ROWS, "ttiittttttittbti" },
    [SQL_LATE_EVENT] = { "insert into late_event (source, partition_id, position, step, event_time, watermark, reason_code, reason, bytes, "
                         "received_at, status, epoch) select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'open', ?11" SQL_ROWS, "ttitiittbii" },
    [SQL_META] = { "select value from store_meta where name = ?1", "t" },
    [SQL_META_PUT] = { "insert into store_meta (name, value) values (?1, ?2) on conflict (name) do update set value = excluded.value", "tt" },
    [SQL_OUTBOX_DUE] = { OUTBOX_DUE("(select 1 from alert_outbox p where p.alert_id = w.alert_id and p.sink = w.sink and p.revision < w.revision and "
                                    "p.status = 'waiting' and p.next_attempt_at > w.next_attempt_at)"), "tii" },
    [SQL_OUTBOX_DUE_FIRST] = { OUTBOX_DUE("(select 1 from alert_outbox p where p.alert_id = w.alert_id and p.sink = w.sink and p.revision < w.revision "
                                          "and p.status = 'waiting')"), "tii" },
    [SQL_OUTBOX_MARK] = { "update alert_outbox set status = ?4, attempts = attempts + 1, next_attempt_at = ?5, delivered_at = ?6, last_error = ?7" SQL_ROWS
                          " where alert_id = ?1 and revision = ?2 and sink = ?3 and status = 'waiting'", "tittiit" },
    /* Of several letters of a record one that is open, or waits, speaks for it. */
    [SQL_LETTER_FIND] = { "select status, reason_code from (select status, reason_code from dead_letter where source = ?1 and partition_id = ?2 and "
                          "position = ?3 union all select '', '' from late_event where partition_id = ?2 and position = ?3) as found "
                          "order by status = 'open' desc, status = 'retried' desc, status = '' limit 1", "tti" },
    [SQL_LETTER_NUMBER] = { "select coalesce(max(number), 0) from dead_letter_retry where source = ?1", "t" },
    /* Of a record that was too large only a beginning is kept. */
    [SQL_LETTER_QUEUE] = { "insert into dead_letter_retry (source, number, partition_id, position, requested_at) "
                           "select source, ?5 + row_number() over (order by partition_id, position), partition_id, position, ?6 from "
                           "(select distinct source, partition_id, position from dead_letter where " LETTERS_MEANT ") as meant", "tttiii" },
    /* A record may have several letters, with the same bytes: it is retried whole. */
    [SQL_LETTER_MARK] = { "update dead_letter set status = 'retried' where source = ?1 and status = 'open' and (partition_id, position) in "
                          "(select partition_id, position from dead_letter where " LETTERS_MEANT ")", "ttti" },
    [SQL_LETTER_WAITING] = { "select r.number, r.position, r.partition_id, (select d.bytes from dead_letter d where d.source = r.source and "
                             "d.partition_id = r.partition_id and d.position = r.position limit 1) from dead_letter_retry r where r.source = ?1 and "
                             "r.number >= ?2 order by r.number limit ?3", "tii" },
    /* Of a record that is refused whole all letters that wait become letters of one step: of those with one row number one is left. */
    [SQL_LETTER_FAILED_TWINS] = { "delete from dead_letter where source = ?1 and (partition_id, position) in (select r.partition_id, r.position from "
                                  "dead_letter_retry r where r.source = ?1 and r.number = ?2) and exists (select 1 from dead_letter e where "
                                  "e.source = dead_letter.source and e.partition_id = dead_letter.partition_id and e.position = dead_letter.position and "
                                  "e.row_number = dead_letter.row_number and e.status = 'retried' and e.step <> dead_letter.step and "
                                  "case when dead_letter.status = 'retried' then e.step = ?3 or (dead_letter.step <> ?3 and e.step < dead_letter.step) "
                                  "else dead_letter.step = ?3 end)", "tit" },
    /* A refused row: the letter of its place in the record, else one that waits and takes its place. A refused record, which has
     * no entity: all that wait. */
    [SQL_LETTER_FAILED] = { "update dead_letter set status = 'open', attempts = attempts + 1, resolved_by = null, "
                            "row_number = case when ?4 = '' then row_number else ?10 end, step = ?3, entity = ?4, path = ?5, "
                            "event_id = ?6, reason_code = ?7, reason = ?8, plan_digest = ?9 where (source, partition_id, position, row_number, step) in "
                            "(select d.source, d.partition_id, d.position, d.row_number, d.step from " RETRY_JOIN " where r.source = ?1 and r.number = ?2 "
                            "and (d.status = 'retried' or (d.row_number = ?10 and d.step = ?3)) order by d.row_number = ?10 and d.step = ?3 desc, "
                            "d.row_number = ?10 desc, d.row_number limit case when ?4 = '' then 9223372036854775807 else 1 end)", "tittttttti" },
    /* More of the record's rows are refused than were. */
    [SQL_LETTER_FAILED_MORE] = { "insert into dead_letter (source, partition_id, position, row_number, step, entity, path, event_id, event_key, headers, "
                                 "received_at, reason_code, reason, bytes, plan_digest, status, attempts, epoch) select d.source, d.partition_id, d.position, "
                                 "?10, ?3, ?4, ?5, ?6, d.event_key, d.headers, d.received_at, ?7, ?8, d.bytes, ?9, 'open', 1, ?11 from " RETRY_JOIN
                                 " where r.source = ?1 and r.number = ?2 limit 1", "titttttttii" },
    [SQL_LETTER_RESOLVED] = { "update dead_letter set status = 'resolved', attempts = attempts + 1, "
                              "resolved_by = '" STORE_LETTERS_SOURCE "/' || r.source || ':' || r.number from dead_letter_retry r "
                              "where r.source = ?1 and r.number >= ?2 and r.number < ?3 and dead_letter.source = r.source and "
                              "dead_letter.partition_id = r.partition_id and dead_letter.position = r.position and dead_letter.status = 'retried'", "tii" },
    [SQL_LETTER_TAKEN] = { "select distinct r.source, r.partition_id, r.position from " RETRY_JOIN " where r.source = ?1 and r.number >= ?2 and r.number < ?3 "
                           "and d.status = 'retried'", "tii" },
    /* Not one that this very epoch raised: the result has come in, and still cannot be judged. It is to be handled anew. */
    [SQL_LETTER_RETRACT] = { "insert into alert_revisions (" ALERT_COLUMNS ") select "
                             ALERT_CHANGED("'retracted'", "'letter_resolved'", "?2", "acknowledged_by", "acknowledged_at",
                                           "case when acknowledged_at is null then explanation else json_remove(explanation, '$.handled') end", "?3")
                             " from alert where status <> 'retracted' and epoch < ?3 and alert_id in (" ALERTS_OF_LETTER ") "
                             "returning alert_id, severity, value, evidence, event_time", "tii" },
    /* To whoever got an earlier one. */
    [SQL_LETTER_RETRACT_SEND] = { "insert into alert_outbox (alert_id, revision, sink, status, attempts, next_attempt_at) "
                                  "select distinct a.alert_id, a.revision, o.sink, 'waiting', 0, ?2 from alert a join alert_outbox o on o.alert_id = a.alert_id "
                                  "where a.epoch = ?3 and a.status_reason = 'letter_resolved' and a.alert_id in (" ALERTS_OF_LETTER ") on conflict do nothing",
                                  "tii" },
    /* Where the store keeps the state's records itself. */
    [SQL_STATE_PUT] = { "insert into state_record (epoch, part, digest, bytes) select ?1, ?2, ?3, ?4" SQL_ROWS, "iitb" },
    [SQL_STATE_CUT] = { "delete from state_record where epoch < ?1", "i" },
    [SQL_STATE_GET] = { "select part, digest, bytes from state_record where epoch = ?1 and part >= ?2 order by part limit 1", "ii" },
};

/* ---- Statements ---- */

struct sql_statement *
sql_prepare(struct sql_store *sql, enum sql_statement_name which, struct error *err)
{
    struct sql_statement **statement = &sql->statements[which];

    if (*statement == NULL)
        *statement = sql->driver->prepare(sql, &statements[which], err);
    if (*statement != NULL)
        sql->driver->reset(*statement);
    return *statement;
}

void
sql_bind_text(struct sql_store *sql, struct sql_statement *statement, int at, struct str text, bool is_nullable)
{
    if (text.size > 0 || !is_nullable)
        sql->driver->bind_text(statement, at, text.size == 0 ? STR("") : text);
}

void
sql_bind_time(struct sql_store *sql, struct sql_statement *statement, int at, int64_t time_us)
{
    if (time_us != STORE_TIME_NONE)
        sql->driver->bind_int(statement, at, time_us);
}

enum status
sql_step_done(struct sql_store *sql, struct sql_statement *statement, const char *what, struct error *err)
{
    enum status status = sql->driver->step(statement, what, err) == SQL_DONE ? ST_OK : ST_ERROR;

    sql->driver->reset(statement);
    return status;
}

bool
sql_column_copy(struct sql_store *sql, struct arena *arena, struct sql_statement *statement, int column, struct str *ret_text)
{
    return arena_text(arena, sql->driver->column_text(statement, column), ret_text);
}

enum status
sql_meta(struct sql_store *sql, const char *name, char *out, size_t out_size, struct error *err)
{
    struct sql_statement *statement = sql_prepare(sql, SQL_META, err);
    enum sql_step         step;

    if (statement == NULL)
        return ST_ERROR;
    sql->driver->bind_text(statement, 1, str_from(name));
    step   = sql->driver->step(statement, "read store_meta", err);
    out[0] = '\0';
    if (step == SQL_ROW)
        snprintf(out, out_size, "%.*s", STR_PRINTF(sql->driver->column_text(statement, 0)));
    sql->driver->reset(statement);
    return step == SQL_FAILED ? ST_ERROR : ST_OK;
}

enum status
sql_meta_put(struct sql_store *sql, const char *name, const char *value, struct error *err)
{
    struct sql_statement *statement = sql_prepare(sql, SQL_META_PUT, err);

    if (statement == NULL)
        return ST_ERROR;
    sql->driver->bind_text(statement, 1, str_from(name));
    sql->driver->bind_text(statement, 2, str_from(value));
    return sql->driver->put(statement, "write store_meta", err);
}

/* ---- Transactions ---- */

static enum status
read_generation(struct sql_store *sql, uint64_t *ret_generation, struct error *err)
{
    struct sql_statement *statement = sql_prepare(sql, SQL_GENERATION, err);
    enum status           status    = ST_ERROR;
    enum sql_step         step;

    if (statement == NULL)
        return ST_ERROR;
    step = sql->driver->step(statement, "read its generation", err);
    if (step == SQL_DONE || (step == SQL_ROW && !str_to_uint64(sql->driver->column_text(statement, 0), ret_generation)))
        error_set(err, ERR_CORRUPT, "the store's generation is not a number");
    else if (step == SQL_ROW)
        status = ST_OK;
    sql->driver->reset(statement);
    return status;
}

enum status
sql_check_generation(struct sql_store *sql, uint64_t generation, struct error *err)
{
    uint64_t owner = 0;

    if (read_generation(sql, &owner, err) != ST_OK)
        return ST_ERROR;
    if (owner == generation)
        return ST_OK;
    error_set(err, ERR_FENCED, "generation %llu owns the store now, this process is of generation %llu", (unsigned long long)owner,
              (unsigned long long)generation);
    error_hint(err, "another process took the store over; this one stops");
    return ST_ERROR;
}

enum status
sql_begin(struct sql_store *sql, uint64_t generation, bool is_writing, struct error *err)
{
    for (;;) {
        enum status status = sql->driver->begin(sql, is_writing, err);

        if (status == ST_OK) {
            status = sql_check_generation(sql, generation, err);
            if (status == ST_OK)
                return ST_OK;
            sql->driver->rollback(sql);
        }
        if (sql->driver->is_mended == NULL || !sql->driver->is_mended(sql, err))
            return ST_ERROR;
    }
}

enum status
sql_end(struct sql_store *sql, enum status status, const char *what, struct error *err)
{
    if (status == ST_OK)
        return sql->driver->commit(sql, what, err) == STORE_COMMITTED ? ST_OK : ST_ERROR;
    sql->driver->rollback(sql);
    return status;
}

/* ---- Owning ---- */

static enum status
raise_generation(struct sql_store *sql, uint64_t *ret_generation, struct error *err)
{
    char        text[32];
    enum status status = sql->driver->own == NULL ? ST_OK : sql->driver->own(sql, err);

    if (status == ST_OK)
        status = read_generation(sql, ret_generation, err);
    snprintf(text, sizeof text, "%llu", (unsigned long long)++*ret_generation);
    return status == ST_OK ? sql_meta_put(sql, "generation", text, err) : status;
}

/* P1: in a transaction of its own, committed before anything is read. */
enum status
sql_own(struct store *store, uint64_t *ret_generation, struct error *err)
{
    struct sql_store *sql        = (struct sql_store *)store;
    uint64_t          generation = 0;
    enum status       status     = sql->driver->begin(sql, true, err);

    if (status == ST_OK)
        status = sql_end(sql, raise_generation(sql, &generation, err), "commit the generation", err);
    if (status == ST_OK)
        *ret_generation = sql->generation = generation;
    else
        error_context(err, "taking ownership of the store");
    return status;
}

static bool
take_position(struct sql_store *sql, struct arena *arena, struct sql_statement *statement, struct store_position *position)
{
    position->position     = sql->driver->column_int(statement, 2);
    position->watermark_us = sql->driver->is_null(statement, 3) ? STORE_TIME_NONE : sql->driver->column_int(statement, 3);
    return sql_column_copy(sql, arena, statement, 0, &position->source) && sql_column_copy(sql, arena, statement, 1, &position->partition_id) &&
           sql_column_copy(sql, arena, statement, 4, &position->identity);
}

static enum status
load_positions(struct sql_store *sql, struct arena *arena, struct store_state *state, struct error *err)
{
    struct sql_statement  *statement  = sql_prepare(sql, SQL_POSITIONS, err);
    struct store_position *positions  = NULL;
    bool                   has_memory = true;
    size_t                 count      = 0;
    enum sql_step          step       = SQL_FAILED;

    while (statement != NULL && has_memory && (step = sql->driver->step(statement, "read positions", err)) == SQL_ROW) {
        if (positions == NULL) /* The count stands in each row, so that the array is made once. */
            positions = ARENA_ARRAY(arena, struct store_position, (size_t)sql->driver->column_int(statement, 5));
        has_memory = positions != NULL && take_position(sql, arena, statement, &positions[count++]);
    }
    if (statement != NULL)
        sql->driver->reset(statement);
    if (!has_memory)
        return error_no_memory(err);
    state->positions      = positions;
    state->position_count = count;
    return step == SQL_DONE ? ST_OK : ST_ERROR;
}

static enum status
load_epoch(struct sql_store *sql, struct arena *arena, struct store_state *state, struct error *err)
{
    struct sql_statement *statement  = sql_prepare(sql, SQL_LAST_EPOCH, err);
    bool                  has_memory = true;
    enum sql_step         step;

    if (statement == NULL)
        return ST_ERROR;
    step = sql->driver->step(statement, "read the last epoch", err);
    if (step == SQL_ROW) {
        state->epoch = (uint64_t)sql->driver->column_int(statement, 0);
        has_memory   = sql_column_copy(sql, arena, statement, 1, &state->segment) && sql_column_copy(sql, arena, statement, 2, &state->decisions);
    }
    sql->driver->reset(statement);
    return !has_memory ? error_no_memory(err) : step == SQL_FAILED ? ST_ERROR : ST_OK;
}

enum status
sql_load(struct store *store, struct arena *arena, struct store_state *ret_state, struct error *err)
{
    struct sql_store  *sql    = (struct sql_store *)store;
    struct store_state state  = { 0 };
    enum status        status = load_epoch(sql, arena, &state, err);

    if (status == ST_OK)
        status = load_positions(sql, arena, &state, err);
    if (status == ST_OK)
        *ret_state = state;
    else
        error_context(err, "loading the store's last epoch");
    return status;
}

/* ---- Making, closing ---- */

static enum status
write_tables(struct sql_store *sql, const char *pipeline, const char *more, struct error *err)
{
    const struct embedded_file *schema = embedded_file_find("src/store/schema.sql");
    enum status                 status;

    if (schema == NULL)
        return error_set(err, ERR_INTERNAL, "the store's schema is not embedded");
    status = sql->driver->run(sql, (const char *)schema->bytes, "make its tables", err);
    if (status == ST_OK && more != NULL)
        status = sql->driver->run(sql, more, "make its tables", err);
    if (status == ST_OK)
        status = sql_meta_put(sql, "pipeline", pipeline, err);
    if (status == ST_OK)
        status = sql_meta_put(sql, "schema_version", SCHEMA_VERSION, err);
    return status == ST_OK ? sql_meta_put(sql, "generation", "0", err) : status;
}

enum status
sql_make_tables(struct sql_store *sql, const char *pipeline, const char *more, struct error *err)
{
    enum status status = sql->driver->begin(sql, true, err);

    return status == ST_OK ? sql_end(sql, write_tables(sql, pipeline, more, err), "commit its tables", err) : status;
}

enum status
sql_check_identity(struct sql_store *sql, const char *pipeline, struct error *err)
{
    char        text[256];
    enum status status = sql_meta(sql, "pipeline", text, sizeof text, err);

    if (status == ST_OK && strcmp(text, pipeline) != 0) {
        error_set(err, ERR_CONFIG, "the store belongs to the pipeline \"%s\", not to \"%s\"", text, pipeline);
        error_hint(err, "a pipeline's name is its identity: give it back its name, or bind another store");
        return ST_ERROR;
    }
    if (status == ST_OK)
        status = sql_meta(sql, "schema_version", text, sizeof text, err);
    if (status == ST_OK && strcmp(text, SCHEMA_VERSION) != 0)
        return error_set(err, ERR_CONFIG, "the store has schema version %s, this heddle knows version " SCHEMA_VERSION, text);
    return status;
}

void
sql_close(struct store *store)
{
    struct sql_store *sql = (struct sql_store *)store;

    for (int i = 0; i < SQL_STATEMENT_COUNT; i++)
        sql->driver->finalize(sql->statements[i]);
    sql->driver->close(sql);
}
