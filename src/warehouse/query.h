/* One statement of a user's over the warehouse, shown as a table, as JSON lines or as CSV.
 *
 * Only a statement that reads is run. What it shows is patient data, so the audit comes first: where it cannot be
 * written, nothing is shown.
 *
 * With a time in the past, `core` is what it was then: views over the versions in a catalog in memory, made for the
 * statement and gone after it. person_id is as known now; `raw` has no past. */
#ifndef HEDDLE_WAREHOUSE_QUERY_H
#define HEDDLE_WAREHOUSE_QUERY_H

#include "base/error.h"
#include "base/rows_out.h"
#include "base/str.h"
#include "model/model.h"
#include "warehouse/db.h"

struct query {
    struct str          sql;
    struct str          as_of; /* A published run's id, or an instant (2026-01-02T03:04:05Z); empty: now. */
    enum rows_format    format;
    uint32_t            width_max; /* Of a table's line, in characters; 0: as wide as it is. */
    const struct model *model; /* Whose entities have a past. */

    /* Told the statement before it runs; its failure ends the query. */
    enum status (*audit)(void *context, struct str sql, struct error *err);
    void *audit_context;
    /* Takes a piece of the output, whole lines. */
    enum status (*write)(void *context, struct str bytes, struct error *err);
    void *write_context;
};

/* ERR_USAGE where the statement does not parse, is not one, does more than read, or as_of is neither a run nor a time:
 * the message may quote the statement. */
enum status query_run(struct db_connection *connection, const struct query *query, uint64_t *ret_row_count,
                      struct error *err);

#endif
