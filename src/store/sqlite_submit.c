/* One epoch, one transaction (I2, P7, P8).
 *
 *   BEGIN IMMEDIATE ─ generation still ours ─ epoch = last + 1 ─ positions begin where the last ended
 *        ─ accounts, reasons, positions, window rows, alerts, outbox, dead letters, late events, header with their digest ─ COMMIT
 *
 * Before COMMIT every failure rolls back: STORE_FAILED, the epoch is certainly not there. A failing COMMIT may or may not
 * have reached the disk: STORE_UNKNOWN, and the process ends; the next generation looks. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "store/digest.h"
#include "store/sqlite_int.h"

enum status
sqlite_check_generation(struct sqlite_store *sqlite, uint64_t generation, struct error *err)
{
    char        text[32];
    uint64_t    owner = 0;
    enum status status = sqlite_meta(sqlite, "generation", text, sizeof(text), err);
    if (status != ST_OK)
        return status;
    if (!str_to_uint64(str_from(text), &owner) || owner != generation) {
        error_set(err, ERR_FENCED, "generation %llu owns the store now, this process is of generation %llu", (unsigned long long)owner,
                  (unsigned long long)generation);
        error_hint(err, "another process took the store over; this one stops");
        return ST_ERROR;
    }
    return ST_OK;
}

static enum status
check_epoch(struct sqlite_store *sqlite, const struct epoch_commit *commit, struct error *err)
{
    sqlite3_stmt *statement = sqlite_prepare(sqlite, SQL_LAST_EPOCH, err);
    if (statement == NULL)
        return ST_ERROR;
    int      code = sqlite3_step(statement);
    uint64_t last = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return sqlite_error(sqlite, err, "read the last epoch");
    if (commit->epoch != last + 1)
        return error_set(err, ERR_INTERNAL, "epoch %llu follows epoch %llu", (unsigned long long)commit->epoch, (unsigned long long)last);
    return ST_OK;
}

/* Each partition goes on exactly where its last committed epoch ended: nothing skipped, nothing twice. */
static enum status
check_position(struct sqlite_store *sqlite, const struct store_account *account, struct error *err)
{
    if (account->entity.size > 0)
        return ST_OK;
    sqlite3_stmt *statement = sqlite_prepare(sqlite, SQL_POSITION, err);
    if (statement == NULL)
        return ST_ERROR;
    sqlite_bind_text(statement, 1, account->source, false);
    sqlite_bind_text(statement, 2, account->partition_id, false);
    int     code = sqlite3_step(statement);
    int64_t stored = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : account->position_begin;
    sqlite3_reset(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return sqlite_error(sqlite, err, "read a position");
    if (stored != account->position_begin)
        return error_set(err, ERR_INTERNAL, "partition %.*s of %.*s begins at %lld, the last epoch ended at %lld", STR_PRINTF(account->partition_id),
                         STR_PRINTF(account->source), (long long)account->position_begin, (long long)stored);
    return ST_OK;
}

static enum status
put_header(struct sqlite_store *sqlite, const struct epoch_commit *commit, struct hash128 outputs, struct error *err)
{
    sqlite3_stmt *statement = sqlite_prepare(sqlite, SQL_HEADER, err);
    char          digest[33];
    if (statement == NULL)
        return ST_ERROR;
    hash128_print(outputs, digest);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)commit->epoch);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)commit->generation);
    sqlite_bind_time(statement, 3, commit->watermark_us);
    sqlite_bind_text(statement, 4, commit->cut_reason, false);
    sqlite_bind_text(statement, 5, commit->decisions, false);
    sqlite3_bind_text(statement, 6, digest, -1, SQLITE_STATIC);
    sqlite_bind_text(statement, 7, commit->segment, false);
    sqlite3_bind_int64(statement, 8, commit->committed_at_us);
    return sqlite_step(sqlite, statement, err, "write the epoch's header");
}

