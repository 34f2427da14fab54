/* Builds the program: sources, values, derived columns, the schema. */
#include "base/memory.h"
#include "model/program_int.h"
#include "model/scope_int.h"

/* The event's identity, as columns of the live leg (with_event). */
static const struct entity_column EVENT_COLUMNS[] = {
    { .name        = "event_system",
      .help        = "Who numbered event_id.",
      .type        = { .kind = TYPE_TEXT },
      .carries     = CARRIES_EVENT,
      .is_required = true },
    { .name        = "event_id",
      .help        = "The event's identity in event_system.",
      .type        = { .kind = TYPE_TEXT },
      .carries     = CARRIES_EVENT,
      .is_required = true },
};
#define EVENT_COLUMN_COUNT (sizeof(EVENT_COLUMNS) / sizeof(*EVENT_COLUMNS))

static bool
is_derived(const struct entity_column *column)
{
    return column->standard.text.data != NULL;
}

/* ---- Layout ---- */

static enum status
copy_context(struct program *program, const struct program_context *context, struct error *err)
{
    program->context = *context;
    struct str *texts[] = { &program->context.system, &program->context.zone, &program->context.facility,
                            &program->context.data_source, &program->context.name, &program->context.labels };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (!arena_text(&program->arena, *texts[i], texts[i]))
            return error_no_memory(err);
    return ST_OK;
}

/* The entity's columns and, with_event, the event's behind them. */
static enum status
build_columns(struct program *program, struct error *err)
{
    const struct entity *entity  = program->mapping->entity;
    uint32_t             count   = entity->column_count + (program->options.with_event ? (uint32_t)EVENT_COLUMN_COUNT : 0);
    uint32_t             all     = count + (program->options.with_key ? 1 : 0) + (program->options.with_hash ? 1 : 0);
    struct entity_column *columns = ARENA_ARRAY(&program->arena, struct entity_column, count + 1);
    struct schema_column *schema  = ARENA_ARRAY(&program->arena, struct schema_column, all + 1);
    program->set     = ARENA_ARRAY(&program->arena, struct set_column, count + 1);
    program->derived = ARENA_ARRAY(&program->arena, struct derived_column, all + 1);
    program->field_columns = ARENA_ARRAY(&program->arena, int32_t, program->mapping->field_count + 1);
    if (columns == NULL || schema == NULL || program->set == NULL || program->derived == NULL ||
        program->field_columns == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < program->mapping->field_count; i++)
        program->field_columns[i] = -1;
    memcpy(columns, entity->columns, entity->column_count * sizeof(*columns));
    program->event_system_column = program->event_id_column = program->key_column = program->hash_column = -1;
    if (program->options.with_event) {
        memcpy(columns + entity->column_count, EVENT_COLUMNS, sizeof(EVENT_COLUMNS));
        program->event_system_column = (int32_t)entity->column_count;
        program->event_id_column     = (int32_t)entity->column_count + 1;
    }
    for (uint32_t i = 0; i < count; i++)
        schema[i] = (struct schema_column){ .name = columns[i].name, .type = columns[i].type };
    uint32_t next = count;
    if (program->options.with_key)
        program->key_column = (int32_t)next++;
    if (program->options.with_hash)
        program->hash_column = (int32_t)next++;
    program->columns      = columns;
    program->column_count = count;
    program->schema       = (struct schema){ .columns = schema, .column_count = next };
    return ST_OK;
}

/* ---- Sources ---- */

