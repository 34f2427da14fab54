#include "support/support.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *
join(const char *folder, const char *relative)
{
    static _Thread_local char path[4096];

    int length = snprintf(path, sizeof path, "%s/%s", folder, relative);
    if (length < 0 || (size_t)length >= sizeof path) {
        fprintf(stderr, "support: path too long: %s\n", relative);
        abort();
    }
    return path;
}

static const char *
data_folder(void)
{
    const char *folder = getenv("HEDDLE_DATA");
    return folder != NULL && folder[0] != '\0' ? folder : HEDDLE_DATA_DEFAULT;
}

const char *
source_path(const char *relative)
{
    return join(HEDDLE_SOURCE_DIR, relative);
}

const char *
data_path(const char *relative)
{
    return join(data_folder(), relative);
}

bool
data_present(void)
{
    struct stat info;
    return stat(data_folder(), &info) == 0 && S_ISDIR(info.st_mode);
}

void
temp_dir_init(char *ret_path)
{
    const char *parent = getenv("TMPDIR");
    if (parent == NULL || parent[0] == '\0')
        parent = "/tmp";

    int length = snprintf(ret_path, TEMP_DIR_SIZE_MAX, "%s/heddle-test-XXXXXX", parent);
    if (length < 0 || length >= TEMP_DIR_SIZE_MAX || mkdtemp(ret_path) == NULL) {
        perror("support: cannot make a folder below TMPDIR");
        abort();
    }
}

static int
remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

void
temp_dir_release(const char *path)
{
    if (path[0] != '\0')
        nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

unsigned char *
support_read_file(const char *path, size_t *ret_size)
{
    unsigned char *bytes = NULL;
    size_t         size  = 0;
    size_t         room  = 0;
    FILE          *file  = fopen(path, "rb");

    if (file == NULL)
        return NULL;
    for (;;) {
        if (size + 1 >= room) {
            room                 = room == 0 ? 65536 : room * 2;
            unsigned char *wider = realloc(bytes, room);
            if (wider == NULL)
                abort();
            bytes = wider;
        }
        size_t got = fread(bytes + size, 1, room - size - 1, file);
        if (got == 0)
            break;
        size += got;
    }
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed) {
        free(bytes);
        return NULL;
    }
    bytes[size] = '\0';
    *ret_size   = size;
    return bytes;
}

void
support_free(void *memory)
{
    free(memory);
}

bool
support_write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return false;
    bool written = fwrite(bytes, 1, size, file) == size;
    return fclose(file) == 0 && written;
}
