/* What alerts of all rules have in common: ids, evidence. */
#ifndef HEDDLE_LIVE_OP_ALERT_H
#define HEDDLE_LIVE_OP_ALERT_H

#include "base/hash.h"
#include "base/str.h"

/* Names of the source and of its partitions, for evidence. The runtime owns it and may add partitions between chunks. */
struct partition_names {
    struct str        source; /* The binding's name. */
    const struct str *ids;    /* By EVENT_PARTITION. */
    uint32_t          count;
    uint32_t          letters; /* 1 + the partition of retried letters, which has the source's name; 0: there is none. */
};

/* Of a partition's rows: the source, or "letters". */
struct str partition_source(const struct partition_names *names, uint32_t partition);
/* The same where only the id is left. */
struct str partition_source_of_id(const struct partition_names *names, struct str partition_id);

/* A file of the warehouse as a partition is named so (warehouse/event_rows.h): positions in it say nothing of what came first. */
#define PARTITION_FILE_PREFIX "file:"
static inline bool
partition_has_order(struct str id)
{
    return !str_starts_with(id, STR(PARTITION_FILE_PREFIX));
}

/* 8 bytes of event time (big-endian, sign flipped, so that ids sort by time), 16 bytes of keyed hash; in hexadecimal. */
#define ALERT_ID_TEXT_SIZE 49
struct alert_identity {
    struct str     pipeline;
    struct str     rule;
    int64_t        event_us; /* Of the firing event. */
    struct hash128 subject;  /* event_pair_hash of the local identifier pair. */
    struct hash128 event;    /* event_pair_hash of (system, event id). */
};
void alert_id_print(const struct siphash_key *key, const struct alert_identity *identity, char out[ALERT_ID_TEXT_SIZE]);

#endif
