/* JSON lines to rows: a record a line.
 *
 * A line that is one flat object is read where it lies (json_flat.c). Of all others yyjson parses a copy in place; texts of the
 * rows point into that copy, which lives in the decoder's text arena until no row waits. The members of the record that some path
 * begins with are found in one walk over its keys; of a member that stands twice, the last one counts, as in most readers. Numbers
 * keep their text. */
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "format/json_int.h"

static const yyjson_read_flag READ_FLAGS = YYJSON_READ_INSITU | YYJSON_READ_NUMBER_AS_RAW;

/* Pool size to begin with: a line of 2 KB. */
#define POOL_SIZE_FIRST (32u << 10)

static enum status
json_open(struct decoder *decoder, struct error *err)
{
    const size_t       slot_count = (size_t)decoder->plan->json->keys.count + 1;
    struct json_state *json       = memory_alloc_zero(sizeof *json);
    if (json == NULL)
        return error_no_memory(err);
    decoder->json   = json;
    json->slots     = memory_alloc_array(slot_count, sizeof(yyjson_val *));
    json->flat      = memory_alloc_array(slot_count, sizeof(yyjson_val));
    json->follows   = memory_alloc_array_zero(slot_count, sizeof(uint16_t));
    json->may_be_flat = json_plan_may_be_flat(decoder->plan);
    json->pool      = memory_alloc(POOL_SIZE_FIRST);
    json->pool_size = POOL_SIZE_FIRST;
    return json->slots == NULL || json->flat == NULL || json->follows == NULL || json->pool == NULL ? error_no_memory(err) : ST_OK;
}

static void
json_reset(struct decoder *decoder)
{
    (void)decoder;
}

static void
json_close(struct decoder *decoder)
{
    if (decoder->json == NULL)
        return;
    memory_free(decoder->json->slots);
    memory_free(decoder->json->flat);
    memory_free(decoder->json->follows);
    memory_free(decoder->json->pool);
    memory_free(decoder->json->joined);
    memory_free(decoder->json);
}

/* ---- Lines ---- */

static bool
is_blank(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != ' ' && bytes[i] != '\t' && bytes[i] != '\r')
            return false;
    }
    return true;
}

/* The line at `at`: its size without the line feed. False: it is not whole. */
static bool
find_line(const char *bytes, size_t at, size_t size, size_t size_max, bool is_last, size_t *ret_size, bool *ret_is_ended)
{
    size_t      seen = size - at > size_max ? size_max + 1 : size - at;
    const char *feed = memchr(bytes + at, '\n', seen);

    *ret_is_ended = feed != NULL;
    *ret_size     = feed != NULL ? (size_t)(feed - bytes) - at : seen;
    return feed != NULL || seen > size_max || is_last;
}

static enum status
json_frame(struct decoder *decoder, const char *bytes, size_t begin, size_t size, int64_t position, bool is_last,
           struct frame *ret_frame, struct error *err)
{
    size_t       size_max = decoder->plan->record_size_max;
    struct frame frame    = { .kind = FRAME_BETWEEN };
    size_t       at       = begin;
    (void)err;

    if (position + (int64_t)begin == 0 && size - begin >= 3 && memcmp(bytes + begin, "\xEF\xBB\xBF", 3) == 0)
        at += 3;
    while (at < size) {
        size_t line_size = 0;
        bool   is_ended  = false;
        if (!find_line(bytes, at, size, size_max, is_last, &line_size, &is_ended)) {
            frame.kind = FRAME_MORE;
            break;
        }
        if (line_size > size_max) {
            frame.kind   = FRAME_TOO_LARGE;
            frame.detail = "the line is longer than the limit";
            break;
        }
        if (bytes[at] == '{' || !is_blank(bytes + at, line_size)) {
            size_t ends = is_ended ? 1 : 0;
            if (bytes[at + line_size - 1] == '\r') {
                line_size--;
                ends++;
            }
            frame.kind                = FRAME_RECORD;
            frame.size                = line_size;
            frame.after               = ends;
            decoder->json->is_unended = !is_ended;
            break;
        }
        at += line_size + (is_ended ? 1 : 0);
    }
    frame.before = at - begin;
    *ret_frame   = frame;
    return ST_OK;
}

static size_t
json_skip(struct decoder *decoder, const char *bytes, size_t begin, size_t size, bool is_last, bool *ret_is_end)
{
    const char *feed = memchr(bytes + begin, '\n', size - begin);
    (void)decoder;
    (void)is_last;

    *ret_is_end = feed != NULL;
    return feed != NULL ? (size_t)(feed - bytes) - begin : size - begin;
}

