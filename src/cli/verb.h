/* What a command is: one file a verb, its options in a table, its place in the list of verb.c. */
#ifndef HEDDLE_CLI_VERB_H
#define HEDDLE_CLI_VERB_H

#include "base/error.h"
#include "base/options.h"

#define VERB_ARGUMENT_COUNT_MAX 64
#define VERB_SET_COUNT_MAX      64

struct verb_call {
    const void *options; /* The table's struct, filled from the command line. */
    const char *arguments[VERB_ARGUMENT_COUNT_MAX]; /* What is no option. */
    uint32_t    argument_count;
    const char *sets[VERB_SET_COUNT_MAX]; /* --set PATH=VALUE, in their order; of verbs that read a pipeline. */
    uint32_t    set_count;
    bool        is_json;    /* --format json */
    bool        is_verbose; /* -v; only check tells more then. */
};

struct verb {
    const char                *name;
    const char                *arguments; /* For the help: "PIPELINE"; "" for none. */
    const char                *help;      /* One sentence. */
    const char                *argument_help; /* What the arguments mean, in full sentences; NULL: they say it themselves. */
    const char                *no_help;   /* What exit code 1, the answer no, means; NULL: it is never given. */
    const char                *example;   /* A command line. */
    const struct option_table *options;   /* NULL: none of its own. */
    bool                       reads_pipeline; /* Takes --set and -v (cli/pipeline.h). */
    bool                       is_stoppable; /* Looks at process_stop_signal; of others a first Ctrl-C is the end. */
    /* An error without a message has been told already, as a list of what is wrong with a configuration is. */
    enum status (*run)(const struct verb_call *call, struct error *err);
};

extern const struct verb verb_alerts;
extern const struct verb verb_backtest;
extern const struct verb verb_batch;
extern const struct verb verb_check;
extern const struct verb verb_explain;
extern const struct verb verb_generate;
extern const struct verb verb_help;
extern const struct verb verb_letters;
extern const struct verb verb_query;
extern const struct verb verb_run;
extern const struct verb verb_runs;
extern const struct verb verb_stream;
extern const struct verb verb_tap;
extern const struct verb verb_top;
extern const struct verb verb_version;

/* All of them, in the order of the help. */
extern const struct verb *const verbs[];
extern const size_t             verb_count;

/* ERR_USAGE, with the nearest name, where there is none of that name. */
enum status verb_find(const char *name, const struct verb **ret_verb, struct error *err);

#endif
