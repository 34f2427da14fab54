/* The step access_volume: examples of what must come out, and a plain judgement of random worlds against any chunks, barriers, orders of arrival and
 * restarts. */
#include "rule_run.inc"

#include "live/op/access_volume.h"

#define EVENT_MAX 8000
#define FIRST_DAY 100 /* Since 1970-01-01; without a zone days are those of UTC. */

static struct event events[EVENT_MAX];
static uint32_t     event_count_;

static int
setup(void **state)
{
    (void)state;
    return rule_setup("access_volume", access_volume_create);
}

/* Each test begins with these limits, few enough for examples, in UTC. */
static int
begin(void **state)
{
    (void)state;
    pack                  = *model_rule(model, STR("access_volume"));
    pack.is_approved      = true;
    pack.volume.day_count = 3;
    pack.volume.peers     = 3;
    pack.volume.measures[ACCESS_MEASURE_VOLUME]  = (struct access_measure_rule){ 20, 10, 3500000, 0 };
    pack.volume.measures[ACCESS_MEASURE_BREADTH] = (struct access_measure_rule){ 30, 8, 3500000, 0 };
    graph.zone    = STR_EMPTY;
    event_count_  = 0;
    return 0;
}

/* An access at so many minutes of the first day. */
static struct event *
look(const char *user, const char *role, const char *department, int64_t minutes, uint32_t patient)
{
    struct event *event = &events[event_count_];
    assert_true(event_count_ < EVENT_MAX);
    *event = (struct event){ .entity = "access_event", .time_us = FIRST_DAY * DAY + minutes * MINUTE };
    event->effective_us = event->time_us;
    snprintf(event->id, sizeof(event->id), "e%u", event_count_++);
    snprintf(event->patient, sizeof(event->patient), "p%u", patient);
    SET(event->user, user);
    SET(event->role, role);
    SET(event->department, department);
    return event;
}

/* A user's day: so many accesses of so many patients, a minute each from 8 on. */
static void
work(const char *user, const char *role, const char *department, int64_t day, uint32_t accesses, uint32_t patients)
{
    for (uint32_t i = 0; i < accesses; i++)
        look(user, role, department, day * 24 * 60 + 480 + i, i % patients);
}

/* Users a, b, … of a department, who look at 1, 2, … more patients than `least`. */
static void
crew(const char *prefix, const char *role, const char *department, int64_t day, uint32_t users, uint32_t least)
{
    for (uint32_t i = 0; i < users; i++) {
        char user[16];
        snprintf(user, sizeof(user), "%s%u", prefix, i);
        work(user, role, department, day, least + i, least + i);
    }
}

static const char *
told_of_all(void)
{
    static char text[4000];
    size_t      used = 0;
    run_shape(events, event_count_, (struct shape){ .chunk_rows = 7, .barrier_rows = 10, .drains = true });
    text[0] = '\0';
    for (uint32_t i = 0; i < told_count; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s:%s%s%s", i == 0 ? "" : " ", told[i].subject, told[i].status,
                                 told[i].reason[0] != '\0' ? "/" : "", told[i].reason);
    return text;
}

static void
assert_explains(const char *part)
{
    assert_int_equal(told_count, 1);
    if (strstr(told[0].explanation, part) == NULL)
        fail_msg("%s is not in %s", part, told[0].explanation);
}

/* ---- Examples ---- */

static void
who_looks_at_many_more_than_peers_is_told(void **state)
{
    (void)state;
    crew("u", "nurse", "d", 0, 5, 4); /* 4 … 8: median 6, MAD 1, so from 6 + 3.5 · 1.4826 = 11.19 on. */
    work("x", "nurse", "d", 0, 12, 12);
    assert_string_equal(told_of_all(), "x:open");
    assert_explains("{\"fired_by\":\"breadth\",\"rank\":57,\"day\":\"1970-04-11\",\"zone\":\"UTC\",\"user_role\":\"nurse\",\"user_department\":\"d\",");
    assert_explains("{\"measure\":\"breadth\",\"is_beyond\":true,\"weight\":30,\"value\":12,\"median\":6.0,\"spread\":1.4826,\"spread_by\":\"median_deviation\","
                    "\"z\":4.046,\"limit\":3.500000,\"at_least\":8}");
    assert_explains("\"peers\":{\"of\":\"role_and_department\",\"users\":5,\"at_least\":3,\"user_days\":5,\"days\":3,\"days_seen\":1}");
    assert_explains("\"not_fired_if\":{\"volume_below\":12,\"breadth_below\":12}");
    assert_explains("\"known_before\":\"1970-04-12T01:00:00.000000Z\"");
    assert_string_equal(told[0].severity, "medium");
    assert_string_equal(told[0].mode, "live");
    assert_true(told[0].is_delivered);
    assert_non_null(strstr(told[0].evidence, "\"position\":30}],\"history_from\":"));

    begin(NULL);
    crew("u", "nurse", "d", 0, 5, 4);
    work("x", "nurse", "d", 0, 11, 11);
    assert_string_equal(told_of_all(), "");
}

