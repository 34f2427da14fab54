/* The ordinary life of the hospital: people, encounters, orders, results, accesses that have their reason. */
#include "source/generate/world.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/time.h"

static const char *const first_female[] = { "Mary", "Patricia", "Linda", "Elena", "Aisha", "Mei", "Sofía", "Grace", "Olga", "Ruth",
                                            "Nadia", "Zoë", "Hannah", "Priya", "Carmen", "Ingrid", "Fatima", "Joan", "Ana", "Chloe" };
static const char *const first_male[] = { "James", "Robert", "Luis", "Ahmed", "Wei", "José", "Peter", "Ivan", "Samuel", "Omar",
                                          "Daniel", "Björn", "Marcus", "Ravi", "Thomas", "Kofi", "Hugo", "Noah", "André", "Felix" };
static const char *const last_names[] = { "Smith", "Johnson", "García", "Nguyen", "Brown", "O'Neill", "Müller", "Lee", "Patel", "Kowalski",
                                          "Jones", "Martínez", "Haddad", "Chen", "Okafor", "Silva", "Larsen", "Rossi", "Cohen", "Dubois",
                                          "Walker", "Young", "King", "Wright", "Scott", "Green", "Baker", "Adams", "Nelson", "Carter" };
static const char *const streets[] = { "Main Street", "Oak Avenue", "Second Street", "Park Road", "Maple Lane", "Hill Drive", "Lake View", "Church Street" };
static const char *const cities[] = { "Somerville", "Attleboro", "Springfield", "Riverside", "Georgetown" };
static const char *const zips[] = { "02155", "02703", "01101", "10471", "20007" };
const char *const        world_facilities[] = { "STE", "STW", "STN" };
const char *const        world_departments[] = { "ED", "ICU", "MED", "SURG", "PEDS", "CARD" };
static const char *const  extra_departments[WORLD_FORMER] = { "BILLING", "REGISTRATION", "FLOAT" };
#define DEPARTMENT_COUNT WORLD_DEPARTMENT_COUNT
#define COUNT(array)     (sizeof(array) / sizeof((array)[0]))

/* Share of encounters that begin in each hour of the local day: quiet nights, a peak before noon. */
static const double hour_weights[24] = { 1, 1, 1, 1, 1, 2, 4, 7, 10, 12, 12, 11, 9, 9, 9, 8, 7, 6, 5, 5, 4, 3, 2, 2 };

static void *
grow(struct world *world, void *array, size_t *capacity, size_t count, size_t item_size)
{
    if (count < *capacity)
        return array;
    size_t wanted = *capacity == 0 ? 1024 : *capacity * 2;
    void  *moved = memory_resize_array(array, wanted, item_size);
    if (moved == NULL)
        world->is_out_of_memory = true;
    else
        *capacity = wanted;
    return moved != NULL ? moved : array;
}

uint32_t
world_add(struct world *world, enum fact_kind kind)
{
    world->facts = grow(world, world->facts, &world->fact_capacity, world->fact_count, sizeof(*world->facts));
    if (world->fact_count >= world->fact_capacity)
        return 0; /* Out of memory is noted: world_init fails in the end, what is written to fact 0 goes with it. */
    struct fact *fact = &world->facts[world->fact_count];
    memset(fact, 0, sizeof(*fact));
    fact->kind = kind;
    fact->serial = ++world->event_serial;
    fact->is_live = true;
    return (uint32_t)world->fact_count++;
}

uint32_t
world_plant(struct world *world, const char *kind, uint32_t fact, const char *expect)
{
    world->plants = grow(world, world->plants, &world->plant_capacity, world->plant_count, sizeof(*world->plants));
    if (world->plant_count >= world->plant_capacity)
        return 0;
    world->plants[world->plant_count] =
        (struct plant){ .kind = kind, .expect = expect, .fact = fact, .other = UINT32_MAX };
    return (uint32_t)world->plant_count++;
}

