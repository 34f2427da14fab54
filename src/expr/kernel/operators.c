/* Kernels of the operators that DuckDB computes alike: three-valued logic, comparison, choice. All look at nulls. */
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/word.h"
#include "column/kernel.h"
#include "expr/expr_int.h"

static int
compare_int64(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b ? 1 : 0;
}

/* NaN equals itself and is above infinity; minus zero equals zero: DuckDB's order. */
static int
compare_double(double a, double b)
{
    if (isnan(a) || isnan(b))
        return (int)(isnan(a) != 0) - (int)(isnan(b) != 0);
    return a < b ? -1 : a > b ? 1 : 0;
}

int
vector_compare_rows(const struct vector *a, uint32_t row_a, const struct vector *b, uint32_t row_b)
{
    switch (a->type.kind) {
    case TYPE_BOOL: return (int)vector_bool(a, row_a) - (int)vector_bool(b, row_b);
    case TYPE_INT64:
    case TYPE_DECIMAL:
    case TYPE_TIMESTAMP: return compare_int64(vector_int64(a, row_a), vector_int64(b, row_b));
    case TYPE_DATE: return compare_int64(vector_date(a, row_a), vector_date(b, row_b));
    case TYPE_DOUBLE: return compare_double(vector_double(a, row_a), vector_double(b, row_b));
    case TYPE_TEXT: return text_compare(vector_text(a, row_a), vector_text(b, row_b));
    case TYPE_KIND_COUNT: break;
    }
    UNREACHABLE();
}

static bool
rows_are_equal(const struct vector *a, const struct vector *b, uint32_t row)
{
    return a->type.kind == TYPE_TEXT ? text_equal(vector_text(a, row), vector_text(b, row))
                                     : vector_compare_rows(a, row, b, row) == 0;
}

/* Null where an argument is: by words of 64 rows. */
static void
clear_nulls(const struct vector *args, uint32_t argument_count, uint32_t row_count, struct vector_out *out)
{
    uint32_t word_count = (row_count + 63) / 64;
    for (uint32_t i = 0; i < argument_count; i++) {
        if (args[i].validity == NULL || (args[i].is_constant && validity_get(args[i].validity, 0)))
            continue;
        for (uint32_t word = 0; word < word_count; word++)
            out->validity[word] &= args[i].is_constant ? 0 : args[i].validity[word];
    }
}

/* Numbers of null rows have no meaning, but comparing them harms nobody: so there is no branch in the loop. */
#define COMPARE_NUMBERS(TYPE, OP)                                                                                       \
    do {                                                                                                               \
        const TYPE *a = args[0].data, *b = args[1].data;                                                               \
        uint32_t    step_a = args[0].is_constant ? 0 : 1, step_b = args[1].is_constant ? 0 : 1;                        \
        uint8_t    *values = out->data;                                                                                \
        for (uint32_t row = 0; row < row_count; row++)                                                                 \
            values[row] = a[row * step_a] OP b[row * step_b];                                                          \
        clear_nulls(args, 2, row_count, out);                                                                          \
    } while (0)

static bool
are_constants(const struct vector *args, uint32_t argument_count)
{
    for (uint32_t i = 0; i < argument_count; i++)
        if (!args[i].is_constant || !vector_is_valid(&args[i], 0))
            return false;
    return true;
}

/* A column of texts against constants, as lists and conditions are written: true where equal to one. False: it is not that, and
 * nothing was done. */
static bool
find_texts(const struct vector *args, uint32_t argument_count, uint32_t row_count, struct vector_out *out)
{
    const struct text *texts = args[0].data;
    if (args[0].type.kind != TYPE_TEXT || args[0].is_constant || !are_constants(args + 1, argument_count - 1))
        return false;
    for (uint32_t row = 0; row < row_count; row++) {
        uint32_t i = validity_get(args[0].validity, row) ? 1 : argument_count; /* Behind a null may stand anything. */
        while (i < argument_count && !text_equal(&texts[row], args[i].data))
            i++;
        vector_out_bool(out, row, i < argument_count);
    }
    clear_nulls(args, 1, row_count, out);
    return true;
}

