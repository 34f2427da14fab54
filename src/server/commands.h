/* How the owner of a store takes commands of other processes of its user while it streams: a control socket beside the store,
 * as the warehouse has one (control.h).
 *
 *      asker                              a thread of the owner's              the thread that owns the store
 *        │ ── connects ─────────────────────▶ │ ── hello ▶ asker                       │
 *        │ ── question {command, …} ────────▶ │ ── hands it over ────────────────────▶ │ between two of its transactions,
 *        │ ◀── end {what came of it} ──────── │ ◀─────────────────── what came of it ─ │ under its generation (P9)
 *
 *      {"command":"retry","reason":"","letters":[{"partition_id":"a.ndjson","position":17}]} ▶ {"retried":1,"waiting":0,"settled":0}
 *      {"command":"acknowledge" or "close","by":"ann","comment":"","alerts":[{"alert_id":"8000…","revision":0}]}
 *          ▶ {"handled":[{"alert_id":"8000…","revision":2,"new":1,"status":"acknowledged","by":"ann","at":1772450000000000}]}
 *      {"command":"top"} ▶ what the stream says of itself: live/top.h
 *      {"command":"tap","step":"dedup","rows":20,"timeout_us":10000000,"unmasked":false} ▶ rows that come to the step: live/tap.h
 *
 * What is always true: C1, C3 and C4 of control.h; one command at a time, and besides one tap, which has a thread of its own and
 * ends when its asker goes; what the asker is told has been committed. A command that
 * is told to nobody, for the asker has gone, is as good as one that was told: commands may be given again. */
#ifndef HEDDLE_SERVER_COMMANDS_H
#define HEDDLE_SERVER_COMMANDS_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/error.h"
#include "graph/graph.h"
#include "io/io.h"
#include "live/tap.h"
#include "live/top.h"
#include "store/store.h"

/* The owner's side. */
struct commands;

struct commands_options {
    struct io             *io;
    const struct clock    *clock;
    const struct graph    *graph; /* Has a streaming leg. */
    struct store          *store;
    const struct live_top *top; /* What the stream says of itself, written by the thread that steps; NULL: nothing. */
    struct live_tap       *tap; /* NULL: no rows are shown. */
};

/* Begins to listen. The caller owns the store (its lock) and calls commands_stop before it closes it. */
enum status commands_start(const struct commands_options *options, struct commands **ret_commands, struct error *err);
/* Carries out the command that waits, if one does. Called by the thread that uses the store, outside of a transaction. What is
 * wrong with a command is its asker's to hear; an error here is one of the store. */
enum status commands_step(struct commands *commands, int64_t now_us, struct error *err);
/* Answers no more; who waits is told to try again. Accepts NULL. */
void commands_stop(struct commands *commands);

/* The asker's side of store->kind->letters_retry (source and now_us are the owner's). *ret_is_answered false where nobody listens
 * beside the store at `path`; then the asker may own it itself. ERR_BUSY where the owner does not turn to us in time, or ends. */
enum status commands_ask_retry(struct io *io, const char *path, const struct store_retry *retry, bool *ret_is_answered,
                               struct store_retry_result *ret_result, struct error *err);
/* Likewise of store->kind->alerts_handle: ret_handled has a place for each of the alerts. */
enum status commands_ask_handle(struct io *io, const char *path, const struct store_handle *handle, bool *ret_is_answered,
                                struct store_handled *ret_handled, struct error *err);
/* What the stream says of itself is appended, one JSON object (live/top.h). ERR_USAGE where the owner does not stream. */
enum status commands_ask_top(struct io *io, const char *path, bool *ret_is_answered, struct str_builder *out, struct error *err);

/* Who looks longer asks again: others may want to look. */
#define COMMANDS_TAP_TIMEOUT_US_MAX INT64_C(3600000000)

struct commands_tap {
    struct str step;
    uint32_t   row_count; /* 1 to LIVE_TAP_ROW_COUNT_MAX. */
    int64_t    timeout_us; /* What has come by then is shown; at most COMMANDS_TAP_TIMEOUT_US_MAX. */
    bool       is_unmasked; /* Patient data: the owner tells the audit file first, of this process. */
};
/* Rows that come to the step from now on are appended, one JSON object with all (live/tap.h). ERR_USAGE where there is no such step, ERR_BUSY where somebody else
 * looks. */
enum status commands_ask_tap(struct io *io, const char *path, const struct commands_tap *asked, bool *ret_is_answered, struct str_builder *out,
                             struct error *err);

#endif
