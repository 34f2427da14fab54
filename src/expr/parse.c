/* Tokens to a tree, by binding strength (Pratt). Precedence is PostgreSQL's:
 *
 *     or < and < not < is < = <> < <= > >= < between in like < || < + - < * / % < unary -
 *
 * Comparisons do not chain: a < b < c is an error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/decimal.h"
#include "base/suggest.h"
#include "base/time.h"
#include "base/utf8.h"
#include "expr/expr_int.h"

struct parser {
    struct lexer              lexer;
    struct arena             *arena;
    const struct expr_source *source;
    struct token              token; /* The one looked at. */
    uint32_t                  depth;
    struct error             *err;
};

/* Arguments while they are counted; grows in the arena by doubling. */
struct arg_list {
    struct expr **items;
    uint32_t      count;
    uint32_t      capacity;
};

static enum status parse_expr(struct parser *parser, int precedence_min, struct expr **ret_expr);

enum status
expr_node(struct arena *arena, const struct expr *prototype, struct expr *const *args, uint32_t arg_count,
          struct expr **ret_node, struct error *err)
{
    struct expr *node = ARENA_NEW(arena, struct expr);
    if (node == NULL)
        return error_no_memory(err);
    *node           = *prototype;
    node->arg_count = arg_count;
    node->args      = NULL;
    node->depth     = 1;
    if (arg_count > 0) {
        node->args = ARENA_ARRAY(arena, struct expr *, arg_count);
        if (node->args == NULL)
            return error_no_memory(err);
        for (uint32_t i = 0; i < arg_count; i++) {
            node->args[i] = args[i];
            if (args[i]->depth >= node->depth)
                node->depth = (uint16_t)(args[i]->depth + 1);
        }
    }
    if (node->depth > EXPR_DEPTH_MAX)
        return expr_error_at(prototype, err, "the expression is nested deeper than %d levels", EXPR_DEPTH_MAX);
    *ret_node = node;
    return ST_OK;
}

static enum status
advance(struct parser *parser)
{
    return lexer_next(&parser->lexer, &parser->token, parser->err);
}

static bool
at_word(const struct parser *parser, const char *word)
{
    return parser->token.kind == TOKEN_NAME && str_equal_ignore_case(parser->token.raw, str_from(word));
}

static bool
at_symbol(const struct parser *parser, const char *symbol)
{
    return parser->token.kind == TOKEN_SYMBOL && str_equal(parser->token.raw, str_from(symbol));
}

static enum status
unexpected(struct parser *parser, const char *expected)
{
    if (parser->token.kind == TOKEN_END)
        return expr_error(parser->source, parser->token.offset, parser->err, "the expression ends where %s is expected",
                          expected);
    return expr_error(parser->source, parser->token.offset, parser->err, "%s is expected, not %.*s", expected,
                      (int)(parser->token.raw.size < 40 ? parser->token.raw.size : 40), parser->token.raw.data);
}

/* Takes the word when it is there. */
static enum status
accept_word(struct parser *parser, const char *word, bool *ret_taken)
{
    *ret_taken = at_word(parser, word);
    return *ret_taken ? advance(parser) : ST_OK;
}

static enum status
expect_word(struct parser *parser, const char *word)
{
    return at_word(parser, word) ? advance(parser) : unexpected(parser, word);
}

static enum status
expect_symbol(struct parser *parser, const char *symbol)
{
    return at_symbol(parser, symbol) ? advance(parser) : unexpected(parser, symbol);
}

