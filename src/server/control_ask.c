/* The asker's side of the control socket. */
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
    enum status        status;

    control_print_question(ask, &question);
    status = str_builder_status(&question, err);
    if (status == ST_OK)
        status = control_put_question(socket, str_builder_text(&question), "warehouse", err);
    if (status == ST_OK)
        status = take_answer(socket, ask, err);
    str_builder_release(&question);
    return status;
}

enum status
control_ask(struct io *io, const char *path, const struct warehouse_ask *ask, bool *ret_is_answered, struct error *err)
{
    struct socket socket = SOCKET_EMPTY;
    enum status   status = control_connect(io, path, &socket, ret_is_answered, err);

    if (status == ST_OK && *ret_is_answered) {
        status = converse(&socket, ask, err);
        if (status != ST_OK)
            error_context(err, "asking process %lld, which owns %s", (long long)socket.process_id, path);
    }
    socket_release(&socket);
    return status;
}
