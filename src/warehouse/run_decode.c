/* DECODED: every file is decoded once, all mappings of its format in one pass; several threads take files in turn. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "io/decompress.h"
#include "io/thread.h"
#include "warehouse/run_int.h"

bool
run_means(const struct graph_input *input, const struct mapping *mapping)
{
    return input->mapping.size == 0 || str_starts_with(str_from(mapping->name), input->mapping);
}

/* ---- Bytes ---- */

enum status
run_read(struct io *io, const char *path, struct arena *arena, char **ret_bytes, size_t *ret_size,
         const char **ret_reason_code, const char **ret_reason, struct error *err)
{
    struct decompress *stream   = NULL;
    struct error       fault    = ERROR_EMPTY;
    char              *bytes    = NULL;
    size_t             size     = 0, capacity = 0;
    bool               is_end   = false;
    enum status        status   = decompress_open(io, path, &stream, &fault);

    *ret_reason_code = *ret_reason = NULL;
    while (status == ST_OK && !is_end) {
        size_t got;
        if (size == capacity) {
            capacity    = capacity * 2 + FILE_READ_SIZE;
            char *grown = memory_resize(bytes, capacity + 1);
            if (grown == NULL) {
                status = error_no_memory(&fault);
                break;
            }
            bytes = grown;
        }
        status = decompress_read(stream, bytes + size, capacity - size, &got, &fault);
        if (status == ST_OK) {
            is_end = got == 0;
            size += got;
        }
    }
    decompress_free(stream);
    if (status != ST_OK && fault.code == ERR_NO_MEMORY) {
        memory_free(bytes);
        return error_no_memory(err);
    }
    if (status != ST_OK) {
        *ret_reason_code = fault.code == ERR_CORRUPT ? "truncated" : "malformed_record";
        *ret_reason      = arena_printf(arena, "%s", fault.message);
        if (*ret_reason == NULL) {
            memory_free(bytes);
            return error_no_memory(err);
        }
    }
    *ret_bytes = bytes;
    *ret_size  = size;
    return ST_OK;
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
            mappings[count++]    = &model->mappings[i];
            run->has_mapping[i] = true;
        }
    return count == 0 ? ST_OK : decode_plan_compile(&options, mappings, count, NULL, NULL, &spec->plans[format], err);
}

static enum status
make_plans(struct run *run, struct error *err)
{
    static const enum model_format FORMATS[] = { [GRAPH_FORMAT_CSV] = MODEL_CSV, [GRAPH_FORMAT_HL7V2] = MODEL_HL7V2, [GRAPH_FORMAT_JSON] = MODEL_JSON };
    enum status                    status    = ST_OK;

    run->has_mapping = ARENA_ARRAY(&run->arena, bool, run->graph->model->mapping_count);
    if (run->has_mapping == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < run->spec_count; i++)
        for (int format = GRAPH_FORMAT_CSV; status == ST_OK && format < GRAPH_FORMAT_COUNT; format++)
            if (run->specs[i].input->format == GRAPH_FORMAT_AUTO || run->specs[i].input->format == (enum graph_format)format)
                status = make_plan(run, &run->specs[i], FORMATS[format], err);
    return status;
}

static enum status
make_tables(struct run *run, struct error *err)
{
    const struct model *model  = run->graph->model;
    struct str_builder  sql    = STR_BUILDER_EMPTY;
    enum status         status = db_runf(run->connection, err,
                                         "CREATE TABLE %s.input (input_number BIGINT, input_rank BIGINT, source VARCHAR, file VARCHAR, labels VARCHAR);"
                                         "CREATE TABLE %s.record (input_number BIGINT, position BIGINT, length BIGINT, code VARCHAR, reason VARCHAR, bytes BLOB)",
                                         run->schema, run->schema);

    for (uint32_t i = 0; status == ST_OK && i < model->mapping_count; i++) {
        if (!run->has_mapping[i])
            continue;
        str_builder_clear(&sql);
        str_builder_printf(&sql, "CREATE TABLE %s.\"%s\" (input_number BIGINT, position BIGINT, length BIGINT, row_number BIGINT", run->schema,
                           model->mappings[i].name);
        for (uint32_t field = 0; field < model->mappings[i].field_count; field++) {
            str_builder_append_cstr(&sql, ", ");
            sql_append_name(&sql, str_from(model->mappings[i].fields[field].name));
            str_builder_append_cstr(&sql, " VARCHAR");
        }
        str_builder_append_cstr(&sql, ")");
        status = str_builder_status(&sql, err);
        if (status == ST_OK)
            status = db_run(run->connection, str_builder_text(&sql), err);
    }
    str_builder_release(&sql);
    return status;
}

