/* CHECKED: what became of every record and row (I1), the bytes of what is quarantined, and whether the run may be published. */
#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "io/decompress.h"
#include "warehouse/run_int.h"

/* ---- Records ---- */

/* One row a record: those that the decoder told, and those that yielded rows. A record all of whose rows were refused is of
 * an unknown type where only `when` tells types (JSON, HL7 v2), and else of no entity. */
static const char VERDICT[] =
    "CREATE TABLE {run}.verdict AS SELECT input_number, position, length, code FROM {run}.record";

static const char VERDICT_OF_ROWS[] =
    "INSERT INTO {run}.verdict\n"
    "SELECT input_number, position, length, CASE WHEN code <> '4' THEN code\n"
    "  WHEN input_number IN (SELECT input_number FROM {run}.typed) THEN '1unknown_type' ELSE '3no_entity' END\n"
    "FROM (SELECT input_number, position, max(length) AS length, min(code) AS code FROM ({rows})\n"
    "  WHERE input_number BETWEEN {first} AND {last} AND position >= {from} AND position < {to} GROUP BY input_number, position)";

static const char ACCOUNT[] =
    "CREATE TABLE {run}.account AS SELECT source, '' AS entity, code, count(*) AS n, CAST(sum(length) AS BIGINT) AS bytes\n"
    "FROM {run}.verdict JOIN {run}.input USING (input_number) GROUP BY source, code{entities}";

static enum status
append_sources(struct run *run, struct str_builder *rows, struct str_builder *entities, struct error *err)
{
    const struct model *model = run->graph->model;

    str_builder_printf(rows, "SELECT input_number, position, length, code FROM %s.aside", run->prefix);
    for (uint32_t i = 0; i < model->entity_count; i++) {
        const char *name = model->entities[i].name;
        if (!run_has_entity(run, &model->entities[i]))
            continue;
        str_builder_printf(rows, "\nUNION ALL SELECT input_number, position, length, row_code FROM %s.\"judged_%s\"", run->prefix, name);
        str_builder_printf(entities,
                           "\nUNION ALL SELECT source, '%s', code, CAST(sum(n) AS BIGINT), 0 FROM (\n"
                           "  SELECT input_number, row_code AS code, count(*) AS n FROM %s.\"judged_%s\" GROUP BY ALL\n"
                           "  UNION ALL SELECT input_number, code, count(*) FROM %s.aside WHERE entity_number = %u AND code <> '4' GROUP BY ALL)\n"
                           "JOIN %s.input USING (input_number) GROUP BY source, code",
                           name, run->prefix, name, run->prefix, i, run->prefix);
    }
    return str_builder_is_ok(rows) ? str_builder_status(entities, err) : error_no_memory(err);
}

/* Files whose unknown types no decoder tells. That of FHIR does, and CSV has none. */
static enum status
list_typed(struct run *run, struct error *err)
{
    struct db_appender *appender = NULL;
    enum status         status   = sql_run(run->connection, &run->names, err, "CREATE TABLE {run}.typed (input_number BIGINT)");

    if (status == ST_OK)
        status = db_appender_open(run->connection, DB_STAGE, run->schema, "typed", &appender, err);
    for (size_t i = 0; status == ST_OK && i < run->input_count; i++) {
        if (run->inputs[i].format[0] == 'c' || run->inputs[i].format[0] == 'f')
            continue;
        db_row_int64(appender, run->inputs[i].number);
        status = db_row_end(appender, err);
    }
    if (status == ST_OK)
        status = db_appender_flush(appender, err);
    db_appender_free(appender);
    return status;
}

/* The records of inputs[first, last] that begin in [from, to) of their bytes. */
static enum status
judge_records(struct run *run, size_t first, size_t last, int64_t from, int64_t to, struct error *err)
{
    sql_setf(&run->names, "first", "%" PRId64, run->inputs[first].number);
    sql_setf(&run->names, "last", "%" PRId64, run->inputs[last].number);
    sql_setf(&run->names, "from", "%" PRId64, from);
    sql_setf(&run->names, "to", "%" PRId64, to);
    return sql_run(run->connection, &run->names, err, VERDICT_OF_ROWS);
}

/* Some inputs at a time, and of a large one some of its bytes: grouped at once, the records of a large run would not fit (I10), for DuckDB
 * holds the table of a partition whole, and one thread makes few. */
