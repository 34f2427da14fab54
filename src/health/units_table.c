/* The units and analytes of model/terms/units.json, sorted by bytes for binary search. A test holds the two to each other:
 * whoever changes one changes the other. */
#include "health/units.h"

const struct unit health_units[] = {
    { "%", UNIT_RATIO, INT64_C(1), INT64_C(100), 0 },
    { "/L", UNIT_NUMBER_CONCENTRATION, INT64_C(1), INT64_C(1), 0 },
    { "/h", UNIT_FREQUENCY, INT64_C(1), INT64_C(60), 0 },
    { "/mL", UNIT_NUMBER_CONCENTRATION, INT64_C(1000), INT64_C(1), 0 },
    { "/min", UNIT_FREQUENCY, INT64_C(1), INT64_C(1), 0 },
    { "/s", UNIT_FREQUENCY, INT64_C(60), INT64_C(1), 0 },
    { "/uL", UNIT_NUMBER_CONCENTRATION, INT64_C(1000000), INT64_C(1), 0 },
    { "1", UNIT_RATIO, INT64_C(1), INT64_C(1), 0 },
    { "10*12/L", UNIT_NUMBER_CONCENTRATION, INT64_C(1000000000000), INT64_C(1), 0 },
    { "10*12/mL", UNIT_NUMBER_CONCENTRATION, INT64_C(1000000000000000), INT64_C(1), 0 },
    { "10*12/uL", UNIT_NUMBER_CONCENTRATION, INT64_C(1000000000000000000), INT64_C(1), 0 },
    { "10*3/L", UNIT_NUMBER_CONCENTRATION, INT64_C(1000), INT64_C(1), 0 },
    { "10*3/mL", UNIT_NUMBER_CONCENTRATION, INT64_C(1000000), INT64_C(1), 0 },
    { "10*3/uL", UNIT_NUMBER_CONCENTRATION, INT64_C(1000000000), INT64_C(1), 0 },
    { "10*6/L", UNIT_NUMBER_CONCENTRATION, INT64_C(1000000), INT64_C(1), 0 },
    { "10*6/mL", UNIT_NUMBER_CONCENTRATION, INT64_C(1000000000), INT64_C(1), 0 },
    { "10*6/uL", UNIT_NUMBER_CONCENTRATION, INT64_C(1000000000000), INT64_C(1), 0 },
    { "10*9/L", UNIT_NUMBER_CONCENTRATION, INT64_C(1000000000), INT64_C(1), 0 },
    { "10*9/mL", UNIT_NUMBER_CONCENTRATION, INT64_C(1000000000000), INT64_C(1), 0 },
    { "10*9/uL", UNIT_NUMBER_CONCENTRATION, INT64_C(1000000000000000), INT64_C(1), 0 },
    { "Cel", UNIT_TEMPERATURE, INT64_C(1), INT64_C(1), 0 },
    { "K", UNIT_TEMPERATURE, INT64_C(1), INT64_C(1), -273150000 },
    { "L", UNIT_VOLUME, INT64_C(1), INT64_C(1), 0 },
    { "L/min", UNIT_VOLUME_RATE, INT64_C(1000), INT64_C(1), 0 },
    { "Pa", UNIT_PRESSURE, INT64_C(1), INT64_C(1), 0 },
    { "U/L", UNIT_CATALYTIC_CONCENTRATION, INT64_C(1), INT64_C(1), 0 },
    { "U/mL", UNIT_CATALYTIC_CONCENTRATION, INT64_C(1000), INT64_C(1), 0 },
    { "[IU]/L", UNIT_INTERNATIONAL_CONCENTRATION, INT64_C(1), INT64_C(1), 0 },
    { "[IU]/mL", UNIT_INTERNATIONAL_CONCENTRATION, INT64_C(1000), INT64_C(1), 0 },
    { "[degF]", UNIT_TEMPERATURE, INT64_C(5), INT64_C(9), -32000000 },
    { "[ft_i]", UNIT_LENGTH, INT64_C(381), INT64_C(1250), 0 },
    { "[in_i]", UNIT_LENGTH, INT64_C(127), INT64_C(5000), 0 },
    { "[lb_av]", UNIT_MASS, INT64_C(45359237), INT64_C(100000), 0 },
    { "[oz_av]", UNIT_MASS, INT64_C(45359237), INT64_C(1600000), 0 },
    { "[pH]", UNIT_PH, INT64_C(1), INT64_C(1), 0 },
    { "a", UNIT_MONTHS, INT64_C(12), INT64_C(1), 0 },
    { "cm", UNIT_LENGTH, INT64_C(1), INT64_C(100), 0 },
    { "cm[H2O]", UNIT_PRESSURE_WATER, INT64_C(1), INT64_C(1), 0 },
    { "d", UNIT_TIME, INT64_C(86400), INT64_C(1), 0 },
    { "dL", UNIT_VOLUME, INT64_C(1), INT64_C(10), 0 },
    { "eq/L", UNIT_EQUIVALENT_CONCENTRATION, INT64_C(1), INT64_C(1), 0 },
    { "fL", UNIT_VOLUME, INT64_C(1), INT64_C(1000000000000000), 0 },
    { "g", UNIT_MASS, INT64_C(1), INT64_C(1), 0 },
    { "g/L", UNIT_MASS_CONCENTRATION, INT64_C(1), INT64_C(1), 0 },
    { "g/dL", UNIT_MASS_CONCENTRATION, INT64_C(10), INT64_C(1), 0 },
    { "g/mL", UNIT_MASS_CONCENTRATION, INT64_C(1000), INT64_C(1), 0 },
    { "h", UNIT_TIME, INT64_C(3600), INT64_C(1), 0 },
    { "kPa", UNIT_PRESSURE, INT64_C(1000), INT64_C(1), 0 },
    { "kU/L", UNIT_CATALYTIC_CONCENTRATION, INT64_C(1000), INT64_C(1), 0 },
    { "kU/mL", UNIT_CATALYTIC_CONCENTRATION, INT64_C(1000000), INT64_C(1), 0 },
    { "k[IU]/L", UNIT_INTERNATIONAL_CONCENTRATION, INT64_C(1000), INT64_C(1), 0 },
    { "k[IU]/mL", UNIT_INTERNATIONAL_CONCENTRATION, INT64_C(1000000), INT64_C(1), 0 },
    { "kg", UNIT_MASS, INT64_C(1000), INT64_C(1), 0 },
    { "kg/m2", UNIT_MASS_PER_AREA, INT64_C(1), INT64_C(1), 0 },
    { "m", UNIT_LENGTH, INT64_C(1), INT64_C(1), 0 },
    { "mL", UNIT_VOLUME, INT64_C(1), INT64_C(1000), 0 },
    { "mL/min", UNIT_VOLUME_RATE, INT64_C(1), INT64_C(1), 0 },
    { "mL/min/{1.73_m2}", UNIT_VOLUME_RATE_PER_AREA, INT64_C(1), INT64_C(1), 0 },
    { "mU/L", UNIT_CATALYTIC_CONCENTRATION, INT64_C(1), INT64_C(1000), 0 },
    { "mU/mL", UNIT_CATALYTIC_CONCENTRATION, INT64_C(1), INT64_C(1), 0 },
    { "m[IU]/L", UNIT_INTERNATIONAL_CONCENTRATION, INT64_C(1), INT64_C(1000), 0 },
    { "m[IU]/mL", UNIT_INTERNATIONAL_CONCENTRATION, INT64_C(1), INT64_C(1), 0 },
    { "meq/L", UNIT_EQUIVALENT_CONCENTRATION, INT64_C(1), INT64_C(1000), 0 },
    { "mg", UNIT_MASS, INT64_C(1), INT64_C(1000), 0 },
    { "mg/L", UNIT_MASS_CONCENTRATION, INT64_C(1), INT64_C(1000), 0 },
    { "mg/dL", UNIT_MASS_CONCENTRATION, INT64_C(1), INT64_C(100), 0 },
    { "mg/g", UNIT_MASS_RATIO, INT64_C(1), INT64_C(1000), 0 },
    { "mg/mL", UNIT_MASS_CONCENTRATION, INT64_C(1), INT64_C(1), 0 },
    { "mg/mmol", UNIT_MASS_PER_AMOUNT, INT64_C(1), INT64_C(1), 0 },
    { "min", UNIT_TIME, INT64_C(60), INT64_C(1), 0 },
    { "mm", UNIT_LENGTH, INT64_C(1), INT64_C(1000), 0 },
    { "mm/h", UNIT_VELOCITY, INT64_C(1), INT64_C(1), 0 },
    { "mm[Hg]", UNIT_PRESSURE_MERCURY, INT64_C(1), INT64_C(1), 0 },
    { "mmol/L", UNIT_AMOUNT_CONCENTRATION, INT64_C(1), INT64_C(1000), 0 },
    { "mmol/mL", UNIT_AMOUNT_CONCENTRATION, INT64_C(1), INT64_C(1), 0 },
    { "mmol/mol", UNIT_AMOUNT_RATIO, INT64_C(1), INT64_C(1000), 0 },
    { "mo", UNIT_MONTHS, INT64_C(1), INT64_C(1), 0 },
    { "mol/L", UNIT_AMOUNT_CONCENTRATION, INT64_C(1), INT64_C(1), 0 },
    { "mosm/L", UNIT_OSMOLARITY, INT64_C(1), INT64_C(1), 0 },
    { "mosm/kg", UNIT_OSMOLALITY, INT64_C(1), INT64_C(1), 0 },
    { "ng/L", UNIT_MASS_CONCENTRATION, INT64_C(1), INT64_C(1000000000), 0 },
    { "ng/dL", UNIT_MASS_CONCENTRATION, INT64_C(1), INT64_C(100000000), 0 },
    { "ng/mL", UNIT_MASS_CONCENTRATION, INT64_C(1), INT64_C(1000000), 0 },
    { "nmol/L", UNIT_AMOUNT_CONCENTRATION, INT64_C(1), INT64_C(1000000000), 0 },
    { "nmol/mL", UNIT_AMOUNT_CONCENTRATION, INT64_C(1), INT64_C(1000000), 0 },
    { "pg", UNIT_MASS, INT64_C(1), INT64_C(1000000000000), 0 },
    { "pg/L", UNIT_MASS_CONCENTRATION, INT64_C(1), INT64_C(1000000000000), 0 },
    { "pg/dL", UNIT_MASS_CONCENTRATION, INT64_C(1), INT64_C(100000000000), 0 },
    { "pg/mL", UNIT_MASS_CONCENTRATION, INT64_C(1), INT64_C(1000000000), 0 },
    { "pmol/L", UNIT_AMOUNT_CONCENTRATION, INT64_C(1), INT64_C(1000000000000), 0 },
    { "s", UNIT_TIME, INT64_C(1), INT64_C(1), 0 },
    { "uL", UNIT_VOLUME, INT64_C(1), INT64_C(1000000), 0 },
    { "uU/L", UNIT_CATALYTIC_CONCENTRATION, INT64_C(1), INT64_C(1000000), 0 },
    { "uU/mL", UNIT_CATALYTIC_CONCENTRATION, INT64_C(1), INT64_C(1000), 0 },
    { "u[IU]/L", UNIT_INTERNATIONAL_CONCENTRATION, INT64_C(1), INT64_C(1000000), 0 },
    { "u[IU]/mL", UNIT_INTERNATIONAL_CONCENTRATION, INT64_C(1), INT64_C(1000), 0 },
    { "ug", UNIT_MASS, INT64_C(1), INT64_C(1000000), 0 },
    { "ug/L", UNIT_MASS_CONCENTRATION, INT64_C(1), INT64_C(1000000), 0 },
    { "ug/dL", UNIT_MASS_CONCENTRATION, INT64_C(1), INT64_C(100000), 0 },
    { "ug/g", UNIT_MASS_RATIO, INT64_C(1), INT64_C(1000000), 0 },
    { "ug/mL", UNIT_MASS_CONCENTRATION, INT64_C(1), INT64_C(1000), 0 },
    { "ug/mg", UNIT_MASS_RATIO, INT64_C(1), INT64_C(1000), 0 },
    { "umol/L", UNIT_AMOUNT_CONCENTRATION, INT64_C(1), INT64_C(1000000), 0 },
    { "umol/mL", UNIT_AMOUNT_CONCENTRATION, INT64_C(1), INT64_C(1000), 0 },
    { "wk", UNIT_TIME, INT64_C(604800), INT64_C(1), 0 },
    { "{#}", UNIT_REMARK_NUMBER, INT64_C(1), INT64_C(1), 0 },
    { "{INR}", UNIT_REMARK_INR, INT64_C(1), INT64_C(1), 0 },
    { "{cells}/mL", UNIT_NUMBER_CONCENTRATION, INT64_C(1000), INT64_C(1), 0 },
    { "{cells}/uL", UNIT_NUMBER_CONCENTRATION, INT64_C(1000000), INT64_C(1), 0 },
    { "{copies}/mL", UNIT_COPIES_CONCENTRATION, INT64_C(1000), INT64_C(1), 0 },
    { "{copies}/uL", UNIT_COPIES_CONCENTRATION, INT64_C(1000000), INT64_C(1), 0 },
    { "{index}", UNIT_REMARK_INDEX, INT64_C(1), INT64_C(1), 0 },
    { "{ratio}", UNIT_REMARK_RATIO, INT64_C(1), INT64_C(1), 0 },
    { "{score}", UNIT_REMARK_SCORE, INT64_C(1), INT64_C(1), 0 },
    { "{titer}", UNIT_REMARK_TITER, INT64_C(1), INT64_C(1), 0 },
};
const size_t health_unit_count = sizeof(health_units) / sizeof(*health_units);

