/* Delta checks as a table: results before C1 on the left, what fires on the right. Every kind of limit with the numbers at its boundary. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "live/rule/delta.h"

#define POINT_MAX 8
#define NOW_US    (1000 * US_PER_DAY)

/* "<hours>h:<value>", oldest first; - is one microsecond older. */
struct example {
    const char *before;
    double      c1;
    const char *found; /* "<direction> <measure> <hours of the earlier result>" */
};

static int64_t
micro(double value)
{
    return (int64_t)(value * 1000000 + 0.5);
}

static size_t
read_points(const char *text, struct series_point *points)
{
    size_t count = 0;
    while (*text != '\0') {
        char   *end;
        int64_t age_us = strtol(text, &end, 10) * US_PER_HOUR;
        assert_int_equal(*end++, 'h');
        if (*end == '-') {
            age_us++;
            end++;
        }
        assert_int_equal(*end, ':');
        assert_true(count < POINT_MAX);
        points[count] = (struct series_point){ NOW_US - age_us, micro(strtod(end + 1, &end)), (uint32_t)count, false };
        count++;
        text = *end == ' ' ? end + 1 : end;
    }
    return count;
}

static void
assert_all(const struct rule_delta *rule, const struct example *examples, size_t count)
{
    static const char *const DIRECTIONS[] = { "rise", "fall" }, *const MEASURES[] = { "absolute", "percent", "change" };
    for (size_t i = 0; i < count; i++) {
        struct series_point  points[POINT_MAX];
        struct delta_finding finding;
        char                 found[40] = "nothing";
        const size_t         point_count = read_points(examples[i].before, points);
        delta_judge(points, point_count, NOW_US, micro(examples[i].c1), rule, &finding);
        if (finding.fires)
            snprintf(found, sizeof(found), "%s %s %lld", DIRECTIONS[finding.direction], MEASURES[finding.measure],
                     (long long)((NOW_US - finding.from[finding.direction]->effective_us) / US_PER_HOUR));
        if (strcmp(found, examples[i].found) != 0)
            fail_msg("%s then %g: %s, not %s", examples[i].before, examples[i].c1, found, examples[i].found);
    }
}
#define ASSERT_ALL(RULE, ...) \
    do { \
        static const struct example examples[] = { __VA_ARGS__ }; \
        assert_all((RULE), examples, sizeof(examples) / sizeof(*examples)); \
    } while (0)

/* As delivered: haemoglobin, 2 g/dL within 48 hours, from the highest. */
static void
a_fall_is_counted_from_the_highest_of_the_window(void **state)
{
    (void)state;
    struct rule_delta rule = { .within_us = 48 * US_PER_HOUR, .is_against_extreme = true, .reaches = true, .limits = { { 0, 2000000 } } };
    ASSERT_ALL(&rule, { "", 3, "nothing" }, { "10h:12", 10, "fall absolute 10" }, { "10h:12", 10.000001, "nothing" }, { "10h:12", 14, "nothing" },
               { "48h:12", 10, "fall absolute 48" }, { "48h-:12", 10, "nothing" }, /* The window's end is in it. */
               { "40h:12 20h:11", 10, "fall absolute 40" },                        /* Two steps of 1 are a fall of 2, */
               { "40h:10.5 20h:12 5h:11", 10, "fall absolute 20" },                /* wherever the highest stands. */
               { "60h:14 20h:11", 10, "nothing" }, { "40h:12 20h:12", 10, "fall absolute 40" });
    rule.reaches = false;
    ASSERT_ALL(&rule, { "10h:12", 10, "nothing" }, { "10h:12", 9.999999, "fall absolute 10" });
}

