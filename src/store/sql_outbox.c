/* The outbox's rows: which are due, and what became of them (P9). */
#include "base/check.h"
#include "store/sql_int.h"

/* As SQL_OUTBOX_DUE and SQL_OUTBOX_DUE_FIRST give them. */
enum due_column { DUE_ATTEMPTS, DUE_SINCE, DUE_APPROVED, DUE_EVENT_TIME, DUE_EFFECTIVE_TIME, DUE_DETECTED_AT, DUE_REVISION, DUE_TEXTS };

static bool
take_row(struct sql_store *sql, struct arena *arena, struct sql_statement *statement, struct store_outbox_row *row)
{
    struct store_alert *alert   = &row->alert;
    struct str *const   texts[] = { &alert->alert_id,   &alert->rule,       &alert->rule_version, &alert->mode,         &alert->severity,
                                    &alert->status,     &alert->status_reason, &alert->person_id, &alert->subject_system, &alert->subject_id,
                                    &alert->encounter_id, &alert->location, &alert->ordering_practitioner_id, &alert->code, &alert->value,
                                    &alert->unit,       &alert->reference_range, &alert->explanation, &alert->evidence, &alert->labels,
                                    &alert->acknowledged_by };
    const int           count   = sizeof texts / sizeof *texts;

    row->attempts            = sql->driver->column_int(statement, DUE_ATTEMPTS);
    row->since_us            = sql->driver->column_int(statement, DUE_SINCE);
    alert->limits_approved   = sql->driver->column_int(statement, DUE_APPROVED) != 0;
    alert->event_time_us     = sql->driver->column_int(statement, DUE_EVENT_TIME);
    alert->effective_time_us = sql->driver->is_null(statement, DUE_EFFECTIVE_TIME)
                                   ? STORE_TIME_NONE
                                   : sql->driver->column_int(statement, DUE_EFFECTIVE_TIME);
    alert->detected_at_us    = sql->driver->column_int(statement, DUE_DETECTED_AT);
    alert->revision          = sql->driver->column_int(statement, DUE_REVISION);
    alert->is_delivered      = true;
    alert->acknowledged_at_us = sql->driver->column_int(statement, DUE_TEXTS + count); /* The last one. */
    for (int i = 0; i < count; i++)
        if (!sql->driver->is_null(statement, DUE_TEXTS + i) && !sql_column_copy(sql, arena, statement, DUE_TEXTS + i, texts[i]))
            return false;
    return true;
}

static enum status
take_rows(struct sql_store *sql, enum sql_statement_name which, struct str sink, int64_t now_us, struct arena *arena,
          struct store_outbox_row *rows, size_t count_max, size_t *ret_count, struct error *err)
{
    struct sql_statement *statement = sql_prepare(sql, which, err);
    bool          has_memory = true;
    size_t        count = 0;
    enum sql_step step = SQL_ROW;

    if (statement == NULL)
        return ST_ERROR;
    sql_bind_text(sql, statement, 1, sink, false);
    sql->driver->bind_int(statement, 2, now_us);
    sql->driver->bind_int(statement, 3, (int64_t)count_max);
    while (has_memory && count < count_max && (step = sql->driver->step(statement, "read the outbox", err)) == SQL_ROW)
        has_memory = take_row(sql, arena, statement, &rows[count++]);
    sql->driver->reset(statement);
    *ret_count = count;
    return !has_memory ? error_no_memory(err) : step == SQL_FAILED ? ST_ERROR : ST_OK;
}

enum status
sql_outbox_due(struct store *store, struct str sink, int64_t now_us, size_t count_max, bool is_first_only, struct arena *arena,
                  struct store_outbox_row **ret_rows, size_t *ret_count, struct error *err)
{
    struct sql_store     *sql = (struct sql_store *)store;
    struct store_outbox_row *rows   = ARENA_ARRAY(arena, struct store_outbox_row, count_max);
    size_t                   count  = 0;
    enum status              status;

    CHECK(count_max > 0);
    if (rows == NULL)
        return error_no_memory(err);
    do { /* Nothing was written, so a connection that is lost in between is made anew. */
        if (sql_begin(sql, sql->generation, false, err) != ST_OK)
            return ST_ERROR;
        status = take_rows(sql, is_first_only ? SQL_OUTBOX_DUE_FIRST : SQL_OUTBOX_DUE, sink, now_us, arena, rows, count_max, &count, err);
        sql->driver->rollback(sql);
    } while (status != ST_OK && sql->driver->is_mended != NULL && sql->driver->is_mended(sql, err));
    if (status == ST_OK) {
        *ret_rows  = rows;
        *ret_count = count;
    }
    return status;
}

static enum status
put_mark(struct sql_store *sql, const struct store_outbox_mark *mark, struct error *err)
{
    static const char *const names[]   = { "waiting", "delivered", "given_up" };
    struct sql_statement    *statement = sql_prepare(sql, SQL_OUTBOX_MARK, err);

    if (statement == NULL)
        return ST_ERROR;
    sql_bind_text(sql, statement, 1, mark->alert_id, false);
    sql->driver->bind_int(statement, 2, mark->revision);
    sql_bind_text(sql, statement, 3, mark->sink, false);
    sql->driver->bind_text(statement, 4, str_from(names[mark->status]));
    sql_bind_time(sql, statement, 5, mark->next_attempt_at_us);
    sql_bind_time(sql, statement, 6, mark->delivered_at_us);
    sql_bind_text(sql, statement, 7, mark->last_error, true);
    return sql->driver->put(statement, "mark a delivery", err);
}

enum status
sql_outbox_mark(struct store *store, const struct store_outbox_mark *marks, size_t count, struct error *err)
{
    struct sql_store *sql    = (struct sql_store *)store;
    enum status       status = sql_begin(sql, sql->generation, true, err);

    if (status != ST_OK)
        return status;
    for (size_t i = 0; i < count && status == ST_OK; i++)
        status = put_mark(sql, &marks[i], err);
    return sql_end(sql, status, "commit deliveries", err);
}
