/* heddle backtest: rules over the warehouse's history, and whether the live leg told the same. */
#include "cli/backtest.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/suggest.h"
#include "base/time.h"
#include "cli/keys.h"
#include "govern/audit.h"
#include "io/io.h"
#include "io/process.h"
#include "io/terminal.h"
#include "match/master_files.h"

struct backtest_verb_options {
    struct ask_options ask;
    struct str         from;
    struct str         to;
    bool               is_list;
    bool               shows_phi;
    struct str         compare;
};

static const struct option options[] = {
    ASK_OPTIONS(struct backtest_verb_options, ask),
    { .name = "from", .type = OPTION_TEXT, .help = "From when on something may fire: a day (midnight in UTC) or a time like 2026-03-02T04:00:00Z. Default: from the first fact.",
      OPTION_FIELD(struct backtest_verb_options, from) },
    { .name = "to", .type = OPTION_TEXT, .help = "Until when, which itself is not in it; nothing behind it is known. Default: to the last fact.",
      OPTION_FIELD(struct backtest_verb_options, to) },
    { .name = "list", .type = OPTION_BOOL, .default_text = "false", .help = "Shows the alerts, one a row, in place of counts; with --compare the differences.",
      OPTION_FIELD(struct backtest_verb_options, is_list) },
    { .name = "phi", .type = OPTION_BOOL, .default_text = "false",
      .help = "Of --list: also whom an alert is about, and its numbers, which is patient data; the audit file is told first.",
      OPTION_FIELD(struct backtest_verb_options, shows_phi) },
    { .name = "compare", .type = OPTION_TEXT, .help = "The binding of the pipeline's store: also tells which alerts the live leg told otherwise in that time.",
      OPTION_FIELD(struct backtest_verb_options, compare) },
};

static const struct option_table table = OPTION_TABLE("backtest", options, struct backtest_verb_options, .help = "Which time, and how much of an alert.");

/* ---- Rules ---- */

/* What the arguments name. */
struct rule_list {
    const char              *paths[VERB_ARGUMENT_COUNT_MAX]; /* Of rule files, to be loaded over the model. */
    size_t                   path_count;
    const struct rule_pack **rules; /* Room for all of the model. */
    size_t                   count;
    size_t                   capacity;
};

static bool
is_file(const char *argument)
{
    return str_ends_with(str_from(argument), STR(".json"));
}

static void
find_paths(const struct verb_call *call, struct rule_list *list)
{
    for (uint32_t i = 0; i < call->argument_count; i++)
        if (is_file(call->arguments[i]))
            list->paths[list->path_count++] = call->arguments[i];
}

static void
add_one(struct rule_list *list, const struct rule_pack *rule)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->rules[i] == rule)
            return;
    CHECK(list->count < list->capacity); /* Each rule of the model once. */
    list->rules[list->count++] = rule;
}

/* With those that belong to it. */
static void
add_rule(struct rule_list *list, const struct rule_pack *rule)
{
    add_one(list, rule);
    for (uint32_t i = 0; i < rule->member_count; i++)
        add_one(list, rule->members[i]);
}

/* The rules of which the file had the last say. */
static enum status
add_file(struct rule_list *list, const struct model *model, const char *path, struct error *err)
{
    const size_t before = list->count;

    for (uint32_t i = 0; i < model->rule_count; i++)
        if (str_equal(str_from(model->rules[i].file), str_from(path)))
            add_rule(list, &model->rules[i]);
    if (list->count > before)
        return ST_OK;
    error_set(err, ERR_USAGE, "%s has no rule, or another file after it has all of them", path);
    error_hint(err, "a file as model/rules has them is meant: the rule's name, a version of its own, and the limits to be tried");
    return ST_ERROR;
}

static enum status
add_name(struct rule_list *list, const struct model *model, struct str name, struct error *err)
{
    const struct rule_pack *rule       = model_rule(model, name);
    struct suggestion       suggestion = suggestion_init(name);

    if (rule != NULL) {
        add_rule(list, rule);
        return ST_OK;
    }
    error_set(err, ERR_USAGE, "there is no rule \"%.*s\"", STR_PRINTF(name));
    for (uint32_t i = 0; i < model->rule_count; i++)
        suggestion_offer(&suggestion, str_from(model->rules[i].name));
    error_hint(err, "rules are those of model/rules and of the bindings' \"model\"; a file of one ends in .json");
    suggestion_hint(&suggestion, err);
    return ST_ERROR;
}

