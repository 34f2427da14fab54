/* JSON lines that are one flat object. Whatever is not taken here, yyjson decides; what is taken, it takes too, with the same values
 * (tests/unit/format/test_json_flat.c holds the two against each other). */
#include <string.h>

#include "base/str.h"
#include "format/json_int.h"
#include "format/scan.h"

/* ---- The plan ---- */

static bool
begins_with_member(const struct json_path *paths, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (paths[i].slot < 0)
            return false;
    return true;
}

bool
json_plan_may_be_flat(const struct decode_plan *plan)
{
    const struct json_plan *json = plan->json;
    if (json->keys.count == 0)
        return false;
    for (uint32_t i = 0; i < json->keys.count; i++) {
        const char *end = json->keys.names[i].data + json->keys.names[i].size;
        if (scan_plain(json->keys.names[i].data, end) != end)
            return false;
    }
    for (uint32_t m = 0; m < plan->mapping_count; m++) {
        const struct plan_mapping *entry = &plan->mappings[m];
        /* Paths within an `each` begin at an element, and a flat record has none. */
        if (!begins_with_member(&json->each[entry->first_each], entry->each_count))
            return false;
        for (uint32_t f = 0; entry->each_count == 0 && f < entry->mapping->field_count; f++)
            if (!begins_with_member(&json->paths[entry->fields[f].first_path], entry->fields[f].path_count))
                return false;
    }
    return true;
}

/* ---- Values ----
 *
 * Each function goes on at `at` and returns where it ends, or NULL: it is not what it takes, or is cut. The line ends in '}', at `end`: what
 * looks at one byte never passes it. */

static inline bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static inline const char *
skip_blanks(const char *at)
{
    while (is_blank(*at))
        at++;
    return at;
}

/* The byte, and blanks around it. */
static inline const char *
take_mark(const char *at, char wanted)
{
    if (*at != wanted && *(at = skip_blanks(at)) != wanted)
        return NULL;
    at++;
    return (unsigned char)*at <= ' ' ? skip_blanks(at) : at;
}

static const char *
take_digits(const char *at)
{
    const char *begin = at;
    while (ascii_is_digit(*at))
        at++;
    return at > begin ? at : NULL;
}

/* RFC 8259, section 6. */
static const char *
take_number(const char *at, yyjson_val *ret_value)
{
    const char *begin = at;
    at += *at == '-';
    at = *at == '0' ? at + 1 : take_digits(at);
    if (at != NULL && *at == '.')
        at = take_digits(at + 1);
    if (at != NULL && (*at == 'e' || *at == 'E')) {
        at++;
        at = take_digits(at + (*at == '+' || *at == '-'));
    }
    if (at != NULL)
        unsafe_yyjson_set_raw(ret_value, begin, (size_t)(at - begin));
    return at;
}

static const char *
take_word(const char *at, const char *end, yyjson_val *ret_value)
{
    const struct str rest = str_of(at, (size_t)(end - at));
    if (str_starts_with(rest, STR("null"))) {
        unsafe_yyjson_set_null(ret_value);
        return at + 4;
    }
    bool is_true = str_starts_with(rest, STR("true"));
    if (!is_true && !str_starts_with(rest, STR("false")))
        return NULL;
    unsafe_yyjson_set_bool(ret_value, is_true);
    return at + (is_true ? 4 : 5);
}

static inline const char *
take_value(const char *at, const char *end, yyjson_val *ret_value)
{
    if (*at == '"') {
        const char *stop = scan_plain(at + 1, end);
        if (*stop != '"')
            return NULL;
        unsafe_yyjson_set_strn(ret_value, at + 1, (size_t)(stop - at - 1));
        return stop + 1;
    }
    return *at == '-' || ascii_is_digit(*at) ? take_number(at, ret_value) : take_word(at, end, ret_value);
}

/* The member's name; the slot of the one before goes in, its own comes out. */
static inline const char *
take_name(struct json_state *json, const struct json_keys *keys, const char *at, const char *end, uint32_t *slot)
{
    if (*at != '"')
        return NULL;
    at++;
    const char *stop = scan_plain(at, end);
    if (*stop != '"')
        return NULL;
    *slot = json_member_slot(json, keys, *slot, at, (size_t)(stop - at));
    return stop + 1;
}

/* Whether the literal stands at `at`, behind which are JSON_LITERAL_SIZE bytes at least. */
static inline bool
is_literal(const char *at, const struct json_literal *literal)
{
#if defined(__SSE2__)
    const __m128i low  = _mm_cmpeq_epi8(scan_load_16(at), scan_load_16(literal->bytes));
    const __m128i high = _mm_cmpeq_epi8(scan_load_16(at + 16), scan_load_16(literal->bytes + 16));
    const uint32_t equal = (uint32_t)_mm_movemask_epi8(low) | (uint32_t)_mm_movemask_epi8(high) << 16;
    return (equal & literal->mask) == literal->mask && literal->mask != 0;
#else
    return literal->mask != 0 && memcmp(at, literal->bytes, literal->size) == 0;
#endif
}

/* From behind a value to the next one: what stood there in the record of this type before is compared at once, with all its marks.
 * NULL: the line is not flat. Only where no '}' stands at `at`. */
static inline const char *
take_next(struct json_state *json, const struct json_keys *keys, const char *at, const char *end, uint32_t *slot)
{
    const uint32_t             follows = json->follows[*slot * JSON_ORDER_COUNT + json->order];
    const struct json_literal *literal = &keys->literals[follows];
    if (end - at >= JSON_LITERAL_SIZE && is_literal(at, literal)) {
        *slot = follows;
        at += literal->size;
        return (unsigned char)*at <= ' ' ? skip_blanks(at) : at;
    }
    at = take_mark(at, ',');
    if (at == NULL || (at = take_name(json, keys, at, end, slot)) == NULL)
        return NULL;
    return take_mark(at, ':');
}

static inline uint32_t
order_of(yyjson_val *type)
{
    const char  *text = unsafe_yyjson_get_str(type);
    const size_t size = unsafe_yyjson_get_len(type);
    return unsafe_yyjson_is_str(type) && size > 0 ? (uint32_t)(5 * size + (unsigned char)text[0] + (unsigned char)text[size - 1]) % JSON_ORDER_COUNT : 0;
}

/* The members of a line that ends in '}'. */
static bool
read_members(struct json_state *json, const struct json_plan *plan, const char *at, const char *end)
{
    const struct json_keys *keys = &plan->keys;
    uint32_t                slot = keys->count;
    at = take_mark(at, '{');
    if (at != NULL && *at == '}')
        return at == end;
    if (at == NULL || (at = take_name(json, keys, at, end, &slot)) == NULL || (at = take_mark(at, ':')) == NULL)
        return false;
    for (;;) {
        at = take_value(at, end, &json->flat[slot]);
        if (at == NULL)
            return false;
        json->slots[slot] = &json->flat[slot];
        if ((int32_t)slot == plan->type_slot)
            json->order = order_of(&json->flat[slot]);
        if (*at == '}' || *(at = skip_blanks(at)) == '}')
            return at == end;
        at = take_next(json, keys, at, end, &slot);
        if (at == NULL)
            return false;
    }
}

bool
json_flat_read(struct json_state *json, const struct json_plan *plan, struct str line)
{
    while (line.size > 0 && is_blank(line.data[line.size - 1]))
        line.size--;
    if (line.size == 0 || line.data[line.size - 1] != '}')
        return false;
    json->root  = NULL;
    json->order = 0;
    memset(json->slots, 0, plan->keys.count * sizeof json->slots[0]);
    return read_members(json, plan, line.data, line.data + line.size - 1);
}
