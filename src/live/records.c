#include "live/records.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"

/* ---- In the store ---- */

static enum status
parse_reference(struct records *records, const struct store_state *state, struct error *err)
{
    char     text[SEGMENT_REFERENCE_SIZE];
    uint64_t epoch = 0;

    snprintf(text, sizeof text, "%.*s", STR_PRINTF(state->segment));
    if (sscanf(text, "epoch %" SCNu64 " first %" SCNu64, &epoch, &records->first) != 2 || epoch != state->epoch || records->first == 0
        || records->first > epoch)
        return error_set(err, ERR_CORRUPT, "the store's reference to the state's record makes no sense");
    return ST_OK;
}

static enum status
read_kept(struct records *records, const struct store_state *state, records_round_fn *begins_round, segment_read_fn *read, void *context,
          struct error *err)
{
    if (state->epoch == 0)
        return ST_OK;
    if (parse_reference(records, state, err) != ST_OK
        || records->store->kind->state_read(records->store, records->first, state->epoch, read, context, err) != ST_OK) {
        error_context(err, "reading the state back");
        return ST_ERROR;
    }
    records->epoch = state->epoch;
    for (uint64_t epoch = records->first; epoch <= state->epoch; epoch++)
        if (begins_round(epoch))
            records->round = epoch;
    return ST_OK;
}

static void
seal_kept(struct records *records, uint64_t epoch, bool begins_round, const struct str *parts, size_t part_count, struct epoch_commit *commit)
{
    if (begins_round) {
        if (records->round != 0)
            records->first = records->round; /* That round is complete. */
        records->round = epoch;
    }
    if (records->first == 0)
        records->first = epoch;
    snprintf(records->reference, sizeof records->reference, "epoch %" PRIu64 " first %" PRIu64, epoch, records->first);
    commit->state       = parts;
    commit->state_count = part_count;
    commit->state_first = records->first;
}

/* ---- Either ---- */

enum status
records_open(struct records *records, struct io *io, struct store *store, uint64_t generation, const struct store_state *state,
             records_round_fn *begins_round, segment_read_fn *read, void *context, struct error *err)
{
    enum status status;

    *records = RECORDS_EMPTY;
    if (store->kind->state_read != NULL) {
        records->store = store;
        return read_kept(records, state, begins_round, read, context, err);
    }
    status         = segment_open(&records->segment, io, store->segment_folder, store->segment_key, generation, state->segment, read, context, err);
    records->epoch = records->segment.epoch;
    return status;
}

enum status
records_seal(struct records *records, uint64_t epoch, bool begins_round, const struct str *parts, size_t part_count, struct epoch_commit *commit,
             struct error *err)
{
    CHECK(records->epoch == 0 || epoch == records->epoch + 1);
    if (records->store != NULL)
        seal_kept(records, epoch, begins_round, parts, part_count, commit);
    else if (segment_append(&records->segment, epoch, begins_round, parts, part_count, records->reference, err) != ST_OK)
        return ST_ERROR;
    records->epoch  = epoch;
    commit->segment = str_from(records->reference);
    return ST_OK;
}

enum status
records_committed(struct records *records, struct error *err)
{
    return records->store != NULL ? ST_OK : segment_committed(&records->segment, err);
}

void
records_release(struct records *records)
{
    segment_release(&records->segment);
    *records = RECORDS_EMPTY;
}
