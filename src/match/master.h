/* A snapshot of the patient master: which identifier is whose, when that person was born, and what rules of accesses ask of patients and
 * users, as a file that the live leg maps.
 *
 * It holds no identifier, name or address, only keyed hashes: SipHash-2-4-128 of (system, value) under the pipeline's person key, which is
 * the provisional person_id as a number, and the person_id as a number; of names and addresses 32 bits, which are enough to compare a
 * user with a patient and too few to search for one. A file is never changed once it is there.
 *
 *     offset  bytes
 *          0      8  "HDMASTER"
 *          8      8  format, 4
 *         16      8  version of the snapshot
 *         24      8  entries
 *         32      8  slots n, a power of two, at least twice the entries
 *         40     16  SipHash-2-4-128 of "heddle patient master" under the key: tells another key
 *         56      8  XXH3-64 of what follows: tells a damaged file
 *         64      8  users
 *         72      8  slots of users u, a power of two, at least twice the users
 *         80     48  zeros
 *        128   64 n  slots: identifier (low, high), person (low, high), struct master_patient, birth date (days since 1970-01-01,
 *                   MASTER_DAY_UNKNOWN), 8 zeros; an empty slot is zero
 *             56 u  slots of users: struct master_user
 *
 * All numbers are little-endian. An identifier lies in slot (low mod slots) or the next ones, and a slot is a line of the cache: with what the live
 * leg asks of each event a lookup waits for memory once. */
#ifndef HEDDLE_MATCH_MASTER_H
#define HEDDLE_MATCH_MASTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/prefetch.h"
#include "io/file.h"

#define MASTER_DAY_UNKNOWN INT32_MIN
/* More persons at one address are no household: a home, a hostel, "unknown". */
#define MASTER_HOUSEHOLD_MAX 12

/* An identifier and whose it is. */
struct master_entry {
    struct hash128 identifier; /* Not zero. */
    struct hash128 person;
};

enum { MASTER_PATIENT_VIP = 1, MASTER_PATIENT_OF_WORKFORCE = 2 };

/* What is known of a person besides; hashes of 0: not known. Days since 1970-01-01. */
struct master_patient {
    uint32_t household;
    uint32_t surname;
    int32_t  death_day;
    int32_t  contact_day; /* Of the newest encounter or order. */
    uint32_t flags;
};

/* A slot of the file. */
struct master_slot {
    struct master_entry   entry;
    struct master_patient patient;
    int32_t               birth;
    uint64_t              zeros;
};

/* A user of the source's systems, found by the user's pair, or by that of the practitioner who the user is. */
struct master_user {
    struct hash128 pair;   /* Not zero. */
    struct hash128 person; /* The user as a patient; zero: not known. */
    uint32_t       user;   /* master_short of the user's own pair. */
    uint32_t       department;
    uint32_t       household;
    uint32_t       surname;
    uint32_t       surname_persons; /* Patients who have it. */
    int32_t        end_day;
};

/* A hash in 31 bits, never 0: two of a hospital's thousands of users share one once in a thousand hospitals. */
static inline uint32_t
master_short(uint64_t hash)
{
    return ((uint32_t)hash & 0x7fffffffu) | (uint32_t)((hash & 0x7fffffffu) == 0);
}

/* What is written: births[i] and patients[i] belong to entries[i]. Identifiers are distinct, pairs of users too. */
struct master_content {
    const struct master_entry   *entries;
    const int32_t               *births;
    const struct master_patient *patients; /* NULL: nothing is known. */
    size_t                       entry_count;
    const struct master_user    *users;
    size_t                       user_count;
};

/* Writes the snapshot, whole or not at all. */
enum status master_write(struct io *io, const char *path, uint64_t version, const struct siphash_key *key,
                         const struct master_content *content, struct error *err);

struct master {
    struct file_map            map;
    const struct master_slot  *slots;
    const struct master_user  *users;
    uint64_t                   slot_mask;
    uint64_t                   user_mask;
    uint64_t                   entry_count;
    uint64_t                   version;
};

#define MASTER_EMPTY ((struct master){.map = FILE_MAP_EMPTY})

/* ERR_CORRUPT where the file is not a whole snapshot, or of another format, ERR_KEY where it was made with another key. */
enum status master_open(struct io *io, const char *path, const struct siphash_key *key, struct master *ret_master,
                        struct error *err);
/* Accepts the empty master. */
void master_release(struct io *io, struct master *master);

/* Fetches the line that master_find and master_patient_find will look at. For batches of lookups. */
static inline void
master_prefetch(const struct master *master, struct hash128 identifier)
{
    PREFETCH(&master->slots[identifier.low & master->slot_mask]);
}

/* The same for master_user_find. */
static inline void
master_prefetch_user(const struct master *master, struct hash128 user)
{
    PREFETCH(&master->users[user.low & master->user_mask]);
}

/* False where nobody is known by the identifier. `master` is open; ret_birth gets days or MASTER_DAY_UNKNOWN. */
static inline bool
master_find(const struct master *master, struct hash128 identifier, struct hash128 *ret_person, int32_t *ret_birth)
{
    for (uint64_t slot = identifier.low;; slot++) {
        const struct master_slot *at = &master->slots[slot & master->slot_mask];

        if (at->entry.identifier.low == identifier.low && at->entry.identifier.high == identifier.high) {
            *ret_person = at->entry.person;
            *ret_birth  = at->birth;
            return true;
        }
        if (at->entry.identifier.low == 0 && at->entry.identifier.high == 0)
            return false;
    }
}

/* What is known of who is found by the identifier: the person and the rest; NULL where nobody is. */
const struct master_patient *master_patient_find(const struct master *master, struct hash128 identifier, struct hash128 *ret_person);

/* By the pair of a user or of a practitioner; NULL where there is none. */
const struct master_user *master_user_find(const struct master *master, struct hash128 pair);

#endif
