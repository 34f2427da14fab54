/* Any bytes as an expression: parse, print, parse again, bind, compile, evaluate one row, print as SQL. */
#include <stdint.h>
#include <stdlib.h>

#include "expr/expr.h"

static const struct schema_column columns[] = {
    { "a", { .kind = TYPE_TEXT } },
    { "i", { .kind = TYPE_INT64 } },
    { "d", { .kind = TYPE_DECIMAL, .scale = 2 } },
    { "p", { .kind = TYPE_BOOL } },
    { "y", { .kind = TYPE_DATE } },
};
static const struct schema schema = { columns, sizeof columns / sizeof *columns };

static void
evaluate(struct expr *bound)
{
    struct schema_column column  = { "result", expr_type(bound) };
    struct schema        result  = { &column, 1 };
    struct expr_program *program = NULL;
    struct expr_state    state   = { 0 };
    struct chunk         from    = { 0 }, into = { 0 };
    struct vector        slots[sizeof columns / sizeof *columns];

    if (expr_compile(&bound, 1, &program, NULL) == ST_OK && expr_state_init(&state, program, NULL) == ST_OK &&
        chunk_init(&from, &schema, 1, NULL) == ST_OK && chunk_init(&into, &result, 1, NULL) == ST_OK) {
        for (uint32_t i = 0; i < schema.column_count; i++)
            slots[i] = chunk_vector(&from, i);
        struct vector_out out = chunk_out(&into, 0);
        if (expr_evaluate(&state, slots, 1, &out, NULL) != ST_OK)
            abort();
    }
    if (from.columns != NULL)
        chunk_release(&from);
    if (into.columns != NULL)
        chunk_release(&into);
    if (state.program != NULL)
        expr_state_release(&state);
    expr_program_free(program);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena       arena;
    struct error       err   = ERROR_EMPTY;
    struct expr_scope  scope = expr_scope_of_schema(&schema);
    struct expr       *tree, *again, *bound;
    struct str_builder text = STR_BUILDER_EMPTY, twice = STR_BUILDER_EMPTY, sql = STR_BUILDER_EMPTY;

    arena_init(&arena, 0);
    if (expr_parse(&arena, str_of((const char *)bytes, size), NULL, &tree, &err) == ST_OK) {
        expr_print(tree, &text);
        /* Canonical text may be longer than the limit, or deeper by its parentheses; else it is the same tree. */
        if (size < 1000 && expr_parse(&arena, str_builder_text(&text), NULL, &again, NULL) == ST_OK) {
            expr_print(again, &twice);
            if (!str_equal(str_builder_text(&text), str_builder_text(&twice)))
                abort();
        }
        if (expr_bind(&arena, tree, &scope, &bound, &err) == ST_OK) {
            evaluate(bound);
            expr_print_duckdb(bound, NULL, &sql);
        }
    }
    str_builder_release(&text);
    str_builder_release(&twice);
    str_builder_release(&sql);
    arena_release(&arena);
    return 0;
}
