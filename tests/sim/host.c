#include "sim/host.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

#define CALL_US_MAX 60
#define SYNC_US_MAX 6000

static struct host *
host_of(struct io *io)
{
    return (struct host *)io; /* Its first member. */
}

/* ---- Calls ---- */

static enum host_mishap
meet(struct host *host, enum host_call call)
{
    host->has_met = true;
    errno         = host->plan.error_number;
    switch (host->plan.mishap) {
    case HOST_DIES:
        host->is_dead = true;
        errno         = EIO;
        return HOST_ERROR;
    case HOST_DIES_AFTER:
        host->dies_next = true;
        return HOST_NONE;
    case HOST_PAUSED:
        host->paused(host->context);
        errno = EIO;
        return host->is_dead ? HOST_ERROR : HOST_NONE;
    case HOST_SHORT:
        return call == HOST_WRITE ? HOST_SHORT : HOST_ERROR;
    case HOST_UNKNOWN:
        return call == HOST_STORE ? HOST_UNKNOWN : HOST_ERROR;
    case HOST_NONE:
    case HOST_ERROR:
    case HOST_MISHAP_COUNT:
        return HOST_ERROR;
    }
    return HOST_ERROR;
}

enum host_mishap
host_call(struct host *host, enum host_call call)
{
    host->time->now_us += random_between(&host->time->random, 1, call == HOST_SYNC || call == HOST_STORE ? SYNC_US_MAX : CALL_US_MAX);
    if (host->dies_next)
        host->is_dead = true;
    if (host->is_dead) {
        errno = EIO;
        return HOST_ERROR;
    }
    host->counts[HOST_ANY]++;
    if (call != HOST_ANY)
        host->counts[call]++;
    bool is_it = host->plan.call == HOST_ANY || host->plan.call == call;
    if (host->plan.mishap == HOST_NONE || host->has_met || !is_it || host->counts[host->plan.call] != host->plan.at)
        return HOST_NONE;
    return meet(host, call);
}

static bool
fails(struct io *io)
{
    return host_call(host_of(io), HOST_ANY) == HOST_ERROR;
}

static int
failed(int error_number)
{
    errno = error_number;
    return -1;
}

/* One slash where there are several, none at the end. Good until the next call. */
static const char *
plain(const char *path)
{
    static char out[512];
    size_t      size = 0;
    for (; *path != '\0' && size + 1 < sizeof(out); path++)
        if (*path != '/' || (path[1] != '/' && path[1] != '\0'))
            out[size++] = *path;
    out[size] = '\0';
    return out;
}

/* ---- Files ---- */

static struct host_open *
opened(struct io *io, int fd)
{
    struct host *host = host_of(io);
    CHECK(fd >= 0 && (size_t)fd < host->opened_count && host->opened[fd] != NULL);
    return host->opened[fd];
}

static int
host_open_file(struct io *io, const char *path, int flags, mode_t mode)
{
    struct host *host = host_of(io);
    (void)mode;
    if (fails(io))
        return -1;
    struct disk_file *file = disk_find(host->disk, plain(path));
    if (file != NULL && (flags & O_CREAT) != 0 && (flags & O_EXCL) != 0)
        return failed(EEXIST);
    if (file == NULL && (flags & O_CREAT) == 0)
        return failed(ENOENT);
    if (file == NULL)
        file = disk_make(host->disk, plain(path), false, false);
    else if ((flags & O_TRUNC) != 0)
        disk_cut(file, 0);
    struct host_open *open = sim_alloc(sizeof(*open));
    *open                  = (struct host_open){ file, 0, (flags & O_APPEND) != 0 };
    file->open_count++;
    host->opened = sim_grow(host->opened, host->opened_count + 1, sizeof(struct host_open *));
    host->opened[host->opened_count] = open;
    return (int)host->opened_count++;
}

static void
close_one(struct host *host, size_t fd)
{
    struct host_open *open = host->opened[fd];
    if (open->file->locked_by == open)
        open->file->locked_by = NULL;
    open->file->open_count--;
    memory_free(open);
    host->opened[fd] = NULL;
    disk_tidy(host->disk);
}

static int
host_close_file(struct io *io, int fd)
{
    bool has_failed = fails(io);
    CHECK(opened(io, fd) != NULL);
    close_one(host_of(io), (size_t)fd);
    return has_failed ? failed(EIO) : 0;
}

static ssize_t
host_pread(struct io *io, int fd, void *buffer, size_t size, int64_t offset)
{
    const struct str_builder *bytes = &opened(io, fd)->file->bytes;
    if (fails(io))
        return -1;
    size_t there = (size_t)offset < bytes->size ? bytes->size - (size_t)offset : 0;
    if (size > there)
        size = there;
    if (size > 0)
        memcpy(buffer, bytes->data + offset, size);
    return (ssize_t)size;
}

static ssize_t
host_read(struct io *io, int fd, void *buffer, size_t size)
{
    ssize_t count = host_pread(io, fd, buffer, size, opened(io, fd)->offset);
    if (count > 0)
        opened(io, fd)->offset += count;
    return count;
}

static ssize_t
host_write(struct io *io, int fd, const void *bytes, size_t size)
{
    struct host_open *open   = opened(io, fd);
    enum host_mishap  mishap = host_call(host_of(io), HOST_WRITE);
    if (mishap == HOST_ERROR)
        return -1;
    if (mishap == HOST_SHORT)
        size = (size + 1) / 2;
    int64_t offset = open->is_append ? (int64_t)open->file->bytes.size : open->offset;
    disk_write(open->file, offset, bytes, size);
    open->offset = offset + (int64_t)size;
    return (ssize_t)size;
}

