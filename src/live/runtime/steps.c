#include "live/runtime/steps.h"

#include "base/check.h"
#include "live/op/access_volume.h"
#include "live/op/critical_value.h"
#include "live/op/dedup.h"
#include "live/op/medication_interaction.h"
#include "live/op/no_treatment_relationship.h"
#include "live/op/result_series.h"
#include "live/op/window.h"

static enum status
rule_create(const struct graph *graph, const struct rule_pack *rule, const struct siphash_key *person_key,
            const struct partition_names *partitions, struct operator **ret_operator, struct error *err)
{
    switch (rule->kind) {
    case RULE_CRITICAL_VALUE:
        return critical_value_create(graph, rule, person_key, partitions, ret_operator, err);
    case RULE_NO_TREATMENT_RELATIONSHIP:
        return no_treatment_relationship_create(graph, rule, person_key, partitions, ret_operator, err);
    case RULE_ACUTE_KIDNEY_INJURY:
    case RULE_DELTA_CHECK:
    case RULE_RELATIVE_TREND:
        return result_series_create(graph, rule, person_key, partitions, ret_operator, err);
    case RULE_MEDICATION_INTERACTION:
        return medication_interaction_create(graph, rule, person_key, partitions, ret_operator, err);
    case RULE_ACCESS_VOLUME:
        return access_volume_create(graph, rule, person_key, partitions, ret_operator, err);
    }
    return error_set(err, ERR_INTERNAL, "rule %s is of a kind that the live leg does not know", rule->name);
}

enum status
steps_create(const struct graph *graph, const struct siphash_key *person_key, const struct partition_names *partitions,
             struct step_set *ret_set, struct error *err)
{
    const struct graph_streaming *streaming = &graph->streaming;
    struct operator              *op        = NULL;
    *ret_set = (struct step_set){ 0 };
    if (streaming->rule_count + 1 > STEP_COUNT_MAX)
        return error_set(err, ERR_FULL, "%zu rules; at most %d", streaming->rule_count, STEP_COUNT_MAX - 1);
    if (dedup_create(graph, &ret_set->dedup, err) != ST_OK)
        return ST_ERROR;
    if (streaming->has_window) {
        if (window_create(graph, &op, err) != ST_OK)
            return ST_ERROR;
        ret_set->operators[ret_set->operator_count++] = op;
        ret_set->window       = op;
        ret_set->window_table = window_table(op);
    }
    for (size_t i = 0; i < streaming->rule_count; i++) {
        const struct rule_pack *rule = model_rule(graph->model, streaming->rules[i].step.name);
        CHECK(rule != NULL); /* The plan has resolved it. */
        if (rule_create(graph, rule, person_key, partitions, &op, err) != ST_OK)
            return ST_ERROR;
        ret_set->operators[ret_set->operator_count++] = op;
    }
    return ST_OK;
}

void
steps_release(struct step_set *set)
{
    if (set->dedup != NULL)
        set->dedup->kind->free(set->dedup);
    for (uint32_t i = 0; i < set->operator_count; i++)
        set->operators[i]->kind->free(set->operators[i]);
    *set = (struct step_set){ 0 };
}
