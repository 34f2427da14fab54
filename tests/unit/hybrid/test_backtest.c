/* Rules over history: what fires, what the time before and behind it does, and that neither slices nor chunks shape it (B1–B5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str_builder.h"
#include "base/time.h"
#include "hybrid/backtest.h"
#include "warehouse/duckdb_functions.h"
#include "warehouse/schema.h"

struct fixture {
    struct model           *model;
    struct db              *db;
    struct db_connection   *connection;
    struct graph            graph;
    struct siphash_key      key;
    const struct rule_pack *rules[2];
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
    fixture.graph.model                       = fixture.model;
    fixture.graph.name                        = STR("test");
    fixture.graph.batch.warehouse.name        = STR("W");
    fixture.graph.runtime.chunk_row_count_max = CHUNK_ROW_COUNT_MAX;
    fixture.rules[0] = model_rule(fixture.model, STR("abnormal_lab_trends"));
    fixture.rules[1] = model_rule(fixture.model, STR("unusual_access"));
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

/* A potassium of p1 (31 years old), a version of result `id`. `taken` and `told` are times of March 2026. */
static void
add_result(struct fixture *fixture, const char *id, const char *value, const char *action, const char *taken, const char *told, int position)
{
    char sql[2048];

    snprintf(sql, sizeof sql,
             "INSERT INTO core.lab_result_version BY NAME SELECT 'S' AS patient_system, 'p1' AS patient_id, lpad('1', 32, '0') AS person_id, '%s' AS lab_result_id,\n"
             "  '2823-3' AS source_component_code, '2823-3' AS normalized_component_code, '%s' AS result, %s AS source_value, %s AS normalized_value, 'mmol/L' AS source_units,\n"
             "  'mmol/L' AS normalized_units, 'F' AS status, '%s' AS status_action, '3.5' AS source_reference_range_low, '5.1' AS source_reference_range_high,\n"
             "  TIMESTAMP '2026-03-%s' AS effective_time, TIMESTAMP '2026-03-%s' AS event_time, 'LAB' AS source, 'a.hl7' AS file, %d AS position, 0 AS row_number",
             id, value, value, value, action, taken, told, position);
    run(fixture, sql);
}

static void
add_patient(struct fixture *fixture)
{
    run(fixture, "INSERT INTO core.patient_version BY NAME SELECT 'S' AS patient_system, 'p1' AS patient_id, lpad('1', 32, '0') AS person_id, DATE '1995-01-01' AS birth_date,\n"
                 "  true AS is_current");
}

static void
add_access(struct fixture *fixture, const char *id, const char *told, int position)
{
    char sql[1024];

    snprintf(sql, sizeof sql,
             "INSERT INTO core.access_event_version BY NAME SELECT 'S' AS patient_system, 'p1' AS patient_id, '%s' AS access_event_id, 'S' AS user_system, 'u1' AS user_id,\n"
             "  'CARD' AS user_department, TIMESTAMP '2026-03-%s' AS event_time, event_time AS effective_time, 'EHR' AS source, 'access' AS file, %d AS position, 0 AS row_number",
             id, told, position);
    run(fixture, sql);
}

static void
add_stay(struct fixture *fixture, const char *id, const char *begin, const char *end, const char *told)
{
    char sql[1024];

    snprintf(sql, sizeof sql,
             "INSERT INTO core.encounter_version BY NAME SELECT 'S' AS patient_system, 'p1' AS patient_id, '%s' AS encounter_id, 'CARD' AS department,\n"
             "  TIMESTAMP '%s' AS encounter_start_time, TIMESTAMP '%s' AS encounter_end_time, TIMESTAMP '%s' AS event_time, event_time AS effective_time,\n"
             "  'EHR' AS source, 'stays' AS file, 0 AS position, 0 AS row_number",
             id, begin, end, told);
    run(fixture, sql);
}

/* ---- Running it ---- */

static int64_t
time_of(const char *text)
{
    int64_t time_us = 0;

    assert_true(time_parse_utc(str_from(text), &time_us));
    return time_us;
}

/* One line an alert: "<day>T<hour> rule status reason value"; '+' behind it: somebody would have got it. */
static void
print(const struct backtest_result *result, struct str_builder *out)
{
    char text[TIME_TEXT_SIZE];

    str_builder_clear(out);
    for (size_t i = 0; i < result->alert_count; i++) {
        const struct store_alert *alert = &result->alerts[i];
        time_print(alert->event_time_us, text);
        str_builder_printf(out, "%.13s %.*s %.*s %.*s %.*s%s\n", text, STR_PRINTF(alert->rule), STR_PRINTF(alert->status), STR_PRINTF(alert->status_reason),
                           STR_PRINTF(alert->value), alert->is_delivered ? "+" : "");
        assert_true(str_equal(alert->mode, STR("replay")));
        assert_int_equal(alert->detected_at_us, STORE_TIME_NONE);
    }
}

static struct backtest_options
options_of(const struct fixture *fixture)
{
    return (struct backtest_options){ .db = fixture->db, .graph = &fixture->graph, .person_key = &fixture->key, .rules = fixture->rules, .rule_count = 2,
                                      .from_us = INT64_MIN, .to_us = INT64_MAX };
}

