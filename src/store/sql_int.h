/* What a store over SQL is made of: statements that stand once, and a driver that runs them.
 *
 *     sql.c         the statements, owning and loading        sqlite.c     SQLite through SQLCipher, in process
 *     sql_submit.c  an epoch (P7)                             postgres.c   PostgreSQL, over libpq
 *     sql_rows.c    tables of window steps
 *     sql_letters.c, sql_alerts.c, sql_outbox.c
 *
 * Statements are written as SQLite takes them, of what both know alike; postgres_text.h says how they are turned, and the few
 * functions of SQLite that they use are made in the schema there. Numbers are 64 bits, times microseconds, booleans 0 and 1.
 *
 * Over a network each answer that is waited for costs a round trip. So:
 *
 *     sql_ask      sends a statement whose rows are wanted later: all that were asked for come with the first of them that is stepped
 *     sql_put      a row or a change that gives nothing back: it may go later, together with others, but in the order of the calls,
 *                  and so its error may come later too, at the latest from commit
 *
 * and an epoch takes two round trips, whatever its size: what it asks, and what it writes with its COMMIT. */
#ifndef HEDDLE_STORE_SQL_INT_H
#define HEDDLE_STORE_SQL_INT_H

#include "base/hash.h"
#include "base/str_builder.h"
#include "store/alert_life.h"
#include "store/store.h"

/* Where the rows of a batch come in: nothing where each is run by itself. */
#define SQL_ROWS " /*rows*/"

struct sql_text {
    const char *sql;   /* Parameters are ?1, ?2 …; with SQL_ROWS it may be run for many rows at once. */
    const char *types; /* A letter for each: 'i' integer, 't' text, 'b' bytes, 'd' double. */
};

enum sql_statement_name {
    SQL_GENERATION,
    SQL_LAST_EPOCH,
    SQL_POSITIONS,
    SQL_TABLES,
    SQL_HEADER,
    SQL_ACCOUNT,
    SQL_REASON,
    SQL_POSITION_PUT,
    SQL_ALERTS_NEWEST,
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
    SQL_LETTER_FAILED_TWINS,
    SQL_LETTER_FAILED,
    SQL_LETTER_FAILED_MORE,
    SQL_LETTER_RESOLVED,
    SQL_LETTER_TAKEN,
    SQL_LETTER_RETRACT,
    SQL_LETTER_RETRACT_SEND,
    SQL_STATE_PUT,
    SQL_STATE_CUT,
    SQL_STATE_GET,
    SQL_STATEMENT_COUNT
};

enum sql_step { SQL_FAILED, SQL_DONE, SQL_ROW };

struct sql_store;
struct sql_statement; /* A driver's. */

struct sql_driver {
    /* A statement that `text` outlives. The caller ends it with finalize; NULL with `err` set. */
    struct sql_statement *(*prepare)(struct sql_store *sql, const struct sql_text *text, struct error *err);
    void (*finalize)(struct sql_statement *statement); /* NULL is fine. */
    /* Ends its rows, and all parameters are null again. */
    void (*reset)(struct sql_statement *statement);

    /* Bytes live until the statement is stepped, asked or put. */
    void (*bind_int)(struct sql_statement *statement, int at, int64_t value);
    void (*bind_double)(struct sql_statement *statement, int at, double value);
    void (*bind_text)(struct sql_statement *statement, int at, struct str text);
    void (*bind_bytes)(struct sql_statement *statement, int at, struct str bytes);

    enum status (*ask)(struct sql_statement *statement, const char *what, struct error *err);
    enum sql_step (*step)(struct sql_statement *statement, const char *what, struct error *err);
    enum status (*put)(struct sql_statement *statement, const char *what, struct error *err); /* Resets it. */
    int64_t (*changed_count)(const struct sql_statement *statement); /* Of the last step that was SQL_DONE. */

    /* Of the row; views until the next step or reset. A null is 0 and empty. */
    bool (*is_null)(struct sql_statement *statement, int column);
    int64_t (*column_int)(struct sql_statement *statement, int column);
    struct str (*column_text)(struct sql_statement *statement, int column); /* Of bytes too. */

    /* Definitions, `;` between them. */
    enum status (*run)(struct sql_store *sql, const char *script, const char *what, struct error *err);

    enum status (*begin)(struct sql_store *sql, bool is_writing, struct error *err);
    /* STORE_FAILED: rolled back. */
    enum store_outcome (*commit)(struct sql_store *sql, const char *what, struct error *err);
    void (*rollback)(struct sql_store *sql);
    /* Optional: what an owner does first, in the transaction that raises the generation. */
    enum status (*own)(struct sql_store *sql, struct error *err);
    /* Optional: false where the transaction ended in an error that has nothing to do with the connection; else it was made anew, and what was
     * begun may be begun again. */
    bool (*is_mended)(struct sql_store *sql, struct error *err);
    void (*close)(struct sql_store *sql); /* Frees it, after all statements were finalized. */
};

