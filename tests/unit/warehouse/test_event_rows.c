/* Versions of facts as event rows: their columns, order and files, whatever the size of a chunk; and what makes two statements one event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str_builder.h"
#include "base/time.h"
#include "live/event.h"
#include "warehouse/duckdb_functions.h"
#include "warehouse/event_rows.h"
#include "warehouse/schema.h"

struct fixture {
    struct model         *model;
    struct db            *db;
    struct db_connection *connection;
    struct graph          graph;
    struct event_rows    *rows;
    struct siphash_key    key;
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
    fixture.graph.model = fixture.model;
    check(db_open(&fixture.db, &options, &err), &err);
    check(db_connect(fixture.db, &fixture.connection, &err), &err);
    check(schema_prepare(fixture.connection, fixture.model, &err), &err);
    run(&fixture, "INSERT INTO core.patient_version BY NAME SELECT 'S' AS patient_system, 'p' || i AS patient_id, lpad('1', 32, '0') AS person_id,\n"
                  "  DATE '1990-01-01' + i::INTEGER AS birth_date, true AS is_current FROM range(2) t(i)");
    check(event_rows_new(fixture.db, &fixture.graph, STR("W"), &fixture.rows, &err), &err);
    *state = &fixture;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *fixture = *state;

    event_rows_free(fixture->rows);
    db_disconnect(fixture->connection);
    db_free(fixture->db);
    model_free(fixture->model);
    return 0;
}

static const struct event_range ALWAYS = { INT64_MIN, INT64_MAX };

static void
append_row(struct str_builder *out, const struct fixture *fixture, const struct chunk *chunk, uint32_t row)
{
    const struct partition_names *files = event_rows_files(fixture->rows);
    static const enum event_column TEXTS[] = { EVENT_SYSTEM, EVENT_PATIENT_ID, EVENT_PERSON_ID, EVENT_CODE, EVENT_REFERENCE_RANGE, EVENT_RESULT, EVENT_RESULT_ID };
    char                           text[TIME_TEXT_SIZE];

    assert_true(event_is_null(chunk, EVENT_WATERMARK, row));
    assert_int_equal(((const uint8_t *)chunk->columns[EVENT_IS_LATE].data)[row], 0);
    str_builder_printf(out, "%.*s@%d.%d %s", STR_PRINTF(files->ids[event_int64(chunk, EVENT_PARTITION, row)]), (int)event_int64(chunk, EVENT_POSITION, row),
                       (int)event_int64(chunk, EVENT_ROW_NUMBER, row), fixture->model->entities[event_int64(chunk, EVENT_ENTITY, row)].name);
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
        str_builder_printf(out, " %.*s", STR_PRINTF(event_is_null(chunk, TEXTS[i], row) ? STR("-") : event_text(chunk, TEXTS[i], row)));
    time_print(event_int64(chunk, EVENT_TIME, row), text);
    str_builder_printf(out, " %.13s", text);
    time_print(event_int64(chunk, EVENT_END_TIME, row), text);
    str_builder_printf(out, " %.13s %d", text, event_is_null(chunk, EVENT_BIRTH_DATE, row) ? -1 : ((const int32_t *)chunk->columns[EVENT_BIRTH_DATE].data)[row]);
    str_builder_append_char(out, '\n');
}

/* All rows of an entity, in chunks of so many; event ids must ascend. */
static uint32_t
read_all(struct fixture *fixture, const char *entity, struct event_range range, bool reaches_in, uint32_t capacity, struct str_builder *out)
{
    struct chunk       chunk;
    struct error       err      = ERROR_EMPTY;
    struct str_builder before   = STR_BUILDER_EMPTY;
    uint32_t           count    = 0;

    str_builder_clear(out);
    check(chunk_init(&chunk, &event_schema, capacity, &err), &err);
    check(event_rows_open(fixture->rows, model_entity(fixture->model, str_from(entity)), range, reaches_in, &err), &err);
    do {
        chunk_clear(&chunk);
        check(event_rows_next(fixture->rows, &chunk, &err), &err);
        for (uint32_t row = 0; row < chunk.row_count; row++) {
            append_row(out, fixture, &chunk, row);
            assert_true(str_compare(str_builder_text(&before), event_text(&chunk, EVENT_ID, row)) < 0);
            str_builder_clear(&before);
            str_builder_append(&before, event_text(&chunk, EVENT_ID, row));
        }
        count += chunk.row_count;
    } while (chunk.row_count > 0);
    str_builder_release(&before);
    chunk_release(&chunk);
    return count;
}

