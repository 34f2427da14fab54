/* A table for people: columns as wide as their widest cell, cut to fit the terminal; numbers to the right.
 *
 *     source            received    loaded
 *     EHR_RAW            115,602   115,590
 *
 * For output that a program reads there is --format json instead. */
#ifndef HEDDLE_CLI_TABLE_H
#define HEDDLE_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/str_builder.h"

struct table_column {
    const char *title;
    bool        is_right; /* Numbers. Never cut: half a number is a wrong number. */
};

/* Cells are added from left to right, row by row, copied, escaped (base/str_builder.h) and printed at the end. Running out
 * of memory is remembered and told by table_print, as a str_builder does. */
struct table {
    const struct table_column *columns;
    size_t                     column_count;
    struct str                *cells; /* Of all rows, in the arena; NULL: none yet. */
    size_t                     cell_count;
    size_t                     cell_capacity;
    struct arena              *arena;
    bool                       has_failed;
};

/* At most TABLE_COLUMN_COUNT_MAX columns; the titles and the arena must outlive the table. */
void table_init(struct table *table, const struct table_column *columns, size_t column_count, struct arena *arena);

void table_add(struct table *table, struct str text);
void table_add_count(struct table *table, uint64_t count); /* 1,234,567 */

/* Appends titles and rows to `out`. `width` is the terminal's (io/terminal.h), 0: as wide as the cells are, for a pipe or
 * a file. Where the columns do not fit, the widest texts are cut, and say so with "…"; numbers and short columns stay. */
enum status table_print(const struct table *table, unsigned width, struct str_builder *out, struct error *err);

#endif
