#include "plan/plan.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/memory.h"
#include "io/file.h"
#include "io/process.h"
#include "io/walk.h"
#include "plan/long_form_int.h"
#include "plan/plan_int.h"

/* ---- Reading ---- */

/* "a/b/c.json" to "a/b"; "" where there is no folder. */
static struct str
folder_of(struct str path)
{
    size_t slash = str_find_last_byte(path, '/');
    return str_slice(path, 0, slash == STR_NOT_FOUND ? 0 : slash);
}

/* Reads and parses one file; the name in the arena serves its errors from then on. */
static enum status
read_document(struct builder *builder, const char *path, struct document *document, struct error *err)
{
    char       *bytes = NULL;
    size_t      size;
    struct str  name;
    enum status status;

    if (!arena_text(builder->arena, str_from(path), &name))
        return error_no_memory(err);
    document->binder = (struct config_binder){ name.data, builder->arena, builder->errors };
    status           = io_file_read(builder->io, path, FILE_TEXT_SIZE_MAX, &bytes, &size, err);
    if (status != ST_OK)
        return status;
    status = json_parse(str_of(bytes, size), document->binder.file, builder->arena, &document->root, err);
    memory_free(bytes);
    return status;
}

/* The bindings where none are named: beside the pipeline, else in the current folder. */
static enum status
read_bindings(struct builder *builder, const struct plan_request *request, struct error *err)
{
    if (request->bindings_path != NULL)
        return read_document(builder, request->bindings_path, &builder->bindings, err);

    struct str  folder = folder_of(str_from(request->pipeline_path));
    const char *beside = folder.size > 0 || request->pipeline_path[0] == '/'
                             ? arena_printf(builder->arena, "%.*s/bindings.json", STR_PRINTF(folder))
                             : "bindings.json";
    if (beside == NULL)
        return error_no_memory(err);
    if (read_document(builder, beside, &builder->bindings, err) == ST_OK)
        return ST_OK;
    struct error second = ERROR_EMPTY;
    if (err == NULL || err->code != ERR_NOT_FOUND || folder.size == 0)
        return ST_ERROR;
    if (read_document(builder, "bindings.json", &builder->bindings, &second) == ST_OK) {
        error_clear(err);
        return ST_OK;
    }
    if (second.code != ERR_NOT_FOUND)
        *err = second;
    else
        error_hint(err, "name the bindings with --bindings FILE");
    return ST_ERROR;
}

static enum status
read_files(struct builder *builder, const struct plan_request *request, struct error *err)
{
    struct graph *graph           = builder->graph;
    enum status   status_pipeline = read_document(builder, request->pipeline_path, &builder->pipeline, err);

    if (status_pipeline != ST_OK) {
        /* Both files are read, so that a check tells what is wrong with both. A file that is not there ends it. */
        if (err->code != ERR_CONFIG)
            return ST_ERROR;
        config_errors_add(builder->errors, err);
        error_clear(err);
    }
    if (read_bindings(builder, request, err) != ST_OK)
        return ST_ERROR;
    if (process_absolute_path(str_from(builder->pipeline.binder.file), builder->arena, &graph->pipeline_file, err) != ST_OK ||
        process_absolute_path(str_from(builder->bindings.binder.file), builder->arena, &graph->bindings_file, err) != ST_OK)
        return ST_ERROR;
    if (!arena_text(builder->arena, folder_of(graph->bindings_file), &graph->bindings_folder))
        return error_no_memory(err);
    return status_pipeline;
}

static enum status
apply_sets(struct builder *builder, const struct plan_request *request, struct error *err)
{
    for (size_t i = 0; i < request->set_count; i++) {
        bool               is_pipeline;
        const struct json *root;
        if (plan_set(str_from(request->sets[i]), builder->pipeline.root, builder->bindings.root, builder->arena,
                     &is_pipeline, &root, err) != ST_OK)
            return ST_ERROR;
        if (is_pipeline)
            builder->pipeline.root = root;
        else
            builder->bindings.root = root;
    }
    return ST_OK;
}

/* ---- Who and where ---- */

/* The folder that pipeline.json is in: it goes with the files, and most sites have named it after what it does. */
static struct str
default_name(const struct graph *graph)
{
    struct str folder = folder_of(graph->pipeline_file);
    size_t     slash  = str_find_last_byte(folder, '/');
    return str_slice(folder, slash == STR_NOT_FOUND ? 0 : slash + 1, folder.size);
}

