/* greatest and least: what is null is passed over, as in PostgreSQL and DuckDB; null where everything is. */
#include <string.h>

#include "column/kernel.h"
#include "expr/expr_int.h"
#include "expr/kernel/tables.h"

/* The type that all arguments can be cast to. */
static bool
resolve_common(const struct type *arguments, uint32_t count, struct type *ret_coerce, struct type *ret_result)
{
    struct type common = arguments[0];
    for (uint32_t i = 1; i < count; i++) {
        if (type_is_coercible(common, arguments[i]))
            common = arguments[i];
        else if (!type_is_coercible(arguments[i], common))
            return false;
    }
    for (uint32_t i = 0; i < count; i++)
        ret_coerce[i] = common;
    *ret_result = common;
    return count > 0;
}

static void
copy_value(const struct vector *from, uint32_t row, struct vector_out *out)
{
    if (from->type.kind == TYPE_TEXT) {
        struct str text = vector_str(from, row);
        vector_out_text_shared(out, row, text.data, text.size);
        return;
    }
    size_t size = type_value_size(from->type);
    memcpy((char *)out->data + row * size, (const char *)from->data + vector_row(from, row) * size, size);
}

/* Of equal values the first: minus zero and zero are equal and print differently. */
static void
extreme(const struct vector *args, uint32_t argument_count, uint32_t row_count, int sign, struct vector_out *out)
{
    for (uint32_t row = 0; row < row_count; row++) {
        const struct vector *best = NULL;
        for (uint32_t i = 0; i < argument_count; i++) {
            if (!vector_is_valid(&args[i], row))
                continue;
            if (best == NULL || vector_compare_rows(&args[i], row, best, row) * sign > 0)
                best = &args[i];
        }
        if (best == NULL)
            vector_out_null(out, row);
        else
            copy_value(best, row, out);
    }
}

static void
kernel_greatest(const struct kernel_context *context, const struct vector *args, uint32_t argument_count,
                uint32_t row_count, struct vector_out *out)
{
    (void)context;
    extreme(args, argument_count, row_count, 1, out);
}

static void
kernel_least(const struct kernel_context *context, const struct vector *args, uint32_t argument_count,
             uint32_t row_count, struct vector_out *out)
{
    (void)context;
    extreme(args, argument_count, row_count, -1, out);
}

const struct function extreme_functions[] = {
    { .name = "greatest", .help = "The largest value that is not null.", .signature = "(any, any...) -> any",
      .null_rule = NULL_SEEN, .kernel = kernel_greatest, .resolve = resolve_common },
    { .name = "least", .help = "The smallest value that is not null.", .signature = "(any, any...) -> any",
      .null_rule = NULL_SEEN, .kernel = kernel_least, .resolve = resolve_common },
};
const size_t extreme_function_count = sizeof extreme_functions / sizeof *extreme_functions;
