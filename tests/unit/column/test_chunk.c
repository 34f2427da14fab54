/* Types, the 16-byte text, chunks: layouts, null bits, selections, copies, leases, and every allocation failing in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "column/chunk.h"
#include "column/kernel.h"

static const struct schema_column columns[] = {
    { "flag", { .kind = TYPE_BOOL } },      { "count", { .kind = TYPE_INT64 } },
    { "ratio", { .kind = TYPE_DOUBLE } },   { "price", { .kind = TYPE_DECIMAL, .scale = 2 } },
    { "name", { .kind = TYPE_TEXT } },      { "at", { .kind = TYPE_TIMESTAMP } },
    { "day", { .kind = TYPE_DATE } },
};
static const struct schema schema = { columns, sizeof columns / sizeof *columns };

static void
texts_lie_as_duckdb_has_them(void **state)
{
    (void)state;
    struct text    text = text_view("abc", 3);
    const uint8_t *bytes = (const uint8_t *)&text;
    assert_memory_equal(bytes, "\3\0\0\0abc\0\0\0\0\0\0\0\0\0", 16);
    text = text_view("abcdefghijkl", 12);
    assert_memory_equal(bytes + 4, "abcdefghijkl", 12);

    const char *longer = "abcdefghijklm";
    text               = text_view(longer, 13);
    const char *pointer;
    memcpy(&pointer, bytes + 8, sizeof pointer);
    assert_memory_equal(bytes, "\15\0\0\0abcd", 8);
    assert_ptr_equal(pointer, longer);
    assert_ptr_equal(text_data(&text), longer);
}

static void
texts_compare_as_bytes(void **state)
{
    (void)state;
    static const char *const ascending[] = { "", "\x01", "A", "AA", "a", "abcdefghijkl", "abcdefghijklm", "abcdefghijklmn",
                                             "abcdefghijkz", "b", "\xc3\xa9" };
    for (size_t i = 0; i < sizeof ascending / sizeof *ascending; i++) {
        for (size_t j = 0; j < sizeof ascending / sizeof *ascending; j++) {
            struct text a = text_view(ascending[i], strlen(ascending[i]));
            struct text b = text_view(ascending[j], strlen(ascending[j]));
            int order     = text_compare(&a, &b);
            assert_int_equal(order < 0, i < j);
            assert_int_equal(order > 0, i > j);
            assert_int_equal(text_equal(&a, &b), i == j);
        }
    }
    char        copy[] = "abcdefghijklm";
    struct text a      = text_view("abcdefghijklm", 13);
    struct text b      = text_view(copy, 13);
    assert_true(text_equal(&a, &b));
}

static void
type_names_go_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool        is_type;
    } cases[] = { { "bool", true }, { "INT64", true }, { "double", true }, { "text", true }, { "timestamp", true },
                  { "date", true }, { "decimal(18,0)", true }, { "decimal(18, 6)", true }, { "Decimal(18,18)", true },
                  { "decimal", false }, { "decimal(17,2)", false }, { "decimal(18,19)", false }, { "decimal(18,-1)", false },
                  { "decimal(18)", false }, { "int", false }, { "", false }, { "decimal(18,2) ", false } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct type type = TYPE(TYPE_BOOL), again;
        assert_int_equal(type_parse(cases[i].text, strlen(cases[i].text), &type), cases[i].is_type);
        char buffer[32];
        type_name(type, buffer, sizeof buffer);
        assert_true(type_parse(buffer, strlen(buffer), &again));
        assert_true(type_equal(type, again));
    }
    assert_false(type_equal(TYPE_DECIMAL_OF(2), TYPE_DECIMAL_OF(3)));
}

static void
fill(struct chunk *chunk, uint32_t row, const char *name)
{
    struct error err;
    chunk_set_bool(chunk, 0, row, row % 2 == 0);
    chunk_set_int64(chunk, 1, row, (int64_t)row * 1000);
    chunk_set_double(chunk, 2, row, row / 2.0);
    chunk_set_int64(chunk, 3, row, -(int64_t)row);
    assert_int_equal(chunk_set_text(chunk, 4, row, name, strlen(name), &err), ST_OK);
    chunk_set_int64(chunk, 5, row, INT64_MIN + row);
    chunk_set_int32(chunk, 6, row, (int32_t)row - 5);
    if (chunk->row_count <= row)
        chunk->row_count = row + 1;
}

static void
rows_are_copied_with_nulls_and_texts(void **state)
{
    (void)state;
    struct error err;
    struct chunk from, to;
    assert_int_equal(chunk_init(&from, &schema, 7, &err), ST_OK);
    assert_int_equal(chunk_init(&to, &schema, 70, &err), ST_OK);
    char name[] = "a name of more than twelve bytes";
    for (uint32_t row = 0; row < 7; row++)
        fill(&from, row, name);
    chunk_set_null(&from, 4, 3);
    chunk_set_null(&from, 0, 6);

    for (uint32_t i = 0; i < 70; i++)
        assert_int_equal(chunk_append_row(&to, &from, i % 7, &err), ST_OK);
    chunk_clear(&from); /* `to` must not need it. */

    assert_int_equal(to.row_count, 70);
    struct vector flags = chunk_vector(&to, 0), names = chunk_vector(&to, 4), days = chunk_vector(&to, 6);
    assert_null(chunk_vector(&to, 1).validity);
    for (uint32_t i = 0; i < 70; i++) {
        assert_int_equal(vector_is_valid(&flags, i), i % 7 != 6);
        assert_int_equal(vector_is_valid(&names, i), i % 7 != 3);
        assert_int_equal(vector_date(&days, i), (int32_t)(i % 7) - 5);
        if (i % 7 != 3)
            assert_true(str_equal(vector_str(&names, i), str_from(name)));
    }
    chunk_clear(&to);
    assert_null(chunk_vector(&to, 4).validity);
    assert_int_equal(to.row_count, 0);
    chunk_release(&from);
    chunk_release(&to);
}

