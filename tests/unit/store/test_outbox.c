/* Delivery from the outbox: each line once, in order, whatever fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/process.h"
#include "store/outbox.h"
#include "store/outbox_int.h"
#include "support/stores.h"
#include "support/support.h"
#include "support/sweep.h"

#define SECOND INT64_C(1000000)
#define START  (INT64_C(1767312000) * SECOND) /* 2026-01-02T00:00:00Z */

static char               folder[TEMP_DIR_SIZE_MAX];
static char               store_path[TEMP_DIR_SIZE_MAX + 16], path_a[TEMP_DIR_SIZE_MAX + 16], path_b[TEMP_DIR_SIZE_MAX + 16];
static struct graph_route routes[2];
static struct graph       graph;

/* ---- Setting up ---- */

static enum status
open_store(struct store **ret_store, struct error *err)
{
    struct store               *store = NULL;
    uint64_t                    generation = 0;
    enum status                 status = stores_open(store_path, NULL, &store, err);

    if (status == ST_OK)
        status = store_own(store, &generation, err);
    if (status == ST_OK)
        *ret_store = store;
    else
        store_close(store);
    return status;
}

static struct store_alert
alert_of(struct str alert_id, struct str status)
{
    return (struct store_alert){ .alert_id = alert_id, .rule = STR("abnormal_lab_trends"), .rule_version = STR("1"), .mode = STR("live"),
                                 .severity = STR("critical"), .status = status, .person_id = STR("p1"), .subject_system = STR("urn:lab"),
                                 .subject_id = STR("MRN7"), .code = STR("2823-3"), .value = STR("7.1"), .unit = STR("mmol/L"),
                                 .event_time_us = START, .effective_time_us = STORE_TIME_NONE, .detected_at_us = START + 1,
                                 .explanation = STR("{\"limit\":\"6.2\"}"), .evidence = STR("{\"events\":[]}"), .is_delivered = true };
}

/* Epoch 1: a1 opened and revised, a2 opened; epoch 2: a1 retracted. Each goes to sink A, the second epoch's to B too. */
static enum store_outcome
submit(struct store *store, uint64_t generation, uint64_t epoch, struct error *err)
{
    const struct store_alert    first[] = { alert_of(STR("a1"), STR("open")), alert_of(STR("a2"), STR("open")), alert_of(STR("a1"), STR("revised")) };
    const struct store_alert    second[] = { alert_of(STR("a1"), STR("retracted")) };
    const struct store_delivery to_a[] = { { 0, STR("A") }, { 1, STR("A") }, { 2, STR("A") } };
    const struct store_delivery to_both[] = { { 0, STR("A") }, { 0, STR("B") } };
    struct epoch_commit         commit = { .epoch = epoch, .generation = generation, .watermark_us = START, .cut_reason = STR("time"),
                                           .decisions = STR("{}"), .plan_digest = STR("p"), .segment = STR("s"), .committed_at_us = START,
                                           .alerts = epoch == 1 ? first : second, .alert_count = epoch == 1 ? 3 : 1,
                                           .deliveries = epoch == 1 ? to_a : to_both, .delivery_count = epoch == 1 ? 3 : 2 };
    return store_submit(store, &commit, err);
}

/* A store of two epochs with nothing delivered, owned. */
static enum status
make_store(struct store **ret_store, struct error *err)
{
    struct store *store = NULL;
    enum status   status;

    stores_remove(store_path), unlink(path_a), unlink(path_b);
    status = open_store(&store, err);
    if (status == ST_OK && (submit(store, 1, 1, err) != STORE_COMMITTED || submit(store, 1, 2, err) != STORE_COMMITTED))
        status = ST_ERROR;
    if (status == ST_OK)
        *ret_store = store;
    else
        store_close(store);
    return status;
}

static struct store *
store_made(void)
{
    struct error  err = ERROR_EMPTY;
    struct store *store = NULL;

    assert_int_equal(make_store(&store, &err), ST_OK);
    return store;
}

static struct outbox *
outbox_made(struct store *store)
{
    struct error   err = ERROR_EMPTY;
    struct outbox *outbox = NULL;

    assert_int_equal(outbox_new(io_system(), process_clock(), store, &graph, &outbox, &err), ST_OK);
    return outbox;
}

