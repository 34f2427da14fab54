/* Opening, owning, loading. */
#include "store/sqlite_int.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "base/embedded.h"
#include "base/memory.h"

#define SCHEMA_VERSION          "3" /* Of the tables, and of the state that epochs refer to (live/segment.h). */
#define BUSY_TIMEOUT_MS         2000
#define CHECKPOINT_COMMIT_COUNT 8 /* Measured: p99 of a commit is lowest where the log is copied back this often. */

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

static const char *const statement_sql[SQL_STATEMENT_COUNT] = {
    [SQL_GENERATION] = "select value from store_meta where name = 'generation'",
    [SQL_LAST_EPOCH] = "select epoch, segment, decisions from epoch_header order by epoch desc limit 1",
    [SQL_POSITION] = "select position from source_position where source = ? and partition_id = ?",
    [SQL_HEADER] = "insert into epoch_header (epoch, generation, watermark, cut_reason, decisions, output_digest, segment, committed_at) "
                   "values (?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_ACCOUNT] = "insert into epoch (epoch, source, partition_id, entity, position_begin, position_end, received, loaded, "
                    "deduplicated, filtered, quarantined, bytes, late, watermark) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_REASON] = "insert into accounting_reason (epoch, source, entity, outcome, reason_code, row_count) values (?, ?, ?, ?, ?, ?)",
    [SQL_POSITION_PUT] = "insert into source_position (source, partition_id, position, watermark, identity, epoch) values (?, ?, ?, ?, ?, ?) "
                         "on conflict (source, partition_id) do update set position = excluded.position, "
                         "watermark = excluded.watermark, identity = excluded.identity, epoch = excluded.epoch",
    [SQL_ALERT_NEWEST] = "select revision, status, status_reason, severity, value, unit, acknowledged_by, acknowledged_at, "
                         "case when acknowledged_at is not null then json_extract(explanation, '$.handled') end "
                         "from alert_revisions where alert_id = ? order by revision desc limit 1",
    [SQL_ALERT] = "insert into alert_revisions (" ALERT_COLUMNS ") values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, "
                  "?18, ?19, ?20, ?21, ?22, ?27, ?28, case when ?29 is null then ?23 else json_set(?23, '$.handled', json(?29)) end, ?24, ?25, ?26)",
    [SQL_ALERT_FIND] = "select distinct alert_id from alert_revisions where alert_id >= ?1 and alert_id < ?1 || 'g' limit 2",
    /* The epoch behind which it was made. */
    [SQL_ALERT_ACT] = "insert into alert_revisions (" ALERT_COLUMNS ") select "
                      ALERT_CHANGED("?2", "?3", "?4", "?5", "?6", "json_set(explanation, '$.handled', json(?7))",
                                    "coalesce((select max(epoch) from epoch_header), 0)")
                      " from alert where alert_id = ?1",
    [SQL_ALERT_ACT_SEND] = "insert into alert_outbox (alert_id, revision, sink, status, attempts, next_attempt_at) "
                           "select distinct alert_id, ?2, sink, 'waiting', 0, ?3 from alert_outbox where alert_id = ?1",
    [SQL_OUTBOX] = "insert into alert_outbox (alert_id, revision, sink, status, attempts, next_attempt_at) values (?, ?, ?, 'waiting', 0, ?)",
    [SQL_DEAD_LETTER] = "insert into dead_letter (source, partition_id, position, row_number, step, entity, path, event_id, event_key, headers, "
                        "received_at, reason_code, reason, bytes, plan_digest, status, attempts, epoch) "
                        "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', 0, ?)",
    [SQL_LATE_EVENT] = "insert into late_event (source, partition_id, position, step, event_time, watermark, reason_code, reason, bytes, "
                       "received_at, status, epoch) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?)",
    [SQL_META] = "select value from store_meta where name = ?",
    [SQL_META_PUT] = "insert into store_meta (name, value) values (?, ?) on conflict (name) do update set value = excluded.value",
    [SQL_OUTBOX_DUE] = OUTBOX_DUE("(select 1 from alert_outbox p where p.alert_id = w.alert_id and p.sink = w.sink and p.revision < w.revision and "
                                  "p.status = 'waiting' and p.next_attempt_at > w.next_attempt_at)"),
    [SQL_OUTBOX_DUE_FIRST] = OUTBOX_DUE("(select 1 from alert_outbox p where p.alert_id = w.alert_id and p.sink = w.sink and p.revision < w.revision "
                                        "and p.status = 'waiting')"),
    [SQL_OUTBOX_MARK] = "update alert_outbox set status = ?4, attempts = attempts + 1, next_attempt_at = ?5, delivered_at = ?6, last_error = ?7 "
                        "where alert_id = ?1 and revision = ?2 and sink = ?3 and status = 'waiting'",
    /* Of several letters of a record one that is open, or waits, speaks for it. */
    [SQL_LETTER_FIND] = "select status, reason_code from (select status, reason_code from dead_letter where source = ?1 and partition_id = ?2 and "
                        "position = ?3 union all select '', '' from late_event where partition_id = ?2 and position = ?3) "
                        "order by status = 'open' desc, status = 'retried' desc, status = '' limit 1",
    [SQL_LETTER_NUMBER] = "select coalesce(max(number), 0) from dead_letter_retry where source = ?1",
    /* Of a record that was too large only a beginning is kept. */
    [SQL_LETTER_QUEUE] = "insert into dead_letter_retry (source, number, partition_id, position, requested_at) "
                         "select source, ?5 + row_number() over (order by partition_id, position), partition_id, position, ?6 from "
                         "(select distinct source, partition_id, position from dead_letter where " LETTERS_MEANT ")",
    /* A record may have several letters, with the same bytes: it is retried whole. */
    [SQL_LETTER_MARK] = "update dead_letter set status = 'retried' where source = ?1 and status = 'open' and (partition_id, position) in "
                        "(select partition_id, position from dead_letter where " LETTERS_MEANT ")",
    [SQL_LETTER_WAITING] = "select r.number, r.position, r.partition_id, d.bytes from " RETRY_JOIN " where r.source = ?1 and r.number >= ?2 "
                           "group by r.number order by r.number limit ?3",
    /* A refused row: the letter of its place in the record, else one that waits and takes its place. A refused record, which has
     * no entity: all that wait. */
    [SQL_LETTER_FAILED] = "update or replace dead_letter set status = 'open', attempts = attempts + 1, resolved_by = null, "
                          "row_number = case when ?4 = '' then row_number else ?10 end, step = ?3, entity = ?4, path = ?5, "
                          "event_id = ?6, reason_code = ?7, reason = ?8, plan_digest = ?9 where (source, partition_id, position, row_number, step) in "
                          "(select d.source, d.partition_id, d.position, d.row_number, d.step from " RETRY_JOIN " where r.source = ?1 and r.number = ?2 "
                          "and (d.status = 'retried' or (d.row_number = ?10 and d.step = ?3)) order by d.row_number = ?10 and d.step = ?3 desc, "
                          "d.row_number = ?10 desc, d.row_number limit case when ?4 = '' then -1 else 1 end)",
    /* More of the record's rows are refused than were. */
    [SQL_LETTER_FAILED_MORE] = "insert into dead_letter (source, partition_id, position, row_number, step, entity, path, event_id, event_key, headers, "
                               "received_at, reason_code, reason, bytes, plan_digest, status, attempts, epoch) select d.source, d.partition_id, d.position, "
                               "?10, ?3, ?4, ?5, ?6, d.event_key, d.headers, d.received_at, ?7, ?8, d.bytes, ?9, 'open', 1, ?11 from " RETRY_JOIN
                               " where r.source = ?1 and r.number = ?2 limit 1",
    [SQL_LETTER_RESOLVED] = "update dead_letter set status = 'resolved', attempts = attempts + 1, "
                            "resolved_by = '" STORE_LETTERS_SOURCE "/' || r.source || ':' || r.number from dead_letter_retry r "
                            "where r.source = ?1 and r.number >= ?2 and r.number < ?3 and dead_letter.source = r.source and "
                            "dead_letter.partition_id = r.partition_id and dead_letter.position = r.position and dead_letter.status = 'retried'",
    [SQL_LETTER_TAKEN] = "select distinct r.source, r.partition_id, r.position from " RETRY_JOIN " where r.source = ?1 and r.number >= ?2 and r.number < ?3 "
                         "and d.status = 'retried'",
    /* Not one that this very epoch raised: the result has come in, and still cannot be judged. It is to be handled anew. */
    [SQL_LETTER_RETRACT] = "insert into alert_revisions (" ALERT_COLUMNS ") select "
                           ALERT_CHANGED("'retracted'", "'letter_resolved'", "?2", "acknowledged_by", "acknowledged_at",
                                         "case when acknowledged_at is null then explanation else json_remove(explanation, '$.handled') end", "?3")
                           " from alert where status <> 'retracted' and epoch < ?3 and alert_id in (" ALERTS_OF_LETTER ") "
                           "returning alert_id, severity, value, evidence, event_time",
    /* To whoever got an earlier one. */
    [SQL_LETTER_RETRACT_SEND] = "insert or ignore into alert_outbox (alert_id, revision, sink, status, attempts, next_attempt_at) "
                                "select distinct a.alert_id, a.revision, o.sink, 'waiting', 0, ?2 from alert a join alert_outbox o on o.alert_id = a.alert_id "
                                "where a.epoch = ?3 and a.status_reason = 'letter_resolved' and a.alert_id in (" ALERTS_OF_LETTER ")",
};

/* What to do about a disk that is full. */
static enum status
hint_full(struct sqlite_store *sqlite, struct error *err)
{
    error_hint(err, "free space on the device of %s and try again: the last committed epoch stays", sqlite3_db_filename(sqlite->db, "main"));
    return ST_ERROR;
}

enum status
sqlite_error(struct sqlite_store *sqlite, struct error *err, const char *what)
{
    int             code = sqlite3_errcode(sqlite->db) & 0xff;
    enum error_code ours = code == SQLITE_FULL ? ERR_FULL : code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_PROTOCOL ? ERR_BUSY : code == SQLITE_NOMEM ? ERR_NO_MEMORY : ERR_IO;
    error_set(err, ours, "the store cannot %s: %s", what, sqlite3_errstr(sqlite3_extended_errcode(sqlite->db)));
    return ours == ERR_FULL ? hint_full(sqlite, err) : ST_ERROR;
}

enum status
sqlite_run(struct sqlite_store *sqlite, const char *sql, struct error *err, const char *what)
{
    return sqlite3_exec(sqlite->db, sql, NULL, NULL, NULL) == SQLITE_OK ? ST_OK : sqlite_error(sqlite, err, what);
}

sqlite3_stmt *
sqlite_prepare(struct sqlite_store *sqlite, enum sqlite_statement which, struct error *err)
{
    sqlite3_stmt **statement = &sqlite->statements[which];
    if (*statement == NULL && sqlite3_prepare_v3(sqlite->db, statement_sql[which], -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) != SQLITE_OK) {
        sqlite_error(sqlite, err, "prepare a statement");
        return NULL;
    }
    sqlite3_reset(*statement);
    sqlite3_clear_bindings(*statement);
    return *statement;
}

enum status
sqlite_step(struct sqlite_store *sqlite, sqlite3_stmt *statement, struct error *err, const char *what)
{
    int code = sqlite3_step(statement);
    enum status status = code == SQLITE_DONE ? ST_OK : sqlite_error(sqlite, err, what);
    sqlite3_reset(statement);
    return status;
}

void
sqlite_bind_text(sqlite3_stmt *statement, int at, struct str text, bool is_nullable)
{
    if (text.size == 0 && is_nullable)
        sqlite3_bind_null(statement, at);
    else
        sqlite3_bind_text64(statement, at, text.size == 0 ? "" : text.data, text.size, SQLITE_STATIC, SQLITE_UTF8);
}

void
sqlite_bind_time(sqlite3_stmt *statement, int at, int64_t time_us)
{
    if (time_us == STORE_TIME_NONE)
        sqlite3_bind_null(statement, at);
    else
        sqlite3_bind_int64(statement, at, time_us);
}

enum status
sqlite_meta(struct sqlite_store *sqlite, const char *name, char *out, size_t out_size, struct error *err)
{
    sqlite3_stmt *statement = sqlite_prepare(sqlite, SQL_META, err);
    if (statement == NULL)
        return ST_ERROR;
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    int code = sqlite3_step(statement);
    out[0] = '\0';
    if (code == SQLITE_ROW)
        snprintf(out, out_size, "%s", (const char *)sqlite3_column_text(statement, 0));
    enum status status = code == SQLITE_ROW || code == SQLITE_DONE ? ST_OK : sqlite_error(sqlite, err, "read store_meta");
    sqlite3_reset(statement);
    return status;
}

enum status
sqlite_meta_put(struct sqlite_store *sqlite, const char *name, const char *value, struct error *err)
{
    sqlite3_stmt *statement = sqlite_prepare(sqlite, SQL_META_PUT, err);
    if (statement == NULL)
        return ST_ERROR;
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, value, -1, SQLITE_STATIC);
    return sqlite_step(sqlite, statement, err, "write store_meta");
}

