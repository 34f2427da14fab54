#include "sink/file.h"

#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "io/file.h"

/* What is read of the file's end at first: some ten lines; four times as much while it is too little. */
#define TAIL_SIZE_FIRST (64u << 10)

void
file_sink_init(struct file_sink *sink, struct io *io, const char *path, struct str line_begin)
{
    *sink = (struct file_sink){ .io = io, .path = path, .line_begin = line_begin, .writer = FILE_WRITER_EMPTY };
}

enum status
file_sink_begin(struct file_sink *sink, struct error *err)
{
    uint64_t    size;
    enum status status = io_file_check_regular(sink->io, sink->path, &size, err);

    if (status == ST_OK)
        status = file_writer_open(&sink->writer, sink->io, sink->path, FILE_APPEND, err);
    if (status == ST_OK)
        status = file_writer_lock(&sink->writer, err);
    if (status != ST_OK)
        file_sink_end(sink);
    return status;
}

void
file_sink_end(struct file_sink *sink)
{
    file_writer_release(&sink->writer);
    sink->writer = FILE_WRITER_EMPTY;
}

/* ---- The file's end ---- */

/* The file from `from` to its end. */
static enum status
read_end(struct file_sink *sink, uint64_t from, char **ret_bytes, size_t *ret_size, struct error *err)
{
    struct file_reader reader = FILE_READER_EMPTY;
    size_t             wanted = (size_t)(sink->writer.offset - from), size = 0;
    char              *bytes  = memory_alloc(wanted);
    enum status        status = bytes == NULL ? error_no_memory(err) : file_reader_open(&reader, sink->io, sink->path, from, err);

    if (status == ST_OK)
        status = file_reader_read(&reader, bytes, wanted, &size, err);
    if (status == ST_OK && size < wanted) /* Cut by a hand that knows no lock; the next attempt sees the new end. */
        status = error_set(err, ERR_IO, "%s became shorter while it was read", sink->path);
    file_reader_release(&reader);
    if (status != ST_OK) {
        memory_free(bytes);
        return status;
    }
    *ret_bytes = bytes;
    *ret_size  = wanted;
    return ST_OK;
}

/* Where the last `count` lines begin: behind the (count + 1)-th line feed from the end. False where the bytes hold fewer. */
static bool
find_lines(const char *bytes, size_t size, size_t count, size_t *ret_begin)
{
    for (size_t i = size; i > 0; i--)
        if (bytes[i - 1] == '\n' && count-- == 0) {
            *ret_begin = i;
            return true;
        }
    return false;
}

/* Reads as much of the end as holds `count` whole lines and what stands before them in the block is skipped by
 * *ret_begin; all of the file where it has no more. `writer.offset` > 0. */
static enum status
read_lines(struct file_sink *sink, size_t count, char **ret_bytes, size_t *ret_size, size_t *ret_begin, struct error *err)
{
    const uint64_t end = sink->writer.offset;

    for (uint64_t wanted = TAIL_SIZE_FIRST;; wanted *= 4) {
        uint64_t from = end > wanted ? end - wanted : 0;
        size_t   begin = 0;
        if (read_end(sink, from, ret_bytes, ret_size, err) != ST_OK)
            return ST_ERROR;
        if (find_lines(*ret_bytes, *ret_size, count, &begin) || from == 0) {
            *ret_begin = begin;
            return ST_OK;
        }
        memory_free(*ret_bytes);
    }
}

/* ---- Repair ---- */

static enum status
inode_of(struct file_sink *sink, uint64_t *ret_inode, struct error *err)
{
    struct stat info;

    if (sink->io->fstat(sink->io, sink->writer.fd, &info) != 0)
        return io_error(err, "look at", sink->path);
    *ret_inode = (uint64_t)info.st_ino;
    return ST_OK;
}

static enum status
cut_rest(struct file_sink *sink, struct error *err)
{
    uint64_t    inode  = 0;
    enum status status = ST_OK;

    if (!sink->has_rest)
        return ST_OK;
    status = inode_of(sink, &inode, err);
    /* Another file by now, or one that was emptied: then there is no rest. */
    if (status == ST_OK && inode == sink->rest_inode && sink->writer.offset > sink->rest_from)
        status = file_writer_truncate(&sink->writer, sink->rest_from, err);
    if (status == ST_OK)
        sink->has_rest = false;
    return status;
}

