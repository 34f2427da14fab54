#include "live/op/window.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/memory.h"
#include "expr/function.h"
#include "live/event.h"
#include "live/op/lateness.h"

#define STATE_ROWS   0
#define SET_PATIENTS 0
#define COLUMN_COUNT_MAX (4 + GRAPH_WINDOW_KEY_COUNT + GRAPH_AGGREGATE_COUNT)

/* Key of state `rows`: the group's texts by their hash, whose low half is what rows are exchanged by. */
struct row_key {
    uint64_t group_low;
    uint64_t group_high;
    int64_t  start_us;
};

/* The aggregates of values, from the table that the warehouse has too (I4). */
enum { VALUE_MIN, VALUE_AVG, VALUE_MAX, VALUE_AGGREGATE_COUNT };
static const struct {
    const char          *name;
    enum graph_aggregate aggregate;
} value_aggregates[VALUE_AGGREGATE_COUNT] = {
    [VALUE_MIN] = { "min", GRAPH_VALUE_MIN }, [VALUE_AVG] = { "avg", GRAPH_VALUE_AVG }, [VALUE_MAX] = { "max", GRAPH_VALUE_MAX } };
static const struct type value_type = { .kind = TYPE_DECIMAL, .scale = 6 };

/* State of one of them: opaque bytes, which may be stored. */
struct value_state {
    uint64_t words[3];
};

/* Value of state `rows`. The texts of the group's key follow, one behind the other. */
struct row_value {
    struct value_state values[VALUE_AGGREGATE_COUNT];
    int64_t            event_count;
    int64_t            patient_count;
    int64_t            abnormal_count;
    int64_t            revision; /* Of the last row that was written; 0: none. */
    uint32_t           is_closed;
    uint32_t           text_sizes[GRAPH_WINDOW_KEY_COUNT];
    uint32_t           unused; /* No byte of a state record is undefined. */
};
_Static_assert(sizeof(struct row_value) == VALUE_AGGREGATE_COUNT * sizeof(struct value_state) + 4 * 8 + (2 + GRAPH_WINDOW_KEY_COUNT) * 4, "no padding");

/* Groups that were met lately, by their texts as they lie in columns; most rows are of one of them. Direct-mapped: who comes later takes
 * the place. */
#define MEMO_COUNT 128

struct group_memo {
    struct text         texts[GRAPH_WINDOW_KEY_COUNT]; /* In place of the event type's its number. */
    struct hash128      group;
    struct state_entry *entry; /* Of its last row since the barrier, and that row's window: an entry stays where it is until then. NULL: none. */
    int64_t             start_us;
};

struct window {
    struct operator            op;
    struct group_memo          memo[MEMO_COUNT];
    struct str                *entity_names;
    const struct graph_window *plan;
    const struct model        *model;
    const struct aggregate    *aggregates[VALUE_AGGREGATE_COUNT];
    int64_t                    next_close_us; /* No window that is open ends before. INT64_MIN: not known, look. */
    struct schema_column       columns[COLUMN_COUNT_MAX];
    struct schema              schema;
    struct store_table         table;
    char                       digest[HASH128_TEXT_SIZE];
};

/* ---- Rows ---- */

static struct str
key_text(const struct window *window, const struct chunk *chunk, uint32_t row, enum graph_window_key key)
{
    switch (key) {
    case GRAPH_KEY_FACILITY:
        return event_text(chunk, EVENT_FACILITY, row);
    case GRAPH_KEY_EVENT_TYPE:
        return window->entity_names[event_int64(chunk, EVENT_ENTITY, row)];
    case GRAPH_KEY_CODE:
        return event_text(chunk, EVENT_CODE, row);
    case GRAPH_KEY_UNIT:
        return event_text(chunk, EVENT_UNIT, row);
    case GRAPH_WINDOW_KEY_COUNT:
        break;
    }
    CHECK(false);
    return STR_EMPTY;
}

