/* The committer: announces epochs (P2), takes what the actors said at the barrier, seals (P6), submits (P7), delivers (P9).
 *
 *   store:   own (P1) ─▶ load, read back (P10) ─▶ owned ─────────────────────────────── submit: another generation ─▶ fenced
 *                                                   │ ▲                                                              │
 *   epoch:   filling ── announced (P2) ──▶ cut ── reported by all (P4) ──▶ whole                                     │
 *                                                     merge (P3, P5) ─▶ seal (P6) ─▶ submit (P7) ─┬▶ committed ── deliver (P9)
 *                                                                                                 ╰▶ failed, unknown ─┴▶ the process ends (P8)
 *
 * P1  Own      The generation was raised by a transaction of its own before anything was read: it is never 0 here.
 * P2  Cut      e is announced when e-2 is committed (R1); all workers end it between two chunks, at positions that they report.
 * P3  Decide   What shapes content and is not in the log stands in e's header and holds from e+1's first row; times decided never go back.
 * P4  Align    A shard reads nothing behind barrier e in a lane before it has come on all of them.
 * P5  Count    Each record and row of e has one outcome, and each partition moved by what is counted; else nothing is committed.
 * P6  Seal     The state's delta of e is on disk, in one record behind that of e-1, before e is submitted.
 * P7  Commit   e follows the last committed epoch, under our generation, from where that ended: in one transaction.
 * P8  Doubt    After an error of a commit, or of anything that writes, nothing more is committed or delivered by this process.
 * P9  Deliver  What is delivered is committed; it leaves between two transactions, under the same generation.
 * P10 Recover  State, positions and decisions that a start goes on with are those of one epoch: the last that is committed.
 *
 * The checks below and in worker.c, shard.c, recover.c cite them; ARCHITECTURE.md ("Epoch protocol") has them in full. */
#include <stdio.h>

#include "base/check.h"
#include "live/runtime/runtime_int.h"

#define WAIT_MAX_US       20000
#define WAIT_MIN_US       200
#define LIST_INTERVAL_US  1000000
#define DELIVER_INTERVAL_US 100000

static int64_t
monotonic(const struct runtime *runtime)
{
    return clock_monotonic_us(runtime->options->clock);
}

/* ---- Cut ---- */

static uint32_t
idle_count(const struct runtime *runtime)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < runtime->worker_count; i++)
        count += atomic_load(&runtime->workers[i].idle_count);
    return count;
}

/* How far idle partitions are to be raised: as what has been decided says, not as what is under way may. */
static int64_t
idle_floor(const struct runtime *runtime)
{
    const int64_t keep_us = runtime->graph->streaming.idle_keep_us;
    return keep_us == 0 || runtime->watermark_us < INT64_MIN + keep_us ? INT64_MIN : runtime->watermark_us - keep_us;
}

void
committer_announce(struct committer *committer, const char *reason, bool is_final, bool is_drain)
{
    struct runtime *runtime = committer->runtime;
    uint64_t        epoch   = atomic_load(&runtime->announced) + 1;
    CHECK(epoch <= runtime->committed + 2); /* R1 */
    runtime->announcements[epoch % EPOCHS_UNDER_WAY] = (struct announcement){ clock_now_us(runtime->options->clock), idle_floor(runtime), is_drain };
    committer->reasons[epoch % EPOCHS_UNDER_WAY]     = reason;
    committer->cut_at_us                             = monotonic(runtime);
    committer->rows_at_cut                           = atomic_load(&runtime->row_count);
    committer->moved_at_cut                          = atomic_load(&runtime->moved);
    committer->idle_at_cut                           = idle_count(runtime);
    atomic_store(&runtime->has_alert, false);
    if (is_final)
        atomic_store(&runtime->final, epoch);
    atomic_store(&runtime->announced, epoch);
    for (uint32_t i = 0; i < runtime->worker_count; i++)
        waker_wake(&runtime->threads[i].waker);
}

/* With LIVE_ONCE and LIVE_DRAIN: all partitions have come to the end that they had at the start. */
static bool
is_done(const struct runtime *runtime)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < runtime->worker_count; i++)
        count += atomic_load(&runtime->workers[i].done_count);
    return runtime->options->end != LIVE_UNTIL_STOPPED && count == atomic_load(&runtime->partition_count);
}

/* Microseconds until time is up for the next cut; 0: now. */
static int64_t
cut_wait(const struct committer *committer)
{
    const struct runtime *runtime  = committer->runtime;
    int64_t               interval = runtime->graph->runtime.epoch.interval_us;
    int64_t gap  = cut_gap_us(committer->cost_us, interval, atomic_load(&runtime->has_alert));
    int64_t wait = committer->cut_at_us + gap - monotonic(runtime);
    return wait > 0 ? wait : 0;
}

