#include "io/decompress.h"

#include <string.h>
#include <zlib.h>

#define ZSTD_STATIC_LINKING_ONLY /* Only for an allocator of one's own. */
#include <zstd.h>
#include <zstd_errors.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/str.h"
#include "io/stream.h"

struct decompress {
    struct file_reader file;
    enum compression   kind;
    char              *input; /* FILE_READ_SIZE bytes. */
    size_t             input_size;
    size_t             input_at;
    z_stream           gzip;
    bool               has_gzip;
    ZSTD_DCtx         *zstd;
    bool               is_inside; /* A member or frame has begun and not ended. */
    uint64_t           position;
    bool               has_failed; /* `failure` is what the next call reports. */
    struct error       failure;
};

static voidpf
zlib_alloc(voidpf context, uInt count, uInt size)
{
    (void)context;
    return memory_alloc_array_zero(count, size);
}

static void
zlib_free(voidpf context, voidpf block)
{
    (void)context;
    memory_free(block);
}

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

static enum compression
kind_of(struct str start)
{
    if (str_starts_with(start, STR("\x1f\x8b")))
        return COMPRESSION_GZIP;
    /* A frame, or a skippable one (0x184D2A50 to 5F), as the format specification (RFC 8878) numbers them. */
    if (str_starts_with(start, STR("\x28\xb5\x2f\xfd")))
        return COMPRESSION_ZSTD;
    if (start.size >= 4 && (start.data[0] & 0xf0) == 0x50 && memcmp(start.data + 1, "\x2a\x4d\x18", 3) == 0)
        return COMPRESSION_ZSTD;
    return COMPRESSION_NONE;
}

/* Reads on where all input is used. Nothing more comes where input_size is 0 then. */
static enum status
fill(struct decompress *decompress, struct error *err)
{
    if (decompress->input_at < decompress->input_size)
        return ST_OK;
    decompress->input_at   = 0;
    decompress->input_size = 0;
    return file_reader_read(&decompress->file, decompress->input, FILE_READ_SIZE, &decompress->input_size, err);
}

static enum status
decoder_init(struct decompress *decompress, struct error *err)
{
    if (decompress->kind == COMPRESSION_GZIP) {
        decompress->gzip.zalloc = zlib_alloc;
        decompress->gzip.zfree  = zlib_free;
        /* 16 asks for the gzip wrapper, 15 is the largest window. */
        decompress->has_gzip = inflateInit2(&decompress->gzip, 16 + 15) == Z_OK;
        return decompress->has_gzip ? ST_OK : error_no_memory(err);
    }
    if (decompress->kind == COMPRESSION_ZSTD) {
        decompress->zstd = ZSTD_createDCtx_advanced((ZSTD_customMem){ zstd_alloc, zstd_free, NULL });
        if (decompress->zstd == NULL)
            return error_no_memory(err);
        ZSTD_DCtx_setParameter(decompress->zstd, ZSTD_d_windowLogMax, DECOMPRESS_WINDOW_LOG_MAX);
    }
    return ST_OK;
}

enum status
decompress_open(struct io *io, const char *path, struct decompress **ret_decompress, struct error *err)
{
    enum status        status     = ST_ERROR;
    struct decompress *decompress = memory_alloc_zero(sizeof *decompress);
    if (decompress == NULL)
        return error_no_memory(err);
    decompress->file  = FILE_READER_EMPTY;
    decompress->input = memory_alloc(FILE_READ_SIZE);
    if (decompress->input == NULL) {
        error_no_memory(err);
        goto out;
    }
    status = file_reader_open(&decompress->file, io, path, 0, err);
    if (status != ST_OK)
        goto out;
    status = fill(decompress, err);
    if (status != ST_OK)
        goto out;
    decompress->kind = kind_of(str_of(decompress->input, decompress->input_size));
    status           = decoder_init(decompress, err);
    if (status != ST_OK)
        goto out;
    *ret_decompress = decompress;
    decompress      = NULL;
out:
    decompress_free(decompress);
    return status;
}

/* ---- One step: some input to some output ---- */

struct step {
    char  *out;
    size_t size;
    size_t written;
};

static enum status
corrupt(const struct decompress *decompress, size_t written, const char *what, struct error *err)
{
    error_set(err, ERR_CORRUPT, "the compressed file %s", what);
    error_at_offset(err, decompress->file.path, decompress->position + written);
    error_hint(err, "fetch the file again; what lies before this position was read");
    return ST_ERROR;
}

