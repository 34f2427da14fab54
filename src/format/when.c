/* Which types of record a mapping reads, told from its `when` without evaluating it.
 *
 * `when` is an expression of src/expr, evaluated with the program on every row. The decoder only needs to know the
 * values of the type field, so that a record is extracted for its own mappings alone. It understands a conjunction
 * whose parts are simple enough, and where it does not, it says so: the mapping then reads every record, which is
 * slower and never wrong. */
#include <string.h>

#include "format/format_int.h"

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_TEXT, TOKEN_SIGN, TOKEN_BAD };

struct token {
    enum token_kind kind;
    struct str      text; /* Of TEXT, what stands between the quotes. */
};

struct tokens {
    const char *next;
    const char *end;
};

static bool
is_word_byte(char c)
{
    return ascii_is_letter(c) || ascii_is_digit(c) || c == '_' || c == '.';
}

/* A text with a doubled quote in it is TOKEN_BAD: no type is written like that. */
static struct token
token_text(struct tokens *tokens)
{
    const char *begin = ++tokens->next;
    const char *close = memchr(begin, '\'', (size_t)(tokens->end - begin));

    if (close == NULL || (close + 1 < tokens->end && close[1] == '\''))
        return (struct token){ TOKEN_BAD, STR_EMPTY };
    tokens->next = close + 1;
    return (struct token){ TOKEN_TEXT, str_of(begin, (size_t)(close - begin)) };
}

static struct token
token_next(struct tokens *tokens)
{
    while (tokens->next < tokens->end && ascii_is_space(*tokens->next))
        tokens->next++;
    if (tokens->next == tokens->end)
        return (struct token){ TOKEN_END, STR_EMPTY };
    if (*tokens->next == '\'')
        return token_text(tokens);

    const char *begin = tokens->next;
    if (!is_word_byte(*begin)) {
        tokens->next++;
        return (struct token){ TOKEN_SIGN, str_of(begin, 1) };
    }
    while (tokens->next < tokens->end && is_word_byte(*tokens->next))
        tokens->next++;
    return (struct token){ TOKEN_WORD, str_of(begin, (size_t)(tokens->next - begin)) };
}

static bool
is_word(struct token token, const char *word)
{
    return token.kind == TOKEN_WORD && str_equal_ignore_case(token.text, str_from(word));
}

static bool
is_sign(struct token token, char sign)
{
    return token.kind == TOKEN_SIGN && token.text.data[0] == sign;
}

/* Words that change what a conjunction means, where they stand in no parentheses. */
static bool
is_beyond_us(struct token token)
{
    return is_word(token, "or") || is_word(token, "case") || is_word(token, "between");
}

/* Reads over one conjunct, to `and` or the end. False: the expression is beyond us. */
static bool
conjunct_end(struct tokens *tokens, struct token token, bool *ret_is_last)
{
    uint32_t depth = 0;

    for (;; token = token_next(tokens)) {
        if (token.kind == TOKEN_BAD || (depth == 0 && is_beyond_us(token)))
            return false;
        if (is_sign(token, '('))
            depth++;
        else if (is_sign(token, ')') && depth-- == 0)
            return false;
        if (token.kind == TOKEN_END) {
            *ret_is_last = true;
            return depth == 0;
        }
        if (depth == 0 && is_word(token, "and")) {
            *ret_is_last = false;
            return true;
        }
    }
}

struct value_list {
    struct str *values;
    uint32_t    count;
    uint32_t    capacity;
};

/* Reads `= 'a'` or `in ('a', 'b')` behind a field's name. False: it is something else. */
static bool
read_values(struct tokens *tokens, struct value_list *list)
{
    struct token token = token_next(tokens);

    list->count = 0;
    if (is_sign(token, '=')) {
        token = token_next(tokens);
        if (token.kind != TOKEN_TEXT)
            return false;
        list->values[list->count++] = token.text;
        return true;
    }
    if (!is_word(token, "in") || !is_sign(token_next(tokens), '('))
        return false;
    for (;;) {
        token = token_next(tokens);
        if (token.kind != TOKEN_TEXT || list->count == list->capacity)
            return false;
        list->values[list->count++] = token.text;
        token                       = token_next(tokens);
        if (is_sign(token, ')'))
            return true;
        if (!is_sign(token, ','))
            return false;
    }
}

static enum status
copy_values(const struct value_list *list, struct arena *arena, struct str **ret_values, uint32_t *ret_count,
            struct error *err)
{
    struct str *values = ARENA_ARRAY(arena, struct str, list->count);
    if (values == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < list->count; i++) {
        if (!arena_text(arena, list->values[i], &values[i]))
            return error_no_memory(err);
    }
    *ret_values = values;
    *ret_count  = list->count;
    return ST_OK;
}

static int32_t
find_field(const struct mapping *mapping, struct str name)
{
    for (uint32_t i = 0; i < mapping->field_count; i++) {
        if (str_equal(str_from(mapping->fields[i].name), name))
            return (int32_t)i;
    }
    return -1;
}

#define DISPATCH_VALUE_COUNT_MAX 64

enum status
when_dispatch(const struct mapping *mapping, is_type_field_fn *is_type_field, const struct type_field_query *query,
              struct arena *arena, struct str **ret_values, uint32_t *ret_count, struct error *err)
{
    struct str        found_values[DISPATCH_VALUE_COUNT_MAX];
    struct str        values[DISPATCH_VALUE_COUNT_MAX];
    struct value_list found   = { found_values, 0, DISPATCH_VALUE_COUNT_MAX };
    struct value_list list    = { values, 0, DISPATCH_VALUE_COUNT_MAX };
    struct tokens     tokens  = { mapping->when.text.data, mapping->when.text.data + mapping->when.text.size };
    bool              is_last = mapping->when.text.data == NULL;

    *ret_count = 0;
    while (!is_last) {
        struct token first = token_next(&tokens);
        if (first.kind == TOKEN_WORD) {
            int32_t       field = find_field(mapping, first.text);
            struct tokens ahead = tokens;
            if (field >= 0 && is_type_field(query, (uint32_t)field) && read_values(&ahead, &list)) {
                struct token behind = token_next(&ahead);
                if (found.count == 0 && (behind.kind == TOKEN_END || is_word(behind, "and"))) {
                    memcpy(found_values, values, list.count * sizeof values[0]);
                    found.count = list.count;
                }
            }
        }
        /* The whole must be a conjunction for its part to decide. */
        if (!conjunct_end(&tokens, first, &is_last))
            return ST_OK;
    }
    return found.count > 0 ? copy_values(&found, arena, ret_values, ret_count, err) : ST_OK;
}
