/* Where results go: warehouse, store, and the routes of alerts. */
#include "base/suggest.h"
#include "plan/plan_int.h"

static const char *const NOT_BUILT_WAREHOUSES[] = { "postgres", "parquet", "snowflake", "bigquery", NULL };
static const char *const NOT_BUILT_STORES[]     = { "postgres", NULL };
static const char *const NOT_BUILT_ROUTES[]     = { "webhook", "kafka", "alertmanager", "mllp", NULL };

/* ---- Warehouse and store ---- */

/* Encrypted is the default, so what is not must say so; both at once is a contradiction. */
static bool
settle_encryption(struct builder *builder, const struct json *value, const struct option_table *table,
                  const struct database_config *config, struct graph_encryption *ret_encryption)
{
    const struct json *key  = config_value_of(value, table, "key");
    bool               none = config->encryption == ENCRYPTION_NONE;

    if (none && config->has_key) {
        error_hint(complain(&builder->bindings, key, "\"key\" and \"encryption\": \"none\" contradict each other"),
                   "keep one of them");
        return false;
    }
    if (!none && json_find(value, "key") != NULL && !config->has_key)
        return false; /* It is there, and was complained of. */
    if (!none && !config->has_key) {
        error_hint(complain(&builder->bindings, value, "the %s has no key", table->name),
                   "add \"key\": \"file:%s.key\", or say in writing \"encryption\": \"none\"", table->name);
        return false;
    }
    ret_encryption->is_encrypted = !none;
    return none || plan_secret(builder, config->key, key, &ret_encryption->key);
}

static bool
require_path(struct builder *builder, const struct json *value, const struct option_table *table, bool has_path,
             struct str written, struct str *ret_path)
{
    if (has_path)
        return plan_path(builder, written, ret_path);
    error_hint(complain(&builder->bindings, value, "%s needs the option \"path\"", table->name), "name its file");
    return false;
}

static bool
require_object(struct builder *builder, const struct json *value, const char *example)
{
    if (value->type == JSON_OBJECT)
        return true;
    error_hint(complain(&builder->bindings, value, "a sink must be an object with a type, not %s",
                        json_type_name(value->type)),
               "write %s", example);
    return false;
}

/* As the warehouse, unless it has a key of its own. */
static bool
settle_publish(struct builder *builder, const struct json *value, const struct publish_config *config, struct graph_warehouse *warehouse)
{
    const struct json    *written = json_find(value, "publish");
    const struct json    *key     = written != NULL ? json_find(written, "key") : NULL;
    struct graph_publish *publish = &warehouse->publish;

    publish->is_bound   = true;
    publish->origin     = plan_origin(&builder->bindings, written != NULL ? written : value);
    publish->encryption = warehouse->encryption;
    publish->encryption.is_encrypted |= config->has_key;
    bool is_ok = plan_path(builder, config->path, &publish->path);
    return is_ok && (!config->has_key || plan_secret(builder, config->key, key != NULL ? key : value, &publish->encryption.key));
}

bool
plan_warehouse(struct builder *builder, const struct json *reference, struct graph_warehouse *ret_warehouse)
{
    struct graph_warehouse warehouse = { .origin = plan_origin(&builder->pipeline, reference) };
    struct database_config config;
    const struct json     *value = plan_binding(builder, reference, ROLE_WAREHOUSE);

    if (value == NULL ||
        !require_object(builder, value, "{ \"type\": \"duckdb\", \"path\": \"warehouse.db\", \"key\": \"file:warehouse.key\" }") ||
        plan_is_not_built(builder, value, NOT_BUILT_WAREHOUSES, "duckdb"))
        return false;
    bool is_ok = config_bind(&builder->bindings.binder, value, &WAREHOUSE_TABLE, &config);
    is_ok &= settle_encryption(builder, value, &WAREHOUSE_TABLE, &config, &warehouse.encryption);
    is_ok &= require_path(builder, value, &WAREHOUSE_TABLE, config.has_path, config.path, &warehouse.path);
    if (is_ok && config.has_publish)
        is_ok &= settle_publish(builder, value, &config.publish, &warehouse);
    is_ok &= plan_text(builder, reference->text, &warehouse.name);
    warehouse.type = GRAPH_WAREHOUSE_DUCKDB;
    *ret_warehouse = warehouse;
    return is_ok;
}

