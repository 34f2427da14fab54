#include "sim/sqlite_vfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "base/check.h"
#include "base/memory.h"

#define REGION_MAX 16

/* The index memory of one database, shared by its connections. */
struct shared {
    struct disk_file *file;
    void             *regions[REGION_MAX];
    uint32_t          use_count;
    struct shared    *next;
};

struct vfs_file {
    sqlite3_file      base;
    struct host      *host;
    struct disk_file *file;
    char              path[160];
    int               level;
    uint32_t          shm_shared, shm_exclusive; /* Bits of SQLite's slots. */
    struct shared    *shared;
    bool              is_new; /* Its name is put on disk with its first sync. */
    bool              is_deleted_on_close;
    struct vfs_file  *next; /* Of all that are open. */
};

static struct {
    struct host        *host;
    struct vfs_file    *open;
    struct shared      *shared;
    sqlite3_vfs         vfs;
    uint64_t            temporary_count;
} sim;

static struct vfs_file *
of(sqlite3_file *file)
{
    return (struct vfs_file *)file;
}

static bool
fails(struct host *host)
{
    return host_call(host, HOST_ANY) == HOST_ERROR;
}

/* The folder of all files here. */
static void
folder_sync(struct disk *disk)
{
    disk_sync(disk, disk_find(disk, "/sim"));
}

/* ---- Bytes ---- */

static int
file_read(sqlite3_file *base, void *bytes, int size, sqlite3_int64 offset)
{
    const struct str_builder *from = &of(base)->file->bytes;
    if (fails(of(base)->host))
        return SQLITE_IOERR_READ;
    size_t there = (size_t)offset < from->size ? from->size - (size_t)offset : 0;
    if (there >= (size_t)size) {
        memcpy(bytes, from->data + offset, (size_t)size);
        return SQLITE_OK;
    }
    memset(bytes, 0, (size_t)size);
    if (there > 0)
        memcpy(bytes, from->data + offset, there);
    return SQLITE_IOERR_SHORT_READ;
}

static int
file_write(sqlite3_file *base, const void *bytes, int size, sqlite3_int64 offset)
{
    enum host_mishap mishap = host_call(of(base)->host, HOST_WRITE);
    if (mishap == HOST_ERROR)
        return errno == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    disk_write(of(base)->file, offset, bytes, (size_t)(mishap == HOST_SHORT ? size / 2 : size));
    return mishap == HOST_SHORT ? SQLITE_FULL : SQLITE_OK;
}

static int
file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    if (host_call(of(base)->host, HOST_WRITE) == HOST_ERROR)
        return SQLITE_IOERR_TRUNCATE;
    disk_cut(of(base)->file, size);
    return SQLITE_OK;
}

static int
file_sync(sqlite3_file *base, int flags)
{
    struct vfs_file *file     = of(base);
    bool             is_alive = !file->host->is_dead && !file->host->dies_next;
    (void)flags;
    if (host_call(file->host, HOST_SYNC) == HOST_ERROR) {
        if (is_alive && !file->host->is_dead)
            disk_sync_fails(file->host->disk, file->file);
        return SQLITE_IOERR_FSYNC;
    }
    disk_sync(file->host->disk, file->file);
    if (file->is_new)
        folder_sync(file->host->disk);
    file->is_new = false;
    return SQLITE_OK;
}

static int
file_size(sqlite3_file *base, sqlite3_int64 *ret_size)
{
    *ret_size = (sqlite3_int64)of(base)->file->bytes.size;
    return SQLITE_OK;
}

/* ---- Locks ---- */

/* The highest level that another living connection has; *ret_shared: how many have any. */
static int
level_of_others(const struct vfs_file *file, int *ret_count)
{
    int level  = SQLITE_LOCK_NONE;
    *ret_count = 0;
    for (const struct vfs_file *other = sim.open; other != NULL; other = other->next) {
        if (other == file || other->file != file->file || other->host->is_dead || other->level == SQLITE_LOCK_NONE)
            continue;
        level = other->level > level ? other->level : level;
        ++*ret_count;
    }
    return level;
}

