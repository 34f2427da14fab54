/* The drugs of one patient out of their statements. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "live/op/interaction_int.h"

void
drug_groups_release(struct drug_groups *groups)
{
    memory_free(groups->places);
    memory_free(groups->versions);
    memory_free(groups->groups);
    *groups = (struct drug_groups){ 0 };
}

static enum status
reserve(struct drug_groups *groups, uint32_t count, struct error *err)
{
    if (count <= groups->capacity)
        return ST_OK;
    uint32_t capacity = groups->capacity == 0 ? 64 : groups->capacity;
    while (capacity < count)
        capacity *= 2;
    struct drug_place   *places   = memory_resize_array(groups->places, capacity, sizeof(*places));
    groups->places                = places != NULL ? places : groups->places;
    struct drug_version *versions = memory_resize_array(groups->versions, capacity, sizeof(*versions));
    groups->versions              = versions != NULL ? versions : groups->versions;
    struct drug_group   *items    = memory_resize_array(groups->groups, capacity, sizeof(*items));
    groups->groups                = items != NULL ? items : groups->groups;
    if (places == NULL || versions == NULL || items == NULL)
        return error_no_memory(err);
    groups->capacity = capacity;
    return ST_OK;
}

/* ---- Gathering ---- */

static const struct drug_record *
record_at(struct state_entry *entry, uint32_t index)
{
    return (const struct drug_record *)records_of(entry) + index;
}

/* The life in which the rule knows the drug of another statement; false: none. That waits two days for the drug, and once the drug is known it belongs to it
 * as long as the patient's life lasts. */
static bool
find_life(const struct drug_groups *groups, uint32_t known_count, const struct drug_record *other, struct drug_life *ret_life)
{
    bool is_found = false;
    for (uint32_t i = 0; i < known_count; i++) {
        const struct drug_place *place = &groups->places[i];
        if (!hash128_equal(place->record->drug, other->drug) || other->known_us + INTERACTION_OTHER_KEPT_US <= place->record->known_us
            || other->known_us >= place->life.end_us || (is_found && place->life.begin_us >= ret_life->begin_us))
            continue;
        *ret_life = place->life;
        is_found  = true;
    }
    return is_found;
}

static bool
is_first_of_drug(struct state_entry *entry, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++)
        if (hash128_equal(record_at(entry, i)->drug, record_at(entry, index)->drug))
            return false;
    return true;
}

