/* rules/NAME.json: a rule and what a site's files say of it, merged key by key, the last one first. */
#include "base/check.h"
#include "base/decimal.h"
#include "base/time.h"
#include "health/codes.h"
#include "health/units.h"
#include "model/load_int.h"

/* Of all kinds, then of each. */
static const char *const RULE_KEYS[]   = { "rule", "kind", "entity", "help", "version", "approved", "severity", "cooldown", "history", "rules", NULL };
static const char *const CRITICAL_KEYS[] = { "limits", "laboratory_flags", NULL };
static const char *const ACCESS_KEYS[]   = { "before",     "after",         "explained_by", "flags", "severities",
                                             "alert_from", "shortly_after", "house_wide",   NULL };
static const char *const KIDNEY_KEYS[]   = { "codes",       "reference", "days",  "recent_days", "look_back_days", "ratios",         "ratio_at", "rise",
                                             "rise_window", "rise_at",   "level", "level_at",    "adult_years",    "level_multiple", NULL };
static const char *const CHECKS_KEYS[]   = { "checks", "adult_years", NULL };
static const char *const INTERACTION_KEYS[] = { "source", "orders", "types", "order_types", "single_dose", "not_taken", "stopped", "completed",
                                                "ingredients", "groups", "pairs", NULL };
static const char *const VOLUME_KEYS[]      = { "days", "peers", "settle", "late", "zone", "volume", "breadth", "severities", NULL };
static const char *const *const KIND_KEYS[RULE_KIND_COUNT] = { CRITICAL_KEYS, ACCESS_KEYS, KIDNEY_KEYS, CHECKS_KEYS, CHECKS_KEYS, INTERACTION_KEYS,
                                                                   VOLUME_KEYS };
static const char *const LIMIT_KEYS[]    = { "code", "help", "unit", "low", "high", "age_min_years", "age_max_years",
                                             "severity", "haemolysed", NULL };
static const char *const APPROVED_KEYS[] = { "version", "by", "on", NULL };
static const char *const KIND_NAMES[]    = { "critical_value", "no_treatment_relationship", "acute_kidney_injury", "delta_check", "relative_trend",
                                             "medication_interaction", "access_volume", NULL };

#define LIMIT_SCALE   6
#define AGE_MAX_YEARS 200

const struct json *
find_in_files(struct loader *loader, const struct document *document, const char *key)
{
    for (;; document = document->earlier) {
        loader->file = document->file;
        if (json_find(document->root, key) != NULL || document->earlier == NULL)
            return document->root;
    }
}

enum severity
load_severity(struct loader *loader, const struct json *object, enum severity fallback)
{
    static const char *const SEVERITIES[] = { "low", "medium", "high", "critical", NULL };
    return (enum severity)load_name(loader, object, "severity", SEVERITIES, (int)fallback);
}

/* ---- Limits ---- */

static bool
load_number(struct loader *loader, const struct json *row, const char *key, int64_t *ret_value)
{
    const struct json *value = json_find(row, key);
    if (value == NULL)
        return false;
    if (value->type != JSON_NUMBER || decimal_parse(value->text, LIMIT_SCALE, ret_value) != DECIMAL_EXACT) {
        load_error(loader, value, NULL, "\"%s\" is no number with at most 12 digits before and 6 behind the point", key);
        return false;
    }
    return true;
}

static int32_t
load_age(struct loader *loader, const struct json *row, const char *key)
{
    const struct json *value = json_find(row, key);
    int64_t            years = 0;
    if (value == NULL)
        return 0;
    if (value->type != JSON_NUMBER || !str_to_int64(value->text, &years) || years < 0 || years > AGE_MAX_YEARS) {
        load_error(loader, value, NULL, "\"%s\" is no whole number of years from 0 to %d", key, AGE_MAX_YEARS);
        return 0;
    }
    return (int32_t)years;
}

/* A limit in another unit than that of the normalized values would be compared with the wrong number. */
static void
check_unit(struct loader *loader, const struct json *row, const struct rule_limit *limit)
{
    const struct json    *value   = json_find(row, "unit");
    const struct analyte *analyte = analyte_find(str_from(limit->code));
    const struct unit    *unit    = unit_find(str_from(limit->unit));
    if (analyte != NULL && strcmp(analyte->unit, limit->unit) != 0)
        load_error(loader, value, NULL, "results of %s are kept in %s, not in %s", limit->code, analyte->unit, limit->unit);
    else if (unit == NULL || strcmp(unit->code, limit->unit) != 0)
        load_error(loader, value, NULL, "\"%s\" is no unit of model/terms/units.json", limit->unit);
}

