/* Each (system, event id) once: the first that comes is accepted, copies are deselected and counted.
 *
 * An id is kept until the end of its event's window plus the lateness; a copy that comes later is late itself, and passes by
 * as late events do. Whether an entry still counts is decided by the arriving row's own partition watermark, so that when
 * it is freed shapes nothing. Rows that go on are counted as loaded, by the partition that they came from. */
#ifndef HEDDLE_LIVE_OP_DEDUP_H
#define HEDDLE_LIVE_OP_DEDUP_H

#include "graph/graph.h"
#include "live/op/operator.h"
#include "model/model.h"

enum status dedup_create(const struct graph *graph, struct operator **ret_operator, struct error *err);

#endif
