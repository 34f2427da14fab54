/* heddle run: both legs, the batch leg once, then the stream. */
#include <stdio.h>

#include "base/memory.h"
#include "base/time.h"
#include "cli/batch.h"
#include "cli/keys.h"
#include "cli/pipeline.h"
#include "cli/stream.h"
#include "io/process.h"
#include "server/control.h"

struct run_verb_options {
    struct str bindings;
    struct str logical_date;
    bool       is_once;
    bool       is_drain;
    struct str accepted_losses;
    bool       accepts_loss;
};

static const struct option options[] = {
    { .name = "once", .type = OPTION_BOOL, .help = "One batch run, then the stream to its present end; open windows stay open, to be resumed.",
      OPTION_FIELD(struct run_verb_options, is_once) },
    { .name = "drain", .type = OPTION_BOOL, .help = "Like --once, and closes the windows as if the stream had ended.",
      OPTION_FIELD(struct run_verb_options, is_drain) },
    { .name = "for", .type = OPTION_TEXT, .help = "The batch run's logical date, YYYY-MM-DD. Default: today, in UTC.",
      OPTION_FIELD(struct run_verb_options, logical_date) },
    STREAM_ACCEPT_OPTION(struct run_verb_options, accepted_losses),
    STREAM_ACCEPT_LOSS_OPTION(struct run_verb_options, accepts_loss),
    PIPELINE_BINDINGS_OPTION(struct run_verb_options, bindings),
};

static const struct option_table table = OPTION_TABLE("run", options, struct run_verb_options, .help = "How far, which day, and where the names lead.");

static enum status
show(struct str_builder *text, struct error *err)
{
    bool is_written = fwrite(text->data, 1, text->size, stdout) == text->size && fflush(stdout) == 0;

    str_builder_clear(text);
    return is_written ? ST_OK : error_set(err, ERR_IO, "cannot write the output");
}

/* A run that its gates keep from being published stops nobody: the stream goes on with what was published before, and the
 * command fails at its end. *ret_is_published says which. Neither does a copy that could not be left. */
static enum status
run_batch(struct warehouse *warehouse, const struct graph *graph, int32_t logical_date, bool is_json, struct str_builder *text,
          bool *ret_is_published, struct error *ret_copy_error, struct error *err)
{
    char                 told[ERROR_TEXT_SIZE];
    struct batch_summary summary = { 0 };
    enum status          status  = batch_run(warehouse, logical_date, &summary, err);

    if (status == ST_OK)
        status = batch_print(&summary, graph, is_json, text, err);
    if (status == ST_OK && !is_json)
        str_builder_append_char(text, '\n');
    if (status == ST_OK)
        status = show(text, err);
    *ret_is_published = summary.is_published;
    *ret_copy_error   = summary.copy_error;
    if (status == ST_OK && summary.copy_error.code != ERR_NONE) {
        error_print(&summary.copy_error, told, sizeof told);
        fprintf(stderr, "heddle: %s\n", told);
    }
    if (status == ST_OK && !summary.is_published)
        fprintf(stderr, "heddle: run %.*s was not published: %.*s\n", STR_PRINTF(summary.run_id), STR_PRINTF(summary.gate));
    batch_summary_release(&summary);
    return status;
}

static enum status
run_legs(const struct graph *graph, const struct run_verb_options *given, int32_t logical_date, bool is_json, struct error *err)
{
    struct siphash_key  person_key   = { { 0 } };
    struct warehouse   *warehouse    = NULL;
    struct control     *control      = NULL;
    struct str_builder  text         = STR_BUILDER_EMPTY;
    struct stream_summary summary    = { 0 };
    struct error        copy_error   = ERROR_EMPTY;
    bool                is_published = true;
    struct stream_how   how          = { stream_end(given->is_once, given->is_drain), given->accepted_losses, given->accepts_loss };
    enum status         status       = batch_open(graph, &person_key, &warehouse, &control, err);

    if (status == ST_OK)
        status = run_batch(warehouse, graph, logical_date, is_json, &text, &is_published, &copy_error, err);
    if (status == ST_OK)
        status = stream_run(graph, &person_key, warehouse_db(warehouse), &how, &summary, err);
    if (status == ST_OK)
        status = stream_print(&summary, graph, is_json, &text, err);
    if (status == ST_OK)
        status = show(&text, err);
    if (status == ST_OK)
        status = stream_check_end(&summary, err);
    if (status == ST_OK && copy_error.code != ERR_NONE) { /* Told before; it is the end of a command that did all else. */
        *err   = copy_error;
        status = ST_ERROR;
    }
    if (status == ST_OK && !is_published) {
        error_set(err, ERR_NO, "the batch run was not published");
        error_hint(err, "its counts and quarantine are kept: heddle runs");
        status = ST_ERROR;
    }
    control_stop(control);
    warehouse_close(warehouse);
    str_builder_release(&text);
    memory_wipe(&person_key, sizeof person_key);
    return status;
}

static enum status
run(const struct verb_call *call, struct error *err)
{
    const struct run_verb_options *given = call->options;
    struct plan                    plan  = PLAN_EMPTY;
    int32_t                        logical_date;
    enum status                    status = batch_logical_date(given->logical_date, &logical_date, err);

    if (status == ST_OK)
        status = pipeline_load_argument(call, given->bindings, &plan, err);
    if (status == ST_OK && !(plan.graph->has_batch && plan.graph->has_streaming)) {
        error_set(err, ERR_USAGE, "the pipeline has no %s leg", plan.graph->has_batch ? "streaming" : "batch");
        error_hint(err, "heddle %s runs the other one alone", plan.graph->has_batch ? "batch" : "stream");
        status = ST_ERROR;
    }
    if (status == ST_OK)
        status = run_legs(plan.graph, given, logical_date, call->is_json, err);
    plan_release(&plan);
    return status;
}

const struct verb verb_run = {
    .name = "run",
    .arguments = "PIPELINE",
    .help = "Both legs: one batch run, then the stream until it is stopped.",
    .no_help = "the batch run was not published: too much was quarantined, or there was no input. The stream ran all the same.",
    .example = "heddle run pipeline.json --drain",
    .options = &table,
    .reads_pipeline = true,
    .is_stoppable = true,
    .run = run,
};
