/* What the files of source/kafka share.
 *
 *     kafka.c            the kind: partitions, batches, positions
 *     kafka_client.c     librdkafka's client: settings, secrets, what it tells of brokers
 *     kafka_topics.c     which topics and partitions there are
 *     kafka_ranges.c     what partitions have when they are opened
 *     kafka_position.c   where a partition begins, and whether the log still has the position that was committed (K4)
 *     kafka_error.c      librdkafka's errors as ours */
#ifndef HEDDLE_SOURCE_KAFKA_KAFKA_INT_H
#define HEDDLE_SOURCE_KAFKA_KAFKA_INT_H

#include <librdkafka/rdkafka.h>

#include <stdatomic.h>

#include "io/thread.h"
#include "source/kafka/kafka.h"

#define KAFKA_ID_SIZE     64  /* Of a cluster or topic, with a NUL; of longer ones a hash. */
#define KAFKA_REASON_SIZE 256 /* What librdkafka says of a broker. */

/* What a partition has: offsets in [low, high), up to the first transaction that is open. */
struct kafka_range {
    int64_t low;
    int64_t high;
    bool    is_unknown;
};

/* A topic as the brokers last described it. */
struct kafka_topic {
    const char *name;
    char        id[KAFKA_ID_SIZE]; /* Empty: brokers too old to give one. */
    int32_t     partition_count;
    struct kafka_range *ranges; /* Of its partitions, at the start; NULL: of one that was found later. */
};

/* What the client's own threads and workers tell each other. */
struct kafka_news {
    struct mutex        mutex;
    rd_kafka_resp_err_t error; /* The last one of a broker. */
    char                reason[KAFKA_REASON_SIZE];
    bool                has_told; /* That no broker answers. */
    _Atomic(bool)       is_away; /* The same, to be looked at without the mutex. */
    _Atomic(bool)       has_fatal;
};

struct kafka {
    struct source               source;
    struct kafka_options        options;
    const struct graph_kafka   *binding;
    const char                 *name;
    rd_kafka_t                 *client; /* NULL: not yet. */
    struct kafka_news           news;
    char                        cluster_id[KAFKA_ID_SIZE];
    struct arena                arena; /* Of the topics. */
    struct kafka_topic         *topics; /* In the order of their names. */
    size_t                      topic_count;
    uint32_t                    list_count; /* How often they were asked for, since the brokers were. */
    uint32_t                    missing_count; /* How often in a row a topic was not there. */
    rd_kafka_topic_partition_list_t *told; /* Positions that the group is to be told (K1); the listing thread's. */
    bool                        has_news_to_tell;
};

struct kafka_partition {
    struct source_partition base;
    struct kafka           *kafka;
    char                   *topic; /* The id is "topic/number", behind its NUL. */
    int32_t                 number;
    char                    topic_id[KAFKA_ID_SIZE];
    rd_kafka_queue_t       *queue;
    struct waker           *waker;
    rd_kafka_message_t    **held; /* The last batch's, and errors that came with them. */
    uint32_t                held_count;
    rd_kafka_message_t     *failure; /* Of held: to be told when the messages before it are done with. */
    struct message         *messages;
    uint32_t                capacity;
    int64_t                 lost_end; /* Offsets before it are gone, and that was accepted; 0: none. */
    int64_t                 log_end;  /* Behind the last message, when it was opened. */
    int32_t                 epoch;    /* Of the leader that wrote the last message before the position; -1: not known. */
    bool                    is_at_end;
    char                    identity[192];
};

/* ---- kafka_client.c ---- */

/* A client whose fetching ahead is shared by so many partitions. */
enum status kafka_client_open(struct kafka *kafka, size_t partition_count, struct error *err);
void        kafka_client_close(struct kafka *kafka);
/* Serves what the client has to tell; from any thread. */
void kafka_client_serve(struct kafka *kafka);
/* A record came: brokers that were away are back. */
void kafka_client_heard(struct kafka *kafka);

/* ---- kafka_topics.c ---- */

/* Asks the brokers for the binding's topics. `is_first`: waits until they answer, topics must be there, and be ours to read; else
 * what cannot be answered soon is left as it is. */
enum status kafka_topics_ask(struct kafka *kafka, bool is_first, struct error *err);
const struct kafka_topic *kafka_topic_find(const struct kafka *kafka, const char *name);

/* ---- kafka_ranges.c ---- */

/* Of all topics that were asked for; before any partition is read. */
enum status kafka_ranges_ask(struct kafka *kafka, struct error *err);

/* ---- kafka_position.c ---- */

/* Where the partition begins: position, epoch and lost_end, by what was committed, or by the binding's start. */
enum status kafka_position_find(struct kafka_partition *partition, int64_t position, struct str identity, struct error *err);
/* The log no longer has the position: what it has, and what that means. Returns ST_ERROR. */
enum status kafka_position_lost(struct kafka_partition *partition, struct error *err);
void        kafka_position_print(struct kafka_partition *partition, struct str *ret_identity);
/* "topic/number" into both. */
bool kafka_partition_name(const char *partition_id, char **ret_topic, int32_t *ret_number);

/* ---- kafka_error.c ---- */

/* Each returns ST_ERROR. Why no broker answers, from what the client was told meanwhile. */
enum status kafka_error_brokers(struct kafka *kafka, struct error *err);
enum status kafka_error_topic(const struct kafka *kafka, const char *topic, rd_kafka_resp_err_t code, struct error *err);
enum status kafka_error_call(const struct kafka *kafka, const char *what, rd_kafka_resp_err_t code, struct error *err);
/* Whether librdkafka goes on by itself, and nobody is to do anything. */
bool kafka_error_is_passing(rd_kafka_resp_err_t code);
/* Of one partition, while it is read. */
enum status kafka_error_partition(struct kafka_partition *partition, const rd_kafka_message_t *told, struct error *err);

#endif
