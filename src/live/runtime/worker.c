#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "live/event.h"
#include "live/runtime/runtime_int.h"

/* ---- Barriers ---- */

enum status
actor_report(struct actor *actor, struct runtime *runtime, struct error *err)
{
    uint64_t epoch = actor->epoch++;
    uint32_t count = atomic_load(&runtime->partition_count);
    if (output_clear(&actor->outputs[actor->epoch % EPOCHS_UNDER_WAY], count, err) != ST_OK)
        return ST_ERROR;
    atomic_store(&actor->reported, epoch);
    waker_wake(&runtime->committer);
    return ST_OK;
}

static enum status
report_identity(struct partition *partition, char out[IDENTITY_SIZE_MAX], struct error *err)
{
    struct str identity;
    if (partition->source->source->kind->identity(partition->source, &identity, err) != ST_OK)
        return ST_ERROR;
    CHECK(identity.size < IDENTITY_SIZE_MAX);
    memcpy(out, identity.data, identity.size);
    out[identity.size] = '\0';
    return ST_OK;
}

/* Only where somebody looks on: it asks the system. What fails here fails at the next poll, and is told there. */
static int64_t
log_end(const struct runtime *runtime, struct partition *partition)
{
    int64_t end = -1;
    if (runtime->options->top != NULL && !is_letters(runtime, partition)
        && partition->source->source->kind->end(partition->source, &end, NULL) != ST_OK)
        return -1;
    return end;
}

/* An idle partition holds up freeing up to a time of the log that the committer decided; from here on what it brings is late by it (P3). */
static void
raise_watermark(struct intake_partition *partition, int64_t floor_us)
{
    if (floor_us > partition->watermark_us)
        partition->watermark_us = partition->raised_us = floor_us;
}

/* Fixes position and watermark of each of its partitions (P2). */
static enum status
report_partitions(struct worker *worker, uint64_t epoch, struct time_view *view, struct error *err)
{
    struct runtime *runtime = worker->runtime;
    worker->partition_count = atomic_load(&runtime->partition_count); /* R2 */
    for (uint32_t i = worker->index; i < worker->partition_count; i += runtime->worker_count) {
        struct partition        *partition = runtime->partitions[i];
        struct partition_report *report    = &partition->reports[epoch % EPOCHS_UNDER_WAY];
        bool                     is_idle   = partition->is_idle || partition->is_done;
        if (is_idle && !is_letters(runtime, partition))
            raise_watermark(&partition->intake, runtime->announcements[epoch % EPOCHS_UNDER_WAY].idle_floor_us);
        int64_t watermark = partition->intake.watermark_us;
        report->begin        = partition->begin;
        report->end          = partition->source->position;
        report->watermark_us = watermark;
        report->raised_us    = intake_is_raised(&partition->intake) ? watermark : INT64_MIN;
        report->is_idle      = is_idle;
        report->log_end      = log_end(runtime, partition);
        if (report_identity(partition, report->identity, err) != ST_OK)
            return ST_ERROR;
        partition->begin = report->end;
        if (!is_letters(runtime, partition))
            time_view_add(view, &(struct time_view){ is_idle ? 0 : 1, is_idle ? INT64_MAX : watermark, watermark, watermark });
    }
    align_tell(worker);
    return ST_OK;
}