/* The fields by name, then binding.… and run.…. */
static enum status
source_scope(struct program *program, struct scope *scope, struct error *err)
{
    const struct mapping         *mapping = program->mapping;
    const struct program_context *context = &program->context;
    if (scope_init(scope, &program->arena, mapping->field_count + 7, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t i = 0; i < mapping->field_count; i++)
        scope_add_slot(scope, str_from(mapping->fields[i].name), PROGRAM_RAW_FIELD_FIRST + i, TYPE(TYPE_TEXT));
    scope_add_text(scope, STR("binding.system"), context->system);
    scope_add_text(scope, STR("binding.zone"), context->zone);
    scope_add_text(scope, STR("binding.facility"), context->facility);
    scope_add_text(scope, STR("binding.data_source"), context->data_source);
    scope_add_text(scope, STR("binding.name"), context->name);
    scope_add_text(scope, STR("binding.labels"), context->labels);
    scope_add_timestamp(scope, STR("run.logical_date"), !context->has_logical_time, context->logical_time_us);
    return ST_OK;
}

/* What the mapping says of the column; none: text.data NULL. */
static struct model_text
mapped_expression(const struct program *program, uint32_t index)
{
    const struct mapping *mapping = program->mapping;
    if ((int32_t)index == program->event_system_column)
        return mapping->event_system;
    if ((int32_t)index == program->event_id_column)
        return mapping->event_id;
    for (uint32_t i = 0; i < mapping->column_count; i++)
        if (mapping->columns[i].entity_column == index)
            return mapping->columns[i].expression;
    return (struct model_text){ .text = STR_EMPTY };
}

/* What a column is without the mapping's doing, as model/README.md lists it. facility and event_system take the field of
 * their name first, since a record may name none. */
static const char *
default_expression(const struct program *program, const struct entity_column *column)
{
    bool has_field = mapping_field_find(program->mapping, column->name) >= 0;
    if (strcmp(column->name, "facility") == 0)
        return has_field ? "coalesce(nullif(trim(facility), ''), binding.facility)" : "binding.facility";
    if (strcmp(column->name, "event_system") == 0)
        return has_field ? "coalesce(nullif(trim(event_system), ''), binding.system)" : "binding.system";
    if (has_field)
        return column->name;
    if (strcmp(column->name, "data_source") == 0)
        return "binding.data_source";
    if (strcmp(column->name, "status_action") == 0)
        return "'upsert'";
    if (strcmp(column->name, "labels") == 0)
        return program->context.labels.size == 0 ? "null" : "label_list(binding.labels)";
    if (column->type.kind == TYPE_TEXT && str_ends_with(str_from(column->name), STR("_system")))
        return "binding.system";
    return "null";
}

/* What the mapping says, and the binding's: a label of either is the row's. */
static enum status
add_labels(struct program *program, struct scope *scope, struct expr **source, struct error *err)
{
    struct expr *labels[2] = { *source, NULL };
    if (scope_bind_own(scope, &program->arena, "binding.labels", &labels[1], err) != ST_OK)
        return ST_ERROR;
    return expr_make_call(&program->arena, STR("label_list"), labels, 2, source, err);
}

static void
find_slot(void *context, uint32_t slot, struct str name)
{
    (void)slot;
    (void)name;
    *(bool *)context = true;
}

/* In HL7 v2 `""` empties what was known and says no value; a column that no field tells has none. */
static enum status
part_from_marker(struct program *program, struct set_column *set, struct error *err)
{
    struct scope scope;
    bool         has_field = false;

    expr_slots_used(set->source, find_slot, &has_field);
    if (!has_field || scope_init(&scope, &program->arena, 1, err) != ST_OK)
        return has_field ? ST_ERROR : ST_OK;
    set->said = set->source;
    scope_add_bound(&scope, STR("this"), set->said);
    if (program->mapping->keeps_empty && !program->options.with_event) {
        program->emptied_count++;
        if (scope_bind_own(&scope, &program->arena, "this = '\"\"'", &set->empties, err) != ST_OK)
            return ST_ERROR;
    }
    return scope_bind_own(&scope, &program->arena, "nullif(this, '\"\"')", &set->source, err);
}

static enum status
build_source(struct program *program, struct scope *scope, struct set_column *set, struct error *err)
{
    struct model_text mapped = mapped_expression(program, set->index);
    enum status       status =
        mapped.text.data != NULL
                  ? scope_bind(scope, &program->arena, program->mapping->file, &mapped, &set->source, err)
                  : scope_bind_own(scope, &program->arena, default_expression(program, set->column), &set->source, err);
    if (status == ST_OK && mapped.text.data != NULL && strcmp(set->column->name, "labels") == 0)
        status = add_labels(program, scope, &set->source, err);
    if (status != ST_OK)
        return ST_ERROR;
    /* A bare null is of the column's type: there is no text to cleanse. */
    set->is_text = !expr_is_null(set->source) && expr_type(set->source).kind == TYPE_TEXT;
    if (expr_is_null(set->source))
        return expr_make_cast(&program->arena, set->source, set->column->type, &set->source, err);
    if (set->is_text && program->mapping->format == MODEL_HL7V2)
        return part_from_marker(program, set, err);
    return ST_OK;
}

/* ---- Values ---- */

static enum status
convert(struct program *program, struct expr *cleansed, struct type type, struct expr **ret_value, struct error *err)
{
    if (type.kind != TYPE_TIMESTAMP || expr_type(cleansed).kind != TYPE_TEXT)
        return expr_make_cast(&program->arena, cleansed, type, ret_value, err);
    struct expr      *arguments[2] = { cleansed, NULL };
    struct expr_value zone         = { .type = TYPE(TYPE_TEXT) };
    zone.as.text                   = program->context.zone;
    if (zone.as.text.size == 0)
        return expr_make_call(&program->arena, STR("to_timestamp"), arguments, 1, ret_value, err);
    if (expr_make_constant(&program->arena, &zone, &arguments[1], err) != ST_OK)
        return ST_ERROR;
    return expr_make_call(&program->arena, STR("to_timestamp"), arguments, 2, ret_value, err);
}

/* The value from `source`, which is the source itself or a slot that holds it. */
static enum status
build_value(struct program *program, const struct set_column *set, struct expr *source, struct expr **ret_value,
            struct error *err)
{
    const struct entity_column *column   = set->column;
    struct expr                *cleansed = source;
    if (set->is_text) {
        struct scope scope;
        if (scope_init(&scope, &program->arena, 1, err) != ST_OK)
            return ST_ERROR;
        scope_add_bound(&scope, STR("this"), source);
        enum status status =
            column->cleanse.text.data != NULL
                ? scope_bind(&scope, &program->arena, program->mapping->entity->file, &column->cleanse, &cleansed, err)
                : scope_bind_own(&scope, &program->arena, "nullif(trim(this), '')", &cleansed, err);
        if (status != ST_OK)
            return ST_ERROR;
    }
    return convert(program, cleansed, column->type, ret_value, err);
}

struct field_reader {
    struct program *program;
    int32_t         column;
};

static void
mark_field(void *context, uint32_t slot, struct str name)
{
    const struct field_reader *reader  = context;
    struct program            *program = reader->program;
    uint32_t                   field   = slot - PROGRAM_RAW_FIELD_FIRST;

    if (program->field_columns[field] < 0 || str_equal(name, str_from(program->columns[reader->column].name)))
        program->field_columns[field] = reader->column;
}

static enum status
build_set_columns(struct program *program, struct error *err)
{
    struct scope        scope;
    struct field_reader reader = { .program = program };
    if (source_scope(program, &scope, err) != ST_OK)
        return ST_ERROR;
    if (program->mapping->when.text.data != NULL) {
        if (scope_bind(&scope, &program->arena, program->mapping->file, &program->mapping->when, &program->when, err) !=
            ST_OK)
            return ST_ERROR;
    }
    for (uint32_t i = 0; i < program->column_count; i++) {
        if (is_derived(&program->columns[i]))
            continue;
        struct set_column *set = &program->set[program->set_count++];
        *set                   = (struct set_column){ .column = &program->columns[i], .index = i };
        struct expr *slot;
        const char  *name = arena_printf(&program->arena, "s.%s", set->column->name);
        if (name == NULL)
            return error_no_memory(err);
        if (build_source(program, &scope, set, err) != ST_OK ||
            build_value(program, set, set->source, &set->value, err) != ST_OK ||
            expr_make_slot(&program->arena, str_from(name), i, expr_type(set->source), &slot, err) != ST_OK ||
            build_value(program, set, slot, &set->value_sql, err) != ST_OK)
            return ST_ERROR;
        reader.column = (int32_t)i;
        expr_slots_used(set->source, mark_field, &reader);
    }
    return ST_OK;
}

/* ---- Derived columns ---- */

struct level_search {
    const struct program *program;
    uint32_t              level;
};

static void
raise_level(void *context, uint32_t slot, struct str name)
{
    struct level_search *search = context;
    (void)name;
    for (uint32_t i = 0; i < search->program->derived_count; i++)
        if (search->program->derived[i].index == slot && search->program->derived[i].level >= search->level)
            search->level = search->program->derived[i].level + 1;
}

static void
add_derived(struct program *program, uint32_t index, struct expr *value)
{
    struct level_search search = { .program = program, .level = 1 };
    expr_slots_used(value, raise_level, &search);
    program->derived[program->derived_count++] =
        (struct derived_column){ .index = index, .value = value, .level = search.level };
    if (search.level > program->level_count)
        program->level_count = search.level;
}

static enum status
build_standard(struct program *program, struct scope *scope, struct error *err)
{
    for (uint32_t i = 0; i < program->mapping->entity->column_count; i++) {
        const struct entity_column *column = &program->columns[i];
        struct expr                *value;
        if (!is_derived(column))
            continue;
        if (scope_bind(scope, &program->arena, program->mapping->entity->file, &column->standard, &value, err) != ST_OK ||
            expr_make_cast(&program->arena, value, column->type, &value, err) != ST_OK)
            return ST_ERROR;
        add_derived(program, i, value);
    }
    return ST_OK;
}

/* A call over columns, as business_key and row_hash are; over their texts where `is_of_text`. */
static enum status
build_call(struct program *program, struct str function, bool is_of_text, const uint32_t *columns, uint32_t count,
           int32_t index, const char *name, struct error *err)
{
    struct expr **arguments = ARENA_ARRAY(&program->arena, struct expr *, count + 1);
    struct expr  *value;
    if (arguments == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < count; i++)
        if (expr_make_slot(&program->arena, str_from(program->columns[columns[i]].name), columns[i],
                           program->columns[columns[i]].type, &arguments[i], err) != ST_OK ||
            (is_of_text &&
             expr_make_cast(&program->arena, arguments[i], TYPE(TYPE_TEXT), &arguments[i], err) != ST_OK))
            return ST_ERROR;
    if (expr_make_call(&program->arena, function, arguments, count, &value, err) != ST_OK)
        return ST_ERROR;
    ((struct schema_column *)program->schema.columns)[index] =
        (struct schema_column){ .name = name, .type = expr_type(value) };
    add_derived(program, (uint32_t)index, value);
    return ST_OK;
}

/* Of a fact every column that mappings set; of a dimension those that do not order its versions: a snapshot that says the
 * same again on another day is no new version. */
static uint32_t
content_columns(const struct entity *entity, uint32_t *columns)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < entity->column_count; i++) {
        bool is_version = false;
        for (uint32_t j = 0; j < entity->version_count; j++)
            is_version |= entity->version[j] == i;
        if (!is_derived(&entity->columns[i]) && (entity->kind == ENTITY_FACT || !is_version))
            columns[count++] = i;
    }
    return count;
}

