/* What `heddle alerts` asks the store: statements over alerts, their revisions and deliveries.
 *
 * How much of a patient they show is `phi`, as of what a sink gets (graph.h): none, what finding the case needs, or the whole row. */
#ifndef HEDDLE_STORE_ALERTS_H
#define HEDDLE_STORE_ALERTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str_builder.h"
#include "graph/graph.h"
#include "store/store.h"

/* "ALERT_ID" or "ALERT_ID:REVISION", the id whole or its beginning, as a view. ERR_USAGE where it is no such name. */
enum status alerts_parse_name(struct str text, struct store_alert_name *ret_name, struct error *err);

/* All write one SELECT for store_query_run; memory that runs out is remembered by the builder. Ids are such as alerts_parse_name takes. */

struct alerts_filter {
    struct str rule; /* Texts that are empty, as a limit of 0, bound nothing. */
    struct str status;
    struct str severity;
    struct str mode;
    bool       has_since;
    int64_t    since_us; /* The newest revision was told then or later. */
    int64_t    limit;
};

/* One row an alert, the youngest event first. `for_eyes`: what fits a terminal, and of an id its beginning; else all columns. */
void alerts_list_sql(struct str_builder *sql, const struct alerts_filter *filter, enum graph_phi phi, bool for_eyes);
/* The ids that begin so, two at most. */
void alerts_find_sql(struct str_builder *sql, struct str alert_id);
/* The newest revision, one row a field, what is empty left out; members of explanation and evidence are fields. */
void alerts_fields_sql(struct str_builder *sql, struct str alert_id, enum graph_phi phi);
/* One row a revision, in their order. */
void alerts_revisions_sql(struct str_builder *sql, struct str alert_id, enum graph_phi phi, bool for_eyes);
/* One row a revision and sink. */
void alerts_deliveries_sql(struct str_builder *sql, struct str alert_id, bool for_eyes);

#endif
