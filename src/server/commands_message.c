#include <stdio.h>

#include "base/json_out.h"
#include "config/json.h"
#include "server/commands_int.h"

/* ---- Members ---- */

static bool
read_text(const struct json *root, const char *key, struct str *ret_text)
{
    const struct json *member = json_find(root, key);

    if (member == NULL || member->type != JSON_TEXT)
        return false;
    *ret_text = member->text;
    return true;
}

static bool
read_int(const struct json *root, const char *key, int64_t *ret_value)
{
    const struct json *member = json_find(root, key);

    return member != NULL && member->type == JSON_NUMBER && str_to_int64(member->text, ret_value);
}

/* A text that fits with its NUL. */
static bool
read_name(const struct json *root, const char *key, char *out, size_t out_size)
{
    struct str text;

    if (!read_text(root, key, &text) || text.size >= out_size)
        return false;
    snprintf(out, out_size, "%.*s", STR_PRINTF(text));
    return true;
}

static const struct json *
read_array(const struct json *root, const char *key)
{
    const struct json *member = json_find(root, key);

    return member != NULL && member->type == JSON_ARRAY ? member : NULL;
}

/* ---- The command ---- */

static void
print_retry(const struct store_retry *retry, struct json_out *json)
{
    json_out_key_cstr(json, "command", "retry");
    json_out_key_text(json, "reason", retry->reason_code);
    json_out_key_array(json, "letters");
    for (size_t i = 0; i < retry->place_count; i++) {
        json_out_object_begin(json);
        json_out_key_text(json, "partition_id", retry->places[i].partition_id);
        json_out_key_int(json, "position", retry->places[i].position);
        json_out_object_end(json);
    }
    json_out_array_end(json);
}

static void
print_handle(const struct store_handle *handle, struct json_out *json)
{
    json_out_key_cstr(json, "command", handle->handling == STORE_CLOSE ? "close" : "acknowledge");
    json_out_key_text(json, "by", handle->by);
    json_out_key_text(json, "comment", handle->comment);
    json_out_key_array(json, "alerts");
    for (size_t i = 0; i < handle->alert_count; i++) {
        json_out_object_begin(json);
        json_out_key_text(json, "alert_id", handle->alerts[i].alert_id);
        json_out_key_int(json, "revision", handle->alerts[i].revision);
        json_out_object_end(json);
    }
    json_out_array_end(json);
}

static void
print_tap(const struct commands_tap *tap, struct json_out *json)
{
    json_out_key_cstr(json, "command", "tap");
    json_out_key_text(json, "step", tap->step);
    json_out_key_uint(json, "rows", tap->row_count);
    json_out_key_int(json, "timeout_us", tap->timeout_us);
    json_out_key_bool(json, "unmasked", tap->is_unmasked);
}

void
command_print(const struct command *command, struct str_builder *out)
{
    struct json_out json;

    json_out_init(&json, out, 0);
    json_out_object_begin(&json);
    if (command->kind == COMMAND_TOP)
        json_out_key_cstr(&json, "command", "top");
    else if (command->kind == COMMAND_TAP)
        print_tap(&command->tap, &json);
    else if (command->kind == COMMAND_RETRY)
        print_retry(&command->retry, &json);
    else
        print_handle(&command->handle, &json);
    json_out_object_end(&json);
}

static enum status
no_command(struct error *err)
{
    return error_set(err, ERR_CORRUPT, "what came over the control socket is not a command that this heddle knows");
}

static enum status
parse_retry(const struct json *root, struct arena *arena, struct store_retry *ret_retry, struct error *err)
{
    const struct json         *letters = read_array(root, "letters");
    struct store_letter_place *places;
    struct str                 reason;
    size_t                     count = 0;

    if (letters == NULL || !read_text(root, "reason", &reason))
        return no_command(err);
    places = ARENA_ARRAY(arena, struct store_letter_place, (size_t)letters->count + 1);
    if (places == NULL)
        return error_no_memory(err);
    for (const struct json *item = letters->first; item != NULL; item = item->next, count++)
        if (!read_text(item, "partition_id", &places[count].partition_id) || !read_int(item, "position", &places[count].position))
            return error_set(err, ERR_CORRUPT, "what came over the control socket names no letter");
    *ret_retry = (struct store_retry){ .places = places, .place_count = count, .reason_code = reason };
    return ST_OK;
}

static enum status
parse_handle(const struct json *root, enum store_handling handling, struct arena *arena, struct store_handle *ret_handle, struct error *err)
{
    const struct json       *alerts = read_array(root, "alerts");
    struct store_handle      handle = { .handling = handling };
    struct store_alert_name *names;

    if (alerts == NULL || (size_t)alerts->count > ALERT_HANDLE_COUNT_MAX || !read_text(root, "by", &handle.by) || handle.by.size == 0
        || handle.by.size > ALERT_BY_SIZE_MAX || !read_text(root, "comment", &handle.comment) || handle.comment.size > ALERT_COMMENT_SIZE_MAX)
        return no_command(err);
    handle.alerts = names = ARENA_ARRAY(arena, struct store_alert_name, (size_t)alerts->count + 1);
    if (names == NULL)
        return error_no_memory(err);
    for (const struct json *item = alerts->first; item != NULL; item = item->next) {
        struct store_alert_name *name = &names[handle.alert_count++];
        if (!read_text(item, "alert_id", &name->alert_id) || name->alert_id.size == 0 || name->alert_id.size > ALERT_ID_SIZE_MAX
            || !read_int(item, "revision", &name->revision))
            return error_set(err, ERR_CORRUPT, "what came over the control socket names no alert");
    }
    *ret_handle = handle;
    return ST_OK;
}

