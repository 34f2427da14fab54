/* Whom generated events are about, where a warehouse knows patients. */
#ifndef HEDDLE_CLI_GENERATE_PEOPLE_H
#define HEDDLE_CLI_GENERATE_PEOPLE_H

#include "base/arena.h"
#include "cli/ask.h"
#include "source/generate/world.h"

/* Asks the warehouse `binding` for living adults on `start_date`, one patient a person, `count_max` at most, in the order of person_id: first
 * those who had no encounter and no order in the 30 days before, for the stories are told of the first ones, and what the warehouse knows of
 * others may explain an access that is planted as unexplained. The answer goes to a file that the user named, not to the terminal; the audit is told of it all the same. Array and texts lie in
 * the arena. ERR_USAGE where there are fewer than `count_min`. */
enum status generate_people(const struct ask *ask, struct str binding, int32_t start_date, int64_t count_min,
                            int64_t count_max, struct arena *arena, const struct world_person **ret_people,
                            int64_t *ret_count, struct error *err);

#endif
