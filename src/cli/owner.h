/* A command that changes a pipeline's store while nobody streams owns it for that long. */
#ifndef HEDDLE_CLI_OWNER_H
#define HEDDLE_CLI_OWNER_H

#include "base/error.h"
#include "graph/graph.h"
#include "store/store.h"

/* ERR_USAGE where the pipeline has no store, ERR_NOT_FOUND where it was not made yet. */
enum status owner_check_store(const struct graph *graph, struct error *err);

/* Takes the store's lock, opens it, raises its generation, and lets `work` do its own. ERR_BUSY names the process that has the lock. */
enum status owner_run(const struct graph *graph, enum status (*work)(void *context, struct store *store, struct error *err), void *context,
                      struct error *err);

#endif
