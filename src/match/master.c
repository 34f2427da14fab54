#include "match/master.h"

#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "health/person.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file is mapped as it lies");
_Static_assert(sizeof(struct master_entry) == 32, "a slot has 32 bytes");

#define MAGIC  "HDMASTER"
#define FORMAT 2
/* Bytes of a slot and its date. */
#define SLOT_SIZE (sizeof(struct master_entry) + sizeof(int32_t))

struct header {
    char           magic[8];
    uint64_t       format;
    uint64_t       version;
    uint64_t       entry_count;
    uint64_t       slot_count;
    struct hash128 key_check;
    uint64_t       slots_hash;
};

_Static_assert(sizeof(struct header) == 64, "the header is one line of the cache");

static uint64_t
slots_for(size_t entry_count)
{
    uint64_t slot_count = 2;

    while (slot_count < 2 * (uint64_t)entry_count)
        slot_count *= 2;
    return slot_count;
}

static void
place(struct master_entry *slots, int32_t *births, uint64_t mask, const struct master_entry *entry, int32_t birth)
{
    uint64_t slot = entry->identifier.low;

    CHECK(entry->identifier.low != 0 || entry->identifier.high != 0);
    while (slots[slot & mask].identifier.low != 0 || slots[slot & mask].identifier.high != 0)
        slot++;
    slots[slot & mask]  = *entry;
    births[slot & mask] = birth;
}

enum status
master_write(struct io *io, const char *path, uint64_t version, const struct siphash_key *key,
             const struct master_entry *entries, const int32_t *births, size_t entry_count, struct error *err)
{
    uint64_t             slot_count = slots_for(entry_count);
    size_t               slots_size = (size_t)slot_count * SLOT_SIZE;
    char                *bytes      = memory_alloc_zero(sizeof(struct header) + slots_size);
    struct master_entry *slots;
    struct header        header = {.format = FORMAT, .version = version, .entry_count = entry_count,
                                   .slot_count = slot_count};
    enum status          status;

    if (bytes == NULL)
        return error_no_memory(err);
    slots = (struct master_entry *)(void *)(bytes + sizeof header);
    int32_t *slot_births = (int32_t *)(void *)(slots + slot_count);
    for (size_t i = 0; i < entry_count; i++)
        place(slots, slot_births, slot_count - 1, &entries[i], births[i]);
    memcpy(header.magic, MAGIC, sizeof header.magic);
    header.key_check  = person_key_check(key);
    header.slots_hash = hash64(slots, slots_size);
    memcpy(bytes, &header, sizeof header);
    status = io_file_replace(io, path, bytes, sizeof header + slots_size, 0600, err);
    if (status != ST_OK)
        error_context(err, "writing the patient master");
    memory_free(bytes);
    return status;
}

static enum status
check_header(const struct file_map *map, const struct siphash_key *key, struct header *ret_header, struct error *err)
{
    struct header header;

    if (map->size < sizeof header)
        return error_set(err, ERR_CORRUPT, "the file is shorter than a patient master");
    memcpy(&header, map->bytes, sizeof header);
    if (memcmp(header.magic, MAGIC, sizeof header.magic) != 0 || header.format != FORMAT)
        return error_set(err, ERR_CORRUPT, "the file is no patient master of a format that this program knows");
    /* Compared as counts, so that no product can overflow. */
    if (header.slot_count == 0 || (header.slot_count & (header.slot_count - 1)) != 0 ||
        header.slot_count != (map->size - sizeof header) / SLOT_SIZE || (map->size - sizeof header) % SLOT_SIZE != 0 || header.entry_count > header.slot_count / 2)
        return error_set(err, ERR_CORRUPT, "the patient master is cut or damaged");
    if (hash64(map->bytes + sizeof header, map->size - sizeof header) != header.slots_hash)
        return error_set(err, ERR_CORRUPT, "the patient master is damaged");
    struct hash128 expected = person_key_check(key);
    if (header.key_check.low != expected.low || header.key_check.high != expected.high)
        return error_set(err, ERR_KEY, "the patient master was made with another person key");
    *ret_header = header;
    return ST_OK;
}

enum status
master_open(struct io *io, const char *path, const struct siphash_key *key, struct master *ret_master, struct error *err)
{
    struct file_map map = FILE_MAP_EMPTY;
    struct header   header = {.format = 0};
    enum status     status = io_file_map(io, path, &map, err);

    if (status == ST_OK)
        status = check_header(&map, key, &header, err);
    if (status == ST_OK) {
        *ret_master = (struct master){
            .map         = map,
            .slots       = (const struct master_entry *)(const void *)(map.bytes + sizeof header),
            .births      = (const int32_t *)(const void *)(map.bytes + sizeof header + header.slot_count * sizeof(struct master_entry)),
            .slot_mask   = header.slot_count - 1,
            .entry_count = header.entry_count,
            .version     = header.version,
        };
        return ST_OK;
    }
    file_map_release(io, &map);
    error_context(err, "opening the patient master %s", path);
    return status;
}

void
master_release(struct io *io, struct master *master)
{
    file_map_release(io, &master->map);
    *master = MASTER_EMPTY;
}
