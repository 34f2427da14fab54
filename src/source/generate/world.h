/* A small hospital and its truth: what `heddle generate` writes.
 *
 * One consistent world from one seed. Patients, encounters, orders, laboratory results and chart accesses are *facts*; each fact says
 * whether history (files) and the live log hold it. Facts with a story (a critical value, a snooping look, a
 * duplicate, a cut line) are planted and listed in truth.json, so that a test can ask for every one of them and for
 * nothing else. Same options, same bytes: no clock, no locale, no libm. */
#ifndef HEDDLE_SOURCE_GENERATE_WORLD_H
#define HEDDLE_SOURCE_GENERATE_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json_out.h"
#include "base/random.h"

struct io;

/* A patient whom a warehouse knows. */
struct world_person {
    const char *system, *id;
};

struct world_options {
    uint64_t                   seed;
    int64_t                    patient_count;
    int64_t                    day_count;  /* Days of history by file and of live events; before them lie 60 quiet days. */
    int32_t                    start_date; /* Days since 1970-01-01. */
    int64_t                    snooper_count; /* Users who look at far more charts than others on one day (volume.c); 0: none. */
    const struct world_person *people; /* patient_count adults, whose history is elsewhere: only the live log is written. NULL: made up.
                                          They live as long as the world. */
};

#define WORLD_PARTITION_COUNT 4
#define WORLD_HISTORY_DAYS    60
#define WORLD_VALUE_SCALE     3 /* Values of results are thousandths. */

struct analyte {
    const char *loinc;
    const char *name;
    const char *unit;
    int64_t     mean; /* Thousandths of the unit, as all that follow. */
    int64_t     deviation;
    int64_t     low; /* Reference range. */
    int64_t     high;
    int64_t     plausible_low; /* Ordinary results stay inside: well away from any critical limit. */
    int64_t     plausible_high;
    int         digits;          /* Behind the point, as the laboratory prints it. */
    const char *other_unit;      /* Some analysers report so; NULL: none. */
    int64_t     other_factor_e4; /* value in unit × this / 10^4 = value in other_unit. */
    int         panel;           /* 0 metabolic, 1 blood count, 2 alone. */
};

extern const struct analyte analytes[];
extern const uint32_t       analyte_count;
uint32_t                    analyte_index(const char *loinc);

struct patient {
    char        made_id[16];
    const char *id, *system; /* system NULL: the binding's. */
    const char *first, *middle, *last, *street, *city;
    const char *new_street; /* Moves: from day `moves_on` (0: never) the snapshot shows this one. */
    const char *zip;
    uint32_t    street_number;
    uint32_t    ssn_serial;
    int32_t     birth_date;
    int32_t     moves_on;
    int32_t     died_on; /* Days since 1970; 0: alive. */
    bool        is_female;
    bool        is_reserved; /* Has a planted story; nothing ordinary happens to them in the live days. */
    uint8_t     race, partition;
};

struct user {
    char        id[16];
    const char *first, *last, *department;
    bool        is_physician;
    uint32_t    patient; /* The same person as a patient; none from UINT32_MAX - 1 on. */
    int32_t     ends_on; /* The last day, from the world's first on; INT32_MAX: none. */
};

/* Who follows the clinical users, as many of each: departments that work for all others; clinical users who have left. */
enum world_extra { WORLD_BILLING, WORLD_REGISTRATION, WORLD_FLOAT, WORLD_FORMER, WORLD_EXTRA_COUNT };
#define WORLD_DEPARTMENT_COUNT 6

enum fact_kind { FACT_ENCOUNTER, FACT_ORDER, FACT_RESULT, FACT_ACCESS, FACT_APPOINTMENT, FACT_RAW };

struct fact {
    enum fact_kind kind;
    uint32_t       serial;  /* Of the event: its id is a letter and this. A copy has the original's. */
    uint32_t       patient, user;
    uint32_t       encounter; /* Serial of the encounter; 0: none. */
    uint32_t       order;     /* Serial of the order. */
    uint32_t       result;    /* Serial of the result; a correction has the original's. */
    uint32_t       analyte;
    int64_t        value;
    int64_t        event_us, effective_us, end_us;
    int64_t        arrival_us; /* Sorts the live log. */
    char           status[4];
    char           flag[4];
    uint8_t        partition;
    uint8_t        facility;
    bool           is_live, is_history, uses_other_unit, is_copy;
    const char    *result_text; /* In place of the value. */
    const char    *odd_member;  /* A JSON member that replaces the one of its name: `"event_time":"yesterday"`. */
    const char    *raw;         /* FACT_RAW: the line itself. */
    const char    *department;  /* In place of the user's; NULL: the user's. */
    bool           is_vip;      /* The encounter's patient is marked so. */
    const char    *purpose;     /* Of an access: purpose of use; NULL: none is told. */
    const char    *reason;      /* And the reason that the user gave. */
};

