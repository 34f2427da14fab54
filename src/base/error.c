#include "base/error.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/utf8.h"

struct code_info {
    const char      *name;
    const char      *help;
    enum error_class class;
    int              exit_code;
};

/* clang-format off */
static const struct code_info CODES[ERR_CODE_COUNT] = {
    [ERR_NONE]        = { "none", "Nothing has gone wrong.", ERROR_FATAL, 0 },
    [ERR_NO]          = { "no", "The answer is no: differences, a failed gate, a failed test.", ERROR_FATAL, 1 },
    [ERR_USAGE]       = { "usage", "The command line is wrong.", ERROR_BAD_CONFIGURATION, 2 },
    [ERR_UNAVAILABLE] = { "unavailable", "A bound system does not answer.", ERROR_RETRY, 69 },
    [ERR_INTERNAL]    = { "internal", "A defect in heddle.", ERROR_FATAL, 70 },
    [ERR_NO_MEMORY]   = { "no_memory", "The system has no memory left.", ERROR_FATAL, 70 },
    [ERR_IO]          = { "io", "Input or output failed.", ERROR_FATAL, 74 },
    [ERR_FULL]        = { "full", "A device has no space left, or a limit is reached.", ERROR_FATAL, 74 },
    [ERR_NOT_FOUND]   = { "not_found", "A file or row that should be there is not.", ERROR_FATAL, 74 },
    [ERR_CORRUPT]     = { "corrupt", "Stored or compressed bytes make no sense.", ERROR_FATAL, 74 },
    [ERR_RECORD]      = { "record", "One record of an input cannot be used.", ERROR_BAD_RECORD, 74 },
    [ERR_BUSY]        = { "busy", "Another process owns the file; try again.", ERROR_RETRY, 75 },
    [ERR_FENCED]      = { "fenced", "A newer process has taken the store over.", ERROR_FATAL, 75 },
    [ERR_KEY]         = { "key", "There is no key, or it is not the right one.", ERROR_BAD_CONFIGURATION, 77 },
    [ERR_CONFIG]      = { "config", "The configuration is wrong.", ERROR_BAD_CONFIGURATION, 78 },
    [ERR_INTERRUPTED] = { "interrupted", "Stopped by SIGINT (Ctrl-C) before it was done.", ERROR_FATAL, 130 },
    [ERR_TERMINATED]  = { "terminated", "Stopped by SIGTERM before it was done.", ERROR_FATAL, 143 },
};
/* clang-format on */

static const char *const CLASS_NAMES[] = {
    [ERROR_RETRY]             = "retry",
    [ERROR_BAD_RECORD]        = "bad_record",
    [ERROR_BAD_CONFIGURATION] = "bad_configuration",
    [ERROR_FATAL]             = "fatal",
};

static const struct code_info *
code_info(enum error_code code)
{
    CHECK((unsigned)code < ERR_CODE_COUNT);
    return &CODES[code];
}

/* Where a text of `size` bytes may be cut to at most `limit` without splitting a character. */
static size_t
cut_at_character(const char *text, size_t size, size_t limit)
{
    if (size <= limit)
        return size;
    while (limit > 0 && ((unsigned char)text[limit] & 0xc0) == 0x80)
        limit--;
    return limit;
}

/* printf into a fixed field; what does not fit is cut and closed with "...". */
static void __attribute__((format(printf, 3, 0)))
print_field(char *field, size_t field_size, const char *format, va_list arguments)
{
    int length = vsnprintf(field, field_size, format, arguments);
    if (length < 0) {
        field[0] = '\0';
        return;
    }
    if ((size_t)length >= field_size) {
        size_t end = cut_at_character(field, field_size, field_size - sizeof "...");
        memcpy(field + end, "...", sizeof "...");
    }
}

static bool
is_set(const struct error *err)
{
    return err != NULL && err->code != ERR_NONE;
}

void
error_clear(struct error *err)
{
    if (err != NULL)
        *err = ERROR_EMPTY;
}

