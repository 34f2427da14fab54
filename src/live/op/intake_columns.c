/* Which columns of an entity become which columns of an event, by name. */
#include <string.h>

#include "base/check.h"
#include "live/op/intake_int.h"

/* Several entries for a column: the first column that the entity has comes first, the next one stands in where it is null. A
 * code comes from columns of components alone: what was ordered is not what was measured. */
static const struct {
    enum event_column to;
    const char       *from;
} names[] = {
    { EVENT_PATIENT_SYSTEM, "patient_system" },
    { EVENT_PATIENT_ID, "patient_id" },
    { EVENT_FACILITY, "facility" },
    { EVENT_ENCOUNTER_ID, "encounter_id" },
    { EVENT_LOCATION, "location" },
    { EVENT_CODE, "normalized_component_code" },
    { EVENT_CODE, "source_component_code" },
    { EVENT_VALUE, "normalized_value" },
    { EVENT_UNIT, "normalized_units" },
    { EVENT_UNIT, "source_units" },
    { EVENT_COMPARATOR, "source_comparator" },
    { EVENT_FLAG, "normalized_abnormal_flag" },
    { EVENT_CONDITION, "normalized_specimen_condition" },
    { EVENT_RESULT, "result" },
    { EVENT_RESULT_UNIT, "source_units" },
    { EVENT_STATUS, "status" },
    { EVENT_STATUS_ACTION, "status_action" },
    { EVENT_RESULT_ID, "lab_result_id" },
    { EVENT_RESULT_ID, "clinical_order_id" },
    { EVENT_RESULT_ID, "appointment_id" },
    { EVENT_RESULT_ID, "medication_id" },
    { EVENT_PRACTITIONER_ID, "ordering_practitioner_id" },
    { EVENT_PRACTITIONER_ID, "attending_practitioner_id" },
    { EVENT_PRACTITIONER_ID, "practitioner_id" },
    { EVENT_USER_SYSTEM, "user_system" },
    { EVENT_USER_SYSTEM, "practitioner_system" },
    { EVENT_USER_SYSTEM, "patient_system" }, /* Who assigned the patient's identifier numbered who ordered and attends. */
    { EVENT_USER_ID, "user_id" },
    { EVENT_DEPARTMENT, "user_department" },
    { EVENT_DEPARTMENT, "department" },
    { EVENT_BEGIN_TIME, "encounter_start_time" },
    { EVENT_BEGIN_TIME, "start_time" },
    { EVENT_BEGIN_TIME, "medication_start_time" },
    { EVENT_END_TIME, "encounter_end_time" },
    { EVENT_END_TIME, "end_time" },
    { EVENT_END_TIME, ENTITY_DRUG_END },
};
#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

/* Besides, where a rule judges the entity's drugs. */
static const struct {
    enum event_column to;
    const char       *from;
} drug_names[] = {
    { EVENT_DRUG_SYSTEM, "source_code_type" },
    { EVENT_DRUG_CODE, "source_code" },
    { EVENT_DRUG_NAME, "source_description" },
    { EVENT_DRUG_TYPE, "medication_type" },
    { EVENT_DRUG_TYPE, "order_type" },
    { EVENT_DRUG_DAYS, "days_supply" },
};
#define DRUG_NAME_COUNT (sizeof(drug_names) / sizeof(drug_names[0]))

bool
intake_column(size_t index, unsigned extras, enum event_column *ret_to, const char **ret_from)
{
    const size_t drugs = (extras & INTAKE_DRUGS) != 0 ? DRUG_NAME_COUNT : 0, drug = index - NAME_COUNT;
    if (index < NAME_COUNT + drugs) {
        *ret_to   = index < NAME_COUNT ? names[index].to : drug_names[drug].to;
        *ret_from = index < NAME_COUNT ? names[index].from : drug_names[drug].from;
        return true;
    }
    *ret_to   = EVENT_USER_ROLE;
    *ret_from = "user_role";
    return (extras & INTAKE_ROLES) != 0 && index == NAME_COUNT + drugs;
}

unsigned
intake_extras(const struct graph *graph, const struct entity *entity)
{
    unsigned extras = 0;
    for (size_t i = 0; i < graph->streaming.rule_count; i++) {
        const struct rule_pack *rule = model_rule(graph->model, graph->streaming.rules[i].step.name);
        extras |= rule_judges_drugs_of(rule, entity) ? INTAKE_DRUGS : 0;
        extras |= rule->kind == RULE_ACCESS_VOLUME && rule->entity == entity ? INTAKE_ROLES : 0;
    }
    return extras;
}

static void
add_source(struct intake_lane *lane, enum event_column to, int32_t column)
{
    struct lane_source  *source = &lane->sources[to];
    const struct schema *schema = program_schema(lane->program);

    if (column < 0 || !type_equal(schema->columns[column].type, event_schema.columns[to].type))
        return;
    if (source->first < 0)
        source->first = column;
    else if (source->second < 0 && column != source->first)
        source->second = column;
}

