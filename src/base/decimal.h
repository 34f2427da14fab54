/* Exact decimals: an int64 and a scale that is known from elsewhere (the column's type). 1.90 at scale 2 is 190.
 *
 * The values are those of DuckDB's DECIMAL(18, scale), whose storage they share: at most 18 digits, so |value| <
 * 10^18, a little less than an int64 could hold. Rounding is half away from zero everywhere (2.5 to 3, -2.5 to
 * -3). */
#ifndef HEDDLE_BASE_DECIMAL_H
#define HEDDLE_BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/int128.h"
#include "base/str.h"

#define DECIMAL_SCALE_MAX 18
#define DECIMAL_VALUE_MAX INT64_C(999999999999999999)

enum decimal_result {
    DECIMAL_EXACT,
    DECIMAL_INEXACT,   /* A value came out, but digits were lost to rounding. */
    DECIMAL_OVERFLOW,  /* No value: more than 18 digits. */
    DECIMAL_MALFORMED, /* No value: the text is not a number. */
};

/* Whether a value came out (perhaps rounded). */
static inline bool
decimal_is_ok(enum decimal_result result)
{
    return result == DECIMAL_EXACT || result == DECIMAL_INEXACT;
}

/* [+-] digits [. digits] [e [+-] digits], with a digit on at least one side of the point (".5" and "5." are seen
 * in HL7 v2); the point is '.', blanks are not allowed. Zeros behind the last digit that counts are not a loss:
 * "1.900" at scale 2 is exact. *ret_value is untouched unless decimal_is_ok. */
enum decimal_result decimal_parse(struct str text, unsigned scale, int64_t *ret_value);

/* How many digits behind the point the text writes, exponent applied, trailing zeros counted ("1.90" is 2, "1e3"
 * is 0, "15e-1" is 1): precision as the source gave it. False where it is not a number. */
bool decimal_text_scale(struct str text, unsigned *ret_scale);

/* Sign, 18 digits, a zero before the point, point, NUL, with room to spare for any int64. */
#define DECIMAL_TEXT_SIZE 24
/* Exactly `scale` digits behind the point: (190, 2) is "1.90". Returns the length without the NUL. */
size_t decimal_print(int64_t value, unsigned scale, char out[DECIMAL_TEXT_SIZE]);

/* The same number at another scale. */
enum decimal_result decimal_rescale(int64_t value, unsigned scale, unsigned scale_to, int64_t *ret_value);

/* a * b and a / b, computed in 128 bits and rounded once, to `scale_to`. A divisor of 0 is DECIMAL_MALFORMED. */
enum decimal_result decimal_multiply(int64_t a, unsigned scale_a, int64_t b, unsigned scale_b, unsigned scale_to,
                                     int64_t *ret_value);
enum decimal_result decimal_divide(int64_t a, unsigned scale_a, int64_t b, unsigned scale_b, unsigned scale_to,
                                   int64_t *ret_value);

/* Narrows a sum kept in 128 bits. */
enum decimal_result decimal_from_int128(int128 value, unsigned scale, unsigned scale_to, int64_t *ret_value);

/* Order of two numbers with different scales: negative, 0 or positive. */
int decimal_compare(int64_t a, unsigned scale_a, int64_t b, unsigned scale_b);

/* The nearest double. For export and for functions that have no exact answer; never for sums. */
double decimal_to_double(int64_t value, unsigned scale);

#endif
