/* The runtime of the live leg: its content is a function of the log, whatever the number of threads, the size of chunks and
 * epochs, and wherever it is stopped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/io.h"
#include "io/process.h"
#include "io/thread.h"
#include "live/runtime/runtime_int.h"
#include "support/support.h"

#include "sim/live_world.inc"

#define PARTITION_COUNT 4
#define LINE_COUNT      2000

static struct error err;

static struct world_options
options_of(const char *folder)
{
    return (struct world_options){ .folder = folder, .worker_count = 1, .chunk_row_count = 2048, .epoch_row_count = 100000,
                                   .epoch_interval_us = 1000000, .io = io_system(), .clock = process_clock(), .end = LIVE_DRAIN };
}

static char *
content_of(uint32_t workers, uint32_t chunk_rows, int64_t epoch_rows)
{
    char                 folder[TEMP_DIR_SIZE_MAX];
    struct live_summary  summary;
    temp_dir_init(folder);
    world_write(folder, PARTITION_COUNT, LINE_COUNT, 42);
    struct world_options options = options_of(folder);
    options.worker_count    = workers;
    options.chunk_row_count = chunk_rows;
    options.epoch_row_count = epoch_rows;
    error_clear(&err);
    enum status status = world_run(&options, &summary, &err);
    if (status != ST_OK)
        print_error("%s; %s\n", err.message, err.context);
    assert_int_equal(status, ST_OK);
    assert_int_equal(summary.account.received,
                     summary.account.loaded + summary.account.deduplicated + summary.account.filtered + summary.account.quarantined);
    assert_true(summary.account.received > 0 && summary.account.deduplicated > 0 && summary.late_event_count > 0
                && summary.dead_letter_count > 0 && summary.alert_revision_count > 0 && summary.account.filtered > 0);
    char *content = world_content(folder);
    temp_dir_release(folder);
    return content;
}

static void
threads_chunks_and_epochs_do_not_change_content(void **state)
{
    static const uint32_t workers[] = { 1, 2, 4 }, chunks[] = { 1, 7, 2048 };
    (void)state;
    char *expected = content_of(1, 2048, 1000000);
    assert_non_null(strstr(expected, "window|"));
    for (size_t w = 0; w < 3; w++)
        for (size_t c = 0; c < 3; c++) {
            char *content = content_of(workers[w], chunks[c], c == 0 ? 50 : 500);
            assert_string_equal(content, expected);
            world_free(content);
        }
    world_free(expected);
}

/* A shard reads back at recovery what its rows change, whatever the number of shards. */
static void
every_key_group_has_one_shard(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= 64; count++) {
        assert_int_equal(shard_group_begin(0, count), 0);
        assert_int_equal(shard_group_begin(count, count), STATE_GROUP_COUNT);
        for (uint32_t group = 0; group < STATE_GROUP_COUNT; group++) {
            uint32_t shard = shard_of_group(group, count);
            assert_true(group >= shard_group_begin(shard, count) && group < shard_group_begin(shard + 1, count));
        }
    }
}

/* P2: commits take a twentieth of the time, a fifth where an alert waits; without one never more often than asked. */
static void
epochs_last_as_long_as_their_commits_cost(void **state)
{
    (void)state;
    assert_int_equal(cut_gap_us(1000, 5000, false), 20000);
    assert_int_equal(cut_gap_us(1000, 4000, true), 5000);
    assert_int_equal(cut_gap_us(100, 4000, false), 4000);
    assert_int_equal(cut_gap_us(300, 4000, true), 1500); /* An alert does not wait for the interval. */
    assert_int_equal(cut_gap_us(0, 4000, true), 0);
}