static void
the_same_patient_counts_once(void **state)
{
    (void)state;
    crew("u", "nurse", "d", 0, 5, 4);
    work("x", "nurse", "d", 0, 13, 7); /* Volume alone. */
    assert_string_equal(told_of_all(), "x:open");
    assert_explains("\"fired_by\":\"volume\",\"rank\":26");
    assert_explains("\"value\":7,\"median\":6.0");
}

static void
few_are_no_alert_however_few_others_have(void **state)
{
    (void)state;
    crew("u", "nurse", "d", 0, 5, 1);
    pack.volume.measures[ACCESS_MEASURE_VOLUME].at_least = 15;
    pack.volume.measures[ACCESS_MEASURE_BREADTH].at_least = 15;
    work("x", "nurse", "d", 0, 14, 14);
    assert_string_equal(told_of_all(), "");
    look("x", "nurse", "d", 700, 99);
    assert_string_equal(told_of_all(), "x:open");
}

static void
a_limit_that_is_met_exactly_fires(void **state)
{
    (void)state;
    pack.volume.measures[ACCESS_MEASURE_BREADTH] = (struct access_measure_rule){ 30, 1, 2000000, 0 };
    pack.volume.measures[ACCESS_MEASURE_VOLUME].weight = 0;
    /* Median 12; MAD 5: spread 7.413. A z of 20 / 7.413 = 2.69796304… */
    for (int more = 0; more < 2; more++) {
        begin(NULL);
        pack.volume.measures[ACCESS_MEASURE_VOLUME].weight = 0;
        pack.volume.measures[ACCESS_MEASURE_BREADTH] = (struct access_measure_rule){ 30, 1, 2697964 - more, 0 };
        work("a", "nurse", "d", 0, 7, 7);
        work("b", "nurse", "d", 0, 12, 12);
        work("c", "nurse", "d", 0, 17, 17);
        work("x", "nurse", "d", 0, 32, 32);
        assert_string_equal(told_of_all(), more == 0 ? "" : "x:open");
    }
}

static void
less_than_so_many_times_the_median_is_no_alert(void **state)
{
    (void)state;
    crew("u", "nurse", "d", 0, 5, 4); /* Median 6. */
    pack.volume.measures[ACCESS_MEASURE_VOLUME].weight = 0;
    pack.volume.measures[ACCESS_MEASURE_BREADTH].times = 2166667; /* 13.000002 */
    work("x", "nurse", "d", 0, 13, 13);
    assert_string_equal(told_of_all(), "");
    pack.volume.measures[ACCESS_MEASURE_BREADTH].times = 2166666;
    assert_string_equal(told_of_all(), "x:open");
    assert_explains("\"limit\":3.500000,\"times\":2.166666,\"at_least\":8}");
    assert_explains("\"not_fired_if\":{\"breadth_below\":13}");
}

static void
where_peers_are_equal_the_mean_deviation_or_any_more(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        crew((const char *[]){ "a", "b", "c", "e" }[i], "nurse", "d", 0, 1, 5);
    work("y", "nurse", "d", 0, 7, 7); /* Of x's peers: MAD 0, mean deviation 0.4; 5 + 3.5 · 0.5013 = 6.75. */
    work("x", "nurse", "d", 0, 9, 9);
    assert_string_equal(told_of_all(), "x:open");
    assert_explains("\"spread\":0.5013,\"spread_by\":\"mean_deviation\"");

    begin(NULL);
    for (int i = 0; i < 4; i++)
        crew((const char *[]){ "a", "b", "c", "e" }[i], "nurse", "d", 0, 1, 5);
    work("x", "nurse", "d", 0, 8, 8);
    assert_string_equal(told_of_all(), "x:open");
    assert_explains("\"fired_by\":\"breadth\",\"rank\":90,");
    assert_explains("\"spread\":0.0000,\"spread_by\":\"none\",\"z\":null");
    assert_explains("\"not_fired_if\":{\"volume_below\":10,\"breadth_below\":8}");
}

