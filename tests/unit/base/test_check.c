/* A failed CHECK tells its handler where, and what; the program's own exit code shows it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/check.h"

static jmp_buf     back;
static const char *told_condition, *told_file, *told_function;

static void
handler(const char *file, int line, const char *function, const char *condition)
{
    assert_true(line > 0);
    told_file = file;
    told_function = function;
    told_condition = condition;
    longjmp(back, 1);
}

static void
test_check(void **state)
{
    (void)state;
    check_handler_set(handler);
    volatile int rows = 3;
    if (setjmp(back) == 0) {
        CHECK(rows == 3);
        assert_null(told_condition);
        CHECK(rows == 4);
        fail_msg("a failed CHECK returned");
    }
    assert_string_equal(told_condition, "rows == 4");
    assert_string_equal(told_function, "test_check");
    assert_non_null(strstr(told_file, "test_check.c"));
    if (setjmp(back) == 0)
        UNREACHABLE();
    assert_string_equal(told_condition, "unreachable");
    check_handler_set(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_check) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
