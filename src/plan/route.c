/* The routes of alerts: which go where. */
#include <string.h>

#include "base/suggest.h"
#include "io/url.h"
#include "plan/plan_int.h"

static const char *const NOT_BUILT[] = { "mllp", NULL };

/* ---- Which options a type has ---- */

#define ONLY_FILE    (1u << GRAPH_ROUTE_FILE)
#define ONLY_WEBHOOK (1u << GRAPH_ROUTE_WEBHOOK)
#define ONLY_HTTP    (ONLY_WEBHOOK | 1u << GRAPH_ROUTE_ALERTMANAGER)
#define ONLY_SMTP    (1u << GRAPH_ROUTE_SMTP)
#define ONLY_NETWORK (ONLY_HTTP | ONLY_SMTP)
#define ONLY_KAFKA   (1u << GRAPH_ROUTE_KAFKA)

/* Those that are not named here, every type has. */
static const struct {
    const char *name;
    unsigned    types;
} OPTIONS_OF_TYPES[] = { { "path", ONLY_FILE },    { "url", ONLY_NETWORK },     { "headers", ONLY_HTTP }, { "sign", ONLY_WEBHOOK },
                         { "tls", ONLY_NETWORK | ONLY_KAFKA },  { "timeout", ONLY_NETWORK | ONLY_KAFKA }, { "rate", ONLY_NETWORK | ONLY_KAFKA },
                         { "brokers", ONLY_KAFKA }, { "topic", ONLY_KAFKA },   { "sasl", ONLY_KAFKA },   { "encryption", ONLY_KAFKA },
                         { "format", ONLY_KAFKA },  { "from", ONLY_SMTP },
                         { "to", ONLY_SMTP },      { "user", ONLY_SMTP },       { "password", ONLY_SMTP }, { "group", ONLY_SMTP } };

static bool
check_type_options(struct builder *builder, const struct json *value, enum graph_route_type type)
{
    bool is_ok = true;

    for (size_t i = 0; i < sizeof OPTIONS_OF_TYPES / sizeof *OPTIONS_OF_TYPES; i++) {
        const struct json *given = json_find(value, OPTIONS_OF_TYPES[i].name);
        if (given == NULL || (OPTIONS_OF_TYPES[i].types & 1u << type) != 0)
            continue;
        error_hint(complain(&builder->bindings, given, "a route of type \"%s\" has no \"%s\"", graph_route_type_name(type), OPTIONS_OF_TYPES[i].name),
                   "take it out, or change the type");
        is_ok = false;
    }
    return is_ok;
}

/* ---- The receiver ---- */

/* Patient data and secrets must not cross a network in clear; also of a type that a later version will have. */
static bool
check_clear(struct builder *builder, const struct json *value, const struct url *url)
{
    const struct json *phi = json_find(value, "phi");
    const bool is_bare = phi != NULL && phi->type == JSON_TEXT && str_equal(phi->text, STR("none")) && json_find(value, "headers") == NULL
                         && json_find(value, "sign") == NULL;

    if (is_bare || !url_is_clear(url))
        return true;
    error_hint(complain(&builder->bindings, json_find(value, "url"), "clear-text http would carry patient data over a network"),
               "use https, or a receiver on this machine; \"phi\": \"none\" without headers and signature may go in clear");
    return false;
}

static bool
check_url(struct builder *builder, const struct json *value)
{
    const struct json *written = json_find(value, "url"), *type = json_find(value, "type");
    const bool         is_mail = type != NULL && type->type == JSON_TEXT && str_equal(type->text, STR("smtp"));
    struct error       err     = ERROR_EMPTY;
    struct url         url     = { .scheme = URL_HTTP };

    if (written == NULL || written->type != JSON_TEXT)
        return true; /* Who needs one says so. */
    if (url_parse(written->text, &url, &err) == ST_OK && is_mail != (url.scheme == URL_SMTP || url.scheme == URL_SMTPS)) {
        error_set(&err, ERR_CONFIG, "the url is not one of the route's type");
        error_hint(&err, "smtps or smtp for type \"smtp\", https or http for the others");
    }
    if (err.code != ERR_NONE) {
        json_error_place(written, builder->bindings.binder.file, &err);
        config_errors_add(builder->errors, &err);
        return false;
    }
    return check_clear(builder, value, &url);
}

/* What we say ourselves, and what steers the connection. */
static const char *const OUR_HEADERS[] = { "Content-Type",        "Content-Length", "Host",   "Idempotency-Key", "X-Heddle-Signature",
                                           "Transfer-Encoding",   "Connection",     "Expect", "Upgrade",         "TE",
                                           "Trailer",             NULL };
/* What always is a secret. */
static const char *const SECRET_HEADERS[] = { "Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", NULL };

