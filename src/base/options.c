#include "base/options.h"

#include <stdio.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/options_int.h"
#include "base/suggest.h"

/* ---- Looking up ---- */

const struct option *
option_find(const struct option_table *table, struct str name)
{
    for (size_t i = 0; i < table->option_count; i++)
        if (str_equal(str_from(table->options[i].name), name))
            return &table->options[i];
    return NULL;
}

size_t
option_index(const struct option_table *table, const struct option *option)
{
    CHECK(option >= table->options && option < table->options + table->option_count);
    return (size_t)(option - table->options);
}

/* "the options are a, b and c", as far as it fits a hint. */
static void
hint_all(const struct option_table *table, struct error *err)
{
    char   names[ERROR_HINT_SIZE];
    size_t size = 0;
    names[0]    = '\0';
    for (size_t i = 0; i < table->option_count && size < sizeof names; i++)
        size += (size_t)snprintf(names + size, sizeof names - size, "%s%s", i > 0 ? ", " : "", table->options[i].name);
    error_hint(err, "the options are %s", names);
}

enum status
option_unknown(const struct option_table *table, struct str name, struct error *err)
{
    error_set(err, ERR_CONFIG, "unknown option \"%.*s\" in %s", STR_PRINTF(name), table->name);
    struct suggestion suggestion = suggestion_init(name);
    for (size_t i = 0; i < table->option_count; i++)
        suggestion_offer(&suggestion, str_from(table->options[i].name));
    if (suggestion.best.size > 0)
        suggestion_hint(&suggestion, err);
    else
        hint_all(table, err);
    return ST_ERROR;
}

enum status
option_check_required(const struct option_table *table, uint64_t given_mask, struct error *err)
{
    CHECK(table->option_count <= OPTION_COUNT_MAX);
    for (size_t i = 0; i < table->option_count; i++) {
        const struct option *option = &table->options[i];
        if (option->is_required && (given_mask >> i & 1) == 0) {
            error_set(err, ERR_CONFIG, "%s needs the option \"%s\"", table->name, option->name);
            error_hint(err, "%s", option->help);
            return ST_ERROR;
        }
    }
    return ST_OK;
}

/* ---- The struct ---- */

size_t
option_size_bytes(const struct option *option)
{
    switch (option->type) {
    case OPTION_BOOL: return sizeof(bool);
    case OPTION_INT:
    case OPTION_SIZE:
    case OPTION_DURATION:
    case OPTION_DECIMAL: return sizeof(int64_t);
    case OPTION_TEXT:
    case OPTION_PATH:
    case OPTION_SECRET: return sizeof(struct str);
    case OPTION_ENUM: return sizeof(int);
    case OPTION_OBJECT: return option->table->struct_size_bytes;
    case OPTION_LIST: return sizeof(struct option_list);
    case OPTION_MAP:
    case OPTION_ANY: return sizeof(const void *);
    }
    UNREACHABLE();
}

void *
option_field(const struct option *option, void *target)
{
    return (char *)target + option->offset;
}

const void *
option_field_const(const struct option *option, const void *target)
{
    return (const char *)target + option->offset;
}

void
option_mark_given(const struct option *option, void *target)
{
    if (option->given_offset != 0)
        *(bool *)((char *)target + option->given_offset) = true;
}

void
option_defaults(const struct option_table *table, void *target)
{
    memset(target, 0, table->struct_size_bytes);
    for (size_t i = 0; i < table->option_count; i++) {
        const struct option *option = &table->options[i];
        if (option->type == OPTION_OBJECT) {
            option_defaults(option->table, option_field(option, target));
        } else if (option->default_text != NULL) {
            enum status status = option_store_text(option, target, str_from(option->default_text), false, NULL);
            CHECK(status == ST_OK);
        }
    }
}

/* ---- Lists ---- */

enum status
option_set_list(const struct option *option, void *target, size_t count, struct arena *arena, struct error *err)
{
    if (option->type != OPTION_LIST)
        return option_wrong_type(option, "a list", err);
    if ((option->min > 0 && count < (uint64_t)option->min) || (option->max > 0 && count > (uint64_t)option->max))
        return error_set(err, ERR_CONFIG, "%s must have %s %lld items, not %zu", option->name,
                         option->min > 0 && count < (uint64_t)option->min ? "at least" : "at most",
                         (long long)(option->min > 0 && count < (uint64_t)option->min ? option->min : option->max),
                         count);

    struct option item  = option_item(option);
    size_t        size  = option_size_bytes(&item);
    char         *items = arena_alloc_array(arena, count, size, _Alignof(max_align_t));
    if (items == NULL)
        return error_no_memory(err);
    if (item.type == OPTION_OBJECT)
        for (size_t i = 0; i < count; i++)
            option_defaults(item.table, items + i * size);

    struct option_list *list = option_field(option, target);
    *list                    = (struct option_list){ .items = items, .count = count };
    option_mark_given(option, target);
    return ST_OK;
}

