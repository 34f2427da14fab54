/* The streaming leg: event log, transforms, window, rules, store, routes. */
#include "base/suggest.h"
#include "base/time.h"
#include "plan/plan_int.h"

/* Tables of the store (store/schema.sql) and of SQLite, whose names a window cannot take. */
static const char *const STORE_TABLES[] = { "store_meta",        "epoch_header",    "epoch",        "source_position",
                                            "accounting_reason", "alert",           "alert_outbox", "alert_revisions",
                                            "dead_letter",       "late_event",      "dead_letter_retry", "state_record",
                                            NULL };

static const char TRANSFORMS_HINT[] = "the transforms are enrich_with_patient_master, validate_event, each once and in "
                                      "this order";

/* ---- Transforms ---- */

enum {
    TRANSFORM_ENRICH,
    TRANSFORM_VALIDATE,
    TRANSFORM_COUNT,
};

/* Options of a later version, named as such instead of being unknown. */
static bool
is_as_of_not_built(struct builder *builder, const struct json *item)
{
    const struct json *as_of = json_find(json_find(item, "enrich_with_patient_master"), "as_of");
    if (as_of == NULL || as_of->type != JSON_TEXT || !str_equal(as_of->text, STR("event")))
        return false;
    error_hint(complain(&builder->pipeline, as_of, "\"as_of\": \"event\" is not in this version"),
               "this version has \"epoch\": the patient master as it is known when the event is processed");
    return true;
}

static void
settle_transform(struct builder *builder, const struct json *item, const struct streaming_transform_config *config,
                 size_t index)
{
    struct graph_streaming *streaming = &builder->graph->streaming;
    if (index == TRANSFORM_VALIDATE) {
        plan_step(builder, item, config->validate.name, STR("validate_event"), &streaming->validate.step);
        return;
    }
    streaming->enrich.as_of = (enum graph_as_of)config->enrich.as_of;
    plan_step(builder, item, config->enrich.name, STR("enrich_with_patient_master"), &streaming->enrich.step);
}

static void
plan_transforms(struct builder *builder, const struct json *list)
{
    size_t next  = 0;
    bool   is_ok = true;

    for (const struct json *item = list->first; item; item = item->next) {
        struct streaming_transform_config config;
        size_t                            index;
        if (is_as_of_not_built(builder, item) ||
            !plan_transform(builder, item, &STREAMING_TRANSFORM_TABLE, &config, &index)) {
            is_ok = false;
            continue;
        }
        if (index != next && is_ok) {
            error_hint(complain(&builder->pipeline, item, "%s cannot stand here",
                                STREAMING_TRANSFORM_TABLE.options[index].name),
                       "%s", TRANSFORMS_HINT);
            is_ok = false;
        }
        next = index + 1;
        settle_transform(builder, item, &config, index);
    }
    if (is_ok && next != TRANSFORM_COUNT)
        error_hint(complain(&builder->pipeline, list, "the transform %s is missing",
                            STREAMING_TRANSFORM_TABLE.options[next].name),
                   "%s", TRANSFORMS_HINT);
}

/* ---- Window ---- */

/* Which of the names are in the list; all where none was given. */
static bool
settle_set(struct builder *builder, const struct json *list, const struct option_list *given, bool is_given, bool *has,
           size_t count)
{
    bool is_ok = true;

    for (size_t i = 0; i < count; i++)
        has[i] = !is_given;
    const struct json *item = is_given ? list->first : NULL;
    for (size_t i = 0; is_given && i < given->count && item != NULL; i++, item = item->next) {
        int index = ((const int *)given->items)[i];
        if (has[index]) {
            complain(&builder->pipeline, item, "\"%.*s\" is named twice", STR_PRINTF(item->text));
            is_ok = false;
        }
        has[index] = true;
    }
    return is_ok;
}