static enum status
arg_add(struct parser *parser, struct arg_list *list, struct expr *arg)
{
    if (list->count == list->capacity) {
        uint32_t      capacity = list->capacity == 0 ? 4 : list->capacity * 2;
        struct expr **items    = ARENA_ARRAY(parser->arena, struct expr *, capacity);
        if (items == NULL)
            return error_no_memory(parser->err);
        if (list->count > 0)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items    = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = arg;
    return ST_OK;
}

static enum status
parse_arg(struct parser *parser, int precedence_min, struct arg_list *list)
{
    struct expr *arg = NULL;
    if (parse_expr(parser, precedence_min, &arg) != ST_OK)
        return ST_ERROR;
    return arg_add(parser, list, arg);
}

/* expr { "," expr } ")" */
static enum status
parse_args(struct parser *parser, struct arg_list *list)
{
    for (;;) {
        if (parse_arg(parser, PRECEDENCE_LOWEST, list) != ST_OK)
            return ST_ERROR;
        if (!at_symbol(parser, ","))
            return expect_symbol(parser, ")");
        if (advance(parser) != ST_OK)
            return ST_ERROR;
    }
}

static enum status
make(struct parser *parser, struct expr prototype, uint32_t offset, const struct arg_list *list, struct expr **ret_expr)
{
    prototype.source = parser->source;
    prototype.offset = offset;
    return expr_node(parser->arena, &prototype, list->items, list->count, ret_expr, parser->err);
}

static enum status
make_op(struct parser *parser, enum expr_op op, uint32_t offset, const struct arg_list *list, struct expr **ret_expr)
{
    return make(parser, (struct expr){ .kind = EXPR_OPERATOR, .op = op }, offset, list, ret_expr);
}

static enum status
make_literal(struct parser *parser, struct expr_value value, uint32_t offset, struct expr **ret_expr)
{
    struct arg_list none = { 0 };
    return make(parser, (struct expr){ .kind = EXPR_LITERAL, .type = value.type, .value = value }, offset, &none, ret_expr);
}

/* Integers are int64; with a point decimal, the scale as written; with an exponent double. */
static enum status
parse_number(struct parser *parser, struct expr **ret_expr)
{
    struct token      token = parser->token;
    struct expr_value value = { 0 };
    unsigned          scale = 0;

    if (advance(parser) != ST_OK)
        return ST_ERROR;
    if (str_find_byte(token.raw, 'e') != STR_NOT_FOUND || str_find_byte(token.raw, 'E') != STR_NOT_FOUND) {
        char number[64];
        if (token.raw.size >= sizeof number)
            return expr_error(parser->source, token.offset, parser->err, "a number of more than 63 characters");
        memcpy(number, token.raw.data, token.raw.size);
        number[token.raw.size] = '\0';
        value.type             = TYPE(TYPE_DOUBLE);
        value.as.float64       = strtod(number, NULL);
        if (value.as.float64 > 1.7976931348623157e308)
            return expr_error(parser->source, token.offset, parser->err, "the number does not fit a double");
    } else if (str_find_byte(token.raw, '.') == STR_NOT_FOUND) {
        value.type = TYPE(TYPE_INT64);
        if (!str_to_int64(token.raw, &value.as.int64))
            return expr_error(parser->source, token.offset, parser->err, "the number does not fit an int64");
    } else {
        if (!decimal_text_scale(token.raw, &scale) || scale > DECIMAL_DIGITS_MAX ||
            decimal_parse(token.raw, scale, &value.as.int64) != DECIMAL_EXACT)
            return expr_error(parser->source, token.offset, parser->err, "the number has more than %d digits",
                              DECIMAL_DIGITS_MAX);
        value.type = TYPE_DECIMAL_OF((uint8_t)scale);
    }
    return make_literal(parser, value, token.offset, ret_expr);
}

/* date '2026-01-02', timestamp '2026-01-02T03:04:05Z'; the word has been read. */
static enum status
parse_time_literal(struct parser *parser, bool is_date, uint32_t offset, struct expr **ret_expr)
{
    struct expr_value value = { 0 };
    struct token      token = parser->token;
    int32_t           days;

    if (is_date) {
        value.type = TYPE(TYPE_DATE);
        if (!date_parse(token.text, &days))
            return expr_error(parser->source, token.offset, parser->err, "not a date: it is written date 'YYYY-MM-DD'");
        value.as.int64 = days;
    } else {
        value.type = TYPE(TYPE_TIMESTAMP);
        if (!time_parse_utc(token.text, &value.as.int64))
            return expr_error(parser->source, token.offset, parser->err,
                              "not an instant: it is written timestamp 'YYYY-MM-DDThh:mm:ssZ', or with an offset in place of Z");
    }
    if (advance(parser) != ST_OK)
        return ST_ERROR;
    return make_literal(parser, value, offset, ret_expr);
}

/* case [operand] { when expr then expr } [else expr] end; the word case has been read. */
static enum status
parse_case(struct parser *parser, uint32_t offset, struct expr **ret_expr)
{
    struct expr     prototype = { .kind = EXPR_OPERATOR, .op = OP_CASE };
    struct arg_list list      = { 0 };
    bool            more;

    if (!at_word(parser, "when")) {
        prototype.op = OP_CASE_SIMPLE;
        if (parse_arg(parser, PRECEDENCE_LOWEST, &list) != ST_OK)
            return ST_ERROR;
    }
    if (expect_word(parser, "when") != ST_OK)
        return ST_ERROR;
    do {
        if (parse_arg(parser, PRECEDENCE_LOWEST, &list) != ST_OK || expect_word(parser, "then") != ST_OK ||
            parse_arg(parser, PRECEDENCE_LOWEST, &list) != ST_OK || accept_word(parser, "when", &more) != ST_OK)
            return ST_ERROR;
    } while (more);
    if (accept_word(parser, "else", &prototype.has_else) != ST_OK)
        return ST_ERROR;
    if (prototype.has_else && parse_arg(parser, PRECEDENCE_LOWEST, &list) != ST_OK)
        return ST_ERROR;
    if (expect_word(parser, "end") != ST_OK)
        return ST_ERROR;
    return make(parser, prototype, offset, &list, ret_expr);
}

/* A type's name, with (18, scale) for decimal. */
static enum status
parse_type(struct parser *parser, struct type *ret_type)
{
    struct token token = parser->token;
    if (token.kind != TOKEN_NAME)
        return unexpected(parser, "a type");
    if (advance(parser) != ST_OK)
        return ST_ERROR;

    size_t end = token.offset + token.raw.size;
    if (at_symbol(parser, "(")) {
        while (!at_symbol(parser, ")")) {
            if (parser->token.kind == TOKEN_END)
                return unexpected(parser, ")");
            if (advance(parser) != ST_OK)
                return ST_ERROR;
        }
        end = parser->token.offset + 1;
        if (advance(parser) != ST_OK)
            return ST_ERROR;
    }
    struct str text = str_slice(parser->source->text, token.offset, end);
    if (type_parse(text.data, text.size, ret_type))
        return ST_OK;

    expr_error(parser->source, token.offset, parser->err, "unknown type %.*s", (int)(text.size < 40 ? text.size : 40),
               text.data);
    if (str_equal_ignore_case(token.raw, STR("decimal"))) {
        error_hint(parser->err, "decimals are decimal(18,0) to decimal(18,18)");
        return ST_ERROR;
    }
    struct suggestion suggestion = suggestion_init(token.raw);
    char              names[TYPE_KIND_COUNT][32];
    for (int kind = 0; kind < TYPE_KIND_COUNT; kind++)
        if (kind != TYPE_DECIMAL)
            suggestion_offer(&suggestion, str_from(type_name(TYPE((enum type_kind)kind), names[kind], sizeof names[kind])));
    suggestion_hint(&suggestion, parser->err);
    return ST_ERROR;
}

/* cast(expr as type); the word has been read. */
static enum status
parse_cast(struct parser *parser, bool is_try, uint32_t offset, struct expr **ret_expr)
{
    struct expr     prototype = { .kind = EXPR_CAST, .is_try = is_try };
    struct arg_list list      = { 0 };
    if (expect_symbol(parser, "(") != ST_OK || parse_arg(parser, PRECEDENCE_LOWEST, &list) != ST_OK ||
        expect_word(parser, "as") != ST_OK || parse_type(parser, &prototype.type) != ST_OK ||
        expect_symbol(parser, ")") != ST_OK)
        return ST_ERROR;
    return make(parser, prototype, offset, &list, ret_expr);
}

/* The name has been read and "(" follows. */
static enum status
parse_call(struct parser *parser, struct str name, uint32_t offset, struct expr **ret_expr)
{
    struct expr     prototype = { .kind = EXPR_CALL };
    struct arg_list list      = { 0 };
    char           *lower     = arena_cstr(parser->arena, name);

    if (lower == NULL)
        return error_no_memory(parser->err);
    for (size_t i = 0; i < name.size; i++)
        lower[i] = ascii_to_lower(lower[i]);
    prototype.name = str_of(lower, name.size);

    if (expect_symbol(parser, "(") != ST_OK)
        return ST_ERROR;
    if (at_symbol(parser, ")")) {
        if (advance(parser) != ST_OK)
            return ST_ERROR;
    } else if (parse_args(parser, &list) != ST_OK) {
        return ST_ERROR;
    }
    if (list.count > FUNCTION_ARGUMENT_COUNT_MAX)
        return expr_error(parser->source, offset, parser->err, "%.*s() has more than %d arguments",
                          STR_PRINTF(prototype.name), FUNCTION_ARGUMENT_COUNT_MAX);
    if (str_equal(prototype.name, STR("coalesce")) || str_equal(prototype.name, STR("nullif"))) {
        bool is_nullif = str_equal(prototype.name, STR("nullif"));
        if (is_nullif ? list.count != 2 : list.count == 0)
            return expr_error(parser->source, offset, parser->err, "%.*s() takes %s", STR_PRINTF(prototype.name),
                              is_nullif ? "two arguments" : "at least one argument");
        return make_op(parser, is_nullif ? OP_NULLIF : OP_COALESCE, offset, &list, ret_expr);
    }
    return make(parser, prototype, offset, &list, ret_expr);
}

static enum status
make_name(struct parser *parser, const struct token *token, struct expr **ret_expr)
{
    struct arg_list none = { 0 };
    return make(parser, (struct expr){ .kind = EXPR_NAME, .name = token->text }, token->offset, &none, ret_expr);
}

/* What starts with a word: a literal, a call, a name. */
static enum status
parse_word(struct parser *parser, struct expr **ret_expr)
{
    struct token      token = parser->token;
    struct expr_value value = { .type = TYPE(TYPE_BOOL) };
    if (advance(parser) != ST_OK)
        return ST_ERROR;

    bool is_true = str_equal_ignore_case(token.raw, STR("true"));
    if (is_true || str_equal_ignore_case(token.raw, STR("false"))) {
        value.as.boolean = is_true;
        return make_literal(parser, value, token.offset, ret_expr);
    }
    if (str_equal_ignore_case(token.raw, STR("null"))) {
        value = (struct expr_value){ .type = TYPE(TYPE_TEXT), .is_null = true };
        if (make_literal(parser, value, token.offset, ret_expr) != ST_OK)
            return ST_ERROR;
        (*ret_expr)->is_bare_null = true;
        return ST_OK;
    }
    if (str_equal_ignore_case(token.raw, STR("case")))
        return parse_case(parser, token.offset, ret_expr);
    bool is_try = str_equal_ignore_case(token.raw, STR("try_cast"));
    if (is_try || str_equal_ignore_case(token.raw, STR("cast")))
        return parse_cast(parser, is_try, token.offset, ret_expr);
    bool is_date = str_equal_ignore_case(token.raw, STR("date"));
    if (parser->token.kind == TOKEN_TEXT && (is_date || str_equal_ignore_case(token.raw, STR("timestamp"))))
        return parse_time_literal(parser, is_date, token.offset, ret_expr);
    bool is_form = str_equal_ignore_case(token.raw, STR("coalesce")) || str_equal_ignore_case(token.raw, STR("nullif"));
    if (lexer_is_reserved(token.raw) && !is_form) {
        parser->token = token;
        return unexpected(parser, "a value");
    }
    if (is_form || at_symbol(parser, "("))
        return parse_call(parser, token.raw, token.offset, ret_expr);
    return make_name(parser, &token, ret_expr);
}

static enum status
parse_unary(struct parser *parser, enum expr_op op, int precedence, struct expr **ret_expr)
{
    uint32_t        offset = parser->token.offset;
    struct arg_list list   = { 0 };
    if (advance(parser) != ST_OK || parse_arg(parser, precedence, &list) != ST_OK)
        return ST_ERROR;
    return make_op(parser, op, offset, &list, ret_expr);
}

static enum status
parse_prefix(struct parser *parser, int precedence_min, struct expr **ret_expr)
{
    struct token token = parser->token;

    if (at_word(parser, "not")) {
        if (precedence_min > PRECEDENCE_NOT)
            return expr_error(parser->source, token.offset, parser->err, "not binds less than what stands before it: "
                                                                         "put it in parentheses");
        return parse_unary(parser, OP_NOT, PRECEDENCE_NOT, ret_expr);
    }
    if (at_symbol(parser, "-"))
        return parse_unary(parser, OP_NEGATE, PRECEDENCE_UNARY, ret_expr);
    if (at_symbol(parser, "(")) {
        if (advance(parser) != ST_OK || parse_expr(parser, PRECEDENCE_LOWEST, ret_expr) != ST_OK)
            return ST_ERROR;
        return expect_symbol(parser, ")");
    }
    switch (token.kind) {
    case TOKEN_NAME: return parse_word(parser, ret_expr);
    case TOKEN_NUMBER: return parse_number(parser, ret_expr);
    case TOKEN_QUOTED_NAME:
        if (token.text.size == 0)
            return expr_error(parser->source, token.offset, parser->err, "a name may not be empty");
        return advance(parser) != ST_OK ? ST_ERROR : make_name(parser, &token, ret_expr);
    case TOKEN_TEXT: {
        struct expr_value value = { .type = TYPE(TYPE_TEXT), .as.text = token.text };
        return advance(parser) != ST_OK ? ST_ERROR : make_literal(parser, value, token.offset, ret_expr);
    }
    case TOKEN_END:
    case TOKEN_SYMBOL: break;
    }
    return unexpected(parser, "a value");
}

/* What may follow an operand. */
struct infix {
    const char  *text;
    enum expr_op op;
    int          precedence;
};

static const struct infix infixes[] = {
    { "or", OP_OR, PRECEDENCE_OR },
    { "and", OP_AND, PRECEDENCE_AND },
    { "=", OP_EQ, PRECEDENCE_COMPARISON },
    { "<>", OP_NE, PRECEDENCE_COMPARISON },
    { "!=", OP_NE, PRECEDENCE_COMPARISON },
    { "<", OP_LT, PRECEDENCE_COMPARISON },
    { "<=", OP_LE, PRECEDENCE_COMPARISON },
    { ">", OP_GT, PRECEDENCE_COMPARISON },
    { ">=", OP_GE, PRECEDENCE_COMPARISON },
    { "||", OP_CONCAT, PRECEDENCE_CONCAT },
    { "+", OP_ADD, PRECEDENCE_ADD },
    { "-", OP_SUBTRACT, PRECEDENCE_ADD },
    { "*", OP_MULTIPLY, PRECEDENCE_MULTIPLY },
    { "/", OP_DIVIDE, PRECEDENCE_MULTIPLY },
    { "%", OP_MODULO, PRECEDENCE_MULTIPLY },
};

const char *
expr_op_text(enum expr_op op)
{
    for (size_t i = 0; i < sizeof infixes / sizeof *infixes; i++)
        if (infixes[i].op == op)
            return infixes[i].text;
    UNREACHABLE();
}

static const struct infix *
infix_at(const struct parser *parser)
{
    for (size_t i = 0; i < sizeof infixes / sizeof *infixes; i++)
        if (ascii_is_letter(infixes[i].text[0]) ? at_word(parser, infixes[i].text) : at_symbol(parser, infixes[i].text))
            return &infixes[i];
    return NULL;
}

/* is [not] null | true | false | distinct from expr; "is" is looked at. */
static enum status
parse_is(struct parser *parser, struct expr **operand)
{
    static const struct {
        const char  *word;
        enum expr_op op, op_not;
    } tests[] = { { "null", OP_IS_NULL, OP_IS_NOT_NULL },
                  { "true", OP_IS_TRUE, OP_IS_NOT_TRUE },
                  { "false", OP_IS_FALSE, OP_IS_NOT_FALSE } };

    struct arg_list list   = { 0 };
    uint32_t        offset = parser->token.offset;
    bool            is_not, taken;

    if (advance(parser) != ST_OK || arg_add(parser, &list, *operand) != ST_OK ||
        accept_word(parser, "not", &is_not) != ST_OK)
        return ST_ERROR;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        if (accept_word(parser, tests[i].word, &taken) != ST_OK)
            return ST_ERROR;
        if (taken)
            return make_op(parser, is_not ? tests[i].op_not : tests[i].op, offset, &list, operand);
    }
    if (!at_word(parser, "distinct"))
        return unexpected(parser, "null, true, false or distinct from");
    if (advance(parser) != ST_OK || expect_word(parser, "from") != ST_OK ||
        parse_arg(parser, PRECEDENCE_COMPARISON, &list) != ST_OK)
        return ST_ERROR;
    return make_op(parser, is_not ? OP_NOT_DISTINCT : OP_DISTINCT, offset, &list, operand);
}

