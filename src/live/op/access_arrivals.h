/* Accesses that came since the last barrier, by patient.
 *
 * Nearly every access is explained for good at the first barrier that it sees, and then nobody asks for it again. So it waits here
 * and not in its patient's entry, which would grow for it, shrink again, and be written into the epoch's record for nothing.
 * What is still wanted behind the barrier goes into the state; here is nothing then.
 *
 *     patients (in the order of their first access) ─▶ arrivals, each with the next one of its patient ─▶ texts */
#ifndef HEDDLE_LIVE_OP_ACCESS_ARRIVALS_H
#define HEDDLE_LIVE_OP_ACCESS_ARRIVALS_H

#include "live/op/access.h"

#define ACCESS_ARRIVAL_NONE UINT32_MAX

struct access_arrival {
    struct access_record record; /* texts.offset is into the arrivals' texts, which may be many: texts_at. */
    size_t               texts_at;
    uint32_t             next; /* ACCESS_ARRIVAL_NONE: it is its patient's last. */
};

struct access_patient {
    struct hash128 patient;
    uint64_t       hash; /* state_hash of it. */
    uint32_t       first, last;
    uint32_t       count;
    size_t         texts_size; /* Of all of them. */
};

/* A zeroed one is empty and may be released. */
struct access_arrivals {
    struct access_arrival *arrivals;
    uint32_t               count, capacity;
    struct access_patient *patients;
    uint32_t               patient_count, patient_capacity;
    uint32_t              *slots; /* Index into patients plus 1; 0: free. Linear probing, at most half full. */
    uint32_t               slot_count;
    char                  *texts;
    size_t                 texts_size, texts_capacity;
};

/* Copies the texts. On failure nothing has changed. */
enum status access_arrivals_add(struct access_arrivals *arrivals, const struct hash128 *patient, uint64_t hash, const struct access_record *record,
                                const struct str texts[ACCESS_TEXT_COUNT], struct error *err);

/* Views of an arrival's texts. */
void access_arrival_texts(const struct access_arrivals *arrivals, const struct access_arrival *arrival, struct str ret_texts[ACCESS_TEXT_COUNT]);

/* Keeps the memory. */
void access_arrivals_clear(struct access_arrivals *arrivals);
void access_arrivals_release(struct access_arrivals *arrivals);

#endif
