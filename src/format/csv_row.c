/* Where a CSV row ends, and its cells.
 *
 * A cell that begins with a quote reaches to the next quote that is not doubled; delimiters and line ends inside are
 * text. A quote elsewhere is a letter (5" pipe). A row ends at CR, LF or CRLF outside quotes.
 *
 * Where a mapping says that its files know no quotes (CMS's RIF), every quote is a letter.
 *
 * A quote that is never closed would swallow the rest of the file. It is held to be unclosed when its row passes the
 * largest size or the input ends; then only the row's first line is bad, and reading goes on with the next line. This
 * depends on the bytes alone, so that decoding in pieces, in ranges and as a whole agree. */
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "format/csv_int.h"

#define QUOTE '"'

void
csv_reader_init(struct csv_reader *reader, const char *bytes, size_t size, char delimiter, bool has_no_quotes,
                size_t row_size_max, bool wants_cells)
{
    memset(reader, 0, sizeof *reader);
    reader->delimiter     = delimiter;
    reader->has_no_quotes = has_no_quotes;
    reader->row_size_max = row_size_max;
    reader->wants_cells  = wants_cells;
    csv_reader_rebase(reader, bytes, size);
}

void
csv_reader_rebase(struct csv_reader *reader, const char *bytes, size_t size)
{
    const char quote                   = reader->has_no_quotes ? '\n' : QUOTE;
    const char wanted[SCAN_WANTED_MAX] = { quote, '\r', '\n', reader->wants_cells ? reader->delimiter : quote };
    scan_init(&reader->scan, bytes, size, wanted);
}

void
csv_reader_release(struct csv_reader *reader)
{
    memory_free(reader->cells);
    reader->cells         = NULL;
    reader->cell_capacity = 0;
}

static inline bool
is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

size_t
csv_line_ends(const char *bytes, size_t begin, size_t size)
{
    size_t at = begin;
    while (at < size && is_line_end(bytes[at]))
        at++;
    return at - begin;
}

static inline enum status
add_cell(struct csv_reader *reader, struct csv_row *row, struct csv_cell cell, struct error *err)
{
    if (!reader->wants_cells)
        return ST_OK;
    if (row->cell_count == reader->cell_capacity) {
        void *cells = reader->cells;
        if (scratch_grow(&cells, &reader->cell_capacity, (size_t)row->cell_count + 1, sizeof cell, err) != ST_OK)
            return ST_ERROR;
        reader->cells = cells;
    }
    reader->cells[row->cell_count++] = cell;
    return ST_OK;
}

/* No end was found up to the end of the bytes or the largest size. */
static void
row_open(const struct csv_reader *reader, size_t begin, bool is_last, bool is_in_quotes, struct csv_row *row)
{
    const struct scan *scan    = &reader->scan;
    size_t             there   = scan->size - begin;
    bool               is_long = there > reader->row_size_max;

    if (!is_long && !is_last) {
        row->kind = CSV_MORE;
        return;
    }
    if (!is_in_quotes) {
        row->kind = is_long ? CSV_TOO_LARGE : CSV_ROW;
        row->size = there;
        return;
    }
    size_t seen = is_long ? reader->row_size_max : there;
    for (size_t i = 0; i < seen; i++) {
        if (is_line_end(scan->bytes[begin + i])) {
            row->kind = CSV_UNCLOSED;
            row->size = i;
            return;
        }
    }
    row->kind = is_long ? CSV_TOO_LARGE : CSV_CUT;
    row->size = there;
}

/* From the opening quote at `open` to the closing one. False: it is not closed within what is there. */
static bool
find_close(struct csv_reader *reader, size_t begin, size_t open, bool is_last, uint64_t *high, size_t *ret_close,
           bool *ret_has_doubled)
{
    struct scan *scan = &reader->scan;
    size_t       at   = open + 1;

    for (;; at++) {
        at = scan_next(scan, at, high);
        /* The closing quote is of the row, so it lies within its largest size: what is behind need not be there to tell. */
        if (at >= scan->size || at - begin >= reader->row_size_max)
            return false;
        if (scan->bytes[at] != QUOTE)
            continue;
        if (at + 1 == scan->size) {
            *ret_close = at;
            return is_last; /* A second quote may come behind. */
        }
        if (scan->bytes[at + 1] != QUOTE) {
            *ret_close = at;
            return true;
        }
        *ret_has_doubled = true;
        at++;
    }
}

