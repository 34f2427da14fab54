/* An event log in files: one NDJSON file a partition, followed as it grows. The position is a byte offset.
 *
 * A partition's id is its file's name below the folder. A last line without its line feed waits until that comes. The
 * identity is the inode and a hash of the first bytes: a log that was rotated or truncated is an error that names it. */
#ifndef HEDDLE_SOURCE_EVENTLOG_H
#define HEDDLE_SOURCE_EVENTLOG_H

#include "io/io.h"
#include "source/source.h"

/* `name` and `folder` are borrowed for the source's life. The caller frees with ret_source->kind->free. */
enum status eventlog_create(struct io *io, const char *name, const char *folder, struct source **ret_source,
                            struct error *err);

#endif