static void
too_few_of_a_department_are_compared_by_role(void **state)
{
    (void)state;
    crew("u", "nurse", "d", 0, 2, 5); /* Two peers in the department are fewer than three. */
    crew("v", "nurse", "e", 0, 3, 4);
    work("x", "nurse", "d", 0, 20, 20);
    assert_string_equal(told_of_all(), "x:open");
    assert_explains("\"peers\":{\"of\":\"role\",\"users\":5,");

    begin(NULL);
    crew("u", "nurse", "d", 0, 2, 5);
    crew("v", "clerk", "d", 0, 9, 4); /* Of another role. */
    work("x", "nurse", "d", 0, 20, 20);
    assert_string_equal(told_of_all(), "");

    begin(NULL);
    work("x", "nurse", "d", 0, 200, 200); /* Alone. */
    assert_string_equal(told_of_all(), "");

    begin(NULL); /* Who states no department has the role's peers, who states no role has none. */
    crew("v", "nurse", "e", 0, 4, 4);
    work("x", "nurse", "", 0, 20, 20);
    work("y", "", "e", 0, 20, 20);
    assert_string_equal(told_of_all(), "x:open");
    assert_explains("\"peers\":{\"of\":\"role\",\"users\":4,");
    assert_null(strstr(told[0].explanation, "user_department"));
}

static void
earlier_days_count_and_own_ones_do_not(void **state)
{
    (void)state;
    crew("u", "nurse", "d", 0, 3, 4);
    work("x", "nurse", "d", 0, 7, 7);
    work("x", "nurse", "d", 1, 60, 60);
    work("x", "nurse", "d", 2, 80, 80); /* Compared with the first day, two days before. */
    work("x", "nurse", "d", 3, 90, 90); /* Three are too many: nobody to compare with. */
    assert_string_equal(told_of_all(), "x:open x:open");
    assert_non_null(strstr(told[1].explanation, "\"users\":3,\"at_least\":3,\"user_days\":3,\"days\":3,\"days_seen\":3}"));
}

static void
copies_count_once(void **state)
{
    (void)state;
    crew("u", "nurse", "d", 0, 5, 4);
    work("x", "nurse", "d", 0, 11, 7);
    for (uint32_t i = event_count_ - 11, end = event_count_; i < end; i++) { /* All once more, by another partition. */
        events[event_count_]           = events[i];
        events[event_count_++].partition = 1;
    }
    assert_string_equal(told_of_all(), "");
    look("x", "nurse", "d", 900, 0);
    assert_string_equal(told_of_all(), "x:open");
}

/* Partitions 1 and 2 say how late it is. */
static void
tell_time(int64_t minutes)
{
    look("t", "clock", "t", minutes, 0)->partition = 1;
    look("t", "clock", "t", minutes, 0)->partition = 2;
}

static void
what_is_known_late_revises(void **state)
{
    (void)state;
    static const struct {
        uint32_t in_time, late;
        int64_t  known; /* Minutes. */
        const char *told;
    } examples[] = {
        { 14, 0, 0, "x:open" },
        { 14, 4, 24 * 60 + 59, "x:open" },          /* The day is judged an hour after its end, … */
        { 14, 4, 24 * 60 + 60, "x:revised/late" },
        { 9, 9, 24 * 60 + 60, "x:open" },
        { 9, 9, 72 * 60 - 1, "x:open" },            /* … and for good two days after it. */
        { 9, 9, 72 * 60, "" },
        { 14, 4, 72 * 60, "x:open" },
    };
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        begin(NULL);
        crew("u", "nurse", "d", 0, 5, 4);
        work("x", "nurse", "d", 0, examples[i].in_time, examples[i].in_time);
        tell_time(30 * 60);
        for (uint32_t k = 0; k < examples[i].late; k++)
            look("x", "nurse", "d", examples[i].known, 100 + k)->effective_us = FIRST_DAY * DAY + 600 * MINUTE;
        tell_time(80 * 60);
        look("t", "clock", "t", 80 * 60, 0);
        assert_string_equal(told_of_all(), examples[i].told);
    }
}

