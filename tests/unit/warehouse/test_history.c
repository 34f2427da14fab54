/* History over small tables made by hand: repeats, late versions, retractions, dimensions that return. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str_builder.h"
#include "warehouse/history_int.h"
#include "warehouse/schema.h"

static const struct entity_column FACT_COLUMNS[] = {
    {.name = "k", .type = {.kind = TYPE_TEXT}, .is_required = true},
    {.name = "event_time", .type = {.kind = TYPE_TIMESTAMP}, .is_required = true},
    {.name = "rank", .type = {.kind = TYPE_INT64}},
    {.name = "val", .type = {.kind = TYPE_TEXT}},
    {.name = "status_action", .type = {.kind = TYPE_TEXT}},
};
static const struct entity_column DIMENSION_COLUMNS[] = {
    {.name = "k", .type = {.kind = TYPE_TEXT}, .is_required = true},
    {.name = "event_time", .type = {.kind = TYPE_TIMESTAMP}, .is_required = true},
    {.name = "val", .type = {.kind = TYPE_TEXT}},
};
static const uint32_t      KEY[]             = {0};
static const uint32_t      FACT_VERSION[]    = {1, 2};
static const struct entity ENTITIES[] = {
    {.name = "fact", .file = "fact.json", .kind = ENTITY_FACT, .columns = FACT_COLUMNS, .column_count = 5, .key = KEY,
     .key_count = 1, .version = FACT_VERSION, .version_count = 2, .event_time_column = 1, .effective_time_column = -1},
    {.name = "thing", .file = "thing.json", .kind = ENTITY_DIMENSION, .columns = DIMENSION_COLUMNS, .column_count = 3,
     .key = KEY, .key_count = 1, .version = FACT_VERSION, .version_count = 1, .event_time_column = 1,
     .effective_time_column = -1},
};
static const struct model MODEL = {.entities = ENTITIES, .entity_count = 2};

struct fixture {
    struct db            *db;
    struct db_connection *connection;
    int                   run_count;
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

static int
setup(void **state)
{
    static struct fixture   fixture;
    const struct db_options options = {.thread_count = 2};
    struct error            err     = ERROR_EMPTY;

    fixture = (struct fixture){.run_count = 0};
    check(db_open(&fixture.db, &options, &err), &err);
    check(db_connect(fixture.db, &fixture.connection, &err), &err);
    check(schema_prepare(fixture.connection, &MODEL, &err), &err);
    *state = &fixture;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *fixture = *state;

    db_disconnect(fixture->connection);
    db_free(fixture->db);
    return 0;
}

/* A run of one entity whose rows are the VALUES list: facts (k, day, rank, val, action, file, position), dimensions (k,
 * day, val, file, position). The content hash stands for itself: all columns, or for a dimension all but the time. */
static void
run(struct fixture *fixture, const struct entity *entity, const char *values)
{
    struct sql_names names;
    struct error     err     = ERROR_EMPTY;
    bool             is_fact = entity->kind == ENTITY_FACT;
    char             schema[16];
    char             id[16];

    fixture->run_count++;
    snprintf(schema, sizeof schema, "run_%d", fixture->run_count);
    snprintf(id, sizeof id, "r%d", fixture->run_count);
    check(db_runf(fixture->connection, &err,
                  "CREATE SCHEMA %s; CREATE TABLE %s.input AS SELECT * FROM (VALUES (1, 1, 's', 'a'), (2, 2, 's', "
                  "'b')) t(input_number, input_rank, source, file)",
                  schema, schema),
          &err);
    check(db_runf(fixture->connection, &err,
                  "CREATE TABLE %s.row_%s AS SELECT row_number() OVER () AS row_id, k, DATE '2026-01-01' + day::INTEGER + TIME '00:00' AS event_time, %s, "
                  "concat_ws('|', %s) AS content_hash, 1 AS row_outcome, CASE file WHEN 'a' THEN 1 ELSE 2 END AS "
                  "input_number, pos AS position, 1::BIGINT AS length, 0::BIGINT AS row_number, 0 AS mapping_number "
                  "FROM (VALUES %s) t(%s)",
                  schema, entity->name, is_fact ? "rank::BIGINT AS rank, val::VARCHAR AS val, action AS status_action" : "val::VARCHAR AS val",
                  is_fact ? "k, day, rank, val, action" : "k, val", values,
                  is_fact ? "k, day, rank, val, action, file, pos" : "k, day, val, file, pos"),
          &err);
    sql_names_init(&names);
    history_names(&names, entity, schema, id, (int64_t)fixture->run_count * 1000000);
    check(history_plan(fixture->connection, &names, entity, &(struct history_keep){0}, &err), &err);
    check(db_run(fixture->connection, STR("BEGIN"), &err), &err);
    check(history_apply(fixture->connection, &names, entity, &err), &err);
    check(db_run(fixture->connection, STR("COMMIT"), &err), &err);
    sql_names_release(&names);
}

