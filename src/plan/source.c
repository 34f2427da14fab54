/* A binding that a leg reads: its inputs. */
#include "base/suggest.h"
#include "format/decoder.h"
#include "plan/plan_int.h"

static const char *const NOT_BUILT_TYPES[] = { "postgres", "mllp", "http", "s3", "sftp", "generate", NULL };
static const char *const NOT_BUILT_FORMATS[] = { "x12", "c-cda", "parquet", NULL };

static const struct json *
at(const struct json *value, const char *name)
{
    return config_value_of(value, &INPUT_TABLE, name);
}

/* ---- Path ---- */

static bool
is_wild(struct str part)
{
    for (size_t i = 0; i < part.size; i++)
        if (part.data[i] == '*' || part.data[i] == '?' || part.data[i] == '[')
            return true;
    return false;
}

/* Folders before the first part with a wildcard are the root; the rest, at least the last part, is the pattern. */
static bool
split_path(struct builder *builder, struct str path, struct graph_input *input)
{
    size_t begin = 1;
    for (;;) {
        size_t size = str_find_byte(str_slice(path, begin, path.size), '/');
        if (size == STR_NOT_FOUND || is_wild(str_slice(path, begin, begin + size)))
            break;
        begin += size + 1;
    }
    return plan_text(builder, begin == 1 ? STR("/") : str_slice(path, 0, begin - 1), &input->root) &&
           plan_text(builder, str_slice(path, begin, path.size), &input->pattern);
}

/* A wildcard in the folder of the bindings is a name, not a wildcard: "[*]" means the star itself. */
static bool
escape_folder(struct builder *builder, struct str folder, struct str *ret_escaped)
{
    char *out = arena_alloc(builder->arena, folder.size * 3 + 1, 1);
    if (out == NULL)
        return plan_no_memory(builder);
    size_t size = 0;
    for (size_t i = 0; i < folder.size; i++) {
        bool is_special = is_wild(str_slice(folder, i, i + 1));
        if (is_special)
            out[size++] = '[';
        out[size++] = folder.data[i];
        if (is_special)
            out[size++] = ']';
    }
    out[size]    = '\0';
    *ret_escaped = str_of(out, size);
    return true;
}

static bool
resolve_path(struct builder *builder, const struct input_config *config, struct graph_input *input)
{
    struct str folder  = builder->graph->bindings_folder;
    struct str written = config->path;

    if (str_starts_with(written, STR("/")) || !is_wild(folder))
        return plan_path(builder, written, &input->path) && split_path(builder, input->path, input);
    if (!escape_folder(builder, folder, &folder))
        return false;
    const char *joined = arena_printf(builder->arena, "%.*s/%.*s", STR_PRINTF(folder), STR_PRINTF(written));
    if (joined == NULL)
        return plan_no_memory(builder);
    input->root = builder->graph->bindings_folder;
    return plan_path(builder, str_from(joined), &input->path) && plan_text(builder, written, &input->pattern);
}

/* ---- Format and mapping ---- */

/* What the names of several mappings begin with: "synthea" of synthea_patients. */
static struct str
family_of(const char *mapping)
{
    struct str name = str_from(mapping);
    size_t     end  = str_find_byte(name, '_');
    return str_slice(name, 0, end == STR_NOT_FOUND ? name.size : end);
}

static bool
mapping_fits(const struct mapping *mapping, struct str wanted)
{
    return str_equal(str_from(mapping->name), wanted) || str_equal(family_of(mapping->name), wanted);
}

bool
plan_input_takes(const struct graph_input *input, const struct mapping *mapping)
{
    if (input->mapping.size > 0 && !mapping_fits(mapping, input->mapping))
        return false;
    return input->format == GRAPH_FORMAT_AUTO ||
           str_equal(str_from(graph_format_name(input->format)), str_from(model_format_name(mapping->format)));
}

