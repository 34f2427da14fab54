/* The step critical_value: examples of what must come out, and a plain judgement of random worlds against any chunks, barriers,
 * orders of arrival and restarts. */
#include "rule_run.inc"

#include "live/op/critical_value.h"

static int
setup(void **state)
{
    (void)state;
    return rule_setup("abnormal_lab_trends", critical_value_create);
}

/* A word a result: "<minutes><result><what>[<status>]" in partition 0. What: c above the limit, n normal, h flagged HH and normal,
 * b both. Status: w withdrawn, u promoted, p promoted and stated again. Upper case: it comes from history. */
static uint32_t
read_events(const char *text, struct event *events)
{
    uint32_t count = 0;
    for (char *end; *text != '\0'; count++) {
        struct event *event = &events[count];
        long          minutes = strtol(text, &end, 10);
        *event = (struct event){ .entity = "lab_result", .time_us = DAY + minutes * MINUTE, .effective_us = DAY + minutes * MINUTE, .code = "2823-3",
                                 .unit = "mmol/L", .status = "F", .action = "upsert", .patient = "p1", .has_value = true };
        snprintf(event->id, sizeof(event->id), "e%u", count);
        snprintf(event->result_id, sizeof(event->result_id), "%c", *end++);
        char what        = *end++;
        event->partition = what >= 'A' && what <= 'Z' ? -1 : 0;
        what             = (char)(what | 0x20);
        event->value     = what == 'c' || what == 'b' ? 7100000 : 4200000;
        if (what == 'h' || what == 'b')
            SET(event->flag, "HH");
        if (*end == 'w' || *end == 'u' || *end == 'p') {
            SET(event->status, *end == 'w' ? "W" : "U");
            SET(event->action, *end == 'w' ? "retract" : "promote");
            event->has_value = *end++ == 'p';
        }
        text = end + strspn(end, " ");
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
};

static void
alerts_follow_from_results(void **state)
{
    (void)state;
    static const struct example examples[] = {
        { "1An", "" },
        { "1Ac", "e0:open" },
        { "1Ah", "e0:open" },
        { "1Ac 2Ac", "e0:revised/corrected" },
        { "1Ac 2An", "e0:retracted/corrected" },
        { "1Ac 2Anw", "e0:retracted/withdrawn" },
        { "1Ac 2Anu", "e0:open" },
        { "1Ac 2Acp", "e0:open" }, /* Now final, and the same again: nothing new. */
        { "1Ac 2Anp", "e0:open" },
        { "1Acp", "e0:open" },     /* The preliminary never came. */
        { "1Ahu", "e0:open" },
        { "1Anu", "" },
        { "1An 2Acp", "e1:open" },
        { "2Acp 1Ac", "e0:retracted/superseded e1:open" }, /* It is read later. */
        { "1An 2Ac", "e1:open" },
        { "1Ac 60Bc", "e0:open e1:closed/cooldown" },
        { "1Ac 1500Bc", "e0:open e1:open" },
        { "1Ac 2An 60Bc", "e0:retracted/corrected e2:open" },
        { "1AC 2Ac", "e1:open" },                     /* History fires nothing, hides nothing. */
        { "1AC 2BC 3Cn", "" },
        { "60Bc 1Ac", "e0:closed/cooldown e1:open" }, /* The earlier one is read later. */
        { "60Ac 1Ac", "e0:retracted/superseded e1:revised/corrected" },
        { "60An 1Ac", "e1:retracted/corrected" },
    };
    pack.is_approved = true;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
        for (uint32_t barrier_rows = 1; barrier_rows < 4; barrier_rows++)
            assert_string_equal(told_of(examples[i].events, barrier_rows), examples[i].told);
}

static void
what_nobody_approved_is_shown_and_not_sent(void **state)
{
    (void)state;
    pack.is_approved = false;
    told_of("1Ac", 1);
    assert_string_equal(told[0].mode, "shadow");
    assert_false(told[0].is_delivered);
    told_of("1Ah", 1);
    assert_string_equal(told[0].mode, "live");
    assert_true(told[0].is_delivered);
    /* The laboratory's own flag is not hidden by a limit that nobody approved. */
    assert_string_equal(told_of("1Ac 5Bb 9Cc", 1), "e0:open e1:open e2:closed/cooldown");
    assert_string_equal(told_of("1Ac 5Ab", 1), "e0:revised/corrected");
    assert_string_equal(told[0].mode, "live");
    assert_true(told[0].is_delivered);
}

static void
who_got_an_alert_hears_what_becomes_of_it(void **state)
{
    (void)state;
    pack.is_approved = true;
    told_of("1Ac 2An", 1);
    assert_true(told[0].is_delivered);
    assert_int_equal(told[0].revisions, 2);
    told_of("1Ac 2An", 2); /* In one epoch: nobody has heard of it. */
    assert_false(told[0].is_delivered);
    assert_int_equal(told[0].revisions, 1);
    told_of("1Ac 60Bc", 1);
    assert_false(told[1].is_delivered);
    told_of("60Bc 1Ac", 1); /* Sent before it was known that it repeats. */
    assert_true(told[0].is_delivered);
}

static void
an_alert_says_what_fired_it(void **state)
{
    (void)state;
    pack.is_approved = true;
    told_of("1Ac 2Ac", 1);
    assert_string_equal(told[0].explanation, "{\"fired_by\":\"limit\",\"value\":7.100000,\"unit\":\"mmol/L\",\"low\":2.800000,\"high\":6.200000}");
    assert_string_equal(told[0].evidence, "{\"events\":[{\"source\":\"EVENTS\",\"partition_id\":\"p0\",\"position\":0},"
                                          "{\"source\":\"EVENTS\",\"partition_id\":\"p0\",\"position\":1}],\"history_from\":null}");
    assert_string_equal(told[0].subject, "p1");
    assert_string_equal(told[0].severity, "critical");
    told_of("1Ah", 1);
    assert_string_equal(told[0].explanation, "{\"fired_by\":\"laboratory_flag\",\"value\":4.200000,\"unit\":\"mmol/L\",\"flag\":\"HH\"}");
}

/* Told in any case: below the limit of haemolysed specimens with a lower severity. */
static void
potassium_of_a_haemolysed_specimen_is_told_as_such(void **state)
{
    (void)state;
    static const struct {
        const char *condition, *comparator, *flag;
        int64_t     value;
        const char *severity; /* NULL: no alert. */
    } cases[] = {
        { "", "", "", 6200001, "critical" },     { "HEM", "", "", 6200000, NULL },        { "HEM", "", "", 6200001, "high" },
        { "CLOT,HEM", "", "", 8000000, "high" }, { "HEM", "", "", 8000001, "critical" },  { "CLOT", "", "", 7000000, "critical" },
        { "HEM", ">", "", 7000000, "critical" }, { "HEM", "", "HH", 7000000, "critical" }, { "HEM", "", "", 2700000, "critical" },
        { "HEMX", "", "", 7000000, "critical" },
    };
    struct event events[2];
    pack.is_approved = true;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        read_events("1Ac", events);
        SET(events[0].condition, cases[i].condition);
        SET(events[0].comparator, cases[i].comparator);
        SET(events[0].flag, cases[i].flag);
        events[0].partition = 0;
        events[0].value     = cases[i].value;
        run_shape(events, 1, (struct shape){ .chunk_rows = 1, .barrier_rows = 1 });
        if (told_count != (cases[i].severity == NULL ? 0u : 1u) || (told_count == 1 && strcmp(told[0].severity, cases[i].severity) != 0))
            fail_msg("case %zu: %u alerts, severity %s", i, told_count, told_count > 0 ? told[0].severity : "-");
        assert_int_equal(told_count == 1 && strstr(told[0].explanation, "haemolysed") != NULL,
                         told_count == 1 && (strcmp(cases[i].condition, "HEM") == 0 || strcmp(cases[i].condition, "CLOT,HEM") == 0));
    }
    /* What a clean specimen says as well is worse, and goes through the cooldown. */
    read_events("1Ac 60Bc", events);
    SET(events[0].condition, "HEM");
    run_shape(events, 2, (struct shape){ .chunk_rows = 1, .barrier_rows = 1, .restarts = true });
    assert_string_equal(told_text(), "e0:open e1:open");
    assert_string_equal(told[0].explanation,
                        "{\"fired_by\":\"limit\",\"value\":7.100000,\"unit\":\"mmol/L\",\"low\":2.800000,\"high\":6.200000,\"specimen\":\"haemolysed\","
                        "\"haemolysed_high\":8.000000,\"note\":\"burst cells release it: the number may be too high; a new specimen tells\"}");
    /* Of an analyte that cells do not release it is said, and changes nothing. */
    read_events("1Ac", events);
    SET(events[0].condition, "HEM");
    SET(events[0].code, "2951-2");
    events[0].value = 170000000;
    run_shape(events, 1, (struct shape){ .chunk_rows = 1, .barrier_rows = 1 });
    assert_string_equal(told[0].severity, "critical");
    assert_non_null(strstr(told[0].explanation, "\"specimen\":\"haemolysed\"}"));
}

