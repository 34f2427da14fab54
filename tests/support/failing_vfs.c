#include "support/failing_vfs.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

struct failing_file {
    sqlite3_file  base;
    sqlite3_file *inner; /* Behind this struct, in the same block. */
};

static struct {
    sqlite3_vfs            vfs;
    sqlite3_vfs           *inner;
    sqlite3_io_methods     methods;
    uint64_t               fail_at;
    enum failing_vfs_kind  kind;
    _Atomic uint64_t       call_count;
    _Atomic bool           has_failed;
} failing;

static bool
fails_now(void)
{
    if (++failing.call_count != failing.fail_at)
        return false;
    failing.has_failed = true;
    return true;
}

static sqlite3_file *
inner(sqlite3_file *file)
{
    return ((struct failing_file *)file)->inner;
}

static int
file_close(sqlite3_file *file)
{
    return inner(file)->pMethods->xClose(inner(file));
}

static int
file_read(sqlite3_file *file, void *bytes, int size, sqlite3_int64 offset)
{
    return fails_now() ? SQLITE_IOERR_READ : inner(file)->pMethods->xRead(inner(file), bytes, size, offset);
}

static int
file_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset)
{
    if (fails_now())
        return failing.kind == FAILING_VFS_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    return inner(file)->pMethods->xWrite(inner(file), bytes, size, offset);
}

static int
file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return fails_now() ? SQLITE_IOERR_TRUNCATE : inner(file)->pMethods->xTruncate(inner(file), size);
}

static int
file_sync(sqlite3_file *file, int flags)
{
    return fails_now() ? SQLITE_IOERR_FSYNC : inner(file)->pMethods->xSync(inner(file), flags);
}

static int
file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return inner(file)->pMethods->xFileSize(inner(file), size);
}

static int
file_lock(sqlite3_file *file, int level)
{
    return inner(file)->pMethods->xLock(inner(file), level);
}

static int
file_unlock(sqlite3_file *file, int level)
{
    return inner(file)->pMethods->xUnlock(inner(file), level);
}

static int
file_is_reserved(sqlite3_file *file, int *result)
{
    return inner(file)->pMethods->xCheckReservedLock(inner(file), result);
}

static int
file_control(sqlite3_file *file, int code, void *argument)
{
    return inner(file)->pMethods->xFileControl(inner(file), code, argument);
}

static int
file_sector_size(sqlite3_file *file)
{
    return inner(file)->pMethods->xSectorSize(inner(file));
}

static int
file_characteristics(sqlite3_file *file)
{
    return inner(file)->pMethods->xDeviceCharacteristics(inner(file));
}

static int
file_shm_map(sqlite3_file *file, int page, int page_size, int is_extended, void volatile **memory)
{
    return fails_now() ? SQLITE_IOERR_SHMMAP : inner(file)->pMethods->xShmMap(inner(file), page, page_size, is_extended, memory);
}

static int
file_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    return inner(file)->pMethods->xShmLock(inner(file), offset, count, flags);
}

static void
file_shm_barrier(sqlite3_file *file)
{
    inner(file)->pMethods->xShmBarrier(inner(file));
}

static int
file_shm_unmap(sqlite3_file *file, int is_deleted)
{
    return inner(file)->pMethods->xShmUnmap(inner(file), is_deleted);
}

static int
vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *ret_flags)
{
    struct failing_file *file = (struct failing_file *)base;
    (void)vfs;
    file->base.pMethods = NULL; /* Nothing to close. */
    file->inner         = (sqlite3_file *)(file + 1);
    if (fails_now())
        return SQLITE_CANTOPEN;
    int result = failing.inner->xOpen(failing.inner, name, file->inner, flags, ret_flags);
    if (file->inner->pMethods != NULL)
        file->base.pMethods = &failing.methods;
    return result;
}

static int
vfs_delete(sqlite3_vfs *vfs, const char *name, int is_synced)
{
    (void)vfs;
    return fails_now() ? SQLITE_IOERR_DELETE : failing.inner->xDelete(failing.inner, name, is_synced);
}

void
failing_vfs_begin(uint64_t n, enum failing_vfs_kind kind)
{
    if (failing.inner == NULL)
        failing.inner = sqlite3_vfs_find(NULL);
    failing.vfs            = *failing.inner; /* Other calls go to the system's own, which looks at nothing of the struct. */
    failing.vfs.pNext      = NULL;
    failing.vfs.zName      = "failing";
    failing.vfs.szOsFile   = (int)sizeof(struct failing_file) + failing.inner->szOsFile;
    failing.vfs.xOpen      = vfs_open;
    failing.vfs.xDelete    = vfs_delete;
    failing.methods = (sqlite3_io_methods){
        .iVersion = 2, .xClose = file_close, .xRead = file_read, .xWrite = file_write, .xTruncate = file_truncate, .xSync = file_sync,
        .xFileSize = file_size, .xLock = file_lock, .xUnlock = file_unlock, .xCheckReservedLock = file_is_reserved,
        .xFileControl = file_control, .xSectorSize = file_sector_size, .xDeviceCharacteristics = file_characteristics,
        .xShmMap = file_shm_map, .xShmLock = file_shm_lock, .xShmBarrier = file_shm_barrier, .xShmUnmap = file_shm_unmap,
    };
    failing.fail_at    = n;
    failing.kind       = kind;
    failing.call_count = 0;
    failing.has_failed = false;
    if (sqlite3_vfs_register(&failing.vfs, 1) != SQLITE_OK)
        abort();
}

uint64_t
failing_vfs_end(bool *ret_has_failed)
{
    sqlite3_vfs_unregister(&failing.vfs);
    sqlite3_vfs_register(failing.inner, 1);
    *ret_has_failed = failing.has_failed;
    return failing.call_count;
}
