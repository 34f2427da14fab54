/* The one table: assembled, sorted, looked up; signatures read from their text. */
#include "expr/function.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/suggest.h"
#include "expr/expr_int.h"
#include "expr/kernel/tables.h"
#include "health/functions.h"

/* The tables are few and small, and looked into while binding only: a walk needs no index and no initialisation. */
static const struct function *
table_at(size_t index, size_t *ret_count)
{
    static const struct function *const tables[] = { number_functions, extreme_functions, text_functions,
                                                     text_edit_functions, cast_functions, date_functions,
                                                     key_functions, regex_functions, health_functions };
    const size_t counts[] = { number_function_count, extreme_function_count, text_function_count,
                              text_edit_function_count, cast_function_count, date_function_count,
                              key_function_count, regex_function_count, health_function_count };
    *ret_count = index < sizeof tables / sizeof *tables ? counts[index] : 0;
    return *ret_count > 0 ? tables[index] : NULL;
}

size_t
function_count(void)
{
    size_t count = 0, of_table;
    for (size_t i = 0; table_at(i, &of_table) != NULL; i++)
        count += of_table;
    return count;
}

const struct function *
function_at(size_t index)
{
    const struct function *table;
    size_t                 count;
    for (size_t i = 0; (table = table_at(i, &count)) != NULL; i++) {
        if (index < count)
            return &table[index];
        index -= count;
    }
    UNREACHABLE();
}

const struct function *
function_find(struct str name)
{
    size_t count = function_count();
    for (size_t i = 0; i < count; i++)
        if (str_equal(name, str_from(function_at(i)->name)))
            return function_at(i);
    return NULL;
}

size_t
aggregate_count(void)
{
    return aggregate_table_count;
}

const struct aggregate *
aggregate_at(size_t index)
{
    CHECK(index < aggregate_table_count);
    return &aggregate_table[index];
}

const struct aggregate *
aggregate_find(struct str name)
{
    for (size_t i = 0; i < aggregate_table_count; i++)
        if (str_equal(name, str_from(aggregate_table[i].name)))
            return &aggregate_table[i];
    return NULL;
}

bool
type_is_coercible(struct type from, struct type to)
{
    if (type_equal(from, to))
        return true;
    if (from.kind == TYPE_INT64)
        return to.kind == TYPE_DECIMAL || to.kind == TYPE_DOUBLE;
    if (from.kind == TYPE_DECIMAL)
        return to.kind == TYPE_DOUBLE || (to.kind == TYPE_DECIMAL && to.scale >= from.scale);
    return false;
}

/* Reads one parameter or result up to a ',' or ')' outside the parentheses of a decimal, or the text's end. */
static bool
parameter_parse(struct str text, struct parameter *ret_parameter)
{
    struct parameter parameter = { .kind = PARAMETER_TYPE };
    if (str_ends_with(text, STR("?"))) {
        parameter.is_optional = true;
        text                  = str_slice(text, 0, text.size - 1);
    }
    if (str_equal(text, STR("any")))
        parameter.kind = PARAMETER_ANY;
    else if (str_equal(text, STR("number")))
        parameter.kind = PARAMETER_NUMBER;
    else if (!type_parse(text.data, text.size, &parameter.type))
        return false;
    *ret_parameter = parameter;
    return true;
}

bool
signature_next(const char *signature, size_t *position, struct overload *ret_overload)
{
    struct str      rest     = str_from(signature + *position);
    struct overload overload = { .parameter_count = 0 };
    size_t          i        = 1;
    if (rest.size == 0 || rest.data[0] != '(')
        return false;
    while (i < rest.size && rest.data[i] != ')') {
        size_t end = i, depth = 0;
        while (end < rest.size && (depth > 0 || (rest.data[end] != ',' && rest.data[end] != ')'))) {
            depth += rest.data[end] == '(';
            depth -= rest.data[end] == ')';
            end++;
        }
        struct str text = str_slice(rest, i, end);
        if (str_ends_with(text, STR("..."))) {
            overload.is_variadic = true;
            text                 = str_slice(text, 0, text.size - 3);
        }
        if (overload.parameter_count >= PARAMETER_COUNT_MAX ||
            !parameter_parse(text, &overload.parameters[overload.parameter_count++]))
            return false;
        i = end;
        if (i + 1 < rest.size && rest.data[i] == ',')
            i += 2; /* Comma and blank. */
    }
    struct str arrow = STR(") -> ");
    struct str tail  = str_slice(rest, i, rest.size);
    if (!str_starts_with(tail, arrow))
        return false;
    size_t end = str_find_byte(tail, ';');
    if (!parameter_parse(str_slice(tail, arrow.size, end), &overload.result))
        return false;
    *position += i + (end == STR_NOT_FOUND ? tail.size : end + 2);
    *ret_overload = overload;
    return true;
}