/* Second Sunday of March 07:00 UTC to first Sunday of November 06:00 UTC: 15 U.S.C. 260a. */
int64_t
world_local_us(int64_t utc_us, int32_t *ret_offset_minutes)
{
    struct civil civil = time_to_civil(utc_us);
    int32_t      march = date_from_civil(civil.year, 3, 1), november = date_from_civil(civil.year, 11, 1);
    int32_t      begins = march + (int32_t)(7 - date_weekday(march)) + 7;
    int32_t      ends = november + (int32_t)(7 - date_weekday(november));
    bool         is_summer = utc_us >= date_to_time(begins) + 7 * US_PER_HOUR && utc_us < date_to_time(ends) + 6 * US_PER_HOUR;
    int32_t      offset = is_summer ? -240 : -300;
    if (ret_offset_minutes != NULL)
        *ret_offset_minutes = offset;
    return utc_us + offset * US_PER_MINUTE;
}

static void
make_patient(struct world *world, struct patient *patient, uint32_t number, struct random *random)
{
    /* Ages of a hospital's patients: one in ten a child, most of the rest beyond 40. */
    static const double age_weights[10] = { 10, 3, 6, 8, 10, 14, 18, 18, 10, 3 };
    int64_t             age_days = (int64_t)random_weighted(random, age_weights, 10) * 3652 + random_between(random, 400, 3600);
    snprintf(patient->made_id, sizeof(patient->made_id), "P%06u", number + 1);
    patient->id = patient->made_id;
    if (world->options.people != NULL) {
        patient->id = world->options.people[number].id;
        patient->system = world->options.people[number].system;
    }
    patient->is_female = random_chance(random, 0.52);
    patient->first = patient->is_female ? first_female[random_below(random, COUNT(first_female))] : first_male[random_below(random, COUNT(first_male))];
    patient->middle = random_chance(random, 0.3) ? first_female[random_below(random, COUNT(first_female))] : "";
    patient->last = last_names[random_below(random, COUNT(last_names))];
    patient->street = streets[random_below(random, COUNT(streets))];
    patient->street_number = (uint32_t)random_between(random, 1, 999);
    size_t city = random_below(random, COUNT(cities));
    patient->city = cities[city];
    patient->zip = zips[city];
    patient->ssn_serial = number + 1;
    patient->birth_date = world->options.start_date - (int32_t)age_days;
    patient->race = (uint8_t)random_below(random, 4);
    patient->partition = (uint8_t)random_below(random, WORLD_PARTITION_COUNT);
}

static void
make_user(struct user *user, uint32_t number, struct random *random)
{
    snprintf(user->id, sizeof(user->id), "U%04u", number + 1);
    user->first = random_chance(random, 0.6) ? first_female[random_below(random, COUNT(first_female))] : first_male[random_below(random, COUNT(first_male))];
    user->last = last_names[random_below(random, COUNT(last_names))];
    user->department = world_departments[number % DEPARTMENT_COUNT];
    user->is_physician = (number / DEPARTMENT_COUNT) % 3 == 0;
    user->patient = UINT32_MAX;
    user->ends_on = INT32_MAX;
}

static void
make_extra_users(struct world *world)
{
    struct random random;
    random_init(&random, world->options.seed ^ 0xe47a);
    for (uint32_t i = 0; i < world->extra_count; i++) {
        struct user   *user = &world->users[world->user_count + i];
        const uint32_t kind = i / (world->extra_count / WORLD_EXTRA_COUNT);
        make_user(user, world->user_count + i, &random); /* Of a clinical department. */
        user->is_physician = false;
        if (kind == WORLD_FORMER)
            user->ends_on = -(int32_t)random_between(&random, 5, 60);
        else
            user->department = extra_departments[kind];
    }
}

/* A moment of the day `day` by the hospital's hours; exact to a tenth of a second, so that few events share a time. */
static int64_t
moment_of_day(struct world *world, struct random *random, int64_t day)
{
    int64_t hour = (int64_t)random_weighted(random, hour_weights, 24);
    return world->start_us + day * US_PER_DAY + hour * US_PER_HOUR + random_between(random, 0, 35999) * 100 * US_PER_MS;
}

uint32_t
world_encounter(struct world *world, struct random *random, uint32_t patient, uint32_t user, int64_t start_us, int64_t end_us,
                bool is_live)
{
    uint32_t     index = world_add(world, FACT_ENCOUNTER);
    struct fact *fact = &world->facts[index];
    fact->encounter = ++world->encounter_serial;
    fact->patient = patient;
    fact->user = user;
    fact->event_us = fact->effective_us = start_us;
    fact->end_us = end_us;
    fact->is_live = is_live;
    fact->is_history = true;
    fact->facility = (uint8_t)random_below(random, 3);
    fact->partition = world->patients[patient].partition;
    fact->arrival_us = start_us + random_between(random, 0, 20 * US_PER_SECOND);
    return index;
}

