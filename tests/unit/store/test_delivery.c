/* Delivery beyond the network (D5–D8), to a port where nobody listens and to one that takes nothing. What receivers say is
 * tested in tests/integration/delivery.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/process.h"
#include "store/outbox_int.h"
#include "store/sqlite.h"
#include "support/support.h"

#define SECOND INT64_C(1000000)
#define START  (INT64_C(1767312000) * SECOND) /* 2026-01-02T00:00:00Z */
#define ALERTS 40

static char               folder[TEMP_DIR_SIZE_MAX];
static char               store_path[TEMP_DIR_SIZE_MAX + 16];
static char               url[64];
static struct graph_route route;
static struct graph       graph;

/* ---- Setting up ---- */

/* A port of this machine, open but with nobody who accepts, or closed again. */
static int
listener(bool is_open)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t          size    = sizeof address;
    int                fd      = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(address.sin_port));
    if (is_open)
        assert_int_equal(listen(fd, 64), 0);
    route.receiver.url = str_from(url);
    return fd;
}

static struct store *
store_opened(void)
{
    struct sqlite_store_options options = { .path = store_path, .pipeline = "edw" };
    struct store               *store = NULL;
    uint64_t                    generation = 0;

    assert_int_equal(sqlite_store_open(&options, &store, NULL), ST_OK);
    assert_int_equal(store_own(store, &generation, NULL), ST_OK);
    return store;
}

/* ALERTS alerts of one revision, the first of them revised. */
static struct store *
store_made(void)
{
    struct store_alert    alerts[ALERTS + 1];
    struct store_delivery deliveries[ALERTS + 1];
    char                  ids[ALERTS][8];
    struct store         *store;

    unlink(store_path);
    store = store_opened();
    for (size_t i = 0; i <= ALERTS; i++) {
        if (i < ALERTS)
            snprintf(ids[i], sizeof ids[i], "a%02zu", i);
        alerts[i] = (struct store_alert){ .alert_id = str_from(ids[i % ALERTS]), .rule = STR("r"), .rule_version = STR("1"), .mode = STR("live"),
                                          .severity = STR("high"), .status = i < ALERTS ? STR("open") : STR("revised"), .subject_id = STR("MRN7"),
                                          .event_time_us = START, .effective_time_us = STORE_TIME_NONE, .detected_at_us = START,
                                          .explanation = STR("{}"), .evidence = STR("{}"), .is_delivered = true };
        deliveries[i] = (struct store_delivery){ i, STR("A") };
    }
    struct epoch_commit commit = { .epoch = 1, .generation = 1, .watermark_us = START, .cut_reason = STR("time"), .decisions = STR("{}"),
                                   .plan_digest = STR("p"), .segment = STR("s"), .committed_at_us = START, .alerts = alerts,
                                   .alert_count = ALERTS + 1, .deliveries = deliveries, .delivery_count = ALERTS + 1 };
    assert_int_equal(store_submit(store, &commit, NULL), STORE_COMMITTED);
    return store;
}

static struct outbox *
outbox_made(struct store *store)
{
    struct error   err    = ERROR_EMPTY;
    struct outbox *outbox = NULL;

    if (outbox_new(io_system(), process_clock(), store, &graph, &outbox, &err) != ST_OK)
        fail_msg("%s", err.message);
    return outbox;
}

static void
step(struct outbox *outbox, int64_t now_us)
{
    struct error err = ERROR_EMPTY;

    if (outbox_step(outbox, false, now_us, &err) != ST_OK)
        fail_msg("%s", err.message);
}

/* Steps until all that is under way has ended; what failed is held, so nothing new begins at the same time. */
static void
settle(struct outbox *outbox, int64_t now_us)
{
    do
        step(outbox, now_us);
    while (outbox->receivers[0].busy_count > 0);
}

