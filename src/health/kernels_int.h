/* The kernels that functions.c names, and what the files of this folder share. */
#ifndef HEDDLE_HEALTH_KERNELS_INT_H
#define HEDDLE_HEALTH_KERNELS_INT_H

#include "base/str.h"
#include "column/kernel.h"

#define KERNEL(name)                                                                                       \
    void kernel_##name(const struct kernel_context *context, const struct vector *args, uint32_t argument_count, \
                       uint32_t row_count, struct vector_out *out)

KERNEL(to_timestamp);
KERNEL(loinc_is_valid);
KERNEL(npi_is_valid);
KERNEL(digits);
KERNEL(zip_code);
KERNEL(sex_code);
KERNEL(code_system);
KERNEL(encounter_class);
KERNEL(name_key);
KERNEL(abnormal_flag);
KERNEL(result_number);
KERNEL(result_comparator);
KERNEL(range_low);
KERNEL(range_high);
KERNEL(result_status_rank);
KERNEL(unit_standard);
KERNEL(unit_convert);
KERNEL(person_hash);

enum status bind_to_timestamp(const struct vector *constants, uint32_t argument_count, void **ret_bound,
                              struct error *err);
void        unbind_to_timestamp(void *bound);
enum status bind_person_hash(const struct vector *constants, uint32_t argument_count, void **ret_bound,
                             struct error *err);
void        unbind_person_hash(void *bound);

/* A row of a table of codes: the text as senders write it, in upper case, and what we call it. */
struct code_pair {
    const char *from;
    const char *to;
};

#endif
