#include "store/alert_life.h"

#include "model/model.h"

static bool
is_one_of(struct str text, struct str first, struct str second)
{
    return str_equal(text, first) || str_equal(text, second);
}

static bool
fires(struct str status)
{
    return is_one_of(status, STR("open"), STR("revised"));
}

/* -1: none that we know, the least grave. */
static int
rank(struct str severity)
{
    int found = -1;
    for (int i = 0; i < SEVERITY_COUNT; i++)
        if (str_equal(severity, str_from(severity_name((enum severity)i))))
            found = i;
    return found;
}

static bool
is_told_anew(const struct alert_newest *newest, const struct store_alert *told)
{
    const bool was_retracted = str_equal(newest->status, STR("retracted"));
    const bool was_closed    = str_equal(newest->status, STR("closed"));

    return rank(told->severity) > rank(newest->severity) || !str_equal(told->value, newest->value) || !str_equal(told->unit, newest->unit)
           || (str_equal(told->status, STR("retracted")) && !was_retracted) || (fires(told->status) && was_retracted)
           || (str_equal(told->status, STR("closed")) && !was_closed);
}

bool
alert_life_is_silent(const struct alert_newest *newest, const struct store_alert *told)
{
    return newest->handled.size > 0 && !is_told_anew(newest, told);
}

struct str
alert_life_status(const struct alert_newest *newest, const struct store_alert *told)
{
    if (alert_life_is_silent(newest, told))
        return newest->status;
    return newest->handled.size > 0 && str_equal(told->status, STR("open")) ? STR("revised") : told->status;
}

struct alert_newest
alert_life_after(const struct alert_newest *newest, const struct store_alert *told)
{
    const bool is_silent = alert_life_is_silent(newest, told);

    return (struct alert_newest){ .revision           = newest->revision + 1,
                                  .status             = alert_life_status(newest, told),
                                  .status_reason      = is_silent ? newest->status_reason : told->status_reason,
                                  .severity           = told->severity,
                                  .value              = told->value,
                                  .unit               = told->unit,
                                  .acknowledged_by    = newest->acknowledged_by,
                                  .acknowledged_at_us = newest->acknowledged_at_us,
                                  .handled            = is_silent ? newest->handled : STR_EMPTY };
}

bool
alert_life_act(const struct alert_newest *newest, enum store_handling handling, struct str *ret_status, struct str *ret_status_reason)
{
    const bool is_closing = handling == STORE_CLOSE;

    if (str_equal(newest->status, STR("closed")))
        return false;
    if (str_equal(newest->status, STR("retracted"))) { /* It stays: who looks later must see that it is. */
        *ret_status        = newest->status;
        *ret_status_reason = newest->status_reason;
        return newest->handled.size == 0;
    }
    *ret_status        = is_closing ? STR("closed") : STR("acknowledged");
    *ret_status_reason = is_closing ? STR(ALERT_CLOSED_BY_PERSON) : newest->status_reason;
    return is_closing || !str_equal(newest->status, STR("acknowledged"));
}
