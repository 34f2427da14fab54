#include "live/op/access_flags.h"

#include <stdio.h>

#include "base/time.h"

#define FLAG(NAME) (1u << ACCESS_FLAG_##NAME)
/* Monday 1970-01-05: days of the week count from it. */
#define FIRST_MONDAY 4
#define DAYS_A_WEEK  7

/* ---- Hours ---- */

static int64_t
day_of(int64_t local_us)
{
    return local_us / US_PER_DAY - (local_us % US_PER_DAY < 0);
}

static bool
is_day(const struct access_hours *hours, int64_t day)
{
    int64_t weekday = ((day - FIRST_MONDAY) % DAYS_A_WEEK + DAYS_A_WEEK) % DAYS_A_WEEK;
    return (hours->days >> weekday & 1) != 0;
}

static bool
is_inside(const struct access_hours *hours, int64_t local_us)
{
    int64_t day = day_of(local_us), from_us = hours->from_minute * US_PER_MINUTE, to_us = hours->to_minute * US_PER_MINUTE;
    int64_t of_day_us = local_us - day * US_PER_DAY;
    if (from_us < to_us)
        return of_day_us >= from_us && of_day_us < to_us && is_day(hours, day);
    return (of_day_us >= from_us && is_day(hours, day)) || (of_day_us < to_us && is_day(hours, day - 1));
}

const struct access_hours *
access_after_hours(const struct access_rule *rule, const struct zone *zone, struct str department, int64_t time_us, int64_t *ret_local_us)
{
    const struct access_hours *outside = NULL;
    *ret_local_us                      = zone_to_local(zone, time_us);
    for (uint32_t i = 0; i < rule->hours_count; i++) {
        if (!str_equal(department, str_from(rule->hours[i].department)))
            continue;
        if (is_inside(&rule->hours[i], *ret_local_us))
            return NULL;
        if (outside == NULL)
            outside = &rule->hours[i];
    }
    return outside;
}

/* ---- Flags ---- */

static bool
is_longer(int32_t days, int64_t after_us)
{
    return days >= 0 && days * US_PER_DAY > after_us;
}

uint32_t
access_flags_of(const struct access_rule *rule, const struct access_facts *facts, bool is_after_hours)
{
    const struct access_flag_rule *rules = rule->flags;
    const bool is_own  = (facts->bits & ACCESS_FACT_OWN_CHART) != 0;
    const bool is_rare = facts->surname_persons > 0 && facts->surname_persons <= rules[ACCESS_FLAG_SAME_SURNAME].at_most;
    uint32_t   flags   = 0;

    flags |= (facts->bits & ACCESS_FACT_BREAK_GLASS_WITHOUT_REASON) != 0 ? FLAG(BREAK_GLASS_WITHOUT_REASON) : 0;
    flags |= is_own ? FLAG(OWN_CHART) : 0; /* Who is the patient lives there, works here and has the name. */
    flags |= !is_own && (facts->bits & ACCESS_FACT_SAME_HOUSEHOLD) != 0 ? FLAG(SAME_HOUSEHOLD) : 0;
    flags |= !is_own && is_rare ? FLAG(SAME_SURNAME) : 0;
    flags |= !is_own && (facts->bits & ACCESS_FACT_COWORKER) != 0 ? FLAG(COWORKER) : 0;
    flags |= (facts->bits & ACCESS_FACT_VIP) != 0 ? FLAG(VIP) : 0;
    flags |= is_longer(facts->dead_days, rules[ACCESS_FLAG_DECEASED].after_us) ? FLAG(DECEASED) : 0;
    flags |= is_longer(facts->contact_days, rules[ACCESS_FLAG_LONG_DISCHARGED].after_us) ? FLAG(LONG_DISCHARGED) : 0;
    flags |= facts->ended_days > 0 ? FLAG(TERMINATED_USER) : 0;
    flags |= is_after_hours ? FLAG(AFTER_HOURS) : 0;
    for (uint32_t i = 0; i < ACCESS_FLAG_COUNT; i++)
        if (rules[i].weight == 0)
            flags &= ~(1u << i);
    return flags;
}

bool
access_may_stand(const struct access_rule *rule, const struct access_facts *facts)
{
    const uint32_t open = FLAG(AFTER_HOURS) | FLAG(VIP) | FLAG(LONG_DISCHARGED);
    uint32_t       stands = 0;
    for (uint32_t i = 0; i < ACCESS_FLAG_COUNT; i++)
        stands |= (uint32_t)(rule->flags[i].stands && rule->flags[i].weight != 0) << i;
    return stands != 0 && ((access_flags_of(rule, facts, true) | open) & stands) != 0;
}