static int
file_lock(sqlite3_file *base, int level)
{
    struct vfs_file *file = of(base);
    int              count, others = level_of_others(file, &count);
    if (file->level >= level)
        return SQLITE_OK;
    bool is_free = level == SQLITE_LOCK_SHARED ? others < SQLITE_LOCK_PENDING : level == SQLITE_LOCK_EXCLUSIVE ? count == 0 : others < SQLITE_LOCK_RESERVED;
    if (!is_free)
        return SQLITE_BUSY;
    file->level = level;
    return SQLITE_OK;
}

static int
file_unlock(sqlite3_file *base, int level)
{
    if (of(base)->level > level)
        of(base)->level = level;
    return SQLITE_OK;
}

static int
file_is_reserved(sqlite3_file *base, int *ret_result)
{
    int count;
    *ret_result = level_of_others(of(base), &count) >= SQLITE_LOCK_RESERVED || of(base)->level >= SQLITE_LOCK_RESERVED;
    return SQLITE_OK;
}

static int
file_control(sqlite3_file *base, int code, void *argument)
{
    (void)base, (void)code, (void)argument;
    return SQLITE_NOTFOUND;
}

static int
file_sector_size(sqlite3_file *base)
{
    (void)base;
    return 4096;
}

static int
file_characteristics(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* A torn write changes nothing beside it, as SQLite takes for granted everywhere. */
}

/* ---- Index memory ---- */

static int
file_shm_map(sqlite3_file *base, int region, int size, int is_extended, void volatile **ret_memory)
{
    struct vfs_file *file = of(base);
    CHECK(region < REGION_MAX);
    if (fails(file->host))
        return SQLITE_IOERR_SHMMAP;
    if (file->shared == NULL) {
        struct shared *shared = sim.shared;
        while (shared != NULL && shared->file != file->file)
            shared = shared->next;
        if (shared == NULL) {
            shared       = sim_alloc(sizeof(*shared));
            shared->file = file->file;
            shared->next = sim.shared;
            sim.shared   = shared;
        }
        shared->use_count++;
        file->shared = shared;
    }
    if (file->shared->regions[region] == NULL && is_extended)
        file->shared->regions[region] = sim_alloc((size_t)size);
    *ret_memory = file->shared->regions[region];
    return SQLITE_OK;
}

static int
file_shm_lock(sqlite3_file *base, int offset, int count, int flags)
{
    struct vfs_file *file = of(base);
    const uint32_t   bits = ((1u << count) - 1) << offset;
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        file->shm_shared &= ~bits;
        file->shm_exclusive &= ~bits;
        return SQLITE_OK;
    }
    if (fails(file->host))
        return SQLITE_IOERR_SHMLOCK;
    for (const struct vfs_file *other = sim.open; other != NULL; other = other->next) {
        if (other == file || other->file != file->file || other->host->is_dead)
            continue;
        if ((other->shm_exclusive & bits) != 0 || ((flags & SQLITE_SHM_EXCLUSIVE) != 0 && (other->shm_shared & bits) != 0))
            return SQLITE_BUSY;
    }
    if ((flags & SQLITE_SHM_EXCLUSIVE) != 0)
        file->shm_exclusive |= bits;
    else
        file->shm_shared |= bits;
    return SQLITE_OK;
}

static void
file_shm_barrier(sqlite3_file *base)
{
    (void)base;
}

static int
file_shm_unmap(sqlite3_file *base, int is_deleted)
{
    struct vfs_file *file   = of(base);
    struct shared   *shared = file->shared;
    (void)is_deleted;
    file->shared = NULL;
    file->shm_shared = file->shm_exclusive = 0;
    if (shared == NULL || --shared->use_count > 0)
        return SQLITE_OK;
    struct shared **place = &sim.shared;
    while (*place != shared)
        place = &(*place)->next;
    *place = shared->next;
    for (int i = 0; i < REGION_MAX; i++)
        memory_free(shared->regions[i]);
    memory_free(shared);
    return SQLITE_OK;
}

/* ---- Files ---- */

static int
file_close(sqlite3_file *base)
{
    struct vfs_file  *file  = of(base);
    struct vfs_file **place = &sim.open;
    file_shm_unmap(base, 0);
    while (*place != file)
        place = &(*place)->next;
    *place = file->next;
    if (file->is_deleted_on_close && !file->host->is_dead)
        disk_unlink(file->host->disk, file->path);
    file->file->open_count--;
    disk_tidy(file->host->disk);
    return SQLITE_OK;
}