static enum status
put_account(struct sqlite_store *sqlite, const struct store_account *account, uint64_t epoch, struct error *err)
{
    sqlite3_stmt *statement = sqlite_prepare(sqlite, SQL_ACCOUNT, err);
    if (statement == NULL)
        return ST_ERROR;
    /* I1, once more where it becomes durable. */
    if (account->received != account->loaded + account->deduplicated + account->filtered + account->quarantined)
        return error_set(err, ERR_INTERNAL, "the accounts of %.*s do not add up in epoch %llu", STR_PRINTF(account->source), (unsigned long long)epoch);
    const int64_t numbers[] = { account->position_begin, account->position_end, account->received,    account->loaded, account->deduplicated,
                                account->filtered,       account->quarantined,  account->bytes, account->late };
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)epoch);
    sqlite_bind_text(statement, 2, account->source, false);
    sqlite_bind_text(statement, 3, account->partition_id, false);
    sqlite_bind_text(statement, 4, account->entity, false);
    for (int i = 0; i < 9; i++)
        sqlite3_bind_int64(statement, 5 + i, numbers[i]);
    sqlite_bind_time(statement, 14, account->watermark_us);
    return sqlite_step(sqlite, statement, err, "write an account");
}

static enum status
put_reason(struct sqlite_store *sqlite, const struct store_reason *reason, uint64_t epoch, struct error *err)
{
    sqlite3_stmt *statement = sqlite_prepare(sqlite, SQL_REASON, err);
    if (statement == NULL)
        return ST_ERROR;
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)epoch);
    sqlite_bind_text(statement, 2, reason->source, false);
    sqlite_bind_text(statement, 3, reason->entity, false);
    sqlite_bind_text(statement, 4, reason->outcome, false);
    sqlite_bind_text(statement, 5, reason->reason_code, false);
    sqlite3_bind_int64(statement, 6, reason->row_count);
    return sqlite_step(sqlite, statement, err, "write a reason");
}

static enum status
put_position(struct sqlite_store *sqlite, const struct store_position *position, uint64_t epoch, struct error *err)
{
    sqlite3_stmt *statement = sqlite_prepare(sqlite, SQL_POSITION_PUT, err);
    if (statement == NULL)
        return ST_ERROR;
    sqlite_bind_text(statement, 1, position->source, false);
    sqlite_bind_text(statement, 2, position->partition_id, false);
    sqlite3_bind_int64(statement, 3, position->position);
    sqlite_bind_time(statement, 4, position->watermark_us);
    sqlite_bind_text(statement, 5, position->identity, false);
    sqlite3_bind_int64(statement, 6, (sqlite3_int64)epoch);
    return sqlite_step(sqlite, statement, err, "write a position");
}

/* What the rule tells, with what persons have done (alert_life.h). */
static enum status
put_alert(struct sqlite_store *sqlite, const struct store_alert *alert, const struct alert_newest *newest, uint64_t epoch, struct error *err)
{
    sqlite3_stmt *statement = sqlite_prepare(sqlite, SQL_ALERT, err);
    const bool    is_silent = alert_life_is_silent(newest, alert);
    if (statement == NULL)
        return ST_ERROR;
    const struct str texts[] = { alert->mode, alert->severity, alert_life_status(newest, alert), is_silent ? newest->status_reason : alert->status_reason,
                                 alert->person_id, alert->subject_system, alert->subject_id, alert->encounter_id, alert->location,
                                 alert->ordering_practitioner_id, alert->code, alert->value, alert->unit, alert->reference_range };
    sqlite_bind_text(statement, 1, alert->alert_id, false);
    sqlite3_bind_int64(statement, 2, newest->revision + 1);
    sqlite_bind_text(statement, 3, alert->rule, false);
    sqlite_bind_text(statement, 4, alert->rule_version, false);
    sqlite3_bind_int(statement, 5, alert->limits_approved);
    for (int i = 0; i < 14; i++)
        sqlite_bind_text(statement, 6 + i, texts[i], i >= 3);
    sqlite3_bind_int64(statement, 20, alert->event_time_us);
    sqlite_bind_time(statement, 21, alert->effective_time_us);
    sqlite3_bind_int64(statement, 22, alert->detected_at_us);
    sqlite_bind_text(statement, 23, alert->explanation, false);
    sqlite_bind_text(statement, 24, alert->evidence, false);
    sqlite_bind_text(statement, 25, alert->labels, true);
    sqlite3_bind_int64(statement, 26, (sqlite3_int64)epoch);
    sqlite_bind_text(statement, 27, newest->acknowledged_by, true);
    sqlite_bind_time(statement, 28, newest->acknowledged_at_us);
    sqlite_bind_text(statement, 29, is_silent ? newest->handled : STR_EMPTY, true);
    return sqlite_step(sqlite, statement, err, "write an alert");
}

