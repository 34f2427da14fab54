/* How rows move between actors.
 *
 *     producer ──full──▶ consumer       one lane for each pair of a producer and a consumer
 *              ◀─empty──
 *
 * A parcel is a chunk, or a barrier. Chunk parcels go round; barriers lie in the lane, one for each epoch that can be under way,
 * so a barrier never waits for room. Neither side ever waits: no empty parcel means "blocked". */
#ifndef HEDDLE_LIVE_RUNTIME_LANE_H
#define HEDDLE_LIVE_RUNTIME_LANE_H

#include "base/ring.h"
#include "column/chunk.h"
#include "io/thread.h"
#include "live/op/operator.h"

/* e is under way while e-1 waits for its commit and e+1 fills: P2 announces e once e-2 is committed. */
#define EPOCHS_UNDER_WAY 3

/* What a worker knows of its partitions' time at a barrier; shards merge those of all workers (P4). */
struct time_view {
    uint32_t active_count;  /* Partitions that are not idle. */
    int64_t  active_min_us; /* Their smallest watermark; INT64_MAX: no such partition. */
    int64_t  min_us;        /* Of all partitions; INT64_MAX: none. */
    int64_t  max_us;        /* INT64_MIN: none. */
};
#define TIME_VIEW_EMPTY ((struct time_view){ 0, INT64_MAX, INT64_MAX, INT64_MIN })

struct parcel {
    uint64_t         barrier; /* The epoch that ends; 0: rows. */
    struct time_view view;    /* Of a barrier. */
    uint32_t         ports;   /* Bit p: rows for port p of the consumer. */
    struct chunk     chunk;   /* Made when it is first needed. */
};

struct lane {
    struct ring   full;
    struct ring   empty;
    struct parcel chunks[LIVE_LANE_CHUNK_COUNT];
    struct parcel barriers[EPOCHS_UNDER_WAY];
    struct waker *producer;
    struct waker *consumer;
};

enum status lane_init(struct lane *lane, struct waker *producer, struct waker *consumer, struct error *err);
void        lane_release(struct lane *lane);

/* An empty parcel with room for `capacity` rows; *ret_parcel NULL: blocked. */
enum status lane_take(struct lane *lane, uint32_t capacity, struct parcel **ret_parcel, struct error *err);
void        lane_push(struct lane *lane, struct parcel *parcel);
void        lane_barrier(struct lane *lane, uint64_t epoch, const struct time_view *view);
/* The consumer is done with a chunk parcel. */
void lane_return(struct lane *lane, struct parcel *parcel);

void time_view_add(struct time_view *view, const struct time_view *other);

/* Appends the chunk's rows (count of them, by index) to `to`, which has room for them and the same schema; texts are copied. */
enum status chunk_gather(struct chunk *to, const struct chunk *from, const uint16_t *rows, uint32_t count, struct error *err);

/* Moves all of `from` into `to`, which is empty, of the same schema and capacity, and copies texts that lie elsewhere: nothing is leased
 * any more. `from` is empty then. */
enum status chunk_take(struct chunk *to, struct chunk *from, struct error *err);

/* Sends chunks to one port of all shards, each row to the one that owns its key group. */
struct exchange {
    struct lane          **lanes; /* To shard 0..shard_count-1. */
    uint32_t               shard_count;
    uint32_t               capacity; /* Of parcels. */
    uint32_t               ports;
    const struct operator *op; /* Whose exchange says where a row goes. */
    struct parcel        **open; /* Being filled, one a shard; NULL: none. */
    const struct chunk    *chunk; /* In hand; NULL: none. */
    uint16_t              *rows;  /* Of the chunk in hand, by shard. */
    uint64_t              *hashes;
    uint32_t              *next; /* [shard_count]: where in `rows` each shard goes on. */
    uint32_t              *end;
};

enum status exchange_init(struct exchange *exchange, struct lane **lanes, uint32_t shard_count, uint32_t capacity,
                          uint32_t ports, const struct operator *op, struct error *err);
void        exchange_release(struct exchange *exchange);
/* Takes the chunk's selected rows in hand; none is in hand. The chunk stays until exchange_go says that it is done. */
void exchange_begin(struct exchange *exchange, const struct chunk *chunk);
/* Goes on. *ret_is_done false: blocked. */
enum status exchange_go(struct exchange *exchange, bool *ret_is_done, struct error *err);
/* Pushes what is begun. */
void exchange_flush(struct exchange *exchange);

/* With one shard nothing is copied: the chunk itself moves, and an empty one takes its place. False: blocked. */
enum status lane_move(struct lane *lane, struct chunk *chunk, uint32_t ports, bool *ret_is_done, struct error *err);

static inline uint32_t
shard_of_group(uint32_t group, uint32_t shard_count)
{
    return (uint32_t)((uint64_t)group * shard_count / STATE_GROUP_COUNT);
}

/* The first group of a shard: it owns those up to the next one's first. */
static inline uint32_t
shard_group_begin(uint32_t shard, uint32_t shard_count)
{
    return (uint32_t)(((uint64_t)shard * STATE_GROUP_COUNT + shard_count - 1) / shard_count);
}

#endif
