#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/memory.h"

enum status
io_error(struct error *err, const char *what, const char *path)
{
    int             number = errno;
    char            text[128];
    enum error_code code = ERR_IO;
    if (number == ENOENT || number == ENOTDIR)
        code = ERR_NOT_FOUND;
    else if (number == ENOSPC || number == EDQUOT || number == EFBIG)
        code = ERR_FULL;
    error_set(err, code, "cannot %s %s: %s", what, path, strerror_r(number, text, sizeof(text)));
    if (code == ERR_FULL)
        error_hint(err, "free space on the device of %s and try again", path);
    else if (number == EACCES || number == EPERM || number == EROFS)
        error_hint(err, "give the user who runs this the right to it, or name another place");
    return ST_ERROR;
}

/* Reads until the end; `capacity` is a guess that grows, for files (pipes, /proc) that do not tell their size. */
static enum status
read_all(struct io *io, int fd, const char *path, size_t size_max, size_t capacity, char **ret_bytes, size_t *ret_size,
         struct error *err)
{
    char  *bytes = memory_alloc(capacity + 1);
    size_t size = 0;
    if (bytes == NULL)
        return error_no_memory(err);
    for (;;) {
        if (size == capacity) {
            capacity = capacity * 2 + FILE_READ_SIZE;
            char *grown = memory_resize(bytes, capacity + 1);
            if (grown == NULL) {
                memory_free(bytes);
                return error_no_memory(err);
            }
            bytes = grown;
        }
        ssize_t got = io->read(io, fd, bytes + size, capacity - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            memory_free(bytes);
            return io_error(err, "read", path);
        }
        if (got == 0)
            break;
        size += (size_t)got;
        if (size > size_max) {
            memory_free(bytes);
            return error_set(err, ERR_FULL, "%s is longer than the limit of %zu bytes", path, size_max);
        }
    }
    bytes[size] = '\0';
    *ret_bytes = bytes;
    *ret_size = size;
    return ST_OK;
}

enum status
io_file_check_regular(struct io *io, const char *path, uint64_t *ret_size, struct error *err)
{
    struct stat info;
    *ret_size = 0;
    if (io->stat(io, path, &info) != 0)
        return errno == ENOENT ? ST_OK : io_error(err, "examine", path);
    if (!S_ISREG(info.st_mode))
        return error_set(err, ERR_IO, S_ISDIR(info.st_mode) ? "%s is a folder" : "%s is no regular file", path);
    *ret_size = (uint64_t)info.st_size;
    return ST_OK;
}

enum status
io_file_read(struct io *io, const char *path, size_t size_max, char **ret_bytes, size_t *ret_size, struct error *err)
{
    struct stat stat;
    int         fd = io->open(io, path, O_RDONLY, 0);
    if (fd < 0)
        return io_error(err, "open", path);
    enum status status = ST_OK;
    if (io->fstat(io, fd, &stat) != 0)
        status = io_error(err, "examine", path);
    else if (S_ISDIR(stat.st_mode))
        status = error_set(err, ERR_IO, "%s is a folder, not a file", path);
    else if (stat.st_size > 0 && (uintmax_t)stat.st_size > size_max)
        status = error_set(err, ERR_FULL, "%s is longer than the limit of %zu bytes", path, size_max);
    /* One byte more than the file holds, so that its end shows without another allocation. */
    if (status == ST_OK)
        status = read_all(io, fd, path, size_max, stat.st_size > 0 ? (size_t)stat.st_size + 1 : FILE_READ_SIZE, ret_bytes,
                          ret_size, err);
    io->close(io, fd); /* Nothing was written: closing cannot lose anything. */
    return status;
}

enum status
io_file_map(struct io *io, const char *path, struct file_map *ret_map, struct error *err)
{
    struct stat     stat;
    struct file_map map = FILE_MAP_EMPTY;
    int             fd = io->open(io, path, O_RDONLY, 0);
    if (fd < 0)
        return io_error(err, "open", path);
    enum status status = ST_OK;
    if (io->fstat(io, fd, &stat) != 0)
        status = io_error(err, "examine", path);
    else if (!S_ISREG(stat.st_mode))
        status = error_set(err, ERR_IO, "%s is not a regular file", path);
    else if (stat.st_size > 0) {
        map.size = (size_t)stat.st_size;
        map.bytes = io->map(io, fd, map.size);
        if (map.bytes == NULL)
            status = io_error(err, "map", path);
    }
    io->close(io, fd);
    if (status == ST_OK)
        *ret_map = map;
    return status;
}

void
file_map_release(struct io *io, struct file_map *map)
{
    if (map->bytes != NULL)
        io->unmap(io, (void *)(uintptr_t)map->bytes, map->size);
    *map = FILE_MAP_EMPTY;
}

