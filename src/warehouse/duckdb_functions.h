/* Our functions and aggregates in DuckDB, under hd_… names (I4): the same kernels that the live leg calls. */
#ifndef HEDDLE_WAREHOUSE_DUCKDB_FUNCTIONS_H
#define HEDDLE_WAREHOUSE_DUCKDB_FUNCTIONS_H

#include <duckdb/duckdb.h>

#include "base/error.h"
#include "column/type.h"

/* Registers the whole table for the connection's instance. ERR_INTERNAL where DuckDB refuses a row of it. */
enum status duckdb_functions_register(duckdb_connection connection, struct error *err);

/* The type of a column there; the caller destroys it. */
duckdb_logical_type duckdb_functions_type(struct type type);

#endif
