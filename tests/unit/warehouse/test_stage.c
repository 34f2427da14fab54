/* Rows on their way to core: what is put comes out, whatever its shape, of memory and of the file that is spilled to; withdrawn, and for runs
 * alone. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "support/support.h"
#include "warehouse/stage_int.h"

static const struct schema_column COLUMNS[] = {
    { "n", { .kind = TYPE_INT64 } },      { "word", { .kind = TYPE_TEXT } },  { "gone", { .kind = TYPE_TEXT } },
    { "same", { .kind = TYPE_TEXT } },    { "odd", { .kind = TYPE_BOOL } },  { "day", { .kind = TYPE_DATE } },
    { "worth", { .kind = TYPE_DECIMAL, .scale = 2 } },
};
static const struct schema SCHEMA = { COLUMNS, sizeof COLUMNS / sizeof *COLUMNS };

/* word is long from its ninth row on, `same` is one long text, `odd` null in every third row. */
#define RIGHT                                                                                                              \
    "word = repeat('x', n::BIGINT % 40) || n AND gone IS NULL AND same = 'the same text in every row' AND day - DATE '1970-01-01' = n " \
    "AND worth * 100 = n AND (CASE WHEN n % 3 = 0 THEN odd IS NULL ELSE odd = (n % 2 = 0) END)"

struct fixture {
    struct stage         *stage;
    struct stage_table   *table;
    struct db            *db;
    struct db_connection *connection;
    struct chunk          chunk;
};

static void
check(enum status status, const struct error *err)
{
    if (status != ST_OK)
        fail_msg("%s", err->message);
}

static void
fill(struct chunk *chunk, uint32_t first, uint32_t row_count)
{
    static const char SAME[] = "the same text in every row";
    struct error      err    = ERROR_EMPTY;

    chunk_clear(chunk);
    chunk_set_all_null(chunk, 2);
    for (uint32_t row = 0; row < row_count; row++) {
        uint32_t n = first + row;
        char     text[64];
        int      size = snprintf(text, sizeof text, "%.*s%u", (int)(n % 40), "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", n);
        chunk_set_int64(chunk, 0, row, n);
        check(chunk_set_text(chunk, 1, row, text, (size_t)size, &err), &err);
        check(chunk_set_text(chunk, 3, row, SAME, sizeof SAME - 1, &err), &err);
        if (n % 3 == 0)
            chunk_set_null(chunk, 4, row);
        else
            chunk_set_bool(chunk, 4, row, n % 2 == 0);
        chunk_set_int32(chunk, 5, row, (int32_t)n);
        chunk_set_int64(chunk, 6, row, n);
    }
    chunk->row_count = row_count;
}

static enum status
put(struct fixture *fixture, int64_t input_number, const uint16_t *selection, uint32_t row_count,
    struct error *err)
{
    const struct column *columns[sizeof COLUMNS / sizeof *COLUMNS];

    for (uint32_t i = 0; i < SCHEMA.column_count; i++)
        columns[i] = &fixture->chunk.columns[i];
    return stage_put(fixture->table, input_number, columns, selection, row_count, err);
}

static void
put_all(struct fixture *fixture, int64_t input_number, uint32_t first, uint32_t row_count)
{
    struct error err = ERROR_EMPTY;

    fill(&fixture->chunk, first, row_count);
    check(put(fixture, input_number, NULL, row_count, &err), &err);
}

static int64_t
ask(struct db_connection *connection, const char *sql)
{
    struct error err   = ERROR_EMPTY;
    int64_t      value = 0;

    check(db_query_int64(connection, &value, &err, "%s", sql), &err);
    return value;
}

/* Neither is there when a test begins and ends: a spill's file loses its name at once. */
static const char *
spill_path(void)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/test_stage.%d", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp",
             (int)getpid());
    return path;
}

static struct stage_options
options_of(int64_t size_max)
{
    return (struct stage_options){.io = io_system(), .spill_path = spill_path(), .size_max = size_max};
}

