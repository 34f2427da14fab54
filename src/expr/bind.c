/* Names to slots, types, coercions, folding. Operators that DuckDB would compute otherwise become calls of our functions. */
#include <string.h>

#include "base/check.h"
#include "base/suggest.h"
#include "expr/expr_int.h"

struct binder {
    struct arena            *arena;
    const struct expr_scope *scope;
    struct error            *err;
};

static enum status bind_node(struct binder *binder, const struct expr *tree, struct expr **ret_bound);

/* Makes a bound node; one whose arguments are all constants becomes a constant itself. */
static enum status
finish(struct arena *arena, struct expr prototype, struct type type, struct expr *const *args, uint32_t arg_count,
       struct expr **ret_bound, struct error *err)
{
    struct expr *made;
    bool         is_constant = arg_count > 0;
    prototype.type           = type;
    if (expr_node(arena, &prototype, args, arg_count, &made, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t i = 0; i < arg_count; i++)
        is_constant = is_constant && args[i]->kind == EXPR_LITERAL;
    if (is_constant)
        return expr_fold(arena, made, ret_bound, err);
    *ret_bound = made;
    return ST_OK;
}

bool
expr_is_null(const struct expr *bound)
{
    return bound->is_bare_null;
}

bool
expr_is_constant(const struct expr *bound)
{
    return bound->kind == EXPR_LITERAL;
}

struct type
expr_type(const struct expr *bound)
{
    return bound->type;
}

struct str
cast_function_name(struct type type)
{
    static const struct str names[TYPE_KIND_COUNT] = {
        [TYPE_BOOL] = STR_INIT("to_bool"),       [TYPE_INT64] = STR_INIT("to_int64"),
        [TYPE_DOUBLE] = STR_INIT("to_double"),   [TYPE_DECIMAL] = STR_INIT("to_decimal"),
        [TYPE_TEXT] = STR_INIT("to_text"),       [TYPE_TIMESTAMP] = STR_INIT("to_timestamp_utc"),
        [TYPE_DATE] = STR_INIT("to_date"),
    };
    return names[type.kind];
}

enum status
expr_make_cast(struct arena *arena, struct expr *bound, struct type type, struct expr **ret_bound, struct error *err)
{
    struct expr prototype = { .kind = EXPR_CALL, .offset = bound->offset, .source = bound->source };
    struct type coerce, result;
    char        from[32], to[32];

    if (bound->kind == EXPR_LITERAL && bound->value.is_null) {
        struct expr *made;
        if (expr_node(arena, bound, NULL, 0, &made, err) != ST_OK)
            return ST_ERROR;
        made->is_bare_null            = false;
        made->type = made->value.type = type;
        *ret_bound                    = made;
        return ST_OK;
    }
    if (type_equal(bound->type, type)) {
        *ret_bound = bound;
        return ST_OK;
    }
    prototype.name     = cast_function_name(type);
    prototype.function = function_find(prototype.name);
    CHECK(prototype.function != NULL);
    if (!function_resolve(prototype.function, &bound->type, NULL, 1, &coerce, &result) ||
        !type_equal(coerce, bound->type))
        return expr_error_at(bound, err, "%s cannot be cast to %s", type_name(bound->type, from, sizeof from),
                             type_name(type, to, sizeof to));
    return finish(arena, prototype, type, &bound, 1, ret_bound, err);
}

/* One type for values that meet in a comparison or a choice; bare nulls do not count. */
static enum status
unify(struct binder *binder, const struct expr *node, struct expr **args, const uint32_t *which, uint32_t count,
      struct type *ret_type)
{
    struct type common   = TYPE(TYPE_TEXT);
    bool        is_known = false;
    for (uint32_t i = 0; i < count; i++) {
        struct expr *arg = args[which[i]];
        if (expr_is_null(arg))
            continue;
        if (!is_known || type_is_coercible(common, arg->type)) {
            common = arg->type;
        } else if (!type_is_coercible(arg->type, common)) {
            char a[32], b[32];
            expr_error_at(node->source != NULL ? arg : node, binder->err, "%s does not go with %s",
                          type_name(arg->type, b, sizeof b), type_name(common, a, sizeof a));
            error_hint(binder->err, "convert one with cast(… as %s)", a);
            return ST_ERROR;
        }
        is_known = true;
    }
    for (uint32_t i = 0; i < count; i++)
        if (expr_make_cast(binder->arena, args[which[i]], common, &args[which[i]], binder->err) != ST_OK)
            return ST_ERROR;
    *ret_type = common;
    return ST_OK;
}

static enum status
require_bool(struct binder *binder, struct expr **arg)
{
    char buffer[32];
    if (!expr_is_null(*arg) && (*arg)->type.kind != TYPE_BOOL)
        return expr_error_at(*arg, binder->err, "a condition is expected, this is %s",
                             type_name((*arg)->type, buffer, sizeof buffer));
    return expr_make_cast(binder->arena, *arg, TYPE(TYPE_BOOL), arg, binder->err);
}

static enum status
wrong_arguments(const struct expr *at, const struct function *function, struct expr *const *args, uint32_t count,
                struct error *err)
{
    char   types[200] = "";
    size_t used       = 0;
    for (uint32_t i = 0; i < count; i++) {
        char       buffer[32];
        struct str name = str_from(type_name(args[i]->type, buffer, sizeof buffer));
        if (used + name.size + 3 >= sizeof types)
            break;
        if (i > 0) {
            memcpy(types + used, ", ", 2);
            used += 2;
        }
        memcpy(types + used, name.data, name.size);
        used += name.size;
    }
    expr_error_at(at, err, "%s(%s) is not possible", function->name, types);
    error_hint(err, "it is %s%s", function->name, function->signature);
    return ST_ERROR;
}

static enum status
call(struct arena *arena, const struct expr *at, const struct function *function, struct expr **args, uint32_t count,
     struct expr **ret_bound, struct error *err)
{
    struct expr  prototype = { .kind = EXPR_CALL, .function = function, .name = str_from(function->name) };
    struct type  types[FUNCTION_ARGUMENT_COUNT_MAX] = { 0 }, coerce[FUNCTION_ARGUMENT_COUNT_MAX] = { 0 }, result;
    bool         is_null[FUNCTION_ARGUMENT_COUNT_MAX] = { false };
    struct expr *coerced[FUNCTION_ARGUMENT_COUNT_MAX];

