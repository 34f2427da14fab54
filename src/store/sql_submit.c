/* One epoch, one transaction (I2, P7, P8).
 *
 *   asked:    BEGIN ─ generation still ours ─ the last epoch ─ where partitions ended ─ step tables ─ alerts as they stand
 *   checked:  epoch = last + 1 ─ positions begin where the last ended
 *   written:  accounts, reasons, positions, window rows, alerts, outbox, dead letters, late events, the state's record where the store keeps
 *             it, header with their digest ─ COMMIT
 *
 * Before COMMIT every failure rolls back: STORE_FAILED, the epoch is certainly not there. A failing COMMIT may or may not
 * have reached the disk: STORE_UNKNOWN, and the process ends; the next generation looks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/json_out.h"
#include "base/memory.h"
#include "store/digest.h"
#include "store/sql_int.h"

/* ---- What is asked ---- */

struct table_known {
    struct str name;   /* "table:window_5m" */
    struct str digest; /* Of the definition that the store has it by. */
};

/* An alert of this epoch, as its newest revision stands; each revision that the epoch adds changes it. */
struct alert_standing {
    struct str          alert_id;
    struct alert_newest newest;
};

struct submission {
    struct sql_store          *sql;
    const struct epoch_commit *commit;
    struct arena               arena;
    struct store_position     *positions; /* Ordered by source and partition. */
    size_t                     position_count;
    struct table_known        *tables;
    size_t                     table_count;
    struct alert_standing     *standings; /* Ordered by id. */
    size_t                     standing_count;
    struct retractions         retractions;
};

static int
compare_standings(const void *left, const void *right)
{
    return str_compare(((const struct alert_standing *)left)->alert_id, ((const struct alert_standing *)right)->alert_id);
}

static struct alert_standing *
standing_find(const struct submission *submission, struct str alert_id)
{
    const struct alert_standing wanted = { .alert_id = alert_id };

    return submission->standing_count == 0
               ? NULL
               : bsearch(&wanted, submission->standings, submission->standing_count, sizeof wanted, compare_standings);
}

/* The ids that the epoch tells of, each once, as a JSON array. */
static enum status
list_alerts(struct submission *submission, struct str_builder *ids, struct error *err)
{
    const struct epoch_commit *commit = submission->commit;
    struct json_out            json;
    size_t                     count = 0;

    submission->standings = ARENA_ARRAY(&submission->arena, struct alert_standing, commit->alert_count);
    if (submission->standings == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < commit->alert_count; i++)
        submission->standings[i] = (struct alert_standing){ commit->alerts[i].alert_id, { .acknowledged_at_us = STORE_TIME_NONE } };
    qsort(submission->standings, commit->alert_count, sizeof *submission->standings, compare_standings);
    json_out_init(&json, ids, 0);
    json_out_array_begin(&json);
    for (size_t i = 0; i < commit->alert_count; i++)
        if (count == 0 || !str_equal(submission->standings[count - 1].alert_id, submission->standings[i].alert_id)) {
            submission->standings[count++] = submission->standings[i];
            json_out_text(&json, submission->standings[i].alert_id);
        }
    json_out_array_end(&json);
    submission->standing_count = count;
    return str_builder_status(ids, err);
}

static bool
newest_copy(struct arena *arena, struct alert_newest *newest)
{
    struct str *const texts[] = { &newest->status, &newest->status_reason, &newest->severity, &newest->value, &newest->unit, &newest->acknowledged_by,
                                  &newest->handled };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!arena_text(arena, *texts[i], texts[i]))
            return false;
    return true;
}

static enum status
read_alerts(struct submission *submission, struct sql_statement *statement, struct error *err)
{
    for (;;) {
        struct alert_newest    newest;
        struct str             alert_id;
        struct alert_standing *standing;

        if (sql_alerts_newest_next(submission->sql, statement, &alert_id, &newest, err) != ST_OK)
            return ST_ERROR;
        if (alert_id.size == 0)
            return ST_OK;
        standing = standing_find(submission, alert_id);
        if (standing == NULL)
            return error_set(err, ERR_CORRUPT, "the store tells of an alert that it was not asked for");
        standing->newest = newest;
        if (!newest_copy(&submission->arena, &standing->newest))
            return error_no_memory(err);
    }
}

