#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/memory.h"
#include "source/kafka/kafka_int.h"

/* Ids of clusters and topics are short; a longer one is told apart by its hash. */
static void
keep_id(const char *id, char out[KAFKA_ID_SIZE])
{
    if (id == NULL || strlen(id) >= KAFKA_ID_SIZE || strchr(id, ' ') != NULL)
        snprintf(out, KAFKA_ID_SIZE, "%016llx", id == NULL ? 0ull : (unsigned long long)hash64(id, strlen(id)));
    else
        snprintf(out, KAFKA_ID_SIZE, "%s", id);
}

const struct kafka_topic *
kafka_topic_find(const struct kafka *kafka, const char *name)
{
    for (size_t i = 0; i < kafka->topic_count; i++)
        if (strcmp(kafka->topics[i].name, name) == 0)
            return &kafka->topics[i];
    return NULL;
}

/* ---- Names ---- */

struct names {
    const char **items;
    size_t       count;
};

static bool
names_add(struct arena *arena, struct names *names, size_t capacity, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0)
            return true;
    char *copy = names->count == capacity ? NULL : arena_cstr(arena, str_from(name));
    if (copy == NULL)
        return false;
    names->items[names->count++] = copy;
    return true;
}

/* Whether a pattern of the binding takes the name. The plan has tried the pattern. */
static bool
is_taken(const char *pattern, const char *name)
{
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    const bool is = regexec(&regex, name, 0, NULL, 0) == 0;
    regfree(&regex);
    return is;
}

static bool
has_pattern(const struct graph_names *topics)
{
    for (size_t i = 0; i < topics->count; i++)
        if (topics->items[i].data[0] == '^')
            return true;
    return false;
}

/* Of all topics that there are those that patterns take; Kafka's own begin with "__". */
static enum status
names_match(const struct graph_names *topics, const rd_kafka_metadata_t *metadata, struct arena *arena, struct names *names, size_t capacity, struct error *err)
{
    for (int i = 0; i < metadata->topic_cnt; i++)
        for (size_t k = 0; k < topics->count; k++) {
            const char *name = metadata->topics[i].topic;
            if (topics->items[k].data[0] != '^' || str_starts_with(str_from(name), STR("__")) || !is_taken(topics->items[k].data, name))
                continue;
            if (!names_add(arena, names, capacity, name))
                return names->count == capacity ? error_set(err, ERR_FULL, "more than %zu topics are to be read", capacity) : error_no_memory(err);
        }
    return ST_OK;
}

/* ---- Asking ---- */

/* Until a broker answers, or what is wrong is known, or time is up. */
static enum status
wait_metadata(struct kafka *kafka, bool all, int wait_ms, const rd_kafka_metadata_t **ret_metadata, struct error *err)
{
    for (int waited_ms = 0; waited_ms < wait_ms; waited_ms += KAFKA_ASK_MS) {
        if (rd_kafka_metadata(kafka->client, all, NULL, ret_metadata, KAFKA_ASK_MS < wait_ms ? KAFKA_ASK_MS : wait_ms) == RD_KAFKA_RESP_ERR_NO_ERROR)
            return ST_OK;
        kafka_client_serve(kafka);
        mutex_lock(&kafka->news.mutex);
        const rd_kafka_resp_err_t code = kafka->news.error;
        mutex_unlock(&kafka->news.mutex);
        if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL)
            break;
    }
    return kafka_error_brokers(kafka, err);
}

static enum status
find_names(struct kafka *kafka, int wait_ms, struct arena *arena, struct names *names, struct error *err)
{
    const struct graph_names  *topics   = &kafka->binding->topics;
    const rd_kafka_metadata_t *metadata = NULL;
    const bool                 all      = has_pattern(topics);

    names->items = ARENA_ARRAY(arena, const char *, KAFKA_TOPIC_COUNT_MAX);
    if (names->items == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < topics->count; i++)
        if (topics->items[i].data[0] != '^' && !names_add(arena, names, KAFKA_TOPIC_COUNT_MAX, topics->items[i].data))
            return error_no_memory(err);
    if (wait_metadata(kafka, all, wait_ms, &metadata, err) != ST_OK)
        return ST_ERROR;
    enum status status = all ? names_match(topics, metadata, arena, names, KAFKA_TOPIC_COUNT_MAX, err) : ST_OK;
    rd_kafka_metadata_destroy(metadata);
    return status;
}

