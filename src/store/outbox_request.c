/* What receivers beyond the network are sent: the alert's line for a webhook, a list of alerts for an Alertmanager. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/json_out.h"
#include "base/memory.h"
#include "base/time.h"
#include "io/key.h"
#include "model/model.h"
#include "store/outbox_int.h"

/* Alerts in one request to an Alertmanager: what an epoch commonly has, in a body of some 100 KB. */
#define ALERTMANAGER_COUNT_MAX 32
/* An alert that is open is told with an end that far away, for without one the Alertmanager takes it for resolved after its
 * resolve_timeout (5 minutes), and nobody has looked by then. */
#define ALERTMANAGER_OPEN_US (365 * US_PER_DAY)

/* ---- Headers ---- */

struct headers {
    struct arena *arena;
    const char  **list;
    size_t        count;
    bool          has_no_memory;
};

static void
add_header(struct headers *headers, const char *text)
{
    headers->has_no_memory |= text == NULL;
    headers->list[headers->count++] = text;
}

enum status
outbox_signature(struct str key, struct str signed_text, int64_t seconds, char out[OUTBOX_SIGNATURE_SIZE], struct error *err)
{
    uint8_t     digest[SHA256_SIZE];
    char        hex[2 * SHA256_SIZE + 1];
    enum status status = hmac_sha256(key.data, key.size, signed_text.data, signed_text.size, digest, err);

    if (status != ST_OK)
        return status;
    hex_encode(digest, sizeof digest, hex);
    snprintf(out, OUTBOX_SIGNATURE_SIZE, "t=%" PRId64 ",v1=%s", seconds, hex);
    return ST_OK;
}

static enum status
fill_headers(struct outbox_request *request, int64_t seconds, struct error *err)
{
    const struct outbox_receiver *receiver = request->receiver;
    const struct outbox_item     *item     = &request->items[0];
    struct headers                headers  = { .arena = &request->arena };
    char                          signature[OUTBOX_SIGNATURE_SIZE];

    headers.list = ARENA_ARRAY(&request->arena, const char *, receiver->header_count + 3);
    if (headers.list == NULL)
        return error_no_memory(err);
    add_header(&headers, "Content-Type: application/json");
    for (size_t i = 0; i < receiver->header_count; i++)
        add_header(&headers, receiver->headers[i].text);
    if (request->item_count == 1)
        add_header(&headers, arena_printf(&request->arena, "Idempotency-Key: %.*s:%" PRId64, STR_PRINTF(item->alert_id), item->revision));
    if (receiver->sign.size > 0) {
        if (outbox_signature(secret_text(&receiver->sign), str_builder_text(&request->text), seconds, signature, err) != ST_OK)
            return ST_ERROR;
        add_header(&headers, arena_printf(&request->arena, "X-Heddle-Signature: %s", signature));
    }
    if (headers.has_no_memory)
        return error_no_memory(err);
    request->transfer.headers      = headers.list;
    request->transfer.header_count = headers.count;
    return ST_OK;
}

/* ---- Webhook ---- */

/* The line that the file would get, without its end. Behind what is signed before it. */
static enum status
fill_webhook(struct outbox_request *request, const struct store_alert *alert, int64_t seconds, struct error *err)
{
    const struct graph_route *route = request->receiver->route;
    size_t                    begin;

    if (request->receiver->sign.size > 0)
        str_builder_printf(&request->text, "%" PRId64 ".", seconds);
    begin = request->text.size;
    outbox_line(&request->text, alert, route->name, route->phi);
    if (str_builder_status(&request->text, err) != ST_OK)
        return ST_ERROR;
    str_builder_truncate(&request->text, request->text.size - 1);
    request->transfer.body = str_slice(str_builder_text(&request->text), begin, request->text.size);
    return ST_OK;
}

/* ---- Alertmanager ---- */

static void
put_text(struct json_out *json, const char *key, struct str text)
{
    if (text.size > 0)
        json_out_key_text(json, key, text);
}

/* Labels are what an Alertmanager knows an alert by, so they are those that no revision changes, and the severity, for routing. */
static void
put_labels(struct json_out *json, const struct store_alert *alert, struct str pipeline, struct str severity)
{
    json_out_key_object(json, "labels");
    json_out_key_text(json, "alertname", alert->rule);
    json_out_key_text(json, "alert_id", alert->alert_id);
    json_out_key_text(json, "pipeline", pipeline);
    json_out_key_text(json, "mode", alert->mode);
    json_out_key_text(json, "severity", severity);
    json_out_object_end(json);
}