static void
plan_name(struct builder *builder, const struct json *place)
{
    struct graph             *graph = builder->graph;
    const struct site_config *site  = &builder->bindings_config.pipeline;
    struct str                name  = site->has_name ? site->name : default_name(graph);

    graph->is_name_given = site->has_name;
    if (!plan_check_name(&builder->bindings, config_value_of(place, &SITE_TABLE, "name"), "a pipeline", name) ||
        !plan_text(builder, name, &graph->name))
        return;
    const char *system = arena_printf(builder->arena, "urn:heddle:%.*s", STR_PRINTF(name));
    if (system == NULL)
        plan_no_memory(builder);
    else
        graph->system = str_from(system);
}

static void
plan_site(struct builder *builder)
{
    struct graph             *graph = builder->graph;
    const struct site_config *site  = &builder->bindings_config.pipeline;
    const struct json        *place = json_find(builder->bindings.root, "pipeline");

    if (place == NULL)
        place = builder->bindings.root;
    plan_name(builder, place);
    plan_text(builder, site->environment, &graph->environment);
    plan_text(builder, site->facility, &graph->facility);
    plan_text(builder, site->owner, &graph->owner);
    /* Kept also where it is wrong: one complaint is enough, and not another for each input that has no zone of its own. */
    if (site->zone.size > 0) {
        plan_zone(builder, &builder->bindings, config_value_of(place, &SITE_TABLE, "zone"), site->zone);
        plan_text(builder, site->zone, &graph->zone);
    }
    plan_path(builder, site->audit, &graph->audit_path);
    plan_secret(builder, site->person_key, config_value_of(place, &SITE_TABLE, "person_key"), &graph->person_key);
}

static void
plan_runtime(struct builder *builder)
{
    const struct runtime_config *config  = &builder->bindings_config.runtime;
    struct graph_runtime        *runtime = &builder->graph->runtime;
    int64_t                      machine = process_cpu_count();

    runtime->is_worker_count_given = config->workers > 0;
    runtime->worker_count          = config->workers > 0                 ? config->workers
                                     : machine < PLAN_WORKER_COUNT_MAX ? machine
                                                                         : PLAN_WORKER_COUNT_MAX;
    runtime->chunk_row_count_max    = config->chunk_rows;
    runtime->warehouse_memory_bytes = config->memory;
    runtime->temp_space_bytes       = config->temp_space;
    runtime->ahead_us               = config->ahead;
    runtime->state_bytes_max        = config->state;
    runtime->epoch.interval_us      = config->epoch.interval;
    runtime->epoch.row_count_max    = config->epoch.rows;
}

/* ---- Checks over the whole ---- */

struct output {
    const char                *what;
    struct str                 path;
    const struct graph_origin *origin;
};

/* What a run writes must not be what the next one reads. */
static void
check_output_source(struct builder *builder, const struct output *output, const struct graph_source *source)
{
    for (size_t i = 0; output->path.size > 0 && i < source->input_count; i++) {
        const struct graph_input *input = &source->inputs[i];
        if (!walk_path_matches(input->path, output->path))
            continue;
        struct error err = ERROR_EMPTY;
        error_set(&err, ERR_CONFIG, "%s would be an input of %.*s: \"%.*s\" matches its path", output->what, STR_PRINTF(source->name),
                  STR_PRINTF(input->path));
        error_hint(&err, "give it a path that no input matches");
        error_at(&err, output->origin->line > 0 ? output->origin->file.data : builder->bindings.binder.file, output->origin->line,
                 output->origin->column);
        config_errors_add(builder->errors, &err);
    }
}

static void
check_output_inputs(struct builder *builder, const struct output *output)
{
    const struct graph *graph = builder->graph;

    for (size_t i = 0; graph->has_batch && i < graph->batch.source_count; i++)
        check_output_source(builder, output, &graph->batch.sources[i]);
    if (graph->has_streaming)
        check_output_source(builder, output, &graph->streaming.source);
}

