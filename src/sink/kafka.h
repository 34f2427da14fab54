/* Messages to a topic of Kafka, by librdkafka's idempotent producer.
 *
 * T1  A message is handed over and nobody waits; it ends once, with an outcome, by librdkafka's own thread.
 * T2  Taken is what all replicas in sync have (acks=all). What is not within the time limit has failed, though the broker may have it:
 *     whoever sends it again says by its headers that it is the same.
 * T3  Of one key the order is that of handing over, within what is under way; whoever needs more waits for the outcome.
 * T4  A producer that cannot go on (a fatal error of librdkafka's: the broker lost its sequence) ends what is under way and is made anew. */
#ifndef HEDDLE_SINK_KAFKA_H
#define HEDDLE_SINK_KAFKA_H

#include "base/error.h"
#include "graph/graph.h"
#include "io/io.h"
#include "io/transfer.h"

struct kafka_producer;

struct kafka_producer_options {
    struct io                *io;         /* Reads secrets. */
    const struct graph_kafka *connection; /* These are borrowed for the producer's life. */
    const char               *topic;
    const char               *name;       /* The route's, for errors. */
    int64_t                   timeout_us; /* Of one message. */
    /* Gives a message back, from a thread of librdkafka's. */
    void (*ended)(void *context, struct transfer *transfer);
    void *context;
};

/* Brokers are asked for the first time when something is sent. ERR_KEY, ERR_CONFIG. The options are copied, not what they point to. */
enum status kafka_producer_open(const struct kafka_producer_options *options, struct kafka_producer **ret_producer, struct error *err);
/* What is under way has no outcome; the transfers are the owner's again. Accepts NULL. */
void kafka_producer_free(struct kafka_producer *producer);

/* The transfer's key, body and headers, which stay where they are until it is given back. From one thread. */
void kafka_producer_send(struct kafka_producer *producer, struct transfer *transfer);

#endif
