/* heddle runs: the warehouse's runs, what one of them took in and made, and one made again. */
#include <string.h>

#include "cli/ask.h"
#include "cli/reproduce.h"
#include "cli/verb.h"

struct runs_options {
    struct ask_options ask;
};

static const struct option options[] = { ASK_OPTIONS(struct runs_options, ask) };

static const struct option_table table = OPTION_TABLE("runs", options, struct runs_options, .help = "Whose runs.");

static enum status
run(const struct verb_call *call, struct error *err)
{
    const struct runs_options *given   = call->options;
    const char                *what    = call->argument_count > 0 ? call->arguments[0] : "list";
    const bool                 is_show = strcmp(what, "show") == 0;
    const bool                 is_reproduce = strcmp(what, "reproduce") == 0;
    struct ask                 ask     = ASK_EMPTY;
    enum status                status;

    if (call->argument_count != (is_show || is_reproduce ? 2u : 0u)) {
        error_set(err, ERR_USAGE, "what of the runs is meant?");
        error_hint(err, "heddle runs lists them; heddle runs show RUN tells all of one; heddle runs reproduce RUN makes it again");
        return ST_ERROR;
    }
    status = ask_open(&ask, &given->ask, call, err);
    if (status == ST_OK && is_reproduce)
        status = reproduce(ask.plan.graph, str_from(call->arguments[1]), call->is_json, err);
    else if (status == ST_OK)
        status = ask_warehouse(&ask, is_show ? WAREHOUSE_RUN : WAREHOUSE_RUNS, is_show ? str_from(call->arguments[1]) : STR_EMPTY,
                               STR_EMPTY, err);
    ask_release(&ask);
    return status;
}

const struct verb verb_runs = {
    .name = "runs",
    .arguments = "[show RUN | reproduce RUN]",
    .help = "Lists the warehouse's runs, tells one's inputs, counts and digests, or makes one again and compares.",
    .argument_help = "Without an argument all runs are listed. RUN is a run's id, as the list has it.",
    .no_help = "reproduce found a difference, which it names: a file that is missing or has changed, another model, or a table with other content.",
    .example = "heddle runs reproduce 20260305-1",
    .options = &table,
    .reads_pipeline = true,
    .is_stoppable = true,
    .run = run,
};
