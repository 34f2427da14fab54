/* Expressions in both legs: what our evaluation gives and what DuckDB gives for the printed SQL must be the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "column/chunk.h"
#include "expr/expr.h"
#include "support/legs.h"

static const struct schema_column columns[] = {
    { "a", { .kind = TYPE_TEXT } },   { "b", { .kind = TYPE_TEXT } },
    { "i", { .kind = TYPE_INT64 } },  { "j", { .kind = TYPE_INT64 } },
    { "d", { .kind = TYPE_DECIMAL, .scale = 2 } }, { "e", { .kind = TYPE_DECIMAL, .scale = 6 } },
    { "p", { .kind = TYPE_BOOL } },   { "q", { .kind = TYPE_BOOL } },
    { "t", { .kind = TYPE_TIMESTAMP } }, { "y", { .kind = TYPE_DATE } }, { "f", { .kind = TYPE_DOUBLE } },
};
static const struct schema schema = { columns, sizeof columns / sizeof *columns };

static const char *const expressions[] = {
    "p and q", "p or q", "not p", "p is true", "p is not false", "p is distinct from q", "p is not distinct from q",
    "p and q or not p and null", "a = b", "a <> b", "a < b", "a >= b", "i < j", "i = d", "d > e", "f <= i", "t < timestamp '2024-01-01T00:00:00Z'",
    "y between date '1970-01-01' and date '2000-01-01'", "a in ('x', b, null)", "a not in ('x', 'Kg')", "i in (1, 2, 3)",
    "d not between 1 and 2.5", "a like '%a_%'", "a not like b", "a like '!%%' escape '!'", "a || b", "i + j", "i - d", "d * e", "d / e",
    "i / j", "i % j", "d % e", "f * f", "f / i", "-i", "-d", "-f", "abs(i)", "abs(f)", "round(e, 2)", "round(d, j)",
    "case when p then a when q then b end", "case a when 'x' then 1 when b then 2.50 else i end", "coalesce(a, b, 'none')",
    "nullif(a, b)", "nullif(trim(a), '')", "upper(a)", "lower(a)", "trim(a)", "ltrim(a)", "rtrim(a)", "length(a)", "substring(a, i)",
    "substring(a, 2, j)", "starts_with(a, b)", "ends_with(a, b)", "contains(a, b)", "split_part(a, ' ', i)",
    "cast(a as int64)", "cast(a as decimal(18,3))", "cast(a as double)", "cast(a as bool)", "cast(a as date)", "cast(a as timestamp)",
    "cast(i as text)", "cast(d as text)", "cast(f as text)", "cast(t as text)", "cast(y as text)", "cast(p as text)", "cast(f as int64)",
    "cast(f as decimal(18,4))", "cast(d as int64)", "cast(i as decimal(18,6))", "cast(t as date)", "cast(y as timestamp)", "to_decimal(a)",
    "row_hash(a, b, i, d, p, t, y, f)", "business_key(a, b)", "reference_id(a)", "1 + 2 * 3 = 7", "'it''s'", "null is null",
    "date_add_days(y, i)", "date_diff_days(y, date '2000-01-01')", "year(y)", "month(y)", "day(y)", "age_years(y, date '2024-02-29')",
    "age_years(date '2020-02-29', date '2024-02-28') = 3 and age_years(date '2020-02-29', date '2024-02-29') = 4",
    "upper(coalesce(nullif(trim(a), ''), b)) || cast(i + 1 as text)",
    "left(a, i)", "right(a, i)", "left(a, j) || right(b, i)", "position(a, b)", "position(a, '2')", "replace(a, '2', b)", "replace(a, b, '<>')",
    "concat(a, b, 'x')", "concat(null, a)", "concat()", "label_list(a, b)", "label_list(a, ' x ,b,x')", "lpad(a, i, '0')", "lpad(a, 15, b)", "rpad(a, 15, 'caf\xc3\xa9')", "rpad(a, j, b)",
    "greatest(a, b)", "least(a, b, 'm')", "greatest(i, j, 3)", "least(i, d, e)", "greatest(f, i)", "greatest(null, y)", "least(t, timestamp '2024-01-01T00:00:00Z')",
    "greatest(p, q)", "date_part_of('year', y)", "date_part_of('Week', y)", "date_part_of('dow', t)", "date_part_of('hour', t)",
    "date_part_of('doy', t)", "date_part_of(a, t)", "date_part_of('quarter', y)",
};

static void
fill(struct chunk *chunk, uint32_t row_count, struct random *random)
{
    static const char *const texts[] = { "", "x", " x ", "Kg", "12", "-7.25", "1.5e3", "2024-02-29", "20240229", "true", "caf\xc3\xa9 noir",
                                         "100%", "a|b\\c", "urn:uuid:1234-5678-90ab", "Patient/7", "2024-02-29T10:11:12+01:00",
                                         "a long text of many words that is not inline", "\xc2\xa0y\xc2\xa0", "999999999999999999999" };
    static const double reals[] = { 0, -0.0, 1.5, -2.5, 1e300, 3.1415926, 1e18 };
    chunk_clear(chunk);
    for (uint32_t row = 0; row < row_count; row++) {
        for (uint32_t column = 0; column < schema.column_count; column++) {
            int64_t small = random_between(random, -3, 12);
            int64_t large = random_chance(random, 0.1) ? random_between(random, -999999999999999999, 999999999999999999) : small * 37;
            if (random_chance(random, 0.2)) {
                chunk_set_null(chunk, column, row);
                continue;
            }
            switch (schema.columns[column].type.kind) {
            case TYPE_TEXT: {
                const char *text = texts[random_below(random, sizeof texts / sizeof *texts)];
                assert_int_equal(chunk_set_text(chunk, column, row, text, strlen(text), NULL), ST_OK);
                break;
            }
            case TYPE_BOOL: chunk_set_bool(chunk, column, row, small > 4); break;
            case TYPE_DATE: chunk_set_int32(chunk, column, row, (int32_t)small * 1000); break;
            case TYPE_TIMESTAMP: chunk_set_int64(chunk, column, row, small * 160000000000000); break;
            case TYPE_DOUBLE: chunk_set_double(chunk, column, row, reals[random_below(random, 7)]); break;
            default: chunk_set_int64(chunk, column, row, random_chance(random, 0.5) ? small : large); break;
            }
        }
    }
    chunk->row_count = row_count;
}

static int
setup(void **state)
{
    (void)state;
    legs_open(&schema);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    legs_close();
    return 0;
}

static void
both_legs_agree(void **state)
{
    (void)state;
    static const uint32_t row_counts[] = { 1, 7, 300, 2048 };
    struct random         random;
    struct chunk          chunk;
    random_init(&random, 7);
    assert_int_equal(chunk_init(&chunk, &schema, CHUNK_ROW_COUNT_MAX, NULL), ST_OK);
    for (size_t i = 0; i < sizeof row_counts / sizeof *row_counts; i++) {
        fill(&chunk, row_counts[i], &random);
        legs_store(&chunk);
        for (size_t j = 0; j < sizeof expressions / sizeof *expressions; j++)
            legs_check(expressions[j], &chunk);
    }
    chunk_release(&chunk);
}

static void
errors_say_where_and_what(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message, *hint;
        uint32_t    column;
    } cases[] = {
        { "upper(statu)", "unknown name statu", "", 7 },
        { "uper(a)", "unknown function uper", "did you mean \"upper\"?", 1 },
        /* What is null by computing has its type: an expression's types must not depend on the values of constants. */
        { "case when p then cast('x' as timestamp) end = a", "text does not go with timestamp", "convert one with cast(… as timestamp)", 47 },
        { "coalesce(cast(null as int64), a)", "text does not go with int64", "convert one with cast(… as int64)", 31 },
        { "a = 1", "int64 does not go with text", "convert one with cast(… as text)", 5 },
        { "a and p", "a condition is expected, this is text", "", 1 },
        { "1 +", "the expression ends where a value is expected", "", 4 },
        { "a < b < a", "comparisons do not chain: write a < b and b < c, or use parentheses", "", 7 },
        { "cast(a as txt)", "unknown type txt", "did you mean \"text\"?", 11 },
    };
    struct expr_scope scope = expr_scope_of_schema(&schema);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena;
        struct error err = ERROR_EMPTY;
        struct expr *bound;
        arena_init(&arena, 0);
        assert_int_equal(expr_parse_bind(&arena, str_from(cases[i].text), NULL, &scope, &bound, &err), ST_ERROR);
        assert_string_equal(err.message, cases[i].message);
        assert_string_equal(err.hint, cases[i].hint);
        assert_int_equal(err.line, 1);
        assert_int_equal(err.column, cases[i].column);
        arena_release(&arena);
    }
}

/* Every beginning of every expression, and each with one byte changed: an error with a message and a place, or a tree. */
static void
damaged_texts_are_refused(void **state)
{
    (void)state;
    struct expr_scope scope = expr_scope_of_schema(&schema);
    struct random     random;
    char              text[512];
    random_init(&random, 5);
    for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++) {
        size_t whole = strlen(expressions[i]);
        assert_true(whole < sizeof text);
        for (size_t size = 0; size < 2 * whole; size++) {
            struct error err = ERROR_EMPTY;
            struct arena arena;
            struct expr *bound = NULL;
            memcpy(text, expressions[i], whole);
            if (size >= whole)
                text[size - whole] = (char)random_below(&random, 256);
            arena_init(&arena, 0);
            if (expr_parse_bind(&arena, str_of(text, size < whole ? size : whole), NULL, &scope, &bound, &err) != ST_OK) {
                assert_int_equal(err.code, ERR_CONFIG);
                assert_true(err.message[0] != '\0' && err.line >= 1 && err.column >= 1);
            } else {
                assert_non_null(bound);
            }
            arena_release(&arena);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_legs_agree),
        cmocka_unit_test(errors_say_where_and_what),
        cmocka_unit_test(damaged_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
