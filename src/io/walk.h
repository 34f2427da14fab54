/* Which files a path with wildcards means, in an order that depends on their names alone (I5).
 *
 *   *  any characters but '/'      ?  one such character      [a-z] [!a-z]  one of a set
 *   ** (as a whole part)  any number of folders, none too: all files below a folder
 *
 * Names that begin with a dot match only a pattern part that does too. Links to files are followed; links to folders are
 * followed by a part without wildcards only, so that a walk neither loops nor leaves its root unseen. */
#ifndef HEDDLE_IO_WALK_H
#define HEDDLE_IO_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "io/io.h"

struct walk {
    const char **paths; /* In the order of their bytes. As the pattern writes them, so relative where it is. */
    size_t       count;
};

/* Regular files only. No match is no error: count is 0. A folder that cannot be read is one: a part of the input would
 * be missing unseen. So is a path without wildcards that names a folder, a pipe or a device. Everything returned lives in the arena. */
enum status walk_files(struct io *io, const char *pattern, struct arena *arena, struct walk *ret_walk,
                       struct error *err);

/* The same for files that are to be accounted for: what wildcards find in a file's place and is none, a pipe, a socket, a device, a link
 * that leads nowhere, comes too, and is refused when it is opened. */
enum status walk_inputs(struct io *io, const char *pattern, struct arena *arena, struct walk *ret_walk,
                        struct error *err);

/* Whether walk_files would find a file of that path, if it is there. Nothing is looked at. */
bool walk_path_matches(struct str pattern, struct str path);

/* Whether one name (without '/') matches one part of a pattern. */
bool walk_name_matches(struct str pattern, struct str name);

#endif
