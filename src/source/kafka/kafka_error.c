#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "source/kafka/kafka_int.h"

/* What a broker's trouble means: the first whose words stand in what librdkafka says. */
struct meaning {
    rd_kafka_resp_err_t code;   /* NO_ERROR: any. */
    const char         *words;  /* NULL: any. */
    enum error_code     error;
    const char         *what;
    const char         *hint;
};

static const struct meaning MEANINGS[] = {
    { RD_KAFKA_RESP_ERR__RESOLVE, NULL, ERR_UNAVAILABLE, "the name of a broker cannot be resolved", "correct the host in \"brokers\", or ask who keeps the names of the network" },
    { RD_KAFKA_RESP_ERR__AUTHENTICATION, NULL, ERR_CONFIG, "the broker does not take who we say we are", "correct \"username\", \"password\" or \"mechanism\" of sasl, or have the user made at the broker" },
    { RD_KAFKA_RESP_ERR_NO_ERROR, "certificate verify failed", ERR_CONFIG, "the broker's certificate is not one that the authorities of the binding vouch for",
      "name the authority that signed it by \"ca\" of tls, and the broker by the name that its certificate has" },
    { RD_KAFKA_RESP_ERR_NO_ERROR, "wrong version number", ERR_CONFIG, "the port does not speak TLS", "take the broker's TLS port, or take \"tls\" out" },
    { RD_KAFKA_RESP_ERR_NO_ERROR, "connecting to a PLAINTEXT broker listener", ERR_CONFIG, "the port does not speak TLS", "take the broker's TLS port, or take \"tls\" out" },
    { RD_KAFKA_RESP_ERR_NO_ERROR, "certificate required", ERR_CONFIG, "the broker wants a certificate of ours", "give it by \"certificate\" and \"key\" of tls" },
    { RD_KAFKA_RESP_ERR_NO_ERROR, "alert bad certificate", ERR_CONFIG, "the broker wants a certificate of ours, or another one", "give it by \"certificate\" and \"key\" of tls" },
    { RD_KAFKA_RESP_ERR__SSL, NULL, ERR_CONFIG, "no encrypted connection comes about", "look at \"tls\" of the binding, and whether the port speaks TLS" },
    { RD_KAFKA_RESP_ERR_NO_ERROR, "onnection refused", ERR_UNAVAILABLE, "nothing listens at the port of a broker", "correct the port in \"brokers\", or start the broker" },
    { RD_KAFKA_RESP_ERR_NO_ERROR, "might be caused by incorrect security.protocol", ERR_CONFIG, "the broker ends the connection before it answers: its port speaks TLS, or another protocol than Kafka's",
      "add \"tls\" to the binding, or take the broker's port without TLS" },
    { RD_KAFKA_RESP_ERR_NO_ERROR, NULL, ERR_UNAVAILABLE, "no broker answers", "look whether the brokers run and can be reached from here" },
};

/* The connection stands, and nothing comes. */
static const struct meaning SILENT = { RD_KAFKA_RESP_ERR_NO_ERROR, NULL, ERR_UNAVAILABLE, "the brokers are silent: a port that speaks TLS is so to who does not",
                                       "add \"tls\" to the binding, or take the broker's port without TLS; else look whether something on the way drops what is sent" };

static const struct meaning *
find_meaning(rd_kafka_resp_err_t code, const char *reason)
{
    const struct meaning *meaning = MEANINGS;
    while ((meaning->code != RD_KAFKA_RESP_ERR_NO_ERROR && meaning->code != code) || (meaning->words != NULL && strstr(reason, meaning->words) == NULL))
        meaning++;
    return meaning;
}

enum status
kafka_error_brokers(struct kafka *kafka, struct error *err)
{
    struct kafka_news *news = &kafka->news;

    mutex_lock(&news->mutex);
    const struct meaning *meaning = news->reason[0] == '\0' ? &SILENT : find_meaning(news->error, news->reason);
    error_set(err, meaning->error, "%s: %s%s%s%s", kafka->name, meaning->what, news->reason[0] == '\0' ? "" : " (", news->reason, news->reason[0] == '\0' ? "" : ")");
    error_hint(err, "%s", meaning->hint);
    mutex_unlock(&news->mutex);
    return ST_ERROR;
}

enum status
kafka_error_topic(const struct kafka *kafka, const char *topic, rd_kafka_resp_err_t code, struct error *err)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID:
        error_set(err, ERR_NOT_FOUND, "%s: there is no topic %s", kafka->name, topic);
        error_hint(err, "correct \"%s\" of the binding, or have the topic made", kafka->options.is_for_writing ? "topic" : "topics");
        error_class_set(err, ERROR_BAD_CONFIGURATION);
        return ST_ERROR;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        error_set(err, ERR_CONFIG, "%s: we have no right to %s the topic %s", kafka->name, kafka->options.is_for_writing ? "write to" : "read", topic);
        error_hint(err, "have the broker allow our user %s on it", kafka->options.is_for_writing ? "Write" : "Read and Describe");
        return ST_ERROR;
    default:
        error_set(err, ERR_UNAVAILABLE, "%s: the topic %s cannot be read: %s", kafka->name, topic, rd_kafka_err2str(code));
        return ST_ERROR;
    }
}

enum status
kafka_error_call(const struct kafka *kafka, const char *what, rd_kafka_resp_err_t code, struct error *err)
{
    error_set(err, ERR_UNAVAILABLE, "%s: %s: %s", kafka->name, what, rd_kafka_err2str(code));
    error_hint(err, "look whether the brokers run and can be reached from here");
    return ST_ERROR;
}

bool
kafka_error_is_passing(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR__FATAL: return false;
    default: return true; /* A leader that moves, a broker that is away: it asks again by itself. */
    }
}

enum status
kafka_error_partition(struct kafka_partition *partition, const rd_kafka_message_t *told, struct error *err)
{
    switch (told->err) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: return kafka_position_lost(partition, err);
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        error_set(err, ERR_CORRUPT, "%s: messages of %s cannot be read from offset %" PRId64 " on: %s", partition->kafka->name, partition->base.partition_id,
                  partition->base.position, rd_kafka_err2str(told->err));
        error_hint(err, "have the broker's log examined; nothing behind it is read before it can be");
        return ST_ERROR;
    default: return kafka_error_topic(partition->kafka, partition->topic, told->err, err);
    }
}
