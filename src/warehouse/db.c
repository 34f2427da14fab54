#include "warehouse/db.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/str_builder.h"
#include "warehouse/db_int.h"
#include "warehouse/encryption.h"

struct db {
    duckdb_database database;
};

struct db_connection {
    duckdb_connection connection;
    struct db        *db;
};

/* ---- Errors ---- */

static enum error_code
code_of(duckdb_error_type type)
{
    switch (type) {
    case DUCKDB_ERROR_IO: return ERR_IO;
    case DUCKDB_ERROR_PERMISSION: return ERR_IO;
    case DUCKDB_ERROR_SERIALIZATION: return ERR_CORRUPT;
    case DUCKDB_ERROR_INTERRUPT: return ERR_INTERRUPTED;
    default: return ERR_INTERNAL;
    }
}

/* Kinds whose text speaks of files, names and limits. The text of the others (conversion, constraint, …) may quote a
 * value of a row. */
static bool
may_show(duckdb_error_type type)
{
    switch (type) {
    case DUCKDB_ERROR_CATALOG:
    case DUCKDB_ERROR_PARSER:
    case DUCKDB_ERROR_PLANNER:
    case DUCKDB_ERROR_BINDER:
    case DUCKDB_ERROR_IO:
    case DUCKDB_ERROR_PERMISSION:
    case DUCKDB_ERROR_OUT_OF_MEMORY:
    case DUCKDB_ERROR_TRANSACTION:
    case DUCKDB_ERROR_SETTINGS:
    case DUCKDB_ERROR_INTERNAL:
    case DUCKDB_ERROR_FATAL:
    case DUCKDB_ERROR_MISSING_EXTENSION: return true;
    default: return false;
    }
}

/* Kinds that what a row holds can lead to, or what a query asks of it. */
static const char *
data_fault(duckdb_error_type type)
{
    switch (type) {
    case DUCKDB_ERROR_CONVERSION: return "a value cannot be converted to the type that is asked for";
    case DUCKDB_ERROR_OUT_OF_RANGE: return "a value is out of its type's range";
    case DUCKDB_ERROR_DECIMAL: return "a decimal is out of its type's range";
    case DUCKDB_ERROR_DIVIDE_BY_ZERO: return "a value is divided by zero";
    case DUCKDB_ERROR_INVALID_INPUT: return "a value is no valid input of a function or an expression";
    case DUCKDB_ERROR_INVALID_TYPE:
    case DUCKDB_ERROR_MISMATCH_TYPE:
    case DUCKDB_ERROR_UNKNOWN_TYPE: return "a value is of another type than the one that is asked for";
    case DUCKDB_ERROR_EXPRESSION:
    case DUCKDB_ERROR_EXECUTOR: return "an expression cannot be evaluated over its rows";
    default: return NULL;
    }
}

#define NO_SPACE "No space left on device"
#define NO_QUOTA "Disk quota exceeded"

/* What is full: a device, or what the configuration allows. DuckDB tells the first within errors of several kinds (a commit, an append, a
 * database that is invalid since) and all with advice on settings of its own. Names of files, sizes and limits are shown, nothing else. */
static bool
fail_full(struct error *err, duckdb_error_type type, const char *text)
{
    const bool  is_device = strstr(text, NO_SPACE) != NULL || strstr(text, NO_QUOTA) != NULL;
    const bool  is_spill  = strstr(text, "max_temp_directory_size") != NULL;
    const char *write     = strstr(text, "Could not write file");
    const char *spill     = strstr(text, "failed to offload");
    const int   size      = (int)strcspn(text, "\n");

    if (!is_device && !is_spill && type != DUCKDB_ERROR_OUT_OF_MEMORY)
        return false;
    if (is_device) {
        if (write != NULL)
            error_set(err, ERR_FULL, "DuckDB: %.*s", (int)strcspn(write, "\n"), write);
        else
            error_set(err, ERR_FULL, "DuckDB: %.*s", may_show(type) ? size : (int)strlen(NO_SPACE), may_show(type) ? text : NO_SPACE);
        error_hint(err, "free space on its device and try again: the last published run stays");
    } else if (is_spill) {
        error_set(err, ERR_FULL, "more would be spilled than runtime.temp_space, or what is free on the device, lets it: DuckDB %.*s",
                  spill != NULL ? (int)strcspn(spill, "\n") : 0, spill != NULL ? spill : "");
        error_hint(err, "allow more with runtime.temp_space, free space on the warehouse's device, or spill less with more runtime.memory");
    } else {
        error_set(err, ERR_FULL, "runtime.memory does not do: DuckDB: %.*s", size, text);
        error_hint(err, "allow more, like --set runtime.memory=4GiB: the last published run stays");
    }
    return true;
}

