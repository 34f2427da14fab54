/* Tumbling windows over accepted events: exact counts, distinct patients, extremes and averages (I3).
 *
 * States: `rows`, one entry a window and group; `patients`, one entry a patient of a window and group, so that they are
 * counted once. At each barrier the windows that changed, and those that the watermark closes, are written as their next
 * revision. A window lives until its end plus the lateness. */
#ifndef HEDDLE_LIVE_OP_WINDOW_H
#define HEDDLE_LIVE_OP_WINDOW_H

#include "graph/graph.h"
#include "live/op/operator.h"
#include "model/model.h"
#include "store/store.h"

enum status window_create(const struct graph *graph, struct operator **ret_operator, struct error *err);

/* The table that the step writes. Lives as long as the operator. */
const struct store_table *window_table(const struct operator *op);

#endif
