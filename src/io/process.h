/* The process and its machine: clocks, what was used, and the signals that ask it to stop. */
#ifndef HEDDLE_IO_PROCESS_H
#define HEDDLE_IO_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"

/* The machine's clocks behind base/clock.h. Static. */
const struct clock *process_clock(void);

struct process_usage {
    int64_t cpu_us;             /* User and system, all threads. */
    int64_t user_us, system_us; /* The same in parts, as the system's scheduler accounts them. */
    int64_t resident_bytes_max; /* The most that was ever resident. */
};
struct process_usage process_usage(void);
/* Processor time of the calling thread alone, in nanoseconds. Asks the system. */
int64_t process_thread_cpu_ns(void);

/* Processors this process may run on, at least 1. */
unsigned process_cpu_count(void);

/* Whom this process acts for, and where. Texts are cut to fit, and empty where they are not known. */
struct process_identity {
    int64_t user_id;
    int64_t process_id;
    char    user[64]; /* The name of user_id, from the system's database: never from the environment. */
    char    host[64];
};
void process_identity(struct process_identity *ret_identity);

/* `path` from the root, without empty and "." parts; ".." stays, for a link may lie before it. NUL-terminated, in the arena. */
enum status process_absolute_path(struct str path, struct arena *arena, struct str *ret_path, struct error *err);

/* From now on files that are made are for this user alone, also those that libraries make: warehouse and store hold patient data. */
void process_make_private(void);

/* Opens those of stdin, stdout and stderr that the caller left closed, so that no file of ours gets their numbers: what is
 * printed would be written into the warehouse. First of all, at start. */
enum status process_standard_files_init(struct error *err);

/* From now on SIGINT and SIGTERM are only noted. A second one of the same ends the process at once, as by default:
 * who is asked twice has no time to finish. SIGPIPE is ignored. Once, at start. */
enum status process_signals_init(struct error *err);
/* 0, or the signal that asked to stop. One atomic load. */
int process_stop_signal(void);

#endif
