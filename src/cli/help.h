/* What the help of a command and its reference page say alike. */
#ifndef HEDDLE_CLI_HELP_H
#define HEDDLE_CLI_HELP_H

#include "base/str_builder.h"
#include "cli/verb.h"

/* What every command takes besides its own options; of some only those that read a pipeline. */
struct common_option {
    const char *flag; /* As it is written: "--format", "-v". */
    const char *help;
    bool        is_of_pipelines;
};
extern const struct common_option common_options[];
extern const size_t               common_option_count;

/* "heddle query [options] BINDING SQL" */
void help_usage(const struct verb *verb, struct str_builder *out);
/* Prints the whole help of a command: for a terminal, or as one object. */
enum status help_print(const struct verb *verb, bool is_json, struct error *err);

#endif
