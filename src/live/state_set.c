#include "live/state_set.h"

#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "live/state_section.h"

#define SLOT_COUNT_MIN     8u
#define ADDED_CAPACITY_MIN 4096
#define ENTRY_SIZE         (SECTION_ENTRY_HEAD_SIZE + sizeof(struct hash128)) /* As it is written. */
/* The expiry of a slot that is free. */
#define FREE INT64_MIN

void
state_set_init(struct state_set *set)
{
    memset(set, 0, sizeof(*set));
}

void
state_set_release(struct state_set *set)
{
    for (uint32_t i = 0; i < STATE_GROUP_COUNT; i++)
        memory_free(set->groups[i].slots);
    memory_free(set->added);
    memset(set, 0, sizeof(*set));
}

/* ---- Slots ---- */

size_t
state_set_bytes(const struct state_set *set)
{
    size_t bytes = set->added_capacity;
    for (uint32_t i = 0; i < STATE_GROUP_COUNT; i++)
        bytes += set->groups[i].slot_count * sizeof(struct state_set_slot);
    return bytes;
}

/* The key's slot, or the free one where it would go. The group has one. */
static inline struct state_set_slot *
slot_find(const struct state_set_group *group, const struct hash128 *key)
{
    const uint32_t mask = group->slot_count - 1;
    for (uint32_t slot = (uint32_t)key->high & mask;; slot = (slot + 1) & mask) {
        struct state_set_slot *at = &group->slots[slot];
        if (at->expires_us == FREE || (at->key.high == key->high && at->key.low == key->low))
            return at;
    }
}

/* Puts back a key that is not there. */
static void
slot_restore(struct state_set_group *group, const struct state_set_slot *slot)
{
    const uint32_t mask = group->slot_count - 1;
    uint32_t       at   = (uint32_t)slot->key.high & mask;
    while (group->slots[at].expires_us != FREE)
        at = (at + 1) & mask;
    group->slots[at] = *slot;
}

static void
group_clear(struct state_set *set, struct state_set_group *group)
{
    for (uint32_t i = 0; i < group->slot_count; i++)
        group->slots[i].expires_us = FREE;
    set->key_count -= group->key_count;
    group->key_count = 0;
}

static bool
group_grow(struct state_set_group *group)
{
    struct state_set_group grown = { .slot_count = group->slot_count == 0 ? SLOT_COUNT_MIN : group->slot_count * 2, .key_count = group->key_count };
    grown.slots = memory_alloc_array(grown.slot_count, sizeof(*grown.slots));
    if (grown.slots == NULL)
        return false;
    for (uint32_t i = 0; i < grown.slot_count; i++)
        grown.slots[i].expires_us = FREE;
    for (uint32_t i = 0; i < group->slot_count; i++)
        if (group->slots[i].expires_us != FREE)
            slot_restore(&grown, &group->slots[i]);
    memory_free(group->slots);
    *group = grown;
    return true;
}

static bool
has_expired(const struct state_set_group *group, int64_t watermark_us)
{
    for (uint32_t i = 0; i < group->slot_count; i++)
        if (group->slots[i].expires_us != FREE && group->slots[i].expires_us <= watermark_us)
            return true;
    return false;
}

/* Frees what has expired and puts the rest back: a probe chain has no holes. */
static void
group_expire(struct state_set *set, struct state_set_group *group, int64_t watermark_us)
{
    const uint32_t mask  = group->slot_count - 1;
    uint32_t       begin = 0;
    if (!has_expired(group, watermark_us))
        return;
    while (group->slots[begin].expires_us != FREE) /* A free slot is before every chain that starts behind it. */
        begin++;
    for (uint32_t i = 1; i <= group->slot_count; i++) {
        struct state_set_slot *slot  = &group->slots[(begin + i) & mask];
        struct state_set_slot  moved = *slot;
        if (moved.expires_us == FREE)
            continue;
        slot->expires_us = FREE;
        if (moved.expires_us > watermark_us) {
            slot_restore(group, &moved);
            continue;
        }
        group->key_count--;
        set->key_count--;
    }
}

/* ---- Adding ---- */

/* The slot of the key, or a free one for it with room around it. NULL: no memory. */
static inline struct state_set_slot *
slot_reserve(struct state_set_group *group, const struct hash128 *key)
{
    if (group->slot_count > 0) {
        struct state_set_slot *slot = slot_find(group, key);
        if (slot->expires_us != FREE || (group->key_count + 1) * 3 <= group->slot_count * 2)
            return slot;
    }
    return group_grow(group) ? slot_find(group, key) : NULL;
}

static inline void
slot_put(struct state_set *set, struct state_set_group *group, struct state_set_slot *slot, const struct hash128 *key, int64_t expires_us)
{
    CHECK(expires_us != FREE);
    group->key_count += slot->expires_us == FREE;
    set->key_count += slot->expires_us == FREE;
    *slot = (struct state_set_slot){ expires_us, *key };
}

