/* DECODED, the files: each is read once, range by range, and several threads decode the ranges side by side.
 *
 * D1  One thread at a time reads a file on. It then decodes what it read, while another reads the next range.
 * D2  A thread opens a file only where every open one is being read: at most as many files are open as there are threads.
 * D3  Which thread decodes what, and where ranges end, shapes no content: rows carry input, position and row number (R4).
 * D4  A file of which some range cannot be read is one refused record. What was decoded of it is taken out again once all
 *     threads have handed over their rows.
 * D5  A thread holds one range, a file its head and what was read behind its last range: memory does not grow with files (I10). */
#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "io/thread.h"
#include "warehouse/range_int.h"
#include "warehouse/rows_int.h"

/* A file that is being decoded. */
struct open_file {
    struct open_file         *next;
    struct run_input         *input;
    const struct decode_plan *plan;
    struct decode_layout     *layout;
    struct range_reader       reader;
    bool                      is_reading; /* By some thread, which alone touches the reader. */
    uint32_t                  busy_count; /* Ranges taken and not done yet. */
    struct decode_counts      counts;
    int64_t                   told_bytes; /* As stored; of the progress. */
};

struct crew {
    struct run       *run;
    struct run_bounds bounds;
    struct mutex      mutex;   /* Guards what follows, and of the files all but the reader while is_reading. */
    struct condition  changed; /* There are ranges to read, or there will be none. */
    struct open_file *files;   /* With ranges that are to be read or decoded. */
    size_t            next;    /* Input that is opened next. */
    uint32_t          opening_count;
    int64_t           bytes, bytes_total; /* As stored; for progress. */
    struct error      err;
    enum status       status;
};

struct worker {
    struct crew          *crew;
    uint32_t              number;
    struct thread         thread;
    struct db_connection *connection;
    struct db_appender   *record;
    struct db_appender   *note;
    struct rows          *rows;
    const struct decode_plan *plan;  /* Of the file at hand. */
    struct run_input     *input;
    struct range          range;
};

static void
file_free(struct open_file *file)
{
    if (file == NULL)
        return;
    decode_layout_free(file->layout);
    range_reader_release(&file->reader);
    memory_free(file);
}

/* ---- What a decoder tells ---- */

/* Hands over what waits in all tables once it is more than the thread's share (I10). */
static enum status
hand_over(struct worker *worker, struct error *err)
{
    const int64_t waiting = db_appender_waiting(worker->record) + db_appender_waiting(worker->note);

    if (waiting <= worker->crew->bounds.append_size)
        return ST_OK;
    enum status status = db_appender_flush(worker->record, err);
    return status == ST_OK ? db_appender_flush(worker->note, err) : status;
}

/* Decoder outcomes lead to the same codes as rows: see rows_int.h. */
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
    return db_row_end(worker->record, err) == ST_OK ? hand_over(worker, err) : ST_ERROR;
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
    struct worker *worker = context;

    if (rows_take(worker->rows, worker->input, decode_plan_mapping(worker->plan, mapping_index), chunk, err) != ST_OK)
        return ST_ERROR;
    return hand_over(worker, err);
}

/* What is found at a field, or of no mapping at all; which column a field is for, the program tells once it is built (run_publish.c). */
static enum status
take_note(void *context, const struct decode_note *note, struct error *err)
{
    static const char *const CODES[] = { [NOTE_MISSING_COLUMN] = "missing_column", [NOTE_WRONG_SHAPE] = "wrong_shape",
                                         [NOTE_BATCH_COUNT] = "batch_count", [NOTE_STRAY_LINE] = "stray_line",
                                         [NOTE_UNENDED_BUNDLE] = "unended_bundle" };
    struct worker           *worker  = context;
    const bool               is_of_mapping = note->mapping_index >= 0;

    db_row_int64(worker->note, worker->input->number);
    db_row_int64(worker->note, note->position);
    db_row_text(worker->note, str_from(is_of_mapping ? decode_plan_mapping(worker->plan, (uint32_t)note->mapping_index)->name : NULL));
    db_row_int64(worker->note, note->field_index);
    db_row_text(worker->note, str_from(CODES[note->kind]));
    return db_row_end(worker->note, err);
}

/* ---- One file, one range ---- */

/* The reader with its words ends before the run does. NULL only where memory ran out: then the code says it. */
static const char *
keep_reason(struct worker *worker, const char *reason)
{
    mutex_lock(&worker->crew->mutex);
    const char *kept = arena_cstr(&worker->crew->run->arena, str_from(reason));
    mutex_unlock(&worker->crew->mutex);
    return kept != NULL ? kept : "";
}

