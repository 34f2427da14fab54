/* heddle help: the commands, one of them, or a page of the reference. */
#include "cli/help.h"

#include <stdio.h>

#include "base/json_out.h"
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
    { "-v", "Tells more: check also the files that were read and the configuration's digest; of the other commands none has more to tell.", true },
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

static void
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

/* Options by their schema, as those of the files are told. */
static void
help_verb_json(const struct verb *verb, struct str_builder *out)
{
    struct str_builder usage = STR_BUILDER_EMPTY;
    struct json_out    json;

    help_usage(verb, &usage);
    json_out_init(&json, out, 0);
    json_out_object_begin(&json);
    json_out_key_cstr(&json, "command", verb->name);
    json_out_key_cstr(&json, "usage", str_builder_cstr(&usage));
    json_out_key_cstr(&json, "help", verb->help);
    json_out_key_cstr(&json, "arguments_help", verb->argument_help);
    json_out_key(&json, STR("options"));
    if (verb->options != NULL)
        option_schema(verb->options, &json);
    else
        json_out_null(&json);
    json_out_key_array(&json, "common_options");
    for (size_t i = 0; i < common_option_count; i++)
        if (verb->reads_pipeline || !common_options[i].is_of_pipelines) {
            json_out_object_begin(&json);
            json_out_key_cstr(&json, "option", common_options[i].flag);
            json_out_key_cstr(&json, "help", common_options[i].help);
            json_out_object_end(&json);
        }
    json_out_array_end(&json);
    json_out_key_cstr(&json, "exit_code_1", verb->no_help);
    json_out_key_cstr(&json, "example", verb->example);
    json_out_object_end(&json);
    str_builder_append_char(out, '\n');
    if (!str_builder_is_ok(&usage))
        out->has_failed = true;
    str_builder_release(&usage);
}

static void
help_one(const struct verb *verb, bool is_json, struct str_builder *out)
{
    if (is_json)
        help_verb_json(verb, out);
    else
        help_verb(verb, out);
}

/* One object a command. */
static void
help_each(bool is_json, struct str_builder *out)
{
    if (!is_json)
        help_all(out);
    for (size_t i = 0; is_json && i < verb_count; i++)
        help_verb_json(verbs[i], out);
}

static enum status
help_page(size_t page, bool is_json, struct str_builder *out, struct error *err)
{
    if (is_json) {
        error_set(err, ERR_USAGE, "a page of the reference is Markdown, whatever --format says");
        error_hint(err, "`heddle help --format json` tells the commands, `heddle explain --schema` both files");
        return ST_ERROR;
    }
    return reference_print(page, out, err);
}

static enum status
print(struct str_builder *out, enum status status, struct error *err)
{
    if (status == ST_OK)
        status = str_builder_status(out, err);
    if (status == ST_OK)
        fputs(str_builder_cstr(out), stdout);
    str_builder_release(out);
    return status;
}

enum status
help_print(const struct verb *verb, bool is_json, struct error *err)
{
    struct str_builder out = STR_BUILDER_EMPTY;

    help_one(verb, is_json, &out);
    return print(&out, ST_OK, err);
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
        status = help_page((size_t)given->page, call->is_json, &out, err);
    else if (call->argument_count == 0)
        help_each(call->is_json, &out);
    else if ((status = verb_find(call->arguments[0], &verb, err)) == ST_OK)
        help_one(verb, call->is_json, &out);
    return print(&out, status, err);
}

const struct verb verb_help = {
    .name = "help",
    .arguments = "[COMMAND]",
    .help = "Lists the commands, or explains one.",
    .example = "heddle help generate",
    .options = &table,
    .run = run,
};
