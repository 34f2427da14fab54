#include "live/runtime/lane.h"

#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "live/event.h"

#define LANE_RING_SIZE 8
_Static_assert(LIVE_LANE_CHUNK_COUNT + EPOCHS_UNDER_WAY <= LANE_RING_SIZE, "a push never finds a full ring");

/* ---- Lanes ---- */

enum status
lane_init(struct lane *lane, struct waker *producer, struct waker *consumer, struct error *err)
{
    memset(lane, 0, sizeof(*lane));
    lane->producer = producer;
    lane->consumer = consumer;
    if (!ring_init(&lane->full, LANE_RING_SIZE) || !ring_init(&lane->empty, LANE_RING_SIZE))
        return error_no_memory(err);
    for (int i = 0; i < LIVE_LANE_CHUNK_COUNT; i++)
        CHECK(ring_push(&lane->empty, &lane->chunks[i]));
    return ST_OK;
}

void
lane_release(struct lane *lane)
{
    for (int i = 0; i < LIVE_LANE_CHUNK_COUNT; i++)
        chunk_release(&lane->chunks[i].chunk);
    ring_release(&lane->full);
    ring_release(&lane->empty);
}

static enum status
parcel_prepare(struct parcel *parcel, uint32_t capacity, struct error *err)
{
    return parcel->chunk.schema != NULL ? ST_OK : chunk_init(&parcel->chunk, &event_schema, capacity, err);
}

enum status
lane_take(struct lane *lane, uint32_t capacity, struct parcel **ret_parcel, struct error *err)
{
    struct parcel *parcel = ring_peek(&lane->empty);
    if (parcel != NULL && parcel_prepare(parcel, capacity, err) != ST_OK)
        return ST_ERROR;
    *ret_parcel = ring_pop(&lane->empty);
    return ST_OK;
}

void
lane_push(struct lane *lane, struct parcel *parcel)
{
    CHECK(ring_push(&lane->full, parcel));
    waker_wake(lane->consumer);
}

void
lane_barrier(struct lane *lane, uint64_t epoch, const struct time_view *view)
{
    struct parcel *parcel = &lane->barriers[epoch % EPOCHS_UNDER_WAY];
    parcel->barrier       = epoch;
    parcel->view          = *view;
    lane_push(lane, parcel);
}

void
lane_return(struct lane *lane, struct parcel *parcel)
{
    chunk_clear(&parcel->chunk);
    CHECK(ring_push(&lane->empty, parcel));
    waker_wake(lane->producer);
}

enum status
lane_move(struct lane *lane, struct chunk *chunk, uint32_t ports, bool *ret_is_done, struct error *err)
{
    struct parcel *parcel;
    if (lane_take(lane, chunk->capacity, &parcel, err) != ST_OK)
        return ST_ERROR;
    *ret_is_done = parcel != NULL;
    if (parcel == NULL)
        return ST_OK;
    struct chunk empty = parcel->chunk;
    parcel->chunk      = *chunk;
    parcel->ports      = ports;
    *chunk             = empty;
    lane_push(lane, parcel);
    return ST_OK;
}

void
time_view_add(struct time_view *view, const struct time_view *other)
{
    view->active_count += other->active_count;
    view->active_min_us = other->active_min_us < view->active_min_us ? other->active_min_us : view->active_min_us;
    view->min_us        = other->min_us < view->min_us ? other->min_us : view->min_us;
    view->max_us        = other->max_us > view->max_us ? other->max_us : view->max_us;
}

/* ---- Copying rows ---- */

static enum status
gather_texts(struct chunk *to, uint32_t column, const struct column *from, const uint16_t *rows, uint32_t count,
             struct error *err)
{
    struct text       *target = (struct text *)to->columns[column].data + to->row_count;
    const struct text *source = from->data;
    for (uint32_t i = 0; i < count; i++) {
        const struct text *text = &source[rows[i]];
        if (!from->all_valid && !validity_get(from->validity, rows[i]))
            continue;
        target[i] = *text;
        if (text->size <= TEXT_INLINE_SIZE)
            continue;
        char *copy = arena_alloc(&to->arena, text->size, 1);
        if (copy == NULL)
            return error_no_memory(err);
        memcpy(copy, text->pointer.data, text->size);
        target[i].pointer.data = copy;
    }
    return ST_OK;
}

