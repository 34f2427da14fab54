/* Files that are read on and written on: a reader that follows a growing file, a writer that knows what is on disk.
 *
 * Interrupted calls are made again and short ones continued, but for an fsync that failed: the kernel may have dropped
 * the pages, so it is never tried again (P8). */
#ifndef HEDDLE_IO_STREAM_H
#define HEDDLE_IO_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "io/io.h"

struct file_info {
    uint64_t size_bytes;
    int64_t  modified_us; /* UTC. */
    uint64_t inode;       /* With `device` it tells a rotated file from one that grew. */
    uint64_t device;
};

struct file_reader {
    struct io *io;
    int        fd;     /* -1: closed. */
    uint64_t   offset; /* Of the next byte. */
    char      *path;
};
#define FILE_READER_EMPTY ((struct file_reader){ .fd = -1 })

/* Regular files only. */
enum status file_reader_open(struct file_reader *reader, struct io *io, const char *path, uint64_t offset,
                             struct error *err);
/* Fills the buffer as far as the file goes: *ret_size < size only at its present end. A later call goes on there. On
 * failure the offset stays. */
enum status file_reader_read(struct file_reader *reader, void *buffer, size_t size, size_t *ret_size, struct error *err);
/* Of the open file, whatever its name is by now. */
enum status file_reader_info(const struct file_reader *reader, struct file_info *ret_info, struct error *err);
void        file_reader_release(struct file_reader *reader);

struct file_writer {
    struct io *io;
    int        fd;         /* -1: closed. */
    uint64_t   offset;     /* Bytes in the file: where the next write goes. */
    bool       has_failed; /* A write or sync has failed: nothing more is accepted. */
    bool       is_direct;  /* Writes go past the page cache. */
    char      *path;
};
#define FILE_WRITER_EMPTY ((struct file_writer){ .fd = -1 })

enum file_writer_mode {
    FILE_CREATE,   /* A new file; an error where there is one. */
    FILE_TRUNCATE, /* A new file, or an old one emptied. */
    FILE_APPEND,   /* At the end of the file, made where it is not there. */
    FILE_CREATE_BLOCKS, /* As FILE_CREATE. Every write is of whole blocks, from memory aligned to one: they go past the page cache where
                         * the file system can, which costs next to nothing; through it each byte is copied, into memory that has to be found. */
};
#define FILE_BLOCK_SIZE 4096

/* New files have mode 0600. */
enum status file_writer_open(struct file_writer *writer, struct io *io, const char *path, enum file_writer_mode mode,
                             struct error *err);
/* Waits until no other writer of the file holds this lock, takes it until the writer is closed, and sees what they wrote:
 * `offset` is the file's size then. For files that several processes append to, which hold it for moments only. */
enum status file_writer_lock(struct file_writer *writer, struct error *err);
/* Whole, or an error: then the file may hold a part of it behind the `offset` of before. */
enum status file_writer_write(struct file_writer *writer, struct str bytes, struct error *err);
/* What was written is on disk. */
enum status file_writer_sync(struct file_writer *writer, struct error *err);
/* Cuts the file, whose end is then the next write's place; size_bytes <= offset. */
enum status file_writer_truncate(struct file_writer *writer, uint64_t size_bytes, struct error *err);
/* Closes and tells whether that went well; the writer is released in any case. */
enum status file_writer_close(struct file_writer *writer, struct error *err);
void        file_writer_release(struct file_writer *writer);

#endif
