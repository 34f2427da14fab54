#include "cli/letters_retry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json_out.h"
#include "base/suggest.h"
#include "cli/owner.h"
#include "cli/verb.h"
#include "govern/audit.h"
#include "io/process.h"
#include "server/commands.h"
#include "store/letters.h"

/* ---- What is meant ---- */

static enum status
check_reason(const struct model *model, struct str reason_code, struct error *err)
{
    struct suggestion suggestion = suggestion_init(reason_code);

    if (reason_code.size == 0 || model_reason(model, reason_code) != NULL)
        return ST_OK;
    for (uint32_t i = 0; i < model->reason_count; i++)
        suggestion_offer(&suggestion, str_from(model->reasons[i].code));
    error_set(err, ERR_USAGE, "there is no reason %.*s", STR_PRINTF(reason_code));
    error_hint(err, "heddle letters counts them by reason");
    suggestion_hint(&suggestion, err);
    return ST_ERROR;
}

static enum status
read_places(const struct verb_call *call, struct store_letter_place *places, size_t *ret_count, struct error *err)
{
    size_t count = 0;

    for (uint32_t i = 1; i < call->argument_count; i++, count++)
        if (letters_parse_name(str_from(call->arguments[i]), &places[count].partition_id, &places[count].position, err) != ST_OK)
            return ST_ERROR;
    *ret_count = count;
    return ST_OK;
}

/* ---- The audit ---- */

static enum status
witness(const struct graph *graph, const struct verb_call *call, const struct store_retry *retry, struct error *err)
{
    const struct audit audit  = { io_system(), process_clock(), graph->audit_path.data };
    struct str_builder detail = STR_BUILDER_EMPTY;
    struct audit_entry entry  = { .action = STR("letters"), .binding = graph->streaming.store.name };
    enum status        status;

    str_builder_append_cstr(&detail, "retry");
    for (uint32_t i = 1; i < call->argument_count; i++)
        str_builder_printf(&detail, " %s", call->arguments[i]);
    if (retry->reason_code.size > 0)
        str_builder_printf(&detail, " --reason %.*s", STR_PRINTF(retry->reason_code));
    else if (retry->place_count == 0)
        str_builder_append_cstr(&detail, " --all");
    entry.detail = str_builder_text(&detail);
    status       = str_builder_status(&detail, err);
    if (status == ST_OK)
        status = audit_append(&audit, &entry, err);
    str_builder_release(&detail);
    return status;
}

/* ---- The store, which nobody owns ---- */

struct own_retry {
    const struct graph        *graph;
    struct store_retry        *retry;
    struct store_retry_result *result;
};

static enum status
retry_as_owner(void *context, struct store *store, struct error *err)
{
    const struct own_retry *own = context;

    own->retry->source = own->graph->streaming.source.name;
    own->retry->now_us = clock_now_us(process_clock());
    return store->kind->letters_retry(store, own->retry, own->result, err);
}

/* ---- What is printed ---- */

static void
print(const struct store_retry_result *result, bool is_streaming, bool is_json, struct str_builder *out)
{
    struct json_out json;

    if (is_json) {
        json_out_init(&json, out, 0);
        json_out_object_begin(&json);
        json_out_key_int(&json, "retried", result->retried);
        json_out_key_int(&json, "waiting", result->waiting);
        json_out_key_int(&json, "settled", result->settled);
        json_out_key_bool(&json, "streaming", is_streaming);
        json_out_object_end(&json);
        str_builder_append_char(out, '\n');
        return;
    }
    if (result->waiting > 0)
        str_builder_printf(out, "already waiting: %" PRId64 "\n", result->waiting);
    if (result->settled > 0)
        str_builder_printf(out, "nothing to do, resolved or discarded: %" PRId64 "\n", result->settled);
    if (result->retried > 0)
        str_builder_printf(out, "letters to be retried: %" PRId64 "\n", result->retried);
    else
        str_builder_append_cstr(out, "no open dead letter is to be retried\n");
    if (result->retried + result->waiting > 0)
        str_builder_append_cstr(out, is_streaming ? "the stream that runs takes them now\n" : "the next heddle stream or heddle run takes them\n");
}

enum status
letters_retry(const struct ask *ask, const struct verb_call *call, struct str reason_code, bool is_all, struct error *err)
{
    const struct graph       *graph = ask->plan.graph;
    struct store_letter_place places[VERB_ARGUMENT_COUNT_MAX];
    struct store_retry        retry        = { .places = places, .reason_code = reason_code };
    struct store_retry_result result       = { 0 };
    bool                      is_streaming = false;
    struct str_builder        text         = STR_BUILDER_EMPTY;
    enum status               status       = ST_OK;

    if ((call->argument_count > 1) + (reason_code.size > 0) + is_all != 1) {
        error_set(err, ERR_USAGE, "which letters? Name them, or give --reason, or --all");
        error_hint(err, "heddle letters list names them: heddle letters retry events-0.ndjson:4711");
        return ST_ERROR;
    }
    if (read_places(call, places, &retry.place_count, err) != ST_OK || check_reason(graph->model, reason_code, err) != ST_OK
        || owner_check_store(graph, err) != ST_OK || witness(graph, call, &retry, err) != ST_OK)
        return ST_ERROR;
    status = commands_ask_retry(io_system(), graph->streaming.store.path.data, &retry, &is_streaming, &result, err);
    if (status == ST_OK && !is_streaming)
        status = owner_run(graph, retry_as_owner, &(struct own_retry){ graph, &retry, &result }, err);
    if (status == ST_OK) {
        print(&result, is_streaming, ask->is_json, &text);
        status = str_builder_status(&text, err);
    }
    if (status == ST_OK && fwrite(text.data, 1, text.size, stdout) != text.size)
        status = error_set(err, ERR_IO, "cannot write the output");
    str_builder_release(&text);
    return status;
}
