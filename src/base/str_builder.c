#include "base/str_builder.h"

#include <stdint.h>
#include <stdio.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/utf8.h"

void
str_builder_init(struct str_builder *builder)
{
    *builder = STR_BUILDER_EMPTY;
}

void
str_builder_clear(struct str_builder *builder)
{
    str_builder_truncate(builder, 0);
    builder->has_failed = false;
}

void
str_builder_release(struct str_builder *builder)
{
    memory_free(builder->data);
    *builder = STR_BUILDER_EMPTY;
}

bool
str_builder_reserve(struct str_builder *builder, size_t size)
{
    if (builder->has_failed)
        return false;
    size_t wanted;
    if (__builtin_add_overflow(builder->size, size, &wanted) || __builtin_add_overflow(wanted, (size_t)1, &wanted)) {
        builder->has_failed = true;
        return false;
    }
    if (wanted <= builder->capacity)
        return true;
    size_t capacity = builder->capacity < 64 ? 64 : builder->capacity;
    while (capacity < wanted)
        capacity = capacity > SIZE_MAX / 2 ? wanted : capacity * 2;
    char *data = memory_resize(builder->data, capacity);
    if (data == NULL) {
        builder->has_failed = true;
        return false;
    }
    if (builder->data == NULL)
        data[0] = '\0';
    builder->data     = data;
    builder->capacity = capacity;
    return true;
}

void
str_builder_append(struct str_builder *builder, struct str text)
{
    if (text.size == 0 || !str_builder_reserve(builder, text.size))
        return;
    memcpy(builder->data + builder->size, text.data, text.size);
    builder->size += text.size;
    builder->data[builder->size] = '\0';
}

void
str_builder_append_cstr(struct str_builder *builder, const char *text)
{
    str_builder_append(builder, str_from(text));
}

void
str_builder_append_char(struct str_builder *builder, char c)
{
    str_builder_append(builder, str_of(&c, 1));
}

void
str_builder_vprintf(struct str_builder *builder, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    size_t room   = builder->capacity - builder->size;
    int    length = vsnprintf(room > 0 ? builder->data + builder->size : NULL, room, format, arguments);
    if (length < 0) {
        builder->has_failed = true;
    } else if ((size_t)length < room && !builder->has_failed) {
        builder->size += (size_t)length;
    } else if (str_builder_reserve(builder, (size_t)length)) {
        vsnprintf(builder->data + builder->size, (size_t)length + 1, format, again);
        builder->size += (size_t)length;
    }
    if (builder->data != NULL)
        builder->data[builder->size] = '\0';
    va_end(again);
}

void
str_builder_printf(struct str_builder *builder, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    str_builder_vprintf(builder, format, arguments);
    va_end(arguments);
}

void
str_builder_append_escaped(struct str_builder *builder, struct str text)
{
    for (size_t i = 0; i < text.size;) {
        uint32_t   character = 0;
        struct str rest      = str_slice(text, i, text.size);
        size_t     size      = utf8_decode(rest, &character);
        if (size == 0)
            str_builder_printf(builder, "\\x%02x", (unsigned char)rest.data[0]);
        else if (character == '\n' || character == '\t')
            str_builder_append_cstr(builder, character == '\n' ? "\\n" : "\\t");
        else if (utf8_is_unsafe(character))
            str_builder_printf(builder, character < 0x80 ? "\\x%02x" : "\\u{%04x}", (unsigned)character);
        else
            str_builder_append(builder, str_slice(rest, 0, size));
        i += size > 0 ? size : 1;
    }
}

void
str_builder_truncate(struct str_builder *builder, size_t size)
{
    CHECK(size <= builder->size);
    builder->size = size;
    if (builder->data != NULL)
        builder->data[size] = '\0';
}

struct str
str_builder_text(const struct str_builder *builder)
{
    return str_of(builder->data, builder->size);
}

const char *
str_builder_cstr(const struct str_builder *builder)
{
    return builder->data != NULL ? builder->data : "";
}

bool
str_builder_is_ok(const struct str_builder *builder)
{
    return !builder->has_failed;
}

enum status
str_builder_status(const struct str_builder *builder, struct error *err)
{
    return builder->has_failed ? error_no_memory(err) : ST_OK;
}

char *
str_builder_take(struct str_builder *builder, size_t *ret_size)
{
    if (!str_builder_reserve(builder, 0))
        return NULL;
    char *data = builder->data;
    if (ret_size != NULL)
        *ret_size = builder->size;
    *builder = STR_BUILDER_EMPTY;
    return data;
}