static enum status
json_split(const struct decode_plan *plan, const struct decode_layout *layout, struct str bytes, int64_t position,
           bool is_last, size_t place, size_t *ret_end, struct error *err)
{
    const char *feed = memchr(bytes.data + place - 1, '\n', bytes.size - place + 1);
    (void)plan;
    (void)layout;
    (void)position;
    (void)is_last;
    (void)err;

    *ret_end = feed != NULL ? (size_t)(feed - bytes.data) + 1 : 0;
    return ST_OK;
}

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

static yyjson_val *
last_member(yyjson_val *object, struct str name)
{
    yyjson_obj_iter iter  = yyjson_obj_iter_with(object);
    yyjson_val     *found = NULL;
    yyjson_val     *key   = NULL;

    while ((key = yyjson_obj_iter_next(&iter)) != NULL) {
        if (yyjson_equals_strn(key, name.data, name.size))
            found = yyjson_obj_iter_get_val(key);
    }
    return found;
}

yyjson_val *
json_step_follow(const struct json_step *step, yyjson_val *value)
{
    if (step->kind == JSON_MEMBER)
        return yyjson_is_obj(value) ? last_member(value, step->name) : NULL;
    if (!yyjson_is_arr(value))
        return NULL;
    if (step->kind == JSON_INDEX)
        return yyjson_arr_get(value, step->index);

    yyjson_arr_iter iter    = yyjson_arr_iter_with(value);
    yyjson_val     *element = NULL;
    while ((element = yyjson_arr_iter_next(&iter)) != NULL) {
        struct str text     = STR_EMPTY;
        bool       is_shape = false;
        if (yyjson_is_obj(element) && json_scalar_text(last_member(element, step->name), &text, &is_shape)
            && str_equal(text, step->text))
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

/* The text at the end of a path from the record or the element. */
static enum status
path_text(struct json_state *json, const struct json_path *path, yyjson_val *element, struct str *ret_text,
          enum value_life *ret_life, bool *is_shape, struct error *err)
{
    yyjson_val *value = path->slot >= 0 ? json->slots[path->slot] : path->is_from_record ? json->root : element;
    uint32_t    from  = path->slot >= 0 ? 1 : 0;

    *ret_text = STR_EMPTY;
    *ret_life = LIFE_TEXT;
    if (path->has_all) {
        json->joined_size = 0;
        if (join_all(json, path, from, value, is_shape, err) != ST_OK)
            return ST_ERROR;
        *ret_text = str_of(json->joined, json->joined_size);
        *ret_life = LIFE_CALL;
        return ST_OK;
    }
    for (uint32_t i = from; i < path->step_count && value != NULL; i++)
        value = json_step_follow(&path->steps[i], value);

    bool is_wrong = false;
    if (!json_scalar_text(value, ret_text, &is_wrong))
        *is_shape = *is_shape || is_wrong;
    return ST_OK;
}

/* ---- Rows ---- */

/* The first text among the field's paths. */
static enum status
set_field(struct decoder *decoder, uint32_t mapping_index, uint32_t field_index, yyjson_val *element, struct error *err)
{
    const struct json_plan  *plan     = decoder->plan->json;
    const struct plan_field *field    = &decoder->plan->mappings[mapping_index].fields[field_index];
    struct str               text     = STR_EMPTY;
    enum value_life          life     = LIFE_TEXT;
    bool                     is_shape = false;

    for (uint32_t k = 0; k < field->path_count && text.size == 0; k++) {
        if (path_text(decoder->json, &plan->paths[field->first_path + k], element, &text, &life, &is_shape, err)
            != ST_OK)
            return ST_ERROR;
    }
    if (row_set(decoder, &decoder->chunks[mapping_index], field_index, text, life, err) != ST_OK)
        return ST_ERROR;
    if (!is_shape || text.size > 0)
        return ST_OK;
    return decoder_note(decoder, NOTE_WRONG_SHAPE, (int32_t)mapping_index, (int32_t)field_index,
                        "an object or array where one value was expected", err);
}

static enum status
make_row(struct decoder *decoder, uint32_t mapping_index, yyjson_val *element, uint32_t row_number, struct error *err)
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
        if (set_field(decoder, mapping_index, f, element, err) != ST_OK)
            return ST_ERROR;
    }
    return row_end(decoder, mapping_index, row_number, err);
}

