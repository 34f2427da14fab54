#include "live/op/intake.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "io/zone_file.h"
#include "live/op/intake_int.h"

/* ---- What the decoder tells ---- */

/* Values that were repaired, nulled or warned of in rows that go on. */
static void
count_issues(const struct intake *intake, const struct intake_lane *lane)
{
    uint32_t                    count;
    const struct program_issue *issues = program_issues(lane->program, &count);
    for (uint32_t i = 0; i < lane->result.found_count; i++)
        output_reason_add(intake->call.output, lane->entity_index, OUTCOME_FIELD, issues[lane->result.found[i].issue].reason->index, 1);
}

static enum status
take_chunk(void *context, uint32_t mapping_index, struct chunk *chunk, struct error *err)
{
    struct intake      *intake = context;
    struct intake_lane *lane   = &intake->lanes[mapping_index];

    /* Chunks of a group come in the order of the plan: an earlier one, or the same again, begins the next group. */
    if ((int32_t)mapping_index <= intake->last_lane && intake_group(intake, err) != ST_OK)
        return ST_ERROR;
    intake->last_lane = (int32_t)mapping_index;
    cost_lap(intake->options.meter, COST_DECODE);
    memcpy(lane->positions, chunk->columns[RAW_POSITION].data, chunk->row_count * sizeof(*lane->positions));
    memcpy(lane->lengths, chunk->columns[RAW_LENGTH].data, chunk->row_count * sizeof(*lane->lengths));
    if (program_run(lane->state, chunk, &lane->rows, &lane->result, err) != ST_OK)
        return ST_ERROR;
    count_issues(intake, lane);
    if (lane->log_times != NULL)
        intake_log_time_take(intake, lane, chunk);
    cost_lap(intake->options.meter, COST_PROGRAM);
    return ST_OK;
}

static enum status
take_outcome(void *context, const struct record_outcome *outcome, struct error *err)
{
    struct intake       *intake    = context;
    struct epoch_output *output    = intake->call.output;
    struct output_count *records   = output_counts(output, intake->call.partition->index, output_record_entity(output));
    enum outcome         kind      = decode_reason_outcome(outcome->reason);
    const struct reason *reason    = model_reason(intake->options.graph->model, str_from(decode_reason_code(outcome->reason)));

    CHECK(reason != NULL); /* The list of reasons is closed and built in. */
    output_reason_add(output, output_record_entity(output), kind, reason->index, 1);
    if (kind == OUTCOME_FILTERED) {
        records->filtered++;
        return ST_OK;
    }
    records->quarantined++;
    return intake_letter_record(intake, outcome, err);
}

static enum status
take_note(void *context, const struct decode_note *note, struct error *err)
{
    struct intake       *intake = context;
    const struct reason *reason = model_reason(intake->options.graph->model, STR("wrong_shape"));
    (void)err;

    if (note->kind == NOTE_WRONG_SHAPE && note->mapping_index >= 0 && reason != NULL)
        output_reason_add(intake->call.output, intake->lanes[note->mapping_index].entity_index, OUTCOME_FIELD, reason->index, 1);
    return ST_OK;
}

/* ---- Life ---- */

/* As the plan understands it: a mapping's name, or what stands before the first underscore of several. */
static bool
is_meant(const struct graph_input *input, const struct mapping *mapping)
{
    struct str name = str_from(mapping->name);
    if (mapping->format != MODEL_JSON)
        return false;
    return input->mapping.size == 0 || str_equal(name, input->mapping) || str_equal(str_slice(name, 0, str_find_byte(name, '_')), input->mapping);
}

