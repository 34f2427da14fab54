#include "match/master.h"

#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "health/person.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file is mapped as it lies");

#define MAGIC  "HDMASTER"
#define FORMAT 4
#define SLOT_SIZE sizeof(struct master_slot)

struct header {
    char           magic[8];
    uint64_t       format;
    uint64_t       version;
    uint64_t       entry_count;
    uint64_t       slot_count;
    struct hash128 key_check;
    uint64_t       slots_hash;
    uint64_t       user_count;
    uint64_t       user_slot_count;
    uint64_t       zeros[6];
};

_Static_assert(sizeof(struct header) == 128, "the header is two lines of the cache");
_Static_assert(sizeof(struct master_user) == 56 && sizeof(struct master_patient) == 20, "no padding");
_Static_assert(SLOT_SIZE == 64, "a slot is a line of the cache");

static uint64_t
slots_for(size_t entry_count)
{
    uint64_t slot_count = 2;

    while (slot_count < 2 * (uint64_t)entry_count)
        slot_count *= 2;
    return slot_count;
}

/* Where the parts lie in a file of such a header, or in the bytes that are to become one. */
static struct master
parts_of(const struct header *header, const char *bytes)
{
    struct master master = { .slot_mask = header->slot_count - 1, .user_mask = header->user_slot_count - 1,
                             .entry_count = header->entry_count, .version = header->version };

    master.slots = (const struct master_slot *)(const void *)(bytes + sizeof *header);
    master.users = (const struct master_user *)(const void *)(master.slots + header->slot_count);
    return master;
}

static bool
is_empty(struct hash128 hash)
{
    return hash.low == 0 && hash.high == 0;
}

static void
place_entry(const struct master *master, const struct master_content *content, size_t index)
{
    static const struct master_patient nothing = { .death_day = MASTER_DAY_UNKNOWN, .contact_day = MASTER_DAY_UNKNOWN };
    const struct master_entry         *entry   = &content->entries[index];
    uint64_t                           slot    = entry->identifier.low;

    CHECK(!is_empty(entry->identifier));
    while (!is_empty(master->slots[slot & master->slot_mask].entry.identifier))
        slot++;
    ((struct master_slot *)master->slots)[slot & master->slot_mask] = (struct master_slot){
        .entry = *entry, .patient = content->patients == NULL ? nothing : content->patients[index], .birth = content->births[index] };
}

static void
place_user(const struct master *master, const struct master_user *user)
{
    uint64_t slot = user->pair.low;

    CHECK(!is_empty(user->pair));
    while (!is_empty(master->users[slot & master->user_mask].pair))
        slot++;
    ((struct master_user *)master->users)[slot & master->user_mask] = *user;
}

enum status
master_write(struct io *io, const char *path, uint64_t version, const struct siphash_key *key,
             const struct master_content *content, struct error *err)
{
    struct header header = {.format = FORMAT, .version = version, .entry_count = content->entry_count,
                            .slot_count = slots_for(content->entry_count), .user_count = content->user_count,
                            .user_slot_count = slots_for(content->user_count)};
    size_t        size   = (size_t)header.slot_count * SLOT_SIZE + (size_t)header.user_slot_count * sizeof(struct master_user);
    char         *bytes  = memory_alloc_zero(sizeof header + size);

    if (bytes == NULL)
        return error_no_memory(err);
    struct master parts = parts_of(&header, bytes);
    for (size_t i = 0; i < content->entry_count; i++)
        place_entry(&parts, content, i);
    for (size_t i = 0; i < content->user_count; i++)
        place_user(&parts, &content->users[i]);
    memcpy(header.magic, MAGIC, sizeof header.magic);
    header.key_check  = person_key_check(key);
    header.slots_hash = hash64(bytes + sizeof header, size);
    memcpy(bytes, &header, sizeof header);
    enum status status = io_file_replace(io, path, bytes, sizeof header + size, 0600, err);
    if (status != ST_OK)
        error_context(err, "writing the patient master");
    memory_free(bytes);
    return status;
}

static bool
is_power(uint64_t count)
{
    return count != 0 && (count & (count - 1)) == 0;
}

/* Compared as counts, so that no product can overflow. */
static bool
has_size(const struct header *header, size_t size)
{
    const size_t rest = size - sizeof *header;

    if (!is_power(header->slot_count) || !is_power(header->user_slot_count) || header->slot_count > rest / SLOT_SIZE ||
        header->user_slot_count > rest / sizeof(struct master_user))
        return false;
    return header->slot_count * SLOT_SIZE + header->user_slot_count * sizeof(struct master_user) == rest &&
           header->entry_count <= header->slot_count / 2 && header->user_count <= header->user_slot_count / 2;
}

static enum status
check_format(const struct header *header, struct error *err)
{
    if (memcmp(header->magic, MAGIC, sizeof header->magic) != 0)
        return error_set(err, ERR_CORRUPT, "the file is no patient master");
    if (header->format == FORMAT)
        return ST_OK;
    error_set(err, ERR_CORRUPT, "the patient master is of format %llu; this program reads format %d", (unsigned long long)header->format, FORMAT);
    error_hint(err, "heddle batch PIPELINE writes it anew");
    return ST_ERROR;
}

static enum status
check_header(const struct file_map *map, const struct siphash_key *key, struct header *ret_header, struct error *err)
{
    struct header header = {.format = 0};

    if (map->size < 2 * sizeof(uint64_t))
        return error_set(err, ERR_CORRUPT, "the file is shorter than a patient master");
    memcpy(&header, map->bytes, map->size < sizeof header ? map->size : sizeof header);
    if (check_format(&header, err) != ST_OK)
        return ST_ERROR;
    if (map->size < sizeof header || !has_size(&header, map->size))
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
        *ret_master     = parts_of(&header, (const char *)map.bytes);
        ret_master->map = map;
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

const struct master_patient *
master_patient_find(const struct master *master, struct hash128 identifier, struct hash128 *ret_person)
{
    for (uint64_t slot = identifier.low;; slot++) {
        const struct master_slot *at = &master->slots[slot & master->slot_mask];

        if (is_empty(at->entry.identifier))
            return NULL;
        if (at->entry.identifier.low == identifier.low && at->entry.identifier.high == identifier.high) {
            *ret_person = at->entry.person;
            return &at->patient;
        }
    }
}

const struct master_user *
master_user_find(const struct master *master, struct hash128 pair)
{
    for (uint64_t slot = pair.low;; slot++) {
        const struct master_user *user = &master->users[slot & master->user_mask];

        if (is_empty(user->pair))
            return NULL;
        if (user->pair.low == pair.low && user->pair.high == pair.high)
            return user;
    }
}
