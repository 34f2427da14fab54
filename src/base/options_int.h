/* What options.c, options_value.c and options_doc.c share. */
#ifndef HEDDLE_BASE_OPTIONS_INT_H
#define HEDDLE_BASE_OPTIONS_INT_H

#include "base/options.h"

/* Parses a scalar as a default, a file or a command line writes it, and stores it; the given flag stays as it is.
 * `is_strict` is for texts of a file, where a text is not taken for a bool or a number. */
enum status option_store_text(const struct option *option, void *target, struct str text, bool is_strict,
                              struct error *err);

/* Sets the bool that says that the file gave the value, where there is one. */
void option_mark_given(const struct option *option, void *target);

/* Where the option's value lies. */
void       *option_field(const struct option *option, void *target);
const void *option_field_const(const struct option *option, const void *target);

/* A number as a user would write it: "7d", "64MiB", "0.05", "42". Returns its length. */
#define OPTION_NUMBER_TEXT_SIZE 64
size_t option_number_print(enum option_type type, int64_t value, char out[OPTION_NUMBER_TEXT_SIZE]);

/* "a duration such as "5m"". */
const char *option_type_phrase(enum option_type type);
/* "duration" */
const char *option_type_name(enum option_type type);

bool option_has_range(const struct option *option);

#endif
