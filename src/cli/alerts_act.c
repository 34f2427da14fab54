#include "cli/alerts_act.h"

#include <stdio.h>

#include "base/json_out.h"
#include "base/time.h"
#include "base/utf8.h"
#include "cli/owner.h"
#include "cli/verb.h"
#include "govern/audit.h"
#include "io/process.h"
#include "server/commands.h"
#include "store/alerts.h"

/* ---- What is meant ---- */

static enum status
check_text(const char *option, struct str text, size_t size_max, struct error *err)
{
    if (text.size > size_max)
        return error_set(err, ERR_USAGE, "--%s takes at most %zu bytes", option, size_max);
    if (!utf8_is_valid(text))
        return error_set(err, ERR_USAGE, "--%s is not UTF-8", option);
    for (size_t at = 0; at < text.size;) {
        uint32_t character = 0;
        at += utf8_decode(str_slice(text, at, text.size), &character);
        if (utf8_is_unsafe(character))
            return error_set(err, ERR_USAGE, "--%s has a control character", option);
    }
    return ST_OK;
}

static enum status
read_names(const struct verb_call *call, struct store_alert_name *names, size_t *ret_count, struct error *err)
{
    if (call->argument_count < 2) {
        error_set(err, ERR_USAGE, "which alerts?");
        error_hint(err, "heddle alerts list names them in its first column");
        return ST_ERROR;
    }
    for (uint32_t i = 1; i < call->argument_count; i++)
        if (alerts_parse_name(str_from(call->arguments[i]), &names[i - 1], err) != ST_OK)
            return ST_ERROR;
    *ret_count = call->argument_count - 1;
    return ST_OK;
}

/* The user is in the entry itself; the comment is in the store, by the alert. */
static enum status
witness(const struct graph *graph, const struct verb_call *call, const struct store_handle *handle, struct error *err)
{
    const struct audit audit  = { io_system(), process_clock(), graph->audit_path.data };
    struct str_builder detail = STR_BUILDER_EMPTY;
    struct audit_entry entry  = { .action = STR("alerts"), .binding = graph->streaming.store.name };
    enum status        status;

    for (uint32_t i = 0; i < call->argument_count; i++)
        str_builder_printf(&detail, "%s%s", i > 0 ? " " : "", call->arguments[i]);
    str_builder_printf(&detail, " --by %.*s", STR_PRINTF(handle->by));
    entry.detail = str_builder_text(&detail);
    status       = str_builder_status(&detail, err);
    if (status == ST_OK)
        status = audit_append(&audit, &entry, err);
    str_builder_release(&detail);
    return status;
}

/* ---- The store, which nobody owns ---- */

struct own_act {
    struct store_handle  *handle;
    struct store_handled *handled;
};

static enum status
act_as_owner(void *context, struct store *store, struct error *err)
{
    const struct own_act *own = context;

    own->handle->now_us = clock_now_us(process_clock());
    return store->kind->alerts_handle(store, own->handle, own->handled, err);
}

/* ---- What is printed ---- */

static void
print_json(const struct store_handled *handled, bool is_streaming, struct str_builder *out)
{
    struct json_out json;

    json_out_init(&json, out, 0);
    json_out_object_begin(&json);
    json_out_key_cstr(&json, "alert_id", handled->alert_id);
    json_out_key_int(&json, "revision", handled->revision);
    json_out_key_bool(&json, "new", handled->is_new);
    json_out_key_cstr(&json, "status", handled->status);
    json_out_key_cstr(&json, "acknowledged_by", handled->by[0] == '\0' ? NULL : handled->by);
    json_out_key(&json, STR("acknowledged_at"));
    if (handled->at_us == STORE_TIME_NONE)
        json_out_null(&json);
    else
        json_out_time(&json, handled->at_us);
    json_out_key_bool(&json, "streaming", is_streaming);
    json_out_object_end(&json);
    str_builder_append_char(out, '\n');
}

static void
print(const struct store_handled *handled, struct str_builder *out)
{
    str_builder_printf(out, "%s  ", handled->alert_id);
    if (!handled->is_new)
        str_builder_append_cstr(out, "nothing to do, it is already ");
    str_builder_printf(out, "%s, revision %lld", handled->status, (long long)handled->revision);
    if (handled->by[0] != '\0') {
        str_builder_append_cstr(out, ", acknowledged by ");
        str_builder_append_escaped(out, str_from(handled->by));
    }
    str_builder_append_char(out, '\n');
}

static enum status
print_all(const struct ask *ask, const struct store_handled *handled, size_t count, bool is_streaming, struct error *err)
{
    struct str_builder text = STR_BUILDER_EMPTY;
    enum status        status;

    for (size_t i = 0; i < count; i++)
        if (ask->is_json)
            print_json(&handled[i], is_streaming, &text);
        else
            print(&handled[i], &text);
    status = str_builder_status(&text, err);
    if (status == ST_OK && fwrite(text.data, 1, text.size, stdout) != text.size)
        status = error_set(err, ERR_IO, "cannot write the output");
    str_builder_release(&text);
    return status;
}

enum status
alerts_act(const struct ask *ask, const struct verb_call *call, enum store_handling handling, struct str by, struct str comment,
           struct error *err)
{
    const struct graph     *graph = ask->plan.graph;
    struct process_identity who;
    struct store_alert_name names[VERB_ARGUMENT_COUNT_MAX];
    struct store_handled    handled[ALERT_HANDLE_COUNT_MAX];
    struct store_handle     handle       = { .handling = handling, .alerts = names, .by = by, .comment = comment };
    bool                    is_streaming = false;
    enum status             status;

    _Static_assert(VERB_ARGUMENT_COUNT_MAX <= ALERT_HANDLE_COUNT_MAX, "what a command line takes fits a command");
    process_identity(&who);
    if (by.size == 0)
        handle.by = who.user[0] != '\0' ? str_from(who.user) : STR("unknown");
    if (read_names(call, names, &handle.alert_count, err) != ST_OK || check_text("by", handle.by, ALERT_BY_SIZE_MAX, err) != ST_OK
        || check_text(handling == STORE_CLOSE ? "reason" : "comment", comment, ALERT_COMMENT_SIZE_MAX, err) != ST_OK
        || owner_check_store(graph, err) != ST_OK || witness(graph, call, &handle, err) != ST_OK)
        return ST_ERROR;
    status = commands_ask_handle(io_system(), graph->streaming.store.path.data, &handle, &is_streaming, handled, err);
    if (status == ST_OK && !is_streaming)
        status = owner_run(graph, act_as_owner, &(struct own_act){ &handle, handled }, err);
    return status == ST_OK ? print_all(ask, handled, handle.alert_count, is_streaming, err) : status;
}
