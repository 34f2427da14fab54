#include "sim/process.h"

#include "base/check.h"
#include "base/memory.h"
#include "source/eventlog.h"

static const struct siphash_key person_key = { "0123456789abcde" };

static bool
is_stopping(void *context)
{
    const struct process *process = context;
    return process->is_stopping;
}

static void
end(struct process *process, enum status status)
{
    process->is_ended = true;
    CHECK(status == ST_OK || process->err.code != ERR_NONE);
}

static enum status
start(struct process *process, const struct process_options *options, struct error *err)
{
    bool needs_start = false;
    if (eventlog_create(&process->host.io, &process->graph.streaming.source, &process->source, err) != ST_OK)
        return ST_ERROR;
    process->options = (struct live_options){ .io = &process->host.io, .clock = &process->host.clock, .graph = &process->graph,
                                              .source = process->source, .store = process->store, .person_key = &person_key,
                                              .end = process->options.end, .is_stopping = is_stopping, .context = process };
    if (options->is_delivering) {
        if (outbox_new(&process->host.io, &process->host.clock, process->store, &process->graph, &process->outbox, err) != ST_OK)
            return ST_ERROR;
        process->options.delivery = (struct live_delivery){ process->outbox, outbox_step, outbox_has_news };
    }
    process->runtime = sim_alloc(sizeof(*process->runtime));
    if (runtime_init(process->runtime, &process->options, err) != ST_OK || recover(process->runtime, &needs_start, err) != ST_OK)
        return ST_ERROR;
    committer_begin(&process->committer, process->runtime, needs_start && !options->is_told_cuts ? "start" : NULL);
    return ST_OK;
}

void
process_start(struct process *process, const struct process_options *options, struct store *store)
{
    process->graph   = *options->graph;
    process->store   = store;
    process->err     = ERROR_EMPTY;
    process->options = (struct live_options){ .end = options->end };
    process->graph.runtime.worker_count        = options->worker_count;
    process->graph.runtime.chunk_row_count_max = options->chunk_row_count;
    process->graph.runtime.epoch               = (struct graph_epoch){ options->epoch_interval_us, options->epoch_row_count };
    process->graph.runtime.ahead_us            = options->ahead_us;
    process->is_started                        = true;
    enum status status = start(process, options, &process->err);
    if (status != ST_OK)
        end(process, status);
}

uint32_t
process_actor_count(const struct process *process)
{
    return 1 + 3 * process->runtime->worker_count;
}

static enum status
committer_turn(struct process *process)
{
    int64_t wait_us = 0;
    if (committer_is_done(&process->committer)) {
        enum status status = committer_end(&process->committer, &process->err);
        end(process, status);
        return status;
    }
    enum status status     = committer_step(&process->committer, &wait_us, &process->err);
    process->idle_until_us = process->host.time->now_us + wait_us;
    return status;
}

void
process_step(struct process *process, uint32_t actor)
{
    struct runtime  *runtime = process->runtime;
    uint32_t         index   = (actor - 1) % runtime->worker_count;
    enum step_result result;
    enum status      status;
    CHECK(!process->is_ended);
    if (actor == 0)
        status = committer_turn(process);
    else if (actor <= runtime->worker_count)
        status = worker_step(&runtime->workers[index], clock_now_us(&process->host.clock), &result, &process->err);
    else if (actor <= 2 * runtime->worker_count)
        status = shard_step(&runtime->stage1[index], &result, &process->err);
    else
        status = shard_step(&runtime->stage2[index], &result, &process->err);
    if (status != ST_OK)
        end(process, status);
}

void
process_release(struct process *process)
{
    process->host.is_dead = true;
    outbox_free(process->outbox);
    if (process->runtime != NULL)
        runtime_release(process->runtime);
    memory_free(process->runtime);
    store_close(process->store);
    if (process->source != NULL)
        process->source->kind->free(process->source);
    host_release(&process->host);
    *process = (struct process){ 0 };
}
