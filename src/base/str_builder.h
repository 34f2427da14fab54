/* A text that grows.
 *
 * Running out of memory is remembered, not returned: what is appended afterwards is dropped, and the caller asks
 * once, at the end, with str_builder_status (or str_builder_is_ok). So writers need no error path for every comma. */
#ifndef HEDDLE_BASE_STR_BUILDER_H
#define HEDDLE_BASE_STR_BUILDER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

struct str_builder {
    char  *data;     /* NUL-terminated once anything was appended. */
    size_t size;     /* Without the NUL. */
    size_t capacity; /* Of `data`, the NUL included. */
    bool   has_failed;
};

#define STR_BUILDER_EMPTY ((struct str_builder){ NULL, 0, 0, false })

void str_builder_init(struct str_builder *builder);
/* Empties the text and forgets a failure; keeps the memory. */
void str_builder_clear(struct str_builder *builder);
void str_builder_release(struct str_builder *builder);

/* Makes room for `size` more bytes, so that the next appends cannot fail. */
bool str_builder_reserve(struct str_builder *builder, size_t size);

void str_builder_append(struct str_builder *builder, struct str text);
void str_builder_append_cstr(struct str_builder *builder, const char *text);
void str_builder_append_char(struct str_builder *builder, char c);
void str_builder_printf(struct str_builder *builder, const char *format, ...) __attribute__((format(printf, 2, 3)));
void str_builder_vprintf(struct str_builder *builder, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* Text for a terminal or a log: control characters (line feed and tab too), bidirectional overrides and bytes that
 * are not UTF-8 come out as \n, \t, \xNN or \u{NNNN}. So text from outside can neither steer the terminal nor
 * forge a line. A backslash is written as it is: the result is for eyes, not for reading back. */
void str_builder_append_escaped(struct str_builder *builder, struct str text);

/* Drops everything behind the first `size` bytes. */
void str_builder_truncate(struct str_builder *builder, size_t size);

/* The text so far; valid until the next append. */
struct str str_builder_text(const struct str_builder *builder);
/* The same as a C string, "" when nothing was appended. */
const char *str_builder_cstr(const struct str_builder *builder);

bool        str_builder_is_ok(const struct str_builder *builder);
enum status str_builder_status(const struct str_builder *builder, struct error *err);

/* Hands the NUL-terminated block over: the caller frees it with memory_free, the builder is empty. NULL where memory
 * had run out. */
char *str_builder_take(struct str_builder *builder, size_t *ret_size);

#endif
