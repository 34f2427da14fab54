/* The step no_treatment_relationship: examples of what must come out, and a plain judgement of random worlds against any chunks,
 * barriers, orders of arrival and restarts. */
#include "rule_run.inc"

#include "live/op/no_treatment_relationship.h"

static int
setup(void **state)
{
    (void)state;
    return rule_setup("unusual_access", no_treatment_relationship_create);
}

static void
make_event(struct event *event, const char *entity, uint32_t number, int64_t time_us)
{
    *event = (struct event){ .entity = entity, .time_us = time_us, .effective_us = time_us, .begin_us = time_us, .end_us = time_us, .action = "upsert" };
    snprintf(event->id, sizeof(event->id), "e%u", number);
    SET(event->patient, "p1");
}

/* A word an event: "<minutes><what><who>". What: a access, e encounter, o order, c an order taken back. Who: the department d,
 * f, …; a capital is the user D of department x. "!" comes from history; "@<minutes>" says when an encounter began; "#<letter>" names it. */
static uint32_t
read_events(const char *text, struct event *events)
{
    uint32_t count = 0;
    for (char *end; *text != '\0'; count++) {
        struct event *event   = &events[count];
        long          minutes = strtol(text, &end, 10);
        char          what = *end++, who = *end++;
        make_event(event, what == 'a' ? "access_event" : what == 'e' ? "encounter" : "clinical_order", count, 100 * DAY + minutes * MINUTE);
        snprintf(event->department, sizeof(event->department), "%c", who >= 'a' ? who : 'x');
        snprintf(event->user, sizeof(event->user), "%c", who >= 'a' ? 'u' : who);
        snprintf(event->practitioner, sizeof(event->practitioner), "%c", who >= 'a' ? 'v' : who);
        snprintf(event->encounter, sizeof(event->encounter), "n%u", count);
        if (what == 'a' || what == 'o' || what == 'c')
            event->encounter[0] = '\0';
        if (what == 'a')
            event->practitioner[0] = '\0';
        else
            event->user[0] = '\0';
        if (what == 'o' || what == 'c')
            snprintf(event->result_id, sizeof(event->result_id), "o%u", count);
        if (what == 'c')
            SET(event->action, "retract");
        if (*end == '!') {
            event->partition = -1;
            end++;
        }
        if (*end == '@')
            event->effective_us = event->begin_us = event->end_us = 100 * DAY + strtol(end + 1, &end, 10) * MINUTE;
        if (*end == '#') {
            snprintf(event->encounter, sizeof(event->encounter), "%c", end[1]);
            end += 2;
        }
        text = end + strspn(end, " ");
    }
    return count;
}

static const char *
told_of(const char *text, uint32_t barrier_rows)
{
    static struct event events[50];
    run_shape(events, read_events(text, events), (struct shape){ .chunk_rows = 7, .barrier_rows = barrier_rows, .drains = true });
    return told_text();
}

struct example {
    const char *events;
    const char *told;
};

static void
alerts_follow_from_accesses(void **state)
{
    (void)state;
    static const struct example examples[] = {
        { "1ad", "e0:open" },
        { "1ed 2ad", "" },
        { "1ed 2af", "e1:open" },
        { "2ed 2ad", "" },               /* Known at the same time. */
        { "1od 2ad", "" },
        { "1oD 2aD", "" },               /* By the one who ordered. */
        { "1cd 2ad", "e1:open" },        /* Taken back. */
        { "1ad 5ed", "e0:retracted/explained" },
        { "1ad 500ed", "e0:retracted/explained" },
        { "1ad 11000ed", "e0:open" },    /* 7 days after are 10,080 minutes. */
        { "1ad 10081ed", "e0:retracted/explained" },
        { "1ad 10082ed", "e0:open" },
        { "1ed 43201ad", "" },           /* 30 days before. */
        { "1ed 43202ad", "e1:open" },
        { "1ed! 2ad", "" },
        { "2ad!", "" },                  /* History's accesses are not judged. */
        { "1ed!#k 2ad 3ef#k", "e1:open" },               /* The stream says who it really was. */
        { "1ed!#k 2ad 3ed#k", "e1:retracted/explained" }, /* And that is known from its own time. */
        { "1ed!#k 2ad 3ed#l", "" },
        { "9ed@1 5ad", "e1:retracted/explained" }, /* Begun before, known after. */
        { "1ad 1ad 1ad", "e0:open e1:open e2:open" },
    };
    pack.is_approved = true;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
        for (uint32_t barrier_rows = 1; barrier_rows < 4; barrier_rows++)
            assert_string_equal(told_of(examples[i].events, barrier_rows), examples[i].told);
}

