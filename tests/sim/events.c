#include "sim/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/time.h"

#define BEGIN_US       INT64_C(1772445600000000) /* 2026-03-02T10:00:00Z */
#define LINE_SIZE_MAX  1024
#define COPY_COUNT_MAX 64
#define RESULT_COUNT_MAX 256
#define SECOND_US      INT64_C(1000000)

/* A result that later versions may correct, unless a copy of it went another way: versions of a result keep their order by the one log that
 * they stand in. */
struct result {
    uint32_t serial, patient, analyte, partition;
    bool     is_alone;
    int64_t  event_us, effective_us;
};

/* A line that is sent again. */
struct copy {
    char     line[LINE_SIZE_MAX];
    uint32_t partition;
    uint32_t due; /* When so many events have been written. */
};

struct maker {
    struct events *events;
    struct random  random;
    int64_t        now_us; /* Of the world. */
    uint32_t       written;
    uint32_t       serial;
    struct result  results[RESULT_COUNT_MAX];
    uint32_t       result_count;
    struct copy    copies[COPY_COUNT_MAX];
    uint32_t       copy_count;
};

/* Critical ones are not rare: that is what the rule is about. Units with a second name, limits as the delivered pack has them. Rules about the
 * course of results take all of a patient in the order of one log. */
static const struct {
    const char *loinc, *unit, *other_unit;
    double      low, high;
    bool        is_course;
} analytes[] = {
    { "2823-3", "mmol/L", "mEq/L", 2.4, 6.6, false },  { "2951-2", "mmol/L", "mEq/L", 112, 165, false },
    { "2345-7", "mg/dL", "mg/dL", 30, 520, false },    { "718-7", "g/dL", "g/dL", 5.5, 21, true },
    { "6690-2", "10*3/uL", "K/uL", 1.0, 40, false },   { "2160-0", "mg/dL", "mg/dL", 0.6, 4.2, true },
    { "777-3", "10*3/uL", "10^3/mm3", 20, 990, true }, { "2075-0", "mmol/L", "furlong", 90, 115, false },
};
#define ANALYTE_COUNT (sizeof(analytes) / sizeof(analytes[0]))
#define CREATININE    5u

static const char *const facilities[]  = { "MAIN", "NORTH", "CLINIC" };
static const char *const departments[] = { "ICU", "CARDIOLOGY", "BILLING", "REGISTRATION", "ED" };

static uint32_t
below(struct maker *maker, uint64_t bound)
{
    return (uint32_t)random_below(&maker->random, bound);
}

static bool
chance(struct maker *maker, double probability)
{
    return random_chance(&maker->random, probability);
}

const char *
events_partition_name(uint32_t partition)
{
    static const char *const names[EVENTS_PARTITION_MAX] = { "part-0.ndjson", "part-1.ndjson", "part-2.ndjson", "part-3.ndjson" };
    CHECK(partition < EVENTS_PARTITION_MAX);
    return names[partition];
}

/* ---- Lines ---- */

static void
put_line(struct maker *maker, uint32_t partition, const char *line)
{
    struct str_builder *log = &maker->events->logs[partition];
    str_builder_append_cstr(log, line);
    str_builder_append_char(log, '\n');
    CHECK(str_builder_is_ok(log));
}

/* Written, and maybe sent again later. Whether by another partition. */
static bool
send(struct maker *maker, uint32_t partition, const char *line, bool may_cross)
{
    const struct events_plan *plan = &maker->events->plan;
    put_line(maker, partition, line);
    if (maker->copy_count == COPY_COUNT_MAX || !chance(maker, plan->copy_chance))
        return false;
    struct copy *copy = &maker->copies[maker->copy_count++];
    snprintf(copy->line, sizeof(copy->line), "%s", line);
    copy->partition = plan->copies_cross && may_cross ? below(maker, plan->partition_count) : partition;
    copy->due       = maker->written + 1 + below(maker, plan->copy_delay);
    return copy->partition != partition;
}