static enum status
judge_all(struct run *run, struct error *err)
{
    const int64_t rows_max = warehouse_bounds(&run->graph->runtime).memory_bytes / VERDICT_ROW_SIZE;
    int64_t       rows     = 0;
    size_t        first    = 0;
    enum status   status   = sql_run(run->connection, &run->names, err, VERDICT);

    for (size_t i = 0; status == ST_OK && i < run->input_count; i++) {
        const struct run_input *input = &run->inputs[i];
        const int64_t           parts = input->row_count / rows_max + 1, size = input->decoded_bytes / parts + 1;

        if (i > first && rows + input->row_count > rows_max) {
            status = judge_records(run, first, i - 1, 0, INT64_MAX, err);
            first  = i;
            rows   = 0;
        }
        rows += input->row_count;
        for (int64_t part = 0; status == ST_OK && parts > 1 && part < parts; part++)
            status = judge_records(run, i, i, part * size, part == parts - 1 ? INT64_MAX : (part + 1) * size, err);
        if (parts > 1) {
            first = i + 1;
            rows  = 0;
        }
    }
    return status == ST_OK && first < run->input_count ? judge_records(run, first, run->input_count - 1, 0, INT64_MAX, err) : status;
}

static enum status
count_all(struct run *run, struct error *err)
{
    struct str_builder rows     = STR_BUILDER_EMPTY;
    struct str_builder entities = STR_BUILDER_EMPTY;
    enum status        status   = append_sources(run, &rows, &entities, err);

    if (status == ST_OK) {
        sql_set(&run->names, "rows", str_builder_text(&rows));
        sql_set(&run->names, "entities", entities.size == 0 ? STR("") : str_builder_text(&entities));
        status = judge_all(run, err);
    }
    if (status == ST_OK)
        status = sql_run(run->connection, &run->names, err, ACCOUNT);
    str_builder_release(&rows);
    str_builder_release(&entities);
    return status;
}

/* ---- I1 ---- */

/* The database's counts against those that the decoders made in C: two ways to the same numbers. */
static enum status
check_identity(struct run *run, struct error *err)
{
    int64_t     record_count = 0, record_bytes = 0, row_count = 0;
    enum status status = ST_OK;

    for (size_t i = 0; status == ST_OK && i < run->input_count; i++) {
        const struct run_input *input = &run->inputs[i];
        record_count += input->record_count;
        record_bytes += input->record_bytes;
        row_count += input->row_count;
        if (input->record_bytes + input->between_bytes != input->decoded_bytes)
            status = error_set(err, ERR_INTERNAL, "I1: of the %" PRId64 " bytes of %s %" PRId64 " are accounted for", input->decoded_bytes,
                               input->file, input->record_bytes + input->between_bytes);
    }
    int64_t counted = 0, bytes = 0, rows = 0;
    if (status == ST_OK)
        status = sql_int64(run->connection, &run->names, &counted, err, "SELECT coalesce(sum(n), 0)::BIGINT FROM {run}.account WHERE entity = ''");
    if (status == ST_OK)
        status = sql_int64(run->connection, &run->names, &bytes, err, "SELECT coalesce(sum(bytes), 0)::BIGINT FROM {run}.account WHERE entity = ''");
    if (status == ST_OK)
        status = sql_int64(run->connection, &run->names, &rows, err, "SELECT count(*) FROM ({rows})");
    if (status == ST_OK && (counted != record_count || bytes != record_bytes || rows != row_count))
        status = error_set(err, ERR_INTERNAL,
                           "I1: decoders counted %" PRId64 " records, %" PRId64 " bytes and %" PRId64 " rows, the warehouse %" PRId64
                           ", %" PRId64 " and %" PRId64,
                           record_count, record_bytes, row_count, counted, bytes, rows);
    return status;
}

/* ---- Quarantine ---- */

/* Every quarantined row, and records without one. Bytes of records that the decoder told lie in `record`. */
static const char QUARANTINE[] =
    "CREATE TABLE {run}.quarantine AS\n"
    "SELECT input_number, position, length, NULL::BIGINT AS row_number, NULL::VARCHAR AS entity, NULL::VARCHAR AS path, code, reason, bytes\n"
    "FROM {run}.record WHERE code LIKE '1%'\n"
    "UNION ALL SELECT input_number, position, length, NULL, NULL, NULL, code, NULL, NULL FROM {run}.verdict\n"
    "WHERE code = '1unknown_type' AND (input_number, position) NOT IN (SELECT (input_number, position) FROM {run}.record)";

