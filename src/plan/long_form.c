/* The long form of both files, written from the graph: every default filled in, every path absolute. */
#include "base/options.h"
#include "base/time.h"
#include "plan/long_form_int.h"
#include "plan/plan.h"
#include "plan/tables_int.h"

static void
key_duration(struct json_out *json, const char *key, int64_t duration_us)
{
    char text[DURATION_TEXT_SIZE];
    json_out_key_text(json, key, str_of(text, duration_print(duration_us, text)));
}

/* What was not given and has no default is left out: writing it would say something else. */
static void
key_given(struct json_out *json, const char *key, struct str text)
{
    if (text.size > 0)
        json_out_key_text(json, key, text);
}

static void
key_names(struct json_out *json, const char *key, const struct graph_names *names)
{
    json_out_key_array(json, key);
    for (size_t i = 0; i < names->count; i++)
        json_out_text(json, names->items[i]);
    json_out_array_end(json);
}

/* ---- pipeline.json ---- */

static void
print_step_begin(struct json_out *json, const char *kind, const struct graph_step *step)
{
    json_out_object_begin(json);
    json_out_key_object(json, kind);
    json_out_key_text(json, "name", step->name);
}

static void
print_step_end(struct json_out *json)
{
    json_out_object_end(json);
    json_out_object_end(json);
}

/* An empty text is what was not given. */
static void
print_given(struct json_out *json, const char *key, struct str text)
{
    if (text.size > 0)
        json_out_key_text(json, key, text);
}

static void
print_cleanse_rules(const struct graph_batch *batch, struct json_out *json)
{
    json_out_key_array(json, "rules");
    for (size_t i = 0; i < batch->cleanse_rule_count; i++) {
        const struct graph_cleanse_rule *rule = &batch->cleanse_rules[i];
        json_out_object_begin(json);
        json_out_key_text(json, "entity", rule->entity);
        json_out_key_text(json, "column", rule->column);
        print_given(json, "repair", rule->repair);
        print_given(json, "on_bad", rule->on_bad);
        print_given(json, "that", rule->that);
        print_given(json, "reason", rule->reason);
        print_given(json, "action", rule->action);
        json_out_object_end(json);
    }
    json_out_array_end(json);
}

static void
print_batch(const struct graph_batch *batch, struct json_out *json)
{
    json_out_key_object(json, "batch");
    if (batch->has_schedule) {
        json_out_key_object(json, "schedule");
        json_out_key_text(json, "cron", batch->schedule.text);
        json_out_key_text(json, "zone", batch->schedule.zone);
        json_out_object_end(json);
    }
    json_out_key_array(json, "sources");
    for (size_t i = 0; i < batch->source_count; i++)
        json_out_text(json, batch->sources[i].name);
    json_out_array_end(json);
    json_out_key_array(json, "transforms");
    for (size_t i = 0; i < GRAPH_TRANSFORM_COUNT; i++) {
        print_step_begin(json, graph_transform_name((enum graph_transform)i), &batch->transforms[i]);
        if (i == GRAPH_CLEANSE && batch->cleanse_rule_count > 0)
            print_cleanse_rules(batch, json);
        print_step_end(json);
    }
    json_out_array_end(json);
    json_out_key_object(json, "gates");
    json_out_key(json, STR("quarantined_max"));
    json_out_decimal(json, batch->gates.quarantined_max, 6);
    json_out_key_cstr(json, "no_input", batch->gates.is_no_input_accepted ? "accept" : "refuse");
    json_out_object_end(json);
    json_out_key_text(json, "sink", batch->warehouse.name);
    json_out_object_end(json);
}

