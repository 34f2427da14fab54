/* Flat JSON lines against yyjson: what is taken as flat, yyjson takes too, with the same members; what is plain is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/str_builder.h"
#include "format/json_int.h"
#include "support/decode_support.h"

static const struct test_field FIELDS[] = {
    { "a", "type" }, { "b", "event_id" }, { "c", "value" }, { "d", "a.b[1].c" }, { "e", "x" }, { "f", "a_name_of_more_than_16_bytes" }, { NULL, NULL },
};
static const struct test_mapping MAPPINGS[] = { { "row", MODEL_JSON, NULL, NULL, NULL, FIELDS } };

#define KEY_COUNT_MAX 16

static struct test_plan  plan;
static struct json_state state;
static yyjson_val       *slots[KEY_COUNT_MAX + 1];
static yyjson_val        flat[KEY_COUNT_MAX + 1];
static uint16_t          follows[KEY_COUNT_MAX + 1];

static int
set_up(void **unused)
{
    const struct decode_plan_options options = { .format = MODEL_JSON };
    struct error                     err     = ERROR_EMPTY;
    (void)unused;
    assert_int_equal(test_plan_compile(&options, MAPPINGS, 1, &plan, &err), ST_OK);
    assert_in_range(plan.plan->json->keys.count, 5, KEY_COUNT_MAX);
    state = (struct json_state){ .slots = slots, .flat = flat, .follows = follows };
    return 0;
}

static int
tear_down(void **unused)
{
    (void)unused;
    test_plan_release(&plan);
    return 0;
}

static const struct json_keys *
keys(void)
{
    return &plan.plan->json->keys;
}

/* ---- Two readers ---- */

/* Reads the line, which lies at the very end of a block of its own: a byte too far is found. */
static bool
is_flat(struct str line, char **ret_block)
{
    *ret_block = memory_alloc(line.size);
    assert_non_null(*ret_block);
    if (line.size > 0)
        memcpy(*ret_block, line.data, line.size);
    return json_flat_read(&state, keys(), str_of(*ret_block, line.size));
}

static void
assert_same_members(yyjson_val *root)
{
    assert_true(yyjson_is_obj(root));
    for (uint32_t i = 0; i < keys()->count; i++) {
        const struct json_step step     = { .kind = JSON_MEMBER, .name = keys()->names[i] };
        yyjson_val            *expected = json_step_follow(&step, root);
        struct str             a = STR_EMPTY, b = STR_EMPTY;
        bool                   a_shape, b_shape;
        assert_int_equal(yyjson_get_type(slots[i]), yyjson_get_type(expected));
        assert_int_equal(json_scalar_text(slots[i], &a, &a_shape), json_scalar_text(expected, &b, &b_shape));
        assert_true(str_equal(a, b));
        assert_false(a_shape || b_shape);
    }
}

/* Whether it was taken as flat. */
static bool
compare(struct str line)
{
    char *block = NULL;
    bool  was_flat = is_flat(line, &block);
    if (was_flat) {
        yyjson_read_err err;
        yyjson_doc     *doc = yyjson_read_opts(line.size > 0 ? (char *)(uintptr_t)line.data : block, line.size, YYJSON_READ_NUMBER_AS_RAW, NULL, &err);
        assert_non_null(doc);
        assert_same_members(yyjson_doc_get_root(doc));
        yyjson_doc_free(doc);
    }
    memory_free(block);
    return was_flat;
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
    static const char *const names[]  = { "type", "event_id", "value", "a", "x", "a_name_of_more_than_16_bytes", "unknown", "", "e\\u0061", "\xc3\xa9" };
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
    assert_true(json_plan_may_be_flat(plan.plan));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_lines_are_flat),
        cmocka_unit_test(other_lines_are_left_to_the_parser),
        cmocka_unit_test(random_lines_have_the_same_members),
        cmocka_unit_test(plans_of_other_paths_are_not_flat),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
