/* heddle alerts ack and close. */
#ifndef HEDDLE_CLI_ALERTS_ACT_H
#define HEDDLE_CLI_ALERTS_ACT_H

#include "cli/ask.h"
#include "store/store.h"

/* What is done with the alerts that the call names: told to the stream that runs, else done by this process, which owns the store for
 * that long; told to the audit file first. `by` empty: the process's user. */
enum status alerts_act(const struct ask *ask, const struct verb_call *call, enum store_handling handling, struct str by, struct str comment,
                       struct error *err);

#endif