static void
print_window(const struct graph_window *window, struct json_out *json)
{
    json_out_key_object(json, "windows");
    json_out_key_text(json, "name", window->step.name);
    json_out_key_cstr(json, "type", "tumbling");
    key_duration(json, "size", window->size_us);
    key_duration(json, "offset", window->offset_us);
    key_duration(json, "lateness", window->lateness_us);
    key_duration(json, "disorder", window->disorder_us);
    json_out_key_array(json, "keys");
    for (size_t i = 0; i < GRAPH_WINDOW_KEY_COUNT; i++)
        if (window->has_key[i])
            json_out_text(json, str_from(graph_window_key_name((enum graph_window_key)i)));
    json_out_array_end(json);
    json_out_key_array(json, "aggregates");
    for (size_t i = 0; i < GRAPH_AGGREGATE_COUNT; i++)
        if (window->has_aggregate[i])
            json_out_text(json, str_from(graph_aggregate_name((enum graph_aggregate)i)));
    json_out_array_end(json);
    json_out_object_end(json);
}

/* The store, then each alerting service once: routes of one binding stand together. */
static void
print_streaming_sinks(const struct graph_streaming *streaming, struct json_out *json)
{
    json_out_key_array(json, "sink");
    json_out_text(json, streaming->store.name);
    for (size_t i = 0; i < streaming->route_count; i++)
        if (i == 0 || !str_equal(streaming->routes[i].binding, streaming->routes[i - 1].binding))
            json_out_text(json, streaming->routes[i].binding);
    json_out_array_end(json);
}

static void
print_streaming(const struct graph_streaming *streaming, struct json_out *json)
{
    json_out_key_object(json, "streaming");
    json_out_key_text(json, "source", streaming->source.name);
    json_out_key_array(json, "transforms");
    print_step_begin(json, "enrich_with_patient_master", &streaming->enrich.step);
    json_out_key_cstr(json, "as_of", "epoch");
    print_step_end(json);
    print_step_begin(json, "validate_event", &streaming->validate.step);
    print_step_end(json);
    json_out_array_end(json);
    key_duration(json, "idle_keep", streaming->idle_keep_us);
    if (streaming->has_window)
        print_window(&streaming->window, json);
    if (streaming->rule_count > 0) {
        json_out_key_object(json, "alerts");
        json_out_key_bool(json, "enabled", true);
        json_out_key_array(json, "rules");
        for (size_t i = 0; i < streaming->rule_count; i++)
            json_out_text(json, streaming->rules[i].step.name);
        json_out_array_end(json);
        json_out_object_end(json);
    }
    print_streaming_sinks(streaming, json);
    json_out_object_end(json);
}

void
plan_print_pipeline(const struct graph *graph, struct json_out *json)
{
    json_out_object_begin(json);
    json_out_key_object(json, "pipeline");
    if (graph->has_batch)
        print_batch(&graph->batch, json);
    if (graph->has_streaming)
        print_streaming(&graph->streaming, json);
    json_out_object_end(json);
    json_out_object_end(json);
}

/* ---- bindings.json ---- */

static void
key_secret(struct json_out *json, const char *key, const struct graph_secret *secret)
{
    if (secret->kind != GRAPH_SECRET_NONE)
        json_out_key_text(json, key, secret->text);
}

static void
print_tls(const struct graph_secret *ca, const struct graph_secret *certificate, const struct graph_secret *key, struct json_out *json)
{
    json_out_key_object(json, "tls");
    key_secret(json, "ca", ca);
    key_secret(json, "certificate", certificate);
    key_secret(json, "key", key);
    json_out_object_end(json);
}

static void
print_sasl(const struct graph_kafka *kafka, struct json_out *json)
{
    json_out_key_object(json, "sasl");
    json_out_key_cstr(json, "mechanism", graph_sasl_name(kafka->sasl));
    key_secret(json, "username", &kafka->username);
    key_secret(json, "password", &kafka->password);
    key_given(json, "principal", kafka->principal);
    key_given(json, "keytab", kafka->keytab);
    key_given(json, "service", kafka->service);
    key_given(json, "token_url", kafka->token_url);
    key_given(json, "scope", kafka->scope);
    json_out_object_end(json);
}

