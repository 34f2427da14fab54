/* What the rule of accesses remembers of a patient: accesses, and the encounters and orders that may explain them. Which of them
 * explains which is decided here; when to judge and what to tell is the step's (no_treatment_relationship.h). */
#ifndef HEDDLE_LIVE_OP_ACCESS_H
#define HEDDLE_LIVE_OP_ACCESS_H

#include "base/zone.h"
#include "live/op/access_flags.h"
#include "live/op/records.h"
#include "live/op/rule.h"

/* Texts of a record. The last ones are kept of accesses only. */
enum {
    ACCESS_TEXT_PARTITION,
    ACCESS_TEXT_ENTITY,
    ACCESS_TEXT_USER_SYSTEM,
    ACCESS_TEXT_USER_ID,
    ACCESS_TEXT_PERSON,
    ACCESS_TEXT_ENCOUNTER,
    ACCESS_TEXT_LOCATION,
    ACCESS_TEXT_DEPARTMENT,
    ACCESS_TEXT_COUNT
};
#define ACCESS_TEXT_COUNT_EXPLANATION ACCESS_TEXT_USER_SYSTEM

/* Flags of an entry: it has an access that is not judged yet; within a barrier, all of it is judged. */
#define ACCESS_IS_PENDING 1u
#define ACCESS_IS_JUDGED  2u

/* An access waits for the watermark; what explains a settled one is forgotten, and no other can have been known before. */
enum access_stage { ACCESS_WAITS, ACCESS_JUDGED, ACCESS_SETTLED };

/* Beside an access's flags: the user's department works for all others; the patient master knows of dealings that explain it then. */
#define ACCESS_IS_HOUSE_WIDE      (1u << 30)
#define ACCESS_IS_KNOWN_TO_MASTER (1u << 31)

enum access_told { ACCESS_UNTOLD, ACCESS_OPEN, ACCESS_EXPLAINED };

struct access_record {
    struct record_texts texts;
    int64_t             event_us;
    int64_t             effective_us;
    int64_t             known_us;
    int64_t             begin_us; /* An explanation's, from when until when. */
    int64_t             end_us;
    int64_t             position;
    int64_t             replaced_us; /* Of history: from when on the stream itself speaks of the encounter or order. INT64_MAX: it does not. */
    struct hash128      identity;
    struct hash128      thing;      /* The encounter or order, whose statements share it; of an access its user. */
    struct hash128      department; /* Zeros: none, which matches nothing. */
    struct hash128      user;       /* Who attends, ordered, or looked; zeros: nobody, who matches nobody. */
    uint64_t            shown_low;  /* Identity of the explanation that was told last. */
    int64_t             facts;      /* access_facts.h; of an access from its first judgement on with what the entry adds. */
    uint32_t            flags;      /* Of an access: those of access_flags_of from its first judgement on, and the two above. */
    int32_t             shown_rank; /* Told last. */
    uint32_t            user_short; /* Of an access, as treatment_user and treatment_department have them. */
    uint32_t            department_short;
    uint8_t             is_access;
    uint8_t             is_history;
    uint8_t             is_void;   /* The statement takes the encounter or order back: it explains nothing. */
    uint8_t             stage;     /* enum access_stage */
    uint8_t             is_done;   /* Explained for good, without an alert. */
    uint8_t             is_shadow; /* Nobody had approved the rule when it came. */
    uint8_t             is_delivered; /* A sink has got a revision of the alert. */
    uint8_t             told;      /* enum access_told */
};
_Static_assert(sizeof(struct access_record) == sizeof(struct record_texts) + 7 * 8 + 4 * 16 + 5 * 8, "no padding");

static inline struct str
access_text(struct state_entry *entry, const struct access_record *record, uint32_t number)
{
    return records_text(entry, sizeof(*record), record, number);
}

/* Departments met already, by their texts as they lie in the column; who comes later takes the place. Zeros: the empty text, which is none. */
#define ACCESS_DEPARTMENT_COUNT 64