/* The rows of one mapping: the record, or the elements of each of its `each`. */
static enum status
make_rows(struct decoder *decoder, uint32_t mapping_index, struct error *err)
{
    const struct plan_mapping *entry      = &decoder->plan->mappings[mapping_index];
    struct json_state         *json       = decoder->json;
    uint32_t                   row_number = 0;

    if (entry->each_count == 0)
        return make_row(decoder, mapping_index, json->root, 0, err);
    for (uint32_t i = 0; i < entry->each_count; i++) {
        const struct json_path *path  = &decoder->plan->json->each[entry->first_each + i];
        yyjson_val             *value = path->slot >= 0 ? json->slots[path->slot] : json->root;

        for (uint32_t k = path->slot >= 0 ? 1 : 0; k < path->step_count && value != NULL; k++)
            value = json_step_follow(&path->steps[k], value);
        if (yyjson_is_obj(value)) {
            if (make_row(decoder, mapping_index, value, row_number++, err) != ST_OK)
                return ST_ERROR;
            continue;
        }
        yyjson_arr_iter iter    = yyjson_arr_iter_with(value);
        yyjson_val     *element = NULL;
        while (yyjson_is_arr(value) && (element = yyjson_arr_iter_next(&iter)) != NULL) {
            if (make_row(decoder, mapping_index, element, row_number++, err) != ST_OK)
                return ST_ERROR;
        }
    }
    return ST_OK;
}

/* Of the mappings in plan->dispatch[begin, end) and of those that read every record, in the order of the plan: what is taken from one record
 * does not change its order where a full chunk comes between. */
