/* Arithmetic and what else has its type from its arguments. Decimals are exact; what does not fit is null. */
#include <math.h>

#include "base/decimal.h"
#include "column/kernel.h"
#include "expr/kernel/tables.h"

#define KERNEL(NAME)                                                                                                    \
    static void NAME(const struct kernel_context *context, const struct vector *args, uint32_t argument_count,         \
                     uint32_t row_count, struct vector_out *out)

enum arithmetic { ADD, SUBTRACT, MULTIPLY, DIVIDE, MODULO };

static uint8_t
scale_of(struct type type)
{
    return type.kind == TYPE_DECIMAL ? type.scale : 0;
}

static bool
resolve_arithmetic(const struct type *arguments, struct type *ret_coerce, struct type *ret_result, enum arithmetic op)
{
    struct type a = arguments[0], b = arguments[1];
    if (a.kind == TYPE_DOUBLE || b.kind == TYPE_DOUBLE) {
        ret_coerce[0] = ret_coerce[1] = *ret_result = TYPE(TYPE_DOUBLE);
        return true;
    }
    if (a.kind == TYPE_INT64 && b.kind == TYPE_INT64 && op != DIVIDE) {
        *ret_result = TYPE(TYPE_INT64);
        return true;
    }
    unsigned scale_a = scale_of(a), scale_b = scale_of(b);
    unsigned scale   = scale_a > scale_b ? scale_a : scale_b;
    if (op == MULTIPLY)
        scale = scale_a + scale_b > DECIMAL_SCALE_MAX ? DECIMAL_SCALE_MAX : scale_a + scale_b;
    if (op == DIVIDE)
        scale = scale_a > 6 ? scale_a : 6;
    ret_coerce[0] = TYPE_DECIMAL_OF((uint8_t)scale_a);
    ret_coerce[1] = TYPE_DECIMAL_OF((uint8_t)scale_b);
    *ret_result   = TYPE_DECIMAL_OF((uint8_t)scale);
    return true;
}

static bool
int64_of(enum arithmetic op, int64_t a, int64_t b, int64_t *ret_value)
{
    switch (op) {
    case ADD: return !__builtin_add_overflow(a, b, ret_value);
    case SUBTRACT: return !__builtin_sub_overflow(a, b, ret_value);
    case MULTIPLY: return !__builtin_mul_overflow(a, b, ret_value);
    case DIVIDE: return false;
    case MODULO:
        *ret_value = b == 0 || b == -1 ? 0 : a % b;
        return b != 0;
    }
    return false;
}

static bool
double_of(enum arithmetic op, double a, double b, double *ret_value)
{
    switch (op) {
    case ADD: *ret_value = a + b; break;
    case SUBTRACT: *ret_value = a - b; break;
    case MULTIPLY: *ret_value = a * b; break;
    case DIVIDE: *ret_value = a / b; break;
    case MODULO: *ret_value = fmod(a, b); break;
    }
    return isfinite(*ret_value);
}

static bool
decimal_of(enum arithmetic op, int64_t a, unsigned scale_a, int64_t b, unsigned scale_b, unsigned scale,
           int64_t *ret_value)
{
    if (op == MULTIPLY)
        return decimal_is_ok(decimal_multiply(a, scale_a, b, scale_b, scale, ret_value));
    if (op == DIVIDE)
        return decimal_is_ok(decimal_divide(a, scale_a, b, scale_b, scale, ret_value));
    /* 18 digits times 10^18 and one sum of two such: below 2^127. */
    int128 wide_a = (int128)a * int128_power_of_ten(scale - scale_a);
    int128 wide_b = (int128)b * int128_power_of_ten(scale - scale_b);
    if (op == MODULO && wide_b == 0)
        return false;
    int128 wide = op == ADD ? wide_a + wide_b : op == SUBTRACT ? wide_a - wide_b : wide_a % wide_b;
    return decimal_is_ok(decimal_from_int128(wide, scale, scale, ret_value));
}

static void
arithmetic(enum arithmetic op, const struct vector *args, uint32_t row_count, struct vector_out *out)
{
    unsigned scale_a = scale_of(args[0].type), scale_b = scale_of(args[1].type), scale = scale_of(out->type);
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vectors_are_valid(args, 2, row))
            continue;
        int64_t whole = 0;
        double  real  = 0;
        bool    ok;
        if (out->type.kind == TYPE_DOUBLE)
            ok = double_of(op, vector_double(&args[0], row), vector_double(&args[1], row), &real);
        else if (out->type.kind == TYPE_INT64)
            ok = int64_of(op, vector_int64(&args[0], row), vector_int64(&args[1], row), &whole);
        else
            ok = decimal_of(op, vector_int64(&args[0], row), scale_a, vector_int64(&args[1], row), scale_b, scale, &whole);
        if (!ok)
            vector_out_null(out, row);
        else if (out->type.kind == TYPE_DOUBLE)
            vector_out_double(out, row, real);
        else
            vector_out_int64(out, row, whole);
    }
}

