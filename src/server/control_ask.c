/* The asker's side of the control socket. */
#include "base/json_out.h"
#include "io/socket.h"
#include "server/control_int.h"

/* Takes the answer to its end. */
static enum status
take_answer(struct socket *socket, const struct warehouse_ask *ask, struct error *err)
{
    for (;;) {
        uint8_t    kind;
        struct str bytes;
        if (socket_receive(socket, SOCKET_FOREVER, &kind, &bytes, err) != ST_OK)
            return ST_ERROR;
        if (kind == CONTROL_END)
            return ST_OK;
        if (kind == CONTROL_ERROR)
            return control_parse_error(bytes, err);
        if (kind == 0) {
            error_set(err, ERR_UNAVAILABLE, "the process that owns the warehouse has ended before its answer");
            error_hint(err, "ask again: what was shown so far may not be all");
            return ST_ERROR;
        }
        if (kind != CONTROL_ROWS)
            return error_set(err, ERR_CORRUPT, "the owner of the warehouse said something that this heddle does not know");
        if (ask->rows.write(ask->rows.context, bytes, err) != ST_OK)
            return ST_ERROR;
    }
}

static enum status
converse(struct socket *socket, const struct warehouse_ask *ask, struct error *err)
{
    struct str_builder question = STR_BUILDER_EMPTY;
    uint8_t            kind;
    struct str         bytes;
    enum status        status = socket_receive(socket, CONTROL_GREETING_MS, &kind, &bytes, err);

    if (status != ST_OK && err != NULL && err->code == ERR_BUSY)
        error_hint(err, "the owner of the warehouse answers one question after the other: try again");
    if (status == ST_OK && kind != CONTROL_HELLO)
        status = error_set(err, ERR_BUSY, "the process that owns the warehouse is ending; try again");
    if (status == ST_OK) {
        control_print_question(ask, &question);
        status = str_builder_status(&question, err);
    }
    if (status == ST_OK)
        status = socket_send(socket, CONTROL_QUESTION, str_builder_text(&question), CONTROL_GREETING_MS, err);
    if (status == ST_OK)
        status = take_answer(socket, ask, err);
    str_builder_release(&question);
    return status;
}

enum status
control_ask(struct io *io, const char *path, const struct warehouse_ask *ask, bool *ret_is_answered, struct error *err)
{
    struct str_builder socket_path = STR_BUILDER_EMPTY;
    struct socket      socket      = SOCKET_EMPTY;
    struct error       found       = ERROR_EMPTY;
    enum status        status      = control_socket_path(path, &socket_path, err);

    if (status != ST_OK)
        goto out;
    status = socket_connect(&socket, io, str_builder_cstr(&socket_path), &found);
    if (status == ST_OK) {
        *ret_is_answered = true;
        status           = converse(&socket, ask, err);
        if (status != ST_OK)
            error_context(err, "asking process %lld, which owns %s", (long long)socket.process_id, path);
    } else if (found.code == ERR_NOT_FOUND || found.code == ERR_UNAVAILABLE) {
        *ret_is_answered = false;
        status           = ST_OK;
    } else if (err != NULL) {
        *err = found;
    }
out:
    socket_release(&socket);
    str_builder_release(&socket_path);
    return status;
}