#define COMPARISON(NAME, OP, TEST)                                                                                      \
    static void NAME(const struct kernel_context *context, const struct vector *args, uint32_t argument_count,         \
                     uint32_t row_count, struct vector_out *out)                                                       \
    {                                                                                                                  \
        (void)context;                                                                                                 \
        switch (args[0].type.kind) {                                                                                   \
        case TYPE_INT64:                                                                                               \
        case TYPE_DECIMAL:                                                                                             \
        case TYPE_TIMESTAMP: COMPARE_NUMBERS(int64_t, OP); return;                                                     \
        case TYPE_DATE: COMPARE_NUMBERS(int32_t, OP); return;                                                          \
        default: break;                                                                                                \
        }                                                                                                              \
        for (uint32_t row = 0; row < row_count; row++) {                                                               \
            if (!vectors_are_valid(args, argument_count, row))                                                         \
                vector_out_null(out, row);                                                                             \
            else                                                                                                       \
                vector_out_bool(out, row, TEST);                                                                       \
        }                                                                                                              \
    }

COMPARISON(compare_eq, ==, rows_are_equal(&args[0], &args[1], row))
COMPARISON(kernel_ne, !=, !rows_are_equal(&args[0], &args[1], row))
COMPARISON(kernel_lt, <, vector_compare_rows(&args[0], row, &args[1], row) < 0)
COMPARISON(kernel_le, <=, vector_compare_rows(&args[0], row, &args[1], row) <= 0)
COMPARISON(kernel_gt, >, vector_compare_rows(&args[0], row, &args[1], row) > 0)
COMPARISON(kernel_ge, >=, vector_compare_rows(&args[0], row, &args[1], row) >= 0)

static void
kernel_eq(const struct kernel_context *context, const struct vector *args, uint32_t argument_count, uint32_t row_count,
          struct vector_out *out)
{
    if (!find_texts(args, argument_count, row_count, out))
        compare_eq(context, args, argument_count, row_count, out);
}

/* 0 false, 1 true, 2 null. */
static unsigned
ternary(const struct vector *vector, uint32_t row)
{
    return !vector_is_valid(vector, row) ? 2u : vector_bool(vector, row) ? 1u : 0u;
}

/* Whether the 64 rows from `row`, a multiple of 64, have no null. Rows behind the last count: their bits may be anything,
 * and the careful way gives the same. */
static bool
block_is_valid(const struct vector *vector, uint32_t row)
{
    if (vector->validity == NULL)
        return true;
    return vector->is_constant ? validity_get(vector->validity, 0) : vector->validity[row >> 6] == ~(uint64_t)0;
}

static void
kernel_not(const struct kernel_context *context, const struct vector *args, uint32_t argument_count, uint32_t row_count,
           struct vector_out *out)
{
    (void)context, (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++)
        vector_out_bool(out, row, !vector_bool(&args[0], row));
    clear_nulls(args, 1, row_count, out);
}

/* `and` and `or` are one another's mirror: the value that decides alone is false for the one, true for the other. */
static void
and_or_careful(const struct vector *args, uint32_t row, uint32_t end, unsigned deciding, struct vector_out *out)
{
    for (; row < end; row++) {
        unsigned a = ternary(&args[0], row), b = ternary(&args[1], row);
        bool     decided = a == deciding || b == deciding;
        vector_out_bool(out, row, decided == (deciding == 1));
        if (!decided && (a == 2 || b == 2))
            vector_out_null(out, row);
    }
}

