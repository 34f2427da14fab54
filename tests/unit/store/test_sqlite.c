/* The store, SQLite's or, with STORE_DSN, PostgreSQL's: epochs whole or not at all, fencing, keys, tables of steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "store/sqlite.h"
#include "store/sqlite_int.h"
#include "support/stores.h"
#include "support/support.h"

static const uint8_t key_a[32] = { 1, 2, 3 }, key_b[32] = { 9 };

static const struct schema_column window_columns[] = {
    { "window_start", { TYPE_TIMESTAMP, 0 } }, { "code", { TYPE_TEXT, 0 } },  { "value_avg", { TYPE_DECIMAL, 6 } },
    { "closed", { TYPE_BOOL, 0 } },            { "revision", { TYPE_INT64, 0 } },
};
static const struct schema window_schema = { window_columns, 5 };

static char folder[TEMP_DIR_SIZE_MAX];
static char path[TEMP_DIR_SIZE_MAX + 16];

static struct store *
open_store(const uint8_t *key, struct error *err)
{
    struct store *store = NULL;
    return stores_open(path, key, &store, err) == ST_OK ? store : NULL;
}

/* Reads one integer with a connection of its own. */
static int64_t
ask(const char *sql)
{
    sqlite3      *db = NULL;
    sqlite3_stmt *statement = NULL;
    if (stores_is_postgres())
        return stores_int(path, sql);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "pragma key = \"x'0102030000000000000000000000000000000000000000000000000000000000'\"", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

struct sample {
    struct store_account     account;
    struct store_reason      reason;
    struct store_position    position;
    struct store_table       table;
    struct chunk             chunk;
    const struct chunk      *chunks[1];
    struct store_rows        rows;
    struct store_alert       alert;
    struct store_delivery    delivery;
    struct store_dead_letter letter;
    struct store_late_event  late;
    struct epoch_commit      commit;
};

/* One epoch with a row of everything; positions 100 bytes an epoch. */
static void
sample_init(struct sample *sample, uint64_t epoch, uint64_t generation)
{
    *sample = (struct sample){ 0 };
    int64_t begin = (int64_t)(epoch - 1) * 100;
    sample->account = (struct store_account){ .source = STR("LOG"), .partition_id = STR("part-0"), .position_begin = begin, .position_end = begin + 100,
                                              .received = 3, .loaded = 1, .deduplicated = 1, .quarantined = 1, .bytes = 100, .late = 1, .watermark_us = 5 };
    sample->reason = (struct store_reason){ STR("LOG"), STR(""), STR("quarantined"), STR("malformed_record"), 1 };
    sample->position = (struct store_position){ STR("LOG"), STR("part-0"), begin + 100, 5, STR("inode 7") };
    sample->table = (struct store_table){ "window_5m", STR("aaaaaaaa11"), &window_schema, 2 };
    assert_int_equal(chunk_init(&sample->chunk, &window_schema, 8, NULL), ST_OK);
    for (uint32_t row = 0; row < 2; row++) {
        chunk_set_int64(&sample->chunk, 0, row, 300000000);
        if (row == 0)
            assert_int_equal(chunk_set_text(&sample->chunk, 1, row, "2823-3 potassium in serum", 25, NULL), ST_OK);
        else
            chunk_set_null(&sample->chunk, 1, row);
        chunk_set_int64(&sample->chunk, 2, row, 4200000 + row);
        chunk_set_bool(&sample->chunk, 3, row, false);
        chunk_set_int64(&sample->chunk, 4, row, (int64_t)epoch);
    }
    sample->chunk.row_count = 2;
    sample->chunks[0] = &sample->chunk;
    sample->rows = (struct store_rows){ &sample->table, sample->chunks, 1 };
    sample->alert = (struct store_alert){ .alert_id = STR("800000000000000100000000000000000000000000000000"), .revision = (int64_t)epoch, .rule = STR("abnormal_lab_trends"),
                                          .rule_version = STR("1"), .mode = STR("live"), .severity = STR("critical"), .status = STR("open"),
                                          .event_time_us = 7, .effective_time_us = STORE_TIME_NONE, .detected_at_us = 9, .explanation = STR("{}"), .evidence = STR("[]") };
    sample->delivery = (struct store_delivery){ 0, STR("ALERTING_SERVICE") };
    sample->letter = (struct store_dead_letter){ .source = STR("LOG"), .partition_id = STR("part-0"), .position = begin, .step = STR("decode"),
                                                 .reason_code = STR("malformed_record"), .reason = STR("cut"), .bytes = STR("{\"a\":\0x") };
    sample->late = (struct store_late_event){ .source = STR("LOG"), .partition_id = STR("part-0"), .position = begin + 50, .step = STR("window_5m"), .event_time_us = 1,
                                              .watermark_us = 5, .reason_code = STR("too_late"), .reason = STR("late"), .bytes = STR("{}") };
    sample->commit = (struct epoch_commit){
        .epoch = epoch, .generation = generation, .watermark_us = 5, .cut_reason = STR("time"), .decisions = STR("{}"), .plan_digest = STR("p"),
        .segment = STR("s:1"), .committed_at_us = 11, .accounts = &sample->account, .account_count = 1, .reasons = &sample->reason, .reason_count = 1,
        .positions = &sample->position, .position_count = 1, .rows = &sample->rows, .rows_count = 1, .alerts = &sample->alert, .alert_count = 1,
        .deliveries = &sample->delivery, .delivery_count = 1, .dead_letters = &sample->letter, .dead_letter_count = 1, .late_events = &sample->late, .late_event_count = 1,
    };
}

static int
setting(struct store *store, const char *pragma)
{
    sqlite3_stmt *statement = NULL;
    assert_false(stores_is_postgres());
    assert_int_equal(sqlite3_prepare_v2(((struct sqlite_store *)store)->db, pragma, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static void
test_epochs(void **state)
{
    (void)state;
    struct error      err = ERROR_EMPTY;
    struct arena      arena;
    struct sample     sample;
    struct store_state found;
    uint64_t          generation = 0;
    struct store     *store = open_store(key_a, &err);
    assert_non_null(store);
    assert_int_equal(store_own(store, &generation, &err), ST_OK);
    assert_int_equal(generation, 1);
    /* A commit is on disk when it returns; the log beside the file is copied back by maintain() alone. */
    if (!stores_is_postgres()) {
        assert_int_equal(setting(store, "pragma synchronous"), 2);
        assert_int_equal(setting(store, "pragma wal_autocheckpoint"), 0);
    }
    for (uint64_t epoch = 1; epoch <= 10; epoch++) {
        sample_init(&sample, epoch, generation);
        assert_int_equal(store_submit(store, &sample.commit, &err), STORE_COMMITTED);
        assert_int_equal(store_maintain(store, &err), ST_OK);
        chunk_release(&sample.chunk);
    }
    /* maintain() has copied the log back: the tables are in the file before it is closed. */
    struct stat file;
    if (!stores_is_postgres()) {
        assert_int_equal(stat(path, &file), 0);
        assert_true(file.st_size > 16 << 10);
    }
    store_close(store);
    assert_int_equal(ask("select count(*) from epoch_header"), 10);
    assert_int_equal(ask("select sum(received) from epoch"), 30);
    assert_int_equal(ask("select count(*) from window_5m_revisions"), 20);
    assert_int_equal(ask("select count(*) from window_5m where revision = 10"), 2);
    assert_int_equal(ask("select count(*) from window_5m where code = '' and value_avg = '4.200001'"), 1);
    assert_int_equal(ask("select revision from alert"), 10);
    assert_int_equal(ask("select count(*) from alert_outbox where status = 'waiting'"), 10);
    assert_int_equal(ask("select length(bytes) from dead_letter limit 1"), 7);
    assert_int_equal(ask("select count(*) from late_event"), 10);
    assert_int_equal(ask("select count(*) from alert_revisions where effective_time is null and person_id is null"), 10);

    store = open_store(key_a, &err);
    arena_init(&arena, 0);
    assert_int_equal(store_load(store, &arena, &found, &err), ST_OK);
    assert_int_equal(found.epoch, 10);
    assert_true(str_equal(found.segment, STR("s:1")));
    assert_int_equal(found.position_count, 1);
    assert_int_equal(found.positions[0].position, 1000);
    assert_true(str_equal(found.positions[0].identity, STR("inode 7")));
    arena_release(&arena);
    store_close(store);
}

static enum store_outcome
submit_changed(struct store *store, struct sample *sample, struct error *err)
{
    error_clear(err);
    enum store_outcome outcome = store_submit(store, &sample->commit, err);
    chunk_release(&sample->chunk);
    return outcome;
}

/* Each refusal leaves nothing of its epoch. */
static void
test_refusals(void **state)
{
    (void)state;
    struct error  err = ERROR_EMPTY;
    struct sample sample;
    uint64_t      generation = 0;
    struct store *store = open_store(key_a, &err);
    assert_int_equal(store_own(store, &generation, &err), ST_OK);
    assert_int_equal(generation, 2);

    sample_init(&sample, 11, generation - 1);
    assert_int_equal(submit_changed(store, &sample, &err), STORE_FAILED);
    assert_int_equal(err.code, ERR_FENCED);
    sample_init(&sample, 12, generation);
    assert_int_equal(submit_changed(store, &sample, &err), STORE_FAILED);
    for (uint64_t epoch = 10; epoch <= 12; epoch += 2) { /* All but its number would fit. */
        sample_init(&sample, 11, generation);
        sample.commit.epoch = epoch;
        assert_int_equal(submit_changed(store, &sample, &err), STORE_FAILED);
        assert_non_null(strstr(err.message, "follows epoch 10"));
    }
    for (int64_t begin = 999; begin <= 1001; begin += 2) { /* Something twice, something skipped. */
        char words[32];
        snprintf(words, sizeof(words), "begins at %d", (int)begin);
        sample_init(&sample, 11, generation);
        sample.account.position_begin = begin;
        assert_int_equal(submit_changed(store, &sample, &err), STORE_FAILED);
        assert_non_null(strstr(err.message, words));
    }
    sample_init(&sample, 11, generation);
    sample.account.received = 4;
    assert_int_equal(submit_changed(store, &sample, &err), STORE_FAILED);
    assert_non_null(strstr(err.message, "do not add up"));
    sample_init(&sample, 11, generation);
    sample.alert.mode = STR("guess"); /* The schema itself refuses it, after much was written. */
    assert_int_equal(submit_changed(store, &sample, &err), STORE_FAILED);
    assert_int_equal(ask("select count(*) from epoch_header"), 10);
    assert_int_equal(ask("select count(*) from window_5m_revisions"), 20);
    assert_int_equal(ask("select position from source_position"), 1000);

    sample_init(&sample, 11, generation);
    if (submit_changed(store, &sample, &err) != STORE_COMMITTED) fail_msg("%s", err.message);
    store_close(store);
    assert_int_equal(ask("select count(*) from epoch_header"), 11);
}

static void
test_changed_definition(void **state)
{
    (void)state;
    struct error  err = ERROR_EMPTY;
    struct sample sample;
    uint64_t      generation = 0;
    struct store *store = open_store(key_a, &err);
    assert_int_equal(store_own(store, &generation, &err), ST_OK);
    sample_init(&sample, 12, generation);
    sample.table.definition_digest = STR("bbbbbbbb22");
    assert_int_equal(submit_changed(store, &sample, &err), STORE_COMMITTED);
    store_close(store);
    assert_int_equal(ask("select count(*) from window_5m_aaaaaaaa_revisions"), 22);
    assert_int_equal(ask("select count(*) from window_5m"), 2);
}

static void
test_keys_and_names(void **state)
{
    (void)state;
    if (stores_is_postgres())
        skip(); /* It has no key, and tests/integration/postgres.py has its names. */
    struct error err = ERROR_EMPTY;
    assert_null(open_store(key_b, &err));
    assert_int_equal(err.code, ERR_KEY);
    assert_int_equal(error_exit_code(&err), 77);
    assert_null(open_store(NULL, &err));
    assert_int_equal(err.code, ERR_KEY);
    struct sqlite_store_options options = { .path = path, .key = key_a, .pipeline = "other" };
    struct store               *store = NULL;
    assert_int_equal(sqlite_store_open(&options, &store, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.message, "belongs to the pipeline \"edw\""));
    size_t         size = 0;
    unsigned char *bytes = support_read_file(path, &size);
    assert_non_null(bytes);
    assert_null(memmem(bytes, size, "potassium", 9));
    assert_null(memmem(bytes, size, "SQLite format", 13));
    support_free(bytes);
}

/* The store numbers revisions itself, also where an epoch has several of one alert; the outbox follows. */
static void
test_revisions(void **state)
{
    (void)state;
    struct error          err = ERROR_EMPTY;
    struct sample         sample;
    struct store_alert    alerts[3];
    struct store_delivery deliveries[2] = { { 2, STR("A") }, { 1, STR("B") } };
    uint64_t              generation = 0;
    struct store         *store = open_store(key_a, &err);
    assert_int_equal(store_own(store, &generation, &err), ST_OK);
    for (uint64_t epoch = 13; epoch <= 14; epoch++) {
        sample_init(&sample, epoch, generation);
        for (int i = 0; i < 3; i++) {
            alerts[i] = sample.alert;
            alerts[i].revision = 0;
            alerts[i].alert_id = i == 1 ? STR("8000000000000002") : STR("8000000000000003");
        }
        alerts[2].status = STR("retracted");
        sample.commit.alerts = alerts;
        sample.commit.alert_count = 3;
        sample.commit.deliveries = deliveries;
        sample.commit.delivery_count = 2;
        assert_int_equal(submit_changed(store, &sample, &err), STORE_COMMITTED);
    }
    store_close(store);
    assert_int_equal(ask("select count(*) from alert_revisions where alert_id = '8000000000000002'"), 2);
    assert_int_equal(ask("select revision from alert where alert_id = '8000000000000003' and status = 'retracted'"), 4);
    assert_int_equal(ask("select sum(revision) from alert_outbox where sink = 'A'"), 2 + 4);
    assert_int_equal(ask("select sum(revision) from alert_outbox where sink = 'B'"), 1 + 2);
}

static int
set_up(void **state)
{
    (void)state;
    temp_dir_init(folder);
    snprintf(path, sizeof(path), "%s/store.db", folder);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    stores_remove(path);
    temp_dir_release(folder);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_epochs), /* The order matters: one store grows. */
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_changed_definition),
        cmocka_unit_test(test_revisions),
        cmocka_unit_test(test_keys_and_names),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
