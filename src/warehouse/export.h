/* What the batch leg leaves for the live leg beside its store. */
#ifndef HEDDLE_WAREHOUSE_EXPORT_H
#define HEDDLE_WAREHOUSE_EXPORT_H

#include "base/error.h"
#include "base/hash.h"
#include "io/io.h"
#include "warehouse/db.h"

/* Writes the identifiers of core.person_identifier to <store_path>.master.<version>, whole or not at all, unless that version is
 * there already. `version` ascends from one publishing to the next; `key` is the person key. */
enum status warehouse_export_master(struct db_connection *connection, struct io *io, const char *store_path,
                                    uint64_t version, const struct siphash_key *key, struct error *err);

#endif