static void
and_or(const struct vector *args, uint32_t row_count, unsigned deciding, struct vector_out *out)
{
    const uint8_t *a = args[0].data, *b = args[1].data;
    uint32_t       step_a = args[0].is_constant ? 0 : 1, step_b = args[1].is_constant ? 0 : 1;
    uint8_t       *values = out->data;
    for (uint32_t begin = 0; begin < row_count; begin += 64) {
        uint32_t end = row_count - begin < 64 ? row_count : begin + 64;
        if (!block_is_valid(&args[0], begin) || !block_is_valid(&args[1], begin)) {
            and_or_careful(args, begin, end, deciding, out);
            continue;
        }
        uint32_t row = begin;
        for (; step_a + step_b == 2 && row + 8 <= end; row += 8)
            word_store(values + row, deciding == 1 ? word_load(a + row) | word_load(b + row) : word_load(a + row) & word_load(b + row));
        for (; row < end; row++)
            values[row] = deciding == 1 ? a[row * step_a] | b[row * step_b] : a[row * step_a] & b[row * step_b];
    }
}

static void
kernel_and(const struct kernel_context *context, const struct vector *args, uint32_t argument_count, uint32_t row_count,
           struct vector_out *out)
{
    (void)context, (void)argument_count;
    and_or(args, row_count, 0, out);
}

static void
kernel_or(const struct kernel_context *context, const struct vector *args, uint32_t argument_count, uint32_t row_count,
          struct vector_out *out)
{
    (void)context, (void)argument_count;
    and_or(args, row_count, 1, out);
}

#define TEST_OF_ROW(NAME, TEST)                                                                                         \
    static void NAME(const struct kernel_context *context, const struct vector *args, uint32_t argument_count,         \
                     uint32_t row_count, struct vector_out *out)                                                       \
    {                                                                                                                  \
        (void)context, (void)argument_count;                                                                           \
        for (uint32_t row = 0; row < row_count; row++)                                                                 \
            vector_out_bool(out, row, TEST);                                                                           \
    }

static bool
rows_are_distinct(const struct vector *a, const struct vector *b, uint32_t row)
{
    bool valid_a = vector_is_valid(a, row), valid_b = vector_is_valid(b, row);
    return valid_a != valid_b || (valid_a && !rows_are_equal(a, b, row));
}

/* The eight lowest bits as eight bytes of 0 or 1. */
static inline uint64_t
bytes_of_bits(uint64_t bits)
{
    const uint64_t apart = (bits & 0xff) * WORD_OF(1) & UINT64_C(0x8040201008040201);
    return (apart + WORD_OF(0x7f)) >> 7 & WORD_OF(1);
}

/* From the bits of validity alone. */
static void
presence(const struct vector *arg, uint32_t row_count, bool is_null, struct vector_out *out)
{
    uint8_t *values = out->data;
    if (arg->is_constant || arg->validity == NULL) {
        memset(values, vector_is_valid(arg, 0) != is_null, row_count);
        return;
    }
    uint32_t row = 0;
    for (; row + 8 <= row_count; row += 8)
        word_store(values + row, bytes_of_bits(arg->validity[row >> 6] >> (row & 63)) ^ (is_null ? WORD_OF(1) : 0));
    for (; row < row_count; row++)
        values[row] = ((arg->validity[row >> 6] >> (row & 63)) & 1) ^ is_null;
}

static void
kernel_is_null(const struct kernel_context *context, const struct vector *args, uint32_t argument_count,
               uint32_t row_count, struct vector_out *out)
{
    (void)context, (void)argument_count;
    presence(&args[0], row_count, true, out);
}

static void
kernel_is_not_null(const struct kernel_context *context, const struct vector *args, uint32_t argument_count,
                   uint32_t row_count, struct vector_out *out)
{
    (void)context, (void)argument_count;
    presence(&args[0], row_count, false, out);
}

TEST_OF_ROW(kernel_is_true, ternary(&args[0], row) == 1)
TEST_OF_ROW(kernel_is_not_true, ternary(&args[0], row) != 1)
TEST_OF_ROW(kernel_is_false, ternary(&args[0], row) == 0)
TEST_OF_ROW(kernel_is_not_false, ternary(&args[0], row) != 0)
TEST_OF_ROW(kernel_distinct, rows_are_distinct(&args[0], &args[1], row))
TEST_OF_ROW(kernel_not_distinct, !rows_are_distinct(&args[0], &args[1], row))

