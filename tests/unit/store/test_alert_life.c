/* What a rule tells of an alert on which a person has acted, and what an act makes of it: L2 to L4 of alert_life.h, as tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/alert_life.h"

static struct alert_newest
newest_of(const char *status, const char *severity, const char *value, bool is_handled)
{
    return (struct alert_newest){ .revision = 2, .status = str_from(status), .status_reason = STR("why"), .severity = str_from(severity), .value = str_from(value),
                                  .unit = STR("mmol/L"), .handled = is_handled ? STR("{}") : STR_EMPTY };
}

static void
test_told(void **state)
{
    static const struct {
        const char *was, *was_severity, *was_value;
        bool        is_handled;
        const char *told, *told_severity, *told_value;
        bool        is_silent;
        const char *status;
    } cases[] = {
        /* Nobody has acted: as the rule says. */
        { "open", "high", "7.4", false, "revised", "high", "7.4", false, "revised" },
        { "open", "high", "7.4", false, "open", "high", "7.4", false, "open" },
        { "retracted", "high", "7.4", false, "open", "high", "7.4", false, "open" },
        { "closed", "high", "7.4", false, "revised", "high", "7.4", false, "revised" }, /* Closed by its rule. */
        /* The same again, or less grave: silent. */
        { "acknowledged", "high", "7.4", true, "revised", "high", "7.4", true, "acknowledged" },
        { "acknowledged", "high", "7.4", true, "open", "high", "7.4", true, "acknowledged" },
        { "acknowledged", "critical", "7.4", true, "revised", "high", "7.4", true, "acknowledged" },
        { "closed", "high", "7.4", true, "revised", "high", "7.4", true, "closed" },
        { "closed", "high", "7.4", true, "closed", "high", "7.4", true, "closed" },
        { "retracted", "high", "4.1", true, "retracted", "high", "4.1", true, "retracted" },
        /* Graver. */
        { "acknowledged", "high", "7.4", true, "revised", "critical", "7.4", false, "revised" },
        { "acknowledged", "low", "7.4", true, "open", "medium", "7.4", false, "revised" },
        { "closed", "medium", "7.4", true, "revised", "high", "7.4", false, "revised" },
        { "closed", "medium", "7.4", true, "open", "critical", "7.4", false, "revised" },
        { "acknowledged", "high", "7.4", true, "retracted", "critical", "4.1", false, "retracted" },
        /* Another value. */
        { "acknowledged", "high", "7.4", true, "revised", "high", "7.5", false, "revised" },
        { "acknowledged", "high", "7.4", true, "revised", "low", "7.3", false, "revised" },
        { "closed", "high", "", true, "revised", "high", "7.4", false, "revised" },
        { "retracted", "high", "4.1", true, "retracted", "high", "4.2", false, "retracted" },
        /* Retracted, or fired again. */
        { "acknowledged", "high", "7.4", true, "retracted", "high", "7.4", false, "retracted" },
        { "closed", "high", "7.4", true, "retracted", "high", "7.4", false, "retracted" },
        { "retracted", "high", "7.4", true, "open", "high", "7.4", false, "revised" },
        { "retracted", "high", "7.4", true, "revised", "high", "7.4", false, "revised" },
        /* Closed by its rule: who got it hears so. */
        { "acknowledged", "high", "7.4", true, "closed", "high", "7.4", false, "closed" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct alert_newest newest = newest_of(cases[i].was, cases[i].was_severity, cases[i].was_value, cases[i].is_handled);
        const struct store_alert  told   = { .status = str_from(cases[i].told), .severity = str_from(cases[i].told_severity),
                                             .value = str_from(cases[i].told_value), .unit = STR("mmol/L") };
        if (alert_life_is_silent(&newest, &told) != cases[i].is_silent || !str_equal(alert_life_status(&newest, &told), str_from(cases[i].status)))
            fail_msg("case %zu", i);
    }
}

static void
test_another_unit(void **state)
{
    const struct alert_newest newest = newest_of("acknowledged", "high", "7.4", true);
    const struct store_alert  told   = { .status = STR("revised"), .severity = STR("high"), .value = STR("7.4"), .unit = STR("mg/dL") };
    (void)state;
    assert_false(alert_life_is_silent(&newest, &told));
}

static void
test_acts(void **state)
{
    static const struct {
        const char         *was;
        bool                is_handled;
        enum store_handling handling;
        bool                is_new;
        const char         *status, *reason;
    } cases[] = {
        { "open", false, STORE_ACKNOWLEDGE, true, "acknowledged", "why" },
        { "revised", false, STORE_ACKNOWLEDGE, true, "acknowledged", "why" },
        { "acknowledged", true, STORE_ACKNOWLEDGE, false, NULL, NULL },
        { "retracted", false, STORE_ACKNOWLEDGE, true, "retracted", "why" },
        { "retracted", true, STORE_ACKNOWLEDGE, false, NULL, NULL },
        { "closed", true, STORE_ACKNOWLEDGE, false, NULL, NULL },
        { "closed", false, STORE_ACKNOWLEDGE, false, NULL, NULL },
        { "open", false, STORE_CLOSE, true, "closed", "by_person" },
        { "revised", false, STORE_CLOSE, true, "closed", "by_person" },
        { "acknowledged", true, STORE_CLOSE, true, "closed", "by_person" },
        { "retracted", false, STORE_CLOSE, true, "retracted", "why" },
        { "retracted", true, STORE_CLOSE, false, NULL, NULL },
        { "closed", true, STORE_CLOSE, false, NULL, NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct alert_newest newest = newest_of(cases[i].was, "high", "7.4", cases[i].is_handled);
        struct str                status = STR_EMPTY, reason = STR_EMPTY;
        if (alert_life_act(&newest, cases[i].handling, &status, &reason) != cases[i].is_new)
            fail_msg("case %zu", i);
        if (cases[i].is_new && (!str_equal(status, str_from(cases[i].status)) || !str_equal(reason, str_from(cases[i].reason))))
            fail_msg("case %zu: %.*s, %.*s", i, STR_PRINTF(status), STR_PRINTF(reason));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_told), cmocka_unit_test(test_another_unit), cmocka_unit_test(test_acts) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