/* [not] in (…), [not] between … and …, [not] like … [escape …]; one of these words is looked at. */
static enum status
parse_range(struct parser *parser, struct expr **operand)
{
    struct arg_list list   = { 0 };
    uint32_t        offset = parser->token.offset;
    bool            is_not, taken;

    if (accept_word(parser, "not", &is_not) != ST_OK || arg_add(parser, &list, *operand) != ST_OK ||
        accept_word(parser, "in", &taken) != ST_OK)
        return ST_ERROR;
    if (taken) {
        if (expect_symbol(parser, "(") != ST_OK || parse_args(parser, &list) != ST_OK)
            return ST_ERROR;
        return make_op(parser, is_not ? OP_NOT_IN : OP_IN, offset, &list, operand);
    }
    if (accept_word(parser, "between", &taken) != ST_OK)
        return ST_ERROR;
    if (taken) {
        if (parse_arg(parser, PRECEDENCE_CONCAT, &list) != ST_OK || expect_word(parser, "and") != ST_OK ||
            parse_arg(parser, PRECEDENCE_CONCAT, &list) != ST_OK)
            return ST_ERROR;
        return make_op(parser, is_not ? OP_NOT_BETWEEN : OP_BETWEEN, offset, &list, operand);
    }
    if (expect_word(parser, "like") != ST_OK || parse_arg(parser, PRECEDENCE_CONCAT, &list) != ST_OK ||
        accept_word(parser, "escape", &taken) != ST_OK)
        return ST_ERROR;
    if (taken && parse_arg(parser, PRECEDENCE_CONCAT, &list) != ST_OK)
        return ST_ERROR;
    return make_op(parser, is_not ? OP_NOT_LIKE : OP_LIKE, offset, &list, operand);
}

