#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "io/secret.h"
#include "source/kafka/kafka_int.h"

/* ---- What it tells ---- */

/* Its own lines may quote what brokers sent; what matters comes as an error. */
static void
drop_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client, (void)level, (void)facility, (void)text;
}

static void
tell(struct kafka *kafka, const char *what, const char *reason)
{
    char text[KAFKA_REASON_SIZE + 256];
    if (kafka->options.notice == NULL)
        return;
    snprintf(text, sizeof text, "%s: %s%s%s", kafka->name, what, reason[0] == '\0' ? "" : ": ", reason);
    kafka->options.notice(kafka->options.context, text);
}

/* From whoever serves it. */
static void
take_error(rd_kafka_t *client, int code, const char *reason, void *context)
{
    struct kafka      *kafka = context;
    struct kafka_news *news  = &kafka->news;
    char               last[KAFKA_REASON_SIZE] = "";
    (void)client;

    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        atomic_store(&news->has_fatal, true);
        return;
    }
    mutex_lock(&news->mutex);
    bool is_told = code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !news->has_told;
    if (is_told) {
        news->has_told = true;
        snprintf(last, sizeof last, "%s", news->reason);
    }
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        news->error = (rd_kafka_resp_err_t)code;
        snprintf(news->reason, sizeof news->reason, "%s", reason == NULL ? "" : reason);
    }
    mutex_unlock(&news->mutex);
    if (is_told) {
        atomic_store(&news->is_away, true);
        tell(kafka, "no broker answers; it is waited for", last);
    }
}

void
kafka_client_heard(struct kafka *kafka)
{
    struct kafka_news *news = &kafka->news;
    if (!atomic_load_explicit(&news->is_away, memory_order_relaxed) || !atomic_exchange(&news->is_away, false))
        return;
    mutex_lock(&news->mutex);
    news->has_told = false;
    mutex_unlock(&news->mutex);
    tell(kafka, "brokers answer again", "");
}

void
kafka_client_serve(struct kafka *kafka)
{
    (void)rd_kafka_poll(kafka->client, 0);
}

/* ---- Settings ---- */

struct settings {
    rd_kafka_conf_t *conf;
    struct kafka    *kafka;
    struct error    *err;
    bool             has_failed;
};

