/* The warehouse's file under its key: what is on the disk, and what opens it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/str_builder.h"
#include "io/file.h"
#include "io/walk.h"
#include "support/support.h"
#include "warehouse/db.h"
#include "warehouse/file.h"

/* In every row that is written here; in clear on the disk it would be found. */
#define MARK "Wilhelmina-Featherstonehaugh"

static const struct key KEY   = { "\x01\x23\x45\x67\x89\xab\xcd\xef" "fedcba98" "01234567" "abcdefgh" };
static const struct key OTHER = { "\x01\x23\x45\x67\x89\xab\xcd\xef" "fedcba98" "01234567" "abcdefgx" };

static char folder[TEMP_DIR_SIZE_MAX];

static const char *
path_of(const char *name)
{
    static char paths[4][TEMP_DIR_SIZE_MAX + 32];
    static int  next;
    char       *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int
set_up(void **state)
{
    (void)state;
    temp_dir_init(folder);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    temp_dir_release(folder);
    return 0;
}

static void
check(enum status status, const struct error *err)
{
    if (status != ST_OK)
        fail_msg("%s", err->message);
}

static enum status
open_file(const char *path, const struct key *key, bool is_read_only, struct db **ret_db, struct db_connection **ret_connection,
          struct error *err)
{
    const struct db_options options = { .path = path, .thread_count = 1, .memory_limit_bytes = 100000000, .key = key,
                                        .is_read_only = is_read_only };

    if (db_open(ret_db, &options, err) != ST_OK)
        return ST_ERROR;
    return db_connect(*ret_db, ret_connection, err);
}

static void
close_file(struct db *db, struct db_connection *connection)
{
    db_disconnect(connection);
    db_free(db);
}

/* 50,000 rows in the file, nothing in its log. */
static void
make_file(const char *path, const struct key *key)
{
    struct db            *db         = NULL;
    struct db_connection *connection = NULL;
    struct error          err        = ERROR_EMPTY;

    check(open_file(path, key, false, &db, &connection, &err), &err);
    check(db_run(connection, STR("SET force_compression = 'uncompressed'"), &err), &err);
    check(db_run(connection, STR("CREATE TABLE t AS SELECT i AS k, '" MARK "' || hash(i) AS name FROM range(50000) r(i); CHECKPOINT"), &err), &err);
    close_file(db, connection);
}

/* Reads every byte of every row. */
static enum status
read_rows(const char *path, const struct key *key, int64_t *ret_count, struct error *err)
{
    struct db            *db         = NULL;
    struct db_connection *connection = NULL;
    enum status           status     = open_file(path, key, true, &db, &connection, err);

    if (status == ST_OK)
        status = db_query_int64(connection, ret_count, err, "SELECT count(*) FROM t WHERE name = '" MARK "' || hash(k)");
    close_file(db, connection);
    return status;
}

static bool
file_holds(const char *path, const char *text)
{
    size_t         size  = 0;
    unsigned char *bytes = support_read_file(path, &size);
    bool           holds;

    assert_non_null(bytes);
    assert_true(size > 0);
    holds = memmem(bytes, size, text, strlen(text)) != NULL;
    support_free(bytes);
    return holds;
}

static void
flip_byte(const char *path, size_t at)
{
    size_t         size  = 0;
    unsigned char *bytes = support_read_file(path, &size);

    assert_non_null(bytes);
    assert_true(at < size);
    bytes[at] ^= 0x10;
    assert_true(support_write_file(path, bytes, size));
    support_free(bytes);
}

/* ---- What is on the disk ---- */

static void
test_file_opens_with_its_key(void **state)
{
    struct error err   = ERROR_EMPTY;
    int64_t      count = 0;

    (void)state;
    make_file(path_of("e.db"), &KEY);
    make_file(path_of("clear.db"), NULL);
    assert_false(file_holds(path_of("e.db"), MARK));
    assert_true(file_holds(path_of("clear.db"), MARK)); /* So it would have been found. */
    check(read_rows(path_of("e.db"), &KEY, &count, &err), &err);
    assert_int_equal(count, 50000);
}

/* What was committed since the last checkpoint: it lies in the log, and is read from it where the owner was killed. */
static void
test_log_is_encrypted(void **state)
{
    struct db            *db         = NULL;
    struct db_connection *connection = NULL;
    struct error          err        = ERROR_EMPTY;
    int64_t               count      = 0;

    (void)state;
    check(open_file(path_of("e.db"), &KEY, false, &db, &connection, &err), &err);
    check(db_run(connection, STR("CREATE TABLE t AS SELECT i AS k, '" MARK "' || hash(i) AS name FROM range(1000) r(i)"), &err), &err);
    assert_false(file_holds(path_of("e.db.wal"), MARK));
    check(io_file_copy(io_system(), path_of("e.db"), path_of("killed.db"), &err), &err);
    check(io_file_copy(io_system(), path_of("e.db.wal"), path_of("killed.db.wal"), &err), &err);
    close_file(db, connection);
    check(read_rows(path_of("killed.db"), &KEY, &count, &err), &err);
    assert_int_equal(count, 1000);
}

static void
test_spilled_rows_are_encrypted(void **state)
{
    const struct key *const keys[] = { &KEY, NULL }; /* Also where the warehouse itself is not. */

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char                  temp[TEMP_DIR_SIZE_MAX + 32];
        struct db            *db         = NULL;
        struct db_connection *connection = NULL;
        struct error          err        = ERROR_EMPTY;
        struct walk           walk       = { 0 };
        struct arena          arena;
        char                  pattern[TEMP_DIR_SIZE_MAX + 64];
        uint64_t              size, sum = 0;

        snprintf(temp, sizeof temp, "%s", path_of("temp"));
        const struct db_options options = { .path = path_of(i == 0 ? "e.db" : "clear.db"), .thread_count = 1, .memory_limit_bytes = 30000000,
                                            .key = keys[i], .temp_folder = temp };
        check(db_open(&db, &options, &err), &err);
        check(db_connect(db, &connection, &err), &err);
        check(db_run(connection, STR("CREATE TEMP TABLE s AS SELECT '" MARK "' || hash(i) || hash(i + 1) AS name FROM range(1000000) r(i)"), &err), &err);

        arena_init(&arena, 0);
        snprintf(pattern, sizeof pattern, "%s/*", temp);
        check(walk_files(io_system(), pattern, &arena, &walk, &err), &err);
        for (size_t k = 0; k < walk.count; k++) {
            check(io_file_check_regular(io_system(), walk.paths[k], &size, &err), &err);
            sum += size;
            assert_false(size > 0 && file_holds(walk.paths[k], "Featherstonehaugh"));
        }
        assert_true(sum > 5000000);
        arena_release(&arena);
        close_file(db, connection);
    }
}

