/* Dead letters that are retried, as the SQLite store has them: queued, taken, settled with the epoch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/str_builder.h"
#include "store/digest.h"
#include "support/stores.h"
#include "support/support.h"

static char          folder[TEMP_DIR_SIZE_MAX];
static char          path[TEMP_DIR_SIZE_MAX + 16];
static struct store *store;
static uint64_t      generation;
static struct error  err;

/* All rows of a statement: cells with a bar between, rows with a blank. */
static void
expect(const char *sql, const char *expected)
{
    struct str_builder out = STR_BUILDER_EMPTY;
    stores_rows(path, sql, &out);
    assert_string_equal(str_builder_cstr(&out), expected);
    str_builder_release(&out);
}

#define LETTERS "select partition_id || position, status, attempts, resolved_by, step, reason_code from dead_letter order by 1, row_number"

static void
must(enum status status)
{
    if (status != ST_OK)
        fail_msg("%s", err.message);
}

static struct store_retry_result
retry(const struct store_letter_place *places, size_t count, const char *reason_code)
{
    const struct store_retry  asked  = { STR("LOG"), places, count, str_from(reason_code), 77 };
    struct store_retry_result result = { 0 };
    must(store->kind->letters_retry(store, &asked, &result, &err));
    return result;
}

/* An epoch that takes the letters [begin, end), of which those given are refused again. */
static void
take(uint64_t epoch, int64_t begin, int64_t end, const struct store_dead_letter *failed, size_t failed_count)
{
    const struct store_account  account  = { .source = STR(STORE_LETTERS_SOURCE), .partition_id = STR("LOG"), .position_begin = begin, .position_end = end,
                                             .received = end - begin, .loaded = end - begin - (int64_t)failed_count,
                                             .quarantined = (int64_t)failed_count, .watermark_us = STORE_TIME_NONE };
    const struct store_position position = { STR(STORE_LETTERS_SOURCE), STR("LOG"), end, STORE_TIME_NONE, STR_EMPTY };
    const struct epoch_commit   commit   = { .epoch = epoch, .generation = generation, .watermark_us = STORE_TIME_NONE, .cut_reason = STR("time"),
                                             .decisions = STR("{}"), .plan_digest = STR("new"), .segment = STR("s"), .accounts = &account,
                                             .account_count = 1, .positions = &position, .position_count = 1, .dead_letters = failed,
                                             .dead_letter_count = failed_count };
    if (store_submit(store, &commit, &err) != STORE_COMMITTED)
        fail_msg("%s", err.message);
}

static const struct store_letter *
waiting(struct arena *arena, int64_t number, size_t count_max, size_t bytes_max, size_t expected)
{
    const struct store_letter *letters = NULL;
    size_t                     count   = 0;
    must(store->kind->letters_waiting(store, STR("LOG"), number, count_max, bytes_max, arena, &letters, &count, &err));
    assert_int_equal(count, expected);
    return letters;
}

static void
test_settled_with_the_epoch(void **state)
{
    const struct store_letter_place places[] = { { STR_INIT("b"), 20 }, { STR_INIT("a"), 9 } };
    const struct store_dead_letter  failed   = { .source = STR(STORE_LETTERS_SOURCE), .partition_id = STR("LOG"), .position = 1, .step = STR("validate_event"),
                                                 .entity = STR("lab_result"), .reason_code = STR("bad_code"), .reason = STR("why") };
    struct arena arena;
    (void)state;
    arena_init(&arena, 0);
    struct store_retry_result result = retry(places, 2, "");
    assert_int_equal(result.retried, 2);
    expect("select number, partition_id, position, requested_at from dead_letter_retry", "1|b|20|77 2|a|9|77");
    const struct store_letter *letters = waiting(&arena, 1, 10, 1000, 2);
    assert_int_equal(letters[1].number, 2);
    assert_int_equal(letters[1].position, 9);
    assert_true(str_equal(letters[1].partition_id, STR("a")) && str_equal(letters[1].bytes, STR("bytes of a 9")));
    result = retry(places, 2, "");
    assert_true(result.retried == 0 && result.waiting == 2 && result.settled == 0);
    take(1, 1, 3, &failed, 1);
    expect(LETTERS, "a11|open|0|-|decode|malformed_record a9|resolved|1|letters/LOG:2|decode|malformed_record b20|open|1|-|validate_event|bad_code "
                    "b30|open|0|-|decode|too_large");
    expect("select plan_digest, entity, reason, epoch from dead_letter where position = 20", "new|lab_result|why|1");
    result = retry(places, 2, "");
    assert_true(result.retried == 1 && result.waiting == 0 && result.settled == 1);
    expect("select number, position from dead_letter_retry where number > 2", "3|20");
    waiting(&arena, 3, 10, 1000, 1);
    waiting(&arena, 4, 10, 1000, 0);
    arena_release(&arena);
}

