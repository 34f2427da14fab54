#include "column/chunk.h"

#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/str.h"

/* The words of validity are all ones wherever all_valid is true, so that the first null of a column only clears its
 * bit. Everything here keeps that. */

static size_t
validity_size_bytes(uint32_t capacity)
{
    return ((size_t)capacity + 63) / 64 * sizeof(uint64_t);
}

static enum status
column_init(struct column *column, struct type type, uint32_t capacity, struct error *err)
{
    size_t validity_size = validity_size_bytes(capacity);
    column->type         = type;
    column->all_valid    = true;
    column->data         = memory_alloc_array_zero(capacity, type_value_size(type));
    column->validity     = memory_alloc(validity_size);
    if (column->data == NULL || column->validity == NULL)
        return error_no_memory(err);
    memset(column->validity, 0xff, validity_size);
    return ST_OK;
}

enum status
chunk_init(struct chunk *chunk, const struct schema *schema, uint32_t capacity, struct error *err)
{
    CHECK(capacity >= 1 && capacity <= CHUNK_ROW_COUNT_MAX);
    struct chunk made   = { .schema = schema, .capacity = capacity };
    enum status  status = ST_OK;

    arena_init(&made.arena, 0);
    made.columns          = memory_alloc_array_zero(schema->column_count, sizeof *made.columns);
    made.selection_memory = memory_alloc_array(capacity, sizeof *made.selection_memory);
    if (made.columns == NULL || made.selection_memory == NULL) {
        status = error_no_memory(err);
        goto out;
    }
    for (uint32_t i = 0; i < schema->column_count && status == ST_OK; i++)
        status = column_init(&made.columns[i], schema->columns[i].type, capacity, err);
    if (status == ST_OK) {
        *chunk = made;
        made   = (struct chunk){ 0 };
    }

out:
    chunk_release(&made);
    return status;
}

static void
lease_drop(struct chunk *chunk)
{
    struct lease *lease = chunk->lease;
    chunk->lease        = NULL;
    if (lease == NULL)
        return;
    CHECK(lease->reference_count > 0);
    if (--lease->reference_count == 0)
        lease->release(lease);
}

static void
column_set_all_valid(const struct chunk *chunk, struct column *column)
{
    if (!column->all_valid)
        memset(column->validity, 0xff, validity_size_bytes(chunk->capacity));
    column->all_valid = true;
}

void
chunk_clear(struct chunk *chunk)
{
    for (uint32_t i = 0; i < chunk->schema->column_count; i++)
        column_set_all_valid(chunk, &chunk->columns[i]);
    chunk->row_count      = 0;
    chunk->selection      = NULL;
    chunk->selected_count = 0;
    arena_clear(&chunk->arena);
    lease_drop(chunk);
}

void
chunk_release(struct chunk *chunk)
{
    if (chunk->columns != NULL) {
        for (uint32_t i = 0; i < chunk->schema->column_count; i++) {
            memory_free(chunk->columns[i].data);
            memory_free(chunk->columns[i].validity);
        }
    }
    memory_free(chunk->columns);
    memory_free(chunk->selection_memory);
    arena_release(&chunk->arena);
    lease_drop(chunk);
    *chunk = (struct chunk){ 0 };
}

int32_t
schema_find(const struct schema *schema, const char *name)
{
    for (uint32_t i = 0; i < schema->column_count; i++)
        if (strcmp(schema->columns[i].name, name) == 0)
            return (int32_t)i;
    return -1;
}

struct vector
chunk_vector(const struct chunk *chunk, uint32_t index)
{
    CHECK(index < chunk->schema->column_count);
    const struct column *column = &chunk->columns[index];
    return (struct vector){ .type     = column->type,
                            .data     = column->data,
                            .validity = column->all_valid ? NULL : column->validity };
}

static const char *
arena_text_copy(void *owner, const char *bytes, size_t size)
{
    char *copy = arena_alloc(owner, size, 1);
    if (copy != NULL)
        memcpy(copy, bytes, size);
    return copy;
}

struct vector_out
chunk_out(struct chunk *chunk, uint32_t index)
{
    CHECK(index < chunk->schema->column_count);
    struct column *column = &chunk->columns[index];
    /* The words may have been written through an earlier chunk_out without chunk_out_done. */
    memset(column->validity, 0xff, validity_size_bytes(chunk->capacity));
    column->all_valid = true;
    return (struct vector_out){ .type       = column->type,
                                .data       = column->data,
                                .validity   = column->validity,
                                .text_copy  = arena_text_copy,
                                .text_owner = &chunk->arena };
}

void
chunk_out_done(struct chunk *chunk, uint32_t index, const struct vector_out *out)
{
    struct column *column = &chunk->columns[index];
    CHECK(out->data == column->data && out->validity == column->validity);
    size_t word_count = validity_size_bytes(chunk->capacity) / sizeof(uint64_t);
    uint64_t all = ~(uint64_t)0;
    for (size_t i = 0; i < word_count; i++)
        all &= column->validity[i];
    column->all_valid = all == ~(uint64_t)0;
}