static void
limits_hold_for_their_age_unit_and_comparator(void **state)
{
    (void)state;
    static const struct {
        int64_t     value;
        const char *comparator, *unit, *birth;
        bool        fires;
    } cases[] = {
        { 6200000, "", "mmol/L", NULL, false },  { 6200001, "", "mmol/L", NULL, true },   { 2800000, "", "mmol/L", NULL, false },
        { 2799999, "", "mmol/L", NULL, true },   { 6200000, ">", "mmol/L", NULL, true },  { 6200000, ">=", "mmol/L", NULL, false },
        { 6100000, ">", "mmol/L", NULL, false }, { 2800000, "<", "mmol/L", NULL, true },  { 2900000, "<", "mmol/L", NULL, false },
        { 7000000, "<", "mmol/L", NULL, false }, { 2800000, "<=", "mmol/L", NULL, false }, { 7000000, "", "mg/dL", NULL, false },
        { 7000000, "", "mmol/L", "1952-03-02", true }, { 7000000, "", "mmol/L", "1952-03-03", false }, { 7000000, "", "mmol/L", "1980-01-01", false },
    };
    pack.is_approved = true;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct event event;
        read_events("1Ac", &event);
        event.effective_us = 60 * DAY; /* 1970-03-02 */
        event.value = cases[i].value;
        snprintf(event.comparator, sizeof(event.comparator), "%s", cases[i].comparator);
        snprintf(event.unit, sizeof(event.unit), "%s", cases[i].unit);
        if (cases[i].birth != NULL)
            event.has_birth_date = date_parse(str_from(cases[i].birth), &event.birth_date);
        run_shape(&event, 1, (struct shape){ .chunk_rows = 1, .barrier_rows = 1 });
        assert_int_equal(told_count, cases[i].fires ? 1 : 0);
    }
}

