/* What rules start with: the current rows of the entities that they go by, as event rows, within the rules' history. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str_builder.h"
#include "base/time.h"
#include "live/event.h"
#include "warehouse/duckdb_functions.h"
#include "warehouse/live_history.h"
#include "warehouse/schema.h"

struct fixture {
    struct model         *model;
    struct db            *db;
    struct db_connection *connection;
    struct graph_rule     rules[2];
    struct graph          graph;
};

static void
check(enum status status, const struct error *err)
{
    char text[ERROR_TEXT_SIZE];

    if (status == ST_OK)
        return;
    error_print(err, text, sizeof text);
    fail_msg("%s", text);
}

static void
run(struct fixture *fixture, const char *sql)
{
    struct error err = ERROR_EMPTY;

    check(db_run(fixture->connection, str_from(sql), &err), &err);
}

static int
setup(void **state)
{
    static struct fixture   fixture;
    const struct db_options options = { .thread_count = 2, .register_functions = duckdb_functions_register };
    struct error            err     = ERROR_EMPTY;

    fixture = (struct fixture){ .model = NULL };
    check(model_load(NULL, 0, NULL, NULL, &fixture.model, &err), &err);
    check(db_open(&fixture.db, &options, &err), &err);
    check(db_connect(fixture.db, &fixture.connection, &err), &err);
    check(schema_prepare(fixture.connection, fixture.model, &err), &err);
    fixture.rules[0].step.name         = STR("abnormal_lab_trends");
    fixture.rules[1].step.name         = STR("unusual_access");
    fixture.graph.model                = fixture.model;
    fixture.graph.streaming.rules      = fixture.rules;
    fixture.graph.streaming.rule_count = 2;
    run(&fixture, "INSERT INTO meta.run BY NAME SELECT 1 AS number, true AS published, TIMESTAMP '2026-03-10 00:00:00' AS recorded_at");
    *state = &fixture;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *fixture = *state;

    db_disconnect(fixture->connection);
    db_free(fixture->db);
    model_free(fixture->model);
    return 0;
}

static void
append_text(struct str_builder *out, const struct chunk *chunk, enum event_column column, uint32_t row)
{
    struct str text = event_text(chunk, column, row);

    str_builder_printf(out, " %s=%.*s", event_schema.columns[column].name, STR_PRINTF(event_is_null(chunk, column, row) ? STR("-") : text));
}

static void
append_row(struct str_builder *out, const struct fixture *fixture, const struct chunk *chunk, uint32_t row)
{
    static const enum event_column TEXTS[] = { EVENT_SYSTEM, EVENT_ID, EVENT_PATIENT_ID, EVENT_PERSON_ID, EVENT_ENCOUNTER_ID,
                                               EVENT_RESULT_ID, EVENT_PRACTITIONER_ID, EVENT_DEPARTMENT };
    static const enum event_column TIMES[] = { EVENT_TIME, EVENT_EFFECTIVE_TIME, EVENT_BEGIN_TIME, EVENT_END_TIME };
    char                           text[TIME_TEXT_SIZE];

    assert_int_equal(event_int64(chunk, EVENT_PARTITION, row), EVENT_PARTITION_HISTORY);
    assert_true(event_is_null(chunk, EVENT_WATERMARK, row));
    assert_true(event_is_null(chunk, EVENT_IDENTITY_LOW, row));
    assert_true(event_is_null(chunk, EVENT_PATIENT_HIGH, row));
    str_builder_printf(out, "%d %s", (int)event_int64(chunk, EVENT_POSITION, row),
                       fixture->model->entities[event_int64(chunk, EVENT_ENTITY, row)].name);
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
        append_text(out, chunk, TEXTS[i], row);
    for (size_t i = 0; i < sizeof TIMES / sizeof *TIMES; i++) {
        time_print(event_int64(chunk, TIMES[i], row), text);
        str_builder_printf(out, " %.10s", text);
    }
    str_builder_append_char(out, '\n');
}

static int64_t history_begin_us; /* As the last reading told of the graph's last rule. */