enum status
db_fail(struct error *err, duckdb_error_type type, const char *text)
{
    enum error_code code = code_of(type);

    if (text != NULL && strstr(text, DB_OUT_OF_MEMORY) != NULL)
        return error_no_memory(err);
    if (text != NULL && strstr(text, ENCRYPTION_DAMAGED) != NULL) {
        error_set(err, ERR_CORRUPT, "the file is damaged, or was changed outside of heddle: a block of it does not have the seal it was written with");
        error_hint(err, "put a copy of it back; what was read before came from blocks that are whole");
        return ST_ERROR;
    }
    const char *fault = data_fault(type);
    if (fault != NULL)
        return error_set(err, ERR_RECORD, "DuckDB: %s", fault);
    if (text != NULL && fail_full(err, type, text))
        return ST_ERROR;
    if (code == ERR_IO && text != NULL && strstr(text, "Could not set lock on file") != NULL)
        code = ERR_BUSY;
    if (type == DUCKDB_ERROR_TRANSACTION && text != NULL && strstr(text, "Cannot open file") != NULL)
        code = ERR_IO; /* A commit that may not make its log: a folder that is not to be written. */
    if (may_show(type) && text != NULL)
        error_set(err, code, "DuckDB: %s", text);
    else
        error_set(err, code, "DuckDB failed with an error of kind %d, whose text may hold data and is not shown",
                  (int)type);
    if (code == ERR_BUSY)
        error_hint(err, "close the program that has the file open, or wait until it is done");
    if (code == ERR_IO && text != NULL && (strstr(text, "Permission denied") != NULL || strstr(text, "Read-only file system") != NULL))
        error_hint(err, "give the user who runs this the right to write there, or bind the warehouse to another place");
    return ST_ERROR;
}

/* DuckDB tells the kind of an error of parsing or binding only by the words before the first colon. */
static duckdb_error_type
type_from_text(const char *text)
{
    static const struct {
        const char       *prefix;
        duckdb_error_type type;
    } KINDS[] = {
        {"Parser Error", DUCKDB_ERROR_PARSER},        {"Binder Error", DUCKDB_ERROR_BINDER},
        {"Catalog Error", DUCKDB_ERROR_CATALOG},      {"IO Error", DUCKDB_ERROR_IO},
        {"INTERRUPT", DUCKDB_ERROR_INTERRUPT},        {"Out of Memory Error", DUCKDB_ERROR_OUT_OF_MEMORY},
        {"Permission Error", DUCKDB_ERROR_PERMISSION}, {"Serialization Error", DUCKDB_ERROR_SERIALIZATION},
        {"TransactionContext Error", DUCKDB_ERROR_TRANSACTION},
    };

    for (size_t i = 0; text != NULL && i < sizeof KINDS / sizeof *KINDS; i++)
        if (strncmp(text, KINDS[i].prefix, strlen(KINDS[i].prefix)) == 0)
            return KINDS[i].type;
    return DUCKDB_ERROR_INVALID;
}

/* ---- Opening ---- */

static enum status
set_option(duckdb_config config, const char *name, const char *value, struct error *err)
{
    if (duckdb_set_config(config, name, value) == DuckDBSuccess)
        return ST_OK;
    return error_set(err, ERR_INTERNAL, "DuckDB does not know the setting %s", name);
}

