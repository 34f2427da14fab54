/* The stories: what a test must find, one patient each, all listed in truth.json.
 *
 * Planted patients are reserved: nothing ordinary happens to them in the live days, so that each story's outcome is
 * certain. Times lie between 09:00 and 15:00 UTC of a day after the first, when every partition has traffic. */
#include "source/generate/world.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/time.h"

struct story {
    struct world  *world;
    struct random *random;
    struct story_patients patients;
    uint32_t              patient; /* Of the story being told. */
    int64_t        at_us;
};

bool
world_next_patient(struct world *world, struct random *random, struct story_patients *patients, uint32_t *ret_patient, int64_t *ret_at_us)
{
    if (patients->next >= (uint32_t)world->options.patient_count)
        return false;
    *ret_patient = patients->next++;
    world->patients[*ret_patient].is_reserved = true;
    int64_t day = world->options.day_count > 1 ? random_between(random, 1, world->options.day_count - 1) : 0;
    *ret_at_us  = world->start_us + day * US_PER_DAY + random_between(random, 9 * 3600, 15 * 3600) * US_PER_SECOND;
    return true;
}

static bool
next_story(struct story *story)
{
    return world_next_patient(story->world, story->random, &story->patients, &story->patient, &story->at_us);
}

/* Whether files of history are written: where a warehouse has it already, no story may rest on more. */
static bool
has_history(const struct world *world)
{
    return world->options.people == NULL;
}

static uint32_t
result_at(struct story *story, const char *loinc, int64_t value, int64_t effective_us, int64_t event_us)
{
    return world_result(story->world, story->random, story->patient, analyte_index(loinc), value, effective_us, event_us);
}

/* A second statement of the same result, later. */
static uint32_t
restate(struct story *story, uint32_t original, int64_t value, const char *status, int64_t later_us)
{
    struct world *world = story->world;
    uint32_t      index = world_add(world, FACT_RESULT);
    uint32_t      serial = world->facts[index].serial;
    struct fact  *fact = &world->facts[index];
    *fact = world->facts[original];
    fact->serial = serial;
    fact->value = value;
    fact->event_us += later_us;
    fact->arrival_us = fact->event_us;
    const struct analyte *kind = &analytes[fact->analyte];
    memcpy(fact->flag, value < kind->low ? "L" : value > kind->high ? "H" : "N", 2);
    snprintf(fact->status, sizeof(fact->status), "%s", status);
    return index;
}

static void
set_text(char target[4], const char *text)
{
    snprintf(target, 4, "%s", text);
}

/* Values beyond the adult limits of Kost 1990 (JAMA 263:704), well clear of them. */
static const struct critical {
    const char *loinc;
    int64_t     value;
} criticals[] = {
    { "2823-3", 6900 },   { "2823-3", 2300 },  { "2951-2", 112000 }, { "2951-2", 165000 },
    { "2345-7", 560000 }, { "2345-7", 38000 }, { "17861-6", 14100 }, { "718-7", 5600 },
    { "777-3", 21000 },   { "6690-2", 52000 }, { "2524-7", 6200 },   { "19123-9", 5900 },
};
#define CRITICAL_COUNT (sizeof(criticals) / sizeof(criticals[0]))

static void
make_adult(struct story *story)
{
    story->world->patients[story->patient].birth_date =
        story->world->options.start_date - (int32_t)random_between(story->random, 30 * 365, 80 * 365);
}

