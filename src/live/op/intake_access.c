/* What rules of accesses go by besides a row's own columns (access_facts.h). */
#include "live/op/access_lookup.h"
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

static int64_t
facts_of_access(const struct intake *intake, const struct intake_lane *lane, uint32_t row, uint32_t place)
{
    int64_t facts = access_facts_of(lane_text(lane, lane->purpose, row), lane_text(lane, lane->reason, row));
    return intake->master == NULL ? facts : access_lookup_row(intake->master, intake->options.person_key, &intake->events, place, facts);
}

bool
access_is_vip(struct str indicator)
{
    static const char *const none[] = { "", "n", "N", "no", "No", "NO", "0", "false", "False", "FALSE" };
    struct str               text   = str_trim(indicator);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        if (str_equal(text, str_from(none[i])))
            return false;
    return true;
}

static int64_t
facts_of_treatment(const struct intake *intake, const struct intake_lane *lane, uint32_t row, uint32_t place)
{
    return treatment_lookup(intake->master, intake->options.person_key, &intake->events, place, access_is_vip(lane_text(lane, lane->vip, row)));
}

/* Who looked, ordered or attends, of all rows of the lane; what the master says of them is on its way then. What it says of patients has come for their
 * persons. */
static void
hash_users(struct intake *intake, const struct intake_lane *lane)
{
    struct chunk *events = &intake->events;
    for (uint32_t i = 0; i < lane->loaded_count; i++) {
        const uint32_t place = lane->places[i];
        event_hash_user(events, intake->options.person_key, place);
        if (intake->master != NULL)
            master_prefetch_user(intake->master, event_hash(events, EVENT_USER_LOW, place));
    }
}

void
intake_access_facts(struct intake *intake, const struct intake_lane *lane)
{
    struct column *to = &intake->events.columns[EVENT_ACCESS_FACTS];
    if (!lane->is_access && !lane->is_explanation)
        return;
    hash_users(intake, lane);
    for (uint32_t i = 0; i < lane->loaded_count; i++) {
        const uint32_t place = lane->places[i], row = lane->loaded[i];
        const int64_t  facts = lane->is_access ? facts_of_access(intake, lane, row, place) : facts_of_treatment(intake, lane, row, place);
        if (facts == 0)
            continue;
        ((int64_t *)to->data)[place] = facts;
        to->validity[place >> 6] |= (uint64_t)1 << (place & 63);
    }
}

void
intake_access_find(const struct intake *intake, struct intake_lane *lane)
{
    const struct graph *graph = intake->options.graph;
    for (size_t i = 0; i < graph->streaming.rule_count; i++) {
        const struct rule_pack *rule = model_rule(graph->model, graph->streaming.rules[i].step.name);
        if (rule->kind != RULE_NO_TREATMENT_RELATIONSHIP && rule->kind != RULE_ACCESS_VOLUME)
            continue;
        lane->is_access |= rule->entity == lane->mapping->entity;
        for (uint32_t k = 0; k < rule->explained_by_count; k++)
            lane->is_explanation |= rule->explained_by[k] == lane->mapping->entity;
    }
}