/* *ret_revision: under which it goes to its sinks; 0: it goes to none. */
static enum status
take_alert(struct sqlite_store *sqlite, const struct store_alert *alert, uint64_t epoch, int64_t *ret_revision, struct error *err)
{
    struct alert_newest newest;
    sqlite3_stmt       *statement = NULL;
    enum status         status    = sqlite_alert_newest(sqlite, alert->alert_id, &statement, &newest, err);

    if (status == ST_OK) {
        *ret_revision = alert_life_is_silent(&newest, alert) ? 0 : newest.revision + 1;
        status        = put_alert(sqlite, alert, &newest, epoch, err);
    }
    sqlite3_reset(statement);
    return status;
}

static enum status
put_delivery(struct sqlite_store *sqlite, const struct epoch_commit *commit, const struct store_delivery *delivery, const int64_t *revisions,
             struct error *err)
{
    sqlite3_stmt *statement;
    CHECK(delivery->alert_index < commit->alert_count);
    if (revisions[delivery->alert_index] == 0)
        return ST_OK;
    statement = sqlite_prepare(sqlite, SQL_OUTBOX, err);
    if (statement == NULL)
        return ST_ERROR;
    sqlite_bind_text(statement, 1, commit->alerts[delivery->alert_index].alert_id, false);
    sqlite3_bind_int64(statement, 2, revisions[delivery->alert_index]);
    sqlite_bind_text(statement, 3, delivery->sink, false);
    sqlite3_bind_int64(statement, 4, commit->committed_at_us);
    return sqlite_step(sqlite, statement, err, "write to the outbox");
}

/* The alerts in their order, then what goes to the sinks, under the revisions that the alerts were given. */
static enum status
put_alerts(struct sqlite_store *sqlite, const struct epoch_commit *commit, struct error *err)
{
    enum status status = ST_OK;
    int64_t    *revisions;

    if (commit->alert_count == 0)
        return ST_OK;
    revisions = memory_alloc_array(commit->alert_count, sizeof *revisions);
    if (revisions == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < commit->alert_count && status == ST_OK; i++)
        status = take_alert(sqlite, &commit->alerts[i], commit->epoch, &revisions[i], err);
    for (size_t i = 0; i < commit->delivery_count && status == ST_OK; i++)
        status = put_delivery(sqlite, commit, &commit->deliveries[i], revisions, err);
    memory_free(revisions);
    return status;
}

static enum status
put_dead_letter(struct sqlite_store *sqlite, const struct epoch_commit *commit, const struct store_dead_letter *letter, struct error *err)
{
    sqlite3_stmt *statement = sqlite_prepare(sqlite, SQL_DEAD_LETTER, err);
    if (statement == NULL)
        return ST_ERROR;
    const struct str texts[] = { letter->step, letter->entity, letter->path, letter->event_id, letter->event_key, letter->headers };
    sqlite_bind_text(statement, 1, letter->source, false);
    sqlite_bind_text(statement, 2, letter->partition_id, false);
    sqlite3_bind_int64(statement, 3, letter->position);
    sqlite3_bind_int64(statement, 4, letter->row_number);
    for (int i = 0; i < 6; i++)
        sqlite_bind_text(statement, 5 + i, texts[i], i >= 2);
    sqlite3_bind_int64(statement, 11, letter->received_at_us);
    sqlite_bind_text(statement, 12, letter->reason_code, false);
    sqlite_bind_text(statement, 13, letter->reason, false);
    sqlite3_bind_blob64(statement, 14, letter->bytes.size == 0 ? "" : letter->bytes.data, letter->bytes.size, SQLITE_STATIC);
    sqlite_bind_text(statement, 15, commit->plan_digest, false);
    sqlite3_bind_int64(statement, 16, (sqlite3_int64)commit->epoch);
    return sqlite_step(sqlite, statement, err, "write a dead letter");
}