static void
fill(struct fixture *fixture)
{
    run(fixture, "INSERT INTO core.lab_result_version BY NAME SELECT 'S' AS patient_system, p AS patient_id, CASE WHEN p <> 'x' THEN lpad('1', 32, '0') END AS person_id,\n"
                 "  'r' AS lab_result_id, c AS source_component_code, n AS normalized_component_code, '7' AS result, l AS source_reference_range_low, h AS source_reference_range_high,\n"
                 "  k AS status_rank, t AS event_time, TIMESTAMP '2026-03-01 05:00:00' AS effective_time, 'LAB' AS source, f AS file, o AS position, o + 1 AS row_number FROM (VALUES\n"
                 "  ('p0', 'K', '2823-3', '3.5', '5.1', 2, TIMESTAMP '2026-03-02 10:00:00', 'b', 7), ('p0', 'K', '2823-3', NULL, '5.1', 1, TIMESTAMP '2026-03-02 10:00:00', 'c', 8),\n"
                 "  ('x', 'own', NULL, '3.5', '', NULL, TIMESTAMP '2026-03-01 10:00:00', 'b', 9), ('p1', 'K', '2823-3', NULL, NULL, 2, TIMESTAMP '2026-03-02 10:00:00', 'a', 9))\n"
                 "  v(p, c, n, l, h, k, t, f, o)");
}

#define P "00000000000000000000000000000001"
static const char EXPECTED[] = "file:LAB/b@9.10 lab_result S x - own >3.5 7 r 2026-03-01T10 2026-03-01T05 -1\n"
                               "file:LAB/c@8.9 lab_result S p0 " P " 2823-3 <5.1 7 r 2026-03-02T10 2026-03-01T05 7305\n"
                               "file:LAB/a@9.10 lab_result S p1 " P " 2823-3 - 7 r 2026-03-02T10 2026-03-01T05 7305\n"
                               "file:LAB/b@7.8 lab_result S p0 " P " 2823-3 3.5-5.1 7 r 2026-03-02T10 2026-03-01T05 7305\n";

static void
rows_in_their_order(void **state)
{
    struct fixture    *fixture = *state;
    struct str_builder found   = STR_BUILDER_EMPTY;

    assert_int_equal(read_all(fixture, "lab_result", ALWAYS, false, 7, &found), 0);
    fill(fixture);
    for (uint32_t capacity = 1; capacity <= CHUNK_ROW_COUNT_MAX; capacity = capacity * 3 + 1) {
        read_all(fixture, "lab_result", ALWAYS, false, capacity, &found);
        assert_string_equal(str_builder_cstr(&found), EXPECTED);
    }
    assert_int_equal(event_rows_files(fixture->rows)->count, 3);
    assert_true(str_equal(event_rows_files(fixture->rows)->source, STR("W")));
    str_builder_release(&found);
}

static int64_t
time_of(const char *text)
{
    int64_t time_us = 0;

    assert_true(time_parse_utc(str_from(text), &time_us));
    return time_us;
}

struct counted {
    int64_t days[4];
    int64_t counts[4];
    size_t  count;
};

static void
add(void *context, int64_t day_us, int64_t count)
{
    struct counted *counted = context;

    assert_true(counted->count < 4);
    counted->days[counted->count]     = day_us;
    counted->counts[counted->count++] = count;
}

static void
ranges_and_days(void **state)
{
    struct fixture    *fixture = *state;
    struct str_builder found   = STR_BUILDER_EMPTY;
    struct counted     counted = { .count = 0 };
    struct event_range range   = { time_of("2026-03-01T10:00:00.000001Z"), time_of("2026-03-02T10:00:00Z") };
    struct error       err     = ERROR_EMPTY;

    fill(fixture);
    assert_int_equal(read_all(fixture, "lab_result", range, false, 7, &found), 0);
    range.begin_us--;
    assert_int_equal(read_all(fixture, "lab_result", range, false, 7, &found), 1);
    range.end_us++;
    assert_int_equal(read_all(fixture, "lab_result", range, false, 7, &found), 4);
    check(event_rows_days(fixture->rows, model_entity(fixture->model, STR("lab_result")), ALWAYS, add, &counted, &err), &err);
    assert_int_equal(counted.count, 2);
    assert_int_equal(counted.days[0], time_of("2026-03-01T00:00:00Z"));
    assert_int_equal(counted.counts[0], 1);
    assert_int_equal(counted.counts[1], 3);
    str_builder_release(&found);
}

