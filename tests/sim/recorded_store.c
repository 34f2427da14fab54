/* The real store, with a journal of what it was told. */
#include "base/memory.h"
#include "sim/memory_store.h"
#include "sim/sqlite_vfs.h"

struct recorded_store {
    struct store    store; /* Its first member. */
    struct store   *inner;
    struct journal *journal;
    struct host    *host;
};

static struct recorded_store *
recorded_of(struct store *store)
{
    struct recorded_store *recorded = (struct recorded_store *)store;
    sqlite_vfs_use(recorded->host);
    return recorded;
}

static enum status
own(struct store *store, uint64_t *ret_generation, struct error *err)
{
    struct recorded_store *recorded = recorded_of(store);
    enum status            status   = store_own(recorded->inner, ret_generation, err);
    if (status == ST_OK)
        journal_owned(recorded->journal, *ret_generation);
    else
        recorded->journal->is_owner_in_doubt = true;
    return status;
}

static enum status
load(struct store *store, struct arena *arena, struct store_state *ret_state, struct error *err)
{
    struct recorded_store *recorded = recorded_of(store);
    enum status            status   = store_load(recorded->inner, arena, ret_state, err);
    if (status == ST_OK)
        journal_loaded(recorded->journal, ret_state);
    return status;
}

static enum store_outcome
submit(struct store *store, const struct epoch_commit *commit, struct error *err)
{
    struct recorded_store *recorded = recorded_of(store);
    struct journal_epoch   epoch;
    journal_epoch_make(&epoch, commit);
    enum store_outcome outcome = store_submit(recorded->inner, commit, err);
    journal_outcome(recorded->journal, &epoch, outcome);
    return outcome;
}

static enum status
maintain(struct store *store, struct error *err)
{
    return store_maintain(recorded_of(store)->inner, err);
}

static enum status
outbox_due(struct store *store, struct str sink, int64_t now_us, size_t count_max, bool is_first_only, struct arena *arena,
           struct store_outbox_row **ret_rows, size_t *ret_count, struct error *err)
{
    struct store *inner = recorded_of(store)->inner;
    return inner->kind->outbox_due(inner, sink, now_us, count_max, is_first_only, arena, ret_rows, ret_count, err);
}

static enum status
outbox_mark(struct store *store, const struct store_outbox_mark *marks, size_t count, struct error *err)
{
    struct store *inner = recorded_of(store)->inner;
    return inner->kind->outbox_mark(inner, marks, count, err);
}

static void
close_recorded(struct store *store)
{
    store_close(recorded_of(store)->inner);
    memory_free(store);
}

struct store *
recorded_store_open(struct store *inner, struct journal *journal, struct host *host)
{
    static const struct store_kind kind = { .name = "recorded", .own = own, .load = load, .submit = submit, .maintain = maintain,
                                            .outbox_due = outbox_due, .outbox_mark = outbox_mark, .close = close_recorded };
    struct recorded_store         *recorded = sim_alloc(sizeof(*recorded));
    *recorded = (struct recorded_store){ .store = *inner, .inner = inner, .journal = journal, .host = host };
    recorded->store.kind = &kind;
    return &recorded->store;
}