/* A file that cannot be read, or that no mapping is for, is one quarantined record. */
static enum status
refuse_file(struct worker *worker, struct open_file *file, const char *reason_code, const char *reason, struct error *err)
{
    struct run_input *input = file->input;
    int64_t           size  = range_reader_size(&file->reader);

    input->is_withdrawn  = file->counts.record_count > 0;
    input->reason_code   = reason_code;
    input->reason        = keep_reason(worker, reason);
    input->decoded_bytes = size;
    input->record_count  = 1;
    input->record_bytes  = size;
    worker->input        = input;
    return take_record(worker, "1", reason_code, reason, 0, size,
                       str_slice(str_of(file->reader.head, file->reader.head_size), 0, FORMAT_KEPT_SIZE_MAX), err);
}

/* Mappings that no file fits get no program: of a model with many, few are of an input. */
static enum status
need_mappings(struct worker *worker, const struct open_file *file, struct error *err)
{
    struct run *run    = worker->crew->run;
    enum status status = ST_OK;

    mutex_lock(&worker->crew->mutex);
    for (uint32_t i = 0; status == ST_OK && i < decode_plan_mapping_count(file->plan); i++)
        if (decode_layout_has(file->layout, i))
            status = rows_need(run, worker->connection, file->input->spec_index, decode_plan_mapping(file->plan, i), err);
    mutex_unlock(&worker->crew->mutex);
    return status;
}

static enum status
begin_ranges(struct worker *worker, struct open_file *file, struct error *err)
{
    const struct decode_sink   sink   = { worker, take_rows, take_outcome, take_note };
    const struct range_reader *reader = &file->reader;
    enum decode_reason         reason;
    const char                *detail;

    worker->plan  = file->plan;
    worker->input = file->input;
    if (decode_layout_open(file->plan, str_from(file->input->path), reader->head, reader->head_size, reader->is_at_end, &sink, &file->layout, err) != ST_OK)
        return ST_ERROR;
    if (!decode_layout_is_readable(file->layout, &reason, &detail)) { /* Its decoder tells the record. */
        file->input->reason_code = decode_reason_code(reason);
        file->input->reason      = detail;
    }
    return need_mappings(worker, file, err);
}

/* Opens the file as far as its head. Where *ret_has_ranges is false it is done with: it is empty or refused. */
static enum status
begin_file(struct worker *worker, struct open_file *file, bool *ret_has_ranges, struct error *err)
{
    static const enum model_format FORMATS[] = { [GRAPH_FORMAT_CSV] = MODEL_CSV, [GRAPH_FORMAT_HL7V2] = MODEL_HL7V2, [GRAPH_FORMAT_JSON] = MODEL_JSON,
        [GRAPH_FORMAT_FHIR_R4] = MODEL_FHIR_R4,
        [GRAPH_FORMAT_FIXED] = MODEL_FIXED };
    struct run_input         *input    = file->input;
    const struct run_spec    *spec     = &worker->crew->run->specs[input->spec_index];
    struct range_reader      *reader   = &file->reader;
    enum model_format         format   = FORMATS[GRAPH_FORMAT_CSV];
    bool                      is_known = true;
    const struct file_info   *listed   = input->digest[0] == '\0' ? NULL : &input->info;
    enum status status = range_reader_open(reader, worker->crew->run->warehouse->options.io, input->path, listed, err);

    if (status != ST_OK)
        return status;
    if (spec->input->format == GRAPH_FORMAT_AUTO && decode_plan_names(spec->plans[MODEL_FIXED], str_from(input->path)))
        format = MODEL_FIXED;
    else if (spec->input->format == GRAPH_FORMAT_AUTO)
        is_known = format_detect(reader->head, reader->head_size, str_from(input->path), &format);
    else
        format = FORMATS[spec->input->format];
    if (is_known)
        input->format = model_format_name(format);
    file->plan      = is_known ? spec->plans[format] : NULL;
    *ret_has_ranges = reader->fault_code == NULL && reader->head_size > 0 && file->plan != NULL;
    if (*ret_has_ranges)
        return begin_ranges(worker, file, err);
    if (range_reader_drain(reader, &worker->range, err) != ST_OK)
        return ST_ERROR;
    if (reader->fault_code != NULL)
        return refuse_file(worker, file, reader->fault_code, reader->fault, err);
    if (range_reader_size(reader) == 0)
        return ST_OK; /* No record, no byte. */
    return refuse_file(worker, file, "no_mapping", "no mapping of its format is meant", err);
}

