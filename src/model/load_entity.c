/* entities/NAME.json and terms/reasons.json: JSON to structs, checked as far as names and types go. */
#include "model/load_int.h"

/* ---- Reasons ---- */

static const char *const REASON_FILE_KEYS[] = { "terms", "reasons", NULL };
static const char *const REASON_KEYS[]      = { "code", "outcomes", "help", "do", NULL };

static void
load_reason_row(struct loader *loader, const struct json *row, struct reason *reason)
{
    reason->code = "";
    if (!load_keys(loader, row, REASON_KEYS))
        return;
    reason->code                = load_text(loader, row, "code", true).data;
    reason->help                = load_text(loader, row, "help", true).data;
    reason->remedy              = load_text(loader, row, "do", true).data;
    const struct json *outcomes = load_list(loader, row, "outcomes", true);
    for (const struct json *item = outcomes == NULL ? NULL : outcomes->first; item != NULL; item = item->next) {
        int outcome = 0;
        while (outcome < OUTCOME_COUNT && !str_equal(item->text, str_from(outcome_name((enum outcome)outcome))))
            outcome++;
        if (outcome == OUTCOME_COUNT)
            load_error(loader, item, NULL, "\"%s\" is no outcome", item->text.data == NULL ? "" : item->text.data);
        else
            reason->outcomes |= 1u << outcome;
    }
}

void
load_reasons(struct loader *loader, const struct json *root)
{
    load_keys(loader, root, REASON_FILE_KEYS);
    const struct json *rows = load_list(loader, root, "reasons", true);
    if (rows == NULL)
        return;
    struct reason *reasons = LOAD_ARRAY(loader, struct reason, rows->count);
    uint32_t       index   = 0;
    for (const struct json *row = rows->first; reasons != NULL && row != NULL; row = row->next, index++) {
        reasons[index].index = index;
        load_reason_row(loader, row, &reasons[index]);
        if (reasons[index].code == NULL)
            reasons[index].code = "";
    }
    loader->model->reasons      = reasons;
    loader->model->reason_count = reasons == NULL ? 0 : rows->count;
}

/* ---- Columns ---- */

static const char *const ENTITY_KEYS[] = { "entity", "help", "kind", "key", "version", "time", "filter", "columns", NULL };
static const char *const COLUMN_KEYS[] = { "name",   "type",   "help",     "cleanse", "required", "on_bad",
                                           "carries", "checks", "standard", "phi",     NULL };
static const char *const CHECK_KEYS[]  = { "that", "reason", "action", NULL };
static const char *const FILTER_KEYS[] = { "when", "reason", NULL };
static const char *const TIME_KEYS[]   = { "event", "effective", NULL };
static const char *const KIND_NAMES[]  = { "fact", "dimension", NULL };
/* In the order of enum model_action; a repair is what cleansing did, nobody asks for it. */
static const char *const ACTION_WORDS[]  = { "null", "quarantine", "warn", NULL };
static const char *const CARRIES_NAMES[] = { "nothing", "patient", "event", "time", "value", "unit", NULL };

/* Columns that the program itself gives every entity, or that its queries name. */
static const char *const RESERVED_NAMES[] = { "position",      "length",       "row_number", "source",        "file",
                                              "run_id",       "event_id",   "event_system",  "partition_id",
                                              "person_id",     "content_hash", "is_current", "recorded_from", "recorded_to",
                                              "business_key",  "valid_from",   "valid_to",   "row_outcome",   "row_cause",
                                              "row_issues",    "this",         NULL };
static const struct {
    const char *name;
    const char *help;
} IMPLICIT_COLUMNS[] = { { "data_source", "Which of the site's systems the row came from: the binding's data_source." },
                         { "facility", "Where it happened or was recorded, as the record says, else the binding." },
                         { "labels", "Sensitivity labels of the record and of the binding: each once, in the order of their bytes, commas between." } };
#define IMPLICIT_COUNT (sizeof(IMPLICIT_COLUMNS) / sizeof(*IMPLICIT_COLUMNS))

static void
load_check(struct loader *loader, const struct json *row, struct entity_check *check)
{
    if (!load_keys(loader, row, CHECK_KEYS))
        return;
    check->that   = load_placed(loader, row, "that", true);
    check->action = (enum model_action)load_name(loader, row, "action", ACTION_WORDS, ACTION_NULLED);
    check->reason =
        load_reason(loader, row, "reason", check->action == ACTION_QUARANTINE ? OUTCOME_QUARANTINED : OUTCOME_FIELD);
}

