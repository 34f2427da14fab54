#include "base/clock.h"

#include "base/check.h"

static int64_t
manual_now_us(void *context)
{
    struct manual_clock *manual = context;
    return atomic_load(&manual->wall_us);
}

static int64_t
manual_monotonic_us(void *context)
{
    struct manual_clock *manual = context;
    return atomic_load(&manual->elapsed_us);
}

void
manual_clock_init(struct manual_clock *manual, int64_t now_us)
{
    manual->clock = (struct clock){ manual_now_us, manual_monotonic_us, manual };
    atomic_init(&manual->wall_us, now_us);
    atomic_init(&manual->elapsed_us, 0);
}

void
manual_clock_advance(struct manual_clock *manual, int64_t duration_us)
{
    CHECK(duration_us >= 0);
    atomic_fetch_add(&manual->wall_us, duration_us);
    atomic_fetch_add(&manual->elapsed_us, duration_us);
}

void
manual_clock_set(struct manual_clock *manual, int64_t now_us)
{
    atomic_store(&manual->wall_us, now_us);
}
