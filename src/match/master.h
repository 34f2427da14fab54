/* A snapshot of the patient master: which identifier is whose and when that person was born, as a file that the live leg maps.
 *
 * It holds no identifier, only keyed hashes: SipHash-2-4-128 of (system, value) under the pipeline's person key, which is
 * the provisional person_id as a number, and the person_id as a number. A file is never changed once it is there.
 *
 *     offset  bytes
 *          0      8  "HDMASTER"
 *          8      8  format, 2
 *         16      8  version of the snapshot
 *         24      8  entries
 *         32      8  slots, a power of two, at least twice the entries
 *         40     16  SipHash-2-4-128 of "heddle patient master" under the key: tells another key
 *         56      8  XXH3-64 of what follows: tells a damaged file
 *         64   32 n  slots: identifier (low, high), person (low, high); an empty slot is zero
 *  64 + 32 n    4 n  birth dates of the slots' persons: days since 1970-01-01, MASTER_BIRTH_UNKNOWN
 *
 * All numbers are little-endian, 64 bits wide but the dates' 32. An identifier lies in slot (low mod slots) or the next
 * ones, so that a lookup touches one line of the cache nearly always, two where the date is wanted. */
#ifndef HEDDLE_MATCH_MASTER_H
#define HEDDLE_MATCH_MASTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/prefetch.h"
#include "io/file.h"

#define MASTER_BIRTH_UNKNOWN INT32_MIN

/* A slot of the file. */
struct master_entry {
    struct hash128 identifier; /* Not zero. */
    struct hash128 person;
};

/* Writes the snapshot, whole or not at all. Identifiers are distinct. births[i] belongs to entries[i]. */
enum status master_write(struct io *io, const char *path, uint64_t version, const struct siphash_key *key,
                         const struct master_entry *entries, const int32_t *births, size_t entry_count, struct error *err);

struct master {
    struct file_map            map;
    const struct master_entry *slots;
    const int32_t             *births; /* Of the slots. */
    uint64_t                   slot_mask;
    uint64_t                   entry_count;
    uint64_t                   version;
};

#define MASTER_EMPTY ((struct master){.map = FILE_MAP_EMPTY})

/* ERR_CORRUPT where the file is not a whole snapshot, ERR_KEY where it was made with another key. */
enum status master_open(struct io *io, const char *path, const struct siphash_key *key, struct master *ret_master,
                        struct error *err);
/* Accepts the empty master. */
void master_release(struct io *io, struct master *master);

/* Fetches the lines that master_find will look at. For batches of lookups. */
static inline void
master_prefetch(const struct master *master, struct hash128 identifier)
{
    PREFETCH(&master->slots[identifier.low & master->slot_mask]);
    PREFETCH(&master->births[identifier.low & master->slot_mask]);
}

/* False where nobody is known by the identifier. `master` is open; ret_birth gets days or MASTER_BIRTH_UNKNOWN. */
static inline bool
master_find(const struct master *master, struct hash128 identifier, struct hash128 *ret_person, int32_t *ret_birth)
{
    for (uint64_t slot = identifier.low;; slot++) {
        const struct master_entry *entry = &master->slots[slot & master->slot_mask];

        if (entry->identifier.low == identifier.low && entry->identifier.high == identifier.high) {
            *ret_person = entry->person;
            *ret_birth  = master->births[slot & master->slot_mask];
            return true;
        }
        if (entry->identifier.low == 0 && entry->identifier.high == 0)
            return false;
    }
}

#endif
