/* What heddle check --connect does: opens what the bindings point to, and says of each whether it is there. */
#ifndef HEDDLE_CLI_CONNECT_H
#define HEDDLE_CLI_CONNECT_H

#include "base/arena.h"
#include "base/error.h"
#include "graph/graph.h"
#include "io/io.h"

struct connection {
    struct str   what;  /* "LAB_RESULTS_RAW", "the person key". */
    struct str   where; /* A path, or a reference to a secret. */
    struct str   found; /* "3 files", "is made by the first run"; empty where `err` says what is wrong. */
    struct error err;   /* code ERR_NONE: nothing is wrong. */
};

struct connections {
    struct connection *items;
    size_t             count;
    size_t             wrong_count;
};

/* Opens everything for reading, one after the other, also behind what is wrong, and changes nothing. All of it lies in the
 * arena. Fails only where memory runs out. */
enum status connect_all(struct io *io, const struct graph *graph, struct arena *arena, struct connections *ret_connections,
                        struct error *err);

#endif
