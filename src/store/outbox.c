#include "store/outbox.h"

#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "config/json.h"
#include "sink/file.h"
#include "store/outbox_int.h"

struct outbox_sink {
    const struct graph_route *route;
    struct file_sink          file;
    bool                      is_repaired; /* Everything in the file is marked (D4). */
    int64_t                   failures;    /* Since it last took a batch. */
    int64_t                   held_at_us;  /* The last of them holds the sink from then … */
    int64_t                   hold_us;     /* … for so long. */
};

struct outbox {
    struct store         *store;
    size_t                sink_count;
    struct outbox_sink   *sinks;
    struct arena          arena; /* Of one batch. */
    struct str_builder    lines;
    bool                  is_last;          /* All that waits is due. */
    bool                  has_store_failed; /* Whose error it is: the store's, or a sink's. */
    struct error          last_error;
    struct outbox_summary summary;
};

enum status
outbox_new(struct io *io, struct store *store, const struct graph *graph, struct outbox **ret_outbox, struct error *err)
{
    const size_t   count  = graph->streaming.route_count;
    struct outbox *outbox = memory_alloc_zero(sizeof *outbox);

    CHECK(store->kind->outbox_due != NULL && store->kind->outbox_mark != NULL);
    if (outbox == NULL)
        return error_no_memory(err);
    outbox->sinks = memory_alloc_array_zero(count + 1, sizeof *outbox->sinks);
    if (outbox->sinks == NULL) {
        memory_free(outbox);
        return error_no_memory(err);
    }
    outbox->store      = store;
    outbox->sink_count = count;
    arena_init(&outbox->arena, 0);
    str_builder_init(&outbox->lines);
    for (size_t i = 0; i < count; i++) {
        outbox->sinks[i].route = &graph->streaming.routes[i];
        file_sink_init(&outbox->sinks[i].file, io, graph->streaming.routes[i].path.data, STR(OUTBOX_LINE_BEGIN));
    }
    *ret_outbox = outbox;
    return ST_OK;
}

void
outbox_free(struct outbox *outbox)
{
    if (outbox == NULL)
        return;
    arena_release(&outbox->arena);
    str_builder_release(&outbox->lines);
    memory_free(outbox->sinks);
    memory_free(outbox);
}

struct outbox_summary
outbox_summary(const struct outbox *outbox)
{
    struct outbox_summary summary = outbox->summary;

    summary.last_error = &outbox->last_error;
    return summary;
}

/* ---- The store's side ---- */

static enum status
due(struct outbox *outbox, const struct outbox_sink *sink, int64_t now_us, size_t count_max, struct store_outbox_row **ret_rows,
    size_t *ret_count, struct error *err)
{
    struct store *store = outbox->store;
    enum status   status;

    arena_clear(&outbox->arena);
    if (outbox->is_last)
        now_us = INT64_MAX;
    status = store->kind->outbox_due(store, sink->route->name, now_us, count_max, &outbox->arena, ret_rows, ret_count, err);
    outbox->has_store_failed |= status != ST_OK;
    return status;
}

static enum status
mark(struct outbox *outbox, const struct store_outbox_mark *marks, size_t count, struct error *err)
{
    enum status status = count == 0 ? ST_OK : outbox->store->kind->outbox_mark(outbox->store, marks, count, err);

    outbox->has_store_failed |= status != ST_OK;
    return status;
}

static struct store_outbox_mark
delivered(struct str alert_id, int64_t revision, struct str sink, int64_t now_us)
{
    return (struct store_outbox_mark){ .alert_id = alert_id,           .revision = revision,
                                       .sink = sink,                   .status = STORE_OUTBOX_DELIVERED,
                                       .next_attempt_at_us = STORE_TIME_NONE, .delivered_at_us = now_us };
}

/* ---- What an earlier process left (D4) ---- */