static void
stays_that_reach_in(void **state)
{
    struct fixture          *fixture = *state;
    struct str_builder       found   = STR_BUILDER_EMPTY;
    const struct event_range range   = { time_of("2026-03-01T00:00:00Z"), INT64_MAX };

    run(fixture, "INSERT INTO core.encounter_version BY NAME SELECT 'S' AS patient_system, 'p0' AS patient_id, n AS encounter_id, b AS encounter_start_time, e AS encounter_end_time,\n"
                 "  b AS event_time, b AS effective_time, 'EHR' AS source, 'e' AS file, 1 AS position, 0 AS row_number FROM (VALUES\n"
                 "  ('over', TIMESTAMP '2025-03-01', TIMESTAMP '2025-03-02'), ('long', TIMESTAMP '2025-03-01', TIMESTAMP '2026-03-01'), ('open', TIMESTAMP '2025-03-01', NULL),\n"
                 "  ('new', TIMESTAMP '2026-03-01', NULL)) t(n, b, e)");
    assert_int_equal(read_all(fixture, "encounter", range, true, 7, &found), 1);
    assert_non_null(strstr(str_builder_cstr(&found), "2025-03-01T00 2026-03-01T00"));
    assert_int_equal(read_all(fixture, "encounter", range, false, 7, &found), 1);
    str_builder_release(&found);
}

/* ---- Identities ---- */

static void
hashes_of(struct fixture *fixture, int64_t hashes[2])
{
    struct chunk chunk;
    struct error err = ERROR_EMPTY;

    check(chunk_init(&chunk, &event_schema, 4, &err), &err);
    check(event_rows_open(fixture->rows, model_entity(fixture->model, STR("access_event")), ALWAYS, false, &err), &err);
    check(event_rows_next(fixture->rows, &chunk, &err), &err);
    assert_int_equal(chunk.row_count, 2);
    event_rows_hash(&chunk, &fixture->key);
    assert_false(event_is_null(&chunk, EVENT_PATIENT_LOW, 0));
    for (uint32_t row = 0; row < 2; row++)
        hashes[row] = event_int64(&chunk, EVENT_IDENTITY_LOW, row);
    chunk_release(&chunk);
}

static void
what_makes_one_event(void **state)
{
    struct fixture *fixture = *state;
    int64_t         hashes[2];
    static const char *const SAME[]  = { "source = 'other'", "file = 'other'", "position = 9", "facility = 'other'" };
    static const char *const OTHER[] = { "patient_id = 'p1'", "user_id = 'other'", "user_department = NULL", "event_time = event_time + INTERVAL 1 MICROSECOND",
                                         "effective_time = effective_time - INTERVAL 1 MICROSECOND", "purpose_of_use = 'BTG'" };

    run(fixture, "INSERT INTO core.access_event_version BY NAME SELECT 'S' AS patient_system, 'p0' AS patient_id, 'a' AS access_event_id, 'S' AS user_system, 'u' AS user_id,\n"
                 "  'ICU' AS user_department, TIMESTAMP '2026-03-02' AS event_time, TIMESTAMP '2026-03-02' AS effective_time, 'EHR' AS source, 'f' AS file, i AS position,\n"
                 "  0 AS row_number FROM range(2) t(i)");
    for (size_t i = 0; i < sizeof SAME / sizeof *SAME + sizeof OTHER / sizeof *OTHER; i++) {
        const size_t       same_count = sizeof SAME / sizeof *SAME;
        struct str_builder sql        = STR_BUILDER_EMPTY;
        run(fixture, "BEGIN TRANSACTION");
        run(fixture, "CREATE OR REPLACE TEMP TABLE kept AS SELECT * FROM core.access_event_version");
        str_builder_printf(&sql, "UPDATE core.access_event_version SET %s WHERE position = 1", i < same_count ? SAME[i] : OTHER[i - same_count]);
        run(fixture, str_builder_cstr(&sql));
        run(fixture, "COMMIT");
        hashes_of(fixture, hashes);
        if ((hashes[0] == hashes[1]) != (i < same_count))
            fail_msg("%s", str_builder_cstr(&sql));
        run(fixture, "DELETE FROM core.access_event_version");
        run(fixture, "INSERT INTO core.access_event_version SELECT * FROM kept");
        str_builder_release(&sql);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_in_their_order, setup, teardown),
        cmocka_unit_test_setup_teardown(ranges_and_days, setup, teardown),
        cmocka_unit_test_setup_teardown(stays_that_reach_in, setup, teardown),
        cmocka_unit_test_setup_teardown(what_makes_one_event, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
