/* The option tables of both configuration files hold together: names, help, defaults in range, short forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/tables_int.h"

static void
test_tables(void **state)
{
    (void)state;
    const struct option_table *const tables[] = { &PIPELINE_FILE_TABLE, &BATCH_TRANSFORM_TABLE, &STREAMING_TRANSFORM_TABLE, &WINDOW_TABLE,
                                                  &SCHEDULE_TABLE,      &BINDINGS_FILE_TABLE,   &SITE_TABLE,                &SOURCE_TABLE,
                                                  &INPUT_TABLE,         &WAREHOUSE_TABLE,       &STORE_TABLE,               &ROUTES_TABLE,
                                                  &ROUTE_TABLE };
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        struct error err = ERROR_EMPTY;
        if (option_table_check(tables[i], &err) != ST_OK)
            fail_msg("%s: %s", tables[i]->name, err.message);
        assert_true(tables[i]->option_count > 0);
    }
    const struct option *size = option_find(&WINDOW_TABLE, STR("size"));
    assert_non_null(size);
    assert_int_equal(size->type, OPTION_DURATION);
    assert_null(option_find(&WINDOW_TABLE, STR("sizes")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_tables) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
