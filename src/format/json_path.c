/* Paths into JSON: `name.name[0].name`, `[key=text]`, `[*]`, "odd name", `^.` for the record, `.` for the element. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "format/fhir_int.h"

struct path_reader {
    const char               *next;
    const char               *end;
    const struct mapping     *mapping;
    const struct model_text  *source;
    struct plan_errors       *errors;
    struct arena             *arena;
    struct json_step          steps[FORMAT_PATH_STEP_COUNT_MAX];
    uint32_t                  step_count;
};

static bool
is_plain(char c)
{
    return ascii_is_letter(c) || ascii_is_digit(c) || c == '_' || c == '-' || (unsigned char)c >= 0x80;
}

static bool
wrong(struct path_reader *reader, const char *why)
{
    plan_error(reader->errors, reader->mapping, reader->source, "path \"%.*s\": %s",
               STR_PRINTF(reader->source->text), why);
    return false;
}

/* A plain word, or any text in quotes (without a quote inside). */
static bool
read_name(struct path_reader *reader, struct str *ret_name)
{
    const char *begin = reader->next;

    if (begin < reader->end && *begin == '"') {
        const char *close = memchr(begin + 1, '"', (size_t)(reader->end - begin - 1));
        if (close == NULL)
            return wrong(reader, "a quote is not closed");
        *ret_name    = str_of(begin + 1, (size_t)(close - begin - 1));
        reader->next = close + 1;
        return true;
    }
    while (reader->next < reader->end && is_plain(*reader->next))
        reader->next++;
    *ret_name = str_of(begin, (size_t)(reader->next - begin));
    return ret_name->size > 0 || wrong(reader, "a name is missing; one that is not a plain word stands in quotes");
}

static bool
add_step(struct path_reader *reader, struct json_step step)
{
    if (reader->step_count == FORMAT_PATH_STEP_COUNT_MAX)
        return wrong(reader, "too many steps");
    reader->steps[reader->step_count++] = step;
    return true;
}

/* The names with points between that a match follows. */
static enum status
split_name(struct json_step *step, struct arena *arena)
{
    struct str_split split = str_split_init(step->name, '.');
    struct str       part  = STR_EMPTY;
    struct str      *parts = NULL;

    for (size_t i = 0; i < step->name.size; i++)
        step->part_count += step->name.data[i] == '.' ? 1 : 0;
    step->part_count++;
    parts = ARENA_ARRAY(arena, struct str, step->part_count);
    if (parts == NULL)
        return ST_ERROR;
    step->parts = parts;
    while (str_split_next(&split, &part))
        *parts++ = part;
    return ST_OK;
}

/* What stands between `[` and `]`. */
static bool
read_bracket(struct path_reader *reader)
{
    const char      *close = memchr(reader->next, ']', (size_t)(reader->end - reader->next));
    struct json_step step  = { .kind = JSON_INDEX };

    if (close == NULL)
        return wrong(reader, "a bracket is not closed");
    struct str inside = str_of(reader->next, (size_t)(close - reader->next));
    uint64_t   index  = 0;
    if (str_equal(inside, STR("*"))) {
        step.kind = JSON_ALL;
    } else if (inside.size > 0 && ascii_is_digit(inside.data[0]) && str_to_uint64(inside, &index)) {
        if (index > FORMAT_PATH_NUMBER_MAX)
            return wrong(reader, "the index is too large");
        step.index = (uint32_t)index;
    } else {
        size_t equal = str_find_byte(inside, '=');
        if (equal == STR_NOT_FOUND || equal == 0)
            return wrong(reader, "brackets hold a number, * or name=text");
        step.kind = JSON_MATCH;
        step.name = str_slice(inside, 0, equal);
        step.text = str_slice(inside, equal + 1, inside.size);
    }
    reader->next = close + 1;
    return add_step(reader, step);
}

static bool
read_steps(struct path_reader *reader)
{
    bool is_start = true;

    while (reader->next < reader->end) {
        if (*reader->next == '[') {
            reader->next++;
            if (!read_bracket(reader))
                return false;
        } else {
            struct json_step step = { .kind = JSON_MEMBER };
            if (!is_start && *reader->next++ != '.')
                return wrong(reader, "a point or a bracket is missing between two steps");
            if (!read_name(reader, &step.name) || !add_step(reader, step))
                return false;
        }
        is_start = false;
    }
    return true;
}

