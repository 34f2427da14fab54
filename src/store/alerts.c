#include "store/alerts.h"

#include "store/statement_int.h"

/* 16 digits of time, and 8 of hash: two alerts of one microsecond differ there, and so it is a name. */
#define EYES_ID "substr(alert_id, 1, 24)"

struct alert_column {
    const char    *name;
    const char    *sql;
    enum graph_phi phi;     /* From which on it is shown; as outbox_line.c sends it. */
    bool           is_json; /* Its members are fields. */
};

static const struct alert_column columns[] = {
    { "alert_id", "alert_id", GRAPH_PHI_NONE, false },
    { "revision", "revision", GRAPH_PHI_NONE, false },
    { "rule", "rule", GRAPH_PHI_NONE, false },
    { "rule_version", "rule_version", GRAPH_PHI_NONE, false },
    { "limits_approved", "limits_approved", GRAPH_PHI_NONE, false },
    { "mode", "mode", GRAPH_PHI_NONE, false },
    { "severity", "severity", GRAPH_PHI_NONE, false },
    { "status", "status", GRAPH_PHI_NONE, false },
    { "status_reason", "status_reason", GRAPH_PHI_NONE, false },
    { "event_time", SQL_TIME("event_time"), GRAPH_PHI_NONE, false },
    { "detected_at", SQL_TIME("detected_at"), GRAPH_PHI_NONE, false },
    { "acknowledged_by", "acknowledged_by", GRAPH_PHI_NONE, false },
    { "acknowledged_at", SQL_TIME("acknowledged_at"), GRAPH_PHI_NONE, false },
    { "epoch", "epoch", GRAPH_PHI_NONE, false },
    { "person_id", "person_id", GRAPH_PHI_MINIMUM, false },
    { "encounter_id", "encounter_id", GRAPH_PHI_MINIMUM, false },
    { "location", "location", GRAPH_PHI_MINIMUM, false },
    { "code", "code", GRAPH_PHI_MINIMUM, false },
    { "effective_time", SQL_TIME("effective_time"), GRAPH_PHI_MINIMUM, false },
    { "labels", "labels", GRAPH_PHI_MINIMUM, false },
    { "subject_system", "subject_system", GRAPH_PHI_FULL, false },
    { "subject_id", "subject_id", GRAPH_PHI_FULL, false },
    { "ordering_practitioner_id", "ordering_practitioner_id", GRAPH_PHI_FULL, false },
    { "value", "value", GRAPH_PHI_FULL, false },
    { "unit", "unit", GRAPH_PHI_FULL, false },
    { "reference_range", "reference_range", GRAPH_PHI_FULL, false },
    { "explanation", "explanation", GRAPH_PHI_FULL, true },
    { "evidence", "evidence", GRAPH_PHI_FULL, true },
};
#define COLUMN_COUNT (sizeof columns / sizeof *columns)

/* ---- Names ---- */

enum status
alerts_parse_name(struct str text, struct store_alert_name *ret_name, struct error *err)
{
    const size_t colon    = str_find_byte(text, ':');
    struct str   id       = str_slice(text, 0, colon == STR_NOT_FOUND ? text.size : colon);
    int64_t      revision = 0;
    bool         is_name  = id.size > 0 && id.size <= ALERT_ID_SIZE_MAX;

    for (size_t i = 0; i < id.size; i++)
        is_name = is_name && ((id.data[i] >= '0' && id.data[i] <= '9') || (id.data[i] >= 'a' && id.data[i] <= 'f'));
    if (colon != STR_NOT_FOUND)
        is_name = is_name && str_to_int64(str_slice(text, colon + 1, text.size), &revision) && revision > 0;
    if (!is_name) {
        error_set(err, ERR_USAGE, "an alert is named by its id, 48 hexadecimal digits, or by as many of the first as no other has");
        error_hint(err, "heddle alerts list shows them in its first column; ID:3 is its revision 3");
        return ST_ERROR;
    }
    *ret_name = (struct store_alert_name){ id, revision };
    return ST_OK;
}

/* ---- Columns ---- */

static void
append_columns(struct str_builder *sql, enum graph_phi phi)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        if (columns[i].phi <= phi)
            str_builder_printf(sql, "%s%s as %s", i > 0 ? ", " : "", columns[i].sql, columns[i].name);
}

static void
append_is(struct str_builder *sql, const char *column, struct str text)
{
    if (text.size == 0)
        return;
    str_builder_printf(sql, " and %s = ", column);
    sql_append_quoted(sql, text);
}

