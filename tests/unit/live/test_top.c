/* What a stream says of itself: rates over a second or two, and who holds time back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "live/top.h"

static void
test_rates(void **state)
{
    struct live_top top = { .step_count = 1 };
    (void)state;
    live_top_tick(&top, 5000000);
    assert_int_equal(top.steps[0].rows_per_s, 0);
    top.steps[0].row_count = 300;
    top.bytes              = 3000;
    live_top_tick(&top, 5500000); /* Half a second. */
    assert_int_equal(top.steps[0].rows_per_s, 600);
    assert_int_equal(top.bytes_per_s, 6000);
    live_top_tick(&top, 6000000); /* A sample is taken; before it, the first. */
    assert_int_equal(top.steps[0].rows_per_s, 300);
    top.steps[0].row_count = 400;
    live_top_tick(&top, 7000000); /* Since the second one. */
    assert_int_equal(top.steps[0].rows_per_s, 100);
    live_top_tick(&top, 8000000); /* Nothing more comes, and the rate goes to nothing. */
    assert_int_equal(top.steps[0].rows_per_s, 0);
}

static void
test_holder(void **state)
{
    struct live_top_partition partitions[] = { { .watermark_us = 30 }, { .watermark_us = 20 }, { .watermark_us = 10, .is_idle = true } };
    struct live_top           top          = { .partitions = partitions, .partition_count = 3 };
    (void)state;
    assert_int_equal(live_top_holder(&top), 1); /* An idle one holds nobody. */
    partitions[2].is_idle = false;
    assert_int_equal(live_top_holder(&top), 2);
    partitions[0].watermark_us = partitions[1].watermark_us = 10;
    assert_int_equal(live_top_holder(&top), UINT32_MAX); /* All alike. */
    top.partition_count = 0;
    assert_int_equal(live_top_holder(&top), UINT32_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rates), cmocka_unit_test(test_holder) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
