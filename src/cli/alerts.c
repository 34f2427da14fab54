/* heddle alerts: what rules have told, one of them in full, and what persons do about it. */
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "base/time.h"
#include "cli/alerts_act.h"
#include "cli/ask.h"
#include "cli/owner.h"
#include "cli/verb.h"
#include "config/json.h"
#include "io/process.h"
#include "store/alerts.h"

struct alerts_options {
    struct ask_options ask;
    struct str         rule;
    struct str         status;
    struct str         severity;
    struct str         mode;
    struct str         since;
    int64_t            limit;
    int                phi;
    struct str         by;
    struct str         comment;
    struct str         reason;
    bool               has_limit;
};

/* In the order of enum graph_phi. */
static const char *const phi_names[]      = { "none", "minimum", "full", NULL };
static const char *const statuses[]       = { "open", "revised", "retracted", "acknowledged", "closed", NULL };
static const char *const severity_names[] = { "low", "medium", "high", "critical", NULL };
static const char *const modes[]          = { "live", "shadow", "replay", "test", NULL };

static const struct option options[] = {
    ASK_OPTIONS(struct alerts_options, ask),
    { .name = "rule", .type = OPTION_TEXT, .help = "Of list: those of this rule.", OPTION_FIELD(struct alerts_options, rule) },
    { .name = "status", .type = OPTION_TEXT, .names = statuses, .help = "Of list: those whose newest revision says so.",
      OPTION_FIELD(struct alerts_options, status) },
    { .name = "severity", .type = OPTION_TEXT, .names = severity_names, .help = "Of list: those of this severity.",
      OPTION_FIELD(struct alerts_options, severity) },
    { .name = "mode", .type = OPTION_TEXT, .names = modes, .help = "Of list: live ones, which were sent, or shadow ones, which were not.",
      OPTION_FIELD(struct alerts_options, mode) },
    { .name = "since", .type = OPTION_TEXT, .help = "Of list: those of which something was told since, a time like 2026-03-02T04:00:00Z or a while ago like 12h.",
      OPTION_FIELD(struct alerts_options, since) },
    { .name = "limit", .type = OPTION_INT, .default_text = "100", .help = "Of list: no more than so many, the youngest events first; 0: all.",
      OPTION_FIELD(struct alerts_options, limit), OPTION_GIVEN(struct alerts_options, has_limit) },
    { .name = "phi", .type = OPTION_ENUM, .names = phi_names, .default_text = "none",
      .help = "Of list and show: how much of a patient is shown, none, minimum (what finding the case needs) or full; the audit file is told first.",
      OPTION_FIELD(struct alerts_options, phi) },
    { .name = "by", .type = OPTION_TEXT, .help = "Of ack and close: who acts. Default: the user of the process, whom the audit file names in any case.",
      OPTION_FIELD(struct alerts_options, by) },
    { .name = "comment", .type = OPTION_TEXT, .help = "Of ack: a remark, kept with the alert.", OPTION_FIELD(struct alerts_options, comment) },
    { .name = "reason", .type = OPTION_TEXT, .help = "Of close, which wants one: why nothing more is to be done. Kept with the alert.",
      OPTION_FIELD(struct alerts_options, reason) },
};

static const struct option_table table = OPTION_TABLE("alerts", options, struct alerts_options, .help = "Whose alerts, which of them, and how much of one.");

enum alerts_action { ALERTS_LIST, ALERTS_SHOW, ALERTS_ACK, ALERTS_CLOSE, ALERTS_ACTION_COUNT };

static const char *const action_names[ALERTS_ACTION_COUNT] = { "list", "show", "ack", "close" };

/* ---- list ---- */

static enum status
check_one_of(const char *option, struct str text, const char *const *names, struct error *err)
{
    struct suggestion suggestion = suggestion_init(text);

    if (text.size == 0)
        return ST_OK;
    for (size_t i = 0; names[i] != NULL; i++) {
        if (str_equal(text, str_from(names[i])))
            return ST_OK;
        suggestion_offer(&suggestion, str_from(names[i]));
    }
    error_set(err, ERR_USAGE, "there is no %s %.*s", option, STR_PRINTF(text));
    suggestion_hint(&suggestion, err);
    return ST_ERROR;
}

