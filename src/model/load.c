/* All model files to one model: which file counts, in which order they are read, what is reported. */
#include "model/model.h"

#include <stdlib.h>

#include "base/embedded.h"
#include "base/memory.h"
#include "base/time.h"
#include "model/load_int.h"

/* ---- Errors ---- */

void
load_error_given(struct loader *loader, const struct error *err)
{
    if (loader->error_count++ == 0 && loader->err != NULL)
        *loader->err = *err;
    if (loader->report != NULL)
        loader->report(loader->report_context, err);
}

static void
report_at(struct loader *loader, uint32_t line, uint32_t column, const struct suggestion *suggestion, const char *format,
          va_list arguments)
{
    struct error err = ERROR_EMPTY;
    error_set_va(&err, ERR_CONFIG, format, arguments);
    error_at(&err, loader->file, line, column);
    if (suggestion != NULL)
        suggestion_hint(suggestion, &err);
    load_error_given(loader, &err);
}

void
load_error(struct loader *loader, const struct json *value, const struct suggestion *suggestion, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report_at(loader, value->line, value->column, suggestion, format, arguments);
    va_end(arguments);
}

void
load_error_key(struct loader *loader, const struct json *member, const struct suggestion *suggestion, const char *format,
               ...)
{
    va_list arguments;
    va_start(arguments, format);
    report_at(loader, member->key_line, member->key_column, suggestion, format, arguments);
    va_end(arguments);
}

void
load_error_text(struct loader *loader, const struct model_text *text, const struct suggestion *suggestion,
                const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report_at(loader, text->line, text->column, suggestion, format, arguments);
    va_end(arguments);
}

/* ---- Values ---- */

void *
load_array(struct loader *loader, size_t count, size_t item_size)
{
    if (count == 0)
        return NULL;
    void *items = arena_alloc_array(loader->arena, count, item_size, _Alignof(max_align_t));
    if (items == NULL)
        loader->is_out_of_memory = true;
    else
        memset(items, 0, count * item_size);
    return items;
}

const char *
load_cstr(struct loader *loader, struct str text)
{
    const char *copy = arena_cstr(loader->arena, text);
    if (copy == NULL) {
        loader->is_out_of_memory = true;
        return "";
    }
    return copy;
}

bool
load_keys(struct loader *loader, const struct json *object, const char *const *keys)
{
    if (object->type != JSON_OBJECT) {
        load_error(loader, object, NULL, "%s stands where an object is wanted", json_type_name(object->type));
        return false;
    }
    for (const struct json *member = object->first; member != NULL; member = member->next) {
        struct suggestion suggestion = suggestion_init(member->key);
        bool              is_known   = false;
        for (size_t i = 0; keys[i] != NULL && !is_known; i++) {
            is_known = str_equal(member->key, str_from(keys[i]));
            suggestion_offer(&suggestion, str_from(keys[i]));
        }
        if (!is_known)
            load_error_key(loader, member, &suggestion, "unknown key \"%s\"", member->key.data);
        else if (member->is_duplicate)
            load_error_key(loader, member, NULL, "\"%s\" stands twice", member->key.data);
    }
    return true;
}

struct model_text
placed(const struct json *value)
{
    return (struct model_text){ .text = value->text, .line = value->line, .column = value->column };
}

/* The member, of the type; else NULL, reported where something else stands there or it must not be missing. */
static const struct json *
find_typed(struct loader *loader, const struct json *object, const char *key, enum json_type type, bool is_required)
{
    const struct json *value = json_find(object, key);
    if (value == NULL) {
        if (is_required)
            load_error(loader, object, NULL, "\"%s\" is missing", key);
        return NULL;
    }
    if (value->type != type) {
        load_error(loader, value, NULL, "\"%s\" is %s, not %s", key, json_type_name(value->type), json_type_name(type));
        return NULL;
    }
    return value;
}

struct model_text
load_placed(struct loader *loader, const struct json *object, const char *key, bool is_required)
{
    const struct json *value = find_typed(loader, object, key, JSON_TEXT, is_required);
    if (value == NULL)
        return (struct model_text){ .text = STR_EMPTY };
    if (str_trim(value->text).size == 0)
        load_error(loader, value, NULL, "\"%s\" is empty", key);
    return placed(value);
}

