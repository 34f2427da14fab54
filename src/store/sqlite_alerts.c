/* What persons do with alerts, each act a revision (alert_life.h). */
#include <stdio.h>

#include "base/check.h"
#include "base/json_out.h"
#include "base/str_builder.h"
#include "store/sqlite_int.h"

enum newest_column {
    NEWEST_REVISION,
    NEWEST_STATUS,
    NEWEST_STATUS_REASON,
    NEWEST_SEVERITY,
    NEWEST_VALUE,
    NEWEST_UNIT,
    NEWEST_ACKNOWLEDGED_BY,
    NEWEST_ACKNOWLEDGED_AT,
    NEWEST_HANDLED
};

enum status
sqlite_alert_newest(struct sqlite_store *sqlite, struct str alert_id, sqlite3_stmt **ret_statement, struct alert_newest *ret_newest,
                    struct error *err)
{
    sqlite3_stmt *statement = *ret_statement = sqlite_prepare(sqlite, SQL_ALERT_NEWEST, err);
    int           code;

    if (statement == NULL)
        return ST_ERROR;
    sqlite_bind_text(statement, 1, alert_id, false);
    code        = sqlite3_step(statement);
    *ret_newest = (struct alert_newest){ .acknowledged_at_us = STORE_TIME_NONE };
    if (code == SQLITE_DONE)
        return ST_OK;
    if (code != SQLITE_ROW)
        return sqlite_error(sqlite, err, "read an alert's newest revision");
    *ret_newest = (struct alert_newest){ .revision           = sqlite3_column_int64(statement, NEWEST_REVISION),
                                         .status             = sqlite_column_view(statement, NEWEST_STATUS),
                                         .status_reason      = sqlite_column_view(statement, NEWEST_STATUS_REASON),
                                         .severity           = sqlite_column_view(statement, NEWEST_SEVERITY),
                                         .value              = sqlite_column_view(statement, NEWEST_VALUE),
                                         .unit               = sqlite_column_view(statement, NEWEST_UNIT),
                                         .acknowledged_by    = sqlite_column_view(statement, NEWEST_ACKNOWLEDGED_BY),
                                         .acknowledged_at_us = STORE_TIME_NONE,
                                         .handled            = sqlite_column_view(statement, NEWEST_HANDLED) };
    if (sqlite3_column_type(statement, NEWEST_ACKNOWLEDGED_AT) != SQLITE_NULL)
        ret_newest->acknowledged_at_us = sqlite3_column_int64(statement, NEWEST_ACKNOWLEDGED_AT);
    return ST_OK;
}

/* ---- Which one ---- */

/* The whole id of the one that is meant. */
static enum status
find(struct sqlite_store *sqlite, struct str name, char alert_id[ALERT_ID_SIZE_MAX + 1], struct error *err)
{
    sqlite3_stmt *statement = sqlite_prepare(sqlite, SQL_ALERT_FIND, err);
    enum status   status    = ST_OK;
    int           code;

    if (statement == NULL)
        return ST_ERROR;
    CHECK(name.size > 0);
    sqlite_bind_text(statement, 1, name, false);
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        snprintf(alert_id, ALERT_ID_SIZE_MAX + 1, "%.*s", STR_PRINTF(sqlite_column_view(statement, 0)));
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW) {
            status = error_set(err, ERR_USAGE, "more than one alert begins with %.*s", STR_PRINTF(name));
            error_hint(err, "give more of its id: heddle alerts list --format json shows all of it");
        }
    } else if (code == SQLITE_DONE) {
        status = error_set(err, ERR_NOT_FOUND, "there is no alert %.*s", STR_PRINTF(name));
        error_hint(err, "heddle alerts list shows their ids in its first column");
    }
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        status = sqlite_error(sqlite, err, "look for an alert");
    sqlite3_reset(statement);
    return status;
}

/* ---- The act ---- */

static void
print_handled(const struct store_handle *handle, struct str_builder *out)
{
    struct json_out json;

    json_out_init(&json, out, 0);
    json_out_object_begin(&json);
    json_out_key_cstr(&json, "action", handle->handling == STORE_CLOSE ? "close" : "acknowledge");
    json_out_key_text(&json, "by", handle->by);
    json_out_key(&json, STR("at"));
    json_out_time(&json, handle->now_us);
    if (handle->comment.size > 0)
        json_out_key_text(&json, "comment", handle->comment);
    json_out_object_end(&json);
}

/* The revision, and who hears of it. */
static enum status
write_act(struct sqlite_store *sqlite, const struct store_handle *handle, struct str handled, const struct store_handled *now,
          struct str status_reason, struct error *err)
{
    sqlite3_stmt *statement = sqlite_prepare(sqlite, SQL_ALERT_ACT, err);
    enum status   status;

