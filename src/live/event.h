/* A row of the live leg behind validate_event: one schema for all entities, so that dedup, windows and rules see one kind
 * of chunk. Columns that an entity has not are null. Column i of `event_schema` is enum event_column i.
 *
 * The same schema carries history: rows that the warehouse gives when the state is filled have EVENT_PARTITION
 * EVENT_PARTITION_HISTORY. Rules remember them and fire nothing for them; windows and dedup never see them. */
#ifndef HEDDLE_LIVE_EVENT_H
#define HEDDLE_LIVE_EVENT_H

#include "base/hash.h"
#include "base/str.h"
#include "column/chunk.h"

#define EVENT_PARTITION_HISTORY (-1)

enum event_column {
    EVENT_PARTITION,  /* int64: index into the runtime's partitions. */
    EVENT_POSITION,   /* int64: of its record. */
    EVENT_ROW_NUMBER, /* int64: of the record's rows that go on, from 0; row 0 stands for the record in the accounting. */
    EVENT_ENTITY,     /* int64: index into model->entities. */
    EVENT_IDENTITY_LOW,  /* int64, with the next: a keyed hash of (EVENT_SYSTEM, EVENT_ID): the event, for dedup. */
    EVENT_IDENTITY_HIGH, /* int64 */
    EVENT_PATIENT_LOW,   /* int64, with the next: a keyed hash of (EVENT_PATIENT_SYSTEM, EVENT_PATIENT_ID), which is the */
    EVENT_PATIENT_HIGH,  /* int64: provisional person as a number. Rules and distinct counts go by it; it never changes. */
    EVENT_SYSTEM,     /* text, never null: with EVENT_ID the event's identity. */
    EVENT_ID,         /* text, never null. */
    EVENT_TIME,       /* timestamp, never null. */
    EVENT_EFFECTIVE_TIME, /* timestamp, never null. */
    EVENT_WATERMARK,  /* timestamp: its own partition's at its position; null before the first accepted event. */
    EVENT_IS_LATE,    /* bool: beyond the lateness, or, behind dedup, a copy; windows and dedup pass it by, rules look at it. */
    EVENT_PATIENT_SYSTEM, /* text */
    EVENT_PATIENT_ID,     /* text */
    EVENT_PERSON_ID,      /* text: the master's, else the provisional one (32 hexadecimal digits). */
    EVENT_BIRTH_DATE,     /* date: the master's; null where not known. */
    EVENT_FACILITY,       /* text */
    EVENT_ENCOUNTER_ID,   /* text */
    EVENT_LOCATION,       /* text */
    EVENT_CODE,       /* text: normalized code, else the sender's. */
    EVENT_VALUE,      /* decimal(18,6): normalized; null where there is none. */
    EVENT_UNIT,       /* text: normalized unit, else the sender's. */
    EVENT_COMPARATOR, /* text: the value is a bound; EVENT_VALUE is not to be counted. */
    EVENT_FLAG,       /* text: normalized interpretation. */
    EVENT_CONDITION,  /* text: of the specimen, codes of HL7 table 0493 with commas between. */
    EVENT_RESULT,     /* text: as received. */
    EVENT_RESULT_UNIT,      /* text: as received. */
    EVENT_REFERENCE_RANGE,  /* text: "3.5-5.1", as received. */
    EVENT_STATUS,     /* text: HL7 table 0085. */
    EVENT_STATUS_ACTION, /* text: upsert, promote, retract. */
    EVENT_RESULT_ID,     /* text: lab_result_id; versions of one result share it. Of an order, an appointment or a medication its own. */
    EVENT_PRACTITIONER_ID, /* text: who ordered, or attends. */
    EVENT_USER_SYSTEM, /* text: of an access, also the system of EVENT_PRACTITIONER_ID. */
    EVENT_USER_ID,     /* text */
    EVENT_DEPARTMENT,  /* text: the user's, or of the encounter or order. */
    EVENT_BEGIN_TIME,  /* timestamp: from when an encounter or order explains an access. */
    EVENT_END_TIME,    /* timestamp: until when; equals EVENT_BEGIN_TIME where there is no end, but of a medication, where it is null then. */
    EVENT_ACCESS_FACTS, /* int64: what the rules of accesses go by besides (op/access_facts.h); null: nothing. */
    EVENT_USER_LOW,    /* int64, with the next: a keyed hash of who looked, ordered or attends (event_hash_user); null: not worked out. */
    EVENT_USER_HIGH,   /* int64 */
    EVENT_COLUMN_COUNT,

