/* Every function and every aggregate of the one table, each overload, over random columns with nulls: what the live leg
 * computes and what DuckDB computes under our name are the same bytes (I4). A function that is added to the table is tested
 * without a line here. From a seed; HEDDLE_SEED in the environment sets another, HEDDLE_ROUNDS how often each is called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/str_builder.h"
#include "column/chunk.h"
#include "expr/expr.h"
#include "expr/function.h"
#include "support/legs.h"

static const struct schema_column columns[] = {
    { "a", { .kind = TYPE_TEXT } },      { "b", { .kind = TYPE_TEXT } },      { "c", { .kind = TYPE_TEXT } },
    { "i", { .kind = TYPE_INT64 } },     { "j", { .kind = TYPE_INT64 } },     { "d", { .kind = TYPE_DECIMAL, .scale = 2 } },
    { "e", { .kind = TYPE_DECIMAL, .scale = 6 } },                            { "p", { .kind = TYPE_BOOL } },
    { "q", { .kind = TYPE_BOOL } },      { "t", { .kind = TYPE_TIMESTAMP } }, { "u", { .kind = TYPE_TIMESTAMP } },
    { "y", { .kind = TYPE_DATE } },      { "z", { .kind = TYPE_DATE } },      { "f", { .kind = TYPE_DOUBLE } },
    { "g", { .kind = TYPE_DOUBLE } },
};
#define COLUMN_COUNT (sizeof columns / sizeof *columns)
static const struct schema schema = { columns, COLUMN_COUNT };

#define ROW_COUNT   300
#define ROUND_COUNT 24

static struct random random_state;
static struct chunk  chunk;

/* Texts that some function makes something of: numbers, times, codes, units, ranges, names, references, keys, patterns. */
static const char *const texts[] = {
    "", " ", "x", " x\t", "\xc2\xa0y\xc2\xa0", "Kg", "caf\xc3\xa9 noir", "a long text of many words that is not inline", "100%", "a_", "a|b\\c", "\\", "!",
    "0", "12", "-7.25", "+3", "1.5e3", "0.0000005", "999999999999999999999", "123456789012.1234567", ".5", "<0.01", ">= 5", "< ", "1,5", "1:40",
    "true", "F", "no", "2024-02-29", "20240229", "2024", "2024-02-29T10:11:12+01:00", "2024-02-29 10:11", "20240310023000", "20241103013000.5-0500", "2023-02-29",
    "2345-7", "2823-3", "718-7", "2345-8", "1234567893", "1234567890", "mg/dL", "mmol/L", "mEq/L", "K/uL", "10*3/uL", "furlong", "g/dL", "%",
    "3.5-5.1", "13 to 18", ">10", "<5", "-2--1", "HH", "ll", "A", "M", "female", "U", "I", "emergency", "P", "C", "W", "Q",
    "02139", "2139", "02139-1234", "021391234", "O'Brien\xe2\x80\x99s \303\211cole", "\xc3\x84rger", "stra\303\237e", "Patient/7", "urn:uuid:7", "http://x/Patient/9/_history/2",
    "000102030405060708090a0b0c0d0e0f", "year", "week", "dow", "fortnight", "America/New_York",
    "1EG4TE5MK73", "123-45-6789", "999123456", "E11.9", "c4a.0", "T360X1A", "1234-5678-90", "12345-678-90", "12345678901", "08", "(617) 555-0123 x4", "+49 30 123456",
    "A@B.org", "03601", "Massachusetts", "ma", "2034-7", "native", "hispanic", "nonhispanic", "L",
    "1200 North Main Street Apt. #4", "P.O. Box 12", "de la Cruz-Smith, Jr. MD", "$2$1", "quarter", "month", "2024-02", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
};

static const char *
any_text(void)
{
    return texts[random_below(&random_state, sizeof texts / sizeof *texts)];
}

