/* A tree's canonical text, which parses back to an equal tree: lower-case keywords, parentheses only where they count. */
#include "base/check.h"
#include "base/decimal.h"
#include "base/json_out.h"
#include "base/time.h"
#include "expr/expr_int.h"

static void print_node(const struct expr *node, int precedence_min, struct str_builder *out);

void
sql_print_name(struct str name, struct str_builder *out)
{
    str_builder_append_char(out, '"');
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '"')
            str_builder_append_char(out, '"');
        str_builder_append_char(out, name.data[i]);
    }
    str_builder_append_char(out, '"');
}

void
sql_print_text(struct str text, struct str_builder *out)
{
    str_builder_append_char(out, '\'');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\'')
            str_builder_append_char(out, '\'');
        str_builder_append_char(out, text.data[i]);
    }
    str_builder_append_char(out, '\'');
}

static void
print_double(double value, struct str_builder *out)
{
    char   text[DOUBLE_TEXT_SIZE];
    size_t size = double_print(value, text);
    str_builder_append(out, str_of(text, size));
    /* An exponent makes it a double again when it is read. */
    if (str_find_byte(str_of(text, size), 'e') == STR_NOT_FOUND)
        str_builder_append_cstr(out, "e0");
}

static void
print_literal(const struct expr_value *value, struct str_builder *out)
{
    char text[TIME_TEXT_SIZE > DECIMAL_TEXT_SIZE ? TIME_TEXT_SIZE : DECIMAL_TEXT_SIZE];
    if (value->is_null) {
        str_builder_append_cstr(out, "null");
        return;
    }
    switch (value->type.kind) {
    case TYPE_BOOL: str_builder_append_cstr(out, value->as.boolean ? "true" : "false"); break;
    case TYPE_INT64: str_builder_printf(out, "%lld", (long long)value->as.int64); break;
    case TYPE_DOUBLE: print_double(value->as.float64, out); break;
    case TYPE_DECIMAL:
        str_builder_append(out, str_of(text, decimal_print(value->as.int64, value->type.scale, text)));
        if (value->type.scale == 0)
            str_builder_append_char(out, '.');
        break;
    case TYPE_TEXT: sql_print_text(value->as.text, out); break;
    case TYPE_TIMESTAMP:
        time_print(value->as.int64, text);
        str_builder_printf(out, "timestamp '%s'", text);
        break;
    case TYPE_DATE:
        date_print((int32_t)value->as.int64, text);
        str_builder_printf(out, "date '%s'", text);
        break;
    case TYPE_KIND_COUNT: UNREACHABLE();
    }
}

static int
precedence_of(const struct expr *node)
{
    if (node->kind != EXPR_OPERATOR)
        return PRECEDENCE_ATOM;
    switch (node->op) {
    case OP_OR: return PRECEDENCE_OR;
    case OP_AND: return PRECEDENCE_AND;
    case OP_NOT: return PRECEDENCE_NOT;
    case OP_IS_NULL:
    case OP_IS_NOT_NULL:
    case OP_IS_TRUE:
    case OP_IS_NOT_TRUE:
    case OP_IS_FALSE:
    case OP_IS_NOT_FALSE:
    case OP_DISTINCT:
    case OP_NOT_DISTINCT: return PRECEDENCE_IS;
    case OP_EQ:
    case OP_NE:
    case OP_LT:
    case OP_LE:
    case OP_GT:
    case OP_GE: return PRECEDENCE_COMPARISON;
    case OP_IN:
    case OP_NOT_IN:
    case OP_BETWEEN:
    case OP_NOT_BETWEEN:
    case OP_LIKE:
    case OP_NOT_LIKE: return PRECEDENCE_RANGE;
    case OP_CONCAT: return PRECEDENCE_CONCAT;
    case OP_ADD:
    case OP_SUBTRACT: return PRECEDENCE_ADD;
    case OP_MULTIPLY:
    case OP_DIVIDE:
    case OP_MODULO: return PRECEDENCE_MULTIPLY;
    case OP_NEGATE: return PRECEDENCE_UNARY;
    case OP_CASE:
    case OP_CASE_SIMPLE:
    case OP_COALESCE:
    case OP_NULLIF: return PRECEDENCE_ATOM;
    case OP_COUNT: break;
    }
    UNREACHABLE();
}

/* a, b, c) */
static void
print_args(struct expr *const *args, uint32_t count, struct str_builder *out)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            str_builder_append_cstr(out, ", ");
        print_node(args[i], PRECEDENCE_LOWEST, out);
    }
    str_builder_append_char(out, ')');
}

static void
print_case(const struct expr *node, struct str_builder *out)
{
    uint32_t i = 0;
    str_builder_append_cstr(out, "case");
    if (node->op == OP_CASE_SIMPLE) {
        str_builder_append_char(out, ' ');
        print_node(node->args[i++], PRECEDENCE_LOWEST, out);
    }
    for (; i + 1 < node->arg_count; i += 2) {
        str_builder_append_cstr(out, " when ");
        print_node(node->args[i], PRECEDENCE_LOWEST, out);
        str_builder_append_cstr(out, " then ");
        print_node(node->args[i + 1], PRECEDENCE_LOWEST, out);
    }
    if (i < node->arg_count) {
        str_builder_append_cstr(out, " else ");
        print_node(node->args[i], PRECEDENCE_LOWEST, out);
    }
    str_builder_append_cstr(out, " end");
}

