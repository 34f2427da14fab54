/* Writes JSON onto a str_builder: commas, escapes and nesting are its business, not the caller's.
 *
 * A value out of place (a key outside an object, two keys in a row) is our own mistake and fails a CHECK. Memory that
 * runs out is remembered by the builder. Text that is not UTF-8 comes out valid: each bad byte as U+FFFD. */
#ifndef HEDDLE_BASE_JSON_OUT_H
#define HEDDLE_BASE_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/int128.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/str_builder.h"

struct json_out {
    struct str_builder *out;
    unsigned            indent; /* Blanks a level; 0: all on one line. */
    unsigned            depth;
    bool                has_key; /* A key was written, its value not yet. */
    bool                has_items[JSON_DEPTH_MAX + 1]; /* Whether anything was written at that depth. */
    bool                is_object[JSON_DEPTH_MAX + 1];
};

/* `out` is appended to, and must live as long as the writer. Values at the top level are separated by line feeds:
 * one object a line (NDJSON). */
void json_out_init(struct json_out *json, struct str_builder *out, unsigned indent);

void json_out_object_begin(struct json_out *json);
void json_out_object_end(struct json_out *json);
void json_out_array_begin(struct json_out *json);
void json_out_array_end(struct json_out *json);

void json_out_key(struct json_out *json, struct str key);

void json_out_text(struct json_out *json, struct str text);
void json_out_int(struct json_out *json, int64_t value);
void json_out_uint(struct json_out *json, uint64_t value);
void json_out_bool(struct json_out *json, bool value);
void json_out_null(struct json_out *json);
/* A number with exactly `scale` digits behind the point: (190, 2) is 1.90. */
void json_out_decimal(struct json_out *json, int64_t value, unsigned scale);
void json_out_int128(struct json_out *json, int128 value, unsigned scale);
/* The shortest text that reads back as the same double; what JSON cannot say (NaN, infinity) is null. */
void json_out_double(struct json_out *json, double value);
/* "2026-01-02T03:04:05.123456Z" and "2026-01-02". */
void json_out_time(struct json_out *json, int64_t time_us);
void json_out_date(struct json_out *json, int32_t days);
/* A value that is JSON already. It is not checked. */
void json_out_raw(struct json_out *json, struct str json_text);

/* Key and value in one, for the usual case. Keys are literals or C strings. */
void json_out_key_object(struct json_out *json, const char *key);
void json_out_key_array(struct json_out *json, const char *key);
void json_out_key_text(struct json_out *json, const char *key, struct str text);
void json_out_key_cstr(struct json_out *json, const char *key, const char *text); /* NULL is null. */
void json_out_key_int(struct json_out *json, const char *key, int64_t value);
void json_out_key_uint(struct json_out *json, const char *key, uint64_t value);
void json_out_key_bool(struct json_out *json, const char *key, bool value);
void json_out_key_null(struct json_out *json, const char *key);

/* The shortest of 15 to 17 significant digits that reads back as the same double (1.0 is "1"); else "nan", "inf"
 * or "-inf". Returns the length without the NUL. */
#define DOUBLE_TEXT_SIZE 32
size_t double_print(double value, char out[DOUBLE_TEXT_SIZE]);

/* Appends a JSON string, quotes included, to a builder: for the few who write JSON in other ways. */
void json_out_quote(struct str_builder *out, struct str text);

#endif
