/* Reference change values, worked out by hand (square roots and logarithms of another program). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "health/reference_change.h"

static void
known_values(void **state)
{
    (void)state;
    static const struct {
        int64_t cva, cvi, z, rise, fall, skewed_rise, skewed_fall;
    } cases[] = {
        { 1300000, 2700000, 1960000, 8306331, 8306331, 8659035, 7968997 },
        { 3000000, 4600000, 1960000, 15222526, 15222526, 16428909, 14110678 },
        { 5000000, 20000000, 1650000, 48105353, 48105353, 60971435, 37877177 },
        { 3000000, 4000000, 1000000, 7071068, 7071068, 7322329, 6822745 }, /* 5 √2 */
        { 0, 0, 1960000, 0, 0, 0, 0 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reference_change change = { cases[i].cva, cases[i].cvi, cases[i].z, false };
        assert_int_equal(reference_change_rise(&change), cases[i].rise);
        assert_int_equal(reference_change_fall(&change), cases[i].fall);
        change.is_skewed = true;
        assert_int_equal(reference_change_rise(&change), cases[i].skewed_rise);
        assert_int_equal(reference_change_fall(&change), cases[i].skewed_fall);
    }
}

/* The largest that may be given: no overflow; a skewed fall stays below 100 %. */
static void
largest_values(void **state)
{
    (void)state;
    struct reference_change change = { REFERENCE_CHANGE_CV_MAX, REFERENCE_CHANGE_CV_MAX, REFERENCE_CHANGE_Z_MAX, false };
    assert_int_equal(reference_change_rise(&change), INT64_C(20000000000)); /* √2 · 10 · √2 · 1,000 % */
    change.is_skewed = true;
    assert_int_equal(reference_change_rise(&change), INT64_MAX);
    assert_int_equal(reference_change_fall(&change), 100000000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(known_values), cmocka_unit_test(largest_values) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