uint32_t
world_access(struct world *world, uint32_t patient, uint32_t user, int64_t event_us)
{
    uint32_t     index = world_add(world, FACT_ACCESS);
    struct fact *fact = &world->facts[index];
    fact->patient = patient;
    fact->user = user;
    fact->event_us = fact->effective_us = event_us;
    fact->arrival_us = event_us + US_PER_SECOND;
    fact->partition = world->patients[patient].partition;
    return index;
}

uint32_t
world_order(struct world *world, uint32_t patient, uint32_t user, uint32_t encounter, int64_t event_us, uint8_t facility)
{
    uint32_t     index = world_add(world, FACT_ORDER);
    struct fact *fact = &world->facts[index];
    fact->order = ++world->order_serial;
    fact->patient = patient;
    fact->user = user;
    fact->encounter = encounter;
    fact->event_us = fact->effective_us = event_us;
    fact->arrival_us = event_us + US_PER_SECOND;
    fact->partition = world->patients[patient].partition;
    fact->facility = facility;
    return fact->order;
}

static uint32_t
add_result(struct world *world, uint32_t patient, uint32_t user, uint32_t encounter, uint32_t order, uint32_t analyte,
           int64_t value, int64_t effective_us, int64_t event_us, uint8_t facility)
{
    uint32_t              index = world_add(world, FACT_RESULT);
    struct fact          *fact = &world->facts[index];
    const struct analyte *kind = &analytes[analyte];
    fact->result = ++world->result_serial;
    fact->patient = patient;
    fact->user = user;
    fact->encounter = encounter;
    fact->order = order;
    fact->analyte = analyte;
    fact->value = value;
    fact->effective_us = effective_us;
    fact->event_us = event_us;
    fact->arrival_us = event_us;
    fact->is_history = true;
    fact->facility = facility;
    fact->partition = world->patients[patient].partition;
    memcpy(fact->status, "F", 2);
    memcpy(fact->flag, value < kind->low ? "L" : value > kind->high ? "H" : "N", 2);
    return index;
}

uint32_t
world_result(struct world *world, struct random *random, uint32_t patient, uint32_t analyte, int64_t value,
             int64_t effective_us, int64_t event_us)
{
    uint32_t user = (uint32_t)random_below(random, world->user_count);
    uint8_t  facility = (uint8_t)random_below(random, 3);
    uint32_t order = world_order(world, patient, user, 0, effective_us - 5 * US_PER_MINUTE, facility);
    return add_result(world, patient, user, 0, order, analyte, value, effective_us, event_us, facility);
}

/* A panel: the order, a draw a quarter of an hour later, results of all its analytes at one time. */
static void
add_panel(struct world *world, struct random *random, const struct fact *encounter, int panel, int64_t ordered_us)
{
    struct fact copy = *encounter; /* The array moves while we add. */
    int64_t     collected_us = ordered_us + random_between(random, 5, 25) * US_PER_MINUTE;
    int64_t     available_us = collected_us + random_between(random, 30, 150) * US_PER_MINUTE + random_between(random, 0, 599) * 100 * US_PER_MS;
    bool        uses_other = random_chance(random, 0.2);
    uint32_t    order = world_order(world, copy.patient, copy.user, copy.encounter, ordered_us, copy.facility);
    for (uint32_t i = 0; i < analyte_count; i++) {
        if (analytes[i].panel != panel || (panel == 2 && random_chance(random, 0.5)))
            continue;
        uint32_t index = add_result(world, copy.patient, copy.user, copy.encounter, order, i,
                                    world_ordinary_value(random, &analytes[i]), collected_us, available_us, copy.facility);
        struct fact *fact = &world->facts[index];
        fact->uses_other_unit = uses_other && analytes[i].other_unit != NULL;
        /* Senders put up to half a minute of disorder into a partition. */
        fact->arrival_us = available_us + random_between(random, 0, 30 * US_PER_SECOND);
        if (available_us >= world->end_us)
            fact->is_live = fact->is_history = false; /* Not out of the laboratory yet. */
    }
}

