#include "cli/reference.h"

#include "base/check.h"
#include "base/embedded.h"
#include "base/markdown.h"
#include "cli/help.h"
#include "cli/reference_int.h"
#include "expr/function.h"
#include "plan/plan.h"
#include "warehouse/schema.h"

/* ---- commands ---- */

static void
print_exit_codes(struct str_builder *out)
{
    str_builder_append_cstr(out, "## Exit codes\n\n0 says that it is done, for a stream that was stopped, too. Every other code comes with an error on the standard error, "
                                 "which says what, where, why and what to do; with `--format json` as one JSON object with the members `code`, `class` and "
                                 "`exit_code`.\n\n");
    markdown_table_head(out, "exit code|code|what it means");
    for (int code = ERR_NONE + 1; code < ERR_CODE_COUNT; code++)
        str_builder_printf(out, "| %d | `%s` | %s |\n", error_code_exit((enum error_code)code), error_code_name((enum error_code)code),
                           error_code_help((enum error_code)code));
    str_builder_append_char(out, '\n');
}

static void
print_common_options(struct str_builder *out)
{
    str_builder_append_cstr(out, "## Options of every command\n\nAn option is written `--name value` or `--name=value`, a flag `--name` alone.\n\n");
    markdown_table_head(out, "option|of|what it does");
    for (size_t i = 0; i < common_option_count; i++) {
        str_builder_printf(out, "| `%s` | %s | ", common_options[i].flag, common_options[i].is_of_pipelines ? "commands that read a pipeline" : "every command");
        markdown_cell(out, common_options[i].help);
        str_builder_append_cstr(out, " |\n");
    }
    str_builder_append_char(out, '\n');
}

static void
print_verb(const struct verb *verb, struct str_builder *out)
{
    str_builder_printf(out, "## heddle %s\n\n```\n", verb->name);
    help_usage(verb, out);
    str_builder_printf(out, "\n```\n\n%s", verb->help);
    if (verb->argument_help != NULL)
        str_builder_printf(out, " %s", verb->argument_help);
    str_builder_append_cstr(out, "\n\n");
    if (verb->options != NULL)
        option_reference_rows(verb->options, "--", out);
    if (verb->no_help != NULL)
        str_builder_printf(out, "Exit code 1: %s\n\n", verb->no_help);
    str_builder_printf(out, "For example:\n\n```\n%s\n```\n\n", verb->example);
}

static enum status
print_commands(struct str_builder *out, struct error *err)
{
    (void)err;
    markdown_table_head(out, "command|what it does");
    for (size_t i = 0; i < verb_count; i++)
        str_builder_printf(out, "| [`%s`](#heddle-%s) | %s |\n", verbs[i]->name, verbs[i]->name, verbs[i]->help);
    str_builder_append_char(out, '\n');
    print_common_options(out);
    print_exit_codes(out);
    for (size_t i = 0; i < verb_count; i++)
        print_verb(verbs[i], out);
    return ST_OK;
}

/* ---- pipeline, bindings ---- */

static void
print_file(const char *path, const char *language, struct str_builder *out)
{
    const struct embedded_file *file = embedded_file_find(path);
    CHECK(file != NULL);
    str_builder_printf(out, "```%s\n%s", language, (const char *)file->bytes);
    str_builder_append_cstr(out, "```\n\n");
}

static void
print_configuration(const char *example, enum plan_file file, struct str_builder *out)
{
    str_builder_printf(out, "It is JSON; comments and trailing commas are accepted. `heddle check` tells all that is wrong with it, `heddle explain` writes it "
                            "out with every default, and `heddle explain --schema` prints its JSON Schema for editors.\n\nFor example, `%s`:\n\n", example);
    print_file(example, "json", out);
    str_builder_append_cstr(out, "A duration is a number with its unit (`w`, `d`, `h`, `m`, `s`, `ms`, `us`), like `5m` or `1h30m`; a size likewise (`KB`, `MB`, `GB`: powers of "
                                 "1,000; `KiB`, `MiB`, `GiB`: of 1,024). A secret is never written into a file: it is `env:NAME` or `file:PATH`.\n\n");
    plan_print_reference(file, out);
}

static enum status
print_pipeline(struct str_builder *out, struct error *err)
{
    (void)err;
    print_configuration("examples/hybrid/pipeline.json", PLAN_FILE_PIPELINE, out);
    return ST_OK;
}

static enum status
print_bindings(struct str_builder *out, struct error *err)
{
    (void)err;
    print_configuration("examples/hybrid/bindings.json", PLAN_FILE_BINDINGS, out);
    return ST_OK;
}

/* ---- functions ---- */

static void
print_function_row(const char *name, bool is_by_result, const char *signature, const char *nulls, const char *help, struct str_builder *out)
{
    str_builder_printf(out, "| `%s` | `hd_%s%s` | `", name, name, is_by_result ? "_…" : "");
    markdown_cell(out, signature);
    str_builder_printf(out, "` | %s%s", nulls, nulls[0] != '\0' ? " | " : "");
    markdown_cell(out, help);
    str_builder_append_cstr(out, " |\n");
}

