/* From pipeline.json and bindings.json to the graph: one parser, one planner for every command (I7).
 *
 *     files ──parse──▶ JSON with places ──--set──▶ ──bind──▶ structs of the option tables ──resolve──▶ graph
 *                                                                     ▲
 *                                              model (built in, then the site's files)
 *
 * Opened are the two files, the model's files, and the system's time zones; nothing that a binding points to. All that is
 * wrong is reported, each at its place; a plan comes out only where nothing is. */
#ifndef HEDDLE_PLAN_PLAN_H
#define HEDDLE_PLAN_PLAN_H

#include <stddef.h>

#include "base/error.h"
#include "base/json_out.h"
#include "base/str_builder.h"
#include "config/errors.h"
#include "graph/graph.h"
#include "io/io.h"
#include "model/model.h"

struct plan_request {
    const char        *pipeline_path;
    const char        *bindings_path; /* NULL: bindings.json beside the pipeline; where none is, in the current folder. */
    const char *const *sets;          /* "path=value", applied in order: "runtime.workers=2", "pipeline.batch.sink=X". */
    size_t             set_count;
    const char *const *model_paths; /* Files of the model that come behind those of the bindings: rules that are tried. */
    size_t             model_path_count;
};

struct plan {
    struct graph      *graph;
    struct model      *model; /* graph->model. */
    struct graph_names notes; /* What is no error but should be known: a binding that nothing uses. In the graph's arena. */
};

#define PLAN_EMPTY ((struct plan){ NULL, NULL, { NULL, 0 } })

/* Reads and checks both files. `errors` gets everything that is wrong, sorted; `err` the first of it. On success the
 * caller releases *ret_plan. A file that cannot be read is ERR_NOT_FOUND or ERR_IO, a configuration that is wrong
 * ERR_CONFIG. */
enum status plan_load(struct io *io, const struct plan_request *request, struct config_errors *errors,
                      struct plan *ret_plan, struct error *err);

/* The same from a text that graph->configuration gave: the plan of an earlier run. `file` names it in errors. */
enum status plan_load_text(struct io *io, struct str configuration, const char *file, struct config_errors *errors,
                           struct plan *ret_plan, struct error *err);

void plan_release(struct plan *plan);

/* The long form of the two files, as they would be written out in full; each parses back to the same plan. */
void plan_print_pipeline(const struct graph *graph, struct json_out *json);
void plan_print_bindings(const struct graph *graph, struct json_out *json);

/* The JSON Schema of both files, from their option tables: {"pipeline": schema, "bindings": schema}. */
void plan_print_schema(struct json_out *json);

/* Every option of one of them, as Markdown tables. */
enum plan_file { PLAN_FILE_PIPELINE, PLAN_FILE_BINDINGS };
void plan_print_reference(enum plan_file file, struct str_builder *out);

/* Whether an input's rows may come by the mapping: its format is the input's, or the input's is found from the content, and
 * its name is what the input asks for. */
bool plan_input_takes(const struct graph_input *input, const struct mapping *mapping);

#endif
