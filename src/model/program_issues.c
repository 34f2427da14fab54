/* The conditions of a program: which rows are filtered, and in which ways a column can be at fault.
 *
 * Each is written once, as text over names, and bound twice: over the values themselves (live), and over the columns that
 * hold them in the printed SELECT (SQL). */
#include "base/check.h"
#include "model/program_int.h"
#include "model/scope_int.h"

/* What the texts name: s and v of one column (its source and value), and all columns by their names. */
struct condition_scopes {
    struct scope live;
    struct scope sql;
};

static enum status
make_slot(struct program *program, const char *prefix, const struct set_column *set, struct type type,
          struct expr **ret_slot, struct error *err)
{
    const char *name = arena_printf(&program->arena, "%s.%s", prefix, set->column->name);
    if (name == NULL)
        return error_no_memory(err);
    return expr_make_slot(&program->arena, str_from(name), set->index, type, ret_slot, err);
}

/* Columns by name, their converted values. */
static enum status
column_scopes(struct program *program, struct condition_scopes *scopes, struct error *err)
{
    if (scope_init(&scopes->live, &program->arena, program->set_count, err) != ST_OK ||
        scope_init(&scopes->sql, &program->arena, program->set_count, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t i = 0; i < program->set_count; i++) {
        struct set_column *set  = &program->set[i];
        struct str         name = str_from(set->column->name);
        struct expr       *slot;
        if (make_slot(program, "v", set, set->column->type, &slot, err) != ST_OK)
            return ST_ERROR;
        scope_add_bound(&scopes->live, name, set->value);
        scope_add_bound(&scopes->sql, name, slot);
    }
    return ST_OK;
}

/* s and v of one column. */
static enum status
self_scopes(struct program *program, const struct set_column *set, struct condition_scopes *scopes, struct error *err)
{
    struct expr *source;
    struct expr *value;
    if (scope_init(&scopes->live, &program->arena, 3, err) != ST_OK ||
        scope_init(&scopes->sql, &program->arena, 3, err) != ST_OK ||
        make_slot(program, "s", set, expr_type(set->source), &source, err) != ST_OK ||
        make_slot(program, "v", set, set->column->type, &value, err) != ST_OK)
        return ST_ERROR;
    scope_add_bound(&scopes->live, STR("s"), set->source);
    scope_add_bound(&scopes->live, STR("v"), set->value);
    scope_add_bound(&scopes->live, STR("this"), set->source);
    scope_add_bound(&scopes->sql, STR("this"), source);
    scope_add_bound(&scopes->sql, STR("s"), source);
    scope_add_bound(&scopes->sql, STR("v"), value);
    return ST_OK;
}

static enum status
bind_both(struct program *program, struct condition_scopes *scopes, const struct model_text *text,
          struct condition *ret_condition, struct error *err)
{
    const char *file = program->mapping->entity->file;
    struct type type = TYPE(TYPE_BOOL);
    if (scope_bind(&scopes->live, &program->arena, file, text, &ret_condition->live, err) != ST_OK ||
        scope_bind(&scopes->sql, &program->arena, file, text, &ret_condition->sql, err) != ST_OK ||
        expr_make_cast(&program->arena, ret_condition->live, type, &ret_condition->live, err) != ST_OK)
        return ST_ERROR;
    return expr_make_cast(&program->arena, ret_condition->sql, type, &ret_condition->sql, err);
}

static enum status
bind_own(struct program *program, struct condition_scopes *scopes, const char *text, struct condition *ret_condition,
         struct error *err)
{
    struct model_text own = { .text = str_from(text) };
    return bind_both(program, scopes, &own, ret_condition, err);
}

/* ---- Filters ---- */

static enum status
build_filters(struct program *program, struct condition_scopes *columns, const struct reason *ignored, struct error *err)
{
    const struct entity *entity = program->mapping->entity;
    bool                 has_action = entity_column_find(entity, "status_action") >= 0;
    program->filters           = ARENA_ARRAY(&program->arena, struct program_filter, entity->filter_count + 1);
    program->filter_conditions = ARENA_ARRAY(&program->arena, struct condition, entity->filter_count + 1);
    if (program->filters == NULL || program->filter_conditions == NULL)
        return error_no_memory(err);
    if (has_action) {
        program->filters[0].reason = ignored;
        if (bind_own(program, columns, "status_action = 'ignore'", &program->filter_conditions[0], err) != ST_OK)
            return ST_ERROR;
        program->filter_count = 1;
    }
    for (uint32_t i = 0; i < entity->filter_count; i++) {
        program->filters[program->filter_count].reason = entity->filters[i].reason;
        if (bind_both(program, columns, &entity->filters[i].when, &program->filter_conditions[program->filter_count],
                      err) != ST_OK)
            return ST_ERROR;
        program->filter_count++;
    }
    return ST_OK;
}

/* ---- Issues ---- */

static const char *
bad_reason(struct type type)
{
    switch (type.kind) {
    case TYPE_BOOL:
        return "bad_boolean";
    case TYPE_INT64:
    case TYPE_DOUBLE:
    case TYPE_DECIMAL:
        return "bad_number";
    case TYPE_TIMESTAMP:
        return "bad_timestamp";
    case TYPE_DATE:
        return "bad_date";
    case TYPE_TEXT:
    default:
        return "bad_code";
    }
}

/* P4: a required column that would be nulled quarantines its row. */
static enum model_action
resolve_action(const struct entity_column *column, enum model_action action)
{
    return column->is_required && action == ACTION_NULLED ? ACTION_QUARANTINE : action;
}

static struct condition *
add_issue(struct program *program, const struct set_column *set, enum issue_kind kind, const struct reason *reason,
          enum model_action action)
{
    uint32_t index         = program->issue_count++;
    program->issues[index] = (struct program_issue){
        .column = set->index, .kind = kind, .reason = reason, .action = resolve_action(set->column, action)
    };
    return &program->issue_conditions[index];
}

static enum status
build_checks(struct program *program, const struct set_column *set, struct condition_scopes *columns, struct error *err)
{
    for (uint32_t i = 0; i < set->column->check_count; i++) {
        const struct entity_check *check     = &set->column->checks[i];
        struct condition          *condition = add_issue(program, set, ISSUE_CHECK, check->reason, check->action);
        struct model_text          failed    = check->that;
        failed.text = str_from(arena_printf(&program->arena, "not (%.*s)", STR_PRINTF(check->that.text)));
        if (failed.text.data == NULL)
            return error_no_memory(err);
        if (bind_both(program, columns, &failed, condition, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

/* Where an empty value means no change, the version before may have what is required, but who and what it is of. */
static bool
may_be_kept(const struct program *program, const struct set_column *set)
{
    const struct entity *entity  = program->mapping->entity;
    bool                 is_kept = program->mapping->keeps_empty && !program->options.with_event &&
                   set->column->carries != CARRIES_PATIENT && set->column->carries != CARRIES_EVENT;

    for (uint32_t i = 0; i < entity->key_count; i++)
        is_kept = is_kept && entity->key[i] != set->index;
    for (uint32_t i = 0; i < entity->version_count; i++)
        is_kept = is_kept && entity->version[i] != set->index;
    return is_kept;
}

/* Of a column that is no text the text before it is brought to its type: repaired where that is another than the source's. */
static enum status
build_typed_repair(struct program *program, const struct model *reasons, struct set_column *set, struct condition_scopes *self,
                   struct error *err)
{
    struct model_text text   = set->column->cleanse;
    struct scope      source;
    struct expr      *repaired;

    if (scope_init(&source, &program->arena, 1, err) != ST_OK)
        return ST_ERROR;
    scope_add_bound(&source, STR("this"), set->source);
    if (scope_bind(&source, &program->arena, program->mapping->entity->file, &text, &repaired, err) != ST_OK)
        return ST_ERROR;
    if (expr_type(repaired).kind != TYPE_TEXT)
        return ST_OK;
    text.text = str_from(arena_printf(&program->arena, "v is not null and (%.*s) <> trim(this)", STR_PRINTF(text.text)));
    if (text.text.data == NULL)
        return error_no_memory(err);
    return bind_both(program, self, &text, add_issue(program, set, ISSUE_REPAIRED, model_reason(reasons, STR("repaired")), ACTION_REPAIR), err);
}

static enum status
build_issues_of(struct program *program, const struct model *reasons, struct set_column *set,
                struct condition_scopes *columns, struct error *err)
{
    const struct entity_column *column     = set->column;
    bool                        is_text    = column->type.kind == TYPE_TEXT;
    bool                        has_repair = column->cleanse.text.data != NULL;
    bool                        can_be_bad = set->is_text && (!is_text || has_repair);
    struct condition_scopes     self;
    if (self_scopes(program, set, &self, err) != ST_OK)
        return ST_ERROR;
    set->keeps_source = can_be_bad;
    if (column->is_required && !may_be_kept(program, set)) {
        struct condition *condition =
            add_issue(program, set, ISSUE_MISSING, model_reason(reasons, STR("missing_required")), ACTION_QUARANTINE);
        if (bind_own(program, &self, can_be_bad ? "v is null and nullif(trim(s), '') is null" : "v is null", condition,
                     err) != ST_OK)
            return ST_ERROR;
    }
    if (can_be_bad) {
        struct condition *condition = add_issue(
            program, set, ISSUE_BAD, model_reason(reasons, str_from(bad_reason(column->type))), column->on_bad);
        if (bind_own(program, &self, "v is null and nullif(trim(s), '') is not null", condition, err) != ST_OK)
            return ST_ERROR;
    }
    if (can_be_bad && !is_text && has_repair && build_typed_repair(program, reasons, set, &self, err) != ST_OK)
        return ST_ERROR;
    if (can_be_bad && is_text) {
        struct condition *condition =
            add_issue(program, set, ISSUE_REPAIRED, model_reason(reasons, STR("repaired")), ACTION_REPAIR);
        if (bind_own(program, &self, "v <> trim(s)", condition, err) != ST_OK)
            return ST_ERROR;
    }
    return build_checks(program, set, columns, err);
}

enum status
program_build_conditions(struct program *program, struct error *err)
{
    struct condition_scopes columns;
    const struct model     *model = program->mapping->model;
    uint32_t                count = 0;
    for (uint32_t i = 0; i < program->set_count; i++)
        count += 3 + program->set[i].column->check_count;
    program->issues           = ARENA_ARRAY(&program->arena, struct program_issue, count + 1);
    program->issue_conditions = ARENA_ARRAY(&program->arena, struct condition, count + 1);
    if (program->issues == NULL || program->issue_conditions == NULL)
        return error_no_memory(err);
    if (column_scopes(program, &columns, err) != ST_OK ||
        build_filters(program, &columns, model_reason(model, STR("status_ignored")), err) != ST_OK)
        return ST_ERROR;
    for (uint32_t i = 0; i < program->set_count; i++)
        if (build_issues_of(program, model, &program->set[i], &columns, err) != ST_OK)
            return ST_ERROR;
    CHECK(program->issue_count <= count);
    return ST_OK;
}
