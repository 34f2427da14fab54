/* The messages of the control socket. */
#ifndef HEDDLE_SERVER_CONTROL_INT_H
#define HEDDLE_SERVER_CONTROL_INT_H

#include "base/arena.h"
#include "base/str_builder.h"
#include "server/control.h"

enum control_message {
    CONTROL_HELLO = 1, /* {"heddle":"0.1.0","protocol":1} */
    CONTROL_QUESTION,  /* {"question":"query","text":"SELECT 1","as_of":"","format":"table","width":120} */
    CONTROL_ROWS,      /* Text, whole lines. */
    CONTROL_END,       /* Empty. */
    CONTROL_ERROR,     /* As error_print_json writes it. */
};

#define CONTROL_PROTOCOL 1
/* The other side answers at once where it is free, and where it is not, somebody else's query may take long. */
#define CONTROL_GREETING_MS 5000
/* An asker behind a pager that nobody scrolls must not hold the others up for good. */
#define CONTROL_TAKING_MS 60000

/* "<path of the warehouse>.socket" */
enum status control_socket_path(const char *path, struct str_builder *out, struct error *err);

void control_print_question(const struct warehouse_ask *ask, struct str_builder *out);
/* Fills question, text, as_of, format and width; texts lie in the arena. ERR_CORRUPT where it is no question. */
enum status control_parse_question(struct str bytes, struct arena *arena, struct warehouse_ask *ret_ask, struct error *err);

/* Makes the error that was sent; ERR_CORRUPT where it is none. Returns ST_ERROR. */
enum status control_parse_error(struct str bytes, struct error *err);

#endif
