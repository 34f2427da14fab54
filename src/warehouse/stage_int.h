/* Rows of a run on their way to core, by column, in memory: written by the decoding threads, read by DuckDB as a table function, without
 * a copy. DuckDB's own tables would take them in two or three steps, each dearer than decoding.
 *
 * A table is a list of blocks, a block is what one chunk gave, of one input. Where all blocks have size_max bytes, further ones are
 * spilled (spill_int.h), column by column: a scan reads back those that its statement needs (I10).
 *
 * G1  While rows are put, none are read: readers begin when all writers are done.
 * G2  Only one connection may read, that of runs: no user's query reaches rows that are not published.
 * G3  What a scan gives out of memory lives as long as the table: texts point into blocks. Texts that were spilled are copied. */
#ifndef HEDDLE_WAREHOUSE_STAGE_INT_H
#define HEDDLE_WAREHOUSE_STAGE_INT_H

#include "column/chunk.h"
#include "warehouse/db.h"

struct stage;
struct stage_table;

struct stage_options {
    struct io  *io;
    const char *spill_path; /* Of the file that is made where memory is full. */
    int64_t     size_max;   /* What blocks may take of memory. */
    int64_t     spill_max;  /* What they may take of the file; 0: what the device has. */
};

/* `options` are copied, but for the path's text. */
enum status stage_create(const struct stage_options *options, struct stage **ret_stage, struct error *err);
void        stage_free(struct stage *stage); /* NULL is allowed. */

/* A table of `constant_count` BIGINT columns and then those given; names are copied. By one thread at a time. */
enum status stage_add(struct stage *stage, const char *name, const struct schema_column *columns, uint32_t column_count,
                      struct stage_table **ret_table, struct error *err);

/* Copies the rows of `selection` (NULL: the first row_count) of the input; columns as the table has them. ERR_FULL: neither memory nor
 * the file has room. Threads may put at the same time. */
enum status stage_put(struct stage_table *table, int64_t input_number, const struct column *const *columns,
                      const uint16_t *selection, uint32_t row_count, struct error *err);

const char *stage_name(const struct stage_table *table);
/* Bytes that were spilled. */
int64_t stage_spilled_size(const struct stage *stage);

/* Takes out what was put of the input. */
void stage_withdraw(struct stage_table *table, int64_t input_number);

/* Makes hd_stage('<table>') known to the database: it scans tables of *slot, which may be NULL, for `connection` alone. `slot` outlives the
 * database. */
enum status stage_register(struct stage *const *slot, struct db_connection *connection, struct error *err);

#endif