struct str
load_text(struct loader *loader, const struct json *object, const char *key, bool is_required)
{
    return load_placed(loader, object, key, is_required).text;
}

bool
load_bool(struct loader *loader, const struct json *object, const char *key)
{
    const struct json *value = find_typed(loader, object, key, JSON_BOOL, false);
    return value != NULL && value->is_true;
}

const struct json *
load_list(struct loader *loader, const struct json *object, const char *key, bool is_required)
{
    const struct json *value = find_typed(loader, object, key, JSON_ARRAY, is_required);
    if (value != NULL && value->count == 0)
        load_error(loader, value, NULL, "\"%s\" is empty", key);
    return value;
}

int
load_name(struct loader *loader, const struct json *object, const char *key, const char *const *names, int fallback)
{
    const struct json *value = find_typed(loader, object, key, JSON_TEXT, false);
    if (value == NULL)
        return fallback;
    struct suggestion suggestion = suggestion_init(value->text);
    for (int i = 0; names[i] != NULL; i++) {
        if (str_equal(value->text, str_from(names[i])))
            return i;
        suggestion_offer(&suggestion, str_from(names[i]));
    }
    load_error(loader, value, &suggestion, "\"%s\" is no value of \"%s\"", value->text.data, key);
    return fallback;
}

int64_t
load_duration(struct loader *loader, const struct json *object, const char *key, int64_t fallback)
{
    const struct json *value = find_typed(loader, object, key, JSON_TEXT, false);
    int64_t            duration_us;
    if (value == NULL)
        return fallback;
    if (duration_parse(value->text, &duration_us))
        return duration_us;
    load_error(loader, value, NULL, "\"%s\" is no duration such as \"24h\" or \"31d\"", value->text.data);
    return fallback;
}

#define IDENTIFIER_SIZE_MAX 63 /* PostgreSQL cuts longer names. */

