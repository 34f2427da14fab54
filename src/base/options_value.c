/* From the text of a value to the struct. */
#include <stdio.h>

#include "base/check.h"
#include "base/decimal.h"
#include "base/options.h"
#include "base/options_int.h"
#include "base/suggest.h"
#include "base/time.h"

#define DECIMAL_OPTION_SCALE 6

const char *
option_type_name(enum option_type type)
{
    switch (type) {
    case OPTION_BOOL: return "bool";
    case OPTION_INT: return "integer";
    case OPTION_SIZE: return "size";
    case OPTION_DURATION: return "duration";
    case OPTION_DECIMAL: return "number";
    case OPTION_TEXT: return "text";
    case OPTION_ENUM: return "name";
    case OPTION_PATH: return "path";
    case OPTION_SECRET: return "secret";
    case OPTION_OBJECT: return "object";
    case OPTION_LIST: return "list";
    case OPTION_MAP: return "map";
    case OPTION_ANY: return "any";
    }
    UNREACHABLE();
}

const char *
option_type_phrase(enum option_type type)
{
    switch (type) {
    case OPTION_BOOL: return "true or false";
    case OPTION_INT: return "a whole number";
    case OPTION_SIZE: return "a size such as \"64MiB\"";
    case OPTION_DURATION: return "a duration such as \"5m\"";
    case OPTION_DECIMAL: return "a number such as 0.05";
    case OPTION_TEXT: return "a text";
    case OPTION_ENUM: return "one of its names, as a text";
    case OPTION_PATH: return "a path, as a text";
    case OPTION_SECRET: return "a reference such as \"env:NAME\" or \"file:PATH\"";
    case OPTION_OBJECT: return "an object";
    case OPTION_LIST: return "a list";
    case OPTION_MAP: return "an object of names and values";
    case OPTION_ANY: return "a value";
    }
    UNREACHABLE();
}

enum status
option_wrong_type(const struct option *option, const char *given_type, struct error *err)
{
    error_set(err, ERR_CONFIG, "%s must be %s, not %s", option->name, option_type_phrase(option->type), given_type);
    error_hint(err, "%s", option->help);
    return ST_ERROR;
}

/* ---- Numbers ---- */

static const struct {
    const char *name;
    int64_t     bytes;
} SIZE_UNITS[] = {
    /* The binary ones first, from large to small: the order in which size_print tries them. */
    { "TiB", INT64_C(1) << 40 },
    { "GiB", INT64_C(1) << 30 },
    { "MiB", INT64_C(1) << 20 },
    { "KiB", INT64_C(1) << 10 },
    { "TB", INT64_C(1000000000000) },
    { "GB", INT64_C(1000000000) },
    { "MB", INT64_C(1000000) },
    { "KB", INT64_C(1000) },
    { "kB", INT64_C(1000) },
    { "B", 1 },
};

#define SIZE_UNIT_COUNT        (sizeof SIZE_UNITS / sizeof *SIZE_UNITS)
#define SIZE_UNIT_BINARY_COUNT 4

bool
option_parse_size(struct str text, int64_t *ret_bytes)
{
    size_t  digits = 0;
    int64_t amount;
    int64_t unit = 1;
    while (digits < text.size && ascii_is_digit(text.data[digits]))
        digits++;
    if (digits == 0 || !str_to_int64(str_slice(text, 0, digits), &amount))
        return false;
    struct str name = str_slice(text, digits, text.size);
    if (name.size > 0) {
        size_t i = 0;
        while (i < SIZE_UNIT_COUNT && !str_equal(name, str_from(SIZE_UNITS[i].name)))
            i++;
        if (i == SIZE_UNIT_COUNT)
            return false;
        unit = SIZE_UNITS[i].bytes;
    }
    if (__builtin_mul_overflow(amount, unit, &amount))
        return false;
    *ret_bytes = amount;
    return true;
}

