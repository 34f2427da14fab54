/* The transactional store of the live leg (I2), as the runtime sees it.
 *
 * One process owns a store at a time; the generation fences an earlier owner that still runs (P1, P7). All of an
 * epoch goes in by one call, store_submit(), which is one transaction: header, accounting, positions, window rows,
 * alerts with their outbox rows, dead letters, late events and the reference to the sealed state record.
 *
 *   struct store  is embedded first in the implementation's own struct; sqlite.h and the tests' fake make one.
 *
 * A store is used by one thread at a time: the committer's. Its struct strs are views: they live until the call that
 * took them returns, or, for what a call gave back, as long as the arena that the caller passed. */
#ifndef HEDDLE_STORE_STORE_H
#define HEDDLE_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "column/chunk.h"

/* A time that is not known: columns that may be null hold it. */
#define STORE_TIME_NONE INT64_MIN

/* What became of a submitted epoch (P8). After anything but STORE_COMMITTED the process ends: the next generation looks
 * whether the epoch is there. STORE_FAILED says that it is certainly not there. */
enum store_outcome { STORE_COMMITTED, STORE_FAILED, STORE_UNKNOWN };

/* Where a partition goes on. */
struct store_position {
    struct str source;
    struct str partition_id;
    int64_t    position;     /* Of the first byte (or offset) that no committed epoch has. */
    int64_t    watermark_us; /* STORE_TIME_NONE before the first accepted event. */
    struct str identity;     /* Tells a rotated or truncated log; the source's own text. */
};

/* What recovery reads after owning (P10). */
struct store_state {
    uint64_t                     epoch; /* The last committed one; 0: none yet. */
    struct str                   segment;   /* Its reference to the state record; empty: none yet. */
    struct str                   decisions; /* Its decisions (JSON); they hold for epoch + 1 (P3). */
    const struct store_position *positions;
    size_t                       position_count;
};

/* One row of table `epoch`, entity empty for the source's records (P5). */
struct store_account {
    struct str source;
    struct str partition_id;
    struct str entity;
    int64_t    position_begin; /* As stored before this epoch, else the submit fails (P7). Records only; 0 for entities. */
    int64_t    position_end;
    int64_t    received;
    int64_t    loaded;
    int64_t    deduplicated;
    int64_t    filtered;
    int64_t    quarantined;
    int64_t    bytes;
    int64_t    late;         /* Of the loaded: those in late_event. */
    int64_t    watermark_us; /* STORE_TIME_NONE: none. */
};

/* One row of table `accounting_reason`. */
struct store_reason {
    struct str source;
    struct str entity;
    struct str outcome; /* "quarantined", "filtered", "deduplicated", "late", "field", "lost". */
    struct str reason_code;
    int64_t    row_count;
};

/* A table that a step writes: <name>_revisions with `key` + columns + closed, revision, epoch; the view <name> shows the
 * newest revision a key. The store makes both when it first sees the table. */
struct store_table {
    const char          *name;              /* "window_5m" */
    struct str           definition_digest; /* A changed definition starts a new table; the old one stays under name_<digest>. */
    const struct schema *schema;            /* All columns but epoch, in order; the last two are closed BOOL, revision INT64. */
    uint32_t             key_count;         /* The first columns are the key (window_start, facility, …); null keys are stored as ''. */
};

/* Rows for one table; the chunks' selections count. */
struct store_rows {
    const struct store_table *table;
    const struct chunk *const *chunks;
    size_t                    chunk_count;
};

/* One row of `alert_revisions`. Empty texts are stored as null where the schema allows it. The store numbers revisions: one
 * more than the newest of that alert_id, from 1, in the order given. */
