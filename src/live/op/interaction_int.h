/* The parts of the rule of drug interactions: what only this folder sees of it. See medication_interaction.h. */
#ifndef HEDDLE_LIVE_OP_INTERACTION_INT_H
#define HEDDLE_LIVE_OP_INTERACTION_INT_H

#include "base/time.h"
#include "live/op/drug.h"
#include "live/op/records.h"
#include "live/op/rule.h"

enum { INTERACTION_STATE_PATIENTS, INTERACTION_STATE_OTHERS, INTERACTION_STATE_TOLD };

/* How long a statement of a drug that the rule does not know waits for one that it knows: more than partitions are apart. */
#define INTERACTION_OTHER_KEPT_US (2 * US_PER_DAY)

/* Texts of a record. The last ones are kept of drugs that the rule knows. */
enum {
    DRUG_TEXT_SYSTEM,
    DRUG_TEXT_ID,
    DRUG_TEXT_PARTITION,
    DRUG_TEXT_ENTITY,
    DRUG_TEXT_NAME,
    DRUG_TEXT_CODE,
    DRUG_TEXT_PATIENT_SYSTEM,
    DRUG_TEXT_PATIENT_ID,
    DRUG_TEXT_PERSON,
    DRUG_TEXT_ENCOUNTER,
    DRUG_TEXT_PRACTITIONER,
    DRUG_TEXT_COUNT
};
#define DRUG_TEXT_COUNT_OTHER DRUG_TEXT_ENTITY
_Static_assert(DRUG_TEXT_COUNT <= RECORD_TEXT_COUNT_MAX, "the texts of a record");

/* One statement; the texts' head is first. */
struct drug_record {
    struct record_texts texts;
    int64_t             event_us;
    int64_t             begin_us;
    int64_t             end_us; /* DRUG_OPEN: not stated. */
    int64_t             known_us;
    int64_t             position;
    struct hash128      identity;
    struct hash128      drug;    /* Which prescription, dispensing or order. */
    struct ingredients  ingredients;
    uint8_t             use;     /* enum drug_use */
    uint8_t             found;   /* enum drug_found */
    uint8_t             names_drug;
    uint8_t             is_history;
    uint8_t             is_shadow; /* Nobody had approved the rule when it came. */
    uint8_t             is_old;    /* Within a barrier only: it goes. */
    uint8_t             is_elsewhere; /* Copies of it stand in several partitions. */
    uint8_t             unused[1];
};
_Static_assert(sizeof(struct drug_record) == sizeof(struct record_texts) + 5 * 8 + 2 * 16 + sizeof(struct ingredients) + 8, "no padding");

/* Keys of the other states. Rows are exchanged by the patient's low half. */
struct interaction_key {
    uint64_t       patient_low;
    struct hash128 of; /* Patient and drug, or the alert. */
};
_Static_assert(sizeof(struct interaction_key) == 24, "no padding");

/* What the world was told last of an alert. */
struct interaction_told {
    uint64_t shown;        /* A hash of what it showed. */
    uint8_t  status;       /* INTERACTION_TOLD */
    uint8_t  is_live;
    uint8_t  is_delivered; /* A sink has got a revision of it. */
    uint8_t  unused[5];
};
_Static_assert(sizeof(struct interaction_told) == 16, "no padding");

/* enum interaction_status and one more, from 1: 0 is what nothing was told of. */
#define INTERACTION_TOLD(STATUS) ((uint8_t)((STATUS) + 1))
#define INTERACTION_TOLD_SILENCED INTERACTION_TOLD(INTERACTION_SUPERSEDED + 1)

static inline struct str
drug_text(struct state_entry *entry, const struct drug_record *record, uint32_t number)
{
    return records_text(entry, sizeof(*record), record, number);
}

/* From when on the patient's statements were known one after the other, and until when they are kept. */
struct drug_life {
    int64_t begin_us;
    int64_t end_us;
};

/* ---- Records (interaction_record.c) ---- */

/* What is kept of a row, without texts. */
struct drug_record drug_record_of(const struct rule *rule, const struct drug_row *drug, const struct chunk *chunk, uint32_t row);
/* Its first texts, `count` of them: views, and of two of them the buffers. */
void drug_texts_of(const struct rule *rule, const struct chunk *chunk, uint32_t row, char buffers[2][RECORD_TEXT_SIZE_MAX + 1], struct str *texts,
                   uint32_t count);
struct interaction_key drug_other_key(const struct hash128 *patient, struct hash128 drug);
/* Which record is of the event; UINT32_MAX: none. `entry` may be NULL. */
uint32_t drug_find(struct state_entry *entry, struct hash128 identity);
/* What a copy of the record at `index` changes: by its own partition it may be known earlier, and of several places the first stands as evidence, so that
 * neither hangs on which came first. In place, unless the copy's place is the first: then `copy` is what is to stand there instead. */
enum drug_copy { DRUG_COPY_SAME, DRUG_COPY_CHANGES, DRUG_COPY_REPLACES };
enum drug_copy drug_take_copy(struct state_entry *entry, uint32_t index, struct drug_record *copy, struct str partition);
bool drug_has_drug(struct state_entry *entry, struct hash128 drug);
/* Before which record a statement belongs. */
uint32_t drug_place_of(struct state_entry *entry, const struct drug_record *record, struct str system, struct str id);
/* Removes the drug whose last statement is the longest known until another record fits. */
void drug_make_room(struct state_entry *entry);
/* The life that a statement known then belongs to. */
struct drug_life drug_life_of(struct state_entry *entry, int64_t known_us, int64_t kept_us);
/* Takes out lives that may be gone elsewhere (D1). */
void drug_forget(struct state_entry *entry, int64_t kept_us, int64_t freed_us);

/* ---- Drugs (interaction_drugs.c) ---- */

/* A statement where it lies. */
struct drug_place {
    struct state_entry       *entry;
    const struct drug_record *record;
    struct drug_life          life;
};

/* One drug in one life: places [begin, begin + count), and the same as versions. */
struct drug_group {
    uint32_t           begin;
    uint32_t           count;
    struct drug_life   life;
    struct ingredients ingredients; /* That any statement names. */
};

/* The drugs of one patient, life by life. Keeps its memory from one use to the next. */
struct drug_groups {
    struct drug_place   *places;
    struct drug_version *versions;
    struct drug_group   *groups;
    uint32_t             place_count;
    uint32_t             count; /* Of groups. */
    uint32_t             capacity;
};

void drug_groups_release(struct drug_groups *groups);

/* Gathers the entry's statements, and those of the others that belong to its drugs. The places are good until the next put into either table. */
enum status drug_groups_gather(struct drug_groups *groups, const struct rule *rule, int64_t kept_us, struct state_entry *entry, struct error *err);

#endif
