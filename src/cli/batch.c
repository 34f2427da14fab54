/* heddle batch: one run of the batch leg. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "base/json_out.h"
#include "base/memory.h"
#include "base/time.h"
#include "cli/batch.h"
#include "cli/keys.h"
#include "cli/pipeline.h"
#include "cli/table.h"
#include "io/process.h"
#include "io/terminal.h"
#include "server/control.h"

struct batch_verb_options {
    struct str bindings;
    struct str logical_date;
};

static const struct option options[] = {
    { .name = "for", .type = OPTION_TEXT, .help = "The logical date, YYYY-MM-DD. Default: today, in UTC.",
      OPTION_FIELD(struct batch_verb_options, logical_date) },
    PIPELINE_BINDINGS_OPTION(struct batch_verb_options, bindings),
};

static const struct option_table table = OPTION_TABLE("batch", options, struct batch_verb_options, .help = "Which day, and where the names lead.");

/* ---- While it runs ---- */

struct watch {
    struct progress progress;
    const char     *step;
};

static bool
is_stopping(void *context)
{
    (void)context;
    return process_stop_signal() != 0;
}

static void
show_progress(void *context, const struct batch_progress *progress)
{
    struct watch *watch = context;

    if (watch->step != progress->step)
        watch->progress.what = watch->step = progress->step;
    progress_update(&watch->progress, (uint64_t)progress->bytes, (uint64_t)progress->bytes_total);
}

/* ---- What is printed ---- */

/* Of refused files: more than that fill a screen. */
#define REFUSED_SHOWN_MAX 20

static bool
is_copy_left(const struct batch_summary *summary, const struct graph_warehouse *bound)
{
    return bound->publish.is_bound && summary->is_published && summary->copy_error.code == ERR_NONE;
}

static void
print_json(const struct batch_summary *summary, const struct graph_warehouse *bound, struct str_builder *out)
{
    struct json_out json;
    char            digest[HASH128_TEXT_SIZE];

    hash128_print(summary->digest, digest);
    json_out_init(&json, out, 0);
    json_out_object_begin(&json);
    json_out_key_cstr(&json, "leg", "batch");
    json_out_key_text(&json, "run_id", summary->run_id);
    json_out_key_bool(&json, "published", summary->is_published);
    json_out_key_text(&json, "gate", summary->gate);
    json_out_key_cstr(&json, "encryption", bound->encryption.is_encrypted ? "key" : "none");
    if (is_copy_left(summary, bound))
        json_out_key_text(&json, "copy", bound->publish.path);
    json_out_key_array(&json, "sources");
    for (size_t i = 0; i < summary->source_count; i++) {
        const struct batch_source *source = &summary->sources[i];
        json_out_object_begin(&json);
        json_out_key_text(&json, "source", source->name);
        json_out_key_int(&json, "inputs", source->input_count);
        json_out_key_int(&json, "received", source->received);
        json_out_key_int(&json, "loaded", source->loaded);
        json_out_key_int(&json, "deduplicated", source->deduplicated);
        json_out_key_int(&json, "filtered", source->filtered);
        json_out_key_int(&json, "quarantined", source->quarantined);
        json_out_key_int(&json, "bytes", source->bytes);
        json_out_object_end(&json);
    }
    json_out_array_end(&json);
    json_out_key_array(&json, "refused");
    for (size_t i = 0; i < summary->refused_count; i++) {
        json_out_object_begin(&json);
        json_out_key_text(&json, "source", summary->refused[i].source);
        json_out_key_text(&json, "file", summary->refused[i].file);
        json_out_key_text(&json, "reason_code", summary->refused[i].reason_code);
        json_out_key_text(&json, "reason", summary->refused[i].reason);
        json_out_object_end(&json);
    }
    json_out_array_end(&json);
    json_out_key_array(&json, "tables");
    for (size_t i = 0; i < summary->table_count; i++) {
        json_out_object_begin(&json);
        json_out_key_text(&json, "table", summary->tables[i].name);
        json_out_key_int(&json, "added", summary->tables[i].version_added);
        json_out_key_int(&json, "versions", summary->tables[i].version_count);
        json_out_key_int(&json, "current", summary->tables[i].current_count);
        json_out_object_end(&json);
    }
    json_out_array_end(&json);
    json_out_key_cstr(&json, "digest", digest);
    json_out_key_int(&json, "duration_us", summary->duration_us);
    json_out_object_end(&json);
    str_builder_append_char(out, '\n');
}

