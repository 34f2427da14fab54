/* The batch leg: schedule, sources, transforms, gates, warehouse. */
#include "plan/plan_int.h"

bool
plan_step(struct builder *builder, const struct json *value, struct str given, struct str fallback,
          struct graph_step *ret_step)
{
    struct graph_step step = { .origin = plan_origin(&builder->pipeline, value) };
    struct str        name = given.size > 0 ? given : fallback;

    if (!plan_check_identifier(&builder->pipeline, value, "a step", name) || !plan_text(builder, name, &step.name))
        return false;
    *ret_step = step;
    return true;
}

bool
plan_transform(struct builder *builder, const struct json *item, const struct option_table *table, void *config,
               size_t *ret_index)
{
    struct error         err    = ERROR_EMPTY;
    const struct json   *member = item->type == JSON_OBJECT ? item->first : item;
    struct str           name   = item->type == JSON_OBJECT && member ? member->key : item->text;
    const struct option *option = option_find(table, name);

    if ((item->type != JSON_TEXT && item->type != JSON_OBJECT) || (item->type == JSON_OBJECT && item->count != 1)) {
        error_hint(complain(&builder->pipeline, item, "a transform is a name, or an object with one name"),
                   "write \"%s\" or {\"%s\": {}}", table->options[0].name, table->options[0].name);
        return false;
    }
    if (option == NULL) {
        option_unknown(table, name, &err);
        (item->type == JSON_OBJECT ? json_error_place_key : json_error_place)(member, builder->pipeline.binder.file, &err);
        config_errors_add(builder->errors, &err);
        return false;
    }
    *ret_index = option_index(table, option);
    if (item->type == JSON_OBJECT)
        return config_bind(&builder->pipeline.binder, item, table, config);
    option_defaults(table, config);
    return true;
}

static bool
plan_cleanse_rule(struct builder *builder, const struct cleanse_rule_config *config, struct graph_cleanse_rule *rule)
{
    struct str on_bad = str_from(config->has_on_bad ? CLEANSE_ACTION_NAMES[config->on_bad] : "");
    struct str reason = config->has_that ? config->reason : STR_EMPTY;
    struct str action = str_from(config->has_that ? CLEANSE_ACTION_NAMES[config->action] : "");

    return plan_text(builder, config->entity, &rule->entity) && plan_text(builder, config->column, &rule->column)
           && plan_text(builder, config->repair, &rule->repair) && plan_text(builder, on_bad, &rule->on_bad)
           && plan_text(builder, config->that, &rule->that) && plan_text(builder, reason, &rule->reason)
           && plan_text(builder, action, &rule->action);
}

static void
plan_cleanse(struct builder *builder, const struct cleanse_config *config, struct graph_batch *batch)
{
    struct graph_cleanse_rule *rules = ARENA_ARRAY(builder->arena, struct graph_cleanse_rule, config->rules.count);
    bool                       is_ok = rules != NULL;

    for (size_t i = 0; is_ok && i < config->rules.count; i++)
        is_ok = plan_cleanse_rule(builder, &((const struct cleanse_rule_config *)config->rules.items)[i], &rules[i]);
    if (!is_ok) {
        plan_no_memory(builder);
        return;
    }
    batch->cleanse_rules      = rules;
    batch->cleanse_rule_count = config->rules.count;
}

const struct json *
plan_cleanse_list(const struct builder *builder)
{
    const struct json *at = json_find(builder->pipeline.root, "pipeline");

    at = at != NULL && at->type == JSON_OBJECT ? json_find(at, "batch") : NULL;
    at = at != NULL && at->type == JSON_OBJECT ? json_find(at, "transforms") : NULL;
    for (at = at != NULL && at->type == JSON_ARRAY ? at->first : NULL; at != NULL; at = at->next) {
        const struct json *step  = at->type == JSON_OBJECT ? json_find(at, "cleanse") : NULL;
        const struct json *rules = step != NULL && step->type == JSON_OBJECT ? json_find(step, "rules") : NULL;
        if (rules != NULL && rules->type == JSON_ARRAY)
            return rules;
    }
    return NULL;
}

