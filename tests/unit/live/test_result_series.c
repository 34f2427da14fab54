/* The step of rules about the course of results, by acute kidney injury: examples of what must come out, and random worlds against any
 * chunks, barriers, orders of arrival and restarts. */
#include "rule_run.inc"

#include "live/op/result_series.h"

static int
setup(void **state)
{
    (void)state;
    return rule_setup("acute_kidney_injury", result_series_create);
}

/* A word a result: "<hours><result>=<umol/L>[status]" in partition 0. Status: p preliminary, w withdrawn, u promoted. An upper-case
 * result comes from history. */
static uint32_t
read_events(const char *text, struct event *events)
{
    uint32_t count = 0;
    for (char *end; *text != '\0'; count++) {
        struct event *event = &events[count];
        const int64_t hours = strtol(text, &end, 10);
        const char    name  = *end++;
        assert_int_equal(*end++, '=');
        *event = (struct event){ .entity = "lab_result", .time_us = 500 * DAY + hours * HOUR, .effective_us = 500 * DAY + hours * HOUR, .code = "14682-9",
                                 .unit = "umol/L", .status = "F", .action = "upsert", .patient = "p1", .has_value = true };
        event->partition = name >= 'A' && name <= 'Z' ? -1 : 0;
        snprintf(event->id, sizeof(event->id), "e%u", count);
        snprintf(event->result_id, sizeof(event->result_id), "%c", name | 0x20);
        event->value = (int64_t)(strtod(end, &end) * 1000000 + 0.5);
        if (*end == 'p')
            SET(event->status, "P");
        if (*end == 'w' || *end == 'u') {
            SET(event->status, *end == 'w' ? "W" : "U");
            SET(event->action, *end == 'w' ? "retract" : "promote");
            event->has_value = false;
        }
        text = end + strcspn(end, " ");
        text += strspn(text, " ");
    }
    return count;
}

static const char *
told_of(const char *text, uint32_t barrier_rows)
{
    static struct event events[50];
    run_shape(events, read_events(text, events), (struct shape){ .chunk_rows = 7, .barrier_rows = barrier_rows });
    return told_text();
}

struct example {
    const char *events;
    const char *told;
    const char *severity; /* Of the first alert. */
};

static void
alerts_follow_from_the_course(void **state)
{
    (void)state;
    static const struct example examples[] = {
        { "1a=150", "", NULL },
        { "0a=100 10b=150", "e1:open", "medium" },
        { "0a=100 10b=200", "e1:open", "high" },
        { "0a=100 10b=300", "e1:open", "critical" },
        { "0a=100 10b=126.5", "e1:open", "medium" },
        { "0A=100 10b=150", "e1:open", "medium" },               /* The warehouse's results are what it is compared with; */
        { "0A=100 10B=150", "", NULL },                          /* they fire nothing. */
        { "0A=100 10B=150 10b=150", "e2:open", "medium" },       /* The log repeats what the warehouse has. */
        { "0A=100 10B=90 9b=150", "e2:retracted/corrected", "medium" },
        { "0a=100 10b=150 20c=160", "e1:open e2:closed/cooldown", "medium" },
        { "0a=100 10b=150 20c=310", "e1:open e2:open", "medium" }, /* Worse goes through the cooldown. */
        { "0a=100 10b=150 35c=160", "e1:open e2:open", "medium" },
        { "0a=100 10b=150 10b=120", "e1:retracted/corrected", "medium" },
        { "0a=100 10b=150 10b=210", "e1:revised/corrected", "high" },
        { "0a=100 10b=150 10b=0w", "e1:retracted/withdrawn", "medium" },
        { "0a=100 10b=150 0a=140", "e1:retracted/superseded", "medium" }, /* What it was compared with is corrected, */
        { "0a=100 10b=150 0a=0w", "e1:retracted/superseded", "medium" },  /* or withdrawn, */
        { "0a=140 10b=150 0a=100", "e1:open", "medium" },                 /* or says it only now. */
        { "10b=150 0a=100", "e0:open", "medium" },                        /* It was taken before, and read after. */
        { "0a=100p 10b=150", "", NULL },
        { "0a=100 10b=150p", "", NULL },
        { "0a=100 10b=150p 11b=0u", "e2:open", "medium" },                /* Now it is final. */
        { "0a=100p 1a=0u 10b=150", "e2:open", "medium" },
        { "0a=100 10b=150 10b=150", "e1:revised/corrected", "medium" },
    };
    pack.is_approved = true;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        for (uint32_t barrier_rows = 1; barrier_rows < 4; barrier_rows++) {
            const char *found = told_of(examples[i].events, barrier_rows);
            if (strcmp(found, examples[i].told) != 0)
                fail_msg("%s (a barrier each %u): %s, not %s", examples[i].events, barrier_rows, found, examples[i].told);
            for (uint32_t k = 0; k < told_count && told_count == 1; k++)
                assert_string_equal(told[k].severity, examples[i].severity);
        }
    }
}

