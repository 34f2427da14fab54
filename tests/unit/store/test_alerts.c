/* Alerts on which persons act, as the SQLite store has them: acts as revisions, what rules tell afterwards, and the statements that show them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/str_builder.h"
#include "store/alerts.h"
#include "store/query.h"
#include "support/stores.h"
#include "support/support.h"

static char          folder[TEMP_DIR_SIZE_MAX];
static char          path[TEMP_DIR_SIZE_MAX + 16];
static struct store *store;
static uint64_t      generation, epoch;
static struct error  err;

#define ID_A "8000000000000001aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "8000000000000001abbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* All rows of a statement: cells with a bar between, rows with a blank. */
static void
expect(const char *sql, const char *expected)
{
    struct str_builder out = STR_BUILDER_EMPTY;
    stores_rows(path, sql, &out);
    assert_string_equal(str_builder_cstr(&out), expected);
    str_builder_release(&out);
}

static void
must(enum status status)
{
    if (status != ST_OK)
        fail_msg("%s", err.message);
}

/* ---- What a rule tells, and what a person does ---- */

/* An epoch with one revision, which goes to the sink PAGER. */
static void
tell(const char *id, const char *status, const char *severity, const char *value, bool is_sent)
{
    const struct store_alert    alert    = { .alert_id = str_from(id), .rule = STR("abnormal_lab_trends"), .rule_version = STR("1"), .mode = STR("live"),
                                             .severity = str_from(severity), .status = str_from(status), .code = STR("2823-3"), .value = str_from(value),
                                             .unit = STR("mmol/L"), .subject_id = STR("P1"), .person_id = STR("p"), .event_time_us = 1000000, .detected_at_us = 10 * (int64_t)(epoch + 1),
                                             .effective_time_us = STORE_TIME_NONE, .explanation = STR("{\"low\":2.800000,\"is\":true}"),
                                             .evidence = STR("{\"events\":[{\"source\":\"LOG\",\"partition_id\":\"a\",\"position\":9}],\"history_from\":null}") };
    const struct store_delivery delivery = { 0, STR("PAGER") };
    const struct epoch_commit   commit   = { .epoch = ++epoch, .generation = generation, .watermark_us = STORE_TIME_NONE, .cut_reason = STR("time"),
                                             .decisions = STR("{}"), .plan_digest = STR("d"), .segment = STR("s"), .committed_at_us = 10 * (int64_t)epoch,
                                             .alerts = &alert, .alert_count = 1, .deliveries = &delivery, .delivery_count = is_sent };
    if (store_submit(store, &commit, &err) != STORE_COMMITTED)
        fail_msg("%s", err.message);
}

static struct store_handled
act(enum store_handling handling, const char *id, int64_t revision, const char *by, int64_t now_us)
{
    const struct store_alert_name name   = { str_from(id), revision };
    const struct store_handle     handle = { .handling = handling, .alerts = &name, .alert_count = 1, .by = str_from(by), .comment = STR("said \"so\""), .now_us = now_us };
    struct store_handled          handled;
    must(store->kind->alerts_handle(store, &handle, &handled, &err));
    return handled;
}

#define REVISIONS "select revision, status, status_reason, severity, acknowledged_by, acknowledged_at, epoch, json_extract(explanation, '$.handled.action') " \
                  "from alert_revisions where revision > 1"
#define OUTBOX    "select revision, sink, status, next_attempt_at from alert_outbox where revision > 1 order by 1, 2"

static void
test_acknowledged(void **state)
{
    (void)state;
    tell(ID_A, "open", "high", "7.4", true);
    struct store_handled handled = act(STORE_ACKNOWLEDGE, "8000000000000001aa", 0, "ann", 77);
    assert_string_equal(handled.alert_id, ID_A);
    assert_string_equal(handled.status, "acknowledged");
    assert_string_equal(handled.by, "ann");
    assert_true(handled.is_new && handled.revision == 2 && handled.at_us == 77);
    expect(REVISIONS, "2|acknowledged|-|high|ann|77|1|acknowledge");
    expect("select detected_at, value, unit, code, subject_id, event_time, case when evidence = (select evidence from alert_revisions where revision = 1) then 1 end, explanation "
           "from alert_revisions where revision = 2",
           "77|7.4|mmol/L|2823-3|P1|1000000|1|{\"low\":2.800000,\"is\":true,\"handled\":{\"action\":\"acknowledge\",\"by\":\"ann\",\"at\":\"1970-01-01T00:00:00.000077Z\","
           "\"comment\":\"said \\\"so\\\"\"}}");
    expect(OUTBOX, "2|PAGER|waiting|77");
    handled = act(STORE_ACKNOWLEDGE, ID_A, 0, "bob", 78);
    assert_string_equal(handled.by, "ann");
    assert_true(!handled.is_new && handled.revision == 2 && handled.at_us == 77);
    expect("select count(*) from alert_revisions", "2");
    handled = act(STORE_CLOSE, ID_A, 0, "bob", 79);
    assert_string_equal(handled.by, "ann"); /* Who acknowledged it; who closed it is in the explanation. */
    expect(REVISIONS " and revision > 2", "3|closed|by_person|high|ann|77|1|close");
    expect("select json_extract(explanation, '$.handled.by') from alert", "bob");
    assert_false(act(STORE_CLOSE, ID_A, 0, "eve", 80).is_new);
}

