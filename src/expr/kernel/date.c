/* Dates: proleptic Gregorian days, UTC. What leaves the years 1 to 9999 is null. */
#include "base/time.h"
#include "column/kernel.h"
#include "expr/kernel/tables.h"

#define KERNEL(NAME)                                                                                                    \
    static void NAME(const struct kernel_context *context, const struct vector *args, uint32_t argument_count,         \
                     uint32_t row_count, struct vector_out *out)

KERNEL(kernel_date_add_days)
{
    (void)context, (void)argument_count;
    int64_t first = date_from_civil(1, 1, 1), last = date_from_civil(9999, 12, 31);
    for (uint32_t row = 0; row < row_count; row++) {
        int64_t days;
        if (!vectors_are_valid(args, 2, row))
            continue;
        if (__builtin_add_overflow((int64_t)vector_date(&args[0], row), vector_int64(&args[1], row), &days) ||
            days < first || days > last)
            vector_out_null(out, row);
        else
            vector_out_date(out, row, (int32_t)days);
    }
}

KERNEL(kernel_date_diff_days)
{
    (void)context, (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++)
        if (vectors_are_valid(args, 2, row))
            vector_out_int64(out, row, (int64_t)vector_date(&args[1], row) - vector_date(&args[0], row));
}

enum date_part { PART_YEAR, PART_MONTH, PART_DAY };

static int64_t
part_of(int32_t days, enum date_part part)
{
    int32_t  year;
    unsigned month, day;
    date_to_civil(days, &year, &month, &day);
    return part == PART_YEAR ? year : part == PART_MONTH ? (int64_t)month : (int64_t)day;
}

static bool
is_within_calendar(int32_t days)
{
    return days >= date_from_civil(1, 1, 1) && days <= date_from_civil(9999, 12, 31);
}

static void
extract(const struct vector *arg, uint32_t row_count, enum date_part part, struct vector_out *out)
{
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vector_is_valid(arg, row))
            continue;
        if (is_within_calendar(vector_date(arg, row)))
            vector_out_int64(out, row, part_of(vector_date(arg, row), part));
        else
            vector_out_null(out, row);
    }
}

#define EXTRACT(NAME, PART)                                                                                             \
    KERNEL(kernel_##NAME)                                                                                              \
    {                                                                                                                  \
        (void)context, (void)argument_count;                                                                           \
        extract(&args[0], row_count, PART, out);                                                                       \
    }
EXTRACT(year, PART_YEAR)
EXTRACT(month, PART_MONTH)
EXTRACT(day, PART_DAY)

/* ---- date_part_of ---- */

/* ISO 8601: the week belongs to the year that has its Thursday. */
static int64_t
iso_week(int32_t days)
{
    int32_t thursday = days - (int32_t)date_weekday(days) + 4;
    int32_t first    = date_from_civil((int32_t)part_of(thursday, PART_YEAR), 1, 1);
    return (thursday - first) / 7 + 1;
}

struct date_part_name {
    struct str name;
    int64_t (*of)(int32_t days, int64_t time_of_day_us);
};

#define NAMED_PART(NAME, VALUE)                                                                                             static int64_t part_##NAME(int32_t days, int64_t time_of_day_us)                                                       {                                                                                                                          (void)days, (void)time_of_day_us;                                                                                      return VALUE;                                                                                                      }
NAMED_PART(year, part_of(days, PART_YEAR))
NAMED_PART(quarter, (part_of(days, PART_MONTH) - 1) / 3 + 1)
NAMED_PART(month, part_of(days, PART_MONTH))
NAMED_PART(week, iso_week(days))
NAMED_PART(day, part_of(days, PART_DAY))
NAMED_PART(dow, date_weekday(days) % 7)
NAMED_PART(isodow, date_weekday(days))
NAMED_PART(doy, (int64_t)days - date_from_civil((int32_t)part_of(days, PART_YEAR), 1, 1) + 1)
NAMED_PART(hour, time_of_day_us / (3600 * US_PER_SECOND))
NAMED_PART(minute, time_of_day_us / (60 * US_PER_SECOND) % 60)
NAMED_PART(second, time_of_day_us / US_PER_SECOND % 60)

static const struct date_part_name *
find_part(struct str name)
{
    static const struct date_part_name parts[] = {
        { STR_INIT("year"), part_year },     { STR_INIT("quarter"), part_quarter }, { STR_INIT("month"), part_month },
        { STR_INIT("week"), part_week },     { STR_INIT("day"), part_day },         { STR_INIT("dow"), part_dow },
        { STR_INIT("isodow"), part_isodow }, { STR_INIT("doy"), part_doy },         { STR_INIT("hour"), part_hour },
        { STR_INIT("minute"), part_minute }, { STR_INIT("second"), part_second },
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (str_equal_ignore_case(name, parts[i].name))
            return &parts[i];
    return NULL;
}

/* date_part_of(part, date or timestamp); the parts and their numbers are PostgreSQL's. Of an instant in UTC. */
KERNEL(kernel_date_part_of)
{
    (void)context, (void)argument_count;
    bool is_date = args[1].type.kind == TYPE_DATE;
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vectors_are_valid(args, 2, row))
            continue;
        int64_t time_us = is_date ? 0 : vector_int64(&args[1], row);
        int32_t days    = is_date ? vector_date(&args[1], row) : time_to_date(time_us);
        const struct date_part_name *part = find_part(vector_str(&args[0], row));
        if (part == NULL || !is_within_calendar(days))
            vector_out_null(out, row);
        else
            vector_out_int64(out, row, part->of(days, is_date ? 0 : time_us - date_to_time(days)));
    }
}

