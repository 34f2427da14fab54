#include "live/op/interaction_tell.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/json_out.h"
#include "base/memory.h"

#define EVIDENCE_MAX 4

/* By enum interaction_status, and the silenced one. */
static const struct {
    const char *status;
    const char *reason;
} STATUSES[] = {
    [INTERACTION_OPEN]           = { "open", "" },
    [INTERACTION_REVISED]        = { "revised", "corrected" },
    [INTERACTION_STOPPED]        = { "closed", "stopped" },
    [INTERACTION_UNDONE]         = { "retracted", "stopped" },
    [INTERACTION_CORRECTED]      = { "retracted", "corrected" },
    [INTERACTION_WITHDRAWN]      = { "retracted", "withdrawn" },
    [INTERACTION_SUPERSEDED]     = { "retracted", "superseded" },
    [INTERACTION_SUPERSEDED + 1] = { "closed", "cooldown" },
};

void
interaction_finds_release(struct interaction_finds *finds)
{
    memory_free(finds->items);
    memory_free(finds->repeats);
    memory_free(finds->by);
    memory_free(finds->scratch);
    *finds = (struct interaction_finds){ 0 };
}

static enum status
reserve(struct interaction_finds *finds, uint32_t count, struct error *err)
{
    if (count <= finds->capacity)
        return ST_OK;
    uint32_t capacity = finds->capacity == 0 ? 64 : finds->capacity;
    while (capacity < count)
        capacity *= 2;
    struct interaction_find   *items   = memory_resize_array(finds->items, capacity, sizeof(*items));
    finds->items                       = items != NULL ? items : finds->items;
    struct interaction_repeat *repeats = memory_resize_array(finds->repeats, capacity, sizeof(*repeats));
    finds->repeats                     = repeats != NULL ? repeats : finds->repeats;
    uint32_t                  *by      = memory_resize_array(finds->by, capacity, sizeof(*by));
    finds->by                          = by != NULL ? by : finds->by;
    uint32_t                  *scratch = memory_resize_array(finds->scratch, capacity, sizeof(*scratch));
    finds->scratch                     = scratch != NULL ? scratch : finds->scratch;
    if (items == NULL || repeats == NULL || by == NULL || scratch == NULL)
        return error_no_memory(err);
    finds->capacity = capacity;
    return ST_OK;
}

/* ---- Finding ---- */

struct hash128
interaction_event(struct hash128 identity, const char *pair, struct hash128 a, struct hash128 b)
{
    const struct hash128 parts[4] = { identity, rule_text_hash(str_from(pair)), a, b };
    return hash128(parts, sizeof(parts));
}

static bool
is_candidate(const struct rule_interaction *pair, const struct drug_group *a, const struct drug_group *b)
{
    return (ingredients_meet(&a->ingredients, &pair->left) && ingredients_meet(&b->ingredients, &pair->right))
           || (ingredients_meet(&a->ingredients, &pair->right) && ingredients_meet(&b->ingredients, &pair->left));
}

static uint32_t
place_of(const struct drug_history *drug, uint32_t version)
{
    return version == UINT32_MAX ? UINT32_MAX : drug->versions[version].place;
}

static void
set_find(const struct rule *rule, const struct drug_groups *groups, const struct drug_group *const pair[2], const struct drug_history *const drugs[2],
         const struct interaction_alert *alert, struct interaction_find *find)
{
    *find        = (struct interaction_find){ .alert = *alert, .silenced_by = UINT32_MAX };
    find->firing = place_of(drugs[alert->drug], alert->version);
    for (int i = 0; i < 2; i++) {
        find->stated[i]  = place_of(drugs[i], alert->states[i].newest);
        find->changed[i] = place_of(drugs[i], alert->changed[i]);
    }
    const struct drug_record *firing = groups->places[find->firing].record;
    find->event   = interaction_event(firing->identity, rule->pack->interaction.pairs[alert->pair].name, groups->places[pair[0]->begin].record->drug,
                                      groups->places[pair[1]->begin].record->drug);
    find->kept_us = pair[0]->life.end_us;
    find->repeat  = (struct interaction_repeat){ .pair        = alert->pair,
                                                 .ingredients = { alert->ingredients[0], alert->ingredients[1] },
                                                 .event_us    = firing->event_us,
                                                 .order       = { find->event.low, find->event.high },
                                                 .is_firing   = alert->status == INTERACTION_OPEN || alert->status == INTERACTION_REVISED,
                                                 .is_shadow   = firing->is_shadow };
}