static struct hash128
digest_of(uint64_t epoch)
{
    char           sql[80];
    struct hash128 digest = { 0, 0 };
    struct str_builder text = STR_BUILDER_EMPTY;
    snprintf(sql, sizeof sql, "select output_digest from epoch_header where epoch = %d", (int)epoch);
    stores_rows(path, sql, &text);
    assert_true(hash128_parse(str_builder_text(&text), &digest));
    str_builder_release(&text);
    return digest;
}

/* What the store itself tells the world in an epoch is in the epoch's digest, and is counted. */
static void
test_retraction_is_told(void **state)
{
    const struct store_letter_place place    = { STR_INIT("a"), 9 };
    const struct epoch_commit       alone    = { .alerts = &(const struct store_alert){ .alert_id = STR("A1"), .status = STR("retracted"), .severity = STR("high"), .value = STR("7.4"),
                                                                                       .event_time_us = 4, .evidence = STR("{\"events\":[{\"source\":\"LOG\",\"partition_id\":\"a\",\"position\":9}]}") },
                                                 .alert_count = 1 };
    struct hash128                  expected = { 0, 0 };
    (void)state;
    expect("insert into alert_revisions (alert_id, revision, rule, rule_version, limits_approved, mode, severity, status, value, event_time, detected_at, explanation, "
           "evidence, epoch) values ('A1', 1, 'unevaluated_result', '1', 1, 'live', 'high', 'open', '7.4', 4, 5, '{}', "
           "'{\"events\":[{\"source\":\"LOG\",\"partition_id\":\"a\",\"position\":9}]}', 0)", "");
    take(1, 1, 1, NULL, 0);
    assert_int_equal(digest_of(1).low | digest_of(1).high, 0);
    assert_int_equal(retry(&place, 1, "").retried, 1);
    take(2, 1, 2, NULL, 0);
    expect("select revision, status, status_reason, epoch from alert_revisions where revision > 1", "2|retracted|letter_resolved|2");
    digest_commit(&alone, &expected);
    assert_true(digest_of(2).low == expected.low && digest_of(2).high == expected.high);
    assert_int_equal(store->retraction_count, 1);
}

/* Acknowledged or closed by a person, it is retracted all the same, to be handled anew; and the digest is the one of nobody's having acted. */
static void
test_retraction_of_what_persons_closed(void **state)
{
    const struct store_letter_place place    = { STR_INIT("a"), 9 };
    const struct store_alert_name   name     = { STR_INIT("a1"), 0 };
    struct hash128                  expected = { 0, 0 };
    struct store_handled            handled;
    const struct store_alert        alone    = { .alert_id = STR("a1"), .status = STR("retracted"), .severity = STR("high"), .value = STR("7.4"), .event_time_us = 4,
                                                 .evidence = STR("{\"events\":[{\"source\":\"LOG\",\"partition_id\":\"a\",\"position\":9}]}") };
    (void)state;
    expect("insert into alert_revisions (alert_id, revision, rule, rule_version, limits_approved, mode, severity, status, value, event_time, detected_at, explanation, "
           "evidence, epoch) values ('a1', 1, 'unevaluated_result', '1', 1, 'live', 'high', 'open', '7.4', 4, 5, '{\"reason\":\"r\"}', "
           "'{\"events\":[{\"source\":\"LOG\",\"partition_id\":\"a\",\"position\":9}]}', 0)", "");
    expect("insert into alert_outbox (alert_id, revision, sink, status, attempts) values ('a1', 1, 'PAGER', 'delivered', 1)", "");
    must(store->kind->alerts_handle(store, &(const struct store_handle){ .handling = STORE_CLOSE, .alerts = &name, .alert_count = 1, .by = STR("ann"), .now_us = 7 },
                                    &handled, &err));
    assert_true(handled.is_new);
    assert_int_equal(retry(&place, 1, "").retried, 1);
    take(1, 1, 2, NULL, 0);
    expect("select revision, status, status_reason, acknowledged_by, acknowledged_at, explanation, epoch from alert_revisions where revision > 1",
           "2|closed|by_person|ann|7|{\"reason\":\"r\",\"handled\":{\"action\":\"close\",\"by\":\"ann\",\"at\":\"1970-01-01T00:00:00.000007Z\"}}|0 "
           "3|retracted|letter_resolved|ann|7|{\"reason\":\"r\"}|1");
    expect("select revision, status from alert_outbox", "1|delivered 2|waiting 3|waiting");
    digest_alert(&alone, &expected);
    assert_true(digest_of(1).low == expected.low && digest_of(1).high == expected.high);
}

