/* heddle check --against: what a start with the pipeline makes of the state that a store has. */
#ifndef HEDDLE_CLI_AGAINST_H
#define HEDDLE_CLI_AGAINST_H

#include "cli/ask.h"
#include "live/carry.h"

/* Looks into the store of that name, which must be the pipeline's; changes nothing, and may be done while a stream runs. A store that is not there yet
 * knows nothing. Names lie in the arena or the plan's graph. ERR_USAGE: the pipeline has no such store. */
enum status against_find(const struct ask *ask, struct str store, struct arena *arena, struct live_carry *ret_carry, struct error *err);

/* As text: a line a step. */
void against_print(const struct live_carry *carry, struct str store);
void against_print_json(const struct live_carry *carry, struct json_out *json);

/* ERR_NO where state would be lost. */
enum status against_check(const struct live_carry *carry, struct error *err);

#endif
