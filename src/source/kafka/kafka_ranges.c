/* What partitions have: of all at once before any is read, for what is asked of a broker waits behind what is being fetched from it. */
#include "base/limits.h"
#include "source/kafka/kafka_int.h"

static rd_kafka_topic_partition_list_t *
list_all(const struct kafka *kafka, int64_t spec)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    for (size_t i = 0; i < kafka->topic_count; i++)
        for (int32_t number = 0; number < kafka->topics[i].partition_count; number++)
            rd_kafka_topic_partition_list_add(list, kafka->topics[i].name, number)->offset = spec;
    return list;
}

static rd_kafka_event_t *
ask(struct kafka *kafka, rd_kafka_topic_partition_list_t *list)
{
    char                     text[128];
    rd_kafka_queue_t        *queue   = rd_kafka_queue_new(kafka->client);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(kafka->client, RD_KAFKA_ADMIN_OP_LISTOFFSETS);

    (void)rd_kafka_AdminOptions_set_request_timeout(options, KAFKA_START_WAIT_MS, text, sizeof text);
    rd_kafka_error_destroy(rd_kafka_AdminOptions_set_isolation_level(options, RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED));
    rd_kafka_ListOffsets(kafka->client, list, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, KAFKA_START_WAIT_MS + KAFKA_ASK_MS);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return event;
}

static void
take(struct kafka *kafka, rd_kafka_event_t *event, bool is_high)
{
    size_t                                   count;
    const rd_kafka_ListOffsetsResultInfo_t **infos = rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_topic_partition_t *told  = rd_kafka_ListOffsetsResultInfo_topic_partition(infos[i]);
        const struct kafka_topic         *topic = kafka_topic_find(kafka, told->topic);
        if (topic == NULL || told->partition >= topic->partition_count)
            continue;
        struct kafka_range *range = &topic->ranges[told->partition];
        if (told->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            range->is_unknown = true; /* Asked by itself, and again, when it is opened. */
        else if (is_high)
            range->high = told->offset;
        else
            range->low = told->offset;
    }
}

static enum status
ask_side(struct kafka *kafka, bool is_high, struct error *err)
{
    rd_kafka_topic_partition_list_t *list   = list_all(kafka, is_high ? RD_KAFKA_OFFSET_SPEC_LATEST : RD_KAFKA_OFFSET_SPEC_EARLIEST);
    rd_kafka_event_t                *event  = list->cnt == 0 ? NULL : ask(kafka, list);
    const rd_kafka_resp_err_t        code   = event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);
    enum status                      status = ST_OK;

    if (list->cnt > 0 && code != RD_KAFKA_RESP_ERR_NO_ERROR)
        status = kafka_error_call(kafka, "asking where its partitions begin and end", code, err);
    else if (list->cnt > 0)
        take(kafka, event, is_high);
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_topic_partition_list_destroy(list);
    return status;
}

enum status
kafka_ranges_ask(struct kafka *kafka, struct error *err)
{
    for (size_t i = 0; i < kafka->topic_count; i++) {
        struct kafka_topic *topic = &kafka->topics[i];
        topic->ranges             = ARENA_ARRAY(&kafka->arena, struct kafka_range, (size_t)topic->partition_count + 1);
        if (topic->ranges == NULL)
            return error_no_memory(err);
    }
    return ask_side(kafka, false, err) == ST_OK && ask_side(kafka, true, err) == ST_OK ? ST_OK : ST_ERROR;
}
