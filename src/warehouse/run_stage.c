/* TRANSFORMED: rows of entities by the mappings' programs, repeats and versions, persons.
 *
 * row_code is what became of a row: '0' loaded, '1' quarantined, '2' deduplicated, '3' filtered, '4' refused by every
 * mapping's `when`; behind the digit the reason. The smallest of a record's rows is the record's (ARCHITECTURE.md, "Outcome
 * of a record"); equal digits are told apart by the reason's bytes, so no order of rows matters (I5). */
#include <inttypes.h>
#include <string.h>

#include "base/time.h"
#include "warehouse/conform_int.h"
#include "warehouse/history_int.h"
#include "warehouse/run_int.h"
#include "warehouse/schema.h"

bool
run_has_entity(const struct run *run, const struct entity *entity)
{
    for (size_t i = 0; i < run->program_count; i++)
        if (run->programs[i].mapping->entity == entity)
            return true;
    return false;
}

void
run_entity_names(const struct run *run, const struct entity *entity, struct sql_names *names)
{
    sql_names_init(names);
    history_names(names, entity, run->schema, run->id, run->recorded_us);
}

static enum status
build_program(struct run *run, uint32_t spec_index, const struct mapping *mapping, struct error *err)
{
    const struct run_spec       *spec    = &run->specs[spec_index];
    const struct program_options options = { .with_hash = true };
    const struct program_context context = { .system           = spec->input->system,
                                             .zone             = spec->input->zone,
                                             .facility         = spec->input->facility,
                                             .data_source      = spec->input->data_source,
                                             .name             = spec->source->name,
                                             .labels           = spec->input->label_text,
                                             .has_logical_time = true,
                                             .logical_time_us  = date_to_time(run->options->logical_date) };
    struct run_program           program = { .mapping = mapping, .spec_index = spec_index };

    if (program_build(mapping, &context, &options, &program.program, err) != ST_OK)
        return ST_ERROR;
    run->programs[run->program_count++] = program;
    return ST_OK;
}

/* A mapping that no file of the spec fits has no rows and needs no program. */
static enum status
build_programs(struct run *run, struct error *err)
{
    const struct model *model  = run->graph->model;
    enum status         status = ST_OK;

    run->programs = ARENA_ARRAY(&run->arena, struct run_program, run->spec_count * model->mapping_count + 1);
    if (run->programs == NULL)
        return error_no_memory(err);
    for (uint32_t spec = 0; spec < run->spec_count; spec++) {
        for (uint32_t i = 0; status == ST_OK && i < model->mapping_count; i++) {
            if (run->specs[spec].is_read[i] && model->mappings[i].entity != NULL)
                status = build_program(run, spec, &model->mappings[i], err);
        }
    }
    return status;
}

/* Whether the entity's rows tell which columns they empty (H6). */
static bool
has_emptied(const struct run *run, const struct entity *entity)
{
    for (size_t i = 0; i < run->program_count; i++)
        if (run->programs[i].mapping->entity == entity && run->programs[i].mapping->keeps_empty)
            return true;
    return false;
}

/* Of rows that empty a column the content is another than of those that leave it out. */
static void
print_emptied(const struct run *run, const struct run_program *program, struct str_builder *out)
{
    if (program->mapping->keeps_empty)
        str_builder_append_cstr(out, ",\n  CASE WHEN row_emptied = '' THEN content_hash ELSE hd_row_hash(content_hash, row_emptied) END AS "
                                     "content_hash) ");
    else
        str_builder_append_cstr(out, has_emptied(run, program->mapping->entity) ? "), NULL::VARCHAR AS row_emptied" : ")");
}

