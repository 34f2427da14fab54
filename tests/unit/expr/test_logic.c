/* Three-valued logic, all of it: every operator over every combination of {false, true, null}, and of null with a few
 * values, against DuckDB. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "column/chunk.h"
#include "support/legs.h"

static const struct schema_column columns[] = {
    { "p", { .kind = TYPE_BOOL } },  { "q", { .kind = TYPE_BOOL } },  { "r", { .kind = TYPE_BOOL } },
    { "i", { .kind = TYPE_INT64 } }, { "j", { .kind = TYPE_INT64 } }, { "k", { .kind = TYPE_INT64 } },
    { "a", { .kind = TYPE_TEXT } },  { "b", { .kind = TYPE_TEXT } },  { "c", { .kind = TYPE_TEXT } },
    { "f", { .kind = TYPE_DOUBLE } }, { "g", { .kind = TYPE_DOUBLE } }, { "d", { .kind = TYPE_DECIMAL, .scale = 2 } },
};
static const struct schema schema = { columns, sizeof columns / sizeof *columns };

/* 27 combinations of three booleans times 27 of three values: 729 rows. A digit of 0 is null. */
#define ROW_COUNT 729

static struct chunk chunk;
static unsigned     checked_count;

static void
fill_row(uint32_t row, const unsigned digits[6])
{
    static const char *const texts[] = { NULL, "ab", "a%" };
    static const double      reals[] = { 0, -0.0, 2.5 };
    for (uint32_t at = 0; at < 3; at++) {
        unsigned of_bool = digits[at], of_value = digits[3 + at];
        if (of_bool == 0)
            chunk_set_null(&chunk, at, row);
        else
            chunk_set_bool(&chunk, at, row, of_bool == 2);
        if (of_value == 0) {
            chunk_set_null(&chunk, 3 + at, row);
            chunk_set_null(&chunk, 6 + at, row);
            chunk_set_null(&chunk, 9 + at, row);
            continue;
        }
        chunk_set_int64(&chunk, 3 + at, row, of_value);
        assert_int_equal(chunk_set_text(&chunk, 6 + at, row, texts[of_value], 2, NULL), ST_OK);
        if (at < 2)
            chunk_set_double(&chunk, 9 + at, row, reals[of_value]);
        else
            chunk_set_int64(&chunk, 9 + at, row, 50 + 50 * (int64_t)of_value);
    }
}

static int
setup(void **state)
{
    (void)state;
    legs_open(&schema);
    assert_int_equal(chunk_init(&chunk, &schema, CHUNK_ROW_COUNT_MAX, NULL), ST_OK);
    for (uint32_t row = 0; row < ROW_COUNT; row++) {
        unsigned digits[6], rest = row;
        for (unsigned at = 0; at < 6; at++, rest /= 3)
            digits[at] = rest % 3;
        fill_row(row, digits);
    }
    chunk.row_count = ROW_COUNT;
    legs_store(&chunk);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    print_message("%u expressions over %d rows\n", checked_count, ROW_COUNT);
    chunk_release(&chunk);
    legs_close();
    return 0;
}

static void
check(const char *format, ...)
{
    char    text[256];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    assert_true(size > 0 && (size_t)size < sizeof text);
    legs_check(text, &chunk);
    checked_count++;
}

#define COUNT_OF(LIST) (sizeof LIST / sizeof *LIST)

static const char *const booleans[]    = { "p", "q", "true", "false", "null" };
static const char *const connectives[] = { "and", "or" };
static const char *const comparisons[] = { "=", "<>", "!=", "<", "<=", ">", ">=", "is distinct from", "is not distinct from" };
static const char *const suffixes[]    = { "is null",  "is not null",  "is true", "is not true",
                                           "is false", "is not false" };

static void
connectives_and_not(void **state)
{
    (void)state;
    for (size_t x = 0; x < COUNT_OF(booleans); x++) {
        check("not %s", booleans[x]);
        check("not not %s", booleans[x]);
        for (size_t y = 0; y < COUNT_OF(booleans); y++)
            for (size_t o = 0; o < COUNT_OF(connectives); o++) {
                check("%s %s %s", booleans[x], connectives[o], booleans[y]);
                check("not (%s %s %s)", booleans[x], connectives[o], booleans[y]);
                check("not %s %s not %s", booleans[x], connectives[o], booleans[y]);
                for (size_t o2 = 0; o2 < COUNT_OF(connectives); o2++) {
                    check("%s %s %s %s r", booleans[x], connectives[o], booleans[y], connectives[o2]);
                    check("%s %s (%s %s r)", booleans[x], connectives[o], booleans[y], connectives[o2]);
                }
            }
    }
}

