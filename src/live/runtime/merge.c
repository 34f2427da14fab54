/* From what all actors said in one epoch to one struct epoch_commit, with I1 checked. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "live/runtime/runtime_int.h"

/* ---- The actors ---- */

#define ACTORS_PER_SHARD 3

static struct epoch_output *
actor_output(const struct runtime *runtime, uint32_t index, uint64_t epoch)
{
    uint32_t      shard    = index / ACTORS_PER_SHARD;
    struct actor *actors[] = { &runtime->workers[shard].actor, &runtime->stage1[shard].actor, &runtime->stage2[shard].actor };
    return &actors[index % ACTORS_PER_SHARD]->outputs[epoch % EPOCHS_UNDER_WAY];
}

static uint32_t
actor_count(const struct runtime *runtime)
{
    return runtime->worker_count * ACTORS_PER_SHARD;
}

/* ---- Accounts ---- */

static struct output_count
count_sum(const struct runtime *runtime, uint64_t epoch, uint32_t partition, uint32_t entity)
{
    struct output_count sum = { 0 };
    for (uint32_t i = 0; i < actor_count(runtime); i++) {
        struct epoch_output *output = actor_output(runtime, i, epoch);
        if (partition >= output->partition_count)
            continue;
        const struct output_count *count = output_counts(output, partition, entity);
        sum.received += count->received;
        sum.loaded += count->loaded;
        sum.deduplicated += count->deduplicated;
        sum.filtered += count->filtered;
        sum.quarantined += count->quarantined;
        sum.late += count->late;
        sum.bytes += count->bytes;
        sum.skipped += count->skipped;
    }
    return sum;
}

/* I1, P5. */
static enum status
check_identity(const struct runtime *runtime, uint32_t partition, uint32_t entity, const struct output_count *count,
               struct error *err)
{
    const struct model *model = runtime->graph->model;
    if (count->received == count->loaded + count->deduplicated + count->filtered + count->quarantined)
        return ST_OK;
    return error_set(err, ERR_INTERNAL,
                     "partition %s, %s: received %lld is not loaded %lld + deduplicated %lld + filtered %lld + quarantined %lld",
                     runtime->partitions[partition]->id,
                     entity < model->entity_count ? model->entities[entity].name : "records", (long long)count->received,
                     (long long)count->loaded, (long long)count->deduplicated, (long long)count->filtered,
                     (long long)count->quarantined);
}

static struct str
source_of(const struct runtime *runtime, uint32_t partition)
{
    return partition_source(&runtime->partition_names, partition);
}

/* What the partition moved by is what was counted: bytes; or records, and positions that none has. */
static enum status
check_move(const struct runtime *runtime, uint32_t partition, int64_t moved, const struct output_count *count, struct error *err)
{
    bool    counts_records = runtime->partitions[partition]->source->source->kind->counts_records;
    int64_t counted        = counts_records ? count->received + count->skipped : count->bytes;
    if (moved == counted)
        return ST_OK;
    return error_set(err, ERR_INTERNAL, "partition %s moved by %lld %s, %lld are accounted for", runtime->partitions[partition]->id,
                     (long long)moved, counts_records ? "records" : "bytes", (long long)counted);
}

static void
add_to_summary(struct live_account *account, const struct output_count *count)
{
    account->received += count->received;
    account->loaded += count->loaded;
    account->deduplicated += count->deduplicated;
    account->filtered += count->filtered;
    account->quarantined += count->quarantined;
    account->late += count->late;
    account->bytes += count->bytes;
}

