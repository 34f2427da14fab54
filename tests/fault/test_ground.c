/* The ground that both legs stand on, with each allocation failing in turn: expressions, the model, entity programs,
 * decoders. After each failure: out of memory is said, nothing is leaked, and the next run passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/time.h"
#include "expr/expr.h"
#include "format/decoder.h"
#include "model/program.h"
#include "support/sweep.h"

/* ---- Expressions ---- */

static const struct schema_column columns[] = {
    { "a", { .kind = TYPE_TEXT } }, { "i", { .kind = TYPE_INT64 } }, { "d", { .kind = TYPE_DECIMAL, .scale = 2 } }, { "t", { .kind = TYPE_TEXT } }
};
static const struct schema schema = { columns, sizeof columns / sizeof *columns };

static enum status
evaluate(struct expr *bound, const struct chunk *from, struct error *err)
{
    struct schema_column column  = { "result", expr_type(bound) };
    struct schema        result  = { &column, 1 };
    struct expr_program *program = NULL;
    struct expr_state    state   = { 0 };
    struct chunk         into    = { 0 };
    struct vector        slots[sizeof columns / sizeof *columns];
    for (uint32_t i = 0; i < schema.column_count; i++)
        slots[i] = chunk_vector(from, i);
    enum status status = expr_compile(&bound, 1, &program, err);
    if (status == ST_OK)
        status = expr_state_init(&state, program, err);
    if (status == ST_OK)
        status = chunk_init(&into, &result, 16, err);
    if (status == ST_OK) {
        struct vector_out out = chunk_out(&into, 0);
        status                = expr_evaluate(&state, slots, from->row_count, &out, err);
        chunk_release(&into);
    }
    if (state.program != NULL)
        expr_state_release(&state);
    expr_program_free(program);
    return status;
}

static enum status
expression_run(struct io *io, void *context, struct error *err)
{
    const char         *text  = context;
    struct expr_scope   scope = expr_scope_of_schema(&schema);
    struct expr        *tree  = NULL, *bound = NULL;
    struct chunk        from  = { 0 };
    struct str_builder  sql   = STR_BUILDER_EMPTY;
    struct arena        arena;
    (void)io;
    arena_init(&arena, 256); /* Small blocks: many allocations, many places to fail. */
    enum status status = expr_parse(&arena, str_from(text), NULL, &tree, err);
    if (status == ST_OK)
        status = expr_bind(&arena, tree, &scope, &bound, err);
    if (status == ST_OK)
        status = chunk_init(&from, &schema, 16, err);
    for (uint32_t row = 0; row < 16 && status == ST_OK; row++) {
        chunk_set_int64(&from, 1, row, row * 100);
        chunk_set_int64(&from, 2, row, row * 7);
        status = chunk_set_text(&from, 0, row, "a text that is not inline, by far", row + 15, err);
        if (status == ST_OK)
            status = chunk_set_text(&from, 3, row, "2024-02-29 10:11", 16, err);
        from.row_count = row + 1;
    }
    if (status == ST_OK)
        status = evaluate(bound, &from, err);
    if (status == ST_OK) {
        expr_print(tree, &sql);
        expr_print_duckdb(bound, NULL, &sql);
        status = str_builder_status(&sql, err);
    }
    str_builder_release(&sql);
    if (from.columns != NULL)
        chunk_release(&from);
    arena_release(&arena);
    return status;
}

static void
expressions(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "upper(coalesce(nullif(trim(a), ''), 'none')) || cast(i + 1 as text)",
        "case when d > 1.5 and a like '%text%' then replace(a, 'text', 'longer text than before') else lpad(a, 300, 'xy') end",
        "to_timestamp(t, 'Europe/Berlin') is not null and a in ('b', 'c', upper('d')) or greatest(i, d) between 1 and 2",
        "row_hash(a, i, d, concat(a, a, a, a, a, a, a, a, a, a)) || business_key(a, t)",
        "cast('12' as int64) + length('folded') = 18",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        sweep_run(expression_run, (void *)(uintptr_t)texts[i]);
}

/* ---- The model ---- */

