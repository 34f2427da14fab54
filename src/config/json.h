/* JSON as people write it: with comments, trailing commas, and a place in the file for every value.
 *
 * All configuration and model files are read here; rows are read by other means (yyjson has no positions, this has no
 * speed). Beyond RFC 8259 it accepts comments of both kinds (to the line's end, and between slash-stars), a comma
 * before a closing bracket, and a byte order mark. Numbers keep their text (1.90 is not 1.9). Texts are unescaped, valid
 * UTF-8 and without NUL. A key that stands twice in an object stays visible, so that it can be refused: see
 * `is_duplicate`.
 *
 *      { "name": "edw",        object ─ first ─▶ member "name" ─ next ─▶ member "rules" ─ next ─▶ NULL
 *        "rules": [ 1, 2 ] }                                              └ first ─▶ 1 ─ next ─▶ 2
 *
 * The whole tree lies in the caller's arena, with copies of all texts: the file's bytes may be given back. */
#ifndef HEDDLE_CONFIG_JSON_H
#define HEDDLE_CONFIG_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json_out.h"
#include "base/str.h"

enum json_type {
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_TEXT,
    JSON_ARRAY,
    JSON_OBJECT,
};

struct json {
    enum json_type type;
    bool           is_true;      /* BOOL. */
    bool           is_duplicate; /* An earlier member of the same object has the same key. */
    uint32_t       line;         /* Of the value's first character; from 1, in characters. */
    uint32_t       column;
    uint32_t       key_line; /* Of the key's opening quote; 0 where the value is no member. */
    uint32_t       key_column;
    uint32_t       count;       /* Items or members. */
    struct str     key;         /* A member's name; a NUL follows it, as it follows `text`. */
    struct str     text;        /* TEXT: unescaped. NUMBER: as written. */
    struct json   *first;       /* The first item or member, in the order of the file. */
    struct json   *next;        /* The next one of the same parent. */
};

/* Reads one value and nothing behind it but blanks and comments. `file` names it in errors. ERR_CONFIG with
 * file:line:column where the text is no such JSON, is deeper than JSON_DEPTH_MAX or holds more than
 * JSON_VALUE_COUNT_MAX values; *ret_root is then untouched (what the arena got stays in it). */
enum status json_parse(struct str text, const char *file, struct arena *arena, const struct json **ret_root,
                       struct error *err);

/* The first member of that name, or NULL; NULL too where `object` is none. */
const struct json *json_find(const struct json *object, const char *key);
const struct json *json_find_str(const struct json *object, struct str key);

/* The first duplicate member anywhere in the tree, in the order of the file, or NULL: for readers that stop at the
 * first error (whoever binds by option tables has them reported all). */
const struct json *json_first_duplicate(const struct json *root);

/* "a text", "a number", "true or false", "a list", "an object", "null": for messages. */
const char *json_type_name(enum json_type type);

/* Adds the value's place, or its name's, to an error that is set. A value of line 0 stands in no file: somebody set it
 * from the command line, and the error says so. */
void json_error_place(const struct json *value, const char *file, struct error *err);
void json_error_place_key(const struct json *member, const char *file, struct error *err);

/* Fills `err` with ERR_CONFIG at the value's place in `file`. Returns ST_ERROR. */
enum status json_error(const struct json *value, const char *file, struct error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Writes the value as it was read, without comments. */
void json_print(const struct json *value, struct json_out *out);

#endif