/* In the order of their places; what is not whole is left out. */
static void
test_all_and_by_reason(void **state)
{
    struct arena arena;
    (void)state;
    arena_init(&arena, 0);
    assert_int_equal(retry(NULL, 0, "bad_code").retried, 0);
    assert_int_equal(retry(NULL, 0, "malformed_record").retried, 3);
    expect("select number, partition_id, position from dead_letter_retry", "1|a|9 2|a|11 3|b|20");
    assert_int_equal(retry(NULL, 0, "").retried, 0);
    waiting(&arena, 1, 2, 1000, 2);
    waiting(&arena, 1, 10, 1, 1);
    waiting(&arena, 2, 10, 1000, 2);
    arena_release(&arena);
}

/* Two mappings can refuse one record: its letters are one retry, … */
static void
refuse_second_row(void)
{
    expect("insert into dead_letter select source, partition_id, position, 1, step, entity, path, event_id, event_key, headers, received_at, 'bad_code', "
           "reason, bytes, plan_digest, status, attempts, resolved_by, epoch from dead_letter where position = 9", "");
}

#define LETTERS_OF_RECORD "select row_number, status, attempts, step, entity, reason_code from dead_letter where position = 9 order by 1"

/* … and fail or are resolved together where the record itself is refused, or nothing is; … */
static void
test_two_letters_of_one_record(void **state)
{
    const struct store_dead_letter failed = { .source = STR(STORE_LETTERS_SOURCE), .partition_id = STR("LOG"), .position = 1, .step = STR("decode"),
                                              .reason_code = STR("unknown_type"), .reason = STR("why") };
    const struct store_letter_place place = { STR_INIT("a"), 9 };
    (void)state;
    refuse_second_row();
    assert_int_equal(retry(&place, 1, "").retried, 1);
    take(1, 1, 2, &failed, 1);
    expect(LETTERS_OF_RECORD, "0|open|1|decode||unknown_type 1|open|1|decode||unknown_type");
    assert_int_equal(retry(&place, 1, "").retried, 1);
    take(2, 2, 3, NULL, 0);
    expect("select status, attempts, resolved_by from dead_letter where position = 9", "resolved|2|letters/LOG:2 resolved|2|letters/LOG:2");
}

static struct store_dead_letter
failed_row(int64_t number, int64_t row_number, const char *entity)
{
    return (struct store_dead_letter){ .source = STR(STORE_LETTERS_SOURCE), .partition_id = STR("LOG"), .position = number, .row_number = row_number,
                                       .step = STR("validate_event"), .entity = str_from(entity), .reason_code = STR("bad_number"), .reason = STR("why") };
}

/* … else each by its row. A row that is refused is never without an open letter, however the rows of its record were numbered before. */
static void
test_rows_of_one_record(void **state)
{
    const struct store_dead_letter  both[]  = { failed_row(1, 0, "lab_result"), failed_row(1, 1, "observation") };
    const struct store_dead_letter  second  = failed_row(2, 1, "observation");
    const struct store_dead_letter  other[] = { failed_row(3, 2, "encounter"), failed_row(3, 3, "patient") };
    const struct store_letter_place place   = { STR_INIT("a"), 9 };
    (void)state;
    refuse_second_row();
    assert_int_equal(retry(&place, 1, "").retried, 1);
    take(1, 1, 2, both, 2);
    expect(LETTERS_OF_RECORD, "0|open|1|validate_event|lab_result|bad_number 1|open|1|validate_event|observation|bad_number");
    assert_int_equal(retry(&place, 1, "").retried, 1);
    take(2, 2, 3, &second, 1);
    expect(LETTERS_OF_RECORD, "0|resolved|2|validate_event|lab_result|bad_number 1|open|2|validate_event|observation|bad_number");
    assert_int_equal(retry(&place, 1, "").retried, 1);
    take(3, 3, 4, other, 2);
    expect(LETTERS_OF_RECORD, "0|resolved|2|validate_event|lab_result|bad_number 2|open|3|validate_event|encounter|bad_number "
                              "3|open|1|validate_event|patient|bad_number");
    expect("select cast(bytes as text), received_at, plan_digest, epoch from dead_letter where row_number = 3", "bytes of a 9|5|new|3");
}