static enum status
find_rules(const struct verb_call *call, const struct model *model, struct rule_list *list, struct error *err)
{
    enum status status = ST_OK;

    list->capacity = model->rule_count;
    list->rules    = memory_alloc_array(list->capacity + 1, sizeof(*list->rules));
    if (list->rules == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; status == ST_OK && i < call->argument_count; i++)
        status = is_file(call->arguments[i]) ? add_file(list, model, call->arguments[i], err)
                                             : add_name(list, model, str_from(call->arguments[i]), err);
    return status;
}

/* ---- Times ---- */

static enum status
read_time(const char *option, struct str text, int64_t *ret_us, struct error *err)
{
    int32_t days;

    if (text.size == 0 || time_parse_utc(text, ret_us))
        return ST_OK;
    if (date_parse(text, &days)) {
        *ret_us = days * US_PER_DAY;
        return ST_OK;
    }
    error_set(err, ERR_USAGE, "--%s %.*s is neither a day nor a time", option, STR_PRINTF(text));
    error_hint(err, "2026-03-02, or 2026-03-02T04:00:00Z");
    return ST_ERROR;
}

static enum status
read_times(const struct backtest_verb_options *given, struct backtest_options *with, struct error *err)
{
    with->from_us = INT64_MIN;
    with->to_us   = INT64_MAX;
    if (read_time("from", given->from, &with->from_us, err) != ST_OK || read_time("to", given->to, &with->to_us, err) != ST_OK)
        return ST_ERROR;
    if (with->from_us >= with->to_us)
        return error_set(err, ERR_USAGE, "--from is not before --to");
    return ST_OK;
}

/* ---- The warehouse ---- */

/* Itself, or where a process owns it the copy that the last run has left for others. */
static enum status
open_warehouse(const struct graph *graph, struct db **ret_db, struct error *err)
{
    const struct graph_warehouse *bound = &graph->batch.warehouse;
    struct graph_warehouse        copy  = *bound;
    enum status                   status = warehouse_open_read_only(io_system(), bound, ret_db, err);

    if (status == ST_OK || err->code != ERR_BUSY)
        return status;
    if (!bound->publish.is_bound) {
        error_set(err, ERR_BUSY, "a process owns the warehouse %.*s, and a backtest reads the file itself", STR_PRINTF(bound->path));
        error_hint(err, "try again when it has ended, or bind a copy for readers (\"publish\" of the warehouse), which is then read instead");
        return ST_ERROR;
    }
    copy.path       = bound->publish.path;
    copy.encryption = bound->publish.encryption;
    error_clear(err);
    fprintf(stderr, "heddle: a process owns the warehouse; its copy %.*s is read, as the last run left it\n", STR_PRINTF(copy.path));
    return warehouse_open_read_only(io_system(), &copy, ret_db, err);
}

static enum status
tell_audit(const struct graph *graph, const struct verb_call *call, const struct backtest_verb_options *given, struct error *err)
{
    const struct audit audit  = { io_system(), process_clock(), graph->audit_path.data };
    struct str_builder detail = STR_BUILDER_EMPTY;

    for (uint32_t i = 0; i < call->argument_count; i++)
        str_builder_printf(&detail, "%s ", call->arguments[i]);
    str_builder_printf(&detail, "--from '%.*s' --to '%.*s' --phi", STR_PRINTF(given->from), STR_PRINTF(given->to));
    if (given->compare.size > 0)
        str_builder_printf(&detail, " --compare %.*s", STR_PRINTF(given->compare));
    enum status status = str_builder_status(&detail, err);
    if (status == ST_OK)
        status = audit_append(&audit, &(struct audit_entry){ .action = STR("backtest"), .binding = graph->batch.warehouse.name, .detail = str_builder_text(&detail) },
                              err);
    str_builder_release(&detail);
    return status;
}

/* ---- The verb ---- */

static bool
is_stopping(void *context)
{
    (void)context;
    return process_stop_signal() != 0;
}

static void
show_progress(void *context, int64_t row_count, int64_t row_total)
{
    progress_update(context, (uint64_t)row_count, (uint64_t)row_total);
}

/* The newest patient master beside the store, if there is a store and a master. */
static enum status
open_master(const struct graph *graph, const struct siphash_key *person_key, struct master *ret_master, bool *ret_is_found, struct error *err)
{
    struct str_builder path    = STR_BUILDER_EMPTY;
    uint64_t           version = 0;
    enum status        status  = ST_OK;

    *ret_is_found = false;
    if (graph->has_streaming)
        status = master_file_newest(io_system(), graph->streaming.store.path.data, &path, ret_is_found, &version, err);
    if (status == ST_OK && *ret_is_found)
        status = master_open(io_system(), str_builder_cstr(&path), person_key, ret_master, err);
    str_builder_release(&path);
    return status;
}