/* By mass and by amount, in serum and in blood: one creatinine. Other codes, units that cannot be read, bounds: none. */
static void
codes_and_units_are_one_series(void **state)
{
    (void)state;
    static const struct {
        const char *code, *unit, *comparator;
        int64_t     value;
        bool        fires;
    } cases[] = {
        { "14682-9", "umol/L", "", 150000000, true }, { "2160-0", "mg/dL", "", 1696833, true }, { "2160-0", "mg/dL", "", 1696832, false }, /* 88.4 umol/L */
        { "38483-4", "mg/dL", "", 1700000, true },    { "2160-0", "mg/dL", ">", 1700000, false }, { "2823-3", "mmol/L", "", 150000000, false },
        { "", "umol/L", "", 150000000, false },
    };
    struct event events[2];
    pack.is_approved = true;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(read_events("0a=100 72b=150", events), 2);
        SET(events[1].code, cases[i].code);
        SET(events[1].unit, cases[i].unit);
        SET(events[1].comparator, cases[i].comparator);
        events[1].value = cases[i].value;
        run_shape(events, 2, (struct shape){ .chunk_rows = 1, .barrier_rows = 1 });
        assert_int_equal(told_count, cases[i].fires ? 1 : 0);
    }
}

static void
an_alert_says_what_it_goes_by(void **state)
{
    (void)state;
    pack.is_approved = false;
    told_of("-2400A=68 -2000B=72 0c=100 10d=150", 2);
    assert_int_equal(told_count, 1);
    assert_string_equal(told[0].mode, "shadow");
    assert_false(told[0].is_delivered);
    assert_string_equal(told[0].explanation,
                        "{\"fired_by\":\"ratio\",\"stage\":2,\"unit\":\"umol/L\",\"c1\":150.000000,\"rv1\":{\"value\":100.000000,\"time\":\"1971-05-16T00:00:00.000000Z\"},"
                        "\"rv2\":{\"median\":70.000000,\"results\":2},\"ratio\":2.142857,\"ratio_to\":\"rv2\","
                        "\"lowest_of_window\":{\"value\":100.000000,\"time\":\"1971-05-16T00:00:00.000000Z\"},"
                        "\"no_alert_if\":{\"c1_below\":105.000000,\"and_at_most\":126.000000},\"days_seen\":397}");
    assert_string_equal(told[0].evidence,
                        "{\"events\":[{\"source\":\"EVENTS\",\"partition_id\":\"p0\",\"position\":1},{\"source\":\"EVENTS\",\"partition_id\":\"p0\",\"position\":0},"
                        "{\"source\":\"EVENTS\",\"partition_id\":\"history\",\"position\":0},{\"source\":\"EVENTS\",\"partition_id\":\"history\",\"position\":1}],"
                        "\"history_from\":\"1970-01-02T00:00:00.000000Z\"}");
    told_of("0a=100 10b=150 10b=120", 1); /* What it says is what the newest version says. */
    assert_non_null(strstr(told[0].explanation, "\"fired_by\":\"nothing\",\"stage\":0,\"unit\":\"umol/L\",\"c1\":120.000000"));
}