static enum status
gather_others(struct drug_groups *groups, const struct rule *rule, struct state_entry *entry, struct hash128 drug, struct error *err)
{
    const uint32_t               known_count = records_head(entry)->record_count;
    const struct state_table    *table  = &rule->op.states[INTERACTION_STATE_OTHERS];
    const struct interaction_key key    = drug_other_key(state_key(entry), drug);
    struct state_entry          *others = state_find(table, state_hash(&key, sizeof(key)), &key, sizeof(key));
    if (others == NULL)
        return ST_OK;
    if (reserve(groups, groups->place_count + records_head(others)->record_count, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t i = 0; i < records_head(others)->record_count; i++) {
        struct drug_place place = { others, record_at(others, i), { 0, 0 } };
        if (find_life(groups, known_count, place.record, &place.life))
            groups->places[groups->place_count++] = place;
    }
    return ST_OK;
}

static int
compare_hashes(struct hash128 a, struct hash128 b)
{
    if (a.low != b.low)
        return a.low < b.low ? -1 : 1;
    return a.high < b.high ? -1 : a.high > b.high;
}

static struct drug_version
version_of(const struct drug_place *place)
{
    const struct drug_record *record    = place->record;
    const struct str          partition = drug_text(place->entry, record, DRUG_TEXT_PARTITION);
    return (struct drug_version){ .event_us     = record->event_us,
                                  .event_system = drug_text(place->entry, record, DRUG_TEXT_SYSTEM),
                                  .event_id     = drug_text(place->entry, record, DRUG_TEXT_ID),
                                  .begin_us     = record->begin_us,
                                  .end_us       = record->end_us,
                                  .use          = (enum drug_use)record->use,
                                  .names_drug   = record->names_drug,
                                  .ingredients  = record->ingredients,
                                  .is_history   = record->is_history,
                                  .partition    = record->is_elsewhere ? (uint32_t)record->identity.low : (uint32_t)hash64(partition.data, partition.size),
                                  .has_order    = partition_has_order(partition),
                                  .position     = record->position };
}

static int
compare_places(const void *a, const void *b)
{
    const struct drug_place *x = a, *y = b;
    if (x->life.begin_us != y->life.begin_us)
        return x->life.begin_us < y->life.begin_us ? -1 : 1;
    int order = compare_hashes(x->record->drug, y->record->drug);
    if (order != 0)
        return order;
    const struct drug_version left = version_of(x), right = version_of(y);
    return drug_compare(&left, &right);
}

/* ---- Groups ---- */

/* Beyond what is judged the oldest statements go. */
static void
close_group(struct drug_groups *groups, struct drug_group *group)
{
    if (group->count > DRUG_VERSION_COUNT_MAX) {
        group->begin += group->count - DRUG_VERSION_COUNT_MAX;
        group->count = DRUG_VERSION_COUNT_MAX;
    }
    for (uint32_t i = group->begin; i < group->begin + group->count; i++)
        ingredients_unite(&group->ingredients, &groups->versions[i].ingredients);
}

static void
find_groups(struct drug_groups *groups)
{
    groups->count = 0;
    for (uint32_t i = 0; i < groups->place_count; i++) {
        const struct drug_place *place = &groups->places[i];
        const bool               is_new
            = i == 0 || place[-1].life.begin_us != place->life.begin_us || compare_hashes(place[-1].record->drug, place->record->drug) != 0;
        if (is_new && groups->count > 0)
            close_group(groups, &groups->groups[groups->count - 1]);
        if (is_new)
            groups->groups[groups->count++] = (struct drug_group){ .begin = i, .life = place->life };
        groups->versions[i]       = version_of(place);
        groups->versions[i].place = i;
        groups->groups[groups->count - 1].count++;
    }
    if (groups->count > 0)
        close_group(groups, &groups->groups[groups->count - 1]);
}

/* Nearly always a patient has one life. */
static void
find_lives(struct drug_groups *groups, struct state_entry *entry, int64_t kept_us)
{
    struct drug_life all = { INT64_MAX, INT64_MIN };
    for (uint32_t i = 0; i < groups->place_count; i++) {
        const int64_t known_us = groups->places[i].record->known_us;
        all.begin_us           = known_us < all.begin_us ? known_us : all.begin_us;
        all.end_us             = known_us + kept_us > all.end_us ? known_us + kept_us : all.end_us;
    }
    const bool is_one = groups->place_count > 0 && all.end_us - all.begin_us < 2 * kept_us;
    for (uint32_t i = 0; i < groups->place_count; i++)
        groups->places[i].life = is_one ? all : drug_life_of(entry, groups->places[i].record->known_us, kept_us);
}

enum status
drug_groups_gather(struct drug_groups *groups, const struct rule *rule, int64_t kept_us, struct state_entry *entry, struct error *err)
{
    const uint32_t count = records_head(entry)->record_count;
    groups->place_count  = 0;
    if (reserve(groups, count, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t i = 0; i < count; i++)
        groups->places[groups->place_count++] = (struct drug_place){ entry, record_at(entry, i), { 0, 0 } };
    find_lives(groups, entry, kept_us);
    for (uint32_t i = 0; i < count; i++)
        if (is_first_of_drug(entry, i) && gather_others(groups, rule, entry, record_at(entry, i)->drug, err) != ST_OK)
            return ST_ERROR;
    if (groups->place_count > 1)
        qsort(groups->places, groups->place_count, sizeof(*groups->places), compare_places);
    find_groups(groups);
    return ST_OK;
}
