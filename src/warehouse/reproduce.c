#include "warehouse/reproduce.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "warehouse/run_int.h"

/* ---- A run's files ---- */

static int
compare_input(const struct batch_manifest_input *input, struct str source, struct str file)
{
    int order = str_compare(input->source, source);

    return order != 0 ? order : str_compare(input->file, file);
}

static const struct batch_manifest_input *
find_input(const struct batch_manifest *manifest, struct str source, struct str file)
{
    size_t begin = 0, end = manifest->count;

    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        int    order  = compare_input(&manifest->inputs[middle], source, file);
        if (order == 0)
            return &manifest->inputs[middle];
        if (order < 0)
            begin = middle + 1;
        else
            end = middle;
    }
    return NULL;
}

bool
run_is_meant(const struct run *run, struct str source, struct str file)
{
    return run->options->manifest == NULL || find_input(run->options->manifest, source, file) != NULL;
}

static enum status
changed(const struct batch_manifest_input *input, const char *digest, struct error *err)
{
    if (digest[0] == '\0')
        return error_set(err, ERR_NO, "%.*s of %.*s is not there any more, or cannot be read", STR_PRINTF(input->file), STR_PRINTF(input->source));
    return error_set(err, ERR_NO, "%.*s of %.*s has changed: its SHA-256 is %s, and was %s%.*s", STR_PRINTF(input->file),
                     STR_PRINTF(input->source), digest, input->digest.size == 0 ? "not readable" : "", STR_PRINTF(input->digest));
}

enum status
run_check_manifest(const struct run *run, struct error *err)
{
    const struct batch_manifest *manifest = run->options->manifest;

    if (manifest == NULL)
        return ST_OK;
    for (size_t i = 0; i < run->input_count; i++) {
        const struct run_input            *input = &run->inputs[i];
        const struct batch_manifest_input *was   = find_input(manifest, run->specs[input->spec_index].source->name, str_from(input->file));
        if (!str_equal(was->digest, str_from(input->digest)))
            return changed(was, input->digest, err);
    }
    for (size_t i = 0; i < manifest->count; i++) {
        bool is_found = false;
        for (size_t k = 0; !is_found && k < run->input_count; k++)
            is_found = compare_input(&manifest->inputs[i], run->specs[run->inputs[k].spec_index].source->name, str_from(run->inputs[k].file)) == 0;
        if (!is_found)
            return error_set(err, ERR_NO, "%.*s of %.*s is not among the files that the run's configuration finds now",
                             STR_PRINTF(manifest->inputs[i].file), STR_PRINTF(manifest->inputs[i].source));
    }
    return ST_OK;
}

static enum status
check_file(struct io *io, const struct batch_manifest_input *input, struct str folder, char *buffer, struct error *err)
{
    struct str_builder path  = STR_BUILDER_EMPTY;
    struct run_input   found = { .number = 0 };

    if (input->file.size == 0 || input->file.data[0] != '/')
        str_builder_printf(&path, "%.*s/", STR_PRINTF(folder));
    str_builder_append(&path, input->file);
    enum status status = str_builder_status(&path, err);
    found.path         = str_builder_cstr(&path);
    if (status == ST_OK)
        status = run_digest_file(io, &found, buffer, err);
    if (status == ST_OK && !str_equal(input->digest, str_from(found.digest)))
        status = changed(input, found.digest, err);
    str_builder_release(&path);
    return status;
}

enum status
run_chain_check_files(struct io *io, const struct run_chain *chain, struct str folder, struct error *err)
{
    char       *buffer = memory_alloc(FILE_READ_SIZE);
    enum status status = buffer == NULL ? error_no_memory(err) : ST_OK;

    for (size_t i = 0; status == ST_OK && i < chain->count; i++) {
        const struct batch_manifest *manifest = &chain->runs[i].manifest;
        for (size_t k = 0; status == ST_OK && k < manifest->count; k++)
            status = check_file(io, &manifest->inputs[k], folder, buffer, err);
        if (status != ST_OK)
            error_context(err, "looking at the files of run %.*s", STR_PRINTF(chain->runs[i].run_id));
    }
    memory_free(buffer);
    return status;
}

/* ---- Reading the chain ---- */

