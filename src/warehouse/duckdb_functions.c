/* Registration. Every function takes ANY and looks at the types when bound: DuckDB cannot tell overloads apart that differ
 * in a decimal's scale only. So SQL must pass exactly the types of column/type.h; what can be bound otherwise is an error
 * of the statement.
 *
 * DuckDB calls a C function on null rows of columns too, and does not clear the result's validity: both are done here. */
#include "warehouse/duckdb_functions.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/memory.h"
#include "expr/function.h"
#include "warehouse/db.h"

struct registered {
    const struct function  *function;
    const struct aggregate *aggregate;
    struct type             result; /* Where the row has a resolve function: the result that the name stands for. */
};

struct bind_data {
    const struct function *function;
    struct type            result;
    uint32_t               argument_count;
    struct type            arguments[FUNCTION_ARGUMENT_COUNT_MAX];
};

static const duckdb_type kinds[TYPE_KIND_COUNT] = {
    [TYPE_BOOL] = DUCKDB_TYPE_BOOLEAN, [TYPE_INT64] = DUCKDB_TYPE_BIGINT,        [TYPE_DOUBLE] = DUCKDB_TYPE_DOUBLE,
    [TYPE_TEXT] = DUCKDB_TYPE_VARCHAR, [TYPE_TIMESTAMP] = DUCKDB_TYPE_TIMESTAMP, [TYPE_DATE] = DUCKDB_TYPE_DATE,
};

duckdb_logical_type
duckdb_functions_type(struct type type)
{
    return type.kind == TYPE_DECIMAL ? duckdb_create_decimal_type(DECIMAL_DIGITS_MAX, type.scale)
                                     : duckdb_create_logical_type(kinds[type.kind]);
}

static bool
type_of_logical(duckdb_logical_type logical, struct type *ret_type)
{
    duckdb_type id = duckdb_get_type_id(logical);
    if (id == DUCKDB_TYPE_DECIMAL) {
        *ret_type = TYPE_DECIMAL_OF(duckdb_decimal_scale(logical));
        return duckdb_decimal_width(logical) == DECIMAL_DIGITS_MAX;
    }
    for (int kind = 0; kind < TYPE_KIND_COUNT; kind++) {
        if (kind != TYPE_DECIMAL && kinds[kind] == id) {
            *ret_type = TYPE((enum type_kind)kind);
            return true;
        }
    }
    return false;
}

static bool
type_of_vector(duckdb_vector vector, struct type *ret_type)
{
    duckdb_logical_type logical = duckdb_vector_get_column_type(vector);
    bool                known   = type_of_logical(logical, ret_type);
    duckdb_destroy_logical_type(&logical);
    return known;
}

/* A copy that memory was missing for is NULL, which DuckDB copies on; the execution tells it. */
static void *
bind_data_copy(void *data)
{
    struct bind_data *copy = data == NULL ? NULL : memory_alloc(sizeof *copy);
    if (copy != NULL)
        memcpy(copy, data, sizeof *copy);
    return copy;
}

static bool
bind_arguments(duckdb_bind_info info, struct bind_data *data)
{
    idx_t count = duckdb_scalar_function_bind_get_argument_count(info);
    if (count > FUNCTION_ARGUMENT_COUNT_MAX)
        return false;
    data->argument_count = (uint32_t)count;
    for (idx_t i = 0; i < count; i++) {
        duckdb_expression   expression = duckdb_scalar_function_bind_get_argument(info, i);
        duckdb_logical_type logical    = duckdb_expression_return_type(expression);
        bool                known      = type_of_logical(logical, &data->arguments[i]);
        duckdb_destroy_logical_type(&logical);
        duckdb_destroy_expression(&expression);
        if (!known)
            return false;
    }
    return true;
}

/* The kernel computes on these types without coercion. The result that the name stands for must be the one that they
 * give; a cast may go to another scale. */
