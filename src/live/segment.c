#include "live/segment.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "io/file.h"
#include "io/walk.h"

#define MAGIC            "HDSTATE2"
#define MAGIC_SIZE       8
#define HEAD_SIZE        (MAGIC_SIZE + 4 * 8)
/* Sealed bytes go to the file in pieces of so many. */
#define BUFFER_SIZE      (2u << 20)
#define FLAG_ROUND       1u

struct record_head {
    uint64_t generation;
    uint64_t epoch;
    uint64_t flags;
    uint64_t body_size;
};

/* ---- Records ---- */

static void
put_u64(uint8_t *out, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t
get_u64(const char *bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)(uint8_t)bytes[i] << (8 * i);
    return value;
}

static void
head_write(const struct record_head *head, uint8_t out[HEAD_SIZE])
{
    memcpy(out, MAGIC, MAGIC_SIZE);
    put_u64(out + 8, head->generation);
    put_u64(out + 16, head->epoch);
    put_u64(out + 24, head->flags);
    put_u64(out + 32, head->body_size);
}

/* The record's size in the file: whole blocks. */
static uint64_t
record_size(const struct record_head *head)
{
    return (HEAD_SIZE + head->body_size + SEAL_TAG_SIZE + FILE_BLOCK_SIZE - 1) / FILE_BLOCK_SIZE * FILE_BLOCK_SIZE;
}

static void
nonce_write(const struct record_head *head, uint8_t nonce[SEAL_NONCE_SIZE])
{
    uint8_t bytes[16];
    put_u64(bytes, head->generation);
    put_u64(bytes + 4, head->epoch);
    memcpy(nonce, bytes, SEAL_NONCE_SIZE);
}

/* A file's name up to its generation: by it files sort as generations do. */
#define GENERATION_NAME_SIZE (sizeof("state-0123456789abcdef") - 1)

static void
file_name_print(const struct segment *segment, uint64_t number, char name[SEGMENT_NAME_SIZE])
{
    snprintf(name, SEGMENT_NAME_SIZE, "state-%016" PRIx64 "-%016" PRIx64, segment->generation, number);
}

/* S5 */
static bool
is_newer(const struct segment *segment, const char *file)
{
    char own[SEGMENT_NAME_SIZE];
    file_name_print(segment, 0, own);
    return strncmp(file, own, GENERATION_NAME_SIZE) > 0;
}

static enum status
segment_path(const struct segment *segment, const char *file, char path[PATH_SIZE_MAX], struct error *err)
{
    int size = snprintf(path, PATH_SIZE_MAX, "%s/%s", segment->folder, file);
    return size < PATH_SIZE_MAX ? ST_OK : error_set(err, ERR_IO, "the path of the state's folder is too long");
}

static enum status
damaged(struct error *err, const char *file, int64_t offset, const char *what)
{
    error_set(err, ERR_CORRUPT, "the state's file %s %s", file, what);
    error_at_offset(err, NULL, (uint64_t)offset);
    error_hint(err, "put the folder back as it was together with the store");
    return ST_ERROR;
}

/* ---- Recovery ---- */

struct recovery {
    struct segment      *segment;
    struct segment_place last; /* offset: behind the last record. */
    segment_read_fn     *read;
    void                *context;
    struct str_builder   clear;
};

static bool
is_zero(struct str bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        if (bytes.data[i] != '\0')
            return false;
    return true;
}

