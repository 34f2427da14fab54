/* Schedules: the five fields of cron, as crontab(5) of Vixie cron has them.
 *
 *     minute  hour  day of month  month  day of week         each: * or list of values, a-b, a-b/step
 *
 * Months and weekdays may be named (jan, mon). 7 is Sunday too. Where both day fields are restricted, a day that fits
 * either one counts. */
#include "base/check.h"
#include "plan/plan_int.h"

struct field {
    const char *name;
    int64_t     min;
    int64_t     max;
    const char *names; /* Three letters each, the first is `min`; NULL: none. */
};

static const struct field FIELDS[5] = {
    { "minute", 0, 59, NULL },
    { "hour", 0, 23, NULL },
    { "day of the month", 1, 31, NULL },
    { "month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec" },
    { "day of the week", 0, 7, "sunmontuewedthufrisat" },
};

static bool
parse_number(const struct field *field, struct str text, int64_t *ret_value)
{
    for (int64_t i = 0; field->names != NULL && field->names[i * 3] != '\0'; i++)
        if (str_equal_ignore_case(text, str_of(field->names + i * 3, 3))) {
            *ret_value = field->min + i;
            return true;
        }
    int64_t value;
    if (text.size == 0 || !ascii_is_digit(text.data[0]) || !str_to_int64(text, &value) || value < field->min ||
        value > field->max)
        return false;
    *ret_value = value;
    return true;
}

/* One item of a field's list: "*", "5", "1-5", "8-18/2". */
static bool
parse_item(const struct field *field, struct str item, uint64_t *bits)
{
    int64_t    from;
    int64_t    to;
    int64_t    step  = 1;
    size_t     slash = str_find_byte(item, '/');
    struct str range = str_slice(item, 0, slash == STR_NOT_FOUND ? item.size : slash);
    size_t     dash  = str_find_byte(range, '-');

    if (slash != STR_NOT_FOUND && (!str_to_int64(str_slice(item, slash + 1, item.size), &step) || step < 1 || step > 59))
        return false;
    if (str_equal(range, STR("*"))) {
        from = field->min;
        to   = field->max;
    } else if (dash == STR_NOT_FOUND) {
        if (!parse_number(field, range, &from))
            return false;
        to = slash == STR_NOT_FOUND ? from : field->max;
    } else if (!parse_number(field, str_slice(range, 0, dash), &from) ||
               !parse_number(field, str_slice(range, dash + 1, range.size), &to) || to < from) {
        return false;
    }
    for (int64_t value = from; value <= to; value += step)
        *bits |= UINT64_C(1) << value;
    return true;
}

static bool
parse_field(const struct field *field, struct str text, uint64_t *ret_bits)
{
    struct str_split split = str_split_init(text, ',');
    struct str       item;
    uint64_t         bits = 0;

    while (str_split_next(&split, &item))
        if (!parse_item(field, item, &bits))
            return false;
    *ret_bits = bits;
    return true;
}

/* The next word of a text of words, or empty. */
static struct str
next_word(struct str *rest)
{
    *rest      = str_trim(*rest);
    size_t end = 0;
    while (end < rest->size && !ascii_is_space(rest->data[end]))
        end++;
    struct str word = str_slice(*rest, 0, end);
    *rest           = str_slice(*rest, end, rest->size);
    return word;
}

/* The days that a month can have: February 29 comes, February 30 never does. */
static bool
has_a_day(const struct graph_schedule *schedule)
{
    static const int DAYS[13] = { 0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    if (schedule->is_either_day)
        return true;
    for (int month = 1; month <= 12; month++)
        for (int day = 1; day <= DAYS[month]; day++)
            if ((schedule->months >> month & 1) && (schedule->days >> day & 1))
                return true;
    return false;
}

static bool
parse_cron(struct builder *builder, const struct json *value, struct str text, struct graph_schedule *schedule)
{
    uint64_t   bits[5];
    bool       is_open[5];
    struct str rest = text;

    for (size_t i = 0; i < 5; i++) {
        struct str word = next_word(&rest);
        if (word.size == 0 || !parse_field(&FIELDS[i], word, &bits[i])) {
            struct error *kept =
                word.size == 0
                    ? complain(&builder->pipeline, value, "the schedule lacks the %s", FIELDS[i].name)
                    : complain(&builder->pipeline, value, "\"%.*s\" is no %s of cron", STR_PRINTF(word), FIELDS[i].name);
            error_hint(kept, "write \"daily\", \"hourly\", or minute, hour, day of the month, month and day of the week, like "
                             "\"30 2 * * 1-5\"");
            return false;
        }
        is_open[i] = word.data[0] == '*';
    }
    if (str_trim(rest).size > 0) {
        error_hint(complain(&builder->pipeline, value, "the schedule has more than five fields"),
                   "they are minute, hour, day of the month, month and day of the week");
        return false;
    }
    schedule->minutes       = bits[0];
    schedule->hours         = (uint32_t)bits[1];
    schedule->days          = (uint32_t)bits[2];
    schedule->months        = (uint16_t)bits[3];
    schedule->weekdays      = (uint8_t)((bits[4] | bits[4] >> 7) & 0x7F);
    schedule->is_either_day = !is_open[2] && !is_open[4];
    if (has_a_day(schedule))
        return true;
    complain(&builder->pipeline, value, "the schedule names a day that no month has");
    return false;
}

bool
plan_schedule(struct builder *builder, const struct json *value, const struct schedule_config *config,
              struct graph_schedule *ret_schedule)
{
    const struct json    *cron     = config_value_of(value, &SCHEDULE_TABLE, "cron");
    const struct json    *zone     = config_value_of(value, &SCHEDULE_TABLE, "zone");
    struct graph_schedule schedule = { 0 };
    struct str            text     = config->cron;

    if (text.size == 0)
        return false;
    if (str_equal(text, STR("daily")))
        text = STR("0 2 * * *");
    else if (str_equal(text, STR("hourly")))
        text = STR("0 * * * *");
    bool is_ok = parse_cron(builder, cron, text, &schedule) && plan_text(builder, text, &schedule.text);
    if (config->zone.size > 0) {
        is_ok &= plan_zone(builder, &builder->pipeline, zone, config->zone);
        is_ok &= plan_text(builder, config->zone, &schedule.zone);
    } else if (builder->graph->zone.size > 0) {
        schedule.zone = builder->graph->zone;
    } else {
        error_hint(complain(&builder->pipeline, cron, "the schedule has no time zone"),
                   "add \"zone\": \"America/New_York\" to \"pipeline\" of %s, or write {\"cron\": …, \"zone\": …}",
                   builder->bindings.binder.file);
        is_ok = false;
    }
    *ret_schedule = schedule;
    return is_ok;
}