/* Room for one more entry of the delta, so that what follows cannot fail half-way. */
static bool
added_reserve(struct state_set *set)
{
    if (set->added_capacity - set->added_size >= ENTRY_SIZE)
        return true;
    size_t capacity = set->added_capacity == 0 ? ADDED_CAPACITY_MIN : set->added_capacity * 2;
    char  *added    = memory_resize(set->added, capacity);
    if (added == NULL)
        return false;
    set->added          = added;
    set->added_capacity = capacity;
    return true;
}

static void
write_entry(char *to, const struct hash128 *key, int64_t expires_us)
{
    section_entry_head(to, sizeof(*key), 0, expires_us);
    memcpy(to + SECTION_ENTRY_HEAD_SIZE, key, sizeof(*key));
}

enum status
state_set_add(struct state_set *set, const struct hash128 *key, int64_t expires_us, int64_t watermark_us, bool *ret_is_new, struct error *err)
{
    struct state_set_group *group = &set->groups[state_group_of(key->low)];
    struct state_set_slot  *slot  = added_reserve(set) ? slot_reserve(group, key) : NULL;
    if (slot == NULL)
        return error_no_memory(err);
    *ret_is_new = slot->expires_us == FREE || slot->expires_us <= watermark_us;
    if (!*ret_is_new)
        return ST_OK;
    slot_put(set, group, slot, key, expires_us);
    write_entry(set->added + set->added_size, key, expires_us);
    set->added_size += ENTRY_SIZE;
    set->added_count++;
    return ST_OK;
}

bool
state_set_has(const struct state_set *set, const struct hash128 *key)
{
    const struct state_set_group *group = &set->groups[state_group_of(key->low)];
    return group->slot_count > 0 && slot_find(group, key)->expires_us != FREE;
}

/* ---- Sections ---- */

enum status
state_set_write_delta(struct state_set *set, struct str_builder *out, struct error *err)
{
    if (set->added_count == 0)
        return ST_OK;
    section_write_head(out, SECTION_DELTA, 0, set->added_count);
    str_builder_append(out, str_of(set->added, set->added_size));
    if (str_builder_status(out, err) != ST_OK)
        return ST_ERROR;
    state_set_forget_changes(set);
    return ST_OK;
}

void
state_set_forget_changes(struct state_set *set)
{
    set->added_size  = 0;
    set->added_count = 0;
}

enum status
state_set_write_snapshot(struct state_set *set, uint32_t group_index, int64_t watermark_us, struct str_builder *out, struct error *err)
{
    CHECK(set->added_count == 0);
    CHECK(group_index < STATE_GROUP_COUNT);
    struct state_set_group *group = &set->groups[group_index];
    group_expire(set, group, watermark_us);
    section_write_head(out, SECTION_SNAPSHOT, group_index, group->key_count);
    for (uint32_t i = 0; i < group->slot_count; i++) {
        char entry[ENTRY_SIZE];
        if (group->slots[i].expires_us == FREE)
            continue;
        write_entry(entry, &group->slots[i].key, group->slots[i].expires_us);
        str_builder_append(out, str_of(entry, sizeof(entry)));
    }
    return str_builder_status(out, err);
}

void
state_set_sweep(struct state_set *set, int64_t watermark_us)
{
    CHECK(set->added_count == 0);
    if (set->key_count >= 2 * set->swept_count + STATE_GROUP_COUNT)
        state_set_expire(set, watermark_us);
}

void
state_set_expire(struct state_set *set, int64_t watermark_us)
{
    CHECK(set->added_count == 0);
    for (uint32_t group = 0; group < STATE_GROUP_COUNT; group++)
        group_expire(set, &set->groups[group], watermark_us);
    set->swept_count = set->key_count;
}

enum status
state_set_read_groups(struct state_set *set, struct str bytes, uint32_t group_begin, uint32_t group_end, size_t *ret_used, struct error *err)
{
    struct section       section;
    struct section_entry entry;
    bool                 is_end;
    CHECK(set->added_count == 0);
    if (section_begin(&section, bytes, group_begin, group_end, err) != ST_OK)
        return ST_ERROR;
    if (section_replaces(&section))
        group_clear(set, &set->groups[section.group]);
    for (;;) {
        if (section_next(&section, &entry, &is_end, err) != ST_OK)
            return ST_ERROR;
        if (is_end)
            break;
        struct hash128 key;
        if (entry.key.size != sizeof(key) || entry.is_patch || entry.value.size > 0 || entry.expires_us == FREE)
            return error_set(err, ERR_CORRUPT, "an entry of the state is none of its set");
        memcpy(&key, entry.key.data, sizeof(key));
        struct state_set_group *group = &set->groups[state_group_of(key.low)];
        struct state_set_slot  *slot  = slot_reserve(group, &key);
        if (slot == NULL)
            return error_no_memory(err);
        slot_put(set, group, slot, &key, entry.expires_us);
    }
    *ret_used = section.used;
    return ST_OK;
}
