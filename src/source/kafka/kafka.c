#include "source/kafka/kafka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "source/kafka/kafka_int.h"

/* ---- Partitions ---- */

/* Brokers are asked at the start, and then each so many times that somebody wants to know. */
static enum status
topics_refresh(struct kafka *kafka, struct error *err)
{
    size_t count = 0;
    if (kafka->client != NULL) {
        if (++kafka->list_count % KAFKA_LIST_SKIP != 0 || atomic_load(&kafka->news.is_away))
            return ST_OK;
        return kafka_topics_ask(kafka, false, err);
    }
    if (kafka_client_open(kafka, 1, err) != ST_OK || kafka_topics_ask(kafka, true, err) != ST_OK)
        return ST_ERROR;
    for (size_t i = 0; i < kafka->topic_count; i++)
        count += (size_t)kafka->topics[i].partition_count;
    if (count > KAFKA_AHEAD_SIZE_MAX / KAFKA_PARTITION_AHEAD_SIZE_MAX) {
        kafka_client_close(kafka); /* How far ahead a partition is fetched is a setting of the client (K6). */
        if (kafka_client_open(kafka, count, err) != ST_OK)
            return ST_ERROR;
    }
    return kafka_ranges_ask(kafka, err);
}

static enum status
list_topic(const struct kafka_topic *topic, struct arena *arena, struct source_listing *listings, size_t *count, struct error *err)
{
    for (int32_t number = 0; number < topic->partition_count; number++) {
        const char *id = arena_printf(arena, "%s/%d", topic->name, number);
        if (id == NULL)
            return error_no_memory(err);
        listings[(*count)++] = (struct source_listing){ id, 0 };
    }
    return ST_OK;
}

static int
compare_listings(const void *a, const void *b)
{
    return strcmp(((const struct source_listing *)a)->partition_id, ((const struct source_listing *)b)->partition_id);
}

static void tell_group(struct kafka *kafka);

static enum status
kafka_list(struct source *source, struct arena *arena, const struct source_listing **ret_listings, size_t *ret_count, struct error *err)
{
    struct kafka *kafka = (struct kafka *)source;
    size_t        count = 0, capacity = 1;

    if (topics_refresh(kafka, err) != ST_OK)
        return ST_ERROR;
    tell_group(kafka);
    for (size_t i = 0; i < kafka->topic_count; i++)
        capacity += (size_t)kafka->topics[i].partition_count;
    struct source_listing *listings = ARENA_ARRAY(arena, struct source_listing, capacity);
    if (listings == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < kafka->topic_count; i++)
        if (list_topic(&kafka->topics[i], arena, listings, &count, err) != ST_OK)
            return ST_ERROR;
    if (count > 0)
        qsort(listings, count, sizeof *listings, compare_listings);
    *ret_listings = listings;
    *ret_count    = count;
    return ST_OK;
}

/* ---- Assigning ---- */

static rd_kafka_topic_partition_list_t *
list_of(const struct kafka_partition *partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t      *item = rd_kafka_topic_partition_list_add(list, partition->topic, partition->number);
    item->offset                          = offset;
    if (partition->epoch >= 0)
        rd_kafka_topic_partition_set_leader_epoch(item, partition->epoch);
    return list;
}

