/* Rules for columns that a pipeline gives: each adds to what the entity says of its column, for both legs.
 *
 * Their form (keys, types, names of actions) was bound by who read the pipeline, and told there; here is told what only the model knows: that
 * there are such an entity and column, that expressions fit, that a reason may be given, that the column may reject its row. A rule with a fault is
 * not applied. */
#include "model/load_int.h"

/* The member where it is a text; else NULL. */
static const struct json *
text_member(const struct json *rule, const char *key)
{
    const struct json *value = json_find(rule, key);
    return value != NULL && value->type == JSON_TEXT && value->text.size > 0 ? value : NULL;
}

/* False where it is no action; that is told by the binder. */
static bool
read_action(const struct json *value, enum model_action fallback, enum model_action *ret_action)
{
    static const char *const WORDS[] = { [ACTION_NULLED] = "null", [ACTION_QUARANTINE] = "quarantine", [ACTION_WARN] = "warn" };

    *ret_action = fallback;
    if (value == NULL)
        return true;
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        if (WORDS[i] != NULL && str_equal(value->text, str_from(WORDS[i]))) {
            *ret_action = (enum model_action)i;
            return true;
        }
    }
    return false;
}

/* The text with its place, kept by the model. */
static struct model_text
keep_text(struct loader *loader, const struct json *value)
{
    struct model_text text = { .text = STR_EMPTY };

    if (value == NULL)
        return text;
    text      = placed(value);
    text.text = str_from(load_cstr(loader, value->text));
    return text;
}

static struct entity_column *
find_column(struct loader *loader, const struct json *rule, const struct entity **ret_entity)
{
    const struct json   *name   = text_member(rule, "column");
    const struct json   *of     = text_member(rule, "entity");
    const struct entity *entity = of == NULL || name == NULL ? NULL : load_entity_name(loader, of);

    if (entity == NULL)
        return NULL;
    const char           *wanted     = load_cstr(loader, name->text);
    struct suggestion     suggestion = suggestion_init(name->text);
    struct entity_column *columns    = (struct entity_column *)(uintptr_t)entity->columns; /* The model is still being made. */
    int32_t               index      = entity_column_find(entity, wanted);
    for (uint32_t i = 0; i < entity->column_count; i++)
        suggestion_offer(&suggestion, str_from(columns[i].name));
    if (index < 0) {
        load_error(loader, name, &suggestion, "entity \"%s\" has no column \"%s\"", entity->name, wanted);
        return NULL;
    }
    if (columns[index].standard.text.data != NULL) {
        load_error(loader, name, NULL, "\"%s\" is a standard column: it is computed from others, which may have rules", wanted);
        return NULL;
    }
    *ret_entity = entity;
    return &columns[index];
}

/* Fills in the check of `that`. False: it has a fault. */
static bool
read_check(struct loader *loader, const struct json *rule, const struct entity_column *column, struct entity_check *check)
{
    const struct json *action = text_member(rule, "action");
    uint32_t           errors = loader->error_count;

    check->that = keep_text(loader, text_member(rule, "that"));
    if (!read_action(action, ACTION_NULLED, &check->action))
        return false;
    enum outcome outcome = check->action == ACTION_QUARANTINE ? OUTCOME_QUARANTINED : OUTCOME_FIELD;
    check->reason = text_member(rule, "reason") != NULL ? load_reason(loader, rule, "reason", outcome)
                                                        : model_reason(loader->model, STR("inconsistent"));
    if (check->action == ACTION_QUARANTINE && column->carries == CARRIES_NOTHING)
        load_error(loader, action, NULL, "column \"%s\" carries nothing: its rule may null or warn, not reject the row", column->name);
    return check->reason != NULL && errors == loader->error_count;
}

static void
apply_rule(struct loader *loader, const struct json *rule)
{
    const struct entity  *entity = NULL;
    struct entity_column *column = rule->type == JSON_OBJECT ? find_column(loader, rule, &entity) : NULL;
    const struct json    *on_bad = text_member(rule, "on_bad");
    struct model_text     repair = keep_text(loader, text_member(rule, "repair"));
    bool                  has_check = text_member(rule, "that") != NULL;
    struct entity_check   check = { .action = ACTION_NULLED };
    uint32_t              errors = loader->error_count;
    enum model_action     action;

    if (column == NULL || !read_action(on_bad, column->on_bad, &action) || (has_check && !read_check(loader, rule, column, &check)))
        return;
    if (repair.text.size == 0 && on_bad == NULL && !has_check)
        load_error(loader, rule, NULL, "the rule says nothing: it has neither \"repair\", \"on_bad\" nor \"that\"");
    if (action == ACTION_QUARANTINE && column->carries == CARRIES_NOTHING)
        load_error(loader, on_bad, NULL, "column \"%s\" carries nothing: it may not reject its row", column->name);
    check_rule(loader, entity, column, &repair, has_check ? &check : NULL);
    if (errors != loader->error_count || loader->is_out_of_memory)
        return;
    column->on_bad = action;
    if (repair.text.size > 0)
        column->cleanse = repair;
    if (has_check) {
        struct entity_check *checks = LOAD_ARRAY(loader, struct entity_check, column->check_count + 1u);
        if (checks == NULL)
            return;
        if (column->check_count > 0)
            memcpy(checks, column->checks, column->check_count * sizeof *checks);
        checks[column->check_count++] = check;
        column->checks                = checks;
    }
}

void
load_cleanse_rules(struct loader *loader, const struct model_file *file)
{
    loader->file = load_cstr(loader, str_from(file->path));
    for (const struct json *rule = file->cleanse_rules->first; rule != NULL && !loader->is_out_of_memory; rule = rule->next)
        apply_rule(loader, rule);
}