/* The upper limit of a minor's reference range, as the sender wrote it. */
static void
minors_have_their_own_level(void **state)
{
    (void)state;
    struct event events[2];
    pack.is_approved = true;
    for (int years = 17; years < 19; years++) {
        read_events("0a=200 240b=355", events);
        events[1].has_birth_date = true;
        events[1].birth_date     = 510 - years * 365 - 5;
        run_shape(events, 2, (struct shape){ .chunk_rows = 1, .barrier_rows = 1 });
        assert_string_equal(told[0].severity, years < 18 ? "medium" : "critical");
        assert_int_equal(strstr(told[0].explanation, "\"upper_limit\":null") != NULL, years < 18);
    }
}

static void
who_got_an_alert_hears_what_becomes_of_it(void **state)
{
    (void)state;
    pack.is_approved = true;
    told_of("0a=100 10b=150 0a=140", 2);
    assert_true(told[0].is_delivered);
    assert_int_equal(told[0].revisions, 2);
    told_of("0a=100 10b=150 0a=140", 3); /* In one epoch: nobody has heard of it. */
    assert_false(told[0].is_delivered);
    told_of("0a=100 10b=150 3c=99", 2); /* Another number stands in it: it is told again. */
    assert_int_equal(told[0].revisions, 2);
}

/* ---- Random worlds ---- */

#define EVENT_COUNT 240

static uint32_t
make_world(uint64_t seed, int64_t step_us, struct event *events)
{
    struct random random;
    random_init(&random, seed);
    for (uint32_t i = 0; i < EVENT_COUNT; i++) {
        struct event *event = &events[i];
        const int64_t time  = 1000 * DAY + (int64_t)i * step_us + (int64_t)random_below(&random, 90) * MINUTE;
        *event = (struct event){ .entity = random_below(&random, 20) == 0 ? "encounter" : "lab_result", .partition = (int32_t)random_below(&random, PARTITION_MAX),
                                 .time_us = time, .code = "14682-9", .unit = "umol/L", .status = "F", .action = "upsert", .has_value = true,
                                 .value = 60000000 + (int64_t)random_below(&random, 8) * 30000000 };
        event->effective_us = time - (int64_t)random_below(&random, 300) * MINUTE;
        if (i < EVENT_COUNT / 8) {
            event->partition    = EVENT_PARTITION_HISTORY;
            event->time_us      = event->effective_us = time - (int64_t)random_below(&random, 400) * DAY;
        }
        snprintf(event->id, sizeof(event->id), "e%u", i);
        snprintf(event->patient, sizeof(event->patient), "p%u", (unsigned)random_below(&random, 4));
        if (random_below(&random, 4) == 0) {
            SET(event->code, "2160-0");
            SET(event->unit, "mg/dL");
            event->value = event->value * 5 / 442;
        }
        snprintf(event->result_id, sizeof(event->result_id), "r%u", i / 6 * 6 + (unsigned)random_below(&random, 3));
        const uint64_t kind = random_below(&random, 16);
        if (kind == 0)
            SET(event->status, "D");
        if (kind == 1)
            SET(event->status, "P");
        if (kind == 2) {
            SET(event->status, "U");
            SET(event->action, "promote");
            event->has_value = false;
        }
    }
    return EVENT_COUNT;
}

/* From results every half an hour to every third day, where the first are forgotten before the last come. */
static int64_t
step_of(uint64_t seed)
{
    static const int64_t steps[] = { 30 * MINUTE, 5 * HOUR, 3 * DAY };
    return steps[seed % 3];
}

static void
content_depends_on_events_alone(void **state)
{
    (void)state;
    static struct event      events[EVENT_COUNT];
    static struct told_alert first[ALERT_MAX], other[ALERT_MAX];
    static const struct shape shapes[] = {
        { .chunk_rows = 1, .barrier_rows = 1 },
        { .chunk_rows = 7, .barrier_rows = 11, .restarts = true },
        { .chunk_rows = 2048, .barrier_rows = 50 },
        { .chunk_rows = 5, .barrier_rows = 3, .restarts = true },
    };
    pack.is_approved = false;
    for (uint64_t seed = 1; seed < 24; seed++) {
        uint32_t count = make_world(seed, step_of(seed), events);
        run_shape(events, count, (struct shape){ .chunk_rows = 2048, .barrier_rows = 1000 });
        uint32_t first_count = take_told(first, "-");
        assert_true(first_count > 5);
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
            run_shape(events, count, shapes[i]);
            assert_same_told(first, first_count, other, take_told(other, "-"));
        }
    }
}