/* New partitions join between epochs only: none is under way (R2). */
static enum status
look_for_partitions(struct committer *committer, struct error *err)
{
    struct runtime *runtime = committer->runtime;
    uint32_t        before  = atomic_load(&runtime->partition_count);
    int64_t         now     = monotonic(runtime);
    if (runtime->options->end != LIVE_UNTIL_STOPPED || now - committer->listed_at_us < LIST_INTERVAL_US
        || runtime->committed != atomic_load(&runtime->announced))
        return ST_OK;
    committer->listed_at_us = now;
    if (partitions_open(runtime, NULL, NULL, runtime->min_watermark_us, err) != ST_OK)
        return ST_ERROR;
    if (atomic_load(&runtime->partition_count) != before)
        committer_announce(committer, "start", false, false);
    return ST_OK;
}

/* Announces the next epoch where it is due. *ret_wait_us: how long nothing will be. */
static enum status
cut(struct committer *committer, int64_t *ret_wait_us, struct error *err)
{
    struct runtime            *runtime = committer->runtime;
    const struct live_options *options = runtime->options;
    bool                       is_asked = options->is_stopping != NULL && options->is_stopping(options->context);
    *ret_wait_us = WAIT_MAX_US;
    if (atomic_load(&runtime->final) != UINT64_MAX || atomic_load(&runtime->announced) >= runtime->committed + 2)
        return ST_OK;
    bool is_held = false;
    if (letters_offer(runtime, monotonic(runtime), &is_held, err) != ST_OK)
        return ST_ERROR;
    if (is_held)
        return ST_OK;
    if (is_done(runtime) || is_asked) {
        bool is_drain = is_done(runtime) && options->end == LIVE_DRAIN;
        runtime->summary.is_interrupted = options->end != LIVE_UNTIL_STOPPED && !is_done(runtime);
        committer_announce(committer, is_drain ? "drain" : "stop", true, is_drain);
        return ST_OK;
    }
    if (look_for_partitions(committer, err) != ST_OK)
        return ST_ERROR;
    int64_t rows = atomic_load(&runtime->row_count) - committer->rows_at_cut;
    bool    has_news = atomic_load(&runtime->moved) != committer->moved_at_cut || idle_count(runtime) != committer->idle_at_cut;
    if (!has_news || atomic_load(&runtime->announced) >= runtime->committed + 2)
        return ST_OK;
    if (rows >= runtime->graph->runtime.epoch.row_count_max) {
        committer_announce(committer, "size", false, false);
        return ST_OK;
    }
    int64_t wait = cut_wait(committer);
    if (wait == 0)
        committer_announce(committer, "time", false, false);
    else if (wait < *ret_wait_us)
        *ret_wait_us = wait > WAIT_MIN_US ? wait : WAIT_MIN_US;
    return ST_OK;
}

/* ---- Commit ---- */

static bool
is_whole(const struct runtime *runtime, uint64_t epoch)
{
    for (uint32_t i = 0; i < runtime->worker_count; i++)
        if (atomic_load(&runtime->workers[i].actor.reported) < epoch || atomic_load(&runtime->stage1[i].actor.reported) < epoch
            || atomic_load(&runtime->stage2[i].actor.reported) < epoch)
            return false;
    return true;
}

/* How far it was read, for who looks on from its side. */
static void
tell_source(const struct runtime *runtime, uint64_t epoch)
{
    const uint32_t count = atomic_load(&runtime->partition_count);
    for (uint32_t i = 0; i < count; i++) {
        const struct partition *partition = runtime->partitions[i];
        if (partition->source->source->kind->committed != NULL)
            partition->source->source->kind->committed(partition->source, partition->reports[epoch % EPOCHS_UNDER_WAY].end);
    }
}

static enum status
commit_epoch(struct committer *committer, uint64_t epoch, struct error *err)
{
    struct runtime *runtime = committer->runtime;
    struct merge    merge;
    int64_t         begin        = monotonic(runtime);
    int64_t         retractions  = runtime->options->store->retraction_count;
    CHECK(epoch == runtime->committed + 1); /* P7 */
    if (merge_epoch(runtime, epoch, &merge, err) != ST_OK)
        return ST_ERROR;
    cost_lap(runtime->meter, COST_MERGE);
    if (records_seal(&runtime->records, epoch, begins_round(epoch), merge.state, merge.state_count, &merge.commit, err) != ST_OK)
        return ST_ERROR;
    cost_lap(runtime->meter, COST_RECORD);
    CHECK(runtime->records.epoch == epoch);                                                             /* P6 */
    CHECK(merge.decision.epoch == epoch && merge.decision.min_watermark_us >= merge.decision.freed_us); /* P3 */
    if (runtime->records.store == NULL)
        atomic_store(&runtime->sealed, epoch);
    merge.commit.cut_reason      = str_from(committer->reasons[epoch % EPOCHS_UNDER_WAY]);
    merge.commit.committed_at_us = clock_now_us(runtime->options->clock);
    if (store_submit(runtime->options->store, &merge.commit, err) != STORE_COMMITTED) /* P8 */
        return ST_ERROR;
    atomic_store(&runtime->sealed, epoch); /* A store that keeps the record has read its text only now. */
    runtime->summary.alert_revision_count += runtime->options->store->retraction_count - retractions;
    runtime->committed = epoch;
    tell_source(runtime, epoch);
    budget_weigh(runtime, epoch);
    if (runtime->summary.epoch_first == 0)
        runtime->summary.epoch_first = epoch;
    runtime->summary.epoch_last = epoch;
    top_epoch(runtime, epoch, merge.commit.committed_at_us, monotonic(runtime) - begin);
    return records_committed(&runtime->records, err);
}

