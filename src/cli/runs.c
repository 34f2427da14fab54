/* heddle runs: the warehouse's runs, what one of them took in and made, one made again, and what differs between two. */
#include <string.h>

#include "cli/ask.h"
#include "cli/reproduce.h"
#include "cli/verb.h"

struct runs_options {
    struct ask_options ask;
    struct str         rows;
    bool               shows_values;
};

static const struct option options[] = {
    ASK_OPTIONS(struct runs_options, ask),
    { .name = "rows", .type = OPTION_TEXT, .help = "Of diff: also lists the rows of this entity that differ, with the columns that changed.",
      OPTION_FIELD(struct runs_options, rows) },
    { .name = "show-values", .type = OPTION_BOOL, .default_text = "false",
      .help = "Of diff --rows: also their keys, and what changed from what to what, which is patient data; the audit file is told first.",
      OPTION_FIELD(struct runs_options, shows_values) },
};

static const struct option_table table = OPTION_TABLE("runs", options, struct runs_options, .help = "Whose runs, and how much of two.");

enum runs_action { RUNS_LIST, RUNS_SHOW, RUNS_REPRODUCE, RUNS_DIFF, RUNS_ACTION_COUNT };

static enum status
find_action(const struct verb_call *call, enum runs_action *ret_action, struct error *err)
{
    static const struct {
        const char *name;
        uint32_t    argument_count;
    } ACTIONS[RUNS_ACTION_COUNT] = { { "list", 1 }, { "show", 2 }, { "reproduce", 2 }, { "diff", 3 } };
    int action = RUNS_LIST;

    if (call->argument_count > 0)
        while (action < RUNS_ACTION_COUNT && strcmp(call->arguments[0], ACTIONS[action].name) != 0)
            action++;
    if (action == RUNS_ACTION_COUNT || (call->argument_count > 0 && call->argument_count != ACTIONS[action].argument_count)) {
        error_set(err, ERR_USAGE, "what of the runs is meant?");
        error_hint(err, "heddle runs lists them; show RUN tells all of one; reproduce RUN makes it again; diff A B tells what differs between two");
        return ST_ERROR;
    }
    *ret_action = (enum runs_action)action;
    return ST_OK;
}

static enum status
check_options(const struct runs_options *given, enum runs_action action, struct error *err)
{
    if (given->rows.size > 0 && action != RUNS_DIFF)
        return error_set(err, ERR_USAGE, "--rows is for two runs: heddle runs diff A B --rows ENTITY");
    if (given->shows_values && given->rows.size == 0)
        return error_set(err, ERR_USAGE, "--show-values is for rows that differ: heddle runs diff A B --rows ENTITY --show-values");
    return ST_OK;
}

static enum status
do_action(const struct ask *ask, enum runs_action action, const struct verb_call *call, struct error *err)
{
    const struct runs_options *given = call->options;

    switch (action) {
    case RUNS_SHOW: return ask_warehouse(ask, WAREHOUSE_RUN, str_from(call->arguments[1]), STR_EMPTY, err);
    case RUNS_REPRODUCE: return reproduce(ask->plan.graph, str_from(call->arguments[1]), call->is_json, err);
    case RUNS_DIFF: return ask_diff(ask, str_from(call->arguments[1]), str_from(call->arguments[2]), given->rows, given->shows_values, err);
    default: return ask_warehouse(ask, WAREHOUSE_RUNS, STR_EMPTY, STR_EMPTY, err);
    }
}

static enum status
run(const struct verb_call *call, struct error *err)
{
    const struct runs_options *given  = call->options;
    struct ask                 ask    = ASK_EMPTY;
    enum runs_action           action = RUNS_LIST;
    enum status                status = find_action(call, &action, err);

    if (status == ST_OK)
        status = check_options(given, action, err);
    if (status == ST_OK)
        status = ask_open(&ask, &given->ask, call, err);
    if (status == ST_OK)
        status = do_action(&ask, action, call, err);
    ask_release(&ask);
    return status;
}

const struct verb verb_runs = {
    .name = "runs",
    .arguments = "[show RUN | reproduce RUN | diff A B]",
    .help = "Lists the warehouse's runs, tells one's inputs, counts, digests and cost, makes one again, or tells what differs between two.",
    .argument_help = "Without an argument all runs are listed. RUN, A and B are runs' ids, as the list has them. diff tells by entity how many keys are added, changed "
                     "or removed from what A left to what B left, how many versions were recorded between them, and where the two runs' own counts differ.",
    .no_help = "reproduce found a difference, which it names: a file that is missing or has changed, another model, or a table with other content; diff found "
               "that the warehouse differs.",
    .example = "heddle runs diff 20260304-1 20260305-1 --rows patient",
    .options = &table,
    .reads_pipeline = true,
    .is_stoppable = true,
    .run = run,
};
