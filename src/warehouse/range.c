#include "warehouse/range_int.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"

/* A decoder that is given so much more than the longest record always uses some. */
#define DECODER_SLACK 16

/* ---- Bytes ---- */

static void
set_fault(struct range_reader *reader, const char *code, const char *reason)
{
    reader->fault_code = code;
    snprintf(reader->fault, sizeof reader->fault, "%s", reason);
    reader->is_at_end = reader->is_done = true;
}

/* Of an error's message only the system's own words, which stand behind the path. */
static enum status
take_fault(struct range_reader *reader, const struct error *fault, struct error *err)
{
    const char *words = strrchr(fault->message, ':');

    if (fault->code == ERR_NO_MEMORY)
        return error_no_memory(err);
    if (fault->code == ERR_CORRUPT) {
        set_fault(reader, "truncated", "the compressed stream is damaged");
        return ST_OK;
    }
    set_fault(reader, "malformed_record", "the file cannot be read");
    if (words != NULL)
        snprintf(reader->fault, sizeof reader->fault, "the file cannot be read%s", words);
    return ST_OK;
}

/* All is read. A file that is not what was listed and digested would make rows that no digest vouches for (I5). */
static enum status
take_end(struct range_reader *reader, struct error *err)
{
    const struct file_info *listed = &reader->listed;
    struct file_info        found;
    struct error            fault = ERROR_EMPTY;
    uint64_t                size  = (uint64_t)range_reader_stored_size(reader);

    reader->is_at_end = true;
    if (!reader->is_listed)
        return ST_OK;
    if (decompress_info(reader->stream, &found, &fault) != ST_OK)
        return take_fault(reader, &fault, err);
    if (found.inode != listed->inode || found.device != listed->device)
        set_fault(reader, "malformed_record", "another file took its place after it was listed");
    else if (size < listed->size_bytes)
        set_fault(reader, "truncated", "the file became shorter while it was read");
    else if (size > listed->size_bytes)
        set_fault(reader, "malformed_record", "the file became longer while it was read");
    else if (found.modified_us != listed->modified_us)
        set_fault(reader, "malformed_record", "the file was written to after it was listed");
    return ST_OK;
}