static void
an_access_waits_for_the_watermark(void **state)
{
    (void)state;
    static struct event events[10];
    pack.is_approved = true;
    uint32_t count = read_events("10ad 11ad 30af 12ed", events);
    events[1].partition = 1; /* The two others stand at 11 and 12. */
    events[3].partition = 2;
    run_shape(events, count, (struct shape){ .chunk_rows = 1, .barrier_rows = 1 });
    assert_string_equal(told_text(), "");
    run_shape(events, count, (struct shape){ .chunk_rows = 1, .barrier_rows = 1, .drains = true });
    assert_string_equal(told_text(), "e0:retracted/explained e1:retracted/explained e2:open");
}

static void
who_got_an_alert_hears_of_its_end(void **state)
{
    (void)state;
    pack.is_approved = true;
    static struct event events[10];
    uint32_t            count = read_events("1ad 10ax 11ed", events);
    for (uint32_t barrier_rows = 1; barrier_rows < 4; barrier_rows++) {
        for (uint32_t i = 0; i < count; i++)
            events[i].partition = 0;
        for (int p = 1; p < PARTITION_MAX; p++) { /* All partitions go on. */
            make_event(&events[count], "lab_result", 40 + (uint32_t)p, 200 * DAY);
            events[count].partition = p;
            count++;
        }
        struct event ordered[10];
        for (uint32_t i = 0; i < count; i++)
            ordered[i] = events[(i + 3) % count];
        run_shape(ordered, count, (struct shape){ .chunk_rows = 1, .barrier_rows = barrier_rows, .drains = true });
        assert_string_equal(told_text(), "e0:retracted/explained e1:open");
        for (uint32_t i = 0; i < told_count; i++)
            if (strcmp(told[i].event_id, "e0") == 0)
                assert_int_equal(told[i].is_delivered, told[i].revisions == 2);
        count -= 2;
    }
}

static void
an_alert_says_who_looked_and_what_explains(void **state)
{
    (void)state;
    pack.is_approved = false;
    told_of("1ad 5ed", 3);
    assert_string_equal(told[0].subject, "u");
    assert_string_equal(told[0].severity, "medium");
    assert_string_equal(told[0].mode, "shadow");
    assert_false(told[0].is_delivered);
    assert_string_equal(told[0].explanation, "{\"fired_by\":\"no_treatment_relationship\",\"user_department\":\"d\",\"before_us\":2592000000000,"
                                             "\"after_us\":604800000000,\"explained_by\":\"encounter\",\"known_from\":\"1970-04-11T00:05:00.000000Z\"}");
    assert_string_equal(told[0].evidence, "{\"events\":[{\"source\":\"EVENTS\",\"partition_id\":\"p0\",\"position\":0},"
                                          "{\"source\":\"EVENTS\",\"partition_id\":\"p0\",\"position\":1}],\"history_from\":\"1970-01-02T00:00:00.000000Z\"}");
}

/* ---- Random worlds ---- */

#define EVENT_COUNT 300