/* A name that is misspelt must not look like a quiet day. */
static enum status
check_rule(const struct model *model, struct str rule, struct error *err)
{
    struct suggestion suggestion = suggestion_init(rule);

    if (rule.size == 0 || model_rule(model, rule) != NULL || str_equal(rule, STR(GRAPH_RULE_UNEVALUATED_RESULT)))
        return ST_OK;
    suggestion_offer(&suggestion, STR(GRAPH_RULE_UNEVALUATED_RESULT));
    for (uint32_t i = 0; i < model->rule_count; i++)
        suggestion_offer(&suggestion, str_from(model->rules[i].name));
    error_set(err, ERR_USAGE, "there is no rule %.*s", STR_PRINTF(rule));
    suggestion_hint(&suggestion, err);
    return ST_ERROR;
}

static enum status
read_since(struct str text, struct alerts_filter *filter, struct error *err)
{
    int64_t ago_us = 0;

    filter->has_since = text.size > 0;
    if (!filter->has_since || time_parse_utc(text, &filter->since_us))
        return ST_OK;
    if (!duration_parse(text, &ago_us) || ago_us < 0) {
        error_set(err, ERR_USAGE, "--since is neither a time nor a duration");
        error_hint(err, "--since 2026-03-02T04:00:00Z, or --since 12h");
        return ST_ERROR;
    }
    filter->since_us = clock_now_us(process_clock()) - ago_us;
    return ST_OK;
}

static enum status
read_filter(const struct ask *ask, const struct alerts_options *given, struct alerts_filter *ret_filter, struct error *err)
{
    struct alerts_filter filter = { .rule = given->rule, .status = given->status, .severity = given->severity, .mode = given->mode, .limit = given->limit };

    if (check_rule(ask->plan.model, given->rule, err) != ST_OK || check_one_of("status", given->status, statuses, err) != ST_OK
        || check_one_of("severity", given->severity, severity_names, err) != ST_OK || check_one_of("mode", given->mode, modes, err) != ST_OK
        || read_since(given->since, &filter, err) != ST_OK)
        return ST_ERROR;
    *ret_filter = filter;
    return ST_OK;
}

/* What the audit is told; empty where nothing of a patient is shown. */
static enum status
detail_of(const struct verb_call *call, const char *action, int phi, struct str_builder *detail, struct error *err)
{
    if (phi == GRAPH_PHI_NONE)
        return ST_OK;
    str_builder_append_cstr(detail, action);
    for (uint32_t i = 1; i < call->argument_count; i++)
        str_builder_printf(detail, " %s", call->arguments[i]);
    str_builder_printf(detail, " --phi %s", phi_names[phi]);
    return str_builder_status(detail, err);
}

static void
append_filter(const struct alerts_options *given, struct str_builder *detail)
{
    const struct {
        const char *name;
        struct str  text;
    } options_given[] = { { "rule", given->rule }, { "status", given->status }, { "severity", given->severity }, { "mode", given->mode }, { "since", given->since } };

    for (size_t i = 0; i < sizeof options_given / sizeof *options_given; i++)
        if (options_given[i].text.size > 0)
            str_builder_printf(detail, " --%s %.*s", options_given[i].name, STR_PRINTF(options_given[i].text));
}

static enum status
list(const struct ask *ask, const struct verb_call *call, const struct alerts_options *given, struct error *err)
{
    struct str_builder   sql       = STR_BUILDER_EMPTY;
    struct str_builder   detail    = STR_BUILDER_EMPTY;
    struct alerts_filter filter    = { .limit = 0 };
    uint64_t             row_count = 0;
    enum status          status    = read_filter(ask, given, &filter, err);

    if (status == ST_OK)
        status = detail_of(call, "list", given->phi, &detail, err);
    if (status == ST_OK) {
        if (detail.size > 0)
            append_filter(given, &detail);
        alerts_list_sql(&sql, &filter, (enum graph_phi)given->phi, !ask->is_json);
        status = str_builder_status(&sql, err);
    }
    if (status == ST_OK)
        status = str_builder_status(&detail, err);
    if (status == ST_OK)
        status = ask_store(ask, STR("alerts"), str_builder_text(&detail), str_builder_text(&sql), &row_count, err);
    if (status == ST_OK && filter.limit > 0 && row_count == (uint64_t)filter.limit)
        fprintf(stderr, "heddle: these are %llu, there may be more: --limit 0 shows all\n", (unsigned long long)row_count);
    str_builder_release(&detail);
    str_builder_release(&sql);
    return status;
}

