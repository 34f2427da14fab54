/* Commands and their answers, as the control socket of a store carries them. */
#ifndef HEDDLE_SERVER_COMMANDS_INT_H
#define HEDDLE_SERVER_COMMANDS_INT_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/str_builder.h"
#include "io/socket.h"
#include "io/thread.h"
#include "server/commands.h"

enum command_kind { COMMAND_RETRY, COMMAND_HANDLE, COMMAND_TOP, COMMAND_TAP };

/* One of them is filled; its source and its time are the owner's. */
struct command {
    enum command_kind   kind;
    struct store_retry  retry;
    struct store_handle handle;
    struct commands_tap tap;
    struct str_builder *text; /* The listener's, or the asker's; takes an answer that is a text: what the stream says of itself, rows of a step. */
};

struct command_answer {
    struct store_retry_result retried;
    size_t                    handled_count;
    struct store_handled      handled[ALERT_HANDLE_COUNT_MAX];
};

void command_print(const struct command *command, struct str_builder *out);
/* Texts and arrays lie in the arena. ERR_CORRUPT where it is no command. */
enum status command_parse(struct str bytes, struct arena *arena, struct command *ret_command, struct error *err);

void command_answer_print(enum command_kind kind, const struct command_answer *answer, struct str_builder *out);
/* ERR_CORRUPT where it is no answer to that kind, COMMAND_TOP and COMMAND_TAP not among them: their answer is the text itself. */
enum status command_answer_parse(struct str bytes, enum command_kind kind, struct command_answer *ret_answer, struct error *err);

/* commands_tap.c: one tap at a time, on a thread of its own. */
struct tap_service {
    struct io          *io;
    const struct clock *clock;
    const struct graph *graph;
    struct live_tap    *tap; /* NULL: no rows are shown. */
    struct thread       thread;
    struct socket       socket; /* The asker's; the thread's, as the following, while it is busy. */
    struct commands_tap asked;  /* Its step is the text below. */
    char                step[PLAN_NAME_SIZE_MAX + 1];
    struct str_builder  detail; /* For the audit. */
    _Atomic(bool)       is_busy;
    _Atomic(bool)       is_stopping;
};

/* Takes the socket over, which is then empty, and answers there; on failure the caller does. ERR_BUSY: there is an asker already. */
enum status tap_service_take(struct tap_service *service, const struct commands_tap *asked, struct socket *socket, struct error *err);
/* Ends the tap under way. */
void tap_service_stop(struct tap_service *service);

#endif
