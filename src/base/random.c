#include "base/random.h"

#include <string.h>

#include "base/check.h"
#include "base/int128.h"

static uint64_t
splitmix64(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t value = *state;
    value          = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value          = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

void
random_init(struct random *random, uint64_t seed)
{
    for (size_t i = 0; i < 4; i++)
        random->state[i] = splitmix64(&seed);
}

void
random_init_stream(struct random *random, uint64_t seed, uint64_t stream)
{
    uint64_t mixed = splitmix64(&seed) ^ (stream + 1) * UINT64_C(0xd1342543de82ef95);
    random_init(random, splitmix64(&mixed));
}

static uint64_t
rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

uint64_t
random_next(struct random *random)
{
    uint64_t *s      = random->state;
    uint64_t  result = rotate(s[0] + s[3], 23) + s[0];
    uint64_t  t      = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t
random_below(struct random *random, uint64_t bound)
{
    CHECK(bound > 0);
    uint128  product = (uint128)random_next(random) * bound;
    uint64_t low     = (uint64_t)product;
    if (low < bound) {
        /* 2^64 mod bound: so many low parts would come up once too often. */
        uint64_t threshold = (0 - bound) % bound;
        while (low < threshold) {
            product = (uint128)random_next(random) * bound;
            low     = (uint64_t)product;
        }
    }
    return (uint64_t)(product >> 64);
}

int64_t
random_between(struct random *random, int64_t low, int64_t high)
{
    CHECK(low <= high);
    uint64_t span = (uint64_t)high - (uint64_t)low;
    uint64_t step = span == UINT64_MAX ? random_next(random) : random_below(random, span + 1);
    return (int64_t)((uint64_t)low + step);
}

double
random_real(struct random *random)
{
    return (double)(random_next(random) >> 11) * 0x1p-53;
}

bool
random_chance(struct random *random, double probability)
{
    return random_real(random) < probability;
}

/* The natural logarithm of x in (0, 1], from operations that every machine rounds alike. libm's own differs in the last
 * bit between versions and processors. x = m * 2^e with m in [sqrt(1/2), sqrt(2)), ln m = 2 artanh((m-1)/(m+1)); with
 * |t| < 0.172 twelve terms leave an error below 1e-19. */
static double
exact_log(double x)
{
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52) - 1023;
    bits         = (bits & INT64_C(0x000fffffffffffff)) | INT64_C(0x3ff0000000000000);
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        exponent++;
    }
    double t   = (m - 1.0) / (m + 1.0);
    double t2  = t * t;
    double sum = 0.0;
    for (int k = 23; k >= 1; k -= 2)
        sum = sum * t2 + 1.0 / k;
    return 2.0 * t * sum + exponent * 0.6931471805599453;
}

/* By Newton's method from above, until it no longer falls: again only exactly rounded operations. x in (0, 2^1000). */
static double
exact_sqrt(double x)
{
    double root = x > 1.0 ? x : 1.0;
    for (;;) {
        double next = 0.5 * (root + x / root);
        if (!(next < root))
            return root;
        root = next;
    }
}

/* 0 < x <= 1 */
static double
random_positive(struct random *random)
{
    return 1.0 - random_real(random);
}

double
random_normal(struct random *random, double mean, double deviation)
{
    for (;;) {
        double x = 2.0 * random_real(random) - 1.0;
        double y = 2.0 * random_real(random) - 1.0;
        double s = x * x + y * y;
        /* The second number that the method gives is dropped, so that a draw depends on nothing before it. */
        if (s > 0.0 && s < 1.0)
            return mean + deviation * x * exact_sqrt(-2.0 * exact_log(s) / s);
    }
}

double
random_exponential(struct random *random, double mean)
{
    return -mean * exact_log(random_positive(random));
}

size_t
random_weighted(struct random *random, const double *weights, size_t count)
{
    double total = 0.0;
    for (size_t i = 0; i < count; i++)
        total += weights[i];
    CHECK(total > 0.0);
    double at   = random_real(random) * total;
    size_t last = 0;
    for (size_t i = 0; i < count; i++) {
        if (weights[i] <= 0.0)
            continue;
        if (at < weights[i])
            return i;
        at -= weights[i];
        last = i;
    }
    /* Rounding has carried `at` past the end. */
    return last;
}

void
random_shuffle(struct random *random, void *items, size_t count, size_t item_size_bytes)
{
    char  swap[256];
    char *bytes = items;
    CHECK(item_size_bytes <= sizeof swap);
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)random_below(random, i);
        if (j == i - 1)
            continue;
        memcpy(swap, bytes + j * item_size_bytes, item_size_bytes);
        memcpy(bytes + j * item_size_bytes, bytes + (i - 1) * item_size_bytes, item_size_bytes);
        memcpy(bytes + (i - 1) * item_size_bytes, swap, item_size_bytes);
    }
}
