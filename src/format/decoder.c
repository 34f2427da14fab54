/* The walk over the bytes, and the accounting of each.
 *
 *     between | record | between | record | ...         every byte goes through count_between or record_begin
 *
 * The format says where frames lie and makes rows of a record; what is counted, skipped and handed over is decided
 * here, for all formats alike. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "format/format_int.h"

/* ---- Reasons ---- */

const char *
decode_reason_code(enum decode_reason reason)
{
    static const char *const CODES[DECODE_REASON_COUNT] = {
        [DECODE_MALFORMED] = "malformed_record",
        [DECODE_BAD_ENCODING] = "bad_encoding",
        [DECODE_TOO_LARGE] = "too_large",
        [DECODE_UNKNOWN_TYPE] = "unknown_type",
        [DECODE_NO_MAPPING] = "no_mapping",
        [DECODE_TRUNCATED] = "truncated",
        [DECODE_WRONG_PROCESSING_ID] = "wrong_processing_id",
        [DECODE_UNSUPPORTED_VERSION] = "unsupported_version",
        [DECODE_NO_RESOURCE] = "no_resource",
        [DECODE_NO_ENTITY] = "no_entity",
        [DECODE_UNMAPPED_TYPE] = "unmapped_type",
        [DECODE_EMPTY] = "empty_record",
        [DECODE_TOMBSTONE] = "tombstone",
    };
    CHECK(reason < DECODE_REASON_COUNT);
    return CODES[reason];
}

enum outcome
decode_reason_outcome(enum decode_reason reason)
{
    bool is_filtered = reason == DECODE_WRONG_PROCESSING_ID || reason == DECODE_NO_ENTITY || reason == DECODE_UNMAPPED_TYPE
                       || reason == DECODE_TOMBSTONE;

    return is_filtered ? OUTCOME_FILTERED : OUTCOME_QUARANTINED;
}

/* ---- Life ---- */

