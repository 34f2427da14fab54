/* The one table: rows are well formed; every function agrees with DuckDB on hostile arguments; aggregates agree however
 * their states are merged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <duckdb/duckdb.h>

#include "base/memory.h"
#include "base/str_builder.h"
#include "column/kernel.h"
#include "expr/expr.h"
#include "expr/expr_int.h"
#include "expr/function.h"
#include "warehouse/duckdb_functions.h"

static duckdb_database   database;
static duckdb_connection connection;

static int
setup(void **state)
{
    (void)state;
    struct error err;
    assert_int_equal(duckdb_open(NULL, &database), DuckDBSuccess);
    assert_int_equal(duckdb_connect(database, &connection), DuckDBSuccess);
    assert_int_equal(duckdb_functions_register(connection, &err), ST_OK);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    duckdb_disconnect(&connection);
    duckdb_close(&database);
    return 0;
}

/* The one value of a statement as text; NULL where it is null. The caller frees with duckdb_free. */
static char *
query(const char *sql)
{
    duckdb_result result;
    if (duckdb_query(connection, sql, &result) != DuckDBSuccess)
        fail_msg("%s: %s", sql, duckdb_result_error(&result));
    char *text = duckdb_row_count(&result) == 0 ? NULL : duckdb_value_varchar(&result, 0, 0);
    duckdb_destroy_result(&result);
    return text;
}

static void
rows_are_well_formed(void **state)
{
    (void)state;
    for (size_t i = 0; i < function_count(); i++) {
        const struct function *function = function_at(i);
        struct overload        overload;
        size_t                 position = 0, count = 0;
        while (signature_next(function->signature, &position, &overload))
            count++;
        if (count == 0 || function->signature[position] != '\0')
            fail_msg("%s%s is malformed", function->name, function->signature);
        assert_ptr_equal(function_find(str_from(function->name)), function);
        assert_true(overload.result.kind == PARAMETER_TYPE || function->resolve != NULL);
        assert_non_null(function->help);
    }
    for (size_t i = 0; i < aggregate_count(); i++) {
        assert_ptr_equal(aggregate_find(str_from(aggregate_at(i)->name)), aggregate_at(i));
        assert_true(aggregate_at(i)->state_size <= AGGREGATE_STATE_SIZE_MAX);
    }
    assert_null(function_find(STR("no_such_function")));
}

static const char *const hostile[] = { "", " ", "0", "-1.5", "<0.01", "2345-7", "1234567893", "mg/dL", "M", "F", "20240229",
                                       "2024-02-29T10:11:12Z", "2024-02-29 10:11", "12345", "O'Brien\xe2\x80\x99s \303\211cole",
                                       "3.5-5.1", "HH", "urn:uuid:00000000-0000-0000-0000-000000000000", "\x01\x02", "%_%" };

/* All text arguments of the function from the list, shifted against one another; other types by cast. */
static void
check_function(const struct function *function, const struct overload *overload, uint32_t argument_count, size_t shift)
{
    struct arena       arena;
    struct error       err = ERROR_EMPTY;
    struct str_builder text = STR_BUILDER_EMPTY, sql = STR_BUILDER_EMPTY;
    struct expr       *args[PARAMETER_COUNT_MAX], *bound;
    char               name[FUNCTION_SQL_NAME_SIZE];

    arena_init(&arena, 0);
    function_sql_name(function->name, false, overload->result.type, name);
    str_builder_printf(&sql, "SELECT CAST(%s(", name);
    for (uint32_t i = 0; i < argument_count; i++) {
        const char       *bytes = hostile[(shift + i * 7) % (sizeof hostile / sizeof *hostile)];
        struct expr_value value = { .type = TYPE(TYPE_TEXT), .as.text = str_from(bytes), .is_null = (shift + i) % 9 == 8 };
        struct type       type  = overload->parameters[i].kind == PARAMETER_TYPE ? overload->parameters[i].type : TYPE(TYPE_TEXT);
        if (type.kind == TYPE_DATE || type.kind == TYPE_TIMESTAMP)
            value.as.text = STR("2024-02-29T10:11:12Z");
        assert_int_equal(expr_make_constant(&arena, &value, &args[i], &err), ST_OK);
        if (type.kind == TYPE_BOOL || type.kind == TYPE_INT64 || type.kind == TYPE_DECIMAL || type.kind == TYPE_DOUBLE ||
            type.kind == TYPE_DATE || type.kind == TYPE_TIMESTAMP)
            assert_int_equal(expr_make_cast(&arena, args[i], type, &args[i], &err), ST_OK);
        str_builder_append_cstr(&sql, i > 0 ? ", " : "");
        expr_print_duckdb(args[i], NULL, &sql);
    }
    str_builder_append_cstr(&sql, ") AS VARCHAR)");

    /* A constant argument that bind refuses is an error in both legs: nothing to compare. */
    if (expr_make_call(&arena, str_from(function->name), args, argument_count, &bound, &err) == ST_OK) {
        str_builder_append_cstr(&text, "SELECT CAST(");
        expr_print_duckdb(bound, NULL, &text);
        str_builder_append_cstr(&text, " AS VARCHAR)");
        char *ours = query(str_builder_cstr(&text)), *theirs = query(str_builder_cstr(&sql));
        if ((ours == NULL) != (theirs == NULL) || (ours != NULL && strcmp(ours, theirs) != 0))
            fail_msg("%s: %s, not %s", str_builder_cstr(&sql), theirs ? theirs : "null", ours ? ours : "null");
        duckdb_free(ours);
        duckdb_free(theirs);
    }
    str_builder_release(&text);
    str_builder_release(&sql);
    arena_release(&arena);
}

