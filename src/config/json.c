#include "config/json.h"

#include <stdarg.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/utf8.h"

/* Below so many members two loops are faster than a map. */
#define SMALL_OBJECT_COUNT_MAX 12

struct parser {
    struct str    text;
    size_t        at;   /* The next byte to read. */
    uint32_t      line; /* Of `at`. */
    size_t        mark; /* A byte at or before `at` in the same line, whose column is known: so that columns cost one */
    uint32_t      mark_column; /* pass over the line, not one for each value. */
    uint32_t      value_count;
    unsigned      depth;
    const char   *file;
    struct arena *arena;
    struct error *err;
};

struct place {
    uint32_t line;
    uint32_t column;
};

static enum status parse_value(struct parser *parser, struct json *value);

/* ---- Places and errors ---- */

static struct place
place_here(struct parser *parser)
{
    for (; parser->mark < parser->at; parser->mark++)
        parser->mark_column += ((unsigned char)parser->text.data[parser->mark] & 0xC0) != 0x80;
    return (struct place){ parser->line, parser->mark_column };
}

static enum status __attribute__((format(printf, 3, 4)))
fail_at(struct parser *parser, struct place place, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    error_set_va(parser->err, ERR_CONFIG, format, arguments);
    va_end(arguments);
    error_at(parser->err, parser->file, place.line, place.column);
    return ST_ERROR;
}

static bool
is_at_end(const struct parser *parser)
{
    return parser->at >= parser->text.size;
}

/* The next byte, or NUL at the end (a NUL byte in the file is refused like any other odd character). */
static char
peek(const struct parser *parser)
{
    return is_at_end(parser) ? '\0' : parser->text.data[parser->at];
}

/* "expected …, found …" at the present place. */
static enum status
fail_expected(struct parser *parser, const char *expected)
{
    struct place place = place_here(parser);
    uint32_t     character;

    if (is_at_end(parser))
        return fail_at(parser, place, "expected %s, found the end of the file", expected);
    struct str rest = str_slice(parser->text, parser->at, parser->text.size);
    size_t     size = utf8_decode(rest, &character);
    CHECK(size > 0);
    if (character < ' ' || character == 0x7F)
        fail_at(parser, place, "expected %s, found the control character U+%04X", expected, (unsigned)character);
    else
        fail_at(parser, place, "expected %s, found %.*s", expected, (int)size, rest.data);
    if (character == '\'')
        error_hint(parser->err, "texts and names stand in double quotes");
    return ST_ERROR;
}

/* ---- Blanks and comments ---- */

static void
line_begin(struct parser *parser)
{
    parser->line++;
    parser->mark        = parser->at;
    parser->mark_column = 1;
}

static enum status
skip_comment(struct parser *parser)
{
    struct place begin = place_here(parser);
    char         kind  = parser->at + 1 < parser->text.size ? parser->text.data[parser->at + 1] : '\0';

    if (kind == '/') {
        while (!is_at_end(parser) && peek(parser) != '\n')
            parser->at++;
        return ST_OK;
    }
    if (kind != '*')
        return fail_expected(parser, "a value or a comment");
    for (parser->at += 2; !is_at_end(parser);) {
        char c = parser->text.data[parser->at++];
        if (c == '\n')
            line_begin(parser);
        else if (c == '*' && peek(parser) == '/') {
            parser->at++;
            return ST_OK;
        }
    }
    return fail_at(parser, begin, "the comment that begins here has no end");
}

static enum status
skip_blanks(struct parser *parser)
{
    while (!is_at_end(parser)) {
        char c = parser->text.data[parser->at];
        if (c == '/') {
            if (skip_comment(parser) != ST_OK)
                return ST_ERROR;
            continue;
        }
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
            break;
        parser->at++;
        if (c == '\n')
            line_begin(parser);
    }
    return ST_OK;
}

/* ---- Texts ---- */

