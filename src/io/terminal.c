#include "io/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/str.h"
#include "base/time.h"

#define WIDTH_MIN     20
#define WIDTH_DEFAULT 80
/* Wider lines are not read any more, they only cost. */
#define WIDTH_SHOWN_MAX 120
#define BAR_SIZE_MIN    10
#define BAR_SIZE_MAX    30
#define SHOW_AFTER_US   (2 * US_PER_SECOND)
#define SHOW_EVERY_US   (US_PER_SECOND / 10)

static unsigned
width_of(int fd)
{
    struct winsize size = { 0 };
    uint64_t       columns = 0;
    const char    *wanted = getenv("COLUMNS");
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        columns = size.ws_col;
    else if (wanted == NULL || !str_to_uint64(str_from(wanted), &columns) || columns == 0 || columns > 10000)
        columns = WIDTH_DEFAULT;
    return columns < WIDTH_MIN ? WIDTH_MIN : (unsigned)columns;
}

struct terminal
terminal_of(int fd)
{
    const char     *kind = getenv("TERM");
    const char     *no_color = getenv("NO_COLOR");
    struct terminal terminal = { .fd = fd, .width = width_of(fd) };
    terminal.is_terminal = isatty(fd) == 1 && (kind == NULL || strcmp(kind, "dumb") != 0);
    terminal.has_color = terminal.is_terminal && (no_color == NULL || no_color[0] == '\0');
    return terminal;
}

void
progress_begin(struct progress *progress, struct io *io, const struct terminal *terminal, const struct clock *clock,
               const char *what, enum progress_unit unit)
{
    *progress = (struct progress){
        .io = io,
        .terminal = *terminal,
        .clock = clock,
        .what = what,
        .unit = unit,
        .start_us = clock_monotonic_us(clock),
    };
}

/* ---- The line ---- */

struct line {
    char  *bytes;
    size_t size;
    size_t limit; /* Columns; all that is written here is ASCII, so bytes too. */
};

static void
line_append(struct line *line, const char *text, size_t size)
{
    size_t room = line->limit - line->size;
    if (size > room)
        size = room;
    memcpy(line->bytes + line->size, text, size);
    line->size += size;
}

static void
line_append_cstr(struct line *line, const char *text)
{
    line_append(line, text, strlen(text));
}

/* 12,345 or 1.2 GB. Powers of ten, as disks and networks are sold. */
static void
amount_format(enum progress_unit unit, uint64_t amount, char *out, size_t size)
{
    static const char *const names[] = { "kB", "MB", "GB", "TB", "PB" };
    if (unit == PROGRESS_ITEMS || amount < 1000) {
        char out_digits[COUNT_TEXT_SIZE];
        count_format(amount, out_digits);
        snprintf(out, size, "%s%s", out_digits, unit == PROGRESS_BYTES ? " B" : "");
        return;
    }
    unsigned power = 0;
    uint64_t tenths = amount / 100; /* Of the unit. */
    while (tenths >= 10000 && power + 1 < sizeof(names) / sizeof(names[0])) {
        tenths /= 1000;
        power++;
    }
    if (tenths >= 1000) /* 123 MB needs no tenth. */
        snprintf(out, size, "%llu %s", (unsigned long long)(tenths / 10), names[power]);
    else
        snprintf(out, size, "%llu.%llu %s", (unsigned long long)(tenths / 10), (unsigned long long)(tenths % 10),
                 names[power]);
}

static void
duration_format(uint64_t seconds, char *out, size_t size)
{
    if (seconds < 60)
        snprintf(out, size, "%llu s", (unsigned long long)seconds);
    else if (seconds < 3600)
        snprintf(out, size, "%llu:%02llu min", (unsigned long long)(seconds / 60), (unsigned long long)(seconds % 60));
    else
        snprintf(out, size, "%llu:%02llu h", (unsigned long long)(seconds / 3600),
                 (unsigned long long)(seconds / 60 % 60));
}

static void
bar_append(struct line *line, double share, size_t size)
{
    char bar[BAR_SIZE_MAX + 2];
    memset(bar, ' ', sizeof(bar));
    memset(bar + 1, '#', (size_t)(share * (double)size));
    bar[0] = '[';
    bar[size + 1] = ']';
    line_append_cstr(line, " ");
    line_append(line, bar, size + 2);
}

size_t
progress_format(const struct progress *progress, uint64_t done, uint64_t total, int64_t elapsed_us,
                char out[PROGRESS_LINE_SIZE])
{
    size_t      width = progress->terminal.width;
    struct line line = { out, 0, (width < WIDTH_SHOWN_MAX ? width : WIDTH_SHOWN_MAX) - 1 };
    char        tail[256], amount[48], whole[48] = "", rate[48], remaining[48];
    double      seconds = (double)elapsed_us / US_PER_SECOND;
    double      per_second = seconds > 0 ? (double)done / seconds : 0;
    amount_format(progress->unit, done, amount, sizeof(amount));
    amount_format(progress->unit, (uint64_t)per_second, rate, sizeof(rate));
    line_append_cstr(&line, progress->what);
    if (total == 0 || done > total) {
        snprintf(tail, sizeof(tail), "  %s  %s/s", amount, rate);
        line_append_cstr(&line, tail);
        return line.size;
    }
    double share = (double)done / (double)total;
    amount_format(progress->unit, total, whole, sizeof(whole));
    duration_format(per_second > 0 ? (uint64_t)((double)(total - done) / per_second + 0.5) : 0, remaining,
                    sizeof(remaining));
    snprintf(tail, sizeof(tail), " %3d %%  %s of %s  %s/s%s%s", (int)(share * 100), amount, whole, rate,
             per_second > 0 ? "  " : "", per_second > 0 ? remaining : "");
    size_t used = line.size + strlen(tail) + 3; /* A blank and the bar's brackets. */
    size_t bar = used < line.limit ? line.limit - used : 0;
    if (bar >= BAR_SIZE_MIN)
        bar_append(&line, share, bar < BAR_SIZE_MAX ? bar : BAR_SIZE_MAX);
    line_append_cstr(&line, tail);
    return line.size;
}

/* What cannot be shown is not shown: a progress line is no reason to fail. */
static void
show(struct progress *progress, const char *bytes, size_t size)
{
    ssize_t written = progress->io->write(progress->io, progress->terminal.fd, bytes, size);
    (void)written;
}

void
progress_update(struct progress *progress, uint64_t done, uint64_t total)
{
    if (!progress->terminal.is_terminal)
        return;
    int64_t now_us = clock_monotonic_us(progress->clock);
    int64_t elapsed_us = now_us - progress->start_us;
    if (elapsed_us < SHOW_AFTER_US || (progress->is_shown && now_us - progress->shown_us < SHOW_EVERY_US))
        return;
    char bytes[PROGRESS_LINE_SIZE + 8] = "\r";
    size_t size = 1 + progress_format(progress, done, total, elapsed_us, bytes + 1);
    memcpy(bytes + size, "\033[K", 3); /* Erases what a longer line before has left. */
    show(progress, bytes, size + 3);
    progress->shown_us = now_us;
    progress->is_shown = true;
}

void
progress_clear(struct progress *progress)
{
    if (progress->is_shown)
        show(progress, "\r\033[K", 4);
    progress->is_shown = false;
}
