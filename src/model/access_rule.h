/* What a rule of accesses says besides its explanations: which flags count how much, and who explains himself otherwise. */
#ifndef HEDDLE_MODEL_ACCESS_RULE_H
#define HEDDLE_MODEL_ACCESS_RULE_H

#include <stdbool.h>
#include <stdint.h>

/* Why an access may be worth a look. The order is that of explanations in alerts. */
enum access_flag {
    ACCESS_FLAG_NO_TREATMENT_RELATIONSHIP,  /* Nothing explains it. */
    ACCESS_FLAG_BREAK_GLASS_WITHOUT_REASON, /* An emergency was claimed, and no reason given. */
    ACCESS_FLAG_OWN_CHART,                  /* The user is the patient. */
    ACCESS_FLAG_SAME_HOUSEHOLD,             /* The user lives where the patient lives. */
    ACCESS_FLAG_SAME_SURNAME,               /* A surname that few patients have. */
    ACCESS_FLAG_COWORKER,                   /* The patient is of the workforce. */
    ACCESS_FLAG_VIP,                        /* The sender marks the patient's encounters so (PV1-16). */
    ACCESS_FLAG_DECEASED,                   /* Dead for longer than `after`. */
    ACCESS_FLAG_LONG_DISCHARGED,            /* No dealings for longer than `after`. */
    ACCESS_FLAG_TERMINATED_USER,            /* The user had left. */
    ACCESS_FLAG_AFTER_HOURS,                /* Outside of the hours of the user's department. */
    ACCESS_FLAG_COUNT
};
const char *access_flag_name(enum access_flag flag); /* "no_treatment_relationship" … */

struct access_flag_rule {
    int32_t weight;   /* 0: the flag is off. */
    bool    stands;   /* Also beside an explanation. */
    int64_t after_us; /* deceased, long_discharged. */
    int32_t at_most;  /* same_surname: so many persons have it. */
};

/* The hours of a department: minutes of the local day, [from, to); over midnight where `from` is above `to`, and then of the day on which
 * they begin. Bit 0 of `days` is Monday. */
struct access_hours {
    const char *department;
    int32_t     from_minute;
    int32_t     to_minute;
    uint32_t    days;
};

struct access_rule {
    struct access_flag_rule    flags[ACCESS_FLAG_COUNT];
    int32_t                    alert_from; /* An alert is an access whose flags weigh so much, or more. */
    bool                       has_severities;
    int32_t                    severity_from[4]; /* By enum severity: from which weight on. INT32_MAX: never. */
    const struct access_hours *hours; /* Departments that are not named are open day and night. */
    uint32_t                   hours_count;
    const char                *zone; /* Of the hours; NULL: the pipeline's. */
    int64_t                    shortly_after_us; /* Treatment that begins so soon after it explains an access, whoever treats. 0: none does. */
    const char *const         *house_wide; /* Departments that work for all others: any dealings explain. */
    uint32_t                   house_wide_count;
    int64_t                    house_wide_us; /* So long after the dealings. */
};

/* ---- How much one looks at (live/op/access_volume.h) ---- */

enum access_measure {
    ACCESS_MEASURE_VOLUME,  /* Accesses. */
    ACCESS_MEASURE_BREADTH, /* Different patients. */
    ACCESS_MEASURE_COUNT
};
const char *access_measure_name(enum access_measure measure); /* "volume", "breadth" */

struct access_measure_rule {
    int32_t weight;   /* 0: it is not judged. */
    int32_t at_least; /* Fewer are never an alert. */
    int64_t z;        /* From this robust z on, millionths. */
    int64_t times;    /* And from so many times the median of peers on, millionths; 0: of any. */
};

struct access_volume_rule {
    struct access_measure_rule measures[ACCESS_MEASURE_COUNT];
    int32_t     day_count; /* Days that peers are compared over: the one judged and those before it. */
    int32_t     peers;     /* So many other users, or nobody is compared. */
    int64_t     settle_us; /* So long after its end a day is judged. */
    int64_t     late_us;   /* So long after its end it is judged again, and then for good. */
    const char *zone;      /* Of its days; NULL: the pipeline's. */
};

#endif
