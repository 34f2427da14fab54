/* What the writers of a world share. */
#ifndef HEDDLE_SOURCE_GENERATE_WRITE_H
#define HEDDLE_SOURCE_GENERATE_WRITE_H

#include "base/str_builder.h"
#include "source/generate/world.h"

#define WORLD_PATH_SIZE 1024

/* Writes the text as the file's whole content; a failure of the builder is one of memory. */
enum status world_save(struct io *io, const char *path, struct str_builder *text, struct error *err);
/* Makes the folder and those above it. */
enum status world_make_folder(struct io *io, const char *folder, struct error *err);
/* Lists a bad record of a file of history, for truth.json. */
void world_plant_in_file(struct world *world, const char *kind, const char *file, uint32_t line, const char *reason);

#endif
