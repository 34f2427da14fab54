/* What a function of the one table is (I4), for whoever writes kernels: expr/kernel/ and health/.
 *
 * The live leg calls a kernel over our columns; the warehouse registers the same kernel in DuckDB and the planner's
 * SQL calls it there. A function is total: for every input there is a value or NULL, never an error. It is
 * deterministic: no clock, no locale, no randomness, no global state. The lookup is expr/function.h; column/kernel.h
 * has the small things that kernels share. */
#ifndef HEDDLE_COLUMN_FUNCTION_H
#define HEDDLE_COLUMN_FUNCTION_H

#include "base/arena.h"
#include "base/error.h"
#include "base/limits.h" /* FUNCTION_ARGUMENT_COUNT_MAX */
#include "column/vector.h"

/* What a kernel may need besides its arguments, whose types the vectors carry, and the result's type, which `out`
 * carries. */
struct kernel_context {
    /* What bind() made of the constant arguments (a compiled pattern, a time zone), else NULL. Read-only: several
     * threads may share it. */
    const void *bound;
    /* For memory that lives during the call only, in what does not fit the stack. Cleared by the caller. */
    struct arena *scratch;
};

/* Computes rows 0..row_count-1 of `out` from `args`. The validity of `out` starts all valid: a kernel makes null what
 * has no value. Rows outside a chunk's selection are computed too: totality makes that safe. A null row's data is
 * undefined and must not be looked at (a text may point anywhere). */
typedef void kernel_fn(const struct kernel_context *context, const struct vector *args, uint32_t argument_count,
                       uint32_t row_count, struct vector_out *out);

/* STRICT: NULL in, NULL out. The caller clears the out rows whose argument is null, so that the kernel must skip such
 * rows but need not mark them. SEEN: the function looks at nulls itself (coalesce, business_key). */
enum null_rule { NULL_STRICT, NULL_SEEN };

/* For what the signature's text cannot say (arithmetic, greatest): result and coercions of the argument types, or
 * false when they do not fit. ret_coerce[i] starts equal to arguments[i]; the caller casts to what it then says. */
typedef bool resolve_fn(const struct type *arguments, uint32_t argument_count, struct type *ret_coerce,
                        struct type *ret_result);

/* One row of the table.
 *
 * `signature` is read by people, by the binder and by the registration with DuckDB:
 *
 *     signature := overload { "; " overload }
 *     overload  := "(" [ parameter { ", " parameter } ] ") -> " type
 *     parameter := ( type | "any" | "number" ) [ "?" | "..." ]     "?" may be left out; "..." (the last) repeats, 0 or more
 *     type      := the names of column/type.h; a decimal with its scale: decimal(18,6)
 *
 * The first overload that takes the arguments after coercion (int64 to decimal to double; a null literal to anything;
 * text never to a number) is called, exact matches before coerced ones. With `resolve` the parameters of the text are
 * for people only, and the result is the word `number` or `any`: such a function is registered in DuckDB once for each
 * possible result type as hd_<name>_<result> (hd_add_int64, hd_add_double, hd_add_d6 for decimal(18,6)); all others
 * as hd_<name>.
 *
 * `bind` (optional) makes kernel_context.bound from the constant arguments; where an argument is no constant, its
 * vector's data is NULL. It leaves *ret_bound NULL when it has nothing to prepare, and the kernel then computes
 * from its arguments row by row. */
struct function {
    const char  *name; /* In expressions, lower case. */
    const char  *help; /* One sentence, with the source of its rule. */
    const char  *signature;
    enum null_rule null_rule;
    kernel_fn   *kernel;
    resolve_fn  *resolve;
    /* Bit i: argument i of an expression must be a constant, else the expression is refused where it is compiled. */
    uint32_t constants;
    enum status (*bind)(const struct vector *constants, uint32_t argument_count, void **ret_bound, struct error *err);
    void (*unbind)(void *bound);
};

/* An aggregate over exact state of a fixed size: merging in any order gives the same (I4, I5). States are plain bytes
 * (alignment 8): they may be copied, stored and read back by the same program version; save and load are memcpy.
 * Registered as functions are: hd_<name>, or with `resolve` hd_<name>_<result>. */
struct aggregate {
    const char *name;
    const char *help;
    const char *signature;
    resolve_fn *resolve;
    size_t      state_size;
    void (*init)(void *state);
    /* states[i] takes row i; a null argument is skipped unless the aggregate counts rows. */
    void (*update)(void *const *states, const struct vector *args, uint32_t argument_count, uint32_t row_count);
    void (*merge)(void *into, const void *from);
    /* Writes row `row` of out from the state (null for an empty one, but for counts). argument_types are the types
     * that the update saw. */
    void (*final)(const void *state, const struct type *argument_types, struct vector_out *out, uint32_t row);
};

#define AGGREGATE_STATE_SIZE_MAX 64

#endif
