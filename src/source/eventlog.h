/* An event log in files: one NDJSON file a partition, followed as it grows. The position is a byte offset.
 *
 * A partition's id is its file's path below its input's root: "events/p0.ndjson". A last line without its line feed waits until that comes;
 * a line beyond EVENTLOG_LINE_SIZE_MAX is a batch of its own, cut to its first FORMAT_KEPT_SIZE_MAX bytes. The
 * identity is a hash of the first bytes, up to EVENTLOG_HEAD_SIZE of those that were read: a log that begins otherwise, or is
 * shorter than what was read, is an error that names it. The inode is told with it, but a copy of the log goes on (a backup
 * that was put back); only while it is followed another file in its place is an error. */
#ifndef HEDDLE_SOURCE_EVENTLOG_H
#define HEDDLE_SOURCE_EVENTLOG_H

#include "graph/graph.h"
#include "io/io.h"
#include "source/source.h"

/* `binding` is borrowed for the source's life; its name, and each input's root and path (with wildcards) count. Two files
 * with the same id below different roots are an error (ERR_CONFIG) when they are listed. The caller frees with
 * ret_source->kind->free. */
enum status eventlog_create(struct io *io, const struct graph_source *binding, struct source **ret_source,
                            struct error *err);

#endif
