/* Which identifiers become one person: over rows of one run, over runs, and when two known persons turn out to be one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str_builder.h"
#include "warehouse/conform_int.h"
#include "warehouse/schema.h"

static const struct entity_column LAB_COLUMNS[] = {
    {.name = "patient_system", .type = {.kind = TYPE_TEXT}},
    {.name = "patient_id", .type = {.kind = TYPE_TEXT}},
};
static const uint32_t      KEY[]      = {0, 1};
static const struct entity ENTITIES[] = {
    {.name = "lab", .file = "lab.json", .kind = ENTITY_FACT, .columns = LAB_COLUMNS, .column_count = 2, .key = KEY,
     .key_count = 2, .event_time_column = -1, .effective_time_column = -1},
};
static const struct model MODEL = {.entities = ENTITIES, .entity_count = 1};

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

/* In place of the keyed hash: what it hashes, so that expectations can be read. */
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
    check(db_run(fixture.connection,
                 STR("CREATE MACRO hd_person_hash(s, v, k) AS concat(k, s, v); SET VARIABLE person_key = '#'"), &err),
          &err);
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

/* A run that states identifiers: VALUES of (patient_system, patient_id, identifier_system, identifier_value, day), and their use. */
static void
run_with(struct fixture *fixture, const char *use, const char *values)
{
    struct sql_names names;
    struct error     err = ERROR_EMPTY;

    fixture->run_count++;
    check(db_runf(fixture->connection, &err,
                  "CREATE SCHEMA run_%d; CREATE TABLE run_%d.new_patient_identifier AS SELECT *, concat('#', "
                  "patient_system, patient_id) AS person_id, CASE WHEN identifier_system = 'SS' THEN 'SS' END AS identifier_type, DATE '2026-01-01' + day::INTEGER + TIME '00:00' AS event_time "
                  ", %s::VARCHAR AS identifier_use "
                  "FROM (VALUES %s) t(patient_system, patient_id, identifier_system, identifier_value, day)",
                  fixture->run_count, fixture->run_count, use, values),
          &err);
    sql_names_init(&names);
    sql_setf(&names, "run", "run_%d", fixture->run_count);
    sql_setf(&names, "run_id", "'r%d'", fixture->run_count);
    sql_setf(&names, "now", "make_timestamp(%d000000::BIGINT)", fixture->run_count);
    check(conform_plan(fixture->connection, &names, false, true, &err), &err);
    check(db_run(fixture->connection, STR("BEGIN"), &err), &err);
    check(conform_apply(fixture->connection, &names, &MODEL, &err), &err);
    check(db_run(fixture->connection, STR("COMMIT"), &err), &err);
    sql_names_release(&names);
}

static void
run(struct fixture *fixture, const char *values)
{
    run_with(fixture, "NULL", values);
}

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

#define CROSSWALK                                                                                              \
    "SELECT concat(identifier_system, identifier_value, '=', person_id) FROM core.person_identifier ORDER BY " \
    "identifier_system, identifier_value"

static void
identifiers_of_a_record_are_one_person(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, "('a','1','a','1',1),('a','1','b','7',1),('a','2','a','2',1)");
    expect(fixture, CROSSWALK, "a1=#a1 a2=#a2 b7=#a1");
    /* The provisional person stays told, so that live rows can be restated. */
    expect(fixture, "SELECT provisional_person_id FROM core.person_identifier WHERE identifier_system = 'b'", "#b7");
    run(fixture, "('a','1','a','1',2),('a','1','b','7',2)");
    expect(fixture, CROSSWALK, "a1=#a1 a2=#a2 b7=#a1");
}

static void
chains_are_followed_over_any_length(void **state)
{
    struct fixture *fixture = *state;

    /* Each patient shares one identifier with the next; the one stated first gives the person. */
    run(fixture, "('a','5','x','4',3),('a','4','x','4',3),('a','4','x','3',3),('a','3','x','3',3),('a','3','x','2',3),"
                 "('a','2','x','2',3),('a','2','x','1',3),('a','1','x','1',3),('a','9','x','2',1)");
    expect(fixture, "SELECT DISTINCT person_id FROM core.person_identifier", "#a9");
    expect(fixture, "SELECT count(*)::VARCHAR FROM core.person_identifier", "10");
}

