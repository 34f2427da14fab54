#include "source/eventlog.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/memory.h"
#include "io/file.h"
#include "io/walk.h"

struct eventlog {
    struct source              source;
    struct io                 *io;
    const struct graph_source *binding;
};

/*        buffer_position        position                     buffer_position + buffer_size
 *   file ──────┼───────────────────┼─────────────┼──────────────────────┼────▶
 *              │ handed out before │ whole lines │ a begun line         │ not read yet            */
struct partition {
    struct source_partition base;
    struct io              *io;
    char                   *path; /* The id is its last part. */
    int                     fd;   /* -1: closed. */
    uint64_t                inode;
    char                   *buffer;
    size_t                  buffer_size;
    size_t                  buffer_capacity;
    int64_t                 buffer_position;
    int64_t                 long_end; /* 0; or the begun line is too long for the buffer and has no end before here. */
    struct record          *records;
    uint32_t                record_capacity;
    char                    identity[96];
    size_t                  head_size; /* Of the head that was hashed last; 0: none was. */
    uint64_t                head_hash;
};

static enum status
log_error(const struct partition *partition, struct error *err, const char *what)
{
    error_set(err, ERR_CORRUPT, "%s %s", partition->path, what);
    error_at_offset(err, NULL, (uint64_t)partition->base.position);
    error_hint(err, "write a new log under a new name, or put the old one back");
    return ST_ERROR;
}

static enum status
log_size(struct partition *partition, int64_t *ret_size, struct error *err)
{
    struct stat stat;
    if (partition->io->fstat(partition->io, partition->fd, &stat) != 0)
        return io_error(err, "examine", partition->path);
    *ret_size        = (int64_t)stat.st_size;
    partition->inode = (uint64_t)stat.st_ino;
    return ST_OK;
}

/* ---- Identity ---- */

/* Reads the first `head_size` bytes, which the file has. */
static enum status
head_read(struct partition *partition, size_t head_size, char head[EVENTLOG_HEAD_SIZE], struct error *err)
{
    size_t size = 0;
    CHECK(head_size <= EVENTLOG_HEAD_SIZE);
    while (size < head_size) {
        ssize_t count = partition->io->pread(partition->io, partition->fd, head + size, head_size - size, (int64_t)size);
        if (count < 0)
            return io_error(err, "read", partition->path);
        if (count == 0)
            return log_error(partition, err, "was truncated");
        size += (size_t)count;
    }
    return ST_OK;
}

/* The log still begins as it did when its head was hashed last; then hashes the first `head_size` bytes. */
static enum status
head_follow(struct partition *partition, size_t head_size, struct error *err)
{
    char head[EVENTLOG_HEAD_SIZE];
    if (head_read(partition, head_size > partition->head_size ? head_size : partition->head_size, head, err) != ST_OK)
        return ST_ERROR;
    if (partition->head_size > 0 && hash64(head, partition->head_size) != partition->head_hash)
        return log_error(partition, err, "no longer begins as it did: it was written anew");
    partition->head_size = head_size;
    partition->head_hash = hash64(head, head_size);
    return ST_OK;
}

static enum status
identity_check(struct partition *partition, struct str identity, struct error *err)
{
    uint64_t inode; /* Of the file at the time: one that was put back from a backup has another. */
    char     text[sizeof(partition->identity)];
    if (identity.size == 0)
        return ST_OK;
    snprintf(text, sizeof(text), "%.*s", STR_PRINTF(identity));
    if (sscanf(text, "inode %" SCNu64 " head %zu %" SCNx64, &inode, &partition->head_size, &partition->head_hash) != 3
        || partition->head_size > EVENTLOG_HEAD_SIZE)
        return log_error(partition, err, "was committed with an identity that is none of an event log");
    return head_follow(partition, partition->head_size, err);
}

/* ---- Kind ---- */

static void
eventlog_close(struct source_partition *base)
{
    struct partition *partition = (struct partition *)base;
    if (partition == NULL)
        return;
    if (partition->fd >= 0)
        partition->io->close(partition->io, partition->fd);
    memory_free(partition->path);
    memory_free(partition->buffer);
    memory_free(partition->records);
    memory_free(partition);
}

/* The bytes of a root before the id: "/srv/edw" and "/" have 9 and 1. */
static size_t
prefix_size(struct str root)
{
    return root.size > 0 && root.data[root.size - 1] == '/' ? root.size : root.size + 1;
}

