#include "base/time.h"

#include <stdio.h>

#include "base/check.h"
#include "base/word.h"

/* ---- Calendar ---- */

/* Years are counted from March, so that the leap day is the last of its year; 400 years (an era) have 146,097 days.
 * 719,468 days lie between 0000-03-01 and 1970-01-01. */
#define DAYS_PER_ERA    146097
#define DAYS_TO_EPOCH   719468

int32_t
date_from_civil(int32_t year, unsigned month, unsigned day)
{
    CHECK(month >= 1 && month <= 12);
    int32_t  y            = year - (month <= 2 ? 1 : 0);
    int32_t  era          = (y >= 0 ? y : y - 399) / 400;
    unsigned year_of_era  = (unsigned)(y - era * 400);
    unsigned day_of_year  = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned day_of_era   = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + (int32_t)day_of_era - DAYS_TO_EPOCH;
}

void
date_to_civil(int32_t days, int32_t *ret_year, unsigned *ret_month, unsigned *ret_day)
{
    int64_t  shifted     = (int64_t)days + DAYS_TO_EPOCH;
    int64_t  era         = (shifted >= 0 ? shifted : shifted - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    unsigned day_of_era  = (unsigned)(shifted - era * DAYS_PER_ERA);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month_index = (5 * day_of_year + 2) / 153; /* 0 = March */
    *ret_day             = day_of_year - (153 * month_index + 2) / 5 + 1;
    *ret_month           = month_index < 10 ? month_index + 3 : month_index - 9;
    *ret_year            = (int32_t)((int64_t)year_of_era + era * 400) + (*ret_month <= 2 ? 1 : 0);
}

static bool
is_leap_year(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

unsigned
date_days_in_month(int32_t year, unsigned month)
{
    static const uint8_t DAYS[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    CHECK(month >= 1 && month <= 12);
    return month == 2 && is_leap_year(year) ? 29 : DAYS[month - 1];
}

bool
date_is_valid(int64_t year, unsigned month, unsigned day)
{
    return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
           day <= date_days_in_month((int32_t)year, month);
}

unsigned
date_weekday(int32_t days)
{
    /* 1970-01-01 was a Thursday. */
    int32_t past_monday = (int32_t)(((int64_t)days + 3) % 7);
    return (unsigned)(past_monday < 0 ? past_monday + 7 : past_monday) + 1;
}

int32_t
time_to_date(int64_t time_us)
{
    int64_t days = time_us / US_PER_DAY;
    return (int32_t)(time_us % US_PER_DAY < 0 ? days - 1 : days);
}

struct civil
time_to_civil(int64_t time_us)
{
    int32_t  days = time_to_date(time_us);
    int64_t  rest = time_us % US_PER_DAY;
    unsigned month;
    unsigned day;
    if (rest < 0)
        rest += US_PER_DAY;

    struct civil civil = {
        .hour        = (uint8_t)(rest / US_PER_HOUR),
        .minute      = (uint8_t)(rest / US_PER_MINUTE % 60),
        .second      = (uint8_t)(rest / US_PER_SECOND % 60),
        .microsecond = (uint32_t)(rest % US_PER_SECOND),
    };
    date_to_civil(days, &civil.year, &month, &day);
    civil.month = (uint8_t)month;
    civil.day   = (uint8_t)day;
    return civil;
}

bool
time_from_civil(const struct civil *civil, int64_t *ret_time_us)
{
    if (!date_is_valid(civil->year, civil->month, civil->day) || civil->hour > 23 || civil->minute > 59 ||
        civil->second > 59 || civil->microsecond >= US_PER_SECOND)
        return false;
    *ret_time_us = date_to_time(date_from_civil(civil->year, civil->month, civil->day)) +
                   civil->hour * US_PER_HOUR + civil->minute * US_PER_MINUTE + civil->second * US_PER_SECOND +
                   civil->microsecond;
    return true;
}

/* ---- Reading ISO 8601 ---- */

/* Exactly `count` digits at `*at`; moves on behind them. */
static bool
read_digits(struct str text, size_t *at, size_t count, unsigned *ret_value)
{
    unsigned value = 0;
    if (text.size - *at < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        char c = text.data[*at + i];
        if (!ascii_is_digit(c))
            return false;
        value = value * 10 + (unsigned)(c - '0');
    }
    *at += count;
    *ret_value = value;
    return true;
}

static bool
read_byte(struct str text, size_t *at, char wanted)
{
    if (*at == text.size || text.data[*at] != wanted)
        return false;
    (*at)++;
    return true;
}

/* YYYY[-MM[-DD]] */
static bool
read_date(struct str text, size_t *at, int32_t *ret_days, enum time_precision *ret_precision)
{
    unsigned year;
    unsigned month = 1;
    unsigned day   = 1;
    *ret_precision = TIME_YEAR;
    if (!read_digits(text, at, 4, &year))
        return false;
    if (read_byte(text, at, '-')) {
        *ret_precision = TIME_MONTH;
        if (!read_digits(text, at, 2, &month))
            return false;
        if (read_byte(text, at, '-')) {
            *ret_precision = TIME_DAY;
            if (!read_digits(text, at, 2, &day))
                return false;
        }
    }
    if (!date_is_valid(year, month, day))
        return false;
    *ret_days = date_from_civil((int32_t)year, month, day);
    return true;
}

/* The digits behind the point; the first six count. */
static bool
read_fraction(struct str text, size_t *at, int64_t *ret_us)
{
    int64_t us    = 0;
    int64_t digit = US_PER_SECOND / 10;
    size_t  start = *at;
    for (; *at < text.size && ascii_is_digit(text.data[*at]); (*at)++, digit /= 10)
        us += digit * (text.data[*at] - '0');
    *ret_us = us;
    return *at > start;
}

/* hh:mm[:ss[.f...]] */
static bool
read_time_of_day(struct str text, size_t *at, int64_t *ret_us, enum time_precision *ret_precision)
{
    unsigned hour;
    unsigned minute;
    unsigned second      = 0;
    int64_t  fraction_us = 0;
    *ret_precision       = TIME_MINUTE;
    if (!read_digits(text, at, 2, &hour) || !read_byte(text, at, ':') || !read_digits(text, at, 2, &minute))
        return false;
    if (read_byte(text, at, ':')) {
        *ret_precision = TIME_SECOND;
        if (!read_digits(text, at, 2, &second))
            return false;
        if (read_byte(text, at, '.')) {
            *ret_precision = TIME_FRACTION;
            if (!read_fraction(text, at, &fraction_us))
                return false;
        }
    }
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    *ret_us = hour * US_PER_HOUR + minute * US_PER_MINUTE + second * US_PER_SECOND + fraction_us;
    return true;
}

/* Z, z, +hh:mm, +hhmm or +hh. ISO 8601 allows offsets below a day; real ones lie between -12 and +14 hours. */
static bool
read_offset(struct str text, size_t *at, int32_t *ret_offset_s)
{
    unsigned hours;
    unsigned minutes = 0;
    if (read_byte(text, at, 'Z') || read_byte(text, at, 'z')) {
        *ret_offset_s = 0;
        return true;
    }
    bool is_west = read_byte(text, at, '-');
    if (!is_west && !read_byte(text, at, '+'))
        return false;
    if (!read_digits(text, at, 2, &hours))
        return false;
    if (*at < text.size) {
        read_byte(text, at, ':');
        if (!read_digits(text, at, 2, &minutes))
            return false;
    }
    if (hours > 23 || minutes > 59)
        return false;
    int32_t offset_s = (int32_t)(hours * 3600 + minutes * 60);
    *ret_offset_s    = is_west ? -offset_s : offset_s;
    return true;
}

/* The eight bytes of a text that `form` matches, which has '0' for each digit and stands for itself elsewhere. In byte i of the
 * result (0 the lowest) stands the number of the digits i and i + 1. What does not match sets bits of *ret_bad. */
static inline uint64_t
read_form(const char *bytes, const char *form, uint64_t *ret_bad)
{
    const uint64_t wanted = word_load(form), digits = word_load(bytes) ^ wanted;
    /* 0 to 9 is good where a digit is wanted, else 0 alone: what is more reaches the byte's highest bit. All but the load is
     * constant where `form` is. */
    const uint64_t others = ((wanted ^ WORD_OF('0')) + WORD_OF(0x7f)) >> 7 & WORD_OF(1);
    const uint64_t above  = WORD_OF(0x80 - 10) + others * 9;
    *ret_bad |= ((digits + above) | digits) & WORD_OF(0x80);
    return digits * 10 + (digits >> 8);
}

static inline unsigned
byte_of(uint64_t word, unsigned index)
{
    return (unsigned)(word >> (8 * index)) & 0xff;
}

/* YYYY-MM-DDThh:mm:ss[.ffffff]Z, which nearly all senders write: the same as the way of many branches below, in a tenth of its
 * time. */
static bool
read_common_form(struct str text, struct time_text *ret_parsed)
{
    const char *bytes        = text.data;
    uint64_t    bad          = 0;
    unsigned    micros       = 0;
    const bool  has_fraction = text.size == 27;
    if ((text.size != 20 && !has_fraction) || bytes[text.size - 1] != 'Z')
        return false;
    const uint64_t month_of = read_form(bytes, "0000-00-", &bad), day_of = read_form(bytes + 3, "0-00-00T", &bad);
    const uint64_t time_of  = read_form(bytes + 11, "00:00:00", &bad);
    if (has_fraction) {
        const uint64_t fraction = read_form(bytes + 19, ".000000Z", &bad);
        micros = (byte_of(fraction, 1) * 100 + byte_of(fraction, 3)) * 100 + byte_of(fraction, 5);
    }
    const unsigned year = byte_of(month_of, 0) * 100 + byte_of(month_of, 2), month = byte_of(month_of, 5), day = byte_of(day_of, 5);
    const unsigned hour = byte_of(time_of, 0), minute = byte_of(time_of, 3), second = byte_of(time_of, 6);
    if (bad != 0 || hour > 23 || minute > 59 || second > 60 || !date_is_valid(year, month, day))
        return false;
    *ret_parsed = (struct time_text){ .local_us   = date_to_time(date_from_civil((int32_t)year, month, day)) + hour * US_PER_HOUR
                                                    + minute * US_PER_MINUTE + second * US_PER_SECOND + micros,
                                      .precision  = has_fraction ? TIME_FRACTION : TIME_SECOND,
                                      .has_offset = true };
    return true;
}

static bool
read_any_form(struct str text, struct time_text *ret_parsed)
{
    size_t           at     = 0;
    struct time_text parsed = { 0 };
    int32_t          days;
    int64_t          time_of_day_us = 0;
    if (!read_date(text, &at, &days, &parsed.precision))
        return false;
    if (at < text.size) {
        if (parsed.precision != TIME_DAY)
            return false;
        if (!read_byte(text, &at, 'T') && !read_byte(text, &at, 't') && !read_byte(text, &at, ' '))
            return false;
        if (!read_time_of_day(text, &at, &time_of_day_us, &parsed.precision))
            return false;
        if (at < text.size) {
            parsed.has_offset = true;
            if (!read_offset(text, &at, &parsed.offset_s))
                return false;
        }
    }
    if (at != text.size)
        return false;
    parsed.local_us = date_to_time(days) + time_of_day_us;
    *ret_parsed     = parsed;
    return true;
}

/* DD-Mon-YYYY, as CMS's claims files write days (17-Jan-1942, 17-MAR-1979): English months in any case, no time behind it. */
static bool
read_named_month(struct str text, struct time_text *ret_parsed)
{
    static const char MONTHS[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    size_t            at       = 0;
    unsigned          day;
    unsigned          year;
    unsigned          month = 0;
    if (text.size != 11 || !read_digits(text, &at, 2, &day) || !read_byte(text, &at, '-'))
        return false;
    while (month < 12 && !str_equal_ignore_case(str_slice(text, 3, 6), str_of(MONTHS + 3 * (size_t)month, 3)))
        month++;
    at = 6;
    if (month == 12 || !read_byte(text, &at, '-') || !read_digits(text, &at, 4, &year) || !date_is_valid(year, month + 1, day))
        return false;
    *ret_parsed = (struct time_text){ .local_us  = date_to_time(date_from_civil((int32_t)year, month + 1, day)),
                                      .precision = TIME_DAY };
    return true;
}

bool
time_parse(struct str text, struct time_text *ret_parsed)
{
    return read_common_form(text, ret_parsed) || read_any_form(text, ret_parsed) || read_named_month(text, ret_parsed);
}

bool
time_parse_utc(struct str text, int64_t *ret_time_us)
{
    struct time_text parsed;
    if (!time_parse(text, &parsed) || !parsed.has_offset)
        return false;
    *ret_time_us = parsed.local_us - parsed.offset_s * US_PER_SECOND;
    return true;
}

bool
date_parse(struct str text, int32_t *ret_days)
{
    size_t              at = 0;
    int32_t             days;
    enum time_precision precision;
    if (!read_date(text, &at, &days, &precision) || precision != TIME_DAY || at != text.size)
        return false;
    *ret_days = days;
    return true;
}

/* ---- Writing ---- */

static char *
put_digits(char *out, unsigned value, unsigned count)
{
    for (unsigned i = count; i > 0; i--, value /= 10)
        out[i - 1] = (char)('0' + value % 10);
    return out + count;
}

static char *
put_date(char *out, int32_t year, unsigned month, unsigned day)
{
    if (year < 0 || year > 9999) {
        *out++ = year < 0 ? '-' : '+';
        /* Seven digits hold the years of an int32 of days. */
        unsigned magnitude = (unsigned)(year < 0 ? -year : year);
        out                = put_digits(out, magnitude, magnitude > 999999 ? 7 : 6);
    } else {
        out = put_digits(out, (unsigned)year, 4);
    }
    *out++ = '-';
    out    = put_digits(out, month, 2);
    *out++ = '-';
    return put_digits(out, day, 2);
}

size_t
date_print(int32_t days, char out[DATE_TEXT_SIZE])
{
    int32_t  year;
    unsigned month;
    unsigned day;
    date_to_civil(days, &year, &month, &day);
    char *end = put_date(out, year, month, day);
    *end      = '\0';
    return (size_t)(end - out);
}

size_t
time_print_local(int64_t local_us, char out[TIME_TEXT_SIZE])
{
    struct civil civil = time_to_civil(local_us);
    char        *end   = put_date(out, civil.year, civil.month, civil.day);
    *end++             = 'T';
    end                = put_digits(end, civil.hour, 2);
    *end++             = ':';
    end                = put_digits(end, civil.minute, 2);
    *end++             = ':';
    end                = put_digits(end, civil.second, 2);
    *end++             = '.';
    end                = put_digits(end, civil.microsecond, 6);
    *end               = '\0';
    return (size_t)(end - out);
}

size_t
time_print(int64_t time_us, char out[TIME_TEXT_SIZE])
{
    size_t size = time_print_local(time_us, out);
    out[size++] = 'Z';
    out[size]   = '\0';
    return size;
}

/* ---- Durations ---- */

static const struct {
    const char *name;
    int64_t     size_us;
    bool        is_printed;
} UNITS[] = {
    /* From large to small: the order within a text. */
    { "w", 7 * US_PER_DAY, false }, { "d", US_PER_DAY, true }, { "h", US_PER_HOUR, true }, { "m", US_PER_MINUTE, true },
    { "s", US_PER_SECOND, true },   { "ms", US_PER_MS, true }, { "us", 1, true },
};

#define UNIT_COUNT (sizeof UNITS / sizeof *UNITS)

static size_t
unit_find(struct str name)
{
    size_t unit = 0;
    while (unit < UNIT_COUNT && !str_equal(name, str_from(UNITS[unit].name)))
        unit++;
    return unit;
}

bool
duration_parse(struct str text, int64_t *ret_duration_us)
{
    int64_t total_us  = 0;
    size_t  last_unit = UNIT_COUNT; /* None yet. */
    size_t  i         = 0;
    if (str_equal(text, STR("0"))) {
        *ret_duration_us = 0;
        return true;
    }
    while (i < text.size) {
        size_t  start = i;
        int64_t amount;
        while (i < text.size && ascii_is_digit(text.data[i]))
            i++;
        size_t unit_start = i;
        while (i < text.size && ascii_is_letter(text.data[i]))
            i++;
        size_t unit = unit_find(str_slice(text, unit_start, i));
        if (unit == UNIT_COUNT || (last_unit != UNIT_COUNT && unit <= last_unit))
            return false;
        last_unit = unit;
        if (unit_start == start || !str_to_int64(str_slice(text, start, unit_start), &amount) ||
            __builtin_mul_overflow(amount, UNITS[unit].size_us, &amount) ||
            __builtin_add_overflow(total_us, amount, &total_us))
            return false;
    }
    if (last_unit == UNIT_COUNT)
        return false;
    *ret_duration_us = total_us;
    return true;
}

size_t
duration_print(int64_t duration_us, char out[DURATION_TEXT_SIZE])
{
    CHECK(duration_us >= 0);
    size_t size = 0;
    for (size_t unit = 0; unit < UNIT_COUNT; unit++) {
        int64_t amount = duration_us / UNITS[unit].size_us;
        if (!UNITS[unit].is_printed || amount == 0)
            continue;
        duration_us -= amount * UNITS[unit].size_us;
        size += (size_t)snprintf(out + size, DURATION_TEXT_SIZE - size, "%lld%s", (long long)amount, UNITS[unit].name);
    }
    if (size == 0)
        size = (size_t)snprintf(out, DURATION_TEXT_SIZE, "0s");
    return size;
}
