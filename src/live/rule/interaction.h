/* Drug interactions: which alerts follow from what was stated of two drugs of one patient.
 *
 *     statements of drug A ─┐ in the order of event times     A's period   ├────────┤
 *     statements of drug B ─┘ ─▶ a period each, at any time    B's period       ├──────── …   both run: they overlap from B's beginning to A's end
 *
 * A drug is what one prescription, dispensing or order says (its statements share an id); its period is [begin, end). Pure: no clock, no state, no order in
 * which barriers or shards came.
 *
 * I1  The newest statement tells. What names no drug keeps the drug of the one before it; what says that it ended keeps its beginning.
 * I2  An alert fires with the statement by which, in the order of event times, the two interact first.
 * I3  What stands in one partition came in the order of positions. A reader of several partitions may have seen any beginning of each, and told what
 *     followed; all that it may have told and that does not follow from the whole (I2) is told as superseded, whether it was told or not. So the alerts of a log
 *     are the same however it was read. What the warehouse knew was there from the beginning.
 * I4  The warehouse's statement of a drug counts until the log itself has one of the same time or an earlier one. */
#ifndef HEDDLE_LIVE_RULE_INTERACTION_H
#define HEDDLE_LIVE_RULE_INTERACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "model/interaction_rule.h"

/* Statements of both drugs of a pair are bits of a word. */
#define DRUG_VERSION_COUNT_MAX 32
/* Beginnings of partitions that are tried (I3): 2 drugs, corrected twice each, in 2 partitions give 16. What is told in more ways is taken in the order of
 * event times alone. */
#define INTERACTION_CUT_COUNT_MAX 512

#define DRUG_OPEN INT64_MAX /* An end that nobody stated. */

enum drug_use {
    DRUG_TAKEN,
    DRUG_COMPLETED, /* Ended at its stated end, else when that was said. */
    DRUG_STOPPED,   /* Ended when that was said, or at its stated end where that is before. */
    DRUG_NEVER,     /* Cancelled, entered in error, never taken. */
};

/* One statement. */
struct drug_version {
    int64_t            event_us;
    struct str         event_system; /* With event_id the event's identity, and the end of the order. */
    struct str         event_id;
    int64_t            begin_us;
    int64_t            end_us; /* DRUG_OPEN: not stated. */
    enum drug_use      use;
    bool               names_drug; /* Else the drug is that of the statement before it. */
    struct ingredients ingredients; /* Those that the rule knows; of a drug that it does not know none. */
    bool               is_history;
    uint32_t           partition; /* The caller's number; within it `position` is the order. What stands in several has one of its own, for it may be read with
                                   * any of them. Of history of no matter. */
    bool               has_order; /* Its partition's positions say what came first; else event times do. */
    int64_t            position;
    uint32_t           place; /* The caller's: which record it is. */
};

/* Statements of one drug, ascending by drug_compare, each event once, at most DRUG_VERSION_COUNT_MAX. */
struct drug_history {
    const struct drug_version *versions;
    uint32_t                   count;
};

/* The order of a history: (event time, system, event id). <0, 0 (one event), >0. */
int drug_compare(const struct drug_version *a, const struct drug_version *b);

/* How the drug stands after the statements of `mask` (bit i: version i). `open_us`: how long an open end lasts. */
struct drug_state {
    bool               is_taken; /* Else there is no statement, or it never was taken. */
    bool               is_ended; /* The newest statement says that it ended. */
    bool               is_open;  /* Nobody stated an end. */
    int64_t            begin_us;
    int64_t            end_us;   /* Not above begin_us: no time at all. */
    struct ingredients ingredients;
    uint32_t           newest;   /* Index of the statement that tells; UINT32_MAX: none. */
};
struct drug_state drug_state_of(const struct drug_history *drug, uint64_t mask, int64_t open_us);

enum interaction_status {
    INTERACTION_OPEN,
    INTERACTION_REVISED,    /* By another of the pair's ingredients than at first. */
    INTERACTION_STOPPED,    /* One of the two ended since. */
    INTERACTION_UNDONE,     /* One ended before they met, as was said since. */
    INTERACTION_CORRECTED,  /* Drug or period is another one. */
    INTERACTION_WITHDRAWN,  /* One of the two never was. */
    INTERACTION_SUPERSEDED, /* I3: what came later has an earlier event time. */
};

/* What of both drugs an alert goes by: as they stood when it fired, but where they changed it as they stand. */
struct interaction_alert {
    uint32_t                pair;    /* Index into the rule's. */
    enum interaction_status status;
    uint32_t                drug;    /* 0 or 1: whose statement fired it, */
    uint32_t                version; /* and which of it. */
    struct drug_state       states[2];
    uint32_t                ingredients[2]; /* Of each drug the one that interacts. */
    uint32_t                changed[2]; /* The newest statement where the status goes by it; UINT32_MAX: it does not. */
    int64_t                 begin_us; /* Of the overlap, by `states`. */
    int64_t                 end_us;   /* DRUG_OPEN where neither has an end. */
};

/* As many as there are statements at most: the caller has room for 2 * DRUG_VERSION_COUNT_MAX. Returns how many. `drugs[1]` may be `drugs[0]`: a drug of several
 * ingredients by itself. */
uint32_t interaction_judge(const struct interaction_rule *rule, uint32_t pair, const struct drug_history *const drugs[2], int64_t open_us,
                           struct interaction_alert *ret_alerts);

/* ---- Repeats ---- */

/* Of an alert what its repeats go by. */
struct interaction_repeat {
    uint32_t pair;
    uint32_t ingredients[2];
    int64_t  event_us;  /* Of the firing statement; with `order` the order of alerts. */
    uint64_t order[2];
    bool     is_firing; /* Open or revised: others silence nothing, and are not silenced. */
    bool     is_shadow; /* What is shown silences nothing that is sent. */
};

int interaction_repeat_compare(const struct interaction_repeat *a, const struct interaction_repeat *b);

/* `repeats` ascend by interaction_repeat_compare. Says by which other alert each is silenced: of the same pair and ingredients, less than `cooldown_us`
 * before it, not silenced itself; UINT32_MAX: by none. `scratch` has room for as many: only alerts that are not silenced are looked at, of which a danger has few. */
void interaction_silence(const struct interaction_repeat *repeats, uint32_t count, int64_t cooldown_us, uint32_t *scratch, uint32_t *ret_by);

#endif
