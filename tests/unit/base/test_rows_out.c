/* Rows as a table, JSON lines and CSV. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/rows_out.h"
#include "base/str_builder.h"

static struct str_builder output;
static unsigned           write_count;

static enum status
take(void *context, struct str bytes, struct error *err)
{
    (void)err;
    assert_null(context);
    assert_int_equal(bytes.data[bytes.size - 1], '\n');
    write_count++;
    str_builder_append(&output, bytes);
    return ST_OK;
}

/* `cells` end with a NULL after a NULL; "-" stands for null, a leading '#' for bare. */
static enum status
show(enum rows_format format, uint32_t width_max, uint32_t column_count, const char *const *names, size_t row_count,
     const char *const *cells, struct error *err)
{
    const struct rows_out_options options = { format, width_max, take, NULL };
    struct rows_out              *rows    = NULL;
    struct str                    texts[8];
    str_builder_clear(&output);
    write_count = 0;
    for (uint32_t i = 0; i < column_count; i++)
        texts[i] = str_from(names[i]);
    enum status status = rows_out_new(&options, texts, column_count, &rows, err);
    for (size_t row = 0; status == ST_OK && row < row_count; row++) {
        for (uint32_t column = 0; column < column_count; column++) {
            const char *cell = cells[row * column_count + column];
            if (cell[0] == '-' && cell[1] == '\0')
                rows_out_cell(rows, STR_EMPTY, true);
            else
                rows_out_cell(rows, str_from(cell + (cell[0] == '#')), cell[0] == '#');
        }
        status = rows_out_row_end(rows, err);
    }
    if (status == ST_OK)
        status = rows_out_end(rows, err);
    if (status == ST_OK)
        assert_int_equal(rows_out_count(rows), row_count);
    rows_out_free(rows);
    return status;
}

static const char *const NAMES[] = { "id", "what \"x\"", "n" };
static const char *const CELLS[] = { "a", "one, two\n", "#1.50", "äöü", "-", "#nan", "\"q\"", "", "#-Inf" };

static void
expect(enum rows_format format, uint32_t width_max, size_t row_count, const char *expected)
{
    struct error err = ERROR_EMPTY;
    assert_int_equal(show(format, width_max, 3, NAMES, row_count, CELLS, &err), ST_OK);
    assert_string_equal(str_builder_cstr(&output), expected);
}

static void
test_formats(void **state)
{
    (void)state;
    expect(ROWS_JSON, 0, 3,
           "{\"id\":\"a\",\"what \\\"x\\\"\":\"one, two\\n\",\"n\":1.50}\n{\"id\":\"äöü\",\"what \\\"x\\\"\":null,\"n\":null}\n"
           "{\"id\":\"\\\"q\\\"\",\"what \\\"x\\\"\":\"\",\"n\":null}\n");
    expect(ROWS_CSV, 0, 3, "id,\"what \"\"x\"\"\",n\na,\"one, two\n\",1.50\näöü,,nan\n\"\"\"q\"\"\",,-Inf\n");
    expect(ROWS_TABLE, 0, 3,
           "id   what \"x\"    n\na    one, two\\n  1.50\näöü  NULL        nan\n\"q\"              -Inf\n");
    expect(ROWS_JSON, 0, 0, "");
    expect(ROWS_CSV, 0, 0, "id,\"what \"\"x\"\"\",n\n");
    expect(ROWS_TABLE, 0, 0, "id  what \"x\"  n\n");
}

/* The widest column gives way first; no line is longer than the terminal unless no column can give more. */
static void
test_width(void **state)
{
    (void)state;
    expect(ROWS_TABLE, 21, 3, "id   what \"x\"    n\na    one, two\\n  1.50\näöü  NULL        nan\n\"q\"              -Inf\n");
    expect(ROWS_TABLE, 17, 3, "id   what …  n\na    one, …  1.50\näöü  NULL    nan\n\"q\"          -Inf\n");
    expect(ROWS_TABLE, 5, 1, "id  wha…  n\na   one…  1.50\n");
}

/* Rows behind the measured ones keep the columns; blocks are written as they fill. */
static void
test_many(void **state)
{
    (void)state;
    static const char *cells[2 * 30000];
    static const char *const names[] = { "a", "b" };
    struct str_builder expected = STR_BUILDER_EMPTY;
    struct error       err = ERROR_EMPTY;
    str_builder_append_cstr(&expected, "a    b\n");
    for (size_t i = 0; i < 30000; i++) {
        bool is_late     = i >= ROWS_OUT_HELD_COUNT_MAX;
        cells[2 * i]     = is_late ? "longer" : "xyz";
        cells[2 * i + 1] = "é";
        str_builder_append_cstr(&expected, is_late ? "lo…  é\n" : "xyz  é\n");
    }
    assert_int_equal(show(ROWS_TABLE, 80, 2, names, 30000, cells, &err), ST_OK);
    assert_string_equal(str_builder_cstr(&output), str_builder_cstr(&expected));
    assert_true(write_count > 3);
    str_builder_release(&expected);
}

static void
test_no_memory(void **state)
{
    (void)state;
    for (int format = ROWS_TABLE; format <= ROWS_CSV; format++) {
        for (uint64_t n = 1;; n++) {
            struct error err    = ERROR_EMPTY;
            uint64_t     blocks = memory_live_count();
            str_builder_release(&output);
            blocks = memory_live_count();
            str_builder_reserve(&output, 1000);
            memory_fail_after(n);
            enum status status     = show((enum rows_format)format, 10, 3, NAMES, 3, CELLS, &err);
            bool        has_failed = memory_has_failed();
            memory_fail_after(0);
            str_builder_release(&output);
            assert_int_equal(memory_live_count(), blocks);
            if (!has_failed) {
                assert_int_equal(status, ST_OK);
                break;
            }
            assert_int_equal(status, ST_ERROR);
            assert_int_equal(err.code, ERR_NO_MEMORY);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_width),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_no_memory),
    };
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    str_builder_release(&output);
    return result;
}