struct plant {
    const char *kind;
    const char *expect;
    uint32_t    fact;  /* Index after the world is complete; UINT32_MAX: none. */
    uint32_t    other; /* A second fact (the original of a copy, the explanation of an access). */
    const char *file;  /* Of a planted bad record in a file of history. */
    uint32_t    line;
    const char *reason;
    const char *alert; /* The rule of an alert that comes besides what is expected. */
};

struct world {
    struct world_options options;
    struct arena         arena;
    struct patient      *patients;
    struct user         *users;
    uint32_t             user_count;  /* Clinical ones: physicians and nurses. */
    uint32_t             extra_count; /* Of all kinds of enum world_extra, behind them. */
    struct fact         *facts;
    size_t               fact_count, fact_capacity;
    struct plant        *plants;
    size_t               plant_count, plant_capacity;
    uint32_t             event_serial, encounter_serial, order_serial, result_serial;
    int64_t              start_us, end_us; /* Local midnights in UTC. */
    bool                 is_out_of_memory;
};

/* Makes the whole world in memory. Release also after a failure. */
enum status world_init(struct world *world, const struct world_options *options, struct error *err);
void        world_release(struct world *world);

/* Adds a fact (zeroed but for the kind) and returns its index; the array may move. */
uint32_t world_add(struct world *world, enum fact_kind kind);
uint32_t world_plant(struct world *world, const char *kind, uint32_t fact, const char *expect);

/* The stories. */
void world_plant_all(struct world *world, struct random *random);
/* An order of one analyte and its result at `event_us`; returns the result's index. */
uint32_t world_result(struct world *world, struct random *random, uint32_t patient, uint32_t analyte, int64_t value,
                      int64_t effective_us, int64_t event_us);
int64_t  world_ordinary_value(struct random *random, const struct analyte *analyte);
/* Patients of whom a story is told, in their order. */
struct story_patients {
    uint32_t next;
};
/* False where there is none left. The moment lies on a day after the first. */
bool     world_next_patient(struct world *world, struct random *random, struct story_patients *patients, uint32_t *ret_patient, int64_t *ret_at_us);
void     world_plant_accesses(struct world *world, struct story_patients *patients, int64_t count);
/* Whoever opens charts besides, once all else is there. */
void     world_traffic(struct world *world);
/* Users who look at far more charts than others, as many as the options want, behind the traffic. */
void     world_plant_volumes(struct world *world);
uint32_t world_order(struct world *world, uint32_t patient, uint32_t user, uint32_t encounter, int64_t event_us, uint8_t facility);
/* An encounter with a department; returns its index. */
uint32_t world_encounter(struct world *world, struct random *random, uint32_t patient, uint32_t user, int64_t start_us,
                         int64_t end_us, bool is_live);
uint32_t world_access(struct world *world, uint32_t patient, uint32_t user, int64_t event_us);

/* US Eastern wall-clock time of an instant, and its offset (the rules in force since 2007). */
int64_t world_local_us(int64_t utc_us, int32_t *ret_offset_minutes);

/* Writers; `directory` exists. */
enum status world_write(struct world *world, struct io *io, const char *directory, struct error *err);
enum status world_write_csv(struct world *world, struct io *io, const char *directory, struct error *err);
enum status world_write_hl7(struct world *world, struct io *io, const char *directory, struct error *err);
enum status world_write_events(struct world *world, struct io *io, const char *directory, struct error *err);
enum status world_write_truth(struct world *world, struct io *io, const char *directory, struct error *err);

/* Shared by the writers. */
extern const char *const world_facilities[];
extern const char *const world_departments[];
void                     world_fact_id(const struct fact *fact, char out[24]);
/* The value as the laboratory prints it, in the unit it uses. */
void        world_value_text(const struct fact *fact, char out[32]);
const char *world_unit(const struct fact *fact);

#endif
