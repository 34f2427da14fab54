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
