/* person_id: 32 hexadecimal digits of SipHash-2-4-128 of an identifier pair under the pipeline's person key.
 *
 * Nobody without the key can compute it from a record number; with it both legs agree on the person of a patient that
 * neither has seen before. */
#ifndef HEDDLE_HEALTH_PERSON_H
#define HEDDLE_HEALTH_PERSON_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"

/* The hash is over the system's size (4 bytes, little-endian), the system and the value. False: no memory, which only
 * identifiers of more than 252 bytes need, from `scratch`. */
bool person_id_print(const struct siphash_key *key, struct str system, struct str value, struct arena *scratch,
                     char out[HASH128_TEXT_SIZE]);

/* Tells one key from another and gives neither away: kept beside what was made under a key. */
struct hash128 person_key_check(const struct siphash_key *key);

#endif
