/* The step medication_interaction: which rows it takes and how it tells drugs, examples of what must come out, and random worlds against any chunks, barriers,
 * orders of arrival and restarts. */
#include "rule_run.inc"

#include "live/op/drug.h"
#include "live/op/interaction_int.h"
#include "live/op/medication_interaction.h"

static int
setup(void **state)
{
    (void)state;
    return rule_setup("medication_interactions", medication_interaction_create);
}

static int
begin(void **state)
{
    (void)state;
    pack             = *model_rule(model, STR("medication_interactions"));
    pack.is_approved = true;
    return 0;
}

/* ---- Telling drugs ---- */

/* "simvastatin+verapamil", in the order of the rule. */
static const char *
names_of(const struct ingredients *set)
{
    static char text[200];
    size_t      used = 0;
    text[0]          = '\0';
    for (uint32_t i = 0; i < pack.interaction.ingredient_count; i++)
        if (ingredients_have(set, i))
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", used == 0 ? "" : "+", pack.interaction.ingredients[i].name);
    return text;
}

static void
names_are_found_as_whole_words(void **state)
{
    (void)state;
    static const char *const examples[][2] = {
        { "Simvastatin 20 MG Oral Tablet", "simvastatin" },
        { "SIMVASTATIN", "simvastatin" },
        { "72 HR Fentanyl 0.025 MG/HR Transdermal System", "fentanyl" },
        { "Acetaminophen 21.7 MG/ML / Dextromethorphan Hydrobromide 1 MG/ML / doxylamine succinate 0.417 MG/ML Oral Solution", "dextromethorphan" },
        { "lopinavir 80 MG/ML / ritonavir 20 MG/ML Oral Solution", "ritonavir+lopinavir" },
        { "atorvastatin 40 MG", "" },
        { "esomeprazole 20 MG", "esomeprazole" }, /* And not omeprazole. */
        { "dextroamphetamine saccharate / amphetamine aspartate", "amphetamine+dextroamphetamine" },
        { "simvastatinum", "" },
        { "presimvastatin", "" },
        { "(simvastatin)", "simvastatin" },
        { "St. John's wort 300 MG Capsule", "st. john's wort" },
        { "st johns wort", "st. john's wort" },
        { "st. john", "" },
        { "Methylene  blue 1%", "methylene blue" },
        { "methylene", "" },
        { "methylene bluebell", "" },
        { "rifampicin", "rifampin" },
        { "", "" },
        { "   ", "" },
    };
    struct drug_lookup lookup = { 0 };
    struct error       err    = ERROR_EMPTY;
    assert_int_equal(drug_lookup_init(&lookup, model, &pack, &err), ST_OK);
    for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
        struct ingredients found = { { 0 } };
        drug_find_names(&lookup, str_from(examples[i][0]), &found);
        assert_string_equal(names_of(&found), examples[i][1]);
    }
    char long_text[5000];
    memset(long_text, 'x', sizeof(long_text));
    struct ingredients found = { { 0 } };
    drug_find_names(&lookup, str_of(long_text, sizeof(long_text)), &found);
    assert_string_equal(names_of(&found), "");
    drug_lookup_release(&lookup);
}

/* Every ingredient of the rule is found by each of its names and codes, and nothing else with it. */
static void
each_ingredient_is_found(void **state)
{
    (void)state;
    struct drug_lookup lookup = { 0 };
    struct error       err    = ERROR_EMPTY;
    assert_int_equal(drug_lookup_init(&lookup, model, &pack, &err), ST_OK);
    assert_int_equal(pack.interaction.pair_count, 15);
    for (uint32_t i = 0; i < pack.interaction.ingredient_count; i++) {
        const struct rule_ingredient *ingredient = &pack.interaction.ingredients[i];
        for (uint32_t k = 0; k <= ingredient->name_count; k++) {
            struct ingredients found = { { 0 } };
            drug_find_names(&lookup, str_from(k == 0 ? ingredient->name : ingredient->names[k - 1]), &found);
            assert_string_equal(names_of(&found), ingredient->name);
        }
        bool is_used = false;
        for (uint32_t k = 0; k < pack.interaction.pair_count; k++)
            is_used |= ingredients_have(&pack.interaction.pairs[k].left, i) || ingredients_have(&pack.interaction.pairs[k].right, i);
        assert_true(is_used);
    }
    drug_lookup_release(&lookup);
}