static enum status
make_plan(struct intake *intake, struct error *err)
{
    const struct model              *model   = intake->options.graph->model;
    const struct graph_input        *input   = intake->options.input;
    const struct decode_plan_options options = { .format = MODEL_JSON, .charset = input->charset };
    const struct mapping           **mappings = ARENA_ARRAY(&intake->arena, const struct mapping *, model->mapping_count + 1);

    if (mappings == NULL)
        return error_no_memory(err);
    CHECK(input->format == GRAPH_FORMAT_JSON); /* The plan refuses others, and mappings whose rows are no events. */
    for (uint32_t i = 0; i < model->mapping_count; i++) {
        const struct mapping *mapping = &model->mappings[i];
        if (!is_meant(input, mapping))
            continue;
        CHECK(mapping->each_count == 0);
        if (input->log_time.size > 0 && !input->is_log_time_beside && intake_log_time_field(intake, &mapping, err) != ST_OK)
            return ST_ERROR;
        mappings[intake->lane_count++] = mapping;
    }
    CHECK(intake->lane_count > 0);
    return decode_plan_compile(&options, mappings, intake->lane_count, NULL, NULL, &intake->plan, err);
}

static enum status
lane_init(struct intake *intake, struct intake_lane *lane, const struct mapping *mapping, struct error *err)
{
    const struct graph_input    *input    = intake->options.input;
    struct program_options       options  = { .with_event = true };
    const struct program_context context  = { .system      = input->system,
                                              .zone        = input->zone,
                                              .facility    = input->facility,
                                              .data_source = input->data_source,
                                              .labels      = input->label_text,
                                              .name        = intake->options.graph->streaming.source.name };
    const uint32_t               capacity = intake->options.chunk_capacity;

    lane->mapping      = mapping;
    lane->entity_index = (uint32_t)(mapping->entity - mapping->model->entities);
    if (intake_columns_wanted(intake, mapping->entity, &options.wanted, err) != ST_OK ||
        program_build(mapping, &context, &options, &lane->program, err) != ST_OK ||
        program_state_create(lane->program, &lane->state, err) != ST_OK ||
        chunk_init(&lane->rows, program_schema(lane->program), capacity, err) != ST_OK)
        return ST_ERROR;
    lane->positions = ARENA_ARRAY(&intake->arena, int64_t, capacity);
    lane->lengths   = ARENA_ARRAY(&intake->arena, int64_t, capacity);
    lane->loaded    = ARENA_ARRAY(&intake->arena, uint16_t, capacity);
    lane->places    = ARENA_ARRAY(&intake->arena, uint16_t, capacity);
    if (lane->positions == NULL || lane->lengths == NULL || lane->loaded == NULL || lane->places == NULL)
        return error_no_memory(err);
    if (input->log_time.size > 0 && intake_log_time_open(intake, lane, err) != ST_OK)
        return ST_ERROR;
    return intake_columns_find(intake, lane, err);
}

static enum status
find_limit_codes(struct intake *intake, struct error *err)
{
    const struct graph *graph = intake->options.graph;
    struct str         *codes;
    size_t              count = 0;

    for (size_t i = 0; i < graph->streaming.rule_count; i++)
        count += model_rule(graph->model, graph->streaming.rules[i].step.name)->limit_count;
    codes = ARENA_ARRAY(&intake->arena, struct str, count + 1);
    if (codes == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < graph->streaming.rule_count; i++) {
        const struct rule_pack *rule = model_rule(graph->model, graph->streaming.rules[i].step.name);
        for (uint32_t k = 0; k < rule->limit_count; k++)
            codes[intake->limit_code_count++] = str_from(rule->limits[k].code);
    }
    intake->limit_codes = codes;
    return ST_OK;
}

