#include "io/stream.h"

#include <errno.h>
#include <fcntl.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/time.h"
#include "io/file.h"

/* Opens, and keeps the path for messages. */
static enum status
open_named(struct io *io, const char *path, int flags, const char *what, int *ret_fd, char **ret_path,
           struct error *err)
{
    char *copy = memory_copy(path, strlen(path));
    if (copy == NULL)
        return error_no_memory(err);
    int fd;
    do
        fd = io->open(io, path, flags, 0600);
    while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        io_error(err, what, path);
        memory_free(copy);
        return ST_ERROR;
    }
    *ret_fd   = fd;
    *ret_path = copy;
    return ST_OK;
}

static void
close_named(struct io *io, int *fd, char **path)
{
    if (*fd >= 0)
        io->close(io, *fd);
    memory_free(*path);
    *fd   = -1;
    *path = NULL;
}

/* ---- Reading ---- */

enum status
file_reader_open(struct file_reader *reader, struct io *io, const char *path, uint64_t offset, struct error *err)
{
    struct stat info;

    /* Opening a pipe would wait for its other end, and a device may have no end. */
    if (open_named(io, path, O_RDONLY | O_NONBLOCK, "open", &reader->fd, &reader->path, err) != ST_OK)
        return ST_ERROR;
    reader->io     = io;
    reader->offset = offset;
    if (io->fstat(io, reader->fd, &info) == 0 && S_ISREG(info.st_mode))
        return ST_OK;
    error_set(err, ERR_IO, "cannot read %s: it is no regular file", path);
    file_reader_release(reader);
    return ST_ERROR;
}

