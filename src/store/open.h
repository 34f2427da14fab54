/* Opens the store that a graph's streaming leg writes to, and asks it. */
#ifndef HEDDLE_STORE_OPEN_H
#define HEDDLE_STORE_OPEN_H

#include "base/error.h"
#include "graph/graph.h"
#include "io/io.h"
#include "io/lock.h"
#include "store/query.h"
#include "store/store.h"

/* Who owns the store holds this lock: "<path>.lock". The generation would fence an owner that still runs, and so end it: with the
 * lock the one that comes later goes. ERR_BUSY names the process that holds it. */
enum status store_lock_graph(struct io *io, const struct graph *graph, struct lock *ret_lock, struct error *err);

/* A store that is not there is made, and with it its key file, where the configuration names a file that is not there
 * either. A store that is there needs its key: ERR_KEY names the file that should hold it, for a new key would open
 * nothing. Otherwise as sqlite_store_open and postgres_store_open. The caller ends it with store_close. */
enum status store_open_graph(struct io *io, const struct graph *graph, struct store **ret_store, struct error *err);

/* Whether somebody has made it; a server is asked. */
enum status store_is_there(struct io *io, const struct graph_store *bound, bool *ret_is_there, struct error *err);

/* Runs the query on a connection of its own, with the key or the login that the binding names; `path` and `key` of the query are filled in. */
enum status store_query_graph(struct io *io, const struct graph_store *bound, struct store_query *query, uint64_t *ret_row_count, struct error *err);

#endif
