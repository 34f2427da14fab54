/* One epoch of the live leg, from opening its files to the last delivery, and one that takes its dead letters again, with an allocation, a system call or a call of SQLite's
 * failing in turn. After each failure: the error has a name, nothing leaks, nothing stays open; and the same start again gives what
 * it would have given (I2), with every revision of an alert in the sink's file once.
 *
 * A run and its check take some 50 ms under the sanitizers, so of the thousand allocations STEPS fail, evenly spread, and of the
 * calls as many. What SQLite itself allocates is not among them. */
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
#include "io/key.h"
#include "io/process.h"
#include "io/walk.h"
#include "live/live.h"
#include "plan/plan.h"
#include "source/eventlog.h"
#include "source/generate/write.h"
#include "store/open.h"
#include "store/outbox.h"
#include "store/query.h"
#include "support/failing_vfs.h"
#include "support/support.h"

#define STEPS    80
#define LOG_SIZE 9000

static struct fixture {
    char               folder[TEMP_DIR_SIZE_MAX];
    struct plan        plan;
    struct str_builder expected; /* What stands in the store after a quiet run. */
    char               alert_id[ALERT_ID_SIZE_MAX + 1]; /* That a person acknowledges; empty: not known yet. */
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

static void
cut_log(const char *name)
{
    size_t         whole;
    unsigned char *bytes = support_read_file(path_of(name), &whole);
    size_t         size  = whole < LOG_SIZE ? whole : LOG_SIZE;

    assert_non_null(bytes);
    while (size > 0 && bytes[size - 1] != '\n')
        size--;
    assert_true(support_write_file(path_of(name), bytes, size));
    support_free(bytes);
}

static void
make_world(void)
{
    const struct world_options wanted = { .seed = 9, .patient_count = 200, .day_count = 1, .start_date = 20500 };
    struct world               world;
    struct config_errors       errors = CONFIG_ERRORS_EMPTY;
    struct error               err    = ERROR_EMPTY;
    char                       path[TEMP_DIR_SIZE_MAX + 64];

    assert_int_equal(world_init(&world, &wanted, &err), ST_OK);
    assert_int_equal(world_write(&world, io_system(), fixture.folder, &err), ST_OK);
    world_release(&world);
    cut_log("events/part-0.ndjson");
    cut_log("events/part-1.ndjson");
    assert_int_equal(io_tree_remove(io_system(), path_of("events/part-2.ndjson"), &err), ST_OK);
    assert_int_equal(io_tree_remove(io_system(), path_of("events/part-3.ndjson"), &err), ST_OK);
    assert_int_equal(io_file_copy(io_system(), source_path("tests/pipelines/base/pipeline.json"), path_of("pipeline.json"), &err), ST_OK);
    assert_int_equal(io_file_copy(io_system(), source_path("tests/pipelines/base/bindings.json"), path_of("bindings.json"), &err), ST_OK);
    snprintf(path, sizeof path, "%s", path_of("pipeline.json"));
    const char *const         sets[]  = { "runtime.workers=1" };
    const struct plan_request request = { .pipeline_path = path, .sets = sets, .set_count = 1 };
    if (plan_load(io_system(), &request, &errors, &fixture.plan, &err) != ST_OK)
        fail_msg("%s", err.message);
    config_errors_release(&errors);
}

/* ---- A run ---- */

static enum status
acknowledge(struct store *store, struct error *err)
{
    const struct store_alert_name name   = { str_from(fixture.alert_id), 0 };
    const struct store_handle     handle = { .alerts = &name, .alert_count = 1, .by = STR("ann"), .now_us = 7 };
    struct store_handled          handled;

    return fixture.alert_id[0] == '\0' ? ST_OK : store->kind->alerts_handle(store, &handle, &handled, err);
}

/* The log, then what of it was refused, once more: it is refused again. In between a person acknowledges an alert. */
static enum status
run_and_retry(const struct live_options *options, struct error *err)
{
    const struct store_retry  retry   = { .source = options->graph->streaming.source.name, .now_us = 1 };
    struct live_summary       summary = { 0 };
    struct store_retry_result result  = { 0 };

    if (live_run(options, &summary, err) != ST_OK || options->store->kind->letters_retry(options->store, &retry, &result, err) != ST_OK ||
        acknowledge(options->store, err) != ST_OK || live_run(options, &summary, err) != ST_OK)
        return ST_ERROR;
    assert_int_equal(summary.letters.received, summary.letters.quarantined);
    assert_true(summary.letters.received > 0);
    return ST_OK;
}

static enum status
run(struct io *io, struct error *err)
{
    const struct graph *graph   = fixture.plan.graph;
    struct source      *source  = NULL;
    struct store       *store   = NULL;
    struct outbox      *outbox  = NULL;
    enum status         status  = eventlog_create(io, &graph->streaming.source, &source, err);

    if (status == ST_OK)
        status = store_open_graph(io, graph, &store, err);
    if (status == ST_OK)
        status = outbox_new(io, process_clock(), store, graph, &outbox, err);
    if (status == ST_OK) {
        const struct live_options options = { .io = io, .clock = process_clock(), .graph = graph, .source = source, .store = store,
                                              .person_key = &KEY, .delivery = { outbox, outbox_step, NULL }, .end = LIVE_DRAIN };
        status = run_and_retry(&options, err);
    }
    outbox_free(outbox);
    store_close(store);
    if (source != NULL)
        source->kind->free(source);
    return status;
}

/* As before the first start: no store, no state, no line in the sink's file. */
static void
go_back(void)
{
    static const char *const names[] = { "store.db", "store.db-wal", "store.db-shm", "store.key", "alerts.ndjson" };
    struct error             err     = ERROR_EMPTY;
    struct arena             arena;
    struct walk              walk = { 0 };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(io_tree_remove(io_system(), path_of(names[i]), &err), ST_OK);
    arena_init(&arena, 0);
    assert_int_equal(walk_files(io_system(), path_of("state-*"), &arena, &walk, &err), ST_OK);
    for (size_t i = 0; i < walk.count; i++)
        assert_int_equal(io_tree_remove(io_system(), walk.paths[i], &err), ST_OK);
    arena_release(&arena);
}

/* ---- What stands in the store ---- */

static enum status
append(void *context, struct str bytes, struct error *err)
{
    str_builder_append(context, bytes);
    return str_builder_status(context, err);
}

static enum status
no_audit(void *context, struct str sql, struct error *err)
{
    (void)context, (void)sql, (void)err;
    return ST_OK;
}

static void
ask(const char *sql, struct str_builder *out)
{
    struct key         key = { { 0 } };
    struct error       err = ERROR_EMPTY;
    uint64_t           row_count;
    char               path[TEMP_DIR_SIZE_MAX + 64];
    struct store_query query = { .sql = str_from(sql), .rows = { .format = ROWS_JSON, .write = append, .context = out }, .audit = no_audit };

    assert_int_equal(key_read(io_system(), fixture.plan.graph->streaming.store.encryption.key.text, NULL, &key, &err), ST_OK);
    snprintf(path, sizeof path, "%s", path_of("store.db"));
    query.path = path;
    query.key  = key.bytes;
    if (store_query_run(&query, &row_count, &err) != ST_OK)
        fail_msg("%s: %s", sql, err.message);
}

static void
read_content(struct str_builder *out)
{
    ask("select window_start, facility, event_type, code, unit, event_count, patient_count, abnormal_count, value_min, value_avg, value_max, closed "
        "from window_5m order by 1, 2, 3, 4, 5", out);
    ask("select alert_id, rule, status, acknowledged_by, severity, code, value, unit, person_id, subject_id, mode from alert order by 1", out);
    ask("select partition_id, position, row_number, reason_code, status, attempts > 0 as is_retried from dead_letter order by 1, 2, 3", out);
    ask("select count(*) as unaccounted from dead_letter where attempts <> (select count(*) from dead_letter_retry r where "
        "r.source = dead_letter.source and r.partition_id = dead_letter.partition_id and r.position = dead_letter.position)", out);
    ask("select partition_id, position, event_time, watermark from late_event order by 1, 2", out);
    ask("select entity, sum(received) as a, sum(loaded) as b, sum(deduplicated) as c, sum(filtered) as d, sum(quarantined) as e, sum(bytes) as f "
        "from epoch where source <> 'letters' group by entity order by 1", out);
    ask("select count(distinct alert_id) as routed from alert_outbox", out);
}

static size_t
line_count(const char *name)
{
    size_t         size, count = 0;
    unsigned char *bytes = support_read_file(path_of(name), &size);
    for (size_t i = 0; bytes != NULL && i < size; i++)
        count += bytes[i] == '\n';
    support_free(bytes);
    return count;
}

/* Starts again as if nothing had been. A row whose first attempt failed waits for its next one, which may be due later. */
static void
recovers(const char *what, uint64_t n)
{
    struct error       err = ERROR_EMPTY;
    struct str_builder content = STR_BUILDER_EMPTY, delivered = STR_BUILDER_EMPTY;
    char               wanted[64];

    if (run(io_system(), &err) != ST_OK)
        fail_msg("after %s %llu: %s; %s", what, (unsigned long long)n, err.message, err.context);
    read_content(&content);
    if (!str_equal(str_builder_text(&content), str_builder_text(&fixture.expected)))
        fail_msg("after %s %llu:\n%s\ninstead of\n%s", what, (unsigned long long)n, content.data, fixture.expected.data);
    ask("select count(*) as n from alert_outbox where status = 'delivered'", &delivered);
    snprintf(wanted, sizeof wanted, "{\"n\":%zu}\n", line_count("alerts.ndjson"));
    assert_string_equal(str_builder_cstr(&delivered), wanted);
    str_builder_release(&delivered);
    str_builder_release(&content);
}

/* One that is told again where there is one. */
static void
choose_alert(void)
{
    struct str_builder id = STR_BUILDER_EMPTY;

    ask("select alert_id as a from alert order by rule = 'unevaluated_result' desc, alert_id limit 1", &id);
    assert_true(id.size > sizeof "{\"a\":\"" + ALERT_ID_SIZE_MAX);
    memcpy(fixture.alert_id, id.data + sizeof "{\"a\":\"" - 1, ALERT_ID_SIZE_MAX);
    str_builder_release(&id);
}

static int
setup(void **state)
{
    struct error err = ERROR_EMPTY;
    (void)state;
    temp_dir_init(fixture.folder);
    make_world();
    fixture.expected = STR_BUILDER_EMPTY;
    if (run(io_system(), &err) != ST_OK)
        fail_msg("%s; %s", err.message, err.context);
    choose_alert();
    if (run(io_system(), &err) != ST_OK)
        fail_msg("%s; %s", err.message, err.context);
    read_content(&fixture.expected);
    assert_non_null(strstr(fixture.expected.data, "\"acknowledged\",\"acknowledged_by\":\"ann\""));
    assert_true(line_count("alerts.ndjson") > 0);
    assert_non_null(strstr(fixture.expected.data, "window_start"));
    assert_non_null(strstr(fixture.expected.data, "reason_code"));
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    str_builder_release(&fixture.expected);
    plan_release(&fixture.plan);
    temp_dir_release(fixture.folder);
    return 0;
}

/* ---- The sweeps ---- */

static void
check_error(enum status status, const struct error *err)
{
    if (status == ST_OK)
        return;
    assert_int_not_equal(err->code, ERR_NONE);
    assert_int_not_equal(err->message[0], '\0');
}

static bool
allocation_fails(uint64_t n)
{
    struct error err    = ERROR_EMPTY;
    uint64_t     blocks = memory_live_count();

    memory_fail_after(n);
    enum status status     = run(io_system(), &err);
    bool        has_failed = memory_has_failed();
    memory_fail_after(0);
    assert_int_equal(memory_live_count(), blocks);
    check_error(status, &err);
    if (status != ST_OK && err.code != ERR_NO_MEMORY)
        fail_msg("allocation %llu: %s; %s", (unsigned long long)n, err.message, err.context);
    return has_failed;
}

static void
allocations_fail(void **state)
{
    uint64_t count = 1;
    (void)state;
    go_back();
    while (allocation_fails(count)) { /* How many there are. */
        count *= 2;
        go_back();
    }
    assert_true(count > STEPS);
    for (uint64_t i = 0; i < STEPS; i++) {
        uint64_t n = 1 + count * i / STEPS;
        go_back();
        allocation_fails(n);
        recovers("allocation", n);
    }
}

static uint64_t
call_fails(uint64_t n, int error_number)
{
    struct io_failing failing;
    struct error      err    = ERROR_EMPTY;
    uint64_t          blocks = memory_live_count();

    go_back();
    io_failing_init(&failing, n, error_number);
    check_error(run(&failing.io, &err), &err);
    assert_int_equal(failing.open_count, 0);
    assert_int_equal(memory_live_count(), blocks);
    if (n != 0)
        recovers("system call", n);
    return failing.call_count;
}

static void
system_calls_fail(void **state)
{
    const uint64_t count = call_fails(0, EIO);
    (void)state;
    for (uint64_t n = 1; n <= count; n += 1 + count / STEPS) {
        call_fails(n, EIO);
        call_fails(n, ENOSPC);
    }
}

static uint64_t
sqlite_call_fails(uint64_t n, enum failing_vfs_kind kind)
{
    struct error err    = ERROR_EMPTY;
    uint64_t     blocks = memory_live_count();
    bool         has_failed;

    go_back();
    failing_vfs_begin(n, kind);
    enum status status = run(io_system(), &err);
    uint64_t    count  = failing_vfs_end(&has_failed);
    check_error(status, &err);
    assert_int_equal(memory_live_count(), blocks);
    if (n != 0) {
        assert_true(has_failed);
        recovers("SQLite's call", n);
    }
    return count;
}

static void
sqlite_calls_fail(void **state)
{
    const uint64_t count = sqlite_call_fails(0, FAILING_VFS_IO);
    (void)state;
    assert_true(count > 20);
    for (uint64_t i = 0; i < STEPS; i++)
        sqlite_call_fails(1 + (count - 1) * i / STEPS, i % 2 == 0 ? FAILING_VFS_IO : FAILING_VFS_FULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(allocations_fail), cmocka_unit_test(system_calls_fail), cmocka_unit_test(sqlite_calls_fail) };

    return cmocka_run_group_tests(tests, setup, teardown);
}
