/* FHIR R4 to rows: a record a resource. fhir_walk.c finds it, json_read.c reads it, json_rows.c makes its rows. */
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "format/fhir_int.h"

static void
fhir_reset(struct decoder *decoder)
{
    decoder->fhir->walk = (struct fhir_walk){ .line_end = -1 };
}

static enum status
fhir_open(struct decoder *decoder, struct error *err)
{
    decoder->fhir = memory_alloc_zero(sizeof *decoder->fhir);
    if (decoder->fhir == NULL)
        return error_no_memory(err);
    fhir_reset(decoder);
    return json_open(decoder, err);
}

static void
fhir_close(struct decoder *decoder)
{
    json_close(decoder);
    memory_free(decoder->fhir);
}

static enum status
note_unended(struct decoder *decoder, struct error *err)
{
    if (!decoder->fhir->walk.is_unended)
        return ST_OK;
    decoder->fhir->walk.is_unended = false;
    return decoder_note(decoder, NOTE_UNENDED_BUNDLE, -1, -1, "a bundle has no end behind its last entry", err);
}

static struct fhir_source
source_of(const struct decoder *decoder, const char *bytes, size_t size, int64_t position, bool is_last)
{
    return (struct fhir_source){ .bytes = bytes, .size = size, .position = position, .is_last = is_last,
                                 .is_document = decoder->layout->is_document, .record_size_max = decoder->plan->record_size_max };
}

static enum status
fhir_frame(struct decoder *decoder, const char *bytes, size_t begin, size_t size, int64_t position, bool is_last,
           struct frame *ret_frame, struct error *err)
{
    const struct fhir_source source = source_of(decoder, bytes, size, position, is_last);

    fhir_walk_next(&decoder->fhir->walk, &source, begin, ret_frame);
    decoder->json->is_unended = begin + ret_frame->before + ret_frame->size == size;
    return ret_frame->kind == FRAME_RECORD ? ST_OK : note_unended(decoder, err);
}

static size_t
fhir_skip(struct decoder *decoder, const char *bytes, size_t begin, size_t size, int64_t position, bool is_last, bool *ret_is_end)
{
    const struct fhir_source source = source_of(decoder, bytes, size, position, is_last);

    return fhir_walk_pass(&decoder->fhir->walk, &source, begin, ret_is_end);
}

/* Lines may be decoded side by side, a document is one value. */
static enum status
fhir_split(const struct decode_plan *plan, const struct decode_layout *layout, struct str bytes, int64_t position, bool is_last,
           size_t place, size_t *ret_end, struct error *err)
{
    return layout->is_document ? ST_OK : JSON_KIND.split(plan, layout, bytes, position, is_last, place, ret_end, err);
}

/* ---- The record ---- */

/* The text that stands between quotes as written; the few that have escapes are unescaped by yyjson. */
static enum status
unescape(struct decoder *decoder, struct str written, struct str *ret_text, struct error *err)
{
    *ret_text = written;
    if (written.size == 0 || memchr(written.data, '\\', written.size) == NULL)
        return ST_OK;

    struct str      quoted = str_of(written.data - 1, written.size + 2);
    char           *copy   = json_copy(decoder, quoted);
    yyjson_doc     *doc    = NULL;
    yyjson_read_err read   = { 0 };
    if (copy == NULL)
        return error_no_memory(err);
    if (json_tree(decoder->json, copy, quoted.size, &doc, &read, err) != ST_OK)
        return ST_ERROR;
    yyjson_val *value = doc == NULL ? NULL : yyjson_doc_get_root(doc);
    *ret_text         = value == NULL ? STR_EMPTY : str_of(yyjson_get_str(value), yyjson_get_len(value));
    return ST_OK;
}

static enum status
set_pseudo(struct decoder *decoder, struct error *err)
{
    const struct fhir_walk *walk   = &decoder->fhir->walk;
    struct str             *pseudo = decoder->json->pseudo;

    memset(pseudo, 0, PSEUDO_COUNT * sizeof *pseudo);
    if (walk->bundle_count > 0) {
        const struct fhir_bundle *bundle = &walk->bundles[walk->bundle_count - 1];
        pseudo[PSEUDO_BUNDLE_TYPE]       = str_from(bundle->type);
        pseudo[PSEUDO_BUNDLE_TIMESTAMP]  = str_from(bundle->timestamp);
        pseudo[PSEUDO_BUNDLE_ID]         = str_from(bundle->id);
    }
    if (unescape(decoder, walk->full_url, &pseudo[PSEUDO_FULL_URL], err) != ST_OK
        || unescape(decoder, walk->method, &pseudo[PSEUDO_METHOD], err) != ST_OK)
        return ST_ERROR;
    return unescape(decoder, walk->url, &pseudo[PSEUDO_URL], err);
}

/* What a request's url or a fullUrl names: [base/]Type/id[/_history/n], or Type?query. */
static void
named_resource(struct str url, struct str *ret_type, struct str *ret_id)
{
    size_t history = str_find(url, STR("/_history/"));
    if (history != STR_NOT_FOUND)
        url = str_slice(url, 0, history);
    size_t query = str_find_byte(url, '?');
    bool   has_query = query != STR_NOT_FOUND;
    if (has_query)
        url = str_slice(url, 0, query);
    size_t slash = has_query ? url.size : str_find_last_byte(url, '/');
    if (slash == STR_NOT_FOUND)
        return;
    *ret_id       = has_query ? STR_EMPTY : str_slice(url, slash + 1, url.size);
    struct str to = str_slice(url, 0, slash);
    slash         = str_find_last_byte(to, '/');
    *ret_type     = slash == STR_NOT_FOUND ? to : str_slice(to, slash + 1, to.size);
}