/* Fills rows [0, count) of an array of the arena by `take`; `sql` yields as many. */
struct reading {
    struct db_connection *connection;
    struct sql_names      names;
    struct arena         *arena;
};

typedef bool take_row_fn(const struct reading *reading, const struct db_result *result, uint32_t row, void *place);

static enum status
read_rows(struct reading *reading, const char *count_sql, const char *sql, size_t item_size, take_row_fn *take, void *ret_items,
          size_t *ret_count, struct error *err)
{
    struct db_result result = DB_RESULT_EMPTY;
    int64_t          count  = 0;
    size_t           place  = 0;
    uint32_t         row_count = 1;
    char            *items  = NULL;
    enum status      status = sql_int64(reading->connection, &reading->names, &count, err, count_sql);

    if (status == ST_OK && (items = arena_alloc_array(reading->arena, (size_t)count + 1, item_size, _Alignof(max_align_t))) == NULL)
        status = error_no_memory(err);
    if (status == ST_OK)
        memset(items, 0, ((size_t)count + 1) * item_size);
    if (status == ST_OK)
        status = sql_query(reading->connection, &reading->names, &result, err, sql);
    while (status == ST_OK && row_count != 0) {
        status = db_next(&result, &row_count, err);
        for (uint32_t row = 0; status == ST_OK && row < row_count && place < (size_t)count; row++)
            if (!take(reading, &result, row, items + place++ * item_size))
                status = error_no_memory(err);
    }
    db_result_release(&result);
    if (status == ST_OK) {
        memcpy(ret_items, &items, sizeof items);
        *ret_count = place;
    }
    return status;
}

static bool
take_text(const struct reading *reading, const struct db_result *result, uint32_t column, uint32_t row, struct str *ret_text)
{
    return arena_text(reading->arena, db_text(result, column, row), ret_text);
}

static bool
take_run(const struct reading *reading, const struct db_result *result, uint32_t row, void *place)
{
    struct run_record *run = place;

    run->number       = db_int64(result, 0, row);
    run->logical_date = (int32_t)db_int64(result, 1, row);
    return take_text(reading, result, 2, row, &run->run_id) && take_text(reading, result, 3, row, &run->program_version) &&
           take_text(reading, result, 4, row, &run->model_digest) && take_text(reading, result, 5, row, &run->configuration);
}

static bool
take_input(const struct reading *reading, const struct db_result *result, uint32_t row, void *place)
{
    struct batch_manifest_input *input = place;

    return take_text(reading, result, 0, row, &input->source) && take_text(reading, result, 1, row, &input->file) &&
           take_text(reading, result, 2, row, &input->digest);
}

static bool
take_table(const struct reading *reading, const struct db_result *result, uint32_t row, void *place)
{
    struct run_table *table = place;

    table->row_count = db_int64(result, 1, row);
    return take_text(reading, result, 0, row, &table->name) && take_text(reading, result, 2, row, &table->digest);
}

static enum status
read_tables(struct reading *reading, const struct run_table **ret_tables, size_t *ret_count, struct error *err)
{
    return read_rows(reading, "SELECT count(*) FROM meta.run_digest WHERE run_id = {run_id}",
                     "SELECT table_name, row_count, digest FROM meta.run_digest WHERE run_id = {run_id} ORDER BY table_name",
                     sizeof **ret_tables, take_table, ret_tables, ret_count, err);
}

static enum status
read_record(struct reading *reading, struct run_record *run, struct error *err)
{
    sql_set_text(&reading->names, "run_id", run->run_id);
    enum status status = read_rows(reading, "SELECT count(*) FROM meta.input WHERE run_id = {run_id}",
                                   "SELECT source, file, coalesce(digest, '') FROM meta.input WHERE run_id = {run_id} ORDER BY source, file",
                                   sizeof *run->manifest.inputs, take_input, &run->manifest.inputs, &run->manifest.count, err);
    return status == ST_OK ? read_tables(reading, &run->tables, &run->table_count, err) : status;
}

