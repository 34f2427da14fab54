#include "live/output.h"

#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "live/state.h"
#include "live/state_set.h"

#define OUTPUT_ARENA_BLOCK_SIZE (64u << 10)
#define LIST_CAPACITY_MIN       16

/* ---- Life ---- */

static size_t
counts_size(const struct epoch_output *output, uint32_t partition_count)
{
    return (size_t)partition_count * (output->entity_count + 1) * sizeof(*output->counts);
}

static size_t
reasons_size(const struct epoch_output *output)
{
    return 2 * output_reasons_count(output) * sizeof(*output->reasons);
}

enum status
output_init(struct epoch_output *output, const struct model *model, uint32_t partition_count,
            const struct schema *window_schema, struct error *err)
{
    *output = (struct epoch_output){ .entity_count  = model->entity_count,
                                     .reason_count  = model->reason_count,
                                     .window_schema = window_schema };
    arena_init(&output->arena, OUTPUT_ARENA_BLOCK_SIZE);
    str_builder_init(&output->state);
    output->reasons = memory_alloc_zero(reasons_size(output));
    if (output->reasons == NULL)
        return error_no_memory(err);
    return output_clear(output, partition_count, err);
}

enum status
output_clear(struct epoch_output *output, uint32_t partition_count, struct error *err)
{
    if (partition_count > output->partition_count || output->counts == NULL) {
        struct output_count *counts = memory_resize(output->counts, counts_size(output, partition_count));
        if (counts == NULL)
            return error_no_memory(err);
        output->counts          = counts;
        output->partition_count = partition_count;
    }
    if (output->partition_count > 0)
        memset(output->counts, 0, counts_size(output, output->partition_count));
    memset(output->reasons, 0, reasons_size(output));
    for (size_t i = 0; i < output->window_chunk_count; i++)
        chunk_clear(output->window_chunks[i]);
    str_builder_clear(&output->state);
    arena_clear(&output->arena);
    output->dead_letter_count     = 0;
    output->late_event_count      = 0;
    output->alert_count           = 0;
    output->awaits_alert          = false;
    output->window_chunk_count    = 0;
    output->unknown_patient_count = 0;
    memset(output->steps, 0, sizeof(output->steps));
    return ST_OK;
}

void
output_release(struct epoch_output *output)
{
    for (size_t i = 0; i < output->window_chunk_capacity; i++) {
        if (output->window_chunks[i] != NULL)
            chunk_release(output->window_chunks[i]);
        memory_free(output->window_chunks[i]);
    }
    memory_free(output->window_chunks);
    memory_free(output->counts);
    memory_free(output->reasons);
    memory_free(output->dead_letters);
    memory_free(output->late_events);
    memory_free(output->alerts);
    str_builder_release(&output->state);
    arena_release(&output->arena);
    *output = (struct epoch_output){ 0 };
}

/* ---- Lists ---- */

/* Room for one more item. */
static enum status
list_reserve(void **items, size_t count, size_t *capacity, size_t item_size, struct error *err)
{
    if (count < *capacity)
        return ST_OK;
    size_t wanted = *capacity == 0 ? LIST_CAPACITY_MIN : *capacity * 2;
    void  *grown  = memory_resize_array(*items, wanted, item_size);
    if (grown == NULL)
        return error_no_memory(err);
    *items    = grown;
    *capacity = wanted;
    return ST_OK;
}

/* Replaces each text by a copy in the arena. */
static enum status
copy_texts(struct epoch_output *output, struct str *const *texts, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (texts[i]->size > 0 && !arena_text(&output->arena, *texts[i], texts[i]))
            return error_no_memory(err);
    return ST_OK;
}

#define COPY_TEXTS(output, texts, err) copy_texts((output), (texts), sizeof(texts) / sizeof((texts)[0]), (err))

enum status
output_alert(struct epoch_output *output, const struct store_alert *alert, struct error *err)
{
    struct store_alert copy    = *alert;
    struct str *const  texts[] = { &copy.alert_id,        &copy.rule,     &copy.rule_version,
                                   &copy.mode,            &copy.severity, &copy.status,
                                   &copy.status_reason,   &copy.person_id, &copy.subject_system,
                                   &copy.subject_id,      &copy.encounter_id, &copy.location,
                                   &copy.ordering_practitioner_id, &copy.code, &copy.value,
                                   &copy.unit,            &copy.reference_range, &copy.explanation,
                                   &copy.evidence,        &copy.labels };
    void              *alerts  = output->alerts;
    if (list_reserve(&alerts, output->alert_count, &output->alert_capacity, sizeof(copy), err) != ST_OK)
        return ST_ERROR;
    output->alerts = alerts;
    if (COPY_TEXTS(output, texts, err) != ST_OK)
        return ST_ERROR;
    output->alerts[output->alert_count++] = copy;
    return ST_OK;
}

