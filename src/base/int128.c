#include "base/int128.h"

#include "base/check.h"

int128
int128_divide_rounded(int128 dividend, int128 divisor)
{
    CHECK(divisor != 0 && !(divisor == -1 && dividend == INT128_MIN));
    int128 quotient  = dividend / divisor;
    int128 remainder = dividend % divisor;
    /* Compares magnitudes as unsigned: 2 * |remainder| may not fit the signed type. */
    uint128 magnitude = remainder < 0 ? -(uint128)remainder : (uint128)remainder;
    uint128 whole     = divisor < 0 ? -(uint128)divisor : (uint128)divisor;
    if (magnitude >= whole - magnitude)
        quotient += (dividend < 0) == (divisor < 0) ? 1 : -1;
    return quotient;
}

int128
int128_power_of_ten(unsigned exponent)
{
    CHECK(exponent <= 38);
    int128 power = 1;
    for (unsigned i = 0; i < exponent; i++)
        power *= 10;
    return power;
}

size_t
int128_print(int128 value, unsigned scale, char out[INT128_TEXT_SIZE])
{
    CHECK(scale <= 38);
    char     digits[INT128_TEXT_SIZE];
    unsigned count     = 0;
    uint128  magnitude = value < 0 ? -(uint128)value : (uint128)value;
    do {
        digits[count++] = (char)('0' + (int)(magnitude % 10));
        magnitude /= 10;
    } while (magnitude > 0 || count <= scale);

    size_t size = 0;
    if (value < 0)
        out[size++] = '-';
    while (count > 0) {
        out[size++] = digits[--count];
        if (count == scale && scale > 0)
            out[size++] = '.';
    }
    out[size] = '\0';
    return size;
}

bool
int128_parse(struct str text, unsigned scale, int128 *ret_value)
{
    CHECK(scale <= 38);
    bool     is_negative = text.size > 0 && text.data[0] == '-';
    size_t   i           = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
    size_t   digit_count = 0;
    unsigned fraction    = 0;
    bool     has_point   = false;
    int128   value       = 0; /* Kept negative, for INT128_MIN has no positive twin. */
    for (; i < text.size; i++) {
        char c = text.data[i];
        if (c == '.' && !has_point) {
            has_point = true;
            continue;
        }
        if (!ascii_is_digit(c) || (has_point && ++fraction > scale))
            return false;
        if (!int128_multiply(value, 10, &value) || !int128_subtract(value, c - '0', &value))
            return false;
        digit_count++;
    }
    if (digit_count == 0)
        return false;
    for (; fraction < scale; fraction++)
        if (!int128_multiply(value, 10, &value))
            return false;
    if (!is_negative && value == INT128_MIN)
        return false;
    *ret_value = is_negative ? value : -value;
    return true;
}