/* Under which input's root is it? Listing has made sure that there is only one. */
static enum status
partition_find(struct partition *partition, const struct eventlog *log, const char *partition_id, struct error *err)
{
    for (size_t i = 0; i < log->binding->input_count; i++) {
        struct str root = log->binding->inputs[i].root;
        size_t     size = prefix_size(root);
        memory_free(partition->path);
        partition->path = memory_alloc(size + strlen(partition_id) + 1);
        if (partition->path == NULL)
            return error_no_memory(err);
        memcpy(partition->path, root.data, root.size);
        partition->path[size - 1] = '/';
        memcpy(partition->path + size, partition_id, strlen(partition_id) + 1);
        partition->base.partition_id = partition->path + size;
        partition->fd                = log->io->open(log->io, partition->path, O_RDONLY, 0);
        if (partition->fd >= 0)
            return ST_OK;
    }
    io_error(err, "open", partition->path);
    if (err != NULL && err->code == ERR_NOT_FOUND)
        error_hint(err, "put the log back: the store knows it by this name, and how far it was read");
    return ST_ERROR;
}

static enum status
partition_init(struct partition *partition, const struct eventlog *log, const char *partition_id, struct error *err)
{
    *partition                 = (struct partition){ .io = log->io, .fd = -1 };
    partition->buffer          = memory_alloc(EVENTLOG_READ_SIZE);
    partition->buffer_capacity = EVENTLOG_READ_SIZE;
    if (partition->buffer == NULL)
        return error_no_memory(err);
    return partition_find(partition, log, partition_id, err);
}

static int
compare_listings(const void *a, const void *b)
{
    return strcmp(((const struct source_listing *)a)->partition_id, ((const struct source_listing *)b)->partition_id);
}

/* Adds what one input's pattern finds. */
static enum status
list_input(struct eventlog *log, uint32_t input, struct arena *arena, struct source_listing **listings, size_t *count,
           struct error *err)
{
    const struct graph_input *graph_input = &log->binding->inputs[input];
    struct walk               walk;
    if (walk_files(log->io, graph_input->path.data, arena, &walk, err) != ST_OK)
        return ST_ERROR;
    struct source_listing *all = ARENA_ARRAY(arena, struct source_listing, *count + walk.count);
    if (all == NULL)
        return error_no_memory(err);
    if (*count > 0)
        memcpy(all, *listings, *count * sizeof(*all));
    for (size_t i = 0; i < walk.count; i++)
        all[(*count)++] = (struct source_listing){ walk.paths[i] + prefix_size(graph_input->root), input };
    *listings = all;
    return ST_OK;
}

static enum status
eventlog_list(struct source *source, struct arena *arena, const struct source_listing **ret_listings, size_t *ret_count,
              struct error *err)
{
    struct eventlog       *log      = (struct eventlog *)source;
    struct source_listing *listings = NULL;
    size_t                 count    = 0;
    for (uint32_t i = 0; i < log->binding->input_count; i++)
        if (list_input(log, i, arena, &listings, &count, err) != ST_OK)
            return ST_ERROR;
    if (count > 0)
        qsort(listings, count, sizeof(*listings), compare_listings);
    for (size_t i = 1; i < count; i++)
        if (strcmp(listings[i - 1].partition_id, listings[i].partition_id) == 0)
            return error_set(err, ERR_CONFIG, "two inputs of %s have a file %s: its position would mean both", source->name,
                             listings[i].partition_id);
    *ret_listings = listings;
    *ret_count    = count;
    return ST_OK;
}

static enum status
eventlog_open(struct source *source, const char *partition_id, int64_t position, struct str identity,
              struct source_partition **ret_partition, struct error *err)
{
    CHECK(position >= 0);
    int64_t           size      = 0;
    struct partition *partition = memory_alloc(sizeof(*partition));
    if (partition == NULL)
        return error_no_memory(err);
    enum status status = partition_init(partition, (struct eventlog *)source, partition_id, err);
    partition->base.source     = source;
    partition->base.position   = position;
    partition->buffer_position = position;
    if (status == ST_OK)
        status = log_size(partition, &size, err);
    if (status == ST_OK && size < position)
        status = log_error(partition, err, "was truncated below what was read already");
    if (status == ST_OK)
        status = identity_check(partition, identity, err);
    if (status == ST_OK)
        *ret_partition = &partition->base;
    else
        eventlog_close(&partition->base);
    return status;
}

