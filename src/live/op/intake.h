/* From the bytes of one poll to event rows, on a worker: decode, entity program, validate_event, enrich_with_patient_master.
 *
 *     record batch ─▶ decoder ─▶ a raw chunk a mapping ─▶ program ─▶ outcomes ─┬▶ event rows, in the order of positions
 *                                                                              ├▶ dead letters, counts and reasons
 *                                                                              └▶ unevaluated_result alerts
 *
 * Always true: rows are taken in the order of their positions over all mappings, for a partition's watermark at a position
 * is of all accepted rows before it; a row is late by that watermark alone. Person and birth date are those of the master,
 * else the provisional person. What is late beyond the lateness is told as late_event here and goes on with EVENT_IS_LATE. */
#ifndef HEDDLE_LIVE_OP_INTAKE_H
#define HEDDLE_LIVE_OP_INTAKE_H

#include "base/hash.h"
#include "graph/graph.h"
#include "live/cost.h"
#include "live/event.h"
#include "live/op/alert.h"
#include "live/output.h"
#include "match/master.h"
#include "source/source.h"

/* Of one partition; the runtime keeps it and stores the watermark. */
struct intake_partition {
    uint32_t index;        /* EVENT_PARTITION, and the place in output->counts. */
    int64_t  watermark_us; /* Newest accepted event time less the disorder; INT64_MIN: none yet. */
    int64_t  raised_us;    /* To this the watermark was last raised while the partition was idle; INT64_MIN: never. */
    const struct store_letter *letter; /* The retried letter in hand: late by a watermark that it does not move. NULL: a log's records. */
};

/* Whether the watermark is still the one that idleness raised it to (streaming.idle_keep): what is late by it has the reason source_idle. */
static inline bool
intake_is_raised(const struct intake_partition *partition)
{
    return partition->raised_us != INT64_MIN && partition->watermark_us == partition->raised_us;
}

struct intake_options {
    const struct graph            *graph;
    const struct graph_input      *input; /* Of graph->streaming.source. */
    const struct siphash_key      *person_key;
    const struct partition_names  *partitions; /* Borrowed; may grow between calls. */
    uint32_t                       chunk_capacity; /* Of chunks of events. */
    struct cost_meter             *meter; /* Of its thread; NULL: nobody asks where the time goes. */
};

/* Which column of an entity an event column is, one after the other: of several the first that the entity has, in the event column's type, comes first,
 * the next one stands in where it is null. False: no more. Times, identities and the reference range have rules of their own (intake_columns.c).
 * `extras`: also columns that stand in for others (live/event.h), where a rule goes by them. */
enum { INTAKE_DRUGS = 1, INTAKE_ROLES = 2 };
bool     intake_column(size_t index, unsigned extras, enum event_column *ret_to, const char **ret_from);
unsigned intake_extras(const struct graph *graph, const struct entity *entity);

/* The column of a medication's end: an entity that has it has an open end where it is null; all others end when they begin. */
#define ENTITY_DRUG_END "medication_end_time"

/* Takes a chunk of event rows; it and its texts live as long as the call. */
typedef enum status intake_rows_fn(void *context, struct chunk *chunk, struct error *err);

struct intake;
enum status intake_create(const struct intake_options *options, struct intake **ret_intake, struct error *err);
void        intake_free(struct intake *intake); /* Accepts NULL. */

/* Between batches. NULL: nobody is known. Borrowed. */
void intake_set_master(struct intake *intake, const struct master *master);

/* All of one polled batch. `received_us` is for received_at alone. Counts the records and entity rows that are received,
 * filtered and quarantined into `output`, not those that are loaded (the shards do). */
enum status intake_batch(struct intake *intake, struct intake_partition *partition, const struct record_batch *batch,
                         int64_t received_us, struct epoch_output *output, intake_rows_fn *rows, void *context,
                         struct error *err);

#endif
