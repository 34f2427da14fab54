/* A store's control socket: commands are carried out on the store's thread, whatever their askers do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "io/process.h"
#include "io/socket.h"
#include "io/thread.h"
#include "govern/audit.h"
#include "live/event.h"
#include "server/commands.h"
#include "support/support.h"

static char             folder[TEMP_DIR_SIZE_MAX];
static char             path[TEMP_DIR_SIZE_MAX + 16], audit_path[TEMP_DIR_SIZE_MAX + 16], socket_path[TEMP_DIR_SIZE_MAX + 32];
static struct graph     graph;
static struct commands *commands;

/* A store that tells what it was asked, and answers as it was told to. */
static struct {
    struct store_retry_result result;
    enum error_code           code;
    char                      asked[256];
    int64_t                   now_us;
} told;

static enum status
tell(struct store *store, const struct store_retry *retry, struct store_retry_result *ret_result, struct error *err)
{
    size_t size = (size_t)snprintf(told.asked, sizeof told.asked, "%.*s/%.*s", STR_PRINTF(retry->source), STR_PRINTF(retry->reason_code));
    (void)store;
    for (size_t i = 0; i < retry->place_count; i++)
        size += (size_t)snprintf(told.asked + size, sizeof told.asked - size, " %.*s:%lld", STR_PRINTF(retry->places[i].partition_id),
                                 (long long)retry->places[i].position);
    told.now_us = retry->now_us;
    *ret_result = told.result;
    if (told.code == ERR_NONE)
        return ST_OK;
    error_set(err, told.code, "not this one");
    error_hint(err, "another one");
    return ST_ERROR;
}

static enum status
handle_alerts(struct store *store, const struct store_handle *handle, struct store_handled *ret_handled, struct error *err)
{
    size_t size = (size_t)snprintf(told.asked, sizeof told.asked, "%d/%.*s/%.*s", (int)handle->handling, STR_PRINTF(handle->by), STR_PRINTF(handle->comment));
    (void)store;
    told.now_us = handle->now_us;
    if (told.code != ERR_NONE)
        return error_set(err, told.code, "not this one");
    for (size_t i = 0; i < handle->alert_count; i++) {
        size += (size_t)snprintf(told.asked + size, sizeof told.asked - size, " %.*s:%lld", STR_PRINTF(handle->alerts[i].alert_id),
                                 (long long)handle->alerts[i].revision);
        ret_handled[i] = (struct store_handled){ .revision = 7 + (int64_t)i, .is_new = i == 0, .at_us = i == 0 ? 42 : STORE_TIME_NONE, .status = "acknowledged" };
        snprintf(ret_handled[i].alert_id, sizeof ret_handled[i].alert_id, "%.*s", STR_PRINTF(handle->alerts[i].alert_id));
        snprintf(ret_handled[i].by, sizeof ret_handled[i].by, "%.*s", STR_PRINTF(handle->by));
    }
    return ST_OK;
}

static const struct store_kind kind  = { .name = "fake", .letters_retry = tell, .alerts_handle = handle_alerts };
static struct store            store = { .kind = &kind };

static struct live_top_partition partitions[3];
static struct live_top           top = { .partitions = partitions, .partition_count = 3, .watermark_us = INT64_MIN, .committed_at_us = INT64_MIN };

static struct live_tap           tap;

/* An asker in a thread of its own. */
struct asker {
    struct thread             thread;
    struct store_retry        retry;
    struct store_retry_result result;
    const struct store_handle *handle; /* NULL: a retry. */
    struct store_handled      handled[2];
    struct str_builder       *top; /* NULL: another question. */
    const struct commands_tap *tap; /* NULL: another question; the answer is told to `top`. */
    bool                      is_answered;
    enum status               status;
    struct error              err;
    atomic_bool               is_done;
};

static void
ask(void *context)
{
    struct asker *asker = context;
    if (asker->tap != NULL)
        asker->status = commands_ask_tap(io_system(), path, asker->tap, &asker->is_answered, asker->top, &asker->err);
    else if (asker->top != NULL)
        asker->status = commands_ask_top(io_system(), path, &asker->is_answered, asker->top, &asker->err);
    else
        asker->status = asker->handle != NULL ? commands_ask_handle(io_system(), path, asker->handle, &asker->is_answered, asker->handled, &asker->err)
                                          : commands_ask_retry(io_system(), path, &asker->retry, &asker->is_answered, &asker->result, &asker->err);
    atomic_store(&asker->is_done, true);
}

