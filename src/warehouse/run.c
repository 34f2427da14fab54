/* The run from beginning to end; see run_int.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/time.h"
#include "io/process.h"
#include "warehouse/copy_int.h"
#include "warehouse/run_int.h"

enum status
run_pause(struct run *run, const char *step, int64_t bytes, int64_t bytes_total, struct error *err)
{
    const struct batch_progress progress = { step, bytes, bytes_total };

    if (run->options->progress != NULL)
        run->options->progress(run->options->context, &progress);
    if (run->options->is_stopping != NULL && run->options->is_stopping(run->options->context))
        return error_set(err, ERR_INTERRUPTED, "the run was stopped before it was published");
    return ST_OK;
}

/* R5 */
static enum status
take_number(struct run *run, struct error *err)
{
    struct db_connection *connection = run->connection;
    int32_t               year;
    unsigned              month, day;
    int64_t               times = 0, last_us = 0, number = 0;
    enum status           status = db_query_int64(connection, &number, err, "SELECT coalesce(max(number), 0) + 1 FROM meta.run");

    date_to_civil(run->options->logical_date, &year, &month, &day);
    if (status == ST_OK)
        status = db_query_int64(connection, &times, err, "SELECT count(*) FROM meta.run WHERE logical_date = DATE '%04d-%02u-%02u'", year, month, day);
    if (status == ST_OK)
        status = db_query_int64(connection, &last_us, err, "SELECT coalesce(max(epoch_us(recorded_at)), 0) FROM meta.run");
    if (status != ST_OK)
        return status;
    run->number      = number;
    run->started_us  = clock_now_us(run->warehouse->options.clock);
    run->recorded_us = run->started_us > last_us ? run->started_us : last_us + 1;
    snprintf(run->id, sizeof run->id, "%04d%02u%02u-%" PRId64, year, month, day, times + 1);
    snprintf(run->schema, sizeof run->schema, "run_%" PRId64, number);
    snprintf(run->prefix, sizeof run->prefix, DB_STAGE ".%s", run->schema);
    return ST_OK;
}

static enum status
plan(struct run *run, struct error *err)
{
    char             model_digest[HASH128_TEXT_SIZE];
    struct sql_names names;
    int32_t          date = run->options->logical_date;
    enum status      status = take_number(run, err);

    if (status != ST_OK)
        return status;
    hash128_print(run->graph->model->digest, model_digest);
    sql_names_init(&names);
    sql_set_text(&names, "id", str_from(run->id));
    sql_setf(&names, "number", "%" PRId64, run->number);
    sql_setf(&names, "date", "DATE '1970-01-01' + %d::INTEGER", date);
    sql_setf(&names, "started", "make_timestamp(%" PRId64 "::BIGINT)", run->started_us);
    sql_set_text(&names, "program", STR(HEDDLE_VERSION));
    sql_set_text(&names, "model", str_from(model_digest));
    sql_set_text(&names, "configuration", run->graph->configuration);
    sql_set_text(&names, "digest", run->graph->digest);
    sql_set(&names, "stage", str_from(run->prefix));
    status = sql_run(run->connection, &names, err,
                     "INSERT INTO meta.run BY NAME SELECT {id} AS run_id, {number} AS number, {date} AS logical_date,\n"
                     "  'running' AS status, false AS published, {started} AS started_at, {program} AS program_version,\n"
                     "  {model} AS model_digest, {configuration} AS configuration, {digest} AS configuration_digest,\n"
                     "  (SELECT max_by(run_id, number) FROM meta.run WHERE published) AS parent_run_id;\n"
                     "CREATE SCHEMA {stage}");
    sql_names_release(&names);
    sql_names_init(&run->names);
    sql_set(&run->names, "run", str_from(run->prefix));
    sql_set_text(&run->names, "run_id", str_from(run->id));
    sql_setf(&run->names, "now", "make_timestamp(%" PRId64 "::BIGINT)", run->recorded_us);
    return status;
}

static void
fail(struct run *run, const struct error *err)
{
    sql_setf(&run->names, "finished", "make_timestamp(%" PRId64 "::BIGINT)", clock_now_us(run->warehouse->options.clock));
    sql_set_text(&run->names, "reason", str_from(err->message));
    sql_run(run->connection, &run->names, NULL,
            "UPDATE meta.run SET status = 'failed', status_reason = {reason}, finished_at = {finished} WHERE run_id = {run_id}");
}

