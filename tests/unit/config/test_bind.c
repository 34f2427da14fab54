/* From JSON to structs by option tables: defaults, short forms, nested lists and objects, and all that can be wrong, each at
 * its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/memory.h"
#include "base/time.h"
#include "config/bind.h"

struct inner {
    int64_t    size;
    struct str name;
};

struct outer {
    bool               is_on;
    int64_t            count;
    int64_t            bytes;
    int64_t            share;
    int                kind;
    struct str         key;
    struct inner       window;
    struct option_list names;
    struct option_list windows;
    const void        *map;
    bool               has_count;
};

static const struct option inner_options[] = {
    { .name = "size", .type = OPTION_DURATION, .min = US_PER_SECOND, .max = US_PER_DAY, .is_required = true, .help = "How long.",
      OPTION_FIELD(struct inner, size) },
    { .name = "name", .type = OPTION_TEXT, .default_text = "none", .help = "What it is called.", OPTION_FIELD(struct inner, name) },
};
static const struct option_table inner_table = OPTION_TABLE("window", inner_options, struct inner, .help = "A window.", .short_form = "size");

static const char *const kinds[] = { "small", "large", NULL };
static const struct option outer_options[] = {
    { .name = "is_on", .type = OPTION_BOOL, .default_text = "true", .help = "Whether.", OPTION_FIELD(struct outer, is_on) },
    { .name = "count", .type = OPTION_INT, .default_text = "7", .min = 1, .max = 10, .help = "How many.", OPTION_FIELD(struct outer, count),
      OPTION_GIVEN(struct outer, has_count) },
    { .name = "bytes", .type = OPTION_SIZE, .default_text = "64KiB", .help = "How large.", OPTION_FIELD(struct outer, bytes) },
    { .name = "share", .type = OPTION_DECIMAL, .default_text = "0.05", .max = 1000000, .help = "How much.", OPTION_FIELD(struct outer, share) },
    { .name = "kind", .type = OPTION_ENUM, .names = kinds, .default_text = "large", .help = "Which.", OPTION_FIELD(struct outer, kind) },
    { .name = "key", .type = OPTION_SECRET, .help = "Where the key is.", OPTION_FIELD(struct outer, key) },
    { .name = "window", .type = OPTION_OBJECT, .table = &inner_table, .help = "One window.", OPTION_FIELD(struct outer, window) },
    { .name = "names", .type = OPTION_LIST, .item_type = OPTION_TEXT, .max = 3, .help = "Names.", OPTION_FIELD(struct outer, names) },
    { .name = "windows", .type = OPTION_LIST, .item_type = OPTION_OBJECT, .table = &inner_table, .help = "Windows.", OPTION_FIELD(struct outer, windows) },
    { .name = "map", .type = OPTION_MAP, .item_type = OPTION_TEXT, .help = "Free names.", OPTION_FIELD(struct outer, map) },
};
static const struct option_table outer_table = OPTION_TABLE("thing", outer_options, struct outer, .help = "A thing.");

static struct arena         arena;
static struct config_errors errors;

static int
setup(void **state)
{
    (void)state;
    arena_init(&arena, 0);
    errors = CONFIG_ERRORS_EMPTY;
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    config_errors_release(&errors);
    arena_release(&arena);
    return 0;
}

static bool
bind(const char *text, struct outer *ret_outer)
{
    const struct config_binder binder = { "f.json", &arena, &errors };
    const struct json         *root   = NULL;
    assert_int_equal(json_parse(str_from(text), "f.json", &arena, &root, NULL), ST_OK);
    return config_bind(&binder, root, &outer_table, ret_outer);
}

static void
tables_are_sound(void **state)
{
    (void)state;
    assert_int_equal(option_table_check(&outer_table, NULL), ST_OK);
    assert_int_equal(option_table_check(&inner_table, NULL), ST_OK);
}

static void
defaults_and_values(void **state)
{
    (void)state;
    struct outer outer;
    assert_true(bind("{}", &outer));
    assert_true(outer.is_on && outer.count == 7 && !outer.has_count && outer.bytes == 65536 && outer.share == 50000 && outer.kind == 1);
    assert_int_equal(outer.names.count, 0);
    assert_null(outer.map);
    assert_true(bind("{\"is_on\":false,\"count\":3,\"bytes\":\"1MB\",\"share\":0.25,\"kind\":\"small\",\"key\":\"env:K\",\"window\":\"5m\","
                     "\"names\":[\"a\",\"b\"],\"windows\":[\"1h\",{\"size\":\"2h\",\"name\":\"two\"}],\"map\":{\"x\":\"y\"}}", &outer));
    assert_true(!outer.is_on && outer.count == 3 && outer.has_count && outer.bytes == 1000000 && outer.share == 250000 && outer.kind == 0);
    assert_true(str_equal(outer.key, STR("env:K")));
    assert_true(outer.window.size == 5 * 60 * US_PER_SECOND && str_equal(outer.window.name, STR("none"))); /* The short form. */
    assert_true(str_equal(((const struct str *)outer.names.items)[1], STR("b")));
    const struct inner *windows = outer.windows.items;
    assert_true(outer.windows.count == 2 && windows[0].size == 3600 * US_PER_SECOND && str_equal(windows[1].name, STR("two")));
    assert_true(str_equal(json_find(outer.map, "x")->text, STR("y")));
    assert_int_equal(config_errors_count(&errors), 0);
}

