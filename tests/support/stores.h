/* A store of either kind for tests that run over both: SQLite at the path, or, where STORE_DSN is set, a schema of that server in the path's stead. */
#ifndef HEDDLE_TESTS_STORES_H
#define HEDDLE_TESTS_STORES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str_builder.h"
#include "store/query.h"
#include "store/store.h"

bool stores_is_postgres(void);

/* Of the pipeline "edw". `key` NULL: not encrypted; a server's has none. */
enum status stores_open(const char *path, const uint8_t *key, struct store **ret_store, struct error *err);
void        stores_remove(const char *path);
/* Another process becomes its owner, past the lock. */
void        stores_overtake(const char *path);

/* On a connection of its own, without a key. Rows with a blank, cells with a bar between, NULL as "-". Fails the test where the statement fails. */
void    stores_rows(const char *path, const char *sql, struct str_builder *out);
/* The first cell. */
int64_t stores_int(const char *path, const char *sql);

/* As store_query_run. */
enum status stores_query(const char *path, struct store_query *query, uint64_t *ret_row_count, struct error *err);

#endif