static enum status
worker_barrier(struct worker *worker, struct error *err)
{
    struct runtime  *runtime = worker->runtime;
    uint64_t         epoch   = worker->actor.epoch;
    struct time_view view    = TIME_VIEW_EMPTY;
    exchange_flush(&worker->exchange);
    if (report_partitions(worker, epoch, &view, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t i = 0; i < runtime->worker_count; i++)
        lane_barrier(worker->exchange.lanes[i], epoch, &view);
    worker->row_count  = 0;
    enum status status = actor_report(&worker->actor, runtime, err);
    cost_lap(worker->meter, COST_BARRIER);
    return status;
}

/* ---- Rows ---- */

/* *ret_is_done: the chunk is sent and empty. */
static enum status
worker_send(struct worker *worker, bool *ret_is_done, struct error *err)
{
    enum status status = worker->runtime->worker_count == 1 ? lane_move(worker->exchange.lanes[0], &worker->events, 1, ret_is_done, err)
                                                            : exchange_go(&worker->exchange, ret_is_done, err);
    cost_lap(worker->meter, COST_SEND);
    if (status != ST_OK)
        return status;
    worker->is_sending = !*ret_is_done;
    if (*ret_is_done)
        chunk_clear(&worker->events);
    return ST_OK;
}

static void
partition_done(struct worker *worker, struct partition *partition)
{
    if (partition->end < 0 || partition->is_done || (!partition->is_idle && partition->source->position < partition->end))
        return;
    partition->is_done = true;
    atomic_fetch_add(&worker->done_count, 1);
    waker_wake(&worker->runtime->committer);
}

static void
partition_idle(struct worker *worker, struct partition *partition, bool is_idle)
{
    if (partition->is_idle == is_idle)
        return;
    partition->is_idle = is_idle;
    if (is_idle)
        atomic_fetch_add(&worker->idle_count, 1);
    else
        atomic_fetch_sub(&worker->idle_count, 1);
}

/* Takes event rows from the intake: at most as many as the batch had records, so there is room. */
static enum status
take_rows(void *context, struct chunk *chunk, struct error *err)
{
    struct worker *worker = context;
    uint32_t       count  = event_count(chunk);
    uint16_t       rows[CHUNK_ROW_COUNT_MAX];
    CHECK(worker->events.row_count + count <= worker->events.capacity);
    if (worker->events.row_count == 0 && chunk->capacity == worker->events.capacity) /* Nearly always: a batch is one group. */
        return chunk_take(&worker->events, chunk, err);
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (uint16_t)event_row(chunk, i);
    return chunk_gather(&worker->events, chunk, rows, count, err);
}

static enum status
take_batch(struct worker *worker, struct partition *partition, const struct record_batch *batch, int64_t now_us,
           struct error *err)
{
    struct runtime      *runtime = worker->runtime;
    struct epoch_output *output  = &worker->actor.outputs[worker->actor.epoch % EPOCHS_UNDER_WAY];
    if (intake_batch(worker->intakes[partition->input], &partition->intake, batch, now_us, output, take_rows, worker, err) != ST_OK) {
        error_at_offset(err, partition->id, (uint64_t)batch->position);
        return ST_ERROR;
    }
    runtime_look_for_alerts(runtime, output, worker->actor.epoch);
    int64_t before = atomic_fetch_add(&runtime->row_count, (int64_t)batch->record_count);
    atomic_fetch_add(&runtime->moved, batch->position_next - batch->position);
    worker->row_count += batch->record_count > 0 ? (int64_t)batch->record_count : 1;
    if (before / runtime->graph->runtime.epoch.row_count_max
        != (before + (int64_t)batch->record_count) / runtime->graph->runtime.epoch.row_count_max)
        waker_wake(&runtime->committer);
    if (event_count(&worker->events) == 0) {
        chunk_clear(&worker->events);
        return ST_OK;
    }
    live_tap_rows(runtime->options->tap, 0, &worker->events, runtime->partition_ids);
    worker->is_sending = true;
    if (runtime->worker_count > 1)
        exchange_begin(&worker->exchange, &worker->events);
    cost_lap(worker->meter, COST_SEND);
    return ST_OK;
}

/* Polls one partition after the other until one has records. */
static enum status
worker_poll(struct worker *worker, int64_t now_us, bool *ret_has_records, struct error *err)
{
    struct runtime *runtime = worker->runtime;
    uint32_t        own = (worker->partition_count + runtime->worker_count - 1 - worker->index) / runtime->worker_count;
    *ret_has_records    = false;
    atomic_store(&worker->is_waiting, false);
    for (uint32_t i = 0; i < own && !*ret_has_records; i++) {
        struct partition   *partition = runtime->partitions[worker->index + worker->turn % own * runtime->worker_count];
        struct record_batch batch;
        enum poll_result    result;
        worker->turn = (worker->turn + 1) % own;
        if (partition->is_done || align_waits(worker, partition))
            continue;
        const int64_t before = align_place(partition);
        if (partition->source->source->kind->poll(partition->source, runtime->chunk_capacity, &batch, &result, err) != ST_OK)
            return ST_ERROR;
        cost_lap(worker->meter, COST_READ);
        partition_idle(worker, partition, result == POLL_EMPTY);
        *ret_has_records = result == POLL_RECORDS;
        if (*ret_has_records && take_batch(worker, partition, &batch, now_us, err) != ST_OK)
            return ST_ERROR;
        partition_done(worker, partition);
        align_moved(worker, partition, before);
    }
    worker->polled_at_us = *ret_has_records ? now_us : worker->polled_at_us;
    return ST_OK;
}

static enum status
worker_letter(struct worker *worker, int64_t now_us, struct error *err)
{
    struct record_batch batch;
    if (letters_next(worker->runtime, &batch, err) != ST_OK
        || take_batch(worker, worker->runtime->letters.partition, &batch, now_us, err) != ST_OK)
        return ST_ERROR;
    letters_taken(worker->runtime);
    return ST_OK;
}

enum status
worker_step(struct worker *worker, int64_t now_us, enum step_result *ret_result, struct error *err)
{
    struct runtime *runtime = worker->runtime;
    bool            is_done = true;
    *ret_result             = STEP_PROGRESS;
    if (worker->is_sending && worker_send(worker, &is_done, err) != ST_OK)
        return ST_ERROR;
    if (!is_done) {
        *ret_result = STEP_BLOCKED;
        return ST_OK;
    }
    if (atomic_load(&runtime->announced) >= worker->actor.epoch)
        return worker_barrier(worker, err);
    if (worker->actor.epoch > atomic_load(&runtime->final)) {
        *ret_result = STEP_IDLE;
        return ST_OK;
    }
    if (letters_wait(worker)) /* First, for the committer waits for them (R4). */
        return worker_letter(worker, now_us, err);
    if (worker->row_count >= runtime->graph->runtime.epoch.row_count_max) { /* The epoch must not grow without end (I10). */
        exchange_flush(&worker->exchange);
        *ret_result = STEP_BLOCKED;
        return ST_OK;
    }
    if (budget_holds(worker, now_us))
        is_done = false;
    else if (worker_poll(worker, now_us, &is_done, err) != ST_OK)
        return ST_ERROR;
    if (!is_done) {
        exchange_flush(&worker->exchange);
        *ret_result = STEP_IDLE;
    }
    return ST_OK;
}
