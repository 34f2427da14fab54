/* Looking things up in a model, and the names of its enums. */
#include "model/model.h"

#include <string.h>

static const char *const OUTCOME_NAMES[]  = { "loaded", "deduplicated", "filtered", "quarantined", "late", "field", "lost" };
static const char *const ACTION_NAMES[]   = { "null", "quarantine", "warn", "repair" };
static const char *const FORMAT_NAMES[]   = { "csv", "hl7v2", "json", "fhir-r4", "x12", "fixed" };
static const char *const SEVERITY_NAMES[] = { "low", "medium", "high", "critical" };

const char *
outcome_name(enum outcome outcome)
{
    return OUTCOME_NAMES[outcome];
}

const char *
model_action_name(enum model_action action)
{
    return ACTION_NAMES[action];
}

const char *
model_format_name(enum model_format format)
{
    return FORMAT_NAMES[format];
}

bool
model_format_find(struct str name, enum model_format *ret_format)
{
    for (int i = 0; i < MODEL_FORMAT_COUNT; i++) {
        if (str_equal(name, str_from(FORMAT_NAMES[i]))) {
            *ret_format = (enum model_format)i;
            return true;
        }
    }
    return false;
}

const char *
severity_name(enum severity severity)
{
    return SEVERITY_NAMES[severity];
}

int32_t
entity_column_find(const struct entity *entity, const char *name)
{
    for (uint32_t i = 0; i < entity->column_count; i++)
        if (strcmp(entity->columns[i].name, name) == 0)
            return (int32_t)i;
    return -1;
}

int32_t
mapping_field_find(const struct mapping *mapping, const char *name)
{
    for (uint32_t i = 0; i < mapping->field_count; i++)
        if (strcmp(mapping->fields[i].name, name) == 0)
            return (int32_t)i;
    return -1;
}

const struct entity *
model_entity(const struct model *model, struct str name)
{
    for (uint32_t i = 0; i < model->entity_count; i++)
        if (str_equal(name, str_from(model->entities[i].name)))
            return &model->entities[i];
    return NULL;
}

const struct mapping *
model_mapping(const struct model *model, struct str name)
{
    for (uint32_t i = 0; i < model->mapping_count; i++)
        if (str_equal(name, str_from(model->mappings[i].name)))
            return &model->mappings[i];
    return NULL;
}

bool
rule_has_series(const struct rule_pack *rule)
{
    return rule->kind == RULE_ACUTE_KIDNEY_INJURY || rule->kind == RULE_DELTA_CHECK || rule->kind == RULE_RELATIVE_TREND;
}

bool
rule_has_past(const struct rule_pack *rule)
{
    return rule_has_series(rule) || rule->kind == RULE_MEDICATION_INTERACTION;
}

const struct entity *
rule_other_entity(const struct rule_pack *rule, uint32_t index)
{
    if (index < rule->explained_by_count)
        return rule->explained_by[index];
    index -= rule->explained_by_count;
    return index < rule->interaction.order_count ? rule->interaction.orders[index] : NULL;
}

bool
rule_judges_drugs_of(const struct rule_pack *rule, const struct entity *entity)
{
    bool judges = rule->entity == entity;
    for (uint32_t i = 0; i < rule->interaction.order_count; i++)
        judges |= rule->interaction.orders[i] == entity;
    return judges && rule->kind == RULE_MEDICATION_INTERACTION;
}

const struct rule_pack *
model_rule(const struct model *model, struct str name)
{
    for (uint32_t i = 0; i < model->rule_count; i++)
        if (str_equal(name, str_from(model->rules[i].name)))
            return &model->rules[i];
    return NULL;
}

const struct reason *
model_reason(const struct model *model, struct str code)
{
    for (uint32_t i = 0; i < model->reason_count; i++)
        if (str_equal(code, str_from(model->reasons[i].code)))
            return &model->reasons[i];
    return NULL;
}