static enum status
print_functions(struct str_builder *out, struct error *err)
{
    (void)err;
    str_builder_append_cstr(out, "Expressions of the model call them by their name, SQL of the warehouse by the name beside it: one C function, both legs (I4). Every function is "
                                 "total: where there is no answer it gives NULL, never an error. `?` may be left out, `...` repeats; `number` is int64, decimal or "
                                 "double. `hd_add_…` is registered once for each type of result: `hd_add_int64`, `hd_add_double`, `hd_add_d6` for decimal(18,6).\n\n"
                                 "## Functions\n\n");
    markdown_table_head(out, "function|in SQL|arguments and result|of NULL|what it does");
    for (size_t i = 0; i < function_count(); i++) {
        const struct function *function = function_at(i);
        print_function_row(function->name, function->resolve != NULL, function->signature, function->null_rule == NULL_STRICT ? "NULL" : "seen", function->help, out);
    }
    str_builder_append_cstr(out, "\n## Aggregates\n\nTheir state is exact: merging in any order gives the same.\n\n");
    markdown_table_head(out, "aggregate|in SQL|arguments and result|what it does");
    for (size_t i = 0; i < aggregate_count(); i++) {
        const struct aggregate *aggregate = aggregate_at(i);
        print_function_row(aggregate->name, aggregate->resolve != NULL, aggregate->signature, "", aggregate->help, out);
    }
    return ST_OK;
}

/* ---- What the model gives ---- */

static enum status
print_of_model(void (*print)(const struct model *model, struct str_builder *out), struct str_builder *out, struct error *err)
{
    struct model *model  = NULL;
    enum status   status = model_load(NULL, 0, NULL, NULL, &model, err);
    if (status == ST_OK)
        print(model, out);
    model_free(model);
    return status;
}

static enum status
print_model(struct str_builder *out, struct error *err)
{
    return print_of_model(reference_model, out, err);
}

static enum status
print_reasons(struct str_builder *out, struct error *err)
{
    return print_of_model(reference_reasons, out, err);
}

static enum status
print_tables(struct str_builder *out, struct error *err)
{
    str_builder_append_cstr(out, "## The warehouse\n\nDuckDB, encrypted by AES-256-GCM. These are the statements that make an empty one. `core.<entity>_version` has every version, `core.<entity>` the current rows; what "
                                 "the columns of an entity mean stands in [model.md](model.md). A row was current at a time T where `recorded_from <= T < recorded_to` "
                                 "(NULL: still is). `raw.<mapping>` has what each published run took in: `source`, `file`, `position`, `length`, `row_number`, then the "
                                 "mapping's fields as text, and `run_id`. A row whose content core had already is not there again; of a mapping without an entity only what the last run read is there. "
                                 "A version of core and what it was made of have `source`, `file`, `position`, `row_number` and `run_id` in common.\n\n```sql\n");
    enum status status = print_of_model(schema_print, out, err);
    str_builder_append_cstr(out, "```\n\n## The real-time store\n\nSQLite, encrypted by SQLCipher.\n\n");
    print_file("src/store/schema.sql", "sql", out);
    return status;
}

/* ---- The pages ---- */

const char *const REFERENCE_PAGE_NAMES[] = { "commands", "pipeline", "bindings", "functions", "model", "reasons", "tables", NULL };

struct page {
    const char *title;
    const char *about;
    enum status (*print)(struct str_builder *out, struct error *err);
};

/* In the order of the names. */
static const struct page pages[] = {
    { "Commands", "Every command, its arguments, options and exit codes.", print_commands },
    { "pipeline.json", "What a pipeline does: every option.", print_pipeline },
    { "bindings.json", "What the names of a pipeline stand for at one site: every option.", print_bindings },
    { "Functions", "What expressions of the model and SQL of the warehouse may call.", print_functions },
    { "The model", "The entities with their columns, keys and checks; the mappings and rules that are built in.", print_model },
    { "Reasons", "The closed list of reasons: why a record or a value was not simply loaded (I1).", print_reasons },
    { "Tables", "What lies in the warehouse and in the real-time store.", print_tables },
};
#define PAGE_COUNT (sizeof(pages) / sizeof(pages[0]))
_Static_assert(sizeof(REFERENCE_PAGE_NAMES) / sizeof(REFERENCE_PAGE_NAMES[0]) == PAGE_COUNT + 1, "each page has a name");

enum status
reference_print(size_t index, struct str_builder *out, struct error *err)
{
    CHECK(index < PAGE_COUNT);
    const struct page *page = &pages[index];
    str_builder_printf(out, "# %s\n\n*Generated by `heddle help --reference %s` from what the program runs by; do not edit it: `make reference` writes it anew.*\n\n%s\n\n",
                       page->title, REFERENCE_PAGE_NAMES[index], page->about);
    if (page->print(out, err) != ST_OK)
        return ST_ERROR;
    /* One line feed at the end, whatever came last. */
    while (out->size > 1 && out->data[out->size - 1] == '\n' && out->data[out->size - 2] == '\n')
        str_builder_truncate(out, out->size - 1);
    return ST_OK;
}