/* An alert hurries the epoch that it belongs to, and not the one behind it, where rows still come to an epoch that is cut already. */
static void
an_alert_hurries_its_own_epoch(void **state)
{
    static struct runtime runtime;
    struct epoch_output   output = { .awaits_alert = true };
    (void)state;
    waker_init(&runtime.committer);
    atomic_store(&runtime.announced, 4);
    runtime_look_for_alerts(&runtime, &output, 4);
    assert_false(atomic_load(&runtime.has_alert));
    runtime_look_for_alerts(&runtime, &output, 5);
    assert_true(atomic_load(&runtime.has_alert));
    atomic_store(&runtime.has_alert, false);
    output.awaits_alert = false;
    runtime_look_for_alerts(&runtime, &output, 5);
    assert_false(atomic_load(&runtime.has_alert));
    waker_release(&runtime.committer);
}

/* 'L': there was a last call, and none behind it; '.': none was the last yet. */
static enum status
delivery_step(void *context, bool is_last, int64_t now_us, struct error *error)
{
    char *told = context;
    (void)now_us, (void)error;
    *told = *told == 'L' ? '!' : is_last ? 'L' : '.';
    return ST_OK;
}

/* P9: behind the last epoch all that is due is tried once more. */
static void
the_last_delivery_is_of_all(void **state)
{
    char                folder[TEMP_DIR_SIZE_MAX], told = '\0';
    struct live_summary summary;
    (void)state;
    temp_dir_init(folder);
    world_write(folder, PARTITION_COUNT, 100, 3);
    struct world_options options = options_of(folder);
    options.delivery             = (struct live_delivery){ &told, delivery_step, NULL };
    assert_int_equal(world_run(&options, &summary, &err), ST_OK);
    assert_int_equal(told, 'L');
    temp_dir_release(folder);
}

/* ---- Looking on ---- */

/* Taps one step after the other, until the stream is over. */
struct looker {
    struct thread   thread;
    struct live_tap tap;
    atomic_bool     is_over;
    uint32_t        row_count;
};

static void
look_on(void *context)
{
    static const char *const steps[] = { "decode", "dedup", "window_1m", "high" };
    struct looker           *looker  = context;
    static const struct entity entity = { .name = "event" };
    static const struct model  model  = { .entities = &entity, .entity_count = 1 };
    for (uint32_t i = 0; !atomic_load(&looker->is_over); i++) {
        struct str_builder text = STR_BUILDER_EMPTY;
        if (live_tap_begin(&looker->tap, str_from(steps[i % 4]), 3, i % 8 < 4, NULL) != ST_OK)
            continue; /* Not begun yet, or still copying. */
        while (!live_tap_is_full(&looker->tap) && !atomic_load(&looker->is_over))
            ;
        live_tap_end(&looker->tap);
        live_tap_print(&looker->tap, &model, &text);
        for (const char *at = str_builder_cstr(&text); (at = strstr(at, "\"partition\":\"p")) != NULL; at++)
            looker->row_count++;
        live_tap_clear(&looker->tap);
        str_builder_release(&text);
    }
}