static enum status
make_config(const struct db_options *options, duckdb_config *ret_config, struct error *err)
{
    duckdb_config config = NULL;
    enum status   status = ST_OK;
    char          number[32];
    static const char *const SETTINGS[][2] = {
        {"preserve_insertion_order", "false"},      /* Else a load uses one thread; every order of ours is told. */
        {"autoload_known_extensions", "false"},
        {"autoinstall_known_extensions", "false"},
        {"allow_community_extensions", "false"},
        {"errors_as_json", "false"},
        {"temp_file_encryption", "true"},           /* What spills is rows of patients, whatever the warehouse is. */
        {"write_buffer_row_group_count", "1"}, /* Rows are compressed by the threads that make them, not all at the commit. */
        {"max_vacuum_tasks", "0"},             /* Else each checkpoint writes half-full row groups, of each thread's last rows, again. */
    };

    if (duckdb_create_config(&config) != DuckDBSuccess)
        return error_no_memory(err);
    for (size_t i = 0; status == ST_OK && i < sizeof SETTINGS / sizeof *SETTINGS; i++)
        status = set_option(config, SETTINGS[i][0], SETTINGS[i][1], err);
    if (status == ST_OK && options->thread_count != 0) {
        snprintf(number, sizeof number, "%u", options->thread_count);
        status = set_option(config, "threads", number, err);
    }
    if (status == ST_OK && options->memory_limit_bytes != 0) {
        snprintf(number, sizeof number, "%lldB", (long long)options->memory_limit_bytes);
        status = set_option(config, "memory_limit", number, err);
    }
    if (status == ST_OK)
        status = set_option(config, "temp_directory", options->temp_folder != NULL ? options->temp_folder : "", err);
    if (status != ST_OK) {
        duckdb_destroy_config(&config);
        return status;
    }
    *ret_config = config;
    return ST_OK;
}

/* What every instance is given before its first file, whether that is encrypted or not: what spills is. */
static enum status
install_encryption(duckdb_connection connection, struct error *err)
{
    const char *wrong = encryption_install(connection);

    if (wrong == NULL)
        return ST_OK;
    error_set(err, ERR_UNAVAILABLE, "%s", wrong);
    error_hint(err, "run tools/setup, and see that no other libduckdb.so or libcrypto.so comes first");
    return ST_ERROR;
}

enum status
db_limit_temp_space(struct db_connection *connection, int64_t size_bytes, struct error *err)
{
    return db_runf(connection, err, "SET max_temp_directory_size = '%" PRId64 "B'",
                   size_bytes < 0 ? 0 : size_bytes);
}

static enum status
attach(struct db *db, const struct db_options *options, struct error *err)
{
    struct db_connection       connection = {.db = db};
    const struct db_attachment attachment = {.path = options->path, .name = DB_CATALOG, .key = options->key,
                                             .is_read_only = options->is_read_only};
    enum status                status;

    if (duckdb_connect(db->database, &connection.connection) != DuckDBSuccess)
        return error_no_memory(err);

    status = install_encryption(connection.connection, err);
    /* As an option of opening it is taken, and bounds nothing. */
    if (status == ST_OK && options->temp_space_bytes != 0)
        status = db_limit_temp_space(&connection, options->temp_space_bytes, err);
    if (status == ST_OK)
        status = db_attach(&connection, &attachment, err);
    if (status == ST_OK && options->copy_path != NULL)
        status = db_allow_copy(&connection, options->copy_path, err);
    /* Behind this no SQL reaches a file, neither ours nor a user's query; the file that is attached stays open. */
    if (status == ST_OK)
        status = db_run(&connection, STR("SET enable_external_access = false"), err);
    if (status == ST_OK && options->register_functions != NULL)
        status = options->register_functions(connection.connection, err);

    duckdb_disconnect(&connection.connection);
    return status;
}

enum status
db_open(struct db **ret_db, const struct db_options *options, struct error *err)
{
    duckdb_config config  = NULL;
    char         *message = NULL;
    struct db    *db      = NULL;
    enum status   status;

    if (strcmp(duckdb_library_version(), DB_LIBRARY_VERSION) != 0) {
        error_set(err, ERR_UNAVAILABLE, "libduckdb is version %s, and this program was made for %s",
                  duckdb_library_version(), DB_LIBRARY_VERSION);
        error_hint(err, "run tools/setup, and see that no other libduckdb.so comes first");
        return ST_ERROR;
    }
    status = make_config(options, &config, err);
    if (status != ST_OK)
        goto out;
    db = memory_alloc_zero(sizeof *db);
    if (db == NULL) {
        status = error_no_memory(err);
        goto out;
    }
    if (duckdb_open_ext(":memory:", &db->database, config, &message) != DuckDBSuccess) {
        status = db_fail(err, type_from_text(message), message);
        goto out;
    }
    status = attach(db, options, err);
    if (status == ST_OK) {
        *ret_db = db;
        db      = NULL;
    }

out:
    if (status != ST_OK)
        error_context(err, "opening the warehouse's file %s", options->path != NULL ? options->path : "(in memory)");
    db_free(db);
    duckdb_free(message);
    if (config != NULL)
        duckdb_destroy_config(&config);
    return status;
}

