/* Rows of a step, for one asker at a time. On a thread of its own: a step that nothing comes to for a minute keeps nobody from acknowledging an alert. */
#include <stdio.h>

#include "govern/audit.h"
#include "server/commands_int.h"
#include "server/control_int.h"

/* How soon it is seen that the rows are there, that the asker has gone, or that the stream ends. */
#define LOOK_MS 20

/* C4: the audit file holds it before a row is copied. */
static enum status
tell_audit(const struct tap_service *service, struct error *err)
{
    const struct audit       audit = { service->io, service->clock, service->graph->audit_path.data };
    const struct audit_entry entry = { .action     = STR("tap"),
                                       .binding    = service->graph->streaming.source.name,
                                       .detail     = str_builder_text(&service->detail),
                                       .process_id = service->socket.process_id };

    return audit_append(&audit, &entry, err);
}

/* Until the rows are there, or time is up. False: the asker has gone, or the stream ends; nobody wants an answer. */
static bool
wait_for_rows(struct tap_service *service)
{
    const int64_t until_us = clock_monotonic_us(service->clock) + service->asked.timeout_us;

    while (!live_tap_is_full(service->tap)) {
        const int64_t left_ms = (until_us - clock_monotonic_us(service->clock) + 999) / 1000;
        struct error  err     = ERROR_EMPTY;
        struct str    bytes;
        uint8_t       kind;
        if (atomic_load(&service->is_stopping))
            return false;
        if (left_ms <= 0)
            return true;
        /* An asker that waits says nothing. */
        if (socket_receive(&service->socket, left_ms < LOOK_MS ? (int)left_ms : LOOK_MS, &kind, &bytes, &err) == ST_OK || err.code != ERR_BUSY)
            return false;
    }
    return true;
}

static void
send_error(struct tap_service *service, const struct error *err)
{
    char   text[ERROR_TEXT_SIZE];
    size_t size = error_print_json(err, text, sizeof text);

    socket_send(&service->socket, CONTROL_ERROR, str_of(text, size), CONTROL_GREETING_MS, NULL);
}

static void
tap_and_tell(struct tap_service *service)
{
    const struct commands_tap *asked  = &service->asked;
    struct str_builder        text   = STR_BUILDER_EMPTY;
    struct error              err    = ERROR_EMPTY;
    enum status               status = asked->is_unmasked ? tell_audit(service, &err) : ST_OK;

    if (status == ST_OK)
        status = live_tap_begin(service->tap, str_from(service->step), asked->row_count, asked->is_unmasked, &err);
    if (status != ST_OK) {
        send_error(service, &err);
        return;
    }
    const bool is_wanted = wait_for_rows(service);
    live_tap_end(service->tap);
    if (is_wanted)
        live_tap_print(service->tap, service->graph->model, &text);
    live_tap_clear(service->tap);
    if (is_wanted && str_builder_is_ok(&text)) /* Else it ends without an answer, and the asker says so. */
        socket_send(&service->socket, CONTROL_END, str_builder_text(&text), CONTROL_GREETING_MS, NULL);
    str_builder_release(&text);
}

static void
run(void *context)
{
    struct tap_service *service = context;

    tap_and_tell(service);
    socket_release(&service->socket);
    atomic_store(&service->is_busy, false);
}

enum status
tap_service_take(struct tap_service *service, const struct commands_tap *asked, struct socket *socket, struct error *err)
{
    if (service->tap == NULL)
        return error_set(err, ERR_USAGE, "the process that owns the store does not stream");
    if (atomic_load(&service->is_busy)) {
        error_set(err, ERR_BUSY, "somebody else looks at rows of this stream");
        error_hint(err, "one can at a time: try again");
        return ST_ERROR;
    }
    thread_join(&service->thread); /* It has ended, or does so now. */
    snprintf(service->step, sizeof service->step, "%.*s", STR_PRINTF(asked->step));
    service->asked      = *asked;
    service->asked.step = STR_EMPTY;
    str_builder_clear(&service->detail);
    str_builder_printf(&service->detail, "%s --rows %u --unmask", service->step, asked->row_count);
    if (str_builder_status(&service->detail, err) != ST_OK)
        return ST_ERROR;
    service->socket = *socket;
    atomic_store(&service->is_busy, true);
    if (thread_start(&service->thread, run, service, err) == ST_OK) {
        *socket = SOCKET_EMPTY;
        return ST_OK;
    }
    service->socket = SOCKET_EMPTY;
    atomic_store(&service->is_busy, false);
    return ST_ERROR;
}

void
tap_service_stop(struct tap_service *service)
{
    atomic_store(&service->is_stopping, true);
    thread_join(&service->thread);
    str_builder_release(&service->detail);
}
