/* The system calls on files, as an argument: the real ones, or ones that fail when a test says so.
 *
 * Each member behaves like the call it is named after: -1 (or NULL) and errno on failure. Nothing outside io/ calls
 * them; files, walks and keys are read through io/file.h and its neighbours. */
#ifndef HEDDLE_IO_IO_H
#define HEDDLE_IO_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct pollfd;

struct io {
    int (*open)(struct io *io, const char *path, int flags, mode_t mode);
    int (*close)(struct io *io, int fd);
    ssize_t (*read)(struct io *io, int fd, void *buffer, size_t size);
    ssize_t (*write)(struct io *io, int fd, const void *bytes, size_t size);
    ssize_t (*pread)(struct io *io, int fd, void *buffer, size_t size, int64_t offset);
    int (*truncate)(struct io *io, int fd, int64_t size); /* ftruncate */
    /* Whether writes go past the page cache (O_DIRECT): -1 and EINVAL where the file system cannot. */
    int (*set_direct)(struct io *io, int fd, bool is_direct);
    int (*sync_data)(struct io *io, int fd); /* fdatasync: data, and the size where it grew. */
    int (*sync)(struct io *io, int fd); /* fsync: data and size. */
    /* flock without waiting, exclusive or shared: -1 and EWOULDBLOCK where another holds it. */
    int (*lock)(struct io *io, int fd, bool is_exclusive);
    /* flock, exclusive, waiting until nobody else holds it. */
    int (*lock_wait)(struct io *io, int fd);
    int (*fstat)(struct io *io, int fd, struct stat *ret_stat);
    int (*stat)(struct io *io, const char *path, struct stat *ret_stat);
    int (*lstat)(struct io *io, const char *path, struct stat *ret_stat);
    int (*rename)(struct io *io, const char *from, const char *to);
    /* Likewise, but -1 and EEXIST where `to` is there. */
    int (*rename_new)(struct io *io, const char *from, const char *to);
    int (*unlink)(struct io *io, const char *path);
    int (*rmdir)(struct io *io, const char *path);
    int (*mkdir)(struct io *io, const char *path, mode_t mode);
    void *(*folder_open)(struct io *io, const char *path);
    /* The next name, "." and ".." included; NULL at the end (errno 0) and on failure. Valid until the next call. */
    const char *(*folder_next)(struct io *io, void *folder);
    void (*folder_close)(struct io *io, void *folder);
    void *(*map)(struct io *io, int fd, size_t size); /* Read-only, private; NULL on failure. */
    int (*unmap)(struct io *io, void *address, size_t size);

    /* Unix stream sockets; io/socket.h is their face. All are non-blocking. */
    int (*socket_open)(struct io *io);
    /* Binds to a path of mode 0600 and listens. */
    int (*socket_bind)(struct io *io, int fd, const char *path);
    int (*socket_connect)(struct io *io, int fd, const char *path);
    int (*socket_accept)(struct io *io, int fd);
    /* The user and the process at the other end, as the kernel knows them from the moment of connecting. */
    int (*socket_peer)(struct io *io, int fd, int64_t *ret_user_id, int64_t *ret_process_id);
    ssize_t (*socket_send)(struct io *io, int fd, const void *bytes, size_t size); /* Never SIGPIPE. */
    int (*socket_shutdown)(struct io *io, int fd); /* Both ways; wakes who waits for it. */
    int (*poll)(struct io *io, struct pollfd *fds, size_t count, int timeout_ms);
};

/* The operating system's. Static, shared by threads. */
struct io *io_system(void);

/* Passes calls on to the system, but for one: the n-th call that can fail fails with `error_number`, without
 * being made. A write that is to fail with 0 writes half of its bytes instead. For tests, of several threads too: then
 * which call is the n-th may differ from run to run. */
struct io_failing {
    struct io        io; /* Pass &failing.io. */
    _Atomic uint64_t call_count;
    uint64_t         fail_at; /* From 1; 0: never. */
    int              error_number;
    _Atomic bool     has_failed;
    _Atomic int      open_count; /* Descriptors and mappings not closed: 0 in the end, or something leaks. */
};
void io_failing_init(struct io_failing *failing, uint64_t fail_at, int error_number);

#endif
