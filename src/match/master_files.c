#include "match/master_files.h"

#include <inttypes.h>

#include "io/file.h"
#include "io/walk.h"

#define MIDDLE ".master."

void
master_file_path(struct str_builder *path, const char *store_path, uint64_t version)
{
    str_builder_printf(path, "%s" MIDDLE "%" PRIu64, store_path, version);
}

/* All files that begin as snapshots of the store do. */
static enum status
list(struct io *io, const char *store_path, struct arena *arena, struct walk *ret_walk, struct error *err)
{
    struct str_builder pattern = STR_BUILDER_EMPTY;

    for (const char *c = store_path; *c != '\0'; c++)
        str_builder_printf(&pattern, *c == '*' || *c == '?' || *c == '[' ? "[%c]" : "%c", *c);
    str_builder_append(&pattern, STR(MIDDLE "*"));
    enum status status = str_builder_status(&pattern, err);
    if (status == ST_OK)
        status = walk_files(io, str_builder_cstr(&pattern), arena, ret_walk, err);
    str_builder_release(&pattern);
    return status;
}

/* Only as master_file_path writes it: a temporary file is no snapshot. */
static bool
parse_version(struct str path, uint64_t *ret_version)
{
    struct str text = str_slice(path, str_find_last_byte(path, '.') + 1, path.size);

    return text.size > 0 && ascii_is_digit(text.data[0]) && (text.data[0] != '0' || text.size == 1) &&
           str_to_uint64(text, ret_version) && str_ends_with(str_slice(path, 0, path.size - text.size), STR(MIDDLE));
}

enum status
master_file_newest(struct io *io, const char *store_path, struct str_builder *path, bool *ret_is_found, uint64_t *ret_version,
                   struct error *err)
{
    struct arena arena;
    struct walk  walk;
    bool         is_found = false;
    uint64_t     newest   = 0, version;

    arena_init(&arena, 0);
    enum status status = list(io, store_path, &arena, &walk, err);
    for (size_t i = 0; status == ST_OK && i < walk.count; i++)
        if (parse_version(str_from(walk.paths[i]), &version)) {
            newest   = !is_found || version > newest ? version : newest;
            is_found = true;
        }
    arena_release(&arena);
    if (status == ST_OK && is_found) {
        master_file_path(path, store_path, newest);
        status = str_builder_status(path, err);
    }
    if (status == ST_OK) {
        *ret_is_found = is_found;
        *ret_version  = newest;
    }
    return status;
}

enum status
master_file_prune(struct io *io, const char *store_path, struct error *err)
{
    struct arena arena;
    struct walk  walk;
    uint64_t     version, other;

    arena_init(&arena, 0);
    enum status status = list(io, store_path, &arena, &walk, err);
    for (size_t i = 0; status == ST_OK && i < walk.count; i++) {
        size_t newer_count = 0;
        if (!parse_version(str_from(walk.paths[i]), &version))
            continue;
        for (size_t k = 0; k < walk.count; k++)
            newer_count += parse_version(str_from(walk.paths[k]), &other) && other > version;
        if (newer_count >= MASTER_FILE_KEPT_COUNT)
            status = io_tree_remove(io, walk.paths[i], err);
    }
    arena_release(&arena);
    return status;
}
