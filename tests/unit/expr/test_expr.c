/* Expressions in both legs: what our evaluation gives and what DuckDB gives for the printed SQL must be the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <duckdb/duckdb.h>

#include "base/decimal.h"
#include "base/random.h"
#include "column/kernel.h"
#include "expr/expr.h"
#include "warehouse/duckdb_functions.h"

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

static duckdb_database   database;
static duckdb_connection connection;

static void
run(const char *sql)
{
    duckdb_result result;
    if (duckdb_query(connection, sql, &result) != DuckDBSuccess)
        fail_msg("%s: %s", sql, duckdb_result_error(&result));
    duckdb_destroy_result(&result);
}

static int
setup(void **state)
{
    (void)state;
    struct error err = ERROR_EMPTY;
    char         text[ERROR_TEXT_SIZE];
    assert_int_equal(duckdb_open(NULL, &database), DuckDBSuccess);
    assert_int_equal(duckdb_connect(database, &connection), DuckDBSuccess);
    if (duckdb_functions_register(connection, &err) != ST_OK) {
        error_print(&err, text, sizeof text);
        fail_msg("%s", text);
    }
    run("SET threads = 1");
    run("CREATE TABLE s (a VARCHAR, b VARCHAR, i BIGINT, j BIGINT, d DECIMAL(18,2), e DECIMAL(18,6), p BOOLEAN, q BOOLEAN, "
        "t TIMESTAMP, y DATE, f DOUBLE, n BIGINT)");
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

static void
store(const struct chunk *chunk)
{
    duckdb_appender appender;
    run("DELETE FROM s");
    assert_int_equal(duckdb_appender_create(connection, NULL, "s", &appender), DuckDBSuccess);
    for (uint32_t row = 0; row < chunk->row_count; row++) {
        for (uint32_t i = 0; i < schema.column_count; i++) {
            struct vector vector = chunk_vector(chunk, i);
            if (!vector_is_valid(&vector, row)) {
                duckdb_append_null(appender);
                continue;
            }
            switch (vector.type.kind) {
            case TYPE_TEXT: duckdb_append_varchar_length(appender, vector_str(&vector, row).data, vector_str(&vector, row).size); break;
            case TYPE_BOOL: duckdb_append_bool(appender, vector_bool(&vector, row)); break;
            case TYPE_DATE: duckdb_append_date(appender, (duckdb_date){ vector_date(&vector, row) }); break;
            case TYPE_TIMESTAMP: duckdb_append_timestamp(appender, (duckdb_timestamp){ vector_int64(&vector, row) }); break;
            case TYPE_DOUBLE: duckdb_append_double(appender, vector_double(&vector, row)); break;
            case TYPE_INT64: duckdb_append_int64(appender, vector_int64(&vector, row)); break;
            default: {
                char text[DECIMAL_TEXT_SIZE];
                decimal_print(vector_int64(&vector, row), vector.type.scale, text);
                duckdb_append_varchar(appender, text);
                break;
            }
            }
        }
        duckdb_append_int64(appender, row);
        assert_int_equal(duckdb_appender_end_row(appender), DuckDBSuccess);
    }
    assert_int_equal(duckdb_appender_destroy(&appender), DuckDBSuccess);
}

static void
compare(const char *text, const char *sql, const struct vector *ours, uint32_t row_count)
{
    duckdb_result result;
    uint32_t      row = 0;
    if (duckdb_query(connection, sql, &result) != DuckDBSuccess)
        fail_msg("%s: %s", sql, duckdb_result_error(&result));
    for (duckdb_data_chunk chunk; (chunk = duckdb_fetch_chunk(result)) != NULL; duckdb_destroy_data_chunk(&chunk)) {
        duckdb_vector column = duckdb_data_chunk_get_vector(chunk, 0);
        struct vector theirs = { .type = ours->type, .data = duckdb_vector_get_data(column),
                                 .validity = duckdb_vector_get_validity(column) };
        size_t        size   = type_value_size(ours->type);
        for (uint32_t i = 0; i < duckdb_data_chunk_get_size(chunk); i++, row++) {
            bool same = vector_is_valid(&theirs, i) == vector_is_valid(ours, row);
            if (same && vector_is_valid(&theirs, i))
                same = ours->type.kind == TYPE_TEXT
                           ? str_equal(vector_str(&theirs, i), vector_str(ours, row))
                           : memcmp((const char *)theirs.data + i * size, (const char *)ours->data + row * size, size) == 0;
            if (!same)
                fail_msg("%s differs from DuckDB in row %u (%s)", text, row, sql);
        }
    }
    assert_int_equal(row, row_count);
    duckdb_destroy_result(&result);
}

static void
check_expression(const char *text, const struct chunk *chunk)
{
    struct arena         arena;
    struct error         err     = ERROR_EMPTY;
    struct expr_scope    scope   = expr_scope_of_schema(&schema);
    struct expr         *tree, *again, *bound;
    struct expr_program *program = NULL;
    struct expr_state    state;
    struct str_builder   sql = STR_BUILDER_EMPTY, canonical = STR_BUILDER_EMPTY, twice = STR_BUILDER_EMPTY;

    arena_init(&arena, 0);
    if (expr_parse(&arena, str_from(text), NULL, &tree, &err) != ST_OK || expr_bind(&arena, tree, &scope, &bound, &err) != ST_OK)
        fail_msg("%s: %s", text, err.message);
    expr_print(tree, &canonical);
    assert_int_equal(expr_parse(&arena, str_builder_text(&canonical), NULL, &again, &err), ST_OK);
    expr_print(again, &twice);
    assert_string_equal(str_builder_cstr(&canonical), str_builder_cstr(&twice));

    struct schema_column column = { "result", expr_type(bound) };
    struct schema        result = { &column, 1 };
    struct chunk         into;
    struct vector        slots[sizeof columns / sizeof *columns];
    for (uint32_t i = 0; i < schema.column_count; i++)
        slots[i] = chunk_vector(chunk, i);
    assert_int_equal(expr_compile(&bound, 1, &program, &err), ST_OK);
    assert_int_equal(expr_state_init(&state, program, &err), ST_OK);
    assert_int_equal(chunk_init(&into, &result, CHUNK_ROW_COUNT_MAX, &err), ST_OK);
    struct vector_out out = chunk_out(&into, 0);
    assert_int_equal(expr_evaluate(&state, slots, chunk->row_count, &out, &err), ST_OK);

    str_builder_append_cstr(&sql, "SELECT ");
    expr_print_duckdb(bound, NULL, &sql);
    str_builder_append_cstr(&sql, " FROM s ORDER BY n");
    struct vector ours = { .type = out.type, .data = out.data, .validity = out.validity };
    compare(text, str_builder_cstr(&sql), &ours, chunk->row_count);

    chunk_release(&into);
    expr_state_release(&state);
    expr_program_free(program);
    str_builder_release(&sql);
    str_builder_release(&canonical);
    str_builder_release(&twice);
    arena_release(&arena);
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
        store(&chunk);
        for (size_t j = 0; j < sizeof expressions / sizeof *expressions; j++)
            check_expression(expressions[j], &chunk);
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_legs_agree),
        cmocka_unit_test(errors_say_where_and_what),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