/* { "high": 8.0, "severity": "high" }: above the limit's own. */
static void
load_haemolysed_limit(struct loader *loader, const struct json *row, struct rule_limit *limit)
{
    static const char *const KEYS[] = { "high", "severity", NULL };
    const struct json       *object = json_find(row, "haemolysed");
    if (object == NULL || !load_keys(loader, object, KEYS))
        return;
    limit->has_haemolysed      = load_number(loader, object, "high", &limit->haemolysed_high);
    limit->haemolysed_severity = load_severity(loader, object, limit->severity);
    if (json_find(object, "high") == NULL)
        load_error(loader, object, NULL, "\"high\" is missing: from where on a haemolysed specimen no longer explains it");
    else if (!limit->has_high || limit->haemolysed_high <= limit->high)
        load_error(loader, object, NULL, "the limit of haemolysed specimens is not above the limit's own \"high\"");
}

static void
load_limit(struct loader *loader, const struct json *row, enum severity severity, struct rule_limit *limit)
{
    *limit = (struct rule_limit){ .code = "", .unit = "", .line = row->line, .column = row->column };
    if (!load_keys(loader, row, LIMIT_KEYS))
        return;
    struct str code = load_text(loader, row, "code", true);
    struct str unit = load_text(loader, row, "unit", true);
    limit->help     = load_text(loader, row, "help", false).data;
    limit->severity = load_severity(loader, row, severity);
    limit->has_low  = load_number(loader, row, "low", &limit->low);
    limit->has_high = load_number(loader, row, "high", &limit->high);
    limit->age_min_years = load_age(loader, row, "age_min_years");
    limit->age_max_years = load_age(loader, row, "age_max_years");
    load_haemolysed_limit(loader, row, limit);
    if (json_find(row, "low") == NULL && json_find(row, "high") == NULL)
        load_error(loader, row, NULL, "a limit has \"low\", \"high\" or both");
    if (limit->has_low && limit->has_high && limit->low >= limit->high)
        load_error(loader, json_find(row, "low"), NULL, "\"low\" is not below \"high\"");
    if (limit->age_max_years != 0 && limit->age_max_years <= limit->age_min_years)
        load_error(loader, json_find(row, "age_max_years"), NULL, "\"age_max_years\" is not above \"age_min_years\"");
    if (code.size == 0 || unit.size == 0)
        return;
    limit->code = code.data;
    limit->unit = unit.data;
    if (!loinc_is_valid(code))
        load_error(loader, json_find(row, "code"), NULL, "\"%s\" is no LOINC code: its check digit does not hold", code.data);
    check_unit(loader, row, limit);
}

/* Two limits of one code may not both hold for an age: which of them fires would be left to chance. */
static void
check_overlaps(struct loader *loader, const struct rule_pack *rule)
{
    for (uint32_t i = 1; i < rule->limit_count; i++) {
        const struct rule_limit *limit = &rule->limits[i];
        for (uint32_t j = 0; j < i; j++) {
            const struct rule_limit *other = &rule->limits[j];
            if (strcmp(limit->code, other->code) != 0 ||
                (limit->age_max_years != 0 && limit->age_max_years <= other->age_min_years) ||
                (other->age_max_years != 0 && other->age_max_years <= limit->age_min_years))
                continue;
            struct model_text place = { .line = limit->line, .column = limit->column };
            load_error_text(loader, &place, NULL, "the ages of two limits of %s overlap", limit->code);
        }
    }
}

static void
load_limits(struct loader *loader, const struct document *document, struct rule_pack *rule)
{
    const struct json *list = load_list(loader, find_in_files(loader, document, "limits"), "limits", true);
    if (list == NULL)
        return;
    struct rule_limit *limits = LOAD_ARRAY(loader, struct rule_limit, list->count);
    uint32_t           index  = 0;
    for (const struct json *row = list->first; limits != NULL && row != NULL; row = row->next)
        load_limit(loader, row, rule->severity, &limits[index++]);
    rule->limits      = limits;
    rule->limit_count = limits == NULL ? 0 : list->count;
    check_overlaps(loader, rule);
}