static void
fill_value(uint32_t column, uint32_t row)
{
    static const double  reals[]  = { 0, -0.0, 1.5, -2.5, 1e300, -1e-300, 3.1415926, 1e18, 0.1 };
    static const int64_t limits[] = { INT64_MAX, INT64_MIN, INT64_MIN + 1, INT32_MAX, 1000000, -1 };
    int64_t              small    = random_between(&random_state, -20, 40);
    bool                 is_large = random_chance(&random_state, 0.1);
    switch (columns[column].type.kind) {
    case TYPE_TEXT: {
        const char *text = any_text();
        assert_int_equal(chunk_set_text(&chunk, column, row, text, strlen(text), NULL), ST_OK);
        break;
    }
    case TYPE_BOOL: chunk_set_bool(&chunk, column, row, small > 10); break;
    case TYPE_DATE: chunk_set_int32(&chunk, column, row, (int32_t)small * 733); break;
    case TYPE_TIMESTAMP: chunk_set_int64(&chunk, column, row, small * 80000000000007); break;
    case TYPE_DOUBLE: chunk_set_double(&chunk, column, row, reals[random_below(&random_state, sizeof reals / sizeof *reals)]); break;
    case TYPE_INT64: chunk_set_int64(&chunk, column, row, is_large ? limits[random_below(&random_state, sizeof limits / sizeof *limits)] : small); break;
    default: chunk_set_int64(&chunk, column, row, is_large ? random_between(&random_state, -999999999999999999, 999999999999999999) : small * 25); break;
    }
}

/* New rows in both legs; every fourth time with columns that are null throughout or nowhere. */
static void
fill(void)
{
    double shares[] = { 0.2, 0.2, 0, 1 };
    chunk_clear(&chunk);
    for (uint32_t column = 0; column < COLUMN_COUNT; column++) {
        double nulls = shares[random_below(&random_state, 4)];
        for (uint32_t row = 0; row < ROW_COUNT; row++)
            if (random_chance(&random_state, nulls))
                chunk_set_null(&chunk, column, row);
            else
                fill_value(column, row);
    }
    chunk.row_count = ROW_COUNT;
    legs_store(&chunk);
}

static uint64_t
wanted(const char *name, uint64_t otherwise)
{
    uint64_t    value = otherwise;
    const char *text  = getenv(name);
    return text != NULL && str_to_uint64(str_from(text), &value) ? value : otherwise;
}

static int
setup(void **state)
{
    (void)state;
    random_init(&random_state, wanted("HEDDLE_SEED", 20260302));
    assert_int_equal(chunk_init(&chunk, &schema, CHUNK_ROW_COUNT_MAX, NULL), ST_OK);
    legs_open(&schema);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    legs_close();
    chunk_release(&chunk);
    return 0;
}

/* ---- Calls ---- */

/* Arguments that must be the same for all rows (a zone, a key): no other call is bound. */
static const struct constant {
    const char *function;
    uint32_t    argument;
    const char *texts[3];
} constants[] = {
    { "to_timestamp", 1, { "'America/New_York'", "'UTC'", "'Europe/Berlin'" } },
    { "local_date", 1, { "'America/New_York'", "'UTC'", "'Europe/Berlin'" } },
    { "regexp_matches", 1, { "'^[a-z]+$'", "'(a|aa)+$'", "'\\d{2,}'" } },
    { "regexp_extract", 1, { "'(\\w+)[ -](\\w+)'", "'.'", "'x*'" } },
    { "regexp_replace", 1, { "'[aeiou]'", "'x*'", "'(.)(.)'" } },
    { "person_hash", 0, { "'000102030405060708090a0b0c0d0e0f'", "'ffffffffffffffffffffffffffffffff'", "'000102030405060708090a0b0c0d0e0f'" } },
};

static const char *
constant_argument(const char *function, uint32_t argument)
{
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if (strcmp(constants[i].function, function) == 0 && constants[i].argument == argument)
            return constants[i].texts[random_below(&random_state, 3)];
    return NULL;
}

static uint32_t
any_column(struct type type)
{
    uint32_t found[COLUMN_COUNT], count = 0;
    for (uint32_t i = 0; i < COLUMN_COUNT; i++)
        if (type_equal(columns[i].type, type))
            found[count++] = i;
    assert_true(count > 0);
    return found[random_below(&random_state, count)];
}

/* One of the types that the parameter takes. */
static struct type
any_type_of(const struct parameter *parameter, struct type of_any)
{
    static const struct type numbers[] = { { .kind = TYPE_INT64 }, { .kind = TYPE_DECIMAL, .scale = 2 }, { .kind = TYPE_DECIMAL, .scale = 6 }, { .kind = TYPE_DOUBLE } };
    switch (parameter->kind) {
    case PARAMETER_ANY: return of_any;
    case PARAMETER_NUMBER: return numbers[random_below(&random_state, 4)];
    case PARAMETER_TYPE: break;
    }
    return parameter->type;
}

