/* All that is wrong with a configuration, not only the first of it.
 *
 * Readers add and go on; whoever asked for the configuration prints the list and looks whether it is empty. At most
 * CONFIG_ERROR_COUNT_MAX errors are kept, the others are counted. Running out of memory is remembered apart from them:
 * it is nobody's mistake, and what was found up to then would be half the truth. */
#ifndef HEDDLE_CONFIG_ERRORS_H
#define HEDDLE_CONFIG_ERRORS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/json_out.h"
#include "base/str_builder.h"
#include "config/json.h"

struct config_errors {
    struct error *items;
    size_t        count;
    size_t        capacity;
    size_t        left_out_count;
    bool          has_no_memory;
};

#define CONFIG_ERRORS_EMPTY ((struct config_errors){ 0 })

void config_errors_release(struct config_errors *errors);

/* Copies the error. One without memory (ERR_NO_MEMORY) is remembered as such. An error that is at the same place and
 * says the same as one that is there already is not added again. */
void config_errors_add(struct config_errors *errors, const struct error *err);

/* Adds ERR_CONFIG at the value's place. Returns the error that was kept, for a hint, or NULL (error_hint takes that). */
struct error *config_errors_at(struct config_errors *errors, const struct json *value, const char *file,
                               const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same at a member's name instead of its value. */
struct error *config_errors_at_key(struct config_errors *errors, const struct json *member, const char *file,
                                   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Errors found, those left out too. */
size_t config_errors_count(const struct config_errors *errors);

/* By file (in the order in which files were first complained of), line and column; those of one place stay in the order
 * in which they came. */
void config_errors_sort(struct config_errors *errors);

/* One error after the other as error_print writes it, each on lines of its own, and how many were left out. */
void config_errors_print(const struct config_errors *errors, struct str_builder *out);
/* One object an error, as error_print_json writes it, into the array that is open in `json`. */
void config_errors_print_json(const struct config_errors *errors, struct json_out *json);

/* ST_OK where there is nothing; else the first error by place, with how many more there are as its context, or
 * ERR_NO_MEMORY. Sorts. */
enum status config_errors_status(struct config_errors *errors, struct error *err);

#endif
