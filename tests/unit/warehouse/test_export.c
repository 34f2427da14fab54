/* History for rules: every version within the horizon, in the order of effective time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str_builder.h"
#include "warehouse/export.h"
#include "warehouse/schema.h"

static const struct entity_column COLUMNS[] = {
    {.name = "k", .type = {.kind = TYPE_TEXT}},
    {.name = "event_time", .type = {.kind = TYPE_TIMESTAMP}},
    {.name = "effective_time", .type = {.kind = TYPE_TIMESTAMP}},
    {.name = "value", .type = {.kind = TYPE_DECIMAL, .scale = 2}},
};
static const uint32_t      KEY[]     = {0};
static const uint32_t      VERSION[] = {1};
static const struct entity ENTITY    = {
       .name = "lab", .file = "lab.json", .kind = ENTITY_FACT, .columns = COLUMNS, .column_count = 4, .key = KEY,
       .key_count = 1, .version = VERSION, .version_count = 1, .event_time_column = 1, .effective_time_column = 2};
static const struct model MODEL = {.entities = &ENTITY, .entity_count = 1};

static void
check(enum status status, const struct error *err)
{
    char text[ERROR_TEXT_SIZE];

    if (status == ST_OK)
        return;
    error_print(err, text, sizeof text);
    fail_msg("%s", text);
}

static enum status
collect(void *context, const struct vector *columns, uint32_t row_count, struct error *err)
{
    struct str_builder *found = context;

    (void)err;
    for (uint32_t row = 0; row < row_count; row++) {
        const struct text *texts  = columns[1].data;
        const int64_t     *values = columns[0].data;

        str_builder_append(found, str_of(text_data(&texts[row]), texts[row].size));
        if (vector_is_valid(&columns[0], row))
            str_builder_printf(found, "=%d ", (int)values[row]);
        else
            str_builder_append_cstr(found, "=null ");
    }
    return ST_OK;
}

static enum status
refuse(void *context, const struct vector *columns, uint32_t row_count, struct error *err)
{
    (void)context;
    (void)columns;
    (void)row_count;
    return error_set(err, ERR_NO, "enough");
}

static void
history_within_the_horizon(void **state)
{
    static const uint32_t   WANTED[]   = {3, 0};
    const struct db_options options    = {.thread_count = 2};
    struct db              *db         = NULL;
    struct db_connection   *connection = NULL;
    struct str_builder      found      = STR_BUILDER_EMPTY;
    struct error            err        = ERROR_EMPTY;

    (void)state;
    check(db_open(&db, &options, &err), &err);
    check(db_connect(db, &connection, &err), &err);
    check(schema_prepare(connection, &MODEL, &err), &err);
    /* Seconds: event, effective; the one without an effective time counts by its event. */
    check(db_run(connection,
                 STR("INSERT INTO core.lab_version BY NAME SELECT k, make_timestamp(e * 1000000) AS event_time, "
                     "make_timestamp(f * 1000000) AS effective_time, v AS value, c AS is_current FROM (VALUES "
                     "('a superseded one', 5, 3, 1.25, false), ('late', 9, 2, 2, true), ('old', 9, 1, 3, true), "
                     "('plain', 4, NULL, NULL, true)) t(k, e, f, v, c)"),
                 &err),
          &err);
    check(warehouse_read_history(connection, &ENTITY, WANTED, 2, 2000000, collect, &found, &err), &err);
    assert_string_equal(str_builder_cstr(&found), "late=200 a superseded one=125 plain=null ");
    assert_int_equal(warehouse_read_history(connection, &ENTITY, WANTED, 2, 0, refuse, NULL, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_NO);
    str_builder_release(&found);
    db_disconnect(connection);
    db_free(db);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(history_within_the_horizon)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