/* The rows of one partition: its records where it moved, entities where they have any. */
static enum status
merge_partition(struct runtime *runtime, uint64_t epoch, uint32_t index, struct store_account *accounts, size_t *count,
                struct error *err)
{
    const struct model            *model     = runtime->graph->model;
    const struct partition        *partition = runtime->partitions[index];
    const struct partition_report *report    = &partition->reports[epoch % EPOCHS_UNDER_WAY];
    for (uint32_t entity = 0; entity <= model->entity_count; entity++) {
        struct output_count sum       = count_sum(runtime, epoch, index, entity);
        bool                is_record = entity == model->entity_count;
        if (check_identity(runtime, index, entity, &sum, err) != ST_OK)
            return ST_ERROR;
        if (is_record ? report->begin == report->end : sum.received == 0)
            continue;
        if (is_record && check_move(runtime, index, report->end - report->begin, &sum, err) != ST_OK)
            return ST_ERROR;
        accounts[(*count)++] = (struct store_account){
            .source = source_of(runtime, index), .partition_id = str_from(partition->id),
            .entity = is_record ? STR_EMPTY : str_from(model->entities[entity].name),
            .position_begin = is_record ? report->begin : 0, .position_end = is_record ? report->end : 0,
            .received = sum.received, .loaded = sum.loaded, .deduplicated = sum.deduplicated, .filtered = sum.filtered,
            .quarantined = sum.quarantined, .bytes = sum.bytes, .late = sum.late, .watermark_us = is_letters(runtime, partition) ? STORE_TIME_NONE : report->watermark_us,
        };
        if (is_record)
            add_to_summary(is_letters(runtime, partition) ? &runtime->summary.letters : &runtime->summary.account, &sum);
    }
    return ST_OK;
}

static enum status
merge_partitions(struct runtime *runtime, uint64_t epoch, struct merge *merge, struct error *err)
{
    uint32_t               count     = atomic_load(&runtime->partition_count);
    struct store_account  *accounts  = ARENA_ARRAY(&runtime->commit_arena, struct store_account,
                                                   (size_t)count * (runtime->graph->model->entity_count + 1) + 1);
    struct store_position *positions = ARENA_ARRAY(&runtime->commit_arena, struct store_position, (size_t)count + 1);
    if (accounts == NULL || positions == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        const struct partition        *partition = runtime->partitions[i];
        const struct partition_report *report    = &partition->reports[epoch % EPOCHS_UNDER_WAY];
        int64_t                        watermark = report->watermark_us;
        if (merge_partition(runtime, epoch, i, accounts, &merge->commit.account_count, err) != ST_OK)
            return ST_ERROR;
        bool is_log = !is_letters(runtime, partition);
        positions[i] = (struct store_position){ source_of(runtime, i), str_from(partition->id), report->end,
                                                is_log ? watermark : STORE_TIME_NONE, str_from(report->identity) };
        merge->has_traffic |= report->begin != report->end;
        if (is_log)
            time_view_add(&merge->view, &(struct time_view){ report->is_idle ? 0 : 1, report->is_idle ? INT64_MAX : watermark,
                                                         watermark, watermark });
    }
    merge->commit.accounts       = accounts;
    merge->commit.positions      = positions;
    merge->commit.position_count = count;
    return ST_OK;
}

/* Of the source's records and rows (set 0), or of its retried letters (set 1). */
static enum status
reasons_add(struct runtime *runtime, uint64_t epoch, size_t set, struct store_reason *reasons, size_t *count, struct error *err)
{
    const struct model *model = runtime->graph->model;
    size_t              cells = output_reasons_count(actor_output(runtime, 0, epoch));
    int64_t            *sums  = ARENA_ARRAY(&runtime->commit_arena, int64_t, cells);
    if (sums == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < actor_count(runtime); i++)
        for (size_t cell = 0; cell < cells; cell++)
            sums[cell] += actor_output(runtime, i, epoch)->reasons[set * cells + cell];
    for (size_t cell = 0; cell < cells; cell++) {
        size_t entity = cell / model->reason_count / OUTCOME_COUNT;
        if (sums[cell] == 0)
            continue;
        reasons[(*count)++] = (struct store_reason){
            .source      = set == 0 ? runtime->graph->streaming.source.name : STR(STORE_LETTERS_SOURCE),
            .entity      = entity == model->entity_count ? STR_EMPTY : str_from(model->entities[entity].name),
            .outcome     = str_from(outcome_name((enum outcome)(cell / model->reason_count % OUTCOME_COUNT))),
            .reason_code = str_from(model->reasons[cell % model->reason_count].code),
            .row_count   = sums[cell],
        };
    }
    return ST_OK;
}