/* The rows of a query of one text column, joined by blanks. */
static void
expect(struct fixture *fixture, const char *sql, const char *expected)
{
    struct str_builder found  = STR_BUILDER_EMPTY;
    struct db_result   result = DB_RESULT_EMPTY;
    struct error       err    = ERROR_EMPTY;
    uint32_t           row_count;

    check(db_query(fixture->connection, str_from(sql), &result, &err), &err);
    for (;;) {
        check(db_next(&result, &row_count, &err), &err);
        if (row_count == 0)
            break;
        for (uint32_t row = 0; row < row_count; row++) {
            if (found.size != 0)
                str_builder_append_char(&found, ' ');
            str_builder_append(&found, db_text(&result, 0, row));
        }
    }
    assert_string_equal(str_builder_cstr(&found), expected);
    db_result_release(&result);
    str_builder_release(&found);
}

/* value, then c where current, then the runs (seconds) from and to which it was held current. */
#define FACTS                                                                                                   \
    "SELECT concat(k, coalesce(val, '-'), CASE WHEN is_current THEN 'c' ELSE '' END, ':', second(recorded_from), "  \
    "'-', second(recorded_to)) FROM core.fact_version ORDER BY k, event_time, rank, source, file, position"
#define THINGS                                                                                                       \
    "SELECT concat(k, val, CASE WHEN is_current THEN 'c' ELSE '' END, ':', day(valid_from), '-', day(valid_to)) FROM " \
    "core.thing_version ORDER BY k, event_time, source, file, position"

static void
fact_repeats_add_nothing(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, &ENTITIES[0], "('x',1,2,'A','upsert','a',10),('x',1,2,'A','upsert','b',10),('y',1,2,'B','upsert','a',20)");
    expect(fixture, FACTS, "xAc:1- yBc:1-");
    expect(fixture, "SELECT concat(file, position) FROM core.fact_version ORDER BY k", "a10 a20");
    run(fixture, &ENTITIES[0], "('x',1,2,'A','upsert','a',10),('y',1,2,'B','upsert','b',10),('z',1,2,'C','upsert','b',20)");
    expect(fixture, FACTS, "xAc:1- yBc:1- zCc:2-");
    expect(fixture, "SELECT count(*)::VARCHAR FROM run_2.repeat_fact", "2");
}

static void
fact_versions_follow_their_order(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, &ENTITIES[0], "('x',3,2,'B','upsert','a',10),('y',1,1,'P','upsert','a',20),('y',1,2,'F','upsert','a',30)");
    expect(fixture, FACTS, "xBc:1- yP:1-1 yFc:1-");
    /* An older version of x comes late: never current. A newer one of y closes its predecessor. */
    run(fixture, &ENTITIES[0], "('x',1,2,'A','upsert','a',10),('y',2,3,'C','upsert','a',20)");
    expect(fixture, FACTS, "xA:2-2 xBc:1- yP:1-1 yF:1-2 yCc:2-");
    expect(fixture, "SELECT val FROM core.fact ORDER BY k", "B C");
}

static void
fact_retraction_leaves_none_current(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, &ENTITIES[0], "('x',1,2,'A','upsert','a',10)");
    run(fixture, &ENTITIES[0], "('x',2,4,'A','retract','a',10)");
    expect(fixture, FACTS, "xA:1-2 xA:2-2");
    /* What lies before the retraction does not come back; what lies behind it does. */
    run(fixture, &ENTITIES[0], "('x',1,3,'B','upsert','a',10)");
    expect(fixture, FACTS, "xA:1-2 xB:3-3 xA:2-2");
    run(fixture, &ENTITIES[0], "('x',5,2,'C','upsert','a',10)");
    expect(fixture, FACTS, "xA:1-2 xB:3-3 xA:2-2 xCc:4-");
}

