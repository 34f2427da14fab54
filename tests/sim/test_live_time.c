/* Time of the live leg over several partitions: what idle ones hold up and how long (streaming.idle_keep), and how far one is read ahead of
 * the others (runtime.ahead). What is late is a function of the log and of the decisions in the headers, never of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "io/io.h"
#include "io/process.h"
#include "support/support.h"

#include "sim/live_world.inc"

#define KEEP_SECONDS 300
#define AHEAD_SECONDS 200

static struct error err;

static struct world_options
options_of(const char *folder)
{
    return (struct world_options){ .folder = folder, .worker_count = 1, .chunk_row_count = 7, .epoch_row_count = 50, .epoch_interval_us = 1000000,
                                   .idle_keep_us = KEEP_SECONDS * INT64_C(1000000), .ahead_us = INT64_C(3600000000), .io = io_system(),
                                   .clock = process_clock(), .end = LIVE_ONCE };
}

/* Goes on to the log's present end. */
static struct live_summary
run_on(const struct world_options *options)
{
    struct live_summary summary;
    error_clear(&err);
    enum status status = world_run(options, &summary, &err);
    if (status != ST_OK)
        print_error("%s; %s\n", err.message, err.context);
    assert_int_equal(status, ST_OK);
    return summary;
}

/* Writes what a log has from now on, all of it. */
static void
write_log(const char *folder, const char *name, const char *text)
{
    char path[TEMP_DIR_SIZE_MAX + 32];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_true(support_write_file(path, text, strlen(text)));
}

/* One event each `step` seconds, from `begin` to `end`, both included. */
static void
write_series(const char *folder, const char *name, int begin, int end, int step)
{
    struct str_builder text = STR_BUILDER_EMPTY;
    for (int second = begin; second <= end; second += step)
        str_builder_printf(&text, "%s-%d a %d 1\n", name, second, second);
    write_log(folder, name, str_builder_cstr(&text));
    str_builder_release(&text);
}

/* p0.log goes from 1000 to `last`; p1.log has one event and is silent from then on, over two starts. */
static struct world_options
silent_world(char folder[TEMP_DIR_SIZE_MAX], int last, int64_t keep_us)
{
    temp_dir_init(folder);
    write_series(folder, "p0.log", 1000, last, 1);
    write_log(folder, "p1.log", "p1-0 b 1000 1\n");
    struct world_options options = options_of(folder);
    options.idle_keep_us         = keep_us;
    run_on(&options);
    run_on(&options); /* Its only epoch follows what the first start decided at its end. */
    return options;
}

static void
expect_text(const char *folder, const char *sql, const char *expected)
{
    char text[512];
    world_text(folder, sql, text, sizeof(text));
    assert_string_equal(text, expected);
}

#define DECIDED(what) "select json_extract(decisions, '$." what "') from epoch_header order by epoch desc limit 1"
#define LATE          "select coalesce(group_concat(partition_id || ' ' || (event_time / 1000000) || ' ' || (watermark / 1000000) || ' ' || reason_code, ', '), '') " \
                      "from (select * from late_event order by position)"

/* Windows end each 60 s, late is 30 s later: what is of 1739 is late from 1770 on. The newest watermark is 10 s behind the last event, and an
 * idle partition's no more than KEEP_SECONDS behind that. */
static void
an_idle_partition_holds_up_freeing_for_so_long(void **state)
{
    static const struct {
        int         last;
        const char *raised, *late;
    } cases[] = { { 2080, "{\"p1.log\":1770000000}", "p1.log 1739 1770 source_idle" }, { 2079, "{\"p1.log\":1769000000}", "" } };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char                 folder[TEMP_DIR_SIZE_MAX];
        struct world_options options = silent_world(folder, cases[i].last, KEEP_SECONDS * INT64_C(1000000));
        expect_text(folder, DECIDED("idle_raised"), cases[i].raised);
        assert_int_equal(world_ask(folder, DECIDED("min_watermark")), INT64_C(1000000) * (cases[i].last - 310));
        write_log(folder, "p1.log", "p1-0 b 1000 1\nx b 1739 2\ny b 1740 4\n");
        run_on(&options);
        expect_text(folder, LATE, cases[i].late);
        /* In time, though its window is closed long since. */
        assert_int_equal(world_ask(folder, "select value_sum from window_1m where facility = 'b' and window_start = 1740000000"), 4);
        assert_int_equal(world_ask(folder, "select count(*) from window_1m where facility = 'b' and window_start = 1680000000"), i);
        assert_int_equal(world_ask(folder, "select sum(received) - sum(loaded) from epoch where entity = ''"), 0);
        temp_dir_release(folder);
    }
}

