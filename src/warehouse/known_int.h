/* What core has of a fact: the content hashes of all its versions, in memory, so that a row that is delivered again is told while
 * it is decoded and goes no further (H2: a fact whose key and content core has is a repeat, wherever it comes from). */
#ifndef HEDDLE_WAREHOUSE_KNOWN_INT_H
#define HEDDLE_WAREHOUSE_KNOWN_INT_H

#include <stdbool.h>

#include "base/hash.h"
#include "model/model.h"
#include "warehouse/db.h"

struct known {
    struct hash128 *slots; /* Zero: free. */
    uint64_t        mask;
    bool            has_zero;
};

/* Reads the hashes of core."<entity>_version". Where they would take more than `size_max` bytes, nothing is known: repeats are then
 * found behind decoding, among rows. Empty (all zero) where it fails. */
enum status known_load(struct known *known, struct db_connection *connection, const struct entity *entity, int64_t size_max,
                       struct error *err);
void        known_release(struct known *known);

/* Any thread may ask. */
bool known_has(const struct known *known, struct hash128 hash);

#endif
