/* What dedup and a window of five minutes cost an event: chunks of 2,048 event rows, one thread, nanoseconds of processor time a
 * row. 40 facilities and types with 12 codes, 20,000 patients, event time that moves a second every 500 rows, a barrier every
 * 100,000 rows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/time.h"
#include "io/process.h"
#include "live/event.h"
#include "live/op/dedup.h"
#include "live/op/window.h"

#define ROW_COUNT     4000000
#define BARRIER_ROWS  100000
#define PATIENT_COUNT 20000

static void
check(enum status status, const struct error *err)
{
    char text[ERROR_TEXT_SIZE];
    if (status == ST_OK)
        return;
    error_print(err, text, sizeof text);
    fprintf(stderr, "%s\n", text);
    exit(1);
}

static void
fill(struct chunk *chunk, struct random *random, int64_t first)
{
    struct error err = ERROR_EMPTY;
    chunk_clear(chunk);
    for (uint32_t row = 0; row < CHUNK_ROW_COUNT_MAX; row++) {
        int64_t  number  = first + row;
        uint64_t patient = random_below(random, PATIENT_COUNT);
        char     text[32];
        for (uint32_t i = 0; i < EVENT_COLUMN_COUNT; i++)
            chunk_set_null(chunk, i, row);
        chunk_set_int64(chunk, EVENT_PARTITION, row, 0);
        chunk_set_int64(chunk, EVENT_ROW_NUMBER, row, 0);
        chunk_set_int64(chunk, EVENT_ENTITY, row, 0);
        chunk_set_int64(chunk, EVENT_IDENTITY_LOW, row, (int64_t)hash64_integer((uint64_t)number));
        chunk_set_int64(chunk, EVENT_IDENTITY_HIGH, row, number);
        chunk_set_int64(chunk, EVENT_PATIENT_LOW, row, (int64_t)hash64_integer(patient));
        chunk_set_int64(chunk, EVENT_PATIENT_HIGH, row, (int64_t)patient);
        chunk_set_int64(chunk, EVENT_TIME, row, number / 500 * US_PER_SECOND);
        chunk_set_int64(chunk, EVENT_WATERMARK, row, number / 500 * US_PER_SECOND - US_PER_MINUTE);
        chunk_set_bool(chunk, EVENT_IS_LATE, row, false);
        chunk_set_int64(chunk, EVENT_VALUE, row, (int64_t)random_below(random, 1000) * 10000);
        int size = snprintf(text, sizeof text, "facility %u", (unsigned)random_below(random, 40));
        check(chunk_set_text(chunk, EVENT_FACILITY, row, text, (size_t)size, &err), &err);
        size = snprintf(text, sizeof text, "%u-3", 2000 + (unsigned)random_below(random, 12));
        check(chunk_set_text(chunk, EVENT_CODE, row, text, (size_t)size, &err), &err);
        check(chunk_set_text(chunk, EVENT_UNIT, row, "mmol/L", 6, &err), &err);
        check(chunk_set_text(chunk, EVENT_PATIENT_ID, row, "p", 1, &err), &err);
    }
    chunk->row_count = CHUNK_ROW_COUNT_MAX;
}

/* As the runtime does at a barrier: what changed, then some groups whole, whose expired entries are freed. */
static void
seal(struct operator *op, struct epoch_output *output, uint64_t epoch, int64_t watermark_us)
{
    struct error err = ERROR_EMPTY;
    for (uint32_t i = 0; op->kind->state_names[i] != NULL; i++) {
        check(output_state_delta(output, "state", &op->states[i], &err), &err);
        for (uint32_t group = 0; group < 8; group++)
            check(output_state_snapshot(output, "state", &op->states[i], (uint32_t)(epoch * 8 + group) % STATE_GROUP_COUNT, watermark_us, &err), &err);
        state_sweep(&op->states[i], watermark_us);
    }
    for (uint32_t i = 0; op->kind->set_names[i] != NULL; i++) {
        check(output_set_delta(output, "set", &op->sets[i], &err), &err);
        for (uint32_t group = 0; group < 8; group++)
            check(output_set_snapshot(output, "set", &op->sets[i], (uint32_t)(epoch * 8 + group) % STATE_GROUP_COUNT, watermark_us, &err), &err);
        state_set_sweep(&op->sets[i], watermark_us);
    }
}

static void
measure(struct operator *op, const struct model *model, const struct schema *schema)
{
    struct error        err = ERROR_EMPTY;
    struct epoch_output output;
    struct chunk        chunk;
    struct random       random;
    int64_t             rows_us = 0, barrier_us = 0, rows_since = 0, written = 0;
    uint64_t            epoch = 0;
    static uint64_t     hashes[CHUNK_ROW_COUNT_MAX];

    random_init(&random, 1);
    check(output_init(&output, model, 1, schema, &err), &err);
    check(chunk_init(&chunk, &event_schema, CHUNK_ROW_COUNT_MAX, &err), &err);
    for (int64_t row = 0; row < ROW_COUNT; row += CHUNK_ROW_COUNT_MAX) {
        fill(&chunk, &random, row);
        int64_t begin = process_usage().cpu_us;
        op->kind->exchange(op, &chunk, hashes);
        check(op->kind->rows(op, &chunk, &output, &err), &err);
        rows_us += process_usage().cpu_us - begin;
        rows_since += CHUNK_ROW_COUNT_MAX;
        if (rows_since < BARRIER_ROWS)
            continue;
        rows_since     = 0;
        begin          = process_usage().cpu_us;
        int64_t before = row / 500 * US_PER_SECOND - US_PER_MINUTE;
        struct epoch_decision decision = { .epoch = ++epoch, .watermark_us = before, .min_watermark_us = before };
        check(op->kind->barrier(op, &decision, &output, &err), &err);
        seal(op, &output, epoch, before);
        for (size_t i = 0; i < output.window_chunk_count; i++)
            written += output.window_chunks[i]->row_count;
        check(output_clear(&output, 1, &err), &err);
        barrier_us += process_usage().cpu_us - begin;
    }
    printf("%-6s rows %4.0f ns, barriers %4.0f ns an event; %lld window rows written, %llu state entries and keys at the end\n", op->kind->name,
           (double)rows_us * 1000 / ROW_COUNT, (double)barrier_us * 1000 / ROW_COUNT, (long long)written,
           (unsigned long long)(op->states[0].entry_count + op->sets[0].key_count));
    chunk_release(&chunk);
    output_release(&output);
}

int
main(void)
{
    struct error     err   = ERROR_EMPTY;
    struct model    *model = NULL;
    struct graph     graph = { 0 };
    struct operator *op    = NULL;

    check(model_load(NULL, 0, NULL, NULL, &model, &err), &err);
    graph.model                = model;
    graph.streaming.has_window = true;
    graph.streaming.window     = (struct graph_window){
            .step = { .name = STR("window_5m") }, .size_us = 5 * US_PER_MINUTE, .lateness_us = US_PER_HOUR, .disorder_us = US_PER_MINUTE };
    for (int i = 0; i < GRAPH_WINDOW_KEY_COUNT; i++)
        graph.streaming.window.has_key[i] = true;
    for (int i = 0; i < GRAPH_AGGREGATE_COUNT; i++)
        graph.streaming.window.has_aggregate[i] = true;
    check(dedup_create(&graph, &op, &err), &err);
    measure(op, model, NULL);
    op->kind->free(op);
    check(window_create(&graph, &op, &err), &err);
    measure(op, model, window_table(op)->schema);
    op->kind->free(op);
    model_free(model);
    return 0;
}
