/* Where the time of a stream went, for people and programs (heddle stream --explain-slow). */
#ifndef HEDDLE_CLI_SLOW_H
#define HEDDLE_CLI_SLOW_H

#include "base/json_out.h"
#include "base/str_builder.h"
#include "live/live.h"

/* The tables, and one sentence on what took the most and what to do about it. */
enum status slow_print(const struct live_cost *cost, const struct live_summary *summary, unsigned width, struct str_builder *out, struct error *err);
/* The same as one value of a JSON object. */
void slow_print_json(const struct live_cost *cost, const struct live_summary *summary, struct json_out *json);

#endif