static void
peers_who_are_known_late_retract(void **state)
{
    (void)state;
    crew("u", "nurse", "d", 0, 5, 4);
    work("x", "nurse", "d", 0, 12, 12);
    tell_time(26 * 60);
    for (uint32_t i = 0; i < 5; i++)
        for (uint32_t k = 0; k < 8; k++) {
            char user[16];
            snprintf(user, sizeof(user), "u%u", i);
            look(user, "nurse", "d", 30 * 60, 200 + k)->effective_us = FIRST_DAY * DAY + 600 * MINUTE;
        }
    assert_string_equal(told_of_all(), "x:retracted/late");
    assert_true(told[0].is_delivered);
    assert_explains("\"fired_by\":\"nothing\",\"rank\":0,");
    assert_explains("\"known_before\":\"1970-04-14T00:00:00.000000Z\"");
}

static void
days_are_those_of_the_zone(void **state)
{
    (void)state;
    static const struct {
        int64_t midnight; /* Of the day, UTC, in hours since the first day. */
        int64_t hours;
        const char *day;
    } days[] = { { 20520 * 24 + 5, 23, "2026-03-08" }, { 20757 * 24 + 4 + 24, 25, "2026-11-01" } };
    for (size_t i = 0; i < 2; i++) {
        begin(NULL);
        graph.zone = STR("America/New_York");
        int64_t begin_minute = (days[i].midnight - FIRST_DAY * 24) * 60;
        crew("u", "nurse", "d", 0, 5, 4);
        for (uint32_t k = 0; k < event_count_; k++) /* The first day's morning, into the day. */
            events[k].time_us = events[k].effective_us = FIRST_DAY * DAY + (begin_minute + 600) * MINUTE;
        for (uint32_t k = 0; k < 6; k++)
            look("x", "nurse", "d", begin_minute, k);
        for (uint32_t k = 6; k < 12; k++)
            look("x", "nurse", "d", begin_minute + days[i].hours * 60 - 1, k);
        look("x", "nurse", "d", begin_minute - 1, 50); /* Neither this one … */
        look("x", "nurse", "d", begin_minute + days[i].hours * 60, 51); /* … nor this one is of the day. */
        assert_string_equal(told_of_all(), "x:open");
        char text[100];
        snprintf(text, sizeof(text), "\"day\":\"%s\",\"zone\":\"America/New_York\"", days[i].day);
        assert_explains(text);
        assert_explains("\"value\":12,");
    }
}

static void
unapproved_rules_run_in_shadow(void **state)
{
    (void)state;
    pack.is_approved = false;
    crew("u", "nurse", "d", 0, 5, 4);
    work("x", "nurse", "d", 0, 12, 12);
    assert_string_equal(told_of_all(), "x:open");
    assert_string_equal(told[0].mode, "shadow");
    assert_false(told[0].is_delivered);
}

static void
history_is_nobodys_access(void **state)
{
    (void)state;
    crew("u", "nurse", "d", 0, 5, 4);
    work("x", "nurse", "d", 0, 12, 12);
    events[event_count_ - 1].partition = -1;
    assert_string_equal(told_of_all(), "");
}

/* ---- What is kept ---- */

static void
nothing_is_kept_for_good(void **state)
{
    (void)state;
    struct error        err = ERROR_EMPTY;
    struct operator    *op  = NULL;
    struct epoch_output output;
    struct chunk        chunk;
    assert_int_equal(create(&graph, &pack, &person_key, &partitions, &op, &err), ST_OK);
    assert_int_equal(output_init(&output, model, PARTITION_MAX, NULL, &err), ST_OK);
    assert_int_equal(chunk_init(&chunk, &event_schema, 1000, &err), ST_OK);
    crew("u", "nurse", "d", 0, 5, 4);
    for (uint32_t i = 0; i < event_count_; i++) {
        events[i].watermark_us = INT64_MIN;
        set_event(&chunk, &events[i], i);
    }
    event_hash_identities(&chunk, &person_key);
    assert_int_equal(op->kind->rows(op, &chunk, &output, &err), ST_OK);
    assert_int_equal(op->states[0].entry_count, 5);
    assert_int_equal(op->sets[0].key_count, 2 * event_count_);
    state_set_forget_changes(&op->sets[0]);
    state_set_expire(&op->sets[0], (FIRST_DAY + 3) * DAY - 1);
    assert_int_equal(op->sets[0].key_count, 2 * event_count_);
    state_set_expire(&op->sets[0], (FIRST_DAY + 3) * DAY); /* Two days after the day's end. */
    assert_int_equal(op->sets[0].key_count, 0);
    state_forget_changes(&op->states[0]);
    state_expire(&op->states[0], (FIRST_DAY + 5) * DAY - 1);
    assert_int_equal(op->states[0].entry_count, 5);
    state_expire(&op->states[0], (FIRST_DAY + 5) * DAY); /* The same of the last of three days that it is compared with. */
    assert_int_equal(op->states[0].entry_count, 0);
    op->kind->free(op);
    output_release(&output);
    chunk_release(&chunk);
}

