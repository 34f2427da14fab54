/* A run of the batch leg with an allocation or a system call failing in turn. After each failure: the error has a name, nothing
 * leaks, nothing stays open, the warehouse holds the last good run whole (I9), and the same run then passes and gives what it
 * would have given (I5).
 *
 * A run takes a second, so not each of the thousands of allocations fails: CALL_STEPS system calls do, evenly spread, and the
 * first, fourth, thirteenth, … allocation up to the last. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "base/memory.h"
#include "io/file.h"
#include "io/process.h"
#include "plan/plan.h"
#include "source/generate/write.h"
#include "support/support.h"
#include "warehouse/db.h"
#include "warehouse/warehouse.h"

#define CALL_STEPS 6

static struct fixture {
    char           folder[TEMP_DIR_SIZE_MAX], key_reference[TEMP_DIR_SIZE_MAX + 96];
    struct plan    plan;
    unsigned char *first; /* The warehouse's file after the first day. */
    size_t         first_size;
    struct hash128 first_digest, second_digest;
} fixture;

static const struct siphash_key KEY = { "0123456789abcde" };

static const char *
path_of(const char *name)
{
    static char path[TEMP_DIR_SIZE_MAX + 64];

    snprintf(path, sizeof path, "%s/%s", fixture.folder, name);
    return path;
}

/* ---- The world ---- */

/* Keeps the beginning of a file, up to the last `end` within `size`. */
static void
cut_file(const char *name, size_t size, char end)
{
    size_t         whole;
    unsigned char *bytes = support_read_file(path_of(name), &whole);

    assert_non_null(bytes);
    assert_true(whole > size);
    while (size > 0 && bytes[size - 1] != (unsigned char)end)
        size--;
    assert_true(support_write_file(path_of(name), bytes, size));
    support_free(bytes);
}

static int
make_world(void)
{
    const struct world_options wanted = { .seed = 5, .patient_count = 100, .day_count = 1, .start_date = 20500 };
    struct world               world;
    struct config_errors       errors = CONFIG_ERRORS_EMPTY;
    struct error               err    = ERROR_EMPTY;
    char                       path[TEMP_DIR_SIZE_MAX + 64];

    assert_int_equal(world_init(&world, &wanted, &err), ST_OK);
    assert_int_equal(world_write(&world, io_system(), fixture.folder, &err), ST_OK);
    world_release(&world);
    cut_file("in/ehr/patients.csv", 1500, '\n');
    cut_file("in/ehr/encounters.csv", 1500, '\n');
    /* What is bad in so small a world would be more than the gate lets pass. */
    assert_int_equal(io_tree_remove(io_system(), path_of("in/ehr/notes.csv"), &err), ST_OK);
    assert_int_equal(io_tree_remove(io_system(), path_of("in/lab/2026-02-16-STN.hl7"), &err), ST_OK);
    assert_int_equal(io_tree_remove(io_system(), path_of("in/lab/2026-02-16-STW.hl7"), &err), ST_OK);
    cut_file("in/lab/2026-02-16-STE.hl7", 3000, '\r');
    assert_int_equal(io_file_copy(io_system(), source_path("tests/pipelines/base/pipeline.json"), path_of("pipeline.json"), &err), ST_OK);
    assert_int_equal(io_file_copy(io_system(), source_path("tests/pipelines/base/bindings.json"), path_of("bindings.json"), &err), ST_OK);
    snprintf(path, sizeof path, "%s", path_of("pipeline.json"));
    const char *const         sets[]  = { "runtime.workers=1" }; /* System calls that fail are for one thread. */
    const struct plan_request request = { .pipeline_path = path, .sets = sets, .set_count = 1 };
    if (plan_load(io_system(), &request, &errors, &fixture.plan, &err) != ST_OK)
        fail_msg("%s", err.message);
    config_errors_release(&errors);
    /* Encrypted, so that what fails also fails around keys and seals. */
    snprintf(fixture.key_reference, sizeof fixture.key_reference, "file:%s", path_of("warehouse.key"));
    fixture.plan.graph->batch.warehouse.encryption =
        (struct graph_encryption){ .is_encrypted = true, .key = { .kind = GRAPH_SECRET_FILE, .text = str_from(fixture.key_reference) } };
    return 0;
}

/* ---- A day ---- */

/* Opens, runs, closes. *ret_digest and *ret_is_published are of the run, if there was one. */
static enum status
day(struct io *io, int32_t date, struct hash128 *ret_digest, bool *ret_is_published, struct error *err)
{
    const struct warehouse_options options   = { io, process_clock(), fixture.plan.graph, &KEY };
    const struct batch_options     with      = { .logical_date = date };
    struct warehouse              *warehouse = NULL;
    struct batch_summary           summary   = { 0 };
    enum status                    status    = warehouse_open(&options, &warehouse, err);

    if (status == ST_OK)
        status = warehouse_run(warehouse, &with, &summary, err);
    *ret_digest       = summary.digest;
    *ret_is_published = summary.is_published;
    batch_summary_release(&summary);
    warehouse_close(warehouse);
    return status;
}

static void
day_passes(int32_t date, struct hash128 *ret_digest)
{
    struct error err          = ERROR_EMPTY;
    bool         is_published = false;

    if (day(io_system(), date, ret_digest, &is_published, &err) != ST_OK)
        fail_msg("%s", err.message);
    assert_true(is_published);
}

/* The warehouse as it was after the first day. */
static void
go_back(void)
{
    struct error err = ERROR_EMPTY;

    assert_int_equal(io_tree_remove(io_system(), path_of("warehouse.db.wal"), &err), ST_OK);
    assert_true(support_write_file(path_of("warehouse.db"), fixture.first, fixture.first_size));
}

