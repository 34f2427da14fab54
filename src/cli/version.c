/* heddle version: the program's version. */
#include <stdio.h>

#include "cli/verb.h"

static enum status
run(const struct verb_call *call, struct error *err)
{
    (void)err;
    printf(call->is_json ? "{\"heddle\":\"%s\"}\n" : "heddle %s\n", HEDDLE_VERSION);
    return ST_OK;
}

const struct verb verb_version = {
    .name = "version",
    .arguments = "",
    .help = "Prints the program's version.",
    .example = "heddle version",
    .run = run,
};
