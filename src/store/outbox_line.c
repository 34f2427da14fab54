#include "base/json_out.h"
#include "store/outbox.h"
#include "store/outbox_int.h"

/* Left out where empty. */
static void
put_text(struct json_out *json, const char *key, struct str text)
{
    if (text.size > 0)
        json_out_key_text(json, key, text);
}

static void
put_time(struct json_out *json, const char *key, int64_t time_us)
{
    if (time_us == STORE_TIME_NONE)
        return;
    json_out_key(json, str_from(key));
    json_out_time(json, time_us);
}

/* JSON of the rule's own. A line feed between its tokens would end the line, so such a text goes out as a text. */
static void
put_json(struct json_out *json, const char *key, struct str text)
{
    if (text.size == 0)
        return;
    json_out_key(json, str_from(key));
    if (str_find_byte(text, '\n') == STR_NOT_FOUND)
        json_out_raw(json, text);
    else
        json_out_text(json, text);
}

/* Says that something happened, and how grave it is; nothing of whom. */
static void
put_none(struct json_out *json, const struct store_alert *alert)
{
    put_text(json, "rule", alert->rule);
    put_text(json, "rule_version", alert->rule_version);
    json_out_key_bool(json, "limits_approved", alert->limits_approved);
    put_text(json, "mode", alert->mode);
    put_text(json, "severity", alert->severity);
    put_text(json, "status", alert->status);
    put_text(json, "status_reason", alert->status_reason);
    put_time(json, "event_time", alert->event_time_us);
    put_time(json, "detected_at", alert->detected_at_us);
    put_text(json, "acknowledged_by", alert->acknowledged_by);
    if (alert->acknowledged_by.size > 0)
        put_time(json, "acknowledged_at", alert->acknowledged_at_us);
}

/* What finding the case needs (graph.h). */
static void
put_minimum(struct json_out *json, const struct store_alert *alert)
{
    put_text(json, "person_id", alert->person_id);
    put_text(json, "encounter_id", alert->encounter_id);
    put_text(json, "location", alert->location);
    put_text(json, "code", alert->code);
    put_time(json, "effective_time", alert->effective_time_us);
    put_text(json, "labels", alert->labels);
}

static void
put_full(struct json_out *json, const struct store_alert *alert)
{
    put_text(json, "subject_system", alert->subject_system);
    put_text(json, "subject_id", alert->subject_id);
    put_text(json, "ordering_practitioner_id", alert->ordering_practitioner_id);
    put_text(json, "value", alert->value);
    put_text(json, "unit", alert->unit);
    put_text(json, "reference_range", alert->reference_range);
    put_json(json, "explanation", alert->explanation);
    put_json(json, "evidence", alert->evidence);
}

void
alert_print(struct json_out *json, const struct store_alert *alert, enum graph_phi phi)
{
    put_none(json, alert);
    if (phi != GRAPH_PHI_NONE)
        put_minimum(json, alert);
    if (phi == GRAPH_PHI_FULL)
        put_full(json, alert);
}

static void
put_alert(struct str_builder *out, const struct store_alert *alert, struct str sink, enum graph_phi phi, unsigned indent)
{
    struct json_out json;

    json_out_init(&json, out, indent);
    json_out_object_begin(&json);
    json_out_key_text(&json, "alert_id", alert->alert_id);
    json_out_key_int(&json, "revision", alert->revision);
    json_out_key_text(&json, "sink", sink);
    alert_print(&json, alert, phi);
    json_out_object_end(&json);
    str_builder_append_char(out, '\n');
}

void
outbox_line(struct str_builder *out, const struct store_alert *alert, struct str sink, enum graph_phi phi)
{
    put_alert(out, alert, sink, phi, 0);
}

void
outbox_block(struct str_builder *out, const struct store_alert *alert, struct str sink, enum graph_phi phi)
{
    put_alert(out, alert, sink, phi, 2);
}
