/* What a step of the live leg is to the runtime.
 *
 * An operator holds no globals, starts no threads, makes no system calls and reads
 * no clock. All it keeps between chunks lies in state tables (live/state.h), which
 * the runtime seals, snapshots and restores; so an operator has no save or load of
 * its own. What it tells the world goes into the epoch's output (live/output.h).
 *
 * Two kinds of steps:
 *   stateless  run on the worker, chunk in, same chunk out (columns added, rows
 *              deselected, dead letters told)
 *   keyed      run on a shard, behind an exchange by `key_column`; they see every row of a key */
#ifndef HEDDLE_LIVE_OP_OPERATOR_H
#define HEDDLE_LIVE_OP_OPERATOR_H

#include "base/error.h"
#include "column/chunk.h"

struct epoch_output;
struct state_table;

/* What barrier `e` decided (P3): the same in a replay. */
struct epoch_decision {
    uint64_t epoch;
    int64_t  watermark_us; /* Smallest over partitions that are not idle; INT64_MIN before the first event. */
    int64_t  min_watermark_us; /* Over all partitions, idle ones too: what state may be freed. */
    uint64_t master_version;
    bool     is_drain;     /* The stream is declared ended: windows close. */
};

struct operator {
    const struct operator_kind *kind;
    const char                 *step_name; /* State and tables are named by it. */
    void                       *self;      /* The kind's own, made by open. */
};

struct operator_kind {
    const char *name; /* "enrich_with_patient_master", "validate_event", "window", "rule" … */

    /* One chunk of rows in the step's input schema. Rows come in partition order per
     * partition; order between partitions is not defined, and the content of the
     * outputs must not depend on it. */
    enum status (*rows)(struct operator *op, struct chunk *chunk, struct epoch_output *output, struct error *err);

    /* Keyed steps: all rows of the epoch have been seen. Closes what the watermark
     * closes, writes what changed. */
    enum status (*barrier)(struct operator *op, const struct epoch_decision *decision, struct epoch_output *output,
                           struct error *err);

    /* Keyed by person: facts of `from` now belong to `to`. */
    enum status (*rekey)(struct operator *op, const char *from_person, const char *to_person, struct epoch_output *output,
                         struct error *err);

    void (*release)(struct operator *op);
};

#endif