/* A record is retried whole, whichever of its letters was meant. */
static void
test_one_of_two_letters(void **state)
{
    const struct store_dead_letter failed = failed_row(1, 1, "observation");
    (void)state;
    refuse_second_row();
    assert_int_equal(retry(NULL, 0, "bad_code").retried, 1);
    expect(LETTERS_OF_RECORD, "0|retried|0|decode||malformed_record 1|retried|0|decode||bad_code");
    take(1, 1, 2, &failed, 1);
    expect(LETTERS_OF_RECORD, "0|resolved|1|decode||malformed_record 1|open|1|validate_event|observation|bad_number");
}

static void
refused(const char *partition_id, int64_t position, enum error_code code, const char *why)
{
    const struct store_letter_place places[] = { { STR_INIT("a"), 9 }, { str_from(partition_id), position } };
    const struct store_retry        asked    = { .source = STR("LOG"), .places = places, .place_count = 2 };
    struct store_retry_result       result;
    error_clear(&err);
    assert_int_equal(store->kind->letters_retry(store, &asked, &result, &err), ST_ERROR);
    assert_int_equal(err.code, code);
    assert_non_null(strstr(err.message, why));
    expect("select count(*) from dead_letter_retry", "0"); /* All or none. */
    expect("select status from dead_letter where position = 9", "open");
}

static void
test_refused(void **state)
{
    struct store_retry_result result;
    const struct store_retry  all   = { .source = STR("LOG") };
    (void)state;
    refused("a", 10, ERR_NOT_FOUND, "there is no letter a:10");
    refused("a", 40, ERR_USAGE, "is a late event");
    refused("b", 30, ERR_USAGE, "too large");
    stores_overtake(path);
    assert_int_equal(store->kind->letters_retry(store, &all, &result, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_FENCED);
}

static void
test_gap(void **state)
{
    const struct store_letter *letters = NULL;
    size_t                     count   = 0;
    struct arena               arena;
    (void)state;
    arena_init(&arena, 0);
    assert_int_equal(retry(NULL, 0, "").retried, 3);
    expect("delete from dead_letter where position = 11", "");
    assert_int_equal(store->kind->letters_waiting(store, STR("LOG"), 1, 10, 1000, &arena, &letters, &count, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_non_null(strstr(err.message, "retry 2"));
    arena_release(&arena);
}

static int
setup(void **state)
{
    static const char *const letters[][3] = { { "b", "20", "malformed_record" }, { "a", "11", "malformed_record" }, { "a", "9", "malformed_record" },
                                              { "b", "30", "too_large" } };
    (void)state;
    error_clear(&err);
    temp_dir_init(folder);
    snprintf(path, sizeof path, "%s/store.db", folder);
    must(stores_open(path, NULL, &store, &err));
    must(store_own(store, &generation, &err));
    for (size_t i = 0; i < 4; i++) {
        char sql[512];
        snprintf(sql, sizeof sql, "insert into dead_letter values ('LOG', '%s', %s, 0, 'decode', '', null, null, null, null, 5, '%s', 'why', 'bytes of %s %s', "
                 "'old', 'open', 0, null, 1)", letters[i][0], letters[i][1], letters[i][2], letters[i][0], letters[i][1]);
        expect(sql, "");
    }
    expect("insert into late_event values ('LOG', 'a', 40, 'window_5m', 1, 2, 'too_late', 'why', 'bytes', 5, 'open', 1)", "");
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    store_close(store);
    stores_remove(path);
    temp_dir_release(folder);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_settled_with_the_epoch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retraction_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retraction_of_what_persons_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_and_by_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_letters_of_one_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rows_of_one_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_of_two_letters, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gap, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
