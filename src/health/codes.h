/* Check digits of codes, for whoever has a text and no vector (the generator, rules). */
#ifndef HEDDLE_HEALTH_CODES_H
#define HEDDLE_HEALTH_CODES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* 1 to 7 digits, a hyphen, and the digit of Luhn's method over them; or one of the 14 deprecated codes that break it (LOINC
 * Users' Guide). Part and answer codes (LP…, LA…) are none. */
bool loinc_is_valid(struct str code);

/* Ten digits, the first 1 or 2, the last that of Luhn's method over 80840 and the nine before it. */
bool npi_is_valid(struct str code);

/* The word of a code system's name ("rxnorm"), blanks around it, ASCII case and `urn:oid:` left aside; NULL: none is known. Static. */
const char *code_system_word(struct str name);

/* Order of statuses (HL7 table 0085) of statements of the same time: nothing yet 0, preliminary 1, final 2, corrected 3,
 * withdrawn 4; -1: not in the table. */
int64_t result_status_rank(struct str status);

#endif