/* All rows, in chunks of so many. */
static int64_t
read_all(struct fixture *fixture, uint32_t capacity, struct str_builder *out)
{
    struct warehouse_history *history = NULL;
    struct chunk              chunk;
    struct error              err   = ERROR_EMPTY;
    int64_t                   count = 0;

    str_builder_clear(out);
    check(chunk_init(&chunk, &event_schema, capacity, &err), &err);
    check(warehouse_history_open(fixture->db, &fixture->graph, &history, &err), &err);
    struct live_history face = warehouse_history_face(history);
    do {
        chunk_clear(&chunk);
        check(face.next(face.context, &chunk, &err), &err);
        for (uint32_t row = 0; row < chunk.row_count; row++)
            append_row(out, fixture, &chunk, row);
        count += chunk.row_count;
    } while (chunk.row_count != 0);
    history_begin_us = face.begin(face.context, fixture->graph.streaming.rule_count - 1);
    warehouse_history_close(history);
    chunk_release(&chunk);
    return count;
}

static void
fill(struct fixture *fixture)
{
    run(fixture, "INSERT INTO core.encounter_version BY NAME SELECT 'S' AS patient_system, 'p2' AS patient_id, lpad('2', 32, '0') AS person_id, n AS encounter_id,\n"
                 "  b AS encounter_start_time, e AS encounter_end_time, b AS event_time, b AS effective_time, c AS is_current, 'CARD' AS department,\n"
                 "  'd' AS attending_practitioner_id FROM (VALUES\n"
                 "  ('long stay', TIMESTAMP '2025-03-01', TIMESTAMP '2026-03-01', true), ('visit', TIMESTAMP '2026-03-03', NULL, true),\n"
                 "  ('superseded', TIMESTAMP '2026-03-03', NULL, false), ('misdated', TIMESTAMP '2206-01-01', NULL, true),\n"
                 "  ('old stay', TIMESTAMP '2025-03-01', TIMESTAMP '2025-03-02', true)) t(n, b, e, c)");
    run(fixture, "INSERT INTO core.clinical_order_version BY NAME SELECT 'S' AS patient_system, 'p2' AS patient_id, NULL AS person_id, 'o1' AS clinical_order_id,\n"
                 "  TIMESTAMP '2026-03-03' AS event_time, TIMESTAMP '2026-03-02' AS effective_time, true AS is_current, 'ICU' AS department,\n"
                 "  'd' AS ordering_practitioner_id");
    run(fixture, "INSERT INTO core.access_event_version BY NAME SELECT 'S' AS patient_system, 'p2' AS patient_id, 'a1' AS access_event_id,\n"
                 "  TIMESTAMP '2026-03-03' AS event_time, TIMESTAMP '2026-03-02' AS effective_time, true AS is_current");
}

#define P2 "00000000000000000000000000000002"
static const char EXPECTED[] =
    "0 clinical_order event_system=S event_id=clinical_order:o1 patient_id=p2 person_id=- encounter_id=- result_id=o1"
    " practitioner_id=d department=ICU 2026-03-03 2026-03-02 2026-03-02 2026-03-02\n"
    "1 encounter event_system=S event_id=encounter:long stay patient_id=p2 person_id=" P2 " encounter_id=long stay result_id=-"
    " practitioner_id=d department=CARD 2025-03-01 2025-03-01 2025-03-01 2026-03-01\n"
    "2 encounter event_system=S event_id=encounter:visit patient_id=p2 person_id=" P2 " encounter_id=visit result_id=-"
    " practitioner_id=d department=CARD 2026-03-03 2026-03-03 2026-03-03 2026-03-03\n"
    "3 encounter event_system=S event_id=encounter:misdated patient_id=p2 person_id=" P2 " encounter_id=misdated result_id=-"
    " practitioner_id=d department=CARD 2206-01-01 2206-01-01 2206-01-01 2206-01-01\n";

static void
rows_of_the_rules_entities(void **state)
{
    struct fixture    *fixture = *state;
    struct str_builder found   = STR_BUILDER_EMPTY;
    char               text[TIME_TEXT_SIZE];

    assert_int_equal(read_all(fixture, 7, &found), 0); /* An empty warehouse knows nothing. */
    fill(fixture);
    for (uint32_t capacity = 1; capacity <= CHUNK_ROW_COUNT_MAX; capacity = capacity * 3 + 1) {
        read_all(fixture, capacity, &found);
        assert_string_equal(str_builder_cstr(&found), EXPECTED);
        time_print(history_begin_us, text); /* 38 days before the newest encounter that is not in the future; the order's are before it. */
        assert_string_equal(text, "2026-01-24T00:00:00.000000Z");
    }
    fixture->graph.streaming.rule_count = 1; /* Critical values alone need nothing of what was before the stream. */
    assert_int_equal(read_all(fixture, 100, &found), 0);
    assert_int_equal(history_begin_us, INT64_MIN);
    fixture->graph.streaming.rule_count = 2;
    str_builder_release(&found);
}