static enum status
look_back(const struct graph *graph, struct backtest_options *with, struct backtest_result *result, struct error *err)
{
    struct siphash_key person_key = { { 0 } };
    struct terminal    terminal   = terminal_of(2);
    struct progress    line;
    struct master      master     = MASTER_EMPTY;
    bool               has_master = false;
    enum status        status = open_warehouse(graph, &with->db, err);

    if (status == ST_OK)
        status = person_key_obtain(io_system(), graph, &person_key, err);
    if (status == ST_OK)
        status = open_master(graph, &person_key, &master, &has_master, err);
    with->master = has_master ? &master : NULL;
    progress_begin(&line, io_system(), &terminal, process_clock(), "looking back", PROGRESS_ITEMS);
    with->person_key  = &person_key;
    with->is_stopping = is_stopping;
    with->progress    = show_progress;
    with->context     = &line;
    if (status == ST_OK)
        status = backtest_run(with, result, err);
    progress_clear(&line);
    master_release(io_system(), &master);
    memory_wipe(&person_key, sizeof person_key);
    db_free(with->db);
    return status;
}

static enum status
print(const struct ask *ask, const struct backtest_verb_options *given, const struct backtest_print *what, struct error *err)
{
    struct str_builder text   = STR_BUILDER_EMPTY;
    enum status        status = ST_OK;

    if (given->compare.size > 0)
        status = backtest_compare(ask, what, given->is_list, &text, err);
    else
        status = given->is_list ? backtest_print_alerts(what, &text, err) : backtest_print_summary(what, &text, err);
    if (text.size > 0 && (status == ST_OK || err->code == ERR_NO))
        fwrite(text.data, 1, text.size, stdout);
    str_builder_release(&text);
    return status;
}

static enum status
run_planned(const struct verb_call *call, struct ask *ask, struct rule_list *rules, struct error *err)
{
    const struct backtest_verb_options *given  = call->options;
    const struct graph                 *graph  = ask->plan.graph;
    struct backtest_options             with   = { .graph = graph };
    struct backtest_result              result = { .row_count = 0 };
    const struct backtest_print         what   = { &with, &result, call->is_json, given->shows_phi };

    if (!graph->has_batch)
        return error_set(err, ERR_USAGE, "the pipeline has no batch leg, and so no warehouse");
    if (given->compare.size > 0 && (!graph->has_streaming || !str_equal(given->compare, graph->streaming.store.name)))
        return error_set(err, ERR_USAGE, "%.*s is not the store of this pipeline", STR_PRINTF(given->compare));
    enum status status = find_rules(call, ask->plan.model, rules, err);
    with.rules         = rules->rules;
    with.rule_count    = rules->count;
    if (status == ST_OK)
        status = read_times(given, &with, err);
    if (status == ST_OK && given->shows_phi)
        status = tell_audit(graph, call, given, err);
    if (status == ST_OK)
        status = look_back(graph, &with, &result, err);
    if (status == ST_OK)
        status = print(ask, given, &what, err);
    backtest_result_release(&result);
    return status;
}

static enum status
run(const struct verb_call *call, struct error *err)
{
    const struct backtest_verb_options *given = call->options;
    struct ask                          ask   = ASK_EMPTY;
    struct rule_list                    rules = { .count = 0 };

    if (call->argument_count == 0) {
        error_set(err, ERR_USAGE, "which rules?");
        error_hint(err, "name them, or files of them: heddle backtest abnormal_lab_trends my_limits.json");
        return ST_ERROR;
    }
    if (given->shows_phi && !given->is_list)
        return error_set(err, ERR_USAGE, "--phi is for alerts one by one: --list --phi");
    find_paths(call, &rules);
    enum status status = pipeline_load_model(call, given->ask.pipeline, given->ask.bindings, rules.paths, rules.path_count, &ask.plan, err);
    if (status != ST_OK && err->code == ERR_NOT_FOUND)
        error_hint(err, "go to the pipeline's folder, or name it: --pipeline FILE");
    ask.is_json = call->is_json;
    if (status == ST_OK)
        status = run_planned(call, &ask, &rules, err);
    ask_release(&ask);
    memory_free(rules.rules);
    return status;
}

const struct verb verb_backtest = {
    .name = "backtest",
    .arguments = "RULE…",
    .help = "What rules would have fired over the warehouse's history, by the live leg's own code; and whether the live leg told the same.",
    .argument_help = "RULE is the name of a rule of the model, or a file of one (ending in .json), which is laid over the model as a site's own file is: so other limits "
                     "are tried before anybody approves them.",
    .no_help = "--compare found alerts that the live leg and history tell differently.",
    .example = "heddle backtest abnormal_lab_trends --from 2026-03-02 --to 2026-03-23",
    .options = &table,
    .reads_pipeline = true,
    .is_stoppable = true,
    .run = run,
};