static enum status
model_run(struct io *io, void *context, struct error *err)
{
    const struct model_file file  = { .path = "site.json", .text = STR("{ \"rule\": \"abnormal_lab_trends\", \"approved\": { \"version\": \"kost-1990.2\", "
                                                        "\"by\": \"Dr. A\", \"on\": \"2026-01-15\" } }") };
    struct model           *model = NULL;
    (void)io, (void)context;
    enum status status = model_load(&file, 1, NULL, NULL, &model, err);
    model_free(model);
    return status;
}

static void
models(void **state)
{
    (void)state;
    sweep_run(model_run, NULL);
}

/* ---- Entity programs ---- */

static struct model *loaded;

static int
load(void **state)
{
    (void)state;
    return model_load(NULL, 0, NULL, NULL, &loaded, NULL) == ST_OK ? 0 : -1;
}

static int
unload(void **state)
{
    (void)state;
    model_free(loaded);
    return 0;
}

/* The schema of a mapping's raw chunks, without a decoder. */
#define RAW_COLUMN_COUNT_MAX 256

static enum status
run_program(const struct program *program, const struct mapping *mapping, struct error *err)
{
    struct schema_column  raw_columns[RAW_COLUMN_COUNT_MAX] = { { "position", TYPE(TYPE_INT64) }, { "length", TYPE(TYPE_INT64) }, { "row_number", TYPE(TYPE_INT64) } };
    struct schema         raw_schema = { raw_columns, PROGRAM_RAW_FIELD_FIRST + mapping->field_count };
    struct program_state *state      = NULL;
    struct program_result result;
    struct chunk          raw = { 0 }, out = { 0 };
    assert_true(raw_schema.column_count <= RAW_COLUMN_COUNT_MAX);
    for (uint32_t f = 0; f < mapping->field_count; f++)
        raw_columns[PROGRAM_RAW_FIELD_FIRST + f] = (struct schema_column){ mapping->fields[f].name, TYPE(TYPE_TEXT) };
    enum status status = program_state_create(program, &state, err);
    if (status == ST_OK)
        status = chunk_init(&raw, &raw_schema, 8, err);
    if (status == ST_OK)
        status = chunk_init(&out, program_schema(program), 8, err);
    for (uint32_t row = 0; row < 8 && status == ST_OK; row++, raw.row_count++) {
        static const char *const texts[] = { "2024-02-29T10:11:12Z", "ORU", "a name of some length", "12.5", "lab_result", "M", "laboratory", "" };
        for (uint32_t f = 0; f < mapping->field_count && status == ST_OK; f++) {
            const char *text = texts[(f + row) % 8];
            status           = chunk_set_text(&raw, PROGRAM_RAW_FIELD_FIRST + f, row, text, strlen(text), err);
        }
    }
    if (status == ST_OK)
        status = program_run(state, &raw, &out, &result, err);
    if (raw.columns != NULL)
        chunk_release(&raw);
    if (out.columns != NULL)
        chunk_release(&out);
    program_state_free(state);
    return status;
}

static enum status
program_scenario(struct io *io, void *context, struct error *err)
{
    static const struct program_context of_input = { .system = STR_INIT("urn:test"), .zone = STR_INIT("America/New_York"), .name = STR_INIT("B"),
                                                     .has_logical_time = true, .logical_time_us = 20458 * US_PER_DAY };
    const struct program_options        options  = { .with_key = true, .with_hash = true };
    const struct mapping               *mapping  = context;
    struct program                     *program  = NULL;
    struct str_builder                  sql      = STR_BUILDER_EMPTY;
    (void)io;
    enum status status = program_build(mapping, &of_input, &options, &program, err);
    if (status == ST_OK)
        status = run_program(program, mapping, err);
    if (status == ST_OK)
        status = program_print_select(program, STR("raw"), NULL, 0, &sql, err);
    if (status == ST_OK)
        status = str_builder_status(&sql, err);
    str_builder_release(&sql);
    program_free(program);
    return status;
}

