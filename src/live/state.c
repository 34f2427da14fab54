#include "live/state.h"

#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/memory.h"
#include "live/state_section.h"

#define CLEAN           UINT32_MAX
#define SLOT_COUNT_MIN    8u
/* Slab sizes: 16, 32, … 128, then four a doubling: 160, 192, 224, 256, 320, … */
#define SLAB_STEP         16u
#define SLAB_LINEAR_MAX   128u
#define SLAB_LINEAR_COUNT (SLAB_LINEAR_MAX / SLAB_STEP)

static size_t
value_offset(size_t key_size)
{
    return (sizeof(struct state_entry) + key_size + 15) & ~(size_t)15;
}

const void *
state_key(const struct state_entry *entry)
{
    return entry + 1;
}

void *
state_value(struct state_entry *entry)
{
    return (char *)entry + value_offset(entry->key_size);
}

size_t
state_entry_size(size_t key_size, size_t value_size)
{
    return value_offset(key_size) + value_size;
}

struct state_entry *
state_entry_make(void *memory, const void *key, size_t key_size, size_t value_size, struct state_entry *from)
{
    struct state_entry *entry = memory;
    const size_t        kept  = from == NULL ? 0 : from->value_size < value_size ? from->value_size : value_size;

    *entry = (struct state_entry){ .dirty_index = CLEAN, .key_size = (uint16_t)key_size, .value_size = (uint32_t)value_size };
    memcpy(entry + 1, key, key_size);
    if (kept > 0)
        memcpy(state_value(entry), state_value(from), kept);
    memset((char *)state_value(entry) + kept, 0, value_size - kept);
    return entry;
}

void
state_table_init(struct state_table *table)
{
    memset(table, 0, sizeof(*table));
    arena_init(&table->arena, STATE_SLAB_BLOCK_SIZE);
}

void
state_table_release(struct state_table *table)
{
    for (uint32_t i = 0; i < STATE_GROUP_COUNT; i++)
        memory_free(table->groups[i].slots);
    memory_free(table->dirty);
    arena_release(&table->arena);
    memset(table, 0, sizeof(*table));
}

/* ---- Slabs ---- */

static size_t
slab_size(uint32_t slab_class)
{
    if (slab_class < SLAB_LINEAR_COUNT)
        return (size_t)SLAB_STEP * (slab_class + 1);
    uint32_t past = slab_class - (SLAB_LINEAR_COUNT - 1);
    return (size_t)(4 + past % 4) << (5 + past / 4);
}

/* The smallest slab that has room for so many bytes, at least one. */
static uint8_t
class_of(size_t size)
{
    if (size <= SLAB_LINEAR_MAX)
        return (uint8_t)((size - 1) / SLAB_STEP);
    uint32_t doubling = 63u - (uint32_t)__builtin_clzll(size - 1) - 7;
    uint32_t quarter  = (uint32_t)((size - 1) >> (5 + doubling)) & 3;
    return (uint8_t)(SLAB_LINEAR_COUNT + 4 * doubling + quarter);
}

/* Entries that a free entry of this class can name; few, for who begins with a list fetches all of them. */
static uint64_t
free_room(uint8_t slab_class)
{
    size_t room = (slab_size(slab_class) - sizeof(struct state_free)) / sizeof(void *);
    return room < STATE_PREFETCH_COUNT ? room : STATE_PREFETCH_COUNT;
}

static struct state_entry *
entry_alloc(struct state_table *table, uint8_t slab_class)
{
    struct state_free *list = table->free_entries[slab_class];
    CHECK(slab_class < STATE_CLASS_COUNT);
    if (list == NULL)
        return arena_alloc(&table->arena, slab_size(slab_class), SLAB_STEP);
    if (list->count > 0)
        return list->entries[--list->count];
    table->free_entries[slab_class] = list->next;
    if (list->next != NULL) {
        PREFETCH(list->next->next);
        for (uint64_t i = 0; i < list->next->count; i++)
            PREFETCH(list->next->entries[i]);
    }
    return (void *)list;
}