/* Two things that write one file would each destroy the other's. Routes may share a file. */
static void
check_outputs(struct builder *builder)
{
    static const struct graph_origin NOWHERE = { 0 };
    const struct graph              *graph   = builder->graph;
    struct output                    outputs[5];
    size_t                           count = 0;

    outputs[count++] = (struct output){ "the audit file", graph->audit_path, &NOWHERE };
    if (graph->person_key.kind == GRAPH_SECRET_FILE)
        outputs[count++] = (struct output){ "the person key", graph->person_key.name, &graph->person_key.origin };
    if (graph->has_batch)
        outputs[count++] = (struct output){ "the warehouse", graph->batch.warehouse.path, &graph->batch.warehouse.origin };
    if (graph->has_batch && graph->batch.warehouse.publish.is_bound)
        outputs[count++] = (struct output){ "the warehouse's copy", graph->batch.warehouse.publish.path, &graph->batch.warehouse.publish.origin };
    if (graph->has_streaming)
        outputs[count++] = (struct output){ "the store", graph->streaming.store.path, &graph->streaming.store.origin };
    for (size_t i = 0; i < count + graph->streaming.route_count; i++) {
        const struct graph_route *route = i < count ? NULL : &graph->streaming.routes[i - count];
        struct output             later =
            route ? (struct output){ "alerts", route->path, &route->origin } : outputs[i];
        check_output_inputs(builder, &later);
        for (size_t j = 0; j < i && j < count; j++) {
            if (later.path.size == 0 || !str_equal(outputs[j].path, later.path))
                continue;
            struct error err = ERROR_EMPTY;
            error_set(&err, ERR_CONFIG, "%s and %s would be the same file", outputs[j].what, later.what);
            error_hint(&err, "give each its own path");
            error_at(&err, later.origin->line > 0 ? later.origin->file.data : builder->bindings.binder.file,
                     later.origin->line, later.origin->column);
            config_errors_add(builder->errors, &err);
        }
    }
}

static void
build(struct builder *builder)
{
    const struct json             *root     = json_find(builder->pipeline.root, "pipeline");
    const struct json             *bindings = builder->bindings_config.bindings;
    const struct pipeline_config  *config   = &builder->pipeline_config.pipeline;
    struct graph                  *graph    = builder->graph;

    plan_site(builder);
    plan_runtime(builder);
    builder->roles = ARENA_ARRAY(builder->arena, enum binding_role, bindings->count);
    if (builder->roles == NULL) {
        plan_no_memory(builder);
        return;
    }
    memset(builder->roles, 0, bindings->count * sizeof(*builder->roles));
    if (config->has_batch) {
        graph->has_batch = true;
        plan_batch(builder, json_find(root, "batch"));
    }
    if (config->has_streaming) {
        graph->has_streaming = true;
        plan_streaming(builder, json_find(root, "streaming"));
    }
    if (!config->has_batch && !config->has_streaming && root != NULL && root->type == JSON_OBJECT && root->count == 0)
        error_hint(complain(&builder->pipeline, root, "the pipeline has no leg"), "add \"batch\", \"streaming\", or both");
    check_outputs(builder);
}

/* ---- Notes ---- */

static enum status
list_notes(struct builder *builder, struct graph_names *ret_notes, struct error *err)
{
    const struct json *bindings = builder->bindings_config.bindings;
    struct str        *notes    = ARENA_ARRAY(builder->arena, struct str, (size_t)bindings->count + 2);
    size_t             count    = 0;
    size_t             index    = 0;

    if (notes == NULL)
        return error_no_memory(err);
    for (const struct json *binding = bindings->first; binding; binding = binding->next, index++) {
        if (builder->roles[index] != ROLE_UNUSED)
            continue;
        const char *note = arena_printf(builder->arena, "%s:%u:%u: the pipeline does not use binding \"%.*s\"; it was not checked",
                                        builder->bindings.binder.file, binding->key_line, binding->key_column,
                                        STR_PRINTF(binding->key));
        if (note == NULL)
            return error_no_memory(err);
        notes[count++] = str_from(note);
    }
    if (builder->graph->has_batch && builder->graph->batch.has_schedule)
        notes[count++] = STR("the schedule is checked and explained; this version does not start runs by it");
    *ret_notes = (struct graph_names){ notes, count };
    return ST_OK;
}

/* The configuration as kept with every run, and its digest, to which the model belongs. */
static enum status
write_configuration(struct graph *graph, const struct model *model, struct error *err)
{
    struct str_builder text   = STR_BUILDER_EMPTY;
    struct str_builder hashed = STR_BUILDER_EMPTY;
    enum status        status = ST_ERROR;
    char               digest[HASH128_TEXT_SIZE];

    long_form_print(graph, true, &text);
    long_form_print(graph, false, &hashed);
    hash128_print(model->digest, digest);
    str_builder_append_cstr(&hashed, digest);
    if (!str_builder_is_ok(&text) || !str_builder_is_ok(&hashed)) {
        error_no_memory(err);
        goto out;
    }
    hash128_print(hash128(hashed.data, hashed.size), digest);
    if (!arena_text(&graph->arena, str_builder_text(&text), &graph->configuration) ||
        !arena_text(&graph->arena, str_from(digest), &graph->digest)) {
        error_no_memory(err);
        goto out;
    }
    status = ST_OK;
out:
    str_builder_release(&text);
    str_builder_release(&hashed);
    return status;
}

