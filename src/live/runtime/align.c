/* Partitions read at different speed (R5): those far ahead of the slowest one wait for it. */
#include "live/runtime/runtime_int.h"

int64_t
align_place(const struct partition *partition)
{
    return partition->is_idle || partition->is_done ? INT64_MAX : partition->intake.watermark_us;
}

void
align_tell(struct worker *worker)
{
    struct runtime *runtime = worker->runtime;
    int64_t         slowest = INT64_MAX;
    for (uint32_t i = worker->index; i < worker->partition_count; i += runtime->worker_count) {
        int64_t place = align_place(runtime->partitions[i]);
        slowest       = place < slowest ? place : slowest;
    }
    if (atomic_exchange(&worker->slowest_us, slowest) == slowest)
        return;
    for (uint32_t i = 0; i < runtime->worker_count; i++)
        if (i != worker->index && atomic_load(&runtime->workers[i].is_waiting))
            waker_wake(&runtime->threads[i].waker);
}

void
align_moved(struct worker *worker, const struct partition *partition, int64_t before)
{
    const int64_t slowest = atomic_load(&worker->slowest_us), place = align_place(partition);
    if (place != before && (before <= slowest || place < slowest))
        align_tell(worker);
}

static bool
is_ahead(const struct runtime *runtime, const struct partition *partition)
{
    const int64_t ahead_us = atomic_load(&runtime->is_state_full) ? 0 : runtime->graph->runtime.ahead_us;
    int64_t       slowest  = INT64_MAX;
    for (uint32_t i = 0; i < runtime->worker_count; i++) {
        int64_t other = atomic_load(&runtime->workers[i].slowest_us);
        slowest       = other < slowest ? other : slowest;
    }
    return slowest < INT64_MAX - ahead_us && partition->intake.watermark_us > slowest + ahead_us;
}

bool
align_waits(struct worker *worker, const struct partition *partition)
{
    if (!is_ahead(worker->runtime, partition))
        return false;
    atomic_store(&worker->is_waiting, true); /* Before the second look: who moves in between sees it, and wakes. */
    return is_ahead(worker->runtime, partition);
}
