/* The steps dedup and window against a plain count of the same events, for chunks, barriers and restarts of any shape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/int128.h"
#include "base/memory.h"
#include "base/random.h"
#include "live/event.h"
#include "live/op/dedup.h"
#include "live/op/window.h"

#define SECOND      INT64_C(1000000)
#define EVENT_COUNT 600
#define GROUP_MAX   600

struct event {
    int64_t  time_us;
    uint32_t id;
    uint32_t facility;
    uint32_t patient; /* 0: none */
    int64_t  value;
    bool     has_value;
    bool     is_bound;
    char     flag; /* 0: none */
    bool     is_late;
};

struct total {
    int64_t  start_us;
    uint32_t facility;
    int64_t  events, patients, abnormal, values, min, max;
    int128   sum;
    uint64_t seen; /* Patients, by bit. */
};

static struct model *model;
static struct graph  graph;

static int
group_setup(void **state)
{
    struct error err = ERROR_EMPTY;
    (void)state;
    if (model_load(NULL, 0, NULL, NULL, &model, &err) != ST_OK)
        return -1;
    graph.model                   = model;
    graph.has_streaming           = true;
    graph.streaming.has_window    = true;
    graph.streaming.window        = (struct graph_window){ .step = { .name = STR("window_5m") }, .size_us = 300 * SECOND, .lateness_us = 600 * SECOND };
    graph.streaming.window.has_key[GRAPH_KEY_FACILITY] = true;
    for (int a = 0; a < GRAPH_AGGREGATE_COUNT; a++)
        graph.streaming.window.has_aggregate[a] = true;
    return 0;
}

static int
group_teardown(void **state)
{
    (void)state;
    model_free(model);
    return 0;
}

/* ---- Events ---- */

static void
make_events(uint64_t seed, struct event *events, uint32_t count)
{
    struct random random;
    random_init(&random, seed);
    for (uint32_t i = 0; i < count; i++) {
        events[i] = (struct event){ .time_us   = ((int64_t)random_below(&random, 3000) - 600) * SECOND + (int64_t)random_below(&random, 3),
                                    .id        = i,
                                    .facility  = (uint32_t)random_below(&random, 5),
                                    .patient   = (uint32_t)random_below(&random, 12),
                                    .value     = (int64_t)random_below(&random, 2000001) - 1000000,
                                    .has_value = random_below(&random, 4) != 0,
                                    .is_bound  = random_below(&random, 6) == 0,
                                    .flag      = "\0NHLA"[random_below(&random, 5)],
                                    .is_late   = random_below(&random, 20) == 0 };
    }
}

static void
set_event(struct chunk *chunk, const struct event *event)
{
    struct error err = ERROR_EMPTY;
    uint32_t     row = chunk->row_count++;
    char         text[64];
    for (uint32_t i = 0; i < EVENT_COLUMN_COUNT; i++)
        chunk_set_null(chunk, i, row);
    chunk_set_int64(chunk, EVENT_PARTITION, row, 0);
    chunk_set_int64(chunk, EVENT_ROW_NUMBER, row, 0);
    chunk_set_int64(chunk, EVENT_ENTITY, row, 0);
    chunk_set_int64(chunk, EVENT_IDENTITY_LOW, row, (int64_t)hash64_integer(event->id + 1));
    chunk_set_int64(chunk, EVENT_IDENTITY_HIGH, row, event->id);
    chunk_set_int64(chunk, EVENT_PATIENT_LOW, row, event->patient % 4);
    chunk_set_int64(chunk, EVENT_PATIENT_HIGH, row, event->patient / 4 + 7);
    chunk_set_int64(chunk, EVENT_TIME, row, event->time_us);
    chunk_set_bool(chunk, EVENT_IS_LATE, row, event->is_late);
    if (event->has_value)
        chunk_set_int64(chunk, EVENT_VALUE, row, event->value);
    snprintf(text, sizeof(text), "facility of some length %u", event->facility);
    if (event->facility > 0) /* 0: it has none. */
        assert_int_equal(chunk_set_text(chunk, EVENT_FACILITY, row, text, strlen(text), &err), ST_OK);
    if (event->patient > 0)
        assert_int_equal(chunk_set_text(chunk, EVENT_PATIENT_ID, row, "p", 1, &err), ST_OK);
    if (event->is_bound)
        assert_int_equal(chunk_set_text(chunk, EVENT_COMPARATOR, row, "<", 1, &err), ST_OK);
    if (event->flag != 0)
        assert_int_equal(chunk_set_text(chunk, EVENT_FLAG, row, &event->flag, 1, &err), ST_OK);
}

