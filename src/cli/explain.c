/* heddle explain: what a pipeline means: both files with every default written out, the plan as a tree, the SQL of the batch
 * leg; or the JSON Schema of both files. */
#include <stdio.h>

#include "cli/pipeline.h"
#include "model/program.h"

struct explain_options {
    struct str bindings;
    int        as;
    bool       is_schema;
};

enum { AS_ALL, AS_DUCKDB };
static const char *const AS_NAMES[] = { "all", "duckdb", NULL };

static const struct option options[] = {
    PIPELINE_BINDINGS_OPTION(struct explain_options, bindings),
    { .name = "as", .type = OPTION_ENUM, .names = AS_NAMES, .default_text = "all", .help = "All of it, or the SQL of the batch leg alone: duckdb.",
      OPTION_FIELD(struct explain_options, as) },
    { .name = "schema", .type = OPTION_BOOL, .default_text = "false", .help = "Prints the JSON Schema of both files instead; takes no pipeline.",
      OPTION_FIELD(struct explain_options, is_schema) },
};

static const struct option_table table = OPTION_TABLE("explain", options, struct explain_options, .help = "What is to be explained.");

/* ---- The tree ---- */

static void
tree_source(const struct graph_source *source, bool is_last, struct str_builder *out)
{
    const char *bar = is_last ? "   " : "│  ";
    str_builder_printf(out, "│  %s─ source %s\n", is_last ? "└" : "├", source->name.data);
    for (size_t i = 0; i < source->input_count; i++) {
        const struct graph_input *input = &source->inputs[i];
        str_builder_printf(out, "│  %s└─ %s  %s%s%s, system %s, zone %s\n", bar, input->path.data, graph_format_name(input->format),
                           input->mapping.size > 0 ? ", mapping " : "", input->mapping.size > 0 ? input->mapping.data : "",
                           input->system.data, input->zone.data);
    }
}

static void
tree_batch(const struct graph_batch *batch, struct str_builder *out)
{
    str_builder_append_cstr(out, "├─ batch");
    if (batch->has_schedule)
        str_builder_printf(out, ", at \"%s\" in %s", batch->schedule.text.data, batch->schedule.zone.data);
    str_builder_append_char(out, '\n');
    for (size_t i = 0; i < batch->source_count; i++)
        tree_source(&batch->sources[i], false, out);
    for (size_t i = 0; i < GRAPH_TRANSFORM_COUNT; i++)
        str_builder_printf(out, "│  ├─ %s\n", batch->transforms[i].name.data);
    str_builder_printf(out, "│  ├─ gate: at most %lld.%02lld %% quarantined%s\n", (long long)(batch->gates.quarantined_max / 10000),
                       (long long)(batch->gates.quarantined_max / 100 % 100), batch->gates.is_no_input_accepted ? "" : ", and some input");
    str_builder_printf(out, "│  └─ warehouse %s at %s, %s\n", batch->warehouse.name.data, batch->warehouse.path.data,
                       batch->warehouse.encryption.is_encrypted ? "encrypted" : "not encrypted");
    if (batch->warehouse.publish.is_bound)
        str_builder_printf(out, "│     └─ then a copy of it for others to read, at %s\n", batch->warehouse.publish.path.data);
}

static void
tree_window(const struct graph_window *window, struct str_builder *out)
{
    str_builder_printf(out, "│  ├─ %s: every %lld s, up to %lld s late, by", window->step.name.data, (long long)(window->size_us / 1000000),
                       (long long)(window->lateness_us / 1000000));
    for (int i = 0; i < GRAPH_WINDOW_KEY_COUNT; i++)
        if (window->has_key[i])
            str_builder_printf(out, " %s", graph_window_key_name((enum graph_window_key)i));
    str_builder_append_char(out, ':');
    for (int i = 0; i < GRAPH_AGGREGATE_COUNT; i++)
        if (window->has_aggregate[i])
            str_builder_printf(out, " %s", graph_aggregate_name((enum graph_aggregate)i));
    str_builder_append_char(out, '\n');
}

