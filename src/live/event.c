#include "live/event.h"

#include <string.h>

#define INT64     TYPE(TYPE_INT64)
#define TEXT      TYPE(TYPE_TEXT)
#define TIMESTAMP TYPE(TYPE_TIMESTAMP)

static const struct schema_column columns[EVENT_COLUMN_COUNT] = {
    [EVENT_PARTITION]       = { "partition", INT64 },
    [EVENT_POSITION]        = { "position", INT64 },
    [EVENT_ROW_NUMBER]      = { "row_number", INT64 },
    [EVENT_ENTITY]          = { "entity", INT64 },
    [EVENT_IDENTITY_LOW]    = { "identity_low", INT64 },
    [EVENT_IDENTITY_HIGH]   = { "identity_high", INT64 },
    [EVENT_PATIENT_LOW]     = { "patient_low", INT64 },
    [EVENT_PATIENT_HIGH]    = { "patient_high", INT64 },
    [EVENT_SYSTEM]          = { "event_system", TEXT },
    [EVENT_ID]              = { "event_id", TEXT },
    [EVENT_TIME]            = { "event_time", TIMESTAMP },
    [EVENT_EFFECTIVE_TIME]  = { "effective_time", TIMESTAMP },
    [EVENT_WATERMARK]       = { "watermark", TIMESTAMP },
    [EVENT_IS_LATE]         = { "is_late", TYPE(TYPE_BOOL) },
    [EVENT_PATIENT_SYSTEM]  = { "patient_system", TEXT },
    [EVENT_PATIENT_ID]      = { "patient_id", TEXT },
    [EVENT_PERSON_ID]       = { "person_id", TEXT },
    [EVENT_BIRTH_DATE]      = { "birth_date", TYPE(TYPE_DATE) },
    [EVENT_FACILITY]        = { "facility", TEXT },
    [EVENT_ENCOUNTER_ID]    = { "encounter_id", TEXT },
    [EVENT_LOCATION]        = { "location", TEXT },
    [EVENT_CODE]            = { "code", TEXT },
    [EVENT_VALUE]           = { "value", TYPE_DECIMAL_OF(6) },
    [EVENT_UNIT]            = { "unit", TEXT },
    [EVENT_COMPARATOR]      = { "comparator", TEXT },
    [EVENT_FLAG]            = { "flag", TEXT },
    [EVENT_CONDITION]       = { "condition", TEXT },
    [EVENT_RESULT]          = { "result", TEXT },
    [EVENT_RESULT_UNIT]     = { "result_unit", TEXT },
    [EVENT_REFERENCE_RANGE] = { "reference_range", TEXT },
    [EVENT_STATUS]          = { "status", TEXT },
    [EVENT_STATUS_ACTION]   = { "status_action", TEXT },
    [EVENT_RESULT_ID]       = { "result_id", TEXT },
    [EVENT_PRACTITIONER_ID] = { "practitioner_id", TEXT },
    [EVENT_USER_SYSTEM]     = { "user_system", TEXT },
    [EVENT_USER_ID]         = { "user_id", TEXT },
    [EVENT_DEPARTMENT]      = { "department", TEXT },
    [EVENT_BEGIN_TIME]      = { "begin_time", TIMESTAMP },
    [EVENT_END_TIME]        = { "end_time", TIMESTAMP },
    [EVENT_ACCESS_FACTS]    = { "access_facts", INT64 },
    [EVENT_USER_LOW]        = { "user_low", INT64 },
    [EVENT_USER_HIGH]       = { "user_high", INT64 },
};

const struct schema event_schema = { columns, EVENT_COLUMN_COUNT };

/* The bytes that person_id_print hashes, so that a patient's hash is the provisional person. Longer identifiers than any of the
 * field go in as their own hashes. */
struct hash128
event_pair_hash(const struct siphash_key *person_key, struct str system, struct str value)
{
    char     bytes[512];
    uint32_t size = (uint32_t)system.size;
    for (int i = 0; i < 4; i++)
        bytes[i] = (char)(size >> (8 * i));
    if (system.size + value.size > sizeof(bytes) - 4) {
        struct hash128 parts[2] = { hash128(system.data, system.size), hash128(value.data, value.size) };
        return siphash128(person_key, parts, sizeof(parts));
    }
    if (system.size > 0)
        memcpy(bytes + 4, system.data, system.size);
    if (value.size > 0)
        memcpy(bytes + 4 + system.size, value.data, value.size);
    return siphash128(person_key, bytes, 4 + system.size + value.size);
}

/* Two columns of hashes from two of texts. */
static void
hash_pairs(struct chunk *chunk, const struct siphash_key *key, enum event_column system, enum event_column low)
{
    int64_t *lows = chunk->columns[low].data, *highs = chunk->columns[low + 1].data;
    for (uint32_t row = 0; row < chunk->row_count; row++) {
        struct hash128 hash = event_pair_hash(key, event_text(chunk, system, row), event_text(chunk, system + 1, row));
        lows[row]           = (int64_t)hash.low;
        highs[row]          = (int64_t)hash.high;
    }
    chunk_set_all_valid(chunk, low);
    chunk_set_all_valid(chunk, low + 1);
}

void
event_hash_identities(struct chunk *chunk, const struct siphash_key *person_key)
{
    hash_pairs(chunk, person_key, EVENT_SYSTEM, EVENT_IDENTITY_LOW);
    hash_pairs(chunk, person_key, EVENT_PATIENT_SYSTEM, EVENT_PATIENT_LOW);
}

static enum event_column
user_column(const struct chunk *chunk, uint32_t row)
{
    return event_is_null(chunk, EVENT_USER_ID, row) ? EVENT_PRACTITIONER_ID : EVENT_USER_ID;
}

struct hash128
event_user(const struct siphash_key *person_key, const struct chunk *chunk, enum event_column column, uint32_t row)
{
    if (event_is_null(chunk, column, row))
        return (struct hash128){ 0, 0 };
    if (!event_is_null(chunk, EVENT_USER_LOW, row) && column == user_column(chunk, row))
        return event_hash(chunk, EVENT_USER_LOW, row);
    return event_pair_hash(person_key, event_text(chunk, EVENT_USER_SYSTEM, row), event_text(chunk, column, row));
}

void
event_hash_user(struct chunk *chunk, const struct siphash_key *person_key, uint32_t row)
{
    const enum event_column column = user_column(chunk, row);
    if (event_is_null(chunk, column, row))
        return;
    const struct hash128 hash = event_user(person_key, chunk, column, row);
    for (uint32_t half = 0; half < 2; half++) {
        struct column *to               = &chunk->columns[EVENT_USER_LOW + half];
        ((int64_t *)to->data)[row]      = (int64_t)(half == 0 ? hash.low : hash.high);
        to->validity[row >> 6] |= (uint64_t)1 << (row & 63);
    }
}
