/* What the two halves of the wrapper share. */
#ifndef HEDDLE_WAREHOUSE_DB_INT_H
#define HEDDLE_WAREHOUSE_DB_INT_H

#include "warehouse/db.h"

/* Fills `err` from an error of DuckDB; says its text only where it cannot hold a value of a row. What the data led to, such
 * as a cast that does not fit, is an ERR_RECORD. Returns ST_ERROR. */
enum status       db_fail(struct error *err, duckdb_error_type type, const char *text);
duckdb_connection db_handle(struct db_connection *connection);

#endif