/* ---- Counted plainly ---- */

static void
count_event(struct total *totals, uint32_t *count, const struct event *event)
{
    int64_t  start = event->time_us - ((event->time_us % (300 * SECOND)) + 300 * SECOND) % (300 * SECOND);
    uint32_t i     = 0;
    while (i < *count && (totals[i].start_us != start || totals[i].facility != event->facility))
        i++;
    if (i == *count)
        totals[(*count)++] = (struct total){ .start_us = start, .facility = event->facility, .min = INT64_MAX, .max = INT64_MIN };
    struct total *total = &totals[i];
    total->events++;
    total->abnormal += event->flag != 0 && event->flag != 'N';
    if (event->patient > 0 && (total->seen >> event->patient & 1) == 0) {
        total->seen |= UINT64_C(1) << event->patient;
        total->patients++;
    }
    if (!event->has_value || event->is_bound)
        return;
    total->values++;
    total->sum += event->value;
    total->min = event->value < total->min ? event->value : total->min;
    total->max = event->value > total->max ? event->value : total->max;
}

/* ---- What the step wrote ---- */

struct written {
    struct total total;
    int64_t      average, revision;
    bool         is_closed;
};

static int64_t
number_of(const struct chunk *chunk, const char *column, uint32_t row)
{
    int32_t index = schema_find(chunk->schema, column);
    assert_true(index >= 0);
    const struct column *values = &chunk->columns[index];
    if (!values->all_valid && !validity_get(values->validity, row))
        return INT64_MIN;
    return values->type.kind == TYPE_BOOL ? ((const uint8_t *)values->data)[row] : ((const int64_t *)values->data)[row];
}

/* Keeps the newest revision a key; each is one more than the one before. */
static void
take_rows(struct epoch_output *output, struct written *written, uint32_t *count)
{
    for (size_t c = 0; c < output->window_chunk_count; c++) {
        const struct chunk *chunk = output->window_chunks[c];
        for (uint32_t row = 0; row < chunk->row_count; row++) {
            const struct text *text     = &((const struct text *)chunk->columns[schema_find(chunk->schema, "facility")].data)[row];
            uint32_t           facility = text->size == 0 ? 0 : (uint32_t)(text_data(text)[text->size - 1] - '0');
            int64_t            start    = number_of(chunk, "window_start", row);
            uint32_t           i        = 0;
            assert_int_equal(number_of(chunk, "window_end", row), start + 300 * SECOND);
            while (i < *count && (written[i].total.start_us != start || written[i].total.facility != facility))
                i++;
            int64_t before    = i < *count ? written[i].revision : 0;
            bool    was_closed = i < *count && written[i].is_closed;
            *count += i == *count;
            written[i] = (struct written){ .total     = { .start_us = start, .facility = facility,
                                                          .events = number_of(chunk, "event_count", row), .patients = number_of(chunk, "patient_count", row),
                                                          .abnormal = number_of(chunk, "abnormal_count", row),
                                                          .min = number_of(chunk, "value_min", row), .max = number_of(chunk, "value_max", row) },
                                           .average   = number_of(chunk, "value_avg", row),
                                           .revision  = number_of(chunk, "revision", row),
                                           .is_closed = number_of(chunk, "closed", row) == 1 };
            assert_int_equal(written[i].revision, before + 1);
            assert_true(written[i].is_closed || !was_closed);
        }
    }
}

