/* Finds bytes of interest 64 at a time.
 *
 * A scan holds one bit for each byte of the current block of 64: set where the byte is one of up to four wanted ones.
 * Asking for the next one is then a count of trailing zeros. Reading stays inside [0, size): the last block is copied. */
#ifndef HEDDLE_FORMAT_SCAN_H
#define HEDDLE_FORMAT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define SCAN_BLOCK_SIZE 64
#define SCAN_WANTED_MAX 4

struct scan {
    const char *bytes;
    size_t      size;
    size_t      block;  /* Where the block begins; a multiple of 64, or SIZE_MAX: none yet. */
    uint64_t    mask;   /* Wanted bytes of the block at or behind the place asked from. */
    uint64_t    high;   /* Bytes of the block that are not ASCII. */
    char        wanted[SCAN_WANTED_MAX];
};

/* Fewer than four wanted bytes: repeat one. */
static inline void
scan_init(struct scan *scan, const char *bytes, size_t size, const char wanted[SCAN_WANTED_MAX])
{
    scan->bytes = bytes;
    scan->size  = size;
    scan->block = SIZE_MAX;
    scan->mask  = 0;
    scan->high  = 0;
    memcpy(scan->wanted, wanted, SCAN_WANTED_MAX);
}

#if defined(__SSE2__)
static inline void
scan_masks(const char *block, const char wanted[SCAN_WANTED_MAX], uint64_t *ret_mask, uint64_t *ret_high)
{
    const __m128i a    = _mm_set1_epi8(wanted[0]);
    const __m128i b    = _mm_set1_epi8(wanted[1]);
    const __m128i c    = _mm_set1_epi8(wanted[2]);
    const __m128i d    = _mm_set1_epi8(wanted[3]);
    uint64_t      mask = 0;
    uint64_t      high = 0;

    for (unsigned i = 0; i < 4; i++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(block + 16 * (size_t)i));
        __m128i found = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, a), _mm_cmpeq_epi8(bytes, b)),
                                     _mm_or_si128(_mm_cmpeq_epi8(bytes, c), _mm_cmpeq_epi8(bytes, d)));
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(found) << (16 * i);
        high |= (uint64_t)(uint32_t)_mm_movemask_epi8(bytes) << (16 * i);
    }
    *ret_mask = mask;
    *ret_high = high;
}
#else
static inline void
scan_masks(const char *block, const char wanted[SCAN_WANTED_MAX], uint64_t *ret_mask, uint64_t *ret_high)
{
    uint64_t mask = 0;
    uint64_t high = 0;

    for (unsigned i = 0; i < SCAN_BLOCK_SIZE; i++) {
        char byte  = block[i];
        bool found = byte == wanted[0] || byte == wanted[1] || byte == wanted[2] || byte == wanted[3];
        mask |= (uint64_t)found << i;
        high |= (uint64_t)((unsigned char)byte >= 0x80) << i;
    }
    *ret_mask = mask;
    *ret_high = high;
}
#endif

/* Loads the block of `at` and drops what stands before `at`. at < size. */
static inline void
scan_load(struct scan *scan, size_t at)
{
    size_t block = at & ~(size_t)(SCAN_BLOCK_SIZE - 1);
    size_t left  = scan->size - block;

    if (left >= SCAN_BLOCK_SIZE) {
        scan_masks(scan->bytes + block, scan->wanted, &scan->mask, &scan->high);
    } else {
        char copy[SCAN_BLOCK_SIZE] = { 0 };
        memcpy(copy, scan->bytes + block, left);
        scan_masks(copy, scan->wanted, &scan->mask, &scan->high);
        scan->mask &= ((uint64_t)1 << left) - 1;
    }
    scan->block = block;
    scan->mask &= ~(uint64_t)0 << (at - block);
}

/* To be called before asking from a place before the last answer: bits already passed are gone. */
static inline void
scan_rewind(struct scan *scan)
{
    scan->block = SIZE_MAX;
}

/* The first wanted byte at or behind `from`, or `size`. Calls go forwards only.
 * *high collects whether blocks passed had bytes that are not ASCII (also a little outside of the range). */
static inline size_t
scan_next(struct scan *scan, size_t from, uint64_t *high)
{
    if (from >= scan->size)
        return scan->size;
    if (scan->block == SIZE_MAX || from < scan->block || from - scan->block >= SCAN_BLOCK_SIZE)
        scan_load(scan, from);
    else
        scan->mask &= ~(uint64_t)0 << (from - scan->block);
    *high |= scan->high;
    while (scan->mask == 0) {
        size_t next = scan->block + SCAN_BLOCK_SIZE;
        if (next >= scan->size)
            return scan->size;
        scan_load(scan, next);
        *high |= scan->high;
    }
    return scan->block + (size_t)__builtin_ctzll(scan->mask);
}

#endif
