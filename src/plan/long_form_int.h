/* The long form of a whole configuration, on one line: what graph->configuration is. */
#ifndef HEDDLE_PLAN_LONG_FORM_INT_H
#define HEDDLE_PLAN_LONG_FORM_INT_H

#include <stdbool.h>

#include "base/str_builder.h"
#include "graph/graph.h"

/* Without `runtime` it is what the digest covers: how much of the machine is used changes no result. */
void long_form_print(const struct graph *graph, bool with_runtime, struct str_builder *out);

#endif
