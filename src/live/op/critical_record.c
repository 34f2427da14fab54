#include "live/op/critical_record.h"

#include <string.h>

struct normal_key
critical_normal_key(const struct critical_key *key, struct hash128 result_key)
{
    const struct hash128 parts[3] = { key->patient, key->code, result_key };
    return (struct normal_key){ key->patient.low, hash128(parts, sizeof(parts)) };
}

static void
set_limit(struct critical_record *record, const struct rule_limit *limit)
{
    record->low     = limit->has_low ? limit->low : 0;
    record->high    = limit->has_high ? limit->high : 0;
    record->numbers = (uint8_t)(record->numbers | (limit->has_low ? HAS_LOW : 0u) | (limit->has_high ? HAS_HIGH : 0u));
}

void
critical_version_of(const struct chunk *chunk, uint32_t row, struct critical_version *ret_version)
{
    struct str              action  = event_text(chunk, EVENT_STATUS_ACTION, row);
    struct str              status  = event_text(chunk, EVENT_STATUS, row);
    struct critical_version version = { .effective_us = event_int64(chunk, EVENT_EFFECTIVE_TIME, row),
                                        .event_us     = event_int64(chunk, EVENT_TIME, row),
                                        .known_us     = rule_known_us(chunk, row),
                                        .position     = event_int64(chunk, EVENT_POSITION, row),
                                        .identity     = rule_hash(chunk, EVENT_IDENTITY_LOW, row) };
    version.is_withdrawn = str_equal(action, STR("retract")) || str_equal(status, STR("D")) || str_equal(status, STR("W"));
    *ret_version         = version;
}

struct hash128
critical_result_key(const struct chunk *chunk, uint32_t row)
{
    if (event_is_null(chunk, EVENT_RESULT_ID, row))
        return rule_hash(chunk, EVENT_IDENTITY_LOW, row);
    return rule_text_hash(event_text(chunk, EVENT_RESULT_ID, row));
}

void
critical_row_of(const struct rule *rule, const struct critical_limits *limits, const struct chunk *chunk, uint32_t row,
                struct critical_row *ret_row)
{
    struct critical_cause  cause  = critical_cause(limits, chunk, row);
    struct critical_record record = { 0 };

    critical_version_of(chunk, row, &record.version);
    record.subject    = rule_hash(chunk, EVENT_PATIENT_LOW, row);
    record.result_key = critical_result_key(chunk, row);
    record.value      = event_int64(chunk, EVENT_VALUE, row);
    record.numbers    = event_is_null(chunk, EVENT_VALUE, row) ? 0 : HAS_VALUE;
    record.is_shadow  = cause.limit != NULL && !cause.is_flagged && !rule->pack->is_approved;
    record.severity   = (uint8_t)cause.severity;
    record.traits     = cause.is_haemolysed ? RECORD_HAEMOLYSED : 0;
    if (str_equal(event_text(chunk, EVENT_STATUS_ACTION, row), STR("promote")))
        record.numbers |= IS_PROMOTION;
    if (cause.limit != NULL)
        set_limit(&record, cause.limit);
    ret_row->record      = record;
    ret_row->is_critical = cause.limit != NULL || cause.is_flagged;
    ret_row->key         = (struct critical_key){ record.subject, rule_text_hash(event_text(chunk, EVENT_CODE, row)) };
    ret_row->normal_key  = critical_normal_key(&ret_row->key, record.result_key);
}

void
critical_texts_of(const struct rule *rule, const struct chunk *chunk, uint32_t row, char buffers[2][RECORD_TEXT_SIZE_MAX + 1],
                  struct str *texts, uint32_t count)
{
    static const enum event_column columns[TEXT_COUNT] = {
        [TEXT_RESULT] = EVENT_RESULT,         [TEXT_RESULT_UNIT] = EVENT_RESULT_UNIT,  [TEXT_RANGE] = EVENT_REFERENCE_RANGE,
        [TEXT_PATIENT_SYSTEM] = EVENT_PATIENT_SYSTEM, [TEXT_PATIENT_ID] = EVENT_PATIENT_ID, [TEXT_PERSON] = EVENT_PERSON_ID,
        [TEXT_ENCOUNTER] = EVENT_ENCOUNTER_ID, [TEXT_LOCATION] = EVENT_LOCATION, [TEXT_PRACTITIONER] = EVENT_PRACTITIONER_ID,
        [TEXT_CODE] = EVENT_CODE,             [TEXT_UNIT] = EVENT_UNIT,                [TEXT_FLAG] = EVENT_FLAG,
        [TEXT_COMPARATOR] = EVENT_COMPARATOR,
    };
    texts[TEXT_SYSTEM]    = rule_identifier(chunk, EVENT_SYSTEM, row, buffers[0]);
    texts[TEXT_ID]        = rule_identifier(chunk, EVENT_ID, row, buffers[1]);
    texts[TEXT_PARTITION] = rule_partition_id(rule, chunk, row);
    for (uint32_t i = TEXT_RESULT; i < count; i++)
        texts[i] = rule_text(chunk, columns[i], row);
}

bool
critical_sees(const struct rule *rule, const struct critical_version *critical, const struct critical_version *normal)
{
    return normal->known_us + CRITICAL_NORMAL_KEPT_US > critical->known_us && critical->known_us + rule->pack->history_us > normal->known_us;
}
