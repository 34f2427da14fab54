/* Names for expressions. */
#include "model/scope_int.h"

#include "base/check.h"
#include "expr/function.h"

enum status
scope_init(struct scope *scope, struct arena *arena, uint32_t capacity, struct error *err)
{
    struct scope_entry *entries = ARENA_ARRAY(arena, struct scope_entry, capacity + 1);
    if (entries == NULL)
        return error_no_memory(err);
    *scope = (struct scope){ .entries = entries, .capacity = capacity };
    return ST_OK;
}

static struct scope_entry *
add(struct scope *scope, struct str name)
{
    CHECK(scope->count < scope->capacity);
    struct scope_entry *entry = &scope->entries[scope->count++];
    *entry                    = (struct scope_entry){ .name = name };
    return entry;
}

void
scope_add_slot(struct scope *scope, struct str name, uint32_t slot, struct type type)
{
    add(scope, name)->value = (struct expr_name){ .kind = EXPR_NAME_SLOT, .slot = slot, .type = type };
}

void
scope_add_bound(struct scope *scope, struct str name, struct expr *bound)
{
    add(scope, name)->value = (struct expr_name){ .kind = EXPR_NAME_BOUND, .bound = bound };
}

void
scope_add_text(struct scope *scope, struct str name, struct str text)
{
    struct expr_value value = { .type = TYPE(TYPE_TEXT), .is_null = text.size == 0 };
    value.as.text           = text;
    add(scope, name)->value = (struct expr_name){ .kind = EXPR_NAME_CONSTANT, .value = value };
}

void
scope_add_timestamp(struct scope *scope, struct str name, bool is_null, int64_t time_us)
{
    struct expr_value value = { .type = TYPE(TYPE_TIMESTAMP), .is_null = is_null };
    value.as.int64          = time_us;
    add(scope, name)->value = (struct expr_name){ .kind = EXPR_NAME_CONSTANT, .value = value };
}

void
scope_add_later(struct scope *scope, struct str name)
{
    add(scope, name)->is_later = true;
}

static bool
find(void *context, struct str name, struct expr_name *ret_name)
{
    struct scope *scope = context;
    for (uint32_t i = 0; i < scope->count; i++) {
        if (!str_equal(scope->entries[i].name, name))
            continue;
        if (scope->entries[i].is_later) {
            scope->later = scope->entries[i].name.data;
            return false;
        }
        *ret_name = scope->entries[i].value;
        return true;
    }
    return false;
}

static void
each(void *context, void (*offer)(void *into, struct str name), void *into)
{
    struct scope *scope = context;
    for (uint32_t i = 0; i < scope->count; i++)
        if (!scope->entries[i].is_later)
            offer(into, scope->entries[i].name);
}

enum status
scope_bind(struct scope *scope, struct arena *arena, const char *file, const struct model_text *text,
           struct expr **ret_bound, struct error *err)
{
    /* The place of a text in JSON is its quote's; the expression begins behind it. */
    struct expr_origin origin = { .file = file, .line = text->line, .column = text->line == 0 ? 0 : text->column + 1 };
    struct expr_scope  names  = { .context = scope, .find = find, .each = each };
    scope->later              = NULL;
    if (expr_parse_bind(arena, text->text, &origin, &names, ret_bound, err) == ST_OK)
        return ST_OK;
    if (scope->later != NULL && err != NULL) {
        uint32_t line   = err->line;
        uint32_t column = err->column;
        error_set(err, ERR_CONFIG, "\"%s\" stands further down: a standard column sees those above it", scope->later);
        error_at(err, file, line, column);
    }
    return ST_ERROR;
}

enum status
scope_bind_own(struct scope *scope, struct arena *arena, const char *text, struct expr **ret_bound, struct error *err)
{
    struct model_text own = { .text = str_from(text) };
    return scope_bind(scope, arena, NULL, &own, ret_bound, err);
}

bool
scope_fits(const struct expr *bound, struct type type)
{
    return expr_is_null(bound) || type_equal(expr_type(bound), type) || type_is_coercible(expr_type(bound), type);
}
