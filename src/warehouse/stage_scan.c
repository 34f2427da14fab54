/* hd_stage('<table>'): the rows of a stage's table, for DuckDB. Several of its threads scan side by side, a block at a time; only the
 * columns that a statement reads are given, or read back. */
#include <string.h>

#include "base/memory.h"
#include "warehouse/db_int.h"
#include "warehouse/duckdb_functions.h"
#include "warehouse/stage_store_int.h"

/* Of the function; DuckDB frees it. */
struct access {
    struct stage *const *slot;
    uint64_t             connection_id; /* G2 */
};

struct scan {
    const struct stage_table *table;
    _Atomic uint32_t          next;
    uint32_t                  column_count;
    uint32_t                  columns[]; /* Those asked for; beyond the table's: none, only rows are counted. */
};

/* One thread's. */
struct scan_thread {
    struct spill_reader *reader;    /* NULL: nothing spilled was met yet. */
    struct stage_column  columns[]; /* Of the spilled block that is given. */
};

static bool
may_read(duckdb_bind_info info, const struct access *access)
{
    duckdb_client_context context = NULL;

    duckdb_table_function_get_client_context(info, &context);
    if (context == NULL)
        return false;
    bool is_own = duckdb_client_context_get_connection_id(context) == access->connection_id;
    duckdb_destroy_client_context(&context);
    return is_own;
}

static struct stage_table *
find_table(duckdb_bind_info info, const struct access *access)
{
    duckdb_value        value = duckdb_bind_get_parameter(info, 0);
    char               *name  = duckdb_get_varchar(value);
    struct stage_table *table = name == NULL ? NULL : stage_find(*access->slot, str_from(name));

    duckdb_free(name);
    duckdb_destroy_value(&value);
    return table;
}

static void
bind_scan(duckdb_bind_info info)
{
    const struct access *access = duckdb_bind_get_extra_info(info);

    if (!may_read(info, access)) {
        duckdb_bind_set_error(info, "hd_stage is for runs alone");
        return;
    }
    struct stage_table *table = find_table(info, access);
    if (table == NULL) {
        duckdb_bind_set_error(info, "hd_stage knows no such table");
        return;
    }
    for (uint32_t i = 0; i < table->column_count; i++) {
        duckdb_logical_type type = duckdb_functions_type(table->columns[i].type);
        duckdb_bind_add_result_column(info, table->columns[i].name, type);
        duckdb_destroy_logical_type(&type);
    }
    duckdb_bind_set_cardinality(info, table->row_count, true);
    duckdb_bind_set_bind_data(info, table, NULL);
}

static void
init(duckdb_init_info info)
{
    const struct stage_table *table = duckdb_init_get_bind_data(info);
    const uint32_t            count = (uint32_t)duckdb_init_get_column_count(info);
    struct scan              *scan  = memory_alloc_zero(sizeof *scan + count * sizeof *scan->columns);

    if (scan == NULL) {
        duckdb_init_set_error(info, DB_OUT_OF_MEMORY);
        return;
    }
    scan->table        = table;
    scan->column_count = count;
    for (uint32_t i = 0; i < count; i++) {
        idx_t column     = duckdb_init_get_column_index(info, i);
        scan->columns[i] = column < table->column_count ? (uint32_t)column : UINT32_MAX;
    }
    duckdb_init_set_init_data(info, scan, memory_free);
    duckdb_init_set_max_threads(info, table->block_count < 1 ? 1 : table->block_count);
}

static void
thread_free(void *data)
{
    struct scan_thread *thread = data;

    spill_reader_free(thread->reader);
    memory_free(thread);
}

static void
init_thread(duckdb_init_info info)
{
    const struct stage_table *table = duckdb_init_get_bind_data(info);
    struct scan_thread       *thread =
        memory_alloc_zero(sizeof *thread + table->column_count * sizeof *thread->columns);

    if (thread == NULL)
        duckdb_init_set_error(info, DB_OUT_OF_MEMORY);
    else
        duckdb_init_set_init_data(info, thread, thread_free);
}

static void
give_column(const struct stage_column *column, struct type type, uint32_t row_count, duckdb_vector to)
{
    const size_t size = type_value_size(type);
    char        *data = duckdb_vector_get_data(to);

    if (column->shape == STAGE_NULL || column->shape == STAGE_MIXED) {
        duckdb_vector_ensure_validity_writable(to);
        uint64_t *validity = duckdb_vector_get_validity(to);
        if (column->shape == STAGE_NULL)
            memset(validity, 0, (row_count + 63) / 64 * sizeof *validity);
        else
            memcpy(validity, column->validity, (row_count + 63) / 64 * sizeof *validity);
    }
    if (column->shape == STAGE_SAME)
        for (uint32_t i = 0; i < row_count; i++)
            memcpy(data + i * size, column->data, size);
    else if (column->shape != STAGE_NULL)
        memcpy(data, column->data, size * row_count);
}

