/* backtest --compare: the store's alerts of the same rules and time, and what differs. */
#include <inttypes.h>
#include <string.h>

#include "base/json_out.h"
#include "base/time.h"
#include "cli/backtest.h"
#include "cli/table.h"
#include "config/json.h"
#include "hybrid/compare.h"
#include "io/terminal.h"
#include "store/outbox.h"

/* What the store says of the time. */
struct told {
    struct store_alert *alerts;
    bool               *is_personal;
    size_t              count;
    int64_t             begin_us, end_us; /* Of the stream's windows. */
};

/* ---- Reading ---- */

static enum status
collect(void *context, struct str bytes, struct error *err)
{
    struct str_builder *lines = context;

    str_builder_append(lines, bytes);
    return str_builder_status(lines, err);
}

static struct str
text_of(const struct json *row, const char *key)
{
    const struct json *value = json_find(row, key);
    return value == NULL || value->type == JSON_NULL ? STR_EMPTY : value->text;
}

static int64_t
number_of(const struct json *row, const char *key, int64_t otherwise)
{
    int64_t number;
    return str_to_int64(text_of(row, key), &number) ? number : otherwise;
}

static void
read_alert(const struct json *row, struct store_alert *alert, bool *ret_is_personal)
{
    *alert = (struct store_alert){
        .alert_id = text_of(row, "alert_id"), .rule = text_of(row, "rule"), .rule_version = text_of(row, "rule_version"), .mode = text_of(row, "mode"),
        .limits_approved = number_of(row, "limits_approved", 0) != 0, .severity = text_of(row, "severity"), .status = text_of(row, "status"),
        .status_reason = text_of(row, "status_reason"), .person_id = text_of(row, "person_id"), .subject_system = text_of(row, "subject_system"),
        .subject_id = text_of(row, "subject_id"), .encounter_id = text_of(row, "encounter_id"), .location = text_of(row, "location"),
        .ordering_practitioner_id = text_of(row, "ordering_practitioner_id"), .code = text_of(row, "code"), .value = text_of(row, "value"),
        .unit = text_of(row, "unit"), .reference_range = text_of(row, "reference_range"), .event_time_us = number_of(row, "event_time", 0),
        .effective_time_us = number_of(row, "effective_time", STORE_TIME_NONE), .detected_at_us = number_of(row, "detected_at", STORE_TIME_NONE),
        .explanation = text_of(row, "explanation"), .evidence = text_of(row, "evidence"), .labels = text_of(row, "labels"),
    };
    *ret_is_personal = text_of(row, "acknowledged_by").size > 0;
}

static size_t
line_count(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += text.data[i] == '\n';
    return count;
}

static enum status
read_alerts(struct str lines, struct arena *arena, struct told *told, struct error *err)
{
    struct str_split split = str_split_init(lines, '\n');
    const size_t     count = line_count(lines);
    struct str       line;
    enum status      status = ST_OK;

    told->alerts      = ARENA_ARRAY(arena, struct store_alert, count + 1);
    told->is_personal = ARENA_ARRAY(arena, bool, count + 1);
    if (told->alerts == NULL || told->is_personal == NULL)
        return error_no_memory(err);
    while (status == ST_OK && str_split_next(&split, &line) && line.size > 0) {
        const struct json *row = NULL;
        status                 = json_parse(line, "answer", arena, &row, err);
        if (status == ST_OK)
            read_alert(row, &told->alerts[told->count], &told->is_personal[told->count]);
        told->count += status == ST_OK;
    }
    return status;
}

static void
print_alerts_sql(const struct backtest_print *print, struct str_builder *sql)
{
    str_builder_printf(sql, "select * from alert where event_time >= %" PRId64 " and event_time < %" PRId64 " and rule in (", print->result->begin_us,
                       print->result->end_us);
    for (size_t i = 0; i < print->options->rule_count; i++)
        str_builder_printf(sql, "%s'%s'", i > 0 ? ", " : "", print->options->rules[i]->name);
    str_builder_append_cstr(sql, ") order by alert_id");
}

