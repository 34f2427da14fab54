/* What a name of the pipeline stands for: looked up, once for one purpose, with what it borrows by "use" filled in. */
#include "base/check.h"
#include "base/limits.h"
#include "base/suggest.h"
#include "plan/plan_int.h"

static const char *const ROLE_NAMES[] = { "nothing", "a source", "the warehouse", "the store", "an alerting service" };

/* Members that a binding may borrow: where a thing is and how it is opened, never what is done with it. */
static const char *const BORROWED[] = { "path", "key", "encryption", "brokers", "tls", "sasl" };

static const struct json *
bindings_object(const struct builder *builder)
{
    return builder->bindings_config.bindings;
}

static void
suggest_binding(const struct builder *builder, struct str name, struct error *kept)
{
    struct suggestion suggestion = suggestion_init(name);
    error_hint(kept, "add it to \"bindings\" of %s", builder->bindings.binder.file);
    for (const struct json *member = bindings_object(builder)->first; member; member = member->next)
        suggestion_offer(&suggestion, member->key);
    suggestion_hint(&suggestion, kept);
}

/* ---- use ---- */

static struct json *
copy_node(struct builder *builder, const struct json *value)
{
    struct json *copy = ARENA_NEW(builder->arena, struct json);
    if (copy == NULL) {
        plan_no_memory(builder);
        return NULL;
    }
    *copy      = *value;
    copy->next = NULL;
    return copy;
}

/* The binding, or its only input or route, that has the members to borrow. */
static const struct json *
lender_part(struct builder *builder, const struct json *use, const struct json *lender)
{
    static const char *const LISTS[] = { "inputs", "routes" };
    for (size_t i = 0; i < sizeof(LISTS) / sizeof(*LISTS); i++) {
        const struct json *list = json_find(lender, LISTS[i]);
        if (list == NULL || list->type != JSON_ARRAY)
            continue;
        if (list->count == 1)
            return list->first;
        complain(&builder->bindings, use, "\"%.*s\" has %u %s: it is not clear which one is meant",
                 STR_PRINTF(use->text), list->count, LISTS[i]);
        return NULL;
    }
    return lender;
}

/* Appends what the lender gives and the borrower lacks. A lender that is a path alone gives that path. */
static bool
borrow(struct builder *builder, struct json *borrower, const struct json *lender)
{
    struct json **link = &borrower->first;
    while (*link != NULL)
        link = &(*link)->next;
    for (size_t i = 0; i < sizeof(BORROWED) / sizeof(*BORROWED); i++) {
        bool               is_path_alone = i == 0 && lender->type == JSON_TEXT;
        const struct json *given         = is_path_alone ? lender : json_find(lender, BORROWED[i]);
        if (given == NULL || json_find(borrower, BORROWED[i]) != NULL)
            continue;
        struct json *copy = copy_node(builder, given);
        if (copy == NULL)
            return false;
        copy->key          = str_from(BORROWED[i]);
        copy->is_duplicate = false;
        *link              = copy;
        link               = &copy->next;
        borrower->count++;
    }
    return true;
}

/* The borrower's own members, copied: the tree that was read is shared and stays as it is. */
static struct json *
copy_object(struct builder *builder, const struct json *value)
{
    struct json *copy = copy_node(builder, value);
    if (copy == NULL)
        return NULL;
    struct json **link = &copy->first;
    *link              = NULL;
    for (const struct json *member = value->first; member; member = member->next) {
        *link = copy_node(builder, member);
        if (*link == NULL)
            return NULL;
        link = &(*link)->next;
    }
    return copy;
}

