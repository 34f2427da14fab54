/* The robust z: numbers worked out by hand, and random peers beside a plain calculation in fractions of whole numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/int128.h"
#include "base/random.h"
#include "live/rule/robust.h"

#define LIMIT_3_5 INT64_C(3500000)
#define COUNT_MAX 60

static int
compare(const void *left, const void *right)
{
    const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

/* Peers as the rule has them: ascending, each value once, with values of nobody between them. */
static size_t
gather(uint32_t *numbers, size_t count, struct robust_value *values)
{
    size_t kept = 0;
    qsort(numbers, count, sizeof(*numbers), compare);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || values[kept - 1].value != numbers[i]) {
            if (numbers[i] % 3 == 0 && numbers[i] > 0 && (kept == 0 || values[kept - 1].value < numbers[i] - 1))
                values[kept++] = (struct robust_value){ numbers[i] - 1, 0 };
            values[kept++] = (struct robust_value){ numbers[i], 0 };
        }
        values[kept - 1].count++;
    }
    return kept;
}

static struct robust
robust_of_numbers(const uint32_t *numbers, size_t count)
{
    uint32_t            sorted[COUNT_MAX];
    struct robust_value values[2 * COUNT_MAX];
    struct robust       robust;
    memcpy(sorted, numbers, count * sizeof(*numbers));
    robust_of(values, gather(sorted, count, values), &robust);
    return robust;
}

#define ROBUST(...) robust_of_numbers((const uint32_t[]){ __VA_ARGS__ }, sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static void
median_and_deviations(void **state)
{
    (void)state;
    struct robust robust = ROBUST(1, 2, 3, 4, 100); /* Median 3; deviations 2 1 0 1 97. */
    assert_int_equal(robust.median2, 6);
    assert_int_equal(robust.mad4, 4);
    assert_int_equal(robust.deviations2, 2 * 101);
    assert_int_equal(robust_spread(&robust), 14826);
    robust = ROBUST(1, 2, 4, 10); /* Median 3; deviations 2 1 1 7, their median 1.5. */
    assert_int_equal(robust.median2, 6);
    assert_int_equal(robust.mad4, 6);
    assert_int_equal(robust_spread(&robust), 22239);
    robust = ROBUST(7);
    assert_int_equal(robust.median2, 14);
    assert_int_equal(robust.mad4, 0);
    assert_int_equal(robust.deviations2, 0);
}

static void
a_limit_that_is_met_exactly_is_reached(void **state)
{
    (void)state;
    struct robust robust = ROBUST(5000, 10000, 15000); /* 1.4826 · 5,000 = 7,413. */
    assert_int_equal(robust_least(&robust, 2000000), 10000 + 2 * 7413);
    assert_true(robust_reaches(&robust, 24826, 2000000));
    assert_false(robust_reaches(&robust, 24825, 2000000));
    assert_int_equal(robust_z(&robust, 24826), 2000);
    assert_int_equal(robust_z(&robust, 24825), 1999);
    assert_int_equal(robust_z(&robust, 10000), 0);
    assert_int_equal(robust_z(&robust, 9999), -1); /* -0.000135: rounded down. */
}

static void
where_most_are_equal_the_mean_deviation_stands_in(void **state)
{
    (void)state;
    struct robust robust = ROBUST(10, 10, 10, 10, 20); /* MAD 0; mean deviation 2; 1.253314 · 2 = 2.506628; · 3.5 = 8.773198 */
    assert_int_equal(robust.mad4, 0);
    assert_int_equal(robust_spread(&robust), 25066);
    assert_int_equal(robust_least(&robust, LIMIT_3_5), 19);
    assert_false(robust_reaches(&robust, 18, LIMIT_3_5));
    assert_true(robust_reaches(&robust, 19, LIMIT_3_5));
    assert_int_equal(robust_z(&robust, 19), 3590);
}

static void
where_all_are_equal_any_more_is_beyond(void **state)
{
    (void)state;
    struct robust robust = ROBUST(10, 10, 10);
    assert_int_equal(robust_spread(&robust), 0);
    assert_int_equal(robust_least(&robust, LIMIT_3_5), 11);
    assert_false(robust_reaches(&robust, 10, LIMIT_3_5));
    assert_true(robust_reaches(&robust, 11, LIMIT_3_5));
    assert_int_equal(robust_z(&robust, 11), INT64_MAX);
    assert_int_equal(robust_z(&robust, 10), 0);
    assert_int_equal(robust_z(&robust, 9), INT64_MIN);
}

