/* Instants, dates and durations.
 *
 * An instant is int64 microseconds since 1970-01-01T00:00:00Z, without leap seconds; a date is int32 days since
 * 1970-01-01; both in the proleptic Gregorian calendar. A *local* time is the same number of microseconds read off a
 * wall clock, as if that clock showed UTC; base/zone.h turns one into the other. */
#ifndef HEDDLE_BASE_TIME_H
#define HEDDLE_BASE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define US_PER_MS     INT64_C(1000)
#define US_PER_SECOND INT64_C(1000000)
#define US_PER_MINUTE (60 * US_PER_SECOND)
#define US_PER_HOUR   (60 * US_PER_MINUTE)
#define US_PER_DAY    (24 * US_PER_HOUR)

/* A point on a wall clock. */
struct civil {
    int32_t  year;
    uint8_t  month; /* 1 to 12 */
    uint8_t  day;   /* 1 to 31 */
    uint8_t  hour;
    uint8_t  minute;
    uint8_t  second; /* 0 to 59 */
    uint32_t microsecond;
};

/* Days since 1970-01-01. Any month 1 to 12 and any day number; the date is not checked. Years -1,000,000 to
 * 1,000,000. From Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
int32_t date_from_civil(int32_t year, unsigned month, unsigned day);
void    date_to_civil(int32_t days, int32_t *ret_year, unsigned *ret_month, unsigned *ret_day);
/* Whether the date exists: months, days of the month, leap years; years 1 to 9999. */
bool     date_is_valid(int64_t year, unsigned month, unsigned day);
unsigned date_days_in_month(int32_t year, unsigned month);
/* 1 = Monday to 7 = Sunday, as ISO 8601 counts. */
unsigned date_weekday(int32_t days);

struct civil time_to_civil(int64_t time_us);
/* False where a field is out of range or the date does not exist. */
bool time_from_civil(const struct civil *civil, int64_t *ret_time_us);
/* The day an instant belongs to (floor, also before 1970), and a day's midnight. */
int32_t        time_to_date(int64_t time_us);
static inline int64_t
date_to_time(int32_t days)
{
    return (int64_t)days * US_PER_DAY;
}

/* How much of a time the text gave; the rest is its smallest value. Healthcare sources give any of these, and the
 * difference between "2024" and "2024-01-01" is kept. */
enum time_precision {
    TIME_YEAR,
    TIME_MONTH,
    TIME_DAY,
    TIME_HOUR,
    TIME_MINUTE,
    TIME_SECOND,
    TIME_FRACTION, /* Digits beyond microseconds are cut off. */
};

struct time_text {
    int64_t             local_us; /* What the wall clock showed. */
    int32_t             offset_s; /* East of UTC; 0 where has_offset is false. The instant is local - offset. */
    bool                has_offset;
    enum time_precision precision;
};

/* ISO 8601 as FHIR, JSON events and CSV files write it: YYYY, YYYY-MM, YYYY-MM-DD, and behind 'T', 't' or a blank
 * hh:mm[:ss[.f...]] with Z, +hh:mm, +hhmm or +hh or no offset (which only a time of day may have). A second of 60
 * counts as the next minute's first, as POSIX time does. Hour 24 is refused. Years 0001 to 9999. Besides the days
 * of CMS's claims files, DD-Mon-YYYY (17-Jan-1942, 17-MAR-1979). False: *ret_parsed is untouched. */
bool time_parse(struct str text, struct time_text *ret_parsed);
/* The same where the text must name an instant: a time of day with an offset. */
bool time_parse_utc(struct str text, int64_t *ret_time_us);
/* Exactly YYYY-MM-DD. */
bool date_parse(struct str text, int32_t *ret_days);

/* 2026-01-02T03:04:05.123456Z: always six digits, so that texts sort as their times do. Years beyond 9999 or before 0
 * get a sign and six digits. Returns the length without the NUL. */
#define TIME_TEXT_SIZE 36
size_t time_print(int64_t time_us, char out[TIME_TEXT_SIZE]);
/* The same without Z, for a local time. */
size_t time_print_local(int64_t local_us, char out[TIME_TEXT_SIZE]);
#define DATE_TEXT_SIZE 16
size_t date_print(int32_t days, char out[DATE_TEXT_SIZE]);

/* "500ms", "90s", "5m", "1h", "24h", "7d", "2w", "250us", and sums from large to small ("1h30m"). A number without
 * unit is refused, but for "0". Never negative. False where the text is something else or does not fit. */
bool duration_parse(struct str text, int64_t *ret_duration_us);
/* The shortest such text, in days at most (weeks are not used): 5,400,000,000 is "1h30m". Returns its length. */
#define DURATION_TEXT_SIZE 48
size_t duration_print(int64_t duration_us, char out[DURATION_TEXT_SIZE]);

#endif
