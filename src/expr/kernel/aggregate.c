/* Aggregates over exact states: integers only, so that any order of merging gives the same bytes (I4, I5). */
#include <string.h>

#include "base/decimal.h"
#include "base/hash.h"
#include "column/kernel.h"
#include "expr/expr_int.h"

/* DuckDB aligns states to 8 bytes, where a 128-bit integer by itself wants 16. */
typedef int128 int128_aligned8 __attribute__((aligned(8)));

/* count, sum, avg: 2^64 rows of 18 digits stay below 2^127. */
struct sum_state {
    int128_aligned8 sum;
    uint64_t        count;
};

/* min, max of numbers, instants and dates. */
struct extreme_state {
    int64_t value;
    bool    is_set;
};

static void
sum_init(void *state)
{
    memset(state, 0, sizeof(struct sum_state));
}

static void
sum_merge(void *into, const void *from)
{
    struct sum_state       *state = into;
    const struct sum_state *other = from;
    state->sum += other->sum;
    state->count += other->count;
}

static void
count_update(void *const *states, const struct vector *args, uint32_t argument_count, uint32_t row_count)
{
    for (uint32_t row = 0; row < row_count; row++)
        ((struct sum_state *)states[row])->count += vectors_are_valid(args, argument_count, row);
}

/* Rows, whatever is in them. */
static void
count_rows_update(void *const *states, const struct vector *args, uint32_t argument_count, uint32_t row_count)
{
    (void)args, (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++)
        ((struct sum_state *)states[row])->count++;
}

static void
sum_update(void *const *states, const struct vector *args, uint32_t argument_count, uint32_t row_count)
{
    (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        struct sum_state *state = states[row];
        if (!vector_is_valid(&args[0], row))
            continue;
        state->sum += vector_int64(&args[0], row);
        state->count++;
    }
}

static void
count_final(const void *state, const struct type *argument_types, struct vector_out *out, uint32_t row)
{
    (void)argument_types;
    vector_out_int64(out, row, (int64_t)((const struct sum_state *)state)->count);
}

static void
decimal_final(const struct sum_state *state, int128 value, unsigned scale, struct vector_out *out, uint32_t row)
{
    int64_t narrow = 0;
    if (state->count > 0 && decimal_is_ok(decimal_from_int128(value, scale, out->type.scale, &narrow)))
        vector_out_int64(out, row, narrow);
    else
        vector_out_null(out, row);
}

static uint8_t
scale_of(struct type type)
{
    return type.kind == TYPE_DECIMAL ? type.scale : 0;
}

static void
sum_final(const void *state, const struct type *argument_types, struct vector_out *out, uint32_t row)
{
    decimal_final(state, ((const struct sum_state *)state)->sum, scale_of(argument_types[0]), out, row);
}

static void
avg_final(const void *state, const struct type *argument_types, struct vector_out *out, uint32_t row)
{
    const struct sum_state *sum = state;
    if (sum->count == 0)
        vector_out_null(out, row);
    else
        decimal_final(sum, int128_divide_rounded(sum->sum, (int128)sum->count), scale_of(argument_types[0]), out, row);
}

/* Whole numbers are cast to decimals first, by our cast: what has more than 18 digits is null. DuckDB, which would cast by
 * itself, ends the statement there. */
static bool
resolve_sum(const struct type *arguments, uint32_t count, struct type *coerce, struct type *result)
{
    *result = TYPE_DECIMAL_OF(scale_of(arguments[0]));
    coerce[0] = *result;
    return count == 1 && (arguments[0].kind == TYPE_DECIMAL || arguments[0].kind == TYPE_INT64);
}

static void
extreme_init(void *state)
{
    memset(state, 0, sizeof(struct extreme_state));
}

static void
extreme_take(struct extreme_state *state, int64_t value, bool is_max)
{
    if (!state->is_set || (is_max ? value > state->value : value < state->value))
        state->value = value;
    state->is_set = true;
}

static void
extreme_update(void *const *states, const struct vector *args, uint32_t row_count, bool is_max)
{
    for (uint32_t row = 0; row < row_count; row++)
        if (vector_is_valid(&args[0], row))
            extreme_take(states[row],
                         args[0].type.kind == TYPE_DATE ? vector_date(&args[0], row) : vector_int64(&args[0], row), is_max);
}