static int
setup(void **state)
{
    (void)state;
    temp_dir_init(fixture.folder);
    make_world();
    size_t         size;
    unsigned char *bytes = support_read_file(path_of("in/ehr/patients.csv"), &size);
    cut_file("in/ehr/patients.csv", 900, '\n');
    day_passes(20501, &fixture.first_digest);
    fixture.first = support_read_file(path_of("warehouse.db"), &fixture.first_size);
    assert_non_null(fixture.first);
    assert_true(support_write_file(path_of("in/ehr/patients.csv"), bytes, size)); /* Some patients more. */
    support_free(bytes);
    day_passes(20502, &fixture.second_digest);
    assert_int_not_equal(fixture.first_digest.low, fixture.second_digest.low);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    support_free(fixture.first);
    plan_release(&fixture.plan);
    temp_dir_release(fixture.folder);
    return 0;
}

/* ---- What must be so after a failure ---- */

static int64_t
ask(struct db_connection *connection, const char *sql)
{
    struct error err   = ERROR_EMPTY;
    int64_t      value = 0;

    if (db_query_int64(connection, &value, &err, "%s", sql) != ST_OK)
        fail_msg("%s", err.message);
    return value;
}

/* The last published run is whole, and no run is published that failed, nor left running. */
static void
check_warehouse(bool is_second)
{
    const struct warehouse_options options    = { io_system(), process_clock(), fixture.plan.graph, &KEY };
    struct warehouse              *warehouse  = NULL;
    struct db_connection          *connection = NULL;
    struct error                   err        = ERROR_EMPTY;

    if (warehouse_open(&options, &warehouse, &err) != ST_OK)
        fail_msg("%s", err.message);
    assert_int_equal(db_connect(warehouse_db(warehouse), &connection, &err), ST_OK);
    assert_int_equal(ask(connection, "SELECT count(*) FROM meta.run WHERE published"), is_second ? 2 : 1);
    assert_int_equal(ask(connection, "SELECT count(*) FROM meta.run WHERE published <> (status = 'published') OR status = 'running'"), 0);
    assert_int_equal(ask(connection, "SELECT count(*) FROM core.lab_result_version WHERE run_id NOT IN (SELECT run_id FROM meta.run WHERE published)"), 0);
    assert_int_equal(ask(connection, "SELECT count(*) FROM core.patient_version WHERE run_id NOT IN (SELECT run_id FROM meta.run WHERE published)"), 0);
    assert_int_equal(ask(connection, "SELECT count(*) FROM duckdb_schemas() WHERE starts_with(schema_name, 'run_')"), 0);
    db_disconnect(connection);
    warehouse_close(warehouse);
}

static void
check_after(enum status status, bool is_published, uint64_t blocks, const struct error *err)
{
    assert_int_equal(memory_live_count(), blocks);
    if (status != ST_OK) {
        assert_int_not_equal(err->code, ERR_NONE);
        assert_int_not_equal(err->message[0], '\0');
    }
    check_warehouse(is_published);
}

/* What the failures left behind does no harm. */
static void
second_day_passes(void)
{
    struct hash128 digest;

    day_passes(20502, &digest);
    assert_memory_equal(&digest, &fixture.second_digest, sizeof digest);
}

/* ---- The sweeps ---- */

/* The number of calls that the day made. */
static uint64_t
call_fails(uint64_t n)
{
    struct io_failing failing;
    struct error      err          = ERROR_EMPTY;
    struct hash128    digest       = { 0, 0 };
    bool              is_published = false;

    go_back();
    uint64_t blocks = memory_live_count();
    io_failing_init(&failing, n, n % 2 == 0 ? EIO : ENOSPC);
    enum status status = day(&failing.io, 20502, &digest, &is_published, &err);
    assert_int_equal(failing.open_count, 0);
    assert_int_equal(failing.has_failed, n != 0);
    check_after(status, is_published, blocks, &err);
    return failing.call_count;
}

static void
system_calls_fail(void **state)
{
    const uint64_t count = call_fails(0);

    (void)state;
    assert_true(count > CALL_STEPS);
    for (uint64_t i = 0; i < CALL_STEPS; i++)
        call_fails(1 + count * i / CALL_STEPS);
    call_fails(count);
    call_fails(count / 2);
    second_day_passes();
}

/* False: the day made fewer allocations. */
static bool
allocation_fails(uint64_t n)
{
    struct error   err          = ERROR_EMPTY;
    struct hash128 digest       = { 0, 0 };
    bool           is_published = false;

    go_back();
    uint64_t blocks = memory_live_count();
    memory_fail_after(n);
    enum status status     = day(io_system(), 20502, &digest, &is_published, &err);
    bool        has_failed = memory_has_failed();
    memory_fail_after(0);
    if (status != ST_OK && err.code != ERR_NO_MEMORY)
        fail_msg("allocation %llu: %s", (unsigned long long)n, err.message);
    check_after(status, is_published, blocks, &err);
    if (!is_published)
        assert_true(has_failed);
    return has_failed;
}

static void
allocations_fail(void **state)
{
    uint64_t n = 1;

    (void)state;
    while (allocation_fails(n))
        n = 3 * n + 1;
    assert_true(n > 1000);
    allocation_fails(n / 3);
    second_day_passes();
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(system_calls_fail), cmocka_unit_test(allocations_fail) };

    return cmocka_run_group_tests(tests, setup, teardown);
}
