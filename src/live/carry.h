/* What becomes of the state that a store has, where a stream goes on from it with another pipeline.
 *
 * State is named by its step and, where its meaning hangs on it, by the digest of the step's definition: a window of another size is another window.
 * The header of the last epoch names what there is. A step whose state would be lost stops a start, unless that is accepted by name: what a window has
 * counted, or a rule remembers, cannot be had again from a log that was read. */
#ifndef HEDDLE_LIVE_CARRY_H
#define HEDDLE_LIVE_CARRY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "graph/graph.h"

enum live_carried {
    LIVE_CARRIED_KEPT,
    LIVE_CARRIED_NEW,     /* The step had none: it begins with nothing. */
    LIVE_CARRIED_CHANGED, /* Its definition is another one: the old state is lost, it begins anew. */
    LIVE_CARRIED_GONE,    /* There is no such step any more: its state is lost. */
};
#define LIVE_CARRIED_COUNT 4
/* "kept", "begins", "begins anew", "dropped" */
const char *live_carried_name(enum live_carried carried);

struct live_carry_step {
    struct str        name;
    enum live_carried carried;
};

struct live_carry {
    bool                          is_known; /* False: no epoch yet, or one of a program that did not say which steps had state. */
    const struct live_carry_step *steps;    /* Those of the store in its order, then those that begin. */
    size_t                        count;
    size_t                        lost_count; /* Changed or gone. */
};

static inline bool
live_carry_is_lost(const struct live_carry_step *step)
{
    return step->carried == LIVE_CARRIED_CHANGED || step->carried == LIVE_CARRIED_GONE;
}

/* For the graph, which has a streaming leg, and the decisions of a store's last header (empty: no epoch yet). All lies in the arena or the graph. */
enum status live_carry_find(const struct graph *graph, struct str decisions, struct arena *arena, struct live_carry *ret_carry, struct error *err);

#endif
