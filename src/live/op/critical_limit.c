#include "live/op/critical_limit.h"

#include "base/time.h"

/* Full years; below 0 before birth, which only a wrong clock or birth date gives: then it is a newborn. */
static int32_t
age_years(int32_t birth, int64_t at_us)
{
    int32_t  birth_year, at_year;
    unsigned birth_month, birth_day, at_month, at_day;
    date_to_civil(birth, &birth_year, &birth_month, &birth_day);
    date_to_civil(time_to_date(at_us), &at_year, &at_month, &at_day);
    int32_t years = at_year - birth_year - (at_month * 32 + at_day < birth_month * 32 + birth_day);
    return years < 0 ? 0 : years;
}

static bool
is_of_age(const struct rule_limit *limit, const struct chunk *chunk, uint32_t row)
{
    if (event_is_null(chunk, EVENT_BIRTH_DATE, row))
        return true;
    int32_t years = age_years(((const int32_t *)chunk->columns[EVENT_BIRTH_DATE].data)[row], event_int64(chunk, EVENT_EFFECTIVE_TIME, row));
    return years >= limit->age_min_years && (limit->age_max_years == 0 || years < limit->age_max_years);
}

/* "<5" stands for all numbers below 5, "<=5" for 5 too. */
static bool
is_beyond(const struct rule_limit *limit, int64_t value, struct str comparator)
{
    char first       = comparator.size > 0 ? comparator.data[0] : '\0';
    bool is_exact    = first != '<' && first != '>';
    bool is_open     = !is_exact && comparator.size == 1; /* The number itself is not meant. */
    bool is_below    = limit->has_low && first != '>' && (value < limit->low || (is_open && value == limit->low));
    bool is_above    = limit->has_high && first != '<' && (value > limit->high || (is_open && value == limit->high));
    return is_below || is_above;
}

static bool
applies(const struct rule_limit *limit, const struct chunk *chunk, uint32_t row)
{
    return str_equal(str_from(limit->code), event_text(chunk, EVENT_CODE, row))
           && str_equal(str_from(limit->unit), event_text(chunk, EVENT_UNIT, row)) && is_of_age(limit, chunk, row)
           && is_beyond(limit, event_int64(chunk, EVENT_VALUE, row), event_text(chunk, EVENT_COMPARATOR, row));
}

static bool
is_flagged(const struct rule_pack *pack, struct str flag)
{
    for (uint32_t i = 0; i < pack->laboratory_flag_count; i++)
        if (str_equal(str_from(pack->laboratory_flags[i]), flag))
            return true;
    return false;
}

struct critical_cause
critical_cause(const struct rule_pack *pack, const struct chunk *chunk, uint32_t row)
{
    struct critical_cause cause = { .is_flagged = is_flagged(pack, event_text(chunk, EVENT_FLAG, row)) };
    for (uint32_t i = 0; i < pack->limit_count && !event_is_null(chunk, EVENT_VALUE, row); i++)
        if ((cause.limit == NULL || pack->limits[i].severity > cause.limit->severity) && applies(&pack->limits[i], chunk, row))
            cause.limit = &pack->limits[i];
    if (cause.is_flagged)
        cause.severity = pack->severity;
    if (cause.limit != NULL && (!cause.is_flagged || cause.limit->severity > cause.severity))
        cause.severity = cause.limit->severity;
    return cause;
}