/* Steps until the asker has its answer; the step's own outcome is the last one that was no success. */
static enum status
step_until_answered(struct asker *asker, struct error *err)
{
    enum status status = ST_OK;
    asker->err         = ERROR_EMPTY;
    assert_int_equal(thread_start(&asker->thread, ask, asker, NULL), ST_OK);
    while (!atomic_load(&asker->is_done))
        if (commands_step(commands, 42, err) != ST_OK)
            status = ST_ERROR;
    thread_join(&asker->thread);
    return status;
}

static void
test_carried_out(void **state)
{
    const struct store_letter_place places[] = { { STR_INIT("a \"b\".ndjson"), 17 }, { STR_INIT("c"), 0 } };
    struct asker                    asker    = { .retry = { .places = places, .place_count = 2 } };
    (void)state;
    told.result = (struct store_retry_result){ 1, 2, 3 };
    assert_int_equal(step_until_answered(&asker, NULL), ST_OK);
    assert_int_equal(asker.status, ST_OK);
    assert_true(asker.is_answered && asker.result.retried == 1 && asker.result.waiting == 2 && asker.result.settled == 3);
    assert_string_equal(told.asked, "LOG/ a \"b\".ndjson:17 c:0");
    assert_int_equal(told.now_us, 42);
    struct asker by_reason = { .retry = { .reason_code = STR("bad_code") } };
    assert_int_equal(step_until_answered(&by_reason, NULL), ST_OK);
    assert_string_equal(told.asked, "LOG/bad_code");
}

static void
test_alerts_handled(void **state)
{
    const struct store_alert_name names[] = { { STR_INIT("80ab"), 0 }, { STR_INIT("80cd"), 3 } };
    const struct store_handle     handle  = { .handling = STORE_CLOSE, .alerts = names, .alert_count = 2, .by = STR("ann \"a\""), .comment = STR("so") };
    struct asker                  asker   = { .handle = &handle };
    (void)state;
    assert_int_equal(step_until_answered(&asker, NULL), ST_OK);
    assert_int_equal(asker.status, ST_OK);
    assert_string_equal(told.asked, "1/ann \"a\"/so 80ab:0 80cd:3");
    assert_int_equal(told.now_us, 42);
    assert_true(asker.is_answered && asker.handled[0].is_new && asker.handled[0].revision == 7 && asker.handled[0].at_us == 42);
    assert_true(!asker.handled[1].is_new && asker.handled[1].revision == 8 && asker.handled[1].at_us == STORE_TIME_NONE);
    assert_string_equal(asker.handled[1].alert_id, "80cd");
    assert_string_equal(asker.handled[1].status, "acknowledged");
    assert_string_equal(asker.handled[1].by, "ann \"a\"");
    struct asker refused = { .handle = &handle };
    told.code            = ERR_NOT_FOUND;
    assert_int_equal(step_until_answered(&refused, NULL), ST_OK);
    assert_int_equal(refused.err.code, ERR_NOT_FOUND);
    const struct store_handle acknowledge = { .alerts = names, .alert_count = 1, .by = STR("ann") };
    struct asker              second      = { .handle = &acknowledge };
    told.code                             = ERR_NONE;
    assert_int_equal(step_until_answered(&second, NULL), ST_OK);
    assert_string_equal(told.asked, "0/ann/ 80ab:0");
}

static void
test_top(void **state)
{
    struct str_builder text  = STR_BUILDER_EMPTY;
    struct asker       asker = { .top = &text };
    (void)state;
    partitions[0] = (struct live_top_partition){ .id = STR("a"), .position = 5, .end = 9, .watermark_us = 3000000 };
    partitions[1] = (struct live_top_partition){ .id = STR("b"), .position = 7, .end = -1, .watermark_us = 1000000 };
    partitions[2] = (struct live_top_partition){ .id = STR("c"), .position = 7, .end = 7, .watermark_us = INT64_MIN, .is_idle = true };
    top.epoch     = 4;
    top.queues[1] = (struct live_top_queue){ .from = "dedup", .to = "steps", .ring_count = 4, .ring_capacity = 4, .used = 5, .fullest_from = 1, .fullest_used = 3 };
    assert_int_equal(step_until_answered(&asker, NULL), ST_OK);
    assert_int_equal(asker.status, ST_OK);
    static const char *const parts[] = { "\"epoch\":4,\"committed_at\":null,", "\"held_back_by\":\"b\"",
                                         "{\"from\":\"dedup\",\"to\":\"steps\",\"used\":5,\"capacity\":16,\"fullest\":{\"from_thread\":1,\"to_thread\":0,\"used\":3,\"capacity\":4}}", "\"position\":5,\"lag\":4,\"watermark\":\"1970-01-01T00:00:03",
                                         "\"position\":7,\"lag\":null,", "\"idle\":false,\"holds_back\":true}", "\"lag\":0,\"watermark\":null,\"idle\":true" };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(str_builder_cstr(&text), parts[i]) == NULL)
            fail_msg("%s in %s", parts[i], str_builder_cstr(&text));
    str_builder_release(&text);
}