struct access_department {
    struct text    text;
    struct hash128 hash;
    uint32_t       number; /* As treatment_department has it. */
    bool           is_house_wide;
};

struct access_departments {
    struct access_department known[ACCESS_DEPARTMENT_COUNT];
};

/* What the row says, without its texts. */
struct access_record access_record_of(const struct rule *rule, struct access_departments *departments, const struct chunk *chunk, uint32_t row,
                                      bool is_access);
void access_texts_of(const struct rule *rule, const struct chunk *chunk, uint32_t row, bool is_access, char buffer[RECORD_TEXT_SIZE_MAX + 1],
                     struct str texts[ACCESS_TEXT_COUNT]);

/* The record of the event, or NULL. */
struct access_record *access_find(struct state_entry *entry, struct hash128 identity);

/* What the entry's last record says, which was just added: its texts stay, and the entry is told of its event (access_note). */
void access_set_last(struct state_entry *entry, const struct access_record *record);

/* Whether the entry has an access. */
bool access_has_any(struct state_entry *entry);

/* Tells the entry of a new record's event: a filter in the entry's head says of most events that none of its records is of them. */
void access_note(struct state_entry *entry, struct hash128 identity);

/* The stream speaks of the encounter or order itself: what history knew of it no longer counts, but for accesses that are forgotten
 * by then, and where it is forgotten itself. Whether a record changed. */
bool access_replace_history(const struct rule *rule, struct state_entry *entry, const struct access_record *statement);

/* Makes room for one more record where the entry is full: accesses that are judged go first, the longest known of them. Whether one went. */
bool access_make_room(const struct rule *rule, struct state_entry *entry);

/* Whether an explanation that was known before the access has been read from all partitions. */
bool access_time_has_come(const struct access_record *access, const struct epoch_decision *decision);

/* Whether an access of the entry that is not judged can be. */
bool access_is_due(struct state_entry *entry, const struct epoch_decision *decision);

/* Why an explanation is one. */
enum access_how { ACCESS_HOW_NOT, ACCESS_HOW_DEPARTMENT, ACCESS_HOW_USER, ACCESS_HOW_CARE_TEAM, ACCESS_HOW_HOUSE_WIDE, ACCESS_HOW_SHORTLY_AFTER };
const char          *access_how_name(enum access_how how); /* "department" … */
enum access_how      access_how(const struct rule *rule, const struct access_record *explanation, const struct access_record *access);

/* Finds the access's flags, once, when it is judged first: of what was known when it was made. Freeing cannot have
 * taken a record that was known then, so the flags follow from the log. */
void access_assess(const struct rule *rule, const struct zone *zone, struct state_entry *entry, struct access_record *access);

/* The patient master knows of dealings that explain it, the user's department working for all. Of an access that is assessed. */
bool access_is_explained_by_master(const struct access_record *access);

/* Whether an access that has just come needs no barrier: nothing that stands before it in other partitions, and nothing that comes later, could make it an
 * alert. So it is where an explanation was known in time that is none of history (which the stream may replace), and where no flag stands beside an
 * explanation that it has or may get by what is known of the patient by then. `entry` NULL: the patient has none. */
bool access_is_explained_for_good(const struct rule *rule, struct state_entry *entry, const struct access_record *access);

/* Fetches what that looks at mostly, once the entry's beginning is there. */
void access_prefetch_last(const struct state_entry *entry);

/* The explanation of the access that was known first, or NULL. Neither was forgotten when the other came: so what is found follows
 * from the log, not from when state was freed. */
const struct access_record *access_explanation(const struct rule *rule, struct state_entry *entry, const struct access_record *access);

/* Until which watermark the record may matter. */
int64_t access_kept_until(const struct rule *rule, const struct access_record *record);

/* Takes out what may be gone elsewhere: before anything is judged (operator.h, freed_us). */
void access_forget(const struct rule *rule, struct state_entry *entry, int64_t freed_us);

/* Takes out accesses that are explained for good, after judging. Returns when the entry expires. */
int64_t access_keep(const struct rule *rule, struct state_entry *entry);

#endif