/* ---- One thread ---- */

struct crew {
    struct run      *run;
    struct mutex     mutex; /* Guards what follows, and the run's arena. */
    size_t           next;
    int64_t          bytes, bytes_total;
    struct error     err;
    enum status      status;
};

struct worker {
    struct crew          *crew;
    struct thread         thread;
    struct db_connection *connection;
    struct db_appender   *record;
    struct db_appender  **appenders; /* Of each mapping of the model; NULL: not opened yet. */
    const struct decode_plan *plan;  /* Of the file at hand. */
    struct run_input     *input;
};

/* Decoder outcomes lead to the same codes as rows: see run_stage.c. */
static enum status
take_record(struct worker *worker, const char *outcome, const char *reason_code, const char *reason, int64_t position, int64_t length,
            struct str bytes, struct error *err)
{
    char code[64];

    snprintf(code, sizeof code, "%s%s", outcome, reason_code);
    db_row_int64(worker->record, worker->input->number);
    db_row_int64(worker->record, position);
    db_row_int64(worker->record, length);
    db_row_text(worker->record, str_from(code));
    db_row_text(worker->record, str_from(reason));
    db_row_blob(worker->record, bytes.data == NULL ? STR("") : bytes);
    return db_row_end(worker->record, err);
}

static enum status
take_outcome(void *context, const struct record_outcome *outcome, struct error *err)
{
    bool is_quarantined = decode_reason_outcome(outcome->reason) == OUTCOME_QUARANTINED;

    return take_record(context, is_quarantined ? "1" : "3", decode_reason_code(outcome->reason), outcome->detail, outcome->position,
                       outcome->length, is_quarantined ? outcome->bytes : STR_EMPTY, err);
}

static enum status
take_rows(void *context, uint32_t mapping_index, struct chunk *chunk, struct error *err)
{
    struct worker        *worker  = context;
    struct run           *run     = worker->crew->run;
    const struct mapping *mapping = decode_plan_mapping(worker->plan, mapping_index);
    struct db_appender  **appender = &worker->appenders[mapping - run->graph->model->mappings];

    if (*appender == NULL && db_appender_open(worker->connection, run->schema, mapping->name, appender, err) != ST_OK)
        return ST_ERROR;
    return db_append_chunk(*appender, worker->input->number, chunk, err);
}

/* All of the bytes by one decoder. */
static enum status
decode_bytes(struct worker *worker, const char *bytes, size_t size, struct error *err)
{
    const struct decoder_options options = { .chunk_capacity = (uint32_t)worker->crew->run->graph->runtime.chunk_row_count_max, .is_borrowing = true };
    const struct decode_sink     sink    = { worker, take_rows, take_outcome, NULL };
    struct decode_layout        *layout  = NULL;
    struct decoder              *decoder = NULL;
    size_t                       used    = 0;
    enum status                  status  = decode_layout_open(worker->plan, bytes, size, true, NULL, &layout, err);

    if (status == ST_OK)
        status = decoder_open(worker->plan, layout, &options, &sink, &decoder, err);
    if (status == ST_OK)
        status = decoder_decode(decoder, bytes, size, 0, true, 0, &used, err);
    if (status == ST_OK)
        status = decoder_flush(decoder, err);
    if (status == ST_OK) {
        const struct decode_counts *counts = decoder_counts(decoder);
        CHECK(used == size);
        worker->input->record_count += counts->record_count;
        worker->input->record_bytes += counts->record_bytes;
        worker->input->between_bytes += counts->between_bytes;
        worker->input->row_count += counts->row_count;
    }
    decoder_free(decoder);
    decode_layout_free(layout);
    return status;
}

