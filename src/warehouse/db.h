/* DuckDB through its C API: open, run, read results, append chunks.
 *
 * The rest of the folder sees no duckdb_… name but through here. What is always true:
 *
 *   - The instance's own main database is in memory; the warehouse's file is attached under the name DB_CATALOG and is
 *     every connection's default. So a file of any name has one catalog name, and is attached with its key.
 *   - What spills to temp_folder is encrypted, by a key that only the instance has, also where the file is not.
 *   - Nothing is fetched, loaded or read behind our back: extensions are neither installed nor loaded by themselves, and
 *     after opening no file can be reached from SQL.
 *   - An error of DuckDB reaches the caller as its kind and the step; its text only where it cannot hold a value of a row
 *     (I8). Generated SQL calls total functions, so an error of any other kind is a defect of ours. */
#ifndef HEDDLE_WAREHOUSE_DB_H
#define HEDDLE_WAREHOUSE_DB_H

#include <duckdb/duckdb.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "column/chunk.h"
#include "io/key.h"

#define DB_CATALOG "warehouse"
/* The instance's own database, in memory, where runs prepare what they will publish. It spills to the folder of temporary files. */
#define DB_STAGE "memory"
#define DB_COLUMN_COUNT_MAX 1100 /* Of rows that are appended by columns. */
/* The version that the header in third_party/duckdb and tools/setup are pinned to. */
#define DB_LIBRARY_VERSION "v1.5.6"

/* What our functions inside DuckDB say where memory ran out: it comes back as ERR_NO_MEMORY. */
#define DB_OUT_OF_MEMORY "heddle is out of memory"

struct db;
struct db_connection;

struct db_options {
    const char *path;               /* NULL: the warehouse itself is in memory, for scratch runs and tests. */
    const char *temp_folder;        /* Where large sorts and joins spill; NULL: they may not. */
    uint32_t    thread_count;       /* 0: as many as there are processors. */
    int64_t     memory_limit_bytes; /* 0: DuckDB's own, 80 % of the machine. */
    int64_t     temp_space_bytes;   /* The most that temp_folder may hold; 0: DuckDB's own, 90 % of what is free. */
    bool        is_read_only;
    const char       *copy_path;    /* Where db_copy may write; NULL: nowhere. */
    const struct key *key;          /* What the file is encrypted with; NULL: it is not. Of no use where path is NULL. */
    /* Called once on the first connection, before anything else runs: registers our functions (I4). May be NULL. */
    enum status (*register_functions)(duckdb_connection connection, struct error *err);
};

/* Opens or creates the file. ERR_UNAVAILABLE where the library is not the pinned one, ERR_CORRUPT where the file is not
 * a DuckDB database, ERR_KEY where the key is not the file's, ERR_IO otherwise. */
enum status db_open(struct db **ret_db, const struct db_options *options, struct error *err);
/* All connections must be closed before. NULL is allowed. */
void db_free(struct db *db);

/* A connection may be used by one thread at a time; several connections work at once. */
enum status db_connect(struct db *db, struct db_connection **ret_connection, struct error *err);
void        db_disconnect(struct db_connection *connection);

/* Writes all of the warehouse, as the connection sees it, to a new file at the options' `copy_path`, on disk when it returns: nothing
 * may be there yet. `key` as for opening. On failure a part of the file may be left there. */
enum status
db_copy(struct db_connection *connection, const char *copy_path, const struct key *key, struct error *err);
/* The most that DuckDB may spill from now on. ERR_FULL where it has spilled more. */
enum status db_limit_temp_space(struct db_connection *connection, int64_t size_bytes, struct error *err);
/* From any thread: ends the statement that runs on the connection with ERR_INTERRUPTED. */
void db_interrupt(struct db_connection *connection);

/* Runs one or several statements and forgets their results. */
enum status db_run(struct db_connection *connection, struct str sql, struct error *err);
enum status db_runf(struct db_connection *connection, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A result, read chunk by chunk: `while (db_next(&result, …) has rows) …`. Values of the types of column/type.h are
 * read as views over DuckDB's memory, good until the next db_next. */
struct db_result {
    duckdb_result     result;
    duckdb_data_chunk chunk;
    bool              is_open;
};

#define DB_RESULT_EMPTY ((struct db_result){.is_open = false})

/* Runs one statement. On failure nothing is to be released. */
enum status db_query(struct db_connection *connection, struct str sql, struct db_result *ret_result, struct error *err);
/* The next rows; 0 at the end. */
enum status db_next(struct db_result *result, uint32_t *ret_row_count, struct error *err);
uint32_t    db_column_count(const struct db_result *result);
/* Valid as long as the result. */
const char *db_column_name(struct db_result *result, uint32_t column);
duckdb_type db_column_type(struct db_result *result, uint32_t column);
bool        db_is_null(const struct db_result *result, uint32_t column, uint32_t row);
int64_t     db_int64(const struct db_result *result, uint32_t column, uint32_t row); /* BIGINT, TIMESTAMP */
bool        db_bool(const struct db_result *result, uint32_t column, uint32_t row);
struct str  db_text(const struct db_result *result, uint32_t column, uint32_t row); /* VARCHAR, BLOB; null is empty. */
/* A view of a whole column of the current rows, for kernels. `type` must be the column's. */
struct vector db_vector(const struct db_result *result, uint32_t column, struct type type);
void          db_result_release(struct db_result *result);

/* One number: the statement yields one row with one BIGINT that is not null. */
enum status db_query_int64(struct db_connection *connection, int64_t *ret_value, struct error *err, const char *format,
                           ...) __attribute__((format(printf, 4, 5)));

/* Appends rows to one table; many go through the stage (stage_int.h). Each flush is a transaction of its own: use it for tables of DB_STAGE only.
 * An appender belongs to its connection's thread. */
struct db_appender;
enum status db_appender_open(struct db_connection *connection, const char *catalog, const char *schema_name,
                             const char *table_name, struct db_appender **ret_appender, struct error *err);
/* Row by row, for what is rare (notes, quarantine): one db_row_… a column, db_row_end. Errors are
 * remembered and come out of db_row_end. */
void        db_row_int64(struct db_appender *appender, int64_t value);
void        db_row_bool(struct db_appender *appender, bool value);
void        db_row_text(struct db_appender *appender, struct str text); /* data == NULL: null. */
void        db_row_blob(struct db_appender *appender, struct str bytes);
void        db_row_time(struct db_appender *appender, int64_t time_us);
void        db_row_date(struct db_appender *appender, int32_t days);
void        db_row_null(struct db_appender *appender);
enum status db_row_end(struct db_appender *appender, struct error *err);
/* About how many bytes wait to be written out: they lie outside of DuckDB's bound of memory. */
int64_t db_appender_waiting(const struct db_appender *appender);
/* Writes out what waits. */
enum status db_appender_flush(struct db_appender *appender, struct error *err);
/* Drops what was not flushed. NULL is allowed. */
void db_appender_free(struct db_appender *appender);

/* What kind of statement `sql` is, without running it; ERR_CONFIG with DuckDB's own words where it does not parse or
 * bind (the words may quote the text of the statement). Exactly one statement. */
enum status db_statement_type(struct db_connection *connection, struct str sql, duckdb_statement_type *ret_type,
                              struct error *err);

#endif