static enum status
record_read(struct recovery *recovery, const char *file, struct str bytes, int64_t offset, size_t *ret_size,
            struct error *err)
{
    struct segment    *segment = recovery->segment;
    struct record_head head;
    uint8_t            nonce[SEAL_NONCE_SIZE];
    if (bytes.size < FILE_BLOCK_SIZE || memcmp(bytes.data, MAGIC, MAGIC_SIZE) != 0)
        return damaged(err, file, offset, "has no record where one should begin");
    head = (struct record_head){ get_u64(bytes.data + 8), get_u64(bytes.data + 16), get_u64(bytes.data + 24),
                                 get_u64(bytes.data + 32) };
    if (head.body_size > bytes.size || record_size(&head) > bytes.size)
        return damaged(err, file, offset, "ends inside a record");
    if (segment->epoch != 0 && head.epoch != segment->epoch + 1) /* S1 */
        return damaged(err, file, offset, "lacks a record between two epochs");
    str_builder_clear(&recovery->clear);
    if (!str_builder_reserve(&recovery->clear, (size_t)head.body_size + 1))
        return error_no_memory(err);
    const struct str body = str_slice(bytes, HEAD_SIZE, HEAD_SIZE + (size_t)head.body_size);
    const char      *tag  = bytes.data + HEAD_SIZE + body.size;
    nonce_write(&head, nonce);
    if (unseal(&segment->key, nonce, str_slice(bytes, 0, HEAD_SIZE), body, (const uint8_t *)tag, (uint8_t *)recovery->clear.data, err)
        != ST_OK)
        return ST_ERROR;
    if (!is_zero(str_slice(bytes, HEAD_SIZE + body.size + SEAL_TAG_SIZE, (size_t)record_size(&head))))
        return damaged(err, file, offset, "has bytes behind a record");
    segment->epoch = head.epoch;
    if (head.flags & FLAG_ROUND) {
        segment->round.offset = offset;
        snprintf(segment->round.file, sizeof(segment->round.file), "%s", file);
    }
    *ret_size = (size_t)record_size(&head);
    return recovery->read(recovery->context, head.epoch, str_of(recovery->clear.data, (size_t)head.body_size), err);
}

/* All records of one file from `offset` on, below `epoch_end` (S4); of the last one up to the last reference. */
static enum status
file_read(struct recovery *recovery, const char *path, const char *file, int64_t offset, uint64_t epoch_end, bool is_last,
          struct error *err)
{
    struct io      *io  = recovery->segment->io;
    struct file_map map = FILE_MAP_EMPTY;
    enum status     status = io_file_map(io, path, &map, err);
    size_t          end    = is_last ? (size_t)recovery->last.offset : map.size;
    size_t          at     = (size_t)offset;
    if (status == ST_OK && (at > end || end > map.size))
        status = damaged(err, file, offset, "is shorter than the store says");
    while (status == ST_OK && at < end && recovery->segment->epoch + 1 < epoch_end) {
        size_t size = 0;
        status = record_read(recovery, file, str_of(map.bytes + at, end - at), (int64_t)at, &size, err);
        at += size;
    }
    file_map_release(io, &map);
    return status;
}

static enum status
file_cut(struct segment *segment, const char *path, int64_t size, struct error *err)
{
    struct file_writer writer = FILE_WRITER_EMPTY;
    enum status        status = file_writer_open(&writer, segment->io, path, FILE_APPEND, err);
    if (status == ST_OK && writer.offset > (uint64_t)size) {
        status = file_writer_truncate(&writer, (uint64_t)size, err);
        if (status == ST_OK)
            status = file_writer_sync(&writer, err);
    }
    file_writer_release(&writer);
    return status;
}

/* The files of the folder in their order, which is that of their records. */
static enum status
files_list(const struct segment *segment, struct arena *arena, struct walk *ret_walk, struct error *err)
{
    struct str_builder pattern = STR_BUILDER_EMPTY;
    for (const char *c = segment->folder; *c != '\0'; c++) {
        if (strchr("*?[\\", *c) != NULL)
            str_builder_printf(&pattern, "[%c]", *c);
        else
            str_builder_append_char(&pattern, *c);
    }
    str_builder_append_cstr(&pattern, "/state-*");
    enum status status = str_builder_status(&pattern, err);
    if (status == ST_OK)
        status = walk_files(segment->io, str_builder_cstr(&pattern), arena, ret_walk, err);
    str_builder_release(&pattern);
    return status;
}