static void
entry_free(struct state_table *table, struct state_entry *entry, uint8_t slab_class)
{
    struct state_free *list = table->free_entries[slab_class];
    table->entry_bytes -= slab_size(slab_class);
    if (list != NULL && list->count < free_room(slab_class)) {
        list->entries[list->count++] = entry;
        return;
    }
    struct state_free *new = (void *)entry;
    new->next  = list;
    new->count = 0;
    table->free_entries[slab_class] = new;
}

/* ---- Slots ---- */

uint64_t
state_hash(const void *key, size_t key_size)
{
    uint64_t exchanged;
    CHECK(key_size >= sizeof exchanged);
    memcpy(&exchanged, key, sizeof exchanged);
    return state_in_group_of(exchanged, hash64(key, key_size));
}

static uint32_t
slot_find(const struct state_group *group, uint64_t hash, const void *key, size_t key_size)
{
    uint32_t mask = group->slot_count - 1;
    uint32_t slot = (uint32_t)hash & mask;
    for (const struct state_entry *entry; (entry = group->slots[slot].entry) != NULL; slot = (slot + 1) & mask)
        if (group->slots[slot].hash == hash && entry->key_size == key_size && memcmp(entry + 1, key, key_size) == 0)
            break;
    return slot;
}

static bool
group_grow(struct state_group *group)
{
    uint32_t           count = group->slot_count == 0 ? SLOT_COUNT_MIN : group->slot_count * 2;
    struct state_slot *slots = memory_alloc_array_zero(count, sizeof(*slots));
    if (slots == NULL)
        return false;
    for (uint32_t i = 0; i < group->slot_count; i++) {
        if (group->slots[i].entry == NULL)
            continue;
        uint32_t slot = (uint32_t)group->slots[i].hash & (count - 1);
        while (slots[slot].entry != NULL)
            slot = (slot + 1) & (count - 1);
        slots[slot] = group->slots[i];
    }
    memory_free(group->slots);
    group->slots      = slots;
    group->slot_count = count;
    return true;
}

static void
group_clear(struct state_table *table, struct state_group *group)
{
    for (uint32_t i = 0; i < group->slot_count; i++) {
        if (group->slots[i].entry != NULL)
            entry_free(table, group->slots[i].entry, group->slots[i].entry->slab_class);
        group->slots[i].entry = NULL;
    }
    table->entry_count -= group->entry_count;
    group->entry_count = 0;
}

/* Frees what has expired and puts the rest back: a probe chain has no holes. */
static void
group_expire(struct state_table *table, struct state_group *group, int64_t watermark_us)
{
    uint32_t mask  = group->slot_count - 1;
    uint32_t begin = 0;
    if (group->entry_count == 0)
        return;
    while (group->slots[begin].entry != NULL) /* A free slot is before every chain that starts behind it. */
        begin++;
    for (uint32_t i = 1; i <= group->slot_count; i++) {
        uint32_t            slot  = (begin + i) & mask;
        uint64_t            hash  = group->slots[slot].hash;
        struct state_entry *entry = group->slots[slot].entry;
        PREFETCH(group->slots[(slot + STATE_PREFETCH_COUNT) & mask].entry);
        if (entry == NULL)
            continue;
        group->slots[slot].entry = NULL;
        if (entry->expires_us <= watermark_us) {
            entry_free(table, entry, entry->slab_class);
            group->entry_count--;
            table->entry_count--;
            continue;
        }
        slot = (uint32_t)hash & mask;
        while (group->slots[slot].entry != NULL)
            slot = (slot + 1) & mask;
        group->slots[slot] = (struct state_slot){ hash, entry };
    }
}

void
state_sweep(struct state_table *table, int64_t watermark_us)
{
    CHECK(table->dirty_count == 0);
    if (table->entry_count >= 2 * table->swept_count + STATE_GROUP_COUNT)
        state_expire(table, watermark_us);
}

void
state_expire(struct state_table *table, int64_t watermark_us)
{
    CHECK(table->dirty_count == 0);
    for (uint32_t group = 0; group < STATE_GROUP_COUNT; group++)
        group_expire(table, &table->groups[group], watermark_us);
    table->swept_count = table->entry_count;
}

struct state_entry *
state_find(const struct state_table *table, uint64_t hash, const void *key, size_t key_size)
{
    const struct state_group *group = &table->groups[state_group_of(hash)];
    return group->slot_count == 0 ? NULL : group->slots[slot_find(group, hash, key, key_size)].entry;
}

