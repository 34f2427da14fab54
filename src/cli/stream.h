/* The streaming leg as the commands stream and run have it: opened, run with progress, summed up. */
#ifndef HEDDLE_CLI_STREAM_H
#define HEDDLE_CLI_STREAM_H

#include "base/limits.h"
#include "base/str_builder.h"
#include "live/live.h"

struct db;

struct stream_summary {
    struct live_summary live;
    int64_t             delivered_count; /* Revisions of alerts that reached their sink. */
    int64_t             failed_count;    /* Attempts that failed. */
    int64_t             given_up_count;
    struct live_cost   *cost; /* Where its time goes is measured and printed; the caller's. NULL: it is not. */
};

/* How far, and what may be lost. */
struct stream_how {
    enum live_end end;
    struct str    accepted_losses; /* As live_options has it. */
    bool          accepts_loss;    /* Of messages, as kafka_options has it. */
};

/* Takes the lock beside the store (ERR_BUSY: another process owns it), opens source and store, says aloud where the store is not encrypted, and runs to its end; a signal that process_signals_init
 * notes ends it behind a committed epoch. `warehouse` is where history comes from when the store is new; NULL: the bound
 * warehouse is opened for reading, if it is there. A sink that fails is told on stderr and does not end the stream. Fills
 * *ret_summary but its cost, which the caller gives or leaves NULL, also on failure. */
enum status stream_run(const struct graph *graph, const struct siphash_key *person_key, struct db *warehouse, const struct stream_how *how,
                       struct stream_summary *ret_summary, struct error *err);

/* The option of both commands. */
#define STREAM_ACCEPT_OPTION(type_, member_)                                                                                           \
    { .name = "accept-state-loss", .type = OPTION_TEXT, .max = PLAN_TEXT_SIZE_MAX,                                                      \
      .help = "Steps, with commas between, whose state may be lost because the pipeline was changed; see check --against.",             \
      OPTION_FIELD(type_, member_) }

#define STREAM_ACCEPT_LOSS_OPTION(type_, member_)                                                                                       \
    { .name = "accept-loss", .type = OPTION_BOOL,                                                                                       \
      .help = "Kafka: goes on where the broker's retention deleted messages before they were read; how many is counted as lost.",       \
      OPTION_FIELD(type_, member_) }

/* The summary; alerts a rule are counted in the store; where the time went, if that was measured. */
enum status stream_print(const struct stream_summary *summary, const struct graph *graph, bool is_json, struct str_builder *out,
                         struct error *err);

/* An error where the stream was stopped before the end that it was to run to; its code gives the exit code of the signal. */
enum status stream_check_end(const struct stream_summary *summary, struct error *err);

/* --drain wins over --once: it is the same and more. */
enum live_end stream_end(bool is_once, bool is_drain);

#endif