/* Which superseded alerts were ever born depends on what came first; nothing else does. */
static void
content_does_not_depend_on_the_order_of_partitions(void **state)
{
    (void)state;
    static struct event      events[EVENT_COUNT];
    static struct told_alert first[ALERT_MAX], other[ALERT_MAX];
    pack.is_approved = true;
    for (uint64_t seed = 1; seed < 24; seed++) {
        uint32_t count = make_world(seed, step_of(seed), events);
        run_shape(events, count, (struct shape){ .chunk_rows = 2048, .barrier_rows = 1000 });
        uint32_t first_count = take_told(first, "superseded");
        for (uint64_t order = 1; order < 5; order++) {
            run_shape(events, count, (struct shape){ .chunk_rows = 5, .barrier_rows = (uint32_t)order * 7, .restarts = order % 2 == 0, .order_seed = order });
            assert_same_told(first, first_count, other, take_told(other, "superseded"));
        }
    }
}

/* A baseline is kept for the rule's history and the time in which what it is compared with may come late. */
static void
state_is_freed(void **state)
{
    (void)state;
    struct error        err = ERROR_EMPTY;
    struct operator    *op;
    struct epoch_output output;
    struct chunk        chunk;
    struct str_builder  out;
    struct event        event;
    assert_int_equal(create(&graph, &pack, &person_key, &partitions, &op, &err), ST_OK);
    assert_int_equal(output_init(&output, model, PARTITION_MAX, NULL, &err), ST_OK);
    assert_int_equal(chunk_init(&chunk, &event_schema, 8, &err), ST_OK);
    str_builder_init(&out);
    read_events("0a=100", &event);
    event.watermark_us = INT64_MIN;
    set_event(&chunk, &event, 0);
    SET(event.patient, "p2");
    SET(event.code, "2823-3"); /* No row of the rule's. */
    set_event(&chunk, &event, 1);
    event_hash_identities(&chunk, &person_key);
    assert_int_equal(op->kind->rows(op, &chunk, &output, &err), ST_OK);
    assert_int_equal(entry_count(op), 1);
    const int64_t watermarks[] = { INT64_MIN, (500 + 397 + 31) * DAY - 1, (500 + 397 + 31) * DAY };
    for (int i = 0; i < 3; i++) {
        struct epoch_decision decision = { (uint64_t)i + 1, watermarks[i], watermarks[i], i == 0 ? INT64_MIN : watermarks[i - 1], NULL, 1, false };
        assert_int_equal(op->kind->barrier(op, &decision, &output, &err), ST_OK);
        save_all(op, watermarks[i], &out);
        assert_int_equal(entry_count(op), i < 2 ? 1 : 0);
    }
    op->kind->free(op);
    output_release(&output);
    chunk_release(&chunk);
    str_builder_release(&out);
}

static void
every_allocation_may_fail(void **state)
{
    (void)state;
    static struct event events[EVENT_COUNT];
    pack.is_approved = true;
    sweep_rule(events, make_world(7, 30 * MINUTE, events));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alerts_follow_from_the_course),
        cmocka_unit_test(codes_and_units_are_one_series),
        cmocka_unit_test(an_alert_says_what_it_goes_by),
        cmocka_unit_test(minors_have_their_own_level),
        cmocka_unit_test(who_got_an_alert_hears_what_becomes_of_it),
        cmocka_unit_test(content_depends_on_events_alone),
        cmocka_unit_test(content_does_not_depend_on_the_order_of_partitions),
        cmocka_unit_test(state_is_freed),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, setup, rule_teardown);
}