static void
check_value_keys(struct builder *builder, const struct json *value, const struct graph_window *window)
{
    bool has_value = window->has_aggregate[GRAPH_VALUE_MIN] || window->has_aggregate[GRAPH_VALUE_AVG] ||
                     window->has_aggregate[GRAPH_VALUE_MAX];
    if (!has_value || (window->has_key[GRAPH_KEY_CODE] && window->has_key[GRAPH_KEY_UNIT]))
        return;
    error_hint(complain(&builder->pipeline, config_value_of(value, &WINDOW_TABLE, "keys"),
                        "value_min, value_avg and value_max need the keys code and unit"),
               "values of different units never mix: add the keys, or leave the aggregates out");
}

static bool
name_window(struct builder *builder, const struct json *value, const struct window_config *config,
            struct graph_window *window)
{
    char fallback[DURATION_TEXT_SIZE + 8] = "window_";
    size_t size = strlen(fallback);

    size += duration_print(config->size, fallback + size);
    const struct json *place = config_value_of(value, &WINDOW_TABLE, "name");
    if (!plan_step(builder, value, config->name, str_of(fallback, size), &window->step))
        return false;
    struct str name = window->step.name;
    bool is_taken = str_starts_with(name, STR("sqlite_")) || str_ends_with(name, STR("_revisions"));
    for (size_t i = 0; STORE_TABLES[i] != NULL; i++)
        is_taken = is_taken || str_equal(name, str_from(STORE_TABLES[i]));
    if (!is_taken)
        return true;
    error_hint(complain(&builder->pipeline, place, "a window cannot be named \"%.*s\"", STR_PRINTF(name)),
               "the store has a table of that name");
    return false;
}

static void
plan_window(struct builder *builder, const struct json *value, const struct window_config *config)
{
    struct graph_window *window = &builder->graph->streaming.window;

    if (config->size == 0)
        return; /* Complained of by its table. */
    window->type        = GRAPH_WINDOW_TUMBLING;
    window->size_us     = config->size;
    window->offset_us   = config->offset;
    window->lateness_us = config->lateness;
    window->disorder_us = config->disorder;
    if (config->offset >= config->size)
        error_hint(complain(&builder->pipeline, config_value_of(value, &WINDOW_TABLE, "offset"),
                            "the offset must be less than the size"),
                   "it shifts the grid of windows");
    bool is_ok = settle_set(builder, json_find(value, "keys"), &config->keys, config->has_keys, window->has_key,
                            GRAPH_WINDOW_KEY_COUNT);
    is_ok &= settle_set(builder, json_find(value, "aggregates"), &config->aggregates, config->has_aggregates,
                        window->has_aggregate, GRAPH_AGGREGATE_COUNT);
    if (is_ok)
        check_value_keys(builder, value, window);
    name_window(builder, value, config, window);
    builder->graph->streaming.has_window = true;
}

/* ---- Rules ---- */

static bool
check_rule(struct builder *builder, const struct json *item)
{
    struct suggestion suggestion = suggestion_init(item->text);

    if (builder->model == NULL || model_rule(builder->model, item->text) != NULL)
        return true;
    if (str_equal(item->text, STR(GRAPH_RULE_UNEVALUATED_RESULT))) {
        error_hint(complain(&builder->pipeline, item, "unevaluated_result is not a rule to switch on"),
                   "validate_event raises it by itself: take it out here, and give it a route");
        return false;
    }
    for (uint32_t i = 0; i < builder->model->rule_count; i++)
        suggestion_offer(&suggestion, str_from(builder->model->rules[i].name));
    struct error *kept = complain(&builder->pipeline, item, "there is no rule \"%.*s\"", STR_PRINTF(item->text));
    error_hint(kept, "name a rule of model/rules, or add one by \"model\" of %s", builder->bindings.binder.file);
    suggestion_hint(&suggestion, kept);
    return false;
}

static bool
has_rule(const struct graph_streaming *streaming, struct str name)
{
    for (size_t i = 0; i < streaming->rule_count; i++)
        if (str_equal(streaming->rules[i].step.name, name))
            return true;
    return false;
}

