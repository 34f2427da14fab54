#include "cli/keys.h"

#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "io/key.h"
#include "store/open.h"

/* A file that cannot be examined is there: no key is made on a doubt. */
static bool
is_there(struct io *io, struct str path)
{
    struct stat info;

    return io->stat(io, path.data, &info) == 0 || errno != ENOENT;
}

/* A server is asked only where the key is not there; where it cannot be asked, no key is made on a doubt. */
static bool
is_store_there(struct io *io, const struct graph *graph)
{
    const struct graph_store *bound    = &graph->streaming.store;
    struct error              err      = ERROR_EMPTY;
    bool                      was_made = false;

    if (bound->type == GRAPH_STORE_SQLITE)
        return is_there(io, bound->path);
    if (graph->person_key.kind != GRAPH_SECRET_FILE || is_there(io, graph->person_key.name))
        return false;
    return store_is_there(io, bound, &was_made, &err) != ST_OK || was_made;
}

const char *
person_key_user(struct io *io, const struct graph *graph)
{
    if (graph->has_batch && is_there(io, graph->batch.warehouse.path))
        return "the warehouse";
    return graph->has_streaming && is_store_there(io, graph) ? "the store" : NULL;
}

enum status
person_key_obtain(struct io *io, const struct graph *graph, struct siphash_key *ret_key, struct error *err)
{
    struct key         key;
    struct siphash_key out;
    bool               is_new;
    const char        *user   = person_key_user(io, graph);
    enum status        status = user != NULL ? key_read_kept(io, graph->person_key.text, NULL, user, &key, err)
                                             : key_obtain(io, graph->person_key.text, NULL, &key, &is_new, err);

    if (status != ST_OK) {
        error_context(err, "reading the pipeline's person key");
        return ST_ERROR;
    }
    memcpy(&out, key.bytes, sizeof out);
    *ret_key = out;
    memory_wipe(&out, sizeof out);
    key_clear(&key);
    return ST_OK;
}
