/* The store on a server: PostgreSQL 13 or later (store.h is the interface).
 *
 * An epoch is one transaction of the same tables as SQLite's, two round trips whatever its size. The state's records lie in a table of their own,
 * in the same transaction, so that losing the machine that streams loses nothing. An owner holds an advisory lock of the server as
 * long as its connection lives, so that a second one anywhere is refused; the generation fences the rest (P7).
 *
 * A connection that is lost while nothing of an epoch is on its way is made anew, with growing pauses; while a COMMIT is, the outcome is
 * unknown and the process ends (P8).
 *
 * What it connects with (conninfo) holds a password: no error, and nothing else, ever says a part of it. */
#ifndef HEDDLE_STORE_POSTGRES_H
#define HEDDLE_STORE_POSTGRES_H

#include "store/query.h"
#include "store/store.h"

struct postgres_options {
    const char *conninfo; /* "host=… dbname=… user=…", or a URI; copied. */
    const char *schema;   /* Copied. */
    const char *pipeline; /* Its identity: a store made for another one is refused. */
};

/* Connects, and makes schema and tables where they are not there. ERR_BUSY: another process owns the store. ERR_UNAVAILABLE: the server does not
 * answer. ERR_KEY: it refuses the login. ERR_CONFIG: no such database, no rights, no TLS that proves who answers, another pipeline's store.
 * The caller ends it with store_close. */
enum status postgres_store_open(const struct postgres_options *options, struct store **ret_store, struct error *err);

/* Whether the schema has a store. Takes no lock, changes nothing; tells what is wrong with rights, too. */
enum status postgres_store_look(const struct postgres_options *options, bool *ret_is_there, struct error *err);

/* As store_query_run (query.h), beside the owner. `query->path` and `key` are not looked at. */
enum status postgres_query_run(const struct postgres_options *options, const struct store_query *query, uint64_t *ret_row_count, struct error *err);

#endif
