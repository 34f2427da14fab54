/* Sets of keys, each until a time of its own: identities of events, patients of a window.
 *
 * They are the largest state and the most often asked, so keys lie in the slots themselves: one line of memory a question,
 * nothing to allocate, and what is freed is found by going through memory in its order. A key is a hash of 128 bits, whose low half is what
 * rows are exchanged by, or in the same key group; so nothing is hashed again. Groups, sections and freeing are those of tables (live/state.h).
 *
 *     set ─ group 0..n ─ slots (open addressing, two thirds full at most): expiry i64 | key
 *
 * One thread at a time. */
#ifndef HEDDLE_LIVE_STATE_SET_H
#define HEDDLE_LIVE_STATE_SET_H

#include "base/hash.h"
#include "live/state.h"

struct state_set_slot {
    int64_t        expires_us; /* INT64_MIN: the slot is free. */
    struct hash128 key;
};

struct state_set_group {
    struct state_set_slot *slots;
    uint32_t               slot_count;
    uint32_t               key_count;
};

struct state_set {
    struct state_set_group groups[STATE_GROUP_COUNT];
    char                  *added; /* Entries of the next delta, as they are written. */
    size_t                 added_size;
    size_t                 added_capacity;
    uint32_t               added_count;
    uint64_t               key_count;
    uint64_t               swept_count; /* Keys that the last state_set_sweep left. */
};

/* Memory that its slots take. */
size_t state_set_bytes(const struct state_set *set);

/* What its keys take of that: slots are two thirds full at most. */
static inline uint64_t
state_set_used_bytes(const struct state_set *set)
{
    return set->key_count * sizeof(struct state_set_slot) * 3 / 2;
}

/* Allocates nothing. A zeroed set may be released. */
void state_set_init(struct state_set *set);
void state_set_release(struct state_set *set);

/* Adds the key until `expires_us`, unless it is there. One that expires at or before `watermark_us` (INT64_MIN: none does) has expired,
 * though it was not freed yet: it is added anew. On failure the set is as before. */
enum status state_set_add(struct state_set *set, const struct hash128 *key, int64_t expires_us, int64_t watermark_us, bool *ret_is_new,
                          struct error *err);

/* Whether the key is there, expired or not. */
bool state_set_has(const struct state_set *set, const struct hash128 *key);

/* Fetches the lines that state_set_add looks at. For batches of it. */
static inline void
state_set_prefetch(const struct state_set *set, const struct hash128 *key)
{
    const struct state_set_group *group = &set->groups[state_group_of(key->low)];
    if (group->slot_count == 0)
        return;
    const struct state_set_slot *slot = &group->slots[(uint32_t)key->high & (group->slot_count - 1)];
    PREFETCH(slot);
    PREFETCH((const char *)slot + 64);
}

/* As those of tables. */
enum status state_set_write_delta(struct state_set *set, struct str_builder *out, struct error *err);
enum status state_set_write_snapshot(struct state_set *set, uint32_t group, int64_t watermark_us, struct str_builder *out, struct error *err);
void        state_set_forget_changes(struct state_set *set);
void        state_set_sweep(struct state_set *set, int64_t watermark_us);
void        state_set_expire(struct state_set *set, int64_t watermark_us);
enum status state_set_read_groups(struct state_set *set, struct str bytes, uint32_t group_begin, uint32_t group_end, size_t *ret_used,
                                  struct error *err);

#endif
