/* heddle-sim: the live leg in simulated worlds, each from a seed.
 *
 *     heddle-sim --seed N          one world, and what happens in it; exit 1 where something is wrong
 *     heddle-sim --seeds A..B      all of them, and how often what happened
 *     heddle-sim --judge A..B      the same, with a line of JSON a world for judge.py, which knows what must come of it */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "plan/plan.h"
#include "sim/simulation.h"
#include "sim/sqlite_vfs.h"
#include "support/support.h"

static uint64_t seed_now;

static void
check_told(const char *file, int line, const char *function, const char *condition)
{
    fprintf(stderr, "seed %llu: %s:%d: %s: %s\n", (unsigned long long)seed_now, file, line, function, condition);
}

static void
counts_add(struct sim_counts *sum, const struct sim_counts *counts)
{
    uint64_t       *to   = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)counts;
    for (size_t i = 0; i < sizeof(*sum) / sizeof(uint64_t); i++)
        to[i] += from[i];
}

static void
counts_print(const struct sim_counts *counts, uint64_t worlds)
{
    fprintf(stderr,
            "%llu worlds: %llu processes, %llu steps, %llu epochs; ended well %llu, asked to stop %llu, killed %llu, power cuts %llu, fenced %llu, "
            "failed %llu, overtaken %llu; met: errors %llu, short writes %llu, deaths %llu, deaths behind a call %llu, answers lost %llu, stops %llu\n",
            (unsigned long long)worlds, (unsigned long long)counts->starts, (unsigned long long)counts->steps, (unsigned long long)counts->epochs,
            (unsigned long long)counts->done, (unsigned long long)counts->stopped, (unsigned long long)counts->killed,
            (unsigned long long)counts->power_cuts, (unsigned long long)counts->fenced, (unsigned long long)counts->failed,
            (unsigned long long)counts->overtaken, (unsigned long long)counts->met[HOST_ERROR], (unsigned long long)counts->met[HOST_SHORT],
            (unsigned long long)counts->met[HOST_DIES], (unsigned long long)counts->met[HOST_DIES_AFTER],
            (unsigned long long)counts->met[HOST_UNKNOWN], (unsigned long long)counts->met[HOST_PAUSED]);
}

static void
plan_print(const struct events_plan *plan)
{
    fprintf(stderr,
            "%u partitions, %u events, %lld s apart, %lld s disorder, %lld s skew, %u patients, copies %.2f within %u%s, bad %.2f, rewinds %.2f\n",
            plan->partition_count, plan->event_count, (long long)plan->step_us / 1000000, (long long)plan->disorder_us / 1000000,
            (long long)plan->skew_us / 1000000, plan->patient_count, plan->copy_chance, plan->copy_delay, plan->copies_cross ? " across logs" : "",
            plan->bad_chance, plan->rewind_chance);
}

static bool
run(const struct graph *graph, uint64_t seed, bool is_told, bool is_judged, struct sim_counts *sum)
{
    static struct simulation simulation;
    struct str_builder       out = STR_BUILDER_EMPTY;
    seed_now    = seed;
    bool is_ok  = simulation_run(&simulation, graph, seed, is_told);
    if (is_told)
        plan_print(&simulation.events.plan);
    if (!is_ok)
        fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, simulation.journal.problem);
    else if (is_judged) {
        simulation_print(&simulation, &out);
        fwrite(out.data, 1, out.size, stdout);
    }
    counts_add(sum, &simulation.counts);
    str_builder_release(&out);
    simulation_release(&simulation);
    return is_ok;
}

static bool
seeds_parse(const char *text, uint64_t *ret_first, uint64_t *ret_last)
{
    unsigned long long first, last;
    int                count = sscanf(text, "%llu..%llu", &first, &last);
    if (count < 1)
        return false;
    *ret_first = first;
    *ret_last  = count == 2 ? last : first;
    return *ret_first <= *ret_last;
}

int
main(int argc, char **argv)
{
    struct plan          plan   = PLAN_EMPTY;
    struct config_errors errors = CONFIG_ERRORS_EMPTY;
    struct error         err    = ERROR_EMPTY;
    struct sim_counts    counts = { 0 };
    uint64_t             first, last, wrong = 0;
    char                 path[1024];
    snprintf(path, sizeof(path), "%s", source_path("tests/sim/pipeline.json"));
    const struct plan_request request = { .pipeline_path = path };
    if (argc != 3 || (strcmp(argv[1], "--seed") != 0 && strcmp(argv[1], "--seeds") != 0 && strcmp(argv[1], "--judge") != 0)
        || !seeds_parse(argv[2], &first, &last)) {
        fprintf(stderr, "usage: heddle-sim --seed N | --seeds A..B | --judge A..B\n");
        return 2;
    }
    if (plan_load(io_system(), &request, &errors, &plan, &err) != ST_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 2;
    }
    check_handler_set(check_told);
    sqlite_vfs_register();
    for (uint64_t seed = first; seed <= last; seed++)
        wrong += !run(plan.graph, seed, strcmp(argv[1], "--seed") == 0, strcmp(argv[1], "--judge") == 0, &counts);
    counts_print(&counts, last - first + 1);
    config_errors_release(&errors);
    plan_release(&plan);
    return wrong == 0 ? 0 : 1;
}
