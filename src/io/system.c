/* The operating system's calls. */
#include "io/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
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
system_unlink(struct io *io, const char *path)
{
    (void)io;
    return unlink(path);
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
        .unlink = system_unlink,
        .mkdir = system_mkdir,
        .map = system_map,
        .unmap = system_unmap,
    };
    return &io;
}
