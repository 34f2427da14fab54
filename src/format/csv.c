/* CSV to rows: one record a row of the file, cells by the name in the header.
 *
 * A row must have as many cells as the header; empty cells more than that are let pass, since spreadsheets write them. A
 * row with fewer cells is malformed: nobody can tell a cut row from one whose end was left out. */
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "format/csv_int.h"

struct csv_state {
    struct csv_reader reader;
    struct csv_row    row;
    uint64_t          call_number; /* Of the call whose bytes the reader stands on. */
    char             *scratch;     /* Cells unquoted or converted. */
    size_t            scratch_capacity;
};

static enum status
csv_open(struct decoder *decoder, struct error *err)
{
    const struct csv_layout *layout = decoder->layout->csv;

    decoder->csv = memory_alloc_zero(sizeof *decoder->csv);
    if (decoder->csv == NULL)
        return error_no_memory(err);
    csv_reader_init(&decoder->csv->reader, NULL, 0, layout != NULL ? layout->delimiter : ',',
                    layout != NULL && layout->has_no_quotes, decoder->plan->record_size_max, true);
    return ST_OK;
}

static void
csv_reset(struct decoder *decoder)
{
    (void)decoder; /* A row that was begun is told by the bytes given again. */
}

static void
csv_close(struct decoder *decoder)
{
    if (decoder->csv == NULL)
        return;
    csv_reader_release(&decoder->csv->reader);
    memory_free(decoder->csv->scratch);
    memory_free(decoder->csv);
}

static void
frame_of_row(const struct csv_row *row, struct frame *frame)
{
    frame->kind = FRAME_RECORD;
    frame->size = row->size;
    switch (row->kind) {
    case CSV_ROW:
        if (row->has_stray) {
            frame->is_bad = true;
            frame->reason = DECODE_MALFORMED;
            frame->detail = "text behind a closing quote";
        }
        break;
    case CSV_UNCLOSED:
        frame->is_bad = true;
        frame->reason = DECODE_MALFORMED;
        frame->detail = "a quote is not closed";
        break;
    case CSV_CUT:
        frame->is_bad = true;
        frame->reason = DECODE_TRUNCATED;
        frame->detail = "the input ends inside quotes";
        break;
    case CSV_TOO_LARGE:
        frame->kind   = FRAME_PASSED;
        frame->reason = DECODE_TOO_LARGE;
        frame->size   = 0;
        frame->detail = "the row is longer than the limit";
        break;
    case CSV_MORE:
        frame->kind = FRAME_MORE;
        frame->size = 0;
        break;
    default: UNREACHABLE();
    }
}

static enum status
csv_frame(struct decoder *decoder, const char *bytes, size_t begin, size_t size, int64_t position, bool is_last,
          struct frame *ret_frame, struct error *err)
{
    struct csv_state *csv         = decoder->csv;
    uint64_t          head_size   = decoder->layout->records_begin;
    uint64_t          at_position = (uint64_t)position + begin;
    size_t            at          = begin;
    struct frame      frame       = { .kind = FRAME_BETWEEN };

    if (csv->call_number != decoder->call_number) {
        csv->call_number = decoder->call_number;
        csv_reader_rebase(&csv->reader, bytes, size);
    }
    if (at_position < head_size)
        at += head_size - at_position < size - begin ? (size_t)(head_size - at_position) : size - begin;
    at += csv_line_ends(bytes, at, size);
    frame.before = at - begin;
    if (at < size) {
        if (csv_read_row(&csv->reader, at, is_last, &csv->row, err) != ST_OK)
            return ST_ERROR;
        frame_of_row(&csv->row, &frame);
        size_t end = at + frame.size;
        if (frame.kind == FRAME_RECORD && end < size)
            frame.after = bytes[end] == '\r' && end + 1 < size && bytes[end + 1] == '\n' ? 2 : 1;
    }
    *ret_frame = frame;
    return ST_OK;
}

/* The text of a cell that is not written as it is meant: with doubled quotes, or in another character set. It lies in the
 * scratch until the next one. */
static enum status
changed_cell(struct csv_state *csv, enum charset charset, struct str text, bool has_doubled_quote, bool is_converted,
             struct str *ret_text, struct error *err)
{
    void *scratch = csv->scratch;
    if (scratch_grow(&scratch, &csv->scratch_capacity, 4 * text.size, 1, err) != ST_OK)
        return ST_ERROR;
    csv->scratch = scratch;

    char *out = csv->scratch;
    if (has_doubled_quote) {
        text = str_of(out, csv_unquote(text, out));
        out += text.size;
    }
    if (is_converted)
        text = str_of(out, charset_to_utf8(charset, text, out));
    *ret_text = text;
    return ST_OK;
}

/* The first cell with text among the field's. */
static enum status
set_field(struct decoder *decoder, struct chunk *chunk, const struct plan_field *field, uint32_t field_index,
          struct str record, bool is_converted, struct error *err)
{
    const struct csv_layout *layout = decoder->layout->csv;
    struct str               text   = STR_EMPTY;
    enum value_life          life   = LIFE_INPUT;

    for (uint32_t i = 0; i < field->path_count && text.size == 0; i++) {
        int32_t column = layout->columns[field->first_path + i];
        if (column < 0)
            continue;
        const struct csv_cell *cell = &decoder->csv->reader.cells[column];
        text                        = str_of(record.data + cell->begin, cell->size);
        if (!cell->has_doubled_quote && !is_converted)
            continue;
        life = LIFE_CALL;
        if (changed_cell(decoder->csv, layout->charset, text, cell->has_doubled_quote, is_converted, &text, err) != ST_OK)
            return ST_ERROR;
    }
    return row_set(decoder, chunk, field_index, text, life, err);
}

