/* The asker's side of a store's control socket. */
#include "base/json_out.h"
#include "config/json.h"
#include "server/commands.h"
#include "server/control_int.h"

static void
print_command(const struct store_retry *retry, struct str_builder *out)
{
    struct json_out json;

    json_out_init(&json, out, 0);
    json_out_object_begin(&json);
    json_out_key_cstr(&json, "command", "retry");
    json_out_key_text(&json, "reason", retry->reason_code);
    json_out_key_array(&json, "letters");
    for (size_t i = 0; i < retry->place_count; i++) {
        json_out_object_begin(&json);
        json_out_key_text(&json, "partition_id", retry->places[i].partition_id);
        json_out_key_int(&json, "position", retry->places[i].position);
        json_out_object_end(&json);
    }
    json_out_array_end(&json);
    json_out_object_end(&json);
}

static bool
read_count(const struct json *root, const char *key, int64_t *ret_count)
{
    const struct json *member = json_find(root, key);

    return member != NULL && member->type == JSON_NUMBER && str_to_int64(member->text, ret_count);
}

static enum status
read_result(struct str bytes, struct store_retry_result *ret_result, struct error *err)
{
    const struct json *root = NULL;
    struct arena       arena;
    enum status        status;

    arena_init(&arena, 0);
    status = json_parse(bytes, "answer", &arena, &root, err);
    if (status == ST_OK && !(read_count(root, "retried", &ret_result->retried) && read_count(root, "waiting", &ret_result->waiting)
                             && read_count(root, "settled", &ret_result->settled)))
        status = error_set(err, ERR_CORRUPT, "what came over the control socket is not an answer");
    arena_release(&arena);
    return status;
}

static enum status
take_answer(struct socket *socket, struct store_retry_result *ret_result, struct error *err)
{
    uint8_t    kind;
    struct str bytes;

    if (socket_receive(socket, SOCKET_FOREVER, &kind, &bytes, err) != ST_OK)
        return ST_ERROR;
    if (kind == CONTROL_END)
        return read_result(bytes, ret_result, err);
    if (kind == CONTROL_ERROR)
        return control_parse_error(bytes, err);
    error_set(err, ERR_UNAVAILABLE, "the process that owns the store has ended before its answer");
    error_hint(err, "give the command again: what was done already is not done twice");
    return ST_ERROR;
}

enum status
commands_ask_retry(struct io *io, const char *path, const struct store_retry *retry, bool *ret_is_answered,
                   struct store_retry_result *ret_result, struct error *err)
{
    struct socket      socket  = SOCKET_EMPTY;
    struct str_builder command = STR_BUILDER_EMPTY;
    enum status        status  = control_connect(io, path, &socket, ret_is_answered, err);

    if (status == ST_OK && *ret_is_answered) {
        print_command(retry, &command);
        status = str_builder_status(&command, err);
        if (status == ST_OK)
            status = control_put_question(&socket, str_builder_text(&command), "store", err);
        if (status == ST_OK)
            status = take_answer(&socket, ret_result, err);
        if (status != ST_OK)
            error_context(err, "telling process %lld, which owns %s", (long long)socket.process_id, path);
    }
    str_builder_release(&command);
    socket_release(&socket);
    return status;
}
