/* Makes the actors, the lanes between them, and the threads that loop over them. */
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "live/event.h"
#include "live/runtime/runtime_int.h"

/* How long a thread without work sleeps before it looks at the source again. */
#define IDLE_MIN_US 200
#define IDLE_MAX_US 4000

/* ---- Memory ---- */

static enum status
alloc_all(struct runtime *runtime, struct error *err)
{
    uint32_t count = runtime->worker_count, lanes = 2 * count * count;
    runtime->partitions = memory_alloc_array_zero(PARTITION_CAPACITY, sizeof(struct partition *));
    runtime->partition_ids = memory_alloc_array_zero(PARTITION_CAPACITY, sizeof(struct str));
    runtime->steps      = memory_alloc_array_zero(count, sizeof(*runtime->steps));
    runtime->workers    = memory_alloc_array_zero(count, sizeof(*runtime->workers));
    runtime->stage1     = memory_alloc_array_zero(count, sizeof(*runtime->stage1));
    runtime->stage2     = memory_alloc_array_zero(count, sizeof(*runtime->stage2));
    runtime->threads    = memory_alloc_array_zero(count, sizeof(*runtime->threads));
    runtime->lanes      = memory_alloc_aligned(CACHE_LINE_PAIR, lanes * sizeof(*runtime->lanes));
    runtime->lane_table = memory_alloc_array_zero(2 * (size_t)lanes, sizeof(*runtime->lane_table));
    runtime->partition_names = (struct partition_names){ runtime->graph->streaming.source.name, runtime->partition_ids,
                                                         PARTITION_CAPACITY, 0 };
    bool is_ok = runtime->partitions != NULL && runtime->partition_ids != NULL && runtime->steps != NULL && runtime->workers != NULL && runtime->stage1 != NULL
                 && runtime->stage2 != NULL && runtime->threads != NULL && runtime->lanes != NULL && runtime->lane_table != NULL;
    return is_ok ? ST_OK : error_no_memory(err);
}

static enum status
lanes_init(struct runtime *runtime, struct error *err)
{
    uint32_t      count = runtime->worker_count, all = 2 * count * count;
    struct lane **by_producer = runtime->lane_table, **by_consumer = runtime->lane_table + all;
    for (uint32_t i = 0; i < count; i++)
        waker_init(&runtime->threads[i].waker);
    runtime->thread_count = count;
    for (uint32_t i = 0; i < all; i++) {
        uint32_t stage = i / (count * count), producer = i / count % count, consumer = i % count;
        runtime->lane_count++; /* Also one that fails half-way is to be released. */
        if (lane_init(&runtime->lanes[i], &runtime->threads[producer].waker, &runtime->threads[consumer].waker, err) != ST_OK)
            return ST_ERROR;
        by_producer[i]                                                   = &runtime->lanes[i];
        by_consumer[stage * count * count + consumer * count + producer] = &runtime->lanes[i];
    }
    return ST_OK;
}

/* Operators with the same exchange share a port, unless one of them wants other rows. */
static bool
share_port(const struct operator *a, const struct operator *b)
{
    return a->kind->exchange == b->kind->exchange && a->kind->wants == b->kind->wants;
}

static void
ports_find(struct runtime *runtime)
{
    const struct step_set *steps = &runtime->steps[0];
    for (uint32_t i = 0; i < steps->operator_count; i++) {
        uint32_t port = 0;
        while (port < runtime->port_count && !share_port(steps->operators[runtime->port_operators[port]], steps->operators[i]))
            port++;
        if (port == runtime->port_count)
            runtime->port_operators[runtime->port_count++] = i;
        runtime->operator_ports[i] = (uint8_t)port;
    }
}

static enum status
actor_init(struct actor *actor, const struct runtime *runtime, struct error *err)
{
    const struct store_table *table = runtime->steps[0].window_table;
    for (int i = 0; i < EPOCHS_UNDER_WAY; i++)
        if (output_init(&actor->outputs[i], runtime->graph->model, 0, table == NULL ? NULL : table->schema, err) != ST_OK)
            return ST_ERROR;
    return ST_OK;
}

