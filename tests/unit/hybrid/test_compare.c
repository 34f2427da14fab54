/* What a backtest and a store say differently: pairs, the most alike first; and the reason of each difference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str_builder.h"
#include "hybrid/compare.h"

#define NO_HISTORY "{\"events\":[{\"source\":\"E\",\"partition_id\":\"p\",\"position\":1}],\"history_from\":null}"

static struct store_alert
alert(const char *id, const char *subject, const char *status, const char *reason, const char *value)
{
    return (struct store_alert){ .alert_id = str_from(id), .rule = STR("r"), .rule_version = STR("1"), .limits_approved = true, .severity = STR("high"),
                                 .status = str_from(status), .status_reason = str_from(reason), .subject_system = STR("S"), .subject_id = str_from(subject),
                                 .code = STR("c"), .value = str_from(value), .event_time_us = 1000, .effective_time_us = 500, .evidence = STR(NO_HISTORY) };
}

/* "live history reason" a line, '-' where one is missing; first how many say the same. */
static void
expect(struct comparison_input input, const char *expected)
{
    struct str_builder found = STR_BUILDER_EMPTY;
    struct comparison  comparison;
    struct error       err = ERROR_EMPTY;
    struct arena       arena;

    arena_init(&arena, 0);
    assert_int_equal(compare_alerts(&input, &arena, &comparison, &err), ST_OK);
    str_builder_printf(&found, "%zu same\n", comparison.same_count);
    for (size_t i = 0; i < comparison.difference_count; i++) {
        const struct difference *difference = &comparison.differences[i];
        struct str               live       = difference->live != NULL ? difference->live->alert_id : STR("-");
        struct str               history    = difference->history != NULL ? difference->history->alert_id : STR("-");
        str_builder_printf(&found, "%.*s %.*s %s\n", STR_PRINTF(live), STR_PRINTF(history), difference_reason_name(difference->reason));
    }
    assert_string_equal(str_builder_cstr(&found), expected);
    str_builder_release(&found);
    arena_release(&arena);
}

static struct comparison_input
input_of(struct backtest_result *result, struct store_alert *history, size_t history_count, const struct store_alert *live, size_t live_count)
{
    result->alerts      = history;
    result->alert_count = history_count;
    return (struct comparison_input){ .result = result, .live = live, .live_count = live_count, .stream_begin_us = INT64_MIN, .stream_end_us = INT64_MAX };
}

static void
pairs(void **state)
{
    struct backtest_result result    = { .history_us = 0 };
    struct store_alert     live[]    = { alert("l1", "b", "open", "", "1"), alert("l2", "a", "open", "", "1"), alert("l3", "a", "open", "", "2"), alert("l4", "c", "open", "", "1") };
    struct store_alert     history[] = { alert("h1", "a", "open", "", "2"), alert("h2", "a", "revised", "corrected", "3"), alert("h3", "b", "open", "", "1"), alert("h4", "d", "open", "", "1") };

    (void)state;
    expect(input_of(&result, NULL, 0, NULL, 0), "0 same\n");
    /* Of two that are known by the same, those that say the same belong together, and what is left is one difference. */
    expect(input_of(&result, history, 4, live, 4), "2 same\nl2 h2 unknown\nl4 - unknown\n- h4 unknown\n");
}

/* Each thing that an alert says. */
static void
what_counts(void **state)
{
    struct backtest_result  result  = { .history_us = 0 };
    struct store_alert      live    = alert("l", "a", "open", "", "1");
    struct store_alert      history = alert("h", "a", "open", "", "1");
    const bool              yes     = true;
    struct comparison_input input   = input_of(&result, &history, 1, &live, 1);

    (void)state;
    expect(input, "1 same\n");
    history.severity = STR("low");
    expect(input, "0 same\nl h unknown\n");
    history       = live;
    history.value = STR("1.0");
    expect(input, "0 same\nl l unknown\n");
    history               = live;
    history.status_reason = STR("cooldown");
    expect(input, "0 same\nl l unknown\n");
    input.is_personal = &yes; /* The status is a person's. */
    expect(input, "1 same\n");
    history                   = live;
    history.effective_time_us = 501;
    expect(input, "0 same\nl - unknown\n- l unknown\n");
    history      = live;
    history.code = STR("d");
    expect(input, "0 same\nl - unknown\n- l unknown\n");
    history                = live;
    history.subject_system = STR("T");
    expect(input, "0 same\nl - unknown\n- l unknown\n");
    history      = live;
    history.rule = STR("q");
    expect(input, "0 same\n- l unknown\nl - unknown\n");
}

static void
reasons(void **state)
{
    struct backtest_result  result  = { .history_us = 1000000 };
    struct store_alert      live    = alert("l", "a", "retracted", "superseded", "1");
    struct store_alert      history = alert("h", "a", "open", "", "1");
    struct comparison_input alone   = input_of(&result, &history, 0, &live, 1);

    (void)state;
    expect(alone, "0 same\nl - superseded\n");
    live.status_reason = STR("explained");
    expect(alone, "0 same\nl - explained\n");
    live.status_reason = STR("corrected");
    expect(alone, "0 same\nl - unknown\n");
    live.evidence = STR("{\"events\":[],\"history_from\":\"1970-01-01T00:00:02Z\"}");
    expect(alone, "0 same\nl - history_from\n");
    live.evidence = STR("{\"events\":[],\"history_from\":\"1970-01-01T00:00:01Z\"}");
    expect(alone, "0 same\nl - unknown\n");
    live.evidence = STR("{\"events\":[{\"source\":\"E\"},{\"source\":\"letters\"}],\"history_from\":null}");
    expect(alone, "0 same\nl - letters\n");
    live.evidence = STR("no JSON");
    expect(alone, "0 same\nl - unknown\n");

    struct comparison_input both = input_of(&result, &history, 1, &live, 1);
    expect(both, "0 same\nl h unknown\n");
    history.rule_version = STR("2");
    expect(both, "0 same\nl h rule\n");
    history.rule_version    = STR("1");
    history.limits_approved = false;
    expect(both, "0 same\nl h rule\n");

    /* One side alone has it, and the other side's alerts of the rule are all of another version. */
    struct store_alert      others[] = { alert("o", "b", "open", "", "1"), alert("p", "c", "open", "", "1") };
    struct comparison_input other    = input_of(&result, &history, 1, others, 1);
    expect(other, "0 same\n- h rule\no - rule\n");
    others[1].limits_approved = false;
    other.live_count          = 2;
    expect(other, "0 same\n- h unknown\no - rule\np - unknown\n");
    history.limits_approved = true;

    struct comparison_input only = input_of(&result, &history, 1, &live, 0);
    expect(only, "0 same\n- h unknown\n");
    only.stream_end_us = 1000; /* Its own time. */
    expect(only, "0 same\n- h outside\n");
    only.stream_end_us   = 1001;
    only.stream_begin_us = 1001;
    expect(only, "0 same\n- h outside\n");
    only.stream_begin_us = 1000;
    expect(only, "0 same\n- h unknown\n");
}

static void
each_reason_has_words(void **state)
{
    (void)state;
    for (int i = 0; i < DIFFERENCE_REASON_COUNT; i++) {
        assert_true(strlen(difference_reason_name((enum difference_reason)i)) > 0);
        assert_true(strlen(difference_reason_help((enum difference_reason)i)) > 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs),
        cmocka_unit_test(what_counts),
        cmocka_unit_test(reasons),
        cmocka_unit_test(each_reason_has_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