static void
expect(const struct backtest_options *options, const char *expected)
{
    struct backtest_result result;
    struct str_builder     found = STR_BUILDER_EMPTY;
    struct error           err   = ERROR_EMPTY;

    check(backtest_run(options, &result, &err), &err);
    print(&result, &found);
    assert_string_equal(str_builder_cstr(&found), expected);
    str_builder_release(&found);
    backtest_result_release(&result);
}

/* In slices and chunks of several sizes. */
static void
expect_always(struct fixture *fixture, struct backtest_options options, const char *expected)
{
    static const int64_t sizes[][2] = { { 1, 1 }, { CHUNK_ROW_COUNT_MAX, 3 }, { 2, CHUNK_ROW_COUNT_MAX } };

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fixture->graph.runtime.chunk_row_count_max = sizes[i][0];
        options.slice_row_count                    = sizes[i][1];
        expect(&options, expected);
    }
}

/* ---- Tests ---- */

static void
nothing_of_nothing(void **state)
{
    struct fixture         *fixture = *state;
    struct backtest_options options = options_of(fixture);
    struct backtest_result  result;
    struct error            err = ERROR_EMPTY;

    check(backtest_run(&options, &result, &err), &err);
    assert_int_equal(result.alert_count, 0);
    assert_int_equal(result.row_count, 0);
    assert_true(result.end_us <= result.begin_us);
    backtest_result_release(&result);
}

static void
values_over_history(void **state)
{
    struct fixture *fixture = *state;

    add_patient(fixture);
    add_result(fixture, "r1", "6.9", "upsert", "02 08:00", "02 09:00", 100);
    add_result(fixture, "r2", "6.8", "upsert", "02 10:00", "02 11:00", 200); /* Within the cooldown. */
    add_result(fixture, "r3", "4.0", "upsert", "03 10:00", "03 11:00", 300);
    add_result(fixture, "r4", "7.0", "upsert", "05 10:00", "05 11:00", 400);
    add_result(fixture, "r4", "4.1", "upsert", "05 10:00", "06 11:00", 500); /* It was a mistake. */
    add_result(fixture, "r5", "7.1", "upsert", "08 10:00", "08 11:00", 600);
    add_result(fixture, "r5", "7.2", "upsert", "08 10:00", "08 12:00", 700);
    add_result(fixture, "r6", "7.3", "upsert", "12 10:00", "12 11:00", 800);
    add_result(fixture, "r6", "7.3", "retract", "12 10:00", "12 12:00", 900);
    expect_always(fixture, options_of(fixture), "2026-03-02T09 abnormal_lab_trends open  6.9\n"
                                                "2026-03-02T11 abnormal_lab_trends closed cooldown 6.8\n"
                                                "2026-03-05T11 abnormal_lab_trends retracted corrected 4.1\n"
                                                "2026-03-08T11 abnormal_lab_trends revised corrected 7.2\n"
                                                "2026-03-12T11 abnormal_lab_trends retracted withdrawn 7.3\n");
}

/* B1: what stands first in a file is not what was known first. */
static void
files_have_no_order(void **state)
{
    struct fixture *fixture = *state;

    add_patient(fixture);
    add_result(fixture, "r1", "7.2", "upsert", "02 08:00", "02 12:00", 100);
    add_result(fixture, "r1", "6.9", "upsert", "02 08:00", "02 09:00", 500);
    add_result(fixture, "r2", "6.8", "upsert", "02 07:00", "02 10:00", 50);
    expect_always(fixture, options_of(fixture), "2026-03-02T09 abnormal_lab_trends closed cooldown 7.2\n"
                                                "2026-03-02T10 abnormal_lab_trends open  6.8\n");
    run(fixture, "DELETE FROM core.lab_result_version WHERE lab_result_id = 'r2'");
    expect_always(fixture, options_of(fixture), "2026-03-02T09 abnormal_lab_trends revised corrected 7.2\n");
}

/* B3, B4: what is before starts cooldowns and is not told, what is behind corrects nothing. */
static void
time_is_bounded(void **state)
{
    struct fixture         *fixture = *state;
    struct backtest_options options = options_of(fixture);

    add_patient(fixture);
    add_result(fixture, "r1", "6.9", "upsert", "02 08:00", "02 09:00", 100);
    add_result(fixture, "r2", "6.8", "upsert", "02 10:00", "02 11:00", 200);
    add_result(fixture, "r4", "7.0", "upsert", "05 10:00", "05 11:00", 400);
    add_result(fixture, "r4", "4.1", "upsert", "05 10:00", "06 11:00", 500);
    options.from_us = time_of("2026-03-02T10:00:00Z");
    options.to_us   = time_of("2026-03-06T11:00:00Z");
    expect_always(fixture, options, "2026-03-02T11 abnormal_lab_trends closed cooldown 6.8\n"
                                    "2026-03-05T11 abnormal_lab_trends open  7.0\n");
    options.to_us = time_of("2026-03-06T11:00:00.000001Z");
    expect_always(fixture, options, "2026-03-02T11 abnormal_lab_trends closed cooldown 6.8\n"
                                    "2026-03-05T11 abnormal_lab_trends retracted corrected 4.1\n");
    options.from_us = time_of("2026-03-05T11:00:00Z");
    options.to_us   = time_of("2026-03-05T11:00:00Z") + 1;
    expect_always(fixture, options, "2026-03-05T11 abnormal_lab_trends open  7.0\n");
    options.from_us++;
    options.to_us = INT64_MAX;
    expect_always(fixture, options, "");
}

