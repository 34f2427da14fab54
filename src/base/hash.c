#include "base/hash.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/word.h"

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

static inline void
sip_round(struct sip *sip)
{
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

/* Written out: at -O2 the compiler leaves a loop of two or four a loop. */
static inline void
sip_two_rounds(struct sip *sip)
{
    sip_round(sip);
    sip_round(sip);
}

static inline void
sip_absorb(struct sip *sip, uint64_t word)
{
    sip->v3 ^= word;
    sip_two_rounds(sip);
    sip->v0 ^= word;
}

/* The bytes behind the last whole word, in the low bytes of a word. */
static inline uint64_t
load_rest(const uint8_t *bytes, size_t size)
{
    const size_t rest = size % 8;
    uint64_t     word = 0;
    if (rest == 0)
        return 0;
    if (size < 8)
        for (size_t i = 0; i < rest; i++)
            word |= (uint64_t)bytes[i] << (8 * i);
    else
        word = word_load(bytes + size - 8) >> (64 - 8 * rest);
    return word;
}

/* Everything but the output. `is_128` sets the variant with 128 bits apart at the start and the end. The state is a value, so
 * that it stays in registers. */
static inline struct sip
sip_digest(const struct siphash_key *key, const uint8_t *bytes, size_t size, bool is_128)
{
    uint64_t   k0  = word_load(key->bytes);
    uint64_t   k1  = word_load(key->bytes + 8);
    struct sip sip = { k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d) ^ (is_128 ? 0xee : 0),
                       k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573) };

    for (size_t i = 0; i + 8 <= size; i += 8)
        sip_absorb(&sip, word_load(bytes + i));
    sip_absorb(&sip, (uint64_t)size << 56 | load_rest(bytes, size));
    sip.v2 ^= is_128 ? 0xee : 0xff;
    sip_two_rounds(&sip);
    sip_two_rounds(&sip);
    return sip;
}

static uint64_t
sip_output(const struct sip *sip)
{
    return sip->v0 ^ sip->v1 ^ sip->v2 ^ sip->v3;
}

uint64_t
siphash64(const struct siphash_key *key, const void *data, size_t size)
{
    struct sip sip = sip_digest(key, data, size, false);
    return sip_output(&sip);
}

struct hash128
siphash128(const struct siphash_key *key, const void *data, size_t size)
{
    struct sip     sip  = sip_digest(key, data, size, true);
    struct hash128 hash = { .low = sip_output(&sip) };
    sip.v1 ^= 0xdd;
    sip_two_rounds(&sip);
    sip_two_rounds(&sip);
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

/* Eight hexadecimal digits of a number in the bytes of a word, the lowest digit in the lowest byte. */
static inline uint64_t
hex_of(uint32_t value)
{
    uint64_t nibbles = value;
    nibbles = (nibbles << 16 | nibbles) & UINT64_C(0x0000ffff0000ffff);
    nibbles = (nibbles << 8 | nibbles) & UINT64_C(0x00ff00ff00ff00ff);
    nibbles = (nibbles << 4 | nibbles) & WORD_OF(0x0f);
    /* 1 in each byte above 9: those are letters. */
    const uint64_t letters = (nibbles + WORD_OF(6)) >> 4 & WORD_OF(1);
    return nibbles + WORD_OF('0') + letters * ('a' - '0' - 10);
}

void
hash128_print(struct hash128 value, char out[HASH128_TEXT_SIZE])
{
    word_store(out, word_swap(hex_of((uint32_t)(value.high >> 32))));
    word_store(out + 8, word_swap(hex_of((uint32_t)value.high)));
    word_store(out + 16, word_swap(hex_of((uint32_t)(value.low >> 32))));
    word_store(out + 24, word_swap(hex_of((uint32_t)value.low)));
    out[HASH128_TEXT_SIZE - 1] = '\0';
}

/* The reverse. 0x80 in each byte of *ret_valid that is a digit, of either case. Sums of a byte below 0x80 and one below 0x51 stay in it. */
static inline uint64_t
hex_from(uint64_t digits, uint64_t *ret_valid)
{
    const uint64_t plain   = digits & ~WORD_OF(0x80), lower = plain | WORD_OF(0x20);
    const uint64_t numbers = (plain + WORD_OF(0x80 - '0')) & ~(plain + WORD_OF(0x80 - '9' - 1));
    const uint64_t letters = (lower + WORD_OF(0x80 - 'a')) & ~(lower + WORD_OF(0x80 - 'f' - 1)) & WORD_OF(0x80);

    *ret_valid       = (numbers | letters) & ~digits & WORD_OF(0x80);
    uint64_t nibbles = (plain & WORD_OF(0x0f)) + (letters >> 7) * 9;
    nibbles          = (nibbles >> 4 | nibbles) & UINT64_C(0x00ff00ff00ff00ff);
    nibbles          = (nibbles >> 8 | nibbles) & UINT64_C(0x0000ffff0000ffff);
    return (nibbles >> 16 | nibbles) & UINT64_C(0xffffffff);
}

bool
hash128_parse(struct str text, struct hash128 *ret_value)
{
    uint64_t parts[4], valid[4];

    if (text.size != HASH128_TEXT_SIZE - 1)
        return false;
    for (int i = 0; i < 4; i++)
        parts[i] = hex_from(word_swap(word_load(text.data + 8 * (size_t)i)), &valid[i]);
    if ((valid[0] & valid[1] & valid[2] & valid[3]) != WORD_OF(0x80))
        return false;
    *ret_value = (struct hash128){ .high = parts[0] << 32 | parts[1], .low = parts[2] << 32 | parts[3] };
    return true;
}
