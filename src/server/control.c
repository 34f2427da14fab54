/* The owner's side of the control socket: a thread that waits for askers, and for each question one that answers it while
 * the first watches whether the asker is still there. */
#include "server/control.h"

#include <stdatomic.h>

#include "base/check.h"
#include "base/json_out.h"
#include "base/memory.h"
#include "govern/audit.h"
#include "io/socket.h"
#include "io/thread.h"
#include "server/control_int.h"

#define INTERRUPT_AGAIN_US 20000

struct control {
    struct control_options options;
    struct socket_listener listener;
    struct thread          thread;
};

/* One question on its way. */
struct answer {
    struct control       *control;
    struct socket        *socket;
    struct db_connection *connection;
    struct warehouse_ask  ask;
    atomic_bool           is_cancelled; /* The asker is gone, or the owner ends. */
    atomic_bool           is_done;
    struct waker          waker; /* Of the thread that watches. */
};

/* ---- Answering, on the question's own thread ---- */

static enum status
check_cancelled(struct answer *answer, struct error *err)
{
    return atomic_load(&answer->is_cancelled) ? error_set(err, ERR_INTERRUPTED, "the question was given up") : ST_OK;
}

static enum status
audit(void *context, struct str sql, struct error *err)
{
    struct answer            *answer = context;
    const struct graph       *graph  = answer->control->options.graph;
    const struct audit        file   = { answer->control->options.io, answer->control->options.clock, graph->audit_path.data };

    if (check_cancelled(answer, err) != ST_OK)
        return ST_ERROR;
    return audit_query(&file, graph->batch.warehouse.name, answer->ask.as_of, sql, answer->socket->process_id, err);
}

static enum status
send_rows(void *context, struct str bytes, struct error *err)
{
    struct answer *answer = context;

    if (check_cancelled(answer, err) != ST_OK)
        return ST_ERROR;
    while (bytes.size > 0) {
        struct str part = str_slice(bytes, 0, SOCKET_MESSAGE_SIZE_MAX);
        if (socket_send(answer->socket, CONTROL_ROWS, part, CONTROL_TAKING_MS, err) != ST_OK)
            return ST_ERROR;
        bytes = str_slice(bytes, part.size, bytes.size);
    }
    return ST_OK;
}

static void
answer_question(void *context)
{
    struct answer *answer = context;
    struct error   err    = ERROR_EMPTY;
    char           text[ERROR_TEXT_SIZE];

    if (warehouse_answer(answer->connection, answer->control->options.graph->model, &answer->ask, &err) == ST_OK) {
        socket_send(answer->socket, CONTROL_END, STR_EMPTY, CONTROL_TAKING_MS, NULL);
    } else {
        size_t size = error_print_json(&err, text, sizeof text);
        socket_send(answer->socket, CONTROL_ERROR, str_of(text, size), CONTROL_TAKING_MS, NULL);
    }
    /* The thread that watches sees this as the end. */
    socket_shutdown(answer->socket);
    atomic_store(&answer->is_done, true);
    waker_wake(&answer->waker);
}

/* ---- Waiting, on the control's thread ---- */

static enum status
greet(struct socket *socket, struct arena *arena, struct warehouse_ask *ask, struct error *err)
{
    struct str  bytes;
    enum status status = control_hear_question(socket, &bytes, err);
    return status == ST_OK ? control_parse_question(bytes, arena, ask, err) : status;
}

/* DuckDB forgets an interrupt that comes between two statements, and an answer makes several: so it is told again until
 * the answer's thread is done. */
static void
cancel(struct answer *answer)
{
    atomic_store(&answer->is_cancelled, true);
    socket_shutdown(answer->socket); /* It may be waiting for an asker that takes nothing. */
    for (;;) {
        uint32_t seen = waker_look(&answer->waker);
        if (atomic_load(&answer->is_done))
            return;
        db_interrupt(answer->connection);
        waker_sleep(&answer->waker, seen, INTERRUPT_AGAIN_US);
    }
}

/* What goes wrong with one asker is its own affair: it is told where it can be, and the next one is served.
 * *ret_is_stopped: the owner ends. */
static void
serve(struct control *control, struct socket *socket, bool *ret_is_stopped)
{
    struct answer     answer = { .control = control, .socket = socket };
    struct arena      arena;
    struct thread     thread = THREAD_EMPTY;
    enum socket_event event;
    struct error      err = ERROR_EMPTY;
    char              text[ERROR_TEXT_SIZE];

    arena_init(&arena, 0);
    waker_init(&answer.waker);
    answer.ask = (struct warehouse_ask){ .rows = { .write = send_rows, .context = &answer }, .audit = audit, .audit_context = &answer };
    enum status status = greet(socket, &arena, &answer.ask, &err);
    if (status == ST_OK)
        status = db_connect(control->options.db, &answer.connection, &err);
    if (status == ST_OK)
        status = thread_start(&thread, answer_question, &answer, &err);
    if (status == ST_OK) {
        /* Where waiting itself fails, the answer goes to its end unwatched. */
        if (socket_listener_wait(&control->listener, socket, NULL, &event, NULL) == ST_OK) {
            cancel(&answer);
            *ret_is_stopped = event == SOCKET_STOPPED;
        }
        thread_join(&thread);
    } else {
        size_t size = error_print_json(&err, text, sizeof text);
        socket_send(socket, CONTROL_ERROR, str_of(text, size), CONTROL_GREETING_MS, NULL);
    }
    db_disconnect(answer.connection);
    waker_release(&answer.waker);
    arena_release(&arena);
}

static void
wait_for_askers(void *context)
{
    struct control   *control    = context;
    bool              is_stopped = false;
    enum socket_event event;

    while (!is_stopped) {
        struct socket socket = SOCKET_EMPTY;
        /* An error here (no descriptors left) ends the service, not the owner: askers are told that nobody answers. */
        if (socket_listener_wait(&control->listener, NULL, &socket, &event, NULL) != ST_OK || event == SOCKET_STOPPED)
            break;
        serve(control, &socket, &is_stopped);
        socket_release(&socket);
    }
}

/* ---- The face ---- */

enum status
control_start(const struct control_options *options, struct control **ret_control, struct error *err)
{
    struct str_builder path    = STR_BUILDER_EMPTY;
    struct control    *control = memory_alloc_zero(sizeof *control);
    enum status        status;

    CHECK(options->graph->has_batch);
    if (control == NULL)
        return error_no_memory(err);
    control->options  = *options;
    control->listener = SOCKET_LISTENER_EMPTY;
    status            = control_socket_path(options->graph->batch.warehouse.path.data, &path, err);
    if (status == ST_OK)
        status = socket_listen(&control->listener, options->io, str_builder_cstr(&path), err);
    if (status == ST_OK)
        status = thread_start(&control->thread, wait_for_askers, control, err);
    str_builder_release(&path);
    if (status == ST_OK) {
        *ret_control = control;
        return ST_OK;
    }
    error_context(err, "opening the control socket of the warehouse");
    socket_listener_release(&control->listener);
    memory_free(control);
    return status;
}

void
control_stop(struct control *control)
{
    if (control == NULL)
        return;
    socket_listener_stop(&control->listener);
    thread_join(&control->thread);
    socket_listener_release(&control->listener);
    memory_free(control);
}
