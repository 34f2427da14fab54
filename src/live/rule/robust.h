/* How far a count lies from those of peers: the robust z.
 *
 *     z = (x − median) / (1.4826 · MAD)                    MAD: median of |peer − median|
 *     z = (x − median) / (1.253314 · mean |peer − median|)   where MAD is 0: more than half of the peers are equal
 *     none                                                where all peers are equal: any x above them is beyond every limit
 *
 * 1.4826 makes MAD the standard deviation of a normal distribution (Rousseeuw and Croux, J Am Stat Assoc 1993; 88:1273), 1.253314 = √(π/2) does it
 * for the mean; the limit of 3.5 and the median in place of the mean are Iglewicz and Hoaglin's (How to Detect and Handle Outliers, ASQC 1993).
 *
 * Pure, and exact: whether a limit is reached is decided in whole numbers, and z is rounded only to be read. */
#ifndef HEDDLE_LIVE_RULE_ROBUST_H
#define HEDDLE_LIVE_RULE_ROBUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of `count` peers' values this one. Ascending by value, each once; counts of 0 are no peers. */
struct robust_value {
    uint32_t value;
    uint32_t count;
};

struct robust {
    int64_t count;       /* Values; 0: there is nothing to compare with, and nothing is reached. */
    int64_t median2;     /* Twice the median. */
    int64_t mad4;        /* Four times the MAD. */
    int64_t deviations2; /* Twice the sum of |value − median|. */
};

/* At most 2^31 values below 2^31. */
void robust_of(const struct robust_value *values, size_t value_count, struct robust *ret_robust);

/* Whether z is `limit` or more; in millionths, up to 1,000,000,000. */
bool robust_reaches(const struct robust *robust, uint32_t x, int64_t limit);

/* The smallest x that reaches it; INT64_MAX: none does. */
int64_t robust_least(const struct robust *robust, int64_t limit);

/* The smallest x that is `times` (millionths, up to 1,000,000,000) the median or more. */
int64_t robust_least_times(const struct robust *robust, int64_t times);

/* What 1 of z is, in ten thousandths, rounded down: 1.4826 · MAD, else 1.253314 · mean deviation, else 0. */
int64_t robust_spread(const struct robust *robust);

/* z in thousandths, rounded down; where there is none, INT64_MAX above the median, INT64_MIN below, 0 at it. */
int64_t robust_z(const struct robust *robust, uint32_t x);

#endif
