/* Keyed state of one step on one shard: keys and values are bytes, values plain structs.
 *
 *     table ─ group 0..n ─ slots (open addressing) ─▶ entry | key | value      in slabs, four sizes a power of two
 *
 * Keys lie in 1,024 key groups by their hash, so that groups can move between shards; each group has a small table of
 * its own, for one big table stalls when it doubles. What changed since the last barrier is known (dirty): at each
 * barrier its whole values go into the epoch's record (P6), and some groups are written wholly, in turn, so that
 * recovery reads a bounded tail (P10) and what has expired is freed as its group comes round.
 *
 * Sections, little-endian: kind u8 (1 delta, 2 snapshot), group u16, entry count u32, then for each entry key size u16,
 * value size u32, expiry i64, key, value. A delta holds entries of any group (its group is 0); a snapshot is all of its group.
 *
 * A value that only grew is written as what is new of it (a patch; the key size's highest bit says so), for a long history is not to be
 * written again for each event: begin, front, middle and back, u32 each, then the new bytes. What was read so far of the entry
 *
 *     begin │ front │ back          becomes          begin' │ front │ middle' │ back │ end'
 *
 * Who reads a tail of records may meet a patch before the snapshot that has what it is of: the entry is a hole until its group comes.
 *
 * Every key begins with 8 bytes: the hash by which its rows were exchanged (op/operator.h), or one of the same key group. Its top bits are the key group,
 * so that an entry and the rows that touch it are always on the same shard. The rest of an entry's hash is of the whole key;
 * reading it back computes it again (state_hash).
 *
 * One thread at a time. Pointers to entries are good until the next put of the same key, or snapshot. */
#ifndef HEDDLE_LIVE_STATE_H
#define HEDDLE_LIVE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/prefetch.h"
#include "base/str_builder.h"

#define STATE_GROUP_COUNT 1024
#define STATE_CLASS_COUNT 64
/* An entry that never expires. */
#define STATE_FOREVER INT64_MAX

/* The hash is in the slot. 24 bytes, so that small entries stay small. */
struct state_entry {
    int64_t  expires_us; /* Freed once the watermark that snapshots are given is not below it. */
    uint32_t value_size;
    uint32_t dirty_index; /* Into the table's dirty list; UINT32_MAX: unchanged since the last delta. */
    uint16_t key_size;
    uint8_t  slab_class;
    uint8_t  unused[5];
};

/* Linear probing, at most half full: a new key looks at two slots or three. The hash lies beside the pointer, so that
 * probing past others' entries does not touch them. */
struct state_slot {
    uint64_t            hash;
    struct state_entry *entry; /* NULL: free. */
};

struct state_group {
    struct state_slot *slots;
    uint32_t           slot_count;
    uint32_t           entry_count;
};

/* What stands in a free entry: others like it, and the next that has such a list. So most of them need not be touched to be freed,
 * and who takes one can have the next few fetched meanwhile. */
struct state_free {
    struct state_free *next;
    uint64_t           count;
    void              *entries[];
};

/* What of an entry's value is as the record has it, in bytes: see above. */
struct state_kept {
    uint32_t begin;
    uint32_t front;
    uint32_t middle;
    uint32_t back;
};
/* All of it is to be written. */
#define STATE_KEPT_NOTHING ((struct state_kept){ UINT32_MAX, 0, 0, 0 })

struct state_change {
    struct state_entry *entry;
    struct state_kept   kept;
};

struct state_table {
    struct arena         arena;
    struct state_free   *free_entries[STATE_CLASS_COUNT];
    struct state_group   groups[STATE_GROUP_COUNT];
    uint64_t             holes[STATE_GROUP_COUNT / 64]; /* Groups of which patches were read, but not what they are of. */
    struct state_change *dirty;
    uint32_t             dirty_count;
    uint32_t             dirty_capacity;
    uint64_t             entry_count;
    uint64_t             swept_count; /* Entries that the last state_sweep left. */
    uint64_t             entry_bytes; /* That entries take. */
};

