/* From yyjson's values to rows: paths are followed, elements of `each` make a row each. Shared by all formats that are JSON. */
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "format/json_int.h"

/* ---- Values ---- */

bool
json_scalar_text(yyjson_val *value, struct str *ret_text, bool *ret_is_shape)
{
    *ret_is_shape = false;
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_STR: *ret_text = str_of(yyjson_get_str(value), yyjson_get_len(value)); return true;
    case YYJSON_TYPE_RAW: *ret_text = str_of(yyjson_get_raw(value), yyjson_get_len(value)); return true;
    case YYJSON_TYPE_BOOL: *ret_text = yyjson_get_bool(value) ? STR("true") : STR("false"); return true;
    case YYJSON_TYPE_ARR:
    case YYJSON_TYPE_OBJ: *ret_is_shape = true; return false;
    default: return false;
    }
}

yyjson_val *
json_member(yyjson_val *object, struct str name)
{
    yyjson_val *found = NULL;

    if (!yyjson_is_obj(object))
        return NULL;
    yyjson_val *key = unsafe_yyjson_get_first(object);
    for (size_t count = unsafe_yyjson_get_len(object); count > 0; count--, key = unsafe_yyjson_get_next(key + 1)) {
        if (json_key_equal(&name, unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key)))
            found = key + 1; /* A member's value stands behind its key. */
    }
    return found;
}

/* Whether what the name's parts from `part` on lead to from the object is the text; of an array on the way any element may be. */
static bool
is_match(yyjson_val *value, const struct json_step *step, uint32_t part)
{
    yyjson_val *member   = json_member(value, step->parts[part]);
    struct str  found    = STR_EMPTY;
    bool        is_shape = false;

    if (part + 1 == step->part_count)
        return json_scalar_text(member, &found, &is_shape) && str_equal(found, step->text);
    if (!yyjson_is_arr(member))
        return is_match(member, step, part + 1);
    yyjson_arr_iter iter    = yyjson_arr_iter_with(member);
    yyjson_val     *element = NULL;
    while ((element = yyjson_arr_iter_next(&iter)) != NULL) {
        if (is_match(element, step, part + 1))
            return true;
    }
    return false;
}

yyjson_val *
json_step_follow(const struct json_step *step, yyjson_val *value)
{
    if (step->kind == JSON_MEMBER)
        return yyjson_is_obj(value) ? json_member(value, step->name) : NULL;
    if (!yyjson_is_arr(value))
        return NULL;
    if (step->kind == JSON_INDEX)
        return yyjson_arr_get(value, step->index);

    yyjson_arr_iter iter    = yyjson_arr_iter_with(value);
    yyjson_val     *element = NULL;
    while ((element = yyjson_arr_iter_next(&iter)) != NULL) {
        if (is_match(element, step, 0))
            return element;
    }
    return NULL;
}

static enum status
join_text(struct json_state *json, struct str text, struct error *err)
{
    size_t comma  = json->joined_size > 0 ? 1 : 0;
    void  *joined = json->joined;

    if (text.size == 0)
        return ST_OK;
    if (scratch_grow(&joined, &json->joined_capacity, json->joined_size + comma + text.size, 1, err) != ST_OK)
        return ST_ERROR;
    json->joined = joined;
    if (comma != 0)
        json->joined[json->joined_size++] = ',';
    memcpy(json->joined + json->joined_size, text.data, text.size);
    json->joined_size += text.size;
    return ST_OK;
}

/* Follows steps[from..] and joins the texts of all values that a [*] leads to. Recursion is bounded by the path. */
static enum status
join_all(struct json_state *json, const struct json_path *path, uint32_t from, yyjson_val *value, bool *is_shape,
         struct error *err)
{
    for (uint32_t i = from; i < path->step_count && value != NULL; i++) {
        if (path->steps[i].kind != JSON_ALL) {
            value = json_step_follow(&path->steps[i], value);
            continue;
        }
        yyjson_arr_iter iter    = yyjson_arr_iter_with(value);
        yyjson_val     *element = NULL;
        while (yyjson_is_arr(value) && (element = yyjson_arr_iter_next(&iter)) != NULL) {
            if (join_all(json, path, i + 1, element, is_shape, err) != ST_OK)
                return ST_ERROR;
        }
        return ST_OK;
    }

    struct str text     = STR_EMPTY;
    bool       is_wrong = false;
    if (json_scalar_text(value, &text, &is_wrong))
        return join_text(json, text, err);
    *is_shape = *is_shape || is_wrong;
    return ST_OK;
}

/* FHIR. The id of a contained resource is an element's, the rest is the record's. */
static struct str
pseudo_text(const struct json_state *json, enum json_pseudo pseudo, yyjson_val *element)
{
    struct str text     = json->pseudo[pseudo];
    bool       is_shape = false;

    if (pseudo == PSEUDO_CONTAINED && json->is_in_contained)
        (void)json_scalar_text(json_member(element, STR("id")), &text, &is_shape);
    return text;
}