static void
rows_that_are_not_wanted_stay_away(void **state)
{
    (void)state;
    struct error     err = ERROR_EMPTY;
    struct operator *op  = NULL;
    struct chunk     chunk;
    uint64_t         hashes[5];
    assert_int_equal(create(&graph, &pack, &person_key, &partitions, &op, &err), ST_OK);
    assert_int_equal(chunk_init(&chunk, &event_schema, 10, &err), ST_OK);
    look("a", "nurse", "d", 0, 1);
    look("b", "nurse", "e", 0, 2);
    look("a", "", "d", 0, 1);
    look("a", "nurse", "d", 0, 1)->entity = "encounter";
    look("a", "clerk", "d", 0, 1)->partition = -1;
    for (uint32_t i = 0; i < event_count_; i++) {
        events[i].watermark_us = INT64_MIN;
        set_event(&chunk, &events[i], i);
    }
    for (uint32_t i = 0; i < event_count_; i++)
        assert_int_equal(op->kind->wants(op, &chunk, i), i < 2);
    op->kind->exchange(op, &chunk, hashes);
    assert_true(hashes[0] == hashes[1] && hashes[0] != 0); /* By role alone. */
    op->kind->free(op);
    chunk_release(&chunk);
}

/* ---- Random worlds ---- */

#define USER_COUNT 14
#define WORLD_DAYS 6

struct plain_unit {
    bool   is_used;
    double values[2][ACCESS_MEASURE_COUNT]; /* By stage. */
    int    told; /* 0 nothing, 1 open, 2 revised, 3 retracted. */
};

/* By user, role, department, day. */
static struct plain_unit plain[USER_COUNT][2][3][WORLD_DAYS + 40];

static int64_t
plain_day(const struct event *event)
{
    return event->effective_us / DAY - FIRST_DAY + 20;
}

static unsigned
number_of(const char *text)
{
    return (unsigned)strtoul(text + 1, NULL, 10);
}

/* From when on each event is known: its partition's watermark where it stands. */
static void
find_known(int64_t *known_us)
{
    int64_t newest[PARTITION_MAX] = { INT64_MIN, INT64_MIN, INT64_MIN };
    for (uint32_t i = 0; i < event_count_; i++) {
        const struct event *event = &events[i];
        int64_t            *of    = &newest[event->partition];
        known_us[i] = *of != INT64_MIN && *of - MINUTE > event->time_us ? *of - MINUTE : event->time_us;
        *of         = event->time_us > *of ? event->time_us : *of;
    }
}

/* Distinct patients (or events) of one unit that are known before the moment. */
static double
plain_count(const int64_t *known_us, unsigned user, unsigned role, unsigned department, int64_t day, int64_t before_us, bool patients)
{
    static bool seen[EVENT_MAX];
    double      count = 0;
    memset(seen, 0, sizeof(seen));
    for (uint32_t i = 0; i < event_count_; i++) {
        const struct event *event = &events[i];
        if (number_of(event->user) != user || number_of(event->role) != role || number_of(event->department) != department || plain_day(event) != day
            || known_us[i] >= before_us)
            continue;
        const unsigned number = number_of(patients ? event->patient : event->id);
        count += !seen[number];
        seen[number] = true;
    }
    return count;
}

