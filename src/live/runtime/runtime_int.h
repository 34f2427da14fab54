/* The runtime of the live leg: actors, the threads that loop over them, and the committer (the calling thread).
 *
 *   thread i:  worker i ──lanes──▶ shard i, stage 1 (dedup) ──lanes──▶ shard i, stage 2 (window, rules)
 *                  ╰──────────────────────╰──────────────────────────────────╰─ outputs at barriers ─▶ committer
 *
 * Worker k owns the partitions k, k + W, k + 2W, …; shard s the key groups with shard_of_group(group, W) = s. An actor does
 * step() → progress, idle or blocked; nothing in it waits. Three atomics drive the protocol: `announced` (committer: cut
 * this epoch), `reported` of each actor (its part of the epoch is whole), `committed`.
 *
 *   epoch e+1 fills   ── announced = e ──▶  barriers travel ── all reported = e ──▶  merge, seal, submit ──▶ committed = e
 *
 * R1  e is announced only when e-2 is committed: an actor's output number e mod 3 is free when e-1's barrier is past.
 * R2  A partition is known to all actors before any of its rows: it joins at a barrier.
 * R3  Every shard computes the same decision from the barriers of all workers.
 * R4  Retried letters are offered to their worker when no epoch is under way, with the smallest watermark of the last header,
 *     and the next epoch is announced when all of the offer are taken: so nothing has been freed that they would miss.
 * R5  A partition further ahead of the slowest one that has more to read than runtime.ahead is not polled: state lasts as long as the slowest
 *     needs it. The slowest itself never waits, so somebody always goes on; what is late does not depend on it. */
#ifndef HEDDLE_LIVE_RUNTIME_RUNTIME_INT_H
#define HEDDLE_LIVE_RUNTIME_RUNTIME_INT_H

#include <stdatomic.h>

#include "base/json_out.h"
#include "config/json.h"
#include "live/carry.h"
#include "live/cost.h"
#include "live/live.h"
#include "live/op/intake.h"
#include "live/runtime/lane.h"
#include "live/runtime/steps.h"
#include "live/records.h"

#define IDENTITY_SIZE_MAX 128
#define PORT_COUNT_MAX    STEP_COUNT_MAX
/* The source's, and that of retried letters. */
#define PARTITION_CAPACITY (LIVE_PARTITION_COUNT_MAX + 1)

enum step_result { STEP_IDLE, STEP_PROGRESS, STEP_BLOCKED };

/* What the committer tells when it announces an epoch. */
struct announcement {
    int64_t now_us;
    int64_t idle_floor_us; /* Watermarks of idle partitions are raised to this (P3); INT64_MIN: not at all. */
    bool    is_drain;
};

/* What a worker tells of one of its partitions at a barrier. */
struct partition_report {
    int64_t begin;
    int64_t end;
    int64_t watermark_us;
    int64_t raised_us; /* The watermark, where idleness raised it to that; else INT64_MIN. */
    bool    is_idle;
    int64_t log_end; /* Behind the last byte that is there; -1: not known, or nobody looks on. */
    char    identity[IDENTITY_SIZE_MAX];
};

/* Opened by the committer, then its worker's. */
struct partition {
    struct intake_partition  intake;
    const char              *id;
    uint32_t                 input; /* Of graph->streaming.source.inputs. */
    struct source_partition *source;
    int64_t                  begin;  /* Position at the last barrier. */
    int64_t                  end;    /* LIVE_ONCE, LIVE_DRAIN: where it is done; else -1. */
    bool                     is_idle; /* The last poll found nothing. */
    bool                     is_done;
    struct partition_report  reports[EPOCHS_UNDER_WAY];
};

/* What all actors have. */
struct actor {
    struct epoch_output outputs[EPOCHS_UNDER_WAY];
    uint64_t            epoch;    /* That is being filled. */
    _Atomic(uint64_t)   reported; /* The last one that is whole. */
};

struct worker {
    struct actor     actor;
    struct runtime  *runtime;
    struct cost_meter *meter; /* Its thread's; NULL: nobody asks. */
    uint32_t         index;
    uint32_t         partition_count; /* That it knows of, of all workers. */
    uint32_t         turn;            /* Next partition to poll. */
    struct intake  **intakes; /* One an input of the binding. */
    struct chunk     events;
    bool             is_sending;
    struct exchange  exchange; /* To the shards' stage 1; with one shard only its lane is used. */
    int64_t          row_count; /* Since the last barrier. */
    _Atomic(uint32_t) done_count; /* Partitions that reached their end. */
    _Atomic(uint32_t) idle_count;
    _Atomic(int64_t)  slowest_us; /* Smallest watermark of its partitions that have more to read; INT64_MAX: none has. */
    int64_t           polled_at_us; /* When it last took records, while state is beyond its budget. */
    _Atomic(bool)     is_waiting; /* For the slowest partition of another worker. */
};