struct state_entry *
state_next(const struct state_table *table, uint32_t group_index, uint32_t *cursor)
{
    const struct state_group *group = &table->groups[group_index];
    while (*cursor < group->slot_count) {
        struct state_entry *entry = group->slots[(*cursor)++].entry;
        if (entry != NULL)
            return entry;
    }
    return NULL;
}

/* ---- Put ---- */

/* Room in the dirty list, so that what follows cannot fail half-way. */
static bool
dirty_reserve(struct state_table *table)
{
    if (table->dirty_count < table->dirty_capacity)
        return true;
    uint32_t             capacity = table->dirty_capacity == 0 ? 64 : table->dirty_capacity * 2;
    struct state_change *dirty    = memory_resize_array(table->dirty, capacity, sizeof(*dirty));
    if (dirty == NULL)
        return false;
    table->dirty          = dirty;
    table->dirty_capacity = capacity;
    return true;
}

static void
mark_dirty(struct state_table *table, struct state_entry *entry)
{
    if (entry->dirty_index == CLEAN)
        entry->dirty_index = table->dirty_count++;
    table->dirty[entry->dirty_index] = (struct state_change){ entry, STATE_KEPT_NOTHING }; /* An entry that grew lies elsewhere now. */
}

/* The slot of the key, or a free one for it with room around it. A group grows for a new key only: whoever goes through its
 * entries may put them again. */
static bool
slot_reserve(struct state_group *group, uint64_t hash, const void *key, size_t key_size, uint32_t *ret_slot)
{
    if (group->slot_count > 0) {
        *ret_slot = slot_find(group, hash, key, key_size);
        if (group->slots[*ret_slot].entry != NULL || (group->entry_count + 1) * 2 <= group->slot_count)
            return true;
    }
    if (!group_grow(group))
        return false;
    *ret_slot = slot_find(group, hash, key, key_size);
    return true;
}

/* The entry at `old` (NULL: none), now with room for the value. NULL: no memory, nothing has changed. */
static struct state_entry *
entry_resize(struct state_table *table, struct state_entry *old, const void *key, size_t key_size, size_t value_size)
{
    uint8_t             slab_class = class_of(value_offset(key_size) + value_size);
    uint32_t            kept_size  = old == NULL ? 0 : old->value_size;
    struct state_entry *entry      = old;
    if (old == NULL || slab_class > old->slab_class) {
        entry = entry_alloc(table, slab_class);
        if (entry == NULL)
            return NULL;
        *entry = (struct state_entry){ .dirty_index = CLEAN, .key_size = (uint16_t)key_size, .slab_class = slab_class };
        memcpy(entry + 1, key, key_size);
        table->entry_bytes += slab_size(slab_class);
        if (old != NULL) {
            memcpy(state_value(entry), state_value(old), kept_size);
            entry->dirty_index = old->dirty_index;
            entry_free(table, old, old->slab_class);
        }
    }
    if (value_size > kept_size)
        memset((char *)state_value(entry) + kept_size, 0, value_size - kept_size);
    entry->value_size = (uint32_t)value_size;
    return entry;
}

/* The entry of the key with room for the value, at `old` or new in the free slot. */
static enum status
place_entry(struct state_table *table, struct state_group *group, uint32_t slot, uint64_t hash, const void *key, size_t key_size,
            size_t value_size, int64_t expires_us, struct state_entry **ret_entry, struct error *err)
{
    struct state_entry *old   = group->slots[slot].entry;
    struct state_entry *entry = entry_resize(table, old, key, key_size, value_size);
    if (entry == NULL)
        return error_no_memory(err);
    if (old == NULL) {
        group->entry_count++;
        table->entry_count++;
    }
    entry->expires_us  = expires_us;
    group->slots[slot] = (struct state_slot){ hash, entry };
    mark_dirty(table, entry);
    *ret_entry = entry;
    return ST_OK;
}