static uint32_t
make_world(uint64_t seed, int64_t step_us, struct event *events)
{
    struct random random;
    random_init(&random, seed);
    for (uint32_t i = 0; i < EVENT_COUNT; i++) {
        static const char *const entities[] = { "access_event", "access_event", "encounter", "clinical_order", "lab_result" };
        struct event            *event = &events[i];
        /* Hours out of order within a partition, where the disorder is a minute: many are known later than they happened. */
        make_event(event, entities[random_below(&random, 5)], i, 100 * DAY + (int64_t)i * step_us + (int64_t)random_below(&random, 1200) * MINUTE);
        event->partition = i < 20 ? -1 : (int32_t)random_below(&random, PARTITION_MAX);
        if (random_below(&random, 3) == 0)
            event->begin_us -= (int64_t)random_below(&random, 40) * DAY;
        event->end_us = event->begin_us + (int64_t)random_below(&random, 3) * HOUR;
        snprintf(event->patient, sizeof(event->patient), "p%u", (unsigned)random_below(&random, 4));
        snprintf(event->department, sizeof(event->department), "d%u", (unsigned)random_below(&random, 12));
        snprintf(event->user, sizeof(event->user), "u%u", (unsigned)random_below(&random, 20));
        snprintf(event->practitioner, sizeof(event->practitioner), "u%u", (unsigned)random_below(&random, 20));
        if (strcmp(event->entity, "clinical_order") == 0)
            snprintf(event->result_id, sizeof(event->result_id), "o%u", i);
        if (strcmp(event->entity, "encounter") == 0)
            snprintf(event->encounter, sizeof(event->encounter), "n%u", i < 20 ? i : (unsigned)random_below(&random, 40));
        if (random_below(&random, 10) == 0)
            event->department[0] = '\0';
    }
    return EVENT_COUNT;
}

/* From when on the event is known, by its partition's own watermark. */
static int64_t
known_of(const struct event *events, uint32_t index)
{
    int64_t known = events[index].time_us;
    for (uint32_t i = 0; i < index && events[index].partition >= 0; i++)
        if (events[i].partition == events[index].partition && events[i].time_us - MINUTE > known)
            known = events[i].time_us - MINUTE;
    return known;
}

/* The rule's history of 38 days. */
static int64_t
kept_until(const struct event *events, uint32_t index)
{
    int64_t last = known_of(events, index);
    if (strcmp(events[index].entity, "access_event") != 0 && events[index].end_us > last)
        last = events[index].end_us;
    return last + 38 * DAY;
}

static bool
is_replaced(const struct event *events, uint32_t count, uint32_t index, uint32_t access)
{
    for (uint32_t i = 0; i < count && events[index].partition < 0; i++)
        if (events[i].partition >= 0 && strcmp(events[i].entity, events[index].entity) == 0 && strcmp(events[i].patient, events[index].patient) == 0
            && events[index].encounter[0] != '\0' && strcmp(events[i].encounter, events[index].encounter) == 0
            && known_of(events, i) < kept_until(events, access) && known_of(events, i) < kept_until(events, index))
            return true;
    return false;
}

static bool
fits(const struct event *a, const struct event *e)
{
    bool is_of = strcmp(e->entity, "encounter") == 0 || strcmp(e->entity, "clinical_order") == 0;
    bool same  = (a->department[0] != '\0' && strcmp(a->department, e->department) == 0) || strcmp(a->user, e->practitioner) == 0;
    return is_of && same && strcmp(a->patient, e->patient) == 0 && e->begin_us <= a->effective_us + 7 * DAY && e->end_us >= a->effective_us - 30 * DAY;
}

/* "": no alert. */
static const char *
expected(const struct event *events, uint32_t count, uint32_t access)
{
    bool is_explained = false, is_in_time = false;
    if (strcmp(events[access].entity, "access_event") != 0 || events[access].partition < 0)
        return "";
    for (uint32_t i = 0; i < count; i++) {
        if (!fits(&events[access], &events[i]) || is_replaced(events, count, i, access) || kept_until(events, i) <= known_of(events, access)
            || kept_until(events, access) <= known_of(events, i))
            continue;
        is_explained = true;
        is_in_time |= known_of(events, i) <= events[access].time_us;
    }
    return is_in_time ? "" : is_explained ? "retracted" : "open";
}

static void
check_told(const struct event *events, uint32_t count)
{
    uint32_t alerts = 0;
    for (uint32_t i = 0; i < count; i++) {
        const char *status = expected(events, count, i);
        uint32_t    k      = 0;
        while (k < told_count && strcmp(told[k].event_id, events[i].id) != 0)
            k++;
        alerts += status[0] != '\0';
        assert_string_equal(k < told_count ? told[k].status : "", status);
    }
    assert_int_equal(alerts, told_count);
}