    if (statement == NULL)
        return ST_ERROR;
    sqlite_bind_text(statement, 1, str_from(now->alert_id), false);
    sqlite_bind_text(statement, 2, str_from(now->status), false);
    sqlite_bind_text(statement, 3, status_reason, true);
    sqlite3_bind_int64(statement, 4, handle->now_us);
    sqlite_bind_text(statement, 5, str_from(now->by), false);
    sqlite3_bind_int64(statement, 6, now->at_us);
    sqlite_bind_text(statement, 7, handled, false);
    status = sqlite_step(sqlite, statement, err, "write what was done with an alert");
    if (status != ST_OK)
        return status;
    statement = sqlite_prepare(sqlite, SQL_ALERT_ACT_SEND, err);
    if (statement == NULL)
        return ST_ERROR;
    sqlite_bind_text(statement, 1, str_from(now->alert_id), false);
    sqlite3_bind_int64(statement, 2, now->revision);
    sqlite3_bind_int64(statement, 3, handle->now_us);
    return sqlite_step(sqlite, statement, err, "write to the outbox");
}

static enum status
check_seen(const struct alert_newest *newest, const struct store_alert_name *name, struct error *err)
{
    if (name->revision == 0 || name->revision == newest->revision || newest->handled.size > 0)
        return ST_OK;
    error_set(err, ERR_USAGE, "the newest revision of alert %.*s is %lld, not %lld", STR_PRINTF(name->alert_id), (long long)newest->revision,
              (long long)name->revision);
    error_hint(err, "look at it first: heddle alerts show %.*s", STR_PRINTF(name->alert_id));
    return ST_ERROR;
}

/* What will be said of it, from what is said now. */
static enum status
act(struct sqlite_store *sqlite, const struct store_handle *handle, const struct store_alert_name *name, struct str handled,
    const struct alert_newest *newest, struct store_handled *result, struct error *err)
{
    struct str status = newest->status, reason = newest->status_reason;

    if (check_seen(newest, name, err) != ST_OK)
        return ST_ERROR;
    result->is_new   = alert_life_act(newest, handle->handling, &status, &reason);
    result->revision = newest->revision + result->is_new;
    result->at_us    = newest->acknowledged_at_us;
    snprintf(result->status, sizeof result->status, "%.*s", STR_PRINTF(status));
    snprintf(result->by, sizeof result->by, "%.*s", STR_PRINTF(newest->acknowledged_by));
    if (!result->is_new)
        return ST_OK;
    if (!str_equal(newest->status, STR("acknowledged"))) { /* L1: a close leaves the name of who acknowledged it. */
        result->at_us = handle->now_us;
        snprintf(result->by, sizeof result->by, "%.*s", STR_PRINTF(handle->by));
    }
    return write_act(sqlite, handle, handled, result, reason, err);
}

static enum status
handle_one(struct sqlite_store *sqlite, const struct store_handle *handle, const struct store_alert_name *name, struct str handled,
           struct store_handled *result, struct error *err)
{
    struct alert_newest newest;
    sqlite3_stmt       *statement = NULL;
    enum status         status    = find(sqlite, name->alert_id, result->alert_id, err);

    if (status == ST_OK)
        status = sqlite_alert_newest(sqlite, str_from(result->alert_id), &statement, &newest, err);
    if (status == ST_OK)
        status = act(sqlite, handle, name, handled, &newest, result, err);
    sqlite3_reset(statement);
    return status;
}

static enum status
handle_all(struct sqlite_store *sqlite, const struct store_handle *handle, struct str handled, struct store_handled *results, struct error *err)
{
    enum status status = sqlite_check_generation(sqlite, sqlite->generation, err);

    for (size_t i = 0; i < handle->alert_count && status == ST_OK; i++)
        status = handle_one(sqlite, handle, &handle->alerts[i], handled, &results[i], err);
    return status;
}

enum status
sqlite_alerts_handle(struct store *store, const struct store_handle *handle, struct store_handled *ret_handled, struct error *err)
{
    struct sqlite_store *sqlite  = (struct sqlite_store *)store;
    struct str_builder   handled = STR_BUILDER_EMPTY;
    enum status          status;

    CHECK(sqlite->generation != 0 && handle->alert_count <= ALERT_HANDLE_COUNT_MAX); /* The caller owns it. */
    print_handled(handle, &handled);
    status = str_builder_status(&handled, err);
    if (status == ST_OK)
        status = sqlite_run(sqlite, "begin immediate", err, "begin");
    if (status == ST_OK) {
        status = handle_all(sqlite, handle, str_builder_text(&handled), ret_handled, err);
        if (status == ST_OK)
            status = sqlite_run(sqlite, "commit", err, "commit what was done with alerts");
        if (status != ST_OK)
            sqlite3_exec(sqlite->db, "rollback", NULL, NULL, NULL);
    }
    str_builder_release(&handled);
    return status;
}
