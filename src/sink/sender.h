/* A thread that carries messages to receivers over the network, so that whoever has them to send never waits for one.
 *
 *     owner's thread                    the sender's thread
 *       sender_send(transfer) ────────▶   under way, several at once (io/transfer.h)
 *       sender_take ◀────────────────     with its outcome, in the order in which they ended
 *
 * N1  What is sent begins at once: nothing waits here. So who may send was found out no longer ago than it took to hand it over.
 * N2  A transfer and what it points to are the sender's from send to take, and the owner's before and after.
 * N3  What was under way when the sender is freed has no outcome: it may have been taken. */
#ifndef HEDDLE_SINK_SENDER_H
#define HEDDLE_SINK_SENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "io/transfer.h"

struct sender;

enum status sender_start(struct sender **ret_sender, struct error *err);
/* Ends what is under way; the transfers are the owner's again. Accepts NULL. */
void sender_free(struct sender *sender);

void sender_send(struct sender *sender, struct transfer *transfer);
/* Gives one back that another carrier has ended (sink/kafka.h), for sender_take; from any thread. */
void sender_put_ended(struct sender *sender, struct transfer *transfer);
/* One that has ended; NULL: none has within timeout_us (0: does not wait). */
struct transfer *sender_take(struct sender *sender, int64_t timeout_us);
/* Whether sender_take would give one: one atomic load. */
bool sender_has_ended(const struct sender *sender);

#endif