/* Full years; who was born on 29 February has a birthday on 1 March in other years. Null before birth. */
KERNEL(kernel_age_years)
{
    (void)context, (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vectors_are_valid(args, 2, row))
            continue;
        int32_t birth = vector_date(&args[0], row), at = vector_date(&args[1], row);
        if (at < birth || !is_within_calendar(birth) || !is_within_calendar(at)) {
            vector_out_null(out, row);
            continue;
        }
        int64_t years      = part_of(at, PART_YEAR) - part_of(birth, PART_YEAR);
        int64_t birthday   = part_of(birth, PART_MONTH) * 32 + part_of(birth, PART_DAY);
        int64_t day_of_now = part_of(at, PART_MONTH) * 32 + part_of(at, PART_DAY);
        vector_out_int64(out, row, day_of_now < birthday ? years - 1 : years);
    }
}

/* Full months, as full years are counted; null before birth. */
static int64_t
months_between(int32_t from, int32_t to)
{
    int64_t months = (part_of(to, PART_YEAR) - part_of(from, PART_YEAR)) * 12 + part_of(to, PART_MONTH) - part_of(from, PART_MONTH);
    return part_of(to, PART_DAY) < part_of(from, PART_DAY) ? months - 1 : months;
}

KERNEL(kernel_age_months)
{
    (void)context, (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vectors_are_valid(args, 2, row))
            continue;
        int32_t birth = vector_date(&args[0], row), at = vector_date(&args[1], row);
        if (at < birth || !is_within_calendar(birth) || !is_within_calendar(at))
            vector_out_null(out, row);
        else
            vector_out_int64(out, row, months_between(birth, at));
    }
}

/* The same day of the month so many months later, or that month's last day, as PostgreSQL adds an interval. */
KERNEL(kernel_date_add_months)
{
    (void)context, (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vectors_are_valid(args, 2, row))
            continue;
        int32_t date  = vector_date(&args[0], row);
        int64_t added = vector_int64(&args[1], row);
        if (!is_within_calendar(date) || added < -120000 || added > 120000) {
            vector_out_null(out, row);
            continue;
        }
        int64_t  months = part_of(date, PART_YEAR) * 12 + part_of(date, PART_MONTH) - 1 + added;
        int64_t  year = months / 12;
        unsigned month = (unsigned)(months % 12 + 1), day = (unsigned)part_of(date, PART_DAY);
        if (months < 12 || year > 9999) {
            vector_out_null(out, row);
            continue;
        }
        unsigned last = date_days_in_month((int32_t)year, month);
        vector_out_date(out, row, date_from_civil((int32_t)year, month, day < last ? day : last));
    }
}

/* The first day of the year, quarter, month or week (ISO 8601: Monday) that the date lies in. */
static bool
begin_of_part(struct str part, int32_t days, int32_t *ret_days)
{
    int32_t year = (int32_t)part_of(days, PART_YEAR), month = (int32_t)part_of(days, PART_MONTH);
    if (str_equal_ignore_case(part, STR("year")))
        *ret_days = date_from_civil(year, 1, 1);
    else if (str_equal_ignore_case(part, STR("quarter")))
        *ret_days = date_from_civil(year, (unsigned)((month - 1) / 3 * 3 + 1), 1);
    else if (str_equal_ignore_case(part, STR("month")))
        *ret_days = date_from_civil(year, (unsigned)month, 1);
    else if (str_equal_ignore_case(part, STR("week")))
        *ret_days = days - (int32_t)date_weekday(days) + 1;
    else if (str_equal_ignore_case(part, STR("day")))
        *ret_days = days;
    else
        return false;
    return is_within_calendar(*ret_days);
}

