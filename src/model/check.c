/* Expressions of entities and mappings: that they parse, find their names and give what is wanted. */
#include "model/load_int.h"
#include "model/scope_int.h"

/* One expression; true where it is good. Its tree goes with `scratch`. */
static bool
bind_one(struct loader *loader, struct arena *scratch, struct scope *scope, const struct model_text *text,
     struct expr **ret_bound)
{
    struct error err = ERROR_EMPTY;
    if (scope_bind(scope, scratch, loader->file, text, ret_bound, &err) == ST_OK)
        return true;
    if (err.code == ERR_NO_MEMORY)
        loader->is_out_of_memory = true;
    else
        load_error_given(loader, &err);
    return false;
}

static void
check_type(struct loader *loader, struct arena *scratch, struct scope *scope, const struct model_text *text,
           const char *what, struct type type, bool is_text_good)
{
    struct expr *bound;
    char         given[32];
    char         wanted[32];
    if (text->text.data == NULL || !bind_one(loader, scratch, scope, text, &bound))
        return;
    if (scope_fits(bound, type) || (is_text_good && expr_type(bound).kind == TYPE_TEXT))
        return;
    load_error_text(loader, text, NULL, "%s gives %s, not %s", what, type_name(expr_type(bound), given, sizeof(given)),
                    type_name(type, wanted, sizeof(wanted)));
}

static void
check_column(struct loader *loader, struct arena *scratch, struct scope *columns, const struct entity_column *column)
{
    struct scope self;
    if (scope_init(&self, scratch, 1, NULL) != ST_OK) {
        loader->is_out_of_memory = true;
        return;
    }
    scope_add_slot(&self, STR("this"), 0, TYPE(TYPE_TEXT));
    check_type(loader, scratch, &self, &column->cleanse, "cleanse", column->type, true);
    for (uint32_t i = 0; i < column->check_count; i++)
        check_type(loader, scratch, columns, &column->checks[i].that, "a check", TYPE(TYPE_BOOL), false);
}

/* Standard columns in order, each seeing those above it. */
static void
check_standard(struct loader *loader, struct arena *scratch, const struct entity *entity)
{
    for (uint32_t i = 0; i < entity->column_count; i++) {
        const struct entity_column *column = &entity->columns[i];
        struct scope                scope;
        if (column->standard.text.data == NULL)
            continue;
        if (scope_init(&scope, scratch, entity->column_count, NULL) != ST_OK) {
            loader->is_out_of_memory = true;
            return;
        }
        for (uint32_t j = 0; j < entity->column_count; j++) {
            struct str name = str_from(entity->columns[j].name);
            if (j >= i && entity->columns[j].standard.text.data != NULL)
                scope_add_later(&scope, name);
            else
                scope_add_slot(&scope, name, j, entity->columns[j].type);
        }
        check_type(loader, scratch, &scope, &column->standard, "standard", column->type, false);
    }
}

void
check_rule(struct loader *loader, const struct entity *entity, const struct entity_column *column, const struct model_text *repair,
           const struct entity_check *check)
{
    struct arena scratch;
    struct scope self;
    struct scope columns;
    arena_init(&scratch, 0);
    if (scope_init(&self, &scratch, 1, NULL) != ST_OK || scope_init(&columns, &scratch, entity->column_count, NULL) != ST_OK) {
        loader->is_out_of_memory = true;
        goto out;
    }
    scope_add_slot(&self, STR("this"), 0, TYPE(TYPE_TEXT));
    for (uint32_t i = 0; i < entity->column_count; i++)
        if (entity->columns[i].standard.text.data == NULL)
            scope_add_slot(&columns, str_from(entity->columns[i].name), i, entity->columns[i].type);
    check_type(loader, &scratch, &self, repair, "repair", column->type, true);
    if (check != NULL)
        check_type(loader, &scratch, &columns, &check->that, "that", TYPE(TYPE_BOOL), false);
out:
    arena_release(&scratch);
}

