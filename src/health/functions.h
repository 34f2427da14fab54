/* The functions of the field, as rows of the one table: written in this folder, named and looked up by expr/function.h.
 *
 * Kernels need column/function.h and column/kernel.h only. The rows need no order; a name may stand only once in both
 * folders together (a unit test of expr/ looks). */
#ifndef HEDDLE_HEALTH_FUNCTIONS_H
#define HEDDLE_HEALTH_FUNCTIONS_H

#include <stddef.h>

#include "column/function.h"

extern const struct function health_functions[];
extern const size_t          health_function_count;

#endif