/* The rule that the item names, and those that belong to it; each once, whoever named it. */
static void
add_rules(struct builder *builder, const struct json *item, struct graph_rule *rules)
{
    struct graph_streaming *streaming = &builder->graph->streaming;
    const struct rule_pack *pack = builder->model == NULL ? NULL : model_rule(builder->model, item->text);

    if (!has_rule(streaming, item->text) &&
        plan_step(builder, item, STR_EMPTY, item->text, &rules[streaming->rule_count].step))
        streaming->rule_count++;
    for (uint32_t i = 0; pack != NULL && i < pack->member_count; i++) {
        struct str name = str_from(pack->members[i]->name);
        if (!has_rule(streaming, name) &&
            plan_step(builder, item, STR_EMPTY, name, &rules[streaming->rule_count].step))
            streaming->rule_count++;
    }
}

static void
plan_rules(struct builder *builder, const struct json *list)
{
    struct graph_streaming *streaming  = &builder->graph->streaming;
    const size_t            rule_count = builder->model == NULL ? 0 : builder->model->rule_count;
    struct graph_rule      *rules = ARENA_ARRAY(builder->arena, struct graph_rule, list->count + rule_count);

    if (rules == NULL) {
        plan_no_memory(builder);
        return;
    }
    streaming->rules = rules;
    for (const struct json *item = list->first; item; item = item->next) {
        if (item->type != JSON_TEXT || !check_rule(builder, item))
            continue;
        bool is_twice = false;
        for (const struct json *earlier = list->first; earlier != item; earlier = earlier->next)
            is_twice = is_twice || (earlier->type == JSON_TEXT && str_equal(earlier->text, item->text));
        if (is_twice)
            complain(&builder->pipeline, item, "\"%.*s\" is named twice", STR_PRINTF(item->text));
        else
            add_rules(builder, item, rules);
    }
}

/* ---- Sinks ---- */

/* The store is what a sqlite binding is; alerting services are the others. */
static void
plan_sink(struct builder *builder, const struct json *item, const struct json **store_item)
{
    struct graph_streaming *streaming = &builder->graph->streaming;
    const struct json      *bound     = json_find_str(builder->bindings_config.bindings, item->text);
    const struct json      *type      = json_find(bound, "type");
    bool is_database = type != NULL && type->type == JSON_TEXT &&
                       (str_equal(type->text, STR("sqlite")) || str_equal(type->text, STR("postgres")));

    const struct json *binding = plan_binding(builder, item, is_database ? ROLE_STORE : ROLE_ALERTS);
    if (binding == NULL)
        return;
    if (binding->type != JSON_OBJECT) {
        error_hint(complain(&builder->bindings, binding, "a sink must be an object with a type, not %s",
                            json_type_name(binding->type)),
                   "write { \"type\": \"file\", \"path\": \"alerts.ndjson\" }");
    } else if (!is_database) {
        plan_routes(builder, item, binding, streaming);
    } else if (*store_item != NULL) {
        complain(&builder->pipeline, item, "a pipeline has one store: \"%.*s\" is already it",
                 STR_PRINTF((*store_item)->text));
    } else {
        *store_item = item;
        plan_store(builder, item, binding, &streaming->store);
    }
}

static void
plan_sinks(struct builder *builder, const struct json *list)
{
    const struct json *store_item = NULL;

    for (const struct json *item = list->first; item; item = item->next) {
        if (item->type != JSON_TEXT)
            continue;
        bool is_twice = false;
        for (const struct json *earlier = list->first; earlier != item; earlier = earlier->next)
            is_twice = is_twice || (earlier->type == JSON_TEXT && str_equal(earlier->text, item->text));
        if (is_twice)
            complain(&builder->pipeline, item, "\"%.*s\" is named twice", STR_PRINTF(item->text));
        else
            plan_sink(builder, item, &store_item);
    }
    if (store_item == NULL)
        error_hint(complain(&builder->pipeline, list, "no sink is a store"),
                   "bind one to { \"type\": \"sqlite\", \"path\": \"store.db\", \"key\": \"file:store.key\" }");
}