static void
print_start(const struct graph_kafka *kafka, struct json_out *json)
{
    json_out_key(json, STR("start"));
    if (kafka->start == GRAPH_START_TIME)
        json_out_time(json, kafka->start_us);
    else
        json_out_text(json, kafka->start == GRAPH_START_LATEST ? STR("latest") : STR("earliest"));
    if (kafka->offset_count == 0)
        return;
    json_out_key_object(json, "offsets");
    for (size_t i = 0; i < kafka->offset_count; i++) {
        json_out_key(json, kafka->offsets[i].partition);
        json_out_int(json, kafka->offsets[i].offset);
    }
    json_out_object_end(json);
}

static void
print_brokers(const struct graph_kafka *kafka, struct json_out *json)
{
    json_out_key_array(json, "brokers");
    struct str_split split = str_split_init(kafka->brokers, ',');
    struct str       broker;
    while (str_split_next(&split, &broker))
        json_out_text(json, broker);
    json_out_array_end(json);
    if (kafka->has_tls)
        print_tls(&kafka->ca, &kafka->certificate, &kafka->key, json);
    else
        json_out_key_cstr(json, "encryption", "none");
    if (kafka->sasl != GRAPH_SASL_NONE)
        print_sasl(kafka, json);
}

static void
print_kafka(const struct graph_kafka *kafka, struct json_out *json)
{
    print_brokers(kafka, json);
    key_names(json, "topics", &kafka->topics);
    print_start(kafka, json);
    json_out_key_text(json, "group", kafka->group);
}

/* What tells when an event was written. */
static void
print_log_time(const struct graph_input *input, struct json_out *json)
{
    const bool is_message = input->type == GRAPH_INPUT_KAFKA && input->is_log_time_beside;
    if (input->type == GRAPH_INPUT_KAFKA && input->log_time.size == 0)
        json_out_key_bool(json, "message_time", false);
    if (input->log_time.size > 0 && !is_message)
        json_out_key_text(json, "log_time", input->log_time);
    if (input->log_time.size > 0)
        key_duration(json, "log_time_skew", input->log_time_skew_us);
}

static void
print_input(const struct graph_input *input, struct json_out *json)
{
    json_out_object_begin(json);
    json_out_key_cstr(json, "type", input->type == GRAPH_INPUT_KAFKA ? "kafka" : "file");
    if (input->type == GRAPH_INPUT_KAFKA)
        print_kafka(&input->kafka, json);
    else
        json_out_key_text(json, "path", input->path);
    json_out_key_cstr(json, "format", graph_format_name(input->format));
    key_given(json, "mapping", input->mapping);
    json_out_key_text(json, "system", input->system);
    json_out_key_text(json, "data_source", input->data_source);
    json_out_key_text(json, "zone", input->zone);
    key_given(json, "facility", input->facility);
    key_names(json, "labels", &input->labels);
    if (input->type == GRAPH_INPUT_FILE)
        key_names(json, "processing_ids", &input->processing_ids);
    json_out_key_text(json, "charset", input->charset.size > 0 ? input->charset : STR("auto"));
    if (input->delimiter != '\0')
        json_out_key_text(json, "delimiter", str_of(&input->delimiter, 1));
    print_log_time(input, json);
    if (input->type == GRAPH_INPUT_FILE)
        json_out_key_cstr(json, "empty", input->is_empty_error ? "error" : "ok");
    json_out_object_end(json);
}

static void
print_source(const struct graph_source *source, struct json_out *json)
{
    json_out_key(json, source->name);
    json_out_object_begin(json);
    json_out_key_array(json, "inputs");
    for (size_t i = 0; i < source->input_count; i++)
        print_input(&source->inputs[i], json);
    json_out_array_end(json);
    json_out_object_end(json);
}