static size_t
size_print(int64_t bytes, char out[OPTION_NUMBER_TEXT_SIZE])
{
    for (size_t i = 0; i < SIZE_UNIT_BINARY_COUNT; i++)
        if (bytes != 0 && bytes % SIZE_UNITS[i].bytes == 0)
            return (size_t)snprintf(out, OPTION_NUMBER_TEXT_SIZE, "%lld%s", (long long)(bytes / SIZE_UNITS[i].bytes),
                                    SIZE_UNITS[i].name);
    return (size_t)snprintf(out, OPTION_NUMBER_TEXT_SIZE, "%lld", (long long)bytes);
}

static size_t
decimal_option_print(int64_t value, char out[OPTION_NUMBER_TEXT_SIZE])
{
    size_t size = decimal_print(value, DECIMAL_OPTION_SCALE, out);
    while (out[size - 1] == '0')
        size--;
    if (out[size - 1] == '.')
        size--;
    out[size] = '\0';
    return size;
}

size_t
option_number_print(enum option_type type, int64_t value, char out[OPTION_NUMBER_TEXT_SIZE])
{
    if (type == OPTION_SIZE)
        return size_print(value, out);
    if (type == OPTION_DURATION)
        return duration_print(value, out);
    if (type == OPTION_DECIMAL)
        return decimal_option_print(value, out);
    return (size_t)snprintf(out, OPTION_NUMBER_TEXT_SIZE, "%lld", (long long)value);
}

bool
option_has_range(const struct option *option)
{
    return option->min > 0 || option->max != 0;
}

static enum status
out_of_range(const struct option *option, int64_t limit, const char *bound, const char *what, struct error *err)
{
    char             text[OPTION_NUMBER_TEXT_SIZE];
    bool             is_text = option->type == OPTION_TEXT || option->type == OPTION_PATH;
    enum option_type type    = is_text ? OPTION_INT : option->type;
    const char      *unit    = is_text ? "bytes long" : option->unit;
    option_number_print(type, limit, text);
    error_set(err, ERR_CONFIG, "%s must be %s %s%s%s%s", option->name, bound, text, unit ? " " : "", unit ? unit : "",
              what);
    error_hint(err, "%s", option->help);
    return ST_ERROR;
}

/* `value` is the number itself, or a text's length. Limits are told, the value only where it is no secret. */
static enum status
check_range(const struct option *option, int64_t value, struct error *err)
{
    char what[OPTION_NUMBER_TEXT_SIZE + 16] = "";
    bool is_shown = !option->is_secret && option->type != OPTION_TEXT && option->type != OPTION_PATH;
    if (is_shown && (value >= 0 || option->type == OPTION_INT || option->type == OPTION_DECIMAL)) {
        char text[OPTION_NUMBER_TEXT_SIZE];
        option_number_print(option->type, value, text);
        snprintf(what, sizeof what, ", not %s", text);
    }
    if (value < option->min)
        return out_of_range(option, option->min, "at least", what, err);
    if (option->max != 0 && value > option->max)
        return out_of_range(option, option->max, "at most", what, err);
    return ST_OK;
}

static enum status
store_number(const struct option *option, void *target, int64_t value, struct error *err)
{
    if (check_range(option, value, err) != ST_OK)
        return ST_ERROR;
    *(int64_t *)option_field(option, target) = value;
    return ST_OK;
}

/* The text shown in a message; nothing of a secret. */
static enum status
not_a_value(const struct option *option, struct str text, struct error *err)
{
    if (option->is_secret || option->type == OPTION_SECRET)
        error_set(err, ERR_CONFIG, "%s must be %s", option->name, option_type_phrase(option->type));
    else
        error_set(err, ERR_CONFIG, "%s must be %s, not \"%.*s\"", option->name, option_type_phrase(option->type),
                  STR_PRINTF(str_slice(text, 0, 100)));
    error_hint(err, "%s", option->help);
    return ST_ERROR;
}

