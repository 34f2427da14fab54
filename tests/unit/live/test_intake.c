/* The intake: lines of JSON in, event rows, dead letters, late events, alerts and counts out, over the model of examples/hybrid. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/str_builder.h"
#include "base/time.h"
#include "io/io.h"
#include "live/op/intake.h"
#include "plan/plan.h"
#include "support/support.h"
#include "support/sweep.h"

#define RECORD_COUNT_MAX 512

static struct config_errors      errors;
static struct plan               plan;
static const struct siphash_key  key   = { { 1, 2, 3 } };
static const struct str          ids[] = { STR_INIT("a.ndjson"), STR_INIT("b.ndjson") };
static struct partition_names    names = { STR_INIT("KAFKA_EDW_EVENTS"), ids, 2, 0 };

static void
must(enum status status, const struct error *err)
{
    char text[ERROR_TEXT_SIZE];
    if (status == ST_OK)
        return;
    error_print(err, text, sizeof(text));
    fail_msg("%s", text);
}

static void
load(const char *pipeline_path)
{
    struct error              err     = ERROR_EMPTY;
    const struct plan_request request = { .pipeline_path = pipeline_path };
    must(plan_load(io_system(), &request, &errors, &plan, &err), &err);
}

static int
set_up(void **state)
{
    (void)state;
    load(source_path("examples/hybrid/pipeline.json"));
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    plan_release(&plan);
    config_errors_release(&errors);
    return 0;
}

/* ---- All that an intake tells, as text ---- */

static void
print_value(struct str_builder *out, const struct chunk *chunk, uint32_t column, uint32_t row)
{
    char                 text[TIME_TEXT_SIZE];
    const struct column *values = &chunk->columns[column];
    if (event_is_null(chunk, (enum event_column)column, row))
        return;
    str_builder_printf(out, "|%s=", event_schema.columns[column].name);
    if (column == EVENT_ENTITY) {
        str_builder_append_cstr(out, plan.graph->model->entities[((const int64_t *)values->data)[row]].name);
        return;
    }
    switch (values->type.kind) {
    case TYPE_TEXT: str_builder_append(out, event_text(chunk, (enum event_column)column, row)); break;
    case TYPE_TIMESTAMP: time_print(((const int64_t *)values->data)[row], text), str_builder_append(out, str_of(text, 19)); break;
    case TYPE_DATE: date_print(((const int32_t *)values->data)[row], text), str_builder_append_cstr(out, text); break;
    case TYPE_BOOL: str_builder_append_cstr(out, ((const uint8_t *)values->data)[row] ? "true" : "false"); break;
    default: str_builder_printf(out, "%lld", (long long)((const int64_t *)values->data)[row]);
    }
}

struct told {
    struct str_builder rows;
    int64_t            row_count;
    bool               is_whole; /* All columns, else what tests of single rows look at. */
};

static enum status
take_rows(void *context, struct chunk *chunk, struct error *err)
{
    static const enum event_column some[] = { EVENT_POSITION, EVENT_ID, EVENT_TIME, EVENT_WATERMARK, EVENT_IS_LATE, EVENT_ACCESS_FACTS };
    struct told                   *told   = context;
    (void)err;
    assert_true(chunk->row_count > 0 && chunk->selection == NULL);
    told->row_count += chunk->row_count;
    for (uint32_t row = 0; row < chunk->row_count; row++) {
        if (told->is_whole)
            for (uint32_t column = 0; column < EVENT_COLUMN_COUNT; column++)
                print_value(&told->rows, chunk, column, row);
        else
            for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
                print_value(&told->rows, chunk, some[i], row);
        str_builder_append_char(&told->rows, '\n');
    }
    return ST_OK;
}

static int
compare_letters(const void *a, const void *b)
{
    const struct store_dead_letter *x = a, *y = b;
    if (x->position != y->position)
        return x->position < y->position ? -1 : 1;
    return x->row_number < y->row_number ? -1 : x->row_number > y->row_number;
}

static void
print_output(struct str_builder *out, struct epoch_output *output)
{
    char time[TIME_TEXT_SIZE];
    if (output->dead_letter_count > 0) /* Those of the decoder come before those of its rows. */
        qsort(output->dead_letters, output->dead_letter_count, sizeof(output->dead_letters[0]), compare_letters);
    for (size_t i = 0; i < output->dead_letter_count; i++) {
        const struct store_dead_letter *letter = &output->dead_letters[i];
        str_builder_printf(out, "dead %.*s %lld %.*s %.*s %.*s %.*s %.*s\n", STR_PRINTF(letter->partition_id), (long long)letter->position,
                           STR_PRINTF(letter->step), STR_PRINTF(letter->reason_code), STR_PRINTF(letter->entity), STR_PRINTF(letter->path),
                           STR_PRINTF(letter->event_id));
        if (letter->row_number > 0)
            str_builder_printf(out, "  of row %lld\n", (long long)letter->row_number);
        assert_true(letter->reason.size > 0);
    }
    for (size_t i = 0; i < output->late_event_count; i++) {
        const struct store_late_event *late = &output->late_events[i];
        time_print(late->watermark_us, time);
        str_builder_printf(out, "late %.*s %lld %.*s %.*s %.19s\n", STR_PRINTF(late->partition_id), (long long)late->position, STR_PRINTF(late->step),
                           STR_PRINTF(late->reason_code), time);
    }
    for (size_t i = 0; i < output->alert_count; i++) {
        const struct store_alert *alert = &output->alerts[i];
        assert_int_equal(alert->alert_id.size, 48);
        assert_true(alert->is_delivered);
        str_builder_printf(out, "alert %.16s %.*s %.*s %.*s %.*s code=%.*s value=%.*s unit=%.*s subject=%.*s range=%.*s\n  %.*s\n  %.*s\n",
                           alert->alert_id.data, STR_PRINTF(alert->rule), STR_PRINTF(alert->severity), STR_PRINTF(alert->status), STR_PRINTF(alert->status_reason),
                           STR_PRINTF(alert->code), STR_PRINTF(alert->value), STR_PRINTF(alert->unit), STR_PRINTF(alert->subject_id),
                           STR_PRINTF(alert->reference_range), STR_PRINTF(alert->evidence), STR_PRINTF(alert->explanation));
    }
}

