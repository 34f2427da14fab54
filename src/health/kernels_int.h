/* The kernels that functions.c names, and what the files of this folder share. */
#ifndef HEDDLE_HEALTH_KERNELS_INT_H
#define HEDDLE_HEALTH_KERNELS_INT_H

#include "base/limits.h" /* NAME_KEY_SIZE_MAX */
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
KERNEL(specimen_condition);
KERNEL(result_number);
KERNEL(result_comparator);
KERNEL(range_low);
KERNEL(range_high);
KERNEL(result_status_rank);
KERNEL(unit_standard);
KERNEL(unit_convert);
KERNEL(person_hash);
KERNEL(mbi_is_valid);
KERNEL(ssn_is_valid);
KERNEL(icd10cm_is_valid);
KERNEL(icd10cm_code);
KERNEL(icd10cm_display);
KERNEL(ndc_11);
KERNEL(cvx_code);
KERNEL(phone_number);
KERNEL(email_address);
KERNEL(state_code);
KERNEL(state_name);
KERNEL(race_code);
KERNEL(race_name);
KERNEL(ethnicity_code);
KERNEL(ethnicity_name);
KERNEL(marital_status);
KERNEL(local_date);
KERNEL(sha256);
KERNEL(name_suffix);
KERNEL(last_name_key);
KERNEL(address_key);
KERNEL(reference_id);
KERNEL(reference_system);
KERNEL(reference_type);
KERNEL(resource_id);

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

/* Each row's text through such a list: blanks around it and ASCII case left aside, null where it is not there. */
void run_pairs(const struct code_pair *pairs, size_t count, const struct vector *args, uint32_t row_count,
               struct vector_out *out);

/* The pair whose `from` is the text, compared in the same way; NULL: none. */
const struct code_pair *find_pair(const struct code_pair *pairs, size_t count, struct str text);

/* The digit that Luhn's method (ISO/IEC 7812-1, annex B) puts behind these digits. `sum` is what other digits before them
 * add. */
unsigned luhn_digit(struct str digits, unsigned sum);

bool all_digits(struct str text);

/* A short text's one form, written to `out`; its size, or 0: the text is none of its kind. */
#define NORMAL_SIZE_MAX 64
typedef size_t normal_fn(struct str text, char out[NORMAL_SIZE_MAX]);

/* A text in words as name_key writes them, without the 0 at the end; what is longer than the room is cut at a letter. */
size_t name_words(struct str text, char out[NAME_KEY_SIZE_MAX]);

/* Each row's normal form, null where there is none. */
static inline void
run_normal(normal_fn *normal, const struct vector *args, uint32_t row_count, struct vector_out *out)
{
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vector_is_valid(&args[0], row))
            continue;
        char   form[NORMAL_SIZE_MAX];
        size_t size = normal(vector_str(&args[0], row), form);
        if (size == 0)
            vector_out_null(out, row);
        else
            vector_out_text(out, row, form, size);
    }
}

/* Whether each row's text is one of its kind. */
static inline void
run_check(bool (*check)(struct str text), const struct vector *args, uint32_t row_count, struct vector_out *out)
{
    for (uint32_t row = 0; row < row_count; row++)
        if (vector_is_valid(&args[0], row))
            vector_out_bool(out, row, check(vector_str(&args[0], row)));
}

/* The kernel of a function of one text that has such a form, or such a check. */
#define NORMAL_KERNEL(name)                                     \
    KERNEL(name)                                                \
    {                                                           \
        (void)context, (void)argument_count;                    \
        run_normal(name, args, row_count, out);                 \
    }
#define CHECK_KERNEL(name)                                      \
    KERNEL(name)                                                \
    {                                                           \
        (void)context, (void)argument_count;                    \
        run_check(name, args, row_count, out);                  \
    }

#endif