/* ---- Rows of a step ---- */

static const struct entity tap_entities[] = { { .name = "lab_result" } };
static const struct model  tap_model      = { .entities = tap_entities, .entity_count = 1 };
static const struct str    tap_partitions[] = { STR_INIT("a.ndjson") };

/* One row, of patient P1, comes to the step until `is_over`. */
struct passer {
    struct thread thread;
    struct chunk  chunk;
    atomic_bool   is_over;
};

static void
pass(void *context)
{
    struct passer *passer = context;
    while (!atomic_load(&passer->is_over))
        live_tap_rows(&tap, 0, &passer->chunk, tap_partitions);
}

static void
passer_start(struct passer *passer)
{
    memset(passer, 0, sizeof *passer);
    assert_int_equal(chunk_init(&passer->chunk, &event_schema, 1, NULL), ST_OK);
    for (uint32_t i = 0; i < EVENT_COLUMN_COUNT; i++)
        chunk_set_null(&passer->chunk, i, 0);
    chunk_set_int64(&passer->chunk, EVENT_PARTITION, 0, 0);
    assert_int_equal(chunk_set_text(&passer->chunk, EVENT_PATIENT_ID, 0, "P1", 2, NULL), ST_OK);
    passer->chunk.row_count = 1;
    assert_int_equal(thread_start(&passer->thread, pass, passer, NULL), ST_OK);
}

static void
passer_end(struct passer *passer)
{
    atomic_store(&passer->is_over, true);
    thread_join(&passer->thread);
    chunk_release(&passer->chunk);
}

static uint64_t
audited(void)
{
    struct audit_report report = { 0 };
    assert_int_equal(audit_verify(io_system(), audit_path, &report, NULL), ST_OK);
    return report.entry_count;
}

/* Taps are answered while nobody steps: they are no commands of the store's thread. */
static void
test_tap(void **state)
{
    const struct commands_tap masked = { STR("decode"), 2, 60000000, false }, shown = { STR("decode"), 1, 60000000, true };
    struct str_builder        text   = STR_BUILDER_EMPTY;
    struct asker              asker  = { .top = &text, .tap = &masked };
    struct passer             passer;
    (void)state;
    passer_start(&passer);
    ask(&asker);
    assert_int_equal(asker.status, ST_OK);
    assert_non_null(strstr(str_builder_cstr(&text), "\"patient_id\":\"#1\""));
    assert_null(strstr(text.data, "P1"));
    assert_int_equal(audited(), 0);
    str_builder_clear(&text);
    do { /* The one before has its answer, and may not have ended yet. */
        asker = (struct asker){ .top = &text, .tap = &shown };
        ask(&asker);
    } while (asker.status != ST_OK && asker.err.code == ERR_BUSY);
    assert_int_equal(asker.status, ST_OK);
    assert_non_null(strstr(str_builder_cstr(&text), "\"patient_id\":\"P1\""));
    assert_true(audited() > 0);
    passer_end(&passer);
    str_builder_release(&text);
}

/* Nothing is shown that the audit file does not hold. */
static void
test_tap_without_audit(void **state)
{
    const struct commands_tap shown = { STR("decode"), 1, 60000000, true };
    struct str_builder        text  = STR_BUILDER_EMPTY;
    struct asker              asker = { .top = &text, .tap = &shown };
    struct passer             passer;
    (void)state;
    assert_true(support_write_file(audit_path, "no chain\n", 9));
    passer_start(&passer);
    ask(&asker);
    assert_int_equal(asker.status, ST_ERROR);
    assert_int_equal(asker.err.code, ERR_CORRUPT);
    assert_int_equal(text.size, 0);
    passer_end(&passer);
    str_builder_release(&text);
}