/* All four, in their order: each works on what the one before it made. */
static void
plan_transforms(struct builder *builder, const struct json *list, struct graph_batch *batch)
{
    size_t next  = 0;
    bool   is_ok = true;

    for (const struct json *item = list->first; item; item = item->next) {
        struct batch_transform_config config;
        size_t                        index;
        if (!plan_transform(builder, item, &BATCH_TRANSFORM_TABLE, &config, &index)) {
            is_ok = false;
            continue;
        }
        const char *name = graph_transform_name((enum graph_transform)index);
        if (index != next && is_ok) {
            error_hint(complain(&builder->pipeline, item, "%s cannot stand here", name),
                       "the transforms are cleanse, standardize, deduplicate, conform, each once and in this order");
            is_ok = false;
        }
        next = index + 1;
        if (index == GRAPH_CLEANSE)
            plan_cleanse(builder, &config.cleanse, batch);
        plan_step(builder, item, index == GRAPH_CLEANSE ? config.cleanse.name : config.steps[index].name, str_from(name),
                  &batch->transforms[index]);
    }
    if (is_ok && next != GRAPH_TRANSFORM_COUNT)
        error_hint(complain(&builder->pipeline, list, "the transform %s is missing",
                            graph_transform_name((enum graph_transform)next)),
                   "the transforms are cleanse, standardize, deduplicate, conform, each once and in this order");
}

static bool
names_earlier(const struct json *list, const struct json *item)
{
    for (const struct json *earlier = list->first; earlier != item; earlier = earlier->next)
        if (earlier->type == JSON_TEXT && str_equal(earlier->text, item->text))
            return true;
    return false;
}

static void
plan_sources(struct builder *builder, const struct json *list, struct graph_batch *batch)
{
    struct graph_source *sources = ARENA_ARRAY(builder->arena, struct graph_source, list->count);
    size_t               count   = 0;

    if (sources == NULL) {
        plan_no_memory(builder);
        return;
    }
    for (const struct json *item = list->first; item; item = item->next) {
        if (item->type != JSON_TEXT)
            continue; /* Complained of by its table. */
        if (names_earlier(list, item))
            complain(&builder->pipeline, item, "\"%.*s\" is named twice", STR_PRINTF(item->text));
        else if (plan_source(builder, item, false, &sources[count]))
            count++;
    }
    batch->sources      = sources;
    batch->source_count = count;
}

/* Names are unique in the leg: state and counts are kept under them. */
static void
check_step_names(struct builder *builder, const struct json *list, const struct graph_batch *batch)
{
    for (size_t i = 0; i < GRAPH_TRANSFORM_COUNT; i++)
        for (size_t j = 0; j < i; j++)
            if (batch->transforms[i].name.size > 0 && str_equal(batch->transforms[i].name, batch->transforms[j].name))
                complain(&builder->pipeline, list, "two steps are named \"%.*s\"", STR_PRINTF(batch->transforms[i].name));
}

void
plan_batch(struct builder *builder, const struct json *value)
{
    const struct batch_config *config = &builder->pipeline_config.pipeline.batch;
    struct graph_batch        *batch  = &builder->graph->batch;
    const struct json         *list;

    batch->origin = plan_origin(&builder->pipeline, value);
    if (config->has_schedule) {
        batch->has_schedule = true;
        plan_schedule(builder, json_find(value, "schedule"), &config->schedule, &batch->schedule);
    }
    list = json_find(value, "sources");
    if (list != NULL && list->type == JSON_ARRAY)
        plan_sources(builder, list, batch);
    list = json_find(value, "transforms");
    if (list != NULL && list->type == JSON_ARRAY) {
        plan_transforms(builder, list, batch);
        check_step_names(builder, list, batch);
    }
    batch->gates.quarantined_max      = config->gates.quarantined_max;
    batch->gates.is_no_input_accepted = config->gates.no_input == 1;
    const struct json *sink = json_find(value, "sink");
    if (sink != NULL && sink->type == JSON_TEXT)
        plan_warehouse(builder, sink, &batch->warehouse);
}