static bool
is_one_of(struct str name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (str_equal_ignore_case(name, str_from(*names)))
            return true;
    return false;
}

/* RFC 9110, 5.6.2: a token. */
static bool
is_header_name(struct str name)
{
    for (size_t i = 0; i < name.size; i++)
        if (!ascii_is_letter(name.data[i]) && !ascii_is_digit(name.data[i]) && (name.data[i] == '\0' || strchr("!#$%&'*+-.^_`|~", name.data[i]) == NULL))
            return false;
    return name.size > 0;
}

static bool
is_one_line(struct str text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
            return false;
    return true;
}

static bool
settle_header(struct builder *builder, const struct json *member, struct graph_header *header)
{
    const bool is_secret = member->type == JSON_TEXT && (str_starts_with(member->text, STR("env:")) || str_starts_with(member->text, STR("file:")));

    if (member->type != JSON_TEXT) {
        complain(&builder->bindings, member, "a header's value must be a text, not %s", json_type_name(member->type));
        return false;
    }
    if (!is_header_name(member->key) || is_one_of(member->key, OUR_HEADERS)) {
        complain(&builder->bindings, member, "\"%.*s\" cannot be set as a header", STR_PRINTF(str_slice(member->key, 0, 100)));
        return false;
    }
    if (!is_secret && is_one_of(member->key, SECRET_HEADERS)) {
        error_hint(complain(&builder->bindings, member, "the header %.*s is a secret and stands in clear", STR_PRINTF(member->key)),
                   "keep it elsewhere and write \"env:NAME\" or \"file:PATH\"");
        return false;
    }
    if (!is_one_line(member->text) || str_equal(member->text, STR("env:")) || str_equal(member->text, STR("file:"))) {
        complain(&builder->bindings, member, "a header's value must be one line, a reference to a secret must name it");
        return false;
    }
    return plan_text(builder, member->key, &header->name)
           && (is_secret ? plan_secret(builder, member->text, member, &header->secret) : plan_text(builder, member->text, &header->text));
}

static bool
settle_headers(struct builder *builder, const struct json *headers, struct graph_receiver *receiver)
{
    struct graph_header *list  = headers == NULL ? NULL : ARENA_ARRAY(builder->arena, struct graph_header, (size_t)headers->count + 1);
    bool                 is_ok = true;

    if (headers == NULL)
        return true;
    if (list == NULL)
        return plan_no_memory(builder);
    for (const struct json *member = headers->first; member != NULL; member = member->next) {
        struct graph_header *header = &list[receiver->header_count++];
        *header                     = (struct graph_header){ .name = STR_EMPTY };
        is_ok &= settle_header(builder, member, header);
    }
    receiver->headers = list;
    return is_ok;
}

static bool
settle_secret(struct builder *builder, const struct json *value, struct str reference, struct graph_secret *ret_secret)
{
    return reference.size == 0 || plan_secret(builder, reference, value, ret_secret);
}

/* The bare address, as RFC 5321 has it on the way; what it may not have would end a line or begin another address. */
static bool
check_address(struct builder *builder, const struct json *value, struct str address)
{
    const size_t at    = str_find_byte(address, '@');
    bool         is_ok = at != STR_NOT_FOUND && at > 0 && at + 1 < address.size && at == str_find_last_byte(address, '@');

    for (size_t i = 0; i < address.size; i++)
        is_ok = is_ok && address.data[i] > ' ' && address.data[i] < 0x7f && strchr("<>,;:\"()[]\\", address.data[i]) == NULL;
    if (is_ok)
        return true;
    error_hint(complain(&builder->bindings, value, "this is not the address of a mailbox"), "write it as \"name@host\"");
    return false;
}

static bool
settle_mail(struct builder *builder, const struct json *value, const struct route_config *config, struct graph_receiver *receiver)
{
    const struct json *from = json_find(value, "from"), *to = json_find(value, "to"), *item = to != NULL ? to->first : NULL;
    bool               is_ok = true;

    if (from == NULL || to == NULL) {
        error_hint(complain(&builder->bindings, value, "a route of type \"smtp\" needs the options \"from\" and \"to\""), "say who sends, and to whom");
        return false;
    }
    is_ok &= check_address(builder, from, config->from) && plan_text(builder, config->from, &receiver->from);
    is_ok &= plan_names(builder, &config->to, &receiver->to);
    for (size_t i = 0; is_ok && i < receiver->to.count; i++, item = item->next)
        is_ok &= check_address(builder, item, receiver->to.items[i]);
    if ((config->user.size == 0) != (config->password.size == 0)) {
        complain(&builder->bindings, value, "\"user\" and \"password\" go together");
        is_ok = false;
    }
    receiver->group_count_max = config->group;
    return is_ok && settle_secret(builder, value, config->user, &receiver->user) && settle_secret(builder, value, config->password, &receiver->password);
}