/* False where the line is none of ours: then nothing waits for it. */
static bool
read_line(struct arena *arena, struct str line, int64_t now_us, struct store_outbox_mark *ret_mark)
{
    const struct json *root = NULL, *alert_id, *revision, *sink;
    int64_t            number = 0;

    if (json_parse(line, "", arena, &root, NULL) != ST_OK)
        return false;
    alert_id = json_find(root, "alert_id");
    revision = json_find(root, "revision");
    sink     = json_find(root, "sink");
    if (alert_id == NULL || alert_id->type != JSON_TEXT || revision == NULL || revision->type != JSON_NUMBER
        || !str_to_int64(revision->text, &number) || sink == NULL || sink->type != JSON_TEXT)
        return false;
    *ret_mark = delivered(alert_id->text, number, sink->text, now_us);
    return true;
}

/* Lines of other sinks with the same path too: they may be further from the end when their own turn comes. */
static enum status
mark_lines(struct outbox *outbox, struct str text, int64_t now_us, struct error *err)
{
    struct store_outbox_mark *marks = ARENA_ARRAY(&outbox->arena, struct store_outbox_mark, OUTBOX_BATCH_COUNT_MAX);
    struct str_split          split = str_split_init(text, '\n');
    struct str                line;
    size_t                    count = 0;

    if (marks == NULL)
        return error_no_memory(err);
    while (count < OUTBOX_BATCH_COUNT_MAX && str_split_next(&split, &line))
        if (line.size > 0 && read_line(&outbox->arena, line, now_us, &marks[count]))
            count++;
    return mark(outbox, marks, count, err);
}

static enum status
repair(struct outbox *outbox, struct outbox_sink *sink, int64_t now_us, struct error *err)
{
    char       *bytes = NULL;
    size_t      size  = 0;
    enum status status;

    if (sink->is_repaired)
        return ST_OK;
    status = file_sink_repair(&sink->file, err);
    if (status == ST_OK)
        status = file_sink_tail(&sink->file, OUTBOX_BATCH_COUNT_MAX, &bytes, &size, err);
    if (status == ST_OK && size > 0)
        status = mark_lines(outbox, str_of(bytes, size), now_us, err);
    sink->is_repaired = status == ST_OK;
    memory_free(bytes);
    return status;
}

/* ---- Sending ---- */

static enum status
mark_delivered(struct outbox *outbox, struct outbox_sink *sink, const struct store_outbox_row *rows, size_t count, int64_t now_us,
               struct error *err)
{
    struct store_outbox_mark *marks = ARENA_ARRAY(&outbox->arena, struct store_outbox_mark, count);
    enum status               status;

    if (marks == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++)
        marks[i] = delivered(rows[i].alert.alert_id, rows[i].alert.revision, sink->route->name, now_us);
    status = mark(outbox, marks, count, err);
    sink->failures = 0;
    if (status == ST_OK)
        outbox->summary.delivered_count += (int64_t)count;
    return status;
}

/* The file's lock is held. */
static enum status
send_batch(struct outbox *outbox, struct outbox_sink *sink, int64_t now_us, size_t *ret_count, struct error *err)
{
    struct store_outbox_row *rows   = NULL;
    size_t                   count  = 0;
    enum status              status = due(outbox, sink, now_us, OUTBOX_BATCH_COUNT_MAX, &rows, &count, err);

    if (status != ST_OK || count == 0)
        goto out;
    str_builder_clear(&outbox->lines);
    for (size_t i = 0; i < count; i++)
        outbox_line(&outbox->lines, &rows[i].alert, sink->route->name, sink->route->phi);
    status = str_builder_status(&outbox->lines, err);
    if (status == ST_OK)
        status = file_sink_write(&sink->file, str_builder_text(&outbox->lines), err);
    if (status == ST_OK)
        status = mark_delivered(outbox, sink, rows, count, now_us, err);
out:
    *ret_count = count;
    return status;
}

