/* A source that reads topics of Kafka: who is asked, what is read, from where on, and who we are. */
#include <inttypes.h>
#include <regex.h>
#include <string.h>

#include "base/time.h"
#include "io/url.h"
#include "plan/plan_int.h"

static const struct json *
at(const struct json *value, const struct option_table *table, const char *name)
{
    return config_value_of(value, table, name);
}

/* ---- Which options a type has ---- */

static const struct {
    const char           *name;
    enum graph_input_type type;
} OPTIONS_OF_TYPES[] = {
    { "path", GRAPH_INPUT_FILE },     { "empty", GRAPH_INPUT_FILE },    { "delimiter", GRAPH_INPUT_FILE }, { "processing_ids", GRAPH_INPUT_FILE },
    { "brokers", GRAPH_INPUT_KAFKA }, { "topics", GRAPH_INPUT_KAFKA },  { "start", GRAPH_INPUT_KAFKA },    { "offsets", GRAPH_INPUT_KAFKA },
    { "group", GRAPH_INPUT_KAFKA },   { "tls", GRAPH_INPUT_KAFKA },     { "sasl", GRAPH_INPUT_KAFKA },     { "encryption", GRAPH_INPUT_KAFKA },
    { "message_time", GRAPH_INPUT_KAFKA },
};

bool
plan_kafka_options(struct builder *builder, const struct json *value, enum graph_input_type type)
{
    bool is_ok = true;

    for (size_t i = 0; value->type == JSON_OBJECT && i < sizeof OPTIONS_OF_TYPES / sizeof *OPTIONS_OF_TYPES; i++) {
        const struct json *given = json_find(value, OPTIONS_OF_TYPES[i].name);
        if (given == NULL || OPTIONS_OF_TYPES[i].type == type)
            continue;
        error_hint(complain(&builder->bindings, given, "an input of type \"%s\" has no \"%s\"", type == GRAPH_INPUT_FILE ? "file" : "kafka", OPTIONS_OF_TYPES[i].name),
                   "take it out, or change the type");
        is_ok = false;
    }
    return is_ok;
}

/* ---- Brokers ---- */

/* "host:port", "[::1]:9092". */
static bool
split_broker(struct str broker, struct str *ret_host)
{
    const size_t colon = str_find_last_byte(broker, ':');
    int64_t      port  = 0;

    if (colon == STR_NOT_FOUND || colon == 0 || !str_to_int64(str_slice(broker, colon + 1, broker.size), &port) || port < 1 || port > 65535)
        return false;
    for (size_t i = 0; i < broker.size; i++)
        if (broker.data[i] <= ' ' || broker.data[i] >= 0x7f || strchr(",/@\"", broker.data[i]) != NULL)
            return false;
    *ret_host = str_slice(broker, 0, colon);
    return str_find_byte(*ret_host, ':') == STR_NOT_FOUND || ret_host->data[0] == '[';
}

static bool
is_loopback(struct str host)
{
    return str_equal(host, STR("localhost")) || str_starts_with(host, STR("127.")) || str_equal(host, STR("[::1]"));
}

static bool
settle_brokers(struct builder *builder, const struct json *value, const struct kafka_config *config, struct graph_kafka *kafka, bool *ret_is_local)
{
    const struct option_list *list  = &config->brokers;
    struct str_builder        text  = STR_BUILDER_EMPTY;
    const struct str         *items = list->items;
    const struct json        *item  = list->count == 0 ? NULL : at(value, config->table, "brokers")->first;
    bool                      is_ok = true;

    *ret_is_local = true;
    if (list->count == 0) {
        error_hint(complain(&builder->bindings, value, "type \"kafka\" needs the option \"brokers\""), "name them: [\"k1.hospital.example:9093\"]");
        return false;
    }
    for (size_t i = 0; i < list->count; i++, item = item != NULL ? item->next : NULL) {
        struct str host = STR_EMPTY;
        if (!split_broker(items[i], &host)) {
            error_hint(complain(&builder->bindings, item != NULL ? item : value, "this is not the address of a broker"), "write it as \"host:port\", without a scheme");
            is_ok = false;
        }
        *ret_is_local = *ret_is_local && is_loopback(host);
        str_builder_append_cstr(&text, i == 0 ? "" : ",");
        str_builder_append(&text, items[i]);
    }
    is_ok = is_ok && (str_builder_is_ok(&text) ? plan_text(builder, str_builder_text(&text), &kafka->brokers) : plan_no_memory(builder));
    str_builder_release(&text);
    return is_ok;
}

/* ---- Topics ---- */

bool
plan_is_topic(struct str name)
{
    bool is_ok = name.size > 0 && name.size <= 249;
    for (size_t i = 0; i < name.size; i++)
        is_ok = is_ok && (ascii_is_letter(name.data[i]) || ascii_is_digit(name.data[i]) || name.data[i] == '.' || name.data[i] == '_' || name.data[i] == '-');
    return is_ok;
}

