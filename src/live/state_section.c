#include "live/state_section.h"

#include "base/limits.h"

#define HEAD_SIZE 7

static void
put_number(char *to, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        to[i] = (char)(value >> (8 * i));
}

static uint64_t
read_number(const char *bytes, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)(uint8_t)bytes[i] << (8 * i);
    return value;
}

void
section_write_head(struct str_builder *out, enum section_kind kind, uint32_t group, uint32_t entry_count)
{
    char head[HEAD_SIZE];
    put_number(head, kind, 1);
    put_number(head + 1, group, 2);
    put_number(head + 3, entry_count, 4);
    str_builder_append(out, str_of(head, sizeof(head)));
}

static bool
is_wanted(const struct section *section, uint32_t group)
{
    return group >= section->group_begin && group < section->group_end;
}

enum status
section_begin(struct section *section, struct str bytes, uint32_t group_begin, uint32_t group_end, struct error *err)
{
    if (bytes.size < HEAD_SIZE)
        return error_set(err, ERR_CORRUPT, "the state's record ends inside a section's head");
    uint64_t kind  = read_number(bytes.data, 1);
    uint32_t group = (uint32_t)read_number(bytes.data + 1, 2);
    if ((kind != SECTION_DELTA && kind != SECTION_SNAPSHOT) || group >= STATE_GROUP_COUNT)
        return error_set(err, ERR_CORRUPT, "a section of the state's record is of no known kind");
    *section = (struct section){ .kind = (enum section_kind)kind, .group = group, .group_begin = group_begin, .group_end = group_end,
                                 .left = read_number(bytes.data + 3, 4), .bytes = bytes, .used = HEAD_SIZE };
    return ST_OK;
}

bool
section_replaces(const struct section *section)
{
    return section->kind == SECTION_SNAPSHOT && is_wanted(section, section->group);
}

/* Sizes that no entry has are refused here, so that sums of them are numbers. */
static enum status
read_patch(const struct section *section, struct section_entry *entry, struct error *err)
{
    uint32_t numbers[4];
    if (section->kind != SECTION_DELTA || entry->value.size < SECTION_PATCH_HEAD_SIZE)
        return error_set(err, ERR_CORRUPT, "a patch of the state's record is none");
    for (uint32_t i = 0; i < 4; i++) {
        numbers[i] = (uint32_t)read_number(entry->value.data + 4 * i, 4);
        if (numbers[i] > STATE_ENTRY_SIZE_MAX)
            return error_set(err, ERR_CORRUPT, "a patch of the state's record is none");
    }
    entry->value = str_slice(entry->value, SECTION_PATCH_HEAD_SIZE, entry->value.size);
    entry->kept  = (struct state_kept){ numbers[0], numbers[1], numbers[2], numbers[3] };
    if ((uint64_t)numbers[0] + numbers[2] > entry->value.size)
        return error_set(err, ERR_CORRUPT, "a patch of the state's record is none");
    return ST_OK;
}

static enum status
read_entry(struct section *section, struct section_entry *ret_entry, struct error *err)
{
    const struct str bytes = section->bytes;
    const size_t     at    = section->used;
    if (bytes.size - at < SECTION_ENTRY_HEAD_SIZE)
        return error_set(err, ERR_CORRUPT, "the state's record ends inside an entry");
    const char  *head       = bytes.data + at;
    const bool   is_patch   = (read_number(head, 2) & SECTION_KEY_PATCHES) != 0;
    const size_t key_size   = (size_t)read_number(head, 2) & ~(size_t)SECTION_KEY_PATCHES;
    const size_t value_size = (size_t)read_number(head + 2, 4);
    if (bytes.size - at - SECTION_ENTRY_HEAD_SIZE < key_size + value_size)
        return error_set(err, ERR_CORRUPT, "the state's record ends inside an entry");
    if (key_size < sizeof(uint64_t))
        return error_set(err, ERR_CORRUPT, "a key of the state's record is shorter than its key group");
    const char *key = head + SECTION_ENTRY_HEAD_SIZE;
    *ret_entry = (struct section_entry){ .hash = state_hash(key, key_size), .expires_us = (int64_t)read_number(head + 6, 8),
                                         .key = str_of(key, key_size), .value = str_of(key + key_size, value_size), .is_patch = is_patch };
    if (is_patch && read_patch(section, ret_entry, err) != ST_OK)
        return ST_ERROR;
    if (section->kind == SECTION_SNAPSHOT && state_group_of(ret_entry->hash) != section->group)
        return error_set(err, ERR_CORRUPT, "an entry of the state lies in the wrong key group");
    section->used += SECTION_ENTRY_HEAD_SIZE + key_size + value_size;
    section->left--;
    return ST_OK;
}

enum status
section_next(struct section *section, struct section_entry *ret_entry, bool *ret_is_end, struct error *err)
{
    *ret_is_end = false;
    while (section->left > 0) {
        if (read_entry(section, ret_entry, err) != ST_OK)
            return ST_ERROR;
        if (is_wanted(section, state_group_of(ret_entry->hash)))
            return ST_OK;
    }
    *ret_is_end = true;
    return ST_OK;
}