/* All pairs of the rule over two drugs, or over one that has several ingredients. */
static enum status
find_of(struct interaction_finds *finds, const struct rule *rule, const struct drug_groups *groups, uint32_t a, uint32_t b, struct error *err)
{
    const struct interaction_rule  *interaction  = &rule->pack->interaction;
    const struct drug_group *const  pair[2]      = { &groups->groups[a], &groups->groups[b] };
    const struct drug_history       histories[2] = { { groups->versions + pair[0]->begin, pair[0]->count }, { groups->versions + pair[1]->begin, pair[1]->count } };
    const struct drug_history      *drugs[2]     = { &histories[0], a == b ? &histories[0] : &histories[1] };
    struct interaction_alert        alerts[2 * DRUG_VERSION_COUNT_MAX];
    for (uint32_t i = 0; i < interaction->pair_count; i++) {
        if (!is_candidate(&interaction->pairs[i], pair[0], pair[1]))
            continue;
        const uint32_t count = interaction_judge(interaction, i, drugs, rule->pack->history_us, alerts);
        if (reserve(finds, finds->count + count, err) != ST_OK)
            return ST_ERROR;
        for (uint32_t k = 0; k < count; k++)
            if (!drugs[alerts[k].drug]->versions[alerts[k].version].is_history)
                set_find(rule, groups, pair, drugs, &alerts[k], &finds->items[finds->count++]);
    }
    return ST_OK;
}

static int
compare_finds(const void *a, const void *b)
{
    return interaction_repeat_compare(&((const struct interaction_find *)a)->repeat, &((const struct interaction_find *)b)->repeat);
}

enum status
interaction_find(struct interaction_finds *finds, const struct rule *rule, const struct drug_groups *groups, struct error *err)
{
    finds->count = 0;
    for (uint32_t a = 0; a < groups->count; a++)
        for (uint32_t b = a; b < groups->count && groups->groups[b].life.begin_us == groups->groups[a].life.begin_us; b++)
            if (find_of(finds, rule, groups, a, b, err) != ST_OK)
                return ST_ERROR;
    if (finds->count > 1)
        qsort(finds->items, finds->count, sizeof(*finds->items), compare_finds);
    for (uint32_t i = 0; i < finds->count; i++)
        finds->repeats[i] = finds->items[i].repeat;
    interaction_silence(finds->repeats, finds->count, rule->pack->cooldown_us, finds->scratch, finds->by);
    for (uint32_t i = 0; i < finds->count; i++)
        finds->items[i].silenced_by = finds->by[i];
    return ST_OK;
}

/* ---- What it says ---- */

/* Which of both drugs stands first: the pair's left one; where either is, the ingredient that the rule names first. */
static int
first_of(const struct rule *rule, const struct interaction_alert *alert)
{
    const struct rule_interaction *pair        = &rule->pack->interaction.pairs[alert->pair];
    const uint32_t                *ingredients = alert->ingredients;
    const bool                     is_straight = ingredients_have(&pair->left, ingredients[0]) && ingredients_have(&pair->right, ingredients[1]);
    const bool                     is_crossed  = ingredients_have(&pair->left, ingredients[1]) && ingredients_have(&pair->right, ingredients[0]);
    return is_straight && is_crossed ? ingredients[0] > ingredients[1] : !is_straight;
}

static void
print_end(struct json_out *json, const char *key, int64_t end_us, bool is_open)
{
    json_out_key(json, str_from(key));
    if (is_open)
        json_out_null(json);
    else
        json_out_time(json, end_us);
}

static void
print_drug(const struct rule *rule, const struct drug_groups *groups, const struct interaction_find *find, int number, struct json_out *json)
{
    static const char *const      FOUND[]    = { "", "code", "name" };
    const struct rule_ingredient *ingredient = &rule->pack->interaction.ingredients[find->alert.ingredients[number]];
    const struct drug_state      *state      = &find->alert.states[number];
    json_out_object_begin(json);
    json_out_key_cstr(json, "ingredient", ingredient->name);
    if (ingredient->code[0] != '\0')
        json_out_key_cstr(json, "rxcui", ingredient->code);
    if (find->stated[number] != UINT32_MAX) {
        const struct drug_place *place = &groups->places[find->stated[number]];
        const struct str         name = drug_text(place->entry, place->record, DRUG_TEXT_NAME), code = drug_text(place->entry, place->record, DRUG_TEXT_CODE);
        if (drug_text(place->entry, place->record, DRUG_TEXT_ENTITY).size > 0)
            json_out_key_text(json, "entity", drug_text(place->entry, place->record, DRUG_TEXT_ENTITY));
        if (name.size + code.size > 0)
            json_out_key_text(json, "stated", name.size > 0 ? name : code);
        if (place->record->found != DRUG_FOUND_NOTHING)
            json_out_key_cstr(json, "found_by", FOUND[place->record->found]);
    }
    json_out_key(json, STR("from"));
    json_out_time(json, state->begin_us);
    print_end(json, "to", state->end_us, state->is_open);
    json_out_object_end(json);
}