static void
load_checks(struct loader *loader, const struct json *row, struct entity_column *column)
{
    const struct json *list = load_list(loader, row, "checks", false);
    if (list == NULL)
        return;
    struct entity_check *checks = LOAD_ARRAY(loader, struct entity_check, list->count);
    uint32_t             index  = 0;
    for (const struct json *item = list->first; checks != NULL && item != NULL; item = item->next, index++) {
        load_check(loader, item, &checks[index]);
        if (checks[index].action == ACTION_QUARANTINE && column->carries == CARRIES_NOTHING)
            load_error(loader, item, NULL,
                       "column \"%s\" carries nothing: its check may null or warn, not reject the row", column->name);
    }
    column->checks      = checks;
    column->check_count = checks == NULL ? 0 : list->count;
}

static bool
is_reserved(struct str name)
{
    for (size_t i = 0; RESERVED_NAMES[i] != NULL; i++)
        if (str_equal(name, str_from(RESERVED_NAMES[i])))
            return true;
    for (size_t i = 0; i < IMPLICIT_COUNT; i++)
        if (str_equal(name, str_from(IMPLICIT_COLUMNS[i].name)))
            return true;
    return false;
}

static void
load_column_name(struct loader *loader, const struct json *row, const struct entity *entity, struct entity_column *column)
{
    const struct json *name = json_find(row, "name");
    column->name            = "";
    column->line            = row->line;
    column->column          = row->column;
    if (load_text(loader, row, "name", true).size == 0 || !load_is_identifier(loader, name))
        return;
    column->line   = name->line;
    column->column = name->column;
    if (is_reserved(name->text))
        load_error(loader, name, NULL, "\"%s\" is a column that every entity has from the program", name->text.data);
    if (entity_column_find(entity, name->text.data) >= 0)
        load_error(loader, name, NULL, "the entity has a column \"%s\" already", name->text.data);
    column->name = name->text.data;
}

static void
load_column_type(struct loader *loader, const struct json *row, struct entity_column *column)
{
    column->type    = TYPE(TYPE_TEXT);
    struct str text = load_text(loader, row, "type", true);
    if (text.size == 0 || type_parse(text.data, text.size, &column->type))
        return;
    static const char *const TYPES[] = { "bool", "int64", "double", "decimal(18,2)", "text", "timestamp", "date" };
    struct suggestion        suggestion = suggestion_init(text);
    for (size_t i = 0; i < sizeof(TYPES) / sizeof(*TYPES); i++)
        suggestion_offer(&suggestion, str_from(TYPES[i]));
    load_error(loader, json_find(row, "type"), &suggestion, "no type is called \"%s\"", text.data);
}

/* A standard column is computed from good values: nothing of it is repaired, checked or missing. */
static void
refuse_in_standard(struct loader *loader, const struct json *row, const char *name)
{
    static const char *const KEYS[] = { "cleanse", "required", "on_bad", "carries", "checks" };
    for (size_t i = 0; i < sizeof(KEYS) / sizeof(*KEYS); i++) {
        const struct json *member = json_find(row, KEYS[i]);
        if (member != NULL)
            load_error_key(loader, member, NULL, "\"%s\" is a standard column: it has no \"%s\"", name, KEYS[i]);
    }
}

static void
load_column(struct loader *loader, const struct json *row, const struct entity *entity, struct entity_column *column)
{
    column->name = "";
    column->type = TYPE(TYPE_TEXT);
    if (!load_keys(loader, row, COLUMN_KEYS))
        return;
    load_column_name(loader, row, entity, column);
    load_column_type(loader, row, column);
    column->help        = load_text(loader, row, "help", true).data;
    column->cleanse     = load_placed(loader, row, "cleanse", false);
    column->standard    = load_placed(loader, row, "standard", false);
    column->is_required = load_bool(loader, row, "required");
    column->is_phi      = load_bool(loader, row, "phi");
    column->on_bad      = (enum model_action)load_name(loader, row, "on_bad", ACTION_WORDS, ACTION_NULLED);
    column->carries     = (enum column_carries)load_name(loader, row, "carries", CARRIES_NAMES, CARRIES_NOTHING);
    if (column->standard.text.data != NULL) {
        refuse_in_standard(loader, row, column->name);
        return;
    }
    load_checks(loader, row, column);
    if ((column->is_required || column->on_bad == ACTION_QUARANTINE) && column->carries == CARRIES_NOTHING)
        load_error(loader, json_find(row, column->is_required ? "required" : "on_bad"), NULL,
                   "column \"%s\" carries nothing: it may not reject its row", column->name);
}

static void
load_columns(struct loader *loader, const struct json *root, struct entity *entity)
{
    const struct json *list = load_list(loader, root, "columns", true);
    if (list == NULL)
        return;
    struct entity_column *columns = LOAD_ARRAY(loader, struct entity_column, list->count + IMPLICIT_COUNT);
    if (columns == NULL)
        return;
    entity->columns = columns;
    for (const struct json *row = list->first; row != NULL; row = row->next) {
        load_column(loader, row, entity, &columns[entity->column_count]);
        entity->column_count++;
    }
    for (size_t i = 0; i < IMPLICIT_COUNT; i++)
        columns[entity->column_count++] = (struct entity_column){ .name        = IMPLICIT_COLUMNS[i].name,
                                                                  .help        = IMPLICIT_COLUMNS[i].help,
                                                                  .type        = TYPE(TYPE_TEXT),
                                                                  .is_implicit = true };
}

