/* Facts as the warehouse keeps them, as rows of event_schema: what a rule over history goes by (hybrid/backtest.h).
 *
 * Every version of core.<entity>_version comes, whatever superseded it since, for the live leg saw it too.
 *
 *     EVENT_PARTITION       the file that it came from, "file:<source>/<file>": event_rows_files
 *     EVENT_POSITION        of its record in that file; with EVENT_ROW_NUMBER as core has them
 *     EVENT_SYSTEM, _ID     patient_system and a running number in the order below: who stands first where times are equal
 *     EVENT_IDENTITY_…      a hash of what the row says (event_rows_hash), so that a fact that two sources state alike is one event; no live event's identity
 *     EVENT_WATERMARK       null: a row is known from its event time, for the warehouse does not know when it would have come
 *     EVENT_PERSON_ID       core's; EVENT_BIRTH_DATE that of the patient master (export.h)
 *     all others            as the intake of the live leg fills them (live/op/intake.h)
 *
 * Rows of one reading come by event time, then in the order of core's versions (model/README.md): version columns, source, file, position, row number. */
#ifndef HEDDLE_WAREHOUSE_EVENT_ROWS_H
#define HEDDLE_WAREHOUSE_EVENT_ROWS_H

#include "base/error.h"
#include "graph/graph.h"
#include "live/op/alert.h"
#include "model/model.h"
#include "warehouse/db.h"

/* Event times from begin_us to before end_us. */
struct event_range {
    int64_t begin_us;
    int64_t end_us;
};

struct event_rows;

/* Takes a connection of its own, so that it sees one state of the warehouse as long as nobody writes to it. `binding` is the warehouse's name, which
 * evidence has as the source; it and the graph, whose rules
 * say what is wanted of drugs, outlive the use. ERR_CONFIG where the file does not have all of the model's columns. */
enum status event_rows_new(struct db *db, const struct graph *graph, struct str binding, struct event_rows **ret_rows, struct error *err);
void        event_rows_free(struct event_rows *rows); /* Accepts NULL. */

/* How many rows of the entity there are, day by day of UTC, ascending. The entity has a person and an event time (event_rows_has). */
bool        event_rows_has(const struct entity *entity);
enum status event_rows_days(struct event_rows *rows, const struct entity *entity, struct event_range range,
                            void (*add)(void *context, int64_t day_us, int64_t count), void *context, struct error *err);

/* How many persons the warehouse has, or patients where it does not join them. */
enum status event_rows_patients(struct event_rows *rows, int64_t *ret_count, struct error *err);

/* Begins to read. With `reaches_in` instead of the rows of the range those of before it that reach into it: a stay that began earlier. */
enum status event_rows_open(struct event_rows *rows, const struct entity *entity, struct event_range range, bool reaches_in, struct error *err);
/* Fills the chunk, which is empty; no rows: the end. Its texts are views, good until the next call. */
enum status event_rows_next(struct event_rows *rows, struct chunk *chunk, struct error *err);

/* Fills the four columns of hashes, which event_rows_next leaves null. */
void event_rows_hash(struct chunk *chunk, const struct siphash_key *person_key);

/* The files of all rows that came so far; lives as long as `rows`, and grows. */
const struct partition_names *event_rows_files(const struct event_rows *rows);

#endif
