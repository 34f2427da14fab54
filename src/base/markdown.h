/* Pages for people: the few things of Markdown that its writers need. */
#ifndef HEDDLE_BASE_MARKDOWN_H
#define HEDDLE_BASE_MARKDOWN_H

#include "base/str_builder.h"

/* Text inside a table's cell, in code or not: a bar would end the cell, a line feed the row. */
void markdown_cell(struct str_builder *out, const char *text);

/* The head of a table: its titles, and the line below them. "column|type" makes two columns. */
void markdown_table_head(struct str_builder *out, const char *titles);

#endif
