/* Topics of Kafka, by librdkafka. The position is an offset; a partition's id is "topic/partition": "edw.events/0".
 *
 * K1  Positions are the store's. The group of the binding is told them behind a commit, for who looks at lags; nothing here goes by that.
 * K2  Partitions are assigned by us, never by a group: who reads is decided by the store's generation (P1).
 * K3  Messages are given from where the committed position is, each once and in order; those of transactions that were aborted, or are still
 *     open, are not given. Offsets that no message has (markers of transactions, what was compacted) are skipped, and counted.
 * K4  A position that the log no longer has is an error that says what is lost: deleted by retention before it was read; behind the log's end, or of an
 *     epoch of its leader that ended before it (the log was truncated); or of another topic of that name, or another cluster. Only what retention
 *     deleted may be passed over, where the caller says so.
 * K5  A broker that is away is waited for, and said once; what only a person can mend ends the leg.
 * K6  What is fetched ahead is bounded over all partitions (I10): a partition that is not polled is not fetched beyond its share.
 *
 * A poll never waits. The messages of a batch lie where librdkafka put them, until the partition's next poll. */
#ifndef HEDDLE_SOURCE_KAFKA_KAFKA_H
#define HEDDLE_SOURCE_KAFKA_KAFKA_H

#include "graph/graph.h"
#include "io/io.h"
#include "source/source.h"

struct kafka_options {
    struct io                 *io;      /* Reads secrets. */
    const struct graph_source *binding; /* Borrowed for the source's life; its one input is of type KAFKA. */
    bool                       accepts_loss; /* What retention deleted before it was read is passed over, and counted as lost. */
    bool                       is_for_writing; /* Of kafka_probe: somebody else writes to the topics. */
    /* What somebody should hear of, in one line: brokers are away, or back. From any thread; NULL: nobody listens. */
    void (*notice)(void *context, const char *text);
    void *context;
};

/* Reads secrets and makes a client; brokers are asked when partitions are listed. The caller frees with ret_source->kind->free. */
enum status kafka_create(const struct kafka_options *options, struct source **ret_source, struct error *err);

/* Whether brokers answer, know us, have the topics and let us read them; how many there are of both. */
enum status kafka_probe(const struct kafka_options *options, size_t *ret_topic_count, size_t *ret_partition_count, struct error *err);

#endif
