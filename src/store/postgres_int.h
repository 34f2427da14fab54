/* What the files of the PostgreSQL store share. */
#ifndef HEDDLE_STORE_POSTGRES_INT_H
#define HEDDLE_STORE_POSTGRES_INT_H

#include <libpq-fe.h>

#include "store/postgres.h"
#include "store/sql_int.h"

/* ---- postgres_connect.c: connections ---- */

enum postgres_use {
    POSTGRES_OWNS,  /* Writes, and so wants a server that takes writes. */
    POSTGRES_READS, /* Nothing but reading is let through. */
};

/* One attempt; the session is as the store needs it. NULL with `err` set. */
PGconn *postgres_connect(const struct postgres_options *options, enum postgres_use use, struct error *err);
/* Outside of a pipeline. NULL with `err` set; the caller clears it. */
PGresult *postgres_exec(PGconn *conn, const char *sql, int count, const char *const *values, const char *what, struct error *err);
/* Names what the server said of a statement: by its code, never by its message, which may quote a row (I8). */
enum status postgres_error(PGconn *conn, const PGresult *result, const char *what, struct error *err);
/* Whether the schema, NULL: nobody asks, and the store's tables in it are there. */
enum status postgres_look(PGconn *conn, const char *schema, bool *ret_is_there, bool *ret_has_schema, struct error *err);
/* The advisory lock. ERR_BUSY names the session that holds it. */
enum status postgres_lock(PGconn *conn, const char *schema, struct error *err);

/* ---- postgres.c: the driver ---- */

struct queued {
    struct sql_statement *statement; /* That wants the answer; NULL: none does. */
    const char           *what;
    bool                  is_commit;
};

struct postgres_store {
    struct sql_store        sql; /* First: a struct sql_store * is one of these. */
    struct postgres_options options;
    char                   *texts[3]; /* That the options point to. */
    PGconn                 *conn;
    uint64_t                session; /* Of the connection, and of what is prepared in it. */
    uint32_t                name_count;
    uint32_t                mend_count;
    bool                    is_owned; /* The lock is ours, and to be taken again with a new connection. */
    bool                    is_committed;
    struct queued          *queue;
    size_t                  queue_count, queue_capacity;
    struct sql_statement   *batch; /* Whose rows wait; NULL: none do. */
};

extern const struct sql_driver postgres_driver;

/* The error of a connection that was lost. */
enum status postgres_lost(struct postgres_store *postgres, const char *what, struct error *err);
/* Rows that wait go nowhere any more. */
void postgres_forget_rows(struct postgres_store *postgres);

/* ---- postgres_store.c: what the driver leaves to it ---- */

bool postgres_is_mended(struct sql_store *sql, struct error *err);
void postgres_close(struct sql_store *sql);

/* ---- postgres_text.c: statements and values as PostgreSQL takes them ---- */

/* The statement; with SQL_ROWS over arrays, one for each parameter. Memory is the builder's matter. */
void postgres_statement(const struct sql_text *text, struct str_builder *out);
/* The next definition of a script, translated; false: there is none any more. */
bool postgres_definition(struct str *script, struct str_builder *out);
/* What SQLite has and the statements use, and the table of the state's records. */
extern const char postgres_definitions[];

/* Text holds no NUL there, and must be UTF-8. A byte that it cannot hold is written as U+2400 and two hexadecimal digits, and so are that character's
 * own bytes, and the backslash of a JSON text's \u0000, which its functions refuse. No two texts become one. */
bool postgres_text_fits(struct str text);
void postgres_text_encode(struct str text, struct str_builder *out);
bool postgres_text_is_encoded(struct str text);
void postgres_text_decode(struct str text, struct str_builder *out);

#endif