static enum status
check_epoch(struct submission *submission, struct sql_statement *statement, struct error *err)
{
    const struct epoch_commit *commit = submission->commit;
    enum sql_step              step   = submission->sql->driver->step(statement, "read the last epoch", err);
    uint64_t                   last   = step == SQL_ROW ? (uint64_t)submission->sql->driver->column_int(statement, 0) : 0;

    submission->sql->driver->reset(statement);
    if (step == SQL_FAILED)
        return ST_ERROR;
    if (commit->epoch != last + 1)
        return error_set(err, ERR_INTERNAL, "epoch %llu follows epoch %llu", (unsigned long long)commit->epoch, (unsigned long long)last);
    return ST_OK;
}

static enum status
read_positions(struct submission *submission, struct sql_statement *statement, struct error *err)
{
    struct sql_store *sql        = submission->sql;
    bool              has_memory = true;
    enum sql_step     step       = SQL_FAILED;

    while (has_memory && (step = sql->driver->step(statement, "read positions", err)) == SQL_ROW) {
        struct store_position *position;
        if (submission->positions == NULL)
            submission->positions = ARENA_ARRAY(&submission->arena, struct store_position, (size_t)sql->driver->column_int(statement, 5));
        has_memory = submission->positions != NULL;
        if (!has_memory)
            break;
        position           = &submission->positions[submission->position_count++];
        position->position = sql->driver->column_int(statement, 2);
        has_memory         = sql_column_copy(sql, &submission->arena, statement, 0, &position->source) &&
                     sql_column_copy(sql, &submission->arena, statement, 1, &position->partition_id);
    }
    sql->driver->reset(statement);
    return !has_memory ? error_no_memory(err) : step == SQL_DONE ? ST_OK : ST_ERROR;
}

static enum status
read_tables(struct submission *submission, struct sql_statement *statement, struct error *err)
{
    struct sql_store *sql      = submission->sql;
    size_t            capacity = 0;
    enum sql_step     step;

    while ((step = sql->driver->step(statement, "read the tables of steps", err)) == SQL_ROW) {
        if (submission->table_count == capacity) {
            struct table_known *tables = ARENA_ARRAY(&submission->arena, struct table_known, capacity * 2 + 8);
            if (tables == NULL)
                return error_no_memory(err);
            if (capacity > 0)
                memcpy(tables, submission->tables, capacity * sizeof *tables);
            submission->tables = tables;
            capacity           = capacity * 2 + 8;
        }
        struct table_known *table = &submission->tables[submission->table_count++];
        if (!sql_column_copy(sql, &submission->arena, statement, 0, &table->name) || !sql_column_copy(sql, &submission->arena, statement, 1, &table->digest))
            return error_no_memory(err);
    }
    sql->driver->reset(statement);
    return step == SQL_DONE ? ST_OK : ST_ERROR;
}

static int
compare_places(const void *left, const void *right)
{
    const struct store_position *one = left, *other = right;
    const int                    by_source = str_compare(one->source, other->source);

    return by_source != 0 ? by_source : str_compare(one->partition_id, other->partition_id);
}

/* Each partition goes on exactly where its last committed epoch ended: nothing skipped, nothing twice. */
static enum status
check_position(const struct submission *submission, const struct store_account *account, struct error *err)
{
    const struct store_position  wanted = { .source = account->source, .partition_id = account->partition_id };
    const struct store_position *stored = NULL;

    if (account->entity.size == 0 && submission->position_count > 0)
        stored = bsearch(&wanted, submission->positions, submission->position_count, sizeof wanted, compare_places);
    if (stored != NULL && stored->position != account->position_begin)
        return error_set(err, ERR_INTERNAL, "partition %.*s of %.*s begins at %lld, the last epoch ended at %lld", STR_PRINTF(account->partition_id),
                         STR_PRINTF(account->source), (long long)account->position_begin, (long long)stored->position);
    return ST_OK;
}

