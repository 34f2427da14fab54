#include "support/legs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <duckdb/duckdb.h>

#include "base/decimal.h"
#include "base/str_builder.h"
#include "column/kernel.h"
#include "expr/expr.h"
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

void
legs_check(const char *text, const struct chunk *chunk)
{
    struct arena         arena;
    struct error         err     = ERROR_EMPTY;
    struct expr_scope    scope   = expr_scope_of_schema(schema);
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
    struct vector        slots[COLUMN_COUNT_MAX];
    for (uint32_t i = 0; i < schema->column_count; i++)
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