static void
print_counts(struct str_builder *out, struct epoch_output *output, uint32_t partition)
{
    const struct model *model = plan.graph->model;
    for (uint32_t entity = 0; entity <= model->entity_count; entity++) {
        const struct output_count *count = output_counts(output, partition, entity);
        const char                *name  = entity == model->entity_count ? "records" : model->entities[entity].name;
        if (count->received > 0)
            str_builder_printf(out, "%s received %lld filtered %lld quarantined %lld bytes %lld\n", name, (long long)count->received,
                               (long long)count->filtered, (long long)count->quarantined, (long long)count->bytes);
        assert_int_equal(count->loaded + count->deduplicated + count->late, 0);
        for (uint32_t i = 0; i < OUTCOME_COUNT * model->reason_count; i++) {
            int64_t times = output->reasons[(size_t)entity * OUTCOME_COUNT * model->reason_count + i];
            if (times > 0)
                str_builder_printf(out, "  %s %s %s %lld\n", name, outcome_name((enum outcome)(i / model->reason_count)),
                                   model->reasons[i % model->reason_count].code, (long long)times);
        }
    }
    if (output->unknown_patient_count > 0)
        str_builder_printf(out, "unknown patients %lld\n", (long long)output->unknown_patient_count);
}

/* How a log is cut into batches and chunks. */
struct cut {
    uint32_t chunk_capacity;
    uint32_t batch_record_count;
};

struct run {
    struct intake          *intake;
    struct epoch_output     output;
    struct told             told;
    struct intake_partition partition;
};

/* In place of the plan's. */
static const struct graph_input *special_input;

static enum status
run_open(struct run *run, uint32_t chunk_capacity, struct error *err)
{
    const struct graph_source  *source  = &plan.graph->streaming.source;
    const struct intake_options options = { plan.graph, special_input != NULL ? special_input : &source->inputs[0], &key, &names, chunk_capacity, NULL };
    *run = (struct run){ .told = { .rows = STR_BUILDER_EMPTY }, .partition = { 0, INT64_MIN, INT64_MIN, NULL } };
    if (output_init(&run->output, plan.graph->model, 2, NULL, err) != ST_OK)
        return ST_ERROR;
    return intake_create(&options, &run->intake, err);
}

static void
run_close(struct run *run)
{
    intake_free(run->intake);
    output_release(&run->output);
    str_builder_release(&run->told.rows);
}

/* The log from `position` on, at most so many lines a batch, as the event log would give it. */
static enum status
run_log(struct run *run, struct str log, uint32_t batch_record_count, struct error *err)
{
    struct record records[RECORD_COUNT_MAX];
    size_t        at = 0;
    while (at < log.size) {
        struct record_batch batch = { .data = log.data + at, .records = records, .position = (int64_t)at };
        size_t              used  = 0;
        while (batch.record_count < batch_record_count && at + used < log.size) {
            const char *end  = memchr(batch.data + used, '\n', log.size - at - used);
            size_t      size = end == NULL ? log.size - at - used : (size_t)(end - batch.data) - used;
            if (size > 0)
                records[batch.record_count++] = (struct record){ (uint32_t)used, (uint32_t)size };
            used += size + (end != NULL);
        }
        batch.bytes         = (int64_t)used;
        batch.position_next = (int64_t)(at + used);
        if (intake_batch(run->intake, &run->partition, &batch, 77, &run->output, take_rows, &run->told, err) != ST_OK)
            return ST_ERROR;
        at += used;
    }
    return ST_OK;
}

static void
tell(const char *log, struct cut cut, bool is_whole, struct str_builder *out)
{
    struct error err = ERROR_EMPTY;
    struct run   run;
    must(run_open(&run, cut.chunk_capacity, &err), &err);
    run.told.is_whole = is_whole;
    must(run_log(&run, str_from(log), cut.batch_record_count, &err), &err);
    str_builder_append(out, str_builder_text(&run.told.rows));
    print_output(out, &run.output);
    print_counts(out, &run.output, 0);
    run_close(&run);
}

/* What the log leads to, for each cut the same. */
static void
expect(const char *log, bool is_whole, const char *wanted)
{
    static const struct cut cuts[] = { { CHUNK_ROW_COUNT_MAX, 500 }, { 7, 7 }, { 3, 2 }, { 2, 500 }, { 1, 1 } };
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        struct str_builder out = STR_BUILDER_EMPTY;
        tell(log, cuts[i], is_whole, &out);
        assert_string_equal(str_builder_cstr(&out), wanted);
        str_builder_release(&out);
    }
}

/* ---- Tests ---- */