/* Who taps, and who measures, changes nothing; the meters' time is the process's, but for what this test itself takes. */
static void
looking_on_changes_nothing(void **state)
{
    char                    folder[TEMP_DIR_SIZE_MAX];
    static struct looker    looker;
    static struct live_cost cost;
    struct live_summary     summary;
    (void)state;
    char *expected = content_of(1, 2048, 1000000);
    temp_dir_init(folder);
    world_write(folder, PARTITION_COUNT, LINE_COUNT, 42);
    struct world_options options = options_of(folder);
    options.worker_count         = 2;
    options.chunk_row_count      = 7;
    options.epoch_row_count      = 500;
    options.tap                  = &looker.tap;
    options.cost                 = &cost;
    cost                         = (struct live_cost){ .now_ns = process_thread_cpu_ns };
    assert_int_equal(thread_start(&looker.thread, look_on, &looker, NULL), ST_OK);
    assert_int_equal(world_run(&options, &summary, &err), ST_OK);
    atomic_store(&looker.is_over, true);
    thread_join(&looker.thread);
    assert_true(looker.row_count > 0); /* How many depends on how often this thread had its turn. */
    live_tap_release(&looker.tap);

    assert_int_equal(cost.thread_count, 2);
    assert_int_equal(cost.step_count, 3);
    assert_string_equal(cost.step_names[0], "dedup");
    assert_string_equal(cost.step_names[2], "high");
    int64_t sum = 0;
    for (unsigned part = 0; part < COST_PART_COUNT; part++) {
        assert_true(cost.ns[part] >= 0 && (part < cost_rows(cost.step_count) || cost.ns[part] == 0));
        sum += cost.ns[part];
    }
    assert_true(cost.ns[cost_rows(0)] > 0 && cost.ns[cost_rows(1)] > 0 && cost.ns[cost_barrier(1)] > 0 && cost.ns[cost_rows(2)] > 0);
    assert_true(cost.ns[COST_SEND] > 0 && cost.ns[COST_SEAL] > 0 && cost.ns[COST_COMMIT] > 0 && cost.ns[COST_RECORD] > 0 && cost.ns[COST_START] > 0);
    assert_true(sum <= summary.cpu_us * 1000 + 1000000);
    for (uint32_t i = 0; i < cost.thread_count; i++) {
        int64_t waited = 0;
        for (int wait = 0; wait < COST_WAIT_COUNT; wait++)
            waited += cost.threads[i].wait_us[wait];
        assert_true(waited >= 0 && waited <= cost.threads[i].wall_us && cost.threads[i].wall_us <= summary.duration_us);
    }
    char *content = world_content(folder);
    assert_string_equal(content, expected);
    world_free(content);
    world_free(expected);
    temp_dir_release(folder);
}

/* I1: what is not accounted for is not committed. */
static void
an_epoch_that_does_not_add_up_is_refused(void **state)
{
    static const struct {
        const char *log, *message;
    } cases[] = { { "e1 a 100 1\nlost\ne2 a 101 1\n", "partition p0.log, records: received 3 is not loaded 2" },
                  { "e1 a 100 1\nlong\n", "partition p0.log moved by 16 bytes, 17 are accounted for" } };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char                folder[TEMP_DIR_SIZE_MAX], path[TEMP_DIR_SIZE_MAX + 16];
        struct live_summary summary;
        temp_dir_init(folder);
        snprintf(path, sizeof(path), "%s/p0.log", folder);
        assert_true(support_write_file(path, cases[i].log, strlen(cases[i].log)));
        struct world_options options = options_of(folder);
        error_clear(&err);
        assert_int_equal(world_run(&options, &summary, &err), ST_ERROR);
        assert_int_equal(err.code, ERR_INTERNAL);
        assert_non_null(strstr(err.message, cases[i].message));
        assert_int_equal(world_ask(folder, "select count(*) from epoch"), 0);
        temp_dir_release(folder);
    }
}

/* The digest of an epoch's outputs goes by what they say: not by threads, but by every log. */
static void
the_digest_of_outputs_follows_from_content(void **state)
{
    static const uint32_t workers[] = { 1, 4, 1 };
    char                  digests[3][HASH128_TEXT_SIZE];
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        char                folder[TEMP_DIR_SIZE_MAX];
        struct live_summary summary;
        temp_dir_init(folder);
        world_write(folder, PARTITION_COUNT, 200, i < 2 ? 5 : 6);
        struct world_options options = options_of(folder);
        options.worker_count      = workers[i];
        options.epoch_interval_us = INT64_C(3600000000);
        assert_int_equal(world_run(&options, &summary, &err), ST_OK);
        assert_int_equal(summary.epoch_last, 2); /* The start, and the end: what the start decides holds before a row uses it (P3). */
        assert_int_equal(world_ask(folder, "select coalesce(sum(received), 0) from epoch where epoch = 1"), 0);
        world_text(folder, "select output_digest from epoch_header where epoch = 2", digests[i], sizeof(digests[i]));
        temp_dir_release(folder);
    }
    assert_string_equal(digests[0], digests[1]);
    assert_string_not_equal(digests[0], digests[2]);
}

/* ---- Killed ---- */

#define KILL_COUNT 30

/* Reads the clock and tells the parent: threads do so at every step, so the parent's count of bytes is a place in the run. */
static int pipe_out;