struct store_alert {
    struct str alert_id; /* 48 hexadecimal digits. */
    int64_t    revision; /* The caller's own, to keep an alert's revisions in order; the store does not look at it. */
    struct str rule;
    struct str rule_version;
    bool       limits_approved;
    struct str mode; /* live, shadow, replay, test */
    struct str severity;
    struct str status;
    struct str status_reason;
    struct str person_id;
    struct str subject_system;
    struct str subject_id;
    struct str encounter_id;
    struct str location;
    struct str ordering_practitioner_id;
    struct str code;
    struct str value;
    struct str unit;
    struct str reference_range;
    int64_t    event_time_us;
    int64_t    effective_time_us; /* STORE_TIME_NONE: null. */
    int64_t    detected_at_us;
    struct str explanation; /* JSON */
    struct str evidence;    /* JSON */
    struct str labels;
    bool       is_delivered; /* Whether its rule's sinks get it: live mode, and not closed at birth. */
    struct str acknowledged_by;    /* Of what the store gives; rules say nothing of it. Empty: nobody has. */
    int64_t    acknowledged_at_us; /* Where somebody has. */
};

/* An outbox row to make: the alert goes to this sink (P9). */
struct store_delivery {
    size_t     alert_index; /* Into epoch_commit.alerts. */
    struct str sink;
};

struct store_dead_letter {
    struct str source;
    struct str partition_id;
    int64_t    position;
    int64_t    row_number; /* Among the rows of its record, in the order of the plan's mappings, from 0. */
    struct str step;       /* "decode", "validate_event" … */
    struct str entity;     /* Empty where the type is not known. */
    struct str path;
    struct str event_id;
    struct str event_key;
    struct str headers;
    int64_t    received_at_us;
    struct str reason_code;
    struct str reason;
    struct str bytes;
};

struct store_late_event {
    struct str source;
    struct str partition_id;
    int64_t    position;
    struct str step; /* The window step. */
    int64_t    event_time_us;
    int64_t    watermark_us; /* Of its own partition, at its position. */
    struct str reason_code;
    struct str reason;
    struct str bytes;
    int64_t    received_at_us;
};

/* What of the outbox waits for a sink. */
struct store_outbox_row {
    struct store_alert alert;    /* That revision, numbered as stored. */
    int64_t            attempts; /* So far. */
    int64_t            since_us; /* When it was committed. */
};

/* What becomes of a row that waits, each time one attempt more. */
enum store_outbox_status { STORE_OUTBOX_WAITING, STORE_OUTBOX_DELIVERED, STORE_OUTBOX_GIVEN_UP };
struct store_outbox_mark {
    struct str               alert_id;
    int64_t                  revision;
    struct str               sink;
    enum store_outbox_status status;
    int64_t                  next_attempt_at_us; /* STORE_TIME_NONE but where it waits on. */
    int64_t                  delivered_at_us;    /* STORE_TIME_NONE but where it is delivered. */
    struct str               last_error;         /* No patient data (I8). */
};

/* All of one epoch. What it points to belongs to the caller and lives until submit returns. */
struct epoch_commit {
    uint64_t   epoch;      /* Last committed + 1, else the submit fails. */
    uint64_t   generation; /* What own() gave, else ERR_FENCED. */
    int64_t    watermark_us;
    struct str cut_reason;    /* "time", "size", "stop", "drain", "start" */
    struct str decisions;     /* JSON; hold from epoch + 1 on. */
    struct str plan_digest;   /* Also of the dead letters. */
    struct str segment;
    int64_t    committed_at_us;

    const struct store_account     *accounts;
    size_t                          account_count;
    const struct store_reason      *reasons;
    size_t                          reason_count;
    const struct store_position    *positions; /* Every partition, the idle ones too. */
    size_t                          position_count;
    const struct store_rows        *rows;
    size_t                          rows_count;
    const struct store_alert       *alerts;
    size_t                          alert_count;
    const struct store_delivery    *deliveries;
    size_t                          delivery_count;
    const struct store_dead_letter *dead_letters;
    size_t                          dead_letter_count;
    const struct store_late_event  *late_events;
    size_t                          late_event_count;

    /* Of a store that keeps the state's records itself (state_read): this epoch's, all parts one behind the other, and the first epoch
     * whose record recovery still needs. */
    const struct str *state;
    size_t            state_count;
    uint64_t          state_first;
};