static void
check_written(const struct written *written, uint32_t count, const struct total *totals, uint32_t total_count)
{
    assert_int_equal(count, total_count);
    for (uint32_t i = 0; i < count; i++) {
        const struct total *found = &written[i].total;
        uint32_t            k     = 0;
        while (k < total_count && (totals[k].start_us != found->start_us || totals[k].facility != found->facility))
            k++;
        assert_true(k < total_count);
        const struct total *wanted = &totals[k];
        assert_int_equal(found->events, wanted->events);
        assert_int_equal(found->patients, wanted->patients);
        assert_int_equal(found->abnormal, wanted->abnormal);
        assert_int_equal(found->min, wanted->values > 0 ? wanted->min : INT64_MIN);
        assert_int_equal(found->max, wanted->values > 0 ? wanted->max : INT64_MIN);
        if (wanted->values == 0) {
            assert_int_equal(written[i].average, INT64_MIN);
            continue;
        }
        /* Half away from zero, by the definition: |2 (average * n - sum)| <= n, ties outwards. */
        int128 difference = 2 * ((int128)written[i].average * wanted->values - wanted->sum);
        int128 away       = wanted->sum < 0 ? -difference : difference;
        assert_true(away <= wanted->values && away > -wanted->values);
    }
}

/* ---- Runs ---- */

/* Carries the state over into a new operator, as a restart does. */
static struct operator *
restart(struct operator *old, const struct str *deltas, size_t delta_count)
{
    struct error     err = ERROR_EMPTY;
    struct operator *op  = NULL;
    assert_int_equal(window_create(&graph, &op, &err), ST_OK);
    for (size_t i = 0; i < delta_count; i++) {
        for (struct str rest = deltas[i]; rest.size > 0;) {
            size_t   used;
            uint32_t state = (uint32_t)(unsigned char)rest.data[0];
            rest           = str_slice(rest, 1, rest.size);
            assert_int_equal(state == 0 ? state_read(&op->states[0], rest, &used, &err)
                                        : state_set_read_groups(&op->sets[0], rest, 0, STATE_GROUP_COUNT, &used, &err), ST_OK);
            rest = str_slice(rest, used, rest.size);
        }
    }
    old->kind->free(old);
    return op;
}

static void
run_shape(const struct event *events, uint32_t chunk_rows, uint32_t barrier_rows, bool restarts, struct written *written, uint32_t *count)
{
    static struct str  deltas[EVENT_COUNT + 2];
    size_t              delta_count = 0;
    struct error        err = ERROR_EMPTY;
    struct operator    *op  = NULL, *first = NULL; /* The output's schema is the first one's. */
    struct epoch_output output;
    struct chunk        chunk;
    *count = 0;
    assert_int_equal(window_create(&graph, &op, &err), ST_OK);
    assert_int_equal(window_create(&graph, &first, &err), ST_OK);
    assert_int_equal(output_init(&output, model, 1, window_table(first)->schema, &err), ST_OK);
    assert_int_equal(chunk_init(&chunk, &event_schema, chunk_rows, &err), ST_OK);
    for (uint32_t i = 0; i < EVENT_COUNT; i++) {
        uint64_t hashes[64];
        set_event(&chunk, &events[i]);
        bool is_barrier = (i + 1) % barrier_rows == 0 || i + 1 == EVENT_COUNT;
        if (chunk.row_count == chunk_rows || is_barrier) {
            op->kind->exchange(op, &chunk, hashes);
            assert_int_equal(op->kind->rows(op, &chunk, &output, &err), ST_OK);
            chunk_clear(&chunk);
        }
        if (!is_barrier)
            continue;
        struct epoch_decision decision = { .epoch = delta_count + 1, .watermark_us = ((int64_t)i - 100) * SECOND * 4, .min_watermark_us = INT64_MIN,
                                           .is_drain = i + 1 == EVENT_COUNT };
        assert_int_equal(op->kind->barrier(op, &decision, &output, &err), ST_OK);
        take_rows(&output, written, count);
        struct str_builder delta = STR_BUILDER_EMPTY;
        if (op->states[0].dirty_count > 0) {
            str_builder_append_char(&delta, '\0');
            assert_int_equal(state_write_delta(&op->states[0], &delta, &err), ST_OK);
        }
        if (op->sets[0].added_count > 0) {
            str_builder_append_char(&delta, '\1');
            assert_int_equal(state_set_write_delta(&op->sets[0], &delta, &err), ST_OK);
        }
        deltas[delta_count].size   = delta.size;
        deltas[delta_count++].data = str_builder_take(&delta, NULL);
        if (restarts && !decision.is_drain)
            op = restart(op, deltas, delta_count);
        assert_int_equal(output_clear(&output, 1, &err), ST_OK);
    }
    for (size_t i = 0; i < delta_count; i++)
        memory_free((void *)(uintptr_t)deltas[i].data);
    chunk_release(&chunk);
    output_release(&output);
    op->kind->free(op);
    first->kind->free(first);
}

