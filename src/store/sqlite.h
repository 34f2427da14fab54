/* The embedded store: one SQLite file through SQLCipher, in WAL mode (store.h is the interface).
 *
 * synchronous=FULL: a commit that returned is on disk. Automatic checkpoints are off; maintain() makes PASSIVE ones
 * between epochs, so that no commit waits for one. */
#ifndef HEDDLE_STORE_SQLITE_H
#define HEDDLE_STORE_SQLITE_H

#include "store/store.h"

struct sqlite_store_options {
    const char    *path;
    const uint8_t *key;      /* 32 bytes, raw; NULL: not encrypted ("encryption": "none"). Copied. */
    const char    *pipeline; /* Its identity: a store made for another one is refused. */
};

/* Opens the file, and makes it with its tables where it is not there. ERR_KEY: not the key of this file, or no database
 * at all (the two cannot be told apart). ERR_CONFIG: another pipeline's, or made by a newer heddle. ERR_BUSY: another
 * process is writing. The caller ends it with store_close. */
enum status sqlite_store_open(const struct sqlite_store_options *options, struct store **ret_store, struct error *err);

#endif