void
check_entity(struct loader *loader, const struct entity *entity)
{
    struct arena scratch;
    struct scope columns;
    arena_init(&scratch, 0);
    if (scope_init(&columns, &scratch, entity->column_count, NULL) != ST_OK) {
        loader->is_out_of_memory = true;
        goto out;
    }
    for (uint32_t i = 0; i < entity->column_count; i++)
        if (entity->columns[i].standard.text.data == NULL)
            scope_add_slot(&columns, str_from(entity->columns[i].name), i, entity->columns[i].type);
    for (uint32_t i = 0; i < entity->column_count; i++)
        check_column(loader, &scratch, &columns, &entity->columns[i]);
    for (uint32_t i = 0; i < entity->filter_count; i++)
        check_type(loader, &scratch, &columns, &entity->filters[i].when, "a filter", TYPE(TYPE_BOOL), false);
    check_standard(loader, &scratch, entity);
out:
    arena_release(&scratch);
}

/* Whether the program gives the column a value without the mapping's doing (program_build.c). */
static bool
has_default(const struct mapping *mapping, const struct entity_column *column)
{
    return mapping_field_find(mapping, column->name) >= 0 || column->is_implicit ||
           strcmp(column->name, "status_action") == 0 ||
           (column->type.kind == TYPE_TEXT && str_ends_with(str_from(column->name), STR("_system")));
}

static void
check_required(struct loader *loader, const struct mapping *mapping)
{
    const struct entity *entity = mapping->entity;
    for (uint32_t i = 0; i < entity->column_count; i++) {
        bool is_set = !entity->columns[i].is_required || has_default(mapping, &entity->columns[i]);
        for (uint32_t j = 0; j < mapping->column_count; j++)
            is_set |= mapping->columns[j].entity_column == i;
        struct model_text place = { .line = 1, .column = 1 };
        if (!is_set)
            load_error_text(loader, &place, NULL, "the mapping gives no \"%s\", which entity \"%s\" requires",
                            entity->columns[i].name, entity->name);
    }
}

void
check_mapping(struct loader *loader, const struct mapping *mapping)
{
    static const char *const CONTEXT[] = { "binding.system", "binding.zone", "binding.facility", "binding.data_source",
                                           "binding.name", "binding.labels" };
    const uint32_t context_count = sizeof(CONTEXT) / sizeof(*CONTEXT);
    struct arena   scratch;
    struct scope   scope;
    arena_init(&scratch, 0);
    if (scope_init(&scope, &scratch, mapping->field_count + context_count + 1, NULL) != ST_OK) {
        loader->is_out_of_memory = true;
        goto out;
    }
    for (uint32_t i = 0; i < mapping->field_count; i++)
        scope_add_slot(&scope, str_from(mapping->fields[i].name), i, TYPE(TYPE_TEXT));
    for (uint32_t i = 0; i < context_count; i++)
        scope_add_slot(&scope, str_from(CONTEXT[i]), mapping->field_count + i, TYPE(TYPE_TEXT));
    scope_add_slot(&scope, STR("run.logical_date"), mapping->field_count + context_count, TYPE(TYPE_TIMESTAMP));
    check_type(loader, &scratch, &scope, &mapping->when, "when", TYPE(TYPE_BOOL), false);
    check_type(loader, &scratch, &scope, &mapping->event_id, "event_id", TYPE(TYPE_TEXT), false);
    check_type(loader, &scratch, &scope, &mapping->event_system, "event_system", TYPE(TYPE_TEXT), false);
    for (uint32_t i = 0; i < mapping->column_count; i++)
        check_type(loader, &scratch, &scope, &mapping->columns[i].expression, "the column's expression",
                   mapping->entity->columns[mapping->columns[i].entity_column].type, true);
    check_required(loader, mapping);
out:
    arena_release(&scratch);
}