static void
literal(struct type type, struct str_builder *out)
{
    static const char *const of_kind[TYPE_KIND_COUNT] = {
        [TYPE_BOOL] = "true", [TYPE_INT64] = "3", [TYPE_DOUBLE] = "2.5e0", [TYPE_DECIMAL] = "1.25",
        [TYPE_TIMESTAMP] = "timestamp '2024-02-29T12:00:00Z'", [TYPE_DATE] = "date '2024-02-29'",
    };
    if (type.kind == TYPE_TEXT)
        sql_print_text(str_from(any_text()), out);
    else
        str_builder_append_cstr(out, of_kind[type.kind]);
}

/* One call of the overload: columns, here and there a literal or null. False where the function does not take the types. */
static bool
make_call(const struct function *function, const struct overload *overload, struct str_builder *out)
{
    struct type types[FUNCTION_ARGUMENT_COUNT_MAX], coerce[FUNCTION_ARGUMENT_COUNT_MAX], result;
    struct type of_any = columns[random_below(&random_state, COLUMN_COUNT)].type;
    uint32_t    count = overload->parameter_count;
    if (overload->is_variadic)
        count = count - 1 + (uint32_t)random_below(&random_state, 4);
    while (count > 0 && !overload->is_variadic && overload->parameters[count - 1].is_optional && random_chance(&random_state, 0.5))
        count--;
    /* like is the one function whose name is a word of the language. */
    bool is_like = strcmp(function->name, "like") == 0;
    str_builder_clear(out);
    str_builder_printf(out, "%s(", is_like ? "" : function->name);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t    at = i < overload->parameter_count ? i : overload->parameter_count - 1;
        const char *fixed = constant_argument(function->name, i);
        types[i] = any_type_of(&overload->parameters[at], of_any);
        str_builder_append_cstr(out, i == 0 ? "" : !is_like ? ", " : i == 1 ? " like " : " escape ");
        if (fixed != NULL)
            str_builder_append_cstr(out, fixed);
        else if (random_chance(&random_state, 0.15))
            literal(types[i], out);
        else
            str_builder_append_cstr(out, columns[any_column(types[i])].name);
    }
    str_builder_append_char(out, ')');
    return function_resolve(function, types, NULL, count, coerce, &result);
}

static void
every_function_in_both_legs(void **state)
{
    (void)state;
    struct str_builder text = STR_BUILDER_EMPTY;
    uint64_t           rounds = wanted("HEDDLE_ROUNDS", ROUND_COUNT);
    size_t             calls = 0;
    for (uint64_t round = 0; round < rounds; round++) {
        if (round % 4 == 0)
            fill();
        for (size_t i = 0; i < function_count(); i++) {
            struct overload overload;
            size_t          position = 0, taken = 0, tries = 0;
            while (signature_next(function_at(i)->signature, &position, &overload)) {
                while (!make_call(function_at(i), &overload, &text))
                    if (++tries == 200)
                        fail_msg("%s%s takes nothing", function_at(i)->name, function_at(i)->signature);
                legs_check(str_builder_cstr(&text), &chunk);
                taken++;
            }
            assert_true(taken > 0);
            calls += taken;
        }
    }
    print_message("%zu functions, %zu calls over %d rows\n", function_count(), calls, ROW_COUNT);
    str_builder_release(&text);
}

/* ---- Aggregates ---- */

static void
every_aggregate_in_both_legs(void **state)
{
    (void)state;
    uint64_t rounds = wanted("HEDDLE_ROUNDS", ROUND_COUNT);
    for (uint64_t round = 0; round < rounds; round++) {
        fill();
        for (size_t i = 0; i < aggregate_count(); i++) {
            const struct aggregate *aggregate = aggregate_at(i);
            size_t                  taken = 0;
            for (uint32_t column = 0; column < COLUMN_COUNT; column++)
                taken += legs_check_aggregate(aggregate, columns[column].name, &chunk, &random_state);
            if (taken == 0)
                fail_msg("%s%s takes no column", aggregate->name, aggregate->signature);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_function_in_both_legs), cmocka_unit_test(every_aggregate_in_both_legs) };
    return cmocka_run_group_tests(tests, setup, teardown);
}
