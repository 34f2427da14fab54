/* What cast calls: to_<type>. Text that is not a value of the type is null; blanks around it do not count. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/json_out.h"
#include "base/time.h"
#include "column/kernel.h"
#include "expr/kernel/tables.h"

#define CAST(NAME)                                                                                                      \
    static void cast_to_##NAME(const struct vector *arg, uint32_t row, struct vector_out *out);                        \
    static void kernel_to_##NAME(const struct kernel_context *context, const struct vector *args,                      \
                                 uint32_t argument_count, uint32_t row_count, struct vector_out *out)                  \
    {                                                                                                                  \
        (void)context, (void)argument_count;                                                                           \
        for (uint32_t row = 0; row < row_count; row++)                                                                 \
            if (vector_is_valid(&args[0], row))                                                                        \
                cast_to_##NAME(&args[0], row, out);                                                                    \
    }                                                                                                                  \
    static void cast_to_##NAME(const struct vector *arg, uint32_t row, struct vector_out *out)

/* A double times a power of ten, rounded half away from zero. */
static bool
double_to_int64(double value, unsigned scale, double limit, int64_t *ret_value)
{
    static const double powers[DECIMAL_SCALE_MAX + 1] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                                          1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18 };
    double rounded = round(value * powers[scale]);
    if (!(fabs(rounded) < limit))
        return false;
    *ret_value = (int64_t)rounded;
    return true;
}

static void
out_number(struct vector_out *out, uint32_t row, bool ok, int64_t value)
{
    if (ok)
        vector_out_int64(out, row, value);
    else
        vector_out_null(out, row);
}

CAST(int64)
{
    int64_t value = 0;
    bool    ok    = true;
    switch (arg->type.kind) {
    case TYPE_BOOL: value = vector_bool(arg, row) ? 1 : 0; break;
    case TYPE_DOUBLE: ok = double_to_int64(vector_double(arg, row), 0, 9223372036854775808.0, &value); break;
    case TYPE_DECIMAL:
        ok = decimal_is_ok(decimal_rescale(vector_int64(arg, row), arg->type.scale, 0, &value));
        break;
    case TYPE_TEXT: {
        /* 12.00 is a whole number, 12.5 is not. */
        struct str text = str_trim(vector_str(arg, row));
        ok = str_to_int64(text, &value) || decimal_parse(text, 0, &value) == DECIMAL_EXACT;
        break;
    }
    default: value = vector_int64(arg, row); break;
    }
    out_number(out, row, ok, value);
}

CAST(decimal)
{
    unsigned scale = out->type.scale;
    int64_t  value = 0;
    bool     ok;
    switch (arg->type.kind) {
    case TYPE_DOUBLE: ok = double_to_int64(vector_double(arg, row), scale, 1e18, &value); break;
    case TYPE_TEXT: ok = decimal_is_ok(decimal_parse(str_trim(vector_str(arg, row)), scale, &value)); break;
    case TYPE_INT64: ok = decimal_is_ok(decimal_from_int128(vector_int64(arg, row), 0, scale, &value)); break;
    default: ok = decimal_is_ok(decimal_rescale(vector_int64(arg, row), arg->type.scale, scale, &value)); break;
    }
    out_number(out, row, ok, value);
}

/* Only what a decimal number is written like: no hexadecimal, no names of infinity. */
static bool
text_to_double(struct str text, double *ret_value)
{
    char     bytes[128];
    unsigned scale;
    if (text.size >= sizeof bytes || !decimal_text_scale(text, &scale))
        return false;
    memcpy(bytes, text.data, text.size);
    bytes[text.size] = '\0';
    *ret_value       = strtod(bytes, NULL);
    return isfinite(*ret_value);
}

CAST(double)
{
    double value = 0;
    switch (arg->type.kind) {
    case TYPE_TEXT:
        if (!text_to_double(str_trim(vector_str(arg, row)), &value)) {
            vector_out_null(out, row);
            return;
        }
        break;
    case TYPE_DECIMAL: value = decimal_to_double(vector_int64(arg, row), arg->type.scale); break;
    default: value = (double)vector_int64(arg, row); break;
    }
    vector_out_double(out, row, value);
}

CAST(bool)
{
    static const struct str words[] = { STR_INIT("false"), STR_INIT("true"), STR_INIT("f"), STR_INIT("t"), STR_INIT("no"),
                                        STR_INIT("yes"),   STR_INIT("n"),    STR_INIT("y"), STR_INIT("0"), STR_INIT("1") };
    if (arg->type.kind == TYPE_INT64) {
        vector_out_bool(out, row, vector_int64(arg, row) != 0);
        return;
    }
    struct str text = str_trim(vector_str(arg, row));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (str_equal_ignore_case(text, words[i])) {
            vector_out_bool(out, row, i % 2 == 1);
            return;
        }
    }
    vector_out_null(out, row);
}

