/* Where the time of a stream went: shares, what an event costs, and the sentence that names the largest, worked out by hand from round numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cli/slow.h"

static struct live_cost    cost;
static struct live_summary summary;

/* 1,000 events in a second of processor: 300 ms of decoding, 200 of the rule's rows and 150 of its barriers, 100 of commits; a quarter is nobody's. */
static int
setup(void **state)
{
    (void)state;
    cost    = (struct live_cost){ .step_count = 2, .thread_count = 2 };
    summary = (struct live_summary){ .cpu_us = 1000000, .account.received = 990, .letters.received = 10 };
    snprintf(cost.step_names[0], sizeof cost.step_names[0], "dedup");
    snprintf(cost.step_names[1], sizeof cost.step_names[1], "rule");
    cost.ns[COST_DECODE]     = 300000000;
    cost.ns[cost_rows(1)]    = 200000000;
    cost.ns[cost_barrier(1)] = 150000000;
    cost.ns[COST_COMMIT]     = 100000000;
    cost.threads[0]          = (struct cost_thread){ .wall_us = 2000000, .wait_us = { [COST_IDLE] = 1000000 } };
    cost.threads[1]          = (struct cost_thread){ .wall_us = 2000000, .wait_us = { [COST_IDLE] = 400000, [COST_EPOCH] = 600000 } };
    return 0;
}

static const char *
printed(struct str_builder *text)
{
    str_builder_clear(text);
    assert_int_equal(slow_print(&cost, &summary, 0, text, NULL), ST_OK);
    return str_builder_cstr(text);
}

/* The line that begins with `name` has these columns, whatever blanks are between them. */
static void
check_line(const char *text, const char *name, const char *columns)
{
    char        found[256] = "";
    const char *line       = strstr(text, name);
    while (line != NULL && line != text && line[-1] != '\n')
        line = strstr(line + 1, name);
    assert_non_null(line);
    size_t size = 0;
    for (const char *at = line + strlen(name); *at != '\n' && size + 1 < sizeof found; at++)
        if (*at != ' ' || (size > 0 && found[size - 1] != ' '))
            found[size++] = *at;
    found[size] = '\0';
    assert_string_equal(found, columns);
}

static void
parts(void **state)
{
    struct str_builder text = STR_BUILDER_EMPTY;
    (void)state;
    printed(&text);
    check_line(text.data, "decode", "300.0 30.0 % 300000.0");
    check_line(text.data, "rule rows", "200.0 20.0 % 200000.0");
    check_line(text.data, "rule barrier", "150.0 15.0 % 150000.0");
    check_line(text.data, "dedup rows", "0.0 0.0 % 0.0");
    check_line(text.data, "others", "250.0 25.0 % 250000.0");
    check_line(text.data, "all", "1000.0 100.0 % 1000000.0");
    /* In the order in which a record comes to them. */
    assert_true(strstr(text.data, "exchange") < strstr(text.data, "dedup rows") && strstr(text.data, "rule barrier") < strstr(text.data, "seal"));
    assert_true(strstr(text.data, "committer") < strstr(text.data, "others"));
    str_builder_release(&text);
}

static void
waits(void **state)
{
    struct str_builder text = STR_BUILDER_EMPTY;
    (void)state;
    printed(&text);
    check_line(text.data, "     0", "2.0 50.0 % 50.0 % 0.0 % 0.0 % 0.0 % 0.0 % 0.0 %");
    check_line(text.data, "     1", "2.0 50.0 % 20.0 % 0.0 % 0.0 % 30.0 % 0.0 % 0.0 %");
    assert_null(strstr(text.data, "of their time")); /* 35 % idle. */
    cost.threads[1].wait_us[COST_IDLE] = 999999;
    assert_null(strstr(printed(&text), "of their time")); /* A microsecond less than half. */
    cost.threads[1].wait_us[COST_IDLE] = 1000000;
    assert_non_null(strstr(printed(&text), "50 % of their time the threads had nothing to read: the stream keeps up with its log. Most of"));
    str_builder_release(&text);
}

/* Rows and barriers of a step count together, and what helps depends on which of them is the larger. */
static void
advice(void **state)
{
    struct str_builder text = STR_BUILDER_EMPTY;
    (void)state;
    assert_non_null(strstr(printed(&text), "Most of the processor's time, 35 %, went to rule, mostly to what the step does with each row; what helps: more threads"));
    cost.ns[cost_barrier(1)] = 200000001;
    assert_non_null(strstr(printed(&text), "went to rule, mostly to what the step closes and tells at the end of an epoch; what helps: longer epochs"));
    cost.ns[cost_barrier(1)] = 100000000; /* As much as decoding, which comes first. */
    assert_non_null(strstr(printed(&text), "Most of the processor's time, 30 %, went to decode, finding fields in the bytes of records; what helps: name in the binding"));
    for (unsigned part = 0; part < COST_STEP; part++) { /* Each has something that helps. */
        memset(cost.ns, 0, sizeof cost.ns);
        cost.ns[part] = 1;
        printed(&text);
        assert_null(strstr(text.data, "(null)"));
        assert_non_null(strstr(text.data, "; what helps: "));
    }
    str_builder_release(&text);
}

/* Nothing came, nothing was measured: no division by nothing. */
static void
nothing(void **state)
{
    struct str_builder text = STR_BUILDER_EMPTY;
    struct json_out    json;
    (void)state;
    memset(cost.ns, 0, sizeof cost.ns);
    summary = (struct live_summary){ .cpu_us = 0 };
    cost.threads[0] = cost.threads[1] = (struct cost_thread){ .wall_us = 0 };
    check_line(printed(&text), "all", "0.0 0.0 % 0.0");
    str_builder_clear(&text);
    json_out_init(&json, &text, 0);
    slow_print_json(&cost, &summary, &json);
    assert_non_null(strstr(str_builder_cstr(&text), "{\"part\":\"rule barrier\",\"cpu_ns\":0,\"share\":0,\"ns_per_event\":0}"));
    assert_null(strstr(text.data, "nan"));
    str_builder_release(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test_setup(parts, setup), cmocka_unit_test_setup(waits, setup), cmocka_unit_test_setup(advice, setup),
                                        cmocka_unit_test_setup(nothing, setup) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
