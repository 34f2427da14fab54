#include "sim/replay.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "config/json.h"
#include "sim/memory_store.h"

#define STEPS_MAX 2000000

struct replay {
    struct journal       *journal;
    const struct events *events;
    struct random        random;
    struct disk          disk;
    struct sim_time      time;
    struct server        server;
    struct journal        made;
    struct process       process;
    struct arena         arena;
};

/* Brings each log of the epoch to where the epoch ends. */
static void
grow_logs(struct replay *replay, const struct journal_epoch *epoch)
{
    char path[64];
    for (uint32_t i = 0; i < epoch->cut_count; i++) {
        snprintf(path, sizeof(path), SIM_EVENTS_FOLDER "/%s", epoch->cuts[i].partition);
        struct disk_file *file = disk_find(&replay->disk, path);
        if (file == NULL)
            file = disk_make(&replay->disk, path, false, true);
        for (uint32_t p = 0; p < EVENTS_PARTITION_MAX; p++)
            if (strcmp(events_partition_name(p), epoch->cuts[i].partition) == 0) {
                size_t there = file->bytes.size;
                CHECK(there <= (size_t)epoch->cuts[i].position && (size_t)epoch->cuts[i].position <= replay->events->logs[p].size);
                disk_write(file, (int64_t)there, replay->events->logs[p].data + there, (size_t)epoch->cuts[i].position - there);
            }
    }
}

static bool
is_there(const struct runtime *runtime, const struct journal_epoch *epoch)
{
    for (uint32_t i = 0; i < epoch->cut_count; i++)
        for (uint32_t p = 0; p < atomic_load(&runtime->partition_count); p++)
            if (strcmp(runtime->partitions[p]->id, epoch->cuts[i].partition) == 0
                && runtime->partitions[p]->source->position != epoch->cuts[i].position)
                return false;
    return true;
}

static bool
step_any(struct replay *replay)
{
    struct process *process = &replay->process;
    process_step(process, 1 + (uint32_t)random_below(&replay->random, process_actor_count(process) - 1));
    if (process->is_ended)
        journal_problem(replay->journal, "the replay fails: %s; %s", process->err.message, process->err.context);
    return !process->is_ended;
}

static bool
is_listed(const struct json *list, struct str text)
{
    for (const struct json *item = list->first; item != NULL; item = item->next)
        if (str_equal(item->text, text))
            return true;
    return false;
}

/* The idle partitions are those of the header, and are raised as it says. */
static void
announce(struct replay *replay, const struct journal_epoch *epoch)
{
    struct runtime    *runtime = replay->process.runtime;
    const struct json *root = NULL, *idle, *drain, *raised, *to;
    int64_t            floor_us = INT64_MIN, raised_us = 0;
    arena_clear(&replay->arena);
    CHECK(json_parse(str_from(epoch->decisions), "", &replay->arena, &root, NULL) == ST_OK);
    idle   = json_find(root, "idle");
    drain  = json_find(root, "drain");
    raised = json_find(root, "idle_raised");
    CHECK(idle != NULL && drain != NULL && raised != NULL);
    for (uint32_t p = 0; p < atomic_load(&runtime->partition_count); p++) {
        struct partition *partition = runtime->partitions[p];
        partition->is_idle          = is_listed(idle, str_from(partition->id));
        to                          = json_find(raised, partition->id);
        if (partition->is_idle && to != NULL && str_to_int64(to->text, &raised_us) && raised_us > floor_us)
            floor_us = raised_us;
    }
    committer_announce(&replay->process.committer, "time", false, drain->is_true);
    runtime->announcements[epoch->epoch % EPOCHS_UNDER_WAY].idle_floor_us = floor_us;
}

/* The first line of one text that the other has not. */
static struct str
line_apart(struct str text, struct str other)
{
    struct str_split split = str_split_init(text, '\n');
    struct str       line;
    while (str_split_next(&split, &line))
        if (str_find(other, line) == STR_NOT_FOUND)
            return line;
    return STR_EMPTY;
}

