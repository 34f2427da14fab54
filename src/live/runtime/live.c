#include "live/live.h"

#include <stdio.h>

#include "base/memory.h"
#include "io/process.h"
#include "live/runtime/runtime_int.h"

/* Behind the threads' end. */
static void
tell_cost(const struct runtime *runtime)
{
    struct live_cost *cost = runtime->options->cost;

    cost_add(cost, &runtime->own_meter);
    for (uint32_t i = 0; i < runtime->thread_count; i++) {
        const struct cost_meter *meter  = &runtime->threads[i].meter;
        struct cost_thread      *thread = &cost->threads[cost->thread_count++];
        cost_add(cost, meter);
        thread->wall_us = meter->wall_us;
        for (int wait = 0; wait < COST_WAIT_COUNT; wait++)
            thread->wait_us[wait] = meter->wait_us[wait];
    }
    const struct step_set *steps = &runtime->steps[0];
    cost->step_count = steps->operator_count + 1;
    for (uint32_t i = 0; i < cost->step_count; i++)
        snprintf(cost->step_names[i], sizeof cost->step_names[i], "%s", i == 0 ? steps->dedup->step_name : steps->operators[i - 1]->step_name);
}

static enum status
run(struct runtime *runtime, const struct live_options *options, struct error *err)
{
    bool needs_start = false;
    if (options->cost != NULL) {
        runtime->meter = &runtime->own_meter;
        cost_begin(runtime->meter, options->cost->now_ns);
    }
    if (runtime_init(runtime, options, err) != ST_OK || recover(runtime, &needs_start, err) != ST_OK)
        return ST_ERROR;
    if (runtime->committed == 0 && options->history.next != NULL && history_feed(runtime, err) != ST_OK)
        return ST_ERROR;
    if (top_open(runtime, err) != ST_OK)
        return ST_ERROR;
    cost_lap(runtime->meter, COST_START);
    enum status status = committer_run(runtime, needs_start ? "start" : NULL, err);
    runtime_stop(runtime);
    cost_lap(runtime->meter, COST_COMMITTER);
    if (options->cost != NULL)
        tell_cost(runtime);
    return status;
}

enum status
live_run(const struct live_options *options, struct live_summary *ret_summary, struct error *err)
{
    int64_t         begin_us = clock_monotonic_us(options->clock), cpu_us = process_usage().cpu_us;
    struct runtime *runtime  = memory_alloc_zero(sizeof(*runtime));
    *ret_summary             = (struct live_summary){ .account.source = options->source->name };
    if (runtime == NULL)
        return error_no_memory(err);
    enum status status = run(runtime, options, err);
    *ret_summary       = runtime->summary;
    runtime_release(runtime);
    memory_free(runtime);
    ret_summary->duration_us = clock_monotonic_us(options->clock) - begin_us;
    ret_summary->cpu_us      = process_usage().cpu_us - cpu_us;
    if (status != ST_OK)
        error_context(err, "running the streaming leg");
    return status;
}