/* ---- show ---- */

/* The whole id, in the arena. */
static enum status
find(const struct ask *ask, struct str name, struct arena *arena, struct str *ret_alert_id, struct error *err)
{
    struct str_builder  sql = STR_BUILDER_EMPTY, text = STR_BUILDER_EMPTY;
    const struct json  *root  = NULL;
    uint64_t            count = 0;
    enum status         status;

    alerts_find_sql(&sql, name);
    status = str_builder_status(&sql, err);
    if (status == ST_OK)
        status = ask_store_text(ask, str_builder_text(&sql), &text, &count, err);
    if (status == ST_OK && count == 1)
        status = json_parse(str_trim(str_builder_text(&text)), "answer", arena, &root, err);
    if (status == ST_OK && count == 0) {
        status = error_set(err, ERR_NOT_FOUND, "there is no alert %.*s", STR_PRINTF(name));
        error_hint(err, "heddle alerts list shows their ids in its first column");
    } else if (status == ST_OK && count > 1) {
        status = error_set(err, ERR_USAGE, "more than one alert begins with %.*s", STR_PRINTF(name));
        error_hint(err, "give more of its id: heddle alerts list --format json shows all of it");
    } else if (status == ST_OK && !arena_text(arena, json_find(root, "alert_id")->text, ret_alert_id)) {
        status = error_no_memory(err);
    }
    str_builder_release(&text);
    str_builder_release(&sql);
    return status;
}

enum show_part { SHOW_FIELDS, SHOW_REVISIONS, SHOW_DELIVERIES, SHOW_PART_COUNT };

/* The audit is told with the first part, before anything is shown. */
static enum status
show_part(const struct ask *ask, enum show_part part, struct str alert_id, enum graph_phi phi, struct str detail, struct error *err)
{
    static const char *const titles[SHOW_PART_COUNT] = { NULL, "\nrevisions\n", "\ndeliveries\n" };
    struct str_builder       sql                     = STR_BUILDER_EMPTY;
    uint64_t                 row_count               = 0;
    enum status              status;

    if (part == SHOW_FIELDS)
        alerts_fields_sql(&sql, alert_id, phi);
    else if (part == SHOW_REVISIONS)
        alerts_revisions_sql(&sql, alert_id, phi, !ask->is_json);
    else
        alerts_deliveries_sql(&sql, alert_id, !ask->is_json);
    status = str_builder_status(&sql, err);
    if (status == ST_OK && titles[part] != NULL && !ask->is_json)
        fputs(titles[part], stdout);
    if (status == ST_OK)
        status = ask_store(ask, STR("alerts"), detail, str_builder_text(&sql), &row_count, err);
    str_builder_release(&sql);
    return status;
}

static enum status
show(const struct ask *ask, const struct verb_call *call, int phi, struct error *err)
{
    struct str_builder      detail = STR_BUILDER_EMPTY;
    struct store_alert_name name   = { .revision = 0 };
    struct arena            arena;
    struct str              alert_id = STR_EMPTY;
    enum status             status;

    arena_init(&arena, 0);
    status = alerts_parse_name(str_from(call->arguments[1]), &name, err);
    if (status == ST_OK)
        status = owner_check_store(ask->plan.graph, err);
    if (status == ST_OK)
        status = find(ask, name.alert_id, &arena, &alert_id, err);
    if (status == ST_OK)
        status = detail_of(call, "show", phi, &detail, err);
    for (int part = ask->is_json ? SHOW_REVISIONS : SHOW_FIELDS; part < SHOW_PART_COUNT && status == ST_OK; part++) {
        status = show_part(ask, (enum show_part)part, alert_id, (enum graph_phi)phi, str_builder_text(&detail), err);
        str_builder_clear(&detail); /* Told once. */
    }
    if (status == ST_OK && phi == GRAPH_PHI_NONE && !ask->is_json)
        fputs("\nwhom it is about, its numbers and its evidence are masked: --phi minimum or --phi full shows them\n", stdout);
    arena_release(&arena);
    str_builder_release(&detail);
    return status;
}

