/* heddle check: whether a pipeline would start, without starting it. */
#include <stdio.h>

#include "cli/against.h"
#include "cli/connect.h"
#include "cli/pipeline.h"

struct check_options {
    struct str bindings;
    bool       is_connecting;
    struct str against;
};

static const struct option options[] = {
    PIPELINE_BINDINGS_OPTION(struct check_options, bindings),
    { .name = "connect", .type = OPTION_BOOL, .default_text = "false", .help = "Also opens what the bindings point to, and changes nothing.",
      OPTION_FIELD(struct check_options, is_connecting) },
    { .name = "against", .type = OPTION_TEXT, .max = PLAN_NAME_SIZE_MAX,
      .help = "The pipeline's store: also tells which steps keep the state that they have there, which lose it and which begin. The exit code is 1 where some would be lost.",
      OPTION_FIELD(struct check_options, against) },
};

static const struct option_table table = OPTION_TABLE("check", options, struct check_options, .help = "Where the bindings are.");

static void
print_text(const struct graph *graph, const struct plan *plan, bool is_verbose)
{
    printf("pipeline %.*s is right", STR_PRINTF(graph->name));
    if (graph->has_batch)
        printf(": %zu %s into %.*s", graph->batch.source_count, graph->batch.source_count == 1 ? "source" : "sources",
               STR_PRINTF(graph->batch.warehouse.name));
    if (graph->has_streaming)
        printf("%s %.*s into %.*s, %zu %s", graph->has_batch ? ";" : ":", STR_PRINTF(graph->streaming.source.name),
               STR_PRINTF(graph->streaming.store.name), graph->streaming.rule_count,
               graph->streaming.rule_count == 1 ? "rule" : "rules");
    printf("\n");
    if (graph->has_batch && !graph->batch.warehouse.encryption.is_encrypted)
        printf("note: %.*s is not encrypted\n", STR_PRINTF(graph->batch.warehouse.name));
    for (size_t i = 0; i < plan->notes.count; i++)
        printf("note: %.*s\n", STR_PRINTF(plan->notes.items[i]));
    if (is_verbose)
        printf("pipeline: %s\nbindings: %s\ndigest:   %s\n", graph->pipeline_file.data, graph->bindings_file.data, graph->digest.data);
}

static void
print_connections(const struct connections *connections)
{
    char text[ERROR_TEXT_SIZE];
    for (size_t i = 0; i < connections->count; i++) {
        const struct connection *item = &connections->items[i];
        if (item->err.code == ERR_NONE) {
            printf("%.*s: %.*s: %.*s\n", STR_PRINTF(item->what), STR_PRINTF(item->where), STR_PRINTF(item->found));
            continue;
        }
        error_print(&item->err, text, sizeof(text));
        printf("%.*s: %.*s: %s\n", STR_PRINTF(item->what), STR_PRINTF(item->where), text);
    }
}

static void
print_connections_json(const struct connections *connections, struct json_out *json)
{
    char text[ERROR_TEXT_SIZE];
    json_out_key_array(json, "connections");
    for (size_t i = 0; i < connections->count; i++) {
        const struct connection *item = &connections->items[i];
        json_out_object_begin(json);
        json_out_key_text(json, "what", item->what);
        json_out_key_text(json, "where", item->where);
        json_out_key_bool(json, "is_right", item->err.code == ERR_NONE);
        if (item->err.code == ERR_NONE) {
            json_out_key_text(json, "found", item->found);
        } else {
            json_out_key(json, STR("error"));
            json_out_raw(json, str_of(text, error_print_json(&item->err, text, sizeof(text))));
        }
        json_out_object_end(json);
    }
    json_out_array_end(json);
}

static enum status
print_json(const struct graph *graph, const struct plan *plan, const struct connections *connections, const struct live_carry *carry, struct error *err)
{
    struct str_builder text = STR_BUILDER_EMPTY;
    struct json_out    json;
    json_out_init(&json, &text, 0);
    json_out_object_begin(&json);
    json_out_key_bool(&json, "is_right", connections == NULL || connections->wrong_count == 0);
    json_out_key_text(&json, "pipeline", graph->name);
    json_out_key_text(&json, "digest", graph->digest);
    json_out_key_array(&json, "notes");
    for (size_t i = 0; i < plan->notes.count; i++)
        json_out_text(&json, plan->notes.items[i]);
    json_out_array_end(&json);
    if (connections != NULL)
        print_connections_json(connections, &json);
    if (carry != NULL)
        against_print_json(carry, &json);
    json_out_object_end(&json);
    printf("%s\n", str_builder_cstr(&text));
    enum status status = str_builder_status(&text, err);
    str_builder_release(&text);
    return status;
}

/* The exit code is that of the first connection that is wrong; what is wrong has been told. */
static enum status
first_wrong(const struct connections *connections, struct error *err)
{
    for (size_t i = 0; i < connections->count; i++)
        if (connections->items[i].err.code != ERR_NONE) {
            *err            = connections->items[i].err;
            err->message[0] = '\0';
            return ST_ERROR;
        }
    return ST_OK;
}

static enum status
run(const struct verb_call *call, struct error *err)
{
    const struct check_options *given       = call->options;
    struct plan                 plan        = PLAN_EMPTY;
    struct connections          connections = { 0 };
    struct live_carry           carry       = { .count = 0 };
    const bool                  is_against  = given->against.size > 0;
    struct arena                arena;
    arena_init(&arena, 0);
    enum status status = pipeline_load_argument(call, given->bindings, &plan, err);
    if (status == ST_OK && given->is_connecting)
        status = connect_all(io_system(), plan.graph, &arena, &connections, err);
    if (status == ST_OK && is_against)
        status = against_find(&(struct ask){ .plan = plan }, given->against, &arena, &carry, err);
    if (status == ST_OK && call->is_json) {
        status = print_json(plan.graph, &plan, given->is_connecting ? &connections : NULL, is_against ? &carry : NULL, err);
    } else if (status == ST_OK) {
        print_text(plan.graph, &plan, call->is_verbose);
        print_connections(&connections);
        if (is_against)
            against_print(&carry, given->against);
    }
    if (status == ST_OK)
        status = first_wrong(&connections, err);
    if (status == ST_OK)
        status = against_check(&carry, err);
    plan_release(&plan);
    arena_release(&arena);
    return status;
}

const struct verb verb_check = {
    .name = "check",
    .arguments = "PIPELINE",
    .help = "Tells all that is wrong with a pipeline and its bindings, without opening what they point to.",
    .example = "heddle check pipeline.json --connect",
    .options = &table,
    .reads_pipeline = true,
    .run = run,
};