#define EXTREME(NAME, IS_MAX)                                                                                           \
    static void NAME##_update(void *const *states, const struct vector *args, uint32_t argument_count,                 \
                              uint32_t row_count)                                                                      \
    {                                                                                                                  \
        (void)argument_count;                                                                                          \
        extreme_update(states, args, row_count, IS_MAX);                                                               \
    }                                                                                                                  \
    static void NAME##_merge(void *into, const void *from)                                                             \
    {                                                                                                                  \
        const struct extreme_state *other = from;                                                                      \
        if (other->is_set)                                                                                             \
            extreme_take(into, other->value, IS_MAX);                                                                  \
    }
EXTREME(min, false)
EXTREME(max, true)

static void
extreme_final(const void *state, const struct type *argument_types, struct vector_out *out, uint32_t row)
{
    const struct extreme_state *extreme = state;
    (void)argument_types;
    if (!extreme->is_set)
        vector_out_null(out, row);
    else if (out->type.kind == TYPE_DATE)
        vector_out_date(out, row, (int32_t)extreme->value);
    else
        vector_out_int64(out, row, extreme->value);
}

static bool
resolve_extreme(const struct type *arguments, uint32_t count, struct type *coerce, struct type *result)
{
    (void)coerce;
    *result = arguments[0];
    return count == 1 && (arguments[0].kind == TYPE_INT64 || arguments[0].kind == TYPE_DECIMAL ||
                          arguments[0].kind == TYPE_TIMESTAMP || arguments[0].kind == TYPE_DATE);
}

/* The sum modulo 2^128 of row hashes (I5). What is no hash of 32 digits counts as its own hash. */
static void
digest_update(void *const *states, const struct vector *args, uint32_t argument_count, uint32_t row_count)
{
    (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        struct hash128 hash;
        if (!vector_is_valid(&args[0], row))
            continue;
        struct str text = vector_str(&args[0], row);
        if (!hash128_parse(text, &hash))
            hash = hash128(text.data, text.size);
        hash128_add(states[row], hash);
    }
}

static void
digest_init(void *state)
{
    memset(state, 0, sizeof(struct hash128));
}

static void
digest_merge(void *into, const void *from)
{
    hash128_add(into, *(const struct hash128 *)from);
}

static void
digest_final(const void *state, const struct type *argument_types, struct vector_out *out, uint32_t row)
{
    char hex[HASH128_TEXT_SIZE];
    (void)argument_types;
    hash128_print(*(const struct hash128 *)state, hex);
    vector_out_text(out, row, hex, HASH128_TEXT_SIZE - 1);
}

#define SUM(NAME, SIGNATURE, RESOLVE, UPDATE, FINAL, HELP)                                                              \
    { .name = NAME, .help = HELP, .signature = SIGNATURE, .resolve = RESOLVE, .state_size = sizeof(struct sum_state),  \
      .init = sum_init, .update = UPDATE, .merge = sum_merge, .final = FINAL }
#define MIN_MAX(NAME, HELP)                                                                                             \
    { .name = #NAME, .help = HELP, .signature = "(any) -> any", .resolve = resolve_extreme,                            \
      .state_size = sizeof(struct extreme_state), .init = extreme_init, .update = NAME##_update,                       \
      .merge = NAME##_merge, .final = extreme_final }

const struct aggregate aggregate_table[] = {
    SUM("avg", "(number) -> number", resolve_sum, sum_update, avg_final,
        "The exact sum divided by the count, rounded half away from zero to the argument's scale."),
    SUM("count", "(any) -> int64", NULL, count_update, count_final, "How many values are not null."),
    SUM("count_rows", "(any) -> int64", NULL, count_rows_update, count_final,
        "How many rows, also where the argument is null."),
    { .name = "digest", .help = "The sum modulo 2^128 of hashes, 32 hexadecimal digits.", .signature = "(text) -> text",
      .state_size = sizeof(struct hash128), .init = digest_init, .update = digest_update, .merge = digest_merge,
      .final = digest_final },
    MIN_MAX(max, "The largest."),
    MIN_MAX(min, "The smallest."),
    SUM("sum", "(number) -> number", resolve_sum, sum_update, sum_final,
        "The exact sum, a decimal; null where it has more than 18 digits."),
};
const size_t aggregate_table_count = sizeof aggregate_table / sizeof *aggregate_table;
