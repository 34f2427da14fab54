#include "store/outbox.h"

#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/memory.h"
#include "store/outbox_int.h"

static enum status
init_sinks(struct outbox *outbox, struct io *io, const struct graph_streaming *streaming, struct error *err)
{
    outbox->files     = memory_alloc_array_zero(streaming->route_count + 1, sizeof *outbox->files);
    outbox->receivers = memory_alloc_array_zero(streaming->route_count + 1, sizeof *outbox->receivers);
    if (outbox->files == NULL || outbox->receivers == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < streaming->route_count; i++) {
        const struct graph_route *route = &streaming->routes[i];
        if (route->type == GRAPH_ROUTE_FILE) {
            struct outbox_file *file = &outbox->files[outbox->file_count++];
            file->route              = route;
            file_sink_init(&file->file, io, route->path.data, STR(OUTBOX_LINE_BEGIN));
        } else if (outbox_receiver_init(&outbox->receivers[outbox->receiver_count++], outbox, io, route, err) != ST_OK) {
            error_context(err, "preparing the route %.*s", STR_PRINTF(route->name));
            error_at(err, route->origin.file.data, route->origin.line, route->origin.column);
            return ST_ERROR;
        }
    }
    return outbox->receiver_count == 0 ? ST_OK : sender_start(&outbox->sender, err);
}

enum status
outbox_new(struct io *io, const struct clock *clock, struct store *store, const struct graph *graph, struct outbox **ret_outbox, struct error *err)
{
    struct outbox *outbox = memory_alloc_zero(sizeof *outbox);

    CHECK(store->kind->outbox_due != NULL && store->kind->outbox_mark != NULL);
    if (outbox == NULL)
        return error_no_memory(err);
    outbox->clock    = clock;
    outbox->store    = store;
    outbox->pipeline = graph->name;
    arena_init(&outbox->arena, 0);
    str_builder_init(&outbox->lines);
    if (init_sinks(outbox, io, &graph->streaming, err) != ST_OK) {
        outbox_free(outbox);
        return ST_ERROR;
    }
    *ret_outbox = outbox;
    return ST_OK;
}

void
outbox_free(struct outbox *outbox)
{
    if (outbox == NULL)
        return;
    for (size_t i = 0; i < outbox->receiver_count; i++)
        outbox_receiver_stop(&outbox->receivers[i]);
    sender_free(outbox->sender);
    for (size_t i = 0; i < outbox->receiver_count; i++)
        outbox_receiver_release(&outbox->receivers[i]);
    arena_release(&outbox->arena);
    str_builder_release(&outbox->lines);
    memory_free(outbox->receivers);
    memory_free(outbox->files);
    memory_free(outbox);
}

struct outbox_summary
outbox_summary(const struct outbox *outbox)
{
    struct outbox_summary summary = outbox->summary;

    summary.last_error = &outbox->last_error;
    return summary;
}

bool
outbox_has_news(void *context)
{
    const struct outbox *outbox = context;

    return outbox->sender != NULL && sender_has_ended(outbox->sender);
}

/* ---- The store's side ---- */

enum status
outbox_due(struct outbox *outbox, const struct graph_route *route, int64_t now_us, size_t count_max, bool is_first_only,
           struct store_outbox_row **ret_rows, size_t *ret_count, struct error *err)
{
    struct store *store = outbox->store;
    enum status   status;

    arena_clear(&outbox->arena);
    if (outbox->is_last)
        now_us = INT64_MAX;
    status = store->kind->outbox_due(store, route->name, now_us, count_max, is_first_only, &outbox->arena, ret_rows, ret_count, err);
    outbox->has_store_failed |= status != ST_OK;
    return status;
}

enum status
outbox_mark(struct outbox *outbox, const struct store_outbox_mark *marks, size_t count, struct error *err)
{
    enum status status = count == 0 ? ST_OK : outbox->store->kind->outbox_mark(outbox->store, marks, count, err);

    outbox->has_store_failed |= status != ST_OK;
    return status;
}

struct store_outbox_mark
outbox_delivered(struct str alert_id, int64_t revision, struct str sink, int64_t now_us)
{
    return (struct store_outbox_mark){ .alert_id = alert_id,           .revision = revision,
                                       .sink = sink,                   .status = STORE_OUTBOX_DELIVERED,
                                       .next_attempt_at_us = STORE_TIME_NONE, .delivered_at_us = now_us };
}

/* ---- Waits (D1) ---- */

int64_t
outbox_wait_after(const struct graph_route *route, int64_t attempts)
{
    int64_t wait_us = route->retry_first_us;

    while (attempts-- > 0 && wait_us < route->retry_max_us)
        wait_us = wait_us > route->retry_max_us / 2 ? route->retry_max_us : wait_us * 2;
    return wait_us;
}

int64_t
outbox_wait_spread(const struct graph_route *route, int64_t attempts, uint64_t salt)
{
    const int64_t wait_us = outbox_wait_after(route, attempts);

    return wait_us / 2 + (int64_t)(hash64_integer(salt + (uint64_t)attempts) % (uint64_t)(wait_us - wait_us / 2 + 1));
}

/* ---- A step ---- */

enum status
outbox_step(void *context, bool is_last, int64_t now_us, struct error *err)
{
    struct outbox *outbox = context;
    struct error   local  = ERROR_EMPTY;
    enum status    status = ST_OK;

    outbox->is_last = false;
    if (outbox->sender != NULL)
        status = outbox_network_step(outbox, now_us, &local);
    outbox->is_last = is_last;
    for (size_t i = 0; i < outbox->file_count && status == ST_OK; i++)
        status = outbox_file_step(outbox, &outbox->files[i], is_last, now_us, &local);
    if (outbox->sender != NULL && is_last && status == ST_OK)
        status = outbox_network_last(outbox, now_us, &local);
    if (status != ST_OK) {
        error_context(&local, "delivering alerts");
        if (err != NULL)
            *err = local;
    }
    return status;
}