enum status
file_reader_read(struct file_reader *reader, void *buffer, size_t size, size_t *ret_size, struct error *err)
{
    CHECK(reader->fd >= 0);
    size_t done = 0;
    while (done < size) {
        ssize_t got = reader->io->pread(reader->io, reader->fd, (char *)buffer + done, size - done,
                                        (int64_t)(reader->offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            io_error(err, "read", reader->path);
            error_at_offset(err, reader->path, reader->offset + done);
            return ST_ERROR;
        }
        if (got == 0)
            break;
        done += (size_t)got;
    }
    reader->offset += done;
    *ret_size = done;
    return ST_OK;
}

enum status
file_reader_info(const struct file_reader *reader, struct file_info *ret_info, struct error *err)
{
    struct stat info;
    CHECK(reader->fd >= 0);
    if (reader->io->fstat(reader->io, reader->fd, &info) != 0)
        return io_error(err, "look at", reader->path);
    *ret_info = (struct file_info){
        .size_bytes  = (uint64_t)info.st_size,
        .modified_us = info.st_mtim.tv_sec * US_PER_SECOND + info.st_mtim.tv_nsec / 1000,
        .inode       = info.st_ino,
        .device      = info.st_dev,
    };
    return ST_OK;
}

void
file_reader_release(struct file_reader *reader)
{
    close_named(reader->io, &reader->fd, &reader->path);
}

/* ---- Writing ---- */

enum status
file_writer_open(struct file_writer *writer, struct io *io, const char *path, enum file_writer_mode mode,
                 struct error *err)
{
    static const int FLAGS[] = { [FILE_CREATE] = O_EXCL, [FILE_TRUNCATE] = O_TRUNC, [FILE_APPEND] = 0,
                                  [FILE_CREATE_BLOCKS] = O_EXCL };
    struct stat      info;
    int              fd         = -1;
    char            *path_copy  = NULL;
    /* O_APPEND in all modes: after a cut the next write goes to the new end without a seek. */
    if (open_named(io, path, O_WRONLY | O_CREAT | O_APPEND | FLAGS[mode], "write", &fd, &path_copy, err) != ST_OK)
        return ST_ERROR;
    if (io->fstat(io, fd, &info) != 0) {
        io_error(err, "look at", path);
        close_named(io, &fd, &path_copy);
        if (FLAGS[mode] == O_EXCL) /* Made a moment ago: left behind, it would stop the next try. */
            io->unlink(io, path);
        return ST_ERROR;
    }
    *writer = (struct file_writer){ .io = io, .fd = fd, .offset = (uint64_t)info.st_size, .path = path_copy };
    /* Where it cannot be, blocks are written as all else is. */
    writer->is_direct = mode == FILE_CREATE_BLOCKS && io->set_direct(io, fd, true) == 0;
    return ST_OK;
}

static enum status
writer_check(const struct file_writer *writer, struct error *err)
{
    CHECK(writer->fd >= 0);
    if (writer->has_failed)
        return error_set(err, ERR_IO, "%s has failed before, and what it holds is not known", writer->path);
    return ST_OK;
}

enum status
file_writer_lock(struct file_writer *writer, struct error *err)
{
    struct stat info;
    int         result;
    if (writer_check(writer, err) != ST_OK)
        return ST_ERROR;
    do
        result = writer->io->lock_wait(writer->io, writer->fd);
    while (result != 0 && errno == EINTR);
    if (result != 0)
        return io_error(err, "lock", writer->path);
    if (writer->io->fstat(writer->io, writer->fd, &info) != 0)
        return io_error(err, "look at", writer->path);
    writer->offset = (uint64_t)info.st_size;
    return ST_OK;
}

/* The device's blocks are larger than ours, or what is left of a short write is no whole one: on through the page cache. */
static bool
direct_end(struct file_writer *writer)
{
    bool has_ended = writer->is_direct && writer->io->set_direct(writer->io, writer->fd, false) == 0;
    writer->is_direct = false;
    return has_ended;
}

enum status
file_writer_write(struct file_writer *writer, struct str bytes, struct error *err)
{
    size_t done = 0;
    if (writer_check(writer, err) != ST_OK)
        return ST_ERROR;
    CHECK(!writer->is_direct || (bytes.size | (uintptr_t)bytes.data) % FILE_BLOCK_SIZE == 0);
    while (done < bytes.size) {
        ssize_t put = writer->io->write(writer->io, writer->fd, bytes.data + done, bytes.size - done);
        if (put < 0 && (errno == EINTR || (errno == EINVAL && direct_end(writer))))
            continue;
        if (put < 0) {
            writer->has_failed = true;
            return io_error(err, "write", writer->path);
        }
        done += (size_t)put;
    }
    writer->offset += done;
    return ST_OK;
}

enum status
file_writer_sync(struct file_writer *writer, struct error *err)
{
    if (writer_check(writer, err) != ST_OK)
        return ST_ERROR;
    if (writer->io->sync_data(writer->io, writer->fd) != 0) {
        writer->has_failed = true;
        return io_error(err, "sync", writer->path);
    }
    return ST_OK;
}

enum status
file_writer_truncate(struct file_writer *writer, uint64_t size_bytes, struct error *err)
{
    if (writer_check(writer, err) != ST_OK)
        return ST_ERROR;
    CHECK(size_bytes <= writer->offset);
    int result;
    do
        result = writer->io->truncate(writer->io, writer->fd, (int64_t)size_bytes);
    while (result != 0 && errno == EINTR);
    if (result != 0) {
        writer->has_failed = true;
        return io_error(err, "cut", writer->path);
    }
    writer->offset = size_bytes;
    return ST_OK;
}

enum status
file_writer_close(struct file_writer *writer, struct error *err)
{
    CHECK(writer->fd >= 0);
    enum status status = ST_OK;
    int         fd     = writer->fd;
    writer->fd         = -1;
    if (writer->io->close(writer->io, fd) != 0)
        status = io_error(err, "close", writer->path);
    file_writer_release(writer);
    return status;
}

void
file_writer_release(struct file_writer *writer)
{
    close_named(writer->io, &writer->fd, &writer->path);
}
