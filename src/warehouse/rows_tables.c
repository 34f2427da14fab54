/* What rows are made by, and where they go. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/time.h"
#include "expr/expr.h"
#include "warehouse/rows_int.h"

static const struct schema_column OWN_COLUMNS[OWN_COUNT] = {
    [OWN_INPUT] = { "input_number", { TYPE_INT64, 0 } },     [OWN_ROW_NUMBER] = { "row_number", { TYPE_INT64, 0 } },
    [OWN_ROW_ID] = { "row_id", { TYPE_INT64, 0 } },
    [OWN_MAPPING] = { "mapping_number", { TYPE_INT64, 0 } }, [OWN_OUTCOME] = { "row_outcome", { TYPE_INT64, 0 } },
    [OWN_CODE] = { "row_code", { TYPE_TEXT, 0 } },           [OWN_PATH] = { "row_path", { TYPE_TEXT, 0 } },
    [OWN_ISSUES] = { "row_issues", { TYPE_TEXT, 0 } },       [OWN_EMPTIED] = { "row_emptied", { TYPE_TEXT, 0 } },
    [OWN_PERSON] = { "person_id", { TYPE_TEXT, 0 } },
};
const struct schema rows_own_schema = { OWN_COLUMNS, OWN_COUNT };

static const struct schema_column PLACE_COLUMNS[ROWS_PLACE_COUNT] = { { "position", { TYPE_INT64, 0 } }, { "length", { TYPE_INT64, 0 } } };

static const struct schema_column ASIDE_COLUMNS[ASIDE_COUNT] = {
    [ASIDE_INPUT] = { "input_number", { TYPE_INT64, 0 } }, [ASIDE_ENTITY] = { "entity_number", { TYPE_INT64, 0 } },
    [ASIDE_POSITION] = { "position", { TYPE_INT64, 0 } },  [ASIDE_LENGTH] = { "length", { TYPE_INT64, 0 } },
    [ASIDE_CODE] = { "code", { TYPE_TEXT, 0 } },
};
const struct schema rows_aside_schema = { ASIDE_COLUMNS, ASIDE_COUNT };

/* ---- Tables ---- */

static enum status
make_view(struct run *run, const struct stage_table *table, struct error *err)
{
    const char *name = stage_name(table);

    return db_runf(run->connection, err, "CREATE VIEW %s.\"%s\" AS SELECT * FROM hd_stage('%s')", run->prefix,
                   name, name);
}

enum status
rows_prepare(struct run *run, struct error *err)
{
    const struct model *model = run->graph->model;

    run->program_count = run->spec_count * model->mapping_count;
    run->programs      = ARENA_ARRAY(&run->arena, struct run_program, run->program_count + 1);
    run->entities      = ARENA_ARRAY(&run->arena, struct run_entity, model->entity_count + 1);
    run->raw           = ARENA_ARRAY(&run->arena, struct stage_table *, model->mapping_count + 1);
    if (run->programs == NULL || run->entities == NULL || run->raw == NULL)
        return error_no_memory(err);
    return stage_add(run->warehouse->stage, "aside", rows_aside_schema.columns,
                     rows_aside_schema.column_count, &run->aside, err);
}

enum status
rows_finish(struct run *run, struct error *err)
{
    const struct model *model  = run->graph->model;
    enum status         status = make_view(run, run->aside, err);

    for (uint32_t i = 0; i < model->entity_count; i++)
        known_release(&run->entities[i].known);
    for (uint32_t i = 0; status == ST_OK && i < model->mapping_count; i++)
        if (run->raw[i] != NULL)
            status = make_view(run, run->raw[i], err);
    for (uint32_t i = 0; status == ST_OK && i < model->entity_count; i++)
        if (run->entities[i].table != NULL)
            status = make_view(run, run->entities[i].table, err);
    return status;
}

void
rows_withdraw(struct run *run, const struct run_input *input)
{
    const struct model *model = run->graph->model;

    stage_withdraw(run->aside, input->number);
    for (uint32_t i = 0; i < model->mapping_count; i++)
        if (run->raw[i] != NULL)
            stage_withdraw(run->raw[i], input->number);
    for (uint32_t i = 0; i < model->entity_count; i++)
        if (run->entities[i].table != NULL)
            stage_withdraw(run->entities[i].table, input->number);
}

/* ---- Programs ---- */

/* The reason behind the digit. */
static const char *
code_of(struct arena *arena, char digit, const struct reason *reason)
{
    return arena_printf(arena, "%c%s", digit, reason->code);
}

