#include <inttypes.h>
#include <stdlib.h>

#include "base/json_out.h"
#include "base/memory.h"
#include "base/time.h"
#include "cli/backtest.h"
#include "cli/table.h"
#include "io/terminal.h"
#include "store/outbox.h"

/* Alerts of one rule, severity, status and reason. */
struct group {
    const struct store_alert *of; /* The first of them. */
    uint64_t                  count;
    uint64_t                  sent_count;
};

static int
compare_groups(const void *a, const void *b)
{
    const struct store_alert *x = *(const struct store_alert *const *)a, *y = *(const struct store_alert *const *)b;
    int                       order = str_compare(x->rule, y->rule);
    if (order == 0)
        order = str_compare(x->severity, y->severity);
    if (order == 0)
        order = str_compare(x->status, y->status);
    return order != 0 ? order : str_compare(x->status_reason, y->status_reason);
}

/* The caller frees *ret_groups. */
static enum status
count_groups(const struct backtest_result *result, struct group **ret_groups, size_t *ret_count, struct error *err)
{
    const struct store_alert **alerts = memory_alloc_array(result->alert_count + 1, sizeof(*alerts));
    struct group              *groups = memory_alloc_array(result->alert_count + 1, sizeof(*groups));
    size_t                     count  = 0;

    for (size_t i = 0; alerts != NULL && i < result->alert_count; i++)
        alerts[i] = &result->alerts[i];
    if (alerts != NULL && result->alert_count > 0)
        qsort(alerts, result->alert_count, sizeof(*alerts), compare_groups);
    for (size_t i = 0; alerts != NULL && groups != NULL && i < result->alert_count; i++) {
        if (count == 0 || compare_groups(&groups[count - 1].of, &alerts[i]) != 0)
            groups[count++] = (struct group){ .of = alerts[i] };
        groups[count - 1].count++;
        groups[count - 1].sent_count += alerts[i]->is_delivered;
    }
    const bool is_ok = alerts != NULL && groups != NULL;
    memory_free(alerts);
    if (!is_ok) {
        memory_free(groups);
        return error_no_memory(err);
    }
    *ret_groups = groups;
    *ret_count  = count;
    return ST_OK;
}

static double
days_of(const struct backtest_result *result)
{
    return (double)(result->end_us - result->begin_us) / (double)US_PER_DAY;
}

/* ---- JSON ---- */

static void
print_rules(const struct backtest_options *options, struct json_out *json)
{
    json_out_key_array(json, "rules");
    for (size_t i = 0; i < options->rule_count; i++) {
        json_out_object_begin(json);
        json_out_key_cstr(json, "rule", options->rules[i]->name);
        json_out_key_cstr(json, "version", options->rules[i]->version);
        json_out_key_bool(json, "approved", options->rules[i]->is_approved);
        json_out_object_end(json);
    }
    json_out_array_end(json);
}

static void
print_json(const struct backtest_print *print, const struct group *groups, size_t count, struct str_builder *out)
{
    const struct backtest_result *result = print->result;
    struct json_out               json;

    json_out_init(&json, out, 0);
    json_out_object_begin(&json);
    print_rules(print->options, &json);
    json_out_key(&json, STR("from"));
    json_out_time(&json, result->begin_us);
    json_out_key(&json, STR("to"));
    json_out_time(&json, result->end_us);
    json_out_key(&json, STR("history_from"));
    json_out_time(&json, result->history_us);
    json_out_key_int(&json, "patients", result->patient_count);
    json_out_key_int(&json, "facts", result->row_count);
    json_out_key_array(&json, "alerts");
    for (size_t i = 0; i < count; i++) {
        json_out_object_begin(&json);
        json_out_key_text(&json, "rule", groups[i].of->rule);
        json_out_key_text(&json, "severity", groups[i].of->severity);
        json_out_key_text(&json, "status", groups[i].of->status);
        json_out_key_text(&json, "status_reason", groups[i].of->status_reason);
        json_out_key_uint(&json, "alerts", groups[i].count);
        json_out_key_uint(&json, "sent", groups[i].sent_count);
        json_out_object_end(&json);
    }
    json_out_array_end(&json);
    json_out_object_end(&json);
    str_builder_append_char(out, '\n');
}

/* ---- For people ---- */

static void
add_ratio(struct table *shown, double ratio)
{
    struct str_builder text = STR_BUILDER_EMPTY;
    str_builder_printf(&text, "%.2f", ratio);
    table_add(shown, str_builder_text(&text));
    str_builder_release(&text);
}

static enum status
print_groups(const struct backtest_result *result, const struct group *groups, size_t count, struct str_builder *out, struct error *err)
{
    static const struct table_column columns[] = { { "rule", false },  { "severity", false }, { "status", false },           { "reason", false },
                                                   { "alerts", true }, { "a day", true },     { "per 1,000 patients", true }, { "sent", true } };
    struct terminal terminal = terminal_of(1);
    struct arena    arena;
    struct table    shown;

    arena_init(&arena, 0);
    table_init(&shown, columns, sizeof(columns) / sizeof(columns[0]), &arena);
    for (size_t i = 0; i < count; i++) {
        table_add(&shown, groups[i].of->rule);
        table_add(&shown, groups[i].of->severity);
        table_add(&shown, groups[i].of->status);
        table_add(&shown, groups[i].of->status_reason);
        table_add_count(&shown, groups[i].count);
        add_ratio(&shown, (double)groups[i].count / days_of(result));
        add_ratio(&shown, result->patient_count > 0 ? 1000.0 * (double)groups[i].count / (double)result->patient_count : 0.0);
        table_add_count(&shown, groups[i].sent_count);
    }
    enum status status = table_print(&shown, terminal.is_terminal ? terminal.width : 0, out, err);
    arena_release(&arena);
    return status;
}

