/* heddle runs reproduce: the proof of I5. */
#ifndef HEDDLE_CLI_REPRODUCE_H
#define HEDDLE_CLI_REPRODUCE_H

#include <stdbool.h>

#include "base/error.h"
#include "graph/graph.h"

/* Makes the chain of runs up to that one again, each from its own configuration and files, into a scratch warehouse beside the
 * graph's, which is removed behind it; compares every run's tables; prints what was found. ERR_NO, naming it, with the first
 * file, model or table that is not the same. */
enum status reproduce(const struct graph *graph, struct str run_id, bool is_json, struct error *err);

#endif
