/* 128-bit integers: the exact sums behind aggregates, and the middle of decimal arithmetic. */
#ifndef HEDDLE_BASE_INT128_H
#define HEDDLE_BASE_INT128_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

__extension__ typedef __int128          int128;
__extension__ typedef unsigned __int128 uint128;

#define INT128_MAX ((int128)(((uint128)1 << 127) - 1))
#define INT128_MIN (-INT128_MAX - 1)

/* False on overflow; *ret_value is then untouched. */
static inline bool
int128_add(int128 a, int128 b, int128 *ret_value)
{
    int128 sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *ret_value = sum;
    return true;
}

static inline bool
int128_subtract(int128 a, int128 b, int128 *ret_value)
{
    int128 difference;
    if (__builtin_sub_overflow(a, b, &difference))
        return false;
    *ret_value = difference;
    return true;
}

static inline bool
int128_multiply(int128 a, int128 b, int128 *ret_value)
{
    int128 product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *ret_value = product;
    return true;
}

static inline bool
int128_fits_int64(int128 value)
{
    return value >= INT64_MIN && value <= INT64_MAX;
}

/* Quotient rounded half away from zero (2.5 to 3, -2.5 to -3): the rounding of SQL's decimals, DuckDB's too, and the
 * only one heddle uses. `divisor` is not 0, and not -1 with INT128_MIN. */
int128 int128_divide_rounded(int128 dividend, int128 divisor);

/* 10^exponent for exponents 0 to 38. */
int128 int128_power_of_ten(unsigned exponent);

/* Sign, 39 digits, point, NUL; with a scale up to 38. */
#define INT128_TEXT_SIZE 48
/* Decimal text with exactly `scale` (0 to 38) digits behind the point: (-5, 2) is "-0.05". Returns the length
 * without the NUL. */
size_t int128_print(int128 value, unsigned scale, char out[INT128_TEXT_SIZE]);

/* The reverse: sign, digits, and up to `scale` digits behind a point. False where the text is something else, has
 * more digits than the scale allows, or does not fit. */
bool int128_parse(struct str text, unsigned scale, int128 *ret_value);

#endif
