#include "live/op/critical_history.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

void
critical_history_release(struct critical_history *history)
{
    memory_free(history->places);
    memory_free(history->results);
    memory_free(history->alerts);
    *history = (struct critical_history){ 0 };
}

struct str
critical_place_text(const struct critical_place *place, uint32_t number)
{
    return records_text(place->entry, place->record != NULL ? sizeof(struct critical_record) : sizeof(struct critical_version), place->version, number);
}

/* ---- Gathering ---- */

static enum status
reserve(struct critical_history *history, uint32_t count, struct error *err)
{
    if (count <= history->capacity)
        return ST_OK;
    uint32_t capacity = history->capacity == 0 ? 64 : history->capacity;
    while (capacity < count)
        capacity *= 2;
    struct critical_place  *places  = memory_resize_array(history->places, capacity, sizeof(*places));
    history->places                 = places != NULL ? places : history->places;
    struct critical_result *results = memory_resize_array(history->results, capacity, sizeof(*results));
    history->results                = results != NULL ? results : history->results;
    struct critical_alert  *alerts  = memory_resize_array(history->alerts, capacity, sizeof(*alerts));
    history->alerts                 = alerts != NULL ? alerts : history->alerts;
    if (places == NULL || results == NULL || alerts == NULL)
        return error_no_memory(err);
    history->capacity = capacity;
    return ST_OK;
}

static bool
is_seen_by_one(const struct rule *rule, struct state_entry *entry, struct hash128 result_key, const struct critical_version *normal)
{
    const struct critical_record *records = critical_records(entry);
    for (uint32_t i = 0; i < records_head(entry)->record_count; i++)
        if (hash128_equal(records[i].result_key, result_key) && critical_sees(rule, &records[i].version, normal))
            return true;
    return false;
}

static enum status
gather_normals(struct critical_history *history, const struct rule *rule, struct state_entry *entry, struct hash128 result_key, struct error *err)
{
    const struct normal_key  key     = critical_normal_key(state_key(entry), result_key);
    struct state_entry      *normals = state_find(&rule->op.states[CRITICAL_STATE_NORMALS], state_hash(&key, sizeof(key)), &key, sizeof(key));
    if (normals == NULL)
        return ST_OK;
    const struct critical_version *versions = records_of(normals);
    const uint32_t                 count    = records_head(normals)->record_count;
    if (reserve(history, history->count + count, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t i = 0; i < count; i++)
        if (is_seen_by_one(rule, entry, result_key, &versions[i]))
            history->places[history->count++] = (struct critical_place){ normals, &versions[i], NULL };
    return ST_OK;
}

static struct critical_result
result_of(const struct critical_place *place, struct hash128 result_key)
{
    const struct critical_record *record = place->record;
    return (struct critical_result){ .effective_us = place->version->effective_us,
                                     .event_us     = place->version->event_us,
                                     .event_system = critical_place_text(place, TEXT_SYSTEM),
                                     .event_id     = critical_place_text(place, TEXT_ID),
                                     .result_key   = result_key,
                                     .is_withdrawn = place->version->is_withdrawn != 0,
                                     .is_promotion = record != NULL && (record->numbers & IS_PROMOTION) != 0,
                                     .is_critical  = record != NULL,
                                     .is_shadow    = record != NULL && record->is_shadow,
                                     .is_cooled    = record != NULL && record->is_cooled,
                                     .severity     = record != NULL ? (enum severity)record->severity : SEVERITY_LOW };
}

enum status
critical_history_of_records(struct critical_history *history, struct state_entry *entry, struct error *err)
{
    struct critical_record *records = critical_records(entry);
    const uint32_t          count   = records_head(entry)->record_count;

    history->count = 0;
    if (reserve(history, count, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t i = 0; i < count; i++) {
        history->places[i]  = (struct critical_place){ entry, &records[i].version, &records[i] };
        history->results[i] = result_of(&history->places[i], records[i].result_key);
    }
    history->count = count;
    return ST_OK;
}

static bool
is_first_of_result(const struct critical_record *records, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++)
        if (hash128_equal(records[i].result_key, records[index].result_key))
            return false;
    return true;
}

static int
compare_places(const void *a, const void *b)
{
    const struct hash128         none  = { 0, 0 };
    const struct critical_result left  = result_of(a, none);
    const struct critical_result right = result_of(b, none);
    return critical_compare(&left, &right);
}

/* The keys of results that are not critical are those of the critical ones beside them. */
static struct hash128
result_key_of(struct state_entry *entry, const struct critical_place *place)
{
    const struct critical_record *records = critical_records(entry);
    if (place->record != NULL)
        return place->record->result_key;
    for (uint32_t i = 0; i < records_head(entry)->record_count; i++) {
        const struct normal_key key = critical_normal_key(state_key(entry), records[i].result_key);
        if (memcmp(&key, state_key(place->entry), sizeof(key)) == 0)
            return records[i].result_key;
    }
    CHECK(false); /* It was gathered by one of them. */
    return (struct hash128){ 0, 0 };
}

enum status
critical_history_gather(struct critical_history *history, const struct rule *rule, struct state_entry *entry, struct error *err)
{
    struct critical_record *records = critical_records(entry);
    const uint32_t          count   = records_head(entry)->record_count;

    history->count = 0;
    if (reserve(history, count, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t i = 0; i < count; i++)
        history->places[history->count++] = (struct critical_place){ entry, &records[i].version, &records[i] };
    for (uint32_t i = 0; i < count; i++)
        if (is_first_of_result(records, i) && gather_normals(history, rule, entry, records[i].result_key, err) != ST_OK)
            return ST_ERROR;
    qsort(history->places, history->count, sizeof(*history->places), compare_places);
    for (uint32_t i = 0; i < history->count; i++)
        history->results[i] = result_of(&history->places[i], result_key_of(entry, &history->places[i]));
    return ST_OK;
}

/* ---- Births ---- */

bool
critical_was_born(struct critical_history *history, const struct rule *rule, struct state_entry *entry, const struct critical_record *record)
{
    struct critical_record *records = critical_records(entry);
    const uint32_t          count   = records_head(entry)->record_count;
    uint32_t                before = 0, place = 0;

    CHECK(count <= history->capacity);
    for (uint32_t i = 0; i < count; i++) {
        if (!critical_is_before(entry, &records[i], record))
            continue;
        if (&records[i] == record)
            place = before;
        const struct critical_place here = { entry, &records[i].version, &records[i] };
        history->results[before++] = result_of(&here, records[i].result_key);
    }
    size_t alert_count = critical_judge(history->results, before, rule->pack->cooldown_us, history->alerts);
    for (size_t i = 0; i < alert_count; i++)
        if (history->alerts[i].firing_index == place)
            return true;
    return false;
}