KERNEL(kernel_date_trunc)
{
    (void)context, (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        int32_t days;
        if (!vectors_are_valid(args, 2, row))
            continue;
        days = vector_date(&args[1], row);
        if (!is_within_calendar(days) || !begin_of_part(vector_str(&args[0], row), days, &days))
            vector_out_null(out, row);
        else
            vector_out_date(out, row, days);
    }
}

/* ---- Partial dates ---- */

/* FHIR's date, HL7 v2's and ISO 8601's with a month or a year only: the first and the last day that it can be. */
static bool
partial_parse(struct str text, int32_t *ret_first, int32_t *ret_last)
{
    int64_t year, month = 1;
    text           = str_trim(text);
    bool has_month = text.size == 7 || text.size == 6;
    if (date_parse(text, ret_first)) {
        *ret_last = *ret_first;
        return true;
    }
    if ((text.size != 4 && !has_month) || (text.size == 7 && text.data[4] != '-'))
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (!ascii_is_digit(text.data[i]) && (text.size != 7 || i != 4))
            return false;
    if (!str_to_int64(str_slice(text, 0, 4), &year) || year < 1 ||
        (has_month && (!str_to_int64(str_slice(text, text.size - 2, text.size), &month) || month < 1 || month > 12)))
        return false;
    unsigned last_month = has_month ? (unsigned)month : 12;
    *ret_first = date_from_civil((int32_t)year, (unsigned)month, 1);
    *ret_last  = date_from_civil((int32_t)year, last_month, date_days_in_month((int32_t)year, last_month));
    return true;
}

static void
partial(const struct vector *arg, uint32_t row_count, bool is_last, struct vector_out *out)
{
    for (uint32_t row = 0; row < row_count; row++) {
        int32_t first, last;
        if (!vector_is_valid(arg, row))
            continue;
        if (partial_parse(vector_str(arg, row), &first, &last))
            vector_out_date(out, row, is_last ? last : first);
        else
            vector_out_null(out, row);
    }
}

KERNEL(kernel_date_first)
{
    (void)context, (void)argument_count;
    partial(&args[0], row_count, false, out);
}

KERNEL(kernel_date_last)
{
    (void)context, (void)argument_count;
    partial(&args[0], row_count, true, out);
}

#define ROW(NAME, SIGNATURE, HELP)                                                                                      \
    { .name = #NAME, .help = HELP, .signature = SIGNATURE, .null_rule = NULL_STRICT, .kernel = kernel_##NAME }

const struct function date_functions[] = {
    ROW(age_years, "(date, date) -> int64", "Full years from birth to a date; null before birth."),
    ROW(age_months, "(date, date) -> int64", "Full months from birth to a date; null before birth."),
    ROW(date_add_months, "(date, int64) -> date", "The same day so many months later, or that month's last day."),
    ROW(date_trunc, "(text, date) -> date",
        "The first day of the year, quarter, month or week (ISO 8601, Monday) of the date; another part is null."),
    ROW(date_first, "(text) -> date", "The first day that a date can be which may have a month or a year only (FHIR, HL7 v2): 2024-02, 2024."),
    ROW(date_last, "(text) -> date", "The last day that a date can be which may have a month or a year only (FHIR, HL7 v2): 2024-02, 2024."),
    ROW(date_add_days, "(date, int64) -> date", "The date so many days later."),
    ROW(date_diff_days, "(date, date) -> int64", "Days from the first date to the second."),
    ROW(date_part_of, "(text, date) -> int64; (text, timestamp) -> int64",
        "year, quarter, month, week (ISO 8601), day, dow (Sunday 0), isodow (Monday 1), doy, hour, minute or second, in UTC; "
        "another part is null."),
    ROW(year, "(date) -> int64", "The year."),
    ROW(month, "(date) -> int64", "The month, 1 to 12."),
    ROW(day, "(date) -> int64", "The day of the month."),
};
const size_t date_function_count = sizeof date_functions / sizeof *date_functions;
