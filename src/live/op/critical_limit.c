#include "live/op/critical_limit.h"

#include "base/memory.h"
#include "live/op/rule.h"

static void
set_text(struct text *to, const char *from)
{
    struct str text = str_from(from);
    text_set(to, text.data, text.size);
}

enum status
critical_limits_init(struct critical_limits *limits, const struct rule_pack *pack, struct error *err)
{
    limits->pack  = pack;
    limits->codes = memory_alloc_array(pack->limit_count + 1, sizeof(*limits->codes));
    limits->units = memory_alloc_array(pack->limit_count + 1, sizeof(*limits->units));
    limits->flags = memory_alloc_array(pack->laboratory_flag_count + 1, sizeof(*limits->flags));
    if (limits->codes == NULL || limits->units == NULL || limits->flags == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < pack->limit_count; i++) {
        set_text(&limits->codes[i], pack->limits[i].code);
        set_text(&limits->units[i], pack->limits[i].unit);
    }
    for (uint32_t i = 0; i < pack->laboratory_flag_count; i++)
        set_text(&limits->flags[i], pack->laboratory_flags[i]);
    return ST_OK;
}

void
critical_limits_release(struct critical_limits *limits)
{
    memory_free(limits->codes);
    memory_free(limits->units);
    memory_free(limits->flags);
    *limits = (struct critical_limits){ 0 };
}

static bool
is_of_age(const struct rule_limit *limit, const struct chunk *chunk, uint32_t row)
{
    int32_t years;
    return !rule_age_years(chunk, row, &years) || (years >= limit->age_min_years && (limit->age_max_years == 0 || years < limit->age_max_years));
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

/* The row's text; an empty one where it is null. */
static const struct text *
text_of(const struct chunk *chunk, enum event_column column, uint32_t row)
{
    static const struct text empty;
    return event_is_null(chunk, column, row) ? &empty : &((const struct text *)chunk->columns[column].data)[row];
}

static bool
is_flagged(const struct critical_limits *limits, const struct text *flag)
{
    for (uint32_t i = 0; i < limits->pack->laboratory_flag_count; i++)
        if (text_equal(&limits->flags[i], flag))
            return true;
    return false;
}

/* The most severe limit of the code that the value is beyond, the first of them; NULL: none. */
static const struct rule_limit *
limit_of(const struct critical_limits *limits, const struct chunk *chunk, uint32_t row)
{
    const struct text       *code  = text_of(chunk, EVENT_CODE, row), *unit = text_of(chunk, EVENT_UNIT, row);
    const struct rule_limit *found = NULL;
    if (event_is_null(chunk, EVENT_VALUE, row))
        return NULL;
    for (uint32_t i = 0, count = limits->pack->limit_count; i < count; i++) {
        const struct rule_limit *limit = &limits->pack->limits[i];
        /* The age last: it takes a calendar. */
        if (text_equal(&limits->codes[i], code) && (found == NULL || limit->severity > found->severity)
            && text_equal(&limits->units[i], unit)
            && is_beyond(limit, event_int64(chunk, EVENT_VALUE, row), event_text(chunk, EVENT_COMPARATOR, row)) && is_of_age(limit, chunk, row))
            found = limit;
    }
    return found;
}

/* Below a haemolysed specimen's own limit the number may come from burst cells. A bound (">6.5") may stand for what is above it. */
static enum severity
severity_of(const struct rule_limit *limit, bool is_haemolysed, const struct chunk *chunk, uint32_t row)
{
    const int64_t value = event_int64(chunk, EVENT_VALUE, row);
    return is_haemolysed && limit->has_haemolysed && value > limit->high && value <= limit->haemolysed_high
                   && event_text(chunk, EVENT_COMPARATOR, row).size == 0
               ? limit->haemolysed_severity
               : limit->severity;
}

struct critical_cause
critical_cause(const struct critical_limits *limits, const struct chunk *chunk, uint32_t row)
{
    struct critical_cause cause = { .limit      = limit_of(limits, chunk, row),
                                    .is_flagged = is_flagged(limits, text_of(chunk, EVENT_FLAG, row)) };
    if (cause.limit == NULL && !cause.is_flagged)
        return cause;
    cause.is_haemolysed = rule_is_haemolysed(chunk, row);
    if (cause.is_flagged)
        cause.severity = limits->pack->severity;
    if (cause.limit != NULL) {
        const enum severity severity = severity_of(cause.limit, cause.is_haemolysed, chunk, row);
        cause.severity               = !cause.is_flagged || severity > cause.severity ? severity : cause.severity;
    }
    return cause;
}

const struct rule_limit *
critical_limit_of_haemolysis(const struct critical_limits *limits, struct str code)
{
    for (uint32_t i = 0; i < limits->pack->limit_count; i++)
        if (limits->pack->limits[i].has_haemolysed && str_equal(str_from(limits->pack->limits[i].code), code))
            return &limits->pack->limits[i];
    return NULL;
}