enum status
chunk_append_row(struct chunk *to, const struct chunk *from, uint32_t row, struct error *err)
{
    CHECK(to->row_count < to->capacity && row < from->row_count);
    CHECK(to->schema->column_count <= from->schema->column_count);
    uint32_t row_to = to->row_count;

    for (uint32_t i = 0; i < to->schema->column_count; i++) {
        const struct column *source = &from->columns[i];
        CHECK(type_equal(source->type, to->columns[i].type));
        if (!source->all_valid && !validity_get(source->validity, row)) {
            chunk_set_null(to, i, row_to);
            continue;
        }
        if (source->type.kind == TYPE_TEXT) {
            const struct text *text = &((const struct text *)source->data)[row];
            if (chunk_set_text(to, i, row_to, text_data(text), text->size, err) != ST_OK)
                return ST_ERROR;
            continue;
        }
        size_t size = type_value_size(source->type);
        memcpy((char *)to->columns[i].data + row_to * size, (const char *)source->data + row * size, size);
        if (!to->columns[i].all_valid)
            to->columns[i].validity[row_to >> 6] |= (uint64_t)1 << (row_to & 63);
    }
    to->row_count++;
    return ST_OK;
}

void
chunk_filter(struct chunk *chunk, const struct vector *condition)
{
    CHECK(condition->type.kind == TYPE_BOOL);
    const uint8_t  *values = condition->data;
    uint32_t        count  = chunk->selection == NULL ? chunk->row_count : chunk->selected_count;
    uint32_t        kept   = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = chunk->selection == NULL ? i : chunk->selection[i];
        uint32_t at  = vector_row(condition, row);
        chunk->selection_memory[kept] = (uint16_t)row;
        kept += validity_get(condition->validity, at) && values[at] != 0;
    }
    chunk->selection      = chunk->selection_memory;
    chunk->selected_count = kept;
}

/* The column's place for a valid value of the row. */
static void *
value_slot(struct chunk *chunk, uint32_t column, uint32_t row, size_t value_size)
{
    CHECK(column < chunk->schema->column_count && row < chunk->capacity);
    struct column *into = &chunk->columns[column];
    CHECK(type_value_size(into->type) == value_size);
    into->validity[row >> 6] |= (uint64_t)1 << (row & 63);
    return (char *)into->data + row * value_size;
}

void
chunk_set_all_valid(struct chunk *chunk, uint32_t column)
{
    CHECK(column < chunk->schema->column_count);
    chunk->columns[column].all_valid = true;
    memset(chunk->columns[column].validity, 0xff, validity_size_bytes(chunk->capacity));
}

void
chunk_set_all_null(struct chunk *chunk, uint32_t column)
{
    CHECK(column < chunk->schema->column_count);
    chunk->columns[column].all_valid = false;
    memset(chunk->columns[column].validity, 0, validity_size_bytes(chunk->capacity));
}

void
chunk_set_null(struct chunk *chunk, uint32_t column, uint32_t row)
{
    CHECK(column < chunk->schema->column_count && row < chunk->capacity);
    chunk->columns[column].all_valid = false;
    chunk->columns[column].validity[row >> 6] &= ~((uint64_t)1 << (row & 63));
}

enum status
chunk_set_text(struct chunk *chunk, uint32_t column, uint32_t row, const char *bytes, size_t size, struct error *err)
{
    if (size > TEXT_INLINE_SIZE) {
        if (size > TEXT_SIZE_MAX)
            return error_set(err, ERR_RECORD, "column %s: a text of %zu bytes; at most %d are possible",
                             chunk->schema->columns[column].name, size, TEXT_SIZE_MAX);
        bytes = arena_text_copy(&chunk->arena, bytes, size);
        if (bytes == NULL)
            return error_no_memory(err);
    }
    chunk_set_text_leased(chunk, column, row, bytes, size);
    return ST_OK;
}

void
chunk_set_text_leased(struct chunk *chunk, uint32_t column, uint32_t row, const char *bytes, size_t size)
{
    CHECK(chunk->columns[column].type.kind == TYPE_TEXT);
    text_set(value_slot(chunk, column, row, sizeof(struct text)), bytes, size);
}

void
chunk_set_int64(struct chunk *chunk, uint32_t column, uint32_t row, int64_t value)
{
    CHECK(chunk->columns[column].type.kind != TYPE_DOUBLE);
    *(int64_t *)value_slot(chunk, column, row, sizeof value) = value;
}

void
chunk_set_int32(struct chunk *chunk, uint32_t column, uint32_t row, int32_t value)
{
    *(int32_t *)value_slot(chunk, column, row, sizeof value) = value;
}

void
chunk_set_double(struct chunk *chunk, uint32_t column, uint32_t row, double value)
{
    CHECK(chunk->columns[column].type.kind == TYPE_DOUBLE);
    *(double *)value_slot(chunk, column, row, sizeof value) = value;
}

void
chunk_set_bool(struct chunk *chunk, uint32_t column, uint32_t row, bool value)
{
    *(uint8_t *)value_slot(chunk, column, row, 1) = value ? 1 : 0;
}
