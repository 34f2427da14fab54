/* What one actor (a worker or a shard) has to say in one epoch. It moves whole to the committer at the barrier.
 *
 * Texts that are given are copied into the output's arena. An output is filled by one thread, then owned by the committer,
 * which merges the outputs of all actors into one struct epoch_commit, checks I1 and submits. Order inside an output
 * carries no meaning: the committer sorts what the store keeps in an order. Cleared and given back after the commit. */
#ifndef HEDDLE_LIVE_OUTPUT_H
#define HEDDLE_LIVE_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/str_builder.h"
#include "column/chunk.h"
#include "model/model.h"
#include "store/store.h"

/* Of one (partition, entity) in the epoch. Workers count received, filtered, quarantined and bytes; shards loaded,
 * deduplicated and late, by the partition of origin (P5). */
struct output_count {
    int64_t received;
    int64_t loaded;
    int64_t deduplicated;
    int64_t filtered;
    int64_t quarantined;
    int64_t late; /* Of the loaded. */
    int64_t bytes; /* Of the records; entity rows have none. */
    int64_t skipped; /* Positions that no record has, of a log that counts records. */
};

/* Of one step of a shard. */
struct output_step {
    int64_t row_count;
    int64_t state_bytes; /* Memory held, at the barrier. */
    int64_t state_used_bytes; /* What entries take of it. */
    int64_t state_entries;
};

struct epoch_output {
    struct arena arena;

    struct output_count *counts; /* output_counts() */
    uint32_t             partition_count;
    uint32_t             entity_count;
    int64_t             *reasons; /* [2][entity_count + 1][OUTCOME_COUNT][reason_count]: of the source, of its retried letters. */
    uint32_t             reason_count;
    size_t               reasons_offset; /* Which of the two is counted; output_reasons_of() */
    uint32_t             letters;        /* 1 + the partition of retried letters; 0: there is none. */

    struct store_dead_letter *dead_letters;
    size_t                    dead_letter_count;
    size_t                    dead_letter_capacity;
    struct store_late_event  *late_events;
    size_t                    late_event_count;
    size_t                    late_event_capacity;
    struct store_alert       *alerts;
    size_t                    alert_count;
    size_t                    alert_capacity;
    bool                      awaits_alert; /* A row came that will raise one at the barrier, as far as can be told before: no reason to wait. */

    const struct schema *window_schema; /* The window table's, with closed and revision; NULL: no window. */
    struct chunk       **window_chunks; /* All but the last are full. */
    size_t               window_chunk_count;
    size_t               window_chunk_capacity;

    struct str_builder state; /* Sections of state for P6: step name size u8, step name, section (live/state.h). */

    int64_t unknown_patient_count; /* Events whose patient the master does not know. */

    struct output_step steps[STEP_COUNT_MAX]; /* Of a shard's operators, for who looks on (live/top.h). */
};

/* A record of the source is counted under this entity index. */
static inline uint32_t
output_record_entity(const struct epoch_output *output)
{
    return output->entity_count;
}

static inline struct output_count *
output_counts(struct epoch_output *output, uint32_t partition, uint32_t entity)
{
    return &output->counts[(size_t)partition * (output->entity_count + 1) + entity];
}

static inline size_t
output_reasons_count(const struct epoch_output *output)
{
    return (size_t)(output->entity_count + 1) * OUTCOME_COUNT * output->reason_count;
}

/* From here on reasons are those of the partition's source. */
static inline void
output_reasons_of(struct epoch_output *output, uint32_t partition)
{
    output->reasons_offset = output->letters == partition + 1 ? output_reasons_count(output) : 0;
}

static inline void
output_reason_add(struct epoch_output *output, uint32_t entity, enum outcome outcome, uint32_t reason_index, int64_t count)
{
    output->reasons[output->reasons_offset + ((size_t)entity * OUTCOME_COUNT + (size_t)outcome) * output->reason_count + reason_index] += count;
}

enum status output_init(struct epoch_output *output, const struct model *model, uint32_t partition_count,
                        const struct schema *window_schema, struct error *err);
/* As after init, for more partitions maybe; keeps its memory. */
enum status output_clear(struct epoch_output *output, uint32_t partition_count, struct error *err);
void        output_release(struct epoch_output *output);

/* Each copies the struct and all its texts. */
enum status output_alert(struct epoch_output *output, const struct store_alert *alert, struct error *err);
enum status output_dead_letter(struct epoch_output *output, const struct store_dead_letter *letter, struct error *err);
enum status output_late_event(struct epoch_output *output, const struct store_late_event *event, struct error *err);

/* Room for one more row of the window's table, its columns null until the caller sets them. */
enum status output_window_row(struct epoch_output *output, struct chunk **ret_chunk, uint32_t *ret_row, struct error *err);

/* Appends a table's delta, or one group's snapshot, under the step's name. */
struct state_table;
enum status output_state_delta(struct epoch_output *output, const char *step_name, struct state_table *table, struct error *err);
enum status output_state_snapshot(struct epoch_output *output, const char *step_name, struct state_table *table,
                                  uint32_t group, int64_t watermark_us, struct error *err);
/* The same of a set. */
struct state_set;
enum status output_set_delta(struct epoch_output *output, const char *step_name, struct state_set *set, struct error *err);
enum status output_set_snapshot(struct epoch_output *output, const char *step_name, struct state_set *set, uint32_t group,
                                int64_t watermark_us, struct error *err);

#endif