/* What a record is told besides its members. */
static bool
read_pseudo(struct path_reader *reader, enum json_pseudo *ret_pseudo)
{
    static const char *const NAMES[PSEUDO_COUNT] = {
        [PSEUDO_FULL_URL] = "@fullUrl",
        [PSEUDO_METHOD] = "@method",
        [PSEUDO_URL] = "@url",
        [PSEUDO_CONTAINED] = "@contained",
        [PSEUDO_BUNDLE_TYPE] = "@bundle.type",
        [PSEUDO_BUNDLE_TIMESTAMP] = "@bundle.timestamp",
        [PSEUDO_BUNDLE_ID] = "@bundle.id",
    };

    if (reader->mapping->format != MODEL_FHIR_R4)
        return wrong(reader, "@ is only meant in fhir-r4; a name that begins with it stands in quotes");
    for (size_t i = 0; i < PSEUDO_COUNT; i++)
        if (str_equal(reader->source->text, str_from(NAMES[i]))) {
            *ret_pseudo = (enum json_pseudo)i;
            return true;
        }
    return wrong(reader, "there are @fullUrl, @method, @url, @contained, @bundle.type, @bundle.timestamp and @bundle.id");
}

enum status
json_path_parse(const struct mapping *mapping, const struct model_text *text, bool is_in_each, struct arena *arena,
                struct plan_errors *errors, struct json_path *ret_path, struct error *err)
{
    struct path_reader reader = {
        .next = text->text.data,
        .end = text->text.data + text->text.size,
        .mapping = mapping,
        .source = text,
        .errors = errors,
        .arena = arena,
    };
    struct json_path path = { .slot = -1, .self_slot = -1, .pseudo = PSEUDO_NONE };

    *ret_path = path;
    if (text->text.size == 0) {
        wrong(&reader, "it is empty");
        return ST_OK;
    }
    if (text->text.data[0] == '@') {
        (void)read_pseudo(&reader, &ret_path->pseudo);
        return ST_OK;
    }
    if (str_starts_with(text->text, STR("^."))) {
        path.is_from_record = true;
        reader.next += 2;
        if (!is_in_each && !wrong(&reader, "^ stands for the record, which is only meant inside `each`"))
            return ST_OK;
    } else if (str_equal(text->text, STR("."))) {
        reader.next++;
    }
    if (!read_steps(&reader))
        return ST_OK;

    struct json_step *steps = ARENA_ARRAY(arena, struct json_step, reader.step_count);
    if (steps == NULL)
        return error_no_memory(err);
    memcpy(steps, reader.steps, reader.step_count * sizeof steps[0]);
    for (uint32_t i = 0; i < reader.step_count; i++) {
        path.has_all = path.has_all || steps[i].kind == JSON_ALL;
        if (steps[i].kind == JSON_MATCH && split_name(&steps[i], arena) != ST_OK)
            return error_no_memory(err);
    }
    path.steps      = steps;
    path.step_count = reader.step_count;
    *ret_path       = path;
    return ST_OK;
}

/* ---- Compiling a plan ---- */

static enum status
parse_all(struct decode_plan *plan, struct plan_errors *errors, struct error *err)
{
    struct json_plan *json  = plan->json;
    struct arena     *arena = &plan->arena;

    for (uint32_t i = 0; i < plan->mapping_count; i++) {
        struct plan_mapping  *entry   = &plan->mappings[i];
        const struct mapping *mapping = entry->mapping;

        entry->first_each = json->each_count;
        entry->each_count = mapping->each_count;
        for (uint32_t e = 0; e < mapping->each_count; e++) {
            struct json_path *path = &json->each[json->each_count++];
            if (json_path_parse(mapping, &mapping->each[e], false, arena, errors, path, err) != ST_OK)
                return ST_ERROR;
            if (path->has_all)
                plan_error(errors, mapping, &mapping->each[e], "`each` names an array; it stands for all its elements");
            entry->may_be_self = entry->may_be_self || path->step_count == 0;
        }
        for (uint32_t f = 0; f < mapping->field_count; f++) {
            const struct mapping_field *field = &mapping->fields[f];
            entry->fields[f].first_path       = json->path_count;
            entry->fields[f].path_count       = field->path_count;
            for (uint32_t k = 0; k < field->path_count; k++) {
                struct json_path *path = &json->paths[json->path_count++];
                if (json_path_parse(mapping, &field->paths[k], mapping->each_count > 0, arena, errors, path, err)
                    != ST_OK)
                    return ST_ERROR;
            }
        }
    }
    return ST_OK;
}