#define RENEW_SIZE 65536

/* Writes the log's bytes over themselves, so that they are on disk behind the next sync. An earlier process may have ended because a sync failed
 * (P8): then the kernel shows bytes that the disk has not, takes them for written, and what is committed behind such a hole is lost by a power cut.
 * Nobody else writes meanwhile: a transaction is open. */
static enum status
renew_log(struct sqlite_store *sqlite, struct error *err)
{
    sqlite3_file *file  = NULL;
    sqlite3_int64 size  = 0;
    int           code  = sqlite3_file_control(sqlite->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file);
    char         *bytes = NULL;
    if (code == SQLITE_OK && (file == NULL || file->pMethods == NULL))
        return ST_OK;
    if (code == SQLITE_OK)
        code = file->pMethods->xFileSize(file, &size);
    if (code == SQLITE_OK && size > 0 && (bytes = memory_alloc(RENEW_SIZE)) == NULL)
        return error_no_memory(err);
    for (sqlite3_int64 at = 0; at < size && code == SQLITE_OK; at += RENEW_SIZE) {
        int count = size - at < RENEW_SIZE ? (int)(size - at) : RENEW_SIZE;
        code      = file->pMethods->xRead(file, bytes, count, at);
        if (code == SQLITE_OK)
            code = file->pMethods->xWrite(file, bytes, count, at);
    }
    if (code == SQLITE_OK && size > 0)
        code = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
    memory_free(bytes);
    if (code == SQLITE_OK)
        return ST_OK;
    error_set(err, code == SQLITE_FULL ? ERR_FULL : ERR_IO, "the store cannot write its log again: %s", sqlite3_errstr(code));
    return code == SQLITE_FULL ? hint_full(sqlite, err) : ST_ERROR;
}