static void
append_of_alert(struct str_builder *sql, const char *table, struct str alert_id)
{
    str_builder_printf(sql, " from %s where alert_id = ", table);
    sql_append_quoted(sql, alert_id);
}

/* ---- Many ---- */

void
alerts_list_sql(struct str_builder *sql, const struct alerts_filter *filter, enum graph_phi phi, bool for_eyes)
{
    str_builder_append_cstr(sql, "select ");
    if (for_eyes) {
        str_builder_append_cstr(sql, EYES_ID " as alert, revision, severity, status, rule, mode, " SQL_TIME("event_time") " as event_time, acknowledged_by");
        if (phi >= GRAPH_PHI_MINIMUM)
            str_builder_append_cstr(sql, ", code, location, encounter_id, person_id");
        if (phi >= GRAPH_PHI_FULL)
            str_builder_append_cstr(sql, ", subject_id, value, unit");
    } else {
        append_columns(sql, phi);
    }
    str_builder_append_cstr(sql, " from alert where true");
    append_is(sql, "rule", filter->rule);
    append_is(sql, "status", filter->status);
    append_is(sql, "severity", filter->severity);
    append_is(sql, "mode", filter->mode);
    if (filter->has_since)
        str_builder_printf(sql, " and detected_at >= %lld", (long long)filter->since_us);
    str_builder_append_cstr(sql, " order by alert.event_time desc, alert_id");
    if (filter->limit > 0)
        str_builder_printf(sql, " limit %lld", (long long)filter->limit);
}

void
alerts_find_sql(struct str_builder *sql, struct str alert_id)
{
    str_builder_append_cstr(sql, "select distinct alert_id from alert_revisions where alert_id >= ");
    sql_append_quoted(sql, alert_id);
    str_builder_append_cstr(sql, " and alert_id < ");
    sql_append_quoted(sql, alert_id);
    str_builder_append_cstr(sql, " || 'g' limit 2"); /* Behind all digits. */
}

/* ---- One ---- */

static void
append_field(struct str_builder *sql, size_t index)
{
    const struct alert_column *column = &columns[index];

    if (column->is_json)
        str_builder_printf(sql,
                           "select %zu as n, t.id as m, '%s' || replace(substr(t.fullkey, 2), '\"', '') as field, case t.type when 'null' then 'none' when 'true' then 'true' "
                           "when 'false' then 'false' else cast(t.atom as text) end as value from newest, json_tree(newest.%s) t "
                           "where t.type not in ('object', 'array')",
                           index, column->name, column->sql);
    else
        str_builder_printf(sql, "select %zu as n, 0 as m, '%s' as field, cast(%s as text) as value from newest", index, column->name, column->sql);
}

void
alerts_fields_sql(struct str_builder *sql, struct str alert_id, enum graph_phi phi)
{
    str_builder_append_cstr(sql, "with newest as (select *");
    append_of_alert(sql, "alert", alert_id);
    str_builder_append_cstr(sql, ") select field, value from (");
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        if (columns[i].phi > phi)
            continue;
        str_builder_append_cstr(sql, i > 0 ? " union all " : "");
        append_field(sql, i);
    }
    str_builder_append_cstr(sql, ") as fields where value is not null order by n, m");
}

void
alerts_revisions_sql(struct str_builder *sql, struct str alert_id, enum graph_phi phi, bool for_eyes)
{
    if (for_eyes) {
        str_builder_append_cstr(sql, "select revision, severity, status, status_reason, " SQL_TIME("detected_at") " as told_at, acknowledged_by, epoch");
        if (phi >= GRAPH_PHI_FULL)
            str_builder_append_cstr(sql, ", value, unit, json_extract(explanation, '$.handled.comment') as comment");
    } else {
        str_builder_append_cstr(sql, "select 'revision' as kind, ");
        append_columns(sql, phi);
    }
    append_of_alert(sql, "alert_revisions", alert_id);
    str_builder_append_cstr(sql, " order by alert_revisions.revision");
}

void
alerts_deliveries_sql(struct str_builder *sql, struct str alert_id, bool for_eyes)
{
    str_builder_append_cstr(sql, for_eyes ? "select revision, sink, status, attempts, " : "select 'delivery' as kind, alert_id, revision, sink, status, attempts, ");
    str_builder_append_cstr(sql, SQL_TIME("next_attempt_at") " as next_attempt_at, " SQL_TIME("delivered_at") " as delivered_at, last_error");
    append_of_alert(sql, "alert_outbox", alert_id);
    str_builder_append_cstr(sql, " order by alert_outbox.revision, alert_outbox.sink");
}