const struct json *
plan_use(struct builder *builder, const struct json *value)
{
    const struct json *use     = json_find(value, "use");
    const struct json *lenders[PLAN_USE_DEPTH_MAX];
    size_t             lender_count = 0;

    if (use == NULL || use->type != JSON_TEXT)
        return value;
    struct json *copy = copy_object(builder, value);
    if (copy == NULL)
        return NULL;
    while (use != NULL && use->type == JSON_TEXT) {
        const struct json *lender = json_find_str(bindings_object(builder), use->text);
        if (lender == NULL) {
            suggest_binding(builder, use->text,
                            complain(&builder->bindings, use, "\"%.*s\" is not bound", STR_PRINTF(use->text)));
            return NULL;
        }
        bool is_circle = lender == value || lender_count == PLAN_USE_DEPTH_MAX;
        for (size_t i = 0; i < lender_count; i++)
            is_circle = is_circle || lenders[i] == lender;
        const struct json *part = is_circle ? NULL : lender_part(builder, use, lender);
        if (is_circle) {
            struct error *kept = complain(&builder->bindings, use, "\"use\" goes in a circle: \"%.*s\" leads back here",
                                          STR_PRINTF(use->text));
            error_hint(kept, "let one of the bindings say its own path");
        }
        if (part == NULL)
            return NULL;
        /* An input inside the lender may be the borrower itself. */
        if (part == value) {
            complain(&builder->bindings, use, "\"use\" goes in a circle: \"%.*s\" leads back here", STR_PRINTF(use->text));
            return NULL;
        }
        lenders[lender_count++] = lender;
        if (!borrow(builder, copy, part))
            return NULL;
        use = json_find(part, "use");
    }
    return copy;
}

/* ---- Looking up ---- */

const struct json *
plan_binding(struct builder *builder, const struct json *reference, enum binding_role role)
{
    const struct json *binding = bindings_object(builder)->first;
    size_t             index   = 0;

    CHECK(reference->type == JSON_TEXT);
    for (; binding; binding = binding->next, index++)
        if (str_equal(binding->key, reference->text))
            break;
    if (binding == NULL) {
        suggest_binding(builder, reference->text,
                        complain(&builder->pipeline, reference, "\"%.*s\" is not bound", STR_PRINTF(reference->text)));
        return NULL;
    }
    if (builder->roles[index] != ROLE_UNUSED && builder->roles[index] != role) {
        struct error *kept = complain(&builder->pipeline, reference, "\"%.*s\" is already %s, it cannot be %s as well",
                                      STR_PRINTF(reference->text), ROLE_NAMES[builder->roles[index]], ROLE_NAMES[role]);
        error_hint(kept, "give each its own binding");
        return NULL;
    }
    builder->roles[index] = role;
    plan_check_name(&builder->bindings, binding, "a binding", binding->key);
    return plan_use(builder, binding);
}

bool
plan_is_not_built(struct builder *builder, const struct json *value, const char *const *types, const char *built_types)
{
    const struct json *type = json_find(value, "type");
    for (; type != NULL && type->type == JSON_TEXT && *types != NULL; types++)
        if (str_equal(type->text, str_from(*types))) {
            struct error *kept =
                complain(&builder->bindings, type, "type \"%s\" is not in this version", *types);
            error_hint(kept, "this version has %s", built_types);
            return true;
        }
    return false;
}

bool
plan_parts(struct builder *builder, const struct json *binding, const struct option_table *table, const char *name,
           const struct json **ret_first, size_t *ret_count)
{
    const struct json *list  = json_find(binding, name);
    bool               is_ok = true;

    *ret_first = binding;
    *ret_count = 1;
    if (list == NULL)
        return true;
    for (const struct json *member = binding->first; member; member = member->next) {
        if (member == list)
            continue;
        struct error *kept = config_errors_at_key(builder->errors, member, builder->bindings.binder.file,
                                                  str_equal(member->key, list->key) ? "\"%.*s\" stands twice in %s"
                                                                                    : "unknown option \"%.*s\" in %s",
                                                  STR_PRINTF(member->key), table->name);
        error_hint(kept, "beside \"%s\" nothing may stand: options stand in each of its items", name);
        is_ok = false;
    }
    *ret_first = list->type == JSON_ARRAY ? list->first : NULL;
    *ret_count = list->count;
    if (*ret_first != NULL)
        return is_ok;
    complain(&builder->bindings, list, "%s must be a list of at least one item", name);
    return false;
}