/* ---- The whole ---- */

/* Both documents are read: binds, resolves, and gives the plan where nothing was wrong. */
static enum status
finish(struct builder *builder, struct plan *ret_plan, struct error *err)
{
    struct model *model = NULL;
    struct plan   plan  = PLAN_EMPTY;

    bool is_bound = config_bind(&builder->pipeline.binder, builder->pipeline.root, &PIPELINE_FILE_TABLE,
                                &builder->pipeline_config);
    is_bound &= config_bind(&builder->bindings.binder, builder->bindings.root, &BINDINGS_FILE_TABLE,
                            &builder->bindings_config);
    if (!builder->errors->has_no_memory)
        model = plan_model(builder, json_find(builder->bindings.root, "model"));
    builder->model = model;
    if (builder->bindings_config.bindings != NULL)
        build(builder);
    if (config_errors_status(builder->errors, err) != ST_OK)
        goto failed;
    CHECK(is_bound && model != NULL);
    builder->graph->model = model;
    if (list_notes(builder, &plan.notes, err) != ST_OK || write_configuration(builder->graph, model, err) != ST_OK)
        goto failed;
    plan.graph = builder->graph;
    plan.model = model;
    *ret_plan  = plan;
    return ST_OK;
failed:
    model_free(model);
    return ST_ERROR;
}

static enum status
builder_init(struct builder *builder, struct io *io, struct config_errors *errors, struct error *err)
{
    struct graph *graph = memory_alloc_zero(sizeof(*graph));
    if (graph == NULL)
        return error_no_memory(err);
    arena_init(&graph->arena, 0);
    *builder = (struct builder){ .io = io, .arena = &graph->arena, .graph = graph, .errors = errors };
    return ST_OK;
}

enum status
plan_load(struct io *io, const struct plan_request *request, struct config_errors *errors, struct plan *ret_plan,
          struct error *err)
{
    struct builder builder;
    struct error   scratch = ERROR_EMPTY;

    if (err == NULL)
        err = &scratch;
    if (builder_init(&builder, io, errors, err) != ST_OK)
        return ST_ERROR;
    builder.request = request;
    if (read_files(&builder, request, err) != ST_OK || apply_sets(&builder, request, err) != ST_OK) {
        if (err->code != ERR_NONE)
            config_errors_add(errors, err);
        config_errors_status(errors, err);
        goto failed;
    }
    if (finish(&builder, ret_plan, err) == ST_OK)
        return ST_OK;
failed:
    graph_free(builder.graph);
    return ST_ERROR;
}

/* One of the two parts of a kept configuration. */
static enum status
part_of(struct builder *builder, const struct json *root, const char *file, const char *name, struct document *document,
        struct error *err)
{
    document->root = json_find(root, name);
    if (document->root == NULL)
        return json_error(root, file, err, "a kept configuration has the parts \"pipeline\" and \"bindings\"");
    document->binder = (struct config_binder){ file, builder->arena, builder->errors };
    return ST_OK;
}

enum status
plan_load_text(struct io *io, struct str configuration, const char *file, struct config_errors *errors,
               struct plan *ret_plan, struct error *err)
{
    struct builder     builder;
    const struct json *root;
    struct str         name;

    if (builder_init(&builder, io, errors, err) != ST_OK)
        return ST_ERROR;
    if (!arena_text(builder.arena, str_from(file), &name)) {
        error_no_memory(err);
        goto failed;
    }
    /* All paths in it are absolute. */
    builder.graph->pipeline_file = builder.graph->bindings_file = name;
    builder.graph->bindings_folder                              = STR("/");
    if (json_parse(configuration, name.data, builder.arena, &root, err) == ST_OK &&
        part_of(&builder, root, name.data, "pipeline", &builder.pipeline, err) == ST_OK &&
        part_of(&builder, root, name.data, "bindings", &builder.bindings, err) == ST_OK &&
        finish(&builder, ret_plan, err) == ST_OK)
        return ST_OK;
failed:
    graph_free(builder.graph);
    return ST_ERROR;
}

void
plan_release(struct plan *plan)
{
    graph_free(plan->graph);
    model_free(plan->model);
    *plan = PLAN_EMPTY;
}
