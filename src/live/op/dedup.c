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

struct dedup_key {
    uint64_t identity_low; /* By which rows are exchanged. */
    uint64_t identity_high;
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

static struct dedup_key
key_of(const struct chunk *chunk, uint32_t row)
{
    return (struct dedup_key){ (uint64_t)event_int64(chunk, EVENT_IDENTITY_LOW, row), (uint64_t)event_int64(chunk, EVENT_IDENTITY_HIGH, row) };
}

/* The table is larger than the caches: the lines of the next rows are on their way while one is looked at. */
static void
prefetch(const struct dedup *dedup, const struct chunk *chunk, uint32_t begin, uint32_t end)
{
    for (uint32_t i = begin; i < end; i++) {
        struct dedup_key key = key_of(chunk, event_row(chunk, i));
        state_prefetch(&dedup->op.states[0], state_hash(&key, sizeof(key)));
    }
}

/* Whether the row is the first of its event. */
static enum status
dedup_row(struct dedup *dedup, const struct chunk *chunk, uint32_t row, bool *ret_is_first, struct error *err)
{
    struct dedup_key    key       = key_of(chunk, row);
    int64_t             expires   = expiry_of(dedup, event_int64(chunk, EVENT_TIME, row));
    int64_t             watermark = event_is_null(chunk, EVENT_WATERMARK, row) ? INT64_MIN : event_int64(chunk, EVENT_WATERMARK, row);
    struct state_entry *entry;

    if (state_add(&dedup->op.states[0], state_hash(&key, sizeof(key)), &key, sizeof(key), expires, &entry, ret_is_first, err) != ST_OK)
        return ST_ERROR;
    if (*ret_is_first || entry->expires_us > watermark)
        return ST_OK;
    *ret_is_first = true; /* What is there has expired, though it was not freed yet. */
    return state_touch(&dedup->op.states[0], entry, 0, expires, err);
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
    uint32_t      kept  = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (i % STATE_PREFETCH_COUNT == 0)
            prefetch(dedup, chunk, i, i + STATE_PREFETCH_COUNT < count ? i + STATE_PREFETCH_COUNT : count);
        uint32_t             row     = event_row(chunk, i);
        uint32_t             entity  = (uint32_t)event_int64(chunk, EVENT_ENTITY, row);
        uint32_t             partition = (uint32_t)event_int64(chunk, EVENT_PARTITION, row);
        struct output_count *counted = output_counts(output, partition, entity);
        bool                 is_late = ((const uint8_t *)chunk->columns[EVENT_IS_LATE].data)[row] != 0;
        bool                 is_first = true;

        if (!is_late && dedup_row(dedup, chunk, row, &is_first, err) != ST_OK)
            return ST_ERROR;
        count_row(counted, is_first, is_late);
        /* A record's first row stands for it. */
        bool is_record = event_int64(chunk, EVENT_ROW_NUMBER, row) == 0;
        if (is_record)
            count_row(output_counts(output, partition, output_record_entity(output)), is_first, is_late);
        if (is_first) {
            chunk->selection_memory[kept++] = (uint16_t)row;
        } else {
            output_reasons_of(output, partition);
            tell_copy(dedup, output, entity, is_record);
        }
    }
    chunk->selection      = chunk->selection_memory;
    chunk->selected_count = kept;
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
    state_table_release(&op->states[0]);
    memory_free(op);
}

static const struct operator_kind kind = {
    .name        = "dedup",
    .state_names = { "identities" },
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
    state_table_init(&dedup->op.states[0]);
    *ret_operator = &dedup->op;
    return ST_OK;
}
