/* What the parts of access_volume share: its state, the days' moments, and the judgement. V1 to V5 stand in access_volume.h. */
#ifndef HEDDLE_LIVE_OP_VOLUME_INT_H
#define HEDDLE_LIVE_OP_VOLUME_INT_H

#include "base/zone.h"
#include "live/op/records.h"
#include "live/op/rule.h"
#include "live/rule/robust.h"

/* ---- State ---- */

enum { VOLUME_TEXT_USER_SYSTEM, VOLUME_TEXT_USER_ID, VOLUME_TEXT_ROLE, VOLUME_TEXT_DEPARTMENT, VOLUME_TEXT_PARTITION, VOLUME_TEXT_COUNT };

/* When an access was known: before its day was judged first, or before it was judged for good. */
enum volume_stage { VOLUME_FIRST, VOLUME_LATE, VOLUME_STAGE_COUNT };

enum volume_told { VOLUME_UNTOLD, VOLUME_OPEN, VOLUME_REVISED, VOLUME_RETRACTED };

/* The one record of a unit's entry. */
struct volume_unit {
    struct record_texts texts;
    struct hash128      user;
    struct hash128      role;
    struct hash128      department; /* Zeros: none. */
    int64_t             day;        /* Since 1970-01-01, of the rule's zone. */
    int64_t             effective_us; /* Of the day's first access (V5), … */
    int64_t             position;     /* … and where it stands. */
    uint32_t            counts[ACCESS_MEASURE_COUNT][VOLUME_STAGE_COUNT]; /* Saturated. */
    uint64_t            shown;      /* Hash of what was told last. */
    uint8_t             told;       /* enum volume_told */
    uint8_t             stage;      /* Of what was told: nothing goes back behind it. */
    uint8_t             is_shadow;  /* Nobody had approved the rule when it was told first. */
    uint8_t             is_delivered;
    uint8_t             first_stage; /* Of the day's first access: one that was known in time goes before all others. */
    uint8_t             unused[3];
};
_Static_assert(sizeof(struct volume_unit) == sizeof(struct record_texts) + 3 * 16 + 3 * 8 + 4 * 4 + 8 + 8, "no padding");

/* ---- Days ---- */

struct volume_day {
    int64_t day;
    int64_t begin_us;
    int64_t end_us;
    int64_t settled_us; /* The two moments of V2. */
    int64_t final_us;
    int64_t expires_us; /* final_us of the last day that it is compared with. */
};

struct access_volume {
    struct rule                      rule;
    const struct access_volume_rule *limits;
    const struct zone               *zone;
    const struct zone               *held; /* NULL: it is UTC. */
    char                             definition[32];
    struct volume_day                today;  /* Of the row before: mostly the next one's too. */
    int64_t                          judged_us; /* The watermark that days were last judged by. INT64_MIN: not yet. */
    int64_t                          next_us;   /* The next moment behind it. */
    bool                             is_due;    /* An access came whose moment had passed. */
    struct volume_bench             *bench;
};

struct volume_day volume_day_of(const struct access_volume *op, int64_t day);
/* The day that the instant belongs to. */
struct volume_day volume_day_at(const struct access_volume *op, int64_t time_us);
/* The first moment of any day behind the watermark. */
int64_t volume_next_moment(const struct access_volume *op, int64_t watermark_us);

/* ---- Judging (volume_judge.c) ---- */

/* What the peers of a unit say. */
struct volume_verdict {
    bool          is_by_role; /* Peers are of the role alone. */
    bool          is_compared;
    uint8_t       beyond;     /* 1 << enum access_measure */
    int32_t       peers;
    int32_t       days_seen;  /* Of the days compared, those with a unit of the group. */
    int32_t       rank;
    uint32_t      values[ACCESS_MEASURE_COUNT];
    struct robust robust[ACCESS_MEASURE_COUNT];
};

/* A unit on the bench. What sorts it lies here, for a month of units is larger than the caches: halves of its hashes, which two of a hospital's thousands of users,
 * roles or departments share once in a thousand million hospitals. */
struct volume_place {
    uint64_t               role, department, user;
    int64_t                day;
    struct state_entry    *entry;
    struct volume_unit    *unit;
    struct volume_verdict *verdicts; /* Of both stages; NULL: it is not judged, or cannot be an alert. */
};

/* Where units lie while they are judged; its memory is kept. */
struct volume_bench {
    struct volume_place   *places;
    size_t                 count, capacity;
    struct volume_verdict *verdicts; /* VOLUME_STAGE_COUNT of each candidate. */
    size_t                 verdict_count, verdict_capacity;
    uint32_t              *numbers; /* Values of a measure, unsorted. */
    struct robust_value   *values, *others;
    size_t                 number_capacity;
};

void volume_bench_release(struct volume_bench *bench);

/* The stage that the day is judged at by the decision; VOLUME_STAGE_COUNT: it is not. */
enum volume_stage volume_stage_of(const struct access_volume *op, const struct epoch_decision *decision, int64_t day);

/* Works out the verdicts of all units on the bench that are judged by the decision, and may be alerts or are. */
enum status volume_judge(struct access_volume *op, const struct epoch_decision *decision, struct error *err);

/* The smallest count that is beyond the limits of the measure (V4). */
int64_t volume_least(const struct access_measure_rule *rule, const struct robust *robust);

/* ---- Telling (volume_tell.c) ---- */

/* Tells what changed of a place with verdicts. */
enum status volume_tell(struct access_volume *op, const struct volume_place *place, const struct epoch_decision *decision, struct epoch_output *output,
                        struct error *err);

#endif
