/* DECODED: what is decoded by which mappings into which tables. Every file is decoded once, all mappings of its format in one pass. */
#include "warehouse/rows_int.h"

bool
run_means(const struct graph_input *input, const struct mapping *mapping)
{
    return input->mapping.size == 0 || str_starts_with(str_from(mapping->name), input->mapping);
}

/* ---- Plans and tables ---- */

static enum status
make_plan(struct run *run, struct run_spec *spec, enum model_format format, struct error *err)
{
    const struct model              *model   = run->graph->model;
    const struct graph_input        *input   = spec->input;
    const struct decode_plan_options options = { .format              = format,
                                                 .charset             = input->charset,
                                                 .delimiter           = input->delimiter,
                                                 .processing_ids      = input->processing_ids.items,
                                                 .processing_id_count = input->processing_ids.count };
    const struct mapping           **mappings = ARENA_ARRAY(&run->arena, const struct mapping *, model->mapping_count);
    uint32_t                         count    = 0;

    if (mappings == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < model->mapping_count; i++)
        if (model->mappings[i].format == format && run_means(input, &model->mappings[i])) {
            mappings[count++] = &model->mappings[i];
        }
    return count == 0 ? ST_OK : decode_plan_compile(&options, mappings, count, NULL, NULL, &spec->plans[format], err);
}

static enum status
make_plans(struct run *run, struct error *err)
{
    static const enum model_format FORMATS[] = { [GRAPH_FORMAT_CSV] = MODEL_CSV, [GRAPH_FORMAT_HL7V2] = MODEL_HL7V2, [GRAPH_FORMAT_JSON] = MODEL_JSON,
        [GRAPH_FORMAT_FHIR_R4] = MODEL_FHIR_R4,
        [GRAPH_FORMAT_FIXED] = MODEL_FIXED };
    enum status                    status    = ST_OK;

    for (size_t i = 0; i < run->spec_count; i++)
        for (int format = GRAPH_FORMAT_CSV; status == ST_OK && format < GRAPH_FORMAT_COUNT; format++)
            if (run->specs[i].input->format == GRAPH_FORMAT_AUTO || run->specs[i].input->format == (enum graph_format)format)
                status = make_plan(run, &run->specs[i], FORMATS[format], err);
    return status;
}

static enum status
make_tables(struct run *run, struct error *err)
{
    return db_runf(run->connection, err,
                   "CREATE TABLE %s.input (input_number BIGINT, input_rank BIGINT, source VARCHAR, file VARCHAR);"
                   "CREATE TABLE %s.record (input_number BIGINT, position BIGINT, length BIGINT, code VARCHAR, reason VARCHAR, bytes BLOB);"
                   "CREATE TABLE %s.note (input_number BIGINT, position BIGINT, mapping VARCHAR, field BIGINT, reason_code VARCHAR)",
                   run->prefix, run->prefix, run->prefix);
}

/* ---- All of it ---- */

static enum status
write_inputs(struct run *run, struct error *err)
{
    struct db_appender *appender = NULL;
    enum status         status   = db_appender_open(run->connection, DB_STAGE, run->schema, "input", &appender, err);

    for (size_t i = 0; status == ST_OK && i < run->input_count; i++) {
        const struct run_spec *spec = &run->specs[run->inputs[i].spec_index];
        db_row_int64(appender, run->inputs[i].number);
        db_row_int64(appender, run->inputs[i].number); /* Rank: in the order of listing. */
        db_row_text(appender, spec->source->name);
        db_row_text(appender, str_from(run->inputs[i].file));
        status = db_row_end(appender, err);
    }
    if (status == ST_OK)
        status = db_appender_flush(appender, err);
    db_appender_free(appender);
    return status;
}

/* runtime.temp_space bounds what rows and DuckDB spill together. */
static enum status
share_temp_space(struct run *run, struct error *err)
{
    const int64_t most    = run->graph->runtime.temp_space_bytes,
                  spilled = stage_spilled_size(run->warehouse->stage);

    return most == 0 || spilled == 0 ? ST_OK : db_limit_temp_space(run->connection, most - spilled, err);
}

enum status
run_decode(struct run *run, struct error *err)
{
    enum status status = make_plans(run, err);

    if (status == ST_OK)
        status = make_tables(run, err);
    if (status == ST_OK)
        status = write_inputs(run, err);
    if (status == ST_OK)
        status = rows_prepare(run, err);
    if (status == ST_OK)
        status = run_decode_files(run, err);
    if (status == ST_OK)
        status = share_temp_space(run, err);
    return status == ST_OK ? rows_finish(run, err) : status;
}