static void
step(struct outbox *outbox, int64_t now_us)
{
    struct error err = ERROR_EMPTY;

    if (outbox_step(outbox, false, now_us, &err) != ST_OK)
        fail_msg("%s", err.message);
}

/* ---- Looking ---- */

static int64_t
ask(const char *sql)
{
    return stores_int(store_path, sql);
}

/* What the file has: "a1:1 a1:2 ", in its order. */
static const char *
lines_of(const char *path)
{
    static char    text[512];
    size_t         size = 0, used = 0;
    unsigned char *bytes = support_read_file(path, &size);

    text[0] = '\0';
    for (char *line = (char *)bytes; line != NULL && *line != '\0'; line = strchr(line, '\n') + 1) {
        int revision = -1;
        assert_non_null(strchr(line, '\n'));
        assert_int_equal(sscanf(line, "{\"alert_id\":\"%*2[a-z0-9]\",\"revision\":%d", &revision), 1);
        used += (size_t)snprintf(text + used, sizeof text - used, "%.2s:%d ", line + strlen(OUTBOX_LINE_BEGIN), revision);
    }
    support_free(bytes);
    return text;
}

#define ALL_OF_A "a1:1 a1:2 a1:3 a2:1 "

static void
assert_all_delivered(void)
{
    assert_string_equal(lines_of(path_a), ALL_OF_A);
    assert_string_equal(lines_of(path_b), "a1:3 ");
    assert_int_equal(ask("select count(*) from alert_outbox where status = 'delivered' and delivered_at is not null and next_attempt_at is null"), 5);
}

/* ---- Tests ---- */

static void
test_line(void **state)
{
    struct str_builder line = STR_BUILDER_EMPTY;
    struct store_alert alert = alert_of(STR("a1"), STR("open"));

    (void)state;
    alert.revision = 2;
    outbox_line(&line, &alert, STR("A"), GRAPH_PHI_NONE);
    assert_string_equal(str_builder_cstr(&line),
                        "{\"alert_id\":\"a1\",\"revision\":2,\"sink\":\"A\",\"rule\":\"abnormal_lab_trends\",\"rule_version\":\"1\",\"limits_approved\":false,"
                        "\"mode\":\"live\",\"severity\":\"critical\",\"status\":\"open\",\"event_time\":\"2026-01-02T00:00:00.000000Z\","
                        "\"detected_at\":\"2026-01-02T00:00:00.000001Z\"}\n");
    str_builder_clear(&line);
    outbox_line(&line, &alert, STR("A"), GRAPH_PHI_MINIMUM);
    assert_non_null(strstr(line.data, "\"person_id\":\"p1\",\"code\":\"2823-3\"}\n"));
    assert_null(strstr(line.data, "MRN7"));
    assert_null(strstr(line.data, "7.1"));
    str_builder_clear(&line);
    alert.evidence = STR("{\n}");
    outbox_line(&line, &alert, STR("A"), GRAPH_PHI_FULL);
    assert_non_null(strstr(line.data, "\"subject_id\":\"MRN7\",\"value\":\"7.1\",\"unit\":\"mmol/L\",\"explanation\":{\"limit\":\"6.2\"},\"evidence\":\"{\\n}\"}\n"));
    str_builder_release(&line);
}

static void
test_delivery(void **state)
{
    struct store  *store  = store_made();
    struct outbox *outbox = outbox_made(store);

    (void)state;
    step(outbox, START - 5 * SECOND); /* A clock that was set back does not hold what was never tried. */
    assert_all_delivered();
    assert_int_equal(outbox_summary(outbox).delivered_count, 5);
    assert_int_equal(outbox_summary(outbox).last_error->code, ERR_NONE);
    assert_int_equal(unlink(path_a), 0);
    step(outbox, START + SECOND);
    assert_int_equal(access(path_a, F_OK), -1); /* Nothing is due: nothing is opened. */
    outbox_free(outbox);
    store_close(store);
}

/* A store whose marks fail as a process does that dies: before, or after they are on disk. */
static const struct store_kind *real_kind;
static bool                     are_marks_made;

static enum status
failing_mark(struct store *store, const struct store_outbox_mark *marks, size_t count, struct error *err)
{
    if (are_marks_made)
        assert_int_equal(real_kind->outbox_mark(store, marks, count, err), ST_OK);
    return error_set(err, ERR_IO, "the process dies here");
}

