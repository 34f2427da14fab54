/* What a run has no room for in memory: bytes in a file without a name beside the warehouse, compressed (zstd) and sealed (AES-256-GCM) piece
 * by piece. Only the process has the key, and the file goes with it, also where it is killed.
 *
 *     packer: spill_pack, spill_pack … ▶ spill_write      one record of several pieces
 *     reader: spill_unpack                                one piece of a record, by itself
 *
 * Packers and readers are one thread's each; several may work side by side. A record may be read once spill_write has returned. */
#ifndef HEDDLE_WAREHOUSE_SPILL_INT_H
#define HEDDLE_WAREHOUSE_SPILL_INT_H

#include "io/key.h"
#include "io/stream.h"

struct spill;
struct spill_packer;
struct spill_reader;

/* A piece of a record. */
struct spill_piece {
    uint64_t number; /* From 1, of all pieces of the file: what it was sealed under. 0: there is none. */
    uint32_t offset; /* In its record. */
    uint32_t packed_size;
    uint32_t size; /* As it was given. */
};

/* The file is made at `path`, which must not be used otherwise, and loses its name at once; a file that is there is removed, anything else
 * refused (ERR_IO). size_max: the most that it may take; 0: what the
 * device has. */
enum status
spill_open(struct io *io, const char *path, int64_t size_max, struct spill **ret_spill, struct error *err);
void spill_free(struct spill *spill); /* NULL is allowed. Behind its packers and readers. */
/* Bytes in the file. */
int64_t spill_size(struct spill *spill);

enum status spill_packer_create(struct spill *spill, struct spill_packer **ret_packer, struct error *err);
void        spill_packer_free(struct spill_packer *packer);
/* Adds a piece to the packer's record. */
enum status spill_pack(struct spill_packer *packer, const void *bytes, size_t size,
                       struct spill_piece *ret_piece, struct error *err);
/* Writes the record, and begins a new one. ERR_FULL: there is no more room. */
enum status spill_write(struct spill_packer *packer, uint64_t *ret_record, struct error *err);

enum status spill_reader_create(struct spill *spill, struct spill_reader **ret_reader, struct error *err);
void        spill_reader_free(struct spill_reader *reader);
/* The piece as it was given, aligned to 16 bytes, until the next call. */
enum status spill_unpack(struct spill_reader *reader, uint64_t record, const struct spill_piece *piece,
                         const void **ret_bytes, struct error *err);

#endif
