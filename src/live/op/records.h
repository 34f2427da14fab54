/* What a rule remembers of one key: records of a fixed size with texts, as the value of one entry of the state.
 *
 *     head │ record 0 │ record 1 │ … │ texts of record 0 │ texts of record 1 │ …
 *
 * A record of the rule's own begins with struct record_texts; the rest of it has no padding, so that no byte of a state
 * record is undefined. Numbers are those of the machine. Which text is which number is the rule's affair.
 *
 * Pointers into a value are good until the next insertion into the same table. */
#ifndef HEDDLE_LIVE_OP_RECORDS_H
#define HEDDLE_LIVE_OP_RECORDS_H

#include "base/str.h"
#include "live/state.h"

#define RECORD_TEXT_COUNT_MAX 20

struct record_texts {
    uint32_t offset; /* Into the texts of the value, which lie in the order of the records. */
    uint8_t  sizes[RECORD_TEXT_COUNT_MAX];
};

struct records_head {
    uint32_t record_count;
    uint32_t texts_size;
    uint32_t flags; /* The rule's own. */
    uint32_t filter; /* The rule's own, too. */
};

static inline struct records_head *
records_head(struct state_entry *entry)
{
    return state_value(entry);
}

/* The first record; the others follow as in an array of the rule's struct. */
static inline void *
records_of(struct state_entry *entry)
{
    return records_head(entry) + 1;
}

/* A view. `record` is one of the entry's, `number` one of its texts. */
struct str records_text(struct state_entry *entry, size_t record_size, const void *record, uint32_t number);

/* A record of zeros with these texts, the others empty, before the one at `index`; makes the entry where it is not there. `old`: the key's entry,
 * NULL where there is none; `hash`: the key's.
 * A text has at most RECORD_TEXT_SIZE_MAX bytes. The entry is marked as changed and expires no sooner than before. On
 * failure nothing has changed. */
enum status records_insert(struct state_table *table, struct state_entry *old, uint64_t hash, const void *key, size_t key_size,
                           size_t record_size, uint32_t index, const struct str *texts, uint32_t text_count, int64_t expires_us,
                           struct state_entry **ret_entry, struct error *err);

/* The same behind all other records, none of which has changed unless it is known already (the entry is marked as changed): so only what is new goes into the
 * epoch's record. */
enum status records_append(struct state_table *table, struct state_entry *old, uint64_t hash, const void *key, size_t key_size, size_t record_size,
                           const struct str *texts, uint32_t text_count, int64_t expires_us, struct state_entry **ret_entry, struct error *err);

/* The same in an entry whose value has room for it; which entry that is, and that it changed, is the caller's affair. */
void records_add(struct state_entry *entry, size_t record_size, uint32_t index, const struct str *texts, uint32_t text_count);

/* Bytes of the entry's value as far as it is used. */
size_t records_size(struct state_entry *entry, size_t record_size);

/* Takes the record out. The entry must be marked as changed already, or be so afterwards (records_touch). */
void records_remove(struct state_entry *entry, size_t record_size, uint32_t index);

/* Gives the entry the size that it needs and a time to expire, and marks it as changed. The size never grows, so the entry stays where it is. */
enum status records_touch(struct state_table *table, struct state_entry *entry, size_t record_size, int64_t expires_us,
                          struct error *err);

/* A barrier looks at records, and changes few of those that the record has already. Between begin and end it may change and take out any, and touch the entry,
 * which is marked as changed; behind end what did not change is not written again. One watch serves one entry after the other; a zeroed one is empty. */
struct records_watch {
    struct state_kept kept;
    uint32_t          record_count;
    uint32_t          capacity;
    void             *copy; /* Of the records that are as the record has them. */
};

enum status records_watch_begin(struct records_watch *watch, const struct state_table *table, struct state_entry *entry, struct error *err);
void        records_watch_end(const struct records_watch *watch, struct state_table *table, struct state_entry *entry);
void        records_watch_release(struct records_watch *watch);

#endif