static int64_t
telling_now(void *context)
{
    (void)context;
    if (write(pipe_out, "", 1) != 1)
        _exit(3);
    return clock_now_us(process_clock());
}

static int64_t
telling_monotonic(void *context)
{
    (void)context;
    return clock_monotonic_us(process_clock());
}

static void
run_child(const char *folder, uint32_t workers)
{
    const struct clock   clock   = { telling_now, telling_monotonic, NULL };
    struct live_summary  summary;
    struct world_options options = options_of(folder);
    options.worker_count      = workers;
    options.chunk_row_count   = 7;
    options.epoch_row_count   = 40;
    options.epoch_interval_us = 1000;
    options.clock             = &clock;
    options.end               = LIVE_ONCE;
    enum status status        = world_run(&options, &summary, &err);
    if (status != ST_OK)
        fprintf(stderr, "%s; %s\n", err.message, err.context);
    _exit(status == ST_OK ? 0 : 1);
}

/* Runs the leg in a process of its own and kills it after `step_count` steps. False: it was done before. */
static bool
run_and_kill(const char *folder, uint32_t workers, uint64_t step_count)
{
    int  ends[2], state = 0;
    char bytes[256];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        pipe_out = ends[1];
        run_child(folder, workers);
    }
    close(ends[1]);
    uint64_t seen = 0;
    ssize_t  size = 1;
    while (seen < step_count && size > 0) {
        size = read(ends[0], bytes, sizeof(bytes));
        seen += size > 0 ? (uint64_t)size : 0;
    }
    if (size > 0)
        kill(child, SIGKILL);
    close(ends[0]);
    assert_int_equal(waitpid(child, &state, 0), child);
    if (WIFEXITED(state))
        assert_int_equal(WEXITSTATUS(state), 0);
    return WIFSIGNALED(state);
}

/* I2, P10: also with another number of shards at each start. */
static void
killed_at_any_moment_it_ends_with_the_same_content(void **state)
{
    char                folder[TEMP_DIR_SIZE_MAX], unkilled[TEMP_DIR_SIZE_MAX];
    struct live_summary summary;
    struct random       random;
    int                 kill_count = 0;
    int64_t             generation_count = 0;
    (void)state;
    temp_dir_init(unkilled);
    world_write(unkilled, PARTITION_COUNT, LINE_COUNT, 7);
    struct world_options options = options_of(unkilled);
    options.end                  = LIVE_ONCE;
    assert_int_equal(world_run(&options, &summary, &err), ST_OK);
    char *expected = world_content(unkilled);

    random_init(&random, 1);
    while (kill_count < KILL_COUNT) {
        temp_dir_init(folder);
        world_write(folder, PARTITION_COUNT, LINE_COUNT, 7);
        while (run_and_kill(folder, 1 + (uint32_t)random_below(&random, 3), 1 + random_below(&random, 600)))
            kill_count++;
        char *content = world_content(folder);
        assert_string_equal(content, expected);
        assert_int_equal(world_ask(folder, "select max(epoch) - count(*) from epoch_header"), 0);
        generation_count += world_ask(folder, "select count(distinct generation) from epoch_header");
        world_free(content);
        temp_dir_release(folder);
    }
    assert_true(generation_count > KILL_COUNT / 2); /* Most of them had committed something. */
    world_free(expected);
    temp_dir_release(unkilled);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_chunks_and_epochs_do_not_change_content),
        cmocka_unit_test(every_key_group_has_one_shard),
        cmocka_unit_test(epochs_last_as_long_as_their_commits_cost),
        cmocka_unit_test(an_alert_hurries_its_own_epoch),
        cmocka_unit_test(the_last_delivery_is_of_all),
        cmocka_unit_test(looking_on_changes_nothing),
        cmocka_unit_test(an_epoch_that_does_not_add_up_is_refused),
        cmocka_unit_test(the_digest_of_outputs_follows_from_content),
        cmocka_unit_test(killed_at_any_moment_it_ends_with_the_same_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