static enum status
intakes_init(struct runtime *runtime, struct worker *worker, struct error *err)
{
    const struct graph_source *source = &runtime->graph->streaming.source;
    worker->intakes = memory_alloc_array_zero(source->input_count, sizeof(struct intake *));
    if (worker->intakes == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < source->input_count; i++) {
        struct intake_options options = { runtime->graph, &source->inputs[i], runtime->options->person_key,
                                          &runtime->partition_names, runtime->chunk_capacity, thread_meter(runtime, worker->index) };
        if (intake_create(&options, &worker->intakes[i], err) != ST_OK)
            return ST_ERROR;
        intake_set_master(worker->intakes[i], runtime->has_master ? &runtime->master : NULL);
    }
    return ST_OK;
}

static enum status
worker_init(struct runtime *runtime, uint32_t index, struct error *err)
{
    struct worker *worker = &runtime->workers[index];
    uint32_t       count  = runtime->worker_count;
    worker->runtime = runtime;
    worker->meter   = thread_meter(runtime, index);
    worker->index   = index;
    if (actor_init(&worker->actor, runtime, err) != ST_OK
        || chunk_init(&worker->events, &event_schema, runtime->chunk_capacity, err) != ST_OK
        || exchange_init(&worker->exchange, &runtime->lane_table[index * count], count, runtime->lane_capacity, 1,
                         runtime->steps[0].dedup, err) != ST_OK)
        return ST_ERROR;
    return intakes_init(runtime, worker, err);
}

