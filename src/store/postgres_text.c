/* Statements, definitions and texts as PostgreSQL takes them. */
#include <string.h>

#include "base/utf8.h"
#include "store/postgres_int.h"

/* ---- Statements ---- */

#define LOCKED   " /*locked*/"
#define INDEXED  " indexed by alert_outbox_due"
#define SYMBOL   "\xe2\x90\x80" /* U+2400, the picture of a NUL. */
#define HEX_SIZE 2

static bool
is_name(char c)
{
    return ascii_is_letter(c) || ascii_is_digit(c) || c == '_';
}

static const char *
array_type(char letter)
{
    return letter == 'i' ? "bigint[]" : letter == 't' ? "text[]" : letter == 'b' ? "bytea[]" : "double precision[]";
}

/* The rows as a table u (p1, p2 …). */
static void
append_rows(const char *types, struct str_builder *out)
{
    str_builder_append_cstr(out, " from unnest(");
    for (size_t i = 0; types[i] != '\0'; i++)
        str_builder_printf(out, "%s$%zu::%s", i > 0 ? ", " : "", i + 1, array_type(types[i]));
    str_builder_append_cstr(out, ") as u(");
    for (size_t i = 0; types[i] != '\0'; i++)
        str_builder_printf(out, "%sp%zu", i > 0 ? ", " : "", i + 1);
    str_builder_append_char(out, ')');
}

void
postgres_statement(const struct sql_text *text, struct str_builder *out)
{
    const bool  is_batch = strstr(text->sql, SQL_ROWS) != NULL;
    const char *at       = text->sql;

    while (*at != '\0') {
        const struct str rest = str_from(at);
        if (str_starts_with(rest, STR(SQL_ROWS))) {
            append_rows(text->types, out);
            at += strlen(SQL_ROWS);
        } else if (str_starts_with(rest, STR(LOCKED))) {
            str_builder_append_cstr(out, " for update");
            at += strlen(LOCKED);
        } else if (str_starts_with(rest, STR(INDEXED))) {
            at += strlen(INDEXED);
        } else if (str_starts_with(rest, STR("json(")) && (at == text->sql || !is_name(at[-1]))) {
            str_builder_append_char(out, '('); /* It is text there, too. */
            at += strlen("json(");
        } else if (*at == '?') {
            str_builder_append_cstr(out, is_batch ? "u.p" : "$");
            at++;
        } else {
            str_builder_append_char(out, *at++);
        }
    }
}

/* ---- Definitions ---- */

/* A word of the schema in PostgreSQL's; numbers are 64 bits, and texts are compared as bytes whatever the database's language. */
static void
append_word(struct str word, char before, struct str_builder *out)
{
    if (str_equal(word, STR("integer")))
        str_builder_append_cstr(out, "bigint");
    else if (str_equal(word, STR("blob")))
        str_builder_append_cstr(out, "bytea");
    else if (str_equal(word, STR("real")))
        str_builder_append_cstr(out, "double precision");
    else if (str_equal(word, STR("text")) && before != '.')
        str_builder_append_cstr(out, "text collate \"C\"");
    else if (!str_equal(word, STR("without")) && !str_equal(word, STR("rowid")))
        str_builder_append(out, word);
}

bool
postgres_definition(struct str *script, struct str_builder *out)
{
    size_t at = 0, begin = out->size;

    while (at < script->size && script->data[at] != ';') {
        size_t end = at;
        if (str_starts_with(str_slice(*script, at, script->size), STR("--"))) {
            while (at < script->size && script->data[at] != '\n')
                at++;
            continue;
        }
        while (end < script->size && is_name(script->data[end]))
            end++;
        if (end > at)
            append_word(str_slice(*script, at, end), at > 0 ? script->data[at - 1] : ' ', out);
        else
            str_builder_append_char(out, script->data[end++]);
        at = end;
    }
    *script = str_slice(*script, at < script->size ? at + 1 : at, script->size);
    if (str_trim(str_of(out->data == NULL ? "" : out->data + begin, out->size - begin)).size > 0)
        return true;
    return script->size > 0 ? postgres_definition(script, out) : false;
}

#define TEXT_TYPE "pg_catalog.text"
#define FUNCTION(head, returns, body) \
    "create function " head " returns " returns " language sql stable as $$ " body " $$;"