/* An alert that goes nowhere is worse than none: somebody relies on it. */
static void
check_routed(struct builder *builder, const struct json *place, struct str rule)
{
    const struct graph_streaming *streaming = &builder->graph->streaming;

    for (size_t i = 0; i < streaming->route_count; i++)
        if (graph_route_takes(&streaming->routes[i], rule))
            return;
    error_hint(complain(&builder->pipeline, place, "alerts of %.*s have no route", STR_PRINTF(rule)),
               "add the rule to a route of an alerting service that \"sink\" names");
}

static void
check_routes(struct builder *builder, const struct json *alerts)
{
    const struct graph_streaming *streaming = &builder->graph->streaming;
    const struct json            *list      = json_find(alerts, "rules");

    for (const struct json *item = list ? list->first : NULL; item; item = item->next) {
        const struct rule_pack *pack =
            item->type == JSON_TEXT && builder->model != NULL ? model_rule(builder->model, item->text) : NULL;
        if (item->type != JSON_TEXT || !has_rule(streaming, item->text))
            continue;
        check_routed(builder, item, item->text);
        for (uint32_t i = 0; pack != NULL && i < pack->member_count; i++)
            check_routed(builder, item, str_from(pack->members[i]->name));
    }
    check_routed(builder, list ? list : alerts, STR(GRAPH_RULE_UNEVALUATED_RESULT));
}

/* ---- The whole ---- */

static void
check_step_names(struct builder *builder, const struct json *value)
{
    const struct graph_streaming *streaming = &builder->graph->streaming;
    const struct graph_step      *steps[3]  = { &streaming->enrich.step, &streaming->validate.step, &streaming->window.step };

    for (size_t i = 0; i < 3; i++) {
        bool is_twice = false;
        for (size_t j = 0; j < i; j++)
            is_twice = is_twice || str_equal(steps[i]->name, steps[j]->name);
        for (size_t j = 0; j < streaming->rule_count; j++)
            is_twice = is_twice || str_equal(steps[i]->name, streaming->rules[j].step.name);
        if (steps[i]->name.size > 0 && is_twice)
            complain(&builder->pipeline, value, "two steps are named \"%.*s\"", STR_PRINTF(steps[i]->name));
    }
}

static const struct json *
list_of(const struct json *value, const char *name)
{
    const struct json *list = json_find(value, name);
    return list != NULL && list->type == JSON_ARRAY ? list : NULL;
}

void
plan_streaming(struct builder *builder, const struct json *value)
{
    const struct streaming_config *config    = &builder->pipeline_config.pipeline.streaming;
    struct graph_streaming        *streaming = &builder->graph->streaming;
    const struct json             *alerts    = json_find(value, "alerts");
    const struct json             *source    = json_find(value, "source");
    const struct json             *list      = list_of(value, "transforms");
    size_t                         before;

    streaming->origin       = plan_origin(&builder->pipeline, value);
    streaming->idle_keep_us = config->idle_keep;
    if (source != NULL && source->type == JSON_TEXT)
        plan_source(builder, source, true, &streaming->source);
    if (list != NULL)
        plan_transforms(builder, list);
    if (config->has_windows)
        plan_window(builder, json_find(value, "windows"), &config->windows);
    if (config->has_alerts && config->alerts.enabled && list_of(alerts, "rules") != NULL)
        plan_rules(builder, list_of(alerts, "rules"));
    check_step_names(builder, value);
    before = config_errors_count(builder->errors);
    if (list_of(value, "sink") != NULL)
        plan_sinks(builder, list_of(value, "sink"));
    /* Routes that could not be read would make every rule look as if it had none. */
    if (config->has_alerts && config->alerts.enabled && config_errors_count(builder->errors) == before)
        check_routes(builder, alerts);
}
