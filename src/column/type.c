#include "column/type.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"

int
text_compare(const struct text *a, const struct text *b)
{
    uint32_t size_min = a->size < b->size ? a->size : b->size;
    int      order    = memcmp(text_data(a), text_data(b), size_min);
    if (order != 0)
        return order;
    return a->size < b->size ? -1 : a->size > b->size ? 1 : 0;
}

size_t
type_value_size(struct type type)
{
    switch (type.kind) {
    case TYPE_BOOL: return 1;
    case TYPE_INT64:
    case TYPE_DECIMAL:
    case TYPE_TIMESTAMP: return sizeof(int64_t);
    case TYPE_DOUBLE: return sizeof(double);
    case TYPE_TEXT: return sizeof(struct text);
    case TYPE_DATE: return sizeof(int32_t);
    case TYPE_KIND_COUNT: break;
    }
    UNREACHABLE();
}

bool
type_equal(struct type a, struct type b)
{
    return a.kind == b.kind && (a.kind != TYPE_DECIMAL || a.scale == b.scale);
}

static const char *const kind_names[TYPE_KIND_COUNT] = {
    [TYPE_BOOL] = "bool", [TYPE_INT64] = "int64",         [TYPE_DOUBLE] = "double", [TYPE_DECIMAL] = "decimal",
    [TYPE_TEXT] = "text", [TYPE_TIMESTAMP] = "timestamp", [TYPE_DATE] = "date",
};

const char *
type_name(struct type type, char *buffer, size_t buffer_size)
{
    CHECK(type.kind < TYPE_KIND_COUNT && buffer_size > 0);
    if (type.kind == TYPE_DECIMAL)
        snprintf(buffer, buffer_size, "decimal(%d,%u)", DECIMAL_DIGITS_MAX, type.scale);
    else
        snprintf(buffer, buffer_size, "%s", kind_names[type.kind]);
    return buffer;
}

/* "(18,S)" behind the word decimal, blanks allowed. The width must be 18: other widths have another layout in DuckDB. */
static bool
decimal_parse_scale(struct str rest, uint8_t *ret_scale)
{
    while (rest.size > 0 && rest.data[0] == ' ')
        rest = str_slice(rest, 1, rest.size);
    if (rest.size < 2 || rest.data[0] != '(' || rest.data[rest.size - 1] != ')')
        return false;
    struct str inside = str_slice(rest, 1, rest.size - 1);
    size_t     comma  = str_find_byte(inside, ',');
    if (comma == STR_NOT_FOUND)
        return false;
    int64_t width, scale;
    if (!str_to_int64(str_trim(str_slice(inside, 0, comma)), &width) ||
        !str_to_int64(str_trim(str_slice(inside, comma + 1, inside.size)), &scale))
        return false;
    if (width != DECIMAL_DIGITS_MAX || scale < 0 || scale > DECIMAL_DIGITS_MAX)
        return false;
    *ret_scale = (uint8_t)scale;
    return true;
}

bool
type_parse(const char *name, size_t name_size, struct type *ret_type)
{
    struct str text    = str_of(name, name_size);
    struct str decimal = STR("decimal");
    if (text.size > decimal.size && str_equal_ignore_case(str_slice(text, 0, decimal.size), decimal)) {
        struct type type = TYPE(TYPE_DECIMAL);
        if (!decimal_parse_scale(str_slice(text, decimal.size, text.size), &type.scale))
            return false;
        *ret_type = type;
        return true;
    }
    for (int kind = 0; kind < TYPE_KIND_COUNT; kind++) {
        if (kind != TYPE_DECIMAL && str_equal_ignore_case(text, str_from(kind_names[kind]))) {
            *ret_type = TYPE((enum type_kind)kind);
            return true;
        }
    }
    return false;
}