static bool
check_patterns(struct builder *builder, const struct json *value, const struct option_list *list)
{
    const struct str *items = list->items;
    for (size_t i = 0; i < list->count; i++) {
        regex_t     regex;
        const char *pattern = arena_cstr(builder->arena, items[i]);
        if (pattern == NULL)
            return plan_no_memory(builder);
        if (pattern[0] != '^')
            continue;
        if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
            error_hint(complain(&builder->bindings, at(value, &INPUT_TABLE, "topics"), "\"%s\" is no pattern", pattern), "an extended regular expression of POSIX, like \"^edw[.].*\"");
            return false;
        }
        regfree(&regex);
    }
    return true;
}

static bool
settle_topics(struct builder *builder, const struct json *value, const struct option_list *list, struct graph_kafka *kafka)
{
    const struct str  *items = list->items;
    const struct json *item  = list->count == 0 ? NULL : at(value, &INPUT_TABLE, "topics")->first;

    if (list->count == 0) {
        error_hint(complain(&builder->bindings, value, "an input of type \"kafka\" needs the option \"topics\""), "name them: [\"edw.events\"], or by a pattern: [\"^edw[.].*\"]");
        return false;
    }
    for (size_t i = 0; i < list->count; i++, item = item != NULL ? item->next : NULL)
        if (items[i].size == 0 || (items[i].data[0] == '^' ? items[i].size < 2 : !plan_is_topic(items[i]))) {
            error_hint(complain(&builder->bindings, item != NULL ? item : value, "this is not the name of a topic"),
                       "letters, digits, \".\", \"_\" and \"-\"; a pattern begins with ^");
            return false;
        }
    return check_patterns(builder, value, list) && plan_names(builder, list, &kafka->topics);
}

/* ---- Start ---- */

static bool
settle_start(struct builder *builder, const struct json *value, struct str start, struct graph_kafka *kafka)
{
    kafka->start = GRAPH_START_EARLIEST;
    if (start.size == 0 || str_equal(start, STR("earliest")))
        return true;
    kafka->start = str_equal(start, STR("latest")) ? GRAPH_START_LATEST : GRAPH_START_TIME;
    if (kafka->start == GRAPH_START_LATEST || (time_parse_utc(start, &kafka->start_us) && kafka->start_us >= 0))
        return true;
    error_hint(complain(&builder->bindings, at(value, &INPUT_TABLE, "start"), "this is no place to start at"), "\"earliest\", \"latest\" or a time like \"2026-03-01T00:00:00Z\"");
    return false;
}

/* "edw.events/0" */
static bool
is_partition(struct str text)
{
    const size_t slash  = str_find_last_byte(text, '/');
    int64_t      number = 0;
    return slash != STR_NOT_FOUND && plan_is_topic(str_slice(text, 0, slash)) && str_to_int64(str_slice(text, slash + 1, text.size), &number) && number >= 0;
}

static bool
settle_offsets(struct builder *builder, const struct json *offsets, struct graph_kafka *kafka)
{
    struct graph_offset *list  = offsets == NULL ? NULL : ARENA_ARRAY(builder->arena, struct graph_offset, (size_t)offsets->count + 1);
    bool                 is_ok = true;

    if (offsets == NULL)
        return true;
    if (list == NULL)
        return plan_no_memory(builder);
    for (const struct json *member = offsets->first; member != NULL && is_ok; member = member->next) {
        struct graph_offset *offset = &list[kafka->offset_count++];
        is_ok = member->type == JSON_NUMBER && is_partition(member->key) && str_to_int64(member->text, &offset->offset) && offset->offset >= 0;
        if (!is_ok)
            error_hint(complain(&builder->bindings, member, "this is not where a partition is to begin"), "write \"topic/partition\": offset, like \"edw.events/0\": 1200");
        else
            is_ok = plan_text(builder, member->key, &offset->partition);
    }
    kafka->offsets = list;
    return is_ok;
}

/* ---- Security ---- */

static bool
settle_secret(struct builder *builder, const struct json *value, struct str reference, struct graph_secret *ret_secret)
{
    return reference.size == 0 || plan_secret(builder, reference, value, ret_secret);
}

static bool
settle_tls(struct builder *builder, const struct json *value, const struct kafka_config *config, bool is_local, struct graph_kafka *kafka)
{
    kafka->has_tls = config->has_tls;
    if (kafka->has_tls && config->encryption == ENCRYPTION_NONE) {
        error_hint(complain(&builder->bindings, at(value, config->table, "encryption"), "\"tls\" and \"encryption\": \"none\" contradict each other"), "keep one of them");
        return false;
    }
    if (!kafka->has_tls && !is_local && config->encryption != ENCRYPTION_NONE) {
        error_hint(complain(&builder->bindings, value, "events would cross the network in clear"),
                   "add \"tls\": { \"ca\": \"file:ca.pem\" }, or say in writing \"encryption\": \"none\"");
        return false;
    }
    if ((config->tls.certificate.size == 0) != (config->tls.key.size == 0)) {
        complain(&builder->bindings, at(value, config->table, "tls"), "\"certificate\" and \"key\" of tls go together");
        return false;
    }
    return settle_secret(builder, value, config->tls.ca, &kafka->ca) && settle_secret(builder, value, config->tls.certificate, &kafka->certificate)
           && settle_secret(builder, value, config->tls.key, &kafka->key);
}