/* No value stands in the message, for it may be a secret. */
static void
set(struct settings *settings, const char *name, const char *value)
{
    char text[256];
    if (settings->has_failed || rd_kafka_conf_set(settings->conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK)
        return;
    settings->has_failed = true;
    error_set(settings->err, ERR_CONFIG, "%s: librdkafka refuses the setting %s", settings->kafka->name, name);
}

static void
set_given(struct settings *settings, const char *name, struct str value)
{
    if (value.size > 0)
        set(settings, name, value.data);
}

static void
set_int(struct settings *settings, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    set(settings, name, text);
}

static void
set_secret(struct settings *settings, const char *name, const struct graph_secret *reference, enum secret_kind kind)
{
    struct secret secret = SECRET_EMPTY;
    if (settings->has_failed || reference->kind == GRAPH_SECRET_NONE)
        return;
    if (secret_read(settings->kafka->options.io, reference->text, kind, &secret, settings->err) != ST_OK) {
        settings->has_failed = true;
        error_context(settings->err, "connecting %s", settings->kafka->name);
    } else {
        set(settings, name, secret.text);
    }
    secret_release(&secret);
}

static void
set_security(struct settings *settings)
{
    const struct graph_kafka *binding = settings->kafka->binding;
    const bool                is_sasl = binding->sasl != GRAPH_SASL_NONE;

    set(settings, "security.protocol", binding->has_tls ? (is_sasl ? "sasl_ssl" : "ssl") : (is_sasl ? "sasl_plaintext" : "plaintext"));
    set_secret(settings, "ssl.ca.pem", &binding->ca, SECRET_CERTIFICATE);
    set_secret(settings, "ssl.certificate.pem", &binding->certificate, SECRET_CERTIFICATE);
    set_secret(settings, "ssl.key.pem", &binding->key, SECRET_KEY);
    if (!is_sasl)
        return;
    set(settings, "sasl.mechanism", graph_sasl_name(binding->sasl));
    if (binding->sasl == GRAPH_SASL_OAUTHBEARER) {
        set(settings, "sasl.oauthbearer.method", "oidc");
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

static void
set_reading(struct settings *settings, size_t partition_count)
{
    int64_t queue_kb = KAFKA_AHEAD_SIZE_MAX / 1024 / (int64_t)(partition_count == 0 ? 1 : partition_count);
    if (queue_kb > KAFKA_PARTITION_AHEAD_SIZE_MAX / 1024)
        queue_kb = KAFKA_PARTITION_AHEAD_SIZE_MAX / 1024;
    if (queue_kb < KAFKA_FETCH_SIZE / 1024)
        queue_kb = KAFKA_FETCH_SIZE / 1024;
    set(settings, "enable.auto.commit", "false"); /* K1 */
    set(settings, "enable.auto.offset.store", "false");
    set(settings, "auto.offset.reset", "error"); /* K4 */
    set(settings, "isolation.level", "read_committed"); /* K3 */
    set(settings, "enable.partition.eof", "true");
    set(settings, "allow.auto.create.topics", "false");
    set(settings, "check.crcs", "true");
    set_int(settings, "fetch.message.max.bytes", KAFKA_FETCH_SIZE);
    set_int(settings, "queued.min.messages", 20000);
    set_int(settings, "queued.max.messages.kbytes", queue_kb);
    set_int(settings, "fetch.queue.backoff.ms", 2);
    set_int(settings, "fetch.wait.max.ms", KAFKA_FETCH_WAIT_MS);
    set_int(settings, "reconnect.backoff.max.ms", 2000);
    set(settings, "socket.keepalive.enable", "true");
}

static void
set_all(struct settings *settings, size_t partition_count)
{
    struct kafka *kafka = settings->kafka;

    rd_kafka_conf_set_opaque(settings->conf, kafka);
    rd_kafka_conf_set_error_cb(settings->conf, take_error);
    rd_kafka_conf_set_log_cb(settings->conf, drop_log);
    set(settings, "client.id", "heddle");
    set(settings, "bootstrap.servers", kafka->binding->brokers.data);
    set(settings, "group.id", kafka->binding->group.data);
    set_reading(settings, partition_count);
    set_security(settings);
}

/* librdkafka reads certificates and keys when the client is made. */
static enum status
refuse(struct kafka *kafka, const char *text, struct error *err)
{
    error_set(err, ERR_CONFIG, "%s: no client of Kafka can be made of its settings: %s", kafka->name, text);
    error_hint(err, "look at \"tls\" and \"sasl\" of the binding: certificates and keys must be PEM, a mechanism must be one that this build has");
    return ST_ERROR;
}

enum status
kafka_client_open(struct kafka *kafka, size_t partition_count, struct error *err)
{
    struct settings settings = { .conf = rd_kafka_conf_new(), .kafka = kafka, .err = err };
    char            text[256];

    set_all(&settings, partition_count);
    if (settings.has_failed) {
        rd_kafka_conf_destroy(settings.conf);
        return ST_ERROR;
    }
    kafka->client = rd_kafka_new(RD_KAFKA_CONSUMER, settings.conf, text, sizeof text);
    if (kafka->client == NULL) {
        rd_kafka_conf_destroy(settings.conf);
        return refuse(kafka, text, err);
    }
    if (kafka->binding->sasl == GRAPH_SASL_OAUTHBEARER)
        rd_kafka_error_destroy(rd_kafka_sasl_background_callbacks_enable(kafka->client));
    return ST_OK;
}

void
kafka_client_close(struct kafka *kafka)
{
    if (kafka->client == NULL)
        return;
    /* Not by the group's farewell, which waits for brokers. */
    rd_kafka_destroy_flags(kafka->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    kafka->client = NULL;
}
