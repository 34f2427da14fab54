/* DECODED, the files: each is read once and cut into ranges of bytes, which several threads decode side by side.
 *
 * D1  A file's bytes and its layout live until its last range is decoded.
 * D2  A thread opens a file only where no range is left to take: at most as many files are open as there are threads.
 * D3  Which thread decodes what shapes no content: rows carry input, position and row number (R4). */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "io/thread.h"
#include "warehouse/run_int.h"

/* A file that is being decoded. */
struct open_file {
    struct open_file         *next;
    struct run_input         *input;
    const struct decode_plan *plan;
    struct decode_layout     *layout;
    char                     *bytes;
    size_t                    size;
    size_t                    ends[PLAN_WORKER_COUNT_MAX];
    uint32_t                  range_count, taken_count, done_count;
};

struct crew {
    struct run       *run;
    struct mutex      mutex;   /* Guards what follows, the files' counts, the inputs' counts. */
    struct condition  changed; /* There are ranges to take, or there will be none. */
    struct open_file *files;
    size_t            next; /* Input that is opened next. */
    uint32_t          opening_count;
    int64_t           bytes, bytes_total; /* As stored; for progress. */
    struct error      err;
    enum status       status;
};

struct worker {
    struct crew          *crew;
    struct thread         thread;
    struct db_connection *connection;
    struct db_appender   *record;
    struct db_appender   *note;
    struct db_appender  **appenders; /* Of each mapping of the model; NULL: not opened yet. */
    const struct decode_plan *plan;  /* Of the file at hand. */
    struct run_input     *input;
};

static void
file_free(struct open_file *file)
{
    if (file == NULL)
        return;
    decode_layout_free(file->layout);
    memory_free(file->bytes);
    memory_free(file);
}

/* ---- What a decoder tells ---- */

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

/* What is found at a field; which column that is, the program tells once it is built (run_publish.c). */
static enum status
take_note(void *context, const struct decode_note *note, struct error *err)
{
    struct worker *worker = context;

    if (note->kind != NOTE_MISSING_COLUMN && note->kind != NOTE_WRONG_SHAPE)
        return ST_OK;
    db_row_int64(worker->note, worker->input->number);
    db_row_int64(worker->note, note->position);
    db_row_text(worker->note, str_from(decode_plan_mapping(worker->plan, (uint32_t)note->mapping_index)->name));
    db_row_int64(worker->note, note->field_index);
    db_row_text(worker->note, note->kind == NOTE_WRONG_SHAPE ? STR("wrong_shape") : STR("missing_column"));
    return db_row_end(worker->note, err);
}

/* ---- One file, one range ---- */

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

/* Layout and ranges: no more than there are threads, none so small that a decoder's start would count. */
static enum status
cut_file(struct worker *worker, struct open_file *file, struct error *err)
{
    const struct decode_sink sink   = { worker, take_rows, take_outcome, take_note };
    uint32_t                 wanted = (uint32_t)worker->crew->run->graph->runtime.worker_count;
    enum status              status = decode_layout_open(file->plan, file->bytes, file->size, true, &sink, &file->layout, err);

    if (file->size / wanted < DECODE_RANGE_SIZE_MIN)
        wanted = (uint32_t)(file->size / DECODE_RANGE_SIZE_MIN) + 1;
    if (status == ST_OK)
        status = decode_split(file->plan, file->layout, file->bytes, file->size, wanted, file->ends, &file->range_count, err);
    return status;
}

/* Reads the file. One that has no ranges is done with it: it is empty or refused. */
static enum status
read_file(struct worker *worker, struct open_file *file, struct error *err)
{
    static const enum model_format FORMATS[] = { [GRAPH_FORMAT_CSV] = MODEL_CSV, [GRAPH_FORMAT_HL7V2] = MODEL_HL7V2, [GRAPH_FORMAT_JSON] = MODEL_JSON };
    struct run_input         *input  = file->input;
    const struct run_spec    *spec   = &worker->crew->run->specs[input->spec_index];
    struct arena              arena;
    const char               *reason_code, *reason;
    enum model_format         format = FORMATS[GRAPH_FORMAT_CSV];
    bool                      is_known = true;

    arena_init(&arena, 0);
    enum status status = run_read(worker->crew->run->warehouse->options.io, input->path, &arena, &file->bytes, &file->size, &reason_code, &reason, err);
    if (status != ST_OK)
        goto out;
    input->decoded_bytes = (int64_t)file->size;
    if (spec->input->format == GRAPH_FORMAT_AUTO)
        is_known = format_detect(file->bytes, file->size, str_from(input->path), &format);
    else
        format = FORMATS[spec->input->format];
    if (is_known)
        input->format = model_format_name(format);
    if (reason_code != NULL)
        status = refuse_file(worker, reason_code, reason_code[0] == 't' ? "the compressed stream is damaged" : "the file cannot be read", file->bytes, file->size, err);
    else if (file->size == 0)
        status = ST_OK; /* No record, no byte. */
    else if (!is_known || spec->plans[format] == NULL)
        status = refuse_file(worker, "no_mapping", "no mapping of its format is meant", file->bytes, file->size, err);
    else {
        file->plan = worker->plan = spec->plans[format];
        status                    = cut_file(worker, file, err);
    }
out:
    arena_release(&arena);
    return status;
}

