#include "base/json_out.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/decimal.h"
#include "base/time.h"
#include "base/utf8.h"

void
json_out_init(struct json_out *json, struct str_builder *out, unsigned indent)
{
    json->out          = out;
    json->indent       = indent;
    json->depth        = 0;
    json->has_key      = false;
    json->has_items[0] = false;
    json->is_object[0] = false;
}

static void
new_line(struct json_out *json)
{
    if (json->indent == 0)
        return;
    str_builder_printf(json->out, "\n%*s", (int)(json->indent * json->depth), "");
}

/* What stands between this item and the one before it in the same object or array. */
static void
separate(struct json_out *json)
{
    bool *has_items = &json->has_items[json->depth];
    if (json->depth == 0) {
        if (*has_items)
            str_builder_append_char(json->out, '\n');
    } else {
        if (*has_items)
            str_builder_append_char(json->out, ',');
        new_line(json);
    }
    *has_items = true;
}

/* Every value passes here first. */
static void
value_begin(struct json_out *json)
{
    CHECK(json->has_key == json->is_object[json->depth]);
    if (!json->has_key)
        separate(json);
    json->has_key = false;
}

static void
open_level(struct json_out *json, bool is_object)
{
    value_begin(json);
    CHECK(json->depth < JSON_DEPTH_MAX);
    json->depth++;
    json->has_items[json->depth] = false;
    json->is_object[json->depth] = is_object;
    str_builder_append_char(json->out, is_object ? '{' : '[');
}

static void
close_level(struct json_out *json, bool is_object)
{
    CHECK(json->depth > 0 && json->is_object[json->depth] == is_object && !json->has_key);
    bool has_items = json->has_items[json->depth];
    json->depth--;
    if (has_items)
        new_line(json);
    str_builder_append_char(json->out, is_object ? '}' : ']');
}

void
json_out_object_begin(struct json_out *json)
{
    open_level(json, true);
}

void
json_out_object_end(struct json_out *json)
{
    close_level(json, true);
}

void
json_out_array_begin(struct json_out *json)
{
    open_level(json, false);
}

void
json_out_array_end(struct json_out *json)
{
    close_level(json, false);
}

static void
quote_byte(struct str_builder *out, unsigned char c)
{
    switch (c) {
    case '"': str_builder_append_cstr(out, "\\\""); break;
    case '\\': str_builder_append_cstr(out, "\\\\"); break;
    case '\n': str_builder_append_cstr(out, "\\n"); break;
    case '\r': str_builder_append_cstr(out, "\\r"); break;
    case '\t': str_builder_append_cstr(out, "\\t"); break;
    default: str_builder_printf(out, "\\u%04x", c); break;
    }
}

static bool
is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void
json_out_quote(struct str_builder *out, struct str text)
{
    str_builder_append_char(out, '"');
    for (size_t i = 0; i < text.size;) {
        size_t start = i;
        while (i < text.size && is_plain((unsigned char)text.data[i]))
            i++;
        str_builder_append(out, str_slice(text, start, i));
        if (i == text.size)
            break;
        uint32_t character;
        size_t   size = utf8_decode(str_slice(text, i, text.size), &character);
        if (size == 0)
            str_builder_append_cstr(out, "\\ufffd");
        else if (size == 1)
            quote_byte(out, (unsigned char)text.data[i]);
        else
            str_builder_append(out, str_slice(text, i, i + size));
        i += size > 0 ? size : 1;
    }
    str_builder_append_char(out, '"');
}

void
json_out_key(struct json_out *json, struct str key)
{
    CHECK(json->depth > 0 && json->is_object[json->depth] && !json->has_key);
    separate(json);
    json_out_quote(json->out, key);
    str_builder_append_cstr(json->out, json->indent > 0 ? ": " : ":");
    json->has_key = true;
}

void
json_out_raw(struct json_out *json, struct str json_text)
{
    value_begin(json);
    str_builder_append(json->out, json_text);
}

void
json_out_text(struct json_out *json, struct str text)
{
    value_begin(json);
    json_out_quote(json->out, text);
}

void
json_out_int(struct json_out *json, int64_t value)
{
    json_out_decimal(json, value, 0);
}

void
json_out_uint(struct json_out *json, uint64_t value)
{
    value_begin(json);
    str_builder_printf(json->out, "%llu", (unsigned long long)value);
}

void
json_out_bool(struct json_out *json, bool value)
{
    json_out_raw(json, value ? STR("true") : STR("false"));
}

void
json_out_null(struct json_out *json)
{
    json_out_raw(json, STR("null"));
}

void
json_out_decimal(struct json_out *json, int64_t value, unsigned scale)
{
    char text[DECIMAL_TEXT_SIZE];
    json_out_raw(json, str_of(text, decimal_print(value, scale, text)));
}

void
json_out_int128(struct json_out *json, int128 value, unsigned scale)
{
    char text[INT128_TEXT_SIZE];
    json_out_raw(json, str_of(text, int128_print(value, scale, text)));
}

size_t
double_print(double value, char out[DOUBLE_TEXT_SIZE])
{
    if (isnan(value))
        return (size_t)snprintf(out, DOUBLE_TEXT_SIZE, "nan");
    for (int digits = 15; digits < 17; digits++) {
        int size = snprintf(out, DOUBLE_TEXT_SIZE, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            return (size_t)size;
    }
    return (size_t)snprintf(out, DOUBLE_TEXT_SIZE, "%.17g", value);
}

void
json_out_double(struct json_out *json, double value)
{
    char text[DOUBLE_TEXT_SIZE];
    if (!isfinite(value))
        json_out_null(json);
    else
        json_out_raw(json, str_of(text, double_print(value, text)));
}

void
json_out_time(struct json_out *json, int64_t time_us)
{
    char text[TIME_TEXT_SIZE];
    json_out_text(json, str_of(text, time_print(time_us, text)));
}

void
json_out_date(struct json_out *json, int32_t days)
{
    char text[DATE_TEXT_SIZE];
    json_out_text(json, str_of(text, date_print(days, text)));
}

/* ---- Key and value ---- */

void
json_out_key_object(struct json_out *json, const char *key)
{
    json_out_key(json, str_from(key));
    json_out_object_begin(json);
}

void
json_out_key_array(struct json_out *json, const char *key)
{
    json_out_key(json, str_from(key));
    json_out_array_begin(json);
}

void
json_out_key_text(struct json_out *json, const char *key, struct str text)
{
    json_out_key(json, str_from(key));
    json_out_text(json, text);
}

void
json_out_key_cstr(struct json_out *json, const char *key, const char *text)
{
    json_out_key(json, str_from(key));
    if (text == NULL)
        json_out_null(json);
    else
        json_out_text(json, str_from(text));
}

void
json_out_key_int(struct json_out *json, const char *key, int64_t value)
{
    json_out_key(json, str_from(key));
    json_out_int(json, value);
}

void
json_out_key_uint(struct json_out *json, const char *key, uint64_t value)
{
    json_out_key(json, str_from(key));
    json_out_uint(json, value);
}

void
json_out_key_bool(struct json_out *json, const char *key, bool value)
{
    json_out_key(json, str_from(key));
    json_out_bool(json, value);
}

void
json_out_key_null(struct json_out *json, const char *key)
{
    json_out_key(json, str_from(key));
    json_out_null(json);
}
