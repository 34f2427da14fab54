#include "warehouse/spill_int.h"

#include <errno.h>
#include <string.h>
#define ZSTD_STATIC_LINKING_ONLY /* Only for an allocator of one's own. */
#include <zstd.h>

#include "base/memory.h"
#include "io/file.h"
#include "io/thread.h"

/* Fast before small: of rows of entities a fifth is left, at 700 MB/s; level 1 leaves an eighth at half of that. */
#define LEVEL (-3)

struct spill {
    struct file_writer writer;
    struct file_reader reader;
    struct mutex       mutex; /* Guards the writer. */
    struct key         key;
    _Atomic uint64_t   piece_count;
    int64_t            size_max;
};

struct buffer {
    char  *bytes;
    size_t capacity;
};

struct spill_packer {
    struct spill *spill;
    ZSTD_CCtx    *zstd;
    struct buffer record;
    size_t        size;
};

struct spill_reader {
    struct spill      *spill;
    struct file_reader file; /* Of the spill's descriptor, with a place of its own. */
    ZSTD_DCtx         *zstd;
    struct buffer      sealed;
    struct buffer      packed;
    struct buffer      clear;
};

/* ---- Memory ---- */

static void *
zstd_alloc(void *context, size_t size)
{
    (void)context;
    return memory_alloc(size);
}

static void
zstd_free(void *context, void *block)
{
    (void)context;
    memory_free(block);
}

static const ZSTD_customMem ZSTD_MEMORY = {zstd_alloc, zstd_free, NULL};

static enum status
reserve(struct buffer *buffer, size_t size, struct error *err)
{
    if (size <= buffer->capacity)
        return ST_OK;
    size_t capacity = size + size / 4;
    char  *bytes    = memory_resize(buffer->bytes, capacity);
    if (bytes == NULL)
        return error_no_memory(err);
    *buffer = (struct buffer){bytes, capacity};
    return ST_OK;
}

/* ---- The file ---- */

/* What lies at the path is a file that a killed process left, or nothing of ours: a link would be followed, a pipe waited for. */
static enum status
remove_left(struct io *io, const char *path, struct error *err)
{
    struct stat info;

    if (io->lstat(io, path, &info) != 0)
        return errno == ENOENT ? ST_OK : io_error(err, "look at", path);
    if (!S_ISREG(info.st_mode)) {
        error_set(err, ERR_IO, "cannot spill rows to %s: something is there that is no regular file", path);
        error_hint(err, "move it away; nobody else may use that name");
        return ST_ERROR;
    }
    return io->unlink(io, path) == 0 ? ST_OK : io_error(err, "remove", path);
}

/* Both descriptors are of the file that was made here, whatever the name stood for in between. */
static enum status
check_same(const struct spill *spill, struct io *io, const char *path, struct error *err)
{
    struct stat written, read;

    if (io->fstat(io, spill->writer.fd, &written) != 0 || io->fstat(io, spill->reader.fd, &read) != 0)
        return io_error(err, "look at", path);
    return written.st_ino == read.st_ino && written.st_dev == read.st_dev
               ? ST_OK
               : error_set(err, ERR_IO, "cannot spill rows to %s: somebody else uses that name", path);
}

enum status
spill_open(struct io *io, const char *path, int64_t size_max, struct spill **ret_spill, struct error *err)
{
    struct spill *spill = memory_alloc_zero(sizeof *spill);

    if (spill == NULL)
        return error_no_memory(err);
    spill->writer   = FILE_WRITER_EMPTY;
    spill->reader   = FILE_READER_EMPTY;
    spill->size_max = size_max;
    mutex_init(&spill->mutex);
    enum status status = key_random(&spill->key, sizeof spill->key, err);
    if (status == ST_OK)
        status = remove_left(io, path, err);
    if (status == ST_OK)
        status = file_writer_open(&spill->writer, io, path, FILE_CREATE, err);
    if (status == ST_OK) {
        status = file_reader_open(&spill->reader, io, path, 0, err);
        if (status == ST_OK)
            status = check_same(spill, io, path, err);
        if (io->unlink(io, path) != 0 && status == ST_OK)
            status = io_error(err, "unlink", path);
    }
    if (status != ST_OK) {
        spill_free(spill);
        return status;
    }
    *ret_spill = spill;
    return ST_OK;
}

void
spill_free(struct spill *spill)
{
    if (spill == NULL)
        return;
    file_writer_release(&spill->writer);
    file_reader_release(&spill->reader);
    key_clear(&spill->key);
    mutex_release(&spill->mutex);
    memory_free(spill);
}

int64_t
spill_size(struct spill *spill)
{
    mutex_lock(&spill->mutex);
    int64_t size = (int64_t)spill->writer.offset;
    mutex_unlock(&spill->mutex);
    return size;
}

/* Each number is used once, so no nonce is used twice under the key. */
static void
nonce_of(uint64_t number, uint8_t nonce[SEAL_NONCE_SIZE])
{
    memset(nonce, 0, SEAL_NONCE_SIZE);
    memcpy(nonce, &number, sizeof number);
}

/* ---- Packing ---- */

