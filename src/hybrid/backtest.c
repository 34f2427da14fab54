#include "hybrid/backtest.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/time.h"
#include "live/event.h"
#include "live/op/access_lookup.h"
#include "live/runtime/steps.h"
#include "warehouse/event_rows.h"

/* How many facts a day has. */
struct day {
    int64_t begin_us;
    int64_t row_count;
};

struct day_list {
    struct day *items;
    size_t      count;
    size_t      capacity;
    bool        has_no_memory;
};

struct backtest {
    const struct backtest_options *options;
    struct backtest_result        *result;
    struct graph                   graph; /* The pipeline's with these rules and no window; its memory is the pipeline's. */
    struct graph_rule             *rules;
    const struct entity          **entities; /* Whose facts the rules go by. */
    size_t                         entity_count;
    struct event_rows             *rows;
    struct step_set                steps;
    struct chunk                   chunk;
    struct epoch_output            output; /* Of the slice. */
    struct day_list                days;
    struct map                     places; /* alert_id to its place among those that are kept. */
    uint64_t                       epoch;
    int64_t                        freed_us; /* End of the slice before. */
    int64_t                        row_total;
    int64_t                       *history_from_us; /* By rule: the same for each. */
};

/* ---- What is needed ---- */

static void
need(struct backtest *backtest, const struct entity *entity)
{
    for (size_t i = 0; i < backtest->entity_count; i++)
        if (backtest->entities[i] == entity)
            return;
    backtest->entities[backtest->entity_count++] = entity;
}

static enum status
need_rule(struct backtest *backtest, const struct rule_pack *rule, struct error *err)
{
    const struct entity *other;
    if (!event_rows_has(rule->entity))
        return error_set(err, ERR_CONFIG, "rule %s judges %s, whose facts have no patient or no time", rule->name, rule->entity->name);
    need(backtest, rule->entity);
    for (uint32_t i = 0; (other = rule_other_entity(rule, i)) != NULL; i++)
        if (event_rows_has(other))
            need(backtest, other);
    return ST_OK;
}

/* The longest history that a rule keeps. */
static int64_t
history_us(const struct backtest_options *options)
{
    int64_t longest_us = 0;
    for (size_t i = 0; i < options->rule_count; i++)
        if (options->rules[i]->history_us > longest_us)
            longest_us = options->rules[i]->history_us;
    return longest_us;
}

static enum status
backtest_init(struct backtest *backtest, struct error *err)
{
    const struct backtest_options *options = backtest->options;
    const struct model            *model   = options->graph->model;

    map_init(&backtest->places);
    backtest->freed_us = INT64_MIN;
    backtest->rules    = memory_alloc_array(options->rule_count, sizeof(*backtest->rules));
    backtest->entities = memory_alloc_array(model->entity_count, sizeof(*backtest->entities));
    backtest->history_from_us = memory_alloc_array(options->rule_count, sizeof(*backtest->history_from_us));
    if (backtest->rules == NULL || backtest->entities == NULL || backtest->history_from_us == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < options->rule_count; i++) {
        backtest->rules[i] = (struct graph_rule){ .step = { .name = str_from(options->rules[i]->name) } };
        if (need_rule(backtest, options->rules[i], err) != ST_OK)
            return ST_ERROR;
    }
    backtest->graph                      = *options->graph;
    backtest->graph.streaming.rules      = backtest->rules;
    backtest->graph.streaming.rule_count = options->rule_count;
    backtest->graph.streaming.has_window = false;
    if (event_rows_new(options->db, &backtest->graph, options->graph->batch.warehouse.name, &backtest->rows, err) != ST_OK
        || steps_create(&backtest->graph, options->person_key, event_rows_files(backtest->rows), &backtest->steps, err) != ST_OK
        || output_init(&backtest->output, model, 1, NULL, err) != ST_OK)
        return ST_ERROR;
    return chunk_init(&backtest->chunk, &event_schema, (uint32_t)options->graph->runtime.chunk_row_count_max, err);
}

static void
backtest_release(struct backtest *backtest)
{
    steps_release(&backtest->steps);
    event_rows_free(backtest->rows);
    output_release(&backtest->output);
    chunk_release(&backtest->chunk);
    map_release(&backtest->places);
    memory_free(backtest->days.items);
    memory_free(backtest->rules);
    memory_free(backtest->entities);
    memory_free(backtest->history_from_us);
}

/* ---- Days ---- */

static void
add_day(void *context, int64_t day_us, int64_t count)
{
    struct day_list *days = context;

    if (days->count == days->capacity) {
        size_t      capacity = days->capacity == 0 ? 512 : days->capacity * 2;
        struct day *items    = memory_resize_array(days->items, capacity, sizeof(*items));
        days->has_no_memory |= items == NULL;
        if (items == NULL)
            return;
        days->items    = items;
        days->capacity = capacity;
    }
    days->items[days->count++] = (struct day){ day_us, count };
}

static int
compare_days(const void *a, const void *b)
{
    const struct day *x = a, *y = b;
    return x->begin_us < y->begin_us ? -1 : x->begin_us > y->begin_us;
}