static bool
check_mapping(struct builder *builder, const struct json *value, const struct graph_input *input)
{
    struct suggestion suggestion = suggestion_init(input->mapping);
    const char       *other      = NULL;

    if (input->mapping.size == 0 || builder->model == NULL)
        return true;
    for (uint32_t i = 0; i < builder->model->mapping_count; i++) {
        const struct mapping *mapping = &builder->model->mappings[i];
        const char           *format  = model_format_name(mapping->format);
        suggestion_offer(&suggestion, str_from(mapping->name));
        suggestion_offer(&suggestion, family_of(mapping->name));
        if (!mapping_fits(mapping, input->mapping))
            continue;
        if (input->format == GRAPH_FORMAT_AUTO || str_equal(str_from(format), str_from(graph_format_name(input->format))))
            return true;
        other = format;
    }
    if (other != NULL) {
        complain(&builder->bindings, at(value, "mapping"), "mapping \"%.*s\" is of format %s, not %s",
                 STR_PRINTF(input->mapping), other, graph_format_name(input->format));
        return false;
    }
    struct error *kept = complain(&builder->bindings, at(value, "mapping"), "there is no mapping \"%.*s\"",
                                  STR_PRINTF(input->mapping));
    error_hint(kept, "name a file of model/mappings, or add one by \"model\"");
    suggestion_hint(&suggestion, kept);
    return false;
}

/* Why no row of the mapping could be an event; NULL: it can. Its events would all be dead letters, or one record several events
 * of one identity, and that only at run time. */
static const char *
why_no_event(const struct mapping *mapping)
{
    if (mapping->event_id.text.size == 0 && mapping_field_find(mapping, "event_id") < 0)
        return "gives no event_id, so that its events cannot be told from their repeats";
    if (mapping->each_count > 0)
        return "makes several rows of a record (\"each\"), and an event is one";
    return NULL;
}

static bool
check_events(struct builder *builder, const struct json *value, const struct graph_input *input)
{
    bool is_ok = true;
    for (uint32_t i = 0; builder->model != NULL && i < builder->model->mapping_count; i++) {
        const struct mapping *mapping = &builder->model->mappings[i];
        const char           *why     = plan_input_takes(input, mapping) ? why_no_event(mapping) : NULL;
        if (why == NULL)
            continue;
        error_hint(complain(&builder->bindings, input->mapping.size > 0 ? at(value, "mapping") : value, "mapping \"%s\" %s", mapping->name, why),
                   "change %s, or name the mappings of this input by \"mapping\"", mapping->file);
        is_ok = false;
    }
    return is_ok;
}

static bool
is_format_not_built(struct builder *builder, const struct json *value)
{
    const struct json *format = json_find(value, "format");
    for (size_t i = 0; format != NULL && format->type == JSON_TEXT && NOT_BUILT_FORMATS[i] != NULL; i++)
        if (str_equal(format->text, str_from(NOT_BUILT_FORMATS[i]))) {
            error_hint(complain(&builder->bindings, format, "format \"%s\" is not in this version", NOT_BUILT_FORMATS[i]),
                       "this version has csv, hl7v2, json, fhir-r4 and fixed");
            return true;
        }
    return false;
}

/* The live leg reads JSON lines. */
static bool
settle_event_format(struct builder *builder, const struct json *value, struct graph_input *input)
{
    if (input->format == GRAPH_FORMAT_AUTO)
        input->format = GRAPH_FORMAT_JSON;
    if (input->format == GRAPH_FORMAT_JSON)
        return true;
    error_hint(complain(&builder->bindings, at(value, "format"), "an event log of format %s is not in this version",
                        graph_format_name(input->format)),
               "this version has json: one event a line");
    return false;
}

/* ---- The rest ---- */

