/* Reference change values: by how much two results of one person must differ before the laboratory's and the body's own
 * scatter no longer explain it.
 *
 *     symmetric    √2 · Z · √(CVa² + CVi²)                                 Fraser, Biological Variation, 2001
 *     skewed       exp(±Z · √2 · s) − 1,  s² = ln(1 + CVa² + CVi²)         of logarithms, for what is skewed
 *
 * CVa is the laboratory's own at that level, CVi the analyte's within persons; both, and what comes out, in percent, millionths. */
#ifndef HEDDLE_HEALTH_REFERENCE_CHANGE_H
#define HEDDLE_HEALTH_REFERENCE_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#define REFERENCE_CHANGE_CV_MAX INT64_C(1000000000) /* 1,000 % */
#define REFERENCE_CHANGE_Z_MAX  INT64_C(10000000)

struct reference_change {
    int64_t analytical_cv;    /* CVa, at most REFERENCE_CHANGE_CV_MAX, as CVi. */
    int64_t within_person_cv; /* CVi */
    int64_t z;                /* Millionths, at most REFERENCE_CHANGE_Z_MAX. */
    bool    is_skewed;
};

/* Of the earlier result, above 0, rounded half up. A skewed rise beyond what an int64 holds is INT64_MAX. */
int64_t reference_change_rise(const struct reference_change *change);
int64_t reference_change_fall(const struct reference_change *change);

#endif
