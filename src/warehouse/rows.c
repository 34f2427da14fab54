#include "warehouse/rows_int.h"

#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "expr/function.h"
#include "health/person.h"
#include "warehouse/schema.h"

#define LOADED           "0"
#define KEY_MISSING      "1missing_required"
#define REPEATED         "2exact_repeat"
#define REFUSED          "4"
#define ISSUE_DIGITS     3
#define ROW_ID_BITS      40 /* Below them rows of one thread are counted. */
#define STATE_MEMORY     (16 << 20) /* Of the bound of memory, for each state that a thread keeps. */

/* ---- One thread ---- */

struct rows {
    struct run            *run;
    struct program_state **states; /* By program. */
    uint32_t               state_count;
    uint32_t               state_count_max;
    struct chunk *values; /* By entity: what a program made; used by one mapping's chunk after the other. */
    struct chunk  own;
    struct chunk  aside; /* Rows of one input. */
    int64_t       next_row_id;
    uint16_t      selection[CHUNK_ROW_COUNT_MAX];
    uint16_t      issue_counts[CHUNK_ROW_COUNT_MAX];
    char         *issue_texts[CHUNK_ROW_COUNT_MAX];
    struct arena  scratch;
};

enum status
rows_open(struct run *run, uint32_t thread, struct rows **ret_rows, struct error *err)
{
    const struct model *model = run->graph->model;
    struct rows        *rows  = memory_alloc_zero(sizeof *rows);

    if (rows == NULL)
        return error_no_memory(err);
    rows->run         = run;
    rows->next_row_id = (int64_t)thread << ROW_ID_BITS;
    rows->states      = memory_alloc_array_zero(run->program_count + 1, sizeof(struct program_state *));
    rows->values      = memory_alloc_array_zero(model->entity_count + 1, sizeof *rows->values);
    rows->state_count_max =
        (uint32_t)(warehouse_bounds(&run->graph->runtime).memory_bytes / STATE_MEMORY) + 1;
    arena_init(&rows->scratch, 0);
    enum status status = rows->states == NULL || rows->values == NULL ? error_no_memory(err) : ST_OK;
    if (status == ST_OK)
        status = chunk_init(&rows->own, &rows_own_schema, CHUNK_ROW_COUNT_MAX, err);
    if (status == ST_OK)
        status = chunk_init(&rows->aside, &rows_aside_schema, CHUNK_ROW_COUNT_MAX, err);
    if (status != ST_OK) {
        rows_free(rows);
        return status;
    }
    *ret_rows = rows;
    return ST_OK;
}

void
rows_free(struct rows *rows)
{
    if (rows == NULL)
        return;
    const struct model *model = rows->run->graph->model;
    for (size_t i = 0; rows->states != NULL && i < rows->run->program_count; i++)
        program_state_free(rows->states[i]);
    for (uint32_t i = 0; rows->values != NULL && i < model->entity_count; i++)
        chunk_release(&rows->values[i]);
    chunk_release(&rows->own);
    chunk_release(&rows->aside);
    arena_release(&rows->scratch);
    memory_free(rows->states);
    memory_free(rows->values);
    memory_free(rows);
}

/* Programs of a model with many mappings do not all stay ready: a state is dear in memory and cheap to make for a chunk. */
static enum status
make_state(struct rows *rows, const struct program *program, size_t program_index, struct error *err)
{
    if (rows->state_count >= rows->state_count_max) {
        for (size_t i = 0; i < rows->run->program_count; i++) {
            program_state_free(rows->states[i]);
            rows->states[i] = NULL;
        }
        for (uint32_t i = 0; i < rows->run->graph->model->entity_count; i++)
            chunk_release(&rows->values[i]);
        rows->state_count = 0;
    }
    if (program_state_create(program, &rows->states[program_index], err) != ST_OK)
        return ST_ERROR;
    rows->state_count++;
    return ST_OK;
}

enum status
rows_flush(struct rows *rows, struct error *err)
{
    const struct column *columns[ASIDE_COUNT];
    enum status          status = ST_OK;

    for (uint32_t i = 0; i < ASIDE_COUNT; i++)
        columns[i] = &rows->aside.columns[i];
    if (rows->aside.row_count != 0)
        status = stage_put(rows->run->aside, ((const int64_t *)rows->aside.columns[ASIDE_INPUT].data)[0],
                           columns, NULL, rows->aside.row_count, err);
    chunk_clear(&rows->aside);
    return status;
}

/* ---- A chunk ---- */

/* What one call works on. */
struct pass {
    const struct run_input     *input;
    const struct run_program   *program;
    const struct chunk         *raw;
    struct chunk               *values; /* What the program made. */
    const struct known         *known;
    struct program_state       *state;
    struct program_result       result;
    const struct program_issue *issues;
    int64_t                     entity_number;
    int32_t                     system_column, patient_column; /* -1: the entity has no person. */
    uint32_t                    selected_count;
};

