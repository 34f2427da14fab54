/* What rules of accesses go by besides a row's own columns (access_facts.h). */
#include "live/op/access_facts.h"
#include "live/op/intake_int.h"

/* Purposes of use that claim an emergency: HL7 v3 PurposeOfUse (OID 2.16.840.1.113883.5.8) ETREAT and BTG (break the glass). */
static bool
breaks_glass(struct str purpose)
{
    return str_equal(purpose, STR("ETREAT")) || str_equal(purpose, STR("BTG"));
}

int64_t
access_facts_of(struct str purpose, struct str reason)
{
    struct access_facts facts = { .dead_days = -1, .contact_days = -1 };
    if (breaks_glass(purpose) && str_trim(reason).size == 0)
        facts.bits |= ACCESS_FACT_BREAK_GLASS_WITHOUT_REASON;
    return access_facts_pack(&facts);
}

void
intake_access_facts(struct intake *intake, const struct intake_lane *lane)
{
    struct column *to = &intake->events.columns[EVENT_ACCESS_FACTS];
    for (uint32_t i = 0; lane->is_access && i < lane->loaded_count; i++) {
        const uint32_t place = lane->places[i];
        const int64_t  facts = access_facts_of(lane_text(lane, lane->purpose, lane->loaded[i]), lane_text(lane, lane->reason, lane->loaded[i]));
        if (facts == 0)
            continue;
        ((int64_t *)to->data)[place] = facts;
        to->validity[place >> 6] |= (uint64_t)1 << (place & 63);
    }
}