static enum status
make_row(struct decoder *decoder, uint32_t mapping_index, struct str record, bool is_converted, struct error *err)
{
    const struct plan_mapping *entry        = &decoder->plan->mappings[mapping_index];
    const struct plan_field   *field        = entry->fields;
    const int32_t             *columns      = decoder->layout->csv->columns;
    const struct csv_cell     *cells        = decoder->csv->reader.cells;
    struct chunk              *chunk        = &decoder->chunks[mapping_index];
    struct column             *to           = &chunk->columns[RAW_FIELD_OFFSET];
    uint32_t                   row          = chunk->row_count;
    bool                       is_borrowing = decoder->options.is_borrowing;

    for (uint32_t f = 0, count = entry->mapping->field_count; f < count; f++, field++, to++) {
        int32_t column = columns[field->first_path];
        /* Nearly every field: one column that is there, and its cell is written as it is meant. */
        if (field->path_count == 1 && column >= 0 && !is_converted && !cells[column].has_doubled_quote
            && row_put(to, row, str_of(record.data + cells[column].begin, cells[column].size), is_borrowing))
            continue;
        if (set_field(decoder, chunk, field, f, record, is_converted, err) != ST_OK)
            return ST_ERROR;
    }
    return row_end(decoder, mapping_index, 0, err);
}

static bool
count_is_right(const struct csv_state *csv, uint32_t column_count)
{
    if (csv->row.cell_count < column_count)
        return false;
    for (uint32_t i = column_count; i < csv->row.cell_count; i++) {
        if (csv->reader.cells[i].size > 0)
            return false;
    }
    return true;
}

static enum status
csv_decode(struct decoder *decoder, struct str record, int64_t position, struct error *err)
{
    const struct decode_plan *plan   = decoder->plan;
    const struct csv_layout  *layout = decoder->layout->csv;
    const struct csv_state   *csv    = decoder->csv;
    (void)position;

    if (!count_is_right(csv, layout->column_count))
        return decoder_outcome(decoder, DECODE_MALFORMED, record,
                               decoder_detail(decoder, "%u cells, the header has %u", csv->row.cell_count,
                                              layout->column_count),
                               err);
    if (csv->row.has_high && layout->charset == CHARSET_UTF8) {
        size_t valid = utf8_valid_prefix(record);
        if (valid < record.size)
            return decoder_outcome(decoder, DECODE_BAD_ENCODING, record,
                                   decoder_detail(decoder, "byte %zu of the row is not UTF-8", valid), err);
    }
    bool is_converted = csv->row.has_high && layout->charset != CHARSET_UTF8;
    for (uint32_t i = 0; i < plan->mapping_count; i++) {
        if (layout->fits[i] && make_row(decoder, i, record, is_converted, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

/* A row that is too large ends at the first line end behind its largest size, quotes or not. */
static size_t
csv_skip(struct decoder *decoder, const char *bytes, size_t begin, size_t size, int64_t position, bool is_last, bool *ret_is_end)
{
    int64_t left = (int64_t)decoder->plan->record_size_max - decoder->skip.length;
    size_t  at   = begin;
    (void)position;
    (void)is_last;

    if (left > 0)
        at = (uint64_t)left < size - begin ? begin + (size_t)left : size;
    while (at < size && bytes[at] != '\n' && bytes[at] != '\r')
        at++;
    *ret_is_end = at < size;
    return at - begin;
}

static enum status
csv_split(const struct decode_plan *plan, const struct decode_layout *layout, struct str bytes, int64_t position,
          bool is_last, size_t place, size_t *ret_end, struct error *err)
{
    struct csv_reader reader;
    uint64_t          head = layout->records_begin > (uint64_t)position ? layout->records_begin - (uint64_t)position : 0;
    size_t            at   = head < bytes.size ? (size_t)head : bytes.size;

    *ret_end = 0;
    /* Nothing is allocated: no cells are wanted. */
    csv_reader_init(&reader, bytes.data, bytes.size, layout->csv->delimiter, layout->csv->has_no_quotes,
                    plan->record_size_max, false);
    for (;;) {
        at += csv_line_ends(bytes.data, at, bytes.size);
        if (at >= bytes.size)
            return ST_OK;
        if (at >= place)
            break;
        struct csv_row row = { .kind = CSV_ROW };
        if (csv_read_row(&reader, at, is_last, &row, err) != ST_OK)
            return ST_ERROR;
        if (row.kind == CSV_MORE)
            return ST_OK;
        if (row.kind == CSV_TOO_LARGE) {
            at += plan->record_size_max;
            while (at < bytes.size && bytes.data[at] != '\n' && bytes.data[at] != '\r')
                at++;
        } else {
            at += row.size;
        }
    }
    *ret_end = at;
    return ST_OK;
}

const struct format_kind CSV_KIND = {
    .format = MODEL_CSV,
    .record_size_max = FORMAT_CSV_RECORD_SIZE_MAX,
    .compile = csv_compile,
    .layout = csv_layout_open,
    .layout_free = csv_layout_free,
    .open = csv_open,
    .reset = csv_reset,
    .close = csv_close,
    .frame = csv_frame,
    .decode = csv_decode,
    .skip = csv_skip,
    .split = csv_split,
};