/* In the transaction, all at once: nothing here depends on what another answer says. */
static enum status
look(struct submission *submission, struct str ids, struct error *err)
{
    static const enum sql_statement_name names[]       = { SQL_LAST_EPOCH, SQL_POSITIONS, SQL_TABLES };
    struct sql_store                    *sql           = submission->sql;
    struct sql_statement                *statements[3] = { NULL }, *alerts = NULL;
    enum status                          status        = ST_OK;

    for (int i = 0; i < 3 && status == ST_OK; i++) {
        statements[i] = sql_prepare(sql, names[i], err);
        status        = statements[i] == NULL ? ST_ERROR : sql->driver->ask(statements[i], "look at the last epoch", err);
    }
    if (status == ST_OK && ids.size > 0) {
        alerts = sql_alerts_newest_ask(sql, ids, err);
        status = alerts == NULL ? ST_ERROR : ST_OK;
    }
    if (status == ST_OK)
        status = sql_check_generation(sql, submission->commit->generation, err);
    if (status == ST_OK)
        status = check_epoch(submission, statements[0], err);
    if (status == ST_OK)
        status = read_positions(submission, statements[1], err);
    if (status == ST_OK)
        status = read_tables(submission, statements[2], err);
    if (status == ST_OK && alerts != NULL)
        status = read_alerts(submission, alerts, err);
    for (size_t i = 0; i < submission->commit->account_count && status == ST_OK; i++)
        status = check_position(submission, &submission->commit->accounts[i], err);
    return status;
}

/* ---- What is written ---- */

static enum status
put_header(struct sql_store *sql, const struct epoch_commit *commit, struct hash128 outputs, struct error *err)
{
    struct sql_statement *statement = sql_prepare(sql, SQL_HEADER, err);
    char          digest[33];
    if (statement == NULL)
        return ST_ERROR;
    hash128_print(outputs, digest);
    sql->driver->bind_int(statement, 1, (int64_t)commit->epoch);
    sql->driver->bind_int(statement, 2, (int64_t)commit->generation);
    sql_bind_time(sql, statement, 3, commit->watermark_us);
    sql_bind_text(sql, statement, 4, commit->cut_reason, false);
    sql_bind_text(sql, statement, 5, commit->decisions, false);
    sql->driver->bind_text(statement, 6, str_from(digest));
    sql_bind_text(sql, statement, 7, commit->segment, false);
    sql->driver->bind_int(statement, 8, commit->committed_at_us);
    return sql->driver->put(statement, "write the epoch's header", err);
}

static enum status
put_account(struct sql_store *sql, const struct store_account *account, uint64_t epoch, struct error *err)
{
    struct sql_statement *statement = sql_prepare(sql, SQL_ACCOUNT, err);
    if (statement == NULL)
        return ST_ERROR;
    /* I1, once more where it becomes durable. */
    if (account->received != account->loaded + account->deduplicated + account->filtered + account->quarantined)
        return error_set(err, ERR_INTERNAL, "the accounts of %.*s do not add up in epoch %llu", STR_PRINTF(account->source), (unsigned long long)epoch);
    const int64_t numbers[] = { account->position_begin, account->position_end, account->received,    account->loaded, account->deduplicated,
                                account->filtered,       account->quarantined,  account->bytes, account->late };
    sql->driver->bind_int(statement, 1, (int64_t)epoch);
    sql_bind_text(sql, statement, 2, account->source, false);
    sql_bind_text(sql, statement, 3, account->partition_id, false);
    sql_bind_text(sql, statement, 4, account->entity, false);
    for (int i = 0; i < 9; i++)
        sql->driver->bind_int(statement, 5 + i, numbers[i]);
    sql_bind_time(sql, statement, 14, account->watermark_us);
    return sql->driver->put(statement, "write an account", err);
}

