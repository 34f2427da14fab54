/* heddle help: the commands, one of them, or a page of the reference. */
#include "cli/help.h"

#include <stdio.h>

#include "cli/reference.h"

struct help_options {
    int  page;
    bool has_page;
};

static const struct option options[] = {
    { .name = "reference", .type = OPTION_ENUM, .names = REFERENCE_PAGE_NAMES,
      .help = "Prints that page of the reference, as Markdown, and nothing else. `make reference` writes them all.",
      OPTION_FIELD(struct help_options, page), OPTION_GIVEN(struct help_options, has_page) },
};
static const struct option_table table = OPTION_TABLE("help", options, struct help_options, .help = "What is to be told.");

const struct common_option common_options[] = {
    { "--set", "PATH=VALUE changes one value of either file; may be given again: --set runtime.workers=2.", true },
    { "-v", "Of check: also the files that were read, and the configuration's digest.", true },
    { "--format", "text or json, for what is printed, errors too. Default: text.", false },
    { "--help", "Prints the help of the command.", false },
};
const size_t common_option_count = sizeof(common_options) / sizeof(common_options[0]);

void
help_usage(const struct verb *verb, struct str_builder *out)
{
    str_builder_printf(out, "heddle %s [options]%s%s", verb->name, verb->arguments[0] != '\0' ? " " : "", verb->arguments);
}

static void
help_option(const struct option *option, struct str_builder *out)
{
    str_builder_printf(out, "  --%-12s %s", option->name, option->help);
    if (option->default_text != NULL)
        str_builder_printf(out, " Default: %s.", option->default_text);
    str_builder_append_cstr(out, option->is_required ? " Required.\n" : "\n");
}

void
help_verb(const struct verb *verb, struct str_builder *out)
{
    help_usage(verb, out);
    str_builder_printf(out, "\n\n%s\n", verb->help);
    if (verb->argument_help != NULL)
        str_builder_printf(out, "%s\n", verb->argument_help);
    str_builder_append_char(out, '\n');
    for (size_t i = 0; verb->options != NULL && i < verb->options->option_count; i++)
        help_option(&verb->options->options[i], out);
    for (size_t i = 0; i < common_option_count; i++)
        if (verb->reads_pipeline || !common_options[i].is_of_pipelines)
            str_builder_printf(out, "  %-14s %s\n", common_options[i].flag, common_options[i].help);
    if (verb->no_help != NULL)
        str_builder_printf(out, "\nExit code 1: %s\n", verb->no_help);
    str_builder_printf(out, "\nExample: %s\n", verb->example);
}

static void
help_all(struct str_builder *out)
{
    str_builder_append_cstr(out, "heddle runs hybrid batch and streaming pipelines for health data.\n\n");
    for (size_t i = 0; i < verb_count; i++)
        str_builder_printf(out, "  heddle %-10s %s\n", verbs[i]->name, verbs[i]->help);
}

static enum status
run(const struct verb_call *call, struct error *err)
{
    const struct help_options *given  = call->options;
    const struct verb         *verb   = NULL;
    struct str_builder         out    = STR_BUILDER_EMPTY;
    enum status                status = ST_OK;
    if (call->argument_count > 1)
        status = error_set(err, ERR_USAGE, "heddle help explains one command, not %u", call->argument_count);
    else if (given->has_page)
        status = reference_print((size_t)given->page, &out, err);
    else if (call->argument_count == 0)
        help_all(&out);
    else if ((status = verb_find(call->arguments[0], &verb, err)) == ST_OK)
        help_verb(verb, &out);
    if (status == ST_OK)
        status = str_builder_status(&out, err);
    if (status == ST_OK)
        fputs(str_builder_cstr(&out), stdout);
    str_builder_release(&out);
    return status;
}

const struct verb verb_help = {
    .name = "help",
    .arguments = "[COMMAND]",
    .help = "Lists the commands, or explains one.",
    .example = "heddle help generate",
    .options = &table,
    .run = run,
};