/* Why, by which drugs, and what would have made it not fire. */
static void
explain(struct rule *rule, const struct drug_groups *groups, const struct interaction_find *find)
{
    const struct interaction_alert *alert = &find->alert;
    const struct rule_interaction  *pair  = &rule->pack->interaction.pairs[alert->pair];
    const int                       first = first_of(rule, alert);
    struct json_out                 json;
    str_builder_clear(&rule->explanation);
    json_out_init(&json, &rule->explanation, 0);
    json_out_object_begin(&json);
    json_out_key_cstr(&json, "fired_by", pair->name);
    json_out_key_cstr(&json, "danger", pair->help);
    json_out_key_cstr(&json, "source", rule->pack->interaction.source);
    json_out_key_array(&json, "drugs");
    for (int i = 0; i < 2; i++)
        print_drug(rule, groups, find, i == 0 ? first : 1 - first, &json);
    json_out_array_end(&json);
    if (alert->begin_us < alert->end_us) {
        json_out_key_object(&json, "overlap");
        json_out_key(&json, STR("from"));
        json_out_time(&json, alert->begin_us);
        print_end(&json, "to", alert->end_us, alert->end_us == DRUG_OPEN);
        json_out_object_end(&json);
    }
    json_out_key_object(&json, "not_fired_if");
    json_out_key(&json, STR("first_ended_by"));
    json_out_time(&json, alert->states[1 - first].begin_us);
    json_out_key(&json, STR("or_second_ended_by"));
    json_out_time(&json, alert->states[first].begin_us);
    json_out_object_end(&json);
    json_out_object_end(&json);
}

static void
add_evidence(const struct drug_groups *groups, uint32_t index, uint32_t shown[EVIDENCE_MAX], struct rule_evidence *events, uint32_t *count)
{
    for (uint32_t i = 0; i < *count; i++)
        if (shown[i] == index)
            return;
    if (index == UINT32_MAX)
        return;
    const struct drug_place *place = &groups->places[index];
    shown[*count]                  = index;
    events[(*count)++]             = (struct rule_evidence){ drug_text(place->entry, place->record, DRUG_TEXT_PARTITION), place->record->position };
}

/* The firing statement first, then those by which the drugs stand as it says. */
static uint32_t
find_evidence(const struct drug_groups *groups, const struct interaction_find *find, struct rule_evidence events[EVIDENCE_MAX])
{
    uint32_t shown[EVIDENCE_MAX], count = 0;
    add_evidence(groups, find->firing, shown, events, &count);
    for (int i = 0; i < 2 && find->alert.status != INTERACTION_SUPERSEDED; i++)
        add_evidence(groups, find->stated[i], shown, events, &count);
    return count;
}

static uint64_t
hash_shown(const struct rule *rule, const struct rule_evidence *events, uint32_t count)
{
    const struct str explanation = str_builder_text(&rule->explanation);
    uint64_t         shown       = hash64(explanation.data, explanation.size);
    for (uint32_t i = 0; i < count; i++)
        shown = (shown ^ hash64(events[i].partition_id.data, events[i].partition_id.size)) * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)events[i].position;
    return shown;
}

/* "simvastatin + clarithromycin", in a buffer of the caller's. */
static struct str
print_value(const struct rule *rule, const struct interaction_alert *alert, char *buffer, size_t size)
{
    const struct rule_ingredient *ingredients = rule->pack->interaction.ingredients;
    const int                     first       = first_of(rule, alert);
    const struct str              parts[3]    = { str_from(ingredients[alert->ingredients[first]].name), STR(" + "),
                                                  str_from(ingredients[alert->ingredients[1 - first]].name) };
    size_t                        used        = 0;
    for (int i = 0; i < 3; i++) {
        const size_t part = parts[i].size < size - used ? parts[i].size : size - used;
        memcpy(buffer + used, parts[i].data, part);
        used += part;
    }
    return str_of(buffer, used);
}

/* ---- Telling ---- */

