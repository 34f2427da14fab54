/* K4. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "source/kafka/kafka_int.h"

bool
kafka_partition_name(const char *partition_id, char **ret_topic, int32_t *ret_number)
{
    struct str   id     = str_from(partition_id);
    const size_t slash  = str_find_last_byte(id, '/');
    int64_t      number = 0;

    if (slash == STR_NOT_FOUND || slash == 0 || !str_to_int64(str_slice(id, slash + 1, id.size), &number) || number < 0 || number > INT32_MAX)
        return false;
    *ret_topic  = memory_copy(id.data, slash);
    *ret_number = (int32_t)number;
    return true;
}

/* ---- What the log has ---- */

/* [low, high): what is there now, and is committed. */
static enum status
ask_range(const struct kafka_partition *partition, int64_t *ret_low, int64_t *ret_high, struct error *err)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int waited_ms = 0; waited_ms < KAFKA_START_WAIT_MS; waited_ms += 4 * KAFKA_ASK_MS) {
        code = rd_kafka_query_watermark_offsets(partition->kafka->client, partition->topic, partition->number, ret_low, ret_high, 4 * KAFKA_ASK_MS);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            return ST_OK;
        if (!kafka_error_is_passing(code))
            return kafka_error_topic(partition->kafka, partition->topic, code, err);
    }
    return kafka_error_call(partition->kafka, "asking where a partition begins and ends", code, err);
}

/* As it was known before anything was read, else as it is now. */
static enum status
find_range(const struct kafka_partition *partition, int64_t *ret_low, int64_t *ret_high, struct error *err)
{
    const struct kafka_topic *topic = kafka_topic_find(partition->kafka, partition->topic);
    if (topic == NULL || topic->ranges == NULL || topic->ranges[partition->number].is_unknown)
        return ask_range(partition, ret_low, ret_high, err);
    *ret_low  = topic->ranges[partition->number].low;
    *ret_high = topic->ranges[partition->number].high;
    return ST_OK;
}

/* The first message that is not older; where there is none, the end. */
static enum status
ask_time(const struct kafka_partition *partition, int64_t time_us, int64_t high, int64_t *ret_offset, struct error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t      *item = rd_kafka_topic_partition_list_add(list, partition->topic, partition->number);

    item->offset             = time_us / 1000;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(partition->kafka->client, list, KAFKA_START_WAIT_MS);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = item->err;
    *ret_offset = item->offset < 0 || item->offset > high ? high : item->offset;
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? ST_OK : kafka_error_call(partition->kafka, "asking for the first message of a time", code, err);
}

/* ---- Start ---- */

static enum status
check_offset(const struct kafka_partition *partition, int64_t offset, int64_t low, int64_t high, struct error *err)
{
    if (offset >= low && offset <= high)
        return ST_OK;
    error_set(err, ERR_CONFIG, "%s: %s is to begin at offset %" PRId64 ", and has %" PRId64 " to %" PRId64, partition->kafka->name, partition->base.partition_id, offset, low, high);
    error_hint(err, "correct \"offsets\" of the binding");
    return ST_ERROR;
}

/* Nothing was committed of it. A partition that came later than the store is read from its beginning: nobody may miss what it has. */
static enum status
find_start(struct kafka_partition *partition, int64_t low, int64_t high, struct error *err)
{
    const struct graph_kafka *binding = partition->kafka->binding;

    partition->base.position = low;
    if (partition->kafka->source.is_resumed)
        return ST_OK;
    for (size_t i = 0; i < binding->offset_count; i++)
        if (str_equal(binding->offsets[i].partition, str_from(partition->base.partition_id))) {
            partition->base.position = binding->offsets[i].offset;
            return check_offset(partition, binding->offsets[i].offset, low, high, err);
        }
    if (binding->start == GRAPH_START_LATEST)
        partition->base.position = high;
    return binding->start == GRAPH_START_TIME ? ask_time(partition, binding->start_us, high, &partition->base.position, err) : ST_OK;
}

/* ---- Committed ---- */

void
kafka_position_print(struct kafka_partition *partition, struct str *ret_identity)
{
    const char *topic = partition->topic_id[0] == '\0' ? "-" : partition->topic_id;
    int         size  = snprintf(partition->identity, sizeof partition->identity, "cluster %s topic %s epoch %" PRId32, partition->kafka->cluster_id, topic, partition->epoch);
    *ret_identity     = str_of(partition->identity, (size_t)size);
}

