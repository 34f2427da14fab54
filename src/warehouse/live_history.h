/* What the warehouse knows when a stream starts: the current rows that its rules go by, as rows of event_schema.
 *
 * For each rule of the streaming leg: what explains its accesses, encounters and orders; drugs and orders of them. Critical values need nothing: a result
 * from before the stream, of which nobody was told, may neither silence a repeat nor be revised. Of an entity come the rows of the longest history that a rule keeps, back from the newest row that is not in the future; so what
 * comes depends on the published run alone. A superseded or withdrawn version explains nothing and does not come.
 *
 *     EVENT_PARTITION       EVENT_PARTITION_HISTORY
 *     EVENT_POSITION        a running number, in the order that rules keep: effective time, event time, where it came from
 *     EVENT_SYSTEM, _ID     patient_system and "<entity>:<the last column of the entity's key>", which is no live event's identity
 *     EVENT_WATERMARK       null: it is known from its event time
 *     hashes                null; the runtime fills them */
#ifndef HEDDLE_WAREHOUSE_LIVE_HISTORY_H
#define HEDDLE_WAREHOUSE_LIVE_HISTORY_H

#include "base/error.h"
#include "graph/graph.h"
#include "live/live.h"
#include "warehouse/db.h"

struct warehouse_history;

/* Takes a connection of its own, so that it reads one state of the warehouse an entity. Closed before `db` is freed, and both
 * outlive the use of the face. */
enum status warehouse_history_open(struct db *db, const struct graph *graph, struct warehouse_history **ret_history, struct error *err);
void        warehouse_history_close(struct warehouse_history *history); /* Accepts NULL. */

/* For live_options. Read from the beginning to the end once. */
struct live_history warehouse_history_face(struct warehouse_history *history);

#endif
