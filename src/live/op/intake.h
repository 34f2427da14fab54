/* From a partition's bytes to rows of event_schema: decode, program, validate, enrich. One intake a worker.
 *
 *     batch ─▶ decoder ─▶ program of each mapping ─▶ validate ─▶ enrich ─▶ events, in the order of their positions
 *                 ╰──────────────╰─────────────────────╰──▶ dead letters, counts and reasons in the epoch's output
 *
 * Also here, because it is a matter of the event's own position: the partition's watermark moves on, and what is late beyond
 * the lateness is told to late_event with its bytes and goes on with EVENT_IS_LATE. A lab result that is rejected raises
 * unevaluated_result in the output's alerts.
 *
 * It counts received, filtered, quarantined, and the records' bytes; the shards count loaded, deduplicated and late (P5).
 * No threads, no clock, no system calls; nothing is kept between two batches but memory. */
#ifndef HEDDLE_LIVE_OP_INTAKE_H
#define HEDDLE_LIVE_OP_INTAKE_H

#include "base/hash.h"
#include "graph/graph.h"
#include "live/output.h"
#include "match/master.h"
#include "source/source.h"

/* A partition as the intake sees it; the runtime keeps it, one worker at a time uses it. */
struct intake_partition {
    uint32_t    index;        /* EVENT_PARTITION, and the row of the output's counts. */
    uint32_t    input;        /* Whose it is, of graph->streaming.source.inputs: its system, zone, facility. */
    const char *source;
    const char *partition_id;
    int64_t     watermark_us; /* Largest event time accepted so far minus disorder; STORE_TIME_NONE: none yet. */
};

struct intake_options {
    const struct graph         *graph;
    const struct siphash_key   *person_key;
    const struct master        *master; /* NULL: nobody is known. */
};

struct intake;

/* The options' structs outlive the intake. */
enum status intake_create(const struct intake_options *options, struct intake **ret_intake, struct error *err);
/* Accepts NULL. */
void intake_free(struct intake *intake);

/* Takes a whole batch. `events` is an empty chunk of event_schema with room for batch->record_count rows (JSON events make
 * at most one row a record); its texts are its own afterwards. now_us: for received_at and the detected_at of alerts alone. */
enum status intake_take(struct intake *intake, struct intake_partition *partition, const struct record_batch *batch,
                        int64_t now_us, struct epoch_output *output, struct chunk *events, struct error *err);

#endif
