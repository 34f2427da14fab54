/* The statements of `heddle letters`, over a store with letters of both kinds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "store/letters.h"
#include "store/query.h"
#include "store/sqlite.h"
#include "support/support.h"

static char               folder[TEMP_DIR_SIZE_MAX];
static char               path[TEMP_DIR_SIZE_MAX + 16];
static struct str_builder output;

static enum status
audit(void *context, struct str sql, struct error *err)
{
    (void)context, (void)sql, (void)err;
    return ST_OK;
}

static enum status
take(void *context, struct str bytes, struct error *err)
{
    (void)context, (void)err;
    str_builder_append(&output, bytes);
    return ST_OK;
}

/* Runs the statement and compares what comes of it; releases it. */
static void
expect(struct str_builder *sql, enum rows_format format, const char *expected)
{
    struct error             err   = ERROR_EMPTY;
    uint64_t                 count = 0;
    const struct store_query query = { path, NULL, str_builder_text(sql), { format, 0, take, NULL }, audit, NULL };

    str_builder_clear(&output);
    if (store_query_run(&query, &count, &err) != ST_OK)
        fail_msg("%s in %s", err.message, str_builder_cstr(sql));
    assert_string_equal(str_builder_cstr(&output), expected);
    str_builder_release(sql);
}

static void
test_summary(void **state)
{
    struct str_builder sql = STR_BUILDER_EMPTY;

    (void)state;
    letters_summary_sql(&sql);
    expect(&sql, ROWS_JSON,
           "{\"kind\":\"dead_letter\",\"step\":\"decode\",\"entity\":null,\"reason_code\":\"malformed_record\",\"letter_count\":2,\"open_count\":2,\"waiting_count\":0,\"resolved_count\":0,"
           "\"first_received_at\":\"2026-01-02T00:00:00Z\",\"last_received_at\":\"2026-01-02T00:00:01Z\"}\n"
           "{\"kind\":\"dead_letter\",\"step\":\"validate_event\",\"entity\":\"lab_result\",\"reason_code\":\"bad_code\",\"letter_count\":1,\"open_count\":1,\"waiting_count\":0,\"resolved_count\":0,"
           "\"first_received_at\":\"2026-01-02T00:00:02Z\",\"last_received_at\":\"2026-01-02T00:00:02Z\"}\n"
           "{\"kind\":\"late_event\",\"step\":\"window_5m\",\"entity\":null,\"reason_code\":\"too_late\",\"letter_count\":1,\"open_count\":1,\"waiting_count\":0,\"resolved_count\":0,"
           "\"first_received_at\":\"2026-01-02T00:00:03Z\",\"last_received_at\":\"2026-01-02T00:00:03Z\"}\n");
}

static void
test_list(void **state)
{
    struct str_builder sql = STR_BUILDER_EMPTY;

    (void)state;
    letters_list_sql(&sql, STR("bad_code"));
    expect(&sql, ROWS_JSON,
           "{\"letter\":\"it's:0.log:200\",\"row_number\":0,\"step\":\"validate_event\",\"entity\":\"lab_result\",\"reason_code\":\"bad_code\","
           "\"reason\":\"column code\",\"received_at\":\"2026-01-02T00:00:02Z\",\"status\":\"open\",\"size_bytes\":13}\n");
    letters_list_sql(&sql, STR("' or 1 = 1 --"));
    expect(&sql, ROWS_JSON, "");
    letters_list_sql(&sql, STR_EMPTY);
    expect(&sql, ROWS_CSV,
           "letter,row_number,step,entity,reason_code,reason,received_at,status,size_bytes\n"
           "it's:0.log:0,0,decode,,malformed_record,cut,2026-01-02T00:00:00Z,open,3\n"
           "it's:0.log:100,0,decode,,malformed_record,cut,2026-01-02T00:00:01Z,open,3\n"
           "it's:0.log:200,0,validate_event,lab_result,bad_code,column code,2026-01-02T00:00:02Z,open,13\n"
           "it's:0.log:300,0,window_5m,,too_late,late,2026-01-02T00:00:03Z,open,2\n");
}

