/* All versions of the results of one patient and analyte, as critical_judge wants them. */
#ifndef HEDDLE_LIVE_OP_CRITICAL_HISTORY_H
#define HEDDLE_LIVE_OP_CRITICAL_HISTORY_H

#include "live/op/critical_record.h"

/* A version where it lies. */
struct critical_place {
    struct state_entry            *entry;
    const struct critical_version *version;
    struct critical_record        *record; /* The same of a critical version; NULL: it is not critical. */
};

/* Keeps its memory from one use to the next. */
struct critical_history {
    struct critical_place  *places;  /* In the order of critical_compare … */
    struct critical_result *results; /* … and the same for critical_judge. */
    struct critical_alert  *alerts;  /* Room for as many. */
    uint32_t                count;
    uint32_t                capacity;
};

void critical_history_release(struct critical_history *history);

/* Gathers the entry's critical versions, and of their results the others. The places are good until the next put into either
 * table. */
enum status critical_history_gather(struct critical_history *history, const struct rule *rule, struct state_entry *entry, struct error *err);

/* Only what the entry has, in its order. */
enum status critical_history_of_records(struct critical_history *history, struct state_entry *entry, struct error *err);

/* Whether the critical version fired an alert when it came: by the critical versions that stood before it, for others neither
 * fire nor keep one from firing. Which alerts were ever born is a matter of the log, and neither of the barriers nor of the order
 * in which rows of one partition come here: each goes through the shard of its event, so with several shards a later one may
 * overtake. Overwrites what was gathered; the entry has no more versions than were gathered of it. */
bool critical_was_born(struct critical_history *history, const struct rule *rule, struct state_entry *entry, const struct critical_record *record);

/* A text of the version: TEXT_COUNT_NORMAL of them where it is not critical. */
struct str critical_place_text(const struct critical_place *place, uint32_t number);

#endif