void
db_free(struct db *db)
{
    if (db == NULL)
        return;
    if (db->database != NULL)
        duckdb_close(&db->database);
    memory_free(db);
}

enum status
db_connect(struct db *db, struct db_connection **ret_connection, struct error *err)
{
    struct db_connection *connection = memory_alloc_zero(sizeof *connection);

    if (connection == NULL)
        return error_no_memory(err);
    connection->db = db;
    if (duckdb_connect(db->database, &connection->connection) != DuckDBSuccess) {
        memory_free(connection);
        return error_no_memory(err);
    }
    if (db_run(connection, STR("USE " DB_CATALOG), err) != ST_OK) {
        db_disconnect(connection);
        return ST_ERROR;
    }
    *ret_connection = connection;
    return ST_OK;
}

void
db_disconnect(struct db_connection *connection)
{
    if (connection == NULL)
        return;
    duckdb_disconnect(&connection->connection);
    memory_free(connection);
}

duckdb_connection
db_handle(struct db_connection *connection)
{
    return connection->connection;
}

void
db_interrupt(struct db_connection *connection)
{
    duckdb_interrupt(connection->connection);
}

/* ---- Statements ---- */

/* C strings end in NUL, and a statement is rarely built as one. */
static enum status
with_end(struct str sql, char **ret_sql, struct error *err)
{
    *ret_sql = memory_copy(sql.data, sql.size);
    return *ret_sql != NULL ? ST_OK : error_no_memory(err);
}

static enum status
run_text(struct db_connection *connection, const char *sql, duckdb_result *ret_result, struct error *err)
{
    duckdb_result result;

    if (duckdb_query(connection->connection, sql, &result) != DuckDBSuccess) {
        db_fail(err, duckdb_result_error_type(&result), duckdb_result_error(&result));
        duckdb_destroy_result(&result);
        return ST_ERROR;
    }
    *ret_result = result;
    return ST_OK;
}

enum status
db_run(struct db_connection *connection, struct str sql, struct error *err)
{
    char         *text = NULL;
    duckdb_result result;
    enum status   status = with_end(sql, &text, err);

    if (status == ST_OK)
        status = run_text(connection, text, &result, err);
    if (status == ST_OK)
        duckdb_destroy_result(&result);
    memory_free(text);
    return status;
}

enum status
db_runf(struct db_connection *connection, struct error *err, const char *format, ...)
{
    struct str_builder sql = STR_BUILDER_EMPTY;
    va_list            arguments;
    enum status        status;

    va_start(arguments, format);
    str_builder_vprintf(&sql, format, arguments);
    va_end(arguments);
    status = str_builder_status(&sql, err);
    if (status == ST_OK)
        status = db_run(connection, str_builder_text(&sql), err);
    str_builder_release(&sql);
    return status;
}

enum status
db_query(struct db_connection *connection, struct str sql, struct db_result *ret_result, struct error *err)
{
    char         *text = NULL;
    duckdb_result result;
    enum status   status = with_end(sql, &text, err);

    if (status == ST_OK)
        status = run_text(connection, text, &result, err);
    if (status == ST_OK)
        *ret_result = (struct db_result){.result = result, .is_open = true};
    memory_free(text);
    return status;
}

enum status
db_next(struct db_result *result, uint32_t *ret_row_count, struct error *err)
{
    CHECK(result->is_open);
    if (result->chunk != NULL)
        duckdb_destroy_data_chunk(&result->chunk);
    result->chunk = duckdb_fetch_chunk(result->result);
    if (result->chunk == NULL) {
        const char *message = duckdb_result_error(&result->result);
        if (message != NULL && message[0] != '\0')
            return db_fail(err, duckdb_result_error_type(&result->result), message);
        *ret_row_count = 0;
        return ST_OK;
    }
    *ret_row_count = (uint32_t)duckdb_data_chunk_get_size(result->chunk);
    return ST_OK;
}