static void
tree_streaming(const struct graph *graph, struct str_builder *out)
{
    const struct graph_streaming *streaming = &graph->streaming;
    str_builder_append_cstr(out, "├─ streaming\n");
    tree_source(&streaming->source, false, out);
    str_builder_printf(out, "│  ├─ %s\n│  ├─ %s\n", streaming->enrich.step.name.data, streaming->validate.step.name.data);
    if (streaming->has_window)
        tree_window(&streaming->window, out);
    for (size_t i = 0; i < streaming->rule_count; i++) {
        const struct rule_pack *rule = model_rule(graph->model, streaming->rules[i].step.name);
        str_builder_printf(out, "│  ├─ rule %s%s\n", streaming->rules[i].step.name.data,
                           rule != NULL && rule->is_approved ? "" : " (in shadow: its limits are not approved, its alerts are not sent)");
    }
    if (streaming->store.type == GRAPH_STORE_POSTGRES)
        str_builder_printf(out, "│  ├─ store %s in PostgreSQL, schema %s\n", streaming->store.name.data, streaming->store.schema.data);
    else
        str_builder_printf(out, "│  ├─ store %s at %s, %s\n", streaming->store.name.data, streaming->store.path.data,
                           streaming->store.encryption.is_encrypted ? "encrypted" : "not encrypted");
    for (size_t i = 0; i < streaming->route_count; i++) {
        const struct graph_route *route = &streaming->routes[i];
        str_builder_printf(out, "│  %s─ route %s to %s, patient data: %s; takes", i + 1 < streaming->route_count ? "├" : "└", route->name.data,
                           route->type == GRAPH_ROUTE_FILE ? route->path.data : route->receiver.url.data, graph_phi_name(route->phi));
        for (size_t r = 0; r < route->rules.count; r++)
            str_builder_printf(out, " %s", route->rules.items[r].data);
        str_builder_append_cstr(out, route->rules.count == 0 ? " every alert\n" : "\n");
    }
}

static void
print_tree(const struct graph *graph, struct str_builder *out)
{
    str_builder_printf(out, "pipeline %s, digest %s\n", graph->name.data, graph->digest.data);
    if (graph->has_batch)
        tree_batch(&graph->batch, out);
    if (graph->has_streaming)
        tree_streaming(graph, out);
    str_builder_printf(out, "└─ %lld %s, epochs of at most %lld ms or %lld rows\n", (long long)graph->runtime.worker_count,
                       graph->runtime.worker_count == 1 ? "worker" : "workers", (long long)(graph->runtime.epoch.interval_us / 1000),
                       (long long)graph->runtime.epoch.row_count_max);
}

/* ---- The SQL ---- */

/* Of the first input that the mapping serves: zone and system are constants in it, so that another input's SQL differs in
 * these alone. */
static const struct graph_input *
first_input(const struct graph_batch *batch, const struct mapping *mapping, const struct graph_source **ret_source)
{
    for (size_t s = 0; s < batch->source_count; s++)
        for (size_t i = 0; i < batch->sources[s].input_count; i++)
            if (plan_input_takes(&batch->sources[s].inputs[i], mapping)) {
                *ret_source = &batch->sources[s];
                return &batch->sources[s].inputs[i];
            }
    return NULL;
}

static enum status
print_mapping(const struct mapping *mapping, const struct graph_source *source, const struct graph_input *input, struct str_builder *out,
              struct error *err)
{
    const struct program_context context = { .system = input->system, .zone = input->zone, .facility = input->facility,
                                             .data_source = input->data_source, .name = source->name, .labels = input->label_text, .has_logical_time = true };
    const struct program_options with    = { .with_key = true, .with_hash = true };
    const struct str             passed[] = { STR_INIT("input"), STR_INIT("position"), STR_INIT("length"), STR_INIT("row_number") };
    struct program              *program = NULL;
    const char                  *from    = NULL;
    struct arena                 arena;
    enum status                  status = program_build(mapping, &context, &with, &program, err);
    arena_init(&arena, 0);
    if (status == ST_OK && (from = arena_printf(&arena, "raw.%s", mapping->name)) == NULL)
        status = error_no_memory(err);
    if (status == ST_OK) {
        str_builder_printf(out, "-- %s of %s: raw.%s to %s\n", mapping->name, source->name.data, mapping->name, mapping->entity->name);
        status = program_print_select(program, str_from(from), passed, 4, out, err);
        str_builder_append_cstr(out, ";\n\n");
    }
    program_free(program);
    arena_release(&arena);
    return status;
}

