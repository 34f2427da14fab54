/* The one table of functions (I4): scalars and aggregates, for both legs.
 *
 * The live leg calls a kernel over our columns; the warehouse registers the same
 * kernel in DuckDB under the name `hd_<name>` and the planner's SQL calls it there.
 * A function is total: for every input there is a value or NULL, never an error.
 * It is deterministic: no clock, no locale, no randomness, no global state. */
#ifndef HEDDLE_EXPR_FUNCTION_H
#define HEDDLE_EXPR_FUNCTION_H

#include "base/arena.h"
#include "base/error.h"
#include "column/vector.h"

#define FUNCTION_ARGUMENT_COUNT_MAX 16

/* What a kernel may need besides its arguments. `bound` is what bind() made of the
 * constant arguments (a compiled pattern, a time zone), else NULL. `scratch` is
 * cleared by the caller between calls. */
struct kernel_context {
    const struct function *function;
    void                  *bound;
    struct arena          *scratch;
    struct type            argument_types[FUNCTION_ARGUMENT_COUNT_MAX];
    uint32_t               argument_count;
};

/* Computes rows 0..row_count-1 of `out` from `args`. Rows whose out value is not
 * written must be made null. Rows outside a chunk's selection are computed too:
 * totality makes that safe. */
typedef void kernel_fn(const struct kernel_context *context, const struct vector *args, uint32_t row_count,
                       struct vector_out *out);

/* NULL in, NULL out unless the function says that it looks at nulls itself (coalesce,
 * business_key): the caller of a strict kernel clears the out rows whose argument is
 * null, so that a strict kernel may skip them without a word. */
enum null_rule { NULL_STRICT, NULL_SEEN };

/* A signature: result of the argument types, or false when they do not fit. `ret_coerce`
 * receives the types that the arguments are cast to first (int64 to decimal, …). */
typedef bool signature_fn(const struct type *arguments, uint32_t argument_count, struct type *ret_result,
                          struct type *ret_coerce);

struct function {
    const char     *name;        /* In expressions; DuckDB has it as hd_<name>. */
    const char     *help;        /* One sentence, with the source of its rule. */
    const char     *signature;   /* "(text, text?) -> decimal(18,6)", for people and errors. */
    signature_fn   *resolve;
    enum null_rule  null_rule;
    kernel_fn      *kernel;
    /* Optional: from constant arguments (others have data == NULL) to kernel_context.bound. */
    enum status (*bind)(const struct vector *constants, uint32_t argument_count, void **ret_bound, struct error *err);
    void (*unbind)(void *bound);
};

/* An aggregate over exact state of a fixed size: merging in any order gives the
 * same (I4, I5). States are plain bytes: they may be copied, stored and read back
 * by the same program version; save and load are memcpy. */
struct aggregate {
    const char   *name; /* DuckDB has it as hd_<name>. */
    const char   *help;
    signature_fn *resolve;
    size_t        state_size;
    void (*init)(void *state);
    /* states[i] takes row i; a null argument is skipped unless the aggregate counts rows. */
    void (*update)(void *const *states, const struct vector *args, uint32_t argument_count, uint32_t row_count);
    void (*merge)(void *into, const void *from);
    /* Writes row `row` of out from the state (null for an empty one, but for counts). */
    void (*final)(const void *state, const struct type *argument_types, struct vector_out *out, uint32_t row);
};

/* All functions, sorted by name; the table is assembled from the folders' own
 * tables (health/functions.c and expr/kernel/ each hold theirs). */
const struct function  *function_find(const char *name, size_t name_size);
const struct aggregate *aggregate_find(const char *name, size_t name_size);
size_t                  function_count(void);
const struct function  *function_at(size_t index);
size_t                  aggregate_count(void);
const struct aggregate *aggregate_at(size_t index);

#endif
