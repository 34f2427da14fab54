/* Where results go: warehouse and store. */
#include "plan/plan_int.h"

static const char *const NOT_BUILT_WAREHOUSES[] = { "postgres", "parquet", "snowflake", "bigquery", NULL };

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

bool
plan_required_path(struct builder *builder, const struct json *value, const struct option_table *table, bool has_path,
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
    is_ok &= plan_required_path(builder, value, &WAREHOUSE_TABLE, config.has_path, config.path, &warehouse.path);
    if (is_ok && config.has_publish)
        is_ok &= settle_publish(builder, value, &config.publish, &warehouse);
    is_ok &= plan_text(builder, reference->text, &warehouse.name);
    warehouse.type = GRAPH_WAREHOUSE_DUCKDB;
    *ret_warehouse = warehouse;
    return is_ok;
}

/* An option of the other kind of store would be passed over in silence. */
static bool
check_kind(struct builder *builder, const struct json *binding, bool is_given, const char *option, const char *type)
{
    if (!is_given)
        return true;
    error_hint(complain(&builder->bindings, config_value_of(binding, &STORE_TABLE, option), "a store of type \"%s\" has no option \"%s\"", type, option),
               "leave it out");
    return false;
}

static bool
check_schema(struct builder *builder, const struct json *binding, struct str schema)
{
    bool is_ok = schema.size > 0 && !ascii_is_digit(schema.data[0]) && !str_starts_with(schema, STR("pg_"));

    for (size_t i = 0; i < schema.size && is_ok; i++)
        is_ok = (schema.data[i] >= 'a' && schema.data[i] <= 'z') || ascii_is_digit(schema.data[i]) || schema.data[i] == '_';
    if (!is_ok)
        error_hint(complain(&builder->bindings, config_value_of(binding, &STORE_TABLE, "schema"), "\"%.*s\" cannot be the schema of a store", STR_PRINTF(schema)),
                   "its name has small letters, digits and _, and begins with neither a digit nor pg_");
    return is_ok;
}

static bool
settle_postgres(struct builder *builder, const struct json *binding, const struct database_config *config, struct graph_store *store)
{
    bool is_ok = check_kind(builder, binding, config->has_key, "key", "postgres");

    is_ok &= check_kind(builder, binding, config->has_encryption, "encryption", "postgres");
    is_ok &= check_schema(builder, binding, config->schema);
    if (!config->has_conninfo && json_find(binding, "conninfo") == NULL)
        error_hint(complain(&builder->bindings, binding, "a store of type \"postgres\" needs the option \"conninfo\""),
                   "write \"conninfo\": \"env:STORE_DSN\", and host, dbname, user and password into that variable");
    return is_ok && config->has_conninfo && plan_secret(builder, config->conninfo, config_value_of(binding, &STORE_TABLE, "conninfo"), &store->conninfo)
           && plan_text(builder, config->schema, &store->schema) && plan_path(builder, config->has_path ? config->path : config->schema, &store->path);
}

static bool
settle_sqlite(struct builder *builder, const struct json *binding, const struct database_config *config, struct graph_store *store)
{
    bool is_ok = check_kind(builder, binding, config->has_conninfo, "conninfo", "sqlite");

    is_ok &= check_kind(builder, binding, config->has_schema, "schema", "sqlite");
    is_ok &= settle_encryption(builder, binding, &STORE_TABLE, config, &store->encryption);
    return plan_required_path(builder, binding, &STORE_TABLE, config->has_path, config->path, &store->path) && is_ok;
}

static bool
is_of_type(const struct json *binding, const char *type)
{
    const struct json *written = json_find(binding, "type");

    return written != NULL && written->type == JSON_TEXT && str_equal(written->text, str_from(type));
}

bool
plan_store(struct builder *builder, const struct json *reference, const struct json *binding,
           struct graph_store *ret_store)
{
    struct graph_store     store = { .origin = plan_origin(&builder->pipeline, reference) };
    struct database_config config;

    bool is_ok       = config_bind(&builder->bindings.binder, binding, &STORE_TABLE, &config);
    bool is_postgres = is_of_type(binding, "postgres");

    store.type = is_postgres ? GRAPH_STORE_POSTGRES : GRAPH_STORE_SQLITE;
    /* What else is wrong is told too, unless it is not clear of what. */
    if (is_postgres)
        is_ok &= settle_postgres(builder, binding, &config, &store);
    else if (is_ok || is_of_type(binding, "sqlite"))
        is_ok &= settle_sqlite(builder, binding, &config, &store);
    is_ok &= plan_text(builder, reference->text, &store.name);
    *ret_store = store;
    return is_ok;
}