static enum status
put_reason(struct sql_store *sql, const struct store_reason *reason, uint64_t epoch, struct error *err)
{
    struct sql_statement *statement = sql_prepare(sql, SQL_REASON, err);
    if (statement == NULL)
        return ST_ERROR;
    sql->driver->bind_int(statement, 1, (int64_t)epoch);
    sql_bind_text(sql, statement, 2, reason->source, false);
    sql_bind_text(sql, statement, 3, reason->entity, false);
    sql_bind_text(sql, statement, 4, reason->outcome, false);
    sql_bind_text(sql, statement, 5, reason->reason_code, false);
    sql->driver->bind_int(statement, 6, reason->row_count);
    return sql->driver->put(statement, "write a reason", err);
}

static enum status
put_position(struct sql_store *sql, const struct store_position *position, uint64_t epoch, struct error *err)
{
    struct sql_statement *statement = sql_prepare(sql, SQL_POSITION_PUT, err);
    if (statement == NULL)
        return ST_ERROR;
    sql_bind_text(sql, statement, 1, position->source, false);
    sql_bind_text(sql, statement, 2, position->partition_id, false);
    sql->driver->bind_int(statement, 3, position->position);
    sql_bind_time(sql, statement, 4, position->watermark_us);
    sql_bind_text(sql, statement, 5, position->identity, false);
    sql->driver->bind_int(statement, 6, (int64_t)epoch);
    return sql->driver->put(statement, "write a position", err);
}

/* What the rule tells, with what persons have done (alert_life.h). */
static enum status
put_alert(struct sql_store *sql, const struct store_alert *alert, const struct alert_newest *newest, uint64_t epoch, struct error *err)
{
    struct sql_statement *statement = sql_prepare(sql, SQL_ALERT, err);
    const bool    is_silent = alert_life_is_silent(newest, alert);
    if (statement == NULL)
        return ST_ERROR;
    const struct str texts[] = { alert->mode, alert->severity, alert_life_status(newest, alert), is_silent ? newest->status_reason : alert->status_reason,
                                 alert->person_id, alert->subject_system, alert->subject_id, alert->encounter_id, alert->location,
                                 alert->ordering_practitioner_id, alert->code, alert->value, alert->unit, alert->reference_range };
    sql_bind_text(sql, statement, 1, alert->alert_id, false);
    sql->driver->bind_int(statement, 2, newest->revision + 1);
    sql_bind_text(sql, statement, 3, alert->rule, false);
    sql_bind_text(sql, statement, 4, alert->rule_version, false);
    sql->driver->bind_int(statement, 5, alert->limits_approved);
    for (int i = 0; i < 14; i++)
        sql_bind_text(sql, statement, 6 + i, texts[i], i >= 3);
    sql->driver->bind_int(statement, 20, alert->event_time_us);
    sql_bind_time(sql, statement, 21, alert->effective_time_us);
    sql->driver->bind_int(statement, 22, alert->detected_at_us);
    sql_bind_text(sql, statement, 23, alert->explanation, false);
    sql_bind_text(sql, statement, 24, alert->evidence, false);
    sql_bind_text(sql, statement, 25, alert->labels, true);
    sql->driver->bind_int(statement, 26, (int64_t)epoch);
    sql_bind_text(sql, statement, 27, newest->acknowledged_by, true);
    sql_bind_time(sql, statement, 28, newest->acknowledged_at_us);
    sql_bind_text(sql, statement, 29, is_silent ? newest->handled : STR_EMPTY, true);
    return sql->driver->put(statement, "write an alert", err);
}

/* *ret_revision: under which it goes to its sinks; 0: it goes to none. */
static enum status
take_alert(struct submission *submission, const struct store_alert *alert, int64_t *ret_revision, struct error *err)
{
    struct alert_standing *standing = standing_find(submission, alert->alert_id);
    enum status            status;

    CHECK(standing != NULL);
    *ret_revision    = alert_life_is_silent(&standing->newest, alert) ? 0 : standing->newest.revision + 1;
    status           = put_alert(submission->sql, alert, &standing->newest, submission->commit->epoch, err);
    standing->newest = alert_life_after(&standing->newest, alert);
    return status;
}

