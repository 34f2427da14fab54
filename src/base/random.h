/* Randomness as an argument: the same seed gives the same numbers on every machine.
 *
 * xoshiro256++ (Blackman and Vigna, 2019), seeded by splitmix64. Not for keys: those come from io/key.h.
 * Distributions use only operations whose results IEEE 754 fixes, no libm, so that generated worlds are equal to
 * the byte. */
#ifndef HEDDLE_BASE_RANDOM_H
#define HEDDLE_BASE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state[4];
};

void random_init(struct random *random, uint64_t seed);
/* A generator of its own for one purpose (a patient, a day), independent of the others with the same seed; `stream`
 * numbers the purposes. So what one purpose draws does not shift what another gets. */
void random_init_stream(struct random *random, uint64_t seed, uint64_t stream);

/* 64 random bits. */
uint64_t random_next(struct random *random);
/* 0 to bound - 1, all equally likely (Lemire's method, 2019); bound > 0. */
uint64_t random_below(struct random *random, uint64_t bound);
/* low to high, both included; low <= high. */
int64_t random_between(struct random *random, int64_t low, int64_t high);
/* 0 <= x < 1, in steps of 2^-53. */
double random_real(struct random *random);
/* True with the given probability (0 never, 1 always). */
bool random_chance(struct random *random, double probability);

/* Marsaglia's polar method, and inversion. `mean` of the exponential is > 0. */
double random_normal(struct random *random, double mean, double deviation);
double random_exponential(struct random *random, double mean);

/* The index of one of `count` weights, chosen in proportion to it; weights >= 0, their sum > 0. */
size_t random_weighted(struct random *random, const double *weights, size_t count);

/* Puts `count` items in random order (Fisher and Yates). item_size_bytes at most 256. */
void random_shuffle(struct random *random, void *items, size_t count, size_t item_size_bytes);

#endif