static int
host_truncate(struct io *io, int fd, int64_t size)
{
    if (host_call(host_of(io), HOST_WRITE) == HOST_ERROR)
        return -1;
    disk_cut(opened(io, fd)->file, size);
    return 0;
}

static int
host_set_direct(struct io *io, int fd, bool is_direct)
{
    (void)fd, (void)is_direct;
    return fails(io) ? -1 : 0;
}

static int
host_sync(struct io *io, int fd)
{
    struct host *host = host_of(io);
    bool         is_alive = !host->is_dead && !host->dies_next;
    if (host_call(host, HOST_SYNC) == HOST_ERROR) {
        if (is_alive && !host->is_dead)
            disk_sync_fails(host->disk, opened(io, fd)->file);
        return -1;
    }
    disk_sync(host->disk, opened(io, fd)->file);
    return 0;
}

static int
host_lock(struct io *io, int fd, bool is_exclusive)
{
    struct host_open *open = opened(io, fd);
    (void)is_exclusive;
    if (fails(io))
        return -1;
    if (open->file->locked_by != NULL && open->file->locked_by != open)
        return failed(EWOULDBLOCK);
    open->file->locked_by = open;
    return 0;
}

/* Who has the lock stands still meanwhile, for all of this is one thread: somebody loses patience and kills who waits. */
static int
host_lock_wait(struct io *io, int fd)
{
    int result = host_lock(io, fd, true);
    if (result == 0 || errno != EWOULDBLOCK)
        return result;
    host_of(io)->is_dead = true;
    return failed(EIO);
}

/* ---- Names ---- */

static int
stat_of(const struct disk_file *file, struct stat *ret_stat)
{
    if (file == NULL)
        return failed(ENOENT);
    *ret_stat = (struct stat){ .st_ino = file->inode, .st_mode = file->is_folder ? S_IFDIR | 0755 : S_IFREG | 0600,
                               .st_size = (off_t)file->bytes.size };
    return 0;
}

static int
host_fstat(struct io *io, int fd, struct stat *ret_stat)
{
    return fails(io) ? -1 : stat_of(opened(io, fd)->file, ret_stat);
}

static int
host_stat(struct io *io, const char *path, struct stat *ret_stat)
{
    return fails(io) ? -1 : stat_of(disk_find(host_of(io)->disk, plain(path)), ret_stat);
}

static int
host_unlink(struct io *io, const char *path)
{
    if (fails(io))
        return -1;
    if (!disk_unlink(host_of(io)->disk, plain(path)))
        return failed(ENOENT);
    disk_tidy(host_of(io)->disk);
    return 0;
}

static int
host_mkdir(struct io *io, const char *path, mode_t mode)
{
    (void)mode;
    if (fails(io))
        return -1;
    CHECK(disk_find(host_of(io)->disk, plain(path)) != NULL); /* The simulation makes all folders. */
    return failed(EEXIST);
}

struct folder {
    char  *path;
    size_t at;
};

static void *
host_folder_open(struct io *io, const char *path)
{
    if (fails(io))
        return NULL;
    path = plain(path);
    if (disk_find(host_of(io)->disk, path) == NULL) {
        errno = ENOENT;
        return NULL;
    }
    struct folder *folder = sim_alloc(sizeof(*folder));
    folder->path          = memory_copy(path, strlen(path));
    CHECK(folder->path != NULL);
    return folder;
}

static const char *
host_folder_next(struct io *io, void *context)
{
    struct folder *folder = context;
    struct disk   *disk   = host_of(io)->disk;
    if (fails(io))
        return NULL;
    errno      = 0;
    size_t at  = disk_next_name(disk, folder->path, folder->at);
    folder->at = at + 1;
    return at == disk->name_count ? NULL : disk_last_part(disk->names[at].path);
}

static void
host_folder_close(struct io *io, void *context)
{
    struct folder *folder = context;
    (void)io;
    memory_free(folder->path);
    memory_free(folder);
}

static void *
host_map(struct io *io, int fd, size_t size)
{
    const struct str_builder *bytes = &opened(io, fd)->file->bytes;
    if (fails(io))
        return NULL;
    char *copy = sim_alloc(size);
    memcpy(copy, bytes->data, size < bytes->size ? size : bytes->size);
    return copy;
}

static int
host_unmap(struct io *io, void *address, size_t size)
{
    (void)io, (void)size;
    memory_free(address);
    return 0;
}

/* ---- The host ---- */

static int64_t
monotonic_us(void *context)
{
    const struct host *host = context;
    return host->time->now_us;
}

static int64_t
now_us(void *context)
{
    const struct host *host = context;
    return host->time->now_us + host->wall_us;
}

void
host_init(struct host *host, struct disk *disk, struct sim_time *time)
{
    *host = (struct host){
        .io = { .open = host_open_file, .close = host_close_file, .read = host_read, .write = host_write, .pread = host_pread,
                .truncate = host_truncate, .set_direct = host_set_direct, .sync_data = host_sync, .sync = host_sync, .lock = host_lock,
                .lock_wait = host_lock_wait, .fstat = host_fstat, .stat = host_stat, .lstat = host_stat, .unlink = host_unlink,
                .mkdir = host_mkdir, .folder_open = host_folder_open, .folder_next = host_folder_next,
                .folder_close = host_folder_close, .map = host_map, .unmap = host_unmap },
        .disk = disk,
        .time = time,
    };
    host->clock = (struct clock){ now_us, monotonic_us, host };
}

void
host_release(struct host *host)
{
    for (size_t i = 0; i < host->opened_count; i++)
        if (host->opened[i] != NULL)
            close_one(host, i);
    memory_free(host->opened);
    host->opened       = NULL;
    host->opened_count = 0;
}