static void
the_previous_result_is_the_last_before(void **state)
{
    (void)state;
    const struct rule_delta rule = { .within_us = 24 * US_PER_HOUR, .reaches = true, .limits = { { 5000000, 3000000 } } };
    ASSERT_ALL(&rule, { "10h:100 5h:104", 105, "nothing" }, { "10h:100 5h:104", 109, "rise absolute 5" }, { "10h:100 5h:104", 108.999999, "nothing" },
               { "10h:100 5h:104", 101, "fall absolute 5" }, { "10h:100 5h:104", 101.000001, "nothing" }, { "30h:100", 200, "nothing" },
               { "24h:100", 105, "rise absolute 24" });
}

static void
a_rise_is_counted_from_the_lowest(void **state)
{
    (void)state;
    const struct rule_delta rule = { .within_us = 24 * US_PER_HOUR, .is_against_extreme = true, .reaches = true, .limits = { { 5000000, 5000000 } } };
    ASSERT_ALL(&rule, { "10h:100 5h:104", 105, "rise absolute 10" }, { "10h:100 5h:98", 104, "rise absolute 5" },
               { "10h:104 5h:90", 99, "rise absolute 5" }, /* Both: the rise is told. */
               { "10h:104 5h:96", 99, "fall absolute 10" });
}

/* Of the earlier result, exactly: a third is no decimal. */
static void
percents_are_of_the_earlier_result(void **state)
{
    (void)state;
    const struct rule_delta rule = { .within_us = 24 * US_PER_HOUR, .reaches = true, .limits = { { 0 }, { 50000000, 50000000 } } };
    ASSERT_ALL(&rule, { "5h:100", 150, "rise percent 5" }, { "5h:100", 149.999999, "nothing" }, { "5h:100", 50, "fall percent 5" }, { "5h:100", 50.000001, "nothing" },
               { "5h:0.000003", 0.000004, "nothing" }, { "5h:0.000003", 0.000005, "rise percent 5" }, { "5h:33.333333", 50, "rise percent 5" },
               { "5h:33.333334", 50, "nothing" }, { "5h:900000000000", 450000000000, "fall percent 5" });
}

/* The first limit in the order absolute, percent, reference change is the one that is told. */
static void
several_limits_are_looked_at_in_their_order(void **state)
{
    (void)state;
    const struct rule_delta rule = { .within_us = 24 * US_PER_HOUR, .limits = { { 30000000, 0 }, { 20000000, 0 }, { 10000000, 10000000 } } };
    ASSERT_ALL(&rule, { "5h:100", 110, "nothing" }, { "5h:100", 110.000001, "rise change 5" }, { "5h:100", 121, "rise percent 5" }, { "5h:100", 131, "rise absolute 5" },
               { "5h:100", 90, "nothing" }, { "5h:100", 89.999999, "fall change 5" }, { "5h:100", 1, "fall change 5" });
}

static void
the_distance_is_that_of_the_smallest_limit(void **state)
{
    (void)state;
    const struct rule_delta   rule  = { .limits = { { 30000000, 0 }, { 20000000, 0 }, { 0, 0 } } };
    const struct series_point small = { 0, 100000000, 0, false }, large = { 0, 400000000, 0, false };
    int64_t                   distance;
    assert_true(delta_distance(&rule, DIRECTION_RISE, &small, &distance));
    assert_int_equal(distance, 20000000);
    assert_true(delta_distance(&rule, DIRECTION_RISE, &large, &distance));
    assert_int_equal(distance, 30000000);
    assert_false(delta_distance(&rule, DIRECTION_FALL, &large, &distance));
    assert_false(delta_distance(&rule, DIRECTION_RISE, NULL, &distance));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fall_is_counted_from_the_highest_of_the_window),
        cmocka_unit_test(the_previous_result_is_the_last_before),
        cmocka_unit_test(a_rise_is_counted_from_the_lowest),
        cmocka_unit_test(percents_are_of_the_earlier_result),
        cmocka_unit_test(several_limits_are_looked_at_in_their_order),
        cmocka_unit_test(the_distance_is_that_of_the_smallest_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