static enum status
put_aside(struct rows *rows, const struct run_input *input, int64_t entity_number, const struct chunk *raw, uint32_t row, const char *code,
          struct error *err)
{
    struct chunk *aside = &rows->aside;

    if ((aside->row_count == aside->capacity ||
         (aside->row_count != 0 && *(const int64_t *)aside->columns[ASIDE_INPUT].data != input->number)) &&
        rows_flush(rows, err) != ST_OK)
        return ST_ERROR;
    uint32_t to = aside->row_count++;
    chunk_set_int64(aside, ASIDE_INPUT, to, input->number);
    chunk_set_int64(aside, ASIDE_ENTITY, to, entity_number);
    chunk_set_int64(aside, ASIDE_POSITION, to, ((const int64_t *)raw->columns[0].data)[row]);
    chunk_set_int64(aside, ASIDE_LENGTH, to, ((const int64_t *)raw->columns[1].data)[row]);
    chunk_set_text_leased(aside, ASIDE_CODE, to, code, strlen(code));
    return ST_OK;
}

/* Rows that empty a column have another content than those that leave it out. */
static enum status
mix_emptied(struct rows *rows, struct chunk *values, int32_t hash_column, uint32_t row, struct str emptied, struct error *err)
{
    struct text                 texts[2], mixed;
    uint64_t                    all_valid = 1;
    const struct function      *function  = function_find(STR("row_hash"));
    const struct kernel_context context   = { .scratch = &rows->scratch };
    struct vector               args[2];
    struct vector_out           out = chunk_out(values, (uint32_t)hash_column);
    const struct column        *hash = &values->columns[hash_column];

    CHECK(function != NULL);
    texts[0] = ((const struct text *)hash->data)[row];
    text_set(&texts[1], emptied.data, emptied.size);
    for (int i = 0; i < 2; i++)
        args[i] = (struct vector){ .type = TYPE(TYPE_TEXT), .data = &texts[i] };
    out.data      = &mixed;
    out.validity  = &all_valid;
    out.may_share = false;
    function->kernel(&context, args, 2, 1, &out);
    arena_clear(&rows->scratch);
    if (out.failed)
        return error_no_memory(err);
    ((struct text *)hash->data)[row] = mixed;
    return ST_OK;
}

static enum status
tell_emptied(struct rows *rows, struct pass *pass, struct error *err)
{
    struct str_builder text   = STR_BUILDER_EMPTY;
    const int32_t      hash   = program_hash_column(pass->program->program);
    enum status        status = ST_OK;

    if (!pass->program->mapping->keeps_empty) {
        chunk_set_all_null(&rows->own, OWN_EMPTIED);
        return ST_OK;
    }
    for (uint32_t row = 0; status == ST_OK && row < pass->raw->row_count; row++) {
        str_builder_clear(&text);
        program_row_emptied(pass->state, row, &text);
        status = str_builder_status(&text, err);
        if (status == ST_OK)
            status = chunk_set_text(&rows->own, OWN_EMPTIED, row, str_builder_cstr(&text), text.size, err);
        if (status == ST_OK && text.size != 0 && pass->result.outcomes[row] == PROGRAM_LOADED)
            status = mix_emptied(rows, pass->values, hash, row, str_builder_text(&text), err);
    }
    str_builder_release(&text);
    return status;
}

/* The issues of loaded rows, three digits each, by row; `found` has them by issue, then row. */
static enum status
tell_issues(struct rows *rows, const struct pass *pass, struct error *err)
{
    const struct program_result *result = &pass->result;
    struct chunk                *own    = &rows->own;

    for (uint32_t row = 0; row < pass->raw->row_count; row++)
        chunk_set_text_leased(own, OWN_ISSUES, row, "", 0);
    if (result->found_count == 0)
        return ST_OK;
    memset(rows->issue_counts, 0, sizeof rows->issue_counts);
    for (uint32_t i = 0; i < result->found_count; i++)
        rows->issue_counts[result->found[i].row]++;
    for (uint32_t row = 0; row < pass->raw->row_count; row++) {
        rows->issue_texts[row] = rows->issue_counts[row] == 0 ? NULL : arena_alloc(&rows->scratch, (size_t)ISSUE_DIGITS * rows->issue_counts[row], 1);
        if (rows->issue_counts[row] != 0 && rows->issue_texts[row] == NULL)
            return error_no_memory(err);
        rows->issue_counts[row] = 0;
    }
    for (uint32_t i = 0; i < result->found_count; i++) {
        const uint16_t row = result->found[i].row;
        char          *digits = rows->issue_texts[row] + (size_t)ISSUE_DIGITS * rows->issue_counts[row]++;
        unsigned       issue  = result->found[i].issue;
        for (int digit = ISSUE_DIGITS; digit-- > 0; issue /= 10)
            digits[digit] = (char)('0' + issue % 10);
    }
    for (uint32_t row = 0; row < pass->raw->row_count; row++)
        if (rows->issue_counts[row] != 0)
            chunk_set_text_leased(own, OWN_ISSUES, row, rows->issue_texts[row], (size_t)ISSUE_DIGITS * rows->issue_counts[row]);
    return ST_OK;
}

