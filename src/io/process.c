#include "io/process.h"

#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/time.h"
#include "io/file.h"

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

static int64_t
time_of(struct timeval time)
{
    return time.tv_sec * US_PER_SECOND + time.tv_usec;
}

struct process_usage
process_usage(void)
{
    struct rusage usage = { 0 };
    getrusage(RUSAGE_SELF, &usage);
    return (struct process_usage){
        .cpu_us             = read_clock(CLOCK_PROCESS_CPUTIME_ID),
        .user_us            = time_of(usage.ru_utime),
        .system_us          = time_of(usage.ru_stime),
        .resident_bytes_max = usage.ru_maxrss * INT64_C(1024), /* Linux counts kilobytes. */
    };
}

int64_t
process_thread_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
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

void
process_identity(struct process_identity *ret_identity)
{
    struct passwd  entry;
    struct passwd *found = NULL;
    char           buffer[4096];

    *ret_identity = (struct process_identity){ .user_id = getuid(), .process_id = getpid() };
    if (getpwuid_r(getuid(), &entry, buffer, sizeof buffer, &found) == 0 && found != NULL)
        snprintf(ret_identity->user, sizeof ret_identity->user, "%s", found->pw_name);
    if (gethostname(ret_identity->host, sizeof ret_identity->host) != 0)
        ret_identity->host[0] = '\0';
    ret_identity->host[sizeof ret_identity->host - 1] = '\0'; /* A cut name has no end of its own. */
}

enum status
process_absolute_path(struct str path, struct arena *arena, struct str *ret_path, struct error *err)
{
    char       folder[PATH_SIZE_MAX] = "";
    struct str parts[2]              = { STR_EMPTY, path };

    if (!str_starts_with(path, STR("/"))) {
        if (getcwd(folder, sizeof folder) == NULL)
            return io_error(err, "find the current folder", ".");
        parts[0] = str_from(folder);
    }
    char *out = arena_alloc(arena, parts[0].size + parts[1].size + 3, 1);
    if (out == NULL)
        return error_no_memory(err);
    size_t size = 0;
    for (int i = 0; i < 2; i++) {
        struct str_split split = str_split_init(parts[i], '/');
        struct str       part;
        while (str_split_next(&split, &part)) {
            if (part.size == 0 || str_equal(part, STR(".")))
                continue;
            out[size++] = '/';
            memcpy(out + size, part.data, part.size);
            size += part.size;
        }
    }
    if (size == 0)
        out[size++] = '/';
    out[size] = '\0';
    *ret_path = str_of(out, size);
    return ST_OK;
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

void
process_make_private(void)
{
    umask(077);
}

enum status
process_standard_files_init(struct error *err)
{
    int fd;
    do {
        /* The way that is not its own: what closed it is told at the first byte, as if it were still closed. */
        int flags = fcntl(STDIN_FILENO, F_GETFD) == -1 ? O_WRONLY : O_RDONLY;
        fd        = open("/dev/null", flags | O_CLOEXEC);
        if (fd < 0)
            return error_set(err, ERR_IO, "cannot open /dev/null");
    } while (fd <= STDERR_FILENO);
    close(fd);
    return ST_OK;
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