struct shard {
    struct actor      actor;
    struct runtime   *runtime;
    struct cost_meter *meter; /* Its thread's; NULL: nobody asks. */
    uint32_t          index;
    uint32_t          stage; /* 1 or 2. */
    struct operator **operators;
    uint32_t          operator_count;
    struct lane     **inputs; /* From each producer. */
    bool             *is_aligned; /* Its barrier has come (P4). */
    uint32_t          aligned_count;
    uint32_t          turn;
    struct time_view  view;
    int64_t           watermark_us; /* Of the last decision; never goes back. */
    int64_t           min_watermark_us;
    struct parcel    *parcel; /* Stage 1: in hand. */
    struct lane      *parcel_lane;
    struct exchange   exchanges[PORT_COUNT_MAX]; /* Stage 1: one a port of stage 2. */
};

struct live_thread {
    struct runtime *runtime;
    uint32_t        index;
    struct thread   thread;
    struct waker    waker;
    struct error    err; /* Of the actor that failed. */
    bool            has_failed;
    struct cost_meter meter; /* Where options->cost is given. */
};

/* Retried letters (letters.c). Their partition has no watermark and is done from the start, so that nobody waits for it. */
struct letters {
    struct source              source;
    struct source_partition    opened;
    struct partition          *partition; /* NULL: the store retries none. */
    uint32_t                   worker;    /* Whose partition it is. */
    struct arena               arena;     /* Of the items. */
    const struct store_letter *items;     /* Of the offer. */
    size_t                     count;
    struct str_builder         line;   /* Of the batch in hand. */
    struct record              record;
    bool                       is_offered;
    bool                       is_empty;  /* The last look found none. */
    int64_t                    looked_at_us;
    _Atomic(int64_t)           offered; /* Position behind the offer; written last. */
    _Atomic(int64_t)           taken;
};

struct runtime {
    const struct live_options *options;
    const struct graph        *graph;
    uint32_t                   worker_count;
    uint32_t                   chunk_capacity;
    uint32_t                   lane_capacity;
    struct master              master;
    bool                       has_master;

    struct partition **partitions; /* [PARTITION_CAPACITY]; entries below partition_count are set. */
    _Atomic(uint32_t)  partition_count;
    struct str        *partition_ids; /* [PARTITION_CAPACITY]; empty where there is none yet. */
    struct partition_names partition_names; /* Of all PARTITION_CAPACITY, so that only `letters` changes, before threads start. */
    struct arena       arena; /* Partition ids; lives as long as the runtime. */

    struct step_set    *steps; /* [worker_count]: of each shard. */
    uint8_t             operator_ports[STEP_COUNT_MAX]; /* Stage 2: which port an operator listens to. */
    uint32_t            port_operators[PORT_COUNT_MAX]; /* Whose exchange a port goes by. */
    uint32_t            port_count;
    struct lane        *lanes; /* [2][producer][consumer] */
    struct lane       **lane_table; /* Pointers into it: [2][producer][consumer], then [2][consumer][producer]. */
    uint32_t            lane_count; /* Of those that are initialized. */
    struct worker      *workers;
    struct shard       *stage1;
    struct shard       *stage2;
    struct live_thread *threads;
    uint32_t            thread_count; /* Of those that are initialized. */

    struct announcement announcements[EPOCHS_UNDER_WAY];
    _Atomic(uint64_t)   announced;
    _Atomic(uint64_t)   sealed; /* The last epoch whose state is in its record: its text is read no more. */
    _Atomic(uint64_t)   final; /* No rows are taken after it; UINT64_MAX: none yet. */
    _Atomic(bool)       is_stopping;
    _Atomic(bool)       has_failed;
    _Atomic(int64_t)    row_count; /* Taken by workers, ever. */
    _Atomic(int64_t)    moved; /* By how much positions have. */
    _Atomic(bool)       is_state_full; /* State is beyond its budget: logs are read slowly (budget.c). */
    _Atomic(bool)       has_alert; /* The epoch that goes on has alerts, or will have (P2). */
    struct waker        committer;

