#include "store/query.h"

#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "store/sqlite_int.h"

#define BUSY_TIMEOUT_MS 2000

/* What a statement may touch, asked of SQLite while it is prepared. */
static int
authorize(void *context, int action, const char *first, const char *second, const char *database, const char *trigger)
{
    static const char *const harmful[] = { "load_extension", "sqlcipher_export", "fts3_tokenizer" };
    (void)context, (void)first, (void)database, (void)trigger;

    if (action == SQLITE_FUNCTION) {
        for (size_t i = 0; i < sizeof harmful / sizeof *harmful; i++)
            if (sqlite3_stricmp(second, harmful[i]) == 0)
                return SQLITE_DENY;
        return SQLITE_OK;
    }
    return action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_RECURSIVE ? SQLITE_OK : SQLITE_DENY;
}

static enum status
open_read_only(struct sqlite_store *sqlite, const struct store_query *query, struct error *err)
{
    int code = sqlite3_open_v2(query->path, &sqlite->db, SQLITE_OPEN_READONLY, NULL);

    if (code == SQLITE_CANTOPEN) {
        error_set(err, ERR_NOT_FOUND, "there is no store at %s", query->path);
        error_hint(err, "heddle run or heddle stream makes it at its first start");
        return ST_ERROR;
    }
    if (code != SQLITE_OK)
        return sqlite_error(sqlite->db, err, "open its file");
    sqlite3_busy_timeout(sqlite->db, BUSY_TIMEOUT_MS);
    if (sqlite_give_key(sqlite, query->key, err) != ST_OK)
        return ST_ERROR;
    sqlite3_set_authorizer(sqlite->db, authorize, NULL);
    return ST_OK;
}

static enum status
refuse_writing(struct error *err)
{
    error_set(err, ERR_USAGE, "only a statement that reads the store's tables can be run here");
    error_hint(err, "begin with SELECT, WITH or VALUES");
    return ST_ERROR;
}

/* Its author is to blame for most; not for a file that is damaged, a lock, or memory. */
static enum status
refuse(struct sqlite_store *sqlite, struct error *err)
{
    int code = sqlite3_errcode(sqlite->db) & 0xff;

    if (code == SQLITE_AUTH)
        return refuse_writing(err);
    if (code == SQLITE_ERROR || code == SQLITE_TOOBIG || code == SQLITE_RANGE)
        return error_set(err, ERR_USAGE, "%s", sqlite3_errmsg(sqlite->db));
    return sqlite_error(sqlite->db, err, "prepare the statement");
}

/* While it runs. A message may quote a value (I8): those that quote none are told, of others only their kind. */
static enum status
refuse_running(struct sqlite_store *sqlite, struct error *err)
{
    static const char *const harmless[] = { "integer overflow", "malformed JSON", "string or blob too big", "LIKE or GLOB pattern too complex" };
    const char              *message    = sqlite3_errmsg(sqlite->db);
    int                      code       = sqlite3_errcode(sqlite->db) & 0xff;

    if (code == SQLITE_AUTH)
        return refuse_writing(err);
    if (code != SQLITE_ERROR && code != SQLITE_TOOBIG && code != SQLITE_MISMATCH)
        return sqlite_error(sqlite->db, err, "run the statement to its end");
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (strcmp(message, harmless[i]) == 0)
            return error_set(err, ERR_USAGE, "the statement fails over its rows: %s", harmless[i]);
    return error_set(err, ERR_USAGE, "the statement fails over its rows: %s; what SQLite says of it may quote a value", sqlite3_errstr(code));
}

