/* Random well-typed expressions over random columns with nulls: what we evaluate is what DuckDB makes of the printed SQL,
 * and printing is stable. From a seed; HEDDLE_SEED in the environment sets another, HEDDLE_ROUNDS how many. */
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
#include "support/legs.h"

static const struct schema_column columns[] = {
    { "a", { .kind = TYPE_TEXT } },      { "b", { .kind = TYPE_TEXT } },   { "i", { .kind = TYPE_INT64 } },
    { "j", { .kind = TYPE_INT64 } },     { "d", { .kind = TYPE_DECIMAL, .scale = 2 } },
    { "e", { .kind = TYPE_DECIMAL, .scale = 6 } },                         { "p", { .kind = TYPE_BOOL } },
    { "q", { .kind = TYPE_BOOL } },      { "t", { .kind = TYPE_TIMESTAMP } }, { "u", { .kind = TYPE_TIMESTAMP } },
    { "y", { .kind = TYPE_DATE } },      { "z", { .kind = TYPE_DATE } },   { "f", { .kind = TYPE_DOUBLE } },
    { "g", { .kind = TYPE_DOUBLE } },
};
static const struct schema schema = { columns, sizeof columns / sizeof *columns };

#define ROW_COUNT   100
#define DEPTH_MAX   5
#define ROUND_COUNT 1500

/* ---- Templates: a character of $ says of what type the operand is. ----
 *
 *   $p bool  $a text  $i int64  $d decimal(18,2)  $n any number  $f double  $t timestamp  $y date
 *   $x, three times the same: any one type, chosen for the expression */
static const char *const of_bool[] = {
    "($p and $p)", "($p or $p)", "not $p", "($p and $p and $p)", "($p or $p or not $p)", "$x = $x", "$x <> $x", "$x < $x", "$x <= $x",
    "$x > $x", "$x >= $x", "$x is distinct from $x", "$x is not distinct from $x", "$p is true", "$p is not false", "$x is null",
    "$x is not null", "$x in ($x, $x)", "$x not in ($x, null)", "$x between $x and $x", "$x not between $x and $x", "$a like $a",
    "$a not like '%a_'", "$a like $a escape '!'", "starts_with($a, $a)", "ends_with($a, $a)", "contains($a, $a)", "cast($a as bool)",
    "case when $p then $p else $p end", "coalesce($p, $p)", "nullif($p, $p)", "greatest($p, $p)", "$n = $n", "$n < $n", "$n >= $n", "p", "q", "true", "null is null",
};
static const char *const of_text[] = {
    "a", "b", "'x'", "''", "'it''s'", "'caf\xc3\xa9'", "upper($a)", "lower($a)", "trim($a)", "ltrim($a)", "rtrim($a)", "$a || $a", "concat($a, $a)", "label_list($a, 'R,V, R', $a)",
    "left($a, $i)", "right($a, $i)", "substring($a, $i)", "substring($a, $i, $i)", "replace($a, $a, $a)", "lpad($a, 7, $a)", "rpad($a, 7, $a)",
    "split_part($a, $a, 1)", "cast($i as text)", "cast($d as text)", "cast($f as text)", "cast($t as text)", "cast($y as text)", "cast($p as text)",
    "case when $p then $a when $p then $a end", "case $a when $a then $a else $a end", "coalesce($a, $a)", "nullif($a, $a)", "greatest($a, $a)",
    "least($a, $a, $a)", "cast(null as text)", "row_hash($x, $x)", "business_key($a, $a)",
};
static const char *const of_int[] = {
    "i", "j", "0", "1", "-3", "7", "9223372036854775807", "$i + $i", "$i - $i", "$i * $i", "$i % $i", "-$i", "abs($i)", "length($a)", "position($a, $a)",
    "year($y)", "month($y)", "day($y)", "date_diff_days($y, $y)", "age_years($y, $y)", "date_part_of('week', $t)", "date_part_of('doy', $y)",
    "cast($a as int64)", "cast($d as int64)", "cast($f as int64)", "case when $p then $i else $i end", "coalesce($i, $i)", "nullif($i, $i)",
    "greatest($i, $i)", "least($i, $i, $i)", "cast(null as int64)",
};
static const char *const of_decimal[] = {
    "d", "1.25", "-0.50", "$d + $d", "$d - $d", "-$d", "abs($d)", "round($d, 1)", "$d % $d", "cast($a as decimal(18,2))", "cast($i as decimal(18,2))",
    "cast($n as decimal(18,2))", "cast($d * $d as decimal(18,2))", "cast($d / $n as decimal(18,2))", "case when $p then $d end", "coalesce($d, $d)",
    "nullif($d, $d)", "greatest($d, $d)", "least($d, $d)",
};
static const char *const of_number[] = { "$i", "$d", "$f", "e", "$d * $d", "$i / $i", "$d / $d", "$i + $d", "e - $i", "e * 1.5", "round(e, 3)", "greatest(e, $d)" };
static const char *const of_double[] = {
    "f", "g", "1e3", "-2.5e0", "$f + $f", "$f - $n", "$f * $f", "$n / $f", "$f % $f", "-$f", "abs($f)", "cast($a as double)", "cast($i as double)",
    "cast($d as double)", "case when $p then $f else $f end", "coalesce($f, $f)", "nullif($f, $f)", "greatest($f, $f)",
};
static const char *const of_time[] = { "t", "u", "timestamp '2024-02-29T12:00:00Z'", "cast($y as timestamp)", "cast($a as timestamp)", "case when $p then $t end",
                                       "coalesce($t, $t)", "nullif($t, $t)", "greatest($t, $t)", "least($t, $t)" };
