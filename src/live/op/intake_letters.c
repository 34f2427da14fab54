/* What the intake tells of rows and records that do not go on, or come too late. No value of a patient stands in a reason. */
#include <stdio.h>
#include <string.h>

#include "base/json_out.h"
#include "live/op/intake_int.h"

/* ---- Dead letters ---- */

static struct store_dead_letter
letter_at(const struct intake *intake, int64_t position, const struct reason *reason, struct str bytes)
{
    return (struct store_dead_letter){
        .source         = partition_source(intake->options.partitions, intake->call.partition->index),
        .partition_id   = intake_partition_id(intake),
        .position       = position,
        .step           = STR("decode"),
        .received_at_us = intake->call.received_us,
        .reason_code    = str_from(reason->code),
        .reason         = str_from(reason->help),
        .bytes          = bytes,
    };
}

static enum status
give_letter(struct intake *intake, struct store_dead_letter *letter, struct error *err)
{
    if (intake_message_letter(intake, letter->position, letter, err) != ST_OK)
        return ST_ERROR;
    return output_dead_letter(intake->call.output, letter, err);
}

enum status
intake_letter_record(struct intake *intake, const struct record_outcome *outcome, struct error *err)
{
    const struct reason *reason = model_reason(intake->options.graph->model, str_from(decode_reason_code(outcome->reason)));
    struct store_dead_letter letter = letter_at(intake, outcome->position, reason, outcome->bytes);

    if (outcome->detail != NULL)
        letter.reason = str_from(outcome->detail);
    return give_letter(intake, &letter, err);
}

enum status
intake_letter_unknown(struct intake *intake, const struct record_work *record, struct error *err)
{
    struct store_dead_letter letter = letter_at(intake, record->position, intake->unknown_type,
                                                intake_record_bytes(intake, record->position, record->length));
    letter.reason = STR("no mapping takes the record");
    return give_letter(intake, &letter, err);
}

static struct str
column_name(const struct intake *intake, const struct intake_lane *lane, uint32_t column)
{
    return column == INTAKE_COLUMN_LOG_TIME ? intake->options.input->log_time : str_from(program_schema(lane->program)->columns[column].name);
}

enum status
intake_letter_row(struct intake *intake, const struct intake_lane *lane, uint32_t row, const struct reason *reason,
                  uint32_t column, struct error *err)
{
    const int64_t            position = lane->positions[row];
    struct store_dead_letter letter   = letter_at(intake, position, reason, intake_record_bytes(intake, position, lane->lengths[row]));

    letter.row_number = intake->record.row_count - 1;
    letter.step       = intake->options.graph->streaming.validate.step.name;
    letter.entity     = str_from(lane->mapping->entity->name);
    letter.path       = column_name(intake, lane, column);
    letter.event_id   = lane_event_text(lane, EVENT_ID, row);
    if (give_letter(intake, &letter, err) != ST_OK)
        return ST_ERROR;
    return lane->is_lab_result ? intake_unevaluated(intake, lane, row, reason, column, err) : ST_OK;
}

/* ---- Late events ---- */

enum status
intake_late(struct intake *intake, const struct intake_lane *lane, uint32_t row, int64_t event_us, struct error *err)
{
    const int64_t                 position = lane->positions[row];
    const struct reason          *reason   = intake_is_raised(intake->call.partition) ? intake->source_idle : intake->too_late;
    const struct store_late_event late     = {
            .source         = partition_source(intake->options.partitions, intake->call.partition->index),
            .partition_id   = intake_partition_id(intake),
            .position       = position,
            .step           = intake->options.graph->streaming.window.step.name,
            .event_time_us  = event_us,
            .watermark_us   = intake->call.partition->watermark_us,
            .reason_code    = str_from(reason->code),
            .reason         = str_from(reason->help),
            .bytes          = intake_record_bytes(intake, position, lane->lengths[row]),
            .received_at_us = intake->call.received_us,
    };
    output_reason_add(intake->call.output, lane->entity_index, OUTCOME_LATE, reason->index, 1);
    output_reason_add(intake->call.output, output_record_entity(intake->call.output), OUTCOME_LATE, reason->index, 1);
    return output_late_event(intake->call.output, &late, err);
}

/* ---- Results that could not be judged ---- */

/* {"events":[…]} and behind it the explanation; both lie in intake->text until the alert is copied. */
static void
print_explanation(struct intake *intake, const struct intake_lane *lane, uint32_t row, const struct reason *reason, uint32_t column,
                  size_t *ret_evidence_size)
{
    struct json_out json;

    str_builder_clear(&intake->text);
    json_out_init(&json, &intake->text, 0);
    json_out_object_begin(&json);
    json_out_key_array(&json, "events");
    json_out_object_begin(&json);
    json_out_key_text(&json, "source", partition_source(intake->options.partitions, intake->call.partition->index));
    json_out_key_text(&json, "partition_id", intake_partition_id(intake));
    json_out_key_int(&json, "position", lane->positions[row]);
    json_out_object_end(&json);
    json_out_array_end(&json);
    json_out_object_end(&json);
    *ret_evidence_size = intake->text.size;
    json_out_init(&json, &intake->text, 0);
    json_out_object_begin(&json);
    json_out_key_cstr(&json, "reason", reason->code);
    json_out_key_text(&json, "column", column_name(intake, lane, column));
    json_out_key_cstr(&json, "help", reason->help);
    json_out_object_end(&json);
}