#define RESULT(ID, TIME, MORE) \
    "{\"event_id\":\"" ID "\",\"type\":\"lab_result\",\"event_time\":\"" TIME "\",\"patient_id\":\"P1\",\"lab_result_id\":\"L1\"," \
    "\"source_component_code\":\"2823-3\",\"result\":\"4.1\",\"source_units\":\"mEq/L\",\"status\":\"F\"" MORE "}\n"
#define ACCESS(ID, TIME) \
    "{\"event_id\":\"" ID "\",\"type\":\"access_event\",\"event_time\":\"" TIME "\",\"patient_id\":\"P1\",\"user_id\":\"U1\",\"user_department\":\"ICU\"}\n"

static void
columns_of_a_result(void **state)
{
    (void)state;
    expect(RESULT("E1", "2026-01-02T03:04:05Z", ",\"facility\":\"STE\",\"encounter_id\":\"C1\",\"source_abnormal_flag\":\"h\",\"ordering_practitioner_id\":\"D1\","
                                                "\"source_reference_range_low\":\"3.5\",\"source_reference_range_high\":\"5.1\",\"collection_datetime\":\"2026-01-02T02:00:00Z\""),
           true, "|partition=0|position=0|row_number=0|entity=lab_result|identity_low=7778159171072623350|identity_high=6280623287947594048"
           "|patient_low=1624764554208187307|patient_high=-2676833071325681183"
           "|event_system=urn:heddle:edw|event_id=E1|event_time=2026-01-02T03:04:05|effective_time=2026-01-02T02:00:00"
           "|is_late=false|patient_system=urn:heddle:edw|patient_id=P1|person_id=dad9fa810c9d69e1168c52c0f13993ab"
           "|facility=STE|encounter_id=C1|code=2823-3|value=4100000|unit=mmol/L|flag=H"
           "|result=4.1|result_unit=mEq/L|reference_range=3.5-5.1"
           "|status=F|status_action=upsert|result_id=L1|practitioner_id=D1|user_system=urn:heddle:edw"
           "|begin_time=2026-01-02T02:00:00|end_time=2026-01-02T02:00:00\n"
           "lab_result received 1 filtered 0 quarantined 0 bytes 0\n"
           "records received 1 filtered 0 quarantined 0 bytes 409\n"
           "unknown patients 1\n");
}

/* Watermark = newest accepted time less a minute, of what stands before; late is what lies an hour and its window behind it. */
static void
times_and_watermarks(void **state)
{
    (void)state;
    expect(RESULT("E1", "2026-01-02T03:04:00Z", "") ACCESS("A2", "2026-01-02T03:03:00Z") ACCESS("A3", "2026-01-02T04:06:00Z")
               RESULT("E4", "2026-01-02T03:04:59Z", "") RESULT("E5", "2026-01-02T03:05:00Z", "") ACCESS("A6", "2026-01-02T04:07:00Z"),
           false, "|position=0|event_id=E1|event_time=2026-01-02T03:04:00|is_late=false\n"
           "|position=197|event_id=A2|event_time=2026-01-02T03:03:00|watermark=2026-01-02T03:03:00|is_late=false\n"
           "|position=330|event_id=A3|event_time=2026-01-02T04:06:00|watermark=2026-01-02T03:03:00|is_late=false\n"
           "|position=463|event_id=E4|event_time=2026-01-02T03:04:59|watermark=2026-01-02T04:05:00|is_late=true\n"
           "|position=660|event_id=E5|event_time=2026-01-02T03:05:00|watermark=2026-01-02T04:05:00|is_late=false\n"
           "|position=857|event_id=A6|event_time=2026-01-02T04:07:00|watermark=2026-01-02T04:05:00|is_late=false\n"
           "late a.ndjson 463 window_5m too_late 2026-01-02T04:05:00\n"
           "access_event received 3 filtered 0 quarantined 0 bytes 0\n"
           "lab_result received 3 filtered 0 quarantined 0 bytes 0\n"
           "  lab_result late too_late 1\n"
           "records received 6 filtered 0 quarantined 0 bytes 990\n"
           "  records late too_late 1\n"
           "unknown patients 6\n");
}

/* A watermark that idleness raised makes late as any other; the reason says so, until an event of the partition's own moves it on. */
static void
late_by_idleness(void **state)
{
    static const char log[] = ACCESS("A1", "2026-01-02T03:04:59Z") ACCESS("A2", "2026-01-02T03:05:00Z") ACCESS("A3", "2026-01-02T04:07:00Z")
        ACCESS("A4", "2026-01-02T03:04:59Z");
    struct error       err = ERROR_EMPTY;
    struct str_builder out = STR_BUILDER_EMPTY;
    struct run         run;
    (void)state;
    must(run_open(&run, 7, &err), &err);
    run.partition.watermark_us = run.partition.raised_us = INT64_C(1767326700000000); /* 04:05:00 */
    must(run_log(&run, str_from(log), 7, &err), &err);
    print_output(&out, &run.output);
    assert_string_equal(str_builder_cstr(&out), "late a.ndjson 0 window_5m source_idle 2026-01-02T04:05:00\n"
                                                "late a.ndjson 399 window_5m too_late 2026-01-02T04:06:00\n");
    assert_false(intake_is_raised(&run.partition));
    str_builder_release(&out);
    run_close(&run);
}

#define WRITTEN(ID, TIME, LOG_TIME) \
    "{\"event_id\":\"" ID "\",\"type\":\"access_event\",\"event_time\":\"" TIME "\",\"patient_id\":\"P1\",\"user_id\":\"U1\",\"log\":{" LOG_TIME "}}\n"