static void
open_stage(struct fixture *fixture, int64_t size_max)
{
    const struct stage_options stage_options = options_of(size_max);
    const struct db_options    options       = {.thread_count = 2};
    struct error               err           = ERROR_EMPTY;

    *fixture = (struct fixture){ 0 };
    check(db_open(&fixture->db, &options, &err), &err);
    check(db_connect(fixture->db, &fixture->connection, &err), &err);
    check(stage_register(&fixture->stage, fixture->connection, &err), &err);
    check(stage_create(&stage_options, &fixture->stage, &err), &err);
    check(stage_add(fixture->stage, "t", COLUMNS, SCHEMA.column_count, &fixture->table, &err), &err);
    check(chunk_init(&fixture->chunk, &SCHEMA, CHUNK_ROW_COUNT_MAX, &err), &err);
}

static void
close_stage(struct fixture *fixture)
{
    chunk_release(&fixture->chunk);
    stage_free(fixture->stage);
    db_disconnect(fixture->connection);
    db_free(fixture->db);
    assert_int_equal(access(spill_path(), F_OK), -1);
}

static void
comes_out(int64_t size_max)
{
    static const uint32_t SIZES[] = { 1, 7, 64, 65, 2047, 2048 };
    struct fixture        fixture;
    uint32_t              first = 1;

    open_stage(&fixture, size_max);
    assert_int_equal(ask(fixture.connection, "SELECT count(*) FROM hd_stage('t')"), 0);
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; first += SIZES[i++])
        put_all(&fixture, 1, first, SIZES[i]);
    assert_int_equal(ask(fixture.connection, "SELECT count(*) FROM hd_stage('t')"), first - 1);
    assert_int_equal(ask(fixture.connection, "SELECT count(DISTINCT n) FROM hd_stage('t')"), first - 1);
    assert_int_equal(ask(fixture.connection, "SELECT count(*) FROM hd_stage('t') WHERE " RIGHT), first - 1);
    /* Columns in another order, and a few of them. */
    assert_int_equal(
        ask(fixture.connection,
            "SELECT count(*) FROM (SELECT same, n FROM hd_stage('t') WHERE odd) WHERE n % 2 = 0"),
        ask(fixture.connection, "SELECT count(*) FROM hd_stage('t') WHERE n % 2 = 0 AND n % 3 <> 0"));
    /* Texts that outlive the block that they were read from. */
    assert_int_equal(
        ask(fixture.connection,
            "SELECT count(*) FROM (SELECT word, same FROM hd_stage('t') ORDER BY word DESC) WHERE same LIKE 'the same%row'"),
        first - 1);
    assert_int_equal(stage_spilled_size(fixture.stage) > 0, size_max < INT64_MAX);
    close_stage(&fixture);
}

static void
what_is_put_comes_out(void **state)
{
    (void)state;
    comes_out(INT64_MAX); /* Of memory, */
    comes_out(0);         /* of the file, */
    comes_out(100000);    /* of both. */
}

static void
only_what_is_selected(void **state)
{
    static const uint16_t SELECTION[] = { 0, 3, 5, 90, 99 };
    struct fixture        fixture;
    struct error          err = ERROR_EMPTY;

    (void)state;
    open_stage(&fixture, INT64_MAX);
    fill(&fixture.chunk, 1, 100);
    check(put(&fixture, 1, SELECTION, 5, &err), &err);
    assert_int_equal(ask(fixture.connection,
                         "SELECT count(*) FROM hd_stage('t') WHERE n IN (1, 4, 6, 91, 100) AND " RIGHT),
                     5);
    assert_int_equal(ask(fixture.connection, "SELECT count(*) FROM hd_stage('t')"), 5);
    close_stage(&fixture);
}

static void
an_input_is_withdrawn(void **state)
{
    struct fixture fixture;

    (void)state;
    open_stage(&fixture, 100000);
    for (uint32_t i = 0; i < 200; i++)
        put_all(&fixture, i % 3, 1 + i * 10, 10);
    stage_withdraw(fixture.table, 1);
    assert_int_equal(ask(fixture.connection, "SELECT count(*) FROM hd_stage('t')"), 133 * 10);
    assert_int_equal(ask(fixture.connection, "SELECT count(*) FROM hd_stage('t') WHERE " RIGHT " AND ((n - 1) // 10) % 3 <> 1"), 133 * 10);
    close_stage(&fixture);
}

