/* Where messages begin and end in a file or a stream.
 *
 *     BOM  FHS|…  BHS|…  [0x0B] MSH|… PID|… …  [0x1C CR]  MSH|…  BTS|2  FTS|1
 *     between           ^ a message ^         between
 *
 * A message reaches to the next header at the start of a segment (the letters MSH inside a segment are text), to MLLP
 * framing, or to the end. Bytes that belong to none, up to the next header, are one malformed record. */
#include <string.h>

#include "base/check.h"
#include "format/hl7_int.h"
#include "format/scan.h"

#define FRAME_START '\x0B'
#define FRAME_END   '\x1C'

/* A BOM and a header's four bytes: what has to be there to tell a header. */
#define HEADER_SIZE_MAX 7

static bool
is_between_byte(char c)
{
    return c == '\r' || c == '\n' || c == ' ' || c == '\t' || c == FRAME_START || c == FRAME_END;
}

/* What begins at `at`, which is the start of a segment; a BOM may stand before it. */
static enum hl7_mark
mark_at(const char *bytes, size_t at, size_t size, bool is_last)
{
    if (at >= size)
        return is_last ? HL7_NO_HEADER : HL7_MAYBE;
    if (bytes[at] == '\xEF') {
        if (size - at < HEADER_SIZE_MAX)
            return is_last ? HL7_NO_HEADER : HL7_MAYBE;
        if (memcmp(bytes + at, "\xEF\xBB\xBF", 3) != 0)
            return HL7_NO_HEADER;
        at += 3;
    }
    if (bytes[at] != 'M' && bytes[at] != 'F' && bytes[at] != 'B')
        return HL7_NO_HEADER;
    if (size - at < 4)
        return is_last ? HL7_NO_HEADER : HL7_MAYBE;

    unsigned char separator = (unsigned char)bytes[at + 3];
    if (separator <= ' ' || separator >= 0x7F || ascii_is_letter(bytes[at + 3]) || ascii_is_digit(bytes[at + 3]))
        return HL7_NO_HEADER;
    if (memcmp(bytes + at, "MSH", 3) == 0)
        return HL7_MESSAGE;
    bool is_batch = memcmp(bytes + at, "FHS", 3) == 0 || memcmp(bytes + at, "BHS", 3) == 0
                    || memcmp(bytes + at, "BTS", 3) == 0 || memcmp(bytes + at, "FTS", 3) == 0;
    return is_batch ? HL7_BATCH : HL7_NO_HEADER;
}

/* Over what lies between, from `at`: *ret_at is the first byte of something. False: more bytes must tell. */
static bool
pass_between(struct hl7_between *between, const char *bytes, size_t at, size_t size, bool is_last, size_t *ret_at)
{
    for (; at < size; at++) {
        if (bytes[at] == '\xEF') {
            size_t there = size - at < 3 ? size - at : 3;
            if (memcmp(bytes + at, "\xEF\xBB\xBF", there) != 0)
                break;
            if (there < 3) {
                *ret_at = at;
                return is_last;
            }
            at += 2;
            continue;
        }
        if (!is_between_byte(bytes[at]))
            break;
        if (bytes[at] == FRAME_START)
            between->is_framed = true;
        else if (bytes[at] == FRAME_END)
            between->is_framed = false;
    }
    *ret_at = at;
    return true;
}

enum end_kind { END_FOUND, END_OF_BYTES, END_MORE, END_TOO_FAR };

/* The end of what begins at `begin`: the next header at a segment's start, framing, or the end of the bytes. *ret_has_high:
 * some byte of it, or near behind it, is not ASCII. */
static enum end_kind
find_end(const char *bytes, size_t begin, size_t size, size_t size_max, bool is_last, size_t *ret_end, bool *ret_has_high)
{
    static const char WANTED[SCAN_WANTED_MAX] = { '\r', '\n', FRAME_START, FRAME_END };
    struct scan       scan;
    uint64_t          high = 0;
    enum end_kind     kind = END_FOUND;

    /* Blocks are aligned to the scan's start, so one a call costs little more than one a buffer. */
    scan_init(&scan, bytes + begin, size - begin, WANTED);
    for (size_t at = 0;; at++) {
        at           = scan_next(&scan, at, &high);
        size_t place = begin + at;
        if (place >= size || at > size_max) {
            *ret_end = size;
            kind     = at > size_max ? END_TOO_FAR : is_last ? END_OF_BYTES : END_MORE;
            break;
        }
        *ret_end = place;
        if (bytes[place] == FRAME_START || bytes[place] == FRAME_END)
            break;
        enum hl7_mark mark = mark_at(bytes, place + 1, size, is_last);
        if (mark == HL7_MAYBE) {
            kind = END_MORE;
            break;
        }
        if (mark != HL7_NO_HEADER) {
            *ret_end = place + 1;
            kind     = at + 1 > size_max ? END_TOO_FAR : END_FOUND;
            break;
        }
    }
    *ret_has_high = high != 0;
    return kind;
}

