/* The clock as an argument.
 *
 * Nothing below io/ knows what time it is unless somebody hands it a clock: the real one (io/process.h), or one
 * that a test or a simulation moves by hand. */
#ifndef HEDDLE_BASE_CLOCK_H
#define HEDDLE_BASE_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>

struct clock {
    int64_t (*now_us)(void *context);       /* Microseconds UTC since 1970; may jump. For what is stored and shown. */
    int64_t (*monotonic_us)(void *context); /* Never goes back; starts anywhere. For waits and for measuring. */
    void *context;
};

static inline int64_t
clock_now_us(const struct clock *clock)
{
    return clock->now_us(clock->context);
}

static inline int64_t
clock_monotonic_us(const struct clock *clock)
{
    return clock->monotonic_us(clock->context);
}

/* A clock that stands still until it is moved. Threads may read it while one moves it. */
struct manual_clock {
    struct clock     clock; /* Pass &manual.clock. Points into this struct: do not copy it. */
    _Atomic(int64_t) wall_us;
    _Atomic(int64_t) elapsed_us;
};

void manual_clock_init(struct manual_clock *manual, int64_t now_us);
/* Moves both readings on; duration_us >= 0. */
void manual_clock_advance(struct manual_clock *manual, int64_t duration_us);
/* Sets the wall clock alone, as an administrator would: it may go back. */
void manual_clock_set(struct manual_clock *manual, int64_t now_us);

#endif