static enum status
put_delivery(struct sql_store *sql, const struct epoch_commit *commit, const struct store_delivery *delivery, const int64_t *revisions,
             struct error *err)
{
    struct sql_statement *statement;
    CHECK(delivery->alert_index < commit->alert_count);
    if (revisions[delivery->alert_index] == 0)
        return ST_OK;
    statement = sql_prepare(sql, SQL_OUTBOX, err);
    if (statement == NULL)
        return ST_ERROR;
    sql_bind_text(sql, statement, 1, commit->alerts[delivery->alert_index].alert_id, false);
    sql->driver->bind_int(statement, 2, revisions[delivery->alert_index]);
    sql_bind_text(sql, statement, 3, delivery->sink, false);
    sql->driver->bind_int(statement, 4, commit->committed_at_us);
    return sql->driver->put(statement, "write to the outbox", err);
}

/* The alerts in their order, then what goes to the sinks, under the revisions that the alerts were given. */
static enum status
put_alerts(struct submission *submission, struct error *err)
{
    const struct epoch_commit *commit = submission->commit;
    enum status                status = ST_OK;
    int64_t                   *revisions;

    if (commit->alert_count == 0)
        return ST_OK;
    revisions = memory_alloc_array(commit->alert_count, sizeof *revisions);
    if (revisions == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < commit->alert_count && status == ST_OK; i++)
        status = take_alert(submission, &commit->alerts[i], &revisions[i], err);
    for (size_t i = 0; i < commit->delivery_count && status == ST_OK; i++)
        status = put_delivery(submission->sql, commit, &commit->deliveries[i], revisions, err);
    memory_free(revisions);
    return status;
}

static enum status
put_dead_letter(struct sql_store *sql, const struct epoch_commit *commit, const struct store_dead_letter *letter, struct error *err)
{
    struct sql_statement *statement = sql_prepare(sql, SQL_DEAD_LETTER, err);
    if (statement == NULL)
        return ST_ERROR;
    const struct str texts[] = { letter->step, letter->entity, letter->path, letter->event_id, letter->event_key, letter->headers };
    sql_bind_text(sql, statement, 1, letter->source, false);
    sql_bind_text(sql, statement, 2, letter->partition_id, false);
    sql->driver->bind_int(statement, 3, letter->position);
    sql->driver->bind_int(statement, 4, letter->row_number);
    for (int i = 0; i < 6; i++)
        sql_bind_text(sql, statement, 5 + i, texts[i], i >= 2);
    sql->driver->bind_int(statement, 11, letter->received_at_us);
    sql_bind_text(sql, statement, 12, letter->reason_code, false);
    sql_bind_text(sql, statement, 13, letter->reason, false);
    sql->driver->bind_bytes(statement, 14, letter->bytes);
    sql_bind_text(sql, statement, 15, commit->plan_digest, false);
    sql->driver->bind_int(statement, 16, (int64_t)commit->epoch);
    return sql->driver->put(statement, "write a dead letter", err);
}

static enum status
put_late_event(struct sql_store *sql, const struct store_late_event *event, uint64_t epoch, struct error *err)
{
    struct sql_statement *statement = sql_prepare(sql, SQL_LATE_EVENT, err);
    if (statement == NULL)
        return ST_ERROR;
    sql_bind_text(sql, statement, 1, event->source, false);
    sql_bind_text(sql, statement, 2, event->partition_id, false);
    sql->driver->bind_int(statement, 3, event->position);
    sql_bind_text(sql, statement, 4, event->step, false);
    sql->driver->bind_int(statement, 5, event->event_time_us);
    sql->driver->bind_int(statement, 6, event->watermark_us);
    sql_bind_text(sql, statement, 7, event->reason_code, false);
    sql_bind_text(sql, statement, 8, event->reason, false);
    sql->driver->bind_bytes(statement, 9, event->bytes);
    sql->driver->bind_int(statement, 10, event->received_at_us);
    sql->driver->bind_int(statement, 11, (int64_t)epoch);
    return sql->driver->put(statement, "write a late event", err);
}

