#include "live/op/records.h"

#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"

static size_t
texts_size_of(const struct record_texts *texts)
{
    size_t size = 0;
    for (uint32_t i = 0; i < RECORD_TEXT_COUNT_MAX; i++)
        size += texts->sizes[i];
    return size;
}

/* The record at an index as its common beginning. */
static struct record_texts *
texts_at(struct state_entry *entry, size_t record_size, uint32_t index)
{
    return (struct record_texts *)((char *)records_of(entry) + index * record_size);
}

/* Where the texts of the record at `index` begin, or would. */
static uint32_t
offset_at(struct state_entry *entry, size_t record_size, uint32_t index)
{
    const struct records_head *head = records_head(entry);
    return index < head->record_count ? texts_at(entry, record_size, index)->offset : head->texts_size;
}

static size_t
value_size_of(const struct records_head *head, size_t record_size)
{
    return sizeof(*head) + head->record_count * record_size + head->texts_size;
}

struct str
records_text(struct state_entry *entry, size_t record_size, const void *record, uint32_t number)
{
    const struct record_texts *texts  = record;
    const char                *begin  = (char *)texts_at(entry, record_size, records_head(entry)->record_count);
    size_t                     offset = texts->offset;
    CHECK(number < RECORD_TEXT_COUNT_MAX);
    for (uint32_t i = 0; i < number; i++)
        offset += texts->sizes[i];
    return str_of(begin + offset, texts->sizes[number]);
}

/* Moves what lies behind the gap; the value has room for it already. */
static void
open_gap(struct state_entry *entry, size_t record_size, uint32_t index, size_t texts_size)
{
    struct records_head *head       = records_head(entry);
    uint32_t             offset     = offset_at(entry, record_size, index);
    char                *records    = records_of(entry);
    char                *old_texts  = records + head->record_count * record_size;
    char                *new_texts  = old_texts + record_size;
    char                *new_record = records + index * record_size;

    memmove(new_texts + offset + texts_size, old_texts + offset, head->texts_size - offset);
    memmove(new_texts, old_texts, offset);
    memmove(new_record + record_size, new_record, (head->record_count - index) * record_size);
    head->record_count++;
    head->texts_size += (uint32_t)texts_size;
    for (uint32_t i = index + 1; i < head->record_count; i++)
        texts_at(entry, record_size, i)->offset += (uint32_t)texts_size;
    memset(new_record, 0, record_size);
    texts_at(entry, record_size, index)->offset = offset;
}

static void
copy_texts(struct state_entry *entry, size_t record_size, uint32_t index, const struct str *texts, uint32_t text_count)
{
    struct record_texts *record = texts_at(entry, record_size, index);
    char *to = (char *)texts_at(entry, record_size, records_head(entry)->record_count) + record->offset;
    for (uint32_t i = 0; i < text_count; i++) {
        record->sizes[i] = (uint8_t)texts[i].size;
        if (texts[i].size > 0)
            memcpy(to, texts[i].data, texts[i].size);
        to += texts[i].size;
    }
}

void
records_add(struct state_entry *entry, size_t record_size, uint32_t index, const struct str *texts, uint32_t text_count)
{
    size_t texts_size = 0;
    for (uint32_t i = 0; i < text_count; i++)
        texts_size += texts[i].size;
    open_gap(entry, record_size, index, texts_size);
    copy_texts(entry, record_size, index, texts, text_count);
}

enum status
records_insert(struct state_table *table, struct state_entry *old, uint64_t hash, const void *key, size_t key_size, size_t record_size,
               uint32_t index, const struct str *texts, uint32_t text_count, int64_t expires_us, struct state_entry **ret_entry,
               struct error *err)
{
    const struct records_head empty      = { 0 };
    size_t                    texts_size = 0;
    struct state_entry       *entry;

