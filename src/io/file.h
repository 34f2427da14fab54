/* Whole files: read, map, replace; folders. */
#ifndef HEDDLE_IO_FILE_H
#define HEDDLE_IO_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "io/io.h"

/* Fills `err` from errno: "cannot open lab/a.hl7: permission denied". Full disks are ERR_FULL, what is not there
 * ERR_NOT_FOUND, the rest ERR_IO. Returns ST_ERROR. */
enum status io_error(struct error *err, const char *what, const char *path);

/* ERR_IO where something is there that is no regular file, for opening a pipe waits for its other end and a device keeps nothing.
 * What is not there is fine: *ret_size is 0 then, too. */
enum status io_file_check_regular(struct io *io, const char *path, uint64_t *ret_size, struct error *err);

/* The whole file, with a NUL behind it that does not count; freed with memory_free. A file of more than size_max bytes
 * is ERR_FULL, a folder ERR_IO. */
enum status io_file_read(struct io *io, const char *path, size_t size_max, char **ret_bytes, size_t *ret_size,
                         struct error *err);

/* Read-only view of a whole file. An empty file has bytes NULL and size 0. The file must not shrink while it is mapped:
 * reading behind its new end ends the process (SIGBUS). */
struct file_map {
    const char *bytes;
    size_t      size;
};
#define FILE_MAP_EMPTY ((struct file_map){ NULL, 0 })
enum status io_file_map(struct io *io, const char *path, struct file_map *ret_map, struct error *err);
void        file_map_release(struct io *io, struct file_map *map);

/* Makes the file hold exactly these bytes, whole or not at all, also after a power cut: a temporary file beside it,
 * fsync, rename, fsync of the folder. On failure the old content stays and no temporary file is left. */
enum status io_file_replace(struct io *io, const char *path, const void *bytes, size_t size, mode_t mode,
                            struct error *err);

/* Likewise a file that is not there yet: ERR_IO where it is. */
enum status io_file_create(struct io *io, const char *path, const void *bytes, size_t size, mode_t mode, struct error *err);

/* Makes the folder and those above it, mode 0755 less the umask; one that is there already is fine. */
enum status io_folder_make(struct io *io, const char *path, struct error *err);

/* Puts the folder that holds `path` on disk: a new name, or one that was renamed, is safe only then. */
enum status io_folder_sync(struct io *io, const char *path, struct error *err);

/* Copies a regular file whole or not at all, as io_file_replace writes it; the copy has the file's mode. `path_to` must not be
 * the file itself. */
enum status io_file_copy(struct io *io, const char *path_from, const char *path_to, struct error *err);

/* Removes a file, a link, or a folder with everything below it. Links are removed, never followed, so that nothing outside
 * the tree is touched. What is not there is fine. "", "/" and paths that end in "." or ".." are refused: nobody means
 * them. On failure a part may be gone. */
enum status io_tree_remove(struct io *io, const char *path, struct error *err);

#endif