    /* The committer's own. */
    struct cost_meter  *meter; /* &own_meter; NULL: nobody asks. */
    struct cost_meter   own_meter;
    uint64_t            generation;
    uint64_t            committed;
    int64_t             watermark_us; /* Of the last decision. */
    int64_t             min_watermark_us;
    int64_t             history_from_us[STEP_COUNT_MAX]; /* By the graph's rules. INT64_MIN: the warehouse told nothing. */
    struct records      records;
    struct arena        commit_arena;
    struct letters      letters; /* The committer's, but for what its worker reads of an offer. */
    int64_t             move_total; /* To the end that LIVE_ONCE and LIVE_DRAIN go to. */
    struct arena        load_arena;
    struct live_summary summary;
};

/* worker.c */
enum status worker_step(struct worker *worker, int64_t now_us, enum step_result *ret_result, struct error *err);

/* align.c (R5) */
/* Its watermark; INT64_MAX where it has no more to read, so that nobody waits for it. */
int64_t align_place(const struct partition *partition);
/* Tells which is the slowest of the worker's partitions, and wakes who waits for it. */
void align_tell(struct worker *worker);
/* The same, where it may have changed: the partition was at `before`. */
void align_moved(struct worker *worker, const struct partition *partition, int64_t before);
/* Whether the worker's partition is to wait: it is further ahead of the slowest one of all workers than it may be. */
bool align_waits(struct worker *worker, const struct partition *partition);

/* budget.c: what the state of a committed epoch takes, by step; the committer's. */
void budget_weigh(struct runtime *runtime, uint64_t epoch);
/* Whether the worker is to take nothing now: state is beyond its budget, and it took records not long ago. */
bool budget_holds(const struct worker *worker, int64_t now_us);

/* shard.c */
enum status shard_step(struct shard *shard, enum step_result *ret_result, struct error *err);
/* The decision at barrier e from all views (R3). */
void shard_decide(const struct runtime *runtime, uint64_t epoch, const struct time_view *view, int64_t *watermark_us,
                  int64_t *min_watermark_us, struct epoch_decision *ret_decision);
/* The name of a table in the record: "dedup/identities", "window_5m@<definition>/rows". */
#define STATE_NAME_SIZE 256
void shard_state_name(const struct operator *op, const char *state, char name[STATE_NAME_SIZE]);

/* The next epoch's output is empty and knows all partitions; then the epoch is reported. */
enum status actor_report(struct actor *actor, struct runtime *runtime, struct error *err);

/* merge.c */
struct merge {
    struct epoch_commit    commit;
    struct epoch_decision  decision;
    struct time_view       view;
    bool                   has_traffic;
    struct str            *state; /* The record's body, in parts. */
    size_t                 state_count;
};
/* Merges all actors' outputs of the epoch into one commit (all texts and arrays in runtime->commit_arena) and checks I1. */
enum status merge_epoch(struct runtime *runtime, uint64_t epoch, struct merge *ret_merge, struct error *err);

/* decisions.c */
struct decisions {
    int64_t  watermark_us; /* INT64_MIN: none. */
    int64_t  min_watermark_us;
    const struct json *history_from; /* By rule; NULL: none. */
    const struct json *raised;       /* By partition; NULL: none. */
    const struct json *states;       /* Definitions by step with state; NULL: not told. */
    uint64_t master_version;
    uint32_t shard_count;
    struct str plan_digest;
};
enum status decisions_write(struct runtime *runtime, uint64_t epoch, const struct epoch_decision *decision,
                            struct str *ret_text, struct error *err);
/* To what idleness raised the partition's watermark, which it still has; INT64_MIN: it did not. NULL: nothing was decided. */
int64_t     decisions_raised(const struct decisions *decisions, const char *partition_id);
/* From when on each of the graph's rules has history. A rule that joined later has none. */
void decisions_history(const struct decisions *decisions, const struct graph *graph, int64_t *ret_from_us);
enum status decisions_read(struct str text, struct arena *arena, struct decisions *ret_decisions, struct error *err);

/* carry.c */
/* "states": steps with state and their definitions, for a header. */
void carry_write(const struct step_set *set, struct json_out *json);
enum status carry_compare(const struct step_set *set, const struct json *states, struct arena *arena, struct live_carry *ret_carry, struct error *err);
/* ERR_CONFIG where a step would lose its state and nobody accepted that. */
enum status carry_check(const struct runtime *runtime, const struct decisions *decisions, struct arena *arena, struct error *err);

/* An epoch lasts at least so many times what the last commit took, so that commits take a twentieth of the time at most (P2). */
#define COST_FACTOR       20
#define COST_FACTOR_ALERT 5