/* Nothing comes: what there is by then is told, also at once. Errors come back. */
static void
test_tap_times_out(void **state)
{
    static const struct {
        const char     *step;
        int64_t         timeout_us;
        enum error_code code;
    } cases[] = { { "decode", 0, ERR_NONE }, { "decode", 1, ERR_NONE }, { "decode", 30000, ERR_NONE }, { "window", 0, ERR_USAGE } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct commands_tap asked = { str_from(cases[i].step), 1, cases[i].timeout_us, false };
        struct str_builder        text  = STR_BUILDER_EMPTY;
        struct asker              asker;
        do {
            asker = (struct asker){ .top = &text, .tap = &asked };
            ask(&asker);
        } while (asker.err.code == ERR_BUSY);
        assert_int_equal(asker.err.code, cases[i].code);
        if (cases[i].code == ERR_NONE)
            assert_string_equal(str_builder_cstr(&text), "{\"step\":\"decode\",\"unmasked\":false,\"rows\":[]}");
        str_builder_release(&text);
    }
}

static void
put_tap(struct socket *socket, const char *question)
{
    uint8_t    kind_of = 0;
    struct str bytes;
    *socket = SOCKET_EMPTY;
    assert_int_equal(socket_connect(socket, io_system(), socket_path, NULL), ST_OK);
    assert_int_equal(socket_receive(socket, 10000, &kind_of, &bytes, NULL), ST_OK);
    assert_int_equal(socket_send(socket, 2, str_from(question), 10000, NULL), ST_OK);
}

/* One at a time; when the asker goes his tap ends; and it keeps no other command waiting. */
static void
test_tap_asker_goes(void **state)
{
    static const char         forever[] = "{\"command\":\"tap\",\"step\":\"decode\",\"rows\":1,\"timeout_us\":3600000000,\"unmasked\":false}";
    const struct commands_tap asked     = { STR("decode"), 1, 0, false };
    struct str_builder        text = STR_BUILDER_EMPTY, top_text = STR_BUILDER_EMPTY;
    struct asker              asker = { .top = &text, .tap = &asked }, other = { .top = &top_text };
    struct socket             socket;
    (void)state;
    put_tap(&socket, forever);
    while (atomic_load(&tap.step) == 0)
        ;
    ask(&asker);
    assert_int_equal(asker.err.code, ERR_BUSY);
    assert_string_equal(asker.err.message, "somebody else looks at rows of this stream");
    assert_int_equal(step_until_answered(&other, NULL), ST_OK);
    assert_int_equal(other.status, ST_OK);
    assert_true(atomic_load(&tap.step) != 0);
    socket_release(&socket);
    while (atomic_load(&tap.step) != 0)
        ;
    do {
        asker = (struct asker){ .top = &text, .tap = &asked };
        ask(&asker);
    } while (asker.err.code == ERR_BUSY);
    assert_int_equal(asker.status, ST_OK);
    put_tap(&socket, forever); /* The stream ends while somebody waits. */
    while (atomic_load(&tap.step) == 0)
        ;
    commands_stop(commands);
    commands = NULL;
    assert_int_equal(atomic_load(&tap.step), 0);
    socket_release(&socket);
    str_builder_release(&text);
    str_builder_release(&top_text);
}

/* What is wrong with a command is its asker's to hear; where the store fails, its owner hears it too. */
static void
test_errors(void **state)
{
    static const struct {
        enum error_code code;
        enum status     owner;
    } cases[] = { { ERR_NOT_FOUND, ST_OK }, { ERR_USAGE, ST_OK }, { ERR_FULL, ST_ERROR }, { ERR_FENCED, ST_ERROR } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct asker asker = { .is_answered = false };
        struct error err   = ERROR_EMPTY;
        told.code          = cases[i].code;
        assert_int_equal(step_until_answered(&asker, &err), cases[i].owner);
        assert_int_equal(err.code, cases[i].owner == ST_OK ? ERR_NONE : cases[i].code);
        assert_true(asker.is_answered);
        assert_int_equal(asker.status, ST_ERROR);
        assert_int_equal(asker.err.code, cases[i].code);
        assert_string_equal(asker.err.message, "not this one");
        assert_string_equal(asker.err.hint, "another one");
    }
}

