#include "sim/disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

#define SECTOR_SIZE 512

void *
sim_alloc(size_t size)
{
    void *block = memory_alloc_zero(size);
    CHECK(block != NULL);
    return block;
}

void *
sim_grow(void *old, size_t count, size_t size)
{
    void *block = memory_resize_array(old, count, size);
    CHECK(block != NULL);
    return block;
}

/* ---- Bytes ---- */

static void
bytes_resize(struct str_builder *bytes, size_t size)
{
    if (size < bytes->size) {
        str_builder_truncate(bytes, size);
        return;
    }
    CHECK(str_builder_reserve(bytes, size - bytes->size + 1));
    memset(bytes->data + bytes->size, 0, size - bytes->size + 1);
    bytes->size = size;
}

static void
bytes_put(struct str_builder *bytes, int64_t offset, const void *from, size_t size)
{
    if (size == 0)
        return;
    if (bytes->size < (size_t)offset + size)
        bytes_resize(bytes, (size_t)offset + size);
    memcpy(bytes->data + offset, from, size);
}

static void
pending_add(struct disk_file *file, int64_t offset, const void *bytes, size_t size)
{
    if (file->pending_count == file->pending_capacity) {
        file->pending_capacity = file->pending_capacity * 2 + 8;
        file->pending          = sim_grow(file->pending, file->pending_capacity, sizeof(*file->pending));
    }
    struct disk_write *write = &file->pending[file->pending_count++];
    *write = (struct disk_write){ offset, size, NULL };
    if (bytes != NULL) {
        write->bytes = sim_alloc(size + 1);
        if (size > 0)
            memcpy(write->bytes, bytes, size);
    }
}

static void
pending_clear(struct disk_file *file)
{
    for (size_t i = 0; i < file->pending_count; i++)
        memory_free(file->pending[i].bytes);
    file->pending_count = 0;
}

static void
apply(struct disk_file *file, const struct disk_write *write)
{
    if (write->bytes == NULL)
        bytes_resize(&file->durable, (size_t)write->offset);
    else
        bytes_put(&file->durable, write->offset, write->bytes, write->size);
}

/* What a power cut leaves of one write. */
static void
apply_torn(struct disk *disk, struct disk_file *file, const struct disk_write *write)
{
    uint64_t kind = random_below(&disk->random, write->bytes == NULL ? 2 : 4);
    if (kind == 1)
        apply(file, write);
    else if (kind == 2 && write->size > 0)
        bytes_put(&file->durable, write->offset, write->bytes, (size_t)random_below(&disk->random, write->size));
    else if (kind == 3)
        for (size_t begin = 0; begin < write->size; begin += SECTOR_SIZE) {
            size_t size = write->size - begin < SECTOR_SIZE ? write->size - begin : SECTOR_SIZE;
            if (random_chance(&disk->random, 0.5))
                bytes_put(&file->durable, write->offset + (int64_t)begin, write->bytes + begin, size);
        }
}

void
disk_write(struct disk_file *file, int64_t offset, const void *bytes, size_t size)
{
    bytes_put(&file->bytes, offset, bytes, size);
    pending_add(file, offset, bytes, size);
}

void
disk_cut(struct disk_file *file, int64_t size)
{
    bytes_resize(&file->bytes, (size_t)size);
    pending_add(file, size, NULL, 0);
}

/* ---- Names ---- */

void
disk_init(struct disk *disk, uint64_t seed)
{
    *disk = (struct disk){ 0 };
    random_init(&disk->random, seed);
}

static void
file_free(struct disk_file *file)
{
    pending_clear(file);
    memory_free(file->pending);
    str_builder_release(&file->bytes);
    str_builder_release(&file->durable);
    memory_free(file);
}

void
disk_release(struct disk *disk)
{
    for (size_t i = 0; i < disk->file_count; i++)
        file_free(disk->files[i]);
    for (size_t i = 0; i < disk->name_count; i++)
        memory_free(disk->names[i].path);
    memory_free(disk->files);
    memory_free(disk->names);
    *disk = (struct disk){ 0 };
}

static struct disk_name *
name_find(struct disk *disk, const char *path)
{
    for (size_t i = 0; i < disk->name_count; i++)
        if (strcmp(disk->names[i].path, path) == 0)
            return &disk->names[i];
    return NULL;
}

