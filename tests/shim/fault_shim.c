/* Lets the n-th system call on files below a folder fail, tear, stop or kill a process that was built as it is: preloaded (LD_PRELOAD) by
 * tests/integration/torture.py. Calls that write and sync are counted; nothing else is touched.
 *
 *     FAULT_UNDER=/folder   FAULT_AT=37   FAULT=kill | kill_after | tear | eio | enospc | stop | sync   FAULT_LOG=/file   FAULT_ON="write store.db-wal"
 *
 *   kill        SIGKILL before the call            tear     half of a write, then SIGKILL
 *   kill_after  SIGKILL behind it                  stop     SIGSTOP before the call, which goes on when somebody says so
 *   eio enospc  the call fails with it             sync     the n-th call that syncs fails with EIO: only these are counted
 *
 * With FAULT_ON only such calls are counted, on files whose name begins so.
 *
 * The log gets a line a call: what, which file, and "!" where the fault was. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum fault { FAULT_NONE, FAULT_KILL, FAULT_KILL_AFTER, FAULT_TEAR, FAULT_EIO, FAULT_ENOSPC, FAULT_STOP, FAULT_SYNC };

static struct {
    enum fault     kind;
    long           at;
    const char    *under;
    const char    *on;
    int            log;
    _Atomic(long)  count;
    _Atomic(bool)  is_ready;
} shim;

/* The next one of the name: libc's. */
#define REAL(type, name) ((type)(uintptr_t)dlsym(RTLD_NEXT, name))

typedef ssize_t (*write_fn)(int, const void *, size_t);
typedef ssize_t (*pwrite_fn)(int, const void *, size_t, off_t);
typedef int (*fd_fn)(int);
typedef int (*truncate_fn)(int, off_t);

ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset);
int     ftruncate64(int fd, off_t size);

static void
shim_init(void)
{
    static const char *const names[] = { "", "kill", "kill_after", "tear", "eio", "enospc", "stop", "sync" };
    const char              *kind = getenv("FAULT"), *at = getenv("FAULT_AT"), *log = getenv("FAULT_LOG");
    shim.under = getenv("FAULT_UNDER");
    shim.on    = getenv("FAULT_ON");
    shim.at    = at == NULL ? 0 : strtol(at, NULL, 10);
    shim.log   = log == NULL ? -1 : open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    for (int i = 1; kind != NULL && i <= FAULT_SYNC; i++)
        if (strcmp(kind, names[i]) == 0)
            shim.kind = (enum fault)i;
    shim.is_ready = true;
}

/* Of a file below the folder; `path` gets its name. */
static bool
is_counted(int fd, char path[512])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char                  link[64];
    pthread_once(&once, shim_init);
    if (shim.under == NULL || fd == shim.log)
        return false;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, 511);
    if (size <= 0)
        return false;
    path[size] = '\0';
    return strncmp(path, shim.under, strlen(shim.under)) == 0;
}

/* Counts the call and notes it. Whether it is the one. */
static bool
count(const char *call, const char *path, bool is_sync)
{
    char        line[640];
    const char *slash = strrchr(path, '/');
    snprintf(line, sizeof(line), "%s %s", call, slash == NULL ? path : slash + 1);
    bool is_it = (shim.kind != FAULT_SYNC || is_sync) && (shim.on == NULL || strncmp(line, shim.on, strlen(shim.on)) == 0) && ++shim.count == shim.at;
    size_t size = strlen(line);
    snprintf(line + size, sizeof(line) - size, "%s\n", is_it ? " !" : "");
    if (shim.log >= 0)
        REAL(write_fn, "write")(shim.log, line, strlen(line));
    return is_it;
}

/* What the call is to do. */
static enum fault
begins(int fd, const char *call, bool is_sync)
{
    char path[512];
    if (!is_counted(fd, path) || !count(call, path, is_sync))
        return FAULT_NONE;
    if (shim.kind == FAULT_KILL)
        kill(getpid(), SIGKILL);
    if (shim.kind == FAULT_STOP)
        kill(getpid(), SIGSTOP);
    errno = shim.kind == FAULT_ENOSPC ? ENOSPC : EIO;
    return shim.kind;
}

static bool
fails(enum fault fault)
{
    return fault == FAULT_EIO || fault == FAULT_ENOSPC || fault == FAULT_SYNC;
}

static ssize_t
ends(enum fault fault, ssize_t result)
{
    if (fault == FAULT_KILL_AFTER || fault == FAULT_TEAR)
        kill(getpid(), SIGKILL);
    return result;
}

ssize_t
write(int fd, const void *bytes, size_t size)
{
    enum fault fault = begins(fd, "write", false);
    if (fails(fault))
        return -1;
    return ends(fault, REAL(write_fn, "write")(fd, bytes, fault == FAULT_TEAR ? size / 2 : size));
}

static ssize_t
write_at(const char *name, int fd, const void *bytes, size_t size, off_t offset)
{
    enum fault fault = begins(fd, "write", false);
    if (fails(fault))
        return -1;
    return ends(fault, REAL(pwrite_fn, name)(fd, bytes, fault == FAULT_TEAR ? size / 2 : size, offset));
}

ssize_t
pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    return write_at("pwrite", fd, bytes, size, offset);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t size, off_t offset)
{
    return write_at("pwrite64", fd, bytes, size, offset);
}

static int
one(const char *name, int fd, bool is_sync)
{
    enum fault fault = begins(fd, is_sync ? "sync" : name, is_sync);
    if (fails(fault))
        return -1;
    return (int)ends(fault, REAL(fd_fn, name)(fd));
}

int
fsync(int fd)
{
    return one("fsync", fd, true);
}

int
fdatasync(int fd)
{
    return one("fdatasync", fd, true);
}

static int
truncate_to(const char *name, int fd, off_t size)
{
    enum fault fault = begins(fd, "truncate", false);
    if (fails(fault))
        return -1;
    return (int)ends(fault, REAL(truncate_fn, name)(fd, size));
}

int
ftruncate(int fd, off_t size)
{
    return truncate_to("ftruncate", fd, size);
}

int
ftruncate64(int fd, off_t size)
{
    return truncate_to("ftruncate64", fd, size);
}
