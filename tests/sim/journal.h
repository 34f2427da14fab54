/* What the store was told, epoch by epoch, as the simulation saw it: cuts and decisions, to run it all again by (replay.h); what each
 * epoch said, for the oracle. Of both kinds of stores; it also holds them to their contract (P1, P7, P8).
 *
 *     own ─▶ journal_owned      submit ─▶ record_submit ─ store ─▶ journal_outcome      load ─▶ journal_loaded
 *
 * An epoch whose outcome nobody knows waits until a later start reads from the store whether it is there. */
#ifndef HEDDLE_TESTS_SIM_JOURNAL_H
#define HEDDLE_TESTS_SIM_JOURNAL_H

#include "base/hash.h"
#include "base/str_builder.h"
#include "store/store.h"

#define JOURNAL_PARTITION_MAX 8

struct journal_cut {
    char    partition[32];
    int64_t position;
};

struct journal_epoch {
    uint64_t           epoch;
    uint64_t           generation;
    struct hash128     digest;
    char               decisions[2048];
    char               segment[200];
    struct journal_cut  cuts[JOURNAL_PARTITION_MAX];
    uint32_t           cut_count;
    struct str_builder text; /* One JSON array a line: journal.c. */
};

struct journal {
    uint64_t             generation; /* The newest owner's. */
    struct journal_epoch *epochs;
    size_t               count;
    size_t               capacity;
    struct journal_epoch  submitted; /* Outcome not known; epoch 0: none. */
    bool                 is_owner_in_doubt; /* Somebody may have owned the store since, and was not told. */
    char                 problem[2048]; /* The first breach of the contract; empty: none. */
};

void journal_init(struct journal *journal);
void journal_release(struct journal *journal);

/* Says what is wrong, unless something was before. */
void journal_problem(struct journal *journal, const char *format, ...) __attribute__((format(printf, 2, 3)));

void journal_owned(struct journal *journal, uint64_t generation);
void journal_loaded(struct journal *journal, const struct store_state *state);
/* What the epoch says; the caller keeps it until its outcome is known. */
void journal_epoch_make(struct journal_epoch *made, const struct epoch_commit *commit);
/* Takes the epoch over. */
void journal_outcome(struct journal *journal, struct journal_epoch *epoch, enum store_outcome outcome);

#endif