static void
scalar_bind(duckdb_bind_info info)
{
    const struct registered *row  = duckdb_scalar_function_bind_get_extra_info(info);
    struct bind_data        *data = memory_alloc_zero(sizeof *data);
    struct type              coerce[FUNCTION_ARGUMENT_COUNT_MAX] = { 0 }, result = { 0 };
    if (data == NULL) {
        duckdb_scalar_function_bind_set_error(info, DB_OUT_OF_MEMORY);
        return;
    }
    bool fits = bind_arguments(info, data) &&
                function_resolve(row->function, data->arguments, NULL, data->argument_count, coerce, &result) &&
                result.kind == row->result.kind;
    for (uint32_t i = 0; fits && i < data->argument_count; i++)
        fits = type_equal(coerce[i], data->arguments[i]);
    if (!fits) {
        char message[256];
        snprintf(message, sizeof message, "hd_%s takes exactly %s", row->function->name, row->function->signature);
        memory_free(data);
        duckdb_scalar_function_bind_set_error(info, message);
        return;
    }
    data->function = row->function;
    data->result   = row->result;
    duckdb_scalar_function_set_bind_data(info, data, memory_free);
    duckdb_scalar_function_set_bind_data_copy(info, bind_data_copy);
}

/* Puts the bytes on the result's heap. DuckDB's call writes a row too: the first row's value is kept aside meanwhile. */
static const char *
vector_text_copy(void *owner, const char *bytes, size_t size)
{
    duckdb_vector    vector = owner;
    duckdb_string_t *rows   = duckdb_vector_get_data(vector);
    duckdb_string_t  first  = rows[0];
    duckdb_unsafe_vector_assign_string_element_len(vector, 0, bytes, size);
    const char *copy = rows[0].value.pointer.ptr;
    rows[0]          = first;
    return copy;
}

static struct vector_out
out_of_vector(duckdb_vector vector, struct type type)
{
    duckdb_vector_ensure_validity_writable(vector);
    return (struct vector_out){ .type = type, .data = duckdb_vector_get_data(vector),
                                .validity = duckdb_vector_get_validity(vector), .text_copy = vector_text_copy,
                                .text_owner = vector };
}

static struct vector
vector_of_chunk(duckdb_data_chunk chunk, idx_t column, struct type type)
{
    duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, column);
    return (struct vector){ .type = type, .data = duckdb_vector_get_data(vector),
                            .validity = duckdb_vector_get_validity(vector) };
}

static bool
text_constant(const struct vector *arg, uint32_t row_count, uint32_t row, struct vector *ret_constant)
{
    *ret_constant      = *arg;
    ret_constant->data = (const char *)arg->data + row * type_value_size(arg->type);
    ret_constant->is_constant = true;
    ret_constant->validity    = NULL;
    return row < row_count && vector_is_valid(arg, row);
}

/* Functions that prepare constants are prepared here for each run of rows with equal arguments: in SQL that we generate
 * such an argument is a literal, so that there is one run a vector. */
static enum status
run_bound(const struct bind_data *data, const struct vector *args, uint32_t row_count, struct kernel_context *context,
          struct vector_out *out, struct error *err)
{
    struct vector constants[FUNCTION_ARGUMENT_COUNT_MAX] = { 0 };
    void         *bound                                  = NULL;
    for (uint32_t i = 0; i < data->argument_count; i++) {
        bool equal = args[i].type.kind == TYPE_TEXT && text_constant(&args[i], row_count, 0, &constants[i]);
        for (uint32_t row = 1; equal && row < row_count; row++)
            equal = vector_is_valid(&args[i], row) &&
                    text_equal((const struct text *)args[i].data, (const struct text *)args[i].data + row);
        if (!equal)
            constants[i] = (struct vector){ .type = args[i].type };
    }
    if (data->function->bind(constants, data->argument_count, &bound, err) != ST_OK)
        return ST_ERROR;
    context->bound = bound;
    data->function->kernel(context, args, data->argument_count, row_count, out);
    if (bound != NULL && data->function->unbind != NULL)
        data->function->unbind(bound);
    return ST_OK;
}

