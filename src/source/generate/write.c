/* What the writers of a world share, and the order in which it is written. */
#include "source/generate/write.h"

#include "io/file.h"

enum status
world_save(struct io *io, const char *path, struct str_builder *text, struct error *err)
{
    enum status status = str_builder_status(text, err);
    if (status == ST_OK)
        status = io_file_replace(io, path, text->data, text->size, 0644, err);
    return status;
}

enum status
world_make_folder(struct io *io, const char *folder, struct error *err)
{
    return io_folder_make(io, folder, err);
}

enum status
world_write(struct world *world, struct io *io, const char *directory, struct error *err)
{
    enum status status = io_folder_make(io, directory, err);
    if (status == ST_OK && world->options.people == NULL)
        status = world_write_csv(world, io, directory, err);
    if (status == ST_OK && world->options.people == NULL)
        status = world_write_hl7(world, io, directory, err);
    if (status == ST_OK)
        status = world_write_events(world, io, directory, err);
    if (status == ST_OK && world->is_out_of_memory)
        status = error_no_memory(err);
    if (status == ST_OK) /* Last: the writers list what they planted in files. */
        status = world_write_truth(world, io, directory, err);
    return status;
}
