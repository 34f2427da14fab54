#include "live/rule/trend.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/decimal.h"
#include "base/time.h"

#define PERCENT_SCALE   100000000
#define MINUTES_A_DAY   1440
#define SLOPE_COUNT_MAX (TREND_POINT_COUNT_MAX * (TREND_POINT_COUNT_MAX - 1) / 2)

/* A result, and a slope between two: so much in so many minutes, of which there are some. */
struct place {
    int64_t minute;
    int64_t value;
};
struct slope {
    int64_t rise;
    int64_t minutes;
};

/* rise / minutes, and f0 = begin / (2 · minutes). */
struct line {
    int128  rise;
    int128  minutes;
    int128  begin;
    int64_t last_minute;
};

static int
compare_slopes(const void *a, const void *b)
{
    const struct slope *left = a, *right = b;
    const int128        one = (int128)left->rise * right->minutes, other = (int128)right->rise * left->minutes;
    return one < other ? -1 : one > other;
}

static int
compare_heights(const void *a, const void *b)
{
    const int128 left = *(const int128 *)a, right = *(const int128 *)b;
    return left < right ? -1 : left > right;
}

/* The median slope; of an even count the mean of the two in the middle. */
static bool
find_slope(const struct place *places, uint32_t count, struct line *line)
{
    struct slope slopes[SLOPE_COUNT_MAX];
    uint32_t     slope_count = 0;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < i; k++)
            if (places[i].minute > places[k].minute)
                slopes[slope_count++] = (struct slope){ places[i].value - places[k].value, places[i].minute - places[k].minute };
    if (slope_count == 0)
        return false;
    qsort(slopes, slope_count, sizeof(*slopes), compare_slopes);
    const struct slope lower = slopes[(slope_count - 1) / 2], upper = slopes[slope_count / 2];
    line->rise    = (int128)lower.rise * upper.minutes + (int128)upper.rise * lower.minutes;
    line->minutes = 2 * (int128)lower.minutes * upper.minutes;
    return true;
}

/* Where the line is at the first result: the median of what the slope leaves of each. */
static void
find_begin(const struct place *places, uint32_t count, struct line *line)
{
    int128 heights[TREND_POINT_COUNT_MAX];
    for (uint32_t i = 0; i < count; i++)
        heights[i] = places[i].value * line->minutes - line->rise * places[i].minute;
    qsort(heights, count, sizeof(*heights), compare_heights);
    line->begin       = heights[(count - 1) / 2] + heights[count / 2];
    line->last_minute = places[count - 1].minute;
}

/* A line that begins at or below 0 has risen by any share; none that falls begins there, for all results are above it. `change` is
 * counted in parts of 1 / (2 · minutes), as the line's begin is. */
static bool
is_beyond(const struct line *line, int128 change, enum rule_direction direction, const struct rule_trend *rule)
{
    const int64_t limit = rule->limits[direction];
    const int128  left  = (direction == DIRECTION_RISE ? change : -change) * PERCENT_SCALE, right = (int128)limit * line->begin;
    if (limit == 0 || left <= 0)
        return false;
    return line->begin <= 0 || left > right || (rule->reaches && left == right);
}

/* The line's end, and C1 itself. */
static bool
fires(const struct line *line, int64_t value, enum rule_direction direction, const struct rule_trend *rule)
{
    return is_beyond(line, 2 * line->rise * line->last_minute, direction, rule)
           && is_beyond(line, 2 * line->minutes * value - line->begin, direction, rule);
}

static int64_t
rounded(int128 dividend, int128 divisor)
{
    const int128 value = int128_divide_rounded(dividend, divisor);
    return value > DECIMAL_VALUE_MAX ? DECIMAL_VALUE_MAX : value < -DECIMAL_VALUE_MAX ? -DECIMAL_VALUE_MAX : (int64_t)value;
}

static void
fill_line(const struct line *line, struct trend_finding *finding)
{
    const int128 change     = 2 * line->rise * line->last_minute;
    finding->has_line       = true;
    finding->direction      = line->rise > 0 ? DIRECTION_RISE : DIRECTION_FALL;
    finding->begin          = rounded(line->begin, 2 * line->minutes);
    finding->end            = rounded(line->begin + change, 2 * line->minutes);
    finding->per_day        = rounded(line->rise * MINUTES_A_DAY, line->minutes);
    finding->change_percent = line->begin > 0 ? rounded(change * PERCENT_SCALE, line->begin) : 0;
}

/* The last points of the window. */
static void
find_points(const struct series_point *points, size_t count, int64_t effective_us, const struct rule_trend *rule, struct trend_finding *finding)
{
    size_t first = count;
    while (first > 0 && count - first + 1 < TREND_POINT_COUNT_MAX && effective_us - points[first - 1].effective_us <= rule->within_us)
        first--;
    finding->points      = points + first;
    finding->point_count = (uint32_t)(count - first);
}

void
trend_judge(const struct series_point *points, size_t count, int64_t effective_us, int64_t value, const struct rule_trend *rule,
            struct trend_finding *ret_finding)
{
    struct trend_finding finding = { .fires = false };
    struct place         places[TREND_POINT_COUNT_MAX];
    struct line          line;
    bool                 is_judged = value < TREND_VALUE_MAX;

    CHECK(value > 0 && rule->within_us <= TREND_DAYS_MAX * US_PER_DAY);
    find_points(points, count, effective_us, rule, &finding);
    const int64_t  begin_us    = finding.point_count > 0 ? finding.points[0].effective_us : effective_us;
    const uint32_t place_count = finding.point_count + 1;
    for (uint32_t i = 0; i < place_count; i++) {
        const bool is_last = i == finding.point_count;
        places[i] = (struct place){ ((is_last ? effective_us : finding.points[i].effective_us) - begin_us) / US_PER_MINUTE,
                                    is_last ? value : finding.points[i].value };
        is_judged = is_judged && places[i].value < TREND_VALUE_MAX;
        finding.time_count += i == 0 || places[i].minute > places[i - 1].minute;
    }
    if (is_judged && find_slope(places, place_count, &line)) {
        find_begin(places, place_count, &line);
        fill_line(&line, &finding);
        finding.fires = finding.time_count >= (uint32_t)rule->result_count && fires(&line, value, finding.direction, rule);
    }
    *ret_finding = finding;
}