static void
programs(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < loaded->mapping_count; i++)
        if (loaded->mappings[i].entity != NULL)
            sweep_run(program_scenario, (void *)(uintptr_t)&loaded->mappings[i]);
}

/* ---- Decoders ---- */

struct input {
    enum model_format format;
    const char       *bytes;
};

static enum status
take_rows(void *context, uint32_t mapping_index, struct chunk *chunk, struct error *err)
{
    (void)context, (void)mapping_index, (void)chunk, (void)err;
    return ST_OK;
}

static enum status
decode_scenario(struct io *io, void *context, struct error *err)
{
    const struct input              *input   = context;
    const struct decode_plan_options options = { .format = input->format };
    const struct decoder_options     of_one  = { .chunk_capacity = 2 };
    const struct decode_sink         sink    = { NULL, take_rows, NULL, NULL };
    const struct mapping            *mappings[FORMAT_MAPPING_COUNT_MAX];
    struct decode_plan              *plan    = NULL;
    struct decode_layout            *layout  = NULL;
    struct decoder                  *decoder = NULL;
    uint32_t                         count   = 0;
    size_t                           size = strlen(input->bytes), at = 0, used = 0;
    (void)io;
    for (uint32_t i = 0; i < loaded->mapping_count; i++)
        if (loaded->mappings[i].format == input->format)
            mappings[count++] = &loaded->mappings[i];
    enum status status = decode_plan_compile(&options, mappings, count, NULL, NULL, &plan, err);
    if (status == ST_OK)
        status = decode_layout_open(plan, STR_EMPTY, input->bytes, size, true, &sink, &layout, err);
    if (status == ST_OK)
        status = decoder_open(plan, layout, &of_one, &sink, &decoder, err);
    for (size_t there = 100; status == ST_OK && at < size; there += 100) {
        there  = there < size ? there : size;
        status = decoder_decode(decoder, input->bytes + at, there - at, (int64_t)at, there == size, 0, &used, err);
        at += status == ST_OK ? used : 0;
    }
    if (status == ST_OK)
        status = decoder_flush(decoder, err);
    decoder_free(decoder);
    decode_layout_free(layout);
    decode_plan_free(plan);
    return status;
}

static void
decoders(void **state)
{
    (void)state;
    static const struct input inputs[] = {
        { MODEL_CSV, "Id,BIRTHDATE,SSN,FIRST,LAST,GENDER\n1,1970-01-01,999-12-3456,\"A name with \"\"quotes\"\" of some length\",B,F\n2,,,,,\nshort\n" },
        { MODEL_HL7V2, "MSH|^~\\&|A|B|C|D|20240101||ORU^R01|1|P|2.5\rPID|1||7^^^H^MR~8^^^H^SS||Doe^J\\T\\\rOBR|1|P|F|24323-8^CMP^LN|||20240101\r"
                       "OBX|1|NM|2823-3^Potassium^LN||4.1|mmol/L|3.5-5.1|N|||F\rNTE|1||a note \\X41\\ of some length\rOBX|2|ST|1^\xe9||x\r"
                       "MSH|^~\\&|||||||ACK|2|P\rjunk\r" },
        { MODEL_JSON, "{\"type\":\"lab_result\",\"event_id\":\"an event id of some length\",\"value\":4.1,\"tags\":[1,{\"a\":[]}]}\n{\"type\":\"unknown\"}\n{broken\n" },
        { MODEL_FHIR_R4, "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"fullUrl\":\"https:\\/\\/a\\/Patient\\/1\",\"resource\":{\"resourceType\":"
                         "\"Patient\",\"id\":\"1\"}},{\"request\":{\"method\":\"DELETE\",\"url\":\"Patient/7\"}}]}\n{\"resourceType\":\"Device\"}\n{broken\n" },
        { MODEL_FIXED, "M12345678901109876543211959-12-312016-12-31\nH1\n\xff\n" },
    };
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        sweep_run(decode_scenario, (void *)(uintptr_t)&inputs[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(expressions), cmocka_unit_test(models), cmocka_unit_test(programs), cmocka_unit_test(decoders) };
    return cmocka_run_group_tests(tests, load, unload);
}