/* Of all entities, ascending, each day once. */
static enum status
list_days(struct backtest *backtest, struct event_range range, struct error *err)
{
    struct day_list *days = &backtest->days;
    size_t           kept = 0;

    for (size_t i = 0; i < backtest->entity_count; i++)
        if (event_rows_days(backtest->rows, backtest->entities[i], range, add_day, days, err) != ST_OK)
            return ST_ERROR;
    if (days->has_no_memory)
        return error_no_memory(err);
    if (days->count > 0)
        qsort(days->items, days->count, sizeof(*days->items), compare_days);
    for (size_t i = 0; i < days->count; i++) {
        backtest->row_total += days->items[i].row_count;
        if (kept > 0 && days->items[kept - 1].begin_us == days->items[i].begin_us)
            days->items[kept - 1].row_count += days->items[i].row_count;
        else
            days->items[kept++] = days->items[i];
    }
    days->count = kept;
    return ST_OK;
}

/* ---- Slices ---- */

/* Fills what rules of accesses go by besides, where one judges the entity's rows or explains accesses by them. */
static void
look_up(struct backtest *backtest, const struct entity *entity)
{
    const struct backtest_options *options      = backtest->options;
    bool                           are_accesses = false, explains = false;
    for (size_t i = 0; i < options->rule_count; i++) {
        const struct rule_pack *rule = options->rules[i];
        are_accesses |= rule->kind == RULE_NO_TREATMENT_RELATIONSHIP && rule->entity == entity;
        for (uint32_t k = 0; k < rule->explained_by_count; k++)
            explains |= rule->explained_by[k] == entity;
    }
    if (are_accesses || explains)
        access_lookup_rows(options->master, options->person_key, &backtest->chunk, are_accesses);
}

static enum status
take_rows(struct backtest *backtest, const struct entity *entity, struct error *err)
{
    for (;;) {
        chunk_clear(&backtest->chunk);
        if (event_rows_next(backtest->rows, &backtest->chunk, err) != ST_OK)
            return ST_ERROR;
        if (backtest->chunk.row_count == 0)
            return ST_OK;
        event_rows_hash(&backtest->chunk, backtest->options->person_key);
        look_up(backtest, entity);
        for (uint32_t i = 0; i < backtest->steps.operator_count; i++) {
            struct operator *op = backtest->steps.operators[i];
            if (op->kind->rows(op, &backtest->chunk, &backtest->output, err) != ST_OK) {
                error_context(err, "giving rows to %s", op->step_name);
                return ST_ERROR;
            }
        }
        backtest->result->row_count += backtest->chunk.row_count;
    }
}

static enum status
take_range(struct backtest *backtest, struct event_range range, bool reaches_in, struct error *err)
{
    for (size_t i = 0; i < backtest->entity_count; i++)
        if (event_rows_open(backtest->rows, backtest->entities[i], range, reaches_in, err) != ST_OK || take_rows(backtest, backtest->entities[i], err) != ST_OK)
            return ST_ERROR;
    return ST_OK;
}

/* In place of the alert's earlier revision, if there is one. */
static enum status
keep_alert(struct backtest *backtest, const struct store_alert *told, struct error *err)
{
    struct epoch_output *kept  = &backtest->result->kept;
    struct store_alert   alert = *told;
    bool                 is_new;

    alert.mode           = STR("replay");
    alert.detected_at_us = STORE_TIME_NONE; /* Nobody has detected it. */
    struct map_entry *place = map_insert(&backtest->places, told->alert_id, &is_new);
    if (place == NULL)
        return error_no_memory(err);
    if (is_new && kept->alert_count == BACKTEST_ALERT_COUNT_MAX) {
        error_set(err, ERR_FULL, "more than %d alerts", BACKTEST_ALERT_COUNT_MAX);
        error_hint(err, "a shorter time by --from and --to, or a rule that fires less");
        return ST_ERROR;
    }
    if (output_alert(kept, &alert, err) != ST_OK)
        return ST_ERROR;
    if (is_new)
        place->number = kept->alert_count - 1;
    else
        kept->alerts[place->number] = kept->alerts[--kept->alert_count];
    return ST_OK;
}

static enum status
keep_alerts(struct backtest *backtest, struct error *err)
{
    const struct backtest_options *options = backtest->options;

    for (size_t i = 0; i < backtest->output.alert_count; i++) {
        const struct store_alert *alert = &backtest->output.alerts[i];
        if (alert->event_time_us >= options->from_us && alert->event_time_us < options->to_us && keep_alert(backtest, alert, err) != ST_OK)
            return ST_ERROR;
    }
    return output_clear(&backtest->output, 1, err);
}

static void
forget_changes(struct operator *op, int64_t watermark_us)
{
    for (uint32_t i = 0; op->kind->state_names[i] != NULL; i++) {
        state_forget_changes(&op->states[i]);
        state_sweep(&op->states[i], watermark_us);
    }
    for (uint32_t i = 0; op->kind->set_names[i] != NULL; i++) {
        state_set_forget_changes(&op->sets[i]);
        state_set_sweep(&op->sets[i], watermark_us);
    }
}