static void
check_error(const char *text, uint32_t column, const char *message)
{
    struct outer outer;
    config_errors_release(&errors);
    errors = CONFIG_ERRORS_EMPTY;
    assert_false(bind(text, &outer));
    assert_int_equal(config_errors_count(&errors), 1);
    if (errors.items[0].column != column || strcmp(errors.items[0].message, message) != 0)
        fail_msg("%s: %u: %s\nand not %u: %s", text, errors.items[0].column, errors.items[0].message, column, message);
    assert_string_equal(errors.items[0].file, "f.json");
    assert_int_equal(errors.items[0].code, ERR_CONFIG);
}

static void
mistakes_have_places(void **state)
{
    (void)state;
    check_error("{\"cuont\": 3}", 2, "unknown option \"cuont\" in thing");
    check_error("{\"count\": 3, \"count\": 4}", 14, "\"count\" stands twice in thing");
    check_error("{\"count\": \"many\"}", 11, "count must be a whole number, not \"many\"");
    check_error("{\"count\": 11}", 11, "count must be at most 10, not 11");
    check_error("{\"count\": 1.5}", 11, "count must be a whole number, not \"1.5\"");
    check_error("{\"is_on\": 1}", 11, "is_on must be true or false, not a number");
    check_error("{\"kind\": \"lagre\"}", 10, "kind must be one of small, large, not \"lagre\"");
    check_error("{\"key\": \"hunter2\"}", 9, "key must be a reference to a secret, not the secret itself");
    check_error("{\"window\": {\"name\": \"w\"}}", 12, "window needs the option \"size\"");
    check_error("{\"window\": \"0s\"}", 12, "size must be at least 1s, not 0s");
    check_error("{\"names\": [\"a\", 1]}", 17, "names must be a text, not a number");
    check_error("{\"names\": [\"a\",\"b\",\"c\",\"d\"]}", 11, "names must have at most 3 items, not 4");
    check_error("{\"map\": [1]}", 9, "map must be an object of names and values, not a list");
    check_error("[1]", 1, "thing must be an object, not a list");
}

/* Every mistake is told, and a second one at the same place once. */
static void
all_mistakes_are_told(void **state)
{
    (void)state;
    struct outer outer;
    assert_false(bind("{\"cuont\": 3, \"is_on\": 1, \"windows\": [{}, \"x\", {\"size\": \"1m\", \"nam\": 1}]}", &outer));
    assert_int_equal(config_errors_count(&errors), 5);
    config_errors_sort(&errors);
    for (size_t i = 1; i < errors.count; i++)
        assert_true(errors.items[i - 1].column <= errors.items[i].column);
    struct error again = errors.items[0];
    config_errors_add(&errors, &again);
    assert_int_equal(config_errors_count(&errors), 5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_sound),
        cmocka_unit_test_setup_teardown(defaults_and_values, setup, teardown),
        cmocka_unit_test_setup_teardown(mistakes_have_places, setup, teardown),
        cmocka_unit_test_setup_teardown(all_mistakes_are_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