static void
gather_words(struct chunk *to, uint32_t column, const struct column *from, const uint16_t *rows, uint32_t count)
{
    int64_t       *target = (int64_t *)to->columns[column].data + to->row_count;
    const int64_t *source = from->data;
    for (uint32_t i = 0; i < count; i++)
        target[i] = source[rows[i]];
}

static void
gather_bytes(struct chunk *to, uint32_t column, const struct column *from, const uint16_t *rows, uint32_t count)
{
    size_t      size   = type_value_size(from->type);
    char       *target = (char *)to->columns[column].data + to->row_count * size;
    const char *source = from->data;
    for (uint32_t i = 0; i < count; i++)
        memcpy(target + i * size, source + rows[i] * size, size);
}

static void
gather_validity(struct chunk *to, uint32_t column, const struct column *from, const uint16_t *rows, uint32_t count)
{
    const struct column *target = &to->columns[column];
    if (from->all_valid && target->all_valid)
        return;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = to->row_count + i;
        if (!from->all_valid && !validity_get(from->validity, rows[i]))
            chunk_set_null(to, column, row);
        else if (!target->all_valid)
            target->validity[row >> 6] |= (uint64_t)1 << (row & 63);
    }
}

enum status
chunk_gather(struct chunk *to, const struct chunk *from, const uint16_t *rows, uint32_t count, struct error *err)
{
    for (uint32_t i = 0; i < to->schema->column_count; i++) {
        const struct column *column = &from->columns[i];
        gather_validity(to, i, column, rows, count);
        if (column->type.kind == TYPE_TEXT) {
            if (gather_texts(to, i, column, rows, count, err) != ST_OK)
                return ST_ERROR;
        } else if (type_value_size(column->type) == sizeof(int64_t)) {
            gather_words(to, i, column, rows, count);
        } else {
            gather_bytes(to, i, column, rows, count);
        }
    }
    to->row_count += count;
    return ST_OK;
}

/* Copies the long texts of up to 64 rows behind one another: one allocation for all of them. */
static enum status
own_block(struct arena *arena, struct text *texts, uint64_t valid, struct error *err)
{
    uint64_t longs = 0;
    size_t   size  = 0;
    for (uint64_t rest = valid; rest != 0; rest &= rest - 1) {
        const struct text *text = &texts[__builtin_ctzll(rest)];
        if (text->size > TEXT_INLINE_SIZE) {
            longs |= rest & -rest;
            size += text->size;
        }
    }
    if (longs == 0)
        return ST_OK;
    char *copy = arena_alloc(arena, size, 1);
    if (copy == NULL)
        return error_no_memory(err);
    for (; longs != 0; longs &= longs - 1) {
        struct text *text = &texts[__builtin_ctzll(longs)];
        memcpy(copy, text->pointer.data, text->size);
        text->pointer.data = copy;
        copy += text->size;
    }
    return ST_OK;
}

