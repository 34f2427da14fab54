/* access_volume: a user's accesses and different patients of a day beside those of peers.
 *
 *   V1  A *unit* is a user, with the role and the department that the access states, on a civil day of the rule's zone (else the pipeline's, else UTC), by the
 *       access's effective time. Counted of it are accesses (volume), each (system, event id) once, and different patients (breadth).
 *       An access that states no role is not counted; one without a department is compared by role alone.
 *   V2  A day is judged when the watermark has passed its end by `settle`, of what was *known* before that moment; once more when it has passed its end
 *       by `late`, of what was known before that, and then for good. An access is known from its event time, but no sooner than its partition's watermark
 *       where it stands; what is known later counts for nobody. So a count has two parts, and where a copy is known earlier, it is moved. Both
 *       moments are of the log, and so is all that is known before them: content depends neither on barriers nor on orders of arrival.
 *   V3  Peers are the other users of the role and department with a unit on that day or one of the `days` - 1 days before it; each of their units in these days is a
 *       value, the user's own are none. Values of the day itself are those of the moment; of earlier days those at which they were judged first.
 *       Where fewer than `peers` users are peers, those of the role alone, whatever the department; where these are too few, too, nobody is compared.
 *   V4  A measure is beyond its limits where it is `at_least` so much, its robust z (rule/robust.h) is `z` or more, and it is `times` the median of peers or more (chance
 *       makes few peers look equal). An alert is a unit with a measure that is; its
 *       rank is the sum of their weights, each by z / limit, three times at most.
 *   V5  What is told follows from both judgements: `open` (the first, or none but the second), `revised` (late: both, with other numbers), `retracted` (late: the
 *       first alone). Event time and effective time of an alert are the beginning of its day; it is of the user, and its evidence is the day's first access.
 *
 * All units of a role lie on one shard: rows are exchanged by role, so that peers are where they are compared. The price: a role that is most of the workforce is one
 * shard's. State: `units`, one entry a unit, kept until no day that it is compared with is judged any more; the set `seen` of events and patients, kept until the day is
 * judged for good. Judging reads all units, twice a day of the log, at one barrier each; between that nothing is done at a barrier. What came out before is judged again, with
 * the same result, after a restart; an access whose moment had passed (its partition was idle by decision) is judged at the next barrier.
 *
 * The stream's start knows nothing of the days before it: evidence says so, and `days_seen` of the explanation of how many there were values. */
#ifndef HEDDLE_LIVE_OP_ACCESS_VOLUME_H
#define HEDDLE_LIVE_OP_ACCESS_VOLUME_H

#include "base/hash.h"
#include "graph/graph.h"
#include "live/op/operator.h"
#include "model/model.h"

/* `rule` is of graph->model and of kind RULE_ACCESS_VOLUME; otherwise as critical_value_create. */
struct partition_names;
enum status access_volume_create(const struct graph *graph, const struct rule_pack *rule, const struct siphash_key *person_key,
                                 const struct partition_names *partitions, struct operator **ret_operator, struct error *err);

#endif
