/* What the two halves of the wrapper share. */
#ifndef HEDDLE_WAREHOUSE_DB_INT_H
#define HEDDLE_WAREHOUSE_DB_INT_H

#include "warehouse/db.h"

/* Fills `err` from an error of DuckDB; says its text only where it cannot hold a value of a row. What the data led to, such
 * as a cast that does not fit, is an ERR_RECORD. Returns ST_ERROR. */
enum status       db_fail(struct error *err, duckdb_error_type type, const char *text);
duckdb_connection db_handle(struct db_connection *connection);

struct db_attachment {
    const char       *path; /* NULL: in memory. */
    const char       *name; /* Of its catalog, an identifier. */
    const struct key *key;  /* NULL: the file is not encrypted. */
    bool              is_read_only;
};

/* Attaches a file, which is made where it is not there. The key stands in no error and in no table of DuckDB; our copy of the
 * statement is wiped, DuckDB's own are only freed. ERR_KEY where it is not the file's key. */
enum status db_attach(struct db_connection *connection, const struct db_attachment *attachment, struct error *err);

/* Before external access is turned off: lets db_copy make a file there later. */
enum status db_allow_copy(struct db_connection *connection, const char *copy_path, struct error *err);

#endif
