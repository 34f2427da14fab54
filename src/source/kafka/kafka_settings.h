/* librdkafka's settings, of whoever reads or writes topics: names, secrets, TLS, SASL. */
#ifndef HEDDLE_SOURCE_KAFKA_KAFKA_SETTINGS_H
#define HEDDLE_SOURCE_KAFKA_KAFKA_SETTINGS_H

#include <librdkafka/rdkafka.h>

#include "graph/graph.h"
#include "io/io.h"
#include "io/secret.h"

struct kafka_settings {
    rd_kafka_conf_t *conf;
    struct io       *io;   /* Reads secrets. */
    const char      *name; /* Whose they are: in errors. */
    struct error    *err;
    bool             has_failed; /* With `err` set; further settings do nothing. */
};

/* No value stands in a message, for it may be a secret. */
void kafka_set(struct kafka_settings *settings, const char *name, const char *value);
void kafka_set_int(struct kafka_settings *settings, const char *name, int64_t value);
/* Brokers, who we are, and that librdkafka's own lines, which may quote what brokers sent, are dropped: what matters comes as an error. */
void kafka_set_connection(struct kafka_settings *settings, const struct graph_kafka *binding);
/* The client refused what librdkafka says of it; it reads certificates and keys when it is made. Returns ST_ERROR. */
enum status kafka_settings_refused(const struct kafka_settings *settings, const char *text);

#endif
