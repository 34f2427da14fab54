#include <stdatomic.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "io/thread.h"
#include "warehouse/stage_store_int.h"

enum status
stage_create(int64_t size_max, struct stage **ret_stage, struct error *err)
{
    struct stage *stage = memory_alloc_zero(sizeof *stage);

    if (stage == NULL)
        return error_no_memory(err);
    stage->size_max = size_max;
    arena_init(&stage->arena, 0);
    mutex_init(&stage->mutex);
    *ret_stage = stage;
    return ST_OK;
}

void
stage_free(struct stage *stage)
{
    if (stage == NULL)
        return;
    for (struct stage_table *table = stage->tables; table != NULL; table = table->next) {
        for (uint32_t i = 0; i < table->block_count; i++)
            memory_free(table->blocks[i]);
        memory_free(table->blocks);
    }
    mutex_release(&stage->mutex);
    arena_release(&stage->arena);
    memory_free(stage);
}

enum status
stage_add(struct stage *stage, const char *name, const struct schema_column *columns, uint32_t column_count, struct stage_table **ret_table,
          struct error *err)
{
    struct stage_table   *table = ARENA_ARRAY(&stage->arena, struct stage_table, 1);
    struct schema_column *own   = ARENA_ARRAY(&stage->arena, struct schema_column, column_count + 1);

    if (table == NULL || own == NULL)
        return error_no_memory(err);
    table->name = arena_cstr(&stage->arena, str_from(name));
    if (table->name == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < column_count; i++) {
        own[i].type = columns[i].type;
        own[i].name = arena_cstr(&stage->arena, str_from(columns[i].name));
        if (own[i].name == NULL)
            return error_no_memory(err);
    }
    table->stage        = stage;
    table->columns      = own;
    table->column_count = column_count;
    table->next         = stage->tables;
    stage->tables       = table;
    *ret_table          = table;
    return ST_OK;
}

struct stage_table *
stage_find(struct stage *stage, struct str name)
{
    struct stage_table *table = stage == NULL ? NULL : stage->tables;

    while (table != NULL && !str_equal(str_from(table->name), name))
        table = table->next;
    return table;
}

const char *
stage_name(const struct stage_table *table)
{
    return table->name;
}

bool
stage_is_empty(const struct stage_table *table)
{
    return table->block_count == 0;
}

/* ---- Blocks ---- */

static uint32_t
source_row(const uint16_t *selection, uint32_t i)
{
    return selection != NULL ? selection[i] : i;
}

static bool
is_valid(const struct column *column, uint32_t row)
{
    return column->all_valid || validity_get(column->validity, row);
}

static bool
value_equal(const struct column *column, uint32_t a, uint32_t b)
{
    const size_t size = type_value_size(column->type);

    if (column->type.kind == TYPE_TEXT)
        return text_equal(&((const struct text *)column->data)[a], &((const struct text *)column->data)[b]);
    return memcmp((const char *)column->data + a * size, (const char *)column->data + b * size, size) == 0;
}

/* What the rows of a column are, and how many bytes they take. Most columns of a wide entity are null, or the same in all rows. */
static enum stage_shape
shape_of(const struct column *column, const uint16_t *selection, uint32_t row_count, size_t *ret_text_size)
{
    const struct text *texts      = column->type.kind == TYPE_TEXT ? column->data : NULL;
    const uint32_t     first      = source_row(selection, 0);
    uint32_t           null_count = 0;
    bool               is_same    = is_valid(column, first);
    size_t             size       = 0;

    for (uint32_t i = 0; i < row_count; i++) {
        const uint32_t row = source_row(selection, i);
        if (!is_valid(column, row)) {
            null_count++;
            continue;
        }
        is_same = is_same && (row == first || value_equal(column, first, row));
        size += texts != NULL && texts[row].size > TEXT_INLINE_SIZE ? texts[row].size : 0;
    }
    *ret_text_size = 0;
    if (null_count == row_count)
        return STAGE_NULL;
    if (null_count == 0 && is_same) {
        *ret_text_size = texts != NULL && texts[first].size > TEXT_INLINE_SIZE ? texts[first].size : 0;
        return STAGE_SAME;
    }
    *ret_text_size = size;
    return null_count == 0 ? STAGE_VALID : STAGE_MIXED;
}