/* What its entries take, with their slots, which are half full at most; what was freed is not in it, though it is held. */
static inline uint64_t
state_used_bytes(const struct state_table *table)
{
    return table->entry_bytes + table->entry_count * 2 * sizeof(struct state_slot);
}

#define STATE_GROUP_SHIFT 54

/* Which of the key groups a hash belongs to, of an exchange or of a key. */
static inline uint32_t
state_group_of(uint64_t hash)
{
    return (uint32_t)(hash >> STATE_GROUP_SHIFT);
}

/* Another hash in the key group of this one: keys whose rows are exchanged by the one may begin with the other. */
static inline uint64_t
state_in_group_of(uint64_t exchanged, uint64_t hash)
{
    const uint64_t low_bits = (UINT64_C(1) << STATE_GROUP_SHIFT) - 1;
    return (exchanged & ~low_bits) | (hash & low_bits);
}

/* The hash of a key of at least 8 bytes. */
uint64_t state_hash(const void *key, size_t key_size);

/* Allocates nothing. A zeroed table may be released. */
void state_table_init(struct state_table *table);
void state_table_release(struct state_table *table);

/* NULL where the key is not there. An expired entry is there until its group is written: who must not see it compares
 * expires_us with a time of the log, so that freeing never changes content. */
struct state_entry *state_find(const struct state_table *table, uint64_t hash, const void *key, size_t key_size);

/* Finds or makes the entry, gives its value `value_size` bytes (what it held stays, new bytes are zero) and marks it as
 * changed. `ret_is_new` may be NULL. ERR_FULL where the entry would be beyond STATE_ENTRY_SIZE_MAX; on failure the table
 * is as before. */
enum status state_put(struct state_table *table, uint64_t hash, const void *key, size_t key_size, size_t value_size,
                      int64_t expires_us, struct state_entry **ret_entry, bool *ret_is_new, struct error *err);

/* Marks an entry of the table as changed, without looking for it. Its value may shrink, so the entry stays where it is. */
enum status state_touch(struct state_table *table, struct state_entry *entry, size_t value_size, int64_t expires_us, struct error *err);

/* Tables are larger than the caches: so many rows' lines are on their way while others are looked at. */
#define STATE_PREFETCH_COUNT 16
#define STATE_PREFETCH_SIZE_MAX 2048

/* Fetches the line that state_find and state_put look at first. For batches of them. */
static inline void
state_prefetch(const struct state_table *table, uint64_t hash)
{
    const struct state_group *group = &table->groups[state_group_of(hash)];
    if (group->slot_count > 0)
        PREFETCH(&group->slots[(uint32_t)hash & (group->slot_count - 1)]);
}

/* Rows whose entries are looked at soon, with the hashes of their keys. */
struct state_ahead {
    uint32_t    count;
    uint32_t    rows[STATE_PREFETCH_COUNT];
    uint64_t    hashes[STATE_PREFETCH_COUNT];
    const void *entries[STATE_PREFETCH_COUNT]; /* Where the hash leads, which is nearly always the key's. NULL: nowhere. */
};

static inline void
state_ahead_add(struct state_ahead *ahead, const struct state_table *table, uint32_t row, uint64_t hash)
{
    ahead->rows[ahead->count]     = row;
    ahead->hashes[ahead->count++] = hash;
    state_prefetch(table, hash);
}

/* Fetches the entries too. */
static inline void
state_ahead_entries(struct state_ahead *ahead, const struct state_table *table)
{
    for (uint32_t i = 0; i < ahead->count; i++) {
        const struct state_group *group = &table->groups[state_group_of(ahead->hashes[i])];
        const uint32_t            mask  = group->slot_count - 1;
        uint32_t                  slot  = (uint32_t)ahead->hashes[i];
        while (group->slot_count > 0 && group->slots[slot & mask].entry != NULL && group->slots[slot & mask].hash != ahead->hashes[i])
            slot++;
        ahead->entries[i] = group->slot_count > 0 ? group->slots[slot & mask].entry : NULL;
        for (uint32_t line = 0; ahead->entries[i] != NULL && line < 4; line++)
            PREFETCH((const char *)ahead->entries[i] + line * 64);
    }
}

