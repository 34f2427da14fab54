/* A user's statement over the store: only reading, audited first, beside the owner. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/str_builder.h"
#include "store/query.h"
#include "store/sqlite.h"
#include "support/support.h"

static const uint8_t key[32] = { 1, 2, 3 }, other_key[32] = { 9 };

static char               folder[TEMP_DIR_SIZE_MAX];
static char               path[TEMP_DIR_SIZE_MAX + 16];
static struct str_builder output;
static unsigned           audit_count;
static bool               is_audit_broken;

static enum status
audit(void *context, struct str sql, struct error *err)
{
    (void)sql;
    assert_null(context);
    assert_int_equal(output.size, 0);
    audit_count++;
    return is_audit_broken ? error_set(err, ERR_IO, "the audit file is full") : ST_OK;
}

static enum status
take(void *context, struct str bytes, struct error *err)
{
    (void)context, (void)err;
    str_builder_append(&output, bytes);
    return ST_OK;
}

static enum status
ask(const char *sql, const uint8_t *with_key, struct error *err)
{
    const struct store_query query = { path, with_key, str_from(sql), { ROWS_JSON, 0, take, NULL }, audit, NULL };
    uint64_t                 count;
    str_builder_clear(&output);
    audit_count = 0;
    return store_query_run(&query, &count, err);
}

static void
expect(const char *sql, const char *expected)
{
    struct error err = ERROR_EMPTY;
    if (ask(sql, key, &err) != ST_OK)
        fail_msg("%s", err.message);
    assert_string_equal(str_builder_cstr(&output), expected);
    assert_int_equal(audit_count, 1);
}

static void
test_values(void **state)
{
    (void)state;
    expect("SELECT 1 AS a, 'x\"' AS b, NULL AS c, 1.5 AS d, x'ff' AS e, '' AS f; -- done",
           "{\"a\":1,\"b\":\"x\\\"\",\"c\":null,\"d\":1.5,\"e\":\"\\ufffd\",\"f\":\"\"}\n");
    expect("select name, value from store_meta where name = 'pipeline'", "{\"name\":\"pipeline\",\"value\":\"edw\"}\n");
    expect("with recursive n(i) as (select 1 union all select i + 1 from n where i < 3) select sum(i) as s from n", "{\"s\":6}\n");
    expect("select * from alert where 0", "");
}

static void
test_only_reading(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "delete from store_meta", "create table t (a)", "create temp table t (a)", "select 1; select 2", "pragma key = 'x'",
        "pragma user_version = 7", "attach ':memory:' as x", "begin", "vacuum", "select nonsense", "", " ; ", "-- nothing",
        "select load_extension('x')", "select sqlcipher_export('x')", "explain select 1",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct error err = ERROR_EMPTY;
        assert_int_equal(ask(refused[i], key, &err), ST_ERROR);
        if (err.code != ERR_USAGE)
            fail_msg("%s: %s", refused[i], err.message);
        assert_int_equal(err.code, ERR_USAGE);
        assert_int_equal(audit_count, 0);
        assert_int_equal(output.size, 0);
    }
}

/* SQLite prepares it when it is first stepped, so it is audited before it is refused. */
static void
test_pragma_as_table(void **state)
{
    (void)state;
    struct error err = ERROR_EMPTY;
    assert_int_equal(ask("select * from pragma_database_list", key, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_USAGE);
    assert_int_equal(output.size, 0);
}

static void
test_no_audit_no_output(void **state)
{
    (void)state;
    struct error err = ERROR_EMPTY;
    is_audit_broken = true;
    assert_int_equal(ask("select 1", key, &err), ST_ERROR);
    is_audit_broken = false;
    assert_int_equal(err.code, ERR_IO);
    assert_int_equal(output.size, 0);
}

static void
test_key_and_file(void **state)
{
    (void)state;
    struct error err = ERROR_EMPTY;
    assert_int_equal(ask("select 1", other_key, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_KEY);
    assert_int_equal(ask("select 1", NULL, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_KEY);
    path[strlen(path) - 1] = 'x';
    assert_int_equal(ask("select 1", key, &err), ST_ERROR);
    path[strlen(path) - 1] = 'b';
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

/* The owner has raised its generation and goes on: the reader sees what is committed. */
static void
test_beside_the_owner(void **state)
{
    (void)state;
    const struct sqlite_store_options options    = { .path = path, .key = key, .pipeline = "edw" };
    struct store                     *store      = NULL;
    uint64_t                          generation = 0;
    char                              expected[64];
    assert_int_equal(sqlite_store_open(&options, &store, NULL), ST_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_own(store, &generation, NULL), ST_OK);
        snprintf(expected, sizeof expected, "{\"value\":\"%d\"}\n", (int)generation);
        expect("select value from store_meta where name = 'generation'", expected);
    }
    store_close(store);
    expect("select value from store_meta where name = 'generation'", expected);
}

static int
set_up(void **state)
{
    (void)state;
    struct store *store = NULL;
    temp_dir_init(folder);
    snprintf(path, sizeof path, "%s/store.db", folder);
    const struct sqlite_store_options options = { .path = path, .key = key, .pipeline = "edw" };
    assert_int_equal(sqlite_store_open(&options, &store, NULL), ST_OK);
    store_close(store);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    str_builder_release(&output);
    temp_dir_release(folder);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),       cmocka_unit_test(test_only_reading),     cmocka_unit_test(test_no_audit_no_output),
        cmocka_unit_test(test_key_and_file), cmocka_unit_test(test_beside_the_owner),
        cmocka_unit_test(test_pragma_as_table),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
