/* The one table of functions (I4): scalars and aggregates, for both legs. column/function.h says what a row is. */
#ifndef HEDDLE_EXPR_FUNCTION_H
#define HEDDLE_EXPR_FUNCTION_H

#include "base/str_builder.h"
#include "column/function.h"

/* All functions and aggregates, those of a kind together; assembled from the folders' own tables (health/functions.h and
 * expr/kernel/). NULL where there is none of that name. */
const struct function  *function_find(struct str name);
const struct aggregate *aggregate_find(struct str name);
size_t                  function_count(void);
const struct function  *function_at(size_t index);
size_t                  aggregate_count(void);
const struct aggregate *aggregate_at(size_t index);

/* The types that the arguments must be cast to, and the result. is_null_literal[i] (may be NULL): the argument is a bare
 * `null`, which takes any type. False where no overload takes them; ret_… are then untouched. */
bool function_resolve(const struct function *function, const struct type *arguments, const bool *is_null_literal,
                      uint32_t argument_count, struct type *ret_coerce, struct type *ret_result);
bool aggregate_resolve(const struct aggregate *aggregate, const struct type *arguments, uint32_t argument_count,
                       struct type *ret_coerce, struct type *ret_result);

/* Whether one type is cast to the other without being asked: int64 to decimal, both to double, decimal to a larger
 * scale. */
bool type_is_coercible(struct type from, struct type to);

/* The name in DuckDB: hd_upper, hd_add_d6. `result` is what resolve gave. */
#define FUNCTION_SQL_NAME_SIZE 64
void function_sql_name(const char *name, bool is_by_result, struct type result, char out[FUNCTION_SQL_NAME_SIZE]);
/* The same for a call of `name` that the planner's SQL makes of an aggregate, e.g. sum of decimal(18,2): hd_sum_d2. */
enum status aggregate_sql_name(struct str name, const struct type *arguments, uint32_t argument_count,
                               char out[FUNCTION_SQL_NAME_SIZE], struct error *err);

/* One overload of a signature, read from its text. Parameters beyond parameter_count repeat the last when is_variadic. */
enum parameter_kind { PARAMETER_TYPE, PARAMETER_ANY, PARAMETER_NUMBER };
struct parameter {
    enum parameter_kind kind;
    struct type         type;
    bool                is_optional;
};
#define PARAMETER_COUNT_MAX 8
struct overload {
    struct parameter parameters[PARAMETER_COUNT_MAX];
    uint32_t         parameter_count;
    bool             is_variadic;
    struct parameter result; /* PARAMETER_ANY and PARAMETER_NUMBER only with a resolve function. */
};
/* Reads the overload at *position of the text and moves behind it. False at the end, or where the text is malformed
 * (then *position stays; a unit test holds every row to be well formed). */
bool signature_next(const char *signature, size_t *position, struct overload *ret_overload);

#endif