static int64_t
ask(const char *sql)
{
    sqlite3      *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(store_path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

/* ---- The tests ---- */

#define FIRST    (10 * SECOND)
#define LONGEST  (60 * SECOND)
#define GIVEN_UP (3600 * SECOND)

static void
test_held(void **state)
{
    const int               fd       = listener(false);
    struct store           *store    = store_made();
    struct outbox          *outbox   = outbox_made(store);
    struct outbox_receiver *receiver = &outbox->receivers[0];

    (void)state;
    close(fd);
    settle(outbox, START);
    /* All that was under way together failed once. */
    assert_int_equal(receiver->failures, 1);
    assert_int_equal(ask("select count(*) from alert_outbox where attempts = 1 and revision = 1 and last_error like '%onnect%'"), OUTBOX_REQUEST_COUNT_MAX);
    assert_int_equal(ask("select sum(attempts) from alert_outbox"), OUTBOX_REQUEST_COUNT_MAX);
    assert_in_range(receiver->hold_us, FIRST / 2, FIRST);
    settle(outbox, START + receiver->hold_us - 1);
    assert_int_equal(ask("select sum(attempts) from alert_outbox"), OUTBOX_REQUEST_COUNT_MAX);
    /* Then one alone is tried, and the wait doubles. */
    settle(outbox, START + FIRST);
    assert_int_equal(ask("select sum(attempts) from alert_outbox"), OUTBOX_REQUEST_COUNT_MAX + 1);
    assert_int_equal(receiver->failures, 2);
    assert_in_range(receiver->hold_us, FIRST, 2 * FIRST);
    /* D6 */
    assert_int_equal(ask("select attempts from alert_outbox where revision = 2"), 0);
    assert_int_equal(outbox_summary(outbox).failed_count, OUTBOX_REQUEST_COUNT_MAX + 1);
    outbox_free(outbox);
    store_close(store);
}

static void
test_giving_up(void **state)
{
    const int      fd     = listener(false);
    struct store  *store  = store_made();
    struct outbox *outbox = outbox_made(store);
    int64_t        now_us = START + GIVEN_UP - 1;

    (void)state;
    close(fd);
    settle(outbox, now_us);
    settle(outbox, now_us + FIRST);
    /* The oldest revisions are too old, and were, or their receiver was, tried more than once. */
    assert_int_equal(ask("select count(*) from alert_outbox where status = 'given_up' and revision = 1"), ALERTS);
    assert_int_equal(ask("select count(*) from alert_outbox where status = 'waiting' and revision = 2"), 1);
    for (int i = 2; i < 5; i++)
        settle(outbox, now_us + i * LONGEST);
    assert_int_equal(ask("select count(*) from alert_outbox where status = 'given_up' and last_error is not null"), ALERTS + 1);
    assert_int_equal(outbox_summary(outbox).given_up_count, ALERTS + 1);
    outbox_free(outbox);
    store_close(store);
}

/* After a long pause of ours nothing is given up at the first failure: nobody has tried. */
static void
test_after_a_pause(void **state)
{
    const int      fd     = listener(false);
    struct store  *store  = store_made();
    struct outbox *outbox = outbox_made(store);

    (void)state;
    close(fd);
    settle(outbox, START + 100 * GIVEN_UP);
    assert_int_equal(ask("select count(*) from alert_outbox where status = 'waiting'"), ALERTS + 1);
    outbox_free(outbox);
    store_close(store);
}

static void
test_last(void **state)
{
    const int      fd     = listener(false);
    struct store  *store  = store_made();
    struct outbox *outbox = outbox_made(store);

    (void)state;
    close(fd);
    /* Held, and asked all the same; but not for each alert that waits. */
    settle(outbox, START);
    assert_int_equal(outbox_step(outbox, true, START + 1, NULL), ST_OK);
    assert_int_equal(ask("select count(*) from alert_outbox where status = 'waiting'"), ALERTS + 1);
    assert_int_equal(ask("select sum(attempts) from alert_outbox"), OUTBOX_REQUEST_COUNT_MAX + 1);
    assert_int_equal(outbox_summary(outbox).last_error->code, ERR_UNAVAILABLE);
    outbox_free(outbox);
    store_close(store);
}

/* D2: who was overtaken does not even connect. */
static void
test_overtaken(void **state)
{
    const int      fd     = listener(true);
    struct store  *store  = store_made(), *other;
    struct outbox *outbox = outbox_made(store);
    struct error   err    = ERROR_EMPTY;

    (void)state;
    other = store_opened();
    assert_int_equal(outbox_step(outbox, false, START, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_FENCED);
    outbox_free(outbox);
    assert_int_equal(accept(fd, NULL, NULL), -1);
    assert_int_equal(errno, EAGAIN);
    /* Its successor does. */
    outbox = outbox_made(other);
    step(outbox, START);
    int client = -1;
    while ((client = accept(fd, NULL, NULL)) < 0)
        assert_int_equal(errno, EAGAIN);
    close(client);
    outbox_free(outbox);
    store_close(other);
    store_close(store);
    close(fd);
}

static void
test_no_memory(void **state)
{
    const int      fd    = listener(true);
    struct store  *store = store_made();
    const uint64_t live  = memory_live_count();
    struct outbox *outbox = NULL;

    (void)state;
    for (uint64_t n = 1; outbox == NULL; n++) {
        struct error err = ERROR_EMPTY;
        memory_fail_after(n);
        enum status status = outbox_new(io_system(), process_clock(), store, &graph, &outbox, &err);
        memory_fail_after(0);
        if (status != ST_OK) {
            assert_int_equal(err.code, ERR_NO_MEMORY);
            assert_int_equal(memory_live_count(), live);
        }
    }
    outbox_free(outbox);
    assert_int_equal(memory_live_count(), live);
    store_close(store);
    close(fd);
}

/* The n-th allocation of a step fails: the step says so, and what it has not marked waits for the next process. */
static void
test_step_without_memory(void **state)
{
    const int    fd     = listener(false);
    struct error err    = ERROR_EMPTY;
    bool         is_over = false;

    (void)state;
    close(fd);
    for (uint64_t n = 1; !is_over; n++) {
        struct store  *store  = store_made();
        const uint64_t live   = memory_live_count();
        struct outbox *outbox = outbox_made(store);
        enum status    status = ST_OK;
        memory_fail_after(n);
        do
            status = outbox_step(outbox, false, START, &err);
        while (status == ST_OK && outbox->receivers[0].busy_count > 0);
        is_over = !memory_has_failed();
        memory_fail_after(0);
        if (status != ST_OK)
            assert_int_equal(err.code, ERR_NO_MEMORY);
        assert_int_equal(status, is_over ? ST_OK : ST_ERROR);
        outbox_free(outbox);
        assert_int_equal(memory_live_count(), live);
        assert_int_equal(ask("select count(*) from alert_outbox where status = 'waiting'"), ALERTS + 1);
        store_close(store);
    }
}

/* A store that an earlier version made has another index. */
static void
test_store_of_before(void **state)
{
    const int fd = listener(false);
    sqlite3  *db = NULL;

    (void)state;
    close(fd);
    store_close(store_made());
    assert_int_equal(sqlite3_open(store_path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "drop index alert_outbox_due; create index alert_outbox_waiting on alert_outbox (next_attempt_at) where status = 'waiting'",
                                  NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    struct store  *store  = store_opened();
    struct outbox *outbox = outbox_made(store);
    settle(outbox, START);
    assert_int_equal(ask("select count(*) from sqlite_master where name = 'alert_outbox_due'"), 1);
    assert_int_equal(ask("select count(*) from sqlite_master where name = 'alert_outbox_waiting'"), 0);
    assert_int_equal(ask("select sum(attempts) from alert_outbox"), OUTBOX_REQUEST_COUNT_MAX);
    outbox_free(outbox);
    store_close(store);
}

static void
test_waits(void **state)
{
    int64_t low = INT64_MAX, high = 0;

    (void)state;
    for (int64_t attempts = 0; attempts < 100; attempts++)
        for (uint64_t salt = 0; salt < 100; salt++) {
            const int64_t whole = outbox_wait_after(&route, attempts), wait = outbox_wait_spread(&route, attempts, salt);
            assert_in_range(wait, whole / 2, whole);
            if (attempts == 0) {
                low  = wait < low ? wait : low;
                high = wait > high ? wait : high;
            }
        }
    assert_int_equal(outbox_wait_after(&route, 0), FIRST);
    assert_int_equal(outbox_wait_after(&route, 1), 2 * FIRST);
    assert_int_equal(outbox_wait_after(&route, 3), LONGEST);
    assert_int_equal(outbox_wait_after(&route, INT64_MAX), LONGEST);
    /* They do not come together. */
    assert_true(high - low > FIRST / 3);
}

/* Worked out with Python's hmac. */
static void
test_signature(void **state)
{
    char out[OUTBOX_SIGNATURE_SIZE];

    (void)state;
    assert_int_equal(outbox_signature(STR("secret"), STR("1700000000.{\"a\":1}"), 1700000000, out, NULL), ST_OK);
    assert_string_equal(out, "t=1700000000,v1=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686");
}

static int
set_up(void **state)
{
    (void)state;
    temp_dir_init(folder);
    snprintf(store_path, sizeof store_path, "%s/store.db", folder);
    route = (struct graph_route){ .name = STR("A"), .type = GRAPH_ROUTE_WEBHOOK, .phi = GRAPH_PHI_NONE, .retry_first_us = FIRST,
                                  .retry_max_us = LONGEST, .give_up_us = GIVEN_UP, .receiver = { .timeout_us = 60 * SECOND } };
    graph = (struct graph){ .name = STR("edw"), .has_streaming = true, .streaming = { .routes = &route, .route_count = 1 } };
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    temp_dir_release(folder);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_held),      cmocka_unit_test(test_giving_up), cmocka_unit_test(test_after_a_pause), cmocka_unit_test(test_last),
        cmocka_unit_test(test_overtaken), cmocka_unit_test(test_no_memory), cmocka_unit_test(test_step_without_memory),
        cmocka_unit_test(test_store_of_before), cmocka_unit_test(test_waits), cmocka_unit_test(test_signature),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
