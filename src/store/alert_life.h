/* The life of an alert, between the rule that tells it and the persons who act on it.
 *
 *            rule: open ────────────▶ revised ────────────▶ retracted
 *                    │  ▲               │  ▲                   │
 *      person: acknowledge / close      │  │ L3                │ acknowledge: stays retracted, is handled (L2)
 *                    ▼  │ L3            ▼  │                   ▼
 *                 acknowledged ── close ─▶ closed, by_person
 *
 * L1  Each step is a revision, the person's too. From the first act of a person on every revision has acknowledged_by and
 *     acknowledged_at: who acted last by acknowledging, and when. A close of what nobody has acknowledged acknowledges it.
 * L2  An alert is *handled* while its newest revision stands on a person's act: $.handled of its explanation says which, by whom, when, and with
 *     which comment. Acts on what is handled already, or was closed by its rule, change nothing.
 * L3  What a rule tells of a handled alert is told anew, as the rule said it (but `revised` where it said `open`), and is to be
 *     handled anew, where it is graver, has another value or unit, retracts what was not retracted, fires again what was, or
 *     closes what was not closed. A person looked at another number, or at nothing.
 * L4  All else is silent: the revision is kept, with the person's status and `handled`, and goes to no sink.
 * L5  What a rule tells is all that an epoch's digest has (digest.h): what persons do, and when, changes no digest. */
#ifndef HEDDLE_STORE_ALERT_LIFE_H
#define HEDDLE_STORE_ALERT_LIFE_H

#include <stdbool.h>

#include "store/store.h"

#define ALERT_CLOSED_BY_PERSON "by_person" /* Its status_reason; rules close with others. */

/* The newest revision of an alert. Texts are views. */
struct alert_newest {
    int64_t    revision; /* 0: there is none. */
    struct str status;
    struct str status_reason;
    struct str severity;
    struct str value;
    struct str unit;
    struct str acknowledged_by;
    int64_t    acknowledged_at_us; /* STORE_TIME_NONE: nobody has. */
    struct str handled;            /* JSON; empty: it is not handled. */
};

/* L4, L3. */
bool       alert_life_is_silent(const struct alert_newest *newest, const struct store_alert *told);
/* The status that the revision gets which the rule tells. */
struct str alert_life_status(const struct alert_newest *newest, const struct store_alert *told);

/* The newest revision, when that one has been added. */
struct alert_newest alert_life_after(const struct alert_newest *newest, const struct store_alert *told);

/* What an act makes of it; false: nothing, for it is handled already (L2). */
bool alert_life_act(const struct alert_newest *newest, enum store_handling handling, struct str *ret_status, struct str *ret_status_reason);

#endif
