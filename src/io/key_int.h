/* What the readers of keys and of other secrets share. */
#ifndef HEDDLE_IO_KEY_INT_H
#define HEDDLE_IO_KEY_INT_H

#include <stdbool.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "io/io.h"

/* Whether the open file is of mode 0600 or stricter, and this user's or root's; of the open one, so that nobody can change it
 * between the look and the reading. */
enum status key_check_access(struct io *io, int fd, const char *path, struct error *err);

/* The name behind "file:" or "env:", a file's below `folder`. */
enum status key_name(struct str reference, const char *folder, char name[PATH_SIZE_MAX], bool *ret_is_file, struct error *err);

#endif