/* Any byte of what holds rows. What DuckDB keeps in clear (its three headers of 4,096 bytes) has checksums. */
static void
test_changed_bytes_are_found(void **state)
{
    size_t        size    = 0, refused = 0;
    unsigned char *whole;
    struct error  err     = ERROR_EMPTY;

    (void)state;
    make_file(path_of("e.db"), &KEY);
    whole = support_read_file(path_of("e.db"), &size);
    assert_non_null(whole);
    for (size_t at = 3 * 4096 + 50; at < size; at += size / 40) {
        int64_t count = 0;
        assert_true(support_write_file(path_of("e.db"), whole, size));
        flip_byte(path_of("e.db"), at);
        error_clear(&err);
        if (read_rows(path_of("e.db"), &KEY, &count, &err) == ST_OK) {
            assert_int_equal(count, 50000); /* The byte lies in a block that holds nothing. */
            continue;
        }
        refused++;
        assert_int_equal(err.code, ERR_CORRUPT);
        assert_null(strstr(err.message, MARK));
    }
    assert_true(refused > 20);
    support_free(whole);
}

static void
test_changed_log_is_found(void **state)
{
    struct db            *db         = NULL;
    struct db_connection *connection = NULL;
    struct error          err        = ERROR_EMPTY;
    int64_t               count      = 0;

    (void)state;
    check(open_file(path_of("e.db"), &KEY, false, &db, &connection, &err), &err);
    check(db_run(connection, STR("CREATE TABLE t AS SELECT i AS k, '" MARK "' || hash(i) AS name FROM range(1000) r(i)"), &err), &err);
    check(io_file_copy(io_system(), path_of("e.db"), path_of("killed.db"), &err), &err);
    check(io_file_copy(io_system(), path_of("e.db.wal"), path_of("killed.db.wal"), &err), &err);
    close_file(db, connection);
    flip_byte(path_of("killed.db.wal"), 3000);
    assert_int_equal(read_rows(path_of("killed.db"), &KEY, &count, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_CORRUPT);
}

/* ---- What opens it ---- */

static void
test_other_key_is_refused(void **state)
{
    struct error err   = ERROR_EMPTY;
    int64_t      count = 0;
    char         hex[2 * KEY_SIZE + 1], text[ERROR_TEXT_SIZE];

    (void)state;
    make_file(path_of("e.db"), &KEY);
    assert_int_equal(read_rows(path_of("e.db"), &OTHER, &count, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_KEY);
    error_print(&err, text, sizeof text);
    hex_encode(OTHER.bytes, KEY_SIZE, hex);
    assert_null(strstr(text, hex));
    check(read_rows(path_of("e.db"), &KEY, &count, &err), &err);
    assert_int_equal(count, 50000);
}

/* Whatever fails, the statement is not quoted: it has the key in it. */
static void
test_key_is_in_no_error(void **state)
{
    const char *const paths[] = { "none/of/these/folders.db", "a'b/c.db", "junk.db", "." };
    char              hex[2 * KEY_SIZE + 1], text[ERROR_TEXT_SIZE];

    (void)state;
    hex_encode(KEY.bytes, KEY_SIZE, hex);
    assert_true(support_write_file(path_of("junk.db"), "this is no database, but long enough to look at", 47));
    for (size_t i = 0; i < 8; i++) {
        struct error          err        = ERROR_EMPTY;
        struct db            *db         = NULL;
        struct db_connection *connection = NULL;
        assert_int_equal(open_file(path_of(paths[i % 4]), &KEY, i >= 4, &db, &connection, &err), ST_ERROR);
        error_print(&err, text, sizeof text);
        assert_null(strstr(text, hex));
        assert_null(strstr(text, "ENCRYPTION_KEY"));
    }
}

/* Nothing that a query can read of DuckDB's own has it; its secrets, which we do not use, no query can read. */
static void
test_key_is_in_no_table(void **state)
{
    static const char *const TABLES[] = { "duckdb_databases()", "duckdb_settings()", "duckdb_variables()", "duckdb_logs()",
                                          "duckdb_tables()", "duckdb_views()", "duckdb_schemas()", "duckdb_temporary_files()",
                                          "duckdb_external_file_cache()", "duckdb_log_contexts()", "pragma_database_size()" };
    struct db            *db         = NULL;
    struct db_connection *connection = NULL;
    struct error          err        = ERROR_EMPTY;
    char                  hex[2 * KEY_SIZE + 1];
    int64_t               count = -1;

    (void)state;
    hex_encode(KEY.bytes, KEY_SIZE, hex);
    check(open_file(path_of("e.db"), &KEY, false, &db, &connection, &err), &err);
    check(db_query_int64(connection, &count, &err, "SELECT count(*) FROM duckdb_databases() WHERE database_name = '" DB_CATALOG "' AND encrypted"), &err);
    assert_int_equal(count, 1);
    for (size_t i = 0; i < sizeof TABLES / sizeof *TABLES; i++) {
        /* In two halves, so that the statement does not find itself. */
        check(db_query_int64(connection, &count, &err, "SELECT count(*) FROM %s x WHERE contains(x::VARCHAR, '%.32s' || '%s')", TABLES[i], hex, hex + 32), &err);
        assert_int_equal(count, 0);
    }
    close_file(db, connection);
}

/* Any DuckDB of the version opens it by the 64 digits of the key's file. */
static void
test_stock_duckdb_opens_it(void **state)
{
    duckdb_database   database   = NULL;
    duckdb_connection connection = NULL;
    duckdb_result     result;
    char              hex[2 * KEY_SIZE + 1], sql[TEMP_DIR_SIZE_MAX + 256];

    (void)state;
    make_file(path_of("e.db"), &KEY);
    hex_encode(KEY.bytes, KEY_SIZE, hex);
    snprintf(sql, sizeof sql, "ATTACH '%s' AS e (READ_ONLY, ENCRYPTION_KEY '%s')", path_of("e.db"), hex);
    assert_int_equal(duckdb_open(NULL, &database), DuckDBSuccess);
    assert_int_equal(duckdb_connect(database, &connection), DuckDBSuccess);
    assert_int_equal(duckdb_query(connection, sql, &result), DuckDBSuccess);
    duckdb_destroy_result(&result);
    assert_int_equal(duckdb_query(connection, "SELECT count(*) FROM e.t WHERE starts_with(name, '" MARK "')", &result), DuckDBSuccess);
    assert_int_equal(duckdb_value_int64(&result, 0, 0), 50000);
    duckdb_destroy_result(&result);
    duckdb_disconnect(&connection);
    duckdb_close(&database);
}

/* ---- What the binding says ---- */

static void
test_binding_and_file_must_agree(void **state)
{
    struct error           err   = ERROR_EMPTY;
    struct graph_warehouse bound = { .path = str_from(path_of("e.db")) };

    (void)state;
    check(warehouse_check_file(io_system(), &bound, &err), &err); /* Nothing there yet. */
    make_file(bound.path.data, &KEY);
    assert_int_equal(warehouse_check_file(io_system(), &bound, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_KEY);
    assert_non_null(strstr(err.message, "is encrypted, and its binding says"));
    bound.encryption.is_encrypted = true;
    check(warehouse_check_file(io_system(), &bound, &err), &err);

    bound.path = str_from(path_of("clear.db"));
    make_file(bound.path.data, NULL);
    assert_int_equal(warehouse_check_file(io_system(), &bound, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_KEY);
    assert_non_null(strstr(err.message, "is not encrypted, and its binding has a key"));
}

static void
test_key_is_made_once(void **state)
{
    struct error           err = ERROR_EMPTY;
    struct key             made, read;
    const struct key      *used = NULL;
    struct stat            info;
    char                   reference[TEMP_DIR_SIZE_MAX + 64];
    struct graph_warehouse bound = { .path = str_from(path_of("e.db")), .encryption = { .is_encrypted = true } };

    (void)state;
    snprintf(reference, sizeof reference, "file:%s", path_of("w.key"));
    bound.encryption.key.text = str_from(reference);
    check(warehouse_take_key(io_system(), &bound, &made, &used, &err), &err);
    assert_ptr_equal(used, &made);
    assert_int_equal(stat(path_of("w.key"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    check(warehouse_take_key(io_system(), &bound, &read, &used, &err), &err);
    assert_memory_equal(&made, &read, sizeof made);

    make_file(bound.path.data, &made);
    assert_int_equal(remove(path_of("w.key")), 0);
    assert_int_equal(warehouse_take_key(io_system(), &bound, &read, &used, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_KEY);
    assert_non_null(strstr(err.hint, "the warehouse is there and was made with that key: put it back"));
    assert_int_not_equal(stat(path_of("w.key"), &info), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_file_opens_with_its_key),
        TEST(test_log_is_encrypted),
        TEST(test_spilled_rows_are_encrypted),
        TEST(test_changed_bytes_are_found),
        TEST(test_changed_log_is_found),
        TEST(test_other_key_is_refused),
        TEST(test_key_is_in_no_error),
        TEST(test_key_is_in_no_table),
        TEST(test_stock_duckdb_opens_it),
        TEST(test_binding_and_file_must_agree),
        TEST(test_key_is_made_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
