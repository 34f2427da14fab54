/* abnormal_lab_trends, for now its critical values: a result beyond a limit, or flagged so by its laboratory.
 *
 * State: one entry a patient and analyte, the history of results that could fire or correct others (rule/critical.h judges
 * it). The history is judged at the barrier and the difference is told, collapsed. Which alerts were ever born is worked out for each
 * result from what stood before it, so it depends on the order of the log and not on barriers or shards. */
#ifndef HEDDLE_LIVE_OP_CRITICAL_VALUE_H
#define HEDDLE_LIVE_OP_CRITICAL_VALUE_H

#include "base/hash.h"
#include "graph/graph.h"
#include "live/op/operator.h"
#include "model/model.h"

/* `rule` is of graph->model and of kind RULE_CRITICAL_VALUE. `partition_ids` are the runtime's, by index: looked at when rows
 * come, so they may grow. The key is copied. */
struct partition_names;
enum status critical_value_create(const struct graph *graph, const struct rule_pack *rule, const struct siphash_key *person_key,
                                  const struct partition_names *partitions, struct operator **ret_operator, struct error *err);

#endif
