#include "base/map.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/memory.h"

#define SLOT_COUNT_MIN 16
#define KEY_BLOCK_SIZE 4096

void
map_init(struct map *map)
{
    *map = (struct map){ 0 };
    arena_init(&map->keys, KEY_BLOCK_SIZE);
}

void
map_clear(struct map *map)
{
    map->entry_count = 0;
    map->live_count  = 0;
    if (map->slots != NULL)
        memset(map->slots, 0, map->slot_count * sizeof *map->slots);
    arena_clear(&map->keys);
}

void
map_release(struct map *map)
{
    memory_free(map->entries);
    memory_free(map->slots);
    arena_release(&map->keys);
    map_init(map);
}

/* A removed entry keeps its slot, so that a chain that goes past it is not cut; rebuilding drops both. */
static struct map_entry *
find_hashed(const struct map *map, struct str key, uint64_t hash)
{
    if (map->slot_count == 0)
        return NULL;
    size_t mask = map->slot_count - 1;
    for (size_t i = hash & mask; map->slots[i] != 0; i = (i + 1) & mask) {
        struct map_entry *entry = &map->entries[map->slots[i] - 1];
        if (entry->hash == hash && !entry->is_removed && str_equal(entry->key, key))
            return entry;
    }
    return NULL;
}

static void
slot_fill(uint32_t *slots, size_t slot_count, uint64_t hash, size_t entry_index)
{
    size_t mask = slot_count - 1;
    size_t i    = hash & mask;
    while (slots[i] != 0)
        i = (i + 1) & mask;
    slots[i] = (uint32_t)(entry_index + 1);
}

/* Builds slots and entries anew without the removed ones, with room for one more. */
static bool
rebuild(struct map *map)
{
    size_t slot_count = SLOT_COUNT_MIN;
    while (slot_count / 4 * 3 < map->live_count * 2 + 1)
        slot_count *= 2;
    size_t entry_capacity = slot_count / 4 * 3;
    if (entry_capacity > UINT32_MAX - 1)
        return false;

    uint32_t         *slots   = memory_alloc_array_zero(slot_count, sizeof *slots);
    struct map_entry *entries = memory_alloc_array(entry_capacity, sizeof *entries);
    if (slots == NULL || entries == NULL) {
        memory_free(slots);
        memory_free(entries);
        return false;
    }
    size_t entry_count = 0;
    for (size_t i = 0; i < map->entry_count; i++) {
        if (map->entries[i].is_removed)
            continue;
        entries[entry_count] = map->entries[i];
        slot_fill(slots, slot_count, entries[entry_count].hash, entry_count);
        entry_count++;
    }
    memory_free(map->slots);
    memory_free(map->entries);
    map->slots          = slots;
    map->slot_count     = slot_count;
    map->entries        = entries;
    map->entry_capacity = entry_capacity;
    map->entry_count    = entry_count;
    CHECK(entry_count == map->live_count);
    return true;
}

struct map_entry *
map_find(const struct map *map, struct str key)
{
    return find_hashed(map, key, str_hash64(key));
}

struct map_entry *
map_insert(struct map *map, struct str key, bool *ret_is_new)
{
    uint64_t          hash  = str_hash64(key);
    struct map_entry *entry = find_hashed(map, key, hash);
    if (entry == NULL) {
        struct str copy;
        if (map->entry_count == map->entry_capacity && !rebuild(map))
            return NULL;
        if (!arena_text(&map->keys, key, &copy))
            return NULL;
        entry  = &map->entries[map->entry_count];
        *entry = (struct map_entry){ .key = copy, .hash = hash };
        slot_fill(map->slots, map->slot_count, hash, map->entry_count);
        map->entry_count++;
        map->live_count++;
        if (ret_is_new != NULL)
            *ret_is_new = true;
    } else if (ret_is_new != NULL) {
        *ret_is_new = false;
    }
    return entry;
}

bool
map_put_number(struct map *map, struct str key, uint64_t number)
{
    struct map_entry *entry = map_insert(map, key, NULL);
    if (entry == NULL)
        return false;
    entry->number = number;
    return true;
}

bool
map_put_pointer(struct map *map, struct str key, void *pointer)
{
    struct map_entry *entry = map_insert(map, key, NULL);
    if (entry == NULL)
        return false;
    entry->pointer = pointer;
    return true;
}

bool
map_get_number(const struct map *map, struct str key, uint64_t *ret_number)
{
    const struct map_entry *entry = map_find(map, key);
    if (entry == NULL)
        return false;
    *ret_number = entry->number;
    return true;
}

void *
map_get_pointer(const struct map *map, struct str key)
{
    const struct map_entry *entry = map_find(map, key);
    return entry != NULL ? entry->pointer : NULL;
}

bool
map_remove(struct map *map, struct str key)
{
    struct map_entry *entry = map_find(map, key);
    if (entry == NULL)
        return false;
    entry->is_removed = true;
    map->live_count--;
    return true;
}

static struct map_entry *
entry_from(const struct map *map, size_t index)
{
    while (index < map->entry_count && map->entries[index].is_removed)
        index++;
    return index < map->entry_count ? &map->entries[index] : NULL;
}

struct map_entry *
map_first(const struct map *map)
{
    return entry_from(map, 0);
}

struct map_entry *
map_next(const struct map *map, const struct map_entry *entry)
{
    return entry_from(map, (size_t)(entry - map->entries) + 1);
}
