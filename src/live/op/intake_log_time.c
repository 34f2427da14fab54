/* When an event was written to its log, where it says so itself (log_time of the binding): an event of the future must not carry the watermark
 * with it and so close everybody's windows. Of all time there is, only that is of the log: the clock at reading would make what is late depend on
 * when it is read. */
#include <string.h>

#include "base/check.h"
#include "health/time.h"
#include "io/zone_file.h"
#include "live/op/intake_int.h"

enum status
intake_log_time_field(struct intake *intake, const struct mapping **mapping, struct error *err)
{
    const uint32_t        count  = (*mapping)->field_count;
    struct mapping       *copy   = ARENA_NEW(&intake->arena, struct mapping);
    struct model_text    *path   = ARENA_NEW(&intake->arena, struct model_text);
    struct mapping_field *fields = ARENA_ARRAY(&intake->arena, struct mapping_field, count + 1);

    if (copy == NULL || path == NULL || fields == NULL)
        return error_no_memory(err);
    if (count > 0)
        memcpy(fields, (*mapping)->fields, count * sizeof(*fields));
    *path             = (struct model_text){ .text = intake->options.input->log_time };
    fields[count]     = (struct mapping_field){ .name = "@log_time", .paths = path, .path_count = 1 }; /* No expression can mean it. */
    *copy             = **mapping;
    copy->fields      = fields;
    copy->field_count = count + 1;
    *mapping          = copy;
    return ST_OK;
}

enum status
intake_log_time_open(struct intake *intake, struct intake_lane *lane, struct error *err)
{
    lane->log_times = ARENA_ARRAY(&intake->arena, int64_t, intake->options.chunk_capacity);
    if (lane->log_times == NULL)
        return error_no_memory(err);
    return intake->zone != NULL ? ST_OK : zone_hold(io_system(), intake->options.input->zone, &intake->zone, err);
}

/* No time that can be written. */
#define LOG_TIME_MISSING    INT64_MIN
#define LOG_TIME_UNREADABLE INT64_MAX
#define LOG_TIME_NOT_KEPT   (INT64_MAX - 1)

/* Of messages, whose log carries the time beside them. A retried letter moves no watermark, and its message's time is not kept as such. */
static void
take_message_times(const struct intake *intake, struct intake_lane *lane, uint32_t row_count)
{
    const struct record_batch *batch = intake->call.batch;
    for (uint32_t row = 0, i = 0; row < row_count; row++) {
        if (batch->messages == NULL) {
            lane->log_times[row] = LOG_TIME_NOT_KEPT;
            continue;
        }
        while (batch->messages[i].position < lane->positions[row])
            i++;
        lane->log_times[row] = batch->messages[i].time_us;
    }
}

/* Texts of the raw chunk do not outlive the call. */
void
intake_log_time_take(const struct intake *intake, struct intake_lane *lane, const struct chunk *raw)
{
    if (intake->options.input->is_log_time_beside) {
        take_message_times(intake, lane, raw->row_count);
        return;
    }
    const struct column *values = &raw->columns[raw->schema->column_count - 1];
    const struct text   *texts  = values->data;

    for (uint32_t row = 0; row < raw->row_count; row++) {
        const bool       is_there = (values->all_valid || validity_get(values->validity, row)) && texts[row].size > 0;
        struct time_text parsed;
        if (!is_there)
            lane->log_times[row] = LOG_TIME_MISSING;
        else if (!time_parse_any(str_of(text_data(&texts[row]), texts[row].size), &parsed) || !time_to_instant(&parsed, intake->zone, &lane->log_times[row]))
            lane->log_times[row] = LOG_TIME_UNREADABLE;
    }
}

const struct reason *
intake_log_time_refusal(const struct intake *intake, const struct intake_lane *lane, uint32_t row, uint32_t *ret_column)
{
    const int64_t event_us = lane_int64(lane, lane->sources[EVENT_TIME].first, row), log_us = lane->log_times[row];

    *ret_column = INTAKE_COLUMN_LOG_TIME;
    if (log_us == LOG_TIME_NOT_KEPT)
        return NULL;
    if (log_us == LOG_TIME_MISSING)
        return intake->missing_required;
    if (log_us == LOG_TIME_UNREADABLE)
        return intake->bad_timestamp;
    *ret_column = (uint32_t)lane->sources[EVENT_TIME].first;
    return event_us - log_us > intake->options.input->log_time_skew_us ? intake->future_time : NULL;
}
