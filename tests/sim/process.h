/* A simulated process that runs the live leg: all of it, from the log's bytes to the sink's file, but for its threads. Its actors step one
 * at a time, in an order that is drawn. */
#ifndef HEDDLE_TESTS_SIM_PROCESS_H
#define HEDDLE_TESTS_SIM_PROCESS_H

#include "graph/graph.h"
#include "live/runtime/runtime_int.h"
#include "sim/host.h"
#include "store/outbox.h"

/* Where all processes find everything on the simulated disk. tests/sim/bindings.json says the same. */
#define SIM_FOLDER        "/sim"
#define SIM_EVENTS_FOLDER "/sim/events"
#define SIM_ALERTS        "/sim/alerts.ndjson"
#define SIM_STORE         "/sim/store.db"

struct process_options {
    const struct graph *graph;
    uint32_t            worker_count;
    uint32_t            chunk_row_count;
    int64_t             epoch_row_count;
    int64_t             epoch_interval_us;
    int64_t             ahead_us;
    enum live_end       end;
    bool                is_delivering;
    bool                is_told_cuts; /* By its caller: it announces no epoch, not even the start's. */
};

struct process {
    struct host           host; /* Initialized by the caller. */
    struct graph          graph; /* With the options' runtime. */
    struct source        *source;
    struct store         *store;
    struct outbox        *outbox;
    struct live_options   options;
    struct runtime       *runtime;
    struct committer      committer;
    struct error          err;
    bool                  is_started;
    bool                  is_ended; /* Well, or with err. */
    bool                  is_stopping; /* Somebody asked it to. */
    int64_t               idle_until_us; /* The committer has nothing to do before. */
};

/* Takes the store. The process ends at once where that fails. process->host.is_dead says whether it was its own fault. */
void process_start(struct process *process, const struct process_options *options, struct store *store);
/* Lets one actor step: 0 the committer, then each worker, stage 1, stage 2. */
void     process_step(struct process *process, uint32_t actor);
uint32_t process_actor_count(const struct process *process);
/* Gives back what it has; the rest of its calls go nowhere, for it is dead by now. */
void process_release(struct process *process);

#endif