/* Appends to bytes[0, *size) until there are `wanted`, or all. */
static enum status
fill(struct range_reader *reader, char *bytes, size_t *size, size_t wanted, struct error *err)
{
    while (*size < wanted && !reader->is_at_end) {
        struct error fault = ERROR_EMPTY;
        size_t       got   = 0;
        if (decompress_read(reader->stream, bytes + *size, wanted - *size, &got, &fault) != ST_OK)
            return take_fault(reader, &fault, err);
        *size += got;
        if (got == 0 && take_end(reader, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

static enum status
grow(char **bytes, size_t *capacity, size_t wanted, struct error *err)
{
    if (wanted <= *capacity)
        return ST_OK;
    char *grown = memory_resize(*bytes, wanted);
    if (grown == NULL)
        return error_no_memory(err);
    *bytes    = grown;
    *capacity = wanted;
    return ST_OK;
}

/* ---- Ranges ---- */

enum status
range_reader_open(struct range_reader *reader, struct io *io, const char *path, const struct file_info *listed, struct error *err)
{
    struct error fault = ERROR_EMPTY;

    *reader      = (struct range_reader){ .is_listed = listed != NULL };
    if (listed != NULL)
        reader->listed = *listed;
    reader->head = memory_alloc(DECODE_HEAD_SIZE);
    if (reader->head == NULL)
        return error_no_memory(err);
    if (decompress_open(io, path, &reader->stream, &fault) != ST_OK)
        return take_fault(reader, &fault, err);
    return fill(reader, reader->head, &reader->head_size, DECODE_HEAD_SIZE, err);
}

/* The range begins with what was read and not handed out. */
static enum status
take_carry(struct range_reader *reader, struct range *range, size_t room, struct error *err)
{
    const char *carry = reader->position == 0 ? reader->head : reader->carry;
    size_t      size  = reader->position == 0 ? reader->head_size : reader->carry_size;

    if (grow(&range->bytes, &range->capacity, room > size ? room : size, err) != ST_OK)
        return ST_ERROR;
    if (size > 0)
        memcpy(range->bytes, carry, size);
    range->size     = size;
    range->position = reader->position;
    range->is_last  = false;
    return ST_OK;
}

/* bytes[0, end) are the range; the next one begins behind. */
static enum status
end_range(struct range_reader *reader, struct range *range, size_t end, struct error *err)
{
    size_t rest = range->size - end;

    if (rest > 0 && grow(&reader->carry, &reader->carry_capacity, rest, err) != ST_OK)
        return ST_ERROR;
    if (rest > 0)
        memcpy(reader->carry, range->bytes + end, rest);
    reader->carry_size = rest;
    reader->position += (int64_t)end;
    reader->is_done = reader->is_at_end && rest == 0;
    range->size     = end;
    range->is_last  = true;
    return ST_OK;
}

enum status
range_reader_next(struct range_reader *reader, const struct decode_plan *plan, const struct decode_layout *layout, size_t range_size,
                  struct range *range, struct error *err)
{
    const size_t size_max = range_size + decode_plan_record_size_max(plan) + DECODER_SLACK;
    size_t       margin   = range_size < DECODE_RANGE_MARGIN ? range_size : DECODE_RANGE_MARGIN;
    size_t       wanted   = range_size + margin;
    size_t       end      = 0;

    CHECK(!reader->is_done);
    if (take_carry(reader, range, wanted, err) != ST_OK)
        return ST_ERROR;
    for (;;) {
        if (grow(&range->bytes, &range->capacity, wanted, err) != ST_OK || fill(reader, range->bytes, &range->size, wanted, err) != ST_OK)
            return ST_ERROR;
        if (reader->fault_code != NULL) {
            range->size = 0;
            return ST_OK;
        }
        if (decode_split(plan, layout, range->bytes, range->size, range->position, reader->is_at_end, range_size, &end, err) != ST_OK)
            return ST_ERROR;
        if (end > 0 || range->size == 0)
            return end_range(reader, range, end, err);
        if (wanted >= size_max)
            return ST_OK;
        margin = 2 * margin;
        wanted = size_max - range_size > margin ? range_size + margin : size_max;
    }
}

enum status
range_reader_more(struct range_reader *reader, struct range *range, size_t used, struct error *err)
{
    CHECK(used <= range->size && !range->is_last);
    range->size -= used;
    memmove(range->bytes, range->bytes + used, range->size);
    range->position += (int64_t)used;
    CHECK(range->size < range->capacity); /* There was room for more than a record. */
    if (fill(reader, range->bytes, &range->size, range->capacity, err) != ST_OK)
        return ST_ERROR;
    range->is_last  = reader->is_at_end;
    reader->is_done = reader->is_at_end;
    return ST_OK;
}

enum status
range_reader_drain(struct range_reader *reader, struct range *range, struct error *err)
{
    if (grow(&range->bytes, &range->capacity, FILE_READ_SIZE, err) != ST_OK)
        return ST_ERROR;
    while (!reader->is_at_end) {
        range->size = 0;
        if (fill(reader, range->bytes, &range->size, range->capacity, err) != ST_OK)
            return ST_ERROR;
    }
    reader->is_done = true;
    return ST_OK;
}

int64_t
range_reader_size(const struct range_reader *reader)
{
    return reader->stream == NULL ? 0 : (int64_t)decompress_position(reader->stream);
}

int64_t
range_reader_stored_size(const struct range_reader *reader)
{
    return reader->stream == NULL ? 0 : (int64_t)decompress_stored_position(reader->stream);
}

void
range_reader_release(struct range_reader *reader)
{
    decompress_free(reader->stream);
    memory_free(reader->head);
    memory_free(reader->carry);
    *reader = RANGE_READER_EMPTY;
}

void
range_release(struct range *range)
{
    memory_free(range->bytes);
    *range = RANGE_EMPTY;
}