/* The slot of a name, added where it is new. */
static int32_t
key_add(struct json_keys *keys, struct str name)
{
    int32_t known = json_key_find(keys, name.data, name.size);
    if (known >= 0)
        return known;

    uint32_t at = json_key_hash(name.data, name.size) & keys->mask;
    while (keys->slots[at] != 0)
        at = (at + 1) & keys->mask;
    keys->names[keys->count++] = name;
    keys->slots[at]            = (uint16_t)keys->count;
    return (int32_t)keys->count - 1;
}

/* Members that are looked for in every resource. */
static enum status
add_fhir_keys(struct decode_plan *plan, struct error *err)
{
    struct json_plan *json  = plan->json;
    uint16_t         *slots = ARENA_ARRAY(&plan->arena, uint16_t, fhir_old_member_count());

    if (slots == NULL)
        return error_no_memory(err);
    CHECK(key_add(&json->keys, json->type_name) == FHIR_TYPE_SLOT);
    json->id_slot        = key_add(&json->keys, STR("id"));
    json->contained_slot = key_add(&json->keys, STR("contained"));
    for (uint32_t i = 0; i < fhir_old_member_count(); i++)
        slots[i] = (uint16_t)key_add(&json->keys, fhir_old_member(i));
    json->old_slots = slots;
    return ST_OK;
}

static enum status
make_literals(struct json_keys *keys, struct arena *arena, struct error *err)
{
    keys->literals = ARENA_ARRAY(arena, struct json_literal, keys->count);
    if (keys->literals == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < keys->count; i++) {
        struct json_literal *literal = &keys->literals[i];
        const struct str     name    = keys->names[i];
        memset(literal, 0, sizeof *literal);
        if (name.size + 4 > JSON_LITERAL_SIZE)
            continue;
        memcpy(literal->bytes, ",\"", 2);
        memcpy(literal->bytes + 2, name.data, name.size);
        memcpy(literal->bytes + 2 + name.size, "\":", 2);
        literal->size = (uint32_t)name.size + 4;
        literal->mask = (uint32_t)(((uint64_t)1 << literal->size) - 1);
    }
    return ST_OK;
}

static enum status
make_keys(struct decode_plan *plan, struct error *err)
{
    struct json_plan *json = plan->json;
    uint32_t          most = json->path_count + json->each_count + 3 + fhir_old_member_count();
    uint32_t          room = 16;

    while (room < 4 * most)
        room *= 2;
    if (most > INT16_MAX)
        return error_set(err, ERR_FULL, "%u paths in the mappings of one format", most);
    json->keys.names = ARENA_ARRAY(&plan->arena, struct str, most);
    json->keys.slots = ARENA_ARRAY(&plan->arena, uint16_t, room);
    if (json->keys.names == NULL || json->keys.slots == NULL)
        return error_no_memory(err);
    memset(json->keys.slots, 0, room * sizeof json->keys.slots[0]);
    json->keys.mask = room - 1;
    if (plan->kind->format == MODEL_FHIR_R4 && add_fhir_keys(plan, err) != ST_OK)
        return ST_ERROR;

    for (uint32_t i = 0; i < json->each_count; i++) {
        struct json_path *path = &json->each[i];
        if (path->step_count > 0 && path->steps[0].kind == JSON_MEMBER)
            path->slot = key_add(&json->keys, path->steps[0].name);
    }
    for (uint32_t i = 0; i < plan->mapping_count; i++) {
        const struct plan_mapping *entry = &plan->mappings[i];
        for (uint32_t f = 0; f < entry->mapping->field_count; f++) {
            for (uint32_t k = 0; k < entry->fields[f].path_count; k++) {
                struct json_path *path = &json->paths[entry->fields[f].first_path + k];
                /* Inside `each` a path starts at the element, unless it says ^. */
                if ((entry->each_count == 0 || path->is_from_record) && path->step_count > 0
                    && path->steps[0].kind == JSON_MEMBER)
                    path->slot = key_add(&json->keys, path->steps[0].name);
                else if (entry->may_be_self && path->step_count > 0 && path->steps[0].kind == JSON_MEMBER)
                    path->self_slot = key_add(&json->keys, path->steps[0].name);
            }
            const struct json_path *first = &json->paths[entry->fields[f].first_path];
            entry->fields[f].member = entry->fields[f].path_count == 1 && first->step_count == 1 ? first->slot : -1;
        }
    }
    return make_literals(&json->keys, &plan->arena, err);
}

