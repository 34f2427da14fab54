#include <stdatomic.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "io/thread.h"
#include "warehouse/stage_store_int.h"

enum status
stage_create(const struct stage_options *options, struct stage **ret_stage, struct error *err)
{
    struct stage *stage = memory_alloc_zero(sizeof *stage);

    if (stage == NULL)
        return error_no_memory(err);
    stage->options = *options;
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
    for (uint32_t i = 0; i < stage->packer_count; i++)
        spill_packer_free(stage->packers[i]);
    spill_free(stage->spill);
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

int64_t
stage_spilled_size(const struct stage *stage)
{
    return stage->spill == NULL ? 0 : spill_size(stage->spill);
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
        to->validity = (uint64_t *)(void *)(data + stage_align(size * row_count));
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
    case STAGE_SAME: return stage_align(size);
    case STAGE_VALID: return stage_align(size * row_count);
    case STAGE_MIXED:
        return stage_align(size * row_count) + stage_align((row_count + 63) / 64 * sizeof(uint64_t));
    }
    return 0;
}

/* What a block of these rows is: its columns' shapes and sizes, the sizes of their values alone, and how many bytes it takes. */
static size_t
measure(const struct stage_table *table, const struct column *const *columns, const uint16_t *selection, uint32_t row_count,
        struct stage_column *shapes, size_t *value_sizes)
{
    size_t size = stage_align(sizeof(struct stage_block) + table->column_count * sizeof(struct stage_column));

    CHECK(table->column_count <= DB_COLUMN_COUNT_MAX);
    for (uint32_t i = 0; i < table->column_count; i++) {
        size_t text_size;
        shapes[i]            = (struct stage_column){ .shape = shape_of(columns[i], selection, row_count, &text_size) };
        value_sizes[i]       = size_of(columns[i], shapes[i].shape, row_count);
        const size_t in_full = stage_align(value_sizes[i] + text_size);
        shapes[i].size       = (uint32_t)in_full; /* Whole where the block's size is one that is made. */
        size += in_full;
    }
    return size;
}

/* One allocation: the block, its columns, then of each column its values, validity, and the bytes of long texts. */
static struct stage_block *
make_block(const struct stage_table *table, const struct column *const *columns, const uint16_t *selection, uint32_t row_count,
           const struct stage_column *shapes, const size_t *value_sizes, size_t size)
{
    struct stage_block *block = memory_alloc(size);

    if (block == NULL)
        return NULL;
    char *data = (char *)block + stage_align(sizeof(struct stage_block) + table->column_count * sizeof(struct stage_column));
    *block     = (struct stage_block){ .row_count = row_count };
    for (uint32_t i = 0; i < table->column_count; i++) {
        char *texts       = data + value_sizes[i];
        block->columns[i] = shapes[i];
        if (shapes[i].shape != STAGE_NULL)
            copy_column(columns[i], selection, row_count, &block->columns[i], data, &texts);
        data += shapes[i].size;
    }
    return block;
}

/* ---- Spilling ---- */

static enum status
take_packer(struct stage *stage, struct spill_packer **ret_packer, struct error *err)
{
    enum status status = ST_OK;

    *ret_packer = NULL;
    mutex_lock(&stage->mutex);
    if (stage->spill == NULL)
        status = spill_open(stage->options.io, stage->options.spill_path, stage->options.spill_max,
                            &stage->spill, err);
    if (status == ST_OK && stage->packer_count > 0)
        *ret_packer = stage->packers[--stage->packer_count];
    mutex_unlock(&stage->mutex);
    return status == ST_OK && *ret_packer == NULL ? spill_packer_create(stage->spill, ret_packer, err)
                                                  : status;
}

static void
give_packer_back(struct stage *stage, struct spill_packer *packer)
{
    mutex_lock(&stage->mutex);
    if (stage->packer_count < STAGE_PACKER_COUNT_MAX) {
        stage->packers[stage->packer_count++] = packer;
        packer                                = NULL;
    }
    mutex_unlock(&stage->mutex);
    spill_packer_free(packer);
}

/* Each column by itself, then the list of them. */
static enum status
pack(struct spill_packer *packer, const struct stage_table *table, struct stage_block *block,
     struct error *err)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        struct stage_column *column = &block->columns[i];
        if (column->size > 0 && spill_pack(packer, column->data, column->size, &column->piece, err) != ST_OK)
            return ST_ERROR;
    }
    if (spill_pack(packer, block->columns, table->column_count * sizeof(struct stage_column), &block->head,
                   err) != ST_OK)
        return ST_ERROR;
    return spill_write(packer, &block->record, err);
}

/* Of *block little is left in memory, which takes its place. Where it fails the packer is not used again. */
static enum status
spill_block(struct stage_table *table, struct stage_block **block, struct error *err)
{
    struct spill_packer *packer;

    if (take_packer(table->stage, &packer, err) != ST_OK)
        return ST_ERROR;
    if (pack(packer, table, *block, err) != ST_OK) {
        spill_packer_free(packer);
        return ST_ERROR;
    }
    give_packer_back(table->stage, packer);
    struct stage_block *rest = memory_alloc(sizeof *rest);
    if (rest == NULL)
        return error_no_memory(err);
    *rest = **block;
    memory_free(*block);
    *block = rest;
    return ST_OK;
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

static enum status
put_block(struct stage_table *table, struct stage_block *block, size_t size, struct error *err)
{
    struct stage *stage = table->stage;

    if (atomic_load_explicit(&stage->size, memory_order_relaxed) >= stage->options.size_max) {
        if (spill_block(table, &block, err) != ST_OK) {
            memory_free(block);
            return ST_ERROR;
        }
        size = sizeof *block;
    }
    atomic_fetch_add_explicit(&stage->size, (int64_t)size, memory_order_relaxed);
    mutex_lock(&stage->mutex);
    bool is_added = add_block(table, block);
    mutex_unlock(&stage->mutex);
    if (is_added)
        return ST_OK;
    memory_free(block);
    return error_no_memory(err);
}

/* Rows that are too many bytes at once. */
static enum status
put_halves(struct stage_table *table, int64_t input_number, const struct column *const *columns, const uint16_t *selection, uint32_t row_count,
           struct error *err)
{
    const uint32_t half = row_count / 2;
    uint16_t       all[CHUNK_ROW_COUNT_MAX];

    for (uint32_t i = 0; selection == NULL && i < row_count; i++)
        all[i] = (uint16_t)i;
    if (selection == NULL)
        selection = all;
    if (stage_put(table, input_number, columns, selection, half, err) != ST_OK)
        return ST_ERROR;
    return stage_put(table, input_number, columns, selection + half, row_count - half, err);
}

enum status
stage_put(struct stage_table *table, int64_t input_number, const struct column *const *columns, const uint16_t *selection, uint32_t row_count,
          struct error *err)
{
    struct stage_column shapes[DB_COLUMN_COUNT_MAX];
    size_t              value_sizes[DB_COLUMN_COUNT_MAX];

    if (row_count == 0)
        return ST_OK;
    const size_t size = measure(table, columns, selection, row_count, shapes, value_sizes);
    if (size > STAGE_BLOCK_SIZE_MAX && row_count > 1)
        return put_halves(table, input_number, columns, selection, row_count, err);
    if (size > UINT32_MAX)
        return error_set(err, ERR_FULL, "a row of %zu bytes is more than can be kept on its way to %s", size, table->name);
    struct stage_block *block = make_block(table, columns, selection, row_count, shapes, value_sizes, size);
    if (block == NULL)
        return error_no_memory(err);
    block->input_number = input_number;
    return put_block(table, block, size, err);
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
