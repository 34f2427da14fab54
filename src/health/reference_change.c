#include "health/reference_change.h"

#include <math.h>

#include "base/check.h"
#include "base/int128.h"

#define MILLION 1000000

/* The square root of what is below 2^126, rounded to the nearest whole number. */
static int64_t
root_of(uint128 square)
{
    uint128 root = 0;
    for (uint128 bit = (uint128)1 << 62; bit > 0; bit >>= 1)
        if ((root + bit) * (root + bit) <= square)
            root += bit;
    /* (root + 1/2)² = root² + root + 1/4 */
    return (int64_t)(root + (square - root * root > root));
}

/* CVa² + CVi², of millionths of percents: at most 2 · 10^18. */
static uint128
cv_squared(const struct reference_change *change)
{
    CHECK(change->analytical_cv >= 0 && change->analytical_cv <= REFERENCE_CHANGE_CV_MAX);
    CHECK(change->within_person_cv >= 0 && change->within_person_cv <= REFERENCE_CHANGE_CV_MAX);
    CHECK(change->z > 0 && change->z <= REFERENCE_CHANGE_Z_MAX);
    return (uint128)change->analytical_cv * (uint128)change->analytical_cv + (uint128)change->within_person_cv * (uint128)change->within_person_cv;
}

/* Exact but for the last rounding: 2 · (10^7)² · 2 · 10^18 fits. */
static int64_t
symmetric(const struct reference_change *change)
{
    return root_of(2 * (uint128)change->z * (uint128)change->z * cv_squared(change) / ((uint128)MILLION * MILLION));
}

/* Z · √2 · s of the logarithms. */
static double
log_change(const struct reference_change *change)
{
    const double percent = 100.0 * MILLION;
    return (double)change->z / MILLION * sqrt(2.0 * log1p((double)cv_squared(change) / (percent * percent)));
}

static int64_t
skewed(double log)
{
    const double value = fabs(expm1(log)) * 100.0 * MILLION;
    return value >= 9e18 ? INT64_MAX : llround(value);
}

int64_t
reference_change_rise(const struct reference_change *change)
{
    return change->is_skewed ? skewed(log_change(change)) : symmetric(change);
}

int64_t
reference_change_fall(const struct reference_change *change)
{
    return change->is_skewed ? skewed(-log_change(change)) : symmetric(change);
}
