/* What the batch leg leaves for the live leg. */
#ifndef HEDDLE_WAREHOUSE_EXPORT_H
#define HEDDLE_WAREHOUSE_EXPORT_H

#include "base/error.h"
#include "base/hash.h"
#include "column/vector.h"
#include "io/io.h"
#include "model/model.h"
#include "warehouse/db.h"

/* Writes the identifiers of core.person_identifier to <store_path>.master.<version>, whole or not at all. `version` ascends
 * from one publishing to the next; `key` is the person key. */
enum status warehouse_export_master(struct db_connection *connection, struct io *io, const char *store_path,
                                    uint64_t version, const struct siphash_key *key, struct error *err);

/* Takes up to 2,048 rows: one vector a column that was asked for, in that order. Views, good for the call. */
typedef enum status history_rows_fn(void *context, const struct vector *columns, uint32_t row_count, struct error *err);

/* Every version of the entity that was effective at `from_us` or later (by its effective time, else its event time), so
 * that rules do not start blind: superseded versions and retractions too, for rules judge by all that was said. In the
 * order that rules keep: effective time, event time, then where the rows came from. The entity's columns are named by
 * index; the entity has an event time. */
enum status warehouse_read_history(struct db_connection *connection, const struct entity *entity,
                                   const uint32_t *columns, uint32_t column_count, int64_t from_us,
                                   history_rows_fn *rows, void *context, struct error *err);

#endif
