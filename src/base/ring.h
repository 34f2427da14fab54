/* A bounded queue of pointers between exactly one producer and one consumer thread.
 *
 *      tail (consumer) ->  | . | x | x | x | . | . |  <- head (producer)
 *
 * Neither side ever waits: a push into a full ring and a pop from an empty one return at once, and the thread runs
 * its other actors (P4 of the epoch protocol). Each side keeps its own copy of the other's index and looks at the
 * shared one only when the copy says full or empty, so that in steady state the cache lines do not bounce. Whoever
 * must sleep when all is idle uses the condition of io/thread.h beside it. */
#ifndef HEDDLE_BASE_RING_H
#define HEDDLE_BASE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"

/* Two lines, for the adjacent-line prefetcher of x86 fetches pairs. */
#define CACHE_LINE_PAIR 128

struct ring {
    _Alignas(CACHE_LINE_PAIR) atomic_size_t head; /* Written by the producer; counts up without end. */
    size_t tail_seen;                             /* The producer's copy of `tail`. */
    _Alignas(CACHE_LINE_PAIR) atomic_size_t tail; /* Written by the consumer. */
    size_t head_seen;                             /* The consumer's copy of `head`. */
    _Alignas(CACHE_LINE_PAIR) void **slots;       /* Read-only after init, as is `mask`. */
    size_t mask;
};

/* `capacity` is a power of two of at least 2. False: no memory. The ring itself lies where the caller puts it, at an
 * address that is a multiple of CACHE_LINE_PAIR (memory_alloc_aligned where it is on the heap). */
bool ring_init(struct ring *ring, size_t capacity) __attribute__((warn_unused_result));
/* Frees the slots, not what they point to. Both threads must be done. Accepts a zeroed ring. */
void ring_release(struct ring *ring);

/* The producer alone calls this. False: full. Everything written before a push is visible to who pops it. `item` is
 * not NULL. */
static inline bool
ring_push(struct ring *ring, void *item)
{
    CHECK(item != NULL);
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (head - ring->tail_seen > ring->mask) {
        ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
        if (head - ring->tail_seen > ring->mask)
            return false;
    }
    ring->slots[head & ring->mask] = item;
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    return true;
}

/* The consumer alone calls this. The oldest item without taking it; NULL: empty. */
static inline void *
ring_peek(struct ring *ring)
{
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (tail == ring->head_seen) {
        ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
        if (tail == ring->head_seen)
            return NULL;
    }
    return ring->slots[tail & ring->mask];
}

/* The consumer alone calls this. NULL: empty. */
static inline void *
ring_pop(struct ring *ring)
{
    void *item = ring_peek(ring);
    if (item != NULL) {
        size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
        atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
    }
    return item;
}

/* How many items wait; exact only where neither side is at work. For metrics. */
static inline size_t
ring_count(const struct ring *ring)
{
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    return head - tail;
}

#endif