/* A file that cannot be read, or that no mapping is for, is one quarantined record. */
static enum status
refuse_file(struct worker *worker, const char *reason_code, const char *reason, const char *bytes, size_t size, struct error *err)
{
    struct run_input *input = worker->input;

    input->reason_code  = reason_code;
    input->reason       = reason;
    input->record_count = 1;
    input->record_bytes = (int64_t)size;
    return take_record(worker, "1", reason_code, reason, 0, (int64_t)size, str_slice(str_of(bytes, size), 0, FORMAT_KEPT_SIZE_MAX), err);
}

static enum status
decode_file(struct worker *worker, struct error *err)
{
    static const enum model_format FORMATS[] = { [GRAPH_FORMAT_CSV] = MODEL_CSV, [GRAPH_FORMAT_HL7V2] = MODEL_HL7V2, [GRAPH_FORMAT_JSON] = MODEL_JSON };
    struct run_input         *input  = worker->input;
    const struct run_spec    *spec   = &worker->crew->run->specs[input->spec_index];
    struct arena              arena;
    char                     *bytes = NULL;
    size_t                    size  = 0;
    const char               *reason_code, *reason;
    enum model_format         format = FORMATS[GRAPH_FORMAT_CSV];
    bool                      is_known = true;

    arena_init(&arena, 0);
    enum status status = run_read(worker->crew->run->warehouse->options.io, input->path, &arena, &bytes, &size, &reason_code, &reason, err);
    if (status != ST_OK)
        goto out;
    input->decoded_bytes = (int64_t)size;
    if (spec->input->format == GRAPH_FORMAT_AUTO)
        is_known = format_detect(bytes, size, str_from(input->path), &format);
    else
        format = FORMATS[spec->input->format];
    if (is_known)
        input->format = model_format_name(format);
    if (reason_code != NULL)
        status = refuse_file(worker, reason_code, reason_code[0] == 't' ? "the compressed stream is damaged" : "the file cannot be read", bytes, size, err);
    else if (size == 0)
        status = ST_OK; /* No record, no byte. */
    else if (!is_known || spec->plans[format] == NULL)
        status = refuse_file(worker, "no_mapping", "no mapping of its format is meant", bytes, size, err);
    else {
        worker->plan = spec->plans[format];
        status       = decode_bytes(worker, bytes, size, err);
    }
    if (status != ST_OK)
        error_context(err, "decoding %s", input->path);
out:
    memory_free(bytes);
    arena_release(&arena);
    return status;
}

static enum status
worker_open(struct worker *worker, struct error *err)
{
    struct run *run = worker->crew->run;

    worker->appenders = memory_alloc_array_zero(run->graph->model->mapping_count, sizeof *worker->appenders);
    if (worker->appenders == NULL)
        return error_no_memory(err);
    if (db_connect(run->warehouse->db, &worker->connection, err) != ST_OK)
        return ST_ERROR;
    return db_appender_open(worker->connection, run->schema, "record", &worker->record, err);
}

static enum status
worker_close(struct worker *worker, enum status status, struct error *err)
{
    const uint32_t count = worker->crew->run->graph->model->mapping_count;

    if (status == ST_OK)
        status = db_appender_flush(worker->record, err);
    for (uint32_t i = 0; worker->appenders != NULL && i < count; i++) {
        if (status == ST_OK && worker->appenders[i] != NULL)
            status = db_appender_flush(worker->appenders[i], err);
        db_appender_free(worker->appenders[i]);
    }
    db_appender_free(worker->record);
    memory_free(worker->appenders);
    db_disconnect(worker->connection);
    return status;
}