static void
send_copies(struct maker *maker)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < maker->copy_count; i++) {
        if (maker->copies[i].due <= maker->written)
            put_line(maker, maker->copies[i].partition, maker->copies[i].line);
        else
            maker->copies[kept++] = maker->copies[i];
    }
    maker->copy_count = kept;
}

/* A producer that lost its place: its last lines once more. */
static void
rewind_producer(struct maker *maker, uint32_t partition)
{
    struct str_builder *log   = &maker->events->logs[partition];
    size_t              lines = 1 + below(maker, 12), begin = log->size;
    while (begin > 0 && lines > 0) {
        begin--;
        while (begin > 0 && log->data[begin - 1] != '\n')
            begin--;
        lines--;
    }
    size_t size = log->size - begin;
    CHECK(str_builder_reserve(log, size + 1));
    str_builder_append(log, str_of(log->data + begin, size));
}

/* ---- Events ---- */

/* What all events begin with. `effective_us` may be before it. */
static int
head(struct maker *maker, char *line, const char *type, int64_t event_us, int64_t effective_us, uint32_t patient)
{
    char event[TIME_TEXT_SIZE], effective[TIME_TEXT_SIZE];
    time_print(event_us, event);
    time_print(effective_us, effective);
    return snprintf(line, LINE_SIZE_MAX,
                    "{\"event_id\":\"E%06u\",\"type\":\"%s\",\"event_time\":\"%s\",\"effective_time\":\"%s\",\"facility\":\"%s\","
                    "\"patient_id\":\"P%03u\"",
                    ++maker->serial, type, event, effective, facilities[below(maker, 3)], patient);
}

static void
value_text(struct maker *maker, uint32_t analyte, char out[32])
{
    double low = analytes[analyte].low, high = analytes[analyte].high;
    double value = low + (high - low) * random_real(&maker->random);
    if (chance(maker, 0.6)) /* Near the middle, where nothing is wrong. */
        value = low + (high - low) * (0.4 + 0.2 * random_real(&maker->random));
    snprintf(out, 32, "%.2f", value);
}

static void
write_result(struct maker *maker, struct result *result, const char *status, bool may_cross)
{
    static const char *const flags[] = { "N", "N", "N", "H", "L", "HH", "LL" };
    char                     line[LINE_SIZE_MAX], value[32];
    const char *unit = chance(maker, 0.8) ? analytes[result->analyte].unit : analytes[result->analyte].other_unit;
    value_text(maker, result->analyte, value);
    int size = head(maker, line, "lab_result", result->event_us, result->effective_us, result->patient);
    snprintf(line + size, sizeof(line) - (size_t)size,
             ",\"lab_result_id\":\"R%05u\",\"accession_number\":\"A1\",\"source_order_code\":\"51990-0\",\"source_component_code\":\"%s\","
             "\"result\":\"%s\",\"source_units\":\"%s\",\"source_abnormal_flag\":\"%s\",\"status\":\"%s\",\"ordering_practitioner_id\":\"U1\"}",
             result->serial, analytes[result->analyte].loinc, value, unit, flags[below(maker, 7)], status);
    result->is_alone = send(maker, result->partition, line, may_cross);
}

static void
make_result(struct maker *maker, int64_t event_us, uint32_t patient, uint32_t partition)
{
    static const char *const firsts[] = { "F", "F", "F", "F", "P", "I" }, *const laters[] = { "C", "C", "F", "D", "W" };
    uint32_t                 corrected = maker->result_count > 0 ? below(maker, maker->result_count) : 0;
    if (maker->result_count > 0 && !maker->results[corrected].is_alone && (maker->result_count == RESULT_COUNT_MAX || chance(maker, 0.3))) {
        struct result *result = &maker->results[corrected];
        /* Versions of a result follow one another in their log and in time. */
        result->event_us     = event_us > result->event_us ? event_us : result->event_us + SECOND_US;
        result->effective_us = result->effective_us + (chance(maker, 0.2) ? SECOND_US : 0);
        write_result(maker, result, laters[below(maker, 5)], false);
        return;
    }
    if (maker->result_count == RESULT_COUNT_MAX)
        maker->result_count--;
    struct result *result = &maker->results[maker->result_count++];
    *result = (struct result){ maker->serial, patient, below(maker, ANALYTE_COUNT), partition, false, event_us,
                               event_us - SECOND_US * below(maker, 7200) };
    if (chance(maker, 0.3))
        result->analyte = CREATININE;
    if (analytes[result->analyte].is_course)
        result->partition = patient % maker->events->plan.partition_count;
    write_result(maker, result, firsts[below(maker, 6)], !analytes[result->analyte].is_course);
}

