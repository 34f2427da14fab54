#include "io/process.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "base/time.h"

static int64_t
read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

static int64_t
system_now_us(void *context)
{
    (void)context;
    return read_clock(CLOCK_REALTIME);
}

static int64_t
system_monotonic_us(void *context)
{
    (void)context;
    return read_clock(CLOCK_MONOTONIC);
}

const struct clock *
process_clock(void)
{
    static const struct clock clock = { system_now_us, system_monotonic_us, NULL };
    return &clock;
}

struct process_usage
process_usage(void)
{
    struct rusage usage = { 0 };
    getrusage(RUSAGE_SELF, &usage);
    return (struct process_usage){
        .cpu_us             = read_clock(CLOCK_PROCESS_CPUTIME_ID),
        .resident_bytes_max = usage.ru_maxrss * INT64_C(1024), /* Linux counts kilobytes. */
    };
}

unsigned
process_cpu_count(void)
{
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0)
        return 1;
    int count = CPU_COUNT(&cpus);
    return count > 0 ? (unsigned)count : 1;
}

/* ---- Signals ---- */

static atomic_int stop_signal;

static void
note_signal(int number)
{
    atomic_store(&stop_signal, number);
}

int
process_stop_signal(void)
{
    return atomic_load_explicit(&stop_signal, memory_order_relaxed);
}

enum status
process_signals_init(struct error *err)
{
    /* SA_RESETHAND: the second signal finds the default. No SA_RESTART: a wait ends and its caller looks here. */
    struct sigaction note   = { .sa_handler = note_signal, .sa_flags = (int)SA_RESETHAND };
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    if (sigaction(SIGINT, &note, NULL) != 0 || sigaction(SIGTERM, &note, NULL) != 0 ||
        sigaction(SIGPIPE, &ignore, NULL) != 0)
        return error_set(err, ERR_INTERNAL, "cannot catch signals");
    return ST_OK;
}