static enum status
open_all(struct intake *intake, struct error *err)
{
    const struct model          *model   = intake->options.graph->model;
    const struct decoder_options options = { .chunk_capacity = intake->options.chunk_capacity, .is_borrowing = true, .is_flushed_together = true };
    const struct decode_sink     sink    = { intake, take_chunk, take_outcome, take_note };

    intake->unknown_type     = model_reason(model, STR("unknown_type"));
    intake->missing_required = model_reason(model, STR("missing_required"));
    intake->too_late         = model_reason(model, STR("too_late"));
    intake->source_idle      = model_reason(model, STR("source_idle"));
    intake->future_time      = model_reason(model, STR("future_time"));
    intake->bad_timestamp    = model_reason(model, STR("bad_timestamp"));
    intake->unknown_unit     = model_reason(model, STR("unknown_unit"));
    intake->deleted_unread   = model_reason(model, STR("deleted_unread"));
    CHECK(intake->deleted_unread != NULL && intake->unknown_type != NULL && intake->missing_required != NULL && intake->too_late != NULL && intake->source_idle != NULL &&
          intake->unknown_unit != NULL && intake->future_time != NULL && intake->bad_timestamp != NULL);
    if (make_plan(intake, err) != ST_OK)
        return ST_ERROR;
    intake->lanes = ARENA_ARRAY(&intake->arena, struct intake_lane, intake->lane_count);
    if (intake->lanes == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < intake->lane_count; i++)
        if (lane_init(intake, &intake->lanes[i], decode_plan_mapping(intake->plan, i), err) != ST_OK)
            return ST_ERROR;
    if (find_limit_codes(intake, err) != ST_OK ||
        decoder_open(intake->plan, NULL, &options, &sink, &intake->decoder, err) != ST_OK)
        return ST_ERROR;
    intake->persons = arena_alloc(&intake->arena, intake->options.chunk_capacity * sizeof(*intake->persons), 1);
    if (intake->persons == NULL)
        return error_no_memory(err);
    return chunk_init(&intake->events, &event_schema, intake->options.chunk_capacity, err);
}

enum status
intake_create(const struct intake_options *options, struct intake **ret_intake, struct error *err)
{
    CHECK(options->chunk_capacity >= 1 && options->chunk_capacity <= CHUNK_ROW_COUNT_MAX);
    struct intake *intake = memory_alloc_zero(sizeof(*intake));
    if (intake == NULL)
        return error_no_memory(err);
    intake->options    = *options;
    intake->last_lane  = -1;
    intake->has_alerts = options->graph->streaming.route_count > 0;
    arena_init(&intake->arena, 0);
    str_builder_init(&intake->text);
    str_builder_init(&intake->beside);
    if (open_all(intake, err) != ST_OK) {
        error_context(err, "preparing the events of %.*s", STR_PRINTF(options->graph->streaming.source.name));
        intake_free(intake);
        return ST_ERROR;
    }
    *ret_intake = intake;
    return ST_OK;
}

void
intake_free(struct intake *intake)
{
    if (intake == NULL)
        return;
    decoder_free(intake->decoder);
    for (uint32_t i = 0; intake->lanes != NULL && i < intake->lane_count; i++) {
        chunk_release(&intake->lanes[i].rows); /* Looks at the program's schema. */
        program_state_free(intake->lanes[i].state);
        program_free(intake->lanes[i].program);
    }
    decode_plan_free(intake->plan);
    chunk_release(&intake->events);
    zone_drop(intake->zone);
    str_builder_release(&intake->text);
    str_builder_release(&intake->beside);
    arena_release(&intake->arena);
    memory_free(intake);
}

void
intake_set_master(struct intake *intake, const struct master *master)
{
    intake->master = master;
}

/* ---- A batch ---- */

struct str
intake_record_bytes(const struct intake *intake, int64_t position, int64_t length)
{
    const struct record_batch *batch = intake->call.batch;
    if (batch->messages != NULL) {
        const struct message *message = intake_message(intake, position);
        CHECK(length == (int64_t)message->size);
        return message->value == NULL ? STR_EMPTY : str_of(message->value, message->size);
    }
    CHECK(position >= batch->position && length >= 0 && position - batch->position + length <= batch->bytes);
    return str_of(batch->data + (position - batch->position), (size_t)length);
}

