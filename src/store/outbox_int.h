/* What an alert looks like where it arrives. */
#ifndef HEDDLE_STORE_OUTBOX_INT_H
#define HEDDLE_STORE_OUTBOX_INT_H

#include "base/str_builder.h"
#include "graph/graph.h"
#include "store/store.h"

/* How each line begins; what a line is about stands first, so that it can be found again. */
#define OUTBOX_LINE_BEGIN "{\"alert_id\":\""

/* Appends the alert as one JSON object and a line feed, with as much patient data as `phi` allows. Times are ISO 8601 in
 * UTC; what is not known is left out. */
void outbox_line(struct str_builder *out, const struct store_alert *alert, struct str sink, enum graph_phi phi);

#endif
