#include "support/legs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <duckdb/duckdb.h>

#include "base/decimal.h"
#include "base/str_builder.h"
#include "column/kernel.h"
#include "expr/expr.h"
#include "expr/function.h"
#include "warehouse/duckdb_functions.h"

static duckdb_database   database;
static duckdb_connection connection;
static const struct schema *schema;

#define COLUMN_COUNT_MAX 32

static void
run(const char *sql)
{
    duckdb_result result;
    if (duckdb_query(connection, sql, &result) != DuckDBSuccess)
        fail_msg("%s: %s", sql, duckdb_result_error(&result));
    duckdb_destroy_result(&result);
}

void
legs_open(const struct schema *of)
{
    struct error       err = ERROR_EMPTY;
    char               text[ERROR_TEXT_SIZE];
    struct str_builder sql = STR_BUILDER_EMPTY;
    schema                 = of;
    assert_int_equal(duckdb_open(NULL, &database), DuckDBSuccess);
    assert_int_equal(duckdb_connect(database, &connection), DuckDBSuccess);
    if (duckdb_functions_register(connection, &err) != ST_OK) {
        error_print(&err, text, sizeof text);
        fail_msg("%s", text);
    }
    run("SET threads = 1");
    str_builder_append_cstr(&sql, "CREATE TABLE s (");
    for (uint32_t i = 0; i < schema->column_count; i++)
        str_builder_printf(&sql, "%s %s, ", schema->columns[i].name, type_duckdb_name(schema->columns[i].type, text, 32));
    str_builder_append_cstr(&sql, "n BIGINT)");
    run(str_builder_cstr(&sql));
    str_builder_release(&sql);
}

void
legs_close(void)
{
    duckdb_disconnect(&connection);
    duckdb_close(&database);
}