/* P3. */
static void
compare(struct replay *replay, const struct journal_epoch *epoch, const struct journal_epoch *made)
{
    const struct str said = str_builder_text(&epoch->text), now = str_builder_text(&made->text);
    if (made->digest.low == epoch->digest.low && made->digest.high == epoch->digest.high)
        return;
    const struct str first = line_apart(said, now), second = line_apart(now, said);
    journal_problem(replay->journal, "P3: epoch %llu says something else when it is run again: %.*s\n  and then %.*s", (unsigned long long)epoch->epoch,
                    STR_PRINTF(first), STR_PRINTF(second));
}

static bool
run_epoch(struct replay *replay, const struct journal_epoch *epoch)
{
    struct process *process  = &replay->process;
    struct runtime *runtime  = process->runtime;
    bool            progress = false;
    int64_t         steps = 0;
    grow_logs(replay, epoch);
    if (partitions_open(runtime, NULL, NULL, runtime->min_watermark_us, &process->err) != ST_OK) {
        journal_problem(replay->journal, "the replay opens no partition: %s", process->err.message);
        return false;
    }
    while (!is_there(runtime, epoch) && steps++ < STEPS_MAX)
        if (!step_any(replay))
            return false;
    if (!is_there(runtime, epoch)) {
        journal_problem(replay->journal, "the replay does not come to the end of epoch %llu", (unsigned long long)epoch->epoch);
        return false;
    }
    announce(replay, epoch);
    while (!progress && steps++ < STEPS_MAX) {
        if (!step_any(replay))
            return false;
        if (committer_commit(&process->committer, &progress, &process->err) != ST_OK) {
            journal_problem(replay->journal, "the replay cannot commit: %s", process->err.message);
            return false;
        }
    }
    const struct journal_epoch *made = progress ? &replay->made.epochs[replay->made.count - 1] : NULL;
    if (made == NULL || made->epoch != epoch->epoch)
        journal_problem(replay->journal, "the replay is stuck in epoch %llu", (unsigned long long)epoch->epoch);
    else
        compare(replay, epoch, made);
    return replay->journal->problem[0] == '\0';
}

static void
replay_start(struct replay *replay, const struct graph *graph)
{
    static const uint32_t  chunks[] = { 1, 7, 2048 };
    struct process_options options  = { .graph = graph, .epoch_row_count = INT64_MAX / 2,
                                       .epoch_interval_us = INT64_MAX / 64, .ahead_us = INT64_C(3600000000), .end = LIVE_UNTIL_STOPPED,
                                       .is_told_cuts = true };
    options.worker_count    = 1u << random_below(&replay->random, 3);
    options.chunk_row_count = chunks[random_below(&replay->random, 3)];
    disk_make(&replay->disk, SIM_FOLDER, true, true);
    disk_make(&replay->disk, SIM_EVENTS_FOLDER, true, true);
    /* The partitions of the first epoch are there from the start, and empty. */
    struct journal_epoch first = replay->journal->epochs[0];
    for (uint32_t i = 0; i < first.cut_count; i++)
        first.cuts[i].position = 0;
    grow_logs(replay, &first);
    host_init(&replay->process.host, &replay->disk, &replay->time);
    process_start(&replay->process, &options, memory_store_open(&replay->server, &replay->made, &replay->process.host, SIM_FOLDER));
}

void
replay_run(struct journal *journal, const struct events *events, const struct graph *graph, uint64_t seed)
{
    static struct replay replay;
    replay = (struct replay){ .journal = journal, .events = events };
    if (journal->count == 0)
        return;
    random_init(&replay.random, seed);
    random_init(&replay.time.random, seed + 1);
    disk_init(&replay.disk, seed);
    server_init(&replay.server);
    journal_init(&replay.made);
    arena_init(&replay.arena, 0);
    replay_start(&replay, graph);
    if (replay.process.is_ended)
        journal_problem(journal, "the replay does not start: %s", replay.process.err.message);
    for (size_t i = 0; i < journal->count && journal->problem[0] == '\0'; i++)
        run_epoch(&replay, &journal->epochs[i]);
    process_release(&replay.process);
    arena_release(&replay.arena);
    journal_release(&replay.made);
    server_release(&replay.server);
    disk_release(&replay.disk);
}