static enum status
list_quarantined(struct run *run, struct error *err)
{
    const struct model *model  = run->graph->model;
    enum status         status = sql_run(run->connection, &run->names, err, QUARANTINE);

    for (uint32_t i = 0; status == ST_OK && i < model->entity_count; i++)
        if (run_has_entity(run, &model->entities[i]))
            status = db_runf(run->connection, err,
                             "INSERT INTO %s.quarantine SELECT input_number, position, length, row_number, '%s', row_path, row_code, NULL, NULL\n"
                             "FROM %s.\"row_%s\" WHERE row_code LIKE '1%%'",
                             run->prefix, model->entities[i].name, run->prefix, model->entities[i].name);
    if (status == ST_OK)
        status = sql_run(run->connection, &run->names, err, "CREATE TABLE {run}.kept (input_number BIGINT, position BIGINT, bytes BLOB)");
    return status;
}

/* The file that is read again, as far as it was read. */
struct rereader {
    struct io         *io;
    int64_t            number; /* 0: none. */
    struct decompress *stream; /* NULL: the file cannot be read any more. */
    char              *bytes;
    size_t             capacity;
};

/* The bytes of one place; places come in the order of input and position. What cannot be read any more is shorter. */
static enum status
read_place(struct rereader *reader, const struct run_input *input, int64_t position, int64_t length, struct str *ret_bytes, struct error *err)
{
    struct error fault = ERROR_EMPTY;
    size_t       size  = (size_t)length > FILE_READ_SIZE ? (size_t)length : FILE_READ_SIZE;
    size_t       got   = 1;

    if (reader->capacity < size) {
        char *grown = memory_resize(reader->bytes, size);
        if (grown == NULL)
            return error_no_memory(err);
        reader->bytes    = grown;
        reader->capacity = size;
    }
    if (reader->number != input->number) {
        decompress_free(reader->stream);
        reader->stream = NULL;
        reader->number = input->number;
        if (decompress_open(reader->io, input->path, &reader->stream, &fault) != ST_OK && fault.code == ERR_NO_MEMORY)
            return error_no_memory(err);
    }
    while (reader->stream != NULL && got > 0 && decompress_position(reader->stream) < (uint64_t)position) {
        uint64_t left = (uint64_t)position - decompress_position(reader->stream);
        if (decompress_read(reader->stream, reader->bytes, left < reader->capacity ? (size_t)left : reader->capacity, &got, &fault) != ST_OK)
            got = 0;
    }
    size = 0;
    while (reader->stream != NULL && got > 0 && size < (size_t)length) {
        if (decompress_read(reader->stream, reader->bytes + size, (size_t)length - size, &got, &fault) != ST_OK)
            got = 0;
        size += got;
    }
    *ret_bytes = str_of(reader->bytes, size);
    return fault.code == ERR_NO_MEMORY ? error_no_memory(err) : ST_OK;
}

/* Reads the bytes of those places again, file by file. A file that changed meanwhile keeps what its place holds now: the
 * digest tells. */
static enum status
keep_bytes(struct run *run, struct error *err)
{
    struct db_result    result    = DB_RESULT_EMPTY;
    struct db_appender *appender  = NULL;
    struct rereader     reader    = { .io = run->warehouse->options.io };
    struct str          bytes     = STR_EMPTY;
    uint32_t            row_count = 1;
    enum status         status = sql_query(run->connection, &run->names, &result, err,
                                           "SELECT DISTINCT input_number, position, length FROM {run}.quarantine WHERE bytes IS NULL "
                                           "ORDER BY input_number, position");

    if (status == ST_OK)
        status = db_appender_open(run->connection, DB_STAGE, run->schema, "kept", &appender, err);
    while (status == ST_OK && row_count != 0) {
        status = db_next(&result, &row_count, err);
        for (uint32_t row = 0; status == ST_OK && row < row_count; row++) {
            int64_t number = db_int64(&result, 0, row), position = db_int64(&result, 1, row), length = db_int64(&result, 2, row);
            status = read_place(&reader, &run->inputs[number - 1], position, length, &bytes, err);
            if (status != ST_OK)
                break;
            db_row_int64(appender, number);
            db_row_int64(appender, position);
            db_row_blob(appender, bytes);
            status = db_row_end(appender, err);
        }
    }
    if (status == ST_OK)
        status = db_appender_flush(appender, err);
    db_appender_free(appender);
    db_result_release(&result);
    decompress_free(reader.stream);
    memory_free(reader.bytes);
    return status;
}

