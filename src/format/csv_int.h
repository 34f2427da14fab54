/* CSV: rows and cells. */
#ifndef HEDDLE_FORMAT_CSV_INT_H
#define HEDDLE_FORMAT_CSV_INT_H

#include "format/format_int.h"
#include "format/scan.h"

struct csv_cell {
    uint32_t begin; /* From the row's first byte; of a quoted cell, behind its quote. */
    uint32_t size;
    bool     is_quoted;
    bool     has_doubled_quote;
};

enum csv_row_kind {
    CSV_ROW,       /* A row; a line end or the end of the input is behind it. */
    CSV_MORE,      /* Its end is not there yet. */
    CSV_UNCLOSED,  /* A quote that is not closed: the row is its first line, and bad. */
    CSV_CUT,       /* The input ends inside quotes, on the same line. */
    CSV_TOO_LARGE, /* No end within the largest size. */
};

struct csv_row {
    enum csv_row_kind kind;
    size_t            size; /* Without the line end; of ROW, UNCLOSED and CUT. */
    bool              has_high;   /* May hold bytes that are not ASCII. */
    bool              has_stray;  /* Text between a closing quote and the next delimiter. */
    uint32_t          cell_count; /* 0 where no cells were wanted. */
};

/* Reads rows of bytes[0, size). */
struct csv_reader {
    struct scan      scan;
    char             delimiter;
    bool             has_no_quotes; /* A quote is a letter like others. */
    size_t           row_size_max;
    bool             wants_cells;
    struct csv_cell *cells; /* Scratch that grows; of the row read last. */
    size_t           cell_capacity;
};

void csv_reader_init(struct csv_reader *reader, const char *bytes, size_t size, char delimiter, bool has_no_quotes,
                     size_t row_size_max, bool wants_cells);
/* Only the cells; keeps them for the next bytes. */
void csv_reader_rebase(struct csv_reader *reader, const char *bytes, size_t size);
void csv_reader_release(struct csv_reader *reader);

/* The row at `begin` < size; `begin` is not a line end. Memory for cells is all that can fail. */
enum status csv_read_row(struct csv_reader *reader, size_t begin, bool is_last, struct csv_row *ret_row,
                         struct error *err);

/* Without doubled quotes; `out` has room for the cell. Returns the size written. */
size_t csv_unquote(struct str text, char *out);

/* How many line end bytes stand at `begin`. */
size_t csv_line_ends(const char *bytes, size_t begin, size_t size);

struct csv_plan {
    struct str *paths; /* Header names. */
    uint32_t    path_count;
};

struct csv_layout {
    char          delimiter;
    bool          has_no_quotes;
    enum charset  charset;
    uint32_t      column_count;
    int32_t      *columns; /* For each path of the plan; -1: the header lacks it. */
    bool         *fits;    /* For each mapping. */
};

enum status csv_compile(struct decode_plan *plan, struct plan_errors *errors, struct error *err);
enum status csv_layout_open(struct decode_layout *layout, struct str head, bool is_whole,
                            const struct decode_sink *sink, struct error *err);
void        csv_layout_free(struct decode_layout *layout);

#endif
