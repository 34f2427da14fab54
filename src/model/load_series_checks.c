/* What rules of delta checks and trends have: a list of checks, each of one series. */
#include <string.h>

#include "base/limits.h"
#include "base/time.h"
#include "model/load_int.h"

static const char *const DELTA_KEYS[]  = { "codes",       "help",         "within",           "against", "at", "severity", "rise", "fall", "rise_percent",
                                           "fall_percent", "reference_change", "haemolysed", NULL };
static const char *const TREND_KEYS[]  = { "codes", "help", "within", "results", "at", "severity", "rise_percent", "fall_percent", "haemolysed", NULL };
static const char *const CHANGE_KEYS[] = { "analytical_cv", "within_person_cv", "z", "direction", "distribution", NULL };

#define HUNDRED_PERCENT    100000000
#define PERCENT_MAX        INT64_C(1000000000) /* 1,000 % */
#define TREND_RESULT_MIN   4

/* ---- Limits ---- */

/* "rise_percent" and "fall_percent": 0 where there is none. */
static void
load_percents(struct loader *loader, const struct json *row, int64_t limits[DIRECTION_COUNT])
{
    limits[DIRECTION_RISE] = load_positive(loader, row, "rise_percent", 0);
    limits[DIRECTION_FALL] = load_positive(loader, row, "fall_percent", 0);
    if (limits[DIRECTION_RISE] > PERCENT_MAX)
        load_error(loader, json_find(row, "rise_percent"), NULL, "\"rise_percent\" is above 1,000");
    if (limits[DIRECTION_FALL] >= HUNDRED_PERCENT)
        load_error(loader, json_find(row, "fall_percent"), NULL, "nothing falls by 100 %% and is still above 0");
}

/* { "severity": "low" } */
static bool
load_haemolysed(struct loader *loader, const struct json *row, enum severity fallback, enum severity *ret_severity)
{
    static const char *const KEYS[] = { "severity", NULL };
    const struct json       *object = json_find(row, "haemolysed");
    if (object == NULL || !load_keys(loader, object, KEYS))
        return false;
    *ret_severity = load_severity(loader, object, fallback);
    return true;
}

static int64_t
load_cv(struct loader *loader, const struct json *object, const char *key)
{
    const int64_t cv = load_positive(loader, object, key, 0);
    if (json_find(object, key) == NULL)
        load_error(loader, object, NULL, "\"%s\" is missing: a coefficient of variation in percent", key);
    if (cv > REFERENCE_CHANGE_CV_MAX)
        load_error(loader, json_find(object, key), NULL, "\"%s\" is above 1,000", key);
    return cv;
}

static void
load_change(struct loader *loader, const struct json *row, struct rule_delta *delta)
{
    static const char *const DIRECTIONS[]    = { "rise", "fall", "either", NULL };
    static const char *const DISTRIBUTIONS[] = { "symmetric", "skewed", NULL };
    const struct json       *object          = json_find(row, "reference_change");
    struct reference_change *change          = &delta->change;
    if (object == NULL || !load_keys(loader, object, CHANGE_KEYS))
        return;
    const int direction      = load_name(loader, object, "direction", DIRECTIONS, DIRECTION_COUNT);
    change->analytical_cv    = load_cv(loader, object, "analytical_cv");
    change->within_person_cv = load_cv(loader, object, "within_person_cv");
    change->is_skewed        = load_name(loader, object, "distribution", DISTRIBUTIONS, 0) == 1;
    change->z                = load_positive(loader, object, "z", direction == DIRECTION_COUNT ? 1960000 : 1650000); /* 95 %. */
    if (change->z > REFERENCE_CHANGE_Z_MAX)
        load_error(loader, json_find(object, "z"), NULL, "\"z\" is above 10");
    if (change->z > REFERENCE_CHANGE_Z_MAX || change->analytical_cv > REFERENCE_CHANGE_CV_MAX || change->within_person_cv > REFERENCE_CHANGE_CV_MAX)
        return;
    if (direction != DIRECTION_FALL)
        delta->limits[MEASURE_REFERENCE_CHANGE][DIRECTION_RISE] = reference_change_rise(change);
    if (direction != DIRECTION_RISE)
        delta->limits[MEASURE_REFERENCE_CHANGE][DIRECTION_FALL] = reference_change_fall(change);
}

/* ---- Checks ---- */

/* What the rule remembers must be longer: an earlier result is forgotten by when it became known. */
static int64_t
load_within(struct loader *loader, const struct json *row, const struct rule_pack *rule)
{
    const int64_t within_us = load_duration(loader, row, "within", US_PER_DAY);
    if (json_find(row, "within") == NULL)
        load_error(loader, row, NULL, "\"within\" is missing: how old the results may be that a check looks at");
    else if (within_us >= rule->history_us)
        load_error(loader, json_find(row, "within"), NULL, "the rule's \"history\" is not longer than \"within\"");
    return within_us;
}