static void
functions_agree_in_both_legs(void **state)
{
    (void)state;
    for (size_t i = 0; i < function_count(); i++) {
        const struct function *function = function_at(i);
        struct overload        overload;
        size_t                 position = 0;
        if (function->resolve != NULL)
            continue; /* Those are operators and casts, which test_expr evaluates. */
        while (signature_next(function->signature, &position, &overload))
            for (size_t shift = 0; shift < sizeof hostile / sizeof *hostile; shift++)
                check_function(function, &overload, overload.parameter_count, shift);
    }
}

/* Where DuckDB has the same function, its own is the judge: over all pairs of hostile texts, numbers and dates. */
static void
functions_mean_what_duckdb_means(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        { "hd_left(a, n)", "left(a, n)" },
        { "hd_right(a, n)", "right(a, n)" },
        { "hd_position(a, b)", "strpos(a, b)" },
        { "hd_replace(a, b, c)", "replace(a, b, c)" },
        { "hd_concat(a, b, c)", "concat(a, b, c)" },
        { "hd_append(a, b)", "a || b" },
        { "hd_lpad(a, n, '*-\xc3\xa9')", "lpad(a, CAST(n AS INTEGER), '*-\xc3\xa9')" },
        { "hd_rpad(a, n, b)", "CASE WHEN b = '' THEN left(a, CASE WHEN n < 0 THEN 0 ELSE n END) ELSE rpad(a, CAST(n AS INTEGER), b) END" },
        { "hd_greatest_text(a, b, c)", "greatest(a, b, c)" },
        { "hd_least_text(a, b, c)", "least(a, b, c)" },
        { "hd_greatest_int64(n, length(a))", "greatest(n, length(a))" },
        { "hd_starts_with(a, b)", "starts_with(a, b)" },
        { "hd_ends_with(a, b)", "suffix(a, b)" },
        { "hd_contains(a, b)", "contains(a, b)" },
        { "hd_length(a)", "length(a)" },
        { "hd_substring(a, CAST(abs(n) + 1 AS BIGINT))", "substring(a, CAST(abs(n) + 1 AS BIGINT))" },
        { "hd_like(a, b)", "a LIKE b" },
        { "hd_date_part_of('year', t)", "year(t)" },
        { "hd_date_part_of('quarter', t)", "quarter(t)" },
        { "hd_date_part_of('month', t)", "month(t)" },
        { "hd_date_part_of('week', t)", "week(t)" },
        { "hd_date_part_of('day', t)", "day(t)" },
        { "hd_date_part_of('dow', t)", "dayofweek(t)" },
        { "hd_date_part_of('isodow', t)", "isodow(t)" },
        { "hd_date_part_of('doy', t)", "dayofyear(t)" },
        { "hd_date_part_of('hour', t)", "hour(t)" },
        { "hd_date_part_of('minute', t)", "minute(t)" },
        { "hd_date_part_of('second', t)", "second(t)" },
        { "hd_date_part_of('week', CAST(t AS DATE))", "week(t)" },
        { "hd_date_part_of('fortnight', t)", "CAST(NULL AS BIGINT)" },
        { "hd_year(CAST(t AS DATE))", "year(t)" },
    };
    char *made = query("CREATE TABLE pairs AS SELECT a, b, c, n, t FROM (VALUES (''), ('x'), ('caf\xc3\xa9 noir'), ('aXbXXc'), ('100%_'), "
                       "('a long text of many words that is not inline'), (NULL)) va(a), (VALUES (''), ('X'), ('\xc3\xa9'), ('%'), ('a%'), (NULL)) vb(b), "
                       "(VALUES (''), ('<\xc3\xa9>'), (NULL)) vc(c), (VALUES (CAST(-50 AS BIGINT)), (-3), (-1), (0), (1), (4), (60), (NULL)) vn(n), "
                       "(SELECT TIMESTAMP '1931-12-30 23:59:59.999999' + INTERVAL (g * 7741) HOUR t FROM range(150) r(g) UNION ALL "
                       "SELECT CAST(NULL AS TIMESTAMP)) vt");
    duckdb_free(made);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char sql[500];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM pairs WHERE %s IS DISTINCT FROM %s", pairs[i][0], pairs[i][1]);
        char *differences = query(sql);
        if (strcmp(differences, "0") != 0)
            fail_msg("%s differs from %s in %s rows", pairs[i][0], pairs[i][1], differences);
        duckdb_free(differences);
    }
}