/* One range by one decoder. The counts are the range's own. */
static enum status
decode_range(struct worker *worker, const struct open_file *file, uint32_t range, struct decode_counts *ret_counts, struct error *err)
{
    const struct decoder_options options = { .chunk_capacity = (uint32_t)worker->crew->run->graph->runtime.chunk_row_count_max, .is_borrowing = true };
    const struct decode_sink     sink    = { worker, take_rows, take_outcome, take_note };
    size_t                       begin   = range == 0 ? 0 : file->ends[range - 1];
    size_t                       size    = file->ends[range] - begin;
    struct decoder              *decoder = NULL;
    size_t                       used    = 0;
    enum status                  status  = decoder_open(file->plan, file->layout, &options, &sink, &decoder, err);

    if (status == ST_OK)
        status = decoder_decode(decoder, file->bytes + begin, size, (int64_t)begin, true, 0, &used, err);
    if (status == ST_OK)
        status = decoder_flush(decoder, err);
    if (status == ST_OK) {
        CHECK(used == size);
        *ret_counts = *decoder_counts(decoder);
    }
    decoder_free(decoder);
    return status;
}

/* ---- One thread ---- */

static enum status
worker_open(struct worker *worker, struct error *err)
{
    struct run *run = worker->crew->run;

    worker->appenders = memory_alloc_array_zero(run->graph->model->mapping_count, sizeof *worker->appenders);
    if (worker->appenders == NULL)
        return error_no_memory(err);
    if (db_connect(run->warehouse->db, &worker->connection, err) != ST_OK)
        return ST_ERROR;
    if (db_appender_open(worker->connection, run->schema, "record", &worker->record, err) != ST_OK)
        return ST_ERROR;
    return db_appender_open(worker->connection, run->schema, "note", &worker->note, err);
}

static enum status
worker_close(struct worker *worker, enum status status, struct error *err)
{
    const uint32_t count = worker->crew->run->graph->model->mapping_count;

    if (status == ST_OK)
        status = db_appender_flush(worker->record, err);
    if (status == ST_OK)
        status = db_appender_flush(worker->note, err);
    for (uint32_t i = 0; worker->appenders != NULL && i < count; i++) {
        if (status == ST_OK && worker->appenders[i] != NULL)
            status = db_appender_flush(worker->appenders[i], err);
        db_appender_free(worker->appenders[i]);
    }
    db_appender_free(worker->record);
    db_appender_free(worker->note);
    memory_free(worker->appenders);
    db_disconnect(worker->connection);
    return status;
}

/* What has come of a task; the mutex is held. */
static void
tell(struct crew *crew, int64_t bytes, enum status status, struct error *err)
{
    crew->bytes += bytes;
    if (status == ST_OK)
        status = run_pause(crew->run, "decode", crew->bytes, crew->bytes_total, err);
    if (status != ST_OK && crew->status == ST_OK) {
        crew->status = status;
        crew->err    = *err;
    }
    condition_broadcast(&crew->changed);
}

/* What the thread does next: a range of *ret_file, or, where that is NULL, the worker's input is to be opened. False: nothing is
 * left, or somebody failed. */
