/* Units of measure and the analytes that are kept in one: data (units_table.c) and the two questions asked of it.
 *
 * Units convert within one kind only, by exact factors: a molar concentration is not a mass concentration, and the
 * property decides, not the physical dimension (UCUM makes mol a pure number). Between mass and amount the analyte
 * must be known, and only a molar code takes a mass unit: a molar unit under a mass code is a wrong code. */
#ifndef HEDDLE_HEALTH_UNITS_H
#define HEDDLE_HEALTH_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Named in units.json in lower case. */
enum unit_kind {
    UNIT_AMOUNT_CONCENTRATION,
    UNIT_AMOUNT_RATIO,
    UNIT_CATALYTIC_CONCENTRATION,
    UNIT_COPIES_CONCENTRATION,
    UNIT_EQUIVALENT_CONCENTRATION,
    UNIT_FREQUENCY,
    UNIT_INTERNATIONAL_CONCENTRATION,
    UNIT_LENGTH,
    UNIT_MASS,
    UNIT_MASS_CONCENTRATION,
    UNIT_MASS_PER_AMOUNT,
    UNIT_MASS_PER_AREA,
    UNIT_MASS_RATIO,
    UNIT_MONTHS,
    UNIT_NUMBER_CONCENTRATION,
    UNIT_OSMOLALITY,
    UNIT_OSMOLARITY,
    UNIT_PH,
    UNIT_PRESSURE,
    UNIT_PRESSURE_MERCURY,
    UNIT_PRESSURE_WATER,
    UNIT_RATIO,
    UNIT_REMARK_INDEX,
    UNIT_REMARK_INR,
    UNIT_REMARK_NUMBER,
    UNIT_REMARK_RATIO,
    UNIT_REMARK_SCORE,
    UNIT_REMARK_TITER,
    UNIT_TEMPERATURE,
    UNIT_TIME,
    UNIT_VELOCITY,
    UNIT_VOLUME,
    UNIT_VOLUME_RATE,
    UNIT_VOLUME_RATE_PER_AREA,
    UNIT_KIND_COUNT
};

/* In the base of its kind: (value + offset) * numerator / denominator. */
struct unit {
    const char    *code; /* UCUM. */
    enum unit_kind kind;
    int64_t        numerator;
    int64_t        denominator;
    int64_t        offset; /* Millionths. */
};

struct unit_repair {
    const char *from;
    const char *to;
};

struct analyte {
    const char *loinc;
    const char *unit;      /* In which it is kept. */
    const char *mass_unit; /* Of a molar code: the mass unit that mass_… takes to `unit`; NULL: none. */
    int64_t     mass_numerator;
    int64_t     mass_denominator;
    int64_t     meq_numerator; /* mmol in one meq; 0: not known. */
    int64_t     meq_denominator;
    bool        is_unit_optional; /* A result without unit is meant in `unit`. */
};

/* Sorted by the bytes of code, from, loinc. */
extern const struct unit        health_units[];
extern const size_t             health_unit_count;
extern const struct unit_repair health_unit_repairs[];
extern const size_t             health_unit_repair_count;
extern const struct analyte     health_analytes[];
extern const size_t             health_analyte_count;

/* The unit that a text means, as UCUM writes it or as senders do; NULL where it is none that we know. */
const struct unit *unit_find(struct str text);
/* NULL: not in the table. */
const struct analyte *analyte_find(struct str loinc);

/* How a value comes from one unit to the other: (value + offset) * numerator / denominator - offset_to. */
struct unit_conversion {
    int64_t numerator;
    int64_t denominator;
    int64_t offset;
    int64_t offset_to;
};

/* The unit in which results of this code and unit are kept, and how a value gets there. An empty `loinc` or one that is
 * not in the table keeps the unit itself. NULL where the unit is not known, or cannot be brought to that of the code. */
const struct unit *unit_of_result(struct str loinc, struct str unit, struct unit_conversion *ret_conversion);

/* Value in millionths, rounded half away from zero. False where it leaves 18 digits. */
bool unit_convert_value(const struct unit_conversion *conversion, int64_t value, int64_t *ret_value);

#endif