static enum status
merge_reasons(struct runtime *runtime, uint64_t epoch, struct merge *merge, struct error *err)
{
    size_t               cells   = output_reasons_count(actor_output(runtime, 0, epoch));
    struct store_reason *reasons = ARENA_ARRAY(&runtime->commit_arena, struct store_reason, 2 * cells);
    if (reasons == NULL)
        return error_no_memory(err);
    for (size_t set = 0; set < (runtime->letters.partition != NULL ? 2 : 1); set++)
        if (reasons_add(runtime, epoch, set, reasons, &merge->commit.reason_count, err) != ST_OK)
            return ST_ERROR;
    merge->commit.reasons = reasons;
    return ST_OK;
}

/* ---- Lists ---- */

static int
compare_position(struct str partition_a, int64_t a, struct str partition_b, int64_t b)
{
    int order = str_compare(partition_a, partition_b);
    return order != 0 ? order : a < b ? -1 : a > b;
}

static int
compare_letters(const void *a, const void *b)
{
    const struct store_dead_letter *x = a, *y = b;
    int order = compare_position(x->partition_id, x->position, y->partition_id, y->position);
    return order != 0 ? order : x->row_number < y->row_number ? -1 : x->row_number > y->row_number;
}

static int
compare_late(const void *a, const void *b)
{
    const struct store_late_event *x = a, *y = b;
    return compare_position(x->partition_id, x->position, y->partition_id, y->position);
}

/* An alert's revisions of one epoch come from one actor, in their order: `revision` is its place until the store numbers
 * it. */
static int
compare_alerts(const void *a, const void *b)
{
    const struct store_alert *x = a, *y = b;
    int                       order = str_compare(x->alert_id, y->alert_id);
    return order != 0 ? order : x->revision < y->revision ? -1 : x->revision > y->revision;
}

/* All actors' items of one kind in one array, sorted. `offset_items` and `offset_count` say where they lie in an output. */
static enum status
merge_list(struct runtime *runtime, uint64_t epoch, size_t offset_items, size_t offset_count, size_t item_size,
           int (*compare)(const void *, const void *), void **ret_items, size_t *ret_count, struct error *err)
{
    size_t count = 0, place = 0;
    for (uint32_t i = 0; i < actor_count(runtime); i++)
        count += *(const size_t *)((const char *)actor_output(runtime, i, epoch) + offset_count);
    char *items = arena_alloc(&runtime->commit_arena, (count + 1) * item_size, 16);
    if (items == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < actor_count(runtime); i++) {
        const char *output = (const char *)actor_output(runtime, i, epoch);
        size_t      size   = *(const size_t *)(output + offset_count) * item_size;
        if (size > 0)
            memcpy(items + place, *(void *const *)(output + offset_items), size);
        place += size;
    }
    if (count > 0)
        qsort(items, count, item_size, compare);
    *ret_items = items;
    *ret_count = count;
    return ST_OK;
}

static enum status
merge_deliveries(struct runtime *runtime, struct merge *merge, struct error *err)
{
    const struct graph_streaming *streaming  = &runtime->graph->streaming;
    struct epoch_commit          *commit     = &merge->commit;
    struct store_delivery        *deliveries = ARENA_ARRAY(&runtime->commit_arena, struct store_delivery,
                                                           commit->alert_count * streaming->route_count + 1);
    if (deliveries == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < commit->alert_count; i++)
        for (size_t j = 0; j < streaming->route_count && commit->alerts[i].is_delivered; j++)
            if (graph_route_takes(&streaming->routes[j], commit->alerts[i].rule))
                deliveries[commit->delivery_count++] = (struct store_delivery){ i, streaming->routes[j].name };
    commit->deliveries = deliveries;
    return ST_OK;
}

#define MERGE_LIST(items, count, compare, ret_items, ret_count) \
    merge_list(runtime, epoch, offsetof(struct epoch_output, items), offsetof(struct epoch_output, count), \
               sizeof(*((struct epoch_output *)NULL)->items), compare, ret_items, ret_count, err)

