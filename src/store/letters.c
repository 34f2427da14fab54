#include "store/letters.h"

#include <stdio.h>
#include <string.h>

#include "store/statement_int.h"

struct letter_column {
    const char *name;
    const char *sql;
    bool        is_senders; /* The sender wrote it. */
};

static const struct letter_column columns[] = {
    { "letter", "partition_id || ':' || position", false },
    { "kind", "kind", false },
    { "source", "source", false },
    { "row_number", "row_number", false },
    { "step", "step", false },
    { "entity", "nullif(entity, '')", false },
    { "path", "path", false },
    { "reason_code", "reason_code", false },
    { "reason", "reason", false },
    { "received_at", SQL_TIME("received_at"), false },
    { "event_time", SQL_TIME("event_time"), false },
    { "watermark", SQL_TIME("watermark"), false },
    { "status", "status", false },
    { "attempts", "attempts", false },
    { "resolved_by", "resolved_by", false },
    { "plan_digest", "plan_digest", false },
    { "epoch", "epoch", false },
    { "size_bytes", "length(bytes)", false },
    { "event_id", "event_id", true },
    { "event_key", "event_key", true },
    { "headers", "headers", true },
    { "bytes", "bytes", true },
};
#define COLUMN_COUNT (sizeof columns / sizeof *columns)

/* Both tables in one form. A CTE "letter". */
static void
begin(struct str_builder *sql, const char *condition)
{
    str_builder_printf(sql,
                       "with letter as (select 'dead_letter' as kind, source, partition_id, position, row_number, step, entity, path, "
                       "reason_code, reason, received_at, null as event_time, null as watermark, status, attempts, resolved_by, plan_digest, "
                       "epoch, event_id, event_key, headers, bytes from dead_letter%s union all "
                       "select 'late_event', source, partition_id, position, 0, step, '', null, reason_code, reason, received_at, event_time, "
                       "watermark, status, null, null, null, epoch, null, null, null, bytes from late_event%s) ",
                       condition, condition);
}

void
letters_summary_sql(struct str_builder *sql)
{
    begin(sql, "");
    str_builder_append_cstr(sql, "select kind, step, nullif(entity, '') as entity, reason_code, count(*) as letter_count, "
                                 "count(*) filter (where status = 'open') as open_count, count(*) filter (where status = 'retried') as waiting_count, "
                                 "count(*) filter (where status = 'resolved') as resolved_count, " SQL_TIME("min(received_at)") " as first_received_at, "
                                 SQL_TIME("max(received_at)") " as last_received_at from letter group by kind, step, entity, reason_code "
                                 "order by kind, letter_count desc, step, entity, reason_code");
}

void
letters_list_sql(struct str_builder *sql, struct str reason_code)
{
    struct str_builder condition = STR_BUILDER_EMPTY;

    if (reason_code.size > 0) {
        str_builder_append_cstr(&condition, " where reason_code = ");
        sql_append_quoted(&condition, reason_code);
    }
    begin(sql, str_builder_cstr(&condition));
    sql->has_failed |= !str_builder_is_ok(&condition);
    str_builder_release(&condition);
    str_builder_append_cstr(sql, "select partition_id || ':' || position as letter, row_number, step, nullif(entity, '') as entity, reason_code, reason, "
                                 SQL_TIME("received_at") " as received_at, status, length(bytes) as size_bytes from letter "
                                 "order by source, partition_id, position, row_number, step");
}

/* ---- One letter ---- */

enum status
letters_parse_name(struct str letter, struct str *ret_partition_id, int64_t *ret_position, struct error *err)
{
    size_t colon = str_find_last_byte(letter, ':');

    if (colon == STR_NOT_FOUND || colon == 0 || !str_to_int64(str_slice(letter, colon + 1, letter.size), ret_position)) {
        error_set(err, ERR_USAGE, "a letter is named PARTITION:POSITION");
        error_hint(err, "heddle letters list shows the names in its first column");
        return ST_ERROR;
    }
    *ret_partition_id = str_slice(letter, 0, colon);
    return ST_OK;
}

static void
append_columns(struct str_builder *sql, bool with_bytes)
{
    str_builder_append_cstr(sql, "select ");
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        if (with_bytes || !columns[i].is_senders)
            str_builder_printf(sql, "%s%s as %s", i > 0 ? ", " : "", columns[i].sql, columns[i].name);
    str_builder_append_cstr(sql, " from letter order by row_number, step");
}

/* A sender's bytes are told as text: by PostgreSQL with what is not ASCII in octal, for its text holds no such bytes. */
static const char *
column_as_text(const struct letter_column *column, enum graph_store_type store, char *out, size_t size)
{
    if (store == GRAPH_STORE_POSTGRES && strcmp(column->name, "bytes") == 0)
        return "encode(bytes, 'escape')";
    snprintf(out, size, "cast(%s as text)", column->sql);
    return out;
}

static void
append_fields(struct str_builder *sql, bool with_bytes, enum graph_store_type store)
{
    char text[200];

    str_builder_append_cstr(sql, "select field, value from (");
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        if (with_bytes || !columns[i].is_senders)
            str_builder_printf(sql, "%sselect row_number as r, step as s, %zu as n, '%s' as field, %s as value from letter",
                               i > 0 ? " union all " : "", i, columns[i].name, column_as_text(&columns[i], store, text, sizeof text));
    str_builder_append_cstr(sql, ") as fields where value is not null order by r, s, n");
}

enum status
letters_show_sql(struct str_builder *sql, struct str letter, bool with_bytes, bool for_eyes, enum graph_store_type store, struct error *err)
{
    struct str_builder condition = STR_BUILDER_EMPTY;
    struct str         partition = STR_EMPTY;
    int64_t            position  = 0;

    if (letters_parse_name(letter, &partition, &position, err) != ST_OK)
        return ST_ERROR;
    str_builder_append_cstr(&condition, " where partition_id = ");
    sql_append_quoted(&condition, partition);
    str_builder_printf(&condition, " and position = %lld", (long long)position);
    begin(sql, str_builder_cstr(&condition));
    sql->has_failed |= !str_builder_is_ok(&condition);
    str_builder_release(&condition);
    if (for_eyes)
        append_fields(sql, with_bytes, store);
    else
        append_columns(sql, with_bytes);
    return str_builder_status(sql, err);
}
