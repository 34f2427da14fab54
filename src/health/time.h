/* Times as healthcare writes them. */
#ifndef HEDDLE_HEALTH_TIME_H
#define HEDDLE_HEALTH_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "base/time.h"

struct zone;

/* HL7 v2's TS and DTM: YYYY[MM[DD[HH[MM[SS[.S…]]]]]][+/-ZZZZ]. Years 0001 to 9999, hour 24 refused, second 60 the next
 * minute's first, offsets to 14:00, digits beyond microseconds cut off. False: *ret_parsed is untouched. */
bool time_parse_hl7(struct str text, struct time_text *ret_parsed);

/* ISO 8601 (base/time.h) or HL7 v2, whichever the text is. */
bool time_parse_any(struct str text, struct time_text *ret_parsed);

/* Without an offset in the text it is a time of `zone`; a date (or less) is its local midnight. False without either. */
bool time_to_instant(const struct time_text *parsed, const struct zone *zone, int64_t *ret_time_us);

#endif
