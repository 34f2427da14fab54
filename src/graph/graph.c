#include "graph/graph.h"

#include "base/check.h"
#include "base/memory.h"

static const char *const FORMAT_NAMES[GRAPH_FORMAT_COUNT] = { "auto", "csv", "hl7v2", "json", "fhir-r4", "fixed" };
static const char *const TRANSFORM_NAMES[GRAPH_TRANSFORM_COUNT] = { "cleanse", "standardize", "deduplicate",
                                                                    "conform" };
static const char *const KEY_NAMES[GRAPH_WINDOW_KEY_COUNT] = { "facility", "event_type", "code", "unit" };
static const char *const AGGREGATE_NAMES[GRAPH_AGGREGATE_COUNT] = { "event_count", "patient_count", "abnormal_count",
                                                                    "value_min",   "value_avg",     "value_max" };
static const char *const PHI_NAMES[] = { "none", "minimum", "full" };

void
graph_free(struct graph *graph)
{
    if (graph == NULL)
        return;
    /* The graph itself does not lie in its arena: releasing that would take it away under our feet. */
    arena_release(&graph->arena);
    memory_free(graph);
}

const char *
graph_format_name(enum graph_format format)
{
    CHECK(format < GRAPH_FORMAT_COUNT);
    return FORMAT_NAMES[format];
}

const char *
graph_transform_name(enum graph_transform transform)
{
    CHECK(transform < GRAPH_TRANSFORM_COUNT);
    return TRANSFORM_NAMES[transform];
}

const char *
graph_window_key_name(enum graph_window_key key)
{
    CHECK(key < GRAPH_WINDOW_KEY_COUNT);
    return KEY_NAMES[key];
}

const char *
graph_aggregate_name(enum graph_aggregate aggregate)
{
    CHECK(aggregate < GRAPH_AGGREGATE_COUNT);
    return AGGREGATE_NAMES[aggregate];
}

const char *
graph_phi_name(enum graph_phi phi)
{
    CHECK(phi <= GRAPH_PHI_FULL);
    return PHI_NAMES[phi];
}

const char *
graph_route_type_name(enum graph_route_type type)
{
    static const char *const names[] = { "file", "webhook", "alertmanager", "smtp", "kafka" };

    CHECK(type <= GRAPH_ROUTE_KAFKA);
    return names[type];
}

const char *
graph_sasl_name(enum graph_sasl sasl)
{
    static const char *const names[] = { "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI", "OAUTHBEARER" };

    CHECK(sasl < GRAPH_SASL_NONE);
    return names[sasl];
}

bool
graph_route_takes(const struct graph_route *route, struct str rule)
{
    for (size_t i = 0; i < route->rules.count; i++)
        if (str_equal(route->rules.items[i], rule))
            return true;
    return route->rules.count == 0;
}

const struct graph_source *
graph_source_find(const struct graph *graph, struct str name)
{
    if (graph->has_batch)
        for (size_t i = 0; i < graph->batch.source_count; i++)
            if (str_equal(graph->batch.sources[i].name, name))
                return &graph->batch.sources[i];
    if (graph->has_streaming && str_equal(graph->streaming.source.name, name))
        return &graph->streaming.source;
    return NULL;
}
