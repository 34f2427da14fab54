/* The outbox's rows: which are due, and what became of them (P9). */
#include "base/check.h"
#include "store/sqlite_int.h"

/* As SQL_OUTBOX_DUE and SQL_OUTBOX_DUE_FIRST give them. */
enum due_column { DUE_ATTEMPTS, DUE_SINCE, DUE_APPROVED, DUE_EVENT_TIME, DUE_EFFECTIVE_TIME, DUE_DETECTED_AT, DUE_REVISION, DUE_TEXTS };

static bool
take_row(struct arena *arena, sqlite3_stmt *statement, struct store_outbox_row *row)
{
    struct store_alert *alert   = &row->alert;
    struct str *const   texts[] = { &alert->alert_id,   &alert->rule,       &alert->rule_version, &alert->mode,         &alert->severity,
                                    &alert->status,     &alert->status_reason, &alert->person_id, &alert->subject_system, &alert->subject_id,
                                    &alert->encounter_id, &alert->location, &alert->ordering_practitioner_id, &alert->code, &alert->value,
                                    &alert->unit,       &alert->reference_range, &alert->explanation, &alert->evidence, &alert->labels,
                                    &alert->acknowledged_by };
    const int           count   = sizeof texts / sizeof *texts;

    row->attempts            = sqlite3_column_int64(statement, DUE_ATTEMPTS);
    row->since_us            = sqlite3_column_int64(statement, DUE_SINCE);
    alert->limits_approved   = sqlite3_column_int(statement, DUE_APPROVED) != 0;
    alert->event_time_us     = sqlite3_column_int64(statement, DUE_EVENT_TIME);
    alert->effective_time_us = sqlite3_column_type(statement, DUE_EFFECTIVE_TIME) == SQLITE_NULL
                                   ? STORE_TIME_NONE
                                   : sqlite3_column_int64(statement, DUE_EFFECTIVE_TIME);
    alert->detected_at_us    = sqlite3_column_int64(statement, DUE_DETECTED_AT);
    alert->revision          = sqlite3_column_int64(statement, DUE_REVISION);
    alert->is_delivered      = true;
    alert->acknowledged_at_us = sqlite3_column_int64(statement, DUE_TEXTS + count); /* The last one. */
    CHECK(sqlite3_column_count(statement) == DUE_TEXTS + count + 1);
    for (int i = 0; i < count; i++)
        if (sqlite3_column_type(statement, DUE_TEXTS + i) != SQLITE_NULL && !sqlite_column_str(arena, statement, DUE_TEXTS + i, texts[i]))
            return false;
    return true;
}

static enum status
take_rows(struct sqlite_store *sqlite, enum sqlite_statement which, struct str sink, int64_t now_us, struct arena *arena,
          struct store_outbox_row *rows, size_t count_max, size_t *ret_count, struct error *err)
{
    sqlite3_stmt *statement = sqlite_prepare(sqlite, which, err);
    bool          has_memory = true;
    size_t        count = 0;
    int           code = SQLITE_ROW;

    if (statement == NULL)
        return ST_ERROR;
    sqlite_bind_text(statement, 1, sink, false);
    sqlite3_bind_int64(statement, 2, now_us);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)count_max);
    while (has_memory && count < count_max && (code = sqlite3_step(statement)) == SQLITE_ROW)
        has_memory = take_row(arena, statement, &rows[count++]);
    enum status status = !has_memory ? error_no_memory(err)
                         : code == SQLITE_ROW || code == SQLITE_DONE ? ST_OK
                                                                     : sqlite_error(sqlite, err, "read the outbox");
    sqlite3_reset(statement);
    *ret_count = count;
    return status;
}

enum status
sqlite_outbox_due(struct store *store, struct str sink, int64_t now_us, size_t count_max, bool is_first_only, struct arena *arena,
                  struct store_outbox_row **ret_rows, size_t *ret_count, struct error *err)
{
    struct sqlite_store     *sqlite = (struct sqlite_store *)store;
    struct store_outbox_row *rows   = ARENA_ARRAY(arena, struct store_outbox_row, count_max);
    size_t                   count  = 0;
    enum status              status;

    CHECK(count_max > 0);
    if (rows == NULL)
        return error_no_memory(err);
    status = sqlite_run(sqlite, "begin", err, "begin");
    if (status != ST_OK)
        return status;
    status = sqlite_check_generation(sqlite, sqlite->generation, err);
    if (status == ST_OK)
        status = take_rows(sqlite, is_first_only ? SQL_OUTBOX_DUE_FIRST : SQL_OUTBOX_DUE, sink, now_us, arena, rows, count_max, &count, err);
    sqlite3_exec(sqlite->db, "rollback", NULL, NULL, NULL); /* Nothing was written. */
    if (status == ST_OK) {
        *ret_rows  = rows;
        *ret_count = count;
    }
    return status;
}

static enum status
put_mark(struct sqlite_store *sqlite, const struct store_outbox_mark *mark, struct error *err)
{
    static const char *const names[]   = { "waiting", "delivered", "given_up" };
    sqlite3_stmt            *statement = sqlite_prepare(sqlite, SQL_OUTBOX_MARK, err);

    if (statement == NULL)
        return ST_ERROR;
    sqlite_bind_text(statement, 1, mark->alert_id, false);
    sqlite3_bind_int64(statement, 2, mark->revision);
    sqlite_bind_text(statement, 3, mark->sink, false);
    sqlite3_bind_text(statement, 4, names[mark->status], -1, SQLITE_STATIC);
    sqlite_bind_time(statement, 5, mark->next_attempt_at_us);
    sqlite_bind_time(statement, 6, mark->delivered_at_us);
    sqlite_bind_text(statement, 7, mark->last_error, true);
    return sqlite_step(sqlite, statement, err, "mark a delivery");
}

enum status
sqlite_outbox_mark(struct store *store, const struct store_outbox_mark *marks, size_t count, struct error *err)
{
    struct sqlite_store *sqlite = (struct sqlite_store *)store;
    enum status          status = sqlite_run(sqlite, "begin immediate", err, "begin");

    if (status == ST_OK)
        status = sqlite_check_generation(sqlite, sqlite->generation, err);
    for (size_t i = 0; i < count && status == ST_OK; i++)
        status = put_mark(sqlite, &marks[i], err);
    if (status == ST_OK)
        status = sqlite_run(sqlite, "commit", err, "commit deliveries");
    if (status != ST_OK)
        sqlite3_exec(sqlite->db, "rollback", NULL, NULL, NULL);
    return status;
}