enum severity
access_severity(const struct access_rule *rule, int32_t rank, enum severity fallback)
{
    enum severity severity = SEVERITY_LOW;
    if (!rule->has_severities)
        return fallback;
    for (uint32_t i = 0; i < SEVERITY_COUNT; i++)
        if (rank >= rule->severity_from[i])
            severity = (enum severity)i;
    return severity;
}

struct access_weight
access_weigh(const struct access_rule *rule, uint32_t flags, bool is_explained, enum severity fallback)
{
    struct access_weight weight = { .flags = is_explained ? 0 : flags };
    for (uint32_t i = 0; is_explained && i < ACCESS_FLAG_COUNT; i++)
        weight.flags |= rule->flags[i].stands ? flags & (1u << i) : 0;
    if (!is_explained && rule->flags[ACCESS_FLAG_NO_TREATMENT_RELATIONSHIP].weight > 0)
        weight.flags |= FLAG(NO_TREATMENT_RELATIONSHIP);
    for (uint32_t i = 0; i < ACCESS_FLAG_COUNT; i++)
        weight.rank += (weight.flags & (1u << i)) != 0 ? rule->flags[i].weight : 0;
    weight.is_alert = weight.flags != 0 && weight.rank >= rule->alert_from;
    weight.severity = access_severity(rule, weight.rank, fallback);
    return weight;
}

bool
access_is_house_wide(const struct access_rule *rule, struct str department)
{
    for (uint32_t i = 0; i < rule->house_wide_count; i++)
        if (str_equal(department, str_from(rule->house_wide[i])))
            return true;
    return false;
}

/* ---- Telling ---- */

static void
print_minute(struct json_out *json, const char *key, int64_t minute)
{
    char text[16];
    snprintf(text, sizeof(text), "%02d:%02d", (int)(minute / 60), (int)(minute % 60));
    json_out_key_cstr(json, key, text);
}

static void
print_hours(const struct access_rule *rule, const struct zone *zone, struct str department, int64_t time_us, struct json_out *json)
{
    int64_t                    local_us;
    const struct access_hours *hours = access_after_hours(rule, zone, department, time_us, &local_us);
    if (hours == NULL)
        return;
    static const char *const days[DAYS_A_WEEK] = { "thu", "fri", "sat", "sun", "mon", "tue", "wed" }; /* 1970-01-01 was a Thursday. */
    int64_t                  day               = day_of(local_us);
    json_out_key_cstr(json, "day", days[(day % DAYS_A_WEEK + DAYS_A_WEEK) % DAYS_A_WEEK]);
    print_minute(json, "local_time", (local_us - day * US_PER_DAY) / US_PER_MINUTE);
    print_minute(json, "from", hours->from_minute);
    print_minute(json, "to", hours->to_minute);
}

void
access_print_flags(const struct access_rule *rule, uint32_t flags, const struct access_facts *facts, const struct zone *zone, struct str department,
                   int64_t time_us, struct json_out *json)
{
    for (uint32_t i = 0; i < ACCESS_FLAG_COUNT; i++) {
        if ((flags & (1u << i)) == 0)
            continue;
        json_out_object_begin(json);
        json_out_key_cstr(json, "flag", access_flag_name((enum access_flag)i));
        json_out_key_int(json, "weight", rule->flags[i].weight);
        if (rule->flags[i].stands)
            json_out_key_bool(json, "stands", true);
        if (i == ACCESS_FLAG_SAME_SURNAME) {
            json_out_key_int(json, "persons", facts->surname_persons);
            json_out_key_int(json, "at_most", rule->flags[i].at_most);
        }
        if (i == ACCESS_FLAG_DECEASED || i == ACCESS_FLAG_LONG_DISCHARGED) {
            json_out_key_int(json, "days", i == ACCESS_FLAG_DECEASED ? facts->dead_days : facts->contact_days);
            json_out_key_int(json, "after_us", rule->flags[i].after_us);
        }
        if (i == ACCESS_FLAG_TERMINATED_USER)
            json_out_key_int(json, "days", facts->ended_days);
        if (i == ACCESS_FLAG_AFTER_HOURS)
            print_hours(rule, zone, department, time_us, json);
        json_out_object_end(json);
    }
}