static inline void
copy_valid_row(const struct vector *from, uint32_t row, struct vector_out *out)
{
    if (from->type.kind == TYPE_TEXT) {
        const struct text *text = vector_text(from, row);
        if (text->size <= TEXT_INLINE_SIZE || out->may_share)
            ((struct text *)out->data)[row] = *text;
        else
            vector_out_long_text(out, row, text->pointer.data, text->size);
    } else {
        size_t size = type_value_size(from->type);
        memcpy((char *)out->data + row * size, (const char *)from->data + vector_row(from, row) * size, size);
    }
}

static inline void
copy_row(const struct vector *from, uint32_t row, struct vector_out *out)
{
    if (vector_is_valid(from, row))
        copy_valid_row(from, row, out);
    else
        vector_out_null(out, row);
}

/* A whole column of values that hold no pointers: data and validity as they lie. What stands in null rows is of no
 * meaning, but it is there. */
static void
copy_column(const struct vector *from, uint32_t row_count, struct vector_out *out)
{
    memcpy(out->data, from->data, row_count * type_value_size(from->type));
    if (from->validity != NULL)
        memcpy(out->validity, from->validity, ((size_t)row_count + 63) / 64 * sizeof(uint64_t));
}

void
kernel_copy(const struct kernel_context *context, const struct vector *args, uint32_t argument_count, uint32_t row_count,
            struct vector_out *out)
{
    (void)context, (void)argument_count;
    if (!args[0].is_constant && args[0].type.kind != TYPE_TEXT) {
        copy_column(&args[0], row_count, out);
        return;
    }
    for (uint32_t row = 0; row < row_count; row++)
        copy_row(&args[0], row, out);
}

/* when, then, …, else: the first whose condition is true. */
static void
kernel_case(const struct kernel_context *context, const struct vector *args, uint32_t argument_count, uint32_t row_count,
            struct vector_out *out)
{
    (void)context;
    for (uint32_t row = 0; row < row_count; row++) {
        uint32_t i = 0;
        while (i + 1 < argument_count && ternary(&args[i], row) != 1)
            i += 2;
        copy_row(i + 1 < argument_count ? &args[i + 1] : &args[i], row, out);
    }
}

/* By words of 64 rows: each argument gives the rows that are still open and that it has. */
static void
kernel_coalesce(const struct kernel_context *context, const struct vector *args, uint32_t argument_count,
                uint32_t row_count, struct vector_out *out)
{
    (void)context;
    for (uint32_t begin = 0; begin < row_count; begin += 64) {
        uint64_t open = row_count - begin < 64 ? ((uint64_t)1 << (row_count - begin)) - 1 : UINT64_MAX;
        for (uint32_t i = 0; i < argument_count && open != 0; i++) {
            uint64_t taken = open & vector_block_validity(&args[i], begin);
            open &= ~taken;
            for (; taken != 0; taken &= taken - 1)
                copy_valid_row(&args[i], begin + (uint32_t)__builtin_ctzll(taken), out);
        }
        out->validity[begin >> 6] &= ~open;
    }
}

/* Texts against one constant, as in nullif(trim(this), ''), which stands before nearly every text column. 64 rows that are all
 * null are passed by at once: what a sender leaves out, it leaves out everywhere. */
static void
nullif_text(const struct vector *from, const struct text *other, uint32_t row_count, struct vector_out *out)
{
    const struct text *texts = from->data;
    struct text       *to    = out->data;
    for (uint32_t row = 0; row < row_count; row++) {
        if ((row & 63) == 0 && from->validity != NULL && from->validity[row >> 6] == 0) {
            out->validity[row >> 6] = 0;
            row += 63;
        } else if (!validity_get(from->validity, row) || text_equal(&texts[row], other)) {
            vector_out_null(out, row);
        } else if (texts[row].size <= TEXT_INLINE_SIZE || out->may_share) {
            to[row] = texts[row];
        } else {
            vector_out_long_text(out, row, texts[row].pointer.data, texts[row].size);
        }
    }
}

