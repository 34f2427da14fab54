/* What a user's statement may do, what its output looks like, and what the past looked like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str_builder.h"
#include "warehouse/query.h"
#include "warehouse/schema.h"

static const struct entity_column COLUMNS[] = {
    {.name = "k", .type = {.kind = TYPE_TEXT}},
    {.name = "event_time", .type = {.kind = TYPE_TIMESTAMP}},
};
static const uint32_t      KEY[]     = {0};
static const uint32_t      VERSION[] = {1};
static const struct entity ENTITY    = {
       .name = "thing", .file = "thing.json", .kind = ENTITY_DIMENSION, .columns = COLUMNS, .column_count = 2, .key = KEY,
       .key_count = 1, .version = VERSION, .version_count = 1, .event_time_column = 1, .effective_time_column = -1};
static const struct model MODEL = {.entities = &ENTITY, .entity_count = 1};

struct fixture {
    struct db            *db;
    struct db_connection *connection;
    struct str_builder    output;
    uint32_t              audit_count;
    bool                  is_audit_broken;
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

static enum status
audit(void *context, struct str sql, struct error *err)
{
    struct fixture *fixture = context;

    (void)sql;
    fixture->audit_count++;
    assert_int_equal(fixture->output.size, 0);
    return fixture->is_audit_broken ? error_set(err, ERR_IO, "the audit file is full") : ST_OK;
}

static enum status
write_output(void *context, struct str bytes, struct error *err)
{
    struct fixture *fixture = context;

    (void)err;
    str_builder_append(&fixture->output, bytes);
    return ST_OK;
}

static enum status
ask(struct fixture *fixture, const char *sql, const char *as_of, enum rows_format format, struct error *err)
{
    const struct query query = {.sql = str_from(sql), .as_of = str_from(as_of), .format = format, .model = &MODEL,
                                .audit = audit, .audit_context = fixture, .write = write_output,
                                .write_context = fixture};
    uint64_t           row_count;

    str_builder_clear(&fixture->output);
    return query_run(fixture->connection, &query, &row_count, err);
}

static void
expect(struct fixture *fixture, const char *sql, const char *as_of, enum rows_format format, const char *expected)
{
    struct error err = ERROR_EMPTY;

    check(ask(fixture, sql, as_of, format, &err), &err);
    assert_string_equal(str_builder_cstr(&fixture->output), expected);
}

/* x: A from day 2, B from day 3, recorded by runs at 10 and 20 seconds. */
static int
setup(void **state)
{
    static struct fixture   fixture;
    const struct db_options options = {.thread_count = 2};
    struct error            err     = ERROR_EMPTY;

    fixture = (struct fixture){.output = STR_BUILDER_EMPTY};
    check(db_open(&fixture.db, &options, &err), &err);
    check(db_connect(fixture.db, &fixture.connection, &err), &err);
    check(schema_prepare(fixture.connection, &MODEL, &err), &err);
    check(db_run(fixture.connection,
                 STR("INSERT INTO core.thing_version BY NAME SELECT 'x' AS k, v AS event_time, v AS valid_from, t AS valid_to, f "
                     "AS recorded_from, u AS recorded_to, c AS is_current, 's' AS source, 'f' AS file, 0 AS position, 0 AS "
                     "row_number FROM (VALUES (TIMESTAMP '2026-01-02', TIMESTAMP '2026-01-03', make_timestamp(10000000), "
                     "make_timestamp(20000000), false), (TIMESTAMP '2026-01-03', NULL, make_timestamp(20000000), NULL, true)) "
                     "t(v, t, f, u, c); INSERT INTO meta.run BY NAME SELECT 'r1' AS run_id, true AS published, "
                     "make_timestamp(10000000) AS recorded_at"),
                 &err),
          &err);
    *state = &fixture;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *fixture = *state;

    str_builder_release(&fixture->output);
    db_disconnect(fixture->connection);
    db_free(fixture->db);
    return 0;
}

#define VALUES \
    "SELECT 1 AS a, 'x,\"y\"' AS b, NULL AS c, 1.50::DECIMAL(18,2) AS d, true AS e, 'nan'::DOUBLE AS f, '' AS g;"