/* What would be longer than a text may be made is null, not a gigabyte a row. */
static void
made_texts_are_bounded(void **state)
{
    (void)state;
    static const char *const nulls[] = { "hd_lpad('a', 99999999999, 'xy')", "hd_rpad('a', 9223372036854775807, 'x')",
                                         "hd_replace(hd_rpad('', 40000::BIGINT, 'ab'), 'a', hd_rpad('', 1000::BIGINT, 'x'))",
                                         "hd_concat(hd_rpad('', 10000000::BIGINT, 'a'), hd_rpad('', 10000000::BIGINT, 'a'))" };
    for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++) {
        char sql[200];
        snprintf(sql, sizeof sql, "SELECT %s", nulls[i]);
        assert_null(query(sql));
    }
}

static void
aggregates_are_exact_in_any_order(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *expected;
    } cases[] = {
        { "hd_sum_d0(CAST(g AS DECIMAL(18,0)))", "5000050000" },
        { "hd_avg_d1(CAST(g AS DECIMAL(18,1)))", "50000.5" },
        { "hd_avg_d0(CAST(g AS DECIMAL(18,0)))", "50001" },
        { "hd_min_int64(g)", "1" },
        { "hd_max_date(DATE '1970-01-01' + CAST(g AS INTEGER))", "2243-10-17" },
        { "hd_count(CASE WHEN g % 2 = 0 THEN g END)", "50000" },
        { "hd_count_rows(CASE WHEN g % 2 = 0 THEN g END)", "100000" },
        { "hd_sum_d0(CAST(NULL AS DECIMAL(18,0)))", NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[400];
        snprintf(sql, sizeof sql, "SELECT CAST(%s AS VARCHAR) FROM range(1, 100001) r(g)", cases[i].sql);
        char *found = query(sql);
        if (cases[i].expected == NULL)
            assert_null(found);
        else
            assert_string_equal(found, cases[i].expected);
        duckdb_free(found);
    }
    char *one = query("SELECT hd_digest(hd_row_hash(g, CAST(g AS VARCHAR))) FROM (SELECT g FROM range(50000) r(g) ORDER BY g)");
    char *two = query("SELECT hd_digest(h) FROM (SELECT hd_row_hash(g, CAST(g AS VARCHAR)) h FROM range(50000) r(g) ORDER BY h)");
    assert_string_equal(one, two);
    duckdb_free(one);
    duckdb_free(two);
}

/* Wherever the byte to escape stands in parts of all small sizes, short and long texts of a column. */
static void
business_keys_escape_everywhere(void **state)
{
    (void)state;
    char *wrong = query("WITH parts AS (SELECT repeat('a', p) || c || repeat('b', n - p - 1) AS part FROM range(1, 40) s(n), range(0, 40) t(p), "
                        "(VALUES ('|'), ('\\'), ('x')) v(c) WHERE p < n), "
                        "escaped AS (SELECT part, replace(replace(part, '\\', '\\\\'), '|', '\\|') AS key FROM parts) "
                        "SELECT count(*) FROM escaped WHERE hd_business_key(part, CAST(NULL AS VARCHAR), part) IS DISTINCT FROM key || '|\\0|' || key");
    assert_string_equal(wrong, "0");
    duckdb_free(wrong);
}

/* A constant has one word of validity, however many rows it stands for: no other is read. */
static void
a_constant_is_trimmed_for_all_rows(void **state)
{
    (void)state;
    static const uint64_t words[] = { 0, 1 };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        uint64_t         *valid = memory_alloc(sizeof *valid); /* At the very end of a block. */
        struct text       text, trimmed[200];
        uint64_t          validity[4] = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };
        struct vector_out out = { .type = TYPE(TYPE_TEXT), .data = trimmed, .validity = validity };
        assert_non_null(valid);
        *valid = words[i];
        text_set(&text, " x ", 3);
        const struct vector argument = { .type = TYPE(TYPE_TEXT), .is_constant = true, .data = &text, .validity = valid };
        kernel_trim_to_null(&(struct kernel_context){ 0 }, &argument, 1, 200, &out);
        for (uint32_t row = 0; row < 200; row++) {
            assert_int_equal(validity_get(validity, row), words[i] == 1);
            if (words[i] == 1)
                assert_true(text_equal(&trimmed[row], &(struct text){ .size = 1, .inlined = "x" }));
        }
        memory_free(valid);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_constant_is_trimmed_for_all_rows),
        cmocka_unit_test(business_keys_escape_everywhere),
        cmocka_unit_test(rows_are_well_formed),
        cmocka_unit_test(functions_agree_in_both_legs),
        cmocka_unit_test(functions_mean_what_duckdb_means),
        cmocka_unit_test(made_texts_are_bounded),
        cmocka_unit_test(aggregates_are_exact_in_any_order),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