/* texts[k] is empty for what the window does not group by. */
static void
texts_of(const struct window *window, const struct chunk *chunk, uint32_t row, struct str texts[GRAPH_WINDOW_KEY_COUNT])
{
    for (uint32_t k = 0; k < GRAPH_WINDOW_KEY_COUNT; k++)
        texts[k] = window->plan->has_key[k] ? key_text(window, chunk, row, (enum graph_window_key)k) : STR_EMPTY;
}

static struct hash128
group_of(const struct str texts[GRAPH_WINDOW_KEY_COUNT])
{
    struct hash128 parts[GRAPH_WINDOW_KEY_COUNT];
    for (uint32_t k = 0; k < GRAPH_WINDOW_KEY_COUNT; k++)
        parts[k] = hash128(texts[k].data, texts[k].size);
    return hash128(parts, sizeof(parts));
}

/* The same, of short texts mostly without hashing them. NULL: they are not remembered. */
static struct group_memo *
group_remembered(struct window *window, const struct str texts[GRAPH_WINDOW_KEY_COUNT], int64_t entity)
{
    struct text raw[GRAPH_WINDOW_KEY_COUNT];
    uint64_t    mixed = 0;
    for (uint32_t k = 0; k < GRAPH_WINDOW_KEY_COUNT; k++) {
        uint64_t words[2] = { (uint64_t)entity + 1, 0 };
        if (k == GRAPH_KEY_EVENT_TYPE && window->plan->has_key[k]) {
            memcpy(&raw[k], words, sizeof(words));
        } else {
            if (texts[k].size > TEXT_INLINE_SIZE)
                return NULL;
            text_set(&raw[k], texts[k].data, texts[k].size);
            memcpy(words, &raw[k], sizeof(words));
        }
        mixed = (mixed ^ words[0] ^ words[1] << 1) * UINT64_C(0x9E3779B97F4A7C15);
    }
    struct group_memo *memo = &window->memo[mixed >> 57];
    if (memcmp(memo->texts, raw, sizeof(raw)) != 0) {
        memcpy(memo->texts, raw, sizeof(raw));
        memo->group = group_of(texts);
        memo->entry = NULL;
    }
    return memo;
}

static void
window_exchange(const struct operator *op, const struct chunk *chunk, uint64_t *ret_hashes)
{
    struct str texts[GRAPH_WINDOW_KEY_COUNT];
    for (uint32_t row = 0; row < chunk->row_count; row++) {
        texts_of((const struct window *)op, chunk, row, texts);
        ret_hashes[row] = group_of(texts).low;
    }
}

/* Values of some rows and the states that take them. */
struct values {
    uint32_t          count;
    int64_t           numbers[STATE_PREFETCH_COUNT];
    struct row_value *rows[STATE_PREFETCH_COUNT];
};

static void
add_value(struct values *values, struct row_value *value, const struct chunk *chunk, uint32_t row)
{
    /* "<0.01" is a bound and no value. */
    if (event_is_null(chunk, EVENT_VALUE, row) || event_text(chunk, EVENT_COMPARATOR, row).size > 0)
        return;
    values->rows[values->count]      = value;
    values->numbers[values->count++] = event_int64(chunk, EVENT_VALUE, row);
}

static void
take_values(const struct window *window, const struct values *values)
{
    const struct vector argument = { .type = value_type, .data = values->numbers };
    for (uint32_t k = 0; k < VALUE_AGGREGATE_COUNT; k++) {
        void *states[STATE_PREFETCH_COUNT];
        for (uint32_t i = 0; i < values->count; i++)
            states[i] = &values->rows[i]->values[k];
        window->aggregates[k]->update(states, &argument, 1, values->count);
    }
}