/* An event that has no id is known by where it stands, a retried one by where it first stood: it is the same event. */
static struct hash128
event_identity(const struct intake *intake, const struct intake_lane *lane, uint32_t row)
{
    struct str id = lane_event_text(lane, EVENT_ID, row);
    char       place[32];

    if (id.size > 0)
        return event_pair_hash(intake->options.person_key, lane_event_text(lane, EVENT_SYSTEM, row), id);
    const struct store_letter *letter = intake->call.partition->letter;
    int64_t                    position = letter != NULL ? letter->position : lane->positions[row];
    int count = snprintf(place, sizeof(place), "%lld", (long long)position);
    return event_pair_hash(intake->options.person_key, letter != NULL ? letter->partition_id : intake_partition_id(intake), str_of(place, (size_t)count));
}

static struct hash128
person_of(const struct intake *intake, struct hash128 subject)
{
    struct hash128 person = subject;
    int32_t        birth;
    if (intake->master != NULL)
        (void)master_find(intake->master, subject, &person, &birth);
    return person;
}

enum status
intake_unevaluated(struct intake *intake, const struct intake_lane *lane, uint32_t row, const struct reason *reason, uint32_t column,
                   struct error *err)
{
    const struct lane_source *times   = &lane->sources[EVENT_EFFECTIVE_TIME];
    const struct str          system  = lane_event_text(lane, EVENT_PATIENT_SYSTEM, row);
    const struct str          patient = lane_event_text(lane, EVENT_PATIENT_ID, row);
    const struct hash128      subject = event_pair_hash(intake->options.person_key, system, patient);
    struct alert_identity     identity = { .pipeline = intake->options.graph->name,
                                           .rule     = STR(GRAPH_RULE_UNEVALUATED_RESULT),
                                           .event_us = lane_int64(lane, lane->sources[EVENT_TIME].first, row),
                                           .subject  = subject,
                                           .event    = event_identity(intake, lane, row) };
    char                      id[ALERT_ID_TEXT_SIZE], person[HASH128_TEXT_SIZE];
    size_t                    evidence_size, explanation_end;
    int32_t                   effective = lane_has(lane, times->first, row) ? times->first : times->second;

    if (!intake->has_alerts)
        return ST_OK;
    alert_id_print(intake->options.person_key, &identity, id);
    hash128_print(person_of(intake, subject), person);
    print_explanation(intake, lane, row, reason, column, &evidence_size);
    explanation_end = intake->text.size;
    if (!str_builder_reserve(&intake->text, lane_range_size(lane, row)) || !str_builder_is_ok(&intake->text))
        return error_no_memory(err);
    lane_range_print(lane, row, intake->text.data + explanation_end);
    const struct str         text  = str_builder_text(&intake->text);
    const struct store_alert alert = {
        .alert_id = str_from(id), .rule = identity.rule, .rule_version = STR("1"), .limits_approved = true, .mode = STR("live"),
        .severity = str_from(severity_name(SEVERITY_HIGH)), .status = STR("open"), .status_reason = str_from(reason->code),
        .person_id = patient.size > 0 ? str_from(person) : STR_EMPTY, .subject_system = patient.size > 0 ? system : STR_EMPTY,
        .subject_id = patient, .encounter_id = lane_event_text(lane, EVENT_ENCOUNTER_ID, row),
        .location = lane_event_text(lane, EVENT_LOCATION, row),
        .ordering_practitioner_id = lane_event_text(lane, EVENT_PRACTITIONER_ID, row),
        .code = lane_text(lane, lane->sources[EVENT_CODE].second >= 0 ? lane->sources[EVENT_CODE].second : lane->sources[EVENT_CODE].first, row),
        .value = lane_event_text(lane, EVENT_RESULT, row), .unit = lane_event_text(lane, EVENT_RESULT_UNIT, row),
        .reference_range = str_of(text.data + explanation_end, lane_range_size(lane, row)), .event_time_us = identity.event_us,
        .effective_time_us = lane_has(lane, effective, row) ? lane_int64(lane, effective, row) : STORE_TIME_NONE,
        .detected_at_us = intake->call.received_us, .explanation = str_slice(text, evidence_size, explanation_end),
        .evidence = str_slice(text, 0, evidence_size), .labels = intake->options.input->label_text, .is_delivered = true,
    };
    return output_alert(intake->call.output, &alert, err);
}
