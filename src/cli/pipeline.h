/* Reading a pipeline's two files: what every command that works on one begins with. */
#ifndef HEDDLE_CLI_PIPELINE_H
#define HEDDLE_CLI_PIPELINE_H

#include "cli/verb.h"
#include "plan/plan.h"

/* Of the options of such a command: the row in its table. */
#define PIPELINE_BINDINGS_OPTION(type_, field_)                                                                         \
    { .name = "bindings", .type = OPTION_PATH, .help = "The bindings; default: bindings.json beside the pipeline, or here.", \
      OPTION_FIELD(type_, field_) }

/* Reads and checks both files, with what --set changes. All that is wrong is printed to stderr, each with its place and
 * what to do (as JSON, one object a line, where the command was asked for JSON); *err then has the first one's code and no
 * message, so that it is not told twice. On success the caller releases *ret_plan. `bindings` may be empty. */
enum status pipeline_load(const struct verb_call *call, struct str pipeline, struct str bindings, struct plan *ret_plan,
                          struct error *err);
/* The same, with files of the model behind those of the bindings. */
enum status pipeline_load_model(const struct verb_call *call, struct str pipeline, struct str bindings, const char *const *model_paths,
                                size_t model_path_count, struct plan *ret_plan, struct error *err);
/* As the first, pipeline and nothing else being the command's argument. */
enum status pipeline_load_argument(const struct verb_call *call, struct str bindings, struct plan *ret_plan, struct error *err);

#endif
