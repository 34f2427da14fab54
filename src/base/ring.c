#include "base/ring.h"

#include "base/memory.h"

bool
ring_init(struct ring *ring, size_t capacity)
{
    CHECK(capacity >= 2 && (capacity & (capacity - 1)) == 0);
    void **slots = memory_alloc_array_zero(capacity, sizeof *slots);
    if (slots == NULL)
        return false;
    atomic_init(&ring->head, 0);
    atomic_init(&ring->tail, 0);
    ring->tail_seen = 0;
    ring->head_seen = 0;
    ring->slots     = slots;
    ring->mask      = capacity - 1;
    return true;
}

void
ring_release(struct ring *ring)
{
    memory_free(ring->slots);
    ring->slots = NULL;
    ring->mask  = 0;
}
