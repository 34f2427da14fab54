/* Times of HL7 v2, FHIR, JSON and CSV to instants. */
#include "health/time.h"

#include "base/zone.h"
#include "health/kernels_int.h"
#include "io/zone_file.h"

/* Two digits at `*position`, within [min, max]; moves behind them. */
static bool
take_two(struct str text, size_t *position, unsigned min, unsigned max, unsigned *ret_value)
{
    if (*position + 2 > text.size || !ascii_is_digit(text.data[*position]) || !ascii_is_digit(text.data[*position + 1]))
        return false;
    unsigned value = (unsigned)(text.data[*position] - '0') * 10 + (unsigned)(text.data[*position + 1] - '0');
    if (value < min || value > max)
        return false;
    *position += 2;
    *ret_value = value;
    return true;
}

static bool
at_digit(struct str text, size_t position)
{
    return position < text.size && ascii_is_digit(text.data[position]);
}

/* Digits behind the point; more than six are cut off, none is refused. */
static bool
take_fraction(struct str text, size_t *position, uint32_t *ret_microsecond)
{
    uint32_t value = 0;
    uint32_t place = 100000;
    if (!at_digit(text, *position))
        return false;
    for (; at_digit(text, *position); (*position)++) {
        value += place * (uint32_t)(text.data[*position] - '0');
        place /= 10;
    }
    *ret_microsecond = value;
    return true;
}

/* +ZZZZ or -ZZZZ at the end, at most 14 hours either way. */
static bool
take_offset(struct str text, size_t *position, int32_t *ret_offset_s)
{
    bool     is_west = text.data[*position] == '-';
    unsigned hours;
    unsigned minutes;
    (*position)++;
    if (!take_two(text, position, 0, 14, &hours) || !take_two(text, position, 0, 59, &minutes) ||
        hours * 60 + minutes > 14 * 60)
        return false;
    int32_t offset_s = (int32_t)(hours * 3600 + minutes * 60);
    *ret_offset_s    = is_west ? -offset_s : offset_s;
    return true;
}

/* MM[DD[HH[MM[SS]]]] behind the year, as far as there are digits. */
static bool
take_civil(struct str text, size_t *position, struct civil *civil, enum time_precision *ret_precision)
{
    unsigned values[5] = { 1, 1, 0, 0, 0 };
    static const unsigned LIMITS[5][2] = { { 1, 12 }, { 1, 31 }, { 0, 23 }, { 0, 59 }, { 0, 60 } };
    unsigned count = 0;
    for (; count < 5 && at_digit(text, *position); count++)
        if (!take_two(text, position, LIMITS[count][0], LIMITS[count][1], &values[count]))
            return false;
    civil->month   = (uint8_t)values[0];
    civil->day     = (uint8_t)values[1];
    civil->hour    = (uint8_t)values[2];
    civil->minute  = (uint8_t)values[3];
    civil->second  = (uint8_t)values[4];
    *ret_precision = (enum time_precision)(TIME_YEAR + (int)count);
    return true;
}

bool
time_parse_hl7(struct str text, struct time_text *ret_parsed)
{
    struct civil     civil  = { .month = 1, .day = 1 };
    struct time_text parsed = { .has_offset = false };
    size_t           position = 0;
    for (; position < 4; position++) {
        if (!at_digit(text, position))
            return false;
        civil.year = civil.year * 10 + (text.data[position] - '0');
    }
    if (!take_civil(text, &position, &civil, &parsed.precision))
        return false;
    if (parsed.precision == TIME_SECOND && position < text.size && text.data[position] == '.') {
        position++;
        if (!take_fraction(text, &position, &civil.microsecond))
            return false;
        parsed.precision = TIME_FRACTION;
    }
    if (position < text.size && (text.data[position] == '+' || text.data[position] == '-')) {
        if (!take_offset(text, &position, &parsed.offset_s))
            return false;
        parsed.has_offset = true;
    }
    /* A second of 60 is the next minute's first, as POSIX time counts. */
    bool is_leap = civil.second == 60;
    if (is_leap)
        civil.second = 59;
    if (position != text.size || !date_is_valid(civil.year, civil.month, civil.day) ||
        !time_from_civil(&civil, &parsed.local_us))
        return false;
    if (is_leap)
        parsed.local_us += US_PER_SECOND;
    *ret_parsed = parsed;
    return true;
}

bool
time_parse_any(struct str text, struct time_text *ret_parsed)
{
    return time_parse(text, ret_parsed) || time_parse_hl7(text, ret_parsed);
}

bool
time_to_instant(const struct time_text *parsed, const struct zone *zone, int64_t *ret_time_us)
{
    if (parsed->has_offset)
        *ret_time_us = parsed->local_us - (int64_t)parsed->offset_s * US_PER_SECOND;
    else if (zone != NULL)
        *ret_time_us = zone_to_utc(zone, parsed->local_us, NULL);
    else
        return false;
    return true;
}

enum status
bind_to_timestamp(const struct vector *constants, uint32_t argument_count, void **ret_bound, struct error *err)
{
    *ret_bound = NULL;
    if (argument_count < 2 || constants[1].data == NULL || !vector_is_valid(&constants[1], 0))
        return ST_OK;
    const struct zone *zone;
    if (zone_hold(io_system(), vector_str(&constants[1], 0), &zone, err) != ST_OK)
        return ST_ERROR;
    *ret_bound = (void *)(uintptr_t)zone; /* Read only by the kernel; dropped below. */
    return ST_OK;
}

void
unbind_to_timestamp(void *bound)
{
    zone_drop(bound);
}

KERNEL(to_timestamp)
{
    (void)argument_count;
    const struct zone *zone = context->bound;
    for (uint32_t row = 0; row < row_count; row++) {
        struct time_text parsed;
        int64_t          time_us;
        if (!vector_is_valid(&args[0], row) || !time_parse_any(vector_str(&args[0], row), &parsed) ||
            !time_to_instant(&parsed, zone, &time_us)) {
            vector_out_null(out, row);
            continue;
        }
        vector_out_int64(out, row, time_us);
    }
}

/* The date on the calendar of a zone, which must be a constant. */
KERNEL(local_date)
{
    (void)argument_count;
    const struct zone *zone = context->bound;
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vector_is_valid(&args[0], row) || zone == NULL)
            vector_out_null(out, row);
        else
            vector_out_date(out, row, time_to_date(zone_to_local(zone, vector_int64(&args[0], row))));
    }
}
