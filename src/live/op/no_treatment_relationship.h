/* unusual_access: an access with flags that weigh enough, and no explanation; or with flags that stand beside one.
 *
 * Explanations are encounters, orders and appointments of the patient: of the user's department or of the user from `before` before the
 * access to `after` after it (their own, or of who attends or ordered); of anybody, where the user's department works for
 * all; of anybody, where treatment begins shortly after the access.
 *
 * State: `patients`, one entry a patient with its explanations and accesses. An explanation is known from its own event time,
 * but no sooner than its partition's watermark where it stands. An access is judged once the watermark has passed its
 * time, for an explanation that was known before may still be read from another partition. Its flags are found then, once, of what
 * was known when it was made. One that is unexplained then is an alert; an explanation that is known later retracts it. */
#ifndef HEDDLE_LIVE_OP_NO_TREATMENT_RELATIONSHIP_H
#define HEDDLE_LIVE_OP_NO_TREATMENT_RELATIONSHIP_H

#include "base/hash.h"
#include "graph/graph.h"
#include "live/op/operator.h"
#include "model/model.h"

/* `rule` is of graph->model and of kind RULE_NO_TREATMENT_RELATIONSHIP; otherwise as critical_value_create. */
struct partition_names;
enum status no_treatment_relationship_create(const struct graph *graph, const struct rule_pack *rule,
                                             const struct siphash_key *person_key, const struct partition_names *partitions,
                                             struct operator **ret_operator, struct error *err);

#endif
