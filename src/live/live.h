/* The streaming leg: from an event log to windows and alerts in a store, exactly once (I2). The epoch protocol P1–P10 and
 * the rules of time stand in ARCHITECTURE.md. */
#ifndef HEDDLE_LIVE_LIVE_H
#define HEDDLE_LIVE_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "column/chunk.h"
#include "graph/graph.h"
#include "io/io.h"
#include "live/cost.h"
#include "live/tap.h"
#include "live/top.h"
#include "source/source.h"
#include "store/store.h"

enum live_end {
    LIVE_UNTIL_STOPPED, /* Follows the log. */
    LIVE_ONCE,          /* To the end that the log has at the start; open windows stay open. */
    LIVE_DRAIN,         /* The same, then windows close as if the stream had ended. A later start goes on. */
};

/* What the rules should know of the time before the stream: rows of event_schema with EVENT_PARTITION_HISTORY. Asked once,
 * at the first start of a store. Fills at most the chunk's capacity; no rows: the end. */
struct live_history {
    void *context;
    enum status (*next)(void *context, struct chunk *chunk, struct error *err);
    /* Behind the last row: from when on rows were wanted for a rule, by its index in the graph; INT64_MIN: none were. */
    int64_t (*begin)(void *context, size_t rule);
};

/* Delivers what waits in the outbox, and carries out commands to the store (P9). Called by the committer, after commits and when
 * idle: between two transactions of its own. */
struct live_delivery {
    void *context;
    enum status (*step)(void *context, bool is_last, int64_t now_us, struct error *err);
    bool (*has_news)(void *context); /* Whether a step is due sooner than the next one would come; NULL: never. Costs nothing to ask. */
};

struct live_progress {
    uint64_t epoch;
    int64_t  event_count; /* Received since the start. */
    int64_t  moved;      /* By how much positions have: bytes of a log of lines, messages of others. */
    int64_t  move_total; /* With LIVE_ONCE and LIVE_DRAIN; else 0. */
    int64_t  alert_count;
    struct live_state state;
};

struct live_options {
    struct io                 *io;
    const struct clock        *clock;
    const struct graph        *graph; /* Has a streaming leg. */
    struct source             *source; /* Of graph->streaming.source; freed by the caller. */
    struct store              *store;  /* Opened, not yet owned (P1). */
    const struct siphash_key  *person_key;
    const char                *master_path; /* Newest snapshot of the patient master; NULL: nobody is known. */
    struct live_history        history;     /* next NULL: none. */
    struct live_delivery       delivery;    /* step NULL: none. */
    struct live_top           *top;         /* Filled while it runs, by the calling thread; NULL: nobody looks on. */
    struct live_tap           *tap;         /* Rows that pass are shown to who asks there; NULL: nobody does. */
    struct live_cost          *cost;        /* Where the time goes; NULL: nobody asks, and nothing is measured. */
    struct str                 accepted_losses; /* Steps whose state may be lost by a changed pipeline (live/carry.h), with commas between. */
    enum live_end              end;
    bool (*is_stopping)(void *context); /* Asked between epochs and while idle; from the calling thread. */
    void (*progress)(void *context, const struct live_progress *progress); /* NULL: nobody looks. */
    void *context; /* Of both. */
};

/* One source's records since the start (I1). */
struct live_account {
    const char *source;
    int64_t     received, loaded, deduplicated, filtered, quarantined, late, bytes;
};

struct live_summary {
    struct live_account account;
    struct live_account letters; /* Of the source that retried letters come from. */
    uint64_t            epoch_first, epoch_last; /* 0: nothing was committed. */
    int64_t             window_row_count, window_closed_count;
    int64_t             alert_revision_count;
    int64_t             dead_letter_count, late_event_count, unknown_patient_count;
    struct live_state   state;
    int64_t             state_full_epoch_count;
    int64_t             duration_us, cpu_us;
    bool                is_interrupted;
};

/* Runs until its end and fills *ret_summary, also on failure. ERR_FENCED: another generation owns the store. An epoch that is
 * not committed leaves nothing (I2). */
enum status live_run(const struct live_options *options, struct live_summary *ret_summary, struct error *err);

#endif
