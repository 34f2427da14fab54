/* The small things that kernels share: reading a row of an argument, writing a row of the result. */
#ifndef HEDDLE_COLUMN_KERNEL_H
#define HEDDLE_COLUMN_KERNEL_H

#include "base/str.h"
#include "column/function.h"

/* Values of a valid row. The vector's type must be of the kind named: DECIMAL and TIMESTAMP are int64 too. The text's
 * bytes are those of the vector: copy neither them nor the view beyond the call. */
static inline int64_t
vector_int64(const struct vector *vector, uint32_t row)
{
    return ((const int64_t *)vector->data)[vector_row(vector, row)];
}

static inline int32_t
vector_date(const struct vector *vector, uint32_t row)
{
    return ((const int32_t *)vector->data)[vector_row(vector, row)];
}

static inline double
vector_double(const struct vector *vector, uint32_t row)
{
    return ((const double *)vector->data)[vector_row(vector, row)];
}

static inline bool
vector_bool(const struct vector *vector, uint32_t row)
{
    return ((const uint8_t *)vector->data)[vector_row(vector, row)] != 0;
}

static inline const struct text *
vector_text(const struct vector *vector, uint32_t row)
{
    return &((const struct text *)vector->data)[vector_row(vector, row)];
}

static inline struct str
vector_str(const struct vector *vector, uint32_t row)
{
    const struct text *text = vector_text(vector, row);
    return str_of(text_data(text), text->size);
}

/* Which of the 64 rows from `row`, a multiple of 64, are valid. A constant has one bit for all of them. */
static inline uint64_t
vector_block_validity(const struct vector *vector, uint32_t row)
{
    if (vector->is_constant || vector->validity == NULL)
        return vector_is_valid(vector, 0) ? UINT64_MAX : 0;
    return vector->validity[row >> 6];
}

/* Whether all arguments of the row are there. */
static inline bool
vectors_are_valid(const struct vector *args, uint32_t argument_count, uint32_t row)
{
    for (uint32_t i = 0; i < argument_count; i++)
        if (!vector_is_valid(&args[i], row))
            return false;
    return true;
}

static inline void
vector_out_int64(struct vector_out *out, uint32_t row, int64_t value) /* INT64, DECIMAL, TIMESTAMP */
{
    ((int64_t *)out->data)[row] = value;
}

static inline void
vector_out_date(struct vector_out *out, uint32_t row, int32_t value)
{
    ((int32_t *)out->data)[row] = value;
}

static inline void
vector_out_double(struct vector_out *out, uint32_t row, double value)
{
    ((double *)out->data)[row] = value;
}

static inline void
vector_out_bool(struct vector_out *out, uint32_t row, bool value)
{
    ((uint8_t *)out->data)[row] = value ? 1 : 0;
}

#endif