/* runtime.temp_space. */
static void
no_more_is_spilled_than_allowed(void **state)
{
    struct stage_options options = options_of(0);
    struct fixture       fixture;
    struct error         err    = ERROR_EMPTY;
    enum status          status = ST_OK;

    (void)state;
    open_stage(&fixture, 0);
    stage_free(fixture.stage);
    options.spill_max = 100000;
    check(stage_create(&options, &fixture.stage, &err), &err);
    check(stage_add(fixture.stage, "t", COLUMNS, SCHEMA.column_count, &fixture.table, &err), &err);
    for (uint32_t i = 0; status == ST_OK && i < 1000; i++) {
        fill(&fixture.chunk, 1 + i * 100, 100);
        status = put(&fixture, 1, NULL, 100, &err);
    }
    assert_int_equal(err.code, ERR_FULL);
    assert_non_null(strstr(err.message, "runtime.temp_space"));
    assert_in_range(stage_spilled_size(fixture.stage), 50000, 100000);
    close_stage(&fixture);
}

/* A name that stands for something else is neither followed, nor waited for, nor removed. */
static void
only_a_file_of_ours_is_replaced(void **state)
{
    char           kept[300];
    size_t         size;
    struct fixture fixture;

    (void)state;
    snprintf(kept, sizeof kept, "%s.kept", spill_path());
    assert_true(support_write_file(kept, "precious", 8));
    for (int kind = 0; kind < 4; kind++) {
        struct error err = ERROR_EMPTY;
        open_stage(&fixture, 0);
        fill(&fixture.chunk, 1, 10);
        if (kind == 0)
            assert_int_equal(symlink(kept, spill_path()), 0);
        else if (kind == 1)
            assert_int_equal(mkfifo(spill_path(), 0600), 0);
        else if (kind == 2)
            assert_int_equal(mkdir(spill_path(), 0700), 0);
        else
            assert_true(support_write_file(spill_path(), "of a killed process", 19));
        assert_int_equal(put(&fixture, 1, NULL, 10, &err), kind == 3 ? ST_OK : ST_ERROR);
        if (kind != 3)
            assert_non_null(strstr(err.message, "no regular file"));
        assert_int_equal(kind == 2 ? rmdir(spill_path()) : kind == 3 ? 0 : unlink(spill_path()), 0);
        close_stage(&fixture);
    }
    unsigned char *bytes = support_read_file(kept, &size);
    assert_true(size == 8 && memcmp(bytes, "precious", 8) == 0);
    support_free(bytes);
    assert_int_equal(unlink(kept), 0);
}

/* Long texts make many blocks of a chunk. */
static void
wide_rows_are_split(void **state)
{
    static char    text[64 << 10];
    struct fixture fixture;
    struct error   err = ERROR_EMPTY;

    (void)state;
    for (int64_t size_max = INT64_MAX; size_max >= 0; size_max = size_max > 0 ? 0 : -1) {
        open_stage(&fixture, size_max);
        fill(&fixture.chunk, 1, 1000);
        for (uint32_t row = 0; row < 1000; row++) {
            memset(text, 'a' + (int)(row % 26), sizeof text);
            check(chunk_set_text(&fixture.chunk, 1, row, text, sizeof text, &err), &err);
        }
        check(put(&fixture, 1, NULL, 1000, &err), &err);
        assert_int_equal(ask(fixture.connection, "SELECT count(DISTINCT n) FROM hd_stage('t') WHERE length(word) = 65536\n"
                                                 "AND word = repeat(chr(97 + ((n - 1) % 26)::INTEGER), 65536)"),
                         1000);
        close_stage(&fixture);
    }
}