/* Exactly one statement that reads. */
static enum status
prepare(struct sqlite_store *sqlite, struct str sql, sqlite3_stmt **ret_statement, struct error *err)
{
    sqlite3_stmt *statement = NULL, *second = NULL;
    const char   *rest = NULL, *end = sql.data + sql.size;
    enum status   status = ST_OK;

    if (sqlite3_prepare_v2(sqlite->db, sql.data, (int)sql.size, &statement, &rest) != SQLITE_OK)
        return refuse(sqlite, err);
    if (statement == NULL)
        return error_set(err, ERR_USAGE, "there is no statement");
    /* What follows may be a comment: only then there is nothing to prepare. */
    if (sqlite3_prepare_v2(sqlite->db, rest, (int)(end - rest), &second, NULL) != SQLITE_OK || second != NULL)
        status = error_set(err, ERR_USAGE, "there is more than one statement, and one is run at a time");
    else if (!sqlite3_stmt_readonly(statement) || sqlite3_stmt_isexplain(statement) != 0 || sqlite3_column_count(statement) == 0)
        status = refuse_writing(err);
    sqlite3_finalize(second);
    if (status == ST_OK)
        *ret_statement = statement;
    else
        sqlite3_finalize(statement);
    return status;
}

static void
write_cell(struct rows_out *rows, sqlite3_stmt *statement, int column)
{
    int         type = sqlite3_column_type(statement, column);
    const char *text;

    if (type == SQLITE_NULL) {
        rows_out_cell(rows, STR_EMPTY, false);
        return;
    }
    text = type == SQLITE_BLOB ? sqlite3_column_blob(statement, column) : (const char *)sqlite3_column_text(statement, column);
    rows_out_cell(rows, str_of(text == NULL ? "" : text, (size_t)sqlite3_column_bytes(statement, column)),
                  type == SQLITE_INTEGER || type == SQLITE_FLOAT);
}

static enum status
make_rows(const struct store_query *query, sqlite3_stmt *statement, struct rows_out **ret_rows, struct error *err)
{
    const int    count = sqlite3_column_count(statement);
    struct arena arena;
    struct str  *names;
    enum status  status;

    arena_init(&arena, 0);
    names = ARENA_ARRAY(&arena, struct str, (size_t)count);
    for (int i = 0; names != NULL && i < count; i++)
        names[i] = str_from(sqlite3_column_name(statement, i));
    status = names == NULL ? error_no_memory(err) : rows_out_new(&query->rows, names, (uint32_t)count, ret_rows, err);
    arena_release(&arena);
    return status;
}

static enum status
show(struct sqlite_store *sqlite, sqlite3_stmt *statement, struct rows_out *rows, struct error *err)
{
    enum status status = ST_OK;
    int         code   = SQLITE_ROW;

    while (status == ST_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        for (int column = 0; column < sqlite3_column_count(statement); column++)
            write_cell(rows, statement, column);
        status = rows_out_row_end(rows, err);
    }
    /* A pragma in the guise of a table is prepared only now. */
    if (status == ST_OK && code != SQLITE_DONE)
        status = refuse_running(sqlite, err);
    return status == ST_OK ? rows_out_end(rows, err) : status;
}

enum status
store_query_run(const struct store_query *query, uint64_t *ret_row_count, struct error *err)
{
    struct sqlite_store sqlite    = { 0 };
    sqlite3_stmt       *statement = NULL;
    struct rows_out    *rows      = NULL;
    enum status         status;

    CHECK(query->audit != NULL && query->sql.size <= INT32_MAX);
    status = open_read_only(&sqlite, query, err);
    if (status == ST_OK)
        status = prepare(&sqlite, query->sql, &statement, err);
    if (status == ST_OK)
        status = make_rows(query, statement, &rows, err);
    if (status == ST_OK)
        status = query->audit(query->audit_context, query->sql, err);
    if (status == ST_OK)
        status = show(&sqlite, statement, rows, err);
    if (status == ST_OK)
        *ret_row_count = rows_out_count(rows);
    else
        error_context(err, "asking the store %s", query->path);
    rows_out_free(rows);
    sqlite3_finalize(statement);
    sqlite3_close_v2(sqlite.db);
    return status;
}