static void
put_annotations(struct json_out *json, const struct store_alert *alert, enum graph_phi phi)
{
    json_out_key_object(json, "annotations");
    put_text(json, "status", alert->status);
    put_text(json, "status_reason", alert->status_reason);
    json_out_key(json, STR("revision"));
    char number[24];
    snprintf(number, sizeof number, "%" PRId64, alert->revision);
    json_out_text(json, str_from(number));
    put_text(json, "rule_version", alert->rule_version);
    put_text(json, "acknowledged_by", alert->acknowledged_by);
    if (phi != GRAPH_PHI_NONE) {
        put_text(json, "person_id", alert->person_id);
        put_text(json, "encounter_id", alert->encounter_id);
        put_text(json, "location", alert->location);
        put_text(json, "code", alert->code);
    }
    if (phi == GRAPH_PHI_FULL) {
        put_text(json, "subject_system", alert->subject_system);
        put_text(json, "subject_id", alert->subject_id);
        put_text(json, "ordering_practitioner_id", alert->ordering_practitioner_id);
        put_text(json, "value", alert->value);
        put_text(json, "unit", alert->unit);
        put_text(json, "reference_range", alert->reference_range);
        put_text(json, "explanation", alert->explanation);
    }
    json_out_object_end(json);
}

static void
put_entry(struct json_out *json, const struct store_alert *alert, struct str pipeline, struct str severity, enum graph_phi phi, bool is_over,
          int64_t now_us)
{
    const int64_t begin_us = alert->event_time_us < now_us ? alert->event_time_us : now_us;

    json_out_object_begin(json);
    put_labels(json, alert, pipeline, severity);
    put_annotations(json, alert, phi);
    json_out_key(json, STR("startsAt"));
    json_out_time(json, begin_us);
    json_out_key(json, STR("endsAt"));
    json_out_time(json, is_over ? now_us : now_us + ALERTMANAGER_OPEN_US);
    json_out_object_end(json);
}

/* An alert whose severity has changed has other labels, is another alert there: the one that was told before ends. */
static void
put_alert(struct json_out *json, const struct store_alert *alert, struct str pipeline, enum graph_phi phi, int64_t now_us)
{
    const bool is_over = str_equal(alert->status, STR("retracted")) || str_equal(alert->status, STR("closed"));

    put_entry(json, alert, pipeline, alert->severity, phi, is_over, now_us);
    for (enum severity i = 0; alert->revision > 1 && i < SEVERITY_COUNT; i++)
        if (!str_equal(alert->severity, str_from(severity_name(i))))
            put_entry(json, alert, pipeline, str_from(severity_name(i)), phi, true, now_us);
}

static enum status
fill_alertmanager(struct outbox_request *request, struct str pipeline, const struct store_outbox_row *const *rows, int64_t now_us, struct error *err)
{
    struct json_out json;

    json_out_init(&json, &request->text, 0);
    json_out_array_begin(&json);
    for (size_t i = 0; i < request->item_count; i++)
        put_alert(&json, &rows[i]->alert, pipeline, request->receiver->route->phi, now_us);
    json_out_array_end(&json);
    request->transfer.body = str_builder_text(&request->text);
    return str_builder_status(&request->text, err);
}

/* ---- Kafka ---- */

/* A CloudEvent in structured mode (cloudevents.io, 1.0) around what the alert says. */
static void
put_cloud_event(struct json_out *json, const struct store_alert *alert, struct str pipeline, const struct graph_route *route, struct arena *arena)
{
    const char *id = arena_printf(arena, "%.*s:%" PRId64, STR_PRINTF(alert->alert_id), alert->revision);
    const char *source = arena_printf(arena, "/heddle/%.*s", STR_PRINTF(pipeline)), *type = arena_printf(arena, "heddle.alert.%.*s", STR_PRINTF(alert->status));

    json_out_object_begin(json);
    json_out_key_cstr(json, "specversion", "1.0");
    json_out_key_cstr(json, "id", id == NULL ? "" : id);
    json_out_key_cstr(json, "source", source == NULL ? "" : source);
    json_out_key_cstr(json, "type", type == NULL ? "" : type);
    json_out_key(json, STR("time"));
    json_out_time(json, alert->event_time_us);
    json_out_key_cstr(json, "datacontenttype", "application/json");
    json_out_key_object(json, "data");
    json_out_key_text(json, "alert_id", alert->alert_id);
    json_out_key_int(json, "revision", alert->revision);
    json_out_key_text(json, "sink", route->name);
    alert_print(json, alert, route->phi);
    json_out_object_end(json);
    json_out_object_end(json);
}

static enum status
fill_body(struct outbox_request *request, const struct store_alert *alert, struct str pipeline, struct error *err)
{
    const struct graph_route *route = request->receiver->route;

    if (route->receiver.form == GRAPH_ALERT_CLOUDEVENTS) {
        struct json_out json;
        json_out_init(&json, &request->text, 0);
        put_cloud_event(&json, alert, pipeline, route, &request->arena);
    } else {
        outbox_line(&request->text, alert, route->name, route->phi);
        if (str_builder_is_ok(&request->text))
            str_builder_truncate(&request->text, request->text.size - 1);
    }
    request->transfer.body = str_builder_text(&request->text);
    return str_builder_status(&request->text, err);
}