/* How long an epoch lasts at least: the configuration's interval, unless an alert waits; in any case what keeps commits rare. */
static inline int64_t
cut_gap_us(int64_t cost_us, int64_t interval_us, bool has_alert)
{
    int64_t gap_us = cost_us * (has_alert ? COST_FACTOR_ALERT : COST_FACTOR);
    return has_alert || gap_us > interval_us ? gap_us : interval_us;
}

/* An actor's output tells that its epoch will have alerts: the committer need not wait longer than it must, unless it has cut that epoch already. */
static inline void
runtime_look_for_alerts(struct runtime *runtime, const struct epoch_output *output, uint64_t epoch)
{
    if ((output->alert_count > 0 || output->awaits_alert) && epoch > atomic_load_explicit(&runtime->announced, memory_order_relaxed)
        && !atomic_load_explicit(&runtime->has_alert, memory_order_relaxed) && !atomic_exchange(&runtime->has_alert, true))
        waker_wake(&runtime->committer);
}

/* committer.c. An actor, too, but that its steps write and deliver; times are monotonic. */
struct committer {
    struct runtime *runtime;
    const char     *reasons[EPOCHS_UNDER_WAY];
    int64_t         cut_at_us;
    int64_t         listed_at_us;
    int64_t         delivered_at_us;
    int64_t         cost_us; /* Of the last commit. */
    int64_t         rows_at_cut;
    int64_t         moved_at_cut;
    uint32_t        idle_at_cut;
    bool            has_failed; /* To commit: nothing more is (P8). */
};

/* Behind recovery. With a reason the first epoch is announced at once. */
void committer_begin(struct committer *committer, struct runtime *runtime, const char *first_cut_reason);
/* Commits, announces and delivers what is due. *ret_wait_us: how long nothing will be, unless it is woken; 0: go on at once. */
enum status committer_step(struct committer *committer, int64_t *ret_wait_us, struct error *err);
bool        committer_is_done(const struct committer *committer);
/* When it is done: delivers all that waits, once more. */
enum status committer_end(struct committer *committer, struct error *err);
/* The two halves of a step, for who cuts where he was told to (a replay). Announces the next epoch, which has room (R1). */
void committer_announce(struct committer *committer, const char *reason, bool is_final, bool is_drain);
/* Commits the next epoch where all actors have reported it. */
enum status committer_commit(struct committer *committer, bool *ret_progress, struct error *err);
/* All of it, by threads: starts them, and comes back when all is committed; the caller stops them in any case. */
enum status committer_run(struct runtime *runtime, const char *first_cut_reason, struct error *err);

/* recover.c */
/* Whether the epoch begins a round of snapshots: every key group once. */
bool        begins_round(uint64_t epoch);
enum status recover(struct runtime *runtime, bool *ret_needs_start, struct error *err);
/* Opens partitions that are not known yet; their watermark is `watermark_us`. */
enum status partitions_open(struct runtime *runtime, const struct store_state *state, const struct decisions *decisions, int64_t watermark_us,
                            struct error *err);
enum status history_feed(struct runtime *runtime, struct error *err);

/* letters.c */
enum status letters_open(struct runtime *runtime, const struct store_position *position, struct error *err);
/* The committer: looks for letters and offers them. *ret_is_held: no epoch is to be announced before they are taken. */
enum status letters_offer(struct runtime *runtime, int64_t monotonic_us, bool *ret_is_held, struct error *err);
/* Its worker: whether there are some to be taken; the next one as a batch, of letters.partition; it is taken. */
bool        letters_wait(const struct worker *worker);
enum status letters_next(struct runtime *runtime, struct record_batch *ret_batch, struct error *err);
void        letters_taken(struct runtime *runtime);

static inline bool
is_letters(const struct runtime *runtime, const struct partition *partition)
{
    return partition == runtime->letters.partition;
}

/* top.c: the committer's; without options->top, and options->tap, they do nothing. */
enum status top_open(struct runtime *runtime, struct error *err);
void        top_epoch(struct runtime *runtime, uint64_t epoch, int64_t committed_at_us, int64_t commit_us);
/* What waits in the rings now. */
void        top_queues(struct runtime *runtime);

/* The meter of a worker's thread; NULL: nobody asks where the time goes. */
static inline struct cost_meter *
thread_meter(const struct runtime *runtime, uint32_t index)
{
    return runtime->options->cost == NULL ? NULL : &runtime->threads[index].meter;
}

/* setup.c */
enum status runtime_init(struct runtime *runtime, const struct live_options *options, struct error *err);
void        runtime_release(struct runtime *runtime);
enum status runtime_start(struct runtime *runtime, struct error *err);
void        runtime_stop(struct runtime *runtime);

#endif
