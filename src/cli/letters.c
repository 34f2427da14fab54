/* heddle letters: what the live leg could not take, or took too late for its window. */
#include <string.h>

#include "cli/ask.h"
#include "cli/verb.h"
#include "store/letters.h"

struct letters_options {
    struct ask_options ask;
    bool               shows_bytes;
};

static const struct option options[] = {
    ASK_OPTIONS(struct letters_options, ask),
    { .name = "show-bytes", .type = OPTION_BOOL, .default_text = "false",
      .help = "Of show: also what the sender wrote, which is patient data; the audit file is told first.",
      OPTION_FIELD(struct letters_options, shows_bytes) },
};

static const struct option_table table = OPTION_TABLE("letters", options, struct letters_options, .help = "Whose letters, and how much of one.");

static enum status
show(const struct ask *ask, struct str letter, bool with_bytes, struct error *err)
{
    struct str_builder sql       = STR_BUILDER_EMPTY;
    uint64_t           row_count = 0;
    enum status        status    = letters_show_sql(&sql, letter, with_bytes, !ask->is_json, err);

    if (status == ST_OK)
        status = ask_store(ask, STR("letters"), with_bytes ? letter : STR_EMPTY, str_builder_text(&sql), &row_count, err);
    if (status == ST_OK && row_count == 0) {
        error_set(err, ERR_NOT_FOUND, "there is no letter of that name");
        error_hint(err, "heddle letters list shows the names in its first column");
        status = ST_ERROR;
    }
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

static enum status
run(const struct verb_call *call, struct error *err)
{
    const struct letters_options *given   = call->options;
    const uint32_t                count   = call->argument_count;
    const bool                    is_show = count > 0 && strcmp(call->arguments[0], "show") == 0;
    const bool                    is_list = count == 0 || strcmp(call->arguments[0], "list") == 0;
    struct ask                    ask     = ASK_EMPTY;
    enum status                   status;

    if (!(is_show && count == 2) && !(is_list && count <= 2)) {
        error_set(err, ERR_USAGE, "what of the letters is meant?");
        error_hint(err, "heddle letters counts them, heddle letters list names them, heddle letters show LETTER tells one");
        return ST_ERROR;
    }
    if (given->shows_bytes && !is_show)
        return error_set(err, ERR_USAGE, "--show-bytes is for one letter: heddle letters show LETTER --show-bytes");
    status = ask_open(&ask, &given->ask, call, err);
    if (status == ST_OK)
        status = is_show ? show(&ask, str_from(call->arguments[1]), given->shows_bytes, err) : list(&ask, call, err);
    ask_release(&ask);
    return status;
}

const struct verb verb_letters = {
    .name = "letters",
    .arguments = "[list [REASON] | show LETTER]",
    .help = "Counts, lists or shows dead letters and late events of the store.",
    .argument_help = "Without an argument they are counted by reason; list names each; show tells of one where it came from and what is wrong with it.",
    .example = "heddle letters list out_of_range",
    .options = &table,
    .reads_pipeline = true,
    .run = run,
};
