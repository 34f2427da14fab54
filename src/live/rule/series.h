/* The results of one patient and analyte as a rule about their course sees them: one point a result, its current version. */
#ifndef HEDDLE_LIVE_RULE_SERIES_H
#define HEDDLE_LIVE_RULE_SERIES_H

#include <stdbool.h>
#include <stdint.h>

struct series_point {
    int64_t  effective_us;
    int64_t  value; /* Millionths, in the unit of the series. */
    uint32_t place; /* The caller's: which record it is. */
    bool     is_haemolysed; /* Its specimen, as the sender says. Rules go by the value alone. */
};

#endif