static void
live_day_of_patient(struct world *world, struct random *random, uint32_t patient, int64_t day)
{
    if (!random_chance(random, 0.3))
        return;
    uint32_t user = (uint32_t)random_below(random, world->user_count);
    int64_t  start_us = moment_of_day(world, random, day);
    int64_t  end_us = start_us + random_between(random, 1, 60) * US_PER_HOUR;
    uint32_t index = world_encounter(world, random, patient, user, start_us, end_us, true);
    int      access_count = (int)random_between(random, 1, 4);
    for (int i = 0; i < access_count; i++) {
        /* Colleagues of the same department, who have a reason. */
        uint32_t colleague = (user + DEPARTMENT_COUNT * (uint32_t)i) % (world->user_count - world->user_count % DEPARTMENT_COUNT);
        int64_t  at_us = start_us + random_between(random, 2, 600) * US_PER_MINUTE / 10;
        if (world->users[colleague].department == world->users[user].department && at_us < world->end_us)
            world_access(world, patient, colleague, at_us);
    }
    for (int panel = 0; panel < 3; panel++)
        if (random_chance(random, panel == 0 ? 0.8 : 0.4))
            add_panel(world, random, &world->facts[index], panel, start_us + random_between(random, 5, 120) * US_PER_MINUTE);
}

static void
make_history(struct world *world, struct random *random)
{
    for (uint32_t i = 0; i < (uint32_t)world->options.patient_count; i++) {
        if (world->patients[i].is_reserved || !random_chance(random, 0.5))
            continue;
        int64_t start_us = moment_of_day(world, random, -random_between(random, 12, WORLD_HISTORY_DAYS));
        world_encounter(world, random, i, (uint32_t)random_below(random, world->user_count), start_us,
                        start_us + random_between(random, 1, 96) * US_PER_HOUR, false);
    }
}

/* Nothing that happens after the last day's midnight is known to anyone yet. */
static void
cut_future(struct world *world)
{
    for (size_t i = 0; i < world->fact_count; i++)
        if (world->facts[i].event_us >= world->end_us)
            world->facts[i].is_live = world->facts[i].is_history = false;
}

enum status
world_init(struct world *world, const struct world_options *options, struct error *err)
{
    struct random random;
    *world = (struct world){ .options = *options };
    arena_init(&world->arena, 0);
    random_init(&random, options->seed);
    int32_t offset = 0;
    world_local_us(date_to_time(options->start_date) + 12 * US_PER_HOUR, &offset);
    world->start_us = date_to_time(options->start_date) - offset * US_PER_MINUTE;
    world->end_us = world->start_us + options->day_count * US_PER_DAY;
    world->user_count = (uint32_t)(options->patient_count / 40) / DEPARTMENT_COUNT * DEPARTMENT_COUNT + 24;
    world->patients = memory_alloc_array_zero((size_t)options->patient_count, sizeof(*world->patients));
    world->extra_count = WORLD_EXTRA_COUNT * (2 + (uint32_t)(options->patient_count / 200));
    world->users = memory_alloc_array_zero(world->user_count + world->extra_count, sizeof(*world->users));
    /* The first block of each growing array: from here on index 0 exists, also where a growth fails. */
    world->facts = grow(world, NULL, &world->fact_capacity, 0, sizeof(*world->facts));
    world->plants = grow(world, NULL, &world->plant_capacity, 0, sizeof(*world->plants));
    if (world->patients == NULL || world->users == NULL || world->is_out_of_memory)
        return error_no_memory(err);
    for (uint32_t i = 0; i < (uint32_t)options->patient_count; i++)
        make_patient(world, &world->patients[i], i, &random);
    for (uint32_t i = 0; i < world->user_count; i++)
        make_user(&world->users[i], i, &random);
    make_extra_users(world);
    world_plant_all(world, &random);
    make_history(world, &random);
    for (int64_t day = 0; day < options->day_count && !world->is_out_of_memory; day++)
        for (uint32_t i = 0; i < (uint32_t)options->patient_count; i++)
            if (!world->patients[i].is_reserved)
                live_day_of_patient(world, &random, i, day);
    if (options->people == NULL)
        world_traffic(world);
    if (options->snooper_count > 0 && !world->is_out_of_memory)
        world_plant_volumes(world);
    cut_future(world);
    return world->is_out_of_memory ? error_no_memory(err) : ST_OK;
}

void
world_release(struct world *world)
{
    memory_free(world->patients);
    memory_free(world->users);
    memory_free(world->facts);
    memory_free(world->plants);
    arena_release(&world->arena);
    *world = (struct world){ 0 };
}
