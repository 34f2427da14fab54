/* What a keyed step of the live leg is to the runtime.
 *
 * An operator holds no globals, starts no threads, makes no system calls and reads no clock. All it keeps over a barrier
 * lies in its state tables and sets (live/state.h, live/state_set.h), which the runtime seals, snapshots and restores; so an operator has no save or
 * load of its own. What it tells the world goes into the epoch's output (live/output.h).
 *
 * A keyed step runs on a shard, behind an exchange: it sees every row of its keys, and only those.
 *
 *     worker: decode ▶ program ▶ validate ▶ enrich ══exchange by event══▶ shard: dedup ══by window key══▶ shard: window
 *                                                                                  ╚══by patient═════▶ shard: rules */
#ifndef HEDDLE_LIVE_OP_OPERATOR_H
#define HEDDLE_LIVE_OP_OPERATOR_H

#include "base/clock.h"
#include "base/error.h"
#include "column/chunk.h"
#include "live/output.h"
#include "live/state.h"
#include "live/state_set.h"

#define OPERATOR_STATE_COUNT_MAX 4
#define OPERATOR_SET_COUNT_MAX   1

/* What barrier e decided (P3): the same in a replay. */
struct epoch_decision {
    uint64_t epoch;
    int64_t  watermark_us;     /* Smallest over partitions that are not idle: what windows close by. INT64_MIN: none yet. */
    int64_t  min_watermark_us; /* Smallest over all partitions: what state may be freed. INT64_MIN: none yet. */
    int64_t  freed_us;         /* min_watermark_us of the barrier before: what expired by then may be gone, and no row since was known
                                * before it. Who still finds such an entry passes it by, so that freeing never changes content. */
    const int64_t *history_from_us; /* By the graph's rules: from when on the warehouse told what it knew before the stream. INT64_MIN: it told nothing.
                                     * NULL: nothing of any rule. */
    int64_t  now_us;           /* Wall clock of the cut, for detected_at alone. */
    bool     is_drain;         /* The stream is declared ended: windows close, nothing is held back. */
};

struct operator_kind;

/* Embedded first in a kind's own struct. */
struct operator {
    const struct operator_kind *kind;
    const char                 *step_name; /* State and tables are named by it. */
    const char                 *definition; /* What its state goes by besides, as a digest; NULL: nothing. State of another one is passed over. */
    struct state_table          states[OPERATOR_STATE_COUNT_MAX]; /* Those of kind->state_names. */
    struct state_set            sets[OPERATOR_SET_COUNT_MAX];     /* Those of kind->set_names. */
};

struct operator_kind {
    const char *name; /* "dedup", "window", "critical_value", "no_treatment_relationship" */

    /* Names of its state tables and sets behind the step's: "dedup/identities". NULL ends them. */
    const char *state_names[OPERATOR_STATE_COUNT_MAX + 1];
    const char *set_names[OPERATOR_SET_COUNT_MAX + 1];

    /* The hash by which rows come to their shard, of each of the chunk's row_count rows: equal for rows of one key. State
     * keys of the step begin with it. Touches nothing of the operator that changes: workers call it too. */
    void (*exchange)(const struct operator *op, const struct chunk *chunk, uint64_t *ret_hashes);

    /* Whether the step wants the row at all; what it does not want need not be sent to its shard, and may come all the same. Touches nothing of
     * the operator that changes: other threads call it, too. NULL: all rows. */
    bool (*wants)(const struct operator *op, const struct chunk *chunk, uint32_t row);

    /* One chunk of event_schema; its selection counts. Rows of one partition come to dedup in its order; behind it no order is
     * defined, for they come through several shards, and the content of the outputs must not depend on it. The operator
     * may narrow the selection, or hide copies from windows (dedup); it changes nothing else. */
    enum status (*rows)(struct operator *op, struct chunk *chunk, struct epoch_output *output, struct error *err);

    /* All rows of the epoch have been seen. Closes what the watermark closes, tells what changed. The runtime then seals
     * the states; the operator does not. */
    enum status (*barrier)(struct operator *op, const struct epoch_decision *decision, struct epoch_output *output,
                           struct error *err);

    void (*free)(struct operator *op);
};

#endif