/* An event may lie five minutes beyond the time at which it was written, and not a microsecond more: it does not move the watermark then. Who does
 * not say when it was written is no event either. A log time without an offset is of the input's zone; in January 5 hours behind UTC. */
static void
times_beyond_the_log_time(void **state)
{
    struct graph_input input = plan.graph->streaming.source.inputs[0];
    (void)state;
    assert_string_equal(input.zone.data, "America/New_York");
    input.log_time         = STR("log.written");
    input.log_time_skew_us = INT64_C(300000000);
    special_input          = &input;
    expect(WRITTEN("A1", "2026-01-02T03:04:00Z", "\"written\":\"2026-01-02T02:59:00Z\"") WRITTEN("A2", "2026-01-02T03:04:00.000001Z", "\"written\":\"2026-01-02T02:59:00Z\"")
               WRITTEN("A3", "2099-01-02T03:04:00Z", "\"written\":\"2026-01-02T03:00:00+00:00\"") WRITTEN("A4", "2026-01-02T03:04:00Z", "\"read\":\"2026-01-02T02:59:00Z\"")
                   WRITTEN("A5", "2026-01-02T03:04:00Z", "\"written\":\"\"") WRITTEN("A6", "2026-01-02T03:04:00Z", "\"written\":\"now\"")
                       WRITTEN("A7", "2026-01-02T03:04:00Z", "\"written\":\"2026-01-01T21:59:00\"") WRITTEN("A8", "2026-01-02T03:04:01Z", "\"written\":\"2026-01-01T21:59\\u003a00\"")
                           WRITTEN("A9", "2020-01-02T03:04:00Z", "\"written\":\"2026-01-02T02:59:00Z\"")
                               "{\"event_id\":\"R1\",\"type\":\"lab_result\",\"event_time\":\"2027-01-02T03:04:00Z\",\"patient_id\":\"P1\",\"source_component_code\":\"2823-3\","
                               "\"lab_result_id\":\"L1\",\"source_value\":\"4\",\"source_units\":\"mEq/L\",\"log\":{\"written\":\"2026-01-02T03:04:00Z\"}}\n",
           false, "|position=0|event_id=A1|event_time=2026-01-02T03:04:00|is_late=false\n"
           "|position=872|event_id=A7|event_time=2026-01-02T03:04:00|watermark=2026-01-02T03:03:00|is_late=false\n"
           "|position=1175|event_id=A9|event_time=2020-01-02T03:04:00|watermark=2026-01-02T03:03:00|is_late=true\n"
           "dead a.ndjson 150 validate_event future_time access_event event_time A2\n"
           "dead a.ndjson 307 validate_event future_time access_event event_time A3\n"
           "dead a.ndjson 462 validate_event missing_required access_event log.written A4\n"
           "dead a.ndjson 609 validate_event missing_required access_event log.written A5\n"
           "dead a.ndjson 739 validate_event bad_timestamp access_event log.written A6\n"
           "dead a.ndjson 1021 validate_event future_time access_event event_time A8\n"
           "dead a.ndjson 1325 validate_event future_time lab_result event_time R1\n"
           "late a.ndjson 1175 window_5m too_late 2026-01-02T03:03:00\n"
           "alert 8006640d82148800 unevaluated_result high open future_time code=2823-3 value=4 unit=mEq/L subject=P1 range=\n"
           "  {\"events\":[{\"source\":\"KAFKA_EDW_EVENTS\",\"partition_id\":\"a.ndjson\",\"position\":1325}]}\n"
           "  {\"reason\":\"future_time\",\"column\":\"event_time\",\"help\":\"The event's time lies beyond the time at which it was written to its log, by more than `log_time_skew` of the binding, whose `log_time` says where that time stands.\"}\n"
           "access_event received 9 filtered 0 quarantined 6 bytes 0\n"
           "  access_event quarantined missing_required 2\n"
           "  access_event quarantined bad_timestamp 1\n"
           "  access_event quarantined future_time 3\n"
           "  access_event late too_late 1\n"
           "lab_result received 1 filtered 0 quarantined 1 bytes 0\n"
           "  lab_result quarantined future_time 1\n"
           "records received 10 filtered 0 quarantined 7 bytes 1554\n"
           "  records quarantined missing_required 2\n"
           "  records quarantined bad_timestamp 1\n"
           "  records quarantined future_time 4\n"
           "  records late too_late 1\n"
           "unknown patients 3\n");
    special_input = NULL;
}

#define CLAIM(ID, MORE) \
    "{\"event_id\":\"" ID "\",\"type\":\"access_event\",\"event_time\":\"2026-01-02T03:04:00Z\",\"patient_id\":\"P1\",\"user_id\":\"U1\"" MORE "}\n"

/* An emergency is claimed, and no reason given; the rows before and behind have nothing of it. */
static void
glass_broken_without_reason(void **state)
{
    (void)state;
    expect(CLAIM("A1", ",\"purpose_of_use\":\"TREAT\"") CLAIM("A2", ",\"purpose_of_use\":\"ETREAT\"") CLAIM("A3", ",\"purpose_of_use\":\"BTG\",\"reason\":\" \"")
               CLAIM("A4", ",\"purpose_of_use\":\"BTG\",\"reason\":\"collapsed\"") CLAIM("A5", ""),
           false, "|position=0|event_id=A1|event_time=2026-01-02T03:04:00|is_late=false\n"
           "|position=134|event_id=A2|event_time=2026-01-02T03:04:00|watermark=2026-01-02T03:03:00|is_late=false|access_facts=1\n"
           "|position=269|event_id=A3|event_time=2026-01-02T03:04:00|watermark=2026-01-02T03:03:00|is_late=false|access_facts=1\n"
           "|position=414|event_id=A4|event_time=2026-01-02T03:04:00|watermark=2026-01-02T03:03:00|is_late=false\n"
           "|position=567|event_id=A5|event_time=2026-01-02T03:04:00|watermark=2026-01-02T03:03:00|is_late=false\n"
           "access_event received 5 filtered 0 quarantined 0 bytes 0\n"
           "records received 5 filtered 0 quarantined 0 bytes 676\n"
           "unknown patients 5\n");
}

