/* Who opens which chart: the ordinary traffic of a hospital, which something explains, and the stories of snooping with their near misses.
 *
 * The traffic has its own random numbers, so that it changes nothing else. A story that is told to be open has the name of a kind of snooping
 * ("snooping_…"), or is a mistake of somebody honest, as nobody can tell from outside. */
#include "source/generate/world.h"

#include <stdio.h>

#include "base/memory.h"
#include "base/time.h"

/* ---- Users ---- */

/* Any of the clinical users who work where `user` does. */
static uint32_t
colleague_of(struct world *world, struct random *random, uint32_t user)
{
    return user % WORLD_DEPARTMENT_COUNT + WORLD_DEPARTMENT_COUNT * (uint32_t)random_below(random, world->user_count / WORLD_DEPARTMENT_COUNT);
}

/* A clinical user of another department. */
static uint32_t
stranger_to(struct world *world, struct random *random, uint32_t user)
{
    uint32_t other = (uint32_t)random_between(random, 1, WORLD_DEPARTMENT_COUNT - 1);
    return colleague_of(world, random, (user % WORLD_DEPARTMENT_COUNT + other) % WORLD_DEPARTMENT_COUNT);
}

static uint32_t
extra_user(struct world *world, struct random *random, enum world_extra kind)
{
    uint32_t each = world->extra_count / WORLD_EXTRA_COUNT;
    return world->user_count + kind * each + (uint32_t)random_below(random, each);
}

/* ---- Traffic ---- */

static void
look(struct world *world, uint32_t patient, uint32_t user, int64_t at_us)
{
    if (at_us < world->end_us)
        world_access(world, patient, user, at_us);
}

/* The nurses' and physicians' rounds over two days, the desk, who helps out, and who codes the bill. */
static void
ward_traffic(struct world *world, struct random *random, const struct fact *encounter)
{
    int64_t rounds = random_between(random, 3, 9);
    for (int64_t i = 0; i < rounds; i++)
        look(world, encounter->patient, colleague_of(world, random, encounter->user), encounter->event_us + random_between(random, 120, 2 * 86400) * US_PER_SECOND);
    look(world, encounter->patient, extra_user(world, random, WORLD_REGISTRATION), encounter->event_us + random_between(random, 60, 1200) * US_PER_SECOND);
    if (random_chance(random, 0.3))
        look(world, encounter->patient, extra_user(world, random, WORLD_FLOAT), encounter->event_us + random_between(random, 600, 86400) * US_PER_SECOND);
}

/* Another department takes the patient over: the same encounter, said anew. */
static void
transfer(struct world *world, struct random *random, const struct fact *encounter)
{
    uint32_t user  = stranger_to(world, random, encounter->user);
    uint32_t index = world_add(world, FACT_ENCOUNTER);
    uint32_t serial = world->facts[index].serial;
    int64_t  at_us = encounter->event_us + random_between(random, 2, 20) * US_PER_HOUR;
    world->facts[index]            = *encounter;
    world->facts[index].serial     = serial;
    world->facts[index].user       = user;
    world->facts[index].event_us   = world->facts[index].arrival_us = at_us;
    world->facts[index].is_history = false;
    for (int i = 0; i < 4; i++)
        look(world, encounter->patient, colleague_of(world, random, user), at_us + random_between(random, 60, 86400) * US_PER_SECOND);
}

static void
consult(struct world *world, struct random *random, const struct fact *encounter)
{
    uint32_t user  = stranger_to(world, random, encounter->user);
    int64_t  at_us = encounter->event_us + random_between(random, 1, 20) * US_PER_HOUR;
    world_order(world, encounter->patient, user, encounter->encounter, at_us, encounter->facility);
    for (int i = 0; i < 2; i++)
        look(world, encounter->patient, colleague_of(world, random, user), at_us + random_between(random, 60, 36000) * US_PER_SECOND);
}

static uint32_t
add_appointment(struct world *world, uint32_t patient, uint32_t user, int64_t made_us, int64_t begin_us)
{
    uint32_t     index = world_add(world, FACT_APPOINTMENT);
    struct fact *fact  = &world->facts[index];
    fact->patient      = patient;
    fact->user         = user;
    fact->event_us = fact->arrival_us = made_us;
    fact->effective_us = begin_us;
    fact->end_us       = begin_us + 30 * US_PER_MINUTE;
    fact->partition    = world->patients[patient].partition;
    return index;
}

