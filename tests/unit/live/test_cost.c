/* Laps of a meter: what passed since the lap before belongs to the part that is named, and nothing is lost between them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "live/cost.h"

static int64_t now_ns;

static int64_t
read_now(void)
{
    return now_ns;
}

static void
laps(void **state)
{
    static struct live_cost cost;
    struct cost_meter       first, second;
    (void)state;
    now_ns = 1000;
    cost_begin(&first, read_now);
    now_ns += 5;
    cost_lap(&first, COST_READ);
    now_ns += 7;
    cost_lap(&first, cost_rows(0));
    now_ns += 11;
    cost_lap(&first, cost_barrier(STEP_COUNT_MAX));
    now_ns += 13;
    cost_lap(&first, COST_READ);
    cost_begin(&second, read_now); /* A thread that begins later, on a clock of its own. */
    now_ns += 100;
    cost_lap(&second, COST_READ);
    cost_lap(NULL, COST_READ); /* Nobody asks. */
    cost_add(&cost, &first);
    cost_add(&cost, &second);
    assert_int_equal(cost.ns[COST_READ], 118);
    assert_int_equal(cost.ns[cost_rows(0)], 7);
    assert_int_equal(cost.ns[cost_barrier(STEP_COUNT_MAX)], 11);
    int64_t sum = 0;
    for (unsigned part = 0; part < COST_PART_COUNT; part++)
        sum += cost.ns[part];
    assert_int_equal(sum, 136);
}

/* Each part has its place: none of the steps' is another's, or one of those that all have. */
static void
places(void **state)
{
    (void)state;
    for (unsigned step = 0; step < COST_STEP_COUNT_MAX; step++) {
        assert_true(cost_rows(step) > COST_COMMITTER && cost_barrier(step) < COST_PART_COUNT);
        assert_int_equal(cost_barrier(step), cost_rows(step) + 1);
        assert_int_equal(cost_rows(step + 1), cost_barrier(step) + 1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(laps), cmocka_unit_test(places) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
