/* Critical values: which alerts follow from the history of one patient and one analyte.
 *
 * A pure function of the history, so that live equals backtest whatever the order of arrival: the caller judges anew
 * when something came, and emits the difference to what it emitted last. The meaning is that of tests/oracle. */
#ifndef HEDDLE_LIVE_RULE_CRITICAL_H
#define HEDDLE_LIVE_RULE_CRITICAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"
#include "model/model.h"

/* One stated version of a result. */
struct critical_result {
    int64_t        effective_us;
    int64_t        event_us;
    struct str     event_system; /* With event_id the event's identity, and the end of the order. */
    struct str     event_id;
    struct hash128 result_key;   /* Versions of one result share it. */
    bool           is_withdrawn; /* Status D or W: it takes the result back. */
    bool           is_promotion; /* Status U: what was preliminary is final. It says nothing new while an alert of the result is open; a critical value
                                    that was never stated before, or was taken back, fires. */
    bool           is_critical;
    bool           is_shadow;    /* Where is_critical: for reasons that nobody has approved; shown, not sent. */
    bool          is_cooled; /* An alert that is forgotten meanwhile was sent within the cooldown before it. */
    enum severity  severity;     /* Where is_critical. */
};

enum critical_status {
    CRITICAL_OPEN,
    CRITICAL_REVISED,   /* A later version is critical too. */
    CRITICAL_RETRACTED, /* The latest version is not critical, or withdraws. */
    CRITICAL_CLOSED,    /* Within the cooldown of an alert at least as severe: shown, not sent. What is shown only hides nothing that is sent. */
};

struct critical_alert {
    size_t               firing_index; /* Into the results: gives the alert its identity. */
    size_t               latest_index; /* What it says now. */
    enum critical_status status;
    enum severity        severity; /* The highest of its critical versions. */
    bool                 is_shadow; /* All its critical versions are. */
};

/* The order of a history: (effective time, event time, system, event id). <0, 0 (one event), >0. */
int critical_compare(const struct critical_result *a, const struct critical_result *b);

/* `results` ascend by critical_compare, each event once. Writes at most `count` alerts in the order of their results'
 * first versions and returns how many. A retracted or closed alert starts no cooldown. Time grows with the square of
 * `count`: one patient's results of one analyte within the rule's history. */
size_t critical_judge(const struct critical_result *results, size_t count, int64_t cooldown_us,
                      struct critical_alert *ret_alerts);

#endif
