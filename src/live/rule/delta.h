/* Delta checks: a result beside the patient's earlier one.
 *
 *     ──●────────●──────●───────◆ C1
 *                └ within ──────┘
 *
 * Compared with the result before it, or with the extreme of the window: a fall is then counted from its highest, a rise from its lowest.
 * A change is measured in the unit of the series, in percent of the earlier result, or in percent against a reference change value
 * (health/reference_change.h). Pure, and exact: no number is rounded before it is compared. */
#ifndef HEDDLE_LIVE_RULE_DELTA_H
#define HEDDLE_LIVE_RULE_DELTA_H

#include <stdbool.h>
#include <stddef.h>

#include "live/rule/series.h"
#include "model/model.h"

struct delta_finding {
    bool                       fires;
    enum rule_direction        direction; /* Of the change that fires; where none does, the first that has a limit. */
    enum rule_measure          measure;   /* Of the limits that it is beyond, the first. */
    const struct series_point *from[DIRECTION_COUNT]; /* What a rise and a fall are counted from; NULL: nothing in the window. */
};

/* `points` are the results before C1, in the order of their effective times; all values above 0. Rises are looked at before falls. */
void delta_judge(const struct series_point *points, size_t count, int64_t effective_us, int64_t value, const struct rule_delta *rule,
                 struct delta_finding *ret_finding);

/* How far from `from` C1 may be in that direction without firing, as a distance in the unit of the series rounded for people; the
 * smallest of its limits. False: it has none. */
bool delta_distance(const struct rule_delta *rule, enum rule_direction direction, const struct series_point *from, int64_t *ret_distance);

#endif