static bool
take_task(struct worker *worker, struct open_file **ret_file, uint32_t *ret_range)
{
    struct crew      *crew = worker->crew;
    struct open_file *file;
    bool              is_there = false;

    mutex_lock(&crew->mutex);
    for (;;) {
        for (file = crew->files; file != NULL && file->taken_count == file->range_count; file = file->next)
            ;
        is_there = crew->status == ST_OK && (file != NULL || crew->next < crew->run->input_count);
        if (is_there || crew->status != ST_OK || crew->opening_count == 0)
            break;
        condition_wait(&crew->changed, &crew->mutex);
    }
    if (is_there && file == NULL) {
        worker->input = &crew->run->inputs[crew->next++];
        crew->opening_count++;
    } else if (is_there) {
        worker->input = file->input;
        worker->plan  = file->plan;
        *ret_range    = file->taken_count++;
    }
    mutex_unlock(&crew->mutex);
    *ret_file = file;
    return is_there;
}

static enum status
open_file(struct worker *worker, struct error *err)
{
    struct crew      *crew  = worker->crew;
    struct run_input *input = worker->input;
    struct open_file *file  = memory_alloc_zero(sizeof *file);
    enum status       status = file == NULL ? error_no_memory(err) : ST_OK;

    if (status == ST_OK) {
        file->input = input;
        status      = read_file(worker, file, err);
    }
    if (status != ST_OK)
        error_context(err, "decoding %s", input->path);
    bool has_ranges = status == ST_OK && file->range_count > 0;
    mutex_lock(&crew->mutex);
    crew->opening_count--;
    if (has_ranges) {
        file->next  = crew->files;
        crew->files = file;
    }
    tell(crew, has_ranges ? 0 : input->size_bytes, status, err);
    mutex_unlock(&crew->mutex);
    if (!has_ranges)
        file_free(file);
    return status;
}

static enum status
take_range(struct worker *worker, struct open_file *file, uint32_t range, struct error *err)
{
    struct crew         *crew   = worker->crew;
    struct run_input    *input  = file->input;
    struct decode_counts counts = { 0 };
    enum status          status = decode_range(worker, file, range, &counts, err);
    double               share  = (double)(file->ends[range] - (range == 0 ? 0 : file->ends[range - 1])) / (double)file->size;

    if (status != ST_OK)
        error_context(err, "decoding %s", input->path);
    mutex_lock(&crew->mutex);
    input->record_count += counts.record_count;
    input->record_bytes += counts.record_bytes;
    input->between_bytes += counts.between_bytes;
    input->row_count += counts.row_count;
    bool is_done = ++file->done_count == file->range_count;
    if (is_done) {
        struct open_file **at = &crew->files;
        while (*at != file)
            at = &(*at)->next;
        *at = file->next;
    }
    tell(crew, (int64_t)((double)input->size_bytes * share), status, err);
    mutex_unlock(&crew->mutex);
    if (is_done)
        file_free(file);
    return status;
}

static void
work(void *context)
{
    struct worker    *worker = context;
    struct crew      *crew   = worker->crew;
    struct error      err    = ERROR_EMPTY;
    struct open_file *file;
    uint32_t          range  = 0;
    enum status       status = worker_open(worker, &err);

    while (status == ST_OK && take_task(worker, &file, &range))
        status = file == NULL ? open_file(worker, &err) : take_range(worker, file, range, &err);
    status = worker_close(worker, status, &err);
    mutex_lock(&crew->mutex);
    tell(crew, 0, status, &err);
    mutex_unlock(&crew->mutex);
}

enum status
run_decode_files(struct run *run, struct error *err)
{
    struct worker workers[PLAN_WORKER_COUNT_MAX];
    struct crew   crew  = { .run = run, .status = ST_OK, .err = ERROR_EMPTY };
    int64_t       count = run->graph->runtime.worker_count;

    CHECK(count >= 1 && count <= PLAN_WORKER_COUNT_MAX);
    for (size_t i = 0; i < run->input_count; i++)
        crew.bytes_total += run->inputs[i].size_bytes;
    mutex_init(&crew.mutex);
    condition_init(&crew.changed);
    for (int64_t i = 0; i < count; i++)
        workers[i] = (struct worker){ .crew = &crew, .thread = THREAD_EMPTY };
    /* Where the system gives fewer threads, fewer work; this one works along. */
    for (int64_t i = 1; i < count; i++)
        thread_start(&workers[i].thread, work, &workers[i], NULL);
    work(&workers[0]);
    for (int64_t i = 1; i < count; i++)
        thread_join(&workers[i].thread);
    while (crew.files != NULL) { /* Of a failure. */
        struct open_file *file = crew.files;
        crew.files             = file->next;
        file_free(file);
    }
    condition_release(&crew.changed);
    mutex_release(&crew.mutex);
    if (crew.status != ST_OK && err != NULL)
        *err = crew.err;
    return crew.status;
}
