/* The table of embedded files: sorted, and each file equal to the one in model/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/embedded.h"
#include "support/support.h"

static void
paths_ascend(void **state)
{
    (void)state;
    for (size_t i = 1; i < embedded_file_count; i++)
        assert_true(strcmp(embedded_files[i - 1].path, embedded_files[i].path) < 0);
}

static void
bytes_are_the_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < embedded_file_count; i++) {
        const struct embedded_file *file  = &embedded_files[i];
        size_t                      size  = 0;
        unsigned char              *bytes = support_read_file(source_path(file->path), &size);

        assert_non_null(bytes);
        assert_int_equal(size, file->size);
        assert_memory_equal(bytes, file->bytes, size + 1);
        support_free(bytes);
    }
}

static void
a_row_of_nothing_ends_the_table(void **state)
{
    (void)state;
    assert_null(embedded_files[embedded_file_count].path);
    assert_null(embedded_files[embedded_file_count].bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_ascend),
        cmocka_unit_test(bytes_are_the_files),
        cmocka_unit_test(a_row_of_nothing_ends_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
