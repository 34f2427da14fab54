/* A disk that forgets what was not synced, for the simulation.
 *
 *     write ──▶ bytes (what processes see)          sync ──▶ durable (what is there after a power cut)
 *        ╰────▶ pending ──────────────────────────────╯
 *
 * A power cut takes of each write since the last sync all, nothing, its beginning or some of its sectors, of one write whatever it takes
 * of another; and of each name that was made or removed since its folder was synced whether that is so. A sync that fails loses for good
 * some of the writes that it should have put on disk, while processes go on seeing them: what the kernel does.
 *
 * It belongs to all simulated processes (host.h) and is used by one thread. Running out of memory ends the program. */
#ifndef HEDDLE_TESTS_SIM_DISK_H
#define HEDDLE_TESTS_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/str_builder.h"

/* One write or cut since the last sync. */
struct disk_write {
    int64_t offset;
    size_t  size;
    char   *bytes; /* NULL: the file was cut, or grown with zeros, to `offset`. */
};

struct disk_file {
    uint64_t           inode;
    bool               is_folder;
    struct str_builder bytes;
    struct str_builder durable;
    struct disk_write *pending;
    size_t             pending_count;
    size_t             pending_capacity;
    uint32_t           open_count;
    const void        *locked_by; /* Who holds the flock; NULL: nobody. */
};

/* A name, and the file that it means now and after a power cut; NULL: none. */
struct disk_name {
    char             *path;
    struct disk_file *file;
    struct disk_file *durable;
};

struct disk {
    struct random      random; /* Of what power cuts and failed syncs take. */
    struct disk_file **files;
    size_t             file_count;
    struct disk_name  *names;
    size_t             name_count;
    uint64_t           inode_last;
};

void disk_init(struct disk *disk, uint64_t seed);
void disk_release(struct disk *disk);

/* NULL: there is none. */
struct disk_file *disk_find(struct disk *disk, const char *path);
/* A new, empty one under a name that is free. is_durable: the name is on disk at once. */
struct disk_file *disk_make(struct disk *disk, const char *path, bool is_folder, bool is_durable);
/* False: there is none of that name. */
bool disk_unlink(struct disk *disk, const char *path);
/* Frees what has neither a name nor is open. */
void disk_tidy(struct disk *disk);

void disk_write(struct disk_file *file, int64_t offset, const void *bytes, size_t size);
void disk_cut(struct disk_file *file, int64_t size);
/* Of a folder: its names. */
void disk_sync(struct disk *disk, struct disk_file *file);
void disk_sync_fails(struct disk *disk, struct disk_file *file);
/* All processes are dead; those that have files open still close them. */
void disk_power_cut(struct disk *disk);

/* The index of the next name in the folder from `at` on; name_count: none. */
size_t      disk_next_name(const struct disk *disk, const char *folder, size_t at);
const char *disk_last_part(const char *path);

/* Memory that is there, or the program ends. */
void *sim_alloc(size_t size);
void *sim_grow(void *old, size_t count, size_t size);

#endif
