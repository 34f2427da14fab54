/* Which rows are of a series, and what is kept of them. */
#include "base/decimal.h"
#include "base/memory.h"
#include "health/units.h"
#include "live/op/series_int.h"

/* ---- Codes ---- */

/* Most rows are of other codes: size and first letters of a code choose a bit. */
static uint64_t
filter_bit(const struct text *text)
{
    uint64_t words[2];
    memcpy(words, text, sizeof(words));
    return UINT64_C(1) << (((words[0] ^ words[1]) * UINT64_C(0x9e3779b97f4a7c15)) >> 58);
}

enum status
series_codes_init(struct series_codes *codes, const struct rule_pack *pack, struct error *err)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < pack->series_count; i++)
        count += pack->series[i].code_count;
    codes->texts  = memory_alloc_array(count + 1, sizeof(*codes->texts));
    codes->codes  = memory_alloc_array(count + 1, sizeof(*codes->codes));
    codes->series = memory_alloc_array(count + 1, sizeof(*codes->series));
    if (codes->texts == NULL || codes->codes == NULL || codes->series == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < pack->series_count; i++) {
        for (uint32_t k = 0; k < pack->series[i].code_count; k++) {
            const struct str code       = str_from(pack->series[i].codes[k].code);
            codes->texts[codes->count]  = text_view(code.data, code.size);
            codes->codes[codes->count]  = &pack->series[i].codes[k];
            codes->series[codes->count] = i;
            codes->filter |= filter_bit(&codes->texts[codes->count++]);
        }
    }
    return ST_OK;
}

void
series_codes_release(struct series_codes *codes)
{
    memory_free(codes->texts);
    memory_free(codes->codes);
    memory_free(codes->series);
    *codes = (struct series_codes){ 0 };
}

int32_t
series_code_find(const struct series_codes *codes, const struct chunk *chunk, uint32_t row)
{
    const struct text *text = &((const struct text *)chunk->columns[EVENT_CODE].data)[row];
    if (event_is_null(chunk, EVENT_CODE, row) || (codes->filter & filter_bit(text)) == 0)
        return -1;
    for (uint32_t i = 0; i < codes->count; i++)
        if (text_equal(&codes->texts[i], text))
            return (int32_t)i;
    return -1;
}

/* ---- Records ---- */

/* "3.5-5.1", "<5.1": the number behind. In the unit as received. */
static bool
read_upper(const struct rule_series *series, const struct chunk *chunk, uint32_t row, int64_t *ret_upper)
{
    const struct str       range = event_text(chunk, EVENT_REFERENCE_RANGE, row);
    struct unit_conversion conversion;
    int64_t                number;
    size_t                 begin = range.size;
    if (range.size == 0 || range.data[0] == '>')
        return false;
    while (begin > 0 && range.data[begin - 1] != '-' && range.data[begin - 1] != '<')
        begin--;
    return begin > 0 && decimal_is_ok(decimal_parse(str_trim(str_slice(range, begin, range.size)), 6, &number)) && number > 0
           && unit_of_result(str_from(series->codes[0].code), event_text(chunk, EVENT_RESULT_UNIT, row), &conversion) != NULL
           && unit_convert_value(&conversion, number, ret_upper) && *ret_upper > 0;
}

/* By the statuses of HL7 table 0085. */
static uint8_t
traits_of(const struct rule *rule, const struct chunk *chunk, uint32_t row)
{
    const struct str action = event_text(chunk, EVENT_STATUS_ACTION, row), status = event_text(chunk, EVENT_STATUS, row);
    uint32_t         traits = 0;
    int32_t          years;
    if (event_int64(chunk, EVENT_PARTITION, row) == EVENT_PARTITION_HISTORY)
        traits |= SERIES_HISTORY;
    if (str_equal(action, STR("promote")))
        traits |= SERIES_PROMOTION;
    else if (status.size != 1 || memchr("FCABVU", status.data[0], 6) == NULL)
        traits |= SERIES_PRELIMINARY;
    if (rule_age_years(chunk, row, &years) && years < rule->pack->adult_years)
        traits |= SERIES_MINOR;
    if (rule_is_haemolysed(chunk, row))
        traits |= RECORD_HAEMOLYSED;
    return (uint8_t)traits;
}

void
series_record_of(const struct rule *rule, const struct rule_series *series, const struct rule_code *code, const struct chunk *chunk,
                 uint32_t row, struct critical_record *ret_record)
{
    struct critical_record record = { 0 };
    critical_version_of(chunk, row, &record.version);
    record.subject    = rule_hash(chunk, EVENT_PATIENT_LOW, row);
    record.result_key = critical_result_key(chunk, row);
    record.is_shadow  = !rule->pack->is_approved;
    record.traits     = traits_of(rule, chunk, row);
    record.is_judged  = (record.traits & SERIES_HISTORY) != 0; /* It is never born. */
    if (!event_is_null(chunk, EVENT_VALUE, row) && event_text(chunk, EVENT_COMPARATOR, row).size == 0
        && unit_convert_value(code->conversion, event_int64(chunk, EVENT_VALUE, row), &record.value) && record.value > 0)
        record.numbers |= HAS_VALUE;
    if (read_upper(series, chunk, row, &record.high))
        record.numbers |= HAS_HIGH;
    *ret_record = record;
}