struct str
intake_partition_id(const struct intake *intake)
{
    const struct partition_names *names = intake->options.partitions;
    CHECK(intake->call.partition->index < names->count);
    return names->ids[intake->call.partition->index];
}

/* Each message by itself: what one record is says the log, not what is in it. */
static enum status
decode_messages(struct intake *intake, const struct record_batch *batch, struct error *err)
{
    for (uint32_t i = 0; i < batch->record_count; i++)
        if (decoder_record(intake->decoder, batch->messages[i].value, batch->messages[i].size, batch->messages[i].position, err) != ST_OK)
            return ST_ERROR;
    if (decoder_flush(intake->decoder, err) != ST_OK || intake_group(intake, err) != ST_OK)
        return ST_ERROR;
    return intake_record_end(intake, err);
}

static enum status
decode_all(struct intake *intake, const struct record_batch *batch, struct error *err)
{
    size_t size = (size_t)batch->bytes;
    size_t at   = 0;

    while (at < size) {
        size_t used = 0;
        if (decoder_decode(intake->decoder, batch->data + at, size - at, batch->position + (int64_t)at, true, intake->options.chunk_capacity,
                           &used, err) != ST_OK ||
            intake_group(intake, err) != ST_OK)
            return ST_ERROR;
        CHECK(used > 0);
        at += used;
    }
    return intake_record_end(intake, err);
}

/* A record that its source could not hold: its beginning becomes a dead letter, its whole length is told there. */
static enum status
take_cut(struct intake *intake, const struct record_batch *batch, struct output_count *records, struct error *err)
{
    char                        detail[96];
    const struct record         record  = batch->records[0];
    const struct record_outcome outcome = {
        .reason = DECODE_TOO_LARGE,
        .detail = detail,
        .position = batch->position + record.offset,
        .length = batch->cut_size,
        .bytes = str_of(batch->data + record.offset, record.size),
    };

    CHECK(batch->record_count == 1 && batch->cut_size <= batch->bytes);
    snprintf(detail, sizeof(detail), "the line has %lld bytes, the first %u are kept", (long long)batch->cut_size, record.size);
    records->received++;
    return take_outcome(intake, &outcome, err);
}

/* Each byte is of a record or between records (I1). */
static enum status
decode_whole(struct intake *intake, const struct record_batch *batch, struct output_count *records, struct error *err)
{
    const struct decode_counts  before = *decoder_counts(intake->decoder);
    const struct decode_counts *after  = decoder_counts(intake->decoder);

    if ((batch->messages != NULL ? decode_messages : decode_all)(intake, batch, err) != ST_OK)
        return ST_ERROR;
    int64_t bytes = after->record_bytes - before.record_bytes + after->between_bytes - before.between_bytes;
    records->received += after->record_count - before.record_count;
    if (bytes != batch->bytes)
        return error_set(err, ERR_INTERNAL, "%lld bytes were to be decoded, %lld are accounted for", (long long)batch->bytes,
                         (long long)bytes);
    return ST_OK;
}

enum status
intake_batch(struct intake *intake, struct intake_partition *partition, const struct record_batch *batch,
             int64_t received_us, struct epoch_output *output, intake_rows_fn *rows, void *context,
             struct error *err)
{
    struct output_count *records = output_counts(output, partition->index, output_record_entity(output));

    CHECK(partition->index < output->partition_count);
    output_reasons_of(output, partition->index);
    intake->call       = (struct intake_call){ partition, batch, received_us, output, rows, context };
    enum status status = batch->cut_size > 0 ? take_cut(intake, batch, records, err) : decode_whole(intake, batch, records, err);
    intake->call       = (struct intake_call){ 0 };
    if (status != ST_OK)
        return status;
    records->bytes += batch->bytes;
    records->skipped += batch->skipped_count;
    if (batch->lost_count > 0)
        output_reason_add(output, output_record_entity(output), OUTCOME_LOST, intake->deleted_unread->index, batch->lost_count);
    return ST_OK;
}