static enum status
print_sql(const struct graph *graph, struct str_builder *out, struct error *err)
{
    const struct graph_source *source = NULL;
    if (!graph->has_batch)
        return ST_OK;
    for (uint32_t i = 0; i < graph->model->mapping_count; i++) {
        const struct mapping     *mapping = &graph->model->mappings[i];
        const struct graph_input *input   = first_input(&graph->batch, mapping, &source);
        if (input != NULL && mapping->entity != NULL && print_mapping(mapping, source, input, out, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

/* ---- The command ---- */

static void
print_files(const struct graph *graph, struct str_builder *out)
{
    struct json_out json;
    str_builder_append_cstr(out, "// pipeline.json, with all that was left out\n");
    json_out_init(&json, out, 2);
    plan_print_pipeline(graph, &json);
    str_builder_append_cstr(out, "\n\n// bindings.json, with all that was left out\n");
    json_out_init(&json, out, 2);
    plan_print_bindings(graph, &json);
    str_builder_append_cstr(out, "\n\n");
}

static void
print_all_as_json(const struct graph *graph, const struct str_builder *sql, struct str_builder *out)
{
    struct json_out json;
    json_out_init(&json, out, 0);
    json_out_object_begin(&json);
    json_out_key_text(&json, "name", graph->name);
    json_out_key_text(&json, "digest", graph->digest);
    json_out_key(&json, STR("pipeline"));
    plan_print_pipeline(graph, &json);
    json_out_key(&json, STR("bindings"));
    plan_print_bindings(graph, &json);
    json_out_key_text(&json, "sql", str_builder_text(sql));
    json_out_object_end(&json);
    str_builder_append_char(out, '\n');
}

static enum status
explain(const struct verb_call *call, const struct explain_options *given, const struct plan *plan, struct str_builder *out,
        struct error *err)
{
    struct str_builder sql    = STR_BUILDER_EMPTY;
    enum status        status = print_sql(plan->graph, &sql, err);
    if (status == ST_OK && call->is_json) {
        print_all_as_json(plan->graph, &sql, out);
    } else if (status == ST_OK) {
        if (given->as == AS_ALL) {
            print_files(plan->graph, out);
            print_tree(plan->graph, out);
            str_builder_append_cstr(out, "\n");
        }
        str_builder_append(out, str_builder_text(&sql));
    }
    if (status == ST_OK && !str_builder_is_ok(&sql))
        status = error_no_memory(err);
    str_builder_release(&sql);
    return status;
}

static void
print_schema(bool is_json, struct str_builder *out)
{
    struct json_out json;
    json_out_init(&json, out, is_json ? 0 : 2);
    plan_print_schema(&json);
    str_builder_append_char(out, '\n');
}

static enum status
run(const struct verb_call *call, struct error *err)
{
    const struct explain_options *given  = call->options;
    struct str_builder            out    = STR_BUILDER_EMPTY;
    struct plan                   plan   = PLAN_EMPTY;
    enum status                   status = ST_OK;
    if (given->is_schema)
        print_schema(call->is_json, &out);
    else if ((status = pipeline_load_argument(call, given->bindings, &plan, err)) == ST_OK)
        status = explain(call, given, &plan, &out, err);
    if (status == ST_OK)
        status = str_builder_status(&out, err);
    if (status == ST_OK)
        fputs(str_builder_cstr(&out), stdout);
    str_builder_release(&out);
    plan_release(&plan);
    return status;
}

const struct verb verb_explain = {
    .name = "explain",
    .arguments = "PIPELINE",
    .help = "Writes both files out in full, the plan as a tree, and the SQL of the batch leg.",
    .example = "heddle explain pipeline.json --as duckdb",
    .options = &table,
    .reads_pipeline = true,
    .run = run,
};