static enum status
parse_infix(struct parser *parser, const struct infix *infix, struct expr **operand)
{
    struct arg_list list   = { 0 };
    uint32_t        offset = parser->token.offset;

    if (arg_add(parser, &list, *operand) != ST_OK)
        return ST_ERROR;
    do {
        if (advance(parser) != ST_OK || parse_arg(parser, infix->precedence + 1, &list) != ST_OK)
            return ST_ERROR;
        /* a or b or c is one node, so that a long list is not a deep tree. */
    } while ((infix->op == OP_OR || infix->op == OP_AND) && at_word(parser, infix->text));

    const struct infix *next = infix_at(parser);
    if (infix->precedence == PRECEDENCE_COMPARISON && next != NULL && next->precedence == PRECEDENCE_COMPARISON)
        return expr_error(parser->source, parser->token.offset, parser->err,
                          "comparisons do not chain: write a < b and b < c, or use parentheses");
    return make_op(parser, infix->op, offset, &list, operand);
}

static enum status
parse_operators(struct parser *parser, int precedence_min, struct expr **operand)
{
    for (;;) {
        const struct infix *infix = infix_at(parser);
        if (infix != NULL) {
            if (infix->precedence < precedence_min)
                return ST_OK;
            if (parse_infix(parser, infix, operand) != ST_OK)
                return ST_ERROR;
        } else if (at_word(parser, "is")) {
            if (PRECEDENCE_IS < precedence_min)
                return ST_OK;
            if (parse_is(parser, operand) != ST_OK)
                return ST_ERROR;
        } else if (at_word(parser, "in") || at_word(parser, "between") || at_word(parser, "like") ||
                   at_word(parser, "not")) {
            if (PRECEDENCE_RANGE < precedence_min)
                return ST_OK;
            if (parse_range(parser, operand) != ST_OK)
                return ST_ERROR;
        } else {
            return ST_OK;
        }
    }
}

