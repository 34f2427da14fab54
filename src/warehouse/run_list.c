/* LISTED: which files there are, in the order of their paths' bytes, with size and digest. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "io/key.h"
#include "io/stream.h"
#include "io/walk.h"
#include "warehouse/run_int.h"

#include "base/hash.h"

enum status
run_digest_file(struct io *io, struct run_input *input, char *buffer, struct error *err)
{
    struct file_reader    reader = FILE_READER_EMPTY;
    struct sha256_stream *hash   = NULL;
    uint8_t               digest[SHA256_SIZE];
    size_t                got    = FILE_READ_SIZE;
    struct error          fault  = ERROR_EMPTY;
    enum status           status = ST_OK;

    if (file_reader_open(&reader, io, input->path, 0, &fault) != ST_OK)
        return fault.code == ERR_NO_MEMORY ? error_no_memory(err) : ST_OK;
    if (file_reader_info(&reader, &input->info, &fault) != ST_OK)
        goto out;
    hash = sha256_begin();
    if (hash == NULL)
        status = error_no_memory(err);
    while (status == ST_OK && got == FILE_READ_SIZE) {
        if (file_reader_read(&reader, buffer, FILE_READ_SIZE, &got, &fault) != ST_OK)
            goto out;
        status = sha256_add(hash, buffer, got, err);
        input->size_bytes += (int64_t)got;
    }
    if (status == ST_OK) {
        status = sha256_end(hash, digest, err);
        hash   = NULL;
    }
    if (status == ST_OK)
        hex_encode(digest, sizeof digest, input->digest);
out:
    if (hash != NULL)
        sha256_free(hash);
    file_reader_release(&reader);
    return status;
}

/* Text of a database is UTF-8, names of files are any bytes: those that are none are written as \xNN. NULL: no memory. */
static const char *
readable_name(struct arena *arena, struct str name)
{
    char  *out  = arena_alloc(arena, 4 * name.size + 1, 1);
    size_t size = 0;

    while (out != NULL && name.size > 0) {
        size_t valid = utf8_valid_prefix(name);
        memcpy(out + size, name.data, valid);
        size += valid;
        if (valid < name.size)
            size += (size_t)snprintf(out + size, 5, "\\x%02x", (unsigned)(unsigned char)name.data[valid++]);
        name = str_slice(name, valid, name.size);
    }
    if (out != NULL)
        out[size] = '\0';
    return out;
}

/* Below the bindings' folder a copy of the folder names its files alike (I5). */
static const char *
name_of(struct run *run, const char *path)
{
    struct str folder = run->graph->bindings_folder;
    struct str text   = str_from(path);

    if (folder.size > 1 && str_starts_with(text, folder) && path[folder.size] == '/')
        path += folder.size + 1;
    return utf8_is_valid(str_from(path)) ? path : readable_name(&run->arena, str_from(path));
}

static enum status
list_spec(struct run *run, uint32_t spec_index, struct walk *ret_walk, struct error *err)
{
    const struct run_spec *spec = &run->specs[spec_index];

    if (walk_inputs(run->warehouse->options.io, spec->input->path.data, &run->arena, ret_walk, err) != ST_OK) {
        error_context(err, "listing the files of %.*s", STR_PRINTF(spec->source->name));
        return ST_ERROR;
    }
    if (ret_walk->count == 0 && spec->input->is_empty_error) {
        error_set(err, ERR_NOT_FOUND, "%.*s has no file at %.*s", STR_PRINTF(spec->source->name), STR_PRINTF(spec->input->path));
        error_at(err, spec->input->origin.file.data, spec->input->origin.line, spec->input->origin.column);
        error_hint(err, "its binding says \"empty\": \"error\"; without that, it counts 0");
        return ST_ERROR;
    }
    return ST_OK;
}

static enum status
make_specs(struct run *run, struct error *err)
{
    const struct graph_batch *batch = &run->graph->batch;
    size_t                    count = 0;

    for (size_t i = 0; i < batch->source_count; i++)
        count += batch->sources[i].input_count;
    run->specs = ARENA_ARRAY(&run->arena, struct run_spec, count);
    if (run->specs == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < batch->source_count; i++)
        for (size_t k = 0; k < batch->sources[i].input_count; k++)
            run->specs[run->spec_count++] = (struct run_spec){ .source = &batch->sources[i], .input = &batch->sources[i].inputs[k] };
    return ST_OK;
}

enum status
run_list(struct run *run, struct error *err)
{
    char        *buffer = memory_alloc(FILE_READ_SIZE);
    struct walk *walks  = NULL;
    size_t       count  = 0;
    enum status  status = buffer == NULL ? error_no_memory(err) : make_specs(run, err);

    if (status == ST_OK) {
        walks  = ARENA_ARRAY(&run->arena, struct walk, run->spec_count);
        status = walks == NULL ? error_no_memory(err) : ST_OK;
    }
    for (uint32_t i = 0; status == ST_OK && i < run->spec_count; i++) {
        status = list_spec(run, i, &walks[i], err);
        count += status == ST_OK ? walks[i].count : 0;
    }
    if (status == ST_OK) {
        run->inputs = ARENA_ARRAY(&run->arena, struct run_input, count);
        status      = run->inputs == NULL ? error_no_memory(err) : ST_OK;
    }
    for (uint32_t i = 0; status == ST_OK && i < run->spec_count; i++)
        for (size_t k = 0; status == ST_OK && k < walks[i].count; k++) {
            struct run_input *input = &run->inputs[run->input_count];
            const char       *file  = name_of(run, walks[i].paths[k]);
            if (file == NULL) {
                status = error_no_memory(err);
                break;
            }
            if (!run_is_meant(run, run->specs[i].source->name, str_from(file)))
                continue;
            run->input_count++;
            *input = (struct run_input){ .number = (int64_t)run->input_count, .spec_index = i, .path = walks[i].paths[k], .file = file, .format = "" };
            status = run_digest_file(run->warehouse->options.io, input, buffer, err);
            if (status == ST_OK)
                status = run_pause(run, "list", 0, 0, err);
        }
    memory_free(buffer);
    return status == ST_OK ? run_check_manifest(run, err) : status;
}
