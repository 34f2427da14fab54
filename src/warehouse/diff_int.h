/* What differs between the warehouse as two of its runs left it, worked out from history, not from copies.
 *
 * A version is current as of a run when it was recorded by then and not replaced by then. One that was neither recorded nor replaced
 * between the two is the same in both, so only those that were are looked at.
 *
 *   added     keys that only the second has
 *   removed   keys that only the first has: retracted between them, where the second is the later one
 *   changed   keys that both have, with other content
 *   versions  how many were recorded between the two, those that were never current too */
#ifndef HEDDLE_WAREHOUSE_DIFF_INT_H
#define HEDDLE_WAREHOUSE_DIFF_INT_H

#include "model/model.h"
#include "warehouse/sql.h"

struct run_pair {
    struct str first, second; /* Ids of published runs. */
    struct str entity;        /* Whose rows are listed; empty: none are. */
};

/* Sets the names that the statements need: first, second, their times from, to (ordered) and a, b. ERR_USAGE where one is no published run
 * or the entity is none of the model. */
enum status diff_names(struct db_connection *connection, const struct model *model, const struct run_pair *pair, struct sql_names *names,
                       struct error *err);

/* Each appends one statement with its names filled in. */
enum status diff_print_runs(const struct sql_names *names, struct str_builder *out, struct error *err);
enum status diff_print_tables(const struct sql_names *names, const struct model *model, struct str_builder *out, struct error *err);
enum status diff_print_sources(const struct sql_names *names, const struct model *model, struct str_builder *out, struct error *err);
enum status diff_print_counts(const struct sql_names *names, struct str_builder *out, struct error *err);
/* A line a row that only one side has, and a line a column that changed. With shows_values also keys, and what changed from what to what:
 * patient data. */
enum status diff_print_rows(const struct sql_names *names, const struct entity *entity, bool shows_values, struct str_builder *out, struct error *err);

#endif