#define ARITHMETIC(NAME, OP)                                                                                            \
    KERNEL(kernel_##NAME)                                                                                              \
    {                                                                                                                  \
        (void)context, (void)argument_count;                                                                           \
        arithmetic(OP, args, row_count, out);                                                                          \
    }                                                                                                                  \
    static bool resolve_##NAME(const struct type *arguments, uint32_t count, struct type *coerce, struct type *result) \
    {                                                                                                                  \
        return count == 2 && resolve_arithmetic(arguments, coerce, result, OP);                                        \
    }

ARITHMETIC(add, ADD)
ARITHMETIC(subtract, SUBTRACT)
ARITHMETIC(multiply, MULTIPLY)
ARITHMETIC(divide, DIVIDE)
ARITHMETIC(modulo, MODULO)

static bool
resolve_first(const struct type *arguments, uint32_t count, struct type *coerce, struct type *result)
{
    (void)coerce, (void)count;
    *result = arguments[0];
    return true;
}

/* Minus, or the absolute value. */
static void
change_sign(const struct vector *arg, uint32_t row_count, bool negative_only, struct vector_out *out)
{
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vector_is_valid(arg, row))
            continue;
        if (arg->type.kind == TYPE_DOUBLE) {
            double value = vector_double(arg, row);
            vector_out_double(out, row, negative_only ? fabs(value) : -value);
            continue;
        }
        int64_t value = vector_int64(arg, row);
        if (negative_only && value >= 0)
            vector_out_int64(out, row, value);
        else if (value == INT64_MIN)
            vector_out_null(out, row);
        else
            vector_out_int64(out, row, -value);
    }
}

KERNEL(kernel_negate)
{
    (void)context, (void)argument_count;
    change_sign(&args[0], row_count, false, out);
}

KERNEL(kernel_abs)
{
    (void)context, (void)argument_count;
    change_sign(&args[0], row_count, true, out);
}

/* round(decimal, places): half away from zero, the scale stays. */
KERNEL(kernel_round)
{
    (void)context, (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vectors_are_valid(args, 2, row))
            continue;
        int64_t places = vector_int64(&args[1], row), value = vector_int64(&args[0], row);
        int64_t dropped = places < 0 ? 0 : (int64_t)args[0].type.scale - places;
        if (places < 0) {
            vector_out_null(out, row);
        } else if (dropped <= 0) {
            vector_out_int64(out, row, value);
        } else {
            int128 unit = int128_power_of_ten((unsigned)dropped);
            int128 wide = int128_divide_rounded(value, unit) * unit;
            if (wide > DECIMAL_VALUE_MAX || wide < -DECIMAL_VALUE_MAX)
                vector_out_null(out, row);
            else
                vector_out_int64(out, row, (int64_t)wide);
        }
    }
}

static bool
resolve_round(const struct type *arguments, uint32_t count, struct type *coerce, struct type *result)
{
    (void)count;
    if (arguments[0].kind != TYPE_DECIMAL || arguments[1].kind != TYPE_INT64)
        return false;
    (void)coerce;
    *result = arguments[0];
    return true;
}

#define BINARY(NAME, HELP)                                                                                              \
    { .name = #NAME, .help = HELP, .signature = "(number, number) -> number", .null_rule = NULL_STRICT,                \
      .kernel = kernel_##NAME, .resolve = resolve_##NAME }

const struct function number_functions[] = {
    BINARY(add, "a + b; decimals keep the larger scale; null on overflow."),
    BINARY(subtract, "a - b; decimals keep the larger scale; null on overflow."),
    BINARY(multiply, "a * b; the scales add up to at most 18, rounded half away from zero; null on overflow."),
    BINARY(divide, "a / b; of whole numbers and decimals a decimal of scale max(6, that of a); by zero null."),
    BINARY(modulo, "The rest of a / b with the sign of a; by zero null."),
    { .name = "negate", .help = "-a.", .signature = "(number) -> number", .null_rule = NULL_STRICT,
      .kernel = kernel_negate, .resolve = resolve_first },
    { .name = "abs", .help = "a without its sign.", .signature = "(number) -> number", .null_rule = NULL_STRICT,
      .kernel = kernel_abs, .resolve = resolve_first },
    { .name = "round", .help = "A decimal rounded half away from zero to so many places; its scale stays.",
      .signature = "(number, int64) -> number", .null_rule = NULL_STRICT, .kernel = kernel_round,
      .resolve = resolve_round },
};
const size_t number_function_count = sizeof number_functions / sizeof *number_functions;