const char postgres_definitions[] =
    "create table state_record (epoch integer not null, part integer not null, digest text not null, bytes blob not null, primary key (epoch, part));"
    "alter table state_record alter column bytes set storage external;" /* Nothing of it gets smaller by compressing, but slower. */
    FUNCTION("strftime(" TEXT_TYPE ", bigint, " TEXT_TYPE ")", TEXT_TYPE,
             "select to_char(to_timestamp($2) at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")
    FUNCTION("json_each(" TEXT_TYPE ")", "table (value " TEXT_TYPE ")", "select e from json_array_elements_text($1::json) e")
    FUNCTION("json_extract(" TEXT_TYPE ", " TEXT_TYPE ")", TEXT_TYPE, "select $1::json #>> string_to_array(substr($2, 3), '.')")
    /* Members keep their order and their very text. */
    FUNCTION("json_remove(" TEXT_TYPE ", " TEXT_TYPE ")", TEXT_TYPE,
             "select '{' || coalesce(string_agg(to_json(e.key)::pg_catalog.text || ':' || e.value::pg_catalog.text, ',' order by e.n), '') || '}' "
             "from json_each($1::json) with ordinality e(key, value, n) where e.key <> substr($2, 3)")
    FUNCTION("json_set(" TEXT_TYPE ", " TEXT_TYPE ", " TEXT_TYPE ")", TEXT_TYPE,
             "select '{' || string_agg(to_json(m.key)::pg_catalog.text || ':' || m.value::pg_catalog.text, ',' order by m.n) || '}' from "
             "(select e.key, e.value, e.n from json_each($1::json) with ordinality e(key, value, n) where e.key <> substr($2, 3) union all "
             "select substr($2, 3), $3::json, 9223372036854775807) m")
    FUNCTION("json_tree(" TEXT_TYPE ")", "table (id bigint, fullkey " TEXT_TYPE ", type " TEXT_TYPE ", atom " TEXT_TYPE ")",
             "with recursive tree(fullkey, place, node) as (select '$'::pg_catalog.text, array[]::bigint[], $1::json union all "
             "select t.fullkey || m.name, t.place || m.n, m.node from tree t cross join lateral (select '.' || e.key as name, e.n, e.value as node from "
             "json_each(case json_typeof(t.node) when 'object' then t.node else '{}' end) with ordinality e(key, value, n) union all "
             "select '[' || (a.n - 1) || ']', a.n, a.value from json_array_elements(case json_typeof(t.node) when 'array' then t.node else '[]' end) "
             "with ordinality a(value, n)) m) select row_number() over (order by place), fullkey, "
             "case json_typeof(node) when 'boolean' then node::pg_catalog.text when 'string' then 'text' else json_typeof(node) end, "
             "case json_typeof(node) when 'number' then trim_scale((node #>> '{}')::numeric)::pg_catalog.text else node #>> '{}' end from tree");

/* ---- Texts ---- */

/* The backslash at `at` begins the six bytes of an escaped NUL, and is not escaped itself. */
static bool
is_escaped_nul(struct str text, size_t at)
{
    size_t before = at;

    while (before > 0 && text.data[before - 1] == '\\')
        before--;
    return (at - before) % 2 == 0 && str_starts_with(str_slice(text, at, text.size), STR("\\u0000"));
}

bool
postgres_text_is_encoded(struct str text)
{
    return text.size >= 3 && memchr(text.data, '\xe2', text.size) != NULL && str_find(text, STR(SYMBOL)) != STR_NOT_FOUND;
}

bool
postgres_text_fits(struct str text)
{
    if (text.size == 0)
        return true;
    return memchr(text.data, '\0', text.size) == NULL && utf8_is_valid(text) && !postgres_text_is_encoded(text)
           && str_find(text, STR("\\u0000")) == STR_NOT_FOUND;
}

static void
append_byte(struct str_builder *out, char byte)
{
    str_builder_printf(out, SYMBOL "%02x", (unsigned)(unsigned char)byte);
}

void
postgres_text_encode(struct str text, struct str_builder *out)
{
    for (size_t at = 0; at < text.size;) {
        const struct str rest = str_slice(text, at, text.size);
        uint32_t         character;
        const size_t     size = utf8_decode(rest, &character);

        if (size == 0 || text.data[at] == '\0' || (text.data[at] == '\\' && is_escaped_nul(text, at))) {
            append_byte(out, text.data[at++]);
        } else if (str_starts_with(rest, STR(SYMBOL))) {
            for (size_t i = 0; i < 3; i++)
                append_byte(out, text.data[at++]);
        } else {
            str_builder_append(out, str_slice(rest, 0, size));
            at += size;
        }
    }
}

void
postgres_text_decode(struct str text, struct str_builder *out)
{
    while (text.size > 0) {
        const size_t symbol = str_find(text, STR(SYMBOL));
        char         byte;

        if (symbol == STR_NOT_FOUND || text.size - symbol < 3 + HEX_SIZE || !hex_decode(str_slice(text, symbol + 3, symbol + 3 + HEX_SIZE), &byte, 1)) {
            str_builder_append(out, text);
            return;
        }
        str_builder_append(out, str_slice(text, 0, symbol));
        str_builder_append_char(out, byte);
        text = str_slice(text, symbol + 3 + HEX_SIZE, text.size);
    }
}