/* A field tells the type where its one path is the member that tells it: the record's, or in FHIR the element's, which may be a resource
 * (`"each": ["contained", "."]`). */
static bool
is_type_field(const struct type_field_query *query, uint32_t field_index)
{
    struct json_plan          *json  = query->plan->json;
    const struct plan_mapping *entry = &query->plan->mappings[query->mapping_index];
    const struct plan_field   *field = &entry->fields[field_index];
    const struct json_path    *path  = &json->paths[field->first_path];

    return field->path_count == 1 && path->step_count == 1 && (path->slot >= 0 || entry->is_element_typed)
           && path->steps[0].kind == JSON_MEMBER && str_equal(path->steps[0].name, json->type_name);
}

/* FHIR: whether the rows of the mapping have types of their own, and whether it reads entries without a resource. */
static void
mark_fhir(struct decode_plan *plan, struct plan_mapping *entry)
{
    const struct json_plan *json = plan->json;

    for (uint32_t f = 0; f < entry->mapping->field_count; f++) {
        const struct plan_field *field = &entry->fields[f];
        for (uint32_t k = 0; k < field->path_count; k++) {
            const struct json_path *path = &json->paths[field->first_path + k];
            entry->reads_entries         = entry->reads_entries || path->pseudo == PSEUDO_METHOD;
            if (entry->each_count > 0 && field->path_count == 1 && path->step_count == 1 && !path->is_from_record
                && path->steps[0].kind == JSON_MEMBER && str_equal(path->steps[0].name, json->type_name))
                entry->is_element_typed = true;
        }
    }
}

enum status
json_compile(struct decode_plan *plan, struct plan_errors *errors, struct error *err)
{
    uint32_t path_count = 0;
    uint32_t each_count = 0;

    for (uint32_t i = 0; i < plan->mapping_count; i++) {
        const struct mapping *mapping = plan->mappings[i].mapping;
        each_count += mapping->each_count;
        for (uint32_t f = 0; f < mapping->field_count; f++)
            path_count += mapping->fields[f].path_count;
    }
    plan->json = ARENA_NEW(&plan->arena, struct json_plan);
    if (plan->json == NULL)
        return error_no_memory(err);
    plan->json->type_name = plan->kind->format == MODEL_FHIR_R4 ? STR("resourceType") : STR("type");
    plan->json->type_slot = -1;
    plan->json->paths     = ARENA_ARRAY(&plan->arena, struct json_path, path_count);
    plan->json->each      = ARENA_ARRAY(&plan->arena, struct json_path, each_count);
    if (plan->json->paths == NULL || plan->json->each == NULL)
        return error_no_memory(err);
    if (parse_all(plan, errors, err) != ST_OK || make_keys(plan, err) != ST_OK || json_nodes_compile(plan, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t i = 0; i < plan->mapping_count && plan->kind->format == MODEL_FHIR_R4; i++)
        mark_fhir(plan, &plan->mappings[i]);
    if (plan_dispatch(plan, is_type_field, err) != ST_OK)
        return ST_ERROR;
    if (plan->dispatch_count > 0)
        plan->json->type_slot = json_key_find(&plan->json->keys, plan->json->type_name.data, plan->json->type_name.size);
    return ST_OK;
}