bool
plan_store(struct builder *builder, const struct json *reference, const struct json *binding,
           struct graph_store *ret_store)
{
    struct graph_store     store = { .origin = plan_origin(&builder->pipeline, reference) };
    struct database_config config;

    if (plan_is_not_built(builder, binding, NOT_BUILT_STORES, "sqlite"))
        return false;
    bool is_ok = config_bind(&builder->bindings.binder, binding, &STORE_TABLE, &config);
    is_ok &= settle_encryption(builder, binding, &STORE_TABLE, &config, &store.encryption);
    is_ok &= require_path(builder, binding, &STORE_TABLE, config.has_path, config.path, &store.path);
    is_ok &= plan_text(builder, reference->text, &store.name);
    store.type = GRAPH_STORE_SQLITE;
    *ret_store = store;
    return is_ok;
}

/* ---- Routes ---- */

static bool
is_loopback(struct str url)
{
    static const char *const HOSTS[] = { "http://localhost", "http://127.0.0.1", "http://[::1]" };
    for (size_t i = 0; i < sizeof(HOSTS) / sizeof(*HOSTS); i++) {
        struct str host = str_from(HOSTS[i]);
        /* "http://localhost.example" is another machine. */
        if (url.size >= host.size && str_equal_ignore_case(str_slice(url, 0, host.size), host) &&
            (url.size == host.size || url.data[host.size] == ':' || url.data[host.size] == '/'))
            return true;
    }
    return false;
}

/* Patient data must not cross a network in clear; also of a type that a later version will have. */
static void
check_url(struct builder *builder, const struct json *value)
{
    const struct json *url    = json_find(value, "url");
    struct str         scheme = STR("http://");

    if (url == NULL || url->type != JSON_TEXT || url->text.size < scheme.size ||
        !str_equal_ignore_case(str_slice(url->text, 0, scheme.size), scheme) || is_loopback(url->text))
        return;
    error_hint(complain(&builder->bindings, url, "clear-text http would carry patient data over a network"),
               "use https, or a receiver on this machine");
}

/* Each rule that a route names must be one of the model's. */
static bool
check_route_rules(struct builder *builder, const struct json *value, const struct graph_names *rules)
{
    const struct json *list  = json_find(value, "rules");
    const struct json *item  = list ? list->first : NULL;
    bool               is_ok = true;

    for (size_t i = 0; item != NULL && builder->model != NULL; item = item->next, i++) {
        struct str        rule       = rules->items[i];
        struct suggestion suggestion = suggestion_init(rule);
        if (str_equal(rule, STR(GRAPH_RULE_UNEVALUATED_RESULT)) || model_rule(builder->model, rule) != NULL)
            continue;
        suggestion_offer(&suggestion, STR(GRAPH_RULE_UNEVALUATED_RESULT));
        for (uint32_t r = 0; r < builder->model->rule_count; r++)
            suggestion_offer(&suggestion, str_from(builder->model->rules[r].name));
        struct error *kept = complain(&builder->bindings, item, "there is no rule \"%.*s\"", STR_PRINTF(rule));
        error_hint(kept, "name a rule of model/rules");
        suggestion_hint(&suggestion, kept);
        is_ok = false;
    }
    return is_ok;
}

static bool
has_name(const struct str *items, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_equal(items[i], name))
            return true;
    return false;
}

