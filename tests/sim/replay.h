/* Runs a recorded stream again, from nothing, by its cuts and decisions alone: each epoch takes exactly what it took, with the same
 * partitions idle; other workers, chunks and steps, no mishaps, no restarts. What each epoch says must have the same digest (P3). */
#ifndef HEDDLE_TESTS_SIM_REPLAY_H
#define HEDDLE_TESTS_SIM_REPLAY_H

#include "sim/events.h"
#include "sim/process.h"
#include "sim/journal.h"

/* Says in journal->problem what differs. */
void replay_run(struct journal *journal, const struct events *events, const struct graph *graph, uint64_t seed);

#endif