    CHECK(text_count <= RECORD_TEXT_COUNT_MAX && record_size % 8 == 0 && record_size >= sizeof(struct record_texts));
    CHECK(index <= (old == NULL ? 0 : records_head(old)->record_count));
    for (uint32_t i = 0; i < text_count; i++) {
        CHECK(texts[i].size <= RECORD_TEXT_SIZE_MAX);
        texts_size += texts[i].size;
    }
    size_t size = value_size_of(old == NULL ? &empty : records_head(old), record_size) + record_size + texts_size;
    if (old != NULL && old->expires_us > expires_us)
        expires_us = old->expires_us;
    if (state_put(table, hash, key, key_size, size, expires_us, &entry, NULL, err) != ST_OK)
        return ST_ERROR;
    records_add(entry, record_size, index, texts, text_count);
    *ret_entry = entry;
    return ST_OK;
}

/* ---- What stays ---- */

/* What of the entry is as the record has it. */
static struct state_kept
kept_of(const struct state_table *table, struct state_entry *entry, size_t record_size)
{
    const struct records_head *head = records_head(entry);
    if (state_is_changed(entry))
        return state_kept_of(table, entry);
    return (struct state_kept){ sizeof(*head), head->record_count * (uint32_t)record_size, 0, head->texts_size };
}

enum status
records_append(struct state_table *table, struct state_entry *old, uint64_t hash, const void *key, size_t key_size, size_t record_size,
               const struct str *texts, uint32_t text_count, int64_t expires_us, struct state_entry **ret_entry, struct error *err)
{
    struct state_kept kept = old == NULL ? STATE_KEPT_NOTHING : kept_of(table, old, record_size);
    if (records_insert(table, old, hash, key, key_size, record_size, old == NULL ? 0 : records_head(old)->record_count, texts, text_count, expires_us,
                       ret_entry, err) != ST_OK)
        return ST_ERROR;
    if (kept.begin == STATE_KEPT_NOTHING.begin)
        return ST_OK;
    kept.middle += (uint32_t)record_size;
    state_keep(table, *ret_entry, kept);
    return ST_OK;
}

enum status
records_watch_begin(struct records_watch *watch, const struct state_table *table, struct state_entry *entry, struct error *err)
{
    const struct records_head *head = records_head(entry);
    watch->kept         = state_kept_of(table, entry);
    watch->record_count = head->record_count;
    if (watch->kept.begin == STATE_KEPT_NOTHING.begin)
        return ST_OK;
    if (watch->kept.front > watch->capacity) {
        void *copy = memory_resize(watch->copy, watch->kept.front * 2);
        if (copy == NULL)
            return error_no_memory(err);
        watch->copy     = copy;
        watch->capacity = watch->kept.front * 2;
    }
    memcpy(watch->copy, records_of(entry), watch->kept.front);
    return ST_OK;
}

void
records_watch_end(const struct records_watch *watch, struct state_table *table, struct state_entry *entry)
{
    if (watch->kept.begin != STATE_KEPT_NOTHING.begin && records_head(entry)->record_count == watch->record_count
        && memcmp(watch->copy, records_of(entry), watch->kept.front) == 0)
        state_keep(table, entry, watch->kept);
}

void
records_watch_release(struct records_watch *watch)
{
    memory_free(watch->copy);
    *watch = (struct records_watch){ 0 };
}

size_t
records_size(struct state_entry *entry, size_t record_size)
{
    return value_size_of(records_head(entry), record_size);
}

void
records_remove(struct state_entry *entry, size_t record_size, uint32_t index)
{
    struct records_head *head = records_head(entry);
    CHECK(index < head->record_count);
    uint32_t offset    = offset_at(entry, record_size, index);
    size_t   size      = texts_size_of(texts_at(entry, record_size, index));
    char    *records   = records_of(entry);
    char    *removed   = records + index * record_size;
    char    *old_texts = records + head->record_count * record_size;
    char    *new_texts = old_texts - record_size;

    memmove(removed, removed + record_size, (head->record_count - index - 1) * record_size);
    memmove(new_texts, old_texts, offset);
    memmove(new_texts + offset, old_texts + offset + size, head->texts_size - offset - size);
    head->record_count--;
    head->texts_size -= (uint32_t)size;
    for (uint32_t i = index; i < head->record_count; i++)
        texts_at(entry, record_size, i)->offset -= (uint32_t)size;
}

enum status
records_touch(struct state_table *table, struct state_entry *entry, size_t record_size, int64_t expires_us, struct error *err)
{
    return state_touch(table, entry, value_size_of(records_head(entry), record_size), expires_us, err);
}