/* One range by one decoder, in one piece or, where it has no end near, in several. The counts are the range's own. */
static enum status
decode_range(struct worker *worker, struct open_file *file, struct decode_counts *ret_counts, struct error *err)
{
    const struct decoder_options options = { .chunk_capacity = (uint32_t)worker->crew->run->graph->runtime.chunk_row_count_max, .is_borrowing = true };
    const struct decode_sink     sink    = { worker, take_rows, take_outcome, take_note };
    struct range                *range   = &worker->range;
    struct decoder              *decoder = NULL;
    enum status                  status  = decoder_open(file->plan, file->layout, &options, &sink, &decoder, err);

    while (status == ST_OK) {
        bool   was_last = range->is_last;
        size_t used     = 0;
        status          = decoder_decode(decoder, range->bytes, range->size, range->position, was_last, 0, &used, err);
        CHECK(status != ST_OK || !was_last || used == range->size);
        if (status != ST_OK || was_last)
            break;
        status = range_reader_more(&file->reader, range, used, err);
        if (file->reader.fault_code != NULL)
            break;
    }
    if (status == ST_OK)
        status = decoder_flush(decoder, err);
    if (status == ST_OK)
        *ret_counts = *decoder_counts(decoder);
    decoder_free(decoder);
    return status;
}

/* All ranges are decoded, or one could not be read. */
static enum status
end_file(struct worker *worker, struct open_file *file, struct error *err)
{
    struct run_input *input = file->input;

    if (file->reader.fault_code != NULL)
        return refuse_file(worker, file, file->reader.fault_code, file->reader.fault, err);
    input->decoded_bytes = range_reader_size(&file->reader);
    input->record_count  = file->counts.record_count;
    input->record_bytes  = file->counts.record_bytes;
    input->between_bytes = file->counts.between_bytes;
    input->row_count     = file->counts.row_count;
    return ST_OK;
}

/* ---- One thread ---- */

static enum status
worker_open(struct worker *worker, struct error *err)
{
    struct run *run = worker->crew->run;

    if (db_connect(run->warehouse->db, &worker->connection, err) != ST_OK)
        return ST_ERROR;
    if (db_appender_open(worker->connection, DB_STAGE, run->schema, "record", &worker->record, err) != ST_OK)
        return ST_ERROR;
    if (db_appender_open(worker->connection, DB_STAGE, run->schema, "note", &worker->note, err) != ST_OK)
        return ST_ERROR;
    return rows_open(run, worker->number, &worker->rows, err);
}

