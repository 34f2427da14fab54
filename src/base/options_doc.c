/* What is written from option tables: JSON Schema, the long form, the reference. */
#include "base/check.h"
#include "base/markdown.h"
#include "base/options.h"
#include "base/options_int.h"

static const void *
item_at(const struct option_list *list, const struct option *item, size_t index)
{
    return (const char *)list->items + index * option_size_bytes(item);
}

static bool
is_number(enum option_type type)
{
    return type == OPTION_INT || type == OPTION_SIZE || type == OPTION_DURATION || type == OPTION_DECIMAL;
}

/* ---- JSON Schema ---- */

static void
schema_type(struct json_out *json, const char *type)
{
    json_out_key_cstr(json, "type", type);
}

static void
schema_number_bound(struct json_out *json, const char *key, enum option_type type, int64_t value)
{
    char text[OPTION_NUMBER_TEXT_SIZE];
    json_out_key(json, str_from(key));
    json_out_raw(json, str_of(text, option_number_print(type == OPTION_DECIMAL ? type : OPTION_INT, value, text)));
}

static void
schema_bounds(const struct option *option, const char *min_key, const char *max_key, struct json_out *json)
{
    if (option->min > INT64_MIN && (option->min != 0 || is_number(option->type)))
        schema_number_bound(json, min_key, option->type, option->min);
    if (option->max != 0)
        schema_number_bound(json, max_key, option->type, option->max);
}

static void
schema_names(const struct option *option, const char *key, struct json_out *json)
{
    json_out_key_array(json, key);
    for (size_t i = 0; option->names[i] != NULL; i++)
        json_out_text(json, str_from(option->names[i]));
    json_out_array_end(json);
}

/* A text of the given form, or an integer. */
static void
schema_text_or_integer(struct json_out *json, const char *pattern, const struct option *option)
{
    json_out_key_array(json, "anyOf");
    json_out_object_begin(json);
    schema_type(json, "string");
    json_out_key_cstr(json, "pattern", pattern);
    json_out_object_end(json);
    json_out_object_begin(json);
    if (option->type == OPTION_DURATION) {
        json_out_key_int(json, "const", 0);
    } else {
        schema_type(json, "integer");
        schema_bounds(option, "minimum", "maximum", json);
    }
    json_out_object_end(json);
    json_out_array_end(json);
}

static void schema_value(const struct option *option, struct json_out *json);
static void schema_table_members(const struct option_table *table, struct json_out *json);

/* One value inside a container: a whole object. */
static void
schema_item(const char *key, const struct option *container, struct json_out *json)
{
    struct option item = option_item(container);
    json_out_key_object(json, key);
    schema_value(&item, json);
    json_out_object_end(json);
}

/* ANY with a table: the name of one of its options, or an object with exactly one of them. */
static void
schema_one_of(const struct option_table *table, struct json_out *json)
{
    json_out_key_array(json, "anyOf");
    json_out_object_begin(json);
    json_out_key_array(json, "enum");
    for (size_t i = 0; i < table->option_count; i++)
        json_out_text(json, str_from(table->options[i].name));
    json_out_array_end(json);
    json_out_object_end(json);
    json_out_object_begin(json);
    schema_table_members(table, json);
    json_out_key_int(json, "minProperties", 1);
    json_out_key_int(json, "maxProperties", 1);
    json_out_object_end(json);
    json_out_array_end(json);
}

static void
schema_any(const struct option *option, struct json_out *json)
{
    if (option->table != NULL)
        schema_one_of(option->table, json);
    if (option->alternatives == NULL)
        return;
    json_out_key_array(json, "anyOf");
    for (size_t i = 0; option->alternatives[i] != NULL; i++)
        option_schema(option->alternatives[i], json);
    json_out_array_end(json);
}

/* The members that say what a value may be, into an object that is open. */
static void
schema_value(const struct option *option, struct json_out *json)
{
    switch (option->type) {
    case OPTION_BOOL: schema_type(json, "boolean"); break;
    case OPTION_INT:
    case OPTION_DECIMAL:
        schema_type(json, option->type == OPTION_INT ? "integer" : "number");
        schema_bounds(option, "minimum", "maximum", json);
        break;
    case OPTION_SIZE: schema_text_or_integer(json, "^[0-9]+([KMGT]i?B|kB|B)?$", option); break;
    case OPTION_DURATION: schema_text_or_integer(json, "^(0|([0-9]+(w|d|h|m|s|ms|us))+)$", option); break;
    case OPTION_TEXT:
    case OPTION_PATH:
        schema_type(json, "string");
        schema_bounds(option, "minLength", "maxLength", json);
        if (option->names != NULL)
            schema_names(option, "examples", json);
        break;
    case OPTION_SECRET:
        schema_type(json, "string");
        json_out_key_cstr(json, "pattern", "^(env|file):.+$");
        break;
    case OPTION_ENUM: schema_names(option, "enum", json); break;
    case OPTION_OBJECT: schema_table_members(option->table, json); break;
    case OPTION_LIST:
        schema_type(json, "array");
        schema_bounds(option, "minItems", "maxItems", json);
        schema_item("items", option, json);
        break;
    case OPTION_MAP:
        schema_type(json, "object");
        schema_item("additionalProperties", option, json);
        break;
    case OPTION_ANY: schema_any(option, json); break;
    }
}

