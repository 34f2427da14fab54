/* The tables that the kernels of this folder bring to the one table. */
#ifndef HEDDLE_EXPR_KERNEL_TABLES_H
#define HEDDLE_EXPR_KERNEL_TABLES_H

#include "column/function.h"

extern const struct function number_functions[];
extern const size_t          number_function_count;
extern const struct function text_functions[];
extern const size_t          text_function_count;
extern const struct function text_edit_functions[];
extern const size_t          text_edit_function_count;
extern const struct function extreme_functions[];
extern const size_t          extreme_function_count;
extern const struct function cast_functions[];
extern const size_t          cast_function_count;
extern const struct function date_functions[];
extern const size_t          date_function_count;
extern const struct function regex_functions[];
extern const size_t          regex_function_count;
extern const struct function key_functions[];
extern const size_t          key_function_count;

#endif