/* What a sink gets of it, and since when it waits, which is not since its epoch. */
static void
test_delivered(void **state)
{
    struct store_outbox_row *rows  = NULL;
    size_t                   count = 0;
    struct arena             arena;
    (void)state;
    arena_init(&arena, 0);
    tell(ID_A, "open", "high", "7.4", true);
    act(STORE_ACKNOWLEDGE, ID_A, 0, "ann", 15);
    tell(ID_A, "revised", "critical", "7.4", true);
    must(store->kind->outbox_due(store, STR("PAGER"), 1000, 10, false, &arena, &rows, &count, &err));
    assert_int_equal(count, 3);
    static const int64_t since[] = { 10, 15, 20 };
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(rows[i].since_us, since[i]);
    assert_int_equal(rows[0].alert.acknowledged_by.size, 0);
    assert_true(str_equal(rows[1].alert.acknowledged_by, STR("ann")) && rows[1].alert.acknowledged_at_us == 15);
    assert_true(str_equal(rows[2].alert.acknowledged_by, STR("ann")) && str_equal(rows[2].alert.status, STR("revised")));
    assert_true(str_equal(rows[1].alert.status, STR("acknowledged")));
    arena_release(&arena);
}

/* The same again is kept and stays silent; what is graver is told anew and acknowledged anew. */
static void
test_told_afterwards(void **state)
{
    (void)state;
    tell(ID_A, "open", "high", "7.4", true);
    act(STORE_ACKNOWLEDGE, ID_A, 0, "ann", 77);
    tell(ID_A, "revised", "high", "7.4", true);
    expect(REVISIONS " and revision > 2", "3|acknowledged|-|high|ann|77|2|acknowledge");
    expect(OUTBOX, "2|PAGER|waiting|77");
    tell(ID_A, "revised", "critical", "7.4", true);
    expect(REVISIONS " and revision > 3", "4|revised|-|critical|ann|77|3|-");
    expect(OUTBOX, "2|PAGER|waiting|77 4|PAGER|waiting|30");
    assert_true(act(STORE_ACKNOWLEDGE, ID_A, 0, "bob", 99).is_new);
    tell(ID_A, "retracted", "critical", "4.1", true);
    expect(REVISIONS " and revision > 4", "5|acknowledged|-|critical|bob|99|3|acknowledge 6|retracted|-|critical|bob|99|4|-");
    assert_true(act(STORE_ACKNOWLEDGE, ID_A, 0, "eve", 101).is_new);
    assert_false(act(STORE_ACKNOWLEDGE, ID_A, 0, "bob", 102).is_new);
    expect("select status, acknowledged_by from alert", "retracted|eve");
}

static void
test_closed_fires_again(void **state)
{
    (void)state;
    tell(ID_A, "open", "high", "7.4", true);
    act(STORE_CLOSE, ID_A, 0, "ann", 77);
    expect(REVISIONS, "2|closed|by_person|high|ann|77|1|close");
    tell(ID_A, "revised", "medium", "7.4", true);
    tell(ID_A, "open", "critical", "7.4", true);
    expect(REVISIONS " and revision > 2", "3|closed|by_person|medium|ann|77|2|close 4|revised|-|critical|ann|77|3|-");
    expect(OUTBOX, "2|PAGER|waiting|77 4|PAGER|waiting|30");
}

/* L5. Which alert the epoch told is in its digest, what persons did before is not; nor is it in what went to no sink. */
static void
test_digest(void **state)
{
    (void)state;
    tell(ID_A, "open", "high", "7.4", true);
    tell(ID_B, "open", "high", "7.4", false);
    tell(ID_B, "revised", "high", "7.4", false);
    act(STORE_ACKNOWLEDGE, ID_A, 0, "ann", 77);
    tell(ID_A, "revised", "high", "7.4", true);
    store_close(store);
    expect("create table quiet as select epoch, output_digest from epoch_header", "");
    expect("delete from epoch_header; delete from alert_revisions; delete from alert_outbox", "");
    if (stores_is_postgres())
        expect("delete from state_record", "");
    must(stores_open(path, NULL, &store, &err));
    must(store_own(store, &generation, &err));
    epoch = 0;
    tell(ID_A, "open", "high", "7.4", true);
    tell(ID_B, "open", "high", "7.4", false);
    tell(ID_B, "revised", "high", "7.4", false);
    tell(ID_A, "revised", "high", "7.4", true);
    expect("select count(*) from quiet join epoch_header using (epoch, output_digest)", "4");
}