/* A row without quotes that ends in what is there, is not too long, and has no more cells than the rows before it: nearly
 * every one. False: it is not such a row, and nothing has changed. The scan is a copy, so that the compiler keeps it in
 * registers. */
static bool
read_plain_row(struct csv_reader *reader, size_t begin, struct csv_row *ret_row)
{
    if (reader->cell_capacity == 0)
        return false; /* The first row finds the room. */
    struct scan     scan       = reader->scan;
    const char      delimiter  = reader->delimiter;
    struct csv_cell *cell      = reader->cells;
    struct csv_cell *cells_end = cell + reader->cell_capacity;
    uint64_t        high       = 0;
    size_t          cell_begin = begin;
    size_t          at         = scan_next(&scan, begin, &high);

    for (; at < scan.size && cell < cells_end; at = scan_next_behind(&scan, &high)) {
        char c = scan.bytes[at];
        if (c == QUOTE)
            return false;
        *cell++ = (struct csv_cell){ .begin = (uint32_t)(cell_begin - begin), .size = (uint32_t)(at - cell_begin) };
        cell_begin = at + 1;
        if (c == delimiter)
            continue;
        size_t size = at - begin;
        if (size > reader->row_size_max)
            return false;
        *ret_row = (struct csv_row){ .kind = CSV_ROW,
                                     .size = size,
                                     .has_high = high != 0,
                                     .cell_count = (uint32_t)(cell - reader->cells) };
        reader->scan = scan;
        return true;
    }
    return false;
}

enum status
csv_read_row(struct csv_reader *reader, size_t begin, bool is_last, struct csv_row *ret_row, struct error *err)
{
    if (reader->wants_cells && read_plain_row(reader, begin, ret_row))
        return ST_OK;

    struct scan    *scan  = &reader->scan;
    const char     *bytes = scan->bytes;
    struct csv_row  row   = { .kind = CSV_ROW };
    struct csv_cell cell  = { 0 };
    uint64_t        high  = 0;
    size_t          cell_begin = begin;
    size_t          at         = begin;

    for (;;) {
        at = scan_next(scan, at, &high);
        if (at >= scan->size || at - begin > reader->row_size_max) {
            row_open(reader, begin, is_last, false, &row);
            if (row.kind != CSV_ROW)
                goto done;
            at = scan->size;
        } else if (bytes[at] == QUOTE) {
            if (at != begin && bytes[at - 1] != reader->delimiter) {
                at++;
                continue;
            }
            bool   has_doubled = false;
            size_t close       = 0;
            if (!find_close(reader, begin, at, is_last, &high, &close, &has_doubled)) {
                row_open(reader, begin, is_last, true, &row);
                goto done;
            }
            cell = (struct csv_cell){ (uint32_t)(at + 1 - begin), (uint32_t)(close - at - 1), true, has_doubled };
            at   = close + 1;
            if (at < scan->size && bytes[at] != reader->delimiter && !is_line_end(bytes[at]))
                row.has_stray = true;
            continue;
        }
        bool is_end = at == scan->size || is_line_end(bytes[at]);
        if (!cell.is_quoted) {
            cell.begin = (uint32_t)(cell_begin - begin);
            cell.size  = (uint32_t)(at - cell_begin);
        }
        if ((is_end || bytes[at] == reader->delimiter) && add_cell(reader, &row, cell, err) != ST_OK)
            return ST_ERROR;
        if (is_end)
            break;
        cell       = (struct csv_cell){ 0 };
        cell_begin = ++at;
    }
    row.size = at - begin;

done:
    row.has_high = high != 0;
    if (row.kind != CSV_ROW)
        scan_rewind(scan);
    *ret_row = row;
    return ST_OK;
}

size_t
csv_unquote(struct str text, char *out)
{
    size_t size = 0;

    for (size_t i = 0; i < text.size; i++) {
        out[size++] = text.data[i];
        if (text.data[i] == QUOTE)
            i++; /* The second of the pair. */
    }
    return size;
}