static void
test_show(void **state)
{
    struct str_builder sql = STR_BUILDER_EMPTY;
    struct error       err = ERROR_EMPTY;

    (void)state;
    assert_int_equal(letters_show_sql(&sql, STR("it's:0.log:200"), false, false, GRAPH_STORE_SQLITE, &err), ST_OK);
    expect(&sql, ROWS_JSON,
           "{\"letter\":\"it's:0.log:200\",\"kind\":\"dead_letter\",\"source\":\"LOG\",\"row_number\":0,\"step\":\"validate_event\",\"entity\":\"lab_result\","
           "\"path\":\"$.code\",\"reason_code\":\"bad_code\",\"reason\":\"column code\",\"received_at\":\"2026-01-02T00:00:02Z\",\"event_time\":null,\"watermark\":null,"
           "\"status\":\"open\",\"attempts\":0,\"resolved_by\":null,\"plan_digest\":\"digest\",\"epoch\":1,\"size_bytes\":13}\n");
    assert_int_equal(letters_show_sql(&sql, STR("it's:0.log:200"), true, true, GRAPH_STORE_SQLITE, &err), ST_OK);
    assert_non_null(strstr(sql.data, "bytes"));
    expect(&sql, ROWS_CSV,
           "field,value\nletter,it's:0.log:200\nkind,dead_letter\nsource,LOG\nrow_number,0\nstep,validate_event\nentity,lab_result\npath,$.code\n"
           "reason_code,bad_code\nreason,column code\nreceived_at,2026-01-02T00:00:02Z\nstatus,open\nattempts,0\nplan_digest,digest\nepoch,1\n"
           "size_bytes,13\nevent_id,e7\nevent_key,MRN7\nbytes,\"{\"\"code\"\":\"\"xy\"\"}\"\n");
    assert_int_equal(letters_show_sql(&sql, STR("it's:0.log:300"), false, true, GRAPH_STORE_SQLITE, &err), ST_OK);
    expect(&sql, ROWS_CSV,
           "field,value\nletter,it's:0.log:300\nkind,late_event\nsource,LOG\nrow_number,0\nstep,window_5m\nreason_code,too_late\nreason,late\n"
           "received_at,2026-01-02T00:00:03Z\nevent_time,2026-01-02T00:00:00Z\nwatermark,2026-01-02T02:00:00Z\nstatus,open\nepoch,1\nsize_bytes,2\n");
    assert_int_equal(letters_show_sql(&sql, STR("other:300"), false, true, GRAPH_STORE_SQLITE, &err), ST_OK);
    expect(&sql, ROWS_CSV, "field,value\n");
}

static void
test_names(void **state)
{
    static const char *const wrong[] = { "", "log", "log:", ":5", "log:x", "log:5 ", "log:99999999999999999999" };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct str_builder sql = STR_BUILDER_EMPTY;
        struct error       err = ERROR_EMPTY;
        assert_int_equal(letters_show_sql(&sql, str_from(wrong[i]), true, true, GRAPH_STORE_SQLITE, &err), ST_ERROR);
        assert_int_equal(err.code, ERR_USAGE);
        str_builder_release(&sql);
    }
}

static void
test_without_memory(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct str_builder sql    = STR_BUILDER_EMPTY;
        struct error       err    = ERROR_EMPTY;
        uint64_t           blocks = memory_live_count();
        memory_fail_after(n);
        letters_list_sql(&sql, STR("bad_code"));
        enum status status     = str_builder_status(&sql, &err);
        bool        has_failed = memory_has_failed();
        memory_fail_after(0);
        str_builder_release(&sql);
        assert_int_equal(memory_live_count(), blocks);
        assert_int_equal(status, has_failed ? ST_ERROR : ST_OK);
        if (!has_failed)
            break;
    }
}

static int
set_up(void **state)
{
    static const int64_t      start = INT64_C(1767312000000000);
    struct store_dead_letter  letters[3];
    struct store_late_event   late = { .source = STR("LOG"), .partition_id = STR("it's:0.log"), .position = 300, .step = STR("window_5m"), .event_time_us = start,
                                       .watermark_us = start + INT64_C(7200000000), .reason_code = STR("too_late"), .reason = STR("late"), .bytes = STR("{}"),
                                       .received_at_us = start + 3000000 };
    struct epoch_commit       commit = { .epoch = 1, .generation = 1, .cut_reason = STR("time"), .decisions = STR("{}"), .plan_digest = STR("digest"),
                                         .dead_letters = letters, .dead_letter_count = 3, .late_events = &late, .late_event_count = 1 };
    struct sqlite_store_options options;
    struct store               *store      = NULL;
    uint64_t                    generation = 0;

    (void)state;
    for (int i = 0; i < 3; i++)
        letters[i] = (struct store_dead_letter){ .source = STR("LOG"), .partition_id = STR("it's:0.log"), .position = i * 100, .step = STR("decode"),
                                                 .reason_code = STR("malformed_record"), .reason = STR("cut"), .received_at_us = start + i * 1000000, .bytes = STR("{\"a") };
    letters[2].step = STR("validate_event"), letters[2].entity = STR("lab_result"), letters[2].path = STR("$.code");
    letters[2].event_id = STR("e7"), letters[2].event_key = STR("MRN7"), letters[2].bytes = STR("{\"code\":\"xy\"}");
    letters[2].reason_code = STR("bad_code"), letters[2].reason = STR("column code");
    temp_dir_init(folder);
    snprintf(path, sizeof path, "%s/store.db", folder);
    options = (struct sqlite_store_options){ .path = path, .pipeline = "edw" };
    assert_int_equal(sqlite_store_open(&options, &store, NULL), ST_OK);
    assert_int_equal(store_own(store, &generation, NULL), ST_OK);
    assert_int_equal(store_submit(store, &commit, NULL), STORE_COMMITTED);
    store_close(store);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    temp_dir_release(folder);
    str_builder_release(&output);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_summary), cmocka_unit_test(test_list),           cmocka_unit_test(test_show),
        cmocka_unit_test(test_names),   cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