static int
vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *ret_flags)
{
    static const sqlite3_io_methods methods = {
        .iVersion = 2, .xClose = file_close, .xRead = file_read, .xWrite = file_write, .xTruncate = file_truncate, .xSync = file_sync,
        .xFileSize = file_size, .xLock = file_lock, .xUnlock = file_unlock, .xCheckReservedLock = file_is_reserved,
        .xFileControl = file_control, .xSectorSize = file_sector_size, .xDeviceCharacteristics = file_characteristics,
        .xShmMap = file_shm_map, .xShmLock = file_shm_lock, .xShmBarrier = file_shm_barrier, .xShmUnmap = file_shm_unmap,
    };
    struct vfs_file *file = of(base);
    (void)vfs;
    *file = (struct vfs_file){ .host = sim.host };
    if (name == NULL)
        snprintf(file->path, sizeof(file->path), "/sim/temporary-%llu", (unsigned long long)++sim.temporary_count);
    else
        snprintf(file->path, sizeof(file->path), "%s", name);
    if (fails(sim.host))
        return SQLITE_CANTOPEN;
    file->file = disk_find(sim.host->disk, file->path);
    if (file->file == NULL && (flags & SQLITE_OPEN_CREATE) == 0)
        return SQLITE_CANTOPEN;
    if (file->file == NULL) {
        file->file   = disk_make(sim.host->disk, file->path, false, false);
        file->is_new = true;
    }
    file->is_deleted_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    file->file->open_count++;
    file->next         = sim.open;
    sim.open           = file;
    file->base.pMethods = &methods;
    if (ret_flags != NULL)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int
vfs_delete(sqlite3_vfs *vfs, const char *name, int is_synced)
{
    struct disk *disk = sim.host->disk;
    (void)vfs;
    if (host_call(sim.host, HOST_WRITE) == HOST_ERROR)
        return SQLITE_IOERR_DELETE;
    if (!disk_unlink(disk, name))
        return SQLITE_IOERR_DELETE_NOENT;
    disk_tidy(disk);
    if (is_synced)
        folder_sync(disk);
    return SQLITE_OK;
}

static int
vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret_result)
{
    (void)vfs, (void)flags;
    *ret_result = disk_find(sim.host->disk, name) != NULL;
    return SQLITE_OK;
}

static int
vfs_full_path(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    (void)vfs;
    snprintf(out, (size_t)size, "%s", name);
    return SQLITE_OK;
}

static int
vfs_randomness(sqlite3_vfs *vfs, int size, char *out)
{
    (void)vfs;
    for (int i = 0; i < size; i++)
        out[i] = (char)random_below(&sim.host->time->random, 256);
    return size;
}

static int
vfs_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    sim.host->time->now_us += us;
    return us;
}

static int
vfs_time(sqlite3_vfs *vfs, sqlite3_int64 *ret_ms)
{
    (void)vfs;
    *ret_ms = INT64_C(210866760000000) + clock_now_us(&sim.host->clock) / 1000;
    return SQLITE_OK;
}

static int
vfs_last_error(sqlite3_vfs *vfs, int size, char *out)
{
    (void)vfs, (void)size, (void)out;
    return 0;
}

struct host *
sqlite_vfs_use(struct host *host)
{
    struct host *before = sim.host;
    sim.host            = host;
    return before;
}

void
sqlite_vfs_register(void)
{
    sim.vfs = (sqlite3_vfs){ .iVersion = 2, .szOsFile = sizeof(struct vfs_file), .mxPathname = 150, .zName = "simulated", .xOpen = vfs_open,
                             .xDelete = vfs_delete, .xAccess = vfs_access, .xFullPathname = vfs_full_path, .xRandomness = vfs_randomness,
                             .xSleep = vfs_sleep, .xCurrentTimeInt64 = vfs_time, .xGetLastError = vfs_last_error };
    CHECK(sqlite3_vfs_register(&sim.vfs, 1) == SQLITE_OK);
}