/* Takes one record's body, in the order of epochs. */
typedef enum status store_state_fn(void *context, uint64_t epoch, struct str body, struct error *err);

/* ---- Retried letters ----
 *
 * Dead letters are given to the stream again as records of a source of its own: its partition is the letter's source, a record's
 * position the number of the retry. So the same log position is never received twice, and the order is stored (P3).
 *
 *     open ── letters_retry ──▶ retried ── an epoch that takes it commits ──▶ resolved, or open again with its new reason
 *
 * submit() does the second step in the epoch's transaction: a dead letter of this source changes the letter that it came from
 * instead of adding one, and what else the epoch's account of the source covers is resolved.
 *
 * Letters of one record (its rows, row_number) are one retry. A row that is refused finds its letter by row_number, else takes one
 * that waits, and where none is left adds one; a record that is refused as a whole (no entity) keeps all of them open. */
#define STORE_LETTERS_SOURCE       "letters"
#define STORE_LETTERS_NUMBER_FIRST 1

struct store_letter_place {
    struct str partition_id;
    int64_t    position;
};

/* Which open dead letters: those at the places, or where there is none, all of a reason, or of every reason. */
struct store_retry {
    struct str                       source; /* The binding's. */
    const struct store_letter_place *places;
    size_t                           place_count;
    struct str                       reason_code; /* Empty: of every reason. */
    int64_t                          now_us;
};

struct store_retry_result {
    int64_t retried; /* Now waiting because of this call. */
    int64_t waiting; /* Of the places: were retried before and wait to be taken. */
    int64_t settled; /* Of the places: resolved or discarded, so there is nothing to do. */
};

struct store_letter {
    int64_t    number;
    struct str partition_id; /* Where it first stood. */
    int64_t    position;
    struct str bytes;
};

/* ---- What persons do with alerts ----
 *
 * An act is one more revision, made in a transaction of its own, with an outbox row for each sink that an earlier revision went
 * to. What rules tell later is told anew or stays silent by the rules of alert_life.h. */
enum store_handling { STORE_ACKNOWLEDGE, STORE_CLOSE };

struct store_alert_name {
    struct str alert_id; /* Whole, or as much of its beginning as no other alert has; hexadecimal digits, one at least. */
    int64_t    revision; /* The one that the person saw; 0: whichever is the newest. */
};

struct store_handle {
    enum store_handling            handling;
    const struct store_alert_name *alerts;
    size_t                         alert_count; /* At most ALERT_HANDLE_COUNT_MAX. */
    struct str                     by;      /* Who acts; at most ALERT_BY_SIZE_MAX bytes. */
    struct str                     comment; /* May speak of the patient: it leaves where the explanation does. */
    int64_t                        now_us;
};

/* What came of one of them. */
struct store_handled {
    char    alert_id[ALERT_ID_SIZE_MAX + 1]; /* Whole. */
    int64_t revision; /* The newest one now. */
    bool    is_new;   /* Made by this act; else it was handled already. */
    char    status[16];
    char    by[ALERT_BY_SIZE_MAX + 1]; /* Who has acknowledged it; empty: nobody has. */
    int64_t at_us;                     /* When; STORE_TIME_NONE: nobody has. */
};

struct store;

struct store_kind {
    const char *name; /* "sqlite", "postgres", "fake" */

    /* P1: raises the generation in a transaction of its own and commits it. Only then load. */
    enum status (*own)(struct store *store, uint64_t *ret_generation, struct error *err);

    /* Last epoch, decisions, segment reference, positions; texts and array lie in `arena`. After own(). */
    enum status (*load)(struct store *store, struct arena *arena, struct store_state *ret_state, struct error *err);

    /* P7. On anything but STORE_COMMITTED `err` says what happened (ERR_FENCED: another generation owns the store). */
    enum store_outcome (*submit)(struct store *store, const struct epoch_commit *commit, struct error *err);

    /* Optional work between epochs (checkpoint, outbox commands); NULL: none. Called by the committer when idle and
     * after each commit. */
    enum status (*maintain)(struct store *store, struct error *err);

