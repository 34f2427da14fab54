/* "Did you mean ...?" for names of options, functions, columns and bindings. */
#ifndef HEDDLE_BASE_SUGGEST_H
#define HEDDLE_BASE_SUGGEST_H

#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

/* Works over any table of names, without building a list first:
 *
 *     struct suggestion suggestion = suggestion_init(name);
 *     for (...) suggestion_offer(&suggestion, candidate);
 *     suggestion_hint(&suggestion, err);                     adds the hint where a candidate is near enough
 */
struct suggestion {
    struct str name;
    struct str best;     /* Points to the candidate's own bytes; empty: none so far. */
    size_t     distance; /* Of `best`. */
};

struct suggestion suggestion_init(struct str name);
void              suggestion_offer(struct suggestion *suggestion, struct str candidate);
/* Sets the error's hint to: did you mean "x"?  Without a near candidate the error stays as it is. */
void suggestion_hint(const struct suggestion *suggestion, struct error *err);

/* The index of the nearest of `count` candidates, or STR_NOT_FOUND where none is near enough: at most one edit for
 * every three bytes of the longer name, at least one (so "sorce" finds "source", and "x" does not find "id"). The
 * first of equals wins. */
size_t str_suggest(struct str name, const struct str *candidates, size_t count);

/* Edits between two names: insertions, deletions, changes, and swaps of neighbours, each counted once (optimal string
 * alignment); ASCII case does not count. Names over 64 bytes are never near: SIZE_MAX. */
size_t str_edit_distance(struct str a, struct str b);

#endif
