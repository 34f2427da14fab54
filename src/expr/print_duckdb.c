/* A bound tree as DuckDB's SQL: operators as they are, functions as hd_…; every literal with its type, every operand in
 * parentheses. What DuckDB itself computes here, it computes as our kernels do: bytes for texts, one order for doubles. */
#include <stdio.h>

#include "base/check.h"
#include "base/decimal.h"
#include "base/json_out.h"
#include "base/time.h"
#include "expr/expr_int.h"

struct printer {
    const struct expr_slot_printer *slots;
    struct str_builder             *out;
};

const char *
type_duckdb_name(struct type type, char *buffer, size_t buffer_size)
{
    static const char *const names[TYPE_KIND_COUNT] = {
        [TYPE_BOOL] = "BOOLEAN", [TYPE_INT64] = "BIGINT", [TYPE_DOUBLE] = "DOUBLE",
        [TYPE_TEXT] = "VARCHAR", [TYPE_TIMESTAMP] = "TIMESTAMP", [TYPE_DATE] = "DATE",
    };
    if (type.kind == TYPE_DECIMAL)
        snprintf(buffer, buffer_size, "DECIMAL(%d,%u)", DECIMAL_DIGITS_MAX, type.scale);
    else
        snprintf(buffer, buffer_size, "%s", names[type.kind]);
    return buffer;
}

static void
print_value(const struct expr *node, struct str_builder *out)
{
    const struct expr_value *value = &node->value;
    char                     text[DOUBLE_TEXT_SIZE + TIME_TEXT_SIZE + DECIMAL_TEXT_SIZE];
    char                     type[32];
    if (value->type.kind == TYPE_BOOL && !value->is_null) {
        str_builder_append_cstr(out, value->as.boolean ? "true" : "false");
        return;
    }
    str_builder_append_cstr(out, "CAST(");
    if (value->is_null) {
        str_builder_append_cstr(out, "NULL");
    } else {
        struct str shown = str_of(text, 0);
        switch (value->type.kind) {
        case TYPE_INT64: shown.size = int128_print(value->as.int64, 0, text); break;
        case TYPE_DECIMAL: shown.size = decimal_print(value->as.int64, value->type.scale, text); break;
        case TYPE_DOUBLE: shown.size = double_print(value->as.float64, text); break;
        case TYPE_DATE: shown.size = date_print((int32_t)value->as.int64, text); break;
        case TYPE_TIMESTAMP: shown.size = time_print_local(value->as.int64, text); break;
        case TYPE_TEXT: shown = value->as.text; break;
        case TYPE_BOOL:
        case TYPE_KIND_COUNT: UNREACHABLE();
        }
        sql_print_text(shown, out);
    }
    str_builder_printf(out, " AS %s)", type_duckdb_name(node->type, type, sizeof type));
}

static void print_tree(const struct printer *printer, const struct expr *node);

static void
print_list(const struct printer *printer, struct expr *const *args, uint32_t count, const char *separator)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            str_builder_append_cstr(printer->out, separator);
        print_tree(printer, args[i]);
    }
}

static void
print_case(const struct printer *printer, const struct expr *node)
{
    str_builder_append_cstr(printer->out, "CASE");
    uint32_t i = 0;
    for (; i + 1 < node->arg_count; i += 2) {
        str_builder_append_cstr(printer->out, " WHEN ");
        print_tree(printer, node->args[i]);
        str_builder_append_cstr(printer->out, " THEN ");
        print_tree(printer, node->args[i + 1]);
    }
    str_builder_append_cstr(printer->out, " ELSE ");
    print_tree(printer, node->args[i]);
    str_builder_append_cstr(printer->out, " END");
}

/* How an operator with one operand, or between two, is written. */
static const char *
sql_of_op(enum expr_op op)
{
    switch (op) {
    case OP_OR: return " OR ";
    case OP_AND: return " AND ";
    case OP_IS_NULL: return " IS NULL";
    case OP_IS_NOT_NULL: return " IS NOT NULL";
    case OP_IS_TRUE: return " IS NOT DISTINCT FROM true";
    case OP_IS_NOT_TRUE: return " IS DISTINCT FROM true";
    case OP_IS_FALSE: return " IS NOT DISTINCT FROM false";
    case OP_IS_NOT_FALSE: return " IS DISTINCT FROM false";
    case OP_DISTINCT: return " IS DISTINCT FROM ";
    case OP_NOT_DISTINCT: return " IS NOT DISTINCT FROM ";
    case OP_EQ: return " = ";
    case OP_NE: return " <> ";
    case OP_LT: return " < ";
    case OP_LE: return " <= ";
    case OP_GT: return " > ";
    case OP_GE: return " >= ";
    default: UNREACHABLE();
    }
}

static void
print_operator(const struct printer *printer, const struct expr *node)
{
    struct str_builder *out = printer->out;
    if (node->op == OP_COALESCE || node->op == OP_NULLIF) {
        str_builder_append_cstr(out, node->op == OP_NULLIF ? "NULLIF(" : "COALESCE(");
        print_list(printer, node->args, node->arg_count, ", ");
        str_builder_append_char(out, ')');
        return;
    }
    str_builder_append_char(out, '(');
    if (node->op == OP_CASE) {
        print_case(printer, node);
    } else if (node->op == OP_NOT) {
        str_builder_append_cstr(out, "NOT ");
        print_tree(printer, node->args[0]);
    } else if (node->op == OP_IN) {
        print_tree(printer, node->args[0]);
        str_builder_append_cstr(out, " IN (");
        print_list(printer, node->args + 1, node->arg_count - 1, ", ");
        str_builder_append_char(out, ')');
    } else if (node->op == OP_BETWEEN) {
        print_tree(printer, node->args[0]);
        str_builder_append_cstr(out, " BETWEEN ");
        print_list(printer, node->args + 1, 2, " AND ");
    } else {
        print_list(printer, node->args, node->arg_count, sql_of_op(node->op));
        if (node->arg_count == 1)
            str_builder_append_cstr(out, sql_of_op(node->op));
    }
    str_builder_append_char(out, ')');
}

static void
print_tree(const struct printer *printer, const struct expr *node)
{
    char name[FUNCTION_SQL_NAME_SIZE];
    switch (node->kind) {
    case EXPR_LITERAL: print_value(node, printer->out); return;
    case EXPR_SLOT:
        if (printer->slots != NULL && printer->slots->print_slot != NULL)
            printer->slots->print_slot(printer->slots->context, node->slot, node->name, printer->out);
        else
            sql_print_name(node->name, printer->out);
        return;
    case EXPR_CALL:
        function_sql_name(node->function->name, node->function->resolve != NULL, node->type, name);
        str_builder_append_cstr(printer->out, name);
        str_builder_append_char(printer->out, '(');
        print_list(printer, node->args, node->arg_count, ", ");
        str_builder_append_char(printer->out, ')');
        return;
    case EXPR_OPERATOR: print_operator(printer, node); return;
    case EXPR_NAME:
    case EXPR_CAST: break;
    }
    UNREACHABLE();
}

void
expr_print_duckdb(const struct expr *bound, const struct expr_slot_printer *printer, struct str_builder *out)
{
    struct printer state = { .slots = printer, .out = out };
    print_tree(&state, bound);
}
