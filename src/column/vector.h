/* Views that kernels read, and the place that they write to. */
#ifndef HEDDLE_COLUMN_VECTOR_H
#define HEDDLE_COLUMN_VECTOR_H

#include "column/type.h"

/* A read-only run of values; owns nothing.
 *
 * `validity` has one bit a row, 64 a word, 1 = valid; NULL = all valid (DuckDB's
 * convention). A constant has one value, for all rows: index it through
 * vector_row(). Kernels must look at validity themselves, in both legs: DuckDB
 * calls a C function on the NULL rows of a column too, and would show what an
 * earlier vector left in them. */
struct vector {
    struct type     type;
    bool            is_constant;
    const void     *data;
    const uint64_t *validity;
};

static inline uint32_t
vector_row(const struct vector *vector, uint32_t row)
{
    return vector->is_constant ? 0 : row;
}

static inline bool
validity_get(const uint64_t *validity, uint32_t row)
{
    return validity == NULL || ((validity[row >> 6] >> (row & 63)) & 1) != 0;
}

static inline bool
vector_is_valid(const struct vector *vector, uint32_t row)
{
    return validity_get(vector->validity, vector_row(vector, row));
}

/* Where a kernel writes its result: `data` has room for all rows, `validity` is
 * never NULL and starts all valid. Text goes through vector_out_text(): short
 * text is stored inline, longer text is copied to where the caller wants it (an
 * arena of ours, DuckDB's heap), so that a kernel allocates nothing itself. */
struct vector_out {
    struct type type;
    void       *data;
    uint64_t   *validity;
    /* Copies `size` bytes (> 12) and returns them, or NULL when memory is out. */
    const char *(*text_copy)(void *text_owner, const char *bytes, size_t size);
    void *text_owner;
    bool  may_share; /* The arguments' long texts live as long as the output: no need to copy them. */
    bool  failed;    /* Memory ran out; the caller turns it into an error. */
};

static inline void
vector_out_null(struct vector_out *out, uint32_t row)
{
    out->validity[row >> 6] &= ~((uint64_t)1 << (row & 63));
}

/* The same where the text is longer than TEXT_INLINE_SIZE. */
void vector_out_long_text(struct vector_out *out, uint32_t row, const char *bytes, size_t size);

/* Stores a copy of the bytes as the row's text; NULL on out of memory (out->failed). */
static inline void
vector_out_text(struct vector_out *out, uint32_t row, const char *bytes, size_t size)
{
    CHECK(out->type.kind == TYPE_TEXT);
    if (size <= TEXT_INLINE_SIZE)
        text_set(&((struct text *)out->data)[row], bytes, size);
    else
        vector_out_long_text(out, row, bytes, size);
}

/* Stores a text that is (part of) an argument: without copying its bytes where out->may_share says so. */
static inline void
vector_out_text_shared(struct vector_out *out, uint32_t row, const char *bytes, size_t size)
{
    CHECK(out->type.kind == TYPE_TEXT);
    if (size <= TEXT_INLINE_SIZE || out->may_share)
        text_set(&((struct text *)out->data)[row], bytes, size);
    else
        vector_out_long_text(out, row, bytes, size);
}

#endif
