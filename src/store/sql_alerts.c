/* What persons do with alerts, each act a revision (alert_life.h). */
#include <stdio.h>

#include "base/check.h"
#include "base/json_out.h"
#include "base/str_builder.h"
#include "store/sql_int.h"

enum newest_column {
    NEWEST_ALERT_ID,
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

struct sql_statement *
sql_alerts_newest_ask(struct sql_store *sql, struct str ids, struct error *err)
{
    struct sql_statement *statement = sql_prepare(sql, SQL_ALERTS_NEWEST, err);

    if (statement == NULL)
        return NULL;
    sql->driver->bind_text(statement, 1, ids);
    return sql->driver->ask(statement, "read the newest revisions of alerts", err) == ST_OK ? statement : NULL;
}

enum status
sql_alerts_newest_next(struct sql_store *sql, struct sql_statement *statement, struct str *ret_alert_id, struct alert_newest *ret_newest,
                       struct error *err)
{
    const struct sql_driver *driver = sql->driver;
    const enum sql_step      step   = driver->step(statement, "read the newest revisions of alerts", err);

    *ret_alert_id = STR_EMPTY;
    *ret_newest   = (struct alert_newest){ .acknowledged_at_us = STORE_TIME_NONE };
    if (step != SQL_ROW) {
        driver->reset(statement);
        return step == SQL_DONE ? ST_OK : ST_ERROR;
    }
    *ret_alert_id = driver->column_text(statement, NEWEST_ALERT_ID);
    *ret_newest   = (struct alert_newest){ .revision           = driver->column_int(statement, NEWEST_REVISION),
                                           .status             = driver->column_text(statement, NEWEST_STATUS),
                                           .status_reason      = driver->column_text(statement, NEWEST_STATUS_REASON),
                                           .severity           = driver->column_text(statement, NEWEST_SEVERITY),
                                           .value              = driver->column_text(statement, NEWEST_VALUE),
                                           .unit               = driver->column_text(statement, NEWEST_UNIT),
                                           .acknowledged_by    = driver->column_text(statement, NEWEST_ACKNOWLEDGED_BY),
                                           .acknowledged_at_us = STORE_TIME_NONE,
                                           .handled            = driver->column_text(statement, NEWEST_HANDLED) };
    if (!driver->is_null(statement, NEWEST_ACKNOWLEDGED_AT))
        ret_newest->acknowledged_at_us = driver->column_int(statement, NEWEST_ACKNOWLEDGED_AT);
    return ST_OK;
}

/* ---- Which one ---- */

/* The whole id of the one that is meant. */
static enum status
find(struct sql_store *sql, struct str name, char alert_id[ALERT_ID_SIZE_MAX + 1], struct error *err)
{
    struct sql_statement *statement = sql_prepare(sql, SQL_ALERT_FIND, err);
    enum status           status    = ST_OK;
    enum sql_step         step;

    if (statement == NULL)
        return ST_ERROR;
    CHECK(name.size > 0);
    sql->driver->bind_text(statement, 1, name);
    step = sql->driver->step(statement, "look for an alert", err);
    if (step == SQL_ROW) {
        snprintf(alert_id, ALERT_ID_SIZE_MAX + 1, "%.*s", STR_PRINTF(sql->driver->column_text(statement, 0)));
        step = sql->driver->step(statement, "look for an alert", err);
        if (step == SQL_ROW) {
            status = error_set(err, ERR_USAGE, "more than one alert begins with %.*s", STR_PRINTF(name));
            error_hint(err, "give more of its id: heddle alerts list --format json shows all of it");
        }
    } else if (step == SQL_DONE) {
        status = error_set(err, ERR_NOT_FOUND, "there is no alert %.*s", STR_PRINTF(name));
        error_hint(err, "heddle alerts list shows their ids in its first column");
    }
    sql->driver->reset(statement);
    return step == SQL_FAILED ? ST_ERROR : status;
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
write_act(struct sql_store *sql, const struct store_handle *handle, struct str handled, const struct store_handled *now,
          struct str status_reason, struct error *err)
{
    struct sql_statement *statement = sql_prepare(sql, SQL_ALERT_ACT, err);
    enum status   status;

    if (statement == NULL)
        return ST_ERROR;
    sql_bind_text(sql, statement, 1, str_from(now->alert_id), false);
    sql_bind_text(sql, statement, 2, str_from(now->status), false);
    sql_bind_text(sql, statement, 3, status_reason, true);
    sql->driver->bind_int(statement, 4, handle->now_us);
    sql_bind_text(sql, statement, 5, str_from(now->by), false);
    sql->driver->bind_int(statement, 6, now->at_us);
    sql_bind_text(sql, statement, 7, handled, false);
    status = sql->driver->put(statement, "write what was done with an alert", err);
    if (status != ST_OK)
        return status;
    statement = sql_prepare(sql, SQL_ALERT_ACT_SEND, err);
    if (statement == NULL)
        return ST_ERROR;
    sql_bind_text(sql, statement, 1, str_from(now->alert_id), false);
    sql->driver->bind_int(statement, 2, now->revision);
    sql->driver->bind_int(statement, 3, handle->now_us);
    return sql->driver->put(statement, "write to the outbox", err);
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
act(struct sql_store *sql, const struct store_handle *handle, const struct store_alert_name *name, struct str handled,
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
    return write_act(sql, handle, handled, result, reason, err);
}

static enum status
handle_found(struct sql_store *sql, const struct store_handle *handle, const struct store_alert_name *name, struct str handled, struct str ids,
             struct store_handled *result, struct error *err)
{
    struct sql_statement *statement = sql_alerts_newest_ask(sql, ids, err);
    struct alert_newest   newest;
    struct str            alert_id;
    enum status           status = statement == NULL ? ST_ERROR : sql_alerts_newest_next(sql, statement, &alert_id, &newest, err);

    if (status == ST_OK && alert_id.size == 0)
        status = error_set(err, ERR_CORRUPT, "the store has no revision of alert %.*s", STR_PRINTF(name->alert_id));
    if (status == ST_OK)
        status = act(sql, handle, name, handled, &newest, result, err);
    if (statement != NULL)
        sql->driver->reset(statement);
    return status;
}

static enum status
handle_one(struct sql_store *sql, const struct store_handle *handle, const struct store_alert_name *name, struct str handled,
           struct store_handled *result, struct error *err)
{
    struct str_builder ids    = STR_BUILDER_EMPTY;
    enum status        status = find(sql, name->alert_id, result->alert_id, err);

    str_builder_printf(&ids, "[\"%s\"]", result->alert_id);
    if (status == ST_OK)
        status = str_builder_status(&ids, err);
    if (status == ST_OK)
        status = handle_found(sql, handle, name, handled, str_builder_text(&ids), result, err);
    str_builder_release(&ids);
    return status;
}

static enum status
handle_all(struct sql_store *sql, const struct store_handle *handle, struct str handled, struct store_handled *results, struct error *err)
{
    enum status status = ST_OK;

    for (size_t i = 0; i < handle->alert_count && status == ST_OK; i++)
        status = handle_one(sql, handle, &handle->alerts[i], handled, &results[i], err);
    return status;
}

enum status
sql_alerts_handle(struct store *store, const struct store_handle *handle, struct store_handled *ret_handled, struct error *err)
{
    struct sql_store  *sql     = (struct sql_store *)store;
    struct str_builder handled = STR_BUILDER_EMPTY;
    enum status        status;

    CHECK(sql->generation != 0 && handle->alert_count <= ALERT_HANDLE_COUNT_MAX); /* The caller owns it. */
    print_handled(handle, &handled);
    status = str_builder_status(&handled, err);
    if (status == ST_OK)
        status = sql_begin(sql, sql->generation, true, err);
    if (status == ST_OK)
        status = sql_end(sql, handle_all(sql, handle, str_builder_text(&handled), ret_handled, err), "commit what was done with alerts", err);
    str_builder_release(&handled);
    return status;
}