static void
scalar_run(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    const struct bind_data *data      = duckdb_scalar_function_get_bind_data(info);
    uint32_t                row_count = (uint32_t)duckdb_data_chunk_get_size(input);
    struct vector           args[FUNCTION_ARGUMENT_COUNT_MAX] = { 0 };
    struct arena            scratch;
    struct kernel_context   context = { .scratch = &scratch };
    struct error            err     = ERROR_EMPTY;

    if (data == NULL) { /* There was no memory to copy it. */
        duckdb_scalar_function_set_error(info, DB_OUT_OF_MEMORY);
        return;
    }
    struct vector_out out = out_of_vector(output, data->result);
    arena_init(&scratch, 0);
    for (uint32_t i = 0; i < data->argument_count; i++)
        args[i] = vector_of_chunk(input, i, data->arguments[i]);
    memset(out.validity, 0xff, ((size_t)row_count + 63) / 64 * sizeof(uint64_t));
    if (data->function->bind == NULL)
        data->function->kernel(&context, args, data->argument_count, row_count, &out);
    else if (run_bound(data, args, row_count, &context, &out, &err) != ST_OK)
        duckdb_scalar_function_set_error(info, err.code == ERR_NO_MEMORY ? DB_OUT_OF_MEMORY : "a constant argument is not what the function takes");
    if (data->function->null_rule == NULL_STRICT)
        for (uint32_t row = 0; row < row_count; row++)
            for (uint32_t i = 0; i < data->argument_count; i++)
                if (!vector_is_valid(&args[i], row))
                    vector_out_null(&out, row);
    if (out.failed)
        duckdb_scalar_function_set_error(info, DB_OUT_OF_MEMORY);
    arena_release(&scratch);
}

static enum status
register_scalar(duckdb_connection connection, const struct registered *row, const char *name, struct error *err)
{
    duckdb_scalar_function function = duckdb_create_scalar_function();
    duckdb_logical_type    any      = duckdb_create_logical_type(DUCKDB_TYPE_ANY);
    duckdb_logical_type    result   = duckdb_functions_type(row->result);
    struct registered     *kept     = memory_alloc(sizeof *kept);
    enum status            status   = kept == NULL ? error_no_memory(err) : ST_OK;
    if (status == ST_OK) {
        *kept = *row;
        duckdb_scalar_function_set_name(function, name);
        duckdb_scalar_function_set_varargs(function, any);
        duckdb_scalar_function_set_return_type(function, result);
        duckdb_scalar_function_set_special_handling(function);
        duckdb_scalar_function_set_extra_info(function, kept, memory_free);
        duckdb_scalar_function_set_bind(function, scalar_bind);
        duckdb_scalar_function_set_function(function, scalar_run);
        if (duckdb_register_scalar_function(connection, function) != DuckDBSuccess)
            status = error_set(err, ERR_INTERNAL, "DuckDB does not take the function %s", name);
    }
    duckdb_destroy_logical_type(&any);
    duckdb_destroy_logical_type(&result);
    duckdb_destroy_scalar_function(&function);
    return status;
}

static const struct aggregate *
aggregate_of(duckdb_function_info info)
{
    return ((const struct registered *)duckdb_aggregate_function_get_extra_info(info))->aggregate;
}

static idx_t
aggregate_size(duckdb_function_info info)
{
    /* The first 16 bytes tell the argument's type to the end, which DuckDB does not. */
    return aggregate_of(info)->state_size + 16;
}

static void *
state_bytes(duckdb_aggregate_state state)
{
    return (char *)state + 16;
}

static void
aggregate_init(duckdb_function_info info, duckdb_aggregate_state state)
{
    memset(state, 0, 16);
    aggregate_of(info)->init(state_bytes(state));
}

static void
aggregate_update(duckdb_function_info info, duckdb_data_chunk input, duckdb_aggregate_state *states)
{
    idx_t         row_count = duckdb_data_chunk_get_size(input);
    void         *bytes[CHUNK_ROW_COUNT_MAX];
    struct vector arg;
    struct type   type;
    if (row_count > CHUNK_ROW_COUNT_MAX || !type_of_vector(duckdb_data_chunk_get_vector(input, 0), &type)) {
        duckdb_aggregate_function_set_error(info, "an argument of a type that the aggregate does not take");
        return;
    }
    arg = vector_of_chunk(input, 0, type);
    for (idx_t row = 0; row < row_count; row++) {
        memcpy(states[row], &type, sizeof type);
        bytes[row] = state_bytes(states[row]);
    }
    aggregate_of(info)->update(bytes, &arg, 1, (uint32_t)row_count);
}

static void
aggregate_combine(duckdb_function_info info, duckdb_aggregate_state *source, duckdb_aggregate_state *target, idx_t count)
{
    static const struct type unset;
    for (idx_t i = 0; i < count; i++) {
        if (memcmp(source[i], &unset, sizeof unset) != 0)
            memcpy(target[i], source[i], sizeof unset);
        aggregate_of(info)->merge(state_bytes(target[i]), state_bytes(source[i]));
    }
}

