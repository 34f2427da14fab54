#include "io/walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "io/file.h"

/* ---- Names ---- */

/* A set at the start of the pattern, "[...]": its size, or 0 where it is not closed (then '[' is a character). */
static size_t
set_size(struct str pattern)
{
    size_t i = 1;
    if (i < pattern.size && (pattern.data[i] == '!' || pattern.data[i] == '^'))
        i++;
    if (i < pattern.size && pattern.data[i] == ']')
        i++;
    while (i < pattern.size && pattern.data[i] != ']')
        i++;
    return i < pattern.size ? i + 1 : 0;
}

static bool
set_matches(struct str set, char c)
{
    size_t i          = 1;
    bool   is_negated = set.data[1] == '!' || set.data[1] == '^';
    bool   is_in      = false;
    if (is_negated)
        i++;
    while (i < set.size - 1) {
        unsigned char low  = (unsigned char)set.data[i];
        unsigned char high = low;
        if (i + 2 < set.size - 1 && set.data[i + 1] == '-') {
            high = (unsigned char)set.data[i + 2];
            i += 2;
        }
        is_in = is_in || ((unsigned char)c >= low && (unsigned char)c <= high);
        i++;
    }
    return is_in != is_negated;
}

/* How much of the pattern one character of the name uses up; 0: it does not match. Not for '*'. */
static size_t
match_one(struct str pattern, char c)
{
    if (pattern.data[0] == '?')
        return 1;
    if (pattern.data[0] == '[') {
        size_t size = set_size(pattern);
        if (size > 0)
            return set_matches(str_slice(pattern, 0, size), c) ? size : 0;
    }
    return pattern.data[0] == c ? 1 : 0;
}

bool
walk_name_matches(struct str pattern, struct str name)
{
    /* On a mismatch the last star takes one character more: linear for one star, never exponential. */
    size_t p          = 0;
    size_t n          = 0;
    size_t star       = STR_NOT_FOUND;
    size_t star_taken = 0;
    bool   is_hidden  = name.size > 0 && name.data[0] == '.';
    if (is_hidden && (pattern.size == 0 || pattern.data[0] != '.'))
        return false;
    while (n < name.size) {
        size_t used = 0;
        if (p < pattern.size && pattern.data[p] == '*') {
            star       = p++;
            star_taken = n;
            continue;
        }
        if (p < pattern.size)
            used = match_one(str_slice(pattern, p, pattern.size), name.data[n]);
        if (used > 0) {
            p += used;
            n++;
        } else if (star != STR_NOT_FOUND) {
            p = star + 1;
            n = ++star_taken;
        } else {
            return false;
        }
    }
    while (p < pattern.size && pattern.data[p] == '*')
        p++;
    return p == pattern.size;
}

static bool
has_wildcard(struct str part)
{
    return str_find_byte(part, '*') != STR_NOT_FOUND || str_find_byte(part, '?') != STR_NOT_FOUND ||
           str_find_byte(part, '[') != STR_NOT_FOUND;
}

/* ---- Folders ---- */

struct walker {
    struct io    *io;
    struct arena *arena;
    struct error *err;
    struct walk   found;
    size_t        capacity;
    bool          keeps_odd; /* What has a file's place and is none is kept, too. */
};

static enum status
keep(struct walker *walker, const char *path)
{
    if (walker->found.count == walker->capacity) {
        size_t       capacity = walker->capacity == 0 ? 64 : walker->capacity * 2;
        const char **paths    = ARENA_ARRAY(walker->arena, const char *, capacity);
        if (paths == NULL)
            return error_no_memory(walker->err);
        if (walker->found.count > 0)
            memcpy(paths, walker->found.paths, walker->found.count * sizeof *paths);
        walker->found.paths = paths;
        walker->capacity    = capacity;
    }
    walker->found.paths[walker->found.count++] = path;
    return ST_OK;
}

/* Type of what a path names; links are followed (by opening) where asked. 0 in *ret_mode: it is not there. One that leads nowhere, and
 * may be kept, stays a link. */