enum status
state_put(struct state_table *table, uint64_t hash, const void *key, size_t key_size, size_t value_size,
          int64_t expires_us, struct state_entry **ret_entry, bool *ret_is_new, struct error *err)
{
    struct state_group *group = &table->groups[state_group_of(hash)];
    if (key_size >= SECTION_KEY_PATCHES || value_size > STATE_ENTRY_SIZE_MAX
        || value_offset(key_size) + value_size > STATE_ENTRY_SIZE_MAX)
        return error_set(err, ERR_FULL, "an entry of the state would have %zu bytes; at most %d", key_size + value_size,
                         STATE_ENTRY_SIZE_MAX);
    uint32_t slot;
    if (!dirty_reserve(table) || !slot_reserve(group, hash, key, key_size, &slot))
        return error_no_memory(err);
    if (ret_is_new != NULL)
        *ret_is_new = group->slots[slot].entry == NULL;
    return place_entry(table, group, slot, hash, key, key_size, value_size, expires_us, ret_entry, err);
}

enum status
state_touch(struct state_table *table, struct state_entry *entry, size_t value_size, int64_t expires_us, struct error *err)
{
    CHECK(value_size <= entry->value_size);
    if (!dirty_reserve(table))
        return error_no_memory(err);
    entry->value_size = (uint32_t)value_size;
    entry->expires_us = expires_us;
    mark_dirty(table, entry);
    return ST_OK;
}

/* ---- Sections ---- */

static void
write_entry(struct str_builder *out, struct state_entry *entry)
{
    size_t size = SECTION_ENTRY_HEAD_SIZE + entry->key_size + entry->value_size;
    if (!str_builder_reserve(out, size))
        return; /* Which the builder remembers. */
    char *to = out->data + out->size;
    section_entry_head(to, entry->key_size, entry->value_size, entry->expires_us);
    memcpy(to + SECTION_ENTRY_HEAD_SIZE, state_key(entry), entry->key_size);
    memcpy(to + SECTION_ENTRY_HEAD_SIZE + entry->key_size, state_value(entry), entry->value_size);
    out->size += size;
    out->data[out->size] = '\0';
}

/* What is new of the value: its beginning, what stands between what is kept, and what stands behind. */
static void
write_patch(struct str_builder *out, const struct state_change *change)
{
    struct state_entry      *entry = change->entry;
    const struct state_kept *kept  = &change->kept;
    const char              *value = state_value(entry);
    const size_t             end   = (size_t)kept->begin + kept->front + kept->middle + kept->back;
    CHECK(end <= entry->value_size);
    const size_t value_size = SECTION_PATCH_HEAD_SIZE + kept->begin + kept->middle + (entry->value_size - end);
    const size_t size       = SECTION_ENTRY_HEAD_SIZE + entry->key_size + value_size;
    if (!str_builder_reserve(out, size))
        return; /* Which the builder remembers. */
    char *to = out->data + out->size;
    section_entry_head(to, entry->key_size | SECTION_KEY_PATCHES, value_size, entry->expires_us);
    to = mempcpy(to + SECTION_ENTRY_HEAD_SIZE, state_key(entry), entry->key_size);
    section_patch_head(to, kept);
    to = mempcpy(to + SECTION_PATCH_HEAD_SIZE, value, kept->begin);
    to = mempcpy(to, value + kept->begin + kept->front, kept->middle);
    memcpy(to, value + end, entry->value_size - end);
    out->size += size;
    out->data[out->size] = '\0';
}

enum status
state_write_delta(struct state_table *table, struct str_builder *out, struct error *err)
{
    if (table->dirty_count == 0)
        return ST_OK;
    section_write_head(out, SECTION_DELTA, 0, table->dirty_count);
    for (uint32_t i = 0; i < table->dirty_count; i++) {
        state_dirty_prefetch(table, i);
        if (table->dirty[i].kept.begin != UINT32_MAX)
            write_patch(out, &table->dirty[i]);
        else
            write_entry(out, table->dirty[i].entry);
    }
    if (str_builder_status(out, err) != ST_OK)
        return ST_ERROR;
    state_forget_changes(table);
    return ST_OK;
}

void
state_forget_changes(struct state_table *table)
{
    for (uint32_t i = 0; i < table->dirty_count; i++)
        table->dirty[i].entry->dirty_index = CLEAN;
    table->dirty_count = 0;
}

