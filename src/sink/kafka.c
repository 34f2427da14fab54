#include "sink/kafka.h"

#include <librdkafka/rdkafka.h>

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/time.h"
#include "source/kafka/kafka_settings.h"

struct kafka_producer {
    struct kafka_producer_options options;
    rd_kafka_t                   *client; /* NULL: it could not go on, and is not made anew yet. */
};

/* ---- Outcomes ---- */

static bool
is_lasting(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION: return true;
    default: return false;
    }
}

static bool
is_of_message(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || code == RD_KAFKA_RESP_ERR_INVALID_RECORD || code == RD_KAFKA_RESP_ERR_INVALID_MSG
           || code == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE;
}

/* librdkafka's words for a code are its own: none of a broker or of a message (I8). */
static void
end_transfer(const struct kafka_producer *producer, struct transfer *transfer, rd_kafka_resp_err_t code)
{
    transfer->status         = 0;
    transfer->retry_after_us = 0;
    transfer->is_lasting     = is_lasting(code);
    transfer->outcome        = code == RD_KAFKA_RESP_ERR_NO_ERROR ? TRANSFER_TAKEN : is_of_message(code) ? TRANSFER_REFUSED : TRANSFER_FAILED;
    transfer->reason[0]      = '\0';
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        snprintf(transfer->reason, sizeof transfer->reason, "topic %.80s: %s", producer->options.topic, rd_kafka_err2str(code));
    producer->options.ended(producer->options.context, transfer);
}

/* By librdkafka's background thread, or whoever purges. */
static void
take_report(rd_kafka_t *client, const rd_kafka_message_t *message, void *context)
{
    (void)client;
    end_transfer(context, message->_private, message->err);
}

static void
take_event(rd_kafka_t *client, rd_kafka_event_t *event, void *context)
{
    const rd_kafka_message_t *message;

    while (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR && (message = rd_kafka_event_message_next(event)) != NULL)
        take_report(client, message, context);
    rd_kafka_event_destroy(event);
}

/* ---- The client ---- */

/* Reports come to the main queue, which nobody polls: librdkafka's background thread serves it. */
static void
serve_in_background(rd_kafka_t *client)
{
    rd_kafka_queue_t *main_queue = rd_kafka_queue_get_main(client), *background = rd_kafka_queue_get_background(client);

    CHECK(background != NULL); /* There is one where a callback for it was set. */
    rd_kafka_queue_forward(main_queue, background);
    rd_kafka_queue_destroy(main_queue);
    rd_kafka_queue_destroy(background);
}

static enum status
open_client(struct kafka_producer *producer, struct error *err)
{
    struct kafka_settings settings = { .conf = rd_kafka_conf_new(), .io = producer->options.io, .name = producer->options.name, .err = err };
    char                  text[256];

    rd_kafka_conf_set_opaque(settings.conf, producer);
    rd_kafka_conf_set_background_event_cb(settings.conf, take_event);
    rd_kafka_conf_set_events(settings.conf, RD_KAFKA_EVENT_DR);
    kafka_set_connection(&settings, producer->options.connection);
    kafka_set(&settings, "enable.idempotence", "true"); /* T2: acks=all with it. */
    kafka_set(&settings, "linger.ms", "1");
    kafka_set_int(&settings, "message.timeout.ms", producer->options.timeout_us / 1000);
    /* At most what is under way: the outbox has its own bound (I10). */
    kafka_set_int(&settings, "queue.buffering.max.messages", KAFKA_PRODUCER_MESSAGE_COUNT_MAX);
    producer->client = settings.has_failed ? NULL : rd_kafka_new(RD_KAFKA_PRODUCER, settings.conf, text, sizeof text);
    if (producer->client == NULL) {
        rd_kafka_conf_destroy(settings.conf);
        return settings.has_failed ? ST_ERROR : kafka_settings_refused(&settings, text);
    }
    serve_in_background(producer->client);
    if (producer->options.connection->sasl == GRAPH_SASL_OAUTHBEARER)
        rd_kafka_error_destroy(rd_kafka_sasl_background_callbacks_enable(producer->client));
    return ST_OK;
}

/* What is under way ends with an error of its own: the background thread tells of it before it stops. */
static void
close_client(struct kafka_producer *producer)
{
    if (producer->client == NULL)
        return;
    (void)rd_kafka_purge(producer->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    (void)rd_kafka_flush(producer->client, KAFKA_PRODUCER_FLUSH_MS);
    rd_kafka_destroy(producer->client);
    producer->client = NULL;
}

enum status
kafka_producer_open(const struct kafka_producer_options *options, struct kafka_producer **ret_producer, struct error *err)
{
    struct kafka_producer *producer = memory_alloc_zero(sizeof *producer);

    if (producer == NULL)
        return error_no_memory(err);
    producer->options  = *options;
    enum status status = open_client(producer, err);
    if (status == ST_OK)
        *ret_producer = producer;
    else
        kafka_producer_free(producer);
    return status;
}

void
kafka_producer_free(struct kafka_producer *producer)
{
    if (producer == NULL)
        return;
    close_client(producer);
    memory_free(producer);
}

/* ---- Sending ---- */

static rd_kafka_headers_t *
make_headers(const struct transfer *transfer)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(transfer->header_count);

    for (size_t i = 0; headers != NULL && i < transfer->header_count; i++) {
        const struct str line  = str_from(transfer->headers[i]);
        const size_t     colon = str_find_byte(line, ':');
        CHECK(colon != STR_NOT_FOUND);
        const struct str value = str_trim(str_slice(line, colon + 1, line.size));
        (void)rd_kafka_header_add(headers, line.data, (ssize_t)colon, value.data, (ssize_t)value.size);
    }
    return headers;
}

static rd_kafka_resp_err_t
produce(struct kafka_producer *producer, struct transfer *transfer)
{
    rd_kafka_headers_t *headers = make_headers(transfer);

    if (headers == NULL)
        return RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE;
    /* Neither key nor body is copied: they stay in place until the report. The body is only read. */
    rd_kafka_resp_err_t code = rd_kafka_producev(producer->client, RD_KAFKA_V_TOPIC(producer->options.topic), RD_KAFKA_V_MSGFLAGS(0),
                                                 RD_KAFKA_V_KEY((void *)(uintptr_t)transfer->key.data, transfer->key.size),
                                                 RD_KAFKA_V_VALUE((void *)(uintptr_t)transfer->body.data, transfer->body.size),
                                                 RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(transfer), RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_headers_destroy(headers);
    return code;
}

void
kafka_producer_send(struct kafka_producer *producer, struct transfer *transfer)
{
    char text[1];

    if (producer->client != NULL && rd_kafka_fatal_error(producer->client, text, sizeof text) != RD_KAFKA_RESP_ERR_NO_ERROR)
        close_client(producer); /* T4 */
    if (producer->client == NULL && open_client(producer, NULL) != ST_OK) {
        end_transfer(producer, transfer, RD_KAFKA_RESP_ERR__FATAL);
        return;
    }
    rd_kafka_resp_err_t code = produce(producer, transfer);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        end_transfer(producer, transfer, code);
}