static enum status
count_patient(struct window *window, struct row_value *value, const struct hash128 *patient, int64_t expires_us, struct error *err)
{
    bool is_new;
    if (state_set_add(&window->op.sets[SET_PATIENTS], patient, expires_us, INT64_MIN, &is_new, err) != ST_OK)
        return ST_ERROR;
    value->patient_count += is_new;
    return ST_OK;
}

static void
make_row(const struct window *window, struct row_value *value, const struct str texts[GRAPH_WINDOW_KEY_COUNT])
{
    for (uint32_t k = 0; k < VALUE_AGGREGATE_COUNT; k++)
        window->aggregates[k]->init(&value->values[k]);
    char *to = (char *)(value + 1);
    for (uint32_t k = 0; k < GRAPH_WINDOW_KEY_COUNT; k++) {
        value->text_sizes[k] = (uint32_t)texts[k].size;
        if (texts[k].size > 0)
            memcpy(to, texts[k].data, texts[k].size);
        to += texts[k].size;
    }
}

/* What is known of a row before the state is looked at. */
struct row_ahead {
    uint32_t            row;
    struct str          texts[GRAPH_WINDOW_KEY_COUNT];
    struct group_memo  *memo;
    struct state_entry *entry; /* Changed already since the barrier; NULL: it is looked for. */
    struct row_key      key;
    uint64_t            hash;    /* Of the key. */
    struct hash128      patient; /* Key of set `patients`: of the row's key and the patient, in the key group of the row's. */
};

static void
look_ahead(struct window *window, const struct chunk *chunk, uint32_t row, struct row_ahead *ret_ahead)
{
    texts_of(window, chunk, row, ret_ahead->texts);
    struct group_memo   *memo      = group_remembered(window, ret_ahead->texts, event_int64(chunk, EVENT_ENTITY, row));
    const struct hash128 group     = memo != NULL ? memo->group : group_of(ret_ahead->texts);
    const int64_t        start_us  = window_start_of(window->plan, event_int64(chunk, EVENT_TIME, row));
    const uint64_t       patient[] = { group.low, group.high, (uint64_t)start_us, (uint64_t)event_int64(chunk, EVENT_PATIENT_LOW, row),
                                       (uint64_t)event_int64(chunk, EVENT_PATIENT_HIGH, row) };
    ret_ahead->row         = row;
    ret_ahead->memo        = memo;
    ret_ahead->entry       = memo != NULL && memo->start_us == start_us ? memo->entry : NULL;
    ret_ahead->key         = (struct row_key){ group.low, group.high, start_us };
    ret_ahead->patient     = hash128(patient, sizeof(patient));
    ret_ahead->patient.low = state_in_group_of(group.low, ret_ahead->patient.low);
}

/* The next rows that are in time. Their states are on their way then. */
struct batch {
    struct row_ahead   rows[STATE_PREFETCH_COUNT];
    uint32_t           count;
    struct state_ahead keys; /* Those that are looked for. */
};

static uint32_t
batch_fill(struct window *window, const struct chunk *chunk, uint32_t next, struct batch *batch)
{
    const struct state_table *rows  = &window->op.states[STATE_ROWS];
    const uint32_t            count = event_count(chunk);
    batch->count = batch->keys.count = 0;
    for (; next < count && batch->count < STATE_PREFETCH_COUNT; next++) {
        uint32_t          row   = event_row(chunk, next);
        struct row_ahead *ahead = &batch->rows[batch->count];
        if (((const uint8_t *)chunk->columns[EVENT_IS_LATE].data)[row] != 0)
            continue;
        batch->count++;
        look_ahead(window, chunk, row, ahead);
        state_set_prefetch(&window->op.sets[SET_PATIENTS], &ahead->patient);
        if (ahead->entry != NULL)
            continue;
        ahead->hash = state_hash(&ahead->key, sizeof(ahead->key));
        state_ahead_add(&batch->keys, rows, row, ahead->hash);
    }
    state_ahead_entries(&batch->keys, rows);
    return next;
}

