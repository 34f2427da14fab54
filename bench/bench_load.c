/* How fast chunks go into DuckDB by data chunk append: rows a second, wall and CPU, with one connection and with two.
 *
 * The row is that of the experiments that chose the design: three BIGINT, DOUBLE, TIMESTAMP, three texts of 12 bytes, two of
 * 40; about 156 bytes. The table is in a file, so compression is part of the figure. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "warehouse/db.h"

#define ROW_COUNT   2000000
#define CHUNK_COUNT (ROW_COUNT / CHUNK_ROW_COUNT_MAX)

static const struct schema_column COLUMNS[] = {
    {"a", {.kind = TYPE_INT64}}, {"b", {.kind = TYPE_INT64}}, {"c", {.kind = TYPE_INT64}},
    {"x", {.kind = TYPE_DOUBLE}}, {"moment", {.kind = TYPE_TIMESTAMP}}, {"s", {.kind = TYPE_TEXT}},
    {"t", {.kind = TYPE_TEXT}},  {"u", {.kind = TYPE_TEXT}},  {"v", {.kind = TYPE_TEXT}},
    {"w", {.kind = TYPE_TEXT}},
};
static const struct schema SCHEMA = {COLUMNS, sizeof COLUMNS / sizeof *COLUMNS};

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

static double
wall_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double
cpu_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static uint64_t
mix(uint64_t value)
{
    value = (value ^ (value >> 31)) * UINT64_C(0x7fb5d329728ea185);
    return value ^ (value >> 27);
}

static void
fill(struct chunk *chunk, uint64_t first)
{
    struct error err = ERROR_EMPTY;

    chunk_clear(chunk);
    for (uint32_t row = 0; row < CHUNK_ROW_COUNT_MAX; row++) {
        uint64_t number = first + row;
        char     text[64];

        for (uint32_t column = 0; column < 3; column++)
            chunk_set_int64(chunk, column, row, (int64_t)(mix(number + column) % 1000000));
        chunk_set_double(chunk, 3, row, (double)(number % 10000) / 7);
        chunk_set_int64(chunk, 4, row, (int64_t)number * 1000000);
        for (uint32_t column = 5; column < 10; column++) {
            int size = snprintf(text, sizeof text, column < 8 ? "%012u" : "%040u", (unsigned)(mix(number * column) % 100000));
            check(chunk_set_text(chunk, column, row, text, (size_t)size, &err), &err);
        }
    }
    chunk->row_count = CHUNK_ROW_COUNT_MAX;
}

struct loader {
    struct db *db;
    uint32_t   chunk_count;
    double     fill_cpu_s; /* Of this thread: what making the rows costs is not the load's. */
};

static double
thread_cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *
load(void *argument)
{
    struct loader        *loader     = argument;
    struct db_connection *connection = NULL;
    struct db_appender   *appender   = NULL;
    struct chunk          chunk;
    struct error          err = ERROR_EMPTY;

    check(db_connect(loader->db, &connection, &err), &err);
    check(chunk_init(&chunk, &SCHEMA, CHUNK_ROW_COUNT_MAX, &err), &err);
    check(db_appender_open(connection, DB_CATALOG, "main", "t", &appender, &err), &err);
    for (uint32_t i = 0; i < loader->chunk_count; i++) {
        double begin = thread_cpu_s();
        fill(&chunk, (uint64_t)i * CHUNK_ROW_COUNT_MAX);
        loader->fill_cpu_s += thread_cpu_s() - begin;
        check(db_append_chunk(appender, 1, &chunk, &err), &err);
    }
    check(db_appender_flush(appender, &err), &err);
    db_appender_free(appender);
    chunk_release(&chunk);
    db_disconnect(connection);
    return NULL;
}

static void
measure(uint32_t thread_count)
{
    char                  path[]     = "/tmp/heddle-bench-XXXXXX";
    char                  file[64];
    struct db_options     options    = {.path = file, .thread_count = thread_count};
    struct loader         loaders[2] = {{0}};
    pthread_t             threads[2];
    struct db            *db         = NULL;
    struct db_connection *connection = NULL;
    struct error          err        = ERROR_EMPTY;
    double                fill_s     = 0;

    if (mkdtemp(path) == NULL)
        exit(1);
    snprintf(file, sizeof file, "%s/t.db", path);
    check(db_open(&db, &options, &err), &err);
    check(db_connect(db, &connection, &err), &err);
    check(db_run(connection,
                 STR("CREATE TABLE t (n BIGINT, a BIGINT, b BIGINT, c BIGINT, x DOUBLE, moment TIMESTAMP, s VARCHAR, "
                     "t VARCHAR, u VARCHAR, v VARCHAR, w VARCHAR)"),
                 &err),
          &err);
    double wall = wall_s();
    double cpu  = cpu_s();
    for (uint32_t i = 0; i < thread_count; i++) {
        loaders[i] = (struct loader){.db = db, .chunk_count = CHUNK_COUNT / thread_count};
        if (pthread_create(&threads[i], NULL, load, &loaders[i]) != 0)
            exit(1);
    }
    for (uint32_t i = 0; i < thread_count; i++) {
        pthread_join(threads[i], NULL);
        fill_s += loaders[i].fill_cpu_s;
    }
    check(db_run(connection, STR("CHECKPOINT"), &err), &err);
    wall = wall_s() - wall - fill_s / thread_count;
    cpu  = cpu_s() - cpu - fill_s;
    printf("append, %u connection%s: %.2f M rows/s of wall time, %.2f M rows/s of CPU time\n", thread_count,
           thread_count == 1 ? "" : "s", ROW_COUNT / wall / 1e6, ROW_COUNT / cpu / 1e6);
    db_disconnect(connection);
    db_free(db);
    unlink(file);
    rmdir(path);
}

int
main(void)
{
    measure(1);
    measure(2);
    return 0;
}
