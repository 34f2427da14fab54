/* The keyed steps of one shard, made from the graph. */
#ifndef HEDDLE_LIVE_RUNTIME_STEPS_H
#define HEDDLE_LIVE_RUNTIME_STEPS_H

#include "base/limits.h"
#include "graph/graph.h"
#include "live/op/alert.h"
#include "live/op/operator.h"

struct step_set {
    struct operator          *dedup;                     /* Stage 1. */
    struct operator          *operators[STEP_COUNT_MAX]; /* Stage 2: the window, the rules. */
    uint32_t                  operator_count;
    struct operator          *window; /* One of the operators; NULL: no window. */
    const struct store_table *window_table; /* NULL: no window. Lives as long as the set. */
};

/* On failure what was made is in *ret_set, to be released like the whole. */
enum status steps_create(const struct graph *graph, const struct siphash_key *person_key,
                         const struct partition_names *partitions, struct step_set *ret_set, struct error *err);
/* Accepts a zeroed set. */
void steps_release(struct step_set *set);

#endif