/* ---- What refers to columns ---- */

/* -1, reported, where the entity has no such column. */
static int32_t
find_column(struct loader *loader, const struct json *value, const struct entity *entity)
{
    if (value->type != JSON_TEXT) {
        load_error(loader, value, NULL, "%s stands where a column's name is wanted", json_type_name(value->type));
        return -1;
    }
    int32_t index = entity_column_find(entity, value->text.data);
    if (index < 0) {
        struct suggestion suggestion = suggestion_init(value->text);
        for (uint32_t i = 0; i < entity->column_count; i++)
            suggestion_offer(&suggestion, str_from(entity->columns[i].name));
        load_error(loader, value, &suggestion, "the entity has no column \"%s\"", value->text.data);
    }
    return index;
}

static const uint32_t *
load_column_list(struct loader *loader, const struct json *root, const char *key, const struct entity *entity,
                 bool is_key, uint32_t *ret_count)
{
    const struct json *list = load_list(loader, root, key, true);
    if (list == NULL)
        return NULL;
    uint32_t *indices = LOAD_ARRAY(loader, uint32_t, list->count);
    uint32_t  count   = 0;
    for (const struct json *item = list->first; indices != NULL && item != NULL; item = item->next) {
        int32_t index = find_column(loader, item, entity);
        if (index < 0)
            continue;
        const struct entity_column *column = &entity->columns[index];
        /* Without this two facts whose identifiers are missing would be versions of one. */
        if (is_key && !column->is_required && !column->is_implicit)
            load_error(loader, item, NULL, "column \"%s\" is of the key but not required", column->name);
        indices[count++] = (uint32_t)index;
    }
    *ret_count = count;
    return indices;
}

static int32_t
load_time_column(struct loader *loader, const struct json *times, const char *key, const struct entity *entity)
{
    const struct json *value = times == NULL ? NULL : json_find(times, key);
    if (value == NULL)
        return -1;
    int32_t index = find_column(loader, value, entity);
    if (index >= 0 && entity->columns[index].type.kind != TYPE_TIMESTAMP)
        load_error(loader, value, NULL, "column \"%s\" is no timestamp", entity->columns[index].name);
    else if (index >= 0 && !entity->columns[index].is_required)
        load_error(loader, value, NULL, "column \"%s\" is a time of the entity but not required",
                   entity->columns[index].name);
    return index;
}

static void
load_times(struct loader *loader, const struct json *root, struct entity *entity)
{
    const struct json *times = json_find(root, "time");
    if (times == NULL)
        load_error(loader, root, NULL, "\"time\" is missing");
    else if (load_keys(loader, times, TIME_KEYS) && json_find(times, "event") == NULL)
        load_error(loader, times, NULL, "\"event\" is missing");
    entity->event_time_column     = load_time_column(loader, times, "event", entity);
    entity->effective_time_column = load_time_column(loader, times, "effective", entity);
}

static void
load_filters(struct loader *loader, const struct json *root, struct entity *entity)
{
    const struct json *list = load_list(loader, root, "filter", false);
    if (list == NULL)
        return;
    struct entity_filter *filters = LOAD_ARRAY(loader, struct entity_filter, list->count);
    uint32_t              index   = 0;
    for (const struct json *item = list->first; filters != NULL && item != NULL; item = item->next, index++) {
        if (!load_keys(loader, item, FILTER_KEYS))
            continue;
        filters[index].when   = load_placed(loader, item, "when", true);
        filters[index].reason = load_reason(loader, item, "reason", OUTCOME_FILTERED);
    }
    entity->filters      = filters;
    entity->filter_count = filters == NULL ? 0 : list->count;
}

void
load_entity(struct loader *loader, const struct document *document, struct entity *entity)
{
    const struct json *root = document->root;
    entity->name            = document->name.data;
    entity->file            = document->file;
    if (!load_keys(loader, root, ENTITY_KEYS))
        return;
    entity->help = load_text(loader, root, "help", true).data;
    if (json_find(root, "kind") == NULL)
        load_error(loader, root, NULL, "\"kind\" is missing");
    entity->kind = (enum entity_kind)load_name(loader, root, "kind", KIND_NAMES, ENTITY_FACT);
    load_columns(loader, root, entity);
    entity->key     = load_column_list(loader, root, "key", entity, true, &entity->key_count);
    entity->version = load_column_list(loader, root, "version", entity, false, &entity->version_count);
    load_times(loader, root, entity);
    load_filters(loader, root, entity);
}
