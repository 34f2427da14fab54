#include "live/rule/kidney.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/int128.h"
#include "base/time.h"

#define MILLION 1000000

static int
compare_values(const void *a, const void *b)
{
    const struct series_point *left = *(const struct series_point *const *)a, *right = *(const struct series_point *const *)b;
    if (left->value != right->value)
        return left->value < right->value ? -1 : 1;
    return left < right ? -1 : left > right;
}

/* Which days before C1 the time lies in: those of RV1, of RV2, or none. */
static enum kidney_reference
reference_of(int64_t age_us, const struct rule_kidney *rule)
{
    /* Day 7 is over when the eighth begins, or 168 hours before C1. */
    const int64_t rest_us = rule->counts_whole_days ? US_PER_DAY - 1 : 0;
    if (age_us <= rule->recent_days * US_PER_DAY + rest_us)
        return KIDNEY_RECENT;
    return age_us <= rule->look_back_days * US_PER_DAY + rest_us ? KIDNEY_MEDIAN : KIDNEY_NO_REFERENCE;
}

static const struct series_point *
lower_of(const struct series_point *a, const struct series_point *b)
{
    return a == NULL || b->value < a->value ? b : a;
}

static void
find_references(const struct series_point *points, size_t count, const struct kidney_result *result, const struct rule_kidney *rule,
                const struct series_point **scratch, struct kidney_finding *finding)
{
    uint32_t older = 0;
    for (size_t i = 0; i < count; i++) {
        const int64_t               age_us    = result->effective_us - points[i].effective_us;
        const enum kidney_reference reference = reference_of(age_us, rule);
        CHECK(age_us > 0 && points[i].value > 0);
        if (reference == KIDNEY_RECENT)
            finding->recent = lower_of(finding->recent, &points[i]);
        else if (reference == KIDNEY_MEDIAN)
            scratch[older++] = &points[i];
        if (age_us <= rule->rise_window_us)
            finding->lowest = lower_of(finding->lowest, &points[i]);
    }
    finding->median_count = older;
    if (older == 0)
        return;
    qsort(scratch, older, sizeof(*scratch), compare_values);
    finding->median[0] = scratch[(older - 1) / 2];
    finding->median[1] = scratch[older / 2];
}

int64_t
kidney_reference_doubled(const struct kidney_finding *finding, enum kidney_reference reference)
{
    if (reference == KIDNEY_RECENT && finding->recent != NULL)
        return 2 * finding->recent->value;
    if (reference == KIDNEY_MEDIAN && finding->median[0] != NULL)
        return finding->median[0]->value + finding->median[1]->value;
    return 0;
}

/* The higher ratio is that to the lower value. */
static enum kidney_reference
choose_reference(const struct kidney_finding *finding, const struct rule_kidney *rule)
{
    const int64_t recent = kidney_reference_doubled(finding, KIDNEY_RECENT), median = kidney_reference_doubled(finding, KIDNEY_MEDIAN);
    if (recent == 0)
        return median == 0 ? KIDNEY_NO_REFERENCE : KIDNEY_MEDIAN;
    return median == 0 || rule->prefers_recent || recent <= median ? KIDNEY_RECENT : KIDNEY_MEDIAN;
}

static bool
is_beyond(int128 value, int128 limit, bool reaches)
{
    return value > limit || (reaches && value == limit);
}

static bool
has_ratio(const struct kidney_finding *finding, int64_t value, int64_t ratio, const struct rule_kidney *rule)
{
    const int64_t doubled = kidney_reference_doubled(finding, finding->reference);
    return doubled > 0 && is_beyond((int128)value * 2 * MILLION, (int128)ratio * doubled, rule->ratio_reaches);
}

/* So high that the stage is 3. A minor's own upper limit decides; where it is not known, nothing does. */
static bool
has_level(const struct kidney_result *result, const struct rule_kidney *rule)
{
    if (!result->is_minor)
        return is_beyond(result->value, rule->level, rule->level_reaches);
    return result->has_upper && is_beyond((int128)result->value * MILLION, (int128)result->upper * rule->level_multiple, rule->level_reaches);
}

void
kidney_judge(const struct series_point *points, size_t count, const struct kidney_result *result, const struct rule_kidney *rule,
             const struct series_point **scratch, struct kidney_finding *ret_finding)
{
    struct kidney_finding finding = { 0 };
    CHECK(result->value > 0);
    find_references(points, count, result, rule, scratch, &finding);
    finding.reference = choose_reference(&finding, rule);
    for (int32_t stage = 3; stage >= 1 && finding.stage == 0; stage--)
        if (has_ratio(&finding, result->value, rule->ratios[stage - 1], rule))
            finding.stage = stage;
    if (finding.stage > 0) {
        finding.cause = finding.stage < 3 && has_level(result, rule) ? KIDNEY_LEVEL : KIDNEY_RATIO;
        finding.stage = finding.cause == KIDNEY_LEVEL ? 3 : finding.stage;
    } else if (finding.lowest != NULL && is_beyond((int128)result->value - finding.lowest->value, rule->rise, rule->rise_reaches)) {
        finding.stage = 1;
        finding.cause = KIDNEY_RISE;
    }
    *ret_finding = finding;
}
