/* Where the live leg's bytes come from.
 *
 * A source has partitions. Each worker owns some of them and polls them one after the other: poll gives a leased batch
 * of whole records. Positions are the source's own (a byte offset, a Kafka offset), ascending within a partition.
 * A source says what is there; it does not wait (followers ask again), keeps no state that a restart needs beyond the
 * position, and reads no clock.
 *
 * Threads: one thread lists and opens. Partitions may be polled by different threads at the same time, a partition by one
 * thread only. */
#ifndef HEDDLE_SOURCE_SOURCE_H
#define HEDDLE_SOURCE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

/* One record: a slice of the batch's bytes, without its separator. */
struct record {
    uint32_t offset; /* Into record_batch.data. */
    uint32_t size;
};

/* Whole records of one partition, in order. The memory is the source's; it is good until the partition's next poll,
 * seek or close. Record i lies at data + records[i].offset; its position is position + (its own offset). */
struct record_batch {
    const char          *data;
    const struct record *records;
    uint32_t             record_count;
    int64_t              position;      /* Of data[0] in the partition. */
    int64_t              position_next; /* Where the next batch begins: what is committed once the batch is done. */
    int64_t              bytes;         /* position_next - position: records and what lies between them (I1). */
    int64_t              cut_size;      /* 0; or the batch is one record that is longer than the source may hold: so many
                                           bytes, of which its slice has the first. */
};

enum poll_result {
    POLL_RECORDS, /* The batch holds at least one record, or bytes without a record (blank lines). */
    POLL_EMPTY,   /* Nothing new now; lag is zero or an incomplete last record waits. */
};

struct source;
struct source_partition;

/* A partition that is there. */
struct source_listing {
    const char *partition_id;
    uint32_t    input; /* Index into the binding's inputs: whose system, zone and facility its records have. */
};

struct source_kind {
    const char *name; /* "eventlog" … */

    /* The partitions that are there now, in the order of their ids' bytes; it may be asked again, for new ones appear.
     * Everything returned lives in the arena. */
    enum status (*list)(struct source *source, struct arena *arena, const struct source_listing **ret_listings,
                        size_t *ret_count, struct error *err);

    /* Opens a partition at `position` (0 = its beginning). `identity` is what the position was committed with (empty:
     * never committed); a log that is no longer the same (rotated, truncated below the position) is an error that
     * names it. */
    enum status (*open)(struct source *source, const char *partition_id, int64_t position, struct str identity,
                        struct source_partition **ret_partition, struct error *err);

    /* The next at most `record_count_max` records. */
    enum status (*poll)(struct source_partition *partition, uint32_t record_count_max, struct record_batch *ret_batch,
                        enum poll_result *ret_result, struct error *err);

    /* From here on poll begins at `position`, a record's beginning. */
    enum status (*seek)(struct source_partition *partition, int64_t position, struct error *err);

    /* Position behind the last byte that is there now: the end that --once and --drain run to. */
    enum status (*end)(struct source_partition *partition, int64_t *ret_position, struct error *err);

    /* What to commit beside the position; a view until the partition's next call. */
    enum status (*identity)(struct source_partition *partition, struct str *ret_identity, struct error *err);

    void (*close)(struct source_partition *partition);
    void (*free)(struct source *source); /* All partitions are closed. */
};

/* Embedded first in a kind's own struct. */
struct source {
    const struct source_kind *kind;
    const char               *name; /* The binding's: "KAFKA_EDW_EVENTS". */
};

/* Embedded first in a kind's own struct. */
struct source_partition {
    struct source *source;
    const char    *partition_id;
    int64_t        position; /* Where the next poll begins. */
};

#endif