static void
clinic(struct world *world, struct random *random, uint32_t patient)
{
    uint32_t user    = (uint32_t)random_below(random, world->user_count);
    int64_t  made_us = world->start_us + random_between(random, 0, world->options.day_count * 86400 - 7200) * US_PER_SECOND;
    add_appointment(world, patient, user, made_us, made_us + random_between(random, 24, 6 * 24) * US_PER_HOUR);
    look(world, patient, colleague_of(world, random, user), made_us + random_between(random, 60, 7000) * US_PER_SECOND);
}

/* Bills of stays that ended weeks ago, in office hours. */
static void
billing(struct world *world, struct random *random, uint32_t patient)
{
    int64_t day = random_between(random, 0, world->options.day_count - 1);
    look(world, patient, extra_user(world, random, WORLD_BILLING), world->start_us + day * US_PER_DAY + random_between(random, 8 * 3600, 17 * 3600) * US_PER_SECOND);
}

void
world_traffic(struct world *world)
{
    struct random random;
    size_t        count = world->fact_count;
    random_init(&random, world->options.seed ^ 0xacce55);
    for (size_t i = 0; i < count && !world->is_out_of_memory; i++) {
        const struct fact fact = world->facts[i]; /* The array moves while we add. */
        if (fact.kind != FACT_ENCOUNTER || world->patients[fact.patient].is_reserved)
            continue;
        if (!fact.is_live) {
            if (fact.is_history && random_chance(&random, 0.5))
                billing(world, &random, fact.patient);
            continue;
        }
        ward_traffic(world, &random, &fact);
        if (random_chance(&random, 0.15))
            transfer(world, &random, &fact);
        if (random_chance(&random, 0.15))
            consult(world, &random, &fact);
    }
    for (uint32_t i = 0; i < (uint32_t)world->options.patient_count && !world->is_out_of_memory; i++)
        if (!world->patients[i].is_reserved && random_chance(&random, 0.1))
            clinic(world, &random, i);
}

/* ---- Stories ---- */

/* One chart and who looks at it; the patient has no other life. */
struct visit {
    struct world  *world;
    struct random *random;
    uint32_t       patient, user;
    int64_t        at_us;
};

static uint32_t
plant(const struct visit *visit, const char *kind, const char *expect)
{
    uint32_t access = world_access(visit->world, visit->patient, visit->user, visit->at_us);
    world_plant(visit->world, kind, access, expect);
    return access;
}

/* A second person of the story, who is the user as a patient, and so has no other life either. */
static bool
become_patient(const struct visit *visit, struct story_patients *patients)
{
    int64_t        at_us;
    uint32_t       self;
    struct world  *world = visit->world;
    if (!world_next_patient(world, visit->random, patients, &self, &at_us))
        return false;
    world->users[visit->user].patient = self;
    world->users[visit->user].last    = world->patients[self].last;
    return true;
}

static bool
has_self(const struct visit *visit)
{
    return visit->world->users[visit->user].patient != UINT32_MAX;
}

/* A user of whom no other story is told. */
static void
choose_user(struct visit *visit)
{
    do
        visit->user = (uint32_t)random_below(visit->random, visit->world->user_count);
    while (has_self(visit));
}

static void
own_chart(const struct visit *visit, struct story_patients *patients)
{
    (void)patients;
    struct user *user = &visit->world->users[visit->user];
    user->patient     = visit->patient;
    user->last        = visit->world->patients[visit->patient].last;
    plant(visit, "snooping_own_chart", "open");
}

static void
household(const struct visit *visit, struct story_patients *patients)
{
    struct world *world = visit->world;
    if (!become_patient(visit, patients))
        return;
    const struct patient *self    = &world->patients[world->users[visit->user].patient];
    struct patient       *patient = &world->patients[visit->patient];
    patient->street               = self->street;
    patient->street_number        = self->street_number;
    patient->city                 = self->city;
    patient->zip                  = self->zip;
    plant(visit, "snooping_household", "open");
}

/* The same, but the user's department treats the patient. */
static void
household_treated(const struct visit *visit, struct story_patients *patients)
{
    struct world *world = visit->world;
    if (!become_patient(visit, patients))
        return;
    const struct patient *self    = &world->patients[world->users[visit->user].patient];
    world->patients[visit->patient].street        = self->street;
    world->patients[visit->patient].street_number = self->street_number;
    world->patients[visit->patient].zip           = self->zip;
    world_encounter(world, visit->random, visit->patient, colleague_of(world, visit->random, visit->user), visit->at_us - 2 * US_PER_HOUR, visit->at_us + US_PER_DAY, true);
    plant(visit, "household_treated", "none");
}