bool
load_is_identifier(struct loader *loader, const struct json *value)
{
    struct str name     = value->key_line != 0 && value->type != JSON_TEXT ? value->key : value->text;
    bool       is_valid = name.size > 0 && name.size <= IDENTIFIER_SIZE_MAX && name.data[0] >= 'a' && name.data[0] <= 'z';
    for (size_t i = 0; is_valid && i < name.size; i++) {
        char c   = name.data[i];
        is_valid = (c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '_';
    }
    if (!is_valid)
        load_error(loader, value, NULL,
                   "\"%s\" is no name: a small letter, then small letters, digits and _, at most 63 in all", name.data);
    return is_valid;
}

const struct reason *
load_reason(struct loader *loader, const struct json *object, const char *key, enum outcome outcome)
{
    const struct json *value = find_typed(loader, object, key, JSON_TEXT, true);
    if (value == NULL)
        return NULL;
    const struct reason *reason = model_reason(loader->model, value->text);
    if (reason == NULL) {
        struct suggestion suggestion = suggestion_init(value->text);
        for (uint32_t i = 0; i < loader->model->reason_count; i++)
            suggestion_offer(&suggestion, str_from(loader->model->reasons[i].code));
        load_error(loader, value, &suggestion, "no reason is called \"%s\"", value->text.data);
        return NULL;
    }
    if ((reason->outcomes & (1u << outcome)) == 0) {
        load_error(loader, value, NULL, "\"%s\" is no reason for a %s", reason->code,
                   outcome == OUTCOME_FIELD ? "value that is nulled or warned of" : outcome_name(outcome));
        return NULL;
    }
    return reason;
}

const struct entity *
load_entity_name(struct loader *loader, const struct json *value)
{
    if (value->type != JSON_TEXT) {
        load_error(loader, value, NULL, "%s stands where an entity's name is wanted", json_type_name(value->type));
        return NULL;
    }
    const struct entity *entity = model_entity(loader->model, value->text);
    if (entity == NULL) {
        struct suggestion suggestion = suggestion_init(value->text);
        for (uint32_t i = 0; i < loader->model->entity_count; i++)
            suggestion_offer(&suggestion, str_from(loader->model->entities[i].name));
        load_error(loader, value, &suggestion, "no entity is called \"%s\"", value->text.data);
    }
    return entity;
}

/* ---- Documents ---- */

static const char *const KIND_KEYS[] = { [DOCUMENT_ENTITY]  = "entity",
                                         [DOCUMENT_MAPPING] = "mapping",
                                         [DOCUMENT_RULE]    = "rule",
                                         [DOCUMENT_TERMS]   = "terms" };

/* The key that says what a file is. A mapping and a rule name an entity too, so they are asked for first. */
static const struct json *
find_kind(const struct json *root, enum document_kind *ret_kind)
{
    static const enum document_kind ORDER[] = { DOCUMENT_MAPPING, DOCUMENT_RULE, DOCUMENT_TERMS, DOCUMENT_ENTITY };
    for (size_t i = 0; i < DOCUMENT_KIND_COUNT; i++) {
        const struct json *value = json_find(root, KIND_KEYS[ORDER[i]]);
        if (value != NULL) {
            *ret_kind = ORDER[i];
            return value;
        }
    }
    return NULL;
}

static void
add_document(struct loader *loader, const char *path, struct str text, bool is_embedded)
{
    struct error       err  = ERROR_EMPTY;
    const struct json *root = NULL;
    enum document_kind kind;
    loader->file = load_cstr(loader, str_from(path));
    if (json_parse(text, loader->file, loader->arena, &root, &err) != ST_OK) {
        load_error_given(loader, &err);
        return;
    }
    const struct json *name = find_kind(root, &kind);
    if (name == NULL || name->type != JSON_TEXT) {
        load_error(loader, name == NULL ? root : name, NULL,
                   "a model file names what it describes: \"entity\", \"mapping\", \"rule\" or \"terms\"");
        return;
    }
    if (kind == DOCUMENT_TERMS && !is_embedded) {
        load_error(loader, name, NULL, "terms are part of the program: a site cannot replace them");
        return;
    }
    if (kind != DOCUMENT_TERMS && !load_is_identifier(loader, name))
        return;
    struct documents *documents = &loader->documents[kind];
    struct document  *document  = &documents->items[documents->count++];
    *document = (struct document){ .file = loader->file, .root = root, .name = name->text, .is_embedded = is_embedded };
    for (uint32_t i = 0; i + 1 < documents->count; i++) {
        if (!documents->items[i].is_overridden && str_equal(documents->items[i].name, document->name)) {
            documents->items[i].is_overridden = true;
            document->earlier                 = &documents->items[i];
        }
    }
}

static int
compare_documents(const void *a, const void *b)
{
    const struct document *left  = *(const struct document *const *)a;
    const struct document *right = *(const struct document *const *)b;
    return str_compare(left->name, right->name);
}

/* Those that count, by name. NULL where there is none or memory is out. */
static const struct document **
sorted_documents(struct loader *loader, enum document_kind kind, uint32_t *ret_count)
{
    struct documents       *documents = &loader->documents[kind];
    const struct document **sorted    = LOAD_ARRAY(loader, const struct document *, documents->count);
    uint32_t                count     = 0;
    for (uint32_t i = 0; sorted != NULL && i < documents->count; i++)
        if (!documents->items[i].is_overridden)
            sorted[count++] = &documents->items[i];
    if (count > 0)
        qsort(sorted, count, sizeof(*sorted), compare_documents);
    *ret_count = count;
    return sorted;
}

/* One digest after the other, so that order counts. */
static void
add_to_digest(struct hash128 *digest, const char *path, struct str text)
{
    struct {
        struct hash128 before;
        struct hash128 path;
        struct hash128 text;
    } parts = { *digest, hash128(path, strlen(path)), hash128(text.data, text.size) };
    *digest = hash128(&parts, sizeof(parts));
}

static void
read_files(struct loader *loader, const struct model_file *files, size_t file_count)
{
    for (int kind = 0; kind < DOCUMENT_KIND_COUNT; kind++)
        loader->documents[kind].items = LOAD_ARRAY(loader, struct document, embedded_file_count + file_count);
    if (loader->is_out_of_memory)
        return;
    for (size_t i = 0; i < embedded_file_count; i++) {
        struct str text = str_of((const char *)embedded_files[i].bytes, embedded_files[i].size);
        if (!str_starts_with(str_from(embedded_files[i].path), STR("model/")))
            continue; /* Other files are embedded too, such as the store's schema. */
        add_document(loader, embedded_files[i].path, text, true);
        add_to_digest(&loader->model->digest, embedded_files[i].path, text);
    }
    for (size_t i = 0; i < file_count; i++) {
        if (files[i].cleanse_rules != NULL)
            continue; /* They are part of the pipeline, and of its digest. */
        add_document(loader, files[i].path, files[i].text, false);
        add_to_digest(&loader->model->digest, files[i].path, files[i].text);
    }
}

static void
load_terms(struct loader *loader)
{
    const struct documents *documents = &loader->documents[DOCUMENT_TERMS];
    for (uint32_t i = 0; i < documents->count; i++) {
        loader->file = documents->items[i].file;
        if (str_equal(documents->items[i].name, STR("reasons")))
            load_reasons(loader, documents->items[i].root);
    }
}

static void
load_entities(struct loader *loader)
{
    uint32_t                count;
    const struct document **documents = sorted_documents(loader, DOCUMENT_ENTITY, &count);
    struct entity          *entities  = LOAD_ARRAY(loader, struct entity, count);
    for (uint32_t i = 0; entities != NULL && i < count; i++) {
        loader->file = documents[i]->file;
        load_entity(loader, documents[i], &entities[i]);
    }
    loader->model->entities     = entities;
    loader->model->entity_count = entities == NULL ? 0 : count;
}

static void
load_mappings(struct loader *loader)
{
    uint32_t                count;
    const struct document **documents = sorted_documents(loader, DOCUMENT_MAPPING, &count);
    struct mapping         *mappings  = LOAD_ARRAY(loader, struct mapping, count);
    for (uint32_t i = 0; mappings != NULL && i < count; i++) {
        loader->file = documents[i]->file;
        load_mapping(loader, documents[i], &mappings[i]);
    }
    loader->model->mappings      = mappings;
    loader->model->mapping_count = mappings == NULL ? 0 : count;
}

static void
load_rules(struct loader *loader)
{
    uint32_t                count;
    const struct document **documents = sorted_documents(loader, DOCUMENT_RULE, &count);
    struct rule_pack       *rules     = LOAD_ARRAY(loader, struct rule_pack, count);
    for (uint32_t i = 0; rules != NULL && i < count; i++) {
        loader->file = documents[i]->file;
        load_rule(loader, documents[i], &rules[i]);
    }
    loader->model->rules      = rules;
    loader->model->rule_count = rules == NULL ? 0 : count;
    load_rule_members(loader, documents, rules, loader->model->rule_count);
}

/* Only over a model whose files were read without an error: an expression is judged by columns that are as they should
 * be. */
static void
check_expressions(struct loader *loader)
{
    for (uint32_t i = 0; i < loader->model->entity_count; i++) {
        loader->file = loader->model->entities[i].file;
        check_entity(loader, &loader->model->entities[i]);
    }
    for (uint32_t i = 0; i < loader->model->mapping_count; i++) {
        loader->file = loader->model->mappings[i].file;
        if (loader->model->mappings[i].entity != NULL)
            check_mapping(loader, &loader->model->mappings[i]);
    }
}

/* The model and the arena that it lies in. */
struct owned_model {
    struct model model;
    struct arena arena;
};

enum status
model_load(const struct model_file *files, size_t file_count, model_report_fn *report, void *report_context,
           struct model **ret_model, struct error *err)
{
    struct owned_model *owned = memory_alloc_zero(sizeof(*owned));
    if (owned == NULL)
        return error_no_memory(err);
    arena_init(&owned->arena, 0);
    struct loader loader = {
        .arena = &owned->arena, .model = &owned->model, .report = report, .report_context = report_context, .err = err
    };
    read_files(&loader, files, file_count);
    load_terms(&loader);
    load_entities(&loader);
    for (size_t i = 0; i < file_count; i++) {
        if (files[i].cleanse_rules != NULL)
            load_cleanse_rules(&loader, &files[i]);
    }
    load_mappings(&loader);
    load_rules(&loader);
    if (!loader.is_out_of_memory)
        check_expressions(&loader);
    if (loader.is_out_of_memory || loader.error_count > 0) {
        model_free(&owned->model);
        return loader.is_out_of_memory ? error_no_memory(err) : ST_ERROR;
    }
    *ret_model = &owned->model;
    return ST_OK;
}

void
model_free(struct model *model)
{
    if (model == NULL)
        return;
    struct owned_model *owned = (struct owned_model *)model;
    arena_release(&owned->arena);
    memory_free(owned);
}