/* What does not go on: by the decoder, by validation, by a filter; a rejected result is told as an alert. */
static void
dead_letters(void **state)
{
    (void)state;
    expect("{\"event_id\":\"X1\",\"type\":\"coffee\"}\n"
           "{\"event_id\":\n"
           "\n"
           "{\"event_id\":\"X2\"}\n"
           "{\"event_id\":\"A1\",\"type\":\"access_event\",\"event_time\":\"yesterday\",\"patient_id\":\"P1\",\"user_id\":\"U1\"}\n"
           "{\"event_id\":\"A2\",\"type\":\"access_event\",\"event_time\":\"2026-01-02T03:04:00Z\",\"user_id\":\"U1\"}\n"
           "{\"type\":\"access_event\",\"event_time\":\"2026-01-02T03:04:00Z\",\"patient_id\":\"P1\",\"user_id\":\"U1\"}\n"
           "{\"event_id\":\"R1\",\"type\":\"lab_result\",\"event_time\":\"2026-01-02T03:04:00Z\",\"patient_id\":\"P1\",\"source_component_code\":\"2823-3\","
           "\"lab_result_id\":\"L1\",\"source_value\":\"many\",\"source_units\":\"mEq/L\",\"source_reference_range_high\":\"5.1\"}\n"
           "{\"event_id\":\"R2\",\"type\":\"lab_result\",\"event_time\":\"2026-01-02T03:04:00Z\",\"patient_id\":\"P1\",\"source_component_code\":\"2823-3\",\"lab_result_id\":\"L2\"}\n"
           "{\"event_id\":\"R3\",\"type\":\"lab_result\",\"event_time\":\"2026-01-02T03:04:00Z\",\"patient_id\":\"P1\",\"source_component_code\":\"2823-3\","
           "\"lab_result_id\":\"L3\",\"source_value\":\"4\",\"source_units\":\"furlong\"}\n",
           false, "|position=721|event_id=R3|event_time=2026-01-02T03:04:00|is_late=false\n"
           "dead a.ndjson 0 decode unknown_type   \n"
           "dead a.ndjson 34 decode malformed_record   \n"
           "dead a.ndjson 48 decode malformed_record   \n"
           "dead a.ndjson 66 validate_event bad_timestamp access_event event_time A1\n"
           "dead a.ndjson 164 validate_event missing_required access_event patient_id A2\n"
           "dead a.ndjson 255 validate_event missing_required access_event access_event_id \n"
           "dead a.ndjson 348 validate_event bad_number lab_result source_value R1\n"
           "alert 8006475ef600a800 unevaluated_result high open bad_number code=2823-3 value=many unit=mEq/L subject=P1 range=<5.1\n"
           "  {\"events\":[{\"source\":\"KAFKA_EDW_EVENTS\",\"partition_id\":\"a.ndjson\",\"position\":348}]}\n"
           "  {\"reason\":\"bad_number\",\"column\":\"source_value\",\"help\":\"Text that is not a number, or one outside 18 digits.\"}\n"
           "alert 8006475ef600a800 unevaluated_result high open unknown_unit code=2823-3 value=4 unit=furlong subject=P1 range=\n"
           "  {\"events\":[{\"source\":\"KAFKA_EDW_EVENTS\",\"partition_id\":\"a.ndjson\",\"position\":721}]}\n"
           "  {\"reason\":\"unknown_unit\",\"column\":\"source_units\",\"help\":\"A unit that is not in the table, or does not fit the analyte.\"}\n"
           "access_event received 3 filtered 0 quarantined 3 bytes 0\n"
           "  access_event quarantined missing_required 2\n"
           "  access_event quarantined bad_timestamp 1\n"
           "lab_result received 3 filtered 1 quarantined 1 bytes 0\n"
           "  lab_result filtered no_result 1\n"
           "  lab_result quarantined bad_number 1\n"
           "  lab_result field unknown_unit 1\n"
           "records received 9 filtered 1 quarantined 7 bytes 911\n"
           "  records filtered no_result 1\n"
           "  records quarantined malformed_record 2\n"
           "  records quarantined unknown_type 1\n"
           "  records quarantined missing_required 2\n"
           "  records quarantined bad_number 1\n"
           "  records quarantined bad_timestamp 1\n"
           "unknown patients 1\n");
}

/* ---- Persons ---- */