static void
die_at_mark(bool is_one_file)
{
    struct store     *store  = store_made();
    struct outbox    *outbox = NULL;
    struct error      err    = ERROR_EMPTY;
    struct store_kind dying;

    routes[1].path = is_one_file ? routes[0].path : str_from(path_b);
    real_kind      = store->kind;
    dying          = *real_kind;
    dying.outbox_mark = failing_mark;
    outbox            = outbox_made(store);
    store->kind       = &dying;
    assert_int_equal(outbox_step(outbox, false, START, &err), ST_ERROR);
    assert_string_equal(err.message, "the process dies here");
    assert_string_equal(lines_of(path_a), ALL_OF_A);
    assert_int_equal(ask("select count(*) from alert_outbox where status = 'delivered'"), are_marks_made ? 4 : 0);
    store->kind = real_kind;
    outbox_free(outbox);
    store_close(store);

    assert_int_equal(open_store(&store, &err), ST_OK);
    outbox = outbox_made(store);
    step(outbox, START);
    if (is_one_file) {
        assert_string_equal(lines_of(path_a), ALL_OF_A "a1:3 "); /* Once for each sink. */
        assert_int_equal(ask("select count(*) from alert_outbox where status = 'delivered'"), 5);
    } else {
        assert_all_delivered();
    }
    outbox_free(outbox);
    store_close(store);
    routes[1].path = str_from(path_b);
}

static void
test_death_between(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        are_marks_made = i % 2 == 1;
        die_at_mark(i / 2 == 1);
    }
}

static void
test_torn_line(void **state)
{
    static const char torn[] = "{\"alert_id\":\"a0\",\"revision\":1,\"sink\":\"A\"}\n{\"alert_id\":\"a1\",\"rev";
    struct store     *store  = store_made();
    struct outbox    *outbox = outbox_made(store);

    (void)state;
    assert_true(support_write_file(path_a, torn, sizeof torn - 1));
    step(outbox, START);
    assert_string_equal(lines_of(path_a), "a0:1 " ALL_OF_A);
    outbox_free(outbox);
    store_close(store);

    /* A file of somebody else's stays as it is, and the alerts wait. */
    store  = store_made();
    outbox = outbox_made(store);
    assert_true(support_write_file(path_a, "root:x:0:0", 10));
    step(outbox, START);
    size_t         size  = 0;
    unsigned char *bytes = support_read_file(path_a, &size);
    assert_int_equal(size, 10);
    support_free(bytes);
    assert_int_equal(outbox_summary(outbox).last_error->code, ERR_CORRUPT);
    assert_int_equal(ask("select count(*) from alert_outbox where sink = 'A' and status = 'waiting' and attempts = 1 and last_error like '%is no alert'"), 4);
    assert_string_equal(lines_of(path_b), "a1:3 "); /* The other sink is not held up. */
    outbox_free(outbox);
    store_close(store);
}

/* Lines that fill more than one block of the file's end are found too. */
static void
test_long_tail(void **state)
{
    enum { LINE_COUNT = 300, LINE_SIZE_MAX = 1000 };
    struct store  *store  = store_made();
    struct outbox *outbox = outbox_made(store);
    char          *text   = malloc(LINE_COUNT * LINE_SIZE_MAX);
    size_t         used   = 0;

    (void)state;
    for (int i = 0; i < LINE_COUNT; i++) /* a1:1 is the 256th from the end, a1:2 the 257th. */
        used += (size_t)snprintf(text + used, LINE_SIZE_MAX, "{\"alert_id\":\"%s\",\"revision\":%d,\"sink\":\"A\",\"pad\":\"%900s\"}\n",
                                 i == 44 || i == 43 ? "a1" : "zz", i == 44 ? 1 : i == 43 ? 2 : i + 1, "x");
    assert_true(support_write_file(path_a, text, strlen(text)));
    free(text);
    step(outbox, START);
    assert_int_equal(ask("select count(*) from alert_outbox where sink = 'A' and status = 'delivered'"), 4);
    assert_int_equal(outbox_summary(outbox).delivered_count, 3 + 1); /* a1:1 was there. */
    outbox_free(outbox);
    store_close(store);
}