static void
make_event(struct event *event, uint32_t number, int64_t time_us)
{
    *event = (struct event){ .entity = "medication", .time_us = time_us, .effective_us = time_us, .begin_us = time_us, .has_no_end = true, .action = "upsert",
                             .patient = "p1" };
    snprintf(event->id, sizeof(event->id), "e%u", number);
}

struct row_example {
    const char *entity, *system, *code, *name, *type, *status, *action;
    int64_t     end_hours; /* 0: none. */
    int64_t     days;
    const char *found; /* "<ingredients> <use> <found> <hours>", "-": no row of the rule's. */
};

static const char *
row_text(const struct row_example *example)
{
    static char         text[300];
    static const char  *USES[] = { "taken", "completed", "stopped", "never" }, *FOUND[] = { "nothing", "code", "name" };
    struct drug_lookup  lookup = { 0 };
    struct drug_row     row;
    struct error        err = ERROR_EMPTY;
    struct chunk        chunk;
    struct event        event;
    make_event(&event, 1, 10 * DAY);
    event.entity     = example->entity;
    event.has_no_end = example->end_hours == 0;
    event.end_us     = 10 * DAY + (example->end_hours < 0 ? 0 : example->end_hours) * HOUR;
    event.facts      = example->days;
    SET(event.drug_system, example->system);
    SET(event.drug_code, example->code);
    SET(event.drug, example->name);
    SET(event.drug_type, example->type);
    SET(event.action, example->action);
    assert_int_equal(chunk_init(&chunk, &event_schema, 1, &err), ST_OK);
    set_event(&chunk, &event, 0);
    set_text(&chunk, EVENT_STATUS, 0, example->status);
    assert_int_equal(drug_lookup_init(&lookup, model, &pack, &err), ST_OK);
    if (!drug_row_of(&lookup, &chunk, 0, &row))
        snprintf(text, sizeof(text), "-");
    else
        snprintf(text, sizeof(text), "%s %s %s %lld%s", names_of(&row.ingredients), USES[row.use], FOUND[row.found],
                 row.end_us == DRUG_OPEN ? -1 : (long long)((row.end_us - row.begin_us) / HOUR), row.is_unknown ? " unknown" : "");
    drug_lookup_release(&lookup);
    chunk_release(&chunk);
    return text;
}

