/* What a committed epoch adds to what the stream says of itself (live/top.h). On the committer's thread. */
#include "base/check.h"
#include "live/runtime/runtime_int.h"

/* Their names are those of the steps of live/top.h, which are numbered alike. */
static void
tap_open(struct runtime *runtime)
{
    struct live_tap       *tap   = runtime->options->tap;
    const struct step_set *steps = &runtime->steps[0];

    if (tap == NULL)
        return;
    live_tap_name(tap, 0, "decode");
    live_tap_name(tap, 1, steps->dedup->step_name);
    for (uint32_t i = 0; i < steps->operator_count; i++)
        live_tap_name(tap, i + 2, steps->operators[i]->step_name);
    live_tap_open(tap, steps->operator_count + 2);
}

enum status
top_open(struct runtime *runtime, struct error *err)
{
    struct live_top       *top   = runtime->options->top;
    const struct step_set *steps = &runtime->steps[0];

    tap_open(runtime);
    if (top == NULL)
        return ST_OK;
    *top            = (struct live_top){ .generation = runtime->generation, .epoch = runtime->committed, .committed_at_us = INT64_MIN, .watermark_us = runtime->watermark_us };
    top->partitions = ARENA_ARRAY(&runtime->arena, struct live_top_partition, PARTITION_CAPACITY);
    if (top->partitions == NULL)
        return error_no_memory(err);
    top->committed_monotonic_us        = clock_monotonic_us(runtime->options->clock);
    top->steps[top->step_count++].name = "decode";
    top->steps[top->step_count++].name = steps->dedup->step_name;
    for (uint32_t i = 0; i < steps->operator_count; i++)
        top->steps[top->step_count++].name = steps->operators[i]->step_name;
    CHECK(top->step_count <= LIVE_TOP_STEP_COUNT_MAX);
    return ST_OK;
}

/* Steps of all shards: stage 1 has dedup, stage 2 the others, in their order. */
static void
add_steps(const struct runtime *runtime, uint64_t epoch, struct live_top *top)
{
    for (uint32_t i = 1; i < top->step_count; i++)
        top->steps[i].state_bytes = top->steps[i].state_entries = 0;
    for (uint32_t shard = 0; shard < runtime->worker_count; shard++)
        for (uint32_t i = 1; i < top->step_count; i++) {
            const struct actor       *actor = i == 1 ? &runtime->stage1[shard].actor : &runtime->stage2[shard].actor;
            const struct output_step *step  = &actor->outputs[epoch % EPOCHS_UNDER_WAY].steps[i == 1 ? 0 : i - 2];
            top->steps[i].row_count += step->row_count;
            top->steps[i].state_bytes += step->state_bytes;
            top->steps[i].state_entries += step->state_entries;
        }
}

static void
add_partitions(const struct runtime *runtime, uint64_t epoch, struct live_top *top)
{
    const uint32_t count = atomic_load(&runtime->partition_count);

    top->partition_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct partition        *partition = runtime->partitions[i];
        const struct partition_report *report    = &partition->reports[epoch % EPOCHS_UNDER_WAY];
        if (is_letters(runtime, partition))
            continue;
        top->partitions[top->partition_count++] = (struct live_top_partition){ .id = runtime->partition_ids[i], .position = report->end, .end = report->log_end,
                                                                              .watermark_us = report->watermark_us, .is_idle = report->is_idle };
    }
}

void
top_epoch(struct runtime *runtime, uint64_t epoch, int64_t committed_at_us, int64_t commit_us)
{
    struct live_top *top = runtime->options->top;
    int64_t          now;

    if (top == NULL)
        return;
    now                         = clock_monotonic_us(runtime->options->clock);
    top->epoch                  = epoch;
    top->committed_at_us        = committed_at_us;
    top->commit_us              = commit_us;
    top->epoch_us               = now - top->committed_monotonic_us;
    top->committed_monotonic_us = now;
    top->watermark_us           = runtime->watermark_us;
    top->state                  = runtime->summary.state;
    top->bytes                  = runtime->summary.account.bytes;
    top->steps[0].row_count     = runtime->summary.account.received + runtime->summary.letters.received;
    add_steps(runtime, epoch, top);
    add_partitions(runtime, epoch, top);
}

/* Of stage 1 the lanes from workers to dedup, of stage 2 those from dedup to the steps behind it. What is counted may be on its way: it is a look, not an account. */
void
top_queues(struct runtime *runtime)
{
    struct live_top *top   = runtime->options->top;
    const uint32_t   count = runtime->worker_count;

    for (uint32_t stage = 0; top != NULL && stage < LIVE_TOP_QUEUE_COUNT; stage++) {
        struct live_top_queue *queue = &top->queues[stage];
        *queue = (struct live_top_queue){ .from = stage == 0 ? "decode" : "dedup", .to = stage == 0 ? "dedup" : "steps",
                                          .ring_count = count * count, .ring_capacity = LIVE_LANE_CHUNK_COUNT };
        for (uint32_t i = 0; i < count * count; i++) {
            const size_t   waiting = ring_count(&runtime->lanes[stage * count * count + i].full); /* Barriers too, which take no chunk. */
            const uint32_t used    = waiting < LIVE_LANE_CHUNK_COUNT ? (uint32_t)waiting : LIVE_LANE_CHUNK_COUNT;
            queue->used += used;
            if (used <= queue->fullest_used)
                continue;
            queue->fullest_used = used;
            queue->fullest_from = i / count;
            queue->fullest_to   = i % count;
        }
    }
}
