/* Rows of a run on their way to core, by column, in memory: written by the decoding threads, read by DuckDB as a table function, without
 * a copy. DuckDB's own tables would take them in two or three steps, each dearer than decoding.
 *
 * A table is a list of blocks, a block is what one chunk gave, of one input. Where all blocks have size_max bytes, the stage takes no
 * more and its user appends to a table of DuckDB's, which spills (I10).
 *
 * G1  While rows are put, none are read: readers begin when all writers are done.
 * G2  Only one connection may read, that of runs: no user's query reaches rows that are not published.
 * G3  What a scan gives out lives as long as the table: texts point into blocks. */
#ifndef HEDDLE_WAREHOUSE_STAGE_INT_H
#define HEDDLE_WAREHOUSE_STAGE_INT_H

#include "column/chunk.h"
#include "warehouse/db.h"

struct stage;
struct stage_table;

enum status stage_create(int64_t size_max, struct stage **ret_stage, struct error *err);
void        stage_free(struct stage *stage); /* NULL is allowed. */

/* A table of `constant_count` BIGINT columns and then those given; names are copied. By one thread at a time. */
enum status stage_add(struct stage *stage, const char *name, const struct schema_column *columns, uint32_t column_count,
                      struct stage_table **ret_table, struct error *err);

/* Copies the rows of `selection` (NULL: the first row_count) of the input; columns as the table has them. *ret_is_taken is false where
 * the stage is full: nothing was taken. Threads may put at the same time. */
enum status stage_put(struct stage_table *table, int64_t input_number, const struct column *const *columns, const uint16_t *selection,
                      uint32_t row_count, bool *ret_is_taken, struct error *err);

const char *stage_name(const struct stage_table *table);
bool        stage_is_empty(const struct stage_table *table);

/* Takes out what was put of the input. */
void stage_withdraw(struct stage_table *table, int64_t input_number);

/* Makes hd_stage('<table>') known to the database: it scans tables of *slot, which may be NULL, for `connection` alone. `slot` outlives the
 * database. */
enum status stage_register(struct stage *const *slot, struct db_connection *connection, struct error *err);

#endif