static void
more_rows_than_a_chunk(void **state)
{
    struct fixture    *fixture = *state;
    struct str_builder found   = STR_BUILDER_EMPTY;
    struct str_builder again   = STR_BUILDER_EMPTY;

    run(fixture, "INSERT INTO core.encounter_version BY NAME SELECT 'S' AS patient_system, 'p' AS patient_id, 'encounter number ' || i AS encounter_id,\n"
                 "  make_timestamp(1772409600000000 + (hash(i) % 1000)::BIGINT) AS encounter_start_time, i AS position, encounter_start_time AS event_time,\n"
                 "  encounter_start_time AS effective_time, true AS is_current FROM range(5000) t(i)");
    assert_int_equal(read_all(fixture, CHUNK_ROW_COUNT_MAX, &found), 5000);
    assert_int_equal(read_all(fixture, 999, &again), 5000);
    assert_string_equal(str_builder_cstr(&found), str_builder_cstr(&again));
    str_builder_release(&found);
    str_builder_release(&again);
}

/* Results of rules' series alone, each as far back as its rule looks. */
static void
results_of_a_series(void **state)
{
    struct fixture           *fixture = *state;
    struct warehouse_history *history = NULL;
    struct str_builder        found   = STR_BUILDER_EMPTY;
    struct chunk              chunk;
    struct error              err = ERROR_EMPTY;
    char                      text[TIME_TEXT_SIZE];
    static const enum event_column TEXTS[] = { EVENT_ID, EVENT_CODE, EVENT_UNIT, EVENT_COMPARATOR, EVENT_STATUS, EVENT_RESULT_ID };

    run(fixture, "INSERT INTO core.lab_result_version BY NAME SELECT 'S' AS patient_system, 'p' AS patient_id, id AS lab_result_id, c AS normalized_component_code,\n"
                 "  v::DECIMAL(18, 6) AS normalized_value, 'mg/dL' AS normalized_units, '<' AS source_comparator, 'F' AS status, t AS event_time,\n"
                 "  t AS effective_time, cur AS is_current FROM (VALUES ('r1', '2160-0', 0.9, TIMESTAMP '2026-03-01', true),\n"
                 "  ('r1', '2160-0', 0.8, TIMESTAMP '2026-02-01', false), ('r2', '2823-3', 4.1, TIMESTAMP '2026-03-02', true),\n"
                 "  ('r3', '2160-0', 1.1, TIMESTAMP '2025-01-28', true), ('r4', '2160-0', 1.2, TIMESTAMP '2025-01-29', true),\n"
                 "  ('r5', '718-7', 12.5, TIMESTAMP '2026-01-28', true), ('r6', '718-7', 12.6, TIMESTAMP '2026-01-27 23:59:59', true)) t(id, c, v, t, cur)");
    fixture->rules[0].step.name = STR("delta_check");
    fixture->rules[1].step.name = STR("acute_kidney_injury");
    check(chunk_init(&chunk, &event_schema, 100, &err), &err);
    check(warehouse_history_open(fixture->db, &fixture->graph, &history, &err), &err);
    struct live_history face = warehouse_history_face(history);
    check(face.next(face.context, &chunk, &err), &err);
    for (uint32_t row = 0; row < chunk.row_count; row++) {
        str_builder_printf(&found, "%lld", (long long)event_int64(&chunk, EVENT_VALUE, row));
        for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
            append_text(&found, &chunk, TEXTS[i], row);
        str_builder_append_char(&found, '\n');
    }
    /* The newest result of any code is of 2 March 2026: 397 days before it begins 29 January 2025, 33 days before it 28 January 2026. */
    assert_string_equal(str_builder_cstr(&found),
                        "1200000 event_id=lab_result:r4 code=2160-0 unit=mg/dL comparator=< status=F result_id=r4\n"
                        "12500000 event_id=lab_result:r5 code=718-7 unit=mg/dL comparator=< status=F result_id=r5\n"
                        "900000 event_id=lab_result:r1 code=2160-0 unit=mg/dL comparator=< status=F result_id=r1\n");
    time_print(face.begin(face.context, 1), text);
    assert_string_equal(text, "2025-01-29T00:00:00.000000Z");
    time_print(face.begin(face.context, 0), text);
    assert_string_equal(text, "2026-01-28T00:00:00.000000Z");
    warehouse_history_close(history);
    chunk_release(&chunk);
    str_builder_release(&found);
}

