/* The control socket: the owner of a warehouse answers while it works, whatever its askers do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str_builder.h"
#include "govern/audit.h"
#include "io/process.h"
#include "io/socket.h"
#include "server/control.h"
#include "support/support.h"
#include "warehouse/schema.h"

/* Takes minutes where nobody stops it. */
#define ENDLESS "SELECT count(*) AS n FROM range(100000000000) t(i) WHERE hash(i) = 0"

static const struct model MODEL = { .entities = NULL, .entity_count = 0 };

static char           folder[TEMP_DIR_SIZE_MAX];
static char           path[TEMP_DIR_SIZE_MAX + 16], socket_path[TEMP_DIR_SIZE_MAX + 32], audit_path[TEMP_DIR_SIZE_MAX + 32];
static struct graph   graph;
static struct db     *db;
static struct control *control;

static void
check(enum status status, const struct error *err)
{
    if (status != ST_OK)
        fail_msg("%s", err->message);
}

static enum status
take(void *context, struct str bytes, struct error *err)
{
    (void)err;
    str_builder_append(context, bytes);
    return ST_OK;
}

static enum status
ask(enum warehouse_question question, const char *text, struct str_builder *out, bool *ret_is_answered, struct error *err)
{
    const struct warehouse_ask asked = { .question = question, .text = str_from(text), .rows = { ROWS_JSON, 0, take, out } };
    return control_ask(io_system(), path, &asked, ret_is_answered, err);
}

static uint64_t
audit_count(void)
{
    struct audit_report report = { 0 };
    struct error        err    = ERROR_EMPTY;
    check(audit_verify(io_system(), audit_path, &report, &err), &err);
    return report.entry_count;
}

static void
expect(enum warehouse_question question, const char *text, const char *expected)
{
    struct str_builder out         = STR_BUILDER_EMPTY;
    struct error       err         = ERROR_EMPTY;
    bool               is_answered = false;
    check(ask(question, text, &out, &is_answered, &err), &err);
    assert_true(is_answered);
    assert_string_equal(str_builder_cstr(&out), expected);
    str_builder_release(&out);
}

static void
test_answers(void **state)
{
    (void)state;
    struct str_builder expected = STR_BUILDER_EMPTY;
    expect(WAREHOUSE_QUERY, "SELECT 1 AS a, 'x' AS b", "{\"a\":1,\"b\":\"x\"}\n");
    assert_int_equal(audit_count(), 1);
    for (int i = 0; i < 50000; i++)
        str_builder_printf(&expected, "{\"i\":%d}\n", i);
    expect(WAREHOUSE_QUERY, "SELECT i FROM range(50000) t(i) ORDER BY i", str_builder_cstr(&expected));
    str_builder_release(&expected);
    assert_int_equal(audit_count(), 2);
    expect(WAREHOUSE_RUNS, "", "");
    assert_int_equal(audit_count(), 2);
}