static enum status
parse_tap(const struct json *root, struct commands_tap *ret_tap, struct error *err)
{
    const struct json  *unmasked = json_find(root, "unmasked");
    struct commands_tap tap      = { .step = STR_EMPTY };
    int64_t             rows;

    if (!read_text(root, "step", &tap.step) || tap.step.size > PLAN_NAME_SIZE_MAX || !read_int(root, "rows", &rows) || rows < 1
        || rows > LIVE_TAP_ROW_COUNT_MAX || !read_int(root, "timeout_us", &tap.timeout_us) || tap.timeout_us < 0
        || tap.timeout_us > COMMANDS_TAP_TIMEOUT_US_MAX || unmasked == NULL || unmasked->type != JSON_BOOL)
        return no_command(err);
    tap.row_count   = (uint32_t)rows;
    tap.is_unmasked = unmasked->is_true;
    *ret_tap        = tap;
    return ST_OK;
}

enum status
command_parse(struct str bytes, struct arena *arena, struct command *ret_command, struct error *err)
{
    const struct json *root = NULL;
    struct str         name;

    if (json_parse(bytes, "command", arena, &root, err) != ST_OK)
        return ST_ERROR;
    if (!read_text(root, "command", &name))
        return no_command(err);
    ret_command->kind = COMMAND_TOP;
    if (str_equal(name, STR("top")))
        return ST_OK;
    ret_command->kind = COMMAND_TAP;
    if (str_equal(name, STR("tap")))
        return parse_tap(root, &ret_command->tap, err);
    ret_command->kind = COMMAND_HANDLE;
    if (str_equal(name, STR("acknowledge")))
        return parse_handle(root, STORE_ACKNOWLEDGE, arena, &ret_command->handle, err);
    if (str_equal(name, STR("close")))
        return parse_handle(root, STORE_CLOSE, arena, &ret_command->handle, err);
    ret_command->kind = COMMAND_RETRY;
    return str_equal(name, STR("retry")) ? parse_retry(root, arena, &ret_command->retry, err) : no_command(err);
}

/* ---- The answer ---- */

static void
print_handled(const struct store_handled *handled, struct json_out *json)
{
    json_out_object_begin(json);
    json_out_key_cstr(json, "alert_id", handled->alert_id);
    json_out_key_int(json, "revision", handled->revision);
    json_out_key_int(json, "new", handled->is_new);
    json_out_key_cstr(json, "status", handled->status);
    json_out_key_cstr(json, "by", handled->by);
    json_out_key_int(json, "at", handled->at_us);
    json_out_object_end(json);
}

void
command_answer_print(enum command_kind kind, const struct command_answer *answer, struct str_builder *out)
{
    struct json_out json;

    json_out_init(&json, out, 0);
    json_out_object_begin(&json);
    if (kind == COMMAND_RETRY) {
        json_out_key_int(&json, "retried", answer->retried.retried);
        json_out_key_int(&json, "waiting", answer->retried.waiting);
        json_out_key_int(&json, "settled", answer->retried.settled);
    } else {
        json_out_key_array(&json, "handled");
        for (size_t i = 0; i < answer->handled_count; i++)
            print_handled(&answer->handled[i], &json);
        json_out_array_end(&json);
    }
    json_out_object_end(&json);
}

static bool
parse_handled(const struct json *item, struct store_handled *handled)
{
    int64_t is_new = 0;

    if (!read_name(item, "alert_id", handled->alert_id, sizeof handled->alert_id) || !read_int(item, "revision", &handled->revision)
        || !read_int(item, "new", &is_new) || !read_name(item, "status", handled->status, sizeof handled->status)
        || !read_name(item, "by", handled->by, sizeof handled->by) || !read_int(item, "at", &handled->at_us))
        return false;
    handled->is_new = is_new != 0;
    return true;
}

static bool
parse_answer(const struct json *root, enum command_kind kind, struct command_answer *answer)
{
    const struct json *handled;

    if (kind == COMMAND_RETRY)
        return read_int(root, "retried", &answer->retried.retried) && read_int(root, "waiting", &answer->retried.waiting)
               && read_int(root, "settled", &answer->retried.settled);
    handled               = read_array(root, "handled");
    answer->handled_count = 0;
    if (handled == NULL || (size_t)handled->count > ALERT_HANDLE_COUNT_MAX)
        return false;
    for (const struct json *item = handled->first; item != NULL; item = item->next)
        if (!parse_handled(item, &answer->handled[answer->handled_count++]))
            return false;
    return true;
}

enum status
command_answer_parse(struct str bytes, enum command_kind kind, struct command_answer *ret_answer, struct error *err)
{
    const struct json *root = NULL;
    struct arena       arena;
    enum status        status;

    arena_init(&arena, 0);
    status = json_parse(bytes, "answer", &arena, &root, err);
    if (status == ST_OK && !parse_answer(root, kind, ret_answer))
        status = error_set(err, ERR_CORRUPT, "what came over the control socket is not an answer");
    arena_release(&arena);
    return status;
}