enum status
spill_packer_create(struct spill *spill, struct spill_packer **ret_packer, struct error *err)
{
    struct spill_packer *packer = memory_alloc_zero(sizeof *packer);

    if (packer == NULL)
        return error_no_memory(err);
    packer->spill = spill;
    packer->zstd  = ZSTD_createCCtx_advanced(ZSTD_MEMORY);
    if (packer->zstd == NULL) {
        memory_free(packer);
        return error_no_memory(err);
    }
    ZSTD_CCtx_setParameter(packer->zstd, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(packer->zstd, ZSTD_c_contentSizeFlag, 0);
    *ret_packer = packer;
    return ST_OK;
}

void
spill_packer_free(struct spill_packer *packer)
{
    if (packer == NULL)
        return;
    ZSTD_freeCCtx(packer->zstd);
    memory_free(packer->record.bytes);
    memory_free(packer);
}

/* In place: the packed bytes, then their tag. */
static enum status
seal(const struct spill *spill, uint64_t number, char *bytes, size_t size, struct error *err)
{
    uint8_t         nonce[SEAL_NONCE_SIZE];
    struct sealing *sealing;

    nonce_of(number, nonce);
    sealing = sealing_begin(&spill->key, nonce, STR(""), err);
    if (sealing == NULL)
        return ST_ERROR;
    if (sealing_add(sealing, str_of(bytes, size), bytes, err) != ST_OK) {
        sealing_free(sealing);
        return ST_ERROR;
    }
    return sealing_end(sealing, (uint8_t *)bytes + size, err);
}

enum status
spill_pack(struct spill_packer *packer, const void *bytes, size_t size, struct spill_piece *ret_piece,
           struct error *err)
{
    const size_t   room = ZSTD_compressBound(size);
    const uint64_t number =
        atomic_fetch_add_explicit(&packer->spill->piece_count, 1, memory_order_relaxed) + 1;

    if (packer->size + room > UINT32_MAX)
        return error_set(err, ERR_FULL, "%zu bytes of rows at once cannot be spilled", packer->size + size);
    if (reserve(&packer->record, packer->size + room + SEAL_TAG_SIZE, err) != ST_OK)
        return ST_ERROR;
    char  *to     = packer->record.bytes + packer->size;
    size_t packed = ZSTD_compress2(packer->zstd, to, room, bytes, size);
    if (ZSTD_isError(packed))
        return error_no_memory(err); /* There is room, so nothing else is left. */
    if (seal(packer->spill, number, to, packed, err) != ST_OK)
        return ST_ERROR;
    *ret_piece = (struct spill_piece){number, (uint32_t)packer->size, (uint32_t)packed, (uint32_t)size};
    packer->size += packed + SEAL_TAG_SIZE;
    return ST_OK;
}

enum status
spill_write(struct spill_packer *packer, uint64_t *ret_record, struct error *err)
{
    struct spill *spill  = packer->spill;
    enum status   status = ST_OK;

    mutex_lock(&spill->mutex);
    *ret_record = spill->writer.offset;
    if (spill->size_max != 0 && (int64_t)(spill->writer.offset + packer->size) > spill->size_max) {
        status = error_set(err, ERR_FULL, "more would be spilled than runtime.temp_space lets it, %lld bytes",
                           (long long)spill->size_max);
        error_hint(err, "allow more with runtime.temp_space, or spill less with more runtime.memory");
    } else
        status = file_writer_write(&spill->writer, str_of(packer->record.bytes, packer->size), err);
    mutex_unlock(&spill->mutex);
    packer->size = 0;
    return status;
}

/* ---- Reading ---- */

enum status
spill_reader_create(struct spill *spill, struct spill_reader **ret_reader, struct error *err)
{
    struct spill_reader *reader = memory_alloc_zero(sizeof *reader);

    if (reader == NULL)
        return error_no_memory(err);
    reader->spill = spill;
    reader->file  = spill->reader;
    reader->zstd  = ZSTD_createDCtx_advanced(ZSTD_MEMORY);
    if (reader->zstd == NULL) {
        memory_free(reader);
        return error_no_memory(err);
    }
    *ret_reader = reader;
    return ST_OK;
}

void
spill_reader_free(struct spill_reader *reader)
{
    if (reader == NULL)
        return;
    ZSTD_freeDCtx(reader->zstd);
    memory_free(reader->sealed.bytes);
    memory_free(reader->packed.bytes);
    memory_free(reader->clear.bytes);
    memory_free(reader);
}

static enum status
corrupt(struct error *err)
{
    return error_set(err, ERR_CORRUPT,
                     "rows that were spilled cannot be read back: the file is not what was written");
}

enum status
spill_unpack(struct spill_reader *reader, uint64_t record, const struct spill_piece *piece,
             const void **ret_bytes, struct error *err)
{
    const size_t sealed = (size_t)piece->packed_size + SEAL_TAG_SIZE;
    size_t       got    = 0;
    uint8_t      nonce[SEAL_NONCE_SIZE];

    if (reserve(&reader->sealed, sealed, err) != ST_OK ||
        reserve(&reader->packed, piece->packed_size, err) != ST_OK ||
        reserve(&reader->clear, piece->size, err) != ST_OK)
        return ST_ERROR;
    reader->file.offset = record + piece->offset;
    if (file_reader_read(&reader->file, reader->sealed.bytes, sealed, &got, err) != ST_OK)
        return ST_ERROR;
    if (got != sealed)
        return corrupt(err);
    nonce_of(piece->number, nonce);
    if (unseal(&reader->spill->key, nonce, STR(""), str_of(reader->sealed.bytes, piece->packed_size),
               (const uint8_t *)reader->sealed.bytes + piece->packed_size, (uint8_t *)reader->packed.bytes,
               err) != ST_OK)
        return ST_ERROR;
    size_t size = ZSTD_decompressDCtx(reader->zstd, reader->clear.bytes, piece->size, reader->packed.bytes,
                                      piece->packed_size);
    if (ZSTD_isError(size) || size != piece->size)
        return corrupt(err);
    *ret_bytes = reader->clear.bytes;
    return ST_OK;
}
