/* heddle letters: what the live leg could not take, or took too late for its window; and how to give it another try. */
#include <string.h>

#include "cli/ask.h"
#include "cli/letters_retry.h"
#include "cli/verb.h"
#include "store/letters.h"

struct letters_options {
    struct ask_options ask;
    bool               shows_bytes;
    struct str         reason;
    bool               is_all;
};

static const struct option options[] = {
    ASK_OPTIONS(struct letters_options, ask),
    { .name = "show-bytes", .type = OPTION_BOOL, .default_text = "false",
      .help = "Of show, which the audit file is told of first: also what the sender wrote, which is patient data.",
      OPTION_FIELD(struct letters_options, shows_bytes) },
    { .name = "reason", .type = OPTION_TEXT, .help = "Of retry: the open dead letters of this reason.", OPTION_FIELD(struct letters_options, reason) },
    { .name = "all", .type = OPTION_BOOL, .default_text = "false", .help = "Of retry: every open dead letter.",
      OPTION_FIELD(struct letters_options, is_all) },
};

static const struct option_table table = OPTION_TABLE("letters", options, struct letters_options, .help = "Whose letters, and how much of one.");

static enum status
show(const struct ask *ask, struct str letter, bool with_bytes, struct error *err)
{
    struct str_builder sql       = STR_BUILDER_EMPTY;
    struct str_builder detail    = STR_BUILDER_EMPTY; /* What the audit is told. */
    uint64_t           row_count = 0;
    enum status        status    = letters_show_sql(&sql, letter, with_bytes, !ask->is_json, ask->plan.graph->streaming.store.type, err);

    str_builder_printf(&detail, "show %.*s%s", STR_PRINTF(letter), with_bytes ? " --show-bytes" : "");
    if (status == ST_OK)
        status = str_builder_status(&detail, err);
    if (status == ST_OK)
        status = ask_store(ask, STR("letters"), str_builder_text(&detail), str_builder_text(&sql), &row_count, err);
    if (status == ST_OK && row_count == 0) {
        error_set(err, ERR_USAGE, "there is no letter of that name");
        error_hint(err, "heddle letters list shows the names in its first column");
        status = ST_ERROR;
    }
    str_builder_release(&detail);
    str_builder_release(&sql);
    return status;
}

static enum status
list(const struct ask *ask, const struct verb_call *call, struct error *err)
{
    struct str_builder sql       = STR_BUILDER_EMPTY;
    uint64_t           row_count = 0;
    enum status        status;

    if (call->argument_count == 0)
        letters_summary_sql(&sql);
    else
        letters_list_sql(&sql, call->argument_count > 1 ? str_from(call->arguments[1]) : STR_EMPTY);
    status = str_builder_status(&sql, err);
    if (status == ST_OK)
        status = ask_store(ask, STR("letters"), STR_EMPTY, str_builder_text(&sql), &row_count, err);
    str_builder_release(&sql);
    return status;
}

enum letters_action { LETTERS_LIST, LETTERS_SHOW, LETTERS_RETRY };

static enum status
find_action(const struct verb_call *call, enum letters_action *ret_action, struct error *err)
{
    static const char *const names[] = { "list", "show", "retry" };
    const uint32_t           count   = call->argument_count;
    size_t                   action  = LETTERS_LIST;

    while (count > 0 && action < 3 && strcmp(call->arguments[0], names[action]) != 0)
        action++;
    if (action == 3 || (action == LETTERS_SHOW && count != 2) || (action == LETTERS_LIST && count > 2)) {
        error_set(err, ERR_USAGE, "what of the letters is meant?");
        error_hint(err, "heddle letters counts them, list names them, show LETTER tells one, retry gives dead letters to the stream again");
        return ST_ERROR;
    }
    *ret_action = (enum letters_action)action;
    return ST_OK;
}

static enum status
check_options(const struct letters_options *given, enum letters_action action, struct error *err)
{
    if (given->shows_bytes && action != LETTERS_SHOW)
        return error_set(err, ERR_USAGE, "--show-bytes is for one letter: heddle letters show LETTER --show-bytes");
    if ((given->reason.size > 0 || given->is_all) && action != LETTERS_RETRY)
        return error_set(err, ERR_USAGE, "--reason and --all are for heddle letters retry; heddle letters list REASON lists those of one reason");
    return ST_OK;
}

static enum status
run(const struct verb_call *call, struct error *err)
{
    const struct letters_options *given  = call->options;
    struct ask                    ask    = ASK_EMPTY;
    enum letters_action           action = LETTERS_LIST;
    enum status                   status = find_action(call, &action, err);

    if (status == ST_OK)
        status = check_options(given, action, err);
    if (status == ST_OK)
        status = ask_open(&ask, &given->ask, call, err);
    if (status == ST_OK && action == LETTERS_SHOW)
        status = show(&ask, str_from(call->arguments[1]), given->shows_bytes, err);
    else if (status == ST_OK && action == LETTERS_RETRY)
        status = letters_retry(&ask, call, given->reason, given->is_all, err);
    else if (status == ST_OK)
        status = list(&ask, call, err);
    ask_release(&ask);
    return status;
}

const struct verb verb_letters = {
    .name = "letters",
    .arguments = "[list [REASON] | show LETTER | retry LETTER… | retry --reason CODE | retry --all]",
    .help = "Counts, lists or shows dead letters and late events of the store; gives dead letters to the stream again.",
    .argument_help = "Without an argument they are counted by reason; list names each; show tells of one where it came from and what is wrong with it. "
                     "retry gives open dead letters to the stream again, once what refused them is corrected: the stream that runs takes them, else the next one.",
    .example = "heddle letters list out_of_range",
    .options = &table,
    .reads_pipeline = true,
    .run = run,
};