static bool
records_reserve(struct partition *partition, uint32_t count)
{
    if (count <= partition->record_capacity)
        return true;
    struct record *records = memory_resize_array(partition->records, count, sizeof(*records));
    if (records == NULL)
        return false;
    partition->records         = records;
    partition->record_capacity = count;
    return true;
}

/* Whole lines from `position` on. Blank ones are no records but are used. */
static void
scan_lines(struct partition *partition, uint32_t record_count_max, struct record_batch *ret_batch)
{
    size_t      begin = (size_t)(partition->base.position - partition->buffer_position);
    const char *data  = partition->buffer + begin;
    size_t      size  = partition->buffer_size - begin;
    size_t      used  = 0;
    const char *end;
    *ret_batch = (struct record_batch){ .data = data, .records = partition->records, .position = partition->base.position };
    while (ret_batch->record_count < record_count_max && used < size
           && (end = memchr(data + used, '\n', size - used)) != NULL) {
        size_t line_size = (size_t)(end - data) - used;
        if (line_size > 0 && !(line_size == 1 && data[used] == '\r'))
            partition->records[ret_batch->record_count++] = (struct record){ (uint32_t)used, (uint32_t)line_size };
        used += line_size + 1;
    }
    ret_batch->bytes         = (int64_t)used;
    ret_batch->position_next = partition->base.position + (int64_t)used;
    partition->base.position = ret_batch->position_next;
}

/* Keeps the begun line and reads behind it. *ret_count 0: there is nothing more now. */
static enum status
read_more(struct partition *partition, size_t *ret_count, struct error *err)
{
    size_t done = (size_t)(partition->base.position - partition->buffer_position);
    memmove(partition->buffer, partition->buffer + done, partition->buffer_size - done);
    partition->buffer_size -= done;
    partition->buffer_position = partition->base.position;
    if (partition->buffer_size == partition->buffer_capacity) {
        size_t capacity = partition->buffer_capacity * 2;
        if (capacity > EVENTLOG_LINE_SIZE_MAX) {
            partition->long_end = partition->buffer_position + (int64_t)partition->buffer_size;
            return ST_OK;
        }
        char *buffer = memory_resize(partition->buffer, capacity);
        if (buffer == NULL)
            return error_no_memory(err);
        partition->buffer          = buffer;
        partition->buffer_capacity = capacity;
    }
    ssize_t count = partition->io->pread(partition->io, partition->fd, partition->buffer + partition->buffer_size,
                                         partition->buffer_capacity - partition->buffer_size,
                                         partition->buffer_position + (int64_t)partition->buffer_size);
    if (count < 0)
        return io_error(err, "read", partition->path);
    partition->buffer_size += (size_t)count;
    *ret_count = (size_t)count;
    return ST_OK;
}

/* Looks for the end of a line that the buffer cannot hold. The line's first bytes stay where they are, what comes behind
 * them is read over the rest, for its line feed alone. */
static enum status
read_long(struct partition *partition, struct record_batch *ret_batch, size_t *ret_count, struct error *err)
{
    char   *data  = partition->buffer + FORMAT_KEPT_SIZE_MAX;
    ssize_t count = partition->io->pread(partition->io, partition->fd, data, EVENTLOG_READ_SIZE, partition->long_end);
    if (count < 0)
        return io_error(err, "read", partition->path);
    *ret_count             = (size_t)count;
    partition->buffer_size = FORMAT_KEPT_SIZE_MAX;
    const char *feed       = count > 0 ? memchr(data, '\n', (size_t)count) : NULL;
    if (feed == NULL) {
        partition->long_end += count;
        return ST_OK;
    }
    int64_t size             = partition->long_end + (feed - data) - partition->buffer_position;
    partition->records[0]    = (struct record){ 0, FORMAT_KEPT_SIZE_MAX };
    partition->base.position = partition->buffer_position + size + 1;
    *ret_batch = (struct record_batch){ .data = partition->buffer, .records = partition->records, .record_count = 1,
                                        .position = partition->buffer_position, .position_next = partition->base.position,
                                        .bytes = size + 1, .cut_size = size };
    partition->buffer_position = partition->base.position;
    partition->buffer_size     = 0;
    partition->long_end        = 0;
    return ST_OK;
}