/* A patient that the master knows has its person and birth date, under the hash that stays the provisional one. */
static void
persons_of_the_master(void **state)
{
    char                folder[TEMP_DIR_SIZE_MAX], path[TEMP_DIR_SIZE_MAX + 16];
    struct error        err    = ERROR_EMPTY;
    struct master       master = MASTER_EMPTY;
    struct run          run;
    struct hash128      known = event_pair_hash(&key, STR("urn:heddle:edw"), STR("P1"));
    struct master_entry entry = { known, { 0x1111, 0x2222 } };
    int32_t             birth = date_from_civil(1970, 2, 1);
    (void)state;
    temp_dir_init(folder);
    snprintf(path, sizeof(path), "%s/master", folder);
    must(master_write(io_system(), path, 1, &key, &(struct master_content){ &entry, &birth, NULL, 1, NULL, 0 }, &err), &err);
    must(master_open(io_system(), path, &key, &master, &err), &err);
    must(run_open(&run, 5, &err), &err);
    intake_set_master(run.intake, &master);
    run.told.is_whole = true;
    must(run_log(&run, STR(ACCESS("A1", "2026-01-02T03:04:00Z") "{\"event_id\":\"A2\",\"type\":\"access_event\",\"event_time\":\"2026-01-02T03:04:00Z\","
                                                               "\"patient_id\":\"P2\",\"user_id\":\"U1\"}\n"),
                 5, &err),
         &err);
    assert_non_null(strstr(str_builder_cstr(&run.told.rows), "|person_id=00000000000022220000000000001111|birth_date=1970-02-01"));
    assert_null(strstr(strstr(str_builder_cstr(&run.told.rows), "|event_id=A2"), "birth_date"));
    assert_int_equal(run.output.unknown_patient_count, 1);
    run_close(&run);
    master_release(io_system(), &master);
    temp_dir_release(folder);
}

/* ---- Mappings of the site ---- */

static const char site_mapping[] =
    "{ \"mapping\": \"json_call\", \"format\": \"json\", \"entity\": \"access_event\", \"help\": \"h\", \"when\": \"kind = 'call' or kind = 'visit'\",\n"
    "  \"fields\": { \"kind\": \"kind\", \"event_id\": \"event_id\", \"event_time\": \"event_time\", \"patient_id\": \"patient_id\", \"user_id\": \"user_id\" },\n"
    "  \"columns\": { \"access_event_id\": \"event_id\", \"effective_time\": \"event_time\" } }\n";

static void
load_site(char *folder)
{
    char path[TEMP_DIR_SIZE_MAX + 32];
    temp_dir_init(folder);
#define WRITE(NAME, TEXT) \
    snprintf(path, sizeof(path), "%s/" NAME, folder), assert_true(support_write_file(path, TEXT, strlen(TEXT)))
    WRITE("call.json", site_mapping);
    WRITE("bindings.json", "{ \"pipeline\": { \"name\": \"edw\", \"zone\": \"America/New_York\" }, \"model\": [\"call.json\"], \"bindings\": {\n"
                           " \"LOG\": \"events/*.ndjson\", \"STORE\": { \"type\": \"sqlite\", \"path\": \"s.db\", \"key\": \"file:k\" },\n"
                           " \"ALERTS\": { \"type\": \"file\", \"path\": \"a.ndjson\" } } }");
    WRITE("pipeline.json", "{ \"pipeline\": { \"streaming\": { \"source\": \"LOG\", \"transforms\": [\"enrich_with_patient_master\", \"validate_event\"], \"windows\": \"5m\",\n"
                           " \"alerts\": { \"enabled\": true, \"rules\": [\"abnormal_lab_trends\"] }, \"sink\": [\"STORE\", \"ALERTS\"] } } }");
#undef WRITE
    plan_release(&plan);
    config_errors_release(&errors);
    load(path);
}

static void
unload_site(const char *folder)
{
    temp_dir_release(folder);
    tear_down(NULL);
    set_up(NULL);
}

/* A mapping whose `when` the decoder cannot tell from the type reads every record: rows of several mappings are taken in the
 * order of positions, and a record that all of them refuse is of no known type. */
static void
rows_of_several_mappings(void **state)
{
    char folder[TEMP_DIR_SIZE_MAX];
    (void)state;
    load_site(folder);
    expect(ACCESS("A1", "2026-01-02T03:04:00Z") "{\"event_id\":\"C2\",\"kind\":\"call\",\"event_time\":\"2026-01-02T03:05:00Z\",\"patient_id\":\"P1\",\"user_id\":\"U\"}\n"
               "{\"event_id\":\"X3\",\"type\":\"coffee\"}\n" ACCESS("A4", "2026-01-02T03:06:00Z")
               "{\"event_id\":\"C5\",\"kind\":\"visit\",\"event_time\":\"soon\",\"patient_id\":\"P1\",\"user_id\":\"U\"}\n"
               "{\"event_id\":\"C6\",\"kind\":\"visit\",\"event_time\":\"2026-01-02T03:04:00Z\",\"patient_id\":\"P1\",\"user_id\":\"U\"}\n"
               RESULT("E7", "2026-01-02T03:04:00Z", ""), false,
           "|position=0|event_id=A1|event_time=2026-01-02T03:04:00|is_late=false\n"
           "|position=133|event_id=C2|event_time=2026-01-02T03:05:00|watermark=2026-01-02T03:03:00|is_late=false\n"
           "|position=267|event_id=A4|event_time=2026-01-02T03:06:00|watermark=2026-01-02T03:04:00|is_late=false\n"
           "|position=485|event_id=C6|event_time=2026-01-02T03:04:00|watermark=2026-01-02T03:05:00|is_late=false\n"
           "|position=586|event_id=E7|event_time=2026-01-02T03:04:00|watermark=2026-01-02T03:05:00|is_late=false\n"
           "dead a.ndjson 233 decode unknown_type   \n"
           "dead a.ndjson 400 validate_event bad_timestamp access_event event_time C5\n"
           "access_event received 5 filtered 0 quarantined 1 bytes 0\n"
           "  access_event quarantined bad_timestamp 1\n"
           "lab_result received 1 filtered 0 quarantined 0 bytes 0\n"
           "records received 7 filtered 0 quarantined 2 bytes 783\n"
           "  records quarantined unknown_type 1\n"
           "  records quarantined bad_timestamp 1\n"
           "unknown patients 5\n");
    unload_site(folder);
}