static void
a_filter_narrows_the_selection(void **state)
{
    (void)state;
    struct error err;
    struct chunk chunk;
    assert_int_equal(chunk_init(&chunk, &schema, CHUNK_ROW_COUNT_MAX, &err), ST_OK);
    for (uint32_t row = 0; row < 100; row++)
        fill(&chunk, row, "x");
    chunk_set_null(&chunk, 0, 4);
    struct vector even = chunk_vector(&chunk, 0);
    chunk_filter(&chunk, &even);
    assert_int_equal(chunk.selected_count, 49);
    assert_int_equal(chunk.selection[0], 0);
    assert_int_equal(chunk.selection[2], 6);

    uint8_t       no        = 0;
    struct vector condition = { .type = TYPE(TYPE_BOOL), .is_constant = true, .data = &no };
    chunk_filter(&chunk, &condition);
    assert_int_equal(chunk.selected_count, 0);
    assert_non_null(chunk.selection);
    chunk_release(&chunk);
}

static void
outputs_tell_whether_a_null_is_left(void **state)
{
    (void)state;
    struct error err;
    struct chunk chunk;
    assert_int_equal(chunk_init(&chunk, &schema, 65, &err), ST_OK);
    struct vector_out out = chunk_out(&chunk, 4);
    char              text[40];
    memset(text, 'q', sizeof text);
    for (uint32_t row = 0; row < 65; row++)
        vector_out_text(&out, row, text, row % 40);
    vector_out_null(&out, 64);
    memset(text, '?', sizeof text);
    chunk_out_done(&chunk, 4, &out);
    assert_false(out.failed);
    struct vector names = chunk_vector(&chunk, 4);
    assert_false(vector_is_valid(&names, 64));
    assert_int_equal(text_data(vector_text(&names, 39))[38], 'q');

    out = chunk_out(&chunk, 4);
    chunk_out_done(&chunk, 4, &out);
    assert_null(chunk_vector(&chunk, 4).validity);
    chunk_release(&chunk);
}

static int  leases_released;
static void
lease_release(struct lease *lease)
{
    (void)lease;
    leases_released++;
}

static void
a_lease_ends_with_its_last_chunk(void **state)
{
    (void)state;
    struct error err;
    struct chunk a, b;
    struct lease lease = { .release = lease_release, .reference_count = 2 };
    assert_int_equal(chunk_init(&a, &schema, 1, &err), ST_OK);
    assert_int_equal(chunk_init(&b, &schema, 1, &err), ST_OK);
    a.lease = b.lease = &lease;
    chunk_set_text_leased(&a, 4, 0, "bytes of the lease, not copied", 30);
    leases_released = 0;
    chunk_clear(&a);
    assert_int_equal(leases_released, 0);
    chunk_release(&b);
    assert_int_equal(leases_released, 1);
    chunk_release(&a);
    assert_int_equal(leases_released, 1);
}

static void
any_allocation_may_fail(void **state)
{
    (void)state;
    uint64_t live   = memory_live_count();
    bool     passed = false;
    for (uint64_t n = 1; !passed; n++) {
        struct error err   = ERROR_EMPTY;
        struct chunk chunk = { 0 };
        assert_true(n < 1000);
        memory_fail_after(n);
        enum status status = chunk_init(&chunk, &schema, 64, &err);
        if (status == ST_OK)
            status = chunk_set_text(&chunk, 4, 0, "longer than twelve bytes", 24, &err);
        passed = !memory_has_failed();
        memory_fail_after(0);
        assert_int_equal(status, passed ? ST_OK : ST_ERROR);
        assert_int_equal(err.code, passed ? ERR_NONE : ERR_NO_MEMORY);
        chunk_release(&chunk);
        assert_int_equal(memory_live_count(), live);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_lie_as_duckdb_has_them),
        cmocka_unit_test(texts_compare_as_bytes),
        cmocka_unit_test(type_names_go_both_ways),
        cmocka_unit_test(rows_are_copied_with_nulls_and_texts),
        cmocka_unit_test(a_filter_narrows_the_selection),
        cmocka_unit_test(outputs_tell_whether_a_null_is_left),
        cmocka_unit_test(a_lease_ends_with_its_last_chunk),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
