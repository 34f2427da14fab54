/* What the laboratory measures: LOINC codes and adult reference ranges as common US laboratories print them. */
#include "source/generate/world.h"

#include <string.h>

/*  loinc     name                unit        mean     sd     low     high   plausible      digits other      factor panel */
const struct analyte analytes[] = {
    { "2951-2", "Sodium", "mmol/L", 140000, 2500, 135000, 145000, 128000, 150000, 0, "mEq/L", 10000, 0 },
    { "2823-3", "Potassium", "mmol/L", 4200, 400, 3500, 5100, 3100, 5700, 1, "mEq/L", 10000, 0 },
    { "2075-0", "Chloride", "mmol/L", 103000, 2500, 98000, 107000, 92000, 113000, 0, NULL, 0, 0 },
    { "2028-9", "Carbon dioxide", "mmol/L", 25000, 2200, 22000, 29000, 17000, 33000, 0, NULL, 0, 0 },
    { "3094-0", "Urea nitrogen", "mg/dL", 15000, 5000, 7000, 20000, 4000, 40000, 0, NULL, 0, 0 },
    { "2160-0", "Creatinine", "mg/dL", 950, 220, 600, 1300, 400, 1900, 2, NULL, 0, 0 },
    { "2345-7", "Glucose", "mg/dL", 105000, 25000, 70000, 99000, 65000, 240000, 0, NULL, 0, 0 },
    { "17861-6", "Calcium", "mg/dL", 9400, 450, 8500, 10500, 7800, 11200, 1, NULL, 0, 0 },
    { "6690-2", "Leukocytes", "10*3/uL", 7400, 2000, 4500, 11000, 3000, 18000, 1, "K/uL", 10000, 1 },
    { "718-7", "Hemoglobin", "g/dL", 13600, 1400, 12000, 17000, 8500, 17800, 1, NULL, 0, 1 },
    { "777-3", "Platelets", "10*3/uL", 245000, 60000, 150000, 400000, 90000, 560000, 0, "10^3/mm3", 10000, 1 },
    { "2524-7", "Lactate", "mmol/L", 1300, 450, 500, 2200, 400, 2800, 1, NULL, 0, 2 },
    { "19123-9", "Magnesium", "mg/dL", 2000, 200, 1700, 2200, 1400, 3200, 1, NULL, 0, 2 },
};
const uint32_t analyte_count = sizeof(analytes) / sizeof(analytes[0]);

uint32_t
analyte_index(const char *loinc)
{
    uint32_t index = 0;
    while (index + 1 < analyte_count && strcmp(analytes[index].loinc, loinc) != 0)
        index++;
    return index;
}

int64_t
world_ordinary_value(struct random *random, const struct analyte *analyte)
{
    int64_t value = (int64_t)random_normal(random, (double)analyte->mean, (double)analyte->deviation);
    if (value < analyte->plausible_low)
        value = analyte->plausible_low;
    if (value > analyte->plausible_high)
        value = analyte->plausible_high;
    return value;
}