static enum status
look_at(struct walker *walker, const char *path, bool follows, mode_t *ret_mode)
{
    struct stat info;
    *ret_mode = 0;
    if (walker->io->lstat(walker->io, path, &info) != 0)
        return errno == ENOENT || errno == ENOTDIR ? ST_OK : io_error(walker->err, "look at", path);
    if (S_ISLNK(info.st_mode) && follows) {
        *ret_mode = walker->keeps_odd ? info.st_mode : 0;
        if (walker->io->stat(walker->io, path, &info) != 0)
            return walker->keeps_odd || errno == ENOENT || errno == ENOTDIR ? ST_OK : io_error(walker->err, "look at", path);
    }
    *ret_mode = info.st_mode;
    return ST_OK;
}

static bool
is_kept(const struct walker *walker, mode_t mode)
{
    return S_ISREG(mode) || (walker->keeps_odd && mode != 0 && !S_ISDIR(mode));
}

static enum status walk_part(struct walker *walker, const char *folder, struct str rest, unsigned depth);

/* `path` matches the pattern up to here; `rest` is what is left of it. */
static enum status
walk_entry(struct walker *walker, const char *path, struct str rest, bool is_named, unsigned depth)
{
    mode_t mode;
    if (look_at(walker, path, is_named || rest.size == 0, &mode) != ST_OK)
        return ST_ERROR;
    if (rest.size == 0)
        return is_kept(walker, mode) ? keep(walker, path) : ST_OK;
    return S_ISDIR(mode) ? walk_part(walker, path, rest, depth + 1) : ST_OK;
}

static const char *
join(struct walker *walker, const char *folder, struct str name)
{
    if (folder[0] == '\0')
        return arena_cstr(walker->arena, name);
    size_t      size      = strlen(folder);
    const char *separator = folder[size - 1] == '/' ? "" : "/";
    return arena_printf(walker->arena, "%s%s%.*s", folder, separator, STR_PRINTF(name));
}

/* One entry of a folder against the part of the pattern at hand. */
static enum status
walk_name(struct walker *walker, const char *folder, struct str part, struct str rest, struct str name, unsigned depth)
{
    bool is_any_depth = str_equal(part, STR("**"));
    if (str_equal(name, STR(".")) || str_equal(name, STR("..")))
        return ST_OK;
    if (!walk_name_matches(is_any_depth ? STR("*") : part, name))
        return ST_OK;
    const char *path = join(walker, folder, name);
    if (path == NULL)
        return error_no_memory(walker->err);
    if (!is_any_depth)
        return walk_entry(walker, path, rest, false, depth);
    /* "**" again one level deeper, whatever the rest; and a file where nothing is left. */
    mode_t mode;
    if (look_at(walker, path, rest.size == 0, &mode) != ST_OK)
        return ST_ERROR;
    if (rest.size == 0 && is_kept(walker, mode))
        return keep(walker, path);
    if (!S_ISDIR(mode))
        return ST_OK;
    /* A link to a folder was followed only to see whether it is a file. */
    if (look_at(walker, path, false, &mode) != ST_OK)
        return ST_ERROR;
    if (!S_ISDIR(mode))
        return ST_OK;
    struct str again = rest.size > 0 ? str_of(part.data, part.size + 1 + rest.size) : part;
    return walk_part(walker, path, again, depth + 1);
}

static enum status
walk_folder(struct walker *walker, const char *folder, struct str part, struct str rest, unsigned depth)
{
    const char *shown  = folder[0] == '\0' ? "." : folder;
    enum status status = ST_OK;
    void       *open   = walker->io->folder_open(walker->io, shown);
    if (open == NULL)
        return errno == ENOENT ? ST_OK : io_error(walker->err, "read folder", shown);
    while (status == ST_OK) {
        const char *name = walker->io->folder_next(walker->io, open);
        if (name == NULL) {
            if (errno != 0)
                status = io_error(walker->err, "read folder", shown);
            break;
        }
        status = walk_name(walker, folder, part, rest, str_from(name), depth);
    }
    walker->io->folder_close(walker->io, open);
    return status;
}