/* P1: in a transaction of its own, committed before anything is read. */
static enum status
own(struct store *store, uint64_t *ret_generation, struct error *err)
{
    struct sqlite_store *sqlite = (struct sqlite_store *)store;
    char                 text[32];
    uint64_t             generation = 0;
    enum status          status = sqlite_run(sqlite, "begin immediate", err, "begin");
    if (status != ST_OK)
        return status;
    status = renew_log(sqlite, err);
    /* Stores from before had an index over all sinks, in which the queue of one stood in another's way. */
    if (status == ST_OK)
        status = sqlite_run(sqlite,
                            "drop index if exists alert_outbox_waiting; create index if not exists alert_outbox_due on alert_outbox (sink, next_attempt_at) "
                            "where status = 'waiting'",
                            err, "order its outbox");
    if (status == ST_OK)
        status = sqlite_meta(sqlite, "generation", text, sizeof(text), err);
    if (status == ST_OK && !str_to_uint64(str_from(text), &generation))
        status = error_set(err, ERR_CORRUPT, "the store's generation is not a number");
    snprintf(text, sizeof(text), "%llu", (unsigned long long)++generation);
    if (status == ST_OK)
        status = sqlite_meta_put(sqlite, "generation", text, err);
    if (status == ST_OK)
        status = sqlite_run(sqlite, "commit", err, "commit the generation");
    if (status != ST_OK)
        sqlite3_exec(sqlite->db, "rollback", NULL, NULL, NULL);
    else
        *ret_generation = sqlite->generation = generation;
    if (status != ST_OK)
        error_context(err, "taking ownership of the store");
    return status;
}

