/* From a JSON object to a struct, by an option table.
 *
 * Everything that is wrong is reported, each at its place: an unknown name (with the nearest known one), a name that
 * stands twice, a wrong type, a value out of range, a secret in clear, a required option that is missing. What is right
 * is stored all the same, so that a check that comes later has more to look at; but a struct that was bound with errors
 * must not be used for anything but looking for more of them. */
#ifndef HEDDLE_CONFIG_BIND_H
#define HEDDLE_CONFIG_BIND_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/options.h"
#include "config/errors.h"
#include "config/json.h"

/* Where bound values come from and where complaints go. */
struct config_binder {
    const char           *file;   /* Names the file in errors. */
    struct arena         *arena;  /* Of lists; lives as long as the structs. */
    struct config_errors *errors;
};

/* Sets the defaults, then what `value` says. `value` is an object, or the table's short form. MAP and ANY options get
 * `const struct json *`. True where nothing was wrong. */
bool config_bind(const struct config_binder *binder, const struct json *value, const struct option_table *table,
                 void *target);

/* The value that the option was read from, or `value` itself where it is not given: for errors that are found later. */
const struct json *config_value_of(const struct json *value, const struct option_table *table, const char *name);

/* Adds an error at the value (see config_errors_at). */
#define config_complain(binder, value, ...) config_errors_at((binder)->errors, (value), (binder)->file, __VA_ARGS__)

#endif
