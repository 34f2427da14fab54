/* The budget of state (runtime.state). Beyond it nothing is dropped and nobody stops: each worker takes records some hundred times a second only, those
 * of the slowest partition alone (align.c), for what it needs is what keeps state; shards free what has expired at each barrier. */
#include "live/runtime/runtime_int.h"

/* Between two batches of a worker; a batch has LIVE_CHUNK_ROW_COUNT_MAX records at most, so that a hospital's own rate still passes. */
#define PAUSE_US 10000

static void
add_step(struct live_state *state, const struct runtime *runtime, bool is_dedup, uint32_t step, uint64_t epoch)
{
    int64_t bytes = 0;
    for (uint32_t shard = 0; shard < runtime->worker_count; shard++) {
        const struct actor       *actor = is_dedup ? &runtime->stage1[shard].actor : &runtime->stage2[shard].actor;
        const struct output_step *of    = &actor->outputs[epoch % EPOCHS_UNDER_WAY].steps[step];
        bytes += of->state_used_bytes;
        state->entry_count += of->state_entries;
    }
    state->bytes += bytes;
    if (state->largest != NULL && bytes <= state->largest_bytes)
        return;
    state->largest       = is_dedup ? runtime->steps[0].dedup->step_name : runtime->steps[0].operators[step]->step_name;
    state->largest_bytes = bytes;
}

void
budget_weigh(struct runtime *runtime, uint64_t epoch)
{
    const int64_t     bytes_max = runtime->graph->runtime.state_bytes_max;
    struct live_state state     = { 0 };
    add_step(&state, runtime, true, 0, epoch);
    for (uint32_t i = 0; i < runtime->steps[0].operator_count; i++)
        add_step(&state, runtime, false, i, epoch);
    state.is_full          = bytes_max > 0 && state.bytes > bytes_max;
    runtime->summary.state = state;
    runtime->summary.state_full_epoch_count += state.is_full;
    atomic_store(&runtime->is_state_full, state.is_full);
}

bool
budget_holds(const struct worker *worker, int64_t now_us)
{
    const int64_t since_us = now_us - worker->polled_at_us; /* Negative where the clock was set back. */
    return atomic_load(&worker->runtime->is_state_full) && since_us >= 0 && since_us < PAUSE_US;
}