/* ---- Random worlds ---- */

#define EVENT_COUNT 300

/* One event a step; versions of a result are up to six steps apart. */
static uint32_t
make_world(uint64_t seed, int64_t step_us, struct event *events)
{
    struct random random;
    random_init(&random, seed);
    for (uint32_t i = 0; i < EVENT_COUNT; i++) {
        struct event *event = &events[i];
        int64_t       time  = DAY + (int64_t)i * step_us + (int64_t)random_below(&random, 90) * MINUTE;
        uint64_t      value = random_below(&random, 6);
        *event = (struct event){ .entity = random_below(&random, 20) == 0 ? "encounter" : "lab_result", .partition = (int32_t)random_below(&random, PARTITION_MAX),
                                 .time_us = time, .unit = "mmol/L", .status = "F", .action = "upsert", .has_value = true,
                                 .value = value == 0 ? 7100000 : value == 1 ? 2100000 : 4200000 + (int64_t)value };
        event->effective_us = time - (int64_t)random_below(&random, 300) * MINUTE;
        snprintf(event->id, sizeof(event->id), "e%u", i > 0 && random_below(&random, 20) == 0 ? i - 1 : i);
        snprintf(event->patient, sizeof(event->patient), "p%u", (unsigned)random_below(&random, 4));
        snprintf(event->code, sizeof(event->code), "%s", random_below(&random, 3) == 0 ? "2951-2" : "2823-3");
        snprintf(event->result_id, sizeof(event->result_id), "r%u", i / 6 * 6 + (unsigned)random_below(&random, 3));
        if (random_below(&random, 10) == 0)
            SET(event->flag, "LL");
        if (random_below(&random, 12) == 0)
            SET(event->status, "D");
        if (random_below(&random, 12) == 0)
            SET(event->action, "promote");
        if (i > 0 && strcmp(event->id, events[i - 1].id) == 0) { /* A copy, maybe from another partition. */
            int32_t partition = event->partition;
            *event            = events[i - 1];
            event->partition  = partition;
        }
    }
    return EVENT_COUNT;
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
        /* With steps of twelve hours versions that are not critical are forgotten before the others come. */
        uint32_t count = make_world(seed, seed < 12 ? 30 * MINUTE : 12 * 60 * MINUTE, events);
        run_shape(events, count, (struct shape){ .chunk_rows = 2048, .barrier_rows = 1000 });
        uint32_t first_count = take_told(first, "-");
        assert_true(first_count > 10);
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
            run_shape(events, count, shapes[i]);
            assert_same_told(first, first_count, other, take_told(other, "-"));
        }
    }
}