/* What is due goes to the sink; nothing is opened where nothing is due. */
static enum status
send_due(struct outbox *outbox, struct outbox_sink *sink, bool is_last, int64_t now_us, struct error *err)
{
    struct store_outbox_row *rows = NULL;
    size_t                   count = 0;
    enum status              status = due(outbox, sink, now_us, 1, &rows, &count, err);

    if (status != ST_OK || count == 0)
        return status;
    status = file_sink_begin(&sink->file, err);
    if (status == ST_OK && !sink->is_repaired) /* Only who owns the store may cut what the file ends with (D2). */
        status = due(outbox, sink, now_us, 1, &rows, &count, err);
    if (status == ST_OK)
        status = repair(outbox, sink, now_us, err);
    for (int i = 0; status == ST_OK && (is_last || i < OUTBOX_BATCHES_PER_STEP); i++) {
        status = send_batch(outbox, sink, now_us, &count, err);
        if (count == 0)
            break;
    }
    file_sink_end(&sink->file);
    return status;
}

/* ---- After a failure (D1) ---- */

static int64_t
wait_after(const struct graph_route *route, int64_t attempts)
{
    int64_t wait_us = route->retry_first_us;

    while (attempts-- > 0 && wait_us < route->retry_max_us)
        wait_us = wait_us > route->retry_max_us / 2 ? route->retry_max_us : wait_us * 2;
    return wait_us;
}

/* The rows of the batch wait, each by its own attempts, and the sink as a whole by its own failures: behind them a long
 * queue may stand, which need not try one batch after the other. */
static enum status
put_off(struct outbox *outbox, struct outbox_sink *sink, int64_t now_us, struct error *err)
{
    struct store_outbox_row  *rows  = NULL;
    struct store_outbox_mark *marks = NULL;
    const struct graph_route *route = sink->route;
    size_t                    count = 0;

    sink->is_repaired = false;
    if (due(outbox, sink, now_us, OUTBOX_BATCH_COUNT_MAX, &rows, &count, err) != ST_OK)
        return ST_ERROR;
    marks = ARENA_ARRAY(&outbox->arena, struct store_outbox_mark, count + 1);
    if (marks == NULL)
        return error_no_memory(err);
    sink->held_at_us = now_us;
    sink->hold_us    = wait_after(route, sink->failures++);
    for (size_t i = 0; i < count; i++) {
        bool    is_over = now_us - rows[i].since_us >= route->give_up_us;
        int64_t wait_us = wait_after(route, rows[i].attempts);
        marks[i] = (struct store_outbox_mark){ .alert_id           = rows[i].alert.alert_id,
                                               .revision           = rows[i].alert.revision,
                                               .sink               = route->name,
                                               .status             = is_over ? STORE_OUTBOX_GIVEN_UP : STORE_OUTBOX_WAITING,
                                               .next_attempt_at_us = is_over ? STORE_TIME_NONE : now_us + wait_us,
                                               .delivered_at_us    = STORE_TIME_NONE,
                                               .last_error         = str_from(outbox->last_error.message) };
        outbox->summary.given_up_count += is_over;
    }
    outbox->summary.failed_count += (int64_t)count;
    return mark(outbox, marks, count, err);
}

static enum status
step_sink(struct outbox *outbox, struct outbox_sink *sink, bool is_last, int64_t now_us, struct error *err)
{
    /* A clock that was set back ends a hold too. */
    bool is_held = sink->hold_us > 0 && now_us >= sink->held_at_us && now_us - sink->held_at_us < sink->hold_us;

    if (is_held && !is_last)
        return ST_OK;
    sink->hold_us            = 0;
    outbox->has_store_failed = false;
    if (send_due(outbox, sink, is_last, now_us, err) == ST_OK)
        return ST_OK;
    if (outbox->has_store_failed || err->code == ERR_NO_MEMORY)
        return ST_ERROR;
    outbox->last_error = *err;
    error_clear(err);
    return put_off(outbox, sink, now_us, err);
}

enum status
outbox_step(void *context, bool is_last, int64_t now_us, struct error *err)
{
    struct outbox *outbox = context;
    struct error   local  = ERROR_EMPTY;
    enum status    status = ST_OK;

    outbox->is_last = is_last;
    for (size_t i = 0; i < outbox->sink_count && status == ST_OK; i++)
        status = step_sink(outbox, &outbox->sinks[i], is_last, now_us, &local);
    if (status != ST_OK) {
        error_context(&local, "delivering alerts");
        if (err != NULL)
            *err = local;
    }
    return status;
}
