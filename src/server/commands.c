/* The owner's side: a thread that listens, and a place where the command in hand lies until the store's thread takes it. */
#include "server/commands.h"

#include "base/json_out.h"
#include "base/memory.h"
#include "config/json.h"
#include "io/thread.h"
#include "server/control_int.h"

enum command_state { COMMAND_NONE, COMMAND_WAITS, COMMAND_DONE };

struct commands {
    struct socket_listener listener;
    struct thread          thread;
    struct store          *store;
    struct str             source;

    struct mutex              mutex; /* Of all that follows. */
    struct condition          changed;
    enum command_state        state;
    bool                      is_stopping;
    struct store_retry        retry; /* The listener's memory, which waits for COMMAND_DONE. */
    struct store_retry_result result;
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

enum status
commands_step(struct commands *commands, int64_t now_us, struct error *err)
{
    enum status status = ST_OK;

    mutex_lock(&commands->mutex);
    if (commands->state == COMMAND_WAITS) {
        commands->retry.now_us = now_us;
        commands->err          = ERROR_EMPTY;
        commands->status       = commands->store->kind->letters_retry(commands->store, &commands->retry, &commands->result, &commands->err);
        commands->state        = COMMAND_DONE;
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

static enum status
read_place(const struct json *item, struct store_letter_place *ret_place, struct error *err)
{
    const struct json *partition = json_find(item, "partition_id"), *position = json_find(item, "position");

    if (partition == NULL || partition->type != JSON_TEXT || position == NULL || position->type != JSON_NUMBER
        || !str_to_int64(position->text, &ret_place->position))
        return error_set(err, ERR_CORRUPT, "what came over the control socket names no letter");
    ret_place->partition_id = partition->text;
    return ST_OK;
}

static enum status
read_command(struct str bytes, struct arena *arena, struct store_retry *ret_retry, struct error *err)
{
    const struct json         *root = NULL, *command, *letters, *reason;
    struct store_letter_place *places;
    size_t                     count = 0;

    if (json_parse(bytes, "command", arena, &root, err) != ST_OK)
        return ST_ERROR;
    command = json_find(root, "command");
    letters = json_find(root, "letters");
    reason  = json_find(root, "reason");
    if (command == NULL || command->type != JSON_TEXT || !str_equal(command->text, STR("retry")) || letters == NULL
        || letters->type != JSON_ARRAY || reason == NULL || reason->type != JSON_TEXT)
        return error_set(err, ERR_CORRUPT, "what came over the control socket is not a command that this heddle knows");
    places = ARENA_ARRAY(arena, struct store_letter_place, (size_t)letters->count + 1);
    if (places == NULL)
        return error_no_memory(err);
    for (const struct json *item = letters->first; item != NULL; item = item->next)
        if (read_place(item, &places[count++], err) != ST_OK)
            return ST_ERROR;
    *ret_retry = (struct store_retry){ .places = places, .place_count = count, .reason_code = reason->text };
    return ST_OK;
}

/* Hands the command over and waits for what comes of it. */
static enum status
carry_out(struct commands *commands, const struct store_retry *retry, struct store_retry_result *ret_result, struct error *err)
{
    enum status status;

    mutex_lock(&commands->mutex);
    commands->retry        = *retry;
    commands->retry.source = commands->source;
    commands->state        = COMMAND_WAITS;
    while (commands->state == COMMAND_WAITS && !commands->is_stopping)
        condition_wait(&commands->changed, &commands->mutex);
    if (commands->state == COMMAND_DONE) {
        status      = commands->status;
        *ret_result = commands->result;
        *err        = commands->err;
    } else {
        status = error_set(err, ERR_BUSY, "the process that owns the store is ending; try again");
    }
    commands->state = COMMAND_NONE;
    mutex_unlock(&commands->mutex);
    return status;
}

static void
answer(struct socket *socket, enum status status, const struct store_retry_result *result, const struct error *err)
{
    struct str_builder text = STR_BUILDER_EMPTY;
    struct json_out    json;
    char               error_text[ERROR_TEXT_SIZE];

    if (status != ST_OK) {
        size_t size = error_print_json(err, error_text, sizeof error_text);
        socket_send(socket, CONTROL_ERROR, str_of(error_text, size), CONTROL_GREETING_MS, NULL);
        return;
    }
    json_out_init(&json, &text, 0);
    json_out_object_begin(&json);
    json_out_key_int(&json, "retried", result->retried);
    json_out_key_int(&json, "waiting", result->waiting);
    json_out_key_int(&json, "settled", result->settled);
    json_out_object_end(&json);
    if (str_builder_is_ok(&text)) /* Else it ends without an answer, and the asker says so. */
        socket_send(socket, CONTROL_END, str_builder_text(&text), CONTROL_GREETING_MS, NULL);
    str_builder_release(&text);
}

static void
serve(struct commands *commands, struct socket *socket)
{
    struct store_retry        retry  = { 0 };
    struct store_retry_result result = { 0 };
    struct error              err    = ERROR_EMPTY;
    struct arena              arena;
    struct str                bytes;

    arena_init(&arena, 0);
    enum status status = control_hear_question(socket, &bytes, &err);
    if (status == ST_OK)
        status = read_command(bytes, &arena, &retry, &err);
    if (status == ST_OK)
        status = carry_out(commands, &retry, &result, &err);
    answer(socket, status, &result, &err);
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
commands_start(struct io *io, const struct graph *graph, struct store *store, struct commands **ret_commands, struct error *err)
{
    struct str_builder path     = STR_BUILDER_EMPTY;
    struct commands   *commands = memory_alloc_zero(sizeof *commands);
    enum status        status;

    if (commands == NULL)
        return error_no_memory(err);
    commands->store    = store;
    commands->source   = graph->streaming.source.name;
    commands->listener = SOCKET_LISTENER_EMPTY;
    mutex_init(&commands->mutex);
    condition_init(&commands->changed);
    status = control_socket_path(graph->streaming.store.path.data, &path, err);
    if (status == ST_OK)
        status = socket_listen(&commands->listener, io, str_builder_cstr(&path), err);
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
    release(commands);
}