static void
critical_stories(struct story *story, int64_t count)
{
    struct world *world = story->world;
    for (int64_t i = 0; i < count * (int64_t)CRITICAL_COUNT && next_story(story); i++) {
        const struct critical *critical = &criticals[i % (int64_t)CRITICAL_COUNT];
        make_adult(story);
        uint32_t index = result_at(story, critical->loinc, critical->value, story->at_us - US_PER_HOUR, story->at_us);
        world_plant(world, "critical_value", index, "open");
    }
    for (int64_t i = 0; i < count && next_story(story); i++) {
        make_adult(story);
        uint32_t index = result_at(story, "2823-3", 7200, story->at_us - US_PER_HOUR, story->at_us);
        set_text(world->facts[index].status, "P");
        uint32_t plant = world_plant(world, "critical_preliminary_then_final", index, "revised");
        world->plants[plant].other = restate(story, index, 7200, "F", 2 * US_PER_HOUR);
    }
    for (int64_t i = 0; i < count && next_story(story); i++) {
        make_adult(story);
        uint32_t index = result_at(story, "2823-3", 7100, story->at_us - US_PER_HOUR, story->at_us);
        uint32_t plant = world_plant(world, "critical_corrected_away", index, "retracted");
        world->plants[plant].other = restate(story, index, 4100, "C", 3 * US_PER_HOUR);
    }
    for (int64_t i = 0; i < count && next_story(story); i++) {
        make_adult(story);
        uint32_t index = result_at(story, "2951-2", 139000, story->at_us - US_PER_HOUR, story->at_us);
        uint32_t corrected = restate(story, index, 111000, "C", 2 * US_PER_HOUR);
        uint32_t plant = world_plant(world, "corrected_to_critical", corrected, "open");
        world->plants[plant].other = index;
    }
    for (int64_t i = 0; i < count && next_story(story); i++) {
        make_adult(story);
        uint32_t index = result_at(story, "2345-7", 600000, story->at_us - US_PER_HOUR, story->at_us);
        uint32_t plant = world_plant(world, "critical_wrong_patient", index, "retracted");
        world->plants[plant].other = restate(story, index, 600000, "W", 4 * US_PER_HOUR);
    }
    for (int64_t i = 0; i < count && next_story(story); i++) {
        make_adult(story);
        uint32_t first = result_at(story, "2823-3", 6800, story->at_us - US_PER_HOUR, story->at_us);
        world_plant(world, "critical_value", first, "open");
        uint32_t second = result_at(story, "2823-3", 6800, story->at_us + 3 * US_PER_HOUR, story->at_us + 4 * US_PER_HOUR);
        uint32_t plant = world_plant(world, "critical_repeat_in_cooldown", second, "closed");
        world->plants[plant].other = first;
    }
    for (int64_t i = 0; i < count && next_story(story); i++) {
        make_adult(story);
        uint32_t index = result_at(story, "718-7", 5900, story->at_us - 3 * US_PER_DAY, story->at_us);
        world_plant(world, "critical_collected_three_days_before", index, "open");
    }
    for (int64_t i = 0; i < count && next_story(story); i++) {
        make_adult(story);
        uint32_t index = result_at(story, "2823-3", 5600, story->at_us - US_PER_HOUR, story->at_us);
        set_text(world->facts[index].flag, "HH");
        world_plant(world, "critical_by_laboratory_flag", index, "open");
    }
}

static void
time_stories(struct story *story, int64_t count)
{
    struct world *world = story->world;
    for (int64_t i = 0; i < count && next_story(story); i++) {
        uint32_t index = result_at(story, "2345-7", 101000, story->at_us - US_PER_HOUR, story->at_us);
        world->facts[index].arrival_us += 25 * US_PER_MINUTE;
        world_plant(world, "late_within_lateness", index, "loaded");
    }
    for (int64_t i = 0; i < count && next_story(story); i++) {
        uint32_t index = result_at(story, "2345-7", 102000, story->at_us - US_PER_HOUR, story->at_us);
        world->facts[index].arrival_us += 5 * US_PER_HOUR;
        world->plants[world_plant(world, "late_beyond_lateness", index, "late_event")].reason = "too_late";
    }
    for (int64_t i = 0; i < count && next_story(story); i++) {
        make_adult(story);
        uint32_t index = result_at(story, "2524-7", 7000, story->at_us - US_PER_HOUR, story->at_us);
        world->facts[index].arrival_us += 5 * US_PER_HOUR;
        world_plant(world, "late_critical", index, "open");
    }
    for (int i = 0; i < 3; i++) {
        static const char *const kinds[] = { "duplicate_same_partition", "duplicate_other_partition", "duplicate_late_copy" };
        static const char *const expects[] = { "deduplicated", "deduplicated", "late_event" };
        static const char *const reasons[] = { "same_event", "same_event", "too_late" };
        for (int64_t j = 0; j < count && next_story(story); j++) {
            uint32_t     original = result_at(story, "2028-9", 25000, story->at_us - US_PER_HOUR, story->at_us);
            uint32_t     copy = world_add(world, FACT_RESULT);
            struct fact *fact = &world->facts[copy];
            *fact = world->facts[original]; /* Same serial: the same event. */
            fact->is_history = false;
            fact->is_copy = true;
            fact->arrival_us += i == 2 ? 6 * US_PER_HOUR : 20 * US_PER_SECOND;
            if (i == 1)
                fact->partition = (uint8_t)((fact->partition + 1) % WORLD_PARTITION_COUNT);
            uint32_t plant = world_plant(world, kinds[i], copy, expects[i]);
            world->plants[plant].other = original;
            world->plants[plant].reason = reasons[i];
        }
    }
}

