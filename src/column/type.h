/* The types of columns, and the 16-byte text that they share with DuckDB. */
#ifndef HEDDLE_COLUMN_TYPE_H
#define HEDDLE_COLUMN_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"

/* Layout of one value:
 *
 *   BOOL       1 byte, 0 or 1
 *   INT64      int64_t
 *   DOUBLE     double
 *   DECIMAL    int64_t, the value times 10^scale; at most 18 digits
 *   TEXT       struct text, UTF-8
 *   TIMESTAMP  int64_t, microseconds since 1970-01-01T00:00:00Z
 *   DATE       int32_t, days since 1970-01-01
 *
 * These are DuckDB's flat vectors (DECIMAL(18,s) is an int64 there), so that a
 * kernel runs unchanged over our columns and over DuckDB's. An identifier is a
 * pair of TEXT columns, X_system and X_id. */
enum type_kind {
    TYPE_BOOL,
    TYPE_INT64,
    TYPE_DOUBLE,
    TYPE_DECIMAL,
    TYPE_TEXT,
    TYPE_TIMESTAMP,
    TYPE_DATE,
    TYPE_KIND_COUNT
};

#define DECIMAL_DIGITS_MAX 18

struct type {
    enum type_kind kind;
    uint8_t        scale; /* DECIMAL only, 0..18. */
};

#define TYPE(KIND) ((struct type){.kind = (KIND)})
#define TYPE_DECIMAL_OF(SCALE) ((struct type){.kind = TYPE_DECIMAL, .scale = (SCALE)})

/* Up to 12 bytes inline; longer text keeps 4 bytes of prefix and points to bytes
 * that somebody else owns (the chunk's arena, a leased buffer, DuckDB's heap).
 * The bytes behind the end of an inline text are zero, so that two inline texts
 * compare as two words. Same layout as duckdb_string_t. */
#define TEXT_INLINE_SIZE 12

struct text {
    union {
        struct {
            uint32_t size;
            char     inlined[TEXT_INLINE_SIZE];
        };
        struct {
            uint32_t    size; /* The same word again. */
            char        prefix[4];
            const char *data;
        } pointer;
    };
};

_Static_assert(sizeof(struct text) == 16, "struct text is DuckDB's string");

static inline const char *
text_data(const struct text *text)
{
    return text->size <= TEXT_INLINE_SIZE ? text->inlined : text->pointer.data;
}

/* No text of a column is longer (DuckDB's own limit is 4 GiB); who makes one checks. */
#define TEXT_SIZE_MAX 0x7fffffff

/* Stores a text over `data` in place; a text longer than 12 bytes borrows it. size <= TEXT_SIZE_MAX.
 *
 * Once a cell, so it is written for speed: no call of memcpy with a size that varies, and only stores, because a load of
 * all 16 bytes right behind smaller stores would wait for them to leave the store buffer. */
static inline void
text_set(struct text *to, const char *data, size_t size)
{
    CHECK(size <= TEXT_SIZE_MAX);
    if (size > TEXT_INLINE_SIZE) {
        to->pointer.size = (uint32_t)size;
        memcpy(to->pointer.prefix, data, sizeof to->pointer.prefix);
        to->pointer.data = data;
        return;
    }
    memset(to, 0, sizeof *to);
    to->size = (uint32_t)size;
    /* Two pieces of a fixed size that overlap in the middle. */
    if (size >= 8) {
        memcpy(to->inlined, data, 8);
        memcpy(to->inlined + size - 4, data + size - 4, 4);
    } else if (size >= 4) {
        memcpy(to->inlined, data, 4);
        memcpy(to->inlined + size - 4, data + size - 4, 4);
    } else if (size > 0) {
        to->inlined[0]        = data[0];
        to->inlined[size / 2] = data[size / 2];
        to->inlined[size - 1] = data[size - 1];
    }
}

/* The same as a value. */
static inline struct text
text_view(const char *data, size_t size)
{
    struct text text;
    text_set(&text, data, size);
    return text;
}

static inline bool
text_equal(const struct text *a, const struct text *b)
{
    /* Size and first four bytes in one word: decides nearly always. */
    uint64_t words_a[2], words_b[2];
    memcpy(words_a, a, sizeof words_a);
    memcpy(words_b, b, sizeof words_b);
    if (words_a[0] != words_b[0])
        return false;
    return words_a[1] == words_b[1] ||
           (a->size > TEXT_INLINE_SIZE && memcmp(a->pointer.data, b->pointer.data, a->size) == 0);
}

/* Byte order, as DuckDB compares VARCHAR. <0, 0, >0. */
int text_compare(const struct text *a, const struct text *b);

size_t      type_value_size(struct type type);
bool        type_equal(struct type a, struct type b);
/* "decimal(18,6)", "text", … : the names of the entity files. */
const char *type_name(struct type type, char *buffer, size_t buffer_size);
/* False when `name` is no type. */
bool type_parse(const char *name, size_t name_size, struct type *ret_type);

#endif
