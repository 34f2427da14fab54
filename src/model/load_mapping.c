/* mappings/FORMAT/NAME.json: JSON to structs. Paths are only carried: their formats know them. */
#include "model/load_int.h"

static const char *const MAPPING_KEYS[] = { "mapping", "format", "entity", "help",   "detect",
                                            "when",    "empty",  "each",   "fields", "columns", "quote", NULL };
static const char *const DETECT_KEYS[]  = { "header", "absent", "file", NULL };
static const char *const FIELD_KEYS[]   = { "path", "required", NULL };
static const char *const EMPTIES[]      = { "null", "keep", NULL };
static const char *const FORMATS[]      = { "csv", "hl7v2", "json", "fhir-r4", "x12", "fixed", NULL };
static const char *const QUOTES[]       = { "double", "none", NULL };

/* A text, or a list of texts. */
static const struct model_text *
load_texts(struct loader *loader, const struct json *value, const char *what, uint32_t *ret_count)
{
    const struct json *first = value->type == JSON_ARRAY ? value->first : value;
    uint32_t           count = value->type == JSON_ARRAY ? value->count : 1;
    struct model_text *texts = LOAD_ARRAY(loader, struct model_text, count);
    if (count == 0)
        load_error(loader, value, NULL, "the list of %s is empty", what);
    uint32_t index = 0;
    for (const struct json *item = first; texts != NULL && index < count; item = item->next, index++) {
        if (item->type != JSON_TEXT)
            load_error(loader, item, NULL, "%s stands where %s is wanted", json_type_name(item->type), what);
        else if (item->text.size == 0)
            load_error(loader, item, NULL, "%s is empty", what);
        else
            texts[index] = placed(item);
    }
    *ret_count = texts == NULL ? 0 : count;
    return texts;
}

static void
load_field(struct loader *loader, const struct json *value, struct mapping_field *field)
{
    field->name   = value->key.data;
    field->line   = value->key_line;
    field->column = value->key_column;
    const struct json *path = value;
    if (value->type == JSON_OBJECT) {
        load_keys(loader, value, FIELD_KEYS);
        field->is_required = load_bool(loader, value, "required");
        path               = json_find(value, "path");
        if (path == NULL) {
            load_error(loader, value, NULL, "\"path\" is missing");
            return;
        }
    }
    field->paths = load_texts(loader, path, "a path", &field->path_count);
}

/* Names of fields are columns of raw.<mapping>. */
static bool
field_name_is_good(struct loader *loader, const struct json *member)
{
    struct json name = *member;
    name.type        = JSON_TEXT;
    name.text        = member->key;
    name.line        = member->key_line;
    name.column      = member->key_column;
    if (member->is_duplicate) {
        load_error(loader, &name, NULL, "\"%s\" stands twice", member->key.data);
        return false;
    }
    static const char *const RESERVED[] = { "position", "length", "row_number", "source", "file", "labels", "run_id" };
    for (size_t i = 0; i < sizeof(RESERVED) / sizeof(*RESERVED); i++) {
        if (str_equal(member->key, str_from(RESERVED[i]))) {
            load_error(loader, &name, NULL, "\"%s\" is a column of every raw table", member->key.data);
            return false;
        }
    }
    return load_is_identifier(loader, &name);
}

static void
load_fields(struct loader *loader, const struct json *root, struct mapping *mapping)
{
    const struct json *object = json_find(root, "fields");
    if (object == NULL || object->type != JSON_OBJECT || object->count == 0) {
        load_error(loader, object == NULL ? root : object, NULL, "\"fields\" names at least one field and its path");
        return;
    }
    struct mapping_field *fields = LOAD_ARRAY(loader, struct mapping_field, object->count);
    uint32_t              count  = 0;
    for (const struct json *member = object->first; fields != NULL && member != NULL; member = member->next)
        if (field_name_is_good(loader, member))
            load_field(loader, member, &fields[count++]);
    mapping->fields      = fields;
    mapping->field_count = count;
}

/* The place in the entity of a column that the mapping may set; -1, reported, where there is none. */
static int32_t
find_settable(struct loader *loader, const struct json *member, const struct entity *entity)
{
    int32_t index = entity_column_find(entity, member->key.data);
    if (index < 0) {
        struct suggestion suggestion = suggestion_init(member->key);
        for (uint32_t i = 0; i < entity->column_count; i++)
            suggestion_offer(&suggestion, str_from(entity->columns[i].name));
        load_error_key(loader, member, &suggestion, "entity \"%s\" has no column \"%s\"", entity->name, member->key.data);
        return -1;
    }
    if (entity->columns[index].standard.text.data != NULL) {
        load_error_key(loader, member, NULL, "\"%s\" is a standard column: it is computed, no mapping sets it",
                       member->key.data);
        return -1;
    }
    return index;
}

static void
load_column(struct loader *loader, const struct json *member, struct mapping *mapping, struct mapping_column *columns)
{
    if (member->is_duplicate) {
        load_error_key(loader, member, NULL, "\"%s\" stands twice", member->key.data);
        return;
    }
    if (member->type != JSON_TEXT || member->text.size == 0) {
        load_error(loader, member, NULL, "column \"%s\" is %s, not an expression", member->key.data,
                   member->type == JSON_TEXT ? "empty" : json_type_name(member->type));
        return;
    }
    if (str_equal(member->key, STR("event_id"))) {
        mapping->event_id = placed(member);
    } else if (str_equal(member->key, STR("event_system"))) {
        mapping->event_system = placed(member);
    } else {
        int32_t index = find_settable(loader, member, mapping->entity);
        if (index >= 0)
            columns[mapping->column_count++] =
                (struct mapping_column){ .entity_column = (uint32_t)index, .expression = placed(member) };
    }
}

