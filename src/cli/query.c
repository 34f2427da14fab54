/* heddle query: a statement over the warehouse or the store, audited before it shows anything. */
#include "cli/ask.h"
#include "cli/verb.h"

struct query_options {
    struct ask_options ask;
    struct str         as_of;
};

static const struct option options[] = {
    ASK_OPTIONS(struct query_options, ask),
    { .name = "as-of", .type = OPTION_TEXT, .help = "The warehouse as it was: a published run's id, or a time like 2026-03-02T04:00:00Z.",
      OPTION_FIELD(struct query_options, as_of) },
};

static const struct option_table table = OPTION_TABLE("query", options, struct query_options, .help = "What to ask, and of which state.");

static enum status
run(const struct verb_call *call, struct error *err)
{
    const struct query_options *given = call->options;
    struct ask                  ask   = ASK_EMPTY;
    enum status                 status;

    if (call->argument_count != 2) {
        error_set(err, ERR_USAGE, "query takes the name of a binding and one statement");
        error_hint(err, "heddle query ENTERPRISE_DATA_WAREHOUSE \"SELECT count(*) FROM core.patient\"");
        return ST_ERROR;
    }
    status = ask_open(&ask, &given->ask, call, err);
    if (status == ST_OK)
        status = ask_query(&ask, str_from(call->arguments[0]), str_from(call->arguments[1]), given->as_of, err);
    ask_release(&ask);
    return status;
}

const struct verb verb_query = {
    .name = "query",
    .arguments = "BINDING SQL",
    .help = "Asks the warehouse or the store; each question is written to the audit file first.",
    .argument_help = "BINDING is a name of the pipeline: that of its warehouse or of its store. SQL only reads.",
    .example = "heddle query ENTERPRISE_DATA_WAREHOUSE \"select status, count(*) as results from core.lab_result group by 1\"",
    .options = &table,
    .reads_pipeline = true,
    .run = run,
};