static void
test_shadow(void **state)
{
    (void)state;
    tell(ID_A, "open", "high", "7.4", false);
    assert_true(act(STORE_ACKNOWLEDGE, ID_A, 0, "ann", 77).is_new);
    expect("select count(*) from alert_outbox", "0");
}

/* ---- What is refused ---- */

static void
refused(const char *id, int64_t revision, enum error_code code, const char *why)
{
    const struct store_alert_name names[] = { { STR_INIT(ID_A), 0 }, { str_from(id), revision } };
    const struct store_handle     handle  = { .alerts = names, .alert_count = 2, .by = STR("ann"), .now_us = 77 };
    struct store_handled          handled[2];
    error_clear(&err);
    assert_int_equal(store->kind->alerts_handle(store, &handle, handled, &err), ST_ERROR);
    assert_int_equal(err.code, code);
    if (strstr(err.message, why) == NULL)
        fail_msg("%s", err.message);
    expect("select max(revision) from alert_revisions where alert_id = '" ID_A "'", "1"); /* All or none. */
    expect("select count(*) from alert_outbox", "2");
}

static void
test_refused(void **state)
{
    (void)state;
    tell(ID_A, "open", "high", "7.4", true);
    tell(ID_B, "open", "high", "7.4", false);
    tell(ID_B, "revised", "high", "7.5", true);
    refused("8000000000000002", 0, ERR_NOT_FOUND, "there is no alert 8000000000000002");
    refused("8000000000000001a", 0, ERR_USAGE, "more than one alert begins with 8000000000000001a");
    refused("8000000000000001ab", 1, ERR_USAGE, "the newest revision of alert 8000000000000001ab is 2, not 1");
    assert_true(act(STORE_ACKNOWLEDGE, ID_B, 2, "ann", 77).is_new);
    assert_false(act(STORE_ACKNOWLEDGE, ID_B, 2, "ann", 77).is_new); /* Given again. */
    stores_overtake(path);
    expect("delete from alert_outbox where revision = 3", "");
    refused(ID_B, 0, ERR_FENCED, "generation");
}

/* ---- What is shown ---- */

static struct str_builder output;

static enum status
no_audit(void *context, struct str sql, struct error *audit_err)
{
    (void)context, (void)sql, (void)audit_err;
    return ST_OK;
}

static enum status
take(void *context, struct str bytes, struct error *take_err)
{
    (void)context, (void)take_err;
    str_builder_append(&output, bytes);
    return ST_OK;
}

static const char *
shown(struct str_builder *sql, enum rows_format format)
{
    struct store_query query = { .sql = str_builder_text(sql), .rows = { .format = format, .write = take }, .audit = no_audit };
    uint64_t           count;
    str_builder_clear(&output);
    if (stores_query(path, &query, &count, &err) != ST_OK)
        fail_msg("%s: %s", err.message, str_builder_cstr(sql));
    str_builder_release(sql);
    return str_builder_cstr(&output);
}

static const char *
listed(struct alerts_filter filter, enum graph_phi phi, enum rows_format format)
{
    struct str_builder sql = STR_BUILDER_EMPTY;
    alerts_list_sql(&sql, &filter, phi, format == ROWS_CSV);
    return shown(&sql, format);
}

static void
test_list(void **state)
{
    (void)state;
    tell(ID_A, "open", "high", "7.4", true);
    tell(ID_B, "open", "critical", "7.5", true);
    act(STORE_ACKNOWLEDGE, ID_A, 0, "ann", 77);
    const char *head = "alert,revision,severity,status,rule,mode,event_time,acknowledged_by";
    const char *text = listed((struct alerts_filter){ .limit = 0 }, GRAPH_PHI_NONE, ROWS_CSV);
    assert_memory_equal(text, head, strlen(head));
    assert_non_null(strstr(text, "8000000000000001aaaaaaaa,2,high,acknowledged,abnormal_lab_trends,live,1970-01-01T00:00:01Z,ann"));
    assert_non_null(strstr(text, "8000000000000001abbbbbbb,1,critical,open"));
    for (enum graph_phi phi = GRAPH_PHI_NONE; phi <= GRAPH_PHI_FULL; phi++) {
        text = listed((struct alerts_filter){ .limit = 0 }, phi, ROWS_JSON);
        assert_int_equal(strstr(text, "person_id") != NULL && strstr(text, "2823-3") != NULL, phi >= GRAPH_PHI_MINIMUM);
        assert_int_equal(strstr(text, "\"P1\"") != NULL && strstr(text, "7.4") != NULL && strstr(text, "position") != NULL, phi >= GRAPH_PHI_FULL);
        assert_int_equal(strstr(text, "P1") == NULL && strstr(text, "7.4") == NULL && strstr(text, "low") == NULL && strstr(text, "said") == NULL, phi < GRAPH_PHI_FULL);
    }
    const struct alerts_filter filters[] = { { .status = STR("open") }, { .severity = STR("critical") }, { .has_since = true, .since_us = 78 },
                                             { .rule = STR("no'ne") }, { .mode = STR("shadow") }, { .limit = 1 } };
    const bool has_a[] = { false, false, false, false, false, true }, has_b[] = { true, true, false, false, false, false };
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        text = listed(filters[i], GRAPH_PHI_NONE, ROWS_JSON);
        assert_int_equal(strstr(text, ID_A) != NULL, has_a[i]);
        assert_int_equal(strstr(text, ID_B) != NULL, has_b[i]);
    }
}

