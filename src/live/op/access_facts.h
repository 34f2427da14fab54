/* What the intake finds out of a row for the rules of accesses, as one number (EVENT_ACCESS_FACTS), so that all other rows pay one column.
 *
 *     of an access   bits 0–7    enum access_fact
 *                         8–23   days since the patient's death + 1; 0: not dead, or not known
 *                        24–39   days since the patient's last dealings + 1, as the patient master knows them; 0: none known
 *                        40–55   days since the user's last day; 0: still there, or not known
 *                        56–63   persons of the surname that user and patient share; 0: not the same, or not known
 *     of what explains    0      the sender marks the encounter as one of a VIP
 *                         1–31   who ordered or attends, as a user: master_short; 0: not known
 *                        32–63   their department: master_short; 0: not known
 *
 * What is greater than its bits hold is their maximum. Days are those of UTC. */
#ifndef HEDDLE_LIVE_OP_ACCESS_FACTS_H
#define HEDDLE_LIVE_OP_ACCESS_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"
#include "match/master.h"

enum access_fact {
    ACCESS_FACT_BREAK_GLASS_WITHOUT_REASON = 1,
    ACCESS_FACT_OWN_CHART                  = 2,
    ACCESS_FACT_SAME_HOUSEHOLD             = 4,
    ACCESS_FACT_COWORKER                   = 8,
    ACCESS_FACT_VIP                        = 16,
};

#define ACCESS_DAYS_MAX    65534
#define ACCESS_PERSONS_MAX 255

struct access_facts {
    uint32_t bits;
    int32_t  dead_days;    /* -1: not dead, or not known. */
    int32_t  contact_days; /* -1: not known. */
    int32_t  ended_days;   /* 0: still there, or not known. */
    int32_t  surname_persons; /* 0: none is shared. */
};

/* What an access that states these has to say, packed; 0: nothing. Where the facts of an access come from anything else, the warehouse's rows must go by
 * it, too (warehouse/event_rows.h). */
int64_t access_facts_of(struct str purpose, struct str reason);

/* Of vip_indicator: "N", "0" and the like say that the patient is none (HL7 table 0099 is the user's own). */
bool access_is_vip(struct str indicator);

static inline uint64_t
access_facts_bits(int32_t value, int32_t max)
{
    return (uint64_t)(value < 0 ? 0 : value > max ? max : value);
}

static inline int64_t
access_facts_pack(const struct access_facts *facts)
{
    return (int64_t)(access_facts_bits((int32_t)facts->bits, 255) | access_facts_bits(facts->dead_days < 0 ? 0 : facts->dead_days + 1, ACCESS_DAYS_MAX + 1) << 8
                     | access_facts_bits(facts->contact_days < 0 ? 0 : facts->contact_days + 1, ACCESS_DAYS_MAX + 1) << 24
                     | access_facts_bits(facts->ended_days, ACCESS_DAYS_MAX + 1) << 40
                     | access_facts_bits(facts->surname_persons, ACCESS_PERSONS_MAX) << 56);
}

static inline struct access_facts
access_facts_unpack(int64_t packed)
{
    uint64_t bits = (uint64_t)packed;
    return (struct access_facts){ .bits            = (uint32_t)(bits & 255),
                                  .dead_days       = (int32_t)(bits >> 8 & 65535) - 1,
                                  .contact_days    = (int32_t)(bits >> 24 & 65535) - 1,
                                  .ended_days      = (int32_t)(bits >> 40 & 65535),
                                  .surname_persons = (int32_t)(bits >> 56) };
}

/* Under the key, for the patient master has no names in clear. */
static inline uint64_t
access_department_hash(const struct siphash_key *key, struct str department)
{
    return siphash128(key, department.data, department.size).low;
}

static inline int64_t
treatment_facts_pack(bool is_vip, uint32_t user, uint32_t department)
{
    return (int64_t)((uint64_t)is_vip | (uint64_t)user << 1 | (uint64_t)department << 32);
}

static inline bool
treatment_is_vip(int64_t packed)
{
    return (packed & 1) != 0;
}

static inline uint32_t
treatment_user(int64_t packed)
{
    return (uint32_t)((uint64_t)packed >> 1) & 0x7fffffffu;
}

static inline uint32_t
treatment_department(int64_t packed)
{
    return (uint32_t)((uint64_t)packed >> 32);
}

#endif