static void
rows_are_told(void **state)
{
    (void)state;
#define MEDICATION "medication"
#define ORDER      "clinical_order"
    static const struct row_example examples[] = {
        { MEDICATION, "RxNorm", "36567", "", "", "", "upsert", 0, 0, "simvastatin taken code -1" },
        { MEDICATION, "RXNORM", " 314231 ", "", "prescription", "active", "upsert", 0, 0, "simvastatin taken code -1" }, /* A product. */
        { MEDICATION, "NDC", "36567", "", "", "", "upsert", 0, 0, " taken nothing -1 unknown" }, /* Another system's number. */
        { MEDICATION, "", "36567", "", "", "", "upsert", 0, 0, " taken nothing -1 unknown" },
        { MEDICATION, "LOCAL", "SIM20", "Simvastatin 20", "", "", "upsert", 0, 0, "simvastatin taken name -1" },
        { MEDICATION, "RxNorm", "999999", "Simvastatin 20", "", "", "upsert", 0, 0, "simvastatin taken name -1" },
        { MEDICATION, "RxNorm", "36567", "Verapamil", "", "", "upsert", 0, 0, "simvastatin taken code -1" }, /* The code decides. */
        { MEDICATION, "RxNorm", "83367", "atorvastatin", "", "", "upsert", 0, 0, " taken nothing -1" },
        { MEDICATION, "", "", "", "", "active", "upsert", 0, 0, "-" }, /* Names no drug, and takes none back. */
        { MEDICATION, "", "", "", "", "stopped", "upsert", 0, 0, " stopped nothing -1" },
        { MEDICATION, "", "", "", "", "", "retract", 0, 0, " never nothing -1" },
        { MEDICATION, "", "", "simvastatin", "", "Entered-In-Error", "upsert", 0, 0, "simvastatin never name -1" },
        { MEDICATION, "", "", "simvastatin", "", "on-hold", "upsert", 0, 0, "simvastatin taken name -1" },
        { MEDICATION, "", "", "simvastatin", "statement", "completed", "upsert", 0, 0, "simvastatin completed name -1" },
        { MEDICATION, "", "", "simvastatin", "dispense", "completed", "upsert", 0, 0, "simvastatin taken name -1" }, /* It was handed over. */
        { MEDICATION, "", "", "simvastatin", "administration", "completed", "upsert", 0, 0, "-" },
        { MEDICATION, "", "", "simvastatin", "", "", "promote", 0, 0, "-" },
        { MEDICATION, "", "", "simvastatin", "", "", "ignore", 0, 0, "-" },
        { MEDICATION, "", "", "simvastatin", "", "", "upsert", 5, 30, "simvastatin taken name 5" },   /* The stated end … */
        { MEDICATION, "", "", "simvastatin", "", "", "upsert", 0, 30, "simvastatin taken name 720" }, /* … else the supply. */
        { MEDICATION, "", "", "simvastatin", "", "", "upsert", -1, 30, "simvastatin taken name 24" }, /* It ends as it begins: one dose. */
        { ORDER, "RxNorm", "36567", "", "", "NW", "upsert", 5, 30, "simvastatin taken code -1" },     /* Orders have no end; what says 30 is no supply. */
        { ORDER, "RxNorm", "36567", "", "Medication", "NW", "upsert", 0, 0, "simvastatin taken code -1" },
        { ORDER, "", "", "simvastatin", "laboratory", "NW", "upsert", 0, 0, "-" },
        { ORDER, "LN", "2160-0", "Creatinine", "", "NW", "upsert", 0, 0, "-" },
        { ORDER, "", "CBC", "", "", "NW", "upsert", 0, 0, " taken nothing -1" }, /* Of anything: not counted. */
        { ORDER, "", "CBC", "", "pharmacy", "NW", "upsert", 0, 0, " taken nothing -1 unknown" },
        { ORDER, "", "", "", "", "NW", "upsert", 0, 0, "-" },
        { ORDER, "", "", "", "", "dc", "upsert", 0, 0, " stopped nothing -1" },
        { ORDER, "", "", "", "", "OC", "upsert", 0, 0, " never nothing -1" },
    };
    for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++)
        assert_string_equal(row_text(&examples[i]), examples[i].found);
}

/* ---- Examples ---- */

/* A word an event: "<day><id letter>" and "=<s|c|k|x|m>" simvastatin, clarithromycin, ketoconazole, something else, phenelzine with …; "!" retracted; "." stopped.
 * "!" alone names no drug. "h": of history; "o": an order. */
