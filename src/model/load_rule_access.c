/* What only rules of accesses have: flags, severities, hours, departments that work for all others. */
#include "base/limits.h"
#include "base/time.h"
#include "model/load_int.h"

#define WEIGHT_MAX       1000000
#define MINUTES_PER_DAY  (24 * 60)
#define EVERY_DAY        0x7fu
#define VOLUME_Z         INT64_C(3500000)    /* Millionths: what Iglewicz and Hoaglin (1993) label an outlier from. */
#define VOLUME_Z_MAX     INT64_C(1000000000)
#define SURNAME_MAX      255 /* As far as the patient master counts (match/master.h). */

static const char *const FLAG_NAMES[]     = { "no_treatment_relationship", "break_glass_without_reason", "own_chart", "same_household", "same_surname", "coworker",
                                              "vip", "deceased", "long_discharged", "terminated_user", "after_hours", NULL };
static const char *const SEVERITY_NAMES[] = { "low", "medium", "high", "critical", NULL };
static const char *const DAYS[]           = { "mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL };
static const char *const HOUSE_KEYS[]     = { "departments", "within", NULL };
static const char *const HOURS_KEYS[]     = { "department", "from", "to", "days", NULL };

_Static_assert(sizeof FLAG_NAMES / sizeof *FLAG_NAMES == ACCESS_FLAG_COUNT + 1, "a name for each flag");

const char *
access_flag_name(enum access_flag flag)
{
    return FLAG_NAMES[flag];
}

/* ---- Hours ---- */

/* "07:30", up to "24:00". */
static int32_t
load_minute(struct loader *loader, const struct json *row, const char *key)
{
    struct str text = load_text(loader, row, key, true);
    int64_t    hour = 0, minute = 0;
    if (text.size == 0)
        return 0;
    if (text.size == 5 && text.data[2] == ':' && str_to_int64(str_slice(text, 0, 2), &hour) && str_to_int64(str_slice(text, 3, 5), &minute)
        && hour >= 0 && minute >= 0 && minute < 60 && hour * 60 + minute <= MINUTES_PER_DAY)
        return (int32_t)(hour * 60 + minute);
    load_error(loader, json_find(row, key), NULL, "\"%s\" is no time of day such as \"07:30\"", text.data);
    return 0;
}

static uint32_t
load_days(struct loader *loader, const struct json *row)
{
    const struct json *list = load_list(loader, row, "days", false);
    uint32_t           days = 0;
    if (list == NULL)
        return EVERY_DAY;
    for (const struct json *item = list->first; item != NULL; item = item->next) {
        uint32_t day = 0;
        while (DAYS[day] != NULL && !(item->type == JSON_TEXT && str_equal(item->text, str_from(DAYS[day]))))
            day++;
        if (DAYS[day] == NULL)
            load_error(loader, item, NULL, "a day is \"mon\", \"tue\", … \"sun\"");
        else
            days |= 1u << day;
    }
    return days;
}

static void
load_hours(struct loader *loader, const struct json *flag, struct access_rule *rule)
{
    const struct json *list = load_list(loader, flag, "hours", false);
    if (list == NULL)
        return;
    struct access_hours *hours = LOAD_ARRAY(loader, struct access_hours, list->count);
    uint32_t             count = 0;
    for (const struct json *row = list->first; hours != NULL && row != NULL; row = row->next) {
        hours[count] = (struct access_hours){ .department = "" };
        if (!load_keys(loader, row, HOURS_KEYS))
            continue;
        hours[count].department  = load_cstr(loader, load_text(loader, row, "department", true));
        hours[count].from_minute = load_minute(loader, row, "from");
        hours[count].to_minute   = load_minute(loader, row, "to");
        hours[count].days        = load_days(loader, row);
        if (hours[count].from_minute == hours[count].to_minute)
            load_error(loader, row, NULL, "\"from\" and \"to\" are the same");
        count++;
    }
    rule->hours       = hours;
    rule->hours_count = count;
}

/* ---- Flags ---- */

/* The last file that has the flag: a site changes one, and the others stay. */
static const struct json *
find_flag(struct loader *loader, const struct document *document, const char *name)
{
    for (; document != NULL; document = document->earlier) {
        const struct json *flags = json_find(document->root, "flags");
        const struct json *flag  = flags != NULL && flags->type == JSON_OBJECT ? json_find(flags, name) : NULL;
        loader->file             = document->file;
        if (flag != NULL)
            return flag;
    }
    return NULL;
}

static void
load_flag(struct loader *loader, const struct json *value, enum access_flag flag, struct access_rule *rule)
{
    static const char *const plain[] = { "weight", "stands", NULL }, *const after[] = { "weight", "stands", "after", NULL },
                             *const surname[] = { "weight", "stands", "at_most", NULL }, *const hours[] = { "weight", "stands", "zone", "hours", NULL },
                             *const relation[] = { "weight", NULL }; /* What nothing explains cannot stand beside an explanation. */
    struct access_flag_rule *out   = &rule->flags[flag];
    const bool               dates = flag == ACCESS_FLAG_DECEASED || flag == ACCESS_FLAG_LONG_DISCHARGED;
    const char *const       *keys  = flag == ACCESS_FLAG_SAME_SURNAME ? surname : flag == ACCESS_FLAG_AFTER_HOURS ? hours
                                     : flag == ACCESS_FLAG_NO_TREATMENT_RELATIONSHIP ? relation : dates ? after : plain;
    if (!load_keys(loader, value, keys))
        return;
    if (json_find(value, "weight") == NULL)
        load_error(loader, value, NULL, "\"weight\" is missing; 0 switches the flag off");
    out->weight   = load_whole(loader, value, "weight", 0, WEIGHT_MAX);
    out->stands   = load_bool(loader, value, "stands");
    out->after_us = load_duration(loader, value, "after", 30 * US_PER_DAY);
    out->at_most  = load_whole(loader, value, "at_most", 1, SURNAME_MAX);
    if (flag == ACCESS_FLAG_AFTER_HOURS) {
        struct str zone = load_text(loader, value, "zone", false);
        rule->zone      = zone.size == 0 ? NULL : load_cstr(loader, zone);
        load_hours(loader, value, rule);
    }
}

static void
load_flags(struct loader *loader, const struct document *document, struct access_rule *rule)
{
    bool is_there = false;
    for (const struct document *file = document; file != NULL; file = file->earlier) {
        const struct json *flags = json_find(file->root, "flags");
        loader->file             = file->file;
        is_there |= flags != NULL;
        if (flags != NULL)
            (void)load_keys(loader, flags, FLAG_NAMES);
    }
    if (!is_there) /* A rule of a site that names no flags has the one that gave the kind its name. */
        rule->flags[ACCESS_FLAG_NO_TREATMENT_RELATIONSHIP].weight = 1;
    for (uint32_t i = 0; i < ACCESS_FLAG_COUNT; i++) {
        const struct json *flag = find_flag(loader, document, FLAG_NAMES[i]);
        if (flag != NULL)
            load_flag(loader, flag, (enum access_flag)i, rule);
    }
}

static void
load_severities(struct loader *loader, const struct document *document, struct access_rule *rule)
{
    const struct json *value = json_find(find_in_files(loader, document, "severities"), "severities");
    int32_t            last  = 0;
    for (uint32_t i = 0; i < SEVERITY_COUNT; i++)
        rule->severity_from[i] = INT32_MAX;
    if (value == NULL || !load_keys(loader, value, SEVERITY_NAMES))
        return;
    rule->has_severities = true;
    for (uint32_t i = 0; i < SEVERITY_COUNT; i++) {
        if (json_find(value, SEVERITY_NAMES[i]) == NULL)
            continue;
        rule->severity_from[i] = load_whole(loader, value, SEVERITY_NAMES[i], 0, WEIGHT_MAX);
        if (rule->severity_from[i] < last)
            load_error(loader, json_find(value, SEVERITY_NAMES[i]), NULL, "a severity begins below the one before it");
        last = rule->severity_from[i];
    }
}

static void
load_house_wide(struct loader *loader, const struct document *document, struct access_rule *rule)
{
    const struct json *value = json_find(find_in_files(loader, document, "house_wide"), "house_wide");
    if (value == NULL || !load_keys(loader, value, HOUSE_KEYS))
        return;
    const struct json *list = load_list(loader, value, "departments", true);
    rule->house_wide_us     = load_duration(loader, value, "within", 30 * US_PER_DAY);
    if (list == NULL)
        return;
    const char **names = LOAD_ARRAY(loader, const char *, list->count);
    uint32_t     count = 0;
    for (const struct json *item = list->first; names != NULL && item != NULL; item = item->next) {
        if (item->type != JSON_TEXT || item->text.size == 0)
            load_error(loader, item, NULL, "a department is a text");
        else
            names[count++] = load_cstr(loader, item->text);
    }
    rule->house_wide       = names;
    rule->house_wide_count = count;
}

/* ---- How much one looks at ---- */

const char *
access_measure_name(enum access_measure measure)
{
    static const char *const names[] = { "volume", "breadth" };
    return names[measure];
}

static void
load_measure(struct loader *loader, const struct document *document, enum access_measure measure, struct access_measure_rule *out)
{
    static const char *const keys[] = { "weight", "at_least", "z", "times", NULL };
    const char              *name   = access_measure_name(measure);
    const struct json       *value  = json_find(find_in_files(loader, document, name), name);
    if (value == NULL || !load_keys(loader, value, keys))
        return;
    if (json_find(value, "weight") == NULL)
        load_error(loader, value, NULL, "\"weight\" is missing; 0 switches it off");
    out->weight   = load_whole(loader, value, "weight", 0, WEIGHT_MAX);
    out->at_least = load_whole(loader, value, "at_least", 1, WEIGHT_MAX);
    out->z        = load_positive(loader, value, "z", VOLUME_Z);
    out->times    = load_positive(loader, value, "times", 0);
    if (out->z > VOLUME_Z_MAX)
        load_error(loader, json_find(value, "z"), NULL, "\"z\" is above 1000: nobody would ever reach it");
    if (out->times > VOLUME_Z_MAX)
        load_error(loader, json_find(value, "times"), NULL, "\"times\" is above 1000: nobody would ever reach it");
}

void
load_access_volume(struct loader *loader, const struct document *document, struct rule_pack *rule)
{
    struct access_volume_rule *volume = &rule->volume;
    struct str                 zone   = load_text(loader, find_in_files(loader, document, "zone"), "zone", false);
    for (int i = 0; i < ACCESS_MEASURE_COUNT; i++)
        load_measure(loader, document, (enum access_measure)i, &volume->measures[i]);
    load_severities(loader, document, &rule->access);
    volume->zone      = zone.size == 0 ? NULL : load_cstr(loader, zone);
    volume->day_count = load_whole(loader, find_in_files(loader, document, "days"), "days", 28, VOLUME_DAY_COUNT_MAX);
    volume->peers     = load_whole(loader, find_in_files(loader, document, "peers"), "peers", 10, WEIGHT_MAX);
    volume->settle_us = load_duration(loader, find_in_files(loader, document, "settle"), "settle", US_PER_HOUR);
    volume->late_us   = load_duration(loader, find_in_files(loader, document, "late"), "late", 2 * US_PER_DAY);
    if (volume->day_count < 1)
        load_error(loader, json_find(find_in_files(loader, document, "days"), "days"), NULL, "\"days\" is 0: the day that is judged is one of them");
    if (volume->peers < 2)
        load_error(loader, json_find(find_in_files(loader, document, "peers"), "peers"), NULL, "\"peers\" is below 2: of one other user nothing follows");
    if (volume->late_us < volume->settle_us)
        load_error(loader, json_find(find_in_files(loader, document, "late"), "late"), NULL, "\"late\" is shorter than \"settle\"");
    /* What is counted is kept so long, and a backtest reads so far back: the days, one that is in progress, and one of 25 hours. */
    if (rule->history_us < (volume->day_count + 1) * US_PER_DAY + volume->late_us)
        load_error(loader, find_in_files(loader, document, "days"), NULL, "\"history\" is shorter than \"days\", one day more, and \"late\"");
}

void
load_access_rule(struct loader *loader, const struct document *document, struct rule_pack *rule)
{
    load_flags(loader, document, &rule->access);
    load_severities(loader, document, &rule->access);
    load_house_wide(loader, document, &rule->access);
    rule->access.alert_from       = load_whole(loader, find_in_files(loader, document, "alert_from"), "alert_from", 1, WEIGHT_MAX);
    rule->access.shortly_after_us = load_duration(loader, find_in_files(loader, document, "shortly_after"), "shortly_after", 0);
    if (rule->access.flags[ACCESS_FLAG_LONG_DISCHARGED].weight > 0 && rule->history_us < 31 * US_PER_DAY)
        load_error(loader, find_in_files(loader, document, "history"), NULL,
                   "long_discharged wants a history of 31 days or more: what the patient master does not know yet, the stream must have seen");
}