static void
schema_default(const struct option *option, struct json_out *json)
{
    struct str text = str_from(option->default_text);
    json_out_key(json, STR("default"));
    if (option->type == OPTION_BOOL || option->type == OPTION_INT || option->type == OPTION_DECIMAL)
        json_out_raw(json, text);
    else
        json_out_text(json, text);
}

static void
schema_property(const struct option *option, struct json_out *json)
{
    json_out_key_object(json, option->name);
    json_out_key_cstr(json, "description", option->help);
    schema_value(option, json);
    if (option->default_text != NULL)
        schema_default(option, json);
    json_out_object_end(json);
}

static void
schema_object_members(const struct option_table *table, struct json_out *json)
{
    bool has_required = false;
    schema_type(json, "object");
    json_out_key_object(json, "properties");
    for (size_t i = 0; i < table->option_count; i++) {
        schema_property(&table->options[i], json);
        has_required = has_required || table->options[i].is_required;
    }
    json_out_object_end(json);
    if (has_required) {
        json_out_key_array(json, "required");
        for (size_t i = 0; i < table->option_count; i++)
            if (table->options[i].is_required)
                json_out_text(json, str_from(table->options[i].name));
        json_out_array_end(json);
    }
    json_out_key_bool(json, "additionalProperties", false);
}

/* Without a short form the object's members themselves, else a choice between both forms. */
static void
schema_table_members(const struct option_table *table, struct json_out *json)
{
    if (table->short_form == NULL) {
        schema_object_members(table, json);
        return;
    }
    json_out_key_array(json, "anyOf");
    json_out_object_begin(json);
    schema_value(option_find(table, str_from(table->short_form)), json);
    json_out_object_end(json);
    json_out_object_begin(json);
    schema_object_members(table, json);
    json_out_object_end(json);
    json_out_array_end(json);
}

void
option_schema(const struct option_table *table, struct json_out *json)
{
    json_out_object_begin(json);
    json_out_key_cstr(json, "description", table->help);
    schema_table_members(table, json);
    json_out_object_end(json);
}

/* ---- The long form ---- */

static void
print_text(const struct option *option, struct str text, struct json_out *json)
{
    if (option->is_secret && text.size > 0)
        json_out_text(json, STR("(hidden)"));
    else if (text.data == NULL)
        json_out_null(json);
    else
        json_out_text(json, text);
}

static void
print_number(const struct option *option, int64_t value, struct json_out *json)
{
    char       text[OPTION_NUMBER_TEXT_SIZE];
    struct str number = str_of(text, option_number_print(option->type, value, text));
    if (option->type == OPTION_DURATION || option->type == OPTION_SIZE)
        json_out_text(json, number);
    else
        json_out_raw(json, number);
}

static void
print_value(const struct option *option, const void *target, option_node_printer print_node, struct json_out *json)
{
    const void *field = option_field_const(option, target);
    switch (option->type) {
    case OPTION_BOOL: json_out_bool(json, *(const bool *)field); return;
    case OPTION_INT:
    case OPTION_SIZE:
    case OPTION_DURATION:
    case OPTION_DECIMAL: print_number(option, *(const int64_t *)field, json); return;
    case OPTION_TEXT:
    case OPTION_PATH:
    case OPTION_SECRET: print_text(option, *(const struct str *)field, json); return;
    case OPTION_ENUM: json_out_text(json, str_from(option->names[*(const int *)field])); return;
    case OPTION_OBJECT: option_print(option->table, field, print_node, json); return;
    case OPTION_LIST: {
        const struct option_list *list = field;
        struct option             item = option_item(option);
        json_out_array_begin(json);
        for (size_t i = 0; i < list->count; i++)
            print_value(&item, item_at(list, &item, i), print_node, json);
        json_out_array_end(json);
        return;
    }
    case OPTION_MAP:
    case OPTION_ANY: print_node(option, *(const void *const *)field, json); return;
    }
    UNREACHABLE();
}

static bool
is_printable(const struct option *option, const void *target, option_node_printer print_node)
{
    bool is_node = option->type == OPTION_MAP || option->type == OPTION_ANY;
    if (option->type == OPTION_LIST && option->item_type == OPTION_ANY && print_node == NULL)
        return false;
    return !is_node || (print_node != NULL && *(const void *const *)option_field_const(option, target) != NULL);
}

void
option_print(const struct option_table *table, const void *target, option_node_printer print_node,
             struct json_out *json)
{
    json_out_object_begin(json);
    for (size_t i = 0; i < table->option_count; i++) {
        const struct option *option = &table->options[i];
        if (!is_printable(option, target, print_node))
            continue;
        json_out_key(json, str_from(option->name));
        print_value(option, target, print_node, json);
    }
    json_out_object_end(json);
}