static void
print_is(const struct expr *node, struct str_builder *out)
{
    static const char *const texts[OP_COUNT] = {
        [OP_IS_NULL] = " is null",       [OP_IS_NOT_NULL] = " is not null",
        [OP_IS_TRUE] = " is true",       [OP_IS_NOT_TRUE] = " is not true",
        [OP_IS_FALSE] = " is false",     [OP_IS_NOT_FALSE] = " is not false",
        [OP_DISTINCT] = " is distinct from ", [OP_NOT_DISTINCT] = " is not distinct from ",
    };
    print_node(node->args[0], PRECEDENCE_IS, out);
    str_builder_append_cstr(out, texts[node->op]);
    if (node->arg_count > 1)
        print_node(node->args[1], PRECEDENCE_COMPARISON, out);
}

static void
print_range(const struct expr *node, struct str_builder *out)
{
    bool is_not = node->op == OP_NOT_IN || node->op == OP_NOT_BETWEEN || node->op == OP_NOT_LIKE;
    print_node(node->args[0], PRECEDENCE_RANGE, out);
    str_builder_append_cstr(out, is_not ? " not " : " ");
    if (node->op == OP_IN || node->op == OP_NOT_IN) {
        str_builder_append_cstr(out, "in (");
        print_args(node->args + 1, node->arg_count - 1, out);
        return;
    }
    bool is_between = node->op == OP_BETWEEN || node->op == OP_NOT_BETWEEN;
    str_builder_append_cstr(out, is_between ? "between " : "like ");
    print_node(node->args[1], PRECEDENCE_CONCAT, out);
    if (node->arg_count > 2) {
        str_builder_append_cstr(out, is_between ? " and " : " escape ");
        print_node(node->args[2], PRECEDENCE_CONCAT, out);
    }
}

/* Operands left to right. The first may bind as loosely as the operator itself, but for comparisons, which do not
 * chain, and for and/or, whose node holds the whole chain: there an operand of the same kind stood in parentheses. */
static void
print_infix(const struct expr *node, int precedence, struct str_builder *out)
{
    bool is_left_associative = precedence >= PRECEDENCE_CONCAT;
    for (uint32_t i = 0; i < node->arg_count; i++) {
        if (i > 0)
            str_builder_printf(out, " %s ", expr_op_text(node->op));
        print_node(node->args[i], i == 0 && is_left_associative ? precedence : precedence + 1, out);
    }
}

static void
print_operator(const struct expr *node, int precedence, struct str_builder *out)
{
    switch (node->op) {
    case OP_CASE:
    case OP_CASE_SIMPLE: print_case(node, out); break;
    case OP_COALESCE:
    case OP_NULLIF:
        str_builder_append_cstr(out, node->op == OP_NULLIF ? "nullif(" : "coalesce(");
        print_args(node->args, node->arg_count, out);
        break;
    case OP_NOT:
        str_builder_append_cstr(out, "not ");
        print_node(node->args[0], PRECEDENCE_NOT, out);
        break;
    case OP_NEGATE:
        /* Two minus signs in a row would start a comment in SQL. */
        str_builder_append_cstr(out, "-");
        print_node(node->args[0], PRECEDENCE_ATOM, out);
        break;
    default:
        if (precedence == PRECEDENCE_IS)
            print_is(node, out);
        else if (precedence == PRECEDENCE_RANGE)
            print_range(node, out);
        else
            print_infix(node, precedence, out);
        break;
    }
}

static void
print_node(const struct expr *node, int precedence_min, struct str_builder *out)
{
    int  precedence = precedence_of(node);
    char buffer[32];

    if (precedence < precedence_min)
        str_builder_append_char(out, '(');
    switch (node->kind) {
    case EXPR_LITERAL: print_literal(&node->value, out); break;
    case EXPR_NAME:
    case EXPR_SLOT:
        if (lexer_is_plain_name(node->name))
            str_builder_append(out, node->name);
        else
            sql_print_name(node->name, out);
        break;
    case EXPR_CALL:
        str_builder_append(out, node->name);
        str_builder_append_char(out, '(');
        print_args(node->args, node->arg_count, out);
        break;
    case EXPR_CAST:
        str_builder_append_cstr(out, node->is_try ? "try_cast(" : "cast(");
        print_node(node->args[0], PRECEDENCE_LOWEST, out);
        str_builder_printf(out, " as %s)", type_name(node->type, buffer, sizeof buffer));
        break;
    case EXPR_OPERATOR: print_operator(node, precedence, out); break;
    }
    if (precedence < precedence_min)
        str_builder_append_char(out, ')');
}

void
expr_print(const struct expr *tree, struct str_builder *out)
{
    print_node(tree, PRECEDENCE_LOWEST, out);
}