static void
test_errors_come_back(void **state)
{
    (void)state;
    struct str_builder out         = STR_BUILDER_EMPTY;
    struct error       err         = ERROR_EMPTY;
    bool               is_answered = false;
    assert_int_equal(ask(WAREHOUSE_QUERY, "DROP SCHEMA meta", &out, &is_answered, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_USAGE);
    assert_non_null(strstr(err.message, "only a statement that reads"));
    assert_non_null(strstr(err.hint, "begin with SELECT"));
    assert_int_equal(ask(WAREHOUSE_RUN, "r9", &out, &is_answered, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_USAGE);
    assert_int_equal(out.size, 0);
    assert_int_equal(audit_count(), 0);
}

/* C4: where the audit file cannot be written, nothing is shown. */
static void
test_no_audit_no_output(void **state)
{
    (void)state;
    struct str_builder out         = STR_BUILDER_EMPTY;
    struct error       err         = ERROR_EMPTY;
    bool               is_answered = false;
    assert_true(support_write_file(audit_path, "{}\n", 3));
    assert_int_equal(ask(WAREHOUSE_QUERY, "SELECT 1 AS a", &out, &is_answered, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_int_equal(out.size, 0);
}

/* Askers that say nothing sensible, or go away before or amid their answer, hurt nobody (C2). */
static void
test_bad_askers(void **state)
{
    (void)state;
    static const char *const questions[] = {
        "", "{", "{\"question\":\"drop\",\"format\":\"json\",\"width\":0}", "{\"question\":\"runs\",\"format\":\"json\",\"width\":-1}",
        "{\"question\":\"query\",\"text\":\"" ENDLESS "\",\"format\":\"json\",\"width\":0}",
        "{\"question\":\"query\",\"text\":\"SELECT i FROM range(10000000) t(i)\",\"format\":\"json\",\"width\":0}",
    };
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        struct socket socket = SOCKET_EMPTY;
        struct error  err    = ERROR_EMPTY;
        uint8_t       kind;
        struct str    bytes;
        check(socket_connect(&socket, io_system(), socket_path, &err), &err);
        check(socket_receive(&socket, 10000, &kind, &bytes, &err), &err);
        assert_int_equal(kind, 1);
        check(socket_send(&socket, 2, str_from(questions[i]), 10000, &err), &err);
        if (i < 4) {
            check(socket_receive(&socket, 10000, &kind, &bytes, &err), &err);
            assert_int_equal(kind, 5);
            assert_non_null(memmem(bytes.data, bytes.size, "\"code\":\"", 8));
        }
        socket_release(&socket);
        expect(WAREHOUSE_QUERY, "SELECT 1 AS a", "{\"a\":1}\n");
    }
}

struct asker {
    struct error err;
    enum status  status;
};

static void *
ask_endless(void *context)
{
    struct asker      *asker       = context;
    struct str_builder out         = STR_BUILDER_EMPTY;
    bool               is_answered = false;
    asker->status = ask(WAREHOUSE_QUERY, ENDLESS, &out, &is_answered, &asker->err);
    str_builder_release(&out);
    return NULL;
}

/* The owner ends while it answers: the question ends with it, and the asker is told. */
static void
test_stop_amid_an_answer(void **state)
{
    (void)state;
    struct asker asker = { .err = ERROR_EMPTY };
    pthread_t    thread;
    assert_int_equal(pthread_create(&thread, NULL, ask_endless, &asker), 0);
    while (audit_count() == 0)
        ; /* The statement runs from its entry on. */
    control_stop(control);
    control = NULL;
    pthread_join(thread, NULL);
    assert_int_equal(asker.status, ST_ERROR);
    assert_true(asker.err.code == ERR_UNAVAILABLE || asker.err.code == ERR_INTERRUPTED);
    bool               is_answered = true;
    struct error       err         = ERROR_EMPTY;
    struct str_builder out         = STR_BUILDER_EMPTY;
    check(ask(WAREHOUSE_RUNS, "", &out, &is_answered, &err), &err);
    assert_false(is_answered);
}

static int
set_up(void **state)
{
    (void)state;
    struct error          err        = ERROR_EMPTY;
    struct db_connection *connection = NULL;
    temp_dir_init(folder);
    snprintf(path, sizeof path, "%s/w.db", folder);
    snprintf(socket_path, sizeof socket_path, "%s.socket", path);
    snprintf(audit_path, sizeof audit_path, "%s/audit.ndjson", folder);
    const struct db_options options = { .path = path, .thread_count = 2 };
    check(db_open(&db, &options, &err), &err);
    check(db_connect(db, &connection, &err), &err);
    check(schema_prepare(connection, &MODEL, &err), &err);
    db_disconnect(connection);
    graph = (struct graph){ .has_batch = true, .batch.warehouse = { .name = STR("W"), .path = str_from(path) },
                            .audit_path = str_from(audit_path), .model = &MODEL };
    const struct control_options with = { io_system(), process_clock(), &graph, db };
    check(control_start(&with, &control, &err), &err);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    control_stop(control);
    control = NULL;
    db_free(db);
    temp_dir_release(folder);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errors_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_audit_no_output, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_askers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_amid_an_answer, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
