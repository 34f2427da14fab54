#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "source/kafka/kafka_int.h"
#include "source/kafka/kafka_settings.h"

/* ---- What it tells ---- */

static void
tell(struct kafka *kafka, const char *what, const char *reason)
{
    char text[KAFKA_REASON_SIZE + 256];
    if (kafka->options.notice == NULL)
        return;
    snprintf(text, sizeof text, "%s: %s%s%s", kafka->name, what, reason[0] == '\0' ? "" : ": ", reason);
    kafka->options.notice(kafka->options.context, text);
}

/* From whoever serves it. */
static void
take_error(rd_kafka_t *client, int code, const char *reason, void *context)
{
    struct kafka      *kafka = context;
    struct kafka_news *news  = &kafka->news;
    char               last[KAFKA_REASON_SIZE] = "";
    (void)client;

    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        atomic_store(&news->has_fatal, true);
        return;
    }
    mutex_lock(&news->mutex);
    bool is_told = code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !news->has_told;
    if (is_told) {
        news->has_told = true;
        snprintf(last, sizeof last, "%s", news->reason);
    }
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        news->error = (rd_kafka_resp_err_t)code;
        snprintf(news->reason, sizeof news->reason, "%s", reason == NULL ? "" : reason);
    }
    mutex_unlock(&news->mutex);
    if (is_told) {
        atomic_store(&news->is_away, true);
        tell(kafka, "no broker answers; it is waited for", last);
    }
}

void
kafka_client_heard(struct kafka *kafka)
{
    struct kafka_news *news = &kafka->news;
    if (!atomic_load_explicit(&news->is_away, memory_order_relaxed) || !atomic_exchange(&news->is_away, false))
        return;
    mutex_lock(&news->mutex);
    news->has_told = false;
    mutex_unlock(&news->mutex);
    tell(kafka, "brokers answer again", "");
}

void
kafka_client_serve(struct kafka *kafka)
{
    (void)rd_kafka_poll(kafka->client, 0);
}

/* ---- Settings ---- */

static void
set_reading(struct kafka_settings *settings, size_t partition_count)
{
    int64_t queue_kb = KAFKA_AHEAD_SIZE_MAX / 1024 / (int64_t)(partition_count == 0 ? 1 : partition_count);
    if (queue_kb > KAFKA_PARTITION_AHEAD_SIZE_MAX / 1024)
        queue_kb = KAFKA_PARTITION_AHEAD_SIZE_MAX / 1024;
    if (queue_kb < KAFKA_FETCH_SIZE / 1024)
        queue_kb = KAFKA_FETCH_SIZE / 1024;
    kafka_set(settings, "enable.auto.commit", "false"); /* K1 */
    kafka_set(settings, "enable.auto.offset.store", "false");
    kafka_set(settings, "auto.offset.reset", "error"); /* K4 */
    kafka_set(settings, "isolation.level", "read_committed"); /* K3 */
    kafka_set(settings, "enable.partition.eof", "true");
    kafka_set(settings, "check.crcs", "true");
    kafka_set_int(settings, "fetch.message.max.bytes", KAFKA_FETCH_SIZE);
    kafka_set_int(settings, "queued.min.messages", 20000);
    kafka_set_int(settings, "queued.max.messages.kbytes", queue_kb);
    kafka_set_int(settings, "fetch.queue.backoff.ms", 2);
    kafka_set_int(settings, "fetch.wait.max.ms", KAFKA_FETCH_WAIT_MS);
}

static void
set_all(struct kafka_settings *settings, struct kafka *kafka, size_t partition_count)
{
    rd_kafka_conf_set_opaque(settings->conf, kafka);
    rd_kafka_conf_set_error_cb(settings->conf, take_error);
    kafka_set_connection(settings, kafka->binding);
    kafka_set(settings, "group.id", kafka->binding->group.data);
    set_reading(settings, partition_count);
}

enum status
kafka_client_open(struct kafka *kafka, size_t partition_count, struct error *err)
{
    struct kafka_settings settings = { .conf = rd_kafka_conf_new(), .io = kafka->options.io, .name = kafka->name, .err = err };
    char                  text[256];

    set_all(&settings, kafka, partition_count);
    if (settings.has_failed) {
        rd_kafka_conf_destroy(settings.conf);
        return ST_ERROR;
    }
    kafka->client = rd_kafka_new(RD_KAFKA_CONSUMER, settings.conf, text, sizeof text);
    if (kafka->client == NULL) {
        rd_kafka_conf_destroy(settings.conf);
        return kafka_settings_refused(&settings, text);
    }
    if (kafka->binding->sasl == GRAPH_SASL_OAUTHBEARER)
        rd_kafka_error_destroy(rd_kafka_sasl_background_callbacks_enable(kafka->client));
    return ST_OK;
}

/* librdkafka 2.15.1 waits for ever where a client is destroyed whose partitions were stopped as soon as they were started: 1 of 100 starts over an
 * empty topic. One that was closed before does not (0 of 150). Should it not close in time, it is left to the process's end, and nothing of ours is called
 * by it any more: what matters is in the store by then. */
static bool
wait_closed(rd_kafka_t *client)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_error_destroy(rd_kafka_consumer_close_queue(client, queue));
    for (int waited_ms = 0; waited_ms < KAFKA_CLOSE_WAIT_MS && !rd_kafka_consumer_closed(client); waited_ms += KAFKA_CLOSE_LOOK_MS) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, KAFKA_CLOSE_LOOK_MS);
        if (event != NULL)
            rd_kafka_event_destroy(event);
    }
    const bool is_closed = rd_kafka_consumer_closed(client) != 0;
    if (is_closed)
        rd_kafka_queue_destroy(queue);
    return is_closed;
}

void
kafka_client_close(struct kafka *kafka)
{
    if (kafka->client == NULL)
        return;
    if (wait_closed(kafka->client))
        rd_kafka_destroy(kafka->client);
    kafka->client = NULL;
}
