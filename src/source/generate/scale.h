/* A snapshot of Synthea's headers of any size: patients.csv, encounters.csv, observations.csv, written row by row, so that memory does not
 * grow with it. For measuring the batch leg: ordinary rows, few mistakes, no stories and no live log.
 *
 * Each row is a function of seed, its number and the day. A patient has 10 encounters, an encounter 20 observations: eight vital signs,
 * ten laboratory results, two answers. Of the rows, the same on both days: one in 1,000 observations has a bad DATE, one in 500 is written
 * twice.
 *
 * Day 2 is the same snapshot a day later: of each table 4 % of the rows are changed and 1 % are new, behind the others. No row gets shorter by its
 * change, so that a later statement never stands before the one it follows (the total order of versions, src/warehouse/history_int.h). */
#ifndef HEDDLE_SOURCE_GENERATE_SCALE_H
#define HEDDLE_SOURCE_GENERATE_SCALE_H

#include <stdint.h>

#include "base/error.h"

struct io;

#define SCALE_ENCOUNTER_OBSERVATIONS 20
#define SCALE_PATIENT_ENCOUNTERS     10
/* Fewer observations would be less than a hundred patients, of whom one is new on day 2. */
#define SCALE_OBSERVATIONS_MIN       (100 * SCALE_PATIENT_ENCOUNTERS * SCALE_ENCOUNTER_OBSERVATIONS)

struct scale_options {
    uint64_t seed;
    int64_t  observation_count; /* About: whole patients are written. */
    int64_t  day;               /* 1 or 2. */
    int32_t  start_date;        /* Encounters lie in the thousand days before it. */
};

struct scale_counts { /* Rows written. */
    int64_t patients, encounters, observations;
};

/* Writes the three files into the folder, which is made where it is not there. */
enum status scale_write(const struct scale_options *options, struct io *io, const char *folder, struct scale_counts *ret_counts, struct error *err);

#endif