/* Which superseded alerts were ever born depends on what came first; nothing else does. Copies of one event in two partitions are
 * evidence of one of them, so they are left out here. */
static void
content_does_not_depend_on_the_order_of_partitions(void **state)
{
    (void)state;
    static struct event      events[EVENT_COUNT];
    static struct told_alert first[ALERT_MAX], other[ALERT_MAX];
    pack.is_approved = true;
    for (uint64_t seed = 1; seed < 24; seed++) {
        uint32_t count = 0;
        make_world(seed, seed < 12 ? 30 * MINUTE : 12 * 60 * MINUTE, events);
        for (uint32_t i = 0; i < EVENT_COUNT; i++)
            if (count == 0 || strcmp(events[count - 1].id, events[i].id) != 0)
                events[count++] = events[i];
        run_shape(events, count, (struct shape){ .chunk_rows = 2048, .barrier_rows = 1000 });
        uint32_t first_count = take_told(first, "superseded");
        for (uint64_t order = 1; order < 5; order++) {
            run_shape(events, count, (struct shape){ .chunk_rows = 5, .barrier_rows = (uint32_t)order * 7, .restarts = order % 2 == 0, .order_seed = order });
            /* Positions follow the partition's order, which stays; so evidence is equal too. */
            assert_same_told(first, first_count, other, take_told(other, "superseded"));
        }
    }
}