static enum status
tell_alert(struct rule *rule, const struct drug_groups *groups, const struct interaction_find *find, struct hash128 patient,
           const struct interaction_told *told, const struct rule_evidence *events, uint32_t event_count, int64_t now_us, struct epoch_output *output,
           struct error *err)
{
    char                         value[RECORD_TEXT_SIZE_MAX];
    const struct drug_record    *firing   = groups->places[find->firing].record;
    const struct drug_place     *shown    = &groups->places[find->firing];
    const struct rule_interaction *pair   = &rule->pack->interaction.pairs[find->alert.pair];
    const struct alert_identity  identity = { .pipeline = rule->graph->name, .rule = str_from(rule->pack->name), .event_us = firing->event_us,
                                              .subject = patient, .event = find->event };
    struct store_alert           alert    = {
        .severity = str_from(severity_name((enum severity)pair->severity)),
        .status = str_from(STATUSES[told->status - 1].status), .status_reason = str_from(STATUSES[told->status - 1].reason),
        .code = str_from(pair->name), .value = print_value(rule, &find->alert, value, sizeof(value)),
        .effective_time_us = firing->begin_us, .detected_at_us = now_us, .is_delivered = told->is_delivered,
    };
    /* A statement that names no drug of the rule has no texts to show: the other drug's has. */
    for (int i = 0; i < 2 && drug_text(shown->entry, shown->record, DRUG_TEXT_PATIENT_ID).size == 0; i++)
        if (find->stated[i] != UINT32_MAX)
            shown = &groups->places[find->stated[i]];
    alert.person_id                = drug_text(shown->entry, shown->record, DRUG_TEXT_PERSON);
    alert.subject_system           = drug_text(shown->entry, shown->record, DRUG_TEXT_PATIENT_SYSTEM);
    alert.subject_id               = drug_text(shown->entry, shown->record, DRUG_TEXT_PATIENT_ID);
    alert.encounter_id             = drug_text(shown->entry, shown->record, DRUG_TEXT_ENCOUNTER);
    alert.ordering_practitioner_id = drug_text(shown->entry, shown->record, DRUG_TEXT_PRACTITIONER);
    alert.evidence                 = rule_print_evidence(rule, events, event_count);
    return rule_tell(rule, &alert, &identity, told->is_live != 0, output, err);
}

static struct interaction_told
told_of(const struct drug_groups *groups, const struct interaction_find *find, const struct interaction_told *before)
{
    const bool is_live     = !groups->places[find->firing].record->is_shadow;
    const bool is_silenced = find->silenced_by != UINT32_MAX;
    return (struct interaction_told){ .status       = is_silenced ? INTERACTION_TOLD_SILENCED : INTERACTION_TOLD(find->alert.status),
                                      .is_live      = is_live,
                                      .is_delivered = before->is_delivered || (find->repeat.is_firing && !is_silenced && is_live) };
}

/* What was told stays as long as the life; it is said so rarely, for each says it anew. */
static enum status
tell_find(struct rule *rule, const struct drug_groups *groups, struct state_entry *entry, const struct interaction_find *find, int64_t now_us,
          struct epoch_output *output, struct error *err)
{
    struct state_table          *table   = &rule->op.states[INTERACTION_STATE_TOLD];
    const struct hash128        *patient = state_key(entry);
    const struct interaction_key key     = { patient->low, find->event };
    const uint64_t               hash    = state_hash(&key, sizeof(key));
    struct state_entry          *stored  = state_find(table, hash, &key, sizeof(key));
    struct interaction_told      before  = { .status = 0 };
    struct rule_evidence         events[EVIDENCE_MAX];
    if (stored != NULL)
        memcpy(&before, state_value(stored), sizeof(before));
    struct interaction_told now   = told_of(groups, find, &before);
    const uint32_t          count = find_evidence(groups, find, events);
    explain(rule, groups, find);
    now.shown          = hash_shown(rule, events, count);
    const bool is_news = now.status != before.status || now.shown != before.shown || now.is_live != before.is_live;
    if (!is_news && stored->expires_us >= find->kept_us)
        return ST_OK;
    if (state_put(table, hash, &key, sizeof(key), sizeof(now), find->kept_us + rule->pack->history_us, &stored, NULL, err) != ST_OK
        || (is_news && tell_alert(rule, groups, find, *patient, &now, events, count, now_us, output, err) != ST_OK))
        return ST_ERROR;
    memcpy(state_value(stored), &now, sizeof(now));
    return ST_OK;
}

enum status
interaction_tell(const struct interaction_finds *finds, struct rule *rule, const struct drug_groups *groups, struct state_entry *entry, int64_t now_us,
                 struct epoch_output *output, struct error *err)
{
    for (uint32_t i = 0; i < finds->count; i++)
        if (tell_find(rule, groups, entry, &finds->items[i], now_us, output, err) != ST_OK)
            return ST_ERROR;
    return ST_OK;
}