static void
print_head(const struct backtest_print *print, struct str_builder *out)
{
    const struct backtest_result *result = print->result;
    char                          begin[TIME_TEXT_SIZE], end[TIME_TEXT_SIZE], history[TIME_TEXT_SIZE];

    for (size_t i = 0; i < print->options->rule_count; i++) {
        const struct rule_pack *rule = print->options->rules[i];
        str_builder_printf(out, "%s, version %s%s\n", rule->name, rule->version, rule->is_approved ? "" : ", which nobody has approved: what it fires by itself is shown, not sent");
    }
    if (result->end_us <= result->begin_us)
        return;
    time_print(result->begin_us, begin);
    time_print(result->end_us, end);
    time_print(result->history_us, history);
    str_builder_printf(out, "from %s to %s, with history from %s\n", begin, end, history);
    str_builder_printf(out, "%" PRId64 " facts, %" PRId64 " patients\n\n", result->row_count, result->patient_count);
}

enum status
backtest_print_summary(const struct backtest_print *print, struct str_builder *out, struct error *err)
{
    struct group *groups = NULL;
    size_t        count  = 0;
    enum status   status = ST_OK;

    if (count_groups(print->result, &groups, &count, err) != ST_OK)
        return ST_ERROR;
    if (print->is_json) {
        print_json(print, groups, count, out);
    } else {
        print_head(print, out);
        if (count > 0)
            status = print_groups(print->result, groups, count, out, err);
        else
            str_builder_append_cstr(out, print->result->row_count == 0 ? "there are no facts of that time\n" : "no alerts\n");
        if (count > 0)
            str_builder_append_cstr(out, "\nlook next: --list for the alerts one by one, --compare STORE for what the live leg told\n");
    }
    memory_free(groups);
    return status == ST_OK ? str_builder_status(out, err) : status;
}

/* ---- Alerts one by one ---- */

static void
print_alert(const struct store_alert *alert, bool shows_phi, struct str_builder *out)
{
    struct json_out json;

    json_out_init(&json, out, 0);
    json_out_object_begin(&json);
    json_out_key_text(&json, "alert_id", alert->alert_id);
    alert_print(&json, alert, shows_phi ? GRAPH_PHI_FULL : GRAPH_PHI_NONE);
    json_out_key_bool(&json, "sent", alert->is_delivered);
    json_out_object_end(&json);
    str_builder_append_char(out, '\n');
}

static void
add_time(struct table *shown, int64_t time_us)
{
    char   text[TIME_TEXT_SIZE];
    size_t size = time_us == STORE_TIME_NONE ? 0 : time_print(time_us, text);
    table_add(shown, str_of(text, size));
}

#define PLAIN_COLUMN_COUNT 7

static enum status
print_table(const struct backtest_print *print, struct str_builder *out, struct error *err)
{
    static const struct table_column columns[] = { { "event_time", false },     { "rule", false },   { "severity", false }, { "status", false },
                                                   { "reason", false },         { "sent", false },   { "alert_id", false }, { "subject", false },
                                                   { "effective_time", false }, { "code", false },   { "value", false },    { "unit", false } };
    const size_t    column_count = print->shows_phi ? sizeof(columns) / sizeof(columns[0]) : PLAIN_COLUMN_COUNT;
    struct terminal terminal     = terminal_of(1);
    struct arena    arena;
    struct table    shown;

    arena_init(&arena, 0);
    table_init(&shown, columns, column_count, &arena);
    for (size_t i = 0; i < print->result->alert_count; i++) {
        const struct store_alert *alert = &print->result->alerts[i];
        add_time(&shown, alert->event_time_us);
        table_add(&shown, alert->rule);
        table_add(&shown, alert->severity);
        table_add(&shown, alert->status);
        table_add(&shown, alert->status_reason);
        table_add(&shown, alert->is_delivered ? STR("yes") : STR("no"));
        table_add(&shown, alert->alert_id);
        if (!print->shows_phi)
            continue;
        table_add(&shown, alert->subject_id);
        add_time(&shown, alert->effective_time_us);
        table_add(&shown, alert->code);
        table_add(&shown, alert->value);
        table_add(&shown, alert->unit);
    }
    enum status status = table_print(&shown, terminal.is_terminal ? terminal.width : 0, out, err);
    arena_release(&arena);
    return status;
}

enum status
backtest_print_alerts(const struct backtest_print *print, struct str_builder *out, struct error *err)
{
    if (!print->is_json)
        return print_table(print, out, err);
    for (size_t i = 0; i < print->result->alert_count; i++)
        print_alert(&print->result->alerts[i], print->shows_phi, out);
    return str_builder_status(out, err);
}