    /* A drug is no result, no access and nowhere, so its columns are those that no window looks at: the rows of all others pay nothing for them. Filled
     * where a rule judges the entity's drugs. */
    EVENT_DRUG_SYSTEM = EVENT_RESULT_UNIT,  /* text: of EVENT_DRUG_CODE, as the source names it. */
    EVENT_DRUG_CODE   = EVENT_COMPARATOR,   /* text: as received. */
    EVENT_DRUG_NAME   = EVENT_RESULT,       /* text: as received. */
    EVENT_DRUG_TYPE   = EVENT_LOCATION,     /* text: prescription, dispense …; of an order its type. */
    EVENT_USER_ROLE   = EVENT_RESULT,       /* text: of an access, where a rule compares users with their peers. */
    EVENT_DRUG_DAYS   = EVENT_ACCESS_FACTS, /* int64: for how many days it was supplied. Of orders it is what the rules of accesses go by. */
};

extern const struct schema event_schema;

/* Values of a row. A null text is empty, a null number 0; event_is_null tells. */
static inline bool
event_is_null(const struct chunk *chunk, enum event_column column, uint32_t row)
{
    const struct column *values = &chunk->columns[column];
    return !values->all_valid && !validity_get(values->validity, row);
}

static inline int64_t
event_int64(const struct chunk *chunk, enum event_column column, uint32_t row)
{
    return event_is_null(chunk, column, row) ? 0 : ((const int64_t *)chunk->columns[column].data)[row];
}

/* A view of the chunk's memory. */
static inline struct str
event_text(const struct chunk *chunk, enum event_column column, uint32_t row)
{
    if (event_is_null(chunk, column, row))
        return STR_EMPTY;
    const struct text *text = &((const struct text *)chunk->columns[column].data)[row];
    return str_of(text_data(text), text->size);
}

/* The hash that two columns hold; zeros where they are null. */
static inline struct hash128
event_hash(const struct chunk *chunk, enum event_column low, uint32_t row)
{
    return (struct hash128){ (uint64_t)event_int64(chunk, low, row), (uint64_t)event_int64(chunk, low + 1, row) };
}

/* The rows that count, one after the other: for (i < event_count) row = event_row(chunk, i). */
static inline uint32_t
event_count(const struct chunk *chunk)
{
    return chunk->selection != NULL ? chunk->selected_count : chunk->row_count;
}

static inline uint32_t
event_row(const struct chunk *chunk, uint32_t index)
{
    return chunk->selection != NULL ? chunk->selection[index] : index;
}

/* Fills the four identity columns of all rows from the pairs, under the pipeline's person key. A null pair hashes as empty texts. */
void event_hash_identities(struct chunk *chunk, const struct siphash_key *person_key);

/* Equal for events of one pair; low is what dedup and rules are exchanged by. */
struct hash128 event_pair_hash(const struct siphash_key *person_key, struct str system, struct str value);

/* The hash of the pair that stands in EVENT_USER_SYSTEM and the column, which is EVENT_USER_ID or EVENT_PRACTITIONER_ID. Zeros: the row has none. */
struct hash128 event_user(const struct siphash_key *person_key, const struct chunk *chunk, enum event_column column, uint32_t row);

/* Works it out for EVENT_USER_LOW and EVENT_USER_HIGH of a row whose hashes are null, so that nobody else need: of EVENT_USER_ID, where there is none
 * of EVENT_PRACTITIONER_ID. */
void event_hash_user(struct chunk *chunk, const struct siphash_key *person_key, uint32_t row);

#endif
