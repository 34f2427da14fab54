/* Memory with a common end: allocated one after the other, given back together.
 *
 *      first                        current
 *      +---------------+            +---------------+            +---------------+
 *      | used          | -> ... ->  | used | free   | -> ... ->  | kept by clear |
 *      +---------------+            +---------------+            +---------------+
 *
 * One arena a lifetime (process, pipeline, epoch, chunk). Clearing keeps the memory, so that after the first few
 * epochs an arena asks the system for nothing. Under AddressSanitizer cleared memory is poisoned: a pointer that
 * outlives its lifetime is found. Not thread-safe. */
#ifndef HEDDLE_BASE_ARENA_H
#define HEDDLE_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct arena_block;

struct arena {
    char               *next;             /* The first free byte of the current block; NULL: no block yet. */
    char               *end;              /* Behind the last byte of the current block. */
    struct arena_block *first;
    struct arena_block *current;
    size_t              block_size_bytes; /* Of a new block; a larger request gets a block of its own size. */
    size_t              filled_bytes;     /* Used in the blocks before the current one. */
    size_t              held_bytes;       /* Size of all blocks. */
    size_t              high_water_bytes; /* Largest use at any clear so far; see arena_high_water_bytes. */
};

/* Makes the arena usable; allocates nothing, so it cannot fail. `block_size_bytes` 0 takes 64 KiB. */
void arena_init(struct arena *arena, size_t block_size_bytes);
/* Gives all allocations back and keeps the memory for the next ones. */
void arena_clear(struct arena *arena);
/* Gives the memory back too. Accepts a zeroed arena; the arena may be used again afterwards. */
void arena_release(struct arena *arena);

/* `alignment` is a power of two of at most 4096. The bytes' content is unknown. NULL: no memory; the arena is
 * unchanged. */
void *arena_alloc(struct arena *arena, size_t size_bytes, size_t alignment) __attribute__((warn_unused_result));
void *arena_alloc_zero(struct arena *arena, size_t size_bytes, size_t alignment) __attribute__((warn_unused_result));
/* `count` zeroed items; NULL also where the product does not fit. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t item_size_bytes, size_t alignment)
    __attribute__((warn_unused_result));

/* Typed forms: ARENA_NEW(arena, struct step) is one zeroed struct, ARENA_ARRAY(arena, struct step, n) is n of
 * them. */
#define ARENA_NEW(arena, type) ((type *)arena_alloc_zero((arena), sizeof(type), _Alignof(type)))
#define ARENA_ARRAY(arena, type, count) \
    ((type *)arena_alloc_array((arena), (count), sizeof(type), _Alignof(type)))

/* A copy of the text with a NUL behind it, for libraries that want one. False: no memory, *ret_copy untouched. */
bool arena_text(struct arena *arena, struct str text, struct str *ret_copy) __attribute__((warn_unused_result));
/* The same for and from a C string; NULL: no memory. */
char *arena_cstr(struct arena *arena, struct str text) __attribute__((warn_unused_result));
/* printf into the arena; a NUL-terminated text, or NULL: no memory. */
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3), warn_unused_result));

/* Bytes in use now, and the most that was ever in use at once (padding included). */
size_t arena_used_bytes(const struct arena *arena);
size_t arena_high_water_bytes(const struct arena *arena);

#endif