static void
windows_equal_a_plain_count(void **state)
{
    static const struct {
        uint32_t chunk_rows, barrier_rows;
        bool     restarts;
    } shapes[] = { { 64, 1000, false }, { 1, 1, false }, { 7, 50, false }, { 64, 100, true }, { 3, 31, true } };
    static struct event   events[EVENT_COUNT];
    static struct total   totals[GROUP_MAX];
    static struct written written[GROUP_MAX];
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        uint32_t total_count = 0;
        make_events(seed, events, EVENT_COUNT);
        for (uint32_t i = 0; i < EVENT_COUNT; i++)
            if (!events[i].is_late)
                count_event(totals, &total_count, &events[i]);
        for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
            uint32_t count;
            run_shape(events, shapes[s].chunk_rows, shapes[s].barrier_rows, shapes[s].restarts, written, &count);
            check_written(written, count, totals, total_count);
            for (uint32_t i = 0; i < count; i++)
                assert_true(written[i].is_closed);
        }
    }
}

static void
a_window_closes_with_the_watermark_and_is_revised_after(void **state)
{
    struct error        err = ERROR_EMPTY;
    struct operator    *op  = NULL;
    struct epoch_output output;
    struct chunk        chunk;
    struct written      written[4];
    uint32_t            count = 0;
    const struct event  event = { .time_us = 10 * SECOND, .facility = 1 };
    const int64_t       watermarks[] = { 299 * SECOND, 300 * SECOND, 301 * SECOND };
    (void)state;
    assert_int_equal(window_create(&graph, &op, &err), ST_OK);
    assert_int_equal(output_init(&output, model, 1, window_table(op)->schema, &err), ST_OK);
    assert_int_equal(chunk_init(&chunk, &event_schema, 4, &err), ST_OK);
    for (uint32_t i = 0; i < 3; i++) {
        if (i != 1) {
            set_event(&chunk, &event);
            assert_int_equal(op->kind->rows(op, &chunk, &output, &err), ST_OK);
            chunk_clear(&chunk);
        }
        assert_int_equal(op->kind->barrier(op, &(struct epoch_decision){ .epoch = i + 1, .watermark_us = watermarks[i] }, &output, &err), ST_OK);
        take_rows(&output, written, &count);
        assert_int_equal(count, 1);
        assert_int_equal(written[0].revision, i + 1);
        assert_int_equal(written[0].is_closed, i > 0);
        assert_int_equal(written[0].total.events, i < 2 ? 1 : 2);
        assert_int_equal(output_clear(&output, 1, &err), ST_OK);
        struct str_builder delta = STR_BUILDER_EMPTY;
        assert_int_equal(state_write_delta(&op->states[0], &delta, &err), ST_OK);
        str_builder_release(&delta);
    }
    chunk_release(&chunk);
    output_release(&output);
    op->kind->free(op);
}

/* One barrier behind at most one event; *count rows were written so far. All state is sealed and what has expired by
 * `freed_us` is freed. */