    /* P9. The rows that are due for the sink: no more than `count_max`, the longest due first. An alert's revisions come in
     * their order; one whose older revision is due later, or after it, comes in no call before that one is delivered or given
     * up, so there may be more due rows than the call tells. Rows and texts lie in `arena`. ERR_FENCED where another generation owns
     * the store: then nothing may be sent any more. is_first_only: of each alert its oldest revision that waits, or none where that
     * is not due. NULL: the kind has no outbox. */
    enum status (*outbox_due)(struct store *store, struct str sink, int64_t now_us, size_t count_max, bool is_first_only, struct arena *arena,
                              struct store_outbox_row **ret_rows, size_t *ret_count, struct error *err);
    /* All marks in one transaction, under the generation that own() gave; a mark on a row that does not wait changes
     * nothing. */
    enum status (*outbox_mark)(struct store *store, const struct store_outbox_mark *marks, size_t count, struct error *err);

    /* Makes open letters wait to be taken, all or none, in one transaction under the generation that own() gave. ERR_NOT_FOUND and
     * ERR_USAGE name a place where no letter is that can be retried. NULL: the kind retries none. */
    enum status (*letters_retry)(struct store *store, const struct store_retry *retry, struct store_retry_result *ret_result, struct error *err);
    /* The letters of a source that wait, from that number on and without a gap: no more than `count_max` and about `bytes_max`, but
     * one at least where one is. They lie in `arena`. */
    enum status (*letters_waiting)(struct store *store, struct str source, int64_t number, size_t count_max, size_t bytes_max,
                                   struct arena *arena, const struct store_letter **ret_letters, size_t *ret_count, struct error *err);

    /* Acknowledges or closes alerts, all or none, in one transaction under the generation that own() gave; ret_handled[i] says what
     * came of alerts[i]. ERR_NOT_FOUND where there is no such alert, ERR_USAGE where its name is another's too, or its rule has told
     * more since that revision. NULL: the kind has no alerts that live on. */
    enum status (*alerts_handle)(struct store *store, const struct store_handle *handle, struct store_handled *ret_handled, struct error *err);

    /* P10: gives the records of epochs `first` to `last`, which must all be there. NULL: the store keeps no records, they lie in files of
     * `segment_folder` (live/segment.h). */
    enum status (*state_read)(struct store *store, uint64_t first, uint64_t last, store_state_fn *read, void *context, struct error *err);

    /* Frees the store too. NULL-safe through store_close. */
    void (*close)(struct store *store);
};

struct store {
    const struct store_kind *kind;
    /* Under which the state's segment records are sealed; the implementation derives it from the store's own key. */
    uint8_t     segment_key[32];
    /* Revisions that committed epochs hold beyond those of their struct epoch_commit: alerts of letters that were resolved. */
    int64_t     retraction_count;
    const char *segment_folder; /* Where the segment files lie: beside the store file. Owned by the implementation. */
    /* Of a store behind a network, while it does not answer; either may be NULL. Whether to give up, and whom to tell what it is waiting for. */
    bool (*is_stopping)(void *context);
    void (*tell_waiting)(void *context, const struct error *err);
    void *wait_context;
};

static inline enum status
store_own(struct store *store, uint64_t *ret_generation, struct error *err)
{
    return store->kind->own(store, ret_generation, err);
}

static inline enum status
store_load(struct store *store, struct arena *arena, struct store_state *ret_state, struct error *err)
{
    return store->kind->load(store, arena, ret_state, err);
}

static inline enum store_outcome
store_submit(struct store *store, const struct epoch_commit *commit, struct error *err)
{
    return store->kind->submit(store, commit, err);
}

static inline enum status
store_maintain(struct store *store, struct error *err)
{
    return store->kind->maintain != NULL ? store->kind->maintain(store, err) : ST_OK;
}

static inline void
store_close(struct store *store)
{
    if (store != NULL)
        store->kind->close(store);
}

#endif
