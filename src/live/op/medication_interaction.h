/* Two drugs of a patient at the same time that are not to be taken together (live/rule/interaction.h).
 *
 *     state "patients"  patient            ─▶ statements of drugs that the rule knows, in the order of drug_compare
 *     state "others"    (patient, drug)    ─▶ statements of drugs that it does not know, or that name none, in the order in which they came
 *     state "told"      (patient, alert)   ─▶ what was told of the alert last
 *
 * Most drugs interact with nothing here. A statement of such a one matters only where it corrects or ends one that does, or where that one is read later; so
 * it lies apart for two days, with no more than an alert shows of it. What the warehouse told counts like what came, and fires nothing.
 *
 * D1  Which statements see one another follows from the log alone (known_us), never from when state was freed. A patient's drugs that the rule knows are
 *     forgotten together, the rule's history after the last statement of any: a life. What is known from then on begins another and finds nothing there,
 *     freed or not. (Were they forgotten one by one, what one had silenced would depend on when.)
 * D2  What was told of an alert stays as long as the life. */
#ifndef HEDDLE_LIVE_OP_MEDICATION_INTERACTION_H
#define HEDDLE_LIVE_OP_MEDICATION_INTERACTION_H

#include "base/hash.h"
#include "graph/graph.h"
#include "live/op/operator.h"
#include "model/model.h"

/* `rule` is of graph->model and of kind RULE_MEDICATION_INTERACTION. The key is copied; `partitions` may grow. */
struct partition_names;
enum status medication_interaction_create(const struct graph *graph, const struct rule_pack *rule, const struct siphash_key *person_key,
                                          const struct partition_names *partitions, struct operator **ret_operator, struct error *err);

#endif
