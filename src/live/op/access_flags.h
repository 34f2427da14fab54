/* Which flags an access has, what they weigh, and how an alert says it. Pure functions of the access, what is known of user and patient, and
 * the rule. */
#ifndef HEDDLE_LIVE_OP_ACCESS_FLAGS_H
#define HEDDLE_LIVE_OP_ACCESS_FLAGS_H

#include "base/json_out.h"
#include "base/str.h"
#include "base/zone.h"
#include "live/op/access_facts.h"
#include "model/model.h"

/* The department's hours that the time lies outside of, or NULL: it lies inside of some, or the department has none. `ret_local_us` gets
 * the wall clock's time there. */
const struct access_hours *access_after_hours(const struct access_rule *rule, const struct zone *zone, struct str department, int64_t time_us,
                                              int64_t *ret_local_us);

/* A set of 1 << enum access_flag, without ACCESS_FLAG_NO_TREATMENT_RELATIONSHIP, which follows from what explains, and without
 * those that are off. */
uint32_t access_flags_of(const struct access_rule *rule, const struct access_facts *facts, bool is_after_hours);

/* Whether an access may have a flag that stands beside an explanation, by what is known of it so far: its hours are not looked at yet, and what encounters
 * tell of the patient (a VIP, how long discharged) may change. */
bool access_may_stand(const struct access_rule *rule, const struct access_facts *facts);

struct access_weight {
    uint32_t      flags; /* Those that count. */
    int32_t       rank;  /* Their weights' sum. */
    bool          is_alert;
    enum severity severity;
};

/* What the flags come to. Where something explains the access, those that stand nevertheless count. `fallback` is the severity of a
 * rule that names none by weight. */
struct access_weight access_weigh(const struct access_rule *rule, uint32_t flags, bool is_explained, enum severity fallback);

/* The rule's severity of so much weight. */
enum severity access_severity(const struct access_rule *rule, int32_t rank, enum severity fallback);

/* Whether users of the department work for all others. */
bool access_is_house_wide(const struct access_rule *rule, struct str department);

/* {"flag":NAME,"weight":N, and its numbers with their limits} for each. `zone` and `time_us` are those of the access. */
void access_print_flags(const struct access_rule *rule, uint32_t flags, const struct access_facts *facts, const struct zone *zone,
                        struct str department, int64_t time_us, struct json_out *json);

#endif