static enum status
check_identity(struct kafka_partition *partition, struct str identity, struct error *err)
{
    const struct kafka *kafka = partition->kafka;
    char                text[192], cluster[KAFKA_ID_SIZE], topic[KAFKA_ID_SIZE];

    snprintf(text, sizeof text, "%.*s", STR_PRINTF(identity));
    if (sscanf(text, "cluster %63s topic %63s epoch %" SCNd32, cluster, topic, &partition->epoch) != 3)
        return error_set(err, ERR_CORRUPT, "%s: the position of %s was committed with an identity that is none of Kafka", kafka->name, partition->base.partition_id);
    const char *what = NULL;
    if (strcmp(cluster, kafka->cluster_id) != 0)
        what = "the brokers are of another cluster than the one that was read";
    else if (strcmp(topic, "-") != 0 && partition->topic_id[0] != '\0' && strcmp(topic, partition->topic_id) != 0)
        what = "the topic was deleted and made anew";
    if (what == NULL)
        return ST_OK;
    error_set(err, ERR_CORRUPT, "%s: %s: offset %" PRId64 " of %s means nothing there, and what the old log had behind it is lost", kafka->name, what, partition->base.position,
              partition->base.partition_id);
    error_hint(err, "bind the log back; or, if the old one is gone, give the source another name in pipeline and bindings, so that the new one is read from its \"start\"");
    return ST_ERROR;
}

/* Deleted by retention before it was read. */
static enum status
accept_lost(struct kafka_partition *partition, int64_t low, struct error *err)
{
    const int64_t position = partition->base.position;
    if (partition->kafka->options.accepts_loss) {
        partition->lost_end = low;
        return ST_OK;
    }
    error_set(err, ERR_CORRUPT, "%s: offsets %" PRId64 " to %" PRId64 " of %s were deleted by the broker's retention before they were read", partition->kafka->name, position, low - 1,
              partition->base.partition_id);
    error_hint(err, "get the events from elsewhere, or go on without them by --accept-loss: they are then counted as lost");
    return ST_ERROR;
}

static enum status
told_truncated(const struct kafka_partition *partition, int64_t high, struct error *err)
{
    const int64_t position = partition->base.position;
    if (high < position)
        error_set(err, ERR_CORRUPT, "%s: %s ends at offset %" PRId64 ", but was read up to %" PRId64 ": the broker's log was truncated, and offsets %" PRId64 " to %" PRId64 " are lost there",
                  partition->kafka->name, partition->base.partition_id, high, position, high, position - 1);
    else
        error_set(err, ERR_CORRUPT, "%s: %s was truncated below offset %" PRId64 ", up to which it was read: what stands there now was written by a later leader (epoch of the position: %" PRId32 ")",
                  partition->kafka->name, partition->base.partition_id, position, partition->epoch);
    error_hint(err, "give the source another name in pipeline and bindings, so that the log is read from its \"start\" again: events that are known already count as repeats within the lateness");
    return ST_ERROR;
}

static enum status
check_range(struct kafka_partition *partition, int64_t low, int64_t high, struct error *err)
{
    if (partition->base.position < low)
        return accept_lost(partition, low, err);
    return partition->base.position > high ? told_truncated(partition, high, err) : ST_OK;
}

enum status
kafka_position_lost(struct kafka_partition *partition, struct error *err)
{
    int64_t low = 0, high = 0;
    if (ask_range(partition, &low, &high, err) != ST_OK)
        return ST_ERROR;
    if (partition->base.position >= low)
        return told_truncated(partition, high, err);
    error_set(err, ERR_CORRUPT, "%s: offsets %" PRId64 " to %" PRId64 " of %s were deleted by the broker's retention before they were read", partition->kafka->name, partition->base.position,
              low - 1, partition->base.partition_id);
    error_hint(err, "get the events from elsewhere, or start again with --accept-loss: they are then counted as lost");
    return ST_ERROR;
}

enum status
kafka_position_find(struct kafka_partition *partition, int64_t position, struct str identity, struct error *err)
{
    int64_t low = 0, high = 0;

    partition->base.position = position;
    partition->epoch         = -1;
    if (identity.size > 0 && check_identity(partition, identity, err) != ST_OK)
        return ST_ERROR;
    if (find_range(partition, &low, &high, err) != ST_OK)
        return ST_ERROR;
    partition->log_end = high;
    return identity.size > 0 ? check_range(partition, low, high, err) : find_start(partition, low, high, err);
}