/* B5: the same from two sources, and the second one corrected. */
static void
told_by_two_sources(void **state)
{
    struct fixture *fixture = *state;

    add_patient(fixture);
    add_result(fixture, "r1", "6.9", "upsert", "02 08:00", "02 09:00", 100);
    add_result(fixture, "r1", "6.9", "upsert", "02 08:00", "02 09:00", 100);
    run(fixture, "UPDATE core.lab_result_version SET source = 'EHR', facility = 'elsewhere' WHERE rowid = 1");
    expect_always(fixture, options_of(fixture), "2026-03-02T09 abnormal_lab_trends open  6.9\n");
    run(fixture, "UPDATE core.lab_result_version SET result = '7.9', normalized_value = 7.9 WHERE rowid = 1");
    expect_always(fixture, options_of(fixture), "2026-03-02T09 abnormal_lab_trends revised corrected 6.9\n"); /* EHR stands before LAB. */
}

/* The limits are those of adults; whose age is not known may be one. */
static void
age_is_the_patients(void **state)
{
    struct fixture *fixture = *state;

    add_result(fixture, "r1", "6.9", "upsert", "02 08:00", "02 09:00", 100);
    expect_always(fixture, options_of(fixture), "2026-03-02T09 abnormal_lab_trends open  6.9\n");
    add_patient(fixture);
    expect_always(fixture, options_of(fixture), "2026-03-02T09 abnormal_lab_trends open  6.9\n");
    run(fixture, "UPDATE core.patient_version SET birth_date = DATE '2020-01-01'");
    expect_always(fixture, options_of(fixture), "");
}

static void
accesses_over_history(void **state)
{
    struct fixture         *fixture = *state;
    struct backtest_options options = options_of(fixture);

    add_access(fixture, "a1", "02 08:00", 1);
    expect_always(fixture, options, "2026-03-02T08 unusual_access open  \n");
    add_stay(fixture, "e1", "2026-03-02 10:00", "2026-03-03 10:00", "2026-03-04 10:00"); /* Entered behind the access. */
    expect_always(fixture, options, "2026-03-02T08 unusual_access retracted explained \n");
    options.to_us = time_of("2026-03-04T10:00:00Z");
    expect_always(fixture, options, "2026-03-02T08 unusual_access open  \n");
    options.to_us = INT64_MAX;
    add_stay(fixture, "e0", "2026-03-02 06:00", "2026-03-02 12:00", "2026-03-02 07:00"); /* Known before it. */
    expect_always(fixture, options, "");
}

/* B3: a stay that began long before the history explains while it lasts. */
static void
stays_reach_in(void **state)
{
    struct fixture         *fixture = *state;
    struct backtest_options options = options_of(fixture);

    add_access(fixture, "a1", "02 08:00", 1);
    options.from_us = time_of("2026-03-01T00:00:00Z");
    expect_always(fixture, options, "2026-03-02T08 unusual_access open  \n");
    add_stay(fixture, "e1", "2025-03-01 10:00", "2025-03-03 10:00", "2025-03-01 10:00");
    expect_always(fixture, options, "2026-03-02T08 unusual_access open  \n");
    add_stay(fixture, "e2", "2025-03-01 10:00", "2026-03-03 10:00", "2025-03-01 10:00");
    expect_always(fixture, options, "");
}

static bool
stop(void *context)
{
    (void)context;
    return true;
}

static void
what_is_refused(void **state)
{
    struct fixture         *fixture = *state;
    struct backtest_options options = options_of(fixture);
    struct backtest_result  result;
    struct error            err   = ERROR_EMPTY;
    struct rule_pack        wrong = *fixture->rules[0];

    add_result(fixture, "r1", "6.9", "upsert", "02 08:00", "02 09:00", 100);
    options.is_stopping = stop;
    assert_int_equal(backtest_run(&options, &result, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_INTERRUPTED);
    backtest_result_release(&result);
    options          = options_of(fixture);
    wrong.entity     = model_entity(fixture->model, STR("practitioner"));
    fixture->rules[0] = &wrong;
    assert_int_equal(backtest_run(&options, &result, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_CONFIG);
    backtest_result_release(&result);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_of_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(values_over_history, setup, teardown),
        cmocka_unit_test_setup_teardown(files_have_no_order, setup, teardown),
        cmocka_unit_test_setup_teardown(time_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(told_by_two_sources, setup, teardown),
        cmocka_unit_test_setup_teardown(age_is_the_patients, setup, teardown),
        cmocka_unit_test_setup_teardown(accesses_over_history, setup, teardown),
        cmocka_unit_test_setup_teardown(stays_reach_in, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_refused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
