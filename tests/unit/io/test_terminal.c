/* The progress line, as a person would see it, by a clock and a terminal of the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "io/terminal.h"

/* A terminal that keeps what is written. */
struct screen {
    struct io io;
    char      bytes[4096];
    size_t    size;
    unsigned  write_count;
};

static ssize_t
screen_write(struct io *io, int fd, const void *bytes, size_t size)
{
    struct screen *screen = (struct screen *)io;
    assert_int_equal(fd, 2);
    assert_true(screen->size + size < sizeof(screen->bytes));
    memcpy(screen->bytes + screen->size, bytes, size);
    screen->size += size;
    screen->bytes[screen->size] = '\0';
    screen->write_count++;
    return (ssize_t)size;
}

static void
begin(struct progress *progress, struct screen *screen, struct manual_clock *clock, unsigned width, bool is_terminal,
      enum progress_unit unit)
{
    struct terminal terminal = { .fd = 2, .is_terminal = is_terminal, .width = width };
    *screen = (struct screen){ .io = { .write = screen_write } };
    manual_clock_init(clock, 0);
    progress_begin(progress, &screen->io, &terminal, &clock->clock, "decoding", unit);
}

static void
test_shown_after_two_seconds(void **state)
{
    (void)state;
    struct progress     progress;
    struct screen       screen;
    struct manual_clock clock;
    begin(&progress, &screen, &clock, 80, true, PROGRESS_ITEMS);
    for (unsigned i = 0; i < 20; i++) {
        progress_update(&progress, i, 1000);
        manual_clock_advance(&clock, US_PER_SECOND / 10 - 1);
    }
    assert_int_equal(screen.write_count, 0);
    progress_clear(&progress); /* Nothing shown: nothing to clear. */
    assert_int_equal(screen.write_count, 0);
    manual_clock_advance(&clock, 20);
    progress_update(&progress, 500, 1000);
    assert_string_equal(screen.bytes,
                        "\rdecoding [###############               ]  50 %  500 of 1,000  250/s  2 s\033[K");
    /* Ten times a second and no more. */
    for (unsigned i = 0; i < 100; i++) {
        manual_clock_advance(&clock, US_PER_SECOND / 100);
        progress_update(&progress, 500, 1000);
    }
    assert_int_equal(screen.write_count, 11);
    screen.size = 0;
    progress_clear(&progress);
    assert_string_equal(screen.bytes, "\r\033[K");
    progress_clear(&progress);
    assert_int_equal(screen.write_count, 12);
}

static void
test_nothing_in_a_pipe(void **state)
{
    (void)state;
    struct progress     progress;
    struct screen       screen;
    struct manual_clock clock;
    begin(&progress, &screen, &clock, 80, false, PROGRESS_BYTES);
    manual_clock_advance(&clock, 10 * US_PER_SECOND);
    progress_update(&progress, 1, 2);
    progress_clear(&progress);
    assert_int_equal(screen.write_count, 0);
}

static void
check_line(unsigned width, enum progress_unit unit, uint64_t done, uint64_t total, int64_t elapsed_us, const char *wanted)
{
    struct progress     progress;
    struct screen       screen;
    struct manual_clock clock;
    char                line[PROGRESS_LINE_SIZE + 1];
    begin(&progress, &screen, &clock, width, true, unit);
    size_t size = progress_format(&progress, done, total, elapsed_us, line);
    assert_true(size < width && size < PROGRESS_LINE_SIZE);
    line[size] = '\0';
    assert_string_equal(line, wanted);
}

static void
test_lines(void **state)
{
    (void)state;
    check_line(80, PROGRESS_BYTES, 1234567890, 0, 2 * US_PER_SECOND, "decoding  1.2 GB  617 MB/s");
    check_line(80, PROGRESS_BYTES, 999, 12345678, 0, "decoding [                              ]   0 %  999 B of 12.3 MB  0 B/s");
    check_line(80, PROGRESS_ITEMS, 10, 10, US_PER_SECOND, "decoding [##############################] 100 %  10 of 10  10/s  0 s");
    check_line(80, PROGRESS_ITEMS, 12, 10, US_PER_SECOND, "decoding  12  12/s"); /* More than was expected: no share. */
    check_line(200, PROGRESS_ITEMS, 1, 7201, US_PER_SECOND,
               "decoding [                              ]   0 %  1 of 7,201  1/s  2:00 h");
    check_line(80, PROGRESS_ITEMS, 1, 91, US_PER_SECOND, "decoding [                              ]   1 %  1 of 91  1/s  1:30 min");
    /* Narrow: first the bar goes, then the end. */
    check_line(52, PROGRESS_ITEMS, 1, 91, US_PER_SECOND, "decoding [          ]   1 %  1 of 91  1/s  1:30 min");
    check_line(40, PROGRESS_ITEMS, 1, 91, US_PER_SECOND, "decoding   1 %  1 of 91  1/s  1:30 min");
    check_line(20, PROGRESS_ITEMS, 1, 91, US_PER_SECOND, "decoding   1 %  1 o");
    char line[PROGRESS_LINE_SIZE];
    struct progress widest = { .what = "decoding", .unit = PROGRESS_ITEMS, .terminal = { .width = 10000 } };
    assert_true(progress_format(&widest, UINT64_MAX - 1, UINT64_MAX, 1, line) < PROGRESS_LINE_SIZE);
}

static void
test_terminal_of_a_pipe(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(setenv("COLUMNS", "133", 1), 0);
    struct terminal terminal = terminal_of(ends[1]);
    assert_false(terminal.is_terminal);
    assert_false(terminal.has_color);
    assert_int_equal(terminal.width, 133);
    assert_int_equal(setenv("COLUMNS", "3", 1), 0);
    assert_int_equal(terminal_of(ends[1]).width, 20);
    assert_int_equal(setenv("COLUMNS", "no number", 1), 0);
    assert_int_equal(terminal_of(ends[1]).width, 80);
    close(ends[0]);
    close(ends[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shown_after_two_seconds),
        cmocka_unit_test(test_nothing_in_a_pipe),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_terminal_of_a_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
