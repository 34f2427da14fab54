#include "config/bind.h"

#include "base/check.h"

static bool bind_value(const struct config_binder *binder, const struct json *value, const struct option *option,
                       void *target);

static void
keep_error(const struct config_binder *binder, const struct json *value, struct error *err)
{
    json_error_place(value, binder->file, err);
    config_errors_add(binder->errors, err);
}

/* A secret that stands in the file must not stand in a message too, so what is wrong with it is told without it. */
static bool
bind_text(const struct config_binder *binder, const struct json *value, const struct option *option, void *target)
{
    struct error err = ERROR_EMPTY;

    if (option_set_text(option, target, value->text, &err) == ST_OK)
        return true;
    keep_error(binder, value, &err);
    return false;
}

static bool
bind_list(const struct config_binder *binder, const struct json *list, const struct option *option, void *target)
{
    struct error  err   = ERROR_EMPTY;
    struct option item  = option_item(option);
    bool          is_ok = true;
    size_t        index = 0;

    if (option_set_list(option, target, list->count, binder->arena, &err) != ST_OK) {
        keep_error(binder, list, &err);
        return false;
    }
    for (const struct json *value = list->first; value; value = value->next, index++)
        is_ok &= bind_value(binder, value, &item, option_item_at(option, target, index));
    return is_ok;
}

static void
mark_given(const struct option *option, void *target)
{
    if (option->given_offset != 0)
        *(bool *)((char *)target + option->given_offset) = true;
}

static bool
is_node(enum option_type type)
{
    return type == OPTION_ANY || type == OPTION_MAP;
}

/* MAP and ANY keep the node; its reader finds the names that stand twice inside, MAP's own are found here. */
static bool
bind_node(const struct config_binder *binder, const struct json *value, const struct option *option, void *target)
{
    struct error err   = ERROR_EMPTY;
    bool         is_ok = true;

    if (option->type == OPTION_MAP && value->type != JSON_OBJECT) {
        option_wrong_type(option, json_type_name(value->type), &err);
        keep_error(binder, value, &err);
        return false;
    }
    for (const struct json *member = option->type == OPTION_MAP ? value->first : NULL; member; member = member->next)
        if (member->is_duplicate) {
            config_errors_at_key(binder->errors, member, binder->file, "\"%.*s\" stands twice in %s",
                                 STR_PRINTF(member->key), option->name);
            is_ok = false;
        }
    if (option_set_node(option, target, value, &err) != ST_OK) {
        keep_error(binder, value, &err);
        return false;
    }
    return is_ok;
}

static bool
bind_value(const struct config_binder *binder, const struct json *value, const struct option *option, void *target)
{
    struct error err    = ERROR_EMPTY;
    enum status  status = ST_ERROR;

    if (is_node(option->type))
        return bind_node(binder, value, option, target);
    if (option->type == OPTION_OBJECT && (value->type == JSON_OBJECT || option->table->short_form)) {
        mark_given(option, target);
        return config_bind(binder, value, option->table, (char *)target + option->offset);
    }
    switch (value->type) {
    case JSON_TEXT: return bind_text(binder, value, option, target);
    case JSON_ARRAY:
        if (option->type == OPTION_LIST)
            return bind_list(binder, value, option, target);
        option_wrong_type(option, json_type_name(value->type), &err);
        break;
    case JSON_BOOL: status = option_set_bool(option, target, value->is_true, &err); break;
    case JSON_NUMBER: status = option_set_number(option, target, value->text, &err); break;
    case JSON_NULL:
    case JSON_OBJECT: option_wrong_type(option, json_type_name(value->type), &err); break;
    }
    if (status != ST_OK)
        keep_error(binder, value, &err);
    return status == ST_OK;
}

/* One member of an object; sets its bit in *given_mask. */
static bool
bind_member(const struct config_binder *binder, const struct json *member, const struct option_table *table,
            void *target, uint64_t *given_mask)
{
    const struct option *option = option_find(table, member->key);

    if (option == NULL) {
        struct error err = ERROR_EMPTY;
        option_unknown(table, member->key, &err);
        json_error_place_key(member, binder->file, &err);
        config_errors_add(binder->errors, &err);
        return false;
    }
    if (member->is_duplicate) {
        struct error *kept = config_errors_at_key(binder->errors, member, binder->file, "\"%s\" stands twice in %s",
                                                  option->name, table->name);
        error_hint(kept, "keep one of them");
        return false;
    }
    *given_mask |= UINT64_C(1) << option_index(table, option);
    return bind_value(binder, member, option, target);
}

static bool
bind_object(const struct config_binder *binder, const struct json *object, const struct option_table *table,
            void *target)
{
    struct error err        = ERROR_EMPTY;
    uint64_t     given_mask = 0;
    bool         is_ok      = true;

    for (const struct json *member = object->first; member; member = member->next)
        is_ok &= bind_member(binder, member, table, target, &given_mask);
    if (option_check_required(table, given_mask, &err) != ST_OK) {
        keep_error(binder, object, &err);
        is_ok = false;
    }
    return is_ok;
}

/* `value` in place of an object: all of it is the option that the table names. */
static bool
bind_short_form(const struct config_binder *binder, const struct json *value, const struct option_table *table,
                void *target)
{
    struct error         err    = ERROR_EMPTY;
    const struct option *option = option_find(table, str_from(table->short_form));

    CHECK(option != NULL);
    bool is_ok = bind_value(binder, value, option, target);
    if (option_check_required(table, UINT64_C(1) << option_index(table, option), &err) != ST_OK) {
        keep_error(binder, value, &err);
        is_ok = false;
    }
    return is_ok;
}

bool
config_bind(const struct config_binder *binder, const struct json *value, const struct option_table *table,
            void *target)
{
    option_defaults(table, target);
    if (value->type == JSON_OBJECT)
        return bind_object(binder, value, table, target);
    if (table->short_form && value->type != JSON_NULL)
        return bind_short_form(binder, value, table, target);
    config_complain(binder, value, "%s must be an object, not %s", table->name, json_type_name(value->type));
    return false;
}

const struct json *
config_value_of(const struct json *value, const struct option_table *table, const char *name)
{
    CHECK(option_find(table, str_from(name)) != NULL);
    const struct json *member = json_find(value, name);
    return member ? member : value;
}
