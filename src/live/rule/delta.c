#include "live/rule/delta.h"

#include "base/check.h"
#include "base/int128.h"

/* A percent is a hundredth; limits are millionths of them. */
#define PERCENT_SCALE 100000000

static bool
is_better(const struct series_point *point, const struct series_point *than, enum rule_direction direction)
{
    return than == NULL || (direction == DIRECTION_RISE ? point->value < than->value : point->value > than->value);
}

/* The point that the change is counted from. */
static const struct series_point *
find_from(const struct series_point *points, size_t count, int64_t effective_us, const struct rule_delta *rule, enum rule_direction direction)
{
    const struct series_point *from = NULL;
    for (size_t i = 0; i < count; i++) {
        CHECK(points[i].effective_us < effective_us && points[i].value > 0);
        if (effective_us - points[i].effective_us <= rule->within_us && (!rule->is_against_extreme || is_better(&points[i], from, direction)))
            from = &points[i];
    }
    return from;
}

/* `change` is above 0 where the result went in the direction that is asked for. */
static bool
is_beyond(int64_t change, int64_t from, enum rule_measure measure, int64_t limit, bool reaches)
{
    const int128 left  = measure == MEASURE_ABSOLUTE ? (int128)change : (int128)change * PERCENT_SCALE;
    const int128 right = measure == MEASURE_ABSOLUTE ? (int128)limit : (int128)limit * from;
    return limit > 0 && (left > right || (reaches && left == right));
}

static bool
has_limit(const struct rule_delta *rule, enum rule_direction direction)
{
    bool has = false;
    for (enum rule_measure measure = 0; measure < MEASURE_COUNT; measure++)
        has |= rule->limits[measure][direction] > 0;
    return has;
}

void
delta_judge(const struct series_point *points, size_t count, int64_t effective_us, int64_t value, const struct rule_delta *rule,
            struct delta_finding *ret_finding)
{
    struct delta_finding finding = { .fires = false };
    for (enum rule_direction direction = 0; direction < DIRECTION_COUNT; direction++) {
        const struct series_point *from = find_from(points, count, effective_us, rule, direction);
        finding.from[direction]         = from;
        for (enum rule_measure measure = 0; from != NULL && !finding.fires && measure < MEASURE_COUNT; measure++) {
            const int64_t change = direction == DIRECTION_RISE ? value - from->value : from->value - value;
            finding.fires        = is_beyond(change, from->value, measure, rule->limits[measure][direction], rule->reaches);
            finding.direction    = direction;
            finding.measure      = measure;
        }
    }
    if (!finding.fires)
        finding.direction = has_limit(rule, DIRECTION_RISE) ? DIRECTION_RISE : DIRECTION_FALL;
    *ret_finding = finding;
}

bool
delta_distance(const struct rule_delta *rule, enum rule_direction direction, const struct series_point *from, int64_t *ret_distance)
{
    int64_t distance = INT64_MAX;
    for (enum rule_measure measure = 0; from != NULL && measure < MEASURE_COUNT; measure++) {
        const int64_t limit = rule->limits[measure][direction];
        const int128  exact = measure == MEASURE_ABSOLUTE ? limit : int128_divide_rounded((int128)limit * from->value, PERCENT_SCALE);
        if (limit > 0 && exact < distance)
            distance = (int64_t)exact;
    }
    *ret_distance = distance;
    return distance != INT64_MAX;
}
