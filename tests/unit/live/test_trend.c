/* Trends as a table: results before C1 on the left, the line on the right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/decimal.h"
#include "base/time.h"
#include "live/rule/trend.h"

#define POINT_MAX 40
#define NOW_US    (1000 * US_PER_DAY)

/* "<hours>:<value>", oldest first; s behind the hours: 30 seconds older. */
struct example {
    const char *before;
    double      c1;
    const char *found; /* "<fires> <results> <begin> <end> <percent>" */
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
        if (*end == 's') {
            age_us += 30 * US_PER_SECOND;
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
assert_all(const struct rule_trend *rule, const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct series_point  points[POINT_MAX];
        struct trend_finding finding;
        char                 found[80];
        const size_t         point_count = read_points(examples[i].before, points);
        trend_judge(points, point_count, NOW_US, micro(examples[i].c1), rule, &finding);
        snprintf(found, sizeof(found), "%s %u %g %g %g", !finding.fires ? "no" : finding.direction == DIRECTION_RISE ? "rise" : "fall", finding.time_count,
                 (double)finding.begin / 1e6, (double)finding.end / 1e6, (double)finding.change_percent / 1e6);
        if (strcmp(found, examples[i].found) != 0)
            fail_msg("%s then %g: %s, not %s", examples[i].before, examples[i].c1, found, examples[i].found);
    }
}
#define ASSERT_ALL(RULE, ...) \
    do { \
        static const struct example examples[] = { __VA_ARGS__ }; \
        assert_all((RULE), examples, sizeof(examples) / sizeof(*examples)); \
    } while (0)

static const struct rule_trend platelets = { .within_us = 240 * US_PER_HOUR, .result_count = 4, .reaches = true, .limits = { 50000000, 50000000 } };

static void
a_line_fires_by_its_share(void **state)
{
    (void)state;
    ASSERT_ALL(&platelets,
               /* On a line: 50 % is reached, and not. */
               { "72:200 48:166.666667 24:133.333333", 100, "fall 4 200 100 -50" }, { "90:200 60:170 30:140", 110, "no 4 200 110 -45" },
               { "90:200 60:166 30:132", 98, "fall 4 200 98 -51" }, { "90:100 60:116 30:132", 148, "no 4 100 148 48" }, { "90:100 60:117 30:134", 151, "rise 4 100 151 51" },
               { "90:300 60:250 30:200", 150, "fall 4 300 150 -50" }, { "90:300 60:250 30:200", 150.000001, "no 4 300 150 -50" },
               /* Three results are no trend, however far they fall; nor are four of which two were taken in one minute. */
               { "60:300 30:200", 100, "no 3 300 100 -66.6667" }, { "60s:300 30:200 0s:110", 100, "no 3 300 100 -66.6667" },
               { "", 100, "no 1 0 0 0" });
}

/* Of five results one may be anything. Of four the last pulls the line by half of what it is off: not by 50 % of what falls, but by any share of what rises. */
static void
one_of_five_results_does_not_make_a_trend(void **state)
{
    (void)state;
    ASSERT_ALL(&platelets, { "120:200 90:200 60:200 30:200", 10, "no 5 200 200 0" }, { "120:200 90:200 60:200 30:200", 10000, "no 5 200 200 0" },
               { "90:200 60:10 30:200", 200, "no 4 200 200 0" }, { "120:300 90:250 60:900 30:150", 100, "fall 5 300 100 -66.6667" },
               { "90:200 60:200 30:200", 0.000001, "no 4 216.667 116.667 -46.1538" }, { "90:200 60:200 30:200", 500, "rise 4 175 325 85.7143" });
}

static void
the_window_and_what_lies_in_it(void **state)
{
    (void)state;
    ASSERT_ALL(&platelets, { "240:400 160:300 80:200", 100, "fall 4 400 100 -75" }, { "240s:400 160:300 80:200", 100, "no 3 300 100 -66.6667" });
    struct rule_trend five = platelets;
    five.result_count      = 5;
    ASSERT_ALL(&five, { "240:400 160:300 80:200", 100, "no 4 400 100 -75" });
    struct rule_trend exceeds = platelets;
    exceeds.reaches           = false;
    ASSERT_ALL(&exceeds, { "90:300 60:250 30:200", 150, "no 4 300 150 -50" }, { "90:300 60:250 30:200", 149, "fall 4 300.083 149.583 -50.1527" });
    struct rule_trend rise = platelets;
    rise.limits[DIRECTION_FALL] = 0;
    ASSERT_ALL(&rise, { "90:300 60:250 30:200", 100, "no 4 304.167 129.167 -57.5342" });
}

/* The line falls by half, its last result does not. */
static void
the_result_itself_must_be_as_far(void **state)
{
    (void)state;
    ASSERT_ALL(&platelets, { "90:300 60:200 30:100", 200, "no 4 283.333 83.3333 -70.5882" }, { "90:300 60:200 30:100", 144, "fall 4 288 60 -79.1667" },
               { "90:300 60:200 30:100", 144.000001, "no 4 288 60 -79.1667" });
}

/* A line that begins at or below 0 has risen by any share. */
static void
a_line_may_begin_below_nothing(void **state)
{
    (void)state;
    ASSERT_ALL(&platelets, { "100:1 30:1 20:300 10:500", 900, "rise 5 -1498 749.5 0" });
}

/* Results of one minute make no slope. */
static void
results_of_one_minute_make_no_line(void **state)
{
    (void)state;
    struct series_point  points[3];
    struct trend_finding finding;
    for (uint32_t i = 0; i < 3; i++)
        points[i] = (struct series_point){ NOW_US - 3 + i, 100000000 - i * 30000000, i, false };
    trend_judge(points, 3, NOW_US, 1000000, &platelets, &finding);
    assert_false(finding.has_line);
    assert_false(finding.fires);
    assert_int_equal(finding.time_count, 1);
}

/* The newest of too many; numbers as large as they may be keep the sums within 128 bits, larger ones are not judged. */
static void
many_and_large_results(void **state)
{
    (void)state;
    struct series_point  points[POINT_MAX];
    struct trend_finding finding;
    struct rule_trend    long_rule = platelets;
    long_rule.within_us            = TREND_DAYS_MAX * US_PER_DAY;
    long_rule.limits[DIRECTION_RISE] = 200000000;
    for (uint32_t i = 0; i < POINT_MAX; i++)
        points[i] = (struct series_point){ NOW_US - (int64_t)(POINT_MAX - i) * US_PER_HOUR, i < POINT_MAX - TREND_POINT_COUNT_MAX + 1 ? 900000000 : 100000000, i, false };
    trend_judge(points, POINT_MAX, NOW_US, 100000000, &platelets, &finding);
    assert_int_equal(finding.point_count, TREND_POINT_COUNT_MAX - 1);
    assert_int_equal(finding.change_percent, 0);
    for (uint32_t i = 0; i < 3; i++)
        points[i] = (struct series_point){ NOW_US - TREND_DAYS_MAX * US_PER_DAY + (int64_t)i * US_PER_MINUTE, i == 0 ? 1 : i == 1 ? TREND_VALUE_MAX - 1 : 1, i, false };
    trend_judge(points, 3, NOW_US, TREND_VALUE_MAX - 1, &long_rule, &finding);
    assert_int_equal(finding.begin, INT64_C(1125899906842625));
    assert_int_equal(finding.end, INT64_C(3377699720527872));
    assert_int_equal(finding.change_percent, 200000000); /* Rounded: it is 199.99999999999983. */
    assert_false(finding.fires);
    long_rule.limits[DIRECTION_RISE] = 199999999;
    trend_judge(points, 3, NOW_US, TREND_VALUE_MAX - 1, &long_rule, &finding);
    assert_true(finding.fires);
    points[0].value = TREND_VALUE_MAX - 1;
    points[1].value = 1;
    trend_judge(points, 3, NOW_US, 1, &long_rule, &finding);
    assert_true(finding.has_line);
    assert_true(finding.begin <= DECIMAL_VALUE_MAX && finding.end >= -DECIMAL_VALUE_MAX);
    points[1].value = TREND_VALUE_MAX;
    trend_judge(points, 3, NOW_US, 1, &long_rule, &finding);
    assert_false(finding.has_line);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_fires_by_its_share),
        cmocka_unit_test(one_of_five_results_does_not_make_a_trend),
        cmocka_unit_test(the_window_and_what_lies_in_it),
        cmocka_unit_test(the_result_itself_must_be_as_far),
        cmocka_unit_test(a_line_may_begin_below_nothing),
        cmocka_unit_test(results_of_one_minute_make_no_line),
        cmocka_unit_test(many_and_large_results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