static void
barrier_behind(struct operator *op, const struct event *event, int64_t watermark_us, int64_t freed_us, struct epoch_output *output,
               struct written *written, uint32_t *count)
{
    struct error       err   = ERROR_EMPTY;
    struct str_builder out   = STR_BUILDER_EMPTY;
    struct chunk       chunk = { 0 };
    assert_int_equal(chunk_init(&chunk, &event_schema, 4, &err), ST_OK);
    if (event != NULL)
        set_event(&chunk, event);
    assert_int_equal(op->kind->rows(op, &chunk, output, &err), ST_OK);
    assert_int_equal(op->kind->barrier(op, &(struct epoch_decision){ .watermark_us = watermark_us }, output, &err), ST_OK);
    take_rows(output, written, count);
    assert_int_equal(output_clear(output, 1, &err), ST_OK);
    assert_int_equal(state_write_delta(&op->states[0], &out, &err), ST_OK);
    assert_int_equal(state_set_write_delta(&op->sets[0], &out, &err), ST_OK);
    for (uint32_t group = 0; group < STATE_GROUP_COUNT; group++) {
        assert_int_equal(state_write_snapshot(&op->states[0], group, freed_us, &out, &err), ST_OK);
        assert_int_equal(state_set_write_snapshot(&op->sets[0], group, freed_us, &out, &err), ST_OK);
    }
    str_builder_release(&out);
    chunk_release(&chunk);
}

static void
a_window_is_kept_while_its_events_may_come(void **state)
{
    struct error        err = ERROR_EMPTY;
    struct operator    *op  = NULL;
    struct epoch_output output;
    struct written      written[4];
    uint32_t            count = 0;
    const struct event  event = { .time_us = 10 * SECOND, .facility = 1, .patient = 3 }, later = { .time_us = 310 * SECOND, .facility = 1 };
    (void)state;
    assert_int_equal(window_create(&graph, &op, &err), ST_OK);
    assert_int_equal(output_init(&output, model, 1, window_table(op)->schema, &err), ST_OK);

    barrier_behind(op, &event, 300 * SECOND, 300 * SECOND, &output, written, &count);
    assert_true(written[0].is_closed);
    /* No window is open when this one comes; it closes though nothing comes behind it. */
    barrier_behind(op, &later, 400 * SECOND, 400 * SECOND, &output, written, &count);
    assert_int_equal(count, 2);
    assert_false(written[1].is_closed);
    barrier_behind(op, NULL, 599 * SECOND, 599 * SECOND, &output, written, &count);
    assert_false(written[1].is_closed);
    barrier_behind(op, NULL, 600 * SECOND, 600 * SECOND, &output, written, &count);
    assert_true(written[1].is_closed);
    assert_int_equal(written[1].revision, 2);

    barrier_behind(op, &event, 899 * SECOND, 899 * SECOND, &output, written, &count);
    assert_int_equal(written[0].revision, 2);
    assert_int_equal(written[0].total.events, 2);
    assert_int_equal(written[0].total.patients, 1);
    assert_int_equal(op->states[0].entry_count, 2);
    assert_int_equal(op->sets[0].key_count, 1);
    barrier_behind(op, NULL, 900 * SECOND, 900 * SECOND, &output, written, &count);
    assert_int_equal(op->states[0].entry_count, 1);
    assert_int_equal(op->sets[0].key_count, 0);
    output_release(&output);
    op->kind->free(op);
}

/* Its table and its state go by it. */
static void
every_part_of_the_definition_is_in_its_digest(void **state)
{
    struct graph     changed[5];
    char             digests[5][HASH128_TEXT_SIZE];
    struct operator *op;
    struct error     err = ERROR_EMPTY;
    (void)state;
    for (int i = 0; i < 5; i++)
        changed[i] = graph;
    changed[1].streaming.window.size_us *= 2;
    changed[2].streaming.window.offset_us = SECOND;
    changed[3].streaming.window.has_key[GRAPH_KEY_CODE] = true;
    changed[4].streaming.window.has_aggregate[GRAPH_PATIENT_COUNT] = false;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(window_create(&changed[i], &op, &err), ST_OK);
        snprintf(digests[i], sizeof(digests[i]), "%.*s", STR_PRINTF(window_table(op)->definition_digest));
        assert_string_equal(op->definition, digests[i]);
        op->kind->free(op);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(digests[k], digests[i]);
    }
}

