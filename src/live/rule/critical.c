#include "live/rule/critical.h"

#include "base/check.h"

int
critical_compare(const struct critical_result *a, const struct critical_result *b)
{
    if (a->effective_us != b->effective_us)
        return a->effective_us < b->effective_us ? -1 : 1;
    if (a->event_us != b->event_us)
        return a->event_us < b->event_us ? -1 : 1;
    int order = str_compare(a->event_system, b->event_system);
    return order != 0 ? order : str_compare(a->event_id, b->event_id);
}

static bool
same_result(const struct critical_result *a, const struct critical_result *b)
{
    return a->result_key.low == b->result_key.low && a->result_key.high == b->result_key.high;
}

/* Follows the versions of the result whose first one is `first`. False: none of them fires. */
static bool
judge_result(const struct critical_result *results, size_t count, size_t first, struct critical_alert *ret_alert)
{
    bool has_fired = false;
    for (size_t i = first; i < count; i++) {
        const struct critical_result *result = &results[i];
        if (!same_result(result, &results[first]))
            continue;
        bool is_firing = result->is_critical && !result->is_withdrawn;
        if (result->is_promotion && (!is_firing || (has_fired && ret_alert->status != CRITICAL_RETRACTED)))
            continue;
        if (is_firing && !has_fired) {
            *ret_alert = (struct critical_alert){ i, i, CRITICAL_OPEN, result->severity, result->is_shadow };
            has_fired  = true;
        } else if (has_fired) {
            ret_alert->latest_index = i;
            ret_alert->status       = is_firing ? CRITICAL_REVISED : CRITICAL_RETRACTED;
            if (is_firing && result->severity > ret_alert->severity)
                ret_alert->severity = result->severity;
            if (is_firing && !result->is_shadow)
                ret_alert->is_shadow = false;
        }
    }
    return has_fired;
}

static bool
is_first_version(const struct critical_result *results, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (same_result(&results[i], &results[index]))
            return false;
    return true;
}

/* When an alert of each severity fired last. */
struct cooldown {
    int64_t fired_us[SEVERITY_COUNT];
    bool    has_fired[SEVERITY_COUNT];
};

static bool
cools(const struct cooldown *cooldown, enum severity severity, int64_t effective_us, int64_t cooldown_us)
{
    for (size_t i = severity; i < SEVERITY_COUNT; i++)
        if (cooldown->has_fired[i] && effective_us - cooldown->fired_us[i] < cooldown_us)
            return true;
    return false;
}

static void
cooldown_start(struct cooldown *cooldown, enum severity severity, int64_t effective_us)
{
    cooldown->fired_us[severity]  = effective_us;
    cooldown->has_fired[severity] = true;
}

size_t
critical_judge(const struct critical_result *results, size_t count, int64_t cooldown_us,
               struct critical_alert *ret_alerts)
{
    struct cooldown sent = { 0 }, shown = { 0 };
    size_t          alert_count = 0;
    for (size_t i = 1; i < count; i++)
        CHECK(critical_compare(&results[i - 1], &results[i]) < 0);
    for (size_t i = 0; i < count; i++) {
        struct critical_alert alert = { 0 };
        if (!is_first_version(results, i) || !judge_result(results, count, i, &alert))
            continue;
        int64_t effective_us = results[alert.firing_index].effective_us;
        /* What is sent cools what is only shown, and not the other way round. */
        if (results[alert.firing_index].is_cooled || cools(&sent, alert.severity, effective_us, cooldown_us)
            || (alert.is_shadow && cools(&shown, alert.severity, effective_us, cooldown_us)))
            alert.status = CRITICAL_CLOSED;
        else if (alert.status != CRITICAL_RETRACTED)
            cooldown_start(alert.is_shadow ? &shown : &sent, alert.severity, effective_us);
        ret_alerts[alert_count++] = alert;
    }
    return alert_count;
}