/* Four hexadecimal digits at `at`, or false. */
static bool
read_hex4(struct parser *parser, uint32_t *ret_unit)
{
    uint32_t unit = 0;
    if (parser->text.size - parser->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = ascii_to_lower(parser->text.data[parser->at + (size_t)i]);
        if (ascii_is_digit(c))
            unit = unit * 16 + (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            unit = unit * 16 + (uint32_t)(c - 'a' + 10);
        else
            return false;
    }
    parser->at += 4;
    *ret_unit = unit;
    return true;
}

/* What follows "\u": one unit, or a pair of surrogates. */
static enum status
read_unicode_escape(struct parser *parser, struct place place, uint32_t *ret_character)
{
    uint32_t high;
    uint32_t low;

    if (!read_hex4(parser, &high))
        return fail_at(parser, place, "\\u needs four hexadecimal digits");
    if (high == 0)
        return fail_at(parser, place, "a text may not hold the character U+0000");
    if (high >= 0xD800 && high <= 0xDFFF) {
        bool is_pair = high <= 0xDBFF && parser->text.size - parser->at >= 6 && parser->text.data[parser->at] == '\\' &&
                       parser->text.data[parser->at + 1] == 'u';
        if (!is_pair)
            return fail_at(parser, place, "\\u%04X is half a character (a surrogate) without the other half", (unsigned)high);
        parser->at += 2;
        if (!read_hex4(parser, &low) || low < 0xDC00 || low > 0xDFFF)
            return fail_at(parser, place, "\\u%04X is half a character (a surrogate) without the other half", (unsigned)high);
        high = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    }
    *ret_character = high;
    return ST_OK;
}

/* `at` is behind a backslash. Writes the character at `out` and returns its size by *ret_size. */
static enum status
read_escape(struct parser *parser, struct place place, char *out, size_t *ret_size)
{
    static const char NAMES[]  = "\"\\/bfnrt";
    static const char VALUES[] = "\"\\/\b\f\n\r\t";
    char              c        = peek(parser);
    const char       *found    = c ? strchr(NAMES, c) : NULL;
    uint32_t          character = 0;

    if (found) {
        parser->at++;
        *out      = VALUES[found - NAMES];
        *ret_size = 1;
        return ST_OK;
    }
    if (c != 'u') {
        fail_at(parser, place, "unknown escape in a text");
        error_hint(parser->err, "known are \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX; a backslash itself is written \\\\");
        return ST_ERROR;
    }
    parser->at++;
    if (read_unicode_escape(parser, place, &character) != ST_OK)
        return ST_ERROR;
    *ret_size = utf8_encode(character, out);
    return ST_OK;
}

/* How many bytes of the file lie between the quotes; the unescaped text is never longer. */
static enum status
measure_text(struct parser *parser, struct place begin, size_t *ret_size)
{
    size_t at = parser->at;
    for (; at < parser->text.size && parser->text.data[at] != '"'; at++) {
        unsigned char c = (unsigned char)parser->text.data[at];
        if (c == '\\' && at + 1 < parser->text.size)
            at++;
        else if (c == '\n' || c == '\r') {
            fail_at(parser, begin, "the text that begins here does not end in its line");
            error_hint(parser->err, "close it with a double quote; a line break inside a text is written \\n");
            return ST_ERROR;
        } else if (c < ' ') {
            parser->at = at;
            return fail_expected(parser, "a character of a text (control characters are written \\u00XX)");
        }
    }
    if (at >= parser->text.size)
        return fail_at(parser, begin, "the text that begins here has no end");
    *ret_size = at - parser->at;
    return ST_OK;
}

static enum status
parse_text(struct parser *parser, struct str *ret_text)
{
    struct place begin = place_here(parser);
    size_t       room = 0;
    size_t       size = 0;

    CHECK(peek(parser) == '"');
    parser->at++;
    if (measure_text(parser, begin, &room) != ST_OK)
        return ST_ERROR;
    char *out = arena_alloc(parser->arena, room + 1, 1);
    if (out == NULL)
        return error_no_memory(parser->err);
    while (parser->text.data[parser->at] != '"') {
        char c = parser->text.data[parser->at];
        if (c != '\\') {
            out[size++] = c;
            parser->at++;
            continue;
        }
        struct place place = place_here(parser);
        size_t       escape_size;
        parser->at++;
        if (read_escape(parser, place, out + size, &escape_size) != ST_OK)
            return ST_ERROR;
        size += escape_size;
    }
    CHECK(size <= room);
    parser->at++;
    out[size] = '\0';
    *ret_text = str_of(out, size);
    return ST_OK;
}

/* ---- Numbers and words ---- */

static size_t
skip_digits(struct parser *parser)
{
    size_t begin = parser->at;
    while (ascii_is_digit(peek(parser)))
        parser->at++;
    return parser->at - begin;
}

static bool
is_word_character(char c)
{
    return ascii_is_letter(c) || ascii_is_digit(c) || c == '_' || c == '.' || c == '-' || c == '+' ||
           (unsigned char)c >= 0x80;
}

/* The grammar of RFC 8259, section 6: no leading zeros, no plus, digits on both sides of the point. */
static bool
scan_number(struct parser *parser)
{
    if (peek(parser) == '-')
        parser->at++;
    char   lead  = peek(parser);
    size_t count = skip_digits(parser);
    if (count == 0 || (lead == '0' && count > 1))
        return false;
    if (peek(parser) == '.') {
        parser->at++;
        if (skip_digits(parser) == 0)
            return false;
    }
    if (peek(parser) == 'e' || peek(parser) == 'E') {
        parser->at++;
        if (peek(parser) == '+' || peek(parser) == '-')
            parser->at++;
        if (skip_digits(parser) == 0)
            return false;
    }
    return !is_word_character(peek(parser));
}

static struct str
word_from(struct parser *parser, size_t begin)
{
    size_t end = begin;
    while (end < parser->text.size && is_word_character(parser->text.data[end]))
        end++;
    /* A message shows a piece only: a whole line without quotes helps nobody. */
    if (end - begin > 40)
        end = begin + utf8_valid_prefix(str_slice(parser->text, begin, begin + 40));
    return str_slice(parser->text, begin, end);
}

static enum status
parse_number(struct parser *parser, struct json *value)
{
    struct place place = place_here(parser);
    size_t       begin = parser->at;

    if (!scan_number(parser)) {
        struct str word = word_from(parser, begin);
        fail_at(parser, place, "%.*s is not a number", STR_PRINTF(word));
        error_hint(parser->err, "numbers look like 5, -1 or 0.05; a duration is a text: \"5m\"");
        return ST_ERROR;
    }
    value->type = JSON_NUMBER;
    if (!arena_text(parser->arena, str_slice(parser->text, begin, parser->at), &value->text))
        return error_no_memory(parser->err);
    return ST_OK;
}

static enum status
parse_word(struct parser *parser, struct json *value)
{
    struct place place = place_here(parser);
    struct str   word  = word_from(parser, parser->at);

    if (word.size == 0)
        return fail_expected(parser, "a value");
    if (str_equal(word, STR("true")) || str_equal(word, STR("false"))) {
        value->type    = JSON_BOOL;
        value->is_true = word.data[0] == 't';
    } else if (str_equal(word, STR("null"))) {
        value->type = JSON_NULL;
    } else {
        fail_at(parser, place, "unknown word %.*s", STR_PRINTF(word));
        error_hint(parser->err, "texts stand in double quotes; true, false and null are written small");
        return ST_ERROR;
    }
    parser->at += word.size;
    return ST_OK;
}

/* ---- Lists and objects ---- */

/* Marks the later of two members with one name; the first stays as it is. */
static enum status
mark_duplicates(struct parser *parser, struct json *object)
{
    if (object->count <= SMALL_OBJECT_COUNT_MAX) {
        for (struct json *member = object->first; member; member = member->next)
            for (const struct json *earlier = object->first; earlier != member; earlier = earlier->next)
                if (str_equal(earlier->key, member->key))
                    member->is_duplicate = true;
        return ST_OK;
    }
    struct map seen;
    bool       is_new;
    bool       is_ok = true;
    map_init(&seen);
    for (struct json *member = object->first; member && is_ok; member = member->next) {
        is_ok = map_insert(&seen, member->key, &is_new) != NULL;
        if (is_ok && !is_new)
            member->is_duplicate = true;
    }
    map_release(&seen);
    return is_ok ? ST_OK : error_no_memory(parser->err);
}

static enum status
parse_key(struct parser *parser, struct json *member)
{
    struct place place = place_here(parser);

    if (peek(parser) != '"') {
        bool is_word = is_word_character(peek(parser));
        fail_expected(parser, "a name in double quotes or }");
        if (is_word)
            error_hint(parser->err, "names stand in double quotes");
        return ST_ERROR;
    }
    member->key_line   = place.line;
    member->key_column = place.column;
    if (parse_text(parser, &member->key) != ST_OK || skip_blanks(parser) != ST_OK)
        return ST_ERROR;
    if (peek(parser) != ':')
        return fail_expected(parser, "a colon behind the name");
    parser->at++;
    return skip_blanks(parser);
}

/* The items of a list or the members of an object, from behind the opening bracket to behind the closing one. */
static enum status
parse_items(struct parser *parser, struct json *parent, struct place begin)
{
    bool          is_object = parent->type == JSON_OBJECT;
    char          close     = is_object ? '}' : ']';
    struct json **link      = &parent->first;

    for (;;) {
        if (skip_blanks(parser) != ST_OK)
            return ST_ERROR;
        if (is_at_end(parser))
            return fail_at(parser, begin, "the %s that begins here has no end", is_object ? "object" : "list");
        if (peek(parser) == close)
            break;
        struct json *item = ARENA_NEW(parser->arena, struct json);
        if (item == NULL)
            return error_no_memory(parser->err);
        if ((is_object && parse_key(parser, item) != ST_OK) || parse_value(parser, item) != ST_OK ||
            skip_blanks(parser) != ST_OK)
            return ST_ERROR;
        *link = item;
        link  = &item->next;
        parent->count++;
        if (peek(parser) == ',')
            parser->at++;
        else if (!is_at_end(parser) && peek(parser) != close)
            return fail_expected(parser, is_object ? "a comma or }" : "a comma or ]");
    }
    parser->at++;
    return is_object ? mark_duplicates(parser, parent) : ST_OK;
}

static enum status
parse_container(struct parser *parser, struct json *value)
{
    struct place place = place_here(parser);

    value->type = peek(parser) == '{' ? JSON_OBJECT : JSON_ARRAY;
    if (parser->depth >= JSON_DEPTH_MAX)
        return fail_at(parser, place, "nested deeper than %d levels", JSON_DEPTH_MAX);
    parser->at++;
    parser->depth++;
    enum status status = parse_items(parser, value, place);
    parser->depth--;
    return status;
}

static enum status
parse_value(struct parser *parser, struct json *value)
{
    struct place place = place_here(parser);
    char         c     = peek(parser);

    value->line   = place.line;
    value->column = place.column;
    if (++parser->value_count > JSON_VALUE_COUNT_MAX)
        return fail_at(parser, place, "more than %d values", JSON_VALUE_COUNT_MAX);
    if (c == '{' || c == '[')
        return parse_container(parser, value);
    if (c == '"') {
        value->type = JSON_TEXT;
        return parse_text(parser, &value->text);
    }
    if (c == '-' || c == '+' || c == '.' || ascii_is_digit(c))
        return parse_number(parser, value);
    return parse_word(parser, value);
}

/* ---- The whole ---- */

/* All bytes are UTF-8: decided once, at the start, so that nothing below has to ask. */
static enum status
check_encoding(struct parser *parser)
{
    size_t valid = utf8_valid_prefix(parser->text);
    if (valid == parser->text.size)
        return ST_OK;
    while (parser->at < valid)
        if (parser->text.data[parser->at++] == '\n')
            line_begin(parser);
    struct place place = place_here(parser);
    fail_at(parser, place, "byte 0x%02X is not UTF-8", (unsigned)(unsigned char)parser->text.data[valid]);
    error_hint(parser->err, "save the file as UTF-8");
    return ST_ERROR;
}

enum status
json_parse(struct str text, const char *file, struct arena *arena, const struct json **ret_root, struct error *err)
{
    struct parser parser = { .text = text, .line = 1, .mark_column = 1, .file = file, .arena = arena, .err = err };

    if (text.size > FILE_TEXT_SIZE_MAX) {
        error_set(err, ERR_CONFIG, "the file has more than %u MiB", FILE_TEXT_SIZE_MAX >> 20);
        error_at(err, file, 0, 0);
        return ST_ERROR;
    }
    if (check_encoding(&parser) != ST_OK)
        return ST_ERROR;
    if (str_starts_with(text, STR("\xEF\xBB\xBF")))
        parser.at = parser.mark = 3;
    struct json *root = ARENA_NEW(arena, struct json);
    if (root == NULL)
        return error_no_memory(err);
    if (skip_blanks(&parser) != ST_OK || parse_value(&parser, root) != ST_OK || skip_blanks(&parser) != ST_OK)
        return ST_ERROR;
    if (!is_at_end(&parser))
        return fail_expected(&parser, "the end of the file");
    *ret_root = root;
    return ST_OK;
}

const struct json *
json_find_str(const struct json *object, struct str key)
{
    if (object == NULL || object->type != JSON_OBJECT)
        return NULL;
    for (const struct json *member = object->first; member; member = member->next)
        if (str_equal(member->key, key))
            return member;
    return NULL;
}

const struct json *
json_find(const struct json *object, const char *key)
{
    return json_find_str(object, str_from(key));
}

const struct json *
json_first_duplicate(const struct json *root)
{
    /* The parser bounds the depth, and with it this recursion. */
    for (const struct json *item = root->first; item; item = item->next) {
        if (item->is_duplicate)
            return item;
        const struct json *found = json_first_duplicate(item);
        if (found)
            return found;
    }
    return NULL;
}

const char *
json_type_name(enum json_type type)
{
    switch (type) {
    case JSON_NULL: return "null";
    case JSON_BOOL: return "true or false";
    case JSON_NUMBER: return "a number";
    case JSON_TEXT: return "a text";
    case JSON_ARRAY: return "a list";
    case JSON_OBJECT: return "an object";
    }
    UNREACHABLE();
}

static void
place_error(const char *file, uint32_t line, uint32_t column, struct error *err)
{
    error_at(err, file, line, column);
    if (line == 0)
        error_context(err, "applying --set");
}

void
json_error_place(const struct json *value, const char *file, struct error *err)
{
    place_error(file, value->line, value->column, err);
}

void
json_error_place_key(const struct json *member, const char *file, struct error *err)
{
    place_error(file, member->key_line, member->key_column, err);
}

enum status
json_error(const struct json *value, const char *file, struct error *err, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    error_set_va(err, ERR_CONFIG, format, arguments);
    va_end(arguments);
    json_error_place(value, file, err);
    return ST_ERROR;
}

void
json_print(const struct json *value, struct json_out *out)
{
    switch (value->type) {
    case JSON_NULL: json_out_null(out); return;
    case JSON_BOOL: json_out_bool(out, value->is_true); return;
    case JSON_NUMBER: json_out_raw(out, value->text); return;
    case JSON_TEXT: json_out_text(out, value->text); return;
    case JSON_ARRAY:
        json_out_array_begin(out);
        for (const struct json *item = value->first; item; item = item->next)
            json_print(item, out);
        json_out_array_end(out);
        return;
    case JSON_OBJECT:
        json_out_object_begin(out);
        for (const struct json *member = value->first; member; member = member->next) {
            json_out_key(out, member->key);
            json_print(member, out);
        }
        json_out_object_end(out);
        return;
    }
    UNREACHABLE();
}