/* Each row comes through the shard of its event: a later one of a partition may come first. It fires nothing of its own then. */
static void
what_overtakes_within_a_partition_is_not_born(void **state)
{
    (void)state;
    struct error err = ERROR_EMPTY;
    struct event events[2];
    struct run   run = { .events = events, .event_count = read_events("1Ac 5Ac", events), .watermark_us = INT64_MIN,
                         .newest_us = { INT64_MIN, INT64_MIN, INT64_MIN } };
    pack.is_approved = true;
    told_count       = 0;
    assert_int_equal(run.event_count, 2);
    assert_int_equal(create(&graph, &pack, &person_key, &partitions, &run.op, &err), ST_OK);
    assert_int_equal(output_init(&run.output, model, PARTITION_MAX, NULL, &err), ST_OK);
    assert_int_equal(chunk_init(&run.chunk, &event_schema, 2, &err), ST_OK);
    events[0].watermark_us = events[1].watermark_us = INT64_MIN;
    set_event(&run.chunk, &events[1], 1);
    set_event(&run.chunk, &events[0], 0);
    barrier(&run, false);
    assert_int_equal(told_count, 1);
    assert_string_equal(told[0].event_id, events[0].id);
    assert_string_equal(told[0].status, "revised");
    run.op->kind->free(run.op);
    output_release(&run.output);
    chunk_release(&run.chunk);
    sections_clear();
}

static void
old_results_are_forgotten_and_more_than_fit_do_no_harm(void **state)
{
    (void)state;
    static struct event events[1500];
    pack.is_approved = true;
    for (uint32_t i = 0; i < 1500; i++) {
        read_events("1An", &events[i]);
        snprintf(events[i].id, sizeof(events[i].id), "e%u", i);
        snprintf(events[i].result_id, sizeof(events[i].result_id), "r%u", i);
        events[i].time_us = events[i].effective_us = DAY + i * MINUTE;
        events[i].partition = (int32_t)(i % PARTITION_MAX);
    }
    read_events("1Ac", &events[1499]);
    SET(events[1499].id, "e9");
    SET(events[1499].result_id, "last");
    events[1499].time_us = events[1499].effective_us = DAY + 1499 * MINUTE;
    run_shape(events, 1500, (struct shape){ .chunk_rows = 2048, .barrier_rows = 700, .restarts = true });
    assert_int_equal(told_count, 1);
    assert_string_equal(told[0].status, "open");
}

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
    read_events("1Ac", &event);
    event.watermark_us = INT64_MIN;
    for (int i = 0; i < 2; i++) {
        set_event(&chunk, &event, i);
        event_hash_identities(&chunk, &person_key);
        SET(event.patient, "p2");
        SET(event.id, "other");
        event.value = 4000000;
    }
    assert_int_equal(op->kind->rows(op, &chunk, &output, &err), ST_OK);
    assert_int_equal(entry_count(op), 2);
    const int64_t watermarks[] = { INT64_MIN, DAY + DAY, 4 * DAY, 40 * DAY };
    const int     left[]       = { 2, 2, 1, 0 };
    for (int i = 0; i < 4; i++) {
        struct epoch_decision decision = { (uint64_t)i + 1, watermarks[i], watermarks[i], i == 0 ? INT64_MIN : watermarks[i - 1], NULL, 1, false };
        assert_int_equal(op->kind->barrier(op, &decision, &output, &err), ST_OK);
        save_all(op, watermarks[i], &out);
        assert_int_equal(entry_count(op), left[i]);
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
        cmocka_unit_test(alerts_follow_from_results),
        cmocka_unit_test(what_nobody_approved_is_shown_and_not_sent),
        cmocka_unit_test(who_got_an_alert_hears_what_becomes_of_it),
        cmocka_unit_test(an_alert_says_what_fired_it),
        cmocka_unit_test(potassium_of_a_haemolysed_specimen_is_told_as_such),
        cmocka_unit_test(limits_hold_for_their_age_unit_and_comparator),
        cmocka_unit_test(content_depends_on_events_alone),
        cmocka_unit_test(content_does_not_depend_on_the_order_of_partitions),
        cmocka_unit_test(what_overtakes_within_a_partition_is_not_born),
        cmocka_unit_test(old_results_are_forgotten_and_more_than_fit_do_no_harm),
        cmocka_unit_test(state_is_freed),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, setup, rule_teardown);
}