/* Of one subject all alerts have one key, so that they stand in one partition; but only where the message may say who it is. */
static const char *
message_key(struct outbox_request *request, const struct store_alert *alert)
{
    return request->receiver->route->phi == GRAPH_PHI_FULL && alert->subject_id.size > 0
             ? arena_printf(&request->arena, "%.*s|%.*s", STR_PRINTF(alert->subject_system), STR_PRINTF(alert->subject_id))
             : arena_printf(&request->arena, "%.*s", STR_PRINTF(alert->alert_id));
}

static enum status
fill_message(struct outbox_request *request, struct str pipeline, const struct store_alert *alert, struct error *err)
{
    const bool     is_cloud_event = request->receiver->route->receiver.form == GRAPH_ALERT_CLOUDEVENTS;
    struct headers headers        = { .arena = &request->arena, .list = ARENA_ARRAY(&request->arena, const char *, 5) };
    const char    *key            = message_key(request, alert);

    if (headers.list == NULL || key == NULL)
        return error_no_memory(err);
    add_header(&headers, is_cloud_event ? "Content-Type: application/cloudevents+json; charset=UTF-8" : "Content-Type: application/json");
    add_header(&headers, arena_printf(&request->arena, "Idempotency-Key: %.*s:%" PRId64, STR_PRINTF(alert->alert_id), alert->revision));
    add_header(&headers, arena_printf(&request->arena, "alert_id: %.*s", STR_PRINTF(alert->alert_id)));
    add_header(&headers, arena_printf(&request->arena, "revision: %" PRId64, alert->revision));
    add_header(&headers, arena_printf(&request->arena, "pipeline: %.*s", STR_PRINTF(pipeline)));
    if (headers.has_no_memory)
        return error_no_memory(err);
    request->transfer.key          = str_from(key);
    request->transfer.headers      = headers.list;
    request->transfer.header_count = headers.count;
    return fill_body(request, alert, pipeline, err);
}

static enum status
fill_mail(struct outbox_request *request, struct str pipeline, const struct store_outbox_row *const *rows, int64_t now_us, struct error *err)
{
    if (outbox_mail(&request->text, pipeline, request->receiver->route, rows, request->item_count, now_us, err) != ST_OK)
        return ST_ERROR;
    request->transfer.body = str_builder_text(&request->text);
    return ST_OK;
}

/* ---- The whole ---- */

size_t
outbox_request_row_count_max(const struct graph_route *route)
{
    return route->type == GRAPH_ROUTE_ALERTMANAGER ? ALERTMANAGER_COUNT_MAX : route->type == GRAPH_ROUTE_SMTP ? (size_t)route->receiver.group_count_max : 1;
}

/* What was tried before goes alone: of several that were refused together one may be at fault for all. */
static size_t
count_together(const struct graph_route *route, const struct store_outbox_row *const *rows, size_t row_count)
{
    const size_t count_max = outbox_request_row_count_max(route);
    size_t       count     = 1;

    while (rows[0]->attempts == 0 && count < count_max && count < row_count && rows[count]->attempts == 0)
        count++;
    return count;
}

enum status
outbox_request_fill(struct outbox_request *request, struct str pipeline, const struct store_outbox_row *const *rows, size_t row_count, int64_t now_us,
                    struct error *err)
{
    const struct graph_route *route   = request->receiver->route;
    const int64_t             seconds = now_us / US_PER_SECOND;
    enum status               status;

    CHECK(row_count > 0);
    arena_clear(&request->arena);
    str_builder_clear(&request->text);
    request->item_count = count_together(route, rows, row_count);
    request->items      = ARENA_ARRAY(&request->arena, struct outbox_item, request->item_count);
    if (request->items == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < request->item_count; i++) {
        request->items[i] = (struct outbox_item){ .revision = rows[i]->alert.revision, .attempts = rows[i]->attempts, .since_us = rows[i]->since_us };
        if (!arena_text(&request->arena, rows[i]->alert.alert_id, &request->items[i].alert_id))
            return error_no_memory(err);
    }
    if (route->type == GRAPH_ROUTE_KAFKA)
        return fill_message(request, pipeline, &rows[0]->alert, err);
    if (route->type == GRAPH_ROUTE_SMTP)
        return fill_mail(request, pipeline, rows, now_us, err);
    status = route->type == GRAPH_ROUTE_ALERTMANAGER ? fill_alertmanager(request, pipeline, rows, now_us, err)
                                                     : fill_webhook(request, &rows[0]->alert, seconds, err);
    return status == ST_OK ? fill_headers(request, seconds, err) : status;
}
