/* Delivery of what waits in the outbox (P9): each revision of an alert, to each sink that its rule is routed to.
 *
 * D1  A sink gets an alert's revisions in their order; what failed is tried again after waits that double, from the
 *     route's first to its longest one, and given up after its give_up.
 * D2  Lines are written and marked a batch at a time, under the file's lock. Before anything is written the generation is
 *     found to be ours while the lock is held: a process that was overtaken writes no line any more.
 * D3  A line is marked delivered only when it is on disk.
 * D4  What a process left that died between writing and marking is in the last OUTBOX_BATCH_COUNT_MAX lines of the file:
 *     before its first batch, and after each failure, an outbox marks what it finds there. So a line stands there once.
 *
 * D4 holds while one pipeline alone writes the file. Where the file was moved away between the two moments, the line is
 * written again to the new one: a receiver knows it by "alert_id" and "revision". */
#ifndef HEDDLE_STORE_OUTBOX_H
#define HEDDLE_STORE_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "graph/graph.h"
#include "io/io.h"
#include "store/store.h"

struct outbox;

/* All are borrowed and outlive the outbox; the store is owned (store_own) before the first step. */
enum status outbox_new(struct io *io, struct store *store, const struct graph *graph, struct outbox **ret_outbox, struct error *err);
void        outbox_free(struct outbox *outbox);

/* Delivers what is due; struct live_delivery takes it with the outbox as context. A sink that fails is no error of the
 * step: its rows wait for their next attempt. With is_last all that waits is tried once more, due or not, else no more
 * than some batches a call. Errors are the store's: ERR_FENCED, or it cannot be read or written, or no memory. */
enum status outbox_step(void *outbox, bool is_last, int64_t now_us, struct error *err);

struct outbox_summary {
    int64_t             delivered_count; /* Marked since outbox_new. */
    int64_t             failed_count;    /* Attempts of rows that failed. */
    int64_t             given_up_count;
    const struct error *last_error; /* Of a sink; empty: none failed. Lives as long as the outbox. */
};
struct outbox_summary outbox_summary(const struct outbox *outbox);

#endif
