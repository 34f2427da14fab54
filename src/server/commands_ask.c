/* The asker's side of a store's control socket. */
#include <string.h>

#include "server/commands_int.h"
#include "server/control_int.h"

static enum status
take_answer(struct socket *socket, const struct command *command, struct command_answer *ret_answer, struct error *err)
{
    uint8_t    message;
    struct str bytes;

    if (socket_receive(socket, SOCKET_FOREVER, &message, &bytes, err) != ST_OK)
        return ST_ERROR;
    if (message == CONTROL_END && (command->kind == COMMAND_TOP || command->kind == COMMAND_TAP)) {
        str_builder_append(command->text, bytes);
        return str_builder_status(command->text, err);
    }
    if (message == CONTROL_END)
        return command_answer_parse(bytes, command->kind, ret_answer, err);
    if (message == CONTROL_ERROR)
        return control_parse_error(bytes, err);
    error_set(err, ERR_UNAVAILABLE, "the process that owns the store has ended before its answer");
    error_hint(err, "give the command again: what was done already is not done twice");
    return ST_ERROR;
}

static enum status
ask(struct io *io, const char *path, const struct command *command, bool *ret_is_answered, struct command_answer *ret_answer, struct error *err)
{
    struct socket      socket = SOCKET_EMPTY;
    struct str_builder text   = STR_BUILDER_EMPTY;
    enum status        status = control_connect(io, path, &socket, ret_is_answered, err);

    if (status == ST_OK && *ret_is_answered) {
        command_print(command, &text);
        status = str_builder_status(&text, err);
        if (status == ST_OK)
            status = control_put_question(&socket, str_builder_text(&text), "store", err);
        if (status == ST_OK)
            status = take_answer(&socket, command, ret_answer, err);
        if (status != ST_OK)
            error_context(err, "telling process %lld, which owns %s", (long long)socket.process_id, path);
    }
    str_builder_release(&text);
    socket_release(&socket);
    return status;
}

enum status
commands_ask_top(struct io *io, const char *path, bool *ret_is_answered, struct str_builder *out, struct error *err)
{
    struct command_answer answer;

    return ask(io, path, &(const struct command){ .kind = COMMAND_TOP, .text = out }, ret_is_answered, &answer, err);
}

enum status
commands_ask_tap(struct io *io, const char *path, const struct commands_tap *asked, bool *ret_is_answered, struct str_builder *out, struct error *err)
{
    struct command_answer answer;

    return ask(io, path, &(const struct command){ .kind = COMMAND_TAP, .tap = *asked, .text = out }, ret_is_answered, &answer, err);
}

enum status
commands_ask_retry(struct io *io, const char *path, const struct store_retry *retry, bool *ret_is_answered,
                   struct store_retry_result *ret_result, struct error *err)
{
    const struct command  command = { .kind = COMMAND_RETRY, .retry = *retry };
    struct command_answer answer;
    enum status           status = ask(io, path, &command, ret_is_answered, &answer, err);

    if (status == ST_OK && *ret_is_answered)
        *ret_result = answer.retried;
    return status;
}

enum status
commands_ask_handle(struct io *io, const char *path, const struct store_handle *handle, bool *ret_is_answered,
                    struct store_handled *ret_handled, struct error *err)
{
    const struct command  command = { .kind = COMMAND_HANDLE, .handle = *handle };
    struct command_answer answer;
    enum status           status = ask(io, path, &command, ret_is_answered, &answer, err);

    if (status != ST_OK || !*ret_is_answered)
        return status;
    if (answer.handled_count != handle->alert_count)
        return error_set(err, ERR_CORRUPT, "the owner of the store answers for %zu alerts, not for %zu", answer.handled_count, handle->alert_count);
    memcpy(ret_handled, answer.handled, answer.handled_count * sizeof *ret_handled);
    return ST_OK;
}