static void
two_mappings_of_one_event(void **state)
{
    char         folder[TEMP_DIR_SIZE_MAX];
    struct error err = ERROR_EMPTY;
    struct run   run;
    (void)state;
    load_site(folder);
    must(run_open(&run, 3, &err), &err);
    assert_int_equal(run_log(&run, STR("{\"event_id\":\"A1\",\"type\":\"access_event\",\"kind\":\"call\",\"event_time\":\"2026-01-02T03:05:00Z\",\"patient_id\":\"P1\","
                                       "\"user_id\":\"U\"}\n"), 3, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.message, "json_access_event"));
    assert_non_null(strstr(err.message, "json_call"));
    run_close(&run);
    unload_site(folder);
}

/* Each refused row is a letter of its own, told from the others by its place among the rows of its record. The record itself is refused once,
 * and not at all where another mapping loads it. */
static void
two_refusals_of_one_event(void **state)
{
    char folder[TEMP_DIR_SIZE_MAX];
    (void)state;
    load_site(folder);
    expect("{\"event_id\":\"A1\",\"type\":\"access_event\",\"kind\":\"call\",\"event_time\":\"soon\",\"patient_id\":\"P1\",\"user_id\":\"U\"}\n"
               RESULT("E2", "2026-01-02T03:04:00Z", ",\"kind\":\"call\"") RESULT("E3", "2026-01-02T03:04:00Z", ""), false,
           "|position=106|event_id=E2|event_time=2026-01-02T03:04:00|is_late=false\n"
           "|position=317|event_id=E3|event_time=2026-01-02T03:04:00|watermark=2026-01-02T03:03:00|is_late=false\n"
           "dead a.ndjson 0 validate_event bad_timestamp access_event event_time A1\n"
           "dead a.ndjson 0 validate_event bad_timestamp access_event event_time A1\n"
           "  of row 1\n"
           "dead a.ndjson 106 validate_event missing_required access_event user_id E2\n"
           "access_event received 3 filtered 0 quarantined 3 bytes 0\n"
           "  access_event quarantined missing_required 1\n"
           "  access_event quarantined bad_timestamp 2\n"
           "lab_result received 2 filtered 0 quarantined 0 bytes 0\n"
           "records received 3 filtered 0 quarantined 1 bytes 514\n"
           "  records quarantined bad_timestamp 1\n"
           "unknown patients 2\n");
    unload_site(folder);
}

/* ---- Failures ---- */

static const char mixed_log[] = RESULT("E1", "2026-01-02T03:04:00Z", ",\"source_reference_range_low\":\"3.5\"") "{\"event_id\":\n" ACCESS("A3", "2026-01-02T05:06:00Z")
    RESULT("E4", "2026-01-02T03:04:59Z", "") "{\"event_id\":\"X5\",\"type\":\"coffee\"}\n"
    "{\"event_id\":\"R6\",\"type\":\"lab_result\",\"event_time\":\"2026-01-02T03:04:00Z\",\"patient_id\":\"P1\",\"source_component_code\":\"2823-3\","
    "\"lab_result_id\":\"L1\",\"source_value\":\"many\"}\n";

static enum status
scenario(struct io *io, void *context, struct error *err)
{
    struct run  run;
    enum status status = run_open(&run, 4, err);
    (void)io;
    (void)context;
    if (status == ST_OK)
        status = run_log(&run, str_of(mixed_log, sizeof(mixed_log) - 1), 4, err);
    run_close(&run);
    return status;
}

static void
every_allocation_fails_once(void **state)
{
    (void)state;
    sweep_run(scenario, NULL);
}

/* I1 over whatever stands in the log: each record is one row, one filtered or one quarantined, and each byte counts. */
static void
check_accounts(struct str log)
{
    struct error err = ERROR_EMPTY;
    struct run   run;
    must(run_open(&run, 16, &err), &err);
    must(run_log(&run, log, 16, &err), &err);
    const struct output_count *records = output_counts(&run.output, 0, output_record_entity(&run.output));
    assert_int_equal(records->received, run.told.row_count + records->filtered + records->quarantined);
    assert_int_equal(records->bytes, log.size);
    assert_int_equal(records->quarantined, run.output.dead_letter_count);
    run_close(&run);
}

static void
any_bytes(void **state)
{
    struct random random;
    char          bytes[sizeof(mixed_log)];
    size_t        size = sizeof(mixed_log) - 1;
    (void)state;
    random_init(&random, 7);
    for (size_t cut = 0; cut <= size; cut += cut < 220 ? 2 : 7)
        check_accounts(str_of(mixed_log, cut));
    for (int i = 0; i < 100; i++) {
        memcpy(bytes, mixed_log, size);
        for (int k = 0; k < 1 + i % 9; k++) {
            char *byte = &bytes[random_below(&random, size)];
            *byte      = (char)random_below(&random, 256);
        }
        check_accounts(str_of(bytes, size));
    }
}

/* ---- A log of messages ---- */

static char message_large[(1u << 20) + 1];

static bool
message_header(const struct message *message, size_t index, struct str *ret_name, struct str *ret_value)
{
    (void)message;
    *ret_name  = STR("site");
    *ret_value = index == 0 ? STR("north \"7\"") : str_of("\xff\x00", 2);
    return index < 2;
}

