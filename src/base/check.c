#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

static check_handler installed_handler;

void
check_handler_set(check_handler handler)
{
    installed_handler = handler;
}

void
check_failed(const char *file, int line, const char *function, const char *condition)
{
    if (installed_handler != NULL)
        installed_handler(file, line, function, condition);
    else
        fprintf(stderr, "heddle: defect: %s:%d: %s: %s\n", file, line, function, condition);
    abort();
}