static bool
join_labels(struct builder *builder, struct graph_input *input)
{
    struct str_builder text  = STR_BUILDER_EMPTY;
    bool               is_ok = true;
    for (size_t i = 0; i < input->labels.count; i++) {
        str_builder_append_cstr(&text, i == 0 ? "" : ",");
        str_builder_append(&text, input->labels.items[i]);
    }
    is_ok = str_builder_is_ok(&text) ? plan_text(builder, str_builder_text(&text), &input->label_text) : plan_no_memory(builder);
    str_builder_release(&text);
    return is_ok;
}

static bool
default_processing_ids(struct builder *builder, struct graph_names *ret_names)
{
    struct str *items = ARENA_ARRAY(builder->arena, struct str, 1);
    if (items == NULL)
        return plan_no_memory(builder);
    items[0]   = STR("P");
    *ret_names = (struct graph_names){ items, 1 };
    return true;
}

static bool
settle_zone(struct builder *builder, const struct json *value, const struct input_config *config,
            struct graph_input *input)
{
    if (config->zone.size > 0)
        return plan_zone(builder, &builder->bindings, at(value, "zone"), config->zone) &&
               plan_text(builder, config->zone, &input->zone);
    input->zone = builder->graph->zone;
    if (input->zone.size > 0)
        return true;
    error_hint(complain(&builder->bindings, value, "local times of this input have no time zone"),
               "add \"zone\": \"America/New_York\" to \"pipeline\" or to the input");
    return false;
}

static bool
settle_delimiter(struct builder *builder, const struct json *value, const struct input_config *config,
                 struct graph_input *input)
{
    if (config->delimiter.size == 0)
        return true;
    char c = config->delimiter.data[0];
    if (c != '"' && c != '\n' && c != '\r' && c != '.' && (unsigned char)c < 0x7F && !ascii_is_letter(c) &&
        !ascii_is_digit(c)) {
        input->delimiter = c;
        return true;
    }
    error_hint(complain(&builder->bindings, at(value, "delimiter"), "this character cannot separate fields"),
               "use \",\", \";\", \"|\" or \"\\t\"");
    return false;
}

/* Read as a mapping's field is; so its path is checked as one. */
static bool
settle_log_time(struct builder *builder, const struct json *value, const struct input_config *config, struct graph_input *input)
{
    const struct decode_plan_options options = { .format = MODEL_JSON };
    const struct model_text          path    = { .text = config->log_time };
    const struct mapping_field       field   = { .name = "log_time", .paths = &path, .path_count = 1 };
    const struct mapping             mapping = { .name = "log_time", .format = MODEL_JSON, .fields = &field, .field_count = 1 }, *const only = &mapping;
    struct decode_plan              *plan    = NULL;
    struct error                     err     = ERROR_EMPTY;

    input->log_time_skew_us = config->log_time_skew;
    if (config->log_time.size == 0) {
        input->is_log_time_beside = input->type == GRAPH_INPUT_KAFKA && !(config->has_message_time && !config->message_time);
        input->log_time           = input->is_log_time_beside ? STR("the message's timestamp") : STR_EMPTY;
        return true;
    }
    if (decode_plan_compile(&options, &only, 1, NULL, NULL, &plan, &err) != ST_OK) {
        error_hint(complain(&builder->bindings, at(value, "log_time"), "%s", err.message), "name a member of the events, like \"written_at\" or \"meta.written\"");
        return false;
    }
    decode_plan_free(plan);
    return plan_text(builder, config->log_time, &input->log_time);
}

static struct str
given_or(struct str given, struct str fallback)
{
    return given.size > 0 ? given : fallback;
}

