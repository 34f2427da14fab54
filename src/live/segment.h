/* The state's record file: one sealed record an epoch (P6), read back at recovery (P10).
 *
 *     <folder>/state-<generation>-<number>      16 hexadecimal digits each
 *     ┌ first needed ─────┬───────────────────────┬ last referenced ┐
 *     │ record e-200      │ …                     │ record e        │ (a tail that no committed epoch refers to is cut)
 *
 * A record: "HDSTATE2", then generation, epoch, flags (1: begins a round of snapshots) and body size, each 8 bytes,
 * little-endian; the body, sealed with AES-256-GCM under the store's segment key; the tag (16 bytes); zeros up to the end of a
 * block of 4,096 bytes, for records go past the page cache (io/stream.h). The nonce is the generation's low 4 bytes and the
 * epoch: a generation seals an epoch once. The head is covered by the tag.
 *
 * A round of snapshots writes every key group once. So recovery needs the records from the beginning of the last round
 * that is complete; files before that are removed. The reference in the epoch's header says where the last record ends
 * and where the first needed one begins. A generation begins a file of its own, and a new one when it is full.
 *
 * S1  Records that are read back have consecutive epochs, else the folder is damaged.
 * S2  A record is on disk before its epoch is submitted; a failed write or sync ends the process (P8).
 * S3  A file is removed only after an epoch that does not need it is committed.
 * S4  A generation that was fenced may have sealed records after its successor looked at the folder. None of them is
 *     committed: an epoch belongs to the last file that has it.
 * S5  A newer generation's files are not ours to judge: whoever was overtaken while it recovers neither reads nor removes them, and is told that
 *     it was overtaken (ERR_FENCED) where the store refers to one. */
#ifndef HEDDLE_LIVE_SEGMENT_H
#define HEDDLE_LIVE_SEGMENT_H

#include "base/str_builder.h"
#include "io/key.h"
#include "io/stream.h"

#define SEGMENT_NAME_SIZE      48
#define SEGMENT_REFERENCE_SIZE 160

struct segment_place {
    char    file[SEGMENT_NAME_SIZE]; /* Empty: none. */
    int64_t offset;
};

struct segment {
    struct io           *io;
    const char          *folder;
    struct key           key;
    uint64_t             generation;
    uint64_t             file_number; /* Of the next file of this generation. */
    int64_t              file_size_max;
    struct file_writer   writer;
    char                 file[SEGMENT_NAME_SIZE]; /* That the writer has open. */
    struct segment_place first;  /* Where recovery begins to read. */
    struct segment_place round;  /* Where the round of snapshots that goes on began. */
    struct segment_place removed_before; /* Files before it are gone. */
    uint64_t             epoch;  /* Of the last record; 0: none. */
    char                *buffer; /* Of sealed bytes on their way to the file, aligned to a block. */
    size_t               buffer_size;
};
#define SEGMENT_EMPTY ((struct segment){ .writer = FILE_WRITER_EMPTY })

/* Takes one record's body, in the order of epochs. */
typedef enum status segment_read_fn(void *context, uint64_t epoch, struct str body, struct error *err);

/* Reads what the last committed epoch refers to (empty: nothing yet), then cuts and removes what no epoch refers to. The
 * folder is made where it is not there. ERR_CORRUPT, ERR_NOT_FOUND: it is damaged. The caller releases in any case. */
enum status segment_open(struct segment *segment, struct io *io, const char *folder, const uint8_t key[KEY_SIZE],
                         uint64_t generation, struct str reference, segment_read_fn *read, void *context,
                         struct error *err);

/* Seals the body, all parts one behind the other, as the epoch's record, appends it and waits until it is on disk (S2). `ret_reference` is for the epoch's header. */
enum status segment_append(struct segment *segment, uint64_t epoch, bool begins_round, const struct str *parts, size_t part_count,
                           char ret_reference[SEGMENT_REFERENCE_SIZE], struct error *err);

/* The epoch of the last append is committed: removes files that are no longer needed (S3). */
enum status segment_committed(struct segment *segment, struct error *err);

void segment_release(struct segment *segment);

#endif
