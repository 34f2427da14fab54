/* One statement of a user's over the store, shown as a table, as JSON lines or as CSV.
 *
 * It runs on a connection of its own that can only read, so it may run in any process of the store's user, beside the owner:
 * SQLite's log (WAL) shows it the last committed epoch, and neither waits for the other. Only SELECT over tables and the
 * functions of SQLite is let through: no pragma, no other file, no extension.
 *
 * What it shows is patient data, so the audit comes first: where it cannot be written, nothing is shown. */
#ifndef HEDDLE_STORE_QUERY_H
#define HEDDLE_STORE_QUERY_H

#include <stdint.h>

#include "base/error.h"
#include "base/rows_out.h"
#include "base/str.h"

struct store_query {
    const char             *path;
    const uint8_t          *key; /* 32 bytes; NULL: not encrypted. */
    struct str              sql;
    struct rows_out_options rows; /* How it is shown, and who takes it. */
    /* Told the statement before it runs; its failure ends the query. */
    enum status (*audit)(void *context, struct str sql, struct error *err);
    void *audit_context;
};

/* ERR_USAGE where the statement does not parse, is not one, or does more than read: the message may quote the statement.
 * ERR_KEY as in sqlite.h; ERR_NOT_FOUND where there is no store yet. */
enum status store_query_run(const struct store_query *query, uint64_t *ret_row_count, struct error *err);

#endif
