/* What rules about results tell: the alert of a version, and what becomes of it. */
#ifndef HEDDLE_LIVE_OP_RESULT_ALERT_H
#define HEDDLE_LIVE_OP_RESULT_ALERT_H

#include "live/op/critical_history.h"

/* critical_told.state. */
enum alert_state { ALERT_UNTOLD, ALERT_OPEN, ALERT_REVISED, ALERT_CORRECTED, ALERT_WITHDRAWN, ALERT_COOLING, ALERT_SUPERSEDED };

struct result_alert {
    struct state_entry          *entry;
    struct critical_record      *firing; /* Of the entry: gives the alert its identity. */
    const struct critical_place *latest; /* What it says now. */
    struct critical_told         told;   /* The same; the caller fills state, severity, is_live, shown. */
    uint32_t                     event_count;
    const struct rule_evidence  *events;
};

/* What follows from a history. */
enum alert_state result_alert_state(const struct critical_alert *alert, const struct critical_place *latest);

/* Fills the rest of `told`. False where the alert said the same last. */
bool result_alert_is_news(struct result_alert *alert);

/* Tells it, with the rule's explanation, and remembers that. On failure nothing is remembered. */
enum status result_alert_tell(struct rule *rule, const struct result_alert *alert, int64_t now_us, struct epoch_output *output, struct error *err);

#endif
