/* Rows that pass a step: masked unless asked otherwise, bounded, and whole whatever threads do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"
#include "io/thread.h"
#include "live/event.h"
#include "live/tap.h"

static const struct entity entities[]   = { { .name = "patient" }, { .name = "lab_result" } };
static const struct model  model        = { .entities = entities, .entity_count = 2 };
static const struct str    partitions[] = { STR_INIT("a.ndjson"), STR_INIT("b.ndjson") };
static struct live_tap     tap;
static struct chunk        chunk;

static void
set_text(enum event_column column, uint32_t row, const char *text)
{
    assert_int_equal(chunk_set_text(&chunk, column, row, text, strlen(text), NULL), ST_OK);
}

/* Row i is of patient P(i mod 2). */
static void
fill(uint32_t count)
{
    chunk_clear(&chunk);
    chunk.row_count = count;
    for (uint32_t row = 0; row < count; row++) {
        for (uint32_t i = 0; i < EVENT_COLUMN_COUNT; i++)
            chunk_set_null(&chunk, i, row);
        chunk_set_int64(&chunk, EVENT_PARTITION, row, row % 2);
        chunk_set_int64(&chunk, EVENT_POSITION, row, 100 + row);
        chunk_set_int64(&chunk, EVENT_ENTITY, row, 1);
        chunk_set_int64(&chunk, EVENT_TIME, row, 0);
        chunk_set_bool(&chunk, EVENT_IS_LATE, row, row == 1);
        chunk_set_int64(&chunk, EVENT_VALUE, row, 4100000);
        chunk_set_int32(&chunk, EVENT_BIRTH_DATE, row, 1);
        set_text(EVENT_PATIENT_ID, row, row % 2 == 0 ? "MRN-SECRET-0" : "MRN-SECRET-1");
        set_text(EVENT_RESULT, row, "patient fell at home");
        set_text(EVENT_CODE, row, "2823-3");
        set_text(EVENT_UNIT, row, "mmol/L");
        set_text(EVENT_FLAG, row, "Jane Doe");
    }
}

static int
setup(void **state)
{
    (void)state;
    memset(&tap, 0, sizeof tap);
    live_tap_name(&tap, 0, "decode");
    live_tap_name(&tap, 1, "dedup");
    live_tap_open(&tap, 2);
    return chunk_init(&chunk, &event_schema, 64, NULL) == ST_OK ? 0 : 1;
}

static int
teardown(void **state)
{
    (void)state;
    live_tap_release(&tap);
    chunk_release(&chunk);
    return 0;
}

/* What is printed of the tap, which is then over. */
static const char *
printed(struct str_builder *text)
{
    live_tap_end(&tap);
    str_builder_clear(text);
    live_tap_print(&tap, &model, text);
    return str_builder_cstr(text);
}

static void
masked(void **state)
{
    static const char *const hidden[] = { "SECRET", "fell", "Jane", "4.1", "1970-01-02" };
    static const char *const shown[]  = {
        "{\"step\":\"dedup\",\"unmasked\":false,\"rows\":[{\"partition\":\"a.ndjson\",\"position\":100,\"entity\":\"lab_result\",\"event_time\":\"1970-01-01T00:00:00.000000Z\"",
        "\"is_late\":true", "\"code\":\"2823-3\",\"value\":\"#1\",\"unit\":\"mmol/L\",\"comparator\":null,\"flag\":\"#1\",\"result\":\"#1\"",
    };
    struct str_builder text = STR_BUILDER_EMPTY;
    (void)state;
    fill(3);
    assert_int_equal(live_tap_begin(&tap, STR("dedup"), 10, false, NULL), ST_OK);
    live_tap_rows(&tap, 1, &chunk, partitions);
    assert_false(live_tap_is_full(&tap));
    printed(&text);
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        assert_null(strstr(text.data, hidden[i]));
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        if (strstr(text.data, shown[i]) == NULL)
            fail_msg("%s in %s", shown[i], text.data);
    /* The same patient twice, another one between them. */
    const char *first = strstr(text.data, "\"patient_id\":\"#1\""), *second = strstr(text.data, "\"patient_id\":\"#2\"");
    assert_true(first != NULL && second > first && strstr(second, "\"patient_id\":\"#1\"") != NULL);
    assert_null(strstr(text.data, "#3"));
    str_builder_release(&text);
}

