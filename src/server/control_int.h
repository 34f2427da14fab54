/* The messages of the control socket. */
#ifndef HEDDLE_SERVER_CONTROL_INT_H
#define HEDDLE_SERVER_CONTROL_INT_H

#include "base/arena.h"
#include "base/str_builder.h"
#include "io/socket.h"
#include "server/control.h"

enum control_message {
    CONTROL_HELLO = 1, /* {"heddle":"0.1.0","protocol":1} */
    CONTROL_QUESTION,  /* Of a store: see commands.h. Of a warehouse: {"question":"query","text":"SELECT 1","as_of":"","format":"table","width":120} */
    CONTROL_ROWS,      /* Text, whole lines. */
    CONTROL_END,       /* Of a store what came of the command, of a warehouse empty. */
    CONTROL_ERROR,     /* As error_print_json writes it. */
};

#define CONTROL_PROTOCOL 1
/* The other side answers at once where it is free, and where it is not, somebody else's query may take long. */
#define CONTROL_GREETING_MS 5000
/* An asker behind a pager that nobody scrolls must not hold the others up for good. */
#define CONTROL_TAKING_MS 60000

/* "<path of the warehouse or store>.socket" */
enum status control_socket_path(const char *path, struct str_builder *out, struct error *err);

/* The owner's greeting, and the question that the asker puts upon it; the bytes live until the socket's next message. */
enum status control_hear_question(struct socket *socket, struct str *ret_bytes, struct error *err);
/* The asker's: *ret_is_there false where nobody listens beside the file at `path`. */
enum status control_connect(struct io *io, const char *path, struct socket *ret_socket, bool *ret_is_there, struct error *err);
/* Waits for the greeting and puts the question. `owned`: "warehouse", "store". */
enum status control_put_question(struct socket *socket, struct str question, const char *owned, struct error *err);

void control_print_question(const struct warehouse_ask *ask, struct str_builder *out);
/* Fills question, text, as_of, format and width; texts lie in the arena. ERR_CORRUPT where it is no question. */
enum status control_parse_question(struct str bytes, struct arena *arena, struct warehouse_ask *ret_ask, struct error *err);

/* Makes the error that was sent; ERR_CORRUPT where it is none. Returns ST_ERROR. */
enum status control_parse_error(struct str bytes, struct error *err);

#endif
