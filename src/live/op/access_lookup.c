#include "live/op/access_lookup.h"

#include "base/time.h"
#include "live/event.h"

/* What a master knows of a patient's last dealings says nothing of an access so long after it was made: the rules' state has what the stream saw since
 * then, and for no longer. */
#define CONTACTS_DAYS_MAX 31

int64_t
access_day(int64_t time_us)
{
    return time_us / US_PER_DAY - (time_us % US_PER_DAY < 0);
}

static int32_t
days_since(int32_t day, int64_t now)
{
    int64_t days = now - day;
    return days < 0 ? 0 : days > ACCESS_DAYS_MAX ? ACCESS_DAYS_MAX : (int32_t)days;
}

static bool
is_person(struct hash128 person)
{
    return person.low != 0 || person.high != 0;
}

static void
compare(const struct master_user *user, const struct master_patient *patient, struct hash128 person, struct access_facts *facts)
{
    if (is_person(user->person) && user->person.low == person.low && user->person.high == person.high)
        facts->bits |= ACCESS_FACT_OWN_CHART;
    if (user->household != 0 && user->household == patient->household)
        facts->bits |= ACCESS_FACT_SAME_HOUSEHOLD;
    if (user->surname != 0 && user->surname == patient->surname)
        facts->surname_persons = user->surname_persons > ACCESS_PERSONS_MAX ? ACCESS_PERSONS_MAX : (int32_t)user->surname_persons;
}

void
access_lookup(const struct master *master, struct hash128 user_pair, struct hash128 patient_pair, int64_t day, struct access_facts *facts)
{
    struct hash128               person  = { 0, 0 };
    const struct master_user    *user    = master_user_find(master, user_pair);
    const struct master_patient *patient = master_patient_find(master, patient_pair, &person);

    if (user != NULL && user->end_day != MASTER_DAY_UNKNOWN && user->end_day < day)
        facts->ended_days = days_since(user->end_day, day);
    if (patient == NULL)
        return;
    if (user != NULL)
        compare(user, patient, person, facts);
    facts->bits |= (patient->flags & MASTER_PATIENT_OF_WORKFORCE) != 0 ? ACCESS_FACT_COWORKER : 0;
    facts->bits |= (patient->flags & MASTER_PATIENT_VIP) != 0 ? ACCESS_FACT_VIP : 0;
    if (patient->death_day != MASTER_DAY_UNKNOWN && patient->death_day <= day)
        facts->dead_days = days_since(patient->death_day, day);
    if (patient->contact_day != MASTER_DAY_UNKNOWN && day <= (int64_t)(master->version / US_PER_DAY) + CONTACTS_DAYS_MAX)
        facts->contact_days = days_since(patient->contact_day, day);
}

int64_t
treatment_lookup(const struct master *master, const struct siphash_key *person_key, const struct chunk *events, uint32_t row, bool is_vip)
{
    if (master == NULL || event_is_null(events, EVENT_PRACTITIONER_ID, row))
        return treatment_facts_pack(is_vip, 0, 0);
    const struct hash128      pair = event_user(person_key, events, EVENT_PRACTITIONER_ID, row);
    const struct master_user *user = master_user_find(master, pair);
    return user == NULL ? treatment_facts_pack(is_vip, 0, 0) : treatment_facts_pack(is_vip, user->user, user->department);
}

int64_t
access_lookup_row(const struct master *master, const struct siphash_key *person_key, const struct chunk *events, uint32_t row, int64_t packed)
{
    const struct hash128 patient = event_hash(events, EVENT_PATIENT_LOW, row);
    const struct hash128 user    = event_user(person_key, events, EVENT_USER_ID, row);
    struct access_facts  facts   = access_facts_unpack(packed);
    access_lookup(master, user, patient, access_day(event_int64(events, EVENT_EFFECTIVE_TIME, row)), &facts);
    return access_facts_pack(&facts);
}

void
access_lookup_rows(const struct master *master, const struct siphash_key *person_key, struct chunk *events, bool are_accesses)
{
    for (uint32_t row = 0; master != NULL && row < events->row_count; row++) {
        const int64_t known = event_int64(events, EVENT_ACCESS_FACTS, row);
        const int64_t facts = are_accesses ? access_lookup_row(master, person_key, events, row, known)
                                           : treatment_lookup(master, person_key, events, row, treatment_is_vip(known));
        if (facts != 0)
            chunk_set_int64(events, EVENT_ACCESS_FACTS, row, facts);
    }
}
