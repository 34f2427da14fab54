/* Acute kidney injury as a table: results before C1 on the left, the stage on the right. Every branch of the algorithm with the
 * numbers at its boundary. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "live/rule/kidney.h"

#define POINT_MAX 8
#define NOW_US    (1000 * US_PER_DAY)

/* "<age><unit>:<value>", oldest first; units d and h, and - one microsecond older. Values in umol/L. */
struct example {
    const char *before;
    double      c1;
    const char *found; /* "<stage> <cause> <reference>" */
};

static const struct rule_kidney standard = {
    .counts_whole_days = true, .recent_days = 7, .look_back_days = 365, .ratios = { 1500000, 2000000, 3000000 }, .ratio_reaches = true,
    .rise = 26000000, .rise_window_us = 48 * US_PER_HOUR, .level = 354000000, .level_multiple = 3000000,
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
        int64_t age_us = strtol(text, &end, 10);
        age_us *= *end == 'd' ? US_PER_DAY : US_PER_HOUR;
        end++;
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
assert_found(const struct rule_kidney *rule, const struct example *example, struct kidney_result result)
{
    static const char *const   CAUSES[] = { "nothing", "ratio", "level", "rise" }, *const REFERENCES[] = { "none", "rv1", "rv2" };
    struct series_point        points[POINT_MAX];
    const struct series_point *scratch[POINT_MAX];
    struct kidney_finding      finding;
    char                       found[40];
    const size_t               count = read_points(example->before, points);
    result.effective_us = NOW_US;
    result.value        = micro(example->c1);
    kidney_judge(points, count, &result, rule, scratch, &finding);
    snprintf(found, sizeof(found), "%d %s %s", finding.stage, CAUSES[finding.cause], REFERENCES[finding.reference]);
    if (strcmp(found, example->found) != 0)
        fail_msg("%s then %g: %s, not %s", example->before, example->c1, found, example->found);
}

static void
assert_all(const struct rule_kidney *rule, const struct example *examples, size_t count, struct kidney_result result)
{
    for (size_t i = 0; i < count; i++)
        assert_found(rule, &examples[i], result);
}
#define ASSERT_ALL(RULE, EXAMPLES, ...) assert_all((RULE), (EXAMPLES), sizeof(EXAMPLES) / sizeof(*(EXAMPLES)), (struct kidney_result){ __VA_ARGS__ })

static void
test_standard(void **state)
{
    (void)state;
    static const struct example examples[] = {
        /* Nothing in a year: no stage, however high. */
        { "", 900, "0 nothing none" },
        { "366d:60", 900, "0 nothing none" },
        { "365d:60", 90, "1 ratio rv2" },
        { "365d-:60", 90, "1 ratio rv2" }, /* Day 365 is over when the 366th begins. */
        /* The ratio: 1.5, 2, 3 reached and not. */
        { "3d:100", 149.999999, "0 nothing rv1" },
        { "3d:100", 150, "1 ratio rv1" },
        { "3d:100", 199.999999, "1 ratio rv1" },
        { "3d:100", 200, "2 ratio rv1" },
        { "3d:100", 299.999999, "2 ratio rv1" },
        { "3d:100", 300, "3 ratio rv1" },
        { "100d:100", 150, "1 ratio rv2" },
        { "100d:33.333333", 50, "1 ratio rv2" },
        { "100d:33.333334", 50, "0 nothing rv2" },
        /* The level: above 354, with a ratio of 1.5 only. */
        { "3d:200", 354, "1 ratio rv1" },
        { "3d:200", 354.000001, "3 level rv1" },
        { "3d:330", 400, "0 nothing rv1" },
        { "100d:150", 354.000001, "3 level rv2" },
        { "100d:100", 354.000001, "3 ratio rv2" }, /* By ratio already. */
        /* RV1 is the lowest of days 0 to 7, RV2 the median of days 8 to 365. */
        { "7d:80 6d:100 1d:140", 120, "1 ratio rv1" },
        { "8d:80 7d-:90", 120, "1 ratio rv2" },
        { "7d-:70", 105, "1 ratio rv1" }, /* Still day 7. */
        { "8d:70", 105, "1 ratio rv2" },
        { "300d:60 200d:80 100d:200", 120, "1 ratio rv2" },
        { "300d:60 200d:80 100d:200", 119.999999, "0 nothing rv2" },
        { "300d:60 200d:80 100d:81 50d:200", 120.75, "1 ratio rv2" }, /* Even: the mean of both in the middle, 80.5. */
        { "300d:60 200d:80 100d:81 50d:200", 120.749999, "0 nothing rv2" },
        /* The higher ratio of both, in both directions, and where they are one. */
        { "100d:60 3d:100", 90, "1 ratio rv2" },
        { "100d:100 3d:60", 90, "1 ratio rv1" },
        { "100d:60 3d:60", 90, "1 ratio rv1" },
        /* The rise: more than 26 within 48 hours, where the ratio is below 1.5. */
        { "48h:100", 126, "0 nothing rv1" },
        { "48h:100", 126.000001, "1 rise rv1" },
        { "48h-:100", 126.000001, "0 nothing rv1" },
        { "48h:100 24h:110", 126.000001, "1 rise rv1" },
        { "3d:100 24h:110", 130, "0 nothing rv1" }, /* 20 above the lowest of 48 hours. */
        { "24h:400", 500, "1 rise rv1" },           /* The level counts with the ratio only. */
        { "1h:100", 90, "0 nothing rv1" },
    };
    ASSERT_ALL(&standard, examples, .is_minor = false);
}

/* Under 18 the level is three times the upper limit of the reference range; where that is not known, none is. */
static void
test_minors(void **state)
{
    (void)state;
    static const struct example with[] = {
        { "3d:100", 180, "1 ratio rv1" }, { "3d:100", 180.000001, "3 level rv1" }, { "24h:300", 400, "1 rise rv1" }, { "3d:300", 355, "0 nothing rv1" },
    };
    static const struct example without[] = { { "3d:200", 390, "1 ratio rv1" }, { "3d:100", 300, "3 ratio rv1" } };
    ASSERT_ALL(&standard, with, .is_minor = true, .has_upper = true, .upper = 60000000);
    ASSERT_ALL(&standard, without, .is_minor = true);
}

static void
test_parameters(void **state)
{
    (void)state;
    static const struct example recent[]  = { { "100d:60 3d:100", 90, "0 nothing rv1" }, { "100d:60", 90, "1 ratio rv2" } };
    static const struct example elapsed[] = { { "7d:70", 105, "1 ratio rv1" }, { "7d-:70", 105, "1 ratio rv2" }, { "365d:70", 105, "1 ratio rv2" },
                                              { "365d-:70", 105, "0 nothing none" } };
    static const struct example above[]   = { { "3d:100", 150, "0 nothing rv1" }, { "3d:100", 150.000001, "1 ratio rv1" }, { "3d:100", 200, "1 ratio rv1" },
                                              { "3d:100", 300, "2 ratio rv1" } };
    static const struct example kdigo[]   = { { "24h:100", 126.499999, "0 nothing rv1" }, { "24h:100", 126.5, "1 rise rv1" },
                                              { "3d:200", 353.599999, "1 ratio rv1" }, { "3d:200", 353.6, "3 level rv1" } };
    struct rule_kidney rule = standard;
    rule.prefers_recent = true;
    ASSERT_ALL(&rule, recent, .is_minor = false);
    rule                   = standard;
    rule.counts_whole_days = false;
    ASSERT_ALL(&rule, elapsed, .is_minor = false);
    rule               = standard;
    rule.ratio_reaches = false;
    ASSERT_ALL(&rule, above, .is_minor = false);
    rule      = standard;
    rule.rise = 26500000, rule.rise_reaches = true, rule.level = 353600000, rule.level_reaches = true;
    ASSERT_ALL(&rule, kdigo, .is_minor = false);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_standard), cmocka_unit_test(test_minors), cmocka_unit_test(test_parameters) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