static enum status
open_chunks(struct decoder *decoder, struct error *err)
{
    const struct decode_plan *plan     = decoder->plan;
    uint32_t                  capacity = decoder->options.chunk_capacity;

    decoder->chunks = memory_alloc_array_zero(plan->mapping_count, sizeof decoder->chunks[0]);
    if (decoder->chunks == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < plan->mapping_count; i++) {
        /* Inputs of CSV fit few of the plan's mappings; the others need no memory. */
        if (decoder->layout != NULL && !decode_layout_has(decoder->layout, i))
            continue;
        if (chunk_init(&decoder->chunks[i], &plan->mappings[i].schema, capacity, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

enum status
decoder_open(const struct decode_plan *plan, const struct decode_layout *layout, const struct decoder_options *options,
             const struct decode_sink *sink, struct decoder **ret_decoder, struct error *err)
{
    CHECK(layout != NULL || plan->kind->layout == NULL);
    CHECK(options->chunk_capacity <= CHUNK_ROW_COUNT_MAX);

    struct decoder *decoder = memory_alloc_zero(sizeof *decoder);
    if (decoder == NULL)
        return error_no_memory(err);

    decoder->plan    = plan;
    decoder->layout  = layout;
    decoder->kind    = plan->kind;
    decoder->options = *options;
    decoder->sink    = *sink;
    if (decoder->options.chunk_capacity == 0)
        decoder->options.chunk_capacity = CHUNK_ROW_COUNT_MAX;
    arena_init(&decoder->text_arena, 0);

    enum status status = open_chunks(decoder, err);
    if (status == ST_OK)
        status = plan->kind->open(decoder, err);
    if (status != ST_OK)
        decoder_free(decoder);
    else
        *ret_decoder = decoder;
    return status;
}

void
decoder_free(struct decoder *decoder)
{
    if (decoder == NULL)
        return;
    decoder->kind->close(decoder);
    if (decoder->chunks != NULL) {
        for (uint32_t i = 0; i < decoder->plan->mapping_count; i++)
            chunk_release(&decoder->chunks[i]);
    }
    memory_free(decoder->chunks);
    memory_free(decoder->skip.kept);
    arena_release(&decoder->text_arena);
    memory_free(decoder);
}

void
decoder_reset(struct decoder *decoder)
{
    for (uint32_t i = 0; i < decoder->plan->mapping_count; i++) {
        if (decoder->chunks[i].schema != NULL)
            chunk_clear(&decoder->chunks[i]);
    }
    arena_clear(&decoder->text_arena);
    decoder->waiting_rows   = 0;
    decoder->skip.is_active = false;
    decoder->kind->reset(decoder);
}

const struct decode_counts *
decoder_counts(const struct decoder *decoder)
{
    return &decoder->counts;
}

enum status
scratch_grow(void **array, size_t *capacity, size_t count, size_t item_size, struct error *err)
{
    if (count <= *capacity)
        return ST_OK;

    size_t larger = *capacity < 64 ? 64 : *capacity;
    while (larger < count)
        larger *= 2;
    void *wider = memory_resize_array(*array, larger, item_size);
    if (wider == NULL)
        return error_no_memory(err);
    *array    = wider;
    *capacity = larger;
    return ST_OK;
}

/* ---- Telling ---- */

const char *
decoder_detail(struct decoder *decoder, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(decoder->detail, sizeof decoder->detail, format, arguments);
    va_end(arguments);
    return decoder->detail;
}

enum status
decoder_outcome(struct decoder *decoder, enum decode_reason reason, struct str bytes, const char *detail,
                struct error *err)
{
    CHECK(decoder->record_rows == 0 && !decoder->record_has_outcome);
    decoder->record_has_outcome = true;
    decoder->counts.reason_counts[reason]++;
    if (decoder->sink.outcome == NULL)
        return ST_OK;

    const struct record_outcome outcome = {
        .reason = reason,
        .detail = detail,
        .position = decoder->record_position,
        .length = decoder->record_length,
        .bytes = bytes,
    };
    return decoder->sink.outcome(decoder->sink.context, &outcome, err);
}

enum status
decoder_note(struct decoder *decoder, enum decode_note_kind kind, int32_t mapping_index, int32_t field_index,
             const char *detail, struct error *err)
{
    if (decoder->sink.note == NULL)
        return ST_OK;

    const struct decode_note note = {
        .kind = kind,
        .position = decoder->record_position,
        .mapping_index = mapping_index,
        .field_index = field_index,
        .detail = detail,
    };
    return decoder->sink.note(decoder->sink.context, &note, err);
}

/* ---- Rows ---- */

static enum status
hand_over(struct decoder *decoder, uint32_t mapping_index, struct error *err)
{
    struct chunk *chunk = &decoder->chunks[mapping_index];

    if (chunk->schema == NULL || chunk->row_count == 0)
        return ST_OK;
    if (decoder->sink.rows(decoder->sink.context, mapping_index, chunk, err) != ST_OK)
        return ST_ERROR;
    decoder->waiting_rows -= chunk->row_count;
    chunk_clear(chunk);
    return ST_OK;
}

static enum status
hand_over_all(struct decoder *decoder, struct error *err)
{
    for (uint32_t i = 0; i < decoder->plan->mapping_count; i++) {
        if (hand_over(decoder, i, err) != ST_OK)
            return ST_ERROR;
    }
    arena_clear(&decoder->text_arena);
    return ST_OK;
}

enum status
row_end(struct decoder *decoder, uint32_t mapping_index, uint32_t row_number, struct error *err)
{
    struct chunk *chunk = &decoder->chunks[mapping_index];
    uint32_t      row   = chunk->row_count;

    ((int64_t *)chunk->columns[RAW_POSITION].data)[row]   = decoder->record_position;
    ((int64_t *)chunk->columns[RAW_LENGTH].data)[row]     = decoder->record_length;
    ((int64_t *)chunk->columns[RAW_ROW_NUMBER].data)[row] = row_number;
    chunk->row_count++;
    decoder->waiting_rows++;
    decoder->record_rows++;
    decoder->counts.row_count++;
    if (chunk->row_count < chunk->capacity && arena_used_bytes(&chunk->arena) < FORMAT_CHUNK_TEXT_SIZE_MAX)
        return ST_OK;
    /* The text arena may not be cleared here: the record in work may still lie in it. */
    if (!decoder->options.is_flushed_together)
        return hand_over(decoder, mapping_index, err);
    for (uint32_t i = 0; i < decoder->plan->mapping_count; i++) {
        if (hand_over(decoder, i, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

enum status
decoder_flush(struct decoder *decoder, struct error *err)
{
    CHECK(!decoder->has_failed);
    enum status status  = hand_over_all(decoder, err);
    decoder->has_failed = status != ST_OK;
    return status;
}

/* ---- Records ---- */

static void
record_begin(struct decoder *decoder, int64_t position, int64_t length)
{
    decoder->record_position    = position;
    decoder->record_length      = length;
    decoder->record_rows        = 0;
    decoder->record_has_outcome = false;
    decoder->counts.record_count++;
    decoder->counts.record_bytes += length;
}

static enum status
decode_record(struct decoder *decoder, const struct frame *frame, struct str record, int64_t position,
              struct error *err)
{
    record_begin(decoder, position, (int64_t)record.size);
    if (frame->is_bad) {
        size_t shown = record.size;
        if (frame->reason == DECODE_TOO_LARGE && shown > FORMAT_KEPT_SIZE_MAX)
            shown = FORMAT_KEPT_SIZE_MAX;
        return decoder_outcome(decoder, frame->reason, str_of(record.data, shown), frame->detail, err);
    }
    if (decoder->kind->decode(decoder, record, position, err) != ST_OK)
        return ST_ERROR;
    if (decoder->record_rows > 0)
        decoder->counts.yielded_count++;
    else if (!decoder->record_has_outcome)
        return decoder_outcome(decoder, DECODE_NO_ENTITY, record, "no mapping makes a row of it", err);
    /* The record is done: its texts may go once no rows wait for them. */
    if (decoder->waiting_rows == 0)
        arena_clear(&decoder->text_arena);
    else if (arena_used_bytes(&decoder->text_arena) >= FORMAT_CHUNK_TEXT_SIZE_MAX)
        return hand_over_all(decoder, err);
    return ST_OK;
}

static enum status
skip_begin(struct decoder *decoder, enum decode_reason reason, const char *detail, int64_t position,
           struct error *err)
{
    struct skip *skip = &decoder->skip;

    if (skip->kept == NULL) {
        skip->kept = memory_alloc(FORMAT_KEPT_SIZE_MAX);
        if (skip->kept == NULL)
            return error_no_memory(err);
    }
    skip->is_active = true;
    skip->reason    = reason;
    skip->detail    = detail;
    skip->position  = position;
    skip->length    = 0;
    skip->kept_size = 0;
    return ST_OK;
}

static void
skip_keep(struct skip *skip, const char *bytes, size_t size)
{
    size_t room = FORMAT_KEPT_SIZE_MAX - skip->kept_size;
    if (room > size)
        room = size;
    memcpy(skip->kept + skip->kept_size, bytes, room);
    skip->kept_size += room;
    skip->length += (int64_t)size;
}

/* Passes over what belongs to the record that is skipped. */
static enum status
skip_more(struct decoder *decoder, const char *bytes, size_t size, int64_t position, bool is_last, size_t *used,
          struct error *err)
{
    struct skip *skip   = &decoder->skip;
    bool         is_end = false;
    size_t       part   = decoder->layout != NULL && !decoder->layout->is_readable
                              ? size - *used
                              : decoder->kind->skip(decoder, bytes, *used, size, position, is_last, &is_end);

    skip_keep(skip, bytes + *used, part);
    *used += part;
    if (!is_end && !is_last)
        return ST_OK;
    skip->is_active = false;
    record_begin(decoder, skip->position, skip->length);
    return decoder_outcome(decoder, skip->reason, str_of(skip->kept, skip->kept_size), skip->detail, err);
}

/* ---- The walk ---- */

/* One step. *ret_goes_on false: more bytes are needed, or all are used. */
static enum status
walk_step(struct decoder *decoder, const char *bytes, size_t size, int64_t position, bool is_last, size_t *used,
          bool *ret_goes_on, struct error *err)
{
    struct frame frame = { .kind = FRAME_MORE };

    if (decoder->skip.is_active) {
        if (skip_more(decoder, bytes, size, position, is_last, used, err) != ST_OK)
            return ST_ERROR;
        *ret_goes_on = !decoder->skip.is_active && *used < size;
        return ST_OK;
    }
    if (decoder->layout != NULL && !decoder->layout->is_readable && *used < size) {
        *ret_goes_on = true;
        return skip_begin(decoder, decoder->layout->reason, decoder->layout->detail, position + (int64_t)*used, err);
    }
    if (decoder->kind->frame(decoder, bytes, *used, size, position, is_last, &frame, err) != ST_OK)
        return ST_ERROR;
    CHECK(*used + frame.before + frame.size + frame.after <= size);
    decoder->counts.between_bytes += (int64_t)(frame.before + frame.after);
    *used += frame.before;
    *ret_goes_on = frame.kind != FRAME_MORE && *used + frame.size + frame.after < size;
    if (frame.kind == FRAME_PASSED) {
        *ret_goes_on = true;
        return skip_begin(decoder, frame.reason, frame.detail, position + (int64_t)*used, err);
    }
    if (frame.kind == FRAME_RECORD) {
        const struct str record = str_of(bytes + *used, frame.size);
        if (decode_record(decoder, &frame, record, position + (int64_t)*used, err) != ST_OK)
            return ST_ERROR;
        *used += frame.size + frame.after;
    }
    return ST_OK;
}

enum status
decoder_decode(struct decoder *decoder, const void *bytes, size_t size, int64_t position, bool is_last,
               uint32_t record_count_max, size_t *ret_used, struct error *err)
{
    CHECK(!decoder->has_failed);

    int64_t     count_end = record_count_max == 0 ? INT64_MAX : decoder->counts.record_count + record_count_max;
    size_t      used      = 0;
    bool        goes_on   = size > 0 || (is_last && decoder->skip.is_active);
    enum status status    = ST_OK;

    decoder->call_number++;
    while (goes_on && decoder->counts.record_count < count_end) {
        status = walk_step(decoder, bytes, size, position, is_last, &used, &goes_on, err);
        if (status != ST_OK)
            goto out;
    }
    if (decoder->options.is_borrowing)
        status = hand_over_all(decoder, err);

out:
    decoder->has_failed = status != ST_OK;
    if (status == ST_OK)
        *ret_used = used;
    else
        error_context(err, "decoding at byte %lld", (long long)(position + (int64_t)used));
    return status;
}

/* ---- Messages ---- */

enum status
decoder_record(struct decoder *decoder, const char *bytes, size_t size, int64_t position, struct error *err)
{
    CHECK(!decoder->has_failed && decoder->kind->format == MODEL_JSON);

    struct frame frame = { .kind = FRAME_RECORD, .size = size };
    if (bytes == NULL) {
        frame.is_bad = true;
        frame.reason = DECODE_TOMBSTONE;
        frame.detail = "the message has no value";
    } else if (size == 0) {
        frame.is_bad = true;
        frame.reason = DECODE_EMPTY;
        frame.detail = "the value has no bytes";
    } else if (size > decoder->plan->record_size_max) {
        frame.is_bad = true;
        frame.reason = DECODE_TOO_LARGE;
        frame.detail = "the value is longer than the limit";
    }
    enum status status = decode_record(decoder, &frame, str_of(bytes == NULL ? "" : bytes, size), position, err);

    decoder->has_failed = status != ST_OK;
    if (status != ST_OK)
        error_context(err, "decoding message %lld", (long long)position);
    return status;
}