static size_t
align(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

/* Copies one value; a long text goes behind *texts, which moves on. */
static void
copy_value(const struct column *from, uint32_t row, char *to, char **texts)
{
    const size_t size = type_value_size(from->type);

    memcpy(to, (const char *)from->data + row * size, size);
    if (from->type.kind == TYPE_TEXT) {
        struct text *text = (struct text *)(void *)to;
        if (text->size > TEXT_INLINE_SIZE) {
            memcpy(*texts, text->pointer.data, text->size);
            text->pointer.data = *texts;
            *texts += text->size;
        }
    }
}

static void
copy_column(const struct column *from, const uint16_t *selection, uint32_t row_count, struct stage_column *to, char *data, char **texts)
{
    const size_t size = type_value_size(from->type);

    to->data = data;
    if (to->shape == STAGE_SAME) {
        copy_value(from, source_row(selection, 0), data, texts);
        return;
    }
    if (to->shape == STAGE_MIXED) {
        to->validity = (uint64_t *)(void *)(data + align(size * row_count));
        memset(to->validity, 0, (row_count + 63) / 64 * sizeof(uint64_t));
    }
    for (uint32_t i = 0; i < row_count; i++) {
        const uint32_t row = source_row(selection, i);
        if (to->shape == STAGE_MIXED && !is_valid(from, row)) {
            memset(data + i * size, 0, size);
            continue;
        }
        if (to->validity != NULL)
            to->validity[i >> 6] |= (uint64_t)1 << (i & 63);
        copy_value(from, row, data + i * size, texts);
    }
}

static size_t
size_of(const struct column *column, enum stage_shape shape, uint32_t row_count)
{
    const size_t size = type_value_size(column->type);

    switch (shape) {
    case STAGE_NULL: return 0;
    case STAGE_SAME: return align(size);
    case STAGE_VALID: return align(size * row_count);
    case STAGE_MIXED: return align(size * row_count) + align((row_count + 63) / 64 * sizeof(uint64_t));
    }
    return 0;
}

/* One allocation: the block, its columns, their values, then the bytes of long texts. */
static struct stage_block *
make_block(const struct stage_table *table, const struct column *const *columns, const uint16_t *selection, uint32_t row_count, size_t *ret_size)
{
    enum stage_shape shapes[DB_COLUMN_COUNT_MAX];
    size_t           head       = align(sizeof(struct stage_block) + table->column_count * sizeof(struct stage_column));
    size_t           value_size = 0, text_size = 0;

    CHECK(table->column_count <= DB_COLUMN_COUNT_MAX);
    for (uint32_t i = 0; i < table->column_count; i++) {
        size_t own;
        shapes[i] = shape_of(columns[i], selection, row_count, &own);
        text_size += own;
        value_size += size_of(columns[i], shapes[i], row_count);
    }
    *ret_size                 = head + value_size + text_size;
    struct stage_block *block = memory_alloc(*ret_size);
    if (block == NULL)
        return NULL;
    char *data  = (char *)block + head;
    char *texts = data + value_size;
    block->row_count = row_count;
    for (uint32_t i = 0; i < table->column_count; i++) {
        block->columns[i] = (struct stage_column){ .shape = shapes[i] };
        if (shapes[i] != STAGE_NULL)
            copy_column(columns[i], selection, row_count, &block->columns[i], data, &texts);
        data += size_of(columns[i], shapes[i], row_count);
    }
    return block;
}

/* The mutex is held. */
static bool
add_block(struct stage_table *table, struct stage_block *block)
{
    if (table->block_count == table->block_capacity) {
        uint32_t             capacity = table->block_capacity == 0 ? 64 : table->block_capacity * 2;
        struct stage_block **blocks   = memory_resize_array(table->blocks, capacity, sizeof(struct stage_block *));
        if (blocks == NULL)
            return false;
        table->blocks         = blocks;
        table->block_capacity = capacity;
    }
    table->blocks[table->block_count++] = block;
    table->row_count += block->row_count;
    return true;
}

enum status
stage_put(struct stage_table *table, int64_t input_number, const struct column *const *columns, const uint16_t *selection, uint32_t row_count,
          bool *ret_is_taken, struct error *err)
{
    struct stage *stage = table->stage;
    size_t        size;

    *ret_is_taken = atomic_load_explicit(&stage->size, memory_order_relaxed) < stage->size_max;
    if (!*ret_is_taken || row_count == 0)
        return ST_OK;
    struct stage_block *block = make_block(table, columns, selection, row_count, &size);
    if (block == NULL)
        return error_no_memory(err);
    block->input_number = input_number;
    atomic_fetch_add_explicit(&stage->size, (int64_t)size, memory_order_relaxed);
    mutex_lock(&stage->mutex);
    bool is_added = add_block(table, block);
    mutex_unlock(&stage->mutex);
    if (is_added)
        return ST_OK;
    memory_free(block);
    return error_no_memory(err);
}

void
stage_withdraw(struct stage_table *table, int64_t input_number)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < table->block_count; i++) {
        struct stage_block *block = table->blocks[i];
        if (block->input_number == input_number) {
            table->row_count -= block->row_count;
            memory_free(block);
        } else {
            table->blocks[kept++] = block;
        }
    }
    table->block_count = kept;
}