/* From the first window's beginning to the last one's end. Without a window nobody knows. */
static enum status
ask_stream_time(const struct ask *ask, struct arena *arena, struct told *told, struct error *err)
{
    const struct graph_streaming *streaming = &ask->plan.graph->streaming;
    struct str_builder            sql = STR_BUILDER_EMPTY, lines = STR_BUILDER_EMPTY;
    const struct json            *row    = NULL;
    enum status                   status = ST_OK;

    told->begin_us = INT64_MIN;
    told->end_us   = INT64_MAX;
    if (!streaming->has_window)
        return ST_OK;
    str_builder_printf(&sql, "select min(window_start) as first, max(window_end) as last from \"%.*s\"", STR_PRINTF(streaming->window.step.name));
    status = str_builder_status(&sql, err);
    if (status == ST_OK)
        status = ask_store_rows(ask, str_builder_text(&sql), collect, &lines, err);
    if (status == ST_OK)
        status = json_parse(str_trim(str_builder_text(&lines)), "answer", arena, &row, err);
    if (status == ST_OK) {
        told->begin_us = number_of(row, "first", told->begin_us);
        told->end_us   = number_of(row, "last", told->end_us);
    }
    str_builder_release(&sql);
    str_builder_release(&lines);
    return status;
}

static enum status
ask_told(const struct ask *ask, const struct backtest_print *print, struct arena *arena, struct told *told, struct error *err)
{
    struct str_builder sql = STR_BUILDER_EMPTY, lines = STR_BUILDER_EMPTY;

    print_alerts_sql(print, &sql);
    enum status status = str_builder_status(&sql, err);
    if (status == ST_OK)
        status = ask_store_rows(ask, str_builder_text(&sql), collect, &lines, err);
    if (status == ST_OK)
        status = read_alerts(str_builder_text(&lines), arena, told, err);
    if (status == ST_OK)
        status = ask_stream_time(ask, arena, told, err);
    str_builder_release(&sql);
    str_builder_release(&lines);
    return status;
}

/* ---- Printing ---- */

static const char *
kind_of(const struct difference *difference)
{
    return difference->history == NULL ? "live_only" : difference->live == NULL ? "history_only" : "differs";
}

static void
print_side(struct json_out *json, const char *key, const struct store_alert *alert, bool shows_phi)
{
    if (alert == NULL)
        return;
    json_out_key_object(json, key);
    json_out_key_text(json, "alert_id", alert->alert_id);
    alert_print(json, alert, shows_phi ? GRAPH_PHI_FULL : GRAPH_PHI_NONE);
    json_out_object_end(json);
}

static void
print_difference(const struct difference *difference, bool shows_phi, struct str_builder *out)
{
    struct json_out json;

    json_out_init(&json, out, 0);
    json_out_object_begin(&json);
    json_out_key_cstr(&json, "difference", kind_of(difference));
    json_out_key_cstr(&json, "reason", difference_reason_name(difference->reason));
    print_side(&json, "live", difference->live, shows_phi);
    print_side(&json, "history", difference->history, shows_phi);
    json_out_object_end(&json);
    str_builder_append_char(out, '\n');
}

static struct str
say(const struct store_alert *alert, struct arena *arena, bool shows_phi)
{
    if (alert == NULL)
        return STR("-");
    const char *text = arena_printf(arena, "%.*s%s%.*s, %.*s%s%.*s", STR_PRINTF(alert->status), alert->status_reason.size > 0 ? " " : "", STR_PRINTF(alert->status_reason),
                                    STR_PRINTF(alert->severity), shows_phi ? ", " : "", STR_PRINTF(shows_phi ? alert->value : STR_EMPTY));
    return text == NULL ? STR_EMPTY : str_from(text);
}

