/* The pages of docs/reference/: what the program itself knows, as Markdown.
 *
 * Each page is made from the tables that the program runs by (verbs, options, functions, the built-in model, both schemas),
 * so that it cannot say anything else. `make reference` writes them; `make tidy` finds one that is stale. */
#ifndef HEDDLE_CLI_REFERENCE_H
#define HEDDLE_CLI_REFERENCE_H

#include <stddef.h>

#include "base/error.h"
#include "base/str_builder.h"

extern const char *const REFERENCE_PAGE_NAMES[]; /* Ends with NULL. */

/* Appends the whole page, by its place among the names. */
enum status reference_print(size_t page, struct str_builder *out, struct error *err);

#endif
