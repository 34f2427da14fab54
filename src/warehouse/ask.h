/* What a command asks of a warehouse: a statement of the user's, the list of runs, one run. The owner answers it over the
 * control socket, and where nobody owns the file the command asks it itself: by the same function either way. */
#ifndef HEDDLE_WAREHOUSE_ASK_H
#define HEDDLE_WAREHOUSE_ASK_H

#include "base/error.h"
#include "base/rows_out.h"
#include "base/str.h"
#include "graph/graph.h"
#include "io/io.h"
#include "model/model.h"
#include "warehouse/db.h"

enum warehouse_question {
    WAREHOUSE_QUERY, /* `text` is SQL: shows patient data, so it is audited. */
    WAREHOUSE_RUNS,  /* All runs: counts only. */
    WAREHOUSE_RUN,   /* `text` is a run's id: its inputs, counts, reasons, digests, cost. */
    WAREHOUSE_DIFF,  /* `text` and `second` are runs: what differs between them. With shows_values it is audited. */
};

struct warehouse_ask {
    enum warehouse_question question;
    struct str              text;
    struct str              as_of; /* Of a query: a published run's id or a time; empty: now. */
    struct str              second; /* Of a diff. */
    struct str              entity; /* Of a diff: whose rows are listed; empty: none are. */
    bool                    shows_values; /* Of a diff: the rows' keys and values, which are patient data. */
    struct rows_out_options rows;  /* How it is shown, and who takes it. */
    /* Told the statement before it runs; its failure ends the query. */
    enum status (*audit)(void *context, struct str sql, struct error *err);
    void *audit_context;
};

/* ERR_USAGE where the question is wrong (query.h), or there is no such run. ERR_NO, behind what was written, where a diff found that the
 * warehouse differs. */
enum status warehouse_answer(struct db_connection *connection, const struct model *model, const struct warehouse_ask *ask,
                             struct error *err);

/* Opens the file of a warehouse for reading only. ERR_NOT_FOUND where there is none yet, ERR_BUSY where a process owns it,
 * ERR_KEY where it does not open under the binding's key. The caller frees *ret_db. */
enum status warehouse_open_read_only(struct io *io, const struct graph_warehouse *bound, struct db **ret_db, struct error *err);

#endif
