/* What the rules of the live leg share: which rows they take, what they keep of a row, and what all their alerts have. */
#ifndef HEDDLE_LIVE_OP_RULE_H
#define HEDDLE_LIVE_OP_RULE_H

#include "base/hash.h"
#include "base/limits.h"
#include "base/str_builder.h"
#include "graph/graph.h"
#include "live/event.h"
#include "live/op/alert.h"
#include "live/op/operator.h"
#include "model/model.h"
#include "store/store.h"

/* Embedded first in the struct of a rule. */
struct rule {
    struct operator               op;
    const struct graph           *graph;
    const struct rule_pack       *pack;
    const struct partition_names *partitions;
    struct siphash_key            person_key;
    int64_t                       entity_index; /* Of the rows that fire it. */
    size_t                        index;        /* Among the graph's rules. */
    int64_t                       history_from_us; /* How far back it could see before the stream; INT64_MIN: not at all. */
    struct str_builder            labels;       /* Of all inputs of the source, joined by commas. */
    struct str_builder            evidence;
    struct str_builder            explanation;
};

/* `rule` is zeroed. On failure it can be released. */
enum status rule_init(struct rule *rule, const struct operator_kind *kind, const struct graph *graph, const struct rule_pack *pack,
                      const struct siphash_key *person_key, const struct partition_names *partitions, struct error *err);
void        rule_release(struct rule *rule);

/* How far back the rule could see before the stream, for its evidence. */
void rule_take_decision(struct rule *rule, const struct epoch_decision *decision);

/* Rows of one patient come to one shard. */
void rule_exchange(const struct operator *op, const struct chunk *chunk, uint64_t *ret_hashes);

/* ---- What is kept of a row ---- */

/* Of the event, or of the pair that two columns hold. */
static inline struct hash128
rule_hash(const struct chunk *chunk, enum event_column low, uint32_t row)
{
    return event_hash(chunk, low, row);
}

static inline bool
hash128_equal(struct hash128 a, struct hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

static inline struct hash128
rule_text_hash(struct str text)
{
    return hash128(text.data, text.size);
}

/* From when on the event is known: its own time, but no sooner than its partition's watermark where it stands. Follows from the log alone. */
int64_t rule_known_us(const struct chunk *chunk, uint32_t row);

/* Text to show: what is longer than a record takes is cut at a character. */
struct str rule_text(const struct chunk *chunk, enum event_column column, uint32_t row);

/* Text that orders or names. What is longer than a record takes keeps its beginning and closes with a hash of all of it, in `buffer`. */
struct str rule_identifier(const struct chunk *chunk, enum event_column column, uint32_t row, char buffer[RECORD_TEXT_SIZE_MAX + 1]);

/* Name of the row's partition; "history" for what the warehouse gave. */
struct str rule_partition_id(const struct rule *rule, const struct chunk *chunk, uint32_t row);

/* Whether its specimen is haemolysed, where the sender says so (HL7 table 0493). */
bool rule_is_haemolysed(const struct chunk *chunk, uint32_t row);

/* The patient's age on the effective time's day in UTC. False where no birth date is known. */
bool rule_age_years(const struct chunk *chunk, uint32_t row, int32_t *ret_years);

/* ---- What is told ---- */

struct rule_evidence {
    struct str partition_id;
    int64_t    position;
};

/* {"events":[{"source":…,"partition_id":…,"position":…}, …],"history_from":TIME or null}; the text lives until the next call. */
struct str rule_print_evidence(struct rule *rule, const struct rule_evidence *events, uint32_t count);

/* Fills what follows from the rule (names, mode, labels), and tells the alert. Empty texts and what the caller gave stay. */
enum status rule_tell(const struct rule *rule, struct store_alert *alert, const struct alert_identity *identity, bool is_live,
                      struct epoch_output *output, struct error *err);

#endif