static void
unmasked(void **state)
{
    char               longer[LIVE_TAP_TEXT_SIZE + 2];
    struct str_builder text = STR_BUILDER_EMPTY;
    (void)state;
    fill(1);
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    set_text(EVENT_RESULT, 0, longer);
    longer[LIVE_TAP_TEXT_SIZE] = '\0';
    set_text(EVENT_LOCATION, 0, longer);
    assert_int_equal(live_tap_begin(&tap, STR("decode"), 1, true, NULL), ST_OK);
    live_tap_rows(&tap, 0, &chunk, partitions);
    assert_true(live_tap_is_full(&tap));
    printed(&text);
    static const char *const shown[] = { "\"unmasked\":true", "\"patient_id\":\"MRN-SECRET-0\"", "\"value\":4.100000", "\"birth_date\":\"1970-01-02\"", "\"flag\":\"Jane Doe\"", "x…\"",
                                         "xx\",\"code\"" };
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        if (strstr(text.data, shown[i]) == NULL)
            fail_msg("%s in %s", shown[i], text.data);
    str_builder_release(&text);
}

/* A text that is shown is a code: no blanks, no letters beyond ASCII, at most 32 bytes. */
static void
only_codes_are_shown(void **state)
{
    static const struct {
        const char *text;
        bool        is_shown;
    } cases[] = { { "abcdefghijklmnopqrstuvwxyz012345", true }, { "abcdefghijklmnopqrstuvwxyz0123456", false }, { "a b", false }, { "Müller", false }, { "", true } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str_builder text = STR_BUILDER_EMPTY;
        fill(1);
        set_text(EVENT_CODE, 0, cases[i].text);
        assert_int_equal(live_tap_begin(&tap, STR("dedup"), 1, false, NULL), ST_OK);
        live_tap_rows(&tap, 1, &chunk, partitions);
        assert_int_equal(strstr(printed(&text), "\"code\":\"#1\"") == NULL, cases[i].is_shown);
        str_builder_release(&text);
    }
}

static uint32_t
rows_in(const struct str_builder *text)
{
    uint32_t count = 0;
    for (const char *at = text->data; (at = strstr(at, "\"position\":")) != NULL; at++)
        count++;
    return count;
}

static void
bounded(void **state)
{
    struct str_builder text = STR_BUILDER_EMPTY;
    (void)state;
    fill(5);
    assert_int_equal(live_tap_begin(&tap, STR("dedup"), 3, false, NULL), ST_OK);
    live_tap_rows(&tap, 0, &chunk, partitions); /* Another step. */
    printed(&text);
    assert_int_equal(rows_in(&text), 0);
    assert_int_equal(live_tap_begin(&tap, STR("dedup"), 3, false, NULL), ST_OK);
    chunk.selection      = chunk.selection_memory; /* The last two, then all. */
    chunk.selected_count = 2;
    chunk.selection[0] = 3, chunk.selection[1] = 4;
    live_tap_rows(&tap, 1, &chunk, partitions);
    assert_false(live_tap_is_full(&tap));
    chunk.selection = NULL;
    live_tap_rows(&tap, 1, &chunk, partitions);
    assert_true(live_tap_is_full(&tap));
    live_tap_rows(&tap, 1, &chunk, partitions);
    printed(&text);
    assert_int_equal(rows_in(&text), 3);
    assert_true(strstr(text.data, "\"position\":103") < strstr(text.data, "\"position\":104"));
    assert_non_null(strstr(text.data, "\"position\":100"));
    live_tap_clear(&tap); /* Nothing is left, and a chunk that comes is nobody's. */
    live_tap_rows(&tap, 1, &chunk, partitions);
    assert_null(tap.rows);
    str_builder_release(&text);
}

