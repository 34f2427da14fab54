#include "live/op/dedup.h"

#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/time.h"
#include "live/event.h"
#include "live/op/lateness.h"

/* Where no window says how late an event may be. */
#define ID_LIFETIME_US (7 * US_PER_DAY)

struct dedup {
    struct operator          op;
    const struct graph      *graph;
    uint32_t                 reason_index; /* Of same_event. */
};

/* The next rows' keys, whose slots are on their way. */
struct batch {
    struct hash128 keys[STATE_PREFETCH_COUNT];
};

static void
dedup_exchange(const struct operator *op, const struct chunk *chunk, uint64_t *ret_hashes)
{
    (void)op;
    if (chunk->row_count > 0)
        memcpy(ret_hashes, chunk->columns[EVENT_IDENTITY_LOW].data, chunk->row_count * sizeof(*ret_hashes));
}

static int64_t
expiry_of(const struct dedup *dedup, int64_t event_us)
{
    const struct graph_streaming *streaming = &dedup->graph->streaming;
    return streaming->has_window ? window_late_from(&streaming->window, event_us) : event_us + ID_LIFETIME_US;
}

/* Rows are exchanged by its low half. */
static struct hash128
key_of(const struct chunk *chunk, uint32_t row)
{
    return (struct hash128){ (uint64_t)event_int64(chunk, EVENT_IDENTITY_LOW, row), (uint64_t)event_int64(chunk, EVENT_IDENTITY_HIGH, row) };
}

/* The set is larger than the caches: the lines of the next rows are on their way while one is looked at. */
static void
batch_fill(const struct dedup *dedup, const struct chunk *chunk, uint32_t begin, struct batch *batch)
{
    for (uint32_t i = 0; i < STATE_PREFETCH_COUNT && begin + i < event_count(chunk); i++) {
        batch->keys[i] = key_of(chunk, event_row(chunk, begin + i));
        state_set_prefetch(&dedup->op.sets[0], &batch->keys[i]);
    }
}

/* Whether the row is the first of its event. */
static enum status
dedup_row(struct dedup *dedup, const struct chunk *chunk, uint32_t row, const struct hash128 *key, bool *ret_is_first, struct error *err)
{
    int64_t watermark = event_is_null(chunk, EVENT_WATERMARK, row) ? INT64_MIN : event_int64(chunk, EVENT_WATERMARK, row);
    return state_set_add(&dedup->op.sets[0], key, expiry_of(dedup, event_int64(chunk, EVENT_TIME, row)), watermark, ret_is_first, err);
}

static void
count_row(struct output_count *count, bool is_first, bool is_late)
{
    count->loaded += is_first;
    count->late += is_late;
    count->deduplicated += !is_first;
}

static void
tell_copy(const struct dedup *dedup, struct epoch_output *output, uint32_t entity, bool is_record)
{
    output_reason_add(output, entity, OUTCOME_DEDUPLICATED, dedup->reason_index, 1);
    if (is_record)
        output_reason_add(output, output_record_entity(output), OUTCOME_DEDUPLICATED, dedup->reason_index, 1);
}

static enum status
dedup_rows(struct operator *op, struct chunk *chunk, struct epoch_output *output, struct error *err)
{
    struct dedup *dedup = (struct dedup *)op;
    uint32_t      count = event_count(chunk);
    struct batch  batch;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = i % STATE_PREFETCH_COUNT;
        if (place == 0)
            batch_fill(dedup, chunk, i, &batch);
        uint32_t             row     = event_row(chunk, i);
        uint32_t             entity  = (uint32_t)event_int64(chunk, EVENT_ENTITY, row);
        uint32_t             partition = (uint32_t)event_int64(chunk, EVENT_PARTITION, row);
        struct output_count *counted = output_counts(output, partition, entity);
        bool                 is_late = ((const uint8_t *)chunk->columns[EVENT_IS_LATE].data)[row] != 0;
        bool                 is_first = true;

        if (!is_late && dedup_row(dedup, chunk, row, &batch.keys[place], &is_first, err) != ST_OK)
            return ST_ERROR;
        count_row(counted, is_first, is_late);
        /* A record's first row stands for it. */
        bool is_record = event_int64(chunk, EVENT_ROW_NUMBER, row) == 0;
        if (is_record)
            count_row(output_counts(output, partition, output_record_entity(output)), is_first, is_late);
        /* A copy goes on past the windows: by its own partition it may have been known earlier than the one that came first, and rules go
         * by that (rule_known_us). */
        if (!is_first) {
            ((uint8_t *)chunk->columns[EVENT_IS_LATE].data)[row] = 1;
            output_reasons_of(output, partition);
            tell_copy(dedup, output, entity, is_record);
        }
    }
    return ST_OK;
}

static enum status
dedup_barrier(struct operator *op, const struct epoch_decision *decision, struct epoch_output *output, struct error *err)
{
    (void)op, (void)decision, (void)output, (void)err;
    return ST_OK;
}

static void
dedup_free(struct operator *op)
{
    state_set_release(&op->sets[0]);
    memory_free(op);
}

static const struct operator_kind kind = {
    .name        = "dedup",
    .set_names   = { "identities" },
    .exchange    = dedup_exchange,
    .rows        = dedup_rows,
    .barrier     = dedup_barrier,
    .free        = dedup_free,
};

enum status
dedup_create(const struct graph *graph, struct operator **ret_operator, struct error *err)
{
    const struct reason *reason = model_reason(graph->model, STR("same_event"));
    struct dedup        *dedup  = memory_alloc_zero(sizeof(*dedup));

    CHECK(reason != NULL); /* The list of reasons is closed and built in. */
    if (dedup == NULL)
        return error_no_memory(err);
    dedup->op.kind      = &kind;
    dedup->op.step_name = "dedup";
    dedup->graph        = graph;
    dedup->reason_index = reason->index;
    state_set_init(&dedup->op.sets[0]);
    *ret_operator = &dedup->op;
    return ST_OK;
}
