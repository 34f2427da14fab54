#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/limits.h"
#include "base/options.h"
#include "base/time.h"

struct inner {
    int64_t    size_us;
    struct str token;
};

struct outer {
    int64_t            rows;
    int64_t            share;
    int64_t            memory;
    struct inner       inner;
    struct option_list names;
    struct str         key;
    int                kind;
    bool               is_on;
    bool               rows_given;
};

static const char *const KINDS[] = { "tumbling", "sliding", NULL };

static const struct option INNER_OPTIONS[] = {
    { .name = "size", .type = OPTION_DURATION, .min = US_PER_SECOND, .max = 7 * US_PER_DAY, .is_required = true,
      .help = "How long.", OPTION_FIELD(struct inner, size_us) },
    { .name = "token", .type = OPTION_TEXT, .is_secret = true, .max = 3, .help = "Secret.",
      OPTION_FIELD(struct inner, token) },
};
static const struct option_table INNER =
    OPTION_TABLE("inner", INNER_OPTIONS, struct inner, .help = "Inner.", .short_form = "size");

static const struct option OUTER_OPTIONS[] = {
    { .name = "rows", .type = OPTION_INT, .max = 100, .unit = "rows", .default_text = "10", .help = "Rows.",
      OPTION_FIELD(struct outer, rows), OPTION_GIVEN(struct outer, rows_given) },
    { .name = "share", .type = OPTION_DECIMAL, .max = 1000000, .default_text = "0.05", .help = "Share.",
      OPTION_FIELD(struct outer, share) },
    { .name = "memory", .type = OPTION_SIZE, .default_text = "64MiB", .help = "Memory.",
      OPTION_FIELD(struct outer, memory) },
    { .name = "inner", .type = OPTION_OBJECT, .table = &INNER, .help = "An inner.", OPTION_FIELD(struct outer, inner) },
    { .name = "names", .type = OPTION_LIST, .item_type = OPTION_TEXT, .max = 2, .help = "Names.",
      OPTION_FIELD(struct outer, names) },
    { .name = "key", .type = OPTION_SECRET, .help = "Key.", OPTION_FIELD(struct outer, key) },
    { .name = "kind", .type = OPTION_ENUM, .names = KINDS, .default_text = "sliding", .help = "Kind.",
      OPTION_FIELD(struct outer, kind) },
    { .name = "on", .type = OPTION_BOOL, .default_text = "true", .help = "On.", OPTION_FIELD(struct outer, is_on) },
};
static const struct option_table OUTER = OPTION_TABLE("outer", OUTER_OPTIONS, struct outer, .help = "Outer.");

static const struct option *
find(const char *name)
{
    const struct option *option = option_find(&OUTER, str_from(name));
    assert_non_null(option);
    return option;
}

