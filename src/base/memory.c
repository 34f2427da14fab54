#include "base/memory.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"

/* Of a small page; a larger one only makes what is asked for round up. */
#define MEMORY_PAGE_SIZE ((uintptr_t)4096)

static atomic_uint_fast64_t live_count;

/* Failing on purpose. `is_armed` is the only thing that a normal run reads. */
static atomic_bool         is_armed;
static atomic_bool         keeps_failing;
static atomic_bool         has_failed;
static atomic_int_fast64_t allocations_left;

static void
arm(uint64_t n, bool keep_failing)
{
    CHECK(n <= INT64_MAX);
    atomic_store(&is_armed, false);
    atomic_store(&allocations_left, (int_fast64_t)n);
    atomic_store(&keeps_failing, keep_failing);
    atomic_store(&has_failed, false);
    atomic_store(&is_armed, n > 0);
}

void
memory_fail_after(uint64_t n)
{
    arm(n, false);
}

void
memory_fail_from(uint64_t n)
{
    arm(n, true);
}

bool
memory_has_failed(void)
{
    return atomic_load(&has_failed);
}

uint64_t
memory_live_count(void)
{
    return atomic_load_explicit(&live_count, memory_order_relaxed);
}

/* Counts one allocation while armed and says whether it is to fail. */
static bool
is_to_fail(void)
{
    if (__builtin_expect(!atomic_load_explicit(&is_armed, memory_order_relaxed), 1))
        return false;
    int_fast64_t left = atomic_fetch_sub(&allocations_left, 1) - 1;
    if (left > 0 || (left < 0 && !atomic_load(&keeps_failing)))
        return false;
    atomic_store(&has_failed, true);
    return true;
}

static void *
counted(void *block)
{
    if (block != NULL)
        atomic_fetch_add_explicit(&live_count, 1, memory_order_relaxed);
    return block;
}

void *
memory_alloc(size_t size_bytes)
{
    if (is_to_fail())
        return NULL;
    return counted(malloc(size_bytes > 0 ? size_bytes : 1));
}

void *
memory_alloc_zero(size_t size_bytes)
{
    if (is_to_fail())
        return NULL;
    return counted(calloc(1, size_bytes > 0 ? size_bytes : 1));
}

void *
memory_alloc_array(size_t count, size_t item_size_bytes)
{
    size_t size_bytes;
    if (__builtin_mul_overflow(count, item_size_bytes, &size_bytes))
        return NULL;
    return memory_alloc(size_bytes);
}

void *
memory_alloc_array_zero(size_t count, size_t item_size_bytes)
{
    size_t size_bytes;
    if (__builtin_mul_overflow(count, item_size_bytes, &size_bytes))
        return NULL;
    return memory_alloc_zero(size_bytes);
}

void *
memory_alloc_aligned(size_t alignment, size_t size_bytes)
{
    CHECK(alignment >= sizeof(void *) && (alignment & (alignment - 1)) == 0);
    if (is_to_fail())
        return NULL;
    void *block;
    if (posix_memalign(&block, alignment, size_bytes > 0 ? size_bytes : 1) != 0)
        return NULL;
    return counted(block);
}

void
memory_populate(void *block, size_t size_bytes)
{
#ifdef MADV_POPULATE_WRITE /* Linux 5.14 */
    const uintptr_t page  = MEMORY_PAGE_SIZE;
    uintptr_t       begin = ((uintptr_t)block + page - 1) & ~(page - 1), end = ((uintptr_t)block + size_bytes) & ~(page - 1);
    if (begin < end)
        (void)madvise((void *)begin, end - begin, MADV_POPULATE_WRITE);
#else
    (void)block, (void)size_bytes;
#endif
}

void *
memory_resize(void *old, size_t size_bytes)
{
    if (is_to_fail())
        return NULL;
    void *block = realloc(old, size_bytes > 0 ? size_bytes : 1);
    return old == NULL ? counted(block) : block;
}

void *
memory_resize_array(void *old, size_t count, size_t item_size_bytes)
{
    size_t size_bytes;
    if (__builtin_mul_overflow(count, item_size_bytes, &size_bytes))
        return NULL;
    return memory_resize(old, size_bytes);
}

char *
memory_copy(const void *data, size_t size_bytes)
{
    if (size_bytes == SIZE_MAX)
        return NULL;
    char *copy = memory_alloc(size_bytes + 1);
    if (copy == NULL)
        return NULL;
    if (size_bytes > 0)
        memcpy(copy, data, size_bytes);
    copy[size_bytes] = '\0';
    return copy;
}

void
memory_free(void *block)
{
    if (block == NULL)
        return;
    atomic_fetch_sub_explicit(&live_count, 1, memory_order_relaxed);
    free(block);
}

void
memory_wipe(void *data, size_t size_bytes)
{
    if (size_bytes > 0)
        explicit_bzero(data, size_bytes);
}