/* The next file, or false: none is left, or somebody failed. */
static bool
take_file(struct worker *worker, enum status status, struct error *err)
{
    struct crew *crew   = worker->crew;
    bool         is_there = false;

    mutex_lock(&crew->mutex);
    if (worker->input != NULL && status == ST_OK) {
        crew->bytes += worker->input->size_bytes;
        status = run_pause(crew->run, "decode", crew->bytes, crew->bytes_total, err);
    }
    if (status != ST_OK && crew->status == ST_OK) {
        crew->status = status;
        crew->err    = *err;
    }
    if (crew->status == ST_OK && crew->next < crew->run->input_count) {
        worker->input = &crew->run->inputs[crew->next++];
        is_there      = true;
    }
    mutex_unlock(&crew->mutex);
    return is_there;
}

static void
work(void *context)
{
    struct worker *worker = context;
    struct error   err    = ERROR_EMPTY;
    enum status    status = worker_open(worker, &err);

    while (take_file(worker, status, &err))
        status = decode_file(worker, &err);
    status        = worker_close(worker, status, &err);
    worker->input = NULL;
    take_file(worker, status, &err); /* Tells a failure of the end. */
}

/* ---- All of it ---- */

static enum status
write_inputs(struct run *run, struct error *err)
{
    struct db_appender *appender = NULL;
    struct str_builder  labels   = STR_BUILDER_EMPTY;
    enum status         status   = db_appender_open(run->connection, run->schema, "input", &appender, err);

    for (size_t i = 0; status == ST_OK && i < run->input_count; i++) {
        const struct run_spec *spec = &run->specs[run->inputs[i].spec_index];
        str_builder_clear(&labels);
        for (size_t k = 0; k < spec->input->labels.count; k++) {
            str_builder_append_cstr(&labels, k == 0 ? "" : ",");
            str_builder_append(&labels, spec->input->labels.items[k]);
        }
        status = str_builder_status(&labels, err);
        db_row_int64(appender, run->inputs[i].number);
        db_row_int64(appender, run->inputs[i].number); /* Rank: in the order of listing. */
        db_row_text(appender, spec->source->name);
        db_row_text(appender, str_from(run->inputs[i].file));
        db_row_text(appender, labels.size == 0 ? STR_EMPTY : str_builder_text(&labels));
        if (status == ST_OK)
            status = db_row_end(appender, err);
    }
    if (status == ST_OK)
        status = db_appender_flush(appender, err);
    db_appender_free(appender);
    str_builder_release(&labels);
    return status;
}

enum status
run_decode(struct run *run, struct error *err)
{
    struct worker workers[PLAN_WORKER_COUNT_MAX];
    struct crew   crew   = { .run = run, .status = ST_OK, .err = ERROR_EMPTY };
    int64_t       count  = run->graph->runtime.worker_count;
    enum status   status = make_plans(run, err);

    if (status == ST_OK)
        status = make_tables(run, err);
    if (status == ST_OK)
        status = write_inputs(run, err);
    if (status != ST_OK)
        return status;
    CHECK(count >= 1 && count <= PLAN_WORKER_COUNT_MAX);
    for (size_t i = 0; i < run->input_count; i++)
        crew.bytes_total += run->inputs[i].size_bytes;
    mutex_init(&crew.mutex);
    for (int64_t i = 0; i < count; i++)
        workers[i] = (struct worker){ .crew = &crew, .thread = THREAD_EMPTY };
    /* Where the system gives fewer threads, fewer work; this one works along. */
    for (int64_t i = 1; i < count; i++)
        thread_start(&workers[i].thread, work, &workers[i], NULL);
    work(&workers[0]);
    for (int64_t i = 1; i < count; i++)
        thread_join(&workers[i].thread);
    mutex_release(&crew.mutex);
    if (crew.status != ST_OK && err != NULL)
        *err = crew.err;
    return crew.status;
}