static bool
settle_topic(struct builder *builder, const struct json *value, const struct route_config *config, struct graph_receiver *receiver)
{
    const struct kafka_config connection = { .table = &ROUTE_TABLE, .brokers = config->brokers, .tls = config->tls, .sasl = config->sasl,
                                             .encryption = config->encryption, .has_tls = config->has_tls, .has_sasl = config->has_sasl };
    const struct json        *topic      = json_find(value, "topic");
    bool                      is_clear   = false;
    bool                      is_ok      = plan_kafka_connection(builder, value, &connection, &receiver->kafka, &is_clear);

    if (is_ok && is_clear && config->phi != GRAPH_PHI_NONE) {
        error_hint(complain(&builder->bindings, value, "patient data would cross a network in clear"), "add \"tls\", or \"phi\": \"none\"");
        is_ok = false;
    }
    if (topic == NULL || !plan_is_topic(config->topic)) {
        if (topic == NULL)
            complain(&builder->bindings, value, "a route of type \"kafka\" needs the option \"topic\"");
        else
            error_hint(complain(&builder->bindings, topic, "this is not the name of a topic"), "letters, digits, \".\", \"_\" and \"-\"");
        is_ok = false;
    }
    receiver->timeout_us  = config->timeout;
    receiver->rate_count  = config->rate.max;
    receiver->rate_per_us = config->rate.per;
    receiver->form        = (enum graph_alert_form)config->format;
    if (!plan_text(builder, config->topic, &receiver->topic))
        return false;
    const char *shown = arena_printf(builder->arena, "kafka %.*s: %.*s", STR_PRINTF(receiver->kafka.brokers), STR_PRINTF(receiver->topic));
    return (shown != NULL ? plan_text(builder, str_from(shown), &receiver->url) : plan_no_memory(builder)) && is_ok;
}

static bool
settle_receiver(struct builder *builder, const struct json *value, const struct route_config *config, struct graph_receiver *receiver)
{
    bool is_ok = plan_text(builder, config->url, &receiver->url) && settle_headers(builder, config->headers, receiver);

    if (config->url.size == 0) {
        error_hint(complain(&builder->bindings, value, "route needs the option \"url\""), "say where its alerts go, like \"https://host/path\"");
        is_ok = false;
    }
    receiver->timeout_us  = config->timeout;
    receiver->rate_count  = config->rate.max;
    receiver->rate_per_us = config->rate.per;
    if ((config->tls.certificate.size == 0) != (config->tls.key.size == 0)) {
        complain(&builder->bindings, json_find(value, "tls"), "\"certificate\" and \"key\" of tls go together");
        is_ok = false;
    }
    return is_ok && settle_secret(builder, value, config->sign, &receiver->sign) && settle_secret(builder, value, config->tls.ca, &receiver->ca)
           && settle_secret(builder, value, config->tls.certificate, &receiver->certificate)
           && settle_secret(builder, value, config->tls.key, &receiver->key);
}

/* ---- A route ---- */

/* Each rule that a route names must be one of the model's. */
static bool
check_route_rules(struct builder *builder, const struct json *value, const struct graph_names *rules)
{
    const struct json *list  = json_find(value, "rules");
    const struct json *item  = list ? list->first : NULL;
    bool               is_ok = true;

    for (size_t i = 0; item != NULL && builder->model != NULL; item = item->next, i++) {
        struct str        rule       = rules->items[i];
        struct suggestion suggestion = suggestion_init(rule);
        if (str_equal(rule, STR(GRAPH_RULE_UNEVALUATED_RESULT)) || model_rule(builder->model, rule) != NULL)
            continue;
        suggestion_offer(&suggestion, STR(GRAPH_RULE_UNEVALUATED_RESULT));
        for (uint32_t r = 0; r < builder->model->rule_count; r++)
            suggestion_offer(&suggestion, str_from(builder->model->rules[r].name));
        struct error *kept = complain(&builder->bindings, item, "there is no rule \"%.*s\"", STR_PRINTF(rule));
        error_hint(kept, "name a rule of model/rules");
        suggestion_hint(&suggestion, kept);
        is_ok = false;
    }
    return is_ok;
}

static bool
has_name(const struct str *items, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_equal(items[i], name))
            return true;
    return false;
}

