/* Delivery of what waits in the outbox (P9): each revision of an alert, to each sink that its rule is routed to.
 *
 * D1  A sink gets an alert's revisions in their order; what failed is tried again after waits that double, from the
 *     route's first to its longest one, and given up after its give_up.
 * D2  Before anything leaves the generation is found to be ours: a process that was overtaken sends nothing more. Lines of a
 *     file are written and marked a batch at a time, under the file's lock, and the generation is looked at while it is held.
 * D3  A line is marked delivered only when it is on disk; a request only when its receiver has said so.
 * D4  What a process left that died between writing and marking is in the last OUTBOX_BATCH_COUNT_MAX lines of the file:
 *     before its first batch, and after each failure, an outbox marks what it finds there. So a line stands there once.
 *
 * D4 holds while one pipeline alone writes the file. Where the file was moved away between the two moments, the line is
 * written again to the new one: a receiver knows it by "alert_id" and "revision".
 *
 * Beyond the network:
 *
 *      waiting ── due, first of its alert ──▶ under way ─┬─ taken ────────────────────▶ delivered
 *         ▲                                              ├─ not taken, too old ───────▶ given_up
 *         ╰──────── attempts + 1, due after its wait ────╯
 *
 * D5  The store's thread never waits for a receiver: requests are carried by a thread of their own (sink/sender.h), each
 *     with a time limit, OUTBOX_REQUEST_COUNT_MAX to a receiver at a time; the store's thread hands them over and marks what
 *     has become of them between two of its transactions.
 * D6  Of an alert the oldest revision that waits alone is sent: later ones of it stay behind it, other alerts do not.
 * D7  A receiver that fails is held, and then asked with one request alone until it takes one. What it refuses for good
 *     (outcome and is_lasting of io/transfer.h) is tried again after the longest wait: it may be set right. Nothing is lost
 *     before give_up.
 * D8  At least once: a process may die after the receiver took a request and before that is marked, an answer may get lost, and an
 *     owner that is overtaken while a request is under way cannot call it back. Each repeat has the same Idempotency-Key,
 *     "alert_id:revision". */
#ifndef HEDDLE_STORE_OUTBOX_H
#define HEDDLE_STORE_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json_out.h"
#include "graph/graph.h"
#include "io/io.h"
#include "io/transfer.h"
#include "store/store.h"

struct outbox;

/* All are borrowed and outlive the outbox; the store is owned (store_own) before the first step. ERR_KEY where a secret of a
 * route cannot be read. Where a route leaves over the network a thread is started. */
enum status outbox_new(struct io *io, const struct clock *clock, struct store *store, const struct graph *graph, struct outbox **ret_outbox,
                       struct error *err);
/* What is under way is left to its fate (D8). Accepts NULL. */
void        outbox_free(struct outbox *outbox);

/* Delivers what is due; struct live_delivery takes it with the outbox as context. A sink that fails is no error of the
 * step: its rows wait for their next attempt. With is_last all that waits is tried once more, due or not, for OUTBOX_LAST_US
 * over the network; else it is no more than some batches a call. Errors are the store's: ERR_FENCED, or it cannot be read
 * or written, or no memory. */
enum status outbox_step(void *outbox, bool is_last, int64_t now_us, struct error *err);
/* Whether a step would find answers of receivers; for a loop that steps sooner then. */
bool outbox_has_news(void *outbox);

struct outbox_summary {
    int64_t             delivered_count; /* Marked since outbox_new. */
    int64_t             failed_count;    /* Attempts of rows that failed. */
    int64_t             given_up_count;
    const struct error *last_error; /* Of a sink; empty: none failed. Lives as long as the outbox. */
};
struct outbox_summary outbox_summary(const struct outbox *outbox);

/* The wait after so many failures before: the route's first, doubled each time, its longest at most. */
int64_t outbox_wait_after(const struct graph_route *route, int64_t attempts);
/* The same, spread by `salt` over its upper half, so that what failed together does not come again together. */
int64_t outbox_wait_spread(const struct graph_route *route, int64_t attempts, uint64_t salt);

/* For check --connect: reads the route's secrets, connects to its receiver, and sends nothing. ERR_KEY, ERR_UNAVAILABLE. */
enum status outbox_probe(struct io *io, const struct graph_route *route, struct error *err);

/* "t=SECONDS,v1=HEX" in `out`: HMAC-SHA-256 under `key` over SECONDS, a full stop and the body, which is what `signed_text`
 * holds. `out` has room for OUTBOX_SIGNATURE_SIZE. */
#define OUTBOX_SIGNATURE_SIZE 96
enum status outbox_signature(struct str key, struct str signed_text, int64_t seconds, char out[OUTBOX_SIGNATURE_SIZE], struct error *err);

/* Members of an object that say what the alert says, all but its id, with as much patient data as `phi` allows. Times are ISO 8601 in UTC; what is not
 * known is left out. */
void alert_print(struct json_out *json, const struct store_alert *alert, enum graph_phi phi);

#endif