/* The entry of a row's window, marked as changed. */
static enum status
find_entry(struct window *window, const struct row_ahead *ahead, int64_t expires_us, struct state_entry **ret_entry, struct error *err)
{
    const int64_t end  = ahead->key.start_us + window->plan->size_us;
    size_t        size = sizeof(struct row_value);
    bool          is_new;

    for (uint32_t k = 0; k < GRAPH_WINDOW_KEY_COUNT; k++)
        size += ahead->texts[k].size;
    if (state_put(&window->op.states[STATE_ROWS], ahead->hash, &ahead->key, sizeof(ahead->key), size, expires_us, ret_entry, &is_new, err) != ST_OK)
        return ST_ERROR;
    if (is_new)
        make_row(window, state_value(*ret_entry), ahead->texts);
    if (is_new && end < window->next_close_us)
        window->next_close_us = end;
    if (ahead->memo != NULL && memcmp(&ahead->memo->group, &ahead->key, sizeof(ahead->memo->group)) == 0) {
        ahead->memo->entry    = *ret_entry;
        ahead->memo->start_us = ahead->key.start_us;
    }
    return ST_OK;
}

static enum status
window_row(struct window *window, const struct chunk *chunk, const struct row_ahead *ahead, struct values *values, struct error *err)
{
    const uint32_t      row     = ahead->row;
    const int64_t       expires = window_late_from(window->plan, event_int64(chunk, EVENT_TIME, row));
    struct state_entry *entry   = ahead->entry;

    if (entry == NULL && find_entry(window, ahead, expires, &entry, err) != ST_OK)
        return ST_ERROR;
    struct row_value *value = state_value(entry);
    value->event_count++;
    struct str flag = event_text(chunk, EVENT_FLAG, row);
    value->abnormal_count += flag.size > 0 && !str_equal(flag, STR("N"));
    add_value(values, value, chunk, row);
    if (!window->plan->has_aggregate[GRAPH_PATIENT_COUNT] || event_is_null(chunk, EVENT_PATIENT_ID, row))
        return ST_OK;
    return count_patient(window, value, &ahead->patient, expires, err);
}

static enum status
window_rows(struct operator *op, struct chunk *chunk, struct epoch_output *output, struct error *err)
{
    struct window *window = (struct window *)op;
    struct batch   batch;
    (void)output;
    for (uint32_t next = 0; next < event_count(chunk);) {
        next = batch_fill(window, chunk, next, &batch);
        struct values values = { .count = 0 }; /* Entries of other keys stay where they are when one is added. */
        for (uint32_t i = 0; i < batch.count; i++)
            if (window_row(window, chunk, &batch.rows[i], &values, err) != ST_OK)
                return ST_ERROR;
        take_values(window, &values);
    }
    return ST_OK;
}

/* ---- Barrier ---- */

static void
set_aggregate(const struct window *window, const struct row_value *value, enum graph_aggregate aggregate, struct chunk *chunk, uint32_t column,
              uint32_t row)
{
    const int64_t counts[GRAPH_AGGREGATE_COUNT] = {
        [GRAPH_EVENT_COUNT] = value->event_count, [GRAPH_PATIENT_COUNT] = value->patient_count, [GRAPH_ABNORMAL_COUNT] = value->abnormal_count,
    };
    struct vector_out out = { .type = chunk->columns[column].type, .data = chunk->columns[column].data, .validity = chunk->columns[column].validity };

    chunk_set_int64(chunk, column, row, counts[aggregate]);
    for (uint32_t k = 0; k < VALUE_AGGREGATE_COUNT; k++)
        if (value_aggregates[k].aggregate == aggregate)
            window->aggregates[k]->final(&value->values[k], &value_type, &out, row);
}

