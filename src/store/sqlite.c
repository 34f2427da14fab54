/* SQLite as a driver of sql_int.h, and opening its file. */
#include "store/sqlite_int.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/memory.h"

#define BUSY_TIMEOUT_MS         2000
#define CHECKPOINT_COMMIT_COUNT 8 /* Measured: p99 of a commit is lowest where the log is copied back this often. */

/* What to do about a disk that is full. */
static enum status
hint_full(sqlite3 *db, struct error *err)
{
    error_hint(err, "free space on the device of %s and try again: the last committed epoch stays", sqlite3_db_filename(db, "main"));
    return ST_ERROR;
}

enum status
sqlite_error(sqlite3 *db, struct error *err, const char *what)
{
    int             code = sqlite3_errcode(db) & 0xff;
    enum error_code ours = code == SQLITE_FULL ? ERR_FULL : code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_PROTOCOL ? ERR_BUSY : code == SQLITE_NOMEM ? ERR_NO_MEMORY : ERR_IO;
    error_set(err, ours, "the store cannot %s: %s", what, sqlite3_errstr(sqlite3_extended_errcode(db)));
    return ours == ERR_FULL ? hint_full(db, err) : ST_ERROR;
}

/* ---- Statements ---- */

/* A statement of SQLite's own: it knows its connection. */
static sqlite3_stmt *
handle_of(const struct sql_statement *statement)
{
    return (sqlite3_stmt *)(uintptr_t)statement;
}

static struct sql_statement *
prepare(struct sql_store *sql, const struct sql_text *text, struct error *err)
{
    struct sqlite_store *sqlite = (struct sqlite_store *)sql;
    sqlite3_stmt        *handle = NULL;

    if (sqlite3_prepare_v3(sqlite->db, text->sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, NULL) == SQLITE_OK)
        return (struct sql_statement *)handle;
    sqlite_error(sqlite->db, err, "prepare a statement");
    return NULL;
}

static void
finalize(struct sql_statement *statement)
{
    sqlite3_finalize(handle_of(statement));
}

static void
reset(struct sql_statement *statement)
{
    sqlite3_reset(handle_of(statement));
    sqlite3_clear_bindings(handle_of(statement));
}

static void
bind_int(struct sql_statement *statement, int at, int64_t value)
{
    sqlite3_bind_int64(handle_of(statement), at, value);
}

static void
bind_double(struct sql_statement *statement, int at, double value)
{
    sqlite3_bind_double(handle_of(statement), at, value);
}

static void
bind_text(struct sql_statement *statement, int at, struct str text)
{
    sqlite3_bind_text64(handle_of(statement), at, text.size == 0 ? "" : text.data, text.size, SQLITE_STATIC, SQLITE_UTF8);
}

static void
bind_bytes(struct sql_statement *statement, int at, struct str bytes)
{
    sqlite3_bind_blob64(handle_of(statement), at, bytes.size == 0 ? "" : bytes.data, bytes.size, SQLITE_STATIC);
}

/* Nothing is far away: what is asked for is answered when it is stepped. */
static enum status
ask(struct sql_statement *statement, const char *what, struct error *err)
{
    (void)statement, (void)what, (void)err;
    return ST_OK;
}

static enum sql_step
step(struct sql_statement *statement, const char *what, struct error *err)
{
    switch (sqlite3_step(handle_of(statement))) {
    case SQLITE_ROW:
        return SQL_ROW;
    case SQLITE_DONE:
        return SQL_DONE;
    default:
        sqlite_error(sqlite3_db_handle(handle_of(statement)), err, what);
        return SQL_FAILED;
    }
}

static enum status
put(struct sql_statement *statement, const char *what, struct error *err)
{
    enum sql_step done = step(statement, what, err);

    reset(statement);
    return done == SQL_DONE ? ST_OK : ST_ERROR;
}

static int64_t
changed_count(const struct sql_statement *statement)
{
    return sqlite3_changes(sqlite3_db_handle(handle_of(statement)));
}

static bool
is_null(struct sql_statement *statement, int column)
{
    return sqlite3_column_type(handle_of(statement), column) == SQLITE_NULL;
}

static int64_t
column_int(struct sql_statement *statement, int column)
{
    return sqlite3_column_int64(handle_of(statement), column);
}

static struct str
column_text(struct sql_statement *statement, int column)
{
    const bool  is_blob = sqlite3_column_type(handle_of(statement), column) == SQLITE_BLOB;
    const char *text    = is_blob ? sqlite3_column_blob(handle_of(statement), column) : (const char *)sqlite3_column_text(handle_of(statement), column);

    return text == NULL ? STR_EMPTY : str_of(text, (size_t)sqlite3_column_bytes(handle_of(statement), column));
}