static bool
has_key(const struct chunk *values, const struct entity *entity, uint32_t row)
{
    for (uint32_t i = 0; i < entity->key_count; i++) {
        const struct column *column = &values->columns[entity->key[i]];
        if (!column->all_valid && !validity_get(column->validity, row))
            return false;
    }
    return true;
}

static bool
is_known(const struct pass *pass, uint32_t row)
{
    const struct column *hashes = &pass->values->columns[program_hash_column(pass->program->program)];
    const struct text   *text   = &((const struct text *)hashes->data)[row];
    struct hash128       hash;

    return pass->known->slots != NULL && hash128_parse(str_of(text_data(text), text->size), &hash) && known_has(pass->known, hash);
}

static enum status
tell_person(struct rows *rows, const struct pass *pass, uint32_t row, struct error *err)
{
    const struct vector system = chunk_vector(pass->values, (uint32_t)pass->system_column);
    const struct vector id     = chunk_vector(pass->values, (uint32_t)pass->patient_column);
    char                person[HASH128_TEXT_SIZE];

    if (!vector_is_valid(&system, row) || !vector_is_valid(&id, row)) {
        chunk_set_null(&rows->own, OWN_PERSON, row);
        return ST_OK;
    }
    const struct text *texts[2] = { &((const struct text *)system.data)[row], &((const struct text *)id.data)[row] };
    if (!person_id_print(rows->run->warehouse->options.person_key, str_of(text_data(texts[0]), texts[0]->size),
                         str_of(text_data(texts[1]), texts[1]->size), &rows->scratch, person))
        return error_no_memory(err);
    return chunk_set_text(&rows->own, OWN_PERSON, row, person, HASH128_TEXT_SIZE - 1, err);
}

/* One row's verdict, and whether it is one of the entity's. */
static enum status
judge_row(struct rows *rows, struct pass *pass, uint32_t row, struct error *err)
{
    const struct entity *entity  = pass->program->mapping->entity;
    struct chunk        *own     = &rows->own;
    const uint16_t       cause   = pass->result.causes[row];
    enum program_outcome outcome = pass->result.outcomes[row];
    const char          *code    = LOADED;

    if (outcome == PROGRAM_NO_ROW)
        return put_aside(rows, pass->input, pass->entity_number, pass->raw, row, REFUSED, err);
    chunk_set_null(own, OWN_PATH, row);
    if (outcome == PROGRAM_FILTERED) {
        code = pass->program->filter_codes[cause];
    } else if (outcome == PROGRAM_QUARANTINED) {
        const char *path = program_schema(pass->program->program)->columns[pass->issues[cause].column].name;
        code             = pass->program->issue_codes[cause];
        own->columns[OWN_PATH].validity[row >> 6] |= (uint64_t)1 << (row & 63);
        chunk_set_text_leased(own, OWN_PATH, row, path, strlen(path));
    } else if (!has_key(pass->values, entity, row)) {
        code    = KEY_MISSING;
        outcome = PROGRAM_QUARANTINED;
    } else if (is_known(pass, row)) {
        return put_aside(rows, pass->input, pass->entity_number, pass->raw, row, REPEATED, err);
    }
    chunk_set_int64(own, OWN_ROW_ID, row, rows->next_row_id++);
    chunk_set_int64(own, OWN_OUTCOME, row, (int64_t)outcome);
    chunk_set_text_leased(own, OWN_CODE, row, code, strlen(code));
    rows->selection[pass->selected_count++] = (uint16_t)row;
    return pass->system_column < 0 ? ST_OK : tell_person(rows, pass, row, err);
}

static enum status
put_rows(struct rows *rows, const struct pass *pass, struct error *err)
{
    const struct column *columns[DB_COLUMN_COUNT_MAX];
    const struct chunk  *values = pass->values;
    uint32_t             count  = 0;

    CHECK(ROWS_PLACE_COUNT + values->schema->column_count + OWN_COUNT <= DB_COLUMN_COUNT_MAX);
    for (uint32_t i = 0; i < OWN_COUNT; i++)
        columns[count++] = &rows->own.columns[i];
    for (uint32_t i = 0; i < ROWS_PLACE_COUNT; i++)
        columns[count++] = &pass->raw->columns[i];
    for (uint32_t i = 0; i < values->schema->column_count; i++)
        columns[count++] = &values->columns[i];
    return stage_put(rows->run->entities[pass->entity_number].table, pass->input->number, columns,
                     rows->selection, pass->selected_count, err);
}

