#include "cli/verb.h"

#include <string.h>

#include "base/suggest.h"

const struct verb *const verbs[] = {
    &verb_run,  &verb_batch,   &verb_stream,   &verb_check,   &verb_explain, &verb_query,
    &verb_runs, &verb_letters, &verb_alerts, &verb_backtest, &verb_top, &verb_tap, &verb_generate, &verb_version, &verb_help,
};
const size_t verb_count = sizeof(verbs) / sizeof(verbs[0]);

enum status
verb_find(const char *name, const struct verb **ret_verb, struct error *err)
{
    struct str names[sizeof(verbs) / sizeof(verbs[0])];
    for (size_t i = 0; i < verb_count; i++) {
        names[i] = str_from(verbs[i]->name);
        if (strcmp(verbs[i]->name, name) == 0) {
            *ret_verb = verbs[i];
            return ST_OK;
        }
    }
    error_set(err, ERR_USAGE, "there is no command \"%.40s\"", name);
    size_t nearest = str_suggest(str_from(name), names, verb_count);
    if (nearest != STR_NOT_FOUND)
        error_hint(err, "did you mean \"%s\"?", verbs[nearest]->name);
    else
        error_hint(err, "heddle help lists the commands");
    return ST_ERROR;
}
