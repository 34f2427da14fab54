#include "live/event.h"

#include "base/check.h"
#include "health/person.h"

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
};

const struct schema event_schema = { columns, EVENT_COLUMN_COUNT };

static bool
hash_pair(const struct siphash_key *key, struct chunk *chunk, enum event_column system, enum event_column low, uint32_t row)
{
    char           text[HASH128_TEXT_SIZE];
    struct hash128 hash;
    if (event_is_null(chunk, system + 1, row)) {
        chunk_set_null(chunk, low, row);
        chunk_set_null(chunk, low + 1, row);
        return true;
    }
    if (!person_id_print(key, event_text(chunk, system, row), event_text(chunk, system + 1, row), &chunk->arena, text))
        return false;
    CHECK(hash128_parse(str_from(text), &hash));
    chunk_set_int64(chunk, low, row, (int64_t)hash.low);
    chunk_set_int64(chunk, low + 1, row, (int64_t)hash.high);
    return true;
}

enum status
event_hash_identities(const struct siphash_key *person_key, struct chunk *chunk, struct error *err)
{
    for (uint32_t row = 0; row < chunk->row_count; row++)
        if (!hash_pair(person_key, chunk, EVENT_SYSTEM, EVENT_IDENTITY_LOW, row)
            || !hash_pair(person_key, chunk, EVENT_PATIENT_SYSTEM, EVENT_PATIENT_LOW, row))
            return error_no_memory(err);
    return ST_OK;
}
