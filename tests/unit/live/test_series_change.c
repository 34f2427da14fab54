/* Delta checks and trends as steps: examples of what must come out, what an alert says, and random worlds against any chunks, barriers,
 * orders of arrival and restarts. */
#include "rule_run.inc"

#include "live/op/result_series.h"

static int
setup(void **state)
{
    (void)state;
    return rule_setup("delta_check", result_series_create);
}

/* The rule that the next runs are of, and what its results are. */
static const char *code_now, *unit_now;

static void
use_rule(const char *name, const char *code, const char *unit)
{
    pack             = *model_rule(model, str_from(name));
    pack.is_approved = true;
    code_now         = code;
    unit_now         = unit;
}

/* A word a result: "<hours><result>=<value>[status]". Status: p preliminary, w withdrawn. An upper-case result comes from history. */
static uint32_t
read_events(const char *text, struct event *events)
{
    uint32_t count = 0;
    for (char *end; *text != '\0'; count++) {
        struct event *event = &events[count];
        const int64_t hours = strtol(text, &end, 10);
        const char    name  = *end++;
        assert_int_equal(*end++, '=');
        *event = (struct event){ .entity = "lab_result", .time_us = 500 * DAY + hours * HOUR, .effective_us = 500 * DAY + hours * HOUR,
                                 .status = "F", .action = "upsert", .patient = "p1", .has_value = true };
        SET(event->code, code_now);
        SET(event->unit, unit_now);
        event->partition = name >= 'A' && name <= 'Z' ? EVENT_PARTITION_HISTORY : 0;
        snprintf(event->id, sizeof(event->id), "e%u", count);
        snprintf(event->result_id, sizeof(event->result_id), "%c", name | 0x20);
        event->value = (int64_t)(strtod(end, &end) * 1000000 + 0.5);
        if (*end == 'p')
            SET(event->status, "P");
        if (*end == 'w') {
            SET(event->status, "W");
            SET(event->action, "retract");
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
};

static void
assert_examples(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (uint32_t barrier_rows = 1; barrier_rows < 4; barrier_rows++) {
            const char *found = told_of(examples[i].events, barrier_rows);
            if (strcmp(found, examples[i].told) != 0)
                fail_msg("%s (a barrier each %u): %s, not %s", examples[i].events, barrier_rows, found, examples[i].told);
        }
    }
}

static void
falls_of_haemoglobin(void **state)
{
    (void)state;
    static const struct example examples[] = {
        { "0a=12 10b=10", "e1:open" },
        { "0a=12 10b=10.1", "" },
        { "0a=12 48b=10", "e1:open" },
        { "0a=12 49b=10", "" },
        { "0a=10 10b=12", "" },
        { "0A=12 10b=10", "e1:open" }, /* The warehouse's are what it is compared with, */
        { "0A=12 10B=10", "" },        /* and fire nothing. */
        { "0a=12p 10b=10", "" },
        { "0a=12 10b=10p", "" },
        { "0a=12 10b=10 12c=9.9", "e1:open e2:closed/cooldown" }, /* A repeat is silent. */
        { "0a=12 10b=10 35c=9.9", "e1:open e2:open" },
        { "0a=12 10b=10 10b=11", "e1:retracted/corrected" },
        { "0a=12 10b=10 10b=9", "e1:revised/corrected" },
        { "0a=12 10b=10 10b=0w", "e1:retracted/withdrawn" },
        { "0a=12 10b=10 0a=11", "e1:retracted/superseded" },
        { "0a=12 10b=10 0a=0w", "e1:retracted/superseded" },
        { "0a=11 10b=10 0a=12", "e1:open" },
        { "10b=10 0a=12", "e0:open" }, /* It was taken before, and read after. */
    };
    use_rule("delta_check", "718-7", "g/dL");
    assert_examples(examples, sizeof(examples) / sizeof(*examples));
    use_rule("delta_check", "2823-3", "mmol/L");
    assert_string_equal(told_of("0a=12 10b=3", 1), "");
}

static void
falls_of_platelets(void **state)
{
    (void)state;
    static const struct example examples[] = {
        { "0a=400 24b=300 48c=200 72d=100", "e3:open" },
        { "0a=400 48c=200 72d=100", "" },
        { "0a=180 24b=150 48c=120 72d=90", "" }, /* 50 %, not more. */
        { "0A=400 24B=300 48C=200 72d=100", "e3:open" },
        { "0a=400 24b=300 48c=200 72d=100 80e=90", "e3:open e4:closed/cooldown" },
        { "0a=400 24b=300 48c=200 72d=100 72d=350", "e3:retracted/corrected" },
        { "0a=400 24b=300 48c=200 72d=100 72d=90", "e3:revised/corrected" },
        { "0a=400 24b=300 48c=200 72d=100 24b=0w", "e3:retracted/superseded" },
        { "0a=400 24b=300p 48c=200 72d=100", "" },
        { "0a=400 24b=300p 48c=200 72d=100 24b=300", "e3:open" }, /* Final now. */
        { "0a=400 24b=300 48c=200 241d=100", "" },
        { "0a=400 24b=300 48c=200 240d=100", "e3:open" },
    };
    use_rule("relative_trend", "777-3", "10*3/uL");
    assert_examples(examples, sizeof(examples) / sizeof(*examples));
}

/* Who is younger than the rule's years is not judged; whose age is not known is. */
static void
minors_are_not_judged(void **state)
{
    (void)state;
    struct event events[2];
    use_rule("delta_check", "718-7", "g/dL");
    for (int years = 17; years < 19; years++) {
        read_events("0a=12 10b=10", events);
        events[1].has_birth_date = true;
        events[1].birth_date     = 500 - years * 365 - 5;
        run_shape(events, 2, (struct shape){ .chunk_rows = 1, .barrier_rows = 1 });
        assert_int_equal(told_count, years < 18 ? 0 : 1);
    }
}

/* Each check of its own series, limits and severity; a reference change value is one of them. */
static void
a_site_has_checks_of_its_own(void **state)
{
    (void)state;
    static const char text[] =
        "{ \"rule\": \"delta_check\", \"version\": \"site.1\", \"checks\": [\n"
        "  { \"help\": \"Potassium\", \"codes\": [\"2823-3\", \"6298-4\"], \"within\": \"24h\", \"rise_percent\": 20, \"fall\": 1.5, \"severity\": \"high\" },\n"
        "  { \"help\": \"Sodium\", \"codes\": [\"2951-2\"], \"within\": \"24h\",\n"
        "    \"reference_change\": { \"analytical_cv\": 3, \"within_person_cv\": 4, \"z\": 1, \"direction\": \"rise\" } } ] }";
    const struct model_file file  = { .path = "site.json", .text = str_from(text) };
    struct model           *kept  = model, *site = NULL;
    struct error            err   = ERROR_EMPTY;
    assert_int_equal(model_load(&file, 1, NULL, NULL, &site, &err), ST_OK);
    model       = site;
    graph.model = site;
    use_rule("delta_check", "6298-4", "mmol/L");
    assert_string_equal(told_of("0a=5 10b=6", 1), "e1:open");
    assert_string_equal(told[0].severity, "high");
    assert_string_equal(told_of("0a=5 10b=5.99", 1), "");
    assert_string_equal(told_of("0a=5 10b=3.5", 1), "e1:open");
    use_rule("delta_check", "2951-2", "mmol/L");
    assert_string_equal(told_of("0a=140 10b=149.9", 1), "e1:open"); /* 5 √2 = 7.071068 %: 149.899495. */
    assert_string_equal(told[0].severity, "medium");
    assert_string_equal(told[0].explanation,
                        "{\"fired_by\":\"reference_change\",\"direction\":\"rise\",\"unit\":\"mmol/L\",\"value\":149.900000,\"compared_with\":\"previous\","
                        "\"earlier\":{\"value\":140.000000,\"time\":\"1971-05-16T00:00:00.000000Z\"},\"change\":9.900000,\"change_percent\":7.071429,"
                        "\"limit_percent\":7.071068,\"within_hours\":24,\"reference_change\":{\"analytical_cv\":3.000000,\"within_person_cv\":4.000000,"
                        "\"z\":1.000000,\"distribution\":\"symmetric\"},\"no_alert_if\":{\"below\":149.899495},\"days_seen\":33}");
    assert_string_equal(told_of("0a=140 10b=149.899", 1), "");
    assert_string_equal(told_of("0a=140 10b=100", 1), "");
    model       = kept;
    graph.model = kept;
    model_free(site);
}

/* A site's potassium: by either specimen it is less severe, and told as such. */
static void
haemolysed_specimens_are_told_as_such(void **state)
{
    (void)state;
    static const char text[] =
        "{ \"rule\": \"delta_check\", \"version\": \"site.1\", \"checks\": [\n"
        "  { \"help\": \"Potassium\", \"codes\": [\"2823-3\"], \"within\": \"24h\", \"rise_percent\": 20, \"fall_percent\": 20, \"haemolysed\": { \"severity\": \"low\" } },\n"
        "  { \"help\": \"Haemoglobin\", \"codes\": [\"718-7\"], \"within\": \"24h\", \"fall\": 2 } ] }\n";
    static const char trend_text[] =
        "{ \"rule\": \"relative_trend\", \"version\": \"site.1\", \"checks\": [\n"
        "  { \"help\": \"Potassium\", \"codes\": [\"2823-3\"], \"within\": \"10d\", \"rise_percent\": 50, \"haemolysed\": { \"severity\": \"low\" } } ] }\n";
    const struct model_file files[] = { { .path = "delta.json", .text = str_from(text) }, { .path = "trend.json", .text = str_from(trend_text) } };
    struct model           *kept = model, *site = NULL;
    struct error            err  = ERROR_EMPTY;
    struct event            events[4];
    assert_int_equal(model_load(files, 2, NULL, NULL, &site, &err), ST_OK);
    model       = site;
    graph.model = site;
    use_rule("delta_check", "2823-3", "mmol/L");
    for (int which = 0; which < 3; which++) {
        read_events("0a=4 10b=5", events);
        if (which > 0)
            SET(events[which - 1].condition, "HEM");
        run_shape(events, 2, (struct shape){ .chunk_rows = 1, .barrier_rows = 1, .restarts = true });
        assert_int_equal(told_count, 1);
        assert_string_equal(told[0].severity, which == 0 ? "medium" : "low");
        assert_int_equal(strstr(told[0].explanation, "\"note\":\"burst cells") != NULL, which > 0);
        assert_int_equal(strstr(told[0].explanation, "Z\",\"specimen\":\"haemolysed\"}") != NULL, which == 1); /* The earlier one. */
        assert_int_equal(strstr(told[0].explanation, ",\"specimen\":\"haemolysed\",\"note\"") != NULL, which == 2);
    }
    use_rule("delta_check", "718-7", "g/dL");
    read_events("0a=12 10b=10", events);
    SET(events[1].condition, "HEM");
    run_shape(events, 2, (struct shape){ .chunk_rows = 1, .barrier_rows = 1 });
    assert_string_equal(told[0].severity, "medium");
    assert_non_null(strstr(told[0].explanation, "\"specimen\":\"haemolysed\",\"within_hours\""));
    use_rule("relative_trend", "2823-3", "mmol/L");
    for (int which = 0; which < 5; which++) {
        read_events("0a=4 24b=5 48c=6 72d=7", events);
        if (which > 0)
            SET(events[which - 1].condition, "HEM");
        run_shape(events, 4, (struct shape){ .chunk_rows = 1, .barrier_rows = 1 });
        assert_string_equal(told[0].severity, which == 0 ? "medium" : "low");
        assert_int_equal(strstr(told[0].explanation, "\"note\":\"burst cells") != NULL, which > 0);
    }
    model       = kept;
    graph.model = kept;
    model_free(site);
}

static void
a_delta_says_what_it_goes_by(void **state)
{
    (void)state;
    use_rule("delta_check", "718-7", "g/dL");
    pack.is_approved = false;
    told_of("0A=14.5 30b=13 40c=11.2", 2);
    assert_int_equal(told_count, 1);
    assert_string_equal(told[0].mode, "shadow");
    assert_false(told[0].is_delivered);
    assert_string_equal(told[0].explanation,
                        "{\"fired_by\":\"absolute\",\"direction\":\"fall\",\"unit\":\"g/dL\",\"value\":11.200000,\"compared_with\":\"highest\","
                        "\"earlier\":{\"value\":14.500000,\"time\":\"1971-05-16T00:00:00.000000Z\"},\"change\":-3.300000,\"change_percent\":-22.758621,"
                        "\"limit\":2.000000,\"within_hours\":48,\"no_alert_if\":{\"above\":12.500000},\"days_seen\":33}");
    assert_string_equal(told[0].evidence,
                        "{\"events\":[{\"source\":\"EVENTS\",\"partition_id\":\"p0\",\"position\":1},{\"source\":\"EVENTS\",\"partition_id\":\"history\",\"position\":0}],"
                        "\"history_from\":\"1970-01-02T00:00:00.000000Z\"}");
    told_of("0a=12 10b=10 10b=11", 1); /* What it says is what the newest version says. */
    assert_non_null(strstr(told[0].explanation, "\"fired_by\":\"nothing\",\"direction\":null,\"unit\":\"g/dL\",\"value\":11.000000,\"compared_with\":\"highest\","));
    told_of("0a=12 10b=10 0a=0w", 1); /* Nothing is left to compare with. */
    assert_non_null(strstr(told[0].explanation, "\"earlier\":null,\"within_hours\":48,\"days_seen\":33"));
}

static void
a_trend_says_what_it_goes_by(void **state)
{
    (void)state;
    use_rule("relative_trend", "777-3", "10*3/uL");
    told_of("0A=400 24b=300 48c=200 72d=100", 1);
    assert_int_equal(told_count, 1);
    assert_string_equal(told[0].mode, "live");
    assert_string_equal(told[0].explanation,
                        "{\"fired_by\":\"fall\",\"unit\":\"10*3/uL\",\"value\":100.000000,\"results\":4,"
                        "\"first\":{\"value\":400.000000,\"time\":\"1971-05-16T00:00:00.000000Z\"},"
                        "\"line\":{\"begin\":400.000000,\"end\":100.000000,\"per_day\":-100.000000,\"change_percent\":-75.000000},"
                        "\"within_hours\":240,\"limit_percent\":50.000000,\"no_alert_if\":{\"line_or_value_at_least\":200.000000,\"or_results_below\":4},\"days_seen\":41}");
    assert_string_equal(told[0].evidence,
                        "{\"events\":[{\"source\":\"EVENTS\",\"partition_id\":\"p0\",\"position\":2},{\"source\":\"EVENTS\",\"partition_id\":\"history\",\"position\":0},"
                        "{\"source\":\"EVENTS\",\"partition_id\":\"p0\",\"position\":0},{\"source\":\"EVENTS\",\"partition_id\":\"p0\",\"position\":1}],"
                        "\"history_from\":\"1970-01-02T00:00:00.000000Z\"}");
    told_of("0a=400 24b=300 48c=200 72d=100 0a=0w", 1);
    assert_non_null(strstr(told[0].explanation, "{\"fired_by\":\"nothing\",\"unit\":\"10*3/uL\",\"value\":100.000000,\"results\":3,"));
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
        *event = (struct event){ .entity = "lab_result", .partition = (int32_t)random_below(&random, PARTITION_MAX), .time_us = time, .status = "F",
                                 .action = "upsert", .has_value = true, .value = 3000000 + (int64_t)random_below(&random, 12) * 1000000 };
        SET(event->code, code_now);
        SET(event->unit, unit_now);
        event->effective_us = time - (int64_t)random_below(&random, 300) * MINUTE;
        if (i < EVENT_COUNT / 8) {
            event->partition = EVENT_PARTITION_HISTORY;
            event->time_us = event->effective_us = time - (int64_t)random_below(&random, 40) * DAY;
        }
        snprintf(event->id, sizeof(event->id), "e%u", i);
        snprintf(event->patient, sizeof(event->patient), "p%u", (unsigned)random_below(&random, 4));
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

/* From results every half an hour to every second day, where the first are forgotten before the last come. */
static int64_t
step_of(uint64_t seed)
{
    static const int64_t steps[] = { 30 * MINUTE, 5 * HOUR, 2 * DAY };
    return steps[seed % 3];
}

static void
assert_content(void)
{
    static struct event       events[EVENT_COUNT];
    static struct told_alert  first[ALERT_MAX], other[ALERT_MAX];
    static const struct shape shapes[] = {
        { .chunk_rows = 1, .barrier_rows = 1 },
        { .chunk_rows = 7, .barrier_rows = 11, .restarts = true },
        { .chunk_rows = 5, .barrier_rows = 3, .restarts = true },
    };
    uint32_t total = 0;
    for (uint64_t seed = 1; seed < 13; seed++) {
        uint32_t count = make_world(seed, step_of(seed), events);
        run_shape(events, count, (struct shape){ .chunk_rows = 2048, .barrier_rows = 1000 });
        uint32_t first_count = take_told(first, "-");
        total += first_count;
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
            run_shape(events, count, shapes[i]);
            assert_same_told(first, first_count, other, take_told(other, "-"));
        }
        /* Which superseded alerts were ever born depends on what came first; nothing else does. */
        run_shape(events, count, (struct shape){ .chunk_rows = 2048, .barrier_rows = 1000 });
        first_count = take_told(first, "superseded");
        for (uint64_t order = 1; order < 3; order++) {
            run_shape(events, count, (struct shape){ .chunk_rows = 5, .barrier_rows = (uint32_t)order * 7, .restarts = order == 2, .order_seed = order });
            assert_same_told(first, first_count, other, take_told(other, "superseded"));
        }
    }
    assert_true(total > 50);
}

static void
content_depends_on_events_alone(void **state)
{
    (void)state;
    use_rule("delta_check", "718-7", "g/dL");
    assert_content();
    use_rule("relative_trend", "777-3", "10*3/uL");
    assert_content();
}

/* Kept for the rule's history and the time in which what it is compared with may come late. */
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
    use_rule("delta_check", "718-7", "g/dL");
    assert_int_equal(create(&graph, &pack, &person_key, &partitions, &op, &err), ST_OK);
    assert_int_equal(output_init(&output, model, PARTITION_MAX, NULL, &err), ST_OK);
    assert_int_equal(chunk_init(&chunk, &event_schema, 8, &err), ST_OK);
    str_builder_init(&out);
    read_events("0a=12", &event);
    event.watermark_us = INT64_MIN;
    set_event(&chunk, &event, 0);
    event_hash_identities(&chunk, &person_key);
    assert_int_equal(op->kind->rows(op, &chunk, &output, &err), ST_OK);
    const int64_t watermarks[] = { INT64_MIN, (500 + 33 + 31) * DAY - 1, (500 + 33 + 31) * DAY };
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
    use_rule("relative_trend", "777-3", "10*3/uL");
    sweep_rule(events, make_world(7, 30 * MINUTE, events));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(falls_of_haemoglobin),
        cmocka_unit_test(falls_of_platelets),
        cmocka_unit_test(minors_are_not_judged),
        cmocka_unit_test(a_site_has_checks_of_its_own),
        cmocka_unit_test(haemolysed_specimens_are_told_as_such),
        cmocka_unit_test(a_delta_says_what_it_goes_by),
        cmocka_unit_test(a_trend_says_what_it_goes_by),
        cmocka_unit_test(content_depends_on_events_alone),
        cmocka_unit_test(state_is_freed),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, setup, rule_teardown);
}