static const char *
file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* The epoch of a file's first record; UINT64_MAX: it has none that is whole. */
static enum status
file_first_epoch(struct io *io, const char *path, uint64_t *ret_epoch, struct error *err)
{
    struct file_map map = FILE_MAP_EMPTY;
    if (io_file_map(io, path, &map, err) != ST_OK)
        return ST_ERROR;
    bool is_record = map.size >= FILE_BLOCK_SIZE && memcmp(map.bytes, MAGIC, MAGIC_SIZE) == 0;
    *ret_epoch     = is_record ? get_u64(map.bytes + 16) : UINT64_MAX;
    file_map_release(io, &map);
    return ST_OK;
}

/* For each file the smallest epoch that a file after it begins with, up to the last that is referred to (S4). */
static enum status
epoch_ends_find(const struct recovery *recovery, const struct walk *walk, uint64_t *ends, struct error *err)
{
    uint64_t end = UINT64_MAX;
    for (size_t i = walk->count; i-- > 0;) {
        uint64_t first = UINT64_MAX;
        ends[i] = end;
        if (strcmp(file_name(walk->paths[i]), recovery->last.file) <= 0
            && file_first_epoch(recovery->segment->io, walk->paths[i], &first, err) != ST_OK)
            return ST_ERROR;
        end = first < end ? first : end;
    }
    return ST_OK;
}

static enum status
files_read(struct recovery *recovery, const struct walk *walk, const uint64_t *epoch_ends, struct error *err)
{
    struct segment *segment = recovery->segment;
    bool            is_there = recovery->last.file[0] == '\0';
    for (size_t i = 0; i < walk->count; i++) {
        const char *file = file_name(walk->paths[i]);
        if (is_newer(segment, file))
            continue;
        int         first = strcmp(file, segment->first.file), last = strcmp(file, recovery->last.file);
        enum status status = ST_OK;
        if (first >= 0 && last <= 0)
            status = file_read(recovery, walk->paths[i], file, first == 0 ? segment->first.offset : 0,
                               last == 0 ? UINT64_MAX : epoch_ends[i], last == 0, err);
        if (status == ST_OK && last == 0)
            status = file_cut(segment, walk->paths[i], recovery->last.offset, err);
        if (status == ST_OK && (last > 0 || first < 0) && segment->io->unlink(segment->io, walk->paths[i]) != 0)
            status = io_error(err, "remove", walk->paths[i]);
        if (status != ST_OK)
            return status;
        is_there |= last == 0;
    }
    return is_there ? ST_OK : damaged(err, recovery->last.file, 0, "that the store refers to is missing");
}

static enum status
reference_parse(struct recovery *recovery, struct str reference, struct error *err)
{
    char  text[SEGMENT_REFERENCE_SIZE];
    if (reference.size == 0)
        return ST_OK;
    snprintf(text, sizeof(text), "%.*s", STR_PRINTF(reference));
    if (sscanf(text, "%47s %" SCNd64 " first %47s %" SCNd64, recovery->last.file, &recovery->last.offset,
               recovery->segment->first.file, &recovery->segment->first.offset) != 4
        || recovery->last.offset < 0 || recovery->segment->first.offset < 0)
        return error_set(err, ERR_CORRUPT, "the store's reference to the state's record makes no sense");
    if (is_newer(recovery->segment, recovery->last.file))
        return error_set(err, ERR_FENCED, "a newer generation has committed already, this process is of generation %" PRIu64,
                         recovery->segment->generation);
    return ST_OK;
}

enum status
segment_open(struct segment *segment, struct io *io, const char *folder, const uint8_t key[KEY_SIZE], uint64_t generation,
             struct str reference, segment_read_fn *read, void *context, struct error *err)
{
    struct recovery recovery = { .segment = segment, .read = read, .context = context };
    struct arena    arena;
    struct walk     walk = { 0 };
    enum status     status;

