/* Sinks that are files: a batch of lines at a time, written and marked by the store's own thread (D2–D4). */
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "config/json.h"
#include "store/outbox_int.h"

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
    *ret_mark = outbox_delivered(alert_id->text, number, sink->text, now_us);
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
    return outbox_mark(outbox, marks, count, err);
}

static enum status
repair(struct outbox *outbox, struct outbox_file *sink, int64_t now_us, struct error *err)
{
    char       *bytes = NULL;
    size_t      size  = 0;
    enum status status;

    if (sink->is_repaired)
        return ST_OK;
    status = file_sink_repair(&sink->file, OUTBOX_BATCH_COUNT_MAX, err);
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
mark_delivered(struct outbox *outbox, struct outbox_file *sink, const struct store_outbox_row *rows, size_t count, int64_t now_us,
               struct error *err)
{
    struct store_outbox_mark *marks = ARENA_ARRAY(&outbox->arena, struct store_outbox_mark, count);
    enum status               status;

    if (marks == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++)
        marks[i] = outbox_delivered(rows[i].alert.alert_id, rows[i].alert.revision, sink->route->name, now_us);
    status = outbox_mark(outbox, marks, count, err);
    sink->failures = 0;
    if (status == ST_OK)
        outbox->summary.delivered_count += (int64_t)count;
    return status;
}

/* The file's lock is held. */
static enum status
send_batch(struct outbox *outbox, struct outbox_file *sink, int64_t now_us, size_t *ret_count, struct error *err)
{
    struct store_outbox_row *rows   = NULL;
    size_t                   count  = 0;
    enum status              status = outbox_due(outbox, sink->route, now_us, OUTBOX_BATCH_COUNT_MAX, false, &rows, &count, err);

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
send_due(struct outbox *outbox, struct outbox_file *sink, bool is_last, int64_t now_us, struct error *err)
{
    struct store_outbox_row *rows = NULL;
    size_t                   count = 0;
    enum status              status = outbox_due(outbox, sink->route, now_us, 1, false, &rows, &count, err);

    if (status != ST_OK || count == 0)
        return status;
    status = file_sink_begin(&sink->file, err);
    if (status == ST_OK && !sink->is_repaired) /* Only who owns the store may cut what the file ends with (D2). */
        status = outbox_due(outbox, sink->route, now_us, 1, false, &rows, &count, err);
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

/* The rows of the batch wait, each by its own attempts, and the sink as a whole by its own failures: behind them a long
 * queue may stand, which need not try one batch after the other. */
static enum status
put_off(struct outbox *outbox, struct outbox_file *sink, int64_t now_us, struct error *err)
{
    struct store_outbox_row  *rows  = NULL;
    struct store_outbox_mark *marks = NULL;
    const struct graph_route *route = sink->route;
    size_t                    count = 0;

    sink->is_repaired = false;
    if (outbox_due(outbox, sink->route, now_us, OUTBOX_BATCH_COUNT_MAX, false, &rows, &count, err) != ST_OK)
        return ST_ERROR;
    marks = ARENA_ARRAY(&outbox->arena, struct store_outbox_mark, count + 1);
    if (marks == NULL)
        return error_no_memory(err);
    sink->held_at_us = now_us;
    sink->hold_us    = outbox_wait_after(route, sink->failures++);
    for (size_t i = 0; i < count; i++) {
        bool    is_over = now_us - rows[i].since_us >= route->give_up_us;
        int64_t wait_us = outbox_wait_after(route, rows[i].attempts);
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
    return outbox_mark(outbox, marks, count, err);
}

enum status
outbox_file_step(struct outbox *outbox, struct outbox_file *sink, bool is_last, int64_t now_us, struct error *err)
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
