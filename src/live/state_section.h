/* How state is written: sections of entries, little-endian (live/state.h has their layout). Tables and sets write the same ones. */
#ifndef HEDDLE_LIVE_STATE_SECTION_H
#define HEDDLE_LIVE_STATE_SECTION_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/str_builder.h"
#include "live/state.h"

enum section_kind {
    SECTION_DELTA    = 1, /* Entries of any group; its group is 0. */
    SECTION_SNAPSHOT = 2, /* All of a group. */
};

#define SECTION_ENTRY_HEAD_SIZE 14
/* In the key's size: the value is a patch. */
#define SECTION_KEY_PATCHES     0x8000u
#define SECTION_PATCH_HEAD_SIZE 16

void section_write_head(struct str_builder *out, enum section_kind kind, uint32_t group, uint32_t entry_count);

/* Writes SECTION_ENTRY_HEAD_SIZE bytes; the key and the value follow. */
static inline void
section_entry_head(char *to, size_t key_size, size_t value_size, int64_t expires_us)
{
    const uint16_t key    = htole16((uint16_t)key_size);
    const uint32_t value  = htole32((uint32_t)value_size);
    const uint64_t expiry = htole64((uint64_t)expires_us);
    memcpy(to, &key, sizeof(key));
    memcpy(to + 2, &value, sizeof(value));
    memcpy(to + 6, &expiry, sizeof(expiry));
}

/* Writes SECTION_PATCH_HEAD_SIZE bytes. */
static inline void
section_patch_head(char *to, const struct state_kept *kept)
{
    const uint32_t numbers[4] = { htole32(kept->begin), htole32(kept->front), htole32(kept->middle), htole32(kept->back) };
    memcpy(to, numbers, sizeof(numbers));
}

/* A section that is being read, and which groups' entries are wanted of it. */
struct section {
    enum section_kind kind;
    uint32_t          group;
    uint32_t          group_begin;
    uint32_t          group_end;
    uint64_t          left; /* Entries not read yet. */
    struct str        bytes;
    size_t            used;
};

struct section_entry {
    uint64_t          hash;
    int64_t           expires_us;
    struct str        key;
    struct str        value; /* Of a patch the new bytes. */
    bool              is_patch;
    struct state_kept kept;
};

/* ERR_CORRUPT where no section begins here. */
enum status section_begin(struct section *section, struct str bytes, uint32_t group_begin, uint32_t group_end, struct error *err);

/* Whether it is all of a wanted group. */
bool section_replaces(const struct section *section);

/* The next entry of a wanted group. *ret_is_end: there is none, and `used` is the section's size. ERR_CORRUPT where the bytes are none. */
enum status section_next(struct section *section, struct section_entry *ret_entry, bool *ret_is_end, struct error *err);

#endif
