/* Calls that fail on demand; see io/io.h. */
#include "io/io.h"

#include <errno.h>

static bool
fails_now(struct io *io)
{
    struct io_failing *failing = (struct io_failing *)io;
    if (++failing->call_count != failing->fail_at)
        return false;
    failing->has_failed = true;
    errno = failing->error_number;
    return true;
}

static int
failing_open(struct io *io, const char *path, int flags, mode_t mode)
{
    if (fails_now(io))
        return -1;
    int fd = io_system()->open(io_system(), path, flags, mode);
    if (fd >= 0)
        ((struct io_failing *)io)->open_count++;
    return fd;
}

/* Closes in any case: an error of close says that data may be lost, not that the descriptor is open. */
static int
failing_close(struct io *io, int fd)
{
    bool fails = fails_now(io);
    ((struct io_failing *)io)->open_count--;
    int result = io_system()->close(io_system(), fd);
    if (fails)
        errno = ((struct io_failing *)io)->error_number;
    return fails ? -1 : result;
}

static ssize_t
failing_read(struct io *io, int fd, void *buffer, size_t size)
{
    return fails_now(io) ? -1 : io_system()->read(io_system(), fd, buffer, size);
}

static ssize_t
failing_write(struct io *io, int fd, const void *bytes, size_t size)
{
    if (!fails_now(io))
        return io_system()->write(io_system(), fd, bytes, size);
    if (((struct io_failing *)io)->error_number != 0)
        return -1;
    return io_system()->write(io_system(), fd, bytes, size / 2);
}

static ssize_t
failing_pread(struct io *io, int fd, void *buffer, size_t size, int64_t offset)
{
    return fails_now(io) ? -1 : io_system()->pread(io_system(), fd, buffer, size, offset);
}

static int
failing_truncate(struct io *io, int fd, int64_t size)
{
    return fails_now(io) ? -1 : io_system()->truncate(io_system(), fd, size);
}

static int
failing_set_direct(struct io *io, int fd, bool is_direct)
{
    return fails_now(io) ? -1 : io_system()->set_direct(io_system(), fd, is_direct);
}

static int
failing_sync_data(struct io *io, int fd)
{
    return fails_now(io) ? -1 : io_system()->sync_data(io_system(), fd);
}

static int
failing_sync(struct io *io, int fd)
{
    return fails_now(io) ? -1 : io_system()->sync(io_system(), fd);
}

static int
failing_lock(struct io *io, int fd, bool is_exclusive)
{
    return fails_now(io) ? -1 : io_system()->lock(io_system(), fd, is_exclusive);
}

static int
failing_lock_wait(struct io *io, int fd)
{
    return fails_now(io) ? -1 : io_system()->lock_wait(io_system(), fd);
}

static int
failing_fstat(struct io *io, int fd, struct stat *ret_stat)
{
    return fails_now(io) ? -1 : io_system()->fstat(io_system(), fd, ret_stat);
}

static int
failing_stat(struct io *io, const char *path, struct stat *ret_stat)
{
    return fails_now(io) ? -1 : io_system()->stat(io_system(), path, ret_stat);
}

static int
failing_lstat(struct io *io, const char *path, struct stat *ret_stat)
{
    return fails_now(io) ? -1 : io_system()->lstat(io_system(), path, ret_stat);
}

static int
failing_rename(struct io *io, const char *from, const char *to)
{
    return fails_now(io) ? -1 : io_system()->rename(io_system(), from, to);
}

static int
failing_rename_new(struct io *io, const char *from, const char *to)
{
    return fails_now(io) ? -1 : io_system()->rename_new(io_system(), from, to);
}

/* Cleaning up after a failure must not fail too. */
static int
failing_unlink(struct io *io, const char *path)
{
    (void)io;
    return io_system()->unlink(io_system(), path);
}

static int
failing_rmdir(struct io *io, const char *path)
{
    (void)io;
    return io_system()->rmdir(io_system(), path);
}

static int
failing_mkdir(struct io *io, const char *path, mode_t mode)
{
    return fails_now(io) ? -1 : io_system()->mkdir(io_system(), path, mode);
}