static void
test_waits(void **state)
{
    static const struct {
        int64_t at_s, attempts, next_s;
    } tries[] = { { 0, 1, 1 }, { 1, 2, 3 }, { 2, 2, 3 }, { 3, 3, 7 }, { 7, 4, 12 }, { 12, 5, 17 } };
    struct store  *store = store_made();
    struct outbox *outbox;
    char           missing[TEMP_DIR_SIZE_MAX + 32], sql[200];

    (void)state;
    snprintf(missing, sizeof missing, "%s/none/alerts.ndjson", folder);
    routes[0].path = str_from(missing);
    outbox         = outbox_made(store);
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        step(outbox, START + tries[i].at_s * SECOND);
        snprintf(sql, sizeof sql, "select count(*) from alert_outbox where sink = 'A' and status = 'waiting' and attempts = %d and next_attempt_at = %lld",
                 (int)tries[i].attempts, (long long)(START + tries[i].next_s * SECOND));
        assert_int_equal(ask(sql), 4);
    }
    /* The folder is there again: all at once, and in order. */
    *strrchr(missing, '/') = '\0';
    assert_int_equal(mkdir(missing, 0700), 0);
    missing[strlen(missing)] = '/';
    step(outbox, START + 16 * SECOND);
    assert_int_equal(access(missing, F_OK), -1);
    step(outbox, START + 17 * SECOND);
    assert_string_equal(lines_of(missing), ALL_OF_A);
    assert_int_equal(ask("select count(*) from alert_outbox where last_error is null"), 5);
    outbox_free(outbox);
    store_close(store);
    unlink(missing);
    routes[0].path = str_from(path_a);
}

static void
test_giving_up(void **state)
{
    struct store  *store = store_made();
    struct outbox *outbox;

    (void)state;
    routes[0].path = str_from(folder); /* No file at all. */
    outbox         = outbox_made(store);
    step(outbox, START + 59 * SECOND);
    assert_int_equal(ask("select count(*) from alert_outbox where status = 'given_up'"), 0);
    step(outbox, START + 60 * SECOND);
    assert_int_equal(ask("select count(*) from alert_outbox where status = 'given_up' and attempts = 2 and next_attempt_at is null"), 4);
    assert_int_equal(outbox_summary(outbox).given_up_count, 4);
    outbox_free(outbox);
    store_close(store);
    routes[0].path = str_from(path_a);
}

/* A revision whose older one waits for its next attempt waits too. */
static void
test_order(void **state)
{
    struct store  *store  = NULL;
    struct error   err    = ERROR_EMPTY;
    struct outbox *outbox;

    (void)state;
    stores_remove(store_path), unlink(path_a), unlink(path_b);
    assert_int_equal(open_store(&store, &err), ST_OK);
    assert_int_equal(submit(store, 1, 1, &err), STORE_COMMITTED);
    routes[0].path = str_from(folder);
    outbox         = outbox_made(store);
    step(outbox, START);
    outbox_free(outbox);
    routes[0].path = str_from(path_a);
    outbox         = outbox_made(store); /* A new process: the sink itself is not held any more. */
    assert_int_equal(submit(store, 1, 2, &err), STORE_COMMITTED);
    step(outbox, START);
    assert_int_equal(access(path_a, F_OK), -1);
    assert_string_equal(lines_of(path_b), "a1:3 ");
    step(outbox, START + SECOND);
    assert_string_equal(lines_of(path_a), "a1:1 a1:2 a2:1 a1:3 ");
    assert_int_equal(ask("select count(*) from alert_outbox where status = 'delivered'"), 5);
    outbox_free(outbox);
    store_close(store);
}

