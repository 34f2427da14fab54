#include "live/cost.h"

#include "base/check.h"

void
cost_begin(struct cost_meter *meter, int64_t (*now_ns)(void))
{
    *meter = (struct cost_meter){ .now_ns = now_ns, .last_ns = now_ns() };
}

void
cost_lap_now(struct cost_meter *meter, unsigned part)
{
    const int64_t now_ns = meter->now_ns();

    CHECK(part < COST_PART_COUNT);
    meter->ns[part] += now_ns - meter->last_ns;
    meter->last_ns = now_ns;
}

void
cost_add(struct live_cost *cost, const struct cost_meter *meter)
{
    for (unsigned i = 0; i < COST_PART_COUNT; i++)
        cost->ns[i] += meter->ns[i];
}
