/* History: which of a run's rows are repeats, which versions follow which, and what that changes in core.
 *
 * Before, run_<n> holds, for an entity E,
 *     input       input_number, input_rank, source, file
 *     row_E       the entity's columns, content_hash, row_outcome (enum program_outcome), row_id, and where the row came from:
 *                 input_number, position, length, row_number, mapping_number
 * and then
 *     repeat_E    row_id of the loaded rows that add nothing
 *     new_E       view: the others
 *     touched_E   keys that have more than one version now
 *     full_E      new_E with what its rows do not say again (H6)
 *     sequence_E  all versions of those keys, old (row_id null, stored_id: where it lies in core) and new, each with its successor
 *     closed_E    view: those of core that change, and what follows them
 *
 * H1  Versions of a key are in one total order: the entity's version columns, then source, file, position, row_number,
 *     then what was recorded earlier, then content_hash. Null comes before all.
 * H2  A fact's version is a repeat when its key and content exist already, in core or earlier in the run.
 * H3  A dimension's version is a repeat when the version before it in the order has the same content.
 * H4  The last version of a key is current, unless it retracts. Once a version has a successor it is never current again:
 *     versions are added, never removed. So only keys of the run's own rows change, and only their newest rows.
 * H5  A dimension's version holds from its own time to its successor's.
 * H6  A row that promotes, or is of a mapping where an empty value means no change, takes what it leaves empty from the version
 *     before it, unless it empties it. What a version is stored with is all that was known then: a row that is ordered before
 *     one of an earlier run does not change that one. Repeats (H2, H3) are told by what was received. */
#ifndef HEDDLE_WAREHOUSE_HISTORY_INT_H
#define HEDDLE_WAREHOUSE_HISTORY_INT_H

#include "model/program.h"
#include "warehouse/sql.h"

/* What every statement about an entity needs to name. `names` is initialised. */
void history_names(struct sql_names *names, const struct entity *entity, const char *run_schema, const char *run_id,
                   int64_t recorded_us);

/* How rows are filled (H6). */
struct history_keep {
    const struct program *program;     /* Any of the entity: how standard columns follow from the others. NULL: they are filled, too. */
    bool                  has_emptied; /* row_E has row_emptied: null where an empty value says that there is none. */
};

/* Makes repeat, new, touched, sequence, closed and full. */
enum status history_plan(struct db_connection *connection, struct sql_names *names, const struct entity *entity,
                         const struct history_keep *keep, struct error *err);
/* Makes full. */
enum status history_fill(struct db_connection *connection, struct sql_names *names, const struct entity *entity,
                         const struct history_keep *keep, struct error *err);
/* Writes into core; the caller has a transaction open. */
enum status history_apply(struct db_connection *connection, const struct sql_names *names, const struct entity *entity,
                          struct error *err);

#endif