static bool
parameter_takes(const struct parameter *parameter, struct type type, bool is_null, bool exactly, struct type *ret_coerce)
{
    switch (parameter->kind) {
    case PARAMETER_ANY: return true;
    case PARAMETER_NUMBER:
        return is_null || type.kind == TYPE_INT64 || type.kind == TYPE_DOUBLE || type.kind == TYPE_DECIMAL;
    case PARAMETER_TYPE: break;
    }
    if (!is_null && !(exactly ? type_equal(type, parameter->type) : type_is_coercible(type, parameter->type)))
        return false;
    *ret_coerce = parameter->type;
    return true;
}

static bool
overload_takes(const struct overload *overload, const struct type *arguments, const bool *is_null, uint32_t count,
               bool exactly, struct type *coerce)
{
    uint32_t count_max = overload->is_variadic ? FUNCTION_ARGUMENT_COUNT_MAX : overload->parameter_count;
    uint32_t count_min = overload->parameter_count - (overload->is_variadic ? 1 : 0);
    while (count_min > 0 && overload->parameters[count_min - 1].is_optional)
        count_min--;
    if (count < count_min || count > count_max)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = i < overload->parameter_count ? i : overload->parameter_count - 1;
        coerce[i]   = arguments[i];
        if (!parameter_takes(&overload->parameters[at], arguments[i], is_null != NULL && is_null[i], exactly, &coerce[i]))
            return false;
    }
    return true;
}

static bool
resolve(const char *signature, resolve_fn *by_code, const struct type *arguments, const bool *is_null, uint32_t count,
        struct type *ret_coerce, struct type *ret_result)
{
    struct type     coerce[FUNCTION_ARGUMENT_COUNT_MAX] = { 0 };
    struct overload overload;
    if (count > FUNCTION_ARGUMENT_COUNT_MAX)
        return false;
    for (int exactly = 1; exactly >= 0; exactly--) {
        size_t position = 0;
        while (signature_next(signature, &position, &overload)) {
            if (!overload_takes(&overload, arguments, is_null, count, exactly != 0, coerce))
                continue;
            struct type result = overload.result.type;
            if (by_code != NULL && !by_code(arguments, count, coerce, &result))
                return false;
            memcpy(ret_coerce, coerce, count * sizeof *coerce);
            *ret_result = result;
            return true;
        }
    }
    return false;
}

bool
function_resolve(const struct function *function, const struct type *arguments, const bool *is_null_literal,
                 uint32_t argument_count, struct type *ret_coerce, struct type *ret_result)
{
    struct type types[FUNCTION_ARGUMENT_COUNT_MAX] = { 0 };
    struct type example = TYPE(TYPE_INT64);
    if (argument_count > FUNCTION_ARGUMENT_COUNT_MAX)
        return false;
    /* A bare null takes the type of what stands beside it, where code decides the result. */
    for (uint32_t i = argument_count; i-- > 0;)
        if (is_null_literal == NULL || !is_null_literal[i])
            example = arguments[i];
    for (uint32_t i = 0; i < argument_count; i++)
        types[i] = function->resolve != NULL && is_null_literal != NULL && is_null_literal[i] ? example : arguments[i];
    return resolve(function->signature, function->resolve, types, is_null_literal, argument_count, ret_coerce, ret_result);
}

bool
aggregate_resolve(const struct aggregate *aggregate, const struct type *arguments, uint32_t argument_count,
                  struct type *ret_coerce, struct type *ret_result)
{
    return resolve(aggregate->signature, aggregate->resolve, arguments, NULL, argument_count, ret_coerce, ret_result);
}

void
function_sql_name(const char *name, bool is_by_result, struct type result, char out[FUNCTION_SQL_NAME_SIZE])
{
    char buffer[32];
    int  size;
    if (!is_by_result)
        size = snprintf(out, FUNCTION_SQL_NAME_SIZE, "hd_%s", name);
    else if (result.kind == TYPE_DECIMAL)
        size = snprintf(out, FUNCTION_SQL_NAME_SIZE, "hd_%s_d%u", name, result.scale);
    else
        size = snprintf(out, FUNCTION_SQL_NAME_SIZE, "hd_%s_%s", name, type_name(result, buffer, sizeof buffer));
    CHECK(size > 0 && size < FUNCTION_SQL_NAME_SIZE);
}

enum status
aggregate_sql_name(struct str name, const struct type *arguments, uint32_t argument_count,
                   char out[FUNCTION_SQL_NAME_SIZE], struct error *err)
{
    const struct aggregate *aggregate = aggregate_find(name);
    struct type             coerce[FUNCTION_ARGUMENT_COUNT_MAX], result;
    if (aggregate == NULL) {
        error_set(err, ERR_CONFIG, "unknown aggregate %.*s", STR_PRINTF(name));
        struct suggestion suggestion = suggestion_init(name);
        for (size_t i = 0; i < aggregate_table_count; i++)
            suggestion_offer(&suggestion, str_from(aggregate_table[i].name));
        suggestion_hint(&suggestion, err);
        return ST_ERROR;
    }
    if (!aggregate_resolve(aggregate, arguments, argument_count, coerce, &result))
        return error_set(err, ERR_CONFIG, "%s does not take these arguments: it is %s%s", aggregate->name, aggregate->name,
                         aggregate->signature);
    function_sql_name(aggregate->name, aggregate->resolve != NULL, result, out);
    return ST_OK;
}
