#include "io/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "io/file.h"

/* "4711 3\n": process id and generation. */
#define OWNER_TEXT_SIZE 64

static void
owner_read(struct io *io, int fd, struct lock_owner *owner)
{
    char             text[OWNER_TEXT_SIZE];
    ssize_t          size = io->pread(io, fd, text, sizeof text, 0);
    struct str       part;
    struct str_split split = str_split_init(str_trim(str_of(text, size > 0 ? (size_t)size : 0)), ' ');
    if (str_split_next(&split, &part))
        str_to_int64(part, &owner->process_id);
    if (str_split_next(&split, &part))
        str_to_uint64(part, &owner->generation);
}

static enum status
owner_write(struct io *io, int fd, const char *path, uint64_t generation, struct error *err)
{
    char text[OWNER_TEXT_SIZE];
    int  size = snprintf(text, sizeof text, "%lld %llu\n", (long long)getpid(), (unsigned long long)generation);
    if (io->truncate(io, fd, 0) != 0)
        return io_error(err, "cut", path);
    ssize_t put = io->write(io, fd, text, (size_t)size);
    if (put != size) {
        errno = put < 0 ? errno : ENOSPC;
        return io_error(err, "write", path);
    }
    return ST_OK;
}

/* Between our opening and our locking an owner may have removed the file: then the name is another file's, or no one's. */
static bool
is_still(struct io *io, int fd, const char *path)
{
    struct stat ours, there;
    return io->fstat(io, fd, &ours) == 0 && io->stat(io, path, &there) == 0 && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

enum status
lock_take(struct lock *lock, struct io *io, const char *path, uint64_t generation, struct error *err)
{
    struct lock_owner owner  = { 0 };
    enum status       status = ST_ERROR;
    int               fd     = io->open(io, path, O_RDWR | O_CREAT, 0600);
    if (fd < 0)
        return io_error(err, "open", path);
    bool is_ours = io->lock(io, fd, true) == 0;
    if (is_ours && is_still(io, fd, path)) {
        status = owner_write(io, fd, path, generation, err);
    } else if (is_ours) {
        error_set(err, ERR_BUSY, "%s was removed by its owner at this moment", path);
        error_hint(err, "try again");
    } else if (errno == EWOULDBLOCK) {
        owner_read(io, fd, &owner);
        char of_generation[40] = "";
        if (owner.generation != 0) /* 0: the owner's lock stands for no generation. */
            snprintf(of_generation, sizeof of_generation, " (generation %llu)", (unsigned long long)owner.generation);
        error_set(err, ERR_BUSY, "%s is held by process %lld%s", path, (long long)owner.process_id, of_generation);
        error_hint(err, "stop that process, or wait until it is done");
    } else {
        io_error(err, "lock", path);
    }
    if (status != ST_OK)
        io->close(io, fd);
    else
        *lock = (struct lock){ .io = io, .fd = fd };
    return status;
}

void
lock_release(struct lock *lock)
{
    if (lock->fd < 0)
        return;
    /* Emptying fails at worst, and then the next owner looks for something to recover where nothing is. */
    lock->io->truncate(lock->io, lock->fd, 0);
    lock->io->close(lock->io, lock->fd);
    lock->fd = -1;
}

void
lock_remove(struct lock *lock, const char *path)
{
    if (lock->fd >= 0)
        lock->io->unlink(lock->io, path);
    lock_release(lock);
}

enum status
lock_look(struct io *io, const char *path, struct lock_owner *ret_owner, struct error *err)
{
    struct lock_owner owner  = { .state = LOCK_FREE };
    enum status       status = ST_OK;
    int               fd     = io->open(io, path, O_RDONLY, 0);
    if (fd < 0 && errno != ENOENT)
        return io_error(err, "open", path);
    if (fd >= 0) {
        owner_read(io, fd, &owner);
        /* A shared lock, held for a moment only, so that two that look do not see each other. */
        if (io->lock(io, fd, false) == 0)
            owner.state = owner.process_id != 0 ? LOCK_STALE : LOCK_FREE;
        else if (errno == EWOULDBLOCK)
            owner.state = LOCK_HELD;
        else
            status = io_error(err, "lock", path);
        io->close(io, fd);
    }
    if (status == ST_OK)
        *ret_owner = owner;
    return status;
}