struct str
sqlite_column_view(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text == NULL ? STR_EMPTY : str_of(text, (size_t)sqlite3_column_bytes(statement, column));
}

bool
sqlite_column_str(struct arena *arena, sqlite3_stmt *statement, int column, struct str *ret_text)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return arena_text(arena, str_of(text, (size_t)sqlite3_column_bytes(statement, column)), ret_text);
}

static enum status
load_positions(struct sqlite_store *sqlite, struct arena *arena, struct store_state *state, struct error *err)
{
    sqlite3_stmt          *statement = NULL;
    struct store_position *positions = NULL;
    size_t                 count = 0;
    bool                   has_memory = true;
    int                    code = SQLITE_ROW;
    /* The count first, so that the array is made once. */
    if (sqlite3_prepare_v2(sqlite->db, "select source, partition_id, position, watermark, identity, (select count(*) from source_position) "
                                       "from source_position order by source, partition_id", -1, &statement, NULL) != SQLITE_OK)
        return sqlite_error(sqlite, err, "read positions");
    while (has_memory && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        if (positions == NULL)
            positions = ARENA_ARRAY(arena, struct store_position, (size_t)sqlite3_column_int64(statement, 5));
        has_memory = positions != NULL;
        if (!has_memory)
            break;
        struct store_position *position = &positions[count++];
        has_memory = sqlite_column_str(arena, statement, 0, &position->source) && sqlite_column_str(arena, statement, 1, &position->partition_id) &&
                     sqlite_column_str(arena, statement, 4, &position->identity);
        position->position = sqlite3_column_int64(statement, 2);
        position->watermark_us = sqlite3_column_type(statement, 3) == SQLITE_NULL ? STORE_TIME_NONE : sqlite3_column_int64(statement, 3);
    }
    enum status status = !has_memory ? error_no_memory(err) : code == SQLITE_DONE ? ST_OK : sqlite_error(sqlite, err, "read positions");
    sqlite3_finalize(statement);
    state->positions = positions;
    state->position_count = count;
    return status;
}