/* The n-th call to the system fails: an error, or all rows. */
static void
calls_fail(void **state)
{
    bool has_failed = true;

    (void)state;
    for (uint64_t n = 1; has_failed; n++) {
        struct stage_options options = options_of(0);
        struct io_failing    failing;
        struct fixture       fixture;
        struct error         err   = ERROR_EMPTY;
        int64_t              count = 0;

        open_stage(&fixture, 0);
        stage_free(fixture.stage);
        fixture.stage = NULL;
        io_failing_init(&failing, n, EIO);
        options.io         = &failing.io;
        enum status status = stage_create(&options, &fixture.stage, &err);
        if (status == ST_OK)
            status = stage_add(fixture.stage, "t", COLUMNS, SCHEMA.column_count, &fixture.table, &err);
        for (uint32_t i = 0; status == ST_OK && i < 3; i++) {
            fill(&fixture.chunk, 1 + i * 100, 100);
            status = put(&fixture, 1, NULL, 100, &err);
        }
        if (status == ST_OK)
            status = db_query_int64(fixture.connection, &count, &err, "%s",
                                    "SELECT count(*) FROM hd_stage('t') WHERE " RIGHT);
        has_failed = failing.has_failed;
        assert_true(has_failed ? status != ST_OK : status == ST_OK && count == 300);
        unlink(spill_path()); /* Where taking its name away is what failed. */
        close_stage(&fixture);
        assert_int_equal(failing.open_count, 0);
    }
}

/* Rows that are not published are no user's. */
static void
nobody_else_reads_it(void **state)
{
    struct fixture        fixture;
    struct db_connection *other = NULL;
    struct error          err   = ERROR_EMPTY;
    int64_t               value;

    (void)state;
    open_stage(&fixture, INT64_MAX);
    put_all(&fixture, 1, 1, 10);
    check(db_connect(fixture.db, &other, &err), &err);
    assert_int_equal(db_query_int64(other, &value, &err, "SELECT count(*) FROM hd_stage('t')"), ST_ERROR);
    assert_non_null(strstr(err.message, "for runs alone"));
    check(db_run(fixture.connection, STR("CREATE VIEW memory.v AS SELECT * FROM hd_stage('t')"), &err), &err);
    assert_int_equal(ask(fixture.connection, "SELECT count(*) FROM memory.v"), 10);
    assert_int_equal(db_query_int64(other, &value, &err, "SELECT count(*) FROM memory.v"), ST_ERROR);
    assert_int_equal(db_query_int64(fixture.connection, &value, &err, "SELECT count(*) FROM hd_stage('u')"), ST_ERROR);
    db_disconnect(other);
    close_stage(&fixture);
}

static void
sweep_allocations(int64_t size_max)
{
    const struct stage_options options = options_of(size_max);
    struct fixture             fixture;
    bool                       has_failed = true;

    open_stage(&fixture, INT64_MAX);
    fill(&fixture.chunk, 1, 500);
    for (uint64_t n = 1; has_failed; n++) {
        struct error   err    = ERROR_EMPTY;
        struct stage  *stage  = NULL;
        const uint64_t before = memory_live_count();

        struct stage_table *kept = fixture.table;
        memory_fail_after(n);
        enum status status = stage_create(&options, &stage, &err);
        if (status == ST_OK)
            status = stage_add(stage, "t", COLUMNS, SCHEMA.column_count, &fixture.table, &err);
        if (status == ST_OK)
            status = put(&fixture, 1, NULL, 500, &err);
        has_failed = memory_has_failed();
        memory_fail_after(0);
        assert_int_equal(status == ST_OK, !has_failed);
        assert_true(status == ST_OK || err.code == ERR_NO_MEMORY);
        stage_free(stage);
        fixture.table = kept;
        assert_int_equal(memory_live_count(), before);
    }
    close_stage(&fixture);
}

static void
allocations_fail(void **state)
{
    (void)state;
    sweep_allocations(INT64_MAX);
    sweep_allocations(0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_comes_out),
        cmocka_unit_test(only_what_is_selected),
        cmocka_unit_test(an_input_is_withdrawn),
        cmocka_unit_test(no_more_is_spilled_than_allowed),
        cmocka_unit_test(only_a_file_of_ours_is_replaced), cmocka_unit_test(wide_rows_are_split), cmocka_unit_test(calls_fail),
        cmocka_unit_test(nobody_else_reads_it),
        cmocka_unit_test(allocations_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