static enum status
make_rows_of_mappings(struct decoder *decoder, uint32_t begin, uint32_t end, struct error *err)
{
    const struct decode_plan *plan = decoder->plan;

    for (uint32_t i = 0; i < plan->mapping_count && plan->has_catch_all; i++) {
        if (plan->mappings[i].is_dispatched)
            continue;
        for (; begin < end && plan->dispatch[begin].mapping_index < i; begin++) {
            if (make_rows(decoder, plan->dispatch[begin].mapping_index, err) != ST_OK)
                return ST_ERROR;
        }
        if (make_rows(decoder, i, err) != ST_OK)
            return ST_ERROR;
    }
    for (; begin < end; begin++) {
        if (make_rows(decoder, plan->dispatch[begin].mapping_index, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

static enum status
make_rows_of_type(struct decoder *decoder, struct str record, struct error *err)
{
    const struct decode_plan *plan      = decoder->plan;
    int32_t                   type_slot = plan->json->type_slot;
    struct str                type      = STR_EMPTY;
    bool                      is_shape  = false;
    uint32_t                  begin     = 0;
    uint32_t                  end       = 0;

    if (type_slot >= 0) {
        bool has_type = json_scalar_text(decoder->json->slots[type_slot], &type, &is_shape) && type.size > 0;
        if (has_type)
            dispatch_find(plan, type, &begin, &end);
        if (begin == end && !plan->has_catch_all)
            return decoder_outcome(decoder, has_type ? DECODE_UNKNOWN_TYPE : DECODE_MALFORMED, record,
                                   has_type ? "no mapping reads this type" : "the record has no type", err);
    }
    return make_rows_of_mappings(decoder, begin, end, err);
}

/* ---- The record ---- */

/* Whether containers lie at most JSON_DEPTH_MAX deep in a line that was parsed. */
static bool
depth_is_bounded(struct str line)
{
    unsigned depth     = 0;
    bool     is_quoted = false;

    for (size_t i = 0; i < line.size; i++) {
        char c = line.data[i];
        if (is_quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                is_quoted = false;
        } else if (c == '"') {
            is_quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_DEPTH_MAX)
                return false;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return true;
}

/* A copy of the line that lives until no row waits, with room behind it for yyjson. NULL: no memory. */
static char *
copy_line(struct decoder *decoder, struct str line)
{
    char *copy = arena_alloc(&decoder->text_arena, line.size + YYJSON_PADDING_SIZE, 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, line.data, line.size);
    memset(copy + line.size, 0, YYJSON_PADDING_SIZE);
    return copy;
}

/* Parses a copy of the line. *ret_root NULL: it is no JSON, *ret_read says why. */
static enum status
parse_line(struct json_state *json, char *copy, size_t size, yyjson_doc **ret_doc, yyjson_read_err *ret_read, struct error *err)
{
    size_t     needed = yyjson_read_max_memory_usage(size, READ_FLAGS) + sizeof(yyjson_alc) * 8;
    yyjson_alc allocator;

    if (needed > json->pool_size) {
        size_t larger = json->pool_size;
        while (larger < needed)
            larger *= 2;
        char *pool = memory_alloc(larger);
        if (pool == NULL)
            return error_no_memory(err);
        memory_free(json->pool);
        json->pool      = pool;
        json->pool_size = larger;
    }
    if (!yyjson_alc_pool_init(&allocator, json->pool, json->pool_size))
        return error_set(err, ERR_INTERNAL, "no pool for a JSON line of %zu bytes", size);
    *ret_doc = yyjson_read_opts(copy, size, READ_FLAGS, &allocator, ret_read);
    return ST_OK;
}

static enum status
refuse_line(struct decoder *decoder, struct str line, const yyjson_read_err *read, struct error *err)
{
    size_t valid = utf8_valid_prefix(line);
    if (valid < line.size)
        return decoder_outcome(decoder, DECODE_BAD_ENCODING, line,
                               decoder_detail(decoder, "byte %zu of the line is not UTF-8", valid), err);
    /* The pool is enough for any JSON of the line's size. What takes more opens what it has no room left to close, such as
     * a line of brackets: the line's fault, which must not end the leg. */
    if (read->code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return decoder_outcome(decoder, DECODE_MALFORMED, line, "no JSON: more is opened than the line could close", err);
    /* yyjson's messages are fixed texts; they quote nothing of the line. */
    bool is_cut = read->code == YYJSON_READ_ERROR_UNEXPECTED_END && decoder->json->is_unended;
    return decoder_outcome(decoder, is_cut ? DECODE_TRUNCATED : DECODE_MALFORMED, line,
                           decoder_detail(decoder, "no JSON at byte %zu of the line: %s", read->pos,
                                          read->msg != NULL ? read->msg : "?"),
                           err);
}

/* Fills the slots from the members of the root. */
static void
find_members(struct json_state *json, const struct json_keys *keys)
{
    /* The root is an object, as its caller knows, and a document's keys and values are what yyjson made them: the calls that
     * ask again are not needed. */
    yyjson_val *key          = unsafe_yyjson_get_first(json->root);
    size_t      member_count = unsafe_yyjson_get_len(json->root);
    uint32_t    slot         = keys->count;

    memset(json->slots, 0, keys->count * sizeof json->slots[0]);
    for (size_t n = 0; n < member_count && keys->count > 0; n++, key = unsafe_yyjson_get_next(key + 1)) {
        slot = json_member_slot(json, keys, slot, unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key));
        json->slots[slot] = key + 1; /* A member's value stands behind its key. */
    }
}

static enum status
json_decode(struct decoder *decoder, struct str record, int64_t position, struct error *err)
{
    struct json_state      *json = decoder->json;
    const struct json_keys *keys = &decoder->plan->json->keys;
    yyjson_doc             *doc  = NULL;
    yyjson_read_err         read = { 0 };
    char                   *copy = NULL;
    (void)position;

    /* Where rows are handed over before the input goes, texts may point into it. */
    if (!decoder->options.is_borrowing && (copy = copy_line(decoder, record)) == NULL)
        return error_no_memory(err);
    if (json->may_be_flat && json_flat_read(json, keys, copy == NULL ? record : str_of(copy, record.size)))
        return make_rows_of_type(decoder, record, err);
    if (copy == NULL && (copy = copy_line(decoder, record)) == NULL)
        return error_no_memory(err);
    if (parse_line(json, copy, record.size, &doc, &read, err) != ST_OK)
        return ST_ERROR;
    if (doc == NULL)
        return refuse_line(decoder, record, &read, err);
    json->root = yyjson_doc_get_root(doc);
    if (!yyjson_is_obj(json->root))
        return decoder_outcome(decoder, DECODE_MALFORMED, record, "the line is no JSON object", err);
    if (yyjson_doc_get_val_count(doc) > JSON_DEPTH_MAX && !depth_is_bounded(record))
        return decoder_outcome(decoder, DECODE_MALFORMED, record, "the line is nested too deeply", err);

    find_members(json, keys);
    return make_rows_of_type(decoder, record, err);
}

const struct format_kind JSON_KIND = {
    .format = MODEL_JSON,
    .record_size_max = FORMAT_JSON_RECORD_SIZE_MAX,
    .compile = json_compile,
    .open = json_open,
    .reset = json_reset,
    .close = json_close,
    .frame = json_frame,
    .decode = json_decode,
    .skip = json_skip,
    .split = json_split,
};