/* Who names a rule takes those that belong to it. */
static bool
add_members(struct builder *builder, struct graph_names *rules)
{
    const size_t model_count = builder->model == NULL ? 0 : builder->model->rule_count;
    struct str  *items       = ARENA_ARRAY(builder->arena, struct str, rules->count + model_count);
    size_t       count       = rules->count;

    if (items == NULL)
        return plan_no_memory(builder);
    for (size_t i = 0; i < rules->count; i++)
        items[i] = rules->items[i];
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule_pack *pack =
            builder->model == NULL ? NULL : model_rule(builder->model, rules->items[i]);
        for (uint32_t k = 0; pack != NULL && k < pack->member_count; k++) {
            struct str name = str_from(pack->members[k]->name);
            if (!has_name(items, count, name) && !plan_text(builder, name, &items[count++]))
                return false;
        }
    }
    *rules = (struct graph_names){items, count};
    return true;
}

static bool
settle_route(struct builder *builder, const struct json *value, const struct route_config *config,
             struct graph_route *route)
{
    bool is_ok = true;

    route->type           = GRAPH_ROUTE_FILE;
    route->phi            = (enum graph_phi)config->phi;
    route->retry_first_us = config->retry.first;
    route->retry_max_us   = config->retry.max;
    route->give_up_us     = config->retry.give_up;
    if (config->retry.first > config->retry.max || config->retry.max > config->retry.give_up) {
        error_hint(complain(&builder->bindings, config_value_of(value, &ROUTE_TABLE, "retry"),
                            "the waits of retry must not shrink"),
                   "first <= max <= give_up");
        is_ok = false;
    }
    is_ok &= plan_names(builder, &config->rules, &route->rules);
    is_ok &= require_path(builder, value, &ROUTE_TABLE, config->has_path, config->path, &route->path);
    return is_ok;
}

static bool
plan_route(struct builder *builder, const struct json *value, struct graph_route *ret_route)
{
    struct graph_route  route = { .origin = plan_origin(&builder->bindings, value) };
    struct route_config config;

    value = plan_use(builder, value);
    if (value == NULL)
        return false;
    check_url(builder, value);
    if (plan_is_not_built(builder, value, NOT_BUILT_ROUTES, "file"))
        return false;
    bool is_ok = config_bind(&builder->bindings.binder, value, &ROUTE_TABLE, &config);
    is_ok      = is_ok && settle_route(builder, value, &config, &route) && check_route_rules(builder, value, &route.rules)
            && add_members(builder, &route.rules);
    *ret_route = route;
    return is_ok;
}

/* The list of routes behind those that earlier bindings gave. */
static struct graph_route *
grow_routes(struct builder *builder, struct graph_streaming *streaming, size_t count)
{
    struct graph_route *routes = ARENA_ARRAY(builder->arena, struct graph_route, streaming->route_count + count);
    if (routes == NULL) {
        plan_no_memory(builder);
        return NULL;
    }
    for (size_t i = 0; i < streaming->route_count; i++)
        routes[i] = streaming->routes[i];
    return routes;
}

static bool
name_route(struct builder *builder, struct str binding, size_t number, size_t count, struct str *ret_name)
{
    if (count == 1)
        return plan_text(builder, binding, ret_name);
    const char *name = arena_printf(builder->arena, "%.*s.%zu", STR_PRINTF(binding), number);
    if (name == NULL)
        return plan_no_memory(builder);
    *ret_name = str_from(name);
    return true;
}

bool
plan_routes(struct builder *builder, const struct json *reference, const struct json *binding,
            struct graph_streaming *streaming)
{
    const struct json *value;
    size_t             count;
    bool               is_ok = plan_parts(builder, binding, &ROUTES_TABLE, "routes", &value, &count);

    if (value == NULL)
        return false;
    struct graph_route *routes = grow_routes(builder, streaming, count);
    if (routes == NULL)
        return false;
    for (size_t i = 0; i < count; i++, value = value->next) {
        struct graph_route *route = &routes[streaming->route_count + i];
        is_ok &= plan_route(builder, value, route);
        is_ok &= name_route(builder, reference->text, i + 1, count, &route->name);
        is_ok &= plan_text(builder, reference->text, &route->binding);
    }
    streaming->routes = routes;
    streaming->route_count += count;
    return is_ok;
}