static enum status
put_counts(struct sql_store *sql, const struct epoch_commit *commit, struct error *err)
{
    enum status status = ST_OK;
    for (size_t i = 0; i < commit->account_count && status == ST_OK; i++)
        status = put_account(sql, &commit->accounts[i], commit->epoch, err);
    for (size_t i = 0; i < commit->reason_count && status == ST_OK; i++)
        status = put_reason(sql, &commit->reasons[i], commit->epoch, err);
    for (size_t i = 0; i < commit->position_count && status == ST_OK; i++)
        status = put_position(sql, &commit->positions[i], commit->epoch, err);
    return status;
}

static bool
is_letters(struct str source)
{
    return str_equal(source, STR(STORE_LETTERS_SOURCE));
}

static enum status
put_letters(struct submission *submission, struct error *err)
{
    struct sql_store          *sql    = submission->sql;
    const struct epoch_commit *commit = submission->commit;
    enum status                status = ST_OK;

    for (size_t i = 0; i < commit->dead_letter_count && status == ST_OK; i++)
        if (!is_letters(commit->dead_letters[i].source))
            status = put_dead_letter(sql, commit, &commit->dead_letters[i], err);
    for (size_t i = 0; i < commit->dead_letter_count && status == ST_OK; i++)
        if (is_letters(commit->dead_letters[i].source))
            status = sql_letter_failed(sql, &commit->dead_letters[i], commit, err);
    for (size_t i = 0; i < commit->account_count && status == ST_OK; i++)
        if (is_letters(commit->accounts[i].source) && commit->accounts[i].entity.size == 0)
            status = sql_letters_resolved(sql, &commit->accounts[i], commit, &submission->retractions, err);
    return status;
}

static struct str
table_digest(const struct submission *submission, const char *name)
{
    const struct str prefix = STR("table:");

    for (size_t i = 0; i < submission->table_count; i++)
        if (str_equal(str_slice(submission->tables[i].name, prefix.size, submission->tables[i].name.size), str_from(name)))
            return submission->tables[i].digest;
    return STR_EMPTY;
}

static enum status
put_outputs(struct submission *submission, struct error *err)
{
    const struct epoch_commit *commit = submission->commit;
    enum status                status = ST_OK;

    for (size_t i = 0; i < commit->rows_count && status == ST_OK; i++)
        status = sql_put_rows(submission->sql, &commit->rows[i], table_digest(submission, commit->rows[i].table->name), commit->epoch, err);
    if (status == ST_OK)
        status = put_alerts(submission, err);
    if (status == ST_OK)
        status = put_letters(submission, err);
    for (size_t i = 0; i < commit->late_event_count && status == ST_OK; i++)
        status = put_late_event(submission->sql, &commit->late_events[i], commit->epoch, err);
    return status;
}

static enum status
put_state_part(struct sql_store *sql, uint64_t epoch, int64_t part, struct str bytes, struct error *err)
{
    struct sql_statement *statement = sql_prepare(sql, SQL_STATE_PUT, err);
    char                  digest[HASH128_TEXT_SIZE];

    if (statement == NULL)
        return ST_ERROR;
    hash128_print(hash128(bytes.data, bytes.size), digest);
    sql->driver->bind_int(statement, 1, (int64_t)epoch);
    sql->driver->bind_int(statement, 2, part);
    sql->driver->bind_text(statement, 3, str_from(digest));
    sql->driver->bind_bytes(statement, 4, bytes);
    return sql->driver->put(statement, "write the state's record", err);
}