static bool
settle_token(struct builder *builder, const struct json *sasl, const struct sasl_config *config)
{
    struct url   url = { .scheme = URL_HTTP };
    struct error err = ERROR_EMPTY;

    if (url_parse(config->token_url, &url, &err) == ST_OK && (url.scheme == URL_HTTPS || url.is_loopback))
        return true;
    error_hint(complain(&builder->bindings, sasl, "OAUTHBEARER needs the option \"token_url\", of https"), "name where client credentials are exchanged for a token");
    return false;
}

static bool
settle_sasl(struct builder *builder, const struct json *value, const struct kafka_config *config, bool is_local, struct graph_kafka *kafka)
{
    const struct sasl_config *sasl = &config->sasl;
    const struct json        *written = at(value, config->table, "sasl");

    kafka->sasl = config->has_sasl ? (enum graph_sasl)sasl->mechanism : GRAPH_SASL_NONE;
    if (kafka->sasl == GRAPH_SASL_NONE)
        return true;
    if (kafka->sasl != GRAPH_SASL_GSSAPI && (sasl->username.size == 0 || sasl->password.size == 0)) {
        error_hint(complain(&builder->bindings, written, "this mechanism needs the options \"username\" and \"password\""), "say where they are kept: \"env:NAME\" or \"file:PATH\"");
        return false;
    }
    if ((kafka->sasl == GRAPH_SASL_PLAIN || kafka->sasl == GRAPH_SASL_OAUTHBEARER) && !kafka->has_tls && !is_local) {
        error_hint(complain(&builder->bindings, written, "the password would cross the network in clear"), "add \"tls\"");
        return false;
    }
    if (kafka->sasl == GRAPH_SASL_OAUTHBEARER && !settle_token(builder, written, sasl))
        return false;
    return settle_secret(builder, written, sasl->username, &kafka->username) && settle_secret(builder, written, sasl->password, &kafka->password)
           && plan_text(builder, sasl->principal, &kafka->principal) && plan_text(builder, sasl->service, &kafka->service)
           && plan_text(builder, sasl->token_url, &kafka->token_url) && plan_text(builder, sasl->scope, &kafka->scope)
           && (sasl->keytab.size == 0 || plan_path(builder, sasl->keytab, &kafka->keytab));
}

bool
plan_kafka_connection(struct builder *builder, const struct json *value, const struct kafka_config *config, struct graph_kafka *kafka, bool *ret_is_clear)
{
    bool is_local = true;
    bool is_ok    = settle_brokers(builder, value, config, kafka, &is_local);

    is_ok &= settle_tls(builder, value, config, is_local, kafka);
    *ret_is_clear = !kafka->has_tls && !is_local;
    return settle_sasl(builder, value, config, is_local, kafka) && is_ok;
}

static bool
settle_group(struct builder *builder, struct str group, struct graph_kafka *kafka)
{
    const char *own = arena_printf(builder->arena, "heddle-%.*s", STR_PRINTF(builder->graph->name));
    if (own == NULL)
        return plan_no_memory(builder);
    return plan_text(builder, group.size > 0 ? group : str_from(own), &kafka->group);
}

static bool
settle_shown(struct builder *builder, struct graph_input *input)
{
    struct str_builder text = STR_BUILDER_EMPTY;

    str_builder_printf(&text, "kafka %.*s:", STR_PRINTF(input->kafka.brokers));
    for (size_t i = 0; i < input->kafka.topics.count; i++)
        str_builder_printf(&text, " %.*s", STR_PRINTF(input->kafka.topics.items[i]));
    bool is_ok = str_builder_is_ok(&text) ? plan_text(builder, str_builder_text(&text), &input->path) : plan_no_memory(builder);
    str_builder_release(&text);
    return is_ok;
}

bool
plan_kafka(struct builder *builder, const struct json *value, const struct input_config *config, bool is_event_log, struct graph_input *input)
{
    const struct kafka_config connection = { .table = &INPUT_TABLE, .brokers = config->brokers, .tls = config->tls, .sasl = config->sasl,
                                             .encryption = config->encryption, .has_tls = config->has_tls, .has_sasl = config->has_sasl };
    struct graph_kafka        kafka      = { .sasl = GRAPH_SASL_NONE };
    bool                      is_clear   = false;

    if (!is_event_log) {
        error_hint(complain(&builder->bindings, json_find(value, "type"), "the batch leg does not read Kafka"), "let something write the topic to files, and name these");
        return false;
    }
    bool is_ok = plan_kafka_connection(builder, value, &connection, &kafka, &is_clear);
    is_ok &= settle_topics(builder, value, &config->topics, &kafka);
    is_ok &= settle_start(builder, value, config->start, &kafka);
    is_ok &= settle_offsets(builder, config->offsets, &kafka);
    is_ok &= settle_group(builder, config->group, &kafka);
    input->kafka = kafka;
    return is_ok && settle_shown(builder, input);
}