static void
load_flags(struct loader *loader, const struct document *document, struct rule_pack *rule)
{
    const struct json *root = find_in_files(loader, document, "laboratory_flags");
    const struct json *list = json_find(root, "laboratory_flags");
    if (list == NULL)
        return;
    if (list->type != JSON_ARRAY) {
        load_error(loader, list, NULL, "\"laboratory_flags\" is %s, not a list", json_type_name(list->type));
        return;
    }
    const char **flags = LOAD_ARRAY(loader, const char *, list->count);
    uint32_t     index = 0;
    for (const struct json *item = list->first; flags != NULL && item != NULL; item = item->next) {
        flags[index] = "";
        if (item->type != JSON_TEXT || item->text.size == 0)
            load_error(loader, item, NULL, "a flag is a code of HL7 table 0078, such as \"HH\"");
        else
            flags[index] = item->text.data;
        index++;
    }
    rule->laboratory_flags      = flags;
    rule->laboratory_flag_count = index;
}

/* ---- Explanations ---- */

static void
load_explanations(struct loader *loader, const struct document *document, struct rule_pack *rule)
{
    const struct json *list = load_list(loader, find_in_files(loader, document, "explained_by"), "explained_by", true);
    if (list == NULL)
        return;
    const struct entity **entities = LOAD_ARRAY(loader, const struct entity *, list->count);
    uint32_t              count    = 0;
    for (const struct json *item = list->first; entities != NULL && item != NULL; item = item->next) {
        const struct entity *entity = load_entity_name(loader, item);
        if (entity == NULL)
            continue;
        if (entity_column_find(entity, "department") < 0 || entity_column_find(entity, "patient_id") < 0)
            load_error(loader, item, NULL, "entity \"%s\" explains no access: it has no patient_id and department",
                       entity->name);
        entities[count++] = entity;
    }
    rule->explained_by       = entities;
    rule->explained_by_count = count;
}

/* ---- The rule ---- */

static void
load_approval(struct loader *loader, const struct document *document, struct rule_pack *rule)
{
    const struct json *root  = find_in_files(loader, document, "approved");
    const struct json *value = json_find(root, "approved");
    if (value == NULL || (value->type == JSON_BOOL && !value->is_true))
        return;
    if (value->type == JSON_BOOL) {
        load_error(loader, value, NULL, "an approval says which version, by whom and on which day");
        return;
    }
    if (!load_keys(loader, value, APPROVED_KEYS))
        return;
    struct str version = load_text(loader, value, "version", true);
    rule->approved_by  = load_text(loader, value, "by", true).data;
    struct str day     = load_text(loader, value, "on", true);
    if (day.size > 0 && !date_parse(day, &rule->approved_on))
        load_error(loader, json_find(value, "on"), NULL, "\"%s\" is no date such as 2026-01-15", day.data);
    if (version.size > 0 && rule->version != NULL && strcmp(version.data, rule->version) != 0)
        load_error(loader, json_find(value, "version"), NULL,
                   "version \"%s\" is approved, but the rule is version \"%s\": its limits are to be read and approved anew",
                   version.data, rule->version);
    rule->is_approved = true;
}

/* What each kind reads of its entity. */
static void
check_columns(struct loader *loader, const struct json *value, const struct rule_pack *rule)
{
    static const char *const CRITICAL[] = { "patient_system", "patient_id", "lab_result_id", "normalized_component_code",
                                            "normalized_units", "normalized_value", "normalized_abnormal_flag", "status",
                                            "status_action", "effective_time", NULL };
    static const char *const ACCESS[]   = { "patient_system",  "patient_id",     "access_event_id", "user_system", "user_id",
                                            "user_department", "effective_time", NULL };
    static const char *const VOLUME[]   = { "patient_system",  "patient_id",     "access_event_id", "user_system", "user_id",
                                            "user_department", "effective_time", "user_role",       NULL };
    static const char *const DRUG[]     = { "patient_system",     "patient_id",            "medication_id",       "medication_type", "source_code_type",
                                            "source_code",        "source_description",    "status",              "status_action",   "days_supply",
                                            "medication_start_time", "medication_end_time", "effective_time",     NULL };
    const char *const *names = rule->kind == RULE_NO_TREATMENT_RELATIONSHIP ? ACCESS : rule->kind == RULE_ACCESS_VOLUME ? VOLUME
                               : rule->kind == RULE_MEDICATION_INTERACTION  ? DRUG : CRITICAL;
    for (size_t i = 0; names[i] != NULL; i++)
        if (entity_column_find(rule->entity, names[i]) < 0)
            load_error(loader, value, NULL, "entity \"%s\" has no column \"%s\", which rules of this kind judge",
                       rule->entity->name, names[i]);
}

