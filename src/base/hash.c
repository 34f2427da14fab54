#include "base/hash.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t
hash64(const void *data, size_t size)
{
    return XXH3_64bits(data, size);
}

uint64_t
hash64_seeded(const void *data, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, size, seed);
}

struct hash128
hash128(const void *data, size_t size)
{
    XXH128_hash_t hash = XXH3_128bits(data, size);
    return (struct hash128){ .low = hash.low64, .high = hash.high64 };
}

/* ---- SipHash-2-4 ---- */

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t
rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static uint64_t
load_little(const uint8_t *bytes, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

/* Eight bytes, as one load where the machine's order is that of the numbers. */
static inline uint64_t
load_word(const uint8_t *bytes)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
#else
    return load_little(bytes, 8);
#endif
}

static inline void
sip_rounds(struct sip *sip, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        sip->v0 += sip->v1;
        sip->v1 = rotate(sip->v1, 13) ^ sip->v0;
        sip->v0 = rotate(sip->v0, 32);
        sip->v2 += sip->v3;
        sip->v3 = rotate(sip->v3, 16) ^ sip->v2;
        sip->v0 += sip->v3;
        sip->v3 = rotate(sip->v3, 21) ^ sip->v0;
        sip->v2 += sip->v1;
        sip->v1 = rotate(sip->v1, 17) ^ sip->v2;
        sip->v2 = rotate(sip->v2, 32);
    }
}

static inline void
sip_absorb(struct sip *sip, uint64_t word)
{
    sip->v3 ^= word;
    sip_rounds(sip, 2);
    sip->v0 ^= word;
}

/* Everything but the output; `mark` is what sets the 128-bit variant apart at the start and the end. */
static inline void
sip_digest(struct sip *sip, const struct siphash_key *key, const uint8_t *bytes, size_t size, bool is_128)
{
    uint64_t k0 = load_word(key->bytes);
    uint64_t k1 = load_word(key->bytes + 8);
    sip->v0     = k0 ^ UINT64_C(0x736f6d6570736575);
    sip->v1     = k1 ^ UINT64_C(0x646f72616e646f6d) ^ (is_128 ? 0xee : 0);
    sip->v2     = k0 ^ UINT64_C(0x6c7967656e657261);
    sip->v3     = k1 ^ UINT64_C(0x7465646279746573);

    size_t whole = size & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8)
        sip_absorb(sip, load_word(bytes + i));
    uint64_t last = (uint64_t)size << 56;
    if (size > whole)
        last |= load_little(bytes + whole, size - whole);
    sip_absorb(sip, last);
    sip->v2 ^= is_128 ? 0xee : 0xff;
    sip_rounds(sip, 4);
}

static uint64_t
sip_output(const struct sip *sip)
{
    return sip->v0 ^ sip->v1 ^ sip->v2 ^ sip->v3;
}

uint64_t
siphash64(const struct siphash_key *key, const void *data, size_t size)
{
    struct sip sip;
    sip_digest(&sip, key, data, size, false);
    return sip_output(&sip);
}

struct hash128
siphash128(const struct siphash_key *key, const void *data, size_t size)
{
    struct sip     sip;
    struct hash128 hash;
    sip_digest(&sip, key, data, size, true);
    hash.low = sip_output(&sip);
    sip.v1 ^= 0xdd;
    sip_rounds(&sip, 4);
    hash.high = sip_output(&sip);
    return hash;
}

/* ---- Hex ---- */

static const char DIGITS[] = "0123456789abcdef";

void
hex_encode(const void *data, size_t size, char *out)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) {
        out[2 * i]     = DIGITS[bytes[i] >> 4];
        out[2 * i + 1] = DIGITS[bytes[i] & 15];
    }
    out[2 * size] = '\0';
}

static int
hex_value(char digit)
{
    if (ascii_is_digit(digit))
        return digit - '0';
    digit = ascii_to_lower(digit);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool
hex_decode(struct str text, void *out, size_t size)
{
    uint8_t *bytes = out;
    if (text.size % 2 != 0 || text.size / 2 != size)
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = hex_value(text.data[2 * i]);
        int low  = hex_value(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static uint64_t
load_big(const uint8_t bytes[8])
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        value = value << 8 | bytes[i];
    return value;
}

void
hash128_print(struct hash128 value, char out[HASH128_TEXT_SIZE])
{
    for (unsigned i = 0; i < 16; i++) {
        out[i]      = DIGITS[value.high >> (60 - 4 * i) & 15];
        out[16 + i] = DIGITS[value.low >> (60 - 4 * i) & 15];
    }
    out[HASH128_TEXT_SIZE - 1] = '\0';
}

bool
hash128_parse(struct str text, struct hash128 *ret_value)
{
    uint8_t bytes[16];
    if (!hex_decode(text, bytes, sizeof bytes))
        return false;
    *ret_value = (struct hash128){ .high = load_big(bytes), .low = load_big(bytes + 8) };
    return true;
}
