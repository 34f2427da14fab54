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

/* Wanted bytes, spread over vectors where there are vectors. */
struct scan_set {
#if defined(__SSE2__)
    __m128i a, b, c, d;
#else
    char wanted[SCAN_WANTED_MAX];
#endif
};

struct scan {
    const char     *bytes;
    size_t          size;
    size_t          block;  /* Where the block begins; a multiple of 64, or SIZE_MAX: none yet. */
    uint64_t        mask;   /* Wanted bytes of the block at or behind the place asked from. */
    uint64_t        high;   /* Bytes of the block that are not ASCII. */
    struct scan_set wanted;
};

/* Fewer than four wanted bytes: repeat one. Everything is written out: compilers unroll no loops at -O2. */
#if defined(__SSE2__)
static inline struct scan_set
scan_set_of(const char wanted[SCAN_WANTED_MAX])
{
    return (struct scan_set){ _mm_set1_epi8(wanted[0]), _mm_set1_epi8(wanted[1]), _mm_set1_epi8(wanted[2]),
                              _mm_set1_epi8(wanted[3]) };
}

static inline __m128i
scan_load_16(const char *bytes)
{
    return _mm_loadu_si128((const __m128i *)(const void *)bytes);
}

static inline uint64_t
scan_bits_16(__m128i bytes, const struct scan_set *set)
{
    __m128i found = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, set->a), _mm_cmpeq_epi8(bytes, set->b)),
                                 _mm_or_si128(_mm_cmpeq_epi8(bytes, set->c), _mm_cmpeq_epi8(bytes, set->d)));
    return (uint64_t)(uint32_t)_mm_movemask_epi8(found);
}

static inline uint64_t
scan_join(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    return a | b << 16 | c << 32 | d << 48;
}

/* A bit for each byte of a whole block of 64 that is wanted. */
static inline uint64_t
scan_bits(const char *block, const struct scan_set *set)
{
    return scan_join(scan_bits_16(scan_load_16(block), set), scan_bits_16(scan_load_16(block + 16), set),
                     scan_bits_16(scan_load_16(block + 32), set), scan_bits_16(scan_load_16(block + 48), set));
}

/* Whether a whole block has bytes that are not ASCII: not 0 then. */
static inline uint64_t
scan_high(const char *block)
{
    __m128i all = _mm_or_si128(_mm_or_si128(scan_load_16(block), scan_load_16(block + 16)),
                               _mm_or_si128(scan_load_16(block + 32), scan_load_16(block + 48)));
    return (uint64_t)(uint32_t)_mm_movemask_epi8(all);
}
#else
static inline struct scan_set
scan_set_of(const char wanted[SCAN_WANTED_MAX])
{
    struct scan_set set;
    memcpy(set.wanted, wanted, SCAN_WANTED_MAX);
    return set;
}

static inline uint64_t
scan_bits(const char *block, const struct scan_set *set)
{
    uint64_t    mask   = 0;
    const char *wanted = set->wanted;
    for (unsigned i = 0; i < SCAN_BLOCK_SIZE; i++) {
        char byte     = block[i];
        bool is_found = byte == wanted[0] || byte == wanted[1] || byte == wanted[2] || byte == wanted[3];
        mask |= (uint64_t)is_found << i;
    }
    return mask;
}

static inline uint64_t
scan_high(const char *block)
{
    uint64_t high = 0;
    for (unsigned i = 0; i < SCAN_BLOCK_SIZE; i++)
        high |= (unsigned char)block[i] & 0x80u;
    return high;
}
#endif

/* The first byte at or behind `at` that a text of JSON cannot hold as it is, or that has more to it: a quote, a backslash, what controls,
 * what is not ASCII; or `end`. */
static inline const char *
scan_plain(const char *at, const char *end)
{
#if defined(__SSE2__)
    const __m128i blank = _mm_set1_epi8(' '), quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    for (; end - at >= 16; at += 16) {
        __m128i  bytes = scan_load_16(at); /* As signed numbers what is not ASCII is below a blank, too. */
        __m128i  other = _mm_or_si128(_mm_cmplt_epi8(bytes, blank), _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
        unsigned mask  = (unsigned)_mm_movemask_epi8(other);
        if (mask != 0)
            return at + __builtin_ctz(mask);
    }
#endif
    while (at < end && (signed char)*at >= ' ' && *at != '"' && *at != '\\')
        at++;
    return at;
}

static inline void
scan_init(struct scan *scan, const char *bytes, size_t size, const char wanted[SCAN_WANTED_MAX])
{
    scan->bytes  = bytes;
    scan->size   = size;
    scan->block  = SIZE_MAX;
    scan->mask   = 0;
    scan->high   = 0;
    scan->wanted = scan_set_of(wanted);
}

/* Loads the block of `at` and drops what stands before `at`. at < size. */
static inline void
scan_load(struct scan *scan, size_t at)
{
    size_t block = at & ~(size_t)(SCAN_BLOCK_SIZE - 1);
    size_t left  = scan->size - block;

    if (left >= SCAN_BLOCK_SIZE) {
        scan->mask = scan_bits(scan->bytes + block, &scan->wanted);
        scan->high = scan_high(scan->bytes + block);
    } else {
        char copy[SCAN_BLOCK_SIZE] = { 0 };
        memcpy(copy, scan->bytes + block, left);
        scan->mask = scan_bits(copy, &scan->wanted);
        scan->high = scan_high(copy);
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

/* The next wanted byte behind the last answer of scan_next or of this, which was below `size`; or `size`. */
static inline size_t
scan_next_behind(struct scan *scan, uint64_t *high)
{
    scan->mask &= scan->mask - 1;
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