static enum status
put_raw(struct rows *rows, const struct pass *pass, const struct mapping *mapping, const uint16_t *selection, uint32_t row_count, struct error *err)
{
    const size_t         index = (size_t)(mapping - rows->run->graph->model->mappings);
    const uint32_t       count = pass->raw->schema->column_count;
    const struct column *columns[DB_COLUMN_COUNT_MAX];

    CHECK(count + 1 <= DB_COLUMN_COUNT_MAX);
    columns[0] = &rows->own.columns[OWN_INPUT];
    columns[1] = &rows->own.columns[OWN_ROW_NUMBER];
    for (uint32_t i = 0; i < ROWS_PLACE_COUNT; i++)
        columns[2 + i] = &pass->raw->columns[i];
    for (uint32_t i = PROGRAM_RAW_FIELD_FIRST; i < count; i++)
        columns[1 + i] = &pass->raw->columns[i];
    return stage_put(rows->run->raw[index], pass->input->number, columns, selection, row_count, err);
}

static enum status
open_entity(struct rows *rows, struct pass *pass, size_t program_index, struct error *err)
{
    const struct program *program = pass->program->program;

    if (rows->states[program_index] == NULL && make_state(rows, program, program_index, err) != ST_OK)
        return ST_ERROR;
    if (pass->values->columns == NULL &&
        chunk_init(pass->values, program_schema(program), CHUNK_ROW_COUNT_MAX, err) != ST_OK)
        return ST_ERROR;
    pass->state = rows->states[program_index];
    return ST_OK;
}

static void
begin_own(struct rows *rows, const struct pass *pass)
{
    chunk_clear(&rows->own);
    if (pass->system_column < 0)
        chunk_set_all_null(&rows->own, OWN_PERSON);
    for (uint32_t row = 0; row < pass->raw->row_count; row++) {
        chunk_set_int64(&rows->own, OWN_INPUT, row, pass->input->number);
        chunk_set_int64(&rows->own, OWN_ROW_NUMBER, row,
                        pass->program->row_number_first + ((const int64_t *)pass->raw->columns[ROWS_PLACE_COUNT].data)[row]);
        chunk_set_int64(&rows->own, OWN_MAPPING, row, pass->program - rows->run->programs);
    }
}

/* All rows of a mapping without an entity stay in raw; their records are filtered (no_entity). */
static enum status
take_raw(struct rows *rows, const struct pass *pass, const struct mapping *mapping, struct error *err)
{
    enum status status = put_raw(rows, pass, mapping, NULL, pass->raw->row_count, err);

    for (uint32_t row = 0; status == ST_OK && row < pass->raw->row_count; row++)
        status = put_aside(rows, pass->input, ROWS_NO_ENTITY, pass->raw, row, REFUSED, err);
    return status;
}

enum status
rows_take(struct rows *rows, const struct run_input *input, const struct mapping *mapping, const struct chunk *raw, struct error *err)
{
    const struct model *model = rows->run->graph->model;
    const size_t        index = input->spec_index * model->mapping_count + (size_t)(mapping - model->mappings);
    struct pass         pass  = { .input = input, .program = &rows->run->programs[index], .raw = raw, .system_column = -1 };
    enum status         status;

    CHECK(raw->selection == NULL && pass.program->mapping == mapping);
    if (mapping->entity == NULL) {
        begin_own(rows, &pass);
        return take_raw(rows, &pass, mapping, err);
    }
    pass.entity_number = mapping->entity - model->entities;
    pass.values        = &rows->values[pass.entity_number];
    pass.known         = &rows->run->entities[pass.entity_number].known;
    if (open_entity(rows, &pass, index, err) != ST_OK)
        return ST_ERROR;
    if (entity_has_person(mapping->entity)) {
        pass.system_column  = schema_find(pass.values->schema, "patient_system");
        pass.patient_column = schema_find(pass.values->schema, "patient_id");
    }
    uint32_t issue_count;
    pass.issues = program_issues(pass.program->program, &issue_count);
    begin_own(rows, &pass);
    status = program_run(pass.state, raw, pass.values, &pass.result, err);
    if (status == ST_OK)
        status = tell_emptied(rows, &pass, err);
    if (status == ST_OK)
        status = tell_issues(rows, &pass, err);
    for (uint32_t row = 0; status == ST_OK && row < raw->row_count; row++)
        status = judge_row(rows, &pass, row, err);
    if (status == ST_OK)
        status = put_raw(rows, &pass, mapping, rows->selection, pass.selected_count, err);
    if (status == ST_OK)
        status = put_rows(rows, &pass, err);
    arena_clear(&rows->scratch);
    return status;
}