static size_t
trimmed_size(const char *bytes, size_t begin, size_t end)
{
    while (end > begin && (bytes[end - 1] == '\r' || bytes[end - 1] == '\n'))
        end--;
    return end - begin;
}

/* ---- Batches ---- */

/* The count in BTS-1 or FTS-1; -1: none is given. */
static int64_t
trailer_count(struct str segment)
{
    int64_t    count = -1;
    struct str field = hl7_part(segment, segment.data[3], 2);

    return str_to_int64(str_trim(field), &count) && count >= 0 ? count : -1;
}

static void
batch_segment(struct hl7_between *between, struct str segment, int64_t *ret_told, int64_t *ret_counted)
{
    *ret_told = *ret_counted = -1;
    if (memcmp(segment.data, "FHS", 3) == 0) {
        between->is_in_file  = true;
        between->batch_count = 0;
    } else if (memcmp(segment.data, "BHS", 3) == 0) {
        between->is_in_batch   = true;
        between->message_count = 0;
        between->batch_count++;
    } else if (memcmp(segment.data, "BTS", 3) == 0) {
        if (between->is_in_batch) {
            *ret_told    = trailer_count(segment);
            *ret_counted = between->message_count;
        }
        between->is_in_batch = false;
    } else {
        if (between->is_in_file && between->batch_count > 0) {
            *ret_told    = trailer_count(segment);
            *ret_counted = between->batch_count;
        }
        between->is_in_file  = false;
        between->is_in_batch = false;
    }
}

/* A batch segment lies between messages; what it counts is compared with what came. */
static enum status
frame_batch(struct decoder *decoder, struct str segment, int64_t position, struct error *err)
{
    int64_t told    = -1;
    int64_t counted = -1;

    batch_segment(&decoder->hl7->between, segment, &told, &counted);
    decoder->counts.batch_segment_count++;
    if (told < 0 || told == counted)
        return ST_OK;
    decoder->record_position = position;
    const char *detail       = decoder_detail(decoder, "%.3s-1 says %lld, %lld came", segment.data, (long long)told,
                                              (long long)counted);
    return decoder_note(decoder, NOTE_BATCH_COUNT, -1, -1, detail, err);
}

/* ---- Frames ---- */

/* Of a batch segment the end is its line's. */
static size_t
line_size(const char *bytes, size_t begin, size_t size)
{
    size_t at = begin;
    while (at < size && bytes[at] != '\r' && bytes[at] != '\n' && bytes[at] != FRAME_START && bytes[at] != FRAME_END)
        at++;
    return at - begin;
}

static void
frame_record(struct hl7_between *between, const char *bytes, size_t begin, size_t end, bool is_message, bool is_cut,
             struct frame *frame)
{
    frame->kind  = FRAME_RECORD;
    frame->size  = trimmed_size(bytes, begin, end);
    frame->after = end - begin - frame->size;
    if (is_message)
        between->message_count++;
    if (!is_message) {
        frame->is_bad = true;
        frame->reason = DECODE_MALFORMED;
        frame->detail = "no message header (MSH) before these bytes";
    } else if (is_cut) {
        frame->is_bad = true;
        frame->reason = DECODE_TRUNCATED;
        frame->detail = "the input ends inside an MLLP frame";
    }
    between->is_framed = false;
}

enum status
hl7_frame(struct decoder *decoder, const char *bytes, size_t begin, size_t size, int64_t position, bool is_last,
          struct frame *ret_frame, struct error *err)
{
    struct hl7_between *between  = &decoder->hl7->between;
    size_t              size_max = decoder->plan->record_size_max;
    struct frame        frame    = { .kind = FRAME_MORE };
    size_t              at       = begin;
    size_t              end      = begin;
    bool                is_clear = pass_between(between, bytes, begin, size, is_last, &at);
    enum hl7_mark       mark     = is_clear && at < size ? mark_at(bytes, at, size, is_last) : HL7_MAYBE;

