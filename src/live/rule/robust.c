#include "live/rule/robust.h"

#include "base/check.h"
#include "base/int128.h"

/* 1.4826 and 1.253314 as fractions. */
#define MAD_FACTOR  14826
#define MAD_ONE     10000
#define MEAN_FACTOR 1253314
#define MEAN_ONE    1000000
#define MILLION     1000000

/* The value at a rank from 0 on. */
static int64_t
value_at(const struct robust_value *values, size_t value_count, int64_t rank)
{
    size_t i = 0;
    while (i + 1 < value_count && rank >= values[i].count)
        rank -= values[i++].count;
    return values[i].value;
}

/* Deviations ascending: from the median outwards to both sides, the nearer one next. */
struct outwards {
    const struct robust_value *values;
    size_t                     value_count;
    size_t                     below, above; /* values[below - 1] and values[above] are next. */
    int64_t                    median2;
};

static int64_t
next_deviation(struct outwards *walk, uint32_t *ret_count)
{
    const int64_t below = walk->below > 0 ? walk->median2 - 2 * (int64_t)walk->values[walk->below - 1].value : INT64_MAX;
    const int64_t above = walk->above < walk->value_count ? 2 * (int64_t)walk->values[walk->above].value - walk->median2 : INT64_MAX;
    CHECK(walk->below > 0 || walk->above < walk->value_count);
    if (below <= above) {
        *ret_count = walk->values[--walk->below].count;
        return below;
    }
    *ret_count = walk->values[walk->above++].count;
    return above;
}

void
robust_of(const struct robust_value *values, size_t value_count, struct robust *ret_robust)
{
    struct robust robust = { .count = 0 };
    for (size_t i = 0; i < value_count; i++)
        robust.count += values[i].count;
    *ret_robust = robust;
    if (robust.count == 0)
        return;
    const int64_t low = (robust.count - 1) / 2, high = robust.count / 2;
    robust.median2       = value_at(values, value_count, low) + value_at(values, value_count, high);
    struct outwards walk = { .values = values, .value_count = value_count, .median2 = robust.median2 };
    while (walk.below < value_count && 2 * (int64_t)values[walk.below].value <= robust.median2)
        walk.below++;
    walk.above = walk.below;
    for (int64_t seen = 0; seen < robust.count;) {
        uint32_t      count;
        const int64_t deviation2 = next_deviation(&walk, &count);
        robust.deviations2 += deviation2 * count;
        robust.mad4 += (seen <= low && low < seen + count ? deviation2 : 0) + (seen <= high && high < seen + count ? deviation2 : 0);
        seen += count;
    }
    *ret_robust = robust;
}

/* z · limit as numerator / denominator: x reaches the limit where (2x − median2) · denominator >= limit · numerator. */
struct scale {
    int128 numerator;
    int128 denominator;
};

static struct scale
scale_of(const struct robust *robust)
{
    if (robust->mad4 > 0)
        return (struct scale){ (int128)MAD_FACTOR * robust->mad4, (int128)2 * MAD_ONE };
    return (struct scale){ (int128)MEAN_FACTOR * robust->deviations2, (int128)robust->count * MEAN_ONE };
}

bool
robust_reaches(const struct robust *robust, uint32_t x, int64_t limit)
{
    const struct scale scale = scale_of(robust);
    const int64_t      above = 2 * (int64_t)x - robust->median2;
    return robust->count > 0 && above > 0 && above * scale.denominator * MILLION >= limit * scale.numerator;
}

int64_t
robust_least(const struct robust *robust, int64_t limit)
{
    const struct scale scale = scale_of(robust);
    const int64_t      above = robust->median2 / 2 + 1;
    if (robust->count == 0)
        return INT64_MAX;
    const int128 denominator = 2 * scale.denominator * MILLION;
    const int128 numerator   = robust->median2 * scale.denominator * MILLION + limit * scale.numerator;
    const int128 least       = (numerator + denominator - 1) / denominator;
    return least > above ? (int64_t)least : above;
}

int64_t
robust_least_times(const struct robust *robust, int64_t times)
{
    return (int64_t)(((int128)times * robust->median2 + 2 * MILLION - 1) / (2 * MILLION));
}

int64_t
robust_spread(const struct robust *robust)
{
    const struct scale scale = scale_of(robust);
    return robust->count == 0 ? 0 : (int64_t)(scale.numerator * 10000 / (2 * scale.denominator));
}

int64_t
robust_z(const struct robust *robust, uint32_t x)
{
    const struct scale scale = scale_of(robust);
    const int64_t      above = 2 * (int64_t)x - robust->median2;
    if (robust->count == 0 || above == 0)
        return 0;
    if (scale.numerator == 0)
        return above > 0 ? INT64_MAX : INT64_MIN;
    int128 z = above * scale.denominator * 1000 / scale.numerator;
    if (above < 0 && z * scale.numerator != above * scale.denominator * 1000)
        z--;
    return (int64_t)z;
}