static enum status
own_texts(struct chunk *chunk, uint32_t column, struct error *err)
{
    const struct column *values = &chunk->columns[column];
    struct text         *texts  = values->data;
    for (uint32_t begin = 0; begin < chunk->row_count; begin += 64) {
        uint64_t valid = values->validity[begin >> 6]; /* All ones where all_valid is. */
        if (chunk->row_count - begin < 64)
            valid &= ((uint64_t)1 << (chunk->row_count - begin)) - 1;
        if (own_block(&chunk->arena, texts + begin, valid, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

enum status
chunk_take(struct chunk *to, struct chunk *from, struct error *err)
{
    CHECK(to->row_count == 0 && to->schema == from->schema && to->capacity == from->capacity);
    struct chunk empty = *to;
    *to                = *from;
    *from              = empty;
    for (uint32_t i = 0; i < to->schema->column_count; i++)
        if (to->columns[i].type.kind == TYPE_TEXT && own_texts(to, i, err) != ST_OK)
            return ST_ERROR;
    return ST_OK;
}

/* ---- Exchange ---- */

enum status
exchange_init(struct exchange *exchange, struct lane **lanes, uint32_t shard_count, uint32_t capacity, uint32_t ports,
              const struct operator *op, struct error *err)
{
    *exchange = (struct exchange){ .lanes = lanes, .shard_count = shard_count, .capacity = capacity, .ports = ports, .op = op };
    exchange->open   = memory_alloc_array_zero(shard_count, sizeof(*exchange->open));
    exchange->rows   = memory_alloc_array(CHUNK_ROW_COUNT_MAX, sizeof(*exchange->rows));
    exchange->hashes = memory_alloc_array(CHUNK_ROW_COUNT_MAX, sizeof(*exchange->hashes));
    exchange->next   = memory_alloc_array_zero(shard_count, sizeof(*exchange->next));
    exchange->end    = memory_alloc_array_zero(shard_count, sizeof(*exchange->end));
    bool is_ok = exchange->open != NULL && exchange->rows != NULL && exchange->hashes != NULL && exchange->next != NULL
                 && exchange->end != NULL;
    return is_ok ? ST_OK : error_no_memory(err);
}

void
exchange_release(struct exchange *exchange)
{
    memory_free(exchange->open);
    memory_free(exchange->rows);
    memory_free(exchange->hashes);
    memory_free(exchange->next);
    memory_free(exchange->end);
    *exchange = (struct exchange){ 0 };
}

static bool
is_wanted(const struct exchange *exchange, uint32_t row)
{
    const struct operator *op = exchange->op;
    return op->kind->wants == NULL || op->kind->wants(op, exchange->chunk, row);
}

/* Counts the rows of each shard, then puts them in their places: within a shard they keep their order. */
void
exchange_begin(struct exchange *exchange, const struct chunk *chunk)
{
    CHECK(exchange->chunk == NULL);
    uint32_t count = event_count(chunk), place = 0;
    exchange->chunk = chunk;
    exchange->op->kind->exchange(exchange->op, chunk, exchange->hashes);
    memset(exchange->end, 0, exchange->shard_count * sizeof(*exchange->end));
    for (uint32_t i = 0; i < count; i++)
        if (is_wanted(exchange, event_row(chunk, i)))
            exchange->end[shard_of_group(state_group_of(exchange->hashes[event_row(chunk, i)]), exchange->shard_count)]++;
    for (uint32_t i = 0; i < exchange->shard_count; i++) {
        exchange->next[i] = place;
        place += exchange->end[i];
        exchange->end[i] = exchange->next[i];
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = event_row(chunk, i);
        if (!is_wanted(exchange, row))
            continue;
        uint32_t shard = shard_of_group(state_group_of(exchange->hashes[row]), exchange->shard_count);
        exchange->rows[exchange->end[shard]++] = (uint16_t)row;
    }
}

/* Sends what is in hand for one shard, as far as there are parcels. */
static enum status
exchange_shard(struct exchange *exchange, uint32_t shard, struct error *err)
{
    struct parcel **open = &exchange->open[shard];
    while (exchange->next[shard] < exchange->end[shard]) {
        if (*open == NULL && lane_take(exchange->lanes[shard], exchange->capacity, open, err) != ST_OK)
            return ST_ERROR;
        if (*open == NULL)
            return ST_OK;
        struct chunk *chunk = &(*open)->chunk;
        uint32_t      count = exchange->end[shard] - exchange->next[shard], room = chunk->capacity - chunk->row_count;
        if (count > room)
            count = room;
        (*open)->ports = exchange->ports;
        if (chunk_gather(chunk, exchange->chunk, exchange->rows + exchange->next[shard], count, err) != ST_OK)
            return ST_ERROR;
        exchange->next[shard] += count;
        if (chunk->row_count == chunk->capacity) {
            lane_push(exchange->lanes[shard], *open);
            *open = NULL;
        }
    }
    return ST_OK;
}

enum status
exchange_go(struct exchange *exchange, bool *ret_is_done, struct error *err)
{
    bool is_done = true;
    if (exchange->chunk != NULL) {
        for (uint32_t i = 0; i < exchange->shard_count; i++) {
            if (exchange_shard(exchange, i, err) != ST_OK)
                return ST_ERROR;
            is_done &= exchange->next[i] == exchange->end[i];
        }
        if (is_done)
            exchange->chunk = NULL;
    }
    *ret_is_done = is_done;
    return ST_OK;
}

void
exchange_flush(struct exchange *exchange)
{
    CHECK(exchange->chunk == NULL);
    for (uint32_t i = 0; i < exchange->shard_count; i++) {
        if (exchange->open[i] != NULL)
            lane_push(exchange->lanes[i], exchange->open[i]);
        exchange->open[i] = NULL;
    }
}