static void
difference_stories(struct story *story, int64_t count)
{
    struct world *world = story->world;
    for (int64_t i = 0; i < count && next_story(story); i++) {
        uint32_t index = result_at(story, "2075-0", 101000, story->at_us - US_PER_HOUR, story->at_us);
        world->facts[index].is_history = false;
        world_plant(world, "live_only", index, "difference");
    }
    for (int64_t i = 0; i < count && next_story(story); i++) {
        uint32_t index = result_at(story, "2075-0", 104000, story->at_us - US_PER_HOUR, story->at_us);
        world->facts[index].is_live = false;
        world_plant(world, "history_only", index, "difference");
    }
    for (int64_t i = 0; i < count && next_story(story); i++) {
        uint32_t live = result_at(story, "2075-0", 100000, story->at_us - US_PER_HOUR, story->at_us);
        world->facts[live].is_history = false;
        uint32_t history = world_add(world, FACT_RESULT);
        uint32_t serial = world->facts[history].serial;
        world->facts[history] = world->facts[live];
        world->facts[history].serial = serial;
        world->facts[history].value = 106000;
        world->facts[history].is_live = false;
        world->facts[history].is_history = true;
        uint32_t plant = world_plant(world, "value_differs", live, "difference");
        world->plants[plant].other = history;
    }
}

static void
access_stories(struct story *story, int64_t count)
{
    struct world *world = story->world;
    for (int64_t i = 0; i < 3 * count && next_story(story); i++) {
        uint32_t user = (uint32_t)random_below(story->random, world->user_count);
        world_plant(world, "snooping", world_access(world, story->patient, user, story->at_us), "open");
    }
    for (int64_t i = 0; has_history(world) && i < count && next_story(story); i++) {
        uint32_t user = (uint32_t)random_below(story->random, world->user_count);
        int64_t  start_us = world->start_us - 45 * US_PER_DAY;
        uint32_t encounter = world_encounter(world, story->random, story->patient, user, start_us, start_us + US_PER_HOUR, false);
        uint32_t access = world_access(world, story->patient, user, story->at_us);
        uint32_t plant = world_plant(world, "snooping_after_old_encounter", access, "open");
        world->plants[plant].other = encounter;
    }
    for (int64_t i = 0; i < count && next_story(story); i++) {
        uint32_t user = (uint32_t)random_below(story->random, world->user_count);
        uint32_t access = world_access(world, story->patient, user, story->at_us);
        int64_t  start_us = story->at_us - 10 * US_PER_MINUTE;
        uint32_t encounter = world_encounter(world, story->random, story->patient, user, start_us, start_us + 5 * US_PER_HOUR, true);
        world->facts[encounter].event_us = story->at_us + 90 * US_PER_MINUTE; /* Registered late. */
        world->facts[encounter].arrival_us = world->facts[encounter].event_us;
        uint32_t plant = world_plant(world, "access_explained_later", access, "retracted");
        world->plants[plant].other = encounter;
    }
    for (int64_t i = 0; has_history(world) && i < count && next_story(story); i++) {
        uint32_t user = (uint32_t)random_below(story->random, world->user_count);
        int64_t  start_us = world->start_us - 10 * US_PER_DAY;
        uint32_t encounter = world_encounter(world, story->random, story->patient, user, start_us, start_us + US_PER_HOUR, false);
        uint32_t access = world_access(world, story->patient, user, story->at_us);
        uint32_t plant = world_plant(world, "access_explained_by_history", access, "none");
        world->plants[plant].other = encounter;
    }
    for (int64_t i = 0; i < count && next_story(story); i++) {
        uint32_t result = result_at(story, "2951-2", 140000, story->at_us, story->at_us + US_PER_HOUR);
        uint32_t user = world->facts[result].user;
        uint32_t access = world_access(world, story->patient, user, story->at_us + 2 * US_PER_HOUR);
        uint32_t plant = world_plant(world, "access_explained_by_order", access, "none");
        world->plants[plant].other = result;
    }
}

/* Lines of the log that no mapping can read. %s is a time of the story. */
static const struct bad_line {
    const char *kind, *reason, *format;
} bad_lines[] = {
    { "cut_json", "malformed_record", "{\"event_id\":\"X%u\",\"type\":\"lab_result\",\"event_time\":\"%s\",\"patient_id\":\"P0" },
    { "not_json", "malformed_record", "X%u at %s: not a record" },
    { "bad_encoding", "bad_encoding", "{\"event_id\":\"X%u\",\"type\":\"lab_result\",\"event_time\":\"%s\",\"patient_id\":\"P\xff\xfe\"}" },
    { "unknown_type", "unknown_type", "{\"event_id\":\"X%u\",\"type\":\"telemetry\",\"event_time\":\"%s\",\"patient_id\":\"P000001\"}" },
    { "no_type", "malformed_record", "{\"event_id\":\"X%u\",\"event_time\":\"%s\",\"patient_id\":\"P000001\"}" },
};

