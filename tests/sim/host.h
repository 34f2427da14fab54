/* The machine as one simulated process sees it: system calls over the simulated disk (struct io), a clock, and one mishap at a call that
 * was drawn beforehand.
 *
 * A process that has died reaches nothing any more: each further call fails and leaves nothing behind, so that its memory can be given
 * back the usual way, by the errors that it then meets. */
#ifndef HEDDLE_TESTS_SIM_HOST_H
#define HEDDLE_TESTS_SIM_HOST_H

#include "base/clock.h"
#include "io/io.h"
#include "sim/disk.h"

/* Which calls are counted for the mishap. */
enum host_call { HOST_ANY, HOST_WRITE, HOST_SYNC, HOST_STORE, HOST_CALL_COUNT };

enum host_mishap {
    HOST_NONE,
    HOST_ERROR,      /* The call fails with `error_number`; a sync may have lost what it should have written. */
    HOST_SHORT,      /* A write writes half. */
    HOST_DIES,       /* The process dies before the call. */
    HOST_DIES_AFTER, /* … between the call's effect and the next one. */
    HOST_UNKNOWN,    /* Of a store: it is done, and an error is told. */
    HOST_PAUSED,     /* The process is stopped inside the call, and `paused` runs meanwhile. */
    HOST_MISHAP_COUNT
};

struct host_plan {
    enum host_mishap mishap;
    enum host_call   call;
    uint64_t         at; /* From 1. */
    int              error_number;
};

struct host_open {
    struct disk_file *file;
    int64_t           offset;
    bool              is_append;
};

struct sim_time {
    int64_t       now_us; /* Monotonic. */
    struct random random; /* Of how long calls take. */
};

struct host {
    struct io         io; /* Pass &host.io. */
    struct clock      clock; /* Pass &host.clock. */
    struct disk      *disk;
    struct sim_time  *time;
    int64_t           wall_us; /* What the wall clock says beyond the monotonic time. */
    struct host_plan  plan;
    uint64_t          counts[HOST_CALL_COUNT];
    struct host_open **opened; /* By descriptor; NULL: closed. */
    size_t            opened_count;
    bool              is_dead;
    bool              has_met; /* The mishap has happened. */
    bool              dies_next;
    void (*paused)(void *context);
    void             *context;
};

void host_init(struct host *host, struct disk *disk, struct sim_time *time);
/* Closes what is open; the host may be dead. */
void host_release(struct host *host);

/* A call begins: time passes, and its mishap happens. What the call is to do then: HOST_NONE: all; HOST_ERROR: nothing, errno says why;
 * HOST_SHORT and HOST_UNKNOWN as they say. */
enum host_mishap host_call(struct host *host, enum host_call call);

#endif
