#include "base/decimal.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

/* A number as the text writes it: [-] significand * 10^exponent. Only the first 36 digits that count enter the
 * significand; of those behind them it is enough to know whether one is not zero. */
struct number {
    uint128 significand;
    int64_t exponent;
    int64_t written_scale; /* Digits behind the point as written, exponent applied; may be negative. */
    bool    is_negative;
    bool    has_lost; /* A dropped digit was not zero. */
};

#define DIGITS_KEPT_MAX 36
/* Any exponent beyond this gives zero or overflow; bounding it keeps the arithmetic below from overflowing. */
#define EXPONENT_MAX 1000000

/* Reads [e [+-] digits] at `i` to the end of the text. */
static bool
exponent_read(struct str text, size_t i, int64_t *ret_exponent)
{
    int64_t exponent = 0;
    bool    is_negative;
    if (i == text.size) {
        *ret_exponent = 0;
        return true;
    }
    if (text.data[i] != 'e' && text.data[i] != 'E')
        return false;
    i++;
    is_negative = i < text.size && text.data[i] == '-';
    if (i < text.size && (text.data[i] == '-' || text.data[i] == '+'))
        i++;
    if (i == text.size)
        return false;
    for (; i < text.size; i++) {
        if (!ascii_is_digit(text.data[i]))
            return false;
        if (exponent < EXPONENT_MAX)
            exponent = exponent * 10 + (text.data[i] - '0');
    }
    *ret_exponent = is_negative ? -exponent : exponent;
    return true;
}

static bool
number_read(struct str text, struct number *number)
{
    size_t  i           = 0;
    size_t  digit_count = 0;
    size_t  kept        = 0;
    int64_t fraction    = 0;
    bool    has_point   = false;
    int64_t exponent;

    *number = (struct number){ .is_negative = text.size > 0 && text.data[0] == '-' };
    if (text.size > 0 && (text.data[0] == '-' || text.data[0] == '+'))
        i++;
    for (; i < text.size; i++) {
        char c = text.data[i];
        if (c == '.' && !has_point) {
            has_point = true;
            continue;
        }
        if (!ascii_is_digit(c))
            break;
        digit_count++;
        if (has_point)
            fraction++;
        if (kept < DIGITS_KEPT_MAX) {
            number->significand = number->significand * 10u + (uint128)(unsigned)(c - '0');
            kept += number->significand > 0 ? 1 : 0;
            number->exponent -= has_point ? 1 : 0;
        } else {
            number->has_lost = number->has_lost || c != '0';
            number->exponent += has_point ? 0 : 1;
        }
    }
    if (digit_count == 0 || !exponent_read(text, i, &exponent))
        return false;
    number->exponent += exponent;
    number->written_scale = fraction - exponent;
    return true;
}

/* Rounds to an integer multiple of 10^-scale. */
static enum decimal_result
number_to_decimal(const struct number *number, unsigned scale, int64_t *ret_value)
{
    int64_t shift      = number->exponent + (int64_t)scale;
    uint128 magnitude  = number->significand;
    bool    is_inexact = number->has_lost;
    uint128 limit      = (uint128)DECIMAL_VALUE_MAX;

    if (magnitude != 0 && shift > 18)
        return DECIMAL_OVERFLOW;
    for (; shift > 0 && magnitude != 0; shift--) {
        magnitude *= 10;
        if (magnitude > limit)
            return DECIMAL_OVERFLOW;
    }
    if (shift < 0 && magnitude != 0) {
        /* Beyond 38 digits nothing is left, not even half a unit. */
        if (shift < -38) {
            magnitude  = 0;
            is_inexact = true;
        } else {
            /* Digits that were dropped make a half a bit more than a half, which rounds the same way: up. */
            uint128 unit      = (uint128)int128_power_of_ten((unsigned)-shift);
            uint128 remainder = magnitude % unit;
            magnitude /= unit;
            is_inexact = is_inexact || remainder != 0;
            if (remainder >= unit - remainder)
                magnitude++;
        }
    }
    if (magnitude > limit)
        return DECIMAL_OVERFLOW;
    *ret_value = number->is_negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return is_inexact ? DECIMAL_INEXACT : DECIMAL_EXACT;
}

/* The usual text, "-12.34" with at most 18 digits and no more behind the point than the scale holds, in one pass.
 * False: it is something else, which the general way decides. */
static bool
parse_short(struct str text, unsigned scale, int64_t *ret_value)
{
    size_t   i        = text.size > 0 && text.data[0] == '-' ? 1 : 0;
    size_t   start    = i;
    int64_t  value    = 0;
    unsigned fraction = 0;
    if (text.size - i > 17 || text.size == i)
        return false;
    for (; i < text.size && ascii_is_digit(text.data[i]); i++)
        value = value * 10 + (text.data[i] - '0');
    if (i == start)
        return false;
    if (i < text.size) {
        if (text.data[i++] != '.')
            return false;
        for (; i < text.size && ascii_is_digit(text.data[i]); i++, fraction++)
            value = value * 10 + (text.data[i] - '0');
        if (i < text.size || fraction > scale)
            return false;
    }
    for (; fraction < scale; fraction++)
        if (value > DECIMAL_VALUE_MAX / 10)
            return false;
        else
            value *= 10;
    *ret_value = start > 0 ? -value : value;
    return true;
}

enum decimal_result
decimal_parse(struct str text, unsigned scale, int64_t *ret_value)
{
    CHECK(scale <= DECIMAL_SCALE_MAX);
    struct number number;
    if (parse_short(text, scale, ret_value))
        return DECIMAL_EXACT;
    if (!number_read(text, &number))
        return DECIMAL_MALFORMED;
    return number_to_decimal(&number, scale, ret_value);
}

