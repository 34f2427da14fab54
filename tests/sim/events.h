/* The event logs of one simulated world, drawn from a seed: what the producers will have written when all is over. */
#ifndef HEDDLE_TESTS_SIM_EVENTS_H
#define HEDDLE_TESTS_SIM_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/str_builder.h"

#define EVENTS_PARTITION_MAX 4

/* What was drawn, for people. */
struct events_plan {
    uint32_t partition_count;
    uint32_t event_count;
    int64_t  step_us;      /* How much later than the one before an event is. */
    int64_t  disorder_us;  /* How far it may be behind. */
    int64_t  skew_us;      /* How far each partition is behind the one before it. */
    uint32_t patient_count;
    double   copy_chance;  /* Of each event: that it is sent again, up to copy_delay events later, */
    uint32_t copy_delay;
    bool     copies_cross; /* … by another partition too. */
    double   bad_chance;
    double   rewind_chance; /* That a producer sends its last lines again. */
};

struct events {
    struct events_plan plan;
    struct str_builder logs[EVENTS_PARTITION_MAX];
};

void events_make(struct events *events, uint64_t seed);
void events_release(struct events *events);

/* "part-0.ndjson" … */
const char *events_partition_name(uint32_t partition);

#endif
