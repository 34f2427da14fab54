/* One simulated world from one seed: producers that write logs, processes that stream them one after the other or side by side, what
 * befalls them, and the last process, which nothing befalls and which must bring all to its end. */
#ifndef HEDDLE_TESTS_SIM_SIMULATION_H
#define HEDDLE_TESTS_SIM_SIMULATION_H

#include "graph/graph.h"
#include "sim/events.h"
#include "sim/memory_store.h"
#include "sim/process.h"
#include "sim/journal.h"

#define SIM_PROCESS_MAX 4

/* What happened, for people, and so that a run of many seeds can show that all of it did. */
struct sim_counts {
    uint64_t starts, steps, epochs, done, stopped, killed, power_cuts, met[HOST_MISHAP_COUNT], fenced, failed, overtaken;
};

struct sim_process {
    struct process process;
    uint64_t       wakes_at; /* Sleeps until this step of the simulation. */
    uint64_t       ends_at;  /* Then something becomes of it. */
    bool           cuts_power; /* When it dies, all do. */
    double         committer_share; /* Of its steps. */
};

struct simulation {
    uint64_t            seed;
    bool                is_told; /* What happens goes to stderr. */
    bool                is_sqlite;
    bool                is_last; /* The last process runs: no more mishaps. */
    bool                is_nested; /* Inside a call of a process that is stopped. */
    struct graph        graph; /* With what was drawn for all processes. */
    struct random       random;
    struct disk         disk;
    struct sim_time     time;
    struct events       events;
    size_t              written[EVENTS_PARTITION_MAX]; /* Of each log. */
    struct server       server;
    struct journal       journal;
    struct sim_process *processes[SIM_PROCESS_MAX]; /* NULL: none. */
    uint32_t            lives; /* Processes that are still to be started before the last one. */
    double              grow_chance;
    double              pass_chance; /* That time passes. */
    struct sim_counts   counts;
};

/* True: what the simulation itself can tell is right. journal.problem says what is not. The caller releases in any case. */
bool simulation_run(struct simulation *simulation, const struct graph *graph, uint64_t seed, bool is_told);
void simulation_release(struct simulation *simulation);

/* All that the oracle needs, as one line of JSON (judge.py). */
void simulation_print(struct simulation *simulation, struct str_builder *out);

#endif
