/* JSON lines to rows: a record a line.
 *
 * A line that is one flat object is read where it lies (json_flat.c). Of all others yyjson parses a copy in place (json_read.c);
 * texts of the rows point into that copy, which lives in the decoder's text arena until no row waits. */
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "format/json_int.h"

/* ---- Lines ---- */

static void
json_reset(struct decoder *decoder)
{
    (void)decoder;
}

static bool
is_blank(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != ' ' && bytes[i] != '\t' && bytes[i] != '\r')
            return false;
    }
    return true;
}

static enum status
json_frame(struct decoder *decoder, const char *bytes, size_t begin, size_t size, int64_t position, bool is_last,
           struct frame *ret_frame, struct error *err)
{
    size_t       size_max = decoder->plan->record_size_max;
    struct frame frame    = { .kind = FRAME_BETWEEN };
    size_t       at       = begin;
    (void)err;

    if (position + (int64_t)begin == 0 && size - begin >= 3 && memcmp(bytes + begin, "\xEF\xBB\xBF", 3) == 0)
        at += 3;
    while (at < size) {
        size_t line_size = 0;
        bool   is_ended  = false;
        if (!line_find(bytes, at, size, size_max, is_last, &line_size, &is_ended)) {
            frame.kind = FRAME_MORE;
            break;
        }
        if (line_size > size_max) {
            frame.kind   = FRAME_PASSED;
            frame.reason = DECODE_TOO_LARGE;
            frame.detail = "the line is longer than the limit";
            break;
        }
        if (bytes[at] == '{' || !is_blank(bytes + at, line_size)) {
            size_t ends = is_ended ? 1 : 0;
            if (bytes[at + line_size - 1] == '\r') {
                line_size--;
                ends++;
            }
            frame.kind                = FRAME_RECORD;
            frame.size                = line_size;
            frame.after               = ends;
            decoder->json->is_unended = !is_ended;
            break;
        }
        at += line_size + (is_ended ? 1 : 0);
    }
    frame.before = at - begin;
    *ret_frame   = frame;
    return ST_OK;
}

/* ---- The record ---- */

/* Events of one type often follow each other. */
static void
find_mappings(struct decoder *decoder, struct str type, uint32_t *ret_begin, uint32_t *ret_end)
{
    const struct decode_plan *plan = decoder->plan;
    struct json_state        *json = decoder->json;

    if (json->last_begin == json->last_end || !str_equal(plan->dispatch[json->last_begin].text, type))
        dispatch_find(plan, type, &json->last_begin, &json->last_end);
    *ret_begin = json->last_begin;
    *ret_end   = json->last_end;
}

static enum status
make_rows_of_type(struct decoder *decoder, struct str record, struct error *err)
{
    const struct decode_plan *plan      = decoder->plan;
    int32_t                   type_slot = plan->json->type_slot;
    struct str                type      = STR_EMPTY;
    bool                      is_shape  = false;
    uint32_t                  begin     = 0;
    uint32_t                  end       = 0;

    if (type_slot >= 0) {
        bool has_type = json_scalar_text(decoder->json->slots[type_slot], &type, &is_shape) && type.size > 0;
        if (has_type)
            find_mappings(decoder, type, &begin, &end);
        if (begin == end && !plan->has_catch_all)
            return decoder_outcome(decoder, has_type ? DECODE_UNKNOWN_TYPE : DECODE_MALFORMED, record,
                                   has_type ? "no mapping reads this type" : "the record has no type", err);
    }
    return json_rows_of_mappings(decoder, begin, end, err);
}

static enum status
json_decode(struct decoder *decoder, struct str record, int64_t position, struct error *err)
{
    struct json_state      *json = decoder->json;
    const struct json_keys *keys = &decoder->plan->json->keys;
    char                   *copy = NULL;
    bool                    is_read = false;
    (void)position;

    /* Where rows are handed over before the input goes, texts may point into it. */
    if (!decoder->options.is_borrowing && (copy = json_copy(decoder, record)) == NULL)
        return error_no_memory(err);
    if (json->may_be_flat && json_flat_read(json, decoder->plan->json, copy == NULL ? record : str_of(copy, record.size)))
        return make_rows_of_type(decoder, record, err);
    if (copy == NULL && (copy = json_copy(decoder, record)) == NULL)
        return error_no_memory(err);
    if (json_read(decoder, record, copy, &is_read, err) != ST_OK)
        return ST_ERROR;
    if (!is_read)
        return ST_OK;
    json_find_members(json, keys);
    return make_rows_of_type(decoder, record, err);
}

const struct format_kind JSON_KIND = {
    .format = MODEL_JSON,
    .record_size_max = FORMAT_JSON_RECORD_SIZE_MAX,
    .compile = json_compile,
    .open = json_open,
    .reset = json_reset,
    .close = json_close,
    .frame = json_frame,
    .decode = json_decode,
    .skip = line_skip,
    .split = line_split,
};
