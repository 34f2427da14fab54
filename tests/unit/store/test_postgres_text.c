/* Statements, definitions and texts as PostgreSQL takes them; no server is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/utf8.h"
#include "store/postgres_int.h"

static void
expect_statement(const char *sql, const char *types, const char *expected)
{
    const struct sql_text text = { sql, types };
    struct str_builder    out  = STR_BUILDER_EMPTY;

    postgres_statement(&text, &out);
    assert_string_equal(str_builder_cstr(&out), expected);
    str_builder_release(&out);
}

static void
test_statements(void **state)
{
    (void)state;
    expect_statement("select a from t where b = ?1 and c < ?12", "tt", "select a from t where b = $1 and c < $12");
    expect_statement("insert into t select ?1, 'x', ?2" SQL_ROWS " where true", "ib",
                     "insert into t select u.p1, 'x', u.p2 from unnest($1::bigint[], $2::bytea[]) as u(p1, p2) where true");
    expect_statement("update t set a = ?1" SQL_ROWS " where b = ?2", "dt",
                     "update t set a = u.p1 from unnest($1::double precision[], $2::text[]) as u(p1, p2) where b = u.p2");
    expect_statement("select json_set(?1, '$.a', json(?2)), to_json(1)", "tt", "select json_set($1, '$.a', ($2)), to_json(1)");
    expect_statement("select v from m /*locked*/", "", "select v from m for update");
    expect_statement("from o w indexed by alert_outbox_due where 1", "", "from o w where 1");
}

static void
test_definitions(void **state)
{
    struct str         script = STR("-- a; text\ncreate table t ( -- integer\n  a text not null, b integer, c blob, d real, e context, f pg_catalog.text ) without rowid;\n\n; "
                                    "create index i on t (a);\n-- end\n");
    struct str_builder out    = STR_BUILDER_EMPTY;

    (void)state;
    assert_true(postgres_definition(&script, &out));
    assert_non_null(strstr(str_builder_cstr(&out), "a text collate \"C\" not null, b bigint, c bytea, d double precision, e context, f pg_catalog.text )"));
    assert_null(strstr(str_builder_cstr(&out), "rowid"));
    assert_null(strstr(str_builder_cstr(&out), "--"));
    str_builder_clear(&out);
    assert_true(postgres_definition(&script, &out));
    assert_string_equal(str_trim(str_builder_text(&out)).data, strstr(str_builder_cstr(&out), "create index i on t (a)"));
    str_builder_clear(&out);
    assert_false(postgres_definition(&script, &out));
    str_builder_release(&out);
}

/* What comes out can be held, and turned back is what went in. */
static void
test_texts(void **state)
{
    static const struct str texts[] = {
        STR_INIT(""), STR_INIT("plain"), STR_INIT("M\xc3\xbcller"), STR_INIT("a\0b"), STR_INIT("\xff\xc3"), STR_INIT("\xe2\x90\x80" "00"),
        STR_INIT("\xe2\x90"), STR_INIT("{\"a\":\"\\u0000\"}"), STR_INIT("{\"a\":\"\\\\u0000\"}"), STR_INIT("\\\\\\u0000"), STR_INIT("\xed\xa0\x80"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct str_builder encoded = STR_BUILDER_EMPTY, decoded = STR_BUILDER_EMPTY;
        if (postgres_text_fits(texts[i]))
            str_builder_append(&encoded, texts[i]);
        else
            postgres_text_encode(texts[i], &encoded);
        const struct str held = str_builder_text(&encoded);
        assert_true(utf8_is_valid(held));
        assert_true(held.size == 0 || memchr(held.data, '\0', held.size) == NULL);
        postgres_text_decode(held, &decoded);
        assert_true(str_equal(str_builder_text(&decoded), texts[i]));
        for (size_t j = 0; j < i; j++)
            assert_false(str_equal(texts[i], texts[j]));
        str_builder_release(&encoded);
        str_builder_release(&decoded);
    }
    assert_true(postgres_text_fits(texts[1]) && postgres_text_fits(texts[2]));
    for (size_t i = 3; i < 8; i++)
        assert_false(postgres_text_fits(texts[i]));
}

/* No backslash of a JSON text is torn from what it escapes, and none of its NULs is left. */
static void
test_json(void **state)
{
    struct str_builder out = STR_BUILDER_EMPTY;

    (void)state;
    postgres_text_encode(STR("\\\\u0000 \\u0000 \\\\\\u0000"), &out);
    assert_string_equal(str_builder_cstr(&out), "\\\\u0000 \xe2\x90\x80" "5cu0000 \\\\\xe2\x90\x80" "5cu0000");
    str_builder_release(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statements),
        cmocka_unit_test(test_definitions),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
