/* Commands and their answers, as the control socket of a store carries them. */
#ifndef HEDDLE_SERVER_COMMANDS_INT_H
#define HEDDLE_SERVER_COMMANDS_INT_H

#include "base/arena.h"
#include "base/str_builder.h"
#include "server/commands.h"

enum command_kind { COMMAND_RETRY, COMMAND_HANDLE, COMMAND_TOP };

/* One of them is filled; its source and its time are the owner's. */
struct command {
    enum command_kind   kind;
    struct store_retry  retry;
    struct store_handle handle;
    struct str_builder *top; /* The listener's; takes what the stream says of itself. */
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
/* ERR_CORRUPT where it is no answer to that kind, COMMAND_TOP not among them: its answer is the text itself. */
enum status command_answer_parse(struct str bytes, enum command_kind kind, struct command_answer *ret_answer, struct error *err);

#endif