CAST(text)
{
    char   text[DOUBLE_TEXT_SIZE + DECIMAL_TEXT_SIZE + TIME_TEXT_SIZE];
    size_t size = 0;
    switch (arg->type.kind) {
    case TYPE_BOOL: size = vector_bool(arg, row) ? 4 : 5; memcpy(text, size == 4 ? "true" : "false", size); break;
    case TYPE_INT64: size = int128_print(vector_int64(arg, row), 0, text); break;
    case TYPE_DOUBLE: size = double_print(vector_double(arg, row), text); break;
    case TYPE_DECIMAL: size = decimal_print(vector_int64(arg, row), arg->type.scale, text); break;
    case TYPE_TIMESTAMP: size = time_print(vector_int64(arg, row), text); break;
    case TYPE_DATE: size = date_print(vector_date(arg, row), text); break;
    case TYPE_TEXT:
    case TYPE_KIND_COUNT: break;
    }
    vector_out_text(out, row, text, size);
}

/* YYYY-MM-DD, YYYYMMDD (HL7 v2), DD-Mon-YYYY (CMS), or the first two with a time of day behind it, of which the day counts. */
static bool
text_to_date(struct str text, int32_t *ret_days)
{
    struct time_text parsed;
    int64_t          number;
    if (text.size >= 8 && str_to_int64(str_slice(text, 0, 8), &number) && number > 0 &&
        (text.size == 8 || ascii_is_digit(text.data[8]))) {
        if (!date_is_valid(number / 10000, (unsigned)(number / 100 % 100), (unsigned)(number % 100)))
            return false;
        *ret_days = date_from_civil((int32_t)(number / 10000), (unsigned)(number / 100 % 100), (unsigned)(number % 100));
        return true;
    }
    if (!time_parse(text, &parsed) || parsed.precision < TIME_DAY)
        return false;
    *ret_days = time_to_date(parsed.local_us);
    return true;
}

CAST(date)
{
    int32_t days = 0;
    if (arg->type.kind == TYPE_TIMESTAMP)
        vector_out_date(out, row, time_to_date(vector_int64(arg, row)));
    else if (text_to_date(str_trim(vector_str(arg, row)), &days))
        vector_out_date(out, row, days);
    else
        vector_out_null(out, row);
}

CAST(timestamp_utc)
{
    int64_t time_us = 0;
    bool    ok      = true;
    if (arg->type.kind == TYPE_DATE)
        time_us = date_to_time(vector_date(arg, row));
    else
        ok = time_parse_utc(str_trim(vector_str(arg, row)), &time_us);
    out_number(out, row, ok, time_us);
}

/* The scale that a call by name gets; a cast asks for its own. */
static bool
resolve_to_decimal(const struct type *arguments, uint32_t count, struct type *coerce, struct type *result)
{
    (void)coerce;
    *result = TYPE_DECIMAL_OF(6);
    return count == 1 && (arguments[0].kind == TYPE_TEXT || arguments[0].kind == TYPE_INT64 ||
                          arguments[0].kind == TYPE_DECIMAL || arguments[0].kind == TYPE_DOUBLE);
}

static bool
resolve_to_number(const struct type *arguments, uint32_t count, struct type *result, enum type_kind kind)
{
    enum type_kind from = arguments[0].kind;
    *result             = TYPE(kind);
    return count == 1 && (from == TYPE_TEXT || from == TYPE_INT64 || from == TYPE_DECIMAL || from == TYPE_DOUBLE ||
                          (from == TYPE_BOOL && kind == TYPE_INT64));
}

static bool
resolve_to_int64(const struct type *arguments, uint32_t count, struct type *coerce, struct type *result)
{
    (void)coerce;
    return resolve_to_number(arguments, count, result, TYPE_INT64);
}

static bool
resolve_to_double(const struct type *arguments, uint32_t count, struct type *coerce, struct type *result)
{
    (void)coerce;
    return resolve_to_number(arguments, count, result, TYPE_DOUBLE);
}

#define ROW(NAME, SIGNATURE, HELP)                                                                                      \
    { .name = "to_" #NAME, .help = HELP, .signature = SIGNATURE, .null_rule = NULL_STRICT, .kernel = kernel_to_##NAME }
#define ROW_BY_CODE(NAME, HELP)                                                                                         \
    { .name = "to_" #NAME, .help = HELP, .signature = "(any) -> any", .null_rule = NULL_STRICT,                        \
      .kernel = kernel_to_##NAME, .resolve = resolve_to_##NAME }

const struct function cast_functions[] = {
    ROW_BY_CODE(int64, "A whole number from text, a number (rounded half away from zero) or a boolean."),
    ROW_BY_CODE(double, "A double from text or a number."),
    ROW_BY_CODE(decimal, "A decimal from text or a number, rounded half away from zero: of scale 6, or as cast says."),
    ROW(bool, "(text) -> bool; (int64) -> bool", "true, t, yes, y, 1 or false, f, no, n, 0."),
    ROW(text, "(any) -> text", "The value's one spelling: 1.90, 2026-01-02, 2026-01-02T03:04:05.000000Z."),
    ROW(date, "(text) -> date; (timestamp) -> date",
        "ISO 8601 or HL7 v2 (YYYYMMDD), with or without a time of day behind it; of an instant the day in UTC."),
    ROW(timestamp_utc, "(text) -> timestamp; (date) -> timestamp",
        "ISO 8601 with an offset; of a date its midnight in UTC."),
};
const size_t cast_function_count = sizeof cast_functions / sizeof *cast_functions;