static enum status
step_plain(struct decompress *decompress, struct step *step)
{
    size_t left = decompress->input_size - decompress->input_at;
    size_t room = step->size - step->written;
    size_t size = left < room ? left : room;
    if (size > 0)
        memcpy(step->out + step->written, decompress->input + decompress->input_at, size);
    decompress->input_at += size;
    step->written += size;
    return ST_OK;
}

static enum status
step_gzip(struct decompress *decompress, struct step *step, struct error *err)
{
    z_stream *gzip = &decompress->gzip;
    size_t    room = step->size - step->written;
    if (!decompress->is_inside && decompress->input_at == decompress->input_size)
        return ST_OK;
    if (!decompress->is_inside)
        inflateReset(gzip);
    decompress->is_inside = true;
    gzip->next_in         = (Bytef *)decompress->input + decompress->input_at;
    gzip->avail_in        = (uInt)(decompress->input_size - decompress->input_at);
    gzip->next_out        = (Bytef *)step->out + step->written;
    gzip->avail_out       = room > UINT32_MAX ? UINT32_MAX : (uInt)room;
    uInt offered          = gzip->avail_out;
    int  result           = inflate(gzip, Z_NO_FLUSH);
    decompress->input_at  = decompress->input_size - gzip->avail_in;
    step->written += offered - gzip->avail_out;
    if (result == Z_STREAM_END)
        decompress->is_inside = false;
    else if (result == Z_MEM_ERROR)
        return error_no_memory(err);
    else if (result != Z_OK && result != Z_BUF_ERROR)
        return corrupt(decompress, step->written, "is damaged: not valid gzip", err);
    return ST_OK;
}

static enum status
step_zstd(struct decompress *decompress, struct step *step, struct error *err)
{
    if (!decompress->is_inside && decompress->input_at == decompress->input_size)
        return ST_OK;
    ZSTD_inBuffer  in     = { decompress->input, decompress->input_size, decompress->input_at };
    ZSTD_outBuffer out    = { step->out, step->size, step->written };
    size_t         result = ZSTD_decompressStream(decompress->zstd, &out, &in);
    decompress->input_at  = in.pos;
    step->written         = out.pos;
    if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation)
        return error_no_memory(err);
    if (ZSTD_isError(result))
        return corrupt(decompress, step->written, "is damaged: not valid zstd", err);
    decompress->is_inside = result != 0;
    return ST_OK;
}

static enum status
step_run(struct decompress *decompress, struct step *step, struct error *err)
{
    switch (decompress->kind) {
    case COMPRESSION_NONE: return step_plain(decompress, step);
    case COMPRESSION_GZIP: return step_gzip(decompress, step, err);
    case COMPRESSION_ZSTD: return step_zstd(decompress, step, err);
    }
    return ST_ERROR;
}

/* Until the buffer is full or nothing moves any more: then the file is at its end, in the middle of a stream or not. */
static enum status
read_steps(struct decompress *decompress, struct step *step, struct error *err)
{
    while (step->written < step->size) {
        if (fill(decompress, err) != ST_OK)
            return ST_ERROR;
        size_t written_before = step->written;
        size_t input_before   = decompress->input_at;
        if (step_run(decompress, step, err) != ST_OK)
            return ST_ERROR;
        if (step->written == written_before && decompress->input_at == input_before) {
            if (decompress->is_inside)
                return corrupt(decompress, step->written, "is cut off", err);
            return ST_OK;
        }
    }
    return ST_OK;
}

enum status
decompress_read(struct decompress *decompress, void *buffer, size_t size, size_t *ret_size, struct error *err)
{
    struct step step = { .out = buffer, .size = size };
    if (!decompress->has_failed && read_steps(decompress, &step, &decompress->failure) != ST_OK)
        decompress->has_failed = true;
    if (decompress->has_failed && step.written == 0) {
        if (err != NULL)
            *err = decompress->failure;
        return ST_ERROR;
    }
    decompress->position += step.written;
    *ret_size = step.written;
    return ST_OK;
}

enum compression
decompress_kind(const struct decompress *decompress)
{
    return decompress->kind;
}

uint64_t
decompress_position(const struct decompress *decompress)
{
    return decompress->position;
}

uint64_t
decompress_stored_position(const struct decompress *decompress)
{
    return decompress->file.offset;
}

enum status
decompress_info(const struct decompress *decompress, struct file_info *ret_info, struct error *err)
{
    return file_reader_info(&decompress->file, ret_info, err);
}

void
decompress_free(struct decompress *decompress)
{
    if (decompress == NULL)
        return;
    if (decompress->has_gzip)
        inflateEnd(&decompress->gzip);
    ZSTD_freeDCtx(decompress->zstd);
    file_reader_release(&decompress->file);
    memory_free(decompress->input);
    memory_free(decompress);
}
