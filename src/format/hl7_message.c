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
    message->segments[message->segment_count++] = (struct hl7_segment){
        .begin = begin,
        .end = end,
        .separator = separator,
        .separator_count = (uint32_t)message->separator_count - separator,
        .name = hl7_name_find(plan, hl7_name_code(bytes)),
    };
    return ST_OK;
}

enum status
hl7_message_split(const struct hl7_plan *plan, struct str bytes, struct hl7_delimiters delimiters,
                  struct hl7_message *message, struct error *err)
{
    const char  wanted[SCAN_WANTED_MAX] = { delimiters.field, '\r', '\n', '\n' };
    struct scan scan;
    uint64_t    high      = 0;
    size_t      begin     = 0;
    size_t      separator = 0;

    message->bytes            = bytes.data;
    message->delimiters       = delimiters;
    message->segment_count    = 0;
    message->separator_count  = 0;
    message->stray_line_count = 0;
    scan_init(&scan, bytes.data, bytes.size, wanted);
    for (size_t at = 0;; at++) {
        at = scan_next(&scan, at, &high);
        if (at < bytes.size && bytes.data[at] == delimiters.field) {
            if (message->separator_count == message->separator_capacity) {
                void *separators = message->separators;
                if (scratch_grow(&separators, &message->separator_capacity, message->separator_count + 1,
                                 sizeof(uint32_t), err)
                    != ST_OK)
                    return ST_ERROR;
                message->separators = separators;
            }
            message->separators[message->separator_count++] = (uint32_t)at;
            continue;
        }
        if (add_segment(plan, message, (uint32_t)begin, (uint32_t)at, (uint32_t)separator, err) != ST_OK)
            return ST_ERROR;
        if (at >= bytes.size)
            return ST_OK;
        begin     = at + 1;
        separator = message->separator_count;
    }
}

void
hl7_message_release(struct hl7_message *message)
{
    memory_free(message->segments);
    memory_free(message->separators);
    memset(message, 0, sizeof *message);
}

struct str
hl7_field(const struct hl7_plan *plan, const struct hl7_message *message, size_t segment_index, uint32_t field)
{
    const struct hl7_segment *segment = &message->segments[segment_index];

    /* MSH-1 is the separator itself, so that the text behind the first one is MSH-2. */
    if (segment->name == plan->msh) {
        if (field == 1)
            return str_of(message->bytes + segment->begin + 3, segment->end - segment->begin > 3 ? 1 : 0);
        field--;
    }
    if (field > segment->separator_count)
        return STR_EMPTY;

    const uint32_t *separators = message->separators + segment->separator;
    uint32_t        begin      = separators[field - 1] + 1;
    uint32_t        end        = field < segment->separator_count ? separators[field] : segment->end;
    return str_of(message->bytes + begin, end - begin);
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
