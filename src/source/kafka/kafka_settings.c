#include "source/kafka/kafka_settings.h"

#include <inttypes.h>
#include <stdio.h>

static void
drop_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client, (void)level, (void)facility, (void)text;
}

void
kafka_set(struct kafka_settings *settings, const char *name, const char *value)
{
    char text[256];
    if (settings->has_failed || rd_kafka_conf_set(settings->conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK)
        return;
    settings->has_failed = true;
    error_set(settings->err, ERR_CONFIG, "%s: librdkafka refuses the setting %s", settings->name, name);
}

static void
set_given(struct kafka_settings *settings, const char *name, struct str value)
{
    if (value.size > 0)
        kafka_set(settings, name, value.data);
}

void
kafka_set_int(struct kafka_settings *settings, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    kafka_set(settings, name, text);
}

static void
set_secret(struct kafka_settings *settings, const char *name, const struct graph_secret *reference, enum secret_kind kind)
{
    struct secret secret = SECRET_EMPTY;
    if (settings->has_failed || reference->kind == GRAPH_SECRET_NONE)
        return;
    if (secret_read(settings->io, reference->text, kind, &secret, settings->err) != ST_OK) {
        settings->has_failed = true;
        error_context(settings->err, "connecting %s", settings->name);
    } else {
        kafka_set(settings, name, secret.text);
    }
    secret_release(&secret);
}

static void
set_sasl(struct kafka_settings *settings, const struct graph_kafka *binding)
{
    kafka_set(settings, "sasl.mechanism", graph_sasl_name(binding->sasl));
    if (binding->sasl == GRAPH_SASL_OAUTHBEARER) {
        kafka_set(settings, "sasl.oauthbearer.method", "oidc");
        set_secret(settings, "sasl.oauthbearer.client.id", &binding->username, SECRET_LINE);
        set_secret(settings, "sasl.oauthbearer.client.secret", &binding->password, SECRET_LINE);
        set_given(settings, "sasl.oauthbearer.token.endpoint.url", binding->token_url);
        set_given(settings, "sasl.oauthbearer.scope", binding->scope);
        rd_kafka_conf_enable_sasl_queue(settings->conf, 1);
        return;
    }
    set_secret(settings, "sasl.username", &binding->username, SECRET_LINE);
    set_secret(settings, "sasl.password", &binding->password, SECRET_LINE);
    set_given(settings, "sasl.kerberos.principal", binding->principal);
    set_given(settings, "sasl.kerberos.keytab", binding->keytab);
    set_given(settings, "sasl.kerberos.service.name", binding->service);
}

void
kafka_set_connection(struct kafka_settings *settings, const struct graph_kafka *binding)
{
    const bool is_sasl = binding->sasl != GRAPH_SASL_NONE;

    rd_kafka_conf_set_log_cb(settings->conf, drop_log);
    kafka_set(settings, "client.id", "heddle");
    kafka_set(settings, "bootstrap.servers", binding->brokers.data);
    kafka_set(settings, "allow.auto.create.topics", "false");
    kafka_set(settings, "socket.keepalive.enable", "true");
    kafka_set_int(settings, "reconnect.backoff.max.ms", 2000);
    kafka_set(settings, "security.protocol", binding->has_tls ? (is_sasl ? "sasl_ssl" : "ssl") : (is_sasl ? "sasl_plaintext" : "plaintext"));
    set_secret(settings, "ssl.ca.pem", &binding->ca, SECRET_CERTIFICATE);
    set_secret(settings, "ssl.certificate.pem", &binding->certificate, SECRET_CERTIFICATE);
    set_secret(settings, "ssl.key.pem", &binding->key, SECRET_KEY);
    if (is_sasl)
        set_sasl(settings, binding);
}

enum status
kafka_settings_refused(const struct kafka_settings *settings, const char *text)
{
    error_set(settings->err, ERR_CONFIG, "%s: no client of Kafka can be made of its settings: %s", settings->name, text);
    error_hint(settings->err, "look at \"tls\" and \"sasl\" of the binding: certificates and keys must be PEM, a mechanism must be one that this build has");
    return ST_ERROR;
}
