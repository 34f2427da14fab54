/* A message split into segments and fields: one pass that notes every field separator. */
#include <string.h>

#include "base/memory.h"
#include "format/hl7_int.h"
#include "format/scan.h"

static bool
is_alphanumeric(char c)
{
    return ascii_is_letter(c) || ascii_is_digit(c);
}

bool
hl7_read_delimiters(struct str message, struct hl7_delimiters *ret_delimiters)
{
    if (message.size < 8)
        return false;

    const char *at = message.data + 3;
    for (unsigned i = 0; i < 5; i++) {
        unsigned char c = (unsigned char)at[i];
        if (c <= ' ' || c >= 0x7F || is_alphanumeric(at[i]))
            return false;
        for (unsigned k = 0; k < i; k++) {
            if (at[k] == at[i])
                return false;
        }
    }
    /* A fifth encoding character marks truncation (2.7); it separates nothing. */
    size_t behind = message.size > 8 && message.data[8] != at[0] && !is_alphanumeric(message.data[8]) ? 9 : 8;
    if (behind < message.size && message.data[behind] != at[0] && message.data[behind] != '\r'
        && message.data[behind] != '\n')
        return false;
    *ret_delimiters = (struct hl7_delimiters){ at[0], at[1], at[2], at[3], at[4] };
    return true;
}

static enum status
add_segment(const struct hl7_plan *plan, struct hl7_message *message, uint32_t begin, uint32_t end,
            uint32_t separator, struct error *err)
{
    const char *bytes = message->bytes + begin;
    uint32_t    size  = end - begin;

    if (size == 0)
        return ST_OK;
    if (size < 3 || !is_alphanumeric(bytes[0]) || !is_alphanumeric(bytes[1]) || !is_alphanumeric(bytes[2])
        || (size > 3 && bytes[3] != message->delimiters.field)) {
        message->stray_line_count++;
        return ST_OK;
    }
    if (message->segment_count == message->segment_capacity) {
        void *segments = message->segments;
        if (scratch_grow(&segments, &message->segment_capacity, message->segment_count + 1,
                         sizeof(struct hl7_segment), err)
            != ST_OK)
            return ST_ERROR;
        message->segments = segments;
    }
    int32_t name = hl7_name_find(plan, hl7_name_code(bytes));
    if (name >= 0 && message->first[name] < 0)
        message->first[name] = (int32_t)message->segment_count;
    message->segments[message->segment_count++] = (struct hl7_segment){
        .begin = begin,
        .end = end,
        .separator = separator,
        .separator_count = (uint32_t)message->separator_count - separator,
        .name = name,
    };
    return ST_OK;
}

/* Room for the separators of one more block. */
static enum status
reserve_block(struct hl7_message *message, struct error *err)
{
    void       *separators = message->separators;
    enum status status     = scratch_grow(&separators, &message->separator_capacity,
                                          message->separator_count + SCAN_BLOCK_SIZE, sizeof(uint32_t), err);
    message->separators    = separators;
    return status;
}

/* Where the segment in work begins. */
struct segment_begin {
    uint32_t at;
    uint32_t separator;
};

/* Notes the field separators of a block and adds the segments that end in it. */
static inline enum status
split_block(const struct hl7_plan *plan, struct hl7_message *message, uint32_t block, uint64_t outer,
            struct segment_begin *begin, struct error *err)
{
    /* In locals, since the compiler has to take a store to `separators` for one to the message. */
    const char *bytes      = message->bytes;
    const char  field      = message->delimiters.field;
    uint32_t   *separators = message->separators;
    size_t      count      = message->separator_count;

    for (; outer != 0; outer &= outer - 1) {
        uint32_t at = block + (uint32_t)__builtin_ctzll(outer);
        if (bytes[at] == field) {
            separators[count++] = at;
            continue;
        }
        message->separator_count = count;
        if (add_segment(plan, message, begin->at, at, begin->separator, err) != ST_OK)
            return ST_ERROR;
        *begin = (struct segment_begin){ at + 1, (uint32_t)count };
    }
    message->separator_count = count;
    return ST_OK;
}

enum status
hl7_message_split(const struct hl7_plan *plan, struct str bytes, struct hl7_delimiters delimiters,
                  struct hl7_message *message, struct error *err)
{
    const char outer_bytes[SCAN_WANTED_MAX] = { delimiters.field, '\r', '\n', '\n' };
    const char inner_bytes[SCAN_WANTED_MAX] = { delimiters.component, delimiters.repetition, delimiters.escape,
                                                delimiters.subcomponent };
    const struct scan_set outer = scan_set_of(outer_bytes);
    const struct scan_set inner = scan_set_of(inner_bytes);
    struct segment_begin  begin = { 0, 0 };
    void                 *words = message->inner;

    message->bytes            = bytes.data;
    message->delimiters       = delimiters;
    message->segment_count    = 0;
    message->separator_count  = 0;
    message->stray_line_count = 0;
    message->pieces.field     = NULL;
    memset(message->matched, 0, sizeof message->matched);
    memset(message->first, 0xFF, plan->name_count * sizeof message->first[0]); /* -1 */
    if (scratch_grow(&words, &message->inner_capacity, bytes.size / SCAN_BLOCK_SIZE + 1, sizeof(uint64_t), err) != ST_OK)
        return ST_ERROR;
    message->inner = words;
    for (size_t block = 0; block < bytes.size; block += SCAN_BLOCK_SIZE) {
        char        last[SCAN_BLOCK_SIZE];
        const char *source = bytes.data + block;
        if (bytes.size - block < SCAN_BLOCK_SIZE) {
            memset(last, 0, sizeof last); /* No delimiter is a NUL. */
            memcpy(last, source, bytes.size - block);
            source = last;
        }
        if (message->separator_count + SCAN_BLOCK_SIZE > message->separator_capacity && reserve_block(message, err) != ST_OK)
            return ST_ERROR;
        message->inner[block / SCAN_BLOCK_SIZE] = scan_bits(source, &inner);
        if (split_block(plan, message, (uint32_t)block, scan_bits(source, &outer), &begin, err) != ST_OK)
            return ST_ERROR;
    }
    return add_segment(plan, message, begin.at, (uint32_t)bytes.size, begin.separator, err);
}

void
hl7_message_release(struct hl7_message *message)
{
    memory_free(message->segments);
    memory_free(message->separators);
    memory_free(message->inner);
    memset(message, 0, sizeof *message);
}

struct str
hl7_part(struct str text, char delimiter, uint32_t number)
{
    if (text.size == 0)
        return STR_EMPTY;

    const char *begin = text.data;
    const char *end   = text.data + text.size;
    for (;; number--) {
        const char *next = memchr(begin, delimiter, (size_t)(end - begin));
        if (number == 1)
            return str_of(begin, (size_t)((next != NULL ? next : end) - begin));
        if (next == NULL)
            return STR_EMPTY;
        begin = next + 1;
    }
}