static void
of_nobody_nothing_follows(void **state)
{
    (void)state;
    struct robust robust;
    robust_of(&(struct robust_value){ 5, 0 }, 1, &robust);
    assert_int_equal(robust.count, 0);
    assert_false(robust_reaches(&robust, 1000000, 1));
    assert_int_equal(robust_least(&robust, 1), INT64_MAX);
    assert_int_equal(robust_spread(&robust), 0);
    assert_int_equal(robust_z(&robust, 1000000), 0);
}

static void
large_numbers_do_not_overflow(void **state)
{
    (void)state;
    const struct robust_value values[] = { { 1, 1000000000 }, { 1000000000, 1000000000 }, { 2000000000, 147483647 } };
    struct robust             robust;
    robust_of(values, 3, &robust);
    assert_int_equal(robust.median2, 2000000000);
    assert_false(robust_reaches(&robust, UINT32_MAX, 1000000000));
    assert_true(robust_reaches(&robust, 1000001483, 1)); /* A millionth of 1.4826 · 999,999,999. */
    assert_false(robust_reaches(&robust, 1000001482, 1));
    assert_true(robust_least(&robust, 1000000000) > UINT32_MAX);
}

/* x · 1.4826 MAD against the limit, all times what makes it whole; the mean deviation where MAD is 0. */
static bool
plainly_reaches(const uint32_t *numbers, size_t count, uint32_t x, int64_t limit)
{
    uint32_t sorted[COUNT_MAX], deviations[COUNT_MAX];
    int64_t  sum = 0;
    memcpy(sorted, numbers, count * sizeof(*numbers));
    qsort(sorted, count, sizeof(*sorted), compare);
    const int64_t median2 = (int64_t)sorted[(count - 1) / 2] + sorted[count / 2];
    for (size_t i = 0; i < count; i++) {
        deviations[i] = (uint32_t)llabs(2 * (long long)sorted[i] - median2);
        sum += deviations[i];
    }
    qsort(deviations, count, sizeof(*deviations), compare);
    const int64_t mad4 = (int64_t)deviations[(count - 1) / 2] + deviations[count / 2], above = 2 * (int64_t)x - median2;
    if (above <= 0)
        return false;
    if (mad4 > 0) /* above / 2 >= limit / 10^6 · 14826 / 10^4 · mad4 / 4 */
        return (int128)above * 2 * 1000000 * 10000 >= (int128)limit * 14826 * mad4;
    return (int128)above * (int64_t)count * 1000000 * 1000000 >= (int128)limit * 1253314 * sum;
}

static void
random_peers(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, 7);
    for (int i = 0; i < 20000; i++) {
        uint32_t      numbers[COUNT_MAX];
        const size_t  count = (size_t)random_between(&random, 1, COUNT_MAX);
        const int64_t range = random_between(&random, 1, 40), limit = random_between(&random, 1, 6000000);
        for (size_t k = 0; k < count; k++)
            numbers[k] = (uint32_t)random_between(&random, 1, range);
        const struct robust robust = robust_of_numbers(numbers, count);
        for (uint32_t x = 0; x < 120; x += 1 + (uint32_t)random_below(&random, 9))
            assert_int_equal(robust_reaches(&robust, x, limit), plainly_reaches(numbers, count, x, limit));
        const int64_t least = robust_least(&robust, limit);
        assert_true(robust_reaches(&robust, (uint32_t)least, limit));
        assert_true(least == 0 || !robust_reaches(&robust, (uint32_t)least - 1, limit));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(median_and_deviations),
        cmocka_unit_test(a_limit_that_is_met_exactly_is_reached),
        cmocka_unit_test(where_most_are_equal_the_mean_deviation_stands_in),
        cmocka_unit_test(where_all_are_equal_any_more_is_beyond),
        cmocka_unit_test(of_nobody_nothing_follows),
        cmocka_unit_test(large_numbers_do_not_overflow),
        cmocka_unit_test(random_peers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
