/* The warehouse's file before it is opened: whether it can be one, and the key that opens it. */
#ifndef HEDDLE_WAREHOUSE_FILE_H
#define HEDDLE_WAREHOUSE_FILE_H

#include "base/error.h"
#include "graph/graph.h"
#include "io/io.h"
#include "io/key.h"

/* ERR_CORRUPT, ERR_IO where something is there that no warehouse can be, ERR_KEY where it is encrypted and the binding says
 * that it is not, or the other way about. What is not there, or empty, is fine. */
enum status warehouse_check_file(struct io *io, const struct graph_warehouse *bound, struct error *err);

/* The key that a file at `path` is encrypted with, which the caller wipes; *ret_used points to *ret_key, or is NULL where the
 * binding says that it is not encrypted. For what is not there yet the key's file is made, where the binding names a file that
 * is not there either; what is there (`what`, such as "the warehouse") needs its key: ERR_KEY names the file that should hold
 * it, for a new key would open nothing. */
enum status encryption_take_key(struct io *io, const struct graph_encryption *encryption, const char *path, const char *what,
                                struct key *ret_key, const struct key **ret_used, struct error *err);

/* The same, of the warehouse. */
enum status warehouse_take_key(struct io *io, const struct graph_warehouse *bound, struct key *ret_key,
                               const struct key **ret_used, struct error *err);

#endif