enum status
error_set_va(struct error *err, enum error_code code, const char *format, va_list arguments)
{
    CHECK(code != ERR_NONE);
    if (err == NULL)
        return ST_ERROR;
    /* Not the whole struct: a kilobyte of zeros for every record that does not parse would show. */
    err->code       = code;
    err->class      = code_info(code)->class;
    err->line       = 0;
    err->column     = 0;
    err->offset     = 0;
    err->has_offset = false;
    err->context[0] = '\0';
    err->hint[0]    = '\0';
    err->file[0]    = '\0';
    print_field(err->message, sizeof err->message, format, arguments);
    return ST_ERROR;
}

enum status
error_set(struct error *err, enum error_code code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    enum status status = error_set_va(err, code, format, arguments);
    va_end(arguments);
    return status;
}

enum status
error_no_memory(struct error *err)
{
    return error_set(err, ERR_NO_MEMORY, "out of memory");
}

void
error_class_set(struct error *err, enum error_class class)
{
    if (is_set(err))
        err->class = class;
}

void
error_hint(struct error *err, const char *format, ...)
{
    if (!is_set(err))
        return;
    va_list arguments;
    va_start(arguments, format);
    print_field(err->hint, sizeof err->hint, format, arguments);
    va_end(arguments);
}

static void
file_set(struct error *err, const char *file)
{
    if (file == NULL)
        return;
    size_t size = strlen(file);
    if (size < sizeof err->file) {
        memcpy(err->file, file, size + 1);
        return;
    }
    /* Of a path the end says more than the beginning. */
    const char *tail = file + size - (sizeof err->file - sizeof "...");
    while (((unsigned char)*tail & 0xc0) == 0x80)
        tail++;
    snprintf(err->file, sizeof err->file, "...%s", tail);
}

void
error_at(struct error *err, const char *file, uint32_t line, uint32_t column)
{
    if (!is_set(err))
        return;
    file_set(err, file);
    err->line   = line;
    err->column = column;
}

void
error_at_offset(struct error *err, const char *file, uint64_t offset)
{
    if (!is_set(err))
        return;
    file_set(err, file);
    err->offset     = offset;
    err->has_offset = true;
}

void
error_context(struct error *err, const char *format, ...)
{
    if (!is_set(err))
        return;
    size_t used = strlen(err->context);
    size_t skip = used > 0 ? 1 : 0; /* The line feed before it. */
    if (used + skip + 16 >= sizeof err->context)
        return;
    char   *step = err->context + used + skip;
    va_list arguments;
    va_start(arguments, format);
    print_field(step, sizeof err->context - used - skip, format, arguments);
    va_end(arguments);
    if (skip > 0)
        err->context[used] = '\n';
    for (char *c = step; *c != '\0'; c++)
        if (*c == '\n')
            *c = ' ';
}

int
error_code_exit(enum error_code code)
{
    return code_info(code)->exit_code;
}

int
error_exit_code(const struct error *err)
{
    return err != NULL ? error_code_exit(err->code) : 0;
}

const char *
error_code_name(enum error_code code)
{
    return code_info(code)->name;
}

const char *
error_code_help(enum error_code code)
{
    return code_info(code)->help;
}

const char *
error_class_name(enum error_class class)
{
    CHECK((unsigned)class < sizeof CLASS_NAMES / sizeof *CLASS_NAMES);
    return CLASS_NAMES[class];
}

/* ---- Printing ---- */

/* A buffer that drops what does not fit. */
struct out {
    char  *data;
    size_t size;
    size_t capacity;
};

static void
put(struct out *out, const char *data, size_t size)
{
    if (size > out->capacity - 1 - out->size)
        size = out->capacity - 1 - out->size;
    memcpy(out->data + out->size, data, size);
    out->size += size;
}

static void
put_cstr(struct out *out, const char *text)
{
    put(out, text, strlen(text));
}

static void __attribute__((format(printf, 2, 3)))
put_format(struct out *out, const char *format, ...)
{
    char    text[64];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    CHECK(length >= 0 && (size_t)length < sizeof text);
    put(out, text, (size_t)length);
}

