#include "base/check.h"
#include "base/time.h"
#include "base/zone_int.h"

struct reader {
    struct str text;
    size_t     at;
};

static bool
next_is(struct reader *reader, char wanted)
{
    if (reader->at == reader->text.size || reader->text.data[reader->at] != wanted)
        return false;
    reader->at++;
    return true;
}

static bool
read_number(struct reader *reader, unsigned max, unsigned *ret_value)
{
    size_t   start = reader->at;
    unsigned value = 0;
    while (reader->at < reader->text.size && ascii_is_digit(reader->text.data[reader->at]) && value <= max)
        value = value * 10 + (unsigned)(reader->text.data[reader->at++] - '0');
    *ret_value = value;
    return reader->at > start && value <= max;
}

/* "EST" or "<-03>"; what it says is not needed. */
static bool
skip_name(struct reader *reader)
{
    size_t start = reader->at;
    if (next_is(reader, '<')) {
        while (reader->at < reader->text.size && reader->text.data[reader->at] != '>')
            reader->at++;
        return next_is(reader, '>');
    }
    while (reader->at < reader->text.size && ascii_is_letter(reader->text.data[reader->at]))
        reader->at++;
    return reader->at - start >= 3;
}

/* [+-] hh [:mm [:ss]] */
static bool
read_time(struct reader *reader, unsigned hours_max, int32_t *ret_seconds)
{
    unsigned hours;
    unsigned minutes     = 0;
    unsigned seconds     = 0;
    bool     is_negative = next_is(reader, '-');
    if (!is_negative)
        next_is(reader, '+');
    if (!read_number(reader, hours_max, &hours))
        return false;
    if (next_is(reader, ':')) {
        if (!read_number(reader, 59, &minutes))
            return false;
        if (next_is(reader, ':') && !read_number(reader, 59, &seconds))
            return false;
    }
    int32_t total = (int32_t)(hours * 3600 + minutes * 60 + seconds);
    *ret_seconds  = is_negative ? -total : total;
    return true;
}

static bool
read_month_day(struct reader *reader, struct zone_day *day)
{
    unsigned month;
    unsigned week;
    unsigned weekday;
    if (!read_number(reader, 12, &month) || !next_is(reader, '.') || !read_number(reader, 5, &week) ||
        !next_is(reader, '.') || !read_number(reader, 6, &weekday) || month == 0 || week == 0)
        return false;
    day->kind  = ZONE_DAY_OF_MONTH;
    day->month = (uint8_t)month;
    day->week  = (uint8_t)week;
    day->day   = (uint16_t)weekday;
    return true;
}

static bool
read_day(struct reader *reader, struct zone_day *day)
{
    unsigned number;
    if (!next_is(reader, ','))
        return false;
    if (next_is(reader, 'M')) {
        if (!read_month_day(reader, day))
            return false;
    } else {
        bool is_julian = next_is(reader, 'J');
        if (!read_number(reader, 365, &number) || (is_julian && number == 0))
            return false;
        day->kind = is_julian ? ZONE_DAY_JULIAN : ZONE_DAY_OF_YEAR;
        day->day  = (uint16_t)number;
    }
    day->time_s = 2 * 3600;
    return !next_is(reader, '/') || read_time(reader, 167, &day->time_s);
}

bool
zone_rule_parse(struct str text, struct zone_rule *ret_rule)
{
    struct reader    reader = { .text = text };
    struct zone_rule rule   = { 0 };
    int32_t          west_s;
    if (!skip_name(&reader) || !read_time(&reader, 24, &west_s))
        return false;
    rule.standard_s = -west_s;
    if (reader.at < text.size) {
        rule.has_summer = true;
        rule.summer_s   = rule.standard_s + 3600;
        if (!skip_name(&reader))
            return false;
        if (reader.at < text.size && text.data[reader.at] != ',') {
            if (!read_time(&reader, 24, &west_s))
                return false;
            rule.summer_s = -west_s;
        }
        if (!read_day(&reader, &rule.summer_begin) || !read_day(&reader, &rule.summer_end))
            return false;
    }
    if (reader.at != text.size)
        return false;
    *ret_rule = rule;
    return true;
}

static int32_t
day_in_year(const struct zone_day *day, int32_t year)
{
    int32_t first = date_from_civil(year, 1, 1);
    if (day->kind == ZONE_DAY_OF_YEAR)
        return first + day->day;
    if (day->kind == ZONE_DAY_JULIAN)
        return first + day->day - 1 + (day->day > 59 && date_days_in_month(year, 2) == 29 ? 1 : 0);

    int32_t  month_begin   = date_from_civil(year, day->month, 1);
    unsigned first_weekday = date_weekday(month_begin) % 7; /* 0 = Sunday */
    unsigned day_of_month  = 1 + (day->day + 7u - first_weekday) % 7 + 7u * (day->week - 1u);
    while (day_of_month > date_days_in_month(year, day->month))
        day_of_month -= 7;
    return month_begin + (int32_t)day_of_month - 1;
}

void
zone_rule_changes(const struct zone_rule *rule, int32_t year, struct zone_change ret_changes[2])
{
    CHECK(rule->has_summer);
    struct zone_change begin = { .before_s = rule->standard_s, .after_s = rule->summer_s };
    struct zone_change end   = { .before_s = rule->summer_s, .after_s = rule->standard_s };
    begin.time_s = day_in_year(&rule->summer_begin, year) * INT64_C(86400) + rule->summer_begin.time_s - begin.before_s;
    end.time_s   = day_in_year(&rule->summer_end, year) * INT64_C(86400) + rule->summer_end.time_s - end.before_s;
    bool is_north  = begin.time_s <= end.time_s;
    ret_changes[0] = is_north ? begin : end;
    ret_changes[1] = is_north ? end : begin;
}