static enum status
find_run(struct reading *reading, struct str run_id, int64_t *ret_number, struct error *err)
{
    int64_t     is_published = 0;
    enum status status;

    sql_set_text(&reading->names, "run", run_id);
    status = sql_int64(reading->connection, &reading->names, ret_number, err, "SELECT coalesce(max(number), 0) FROM meta.run WHERE run_id = {run}");
    if (status == ST_OK)
        status = sql_int64(reading->connection, &reading->names, &is_published, err, "SELECT count(*) FROM meta.run WHERE run_id = {run} AND published");
    if (status == ST_OK && *ret_number == 0) {
        status = error_set(err, ERR_USAGE, "there is no run %.*s", STR_PRINTF(run_id));
        error_hint(err, "`heddle runs` lists them");
    } else if (status == ST_OK && is_published == 0) {
        status = error_set(err, ERR_NO, "run %.*s was not published: it left nothing to compare with", STR_PRINTF(run_id));
    }
    sql_setf(&reading->names, "number", "%" PRId64, *ret_number);
    return status;
}

enum status
run_chain_read(struct db_connection *connection, struct str run_id, struct run_chain *ret_chain, struct error *err)
{
    struct run_chain   chain   = { .count = 0 };
    struct reading     reading = { .connection = connection, .arena = &chain.arena };
    struct run_record *runs    = NULL;
    int64_t            number  = 0;

    arena_init(&chain.arena, 0);
    sql_names_init(&reading.names);
    enum status status = find_run(&reading, run_id, &number, err);
    if (status == ST_OK)
        status = read_rows(&reading, "SELECT count(*) FROM meta.run WHERE published AND number <= {number}",
                           "SELECT number, (logical_date - DATE '1970-01-01')::BIGINT, run_id, program_version, model_digest, configuration\n"
                           "FROM meta.run WHERE published AND number <= {number} ORDER BY number",
                           sizeof *runs, take_run, &runs, &chain.count, err);
    for (size_t i = 0; status == ST_OK && i < chain.count; i++)
        status = read_record(&reading, &runs[i], err);
    sql_names_release(&reading.names);
    if (status != ST_OK) {
        arena_release(&chain.arena);
        return status;
    }
    chain.runs = runs;
    *ret_chain = chain;
    return ST_OK;
}

void
run_chain_release(struct run_chain *chain)
{
    arena_release(&chain->arena);
    *chain = (struct run_chain){ .count = 0 };
}

/* ---- Comparing ---- */

static enum status
compare_tables(const struct run_record *record, const struct run_table *tables, size_t table_count, struct error *err)
{
    for (size_t i = 0; i < record->table_count || i < table_count; i++) {
        const struct run_table *was = &record->tables[i], *is = &tables[i];
        /* Both are by name: where one is at its end, or behind the other, the other has a table that it has not. */
        int order = i >= record->table_count ? 1 : i >= table_count ? -1 : str_compare(was->name, is->name);
        if (order != 0)
            return error_set(err, ERR_NO, "run %.*s is not the same again: only %s has %.*s", STR_PRINTF(record->run_id),
                             order < 0 ? "the first" : "the second", STR_PRINTF(order < 0 ? was->name : is->name));
        if (was->row_count != is->row_count || !str_equal(was->digest, is->digest))
            return error_set(err, ERR_NO,
                             "run %.*s is not the same again: %.*s has %" PRId64 " rows, digest %.*s, and had %" PRId64 " rows, digest %.*s",
                             STR_PRINTF(record->run_id), STR_PRINTF(is->name), is->row_count, STR_PRINTF(is->digest), was->row_count,
                             STR_PRINTF(was->digest));
    }
    return ST_OK;
}

enum status
run_record_compare(struct db_connection *connection, const struct run_record *record, struct error *err)
{
    struct arena            arena;
    struct reading          reading = { .connection = connection, .arena = &arena };
    const struct run_table *tables  = NULL;
    size_t                  count   = 0;

    arena_init(&arena, 0);
    sql_names_init(&reading.names);
    sql_set(&reading.names, "run_id", STR("(SELECT max_by(run_id, number) FROM meta.run WHERE published)"));
    enum status status = read_tables(&reading, &tables, &count, err);
    if (status == ST_OK)
        status = compare_tables(record, tables, count, err);
    sql_names_release(&reading.names);
    arena_release(&arena);
    return status;
}