static void
test_bad_askers(void **state)
{
    static const char *const questions[] = {
        "", "{", "{\"command\":\"drop\",\"reason\":\"\",\"letters\":[]}", "{\"command\":\"retry\",\"reason\":\"\"}",
        "{\"command\":\"retry\",\"reason\":\"\",\"letters\":[{\"partition_id\":\"a\"}]}", "{\"command\":\"retry\",\"reason\":\"\",\"letters\":[7]}",
        "{\"command\":\"close\"}", "{\"command\":\"close\",\"by\":\"\",\"comment\":\"\",\"alerts\":[]}",
        "{\"command\":\"acknowledge\",\"by\":\"ann\",\"comment\":\"\",\"alerts\":[{\"alert_id\":\"\",\"revision\":0}]}",
        "{\"command\":\"acknowledge\",\"by\":\"ann\",\"comment\":\"\",\"alerts\":[{\"alert_id\":\"80\"}]}",
        "{\"command\":\"tap\",\"step\":\"decode\"}", "{\"command\":\"tap\",\"step\":\"decode\",\"rows\":0,\"timeout_us\":0,\"unmasked\":false}",
        "{\"command\":\"tap\",\"step\":\"decode\",\"rows\":1001,\"timeout_us\":0,\"unmasked\":false}",
        "{\"command\":\"tap\",\"step\":\"decode\",\"rows\":1,\"timeout_us\":3600000001,\"unmasked\":false}",
        "{\"command\":\"tap\",\"step\":\"decode\",\"rows\":1,\"timeout_us\":0,\"unmasked\":0}",
    };
    struct asker asker = { .is_answered = false };
    (void)state;
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        struct socket socket = SOCKET_EMPTY;
        uint8_t       kind_of = 0;
        struct str    bytes;
        assert_int_equal(socket_connect(&socket, io_system(), socket_path, NULL), ST_OK);
        assert_int_equal(socket_receive(&socket, 10000, &kind_of, &bytes, NULL), ST_OK);
        assert_int_equal(socket_send(&socket, 2, str_from(questions[i]), 10000, NULL), ST_OK);
        assert_int_equal(socket_receive(&socket, 10000, &kind_of, &bytes, NULL), ST_OK);
        assert_int_equal(kind_of, 5); /* An error. */
        socket_release(&socket);
    }
    assert_string_equal(told.asked, "");
    assert_int_equal(step_until_answered(&asker, NULL), ST_OK);
    assert_int_equal(asker.status, ST_OK);
}

/* Who waits when the owner ends is told so, and nobody is there afterwards. */
static void
test_ends(void **state)
{
    struct asker asker = { .is_answered = false };
    (void)state;
    assert_int_equal(thread_start(&asker.thread, ask, &asker, NULL), ST_OK);
    commands_stop(commands);
    commands = NULL;
    thread_join(&asker.thread);
    assert_string_equal(told.asked, "");
    if (asker.status == ST_OK) { /* It came too late to be heard. */
        assert_false(asker.is_answered);
    } else {
        assert_true(asker.err.code == ERR_BUSY || asker.err.code == ERR_UNAVAILABLE);
    }
    struct asker late = { .is_answered = true };
    ask(&late);
    assert_int_equal(late.status, ST_OK);
    assert_false(late.is_answered);
}

static int
setup(void **state)
{
    struct error err = ERROR_EMPTY;
    (void)state;
    memset(&told, 0, sizeof told);
    temp_dir_init(folder);
    snprintf(path, sizeof path, "%s/store.db", folder);
    snprintf(audit_path, sizeof audit_path, "%s/audit", folder);
    snprintf(socket_path, sizeof socket_path, "%s.socket", path);
    graph.streaming.store.path  = str_from(path);
    graph.streaming.source.name = STR("LOG");
    graph.audit_path            = str_from(audit_path);
    graph.model                 = &tap_model;
    memset(&tap, 0, sizeof tap);
    live_tap_name(&tap, 0, "decode");
    live_tap_open(&tap, 1);
    const struct commands_options options = { .io = io_system(), .clock = process_clock(), .graph = &graph, .store = &store, .top = &top, .tap = &tap };
    if (commands_start(&options, &commands, &err) != ST_OK)
        fail_msg("%s", err.message);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    commands_stop(commands);
    commands = NULL;
    live_tap_release(&tap);
    temp_dir_release(folder);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_carried_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alerts_handled, setup, teardown),
        cmocka_unit_test_setup_teardown(test_top, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tap_without_audit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tap_times_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tap_asker_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_askers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ends, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