/* ---- The reference ---- */

/* The nested tables that have been written, so that one that is used twice stands once. */
#define REFERENCE_TABLES_MAX 128
struct reference {
    struct str_builder        *out;
    const struct option_table *written[REFERENCE_TABLES_MAX];
    size_t                     written_count;
};

static void
reference_type(const struct option *option, struct str_builder *out)
{
    if (option->type == OPTION_LIST || option->type == OPTION_MAP)
        str_builder_printf(out, "%s of ", option_type_name(option->type));
    enum option_type type =
        option->type == OPTION_LIST || option->type == OPTION_MAP ? option->item_type : option->type;
    if (option->table != NULL)
        str_builder_printf(out, "`%s`", option->table->name);
    else if (option->alternatives == NULL)
        str_builder_append_cstr(out, option_type_name(type));
    for (size_t i = 0; option->alternatives != NULL && option->alternatives[i] != NULL; i++)
        str_builder_printf(out, "%s`%s`", i > 0 ? ", " : "", option->alternatives[i]->name);
}

static const char *
reference_unit(const struct option *option)
{
    if (option->unit != NULL)
        return option->unit;
    switch (option->type) {
    case OPTION_LIST: return "items";
    case OPTION_TEXT:
    case OPTION_PATH: return "bytes";
    default: return NULL;
    }
}

/* Sizes of texts and lists begin at 0 where nothing else is said. */
static void
reference_bounds(const struct option *option, struct str_builder *out)
{
    char             text[OPTION_NUMBER_TEXT_SIZE];
    enum option_type type    = is_number(option->type) ? option->type : OPTION_INT;
    bool             has_min = option->min > 0 || (is_number(option->type) && option->min > INT64_MIN);
    if (has_min) {
        option_number_print(type, option->min, text);
        str_builder_printf(out, option->max != 0 ? "%s" : "%s or more", text);
    }
    if (option->max != 0 && !(has_min && option->max == option->min)) {
        option_number_print(type, option->max, text);
        str_builder_printf(out, has_min ? " to %s" : "up to %s", text);
    }
    if (reference_unit(option) != NULL)
        str_builder_printf(out, " %s", reference_unit(option));
}

static void
reference_range(const struct option *option, struct str_builder *out)
{
    bool is_text = option->type == OPTION_TEXT || option->type == OPTION_PATH;
    for (size_t i = 0; option->names != NULL && option->names[i] != NULL; i++)
        str_builder_printf(out, "%s`%s`", i > 0 ? ", " : "", option->names[i]);
    if (option->names != NULL || !option_has_range(option))
        return;
    if (is_text && option->min == 1 && option->max == 0)
        str_builder_append_cstr(out, "not empty");
    else
        reference_bounds(option, out);
}

static void
reference_row(const struct option *option, const char *prefix, struct str_builder *out)
{
    str_builder_printf(out, "| `%s%s` | ", prefix, option->name);
    reference_type(option, out);
    str_builder_append_cstr(out, " | ");
    if (option->is_required)
        str_builder_append_cstr(out, "required");
    else if (option->default_text != NULL)
        str_builder_printf(out, "`%s`", option->default_text);
    str_builder_append_cstr(out, " | ");
    reference_range(option, out);
    str_builder_append_cstr(out, " | ");
    markdown_cell(out, option->help);
    str_builder_append_cstr(out, " |\n");
}

void
option_reference_rows(const struct option_table *table, const char *prefix, struct str_builder *out)
{
    markdown_table_head(out, "option|type|default|range|what it does");
    for (size_t i = 0; i < table->option_count; i++)
        reference_row(&table->options[i], prefix, out);
    str_builder_append_char(out, '\n');
}

static bool
is_written(const struct reference *reference, const struct option_table *table)
{
    for (size_t i = 0; i < reference->written_count; i++)
        if (reference->written[i] == table)
            return true;
    return false;
}

static void
reference_table(struct reference *reference, const struct option_table *table)
{
    if (is_written(reference, table))
        return;
    CHECK(reference->written_count < REFERENCE_TABLES_MAX);
    reference->written[reference->written_count++] = table;
    str_builder_printf(reference->out, "### `%s`\n\n%s", table->name, table->help);
    if (table->short_form != NULL)
        str_builder_printf(reference->out, " A value in place of the object sets `%s`.", table->short_form);
    str_builder_append_cstr(reference->out, "\n\n");
    option_reference_rows(table, "", reference->out);
    for (size_t i = 0; i < table->option_count; i++) {
        const struct option_table *const *alternatives = table->options[i].alternatives;
        if (table->options[i].table != NULL)
            reference_table(reference, table->options[i].table);
        for (; alternatives != NULL && *alternatives != NULL; alternatives++)
            reference_table(reference, *alternatives);
    }
}

void
option_reference(const struct option_table *table, struct str_builder *out)
{
    struct reference reference = { .out = out };
    reference_table(&reference, table);
}