    CHECK(count <= FUNCTION_ARGUMENT_COUNT_MAX);
    prototype.source = at->source;
    prototype.offset = at->offset;
    for (uint32_t i = 0; i < count; i++) {
        types[i]   = args[i]->type;
        is_null[i] = expr_is_null(args[i]);
    }
    if (!function_resolve(function, types, is_null, count, coerce, &result))
        return wrong_arguments(at, function, args, count, err);
    for (uint32_t i = 0; i < count; i++)
        if (expr_make_cast(arena, args[i], coerce[i], &coerced[i], err) != ST_OK)
            return ST_ERROR;
    return finish(arena, prototype, result, coerced, count, ret_bound, err);
}

static const struct function *
find_function(const struct expr *at, struct str name, struct error *err)
{
    const struct function *function = function_find(name);
    if (function == NULL) {
        expr_error_at(at, err, "unknown function %.*s", STR_PRINTF(name));
        struct suggestion suggestion = suggestion_init(name);
        for (size_t i = 0; i < function_count(); i++)
            suggestion_offer(&suggestion, str_from(function_at(i)->name));
        suggestion_hint(&suggestion, err);
    }
    return function;
}

static void
offer_name(void *into, struct str name)
{
    suggestion_offer(into, name);
}

static enum status
bind_name(struct binder *binder, const struct expr *tree, struct expr **ret_bound)
{
    struct expr_name found     = { 0 };
    struct expr      prototype = { .kind = EXPR_SLOT, .name = tree->name, .source = tree->source, .offset = tree->offset };
    if (!binder->scope->find(binder->scope->context, tree->name, &found)) {
        expr_error_at(tree, binder->err, "unknown name %.*s", STR_PRINTF(tree->name));
        if (binder->scope->each != NULL) {
            struct suggestion suggestion = suggestion_init(tree->name);
            binder->scope->each(binder->scope->context, offer_name, &suggestion);
            suggestion_hint(&suggestion, binder->err);
        }
        return ST_ERROR;
    }
    switch (found.kind) {
    case EXPR_NAME_BOUND: *ret_bound = found.bound; return ST_OK;
    case EXPR_NAME_CONSTANT: return expr_make_constant(binder->arena, &found.value, ret_bound, binder->err);
    case EXPR_NAME_SLOT: break;
    }
    prototype.slot = found.slot;
    return finish(binder->arena, prototype, found.type, NULL, 0, ret_bound, binder->err);
}

static enum status
operator_node(struct binder *binder, const struct expr *tree, enum expr_op op, struct type type, struct expr **args,
              uint32_t count, struct expr **ret_bound)
{
    struct expr prototype = { .kind = EXPR_OPERATOR, .op = op, .source = tree->source, .offset = tree->offset };
    prototype.has_else    = op == OP_CASE;
    return finish(binder->arena, prototype, type, args, count, ret_bound, binder->err);
}

/* case operand when a then x becomes case when operand = a then x; the operand's node is shared. */
static enum status
bind_case(struct binder *binder, const struct expr *tree, struct expr **args, struct expr **ret_bound)
{
    uint32_t first = tree->op == OP_CASE_SIMPLE ? 1 : 0;
    uint32_t count = tree->arg_count - first;
    /* Room for an else of null. */
    struct expr **list   = ARENA_ARRAY(binder->arena, struct expr *, count + 1);
    uint32_t     *values = ARENA_ARRAY(binder->arena, uint32_t, count + 1);
    uint32_t      value_count = 0;
    struct type   type;

    if (list == NULL || values == NULL)
        return error_no_memory(binder->err);
    for (uint32_t i = 0; i < count; i++)
        list[i] = args[first + i];
    if (!tree->has_else) {
        struct expr_value null = { .type = TYPE(TYPE_TEXT), .is_null = true };
        if (expr_make_constant(binder->arena, &null, &list[count], binder->err) != ST_OK)
            return ST_ERROR;
        list[count++]->is_bare_null = true;
    }
    if (count > FUNCTION_ARGUMENT_COUNT_MAX)
        return expr_error_at(tree, binder->err, "more than %d branches", FUNCTION_ARGUMENT_COUNT_MAX / 2);
    for (uint32_t i = 0; i + 1 < count; i += 2) {
        if (first == 1) {
            struct expr   *pair[2]   = { args[0], list[i] };
            const uint32_t both[2]   = { 0, 1 };
            if (unify(binder, tree, pair, both, 2, &type) != ST_OK ||
                operator_node(binder, tree, OP_EQ, TYPE(TYPE_BOOL), pair, 2, &list[i]) != ST_OK)
                return ST_ERROR;
        }
        if (require_bool(binder, &list[i]) != ST_OK)
            return ST_ERROR;
        values[value_count++] = i + 1;
    }
    values[value_count++] = count - 1;
    if (unify(binder, tree, list, values, value_count, &type) != ST_OK)
        return ST_ERROR;
    return operator_node(binder, tree, OP_CASE, type, list, count, ret_bound);
}

static const char *
function_of_op(enum expr_op op)
{
    switch (op) {
    case OP_LIKE:
    case OP_NOT_LIKE: return "like";
    case OP_CONCAT: return "append";
    case OP_ADD: return "add";
    case OP_SUBTRACT: return "subtract";
    case OP_MULTIPLY: return "multiply";
    case OP_DIVIDE: return "divide";
    case OP_MODULO: return "modulo";
    case OP_NEGATE: return "negate";
    default: return NULL;
    }
}

static enum status
bind_operator(struct binder *binder, const struct expr *tree, struct expr **args, struct expr **ret_bound)
{
    enum expr_op op       = tree->op;
    uint32_t     count    = tree->arg_count;
    bool         is_not   = op == OP_NOT_IN || op == OP_NOT_BETWEEN || op == OP_NOT_LIKE;
    const char  *function = function_of_op(op);
    struct type  type     = TYPE(TYPE_BOOL);
    struct expr *made;
    enum status  status;

    if (op == OP_CASE || op == OP_CASE_SIMPLE)
        return bind_case(binder, tree, args, ret_bound);
    if (function != NULL) {
        status = call(binder->arena, tree, function_find(str_from(function)), args, count, &made, binder->err);
    } else if (op == OP_IS_NULL || op == OP_IS_NOT_NULL) {
        status = operator_node(binder, tree, op, type, args, count, &made);
    } else if (op <= OP_NOT || (op >= OP_IS_TRUE && op <= OP_IS_NOT_FALSE)) {
        for (uint32_t i = 0; i < count; i++)
            if (require_bool(binder, &args[i]) != ST_OK)
                return ST_ERROR;
        status = operator_node(binder, tree, op, type, args, count, &made);
    } else {
        struct type common;
        uint32_t   *which = ARENA_ARRAY(binder->arena, uint32_t, count);
        if (which == NULL)
            return error_no_memory(binder->err);
        for (uint32_t i = 0; i < count; i++)
            which[i] = i;
        if (count > FUNCTION_ARGUMENT_COUNT_MAX)
            return expr_error_at(tree, binder->err, "a list of more than %d values", FUNCTION_ARGUMENT_COUNT_MAX - 1);
        if (unify(binder, tree, args, which, count, &common) != ST_OK)
            return ST_ERROR;
        op = op == OP_NOT_IN ? OP_IN : op == OP_NOT_BETWEEN ? OP_BETWEEN : op;
        status = operator_node(binder, tree, op, op == OP_COALESCE || op == OP_NULLIF ? common : type, args, count, &made);
    }
    if (status == ST_OK && is_not)
        status = operator_node(binder, tree, OP_NOT, type, &made, 1, &made);
    if (status == ST_OK)
        *ret_bound = made;
    return status;
}

static enum status
bind_node(struct binder *binder, const struct expr *tree, struct expr **ret_bound)
{
    struct expr **args = ARENA_ARRAY(binder->arena, struct expr *, tree->arg_count + 1);
    if (args == NULL)
        return error_no_memory(binder->err);
    for (uint32_t i = 0; i < tree->arg_count; i++)
        if (bind_node(binder, tree->args[i], &args[i]) != ST_OK)
            return ST_ERROR;

    switch (tree->kind) {
    case EXPR_LITERAL: return finish(binder->arena, *tree, tree->value.type, NULL, 0, ret_bound, binder->err);
    case EXPR_NAME: return bind_name(binder, tree, ret_bound);
    case EXPR_CAST: return expr_make_cast(binder->arena, args[0], tree->type, ret_bound, binder->err);
    case EXPR_OPERATOR: return bind_operator(binder, tree, args, ret_bound);
    case EXPR_CALL: {
        const struct function *function = find_function(tree, tree->name, binder->err);
        return function == NULL
                   ? ST_ERROR
                   : call(binder->arena, tree, function, args, tree->arg_count, ret_bound, binder->err);
    }
    case EXPR_SLOT: break;
    }
    UNREACHABLE();
}

enum status
expr_bind(struct arena *arena, const struct expr *tree, const struct expr_scope *scope, struct expr **ret_bound,
          struct error *err)
{
    struct binder binder = { .arena = arena, .scope = scope, .err = err };
    return bind_node(&binder, tree, ret_bound);
}

enum status
expr_parse_bind(struct arena *arena, struct str text, const struct expr_origin *origin, const struct expr_scope *scope,
                struct expr **ret_bound, struct error *err)
{
    struct expr *tree;
    if (expr_parse(arena, text, origin, &tree, err) != ST_OK)
        return ST_ERROR;
    return expr_bind(arena, tree, scope, ret_bound, err);
}

enum status
expr_make_slot(struct arena *arena, struct str name, uint32_t slot, struct type type, struct expr **ret_bound,
               struct error *err)
{
    struct expr prototype = { .kind = EXPR_SLOT, .slot = slot };
    if (!arena_text(arena, name, &prototype.name))
        return error_no_memory(err);
    return finish(arena, prototype, type, NULL, 0, ret_bound, err);
}

enum status
expr_make_constant(struct arena *arena, const struct expr_value *value, struct expr **ret_bound, struct error *err)
{
    struct expr prototype = { .kind = EXPR_LITERAL, .value = *value };
    if (value->type.kind == TYPE_TEXT && !value->is_null && !arena_text(arena, value->as.text, &prototype.value.as.text))
        return error_no_memory(err);
    return finish(arena, prototype, value->type, NULL, 0, ret_bound, err);
}

enum status
expr_make_call(struct arena *arena, struct str function, struct expr *const *arguments, uint32_t argument_count,
               struct expr **ret_bound, struct error *err)
{
    struct expr            at    = { .source = argument_count > 0 ? arguments[0]->source : NULL,
                                     .offset = argument_count > 0 ? arguments[0]->offset : 0 };
    const struct function *found = find_function(&at, function, err);
    struct expr           *args[FUNCTION_ARGUMENT_COUNT_MAX];
    if (found == NULL)
        return ST_ERROR;
    if (argument_count > FUNCTION_ARGUMENT_COUNT_MAX)
        return expr_error_at(&at, err, "%s() with %u arguments; at most %d are possible", found->name, argument_count,
                             FUNCTION_ARGUMENT_COUNT_MAX);
    for (uint32_t i = 0; i < argument_count; i++)
        args[i] = arguments[i];
    return call(arena, &at, found, args, argument_count, ret_bound, err);
}

void
expr_slots_used(const struct expr *bound, void (*used)(void *context, uint32_t slot, struct str name), void *context)
{
    if (bound->kind == EXPR_SLOT)
        used(context, bound->slot, bound->name);
    for (uint32_t i = 0; i < bound->arg_count; i++)
        expr_slots_used(bound->args[i], used, context);
}

static bool
schema_scope_find(void *context, struct str name, struct expr_name *ret_name)
{
    const struct schema *schema = context;
    for (uint32_t i = 0; i < schema->column_count; i++) {
        if (str_equal(name, str_from(schema->columns[i].name))) {
            *ret_name = (struct expr_name){ .kind = EXPR_NAME_SLOT, .slot = i, .type = schema->columns[i].type };
            return true;
        }
    }
    return false;
}

static void
schema_scope_each(void *context, void (*offer)(void *into, struct str name), void *into)
{
    const struct schema *schema = context;
    for (uint32_t i = 0; i < schema->column_count; i++)
        offer(into, str_from(schema->columns[i].name));
}

struct expr_scope
expr_scope_of_schema(const struct schema *schema)
{
    return (struct expr_scope){ .context = (void *)(uintptr_t)schema, .find = schema_scope_find, .each = schema_scope_each };
}