/* ---- The summary ---- */

static enum status
count_tables(struct run *run, struct error *err)
{
    const struct model   *model   = run->graph->model;
    struct batch_summary *summary = run->summary;
    struct batch_table   *tables  = ARENA_ARRAY(&summary->arena, struct batch_table, model->entity_count);
    enum status           status  = tables == NULL ? error_no_memory(err) : ST_OK;

    for (uint32_t i = 0; status == ST_OK && i < model->entity_count; i++) {
        const char         *name  = model->entities[i].name;
        struct batch_table *table = &tables[summary->table_count];
        status = db_query_int64(run->connection, &table->version_count, err, "SELECT count(*) FROM core.\"%s_version\"", name);
        if (status == ST_OK)
            status = db_query_int64(run->connection, &table->version_added, err, "SELECT count(*) FROM core.\"%s_version\" WHERE run_id = '%s'", name, run->id);
        if (status == ST_OK)
            status = db_query_int64(run->connection, &table->current_count, err, "SELECT count(*) FROM core.\"%s\"", name);
        if (status == ST_OK && !arena_text(&summary->arena, str_from(name), &table->name))
            status = error_no_memory(err);
        summary->table_count += status == ST_OK && table->version_count != 0;
    }
    summary->tables = tables;
    return status;
}

static enum status
list_refused(struct run *run, struct error *err)
{
    struct batch_summary *summary = run->summary;
    struct arena         *arena   = &summary->arena;
    struct batch_refused *refused = ARENA_ARRAY(arena, struct batch_refused, run->input_count + 1);

    if (refused == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < run->input_count; i++) {
        const struct run_input *input = &run->inputs[i];
        struct batch_refused   *to    = &refused[summary->refused_count];
        if (input->reason_code == NULL)
            continue;
        if (!arena_text(arena, run->specs[input->spec_index].source->name, &to->source) ||
            !arena_text(arena, str_from(input->file), &to->file) || !arena_text(arena, str_from(input->reason_code), &to->reason_code) ||
            !arena_text(arena, str_from(input->reason), &to->reason))
            return error_no_memory(err);
        summary->refused_count++;
    }
    summary->refused = refused;
    return ST_OK;
}

/* Of all tables: the hash of their digests in the order of their names. */
static enum status
sum_digest(struct run *run, struct error *err)
{
    struct db_result   result = DB_RESULT_EMPTY;
    struct str_builder text   = STR_BUILDER_EMPTY;
    uint32_t           row_count = 1;
    enum status        status = sql_query(run->connection, &run->names, &result, err,
                                          "SELECT table_name, digest FROM meta.run_digest WHERE run_id = {run_id} ORDER BY table_name");

    while (status == ST_OK && row_count != 0) {
        status = db_next(&result, &row_count, err);
        for (uint32_t row = 0; status == ST_OK && row < row_count; row++) {
            str_builder_append(&text, db_text(&result, 0, row));
            str_builder_append_char(&text, '=');
            str_builder_append(&text, db_text(&result, 1, row));
            str_builder_append_char(&text, '\n');
        }
    }
    if (status == ST_OK)
        status = str_builder_status(&text, err);
    if (status == ST_OK)
        run->summary->digest = hash128(text.data == NULL ? "" : text.data, text.size);
    db_result_release(&result);
    str_builder_release(&text);
    return status;
}

/* ---- The run ---- */

static enum status
run_steps(struct run *run, struct error *err)
{
    static const struct {
        const char *name;   /* Of the progress. */
        const char *metered; /* Of the cost: what it begins with. */
        enum status (*step)(struct run *run, struct error *err);
    } STEPS[] = { { "list", "list", run_list }, { "decode", "decode", run_decode }, { "transform", "stage", run_stage },
                  { "check", "account", run_account }, { "publish", "publish", run_publish } };
    enum status status = ST_OK;

    for (size_t i = 0; status == ST_OK && i < sizeof STEPS / sizeof *STEPS; i++) {
        run_step(run, STEPS[i].metered);
        status = run_pause(run, STEPS[i].name, 0, 0, err);
        if (status == ST_OK)
            status = STEPS[i].step(run, err);
    }
    return status;
}

