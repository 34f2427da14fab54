/* Results and reference ranges as laboratories write them. */
#include "base/decimal.h"
#include "health/kernels_int.h"

#define RESULT_SCALE 6

/* `<`, `<=`, `>`, `>=` (also U+2264 and U+2265) at the text's start; moves behind it. NULL: none. */
static const char *
take_comparator(struct str *text)
{
    static const struct code_pair COMPARATORS[] = {
        { "<=", "<=" }, { ">=", ">=" }, { "\xe2\x89\xa4", "<=" }, { "\xe2\x89\xa5", ">=" }, { "<", "<" }, { ">", ">" },
    };
    /* Nearly every result begins with a digit. */
    const char first = text->size > 0 ? text->data[0] : '\0';
    if (first != '<' && first != '>' && first != '\xe2')
        return NULL;
    for (size_t i = 0; i < sizeof(COMPARATORS) / sizeof(*COMPARATORS); i++) {
        struct str from = str_from(COMPARATORS[i].from);
        if (str_starts_with(*text, from)) {
            *text = str_trim(str_slice(*text, from.size, text->size));
            return COMPARATORS[i].to;
        }
    }
    return NULL;
}

static bool
is_number(struct str text)
{
    int64_t value;
    return decimal_is_ok(decimal_parse(text, RESULT_SCALE, &value));
}

/* Size of the plain number (sign, digits, point) that the text begins with; 0: none. */
static size_t
number_prefix(struct str text)
{
    size_t size        = 0;
    size_t digit_count = 0;
    bool   has_point   = false;
    if (text.size > 0 && (text.data[0] == '-' || text.data[0] == '+'))
        size++;
    for (; size < text.size; size++) {
        if (ascii_is_digit(text.data[size]))
            digit_count++;
        else if (text.data[size] == '.' && !has_point)
            has_point = true;
        else
            break;
    }
    return digit_count == 0 ? 0 : size;
}

/* "3.5-5.1", "0.0 - 5.6", "-2 - 3", "13 to 18". */
static bool
parse_two_sided(struct str text, struct str *ret_low, struct str *ret_high)
{
    size_t size = number_prefix(text);
    if (size == 0)
        return false;
    struct str low  = str_slice(text, 0, size);
    struct str rest = str_trim(str_slice(text, size, text.size));
    if (str_starts_with(rest, STR("-")))
        rest = str_slice(rest, 1, rest.size);
    else if (str_starts_with(rest, STR("to ")))
        rest = str_slice(rest, 3, rest.size);
    else
        return false;
    struct str high = str_trim(rest);
    if (high.size == 0 || number_prefix(high) != high.size)
        return false;
    *ret_low  = low;
    *ret_high = high;
    return true;
}

enum bound { BOUND_LOW, BOUND_HIGH };

/* One bound of OBX-7: "low-high", "<high", ">low", with "=" too; else nothing is said. */
static bool
range_bound(struct str text, enum bound bound, struct str *ret_bound)
{
    text                   = str_trim(text);
    const char *comparator = take_comparator(&text);
    struct str  low;
    struct str  high;
    if (comparator != NULL) {
        bool is_high = comparator[0] == '<';
        if (text.size == 0 || number_prefix(text) != text.size || is_high != (bound == BOUND_HIGH))
            return false;
        *ret_bound = text;
        return true;
    }
    if (!parse_two_sided(text, &low, &high))
        return false;
    *ret_bound = bound == BOUND_LOW ? low : high;
    return true;
}

static void
run_range(enum bound bound, const struct vector *args, uint32_t row_count, struct vector_out *out)
{
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vector_is_valid(&args[0], row))
            continue;
        struct str text;
        if (range_bound(vector_str(&args[0], row), bound, &text))
            vector_out_text(out, row, text.data, text.size);
        else
            vector_out_null(out, row);
    }
}

KERNEL(range_low)
{
    (void)context;
    (void)argument_count;
    run_range(BOUND_LOW, args, row_count, out);
}

KERNEL(range_high)
{
    (void)context;
    (void)argument_count;
    run_range(BOUND_HIGH, args, row_count, out);
}

KERNEL(result_number)
{
    (void)context;
    (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vector_is_valid(&args[0], row))
            continue;
        struct str text = str_trim(vector_str(&args[0], row));
        int64_t    value;
        take_comparator(&text);
        if (decimal_is_ok(decimal_parse(text, RESULT_SCALE, &value)))
            vector_out_int64(out, row, value);
        else
            vector_out_null(out, row);
    }
}

KERNEL(result_comparator)
{
    (void)context;
    (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vector_is_valid(&args[0], row))
            continue;
        struct str  text       = str_trim(vector_str(&args[0], row));
        const char *comparator = take_comparator(&text);
        /* Alone it is the first component of a structured numeric (SN); before words it compares nothing. */
        if (comparator != NULL && (text.size == 0 || is_number(text)))
            vector_out_text(out, row, comparator, strlen(comparator));
        else
            vector_out_null(out, row);
    }
}
