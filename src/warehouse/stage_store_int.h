/* How a stage holds rows: for stage.c, which writes them, and stage_scan.c, which gives them to DuckDB. */
#ifndef HEDDLE_WAREHOUSE_STAGE_STORE_INT_H
#define HEDDLE_WAREHOUSE_STAGE_STORE_INT_H

#include <stdatomic.h>

#include "base/arena.h"
#include "io/thread.h"
#include "warehouse/spill_int.h"
#include "warehouse/stage_int.h"

#define STAGE_PACKER_COUNT_MAX 64 /* Kept ready; one a thread that puts. */
/* Rows of more bytes are put as several blocks: a thread that spills holds a block and what it is packed to. */
#define STAGE_BLOCK_SIZE_MAX (8u << 20)

/* What the values of a column are in a block: all null; one in all rows; one a row; some rows null. */
enum stage_shape { STAGE_NULL, STAGE_SAME, STAGE_VALID, STAGE_MIXED };

struct stage_column {
    enum stage_shape shape;
    uint32_t         size; /* Bytes from `data` on: values, validity, long texts. */
    const void                *
        data; /* In the layout of struct column; one value of STAGE_SAME. Spilled: where it was, for texts point there. */
    uint64_t          *validity; /* Of STAGE_MIXED. */
    struct spill_piece piece;    /* Spilled: the bytes from `data` on. */
};

struct stage_block {
    int64_t             input_number;
    uint32_t            row_count;
    uint64_t            record; /* Spilled: its place. */
    struct spill_piece  head;   /* Spilled: the columns, which are not here then. */
    struct stage_column columns[];
};

struct stage_table {
    struct stage_table         *next;
    struct stage               *stage;
    const char                 *name;
    const struct schema_column *columns;
    uint32_t                    column_count;
    struct stage_block        **blocks;
    uint32_t                    block_count;
    uint32_t                    block_capacity;
    uint64_t                    row_count;
};

struct stage {
    struct stage_options options;
    struct arena         arena; /* Tables and names. */
    struct stage_table  *tables;
    struct mutex         mutex; /* Guards lists of blocks, spill and packers while rows are put. */
    _Atomic int64_t      size;  /* Of all blocks in memory. */
    struct spill        *spill; /* NULL: memory was never full. */
    struct spill_packer *packers[STAGE_PACKER_COUNT_MAX]; /* Of no thread just now. */
    uint32_t             packer_count;
};

/* Where a column's validity lies behind its values, and long texts behind a validity. */
static inline size_t
stage_align(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

/* NULL: there is none. */
struct stage_table *stage_find(struct stage *stage, struct str name);

#endif
