#include "base/str.h"

int
str_compare(struct str a, struct str b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int    order  = common > 0 ? memcmp(a.data, b.data, common) : 0;
    if (order != 0)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

bool
str_equal_ignore_case(struct str a, struct str b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (ascii_to_lower(a.data[i]) != ascii_to_lower(b.data[i]))
            return false;
    return true;
}

bool
str_starts_with(struct str text, struct str prefix)
{
    return text.size >= prefix.size && str_equal(str_of(text.data, prefix.size), prefix);
}

bool
str_ends_with(struct str text, struct str suffix)
{
    return text.size >= suffix.size && str_equal(str_slice(text, text.size - suffix.size, text.size), suffix);
}

size_t
str_find(struct str text, struct str wanted)
{
    if (wanted.size == 0)
        return 0;
    if (text.size < wanted.size)
        return STR_NOT_FOUND;
    const char *found = memmem(text.data, text.size, wanted.data, wanted.size);
    return found != NULL ? (size_t)(found - text.data) : STR_NOT_FOUND;
}

size_t
str_find_byte(struct str text, char wanted)
{
    if (text.size == 0)
        return STR_NOT_FOUND;
    const char *found = memchr(text.data, wanted, text.size);
    return found != NULL ? (size_t)(found - text.data) : STR_NOT_FOUND;
}

size_t
str_find_last_byte(struct str text, char wanted)
{
    for (size_t i = text.size; i > 0; i--)
        if (text.data[i - 1] == wanted)
            return i - 1;
    return STR_NOT_FOUND;
}

struct str
str_slice(struct str text, size_t begin, size_t end)
{
    if (end > text.size)
        end = text.size;
    if (begin >= end)
        return STR_EMPTY;
    return str_of(text.data + begin, end - begin);
}

struct str
str_trim(struct str text)
{
    size_t begin = 0;
    size_t end   = text.size;
    while (begin < end && ascii_is_space(text.data[begin]))
        begin++;
    while (end > begin && ascii_is_space(text.data[end - 1]))
        end--;
    return str_slice(text, begin, end);
}

struct str_split
str_split_init(struct str text, char separator)
{
    return (struct str_split){ .rest = text, .separator = separator };
}

bool
str_split_next(struct str_split *split, struct str *ret_part)
{
    if (split->is_done)
        return false;
    size_t end = str_find_byte(split->rest, split->separator);
    if (end == STR_NOT_FOUND) {
        *ret_part      = split->rest;
        split->is_done = true;
        return true;
    }
    *ret_part   = str_slice(split->rest, 0, end);
    split->rest = str_slice(split->rest, end + 1, split->rest.size);
    return true;
}

bool
str_to_uint64(struct str text, uint64_t *ret_value)
{
    uint64_t value = 0;
    size_t   i     = text.size > 0 && text.data[0] == '+' ? 1 : 0;
    if (i == text.size)
        return false;
    for (; i < text.size; i++) {
        if (!ascii_is_digit(text.data[i]))
            return false;
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text.data[i] - '0'), &value))
            return false;
    }
    *ret_value = value;
    return true;
}

bool
str_to_int64(struct str text, int64_t *ret_value)
{
    bool     is_negative = text.size > 0 && text.data[0] == '-';
    uint64_t magnitude;
    if (is_negative) {
        text = str_slice(text, 1, text.size);
        if (text.size > 0 && text.data[0] == '+')
            return false;
    }
    if (!str_to_uint64(text, &magnitude))
        return false;
    if (magnitude > (uint64_t)INT64_MAX + (is_negative ? 1 : 0))
        return false;
    *ret_value = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

size_t
count_format(uint64_t count, char out[COUNT_TEXT_SIZE])
{
    char   digits[COUNT_TEXT_SIZE]; /* Written from the end. */
    size_t begin = sizeof(digits);
    for (unsigned i = 0; i == 0 || count > 0; i++) {
        if (i > 0 && i % 3 == 0)
            digits[--begin] = ',';
        digits[--begin] = (char)('0' + count % 10);
        count /= 10;
    }
    size_t size = sizeof(digits) - begin;
    memcpy(out, digits + begin, size);
    out[size] = '\0';
    return size;
}