static int
compare_doubles(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static double
median_of(double *numbers, int count)
{
    qsort(numbers, (size_t)count, sizeof(*numbers), compare_doubles);
    return (numbers[(count - 1) / 2] + numbers[count / 2]) / 2;
}

static double
plain_z(double *numbers, int count, double x)
{
    double median = median_of(numbers, count), sum = 0;
    for (int i = 0; i < count; i++) {
        numbers[i] = numbers[i] > median ? numbers[i] - median : median - numbers[i];
        sum += numbers[i];
    }
    double mad = median_of(numbers, count);
    if (mad > 0)
        return (x - median) / (1.4826 * mad);
    return sum > 0 ? (x - median) / (1.253314 * sum / count) : x > median ? 1e9 : 0;
}

/* Peers' values of the measure; how many users they are. */
static int
plain_peers(unsigned user, unsigned role, int department, int64_t day, int stage, int measure, double *numbers, int *ret_users)
{
    int count = 0;
    *ret_users = 0;
    for (unsigned other = 0; other < USER_COUNT; other++) {
        const int before = count;
        for (int of = 0; of < 3; of++)
            for (int64_t i = day - pack.volume.day_count + 1; i <= day && other != user && (department < 0 || department == of); i++) {
                const double value = i < 0 ? 0 : plain[other][role][of][i].values[i == day ? stage : 0][measure];
                if (value > 0)
                    numbers[count++] = value;
            }
        *ret_users += count > before;
    }
    return count;
}

static bool
plain_fires(unsigned user, unsigned role, unsigned department, int64_t day, int stage)
{
    static double numbers[USER_COUNT * 3 * 60];
    bool          fires = false;
    for (int measure = 0; measure < ACCESS_MEASURE_COUNT; measure++) {
        const double value = plain[user][role][department][day].values[stage][measure];
        int          users, count = plain_peers(user, role, (int)department, day, stage, measure, numbers, &users);
        if (users < pack.volume.peers)
            count = plain_peers(user, role, -1, day, stage, measure, numbers, &users);
        if (users >= pack.volume.peers && value >= pack.volume.measures[measure].at_least)
            fires |= plain_z(numbers, count, value) >= (double)pack.volume.measures[measure].z / 1e6;
    }
    return fires;
}

static uint32_t
judge_plainly(void)
{
    static int64_t known_us[EVENT_MAX];
    uint32_t       count = 0;
    find_known(known_us);
    memset(plain, 0, sizeof(plain));
    for (unsigned user = 0; user < USER_COUNT; user++)
        for (unsigned role = 0; role < 2; role++)
            for (unsigned department = 0; department < 3; department++)
                for (int64_t day = 0; day < WORLD_DAYS + 40; day++)
                    for (int stage = 0; stage < 2; stage++) {
                        const int64_t end_us = (day - 20 + FIRST_DAY + 1) * DAY, before_us = end_us + (stage == 0 ? pack.volume.settle_us : pack.volume.late_us);
                        for (int measure = 0; measure < 2; measure++)
                            plain[user][role][department][day].values[stage][measure] = plain_count(known_us, user, role, department, day, before_us, measure == 1);
                    }
    for (unsigned user = 0; user < USER_COUNT; user++)
        for (unsigned role = 0; role < 2; role++)
            for (unsigned department = 0; department < 3; department++)
                for (int64_t day = 0; day < WORLD_DAYS + 40; day++) {
                    const bool first = plain_fires(user, role, department, day, 0), late = plain_fires(user, role, department, day, 1);
                    plain[user][role][department][day].told = late ? 1 : first ? 3 : 0;
                    count += late || first;
                }
    return count;
}

static void
make_world(uint64_t seed)
{
    struct random random;
    random_init(&random, seed);
    begin(NULL);
    pack.volume.day_count = (int32_t)random_between(&random, 1, 4);
    pack.volume.peers     = (int32_t)random_between(&random, 2, 4);
    pack.volume.settle_us = random_between(&random, 0, 3) * HOUR;
    pack.volume.late_us   = random_between(&random, 3, 50) * HOUR;
    pack.volume.measures[ACCESS_MEASURE_VOLUME]  = (struct access_measure_rule){ 20, 6, 2000123, 0 };
    pack.volume.measures[ACCESS_MEASURE_BREADTH] = (struct access_measure_rule){ 30, 4, 1500123, 0 };
    const uint32_t count = 900;
    for (uint32_t i = 0; i < count; i++) {
        char user[16], department[16];
        int64_t minutes = (int64_t)i * WORLD_DAYS * 1440 / count + random_between(&random, 0, 600);
        unsigned who = (unsigned)random_below(&random, random_below(&random, 3) == 0 ? 3 : USER_COUNT);
        snprintf(user, sizeof(user), "u%u", who);
        snprintf(department, sizeof(department), "d%u", random_below(&random, 8) == 0 ? (unsigned)random_below(&random, 3) : who % 3);
        struct event *event = look(user, who % 5 == 0 ? "r1" : "r0", department, minutes, (uint32_t)random_below(&random, 30));
        event->partition    = (int32_t)random_below(&random, PARTITION_MAX);
        if (random_below(&random, 6) == 0) /* It becomes known hours or days after it happened. */
            event->effective_us -= random_between(&random, 0, 3 * 1440) * MINUTE;
        if (i > 20 && random_below(&random, 10) == 0) { /* A copy. */
            const int32_t partition = event->partition;
            *event                  = events[random_below(&random, i)];
            event->partition        = partition;
        }
    }
}

static void
a_plain_judgement_agrees(void **state)
{
    (void)state;
    static const struct shape shapes[] = {
        { .chunk_rows = 2048, .barrier_rows = 100000, .drains = true },
        { .chunk_rows = 1, .barrier_rows = 1, .drains = true, .order_seed = 1 },
        { .chunk_rows = 7, .barrier_rows = 40, .drains = true, .order_seed = 2, .restarts = true },
        { .chunk_rows = 100, .barrier_rows = 333, .drains = true, .order_seed = 3, .restarts = true },
    };
    static struct told_alert first[ALERT_MAX];
    uint32_t                 alerts = 0, retracted = 0, revised = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        uint32_t first_count = 0;
        make_world(seed);
        const uint32_t wanted = judge_plainly();
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
            run_shape(events, event_count_, shapes[i]);
            assert_int_equal(told_count, wanted);
            for (uint32_t k = 0; k < told_count; k++) {
                const struct event *event = &events[0];
                while (strcmp(event->id, told[k].event_id) != 0)
                    event++;
                const int said = plain[number_of(event->user)][number_of(event->role)][number_of(event->department)][plain_day(event)].told;
                assert_string_equal(told[k].status, said == 3 ? "retracted" : strcmp(told[k].status, "revised") == 0 ? "revised" : said == 1 ? "open" : "nothing");
                retracted += said == 3;
                revised += strcmp(told[k].status, "revised") == 0;
            }
            if (i == 0)
                first_count = take_told(first, "-");
            static struct told_alert now[ALERT_MAX];
            assert_same_told(first, first_count, now, take_told(now, "-"));
        }
        alerts += wanted;
    }
    assert_true(alerts > 50 && retracted > 0 && revised > 0);
}