static void
print_database(struct str name, const char *type, struct str path, const struct graph_encryption *encryption,
               const struct graph_publish *publish, struct json_out *json)
{
    json_out_key(json, name);
    json_out_object_begin(json);
    json_out_key_cstr(json, "type", type);
    json_out_key_text(json, "path", path);
    if (encryption->is_encrypted)
        json_out_key_text(json, "key", encryption->key.text);
    json_out_key_cstr(json, "encryption", encryption->is_encrypted ? "key" : "none");
    if (publish != NULL && publish->is_bound) {
        json_out_key_object(json, "publish");
        json_out_key_text(json, "path", publish->path);
        if (publish->encryption.is_encrypted)
            json_out_key_text(json, "key", publish->encryption.key.text);
        json_out_object_end(json);
    }
    json_out_object_end(json);
}

static void
print_store(const struct graph_store *store, struct json_out *json)
{
    if (store->type == GRAPH_STORE_SQLITE) {
        print_database(store->name, "sqlite", store->path, &store->encryption, NULL, json);
        return;
    }
    json_out_key(json, store->name);
    json_out_object_begin(json);
    json_out_key_cstr(json, "type", "postgres");
    json_out_key_text(json, "path", store->path);
    json_out_key_text(json, "conninfo", store->conninfo.text);
    json_out_key_text(json, "schema", store->schema);
    json_out_object_end(json);
}

static void
print_receiver_tls(const struct graph_receiver *receiver, struct json_out *json)
{
    if (receiver->ca.kind == GRAPH_SECRET_NONE && receiver->certificate.kind == GRAPH_SECRET_NONE)
        return;
    print_tls(&receiver->ca, &receiver->certificate, &receiver->key, json);
}

static void
print_topic(const struct graph_receiver *receiver, struct json_out *json)
{
    print_brokers(&receiver->kafka, json);
    json_out_key_text(json, "topic", receiver->topic);
    json_out_key_cstr(json, "format", receiver->form == GRAPH_ALERT_CLOUDEVENTS ? "cloudevents" : "json");
}

static void
print_address(const struct graph_receiver *receiver, struct json_out *json)
{
    json_out_key_text(json, "url", receiver->url);
    if (receiver->header_count > 0)
        json_out_key_object(json, "headers");
    for (size_t i = 0; i < receiver->header_count; i++) {
        const struct graph_header *header = &receiver->headers[i];
        json_out_key(json, header->name);
        json_out_text(json, header->secret.kind != GRAPH_SECRET_NONE ? header->secret.text : header->text);
    }
    if (receiver->header_count > 0)
        json_out_object_end(json);
    key_secret(json, "sign", &receiver->sign);
    if (receiver->to.count > 0) {
        json_out_key_text(json, "from", receiver->from);
        key_names(json, "to", &receiver->to);
        key_secret(json, "user", &receiver->user);
        key_secret(json, "password", &receiver->password);
        json_out_key_int(json, "group", receiver->group_count_max);
    }
    print_receiver_tls(receiver, json);
}

static void
print_receiver(const struct graph_receiver *receiver, struct json_out *json)
{
    if (receiver->topic.size > 0)
        print_topic(receiver, json);
    else
        print_address(receiver, json);
    key_duration(json, "timeout", receiver->timeout_us);
    if (receiver->rate_count > 0) {
        json_out_key_object(json, "rate");
        json_out_key_int(json, "max", receiver->rate_count);
        key_duration(json, "per", receiver->rate_per_us);
        json_out_object_end(json);
    }
}

static void
print_route(const struct graph_route *route, struct json_out *json)
{
    json_out_object_begin(json);
    if (route->rules.count > 0)
        key_names(json, "rules", &route->rules);
    json_out_key_cstr(json, "type", graph_route_type_name(route->type));
    if (route->type == GRAPH_ROUTE_FILE)
        json_out_key_text(json, "path", route->path);
    else
        print_receiver(&route->receiver, json);
    json_out_key_cstr(json, "phi", graph_phi_name(route->phi));
    json_out_key_object(json, "retry");
    key_duration(json, "first", route->retry_first_us);
    key_duration(json, "max", route->retry_max_us);
    key_duration(json, "give_up", route->give_up_us);
    json_out_object_end(json);
    json_out_object_end(json);
}

