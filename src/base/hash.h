/* Hashes and hex.
 *
 * Three kinds, which must not be mixed up:
 *   hash64, hash128      XXH3: fast, not keyed. For tables in memory, and digests that nobody attacks.
 *   siphash64/128        SipHash-2-4 with a secret key: for ids that nobody may compute from an identifier.
 *   SHA-256, HMAC        cryptographic: io/key.h.
 * The results depend on the bytes alone, not on machine or byte order, and may be stored. */
#ifndef HEDDLE_BASE_HASH_H
#define HEDDLE_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct hash128 {
    uint64_t low;
    uint64_t high;
};

uint64_t       hash64(const void *data, size_t size);
uint64_t       hash64_seeded(const void *data, size_t size, uint64_t seed);
struct hash128 hash128(const void *data, size_t size);

static inline uint64_t
str_hash64(struct str text)
{
    return hash64(text.data, text.size);
}

/* Mixes one integer: every input bit changes about half of the output bits (the finaliser of MurmurHash3, a
 * bijection). For keys that are numbers already. */
static inline uint64_t
hash64_integer(uint64_t value)
{
    value ^= value >> 33;
    value *= UINT64_C(0xff51afd7ed558ccd);
    value ^= value >> 33;
    value *= UINT64_C(0xc4ceb9fe1a85ec53);
    value ^= value >> 33;
    return value;
}

/* One hash from two, where the order matters: hash64_combine(a, b) is not hash64_combine(b, a). */
static inline uint64_t
hash64_combine(uint64_t first, uint64_t second)
{
    return hash64_integer(first ^ (second + UINT64_C(0x9e3779b97f4a7c15) + (first << 6) + (first >> 2)));
}

/* Sum modulo 2^128: a digest of a set of rows that does not depend on their order (I5). */
static inline void
hash128_add(struct hash128 *sum, struct hash128 value)
{
    sum->low += value.low;
    sum->high += value.high + (sum->low < value.low ? 1u : 0u);
}

static inline void
hash128_subtract(struct hash128 *sum, struct hash128 value)
{
    sum->high -= value.high + (sum->low < value.low ? 1u : 0u);
    sum->low -= value.low;
}

struct siphash_key {
    uint8_t bytes[16];
};

/* SipHash-2-4 (Aumasson and Bernstein, 2012), and its variant with 16 bytes of output (reference implementation,
 * 2014). The 128-bit result's `low` is the first eight output bytes, little-endian. */
uint64_t       siphash64(const struct siphash_key *key, const void *data, size_t size);
struct hash128 siphash128(const struct siphash_key *key, const void *data, size_t size);

/* Lower-case hex of `size` bytes and a NUL: `out` has room for 2 * size + 1. */
void hex_encode(const void *data, size_t size, char *out);
/* The reverse, either case. False where `text` is not exactly 2 * size hex digits; `out` is then undefined. */
bool hex_decode(struct str text, void *out, size_t size);

/* 32 hex digits and a NUL, the highest first: as a number would be written. */
#define HASH128_TEXT_SIZE 33
void hash128_print(struct hash128 value, char out[HASH128_TEXT_SIZE]);
bool hash128_parse(struct str text, struct hash128 *ret_value);

#endif