/* The rows of one program, with its codes. A key column that is null though it is implicit (facility) quarantines. */
static enum status
print_rows(const struct run *run, size_t index, struct str_builder *out, struct error *err)
{
    static const struct str   passed[] = { STR_INIT("input_number"), STR_INIT("position"), STR_INIT("length"), STR_INIT("row_number") };
    const struct run_program *program  = &run->programs[index];
    const struct entity      *entity   = program->mapping->entity;
    struct str_builder        from     = STR_BUILDER_EMPTY, rows = STR_BUILDER_EMPTY, keys = STR_BUILDER_EMPTY;
    int64_t                   first = INT64_MAX, last = 0;
    enum status               status;

    for (size_t i = 0; i < run->input_count; i++)
        if (run->inputs[i].spec_index == program->spec_index) {
            first = run->inputs[i].number < first ? run->inputs[i].number : first;
            last  = run->inputs[i].number > last ? run->inputs[i].number : last;
        }
    str_builder_printf(&from, "(SELECT * FROM %s.\"%s\" WHERE input_number BETWEEN %" PRId64 " AND %" PRId64 ")", run->schema,
                       program->mapping->name, first, last);
    status = str_builder_status(&from, err);
    if (status == ST_OK)
        status = program_print_select(program->program, str_builder_text(&from), passed, 4, &rows, err);
    columns_append(&keys, entity, entity->key, entity->key_count, "", " IS NULL", " OR ");
    str_builder_printf(out, "SELECT r.* REPLACE (CASE WHEN row_outcome = 1 AND (%s) THEN 3 ELSE row_outcome END AS row_outcome", str_builder_cstr(&keys));
    print_emptied(run, program, out);
    str_builder_printf(out, ",\n  %zu AS mapping_number,\n"
                            "  CASE WHEN row_outcome = 1 AND (%s) THEN '1missing_required' WHEN row_outcome = 1 THEN '0'\n"
                            "  WHEN row_outcome = 3 THEN '1' || (",
                       index, str_builder_cstr(&keys));
    program_print_quarantine_reason_sql(program->program, STR("row_cause"), out);
    str_builder_append_cstr(out, ") ELSE '3' || (");
    program_print_filter_reason_sql(program->program, STR("row_cause"), out);
    str_builder_append_cstr(out, ") END AS row_code, CASE WHEN row_outcome = 3 THEN (");
    program_print_quarantine_path_sql(program->program, STR("row_cause"), out);
    str_builder_append_cstr(out, ") END AS row_path");
    if (entity_has_person(entity))
        str_builder_append_cstr(out, ", " CONFORM_PERSON_SQL("patient_system", "patient_id") " AS person_id");
    str_builder_printf(out, "\nFROM (%s) r", str_builder_cstr(&rows));
    if (status == ST_OK && (!str_builder_is_ok(&rows) || !str_builder_is_ok(&keys)))
        status = error_no_memory(err);
    str_builder_release(&from);
    str_builder_release(&rows);
    str_builder_release(&keys);
    return status;
}

/* One statement a program: DuckDB makes the vectors of all branches of a union at once, tens of MiB that cannot spill, however few rows
 * there are. */
static enum status
insert_rows(struct run *run, const struct entity *entity, struct error *err)
{
    struct str_builder sql    = STR_BUILDER_EMPTY;
    enum status        status = ST_OK;

    for (size_t i = 0; status == ST_OK && i < run->program_count; i++) {
        if (run->programs[i].mapping->entity != entity)
            continue;
        str_builder_clear(&sql);
        str_builder_printf(&sql, "INSERT INTO %s.\"row_%s\" BY NAME\n", run->schema, entity->name);
        status = print_rows(run, i, &sql, err);
        if (status == ST_OK)
            status = str_builder_status(&sql, err);
        if (status == ST_OK)
            status = db_run(run->connection, str_builder_text(&sql), err);
    }
    str_builder_release(&sql);
    return status;
}

static enum status
stage_entity(struct run *run, const struct entity *entity, struct error *err)
{
    struct str_builder sql    = STR_BUILDER_EMPTY;
    struct sql_names   names;
    bool               is_first = true;
    struct history_keep keep    = { .has_emptied = has_emptied(run, entity) };
    enum status        status   = ST_OK;

    run_step(run, "stage");
    str_builder_printf(&sql, "CREATE TABLE %s.\"row_%s\" AS SELECT * FROM (\n", run->schema, entity->name);
    for (size_t i = 0; status == ST_OK && i < run->program_count; i++) {
        if (run->programs[i].mapping->entity != entity)
            continue;
        str_builder_append_cstr(&sql, is_first ? "" : "\nUNION ALL BY NAME\n");
        is_first     = false;
        keep.program = run->programs[i].program;
        status   = print_rows(run, i, &sql, err);
    }
    str_builder_append_cstr(&sql, ") LIMIT 0");
    if (status == ST_OK)
        status = str_builder_status(&sql, err);
    if (status == ST_OK)
        status = db_run(run->connection, str_builder_text(&sql), err);
    str_builder_release(&sql);
    if (status == ST_OK)
        status = insert_rows(run, entity, err);
    if (status != ST_OK) {
        error_context(err, "making the rows of %s", entity->name);
        return status;
    }
    run_step(run, "history");
    run_entity_names(run, entity, &names);
    status = history_plan(run->connection, &names, entity, &keep, err);
    if (status == ST_OK)
        status = sql_run(run->connection, &names, err,
                         "UPDATE {rows} AS n SET row_code = '2exact_repeat' FROM {repeat} r WHERE r.row_id = n.rowid");
    sql_names_release(&names);
    return status;
}

enum status
run_stage(struct run *run, struct error *err)
{
    const struct model *model       = run->graph->model;
    bool                has_patient = false, has_identifier = false;
    enum status         status      = build_programs(run, err);

    for (uint32_t i = 0; status == ST_OK && i < model->entity_count; i++) {
        const struct entity *entity = &model->entities[i];
        if (!run_has_entity(run, entity))
            continue;
        has_patient    = has_patient || strcmp(entity->name, "patient") == 0;
        has_identifier = has_identifier || strcmp(entity->name, "patient_identifier") == 0;
        status         = stage_entity(run, entity, err);
        if (status == ST_OK)
            status = run_pause(run, "transform", 0, 0, err);
    }
    run_step(run, "conform");
    if (status == ST_OK)
        status = conform_plan(run->connection, &run->names, has_patient, has_identifier, err);
    return status;
}