static void
run_release(struct run *run)
{
    for (size_t i = 0; run->programs != NULL && i < run->program_count; i++)
        program_free(run->programs[i].program);
    for (uint32_t i = 0; run->entities != NULL && i < run->graph->model->entity_count; i++)
        known_release(&run->entities[i].known);
    for (size_t i = 0; i < run->spec_count; i++)
        for (int format = 0; format < MODEL_FORMAT_COUNT; format++)
            decode_plan_free(run->specs[i].plans[format]);
    sql_names_release(&run->names);
    arena_release(&run->arena);
}

/* It has all of the run but what the run cost, of which it is a part itself. */
static void
leave_copy(struct run *run)
{
    struct error *err = &run->summary->copy_error;

    run_step(run, "copy");
    if (copy_leave(run->warehouse, err) != ST_OK)
        error_context(err, "leaving the copy of the warehouse; run %s is published all the same", run->id);
}

static enum status
make_stage(struct run *run, struct error *err)
{
    const struct graph  *graph   = run->graph;
    struct stage_options options = {.io        = run->warehouse->options.io,
                                    .spill_max = graph->runtime.temp_space_bytes,
                                    .size_max  = warehouse_bounds(&graph->runtime).stage_size};

    options.spill_path = arena_printf(&run->arena, "%.*s.spill", STR_PRINTF(graph->batch.warehouse.path));
    return options.spill_path == NULL ? error_no_memory(err)
                                      : stage_create(&options, &run->warehouse->stage, err);
}

enum status
warehouse_run(struct warehouse *warehouse, const struct batch_options *options, struct batch_summary *ret_summary,
              struct error *err)
{
    struct error         own     = ERROR_EMPTY;
    struct batch_summary summary = { 0 };
    struct run           run     = { .warehouse = warehouse, .connection = warehouse->connection, .graph = warehouse->options.graph,
                                     .options = options, .summary = &summary };
    int64_t              begin_us = clock_monotonic_us(warehouse->options.clock);

    arena_init(&run.arena, 0);
    arena_init(&summary.arena, 0);
    sql_names_init(&run.names);
    enum status status = make_stage(&run, &own);
    if (status == ST_OK)
        status = plan(&run, &own);
    if (status == ST_OK)
        status = run_steps(&run, &own);
    if (status == ST_OK)
        status = count_tables(&run, &own);
    if (status == ST_OK)
        status = list_refused(&run, &own);
    if (status == ST_OK)
        status = sum_digest(&run, &own);
    if (status == ST_OK && !arena_text(&summary.arena, str_from(run.id), &summary.run_id))
        status = error_no_memory(&own);
    if (status != ST_OK) {
        if (!summary.is_published)
            fail(&run, &own);
        error_context(&own, "running the batch leg for run %s", run.id);
    }
    run_step(&run, "clear");
    stage_free(warehouse->stage);
    warehouse->stage = NULL;
    if (run.graph->runtime.temp_space_bytes != 0)
        db_limit_temp_space(run.connection, run.graph->runtime.temp_space_bytes, NULL);
    db_runf(run.connection, NULL, "DROP SCHEMA IF EXISTS %s CASCADE", run.prefix);
    db_run(run.connection, STR("CHECKPOINT"), NULL); /* Costs room only where it fails. */
    if (status == ST_OK && summary.is_published && run.graph->batch.warehouse.publish.is_bound)
        leave_copy(&run);
    run_write_steps(&run, NULL);                     /* What it cost is no part of what it is. */
    if (status == ST_OK && summary.is_published && (status = warehouse_write_master(warehouse, &own)) != ST_OK)
        error_context(&own, "leaving the patient master of run %s, which is published, beside the store", run.id);
    if (status != ST_OK && err != NULL)
        *err = own;
    run_release(&run);
    summary.duration_us = clock_monotonic_us(warehouse->options.clock) - begin_us;
    *ret_summary        = summary;
    return status;
}

void
batch_summary_release(struct batch_summary *summary)
{
    arena_release(&summary->arena);
    *summary = (struct batch_summary){ 0 };
}