static enum status
print_sources(const struct batch_summary *summary, unsigned width, struct str_builder *out, struct error *err)
{
    static const struct table_column columns[] = { { "source", false },      { "files", true },    { "received", true },    { "= loaded", true },
                                                   { "+ deduplicated", true }, { "+ filtered", true }, { "+ quarantined", true } };
    struct arena arena;
    struct table shown;

    arena_init(&arena, 0);
    table_init(&shown, columns, 7, &arena);
    for (size_t i = 0; i < summary->source_count; i++) {
        const struct batch_source *source = &summary->sources[i];
        const int64_t counts[] = { source->input_count, source->received, source->loaded, source->deduplicated, source->filtered, source->quarantined };
        table_add(&shown, source->name);
        for (size_t k = 0; k < 6; k++)
            table_add_count(&shown, (uint64_t)counts[k]);
    }
    enum status status = table_print(&shown, width, out, err);
    arena_release(&arena);
    return status;
}

static enum status
print_tables(const struct batch_summary *summary, unsigned width, struct str_builder *out, struct error *err)
{
    static const struct table_column columns[] = { { "table", false }, { "added", true }, { "versions", true }, { "current", true } };
    struct arena arena;
    struct table shown;

    arena_init(&arena, 0);
    table_init(&shown, columns, 4, &arena);
    for (size_t i = 0; i < summary->table_count; i++) {
        table_add(&shown, summary->tables[i].name);
        table_add_count(&shown, (uint64_t)summary->tables[i].version_added);
        table_add_count(&shown, (uint64_t)summary->tables[i].version_count);
        table_add_count(&shown, (uint64_t)summary->tables[i].current_count);
    }
    enum status status = table_print(&shown, width, out, err);
    arena_release(&arena);
    return status;
}

/* The first of the files that could not be read; all of them are in `heddle runs show` and in JSON. */
static void
print_refused(const struct batch_summary *summary, struct str_builder *out)
{
    size_t shown = summary->refused_count < REFUSED_SHOWN_MAX ? summary->refused_count : REFUSED_SHOWN_MAX;

    if (summary->refused_count > 0)
        str_builder_printf(out, "\nrefused files: %zu\n", summary->refused_count);
    for (size_t i = 0; i < shown; i++) {
        const struct batch_refused *refused = &summary->refused[i];
        str_builder_append_cstr(out, "  ");
        str_builder_append_escaped(out, refused->file);
        str_builder_printf(out, ": %.*s (%.*s)\n", STR_PRINTF(refused->reason), STR_PRINTF(refused->reason_code));
    }
    if (shown < summary->refused_count)
        str_builder_printf(out, "  and %zu more\n", summary->refused_count - shown);
}

enum status
batch_print(const struct batch_summary *summary, const struct graph *graph, bool is_json, struct str_builder *out, struct error *err)
{
    struct terminal terminal = terminal_of(1);
    unsigned        width    = terminal.is_terminal ? terminal.width : 0;
    char            digest[HASH128_TEXT_SIZE];
    enum status     status = ST_OK;

    if (is_json) {
        print_json(summary, &graph->batch.warehouse, out);
        return str_builder_status(out, err);
    }
    hash128_print(summary->digest, digest);
    str_builder_printf(out, "run %.*s: %s%.*s\n\n", STR_PRINTF(summary->run_id), summary->is_published ? "published" : "NOT published: ",
                       STR_PRINTF(summary->gate));
    status = print_sources(summary, width, out, err);
    print_refused(summary, out);
    str_builder_append_char(out, '\n');
    if (status == ST_OK)
        status = print_tables(summary, width, out, err);
    if (is_copy_left(summary, &graph->batch.warehouse))
        str_builder_printf(out, "\ncopy for others to read: %.*s\n", STR_PRINTF(graph->batch.warehouse.publish.path));
    str_builder_printf(out, "\ndigest %s, %.1f s\nlook next: heddle query %.*s \"SELECT * FROM meta.accounting_reason\", heddle runs show %.*s\n", digest,
                       (double)summary->duration_us / 1e6, STR_PRINTF(graph->batch.warehouse.name), STR_PRINTF(summary->run_id));
    return status == ST_OK ? str_builder_status(out, err) : status;
}

/* ---- The verb ---- */

enum status
batch_run_files(struct warehouse *warehouse, int32_t logical_date, const struct batch_manifest *manifest, struct batch_summary *ret_summary,
                struct error *err)
{
    struct terminal      terminal = terminal_of(2);
    struct watch         watch    = { .step = NULL };
    struct batch_options with = { .logical_date = logical_date, .manifest = manifest, .is_stopping = is_stopping, .progress = show_progress, .context = &watch };