static enum status
put_late_event(struct sqlite_store *sqlite, const struct store_late_event *event, uint64_t epoch, struct error *err)
{
    sqlite3_stmt *statement = sqlite_prepare(sqlite, SQL_LATE_EVENT, err);
    if (statement == NULL)
        return ST_ERROR;
    sqlite_bind_text(statement, 1, event->source, false);
    sqlite_bind_text(statement, 2, event->partition_id, false);
    sqlite3_bind_int64(statement, 3, event->position);
    sqlite_bind_text(statement, 4, event->step, false);
    sqlite3_bind_int64(statement, 5, event->event_time_us);
    sqlite3_bind_int64(statement, 6, event->watermark_us);
    sqlite_bind_text(statement, 7, event->reason_code, false);
    sqlite_bind_text(statement, 8, event->reason, false);
    sqlite3_bind_blob64(statement, 9, event->bytes.size == 0 ? "" : event->bytes.data, event->bytes.size, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 10, event->received_at_us);
    sqlite3_bind_int64(statement, 11, (sqlite3_int64)epoch);
    return sqlite_step(sqlite, statement, err, "write a late event");
}

static enum status
put_counts(struct sqlite_store *sqlite, const struct epoch_commit *commit, struct error *err)
{
    enum status status = ST_OK;
    for (size_t i = 0; i < commit->account_count && status == ST_OK; i++) {
        status = check_position(sqlite, &commit->accounts[i], err);
        if (status == ST_OK)
            status = put_account(sqlite, &commit->accounts[i], commit->epoch, err);
    }
    for (size_t i = 0; i < commit->reason_count && status == ST_OK; i++)
        status = put_reason(sqlite, &commit->reasons[i], commit->epoch, err);
    for (size_t i = 0; i < commit->position_count && status == ST_OK; i++)
        status = put_position(sqlite, &commit->positions[i], commit->epoch, err);
    return status;
}

static bool
is_letters(struct str source)
{
    return str_equal(source, STR(STORE_LETTERS_SOURCE));
}

static enum status
put_outputs(struct sqlite_store *sqlite, const struct epoch_commit *commit, struct retractions *retractions, struct error *err)
{
    enum status status = ST_OK;
    for (size_t i = 0; i < commit->rows_count && status == ST_OK; i++)
        status = sqlite_put_rows(sqlite, &commit->rows[i], commit->epoch, err);
    if (status == ST_OK)
        status = put_alerts(sqlite, commit, err);
    for (size_t i = 0; i < commit->dead_letter_count && status == ST_OK; i++)
        status = is_letters(commit->dead_letters[i].source) ? sqlite_letter_failed(sqlite, &commit->dead_letters[i], commit, err)
                                                            : put_dead_letter(sqlite, commit, &commit->dead_letters[i], err);
    for (size_t i = 0; i < commit->account_count && status == ST_OK; i++)
        if (is_letters(commit->accounts[i].source) && commit->accounts[i].entity.size == 0)
            status = sqlite_letters_resolved(sqlite, &commit->accounts[i], commit, retractions, err);
    for (size_t i = 0; i < commit->late_event_count && status == ST_OK; i++)
        status = put_late_event(sqlite, &commit->late_events[i], commit->epoch, err);
    return status;
}

enum store_outcome
sqlite_submit(struct store *store, const struct epoch_commit *commit, struct error *err)
{
    struct sqlite_store *sqlite = (struct sqlite_store *)store;
    struct retractions   retractions = { 0 };
    enum status          status      = sqlite_run(sqlite, "begin immediate", err, "begin");
    if (status == ST_OK)
        status = sqlite_check_generation(sqlite, commit->generation, err);
    if (status == ST_OK)
        status = check_epoch(sqlite, commit, err);
    if (status == ST_OK)
        status = put_counts(sqlite, commit, err);
    if (status == ST_OK)
        status = put_outputs(sqlite, commit, &retractions, err);
    if (status == ST_OK) {
        digest_commit(commit, &retractions.digest);
        status = put_header(sqlite, commit, retractions.digest, err);
    }
    if (status != ST_OK) {
        sqlite3_exec(sqlite->db, "rollback", NULL, NULL, NULL);
        error_context(err, "committing epoch %llu", (unsigned long long)commit->epoch);
        return STORE_FAILED;
    }
    if (sqlite_run(sqlite, "commit", err, "commit the epoch") != ST_OK) {
        error_context(err, "committing epoch %llu", (unsigned long long)commit->epoch);
        return STORE_UNKNOWN;
    }
    sqlite->commit_count++;
    store->retraction_count += retractions.count;
    return STORE_COMMITTED;
}