static void
test_values(void **state)
{
    (void)state;
    struct outer outer;
    struct arena arena;
    struct error err = ERROR_EMPTY;
    arena_init(&arena, 0);
    assert_int_equal(option_table_check(&OUTER, &err), ST_OK);
    option_defaults(&OUTER, &outer);
    assert_true(outer.rows == 10 && outer.share == 50000 && outer.memory == 64 << 20 && outer.kind == 1);
    assert_true(outer.is_on && !outer.rows_given);
    assert_int_equal(option_set_int(find("rows"), &outer, 100, &err), ST_OK);
    assert_true(outer.rows == 100 && outer.rows_given);
    assert_int_equal(option_set_int(find("rows"), &outer, 101, &err), ST_ERROR);
    assert_string_equal(err.message, "rows must be at most 100 rows, not 101");
    assert_int_equal(option_set_int(find("rows"), &outer, -1, &err), ST_ERROR);
    assert_string_equal(err.message, "rows must be at least 0 rows, not -1");
    assert_int_equal(option_set_number(find("share"), &outer, STR("2e-1"), &err), ST_OK);
    assert_int_equal(outer.share, 200000);
    assert_int_equal(option_set_number(find("share"), &outer, STR("0.12345678"), &err), ST_ERROR);
    assert_int_equal(option_set_text(find("rows"), &outer, STR("5"), &err), ST_ERROR);
    assert_string_equal(err.message, "rows must be a whole number, not \"5\"");
    assert_int_equal(option_set_text(find("kind"), &outer, STR("tumblin"), &err), ST_ERROR);
    assert_string_equal(err.message, "kind must be one of tumbling, sliding, not \"tumblin\"");
    assert_string_equal(err.hint, "did you mean \"tumbling\"?");
    assert_int_equal(option_set_text(find("key"), &outer, STR("hunter2"), &err), ST_ERROR);
    assert_string_equal(err.message, "key must be a reference to a secret, not the secret itself");
    assert_int_equal(option_set_text(find("key"), &outer, STR("env:KEY"), &err), ST_OK);
    assert_int_equal(option_set_text(&INNER_OPTIONS[1], &outer.inner, STR("hunter2"), &err), ST_ERROR);
    assert_string_equal(err.message, "token must be at most 3 bytes long");
    assert_int_equal(option_set_from_text(find("inner"), &outer, STR("5m"), &arena, &err), ST_OK);
    assert_int_equal(outer.inner.size_us, 5 * US_PER_MINUTE);
    assert_int_equal(option_set_from_text(find("names"), &outer, STR("a, b"), &arena, &err), ST_OK);
    assert_int_equal(outer.names.count, 2);
    assert_true(str_equal(*(struct str *)option_item_at(find("names"), &outer, 1), STR("b")));
    assert_int_equal(option_set_from_text(find("names"), &outer, STR("a,b,c"), &arena, &err), ST_ERROR);
    assert_string_equal(err.message, "names must have at most 2 items, not 3");
    assert_int_equal(option_unknown(&OUTER, STR("row"), &err), ST_ERROR);
    assert_string_equal(err.message, "unknown option \"row\" in outer");
    assert_string_equal(err.hint, "did you mean \"rows\"?");
    assert_int_equal(option_check_required(&INNER, 0, &err), ST_ERROR);
    assert_string_equal(err.message, "inner needs the option \"size\"");
    assert_int_equal(option_check_required(&INNER, 1, &err), ST_OK);
    arena_release(&arena);
}

static void
test_documents(void **state)
{
    (void)state;
    struct outer       outer;
    struct str_builder out = STR_BUILDER_EMPTY;
    struct json_out    json;
    option_defaults(&OUTER, &outer);
    outer.inner.token   = STR("abc");
    outer.inner.size_us = 90 * US_PER_SECOND;
    json_out_init(&json, &out, 0);
    option_print(&OUTER, &outer, NULL, &json);
    assert_string_equal(str_builder_cstr(&out),
                        "{\"rows\":10,\"share\":0.05,\"memory\":\"64MiB\",\"inner\":{\"size\":\"1m30s\",\"token\":"
                        "\"(hidden)\"},\"names\":[],\"key\":null,\"kind\":\"sliding\",\"on\":true}");
    str_builder_clear(&out);
    json_out_init(&json, &out, 0);
    option_schema(&INNER, &json);
    assert_string_equal(
        str_builder_cstr(&out),
        "{\"description\":\"Inner.\",\"anyOf\":[{\"anyOf\":[{\"type\":\"string\",\"pattern\":\"^(0|([0-9]+(w|d|h|m|s|ms|us))"
        "+)$\"},{\"const\":0}]},{\"type\":\"object\",\"properties\":{\"size\":{\"description\":\"How long.\",\"anyOf\":["
        "{\"type\":\"string\",\"pattern\":\"^(0|([0-9]+(w|d|h|m|s|ms|us))+)$\"},{\"const\":0}]},\"token\":{\"description\":"
        "\"Secret.\",\"type\":\"string\",\"maxLength\":3}},\"required\":[\"size\"],\"additionalProperties\":false}]}");
    str_builder_clear(&out);
    option_reference(&INNER, &out);
    assert_string_equal(str_builder_cstr(&out),
                        "### `inner`\n\nInner. A value in place of the object sets `size`.\n\n"
                        "| option | type | default | range | what it does |\n| --- | --- | --- | --- | --- |\n"
                        "| `size` | duration | required | 1s to 7d | How long. |\n"
                        "| `token` | text |  | up to 3 bytes | Secret. |\n\n");
    str_builder_release(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_values), cmocka_unit_test(test_documents) };
    return cmocka_run_group_tests_name("base: options", tests, NULL, NULL);
}