static void
tell_progress(const struct runtime *runtime)
{
    const struct live_options *options  = runtime->options;
    struct live_progress       progress = { .epoch       = runtime->committed,
                                            .event_count = atomic_load(&runtime->row_count),
                                            .moved       = atomic_load(&runtime->moved),
                                            .move_total  = runtime->move_total,
                                            .alert_count = runtime->summary.alert_revision_count,
                                            .state       = runtime->summary.state };
    if (options->progress != NULL)
        options->progress(options->context, &progress);
}

static enum status
deliver(struct committer *committer, bool is_last, struct error *err)
{
    struct runtime             *runtime  = committer->runtime;
    const struct live_delivery *delivery = &runtime->options->delivery;
    CHECK(!committer->has_failed); /* P8, P9 */
    committer->delivered_at_us = monotonic(runtime);
    top_queues(runtime);
    if (runtime->options->top != NULL)
        live_top_tick(runtime->options->top, committer->delivered_at_us);
    if (delivery->step == NULL)
        return ST_OK;
    enum status status = delivery->step(delivery->context, is_last, clock_now_us(runtime->options->clock), err);
    cost_lap(runtime->meter, COST_DELIVER);
    return status;
}

static bool
is_delivery_due(const struct committer *committer)
{
    const struct live_delivery *delivery = &committer->runtime->options->delivery;

    return monotonic(committer->runtime) - committer->delivered_at_us > DELIVER_INTERVAL_US
           || (delivery->has_news != NULL && delivery->has_news(delivery->context));
}

enum status
committer_commit(struct committer *committer, bool *ret_progress, struct error *err)
{
    struct runtime *runtime = committer->runtime;
    int64_t         begin   = monotonic(runtime);
    CHECK(!committer->has_failed); /* P8 */
    *ret_progress = runtime->committed < atomic_load(&runtime->announced) && is_whole(runtime, runtime->committed + 1);
    if (!*ret_progress)
        return ST_OK;
    committer->has_failed = commit_epoch(committer, runtime->committed + 1, err) != ST_OK;
    if (committer->has_failed)
        return ST_ERROR;
    committer->cost_us = monotonic(runtime) - begin;
    tell_progress(runtime);
    if (store_maintain(runtime->options->store, err) != ST_OK)
        return ST_ERROR;
    cost_lap(runtime->meter, COST_COMMIT);
    return deliver(committer, false, err);
}

static enum status
failed_actor(const struct runtime *runtime, struct error *err)
{
    for (uint32_t i = 0; i < runtime->worker_count; i++)
        if (runtime->threads[i].has_failed) {
            if (err != NULL)
                *err = runtime->threads[i].err;
            return ST_ERROR;
        }
    return error_set(err, ERR_INTERNAL, "an actor failed and did not say why");
}

void
committer_begin(struct committer *committer, struct runtime *runtime, const char *first_cut_reason)
{
    CHECK(runtime->generation > 0); /* P1 */
    *committer           = (struct committer){ .runtime = runtime };
    committer->cut_at_us = committer->listed_at_us = monotonic(runtime);
    /* Before any actor steps: the start's decisions stand in a header before a row uses them (P3), so its epoch is empty. */
    if (first_cut_reason != NULL)
        committer_announce(committer, first_cut_reason, false, false);
}

bool
committer_is_done(const struct committer *committer)
{
    return committer->runtime->committed == atomic_load(&committer->runtime->final);
}

enum status
committer_step(struct committer *committer, int64_t *ret_wait_us, struct error *err)
{
    bool progress = false;
    *ret_wait_us  = WAIT_MAX_US;
    if (committer_commit(committer, &progress, err) != ST_OK || cut(committer, ret_wait_us, err) != ST_OK)
        return ST_ERROR;
    if (progress)
        *ret_wait_us = 0;
    else if (is_delivery_due(committer))
        return deliver(committer, false, err);
    return ST_OK;
}

enum status
committer_end(struct committer *committer, struct error *err)
{
    CHECK(committer_is_done(committer));
    return deliver(committer, true, err);
}

enum status
committer_run(struct runtime *runtime, const char *first_cut_reason, struct error *err)
{
    struct committer committer;
    committer_begin(&committer, runtime, first_cut_reason);
    if (runtime_start(runtime, err) != ST_OK)
        return ST_ERROR;
    while (!committer_is_done(&committer)) {
        uint32_t seen = waker_look(&runtime->committer);
        int64_t  wait_us;
        if (atomic_load(&runtime->has_failed))
            return failed_actor(runtime, err);
        if (committer_step(&committer, &wait_us, err) != ST_OK)
            return ST_ERROR;
        cost_lap(runtime->meter, COST_COMMITTER);
        if (wait_us > 0)
            waker_sleep(&runtime->committer, seen, wait_us);
    }
    return committer_end(&committer, err);
}
