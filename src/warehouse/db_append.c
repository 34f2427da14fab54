#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "warehouse/db.h"
#include "warehouse/db_int.h"

struct db_appender {
    duckdb_appender   appender;
    duckdb_data_chunk chunk; /* Of the table's types; refilled for each append. */
    uint32_t          column_count;
    int64_t           waiting_bytes;
    bool              has_failed; /* A value of the current row was refused. */
};

static enum status
fail_append(struct db_appender *appender, struct error *err)
{
    duckdb_error_data data   = duckdb_appender_error_data(appender->appender);
    enum status       status = db_fail(err, duckdb_error_data_error_type(data), duckdb_error_data_message(data));

    duckdb_destroy_error_data(&data);
    error_context(err, "appending rows");
    return status;
}

/* A data chunk of the table's column types. */
static enum status
make_chunk(struct db_appender *appender, struct error *err)
{
    duckdb_logical_type *types;

    appender->column_count = (uint32_t)duckdb_appender_column_count(appender->appender);
    types                  = memory_alloc_array_zero(appender->column_count, sizeof *types);
    if (types == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < appender->column_count; i++)
        types[i] = duckdb_appender_column_type(appender->appender, i);
    appender->chunk = duckdb_create_data_chunk(types, appender->column_count);
    for (uint32_t i = 0; i < appender->column_count; i++)
        duckdb_destroy_logical_type(&types[i]);
    memory_free(types);
    return appender->chunk != NULL ? ST_OK : error_no_memory(err);
}

enum status
db_appender_open(struct db_connection *connection, const char *catalog, const char *schema_name, const char *table_name,
                 struct db_appender **ret_appender, struct error *err)
{
    struct db_appender *appender = memory_alloc_zero(sizeof *appender);
    enum status         status;

    if (appender == NULL)
        return error_no_memory(err);
    if (duckdb_appender_create_ext(db_handle(connection), catalog, schema_name, table_name, &appender->appender) !=
        DuckDBSuccess) {
        status = fail_append(appender, err);
        goto out;
    }
    status = make_chunk(appender, err);

out:
    if (status == ST_OK) {
        *ret_appender = appender;
        return ST_OK;
    }
    error_context(err, "opening table %s.%s for appending", schema_name, table_name);
    db_appender_free(appender);
    return status;
}

/* Of long texts, beside their 16 bytes in the row. */
static int64_t
text_size(const struct column *column, const uint16_t *selection, uint32_t row_count)
{
    const struct text *texts = column->data;
    int64_t            size  = 0;

    if (column->type.kind != TYPE_TEXT)
        return 0;
    for (uint32_t i = 0; i < row_count; i++) {
        uint32_t row = selection != NULL ? selection[i] : i;
        if (texts[row].size > TEXT_INLINE_SIZE && (column->all_valid || validity_get(column->validity, row)))
            size += texts[row].size;
    }
    return size;
}

/* Both sides have the same layout (column/type.h), so a column is one copy; only a selection needs a loop. */
static void
fill_vector(duckdb_vector to, const struct column *column, const uint16_t *selection, uint32_t row_count)
{
    size_t    size    = type_value_size(column->type);
    char     *to_data = duckdb_vector_get_data(to);
    uint64_t *to_validity;

    if (selection == NULL) {
        memcpy(to_data, column->data, size * row_count);
    } else {
        for (uint32_t i = 0; i < row_count; i++)
            memcpy(to_data + size * i, (const char *)column->data + size * selection[i], size);
    }
    if (column->all_valid)
        return;
    duckdb_vector_ensure_validity_writable(to);
    to_validity = duckdb_vector_get_validity(to);
    for (uint32_t i = 0; i < row_count; i++)
        if (!validity_get(column->validity, selection != NULL ? selection[i] : i))
            duckdb_validity_set_row_invalid(to_validity, i);
}

/* Columns of the table from `first` on. */
static void
copy_columns(struct db_appender *appender, uint32_t first, const struct column *const *columns, uint32_t column_count, const uint16_t *selection,
             uint32_t row_count)
{
    for (uint32_t i = 0; i < column_count; i++) {
        fill_vector(duckdb_data_chunk_get_vector(appender->chunk, first + i), columns[i], selection, row_count);
        appender->waiting_bytes += text_size(columns[i], selection, row_count) + (int64_t)(type_value_size(columns[i]->type) * row_count);
    }
}