static enum status
worker_close(struct worker *worker, enum status status, struct error *err)
{
    if (status == ST_OK)
        status = db_appender_flush(worker->record, err);
    if (status == ST_OK)
        status = db_appender_flush(worker->note, err);
    if (status == ST_OK)
        status = rows_flush(worker->rows, err);
    rows_free(worker->rows);
    db_appender_free(worker->record);
    range_release(&worker->range);
    db_appender_free(worker->note);
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

/* What the thread does next: the next range of *ret_file, or, where that is NULL, the worker's input is to be opened. False:
 * nothing is left, or somebody failed. */
static bool
take_task(struct worker *worker, struct open_file **ret_file)
{
    struct crew      *crew     = worker->crew;
    struct open_file *file     = NULL;
    bool              is_there = false;

    mutex_lock(&crew->mutex);
    for (;;) {
        uint32_t reading_count = crew->opening_count;
        for (file = crew->files; file != NULL && (file->is_reading || file->reader.is_done); file = file->next)
            reading_count += file->is_reading;
        is_there = crew->status == ST_OK && (file != NULL || crew->next < crew->run->input_count);
        if (is_there || crew->status != ST_OK || reading_count == 0)
            break;
        condition_wait(&crew->changed, &crew->mutex);
    }
    if (is_there && file == NULL) {
        worker->input = &crew->run->inputs[crew->next++];
        crew->opening_count++;
    } else if (is_there) {
        worker->input    = file->input;
        worker->plan     = file->plan;
        file->is_reading = true;
        file->busy_count++;
    }
    mutex_unlock(&crew->mutex);
    *ret_file = file;
    return is_there;
}

static enum status
open_file(struct worker *worker, struct error *err)
{
    struct crew      *crew       = worker->crew;
    struct run_input *input      = worker->input;
    struct open_file *file       = memory_alloc_zero(sizeof *file);
    bool              has_ranges = false;
    enum status       status     = file == NULL ? error_no_memory(err) : ST_OK;

    if (status == ST_OK) {
        file->input = input;
        status      = begin_file(worker, file, &has_ranges, err);
    }
    if (status != ST_OK)
        error_context(err, "decoding %s", input->path);
    has_ranges = has_ranges && status == ST_OK;
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

/* Lets others read the file on. */
static void
leave_reader(struct crew *crew, struct open_file *file)
{
    mutex_lock(&crew->mutex);
    file->is_reading = false;
    condition_broadcast(&crew->changed);
    mutex_unlock(&crew->mutex);
}

/* The range's share of the file is done. The last one takes the file out of the list: true. The mutex is held. */
static bool
leave_range(struct crew *crew, struct open_file *file, const struct decode_counts *counts)
{
    file->counts.record_count += counts->record_count;
    file->counts.record_bytes += counts->record_bytes;
    file->counts.between_bytes += counts->between_bytes;
    file->counts.row_count += counts->row_count;
    if (--file->busy_count > 0 || file->is_reading || !file->reader.is_done)
        return false;
    struct open_file **at = &crew->files;
    while (*at != file)
        at = &(*at)->next;
    *at = file->next;
    return true;
}

/* Of the progress: how much more of the file as stored is done. The mutex is held. */
static int64_t
bytes_done(struct open_file *file, int64_t stored)
{
    int64_t more = stored > file->told_bytes ? stored - file->told_bytes : 0;

    file->told_bytes += more;
    return more;
}

static enum status
take_range(struct worker *worker, struct open_file *file, struct error *err)
{
    struct crew         *crew       = worker->crew;
    struct range_reader *reader     = &file->reader;
    struct decode_counts counts     = { 0 };
    uint32_t             asked      = crew->run->options->range_size;
    bool                 is_done    = false;
    enum status          status     = range_reader_next(reader, file->plan, file->layout, asked == 0 ? crew->bounds.range_size : asked, &worker->range, err);
    int64_t              stored     = range_reader_stored_size(reader);
    bool                 has_fault  = reader->fault_code != NULL;
    bool                 is_holding = status != ST_OK || !(worker->range.is_last || has_fault);

    if (!is_holding)
        leave_reader(crew, file);
    if (status == ST_OK && !has_fault)
        status = decode_range(worker, file, &counts, err);
    mutex_lock(&crew->mutex);
    if (is_holding)
        file->is_reading = false;
    int64_t more = bytes_done(file, stored);
    if (status == ST_OK)
        is_done = leave_range(crew, file, &counts);
    mutex_unlock(&crew->mutex); /* From here the file is the last range's alone: whoever left it before may not look at it. */
    if (is_done) {
        status = end_file(worker, file, err);
        more += bytes_done(file, file->input->size_bytes);
    }
    if (status != ST_OK)
        error_context(err, "decoding %s", worker->input->path);
    mutex_lock(&crew->mutex);
    tell(crew, more, status, err);
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
    enum status       status = worker_open(worker, &err);

    while (status == ST_OK && take_task(worker, &file))
        status = file == NULL ? open_file(worker, &err) : take_range(worker, file, &err);
    status = worker_close(worker, status, &err);
    mutex_lock(&crew->mutex);
    tell(crew, 0, status, &err);
    mutex_unlock(&crew->mutex);
}

/* Takes out what was decoded of files before they turned out to be unreadable (D4). Of `record` the refusal stays: no record of a
 * range is as long as the whole file, for its end was told by bytes behind it. */
static enum status
withdraw(struct run *run, struct error *err)
{
    enum status status = ST_OK;

    for (size_t i = 0; status == ST_OK && i < run->input_count; i++) {
        const struct run_input *input = &run->inputs[i];
        if (!input->is_withdrawn)
            continue;
        status = db_runf(run->connection, err,
                         "DELETE FROM %s.record WHERE input_number = %" PRId64 " AND length < %" PRId64 "; DELETE FROM %s.note WHERE input_number = %" PRId64,
                         run->prefix, input->number, input->decoded_bytes, run->prefix, input->number);
        if (status == ST_OK)
            rows_withdraw(run, input);
    }
    return status;
}

enum status
run_decode_files(struct run *run, struct error *err)
{
    struct worker workers[PLAN_WORKER_COUNT_MAX];
    struct crew   crew  = { .run = run, .bounds = warehouse_bounds(&run->graph->runtime), .status = ST_OK, .err = ERROR_EMPTY };
    int64_t       count = crew.bounds.thread_count;

    CHECK(count >= 1 && count <= PLAN_WORKER_COUNT_MAX);
    for (size_t i = 0; i < run->input_count; i++)
        crew.bytes_total += run->inputs[i].size_bytes;
    mutex_init(&crew.mutex);
    condition_init(&crew.changed);
    for (int64_t i = 0; i < count; i++)
        workers[i] = (struct worker){ .crew = &crew, .number = (uint32_t)i, .thread = THREAD_EMPTY };
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
    return crew.status == ST_OK ? withdraw(run, err) : crew.status;
}