const struct unit_repair health_unit_repairs[] = {
    { "/MIN", "/min" },
    { "/cumm", "/uL" },
    { "/mm3", "/uL" },
    { "/nL", "10*9/L" },
    { "/nl", "10*9/L" },
    { "/pL", "10*12/L" },
    { "/pl", "10*12/L" },
    { "/ul", "/uL" },
    { "/\xc2\xb5L", "/uL" },
    { "1/min", "/min" },
    { "10*3/UL", "10*3/uL" },
    { "10*3/mm3", "10*3/uL" },
    { "10*3/\xc2\xb5L", "10*3/uL" },
    { "10*6/mm3", "10*6/uL" },
    { "10E12/L", "10*12/L" },
    { "10E3/uL", "10*3/uL" },
    { "10E6/uL", "10*6/uL" },
    { "10E9/L", "10*9/L" },
    { "10^12/L", "10*12/L" },
    { "10^3/mm3", "10*3/uL" },
    { "10^3/uL", "10*3/uL" },
    { "10^3/\xc2\xb5L", "10*3/uL" },
    { "10^6/mm3", "10*6/uL" },
    { "10^6/uL", "10*6/uL" },
    { "10^9/L", "10*9/L" },
    { "C", "Cel" },
    { "CM", "cm" },
    { "Cel.", "Cel" },
    { "F", "[degF]" },
    { "FL", "fL" },
    { "G/DL", "g/dL" },
    { "G/L", "g/L" },
    { "G/ML", "g/mL" },
    { "INR", "{INR}" },
    { "IU/L", "[IU]/L" },
    { "IU/mL", "[IU]/mL" },
    { "K/UL", "10*3/uL" },
    { "K/mcL", "10*3/uL" },
    { "K/uL", "10*3/uL" },
    { "K/\xc2\xb5L", "10*3/uL" },
    { "KG", "kg" },
    { "M/uL", "10*6/uL" },
    { "MEQ/L", "meq/L" },
    { "MG/DL", "mg/dL" },
    { "MG/L", "mg/L" },
    { "MG/ML", "mg/mL" },
    { "ML", "mL" },
    { "MMHG", "mm[Hg]" },
    { "MMOL/L", "mmol/L" },
    { "MMOL/ML", "mmol/mL" },
    { "MOL/L", "mol/L" },
    { "MU/L", "mU/L" },
    { "MU/ML", "mU/mL" },
    { "NG/ML", "ng/mL" },
    { "NMOL/L", "nmol/L" },
    { "PERCENT", "%" },
    { "PG", "pg" },
    { "PG/ML", "pg/mL" },
    { "PH", "[pH]" },
    { "Thou/uL", "10*3/uL" },
    { "UG/DL", "ug/dL" },
    { "UG/ML", "ug/mL" },
    { "UMOL/L", "umol/L" },
    { "Units/L", "U/L" },
    { "[iU]/L", "[IU]/L" },
    { "[iU]/mL", "[IU]/mL" },
    { "beats/min", "/min" },
    { "bpm", "/min" },
    { "breaths/min", "/min" },
    { "cc", "mL" },
    { "cells/mL", "{cells}/mL" },
    { "cells/uL", "{cells}/uL" },
    { "cm H2O", "cm[H2O]" },
    { "cmH2O", "cm[H2O]" },
    { "copies/mL", "{copies}/mL" },
    { "copies/uL", "{copies}/uL" },
    { "copies/\xc2\xb5L", "{copies}/uL" },
    { "day", "d" },
    { "days", "d" },
    { "deg C", "Cel" },
    { "deg F", "[degF]" },
    { "degC", "Cel" },
    { "degF", "[degF]" },
    { "dl", "dL" },
    { "eq/l", "eq/L" },
    { "fl", "fL" },
    { "ft", "[ft_i]" },
    { "g/dl", "g/dL" },
    { "g/l", "g/L" },
    { "g/l-1", "g/L" },
    { "g/ml", "g/mL" },
    { "giga.l-1", "10*9/L" },
    { "gm", "g" },
    { "gm/L", "g/L" },
    { "gm/dL", "g/dL" },
    { "gm/dl", "g/dL" },
    { "grams", "g" },
    { "hours", "h" },
    { "hr", "h" },
    { "in", "[in_i]" },
    { "inch", "[in_i]" },
    { "index", "{index}" },
    { "iu/l", "[IU]/L" },
    { "k/cumm", "10*3/uL" },
    { "k/uL", "10*3/uL" },
    { "kIU/L", "k[IU]/L" },
    { "kU/l", "kU/L" },
    { "kg/m^2", "kg/m2" },
    { "kgs", "kg" },
    { "ku/l", "kU/L" },
    { "ku/ml", "kU/mL" },
    { "l", "L" },
    { "lb", "[lb_av]" },
    { "lbs", "[lb_av]" },
    { "mEq/L", "meq/L" },
    { "mEq/l", "meq/L" },
    { "mIU/L", "m[IU]/L" },
    { "mIU/mL", "m[IU]/mL" },
    { "mL/min/1.73", "mL/min/{1.73_m2}" },
    { "mL/min/1.73 m2", "mL/min/{1.73_m2}" },
    { "mL/min/1.73m2", "mL/min/{1.73_m2}" },
    { "mL/min/{1.73m2}", "mL/min/{1.73_m2}" },
    { "mOsm/L", "mosm/L" },
    { "mOsm/kg", "mosm/kg" },
    { "mcg", "ug" },
    { "mcg/L", "ug/L" },
    { "mcg/dL", "ug/dL" },
    { "mcg/mL", "ug/mL" },
    { "mcmol/L", "umol/L" },
    { "meq/l", "meq/L" },
    { "mg%", "mg/dL" },
    { "mg/dl", "mg/dL" },
    { "mg/l", "mg/L" },
    { "mg/ml", "mg/mL" },
    { "micromol/L", "umol/L" },
    { "ml", "mL" },
    { "mm HG", "mm[Hg]" },
    { "mm Hg", "mm[Hg]" },
    { "mm hg", "mm[Hg]" },
    { "mm/hr", "mm/h" },
    { "mmHg", "mm[Hg]" },
    { "mmol/l", "mmol/L" },
    { "mmol/ml", "mmol/mL" },
    { "mol/l", "mol/L" },
    { "mon", "mo" },
    { "months", "mo" },
    { "mosmol/kg", "mosm/kg" },
    { "mu/l", "mU/L" },
    { "mu/ml", "mU/mL" },
    { "ng/dl", "ng/dL" },
    { "ng/l", "ng/L" },
    { "ng/ml", "ng/mL" },
    { "nmol/l", "nmol/L" },
    { "nmol/ml", "nmol/mL" },
    { "oz", "[oz_av]" },
    { "pH", "[pH]" },
    { "percent", "%" },
    { "pg/dl", "pg/dL" },
    { "pg/l", "pg/L" },
    { "pg/ml", "pg/mL" },
    { "pg/{cell}", "pg" },
    { "pmol/l", "pmol/L" },
    { "ratio", "{ratio}" },
    { "score", "{score}" },
    { "sec", "s" },
    { "seconds", "s" },
    { "tera.l-1", "10*12/L" },
    { "thou/uL", "10*3/uL" },
    { "titer", "{titer}" },
    { "u/l", "U/L" },
    { "u/ml", "U/mL" },
    { "uIU/L", "u[IU]/L" },
    { "uIU/mL", "u[IU]/mL" },
    { "ug/dl", "ug/dL" },
    { "ug/l", "ug/L" },
    { "ug/ml", "ug/mL" },
    { "ul", "uL" },
    { "umol/l", "umol/L" },
    { "umol/ml", "umol/mL" },
    { "units/L", "U/L" },
    { "uu/l", "uU/L" },
    { "uu/ml", "uU/mL" },
    { "week", "wk" },
    { "weeks", "wk" },
    { "x10E3/uL", "10*3/uL" },
    { "x10E6/uL", "10*6/uL" },
    { "x10^12/L", "10*12/L" },
    { "x10^3/uL", "10*3/uL" },
    { "x10^6/uL", "10*6/uL" },
    { "x10^9/L", "10*9/L" },
    { "years", "a" },
    { "yr", "a" },
    { "{Copies}/mL", "{copies}/mL" },
    { "{Index}", "{index}" },
    { "{Ratio}", "{ratio}" },
    { "{Score}", "{score}" },
    { "{Titer}", "{titer}" },
    { "{beats}/min", "/min" },
    { "{breaths}/min", "/min" },
    { "{inr}", "{INR}" },
    { "\xc2\xb0" "C", "Cel" },
    { "\xc2\xb0" "F", "[degF]" },
    { "\xc2\xb5IU/mL", "u[IU]/mL" },
    { "\xc2\xb5L", "uL" },
    { "\xc2\xb5g", "ug" },
    { "\xc2\xb5g/L", "ug/L" },
    { "\xc2\xb5g/dL", "ug/dL" },
    { "\xc2\xb5g/mL", "ug/mL" },
    { "\xc2\xb5mol/L", "umol/L" },
    { "\xce\xbcIU/mL", "u[IU]/mL" },
    { "\xce\xbcL", "uL" },
    { "\xce\xbcg", "ug" },
    { "\xce\xbcg/L", "ug/L" },
    { "\xce\xbcg/dL", "ug/dL" },
    { "\xce\xbcg/mL", "ug/mL" },
    { "\xce\xbcmol/L", "umol/L" },
};
const size_t health_unit_repair_count = sizeof(health_unit_repairs) / sizeof(*health_unit_repairs);

