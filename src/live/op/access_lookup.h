/* What the patient master says of who looks at whom, and of who treats. */
#ifndef HEDDLE_LIVE_OP_ACCESS_LOOKUP_H
#define HEDDLE_LIVE_OP_ACCESS_LOOKUP_H

#include "column/chunk.h"
#include "live/op/access_facts.h"
#include "match/master.h"

/* Adds to an access's facts what the master knows: `user` and `patient` are hashes of their pairs, `day` the access's. */
void access_lookup(const struct master *master, struct hash128 user, struct hash128 patient, int64_t day, struct access_facts *facts);

/* The same of a row of events whose hashes are filled: `facts` and what the master adds. */
int64_t access_lookup_row(const struct master *master, const struct siphash_key *person_key, const struct chunk *events, uint32_t row, int64_t facts);

/* Facts of an encounter, order or appointment: EVENT_PRACTITIONER_ID of the row, in EVENT_USER_SYSTEM, as a user. `master` may be NULL. */
int64_t treatment_lookup(const struct master *master, const struct siphash_key *person_key, const struct chunk *events, uint32_t row, bool is_vip);

/* Adds to EVENT_ACCESS_FACTS of all rows, of accesses or of what explains them, what the master knows. `master` may be NULL: nothing. */
void access_lookup_rows(const struct master *master, const struct siphash_key *person_key, struct chunk *events, bool are_accesses);

/* The day of an instant in UTC, since 1970-01-01. */
int64_t access_day(int64_t time_us);

#endif