/* The text at the end of a path from the record or the element. */
static enum status
path_text(struct json_state *json, const struct json_plan *plan, uint32_t path_index, bool is_self, struct str *ret_text,
          enum value_life *ret_life, bool *is_shape, struct error *err)
{
    const struct json_path *path = &plan->paths[path_index];

    *ret_text = STR_EMPTY;
    *ret_life = LIFE_TEXT;
    if (path->pseudo != PSEUDO_NONE) {
        *ret_text = pseudo_text(json, path->pseudo, json->element);
        *ret_life = LIFE_CALL;
        return ST_OK;
    }
    yyjson_val *value = json_probe_value(json, plan->nodes, &plan->probes[path_index], is_self);
    if (path->has_all) {
        json->joined_size = 0;
        if (join_all(json, path, path->node_steps, value, is_shape, err) != ST_OK)
            return ST_ERROR;
        *ret_text = str_of(json->joined, json->joined_size);
        *ret_life = LIFE_CALL;
        return ST_OK;
    }
    bool is_wrong = false;
    if (!json_scalar_text(value, ret_text, &is_wrong))
        *is_shape = *is_shape || is_wrong;
    return ST_OK;
}

/* ---- Rows ---- */

/* The first text among the field's paths. */
static enum status
set_field(struct decoder *decoder, uint32_t mapping_index, uint32_t field_index, bool is_self, struct error *err)
{
    const struct json_plan  *plan     = decoder->plan->json;
    const struct plan_field *field    = &decoder->plan->mappings[mapping_index].fields[field_index];
    struct str               text     = STR_EMPTY;
    enum value_life          life     = LIFE_TEXT;
    bool                     is_shape = false;

    for (uint32_t k = 0; k < field->path_count && text.size == 0; k++) {
        if (path_text(decoder->json, plan, field->first_path + k, is_self, &text, &life, &is_shape, err) != ST_OK)
            return ST_ERROR;
    }
    if (row_set(decoder, &decoder->chunks[mapping_index], field_index, text, life, err) != ST_OK)
        return ST_ERROR;
    if (!is_shape || text.size > 0)
        return ST_OK;
    return decoder_note(decoder, NOTE_WRONG_SHAPE, (int32_t)mapping_index, (int32_t)field_index,
                        "an object or array where one value was expected", err);
}

/* The field's text where it is the text or number of a member, or of nothing that is there: nearly always. False: ask set_field. */
static bool
quick_text(struct json_state *json, const struct json_plan *plan, const struct plan_field *field, bool is_self, struct str *ret_text)
{
    const struct json_probe *probe = &plan->probes[field->first_path];

    for (uint32_t left = field->path_count; left > 0; left--, probe++) {
        if (probe->pseudo != PSEUDO_NONE) {
            if (json->pseudo[probe->pseudo].size > 0 || json->is_in_contained)
                return false;
            continue;
        }
        yyjson_val *value = json_probe_value(json, plan->nodes, probe, is_self);
        if (value == NULL)
            continue;
        yyjson_type type = unsafe_yyjson_get_type(value);
        *ret_text        = str_of(unsafe_yyjson_get_str(value), unsafe_yyjson_get_len(value));
        return !probe->has_all && (type == YYJSON_TYPE_STR || type == YYJSON_TYPE_RAW) && ret_text->size > 0;
    }
    return true;
}

