/* TRANSFORMED: which rows are repeats, which versions follow which, who is one person. */
#include <inttypes.h>
#include <string.h>

#include "warehouse/conform_int.h"
#include "warehouse/history_int.h"
#include "warehouse/run_int.h"
#include "warehouse/schema.h"

bool
run_has_entity(const struct run *run, const struct entity *entity)
{
    return run->entities[entity - run->graph->model->entities].table != NULL;
}

void
run_entity_names(const struct run *run, const struct entity *entity, struct sql_names *names)
{
    sql_names_init(names);
    history_names(names, entity, run->prefix, run->id, run->recorded_us);
}

/* Rows with what became of them. */
static const char JUDGED[] = "CREATE VIEW {judged} AS SELECT n.* REPLACE (CASE WHEN r.row_id IS NULL THEN n.row_code ELSE '2exact_repeat' END AS row_code)\n"
                             "FROM {rows} n LEFT JOIN {repeat} r ON r.row_id = n.row_id";

static enum status
stage_entity(struct run *run, const struct entity *entity, struct error *err)
{
    struct sql_names    names;
    struct history_keep keep = { .has_emptied = run->entities[entity - run->graph->model->entities].has_emptied };
    enum status         status;

    for (size_t i = 0; i < run->program_count; i++)
        if (run->programs[i].mapping != NULL && run->programs[i].mapping->entity == entity)
            keep.program = run->programs[i].program;
    run_step(run, "history");
    run_entity_names(run, entity, &names);
    status = history_plan(run->connection, &names, entity, &keep, err);
    if (status == ST_OK)
        status = sql_run(run->connection, &names, err, JUDGED);
    sql_names_release(&names);
    return status;
}

enum status
run_stage(struct run *run, struct error *err)
{
    const struct model *model       = run->graph->model;
    bool                has_patient = false, has_identifier = false;
    enum status         status      = ST_OK;

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
