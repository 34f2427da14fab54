/* Text to tokens. */
#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"
#include "expr/expr_int.h"

static const struct str reserved_words[] = {
    STR_INIT("and"),  STR_INIT("between"), STR_INIT("case"), STR_INIT("cast"),  STR_INIT("coalesce"),
    STR_INIT("else"), STR_INIT("end"),     STR_INIT("false"), STR_INIT("in"),   STR_INIT("is"),
    STR_INIT("like"), STR_INIT("not"),     STR_INIT("null"), STR_INIT("nullif"), STR_INIT("or"),
    STR_INIT("then"), STR_INIT("true"),    STR_INIT("try_cast"), STR_INIT("when"),
};

bool
lexer_is_reserved(struct str word)
{
    for (size_t i = 0; i < sizeof reserved_words / sizeof *reserved_words; i++)
        if (str_equal_ignore_case(word, reserved_words[i]))
            return true;
    return false;
}

static bool
is_name_start(char c)
{
    return ascii_is_letter(c) || c == '_';
}

static bool
is_name_part(char c)
{
    return is_name_start(c) || ascii_is_digit(c);
}

bool
lexer_is_plain_name(struct str name)
{
    struct str_split split = str_split_init(name, '.');
    struct str       part;
    while (str_split_next(&split, &part)) {
        if (part.size == 0 || !is_name_start(part.data[0]))
            return false;
        for (size_t i = 1; i < part.size; i++)
            if (!is_name_part(part.data[i]))
                return false;
    }
    return !lexer_is_reserved(name);
}

/* Lines and columns of the file: the origin is the place of the text's first character. */
static enum status
error_at_offset_of(const struct expr_source *source, uint32_t offset, struct error *err, const char *format,
                   va_list arguments)
{
    error_set_va(err, ERR_CONFIG, format, arguments);
    if (source == NULL)
        return ST_ERROR;
    struct str before = str_slice(source->text, 0, offset);
    uint32_t   line   = source->origin.line == 0 ? 1 : source->origin.line;
    uint32_t   column = source->origin.line == 0 ? 1 : source->origin.column;
    size_t     found;
    while ((found = str_find_byte(before, '\n')) != STR_NOT_FOUND) {
        before = str_slice(before, found + 1, before.size);
        column = 1;
        line++;
    }
    error_at(err, source->origin.file, line, column + (uint32_t)utf8_length(before));
    return ST_ERROR;
}

enum status
expr_error(const struct expr_source *source, uint32_t offset, struct error *err, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    error_at_offset_of(source, offset, err, format, arguments);
    va_end(arguments);
    return ST_ERROR;
}

enum status
expr_error_at(const struct expr *node, struct error *err, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    error_at_offset_of(node->source, node->offset, err, format, arguments);
    va_end(arguments);
    return ST_ERROR;
}

/* A text or name between quotes; a doubled quote stands for one. *length is that of the raw token. */
static enum status
lex_quoted(struct lexer *lexer, struct str rest, char quote, struct token *token, struct error *err)
{
    size_t i         = 1;
    size_t doubled   = 0;
    for (;; i++) {
        if (i >= rest.size)
            return expr_error(lexer->source, token->offset, err, "the %s is not closed: %c is missing",
                              quote == '"' ? "quoted name" : "text", quote);
        if (rest.data[i] != quote)
            continue;
        if (i + 1 >= rest.size || rest.data[i + 1] != quote)
            break;
        doubled++;
        i++;
    }
    token->raw   = str_slice(rest, 0, i + 1);
    token->text  = str_slice(rest, 1, i);
    if (doubled > 0) {
        char *copy = arena_alloc(lexer->arena, token->text.size, 1);
        if (copy == NULL)
            return error_no_memory(err);
        size_t size = 0;
        for (size_t from = 0; from < token->text.size; from++) {
            copy[size++] = token->text.data[from];
            if (token->text.data[from] == quote)
                from++;
        }
        token->text = str_of(copy, size);
    }
    return ST_OK;
}

/* digits [. digits] [e [+-] digits], or . digits */
static size_t
number_size(struct str rest)
{
    size_t i = 0;
    while (i < rest.size && ascii_is_digit(rest.data[i]))
        i++;
    if (i < rest.size && rest.data[i] == '.') {
        i++;
        while (i < rest.size && ascii_is_digit(rest.data[i]))
            i++;
    }
    if (i < rest.size && (rest.data[i] == 'e' || rest.data[i] == 'E')) {
        size_t digits = i + 1;
        if (digits < rest.size && (rest.data[digits] == '+' || rest.data[digits] == '-'))
            digits++;
        if (digits < rest.size && ascii_is_digit(rest.data[digits])) {
            while (digits < rest.size && ascii_is_digit(rest.data[digits]))
                digits++;
            i = digits;
        }
    }
    return i;
}

static size_t
name_size(struct str rest)
{
    size_t i = 0;
    while (i < rest.size && is_name_part(rest.data[i]))
        i++;
    /* A qualified name is one token: binding.zone. */
    while (i + 1 < rest.size && rest.data[i] == '.' && is_name_start(rest.data[i + 1])) {
        i++;
        while (i < rest.size && is_name_part(rest.data[i]))
            i++;
    }
    return i;
}

static size_t
symbol_size(struct str rest)
{
    static const struct str doubles[] = { STR_INIT("<="), STR_INIT(">="), STR_INIT("<>"), STR_INIT("!="),
                                          STR_INIT("||") };
    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++)
        if (str_starts_with(rest, doubles[i]))
            return 2;
    return str_find_byte(STR("()+-*/%,=<>"), rest.data[0]) != STR_NOT_FOUND ? 1 : 0;
}

enum status
lexer_next(struct lexer *lexer, struct token *ret_token, struct error *err)
{
    struct str text = lexer->source->text;
    while (lexer->position < text.size && ascii_is_space(text.data[lexer->position]))
        lexer->position++;

    struct str   rest  = str_slice(text, lexer->position, text.size);
    struct token token = { .kind = TOKEN_END, .offset = (uint32_t)lexer->position };
    if (rest.size > 0) {
        char first = rest.data[0];
        if (first == '\'' || first == '"') {
            token.kind = first == '"' ? TOKEN_QUOTED_NAME : TOKEN_TEXT;
            if (lex_quoted(lexer, rest, first, &token, err) != ST_OK)
                return ST_ERROR;
        } else {
            size_t size;
            if (is_name_start(first)) {
                token.kind = TOKEN_NAME;
                size       = name_size(rest);
            } else if (ascii_is_digit(first) || (first == '.' && rest.size > 1 && ascii_is_digit(rest.data[1]))) {
                token.kind = TOKEN_NUMBER;
                size       = number_size(rest);
            } else {
                token.kind = TOKEN_SYMBOL;
                size       = symbol_size(rest);
            }
            if (size == 0 && first >= 0x20 && first < 0x7f)
                return expr_error(lexer->source, token.offset, err, "'%c' means nothing here", first);
            if (size == 0)
                return expr_error(lexer->source, token.offset, err, "a character that means nothing here");
            token.raw = token.text = str_slice(rest, 0, size);
        }
    }
    lexer->position += token.raw.size;
    *ret_token = token;
    return ST_OK;
}