static enum status
build_derived(struct program *program, struct error *err)
{
    const struct entity *entity = program->mapping->entity;
    struct scope         scope;
    uint32_t            *content = ARENA_ARRAY(&program->arena, uint32_t, entity->column_count + 1);
    if (content == NULL)
        return error_no_memory(err);
    if (scope_init(&scope, &program->arena, entity->column_count, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t i = 0; i < entity->column_count; i++)
        scope_add_slot(&scope, str_from(entity->columns[i].name), i, entity->columns[i].type);
    if (build_standard(program, &scope, err) != ST_OK)
        return ST_ERROR;
    if (program->key_column >= 0 && build_call(program, STR("business_key"), true, entity->key, entity->key_count,
                                               program->key_column, "business_key", err) != ST_OK)
        return ST_ERROR;
    if (program->hash_column >= 0 && build_call(program, STR("row_hash"), false, content, content_columns(entity, content),
                                                program->hash_column, "content_hash", err) != ST_OK)
        return ST_ERROR;
    return ST_OK;
}

/* ---- Compiling ---- */

static void
mark_computed(void *context, uint32_t slot, struct str name)
{
    (void)name;
    ((bool *)context)[slot] = true;
}

/* What is wanted, and what that is computed from: derived columns may be of other derived ones, which come before them. */
static enum status
find_computed(struct program *program, struct error *err)
{
    const bool *wanted   = program->options.wanted;
    program->is_computed = arena_alloc_zero(&program->arena, program->schema.column_count + 1, _Alignof(bool));
    if (program->is_computed == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < program->schema.column_count; i++)
        program->is_computed[i] = wanted == NULL || i >= program->mapping->entity->column_count || wanted[i];
    for (uint32_t level = program->level_count; level > 0; level--)
        for (uint32_t i = 0; i < program->derived_count; i++)
            if (program->derived[i].level == level && program->is_computed[program->derived[i].index])
                expr_slots_used(program->derived[i].value, mark_computed, program->is_computed);
    return ST_OK;
}

static enum status
compile(struct program *program, struct error *err)
{
    uint32_t      count = 1 + program->filter_count + program->issue_count + program->emptied_count + program->set_count;
    struct expr **roots = ARENA_ARRAY(&program->arena, struct expr *, count + program->derived_count);
    if (roots == NULL)
        return error_no_memory(err);
    uint32_t next = 0;
    if (program->when != NULL)
        roots[next++] = program->when;
    for (uint32_t i = 0; i < program->filter_count; i++)
        roots[next++] = program->filter_conditions[i].live;
    for (uint32_t i = 0; i < program->issue_count; i++)
        roots[next++] = program->issue_conditions[i].live;
    for (uint32_t i = 0; i < program->set_count; i++)
        if (program->set[i].empties != NULL)
            roots[next++] = program->set[i].empties;
    for (uint32_t i = 0; i < program->set_count; i++)
        if (program->is_computed[program->set[i].index])
            roots[next++] = program->set[i].value;
    if (expr_compile(roots, next, &program->first, err) != ST_OK)
        return ST_ERROR;
    next = 0;
    for (uint32_t i = 0; i < program->derived_count; i++)
        if (program->is_computed[program->derived[i].index])
            roots[next++] = program->derived[i].value;
    return next == 0 ? ST_OK : expr_compile(roots, next, &program->second, err);
}

enum status
program_build(const struct mapping *mapping, const struct program_context *context,
              const struct program_options *options, struct program **ret_program, struct error *err)
{
    struct program *program = memory_alloc_zero(sizeof(*program));
    if (program == NULL)
        return error_no_memory(err);
    arena_init(&program->arena, 0);
    program->mapping   = mapping;
    program->options   = *options;
    enum status status = copy_context(program, context, err);
    if (status == ST_OK)
        status = build_columns(program, err);
    if (status == ST_OK)
        status = build_set_columns(program, err);
    if (status == ST_OK)
        status = build_derived(program, err);
    if (status == ST_OK)
        status = program_build_conditions(program, err);
    if (status == ST_OK)
        status = find_computed(program, err);
    if (status == ST_OK)
        status = compile(program, err);
    if (status != ST_OK) {
        error_context(err, "building the program of mapping %s", mapping->name);
        program_free(program);
        return ST_ERROR;
    }
    *ret_program = program;
    return ST_OK;
}

void
program_free(struct program *program)
{
    if (program == NULL)
        return;
    expr_program_free(program->first);
    expr_program_free(program->second);
    arena_release(&program->arena);
    memory_free(program);
}

/* ---- What others ask ---- */

const struct mapping *
program_mapping(const struct program *program)
{
    return program->mapping;
}

const struct schema *
program_schema(const struct program *program)
{
    return &program->schema;
}

int32_t
program_event_system_column(const struct program *program)
{
    return program->event_system_column;
}

int32_t
program_event_id_column(const struct program *program)
{
    return program->event_id_column;
}

int32_t
program_key_column(const struct program *program)
{
    return program->key_column;
}

int32_t
program_hash_column(const struct program *program)
{
    return program->hash_column;
}

const struct program_issue *
program_issues(const struct program *program, uint32_t *ret_count)
{
    *ret_count = program->issue_count;
    return program->issues;
}

const struct program_filter *
program_filters(const struct program *program, uint32_t *ret_count)
{
    *ret_count = program->filter_count;
    return program->filters;
}

int32_t
program_field_column(const struct program *program, uint32_t field)
{
    return program->field_columns[field];
}