struct sql_store {
    struct store             store; /* First: a struct store * is one of these. */
    const struct sql_driver *driver;
    struct sql_statement    *statements[SQL_STATEMENT_COUNT]; /* Prepared at first use. */
    uint64_t                 generation; /* What own() gave; 0: not owned. */
};

/* Revisions that an epoch's transaction makes itself; `digest`: of all that the epoch tells (digest.h). */
struct retractions {
    int64_t        count;
    struct hash128 digest;
};

/* The functions of struct store_kind but for maintain, which is a driver's. */
enum status        sql_own(struct store *store, uint64_t *ret_generation, struct error *err);
enum status        sql_load(struct store *store, struct arena *arena, struct store_state *ret_state, struct error *err);
enum store_outcome sql_submit(struct store *store, const struct epoch_commit *commit, struct error *err);
enum status        sql_outbox_due(struct store *store, struct str sink, int64_t now_us, size_t count_max, bool is_first_only, struct arena *arena,
                                  struct store_outbox_row **ret_rows, size_t *ret_count, struct error *err);
enum status        sql_outbox_mark(struct store *store, const struct store_outbox_mark *marks, size_t count, struct error *err);
enum status        sql_letters_retry(struct store *store, const struct store_retry *retry, struct store_retry_result *ret_result, struct error *err);
enum status        sql_letters_waiting(struct store *store, struct str source, int64_t number, size_t count_max, size_t bytes_max,
                                       struct arena *arena, const struct store_letter **ret_letters, size_t *ret_count, struct error *err);
enum status        sql_alerts_handle(struct store *store, const struct store_handle *handle, struct store_handled *ret_handled, struct error *err);
void               sql_close(struct store *store);

/* Makes the tables in a store that has none, for the pipeline; `more`: definitions of the driver's own, NULL: none. */
enum status sql_make_tables(struct sql_store *sql, const char *pipeline, const char *more, struct error *err);
/* ERR_CONFIG where the store belongs to another pipeline, or was made by another version. */
enum status sql_check_identity(struct sql_store *sql, const char *pipeline, struct error *err);

/* The prepared statement, reset; NULL with `err` set. */
struct sql_statement *sql_prepare(struct sql_store *sql, enum sql_statement_name which, struct error *err);

/* ERR_FENCED where another generation owns the store. Inside a transaction. */
enum status sql_check_generation(struct sql_store *sql, uint64_t generation, struct error *err);
/* A transaction under the generation: ERR_FENCED where another one owns the store. A connection that was lost before is made anew. */
enum status sql_begin(struct sql_store *sql, uint64_t generation, bool is_writing, struct error *err);
/* Its end: commits where `status` is ST_OK, else rolls back and gives it back. */
enum status sql_end(struct sql_store *sql, enum status status, const char *what, struct error *err);

/* is_nullable: an empty text is NULL. */
void sql_bind_text(struct sql_store *sql, struct sql_statement *statement, int at, struct str text, bool is_nullable);
/* STORE_TIME_NONE is NULL. */
void sql_bind_time(struct sql_store *sql, struct sql_statement *statement, int at, int64_t time_us);
/* One step of a statement that gives no rows. */
enum status sql_step_done(struct sql_store *sql, struct sql_statement *statement, const char *what, struct error *err);
/* The text of a column, copied; false: no memory. */
bool sql_column_copy(struct sql_store *sql, struct arena *arena, struct sql_statement *statement, int column, struct str *ret_text);

/* The value of a name in store_meta in `out` (empty where there is none). */
enum status sql_meta(struct sql_store *sql, const char *name, char *out, size_t out_size, struct error *err);
enum status sql_meta_put(struct sql_store *sql, const char *name, const char *value, struct error *err);

/* The newest revisions of alerts whose ids stand in a JSON array; the statement is asked for, and to be stepped by sql_alert_newest_next until
 * it gives no id any more. Texts of a row live until the next. */
struct sql_statement *sql_alerts_newest_ask(struct sql_store *sql, struct str ids, struct error *err);
enum status           sql_alerts_newest_next(struct sql_store *sql, struct sql_statement *statement, struct str *ret_alert_id, struct alert_newest *ret_newest,
                                             struct error *err);

/* Inside an epoch's transaction: a letter that was taken and refused again, then those that were taken and were not. */
enum status sql_letter_failed(struct sql_store *sql, const struct store_dead_letter *letter, const struct epoch_commit *commit, struct error *err);
enum status sql_letters_resolved(struct sql_store *sql, const struct store_account *account, const struct epoch_commit *commit,
                                 struct retractions *retractions, struct error *err);

/* Inserts the rows of one table for the epoch; makes the table and its view where `known`, the digest of the definition that the store
 * has under the name, is another. Inside the transaction. */
enum status sql_put_rows(struct sql_store *sql, const struct store_rows *rows, struct str known, uint64_t epoch, struct error *err);

#endif
