#include "cli/owner.h"

#include "store/open.h"

enum status
owner_check_store(const struct graph *graph, struct error *err)
{
    const struct graph_store *bound    = &graph->streaming.store;
    bool                      is_there = false;

    if (!graph->has_streaming)
        return error_set(err, ERR_USAGE, "the pipeline has no streaming leg, and so no store");
    if (store_is_there(io_system(), bound, &is_there, err) != ST_OK)
        return ST_ERROR;
    if (is_there)
        return ST_OK;
    error_set(err, ERR_NOT_FOUND, "there is no store at %s", bound->path.data);
    error_hint(err, "heddle run or heddle stream makes it at its first start");
    return ST_ERROR;
}

enum status
owner_run(const struct graph *graph, enum status (*work)(void *context, struct store *store, struct error *err), void *context,
          struct error *err)
{
    struct lock   lock  = LOCK_EMPTY;
    struct store *store = NULL;
    uint64_t      generation;
    enum status   status = store_lock_graph(io_system(), graph, &lock, err);

    if (status == ST_OK)
        status = store_open_graph(io_system(), graph, &store, err);
    if (status == ST_OK)
        status = store_own(store, &generation, err);
    if (status == ST_OK)
        status = work(context, store, err);
    store_close(store);
    lock_release(&lock);
    return status;
}
