/* Regular expressions and calendars, by table: what DuckDB gives under our names, which test_every_function holds to what we
 * evaluate. Patterns that are hostile or wrong; where an error stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <duckdb/duckdb.h>

#include "expr/expr.h"
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

static const struct {
    const char *sql, *expected; /* NULL: null. */
} rows[] = {
    { "hd_regexp_matches('A99-1', '^[A-Z]\\d+')", "true" },
    { "hd_regexp_matches('xA99', '^[A-Z]\\d+')", "false" },
    { "hd_regexp_matches('', '^$')", "true" },
    { "hd_regexp_matches('\303\211cole', '^.cole$')", "true" }, /* A character, not a byte. */
    { "hd_regexp_matches(NULL::VARCHAR, 'a')", NULL },
    { "hd_regexp_matches('a', NULL::VARCHAR)", NULL },
    { "hd_regexp_extract('MRN: 00123 x', '(\\d+)')", "00123" },
    { "hd_regexp_extract('Doe, Jane', '(\\w+), (\\w+)', 2::BIGINT)", "Jane" },
    { "hd_regexp_extract('Doe, Jane', '(\\w+), (\\w+)', 3::BIGINT)", NULL },
    { "hd_regexp_extract('Doe, Jane', '(\\w+), (\\w+)', (-1)::BIGINT)", NULL },
    { "hd_regexp_extract('b', '(a)|b', 1::BIGINT)", NULL },
    { "hd_regexp_extract('b', 'a')", NULL },
    { "hd_regexp_extract('9223372036854775807', '.', 9223372036854775807::BIGINT)", NULL },
    { "hd_regexp_replace('a-b-c', '-', '')", "abc" },
    { "hd_regexp_replace('ab', '(.)(.)', '$2$1')", "ba" },
    { "hd_regexp_replace('ab', '(.)', '$9')", NULL }, /* No such group. */
    { "hd_regexp_replace('b', '(a)|b', '[$1]')", "[]" },
    { "hd_regexp_replace('', 'x*', '-')", "-" },
    { "length(hd_regexp_replace(repeat('a', 1000), 'a', repeat('b', 1000)))", "1000000" },
    { "hd_regexp_replace(repeat('a', 60000), 'a', repeat('b', 1000))", NULL }, /* More than may be made. */
    /* Hostile: exponential, polynomial, deep recursion, and a text beyond the limit. */
    { "hd_regexp_matches(repeat('a', 40) || 'b', '^(a+)+$')", NULL },
    { "hd_regexp_matches(repeat('a', 60000), '(a|a)*(a|a)*(a|a)*(a|a)*[cd]')", NULL },
    { "hd_regexp_matches(repeat('(', 60000), '(\\((?1)*\\))*[xy]')", NULL },
    { "hd_regexp_replace(repeat('a', 40) || 'b', '(a|aa)+$', 'x')", NULL },
    { "hd_regexp_matches(repeat('a', 65536), 'a')", "true" },
    { "hd_regexp_matches(repeat('a', 65537), 'a')", NULL },
    /* Patterns that vary are compiled row by row; a wrong one is null. */
    { "string_agg(coalesce(hd_regexp_extract(t, p), '-'), ',' ORDER BY p) FROM (VALUES ('ab', 'a'), ('ab', 'b'), ('ab', '(')) v(t, p)", "-,a,b" },

    { "hd_age_months(DATE '2023-01-31', DATE '2023-02-28')", "0" },
    { "hd_age_months(DATE '2023-01-31', DATE '2023-03-31')", "2" },
    { "hd_age_months(DATE '2024-02-29', DATE '2025-02-28')", "11" },
    { "hd_age_months(DATE '2024-02-29', DATE '2024-02-28')", NULL },
    { "hd_date_add_months(DATE '2024-01-31', 1::BIGINT)", "2024-02-29" },
    { "hd_date_add_months(DATE '2024-03-31', (-1)::BIGINT)", "2024-02-29" },
    { "hd_date_add_months(DATE '2024-12-15', 1::BIGINT)", "2025-01-15" },
    { "hd_date_add_months(DATE '9999-12-15', 1::BIGINT)", NULL },
    { "hd_date_add_months(DATE '0001-01-15', (-1)::BIGINT)", NULL },
    { "hd_date_add_months(DATE '2024-01-31', 9223372036854775807::BIGINT)", NULL },
    { "hd_date_trunc('year', DATE '2024-05-17')", "2024-01-01" },
    { "hd_date_trunc('quarter', DATE '2024-05-17')", "2024-04-01" },
    { "hd_date_trunc('month', DATE '2024-05-17')", "2024-05-01" },
    { "hd_date_trunc('week', DATE '2024-05-19')", "2024-05-13" },
    { "hd_date_trunc('week', DATE '1970-01-01')", "1969-12-29" },
    { "hd_date_trunc('day', DATE '2024-05-17')", "2024-05-17" },
    { "hd_date_trunc('fortnight', DATE '2024-05-17')", NULL },
    { "hd_date_first('2024-02')", "2024-02-01" },
    { "hd_date_last('2024-02')", "2024-02-29" },
    { "hd_date_last('202302')", "2023-02-28" },
    { "hd_date_first('2024')", "2024-01-01" },
    { "hd_date_last('2024')", "2024-12-31" },
    { "hd_date_last('2024-02-10')", "2024-02-10" },
    { "hd_date_first('2024-13')", NULL },
    { "hd_date_first('0000')", NULL },
    { "hd_date_first('20-24')", NULL },
    { "hd_date_first('')", NULL },
};

