/* heddle letters retry: dead letters are given to the stream again. */
#ifndef HEDDLE_CLI_LETTERS_RETRY_H
#define HEDDLE_CLI_LETTERS_RETRY_H

#include "cli/ask.h"

/* The call's arguments behind "retry" name letters; else it is those of a reason, or all. Told to the process that owns the
 * store, else the store is owned for as long as it takes; ERR_BUSY where its owner is about to begin or to end. The audit file
 * is told first. Prints what became of it. */
enum status letters_retry(const struct ask *ask, const struct verb_call *call, struct str reason_code, bool is_all, struct error *err);

#endif
