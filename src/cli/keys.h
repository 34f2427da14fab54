/* Keys that both legs need, from the references in the bindings. */
#ifndef HEDDLE_CLI_KEYS_H
#define HEDDLE_CLI_KEYS_H

#include "base/error.h"
#include "base/hash.h"
#include "graph/graph.h"
#include "io/io.h"

/* What is there already and has person_ids under the key: "the warehouse" or "the store"; NULL: nothing yet. */
const char *person_key_user(struct io *io, const struct graph *graph);

/* The pipeline's person key: the first 16 bytes of the key that graph->person_key names. Its file is made, mode 0600, where
 * neither it nor a user of it is there; later it is never made anew and never rotated: person_ids hang on it. */
enum status person_key_obtain(struct io *io, const struct graph *graph, struct siphash_key *ret_key, struct error *err);

#endif