static enum status
append_chunk(struct db_appender *appender, uint32_t row_count, struct error *err)
{
    duckdb_data_chunk_set_size(appender->chunk, row_count);
    return duckdb_append_data_chunk(appender->appender, appender->chunk) == DuckDBSuccess ? ST_OK : fail_append(appender, err);
}

enum status
db_append_columns(struct db_appender *appender, const struct column *const *columns, uint32_t column_count, const uint16_t *selection,
                  uint32_t row_count, struct error *err)
{
    CHECK(appender->column_count == column_count);
    CHECK(row_count <= duckdb_vector_size());
    if (row_count == 0)
        return ST_OK;
    duckdb_data_chunk_reset(appender->chunk);
    copy_columns(appender, 0, columns, column_count, selection, row_count);
    return append_chunk(appender, row_count, err);
}

enum status
db_append_chunk(struct db_appender *appender, int64_t first_column, const struct chunk *chunk, struct error *err)
{
    const uint32_t row_count = chunk->selection != NULL ? chunk->selected_count : chunk->row_count;
    int64_t       *first;

    CHECK(appender->column_count == chunk->schema->column_count + 1);
    CHECK(row_count <= duckdb_vector_size());
    if (row_count == 0)
        return ST_OK;
    duckdb_data_chunk_reset(appender->chunk);
    first = duckdb_vector_get_data(duckdb_data_chunk_get_vector(appender->chunk, 0));
    for (uint32_t i = 0; i < row_count; i++)
        first[i] = first_column;
    for (uint32_t i = 0; i < chunk->schema->column_count; i++) {
        const struct column *column = &chunk->columns[i];
        copy_columns(appender, i + 1, &column, 1, chunk->selection, row_count);
    }
    return append_chunk(appender, row_count, err);
}

/* Of a value of a row; those of other kinds are not counted, for rows that are appended value by value have texts. */
#define ROW_VALUE_SIZE 16

static void
note(struct db_appender *appender, duckdb_state state)
{
    if (state != DuckDBSuccess)
        appender->has_failed = true;
}

void
db_row_int64(struct db_appender *appender, int64_t value)
{
    note(appender, duckdb_append_int64(appender->appender, value));
}

void
db_row_bool(struct db_appender *appender, bool value)
{
    note(appender, duckdb_append_bool(appender->appender, value));
}

void
db_row_text(struct db_appender *appender, struct str text)
{
    if (text.data == NULL)
        db_row_null(appender);
    else
        note(appender, duckdb_append_varchar_length(appender->appender, text.data, text.size));
    appender->waiting_bytes += (int64_t)text.size + ROW_VALUE_SIZE;
}

void
db_row_blob(struct db_appender *appender, struct str bytes)
{
    note(appender, duckdb_append_blob(appender->appender, bytes.data, bytes.size));
    appender->waiting_bytes += (int64_t)bytes.size + ROW_VALUE_SIZE;
}

void
db_row_time(struct db_appender *appender, int64_t time_us)
{
    note(appender, duckdb_append_timestamp(appender->appender, (duckdb_timestamp){.micros = time_us}));
}

void
db_row_date(struct db_appender *appender, int32_t days)
{
    note(appender, duckdb_append_date(appender->appender, (duckdb_date){.days = days}));
}

void
db_row_null(struct db_appender *appender)
{
    note(appender, duckdb_append_null(appender->appender));
}

enum status
db_row_end(struct db_appender *appender, struct error *err)
{
    note(appender, duckdb_appender_end_row(appender->appender));
    return appender->has_failed ? fail_append(appender, err) : ST_OK;
}

int64_t
db_appender_waiting(const struct db_appender *appender)
{
    return appender->waiting_bytes;
}

enum status
db_appender_flush(struct db_appender *appender, struct error *err)
{
    appender->waiting_bytes = 0;
    if (duckdb_appender_flush(appender->appender) != DuckDBSuccess)
        return fail_append(appender, err);
    return ST_OK;
}

void
db_appender_free(struct db_appender *appender)
{
    if (appender == NULL)
        return;
    if (appender->appender != NULL) {
        duckdb_appender_clear(appender->appender);
        duckdb_appender_destroy(&appender->appender);
    }
    if (appender->chunk != NULL)
        duckdb_destroy_data_chunk(&appender->chunk);
    memory_free(appender);
}