/* Long texts point where the column lay when it was spilled, at `was`; it lies at `is` for the moment only. */
static void
copy_texts(const struct stage_column *column, const char *was, const char *is, uint32_t row_count,
           duckdb_vector to)
{
    struct text   *texts = duckdb_vector_get_data(to);
    const uint32_t count = column->shape == STAGE_SAME ? 1 : row_count;

    for (uint32_t i = 0; i < count; i++)
        if (texts[i].size > TEXT_INLINE_SIZE)
            duckdb_unsafe_vector_assign_string_element_len(to, i, is + (texts[i].pointer.data - was),
                                                           texts[i].size);
    for (uint32_t i = count; i < row_count; i++)
        texts[i] = texts[0];
}

static enum status
give_spilled_column(struct scan_thread *thread, const struct stage_block *block, uint32_t number,
                    struct type type, duckdb_vector to, struct error *err)
{
    struct stage_column column = thread->columns[number];
    const char         *was    = column.data;
    const void         *is     = NULL;

    if (column.size > 0 && spill_unpack(thread->reader, block->record, &column.piece, &is, err) != ST_OK)
        return ST_ERROR;
    column.data = is;
    if (column.shape == STAGE_MIXED)
        column.validity =
            (uint64_t *)(uintptr_t)((const char *)is + stage_align(type_value_size(type) * block->row_count));
    give_column(&column, type, block->row_count, to);
    if (type.kind == TYPE_TEXT && column.shape != STAGE_NULL)
        copy_texts(&column, was, is, block->row_count, to);
    return ST_OK;
}

static enum status
read_head(const struct scan *scan, struct scan_thread *thread, const struct stage_block *block,
          struct error *err)
{
    const void *columns = NULL;

    if (thread->reader == NULL &&
        spill_reader_create(scan->table->stage->spill, &thread->reader, err) != ST_OK)
        return ST_ERROR;
    if (spill_unpack(thread->reader, block->record, &block->head, &columns, err) != ST_OK)
        return ST_ERROR;
    memcpy(thread->columns, columns, scan->table->column_count * sizeof *thread->columns);
    return ST_OK;
}

static enum status
give_block(const struct scan *scan, struct scan_thread *thread, const struct stage_block *block,
           duckdb_data_chunk output, struct error *err)
{
    const bool  is_spilled = block->head.number != 0;
    enum status status     = is_spilled ? read_head(scan, thread, block, err) : ST_OK;

    for (uint32_t i = 0; status == ST_OK && i < scan->column_count; i++) {
        const uint32_t number = scan->columns[i];
        if (number == UINT32_MAX)
            continue;
        const struct type type = scan->table->columns[number].type;
        duckdb_vector     to   = duckdb_data_chunk_get_vector(output, i);
        if (is_spilled)
            status = give_spilled_column(thread, block, number, type, to, err);
        else
            give_column(&block->columns[number], type, block->row_count, to);
    }
    return status;
}

static void
give(duckdb_function_info info, duckdb_data_chunk output)
{
    struct scan   *scan = duckdb_function_get_init_data(info);
    const uint32_t at   = atomic_fetch_add_explicit(&scan->next, 1, memory_order_relaxed);
    struct error   err  = ERROR_EMPTY;

    if (at >= scan->table->block_count) {
        duckdb_data_chunk_set_size(output, 0);
        return;
    }
    const struct stage_block *block = scan->table->blocks[at];
    if (give_block(scan, duckdb_function_get_local_init_data(info), block, output, &err) != ST_OK) {
        duckdb_function_set_error(info, err.message);
        return;
    }
    duckdb_data_chunk_set_size(output, block->row_count);
}

static uint64_t
connection_id(struct db_connection *connection)
{
    duckdb_client_context context = NULL;

    duckdb_connection_get_client_context(db_handle(connection), &context);
    uint64_t id = context == NULL ? 0 : duckdb_client_context_get_connection_id(context);
    duckdb_destroy_client_context(&context);
    return id;
}

enum status
stage_register(struct stage *const *slot, struct db_connection *connection, struct error *err)
{
    duckdb_table_function function = duckdb_create_table_function();
    duckdb_logical_type   text     = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    struct access        *access   = memory_alloc(sizeof *access);
    enum status           status   = access == NULL ? error_no_memory(err) : ST_OK;

    if (status == ST_OK) {
        *access = (struct access){ .slot = slot, .connection_id = connection_id(connection) };
        duckdb_table_function_set_name(function, "hd_stage");
        duckdb_table_function_add_parameter(function, text);
        duckdb_table_function_set_extra_info(function, access, memory_free);
        duckdb_table_function_set_bind(function, bind_scan);
        duckdb_table_function_set_init(function, init);
        duckdb_table_function_set_local_init(function, init_thread);
        duckdb_table_function_set_function(function, give);
        duckdb_table_function_supports_projection_pushdown(function, true);
        if (duckdb_register_table_function(db_handle(connection), function) != DuckDBSuccess)
            status = error_set(err, ERR_INTERNAL, "DuckDB does not take the function hd_stage");
    }
    duckdb_destroy_logical_type(&text);
    duckdb_destroy_table_function(&function);
    return status;
}