static void
three_formats(void **state)
{
    struct fixture *fixture = *state;

    expect(fixture, VALUES, "", ROWS_JSON,
           "{\"a\":1,\"b\":\"x,\\\"y\\\"\",\"c\":null,\"d\":1.50,\"e\":true,\"f\":null,\"g\":\"\"}\n");
    expect(fixture, VALUES, "", ROWS_CSV, "a,b,c,d,e,f,g\n1,\"x,\"\"y\"\"\",,1.50,true,nan,\n");
    expect(fixture, "SELECT 'ä' AS name, 12345 AS n UNION ALL SELECT e'long\\tname', NULL ORDER BY n -- end ;", "",
           ROWS_TABLE, "name        n\nä           12345\nlong\\tname  NULL\n");
    expect(fixture, "SELECT 1 AS a WHERE false", "", ROWS_CSV, "a\n");
}

static void
order_is_kept(void **state)
{
    struct fixture    *fixture  = *state;
    struct str_builder expected = STR_BUILDER_EMPTY;

    str_builder_append_cstr(&expected, "i\n");
    for (int i = 0; i < 50000; i++)
        str_builder_printf(&expected, "%d\n", i);
    expect(fixture, "SELECT i FROM range(50000) t(i) ORDER BY hash(i) * 0, i", "", ROWS_CSV, str_builder_cstr(&expected));
    str_builder_release(&expected);
}

static void
only_reading(void **state)
{
    struct fixture          *fixture = *state;
    struct error             err     = ERROR_EMPTY;
    static const char *const REFUSED[] = {
        "DELETE FROM core.thing_version", "CREATE TABLE t (i INTEGER)", "SELECT 1; SELECT 2", "SET threads = 1",
        "COPY (SELECT 1) TO 'x'", "ATTACH ':memory:' AS y", "SELECT nonsense", "", "SELECT 1) ; DROP SCHEMA core; SELECT (1",
    };

    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        assert_int_equal(ask(fixture, REFUSED[i], "", ROWS_CSV, &err), ST_ERROR);
        assert_int_equal(err.code, ERR_USAGE);
    }
    assert_int_equal(fixture->audit_count, 0);
    expect(fixture, "SELECT count(*) AS n FROM core.thing_version", "", ROWS_CSV, "n\n2\n");
    assert_int_equal(fixture->audit_count, 1);
}

static void
no_audit_no_output(void **state)
{
    struct fixture *fixture = *state;
    struct error    err     = ERROR_EMPTY;

    fixture->is_audit_broken = true;
    assert_int_equal(ask(fixture, "SELECT 1", "", ROWS_CSV, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_IO);
    assert_int_equal(fixture->output.size, 0);
}

#define PAST "SELECT day(valid_from) AS f, day(valid_to) AS t, is_current AS c FROM core.thing_version ORDER BY 1"

static void
past_is_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    struct error    err     = ERROR_EMPTY;

    expect(fixture, PAST, "", ROWS_CSV, "f,t,c\n2,3,false\n3,,true\n");
    expect(fixture, PAST, "r1", ROWS_CSV, "f,t,c\n2,,true\n");
    expect(fixture, PAST, "1970-01-01T00:00:20Z", ROWS_CSV, "f,t,c\n2,3,false\n3,,true\n");
    expect(fixture, "SELECT day(valid_from) AS f FROM core.thing", "1970-01-01T00:00:19Z", ROWS_CSV, "f\n2\n");
    expect(fixture, "SELECT count(*) AS n FROM core.thing", "1970-01-01T00:00:09Z", ROWS_CSV, "n\n0\n");
    assert_int_equal(ask(fixture, "SELECT 1", "yesterday", ROWS_CSV, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_USAGE);
    expect(fixture, "SELECT count(*) AS n FROM core.thing", "", ROWS_CSV, "n\n1\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(three_formats, setup, teardown),
        cmocka_unit_test_setup_teardown(order_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(only_reading, setup, teardown),
        cmocka_unit_test_setup_teardown(no_audit_no_output, setup, teardown),
        cmocka_unit_test_setup_teardown(past_is_as_it_was, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