void
legs_store(const struct chunk *chunk)
{
    duckdb_appender appender;
    run("DELETE FROM s");
    assert_int_equal(duckdb_appender_create(connection, NULL, "s", &appender), DuckDBSuccess);
    for (uint32_t row = 0; row < chunk->row_count; row++) {
        for (uint32_t i = 0; i < schema->column_count; i++) {
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

/* What the live leg makes of a bound expression: one column in `into`, which the caller releases. */
static struct vector
evaluate(struct expr *bound, const struct chunk *chunk, struct chunk *into, struct schema_column *column, struct schema *result)
{
    struct error         err     = ERROR_EMPTY;
    struct expr_program *program = NULL;
    struct expr_state    state;
    struct vector        slots[COLUMN_COUNT_MAX];
    *column = (struct schema_column){ "result", expr_type(bound) };
    *result = (struct schema){ column, 1 };
    for (uint32_t i = 0; i < schema->column_count; i++)
        slots[i] = chunk_vector(chunk, i);
    assert_int_equal(expr_compile(&bound, 1, &program, &err), ST_OK);
    assert_int_equal(expr_state_init(&state, program, &err), ST_OK);
    assert_int_equal(chunk_init(into, result, CHUNK_ROW_COUNT_MAX, &err), ST_OK);
    struct vector_out out = chunk_out(into, 0);
    assert_int_equal(expr_evaluate(&state, slots, chunk->row_count, &out, &err), ST_OK);
    expr_state_release(&state);
    expr_program_free(program);
    return (struct vector){ .type = out.type, .data = out.data, .validity = out.validity };
}

static struct expr *
parse_and_bind(const char *text, struct arena *arena)
{
    struct error       err   = ERROR_EMPTY;
    struct expr_scope  scope = expr_scope_of_schema(schema);
    struct expr       *tree = NULL, *again = NULL, *bound = NULL;
    struct str_builder canonical = STR_BUILDER_EMPTY, twice = STR_BUILDER_EMPTY;
    if (expr_parse(arena, str_from(text), NULL, &tree, &err) != ST_OK || expr_bind(arena, tree, &scope, &bound, &err) != ST_OK)
        fail_msg("%s: %s", text, err.message);
    expr_print(tree, &canonical);
    assert_int_equal(expr_parse(arena, str_builder_text(&canonical), NULL, &again, &err), ST_OK);
    expr_print(again, &twice);
    assert_string_equal(str_builder_cstr(&canonical), str_builder_cstr(&twice));
    str_builder_release(&canonical);
    str_builder_release(&twice);
    return bound;
}

void
legs_check(const char *text, const struct chunk *chunk)
{
    struct arena         arena;
    struct chunk         into;
    struct schema_column column;
    struct schema        result;
    struct str_builder   sql = STR_BUILDER_EMPTY;
    arena_init(&arena, 0);
    struct expr  *bound = parse_and_bind(text, &arena);
    struct vector ours  = evaluate(bound, chunk, &into, &column, &result);
    str_builder_append_cstr(&sql, "SELECT ");
    expr_print_duckdb(bound, NULL, &sql);
    str_builder_append_cstr(&sql, " FROM s ORDER BY n");
    compare(text, str_builder_cstr(&sql), &ours, chunk->row_count);
    chunk_release(&into);
    str_builder_release(&sql);
    arena_release(&arena);
}

/* Row n is of group n % GROUP_COUNT. */
#define GROUP_COUNT 7
#define STATE_COUNT 5

/* Each group's rows go to several states at random, which are merged in a random order; one group more has no rows. */
static void
aggregate_groups(const struct aggregate *aggregate, const struct vector *argument, uint32_t row_count, struct random *random, struct vector_out *out)
{
    uint64_t states[GROUP_COUNT + 1][STATE_COUNT][AGGREGATE_STATE_SIZE_MAX / 8];
    void    *of_row[CHUNK_ROW_COUNT_MAX];
    for (size_t group = 0; group <= GROUP_COUNT; group++)
        for (size_t i = 0; i < STATE_COUNT; i++)
            aggregate->init(states[group][i]);
    for (uint32_t row = 0; row < row_count; row++)
        of_row[row] = states[row % GROUP_COUNT][random_below(random, STATE_COUNT)];
    aggregate->update(of_row, argument, 1, row_count);
    for (uint32_t group = 0; group <= GROUP_COUNT; group++) {
        size_t first = random_below(random, STATE_COUNT);
        for (size_t i = 1; i < STATE_COUNT; i++)
            aggregate->merge(states[group][first], states[group][(first + i) % STATE_COUNT]);
        aggregate->final(states[group][first], &argument->type, out, group);
    }
}

bool
legs_check_aggregate(const struct aggregate *aggregate, const char *text, const struct chunk *chunk, struct random *random)
{
    struct arena         arena;
    struct chunk         of_argument, into;
    struct schema_column column, result_column = { .name = "result" };
    struct schema        argument_schema, result = { &result_column, 1 };
    struct type          coerce;
    struct error         err = ERROR_EMPTY;
    char                 name[FUNCTION_SQL_NAME_SIZE];
    struct str_builder   sql = STR_BUILDER_EMPTY, grouped = STR_BUILDER_EMPTY, empty = STR_BUILDER_EMPTY;
    arena_init(&arena, 0);
    struct expr *bound = parse_and_bind(text, &arena);
    struct type  type  = coerce = expr_type(bound);
    bool         takes = aggregate_resolve(aggregate, &type, 1, &coerce, &result_column.type);
    if (takes) {
        assert_int_equal(aggregate_sql_name(str_from(aggregate->name), &type, 1, name, &err), ST_OK);
        assert_int_equal(expr_make_cast(&arena, bound, coerce, &bound, &err), ST_OK);
        struct vector argument = evaluate(bound, chunk, &of_argument, &column, &argument_schema);
        assert_int_equal(chunk_init(&into, &result, CHUNK_ROW_COUNT_MAX, &err), ST_OK);
        struct vector_out out = chunk_out(&into, 0);
        aggregate_groups(aggregate, &argument, chunk->row_count, random, &out);

        str_builder_printf(&sql, "SELECT %s(", name);
        expr_print_duckdb(bound, NULL, &sql);
        str_builder_append_cstr(&sql, ") FROM s");
        str_builder_printf(&grouped, "%s GROUP BY n %% %d ORDER BY n %% %d", str_builder_cstr(&sql), GROUP_COUNT, GROUP_COUNT);
        str_builder_printf(&empty, "%s WHERE n < 0", str_builder_cstr(&sql));
        struct vector ours = { .type = out.type, .data = out.data, .validity = out.validity };
        compare(name, str_builder_cstr(&grouped), &ours, GROUP_COUNT);
        uint64_t      is_valid = vector_is_valid(&ours, GROUP_COUNT);
        struct vector last = { .type = out.type, .data = (char *)out.data + GROUP_COUNT * type_value_size(out.type), .validity = &is_valid };
        compare(name, str_builder_cstr(&empty), &last, 1);
        chunk_release(&of_argument);
        chunk_release(&into);
    }
    str_builder_release(&sql);
    str_builder_release(&grouped);
    str_builder_release(&empty);
    arena_release(&arena);
    return takes;
}