static enum status
write_row(const struct window *window, const struct row_key *key, const struct row_value *value, struct epoch_output *output, struct error *err)
{
    struct chunk *chunk;
    uint32_t      row;
    uint32_t      column = 0;
    const char   *text   = (const char *)(value + 1);

    if (output_window_row(output, &chunk, &row, err) != ST_OK)
        return ST_ERROR;
    chunk_set_int64(chunk, column++, row, key->start_us);
    chunk_set_int64(chunk, column++, row, key->start_us + window->plan->size_us);
    for (uint32_t k = 0; k < GRAPH_WINDOW_KEY_COUNT; k++) {
        if (window->plan->has_key[k] && chunk_set_text(chunk, column++, row, text, value->text_sizes[k], err) != ST_OK)
            return ST_ERROR;
        text += value->text_sizes[k];
    }
    for (uint32_t a = 0; a < GRAPH_AGGREGATE_COUNT; a++)
        if (window->plan->has_aggregate[a])
            set_aggregate(window, value, (enum graph_aggregate)a, chunk, column++, row);
    chunk_set_bool(chunk, column++, row, value->is_closed != 0);
    chunk_set_int64(chunk, column, row, value->revision);
    return ST_OK;
}

static bool
closes(const struct window *window, const struct row_key *key, const struct epoch_decision *decision)
{
    return decision->is_drain || key->start_us + window->plan->size_us <= decision->watermark_us;
}