    frame.before = at - begin;
    if (is_clear && at == size) {
        frame.kind = FRAME_BETWEEN;
    } else if (mark == HL7_BATCH) {
        size_t line = line_size(bytes, at, size);
        if (line > size_max) {
            frame.kind   = FRAME_PASSED;
            frame.reason = DECODE_TOO_LARGE;
            frame.detail = "a batch segment is longer than the limit";
        } else if (at + line < size || is_last) {
            frame.kind = FRAME_BETWEEN;
            frame.before += line;
            if (frame_batch(decoder, str_of(bytes + at, line), position + (int64_t)at, err) != ST_OK)
                return ST_ERROR;
        }
    } else if (mark != HL7_MAYBE) {
        enum end_kind kind = find_end(bytes, at, size, size_max, is_last, &end, &decoder->hl7->has_high);
        if (kind == END_TOO_FAR) {
            between->message_count += mark == HL7_MESSAGE;
            between->is_framed = false;
            frame.kind         = FRAME_PASSED;
            frame.reason = DECODE_TOO_LARGE;
            frame.detail       = "the message is longer than the limit";
        } else if (kind != END_MORE) {
            bool is_cut = kind == END_OF_BYTES && between->is_framed;
            frame_record(between, bytes, at, end, mark == HL7_MESSAGE, is_cut, &frame);
        }
    }
    *ret_frame = frame;
    return ST_OK;
}

/* What is too large ends where a message would; its line ends belong to it. */
size_t
hl7_skip(struct decoder *decoder, const char *bytes, size_t begin, size_t size, int64_t position, bool is_last, bool *ret_is_end)
{
    (void)position;
    /* The record's own header is no end of it. */
    size_t at = begin + (decoder->skip.length == 0 ? 1 : 0);

    for (; at < size; at++) {
        char c = bytes[at];
        if (c == FRAME_START || c == FRAME_END) {
            *ret_is_end = true;
            return at - begin;
        }
        if (c != '\r' && c != '\n')
            continue;
        enum hl7_mark mark = mark_at(bytes, at + 1, size, is_last);
        if (mark == HL7_MAYBE) {
            *ret_is_end = false;
            return at - begin;
        }
        if (mark != HL7_NO_HEADER) {
            *ret_is_end = true;
            return at + 1 - begin;
        }
    }
    *ret_is_end = false;
    return size - begin;
}

/* ---- Ranges ---- */

/* A range may begin where a message begins (or the frame around it), outside batches, and where the message before it has
 * an end that the bytes before the cut tell. */
enum status
hl7_split(const struct decode_plan *plan, const struct decode_layout *layout, struct str bytes, int64_t position,
          bool is_last, size_t place, size_t *ret_end, struct error *err)
{
    struct hl7_between between = { 0 };
    size_t             at      = 0;
    (void)layout;
    (void)position;
    (void)err;

    *ret_end = 0;
    while (at < bytes.size) {
        size_t begin    = at;
        bool   was_open = between.is_framed;
        if (!pass_between(&between, bytes.data, begin, bytes.size, is_last, &at) || at >= bytes.size)
            return ST_OK;

        size_t cut = at;
        while (cut > begin && bytes.data[cut - 1] != FRAME_END)
            cut--;
        bool is_closed = cut > begin || !was_open;
        if (is_closed && !between.is_in_batch && !between.is_in_file && cut >= place) {
            *ret_end = cut;
            return ST_OK;
        }

        /* A batch segment that is too large is a record like any other, as in hl7_frame. */
        enum hl7_mark mark    = mark_at(bytes.data, at, bytes.size, is_last);
        struct str    segment = STR_EMPTY;
        if (mark == HL7_MAYBE)
            return ST_OK;
        if (mark == HL7_BATCH)
            segment = str_of(bytes.data + at, line_size(bytes.data, at, bytes.size));
        if (segment.size > 0 && segment.size <= plan->record_size_max) {
            int64_t told = 0, counted = 0;
            batch_segment(&between, segment, &told, &counted);
            at += segment.size;
            continue;
        }
        size_t end      = bytes.size;
        bool   has_high = false;
        if (find_end(bytes.data, at, bytes.size, SIZE_MAX - 1, is_last, &end, &has_high) == END_MORE)
            return ST_OK;
        at = end;
    }
    return ST_OK;
}