static void
values_by_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char          sql[512];
        duckdb_result result;
        snprintf(sql, sizeof sql, "SELECT %s", rows[i].sql);
        if (duckdb_query(connection, sql, &result) != DuckDBSuccess)
            fail_msg("%s: %s", sql, duckdb_result_error(&result));
        char *value = duckdb_value_varchar(&result, 0, 0);
        if ((value == NULL) != (rows[i].expected == NULL) || (value != NULL && strcmp(value, rows[i].expected) != 0))
            fail_msg("%s is %s, not %s", sql, value == NULL ? "null" : value, rows[i].expected == NULL ? "null" : rows[i].expected);
        duckdb_free(value);
        duckdb_destroy_result(&result);
    }
}

/* A wrong pattern and one that is no constant are refused where the call stands. */
static void
wrong_patterns_have_a_place(void **state)
{
    (void)state;
    static const struct schema_column columns[] = { { "a", { .kind = TYPE_TEXT } } };
    static const struct schema        schema    = { columns, 1 };
    static const struct {
        const char *text, *message;
    } cases[] = {
        { "a = regexp_extract(a, '(')", "the regular expression is wrong at its character 2: missing closing parenthesis" },
        { "a = regexp_extract(a, a)", "argument 2 of regexp_extract must be a constant" },
        { "a = regexp_replace(a, 'x\\C', '')", "the regular expression is wrong at its character 4: using \\C is disabled by the application" },
    };
    struct expr_scope scope = expr_scope_of_schema(&schema);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena         arena;
        struct error         err = ERROR_EMPTY;
        struct expr         *bound;
        struct expr_program *program = NULL;
        arena_init(&arena, 0);
        assert_int_equal(expr_parse_bind(&arena, str_from(cases[i].text), NULL, &scope, &bound, &err), ST_OK);
        assert_int_equal(expr_compile(&bound, 1, &program, &err), ST_ERROR);
        assert_string_equal(err.message, cases[i].message);
        assert_int_equal(err.line, 1);
        assert_int_equal(err.column, 5);
        arena_release(&arena);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(values_by_table), cmocka_unit_test(wrong_patterns_have_a_place) };
    return cmocka_run_group_tests(tests, setup, teardown);
}
