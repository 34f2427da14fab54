/* What a stream that runs says of itself: what it has committed, how fast, and what holds it up.
 *
 * The committer alone writes and reads it, between two transactions: once a committed epoch, from what the actors counted of it, so that the path
 * of a row has no counter that others read. What is under way shows with its epoch. */
#ifndef HEDDLE_LIVE_TOP_H
#define HEDDLE_LIVE_TOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/str.h"
#include "base/str_builder.h"

/* The source's records, dedup, and the keyed steps behind it. */
#define LIVE_TOP_STEP_COUNT_MAX (STEP_COUNT_MAX + 2)

struct live_top_step {
    const char *name;
    int64_t     row_count; /* That came to it, since the start of this process. */
    int64_t     rows_per_s;
    int64_t     state_bytes; /* Memory that its state holds, at the end of the last epoch. */
    int64_t     state_entries;
};

struct live_top_partition {
    struct str id;
    int64_t    position; /* Committed. */
    int64_t    end;      /* Of the log, when the epoch was cut; -1: not known. */
    int64_t    watermark_us; /* INT64_MIN: none yet. */
    bool       is_idle;
};

/* What the keyed steps remember, at the end of a committed epoch. */
struct live_state {
    int64_t     bytes; /* That entries take. */
    int64_t     entry_count;
    const char *largest; /* The step that has most of it; the graph's. NULL: nothing was committed yet. */
    int64_t     largest_bytes;
    bool        is_full; /* Beyond runtime.state: logs are read slowly. */
};

/* Chunks that wait in the rings between two actors, of all threads, when the stream last looked. A full ring holds up who fills it. */
struct live_top_queue {
    const char *from, *to;
    uint32_t    ring_count; /* One for each pair of threads, … */
    uint32_t    ring_capacity; /* … of so many chunks. */
    uint32_t    used;       /* In all of them. */
    uint32_t    fullest_from, fullest_to, fullest_used; /* The fullest, by its threads. */
};
#define LIVE_TOP_QUEUE_COUNT 2

/* A second or two are looked back on. */
struct live_top_sample {
    int64_t at_us; /* Monotonic. */
    int64_t rows[LIVE_TOP_STEP_COUNT_MAX];
    int64_t bytes;
};

struct live_top {
    bool                       is_running;
    uint64_t                   generation;
    uint64_t                   epoch; /* The last one that is committed. */
    int64_t                    committed_at_us; /* INT64_MIN: nothing yet since the start. */
    int64_t                    epoch_us;  /* Between the last two commits. */
    int64_t                    commit_us; /* What the last one took. */
    int64_t                    bytes; /* Committed since the start, as the rows of the steps. */
    int64_t                    bytes_per_s;
    int64_t                    watermark_us; /* What windows close by; INT64_MIN: none yet. */
    struct live_top_step       steps[LIVE_TOP_STEP_COUNT_MAX];
    uint32_t                   step_count;
    struct live_state          state; /* What all steps remember together. */
    struct live_top_queue      queues[LIVE_TOP_QUEUE_COUNT];
    struct live_top_partition *partitions; /* The runtime's. */
    uint32_t                   partition_count;
    struct live_top_sample     before, last;
    int64_t                    committed_monotonic_us;
};

/* Rates, from what was committed since a sample that is a second old or more. Called some times a second. */
void live_top_tick(struct live_top *top, int64_t monotonic_us);

/* Which partition holds time back: not idle, and the others are ahead of it. UINT32_MAX: none. */
uint32_t live_top_holder(const struct live_top *top);

/* One JSON object, without patient data. */
void live_top_print(const struct live_top *top, struct str_builder *out);

#endif