static void
make_access(struct maker *maker, int64_t event_us, uint32_t patient, uint32_t partition)
{
    static const char *const purposes[] = { "", ",\"purpose_of_use\":\"TREAT\"", ",\"purpose_of_use\":\"BTG\"",
                                            ",\"purpose_of_use\":\"ETREAT\",\"reason\":\"arrest\"" };
    char                     line[LINE_SIZE_MAX];
    int                      size = head(maker, line, "access_event", event_us, event_us, patient);
    snprintf(line + size, sizeof(line) - (size_t)size, ",\"user_id\":\"U%u\",\"user_role\":\"nurse\",\"user_department\":\"%s\",\"action\":\"view\"%s}",
             below(maker, 6), departments[below(maker, 5)], purposes[below(maker, 4)]);
    send(maker, partition, line, true);
}

/* An encounter, an order or an appointment: what explains accesses. */
static void
make_explanation(struct maker *maker, int64_t event_us, uint32_t patient, uint32_t partition)
{
    char        line[LINE_SIZE_MAX], begin[TIME_TEXT_SIZE], end[TIME_TEXT_SIZE];
    const char *department = departments[below(maker, 5)];
    int64_t     begin_us   = event_us + SECOND_US * ((int64_t)below(maker, 10 * 3600) - 5 * 3600);
    uint32_t    user = below(maker, 6), kind = below(maker, 3);
    time_print(begin_us, begin);
    time_print(begin_us + 1800 * SECOND_US, end);
    int size = head(maker, line, kind == 0 ? "encounter" : kind == 1 ? "clinical_order" : "appointment", event_us,
                    kind == 1 ? event_us : begin_us, patient);
    size_t room = sizeof(line) - (size_t)size;
    if (kind == 0)
        snprintf(line + size, room,
                 ",\"encounter_id\":\"V%06u\",\"source_encounter_type\":\"inpatient\",\"encounter_start_time\":\"%s\",\"department\":\"%s\","
                 "\"attending_practitioner_id\":\"U%u\"%s}",
                 maker->serial, begin, department, user, "");
    else if (kind == 1)
        snprintf(line + size, room, ",\"clinical_order_id\":\"O%06u\",\"department\":\"%s\",\"ordering_practitioner_id\":\"U%u\",\"status\":\"NW\"}",
                 maker->serial, department, user);
    else
        snprintf(line + size, room,
                 ",\"appointment_id\":\"M%06u\",\"start_time\":\"%s\",\"end_time\":\"%s\",\"department\":\"%s\",\"practitioner_id\":\"U%u\","
                 "\"status\":\"booked\"}",
                 maker->serial, begin, end, department, user);
    send(maker, partition, line, true);
}

/* What no mapping takes, or no rule can judge. Letters are not sent again: they are told apart by where they stand. */
static void
make_bad(struct maker *maker, int64_t event_us, uint32_t patient, uint32_t partition)
{
    char line[LINE_SIZE_MAX], time[TIME_TEXT_SIZE];
    time_print(event_us, time);
    switch (below(maker, 7)) {
    case 0:
        put_line(maker, partition, "{\"event_id\":\"torn");
        return;
    case 1:
        put_line(maker, partition, "");
        return;
    case 2:
        put_line(maker, partition, "{\"event_id\":\"B1\",\"type\":\"weather\"}");
        return;
    case 3:
        snprintf(line, sizeof(line), "{\"event_id\":\"B%u\",\"type\":\"access_event\",\"event_time\":\"%s\",\"facility\":\"MAIN\"}", ++maker->serial, time);
        put_line(maker, partition, line);
        return;
    case 4:
        put_line(maker, partition, "{\"type\":\"access_event\",\"event_id\":\"\xff\"}");
        return;
    default:
        break;
    }
    int  size    = head(maker, line, "lab_result", event_us, event_us, patient);
    bool is_text = chance(maker, 0.5);
    snprintf(line + size, sizeof(line) - (size_t)size,
             ",\"lab_result_id\":\"R%05u\",\"source_component_code\":\"2823-3\",\"result\":\"7.1\",\"source_value\":\"%s\","
             "\"source_units\":\"mmol/L\",\"source_abnormal_flag\":\"H\",\"status\":\"%s\"}",
             maker->serial, is_text ? "hemolyzed" : "7.1", is_text ? "F" : "Q");
    put_line(maker, partition, line);
}