/* The watermark that idleness raised is remembered over a start, until an event of the partition's own is ahead of it. */
static void
what_was_raised_is_remembered(void **state)
{
    char                 folder[TEMP_DIR_SIZE_MAX];
    struct world_options options = silent_world(folder, 2080, KEEP_SECONDS * INT64_C(1000000));
    (void)state;
    write_log(folder, "p1.log", "p1-0 b 1000 1\nx b 1739 2\n");
    run_on(&options);
    expect_text(folder, DECIDED("idle_raised"), "{\"p1.log\":1770000000}");
    write_log(folder, "p1.log", "p1-0 b 1000 1\nx b 1739 2\ny b 1738 4\n");
    run_on(&options);
    write_log(folder, "p1.log", "p1-0 b 1000 1\nx b 1739 2\ny b 1738 4\nz b 1781 8\nlast b 1739 1\n");
    run_on(&options);
    expect_text(folder, LATE, "p1.log 1739 1770 source_idle, p1.log 1738 1770 source_idle, p1.log 1739 1771 too_late");
    expect_text(folder, DECIDED("idle_raised"), "{}");
    temp_dir_release(folder);
}

/* A partition without an event yet holds up all freeing; and without idle_keep it does so for good. */
static void
an_empty_partition_is_raised_too(void **state)
{
    char folder[TEMP_DIR_SIZE_MAX];
    (void)state;
    temp_dir_init(folder);
    write_series(folder, "p0.log", 1000, 2080, 1);
    write_log(folder, "p1.log", "");
    struct world_options options = options_of(folder);
    options.idle_keep_us         = 0;
    run_on(&options);
    run_on(&options);
    assert_int_equal(world_ask(folder, DECIDED("min_watermark")), INT64_MIN);
    expect_text(folder, DECIDED("idle_raised"), "{}");
    options.idle_keep_us = KEEP_SECONDS * INT64_C(1000000);
    run_on(&options);
    assert_int_equal(world_ask(folder, DECIDED("min_watermark")), INT64_C(1770000000));
    temp_dir_release(folder);
}

/* ---- Alignment ---- */

struct places {
    int64_t epoch;
    int64_t watermarks[2];
    int64_t skew_us_max; /* While both have more to read. */
    int64_t end_us;
};

static void
judge_epoch(struct places *places)
{
    int64_t skew = places->watermarks[0] - places->watermarks[1];
    skew         = skew < 0 ? -skew : skew;
    if (places->watermarks[0] < places->end_us && places->watermarks[1] < places->end_us && skew > places->skew_us_max)
        places->skew_us_max = skew;
}

/* Who did not move in an epoch has no row of it. */
static int
take_place(void *context, int count, char **values, char **names)
{
    struct places *places = context;
    int64_t        epoch  = strtoll(values[0], NULL, 10);
    (void)count, (void)names;
    if (epoch != places->epoch)
        judge_epoch(places);
    places->epoch                            = epoch;
    places->watermarks[values[1][1] - '0'] = strtoll(values[2], NULL, 10);
    return 0;
}