/* Drugs and orders of them, with what tells a drug; an end that nobody stated is null. */
static void
drugs_and_orders(void **state)
{
    struct fixture           *fixture = *state;
    struct warehouse_history *history = NULL;
    struct str_builder        found   = STR_BUILDER_EMPTY;
    struct chunk              chunk;
    struct error              err = ERROR_EMPTY;
    char                      text[TIME_TEXT_SIZE];
    static const enum event_column TEXTS[] = { EVENT_ID, EVENT_RESULT_ID, EVENT_DRUG_SYSTEM, EVENT_DRUG_CODE, EVENT_DRUG_NAME, EVENT_DRUG_TYPE, EVENT_STATUS };

    run(fixture, "INSERT INTO core.medication_version BY NAME SELECT 'S' AS patient_system, 'p' AS patient_id, id AS medication_id, 'prescription' AS medication_type,\n"
                 "  'RxNorm' AS source_code_type, code AS source_code, 'active' AS status, 'upsert' AS status_action, t AS event_time, t AS effective_time,\n"
                 "  t + INTERVAL 1 DAY AS medication_start_time, e AS medication_end_time, 30::BIGINT AS days_supply, cur AS is_current FROM (VALUES\n"
                 "  ('m1', '36567', TIMESTAMP '2026-03-01', NULL, true), ('m2', '21212', TIMESTAMP '2025-03-01', TIMESTAMP '2026-01-01', true),\n"
                 "  ('m3', '703', TIMESTAMP '2025-02-28', NULL, true), ('m4', '703', TIMESTAMP '2025-02-28', TIMESTAMP '2025-03-02', true),\n"
                 "  ('m5', '703', TIMESTAMP '2026-03-02', NULL, false)) t(id, code, t, e, cur)");
    run(fixture, "INSERT INTO core.clinical_order_version BY NAME SELECT 'S' AS patient_system, 'p' AS patient_id, 'o1' AS clinical_order_id, 'medication' AS order_type,\n"
                 "  'simvastatin' AS source_description, 'NW' AS status, 'upsert' AS status_action, TIMESTAMP '2026-03-03' AS event_time,\n"
                 "  TIMESTAMP '2026-03-03' AS effective_time, true AS is_current");
    fixture->rules[1].step.name = STR("medication_interactions");
    check(chunk_init(&chunk, &event_schema, 100, &err), &err);
    check(warehouse_history_open(fixture->db, &fixture->graph, &history, &err), &err);
    struct live_history face = warehouse_history_face(history);
    check(face.next(face.context, &chunk, &err), &err);
    for (uint32_t row = 0; row < chunk.row_count; row++) {
        for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
            append_text(&found, &chunk, TEXTS[i], row);
        time_print(event_int64(&chunk, EVENT_BEGIN_TIME, row), text);
        str_builder_printf(&found, " %.10s", text);
        time_print(event_int64(&chunk, EVENT_END_TIME, row), text);
        str_builder_printf(&found, " %.10s %d\n", event_is_null(&chunk, EVENT_END_TIME, row) ? "-" : text, (int)event_int64(&chunk, EVENT_DRUG_DAYS, row));
    }
    /* A year before 1 March 2026; what began before comes where it reaches in. An order ends as it begins: rules of accesses go by it. */
    assert_string_equal(str_builder_cstr(&found),
                        " event_id=clinical_order:o1 result_id=o1 result_unit=- comparator=- result=simvastatin location=medication status=NW 2026-03-03 2026-03-03 0\n"
                        " event_id=medication:m4 result_id=m4 result_unit=RxNorm comparator=703 result=- location=prescription status=active 2025-03-01 2025-03-02 30\n"
                        " event_id=medication:m2 result_id=m2 result_unit=RxNorm comparator=21212 result=- location=prescription status=active 2025-03-02 2026-01-01 30\n"
                        " event_id=medication:m1 result_id=m1 result_unit=RxNorm comparator=36567 result=- location=prescription status=active 2026-03-02 - 30\n");
    time_print(face.begin(face.context, 1), text);
    assert_string_equal(text, "2025-03-03T00:00:00.000000Z"); /* The latest of both. */
    warehouse_history_close(history);
    chunk_release(&chunk);
    str_builder_release(&found);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_of_the_rules_entities, setup, teardown),
        cmocka_unit_test_setup_teardown(results_of_a_series, setup, teardown),
        cmocka_unit_test_setup_teardown(drugs_and_orders, setup, teardown),
        cmocka_unit_test_setup_teardown(more_rows_than_a_chunk, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