enum status
output_dead_letter(struct epoch_output *output, const struct store_dead_letter *letter, struct error *err)
{
    struct store_dead_letter copy    = *letter;
    struct str *const        texts[] = { &copy.source,    &copy.partition_id, &copy.step,        &copy.entity,
                                         &copy.path,      &copy.event_id,     &copy.event_key,   &copy.headers,
                                         &copy.reason_code, &copy.reason,     &copy.bytes };
    void                    *letters = output->dead_letters;
    if (list_reserve(&letters, output->dead_letter_count, &output->dead_letter_capacity, sizeof(copy), err) != ST_OK)
        return ST_ERROR;
    output->dead_letters = letters;
    if (COPY_TEXTS(output, texts, err) != ST_OK)
        return ST_ERROR;
    output->dead_letters[output->dead_letter_count++] = copy;
    return ST_OK;
}

enum status
output_late_event(struct epoch_output *output, const struct store_late_event *event, struct error *err)
{
    struct store_late_event copy    = *event;
    struct str *const       texts[] = { &copy.source,      &copy.partition_id, &copy.step,
                                        &copy.reason_code, &copy.reason,       &copy.bytes };
    void                   *events  = output->late_events;
    if (list_reserve(&events, output->late_event_count, &output->late_event_capacity, sizeof(copy), err) != ST_OK)
        return ST_ERROR;
    output->late_events = events;
    if (COPY_TEXTS(output, texts, err) != ST_OK)
        return ST_ERROR;
    output->late_events[output->late_event_count++] = copy;
    return ST_OK;
}

/* ---- Window rows ---- */

/* An empty chunk behind those in use: one kept from an earlier epoch, else a new one. */
static enum status
window_chunk_add(struct epoch_output *output, struct error *err)
{
    size_t count = output->window_chunk_count, capacity = output->window_chunk_capacity;
    void  *chunks = output->window_chunks;
    if (list_reserve(&chunks, count, &capacity, sizeof(*output->window_chunks), err) != ST_OK)
        return ST_ERROR;
    output->window_chunks = chunks;
    while (output->window_chunk_capacity < capacity)
        output->window_chunks[output->window_chunk_capacity++] = NULL;
    if (output->window_chunks[count] == NULL) {
        struct chunk *chunk = memory_alloc_zero(sizeof(*chunk));
        if (chunk == NULL)
            return error_no_memory(err);
        if (chunk_init(chunk, output->window_schema, CHUNK_ROW_COUNT_MAX, err) != ST_OK) {
            memory_free(chunk);
            return ST_ERROR;
        }
        output->window_chunks[count] = chunk;
    }
    output->window_chunk_count++;
    return ST_OK;
}

enum status
output_window_row(struct epoch_output *output, struct chunk **ret_chunk, uint32_t *ret_row, struct error *err)
{
    CHECK(output->window_schema != NULL);
    size_t count = output->window_chunk_count;
    if (count == 0 || output->window_chunks[count - 1]->row_count == output->window_chunks[count - 1]->capacity)
        if (window_chunk_add(output, err) != ST_OK)
            return ST_ERROR;
    struct chunk *chunk = output->window_chunks[output->window_chunk_count - 1];
    uint32_t      row   = chunk->row_count++;
    for (uint32_t i = 0; i < chunk->schema->column_count; i++)
        chunk_set_null(chunk, i, row);
    *ret_chunk = chunk;
    *ret_row   = row;
    return ST_OK;
}

/* ---- State ---- */

static void
state_name(struct epoch_output *output, const char *step_name)
{
    size_t size = strlen(step_name);
    CHECK(size > 0 && size <= UINT8_MAX);
    str_builder_append_char(&output->state, (char)size);
    str_builder_append(&output->state, str_of(step_name, size));
}

enum status
output_state_delta(struct epoch_output *output, const char *step_name, struct state_table *table, struct error *err)
{
    if (table->dirty_count == 0)
        return ST_OK;
    state_name(output, step_name);
    return state_write_delta(table, &output->state, err);
}

enum status
output_state_snapshot(struct epoch_output *output, const char *step_name, struct state_table *table, uint32_t group,
                      int64_t watermark_us, struct error *err)
{
    state_name(output, step_name);
    return state_write_snapshot(table, group, watermark_us, &output->state, err);
}

enum status
output_set_delta(struct epoch_output *output, const char *step_name, struct state_set *set, struct error *err)
{
    if (set->added_count == 0)
        return ST_OK;
    state_name(output, step_name);
    return state_set_write_delta(set, &output->state, err);
}

enum status
output_set_snapshot(struct epoch_output *output, const char *step_name, struct state_set *set, uint32_t group, int64_t watermark_us,
                    struct error *err)
{
    state_name(output, step_name);
    return state_set_write_snapshot(set, group, watermark_us, &output->state, err);
}
