/* What the files of the SQLite store share. */
#ifndef HEDDLE_STORE_SQLITE_INT_H
#define HEDDLE_STORE_SQLITE_INT_H

/* SQLCipher declares sqlite3_key only where this is set. */
#ifndef SQLITE_HAS_CODEC
#define SQLITE_HAS_CODEC 1
#endif
#include <sqlite3.h>

#include "base/hash.h"
#include "store/alert_life.h"
#include "store/sqlite.h"

/* Revisions that an epoch's transaction makes itself; `digest`: of all that the epoch tells (digest.h). */
struct retractions {
    int64_t        count;
    struct hash128 digest;
};

enum sqlite_statement {
    SQL_GENERATION,
    SQL_LAST_EPOCH,
    SQL_POSITION,
    SQL_HEADER,
    SQL_ACCOUNT,
    SQL_REASON,
    SQL_POSITION_PUT,
    SQL_ALERT_NEWEST,
    SQL_ALERT,
    SQL_ALERT_FIND,
    SQL_ALERT_ACT,
    SQL_ALERT_ACT_SEND,
    SQL_OUTBOX,
    SQL_DEAD_LETTER,
    SQL_LATE_EVENT,
    SQL_META,
    SQL_META_PUT,
    SQL_OUTBOX_DUE,
    SQL_OUTBOX_DUE_FIRST,
    SQL_OUTBOX_MARK,
    SQL_LETTER_FIND,
    SQL_LETTER_NUMBER,
    SQL_LETTER_QUEUE,
    SQL_LETTER_MARK,
    SQL_LETTER_WAITING,
    SQL_LETTER_FAILED,
    SQL_LETTER_FAILED_MORE,
    SQL_LETTER_RESOLVED,
    SQL_LETTER_TAKEN,
    SQL_LETTER_RETRACT,
    SQL_LETTER_RETRACT_SEND,
    SQL_STATEMENT_COUNT
};

struct sqlite_store {
    struct store  store; /* First: a struct store * is one of these. */
    sqlite3      *db;
    sqlite3_stmt *statements[SQL_STATEMENT_COUNT]; /* Prepared at first use. */
    char         *segment_folder;
    uint64_t      commit_count;
    uint64_t      generation; /* What own() gave; 0: not owned. */
};

/* Gives the connection its key (NULL: none) and reads a first page, which shows whether it fits. */
enum status sqlite_give_key(struct sqlite_store *sqlite, const uint8_t *key, struct error *err);
/* Names what SQLite said. Full disks are ERR_FULL, locks ERR_BUSY, the rest ERR_IO. Never the values of a statement. */
enum status sqlite_error(struct sqlite_store *sqlite, struct error *err, const char *what);
enum status sqlite_run(struct sqlite_store *sqlite, const char *sql, struct error *err, const char *what);
/* The prepared statement, reset and without bindings; NULL with `err` set. */
sqlite3_stmt *sqlite_prepare(struct sqlite_store *sqlite, enum sqlite_statement which, struct error *err);
/* One step of a statement that gives no rows. */
enum status sqlite_step(struct sqlite_store *sqlite, sqlite3_stmt *statement, struct error *err, const char *what);

/* The text of a column, copied; false: no memory. */
bool sqlite_column_str(struct arena *arena, sqlite3_stmt *statement, int column, struct str *ret_text);
/* Binds text from position `at`; is_nullable: an empty text is NULL. Bytes live until the step. */
void sqlite_bind_text(sqlite3_stmt *statement, int at, struct str text, bool is_nullable);
/* The text of a column as a view; empty where it is NULL. */
struct str sqlite_column_view(sqlite3_stmt *statement, int column);
/* STORE_TIME_NONE is NULL. */
void sqlite_bind_time(sqlite3_stmt *statement, int at, int64_t time_us);

/* The value of a name in store_meta in `out` (empty where there is none). */
enum status sqlite_meta(struct sqlite_store *sqlite, const char *name, char *out, size_t out_size, struct error *err);
enum status sqlite_meta_put(struct sqlite_store *sqlite, const char *name, const char *value, struct error *err);

/* ERR_FENCED where another generation owns the store. Inside a transaction. */
enum status sqlite_check_generation(struct sqlite_store *sqlite, uint64_t generation, struct error *err);

enum status sqlite_outbox_due(struct store *store, struct str sink, int64_t now_us, size_t count_max, bool is_first_only, struct arena *arena,
                              struct store_outbox_row **ret_rows, size_t *ret_count, struct error *err);
enum status sqlite_outbox_mark(struct store *store, const struct store_outbox_mark *marks, size_t count, struct error *err);

enum status sqlite_letters_retry(struct store *store, const struct store_retry *retry, struct store_retry_result *ret_result, struct error *err);
enum status sqlite_letters_waiting(struct store *store, struct str source, int64_t number, size_t count_max, size_t bytes_max,
                                   struct arena *arena, const struct store_letter **ret_letters, size_t *ret_count, struct error *err);
/* Inside an epoch's transaction: a letter that was taken and refused again, then those that were taken and were not. */
enum status sqlite_letter_failed(struct sqlite_store *sqlite, const struct store_dead_letter *letter, const struct epoch_commit *commit,
                                 struct error *err);
enum status sqlite_letters_resolved(struct sqlite_store *sqlite, const struct store_account *account, const struct epoch_commit *commit,
                                    struct retractions *retractions, struct error *err);

enum status sqlite_alerts_handle(struct store *store, const struct store_handle *handle, struct store_handled *ret_handled, struct error *err);
/* The newest revision of the alert. Its texts live until the statement of *ret_statement is reset, which the caller does, on failure too
 * where it is not NULL. */
enum status sqlite_alert_newest(struct sqlite_store *sqlite, struct str alert_id, sqlite3_stmt **ret_statement, struct alert_newest *ret_newest,
                                struct error *err);

enum store_outcome sqlite_submit(struct store *store, const struct epoch_commit *commit, struct error *err);
/* Inserts the rows of one table for the epoch; makes the table and its view at first sight. Inside the transaction. */
enum status sqlite_put_rows(struct sqlite_store *sqlite, const struct store_rows *rows, uint64_t epoch,
                            struct error *err);

#endif
