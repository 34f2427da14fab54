/* A backtest and its comparison with each allocation failing in turn: it fails with ERR_NO_MEMORY, leaks nothing, and passes in the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/time.h"
#include "hybrid/compare.h"
#include "support/sweep.h"
#include "warehouse/duckdb_functions.h"
#include "warehouse/schema.h"

struct fixture {
    struct model           *model;
    struct db              *db;
    struct graph            graph;
    struct siphash_key      key;
    const struct rule_pack *rules[1];
};

static void
run(struct fixture *fixture, const char *sql)
{
    struct db_connection *connection = NULL;
    struct error          err        = ERROR_EMPTY;

    assert_int_equal(db_connect(fixture->db, &connection, &err), ST_OK);
    if (sql == NULL)
        assert_int_equal(schema_prepare(connection, fixture->model, &err), ST_OK);
    else
        assert_int_equal(db_run(connection, str_from(sql), &err), ST_OK);
    db_disconnect(connection);
}

static enum status
look_back(struct io *io, void *context, struct error *err)
{
    struct fixture               *fixture = context;
    const struct backtest_options options = { .db = fixture->db, .graph = &fixture->graph, .person_key = &fixture->key, .rules = fixture->rules, .rule_count = 1,
                                              .from_us = INT64_MIN, .to_us = INT64_MAX };
    struct backtest_result        result;
    struct comparison             comparison;
    struct arena                  arena;

    (void)io; /* DuckDB has its own. */
    arena_init(&arena, 0);
    enum status status = backtest_run(&options, &result, err);
    const struct comparison_input input = { .result = &result, .stream_begin_us = INT64_MIN, .stream_end_us = INT64_MAX };
    if (status == ST_OK)
        status = compare_alerts(&input, &arena, &comparison, err);
    if (status == ST_OK)
        assert_int_equal(comparison.difference_count, 2);
    backtest_result_release(&result);
    arena_release(&arena);
    return status;
}

static void
each_allocation_fails(void **state)
{
    struct fixture          fixture = { .model = NULL };
    const struct db_options options = { .thread_count = 1, .register_functions = duckdb_functions_register };
    struct error            err     = ERROR_EMPTY;

    (void)state;
    assert_int_equal(model_load(NULL, 0, NULL, NULL, &fixture.model, &err), ST_OK);
    assert_int_equal(db_open(&fixture.db, &options, &err), ST_OK);
    fixture.graph.model                       = fixture.model;
    fixture.graph.name                        = STR("test");
    fixture.graph.batch.warehouse.name        = STR("W");
    fixture.graph.runtime.chunk_row_count_max = 8;
    fixture.rules[0] = model_rule(fixture.model, STR("abnormal_lab_trends"));
    run(&fixture, NULL);
    run(&fixture, "INSERT INTO core.lab_result_version BY NAME SELECT 'S' AS patient_system, 'p' || i AS patient_id, 'r' || i AS lab_result_id, '2823-3' AS source_component_code,\n"
                  "  '2823-3' AS normalized_component_code, '6.9' AS result, 6.9 AS source_value, 6.9 AS normalized_value, 'mmol/L' AS normalized_units, 'F' AS status,\n"
                  "  'upsert' AS status_action, TIMESTAMP '2026-03-02' AS effective_time, TIMESTAMP '2026-03-02' AS event_time, 'LAB' AS source, 'a' || i AS file,\n"
                  "  i AS position, 0 AS row_number FROM range(2) t(i)");
    sweep_run(look_back, &fixture);
    db_free(fixture.db);
    model_free(fixture.model);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_allocation_fails) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
