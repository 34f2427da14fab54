#include "live/state_set.h"

#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "live/state_section.h"

#define SLOT_COUNT_MIN     8u
#define ADDED_CAPACITY_MIN 4096
/* The expiry of a slot that is free. */
#define FREE INT64_MIN

void
state_set_init(struct state_set *set, size_t key_size)
{
    CHECK(key_size % sizeof(uint64_t) == 0 && key_size > 0 && key_size <= STATE_SET_KEY_SIZE_MAX);
    memset(set, 0, sizeof(*set));
    set->key_size = (uint32_t)key_size;
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

static size_t
slot_size(const struct state_set *set)
{
    return sizeof(int64_t) + set->key_size;
}

size_t
state_set_bytes(const struct state_set *set)
{
    size_t bytes = set->added_capacity;
    for (uint32_t i = 0; i < STATE_GROUP_COUNT; i++)
        bytes += set->groups[i].slot_count * slot_size(set);
    return bytes;
}

static int64_t
expiry_of(const char *slot)
{
    int64_t expires_us;
    memcpy(&expires_us, slot, sizeof(expires_us));
    return expires_us;
}

static void
set_expiry(char *slot, int64_t expires_us)
{
    memcpy(slot, &expires_us, sizeof(expires_us));
}

static bool
keys_equal(const char *a, const char *b, uint32_t size)
{
    for (uint32_t i = 0; i < size; i += (uint32_t)sizeof(uint64_t)) {
        uint64_t of_a, of_b;
        memcpy(&of_a, a + i, sizeof(of_a));
        memcpy(&of_b, b + i, sizeof(of_b));
        if (of_a != of_b)
            return false;
    }
    return true;
}

/* The key's slot, or the free one where it would go. The group has one. */
static char *
slot_find(const struct state_set *set, const struct state_set_group *group, uint64_t hash, const char *key)
{
    const size_t   size = slot_size(set);
    const uint32_t mask = group->slot_count - 1;
    for (uint32_t slot = (uint32_t)hash & mask;; slot = (slot + 1) & mask) {
        char *at = group->slots + slot * size;
        if (expiry_of(at) == FREE || keys_equal(at + sizeof(int64_t), key, set->key_size))
            return at;
    }
}

/* The first free slot of a hash, for a key that is not there. */
static char *
slot_free(const struct state_set *set, const struct state_set_group *group, uint64_t hash)
{
    const uint32_t mask = group->slot_count - 1;
    uint32_t       slot = (uint32_t)hash & mask;
    while (expiry_of(group->slots + slot * slot_size(set)) != FREE)
        slot = (slot + 1) & mask;
    return group->slots + slot * slot_size(set);
}

static void
group_clear(struct state_set *set, struct state_set_group *group)
{
    for (uint32_t i = 0; i < group->slot_count; i++)
        set_expiry(group->slots + i * slot_size(set), FREE);
    set->key_count -= group->key_count;
    group->key_count = 0;
}

static bool
group_grow(const struct state_set *set, struct state_set_group *group)
{
    const size_t           size  = slot_size(set);
    struct state_set_group grown = { .slot_count = group->slot_count == 0 ? SLOT_COUNT_MIN : group->slot_count * 2, .key_count = group->key_count };
    grown.slots = memory_alloc_array(grown.slot_count, size);
    if (grown.slots == NULL)
        return false;
    for (uint32_t i = 0; i < grown.slot_count; i++)
        set_expiry(grown.slots + i * size, FREE);
    for (uint32_t i = 0; i < group->slot_count; i++) {
        const char *slot = group->slots + i * size;
        if (expiry_of(slot) != FREE)
            memcpy(slot_free(set, &grown, state_hash(slot + sizeof(int64_t), set->key_size)), slot, size);
    }
    memory_free(group->slots);
    *group = grown;
    return true;
}

static bool
has_expired(const struct state_set *set, const struct state_set_group *group, int64_t watermark_us)
{
    for (uint32_t i = 0; i < group->slot_count; i++) {
        int64_t expires_us = expiry_of(group->slots + i * slot_size(set));
        if (expires_us != FREE && expires_us <= watermark_us)
            return true;
    }
    return false;
}

/* Frees what has expired and puts the rest back: a probe chain has no holes. */
static void
group_expire(struct state_set *set, struct state_set_group *group, int64_t watermark_us)
{
    const size_t   size  = slot_size(set);
    const uint32_t mask  = group->slot_count - 1;
    uint32_t       begin = 0;
    if (!has_expired(set, group, watermark_us))
        return;
    while (expiry_of(group->slots + begin * size) != FREE) /* A free slot is before every chain that starts behind it. */
        begin++;
    for (uint32_t i = 1; i <= group->slot_count; i++) {
        char  moved[sizeof(int64_t) + STATE_SET_KEY_SIZE_MAX];
        char *slot = group->slots + ((begin + i) & mask) * size;
        if (expiry_of(slot) == FREE)
            continue;
        memcpy(moved, slot, size);
        set_expiry(slot, FREE);
        if (expiry_of(moved) <= watermark_us) {
            group->key_count--;
            set->key_count--;
            continue;
        }
        memcpy(slot_free(set, group, state_hash(moved + sizeof(int64_t), set->key_size)), moved, size);
    }
}

/* ---- Adding ---- */

/* The slot of the key, or a free one for it with room around it. NULL: no memory. */
static char *
slot_reserve(const struct state_set *set, struct state_set_group *group, uint64_t hash, const char *key)
{
    if (group->slot_count > 0) {
        char *slot = slot_find(set, group, hash, key);
        if (expiry_of(slot) != FREE || (group->key_count + 1) * 3 <= group->slot_count * 2)
            return slot;
    }
    return group_grow(set, group) ? slot_find(set, group, hash, key) : NULL;
}

static void
slot_put(struct state_set *set, struct state_set_group *group, char *slot, const char *key, int64_t expires_us)
{
    CHECK(expires_us != FREE);
    if (expiry_of(slot) == FREE) {
        group->key_count++;
        set->key_count++;
        memcpy(slot + sizeof(int64_t), key, set->key_size);
    }
    set_expiry(slot, expires_us);
}

/* Room for one more entry of the delta, so that what follows cannot fail half-way. */
static bool
added_reserve(struct state_set *set)
{
    if (set->added_capacity - set->added_size >= SECTION_ENTRY_HEAD_SIZE + set->key_size)
        return true;
    size_t capacity = set->added_capacity == 0 ? ADDED_CAPACITY_MIN : set->added_capacity * 2;
    char  *added    = memory_resize(set->added, capacity);
    if (added == NULL)
        return false;
    set->added          = added;
    set->added_capacity = capacity;
    return true;
}

enum status
state_set_add(struct state_set *set, uint64_t hash, const void *key, int64_t expires_us, int64_t watermark_us, bool *ret_is_new,
              struct error *err)
{
    struct state_set_group *group = &set->groups[state_group_of(hash)];
    char                   *slot  = added_reserve(set) ? slot_reserve(set, group, hash, key) : NULL;
    if (slot == NULL)
        return error_no_memory(err);
    *ret_is_new = expiry_of(slot) == FREE || expiry_of(slot) <= watermark_us;
    if (!*ret_is_new)
        return ST_OK;
    slot_put(set, group, slot, key, expires_us);
    char *entry = set->added + set->added_size;
    section_entry_head(entry, set->key_size, 0, expires_us);
    memcpy(entry + SECTION_ENTRY_HEAD_SIZE, key, set->key_size);
    set->added_size += SECTION_ENTRY_HEAD_SIZE + set->key_size;
    set->added_count++;
    return ST_OK;
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
        const char *slot = group->slots + i * slot_size(set);
        char        head[SECTION_ENTRY_HEAD_SIZE];
        if (expiry_of(slot) == FREE)
            continue;
        section_entry_head(head, set->key_size, 0, expiry_of(slot));
        str_builder_append(out, str_of(head, sizeof(head)));
        str_builder_append(out, str_of(slot + sizeof(int64_t), set->key_size));
    }
    return str_builder_status(out, err);
}

void
state_set_sweep(struct state_set *set, int64_t watermark_us)
{
    CHECK(set->added_count == 0);
    if (set->key_count < 2 * set->swept_count + STATE_GROUP_COUNT)
        return;
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
        if (entry.key.size != set->key_size || entry.value.size > 0 || entry.expires_us == FREE)
            return error_set(err, ERR_CORRUPT, "an entry of the state is none of its set");
        struct state_set_group *group = &set->groups[state_group_of(entry.hash)];
        char                   *slot  = slot_reserve(set, group, entry.hash, entry.key.data);
        if (slot == NULL)
            return error_no_memory(err);
        slot_put(set, group, slot, entry.key.data, entry.expires_us);
    }
    *ret_used = section.used;
    return ST_OK;
}
