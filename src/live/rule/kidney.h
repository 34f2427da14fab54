/* Acute kidney injury by the creatinine of one patient: the algorithm of NHS England (patient safety alert
 * NHS/PSA/D/2014/010, "Think Kidneys"), whose stages are those of KDIGO 2012.
 *
 * C1 is the result that is judged; what counts before it:
 *
 *     days 365 … 8                days 7 … 0            C1
 *     RV2 = their median          RV1 = the lowest
 *                                      48 h: the lowest
 *
 * 1. Nothing in 365 days: no stage.
 * 2. C1 / RV1 or C1 / RV2, the higher of both, is 1.5 or more: stage 1; 2 or more: stage 2; 3 or more, or C1 > 354 µmol/L
 *    (under 18 years: > 3 × the upper limit of the reference range): stage 3.
 * 3. Else, C1 is more than 26 µmol/L above the lowest of the last 48 h: stage 1.
 *
 * Programs differ on RV2 beside RV1, on where day 7 ends, and on whether a number that is met exactly counts: the rule's
 * parameters say. Pure, and exact: no number is rounded before it is compared. */
#ifndef HEDDLE_LIVE_RULE_KIDNEY_H
#define HEDDLE_LIVE_RULE_KIDNEY_H

#include <stdbool.h>
#include <stddef.h>

#include "live/rule/series.h"
#include "model/model.h"

enum kidney_cause {
    KIDNEY_NOTHING,
    KIDNEY_RATIO, /* To RV1 or RV2. */
    KIDNEY_LEVEL, /* The same, and C1 is so high that the stage is 3. */
    KIDNEY_RISE,  /* Within 48 h. */
};

enum kidney_reference { KIDNEY_NO_REFERENCE, KIDNEY_RECENT, KIDNEY_MEDIAN };

/* C1. */
struct kidney_result {
    int64_t effective_us;
    int64_t value;       /* Above 0, as all points are. */
    bool    is_minor;    /* Younger than the rule's adult_years. */
    bool    has_upper;   /* Whether the upper limit of its reference range is known. */
    int64_t upper;       /* In the unit of the series. */
};

/* Points are NULL where there are none. */
struct kidney_finding {
    int32_t                    stage; /* 0: none. */
    enum kidney_cause          cause;
    enum kidney_reference      reference; /* The one that the ratio is to. */
    const struct series_point *recent;    /* RV1. */
    const struct series_point *median[2]; /* RV2 is the mean of both; of an odd count they are one. */
    uint32_t                   median_count; /* Of results that it is the median of. */
    const struct series_point *lowest;    /* Of the last 48 h. */
};

/* `points` are the results before C1, in the order of their effective times; `scratch` has room for as many. */
void kidney_judge(const struct series_point *points, size_t count, const struct kidney_result *result,
                  const struct rule_kidney *rule, const struct series_point **scratch, struct kidney_finding *ret_finding);

/* Twice the reference value of a kind, so that the mean of two is exact; 0: there is none. */
int64_t kidney_reference_doubled(const struct kidney_finding *finding, enum kidney_reference reference);

#endif
