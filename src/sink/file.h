/* A file of lines that grows, for receivers that read along: one JSON object a line.
 *
 * Every attempt opens the file anew, so that a file moved away (log rotation) is followed by a new one; and it holds the
 * file's lock, so that two processes do not mix their lines.
 *
 *     begin ─ (the caller makes sure that it still may) ─ repair ─ tail ─ write … ─ end
 *
 * What write returned from well is on disk. What it failed at is cut off again, at the latest by the next repair: a failed
 * fsync tells nothing about the bytes, so they are never taken for written (P8). A reader may have seen them; it knows
 * repeats by their id. */
#ifndef HEDDLE_SINK_FILE_H
#define HEDDLE_SINK_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "io/io.h"
#include "io/stream.h"

struct file_sink {
    struct io         *io;
    const char        *path;       /* Borrowed. */
    struct str         line_begin; /* All its lines begin so; borrowed. A last line that does not is never cut. */
    struct file_writer writer;     /* Open between begin and end. */
    bool               has_rest;   /* A failed write left something behind `rest_from` of the file with this inode. */
    uint64_t           rest_from;
    uint64_t           rest_inode;
};

void file_sink_init(struct file_sink *sink, struct io *io, const char *path, struct str line_begin);

/* Opens the file, made with mode 0600 where it is not there, and waits for its lock. */
enum status file_sink_begin(struct file_sink *sink, struct error *err);

/* Cuts what an earlier write failed at; of the last `line_count_max` lines, as many as one write has at most, those from the first one that a power
 * cut left a hole in; and a last line without its end, which a process left that died while it wrote.
 * ERR_CORRUPT where the last line has no end and is none of ours: then the file is somebody else's. */
enum status file_sink_repair(struct file_sink *sink, size_t line_count_max, struct error *err);

/* The file's last lines, up to `line_count_max` of them, each with its line feed, all of them on disk. The block is
 * freed with memory_free; NULL where the file is empty. After repair. */
enum status file_sink_tail(struct file_sink *sink, size_t line_count_max, char **ret_bytes, size_t *ret_size,
                           struct error *err);

/* Appends whole lines, each with its line feed: all are on disk, or none is taken for written. */
enum status file_sink_write(struct file_sink *sink, struct str lines, struct error *err);

/* Gives lock and file back. Fine also after a begin that failed, and twice. */
void file_sink_end(struct file_sink *sink);

#endif