static const char *const of_date[] = { "y", "z", "date '2024-02-29'", "cast($t as date)", "cast($a as date)", "date_add_days($y, $i)", "coalesce($y, $y)",
                                       "case when $p then $y else $y end", "nullif($y, $y)", "least($y, $y)" };

#define LIST(KIND, OF) { KIND, OF, sizeof OF / sizeof *OF }
static const struct list {
    char               kind;
    const char *const *templates;
    size_t             count;
} lists[] = {
    LIST('p', of_bool), LIST('a', of_text), LIST('i', of_int), LIST('d', of_decimal), LIST('n', of_number), LIST('f', of_double), LIST('t', of_time), LIST('y', of_date),
};
static const char any_kinds[] = "paidfty";

/* What a kind ends in when it is deep enough. */
static const char *
leaf(struct random *random, char kind)
{
    static const char *const leaves[][3] = { { "p", "q", "false" }, { "a", "b", "'Kg'" }, { "i", "j", "2" },  { "d", "d", "3.50" },
                                             { "e", "i", "d" },     { "f", "g", "1.5e0" }, { "t", "u", "t" }, { "y", "z", "y" } };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (lists[i].kind == kind)
            return leaves[i][random_below(random, 3)];
    fail();
    return "";
}

/* Recursion is bounded by DEPTH_MAX. */
static void
generate(struct random *random, char kind, unsigned depth, struct str_builder *out)
{
    if (depth == DEPTH_MAX || random_chance(random, 0.1 * depth)) {
        str_builder_append_cstr(out, leaf(random, kind));
        return;
    }
    size_t at = 0;
    while (lists[at].kind != kind)
        at++;
    const char *text = lists[at].templates[random_below(random, lists[at].count)];
    char        any  = any_kinds[random_below(random, sizeof any_kinds - 1)];
    str_builder_append_char(out, '(');
    for (; *text != '\0'; text++) {
        if (*text != '$') {
            str_builder_append_char(out, *text);
            continue;
        }
        text++;
        generate(random, *text == 'x' ? any : *text, depth + 1, out);
    }
    str_builder_append_char(out, ')');
}

static void
fill_value(struct chunk *chunk, uint32_t column, uint32_t row, struct random *random)
{
    static const char *const texts[] = { "", "x", " x ", "Kg", "12", "-7.25", "1.5e3", "2024-02-29", "true", "caf\xc3\xa9 noir", "100%", "a|b\\c",
                                         "2024-02-29T10:11:12+01:00", "a long text of many words that is not inline", "\xc2\xa0y\xc2\xa0", "999999999999999999999" };
    static const double      reals[] = { 0, -0.0, 1.5, -2.5, 1e300, 3.1415926, 1e18 };
    int64_t                  small   = random_between(random, -3, 12);
    bool                     is_large = random_chance(random, 0.1);
    switch (schema.columns[column].type.kind) {
    case TYPE_TEXT: {
        const char *text = texts[random_below(random, sizeof texts / sizeof *texts)];
        assert_int_equal(chunk_set_text(chunk, column, row, text, strlen(text), NULL), ST_OK);
        break;
    }
    case TYPE_BOOL: chunk_set_bool(chunk, column, row, small > 4); break;
    case TYPE_DATE: chunk_set_int32(chunk, column, row, (int32_t)small * 1733); break;
    case TYPE_TIMESTAMP: chunk_set_int64(chunk, column, row, small * 160000000000007); break;
    case TYPE_DOUBLE: chunk_set_double(chunk, column, row, reals[random_below(random, sizeof reals / sizeof *reals)]); break;
    default: chunk_set_int64(chunk, column, row, is_large ? random_between(random, -999999999999999999, 999999999999999999) : small * 25); break;
    }
}

static uint64_t
wanted(const char *name, uint64_t otherwise)
{
    uint64_t    value = otherwise;
    const char *text  = getenv(name);
    return text != NULL && str_to_uint64(str_from(text), &value) ? value : otherwise;
}

static void
random_expressions_agree(void **state)
{
    (void)state;
    struct random      random;
    struct chunk       chunk;
    struct str_builder text = STR_BUILDER_EMPTY;
    uint64_t           seed = wanted("HEDDLE_SEED", 20260302), round_count = wanted("HEDDLE_ROUNDS", ROUND_COUNT);
    random_init(&random, seed);
    assert_int_equal(chunk_init(&chunk, &schema, CHUNK_ROW_COUNT_MAX, NULL), ST_OK);
    legs_open(&schema);
    for (uint64_t round = 0; round < round_count; round++) {
        if (round % 250 == 0) {
            chunk_clear(&chunk);
            for (uint32_t row = 0; row < ROW_COUNT; row++)
                for (uint32_t column = 0; column < schema.column_count; column++) {
                    if (random_chance(&random, 0.2))
                        chunk_set_null(&chunk, column, row);
                    else
                        fill_value(&chunk, column, row, &random);
                }
            chunk.row_count = ROW_COUNT;
            legs_store(&chunk);
        }
        str_builder_clear(&text);
        generate(&random, lists[round % (sizeof lists / sizeof *lists)].kind, 0, &text);
        legs_check(str_builder_cstr(&text), &chunk);
    }
    legs_close();
    chunk_release(&chunk);
    str_builder_release(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(random_expressions_agree) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
