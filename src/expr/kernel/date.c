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

#define ROW(NAME, SIGNATURE, HELP)                                                                                      \
    { .name = #NAME, .help = HELP, .signature = SIGNATURE, .null_rule = NULL_STRICT, .kernel = kernel_##NAME }

const struct function date_functions[] = {
    ROW(age_years, "(date, date) -> int64", "Full years from birth to a date; null before birth."),
    ROW(date_add_days, "(date, int64) -> date", "The date so many days later."),
    ROW(date_diff_days, "(date, date) -> int64", "Days from the first date to the second."),
    ROW(year, "(date) -> int64", "The year."),
    ROW(month, "(date) -> int64", "The month, 1 to 12."),
    ROW(day, "(date) -> int64", "The day of the month."),
};
const size_t date_function_count = sizeof date_functions / sizeof *date_functions;