static void
wrong_steps(void **state)
{
    struct error err = ERROR_EMPTY;
    (void)state;
    assert_int_equal(live_tap_begin(&tap, STR("window"), 1, false, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_USAGE);
    assert_string_equal(err.hint, "its steps are decode, dedup");
    error_clear(&err);
    assert_int_equal(live_tap_begin(&tap, STR("dedupe"), 1, false, &err), ST_ERROR);
    assert_non_null(strstr(err.hint, "did you mean \"dedup\"?"));
    error_clear(&err);
    live_tap_open(&tap, 0);
    assert_int_equal(live_tap_begin(&tap, STR("dedup"), 1, false, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_BUSY);
}

/* A tap for which there is no memory has not begun, and the next one can. */
static void
no_memory(void **state)
{
    struct error err = ERROR_EMPTY;
    (void)state;
    memory_fail_after(1);
    assert_int_equal(live_tap_begin(&tap, STR("dedup"), 3, false, &err), ST_ERROR);
    memory_fail_after(0);
    assert_int_equal(err.code, ERR_NO_MEMORY);
    assert_int_equal(atomic_load(&tap.step), 0);
    fill(1);
    live_tap_rows(&tap, 1, &chunk, partitions);
    assert_int_equal(live_tap_begin(&tap, STR("dedup"), 1, false, NULL), ST_OK);
    live_tap_rows(&tap, 1, &chunk, partitions);
    assert_true(live_tap_is_full(&tap));
    live_tap_end(&tap);
}

/* ---- Threads ---- */

struct passer {
    struct thread thread;
    struct chunk *chunk;
    atomic_bool  *is_over;
};

static void
pass(void *context)
{
    struct passer *passer = context;
    while (!atomic_load(passer->is_over))
        live_tap_rows(&tap, 1, passer->chunk, partitions);
}

/* T4: whatever threads pass rows, a tap has as many as it asked for, whole, and the next one begins with its own. */
static void
threads_pass(void **state)
{
    struct passer passers[3];
    atomic_bool   is_over = false;
    uint32_t      taps    = 0;
    (void)state;
    fill(7);
    for (size_t i = 0; i < 3; i++) {
        passers[i] = (struct passer){ .chunk = &chunk, .is_over = &is_over };
        assert_int_equal(thread_start(&passers[i].thread, pass, &passers[i], NULL), ST_OK);
    }
    while (taps < 200) {
        struct str_builder text = STR_BUILDER_EMPTY;
        if (live_tap_begin(&tap, STR("dedup"), 20, taps % 2 != 0, NULL) != ST_OK)
            continue; /* Still copying. */
        while (taps % 3 != 0 && !live_tap_is_full(&tap)) /* Some are ended before they are full. */
            ;
        printed(&text);
        if (taps % 3 != 0)
            assert_int_equal(rows_in(&text), 20);
        assert_int_equal(strstr(text.data, "SECRET") != NULL, taps % 2 != 0 && rows_in(&text) > 0);
        live_tap_clear(&tap);
        str_builder_release(&text);
        taps++;
    }
    atomic_store(&is_over, true);
    for (size_t i = 0; i < 3; i++)
        thread_join(&passers[i].thread);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(masked, setup, teardown),         cmocka_unit_test_setup_teardown(unmasked, setup, teardown),
        cmocka_unit_test_setup_teardown(only_codes_are_shown, setup, teardown), cmocka_unit_test_setup_teardown(bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_steps, setup, teardown),    cmocka_unit_test_setup_teardown(threads_pass, setup, teardown),
        cmocka_unit_test_setup_teardown(no_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