static enum status
write_all(struct io *io, int fd, const char *path, const char *bytes, size_t size, struct error *err)
{
    while (size > 0) {
        ssize_t written = io->write(io, fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return io_error(err, "write", path);
        bytes += written;
        size -= (size_t)written;
    }
    return ST_OK;
}

enum status
io_folder_sync(struct io *io, const char *path, struct error *err)
{
    char        folder[PATH_SIZE_MAX];
    const char *slash = strrchr(path, '/');
    size_t      size = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    snprintf(folder, sizeof(folder), "%.*s", (int)size, path);
    int fd = io->open(io, size == 0 ? "." : folder, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return io_error(err, "open the folder of", path);
    enum status status = io->sync(io, fd) != 0 ? io_error(err, "sync the folder of", path) : ST_OK;
    io->close(io, fd);
    return status;
}

enum status
io_file_copy(struct io *io, const char *path_from, const char *path_to, struct error *err)
{
    struct file_map map = FILE_MAP_EMPTY;
    struct stat     stat;
    if (io->stat(io, path_from, &stat) != 0)
        return io_error(err, "examine", path_from);
    enum status status = io_file_map(io, path_from, &map, err);
    if (status == ST_OK)
        status = io_file_replace(io, path_to, map.bytes, map.size, stat.st_mode & 0777, err);
    file_map_release(io, &map);
    return status;
}

/* Writes a file beside `path`, puts it on disk and gives it its name. */
static enum status
place_file(struct io *io, const char *path, const void *bytes, size_t size, mode_t mode,
           int (*name)(struct io *io, const char *from, const char *to), struct error *err)
{
    char temporary[PATH_SIZE_MAX];
    int  length = snprintf(temporary, sizeof(temporary), "%s.tmp%ld", path, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof(temporary))
        return error_set(err, ERR_IO, "the path is longer than %d bytes", PATH_SIZE_MAX);
    int fd = io->open(io, temporary, O_WRONLY | O_CREAT | O_TRUNC, mode);
    if (fd < 0)
        return io_error(err, "create", temporary);
    enum status status = write_all(io, fd, temporary, bytes, size, err);
    if (status == ST_OK && io->sync(io, fd) != 0)
        status = io_error(err, "sync", temporary);
    if (io->close(io, fd) != 0 && status == ST_OK)
        status = io_error(err, "close", temporary);
    if (status == ST_OK && name(io, temporary, path) != 0)
        status = io_error(err, "rename to", path);
    if (status != ST_OK) {
        io->unlink(io, temporary);
        return status;
    }
    return io_folder_sync(io, path, err);
}

enum status
io_file_replace(struct io *io, const char *path, const void *bytes, size_t size, mode_t mode, struct error *err)
{
    return place_file(io, path, bytes, size, mode, io->rename, err);
}

enum status
io_file_create(struct io *io, const char *path, const void *bytes, size_t size, mode_t mode, struct error *err)
{
    return place_file(io, path, bytes, size, mode, io->rename_new, err);
}

enum status
io_folder_make(struct io *io, const char *path, struct error *err)
{
    char   part[PATH_SIZE_MAX];
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof(part))
        return error_set(err, ERR_IO, "a folder's path has 1 to %d bytes", PATH_SIZE_MAX - 1);
    memcpy(part, path, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        if (io->mkdir(io, part, 0777) != 0 && errno != EEXIST)
            return io_error(err, "make the folder", part);
        part[i] = path[i];
    }
    struct stat stat;
    if (io->lstat(io, path, &stat) != 0)
        return io_error(err, "examine", path);
    if (!S_ISDIR(stat.st_mode) && !S_ISLNK(stat.st_mode))
        return error_set(err, ERR_IO, "%s is a file, not a folder", path);
    return ST_OK;
}

/* `path` has PATH_SIZE_MAX bytes and holds a folder; names below it are appended and taken off again. */
static enum status remove_below(struct io *io, char *path, unsigned depth, struct error *err);

static enum status
remove_one(struct io *io, char *path, unsigned depth, struct error *err)
{
    struct stat stat;
    if (io->lstat(io, path, &stat) != 0)
        return errno == ENOENT ? ST_OK : io_error(err, "examine", path);
    if (!S_ISDIR(stat.st_mode))
        return io->unlink(io, path) != 0 ? io_error(err, "remove", path) : ST_OK;
    if (depth == WALK_DEPTH_MAX)
        return error_set(err, ERR_IO, "folders lie more than %d deep: %s", WALK_DEPTH_MAX, path);
    if (remove_below(io, path, depth + 1, err) != ST_OK)
        return ST_ERROR;
    return io->rmdir(io, path) != 0 ? io_error(err, "remove the folder", path) : ST_OK;
}

static enum status
remove_below(struct io *io, char *path, unsigned depth, struct error *err)
{
    size_t      size = strlen(path);
    const char *name;
    enum status status = ST_OK;
    void       *folder = io->folder_open(io, path);
    if (folder == NULL)
        return io_error(err, "read the folder", path);
    for (errno = 0; status == ST_OK && (name = io->folder_next(io, folder)) != NULL; errno = 0) {
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        int length = snprintf(path + size, PATH_SIZE_MAX - size, "/%s", name);
        if (length < 0 || (size_t)length >= PATH_SIZE_MAX - size)
            status = error_set(err, ERR_IO, "a path is longer than %d bytes", PATH_SIZE_MAX);
        else
            status = remove_one(io, path, depth, err);
        path[size] = '\0';
    }
    if (status == ST_OK && errno != 0)
        status = io_error(err, "read the folder", path);
    io->folder_close(io, folder);
    return status;
}

enum status
io_tree_remove(struct io *io, const char *path, struct error *err)
{
    char   below[PATH_SIZE_MAX];
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    struct str whole = str_of(path, size);
    size_t     slash = str_find_last_byte(whole, '/');
    struct str last = slash == STR_NOT_FOUND ? whole : str_slice(whole, slash + 1, size);
    if (last.size == 0 || str_equal(last, STR(".")) || str_equal(last, STR("..")))
        return error_set(err, ERR_IO, "\"%s\" is no folder that is to be removed", path);
    if (size >= sizeof(below))
        return error_set(err, ERR_IO, "the path is longer than %d bytes", PATH_SIZE_MAX);
    memcpy(below, path, size);
    below[size] = '\0';
    return remove_one(io, below, 0, err);
}
