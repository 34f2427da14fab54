/* A bare consumer of librdkafka that only counts, at its best settings: what reading a topic costs before anything is done with it.
 *
 *     bench_kafka BROKERS TOPIC PARTITIONS        a line of JSON: messages, bytes, microseconds of processor and wall time
 *
 * Without arguments it does nothing: bench/kafka.py starts a broker and runs it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "base/clock.h"
#include "base/str.h"
#include "io/process.h"

#define BATCH_COUNT 10000

static void
set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK)
        return;
    fprintf(stderr, "%s: %s\n", name, text);
    exit(1);
}

static rd_kafka_t *
open_consumer(const char *brokers)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char             text[256];

    set(conf, "bootstrap.servers", brokers);
    set(conf, "group.id", "bench");
    set(conf, "enable.auto.commit", "false");
    set(conf, "auto.offset.reset", "error");
    set(conf, "enable.partition.eof", "true");
    set(conf, "fetch.message.max.bytes", "262144");
    set(conf, "queued.min.messages", "20000");
    set(conf, "queued.max.messages.kbytes", "16384");
    set(conf, "fetch.queue.backoff.ms", "2");
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (client == NULL) {
        fprintf(stderr, "%s\n", text);
        exit(1);
    }
    return client;
}

/* Takes what has come; how many partitions have ended with it. */
static int
count(rd_kafka_message_t **messages, ssize_t message_count, int64_t *messages_so_far, int64_t *bytes)
{
    int ended = 0;
    for (ssize_t i = 0; i < message_count; i++) {
        if (messages[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            (*messages_so_far)++;
            *bytes += (int64_t)messages[i]->len;
        } else if (messages[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            ended++;
        } else {
            fprintf(stderr, "%s\n", rd_kafka_err2str(messages[i]->err));
            exit(1);
        }
        rd_kafka_message_destroy(messages[i]);
    }
    return ended;
}

int
main(int argument_count, char **arguments)
{
    static rd_kafka_message_t *messages[BATCH_COUNT];
    int64_t                    message_count = 0, bytes = 0;

    int64_t partition_count = 0;

    if (argument_count < 4 || !str_to_int64(str_from(arguments[3]), &partition_count)) {
        printf("bench_kafka: nothing to do without a broker; bench/kafka.py starts one\n");
        return 0;
    }
    int                              left     = (int)partition_count;
    const int64_t                    begin_us = clock_monotonic_us(process_clock());
    rd_kafka_t                      *client   = open_consumer(arguments[1]);
    rd_kafka_topic_partition_list_t *list     = rd_kafka_topic_partition_list_new(left);
    for (int i = 0; i < left; i++)
        rd_kafka_topic_partition_list_add(list, arguments[2], i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_poll_set_consumer(client);
    rd_kafka_assign(client, list);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(client);
    while (left > 0)
        left -= count(messages, rd_kafka_consume_batch_queue(queue, 1, messages, BATCH_COUNT), &message_count, &bytes);
    printf("{\"messages\":%" PRId64 ",\"bytes\":%" PRId64 ",\"cpu_us\":%" PRId64 ",\"duration_us\":%" PRId64 "}\n", message_count, bytes, process_usage().cpu_us,
           clock_monotonic_us(process_clock()) - begin_us);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
    return 0;
}
