#include "sim/simulation.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "sim/replay.h"
#include "sim/sqlite_vfs.h"
#include "store/sqlite.h"

#define LIVES_MAX    7
#define SQLITE_EVERY 8
#define STEPS_MAX    UINT64_C(3000000)
#define PASS_US_MAX  30000

static void
tell(const struct simulation *simulation, const char *format, ...)
{
    va_list arguments;
    if (!simulation->is_told)
        return;
    fprintf(stderr, "step %-7" PRIu64 " ", simulation->counts.steps);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

/* ---- Producers ---- */

static struct disk_file *
log_file(struct simulation *simulation, uint32_t partition)
{
    char path[64];
    snprintf(path, sizeof(path), SIM_EVENTS_FOLDER "/%s", events_partition_name(partition));
    struct disk_file *file = disk_find(&simulation->disk, path);
    return file != NULL ? file : disk_make(&simulation->disk, path, false, true);
}

/* Some bytes more of one log: they end in the middle of a line, too. */
static void
grow(struct simulation *simulation, bool is_all)
{
    uint32_t partition = (uint32_t)random_below(&simulation->random, simulation->events.plan.partition_count);
    for (uint32_t p = 0; p < simulation->events.plan.partition_count; p++) {
        const struct str_builder *log   = &simulation->events.logs[p];
        size_t                    begin = simulation->written[p], left = log->size - begin;
        if (!is_all && p != partition)
            continue;
        size_t size = is_all ? left : (size_t)random_below(&simulation->random, UINT64_C(1) << random_below(&simulation->random, 14));
        if (size > left)
            size = left;
        struct disk_file *file = log_file(simulation, p);
        if (size == 0)
            continue;
        disk_write(file, (int64_t)begin, log->data + begin, size);
        disk_sync(&simulation->disk, file);
        simulation->written[p] += size;
    }
}

/* ---- Processes ---- */

static void paused(void *context);

static struct host_plan
plan_draw(struct simulation *simulation)
{
    static const int      errors[] = { EIO, EIO, ENOSPC };
    static const uint64_t spans[HOST_CALL_COUNT] = { [HOST_ANY] = 400, [HOST_WRITE] = 40, [HOST_SYNC] = 40, [HOST_STORE] = 60 };
    struct random        *random = &simulation->random;
    struct host_plan      plan   = { 0 };
    if (simulation->is_last || random_chance(random, 0.2))
        return plan;
    plan.mishap       = 1 + (enum host_mishap)random_below(random, HOST_MISHAP_COUNT - 1);
    plan.call         = (enum host_call)random_below(random, HOST_CALL_COUNT);
    plan.at           = 1 + random_below(random, spans[plan.call]);
    plan.error_number = errors[random_below(random, 3)];
    if (plan.mishap == HOST_SHORT)
        plan.call = HOST_WRITE;
    if (plan.mishap == HOST_UNKNOWN)
        plan.call = HOST_STORE;
    return plan;
}

static struct process_options
options_draw(struct simulation *simulation)
{
    static const uint32_t chunks[] = { 1, 7, 2048 };
    static const int64_t  rows[]   = { 3, 20, 100, 100000 }, intervals_us[] = { 100, 5000, 100000, 2000000 };
    static const int64_t  aheads_us[] = { INT64_C(10000000), INT64_C(3600000000), INT64_C(86400000000) };
    struct random        *random   = &simulation->random;
    struct process_options options = { .graph = &simulation->graph, .is_delivering = true };
    options.worker_count      = 1u << random_below(random, 3);
    options.chunk_row_count   = chunks[random_below(random, 3)];
    options.epoch_row_count   = rows[random_below(random, 4)];
    options.epoch_interval_us = intervals_us[random_below(random, 4)];
    options.ahead_us          = aheads_us[random_below(random, 3)];
    options.end = simulation->is_last ? LIVE_DRAIN : random_chance(random, 0.6) ? LIVE_UNTIL_STOPPED : random_chance(random, 0.7) ? LIVE_ONCE : LIVE_DRAIN;
    return options;
}

static const char *const mishap_names[] = { "nothing", "an error", "a short write", "death", "death behind a call", "an answer that is lost",
                                            "a stop inside a call" };
static const char *const call_names[] = { "call", "write", "sync", "call to the store" };
static const char *const end_names[] = { "until stopped", "once", "drain" };

/* NULL: process->err says why. */
static struct store *
open_store(struct simulation *simulation, struct process *process)
{
    static const uint8_t              key[32] = { 1, 2, 3 };
    const struct sqlite_store_options options = { SIM_STORE, key, "edw" };
    struct store                     *inner   = NULL;
    if (!simulation->is_sqlite)
        return memory_store_open(&simulation->server, &simulation->journal, &process->host, SIM_FOLDER);
    sqlite_vfs_use(&process->host);
    process->err = ERROR_EMPTY;
    return sqlite_store_open(&options, &inner, &process->err) == ST_OK ? recorded_store_open(inner, &simulation->journal, &process->host) : NULL;
}

static void
start(struct simulation *simulation)
{
    struct random         *random  = &simulation->random;
    struct process_options options = options_draw(simulation);
    struct sim_process    *made    = sim_alloc(sizeof(*made));
    uint32_t               slot    = 0;
    while (simulation->processes[slot] != NULL)
        slot++;
    CHECK(slot < SIM_PROCESS_MAX);
    simulation->processes[slot] = made;
    simulation->counts.starts++;
    host_init(&made->process.host, &simulation->disk, &simulation->time);
    made->process.host.wall_us = INT64_C(1772500000000000) + random_between(random, -5000000, 5000000);
    made->process.host.plan    = plan_draw(simulation);
    made->process.host.paused  = paused;
    made->process.host.context = simulation;
    made->cuts_power           = random_chance(random, 0.5);
    made->committer_share      = random_chance(random, 0.3) ? 0.02 : 0.3;
    made->ends_at = simulation->is_last ? UINT64_MAX : simulation->counts.steps + 1 + random_below(random, UINT64_C(1) << (6 + random_below(random, 8)));
    tell(simulation, "process %u starts: %u workers, chunks of %u, epochs of %" PRId64 " rows and %" PRId64 " us, %s; %s at %s %" PRIu64, slot,
         options.worker_count, options.chunk_row_count, options.epoch_row_count, options.epoch_interval_us, end_names[options.end],
         mishap_names[made->process.host.plan.mishap], call_names[made->process.host.plan.call], made->process.host.plan.at);
    struct store *store = open_store(simulation, &made->process);
    if (store != NULL)
        process_start(&made->process, &options, store);
    else
        made->process.is_ended = true;
}

/* What is left of it is of no process any more. */
static void
bury(struct simulation *simulation, uint32_t slot)
{
    struct sim_process *gone = simulation->processes[slot];
    if (gone->process.host.has_met)
        simulation->counts.met[gone->process.host.plan.mishap]++;
    process_release(&gone->process);
    memory_free(gone);
    simulation->processes[slot] = NULL;
}

static void
power_cut(struct simulation *simulation)
{
    tell(simulation, "power is cut");
    simulation->counts.power_cuts++;
    for (uint32_t slot = 0; slot < SIM_PROCESS_MAX; slot++)
        if (simulation->processes[slot] != NULL)
            simulation->processes[slot]->process.host.is_dead = true;
    disk_power_cut(&simulation->disk);
}

/* An error must have a reason: a mishap of its own, or another owner. */
static void
judge_end(struct simulation *simulation, uint32_t slot)
{
    const struct process *process = &simulation->processes[slot]->process;
    const struct error   *err     = &process->err;
    bool                  is_overtaken = process->runtime != NULL && process->runtime->generation != simulation->journal.generation;
    tell(simulation, "process %u ends: %s%s%s", slot, err->code == ERR_NONE ? "well" : err->message, err->context[0] != '\0' ? "; " : "", err->context);
    if (err->code == ERR_NONE) {
        simulation->counts.done++;
    } else if (err->code == ERR_FENCED) {
        simulation->counts.fenced++;
        if (!is_overtaken && !simulation->journal.is_owner_in_doubt)
            journal_problem(&simulation->journal, "P7: the owner was fenced: %s", err->message);
    } else {
        simulation->counts.failed++;
        if (simulation->is_sqlite && err->code == ERR_BUSY && !simulation->is_last) /* Another one stands still while it writes. */
            return;
        bool is_ours = err->code == ERR_INTERNAL || err->code == ERR_CORRUPT;
        if (!process->host.has_met || is_ours || simulation->is_last)
            journal_problem(&simulation->journal, "a process ends%s: %s; %s", process->host.has_met ? " with what is no mishap" : " without a mishap",
                           err->message, err->context);
    }
}

/* Whatever ended or died is gone; a power cut takes all with it. */
static void
reap(struct simulation *simulation)
{
    for (uint32_t slot = 0; slot < SIM_PROCESS_MAX; slot++) {
        struct sim_process *process = simulation->processes[slot];
        if (process == NULL || !process->process.host.is_dead)
            continue;
        if (process->cuts_power && !simulation->is_last) {
            power_cut(simulation);
            for (uint32_t other = 0; other < SIM_PROCESS_MAX; other++)
                if (simulation->processes[other] != NULL)
                    bury(simulation, other);
            return;
        }
        tell(simulation, "process %u is dead", slot);
        bury(simulation, slot);
    }
    for (uint32_t slot = 0; slot < SIM_PROCESS_MAX; slot++)
        if (simulation->processes[slot] != NULL && simulation->processes[slot]->process.is_ended) {
            judge_end(simulation, slot);
            bury(simulation, slot);
        }
}

/* Its time is over: it is killed, asked to stop, or put to sleep, from which it wakes when another may own the store. */
static void
end_life(struct simulation *simulation, struct sim_process *process)
{
    struct random *random = &simulation->random;
    process->ends_at      = UINT64_MAX;
    if (random_chance(random, 0.4)) {
        simulation->counts.killed++;
        process->process.host.is_dead = true;
    } else if (random_chance(random, 0.5)) {
        simulation->counts.stopped++;
        process->process.is_stopping = true;
    } else {
        tell(simulation, "a process falls asleep");
        simulation->counts.overtaken++;
        process->process.is_stopping = true; /* When it wakes and nobody owns the store by then. */
        process->wakes_at = simulation->counts.steps + random_below(random, UINT64_C(1) << (4 + random_below(random, 10)));
    }
}

/* ---- Steps ---- */

static bool
is_awake(const struct simulation *simulation, uint32_t slot)
{
    const struct sim_process *process = simulation->processes[slot];
    return process != NULL && !process->process.is_ended && !process->process.host.is_dead && process->wakes_at <= simulation->counts.steps;
}

static void
step_process(struct simulation *simulation, struct sim_process *process)
{
    struct random *random = &simulation->random;
    uint32_t       actor  = 0;
    if (!random_chance(random, process->committer_share))
        actor = 1 + (uint32_t)random_below(random, process_actor_count(&process->process) - 1);
    process_step(&process->process, actor);
    if (simulation->counts.steps >= process->ends_at)
        end_life(simulation, process);
}

/* One step of whatever is awake. False: nothing is. `except` stands still. */
static bool
step(struct simulation *simulation, const bool *except)
{
    uint32_t slots[SIM_PROCESS_MAX], count = 0;
    simulation->counts.steps++;
    if (random_chance(&simulation->random, simulation->grow_chance))
        grow(simulation, false);
    if (random_chance(&simulation->random, simulation->pass_chance))
        simulation->time.now_us += random_between(&simulation->random, 1, PASS_US_MAX);
    for (uint32_t slot = 0; slot < SIM_PROCESS_MAX; slot++)
        if (is_awake(simulation, slot) && (except == NULL || !except[slot]))
            slots[count++] = slot;
    if (count == 0)
        return false;
    step_process(simulation, simulation->processes[slots[random_below(&simulation->random, count)]]);
    return true;
}

/* A process is stopped inside a call: what is awake besides stands still with it, another one starts and runs for a while. */
static void
paused(void *context)
{
    struct simulation *simulation = context;
    bool               except[SIM_PROCESS_MAX];
    uint32_t           free_count = 0;
    for (uint32_t slot = 0; slot < SIM_PROCESS_MAX; slot++) {
        except[slot] = simulation->processes[slot] != NULL;
        free_count += !except[slot];
    }
    if (simulation->is_nested || simulation->is_last || free_count == 0)
        return;
    tell(simulation, "a process stands still inside a call");
    simulation->is_nested = true;
    simulation->counts.overtaken++;
    struct host *host = sqlite_vfs_use(NULL);
    start(simulation);
    for (uint64_t left = random_below(&simulation->random, 2000); left > 0 && step(simulation, except); left--)
        ;
    simulation->is_nested = false;
    sqlite_vfs_use(host);
    tell(simulation, "and goes on");
}

static void
run_lives(struct simulation *simulation)
{
    while (simulation->journal.problem[0] == '\0') {
        reap(simulation);
        bool is_any_awake = false, is_any = false;
        for (uint32_t slot = 0; slot < SIM_PROCESS_MAX; slot++) {
            is_any_awake |= is_awake(simulation, slot);
            is_any |= simulation->processes[slot] != NULL;
        }
        if (!is_any_awake && simulation->lives > 0) {
            simulation->lives--;
            start(simulation);
            continue;
        }
        if (!is_any)
            return;
        if (simulation->counts.steps > STEPS_MAX)
            journal_problem(&simulation->journal, "it does not come to an end");
        step(simulation, NULL);
    }
}

/* Who sleeps may wake while the last one runs. */
static void
run_last(struct simulation *simulation)
{
    grow(simulation, true);
    simulation->is_last = true;
    start(simulation);
    while (simulation->journal.problem[0] == '\0') {
        bool is_any = false;
        reap(simulation);
        for (uint32_t slot = 0; slot < SIM_PROCESS_MAX; slot++)
            is_any |= simulation->processes[slot] != NULL;
        if (!is_any)
            return;
        if (simulation->counts.steps > STEPS_MAX)
            journal_problem(&simulation->journal, "the last process does not come to an end");
        step(simulation, NULL);
    }
}

bool
simulation_run(struct simulation *simulation, const struct graph *graph, uint64_t seed, bool is_told)
{
    static const double grow_chances[] = { 0.002, 0.02, 0.2 }, pass_chances[] = { 0.005, 0.05, 0.3 };
    static const int64_t idle_keeps_us[] = { 0, INT64_C(60000000), INT64_C(7200000000), INT64_C(86400000000) };
    *simulation = (struct simulation){ .seed = seed, .is_told = is_told, .graph = *graph };
    random_init_stream(&simulation->random, seed, 1);
    random_init_stream(&simulation->time.random, seed, 2);
    disk_init(&simulation->disk, seed);
    events_make(&simulation->events, seed);
    server_init(&simulation->server);
    simulation->is_sqlite = seed % SQLITE_EVERY == 0;
    journal_init(&simulation->journal);
    simulation->lives       = (uint32_t)random_below(&simulation->random, LIVES_MAX + 1);
    simulation->grow_chance = grow_chances[random_below(&simulation->random, 3)];
    simulation->pass_chance = pass_chances[random_below(&simulation->random, 3)];
    simulation->graph.streaming.idle_keep_us = idle_keeps_us[random_below(&simulation->random, 4)];
    disk_make(&simulation->disk, SIM_FOLDER, true, true);
    disk_make(&simulation->disk, SIM_EVENTS_FOLDER, true, true);
    if (random_chance(&simulation->random, 0.7)) /* Else each log appears when it is first written. */
        for (uint32_t p = 0; p < simulation->events.plan.partition_count; p++)
            log_file(simulation, p);
    run_lives(simulation);
    if (simulation->journal.problem[0] == '\0')
        run_last(simulation);
    simulation->counts.epochs = simulation->journal.count;
    if (simulation->journal.problem[0] == '\0')
        replay_run(&simulation->journal, &simulation->events, &simulation->graph, seed);
    return simulation->journal.problem[0] == '\0';
}

void
simulation_release(struct simulation *simulation)
{
    for (uint32_t slot = 0; slot < SIM_PROCESS_MAX; slot++)
        if (simulation->processes[slot] != NULL)
            bury(simulation, slot);
    server_release(&simulation->server);
    journal_release(&simulation->journal);
    events_release(&simulation->events);
    disk_release(&simulation->disk);
}