/* Fetches the rest of a large entry, whose beginning has come by now. */
static inline void
state_prefetch_rest(const struct state_entry *entry)
{
    for (uint32_t at = 4 * 64; at < entry->value_size && at < STATE_PREFETCH_SIZE_MAX; at += 64)
        PREFETCH((const char *)entry + at);
}

static inline void
state_ahead_rest(const struct state_ahead *ahead)
{
    for (uint32_t i = 0; i < ahead->count; i++)
        if (ahead->entries[i] != NULL)
            state_prefetch_rest(ahead->entries[i]);
}

/* Fetches the beginnings of entries that are looked at soon by who goes through the dirty list and is at `index`. */
static inline void
state_dirty_prefetch(const struct state_table *table, uint32_t index)
{
    const char *entry = index + STATE_PREFETCH_COUNT / 2 < table->dirty_count ? (const char *)table->dirty[index + STATE_PREFETCH_COUNT / 2].entry : NULL;
    for (uint32_t line = 0; entry != NULL && line < 4; line++)
        PREFETCH(entry + line * 64);
}

/* Whether the entry changed since the last delta. */
static inline bool
state_is_changed(const struct state_entry *entry)
{
    return entry->dirty_index != UINT32_MAX;
}

/* What of a changed entry's value is as the record has it, as far as it was told. A put or a touch makes it nothing; who knows better says so behind it. */
static inline struct state_kept
state_kept_of(const struct state_table *table, const struct state_entry *entry)
{
    return table->dirty[entry->dirty_index].kept;
}

static inline void
state_keep(struct state_table *table, const struct state_entry *entry, struct state_kept kept)
{
    table->dirty[entry->dirty_index].kept = kept;
}

/* An entry of no table, to work on: in `memory`, which is aligned to 16 and has state_entry_size bytes. With the key, and a value whose first bytes
 * are those of `from` (NULL: none), the rest zeros. */
size_t              state_entry_size(size_t key_size, size_t value_size);
struct state_entry *state_entry_make(void *memory, const void *key, size_t key_size, size_t value_size, struct state_entry *from);

const void *state_key(const struct state_entry *entry);
/* Aligned to 16 bytes. */
void *state_value(struct state_entry *entry);

/* The next entry of a group, in no order; *cursor starts at 0. NULL: no more. Entries of the group may be put again meanwhile
 * (those that are seen already, or just now), new ones not. */
struct state_entry *state_next(const struct state_table *table, uint32_t group, uint32_t *cursor);

/* Appends one section with what changed, and forgets that it did. Nothing where nothing changed. */
enum status state_write_delta(struct state_table *table, struct str_builder *out, struct error *err);

/* Forgets what changed without writing it: for who keeps no record (hybrid/backtest.h). */
void state_forget_changes(struct state_table *table);

/* Frees the group's entries that expire at or before `watermark_us`, then appends one section with the rest. Nothing is
 * dirty: the delta was written before. */
enum status state_write_snapshot(struct state_table *table, uint32_t group, int64_t watermark_us, struct str_builder *out,
                                 struct error *err);

/* Frees what expires at or before `watermark_us` in all groups, where the table has doubled since this was last done: what is
 * held is at most twice what is needed, for a constant price an entry, however rare snapshots are. Nothing is dirty. */
void state_sweep(struct state_table *table, int64_t watermark_us);
/* The same, whatever is held. */
void state_expire(struct state_table *table, int64_t watermark_us);

/* Reads one section at the beginning of `bytes`: a snapshot replaces its group, a delta its entries. Nothing becomes
 * dirty. ERR_CORRUPT where the bytes are no section; the table then holds a part of it and can only be released. */
enum status state_read(struct state_table *table, struct str bytes, size_t *ret_used, struct error *err);

/* Whether all that patches are of was read. */
bool state_is_whole(const struct state_table *table);

/* The same, but takes only what belongs to the key groups [group_begin, group_end): for a table that owns only these. */
enum status state_read_groups(struct state_table *table, struct str bytes, uint32_t group_begin, uint32_t group_end,
                              size_t *ret_used, struct error *err);

#endif
