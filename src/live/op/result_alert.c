#include "live/op/result_alert.h"

#include "base/check.h"

static const struct {
    const char *status;
    const char *reason;
} state_names[] = {
    [ALERT_UNTOLD]     = { "", "" },
    [ALERT_OPEN]       = { "open", "" },
    [ALERT_REVISED]    = { "revised", "corrected" },
    [ALERT_CORRECTED]  = { "retracted", "corrected" },
    [ALERT_WITHDRAWN]  = { "retracted", "withdrawn" },
    [ALERT_COOLING]    = { "closed", "cooldown" },
    [ALERT_SUPERSEDED] = { "retracted", "superseded" }, /* An earlier version of the result is critical, read later. */
};

enum alert_state
result_alert_state(const struct critical_alert *alert, const struct critical_place *latest)
{
    switch (alert->status) {
    case CRITICAL_OPEN:
        return ALERT_OPEN;
    case CRITICAL_REVISED:
        return ALERT_REVISED;
    case CRITICAL_RETRACTED:
        return latest->version->is_withdrawn ? ALERT_WITHDRAWN : ALERT_CORRECTED;
    case CRITICAL_CLOSED:
        return ALERT_COOLING;
    }
    CHECK(false);
    return ALERT_UNTOLD;
}

bool
result_alert_is_news(struct result_alert *alert)
{
    const struct critical_told *before  = &alert->firing->told;
    struct critical_told       *now     = &alert->told;
    const bool                  is_sent = now->state == ALERT_OPEN || now->state == ALERT_REVISED;
    /* Who has got the alert must hear what becomes of it. */
    now->is_delivered = (now->is_live && is_sent) || before->is_delivered;
    now->arrival      = before->arrival;
    return before->state != now->state || before->severity != now->severity || before->is_live != now->is_live || before->shown != now->shown;
}

static enum status
tell(struct rule *rule, const struct result_alert *what, int64_t now_us, struct epoch_output *output, struct error *err)
{
    struct state_entry           *entry    = what->entry;
    const struct critical_record *firing   = what->firing;
    const struct critical_place  *latest   = what->latest;
    const struct alert_identity   identity = { .pipeline = rule->graph->name, .rule = str_from(rule->pack->name),
                                               .event_us = firing->version.event_us, .subject = firing->subject, .event = firing->version.identity };
    struct store_alert            alert    = {
        .severity = str_from(severity_name((enum severity)what->told.severity)),
        .status = str_from(state_names[what->told.state].status), .status_reason = str_from(state_names[what->told.state].reason),
        .person_id = critical_text(entry, firing, TEXT_PERSON), .subject_system = critical_text(entry, firing, TEXT_PATIENT_SYSTEM),
        .subject_id = critical_text(entry, firing, TEXT_PATIENT_ID), .encounter_id = critical_text(entry, firing, TEXT_ENCOUNTER),
        .location = critical_text(entry, firing, TEXT_LOCATION), .ordering_practitioner_id = critical_text(entry, firing, TEXT_PRACTITIONER),
        .code = critical_text(entry, firing, TEXT_CODE), .value = critical_place_text(latest, TEXT_RESULT),
        .unit = critical_place_text(latest, TEXT_RESULT_UNIT), .reference_range = critical_place_text(latest, TEXT_RANGE),
        .effective_time_us = firing->version.effective_us, .detected_at_us = now_us, .is_delivered = what->told.is_delivered,
    };
    alert.evidence = rule_print_evidence(rule, what->events, what->event_count);
    return rule_tell(rule, &alert, &identity, what->told.is_live, output, err);
}

enum status
result_alert_tell(struct rule *rule, const struct result_alert *alert, int64_t now_us, struct epoch_output *output, struct error *err)
{
    if (tell(rule, alert, now_us, output, err) != ST_OK)
        return ST_ERROR;
    alert->firing->told = alert->told;
    return ST_OK;
}