struct option
option_item(const struct option *list)
{
    CHECK(list->type == OPTION_LIST || list->type == OPTION_MAP);
    struct option item = *list;
    item.type          = list->item_type;
    item.min           = item.type == OPTION_INT || item.type == OPTION_DECIMAL ? INT64_MIN : 0;
    item.max           = 0;
    item.default_text  = NULL;
    item.is_required   = false;
    item.offset        = 0;
    item.given_offset  = 0;
    return item;
}

void *
option_item_at(const struct option *list, const void *target, size_t index)
{
    const struct option_list *stored = option_field_const(list, target);
    struct option             item   = option_item(list);
    CHECK(list->type == OPTION_LIST && index < stored->count);
    return (char *)stored->items + index * option_size_bytes(&item);
}

/* ---- Checking a table ---- */

static enum status
fault(const struct option_table *table, const struct option *option, const char *what, struct error *err)
{
    const char *name = option != NULL ? option->name : "(table)";
    return error_set(err, ERR_INTERNAL, "option table %s: %s: %s", table->name, name, what);
}

/* Offsets and alignments, so that a slip in a table does not write beside the struct. */
static bool
lies_inside(const struct option_table *table, const struct option *option)
{
    return option->offset + option_size_bytes(option) <= table->struct_size_bytes &&
           option->given_offset < table->struct_size_bytes;
}

/* What options of objects and lists need. */
static enum status
check_nested(const struct option_table *table, const struct option *option, struct error *err)
{
    bool         is_container = option->type == OPTION_LIST || option->type == OPTION_MAP;
    enum option_type type     = is_container ? option->item_type : option->type;
    if (is_container && (type == OPTION_LIST || type == OPTION_MAP))
        return fault(table, option, "containers of containers are not provided for: use ANY", err);
    if (type == OPTION_OBJECT && option->table == NULL)
        return fault(table, option, "an OBJECT needs a table", err);
    if (type == OPTION_ENUM && (option->names == NULL || option->names[0] == NULL))
        return fault(table, option, "an ENUM needs names", err);
    if (option->table != NULL && option_table_check(option->table, err) != ST_OK)
        return ST_ERROR;
    for (size_t i = 0; option->alternatives != NULL && option->alternatives[i] != NULL; i++)
        if (option_table_check(option->alternatives[i], err) != ST_OK)
            return ST_ERROR;
    return ST_OK;
}

static enum status
check_default(const struct option_table *table, const struct option *option, struct error *err)
{
    union {
        int64_t    number;
        struct str text;
        bool       is_true;
    } scratch;
    struct option alone = *option;
    if (option->default_text == NULL)
        return ST_OK;
    if (option->is_required)
        return fault(table, option, "a required option cannot have a default", err);
    if (option->type >= OPTION_OBJECT)
        return fault(table, option, "objects, lists, maps and ANY cannot have a default", err);
    alone.offset = 0;
    if (option_store_text(&alone, &scratch, str_from(option->default_text), false, err) != ST_OK)
        return fault(table, option, "its default is not a valid value", err);
    return ST_OK;
}

enum status
option_table_check(const struct option_table *table, struct error *err)
{
    if (table->name == NULL || table->help == NULL || table->option_count > OPTION_COUNT_MAX)
        return error_set(err, ERR_INTERNAL, "an option table needs a name, help and at most %d options",
                         OPTION_COUNT_MAX);
    for (size_t i = 0; i < table->option_count; i++) {
        const struct option *option = &table->options[i];
        if (option->name == NULL || option->help == NULL)
            return fault(table, option->name ? option : NULL, "needs a name and help", err);
        if (option_find(table, str_from(option->name)) != option)
            return fault(table, option, "stands twice", err);
        if (option->max != 0 && option->max < option->min)
            return fault(table, option, "its range is empty", err);
        if (check_nested(table, option, err) != ST_OK || check_default(table, option, err) != ST_OK)
            return ST_ERROR;
        if (!lies_inside(table, option))
            return fault(table, option, "lies outside its struct", err);
    }
    if (table->short_form != NULL && option_find(table, str_from(table->short_form)) == NULL)
        return fault(table, NULL, "its short form is not one of its options", err);
    return ST_OK;
}