/* A year of one partition passes as a day of another: one has an event each 100 s, the other each second. */
static int64_t
skew_of(int64_t ahead_us)
{
    char          folder[TEMP_DIR_SIZE_MAX];
    struct places places = { 0, { 0, 0 }, 0, INT64_C(4990000000) };
    temp_dir_init(folder);
    write_series(folder, "p0.log", 0, 5000, 100);
    write_series(folder, "p1.log", 0, 5000, 1);
    struct world_options options = options_of(folder);
    options.chunk_row_count      = 1;
    options.epoch_row_count      = 20;
    options.ahead_us             = ahead_us;
    run_on(&options);
    sqlite3 *db = open_store(folder);
    assert_int_equal(sqlite3_exec(db, "select epoch, partition_id, watermark from epoch where entity = '' order by epoch", take_place, &places, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(world_ask(folder, "select sum(loaded) from epoch where entity = ''"), 51 + 5001);
    temp_dir_release(folder);
    return places.skew_us_max;
}

static void
a_fast_partition_waits_for_the_slowest(void **state)
{
    (void)state;
    assert_true(skew_of(INT64_C(1000000000000)) > INT64_C(4000000000));
    /* And what one record carries it further. */
    assert_true(skew_of(AHEAD_SECONDS * INT64_C(1000000)) <= (AHEAD_SECONDS + 100) * INT64_C(1000000));
    assert_true(skew_of(0) <= 100 * INT64_C(1000000));
}

/* Ended, empty and stumbling partitions, of other workers too, let nobody wait for ever; nor is content changed. */
static void
waiting_does_not_change_content(void **state)
{
    static const int64_t  aheads[]  = { 0, 3000000, INT64_C(1000000000000) };
    static const uint32_t workers[] = { 1, 2, 4 };
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        char *expected = NULL;
        for (size_t i = 0; i < 9; i++) {
            char folder[TEMP_DIR_SIZE_MAX];
            temp_dir_init(folder);
            world_write(folder, 5, 300, seed);
            write_series(folder, "p5.log", 1300, 1310, 10); /* Far ahead, and at its end at once. */
            write_log(folder, "p6.log", "");
            write_log(folder, "p7.log", "bad\n\n\nping\nbad\nbegun");
            struct world_options options = options_of(folder);
            options.worker_count = workers[i / 3];
            options.ahead_us     = aheads[i % 3];
            options.idle_keep_us = 0;
            options.end          = LIVE_DRAIN;
            run_on(&options);
            char *content = world_content(folder);
            if (expected != NULL)
                assert_string_equal(content, expected);
            else
                assert_non_null(strstr(content, "late|"));
            world_free(expected);
            expected = content;
            temp_dir_release(folder);
        }
        world_free(expected);
    }
}

/* ---- The budget of state ---- */

/* Beyond it the leg goes on, slowly, and to the same end; who remembers most is named. */
static void
a_budget_changes_no_content(void **state)
{
    char *expected = NULL;
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        char folder[TEMP_DIR_SIZE_MAX];
        temp_dir_init(folder);
        world_write(folder, 3, 400, 11);
        struct world_options options = options_of(folder);
        options.chunk_row_count  = 64;
        options.worker_count     = 1 + i;
        options.state_bytes_max  = i == 0 ? 0 : 1;
        options.end              = LIVE_DRAIN;
        struct live_summary summary = run_on(&options);
        assert_string_equal(summary.state.largest, "dedup");
        assert_true(summary.state.bytes >= summary.state.largest_bytes && summary.state.largest_bytes > 0 && summary.state.entry_count > 0);
        assert_int_equal(summary.state.is_full, i > 0);
        assert_int_equal(summary.state_full_epoch_count > 2, i > 0);
        char *content = world_content(folder);
        if (expected != NULL)
            assert_string_equal(content, expected);
        world_free(expected);
        expected = content;
        temp_dir_release(folder);
    }
    world_free(expected);
}

/* Expired entries are freed where a table has doubled; beyond the budget at each barrier. */
static void
beyond_the_budget_nothing_expired_is_kept(void **state)
{
    int64_t counts[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        char folder[TEMP_DIR_SIZE_MAX];
        temp_dir_init(folder);
        write_series(folder, "p0.log", 1000, 7000, 1);
        struct world_options options = options_of(folder);
        options.chunk_row_count      = 100;
        options.epoch_row_count      = 200;
        options.epoch_interval_us    = INT64_C(3600000000);
        options.state_bytes_max      = i;
        struct live_summary summary  = run_on(&options);
        counts[i]                    = summary.state.entry_count;
        temp_dir_release(folder);
    }
    /* Ids of the last window and the lateness, and what an epoch adds. */
    assert_in_range(counts[1], 1, 60 + 30 + 10 + 60 + 200 + 10);
    assert_true(counts[0] > counts[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_partition_holds_up_freeing_for_so_long),
        cmocka_unit_test(what_was_raised_is_remembered),
        cmocka_unit_test(an_empty_partition_is_raised_too),
        cmocka_unit_test(a_fast_partition_waits_for_the_slowest),
        cmocka_unit_test(waiting_does_not_change_content),
        cmocka_unit_test(a_budget_changes_no_content),
        cmocka_unit_test(beyond_the_budget_nothing_expired_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
