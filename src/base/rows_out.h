/* Rows of text as a table for eyes, as JSON (one object a line) or as CSV, written piece by piece.
 *
 * A table's columns are as wide as its first rows need (ROWS_OUT_HELD_COUNT_MAX; they are held until then), or, where the
 * terminal is narrower, as it allows: then what is too long ends in "…". Control characters cannot reach the terminal. */
#ifndef HEDDLE_BASE_ROWS_OUT_H
#define HEDDLE_BASE_ROWS_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

enum rows_format { ROWS_TABLE, ROWS_JSON, ROWS_CSV };

struct rows_out_options {
    enum rows_format format;
    uint32_t         width_max; /* Characters of a table's line; 0: as wide as it is. */
    /* Takes a piece of the output, whole lines; its failure is the failure of who wrote the row. */
    enum status (*write)(void *context, struct str bytes, struct error *err);
    void *context;
};

struct rows_out;

/* Names are copied. The caller frees it. */
enum status rows_out_new(const struct rows_out_options *options, const struct str *names, uint32_t column_count,
                         struct rows_out **ret_rows, struct error *err);
void        rows_out_free(struct rows_out *rows); /* Accepts NULL. */

/* The next cell of the row. text.data NULL: null. is_bare: JSON writes it without quotes (a number, true, false). */
void rows_out_cell(struct rows_out *rows, struct str text, bool is_bare);
/* After exactly column_count cells. */
enum status rows_out_row_end(struct rows_out *rows, struct error *err);
/* After the last row: writes what is held; a table or CSV without rows has its header. */
enum status rows_out_end(struct rows_out *rows, struct error *err);
uint64_t    rows_out_count(const struct rows_out *rows);

#endif