/* ---- Transactions ---- */

static enum status
run(struct sql_store *sql, const char *script, const char *what, struct error *err)
{
    struct sqlite_store *sqlite = (struct sqlite_store *)sql;

    return sqlite3_exec(sqlite->db, script, NULL, NULL, NULL) == SQLITE_OK ? ST_OK : sqlite_error(sqlite->db, err, what);
}

static enum status
begin(struct sql_store *sql, bool is_writing, struct error *err)
{
    return run(sql, is_writing ? "begin immediate" : "begin", "begin", err);
}

static void
rollback(struct sql_store *sql)
{
    sqlite3_exec(((struct sqlite_store *)sql)->db, "rollback", NULL, NULL, NULL);
}

static enum store_outcome
commit(struct sql_store *sql, const char *what, struct error *err)
{
    if (run(sql, "commit", what, err) == ST_OK) {
        ((struct sqlite_store *)sql)->commit_count++;
        return STORE_COMMITTED;
    }
    rollback(sql);
    return STORE_UNKNOWN;
}

#define RENEW_SIZE 65536

/* Writes the log's bytes over themselves, so that they are on disk behind the next sync. An earlier process may have ended because a sync failed
 * (P8): then the kernel shows bytes that the disk has not, takes them for written, and what is committed behind such a hole is lost by a power cut.
 * Nobody else writes meanwhile: a transaction is open. */
static enum status
renew_log(struct sqlite_store *sqlite, struct error *err)
{
    sqlite3_file *file  = NULL;
    sqlite3_int64 size  = 0;
    int           code  = sqlite3_file_control(sqlite->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file);
    char         *bytes = NULL;
    if (code == SQLITE_OK && (file == NULL || file->pMethods == NULL))
        return ST_OK;
    if (code == SQLITE_OK)
        code = file->pMethods->xFileSize(file, &size);
    if (code == SQLITE_OK && size > 0 && (bytes = memory_alloc(RENEW_SIZE)) == NULL)
        return error_no_memory(err);
    for (sqlite3_int64 at = 0; at < size && code == SQLITE_OK; at += RENEW_SIZE) {
        int count = size - at < RENEW_SIZE ? (int)(size - at) : RENEW_SIZE;
        code      = file->pMethods->xRead(file, bytes, count, at);
        if (code == SQLITE_OK)
            code = file->pMethods->xWrite(file, bytes, count, at);
    }
    if (code == SQLITE_OK && size > 0)
        code = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
    memory_free(bytes);
    if (code == SQLITE_OK)
        return ST_OK;
    error_set(err, code == SQLITE_FULL ? ERR_FULL : ERR_IO, "the store cannot write its log again: %s", sqlite3_errstr(code));
    return code == SQLITE_FULL ? hint_full(sqlite->db, err) : ST_ERROR;
}

static enum status
own(struct sql_store *sql, struct error *err)
{
    if (renew_log((struct sqlite_store *)sql, err) != ST_OK)
        return ST_ERROR;
    /* Stores from before had an index over all sinks, in which the queue of one stood in another's way. */
    return run(sql,
               "drop index if exists alert_outbox_waiting; create index if not exists alert_outbox_due on alert_outbox (sink, next_attempt_at) "
               "where status = 'waiting'",
               "order its outbox", err);
}