static void
kernel_nullif(const struct kernel_context *context, const struct vector *args, uint32_t argument_count,
              uint32_t row_count, struct vector_out *out)
{
    (void)context;
    if (args[0].type.kind == TYPE_TEXT && !args[0].is_constant && args[1].is_constant && vector_is_valid(&args[1], 0)) {
        nullif_text(&args[0], args[1].data, row_count, out);
        return;
    }
    for (uint32_t row = 0; row < row_count; row++) {
        if (vectors_are_valid(args, argument_count, row) && rows_are_equal(&args[0], &args[1], row))
            vector_out_null(out, row);
        else
            copy_row(&args[0], row, out);
    }
}

/* args[0] in args[1..]: true where equal to one; else null where anything is null; else false. */
static void
kernel_in(const struct kernel_context *context, const struct vector *args, uint32_t argument_count, uint32_t row_count,
          struct vector_out *out)
{
    (void)context;
    if (find_texts(args, argument_count, row_count, out))
        return;
    for (uint32_t row = 0; row < row_count; row++) {
        bool found = false, has_null = !vector_is_valid(&args[0], row);
        for (uint32_t i = 1; i < argument_count && !found && vector_is_valid(&args[0], row); i++) {
            bool valid = vector_is_valid(&args[i], row);
            has_null   = has_null || !valid;
            found      = valid && rows_are_equal(&args[0], &args[i], row);
        }
        vector_out_bool(out, row, found);
        if (!found && has_null)
            vector_out_null(out, row);
    }
}

/* x >= low and x <= high, by the rules of `and`. */
static void
kernel_between(const struct kernel_context *context, const struct vector *args, uint32_t argument_count,
               uint32_t row_count, struct vector_out *out)
{
    (void)context, (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        bool     valid = vector_is_valid(&args[0], row);
        unsigned low = 2, high = 2;
        if (valid && vector_is_valid(&args[1], row))
            low = vector_compare_rows(&args[0], row, &args[1], row) >= 0;
        if (valid && vector_is_valid(&args[2], row))
            high = vector_compare_rows(&args[0], row, &args[2], row) <= 0;
        vector_out_bool(out, row, low == 1 && high == 1);
        if (low != 0 && high != 0 && (low == 2 || high == 2))
            vector_out_null(out, row);
    }
}

static kernel_fn *const kernels[OP_COUNT] = {
    [OP_OR] = kernel_or,
    [OP_AND] = kernel_and,
    [OP_NOT] = kernel_not,
    [OP_IS_NULL] = kernel_is_null,
    [OP_IS_NOT_NULL] = kernel_is_not_null,
    [OP_IS_TRUE] = kernel_is_true,
    [OP_IS_NOT_TRUE] = kernel_is_not_true,
    [OP_IS_FALSE] = kernel_is_false,
    [OP_IS_NOT_FALSE] = kernel_is_not_false,
    [OP_DISTINCT] = kernel_distinct,
    [OP_NOT_DISTINCT] = kernel_not_distinct,
    [OP_EQ] = kernel_eq,
    [OP_NE] = kernel_ne,
    [OP_LT] = kernel_lt,
    [OP_LE] = kernel_le,
    [OP_GT] = kernel_gt,
    [OP_GE] = kernel_ge,
    [OP_IN] = kernel_in,
    [OP_BETWEEN] = kernel_between,
    [OP_CASE] = kernel_case,
    [OP_COALESCE] = kernel_coalesce,
    [OP_NULLIF] = kernel_nullif,
};

kernel_fn *
operator_kernel(enum expr_op op)
{
    CHECK(op < OP_COUNT && kernels[op] != NULL);
    return kernels[op];
}
