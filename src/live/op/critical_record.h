/* What the rule of critical values remembers of results.
 *
 *     state "patients"  (patient, analyte) ─▶ versions of results that are critical, in the order of critical_compare
 *     state "normals"   (patient, result)  ─▶ versions of a result that are not, in the order in which they came
 *
 * Nearly all results are not critical. Such a version matters only where it corrects a critical one, or where that one is
 * read later; so it is kept apart, with no more than an alert shows of what corrected it.
 *
 * Whether two versions see one another follows from the log alone, never from when state was freed: what is freed at a barrier
 * has expired by the smallest watermark, and no event that comes later is known before that. */
#ifndef HEDDLE_LIVE_OP_CRITICAL_RECORD_H
#define HEDDLE_LIVE_OP_CRITICAL_RECORD_H

#include "base/time.h"
#include "live/op/critical_limit.h"
#include "live/op/records.h"
#include "live/op/rule.h"
#include "live/rule/critical.h"

/* More than partitions are apart. */
#define CRITICAL_NORMAL_KEPT_US (2 * US_PER_DAY)

enum { CRITICAL_STATE_PATIENTS, CRITICAL_STATE_NORMALS };

/* Texts of a record. The last ones are kept of critical versions only. */
enum {
    TEXT_SYSTEM,
    TEXT_ID,
    TEXT_PARTITION,
    TEXT_RESULT,
    TEXT_RESULT_UNIT,
    TEXT_RANGE,
    TEXT_PATIENT_SYSTEM,
    TEXT_PATIENT_ID,
    TEXT_PERSON,
    TEXT_ENCOUNTER,
    TEXT_LOCATION,
    TEXT_PRACTITIONER,
    TEXT_CODE,
    TEXT_UNIT,
    TEXT_FLAG,
    TEXT_COMPARATOR,
    TEXT_COUNT
};
#define TEXT_COUNT_NORMAL TEXT_PATIENT_SYSTEM
_Static_assert(TEXT_COUNT <= RECORD_TEXT_COUNT_MAX, "the texts of a record");

#define HAS_LOW   1u
#define HAS_HIGH  2u
#define HAS_VALUE 4u
/* Of critical values, and no number: the version is a promotion. Traits have no bit left that rules about courses do not use otherwise. */
#define IS_PROMOTION 8u

/* Of traits, in both kinds of rules about results. */
#define RECORD_HAEMOLYSED 128u

/* What the world was told last of the alert that a version fires. */
struct critical_told {
    uint64_t shown; /* A hash of what it showed: of critical values, which version. */
    uint8_t  state; /* enum alert_state, of result_alert.h */
    uint8_t  severity;
    uint8_t  is_live;
    uint8_t  is_delivered; /* A sink has got a revision of it. */
    uint32_t arrival;      /* Not told, but here is room: the version's place in the order in which the entry's rows came. */
};

/* What every version has; the texts' head is first. */
struct critical_version {
    struct record_texts texts;
    int64_t             effective_us;
    int64_t             event_us;
    int64_t             known_us;
    int64_t             position;
    struct hash128      identity;
    uint64_t            is_withdrawn;
};
_Static_assert(sizeof(struct critical_version) == sizeof(struct record_texts) + 5 * 8 + 16, "no padding");

/* A version that is critical, or was so when it was withdrawn. */
struct critical_record {
    struct critical_version version;
    struct hash128          result_key;
    struct hash128          subject;
    int64_t                 value; /* Millionths, in TEXT_UNIT. */
    int64_t                 low;   /* The limit that it is beyond. */
    int64_t                 high;
    struct critical_told    told;
    uint8_t                 numbers; /* HAS_…, IS_PROMOTION */
    uint8_t                 severity;
    uint8_t                 is_shadow; /* Critical by limits alone, which nobody had approved when it came. */
    uint8_t                 is_born;   /* It has fired an alert, at some time of the log. */
    uint8_t                 is_old;    /* Within a barrier only: it goes. */
    uint8_t                 is_judged; /* Whether it was born is known. */
    uint8_t                 is_cooled; /* By an alert that is forgotten meanwhile. */
    uint8_t                 traits;    /* RECORD_HAEMOLYSED, and what series_int.h has. */
};
_Static_assert(sizeof(struct critical_record) == sizeof(struct critical_version) + 2 * 16 + 3 * 8 + sizeof(struct critical_told) + 8, "no padding");

/* Keys of the two states. Rows are exchanged by the patient's low half. */
struct critical_key {
    struct hash128 patient;
    struct hash128 code;
};
struct normal_key {
    uint64_t       patient_low;
    struct hash128 result; /* Of patient, analyte and result. */
};
_Static_assert(sizeof(struct normal_key) == 24, "no padding");

static inline struct critical_record *
critical_records(struct state_entry *entry)
{
    return records_of(entry);
}

static inline struct str
critical_text(struct state_entry *entry, const struct critical_record *record, uint32_t number)
{
    return records_text(entry, sizeof(*record), record, number);
}

/* What the row says, without texts; is_critical tells which of the two kinds it is. */
struct critical_row {
    struct critical_record record;
    bool                   is_critical;
    struct critical_key    key;
    struct normal_key      normal_key;
};
void critical_row_of(const struct rule *rule, const struct critical_limits *limits, const struct chunk *chunk, uint32_t row, struct critical_row *ret_row);

/* What the row says of its version, without texts, and of which result it is one. */
void           critical_version_of(const struct chunk *chunk, uint32_t row, struct critical_version *ret_version);
struct hash128 critical_result_key(const struct chunk *chunk, uint32_t row);

struct normal_key critical_normal_key(const struct critical_key *key, struct hash128 result_key);

/* The first texts of the row, `count` of them: TEXT_COUNT or TEXT_COUNT_NORMAL; views, and of two of them the buffers. */
void critical_texts_of(const struct rule *rule, const struct chunk *chunk, uint32_t row, char buffers[2][RECORD_TEXT_SIZE_MAX + 1],
                       struct str *texts, uint32_t count);

/* Whether a version that is not critical belongs to the story of one that is: neither was forgotten when the other came. */
bool critical_sees(const struct rule *rule, const struct critical_version *critical, const struct critical_version *normal);

/* ---- The records of one entry (critical_records.c) ---- */

bool critical_same_result(const struct critical_record *a, const struct critical_record *b);
/* Whether the event is there already; NULL: no entry. */
bool critical_has(struct state_entry *entry, struct hash128 identity);
/* Before which record a version belongs. */
uint32_t critical_place_of(struct state_entry *entry, const struct critical_version *version, struct str system, struct str id);
/* Behind all others of the entry. */
uint32_t critical_next_arrival(struct state_entry *entry, uint32_t index);
/* Whether `record` stood before `other` or is it: in one partition by its position, between partitions by which came first. */
bool critical_is_before(struct state_entry *entry, const struct critical_record *record, const struct critical_record *other);
/* Removes the results that stand first, with all their versions, until another record fits. */
void critical_make_room(const struct rule *rule, struct state_entry *entry);
/* Until when a record is kept: all versions of a result go together, for what is left would fire anew. */
int64_t critical_kept_until(int64_t kept_us, const struct critical_record *records, uint32_t count, const struct critical_record *of);
/* Takes out what may be gone elsewhere. */
void critical_forget(const struct rule *rule, struct state_entry *entry, int64_t kept_us, int64_t freed_us);

#endif
