/* How a stage holds rows: for stage.c, which writes them, and stage_scan.c, which gives them to DuckDB. */
#ifndef HEDDLE_WAREHOUSE_STAGE_STORE_INT_H
#define HEDDLE_WAREHOUSE_STAGE_STORE_INT_H

#include <stdatomic.h>

#include "base/arena.h"
#include "io/thread.h"
#include "warehouse/stage_int.h"

/* What the values of a column are in a block: all null; one in all rows; one a row; some rows null. */
enum stage_shape { STAGE_NULL, STAGE_SAME, STAGE_VALID, STAGE_MIXED };

struct stage_column {
    enum stage_shape shape;
    const void      *data;     /* In the layout of struct column; one value of STAGE_SAME. */
    uint64_t        *validity; /* Of STAGE_MIXED. */
};

struct stage_block {
    int64_t             input_number;
    uint32_t            row_count;
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
    struct arena        arena; /* Tables and names. */
    struct stage_table *tables;
    struct mutex        mutex; /* Guards lists of blocks while rows are put. */
    _Atomic int64_t     size;  /* Of all blocks. */
    int64_t             size_max;
};

/* NULL: there is none. */
struct stage_table *stage_find(struct stage *stage, struct str name);

#endif