/* What changed since the last barrier, as its next revision. */
static enum status
revise_changed(struct window *window, const struct epoch_decision *decision, struct epoch_output *output, struct error *err)
{
    struct state_table *table = &window->op.states[STATE_ROWS];

    for (uint32_t i = 0; i < table->dirty_count; i++) {
        state_dirty_prefetch(table, i);
        struct state_entry   *entry = table->dirty[i].entry;
        const struct row_key *key   = state_key(entry);
        struct row_value     *value = state_value(entry);
        value->is_closed |= closes(window, key, decision);
        value->revision++;
        if (write_row(window, key, value, output, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

static enum status
close_group(struct window *window, uint32_t group, const struct epoch_decision *decision, struct epoch_output *output, struct error *err)
{
    struct state_table *table  = &window->op.states[STATE_ROWS];
    uint32_t            cursor = 0;
    struct state_entry *entry;

    while ((entry = state_next(table, group, &cursor)) != NULL) {
        const struct row_key *key   = state_key(entry);
        struct row_value     *value = state_value(entry);
        if (value->is_closed)
            continue;
        if (!closes(window, key, decision)) {
            int64_t end = key->start_us + window->plan->size_us;
            if (end < window->next_close_us)
                window->next_close_us = end;
            continue;
        }
        value->is_closed = 1;
        value->revision++;
        if (state_touch(table, entry, entry->value_size, entry->expires_us, err) != ST_OK
            || write_row(window, key, value, output, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

static enum status
window_barrier(struct operator *op, const struct epoch_decision *decision, struct epoch_output *output, struct error *err)
{
    struct window *window = (struct window *)op;

    for (uint32_t i = 0; i < MEMO_COUNT; i++)
        window->memo[i].entry = NULL;
    if (revise_changed(window, decision, output, err) != ST_OK)
        return ST_ERROR;
    if (!decision->is_drain && decision->watermark_us < window->next_close_us)
        return ST_OK;
    window->next_close_us = INT64_MAX;
    for (uint32_t group = 0; group < STATE_GROUP_COUNT; group++)
        if (close_group(window, group, decision, output, err) != ST_OK)
            return ST_ERROR;
    return ST_OK;
}

/* ---- The table ---- */

static void
add_column(struct window *window, const char *name, struct type type)
{
    CHECK(window->schema.column_count < COLUMN_COUNT_MAX);
    window->columns[window->schema.column_count++] = (struct schema_column){ name, type };
}

static void
make_table(struct window *window)
{
    const struct graph_window *plan = window->plan;

    window->schema.columns = window->columns;
    add_column(window, "window_start", TYPE(TYPE_TIMESTAMP));
    add_column(window, "window_end", TYPE(TYPE_TIMESTAMP));
    for (uint32_t k = 0; k < GRAPH_WINDOW_KEY_COUNT; k++)
        if (plan->has_key[k])
            add_column(window, graph_window_key_name((enum graph_window_key)k), TYPE(TYPE_TEXT));
    window->table.key_count = window->schema.column_count;
    for (uint32_t a = 0; a < GRAPH_AGGREGATE_COUNT; a++)
        if (plan->has_aggregate[a])
            add_column(window, graph_aggregate_name((enum graph_aggregate)a), a >= GRAPH_VALUE_MIN ? TYPE_DECIMAL_OF(6) : TYPE(TYPE_INT64));
    add_column(window, "closed", TYPE(TYPE_BOOL));
    add_column(window, "revision", TYPE(TYPE_INT64));

    /* Lateness and disorder are not of the definition: they change which events count, not what a row means. */
    char    bytes[64 + 2 * 16];
    int     size = snprintf(bytes, sizeof(bytes), "%lld %lld ", (long long)plan->size_us, (long long)plan->offset_us);
    for (uint32_t k = 0; k < GRAPH_WINDOW_KEY_COUNT; k++)
        bytes[size++] = plan->has_key[k] ? '1' : '0';
    for (uint32_t a = 0; a < GRAPH_AGGREGATE_COUNT; a++)
        bytes[size++] = plan->has_aggregate[a] ? '1' : '0';
    hash128_print(hash128(bytes, (size_t)size), window->digest);
    window->table.name              = plan->step.name.data;
    window->table.definition_digest = str_from(window->digest);
    window->table.schema            = &window->schema;
}

static void
window_free(struct operator *op)
{
    state_table_release(&op->states[STATE_ROWS]);
    state_set_release(&op->sets[SET_PATIENTS]);
    memory_free(((struct window *)op)->entity_names);
    memory_free(op);
}

static const struct operator_kind kind = {
    .name        = "window",
    .state_names = { "rows" },
    .set_names   = { "patients" },
    .exchange    = window_exchange,
    .rows        = window_rows,
    .barrier     = window_barrier,
    .free        = window_free,
};

enum status
window_create(const struct graph *graph, struct operator **ret_operator, struct error *err)
{
    struct window *window = memory_alloc_zero(sizeof(*window));

    if (window == NULL)
        return error_no_memory(err);
    window->op.kind       = &kind;
    window->op.step_name  = graph->streaming.window.step.name.data;
    window->plan          = &graph->streaming.window;
    window->model         = graph->model;
    for (uint32_t k = 0; k < VALUE_AGGREGATE_COUNT; k++) {
        window->aggregates[k] = aggregate_find(str_from(value_aggregates[k].name));
        CHECK(window->aggregates[k] != NULL && window->aggregates[k]->state_size <= sizeof(struct value_state));
    }
    window->next_close_us = INT64_MIN; /* State may be read back that nobody has looked at. */
    state_table_init(&window->op.states[STATE_ROWS]);
    state_set_init(&window->op.sets[SET_PATIENTS]);
    window->entity_names = memory_alloc_array(graph->model->entity_count + 1, sizeof(*window->entity_names));
    if (window->entity_names == NULL) {
        window_free(&window->op);
        return error_no_memory(err);
    }
    for (uint32_t i = 0; i < graph->model->entity_count; i++)
        window->entity_names[i] = str_from(graph->model->entities[i].name);
    window->memo[0].group = group_of((const struct str[GRAPH_WINDOW_KEY_COUNT]){ STR_EMPTY }); /* As its texts say. */
    make_table(window);
    window->op.definition = window->digest;
    *ret_operator = &window->op;
    return ST_OK;
}

const struct store_table *
window_table(const struct operator *op)
{
    return &((const struct window *)op)->table;
}