static enum status
take_error(const struct kafka_partition *partition, const char *what, rd_kafka_error_t *error, struct error *err)
{
    if (error == NULL)
        return ST_OK;
    error_set(err, ERR_UNAVAILABLE, "%s: %s %s: %s", partition->kafka->name, what, partition->base.partition_id, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return ST_ERROR;
}

/* Seeking, other than assigning, has the position's epoch held to what the leader says of it (K4). */
static enum status
place(struct kafka_partition *partition, int64_t offset, struct error *err)
{
    rd_kafka_topic_partition_list_t *list   = list_of(partition, offset);
    enum status                      status = take_error(partition, "placing", rd_kafka_seek_partitions(partition->kafka->client, list, KAFKA_START_WAIT_MS), err);
    if (status == ST_OK && list->elems[0].err != RD_KAFKA_RESP_ERR_NO_ERROR)
        status = kafka_error_topic(partition->kafka, partition->topic, list->elems[0].err, err);
    rd_kafka_topic_partition_list_destroy(list);
    return status;
}

static enum status
assign(struct kafka_partition *partition, struct error *err)
{
    const int64_t offset = partition->lost_end > 0 ? partition->lost_end : partition->base.position;
    if (partition->lost_end > 0)
        partition->epoch = -1;
    partition->queue = rd_kafka_queue_get_partition(partition->kafka->client, partition->topic, partition->number);
    if (partition->queue == NULL)
        return kafka_error_topic(partition->kafka, partition->topic, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, err);
    rd_kafka_queue_forward(partition->queue, NULL); /* To us, not to the client's own. */
    rd_kafka_topic_partition_list_t *list   = list_of(partition, offset);
    enum status                      status = take_error(partition, "reading", rd_kafka_incremental_assign(partition->kafka->client, list), err);
    rd_kafka_topic_partition_list_destroy(list);
    return status == ST_OK && partition->epoch >= 0 ? place(partition, offset, err) : status;
}

/* ---- Batches ---- */

static void
held_release(struct kafka_partition *partition)
{
    for (uint32_t i = 0; i < partition->held_count; i++)
        rd_kafka_message_destroy(partition->held[i]);
    partition->held_count = 0;
    partition->failure    = NULL;
}

static bool
reserve(struct kafka_partition *partition, uint32_t count)
{
    if (count <= partition->capacity)
        return true;
    rd_kafka_message_t **held     = memory_resize_array(partition->held, count, sizeof *held);
    partition->held               = held != NULL ? held : partition->held;
    struct message      *messages = memory_resize_array(partition->messages, count, sizeof *messages);
    partition->messages           = messages != NULL ? messages : partition->messages;
    if (held == NULL || messages == NULL)
        return false;
    partition->capacity = count;
    return true;
}

static void
take_message(struct kafka_partition *partition, rd_kafka_message_t *told, struct record_batch *batch)
{
    rd_kafka_timestamp_type_t type;
    const int64_t             time_ms = rd_kafka_message_timestamp(told, &type);
    partition->messages[batch->record_count++] = (struct message){
        .value    = told->payload,
        .size     = told->len,
        .position = told->offset,
        .time_us  = time_ms < 0 || time_ms > INT64_MAX / 1000 ? INT64_MIN : time_ms * 1000,
        .key      = str_of(told->key, told->key_len),
        .handle   = told,
    };
    batch->bytes += (int64_t)told->len;
    batch->position_next  = told->offset + 1;
    partition->epoch      = rd_kafka_message_leader_epoch(told);
    partition->is_at_end  = false;
}

/* In the order in which they came: messages, where the end is, and what ends the reading, which is told when those before it are done with. */
static void
take_all(struct kafka_partition *partition, struct record_batch *batch)
{
    for (uint32_t i = 0; i < partition->held_count && partition->failure == NULL; i++) {
        rd_kafka_message_t *told = partition->held[i];
        if (told->err == RD_KAFKA_RESP_ERR_NO_ERROR && told->offset >= batch->position_next) {
            take_message(partition, told, batch);
        } else if (told->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            partition->is_at_end = true;
            batch->position_next = told->offset > batch->position_next ? told->offset : batch->position_next;
        } else if (told->err != RD_KAFKA_RESP_ERR_NO_ERROR && !kafka_error_is_passing(told->err)) {
            partition->failure = told;
        }
    }
}

/* The broker says that it is at the end half a second later; where the last answer ended there, that is known. */
static bool
is_at_end(const struct kafka_partition *partition)
{
    int64_t low = 0, high = 0;
    return partition->is_at_end
           || (rd_kafka_get_watermark_offsets(partition->kafka->client, partition->topic, partition->number, &low, &high) == RD_KAFKA_RESP_ERR_NO_ERROR
               && high >= 0 && partition->base.position >= high);
}

static bool
next_header(const struct message *message, size_t index, struct str *ret_name, struct str *ret_value)
{
    rd_kafka_headers_t *headers = NULL;
    const char         *name;
    const void         *value;
    size_t              size;
    if (rd_kafka_message_headers(message->handle, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR
        || rd_kafka_header_get_all(headers, index, &name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    *ret_name  = str_from(name);
    *ret_value = str_of(value, size);
    return true;
}

static enum status
check_fatal(struct kafka *kafka, struct error *err)
{
    char text[256];
    if (!atomic_load_explicit(&kafka->news.has_fatal, memory_order_relaxed))
        return ST_OK;
    (void)rd_kafka_fatal_error(kafka->client, text, sizeof text);
    return error_set(err, ERR_UNAVAILABLE, "%s: the client of Kafka has given up: %s", kafka->name, text);
}

static enum status
kafka_poll(struct source_partition *base, uint32_t record_count_max, struct record_batch *ret_batch, enum poll_result *ret_result, struct error *err)
{
    struct kafka_partition *partition = (struct kafka_partition *)base;
    struct record_batch     batch     = { .header = next_header, .position = base->position, .position_next = base->position };

    if (partition->failure != NULL)
        return kafka_error_partition(partition, partition->failure, err);
    held_release(partition);
    if (!reserve(partition, record_count_max))
        return error_no_memory(err);
    batch.messages  = partition->messages;
    if (partition->lost_end > base->position) {
        batch.position_next = base->position = partition->lost_end;
        batch.skipped_count = batch.lost_count = batch.position_next - batch.position;
        *ret_batch          = batch;
        *ret_result         = POLL_RECORDS;
        return ST_OK;
    }
    ssize_t count   = rd_kafka_consume_batch_queue(partition->queue, 0, partition->held, record_count_max);
    partition->held_count = count < 0 ? 0 : (uint32_t)count;
    take_all(partition, &batch);
    if (partition->held_count == 0) {
        kafka_client_serve(partition->kafka);
        if (check_fatal(partition->kafka, err) != ST_OK)
            return ST_ERROR;
    } else if (batch.record_count > 0) {
        kafka_client_heard(partition->kafka);
    }
    if (partition->failure != NULL && batch.position_next == batch.position)
        return kafka_error_partition(partition, partition->failure, err);
    batch.skipped_count = batch.position_next - batch.position - batch.record_count;
    base->position      = batch.position_next;
    *ret_result         = batch.position_next > batch.position ? POLL_RECORDS : is_at_end(partition) ? POLL_EMPTY : POLL_WAITING;
    *ret_batch          = batch;
    return ST_OK;
}

static enum status
kafka_seek(struct source_partition *base, int64_t position, struct error *err)
{
    struct kafka_partition *partition = (struct kafka_partition *)base;
    held_release(partition);
    partition->epoch     = -1;
    partition->is_at_end = false;
    base->position       = position;
    return place(partition, position, err);
}

static enum status
kafka_end(struct source_partition *base, int64_t *ret_position, struct error *err)
{
    const struct kafka_partition *partition = (struct kafka_partition *)base;
    int64_t                       low = 0, high = 0;
    (void)err;
    *ret_position = partition->log_end;
    if (rd_kafka_get_watermark_offsets(partition->kafka->client, partition->topic, partition->number, &low, &high) == RD_KAFKA_RESP_ERR_NO_ERROR && high > *ret_position)
        *ret_position = high;
    return ST_OK;
}

static enum status
kafka_identity(struct source_partition *base, struct str *ret_identity, struct error *err)
{
    (void)err;
    kafka_position_print((struct kafka_partition *)base, ret_identity);
    return ST_OK;
}

/* ---- Waking ---- */

static void
wake(rd_kafka_t *client, void *context)
{
    struct kafka_partition *partition = context;
    (void)client;
    waker_wake(partition->waker);
}

static void
kafka_watch(struct source_partition *base, struct waker *waker)
{
    struct kafka_partition *partition = (struct kafka_partition *)base;
    partition->waker                  = waker;
    rd_kafka_queue_cb_event_enable(partition->queue, wake, partition);
}

/* ---- Telling the group (K1) ---- */

static void
kafka_committed(struct source_partition *base, int64_t position)
{
    const struct kafka_partition *partition = (struct kafka_partition *)base;
    struct kafka                 *kafka     = partition->kafka;
    rd_kafka_topic_partition_t   *item      = rd_kafka_topic_partition_list_find(kafka->told, partition->topic, partition->number);
    if (item == NULL)
        item = rd_kafka_topic_partition_list_add(kafka->told, partition->topic, partition->number);
    kafka->has_news_to_tell |= item->offset != position;
    item->offset = position;
}

/* Nobody waits for the answer, and a failure is nobody's loss. */
static void
tell_group(struct kafka *kafka)
{
    if (kafka->has_news_to_tell)
        (void)rd_kafka_commit(kafka->client, kafka->told, 1);
    kafka->has_news_to_tell = false;
    for (rd_kafka_message_t *told; (told = rd_kafka_consumer_poll(kafka->client, 0)) != NULL;)
        rd_kafka_message_destroy(told); /* Errors of the group. */
}

/* The last time: gives the answer a moment, where brokers are there. */
static void
tell_group_last(struct kafka *kafka)
{
    if (!kafka->has_news_to_tell || kafka->client == NULL || atomic_load(&kafka->news.is_away))
        return;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka->client);
    if (rd_kafka_commit_queue(kafka->client, kafka->told, queue, NULL, NULL) == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_event_destroy(rd_kafka_queue_poll(queue, KAFKA_ASK_MS));
    rd_kafka_queue_destroy(queue);
}

/* ---- Life ---- */

static void
kafka_close(struct source_partition *base)
{
    struct kafka_partition *partition = (struct kafka_partition *)base;
    if (partition == NULL)
        return;
    held_release(partition);
    if (partition->queue != NULL) {
        rd_kafka_queue_cb_event_enable(partition->queue, NULL, NULL);
        rd_kafka_topic_partition_list_t *list = list_of(partition, 0);
        rd_kafka_error_destroy(rd_kafka_incremental_unassign(partition->kafka->client, list));
        rd_kafka_topic_partition_list_destroy(list);
        rd_kafka_queue_destroy(partition->queue);
    }
    memory_free(partition->held);
    memory_free(partition->messages);
    memory_free(partition->topic);
    memory_free((char *)partition->base.partition_id);
    memory_free(partition);
}

static enum status
partition_init(struct kafka_partition *partition, struct kafka *kafka, const char *partition_id, struct error *err)
{
    *partition = (struct kafka_partition){ .base = { .source = &kafka->source }, .kafka = kafka };
    if (!kafka_partition_name(partition_id, &partition->topic, &partition->number))
        return error_set(err, ERR_CORRUPT, "%s: a position was committed for %s, which is no partition of Kafka", kafka->name, partition_id);
    partition->base.partition_id = memory_copy(partition_id, strlen(partition_id));
    if (partition->topic == NULL || partition->base.partition_id == NULL)
        return error_no_memory(err);
    const struct kafka_topic *topic = kafka_topic_find(kafka, partition->topic);
    if (topic != NULL && partition->number < topic->partition_count) {
        memcpy(partition->topic_id, topic->id, KAFKA_ID_SIZE);
        return ST_OK;
    }
    error_set(err, ERR_NOT_FOUND, "%s: %s was read, and is no longer there, or no longer bound: what it had that was not read is lost", kafka->name, partition_id);
    error_hint(err, "bind the topic again, or give the source another name in pipeline and bindings");
    return ST_ERROR;
}

static enum status
kafka_open(struct source *source, const char *partition_id, int64_t position, struct str identity, struct source_partition **ret_partition, struct error *err)
{
    struct kafka_partition *partition = memory_alloc(sizeof *partition);
    if (partition == NULL)
        return error_no_memory(err);
    enum status status = partition_init(partition, (struct kafka *)source, partition_id, err);
    if (status == ST_OK)
        status = kafka_position_find(partition, position, identity, err);
    if (status == ST_OK)
        status = assign(partition, err);
    if (status == ST_OK)
        *ret_partition = &partition->base;
    else
        kafka_close(&partition->base);
    return status;
}

static void
kafka_free(struct source *source)
{
    struct kafka *kafka = (struct kafka *)source;
    tell_group_last(kafka);
    kafka_client_close(kafka);
    rd_kafka_topic_partition_list_destroy(kafka->told);
    mutex_release(&kafka->news.mutex);
    arena_release(&kafka->arena);
    memory_free(kafka);
}

enum status
kafka_create(const struct kafka_options *options, struct source **ret_source, struct error *err)
{
    static const struct source_kind kind = {
        .name           = "kafka",
        .counts_records = true,
        .list           = kafka_list,
        .open           = kafka_open,
        .watch          = kafka_watch,
        .poll           = kafka_poll,
        .seek           = kafka_seek,
        .end            = kafka_end,
        .identity       = kafka_identity,
        .committed      = kafka_committed,
        .close          = kafka_close,
        .free           = kafka_free,
    };
    CHECK(options->binding->input_count == 1 && options->binding->inputs[0].type == GRAPH_INPUT_KAFKA);
    struct kafka *kafka = memory_alloc_zero(sizeof *kafka);
    if (kafka == NULL)
        return error_no_memory(err);
    kafka->options = *options;
    kafka->name    = options->binding->name.data;
    kafka->binding = &options->binding->inputs[0].kafka;
    kafka->source  = (struct source){ .kind = &kind, .name = kafka->name };
    kafka->told    = rd_kafka_topic_partition_list_new(16);
    mutex_init(&kafka->news.mutex);
    arena_init(&kafka->arena, 0);
    *ret_source = &kafka->source;
    return ST_OK;
}

enum status
kafka_probe(const struct kafka_options *options, size_t *ret_topic_count, size_t *ret_partition_count, struct error *err)
{
    struct source *source = NULL;
    if (kafka_create(options, &source, err) != ST_OK)
        return ST_ERROR;
    struct kafka *kafka  = (struct kafka *)source;
    enum status   status = kafka_client_open(kafka, 1, err);
    if (status == ST_OK)
        status = kafka_topics_ask(kafka, true, err);
    *ret_topic_count     = kafka->topic_count;
    *ret_partition_count = 0;
    for (size_t i = 0; i < kafka->topic_count; i++)
        *ret_partition_count += (size_t)kafka->topics[i].partition_count;
    kafka_free(source);
    return status;
}