static void
load_kind(struct loader *loader, const struct document *document, struct rule_pack *rule)
{
    const struct json *root = find_in_files(loader, document, "kind");
    if (json_find(root, "kind") == NULL)
        load_error(loader, root, NULL, "\"kind\" is missing");
    rule->kind              = (enum rule_kind)load_name(loader, root, "kind", KIND_NAMES, RULE_CRITICAL_VALUE);
    root                    = find_in_files(loader, document, "entity");
    const struct json *name = json_find(root, "entity");
    if (name == NULL)
        load_error(loader, root, NULL, "\"entity\" is missing");
    else if ((rule->entity = load_entity_name(loader, name)) != NULL)
        check_columns(loader, name, rule);
}

static bool
has_key(const char *const *keys, struct str key)
{
    while (*keys != NULL && !str_equal(str_from(*keys), key))
        keys++;
    return *keys != NULL;
}

/* Keys of another kind would be read by nobody. */
static void
refuse_keys(struct loader *loader, const struct json *root, enum rule_kind kind)
{
    for (const struct json *member = root->first; member != NULL; member = member->next) {
        bool is_of_another = false;
        for (int other = 0; other < RULE_KIND_COUNT; other++)
            is_of_another |= has_key(KIND_KEYS[other], member->key);
        if (is_of_another && !has_key(KIND_KEYS[kind], member->key))
            load_error_key(loader, member, NULL, "a rule of kind %s has no \"%.*s\"", KIND_NAMES[kind], STR_PRINTF(member->key));
    }
}

/* All that any kind has: which of them a file may give follows from the rule's. */
static bool
load_rule_keys(struct loader *loader, const struct json *root)
{
    const char *all[64];
    size_t      count = 0;
    for (int kind = -1; kind < RULE_KIND_COUNT; kind++)
        for (const char *const *keys = kind < 0 ? RULE_KEYS : KIND_KEYS[kind]; *keys != NULL; keys++) {
            CHECK(count + 1 < sizeof(all) / sizeof(*all));
            all[count++] = *keys;
        }
    all[count] = NULL;
    return load_keys(loader, root, all);
}

static void
load_parts(struct loader *loader, const struct document *document, struct rule_pack *rule)
{
    switch (rule->kind) {
    case RULE_CRITICAL_VALUE:
        load_limits(loader, document, rule);
        load_flags(loader, document, rule);
        return;
    case RULE_NO_TREATMENT_RELATIONSHIP:
        rule->before_us = load_duration(loader, find_in_files(loader, document, "before"), "before", 30 * US_PER_DAY);
        rule->after_us  = load_duration(loader, find_in_files(loader, document, "after"), "after", 7 * US_PER_DAY);
        load_explanations(loader, document, rule);
        load_access_rule(loader, document, rule);
        return;
    case RULE_ACUTE_KIDNEY_INJURY:
        load_kidney(loader, document, rule);
        return;
    case RULE_DELTA_CHECK:
    case RULE_RELATIVE_TREND:
        load_series_checks(loader, document, rule);
        return;
    case RULE_MEDICATION_INTERACTION:
        load_interaction(loader, document, rule);
        return;
    case RULE_ACCESS_VOLUME:
        load_access_volume(loader, document, rule);
        return;
    }
    CHECK(false); /* The kind is one of KIND_NAMES. */
}

void
load_rule(struct loader *loader, const struct document *document, struct rule_pack *rule)
{
    rule->name = document->name.data;
    rule->file = document->file;
    load_kind(loader, document, rule);
    for (const struct document *file = document; file != NULL; file = file->earlier) {
        loader->file = file->file;
        if (load_rule_keys(loader, file->root))
            refuse_keys(loader, file->root, rule->kind);
    }
    rule->help        = load_text(loader, find_in_files(loader, document, "help"), "help", true).data;
    rule->version     = load_text(loader, find_in_files(loader, document, "version"), "version", true).data;
    rule->severity    = load_severity(loader, find_in_files(loader, document, "severity"), SEVERITY_MEDIUM);
    rule->cooldown_us = load_duration(loader, find_in_files(loader, document, "cooldown"), "cooldown", US_PER_DAY);
    rule->history_us  = load_duration(loader, find_in_files(loader, document, "history"), "history", 31 * US_PER_DAY);
    load_approval(loader, document, rule);
    load_parts(loader, document, rule);
}