/* At the end of what is there: is it still the log, or did one with its name take its place? */
static enum status
check_followed(struct partition *partition, struct error *err)
{
    int64_t     size = 0;
    struct stat stat;
    if (log_size(partition, &size, err) != ST_OK)
        return ST_ERROR;
    if (size < partition->buffer_position + (int64_t)partition->buffer_size || size < partition->long_end)
        return log_error(partition, err, "was truncated while it was read");
    if (partition->io->lstat(partition->io, partition->path, &stat) != 0)
        return io_error(err, "examine", partition->path);
    return S_ISLNK(stat.st_mode) || (uint64_t)stat.st_ino == partition->inode
               ? ST_OK
               : log_error(partition, err, "was rotated while it was read");
}

static enum status
eventlog_poll(struct source_partition *base, uint32_t record_count_max, struct record_batch *ret_batch,
              enum poll_result *ret_result, struct error *err)
{
    CHECK(record_count_max > 0);
    struct partition   *partition = (struct partition *)base;
    struct record_batch batch;
    size_t              count = 1;
    if (!records_reserve(partition, record_count_max))
        return error_no_memory(err);
    batch = (struct record_batch){ .position = partition->base.position, .position_next = partition->base.position };
    if (partition->long_end == 0)
        scan_lines(partition, record_count_max, &batch);
    while (batch.bytes == 0 && count > 0) {
        bool is_long = partition->long_end > 0;
        if ((is_long ? read_long(partition, &batch, &count, err) : read_more(partition, &count, err)) != ST_OK)
            return ST_ERROR;
        if (!is_long && partition->long_end == 0)
            scan_lines(partition, record_count_max, &batch);
    }
    if (batch.bytes == 0 && check_followed(partition, err) != ST_OK)
        return ST_ERROR;
    *ret_result = batch.bytes > 0 ? POLL_RECORDS : POLL_EMPTY;
    *ret_batch  = batch;
    return ST_OK;
}

static enum status
eventlog_seek(struct source_partition *base, int64_t position, struct error *err)
{
    struct partition *partition = (struct partition *)base;
    int64_t           size      = 0;
    if (log_size(partition, &size, err) != ST_OK)
        return ST_ERROR;
    if (position < 0 || position > size)
        return log_error(partition, err, "is shorter than the position that was asked for");
    partition->base.position   = position;
    partition->buffer_position = position;
    partition->buffer_size     = 0;
    partition->long_end        = 0;
    return ST_OK;
}

static enum status
eventlog_end(struct source_partition *base, int64_t *ret_position, struct error *err)
{
    return log_size((struct partition *)base, ret_position, err);
}

static enum status
eventlog_identity(struct source_partition *base, struct str *ret_identity, struct error *err)
{
    struct partition *partition = (struct partition *)base;
    size_t            head_size = base->position < EVENTLOG_HEAD_SIZE ? (size_t)base->position : EVENTLOG_HEAD_SIZE;
    if (head_follow(partition, head_size, err) != ST_OK)
        return ST_ERROR;
    int size = snprintf(partition->identity, sizeof(partition->identity), "inode %" PRIu64 " head %zu %016" PRIx64,
                        partition->inode, head_size, partition->head_hash);
    *ret_identity = str_of(partition->identity, (size_t)size);
    return ST_OK;
}

static void
eventlog_free(struct source *source)
{
    memory_free(source);
}

enum status
eventlog_create(struct io *io, const struct graph_source *binding, struct source **ret_source, struct error *err)
{
    static const struct source_kind kind = {
        .name = "eventlog",
        .list = eventlog_list,
        .open = eventlog_open,
        .poll = eventlog_poll,
        .seek = eventlog_seek,
        .end = eventlog_end,
        .identity = eventlog_identity,
        .close = eventlog_close,
        .free = eventlog_free,
    };
    struct eventlog *log = memory_alloc(sizeof(*log));
    if (log == NULL)
        return error_no_memory(err);
    *log        = (struct eventlog){ .source = { .kind = &kind, .name = binding->name.data }, .io = io, .binding = binding };
    *ret_source = &log->source;
    return ST_OK;
}
