/* Tables for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "cli/table.h"

static const struct table_column columns[] = { { "source", false }, { "received", true }, { "where", false } };

static enum status
print(unsigned width, struct str_builder *out, struct error *err)
{
    struct arena arena;
    struct table table;
    arena_init(&arena, 0);
    table_init(&table, columns, 3, &arena);
    table_add(&table, STR("EHR_RAW"));
    table_add_count(&table, 1234567);
    table_add(&table, STR("in/ehr/a folder with a long name"));
    table_add(&table, STR("LAB"));
    table_add_count(&table, 0);
    table_add(&table, STR("M\xc3\xbcller\n\x1b[31m"));
    enum status status = table_print(&table, width, out, err);
    arena_release(&arena);
    return status;
}

static void
check(unsigned width, const char *wanted)
{
    struct str_builder out = STR_BUILDER_EMPTY;
    assert_int_equal(print(width, &out, NULL), ST_OK);
    assert_string_equal(str_builder_cstr(&out), wanted);
    str_builder_release(&out);
}

static void
test_widths(void **state)
{
    (void)state;
    check(0, "source    received  where\n"
             "EHR_RAW  1,234,567  in/ehr/a folder with a long name\n"
             "LAB              0  M\xc3\xbcller\\n\\x1b[31m\n");
    check(40, "source    received  where\n"
              "EHR_RAW  1,234,567  in/ehr/a folder wit…\n"
              "LAB              0  M\xc3\xbcller\\n\\x1b[31m\n");
    /* Too narrow for all: a column of texts keeps 8, numbers are whole. */
    check(10, "source    received  where\n"
              "EHR_RAW  1,234,567  in/ehr/…\n"
              "LAB              0  M\xc3\xbcller\\…\n");
}

static void
test_without_memory(void **state)
{
    (void)state;
    uint64_t before = memory_live_count();
    for (uint64_t n = 1; n < 100; n++) {
        struct str_builder out = STR_BUILDER_EMPTY;
        struct error       err = ERROR_EMPTY;
        memory_fail_after(n);
        enum status status = print(0, &out, &err);
        bool        has_failed = memory_has_failed();
        memory_fail_after(0);
        str_builder_release(&out);
        assert_int_equal(memory_live_count(), before);
        assert_int_equal(status == ST_OK, !has_failed);
        if (!has_failed)
            return;
        assert_int_equal(err.code, ERR_NO_MEMORY);
    }
    fail_msg("the sweep never passed");
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_widths), cmocka_unit_test(test_without_memory) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