static uint32_t
read_events(const char *text, struct event *events)
{
    static const char *const drugs[] = { ['s'] = "simvastatin", ['c'] = "clarithromycin", ['k'] = "ketoconazole", ['x'] = "water", ['q'] = "amiodarone" };
    uint32_t                 count   = 0;
    for (char *end; *text != '\0'; count++) {
        struct event *event = &events[count];
        make_event(event, count, (1000 + strtol(text, &end, 10)) * DAY);
        snprintf(event->result_id, sizeof(event->result_id), "m%c", *end++);
        if (*end == '=')
            SET(event->drug, drugs[(unsigned char)end[1]]), end += 2;
        for (; *end != ' ' && *end != '\0'; end++) {
            if (*end == '!')
                SET(event->action, "retract");
            else if (*end == '.')
                SET(event->status, "DC");
            else if (*end == 'h')
                event->partition = EVENT_PARTITION_HISTORY;
            else if (*end == 'o')
                event->entity = "clinical_order", event->has_no_end = false, event->end_us = event->begin_us;
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

static void
alerts_follow_from_drugs(void **state)
{
    (void)state;
    static const struct {
        const char *events;
        const char *told;
    } examples[] = {
        { "1a=s 2b=c", "e1:open" },
        { "1a=so 2b=c", "e1:open" },
        { "1a=so 2b=co", "e1:open" },
        { "1a=s 2a=co", "e1:open" }, /* A prescription and an order of one number are two. */
        { "1a=s 2b=x", "" },
        { "1a=s 2b=c 3b=c", "e1:open" },
        { "1a=s 2b=c 3c=c", "e1:open e2:closed/cooldown" },
        { "1a=s 2b=c 91c=c", "e1:open e2:closed/cooldown" },
        { "1a=s 2b=c 92c=c", "e1:open e2:open" },
        { "1a=s 2b=c 3c=k", "e1:open e2:open" },
        { "1a=s 2b=c 3c=q", "e1:open e2:open" },
        { "1a=s 2b=c 3b!", "e1:retracted/withdrawn" },
        { "1a=s 2b=c 3b! 4c=c", "e1:retracted/withdrawn e3:open" },
        { "1a=s 2b=c 3b. 4c=c", "e1:closed/stopped e3:open" },
        { "1a=s 2b=c 3b=x", "e1:retracted/corrected" },
        { "1a=s 2b=c 3b=k", "e1:revised/corrected" },
        { "1a=s 2b! 2b=c", "e2:open" }, /* The same time: by their ids. */
        { "1a=s 3b! 2b=c", "e2:retracted/withdrawn" }, /* The correction came first. */
        { "1a=s 5b! 9c=x 2b=c", "e3:open" },           /* What names no drug of the rule is kept for two days. */
        { "1a=sh 2b=c", "e1:open" },
        { "1a=sh 2b=ch 3c=k", "e2:open" },
        { "1a=sh 2b=ch", "" },
        { "1a=sh 2b=c 3a!", "e1:retracted/withdrawn" },
        { "1a=s 300b=c", "e1:open" },
        { "1a=s 365b=c", "e1:open" },
        { "1a=s 366b=c", "" }, /* An open end lasts a year. */
    };
    for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++)
        for (uint32_t rows = 1; rows < 5; rows++)
            if (strcmp(told_of(examples[i].events, rows), examples[i].told) != 0)
                fail_msg("%s by %u: \"%s\", not \"%s\"", examples[i].events, rows, told_text(), examples[i].told);
}

static void
an_alert_says_what_it_goes_by(void **state)
{
    (void)state;
    told_of("1a=sh 2b=c", 1);
    assert_int_equal(told_count, 1);
    assert_string_equal(told[0].value, "simvastatin + clarithromycin");
    assert_string_equal(told[0].severity, "high");
    assert_string_equal(told[0].mode, "live");
    assert_true(told[0].is_delivered);
    assert_string_equal(told[0].explanation,
                        "{\"fired_by\":\"onc-11\",\"danger\":\"Simvastatin or lovastatin (no other statin) with an inhibitor of CYP3A4: rhabdomyolysis.\","
                        "\"source\":\"ONC high-priority drug-drug interactions (Phansalkar 2012)\",\"drugs\":["
                        "{\"ingredient\":\"simvastatin\",\"rxcui\":\"36567\",\"entity\":\"medication\",\"stated\":\"simvastatin\",\"found_by\":\"name\","
                        "\"from\":\"1972-09-28T00:00:00.000000Z\",\"to\":null},"
                        "{\"ingredient\":\"clarithromycin\",\"rxcui\":\"21212\",\"entity\":\"medication\",\"stated\":\"clarithromycin\",\"found_by\":\"name\","
                        "\"from\":\"1972-09-29T00:00:00.000000Z\",\"to\":null}],"
                        "\"overlap\":{\"from\":\"1972-09-29T00:00:00.000000Z\",\"to\":null},"
                        "\"not_fired_if\":{\"first_ended_by\":\"1972-09-29T00:00:00.000000Z\",\"or_second_ended_by\":\"1972-09-28T00:00:00.000000Z\"}}");
    assert_string_equal(told[0].evidence, "{\"events\":[{\"source\":\"EVENTS\",\"partition_id\":\"p0\",\"position\":0},"
                                          "{\"source\":\"EVENTS\",\"partition_id\":\"history\",\"position\":0}],\"history_from\":\"1970-01-02T00:00:00.000000Z\"}");
    pack.is_approved = false;
    told_of("1a=s 2b=c 3b=c", 1);
    assert_string_equal(told[0].mode, "shadow");
    assert_false(told[0].is_delivered);
    assert_int_equal(told[0].revisions, 1); /* The same again is silent. */
    pack.is_approved = true;
    told_of("1a=s 2b=c 3b!", 1);
    assert_true(told[0].is_delivered); /* Who got it hears of its end. */
    assert_int_equal(told[0].revisions, 2);
    told_of("1a=s 2b=c 3b!", 9);
    assert_false(told[0].is_delivered);
}

/* ---- Random worlds ---- */

#define EVENT_COUNT 200

static uint32_t
make_world(uint64_t seed, int64_t step_us, struct event *events)
{
    static const char *const drugs[] = { "simvastatin", "clarithromycin", "ketoconazole", "water", "lovastatin", "", "amiodarone", "sotalol" };
    struct random            random;
    random_init(&random, seed);
    for (uint32_t i = 0; i < EVENT_COUNT; i++) {
        struct event *event = &events[i];
        make_event(event, i, 1000 * DAY + (int64_t)i * step_us + (int64_t)random_below(&random, 600) * MINUTE);
        event->partition = i < EVENT_COUNT / 10 ? EVENT_PARTITION_HISTORY : (int32_t)random_below(&random, PARTITION_MAX);
        if (random_below(&random, 3) == 0) {
            event->entity     = "clinical_order";
            event->has_no_end = false;
            event->end_us     = event->begin_us;
        } else if (random_below(&random, 3) == 0) {
            event->has_no_end = false;
            event->end_us     = event->begin_us + (int64_t)random_below(&random, 40) * step_us;
        }
        snprintf(event->patient, sizeof(event->patient), "p%u", (unsigned)random_below(&random, 3));
        snprintf(event->result_id, sizeof(event->result_id), "m%u", i / 24 * 24 + (unsigned)random_below(&random, 8));
        SET(event->drug, drugs[random_below(&random, sizeof(drugs) / sizeof(*drugs))]);
        const uint64_t kind = random_below(&random, 12);
        if (kind == 0)
            SET(event->action, "retract");
        if (kind == 1)
            SET(event->status, "DC");
        if (kind == 2 && i > EVENT_COUNT / 10 + 9) { /* A copy, in the same partition or another. */
            const int32_t partition = event->partition;
            *event                  = events[i - 1 - random_below(&random, 9)];
            event->partition        = partition;
        }
    }
    return EVENT_COUNT;
}

/* From statements every half an hour to every fifth day, where the first are forgotten before the last come. */
static int64_t
step_of(uint64_t seed)
{
    static const int64_t steps[] = { 30 * MINUTE, 5 * HOUR, 5 * DAY };
    return steps[seed % 3];
}

/* Superseded alerts and all: whatever was read first. */
static void
content_depends_on_events_alone(void **state)
{
    (void)state;
    static struct event      events[EVENT_COUNT];
    static struct told_alert first[ALERT_MAX], other[ALERT_MAX];
    for (uint64_t seed = 1; seed < 19; seed++) {
        const uint32_t count = make_world(seed, step_of(seed), events);
        run_shape(events, count, (struct shape){ .chunk_rows = 2048, .barrier_rows = 1000 });
        const uint32_t first_count = take_told(first, "-");
        assert_true(first_count > 20);
        for (uint64_t order = 0; order < 5; order++) {
            run_shape(events, count, (struct shape){ .chunk_rows = 5, .barrier_rows = 1 + (uint32_t)order * 6, .restarts = order % 2 == 0, .order_seed = order });
            assert_same_told(first, first_count, other, take_told(other, "-"));
        }
    }
}

/* Drugs are kept for the rule's history; what is none of the rule's is not kept, or not for long. */
static void
state_is_freed(void **state)
{
    (void)state;
    struct error        err = ERROR_EMPTY;
    struct operator    *op;
    struct epoch_output output;
    struct chunk        chunk;
    struct str_builder  out;
    struct event        events[8];
    assert_int_equal(create(&graph, &pack, &person_key, &partitions, &op, &err), ST_OK);
    assert_int_equal(output_init(&output, model, PARTITION_MAX, NULL, &err), ST_OK);
    assert_int_equal(chunk_init(&chunk, &event_schema, 8, &err), ST_OK);
    str_builder_init(&out);
    const uint32_t count = read_events("0a=s 0b=c 0c=x 0d", events);
    for (uint32_t i = 0; i < count; i++) {
        events[i].watermark_us = INT64_MIN;
        set_event(&chunk, &events[i], i);
    }
    event_hash_identities(&chunk, &person_key);
    assert_int_equal(op->kind->rows(op, &chunk, &output, &err), ST_OK);
    assert_int_equal(entry_count(op), 2); /* The patient, the other drug; the last names none. */
    const int64_t  watermarks[] = { INT64_MIN, 1002 * DAY - 1, 1002 * DAY, 1367 * DAY - 1, 1367 * DAY, 1732 * DAY };
    const uint64_t entries[]    = { 3, 3, 2, 2, 1, 0 }; /* With what was told, which stays longer. */
    for (int i = 0; i < 6; i++) {
        struct epoch_decision decision = { (uint64_t)i + 1, watermarks[i], watermarks[i], i == 0 ? INT64_MIN : watermarks[i - 1], NULL, 1, false };
        assert_int_equal(op->kind->barrier(op, &decision, &output, &err), ST_OK);
        save_all(op, watermarks[i], &out);
        assert_int_equal(entry_count(op), entries[i]);
    }
    op->kind->free(op);
    output_release(&output);
    chunk_release(&chunk);
    str_builder_release(&out);
}

/* More statements than a patient's entry takes: the drugs that were stated last stay. */
static void
room_is_made(void **state)
{
    (void)state;
    static struct event events[RULE_RECORD_COUNT_MAX + 20];
    const uint32_t      count = sizeof(events) / sizeof(*events);
    for (uint32_t i = 0; i < count; i++) {
        make_event(&events[i], i, 1000 * DAY + (int64_t)i * MINUTE);
        SET(events[i].drug, "clarithromycin");
        snprintf(events[i].result_id, sizeof(events[i].result_id), "m%u", i);
    }
    SET(events[0].drug, "simvastatin");
    SET(events[count - 1].drug, "lovastatin");
    pack.cooldown_us = 0;
    graph.model      = model;
    run_shape(events, count, (struct shape){ .chunk_rows = 2048, .barrier_rows = 5000 });
    assert_int_equal(told_count, RULE_RECORD_COUNT_MAX - 1); /* With the last one; the first is gone. */
}

static void
every_allocation_may_fail(void **state)
{
    (void)state;
    static struct event events[EVENT_COUNT];
    sweep_rule(events, make_world(7, 30 * MINUTE, events) / 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(names_are_found_as_whole_words, begin),  cmocka_unit_test_setup(each_ingredient_is_found, begin),
        cmocka_unit_test_setup(rows_are_told, begin),                   cmocka_unit_test_setup(alerts_follow_from_drugs, begin),
        cmocka_unit_test_setup(an_alert_says_what_it_goes_by, begin),   cmocka_unit_test_setup(content_depends_on_events_alone, begin),
        cmocka_unit_test_setup(state_is_freed, begin),                  cmocka_unit_test_setup(room_is_made, begin),
        cmocka_unit_test_setup(every_allocation_may_fail, begin),
    };
    return cmocka_run_group_tests(tests, setup, rule_teardown);
}