struct disk_file *
disk_find(struct disk *disk, const char *path)
{
    const struct disk_name *name = name_find(disk, path);
    return name == NULL ? NULL : name->file;
}

struct disk_file *
disk_make(struct disk *disk, const char *path, bool is_folder, bool is_durable)
{
    struct disk_name *name = name_find(disk, path);
    struct disk_file *file = sim_alloc(sizeof(*file));
    file->inode     = ++disk->inode_last;
    file->is_folder = is_folder;
    disk->files     = sim_grow(disk->files, disk->file_count + 1, sizeof(struct disk_file *));
    disk->files[disk->file_count++] = file;
    if (name == NULL) {
        disk->names = sim_grow(disk->names, disk->name_count + 1, sizeof(*disk->names));
        name        = &disk->names[disk->name_count++];
        *name       = (struct disk_name){ .path = memory_copy(path, strlen(path)) };
        CHECK(name->path != NULL);
    }
    CHECK(name->file == NULL);
    name->file = file;
    if (is_durable)
        name->durable = file;
    return file;
}

bool
disk_unlink(struct disk *disk, const char *path)
{
    struct disk_name *name = name_find(disk, path);
    if (name == NULL || name->file == NULL)
        return false;
    name->file = NULL;
    return true;
}

void
disk_tidy(struct disk *disk)
{
    size_t kept = 0;
    for (size_t i = 0; i < disk->file_count; i++) {
        bool is_used = disk->files[i]->open_count > 0;
        for (size_t j = 0; j < disk->name_count && !is_used; j++)
            is_used = disk->names[j].file == disk->files[i] || disk->names[j].durable == disk->files[i];
        if (is_used)
            disk->files[kept++] = disk->files[i];
        else
            file_free(disk->files[i]);
    }
    disk->file_count = kept;
}

const char *
disk_last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static bool
lies_in(const char *path, const char *folder)
{
    size_t size = strlen(folder);
    return strncmp(path, folder, size) == 0 && path[size] == '/' && disk_last_part(path) == path + size + 1;
}

size_t
disk_next_name(const struct disk *disk, const char *folder, size_t at)
{
    while (at < disk->name_count && (disk->names[at].file == NULL || !lies_in(disk->names[at].path, folder)))
        at++;
    return at;
}

static const char *
path_of(const struct disk *disk, const struct disk_file *file)
{
    for (size_t i = 0; i < disk->name_count; i++)
        if (disk->names[i].file == file)
            return disk->names[i].path;
    return NULL;
}

/* ---- What lasts ---- */

void
disk_sync(struct disk *disk, struct disk_file *file)
{
    for (size_t i = 0; i < file->pending_count; i++)
        apply(file, &file->pending[i]);
    pending_clear(file);
    const char *folder = file->is_folder ? path_of(disk, file) : NULL;
    for (size_t i = 0; folder != NULL && i < disk->name_count; i++)
        if (lies_in(disk->names[i].path, folder))
            disk->names[i].durable = disk->names[i].file;
}

void
disk_sync_fails(struct disk *disk, struct disk_file *file)
{
    for (size_t i = 0; i < file->pending_count; i++)
        if (random_chance(&disk->random, 0.5))
            apply_torn(disk, file, &file->pending[i]);
    pending_clear(file);
}

void
disk_power_cut(struct disk *disk)
{
    for (size_t i = 0; i < disk->name_count; i++) {
        struct disk_name *name = &disk->names[i];
        if (name->file != name->durable && random_chance(&disk->random, 0.5))
            name->durable = name->file;
        name->file = name->durable;
    }
    for (size_t i = 0; i < disk->file_count; i++) {
        struct disk_file *file = disk->files[i];
        for (size_t j = 0; j < file->pending_count; j++)
            apply_torn(disk, file, &file->pending[j]);
        pending_clear(file);
        file->locked_by = NULL;
        str_builder_clear(&file->bytes);
        str_builder_append(&file->bytes, str_builder_text(&file->durable));
        CHECK(str_builder_is_ok(&file->bytes));
    }
    disk_tidy(disk);
}