    *segment = SEGMENT_EMPTY;
    segment->io            = io;
    segment->folder        = folder;
    segment->generation    = generation;
    segment->file_size_max = SEGMENT_FILE_SIZE_MAX;
    memcpy(segment->key.bytes, key, KEY_SIZE);
    arena_init(&arena, 0);
    str_builder_init(&recovery.clear);
    status = io_folder_make(io, folder, err);
    if (status == ST_OK)
        status = reference_parse(&recovery, reference, err);
    if (status == ST_OK)
        status = files_list(segment, &arena, &walk, err);
    uint64_t *epoch_ends = ARENA_ARRAY(&arena, uint64_t, walk.count + 1);
    if (status == ST_OK && epoch_ends == NULL)
        status = error_no_memory(err);
    if (status == ST_OK)
        status = epoch_ends_find(&recovery, &walk, epoch_ends, err);
    if (status == ST_OK)
        status = files_read(&recovery, &walk, epoch_ends, err);
    segment->removed_before = segment->first;
    if (status != ST_OK)
        error_context(err, "reading the state back");
    str_builder_release(&recovery.clear);
    arena_release(&arena);
    return status;
}

/* ---- Appending ---- */

/* The new file's name is on disk, too. */
static enum status
folder_sync(struct segment *segment, struct error *err)
{
    int         fd     = segment->io->open(segment->io, segment->folder, O_RDONLY | O_DIRECTORY, 0);
    enum status status = ST_OK;
    if (fd < 0 || segment->io->sync(segment->io, fd) != 0)
        status = io_error(err, "sync", segment->folder);
    if (fd >= 0)
        segment->io->close(segment->io, fd);
    return status;
}

static enum status
file_begin(struct segment *segment, struct error *err)
{
    char path[PATH_SIZE_MAX];
    if (segment->file[0] != '\0') {
        segment->file[0] = '\0';
        if (file_writer_close(&segment->writer, err) != ST_OK)
            return ST_ERROR;
    }
    char name[SEGMENT_NAME_SIZE];
    file_name_print(segment, segment->file_number++, name);
    if (segment_path(segment, name, path, err) != ST_OK
        || file_writer_open(&segment->writer, segment->io, path, FILE_CREATE_BLOCKS, err) != ST_OK)
        return ST_ERROR;
    memcpy(segment->file, name, sizeof(name));
    return folder_sync(segment, err);
}

/* Writes the buffer, with zeros up to the end of a block. */
static enum status
buffer_flush(struct segment *segment, struct error *err)
{
    size_t size = (segment->buffer_size + FILE_BLOCK_SIZE - 1) / FILE_BLOCK_SIZE * FILE_BLOCK_SIZE;
    memset(segment->buffer + segment->buffer_size, 0, size - segment->buffer_size);
    segment->buffer_size = 0;
    return file_writer_write(&segment->writer, str_of(segment->buffer, size), err);
}

