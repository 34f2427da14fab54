/* A file's bytes, decompressed where they are gzip or zstd, which their first bytes tell and not the name.
 *
 * Several gzip members or zstd frames in a row are one stream. Positions count after decompression (I1). */
#ifndef HEDDLE_IO_DECOMPRESS_H
#define HEDDLE_IO_DECOMPRESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "io/io.h"
#include "io/stream.h"

enum compression {
    COMPRESSION_NONE,
    COMPRESSION_GZIP,
    COMPRESSION_ZSTD,
};

struct decompress;

enum status decompress_open(struct io *io, const char *path, struct decompress **ret_decompress, struct error *err);

/* Fills the buffer; *ret_size < size at the end, or before a fault: what was decoded before it is delivered first, and
 * the next call reports ERR_CORRUPT with the position (a cut or damaged stream) or ERR_IO. */
enum status decompress_read(struct decompress *decompress, void *buffer, size_t size, size_t *ret_size,
                            struct error *err);

enum compression decompress_kind(const struct decompress *decompress);
/* Bytes delivered so far. */
uint64_t decompress_position(const struct decompress *decompress);
/* Bytes of the file itself that were read so far; at the end the file's size. */
uint64_t decompress_stored_position(const struct decompress *decompress);

/* Of the open file, whatever its name is by now. */
enum status decompress_info(const struct decompress *decompress, struct file_info *ret_info, struct error *err);

/* NULL is allowed. */
void decompress_free(struct decompress *decompress);

#endif