/* ---- Rules that belong to a rule ---- */

static const struct rule_pack *
find_member(struct loader *loader, const struct json *item)
{
    if (item->type != JSON_TEXT) {
        load_error(loader, item, NULL, "\"rules\" names rules by text, not by %s",
                   json_type_name(item->type));
        return NULL;
    }
    const struct rule_pack *member = model_rule(loader->model, item->text);
    if (member != NULL)
        return member;
    struct suggestion suggestion = suggestion_init(item->text);
    for (uint32_t i = 0; i < loader->model->rule_count; i++)
        suggestion_offer(&suggestion, str_from(loader->model->rules[i].name));
    load_error(loader, item, &suggestion, "there is no rule \"%.*s\"", STR_PRINTF(item->text));
    return NULL;
}

struct members {
    const struct rule_pack **items; /* Room for all rules of the model. */
    uint32_t                 count;
};

static void
add_member(struct members *members, const struct rule_pack *rule)
{
    for (uint32_t i = 0; i < members->count; i++)
        if (members->items[i] == rule)
            return;
    members->items[members->count++] = rule;
}

/* Those of its members too. */
static void
add_all(struct members *members)
{
    for (uint32_t i = 0; i < members->count; i++)
        for (uint32_t k = 0; k < members->items[i]->member_count; k++)
            add_member(members, members->items[i]->members[k]);
}

static bool
has_member(const struct members *members, const struct rule_pack *rule)
{
    for (uint32_t i = 0; i < members->count; i++)
        if (members->items[i] == rule)
            return true;
    return false;
}

/* What the rule's files name; NULL: nothing. No rule at all is an answer, too. */
static const struct json *
load_named_members(struct loader *loader, const struct document *document, struct members *members)
{
    const struct json *list = json_find(find_in_files(loader, document, "rules"), "rules");
    if (list != NULL && list->type != JSON_ARRAY) {
        load_error(loader, list, NULL, "\"rules\" is %s, not a list", json_type_name(list->type));
        return NULL;
    }
    for (const struct json *item = list == NULL ? NULL : list->first; item != NULL; item = item->next) {
        const struct rule_pack *member = find_member(loader, item);
        if (member != NULL)
            add_member(members, member);
    }
    return list;
}

/* A rule that belongs to itself would never end: which of the names leads back to it? */
static bool
check_cycle(struct loader *loader, const struct json *list, const struct rule_pack *rule,
            struct members *scratch)
{
    bool is_ok = true;
    for (const struct json *item = list->first; item != NULL; item = item->next) {
        const struct rule_pack *member =
            item->type == JSON_TEXT ? model_rule(loader->model, item->text) : NULL;
        scratch->count = 0;
        if (member == NULL)
            continue;
        add_member(scratch, member);
        add_all(scratch);
        if (has_member(scratch, rule)) {
            load_error(loader, item, NULL,
                       member == rule ? "rule \"%s\" cannot belong to itself"
                                      : "rule \"%s\" belongs to itself by way of \"%s\"",
                       rule->name, member->name);
            is_ok = false;
        }
    }
    return is_ok;
}

void
load_rule_members(struct loader *loader, const struct document *const *documents, struct rule_pack *rules,
                  uint32_t count)
{
    const struct json **lists = LOAD_ARRAY(loader, const struct json *, count);
    struct members *members   = LOAD_ARRAY(loader, struct members, count + 1u); /* The last one is scratch. */
    for (uint32_t i = 0; members != NULL && i <= count; i++)
        members[i].items = LOAD_ARRAY(loader, const struct rule_pack *, count);
    if (loader->is_out_of_memory || count == 0)
        return;
    for (uint32_t i = 0; i < count; i++) {
        lists[i]              = load_named_members(loader, documents[i], &members[i]);
        rules[i].members      = members[i].items;
        rules[i].member_count = members[i].count;
    }
    for (uint32_t i = 0; i < count; i++) {
        find_in_files(loader, documents[i], "rules");
        if (lists[i] == NULL || !check_cycle(loader, lists[i], &rules[i], &members[count]))
            continue;
        add_all(&members[i]);
        rules[i].member_count = members[i].count;
    }
}