uint32_t
db_column_count(const struct db_result *result)
{
    return (uint32_t)duckdb_column_count(&((struct db_result *)result)->result);
}

const char *
db_column_name(struct db_result *result, uint32_t column)
{
    return duckdb_column_name(&result->result, column);
}

duckdb_type
db_column_type(struct db_result *result, uint32_t column)
{
    return duckdb_column_type(&result->result, column);
}

static duckdb_vector
vector_of(const struct db_result *result, uint32_t column)
{
    CHECK(result->chunk != NULL);
    return duckdb_data_chunk_get_vector(result->chunk, column);
}

bool
db_is_null(const struct db_result *result, uint32_t column, uint32_t row)
{
    return !validity_get(duckdb_vector_get_validity(vector_of(result, column)), row);
}

int64_t
db_int64(const struct db_result *result, uint32_t column, uint32_t row)
{
    return ((const int64_t *)duckdb_vector_get_data(vector_of(result, column)))[row];
}

bool
db_bool(const struct db_result *result, uint32_t column, uint32_t row)
{
    return ((const bool *)duckdb_vector_get_data(vector_of(result, column)))[row];
}

struct str
db_text(const struct db_result *result, uint32_t column, uint32_t row)
{
    const struct text *texts = duckdb_vector_get_data(vector_of(result, column));

    if (db_is_null(result, column, row))
        return STR_EMPTY;
    return str_of(text_data(&texts[row]), texts[row].size);
}

struct vector
db_vector(const struct db_result *result, uint32_t column, struct type type)
{
    duckdb_vector vector = vector_of(result, column);

    return (struct vector){
        .type     = type,
        .data     = duckdb_vector_get_data(vector),
        .validity = duckdb_vector_get_validity(vector),
    };
}

void
db_result_release(struct db_result *result)
{
    if (!result->is_open)
        return;
    if (result->chunk != NULL)
        duckdb_destroy_data_chunk(&result->chunk);
    duckdb_destroy_result(&result->result);
    *result = DB_RESULT_EMPTY;
}

enum status
db_query_int64(struct db_connection *connection, int64_t *ret_value, struct error *err, const char *format, ...)
{
    struct str_builder sql    = STR_BUILDER_EMPTY;
    struct db_result   result = DB_RESULT_EMPTY;
    uint32_t           row_count;
    va_list            arguments;
    enum status        status;

    va_start(arguments, format);
    str_builder_vprintf(&sql, format, arguments);
    va_end(arguments);
    status = str_builder_status(&sql, err);
    if (status == ST_OK)
        status = db_query(connection, str_builder_text(&sql), &result, err);
    if (status == ST_OK)
        status = db_next(&result, &row_count, err);
    if (status == ST_OK) {
        CHECK(row_count == 1 && db_column_type(&result, 0) == DUCKDB_TYPE_BIGINT && !db_is_null(&result, 0, 0));
        *ret_value = db_int64(&result, 0, 0);
    }
    db_result_release(&result);
    str_builder_release(&sql);
    return status;
}

enum status
db_statement_type(struct db_connection *connection, struct str sql, duckdb_statement_type *ret_type, struct error *err)
{
    char                       *text       = NULL;
    duckdb_extracted_statements statements = NULL;
    duckdb_prepared_statement   prepared   = NULL;
    enum status                 status     = with_end(sql, &text, err);
    idx_t                       count;

    if (status != ST_OK)
        return status;
    count = duckdb_extract_statements(connection->connection, text, &statements);
    if (count == 0) {
        const char *message = duckdb_extract_statements_error(statements);
        status = error_set(err, ERR_USAGE, "%s", message != NULL ? message : "there is no statement");
    } else if (count > 1) {
        status = error_set(err, ERR_USAGE, "there are %u statements, and one is run at a time", (unsigned)count);
    } else if (duckdb_prepare_extracted_statement(connection->connection, statements, 0, &prepared) != DuckDBSuccess) {
        status = error_set(err, ERR_USAGE, "%s", duckdb_prepare_error(prepared));
    } else {
        *ret_type = duckdb_prepared_statement_type(prepared);
    }
    duckdb_destroy_prepare(&prepared);
    duckdb_destroy_extracted(&statements);
    memory_free(text);
    return status;
}