static enum status
barrier(struct backtest *backtest, int64_t end_us, bool is_last, struct error *err)
{
    const struct epoch_decision decision = { .epoch            = ++backtest->epoch,
                                             .watermark_us     = end_us,
                                             .min_watermark_us = end_us,
                                             .freed_us         = backtest->freed_us,
                                             .history_from_us  = backtest->history_from_us,
                                             .now_us           = end_us,
                                             .is_drain         = is_last };
    for (uint32_t i = 0; i < backtest->steps.operator_count; i++) {
        struct operator *op = backtest->steps.operators[i];
        if (op->kind->barrier(op, &decision, &backtest->output, err) != ST_OK) {
            error_context(err, "closing a slice of %s", op->step_name);
            return ST_ERROR;
        }
        forget_changes(op, end_us);
    }
    backtest->freed_us = end_us;
    return keep_alerts(backtest, err);
}

/* Whole days, until they have as many rows as a slice takes. */
static enum status
take_slices(struct backtest *backtest, struct event_range range, struct error *err)
{
    const struct backtest_options *options = backtest->options;
    const struct day_list         *days    = &backtest->days;
    const int64_t                  wanted  = options->slice_row_count > 0 ? options->slice_row_count : BACKTEST_SLICE_ROW_COUNT;
    int64_t                        count   = 0;
    struct event_range             slice   = { range.begin_us, 0 };

    for (size_t i = 0; i < days->count; i++) {
        const bool is_last = i + 1 == days->count;
        count += days->items[i].row_count;
        if (count < wanted && !is_last)
            continue;
        if (options->is_stopping != NULL && options->is_stopping(options->context))
            return error_set(err, ERR_INTERRUPTED, "stopped before the end of history");
        slice.end_us = is_last ? backtest->result->end_us : days->items[i + 1].begin_us;
        if (take_range(backtest, slice, false, err) != ST_OK || barrier(backtest, slice.end_us, is_last, err) != ST_OK)
            return ST_ERROR;
        if (options->progress != NULL)
            options->progress(options->context, backtest->result->row_count, backtest->row_total);
        slice.begin_us = slice.end_us;
        count          = 0;
    }
    return ST_OK;
}

/* ---- The whole ---- */

/* The time that there are facts of. Timestamps are within ±2^62 or so, so that nothing overflows. */
static void
find_bounds(struct backtest *backtest, struct event_range range)
{
    const struct backtest_options *options = backtest->options;
    struct backtest_result        *result  = backtest->result;
    const struct day_list         *days    = &backtest->days;

    if (days->count == 0)
        return;
    result->begin_us   = options->from_us > INT64_MIN ? options->from_us : days->items[0].begin_us;
    result->end_us     = options->to_us < INT64_MAX ? options->to_us : days->items[days->count - 1].begin_us + US_PER_DAY;
    result->history_us = range.begin_us > INT64_MIN ? range.begin_us : result->begin_us;
}

static int
compare_alerts(const void *a, const void *b)
{
    const struct store_alert *x = a, *y = b;
    return str_compare(x->alert_id, y->alert_id); /* Begins with the event time. */
}

static enum status
run(struct backtest *backtest, struct error *err)
{
    const struct backtest_options *options = backtest->options;
    struct backtest_result        *result  = backtest->result;
    const int64_t                  back_us = history_us(options);
    const struct event_range       range   = { options->from_us >= INT64_MIN + back_us + US_PER_DAY ? options->from_us - back_us : INT64_MIN, options->to_us };

    if (backtest_init(backtest, err) != ST_OK || list_days(backtest, range, err) != ST_OK)
        return ST_ERROR;
    find_bounds(backtest, range);
    for (size_t i = 0; i < options->rule_count; i++)
        backtest->history_from_us[i] = result->history_us;
    if (range.begin_us > INT64_MIN && take_range(backtest, range, true, err) != ST_OK)
        return ST_ERROR;
    if (take_slices(backtest, range, err) != ST_OK
        || event_rows_patients(backtest->rows, &result->patient_count, err) != ST_OK)
        return ST_ERROR;
    result->alerts      = result->kept.alerts;
    result->alert_count = result->kept.alert_count;
    if (result->alert_count > 0)
        qsort(result->kept.alerts, result->alert_count, sizeof(*result->alerts), compare_alerts);
    return ST_OK;
}

enum status
backtest_run(const struct backtest_options *options, struct backtest_result *ret_result, struct error *err)
{
    struct backtest backtest = { .options = options, .result = ret_result };

    *ret_result        = (struct backtest_result){ .row_count = 0 };
    enum status status = output_init(&ret_result->kept, options->graph->model, 1, NULL, err);
    if (status == ST_OK)
        status = run(&backtest, err);
    backtest_release(&backtest);
    return status;
}

void
backtest_result_release(struct backtest_result *result)
{
    output_release(&result->kept);
    *result = (struct backtest_result){ .row_count = 0 };
}