static enum status
load(struct store *store, struct arena *arena, struct store_state *ret_state, struct error *err)
{
    struct sqlite_store *sqlite = (struct sqlite_store *)store;
    struct store_state   state = { 0 };
    sqlite3_stmt        *statement = sqlite_prepare(sqlite, SQL_LAST_EPOCH, err);
    if (statement == NULL)
        return ST_ERROR;
    int  code = sqlite3_step(statement);
    bool has_memory = true;
    if (code == SQLITE_ROW) {
        state.epoch = (uint64_t)sqlite3_column_int64(statement, 0);
        has_memory = sqlite_column_str(arena, statement, 1, &state.segment) && sqlite_column_str(arena, statement, 2, &state.decisions);
    }
    enum status status = !has_memory ? error_no_memory(err) : code == SQLITE_ROW || code == SQLITE_DONE ? ST_OK : sqlite_error(sqlite, err, "read the last epoch");
    sqlite3_reset(statement);
    if (status == ST_OK)
        status = load_positions(sqlite, arena, &state, err);
    if (status == ST_OK)
        *ret_state = state;
    else
        error_context(err, "loading the store's last epoch");
    return status;
}

static enum status
maintain(struct store *store, struct error *err)
{
    struct sqlite_store *sqlite = (struct sqlite_store *)store;
    if (sqlite->commit_count < CHECKPOINT_COMMIT_COUNT)
        return ST_OK;
    sqlite->commit_count = 0;
    int code = sqlite3_wal_checkpoint_v2(sqlite->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    /* Busy: a reader is in the way; the next one copies more. */
    return code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY ? ST_OK : sqlite_error(sqlite, err, "copy its log back");
}

static void
close_store(struct store *store)
{
    struct sqlite_store *sqlite = (struct sqlite_store *)store;
    for (int i = 0; i < SQL_STATEMENT_COUNT; i++)
        sqlite3_finalize(sqlite->statements[i]);
    sqlite3_close_v2(sqlite->db);
    memory_wipe(sqlite->store.segment_key, sizeof(sqlite->store.segment_key));
    memory_free(sqlite->segment_folder);
    memory_free(sqlite);
}

static const struct store_kind kind = { .name = "sqlite", .own = own, .load = load, .submit = sqlite_submit, .maintain = maintain,
                                        .outbox_due = sqlite_outbox_due, .outbox_mark = sqlite_outbox_mark,
                                        .letters_retry = sqlite_letters_retry, .letters_waiting = sqlite_letters_waiting,
                                        .alerts_handle = sqlite_alerts_handle, .close = close_store };

/* "x'…64 digits…'" is SQLCipher's form of a raw key: no key derivation, 4 ms instead of 160. */
enum status
sqlite_give_key(struct sqlite_store *sqlite, const uint8_t *key, struct error *err)
{
    char text[2 + 64 + 2];
    int  code = SQLITE_OK;
    if (key != NULL) {
        memcpy(text, "x'", 2);
        hex_encode(key, 32, text + 2);
        memcpy(text + 66, "'", 2);
        code = sqlite3_key(sqlite->db, text, 67);
        memory_wipe(text, sizeof(text));
    }
    if (code != SQLITE_OK)
        return sqlite_error(sqlite, err, "take its key");
    /* Libraries report, they do not log. Behind the key, before which SQLCipher does not look at the pragma. */
    if (key != NULL)
        sqlite3_exec(sqlite->db, "pragma cipher_log_level = none", NULL, NULL, NULL);
    /* The first read is what shows whether the key fits. */
    code = sqlite3_exec(sqlite->db, "select count(*) from sqlite_master", NULL, NULL, NULL);
    if ((code & 0xff) == SQLITE_NOTADB) {
        error_set(err, ERR_KEY, "the key does not open the store, or the file is no store");
        error_hint(err, "check that the binding's \"key\" names the key with which this file was made");
        return ST_ERROR;
    }
    return code == SQLITE_OK ? ST_OK : sqlite_error(sqlite, err, "read its file");
}

static enum status
make_tables(struct sqlite_store *sqlite, const char *pipeline, struct error *err)
{
    const struct embedded_file *schema = embedded_file_find("src/store/schema.sql");
    if (schema == NULL)
        return error_set(err, ERR_INTERNAL, "the store's schema is not embedded");
    enum status status = sqlite_run(sqlite, "begin immediate", err, "begin");
    if (status == ST_OK)
        status = sqlite_run(sqlite, (const char *)schema->bytes, err, "make its tables");
    if (status == ST_OK)
        status = sqlite_meta_put(sqlite, "pipeline", pipeline, err);
    if (status == ST_OK)
        status = sqlite_meta_put(sqlite, "schema_version", SCHEMA_VERSION, err);
    if (status == ST_OK)
        status = sqlite_meta_put(sqlite, "generation", "0", err);
    if (status == ST_OK)
        status = sqlite_run(sqlite, "commit", err, "commit its tables");
    if (status != ST_OK)
        sqlite3_exec(sqlite->db, "rollback", NULL, NULL, NULL);
    return status;
}

static enum status
check_identity(struct sqlite_store *sqlite, const char *pipeline, struct error *err)
{
    char        text[256];
    enum status status = sqlite_meta(sqlite, "pipeline", text, sizeof(text), err);
    if (status == ST_OK && strcmp(text, pipeline) != 0) {
        error_set(err, ERR_CONFIG, "the store belongs to the pipeline \"%s\", not to \"%s\"", text, pipeline);
        error_hint(err, "a pipeline's name is its identity: give it back its name, or bind another store");
        return ST_ERROR;
    }
    if (status == ST_OK)
        status = sqlite_meta(sqlite, "schema_version", text, sizeof(text), err);
    if (status == ST_OK && strcmp(text, SCHEMA_VERSION) != 0)
        return error_set(err, ERR_CONFIG, "the store has schema version %s, this heddle knows version " SCHEMA_VERSION, text);
    return status;
}

static enum status
open_file(struct sqlite_store *sqlite, const struct sqlite_store_options *options, struct error *err)
{
    if (sqlite3_open_v2(options->path, &sqlite->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK)
        return sqlite_error(sqlite, err, "open its file");
    sqlite3_busy_timeout(sqlite->db, BUSY_TIMEOUT_MS);
    enum status status = sqlite_give_key(sqlite, options->key, err);
    if (status == ST_OK)
        status = sqlite_run(sqlite, "pragma journal_mode = wal; pragma synchronous = full; pragma wal_autocheckpoint = 0", err, "set its mode");
    if (status != ST_OK)
        return status;
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(sqlite->db, "select count(*) from sqlite_master where name = 'store_meta'", -1, &statement, NULL) != SQLITE_OK)
        return sqlite_error(sqlite, err, "look for its tables");
    int  code = sqlite3_step(statement);
    bool is_new = code == SQLITE_ROW && sqlite3_column_int(statement, 0) == 0;
    sqlite3_finalize(statement);
    if (code != SQLITE_ROW)
        return sqlite_error(sqlite, err, "look for its tables");
    status = is_new ? make_tables(sqlite, options->pipeline, err) : ST_OK;
    return status == ST_OK ? check_identity(sqlite, options->pipeline, err) : status;
}

enum status
sqlite_store_open(const struct sqlite_store_options *options, struct store **ret_store, struct error *err)
{
    static const uint8_t purpose[] = "heddle state segments";
    struct sqlite_store *sqlite = memory_alloc_zero(sizeof(*sqlite));
    const char          *slash = strrchr(options->path, '/');
    if (sqlite == NULL)
        return error_no_memory(err);
    sqlite->store.kind = &kind;
    sqlite->segment_folder = slash != NULL ? memory_copy(options->path, (size_t)(slash - options->path) + 1) : memory_copy(".", 1);
    sqlite->store.segment_folder = sqlite->segment_folder;
    enum status status = sqlite->segment_folder == NULL ? error_no_memory(err) : open_file(sqlite, options, err);
    if (status == ST_OK && options->key != NULL &&
        HMAC(EVP_sha256(), options->key, 32, purpose, sizeof(purpose) - 1, sqlite->store.segment_key, NULL) == NULL)
        status = error_set(err, ERR_INTERNAL, "cannot derive the key of the state's segments");
    if (status != ST_OK) {
        error_context(err, "opening the store %s", options->path);
        close_store(&sqlite->store);
        return status;
    }
    *ret_store = &sqlite->store;
    return ST_OK;
}