static enum status
walk_part(struct walker *walker, const char *folder, struct str rest, unsigned depth)
{
    size_t slash = str_find_byte(rest, '/');
    if (depth > WALK_DEPTH_MAX)
        return error_set(walker->err, ERR_FULL, "%s lies deeper than %d folders", folder, WALK_DEPTH_MAX);
    struct str part  = slash == STR_NOT_FOUND ? rest : str_slice(rest, 0, slash);
    struct str after = slash == STR_NOT_FOUND ? STR_EMPTY : str_slice(rest, slash + 1, rest.size);
    if (part.size == 0)
        return after.size > 0 ? walk_part(walker, folder, after, depth) : ST_OK;
    if (!has_wildcard(part)) {
        const char *path = join(walker, folder, part);
        if (path == NULL)
            return error_no_memory(walker->err);
        return walk_entry(walker, path, after, true, depth);
    }
    /* "**" may stand for no folder at all. */
    if (str_equal(part, STR("**")) && after.size > 0 && walk_part(walker, folder, after, depth + 1) != ST_OK)
        return ST_ERROR;
    return walk_folder(walker, folder, part, after, depth);
}

/* The first part of a path, which goes on behind it. */
static struct str
take_part(struct str *path)
{
    size_t     slash = str_find_byte(*path, '/');
    struct str part  = slash == STR_NOT_FOUND ? *path : str_slice(*path, 0, slash);
    *path            = slash == STR_NOT_FOUND ? STR_EMPTY : str_slice(*path, slash + 1, path->size);
    return part;
}

bool
walk_path_matches(struct str pattern, struct str path)
{
    while (pattern.size > 0 && path.size > 0) {
        struct str part  = take_part(&pattern);
        struct str again = path;
        struct str name  = take_part(&path);
        if (!str_equal(part, STR("**"))) {
            if (!walk_name_matches(part, name))
                return false;
            continue;
        }
        /* For no folder, one, two … */
        while (pattern.size > 0 && !walk_path_matches(pattern, again)) {
            if (again.size == 0 || !walk_name_matches(STR("*"), take_part(&again)))
                return false;
        }
        return pattern.size > 0 || (walk_name_matches(STR("*"), name) && (path.size == 0 || walk_path_matches(part, path)));
    }
    return pattern.size == 0 && path.size == 0;
}

static int
compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum status
walk(struct io *io, const char *pattern, bool keeps_odd, struct arena *arena, struct walk *ret_walk, struct error *err)
{
    struct walker walker = { .io = io, .arena = arena, .err = err, .keeps_odd = keeps_odd };
    struct str    rest   = str_from(pattern);
    const char   *root   = "";
    if (str_starts_with(rest, STR("/"))) {
        root = "/";
        rest = str_slice(rest, 1, rest.size);
    }
    if (walk_part(&walker, root, rest, 0) != ST_OK)
        return ST_ERROR;
    if (walker.found.count > 1)
        qsort(walker.found.paths, walker.found.count, sizeof *walker.found.paths, compare_paths);
    /* Where two parts are "**", a file is found in more than one way. */
    size_t kept = 0;
    for (size_t i = 0; i < walker.found.count; i++)
        if (kept == 0 || strcmp(walker.found.paths[kept - 1], walker.found.paths[i]) != 0)
            walker.found.paths[kept++] = walker.found.paths[i];
    walker.found.count = kept;
    if (kept == 0 && !has_wildcard(str_from(pattern))) {
        uint64_t size;
        if (io_file_check_regular(io, pattern, &size, err) != ST_OK) {
            error_hint(err, "name files, or with wildcards what lies in a folder: %s/**", pattern);
            return ST_ERROR;
        }
    }
    *ret_walk          = walker.found;
    return ST_OK;
}

enum status
walk_files(struct io *io, const char *pattern, struct arena *arena, struct walk *ret_walk, struct error *err)
{
    return walk(io, pattern, false, arena, ret_walk, err);
}

enum status
walk_inputs(struct io *io, const char *pattern, struct arena *arena, struct walk *ret_walk, struct error *err)
{
    return walk(io, pattern, has_wildcard(str_from(pattern)), arena, ret_walk, err);
}