static void
surname(const struct visit *visit, struct story_patients *patients)
{
    (void)patients;
    struct world *world = visit->world;
    const char   *name  = arena_printf(&world->arena, "Zaltbommel%c%c", 'a' + (int)(visit->patient % 26), 'a' + (int)(visit->patient / 26 % 26));
    if (name == NULL) {
        world->is_out_of_memory = true;
        return;
    }
    world->patients[visit->patient].last = name;
    world->users[visit->user].last       = name;
    world->users[visit->user].patient    = UINT32_MAX - 1; /* Nobody, but no other story's either. */
    plant(visit, "snooping_surname", "open");
}

static void
coworker(const struct visit *visit, struct story_patients *patients)
{
    (void)patients;
    struct visit other = *visit;
    choose_user(&other);
    if (other.user == visit->user)
        return;
    visit->world->users[other.user].patient = visit->patient;
    plant(visit, "snooping_coworker", "open");
}

static void
vip(const struct visit *visit, struct story_patients *patients)
{
    (void)patients;
    struct world *world  = visit->world;
    uint32_t      doctor = stranger_to(world, visit->random, visit->user);
    uint32_t      stay   = world_encounter(world, visit->random, visit->patient, doctor, visit->at_us - 3 * US_PER_HOUR, visit->at_us + US_PER_DAY, true);
    world->facts[stay].is_vip = true;
    plant(visit, "snooping_vip", "open");
    struct visit treats = *visit;
    treats.user         = colleague_of(world, visit->random, doctor);
    treats.at_us += US_PER_HOUR;
    plant(&treats, "vip_treated", "none");
}

static void
deceased(const struct visit *visit, struct story_patients *patients)
{
    (void)patients;
    visit->world->patients[visit->patient].died_on = visit->world->options.start_date - (int32_t)random_between(visit->random, 60, 400);
    plant(visit, "snooping_deceased", "open");
}

static void
terminated(const struct visit *visit, struct story_patients *patients)
{
    (void)patients;
    struct visit former = *visit;
    former.user         = extra_user(visit->world, visit->random, WORLD_FORMER);
    plant(&former, "snooping_terminated_user", "open");
}

/* The account is used though the patient is the department's: users have their departments in turn. */
static void
terminated_treated(const struct visit *visit, struct story_patients *patients)
{
    (void)patients;
    struct world *world  = visit->world;
    struct visit  former = *visit;
    former.user          = extra_user(world, visit->random, WORLD_FORMER);
    world_encounter(world, visit->random, visit->patient, colleague_of(world, visit->random, former.user), visit->at_us - 2 * US_PER_HOUR, visit->at_us + US_PER_DAY, true);
    plant(&former, "snooping_terminated_user_of_department", "open");
}

static void
break_glass(const struct visit *visit, struct story_patients *patients)
{
    (void)patients;
    uint32_t access = plant(visit, "snooping_break_glass", "open");
    visit->world->facts[access].purpose = "BTG";
}

/* An honest emergency: the reason is given, and the stay registered afterwards. */
static void
emergency(const struct visit *visit, struct story_patients *patients)
{
    (void)patients;
    struct world *world  = visit->world;
    uint32_t      access = plant(visit, "emergency_registered_afterwards", "retracted");
    world->facts[access].purpose = "ETREAT";
    world->facts[access].reason  = "collapsed in the lobby";
    int64_t  start_us = visit->at_us + random_between(visit->random, 5, 200) * US_PER_MINUTE;
    uint32_t stay     = world_encounter(world, visit->random, visit->patient, stranger_to(world, visit->random, visit->user), start_us, start_us + US_PER_DAY, true);
    world->plants[world->plant_count - 1].other = stay;
}

/* At two in the night, by an office that is closed, of a patient who has no bill. */
static void
after_hours(const struct visit *visit, struct story_patients *patients)
{
    (void)patients;
    struct world *world = visit->world;
    struct visit  night = *visit;
    int64_t       day   = (visit->at_us - world->start_us) / US_PER_DAY;
    night.at_us         = world->start_us + day * US_PER_DAY + random_between(visit->random, 2 * 3600, 4 * 3600) * US_PER_SECOND;
    night.user          = extra_user(world, visit->random, WORLD_BILLING);
    plant(&night, "snooping_after_hours", "open");
}

