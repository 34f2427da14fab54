/* Where the processor time of a stream goes, and what its threads wait for (heddle stream --explain-slow).
 *
 * Each thread has a meter and laps it at borders of chunks: what passed on the thread's own clock since the lap before belongs to the part that is named. So
 * all time of a thread belongs to some part, and nothing is measured a row. A lap asks the system once, some 300 ns. Without a meter it is one look at a pointer. */
#ifndef HEDDLE_LIVE_COST_H
#define HEDDLE_LIVE_COST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

enum cost_part {
    COST_START,     /* Recovery, partitions, history: before the first row. */
    COST_READ,      /* Bytes of the log. */
    COST_DECODE,    /* To fields. */
    COST_PROGRAM,   /* Fields to entity columns. */
    COST_ROWS,      /* Order of positions, lateness, event rows; dead letters. */
    COST_PERSONS,   /* Identities hashed, looked up in the patient master. */
    COST_SEND,      /* Rows to the shards that own their keys. */
    COST_SEAL,      /* State of the steps into the epoch's record. */
    COST_BARRIER,   /* All else of a barrier. */
    COST_LOOP,      /* A thread's look for work. */
    COST_MERGE,     /* The committer: what the actors told of an epoch, as one. */
    COST_RECORD,    /* The state's record, sealed and written. */
    COST_COMMIT,    /* The transaction, checkpoints. */
    COST_DELIVER,   /* Outbox and commands, as far as the committer has to do with them. */
    COST_COMMITTER, /* Its look for work. */
    COST_STEP,      /* Of step s rows at COST_STEP + 2 s, barriers behind them; dedup is step 0. */
};
#define COST_STEP_COUNT_MAX (STEP_COUNT_MAX + 1)
#define COST_PART_COUNT     (COST_STEP + 2 * COST_STEP_COUNT_MAX)

static inline unsigned
cost_rows(unsigned step)
{
    return COST_STEP + 2 * step;
}

static inline unsigned
cost_barrier(unsigned step)
{
    return COST_STEP + 2 * step + 1;
}

/* What a thread sleeps for. */
enum cost_wait {
    COST_IDLE,        /* Nothing to read. */
    COST_RING_DEDUP,  /* The ring to some dedup shard is full. */
    COST_RING_STEPS,  /* The ring to some shard of windows and rules is full. */
    COST_EPOCH,       /* The epoch is full, and those before it are not committed. */
    COST_AHEAD,       /* For a slower partition of another thread (R5). */
    COST_STATE_FULL,  /* State is beyond runtime.state. */
    COST_WAIT_COUNT
};

/* One thread's. */
struct cost_meter {
    int64_t (*now_ns)(void); /* Processor time of the calling thread. */
    int64_t last_ns;
    int64_t ns[COST_PART_COUNT];
    int64_t wall_us; /* Of the thread's life. */
    int64_t wait_us[COST_WAIT_COUNT];
};

struct cost_thread {
    int64_t wall_us;
    int64_t wait_us[COST_WAIT_COUNT];
};

/* The caller's: gives the clock, and reads the rest when live_run is back. */
struct live_cost {
    int64_t (*now_ns)(void);
    int64_t            ns[COST_PART_COUNT]; /* Of all threads. */
    char               step_names[COST_STEP_COUNT_MAX][PLAN_NAME_SIZE_MAX + 1];
    uint32_t           step_count;
    struct cost_thread threads[PLAN_WORKER_COUNT_MAX];
    uint32_t           thread_count;
};

/* From now on; on the thread itself. */
void cost_begin(struct cost_meter *meter, int64_t (*now_ns)(void));
void cost_lap_now(struct cost_meter *meter, unsigned part);
/* Parts of the meter are added. */
void cost_add(struct live_cost *cost, const struct cost_meter *meter);

static inline void
cost_lap(struct cost_meter *meter, unsigned part)
{
    if (meter != NULL)
        cost_lap_now(meter, part);
}

#endif
