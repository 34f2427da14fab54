#include "live/event.h"

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