static enum status
maintain(struct store *store, struct error *err)
{
    struct sqlite_store *sqlite = (struct sqlite_store *)store;
    if (sqlite->commit_count < CHECKPOINT_COMMIT_COUNT)
        return ST_OK;
    sqlite->commit_count = 0;
    int code = sqlite3_wal_checkpoint_v2(sqlite->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    /* Busy: a reader is in the way; the next one copies more. */
    return code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY ? ST_OK : sqlite_error(sqlite->db, err, "copy its log back");
}

static void
close_file(struct sql_store *sql)
{
    struct sqlite_store *sqlite = (struct sqlite_store *)sql;

    sqlite3_close_v2(sqlite->db);
    memory_wipe(sql->store.segment_key, sizeof sql->store.segment_key);
    memory_free(sqlite->segment_folder);
    memory_free(sqlite);
}

static const struct sql_driver driver = { .prepare = prepare, .finalize = finalize, .reset = reset, .bind_int = bind_int, .bind_double = bind_double,
                                          .bind_text = bind_text, .bind_bytes = bind_bytes, .ask = ask, .step = step, .put = put,
                                          .changed_count = changed_count, .is_null = is_null, .column_int = column_int, .column_text = column_text,
                                          .run = run, .begin = begin, .commit = commit, .rollback = rollback, .own = own, .close = close_file };

static const struct store_kind kind = { .name = "sqlite", .own = sql_own, .load = sql_load, .submit = sql_submit, .maintain = maintain,
                                        .outbox_due = sql_outbox_due, .outbox_mark = sql_outbox_mark,
                                        .letters_retry = sql_letters_retry, .letters_waiting = sql_letters_waiting,
                                        .alerts_handle = sql_alerts_handle, .close = sql_close };

/* ---- Opening ---- */

/* "x'…64 digits…'" is SQLCipher's form of a raw key: no key derivation, 4 ms instead of 160. */
enum status
sqlite_give_key(struct sqlite_store *sqlite, const uint8_t *key, struct error *err)
{
    char text[2 + 64 + 2];
    int  code = SQLITE_OK;
    if (key != NULL) {
        memcpy(text, "x'", 2);
        hex_encode(key, 32, text + 2);
        memcpy(text + 66, "'", 2);
        code = sqlite3_key(sqlite->db, text, 67);
        memory_wipe(text, sizeof(text));
    }
    if (code != SQLITE_OK)
        return sqlite_error(sqlite->db, err, "take its key");
    /* Libraries report, they do not log. Behind the key, before which SQLCipher does not look at the pragma. */
    if (key != NULL)
        sqlite3_exec(sqlite->db, "pragma cipher_log_level = none", NULL, NULL, NULL);
    /* The first read is what shows whether the key fits. */
    code = sqlite3_exec(sqlite->db, "select count(*) from sqlite_master", NULL, NULL, NULL);
    if ((code & 0xff) == SQLITE_NOTADB) {
        error_set(err, ERR_KEY, "the key does not open the store, or the file is no store");
        error_hint(err, "check that the binding's \"key\" names the key with which this file was made");
        return ST_ERROR;
    }
    return code == SQLITE_OK ? ST_OK : sqlite_error(sqlite->db, err, "read its file");
}

static enum status
open_file(struct sqlite_store *sqlite, const struct sqlite_store_options *options, struct error *err)
{
    if (sqlite3_open_v2(options->path, &sqlite->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK)
        return sqlite_error(sqlite->db, err, "open its file");
    sqlite3_busy_timeout(sqlite->db, BUSY_TIMEOUT_MS);
    enum status status = sqlite_give_key(sqlite, options->key, err);
    if (status == ST_OK)
        status = run(&sqlite->sql, "pragma journal_mode = wal; pragma synchronous = full; pragma wal_autocheckpoint = 0", "set its mode", err);
    if (status != ST_OK)
        return status;
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(sqlite->db, "select count(*) from sqlite_master where name = 'store_meta'", -1, &statement, NULL) != SQLITE_OK)
        return sqlite_error(sqlite->db, err, "look for its tables");
    int  code = sqlite3_step(statement);
    bool is_new = code == SQLITE_ROW && sqlite3_column_int(statement, 0) == 0;
    sqlite3_finalize(statement);
    if (code != SQLITE_ROW)
        return sqlite_error(sqlite->db, err, "look for its tables");
    status = is_new ? sql_make_tables(&sqlite->sql, options->pipeline, NULL, err) : ST_OK;
    return status == ST_OK ? sql_check_identity(&sqlite->sql, options->pipeline, err) : status;
}

enum status
sqlite_store_open(const struct sqlite_store_options *options, struct store **ret_store, struct error *err)
{
    static const uint8_t purpose[] = "heddle state segments";
    struct sqlite_store *sqlite = memory_alloc_zero(sizeof(*sqlite));
    const char          *slash = strrchr(options->path, '/');
    if (sqlite == NULL)
        return error_no_memory(err);
    sqlite->sql.store.kind = &kind;
    sqlite->sql.driver = &driver;
    sqlite->segment_folder = slash != NULL ? memory_copy(options->path, (size_t)(slash - options->path) + 1) : memory_copy(".", 1);
    sqlite->sql.store.segment_folder = sqlite->segment_folder;
    enum status status = sqlite->segment_folder == NULL ? error_no_memory(err) : open_file(sqlite, options, err);
    if (status == ST_OK && options->key != NULL &&
        HMAC(EVP_sha256(), options->key, 32, purpose, sizeof(purpose) - 1, sqlite->sql.store.segment_key, NULL) == NULL)
        status = error_set(err, ERR_INTERNAL, "cannot derive the key of the state's segments");
    if (status != ST_OK) {
        error_context(err, "opening the store %s", options->path);
        sql_close(&sqlite->sql.store);
        return status;
    }
    *ret_store = &sqlite->sql.store;
    return ST_OK;
}
