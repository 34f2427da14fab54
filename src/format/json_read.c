/* A JSON record to yyjson's values, and what is wrong with it where it is none. Of a member that stands twice, the last one counts, as in
 * most readers. Numbers keep their text. */
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "format/json_int.h"

static const yyjson_read_flag READ_FLAGS = YYJSON_READ_INSITU | YYJSON_READ_NUMBER_AS_RAW;

/* Pool size to begin with: a line of 2 KB. */
#define POOL_SIZE_FIRST (32u << 10)

enum status
json_open(struct decoder *decoder, struct error *err)
{
    const size_t       slot_count = (size_t)decoder->plan->json->keys.count + 1;
    struct json_state *json       = memory_alloc_zero(sizeof *json);
    if (json == NULL)
        return error_no_memory(err);
    decoder->json   = json;
    json->slots     = memory_alloc_array(slot_count, sizeof(yyjson_val *));
    json->flat      = memory_alloc_array(slot_count, sizeof(yyjson_val));
    json->follows   = memory_alloc_array_zero(slot_count * JSON_ORDER_COUNT, sizeof(uint16_t));
    json->found     = memory_alloc_array_zero(decoder->plan->json->node_count, sizeof json->found[0]);
    json->may_be_flat = json_plan_may_be_flat(decoder->plan);
    json->pool      = memory_alloc(POOL_SIZE_FIRST);
    json->pool_size = POOL_SIZE_FIRST;
    return json->slots == NULL || json->flat == NULL || json->follows == NULL || json->found == NULL || json->pool == NULL ? error_no_memory(err) : ST_OK;
}

void
json_close(struct decoder *decoder)
{
    if (decoder->json == NULL)
        return;
    memory_free(decoder->json->slots);
    memory_free(decoder->json->flat);
    memory_free(decoder->json->follows);
    memory_free(decoder->json->found);
    memory_free(decoder->json->pool);
    memory_free(decoder->json->joined);
    memory_free(decoder->json);
}

/* ---- The record ---- */

/* Whether containers lie at most JSON_DEPTH_MAX deep in a document. One of n values, itself with them, is no deeper than n. */
static bool
depth_is_bounded(yyjson_val *root, size_t value_count)
{
    yyjson_val *ends[JSON_DEPTH_MAX];
    yyjson_val *end   = root + value_count;
    size_t      depth = 0;

    for (yyjson_val *value = root; value < end;) {
        while (depth > 0 && value >= ends[depth - 1])
            depth--;
        bool   is_container = unsafe_yyjson_is_ctn(value);
        size_t size         = is_container ? value->uni.ofs / sizeof *value : 1; /* In values. */
        if (!is_container || depth + size <= JSON_DEPTH_MAX) {
            value += size;
            continue;
        }
        if (depth == JSON_DEPTH_MAX)
            return false;
        ends[depth++] = value + size;
        value++;
    }
    return true;
}

char *
json_copy(struct decoder *decoder, struct str record)
{
    char *copy = arena_alloc(&decoder->text_arena, record.size + YYJSON_PADDING_SIZE, 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, record.data, record.size);
    memset(copy + record.size, 0, YYJSON_PADDING_SIZE);
    return copy;
}

enum status
json_tree(struct json_state *json, char *copy, size_t size, yyjson_doc **ret_doc, yyjson_read_err *ret_read, struct error *err)
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
refuse(struct decoder *decoder, struct str record, const yyjson_read_err *read, struct error *err)
{
    size_t valid = utf8_valid_prefix(record);
    if (valid < record.size)
        return decoder_outcome(decoder, DECODE_BAD_ENCODING, record,
                               decoder_detail(decoder, "byte %zu of the record is not UTF-8", valid), err);
    /* The pool is enough for any JSON of the line's size. What takes more opens what it has no room left to close, such as
     * a line of brackets: the line's fault, which must not end the leg. */
    if (read->code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return decoder_outcome(decoder, DECODE_MALFORMED, record, "no JSON: more is opened than the record could close", err);
    /* yyjson's messages are fixed texts; they quote nothing of the line. */
    bool is_cut = read->code == YYJSON_READ_ERROR_UNEXPECTED_END && decoder->json->is_unended;
    return decoder_outcome(decoder, is_cut ? DECODE_TRUNCATED : DECODE_MALFORMED, record,
                           decoder_detail(decoder, "no JSON at byte %zu of the record: %s", read->pos,
                                          read->msg != NULL ? read->msg : "?"),
                           err);
}

enum status
json_read(struct decoder *decoder, struct str record, char *copy, bool *ret_is_read, struct error *err)
{
    struct json_state *json = decoder->json;
    yyjson_doc        *doc  = NULL;
    yyjson_read_err    read = { 0 };

    if (json_tree(json, copy, record.size, &doc, &read, err) != ST_OK)
        return ST_ERROR;
    if (doc == NULL)
        return refuse(decoder, record, &read, err);
    json->root = yyjson_doc_get_root(doc);
    if (!yyjson_is_obj(json->root))
        return decoder_outcome(decoder, DECODE_MALFORMED, record, "it is no JSON object", err);
    if (yyjson_doc_get_val_count(doc) > JSON_DEPTH_MAX && !depth_is_bounded(json->root, yyjson_doc_get_val_count(doc)))
        return decoder_outcome(decoder, DECODE_MALFORMED, record, "it is nested too deeply", err);
    *ret_is_read = true;
    return ST_OK;
}

void
json_find_members(struct json_state *json, const struct json_keys *keys)
{
    /* The root is an object, as its caller knows, and a document's keys and values are what yyjson made them: the calls that
     * ask again are not needed. */
    yyjson_val *key          = unsafe_yyjson_get_first(json->root);
    size_t      member_count = unsafe_yyjson_get_len(json->root);
    uint32_t    slot         = keys->count;

    json->order = 0;
    memset(json->slots, 0, keys->count * sizeof json->slots[0]);
    for (size_t n = 0; n < member_count && keys->count > 0; n++, key = unsafe_yyjson_get_next(key + 1)) {
        slot = json_member_slot(json, keys, slot, unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key));
        json->slots[slot] = key + 1; /* A member's value stands behind its key. */
    }
}