static enum status
store_decimal(const struct option *option, void *target, struct str text, struct error *err)
{
    int64_t             value;
    enum decimal_result result = decimal_parse(text, DECIMAL_OPTION_SCALE, &value);
    if (result == DECIMAL_INEXACT)
        return error_set(err, ERR_CONFIG, "%s has more than %d digits behind the point", option->name,
                         DECIMAL_OPTION_SCALE);
    if (result != DECIMAL_EXACT)
        return not_a_value(option, text, err);
    return store_number(option, target, value, err);
}

static enum status
store_int(const struct option *option, void *target, struct str text, struct error *err)
{
    int64_t value;
    if (!str_to_int64(text, &value) && decimal_parse(text, 0, &value) != DECIMAL_EXACT)
        return not_a_value(option, text, err);
    return store_number(option, target, value, err);
}

/* ---- Texts ---- */

static bool
has_nul(struct str text)
{
    return str_find_byte(text, '\0') != STR_NOT_FOUND;
}

static enum status
store_str(const struct option *option, void *target, struct str text, struct error *err)
{
    if (has_nul(text))
        return error_set(err, ERR_CONFIG, "%s holds a NUL character", option->name);
    if (option->type == OPTION_PATH && text.size == 0)
        return error_set(err, ERR_CONFIG, "%s is an empty path", option->name);
    if (text.size > INT64_MAX || check_range(option, (int64_t)text.size, err) != ST_OK)
        return ST_ERROR;
    *(struct str *)option_field(option, target) = text;
    return ST_OK;
}

static enum status
store_secret(const struct option *option, void *target, struct str text, struct error *err)
{
    bool is_reference = (str_starts_with(text, STR("env:")) && text.size > strlen("env:")) ||
                        (str_starts_with(text, STR("file:")) && text.size > strlen("file:"));
    if (!is_reference || has_nul(text)) {
        error_set(err, ERR_CONFIG, "%s must be a reference to a secret, not the secret itself", option->name);
        error_hint(err, "write \"env:NAME\" or \"file:PATH\"");
        return ST_ERROR;
    }
    *(struct str *)option_field(option, target) = text;
    return ST_OK;
}

static enum status
store_enum(const struct option *option, void *target, struct str text, struct error *err)
{
    struct suggestion suggestion = suggestion_init(text);
    char              names[ERROR_HINT_SIZE];
    size_t            size = 0;
    for (int i = 0; option->names[i] != NULL; i++) {
        struct str name = str_from(option->names[i]);
        if (str_equal(name, text)) {
            *(int *)option_field(option, target) = i;
            return ST_OK;
        }
        suggestion_offer(&suggestion, name);
        if (size < sizeof names)
            size += (size_t)snprintf(names + size, sizeof names - size, "%s%s", i > 0 ? ", " : "", option->names[i]);
    }
    error_set(err, ERR_CONFIG, "%s must be one of %s, not \"%.*s\"", option->name, names,
              STR_PRINTF(str_slice(text, 0, 100)));
    suggestion_hint(&suggestion, err);
    return ST_ERROR;
}

static enum status
store_bool(const struct option *option, void *target, struct str text, struct error *err)
{
    bool is_true = str_equal(text, STR("true"));
    if (!is_true && !str_equal(text, STR("false")))
        return not_a_value(option, text, err);
    *(bool *)option_field(option, target) = is_true;
    return ST_OK;
}

