/* What a backtest and a store say differently of the same time.
 *
 * The two know an alert by other ids (backtest.h), so they are compared by what alerts say: an alert is known by its rule, subject (system and id), code and effective
 * time, and says its status, status_reason, severity and value. Alerts that are known by the same are paired as they are most alike.
 *
 * What a person did to an alert (acknowledged, closed) is no difference: the rule did not say it. */
#ifndef HEDDLE_HYBRID_COMPARE_H
#define HEDDLE_HYBRID_COMPARE_H

#include "base/arena.h"
#include "base/error.h"
#include "hybrid/backtest.h"
#include "store/store.h"

/* Why the two may differ. Where several hold, the first is told. */
enum difference_reason {
    DIFFERENCE_UNKNOWN,      /* None of these: look at it. */
    DIFFERENCE_RULE,         /* The two go by other versions of the rule, or by other approval. */
    DIFFERENCE_LETTERS,      /* The store's goes by a letter that was tried again, which the warehouse may not have. */
    DIFFERENCE_SUPERSEDED,   /* The live leg read a later version first, told its alert, and took it back: in the order of event times it never was. */
    DIFFERENCE_EXPLAINED,    /* The explanation came behind the access but is dated before it: in the order of event times there was no alert to take back. */
    DIFFERENCE_LATE,         /* What the rule counts came to the live leg when its day had been judged; history knows it from its event time. */
    DIFFERENCE_HISTORY_FROM, /* The live leg could not see as far back. */
    DIFFERENCE_OUTSIDE,      /* The stream has no event as early or as late as it: it began later, or has not got there. */
    DIFFERENCE_REASON_COUNT
};
const char *difference_reason_name(enum difference_reason reason); /* "unknown", "rule" … */
const char *difference_reason_help(enum difference_reason reason); /* One sentence. */

/* At least one of the two is there; both: they say different things. */
struct difference {
    const struct store_alert *live;
    const struct store_alert *history;
    enum difference_reason    reason;
};

struct comparison_input {
    const struct backtest_result *result;
    const struct store_alert     *live; /* Newest revisions, with event times of the result's range. */
    size_t                        live_count;
    const bool                   *is_personal; /* Of live: a person has acknowledged or closed it, so its status is not the rule's. */
    int64_t                       stream_begin_us; /* What times the stream has events of; INT64_MIN and INT64_MAX where nobody knows. */
    int64_t                       stream_end_us;
};

struct comparison {
    struct difference *differences; /* In the arena; by rule, subject, code, effective time. */
    size_t             difference_count;
    size_t             same_count;
};

/* All lies in the arena; the alerts are borrowed. */
enum status compare_alerts(const struct comparison_input *input, struct arena *arena, struct comparison *ret_comparison, struct error *err);

#endif
