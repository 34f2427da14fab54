/* What an event costs in the state of a step, by the number of keys that it holds: nanoseconds of processor time, and bytes a key. Events come for keys
 * at random, in batches as operators look them up; each changes its entry's value of 48 bytes. A barrier every 400,000 events, about a second of the
 * whole leg: what changed is written, and eight key groups of 1,024 wholly, whatever they hold.
 *
 *     bench_state [KEYS ...]        1,000 to 10,000,000 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"
#include "io/process.h"
#include "live/output.h"
#include "live/state.h"
#include "model/model.h"

#define EVENT_COUNT   4000000
#define BARRIER_COUNT 400000
#define VALUE_SIZE    48

struct key {
    uint64_t exchanged;
    uint64_t number;
};

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

static struct key
key_of(uint64_t number)
{
    return (struct key){ hash64_integer(number), number };
}

static void
take_batch(struct state_table *table, const struct key keys[STATE_PREFETCH_COUNT])
{
    struct error        err   = ERROR_EMPTY;
    struct state_ahead  ahead = { 0 };
    struct state_entry *entry;
    bool                is_new;

    for (uint32_t i = 0; i < STATE_PREFETCH_COUNT; i++)
        state_ahead_add(&ahead, table, i, state_hash(&keys[i], sizeof keys[i]));
    state_ahead_entries(&ahead, table);
    for (uint32_t i = 0; i < STATE_PREFETCH_COUNT; i++) {
        check(state_put(table, ahead.hashes[i], &keys[i], sizeof keys[i], VALUE_SIZE, STATE_FOREVER, &entry, &is_new, &err), &err);
        int64_t count;
        memcpy(&count, state_value(entry), sizeof count);
        count++;
        memcpy(state_value(entry), &count, sizeof count);
    }
}

static void
barrier(struct state_table *table, struct epoch_output *output, uint64_t epoch)
{
    struct error err = ERROR_EMPTY;
    check(output_state_delta(output, "state", table, &err), &err);
    for (uint32_t group = 0; group < 8; group++)
        check(output_state_snapshot(output, "state", table, (uint32_t)(epoch * 8 + group) % STATE_GROUP_COUNT, INT64_MIN, &err), &err);
    check(output_clear(output, 1, &err), &err);
}

static void
measure(const struct model *model, uint64_t key_count)
{
    struct error        err   = ERROR_EMPTY;
    struct state_table *table = memory_alloc_zero(sizeof *table);
    struct epoch_output output;
    struct random       random;
    struct key          keys[STATE_PREFETCH_COUNT];
    int64_t             rows_us = 0, barriers_us = 0;
    uint64_t            epoch = 0;

    if (table == NULL)
        check(error_no_memory(&err), &err);
    state_table_init(table);
    random_init(&random, 1);
    check(output_init(&output, model, 1, NULL, &err), &err);
    for (uint64_t number = 0; number < key_count; number++) {
        struct key          key = key_of(number);
        struct state_entry *entry;
        check(state_put(table, state_hash(&key, sizeof key), &key, sizeof key, VALUE_SIZE, STATE_FOREVER, &entry, NULL, &err), &err);
        if (number % BARRIER_COUNT == BARRIER_COUNT - 1)
            barrier(table, &output, epoch++);
    }
    barrier(table, &output, epoch++);
    for (uint64_t event = 0; event < EVENT_COUNT; event += BARRIER_COUNT) {
        int64_t begin = process_usage().cpu_us;
        for (uint32_t batch = 0; batch < BARRIER_COUNT / STATE_PREFETCH_COUNT; batch++) {
            for (uint32_t i = 0; i < STATE_PREFETCH_COUNT; i++)
                keys[i] = key_of(random_below(&random, key_count));
            take_batch(table, keys);
        }
        int64_t between = process_usage().cpu_us;
        barrier(table, &output, epoch++);
        rows_us += between - begin;
        barriers_us += process_usage().cpu_us - between;
    }
    printf("%10llu keys: rows %4.0f ns, barriers %4.0f ns an event; %4.0f bytes a key\n", (unsigned long long)key_count, (double)rows_us * 1000 / EVENT_COUNT,
           (double)barriers_us * 1000 / EVENT_COUNT, (double)state_used_bytes(table) / (double)key_count);
    output_release(&output);
    state_table_release(table);
    memory_free(table);
}

int
main(int argument_count, char **arguments)
{
    static const char *const usual[] = { "1000", "10000", "100000", "1000000", "10000000" };
    struct error             err     = ERROR_EMPTY;
    struct model            *model   = NULL;

    check(model_load(NULL, 0, NULL, NULL, &model, &err), &err);
    for (int i = 1; i < argument_count; i++)
        measure(model, strtoull(arguments[i], NULL, 10));
    for (size_t i = 0; argument_count == 1 && i < sizeof usual / sizeof usual[0]; i++)
        measure(model, strtoull(usual[i], NULL, 10));
    model_free(model);
    return 0;
}