static void
test_overtaken(void **state)
{
    struct store  *store  = store_made(), *other = NULL;
    struct outbox *outbox = outbox_made(store);
    struct error   err    = ERROR_EMPTY;

    (void)state;
    assert_int_equal(open_store(&other, &err), ST_OK);
    assert_int_equal(outbox_step(outbox, true, START, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_FENCED);
    assert_int_equal(access(path_a, F_OK), -1);
    /* Nor does it mark what it may have written before. */
    const struct store_outbox_mark mark = { .alert_id = STR("a"), .revision = 1, .sink = STR("A"), .status = STORE_OUTBOX_DELIVERED,
                                            .next_attempt_at_us = STORE_TIME_NONE, .delivered_at_us = START };
    error_clear(&err);
    assert_int_equal(store->kind->outbox_mark(store, &mark, 1, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_FENCED);
    outbox_free(outbox);
    store_close(store);
    outbox = outbox_made(other);
    step(outbox, START);
    assert_all_delivered();
    outbox_free(outbox);
    store_close(other);
}

/* More than a step takes: the rest comes with the next ones, or at once at the end. */
static void
test_many(void **state)
{
    enum { COUNT = 2000 };
    static char                  ids[COUNT][16];
    static struct store_alert    alerts[COUNT];
    static struct store_delivery deliveries[COUNT];

    (void)state;
    for (int round = 0; round < 2; round++) {
        struct store       *store  = NULL;
        struct error        err    = ERROR_EMPTY;
        struct epoch_commit commit = { .epoch = 1, .generation = 1, .cut_reason = STR("time"), .decisions = STR("{}"), .committed_at_us = START,
                                       .alerts = alerts, .alert_count = COUNT, .deliveries = deliveries, .delivery_count = COUNT };
        stores_remove(store_path), unlink(path_a);
        for (int i = 0; i < COUNT; i++) {
            snprintf(ids[i], sizeof ids[i], "%04d", i);
            alerts[i]     = alert_of(str_from(ids[i]), STR("open"));
            deliveries[i] = (struct store_delivery){ (size_t)i, STR("A") };
        }
        assert_int_equal(open_store(&store, &err), ST_OK);
        assert_int_equal(store_submit(store, &commit, &err), STORE_COMMITTED);
        struct outbox *outbox = outbox_made(store);
        assert_int_equal(outbox_step(outbox, round == 1, START, &err), ST_OK);
        assert_int_equal(ask("select count(*) from alert_outbox where status = 'delivered'"), round == 1 ? COUNT : 4 * 256);
        step(outbox, START);
        assert_int_equal(ask("select count(*) from alert_outbox where status = 'delivered'"), COUNT);
        outbox_free(outbox);
        store_close(store);
    }
}

/* ---- Everything fails in turn ---- */

/* Steps until all is delivered, with a clock that goes on. */
static enum status
deliver_all(struct io *io, struct store *store, struct error *err)
{
    struct outbox *outbox = NULL;
    enum status    status = outbox_new(io, process_clock(), store, &graph, &outbox, err);

    for (int i = 0; i < 3 && status == ST_OK; i++)
        status = outbox_step(outbox, i == 2, START + i * 10 * SECOND, err);
    outbox_free(outbox);
    return status;
}

static enum status
scenario(struct io *io, void *context, struct error *err)
{
    struct store *store = NULL;
    enum status   status;

    (void)context;
    status = make_store(&store, err);
    if (status != ST_OK)
        return status;
    status = deliver_all(io, store, err);
    if (status == ST_OK) {
        assert_all_delivered(); /* A call that failed was made up for by the steps that followed. */
    } else {
        struct error again = ERROR_EMPTY;
        assert_int_equal(deliver_all(io_system(), store, &again), ST_OK); /* What the next process does. */
        assert_all_delivered();
    }
    store_close(store);
    return status;
}

static void
test_failing(void **state)
{
    (void)state;
    sweep_run(scenario, NULL);
}

/* After each failed call the process dies at once: the next one finds every line undelivered or delivered, none twice. */
static void
test_failing_and_dying(void **state)
{
    (void)state;
    for (int error_number = 0; error_number <= 5; error_number += 5) /* Half a write, and EIO. */
        for (uint64_t n = 1;; n++) {
            struct io_failing failing;
            struct error      err    = ERROR_EMPTY;
            struct store     *store  = store_made();
            struct outbox    *outbox = NULL;

            io_failing_init(&failing, n, error_number);
            assert_int_equal(outbox_new(&failing.io, process_clock(), store, &graph, &outbox, &err), ST_OK);
            assert_int_equal(outbox_step(outbox, false, START, &err), ST_OK);
            assert_int_equal(failing.open_count, 0);
            assert_true(ask("select count(*) from alert_outbox where status = 'waiting'") == 5 - outbox_summary(outbox).delivered_count);
            outbox_free(outbox);
            store_close(store);
            assert_int_equal(open_store(&store, &err), ST_OK);
            assert_int_equal(deliver_all(io_system(), store, &err), ST_OK);
            assert_all_delivered();
            store_close(store);
            if (!failing.has_failed)
                break;
        }
}

/* ---- A process that is killed ---- */

/* Passes calls on; at the n-th one the process ends, a write after half of its bytes. */
struct dying_io {
    struct io io;
    uint64_t  left;
};

static struct io *
living(struct io *io)
{
    if (--((struct dying_io *)io)->left == 0)
        _exit(9);
    return io_system();
}

static int
dying_open(struct io *io, const char *path, int flags, mode_t mode)
{
    return living(io)->open(io_system(), path, flags, mode);
}

static int
dying_close(struct io *io, int fd)
{
    return living(io)->close(io_system(), fd);
}

static ssize_t
dying_read(struct io *io, int fd, void *buffer, size_t size)
{
    return living(io)->read(io_system(), fd, buffer, size);
}

static ssize_t
dying_pread(struct io *io, int fd, void *buffer, size_t size, int64_t offset)
{
    return living(io)->pread(io_system(), fd, buffer, size, offset);
}

static ssize_t
dying_write(struct io *io, int fd, const void *bytes, size_t size)
{
    struct dying_io *dying = (struct dying_io *)io;
    ssize_t          put;

    if (dying->left == 1) {
        put = io_system()->write(io_system(), fd, bytes, size / 2);
        _exit(put < 0 ? 8 : 9);
    }
    return living(io)->write(io_system(), fd, bytes, size);
}

static int
dying_sync_data(struct io *io, int fd)
{
    return living(io)->sync_data(io_system(), fd);
}

static int
dying_sync(struct io *io, int fd)
{
    return living(io)->sync(io_system(), fd);
}

/* At its n-th call of the file's; else it delivers all and ends with 0. */
static int
deliver_until(uint64_t n)
{
    struct dying_io dying = { *io_system(), n };
    pid_t           child;
    int             result = -1;

    dying.io.open      = dying_open;
    dying.io.close     = dying_close;
    dying.io.read      = dying_read;
    dying.io.pread     = dying_pread;
    dying.io.write     = dying_write;
    dying.io.sync_data = dying_sync_data;
    dying.io.sync      = dying_sync;
    child              = fork();
    if (child == 0) {
        struct store  *store  = NULL;
        struct outbox *outbox = NULL;
        if (open_store(&store, NULL) != ST_OK || outbox_new(&dying.io, process_clock(), store, &graph, &outbox, NULL) != ST_OK
            || outbox_step(outbox, true, START, NULL) != ST_OK)
            _exit(7);
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    return WEXITSTATUS(result);
}

static void
test_killed(void **state)
{
    (void)state;
    for (int first = 1;; first++) {
        store_close(store_made());
        int result = deliver_until((uint64_t)first);
        assert_true(result == 0 || result == 9);
        /* The next one is killed too, a little further on each time; the last one lives. */
        for (uint64_t n = 1; deliver_until(n) != 0; n += 3)
            assert_true(n < 100);
        assert_all_delivered();
        if (result == 0)
            break;
    }
}

static int
set_up(void **state)
{
    (void)state;
    temp_dir_init(folder);
    snprintf(store_path, sizeof store_path, "%s/store.db", folder);
    snprintf(path_a, sizeof path_a, "%s/alerts.ndjson", folder);
    snprintf(path_b, sizeof path_b, "%s/privacy.ndjson", folder);
    for (int i = 0; i < 2; i++)
        routes[i] = (struct graph_route){ .name = i == 0 ? STR("A") : STR("B"), .type = GRAPH_ROUTE_FILE, .path = str_from(i == 0 ? path_a : path_b),
                                          .phi = GRAPH_PHI_MINIMUM, .retry_first_us = SECOND, .retry_max_us = 5 * SECOND, .give_up_us = 60 * SECOND };
    graph = (struct graph){ .name = STR("edw"), .has_streaming = true, .streaming = { .routes = routes, .route_count = 2 } };
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
        cmocka_unit_test(test_line),          cmocka_unit_test(test_delivery), cmocka_unit_test(test_death_between), cmocka_unit_test(test_torn_line),
        cmocka_unit_test(test_long_tail),     cmocka_unit_test(test_waits),    cmocka_unit_test(test_giving_up),     cmocka_unit_test(test_order),
        cmocka_unit_test(test_overtaken),     cmocka_unit_test(test_many),     cmocka_unit_test(test_failing),       cmocka_unit_test(test_failing_and_dying),
        cmocka_unit_test(test_killed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