static enum status
parse_expr(struct parser *parser, int precedence_min, struct expr **ret_expr)
{
    if (parser->depth >= EXPR_DEPTH_MAX)
        return expr_error(parser->source, parser->token.offset, parser->err,
                          "the expression is nested deeper than %d levels", EXPR_DEPTH_MAX);
    parser->depth++;
    struct expr *operand = NULL;
    enum status  status  = parse_prefix(parser, precedence_min, &operand);
    if (status == ST_OK)
        status = parse_operators(parser, precedence_min, &operand);
    parser->depth--;
    if (status == ST_OK)
        *ret_expr = operand;
    return status;
}

enum status
expr_parse(struct arena *arena, struct str text, const struct expr_origin *origin, struct expr **ret_expr,
           struct error *err)
{
    struct expr_source *source = ARENA_NEW(arena, struct expr_source);
    if (source == NULL || !arena_text(arena, text.size <= EXPR_TEXT_SIZE_MAX ? text : STR_EMPTY, &source->text))
        return error_no_memory(err);
    if (origin != NULL)
        source->origin = *origin;
    if (text.size > EXPR_TEXT_SIZE_MAX)
        return expr_error(source, 0, err, "an expression of %zu bytes; at most %d are possible", text.size,
                          EXPR_TEXT_SIZE_MAX);
    size_t valid = utf8_valid_prefix(text);
    if (valid != text.size)
        return expr_error(source, (uint32_t)valid, err, "the expression is not UTF-8 here");
    size_t zero = str_find_byte(text, '\0');
    if (zero != STR_NOT_FOUND)
        return expr_error(source, (uint32_t)zero, err, "the expression has a NUL here");

    struct parser parser = { .lexer = { .arena = arena, .source = source }, .arena = arena, .source = source, .err = err };
    struct expr  *made   = NULL;
    if (advance(&parser) != ST_OK || parse_expr(&parser, PRECEDENCE_LOWEST, &made) != ST_OK)
        return ST_ERROR;
    if (parser.token.kind != TOKEN_END)
        return unexpected(&parser, "an operator or the end");
    *ret_expr = made;
    return ST_OK;
}