enum status
option_store_text(const struct option *option, void *target, struct str text, bool is_strict, struct error *err)
{
    int64_t value;
    switch (option->type) {
    case OPTION_BOOL: return is_strict ? not_a_value(option, text, err) : store_bool(option, target, text, err);
    case OPTION_INT: return is_strict ? not_a_value(option, text, err) : store_int(option, target, text, err);
    case OPTION_DECIMAL: return is_strict ? not_a_value(option, text, err) : store_decimal(option, target, text, err);
    case OPTION_SIZE:
        if (!option_parse_size(text, &value))
            return not_a_value(option, text, err);
        return store_number(option, target, value, err);
    case OPTION_DURATION:
        if (!duration_parse(text, &value))
            return not_a_value(option, text, err);
        return store_number(option, target, value, err);
    case OPTION_TEXT:
    case OPTION_PATH: return store_str(option, target, text, err);
    case OPTION_SECRET: return store_secret(option, target, text, err);
    case OPTION_ENUM: return store_enum(option, target, text, err);
    case OPTION_OBJECT:
    case OPTION_LIST:
    case OPTION_MAP:
    case OPTION_ANY: return option_wrong_type(option, "a text", err);
    }
    UNREACHABLE();
}

/* ---- The doors ---- */

static enum status
given(const struct option *option, void *target, enum status status)
{
    if (status == ST_OK)
        option_mark_given(option, target);
    return status;
}

enum status
option_set_bool(const struct option *option, void *target, bool value, struct error *err)
{
    if (option->type != OPTION_BOOL)
        return option_wrong_type(option, "true or false", err);
    *(bool *)option_field(option, target) = value;
    return given(option, target, ST_OK);
}

enum status
option_set_number(const struct option *option, void *target, struct str number, struct error *err)
{
    switch (option->type) {
    case OPTION_INT: return given(option, target, store_int(option, target, number, err));
    case OPTION_SIZE: return given(option, target, store_int(option, target, number, err));
    case OPTION_DECIMAL: return given(option, target, store_decimal(option, target, number, err));
    case OPTION_DURATION:
        /* Without a unit only nothing is clear. */
        if (str_equal(number, STR("0")))
            return given(option, target, store_number(option, target, 0, err));
        return option_wrong_type(option, "a number without unit", err);
    default: return option_wrong_type(option, "a number", err);
    }
}

enum status
option_set_int(const struct option *option, void *target, int64_t value, struct error *err)
{
    char text[OPTION_NUMBER_TEXT_SIZE];
    return option_set_number(option, target, str_of(text, option_number_print(OPTION_INT, value, text)), err);
}

enum status
option_set_text(const struct option *option, void *target, struct str text, struct error *err)
{
    return given(option, target, option_store_text(option, target, text, true, err));
}

enum status
option_set_node(const struct option *option, void *target, const void *node, struct error *err)
{
    if (option->type != OPTION_MAP && option->type != OPTION_ANY)
        return option_wrong_type(option, "a value of its own kind", err);
    *(const void **)option_field(option, target) = node;
    return given(option, target, ST_OK);
}

/* "a,b,c" */
static enum status
set_list_from_text(const struct option *option, void *target, struct str text, struct arena *arena, struct error *err)
{
    struct str_split split = str_split_init(text, ',');
    struct str       part;
    size_t           count = 0;
    while (text.size > 0 && str_split_next(&split, &part))
        count++;
    if (option->item_type >= OPTION_OBJECT)
        return option_wrong_type(option, "a text", err);
    if (option_set_list(option, target, count, arena, err) != ST_OK)
        return ST_ERROR;
    struct option item = option_item(option);
    split              = str_split_init(text, ',');
    for (size_t i = 0; i < count && str_split_next(&split, &part); i++)
        if (option_store_text(&item, option_item_at(option, target, i), str_trim(part), false, err) != ST_OK)
            return ST_ERROR;
    return ST_OK;
}

enum status
option_set_from_text(const struct option *option, void *target, struct str text, struct arena *arena, struct error *err)
{
    if (option->type == OPTION_LIST)
        return set_list_from_text(option, target, text, arena, err);
    if (option->type == OPTION_OBJECT && option->table->short_form != NULL) {
        const struct option *inner = option_find(option->table, str_from(option->table->short_form));
        CHECK(inner != NULL);
        return given(option, target, option_set_from_text(inner, option_field(option, target), text, arena, err));
    }
    return given(option, target, option_store_text(option, target, text, false, err));
}
