/* The warehouse's file: attached to an instance of DuckDB, under its key where it has one. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/str_builder.h"
#include "warehouse/db_int.h"
#include "warehouse/encryption.h"

#define KEY_HEX_SIZE (2 * KEY_SIZE)

/* 'a''b' */
static void
append_literal(struct str_builder *out, const char *text)
{
    str_builder_append_char(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            str_builder_append_char(out, '\'');
        str_builder_append_char(out, *text);
    }
    str_builder_append_char(out, '\'');
}

/* The key as its file has it, so that whoever holds that file can open ours with any DuckDB. */
static void
append_key(struct str_builder *out, const struct key *key)
{
    char text[KEY_HEX_SIZE + 1];

    if (!str_builder_reserve(out, 2 * KEY_HEX_SIZE)) /* No copy of it stays behind where the builder grows. */
        return;
    hex_encode(key->bytes, sizeof key->bytes, text);
    str_builder_append_cstr(out, "ENCRYPTION_KEY '");
    str_builder_append_cstr(out, text);
    str_builder_append_char(out, '\'');
    memory_wipe(text, sizeof text);
}

static void
compose(struct str_builder *sql, const struct db_attachment *attachment)
{
    const char *between = " (";

    str_builder_append_cstr(sql, "ATTACH ");
    append_literal(sql, attachment->path != NULL ? attachment->path : ":memory:");
    str_builder_printf(sql, " AS %s", attachment->name);
    if (attachment->is_read_only || attachment->path != NULL) {
        str_builder_append_cstr(sql, attachment->is_read_only ? " (READ_ONLY" : " (STORAGE_VERSION 'v1.5.0'");
        between = ", ";
    }
    if (attachment->path != NULL && attachment->key != NULL) {
        str_builder_append_cstr(sql, between);
        append_key(sql, attachment->key);
    }
    if (between[0] == ',')
        str_builder_append_char(sql, ')');
}

/* DuckDB's words, which may quote the statement: not where the key stands in it. */
static enum status
tell(struct error *err, duckdb_result *result, const struct key *key)
{
    const char *text = duckdb_result_error(result);
    char        written[KEY_HEX_SIZE + 1];
    bool        is_quoted = false;

    if (key != NULL) {
        hex_encode(key->bytes, sizeof key->bytes, written);
        is_quoted = text != NULL && strstr(text, "ENCRYPTION_KEY") != NULL;
        is_quoted = is_quoted || (text != NULL && strstr(text, written) != NULL);
        memory_wipe(written, sizeof written);
    }
    if (is_quoted)
        return error_set(err, ERR_INTERNAL, "DuckDB refused the statement that attaches the file");
    if (text != NULL && strstr(text, "Wrong encryption key") != NULL) {
        error_set(err, ERR_KEY, "the key does not open the file: it was made with another one");
        error_hint(err, "put that key back, or bind another path");
        return ST_ERROR;
    }
    return db_fail(err, duckdb_result_error_type(result), text);
}

enum status
db_attach(struct db_connection *connection, const struct db_attachment *attachment, struct error *err)
{
    const bool         has_key = attachment->path != NULL && attachment->key != NULL;
    const uint64_t     before  = encryption_count(db_handle(connection));
    struct str_builder sql     = STR_BUILDER_EMPTY;
    duckdb_result      result;
    enum status        status;

    compose(&sql, attachment);
    status = str_builder_status(&sql, err);
    if (status == ST_OK) {
        if (duckdb_query(db_handle(connection), str_builder_cstr(&sql), &result) != DuckDBSuccess)
            status = tell(err, &result, has_key ? attachment->key : NULL);
        duckdb_destroy_result(&result);
    }
    if (sql.data != NULL)
        memory_wipe(sql.data, sql.capacity);
    str_builder_release(&sql);
    /* E3 of encryption.h */
    if (status == ST_OK && has_key && encryption_count(db_handle(connection)) == before) {
        status = error_set(err, ERR_UNAVAILABLE, "libduckdb did not encrypt through this program");
        error_hint(err, "run tools/setup, and see that no other libduckdb.so comes first");
    }
    return status;
}

/* ---- The second file ---- */

#define COPY_CATALOG "published"

/* DuckDB lets nothing but these be opened once external access is off: the copy, and the log beside it. */
enum status
db_allow_copy(struct db_connection *connection, const char *copy_path, struct error *err)
{
    static const char *const ENDS[] = { "", ".wal", ".wal.checkpoint", ".wal.recovery" };
    struct str_builder       sql    = STR_BUILDER_EMPTY;

    str_builder_append_cstr(&sql, "SET allowed_paths = [");
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++) {
        str_builder_append_cstr(&sql, i == 0 ? "" : ", ");
        append_literal(&sql, copy_path);
        str_builder_printf(&sql, " || '%s'", ENDS[i]);
    }
    str_builder_append_char(&sql, ']');
    enum status status = str_builder_status(&sql, err);
    if (status == ST_OK)
        status = db_run(connection, str_builder_text(&sql), err);
    str_builder_release(&sql);
    return status;
}

/* Takes no memory of ours: a copy that could not be detached would keep the next one from being attached. */
static enum status
detach_copy(struct db_connection *connection, struct error *err)
{
    duckdb_result result;
    enum status   status = ST_OK;

    if (duckdb_query(db_handle(connection), "DETACH DATABASE IF EXISTS " COPY_CATALOG, &result) != DuckDBSuccess)
        status = db_fail(err, duckdb_result_error_type(&result), duckdb_result_error(&result));
    duckdb_destroy_result(&result);
    return status;
}

enum status
db_copy(struct db_connection *connection, const char *copy_path, const struct key *key, struct error *err)
{
    const struct db_attachment attachment = { .path = copy_path, .name = COPY_CATALOG, .key = key };
    enum status                status     = db_attach(connection, &attachment, err);

    if (status != ST_OK)
        return status;
    status = db_run(connection, STR("COPY FROM DATABASE " DB_CATALOG " TO " COPY_CATALOG), err);
    if (status == ST_OK)
        status = db_run(connection, STR("CHECKPOINT " COPY_CATALOG), err);
    if (detach_copy(connection, status == ST_OK ? err : NULL) != ST_OK)
        status = ST_ERROR;
    return status;
}
