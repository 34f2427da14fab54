/* A map from names to numbers or pointers, walked in the order of insertion.
 *
 * For names of the configuration, the model and the plan: thousands of entries, built once, read often. Not for
 * the state of the live leg (live/), whose tables are slabs that expire. The shape is that of Python's dict:
 * entries lie in insertion order, a table of 32-bit indices finds them.
 *
 * Keys are copied; values are the caller's own (a pointer is not freed). Not thread-safe for writers. */
#ifndef HEDDLE_BASE_MAP_H
#define HEDDLE_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct map_entry {
    struct str key; /* Owned by the map; a NUL follows it. */
    union {
        void    *pointer;
        uint64_t number;
    };
    uint64_t hash;
    bool     is_removed;
};

struct map {
    struct map_entry *entries;
    uint32_t         *slots; /* Index into `entries` plus 1; 0: free. Linear probing, at most 3/4 full. */
    size_t            entry_count; /* Used entries, removed ones included. */
    size_t            entry_capacity;
    size_t            slot_count; /* A power of two, or 0. */
    size_t            live_count; /* What map_count returns. */
    struct arena      keys;
};

/* Allocates nothing. A zeroed map may be released and read, but not put into. */
void map_init(struct map *map);
void map_clear(struct map *map);
void map_release(struct map *map);

static inline size_t
map_count(const struct map *map)
{
    return map->live_count;
}

/* The entry, whose value may be changed in place, or NULL. Valid until the next put, remove or clear. */
struct map_entry *map_find(const struct map *map, struct str key);

/* Finds the entry or adds one whose value is 0 / NULL. NULL: no memory, the map is unchanged. */
struct map_entry *map_insert(struct map *map, struct str key, bool *ret_is_new);

/* Insert or overwrite (the entry keeps its place in the order). False: no memory, the map is unchanged. */
bool map_put_number(struct map *map, struct str key, uint64_t number) __attribute__((warn_unused_result));
bool map_put_pointer(struct map *map, struct str key, void *pointer) __attribute__((warn_unused_result));

/* False where the key is not there; *ret_number is then untouched. */
bool map_get_number(const struct map *map, struct str key, uint64_t *ret_number);
/* NULL where the key is not there. */
void *map_get_pointer(const struct map *map, struct str key);

/* Whether the key was there. */
bool map_remove(struct map *map, struct str key);

/* for (const struct map_entry *entry = map_first(map); entry; entry = map_next(map, entry)) */
struct map_entry *map_first(const struct map *map);
struct map_entry *map_next(const struct map *map, const struct map_entry *entry);

#endif
