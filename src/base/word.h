/* Eight bytes as one number, the first byte the lowest, on any machine: for code that works on eight bytes of a text at once.
 * Written with memcpy, which compilers make one load or store of at any address. */
#ifndef HEDDLE_BASE_WORD_H
#define HEDDLE_BASE_WORD_H

#include <stdint.h>
#include <string.h>

/* A byte in all eight places. */
#define WORD_OF(BYTE) (UINT64_C(0x0101010101010101) * (BYTE))

static inline uint64_t
word_swap(uint64_t word)
{
    return __builtin_bswap64(word);
}

static inline uint64_t
word_load(const void *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? word : word_swap(word);
}

static inline void
word_store(void *bytes, uint64_t word)
{
    if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
        word = word_swap(word);
    memcpy(bytes, &word, sizeof word);
}

#endif