static void
later_link_joins_known_persons(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, "('b','7','b','7',5),('b','7','c','1',5)");
    run(fixture, "('a','1','a','1',1)");
    check(db_run(fixture->connection,
                 STR("INSERT INTO core.lab_version BY NAME SELECT 'a' AS patient_system, '1' AS patient_id, '#a1' AS person_id"),
                 NULL),
          NULL);
    /* b7 is known longer, so it survives, though a1 is stated with the earlier time. */
    run(fixture, "('a','1','b','7',1)");
    expect(fixture, CROSSWALK, "a1=#b7 b7=#b7 c1=#b7");
    expect(fixture, "SELECT concat(from_person_id, to_person_id) FROM core.person_merge", "#a1#b7");
    expect(fixture, "SELECT person_id FROM core.lab_version", "#b7");
}

static void
facts_before_their_identifier_follow(void **state)
{
    struct fixture *fixture = *state;

    check(db_run(fixture->connection,
                 STR("INSERT INTO core.lab_version BY NAME SELECT 'b' AS patient_system, '7' AS patient_id, '#b7' AS person_id"),
                 NULL),
          NULL);
    run(fixture, "('a','1','a','1',1),('a','1','b','7',1)");
    expect(fixture, "SELECT person_id FROM core.lab_version", "#a1");
    /* Nobody knew b7 as a person, so nobody was merged. */
    expect(fixture, "SELECT count(*)::VARCHAR FROM core.person_merge", "0");
}

/* Two people with one social security number stay two: matching may say otherwise, the number alone does not. */
static void
shared_numbers_join_nobody(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, "('a','1','a','1',1),('a','1','SS','999',1),('a','2','a','2',1),('a','2','SS','999',1)");
    expect(fixture, CROSSWALK, "a1=#a1 a2=#a2");
}

static void
merge_keeps_the_person_that_was_not_replaced(void **state)
{
    struct fixture *fixture = *state;

    /* a9 is known longer, and was wrong. */
    run(fixture, "('a','9','a','9',1),('a','9','x','4',1)");
    run(fixture, "('a','1','a','1',1)");
    run_with(fixture, "'old'", "('a','1','a','9',5)");
    expect(fixture, CROSSWALK, "a1=#a1 a9=#a1 x4=#a1");
    expect(fixture, "SELECT concat(from_person_id, to_person_id) FROM core.person_merge", "#a9#a1");
    /* The same merge again, and with an identifier that is new, moves nobody. */
    run_with(fixture, "CASE identifier_value WHEN '9' THEN 'old' END", "('a','1','a','9',6),('a','1','z','2',6)");
    expect(fixture, CROSSWALK, "a1=#a1 a9=#a1 x4=#a1 z2=#a1");
    expect(fixture, "SELECT count(*)::VARCHAR FROM core.person_merge", "1");
}

static void
merge_into_a_patient_nobody_knew_keeps_the_known_person(void **state)
{
    struct fixture *fixture = *state;

    run(fixture, "('a','9','a','9',1)");
    run_with(fixture, "'old'", "('a','1','a','9',5)");
    expect(fixture, CROSSWALK, "a1=#a9 a9=#a9");
}

static void
merges_in_a_row_end_at_the_last(void **state)
{
    struct fixture *fixture = *state;

    run_with(fixture, "'old'", "('a','2','a','1',1),('a','3','a','2',2)");
    expect(fixture, CROSSWALK, "a1=#a3 a2=#a3 a3=#a3");
    run(fixture, "('a','3','a','3',3)");
    expect(fixture, CROSSWALK, "a1=#a3 a2=#a3 a3=#a3");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(identifiers_of_a_record_are_one_person, setup, teardown),
        cmocka_unit_test_setup_teardown(chains_are_followed_over_any_length, setup, teardown),
        cmocka_unit_test_setup_teardown(later_link_joins_known_persons, setup, teardown),
        cmocka_unit_test_setup_teardown(facts_before_their_identifier_follow, setup, teardown),
        cmocka_unit_test_setup_teardown(shared_numbers_join_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(merge_keeps_the_person_that_was_not_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(merge_into_a_patient_nobody_knew_keeps_the_known_person, setup, teardown),
        cmocka_unit_test_setup_teardown(merges_in_a_row_end_at_the_last, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