/* One character or bad byte; returns how many bytes of the text it took. */
static size_t
put_character(struct out *out, struct str text, bool is_json)
{
    uint32_t character = 0;
    size_t   size      = utf8_decode(text, &character);
    if (size == 0)
        put_format(out, "%sx%02x", is_json ? "\\\\" : "\\", (unsigned char)text.data[0]);
    else if (is_json && (character == '"' || character == '\\'))
        put_format(out, "\\%c", (char)character);
    else if (utf8_is_unsafe(character))
        put_format(out, is_json ? "\\u%04x" : character < 0x100 ? "\\x%02x" : "\\u{%04x}", (unsigned)character);
    else
        put(out, text.data, size);
    return size > 0 ? size : 1;
}

static void
put_text(struct out *out, struct str text, bool is_json)
{
    for (size_t i = 0; i < text.size;)
        i += put_character(out, str_slice(text, i, text.size), is_json);
}

/* Lines of a text from its second on, indented, so that none can pass for one of ours; the empty ones are left out. */
static void
put_more_lines(struct out *out, struct str_split *lines)
{
    struct str line;
    while (str_split_next(lines, &line))
        if (str_trim(line).size > 0) {
            put_cstr(out, "\n  ");
            put_text(out, line, false);
        }
}

static void
put_place(struct out *out, const struct error *err)
{
    if (err->file[0] != '\0')
        put_text(out, str_from(err->file), false);
    if (err->line > 0)
        put_format(out, "%s%u", err->file[0] != '\0' ? ":" : "line ", err->line);
    if (err->line > 0 && err->column > 0)
        put_format(out, ":%u", err->column);
    if (err->has_offset)
        put_format(out, "%sbyte %llu", out->size > 0 ? ", " : "", (unsigned long long)err->offset);
    if (out->size > 0)
        put_cstr(out, ": ");
}

size_t
error_print(const struct error *err, char *buffer, size_t capacity)
{
    CHECK(capacity > 0);
    struct out out = { buffer, 0, capacity };
    if (is_set(err)) {
        struct str_split lines = str_split_init(str_from(err->message), '\n');
        struct str       line  = STR_EMPTY;
        put_place(&out, err);
        if (str_split_next(&lines, &line))
            put_text(&out, line, false);
        struct str_split steps = str_split_init(str_from(err->context), '\n');
        struct str       step;
        while (str_split_next(&steps, &step) && step.size > 0) {
            put_cstr(&out, ", while ");
            put_text(&out, step, false);
        }
        put_more_lines(&out, &lines);
        if (err->hint[0] != '\0') {
            put_cstr(&out, "\n  ");
            put_text(&out, str_from(err->hint), false);
        }
    }
    buffer[out.size] = '\0';
    return out.size;
}

static void
put_json_member(struct out *out, const char *name, struct str text)
{
    put_format(out, ",\"%s\":\"", name);
    put_text(out, text, true);
    put_cstr(out, "\"");
}

static void
put_json_context(struct out *out, const struct error *err)
{
    struct str_split steps = str_split_init(str_from(err->context), '\n');
    struct str       step;
    const char      *separator = ",\"context\":[\"";
    while (str_split_next(&steps, &step)) {
        put_cstr(out, separator);
        put_text(out, step, true);
        separator = "\",\"";
    }
    put_cstr(out, "\"]");
}

size_t
error_print_json(const struct error *err, char *buffer, size_t capacity)
{
    CHECK(capacity > 0);
    static const struct error none = { .code = ERR_NONE, .class = ERROR_FATAL };
    if (err == NULL)
        err = &none;
    struct out out = { buffer, 0, capacity };
    put_format(&out, "{\"code\":\"%s\"", error_code_name(err->code));
    put_format(&out, ",\"class\":\"%s\"", error_class_name(err->class));
    put_format(&out, ",\"exit_code\":%d", error_exit_code(err));
    put_json_member(&out, "message", str_from(err->message));
    if (err->context[0] != '\0')
        put_json_context(&out, err);
    if (err->hint[0] != '\0')
        put_json_member(&out, "hint", str_from(err->hint));
    if (err->file[0] != '\0')
        put_json_member(&out, "file", str_from(err->file));
    if (err->line > 0)
        put_format(&out, ",\"line\":%u", err->line);
    if (err->column > 0)
        put_format(&out, ",\"column\":%u", err->column);
    if (err->has_offset)
        put_format(&out, ",\"offset\":%llu", (unsigned long long)err->offset);
    put_cstr(&out, "}");
    buffer[out.size] = '\0';
    return out.size;
}
