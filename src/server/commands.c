/* The owner's side: a thread that listens, and a place where the command in hand lies until the store's thread takes it. */
#include "base/memory.h"
#include "io/thread.h"
#include "server/commands_int.h"
#include "server/control_int.h"

enum command_state { COMMAND_NONE, COMMAND_WAITS, COMMAND_DONE };

struct commands {
    struct socket_listener listener;
    struct thread          thread;
    struct store          *store;
    struct str             source;
    const struct live_top *top;
    struct tap_service     tapping;

    struct mutex              mutex; /* Of all that follows. */
    struct condition          changed;
    enum command_state        state;
    bool                      is_stopping;
    struct command            command; /* The listener's memory, which waits for COMMAND_DONE. */
    struct command_answer     answer;
    enum status               status;
    struct error              err;
};

/* ---- On the store's thread ---- */

/* Whether a request is at fault, not the store. */
static bool
is_askers_fault(const struct error *err)
{
    return err->code == ERR_USAGE || err->code == ERR_NOT_FOUND;
}

static enum status
carry_out(struct commands *commands, int64_t now_us, struct error *err)
{
    const struct store_kind *kind    = commands->store->kind;
    struct command          *command = &commands->command;

    if (command->kind == COMMAND_TOP) {
        if (commands->top == NULL)
            return error_set(err, ERR_USAGE, "the process that owns the store does not stream");
        live_top_print(commands->top, command->text);
        return ST_OK; /* Memory that ran out is remembered by the builder. */
    }
    if (command->kind == COMMAND_RETRY) {
        command->retry.source = commands->source;
        command->retry.now_us = now_us;
        return kind->letters_retry(commands->store, &command->retry, &commands->answer.retried, err);
    }
    command->handle.now_us         = now_us;
    commands->answer.handled_count = command->handle.alert_count;
    return kind->alerts_handle(commands->store, &command->handle, commands->answer.handled, err);
}

enum status
commands_step(struct commands *commands, int64_t now_us, struct error *err)
{
    enum status status = ST_OK;

    mutex_lock(&commands->mutex);
    if (commands->state == COMMAND_WAITS) {
        commands->err    = ERROR_EMPTY;
        commands->status = carry_out(commands, now_us, &commands->err);
        commands->state  = COMMAND_DONE;
        if (commands->status != ST_OK && !is_askers_fault(&commands->err)) {
            status = ST_ERROR;
            if (err != NULL)
                *err = commands->err;
        }
        condition_broadcast(&commands->changed);
    }
    mutex_unlock(&commands->mutex);
    return status;
}

/* ---- On the listener's thread ---- */

/* Hands the command over and waits for what comes of it. */
static enum status
hand_over(struct commands *commands, const struct command *command, struct command_answer *ret_answer, struct error *err)
{
    enum status status;

    mutex_lock(&commands->mutex);
    commands->command = *command;
    commands->state   = COMMAND_WAITS;
    while (commands->state == COMMAND_WAITS && !commands->is_stopping)
        condition_wait(&commands->changed, &commands->mutex);
    if (commands->state == COMMAND_DONE) {
        status      = commands->status;
        *ret_answer = commands->answer;
        *err        = commands->err;
    } else {
        status = error_set(err, ERR_BUSY, "the process that owns the store is ending; try again");
    }
    commands->state = COMMAND_NONE;
    mutex_unlock(&commands->mutex);
    return status;
}

static void
answer(struct socket *socket, enum status status, enum command_kind kind, const struct command_answer *answered, const struct str_builder *told,
       const struct error *err)
{
    struct str_builder text = STR_BUILDER_EMPTY;
    char               error_text[ERROR_TEXT_SIZE];

    if (status != ST_OK) {
        size_t size = error_print_json(err, error_text, sizeof error_text);
        socket_send(socket, CONTROL_ERROR, str_of(error_text, size), CONTROL_GREETING_MS, NULL);
        return;
    }
    if (kind == COMMAND_TOP)
        str_builder_append(&text, str_builder_text(told));
    else
        command_answer_print(kind, answered, &text);
    if (str_builder_is_ok(&text) && str_builder_is_ok(told)) /* Else it ends without an answer, and the asker says so. */
        socket_send(socket, CONTROL_END, str_builder_text(&text), CONTROL_GREETING_MS, NULL);
    str_builder_release(&text);
}

static void
serve(struct commands *commands, struct socket *socket)
{
    struct str_builder    told    = STR_BUILDER_EMPTY;
    struct command        command = { .kind = COMMAND_RETRY, .text = &told };
    struct command_answer answered;
    struct error          err = ERROR_EMPTY;
    struct arena          arena;
    struct str            bytes;

    arena_init(&arena, 0);
    enum status status = control_hear_question(socket, &bytes, &err);
    if (status == ST_OK)
        status = command_parse(bytes, &arena, &command, &err);
    if (status == ST_OK && command.kind == COMMAND_TAP)
        status = tap_service_take(&commands->tapping, &command.tap, socket, &err);
    else if (status == ST_OK)
        status = hand_over(commands, &command, &answered, &err);
    if (status != ST_OK || command.kind != COMMAND_TAP)
        answer(socket, status, command.kind, &answered, &told, &err);
    str_builder_release(&told);
    arena_release(&arena);
}

static void
wait_for_askers(void *context)
{
    struct commands  *commands = context;
    enum socket_event event;

    for (;;) {
        struct socket socket = SOCKET_EMPTY;
        /* An error here (no descriptors left) ends the service, not the owner: askers are told that nobody answers. */
        if (socket_listener_wait(&commands->listener, NULL, &socket, &event, NULL) != ST_OK || event == SOCKET_STOPPED)
            return;
        serve(commands, &socket);
        socket_release(&socket);
    }
}

/* ---- The face ---- */

static void
release(struct commands *commands)
{
    socket_listener_release(&commands->listener);
    condition_release(&commands->changed);
    mutex_release(&commands->mutex);
    memory_free(commands);
}

enum status
commands_start(const struct commands_options *options, struct commands **ret_commands, struct error *err)
{
    const struct graph *graph    = options->graph;
    struct str_builder  path     = STR_BUILDER_EMPTY;
    struct commands    *commands = memory_alloc_zero(sizeof *commands);
    enum status         status;

    if (commands == NULL)
        return error_no_memory(err);
    commands->store    = options->store;
    commands->top      = options->top;
    commands->tapping  = (struct tap_service){ .io = options->io, .clock = options->clock, .graph = graph, .tap = options->tap, .socket = SOCKET_EMPTY };
    commands->source   = graph->streaming.source.name;
    commands->listener = SOCKET_LISTENER_EMPTY;
    mutex_init(&commands->mutex);
    condition_init(&commands->changed);
    status = control_socket_path(graph->streaming.store.path.data, &path, err);
    if (status == ST_OK)
        status = socket_listen(&commands->listener, options->io, str_builder_cstr(&path), err);
    if (status == ST_OK)
        status = thread_start(&commands->thread, wait_for_askers, commands, err);
    str_builder_release(&path);
    if (status == ST_OK) {
        *ret_commands = commands;
        return ST_OK;
    }
    error_context(err, "opening the control socket of the store");
    release(commands);
    return status;
}

void
commands_stop(struct commands *commands)
{
    if (commands == NULL)
        return;
    mutex_lock(&commands->mutex);
    commands->is_stopping = true;
    condition_broadcast(&commands->changed);
    mutex_unlock(&commands->mutex);
    socket_listener_stop(&commands->listener);
    thread_join(&commands->thread);
    tap_service_stop(&commands->tapping); /* Behind the one that gives it askers. */
    release(commands);
}
