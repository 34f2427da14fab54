/* What rules about the course of results have: the series that they go by, and how acute kidney injury is told. */
#include "base/decimal.h"
#include "base/time.h"
#include "health/codes.h"
#include "health/units.h"
#include "model/load_int.h"

#define NUMBER_SCALE 6
#define DAYS_MAX     3650

/* ---- Numbers ---- */

/* In millionths. */
int64_t
load_positive(struct loader *loader, const struct json *object, const char *key, int64_t fallback)
{
    const struct json *value  = json_find(object, key);
    int64_t            number = 0;
    if (value == NULL)
        return fallback;
    if (value->type != JSON_NUMBER || decimal_parse(value->text, NUMBER_SCALE, &number) != DECIMAL_EXACT || number <= 0) {
        load_error(loader, value, NULL, "\"%s\" is no number above 0 with at most 12 digits before and 6 behind the point", key);
        return fallback;
    }
    return number;
}

int32_t
load_whole(struct loader *loader, const struct json *object, const char *key, int32_t fallback, int32_t max)
{
    const struct json *value = json_find(object, key);
    int64_t            whole = 0;
    if (value == NULL)
        return fallback;
    if (value->type != JSON_NUMBER || !str_to_int64(value->text, &whole) || whole < 0 || whole > max) {
        load_error(loader, value, NULL, "\"%s\" is no whole number from 0 to %d", key, max);
        return fallback;
    }
    return (int32_t)whole;
}

bool
load_reaches(struct loader *loader, const struct json *object, const char *key, bool fallback)
{
    static const char *const AT[] = { "reaches", "exceeds", NULL };
    return load_name(loader, object, key, AT, fallback ? 0 : 1) == 0;
}

/* ---- Series ---- */

/* How results of a code come to the unit of the first one: grams to moles under the first one's molar code. */
static void
load_code(struct loader *loader, const struct json *item, const struct rule_series *series, struct rule_code *code)
{
    struct unit_conversion *conversion = LOAD_ARRAY(loader, struct unit_conversion, 1);
    *code = (struct rule_code){ "", conversion };
    if (conversion == NULL)
        return;
    if (item->type != JSON_TEXT || !loinc_is_valid(item->text)) {
        load_error(loader, item, NULL, "a code is a LOINC code as text, whose check digit holds");
        return;
    }
    code->code                     = item->text.data;
    const struct analyte *analyte  = analyte_find(item->text);
    const char           *first    = series->codes[0].code;
    const struct unit    *unit     = analyte == NULL ? NULL : unit_of_result(str_from(first), str_from(analyte->unit), conversion);
    if (analyte == NULL)
        load_error(loader, item, NULL, "%s is no analyte of model/terms/units.json: in what its results are kept is not known", code->code);
    else if (code != series->codes && (unit == NULL || strcmp(unit->code, series->unit) != 0))
        load_error(loader, item, NULL, "results of %s are kept in %s, which cannot be brought to %s of %s", code->code, analyte->unit,
                   series->unit, first);
}

void
load_series(struct loader *loader, const struct json *object, const char *key, struct rule_series *series)
{
    const struct json *list = load_list(loader, object, key, true);
    *series                 = (struct rule_series){ .unit = "" };
    if (list == NULL)
        return;
    struct rule_code *codes = LOAD_ARRAY(loader, struct rule_code, list->count);
    uint32_t          index = 0;
    series->codes           = codes;
    if (codes != NULL && list->first->type == JSON_TEXT) {
        const struct analyte *analyte = analyte_find(list->first->text);
        codes[0].code                 = list->first->text.data;
        series->unit                  = analyte == NULL ? "" : analyte->unit;
    }
    for (const struct json *item = list->first; codes != NULL && item != NULL; item = item->next) {
        load_code(loader, item, series, &codes[index]);
        for (uint32_t i = 0; i < index; i++)
            if (strcmp(codes[i].code, codes[index].code) == 0)
                load_error(loader, item, NULL, "%s is named twice", codes[index].code);
        index++;
    }
    series->code_count = index;
}

/* ---- Acute kidney injury ---- */

static const char *const REFERENCES[] = { "higher_ratio", "recent_first", NULL };
static const char *const DAYS[]       = { "whole", "elapsed", NULL };

/* Each of its keys may come from another file. */
#define FIND(KEY) find_in_files(loader, document, (KEY)), (KEY)

static void
load_ratios(struct loader *loader, const struct document *document, int64_t ratios[3])
{
    const struct json *list = json_find(find_in_files(loader, document, "ratios"), "ratios");
    int64_t            last = 1000000;
    uint32_t           index = 0;
    if (list == NULL)
        return;
    for (const struct json *item = list->type == JSON_ARRAY && list->count == 3 ? list->first : NULL; item != NULL; item = item->next) {
        if (item->type != JSON_NUMBER || decimal_parse(item->text, NUMBER_SCALE, &ratios[index]) != DECIMAL_EXACT || ratios[index] <= last)
            break;
        last = ratios[index++];
    }
    if (index != 3)
        load_error(loader, list, NULL, "\"ratios\" is no list of three ascending numbers above 1");
}

/* Where the key stands; the whole rule where no file gives it. */
static const struct json *
place_of(struct loader *loader, const struct document *document, const char *key)
{
    const struct json *root  = find_in_files(loader, document, key);
    const struct json *value = json_find(root, key);
    return value != NULL ? value : root;
}

void
load_kidney(struct loader *loader, const struct document *document, struct rule_pack *rule)
{
    struct rule_series *series = LOAD_ARRAY(loader, struct rule_series, 1);
    struct rule_kidney *kidney = &rule->kidney;
    if (series == NULL)
        return;
    load_series(loader, FIND("codes"), series);
    rule->series       = series;
    rule->series_count = 1;
    *kidney            = (struct rule_kidney){ .ratios = { 1500000, 2000000, 3000000 } };
    kidney->prefers_recent    = load_name(loader, FIND("reference"), REFERENCES, 0) == 1;
    kidney->counts_whole_days = load_name(loader, FIND("days"), DAYS, 0) == 0;
    kidney->recent_days       = load_whole(loader, FIND("recent_days"), 7, DAYS_MAX);
    kidney->look_back_days    = load_whole(loader, FIND("look_back_days"), 365, DAYS_MAX);
    load_ratios(loader, document, kidney->ratios);
    kidney->ratio_reaches  = load_reaches(loader, FIND("ratio_at"), true);
    kidney->rise           = load_positive(loader, FIND("rise"), 26000000);
    kidney->rise_reaches   = load_reaches(loader, FIND("rise_at"), false);
    kidney->rise_window_us = load_duration(loader, FIND("rise_window"), 2 * US_PER_DAY);
    kidney->level          = load_positive(loader, FIND("level"), 354000000);
    kidney->level_reaches  = load_reaches(loader, FIND("level_at"), false);
    rule->adult_years      = load_whole(loader, FIND("adult_years"), 18, LOAD_YEARS_MAX);
    kidney->level_multiple = load_positive(loader, FIND("level_multiple"), 3000000);
    if (kidney->look_back_days < kidney->recent_days)
        load_error(loader, place_of(loader, document, "recent_days"), NULL, "\"recent_days\" is more than \"look_back_days\"");
    if (rule->history_us < (kidney->look_back_days + 1) * US_PER_DAY)
        load_error(loader, place_of(loader, document, "history"), NULL,
                   "\"history\" is shorter than the %d days that are looked back, and one", kidney->look_back_days);
}
