/* JSON as people write it: what is accepted, where everything stands, what is refused and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/limits.h"
#include "config/json.h"

static void
liberties_are_taken(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbf// who\n{ \"name\": \"e\\u00e9\\ud83d\\ude00\\n\", /* a\n comment */ \"rules\": [1, -1.90e3, true, null,], }";
    const struct json *root = NULL;
    struct arena       arena;
    arena_init(&arena, 0);
    assert_int_equal(json_parse(str_of(text, sizeof text - 1), "f", &arena, &root, NULL), ST_OK);
    assert_int_equal(root->type, JSON_OBJECT);
    assert_int_equal(root->count, 2);
    assert_int_equal(root->line, 2);
    assert_int_equal(root->column, 1);
    const struct json *name = json_find(root, "name"), *rules = json_find_str(root, STR("rules"));
    assert_string_equal(name->text.data, "e\xc3\xa9\xf0\x9f\x98\x80\n");
    assert_int_equal(name->key_column, 3);
    assert_int_equal(name->column, 11);
    assert_int_equal(rules->line, 3);
    assert_int_equal(rules->count, 4);
    assert_true(str_equal(rules->first->next->text, STR("-1.90e3"))); /* As written. */
    assert_true(rules->first->next->next->is_true);
    assert_int_equal(rules->first->next->next->next->type, JSON_NULL);
    assert_null(rules->first->next->next->next->next);
    assert_null(json_find(rules, "name"));
    assert_null(json_find(root, "nam"));
    assert_null(json_first_duplicate(root));
    arena_release(&arena);
}

static void
duplicates_stay_visible(void **state)
{
    (void)state;
    const struct json *root = NULL;
    struct arena       arena;
    arena_init(&arena, 0);
    assert_int_equal(json_parse(STR("{\"a\":1,\"b\":{\"c\":1,\n\"c\":2},\"a\":3}"), "f", &arena, &root, NULL), ST_OK);
    assert_true(str_equal(json_find(root, "a")->text, STR("1"))); /* The first. */
    const struct json *twice = json_first_duplicate(root);
    assert_true(twice->is_duplicate && str_equal(twice->key, STR("c")));
    assert_int_equal(twice->key_line, 2);
    arena_release(&arena);
}

static void
what_is_wrong_has_a_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t    line, column;
    } cases[] = {
        { "", 1, 1 },            { "{", 1, 1 },          { "[1 2]", 1, 4 },      { "{\"a\" 1}", 1, 6 },  { "{\"a\":}", 1, 6 },   { "{a:1}", 1, 2 },
        { "[01]", 1, 2 },        { "[1.]", 1, 2 },       { "[.5]", 1, 2 },       { "[1e]", 1, 2 },       { "[+1]", 1, 2 },       { "[NaN]", 1, 2 },
        { "[tru]", 1, 2 },       { "\"a", 1, 1 },        { "\"\\x\"", 1, 2 },    { "\"\\ud800\"", 1, 2 }, { "\"\\u12\"", 1, 2 }, { "\"\\u0000\"", 1, 2 },
        { "\"a\nb\"", 1, 1 },    { "[1] 2", 1, 5 },      { "/* x", 1, 1 },       { "[\xff]", 1, 2 },     { "[1,,2]", 1, 4 },     { "{\n  \"\xc3\xa9\": x }", 2, 8 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct json *root = NULL;
        struct error       err  = ERROR_EMPTY;
        struct arena       arena;
        arena_init(&arena, 0);
        assert_int_equal(json_parse(str_from(cases[i].text), "f.json", &arena, &root, &err), ST_ERROR);
        assert_null(root);
        assert_int_equal(err.code, ERR_CONFIG);
        assert_string_equal(err.file, "f.json");
        if (err.line != cases[i].line || err.column != cases[i].column)
            fail_msg("%s: %s at %u:%u, not %u:%u", cases[i].text, err.message, err.line, err.column, cases[i].line, cases[i].column);
        arena_release(&arena);
    }
}

static void
depth_is_bounded(void **state)
{
    (void)state;
    char               text[2 * JSON_DEPTH_MAX + 3];
    const struct json *root = NULL;
    struct error       err  = ERROR_EMPTY;
    struct arena       arena;
    arena_init(&arena, 0);
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    assert_int_equal(json_parse(str_of(text, 2 * JSON_DEPTH_MAX), "f", &arena, &root, NULL), ST_OK);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    assert_int_equal(json_parse(str_of(text, 2 * JSON_DEPTH_MAX + 2), "f", &arena, &root, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_CONFIG);
    arena_release(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(liberties_are_taken), cmocka_unit_test(duplicates_stay_visible), cmocka_unit_test(what_is_wrong_has_a_place),
                                        cmocka_unit_test(depth_is_bounded) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
