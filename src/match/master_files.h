/* The snapshots of a store: <store>.master.<version>, versions as decimal numbers that ascend. The newest counts; the one
 * before it stays for who is about to open it. */
#ifndef HEDDLE_MATCH_MASTER_FILES_H
#define HEDDLE_MATCH_MASTER_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str_builder.h"
#include "io/io.h"

#define MASTER_FILE_KEPT_COUNT 2

/* Appends the path of that version. */
void master_file_path(struct str_builder *path, const char *store_path, uint64_t version);

/* The newest version and its path, appended to `path`; *ret_is_found false and nothing appended where there is none. */
enum status master_file_newest(struct io *io, const char *store_path, struct str_builder *path, bool *ret_is_found,
                               uint64_t *ret_version, struct error *err);

/* Removes all but the newest MASTER_FILE_KEPT_COUNT. A process that has an older one mapped goes on with it. */
enum status master_file_prune(struct io *io, const char *store_path, struct error *err);

#endif