enum status
intake_columns_wanted(struct intake *intake, const struct entity *entity, const bool **ret_wanted, struct error *err)
{
    const unsigned    extras = intake_extras(intake->options.graph, entity);
    enum event_column to;
    const char       *from;
    static const char *const others[] = { "source_reference_range_low", "source_reference_range_high", "source_value", "purpose_of_use", "reason", "vip_indicator" };
    bool *wanted = arena_alloc_zero(&intake->arena, entity->column_count + 1, _Alignof(bool));
    if (wanted == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < entity->column_count; i++) {
        for (size_t k = 0; intake_column(k, extras, &to, &from); k++)
            wanted[i] |= strcmp(entity->columns[i].name, from) == 0;
        for (size_t k = 0; k < sizeof(others) / sizeof(others[0]); k++)
            wanted[i] |= strcmp(entity->columns[i].name, others[k]) == 0;
        wanted[i] |= (int32_t)i == entity->event_time_column || (int32_t)i == entity->effective_time_column;
    }
    for (uint32_t i = 0; i < entity->key_count; i++)
        wanted[entity->key[i]] = true;
    *ret_wanted = wanted;
    return ST_OK;
}

/* Key columns that a row may lack though they are no required ones: the batch leg rejects such rows too. */
static enum status
find_needed(struct intake *intake, struct intake_lane *lane, struct error *err)
{
    const struct entity *entity = lane->mapping->entity;
    uint32_t            *needed = ARENA_ARRAY(&intake->arena, uint32_t, entity->key_count + 1);

    if (needed == NULL)
        return error_no_memory(err);
    lane->needed       = needed;
    lane->needed_count = 0;
    for (uint32_t i = 0; i < entity->key_count; i++)
        if (!entity->columns[entity->key[i]].is_required)
            needed[lane->needed_count++] = entity->key[i];
    return ST_OK;
}

enum status
intake_columns_find(struct intake *intake, struct intake_lane *lane, struct error *err)
{
    const struct entity *entity = lane->mapping->entity;
    const struct schema *schema = program_schema(lane->program);
    enum event_column    to;
    const char          *from;
    const unsigned       extras = intake_extras(intake->options.graph, entity);

    for (uint32_t i = 0; i < EVENT_COLUMN_COUNT; i++)
        lane->sources[i] = (struct lane_source){ -1, -1 };
    for (size_t i = 0; intake_column(i, extras, &to, &from); i++)
        add_source(lane, to, schema_find(schema, from));
    add_source(lane, EVENT_SYSTEM, program_event_system_column(lane->program));
    add_source(lane, EVENT_ID, program_event_id_column(lane->program));
    add_source(lane, EVENT_TIME, entity->event_time_column);
    add_source(lane, EVENT_EFFECTIVE_TIME, entity->effective_time_column);
    add_source(lane, EVENT_EFFECTIVE_TIME, entity->event_time_column);
    add_source(lane, EVENT_BEGIN_TIME, entity->effective_time_column);
    add_source(lane, EVENT_BEGIN_TIME, entity->event_time_column);
    if (schema_find(schema, ENTITY_DRUG_END) < 0) { /* A drug without an end goes on. */
        add_source(lane, EVENT_END_TIME, lane->sources[EVENT_BEGIN_TIME].first);
        add_source(lane, EVENT_END_TIME, lane->sources[EVENT_BEGIN_TIME].second);
    }
    /* The model wants a time of every entity, required and a timestamp; the program gives the identity. */
    CHECK(lane->sources[EVENT_SYSTEM].first >= 0 && lane->sources[EVENT_ID].first >= 0 && lane->sources[EVENT_TIME].first >= 0);

    lane->is_lab_result    = strcmp(entity->name, "lab_result") == 0;
    lane->range_low        = schema_find(schema, "source_reference_range_low");
    lane->range_high       = schema_find(schema, "source_reference_range_high");
    lane->source_value     = schema_find(schema, "source_value");
    lane->normalized_value = schema_find(schema, "normalized_value");
    lane->vip              = schema_find(schema, "vip_indicator");
    intake_access_find(intake, lane);
    lane->purpose          = schema_find(schema, "purpose_of_use");
    lane->reason           = schema_find(schema, "reason");
    return find_needed(intake, lane, err);
}

/* ---- Values ---- */

bool
lane_has(const struct intake_lane *lane, int32_t column, uint32_t row)
{
    if (column < 0)
        return false;
    const struct column *values = &lane->rows.columns[column];
    return values->all_valid || validity_get(values->validity, row);
}

struct str
lane_text(const struct intake_lane *lane, int32_t column, uint32_t row)
{
    if (!lane_has(lane, column, row) || lane->rows.columns[column].type.kind != TYPE_TEXT)
        return STR_EMPTY;
    const struct text *text = &((const struct text *)lane->rows.columns[column].data)[row];
    return str_of(text_data(text), text->size);
}

int64_t
lane_int64(const struct intake_lane *lane, int32_t column, uint32_t row)
{
    return lane_has(lane, column, row) ? ((const int64_t *)lane->rows.columns[column].data)[row] : 0;
}

struct str
lane_event_text(const struct intake_lane *lane, enum event_column column, uint32_t row)
{
    const struct lane_source *source = &lane->sources[column];
    return lane_text(lane, lane_has(lane, source->first, row) ? source->first : source->second, row);
}

size_t
lane_range_size(const struct intake_lane *lane, uint32_t row)
{
    size_t low = lane_text(lane, lane->range_low, row).size, high = lane_text(lane, lane->range_high, row).size;
    return low + high == 0 ? 0 : low + high + 1;
}

void
lane_range_print(const struct intake_lane *lane, uint32_t row, char *out)
{
    struct str low = lane_text(lane, lane->range_low, row), high = lane_text(lane, lane->range_high, row);
    if (low.size == 0 || high.size == 0)
        *out++ = low.size == 0 ? '<' : '>';
    if (low.size > 0)
        memcpy(out, low.data, low.size);
    if (low.size > 0 && high.size > 0)
        out[low.size++] = '-';
    if (high.size > 0)
        memcpy(out + low.size, high.data, high.size);
}
