/* Runs a scenario with each allocation failing in turn, then with each system call failing in turn, until it passes; and
 * finds after every run that nothing leaks (style rule 21).
 *
 * The scenario sets up, acts and tears down, and returns what the action returned. It is run many times: it must start
 * from the same state each time, and it may check that state after a failure. */
#ifndef HEDDLE_TESTS_SWEEP_H
#define HEDDLE_TESTS_SWEEP_H

#include "base/error.h"
#include "io/io.h"

typedef enum status (*sweep_scenario)(struct io *io, void *context, struct error *err);

/* Fails the cmocka test where a run with a failed allocation is neither ST_OK nor ERR_NO_MEMORY, a run leaks a block or
 * a descriptor, an error has no message, or the scenario never passes. */
void sweep_run(sweep_scenario scenario, void *context);

#endif