/* Each of these is tried, so that one run of check tells all. */
static bool
settle_input(struct builder *builder, const struct json *value, const struct input_config *config, struct str binding,
             bool is_event_log, struct graph_input *input)
{
    const struct graph *graph = builder->graph;
    bool                is_ok = true;

    input->origin         = plan_origin(&builder->bindings, value);
    input->type           = (enum graph_input_type)config->type;
    input->format         = (enum graph_format)config->format;
    input->is_empty_error = config->empty == 1;
    is_ok &= plan_text(builder, config->mapping, &input->mapping);
    is_ok &= plan_text(builder, given_or(config->system, graph->system), &input->system);
    is_ok &= plan_text(builder, given_or(config->data_source, binding), &input->data_source);
    is_ok &= plan_text(builder, given_or(config->facility, graph->facility), &input->facility);
    is_ok &= plan_names(builder, &config->labels, &input->labels) && join_labels(builder, input);
    is_ok &= config->has_processing_ids ? plan_names(builder, &config->processing_ids, &input->processing_ids)
                                        : default_processing_ids(builder, &input->processing_ids);
    if (config->charset > 0)
        input->charset = str_from(PLAN_CHARSET_NAMES[config->charset]);
    is_ok &= settle_delimiter(builder, value, config, input);
    is_ok &= settle_zone(builder, value, config, input);
    is_ok &= !is_event_log || settle_event_format(builder, value, input);
    is_ok &= check_mapping(builder, value, input);
    is_ok &= !is_event_log || check_events(builder, value, input);
    is_ok &= !is_event_log || settle_log_time(builder, value, config, input);
    if (input->type == GRAPH_INPUT_KAFKA)
        return plan_kafka(builder, value, config, is_event_log, input) && is_ok;
    if (!config->has_path) {
        error_hint(complain(&builder->bindings, value, "input needs the option \"path\""), "name its files: \"in/lab/*.hl7\"");
        return false;
    }
    return resolve_path(builder, config, input) && is_ok;
}

static bool
plan_input(struct builder *builder, const struct json *value, struct str binding, bool is_event_log,
           struct graph_input *ret_input)
{
    struct input_config config;
    struct graph_input  input = { 0 };

    value = plan_use(builder, value);
    if (value == NULL || plan_is_not_built(builder, value, NOT_BUILT_TYPES, is_event_log ? "file and kafka" : "file") || is_format_not_built(builder, value))
        return false;
    bool is_ok = config_bind(&builder->bindings.binder, value, &INPUT_TABLE, &config);
    is_ok &= plan_kafka_options(builder, value, (enum graph_input_type)config.type);
    is_ok &= settle_input(builder, value, &config, binding, is_event_log, &input);
    *ret_input = input;
    return is_ok;
}

bool
plan_source(struct builder *builder, const struct json *reference, bool is_event_log, struct graph_source *ret_source)
{
    struct graph_source source  = { .origin = plan_origin(&builder->pipeline, reference) };
    const struct json  *binding = plan_binding(builder, reference, ROLE_SOURCE);
    const struct json  *value;

    if (binding == NULL)
        return false;
    bool is_ok = plan_parts(builder, binding, &SOURCE_TABLE, "inputs", &value, &source.input_count);
    if (value == NULL)
        return false;
    struct graph_input *inputs = ARENA_ARRAY(builder->arena, struct graph_input, source.input_count);
    if (inputs == NULL)
        return plan_no_memory(builder);
    if (!plan_text(builder, reference->text, &source.name))
        return false;
    for (size_t i = 0; i < source.input_count; i++, value = value->next)
        is_ok &= plan_input(builder, value, source.name, is_event_log, &inputs[i]);
    for (size_t i = 0; source.input_count > 1 && i < source.input_count; i++)
        if (inputs[i].type == GRAPH_INPUT_KAFKA) {
            error_hint(complain(&builder->bindings, binding, "a source that reads Kafka has one input"), "name all topics in its \"topics\"");
            is_ok = false;
            break;
        }
    if (is_event_log && str_equal(source.name, STR("letters"))) {
        error_hint(complain(&builder->pipeline, reference, "a stream's source cannot be called \"letters\": retried dead letters come from a source of that name"),
                   "give it another name, here and in the bindings");
        is_ok = false;
    }
    source.inputs = inputs;
    *ret_source   = source;
    return is_ok;
}