static enum status
print_codes(struct run *run, struct run_program *program, struct error *err)
{
    uint32_t                     issue_count, filter_count;
    const struct program_issue  *issues  = program_issues(program->program, &issue_count);
    const struct program_filter *filters = program_filters(program->program, &filter_count);
    bool                         is_ok;

    program->issue_codes  = ARENA_ARRAY(&run->arena, const char *, issue_count + 1);
    program->filter_codes = ARENA_ARRAY(&run->arena, const char *, filter_count + 1);
    is_ok                 = program->issue_codes != NULL && program->filter_codes != NULL;
    for (uint32_t i = 0; is_ok && i < issue_count; i++)
        is_ok = (program->issue_codes[i] = code_of(&run->arena, '1', issues[i].reason)) != NULL;
    for (uint32_t i = 0; is_ok && i < filter_count; i++)
        is_ok = (program->filter_codes[i] = code_of(&run->arena, '3', filters[i].reason)) != NULL;
    return is_ok ? ST_OK : error_no_memory(err);
}

static enum status
build_program(struct run *run, struct run_program *program, struct error *err)
{
    const struct run_spec       *spec    = &run->specs[program->spec_index];
    const struct program_options options = { .with_hash = true };
    const struct program_context context = { .system           = spec->input->system,
                                             .zone             = spec->input->zone,
                                             .facility         = spec->input->facility,
                                             .data_source      = spec->input->data_source,
                                             .name             = spec->source->name,
                                             .labels           = spec->input->label_text,
                                             .has_logical_time = true,
                                             .logical_time_us  = date_to_time(run->options->logical_date) };

    if (program_build(program->mapping, &context, &options, &program->program, err) != ST_OK)
        return ST_ERROR;
    return print_codes(run, program, err);
}

static enum status
make_entity(struct run *run, struct db_connection *connection, const struct run_program *program, struct error *err)
{
    const struct entity *entity = program->mapping->entity;
    struct run_entity   *to     = &run->entities[entity - run->graph->model->entities];
    const struct schema *schema = program_schema(program->program);
    struct schema_column columns[DB_COLUMN_COUNT_MAX];
    char                 name[160];

    to->has_emptied = to->has_emptied || program->mapping->keeps_empty;
    if (to->table != NULL)
        return ST_OK;
    CHECK(OWN_COUNT + ROWS_PLACE_COUNT + schema->column_count <= DB_COLUMN_COUNT_MAX);
    memcpy(columns, rows_own_schema.columns, OWN_COUNT * sizeof *columns);
    memcpy(columns + OWN_COUNT, PLACE_COLUMNS, sizeof PLACE_COLUMNS);
    memcpy(columns + OWN_COUNT + ROWS_PLACE_COUNT, schema->columns, schema->column_count * sizeof *columns);
    snprintf(name, sizeof name, "row_%s", entity->name);
    enum status status = stage_add(run->warehouse->stage, name, columns,
                                   OWN_COUNT + ROWS_PLACE_COUNT + schema->column_count, &to->table, err);
    if (status == ST_OK && entity->kind == ENTITY_FACT)
        status = known_load(&to->known, connection, entity, warehouse_bounds(&run->graph->runtime).known_size, err);
    return status;
}

static enum status
make_raw(struct run *run, const struct mapping *mapping, struct error *err)
{
    struct schema_column columns[DB_COLUMN_COUNT_MAX];
    uint32_t             count = 0;

    CHECK(2 + ROWS_PLACE_COUNT + mapping->field_count <= DB_COLUMN_COUNT_MAX);
    columns[count++] = rows_own_schema.columns[OWN_INPUT];
    columns[count++] = rows_own_schema.columns[OWN_ROW_NUMBER];
    for (uint32_t i = 0; i < ROWS_PLACE_COUNT; i++)
        columns[count++] = PLACE_COLUMNS[i];
    for (uint32_t i = 0; i < mapping->field_count; i++)
        columns[count++] = (struct schema_column){.name = mapping->fields[i].name, .type = TYPE(TYPE_TEXT)};
    return stage_add(run->warehouse->stage, mapping->name, columns, count,
                     &run->raw[mapping - run->graph->model->mappings], err);
}

static int64_t
first_row_number(const struct model *model, const struct mapping *mapping)
{
    int64_t first = 0;

    if (mapping->entity == NULL || mapping->entity->kind != ENTITY_DIMENSION)
        return 0;
    for (const struct mapping *other = model->mappings; other < mapping; other++)
        first += other->entity == mapping->entity && other->format == mapping->format ? ROW_NUMBER_STEP : 0;
    return first;
}

enum status
rows_need(struct run *run, struct db_connection *connection, uint32_t spec_index, const struct mapping *mapping, struct error *err)
{
    const struct model *model   = run->graph->model;
    size_t              index   = (size_t)(mapping - model->mappings);
    struct run_program *program = &run->programs[spec_index * model->mapping_count + index];
    enum status         status  = ST_OK;

    if (program->mapping != NULL)
        return ST_OK;
    program->mapping          = mapping;
    program->spec_index       = spec_index;
    program->row_number_first = first_row_number(model, mapping);
    if (run->raw[index] == NULL)
        status = make_raw(run, mapping, err);
    if (status == ST_OK && mapping->entity != NULL)
        status = build_program(run, program, err);
    return status == ST_OK && mapping->entity != NULL ? make_entity(run, connection, program, err) : status;
}