static void
content_follows_from_events_alone(void **state)
{
    (void)state;
    static struct event      events[EVENT_COUNT];
    static struct told_alert first[ALERT_MAX], other[ALERT_MAX];
    static const struct shape shapes[] = {
        { .chunk_rows = 1, .barrier_rows = 1, .drains = true },
        { .chunk_rows = 7, .barrier_rows = 11, .restarts = true, .drains = true },
        { .chunk_rows = 2048, .barrier_rows = 50, .drains = true, .order_seed = 1 },
        { .chunk_rows = 5, .barrier_rows = 3, .restarts = true, .drains = true, .order_seed = 2 },
        { .chunk_rows = 4, .barrier_rows = 1, .restarts = true, .drains = true, .order_seed = 3 },
    };
    pack.is_approved = true;
    for (uint64_t seed = 1; seed < 20; seed++) {
        /* With steps of half a day what explains is forgotten before the accesses that it explains. */
        uint32_t count = make_world(seed, seed < 10 ? 2 * HOUR : 12 * HOUR, events);
        run_shape(events, count, (struct shape){ .chunk_rows = 2048, .barrier_rows = 1000, .drains = true });
        check_told(events, count);
        uint32_t first_count = take_told(first, "-");
        assert_true(first_count > 20);
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
            run_shape(events, count, shapes[i]);
            check_told(events, count);
            assert_same_told(first, first_count, other, take_told(other, "-"));
        }
    }
}

static void
a_chart_that_very_many_open_does_no_harm(void **state)
{
    (void)state;
    static struct event events[6000];
    pack.is_approved = true;
    for (uint32_t i = 0; i < 6000; i++) {
        read_events("1ad", &events[i]);
        events[i].time_us = events[i].effective_us = 100 * DAY + i * MINUTE / 60;
        snprintf(events[i].id, sizeof(events[i].id), "e%u", i);
        if (i < 5990)
            events[i].entity = "encounter";
    }
    events[5999].department[0] = 'f';
    run_shape(events, 6000, (struct shape){ .chunk_rows = 2048, .barrier_rows = 3000, .drains = true });
    assert_string_equal(told_text(), "");
    assert_int_equal(told_count, 1);
    assert_string_equal(told[0].event_id, "e5999");
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
    struct event        events[4];
    assert_int_equal(create(&graph, &pack, &person_key, &partitions, &op, &err), ST_OK);
    assert_int_equal(output_init(&output, model, PARTITION_MAX, NULL, &err), ST_OK);
    assert_int_equal(chunk_init(&chunk, &event_schema, 8, &err), ST_OK);
    str_builder_init(&out);
    uint32_t count = read_events("1ad 1ed 20000ed", events);
    SET(events[1].patient, "p2");
    SET(events[2].patient, "p3");
    for (uint32_t i = 0; i < count; i++) {
        events[i].watermark_us = INT64_MIN;
        set_event(&chunk, &events[i], i);
    }
    event_hash_identities(&chunk, &person_key);
    assert_int_equal(op->kind->rows(op, &chunk, &output, &err), ST_OK);
    const int64_t watermarks[] = { INT64_MIN, 101 * DAY, 137 * DAY, 139 * DAY, 160 * DAY };
    const int     left[]       = { 3, 3, 3, 1, 0 };
    for (int i = 0; i < 5; i++) {
        struct epoch_decision decision = { (uint64_t)i + 1, watermarks[i], watermarks[i], i == 0 ? INT64_MIN : watermarks[i - 1], INT64_MIN, 1, false };
        assert_int_equal(op->kind->barrier(op, &decision, &output, &err), ST_OK);
        assert_int_equal(output.alert_count, i > 0);
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
    sweep_rule(events, make_world(7, 2 * HOUR, events));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alerts_follow_from_accesses),
        cmocka_unit_test(an_access_waits_for_the_watermark),
        cmocka_unit_test(who_got_an_alert_hears_of_its_end),
        cmocka_unit_test(an_alert_says_who_looked_and_what_explains),
        cmocka_unit_test(content_follows_from_events_alone),
        cmocka_unit_test(a_chart_that_very_many_open_does_no_harm),
        cmocka_unit_test(state_is_freed),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, setup, rule_teardown);
}
