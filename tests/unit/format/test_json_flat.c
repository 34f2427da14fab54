/* Flat JSON lines against yyjson: what is taken as flat, yyjson takes too, with the same members; what is plain is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/str_builder.h"
#include "support/flat_support.h"

static struct flat_reader reader;

static int
set_up(void **unused)
{
    (void)unused;
    flat_reader_init(&reader);
    return 0;
}

static int
tear_down(void **unused)
{
    (void)unused;
    flat_reader_release(&reader);
    return 0;
}

static bool
compare(struct str line)
{
    return flat_reader_compare(&reader, line);
}

/* ---- Lines ---- */

static void
plain_lines_are_flat(void **unused)
{
    static const char *const lines[] = {
        "{}", " { } ", "{\"type\":\"\"}", "{\"type\":\"lab_result\",\"event_id\":\"E1\",\"value\":-0.5e+3}",
        "{ \"value\" : 10 , \"type\" : null,\"x\":true,\t\"unknown\":false }\r", "{\"value\":0,\"value\":1E9}",
        "{\"a_name_of_more_than_16_bytes\":\"a text of more than sixteen bytes, and of more than thirty-two\"}",
        "{\"\":1,\"typ\":2,\"types\":3,\"type\":4}", "{\"a\":\"no object\",\"x\":\"\x7f\"}",
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_true(compare(str_from(lines[i])));
}

static void
other_lines_are_left_to_the_parser(void **unused)
{
    static const char *const lines[] = {
        "", " ", "[1]", "{", "{\"type\"", "{\"type\":", "{\"type\":\"x", "{\"type\":\"x\"", "{\"type\":\"x\",", "{\"type\":\"x\",}", "{\"type\":1 2}",
        "{\"type\":[1]}", "{\"type\":{}}", "{\"type\":\"a\\n\"}", "{\"ty\\u0070e\":1}", "{\"type\":\"\xc3\xa9\"}", "{\"type\":\"\x01\"}", "{\"type\":01}",
        "{\"type\":-}", "{\"type\":1.}", "{\"type\":.5}", "{\"type\":1e}", "{\"type\":+1}", "{\"type\":nul}", "{\"type\":truth}", "{\"type\":NaN}",
        "{\"type\":1}x", "{\"type\":1}{}", "{type:1}", "{\"type\" 1}", "{,}", "{\"type\":\"x\"\x00}",
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_false(compare(str_from(lines[i])));
    for (char c = 0; c < ' '; c++) { /* Behind the object and between its marks only blanks of JSON may stand. */
        const char behind[] = { '{', '}', c }, between[] = { '{', c, '}' };
        bool       is_blank = c == '\t' || c == '\r';
        assert_int_equal(compare(str_of(behind, sizeof(behind))), is_blank);
        assert_int_equal(compare(str_of(between, sizeof(between))), is_blank);
    }
}

/* ---- Random lines ---- */

#define PICK(random, list) ((list)[random_below((random), sizeof(list) / sizeof((list)[0]))])

static void
make_line(struct random *random, struct str_builder *line)
{
    static const char *const names[]  = { "type", "event_id", "value", "a", "x", "a_name_of_more_than_16_bytes", "a_name_that_is_longer_than_a_literal", "", "e\\u0061", "\xc3\xa9" };
    static const char *const values[] = { "\"\"", "\"lab_result\"", "\"2026-03-01T14:22:27.000000Z and more\"", "0", "-12.5e3", "7", "true", "false", "null",
                                          "\"\\\"\"", "\"\xe2\x82\xac\"", "[1,{\"b\":2}]", "{\"b\":[0,{\"c\":1}]}", "01", "1e", "tru" };
    static const char *const blanks[] = { "", "", "", " ", "\t", "  " };
    const uint64_t           plain    = random_below(random, 2) * 3; /* Of the last ones, half of the lines have none. */
    str_builder_clear(line);
    str_builder_append_char(line, '{');
    for (uint64_t i = 0, count = random_below(random, 7); i < count; i++) {
        const char *name = names[random_below(random, plain > 0 ? 8 : 10)], *value = values[random_below(random, plain > 0 ? 9 : 16)];
        str_builder_printf(line, "%s%s\"%s\"%s:%s%s%s", i > 0 ? "," : "", PICK(random, blanks), name, PICK(random, blanks), PICK(random, blanks), value,
                           PICK(random, blanks));
    }
    str_builder_append_char(line, '}');
}

static void
random_lines_have_the_same_members(void **unused)
{
    struct random      random;
    struct str_builder line = STR_BUILDER_EMPTY;
    uint32_t           flat_count = 0, changed_count = 0;
    (void)unused;
    random_init(&random, 11);
    for (uint32_t round = 0; round < 60000; round++) {
        make_line(&random, &line);
        flat_count += compare(str_builder_text(&line));
        for (uint32_t i = 0; i < 2; i++)
            line.data[random_below(&random, line.size)] = (char)(random_below(&random, 4) == 0 ? random_next(&random) : (uint64_t)"\"\\{}[]:,0 e-.t"[random_below(&random, 14)]);
        changed_count += compare(str_builder_text(&line));
    }
    assert_in_range(flat_count, 25000, 59999);
    assert_in_range(changed_count, 1000, 59999);
    str_builder_release(&line);
}

/* Members are looked for where the type's own records had them, and found elsewhere too. */
static void
orders_are_of_types(void **unused)
{
    static const char *const lines[] = {
        "{\"type\":\"lab_result\",\"event_id\":\"E1\",\"value\":1,\"x\":\"and more than a literal's bytes behind\"}",
        "{\"type\":\"encounter\",\"x\":\"X\",\"event_id\":\"E2\",\"unknown\":2,\"value\":\"and more than a literal's bytes\"}",
    };
    (void)unused;
    memset(reader.follows, 0, sizeof reader.follows);
    assert_true(compare(str_from(lines[0])));
    assert_true(compare(str_from(lines[1])));
    uint16_t learnt[sizeof reader.follows / sizeof reader.follows[0]];
    memcpy(learnt, reader.follows, sizeof learnt);
    for (int i = 0; i < 4; i++) /* In turn: nothing is unlearnt. */
        assert_true(compare(str_from(lines[i % 2])));
    assert_memory_equal(learnt, reader.follows, sizeof learnt);
}

/* A plan whose paths ask for more than members of the record takes no line for flat. */
static void
plans_of_other_paths_are_not_flat(void **unused)
{
    static const struct test_field     fields[]     = { { "a", "type" }, { NULL, NULL } };
    static const struct test_field     odd[]        = { { "a", "type;\"\xc3\xa9\"" }, { NULL, NULL } };
    static const struct test_mapping   mappings[][1] = {
        { { "row", MODEL_JSON, NULL, "parts", NULL, fields } },
        { { "row", MODEL_JSON, NULL, "parts;.", NULL, fields } },
        { { "row", MODEL_JSON, NULL, NULL, NULL, odd } },
    };
    static const bool                  expected[] = { true, false, false };
    const struct decode_plan_options   options    = { .format = MODEL_JSON };
    (void)unused;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        struct test_plan other = { 0 };
        struct error     err   = ERROR_EMPTY;
        assert_int_equal(test_plan_compile(&options, mappings[i], 1, &other, &err), ST_OK);
        assert_int_equal(json_plan_may_be_flat(other.plan), expected[i]);
        test_plan_release(&other);
    }
    assert_true(json_plan_may_be_flat(reader.plan.plan));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_lines_are_flat),
        cmocka_unit_test(other_lines_are_left_to_the_parser),
        cmocka_unit_test(orders_are_of_types),
        cmocka_unit_test(random_lines_have_the_same_members),
        cmocka_unit_test(plans_of_other_paths_are_not_flat),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