static void
comparisons_and_tests(void **state)
{
    (void)state;
    static const char *const pairs[][2] = { { "p", "q" },    { "p", "true" }, { "p", "null" }, { "i", "j" }, { "i", "2" },    { "i", "null" },
                                            { "a", "b" },    { "a", "'ab'" }, { "a", "null" }, { "f", "g" }, { "f", "0e0" },  { "f", "i" },
                                            { "d", "i" },    { "d", "1.00" }, { "d", "f" },    { "null", "null" }, { "1", "2" }, { "'a'", "null" } };
    for (size_t x = 0; x < COUNT_OF(pairs); x++)
        for (size_t o = 0; o < COUNT_OF(comparisons); o++) {
            check("%s %s %s", pairs[x][0], comparisons[o], pairs[x][1]);
            check("not (%s %s %s)", pairs[x][1], comparisons[o], pairs[x][0]);
            check("(%s %s %s) is null", pairs[x][0], comparisons[o], pairs[x][1]);
        }
    for (size_t x = 0; x < COUNT_OF(booleans); x++)
        for (size_t o = 0; o < COUNT_OF(suffixes); o++) {
            check("%s %s", booleans[x], suffixes[o]);
            check("(%s and q) %s", booleans[x], suffixes[o]);
        }
    static const char *const values[] = { "i", "a", "f", "d", "null", "1", "'x'" };
    for (size_t x = 0; x < COUNT_OF(values); x++) {
        check("%s is null", values[x]);
        check("%s is not null", values[x]);
    }
}

static void
lists_and_ranges(void **state)
{
    (void)state;
    static const char *const lists[][2] = { { "i", "j" },      { "i", "j, k" },         { "i", "j, null" },     { "i", "1" },
                                            { "i", "1, 2" },   { "i", "1, null" },      { "i", "null" },        { "i", "3, j, k, null" },
                                            { "null", "j" },   { "2", "j, k" },         { "2", "1, 2" },        { "3", "1, null" },
                                            { "a", "b" },      { "a", "b, c" },         { "a", "b, null" },     { "a", "'ab'" },
                                            { "a", "'ab', 'a%'" }, { "a", "null" },     { "'ab'", "'x', b, null" }, { "p", "q, r" },
                                            { "p", "true, null" }, { "p", "not q, r" }, { "d", "i, 1.50" },     { "f", "g, i" } };
    static const char *const limits[][3] = { { "i", "j", "k" },       { "i", "k", "j" },     { "i", "1", "2" },    { "i", "null", "k" },
                                             { "i", "j", "null" },    { "null", "i", "j" },  { "i", "2", "1" },    { "2", "i", "j" },
                                             { "a", "b", "c" },       { "a", "'a'", "'b'" }, { "a", "null", "c" }, { "f", "g", "2e0" },
                                             { "d", "1", "d" },       { "d", "i", "f" },     { "p", "q", "r" },    { "null", "null", "null" } };
    for (int negated = 0; negated < 2; negated++) {
        const char *no = negated ? "not " : "";
        for (size_t x = 0; x < COUNT_OF(lists); x++) {
            check("%s %sin (%s)", lists[x][0], no, lists[x][1]);
            check("r and %s %sin (%s)", lists[x][0], no, lists[x][1]);
            check("not %s %sin (%s) or r", lists[x][0], no, lists[x][1]);
        }
        for (size_t x = 0; x < COUNT_OF(limits); x++) {
            check("%s %sbetween %s and %s", limits[x][0], no, limits[x][1], limits[x][2]);
            check("r or %s %sbetween %s and %s", limits[x][0], no, limits[x][1], limits[x][2]);
            check("%s %sbetween %s and %s and r", limits[x][0], no, limits[x][1], limits[x][2]);
        }
    }
}

/* like is a function of ours in both legs: test_function holds it to DuckDB's own. Here: its nulls, and its negation. */
static void
patterns(void **state)
{
    (void)state;
    static const char *const patterns_of_a[] = { "b", "'a%'", "'%'", "''", "null", "'a!%' escape '!'", "b escape '!'", "'a_'" };
    for (size_t x = 0; x < COUNT_OF(patterns_of_a); x++) {
        check("a like %s", patterns_of_a[x]);
        check("a not like %s", patterns_of_a[x]);
        check("null like %s", patterns_of_a[x]);
        check("(a like %s) is null or p", patterns_of_a[x]);
    }
}

static void
choices(void **state)
{
    (void)state;
    static const char *const values[][3] = { { "i", "j", "k" }, { "a", "b", "c" }, { "p", "q", "r" }, { "i", "null", "2" }, { "null", "a", "'x'" },
                                             { "1", "d", "f" }, { "null", "null", "i" }, { "d", "i", "1.5" } };
    static const char *const conditions[] = { "p", "not p", "null", "true", "false", "p and q", "p or null", "i = j", "i is null" };
    for (size_t v = 0; v < COUNT_OF(values); v++) {
        const char *x = values[v][0], *y = values[v][1], *z = values[v][2];
        for (size_t o = 0; o < COUNT_OF(conditions); o++) {
            check("case when %s then %s else %s end", conditions[o], x, y);
            check("case when %s then %s end", conditions[o], z);
            check("case when q then %s when %s then %s else %s end", x, conditions[o], y, z);
        }
        check("case %s when %s then 1 when %s then 2 else 3 end", x, y, z);
        check("case %s when %s then 1 end", z, y);
        check("coalesce(%s, %s, %s)", x, y, z);
        check("coalesce(%s, %s)", z, x);
        check("coalesce(null, %s)", z);
        check("nullif(%s, %s)", x, y);
        check("nullif(%s, %s)", z, x);
        check("nullif(%s, null)", z);
        check("nullif(null, %s)", z);
        check("greatest(%s, %s, %s)", x, y, z);
        check("least(%s, %s, %s)", z, y, x);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connectives_and_not), cmocka_unit_test(comparisons_and_tests), cmocka_unit_test(lists_and_ranges),
        cmocka_unit_test(patterns),            cmocka_unit_test(choices),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