static enum status
shard_init(struct runtime *runtime, struct shard *shard, uint32_t index, uint32_t stage, struct error *err)
{
    uint32_t count  = runtime->worker_count;
    size_t   square = (size_t)count * count;
    shard->runtime    = runtime;
    shard->meter      = thread_meter(runtime, index);
    shard->index      = index;
    shard->stage      = stage;
    shard->view       = TIME_VIEW_EMPTY;
    shard->inputs     = &runtime->lane_table[(2 + stage - 1) * square + (size_t)index * count];
    shard->is_aligned = memory_alloc_array_zero(count, sizeof(bool));
    shard->operators  = stage == 1 ? &runtime->steps[index].dedup : runtime->steps[index].operators;
    shard->operator_count = stage == 1 ? 1 : runtime->steps[index].operator_count;
    if (shard->is_aligned == NULL)
        return error_no_memory(err);
    if (actor_init(&shard->actor, runtime, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t i = 0; stage == 1 && i < runtime->port_count; i++)
        if (exchange_init(&shard->exchanges[i], &runtime->lane_table[square + (size_t)index * count], count, runtime->lane_capacity,
                          1u << i, runtime->steps[0].operators[runtime->port_operators[i]], err) != ST_OK)
            return ST_ERROR;
    return ST_OK;
}

static enum status
actors_init(struct runtime *runtime, struct error *err)
{
    for (uint32_t i = 0; i < runtime->worker_count; i++)
        if (steps_create(runtime->graph, runtime->options->person_key, &runtime->partition_names, &runtime->steps[i], err) != ST_OK)
            return ST_ERROR;
    ports_find(runtime);
    for (uint32_t i = 0; i < runtime->worker_count; i++)
        if (worker_init(runtime, i, err) != ST_OK || shard_init(runtime, &runtime->stage1[i], i, 1, err) != ST_OK
            || shard_init(runtime, &runtime->stage2[i], i, 2, err) != ST_OK)
            return ST_ERROR;
    return ST_OK;
}

enum status
runtime_init(struct runtime *runtime, const struct live_options *options, struct error *err)
{
    const struct graph_runtime *settings = &options->graph->runtime;
    runtime->options        = options;
    runtime->graph          = options->graph;
    runtime->worker_count   = (uint32_t)settings->worker_count;
    runtime->chunk_capacity = (uint32_t)(settings->chunk_row_count_max < LIVE_CHUNK_ROW_COUNT_MAX ? settings->chunk_row_count_max : LIVE_CHUNK_ROW_COUNT_MAX);
    /* The memory of all lanes stays about the same, however many there are. */
    runtime->lane_capacity = (runtime->chunk_capacity + runtime->worker_count - 1) / runtime->worker_count;
    runtime->master        = MASTER_EMPTY;
    runtime->records       = RECORDS_EMPTY;
    atomic_store(&runtime->final, UINT64_MAX);
    arena_init(&runtime->arena, 0);
    arena_init(&runtime->commit_arena, 0);
    arena_init(&runtime->load_arena, 0);
    arena_init(&runtime->letters.arena, 0);
    waker_init(&runtime->committer);
    runtime->summary.account.source = options->source->name;
    if (options->master_path != NULL) {
        if (master_open(options->io, options->master_path, options->person_key, &runtime->master, err) != ST_OK)
            return ST_ERROR;
        runtime->has_master = true;
    }
    if (alloc_all(runtime, err) != ST_OK || lanes_init(runtime, err) != ST_OK)
        return ST_ERROR;
    return actors_init(runtime, err);
}

/* ---- Threads ---- */

static enum status
thread_step(struct live_thread *thread, bool *ret_progress, struct error *err)
{
    struct runtime  *runtime = thread->runtime;
    enum step_result results[3];
    int64_t          now = clock_now_us(runtime->options->clock);
    if (worker_step(&runtime->workers[thread->index], now, &results[0], err) != ST_OK
        || shard_step(&runtime->stage1[thread->index], &results[1], err) != ST_OK
        || shard_step(&runtime->stage2[thread->index], &results[2], err) != ST_OK)
        return ST_ERROR;
    *ret_progress = results[0] == STEP_PROGRESS || results[1] == STEP_PROGRESS || results[2] == STEP_PROGRESS;
    cost_lap(thread_meter(runtime, thread->index), COST_LOOP);
    return ST_OK;
}

/* What a thread whose actors made no progress waits for: the fullest place on the way, from its end. */
static enum cost_wait
wait_of(const struct live_thread *thread)
{
    struct runtime *runtime = thread->runtime;
    struct worker  *worker  = &runtime->workers[thread->index];
    if (runtime->stage1[thread->index].parcel != NULL)
        return COST_RING_STEPS;
    if (worker->is_sending)
        return COST_RING_DEDUP;
    if (worker->row_count >= runtime->graph->runtime.epoch.row_count_max)
        return COST_EPOCH;
    if (atomic_load(&worker->is_waiting))
        return COST_AHEAD;
    return atomic_load(&runtime->is_state_full) ? COST_STATE_FULL : COST_IDLE;
}

static void
thread_sleep(struct live_thread *thread, uint32_t seen, int64_t sleep_us)
{
    const struct clock *clock = thread->runtime->options->clock;
    struct cost_meter  *meter = thread_meter(thread->runtime, thread->index);
    int64_t             begin = meter == NULL ? 0 : clock_monotonic_us(clock);
    waker_sleep(&thread->waker, seen, sleep_us);
    if (meter != NULL)
        meter->wait_us[wait_of(thread)] += clock_monotonic_us(clock) - begin;
}

static void
thread_loop(struct live_thread *thread)
{
    struct runtime     *runtime  = thread->runtime;
    int64_t             sleep_us = IDLE_MIN_US;
    bool                progress;
    while (!atomic_load(&runtime->is_stopping)) {
        uint32_t seen = waker_look(&thread->waker);
        if (thread_step(thread, &progress, &thread->err) != ST_OK) {
            thread->has_failed = true;
            atomic_store(&runtime->has_failed, true);
            waker_wake(&runtime->committer);
            return;
        }
        if (progress) {
            sleep_us = IDLE_MIN_US;
            continue;
        }
        thread_sleep(thread, seen, sleep_us);
        sleep_us = sleep_us * 2 > IDLE_MAX_US ? IDLE_MAX_US : sleep_us * 2;
    }
}

static void
thread_run(void *context)
{
    struct live_thread *thread = context;
    struct cost_meter  *meter  = thread_meter(thread->runtime, thread->index);
    int64_t             begin  = 0;
    if (meter != NULL) {
        begin = clock_monotonic_us(thread->runtime->options->clock);
        cost_begin(meter, thread->runtime->options->cost->now_ns);
    }
    thread_loop(thread);
    cost_lap(meter, COST_LOOP);
    if (meter != NULL)
        meter->wall_us = clock_monotonic_us(thread->runtime->options->clock) - begin;
}

enum status
runtime_start(struct runtime *runtime, struct error *err)
{
    for (uint32_t i = 0; i < runtime->worker_count; i++) {
        runtime->threads[i].runtime = runtime;
        runtime->threads[i].index   = i;
        runtime->threads[i].err     = ERROR_EMPTY;
        if (thread_start(&runtime->threads[i].thread, thread_run, &runtime->threads[i], err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

void
runtime_stop(struct runtime *runtime)
{
    atomic_store(&runtime->is_stopping, true);
    for (uint32_t i = 0; i < runtime->thread_count; i++)
        waker_wake(&runtime->threads[i].waker);
    for (uint32_t i = 0; i < runtime->thread_count; i++)
        thread_join(&runtime->threads[i].thread);
}

/* ---- Release ---- */

static void
actor_release(struct actor *actor)
{
    for (int i = 0; i < EPOCHS_UNDER_WAY; i++)
        output_release(&actor->outputs[i]);
}

static void
shards_release(struct shard *shards, uint32_t count)
{
    for (uint32_t i = 0; shards != NULL && i < count; i++) {
        for (uint32_t port = 0; port < PORT_COUNT_MAX; port++)
            exchange_release(&shards[i].exchanges[port]);
        memory_free(shards[i].is_aligned);
        actor_release(&shards[i].actor);
    }
    memory_free(shards);
}

static void
workers_release(struct runtime *runtime)
{
    for (uint32_t i = 0; runtime->workers != NULL && i < runtime->worker_count; i++) {
        struct worker *worker = &runtime->workers[i];
        for (size_t j = 0; worker->intakes != NULL && j < runtime->graph->streaming.source.input_count; j++)
            intake_free(worker->intakes[j]);
        memory_free(worker->intakes);
        exchange_release(&worker->exchange);
        chunk_release(&worker->events);
        actor_release(&worker->actor);
    }
    memory_free(runtime->workers);
}

void
runtime_release(struct runtime *runtime)
{
    for (uint32_t i = 0; i < atomic_load(&runtime->partition_count); i++)
        runtime->partitions[i]->source->source->kind->close(runtime->partitions[i]->source);
    memory_free(runtime->partitions);
    memory_free(runtime->partition_ids);
    workers_release(runtime);
    shards_release(runtime->stage1, runtime->worker_count);
    shards_release(runtime->stage2, runtime->worker_count);
    for (uint32_t i = 0; runtime->steps != NULL && i < runtime->worker_count; i++)
        steps_release(&runtime->steps[i]);
    memory_free(runtime->steps);
    for (uint32_t i = 0; i < runtime->lane_count; i++)
        lane_release(&runtime->lanes[i]);
    memory_free(runtime->lanes);
    memory_free(runtime->lane_table);
    for (uint32_t i = 0; i < runtime->thread_count; i++)
        waker_release(&runtime->threads[i].waker);
    memory_free(runtime->threads);
    waker_release(&runtime->committer);
    records_release(&runtime->records);
    master_release(runtime->options->io, &runtime->master);
    arena_release(&runtime->arena);
    arena_release(&runtime->commit_arena);
    arena_release(&runtime->load_arena);
    arena_release(&runtime->letters.arena);
    str_builder_release(&runtime->letters.line);
}