static void *
failing_folder_open(struct io *io, const char *path)
{
    if (fails_now(io))
        return NULL;
    void *folder = io_system()->folder_open(io_system(), path);
    if (folder != NULL)
        ((struct io_failing *)io)->open_count++;
    return folder;
}

static const char *
failing_folder_next(struct io *io, void *folder)
{
    return fails_now(io) ? NULL : io_system()->folder_next(io_system(), folder);
}

static void
failing_folder_close(struct io *io, void *folder)
{
    ((struct io_failing *)io)->open_count--;
    io_system()->folder_close(io_system(), folder);
}

static void *
failing_map(struct io *io, int fd, size_t size)
{
    if (fails_now(io))
        return NULL;
    void *address = io_system()->map(io_system(), fd, size);
    if (address != NULL)
        ((struct io_failing *)io)->open_count++;
    return address;
}

static int
failing_unmap(struct io *io, void *address, size_t size)
{
    ((struct io_failing *)io)->open_count--;
    return io_system()->unmap(io_system(), address, size);
}

static int
failing_socket_open(struct io *io)
{
    if (fails_now(io))
        return -1;
    int fd = io_system()->socket_open(io_system());
    if (fd >= 0)
        ((struct io_failing *)io)->open_count++;
    return fd;
}

static int
failing_socket_bind(struct io *io, int fd, const char *path)
{
    return fails_now(io) ? -1 : io_system()->socket_bind(io_system(), fd, path);
}

static int
failing_socket_connect(struct io *io, int fd, const char *path)
{
    return fails_now(io) ? -1 : io_system()->socket_connect(io_system(), fd, path);
}

static int
failing_socket_accept(struct io *io, int fd)
{
    if (fails_now(io))
        return -1;
    int client = io_system()->socket_accept(io_system(), fd);
    if (client >= 0)
        ((struct io_failing *)io)->open_count++;
    return client;
}

static int
failing_socket_peer(struct io *io, int fd, int64_t *ret_user_id, int64_t *ret_process_id)
{
    return fails_now(io) ? -1 : io_system()->socket_peer(io_system(), fd, ret_user_id, ret_process_id);
}

static ssize_t
failing_socket_send(struct io *io, int fd, const void *bytes, size_t size)
{
    return fails_now(io) ? -1 : io_system()->socket_send(io_system(), fd, bytes, size);
}

/* Ending a conversation, like closing, cannot be refused. */
static int
failing_socket_shutdown(struct io *io, int fd)
{
    (void)io;
    return io_system()->socket_shutdown(io_system(), fd);
}

static int
failing_poll(struct io *io, struct pollfd *fds, size_t count, int timeout_ms)
{
    return fails_now(io) ? -1 : io_system()->poll(io_system(), fds, count, timeout_ms);
}

void
io_failing_init(struct io_failing *failing, uint64_t fail_at, int error_number)
{
    *failing = (struct io_failing){
        .io = { .open = failing_open,
                .close = failing_close,
                .read = failing_read,
                .write = failing_write,
                .pread = failing_pread,
                .truncate = failing_truncate,
                .set_direct = failing_set_direct,
                .sync_data = failing_sync_data,
                .folder_open = failing_folder_open,
                .folder_next = failing_folder_next,
                .folder_close = failing_folder_close,
                .sync = failing_sync,
                .lock = failing_lock,
                .lock_wait = failing_lock_wait,
                .fstat = failing_fstat,
                .stat = failing_stat,
                .lstat = failing_lstat,
                .rename = failing_rename,
                .rename_new = failing_rename_new,
                .unlink = failing_unlink,
                .rmdir = failing_rmdir,
                .mkdir = failing_mkdir,
                .map = failing_map,
                .unmap = failing_unmap,
                .socket_open = failing_socket_open,
                .socket_bind = failing_socket_bind,
                .socket_connect = failing_socket_connect,
                .socket_accept = failing_socket_accept,
                .socket_peer = failing_socket_peer,
                .socket_send = failing_socket_send,
                .socket_shutdown = failing_socket_shutdown,
                .poll = failing_poll },
        .fail_at = fail_at,
        .error_number = error_number,
    };
}