static enum status
body_write(struct segment *segment, struct sealing *sealing, struct str clear, struct error *err)
{
    while (clear.size > 0) {
        size_t size = BUFFER_SIZE - segment->buffer_size < clear.size ? BUFFER_SIZE - segment->buffer_size : clear.size;
        if (sealing_add(sealing, str_slice(clear, 0, size), segment->buffer + segment->buffer_size, err) != ST_OK)
            return ST_ERROR;
        segment->buffer_size += size;
        clear = str_slice(clear, size, clear.size);
        if (segment->buffer_size == BUFFER_SIZE && buffer_flush(segment, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

static enum status
tag_write(struct segment *segment, const uint8_t tag[SEAL_TAG_SIZE], struct error *err)
{
    size_t first = BUFFER_SIZE - segment->buffer_size < SEAL_TAG_SIZE ? BUFFER_SIZE - segment->buffer_size : SEAL_TAG_SIZE;
    memcpy(segment->buffer + segment->buffer_size, tag, first);
    segment->buffer_size += first;
    if (first < SEAL_TAG_SIZE) {
        if (buffer_flush(segment, err) != ST_OK)
            return ST_ERROR;
        memcpy(segment->buffer, tag + first, SEAL_TAG_SIZE - first);
        segment->buffer_size = SEAL_TAG_SIZE - first;
    }
    return buffer_flush(segment, err);
}

/* Seals and writes piece by piece: an epoch has tens of megabytes, which are not to be held twice. */
static enum status
record_write(struct segment *segment, const struct record_head *head, const struct str *parts, size_t part_count, struct error *err)
{
    uint8_t bytes[HEAD_SIZE], nonce[SEAL_NONCE_SIZE], tag[SEAL_TAG_SIZE];
    if (segment->buffer == NULL) {
        segment->buffer = memory_alloc_aligned(FILE_BLOCK_SIZE, BUFFER_SIZE);
        if (segment->buffer == NULL)
            return error_no_memory(err);
    }
    head_write(head, bytes);
    nonce_write(head, nonce);
    struct sealing *sealing = sealing_begin(&segment->key, nonce, str_of((const char *)bytes, HEAD_SIZE), err);
    if (sealing == NULL)
        return ST_ERROR;
    memcpy(segment->buffer, bytes, HEAD_SIZE);
    segment->buffer_size = HEAD_SIZE;
    for (size_t i = 0; i < part_count; i++)
        if (body_write(segment, sealing, parts[i], err) != ST_OK) {
            sealing_free(sealing);
            return ST_ERROR;
        }
    return sealing_end(sealing, tag, err) == ST_OK ? tag_write(segment, tag, err) : ST_ERROR;
}

enum status
segment_append(struct segment *segment, uint64_t epoch, bool begins_round, const struct str *parts, size_t part_count,
               char ret_reference[SEGMENT_REFERENCE_SIZE], struct error *err)
{
    struct record_head head = { segment->generation, epoch, begins_round ? FLAG_ROUND : 0, 0 };
    for (size_t i = 0; i < part_count; i++)
        head.body_size += parts[i].size;
    CHECK(segment->epoch == 0 || epoch == segment->epoch + 1);
    if ((segment->file[0] == '\0' || segment->writer.offset >= (uint64_t)segment->file_size_max)
        && file_begin(segment, err) != ST_OK)
        return ST_ERROR;

    struct segment_place here = { .offset = (int64_t)segment->writer.offset };
    memcpy(here.file, segment->file, sizeof(here.file));
    if (record_write(segment, &head, parts, part_count, err) != ST_OK
        || file_writer_sync(&segment->writer, err) != ST_OK) {
        segment->writer.has_failed = true; /* A part of the record may be there: nothing goes behind it, and no nonce is used twice. */
        return ST_ERROR;
    }
    if (begins_round) {
        if (segment->round.file[0] != '\0')
            segment->first = segment->round; /* That round is complete. */
        segment->round = here;
    }
    if (segment->first.file[0] == '\0')
        segment->first = here;
    segment->epoch = epoch;
    snprintf(ret_reference, SEGMENT_REFERENCE_SIZE, "%s %" PRIu64 " first %s %" PRId64, segment->file,
             segment->writer.offset, segment->first.file, segment->first.offset);
    return ST_OK;
}

enum status
segment_committed(struct segment *segment, struct error *err)
{
    struct arena arena;
    struct walk  walk   = { 0 };
    enum status  status = ST_OK;
    if (strcmp(segment->removed_before.file, segment->first.file) == 0)
        return ST_OK;
    arena_init(&arena, 0);
    status = files_list(segment, &arena, &walk, err);
    for (size_t i = 0; i < walk.count && status == ST_OK; i++)
        if (strcmp(file_name(walk.paths[i]), segment->first.file) < 0
            && segment->io->unlink(segment->io, walk.paths[i]) != 0)
            status = io_error(err, "remove", walk.paths[i]);
    if (status == ST_OK)
        segment->removed_before = segment->first;
    arena_release(&arena);
    return status;
}

void
segment_release(struct segment *segment)
{
    file_writer_release(&segment->writer);
    memory_free(segment->buffer);
    key_clear(&segment->key);
    *segment = SEGMENT_EMPTY;
}