/* A power cut may leave the end of a write and not its middle: zeros, which no line has. They lie in the last write, for what was there before it was
 * on disk; what stands behind them is of it too, and counts as delivered nowhere yet. */
static enum status
cut_holes(struct file_sink *sink, size_t line_count, struct error *err)
{
    char       *bytes = NULL;
    size_t      size = 0, begin = 0, last = 0;
    enum status status = ST_OK;

    if (sink->writer.offset == 0)
        return ST_OK;
    if (read_lines(sink, line_count, &bytes, &size, &begin, err) != ST_OK)
        return ST_ERROR;
    const char *hole = memchr(bytes + begin, '\0', size - begin);
    if (hole != NULL) {
        if (!find_lines(bytes, (size_t)(hole - bytes), 0, &last))
            last = 0; /* The first line of all. */
        status = file_writer_truncate(&sink->writer, sink->writer.offset - (size - last), err);
    }
    memory_free(bytes);
    return status;
}

static enum status
cut_torn_line(struct file_sink *sink, struct error *err)
{
    char       *bytes = NULL;
    size_t      size = 0, begin = 0;
    enum status status;

    if (sink->writer.offset == 0)
        return ST_OK;
    status = read_lines(sink, 0, &bytes, &size, &begin, err);
    if (status != ST_OK)
        return status;
    struct str torn = str_of(bytes + begin, size - begin);
    size_t     same = torn.size < sink->line_begin.size ? torn.size : sink->line_begin.size;
    if (torn.size > 0 && memcmp(torn.data, sink->line_begin.data, same) != 0) {
        error_set(err, ERR_CORRUPT, "%s ends in a line that is not finished and is no alert", sink->path);
        error_hint(err, "bind the alerts to a file of their own");
        status = ST_ERROR;
    } else if (torn.size > 0) {
        status = file_writer_truncate(&sink->writer, sink->writer.offset - torn.size, err);
    }
    memory_free(bytes);
    return status;
}

enum status
file_sink_repair(struct file_sink *sink, size_t line_count_max, struct error *err)
{
    enum status status = cut_rest(sink, err);

    if (status == ST_OK)
        status = cut_holes(sink, line_count_max, err);
    return status == ST_OK ? cut_torn_line(sink, err) : status;
}

enum status
file_sink_tail(struct file_sink *sink, size_t line_count_max, char **ret_bytes, size_t *ret_size, struct error *err)
{
    char  *bytes = NULL;
    size_t size = 0, begin = 0;

    if (sink->writer.offset > 0) {
        /* A process that was killed between write and fsync left lines that are not on disk yet, or a new file's name. */
        if (file_writer_sync(&sink->writer, err) != ST_OK || io_folder_sync(sink->io, sink->path, err) != ST_OK
            || read_lines(sink, line_count_max, &bytes, &size, &begin, err) != ST_OK)
            return ST_ERROR;
        memmove(bytes, bytes + begin, size - begin);
    }
    *ret_bytes = bytes;
    *ret_size  = size - begin;
    return ST_OK;
}

/* ---- Writing ---- */

enum status
file_sink_write(struct file_sink *sink, struct str lines, struct error *err)
{
    const uint64_t before = sink->writer.offset;
    uint64_t       inode  = 0;
    enum status    status = inode_of(sink, &inode, err);

    CHECK(lines.size > 0 && lines.data[lines.size - 1] == '\n');
    if (status != ST_OK)
        return status;
    status = file_writer_write(&sink->writer, lines, err);
    if (status == ST_OK)
        status = file_writer_sync(&sink->writer, err);
    if (status == ST_OK && before == 0) /* The file may be new: its name must be on disk too. */
        status = io_folder_sync(sink->io, sink->path, err);
    if (status != ST_OK) {
        /* The lock is still held, so nobody has written behind it. */
        sink->has_rest   = sink->io->truncate(sink->io, sink->writer.fd, (int64_t)before) != 0;
        sink->rest_from  = before;
        sink->rest_inode = inode;
        file_sink_end(sink);
    }
    return status;
}