static void
aggregate_finalize(duckdb_function_info info, duckdb_aggregate_state *source, duckdb_vector result, idx_t count,
                   idx_t offset)
{
    const struct registered *row = duckdb_aggregate_function_get_extra_info(info);
    struct vector_out        out = out_of_vector(result, row->result);
    for (idx_t i = 0; i < count; i++) {
        struct type type;
        memcpy(&type, source[i], sizeof type);
        out.validity[(offset + i) >> 6] |= (uint64_t)1 << ((offset + i) & 63);
        row->aggregate->final(state_bytes(source[i]), &type, &out, (uint32_t)(offset + i));
    }
}

static enum status
register_aggregate(duckdb_connection connection, const struct registered *row, struct type argument, const char *name,
                   bool takes_any, struct error *err)
{
    duckdb_aggregate_function function = duckdb_create_aggregate_function();
    duckdb_logical_type       any      = takes_any ? duckdb_create_logical_type(DUCKDB_TYPE_ANY) : duckdb_functions_type(argument);
    duckdb_logical_type       result   = duckdb_functions_type(row->result);
    struct registered        *kept     = memory_alloc(sizeof *kept);
    enum status               status   = kept == NULL ? error_no_memory(err) : ST_OK;
    if (status == ST_OK) {
        *kept = *row;
        duckdb_aggregate_function_set_name(function, name);
        duckdb_aggregate_function_add_parameter(function, any);
        duckdb_aggregate_function_set_return_type(function, result);
        duckdb_aggregate_function_set_special_handling(function);
        duckdb_aggregate_function_set_extra_info(function, kept, memory_free);
        duckdb_aggregate_function_set_functions(function, aggregate_size, aggregate_init, aggregate_update,
                                                aggregate_combine, aggregate_finalize);
        if (duckdb_register_aggregate_function(connection, function) != DuckDBSuccess)
            status = error_set(err, ERR_INTERNAL, "DuckDB does not take the function %s", name);
    }
    duckdb_destroy_logical_type(&any);
    duckdb_destroy_logical_type(&result);
    duckdb_destroy_aggregate_function(&function);
    return status;
}

static enum status
register_row(duckdb_connection connection, struct registered row, struct error *err)
{
    const char *name      = row.function != NULL ? row.function->name : row.aggregate->name;
    const char *signature = row.function != NULL ? row.function->signature : row.aggregate->signature;
    bool        by_result = (row.function != NULL ? row.function->resolve : row.aggregate->resolve) != NULL;
    char        sql_name[FUNCTION_SQL_NAME_SIZE];
    for (int kind = 0; kind < TYPE_KIND_COUNT; kind++) {
        for (unsigned scale = 0; scale <= (kind == TYPE_DECIMAL ? DECIMAL_DIGITS_MAX : 0); scale++) {
            struct overload overload;
            size_t          position = 0;
            struct type     type     = { .kind = (enum type_kind)kind, .scale = (uint8_t)scale };
            row.result               = type;
            if (!by_result) {
                if (!signature_next(signature, &position, &overload))
                    return error_set(err, ERR_INTERNAL, "the signature of %s is none", name);
                row.result = overload.result.type;
            }
            function_sql_name(name, by_result, row.result, sql_name);
            bool takes_any = !by_result && overload.parameters[0].kind == PARAMETER_ANY;
            struct type argument = by_result ? type : overload.parameters[0].type;
            enum status status = row.function != NULL ? register_scalar(connection, &row, sql_name, err)
                                                      : register_aggregate(connection, &row, argument, sql_name, takes_any, err);
            if (status != ST_OK || !by_result)
                return status;
        }
    }
    return ST_OK;
}

enum status
duckdb_functions_register(duckdb_connection connection, struct error *err)
{
    enum status status = ST_OK;
    for (size_t i = 0; status == ST_OK && i < function_count(); i++)
        status = register_row(connection, (struct registered){ .function = function_at(i) }, err);
    for (size_t i = 0; status == ST_OK && i < aggregate_count(); i++)
        status = register_row(connection, (struct registered){ .aggregate = aggregate_at(i) }, err);
    return status;
}
