/* Expressions over chunks of 2,048 rows: nanoseconds a row of each kernel, of an expression of the model, and of whole entity
 * programs. One thread; the best of several rounds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "base/time.h"
#include "expr/expr.h"
#include "model/program.h"

#define ROW_COUNT   CHUNK_ROW_COUNT_MAX
#define RUN_COUNT   200
#define ROUND_COUNT 7
/* Columns of a mapping's raw chunk. */
#define COLUMN_COUNT_MAX 64

static const struct schema_column columns[] = {
    { "a", { .kind = TYPE_TEXT } },   { "b", { .kind = TYPE_TEXT } },   { "i", { .kind = TYPE_INT64 } }, { "j", { .kind = TYPE_INT64 } },
    { "d", { .kind = TYPE_DECIMAL, .scale = 2 } },                      { "e", { .kind = TYPE_DECIMAL, .scale = 2 } },
    { "f", { .kind = TYPE_DOUBLE } }, { "p", { .kind = TYPE_BOOL } },   { "q", { .kind = TYPE_BOOL } },  { "y", { .kind = TYPE_DATE } },
    { "s", { .kind = TYPE_TEXT } },   { "w", { .kind = TYPE_TEXT } },
};
static const struct schema schema = { columns, sizeof columns / sizeof *columns };

static const char *const EXPRESSIONS[] = {
    "p and q", "i < j", "d = e", "a = b", "a in ('mmol/L', 'mg/dL', 'g/L')", "i between 10 and 50", "coalesce(a, b)", "case when p then a else b end",
    "i + j", "d * e", "d / e", "f * f", "upper(a)", "trim(a)", "trim(w)", "a || b", "a like '%l%'", "substring(s, 3, 5)", "replace(s, 'e', 'E')",
    "cast(a as decimal(18,2))", "cast(d as text)", "cast(s as timestamp)", "to_timestamp(s, 'America/New_York')", "age_years(y, date '2026-01-01')",
    "row_hash(a, b, i, d)", "name_key(s)", "last_name_key(s)", "address_key(s)", "phone_number(s)", "regexp_matches(s, '[Ss]erum$')", "regexp_replace(s, '[aeiou]', '')", "sha256(s)",
    "d > 3.5 and a = 'mmol/L' or i is null",
};

static double
now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static int
fill(struct chunk *chunk)
{
    static const char *const texts[] = { "mmol/L", "mg/dL", "4.20", "12", "Potassium [Moles/volume] in Serum", "x" };
    struct random            random;
    random_init(&random, 1);
    for (uint32_t row = 0; row < ROW_COUNT; row++) {
        const char *a = texts[random_below(&random, 6)], *b = texts[random_below(&random, 6)];
        if (chunk_set_text(chunk, 0, row, a, strlen(a), NULL) != ST_OK || chunk_set_text(chunk, 1, row, b, strlen(b), NULL) != ST_OK ||
            chunk_set_text(chunk, 10, row, "2024-02-29T10:11:12", 19, NULL) != ST_OK ||
            chunk_set_text(chunk, 11, row, "  blanks at both ends  ", 23, NULL) != ST_OK)
            return 1;
        chunk_set_int64(chunk, 2, row, random_between(&random, 0, 100));
        chunk_set_int64(chunk, 3, row, random_between(&random, 0, 100));
        chunk_set_int64(chunk, 4, row, random_between(&random, 0, 100000));
        chunk_set_int64(chunk, 5, row, random_between(&random, 1, 100000));
        chunk_set_double(chunk, 6, row, (double)row);
        chunk_set_bool(chunk, 7, row, random_chance(&random, 0.5));
        chunk_set_bool(chunk, 8, row, random_chance(&random, 0.5));
        chunk_set_int32(chunk, 9, row, (int32_t)random_between(&random, 0, 20000));
        if (random_chance(&random, 0.05))
            chunk_set_null(chunk, (uint32_t)random_below(&random, schema.column_count), row);
    }
    chunk->row_count = ROW_COUNT;
    return 0;
}

static int
bench_expression(const char *text, const struct chunk *chunk)
{
    struct expr_scope    scope   = expr_scope_of_schema(&schema);
    struct expr         *bound   = NULL;
    struct expr_program *program = NULL;
    struct expr_state    state   = { 0 };
    struct chunk         into    = { 0 };
    struct vector        slots[sizeof columns / sizeof *columns];
    struct arena         arena;
    double               best_s = 0;
    int                  failed = 1;
    arena_init(&arena, 0);
    for (uint32_t i = 0; i < schema.column_count; i++)
        slots[i] = chunk_vector(chunk, i);
    if (expr_parse_bind(&arena, str_from(text), NULL, &scope, &bound, NULL) != ST_OK)
        goto out;
    struct schema_column column = { "result", expr_type(bound) };
    struct schema        result = { &column, 1 };
    if (expr_compile(&bound, 1, &program, NULL) != ST_OK || expr_state_init(&state, program, NULL) != ST_OK ||
        chunk_init(&into, &result, ROW_COUNT, NULL) != ST_OK)
        goto out;
    failed = 0;
    for (unsigned round = 0; round < ROUND_COUNT && !failed; round++) {
        double begin = now_s();
        for (unsigned run = 0; run < RUN_COUNT && !failed; run++) {
            chunk_clear(&into);
            struct vector_out out = chunk_out(&into, 0);
            failed                = expr_evaluate(&state, slots, ROW_COUNT, &out, NULL) != ST_OK;
        }
        double taken = now_s() - begin;
        best_s       = round == 0 || taken < best_s ? taken : best_s;
    }
    printf("%-40s %7.1f ns a row\n", text, best_s / RUN_COUNT / ROW_COUNT * 1e9);

out:
    if (into.columns != NULL)
        chunk_release(&into);
    if (state.program != NULL)
        expr_state_release(&state);
    expr_program_free(program);
    arena_release(&arena);
    return failed;
}