static void
test_show(void **state)
{
    struct str_builder sql = STR_BUILDER_EMPTY;
    (void)state;
    tell(ID_A, "open", "high", "7.4", true);
    act(STORE_ACKNOWLEDGE, ID_A, 0, "ann", 77);
    alerts_fields_sql(&sql, STR(ID_A), GRAPH_PHI_FULL);
    const char *text = shown(&sql, ROWS_CSV);
    for (size_t i = 0; i < 8; i++) {
        static const char *const fields[] = { "value,7.4\n", "explanation.low,2.8\n", "explanation.is,true\n", "explanation.handled.by,ann\n", "evidence.events[0].position,9\n",
                                              "evidence.events[0].partition_id,a\n", "evidence.history_from,none\n", "acknowledged_by,ann\n" };
        if (strstr(text, fields[i]) == NULL)
            fail_msg("%s in %s", fields[i], text);
    }
    alerts_fields_sql(&sql, STR(ID_A), GRAPH_PHI_MINIMUM);
    text = shown(&sql, ROWS_CSV);
    assert_true(strstr(text, "code,2823-3") != NULL && strstr(text, "explanation") == NULL && strstr(text, "evidence") == NULL && strstr(text, "P1") == NULL);
    alerts_revisions_sql(&sql, STR(ID_A), GRAPH_PHI_FULL, true);
    assert_string_equal(shown(&sql, ROWS_CSV), "revision,severity,status,status_reason,told_at,acknowledged_by,epoch,value,unit,comment\n"
                                               "1,high,open,,1970-01-01T00:00:00Z,,1,7.4,mmol/L,\n"
                                               "2,high,acknowledged,,1970-01-01T00:00:00Z,ann,1,7.4,mmol/L,\"said \"\"so\"\"\"\n");
    alerts_revisions_sql(&sql, STR(ID_A), GRAPH_PHI_NONE, true);
    assert_null(strstr(shown(&sql, ROWS_CSV), "said"));
    alerts_deliveries_sql(&sql, STR(ID_A), true);
    assert_string_equal(shown(&sql, ROWS_CSV), "revision,sink,status,attempts,next_attempt_at,delivered_at,last_error\n"
                                               "1,PAGER,waiting,0,1970-01-01T00:00:00Z,,\n2,PAGER,waiting,0,1970-01-01T00:00:00Z,,\n");
    alerts_find_sql(&sql, STR("80"));
    assert_string_equal(shown(&sql, ROWS_CSV), "alert_id\n" ID_A "\n");
}

static void
test_names(void **state)
{
    static const char *const bad[] = { "", ":1", "xyz", "8000:", "8000:0", "8000:-1", "8000:x", "80AB", ID_A "0" };
    struct store_alert_name  name;
    (void)state;
    must(alerts_parse_name(STR(ID_A ":12"), &name, &err));
    assert_true(str_equal(name.alert_id, STR(ID_A)) && name.revision == 12);
    must(alerts_parse_name(STR("80f"), &name, &err));
    assert_true(str_equal(name.alert_id, STR("80f")) && name.revision == 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(alerts_parse_name(str_from(bad[i]), &name, &err), ST_ERROR);
}

static int
setup(void **state)
{
    (void)state;
    epoch = 0;
    error_clear(&err);
    temp_dir_init(folder);
    snprintf(path, sizeof path, "%s/store.db", folder);
    must(stores_open(path, NULL, &store, &err));
    must(store_own(store, &generation, &err));
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    store_close(store);
    stores_remove(path);
    str_builder_release(&output);
    temp_dir_release(folder);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = { TEST(test_acknowledged), TEST(test_delivered), TEST(test_told_afterwards), TEST(test_closed_fires_again), TEST(test_digest), TEST(test_shadow),
                                        TEST(test_refused), TEST(test_list), TEST(test_show), TEST(test_names) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
