/* Critical values as a table: a history on the left, the alerts that follow from it on the right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "live/rule/critical.h"

#define HISTORY_MAX 8

/* A result a word: "<hour><result><what>", what: c critical, m critical of medium severity, n normal, w withdrawn,
 * p a promotion that says the critical value, q one that says a normal one. */
struct example {
    const char *history;
    const char *alerts; /* "<index of the firing result>:<status>" joined by blanks. */
};

static const struct example examples[] = {
    { "", "" },
    { "1An", "" },
    { "1Ac", "0:open" },
    { "1Ac 1Ac", "0:revised" },
    { "1Ac 1An", "0:retracted" },
    { "1Ac 1Aw", "0:retracted" },
    { "1An 1Ac", "1:open" },
    { "1Aw 1Ac", "1:open" },
    { "1Ac 1An 1Ac", "0:revised" },
    { "1Ac 2Bc", "0:open 1:closed" },
    { "1Ac 5Bc", "0:open 1:open" },
    { "1Am 2Bc", "0:open 1:open" },
    { "1Ac 2Bm", "0:open 1:closed" },
    { "1Am 2Bc 5Cm", "0:open 1:open 2:closed" },
    { "1Ac 1Aw 2Bc", "0:retracted 2:open" },
    { "1Ac 2Bc 4Cc", "0:open 1:closed 2:closed" },
    { "1Ac 2Bc 6Cc", "0:open 1:closed 2:open" },
    { "1Ac 2Bc 2Bn", "0:open 1:closed" },
    { "1Am 1Ac 2Bm", "0:revised 2:closed" },
    { "1Ap", "0:open" },
    { "1Aq", "" },
    { "1Ac 1Ap", "0:open" },
    { "1Ac 1Ac 1Ap", "0:revised" },
    { "1Ac 1Aq", "0:open" },
    { "1An 1Ap", "1:open" },
    { "1Ac 1An 1Ap", "0:revised" },
    { "1Ac 1An 1Aq", "0:retracted" },
    { "1Ap 1Ac", "0:revised" },
    { "1Ap 2Bc", "0:open 1:closed" },
};

static size_t
read_history(const char *text, struct critical_result *results, char ids[HISTORY_MAX][32])
{
    size_t count = 0;
    for (; *text != '\0'; text += text[3] == ' ' ? 4 : 3, count++) {
        snprintf(ids[count], sizeof(ids[count]), "e%zu", count);
        results[count] = (struct critical_result){
            .effective_us = text[0] - '0',
            .event_us = (int64_t)count,
            .event_id = str_from(ids[count]),
            .result_key = { .low = (uint64_t)text[1] },
            .is_withdrawn = text[2] == 'w',
            .is_promotion = text[2] == 'p' || text[2] == 'q',
            .is_critical = text[2] == 'c' || text[2] == 'm' || text[2] == 'p',
            .severity = text[2] == 'm' ? SEVERITY_MEDIUM : SEVERITY_CRITICAL,
        };
    }
    return count;
}

static void
alerts_follow_from_history(void **state)
{
    (void)state;
    static const char *const names[] = { "open", "revised", "retracted", "closed" };
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        struct critical_result results[HISTORY_MAX];
        struct critical_alert  alerts[HISTORY_MAX];
        char                   ids[HISTORY_MAX][32], text[200] = "";
        size_t                 count = read_history(examples[i].history, results, ids), used = 0;
        size_t                 alert_count = critical_judge(results, count, 4, alerts);
        for (size_t j = 0; j < alert_count; j++)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%zu:%s", j == 0 ? "" : " ",
                                     alerts[j].firing_index, names[alerts[j].status]);
        assert_string_equal(text, examples[i].alerts);
    }
}

static void
the_latest_version_and_the_highest_severity_are_told(void **state)
{
    (void)state;
    struct critical_result results[HISTORY_MAX];
    struct critical_alert  alerts[HISTORY_MAX];
    char                   ids[HISTORY_MAX][32];
    size_t                 count = read_history("1Am 1Ac 1An", results, ids);
    assert_int_equal(critical_judge(results, count, 4, alerts), 1);
    assert_int_equal(alerts[0].firing_index, 0);
    assert_int_equal(alerts[0].latest_index, 2);
    assert_int_equal(alerts[0].severity, SEVERITY_CRITICAL);
}

static void
order_is_effective_then_event_time_then_identity(void **state)
{
    (void)state;
    struct critical_result a = { .effective_us = 1, .event_us = 9, .event_system = STR("s"), .event_id = STR("x") };
    struct critical_result b = a;
    assert_int_equal(critical_compare(&a, &b), 0);
    b.event_id = STR("y");
    assert_true(critical_compare(&a, &b) < 0);
    b.event_system = STR("r");
    assert_true(critical_compare(&a, &b) > 0);
    b.event_us = 10;
    assert_true(critical_compare(&a, &b) < 0);
    b.effective_us = 0;
    assert_true(critical_compare(&a, &b) > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alerts_follow_from_history),
        cmocka_unit_test(the_latest_version_and_the_highest_severity_are_told),
        cmocka_unit_test(order_is_effective_then_event_time_then_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
