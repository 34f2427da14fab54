/* Where the state's records go (P6) and come from (P10): into files beside the store (segment.h), or, where the store keeps them itself, into
 * the transaction of their epoch.
 *
 *                  files                                        in the store
 *     seal         sealed, written and synced before submit     handed to submit, as they are: the database holds the same patients in clear
 *     a record     may be there without its epoch: it is cut    is there exactly where its epoch is
 *     reference    file and offset, first file and offset       "epoch 12 first 3"
 *     first        by what recovery reads                       likewise: from the beginning of the last complete round of snapshots */
#ifndef HEDDLE_LIVE_RECORDS_H
#define HEDDLE_LIVE_RECORDS_H

#include "live/segment.h"
#include "store/store.h"

struct records {
    struct store  *store;   /* That keeps them; NULL: they lie in files. */
    struct segment segment; /* Else. */
    uint64_t       epoch;   /* Of the last record; 0: none. */
    uint64_t       first;   /* Where recovery begins to read. */
    uint64_t       round;   /* Where the round of snapshots that goes on began; 0: none has. */
    char           reference[SEGMENT_REFERENCE_SIZE];
};
#define RECORDS_EMPTY ((struct records){ .segment = SEGMENT_EMPTY })

/* Whether the epoch's record begins a round of snapshots. */
typedef bool records_round_fn(uint64_t epoch);

/* Reads what the last committed epoch refers to, as segment_open. The caller releases in any case. */
enum status records_open(struct records *records, struct io *io, struct store *store, uint64_t generation, const struct store_state *state,
                         records_round_fn *begins_round, segment_read_fn *read, void *context, struct error *err);

/* Makes the epoch's record ready to be committed, all parts one behind the other, and tells the commit of it. The parts live until the commit
 * has ended. */
enum status records_seal(struct records *records, uint64_t epoch, bool begins_round, const struct str *parts, size_t part_count,
                         struct epoch_commit *commit, struct error *err);

/* The epoch of the last seal is committed: what is no longer needed goes. */
enum status records_committed(struct records *records, struct error *err);

void records_release(struct records *records);

#endif