/* The record in rows of STATE_PART_SIZE: nearly always one. One epoch's rows have consecutive parts, the last one is smaller than the others. */
static enum status
put_state(struct sql_store *sql, const struct epoch_commit *commit, struct error *err)
{
    struct str_builder    bytes     = STR_BUILDER_EMPTY;
    struct sql_statement *statement = NULL;
    enum status           status    = ST_OK;
    int64_t               part      = 0;

    for (size_t i = 0; i < commit->state_count && status == ST_OK; i++)
        for (struct str rest = commit->state[i]; rest.size > 0 && status == ST_OK;) {
            const size_t room = STATE_PART_SIZE - bytes.size, size = rest.size < room ? rest.size : room;
            str_builder_append(&bytes, str_slice(rest, 0, size));
            rest   = str_slice(rest, size, rest.size);
            status = str_builder_status(&bytes, err);
            if (status == ST_OK && bytes.size == STATE_PART_SIZE) {
                status = put_state_part(sql, commit->epoch, part++, str_builder_text(&bytes), err);
                str_builder_clear(&bytes);
            }
        }
    if (status == ST_OK)
        status = put_state_part(sql, commit->epoch, part, str_builder_text(&bytes), err);
    str_builder_release(&bytes);
    if (status == ST_OK)
        statement = sql_prepare(sql, SQL_STATE_CUT, err);
    if (statement == NULL)
        return ST_ERROR;
    sql->driver->bind_int(statement, 1, (int64_t)commit->state_first);
    return sql->driver->put(statement, "cut the state's records", err);
}

static enum status
write_epoch(struct submission *submission, struct error *err)
{
    const struct epoch_commit *commit = submission->commit;
    enum status                status = put_counts(submission->sql, commit, err);

    if (status == ST_OK)
        status = put_outputs(submission, err);
    if (status == ST_OK && submission->sql->store.kind->state_read != NULL)
        status = put_state(submission->sql, commit, err);
    if (status == ST_OK) {
        digest_commit(commit, &submission->retractions.digest);
        status = put_header(submission->sql, commit, submission->retractions.digest, err);
    }
    return status;
}

/* A connection that is lost while nothing but questions were sent is made anew, and they are asked again. */
static enum status
begin_and_look(struct submission *submission, struct str ids, struct error *err)
{
    struct sql_store *sql = submission->sql;

    for (;;) {
        enum status status = sql->driver->begin(sql, true, err);

        if (status == ST_OK) {
            status = look(submission, ids, err);
            if (status == ST_OK)
                return ST_OK;
            sql->driver->rollback(sql);
        }
        if (sql->driver->is_mended == NULL || !sql->driver->is_mended(sql, err))
            return status;
        submission->position_count = submission->table_count = 0;
        submission->positions = NULL;
        submission->tables    = NULL;
    }
}

static enum store_outcome
submit(struct submission *submission, struct error *err)
{
    struct sql_store  *sql    = submission->sql;
    struct str_builder ids    = STR_BUILDER_EMPTY;
    enum status        status = submission->commit->alert_count > 0 ? list_alerts(submission, &ids, err) : ST_OK;

    if (status == ST_OK)
        status = begin_and_look(submission, str_builder_text(&ids), err);
    str_builder_release(&ids);
    if (status != ST_OK)
        return STORE_FAILED;
    if (write_epoch(submission, err) == ST_OK)
        return sql->driver->commit(sql, "commit the epoch", err);
    sql->driver->rollback(sql);
    return STORE_FAILED;
}

enum store_outcome
sql_submit(struct store *store, const struct epoch_commit *commit, struct error *err)
{
    struct submission  submission = { .sql = (struct sql_store *)store, .commit = commit };
    enum store_outcome outcome;

    arena_init(&submission.arena, 0);
    outcome = submit(&submission, err);
    arena_release(&submission.arena);
    if (outcome == STORE_COMMITTED)
        store->retraction_count += submission.retractions.count;
    else
        error_context(err, "committing epoch %llu", (unsigned long long)commit->epoch);
    return outcome;
}