/* ---- The gate and the summary ---- */

static enum status
judge(struct run *run, struct error *err)
{
    const struct graph_gates *gates    = &run->graph->batch.gates;
    struct batch_summary     *summary  = run->summary;
    int64_t                   received = 0, quarantined = 0;
    char                     *text     = NULL;

    for (size_t i = 0; i < summary->source_count; i++) {
        received += summary->sources[i].received;
        quarantined += summary->sources[i].quarantined;
    }
    if (run->input_count == 0 && !gates->is_no_input_accepted)
        text = arena_printf(&summary->arena, "there was no input: no source has a file");
    else if (received > 0 && quarantined * 1000000 > gates->quarantined_max * received)
        text = arena_printf(&summary->arena, "%" PRId64 " of %" PRId64 " records are quarantined, more than %.2f %%", quarantined, received,
                            (double)gates->quarantined_max / 10000.0);
    else
        return ST_OK;
    if (text == NULL)
        return error_no_memory(err);
    summary->gate = str_from(text);
    return ST_OK;
}

static const char SOURCE_COUNTS[] =
    "SELECT code[1] AS outcome, CAST(sum(n) AS BIGINT), CAST(sum(bytes) AS BIGINT) FROM {run}.account WHERE entity = '' AND source = {source}\n"
    "GROUP BY outcome";

static enum status
sum_source(struct run *run, const struct graph_source *source, struct batch_source *sum, struct error *err)
{
    struct db_result result = DB_RESULT_EMPTY;
    uint32_t         row_count;

    *sum = (struct batch_source){ .name = source->name };
    for (size_t i = 0; i < run->input_count; i++)
        sum->input_count += run->specs[run->inputs[i].spec_index].source == source;
    sql_set_text(&run->names, "source", source->name);
    enum status status = sql_query(run->connection, &run->names, &result, err, SOURCE_COUNTS);
    /* Four groups may come in four chunks: DuckDB's hash aggregate gives one of each of its partitions. */
    while (status == ST_OK && (status = db_next(&result, &row_count, err)) == ST_OK && row_count > 0) {
        for (uint32_t row = 0; row < row_count; row++) {
            int64_t *const counts[] = { &sum->loaded, &sum->quarantined, &sum->deduplicated, &sum->filtered };
            struct str     outcome  = db_text(&result, 0, row);
            *counts[(outcome.data[0] - '0') & 3] = db_int64(&result, 1, row);
            sum->bytes += db_int64(&result, 2, row);
            sum->received += db_int64(&result, 1, row);
        }
    }
    db_result_release(&result);
    return status;
}

static enum status
summarize(struct run *run, struct error *err)
{
    const struct graph_batch *batch   = &run->graph->batch;
    struct batch_summary     *summary = run->summary;
    struct batch_source      *sources = ARENA_ARRAY(&summary->arena, struct batch_source, batch->source_count);
    enum status               status  = sources == NULL ? error_no_memory(err) : ST_OK;

    for (size_t i = 0; status == ST_OK && i < batch->source_count; i++) {
        status = sum_source(run, &batch->sources[i], &sources[i], err);
        if (status == ST_OK && !arena_text(&summary->arena, sources[i].name, &sources[i].name))
            status = error_no_memory(err);
    }
    if (status == ST_OK) {
        summary->sources      = sources;
        summary->source_count = batch->source_count;
    }
    return status;
}

enum status
run_account(struct run *run, struct error *err)
{
    static enum status (*const STEPS[])(struct run *run, struct error *err) = { list_typed, count_all, check_identity, list_quarantined,
                                                                                keep_bytes, summarize, judge };
    enum status status = ST_OK;

    for (size_t i = 0; status == ST_OK && i < sizeof STEPS / sizeof *STEPS; i++) {
        if (STEPS[i] == judge)
            run_step(run, "gates");
        status = STEPS[i](run, err);
    }
    return status == ST_OK ? run_pause(run, "check", 0, 0, err) : status;
}