static void
load_columns(struct loader *loader, const struct json *root, struct mapping *mapping)
{
    const struct json *object = json_find(root, "columns");
    if (object == NULL)
        return;
    if (object->type != JSON_OBJECT) {
        load_error(loader, object, NULL, "\"columns\" is %s, not an object", json_type_name(object->type));
        return;
    }
    struct mapping_column *columns = LOAD_ARRAY(loader, struct mapping_column, object->count);
    mapping->columns               = columns;
    for (const struct json *member = object->first; columns != NULL && member != NULL; member = member->next)
        load_column(loader, member, mapping, columns);
}

/* A list of `detect`; NULL where it is not there. */
static const struct model_text *
load_detect_list(struct loader *loader, const struct json *detect, const char *key, const char *what, uint32_t *ret_count)
{
    const struct json *list = load_list(loader, detect, key, false);
    return list == NULL ? NULL : load_texts(loader, list, what, ret_count);
}

static void
load_detect(struct loader *loader, const struct json *root, struct mapping *mapping)
{
    const bool         is_csv = mapping->format == MODEL_CSV;
    const struct json *detect = json_find(root, "detect");
    if (!is_csv && mapping->format != MODEL_FIXED) {
        if (detect != NULL)
            load_error_key(loader, detect, NULL, "\"detect\" is for csv and fixed; records of %s are told apart by \"when\"",
                           model_format_name(mapping->format));
        return;
    }
    if (detect == NULL) {
        load_error(loader, root, NULL, "\"detect\" is missing: %s", is_csv ? "which header names a CSV file of this mapping has"
                                                                         : "how a file of this mapping is called");
        return;
    }
    if (!load_keys(loader, detect, DETECT_KEYS))
        return;
    mapping->detect_headers = load_detect_list(loader, detect, "header", "a header name", &mapping->detect_header_count);
    mapping->absent_headers = load_detect_list(loader, detect, "absent", "a header name", &mapping->absent_header_count);
    mapping->detect_files   = load_detect_list(loader, detect, "file", "a file name", &mapping->detect_file_count);
    if (mapping->detect_header_count == 0 && is_csv)
        load_error(loader, detect, NULL, "\"header\" is missing: which header names a CSV file of this mapping has");
    if (mapping->detect_file_count > 0 && is_csv)
        load_error(loader, detect, NULL, "\"file\" is for fixed: a CSV file is told by its header");
    if (mapping->detect_file_count == 0 && !is_csv)
        load_error(loader, detect, NULL, "\"file\" is missing: how a file of this mapping is called");
    if (mapping->detect_header_count + mapping->absent_header_count > 0 && !is_csv)
        load_error(loader, detect, NULL, "a file of fixed width has no header");
}

static void
load_quote(struct loader *loader, const struct json *root, struct mapping *mapping)
{
    const struct json *quote = json_find(root, "quote");
    if (quote == NULL)
        return;
    if (mapping->format != MODEL_CSV)
        load_error_key(loader, quote, NULL, "\"quote\" is for csv");
    mapping->has_no_quotes = load_name(loader, root, "quote", QUOTES, 0) == 1;
}

/* The rows of a CSV or fixed width file may be kept in raw.<mapping> alone: there is nothing to compute or to choose. */
static void
check_without_entity(struct loader *loader, const struct json *root, enum model_format format)
{
    static const char *const KEYS[] = { "when", "columns" };
    if (format != MODEL_CSV && format != MODEL_FIXED)
        load_error(loader, root, NULL, "\"entity\" is missing: only rows of csv and fixed may be kept without one");
    for (size_t i = 0; i < sizeof(KEYS) / sizeof(*KEYS); i++) {
        const struct json *member = json_find(root, KEYS[i]);
        if (member != NULL)
            load_error_key(loader, member, NULL, "a mapping without \"entity\" makes no rows: it has no \"%s\"", KEYS[i]);
    }
}

void
load_mapping(struct loader *loader, const struct document *document, struct mapping *mapping)
{
    const struct json *root = document->root;
    mapping->model          = loader->model;
    mapping->name           = document->name.data;
    mapping->file           = document->file;
    if (!load_keys(loader, root, MAPPING_KEYS))
        return;
    mapping->help = load_text(loader, root, "help", true).data;
    if (json_find(root, "format") == NULL)
        load_error(loader, root, NULL, "\"format\" is missing");
    mapping->format           = (enum model_format)load_name(loader, root, "format", FORMATS, MODEL_CSV);
    const struct json *entity = json_find(root, "entity");
    if (entity != NULL)
        mapping->entity = load_entity_name(loader, entity);
    mapping->when          = load_placed(loader, root, "when", false);
    mapping->keeps_empty   = json_find(root, "empty") != NULL && load_name(loader, root, "empty", EMPTIES, 0) == 1;
    const struct json *each = json_find(root, "each");
    if (each != NULL)
        mapping->each = load_texts(loader, each, "a path", &mapping->each_count);
    load_detect(loader, root, mapping);
    load_quote(loader, root, mapping);
    load_fields(loader, root, mapping);
    if (mapping->entity != NULL)
        load_columns(loader, root, mapping);
    else if (entity == NULL)
        check_without_entity(loader, root, mapping->format);
}