static void
long_discharged(const struct visit *visit, struct story_patients *patients)
{
    (void)patients;
    struct world *world    = visit->world;
    int64_t       start_us = world->start_us - random_between(visit->random, 70, 150) * US_PER_DAY;
    world_encounter(world, visit->random, visit->patient, visit->user, start_us, start_us + US_PER_DAY, false);
    plant(visit, "snooping_long_discharged", "open");
    struct visit bill = *visit;
    bill.user         = extra_user(world, visit->random, WORLD_BILLING);
    bill.at_us += US_PER_HOUR;
    plant(&bill, "billing_long_after_discharge", "none"); /* What the patient master alone knows. */
}

/* Somebody of another house attends; the department's own people look after the patient. */
static void
care_team(const struct visit *visit, struct story_patients *patients)
{
    (void)patients;
    struct world *world = visit->world;
    uint32_t      stay  = world_encounter(world, visit->random, visit->patient, colleague_of(world, visit->random, visit->user), visit->at_us - US_PER_HOUR, visit->at_us + US_PER_DAY, true);
    world->facts[stay].department = "GUEST";
    plant(visit, "access_explained_by_care_team", "none");
}

/* The desk looks up who arrives in a quarter of an hour, for the first time. */
static void
arrival(const struct visit *visit, struct story_patients *patients)
{
    (void)patients;
    struct world *world = visit->world;
    int64_t       start_us = visit->at_us + random_between(visit->random, 5, 60) * US_PER_MINUTE;
    plant(visit, "looked_up_before_arrival", "retracted");
    uint32_t stay = world_encounter(world, visit->random, visit->patient, stranger_to(world, visit->random, visit->user), start_us, start_us + US_PER_DAY, true);
    world->facts[stay].is_history = false; /* Else the warehouse would know of it beforehand. */
    world->plants[world->plant_count - 1].other = stay;
}

static void
appointment_made(const struct visit *visit, struct story_patients *patients)
{
    (void)patients;
    add_appointment(visit->world, visit->patient, colleague_of(visit->world, visit->random, visit->user), visit->at_us - US_PER_HOUR, visit->at_us + 3 * US_PER_DAY);
    plant(visit, "access_explained_by_appointment", "none");
}

/* An honest emergency, of somebody who went elsewhere: no reason given, no stay. From outside it is what snooping is. */
static void
emergency_elsewhere(const struct visit *visit, struct story_patients *patients)
{
    (void)patients;
    uint32_t access = plant(visit, "emergency_went_elsewhere", "open");
    visit->world->facts[access].purpose = "ETREAT";
}

static void
wrong_chart(const struct visit *visit, struct story_patients *patients)
{
    (void)patients;
    plant(visit, "wrong_chart", "open");
}

static const struct {
    void (*tell)(const struct visit *visit, struct story_patients *patients);
    int  quarters; /* So many for each four of the others. */
    bool wants_history; /* What a file of history says. */
} stories[] = {
    { own_chart, 4, true },    { household, 4, true },  { household_treated, 4, true }, { surname, 4, true },
    { coworker, 4, true },     { vip, 4, false },       { deceased, 4, true },          { terminated, 4, true },
    { terminated_treated, 4, true }, { break_glass, 4, false }, { emergency, 4, false }, { emergency_elsewhere, 1, false },
    { after_hours, 4, true },  { long_discharged, 4, true }, { care_team, 4, true },    { arrival, 4, false },
    { appointment_made, 4, false }, { wrong_chart, 12, false },
};

void
world_plant_accesses(struct world *world, struct story_patients *patients, int64_t count)
{
    struct random random;
    random_init(&random, world->options.seed ^ 0x5700b);
    for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
        for (int64_t k = 0; k < (count * stories[i].quarters + 3) / 4 && !world->is_out_of_memory; k++) {
            struct visit visit = { .world = world, .random = &random };
            if ((stories[i].wants_history && world->options.people != NULL) || !world_next_patient(world, &random, patients, &visit.patient, &visit.at_us))
                break;
            choose_user(&visit);
            stories[i].tell(&visit, patients);
        }
    }
}