static void
load_delta(struct loader *loader, const struct json *row, const struct rule_pack *rule, struct rule_delta *delta)
{
    static const char *const AGAINST[] = { "previous", "extreme", NULL };
    bool                     has_limit = false;
    delta->help               = load_text(loader, row, "help", true).data;
    delta->within_us          = load_within(loader, row, rule);
    delta->is_against_extreme = load_name(loader, row, "against", AGAINST, 0) == 1;
    delta->reaches            = load_reaches(loader, row, "at", true);
    delta->severity           = load_severity(loader, row, rule->severity);
    delta->limits[MEASURE_ABSOLUTE][DIRECTION_RISE] = load_positive(loader, row, "rise", 0);
    delta->limits[MEASURE_ABSOLUTE][DIRECTION_FALL] = load_positive(loader, row, "fall", 0);
    load_percents(loader, row, delta->limits[MEASURE_PERCENT]);
    load_change(loader, row, delta);
    delta->has_haemolysed = load_haemolysed(loader, row, delta->severity, &delta->haemolysed_severity);
    for (int measure = 0; measure < MEASURE_COUNT; measure++)
        has_limit |= delta->limits[measure][DIRECTION_RISE] > 0 || delta->limits[measure][DIRECTION_FALL] > 0;
    if (!has_limit)
        load_error(loader, row, NULL, "a check has a limit: \"rise\", \"fall\", \"rise_percent\", \"fall_percent\" or \"reference_change\"");
}

static void
load_trend(struct loader *loader, const struct json *row, const struct rule_pack *rule, struct rule_trend *trend)
{
    trend->help         = load_text(loader, row, "help", true).data;
    trend->within_us    = load_within(loader, row, rule);
    trend->result_count = load_whole(loader, row, "results", TREND_RESULT_MIN, TREND_POINT_COUNT_MAX);
    trend->reaches      = load_reaches(loader, row, "at", true);
    trend->severity     = load_severity(loader, row, rule->severity);
    load_percents(loader, row, trend->limits);
    trend->has_haemolysed = load_haemolysed(loader, row, trend->severity, &trend->haemolysed_severity);
    if (trend->within_us > TREND_DAYS_MAX * US_PER_DAY)
        load_error(loader, json_find(row, "within"), NULL, "a trend is looked for in at most %d days", TREND_DAYS_MAX);
    if (trend->result_count < TREND_RESULT_MIN)
        load_error(loader, json_find(row, "results"), NULL, "a trend wants at least %d results", TREND_RESULT_MIN);
    if (trend->limits[DIRECTION_RISE] == 0 && trend->limits[DIRECTION_FALL] == 0)
        load_error(loader, row, NULL, "a check has a limit: \"rise_percent\", \"fall_percent\" or both");
}

/* A code is of one series: else which check it means would be left to their order. */
static void
refuse_repeated_codes(struct loader *loader, const struct json *row, const struct rule_series *series, uint32_t index)
{
    for (uint32_t i = 0; i < series[index].code_count; i++)
        for (uint32_t other = 0; other < index; other++)
            for (uint32_t k = 0; k < series[other].code_count; k++)
                if (strcmp(series[index].codes[i].code, series[other].codes[k].code) == 0)
                    load_error(loader, json_find(row, "codes"), NULL, "%s is in an earlier check", series[index].codes[i].code);
}

void
load_series_checks(struct loader *loader, const struct document *document, struct rule_pack *rule)
{
    const bool         is_delta = rule->kind == RULE_DELTA_CHECK;
    uint32_t           index    = 0;
    rule->adult_years           = load_whole(loader, find_in_files(loader, document, "adult_years"), "adult_years", 18, LOAD_YEARS_MAX);
    const struct json *list     = load_list(loader, find_in_files(loader, document, "checks"), "checks", true);
    if (list == NULL)
        return;
    struct rule_series *series = LOAD_ARRAY(loader, struct rule_series, list->count);
    struct rule_delta  *deltas = LOAD_ARRAY(loader, struct rule_delta, list->count);
    struct rule_trend  *trends = LOAD_ARRAY(loader, struct rule_trend, list->count);
    for (const struct json *row = list->first; series != NULL && deltas != NULL && trends != NULL && row != NULL; row = row->next) {
        if (load_keys(loader, row, is_delta ? DELTA_KEYS : TREND_KEYS)) {
            load_series(loader, row, "codes", &series[index]);
            refuse_repeated_codes(loader, row, series, index);
            if (is_delta)
                load_delta(loader, row, rule, &deltas[index]);
            else
                load_trend(loader, row, rule, &trends[index]);
        }
        index++;
    }
    rule->series       = series;
    rule->series_count = index;
    rule->deltas       = is_delta ? deltas : NULL;
    rule->trends       = is_delta ? NULL : trends;
}
