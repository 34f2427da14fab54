/* Data in memory: up to 2,048 rows of typed columns.
 *
 * A chunk is what moves between the parts of both legs: a decoder fills one, an
 * expression reads columns and writes another, an exchange copies rows of one
 * into one for each shard, the warehouse hands one to DuckDB.
 *
 *   schema     names and types, shared, read-only, outlives the chunk
 *   columns    one a schema column, data in DuckDB's flat layout (column/type.h)
 *   selection  the rows that count, ascending; NULL = all. A filter narrows it and
 *              moves no data; kernels compute all rows, consumers honour it
 *   arena      bytes of long texts; cleared with the chunk
 *   lease      keeps the source's memory (a mapped file, a fetched batch) alive
 *              while texts point into it
 *
 * Ownership: whoever holds the pointer. chunk_init makes it usable, chunk_clear
 * keeps memory for the next 2,048 rows, chunk_release frees what it holds. A chunk
 * moves by pointer through rings and comes back to its pool; it is never shared. */
#ifndef HEDDLE_COLUMN_CHUNK_H
#define HEDDLE_COLUMN_CHUNK_H

#include "base/arena.h"
#include "base/error.h"
#include "base/limits.h" /* CHUNK_ROW_COUNT_MAX */
#include "column/vector.h"

struct schema_column {
    const char *name;
    struct type type;
};

struct schema {
    const struct schema_column *columns;
    uint32_t                    column_count;
};

struct column {
    struct type type;
    void       *data;     /* CHUNK_ROW_COUNT_MAX values, allocated with the chunk. */
    uint64_t   *validity; /* Always allocated; all_valid says whether to look. */
    bool        all_valid;
};

/* A source's memory that texts may point into; counted, release by the last. */
struct lease {
    void (*release)(struct lease *lease);
    uint32_t reference_count; /* Touched by one thread only: leases do not cross rings. */
};

struct chunk {
    const struct schema *schema;
    struct column       *columns;
    uint32_t             row_count;
    uint16_t            *selection; /* NULL = all rows 0..row_count-1. */
    uint32_t             selected_count;
    struct arena         arena;
    struct lease        *lease;
    uint16_t            *selection_memory;
    uint32_t             capacity; /* Rows; CHUNK_ROW_COUNT_MAX but in tests (1, 7). */
};

/* Allocates columns for `capacity` rows (1..CHUNK_ROW_COUNT_MAX). */
enum status chunk_init(struct chunk *chunk, const struct schema *schema, uint32_t capacity, struct error *err);
void        chunk_clear(struct chunk *chunk);
void        chunk_release(struct chunk *chunk);

/* Index of the named column, or -1. */
int32_t schema_find(const struct schema *schema, const char *name);

/* View of column `index` for kernels. */
struct vector chunk_vector(const struct chunk *chunk, uint32_t index);
/* Output over column `index`; marks the column all valid first. Texts are copied into the chunk's arena. */
struct vector_out chunk_out(struct chunk *chunk, uint32_t index);
/* After a kernel wrote through chunk_out: recomputes all_valid. */
void chunk_out_done(struct chunk *chunk, uint32_t index, const struct vector_out *out);

/* Appends row `row` of `from` to `to` (same schema or a prefix of it), copying long texts into
 * to's arena. `to` has room (row_count < capacity). */
enum status chunk_append_row(struct chunk *to, const struct chunk *from, uint32_t row, struct error *err);

/* Narrows the selection to rows whose BOOL is true (neither false nor null). */
void chunk_filter(struct chunk *chunk, const struct vector *condition);

/* Setters for builders (decoders, tests): row < capacity; they do not move row_count. */
void        chunk_set_all_valid(struct chunk *chunk, uint32_t column); /* For who writes a column's memory himself. */
void        chunk_set_all_null(struct chunk *chunk, uint32_t column);
void        chunk_set_null(struct chunk *chunk, uint32_t column, uint32_t row);
enum status chunk_set_text(struct chunk *chunk, uint32_t column, uint32_t row, const char *bytes, size_t size,
                           struct error *err); /* Copies. */
void        chunk_set_text_leased(struct chunk *chunk, uint32_t column, uint32_t row, const char *bytes,
                                  size_t size); /* Bytes live as long as chunk->lease. */
void        chunk_set_int64(struct chunk *chunk, uint32_t column, uint32_t row, int64_t value); /* INT64, DECIMAL, TIMESTAMP */
void        chunk_set_int32(struct chunk *chunk, uint32_t column, uint32_t row, int32_t value); /* DATE */
void        chunk_set_double(struct chunk *chunk, uint32_t column, uint32_t row, double value);
void        chunk_set_bool(struct chunk *chunk, uint32_t column, uint32_t row, bool value);

#endif