/* ---- The verb ---- */

static enum status
find_action(const struct verb_call *call, enum alerts_action *ret_action, struct error *err)
{
    const uint32_t count  = call->argument_count;
    size_t         action = ALERTS_LIST;

    while (count > 0 && action < ALERTS_ACTION_COUNT && strcmp(call->arguments[0], action_names[action]) != 0)
        action++;
    if (action == ALERTS_ACTION_COUNT || (action == ALERTS_SHOW && count != 2) || (action == ALERTS_LIST && count > 1)) {
        error_set(err, ERR_USAGE, "what of the alerts is meant?");
        error_hint(err, "heddle alerts list names them, show ALERT tells one, ack ALERT… acknowledges, close ALERT… --reason WHY closes them");
        return ST_ERROR;
    }
    *ret_action = (enum alerts_action)action;
    return ST_OK;
}

static enum status
check_options(const struct alerts_options *given, enum alerts_action action, struct error *err)
{
    const bool is_filtered = given->rule.size + given->status.size + given->severity.size + given->mode.size + given->since.size > 0 || given->has_limit;
    const bool is_reading  = action == ALERTS_LIST || action == ALERTS_SHOW;

    if (is_filtered && action != ALERTS_LIST)
        return error_set(err, ERR_USAGE, "--rule, --status, --severity, --mode, --since and --limit are for heddle alerts list");
    if (given->limit < 0)
        return error_set(err, ERR_USAGE, "--limit is not negative; 0 shows all");
    if (given->phi != GRAPH_PHI_NONE && !is_reading)
        return error_set(err, ERR_USAGE, "--phi is for heddle alerts list and show");
    if (given->by.size > 0 && is_reading)
        return error_set(err, ERR_USAGE, "--by is for heddle alerts ack and close");
    if (given->comment.size > 0 && action != ALERTS_ACK)
        return error_set(err, ERR_USAGE, "--comment is for heddle alerts ack; close takes --reason");
    if ((given->reason.size > 0) == (action == ALERTS_CLOSE))
        return ST_OK;
    if (action != ALERTS_CLOSE)
        return error_set(err, ERR_USAGE, "--reason is for heddle alerts close");
    error_set(err, ERR_USAGE, "why are they closed? Whoever looks later must find it");
    error_hint(err, "heddle alerts close ALERT --reason \"called the ward, treated\"");
    return ST_ERROR;
}

static enum status
run(const struct verb_call *call, struct error *err)
{
    const struct alerts_options *given  = call->options;
    struct ask                   ask    = ASK_EMPTY;
    enum alerts_action           action = ALERTS_LIST;
    enum status                  status = find_action(call, &action, err);

    if (status == ST_OK)
        status = check_options(given, action, err);
    if (status == ST_OK)
        status = ask_open(&ask, &given->ask, call, err);
    if (status == ST_OK && action == ALERTS_LIST)
        status = list(&ask, call, given, err);
    else if (status == ST_OK && action == ALERTS_SHOW)
        status = show(&ask, call, given->phi, err);
    else if (status == ST_OK)
        status = alerts_act(&ask, call, action == ALERTS_ACK ? STORE_ACKNOWLEDGE : STORE_CLOSE, given->by,
                            action == ALERTS_ACK ? given->comment : given->reason, err);
    ask_release(&ask);
    return status;
}

const struct verb verb_alerts = {
    .name = "alerts",
    .arguments = "[list | show ALERT | ack ALERT… | close ALERT… --reason WHY]",
    .help = "Lists alerts or shows one with its revisions and deliveries; acknowledges and closes them.",
    .argument_help = "ALERT is an alert's id, or as many of its first digits as no other has. ack and close make a revision, which goes to every sink that an earlier one "
                     "went to; ALERT:REVISION does so only where that is still the newest. What a rule tells afterwards is told anew where it is graver, has another value, "
                     "or is retracted, and is to be acknowledged anew; else it stays silent.",
    .example = "heddle alerts ack 800651a0e5b4c0001f3a --comment \"ward called\"",
    .options = &table,
    .reads_pipeline = true,
    .run = run,
};