/* ---- The world ---- */

static void
make_event(struct maker *maker)
{
    const struct events_plan *plan      = &maker->events->plan;
    uint32_t                  patient   = below(maker, plan->patient_count);
    uint32_t                  partition = below(maker, plan->partition_count);
    int64_t                   event_us  = maker->now_us - plan->skew_us * partition;
    maker->now_us += random_between(&maker->random, 0, 2 * plan->step_us);
    if (plan->disorder_us > 0)
        event_us -= random_between(&maker->random, 0, plan->disorder_us);
    if (chance(maker, 0.02)) /* Late, maybe beyond the lateness. */
        event_us -= SECOND_US * below(maker, 3 * 3600);
    uint32_t kind = below(maker, 10);
    if (chance(maker, plan->bad_chance))
        make_bad(maker, event_us, patient, partition);
    else if (kind < 6)
        make_result(maker, event_us, patient, partition);
    else if (kind < 8)
        make_access(maker, event_us, patient, partition);
    else
        make_explanation(maker, event_us, patient, partition);
    maker->written++;
    send_copies(maker);
    if (chance(maker, plan->rewind_chance))
        rewind_producer(maker, partition);
}

static void
plan_draw(struct events_plan *plan, struct random *random)
{
    static const int64_t steps_us[]     = { SECOND_US, 10 * SECOND_US, 60 * SECOND_US, 600 * SECOND_US, 3600 * SECOND_US };
    static const int64_t disorders_us[] = { 0, 5 * SECOND_US, 50 * SECOND_US, 600 * SECOND_US };
    static const int64_t skews_us[]     = { 0, 0, 30 * SECOND_US, 1800 * SECOND_US, 6 * 3600 * SECOND_US };
    *plan = (struct events_plan){
        .partition_count = 1 + (uint32_t)random_below(random, EVENTS_PARTITION_MAX),
        .event_count     = 20 + (uint32_t)random_below(random, random_chance(random, 0.2) ? 500 : 150),
        .step_us         = steps_us[random_below(random, 5)],
        .disorder_us     = disorders_us[random_below(random, 4)],
        .skew_us         = skews_us[random_below(random, 5)],
        .patient_count   = 1 + (uint32_t)random_below(random, 20),
        .copy_chance     = random_chance(random, 0.7) ? 0.15 : 0,
        .copy_delay      = random_chance(random, 0.5) ? 10 : 200,
        .copies_cross    = random_chance(random, 0.6),
        .bad_chance      = random_chance(random, 0.8) ? 0.05 : 0,
        .rewind_chance   = random_chance(random, 0.4) ? 0.01 : 0,
    };
}

void
events_make(struct events *events, uint64_t seed)
{
    struct maker maker = { .events = events, .now_us = BEGIN_US };
    *events            = (struct events){ 0 };
    random_init(&maker.random, seed);
    plan_draw(&events->plan, &maker.random);
    maker.now_us += SECOND_US * below(&maker, 86400);
    for (uint32_t i = 0; i < events->plan.event_count; i++)
        make_event(&maker);
}

void
events_release(struct events *events)
{
    for (uint32_t i = 0; i < EVENTS_PARTITION_MAX; i++)
        str_builder_release(&events->logs[i]);
}