bool
decimal_text_scale(struct str text, unsigned *ret_scale)
{
    struct number number;
    if (!number_read(text, &number))
        return false;
    *ret_scale = number.written_scale > 0 ? (unsigned)number.written_scale : 0;
    return true;
}

/* The two digits of a number below 100, before `end`. */
static inline char *
put_pair(char *end, uint64_t value)
{
    static const char PAIRS[] = "0001020304050607080910111213141516171819"
                              "2021222324252627282930313233343536373839"
                              "4041424344454647484950515253545556575859"
                              "6061626364656667686970717273747576777879"
                              "8081828384858687888990919293949596979899";
    end -= 2;
    memcpy(end, PAIRS + 2 * value, 2);
    return end;
}

size_t
decimal_print(int64_t value, unsigned scale, char out[DECIMAL_TEXT_SIZE])
{
    CHECK(scale <= DECIMAL_SCALE_MAX);
    char     digits[DECIMAL_TEXT_SIZE];
    char    *end = digits + sizeof digits, *begin = end; /* From the last digit on, two at a time. */
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    unsigned rest      = scale;
    for (; rest >= 2; rest -= 2, magnitude /= 100)
        begin = put_pair(begin, magnitude % 100);
    if (rest > 0) {
        *--begin = (char)('0' + magnitude % 10);
        magnitude /= 10;
    }
    if (scale > 0)
        *--begin = '.';
    for (; magnitude >= 100; magnitude /= 100)
        begin = put_pair(begin, magnitude % 100);
    if (magnitude >= 10)
        begin = put_pair(begin, magnitude);
    else
        *--begin = (char)('0' + magnitude);
    if (value < 0)
        *--begin = '-';
    size_t size = (size_t)(end - begin);
    memcpy(out, begin, size);
    out[size] = '\0';
    return size;
}

static enum decimal_result
narrow(int128 value, bool is_inexact, int64_t *ret_value)
{
    if (value > DECIMAL_VALUE_MAX || value < -DECIMAL_VALUE_MAX)
        return DECIMAL_OVERFLOW;
    *ret_value = (int64_t)value;
    return is_inexact ? DECIMAL_INEXACT : DECIMAL_EXACT;
}

/* dividend / divisor rounded once, then narrowed. */
static enum decimal_result
divide(int128 dividend, int128 divisor, int64_t *ret_value)
{
    return narrow(int128_divide_rounded(dividend, divisor), dividend % divisor != 0, ret_value);
}

enum decimal_result
decimal_from_int128(int128 value, unsigned scale, unsigned scale_to, int64_t *ret_value)
{
    CHECK(scale <= 38 && scale_to <= DECIMAL_SCALE_MAX);
    if (scale > scale_to)
        return divide(value, int128_power_of_ten(scale - scale_to), ret_value);
    if (!int128_multiply(value, int128_power_of_ten(scale_to - scale), &value))
        return DECIMAL_OVERFLOW;
    return narrow(value, false, ret_value);
}

enum decimal_result
decimal_rescale(int64_t value, unsigned scale, unsigned scale_to, int64_t *ret_value)
{
    return decimal_from_int128(value, scale, scale_to, ret_value);
}

enum decimal_result
decimal_multiply(int64_t a, unsigned scale_a, int64_t b, unsigned scale_b, unsigned scale_to, int64_t *ret_value)
{
    CHECK(scale_a <= DECIMAL_SCALE_MAX && scale_b <= DECIMAL_SCALE_MAX);
    return decimal_from_int128((int128)a * b, scale_a + scale_b, scale_to, ret_value);
}

enum decimal_result
decimal_divide(int64_t a, unsigned scale_a, int64_t b, unsigned scale_b, unsigned scale_to, int64_t *ret_value)
{
    CHECK(scale_a <= DECIMAL_SCALE_MAX && scale_b <= DECIMAL_SCALE_MAX && scale_to <= DECIMAL_SCALE_MAX);
    if (b == 0)
        return DECIMAL_MALFORMED;
    /* a / 10^scale_a / (b / 10^scale_b) * 10^scale_to */
    int     shift    = (int)scale_to + (int)scale_b - (int)scale_a;
    int128  dividend = a;
    int128  divisor  = b;
    int128 *scaled   = shift >= 0 ? &dividend : &divisor;
    /* A divisor always has room: 2^63 * 10^18 < 2^127. A dividend without room is over 10^38, and its quotient by at
     * most 2^63 is over 10^18. */
    if (!int128_multiply(*scaled, int128_power_of_ten((unsigned)abs(shift)), scaled))
        return DECIMAL_OVERFLOW;
    return divide(dividend, divisor, ret_value);
}

int
decimal_compare(int64_t a, unsigned scale_a, int64_t b, unsigned scale_b)
{
    CHECK(scale_a <= DECIMAL_SCALE_MAX && scale_b <= DECIMAL_SCALE_MAX);
    int128 left  = (int128)a * int128_power_of_ten(scale_a < scale_b ? scale_b - scale_a : 0);
    int128 right = (int128)b * int128_power_of_ten(scale_b < scale_a ? scale_a - scale_b : 0);
    return (left > right) - (left < right);
}

double
decimal_to_double(int64_t value, unsigned scale)
{
    CHECK(scale <= DECIMAL_SCALE_MAX);
    /* Powers up to 10^22 are exact in a double. Beyond 2^53 the value is not, so the text decides: one rounding. */
    if (value >= -(INT64_C(1) << 53) && value <= INT64_C(1) << 53)
        return (double)value / (double)(int64_t)int128_power_of_ten(scale);
    char text[DECIMAL_TEXT_SIZE];
    decimal_print(value, scale, text);
    return strtod(text, NULL);
}