enum status
state_write_snapshot(struct state_table *table, uint32_t group_index, int64_t watermark_us, struct str_builder *out,
                     struct error *err)
{
    CHECK(table->dirty_count == 0);
    CHECK(group_index < STATE_GROUP_COUNT);
    struct state_group *group = &table->groups[group_index];
    struct state_entry *entry;
    uint32_t            cursor = 0;

    group_expire(table, group, watermark_us);
    section_write_head(out, SECTION_SNAPSHOT, group_index, group->entry_count);
    while ((entry = state_next(table, group_index, &cursor)) != NULL)
        write_entry(out, entry);
    return str_builder_status(out, err);
}

enum status
state_read(struct state_table *table, struct str bytes, size_t *ret_used, struct error *err)
{
    return state_read_groups(table, bytes, 0, STATE_GROUP_COUNT, ret_used, err);
}

bool
state_is_whole(const struct state_table *table)
{
    uint64_t any = 0;
    for (uint32_t i = 0; i < STATE_GROUP_COUNT / 64; i++)
        any |= table->holes[i];
    return any == 0;
}

static void
set_hole(struct state_table *table, uint32_t group, bool is_hole)
{
    const uint64_t bit = UINT64_C(1) << (group & 63);
    table->holes[group >> 6] = (table->holes[group >> 6] & ~bit) | (is_hole ? bit : 0);
}

/* Gives the entry, which has what it had, the bytes that the patch brings. One that is not what the patch is of becomes zeros: a hole. */
static enum status
apply_patch(struct state_table *table, const struct section_entry *read, struct state_entry **ret_entry, struct error *err)
{
    const struct state_kept *kept  = &read->kept;
    struct state_entry      *old   = state_find(table, read->hash, read->key.data, read->key.size);
    const size_t             size  = read->value.size + kept->front + kept->back;
    const uint32_t           group = state_group_of(read->hash);
    const bool               is_of = old != NULL && old->value_size == (uint64_t)kept->begin + kept->front + kept->back;
    if (state_put(table, read->hash, read->key.data, read->key.size, size, read->expires_us, ret_entry, NULL, err) != ST_OK)
        return ST_ERROR;
    char *value = state_value(*ret_entry);
    if (!is_of) {
        memset(value, 0, size);
        set_hole(table, group, true);
        return ST_OK;
    }
    const char *bytes  = read->value.data;
    char       *middle = value + kept->begin + kept->front;
    memmove(middle + kept->middle, middle, kept->back);
    memcpy(value, bytes, kept->begin);
    memcpy(middle, bytes + kept->begin, kept->middle);
    memcpy(middle + kept->middle + kept->back, bytes + kept->begin + kept->middle, read->value.size - kept->begin - kept->middle);
    return ST_OK;
}

static enum status
apply_entry(struct state_table *table, const struct section_entry *read, struct error *err)
{
    struct state_entry *entry;
    if (read->is_patch) {
        if (apply_patch(table, read, &entry, err) != ST_OK)
            return ST_ERROR;
    } else {
        if (state_put(table, read->hash, read->key.data, read->key.size, read->value.size, read->expires_us, &entry, NULL, err) != ST_OK)
            return ST_ERROR;
        memcpy(state_value(entry), read->value.data, read->value.size);
    }
    entry->dirty_index = CLEAN;
    table->dirty_count = 0; /* Only the one just put was there. */
    return ST_OK;
}

enum status
state_read_groups(struct state_table *table, struct str bytes, uint32_t group_begin, uint32_t group_end,
                  size_t *ret_used, struct error *err)
{
    struct section       section;
    struct section_entry read;
    bool                 is_end;
    CHECK(table->dirty_count == 0);
    if (section_begin(&section, bytes, group_begin, group_end, err) != ST_OK)
        return ST_ERROR;
    if (section_replaces(&section)) {
        group_clear(table, &table->groups[section.group]);
        set_hole(table, section.group, false);
    }
    for (;;) {
        if (section_next(&section, &read, &is_end, err) != ST_OK)
            return ST_ERROR;
        if (is_end)
            break;
        if (apply_entry(table, &read, err) != ST_OK)
            return ST_ERROR;
    }
    *ret_used = section.used;
    return ST_OK;
}