static enum status
print_table(const struct comparison *comparison, bool shows_phi, struct str_builder *out, struct error *err)
{
    static const struct table_column columns[] = { { "rule", false }, { "difference", false }, { "reason", false }, { "live", false },
                                                   { "history", false }, { "alert_id", false }, { "subject", false } };
    struct terminal terminal = terminal_of(1);
    struct arena    arena;
    struct table    shown;

    arena_init(&arena, 0);
    table_init(&shown, columns, shows_phi ? 7 : 6, &arena);
    for (size_t i = 0; i < comparison->difference_count; i++) {
        const struct difference  *difference = &comparison->differences[i];
        const struct store_alert *any        = difference->live != NULL ? difference->live : difference->history;
        table_add(&shown, any->rule);
        table_add(&shown, str_from(kind_of(difference)));
        table_add(&shown, str_from(difference_reason_name(difference->reason)));
        table_add(&shown, say(difference->live, &arena, shows_phi));
        table_add(&shown, say(difference->history, &arena, shows_phi));
        table_add(&shown, any->alert_id);
        if (shows_phi)
            table_add(&shown, any->subject_id);
    }
    enum status status = table_print(&shown, terminal.is_terminal ? terminal.width : 0, out, err);
    arena_release(&arena);
    return status;
}

static uint64_t
count_reason(const struct comparison *comparison, int reason)
{
    uint64_t count = 0;
    for (size_t i = 0; i < comparison->difference_count; i++)
        count += (int)comparison->differences[i].reason == reason;
    return count;
}

static void
print_counts_json(const struct comparison *comparison, const struct told *told, const struct backtest_result *result, struct str_builder *out)
{
    struct json_out json;

    json_out_init(&json, out, 0);
    json_out_object_begin(&json);
    json_out_key_uint(&json, "live", told->count);
    json_out_key_uint(&json, "history", result->alert_count);
    json_out_key_uint(&json, "same", comparison->same_count);
    json_out_key_object(&json, "differences");
    for (int reason = 0; reason < DIFFERENCE_REASON_COUNT; reason++)
        json_out_key_uint(&json, difference_reason_name((enum difference_reason)reason), count_reason(comparison, reason));
    json_out_object_end(&json);
    json_out_object_end(&json);
    str_builder_append_char(out, '\n');
}

static void
print_counts(const struct comparison *comparison, const struct told *told, const struct backtest_result *result, struct str_builder *out)
{
    str_builder_printf(out, "alerts of the live leg %zu, of history %zu, the same %zu\n", told->count, result->alert_count, comparison->same_count);
    for (int reason = 0; reason < DIFFERENCE_REASON_COUNT; reason++)
        if (count_reason(comparison, reason) > 0)
            str_builder_printf(out, "differences, %s: %" PRIu64 " (%s)\n", difference_reason_name((enum difference_reason)reason), count_reason(comparison, reason),
                               difference_reason_help((enum difference_reason)reason));
}

static enum status
print_comparison(const struct backtest_print *print, const struct comparison *comparison, const struct told *told, bool is_listed, struct str_builder *out,
                 struct error *err)
{
    if (!is_listed) {
        if (print->is_json)
            print_counts_json(comparison, told, print->result, out);
        else
            print_counts(comparison, told, print->result, out);
        return str_builder_status(out, err);
    }
    if (!print->is_json)
        return print_table(comparison, print->shows_phi, out, err);
    for (size_t i = 0; i < comparison->difference_count; i++)
        print_difference(&comparison->differences[i], print->shows_phi, out);
    return str_builder_status(out, err);
}

enum status
backtest_compare(const struct ask *ask, const struct backtest_print *print, bool is_listed, struct str_builder *out, struct error *err)
{
    struct told       told       = { .count = 0 };
    struct comparison comparison = { .same_count = 0 };
    struct arena      arena;

    arena_init(&arena, 0);
    enum status status = ask_told(ask, print, &arena, &told, err);
    const struct comparison_input input = { .result = print->result, .live = told.alerts, .live_count = told.count, .is_personal = told.is_personal,
                                            .stream_begin_us = told.begin_us, .stream_end_us = told.end_us };
    if (status == ST_OK)
        status = compare_alerts(&input, &arena, &comparison, err);
    if (status == ST_OK)
        status = print_comparison(print, &comparison, &told, is_listed, out, err);
    if (status == ST_OK && comparison.difference_count > 0) {
        status = error_set(err, ERR_NO, "the live leg and history tell %zu alerts differently", comparison.difference_count);
        if (!is_listed)
            error_hint(err, "--list shows them one by one");
    }
    arena_release(&arena);
    return status;
}