/* Members that make an otherwise good laboratory result one to refuse, to pass over or to mend. A result that no rule could
 * judge raises an alert that says so. */
static const struct odd_member {
    const char *kind, *reason, *expect, *member;
    bool        is_unevaluated;
} odd_members[] = {
    { "no_event_id", "missing_required", "dead_letter", "\"event_id\":\"\"", true },
    { "no_patient", "missing_required", "dead_letter", "\"patient_id\":\"\"", true },
    { "no_code", "missing_required", "dead_letter", "\"source_component_code\":null", true },
    { "bad_time", "bad_timestamp", "dead_letter", "\"event_time\":\"yesterday\"", true },
    { "bad_number", "bad_number", "dead_letter", "\"source_value\":\"4..1\"", true },
    { "bad_status", "bad_code", "dead_letter", "\"status\":\"Q\"", true },
    { "no_value", "no_result", "filtered", "\"result\":null", false },
    { "cancelled_result", "status_ignored", "filtered", "\"status\":\"X\"", false },
    { "strange_unit", "unknown_unit", "field", "\"source_units\":\"furlong\"", true },
    { "object_for_code", "wrong_shape", "field", "\"source_order_code\":{\"code\":\"51990-0\"}", false },
    { "small_letter", "repaired", "field", "\"status\":\"f\"", false },
};

static void
plant_line(struct story *story, const char *line, uint8_t partition, const char *kind, const char *reason)
{
    struct world *world = story->world;
    uint32_t      index = (uint32_t)world->fact_count - 1; /* The line's own, whose serial it names. */
    struct fact  *fact = &world->facts[index];
    fact->raw = line;
    fact->event_us = fact->arrival_us = story->at_us;
    fact->partition = partition;
    world->is_out_of_memory |= line == NULL;
    world->plants[world_plant(world, kind, index, "dead_letter")].reason = reason;
}

static void
bad_record_stories(struct story *story, int64_t count)
{
    struct world *world = story->world;
    char          time_text[TIME_TEXT_SIZE];
    for (size_t i = 0; i < sizeof(bad_lines) / sizeof(bad_lines[0]); i++) {
        for (int64_t j = 0; j < count && next_story(story); j++) {
            uint32_t serial = world->facts[world_add(world, FACT_RAW)].serial;
            time_print(story->at_us, time_text);
            plant_line(story, arena_printf(&world->arena, bad_lines[i].format, serial, time_text), (uint8_t)(j % WORLD_PARTITION_COUNT),
                       bad_lines[i].kind, bad_lines[i].reason);
        }
    }
    if (next_story(story)) { /* One of these is enough. */
        uint32_t serial = world->facts[world_add(world, FACT_RAW)].serial;
        time_print(story->at_us, time_text);
        plant_line(story, arena_printf(&world->arena, "{\"event_id\":\"X%u\",\"type\":\"lab_result\",\"event_time\":\"%s\",\"specimen\":\"%*s\"}",
                                       serial, time_text, (int)FORMAT_JSON_RECORD_SIZE_MAX, ""), 2, "long_line", "too_large");
    }
    for (size_t i = 0; i < sizeof(odd_members) / sizeof(odd_members[0]); i++) {
        for (int64_t j = 0; j < count && next_story(story); j++) {
            uint32_t index = result_at(story, "2951-2", 138000, story->at_us - US_PER_HOUR, story->at_us);
            world->facts[index].is_history = false;
            world->facts[index].odd_member = odd_members[i].member;
            struct plant *plant = &world->plants[world_plant(world, odd_members[i].kind, index, odd_members[i].expect)];
            plant->reason = odd_members[i].reason;
            plant->alert = odd_members[i].is_unevaluated ? "unevaluated_result" : NULL;
        }
    }
}

void
world_plant_all(struct world *world, struct random *random)
{
    struct story story = { .world = world, .random = random };
    int64_t      count = world->options.patient_count / 500;
    count = count < 1 ? 1 : count > 10 ? 10 : count;
    critical_stories(&story, count);
    time_stories(&story, count);
    access_stories(&story, count);
    if (has_history(world))
        difference_stories(&story, count);
    bad_record_stories(&story, count);
    /* Who moves house, and on which day's snapshot it shows. */
    for (int64_t i = 0; has_history(world) && i < 5 * count && next_story(&story); i++) {
        struct patient *patient = &world->patients[story.patient];
        patient->new_street = "New Harbor Boulevard";
        patient->moves_on = 1 + (int32_t)(i % (world->options.day_count > 1 ? world->options.day_count - 1 : 1));
        uint32_t plant = world_plant(world, "patient_moved", UINT32_MAX, "history");
        world->plants[plant].other = story.patient;
    }
    world_plant_accesses(world, &story.patients, count);
}