static void
print_routes(const struct graph_streaming *streaming, struct json_out *json)
{
    for (size_t i = 0; i < streaming->route_count;) {
        struct str binding = streaming->routes[i].binding;
        json_out_key(json, binding);
        json_out_object_begin(json);
        json_out_key_array(json, "routes");
        for (; i < streaming->route_count && str_equal(streaming->routes[i].binding, binding); i++)
            print_route(&streaming->routes[i], json);
        json_out_array_end(json);
        json_out_object_end(json);
    }
}

static void
print_site(const struct graph *graph, struct json_out *json)
{
    json_out_key_object(json, "pipeline");
    json_out_key_text(json, "name", graph->name);
    key_given(json, "environment", graph->environment);
    key_given(json, "zone", graph->zone);
    key_given(json, "facility", graph->facility);
    key_given(json, "owner", graph->owner);
    json_out_key_text(json, "person_key", graph->person_key.text);
    json_out_key_text(json, "audit", graph->audit_path);
    json_out_object_end(json);
}

static void
print_runtime(const struct graph *graph, struct json_out *json)
{
    const struct graph_runtime *runtime = &graph->runtime;

    json_out_key_object(json, "runtime");
    json_out_key_int(json, "workers", runtime->is_worker_count_given ? runtime->worker_count : 0);
    json_out_key_int(json, "chunk_rows", runtime->chunk_row_count_max);
    json_out_key_int(json, "memory", runtime->warehouse_memory_bytes);
    json_out_key_int(json, "temp_space", runtime->temp_space_bytes);
    key_duration(json, "ahead", runtime->ahead_us);
    json_out_key_int(json, "state", runtime->state_bytes_max);
    json_out_key_object(json, "epoch");
    key_duration(json, "interval", runtime->epoch.interval_us);
    json_out_key_int(json, "rows", runtime->epoch.row_count_max);
    json_out_object_end(json);
    json_out_object_end(json);
}

/* A source that both legs read is bound once. */
static void
print_bindings(const struct graph *graph, bool with_runtime, struct json_out *json)
{
    const struct graph_batch     *batch     = &graph->batch;
    const struct graph_streaming *streaming = &graph->streaming;

    json_out_object_begin(json);
    json_out_key_int(json, "version", 1);
    key_names(json, "model", &graph->model_patterns);
    print_site(graph, json);
    if (with_runtime)
        print_runtime(graph, json);
    json_out_key_object(json, "bindings");
    for (size_t i = 0; i < batch->source_count; i++)
        print_source(&batch->sources[i], json);
    if (graph->has_batch)
        print_database(batch->warehouse.name, "duckdb", batch->warehouse.path, &batch->warehouse.encryption, &batch->warehouse.publish, json);
    if (graph->has_streaming) {
        if (graph_source_find(graph, streaming->source.name) == &streaming->source)
            print_source(&streaming->source, json);
        print_store(&streaming->store, json);
        print_routes(streaming, json);
    }
    json_out_object_end(json);
    json_out_object_end(json);
}

void
plan_print_bindings(const struct graph *graph, struct json_out *json)
{
    print_bindings(graph, true, json);
}

void
long_form_print(const struct graph *graph, bool with_runtime, struct str_builder *out)
{
    struct json_out json;

    json_out_init(&json, out, 0);
    json_out_object_begin(&json);
    json_out_key(&json, STR("pipeline"));
    plan_print_pipeline(graph, &json);
    json_out_key(&json, STR("bindings"));
    print_bindings(graph, with_runtime, &json);
    json_out_object_end(&json);
}