/* LOINC, unit, mass unit, its factor, factor of meq, whether the unit may be missing. */
const struct analyte health_analytes[] = {
    { "10834-0", "g/dL", NULL, 0, 1, 0, 1, false }, /* Globulin */
    { "13457-7", "mg/dL", NULL, 0, 1, 0, 1, false }, /* Cholesterol in LDL */
    { "14629-0", "umol/L", "mg/dL", 171, 10, 0, 1, false }, /* Bilirubin, direct */
    { "14631-6", "umol/L", "mg/dL", 171, 10, 0, 1, false }, /* Bilirubin, total */
    { "14646-4", "mmol/L", "mg/dL", 1293, 50000, 0, 1, false }, /* Cholesterol in HDL */
    { "14647-2", "mmol/L", "mg/dL", 1293, 50000, 0, 1, false }, /* Cholesterol */
    { "14675-3", "nmol/L", "ug/dL", 2759, 100, 0, 1, false }, /* Cortisol */
    { "14682-9", "umol/L", "mg/dL", 442, 5, 0, 1, false }, /* Creatinine */
    { "14749-6", "mmol/L", "mg/dL", 5551, 100000, 0, 1, false }, /* Glucose */
    { "14798-3", "umol/L", "ug/dL", 1791, 10000, 0, 1, false }, /* Iron */
    { "14879-1", "mmol/L", "mg/dL", 3229, 10000, 0, 1, false }, /* Phosphate */
    { "14913-8", "nmol/L", "ng/dL", 3467, 100000, 0, 1, false }, /* Testosterone */
    { "14920-3", "pmol/L", "ng/dL", 1287, 100, 0, 1, false }, /* Thyroxine, free */
    { "14927-8", "mmol/L", "mg/dL", 1129, 100000, 0, 1, false }, /* Triglyceride */
    { "14933-6", "umol/L", "mg/dL", 1487, 25, 0, 1, false }, /* Urate */
    { "14937-7", "mmol/L", "mg/dL", 357, 1000, 0, 1, false }, /* Urea */
    { "15074-8", "mmol/L", "mg/dL", 5551, 100000, 0, 1, false }, /* Glucose */
    { "1742-6", "U/L", NULL, 0, 1, 0, 1, false }, /* Alanine aminotransferase */
    { "1751-7", "g/dL", NULL, 0, 1, 0, 1, false }, /* Albumin */
    { "17861-6", "mg/dL", NULL, 0, 1, 0, 1, false }, /* Calcium */
    { "18262-6", "mg/dL", NULL, 0, 1, 0, 1, false }, /* Cholesterol in LDL */
    { "19123-9", "mg/dL", NULL, 0, 1, 0, 1, false }, /* Magnesium */
    { "1920-8", "U/L", NULL, 0, 1, 0, 1, false }, /* Aspartate aminotransferase */
    { "1968-7", "mg/dL", NULL, 0, 1, 0, 1, false }, /* Bilirubin, direct */
    { "1975-2", "mg/dL", NULL, 0, 1, 0, 1, false }, /* Bilirubin, total */
    { "2000-8", "mmol/L", "mg/dL", 499, 2000, 1, 2, false }, /* Calcium */
    { "2028-9", "mmol/L", NULL, 0, 1, 1, 1, false }, /* Carbon dioxide, total */
    { "20565-8", "mmol/L", NULL, 0, 1, 1, 1, false }, /* Carbon dioxide, total */
    { "2069-3", "mmol/L", NULL, 0, 1, 1, 1, false }, /* Chloride */
    { "2075-0", "mmol/L", NULL, 0, 1, 1, 1, false }, /* Chloride */
    { "2085-9", "mg/dL", NULL, 0, 1, 0, 1, false }, /* Cholesterol in HDL */
    { "2093-3", "mg/dL", NULL, 0, 1, 0, 1, false }, /* Cholesterol */
    { "2143-6", "ug/dL", NULL, 0, 1, 0, 1, false }, /* Cortisol */
    { "2160-0", "mg/dL", NULL, 0, 1, 0, 1, false }, /* Creatinine */
    { "22664-7", "mmol/L", "mg/dL", 333, 2000, 0, 1, false }, /* Urea */
    { "2339-0", "mg/dL", NULL, 0, 1, 0, 1, false }, /* Glucose */
    { "2345-7", "mg/dL", NULL, 0, 1, 0, 1, false }, /* Glucose */
    { "2498-4", "ug/dL", NULL, 0, 1, 0, 1, false }, /* Iron */
    { "2524-7", "mmol/L", "mg/dL", 111, 1000, 0, 1, false }, /* Lactate */
    { "2571-8", "mg/dL", NULL, 0, 1, 0, 1, false }, /* Triglyceride */
    { "2601-3", "mmol/L", "mg/dL", 2057, 5000, 1, 2, false }, /* Magnesium */
    { "2744-1", "[pH]", NULL, 0, 1, 0, 1, true }, /* pH of arterial blood */
    { "2777-1", "mg/dL", NULL, 0, 1, 0, 1, false }, /* Phosphate */
    { "2823-3", "mmol/L", NULL, 0, 1, 1, 1, false }, /* Potassium */
    { "2885-2", "g/dL", NULL, 0, 1, 0, 1, false }, /* Protein */
    { "29463-7", "kg", NULL, 0, 1, 0, 1, false }, /* Body weight */
    { "2947-0", "mmol/L", NULL, 0, 1, 1, 1, false }, /* Sodium */
    { "2951-2", "mmol/L", NULL, 0, 1, 1, 1, false }, /* Sodium */
    { "2986-8", "ng/dL", NULL, 0, 1, 0, 1, false }, /* Testosterone */
    { "3024-7", "ng/dL", NULL, 0, 1, 0, 1, false }, /* Thyroxine, free */
    { "3084-1", "mg/dL", NULL, 0, 1, 0, 1, false }, /* Urate */
    { "3091-6", "mg/dL", NULL, 0, 1, 0, 1, false }, /* Urea */
    { "3094-0", "mg/dL", NULL, 0, 1, 0, 1, false }, /* Urea nitrogen */
    { "38483-4", "mg/dL", NULL, 0, 1, 0, 1, false }, /* Creatinine */
    { "39469-2", "mmol/L", "mg/dL", 1293, 50000, 0, 1, false }, /* Cholesterol in LDL */
    { "4544-3", "%", NULL, 0, 1, 0, 1, false }, /* Hematocrit */
    { "4548-4", "%", NULL, 0, 1, 0, 1, false }, /* Haemoglobin A1c */
    { "49765-1", "mg/dL", NULL, 0, 1, 0, 1, false }, /* Calcium */
    { "59260-0", "mmol/L", "g/dL", 3103, 5000, 0, 1, false }, /* Haemoglobin */
    { "59261-8", "mmol/mol", NULL, 0, 1, 0, 1, false }, /* Haemoglobin A1c */
    { "6298-4", "mmol/L", NULL, 0, 1, 1, 1, false }, /* Potassium */
    { "6299-2", "mg/dL", NULL, 0, 1, 0, 1, false }, /* Urea nitrogen */
    { "6690-2", "10*3/uL", NULL, 0, 1, 0, 1, false }, /* Leukocytes */
    { "6768-6", "U/L", NULL, 0, 1, 0, 1, false }, /* Alkaline phosphatase */
    { "718-7", "g/dL", NULL, 0, 1, 0, 1, false }, /* Haemoglobin */
    { "777-3", "10*3/uL", NULL, 0, 1, 0, 1, false }, /* Platelets */
    { "785-6", "pg", NULL, 0, 1, 0, 1, false }, /* Mean corpuscular haemoglobin */
    { "786-4", "g/dL", NULL, 0, 1, 0, 1, false }, /* Mean corpuscular haemoglobin concentration */
    { "787-2", "fL", NULL, 0, 1, 0, 1, false }, /* Mean corpuscular volume */
    { "789-8", "10*6/uL", NULL, 0, 1, 0, 1, false }, /* Erythrocytes */
    { "8302-2", "cm", NULL, 0, 1, 0, 1, false }, /* Body height */
    { "8310-5", "Cel", NULL, 0, 1, 0, 1, false }, /* Body temperature */
    { "8462-4", "mm[Hg]", NULL, 0, 1, 0, 1, false }, /* Diastolic blood pressure */
    { "8480-6", "mm[Hg]", NULL, 0, 1, 0, 1, false }, /* Systolic blood pressure */
    { "8867-4", "/min", NULL, 0, 1, 0, 1, false }, /* Heart rate */
    { "9279-1", "/min", NULL, 0, 1, 0, 1, false }, /* Respiratory rate */
};
const size_t health_analyte_count = sizeof(health_analytes) / sizeof(*health_analytes);
