/* The audit file: A1–A4 of govern/audit.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "govern/audit.h"
#include "io/process.h"
#include "support/support.h"
#include "support/sweep.h"

static char                folder[TEMP_DIR_SIZE_MAX];
static char                path[512], head_path[520];
static struct manual_clock test_clock;

static void
start_anew(void)
{
    unlink(path);
    unlink(head_path);
}

static enum status
append(struct io *io, const char *detail, struct error *err)
{
    const struct audit       audit = { io, &test_clock.clock, path };
    const struct audit_entry entry = { STR("query"), STR("WAREHOUSE"), str_from(detail), 0 };
    return audit_append(&audit, &entry, err);
}

static void
append_ok(const char *detail)
{
    struct error err = ERROR_EMPTY;
    if (append(io_system(), detail, &err) != ST_OK)
        fail_msg("%s", err.message);
}

static uint64_t
verify_ok(void)
{
    struct audit_report report;
    struct error        err = ERROR_EMPTY;
    if (audit_verify(io_system(), path, &report, &err) != ST_OK)
        fail_msg("%s", err.message);
    return report.entry_count;
}

/* Refused by both, and an append that is refused leaves the file as it is. */
static void
expect_refused(void)
{
    struct audit_report report;
    struct error        err = ERROR_EMPTY;
    assert_int_equal(audit_verify(io_system(), path, &report, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_non_null(strstr(err.hint, "evidence"));
}

static void
expect_append_refused(void)
{
    struct error err = ERROR_EMPTY;
    struct stat  before, after;
    bool         is_there = stat(path, &before) == 0;
    assert_int_equal(append(io_system(), "SELECT 4", &err), ST_ERROR);
    assert_int_equal(err.code, ERR_CORRUPT);
    if (is_there) {
        assert_int_equal(stat(path, &after), 0);
        assert_int_equal(before.st_size, after.st_size);
    }
}

static void
test_lines(void **state)
{
    (void)state;
    struct process_identity who;
    char                    expected[512];
    size_t                  size;
    start_anew();
    assert_int_equal(verify_ok(), 0);
    append_ok("SELECT \"a\n\" FROM x");
    append_ok("SELECT 2");
    assert_int_equal(verify_ok(), 2);
    char *text = (char *)support_read_file(path, &size);
    assert_non_null(text);
    process_identity(&who);
    assert_int_equal(who.user_id, getuid());
    snprintf(expected, sizeof expected,
             "{\"sequence\":1,\"time\":\"2026-01-02T03:04:05.000000Z\",\"user_id\":%u,\"user\":\"%s\",\"host\":\"%s\","
             "\"process_id\":%d,\"action\":\"query\",\"binding\":\"WAREHOUSE\",\"detail\":\"SELECT \\\"a\\n\\\" FROM x\","
             "\"previous\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"hash\":\"",
             (unsigned)getuid(), who.user, who.host, (int)getpid());
    assert_memory_equal(text, expected, strlen(expected));
    const char *second = strchr(text, '\n') + 1;
    const char *link   = strstr(second, "\"previous\":\"") + 12;
    assert_memory_equal(link, second - 64 - 3, 64);
    support_free(text);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(stat(head_path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

/* Cut after every byte, and with every byte changed, the chain is refused (A2, A4). */
static void
test_damage(void **state)
{
    (void)state;
    const char *const files[] = { path, head_path };
    start_anew();
    append_ok("SELECT 1");
    append_ok("SELECT 2");
    append_ok("SELECT 3");
    for (int file = 0; file < 2; file++) {
        size_t         size;
        unsigned char *bytes = support_read_file(files[file], &size);
        assert_non_null(bytes);
        for (size_t i = 0; i < size; i++) {
            assert_true(support_write_file(files[file], bytes, i));
            expect_refused();
            expect_append_refused();
            bytes[i] ^= 1;
            assert_true(support_write_file(files[file], bytes, size));
            expect_refused();
            bytes[i] ^= 1;
        }
        unlink(files[file]);
        expect_refused();
        assert_true(support_write_file(files[file], bytes, size));
        assert_int_equal(verify_ok(), 3);
        support_free(bytes);
    }
}

/* A change in the last line, and a foreign line behind it, refuse the next append too. */
static void
test_append_to_damage(void **state)
{
    (void)state;
    size_t size;
    start_anew();
    append_ok("SELECT 1");
    append_ok("SELECT 2");
    unsigned char *bytes = support_read_file(path, &size);
    assert_non_null(bytes);
    bytes[size - 100] ^= 1;
    assert_true(support_write_file(path, bytes, size));
    expect_append_refused();
    bytes[size - 100] ^= 1;
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite(bytes, 1, size, file);
    fputs("{\"sequence\":3,\"detail\":\"forged\"}\n", file);
    fclose(file);
    support_free(bytes);
    expect_refused();
    expect_append_refused();
}

/* An append that ended between line and head, or within the line, permitted nothing: its whole line stays, its piece goes (A3). */
static void
test_unfinished(void **state)
{
    (void)state;
    size_t head_size, two_size, size;
    start_anew();
    append_ok("SELECT 1");
    unsigned char *head = support_read_file(head_path, &head_size);
    append_ok("SELECT 2");
    unsigned char *two = support_read_file(path, &two_size);
    const size_t   one_size = (size_t)((unsigned char *)memchr(two, '\n', two_size) + 1 - two);
    for (size_t cut = one_size; cut <= two_size; cut++) {
        assert_true(support_write_file(head_path, head, head_size));
        assert_true(support_write_file(path, two, cut));
        assert_int_equal(verify_ok(), cut == two_size ? 2 : 1);
        append_ok("SELECT 3");
        assert_int_equal(verify_ok(), cut == two_size ? 3 : 2);
    }
    unsigned char *three = support_read_file(path, &size);
    assert_memory_equal(three, two, two_size);
    support_free(head);
    support_free(two);
    support_free(three);
}

static void
test_query(void **state)
{
    (void)state;
    const struct audit audit = { io_system(), &test_clock.clock, path };
    size_t             size;
    start_anew();
    assert_int_equal(audit_query(&audit, STR("W"), STR("run 7"), STR("SELECT 1"), 4711, NULL), ST_OK);
    assert_int_equal(audit_query(&audit, STR("W"), STR_EMPTY, STR("SELECT 2"), 0, NULL), ST_OK);
    char *text = (char *)support_read_file(path, &size);
    assert_non_null(strstr(text, "\"process_id\":4711,\"action\":\"query\",\"binding\":\"W\",\"detail\":\"-- as of run 7\\nSELECT 1\""));
    assert_non_null(strstr(text, "\"detail\":\"SELECT 2\""));
    support_free(text);
    assert_int_equal(verify_ok(), 2);
}

static void
test_too_long(void **state)
{
    (void)state;
    static char  detail[AUDIT_DETAIL_SIZE_MAX + 2];
    struct error err = ERROR_EMPTY;
    memset(detail, 1, AUDIT_DETAIL_SIZE_MAX + 1);
    start_anew();
    assert_int_equal(append(io_system(), detail, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_USAGE);
    assert_int_equal(verify_ok(), 0);
    detail[AUDIT_DETAIL_SIZE_MAX] = '\0'; /* Written as six bytes each. */
    append_ok(detail);
    append_ok(detail);
    append_ok("SELECT 1");
    assert_int_equal(verify_ok(), 3);
}

#define PROCESS_COUNT 4
#define ENTRY_COUNT   25

static void
test_concurrent(void **state)
{
    (void)state;
    start_anew();
    for (int process = 0; process < PROCESS_COUNT; process++) {
        pid_t child = fork();
        if (child != 0)
            continue;
        int result = 0;
        for (int i = 0; i < ENTRY_COUNT && result == 0; i++)
            result = append(io_system(), "SELECT 1", NULL) != ST_OK;
        _exit(result);
    }
    for (int process = 0; process < PROCESS_COUNT; process++) {
        int result = -1;
        assert_true(wait(&result) > 0);
        assert_int_equal(result, 0);
    }
    assert_int_equal(verify_ok(), PROCESS_COUNT * ENTRY_COUNT);
}

/* After any failure the chain is whole, and goes on. */
static enum status
scenario(struct io *io, void *context, struct error *err)
{
    struct audit_report report;
    (void)context;
    start_anew();
    enum status status = append(io, "SELECT 1", err);
    if (status == ST_OK)
        status = append(io, "SELECT 2", err);
    if (status == ST_OK)
        status = audit_verify(io, path, &report, err);
    if (status != ST_OK) {
        assert_int_equal(append(io_system(), "SELECT 3", NULL), ST_OK);
        assert_true(verify_ok() >= 1);
    }
    return status;
}

static void
test_sweep(void **state)
{
    (void)state;
    sweep_run(scenario, NULL);
}

/* A write that ends halfway is finished; one of a full disk leaves a piece, which the next append removes. */
static void
test_half_write(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 40; n++) {
        struct io_failing io;
        start_anew();
        append_ok("SELECT 1");
        io_failing_init(&io, n, 0);
        append(&io.io, "SELECT 2", NULL);
        append_ok("SELECT 3");
        assert_true(verify_ok() >= 2);
    }
}

static int
set_up(void **state)
{
    (void)state;
    temp_dir_init(folder);
    snprintf(path, sizeof path, "%s/audit.ndjson", folder);
    snprintf(head_path, sizeof head_path, "%s.head", path);
    manual_clock_init(&test_clock, INT64_C(1767323045000000));
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
        cmocka_unit_test(test_lines),      cmocka_unit_test(test_damage),     cmocka_unit_test(test_append_to_damage),
        cmocka_unit_test(test_unfinished), cmocka_unit_test(test_too_long),   cmocka_unit_test(test_concurrent),
        cmocka_unit_test(test_sweep),      cmocka_unit_test(test_half_write), cmocka_unit_test(test_query),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
