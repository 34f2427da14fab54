/* The files that are part of the program: everything below model/, the store's schema, the example's two files.
 *
 * tools/embed writes the table at build time, sorted by path. Nothing is owned or
 * released: the bytes live as long as the program. */
#ifndef HEDDLE_BASE_EMBEDDED_H
#define HEDDLE_BASE_EMBEDDED_H

#include <stddef.h>

struct embedded_file {
    const char          *path;  /* Relative to the repository, like "model/entities/patient.json". */
    const unsigned char *bytes; /* Followed by a NUL that `size` does not count. */
    size_t               size;
};

extern const struct embedded_file embedded_files[];
extern const size_t               embedded_file_count;

/* NULL: the program holds no file of that path. */
const struct embedded_file *embedded_file_find(const char *path);

#endif