static enum status
merge_lists(struct runtime *runtime, uint64_t epoch, struct merge *merge, struct error *err)
{
    struct epoch_commit *commit  = &merge->commit;
    void                *letters = NULL, *late = NULL, *alerts = NULL;
    for (uint32_t i = 0; i < actor_count(runtime); i++) {
        struct epoch_output *output = actor_output(runtime, i, epoch);
        for (size_t j = 0; j < output->alert_count; j++)
            output->alerts[j].revision = (int64_t)j;
        runtime->summary.unknown_patient_count += output->unknown_patient_count;
    }
    if (MERGE_LIST(dead_letters, dead_letter_count, compare_letters, &letters, &commit->dead_letter_count) != ST_OK
        || MERGE_LIST(late_events, late_event_count, compare_late, &late, &commit->late_event_count) != ST_OK
        || MERGE_LIST(alerts, alert_count, compare_alerts, &alerts, &commit->alert_count) != ST_OK)
        return ST_ERROR;
    commit->dead_letters = letters;
    commit->late_events  = late;
    commit->alerts       = alerts;
    runtime->summary.dead_letter_count += (int64_t)commit->dead_letter_count;
    runtime->summary.late_event_count += (int64_t)commit->late_event_count;
    runtime->summary.alert_revision_count += (int64_t)commit->alert_count;
    return merge_deliveries(runtime, merge, err);
}

static enum status
merge_windows(struct runtime *runtime, uint64_t epoch, struct merge *merge, struct error *err)
{
    size_t               count  = 0, place = 0;
    struct arena        *arena  = &runtime->commit_arena;
    struct store_rows   *rows   = ARENA_NEW(arena, struct store_rows);
    const struct chunk **chunks;
    for (uint32_t i = 0; i < runtime->worker_count; i++)
        count += runtime->stage2[i].actor.outputs[epoch % EPOCHS_UNDER_WAY].window_chunk_count;
    chunks = ARENA_ARRAY(arena, const struct chunk *, count + 1);
    if (rows == NULL || chunks == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < runtime->worker_count; i++) {
        struct epoch_output *output = &runtime->stage2[i].actor.outputs[epoch % EPOCHS_UNDER_WAY];
        for (size_t j = 0; j < output->window_chunk_count; j++) {
            const struct chunk  *chunk  = output->window_chunks[j];
            const struct column *closed = &chunk->columns[chunk->schema->column_count - 2];
            chunks[place++]             = chunk;
            runtime->summary.window_row_count += chunk->row_count;
            for (uint32_t row = 0; row < chunk->row_count; row++)
                runtime->summary.window_closed_count += ((const uint8_t *)closed->data)[row] != 0;
        }
    }
    *rows = (struct store_rows){ runtime->steps[0].window_table, chunks, count };
    merge->commit.rows       = rows;
    merge->commit.rows_count = rows->table != NULL ? 1 : 0; /* Without rows too: the table is there from the first epoch on. */
    return ST_OK;
}

/* ---- State ---- */

static enum status
merge_state(struct runtime *runtime, uint64_t epoch, struct merge *merge, struct error *err)
{
    merge->state = ARENA_ARRAY(&runtime->commit_arena, struct str, actor_count(runtime));
    if (merge->state == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < actor_count(runtime); i++)
        merge->state[merge->state_count++] = str_builder_text(&actor_output(runtime, i, epoch)->state);
    return ST_OK;
}

enum status
merge_epoch(struct runtime *runtime, uint64_t epoch, struct merge *ret_merge, struct error *err)
{
    *ret_merge = (struct merge){ .view = TIME_VIEW_EMPTY };
    arena_clear(&runtime->commit_arena);
    if (merge_partitions(runtime, epoch, ret_merge, err) != ST_OK || merge_reasons(runtime, epoch, ret_merge, err) != ST_OK
        || merge_lists(runtime, epoch, ret_merge, err) != ST_OK || merge_windows(runtime, epoch, ret_merge, err) != ST_OK
        || merge_state(runtime, epoch, ret_merge, err) != ST_OK)
        return ST_ERROR;
    shard_decide(runtime, epoch, &ret_merge->view, &runtime->watermark_us, &runtime->min_watermark_us, &ret_merge->decision);
    ret_merge->commit.epoch        = epoch;
    ret_merge->commit.generation   = runtime->generation;
    ret_merge->commit.watermark_us = runtime->watermark_us == INT64_MIN ? STORE_TIME_NONE : runtime->watermark_us;
    ret_merge->commit.plan_digest  = runtime->graph->digest;
    return decisions_write(runtime, epoch, &ret_merge->decision, &ret_merge->commit.decisions, err);
}
