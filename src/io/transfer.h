/* Messages to receivers over HTTP(S) and SMTP(S), by libcurl: several under way at once in one thread, each with an end.
 *
 *     endpoint    where to, and how: address, time limit, certificates; many transfers share one
 *     transfer    one message to it; its owner keeps it and all it points to in place until transfers_next gives it back
 *
 * What a receiver answers is read up to a bound and thrown away: it might repeat what was sent, so nothing of it is kept
 * but the status (I8). Redirects are not followed: a receiver may not send patient data elsewhere. Requests to this machine go by
 * no proxy. */
#ifndef HEDDLE_IO_TRANSFER_H
#define HEDDLE_IO_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "io/url.h"

/* All borrowed, texts with a NUL. */
struct transfer_endpoint {
    const char        *url;
    struct url         parts; /* Of `url`. */
    int64_t            timeout_us; /* Of the whole, from the name's look-up to the answer's end. */
    struct str         ca, certificate, key; /* PEM. Empty: the system's authorities; no certificate of ours. */
    const char        *from; /* SMTP: envelope and login. NULL: none. */
    const char *const *to;
    size_t             to_count;
    const char        *user, *password;
};

enum transfer_outcome {
    TRANSFER_TAKEN,   /* The receiver has said so: 2xx to the end of its answer, or SMTP's 250. */
    TRANSFER_FAILED,  /* The receiver, or the way to it, is at fault: other messages will fare no better now. */
    TRANSFER_REFUSED, /* This message is at fault: HTTP's 400, 409, 413, 422. */
};

#define TRANSFER_REASON_SIZE 160

struct transfer {
    const struct transfer_endpoint *endpoint;
    const char *const              *headers; /* HTTP: "Name: value". */
    size_t                          header_count;
    struct str                      key;  /* Of a message in a topic (sink/kafka.h); nobody else looks at it. */
    struct str                      body; /* HTTP: the request's; SMTP: the mail with its headers, lines ending in CR LF. */
    void                           *context; /* The owner's. */

    enum transfer_outcome outcome;
    int                   status; /* HTTP's or SMTP's; 0: there was no answer. */
    bool                  is_lasting; /* Trying again soon is no use: redirected, or refused (4xx but for 408, 425, 429; 5xx of SMTP). */
    int64_t               retry_after_us; /* What a 429 or 503 asked for; 0: nothing. */
    char                  reason[TRANSFER_REASON_SIZE]; /* Why it was not taken: no word of the receiver's, and no secret. */

    void           *handle; /* libcurl's; of transfer.c alone, as is the rest. */
    void           *list;
    size_t          sent_size, head_size, body_size;
    bool            is_cut; /* We ended the answer: its bound was reached. */
    struct transfer *next, *next_under_way; /* For lists of whoever holds it. */
};

struct transfers;

/* Used by one thread at a time, but for transfers_wake. */
enum status transfers_new(struct transfers **ret_transfers, struct error *err);
/* None is under way any more. Accepts NULL. */
void transfers_free(struct transfers *transfers);

/* From one thread. What cannot begin ends at once, with its reason. */
void transfers_begin(struct transfers *transfers, struct transfer *transfer);
/* Ends one that is under way, without a result: nobody knows whether it was taken. */
void transfers_abandon(struct transfers *transfers, struct transfer *transfer);
/* Carries all on until one has ended, which is given back, or timeout_us is over, or somebody has woken it: NULL. */
struct transfer *transfers_next(struct transfers *transfers, int64_t timeout_us);
/* From any thread: transfers_next returns soon. */
void transfers_wake(struct transfers *transfers);

/* Connects, with TLS where the address says so (and SMTP's login), and sends nothing. ERR_UNAVAILABLE with the reason. */
enum status transfer_probe(const struct transfer_endpoint *endpoint, struct error *err);

#endif