/* Who names a rule takes those that belong to it. */
static bool
add_members(struct builder *builder, struct graph_names *rules)
{
    const size_t model_count = builder->model == NULL ? 0 : builder->model->rule_count;
    struct str  *items       = ARENA_ARRAY(builder->arena, struct str, rules->count + model_count);
    size_t       count       = rules->count;

    if (items == NULL)
        return plan_no_memory(builder);
    for (size_t i = 0; i < rules->count; i++)
        items[i] = rules->items[i];
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule_pack *pack =
            builder->model == NULL ? NULL : model_rule(builder->model, rules->items[i]);
        for (uint32_t k = 0; pack != NULL && k < pack->member_count; k++) {
            struct str name = str_from(pack->members[k]->name);
            if (!has_name(items, count, name) && !plan_text(builder, name, &items[count++]))
                return false;
        }
    }
    *rules = (struct graph_names){items, count};
    return true;
}

static bool
settle_retry(struct builder *builder, const struct json *value, const struct retry_config *retry, struct graph_route *route)
{
    route->retry_first_us = retry->first;
    route->retry_max_us   = retry->max;
    route->give_up_us     = retry->give_up;
    if (retry->first <= retry->max && retry->max <= retry->give_up)
        return true;
    error_hint(complain(&builder->bindings, config_value_of(value, &ROUTE_TABLE, "retry"), "the waits of retry must not shrink"),
               "first <= max <= give_up");
    return false;
}

static bool
settle_route(struct builder *builder, const struct json *value, const struct route_config *config,
             struct graph_route *route)
{
    bool is_ok = true;

    route->type = (enum graph_route_type)config->type;
    route->phi  = (enum graph_phi)config->phi;
    is_ok &= settle_retry(builder, value, &config->retry, route);
    is_ok &= plan_names(builder, &config->rules, &route->rules);
    is_ok &= check_type_options(builder, value, route->type);
    if (route->type == GRAPH_ROUTE_FILE)
        is_ok &= plan_required_path(builder, value, &ROUTE_TABLE, config->has_path, config->path, &route->path);
    else if (route->type == GRAPH_ROUTE_KAFKA)
        is_ok &= settle_topic(builder, value, config, &route->receiver);
    else
        is_ok &= settle_receiver(builder, value, config, &route->receiver);
    if (route->type == GRAPH_ROUTE_SMTP)
        is_ok &= settle_mail(builder, value, config, &route->receiver);
    return is_ok;
}

static bool
plan_route(struct builder *builder, const struct json *value, struct graph_route *ret_route)
{
    struct graph_route  route = { .origin = plan_origin(&builder->bindings, value) };
    struct route_config config;

    value = plan_use(builder, value);
    if (value == NULL)
        return false;
    bool is_ok = check_url(builder, value);
    if (plan_is_not_built(builder, value, NOT_BUILT, "file, webhook, alertmanager, smtp, kafka"))
        return false;
    is_ok &= config_bind(&builder->bindings.binder, value, &ROUTE_TABLE, &config);
    is_ok      = is_ok && settle_route(builder, value, &config, &route) && check_route_rules(builder, value, &route.rules)
            && add_members(builder, &route.rules);
    *ret_route = route;
    return is_ok;
}

/* ---- The list ---- */

/* The list of routes behind those that earlier bindings gave. */
static struct graph_route *
grow_routes(struct builder *builder, struct graph_streaming *streaming, size_t count)
{
    struct graph_route *routes = ARENA_ARRAY(builder->arena, struct graph_route, streaming->route_count + count);
    if (routes == NULL) {
        plan_no_memory(builder);
        return NULL;
    }
    for (size_t i = 0; i < streaming->route_count; i++)
        routes[i] = streaming->routes[i];
    return routes;
}

static bool
name_route(struct builder *builder, struct str binding, size_t number, size_t count, struct str *ret_name)
{
    if (count == 1)
        return plan_text(builder, binding, ret_name);
    const char *name = arena_printf(builder->arena, "%.*s.%zu", STR_PRINTF(binding), number);
    if (name == NULL)
        return plan_no_memory(builder);
    *ret_name = str_from(name);
    return true;
}

bool
plan_routes(struct builder *builder, const struct json *reference, const struct json *binding,
            struct graph_streaming *streaming)
{
    const struct json *value;
    size_t             count;
    bool               is_ok = plan_parts(builder, binding, &ROUTES_TABLE, "routes", &value, &count);

    if (value == NULL)
        return false;
    struct graph_route *routes = grow_routes(builder, streaming, count);
    if (routes == NULL)
        return false;
    for (size_t i = 0; i < count; i++, value = value->next) {
        struct graph_route *route = &routes[streaming->route_count + i];
        is_ok &= plan_route(builder, value, route);
        is_ok &= name_route(builder, reference->text, i + 1, count, &route->name);
        is_ok &= plan_text(builder, reference->text, &route->binding);
    }
    streaming->routes = routes;
    streaming->route_count += count;
    return is_ok;
}
