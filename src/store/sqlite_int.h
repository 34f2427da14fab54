/* What the files of the SQLite store share. */
#ifndef HEDDLE_STORE_SQLITE_INT_H
#define HEDDLE_STORE_SQLITE_INT_H

/* SQLCipher declares sqlite3_key only where this is set. */
#ifndef SQLITE_HAS_CODEC
#define SQLITE_HAS_CODEC 1
#endif
#include <sqlite3.h>

#include "store/sql_int.h"
#include "store/sqlite.h"

struct sqlite_store {
    struct sql_store sql; /* First: a struct sql_store * is one of these. */
    sqlite3         *db;
    char            *segment_folder;
    uint64_t         commit_count;
};

/* Gives the connection its key (NULL: none) and reads a first page, which shows whether it fits. */
enum status sqlite_give_key(struct sqlite_store *sqlite, const uint8_t *key, struct error *err);
/* Names what SQLite said. Full disks are ERR_FULL, locks ERR_BUSY, the rest ERR_IO. Never the values of a statement. */
enum status sqlite_error(sqlite3 *db, struct error *err, const char *what);

#endif