/* As a topic would give them: two numbers between messages belong to none. */
static enum status
run_messages(struct run *run, const struct str *values, uint32_t count, uint32_t batch_record_count, struct error *err)
{
    struct message messages[16];
    for (uint32_t begin = 0; begin < count; begin += batch_record_count) {
        struct record_batch batch = { .messages = messages, .header = message_header, .position = begin * 3 };
        for (; batch.record_count < batch_record_count && begin + batch.record_count < count; batch.record_count++) {
            const uint32_t at            = begin + batch.record_count;
            messages[batch.record_count] = (struct message){ .value = values[at].data, .size = values[at].size, .position = at * 3 + 2,
                                                             .time_us = INT64_C(1767322740000000), .key = at % 2 == 0 ? STR("P1") : STR_EMPTY }; /* 02:59:00 */
            batch.bytes += (int64_t)values[at].size;
        }
        batch.position_next = batch.position + 3 * batch.record_count;
        batch.skipped_count = 2 * batch.record_count;
        if (intake_batch(run->intake, &run->partition, &batch, 77, &run->output, take_rows, &run->told, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

/* A message is one record, whatever line ends are in it; what has no value, no bytes or too many is told with its key and headers; its time is the
 * log time. */
static void
messages_of_a_topic(void **state)
{
    const struct str values[] = {
        STR(ACCESS("A1", "2026-01-02T03:04:00Z")),
        { NULL, 0 },
        STR(""),
        STR("{\n  \"event_id\": \"A2\", \"type\": \"access_event\",\r\n\n  \"event_time\": \"2026-01-02T03:03:00Z\", \"patient_id\": \"P1\", \"user_id\": \"U1\"\n}\n"),
        { message_large, sizeof(message_large) },
        STR("{\"event_id\":\"A3\"}{\"event_id\":\"A4\"}"),
        STR(ACCESS("A5", "2026-01-02T03:04:01Z")),
    };
    static const char wanted[] =
        "|position=2|event_id=A1|event_time=2026-01-02T03:04:00|is_late=false\n"
        "|position=11|event_id=A2|event_time=2026-01-02T03:03:00|watermark=2026-01-02T03:03:00|is_late=false\n"
        "dead a.ndjson 8 decode empty_record   \n"
        "dead a.ndjson 14 decode too_large   \n"
        "dead a.ndjson 17 decode malformed_record   \n"
        "dead a.ndjson 20 validate_event future_time access_event event_time A5\n"
        "access_event received 3 filtered 0 quarantined 1 bytes 0\n"
        "  access_event quarantined future_time 1\n"
        "records received 7 filtered 1 quarantined 4 bytes 1049003\n"
        "  records filtered tombstone 1\n"
        "  records quarantined malformed_record 1\n"
        "  records quarantined too_large 1\n"
        "  records quarantined empty_record 1\n"
        "  records quarantined future_time 1\n"
        "unknown patients 2\n";
    static const struct cut cuts[] = { { CHUNK_ROW_COUNT_MAX, 16 }, { 7, 7 }, { 3, 2 }, { 2, 7 }, { 1, 1 } };
    struct graph_input      input  = plan.graph->streaming.source.inputs[0];
    (void)state;
    memset(message_large, ' ', sizeof(message_large));
    input.is_log_time_beside = true;
    input.log_time           = STR("@timestamp");
    input.log_time_skew_us   = INT64_C(300000000);
    special_input            = &input;
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        struct error       err = ERROR_EMPTY;
        struct str_builder out = STR_BUILDER_EMPTY;
        struct run         run;
        must(run_open(&run, cuts[i].chunk_capacity, &err), &err);
        must(run_messages(&run, values, 7, cuts[i].batch_record_count, &err), &err);
        str_builder_append(&out, str_builder_text(&run.told.rows));
        print_output(&out, &run.output);
        print_counts(&out, &run.output, 0);
        assert_string_equal(str_builder_cstr(&out), wanted);
        assert_int_equal(output_counts(&run.output, 0, output_record_entity(&run.output))->skipped, 14);
        for (size_t k = 0; k < run.output.dead_letter_count; k++) {
            const struct store_dead_letter *letter = &run.output.dead_letters[k];
            assert_true(str_equal(letter->event_key, letter->position % 2 == 0 ? STR("P1") : STR_EMPTY));
            assert_true(str_equal(letter->headers, STR("{\"timestamp\":\"2026-01-02T02:59:00.000000Z\",\"headers\":[[\"site\",\"north \\\"7\\\"\"],[\"site\",{\"hex\":\"ff00\"}]]}")));
            assert_true(letter->position != 14 || (letter->bytes.size == FORMAT_KEPT_SIZE_MAX && letter->bytes.data[0] == ' '));
            assert_true(letter->position != 20 || str_equal(letter->bytes, values[6]));
        }
        str_builder_release(&out);
        run_close(&run);
    }
    special_input = NULL;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_of_a_result),
        cmocka_unit_test(glass_broken_without_reason), cmocka_unit_test(times_and_watermarks), cmocka_unit_test(late_by_idleness), cmocka_unit_test(times_beyond_the_log_time),
        cmocka_unit_test(dead_letters),
        cmocka_unit_test(persons_of_the_master),
        cmocka_unit_test(rows_of_several_mappings),
        cmocka_unit_test(two_mappings_of_one_event),
        cmocka_unit_test(two_refusals_of_one_event),
        cmocka_unit_test(messages_of_a_topic),
        cmocka_unit_test(every_allocation_fails_once),
        cmocka_unit_test(any_bytes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
