/* All memory of ours comes from here, so that tests can make the N-th allocation fail and count what was not freed.
 *
 * Nothing here aborts: NULL means that there is no memory, and the caller reports error_no_memory. A size of 0 is
 * allowed and gives a pointer that must be freed. Every function is thread-safe. */
#ifndef HEDDLE_BASE_MEMORY_H
#define HEDDLE_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of unknown content, aligned for any type. */
void *memory_alloc(size_t size_bytes) __attribute__((malloc, warn_unused_result));
/* The same, all zero. */
void *memory_alloc_zero(size_t size_bytes) __attribute__((malloc, warn_unused_result));
/* `count` items of `item_size_bytes`; NULL also where the product does not fit a size_t. */
void *memory_alloc_array(size_t count, size_t item_size_bytes) __attribute__((malloc, warn_unused_result));
void *memory_alloc_array_zero(size_t count, size_t item_size_bytes) __attribute__((malloc, warn_unused_result));
/* `alignment` is a power of two of at least sizeof(void *). Freed with memory_free; must not be resized. */
void *memory_alloc_aligned(size_t alignment, size_t size_bytes) __attribute__((malloc, warn_unused_result));

/* Gives the block's pages at once, for what is going to be filled anyway: one call instead of a fault each. Where that cannot be they
 * come one by one. */
void memory_populate(void *block, size_t size_bytes);

/* Grows or shrinks; `old` may be NULL. On NULL the old block is unchanged and still owned by the caller. */
void *memory_resize(void *old, size_t size_bytes) __attribute__((warn_unused_result));
void *memory_resize_array(void *old, size_t count, size_t item_size_bytes) __attribute__((warn_unused_result));

/* A copy of `size_bytes` bytes with a NUL behind them. */
char *memory_copy(const void *data, size_t size_bytes) __attribute__((malloc, warn_unused_result));

/* NULL is allowed. */
void memory_free(void *block);

/* Overwrites a secret in a way that the compiler may not leave out. */
void memory_wipe(void *data, size_t size_bytes);

/* For tests. From now on the n-th allocation or growth (1 = the next one) of the whole process fails: that one only,
 * or from then on every one, as memory does that has really run out. n = 0 switches it off. When it is off, it costs
 * one load of a value that nobody writes. */
void memory_fail_after(uint64_t n);
void memory_fail_from(uint64_t n);
/* Whether an allocation was made to fail since the last of the two calls above. */
bool memory_has_failed(void);

/* Blocks not yet freed, for leak checks. Memory of third-party libraries counts only where they allocate through
 * us. */
uint64_t memory_live_count(void);

#endif
