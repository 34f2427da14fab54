/* The operating system's calls. */
#include "io/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int
system_open(struct io *io, const char *path, int flags, mode_t mode)
{
    (void)io;
    int fd;
    do
        fd = open(path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

static int
system_close(struct io *io, int fd)
{
    (void)io;
    /* Linux has closed the descriptor even where it says EINTR. */
    return close(fd) != 0 && errno != EINTR ? -1 : 0;
}

static ssize_t
system_read(struct io *io, int fd, void *buffer, size_t size)
{
    (void)io;
    return read(fd, buffer, size);
}

static ssize_t
system_write(struct io *io, int fd, const void *bytes, size_t size)
{
    (void)io;
    return write(fd, bytes, size);
}

static ssize_t
system_pread(struct io *io, int fd, void *buffer, size_t size, int64_t offset)
{
    (void)io;
    return pread(fd, buffer, size, (off_t)offset);
}

static int
system_truncate(struct io *io, int fd, int64_t size)
{
    (void)io;
    return ftruncate(fd, (off_t)size);
}

static int
system_set_direct(struct io *io, int fd, bool is_direct)
{
    (void)io;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -1;
    return fcntl(fd, F_SETFL, is_direct ? flags | O_DIRECT : flags & ~O_DIRECT) < 0 ? -1 : 0;
}

static int
system_sync_data(struct io *io, int fd)
{
    (void)io;
    return fdatasync(fd);
}

static int
system_sync(struct io *io, int fd)
{
    (void)io;
    return fsync(fd);
}

static int
system_lock(struct io *io, int fd, bool is_exclusive)
{
    (void)io;
    return flock(fd, (is_exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB);
}

static int
system_lock_wait(struct io *io, int fd)
{
    (void)io;
    return flock(fd, LOCK_EX);
}

static int
system_fstat(struct io *io, int fd, struct stat *ret_stat)
{
    (void)io;
    return fstat(fd, ret_stat);
}

static int
system_stat(struct io *io, const char *path, struct stat *ret_stat)
{
    (void)io;
    return stat(path, ret_stat);
}

static int
system_lstat(struct io *io, const char *path, struct stat *ret_stat)
{
    (void)io;
    return lstat(path, ret_stat);
}

static int
system_rename(struct io *io, const char *from, const char *to)
{
    (void)io;
    return rename(from, to);
}

static int
system_rename_new(struct io *io, const char *from, const char *to)
{
    (void)io;
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    /* Some file systems of networks cannot. A link never replaces either; what is killed in between leaves two names of one file. */
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    return link(from, to) == 0 ? unlink(from) : -1;
}

static int
system_unlink(struct io *io, const char *path)
{
    (void)io;
    return unlink(path);
}

static int
system_rmdir(struct io *io, const char *path)
{
    (void)io;
    return rmdir(path);
}

static int
system_mkdir(struct io *io, const char *path, mode_t mode)
{
    (void)io;
    return mkdir(path, mode);
}

static void *
system_folder_open(struct io *io, const char *path)
{
    (void)io;
    return opendir(path);
}

static const char *
system_folder_next(struct io *io, void *folder)
{
    (void)io;
    errno                = 0;
    struct dirent *entry = readdir(folder);
    return entry != NULL ? entry->d_name : NULL;
}

static void
system_folder_close(struct io *io, void *folder)
{
    (void)io;
    closedir(folder);
}

static void *
system_map(struct io *io, int fd, size_t size)
{
    (void)io;
    void *address = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    return address == MAP_FAILED ? NULL : address;
}

static int
system_unmap(struct io *io, void *address, size_t size)
{
    (void)io;
    return munmap(address, size);
}

static int
system_socket_open(struct io *io)
{
    (void)io;
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

typedef int (*address_call)(int fd, const struct sockaddr *address, socklen_t size);

/* An address has 108 bytes. A longer path goes through its folder, which has a short name while it is open. */
static int
call_with_path(address_call call, int fd, const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const char        *slash   = strrchr(path, '/');
    char               folder[4096];
    int                folder_fd = -1;
    int                size = snprintf(address.sun_path, sizeof address.sun_path, "%s", path);

    if ((size_t)size >= sizeof address.sun_path && slash != NULL && slash != path && slash - path < (int)sizeof folder) {
        memcpy(folder, path, (size_t)(slash - path));
        folder[slash - path] = '\0';
        folder_fd            = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (folder_fd < 0)
            return -1;
        size = snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d%s", folder_fd, slash);
    }
    int result = -1;
    if ((size_t)size >= sizeof address.sun_path)
        errno = ENAMETOOLONG;
    else
        result = call(fd, (const struct sockaddr *)&address, sizeof address);
    int error_number = errno;
    if (folder_fd >= 0)
        close(folder_fd);
    errno = error_number;
    return result;
}

static int
system_socket_bind(struct io *io, int fd, const char *path)
{
    (void)io;
    /* bind() makes the file with the socket's own mode, so that it is at no moment open to others. */
    return fchmod(fd, 0600) == 0 && call_with_path(bind, fd, path) == 0 && listen(fd, SOMAXCONN) == 0 ? 0 : -1;
}

static int
system_socket_connect(struct io *io, int fd, const char *path)
{
    (void)io;
    return call_with_path(connect, fd, path);
}

static int
system_socket_accept(struct io *io, int fd)
{
    (void)io;
    return accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static int
system_socket_peer(struct io *io, int fd, int64_t *ret_user_id, int64_t *ret_process_id)
{
    struct ucred peer;
    socklen_t    size = sizeof peer;
    (void)io;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return -1;
    *ret_user_id    = peer.uid;
    *ret_process_id = peer.pid;
    return 0;
}

static ssize_t
system_socket_send(struct io *io, int fd, const void *bytes, size_t size)
{
    (void)io;
    return send(fd, bytes, size, MSG_NOSIGNAL);
}

static int
system_socket_shutdown(struct io *io, int fd)
{
    (void)io;
    return shutdown(fd, SHUT_RDWR);
}

static int
system_poll(struct io *io, struct pollfd *fds, size_t count, int timeout_ms)
{
    (void)io;
    return poll(fds, count, timeout_ms);
}

struct io *
io_system(void)
{
    static struct io io = {
        .open = system_open,
        .close = system_close,
        .read = system_read,
        .write = system_write,
        .pread = system_pread,
        .truncate = system_truncate,
        .set_direct = system_set_direct,
        .sync_data = system_sync_data,
        .folder_open = system_folder_open,
        .folder_next = system_folder_next,
        .folder_close = system_folder_close,
        .sync = system_sync,
        .lock = system_lock,
        .lock_wait = system_lock_wait,
        .fstat = system_fstat,
        .stat = system_stat,
        .lstat = system_lstat,
        .rename = system_rename,
        .rename_new = system_rename_new,
        .unlink = system_unlink,
        .rmdir = system_rmdir,
        .mkdir = system_mkdir,
        .map = system_map,
        .unmap = system_unmap,
        .socket_open = system_socket_open,
        .socket_bind = system_socket_bind,
        .socket_connect = system_socket_connect,
        .socket_accept = system_socket_accept,
        .socket_peer = system_socket_peer,
        .socket_send = system_socket_send,
        .socket_shutdown = system_socket_shutdown,
        .poll = system_poll,
    };
    return &io;
}
