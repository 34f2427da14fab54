#include "base/arena.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/check.h"
#include "base/memory.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif

#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(address, size)   __asan_poison_memory_region((address), (size))
#define UNPOISON(address, size) __asan_unpoison_memory_region((address), (size))
#else
#define POISON(address, size)   ((void)(address), (void)(size))
#define UNPOISON(address, size) ((void)(address), (void)(size))
#endif

#define BLOCK_SIZE_DEFAULT ((size_t)64 << 10)
#define ALIGNMENT_MAX      4096
/* Who asks for so much at once is going to fill it. */
#define POPULATED_SIZE_MIN ((size_t)256 << 10)

struct arena_block {
    struct arena_block *next;
    size_t              size_bytes; /* Of `data`. */
    _Alignas(max_align_t) char data[];
};

void
arena_init(struct arena *arena, size_t block_size_bytes)
{
    *arena = (struct arena){ .block_size_bytes = block_size_bytes };
}

static void
block_open(struct arena *arena, struct arena_block *block)
{
    arena->current = block;
    arena->next    = block->data;
    arena->end     = block->data + block->size_bytes;
}

static size_t
current_used(const struct arena *arena)
{
    return arena->current != NULL ? (size_t)(arena->next - arena->current->data) : 0;
}

size_t
arena_used_bytes(const struct arena *arena)
{
    return arena->filled_bytes + current_used(arena);
}

size_t
arena_high_water_bytes(const struct arena *arena)
{
    size_t used = arena_used_bytes(arena);
    return used > arena->high_water_bytes ? used : arena->high_water_bytes;
}

void
arena_clear(struct arena *arena)
{
    arena->high_water_bytes = arena_high_water_bytes(arena);
    arena->filled_bytes     = 0;
    for (struct arena_block *block = arena->first; block != NULL; block = block->next)
        POISON(block->data, block->size_bytes);
    if (arena->first != NULL)
        block_open(arena, arena->first);
}

void
arena_release(struct arena *arena)
{
    struct arena_block *next;
    for (struct arena_block *block = arena->first; block != NULL; block = next) {
        next = block->next;
        UNPOISON(block->data, block->size_bytes);
        memory_free(block);
    }
    arena_init(arena, arena->block_size_bytes);
}

static char *
align_up(char *address, size_t alignment)
{
    size_t past = (uintptr_t)address & (alignment - 1);
    return past == 0 ? address : address + (alignment - past);
}

/* Takes the bytes from the current block, or gives NULL where they do not fit. */
static void *
take(struct arena *arena, size_t size_bytes, size_t alignment)
{
    if (arena->next == NULL)
        return NULL;
    char *begin = align_up(arena->next, alignment);
    if (begin > arena->end || size_bytes > (size_t)(arena->end - begin))
        return NULL;
    arena->next = begin + size_bytes;
    UNPOISON(begin, size_bytes);
    return begin;
}

/* Puts a new block behind the current one, in front of the ones that clear has kept. */
static struct arena_block *
block_add(struct arena *arena, size_t size_bytes)
{
    size_t total_bytes;
    if (__builtin_add_overflow(size_bytes, sizeof(struct arena_block), &total_bytes))
        return NULL;
    struct arena_block *block = memory_alloc(total_bytes);
    if (block == NULL)
        return NULL;
    if (total_bytes >= POPULATED_SIZE_MIN)
        memory_populate(block, total_bytes);
    block->size_bytes = size_bytes;
    POISON(block->data, size_bytes);
    if (arena->current == NULL) {
        block->next  = arena->first;
        arena->first = block;
    } else {
        block->next          = arena->current->next;
        arena->current->next = block;
    }
    arena->held_bytes += size_bytes;
    return block;
}

/* The current block is full: goes on to a kept one that is large enough, or to a new one. */
static void *
take_from_next(struct arena *arena, size_t size_bytes, size_t alignment)
{
    size_t needed_bytes;
    if (__builtin_add_overflow(size_bytes, alignment, &needed_bytes))
        return NULL;
    struct arena_block *block = arena->current != NULL ? arena->current->next : NULL;
    if (block == NULL || block->size_bytes < needed_bytes) {
        size_t block_bytes = arena->block_size_bytes > 0 ? arena->block_size_bytes : BLOCK_SIZE_DEFAULT;
        block              = block_add(arena, needed_bytes > block_bytes ? needed_bytes : block_bytes);
        if (block == NULL)
            return NULL;
    }
    arena->filled_bytes += current_used(arena);
    block_open(arena, block);
    void *bytes = take(arena, size_bytes, alignment);
    CHECK(bytes != NULL);
    return bytes;
}

void *
arena_alloc(struct arena *arena, size_t size_bytes, size_t alignment)
{
    CHECK(alignment > 0 && alignment <= ALIGNMENT_MAX && (alignment & (alignment - 1)) == 0);
    void *bytes = take(arena, size_bytes, alignment);
    return bytes != NULL ? bytes : take_from_next(arena, size_bytes, alignment);
}

void *
arena_alloc_zero(struct arena *arena, size_t size_bytes, size_t alignment)
{
    void *bytes = arena_alloc(arena, size_bytes, alignment);
    if (bytes != NULL)
        memset(bytes, 0, size_bytes);
    return bytes;
}

void *
arena_alloc_array(struct arena *arena, size_t count, size_t item_size_bytes, size_t alignment)
{
    size_t size_bytes;
    if (__builtin_mul_overflow(count, item_size_bytes, &size_bytes))
        return NULL;
    return arena_alloc_zero(arena, size_bytes, alignment);
}

char *
arena_cstr(struct arena *arena, struct str text)
{
    if (text.size == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(arena, text.size + 1, 1);
    if (copy == NULL)
        return NULL;
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

bool
arena_text(struct arena *arena, struct str text, struct str *ret_copy)
{
    char *copy = arena_cstr(arena, text);
    if (copy == NULL)
        return false;
    *ret_copy = str_of(copy, text.size);
    return true;
}

char *
arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        return NULL;
    char *text = arena_alloc(arena, (size_t)length + 1, 1);
    if (text == NULL)
        return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}