/* The fields of a flat record, whose paths all begin with a member of it. */
static enum status
set_flat_fields(struct decoder *decoder, uint32_t mapping_index, struct error *err)
{
    const struct plan_mapping *entry = &decoder->plan->mappings[mapping_index];
    const struct plan_field   *field = entry->fields;
    yyjson_val *const         *slots = decoder->json->slots;
    struct chunk              *chunk = &decoder->chunks[mapping_index];
    struct column             *to    = &chunk->columns[RAW_FIELD_OFFSET];
    uint32_t                   row   = chunk->row_count;

    for (uint32_t f = 0, count = entry->mapping->field_count; f < count; f++, field++, to++) {
        /* Nearly every field: a member that is not there, or has text. */
        if (field->member >= 0) {
            yyjson_val *value = slots[field->member];
            yyjson_type type  = value != NULL ? unsafe_yyjson_get_type(value) : YYJSON_TYPE_NONE;
            struct str  text  = STR_EMPTY;
            if (type == YYJSON_TYPE_STR || type == YYJSON_TYPE_RAW)
                text = str_of(unsafe_yyjson_get_str(value), unsafe_yyjson_get_len(value));
            if ((text.size > 0 || value == NULL) && row_put(to, row, text, true))
                continue;
        }
        if (set_field(decoder, mapping_index, f, false, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

static enum status
set_fields(struct decoder *decoder, uint32_t mapping_index, bool is_self, struct error *err)
{
    const struct plan_mapping *entry = &decoder->plan->mappings[mapping_index];
    const struct plan_field   *field = entry->fields;
    struct chunk              *chunk = &decoder->chunks[mapping_index];
    struct column             *to    = &chunk->columns[RAW_FIELD_OFFSET];
    uint32_t                   row   = chunk->row_count;

    for (uint32_t f = 0, count = entry->mapping->field_count; f < count; f++, field++, to++) {
        struct str text = STR_EMPTY;
        if (quick_text(decoder->json, decoder->plan->json, field, is_self, &text) && row_put(to, row, text, true))
            continue;
        if (set_field(decoder, mapping_index, f, is_self, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

static enum status
make_row(struct decoder *decoder, uint32_t mapping_index, yyjson_val *element, uint32_t row_number, struct error *err)
{
    struct json_state *json   = decoder->json;
    bool               is_self = decoder->plan->mappings[mapping_index].may_be_self && element == json->root;
    enum status        status  = ST_OK;

    json->element    = element;
    json->numbers[1] = ++json->number;
    status = json->root == NULL ? set_flat_fields(decoder, mapping_index, err) : set_fields(decoder, mapping_index, is_self, err);
    return status == ST_OK ? row_end(decoder, mapping_index, row_number, err) : status;
}

/* The row of one element, unless its type is not for the mapping. */
static enum status
make_element_row(struct decoder *decoder, uint32_t mapping_index, yyjson_val *element, uint32_t *row_number, struct error *err)
{
    const struct plan_mapping *entry = &decoder->plan->mappings[mapping_index];
    struct str                 type  = STR_EMPTY;
    uint32_t                   begin = 0, end = 0;
    bool                       is_shape = false;

    if (entry->is_dispatched && entry->is_element_typed) {
        if (json_scalar_text(json_member(element, decoder->plan->json->type_name), &type, &is_shape))
            dispatch_find(decoder->plan, type, &begin, &end);
        while (begin < end && decoder->plan->dispatch[begin].mapping_index != mapping_index)
            begin++;
        if (begin == end)
            return ST_OK;
    }
    return make_row(decoder, mapping_index, element, (*row_number)++, err);
}

/* The rows of one mapping: the record, or the elements of each of its `each`. */
static enum status
make_rows(struct decoder *decoder, uint32_t mapping_index, struct error *err)
{
    const struct plan_mapping *entry      = &decoder->plan->mappings[mapping_index];
    struct json_state         *json       = decoder->json;
    uint32_t                   row_number = 0;

    if (json->is_deletion && !entry->reads_entries)
        return ST_OK;
    if (entry->each_count == 0 || json->is_deletion)
        return make_row(decoder, mapping_index, json->root, 0, err);
    for (uint32_t i = 0; i < entry->each_count; i++) {
        const struct json_path *path  = &decoder->plan->json->each[entry->first_each + i];
        yyjson_val             *value = path->slot >= 0 ? json->slots[path->slot] : json->root;

        json->is_in_contained = path->step_count == 1 && str_equal(path->steps[0].name, STR("contained"));
        for (uint32_t k = path->slot >= 0 ? 1 : 0; k < path->step_count && value != NULL; k++)
            value = json_step_follow(&path->steps[k], value);
        if (yyjson_is_obj(value)) {
            if (make_element_row(decoder, mapping_index, value, &row_number, err) != ST_OK)
                return ST_ERROR;
            continue;
        }
        yyjson_arr_iter iter    = yyjson_arr_iter_with(value);
        yyjson_val     *element = NULL;
        while (yyjson_is_arr(value) && (element = yyjson_arr_iter_next(&iter)) != NULL) {
            if (make_element_row(decoder, mapping_index, element, &row_number, err) != ST_OK)
                return ST_ERROR;
        }
    }
    json->is_in_contained = false;
    return ST_OK;
}

/* Mappings whose rows may be of contained resources are asked whenever the record has some. */
static bool
reads_contained(const struct decoder *decoder, const struct plan_mapping *entry)
{
    return entry->is_element_typed && decoder->json->slots[decoder->plan->json->contained_slot] != NULL;
}

enum status
json_rows_of_mappings(struct decoder *decoder, uint32_t begin, uint32_t end, struct error *err)
{
    const struct decode_plan *plan = decoder->plan;
    bool                      is_simple = !plan->has_catch_all
                     && (plan->kind->format != MODEL_FHIR_R4 || decoder->json->slots[plan->json->contained_slot] == NULL);

    decoder->json->numbers[0] = ++decoder->json->number;
    for (; is_simple && begin < end; begin++)
        if (make_rows(decoder, plan->dispatch[begin].mapping_index, err) != ST_OK)
            return ST_ERROR;
    for (uint32_t i = 0; !is_simple && i < plan->mapping_count; i++) {
        const struct plan_mapping *entry     = &plan->mappings[i];
        bool                       is_wanted = !entry->is_dispatched || reads_contained(decoder, entry);
        if (begin < end && plan->dispatch[begin].mapping_index == i) {
            is_wanted = true;
            begin++;
        }
        if (is_wanted && make_rows(decoder, i, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}