static enum status
describe(struct kafka *kafka, const struct names *names, int wait_ms, rd_kafka_event_t **ret_event, struct error *err)
{
    char                        text[128];
    rd_kafka_queue_t           *queue   = rd_kafka_queue_new(kafka->client);
    rd_kafka_AdminOptions_t    *options = rd_kafka_AdminOptions_new(kafka->client, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
    rd_kafka_TopicCollection_t *topics  = rd_kafka_TopicCollection_of_topic_names(names->items, names->count);

    (void)rd_kafka_AdminOptions_set_request_timeout(options, wait_ms, text, sizeof text);
    rd_kafka_error_destroy(rd_kafka_AdminOptions_set_include_authorized_operations(options, 1));
    rd_kafka_DescribeTopics(kafka->client, topics, options, queue);
    *ret_event = rd_kafka_queue_poll(queue, wait_ms + KAFKA_ASK_MS);
    rd_kafka_TopicCollection_destroy(topics);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    const rd_kafka_resp_err_t code = *ret_event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(*ret_event);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return ST_OK;
    rd_kafka_event_destroy(*ret_event);
    return kafka_error_call(kafka, "asking for its topics", code, err);
}

/* ---- Answers ---- */

/* Brokers that say nothing of rights give no list. */
static bool
may(const rd_kafka_TopicDescription_t *told, rd_kafka_AclOperation_t operation)
{
    size_t                        count;
    const rd_kafka_AclOperation_t *rights = rd_kafka_TopicDescription_authorized_operations(told, &count);
    for (size_t i = 0; i < count; i++)
        if (rights[i] == operation || rights[i] == RD_KAFKA_ACL_OPERATION_ALL)
            return true;
    return rights == NULL || count == 0;
}

static enum status
take_topic(struct kafka *kafka, const rd_kafka_TopicDescription_t *told, struct kafka_topic *topic, struct error *err)
{
    const char              *name  = rd_kafka_TopicDescription_name(told);
    const rd_kafka_error_t  *error = rd_kafka_TopicDescription_error(told);
    const rd_kafka_Uuid_t   *id    = rd_kafka_TopicDescription_topic_id(told);
    const struct kafka_topic *known = kafka_topic_find(kafka, name);
    size_t                   count = 0;

    if (error != NULL && rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_error_topic(kafka, name, rd_kafka_error_code(error), err);
    if (!may(told, kafka->options.is_for_writing ? RD_KAFKA_ACL_OPERATION_WRITE : RD_KAFKA_ACL_OPERATION_READ))
        return kafka_error_topic(kafka, name, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, err);
    (void)rd_kafka_TopicDescription_partitions(told, &count);
    topic->name            = arena_cstr(&kafka->arena, str_from(name));
    topic->partition_count = (int32_t)count;
    if (topic->name == NULL)
        return error_no_memory(err);
    if (id != NULL && (rd_kafka_Uuid_most_significant_bits(id) != 0 || rd_kafka_Uuid_least_significant_bits(id) != 0))
        keep_id(rd_kafka_Uuid_base64str(id), topic->id);
    if (known == NULL || strcmp(known->id, topic->id) == 0)
        return ST_OK;
    error_set(err, ERR_CORRUPT, "%s: the topic %s was deleted and made anew while it was read: what it had that was not read is lost", kafka->name, name);
    error_hint(err, "bind the new topic under another name of the pipeline's source, so that it is read from its beginning");
    return ST_ERROR;
}

static int
compare_topics(const void *a, const void *b)
{
    return strcmp(((const struct kafka_topic *)a)->name, ((const struct kafka_topic *)b)->name);
}

static enum status
take_topics(struct kafka *kafka, const rd_kafka_event_t *event, struct error *err)
{
    size_t                              count;
    const rd_kafka_TopicDescription_t **told   = rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result((rd_kafka_event_t *)event), &count);
    struct kafka_topic                 *topics = ARENA_ARRAY(&kafka->arena, struct kafka_topic, count + 1);

    if (topics == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++)
        if (take_topic(kafka, told[i], &topics[i], err) != ST_OK)
            return ST_ERROR;
    if (count > 0)
        qsort(topics, count, sizeof *topics, compare_topics);
    kafka->topics      = topics;
    kafka->topic_count = count;
    return ST_OK;
}

static enum status
find_cluster(struct kafka *kafka, struct error *err)
{
    char *id = rd_kafka_clusterid(kafka->client, KAFKA_ASK_MS);
    if (id == NULL)
        return kafka_error_call(kafka, "asking which cluster it is", RD_KAFKA_RESP_ERR__TIMED_OUT, err);
    keep_id(id, kafka->cluster_id);
    rd_kafka_mem_free(kafka->client, id);
    return ST_OK;
}

/* While it is read, a topic may be unknown for a moment to a broker that just started. */
static bool
is_to_be_asked_again(struct kafka *kafka, const struct error *err)
{
    if (err->class == ERROR_RETRY)
        return true;
    kafka->missing_count++;
    return err->code == ERR_NOT_FOUND && kafka->missing_count < KAFKA_MISSING_COUNT_MAX;
}

enum status
kafka_topics_ask(struct kafka *kafka, bool is_first, struct error *err)
{
    struct arena      arena;
    struct names      names   = { 0 };
    rd_kafka_event_t *event   = NULL;
    struct error      trouble = ERROR_EMPTY;
    const int         wait_ms = is_first ? KAFKA_START_WAIT_MS : KAFKA_ASK_MS;

    arena_init(&arena, 0);
    enum status status = find_names(kafka, wait_ms, &arena, &names, &trouble);
    if (status == ST_OK && is_first)
        status = find_cluster(kafka, &trouble);
    if (status == ST_OK && names.count > 0 && describe(kafka, &names, wait_ms, &event, &trouble) == ST_OK) {
        status = take_topics(kafka, event, &trouble);
        rd_kafka_event_destroy(event);
    } else if (names.count > 0) {
        status = ST_ERROR;
    }
    arena_release(&arena);
    if (status == ST_OK)
        kafka->missing_count = 0;
    else if (!is_first && is_to_be_asked_again(kafka, &trouble))
        status = ST_OK;
    else if (err != NULL)
        *err = trouble;
    return status;
}
