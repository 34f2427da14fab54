/* Where the live leg's bytes come from.
 *
 * A source has partitions. Each worker owns some of them and polls them one after the other: poll gives a leased batch
 * of whole records. Positions are the source's own, ascending within a partition; a source is of one of two kinds:
 *
 *     a log of lines       position = byte offset     the batch is one run of bytes, cut into lines
 *     a log of messages    position = message number  the batch is a list of messages, each in its own place; numbers may be left out
 *                                                     (transaction markers, what was compacted): skipped_count
 *
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
#include "io/thread.h"

/* One record of a log of lines: a slice of the batch's bytes, without its separator. */
struct record {
    uint32_t offset; /* Into record_batch.data. */
    uint32_t size;
};

/* One record of a log of messages. Its bytes (I1) are those of its value. */
struct message {
    const char *value; /* NULL: it has none (a tombstone). */
    size_t      size;
    int64_t     position;
    int64_t     time_us; /* When it was written, as the log says; INT64_MIN: it does not. */
    struct str  key;     /* data NULL: it has none. */
    void       *handle;  /* The source's own, for record_batch.header. */
};

/* The message's header number `index`, in their order; false: it has no more. Texts live as long as the batch. */
typedef bool message_header_fn(const struct message *message, size_t index, struct str *ret_name, struct str *ret_value);

/* Whole records of one partition, in order. The memory is the source's; it is good until the partition's next poll,
 * seek or close. Lines: record i lies at data + records[i].offset; its position is position + (its own offset). */
struct record_batch {
    const char           *data;
    const struct record  *records;
    const struct message *messages; /* NULL: a log of lines. Then data and records are NULL, and cut_size is 0. */
    message_header_fn    *header;   /* Of messages. */
    uint32_t              record_count;
    int64_t               position;      /* Where the batch begins; lines: of data[0] in the partition. */
    int64_t               position_next; /* Where the next batch begins: what is committed once the batch is done. */
    int64_t               bytes;         /* Lines: position_next - position, records and what lies between them (I1). Messages: of their values. */
    int64_t               skipped_count; /* Messages: position_next - position - record_count, numbers that no message has. */
    int64_t               lost_count;    /* Of those, records that were gone before they were read. */
    int64_t               cut_size;      /* 0; or the batch is one record that is longer than the source may hold: so many
                                            bytes, of which its slice has the first. */
};

enum poll_result {
    POLL_RECORDS, /* The batch holds at least one record, or the position moves without one (blank lines, markers). */
    POLL_EMPTY,   /* The end of the log: lag is zero or an incomplete last record waits. */
    POLL_WAITING, /* Nothing here now, and the end was not reached: it is being fetched, or who has it is away. */
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
    bool        counts_records; /* A position is a number of records; else of bytes. */

    /* The partitions that are there now, in the order of their ids' bytes; it may be asked again, for new ones appear.
     * Everything returned lives in the arena. */
    enum status (*list)(struct source *source, struct arena *arena, const struct source_listing **ret_listings,
                        size_t *ret_count, struct error *err);

    /* Opens a partition at `position`. `identity` is what the position was committed with; a log that is no longer the same
     * (rotated, truncated below the position) is an error that names it. Empty: nothing was committed, and the source says by the
     * partition's position where it begins. */
    enum status (*open)(struct source *source, const char *partition_id, int64_t position, struct str identity,
                        struct source_partition **ret_partition, struct error *err);

    /* From here on `waker` is woken when an empty poll may have found something. NULL: who follows asks now and then. */
    void (*watch)(struct source_partition *partition, struct waker *waker);

    /* The next at most `record_count_max` records. */
    enum status (*poll)(struct source_partition *partition, uint32_t record_count_max, struct record_batch *ret_batch,
                        enum poll_result *ret_result, struct error *err);

    /* From here on poll begins at `position`, a record's beginning. */
    enum status (*seek)(struct source_partition *partition, int64_t position, struct error *err);

    /* Position behind the last record that is there now: the end that --once and --drain run to. Right behind open it is exact; later it
     * may be as the source last heard. */
    enum status (*end)(struct source_partition *partition, int64_t *ret_position, struct error *err);

    /* What to commit beside the position; a view until the partition's next call. */
    enum status (*identity)(struct source_partition *partition, struct str *ret_identity, struct error *err);

    /* The position is in a committed epoch: for information only, by the thread that lists. NULL: nobody wants to know. */
    void (*committed)(struct source_partition *partition, int64_t position);

    void (*close)(struct source_partition *partition);
    void (*free)(struct source *source); /* All partitions are closed. */
};

/* Embedded first in a kind's own struct. */
struct source {
    const struct source_kind *kind;
    const char               *name; /* The binding's: "KAFKA_EDW_EVENTS". */
    bool                      is_resumed; /* The store has positions of it: a partition without one came later. Its user's to say. */
};

/* Embedded first in a kind's own struct. */
struct source_partition {
    struct source *source;
    const char    *partition_id;
    int64_t        position; /* Where the next poll begins. */
};

#endif