static void
fact_promotion_keeps_the_value(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, &ENTITIES[0], "('x',1,1,'A','upsert','a',10),('y',1,1,'B','upsert','a',20)");
    run(fixture, &ENTITIES[0], "('x',2,2,NULL,'promote','a',10)");
    expect(fixture, FACTS, "xA:1-2 xAc:2- yBc:1-");
    /* The same promotion again is a repeat, though the stored row was filled. */
    run(fixture, &ENTITIES[0], "('x',2,2,NULL,'promote','a',10)");
    expect(fixture, FACTS, "xA:1-2 xAc:2- yBc:1-");
}

static void
dimension_closes_and_opens(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, &ENTITIES[1], "('x',1,'A','a',10),('y',1,'Q','a',20)");
    expect(fixture, THINGS, "xAc:2- yQc:2-");
    run(fixture, &ENTITIES[1], "('x',2,'B','a',10),('y',2,'Q','a',20)");
    expect(fixture, THINGS, "xA:2-3 xBc:3- yQc:2-");
    /* Back to an earlier content: a new version. */
    run(fixture, &ENTITIES[1], "('x',4,'A','a',10),('y',4,'Q','a',20)");
    expect(fixture, THINGS, "xA:2-3 xB:3-5 xAc:5- yQc:2-");
    /* Late, between B and the second A: only its neighbours move. */
    run(fixture, &ENTITIES[1], "('x',3,'C','a',10)");
    expect(fixture, THINGS, "xA:2-3 xB:3-4 xC:4-5 xAc:5- yQc:2-");
    run(fixture, &ENTITIES[1], "('x',3,'C','a',10)");
    expect(fixture, "SELECT count(*)::VARCHAR FROM run_5.repeat_thing", "1");
    expect(fixture, THINGS, "xA:2-3 xB:3-4 xC:4-5 xAc:5- yQc:2-");
}

static void
dimension_versions_within_a_run(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, &ENTITIES[1], "('x',1,'A','a',10),('x',1,'A','a',20),('x',1,'B','b',10),('x',1,'A','b',20)");
    expect(fixture, THINGS, "xA:2-2 xB:2-2 xAc:2-");
    /* The same files again add nothing: what is stored comes before its own repeat. */
    run(fixture, &ENTITIES[1], "('x',1,'A','a',10),('x',1,'A','a',20),('x',1,'B','b',10),('x',1,'A','b',20)");
    expect(fixture, THINGS, "xA:2-2 xB:2-2 xAc:2-");
}

/* A model that has gained a column gives it to a table that is there; one that has another type for a column is refused at its place. */
static void
schema_follows_the_model(void **state)
{
    struct fixture      *fixture   = *state;
    struct entity_column columns[] = {DIMENSION_COLUMNS[0], DIMENSION_COLUMNS[1], DIMENSION_COLUMNS[2],
                                      {.name = "amount", .type = {.kind = TYPE_DECIMAL, .scale = 2}, .line = 7}};
    struct entity        changed[] = {ENTITIES[0], ENTITIES[1]};
    const struct model   model     = {.entities = changed, .entity_count = 2};
    struct error         err       = ERROR_EMPTY;
    char                 text[ERROR_TEXT_SIZE];

    changed[1].columns      = columns;
    changed[1].column_count = 4;
    check(schema_prepare(fixture->connection, &model, &err), &err);
    check(schema_prepare(fixture->connection, &model, &err), &err);
    expect(fixture, "SELECT string_agg(data_type, ' ') FROM duckdb_columns() WHERE schema_name = 'core' AND column_name = 'amount' "
                    "AND table_name IN ('thing', 'thing_version', 'fact')", "DECIMAL(18,2) DECIMAL(18,2)");
    columns[3].type = (struct type){.kind = TYPE_INT64};
    assert_int_equal(schema_prepare(fixture->connection, &model, &err), ST_ERROR);
    error_print(&err, text, sizeof text);
    assert_non_null(strstr(text, "thing.json:7"));
    assert_non_null(strstr(text, "amount is BIGINT in the model and DECIMAL(18,2) in the warehouse"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fact_repeats_add_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(fact_versions_follow_their_order, setup, teardown),
        cmocka_unit_test_setup_teardown(fact_retraction_leaves_none_current, setup, teardown),
        cmocka_unit_test_setup_teardown(fact_promotion_keeps_the_value, setup, teardown),
        cmocka_unit_test_setup_teardown(dimension_closes_and_opens, setup, teardown),
        cmocka_unit_test_setup_teardown(dimension_versions_within_a_run, setup, teardown),
        cmocka_unit_test_setup_teardown(schema_follows_the_model, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
