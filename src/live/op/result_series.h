/* Rules about the course of results: acute kidney injury, delta checks, trends.
 *
 *     state "patients"  (patient, series) ─▶ all versions of its results, in the order of critical_compare
 *
 * Each version is judged by the results before it as they stood up to 31 days after it (series_view_of); of what follows
 * critical_judge makes alerts, with their cooldown. What the warehouse told counts like what came, and fires nothing.
 *
 * S1  What a version sees follows from the log: never from barriers, shards, or when state was freed. So an alert is as it would
 *     be had all been read at once; which alerts were ever born is worked out from the log's order (as of critical values).
 * S2  Once nothing can come that a version would see, its verdict stays as it is, and what it went by may be freed.
 * S3  Preliminary results are kept, for a promotion may make them final, and neither judge nor are judged. */
#ifndef HEDDLE_LIVE_OP_RESULT_SERIES_H
#define HEDDLE_LIVE_OP_RESULT_SERIES_H

#include "base/hash.h"
#include "graph/graph.h"
#include "live/op/operator.h"
#include "model/model.h"

/* `rule` is of graph->model and has series (rule_has_series). The key is copied; `partitions` may grow. */
struct partition_names;
enum status result_series_create(const struct graph *graph, const struct rule_pack *rule, const struct siphash_key *person_key,
                                 const struct partition_names *partitions, struct operator **ret_operator, struct error *err);

#endif
