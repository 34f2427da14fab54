/* Trends: the line through a patient's last results, by Theil and Sen. Its slope is the median of the slopes between all pairs, its
 * height the median of what each result leaves (Sen, J Am Stat Assoc 1968;63:1379): of five results one may be anything, of ten two.
 * That four are enough is our choice; of four the last still moves the line by half of what it is off.
 *
 *          ●
 *     f0 ──┬──__      ●
 *          │  ●  ──__   ──__
 *          │           ●    ──◆ C1: f1
 *          └── within ────────┘
 *
 * What fires is how far the line falls or rises over its results, as a share of where it begins: (f1 − f0) / f0. The result itself must
 * be as far from there: a line that says more than its last result is no alarm.
 *
 * Pure, and exact: times count in whole minutes since the first result, slopes are fractions, and nothing is rounded before it is
 * compared. For that a value is below TREND_VALUE_MAX and a window at most TREND_DAYS_MAX long:
 *
 *     dy < 2^52, dt < 2^20;  slope N / D: N < 2^73, D < 2^41;  2 N T < 2^94, times 10^8 < 2^121;  limit · F0 < 2^30 · 2^95 */
#ifndef HEDDLE_LIVE_RULE_TREND_H
#define HEDDLE_LIVE_RULE_TREND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/limits.h"
#include "live/rule/series.h"
#include "model/model.h"

#define TREND_VALUE_MAX (INT64_C(1) << 52) /* 4.5 thousand millions, in millionths. */

/* Numbers are rounded for people, and at most the largest that a column holds; they are 0 where there is no line. */
struct trend_finding {
    bool                       fires;
    bool                       has_line;
    enum rule_direction        direction; /* Of the line. */
    const struct series_point *points;    /* Those of the window, before C1. */
    uint32_t                   point_count;
    uint32_t                   time_count; /* Of minutes with a result, C1's among them. */
    int64_t                    begin;          /* f0, in the unit of the series. */
    int64_t                    end;            /* f1 */
    int64_t                    per_day;
    int64_t                    change_percent; /* Of f0; 0 where f0 is not above 0. */
};

/* `points` are the results before C1, in the order of their effective times; all values above 0. Of more than TREND_POINT_COUNT_MAX
 * the last count. */
void trend_judge(const struct series_point *points, size_t count, int64_t effective_us, int64_t value, const struct rule_trend *rule,
                 struct trend_finding *ret_finding);

#endif