static int64_t
reason_count(const struct epoch_output *output, uint32_t entity, enum outcome outcome, const char *code)
{
    return output->reasons[((size_t)entity * OUTCOME_COUNT + outcome) * output->reason_count + model_reason(model, str_from(code))->index];
}

static void
copies_are_hidden_while_their_event_may_still_come(void **state)
{
    /* Id, watermark at the row, late; what becomes of it: l loaded, d deduplicated. All at 10 s: kept until 900 s. */
    static const struct {
        uint32_t id;
        int64_t  watermark_us;
        bool     is_late;
        char     fate;
    } rows[] = { { 1, INT64_MIN, false, 'l' }, { 1, 0, false, 'd' }, { 2, 0, false, 'l' },         { 1, 899 * SECOND, false, 'd' },
                 { 1, 899 * SECOND, true, 'l' }, { 1, 900 * SECOND, false, 'l' }, { 2, 300 * SECOND, false, 'd' } };
    struct error        err = ERROR_EMPTY;
    struct operator    *op  = NULL;
    struct epoch_output output;
    struct chunk        chunk;
    (void)state;
    for (uint32_t chunk_rows = 1; chunk_rows <= 7; chunk_rows += 3) {
        uint32_t loaded = 0, dropped = 0, late = 0, row = 0;
        assert_int_equal(dedup_create(&graph, &op, &err), ST_OK);
        assert_int_equal(output_init(&output, model, 1, NULL, &err), ST_OK);
        assert_int_equal(chunk_init(&chunk, &event_schema, chunk_rows, &err), ST_OK);
        while (row < sizeof(rows) / sizeof(rows[0])) {
            uint32_t first = row;
            for (; row < sizeof(rows) / sizeof(rows[0]) && chunk.row_count < chunk_rows; row++) {
                set_event(&chunk, &(struct event){ .time_us = 10 * SECOND, .id = rows[row].id, .is_late = rows[row].is_late });
                if (rows[row].watermark_us != INT64_MIN)
                    chunk_set_int64(&chunk, EVENT_WATERMARK, chunk.row_count - 1, rows[row].watermark_us);
                loaded += rows[row].fate == 'l';
                dropped += rows[row].fate == 'd';
                late += rows[row].is_late;
            }
            assert_int_equal(op->kind->rows(op, &chunk, &output, &err), ST_OK);
            /* Rules see copies, for one may be known earlier than the other; windows do not. */
            assert_int_equal(event_count(&chunk), row - first);
            for (uint32_t i = first; i < row; i++)
                assert_int_equal(((const uint8_t *)chunk.columns[EVENT_IS_LATE].data)[i - first], rows[i].is_late || rows[i].fate == 'd');
            chunk_clear(&chunk);
        }
        for (uint32_t entity = 0; entity <= model->entity_count; entity += model->entity_count) {
            assert_int_equal(output_counts(&output, 0, entity)->loaded, loaded);
            assert_int_equal(output_counts(&output, 0, entity)->deduplicated, dropped);
            assert_int_equal(output_counts(&output, 0, entity)->late, late);
            assert_int_equal(reason_count(&output, entity, OUTCOME_DEDUPLICATED, "same_event"), dropped);
        }
        chunk_release(&chunk);
        output_release(&output);
        op->kind->free(op);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_equal_a_plain_count),
        cmocka_unit_test(a_window_closes_with_the_watermark_and_is_revised_after),
        cmocka_unit_test(a_window_is_kept_while_its_events_may_come),
        cmocka_unit_test(every_part_of_the_definition_is_in_its_digest),
        cmocka_unit_test(copies_are_hidden_while_their_event_may_still_come),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