/* ---- Entity programs ---- */

struct value {
    const char *field;
    const char *text;
};

static const struct value LAB_EVENT[] = {
    { "type", "lab_result" }, { "event_id", "e1000001" }, { "event_time", "2026-01-02T03:04:05Z" }, { "system", "urn:oid:1.2" }, { "patient_id", "P100001" },
    { "facility", "STE" }, { "source_component_code", "2823-3" }, { "source_units", "mEq/L" }, { "number", "4.20" }, { "result_status", "F" },
};
static const struct value ENCOUNTER_ROW[] = {
    { "id", "5b7f1e0a-0000-4000-8000-000000000001" }, { "patient", "5b7f1e0a-0000-4000-8000-000000000002" }, { "start", "2020-01-01T00:00:00Z" },
    { "stop", "2020-01-01T00:15:00Z" }, { "class", "wellness" }, { "code", "162673000" }, { "description", "General examination of patient (procedure)" }, { "cost", "129.16" },
};

static int
bench_program(const struct model *model, const char *name, const struct value *values, size_t value_count, bool is_event)
{
    static const struct program_context context = { .system = STR_INIT("urn:test"), .zone = STR_INIT("America/New_York"), .facility = STR_INIT("STE"),
                                                    .data_source = STR_INIT("ds"), .name = STR_INIT("B"), .has_logical_time = true };
    const struct program_options options = { .with_event = is_event, .with_key = true, .with_hash = !is_event };
    const struct mapping        *mapping = model_mapping(model, str_from(name));
    struct schema_column         raw_columns[COLUMN_COUNT_MAX] = { { "position", TYPE(TYPE_INT64) }, { "length", TYPE(TYPE_INT64) }, { "row_number", TYPE(TYPE_INT64) } };
    struct schema                raw_schema = { raw_columns, PROGRAM_RAW_FIELD_FIRST + mapping->field_count };
    struct program              *program    = NULL;
    struct program_state        *state      = NULL;
    struct program_result        result     = { 0 };
    struct chunk                 raw = { 0 }, out = { 0 };
    double                       best_s = 0;
    for (uint32_t f = 0; f < mapping->field_count; f++)
        raw_columns[PROGRAM_RAW_FIELD_FIRST + f] = (struct schema_column){ mapping->fields[f].name, TYPE(TYPE_TEXT) };
    int failed = program_build(mapping, &context, &options, &program, NULL) != ST_OK || program_state_create(program, &state, NULL) != ST_OK ||
                 chunk_init(&raw, &raw_schema, ROW_COUNT, NULL) != ST_OK || chunk_init(&out, program_schema(program), ROW_COUNT, NULL) != ST_OK;
    for (uint32_t row = 0; row < ROW_COUNT && !failed; row++, raw.row_count++)
        for (uint32_t f = 0; f < mapping->field_count; f++) {
            chunk_set_null(&raw, PROGRAM_RAW_FIELD_FIRST + f, row);
            for (size_t v = 0; v < value_count; v++)
                if (strcmp(values[v].field, mapping->fields[f].name) == 0)
                    failed |= chunk_set_text(&raw, PROGRAM_RAW_FIELD_FIRST + f, row, values[v].text, strlen(values[v].text), NULL) != ST_OK;
        }
    for (unsigned round = 0; round < ROUND_COUNT && !failed; round++) {
        double begin = now_s();
        for (unsigned run = 0; run < 20 && !failed; run++) {
            chunk_clear(&out);
            failed = program_run(state, &raw, &out, &result, NULL) != ST_OK;
        }
        double taken = now_s() - begin;
        best_s       = round == 0 || taken < best_s ? taken : best_s;
    }
    printf("program %-32s %7.0f ns a row, %u of %d rows loaded, %u columns\n", name, best_s / 20 / ROW_COUNT * 1e9, result.loaded_count, ROW_COUNT,
           failed ? 0 : program_schema(program)->column_count);
    if (raw.columns != NULL)
        chunk_release(&raw);
    if (out.columns != NULL)
        chunk_release(&out);
    program_state_free(state);
    program_free(program);
    return failed;
}

/* bench_expr [programs]: all, or the entity programs alone. */
int
main(int argument_count, char **arguments)
{
    bool          only_programs = argument_count > 1 && strcmp(arguments[1], "programs") == 0;
    struct chunk  chunk  = { 0 };
    struct model *model  = NULL;
    int           failed = chunk_init(&chunk, &schema, ROW_COUNT, NULL) != ST_OK || fill(&chunk) != 0 ||
                 model_load(NULL, 0, NULL, NULL, &model, NULL) != ST_OK;
    for (size_t i = 0; i < sizeof EXPRESSIONS / sizeof *EXPRESSIONS && !failed && !only_programs; i++)
        failed = bench_expression(EXPRESSIONS[i], &chunk);
    if (!failed)
        failed = bench_program(model, "json_lab_result", LAB_EVENT, sizeof LAB_EVENT / sizeof *LAB_EVENT, true) |
                 bench_program(model, "synthea_encounters", ENCOUNTER_ROW, sizeof ENCOUNTER_ROW / sizeof *ENCOUNTER_ROW, false);
    if (chunk.columns != NULL)
        chunk_release(&chunk);
    model_free(model);
    return failed;
}
