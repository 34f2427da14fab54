/* What committing an epoch to the embedded store costs (SQLCipher, one transaction, fsync by the disk it lies on): an empty epoch,
 * and what each row of a window adds. Processor time and wall time; the folder is the one that TMPDIR names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/time.h"
#include "io/process.h"
#include "store/sqlite.h"

#define EPOCH_COUNT 300

static const struct schema_column columns[] = {
    { "window_start", { TYPE_TIMESTAMP, 0 } }, { "window_end", { TYPE_TIMESTAMP, 0 } },  { "facility", { TYPE_TEXT, 0 } },
    { "code", { TYPE_TEXT, 0 } },              { "event_count", { TYPE_INT64, 0 } },     { "value_avg", { TYPE_DECIMAL, 6 } },
    { "closed", { TYPE_BOOL, 0 } },            { "revision", { TYPE_INT64, 0 } },
};
static const struct schema schema = { columns, sizeof columns / sizeof *columns };

static void
check(bool is_ok, const struct error *err)
{
    char text[ERROR_TEXT_SIZE];
    if (is_ok)
        return;
    error_print(err, text, sizeof text);
    fprintf(stderr, "%s\n", text);
    exit(1);
}

/* The same keys for ten epochs, one revision more in each: as windows that are still open; then the next windows. */
static void
fill(struct chunk *chunk, uint32_t row_count, uint64_t epoch)
{
    struct error  err      = ERROR_EMPTY;
    const int64_t start_us = (int64_t)(epoch / 10) * 300 * US_PER_SECOND;
    chunk_clear(chunk);
    for (uint32_t row = 0; row < row_count; row++) {
        char text[32];
        int  size = snprintf(text, sizeof text, "facility %u", row % 40);
        chunk_set_int64(chunk, 0, row, start_us);
        chunk_set_int64(chunk, 1, row, start_us + 300 * US_PER_SECOND);
        check(chunk_set_text(chunk, 2, row, text, (size_t)size, &err) == ST_OK, &err);
        size = snprintf(text, sizeof text, "%u-3", 2000 + row / 40);
        check(chunk_set_text(chunk, 3, row, text, (size_t)size, &err) == ST_OK, &err);
        chunk_set_int64(chunk, 4, row, (int64_t)epoch);
        chunk_set_int64(chunk, 5, row, 4200000);
        chunk_set_bool(chunk, 6, row, false);
        chunk_set_int64(chunk, 7, row, (int64_t)epoch);
    }
    chunk->row_count = row_count;
}

static void
commit(struct store *store, uint64_t generation, uint64_t epoch, const struct chunk *chunk)
{
    const struct store_table    table    = { "window_5m", STR("aaaaaaaa"), &schema, 4 };
    const struct chunk *const   chunks[] = { chunk };
    const struct store_rows     rows     = { &table, chunks, 1 };
    const struct store_position position = { STR("LOG"), STR("part-0"), (int64_t)epoch * 100, 5, STR("inode 7") };
    const struct store_account  account  = { .source = STR("LOG"), .partition_id = STR("part-0"), .position_begin = (int64_t)(epoch - 1) * 100,
                                             .position_end = (int64_t)epoch * 100, .received = 1, .loaded = 1, .bytes = 100, .watermark_us = 5 };
    const struct epoch_commit   commit = {
        .epoch = epoch, .generation = generation, .watermark_us = 5, .cut_reason = STR("time"), .decisions = STR("{}"), .plan_digest = STR("p"),
        .segment = STR("state 1"), .committed_at_us = (int64_t)epoch, .accounts = &account, .account_count = 1, .positions = &position,
        .position_count = 1, .rows = &rows, .rows_count = chunk->row_count > 0,
    };
    struct error err = ERROR_EMPTY;
    check(store_submit(store, &commit, &err) == STORE_COMMITTED && store_maintain(store, &err) == ST_OK, &err);
}

static void
measure(const char *folder, uint32_t row_count)
{
    static const uint8_t        key[32] = { 1, 2, 3 };
    char                        path[512];
    struct error                err = ERROR_EMPTY;
    struct chunk                chunk = { 0 };
    struct store               *store = NULL;
    uint64_t                    generation = 0;
    snprintf(path, sizeof path, "%s/store-%u.db", folder, row_count);
    const struct sqlite_store_options options = { .path = path, .key = key, .pipeline = "bench" };
    check(sqlite_store_open(&options, &store, &err) == ST_OK && store_own(store, &generation, &err) == ST_OK
              && chunk_init(&chunk, &schema, CHUNK_ROW_COUNT_MAX, &err) == ST_OK, &err);
    int64_t cpu_us = 0, wall_us = 0;
    for (uint64_t epoch = 1; epoch <= EPOCH_COUNT; epoch++) {
        fill(&chunk, row_count, epoch);
        int64_t cpu = process_usage().cpu_us, wall = clock_monotonic_us(process_clock());
        commit(store, generation, epoch, &chunk);
        cpu_us += process_usage().cpu_us - cpu;
        wall_us += clock_monotonic_us(process_clock()) - wall;
    }
    printf("%4u window rows: %.2f ms of processor time an epoch, %.2f ms of wall time\n", row_count, (double)cpu_us / EPOCH_COUNT / 1e3,
           (double)wall_us / EPOCH_COUNT / 1e3);
    chunk_release(&chunk);
    store_close(store);
}

int
main(void)
{
    const char *parent = getenv("TMPDIR");
    char        folder[256], command[300];
    snprintf(folder, sizeof folder, "%s/bench-store-XXXXXX", parent != NULL ? parent : "/tmp");
    if (mkdtemp(folder) == NULL)
        return 1;
    for (uint32_t row_count = 0; row_count <= 2000; row_count = row_count == 0 ? 20 : row_count * 10)
        measure(folder, row_count);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command) == 0 ? 0 : 1;
}
