/* How the owner of a warehouse answers other processes of its user while it works: the control socket beside the file.
 *
 *      asker                                    owner (a thread of its own)
 *        │ ── connects ──────────────────────────▶ │  one after the other: who comes meanwhile waits in line
 *        │ ◀───────────────────── hello {heddle} ─ │
 *        │ ── question {question, text, as_of,     │
 *        │              format, width} ──────────▶ │  audits it, with the asker's process id (govern/audit.h)
 *        │ ◀───────────────────────────── rows … ─ │  as text, in blocks
 *        │ ◀──────────────── end {}, or error {} ─ │
 *
 * What is always true:
 *   C1  The owner hears its own user and root only (io/socket.h).
 *   C2  One question at a time, and a connection to the database of its own: the owner's work is neither in the way nor in
 *       danger. An asker that ends, or takes nothing for a minute, ends its question.
 *   C3  Bounded: a message, a block of rows, one question (I10).
 *   C4  Nothing is shown that the audit file does not hold. */
#ifndef HEDDLE_SERVER_CONTROL_H
#define HEDDLE_SERVER_CONTROL_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/error.h"
#include "graph/graph.h"
#include "io/io.h"
#include "warehouse/ask.h"
#include "warehouse/db.h"

/* The owner's side. */
struct control;

struct control_options {
    struct io          *io;
    const struct clock *clock;
    const struct graph *graph; /* Has a batch leg. */
    struct db          *db;    /* The open warehouse; must outlive the control. */
};

/* Begins to answer. The caller owns the warehouse (its lock) and calls control_stop before it closes it. */
enum status control_start(const struct control_options *options, struct control **ret_control, struct error *err);
/* Ends the question that is being answered, and answers no more. Accepts NULL. */
void control_stop(struct control *control);

/* The asker's side: *ret_is_answered false where nobody listens beside the warehouse at `path`; then the asker may open the
 * file itself. ERR_BUSY where the owner does not turn to us in time; an error of the owner's comes back as it was. */
enum status control_ask(struct io *io, const char *path, const struct warehouse_ask *ask, bool *ret_is_answered,
                        struct error *err);

#endif
