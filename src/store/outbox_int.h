/* What the files of the outbox share. */
#ifndef HEDDLE_STORE_OUTBOX_INT_H
#define HEDDLE_STORE_OUTBOX_INT_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/str_builder.h"
#include "graph/graph.h"
#include "io/secret.h"
#include "io/transfer.h"
#include "sink/file.h"
#include "sink/kafka.h"
#include "sink/sender.h"
#include "store/outbox.h"

/* ---- What an alert looks like where it arrives (outbox_line.c, outbox_request.c, outbox_mail.c) ---- */

/* How each line begins; what a line is about stands first, so that it can be found again. */
#define OUTBOX_LINE_BEGIN "{\"alert_id\":\""

/* Appends the alert as one JSON object and a line feed, with as much patient data as `phi` allows. Times are ISO 8601 in
 * UTC; what is not known is left out. */
void outbox_line(struct str_builder *out, const struct store_alert *alert, struct str sink, enum graph_phi phi);

/* The same on several lines, for people. */
void outbox_block(struct str_builder *out, const struct store_alert *alert, struct str sink, enum graph_phi phi);
/* Appends a mail of some alerts, with its headers (outbox_mail.c). Neither subject nor headers say whom it is about. */
enum status outbox_mail(struct str_builder *out, struct str pipeline, const struct graph_route *route, const struct store_outbox_row *const *rows,
                        size_t row_count, int64_t now_us, struct error *err);

/* ---- A sink that is a file (outbox_file.c) ---- */

struct outbox_file {
    const struct graph_route *route;
    struct file_sink          file;
    bool                      is_repaired; /* Everything in the file is marked (D4). */
    int64_t                   failures;    /* Since it last took a batch. */
    int64_t                   held_at_us;  /* The last of them holds the sink from then … */
    int64_t                   hold_us;     /* … for so long. */
};

enum status outbox_file_step(struct outbox *outbox, struct outbox_file *sink, bool is_last, int64_t now_us, struct error *err);

/* ---- A sink beyond the network (outbox_network.c) ---- */

/* What of the outbox a request carries. */
struct outbox_item {
    struct str alert_id;
    int64_t    revision;
    int64_t    attempts;
    int64_t    since_us;
};

/* A request and the memory of all that it says, reused by the next one. */
struct outbox_request {
    struct transfer         transfer;
    struct outbox_receiver *receiver;
    struct arena            arena;
    struct str_builder      text; /* What is signed, then, or alone, the body. */
    struct outbox_item     *items;
    size_t                  item_count;
    int64_t                 failures_seen; /* The receiver's, when it was sent. */
    bool                    is_busy;
};

struct outbox_receiver {
    const struct graph_route *route;
    struct transfer_endpoint  endpoint;
    struct secret             ca, certificate, key, sign, user, password;
    const char              **to; /* The route's, each with a NUL. */
    struct secret            *headers; /* "Name: value", the same in each request. */
    size_t                    header_count;
    char                     *url;      /* Of Kafka NULL, as is the rest of the endpoint. */
    struct kafka_producer    *producer; /* NULL: another kind than Kafka. */

    struct outbox_request requests[OUTBOX_REQUEST_COUNT_MAX];
    size_t                busy_count, busy_item_count;
    int64_t               failures;   /* Of the receiver, since it last took something. */
    int64_t               held_at_us; /* The last of them holds it from then … */
    int64_t               hold_us;    /* … for so long. */

    int64_t *sent_at_us; /* When the last rate_count requests went, a ring; NULL: no limit. */
    uint64_t sent_count;

    bool      has_failed_last; /* At the end: it is not asked again. */
    uint64_t *refused;         /* At the end: hashes of what it refused, OUTBOX_REFUSED_COUNT_MAX of them. */
    size_t    refused_count;
};

/* A receiver's secrets are read, and what is the same in each request is put together. What the outbox's sender gives back comes by it. */
enum status outbox_receiver_init(struct outbox_receiver *receiver, struct outbox *outbox, struct io *io, const struct graph_route *route,
                                 struct error *err);
/* Before the sender goes: what is under way ends. */
void        outbox_receiver_stop(struct outbox_receiver *receiver);
void        outbox_receiver_release(struct outbox_receiver *receiver);

/* Fills the request with rows of different alerts: how many of them it took, from the first on, is item_count. */
enum status outbox_request_fill(struct outbox_request *request, struct str pipeline, const struct store_outbox_row *const *rows, size_t row_count,
                                int64_t now_us, struct error *err);
/* How many rows one request may carry. */
size_t outbox_request_row_count_max(const struct graph_route *route);

/* Takes what the receivers have said, and sends what is due. Never waits. */
enum status outbox_network_step(struct outbox *outbox, int64_t now_us, struct error *err);
/* At the end: sends all that waits, due or not, and waits for what becomes of it, OUTBOX_LAST_US at most. */
enum status outbox_network_last(struct outbox *outbox, int64_t now_us, struct error *err);

/* ---- The whole (outbox.c) ---- */

struct outbox {
    const struct clock     *clock;
    struct store           *store;
    struct str              pipeline;
    struct outbox_file     *files;
    size_t                  file_count;
    struct outbox_receiver *receivers;
    size_t                  receiver_count;
    struct sender          *sender; /* NULL: no receivers. */
    struct arena            arena;  /* Of one batch. */
    struct str_builder      lines;
    bool                    is_last;          /* All that waits is due. */
    bool                    has_store_failed; /* Whose error it is: the store's, or a sink's. */
    struct error            last_error;
    struct outbox_summary   summary;
};

/* The rows that are due for the route (store.h); clears the outbox's arena, in which they lie. */
enum status outbox_due(struct outbox *outbox, const struct graph_route *route, int64_t now_us, size_t count_max, bool is_first_only,
                       struct store_outbox_row **ret_rows, size_t *ret_count, struct error *err);
enum status outbox_mark(struct outbox *outbox, const struct store_outbox_mark *marks, size_t count, struct error *err);
struct store_outbox_mark outbox_delivered(struct str alert_id, int64_t revision, struct str sink, int64_t now_us);

#endif
