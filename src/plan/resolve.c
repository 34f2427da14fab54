/* Texts, paths, secrets, zones and names of a configuration, made final. */
#include "base/limits.h"
#include "io/process.h"
#include "io/zone_file.h"
#include "plan/plan_int.h"

bool
plan_no_memory(struct builder *builder)
{
    builder->errors->has_no_memory = true;
    return false;
}

bool
plan_text(struct builder *builder, struct str text, struct str *ret_text)
{
    return arena_text(builder->arena, text, ret_text) || plan_no_memory(builder);
}

struct graph_origin
plan_origin(const struct document *document, const struct json *value)
{
    return (struct graph_origin){ str_from(document->binder.file), value->line, value->column };
}

bool
plan_names(struct builder *builder, const struct option_list *list, struct graph_names *ret_names)
{
    struct str *items = ARENA_ARRAY(builder->arena, struct str, list->count);
    if (items == NULL)
        return plan_no_memory(builder);
    for (size_t i = 0; i < list->count; i++)
        if (!plan_text(builder, ((const struct str *)list->items)[i], &items[i]))
            return false;
    *ret_names = (struct graph_names){ items, list->count };
    return true;
}

bool
plan_path(struct builder *builder, struct str written, struct str *ret_path)
{
    struct error err  = ERROR_EMPTY;
    struct str   path = written;

    if (!str_starts_with(written, STR("/"))) {
        const char *joined = arena_printf(builder->arena, "%.*s/%.*s", STR_PRINTF(builder->graph->bindings_folder),
                                          STR_PRINTF(written));
        if (joined == NULL)
            return plan_no_memory(builder);
        path = str_from(joined);
    }
    if (process_absolute_path(path, builder->arena, ret_path, &err) == ST_OK)
        return true;
    config_errors_add(builder->errors, &err);
    return false;
}

bool
plan_secret(struct builder *builder, struct str reference, const struct json *value, struct graph_secret *ret_secret)
{
    struct graph_secret secret  = { .origin = plan_origin(&builder->bindings, value) };
    bool                is_file = str_starts_with(reference, STR("file:"));
    struct str          rest    = str_slice(reference, is_file ? 5 : 4, reference.size);

    secret.kind = is_file ? GRAPH_SECRET_FILE : GRAPH_SECRET_ENV;
    if (is_file ? !plan_path(builder, rest, &secret.name) : !plan_text(builder, rest, &secret.name))
        return false;
    const char *text = arena_printf(builder->arena, "%s:%.*s", is_file ? "file" : "env", STR_PRINTF(secret.name));
    if (text == NULL)
        return plan_no_memory(builder);
    secret.text = str_from(text);
    *ret_secret = secret;
    return true;
}

bool
plan_zone(struct builder *builder, const struct document *document, const struct json *value, struct str zone)
{
    struct error err    = ERROR_EMPTY;
    const struct zone *held = NULL;

    if (str_equal(zone, builder->zone_known))
        return true;
    if (zone_hold(builder->io, zone, &held, &err) != ST_OK) {
        json_error_place(value, document->binder.file, &err);
        config_errors_add(builder->errors, &err);
        return false;
    }
    zone_drop(held);
    builder->zone_known = zone;
    return true;
}

bool
plan_check_name(const struct document *document, const struct json *value, const char *what, struct str name)
{
    bool is_ok = name.size > 0 && name.size <= PLAN_NAME_SIZE_MAX &&
                 (ascii_is_letter(name.data[0]) || ascii_is_digit(name.data[0]));
    for (size_t i = 0; i < name.size && is_ok; i++) {
        char c = name.data[i];
        is_ok  = ascii_is_letter(c) || ascii_is_digit(c) || c == '_' || c == '-' || c == '.';
    }
    if (is_ok)
        return true;
    struct error *kept =
        complain(document, value, "\"%.*s\" cannot be the name of %s", STR_PRINTF(str_slice(name, 0, 100)), what);
    error_hint(kept, "a name has letters, digits, _, - and ., begins with a letter or digit, and has at most %d of them",
               PLAN_NAME_SIZE_MAX);
    return false;
}

bool
plan_check_identifier(const struct document *document, const struct json *value, const char *what, struct str name)
{
    bool is_ok = name.size > 0 && name.size <= 48 && name.data[0] >= 'a' && name.data[0] <= 'z';
    for (size_t i = 0; i < name.size && is_ok; i++) {
        char c = name.data[i];
        is_ok  = (c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '_';
    }
    if (is_ok)
        return true;
    struct error *kept =
        complain(document, value, "\"%.*s\" cannot be the name of %s", STR_PRINTF(str_slice(name, 0, 100)), what);
    error_hint(kept, "small letters, digits and _, beginning with a letter, at most 48: tables are named by it");
    return false;
}