static void
memory_may_run_out(void **state)
{
    (void)state;
    crew("u", "nurse", "d", 0, 5, 4);
    work("x", "nurse", "d", 0, 12, 12);
    sweep_rule(events, event_count_);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_looks_at_many_more_than_peers_is_told, begin),
        cmocka_unit_test_setup(the_same_patient_counts_once, begin),
        cmocka_unit_test_setup(few_are_no_alert_however_few_others_have, begin),
        cmocka_unit_test_setup(a_limit_that_is_met_exactly_fires, begin),
        cmocka_unit_test_setup(less_than_so_many_times_the_median_is_no_alert, begin),
        cmocka_unit_test_setup(where_peers_are_equal_the_mean_deviation_or_any_more, begin),
        cmocka_unit_test_setup(too_few_of_a_department_are_compared_by_role, begin),
        cmocka_unit_test_setup(earlier_days_count_and_own_ones_do_not, begin),
        cmocka_unit_test_setup(copies_count_once, begin),
        cmocka_unit_test_setup(what_is_known_late_revises, begin),
        cmocka_unit_test_setup(peers_who_are_known_late_retract, begin),
        cmocka_unit_test_setup(days_are_those_of_the_zone, begin),
        cmocka_unit_test_setup(unapproved_rules_run_in_shadow, begin),
        cmocka_unit_test_setup(history_is_nobodys_access, begin),
        cmocka_unit_test_setup(nothing_is_kept_for_good, begin),
        cmocka_unit_test_setup(rows_that_are_not_wanted_stay_away, begin),
        cmocka_unit_test_setup(a_plain_judgement_agrees, begin),
        cmocka_unit_test_setup(memory_may_run_out, begin),
    };
    return cmocka_run_group_tests(tests, setup, rule_teardown);
}