    progress_begin(&watch.progress, io_system(), &terminal, process_clock(), "list", PROGRESS_BYTES);
    enum status status = warehouse_run(warehouse, &with, ret_summary, err);
    progress_clear(&watch.progress);
    if (status != ST_OK && err->code == ERR_INTERRUPTED && process_stop_signal() == SIGTERM)
        err->code = ERR_TERMINATED;
    return status;
}

enum status
batch_run(struct warehouse *warehouse, int32_t logical_date, struct batch_summary *ret_summary, struct error *err)
{
    return batch_run_files(warehouse, logical_date, NULL, ret_summary, err);
}

static enum status
run_and_print(struct warehouse *warehouse, const struct graph *graph, int32_t logical_date, bool is_json, struct error *err)
{
    struct batch_summary summary = { 0 };
    struct str_builder   text    = STR_BUILDER_EMPTY;
    enum status          status  = batch_run(warehouse, logical_date, &summary, err);

    if (status == ST_OK)
        status = batch_print(&summary, graph, is_json, &text, err);
    if (status == ST_OK)
        fwrite(text.data, 1, text.size, stdout);
    if (status == ST_OK && !summary.is_published) {
        status = error_set(err, ERR_NO, "run %.*s was not published: %.*s", STR_PRINTF(summary.run_id), STR_PRINTF(summary.gate));
        error_hint(err, "its counts and quarantine are kept: heddle runs show %.*s", STR_PRINTF(summary.run_id));
    }
    if (status == ST_OK && summary.copy_error.code != ERR_NONE) {
        *err   = summary.copy_error;
        status = ST_ERROR;
    }
    str_builder_release(&text);
    batch_summary_release(&summary);
    return status;
}

enum status
batch_logical_date(struct str text, int32_t *ret_date, struct error *err)
{
    if (text.size == 0) {
        *ret_date = time_to_date(clock_now_us(process_clock()));
        return ST_OK;
    }
    if (date_parse(text, ret_date))
        return ST_OK;
    error_set(err, ERR_USAGE, "--for is not a date");
    error_hint(err, "write it as 2026-03-02");
    return ST_ERROR;
}

enum status
batch_open(const struct graph *graph, struct siphash_key *person_key, struct warehouse **ret_warehouse, struct control **ret_control,
           struct error *err)
{
    const struct warehouse_options with      = { io_system(), process_clock(), graph, person_key };
    struct warehouse              *warehouse = NULL;
    enum status                    status    = person_key_obtain(io_system(), graph, person_key, err);

    if (status == ST_OK && !graph->batch.warehouse.encryption.is_encrypted)
        fprintf(stderr, "heddle: the warehouse %.*s is not encrypted (\"encryption\": \"none\")\n", STR_PRINTF(graph->batch.warehouse.path));
    if (status == ST_OK)
        status = warehouse_open(&with, &warehouse, err);
    if (status == ST_OK) {
        const struct control_options asked = { io_system(), process_clock(), graph, warehouse_db(warehouse) };
        status                             = control_start(&asked, ret_control, err);
    }
    if (status != ST_OK) {
        warehouse_close(warehouse);
        return status;
    }
    *ret_warehouse = warehouse;
    return ST_OK;
}

static enum status
run(const struct verb_call *call, struct error *err)
{
    const struct batch_verb_options *given     = call->options;
    struct plan                      plan      = PLAN_EMPTY;
    struct warehouse                *warehouse = NULL;
    struct control                  *control   = NULL;
    struct siphash_key               person_key = { { 0 } };
    int32_t                          logical_date;
    enum status                      status = batch_logical_date(given->logical_date, &logical_date, err);

    if (status == ST_OK)
        status = pipeline_load_argument(call, given->bindings, &plan, err);
    if (status == ST_OK && !plan.graph->has_batch)
        status = error_set(err, ERR_USAGE, "the pipeline has no batch leg");
    if (status == ST_OK)
        status = batch_open(plan.graph, &person_key, &warehouse, &control, err);
    if (status == ST_OK)
        status = run_and_print(warehouse, plan.graph, logical_date, call->is_json, err);
    control_stop(control);
    warehouse_close(warehouse);
    memory_wipe(&person_key, sizeof person_key);
    plan_release(&plan);
    return status;
}

const struct verb verb_batch = {
    .name = "batch",
    .arguments = "PIPELINE",
    .help = "One run of the batch leg: files to the warehouse, whole or not at all.",
    .no_help = "the run was not published: too much was quarantined, or there was no input.",
    .example = "heddle batch pipeline.json --for 2026-03-02",
    .options = &table,
    .reads_pipeline = true,
    .is_stoppable = true,
    .run = run,
};
