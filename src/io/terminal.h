/* What the program talks to: a person at a terminal, or a pipe; and the line that shows a person how far long work is.
 *
 * A progress line is for people only: it appears on a terminal on stderr, after 2 seconds (short work is over before one
 * could read it), is written at most 10 times a second and is gone when the work ends. In a pipe nothing is written. */
#ifndef HEDDLE_IO_TERMINAL_H
#define HEDDLE_IO_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/limits.h"
#include "io/io.h"

struct terminal {
    int      fd;
    bool     is_terminal; /* And not one that cannot move its cursor (TERM=dumb). */
    bool     has_color;   /* A terminal, and the environment has no NO_COLOR (no-color.org). */
    unsigned width;       /* Columns, at least 20. 80 where nobody knows. */
};

/* Of standard output (1) or standard error (2). */
struct terminal terminal_of(int fd);

enum progress_unit {
    PROGRESS_ITEMS, /* Files, rows, events: 12,345 */
    PROGRESS_BYTES, /* 1.2 GB */
};

/* One line at a time for one terminal, by one thread at a time. Owns nothing, allocates nothing. */
struct progress {
    struct io         *io;
    struct terminal    terminal;
    const struct clock *clock;
    const char        *what; /* "decoding": shown in front. Static, or living as long as the line. */
    enum progress_unit unit;
    int64_t            start_us; /* Monotonic. */
    int64_t            shown_us; /* When it was last written; 0: never. */
    bool               is_shown;
};

/* Starts the count of the 2 seconds. `clock` and `io` must outlive the line. */
void progress_begin(struct progress *progress, struct io *io, const struct terminal *terminal, const struct clock *clock,
                    const char *what, enum progress_unit unit);
/* How far the work is: `done` of `total` (0: not known, then neither bar, percent nor remaining time is shown). Cheap
 * enough to call for every chunk: one reading of the clock, and a write only when it is time for one. */
void progress_update(struct progress *progress, uint64_t done, uint64_t total);
/* Clears the line where one is shown. Also before anything else is written to stderr: the next update shows it again. */
void progress_clear(struct progress *progress);

/* The line's text as it would be shown after `elapsed_us` of work, without control characters, at most `width` - 1 columns
 * (a full line would wrap on some terminals). Returns its size in bytes, below PROGRESS_LINE_SIZE. */
size_t progress_format(const struct progress *progress, uint64_t done, uint64_t total, int64_t elapsed_us,
                       char out[PROGRESS_LINE_SIZE]);

#endif