/* A deletion makes rows of the mappings that ask for @method, with resourceType and id of what is deleted and no other member. */
static enum status
decode_entry(struct decoder *decoder, struct str record, struct error *err)
{
    const struct decode_plan *plan = decoder->plan;
    struct json_state        *json = decoder->json;
    struct str                type = STR_EMPTY, id = STR_EMPTY;
    uint32_t                  begin = 0, end = 0;
    yyjson_val                object[5]; /* {resourceType: type, id: id}, as yyjson lays it out. */

    if (!str_equal(json->pseudo[PSEUDO_METHOD], STR("DELETE")))
        return decoder_outcome(decoder, DECODE_NO_ENTITY, record, "the entry has no resource and deletes none", err);
    named_resource(json->pseudo[PSEUDO_URL], &type, &id);
    if (type.size == 0)
        named_resource(json->pseudo[PSEUDO_FULL_URL], &type, &id);
    unsafe_yyjson_set_obj(&object[0], 2);
    object[0].uni.ofs = sizeof object;
    unsafe_yyjson_set_strn(&object[1], plan->json->type_name.data, plan->json->type_name.size);
    unsafe_yyjson_set_strn(&object[2], type.data, type.size);
    unsafe_yyjson_set_strn(&object[3], "id", 2);
    unsafe_yyjson_set_strn(&object[4], id.data, id.size);
    json->root = object;
    json_find_members(json, &plan->json->keys);

    json->is_deletion = true;
    dispatch_find(plan, type, &begin, &end);
    bool        is_mapped = begin < end || plan->has_catch_all;
    enum status status    = json_rows_of_mappings(decoder, begin, end, err);
    json->is_deletion     = false;
    if (status != ST_OK || decoder->record_rows > 0)
        return status;
    if (is_mapped)
        return decoder_outcome(decoder, DECODE_NO_RESOURCE, record, "a deletion, and no mapping of the type reads @method", err);
    return decoder_outcome(decoder, DECODE_UNMAPPED_TYPE, record, "a deletion of a type that no mapping reads", err);
}

/* What is known of a type: remembered from one resource to the next. *room: of one whose name is too long. */
static const struct fhir_type *
find_type(struct decoder *decoder, struct str type, struct fhir_type *room)
{
    struct fhir_type *known = &decoder->fhir->types[json_key_hash(type.data, type.size) % FHIR_TYPE_SLOTS];

    if (str_equal(str_of(known->name, known->size), type))
        return known;
    known       = type.size <= sizeof known->name ? known : room;
    known->size = known == room ? 0 : type.size;
    memcpy(known->name, type.data, known->size);
    known->old = fhir_old_of(type);
    dispatch_find(decoder->plan, type, &known->begin, &known->end);
    return known;
}

static enum status
decode_resource(struct decoder *decoder, struct str record, struct error *err)
{
    const struct decode_plan *plan     = decoder->plan;
    struct json_state        *json     = decoder->json;
    struct str                type     = STR_EMPTY;
    bool                      is_shape = false;
    struct fhir_type          room     = { .size = 0 };

    json_find_members(json, &plan->json->keys);
    if (!json_scalar_text(json->slots[FHIR_TYPE_SLOT], &type, &is_shape) || type.size == 0)
        return decoder_outcome(decoder, DECODE_MALFORMED, record, "the resource has no resourceType", err);
    const struct fhir_type *known = find_type(decoder, type, &room);
    if (fhir_is_old(json->root, type, &known->old, plan->json, json, decoder->detail))
        return decoder_outcome(decoder, DECODE_UNSUPPORTED_VERSION, record, decoder->detail, err);
    if (decoder->layout->old_version[0] != '\0')
        return decoder_outcome(decoder, DECODE_UNSUPPORTED_VERSION, record, decoder->layout->old_version, err);
    if (json_rows_of_mappings(decoder, known->begin, known->end, err) != ST_OK)
        return ST_ERROR;
    if (decoder->record_rows > 0 || known->begin < known->end)
        return ST_OK;
    if (fhir_type_is_r4(type))
        return decoder_outcome(decoder, DECODE_UNMAPPED_TYPE, record, "no mapping reads this type of resource", err);
    return decoder_outcome(decoder, DECODE_UNKNOWN_TYPE, record, "its resourceType is not of FHIR R4", err);
}

static enum status
fhir_decode(struct decoder *decoder, struct str record, int64_t position, struct error *err)
{
    bool        is_read = false;
    enum status status  = set_pseudo(decoder, err);
    (void)position;

    if (status == ST_OK && decoder->fhir->walk.is_entry) {
        status = decode_entry(decoder, record, err);
    } else if (status == ST_OK) {
        char *copy = json_copy(decoder, record);
        if (copy == NULL)
            return error_no_memory(err);
        status = json_read(decoder, record, copy, &is_read, err);
        if (status == ST_OK && is_read)
            status = decode_resource(decoder, record, err);
    }
    return status == ST_OK ? note_unended(decoder, err) : status;
}

const struct format_kind FHIR_KIND = {
    .format = MODEL_FHIR_R4,
    .record_size_max = FORMAT_FHIR_RECORD_SIZE_MAX,
    .compile = json_compile,
    .layout = fhir_layout,
    .open = fhir_open,
    .reset = fhir_reset,
    .close = fhir_close,
    .frame = fhir_frame,
    .decode = fhir_decode,
    .skip = fhir_skip,
    .split = fhir_split,
};
